"""Tables of vectors: one row for each frame, clip or window of sound, whatever became of it.

Rows are read, encoded and written in small portions; nothing holds a whole video. A row that was not `ok` upstream
keeps its status and reason and has no vector; an image that cannot be decoded has none either, and is `failed`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from gvlm_resources import schemas
from gvlm_resources.encoders import stream
from gvlm_resources.encoders.meter import Meter, Speed
from gvlm_resources.encoders.protocol import ClipEncoder, FrameEncoder, Identity, SoundEncoder
from gvlm_resources.encoders.stream import Flow, Job, Outcome, Unreadable
from gvlm_resources.errors import LakeError, SettingsError
from gvlm_resources.settings import ComputeSettings, Wav2Vec2Settings
from gvlm_resources.text import wav
from gvlm_resources.timebase import moment_id
from gvlm_resources.video.encode import decode_image
from gvlm_resources.video.tables import TableWriter, iter_frames

JPEG_END = b"\xff\xd9"
READ_ROWS = 8  # at a time: of clips this is some 2 MB of JPEG
Report = Callable[[str], None]
Facts = dict[str, Any]  # the columns of a row that are known before it is encoded


@dataclass(frozen=True, slots=True)
class _Target:
    """The table that is written."""

    out: Path
    schema: pa.Schema  # with vectors of the encoder's length, and its identity
    video_id: str


def frames(
    frames_parquet: Path,
    encoder: FrameEncoder,
    compute: ComputeSettings,
    *,
    video_id: str,
    out: Path,
    report: Report,
) -> Speed:
    """Write `schemas.SIGLIP` to `out`: a row for each row of `frames_parquet`, in its order."""
    flow = Flow(
        decode=picture,
        encode=encoder.encode,
        batch=compute.frame_batch,
        threads=compute.decode_threads,
        queued=compute.queue_batches,
        alike=lambda frame: frame.shape,
        collate=np.stack,
    )
    target = _Target(out, identified(schemas.SIGLIP, encoder.identity), video_id)
    jobs = _stored_jobs(frames_parquet, ["frame_id", "pts_ns"], "image")
    speed = _write(flow, jobs, target, Meter(), report)
    _same_ids(frames_parquet, out, "frame_id")
    return speed


def clips(
    clips_parquet: Path,
    encoder: ClipEncoder,
    compute: ComputeSettings,
    *,
    video_id: str,
    out: Path,
    report: Report,
) -> Speed:
    """Write `schemas.VIDEOMAE` to `out`: a row for each row of `clips_parquet`, in its order.

    Raises SettingsError where a whole clip has another number of frames than the encoder takes.
    """

    def pictures(images: list[bytes]) -> NDArray[np.uint8]:
        if len(images) != encoder.frames:
            raise SettingsError(
                f"clips have {len(images)} frames, and {encoder.identity.model} takes {encoder.frames}",
                remedy=f"set clips.frames to {encoder.frames}",
            )
        decoded = [picture(image) for image in images]
        if len({one.shape for one in decoded}) > 1:
            raise Unreadable("its frames differ in size")
        return np.stack(decoded)

    flow = Flow(
        decode=pictures,
        encode=encoder.encode,
        batch=compute.clip_batch,
        threads=compute.decode_threads,
        queued=compute.queue_batches,
        alike=lambda clip: clip.shape,
        collate=np.stack,
    )
    target = _Target(out, identified(schemas.VIDEOMAE, encoder.identity), video_id)
    jobs = _stored_jobs(clips_parquet, ["clip_id", "start_ns", "end_ns"], "images")
    speed = _write(flow, jobs, target, Meter(frames_per_item=encoder.frames), report)
    _same_ids(clips_parquet, out, "clip_id")
    return speed


def windows(
    wav_path: Path,
    encoder: SoundEncoder,
    settings: Wav2Vec2Settings,
    compute: ComputeSettings,
    *,
    video_id: str,
    out: Path,
    report: Report,
) -> Speed:
    """Write `schemas.WAV2VEC2` to `out`: a row for each window of `settings.window_s` every `settings.stride_s`.

    The first window starts at media time 0 and the last reaches the end of the sound, shorter if need be; silence is a
    window like any other. Raises SettingsError for an encoder of another rate than the stored sound.
    """
    if encoder.rate_hz != wav.RATE_HZ:
        raise SettingsError(
            f"{encoder.identity.model} hears {encoder.rate_hz} Hz, the stored sound has {wav.RATE_HZ} Hz",
            remedy="choose a checkpoint for 16 kHz as wav2vec2.model",
        )
    flow: Flow[NDArray[np.int16], NDArray[np.int16], NDArray[np.float32]] = Flow(
        decode=lambda window: window,
        encode=encoder.encode,
        batch=compute.window_batch,
        threads=1,
        queued=compute.queue_batches,
        alike=len,
    )
    bounds = window_bounds(
        wav.sample_count(wav_path),
        round(settings.window_s * wav.RATE_HZ),
        round(settings.stride_s * wav.RATE_HZ),
    )
    target = _Target(out, identified(schemas.WAV2VEC2, encoder.identity), video_id)
    speed = _write(flow, _window_jobs(wav_path, bounds), target, Meter(frames_per_item=0), report)
    expected = [_window_id(first) for first, _ in bounds]
    _assert_ids(expected, _ids(out, "window_id"), out.name)
    return speed


def window_bounds(samples: int, window: int, stride: int) -> list[tuple[int, int]]:
    """`[first, last)` of each window in a sound of `samples`: every `stride` from 0, until one reaches the end.

    Where the windows lie apart, a sound that ends between two of them has none that reaches its end.
    """
    if min(window, stride) < 1:
        raise ValueError(f"a window and a stride are at least one sample, got {window} and {stride}")
    if samples == 0:
        return []
    reaching = -(-max(samples - window, 0) // stride)  # the first window that covers the last sample
    count = min(reaching, (samples - 1) // stride) + 1
    return [(k * stride, min(k * stride + window, samples)) for k in range(count)]


def picture(content: bytes) -> NDArray[np.uint8]:
    """The RGB (H, W, 3) picture of a stored JPEG. Raises Unreadable for what is none or was cut short."""
    if content[-2:] != JPEG_END:
        raise Unreadable(f"the stored image of {len(content)} bytes is no whole JPEG")
    try:
        return decode_image(content)
    except LakeError as error:
        raise Unreadable(error.cause) from error
    except cv2.error as error:
        raise Unreadable(f"the stored image of {len(content)} bytes cannot be decoded: {error.err}") from error


def identified(schema: pa.Schema, identity: Identity) -> pa.Schema:
    """`schema` with vectors of the network's length, and with what made them in its metadata."""
    made_by = {
        "gvlm.model": identity.model,
        "gvlm.preprocessing": identity.preprocessing,
        "gvlm.dtype": identity.dtype,
    }
    return schemas.with_dim(schema, identity.dim).with_metadata({**(schema.metadata or {}), **made_by})


def _stored_jobs(path: Path, keys: list[str], images: str) -> Iterator[Job[Facts, Any]]:
    """A job for each row of a stored table, read a few rows at a time."""
    for batch in iter_frames(path, columns=[*keys, images, "status", "reason"], rows=READ_ROWS):
        for row in batch.to_pylist():
            yield Job({key: row[key] for key in keys}, row[images], row["status"], row["reason"])


def _window_jobs(path: Path, bounds: list[tuple[int, int]]) -> Iterator[Job[Facts, NDArray[np.int16]]]:
    for first, last in bounds:
        facts = {
            "window_id": _window_id(first),
            "start_ns": first * wav.NS_PER_SAMPLE,
            "end_ns": last * wav.NS_PER_SAMPLE,
        }
        yield Job(facts, wav.read(path, first, last))


def _window_id(first: int) -> str:
    return moment_id("w", first * wav.NS_PER_SAMPLE)


def _write(
    flow: Flow[Any, Any, Any], jobs: Iterator[Job[Facts, Any]], target: _Target, meter: Meter, report: Report
) -> Speed:
    """Encode the jobs and write a row for each of them."""
    with (
        TableWriter(target.out, target.schema) as writer,
        closing(stream.run(flow, jobs, meter=meter, report=report)) as outcomes,
    ):
        for outcome in outcomes:
            writer.add(_row(outcome, target))
    return meter.speed()


def _row(outcome: Outcome[Facts, NDArray[np.float32]], target: _Target) -> dict[str, Any]:
    vector, status, reason = outcome.made, outcome.status, outcome.reason
    if vector is not None and not np.isfinite(vector).all():
        vector, status, reason = None, schemas.STATUS_FAILED, "the network gave numbers that are not finite"
    return outcome.key | {"video_id": target.video_id, "vector": vector, "status": status, "reason": reason}


def _ids(path: Path, column: str) -> list[str]:
    return pq.read_table(path, columns=[column]).column(column).to_pylist()


def _same_ids(upstream: Path, out: Path, column: str) -> None:
    _assert_ids(_ids(upstream, column), _ids(out, column), out.name)


def _assert_ids(expected: list[str], written: list[str], name: str) -> None:
    if written != expected:
        odd = sorted(set(expected) ^ set(written))[:3]
        raise LakeError(
            f"{name} has {len(written)} rows, expected {len(expected)}; these differ: {odd}",
            remedy="this is a defect: please report it",
        )

"""Tables of vectors made of tables of images and of sound."""

from __future__ import annotations

import wave
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from gvlm_resources import schemas
from gvlm_resources.encoders import embed
from gvlm_resources.encoders.protocol import Identity
from gvlm_resources.errors import LakeError, SettingsError
from gvlm_resources.settings import ComputeSettings, Wav2Vec2Settings
from gvlm_resources.timebase import moment_id
from gvlm_resources.video import encode
from gvlm_resources.video.tables import TableWriter

S = 1_000_000_000
COMPUTE = ComputeSettings(device="cpu", frame_batch=4, clip_batch=2, window_batch=4, decode_threads=2, queue_batches=2)


def identity(dim: int) -> Identity:
    return Identity("fake@1", "mean colour", "float32", "cpu", "sdpa", dim)


def unit(rows: NDArray[np.float32]) -> NDArray[np.float32]:
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


class MeanColour:
    """A frame or clip encoder that sees the mean colour."""

    identity = identity(3)

    def __init__(self, frames: int = 4) -> None:
        self.frames = frames
        self.sizes: list[int] = []

    def encode(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        self.sizes.append(len(images))
        return unit(images.reshape(len(images), -1, 3).astype(np.float32).mean(axis=1) + 1)


class Loudness:
    """A sound encoder that hears how loud a window is and how long."""

    identity = identity(2)
    rate_hz = 16_000

    def encode(self, windows: Sequence[NDArray[np.int16]]) -> NDArray[np.float32]:
        return unit(np.array([[1 + np.abs(one.astype(np.float32)).mean(), len(one)] for one in windows], np.float32))


def jpeg(number: int, width: int = 32) -> bytes:
    return encode.jpeg(np.full((24, width, 3), [number % 200, 40, 200], np.uint8), 95)


def blank(schema: pa.Schema) -> dict[str, Any]:
    def value(kind: pa.DataType) -> Any:
        if pa.types.is_string(kind) or pa.types.is_binary(kind):
            return "" if pa.types.is_string(kind) else b""
        return [] if pa.types.is_list(kind) else pa.scalar(0).cast(kind).as_py()

    return {field.name: value(field.type) for field in schema} | {"status": "ok"}


def frame(number: int, **changes: Any) -> dict[str, Any]:
    row = {"frame_id": moment_id("f", number * S), "pts_ns": number * S, "image": jpeg(number)}
    return blank(schemas.FRAMES) | row | changes


def clip(number: int, frames: int = 4, **changes: Any) -> dict[str, Any]:
    images = [jpeg(number + k) for k in range(frames)]
    row = {"clip_id": moment_id("c", number * S), "start_ns": number * S, "end_ns": (number + 2) * S, "images": images}
    return blank(schemas.CLIPS) | row | changes


def stored(path: Path, schema: pa.Schema, rows: list[dict[str, Any]]) -> Path:
    with TableWriter(path, schema) as writer:
        for row in rows:
            writer.add(row)
    return path


def embedded_frames(
    tmp_path: Path, rows: list[dict[str, Any]], compute: ComputeSettings = COMPUTE, encoder: Any = None
) -> pa.Table:
    upstream, out = stored(tmp_path / "frames.parquet", schemas.FRAMES, rows), tmp_path / "siglip.parquet"
    embed.frames(upstream, encoder or MeanColour(), compute, video_id="v", out=out, report=pytest.fail)
    return pq.read_table(out)


def test_every_frame_gets_the_vector_of_its_own_picture(tmp_path: Path) -> None:
    table = embedded_frames(tmp_path, [frame(number) for number in range(75)])
    assert table.column("frame_id").to_pylist() == [moment_id("f", number * S) for number in range(75)]
    assert table.column("pts_ns").to_pylist() == [number * S for number in range(75)]
    assert set(table.column("video_id").to_pylist()) == {"v"}
    pictures = np.stack([encode.decode_image(jpeg(number)) for number in range(75)])
    np.testing.assert_allclose(np.stack(table.column("vector").to_numpy()), MeanColour().encode(pictures), atol=1e-6)


def test_the_file_is_of_the_schema_and_says_what_made_it(tmp_path: Path) -> None:
    table = embedded_frames(tmp_path, [frame(0)])
    assert table.schema.equals(schemas.with_dim(schemas.SIGLIP, 3))
    assert table.schema.field("vector").type == pa.list_(pa.float32(), 3)
    assert table.schema.metadata == {
        b"gvlm.table": b"siglip_embeddings",
        b"gvlm.schema_version": schemas.VERSION.encode(),
        b"gvlm.model": b"fake@1",
        b"gvlm.preprocessing": b"mean colour",
        b"gvlm.dtype": b"float32",
    }


def test_a_frame_that_failed_before_keeps_its_reason_and_has_no_vector(tmp_path: Path) -> None:
    lost = frame(1, image=b"", status="failed", reason="decoder lost a packet")
    table = embedded_frames(tmp_path, [frame(0), lost, frame(2)])
    assert table.column("status").to_pylist() == ["ok", "failed", "ok"]
    assert table.column("reason").to_pylist() == ["", "decoder lost a packet", ""]
    assert [vector is None for vector in table.column("vector").to_pylist()] == [False, True, False]


@pytest.mark.parametrize("image", [b"", b"no picture at all", jpeg(1)[:-40], b"\xff\xd8 none \xff\xd9"])
def test_an_image_that_is_torn_costs_its_own_row_alone(tmp_path: Path, image: bytes) -> None:
    table = embedded_frames(tmp_path, [frame(0), frame(1, image=image), frame(2)])
    assert table.column("status").to_pylist() == ["ok", "failed", "ok"]
    assert f"{len(image)} bytes" in table.column("reason")[1].as_py()
    assert table.column("vector")[1].as_py() is None


def test_frames_of_two_sizes_are_encoded_apart_and_stay_in_order(tmp_path: Path) -> None:
    rows = [frame(number, image=jpeg(number, width=32 if number < 3 else 48)) for number in range(6)]
    encoder = MeanColour()
    table = embedded_frames(tmp_path, rows, encoder=encoder)
    assert encoder.sizes == [3, 3]
    assert table.column("pts_ns").to_pylist() == [number * S for number in range(6)]


def test_a_video_without_frames_gives_an_empty_table(tmp_path: Path) -> None:
    table = embedded_frames(tmp_path, [])
    assert table.num_rows == 0
    assert table.schema.equals(schemas.with_dim(schemas.SIGLIP, 3))


def test_two_runs_give_the_same_bytes_whatever_the_batches_and_threads(tmp_path: Path) -> None:
    rows = [frame(number) for number in range(70)]
    contents = set()
    for batch, threads in ((1, 1), (7, 4), (64, 2)):
        compute = COMPUTE.model_copy(update={"frame_batch": batch, "decode_threads": threads})
        embedded_frames(tmp_path, rows, compute)
        contents.add((tmp_path / "siglip.parquet").read_bytes())
    assert len(contents) == 1


def test_a_vector_that_is_not_finite_is_a_failed_row(tmp_path: Path) -> None:
    class Overflowing(MeanColour):
        def encode(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
            vectors = super().encode(images)
            vectors[1, 0] = np.nan
            return vectors

    table = embedded_frames(tmp_path, [frame(number) for number in range(4)], encoder=Overflowing())
    assert table.column("status").to_pylist() == ["ok", "failed", "ok", "ok"]
    assert table.column("reason")[1].as_py() == "the network gave numbers that are not finite"
    assert table.column("vector")[1].as_py() is None


def test_a_run_out_of_memory_is_reported_and_the_table_is_whole(tmp_path: Path) -> None:
    class Cramped(MeanColour):
        def encode(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
            if len(images) > 2:
                raise MemoryError
            return super().encode(images)

    upstream = stored(tmp_path / "frames.parquet", schemas.FRAMES, [frame(number) for number in range(10)])
    messages: list[str] = []
    out = tmp_path / "o.parquet"
    speed = embed.frames(upstream, Cramped(), COMPUTE, video_id="v", out=out, report=messages.append)
    assert messages == ["a batch of 4 does not fit into memory, going on with 2: out of memory"]
    assert (speed.items, speed.batch, speed.halvings) == (10, 2, 1)
    assert pq.read_table(out).column("status").to_pylist() == ["ok"] * 10


def test_ids_that_differ_from_those_upstream_are_a_defect_that_is_named() -> None:
    with pytest.raises(LakeError, match=r"siglip.parquet has 1 rows, expected 2; these differ: \['f2'\]"):
        embed._assert_ids(["f1", "f2"], ["f1"], "siglip.parquet")
    with pytest.raises(LakeError):
        embed._assert_ids(["f1", "f2"], ["f2", "f1"], "siglip.parquet")


def embedded_clips(tmp_path: Path, rows: list[dict[str, Any]]) -> tuple[pa.Table, Any]:
    upstream, out = stored(tmp_path / "clips.parquet", schemas.CLIPS, rows), tmp_path / "videomae.parquet"
    speed = embed.clips(upstream, MeanColour(), COMPUTE, video_id="v", out=out, report=pytest.fail)
    return pq.read_table(out), speed


def test_every_clip_gets_a_vector_and_one_cut_off_by_the_end_stays_filtered(tmp_path: Path) -> None:
    short = clip(12, frames=2, status="filtered", reason="the video ends before the window is full")
    table, speed = embedded_clips(tmp_path, [clip(0), clip(4), clip(8), short])
    assert table.schema.equals(schemas.with_dim(schemas.VIDEOMAE, 3))
    assert table.column("clip_id").to_pylist() == [moment_id("c", number * S) for number in (0, 4, 8, 12)]
    assert table.column("end_ns").to_pylist() == [number * S for number in (2, 6, 10, 14)]
    assert table.column("status").to_pylist() == ["ok", "ok", "ok", "filtered"]
    assert table.column("reason")[3].as_py() == "the video ends before the window is full"
    assert table.column("vector")[3].as_py() is None
    pictures = np.stack([np.stack([encode.decode_image(jpeg(n + k)) for k in range(4)]) for n in (0, 4, 8)])
    expected = MeanColour().encode(pictures)
    np.testing.assert_allclose(np.array(table.column("vector").to_pylist()[:3]), expected, atol=1e-6)
    assert (speed.items, speed.frames) == (3, 12)


def test_one_torn_frame_costs_its_clip_alone(tmp_path: Path) -> None:
    torn = clip(4)
    torn["images"][2] = b"\xff\xd8"
    table, _ = embedded_clips(tmp_path, [clip(0), torn, clip(8)])
    assert table.column("status").to_pylist() == ["ok", "failed", "ok"]


def test_clips_of_another_length_than_the_encoder_takes_are_an_error_that_names_the_setting(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"clips have 6 frames, and fake@1 takes 4 — set clips.frames to 4"):
        embedded_clips(tmp_path, [clip(0, frames=6)])


def tone(path: Path, samples: int, rate: int = 16_000) -> Path:
    with wave.open(str(path), "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(rate)
        sound.writeframes((np.arange(samples) % 3000).astype("<i2").tobytes())
    return path


def embedded_windows(tmp_path: Path, samples: int, settings: Wav2Vec2Settings) -> pa.Table:
    out = tmp_path / "wav2vec2.parquet"
    sound = tone(tmp_path / "audio.wav", samples)
    embed.windows(sound, Loudness(), settings, COMPUTE, video_id="v", out=out, report=pytest.fail)
    return pq.read_table(out)


def test_windows_cover_the_sound_and_the_last_is_shorter(tmp_path: Path) -> None:
    table = embedded_windows(tmp_path, 16_000 * 5 + 4_800, Wav2Vec2Settings(window_s=2, stride_s=1))
    assert table.schema.equals(schemas.with_dim(schemas.WAV2VEC2, 2))
    assert table.column("window_id").to_pylist() == [moment_id("w", k * S) for k in range(5)]
    assert table.column("start_ns").to_pylist() == [k * S for k in range(5)]
    assert table.column("end_ns").to_pylist() == [2 * S, 3 * S, 4 * S, 5 * S, 5_300_000_000]
    sound = (np.arange(16_000 * 5 + 4_800) % 3000).astype(np.int16)
    expected = Loudness().encode([sound[k * 16_000 : (k + 2) * 16_000] for k in range(5)])
    np.testing.assert_allclose(np.array(table.column("vector").to_pylist()), expected, atol=1e-6)


def test_a_sound_shorter_than_a_window_is_one_window(tmp_path: Path) -> None:
    table = embedded_windows(tmp_path, 8_000, Wav2Vec2Settings(window_s=2, stride_s=1))
    assert table.column("end_ns").to_pylist() == [S // 2]
    assert table.column("status").to_pylist() == ["ok"]


def test_a_sound_of_no_samples_has_no_window(tmp_path: Path) -> None:
    assert embedded_windows(tmp_path, 0, Wav2Vec2Settings()).num_rows == 0


@given(samples=st.integers(1, 200_000), window=st.integers(8_000, 64_000), stride=st.integers(1_600, 64_000))
def test_windows_start_at_every_stride_and_stop_when_the_sound_is_covered(
    samples: int, window: int, stride: int
) -> None:
    bounds = embed.window_bounds(samples, window, stride)
    assert [first for first, _ in bounds] == [k * stride for k in range(len(bounds))]
    assert all(0 < last - first <= window for first, last in bounds)
    assert all(last < samples for _, last in bounds[:-1]), "only the last window reaches the end"
    assert bounds[-1][1] == samples or samples <= len(bounds) * stride, "it ends, or lies between two windows"


def test_an_encoder_for_another_rate_is_an_error_that_names_the_setting(tmp_path: Path) -> None:
    class Hifi(Loudness):
        rate_hz = 48_000

    sound, out = tone(tmp_path / "a.wav", 16_000), tmp_path / "o.parquet"
    with pytest.raises(SettingsError, match=r"48000 Hz.*wav2vec2.model"):
        embed.windows(sound, Hifi(), Wav2Vec2Settings(), COMPUTE, video_id="v", out=out, report=pytest.fail)

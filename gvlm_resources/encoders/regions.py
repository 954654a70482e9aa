"""One vector a tracked thing and frame: the patches of the image encoder under its mask, from one look at the frame.

After region encoder networks (REN: https://arxiv.org/abs/2505.18153), which make region tokens of patch features in
place of passing each crop through the encoder; here the pooling is by the share of each patch that the mask covers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
from numpy.typing import NDArray

from gvlm_resources import schemas
from gvlm_resources.encoders import stream
from gvlm_resources.encoders.embed import identified, picture
from gvlm_resources.encoders.masks import Mask, patch_shares
from gvlm_resources.encoders.meter import Meter, Speed
from gvlm_resources.encoders.protocol import RegionEncoder
from gvlm_resources.encoders.stream import Flow, Job, Unreadable
from gvlm_resources.errors import LakeError
from gvlm_resources.settings import ComputeSettings, RegionSettings
from gvlm_resources.video.tables import TableWriter, iter_frames

TOO_SMALL = "too_small"
READ_ROWS = 8
ENTITY_COLUMNS = ["entity_id", "frame_id", "pts_ns", "track_id", "concept", "width", "height", "mask", "status"]
KEPT = ["entity_id", "frame_id", "pts_ns", "track_id", "concept"]
Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class _Frame:
    """A frame and, for each of its regions, the shares of its patches."""

    pixels: NDArray[np.uint8]
    shares: tuple[NDArray[np.float32], ...]


@dataclass(frozen=True, slots=True)
class Region:
    """How many patches it covers, and its vector; None where these are too few."""

    patches: float
    vector: NDArray[np.float32] | None


def embed_regions(
    frames: Path,
    entities: Path,
    encoder: RegionEncoder,
    settings: RegionSettings,
    compute: ComputeSettings,
    *,
    video_id: str,
    out: Path,
    report: Callable[[str], None],
) -> Speed:
    """Write `schemas.REGIONS` to `out`: a row for each `ok` row of `entities`, in its order.

    A region of fewer patches than `settings.min_patches` has no vector and is `filtered` as `too_small`. Frames
    without entities are neither decoded nor encoded. Raises LakeError where the two tables are not of one video.
    """
    flow = Flow(
        decode=lambda raw: _decoded(raw, encoder),
        encode=lambda batch: _encoded(batch, encoder, settings.min_patches),
        batch=compute.frame_batch,
        threads=compute.decode_threads,
        queued=compute.queue_batches,
        alike=lambda frame: frame.pixels.shape,
    )
    meter = Meter()
    with (
        TableWriter(out, identified(schemas.REGIONS, encoder.identity)) as writer,
        closing(stream.run(flow, _jobs(frames, entities), meter=meter, report=report)) as outcomes,
    ):
        for outcome in outcomes:
            for place, row in enumerate(outcome.key):
                region = outcome.made[place] if outcome.made is not None else Region(0.0, None)
                writer.add(_row(row, region, video_id, outcome.status, outcome.reason))
    _assert_same_ids(entities, out)
    return meter.speed()


def _jobs(frames: Path, entities: Path) -> Iterator[Job[list[Row], tuple[bytes, list[Row]]]]:
    """A job for each frame with entities. Both tables are in order of time, so that each is read once."""
    pictures = _rows(frames, ["frame_id", "image", "status", "reason"])
    found = (row for row in _rows(entities, ENTITY_COLUMNS) if row["status"] == schemas.STATUS_OK)
    for frame_id, group in groupby(found, key=lambda row: row["frame_id"]):
        frame = next((frame for frame in pictures if frame["frame_id"] == frame_id), None)
        if frame is None:
            raise LakeError(
                f"{entities.name} tells of the frame {frame_id}, which {frames.name} has not, or not in that order",
                remedy="build the entity tracks of this video anew",
            )
        rows = list(group)
        kept = [{key: row[key] for key in KEPT} for row in rows]
        yield Job(kept, (frame["image"], rows), frame["status"], frame["reason"])


def _rows(path: Path, columns: list[str]) -> Iterator[Row]:
    for batch in iter_frames(path, columns=columns, rows=READ_ROWS):
        yield from batch.to_pylist()


def _decoded(raw: tuple[bytes, list[Row]], encoder: RegionEncoder) -> _Frame:
    image, rows = raw
    pixels = picture(image)
    height, width = pixels.shape[:2]
    grid = encoder.grid(height, width)
    for row in rows:
        if (row["height"], row["width"]) != (height, width):
            raise Unreadable(f"masks of {row['width']}x{row['height']} on a picture of {width}x{height}")
    masks = (Mask.read(row["mask"], height, width) for row in rows)  # one at a time
    return _Frame(pixels, tuple(patch_shares(mask.pixels(), *grid) for mask in masks))


def _encoded(batch: Sequence[_Frame], encoder: RegionEncoder, least: float) -> list[list[Region]]:
    """One pass over the frames that have a region large enough, and none over the others."""
    patches = [[float(shares.sum()) for shares in frame.shares] for frame in batch]
    large = [[place for place, share in enumerate(many) if share >= least] for many in patches]
    looked_at = [number for number, places in enumerate(large) if places]
    made = [[Region(share, None) for share in many] for many in patches]
    if not looked_at:
        return made
    vectors = encoder.encode_regions(
        np.stack([batch[number].pixels for number in looked_at]),
        [np.stack([batch[number].shares[place] for place in large[number]]) for number in looked_at],
    )
    for number, rows in zip(looked_at, vectors, strict=True):
        for place, vector in zip(large[number], rows, strict=True):
            made[number][place] = Region(patches[number][place], vector)
    return made


def _row(row: Row, region: Region, video_id: str, status: str, reason: str) -> Row:
    vector = region.vector
    if status == schemas.STATUS_OK and vector is None:
        status, reason = schemas.STATUS_FILTERED, TOO_SMALL
    elif vector is not None and not np.isfinite(vector).all():
        vector, status, reason = None, schemas.STATUS_FAILED, "the network gave numbers that are not finite"
    return row | {
        "video_id": video_id,
        "region_id": "r" + row["entity_id"].removeprefix("n"),
        "patches": region.patches,
        "vector": vector,
        "status": status,
        "reason": reason,
    }


def _assert_same_ids(entities: Path, out: Path) -> None:
    found = pq.read_table(entities, columns=["entity_id"], filters=[("status", "=", schemas.STATUS_OK)])
    written = pq.read_table(out, columns=["entity_id"]).column("entity_id").to_pylist()
    if written != found.column("entity_id").to_pylist():
        raise LakeError(
            f"{out.name} has {len(written)} rows for {len(found)} entities, or in another order",
            remedy="this is a defect: please report it",
        )

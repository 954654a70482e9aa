"""All the text on the screen of one video: its HUD's regions and its sampled frames, in one table."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from gvlm_resources import schemas
from gvlm_resources.game import Game
from gvlm_resources.settings import OcrSettings
from gvlm_resources.text import hud, ocr_rows, tracking
from gvlm_resources.text.protocol import Image, TextReader
from gvlm_resources.video.tables import iter_frames

FRAMES_A_BATCH = 16
CROPS_A_BATCH = 512


def read_video(
    *,
    frames: Path,
    hud_crops: Path,
    video_id: str,
    end_ns: int,
    game: Game,
    reader: TextReader,
    settings: OcrSettings,
) -> pa.Table:
    """`schemas.OCR_TEXT` of a video from its stored `frames` and `hud_crops`, ordered by start, then region.

    The HUD's regions are read from their crops and left out of the frames. Frames that failed are passed over: the
    text seen before them stands until the next good one.
    """
    rows = tracking.read_frames(
        stored_frames(frames),
        end_ns=end_ns,
        reader=reader,
        settings=settings,
        exclude=[region.box for region in game.hud],
    )
    if game.hud:
        batches = pq.ParquetFile(hud_crops).iter_batches(CROPS_A_BATCH)
        rows += hud.read_crops(batches, game, reader, settings)
    return ocr_rows.table_of(video_id, rows)


def stored_frames(path: Path) -> Iterator[tuple[int, Image]]:
    """`(pts_ns, RGB)` of the good frames of `schemas.FRAMES`, a few decoded at a time."""
    columns = ["pts_ns", "image", "status"]
    for batch in iter_frames(path, columns=columns, rows=FRAMES_A_BATCH):
        for row in batch.to_pylist():
            pixels = cv2.imdecode(np.frombuffer(row["image"], np.uint8), cv2.IMREAD_COLOR) if row["image"] else None
            if row["status"] != schemas.STATUS_FAILED and pixels is not None:
                yield row["pts_ns"], np.ascontiguousarray(pixels[..., ::-1])

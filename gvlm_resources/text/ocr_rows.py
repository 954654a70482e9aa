"""Rows of `schemas.OCR_TEXT`: made one by one, joined to one table in order (no engine, no I/O)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

import pyarrow as pa

from gvlm_resources import schemas, timebase
from gvlm_resources.text.protocol import Box

NUMBER = "number"
MESSAGE = "message"
TEXT = "text"
FRAME_REGION = "frame"

EMPTY = "empty"  # nothing is drawn there
LOW_CONFIDENCE = "low_confidence"
NOTHING_READ = "nothing_read"  # something is drawn there that the engine reads nothing in
UNREADABLE_IMAGE = "unreadable_image"


@dataclass(frozen=True, slots=True)
class Place:
    """Where a text stands: a box in a frame of a size."""

    box: tuple[float, float, float, float]
    width: int
    height: int

    @classmethod
    def of(cls, box: Box, width: int, height: int, *, left: float = 0.0, top: float = 0.0) -> Place:
        return cls((box.x0 + left, box.y0 + top, box.x1 + left, box.y1 + top), width, height)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of reading: the text, how sure the engine was, and why the row is not `ok` where it is not."""

    text: str
    confidence: float
    status: str = schemas.STATUS_OK
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Row:
    """One text and the span `[start_ns, end_ns)` in which it stood there; `readings` times it was read."""

    region: str
    category: str
    start_ns: int
    end_ns: int
    outcome: Outcome
    place: Place
    readings: int

    def __post_init__(self) -> None:
        if not (0 <= self.start_ns < self.end_ns):
            raise ValueError(f"a text stands for a while, got [{self.start_ns}, {self.end_ns}) of {self.region!r}")


def outcome_of(text: str, confidence: float, least: float) -> Outcome:
    """The engine's word for it, `filtered` where there is none or it is less sure than `least`."""
    if not text:
        return Outcome("", confidence, schemas.STATUS_FILTERED, NOTHING_READ)
    if confidence < least:
        return Outcome(text, confidence, schemas.STATUS_FILTERED, LOW_CONFIDENCE)
    return Outcome(text, confidence)


def table_of(video_id: str, rows: Iterable[Row]) -> pa.Table:
    """`schemas.OCR_TEXT`, ordered by start, region, then place from top to bottom and left to right."""
    ordered = sorted(rows, key=lambda row: (row.start_ns, row.region, row.place.box[1], row.place.box[0], row.end_ns))
    seen: Counter[str] = Counter()
    records = [_record(video_id, row, seen) for row in ordered]
    return pa.Table.from_pylist(records, schema=schemas.OCR_TEXT)


def _record(video_id: str, row: Row, seen: Counter[str]) -> dict[str, object]:
    moment = timebase.moment_id("o", row.start_ns)
    number = seen[moment]
    seen[moment] += 1
    return {
        "video_id": video_id,
        "ocr_id": f"{moment}-{number}",
        "region": row.region,
        "category": row.category,
        "text": row.outcome.text,
        "start_ns": row.start_ns,
        "end_ns": row.end_ns,
        "confidence": row.outcome.confidence,
        "box": list(row.place.box),
        "width": row.place.width,
        "height": row.place.height,
        "readings": row.readings,
        "status": row.outcome.status,
        "reason": row.outcome.reason,
    }

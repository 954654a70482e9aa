"""What of a video can be found: the rows of the table `timeline` (pure).

Events, utterances, texts on the screen and scene changes become rows of one shape. One happening is one row: a text
that an event was made from is told by the event's row, an event that only repeats an utterance or a scene change by
theirs. What repeats stays: three deaths are three rows.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from rapidfuzz import fuzz

from gvlm_resources.schemas import STATUS_OK, TEXT_VECTOR_DIM, TIMELINE_INDEX
from gvlm_resources.timebase import Span, format_clock

if TYPE_CHECKING:
    from gvlm_resources.timeline.embedding import TextEncoder

EVENT, SPEECH, TEXT, SCENE = SOURCES = ("event", "speech", "text", "scene")
SCENE_KIND = "scene_change"
SCENE_TEXT = "The scene changes."
MIRRORED = frozenset({SPEECH, SCENE_KIND})  # kinds of events that repeat one observation
NUMBER = "number"
MADE_BY_ENCODER = ("vector", "model")
COLUMNS = tuple(name for name in TIMELINE_INDEX.names if name not in MADE_BY_ENCODER)
SCHEMA = pa.schema([TIMELINE_INDEX.field(name) for name in COLUMNS])
SCENE_NS = 100_000_000  # long enough to hold the frame that shows it
SAME_WORDS = 85.0  # of 100: a letter misread in ten does not make it another text

Record = dict[str, Any]


@dataclass(frozen=True)
class TimelineRow:
    """One row of the table `timeline`, without its vector and the name of what made it."""

    row_id: str
    video_id: str
    source: str
    kind: str
    start_ns: int
    end_ns: int
    text: str
    subject: str
    value: float | None
    confidence: float
    frame_id: str
    evidence: tuple[str, ...]

    def __post_init__(self) -> None:
        if not self.row_id.startswith(f"{self.video_id}/"):
            raise ValueError(f"row {self.row_id!r} does not carry its video's id {self.video_id!r}")
        if self.source not in SOURCES:
            raise ValueError(f"row {self.row_id} has source {self.source!r}, which is none of {', '.join(SOURCES)}")
        if not 0 <= self.start_ns < self.end_ns:
            raise ValueError(f"row {self.row_id} spans [{self.start_ns}, {self.end_ns}) ns")

    @property
    def span(self) -> Span:
        return Span(self.start_ns, self.end_ns)

    @property
    def clock(self) -> str:
        return format_clock(self.start_ns)

    @property
    def order(self) -> tuple[str, int, str]:
        """Sorts by video, start and id: the one order of a timeline."""
        return self.video_id, self.start_ns, self.row_id


def records(table: pa.Table) -> list[TimelineRow]:
    """The rows of a table that has the columns of `TimelineRow`. Raises ValueError for a row that cannot be."""
    return [TimelineRow(**{**row, "evidence": tuple(row["evidence"])}) for row in table.select(COLUMNS).to_pylist()]


def make(*, video_id: str, events: pa.Table, ocr: pa.Table, speech: pa.Table, frames: pa.Table) -> pa.Table:
    """The video's rows, ordered by start, source and id: the columns of `TIMELINE_INDEX` that need no encoder.

    Tables as in `schemas`; `frames` may lack the images. Rows that are not `ok`, blank texts and the HUD's numbers,
    which the events tell as changes, are left out. Raises ValueError where two rows would have one id.
    """
    happened, said = events.to_pylist(), [row for row in _ok(speech) if row["text"].strip()]
    read = [row for row in _ok(ocr) if row["category"] != NUMBER and row["text"].strip()]
    seen = _ok(frames.select(["frame_id", "pts_ns", "is_scene_change", "status"]))
    rows = [
        *_event_rows(happened, read, own={row["speech_id"] for row in said} | {row["frame_id"] for row in seen}),
        *(_row(row, row["speech_id"], SPEECH, SPEECH, row["text"]) for row in said),
        *_text_rows(read, happened),
        *_scene_rows(seen),
    ]
    nearest = _nearest_frame(seen)
    for row in rows:
        row.update(row_id=f"{video_id}/{row['row_id']}", video_id=video_id, frame_id=nearest(row["start_ns"]))
    rows.sort(key=lambda row: (row["start_ns"], SOURCES.index(row["source"]), row["row_id"]))
    ids = [row["row_id"] for row in rows]
    if len(set(ids)) < len(ids):
        raise ValueError(f"{video_id}: two rows are called {next(i for i in ids if ids.count(i) > 1)}")
    return pa.Table.from_pylist(rows, schema=SCHEMA)


def with_vectors(rows: pa.Table, encoder: TextEncoder) -> pa.Table:
    """`rows` with the vectors of their texts and the encoder's name: a table as `TIMELINE_INDEX` says."""
    vectors = encoder.encode(rows.column("text").to_pylist())
    if vectors.shape != (rows.num_rows, TEXT_VECTOR_DIM):
        raise ValueError(f"{encoder.name} gave vectors {vectors.shape}, expected {(rows.num_rows, TEXT_VECTOR_DIM)}")
    flat = pa.array(np.ascontiguousarray(vectors, dtype=np.float32).ravel())
    columns = {name: rows.column(name) for name in COLUMNS}
    columns["vector"] = pa.FixedSizeListArray.from_arrays(flat, TEXT_VECTOR_DIM)
    columns["model"] = pa.array([encoder.name] * rows.num_rows, pa.string())
    return pa.table(columns, schema=TIMELINE_INDEX)


def _ok(table: pa.Table) -> list[Record]:
    return [row for row in table.to_pylist() if row["status"] == STATUS_OK]


def _event_rows(events: Iterable[Record], read: Iterable[Record], own: set[str]) -> Iterator[Record]:
    """Events, without those that only repeat an observation with a row of its `own`: an utterance, a scene change."""
    texts = {row["ocr_id"]: row["text"] for row in read}
    for event in events:
        if event["kind"] in MIRRORED and own.issuperset(event["evidence"]):
            continue
        shown = [texts[cited] for cited in event["evidence"] if cited in texts]
        yield _row(event, event["event_id"], EVENT, event["kind"], _with_quotes(event["text"], shown))


def _with_quotes(text: str, shown: Iterable[str]) -> str:
    """An event's sentence and, where it does not repeat them, the words that stood on the screen: both can be found."""
    for words in dict.fromkeys(shown):
        if not _says(text, words):
            quoted = words.strip().replace('"', "'")
            text = f'{text} On screen: "{quoted}"'
    return text


def _says(text: str, words: str) -> bool:
    """Whether `text` holds `words`, give or take a misread letter."""
    text, words = _plain(text), _plain(words)
    likeness = fuzz.partial_ratio if len(words) <= len(text) else fuzz.ratio  # else the shorter would "hold" the longer
    return likeness(words, text) >= SAME_WORDS


def _text_rows(read: Iterable[Record], events: Iterable[Record]) -> Iterator[Record]:
    """Texts on the screen, without those that an event was made from."""
    told = {cited for event in events for cited in event["evidence"]}
    for row in read:
        if row["ocr_id"] not in told:
            yield _row(row, row["ocr_id"], TEXT, row["category"], row["text"])


def _scene_rows(frames: Iterable[Record]) -> Iterator[Record]:
    for frame in frames:
        if frame["is_scene_change"]:
            span = {"start_ns": frame["pts_ns"], "end_ns": frame["pts_ns"] + SCENE_NS, "confidence": 1.0}
            yield _row(span, frame["frame_id"], SCENE, SCENE_KIND, SCENE_TEXT)


def _row(of: Record, name: str, source: str, kind: str, text: str) -> Record:
    return {
        "row_id": name,
        "source": source,
        "kind": kind,
        "start_ns": of["start_ns"],
        "end_ns": of["end_ns"],
        "text": text,
        "subject": of.get("subject", ""),
        "value": of.get("value"),
        "confidence": of["confidence"],
        "evidence": of.get("evidence", [name]),
    }


def _nearest_frame(frames: Sequence[Record]) -> Callable[[int], str]:
    """A lookup of the frame nearest to a moment, the earlier of two as near; empty where there is no frame."""
    ordered = sorted(frames, key=lambda frame: frame["pts_ns"])
    moments: NDArray[np.int64] = np.array([frame["pts_ns"] for frame in ordered], np.int64)

    def nearest(start_ns: int) -> str:
        if not ordered:
            return ""
        right = int(np.searchsorted(moments, start_ns))
        around = [index for index in (right - 1, right) if 0 <= index < len(ordered)]
        return ordered[min(around, key=lambda index: abs(int(moments[index]) - start_ns))]["frame_id"]

    return nearest


def _plain(text: str) -> str:
    """Lower-case words with single spaces between: what two writings of one text have in common."""
    return " ".join(re.findall(r"\w+", text.casefold()))

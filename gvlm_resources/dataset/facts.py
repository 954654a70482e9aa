"""What is known of one video, to ask about and to check against (pure).

The rows of its tables as records, the `ok` ones alone, in the order of time, and look-ups over them. What writes pairs
and what checks them reads the same facts.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeVar

import pyarrow as pa

from gvlm_resources.game import Game
from gvlm_resources.reasoning.recorded import recorded_kinds
from gvlm_resources.schemas import STATUS_OK
from gvlm_resources.timebase import Span

MOMENT_NS = 100_000_000


@dataclass(frozen=True, slots=True)
class Event:
    event_id: str
    kind: str
    start_ns: int
    end_ns: int
    text: str
    subject: str
    value: float | None
    ordinal: int
    confidence: float
    sources: tuple[str, ...]
    evidence: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Held:
    """A variable of the HUD and a span in which it held one value."""

    state_id: str
    variable: str
    value: float
    start_ns: int
    end_ns: int
    confidence: float


@dataclass(frozen=True, slots=True)
class Text:
    """A text on the screen. `category` is `number | message | text`."""

    ocr_id: str
    region: str
    category: str
    text: str
    start_ns: int
    end_ns: int
    confidence: float
    box: tuple[float, float, float, float]
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class Utterance:
    speech_id: str
    start_ns: int
    end_ns: int
    text: str
    confidence: float
    language: str


@dataclass(frozen=True, slots=True)
class Sound:
    sound_id: str
    start_ns: int
    end_ns: int
    label: str
    score: float | None
    text: str


@dataclass(frozen=True, slots=True)
class Sight:
    """A tracked thing on one frame."""

    entity_id: str
    frame_id: str
    pts_ns: int
    track_id: str
    concept: str
    score: float
    box: tuple[float, float, float, float]
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class Frame:
    frame_id: str
    pts_ns: int
    width: int
    height: int
    is_black: bool
    is_blurred: bool
    is_scene_change: bool
    duplicate_of: str | None


@dataclass(frozen=True)
class Facts:
    """One video. Every sequence is in the order of time; `frames` are those that could be decoded."""

    video_id: str
    title: str
    duration_ns: int
    game: Game
    events: Sequence[Event] = ()
    states: Sequence[Held] = ()
    texts: Sequence[Text] = ()
    speech: Sequence[Utterance] = ()
    sounds: Sequence[Sound] = ()
    sights: Sequence[Sight] = ()
    frames: Sequence[Frame] = ()

    @property
    def span(self) -> Span:
        return Span(0, self.duration_ns)

    @cached_property
    def recorded(self) -> frozenset[str]:
        """Kinds of events that this game's rules can find: none of them on the timeline means that there was none."""
        return frozenset(recorded_kinds(self.game))

    def of_kind(self, kind: str, *, subject: str = "", span: Span | None = None) -> list[Event]:
        """Events of a kind (and subject) that start in `span`."""
        return [
            event
            for event in self.events
            if event.kind == kind and subject in ("", event.subject) and (span is None or span.contains(event.start_ns))
        ]

    def series(self, variable: str) -> list[Held]:
        return [held for held in self.states if held.variable == variable]

    def value_at(self, variable: str, ns: int) -> Held | None:
        """The span that holds `ns`; None where the variable could not be read then."""
        series = self._series_by_variable.get(variable, [])
        index = bisect_right(series, ns, key=lambda held: held.start_ns) - 1
        return series[index] if index >= 0 and series[index].end_ns > ns else None

    def frame_at(self, ns: int) -> Frame | None:
        """The sampled frame nearest to a moment; None where the video has none."""
        return min(self.frames, key=lambda frame: (abs(frame.pts_ns - ns), frame.pts_ns), default=None)

    def frames_in(self, span: Span) -> list[Frame]:
        return [frame for frame in self.frames if span.contains(frame.pts_ns)]

    def row(self, row_id: str) -> Any | None:
        """The record with this id, of whatever table; None where there is none."""
        return self._rows.get(row_id)

    def span_of(self, row_id: str) -> Span | None:
        """When the row with this id is; None where there is none."""
        row = self.row(row_id)
        if row is None:
            return None
        if isinstance(row, Sight | Frame):
            return Span(row.pts_ns, row.pts_ns + MOMENT_NS)
        return Span(row.start_ns, row.end_ns)

    @cached_property
    def _series_by_variable(self) -> Mapping[str, list[Held]]:
        found: dict[str, list[Held]] = {}
        for held in self.states:
            found.setdefault(held.variable, []).append(held)
        return found

    @cached_property
    def _rows(self) -> Mapping[str, Any]:
        return {
            **{row.event_id: row for row in self.events},
            **{row.state_id: row for row in self.states},
            **{row.ocr_id: row for row in self.texts},
            **{row.speech_id: row for row in self.speech},
            **{row.sound_id: row for row in self.sounds},
            **{row.entity_id: row for row in self.sights},
            **{row.frame_id: row for row in self.frames},
        }


def frames_of(rows: pa.Table) -> list[Frame]:
    """The frames of a table that could be decoded; it may lack the images."""
    return _records(rows, Frame, "pts_ns")


Record = TypeVar("Record")


def gather(
    *,
    video_id: str,
    title: str,
    duration_ns: int,
    game: Game,
    events: pa.Table,
    state: pa.Table,
    ocr: pa.Table,
    speech: pa.Table,
    sounds: pa.Table,
    entities: pa.Table,
    frames: pa.Table,
) -> Facts:
    """The facts of one video from its tables, which are as in `schemas`; `frames` may lack images, `entities` masks."""
    return Facts(
        video_id=video_id,
        title=title,
        duration_ns=duration_ns,
        game=game,
        events=_records(events, Event, "start_ns"),
        states=[held for held in _records(state, Held, "start_ns") if held.value is not None],
        texts=_records(ocr, Text, "start_ns"),
        speech=_records(speech, Utterance, "start_ns"),
        sounds=_records(sounds, Sound, "start_ns"),
        sights=_records(entities, Sight, "pts_ns"),
        frames=_records(frames, Frame, "pts_ns"),
    )


def _records(rows: pa.Table, kind: type[Record], order: str) -> list[Record]:
    names = [name for name in kind.__dataclass_fields__ if not name.startswith("_")]
    columns = [*names, "status"] if "status" in rows.column_names else names
    found = [
        kind(**{name: _frozen(row[name]) for name in names})
        for row in rows.select(columns).to_pylist()
        if row.get("status", STATUS_OK) == STATUS_OK
    ]
    return sorted(found, key=lambda record: getattr(record, order))


def _frozen(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def ids(records: Iterable[Any]) -> set[str]:
    """The ids of records, each of which names its own as its first field."""
    return {getattr(record, next(iter(record.__dataclass_fields__))) for record in records}

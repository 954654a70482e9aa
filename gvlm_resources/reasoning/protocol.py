"""What an answer is made from, and what it is (pure).

An `EvidenceSource` gives rows of timelines, values of the HUD and frames. `retrieve.gather` asks it what a question
needs and hands the `Evidence` to a `ReasoningCore`, which composes the `Answer`. A core never searches by itself, so
that every core answers from the same evidence and each answer carries the trace of how it was found.

Two cores stand beside this file: `extractive.py` and `openai_core.py`. A further one is a module of its own with a
class that has `name`, `model` and `compose`, and a line in `bindings.Models.reasoning_core`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from typing import Literal, Protocol

from pydantic import ConfigDict, TypeAdapter, ValidationError

from gvlm_resources.errors import QuestionError
from gvlm_resources.reasoning.question import Question
from gvlm_resources.timebase import Span, format_clock

RAISED = {"heal": "health", "armor": "armor"}  # kind of event -> the variable that a pickup raises
FRAME = "frame"  # the source of a row that is a frame found by what it looks like
_STRICT = ConfigDict(extra="forbid")


@dataclass(frozen=True, slots=True)
class Video:
    """One video of the library. `recorded_kinds` are the event kinds its game's rules can find; empty: not known."""

    video_id: str
    title: str
    duration_ns: int
    recorded_kinds: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not self.video_id or self.duration_ns <= 0:
            raise ValueError(f"a video has an id and a duration above 0 ns, got {self.video_id!r}, {self.duration_ns}")

    @property
    def short_name(self) -> str:
        """The id without the hash of its content."""
        return re.sub(r"-[0-9a-f]{12}$", "", self.video_id)


@dataclass(frozen=True, slots=True)
class Row:
    """One row of the timeline: the columns of `schemas.TIMELINE_INDEX` without the vector.

    `source` is `event | speech | text | scene`, or `frame` for one found by what it looks like. `similarity` is the
    cosine with the query where vectors were compared.
    """

    __pydantic_config__ = _STRICT

    row_id: str
    video_id: str
    source: str
    kind: str
    start_ns: int
    end_ns: int
    text: str
    subject: str = ""
    value: float | None = None
    confidence: float = 1.0
    frame_id: str = ""
    evidence: tuple[str, ...] = ()
    similarity: float | None = None

    def __post_init__(self) -> None:
        if self.start_ns < 0 or self.end_ns <= self.start_ns:
            raise ValueError(f"row {self.row_id} spans [{self.start_ns}, {self.end_ns}) ns")
        if not 0 <= self.confidence <= 1:
            raise ValueError(f"row {self.row_id} has confidence {self.confidence}, which is outside 0..1")

    @property
    def span(self) -> Span:
        return Span(self.start_ns, self.end_ns)

    @property
    def clock(self) -> str:
        return format_clock(self.start_ns)

    def tells(self, kind: str) -> bool:
        """Whether it answers a question about `kind`: one happening is one row, whatever it can be called.

        A pickup that was read as a message is also a message, and one that raised the health is also a heal.
        """
        if kind == "message":
            read = self.source == "event" and any(name.startswith("o") for name in self.evidence)
            return read or self.kind == "message" or self.source == "text"
        if kind in RAISED and self.kind == "pickup":
            return (self.value or 0) > 0 and re.search(rf"\b{RAISED[kind]}\b", self.text, re.I) is not None
        return self.kind == kind or self.source == kind

    @property
    def is_said(self) -> bool:
        return "speech" in (self.source, self.kind)

    @property
    def is_shown(self) -> bool:
        return self.source == "text" or self.kind == "message"


@dataclass(frozen=True, slots=True)
class StateReading:
    """A HUD variable and the span in which it held a value: an `ok` row of `schemas.GAME_STATE`."""

    row_id: str  # video_id/state_id
    video_id: str
    variable: str
    value: float
    start_ns: int
    end_ns: int
    confidence: float = 1.0


class EvidenceSource(Protocol):
    """Timelines that can be searched. A video that is not there raises QuestionError; a call never changes anything."""

    def videos(self) -> tuple[Video, ...]:
        """All videos with a timeline, by id."""

    def search(
        self, text: str, *, video_id: str | None, span: Span | None, kinds: tuple[str, ...], k: int
    ) -> tuple[Row, ...]:
        """The `k` rows nearest to `text` by meaning and by words, best first, in a video or (None) in all."""

    def rows(self, *, video_id: str | None, kinds: tuple[str, ...], span: Span | None) -> tuple[Row, ...]:
        """Every row of these kinds (none: of all) that overlaps `span`, by video and start. Exact, never top-k."""

    def looks_like(self, text: str, *, video_id: str | None, span: Span | None, k: int) -> tuple[Row, ...]:
        """At most `k` frames that look like `text`, surest first, as rows of source `frame`; none where no frame does.

        Their confidence is the network's probability that the words are true of the frame.
        """

    def states(self, *, video_id: str, variables: tuple[str, ...], span: Span | None) -> tuple[StateReading, ...]:
        """Every `ok` reading of these variables (none: of all) that overlaps `span`, by start."""

    def frame(self, video_id: str, frame_id: str) -> bytes | None:
        """The sampled frame as JPEG; None where the frame has no image."""


@dataclass(frozen=True, slots=True)
class Lookup:
    """One question put to the source, and how many rows it gave: a line of an answer's trace."""

    __pydantic_config__ = _STRICT

    method: Literal["search", "rows", "states", "looks_like"]
    video_id: str | None
    text: str
    kinds: tuple[str, ...]
    start_ns: int | None
    end_ns: int | None
    found: int

    def describe(self) -> str:
        where = f"“{self.video_id}”" if self.video_id else "every video"
        when = ""
        if self.start_ns is not None and self.end_ns is not None:
            when = f", {Span(self.start_ns, self.end_ns).label()}"
        kinds = f" of kind {', '.join(self.kinds)}" if self.kinds else ""
        if self.method == "looks_like":
            return f"the {self.found} frames that look like “{self.text}” in {where}{when}"
        if self.method == "search":
            found = f"the {self.found} rows nearest to" if self.found else "no row was found for"
            return f"{found} “{self.text}” in {where}{when}"
        return f"all {self.method}{kinds} in {where}{when} ({self.found})"


@dataclass(frozen=True, slots=True)
class Scope:
    """One video that a question is about, and where in it. No span and not `everywhere`: nowhere."""

    video: Video
    spans: tuple[Span, ...]
    everywhere: bool  # no time was given: the whole video
    points_ns: tuple[int, ...] = ()  # the moments named, by a clock or by an event

    def covers(self, row: Row) -> bool:
        return self.everywhere or any(span.overlaps(row.span) for span in self.spans)

    def holds(self, row: Row) -> bool:
        """Whether the row starts here: what is counted is counted where it begins."""
        return self.everywhere or any(span.contains(row.start_ns) for span in self.spans)


@dataclass(frozen=True, slots=True)
class Evidence:
    """What a question was found to need.

    `rows` answer it: exact listings in order of time, or (`is_search`) search hits, best first. `unmatched` are rows of
    the right kind and time that do not name what was asked for, `elsewhere` are those at other times, where there is
    none at the right one. `context` stands around them, in order of time.
    """

    scopes: tuple[Scope, ...]
    rows: tuple[Row, ...] = ()
    unmatched: tuple[Row, ...] = ()
    elsewhere: tuple[Row, ...] = ()
    anchors: tuple[Row, ...] = ()  # the events that the question gives times by: "before my second death"
    context: tuple[Row, ...] = ()
    states: tuple[StateReading, ...] = ()
    inventory: tuple[tuple[str, int], ...] = ()  # what the timelines hold at all, where nothing was found
    is_search: bool = False
    lookups: tuple[Lookup, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def is_many(self) -> bool:
        return len(self.scopes) != 1

    @property
    def videos(self) -> tuple[Video, ...]:
        return tuple(scope.video for scope in self.scopes)


@dataclass(frozen=True, slots=True)
class Citation:
    """A moment that the text names as `[label]`. `row_id` is the row of the timeline or of the game state behind it."""

    __pydantic_config__ = _STRICT

    label: str
    video_id: str
    start_ns: int
    end_ns: int
    row_id: str

    def __post_init__(self) -> None:
        if self.end_ns <= self.start_ns or not self.label or not self.row_id:
            raise ValueError(f"a citation has a label, a row and a span, got {self}")


@dataclass(frozen=True, slots=True)
class FrameRef:
    __pydantic_config__ = _STRICT

    video_id: str
    frame_id: str


@dataclass(frozen=True, slots=True)
class Usage:
    """What an answer cost. Tokens are the server's own count; 0 where no language model was asked."""

    __pydantic_config__ = _STRICT

    prompt_tokens: int = 0
    completion_tokens: int = 0
    retrieve_ms: float = 0.0
    compose_ms: float = 0.0
    requests: int = 0


CONFIDENCE_MEANING = (
    "The confidence of the weakest row that the answer cites: how sure the readers of the video were of what is cited, "
    "not whether the sentence drawn from it is right. A language model's answer is also multiplied by the share of its "
    "citations that were among the evidence. null where no row is cited."
)

ReplyStatus = Literal["composed", "json", "salvaged", "retried", "failed"]


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer and everything it rests on.

    `supported` is true where every claim of the text is drawn from cited rows, or is a count of none from an exact
    listing of a kind that the game's rules find. `confidence` means `CONFIDENCE_MEANING`. `reply_status` tells how a
    language model's reply was read; `composed` where there was none to read.
    """

    __pydantic_config__ = _STRICT

    question: str
    text: str
    citations: tuple[Citation, ...]
    evidence: tuple[Row, ...]
    frames: tuple[FrameRef, ...]
    core: str
    model: str
    supported: bool
    confidence: float | None
    notes: tuple[str, ...]
    usage: Usage
    trace: tuple[Lookup, ...]
    reply_status: ReplyStatus = "composed"

    def __post_init__(self) -> None:
        if self.confidence is not None and not 0 <= self.confidence <= 1:
            raise ValueError(f"confidence lies in 0..1, got {self.confidence}")
        if self.supported and not self.citations and self.confidence is not None:
            raise ValueError("an answer without citations has no confidence to take from them")

    def to_json(self) -> str:
        """As one JSON object; `from_json` gives the same answer back."""
        return _adapter().dump_json(self).decode()

    @staticmethod
    def from_json(text: str | bytes) -> Answer:
        """Raises QuestionError where `text` is not an answer as `to_json` writes them."""
        try:
            return _adapter().validate_json(text)
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(str(part) for part in first["loc"])
            raise QuestionError(
                f"this is no stored answer: {where}: {first['msg']}", remedy="ask the question again"
            ) from error


@cache
def _adapter() -> TypeAdapter[Answer]:
    return TypeAdapter(Answer)


class ReasoningCore(Protocol):
    """Composes answers. `name` is the setting's value, `model` identifies what composed the text."""

    name: str
    model: str

    def compose(self, question: Question, evidence: Evidence, source: EvidenceSource) -> Answer:
        """The answer from this evidence. `source` is for the frames of the evidence only."""

"""What a question is taken apart into (pure): what it asks, of which events, and when."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from gvlm_resources.reasoning.times import TimeReference
from gvlm_resources.timebase import Span


class Ask(StrEnum):
    COUNT = "count"
    TOTAL = "total"  # a sum of amounts: "how much damage did I take"
    WHEN = "when"
    STATE = "state"  # a HUD variable at a time
    WHY = "why"
    WHAT_HAPPENED = "what_happened"
    LIST = "list"
    SUMMARY = "summary"
    EXTREME = "extreme"
    HOW_LONG = "how_long"
    YES_NO = "yes_no"
    WHICH_FIRST = "which_first"
    OPEN = "open"


class AnchorRelation(StrEnum):
    AT = "at"
    BEFORE = "before"
    AFTER = "after"


@dataclass(frozen=True, slots=True)
class EventQuery:
    """Which events are meant: kinds, words their rows must name, and which of them in order of time.

    `which` counts from 1, from the end where negative (-1 is the last); None means all of them.
    """

    kinds: tuple[str, ...] = ()
    subject: tuple[str, ...] = ()
    which: int | None = None

    def __post_init__(self) -> None:
        if self.which == 0:
            raise ValueError("the first event is 1 and the last is -1; there is no event 0")


@dataclass(frozen=True, slots=True)
class Anchor:
    """A time given by an event: "before my second death", "10 seconds after I picked up the shotgun"."""

    text: str
    relation: AnchorRelation
    event: EventQuery
    offset_ns: int | None = None


@dataclass(frozen=True, slots=True)
class Threshold:
    """What a yes/no question compares with: "more than twice" is `>` 2."""

    operator: str  # > >= < <= ==
    number: float
    is_count: bool  # of events; otherwise of their amounts, or of a variable's value

    def holds(self, value: float) -> bool:
        checks = {
            ">": value > self.number,
            ">=": value >= self.number,
            "<": value < self.number,
            "<=": value <= self.number,
            "==": value == self.number,
        }
        return checks[self.operator]


@dataclass(frozen=True, slots=True)
class Question:
    text: str
    ask: Ask
    times: tuple[TimeReference, ...]
    spans: tuple[Span, ...]  # where the times steer; empty: the whole video, unless `is_outside`
    target: EventQuery
    anchors: tuple[Anchor, ...]
    variables: tuple[str, ...]  # whose values are asked for
    threshold: Threshold | None
    words: tuple[str, ...]  # what it is about, beyond times and events
    search_text: str
    first_person: bool
    wants_lowest: bool  # of an EXTREME: the smallest, not the largest
    life: int | None  # of a HOW_LONG: which life, counted as `EventQuery.which` is
    is_outside: bool  # times were given, and no part of the video lies there
    notes: tuple[str, ...]
    read_as: str  # the English that was taken apart: `text`, or what languages.py made of it
    named: tuple[str, ...] = ()  # every variable that it names, whatever it asks
    quoted: tuple[str, ...] = ()  # what stands in quotes
    left_out: tuple[str, ...] = ()  # kinds of events that are not wanted
    step: int = 0  # 1: only what came next, -1: only what came before
    compared: tuple[EventQuery, ...] = ()  # of a WHICH_FIRST: the two events

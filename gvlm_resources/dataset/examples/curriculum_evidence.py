"""Whether an example holds what its answer rests on, and whether the words alone already give it (pure).

A row of the evidence is shown where the timeline of the prompt has its line, or that of an event made from it; it is
visible where it is on while the frames are, and audible where a window of sound lies over it. An answer whose evidence
is neither would teach to make things up.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from gvlm_resources.dataset.examples.curriculum_shown import Shown
from gvlm_resources.dataset.facts import Event, Facts, Frame, Held, Sound, Text, Utterance
from gvlm_resources.reasoning.prompts import quoted
from gvlm_resources.timebase import NS_PER_S, Span

NOT_SHOWN = "evidence_not_shown"
TIMELINE_SHOWN, TIMELINE_WITHHELD = "shown", "withheld"
_LINE = re.compile(r"E\d+ (?:\S+ )??(?P<start>[\d:]+)(?:-(?P<end>[\d:]+))? (?P<kind>[a-z0-9_ ]+?) (?P<text>\".*\")")
_CLOCK = re.compile(r"(?<![\w:])\d{1,3}(?::\d\d){1,2}(?![\w:])")
_FIGURE = re.compile(r"(?<![\w:.])\d+(?:\.\d+)?(?![\w:])")
_NAME = re.compile(r"“([^”]*)”|„([^“”]*)[“”]|«\s*([^»]*?)\s*»|\"([^\"]*)\"")


@dataclass(frozen=True, slots=True)
class _Line:
    """One row as a timeline shows it: the seconds that it spans, its kind and its text in quotes."""

    start_s: int
    end_s: int
    kind: str
    text: str

    def covers(self, ns: int) -> bool:
        return self.start_s <= ns // NS_PER_S <= self.end_s


def not_shown(evidence: Sequence[str], facts: Facts, shown: Shown, timeline: Sequence[str]) -> tuple[str, ...]:
    """The rows of the evidence that are neither in the timeline nor in what is shown of the video."""
    lines = _lines(timeline)
    told = {event.event_id for event in facts.events if any(_tells_event(line, event) for line in lines)}
    told |= {name for event in facts.events if event.event_id in told for name in event.evidence}
    return tuple(
        name
        for name in evidence
        if name not in told and not _is_told(facts.row(name), lines) and not perceptible(name, facts, shown)
    )


def perceptible(row_id: str, facts: Facts, shown: Shown) -> bool:
    """Whether a row can be seen on the frames shown, or heard in the sound."""
    row, span = facts.row(row_id), facts.span_of(row_id)
    if row is None or span is None:
        return False
    if isinstance(row, Sound | Utterance):
        return any(_meet(span, heard) for heard in shown.heard)
    if isinstance(row, Frame):
        return any(row.frame_id == each.frame_id for each in shown.placed)
    return shown.seen is not None and _meet(span, shown.seen)


def is_withheld(pair_id: str, share: float) -> bool:
    """Whether the timeline of a pair is left out: of a `share` of all pairs, always the same."""
    drawn = int(hashlib.sha256(f"{pair_id}/timeline".encode()).hexdigest()[:8], 16)
    return drawn < share * 2**32


def in_words(question: str, answer: str, timeline: Sequence[str]) -> bool:
    """Whether every clock that the question does not name, every figure and every name of the answer is in the
    timeline, so that the answer can be given without looking. An answer without any of these cannot be told so.
    """
    text = " ".join(timeline).casefold()
    clocks = [clock for clock in _CLOCK.findall(answer) if clock not in question]
    figures = [figure for figure in _FIGURE.findall(_CLOCK.sub(" ", answer)) if figure not in question]
    names = [next(filter(None, found), "").casefold() for found in _NAME.findall(answer)]
    names = [name for name in names if name and name not in question.casefold()]
    wanted = [(_CLOCK, clock) for clock in clocks] + [(_FIGURE, figure) for figure in figures]
    if not wanted and not names:
        return False
    return all(part in pattern.findall(text) for pattern, part in wanted) and all(name in text for name in names)


def _lines(timeline: Iterable[str]) -> list[_Line]:
    found = (_LINE.fullmatch(line) for line in timeline)
    return [
        _Line(_seconds(line["start"]), _seconds(line["end"] or line["start"]), line["kind"], line["text"])
        for line in found
        if line
    ]


def _seconds(clock: str) -> int:
    total = 0
    for part in clock.split(":"):
        total = total * 60 + int(part)
    return total


def _tells_event(line: _Line, event: Event) -> bool:
    return line.kind == event.kind and line.start_s == event.start_ns // NS_PER_S


def _is_told(row: Any, lines: Sequence[_Line]) -> bool:
    if isinstance(row, Held):
        text = quoted(f"{row.variable} {row.value:.10g}")
        return any(line.kind == "state" and line.text == text and line.covers(row.start_ns) for line in lines)
    if isinstance(row, Text | Utterance):
        text = quoted(row.text)
        return any(line.text == text and line.covers(row.start_ns) for line in lines)
    if isinstance(row, Sound):
        return any(line.kind == "sound" and line.start_s == row.start_ns // NS_PER_S for line in lines)
    return False  # a timeline tells of no frame and no tracked thing


def _meet(one: Span, other: Span) -> bool:
    return one.start_ns < other.end_ns and other.start_ns < one.end_ns

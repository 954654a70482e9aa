"""Whether an example holds what its answer rests on, and whether the words alone already give it (pure).

A row of the evidence is told where the timeline of the prompt has its line, or that of an event made from it. It is
perceptible where something that is shown lies over it: a change of the HUD between a frame just before it and one just
after, a text or a value while it stands there, a sound under a window of sound. That nothing happened is perceptible
where pictures, or windows of sound, follow one another closely all the time. An answer whose evidence is neither told
nor perceptible would teach to make things up.
"""

from __future__ import annotations

import hashlib
import re
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from gvlm_resources.dataset.examples.curriculum_frames import HEARD_KINDS, LASTING_KINDS, LOOK_NS, OVER, around
from gvlm_resources.dataset.examples.curriculum_shown import Shown
from gvlm_resources.dataset.facts import Event, Facts, Frame, Held, Sight, Sound, Text, Utterance
from gvlm_resources.dataset.pairs import UNANSWERABLE, Claim, Pair
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


def not_shown(pair: Pair, facts: Facts, shown: Shown, timeline: Sequence[str]) -> tuple[str, ...]:
    """What the answer rests on that is neither in the timeline nor in what is shown of the video.

    Where nothing happened the evidence are values that would have changed, of which one is enough. What is claimed of
    more than is shown, a count over a long stretch say, is for the timeline alone to tell, be it that it holds no row.
    """
    lines = _lines(timeline)
    began = {(line.kind, line.start_s) for line in lines}
    events = [event for event in facts.events if (event.kind, event.start_ns // NS_PER_S) in began]
    told = {name for event in events for name in (event.event_id, *event.evidence)}
    told |= {name for name in _rests_on(pair, facts) if name not in told and _is_told(facts.row(name), lines)}
    lost = [name for name in pair.evidence if name not in told and not perceptible(name, facts, shown)]
    if timeline and is_negative(pair) and len(lost) < len(pair.evidence):
        lost = [name for name in lost if not isinstance(facts.row(name), Held | Frame)]
    for claim in pair.claims:
        if claim.what in OVER and not _bears(claim, shown):
            lost += [name for name in _rows_of(claim, pair, facts) if name not in told]
            lost += [] if timeline else [f"{claim.what} {claim.kind}"]
    return tuple(dict.fromkeys(lost))


def all_perceptible(pair: Pair, facts: Facts, shown: Shown) -> bool:
    """Whether everything that the answer rests on and claims can be seen or heard in what is shown."""
    rows = all(perceptible(name, facts, shown) for name in _rests_on(pair, facts))
    return rows and all(_bears(claim, shown) for claim in pair.claims)


def perceptible(row_id: str, facts: Facts, shown: Shown) -> bool:
    """Whether a row can be seen on the frames and clips shown, or heard in the sound."""
    row = facts.row(row_id)
    if isinstance(row, Frame | Sight):
        return any(row.frame_id == each.frame_id for each in shown.placed)
    if isinstance(row, Utterance):
        return _covered(Span(row.start_ns, row.end_ns), shown.heard)
    if isinstance(row, Sound) or (isinstance(row, Event) and row.kind in HEARD_KINDS):
        return any(_meet(Span(row.start_ns, row.end_ns), heard) for heard in shown.heard)
    if isinstance(row, Event) and row.kind not in LASTING_KINDS:
        return all(_seen_in(span, shown) for span in around(row))
    return row is not None and _seen_in(Span(row.start_ns, row.end_ns), shown)


def is_negative(pair: Pair) -> bool:
    """Whether the answer is that something was not, or cannot be told."""
    none = [claim.what == "count" and not claim.value for claim in pair.claims]
    return pair.kind == UNANSWERABLE or (bool(none) and all(none))


def holds_no_row(timeline: Sequence[str]) -> bool:
    return not _lines(timeline)


def _rests_on(pair: Pair, facts: Facts) -> tuple[str, ...]:
    """The evidence, and what the claims are about that it may lack: nothing tells how many, where one is missing."""
    claimed = (name for claim in pair.claims for name in _rows_of(claim, pair, facts))
    return tuple(dict.fromkeys((*pair.evidence, *claimed)))


def _rows_of(claim: Claim, pair: Pair, facts: Facts) -> list[str]:
    """The rows that a claim about a stretch counts, adds up or picks; none where it is that there are none."""
    if claim.what in ("count", "sum") and claim.value:
        events = facts.of_kind(claim.kind, subject=claim.subject, span=claim.span)
        return [event.event_id for event in events]
    if claim.what in ("lowest", "highest"):
        rows = (facts.row(name) for name in pair.evidence)
        return [row.state_id for row in rows if isinstance(row, Held) and row.variable == claim.subject]
    return []


def _bears(claim: Claim, shown: Shown) -> bool:
    """Whether what is shown bears a claim out; a moment and an order are borne out by their rows."""
    if claim.what == "said" or (claim.what in OVER and claim.kind in HEARD_KINDS):
        return _covered(claim.span, shown.heard)
    if claim.what in OVER:
        return _covered(claim.span, [*(Span(at, at + 1) for at in shown.pictures), *shown.clips])
    return claim.what not in ("value", "shown") or _seen_in(claim.span, shown)


def _seen_in(span: Span, shown: Shown) -> bool:
    at = bisect_left(shown.pictures, span.start_ns)
    if at < len(shown.pictures) and shown.pictures[at] < span.end_ns:
        return True
    return any(_meet(span, clip) for clip in shown.clips)


def _covered(span: Span, parts: Iterable[Span]) -> bool:
    """Whether no stretch of the span longer than `LOOK_NS` is without one of `parts`."""
    reached = span.start_ns
    for part in sorted(part for part in parts if _meet(part, span)):
        if part.start_ns - reached > LOOK_NS:
            return False
        reached = max(reached, part.end_ns)
    return span.end_ns - reached <= LOOK_NS


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

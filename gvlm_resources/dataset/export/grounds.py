"""What an answer rests on, and whether pictures and the timeline of its prompt give it (pure).

Formats that hold pictures and text have no place for clips and sound. A line says what its answer rests on: `evidence`
names rows by the letter of their table and their microseconds, `claims` are what it states. What the timeline tells
needs no picture. The rest must be seen on a picture that is kept, and what is heard can be in the timeline alone.

An answer about a whole stretch (how often, how much, nothing) rests on all pictures of that stretch, unless the
timeline that was retrieved for the question stands beside it: what is not on that did not happen.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gvlm_resources.dataset.examples.curriculum_text import FENCES
from gvlm_resources.dataset.examples.example import ALIGNMENT, MODEL, Example
from gvlm_resources.dataset.pairs import SAID_OR_SHOWN, UNANSWERABLE
from gvlm_resources.timebase import NS_PER_S, Span

UNHEARD = "their answer rests on a sound or on words that are neither given nor in the timeline"
UNHEARD_DENIAL = "their answer denies a sound or words, and neither the sound nor a timeline that shows it is given"
UNSEEN = "their answer rests on what neither a picture nor the timeline shows"
NO_ROOM = "their answer rests on more pictures than one example may show"

REACH_NS = NS_PER_S  # a change is seen between a picture at most this long before it and one as long after it
TOGETHER_NS = 1_500_000_000  # rows of one event lie as near to it
_HEARD = frozenset(("sound", "speech"))
_LASTING = frozenset(("black_screen", "entity"))  # kinds of events that are seen while they are there
_COUNTED = frozenset(("count", "sum", "unknown"))  # claims that say how often or that nothing did
_OVER_A_STRETCH = _COUNTED | {"lowest", "highest"}
_ROW = re.compile(r"([a-z])([0-9]{1,15})(?:-(.+))?")
_LINE = re.compile(r"E\d+ (?:\S+ )??(?P<start>[\d:]+)(?:-(?P<end>[\d:]+))? (?P<kind>[a-z0-9_ ]+?) (?P<text>\".*\")")
_LEFT_OUT = re.compile(r"\d+ more rows were found and are not shown\.")
_EVENT, _STATE, _TEXT, _FRAME, _SIGHT = "e", "g", "o", "f", "n"
_SOUNDS = frozenset("as")  # sounds and speech


@dataclass(frozen=True, slots=True)
class Stretch:
    """A span of which no picture may be left out. `is_seen`: there must be one; pictures may lie a second apart."""

    span: Span
    is_seen: bool


@dataclass(frozen=True, slots=True)
class Grounds:
    """What of an answer the timeline does not tell, and what it does.

    In each of `windows` there must be a picture, of each of `stretches` none may be left out, and `frames` are those
    that must be kept. `told` are windows of what the timeline tells: a picture there is good, not needed. `unheard`
    says what cannot be heard; empty where nothing is missing.
    """

    windows: tuple[Span, ...] = ()
    stretches: tuple[Stretch, ...] = ()
    frames: tuple[str, ...] = ()
    told: tuple[Span, ...] = ()
    unheard: str = ""


@dataclass(frozen=True, slots=True)
class _Row:
    """A row of the evidence by its id. `name` is an event's kind, a state's variable."""

    row_id: str
    table: str
    start_ns: int
    name: str

    @property
    def is_heard(self) -> bool:
        return self.table in _SOUNDS or (self.table == _EVENT and self.name in _HEARD)


@dataclass(frozen=True, slots=True)
class _Line:
    """One row as the timeline shows it, with the seconds that it spans."""

    start_s: int
    end_s: int
    kind: str
    text: str

    def starts_with(self, ns: int) -> bool:
        return self.start_s == ns // NS_PER_S

    def covers(self, ns: int) -> bool:
        return self.start_s <= ns // NS_PER_S <= self.end_s


@dataclass(frozen=True, slots=True)
class _Timeline:
    """`is_whole`: no row was left out for want of room."""

    lines: tuple[_Line, ...]
    is_whole: bool


def grounds(example: Example) -> Grounds:
    """What the answer of `example` rests on."""
    if example.provenance.get("curriculum") == ALIGNMENT:  # its one frame was chosen because it shows all of it
        return Grounds(frames=example.frames)
    claims = [_Claim.of(claim) for claim in example.provenance.get("claims", ())]
    timeline = _timeline(example)
    rows = _rows(example.evidence)
    return _Judge(example, claims, timeline, rows).grounds()


def lacking(found: Grounds, shown: Iterable[str], every: Iterable[str]) -> str:
    """Why `shown` frames do not bear the answer out; empty where they do. `every` are all frames that there are."""
    if found.unheard:
        return found.unheard
    kept, there_are = set(shown), dict.fromkeys(every)
    wanted = [[frame for frame in there_are if _lies_in(frame, window)] for window in found.windows]
    wanted += [[frame] if frame in there_are else [] for frame in found.frames]
    whole = [(one, [frame for frame in there_are if _lies_in(frame, one.span)]) for one in found.stretches]
    if not all(wanted) or any(one.is_seen and not frames for one, frames in whole):
        return UNSEEN
    if not all(kept.intersection(frames) for frames in wanted) or any(set(frames) - kept for _, frames in whole):
        return NO_ROOM
    return ""


def moment_ns(frame_id: str) -> int | None:
    """When a frame is, by its id; None where that tells no time."""
    found = _ROW.fullmatch(frame_id)
    return int(found[2]) * 1000 if found and found[1] == _FRAME and not found[3] else None


def has_timeline(example: Example) -> bool:
    """Whether the rows that were retrieved stand in what is asked, were they none."""
    return FENCES[0] in _asked(example)


@dataclass(frozen=True, slots=True)
class _Claim:
    """What is needed of a claim as the line holds it: fields that it leaves as they are do not stand there."""

    what: str
    span: Span
    kinds: frozenset[str]
    subject: str
    value: float | None

    @staticmethod
    def of(claim: Mapping[str, Any]) -> _Claim:
        return _Claim(
            what=claim["what"],
            span=Span(claim["start_ns"], claim["end_ns"]),
            kinds=frozenset((claim.get("kind", ""), claim.get("other_kind", ""))),
            subject=claim.get("subject", ""),
            value=claim.get("value"),
        )

    @property
    def is_denial(self) -> bool:
        return self.what == "unknown" or (self.what in ("count", "sum") and not self.value)


@dataclass(frozen=True, slots=True)
class _Judge:
    """One example taken apart. `rows` are those of the evidence that stand for themselves."""

    example: Example
    claims: Sequence[_Claim]
    timeline: _Timeline | None
    rows: Sequence[_Row]

    def grounds(self) -> Grounds:
        told: list[Span] = []
        windows: list[Span] = []
        for row in self.rows:
            if row.is_heard or row.table == _FRAME or self._is_context(row):
                continue
            if self._is_told(row):
                told.append(self._windows(row)[-1])
            else:
                windows += self._windows(row)
        return Grounds(
            windows=tuple(windows),
            stretches=tuple(self._stretches()),
            frames=() if self._is_shown_denial else tuple(row.row_id for row in self.rows if row.table == _FRAME),
            told=tuple(told),
            unheard=self._unheard(),
        )

    @property
    def _lines(self) -> tuple[_Line, ...]:
        return self.timeline.lines if self.timeline else ()

    @property
    def _is_shown_denial(self) -> bool:
        """Whether all that the answer says is that there was nothing, beside a whole timeline of that question."""
        is_whole = self.timeline is not None and self.timeline.is_whole
        return is_whole and bool(self.claims) and all(claim.is_denial for claim in self.claims)

    def _is_context(self, row: _Row) -> bool:
        """A value of the HUD beside events or under a count, where the answer does not name it."""
        if row.table != _STATE or any(claim.what == "value" and claim.subject == row.name for claim in self.claims):
            return False
        return any(one.table == _EVENT for one in self.rows) or any(c.what in _COUNTED for c in self.claims)

    def _windows(self, row: _Row) -> list[Span]:
        """When pictures show it, one in each."""
        start = row.start_ns
        if row.table == _SIGHT:
            return [Span(start, start + 1)]
        if row.table != _EVENT:
            return [self._standing(row)]
        before = [] if row.name in _LASTING else [Span(max(0, start - REACH_NS), max(1, start))]
        return [*before, Span(start, start + REACH_NS + 1)]

    def _standing(self, row: _Row) -> Span:
        """When a value or a text is looked for: it stands from its start on, the line does not say until when, but it
        does at the time asked about."""
        what = "value" if row.table == _STATE else "shown"
        spans = [claim.span for claim in self.claims if claim.what == what and row.name in ("", claim.subject)]
        spans = [span for span in spans or self._asked_spans() if span.end_ns > row.start_ns]
        start = max(row.start_ns, spans[0].start_ns) if spans else row.start_ns
        end = min(start + REACH_NS, spans[0].end_ns) if spans else start + REACH_NS
        after = [one.start_ns for one in self.rows if (one.table, one.name) == (row.table, row.name)]
        after = [ns for ns in after if ns > start] if row.table == _STATE else []
        return Span(start, max(start + 1, min([end, *after])))

    def _asked_spans(self) -> list[Span]:
        return [
            Span(round(start * NS_PER_S), max(round(start * NS_PER_S) + 1, round(end * NS_PER_S)))
            for start, end in self.example.timestamps
        ]

    def _stretches(self) -> Iterator[Stretch]:
        """Of the claims over a stretch; of a value too, where the timeline does not tell it."""
        values = [row for row in self.rows if row.table == _STATE and not self._is_context(row)]
        untold = {row.name for row in values if not self._is_told(row)}
        for claim in self.claims:
            if claim.what == "value" and claim.subject in untold:
                yield Stretch(claim.span, is_seen=True)
            if claim.what not in _OVER_A_STRETCH or claim.kinds & _HEARD:
                continue
            if self.timeline is None or (claim.is_denial and not self.timeline.is_whole):
                yield Stretch(claim.span, is_seen=claim.what != "unknown" and claim.span.duration_ns > REACH_NS)

    def _unheard(self) -> str:
        if any(self._is_unheard_denial(claim) for claim in self.claims):
            return UNHEARD_DENIAL
        if not all(self._is_told(row) for row in self.rows if row.is_heard):
            return UNHEARD
        if any(self._is_unheard(claim) for claim in self.claims):
            return UNHEARD
        return UNHEARD_DENIAL if self._says_nothing_was_said() else ""

    def _is_unheard_denial(self, claim: _Claim) -> bool:
        """Where nothing in the whole video is said to tell something, that is said of its sound too. Of a moment it is
        not: there it is said of what stands on the screen."""
        about_all = (
            claim.what == "unknown"
            and self.example.provenance.get("kind") == UNANSWERABLE
            and claim.span.duration_ns > NS_PER_S
        )
        is_about_sound = about_all or (claim.is_denial and bool(claim.kinds & _HEARD))
        return is_about_sound and not (self.timeline is not None and self.timeline.is_whole)

    def _is_unheard(self, claim: _Claim) -> bool:
        """A sound or words that are claimed, where no row of the evidence and no line of the timeline is of it."""
        if claim.is_denial or not (claim.what == "said" or claim.kinds & _HEARD):
            return False
        if any(row.is_heard for row in self.rows):
            return False
        kinds = _HEARD & claim.kinds or {"speech"}
        return not any(
            claim.span.start_ns // NS_PER_S <= line.start_s <= claim.span.end_ns // NS_PER_S
            for line in self._lines
            if line.kind in kinds
        )

    def _says_nothing_was_said(self) -> bool:
        """Without claims, an answer about what is said that cites neither text nor sound can only be that."""
        if self.claims or self.timeline is not None or self.example.provenance.get("kind") != SAID_OR_SHOWN:
            return False
        return not any(row.is_heard or row.table in (_TEXT, _EVENT) for row in self.rows)

    def _is_told(self, row: _Row) -> bool:
        return any(self._tells(line, row) for line in self._lines)

    def _tells(self, line: _Line, row: _Row) -> bool:
        at_once = line.starts_with(row.start_ns)
        if row.is_heard:
            kind = "speech" if row.table == "s" or row.name == "speech" else "sound"
            return at_once and line.kind == kind and self._names_it(line, row)
        if row.table == _EVENT:
            return at_once and line.kind == row.name
        if row.table == _STATE:
            return self._tells_value(line, row, at_once=at_once)
        if row.table == _TEXT:
            return at_once and (line.kind == "text" or "On screen:" in line.text)
        return False  # a timeline tells of no frame and no tracked thing

    def _tells_value(self, line: _Line, row: _Row, *, at_once: bool) -> bool:
        """As a row of its own, `"health 46"`, or as what an event made of it, `(health 100 to 46)`."""
        values = [claim.value for claim in self.claims if claim.subject == row.name and claim.value is not None]
        value = "|".join(re.escape(f"{value:.10g}") for value in values) or r"[\d.]+"
        name = re.escape(row.name)
        if line.kind == "state":
            return line.covers(row.start_ns) and re.fullmatch(f'"{name} (?:{value})"', line.text) is not None
        return at_once and re.search(rf"\b{name} [\d.]+ to (?:{value})(?![\d.]*\d)", line.text) is not None

    def _names_it(self, line: _Line, row: _Row) -> bool:
        """Whether the line names the sound that the answer claims for that moment."""
        names = [
            claim.subject.casefold()
            for claim in self.claims
            if claim.what == "moment" and claim.kinds & _HEARD and claim.span.contains(row.start_ns)
        ]
        return not names or any(name in line.text.casefold() for name in names)


def _rows(evidence: Iterable[str]) -> list[_Row]:
    """The rows of the evidence, without those that an event before them was made from: the event stands for them."""
    found: list[_Row] = []
    event: _Row | None = None
    for row_id in evidence:
        parts = _ROW.fullmatch(row_id)
        if parts is None:
            continue
        row = _Row(row_id, parts[1], int(parts[2]) * 1000, _name(parts[1], parts[3] or ""))
        if row.table == _EVENT:
            event = row
        elif event is not None and _is_of(row, event):
            continue
        found.append(row)
    return found


def _name(table: str, rest: str) -> str:
    """What an id says after its time. The second event of a kind at once is `death-2`, texts have numbers alone."""
    if table == _EVENT:
        return re.sub(r"-\d+$", "", rest)
    return rest if table == _STATE else ""


def _is_of(row: _Row, event: _Row) -> bool:
    """Whether a row can be of an event: what stands on the screen may have come before it."""
    apart_ns = row.start_ns - event.start_ns
    return apart_ns <= TOGETHER_NS and (row.table in (_STATE, _TEXT) or apart_ns >= -TOGETHER_NS)


def _timeline(example: Example) -> _Timeline | None:
    """The rows between the fences of what is asked; None where there are no fences."""
    asked = _asked(example)
    if FENCES[0] not in asked:
        return None
    found = (_LINE.fullmatch(line) for line in asked)
    return _Timeline(
        lines=tuple(
            _Line(
                _seconds(line["start"]), _seconds(line["end"] or line["start"]), line["kind"].split()[-1], line["text"]
            )
            for line in found
            if line
        ),
        is_whole=not any(_LEFT_OUT.fullmatch(line) for line in asked),
    )


def _asked(example: Example) -> list[str]:
    """The lines of all that is asked."""
    values = (turn.value for turn in example.conversations if turn.speaker != MODEL)
    return [line for value in values for line in value.split("\n")]


def _seconds(clock: str) -> int:
    total = 0
    for part in clock.split(":"):
        total = total * 60 + int(part)
    return total


def _lies_in(frame_id: str, span: Span) -> bool:
    ns = moment_ns(frame_id)
    return ns is not None and span.contains(ns)

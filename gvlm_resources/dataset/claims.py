"""Whether a claim is true by a log of the play (pure).

A log is whoever knows what happened: the facts that the pipeline found (`FactsLog`), or the engine's own record. A
claim is held against each in the same way. What a log does not record it can neither confirm nor deny: such a claim
`cannot_tell`, which is not the same as false.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, Protocol

from gvlm_resources.dataset.facts import Event, Facts, Held, Text
from gvlm_resources.dataset.pairs import Claim
from gvlm_resources.game import Game
from gvlm_resources.timebase import NS_PER_S, Span, s_from_ns
from gvlm_resources.timeline.feed import meanings_of

Result = Literal["true", "false", "cannot_tell"]
TRUE, FALSE, CANNOT_TELL = "true", "false", "cannot_tell"
MESSAGE = "message"  # the category of a text that stands in the game's message lines
SURELY_MEANT = 0.85  # share of letters in common from which a text is a message of the game, misread


@dataclass(frozen=True, slots=True)
class Verdict:
    """`detail` is a sentence for a person, with what the log holds."""

    result: Result
    detail: str


@dataclass(frozen=True, slots=True)
class Happened:
    """Something that happened. `amount` is None where the log holds none, and has no sign.

    `perhaps`: whether it counts as one of its own is a matter of definition; its amount counts in any case.
    """

    start_ns: int
    amount: float | None = None
    perhaps: bool = False


@dataclass(frozen=True, slots=True)
class Run:
    """A stretch over which a variable was `value`; None where it was not shown or could not be read."""

    start_ns: int
    end_ns: int
    value: float | None


class Log(Protocol):
    """What happened, by one who knows. Sequences are in the order of time."""

    @property
    def slack_ns(self) -> int:
        """How far beyond the clock that a claim names a moment may lie and still be that moment."""
        ...

    @property
    def edge_ns(self) -> int:
        """How far from the edge of a span something may lie and count as inside or outside."""
        ...

    def records(self, kind: str, subject: str) -> bool:
        """Whether events of this kind and subject would be in this log if they had happened."""
        ...

    def happened(self, kind: str, subject: str, span: Span) -> Sequence[Happened]:
        """Events that start in the span; of every subject where `subject` is empty."""
        ...

    def runs(self, variable: str, span: Span) -> Sequence[Run] | None:
        """The values over the span, cut to it, without gaps; None where this log does not hold the variable."""
        ...

    def shows(self, text: str, span: Span) -> bool | None:
        """Whether the text stands on the screen at some time in the span; None where the log does not tell."""
        ...

    def says(self, text: str, span: Span) -> bool | None:
        """Whether the words are said in the span; None where the log does not tell."""
        ...

    def tells(self, claim: Claim) -> str | None:
        """What the video's record says of the subject of a claim of `unknown`; "" where nothing, None if unsure."""
        ...


def holds(claim: Claim, log: Log) -> Verdict:
    """Whether the claim is true by the log."""
    return _HOLDS[claim.what](claim, log)


def letters(text: str) -> str:
    """What two readings of one text agree in: letters and digits, without case, spaces and marks."""
    return "".join(char for char in text.casefold() if char.isalnum())


def readings(text: Text, game: Game) -> list[str]:
    """The letters of a text of the screen, and those of the game's message that it is, where a letter was misread."""
    score, meaning = meanings_of(text.text, game)[0] if text.category == MESSAGE else (0.0, None)
    known = [letters(meaning.plain)] if meaning and meaning.rule and score >= SURELY_MEANT else []
    return list(dict.fromkeys([letters(text.text), *known]))


def _count(claim: Claim, log: Log) -> Verdict:
    if not log.records(claim.kind, claim.subject):
        return _not_recorded(claim)
    least = sum(not one.perhaps for one in _within(claim, log, -log.edge_ns))
    most = len(_within(claim, log, log.edge_ns))
    number = least if least == most else f"{least} to {most}"
    return _of(least <= _value(claim) <= most, f"{number} of {_name(claim)} in {_shown(claim.span)}")


def _sum(claim: Claim, log: Log) -> Verdict:
    if not log.records(claim.kind, claim.subject):
        return _not_recorded(claim)
    sure, perhaps = _within(claim, log, -log.edge_ns), _within(claim, log, log.edge_ns)
    if any(one.amount is None for one in perhaps):
        return Verdict(CANNOT_TELL, f"not every amount of {_name(claim)} in {_shown(claim.span)} is known")
    total = sum(one.amount or 0 for one in sure)
    detail = f"the amounts of {_name(claim)} in {_shown(claim.span)} add up to {total:g}"
    return _of(_value(claim) in _sums(sure, perhaps), detail)


def _sums(sure: Sequence[Happened], perhaps: Sequence[Happened]) -> set[float]:
    """Totals of the sure ones with those at the edges, taken from the middle outwards."""
    first = perhaps.index(sure[0]) if sure else len(perhaps)
    last = first + len(sure)
    amounts = [one.amount or 0 for one in perhaps]
    return {sum(amounts[start:end]) for start in range(first + 1) for end in range(last, len(amounts) + 1)}


def _moment(claim: Claim, log: Log) -> Verdict:
    if not log.records(claim.kind, claim.subject):
        return _not_recorded(claim)
    found = _within(claim, log, log.slack_ns)
    if found:
        return Verdict(TRUE, f"{_name(claim)} at {s_from_ns(found[0].start_ns):.2f} s")
    everywhere = log.happened(claim.kind, claim.subject, Span(0, max(claim.end_ns, 1) + 24 * 3600 * NS_PER_S))
    nearest = min(everywhere, key=lambda one: abs(one.start_ns - claim.span.middle_ns), default=None)
    near = f"; the nearest is at {s_from_ns(nearest.start_ns):.2f} s" if nearest else "; there is none at all"
    return Verdict(FALSE, f"no {_name(claim)} in {_shown(claim.span)}{near}")


def _steady(claim: Claim, log: Log) -> Verdict:
    runs = log.runs(claim.subject, _narrowed(claim.span, log.edge_ns))
    if runs is None:
        return Verdict(CANNOT_TELL, f"{claim.subject} is not recorded")
    read = {run.value for run in runs if run.value is not None}
    if any(value != claim.value for value in read):
        values = ", ".join(f"{value:g}" for value in sorted(read))
        return Verdict(FALSE, f"{claim.subject} is {values} in {_shown(claim.span)}")
    if not read or any(run.value is None for run in runs):
        return Verdict(CANNOT_TELL, f"{claim.subject} is not shown all through {_shown(claim.span)}")
    return Verdict(TRUE, f"{claim.subject} is {_value(claim):g} all through {_shown(claim.span)}")


def _extreme(pick: Callable[[set[float]], float], word: str) -> Callable[[Claim, Log], Verdict]:
    def judged(claim: Claim, log: Log) -> Verdict:
        inner = log.runs(claim.subject, _narrowed(claim.span, log.edge_ns))
        outer = log.runs(claim.subject, _widened(claim.span, log.edge_ns))
        if inner is None or outer is None:
            return Verdict(CANNOT_TELL, f"{claim.subject} is not recorded")
        sure = {run.value for run in inner if run.value is not None}
        near = {run.value for run in outer if run.value is not None}
        if not sure:
            return Verdict(CANNOT_TELL, f"{claim.subject} is not shown in {_shown(claim.span)}")
        # At an edge a further value may or may not belong to the span.
        fits = _value(claim) in near and pick({_value(claim), *sure}) == _value(claim)
        return _of(fits, f"the {word} {claim.subject} in {_shown(claim.span)} is {pick(sure):g}")

    return judged


def _order(claim: Claim, log: Log) -> Verdict:
    for kind, subject in ((claim.kind, claim.subject), (claim.other_kind, claim.other_subject)):
        if not log.records(kind, subject):
            return Verdict(CANNOT_TELL, f"{_named(kind, subject)} is not recorded")
    first = log.happened(claim.kind, claim.subject, _widened(claim.span, log.slack_ns))
    then = log.happened(claim.other_kind, claim.other_subject, _widened(claim.other_span, log.slack_ns))
    other = _named(claim.other_kind, claim.other_subject)
    if not first or not then:
        missing = _name(claim) if not first else other
        return Verdict(FALSE, f"no {missing} in {_shown(claim.span if not first else claim.other_span)}")
    detail = f"{_name(claim)} at {s_from_ns(first[0].start_ns):.2f} s, {other} at {s_from_ns(then[0].start_ns):.2f} s"
    if first[0].start_ns < then[0].start_ns or (_is_same(claim) and first[0].start_ns < then[-1].start_ns):
        return Verdict(TRUE, detail)
    if first[0].start_ns < then[-1].start_ns:
        return Verdict(CANNOT_TELL, f"{detail}; there are several of them")
    return Verdict(FALSE, detail)


def _is_same(claim: Claim) -> bool:
    return (claim.kind, claim.subject) == (claim.other_kind, claim.other_subject)


def _on_screen(claim: Claim, log: Log) -> Verdict:
    shown = log.shows(claim.subject, _widened(claim.span, log.edge_ns))
    return _known(shown, f"{claim.subject!r} on the screen in {_shown(claim.span)}")


def _spoken(claim: Claim, log: Log) -> Verdict:
    said = log.says(claim.subject, _widened(claim.span, log.edge_ns))
    return _known(said, f"{claim.subject!r} said in {_shown(claim.span)}")


def _unknown(claim: Claim, log: Log) -> Verdict:
    told = log.tells(claim)
    if told is None:
        return Verdict(CANNOT_TELL, f"whether anything tells {claim.subject!r} is not known")
    return Verdict(FALSE, told) if told else Verdict(TRUE, f"nothing recorded tells {claim.subject!r}")


_HOLDS: Mapping[str, Callable[[Claim, Log], Verdict]] = {
    "count": _count,
    "sum": _sum,
    "moment": _moment,
    "value": _steady,
    "lowest": _extreme(min, "lowest"),
    "highest": _extreme(max, "highest"),
    "order": _order,
    "shown": _on_screen,
    "said": _spoken,
    "unknown": _unknown,
}


def _of(fits: bool, detail: str) -> Verdict:
    return Verdict(TRUE if fits else FALSE, detail)


def _known(answer: bool | None, what: str) -> Verdict:
    if answer is None:
        return Verdict(CANNOT_TELL, f"it is not recorded whether {what}")
    return Verdict(TRUE, what) if answer else Verdict(FALSE, f"not {what}")


def _not_recorded(claim: Claim) -> Verdict:
    return Verdict(CANNOT_TELL, f"{_name(claim)} is not recorded")


def _value(claim: Claim) -> float:
    assert claim.value is not None  # Claim refuses such a claim without one
    return claim.value


def _name(claim: Claim) -> str:
    return _named(claim.kind, claim.subject)


def _named(kind: str, subject: str) -> str:
    return f"{kind} ({subject})" if subject else kind


def _shown(span: Span) -> str:
    return f"{s_from_ns(span.start_ns):.2f}-{s_from_ns(span.end_ns):.2f} s"


def _within(claim: Claim, log: Log, by_ns: int) -> Sequence[Happened]:
    """Events in the claim's span, made wider or, where `by_ns` is less than 0, narrower."""
    start_ns, end_ns = max(0, claim.start_ns - by_ns), claim.end_ns + by_ns
    return log.happened(claim.kind, claim.subject, Span(start_ns, end_ns)) if start_ns < end_ns else []


def _widened(span: Span, by_ns: int) -> Span:
    return Span(max(0, span.start_ns - by_ns), span.end_ns + by_ns)


def _narrowed(span: Span, by_ns: int) -> Span:
    """Without its edges; its middle where it has no more than edges."""
    if span.duration_ns > 2 * by_ns:
        return Span(span.start_ns + by_ns, span.end_ns - by_ns)
    return Span(span.middle_ns, span.middle_ns + 1)


@dataclass(frozen=True)
class FactsLog:
    """The facts of a video as a log: exact to the nanosecond, since claims are drawn from the same rows."""

    facts: Facts
    slack_ns: int = 0
    edge_ns: int = 0

    def records(self, kind: str, subject: str) -> bool:
        """Kinds that the game's rules find, and kinds found although no rule names them, such as sounds."""
        return kind in self.facts.recorded or kind in self._events

    def happened(self, kind: str, subject: str, span: Span) -> Sequence[Happened]:
        wanted = subject.casefold()
        return [
            Happened(event.start_ns, None if event.value is None else abs(event.value))
            for event in _between(self._events.get(kind, []), self._starts.get(kind, []), span)
            if wanted in ("", event.subject.casefold())
        ]

    def runs(self, variable: str, span: Span) -> Sequence[Run] | None:
        series = self._series.get(variable)
        if series is None:
            return None
        found, at = [], span.start_ns
        for held in series[self._first(series, span.start_ns) :]:
            if held.start_ns >= span.end_ns:
                break
            if held.end_ns <= at:
                continue
            if held.start_ns > at:
                found.append(Run(at, held.start_ns, None))
            end_ns = min(held.end_ns, span.end_ns)
            found.append(Run(max(held.start_ns, at), end_ns, held.value))
            at = end_ns
        return [*found, Run(at, span.end_ns, None)] if at < span.end_ns else found

    def shows(self, text: str, span: Span) -> bool | None:
        wanted = letters(text)
        return any(wanted in shown for shown in self._texts.over(span))

    def says(self, text: str, span: Span) -> bool | None:
        wanted = letters(text)
        return any(wanted in said for said in self._said.over(span))

    def tells(self, claim: Claim) -> str | None:
        """Of a kind of event or a variable that is recorded, or of a subject that a row of the span names."""
        wanted = claim.subject.casefold()
        for kind in dict.fromkeys((claim.kind, wanted)):
            if kind and self.records(kind, ""):
                return f"events of kind {kind} are recorded"
        if wanted in self._series and any(run.value is not None for run in self.runs(wanted, claim.span) or ()):
            return f"{wanted} is read in {_shown(claim.span)}"
        told = next((event for event in self._subjects.get(wanted, ()) if claim.span.contains(event.start_ns)), None)
        return f"{told.event_id} tells it: {told.text}" if told else ""

    @staticmethod
    def _first(series: Sequence[Held], ns: int) -> int:
        return max(0, bisect_right(series, ns, key=lambda held: held.start_ns) - 1)

    @cached_property
    def _events(self) -> Mapping[str, list[Event]]:
        found: dict[str, list[Event]] = {}
        for event in self.facts.events:
            found.setdefault(event.kind, []).append(event)
        return found

    @cached_property
    def _starts(self) -> Mapping[str, list[int]]:
        return {kind: [event.start_ns for event in events] for kind, events in self._events.items()}

    @cached_property
    def _series(self) -> Mapping[str, list[Held]]:
        found: dict[str, list[Held]] = {}
        for held in self.facts.states:
            found.setdefault(held.variable, []).append(held)
        return found

    @cached_property
    def _subjects(self) -> Mapping[str, list[Event]]:
        found: dict[str, list[Event]] = {}
        for event in self.facts.events:
            if event.subject:
                found.setdefault(event.subject.casefold(), []).append(event)
        return found

    @cached_property
    def _texts(self) -> Lines:
        known: dict[tuple[str, str], list[str]] = {}
        found = []
        for text in self.facts.texts:
            read = known.setdefault((text.category, text.text), [])
            if not read:
                read += readings(text, self.facts.game)
            found += [(text.start_ns, self._gone_ns(text), one) for one in read]
        return Lines(found)

    def _gone_ns(self, text: Text) -> int:
        """When a text is surely gone. A line of the game's messages stands for its time: what is read there longer may
        be the line that came after it."""
        if text.category != MESSAGE:
            return text.end_ns
        return min(text.end_ns, text.start_ns + round(self.facts.game.feed.shown_s * NS_PER_S))

    @cached_property
    def _said(self) -> Lines:
        return Lines([(one.start_ns, one.end_ns, letters(one.text)) for one in self.facts.speech])


class Lines:
    """Texts with their times, of which those of a span are found without a look at all."""

    def __init__(self, rows: Sequence[tuple[int, int, str]]) -> None:
        self._rows = sorted(rows)
        self._starts = [start for start, _, _ in self._rows]
        self._longest = max((end - start for start, end, _ in self._rows), default=0)

    def over(self, span: Span) -> Iterator[str]:
        """Texts that stand at some time in the span."""
        first = bisect_left(self._starts, span.start_ns - self._longest)
        for _start, end, text in self._rows[first : bisect_left(self._starts, span.end_ns)]:
            if end > span.start_ns:
                yield text


def _between(events: Sequence[Event], starts: Sequence[int], span: Span) -> Sequence[Event]:
    return events[bisect_left(starts, span.start_ns) : bisect_left(starts, span.end_ns)]

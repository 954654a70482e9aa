"""Answers from values of the HUD (pure): a value at a time, how it went, its peak, when it met a number."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from gvlm_resources.reasoning import phrases, vocabulary
from gvlm_resources.reasoning.accounts import Passage, Telling
from gvlm_resources.reasoning.causes import reading_at
from gvlm_resources.reasoning.citing import as_row
from gvlm_resources.reasoning.protocol import StateReading
from gvlm_resources.reasoning.question import Ask
from gvlm_resources.reasoning.retrieve import of_variable, row_words
from gvlm_resources.timebase import NS_PER_S, Span, format_clock

MAX_POINTS = 6
_PLACE = re.compile(r"\b(?:where|point\s+(?:to|at)|which\s+part\s+of\s+the\s+(?:picture|screen|frame))\b", re.I)
# Words that ask for how two values differ.
_MORE = re.compile(
    r"\b(?:ris(?:e|es|en|ing)|rose|up|increas\w+|higher|more|greater|larger|better|gr[eo]w\w*|gain\w*)\b", re.I
)
_LESS = re.compile(
    r"\b(?:fall\w*|fell|down|decreas\w+|lower|less|fewer|smaller|worse|drop\w*|s[aiu]nk\w*|los[et]\w*)\b", re.I
)
_DIFFERENCE = re.compile(
    rf"\bdiffer\w*|\bhow\s+much\b.*\bchang\w+|^\W*(?:did|has|had|have)\b.*\bchang\w+|\bwhich\s+way\b|\bsame\b"
    rf"|{_MORE.pattern}|{_LESS.pattern}",
    re.I,
)


def state(telling: Telling) -> Passage:
    """Values as they were asked for; of a place on the screen that it is not known, beside the value read there."""
    told = _values(telling)
    if not _PLACE.search(telling.question.read_as):
        return told
    return Passage(f"{told.text} The timeline knows values and times, not places on the screen.", told.supported)


def _values(telling: Telling) -> Passage:
    """Values at the moments named, or how they went over the stretch named, or where they stood last."""
    question, scope = telling.question, telling.scope
    if question.ask is Ask.EXTREME:
        return _each(telling, _peak)
    if question.ask is Ask.WHEN:
        return _each(telling, _crossing)
    if question.ask is Ask.YES_NO and question.threshold is not None and not question.threshold.is_count:
        return _compared(telling)
    if _ends(telling) is not None and _DIFFERENCE.search(question.read_as):
        return _each(telling, _difference)
    if scope.points_ns:
        return _each(telling, _at_points)
    if scope.everywhere:
        return _each(telling, _last)
    return _each(telling, _course)


def _ends(telling: Telling) -> tuple[int, int] | None:
    """The two moments between which a value is compared: both named, or the ends of the stretch that is."""
    scope = telling.scope
    if len(scope.points_ns) == 2:
        return min(scope.points_ns), max(scope.points_ns)
    if scope.points_ns or scope.everywhere or len(scope.spans) != 1:
        return None
    return scope.spans[0].start_ns, min(scope.spans[0].end_ns, scope.video.duration_ns - 1)


def _difference(telling: Telling, variable: str) -> Passage:
    """By how much a value changed from one moment to another, and which way; yes or no where one way was asked for."""
    start_ns, end_ns = _ends(telling) or (0, 0)
    for name in _names(telling, variable):
        video = telling.scope.video.video_id
        before = reading_at(telling.evidence.states, name, start_ns, video)
        after = reading_at(telling.evidence.states, name, end_ns, video)
        if before is not None and after is not None:
            return _compared_readings(telling, (before, start_ns), (after, end_ns))
    return _at_points(telling, variable) if telling.scope.points_ns else _course(telling, variable)


def _compared_readings(telling: Telling, before: tuple[StateReading, int], after: tuple[StateReading, int]) -> Passage:
    change = after[0].value - before[0].value
    went = f"{'rose' if change > 0 else 'fell'} by {phrases.number(abs(change))}" if change else "did not change"
    ends = [
        f"{phrases.number(reading.value)} at {format_clock(at_ns)} ({telling.cites.reading(reading)})"
        for reading, at_ns in (before, after)
    ]
    text = phrases.sentence(f"{telling.voice.whose} {_called(before[0].variable)} {went}: {ends[0]} and {ends[1]}")
    if telling.question.ask is not Ask.YES_NO:
        return Passage(text, supported=True)
    asked = telling.question.read_as
    ways = (_MORE.search(asked) is not None, _LESS.search(asked) is not None)
    holds = {(True, False): change > 0, (False, True): change < 0}.get(ways, change != 0)
    return Passage(f"{'Yes' if holds else 'No'}. {text}", supported=True)


def _each(telling: Telling, tell: Callable[[Telling, str], Passage]) -> Passage:
    told = [tell(telling, variable) for variable in telling.question.variables]
    return Passage(" ".join(p.text for p in told if p.text), supported=any(p.supported for p in told))


def _called(variable: str) -> str:
    """A variable as a sentence names it: "your health", "your number of bullets"."""
    return f"number of {variable}" if variable in vocabulary.STANDS_FOR else variable.replace("_", " ")


def _names(telling: Telling, variable: str) -> list[str]:
    return list(dict.fromkeys(s.variable for s in of_variable(telling.evidence.states, variable)))


def _missing(telling: Telling, variable: str) -> Passage:
    text = f"No value of {variable} was read from the screen{_there(telling)}."
    return Passage(text + _last_known(telling, variable), supported=False)


def _there(telling: Telling) -> str:
    return f" {telling.where}" if telling.where else ""


def _at_points(telling: Telling, variable: str) -> Passage:
    if variable == "weapon":
        return _weapon(telling)
    video = telling.scope.video.video_id
    parts = []
    for at_ns in telling.scope.points_ns[:MAX_POINTS]:
        for name in _names(telling, variable):
            reading = reading_at(telling.evidence.states, name, at_ns, video)
            if reading is not None:
                parts.append(_value_at(telling, reading, at_ns))
    return Passage(" ".join(parts), supported=True) if parts else _missing(telling, variable)


def _value_at(telling: Telling, reading: StateReading, at_ns: int) -> str:
    name, value = _called(reading.variable), phrases.number(reading.value)
    cited = telling.cites.reading(reading)
    if reading.end_ns > at_ns:
        return f"At {format_clock(at_ns)} {telling.voice.whose} {name} was {value}, as the HUD showed from {cited} on."
    gone = phrases.duration(at_ns - reading.end_ns + 1)
    unread = f"At {format_clock(at_ns)} {telling.voice.whose} {name} could not be read"
    return f"{unread}; {gone} earlier it was {value} (from {cited} on)."


def _weapon(telling: Telling) -> Passage:
    """The weapon in hand is known only from the last change of weapon before."""
    parts = []
    for at_ns in telling.scope.points_ns[:MAX_POINTS] or (telling.scope.video.duration_ns,):
        by_ns = at_ns + NS_PER_S - 1  # a clock means its whole second
        changes = [row for row in telling.evidence.context if row.kind == "weapon_change" and row.start_ns <= by_ns]
        if changes:
            last = changes[-1]
            told = f"{phrases.quote(phrases.told(last))} {telling.cites.row(last)}"
            parts.append(f"Before {format_clock(at_ns)}, the last weapon change was {told}.")
    if parts:
        return Passage(" ".join(parts), supported=True)
    end_ns = max(telling.scope.points_ns, default=telling.scope.video.duration_ns)
    taken = [row for row in telling.evidence.context if row.start_ns <= end_ns and row_words(row).names("weapon")]
    had = (
        f" Weapons picked up by then: {phrases.listed([f'{phrases.item(r)} {telling.cites.row(r)}' for r in taken])}."
        if taken
        else ""
    )
    text = "The timeline records no change of weapon before that, so the weapon in hand cannot be told."
    return Passage(text + had, supported=False)


def _last(telling: Telling, variable: str) -> Passage:
    if variable == "weapon":
        return _weapon(telling)
    readings = of_variable(telling.evidence.states, variable)
    if not readings:
        return _missing(telling, variable)
    last = readings[-1]
    name = _called(last.variable)
    was = f"{telling.voice.whose} {name} was {phrases.number(last.value)}"
    text = f"At the last reading, {telling.cites.reading(last)}, {was}."
    return Passage(f"{text} Name a time, such as @01:30, for another moment.", supported=True)


def _course(telling: Telling, variable: str) -> Passage:
    """First, lowest, highest and last value over the spans."""
    if variable == "weapon":
        return _weapon(telling)
    parts = []
    for span in telling.scope.spans[:MAX_POINTS]:
        inside = _within(of_variable(telling.evidence.states, variable), span)
        if inside:
            parts.append(_course_in(telling, inside, span))
    return Passage(" ".join(parts), supported=True) if parts else _missing(telling, variable)


def _last_known(telling: Telling, variable: str) -> str:
    """The last value before the stretch asked about, where there is one."""
    start = min((span.start_ns for span in telling.scope.spans), default=0)
    before = [s for s in of_variable(telling.evidence.states, variable) if s.end_ns <= start]
    if not before:
        return ""
    last = before[-1]
    when = f"from {telling.cites.reading(last)} to {format_clock(last.end_ns)}"
    return f" It was last read as {phrases.number(last.value)}, {when}."


def _within(readings: Sequence[StateReading], span: Span) -> list[StateReading]:
    return [s for s in readings if s.start_ns < span.end_ns and s.end_ns > span.start_ns]


def _course_in(telling: Telling, readings: list[StateReading], span: Span) -> str:
    cite, first, last = telling.cites.reading, readings[0], readings[-1]
    name = _called(first.variable)
    low, high = min(readings, key=lambda s: s.value), max(readings, key=lambda s: s.value)
    where = f"between {format_clock(span.start_ns)} and {format_clock(span.end_ns)}"
    if low.value == high.value:
        return phrases.sentence(
            f"{where} {telling.voice.whose} {name} stayed at {phrases.number(low.value)} {cite(first)}"
        )
    went = f"went from {phrases.number(first.value)} {cite(first)} to {phrases.number(last.value)} {cite(last)}"
    peaks = []
    if low not in (first, last):
        peaks.append(f"lowest {phrases.number(low.value)} {cite(low)}")
    if high not in (first, last):
        peaks.append(f"highest {phrases.number(high.value)} {cite(high)}")
    return phrases.sentence(f"{where} {telling.voice.whose} {name} {went}{', ' + ' and '.join(peaks) if peaks else ''}")


def _asked(telling: Telling, variable: str) -> list[StateReading]:
    readings = of_variable(telling.evidence.states, variable)
    if telling.scope.everywhere:
        return readings
    return [s for span in telling.scope.spans for s in _within(readings, span)]


def _peak(telling: Telling, variable: str) -> Passage:
    readings = _asked(telling, variable)
    if not readings:
        return _missing(telling, variable)
    pick, word = (min, "lowest") if telling.question.wants_lowest else (max, "highest")
    best = pick(readings, key=lambda s: s.value).value
    at = telling.cites.each([as_row(s) for s in readings if s.value == best])
    many = f"{len(at)} times, first at {at[0]}" if len(at) > 3 else f"at {phrases.listed(at)}"
    name = _called(readings[0].variable)
    text = f"{telling.voice.whose} {word} {name}{_there(telling)} was {phrases.number(best)}, {many}"
    return Passage(phrases.sentence(text), supported=True)


def _crossing(telling: Telling, variable: str) -> Passage:
    """The first reading of each stretch in which the value meets the number."""
    threshold = telling.question.threshold
    readings = _asked(telling, variable)
    if threshold is None or not readings:
        return _missing(telling, variable)
    starts, met_before = [], False
    for reading in readings:
        met = threshold.holds(reading.value)
        if met and not met_before:
            starts.append(reading)
        met_before = met
    name, sign = _called(readings[0].variable), _SIGNS[threshold.operator]
    bound = f"{sign} {phrases.number(threshold.number)}"
    if not starts:
        low, high = min(readings, key=lambda s: s.value), max(readings, key=lambda s: s.value)
        lowest = f"{phrases.number(low.value)} {telling.cites.reading(low)}"
        seen = f"it was read between {lowest} and {phrases.number(high.value)} {telling.cites.reading(high)}"
        return Passage(
            phrases.sentence(f"{telling.voice.whose} {name} was never read {bound}{_there(telling)}; {seen}"),
            supported=True,
        )
    at = [f"{telling.cites.reading(s)} ({phrases.number(s.value)})" for s in starts]
    return Passage(
        phrases.sentence(f"{telling.voice.whose} {name} came to be {bound} at {phrases.listed(at[:8])}"), supported=True
    )


_SIGNS = {">": "above", ">=": "at least", "<": "below", "<=": "at most", "==": "exactly"}


def _compared(telling: Telling) -> Passage:
    """Whether a value met a number: at the moments named, else at any time of the stretch asked about."""
    threshold, variable = telling.question.threshold, telling.question.variables[0]
    readings = of_variable(telling.evidence.states, variable)
    if not readings or threshold is None:
        return _missing(telling, variable)
    if not telling.scope.points_ns:
        met = [s for s in _asked(telling, variable) if threshold.holds(s.value)]
        told = _crossing(telling, variable)
        return Passage(f"{'Yes' if met else 'No'}. {told.text}", supported=told.supported)
    video = telling.scope.video.video_id
    at = [
        (p, reading_at(telling.evidence.states, readings[0].variable, p, video))
        for p in telling.scope.points_ns[:MAX_POINTS]
    ]
    known = [(point, reading) for point, reading in at if reading is not None and reading.end_ns > point]
    if not known:
        return _at_points(telling, variable)
    parts = [f"{'Yes' if threshold.holds(r.value) else 'No'}. {_value_at(telling, r, point)}" for point, r in known]
    return Passage(" ".join(parts), supported=True)

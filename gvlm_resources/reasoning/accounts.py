"""Accounts of events in one video (pure): how many, when, the biggest, a list, a moment, the whole.

Each function takes the rows found and writes a `Passage`. A passage says nothing that a row it cites does not say; a
count cites every row that it counted, though the text lists no more than `SHOWN` of them.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from gvlm_resources.reasoning import phrases, vocabulary
from gvlm_resources.reasoning.citing import Cites
from gvlm_resources.reasoning.phrases import Voice, listed
from gvlm_resources.reasoning.protocol import Evidence, Row, Scope
from gvlm_resources.reasoning.question import AnchorRelation, Ask, EventQuery, Question
from gvlm_resources.reasoning.retrieve import BESIDE_NS, describe_spans, named_rows, row_words
from gvlm_resources.reasoning.times import Relation
from gvlm_resources.timebase import NS_PER_S, Span, format_clock

SHOWN = 12
MAX_STRETCHES = 4  # told one by one; more are told together
STANDS_NS = 3 * NS_PER_S  # for which a line on the screen can be read, at least
STEPS = 3  # things told of what came next or before
QUIET = ("damage", "death", "pickup")
_BY_THE_WAY = ("sound", "text", "scene_change", "heal", "armor")  # what goes with what happened rather than happens
_LOOSELY = re.compile(r"\W*(?:around|about|near|roughly|approximately|close\s+to|some\s?time|ca)\b", re.I)
RUN_GAP_NS = 2 * NS_PER_S  # shots closer than this are one burst


@dataclass(frozen=True, slots=True)
class Passage:
    text: str
    supported: bool


@dataclass(frozen=True, slots=True)
class Telling:
    """What an account is written with: one question, one video's part of the evidence, the citations, the voice."""

    question: Question
    evidence: Evidence
    cites: Cites
    voice: Voice

    @property
    def scope(self) -> Scope:
        return self.evidence.scopes[0]

    @property
    def where(self) -> str:
        """ "between 01:00 and 02:00", "around 00:45", or nothing for the whole video."""
        points = self.scope.points_ns
        if (
            self.question.times
            and not self.question.anchors
            and len(points) == len(self.question.times) == len(self.scope.spans)
            and len(points) <= 3
            and all(time.relation is Relation.AT for time in self.question.times)
        ):
            return f"around {listed([format_clock(point) for point in points])}"
        return describe_spans(self.scope)


def by_kind(rows: Sequence[Row], asked: tuple[str, ...] = ()) -> dict[str, list[Row]]:
    """Rows by kind: by the one `asked` for that they tell of, else by their own; in the order of a summary."""
    groups: dict[str, list[Row]] = {}
    for row in rows:
        told = next((kind for kind in asked if row.tells(kind)), row.kind or row.source)
        groups.setdefault(told, []).append(row)
    order = {kind: place for place, kind in enumerate(phrases.KIND_ORDER)}
    return dict(sorted(groups.items(), key=lambda item: (order.get(item[0], len(order)), item[0])))


# ------------------------------------------------------------------------------------------ how many


def count(telling: Telling) -> Passage:
    """How often, with each time."""
    parts = []
    for kind, rows in by_kind(telling.evidence.rows, telling.question.target.kinds).items():
        parts.append(phrases.sentence(_told(telling, kind, rows)))
    for kind in telling.question.target.kinds:
        if not any(row.tells(kind) for row in telling.evidence.rows):
            parts.append(phrases.sentence(f"the timeline records {phrases.counted(0, kind)}{_there(telling)}"))
    return Passage(" ".join([*parts, *_beside(telling)]), supported=True)


def _beside(telling: Telling) -> list[str]:
    """The messages that name what was asked for beside the events: they are why those were counted."""
    rows, subject = telling.evidence.rows, telling.question.target.subject
    if not subject or telling.question.ask is Ask.WHY or any(row.kind in ("pickup", "message") for row in rows):
        return []
    if any(vocabulary.names_all(subject, row_words(row)) for row in rows):
        return []
    said = [r for r in telling.evidence.context if r.is_shown and vocabulary.names_all(subject, row_words(r))]
    said = [one for one in said if any(abs(one.start_ns - row.start_ns) <= BESIDE_NS for row in rows)]
    return [phrases.sentence(f"the screen said {_quotes(telling, said)}")] if said else []


def _there(telling: Telling) -> str:
    return f" {telling.where}" if telling.where else ""


def _told(telling: Telling, kind: str, rows: list[Row]) -> str:
    """One kind's count in one clause, with a citation of each row."""
    where = f"{telling.where} " if telling.where else ""
    who, words, n = telling.voice.who, phrases.words_for(kind), len(rows)
    named = _matching(telling)
    if kind == "pickup":
        return f"{where}{who} picked up {n} item{'' if n == 1 else 's'}{named}: {_items(telling, rows)}"
    if kind == "sound":
        verb = "sound was" if n == 1 else "sounds were"
        return f"{where}{n} {verb} heard{named}: {_items(telling, rows)}"
    if kind == "weapon_change":
        return f"{where}{who} changed weapon {phrases.times(n)}{named}: {_items(telling, rows)}"
    if kind == "damage":
        worth = f" for {phrases.amount(_total(rows))} damage{' in all' if n > 1 else ''}" if _total(rows) else ""
        return f"{where}{who} {telling.voice.were} hit {phrases.times(n)}{worth}{named}: {_moments(telling, rows)}"
    if kind in ("message", "text", "speech"):
        verb = "heard" if kind == "speech" else "shown"
        noun = words.one if n == 1 else words.many
        return f"{where}{n} {noun}{named} {'was' if n == 1 else 'were'} {verb}: {_quotes(telling, rows)}"
    if words.past:
        total = _total(rows)
        amount = f", {phrases.units(total, words.unit)} in all" if words.unit and total and n > 1 else ""
        single = f" ({phrases.units(total, words.unit)})" if words.unit and total and n == 1 else ""
        return f"{where}{who} {words.past} {phrases.times(n)}{single}{amount}{named}: {_moments(telling, rows)}"
    return f"{where}the timeline records {phrases.counted(n, kind)}{named}: {_moments(telling, rows)}"


def _matching(telling: Telling) -> str:
    subject = telling.question.target.subject
    return f" matching “{' '.join(subject)}”" if subject else ""


def _total(rows: Sequence[Row]) -> float:
    return sum(abs(row.value) for row in rows if row.value is not None)


def _moments(telling: Telling, rows: Sequence[Row]) -> str:
    """`at [00:45], [01:52] and [03:10]`; of many, the first few and the last."""
    labels = telling.cites.each(rows)
    if len(labels) <= SHOWN:
        return f"at {listed(labels)}"
    return f"at {', '.join(labels[: SHOWN - 2])} and {len(labels) - SHOWN + 1} more moments, the last {labels[-1]}"


def _items(telling: Telling, rows: Sequence[Row]) -> str:
    """Items with their times, one item of several pickups once."""
    groups: dict[str, list[Row]] = {}
    for row in rows:
        groups.setdefault(phrases.item(row), []).append(row)
    parts = []
    for place, (name, found) in enumerate(sorted(groups.items(), key=lambda g: -len(g[1]))):
        labels = telling.cites.each(found)
        if place >= SHOWN:
            continue
        shown = ", ".join(labels) if len(labels) <= 4 else f"{', '.join(labels[:3])} and {len(labels) - 3} more"
        parts.append(f"{name} ({shown})" if len(found) == 1 else f"{name} ({phrases.times(len(found))}: {shown})")
    if len(groups) > SHOWN:
        parts.append(f"{len(groups) - SHOWN} other things")
    return listed(parts)


def _quotes(telling: Telling, rows: Sequence[Row]) -> str:
    shown = [f"{phrases.quote(phrases.words_of(row))} {telling.cites.row(row)}" for row in rows]
    if len(shown) <= SHOWN:
        return listed(shown)
    return f"{', '.join(shown[: SHOWN - 1])} and {len(shown) - SHOWN + 1} more, the last {telling.cites.row(rows[-1])}"


def total(telling: Telling) -> Passage:
    """The sum of the amounts, from the rows that have one."""
    parts = []
    for kind, rows in by_kind(telling.evidence.rows, telling.question.target.kinds).items():
        words = phrases.words_for(kind)
        valued = [row for row in rows if row.value is not None]
        if not words.unit or not valued:
            parts.append(phrases.sentence(_told(telling, kind, rows)))
            continue
        unit = phrases.units(_total(valued), words.unit)
        verb = {"damage": "took", "heal": "gained", "shot": "used", "armor": "gained or lost"}.get(kind, "had")
        where = f"{telling.where} " if telling.where else ""
        parts.append(
            phrases.sentence(
                f"{where}{telling.voice.who} {verb} {unit} in {phrases.counted(len(valued), kind)}, "
                f"{_moments(telling, valued)}"
            )
        )
        if len(valued) < len(rows):
            parts.append(
                f"{phrases.sentence(phrases.counted(len(rows) - len(valued), kind))[:-1]} more without an amount."
            )
    return Passage(" ".join(parts), supported=True)


# ---------------------------------------------------------------------------------------------- when


def when(telling: Telling) -> Passage:
    """At which moments; of a single one also what the timeline says there."""
    if not telling.question.target.kinds and telling.question.quoted:
        return quoted(telling)
    which = telling.question.target.which
    parts = []
    for kind, rows in by_kind(telling.evidence.rows, telling.question.target.kinds).items():
        past = phrases.words_for(kind).past
        place = f" for the {phrases.ordinal(which)} time" if which else ""
        if kind == "pickup" and which:
            nth = f"the {phrases.ordinal(which)} pickup{_matching(telling)}{_there(telling)}"
            parts.append(phrases.sentence(f"{nth} was {_items(telling, rows)}"))
        elif kind == "pickup":
            parts.append(phrases.sentence(_told(telling, kind, rows)))
        elif which and not past:
            nth = f"the {phrases.ordinal(which)} {phrases.words_for(kind).one}{_matching(telling)}{_there(telling)}"
            parts.append(phrases.sentence(f"{nth} was {_quotes(telling, rows)}"))
        elif past:
            did = f"{telling.voice.who} {past}{place}{_within(telling)}"
            parts.append(phrases.sentence(f"{did} {_moments(telling, rows)}"))
        else:
            parts.append(phrases.sentence(f"{phrases.counted(len(rows), kind)}: {_quotes(telling, rows)}"))
        if len(rows) == 1 and (past or kind == "pickup"):
            parts.append(phrases.reads(rows[0]))
    return Passage(" ".join([*parts, *_beside(telling)]), supported=True)


def _within(telling: Telling) -> str:
    """Where "for the first time" holds, where that is not the whole video."""
    return _there(telling) if telling.question.target.which else ""


def extreme(telling: Telling) -> Passage:
    """The event with the largest or smallest amount; all of them where several are equal."""
    valued = [row for row in telling.evidence.rows if row.value is not None]
    every = telling.evidence.rows
    if not valued:
        kind = every[0].kind
        return Passage(
            f"The timeline records {phrases.counted(len(every), kind)}, none with an amount to compare.",
            supported=False,
        )
    pick = min if telling.question.wants_lowest else max
    best = abs(pick(valued, key=lambda row: abs(row.value or 0)).value or 0)
    chosen = [row for row in valued if abs(row.value or 0) == best]
    kind = next(iter(by_kind(chosen, telling.question.target.kinds)))
    words = phrases.words_for(kind)
    size = "smallest" if telling.question.wants_lowest else "biggest"
    worth = phrases.units(best, words.unit) if words.unit else phrases.amount(best)
    of = f"{phrases.counted(len(valued), kind)}{_there(telling)}"
    text = f"the {size} of {of} was {worth}, at {listed(telling.cites.each(chosen))}"
    if len(valued) == 1:
        text = f"the only {words.one}{_there(telling)} was {worth}, at {telling.cites.row(chosen[0])}"
    said = f" {phrases.reads(chosen[0])}" if len(chosen) == 1 else ""
    return Passage(phrases.sentence(text) + said, supported=True)


def listing(telling: Telling) -> Passage:
    """Every event of the kinds asked for; one asked for by its place with what the timeline says there."""
    if telling.question.target.which is not None:
        return when(telling)
    told = count(telling)
    told = Passage(f"{_just_there(telling)}{told.text}", told.supported)
    if re.search(r"\bwhere\b", telling.question.read_as, re.I):
        return Passage(
            f"{told.text} The timeline knows times, not places: the frames at these moments show where.", supported=True
        )
    return told


def _just_there(telling: Telling) -> str:
    """What of the rows stands at the very second that was named, told before what is around it."""
    points, rows = telling.scope.points_ns, telling.evidence.rows
    here = [row for row in rows if any(_stands_at(row, point) for point in points)]
    if not here or len(here) == len(rows) or telling.question.anchors:
        return ""
    told = []
    for kind, found in by_kind(here, telling.question.target.kinds).items():
        if kind in ("message", "text", "speech"):
            told.append(_quotes(telling, found))
        elif kind in ("pickup", "weapon_change", "sound", "shot"):
            told.append(_items(telling, found))
        else:
            told.append(f"{phrases.counted(len(found), kind)} {', '.join(telling.cites.each(found))}")
    return f"At {listed([format_clock(point) for point in points])} itself: {listed(told)}. "


def _stands_at(row: Row, point: int) -> bool:
    """Whether a row lies in the second that a clock names; what the screen says can be read for a while."""
    lasts = STANDS_NS if row.tells("message") else 0
    return row.start_ns < point + NS_PER_S and max(row.end_ns, row.start_ns + lasts) > point


def which_first(telling: Telling) -> Passage:
    """Of two events the one asked for, with the times of both."""
    one, other = (_first_of(telling, event) for event in telling.question.compared)
    if one is None or other is None:
        known = one or other
        if known is None:
            return Passage("The timeline records neither of the two.", supported=False)
        missing = telling.question.compared[0 if one is None else 1]
        name = " ".join([*missing.subject, *(phrases.words_for(kind).one for kind in missing.kinds)])
        text = f"the timeline records {told_row(telling, known)}, and no {name}"
        return Passage(phrases.sentence(text), supported=False)
    first, last = sorted((one, other), key=lambda row: (row.start_ns, row.row_id))
    if telling.question.wants_lowest:
        text = f"first came {told_row(telling, first)}; then came {told_row(telling, last)}"
    else:
        text = f"later came {told_row(telling, last)}; before it came {told_row(telling, first)}"
    return Passage(phrases.sentence(text), supported=True)


def _first_of(telling: Telling, event: EventQuery) -> Row | None:
    rows = [row for row in telling.evidence.rows if any(row.tells(kind) for kind in event.kinds)]
    return next(iter(named_rows(event.subject, rows)), None)


def told_row(telling: Telling, row: Row) -> str:
    """`[00:45] “Died (health 12 to 0).”`."""
    return f"{telling.cites.row(row)} {phrases.quote(phrases.told(row).rstrip('.'))}"


def quoted(telling: Telling) -> Passage:
    """When a text that was quoted stands on the screen or is told by the timeline."""
    rows, asked = telling.evidence.rows, listed([phrases.quote(text) for text in telling.question.quoted])
    labels = telling.cites.each(rows)
    first = f"{asked} first stands on the timeline{_there(telling)} at {labels[0]}"
    more = f", then at {listed(labels[1:SHOWN])}" if len(labels) > 1 else ""
    return Passage(f"{phrases.sentence(first + more)} {phrases.reads(rows[0])}", supported=True)


def yes_no(telling: Telling) -> Passage:
    """Yes with the moments, or how often against what was compared with.

    Of a second that is named, yes only where something stands in that very second, and else the nearest to it.
    """
    threshold = telling.question.threshold
    if threshold is None and _is_of_a_second(telling):
        return _in_that_second(telling)
    told = count(telling)
    if threshold is None:
        return Passage(f"Yes. {told.text}", supported=True)
    rows = telling.evidence.rows
    holds = threshold.holds(len(rows) if threshold.is_count else _total(rows))
    return Passage(f"{'Yes' if holds else 'No'}. {told.text}", supported=True)


def _is_of_a_second(telling: Telling) -> bool:
    """Whether "at 0:45" and nothing wider was named; "around 0:45" is as wide as a moment is."""
    times = telling.question.times
    return (
        bool(telling.scope.points_ns)
        and not telling.question.anchors
        and all(time.relation is Relation.AT and not _LOOSELY.match(time.text) for time in times)
    )


def _in_that_second(telling: Telling) -> Passage:
    points, rows = telling.scope.points_ns, telling.evidence.rows
    here = [row for row in rows if any(_stands_at(row, point) for point in points)]
    kind = next(iter(by_kind(here or rows, telling.question.target.kinds)))
    at = listed([format_clock(point) for point in points])
    if here:
        return Passage(f"Yes. {phrases.sentence(f'at {at}: {_told_plain(telling, kind, here)}')}", supported=True)
    nearest = min(rows, key=lambda row: min(abs(row.start_ns - point) for point in points))
    none = f"the timeline records no {phrases.words_for(kind).one}{_matching(telling)} at {at} itself"
    return Passage(f"No. {phrases.sentence(f'{none}; the nearest is {told_row(telling, nearest)}')}", supported=True)


# ----------------------------------------------------------------------------- moments and the whole


def moment(telling: Telling) -> Passage:
    """What stands in each stretch asked about: one sentence for all of it, then the lines nearest to the moment."""
    rows = _without_echoes(telling.evidence.rows)
    if telling.question.step:
        return _stepped(telling, rows)
    spans = telling.scope.spans
    if len(spans) < 2 or len(spans) > MAX_STRETCHES:
        where = telling.where or "in the whole video"
        focus = _focus(telling, spans[0]) if len(spans) == 1 else telling.scope.points_ns
        return Passage(_stretch(telling, rows, where, focus, SHOWN), supported=True)
    parts = []
    for span in spans:
        inside = [row for row in rows if span.overlaps(row.span)]
        where = f"between {format_clock(span.start_ns)} and {format_clock(span.end_ns)}"
        told = _stretch(telling, inside, where, _focus(telling, span), SHOWN // 2)
        parts.append(told if inside else phrases.sentence(f"{where} nothing stands on the timeline"))
    return Passage("\n".join(parts), supported=True)


def _stepped(telling: Telling, rows: Sequence[Row]) -> Passage:
    """The one thing after or before a moment, and what comes next to it in time."""
    after = telling.question.step > 0
    points = telling.scope.points_ns or tuple(s.start_ns if after else s.end_ns for s in telling.scope.spans)
    # A clock is as wide as its second: what it names stands in that second, and is not what came next.
    named_ns = NS_PER_S if telling.question.times else 0
    point = points[0]
    weighty = [row for row in rows if row.kind not in _BY_THE_WAY] or list(rows)
    inside = [row for row in weighty if (row.start_ns >= point + named_ns if after else row.start_ns < point)]
    same = [row for row in weighty if point <= row.start_ns < point + named_ns]
    near = (inside if after else inside[::-1])[:STEPS]
    where = f"{'after' if after else 'before'} {format_clock(point)}"
    if not near and not same:
        return Passage(f"Nothing else stands on the timeline {where}.", supported=False)
    lines = [f"- {telling.cites.row(row)} {_line(row)}" for row in near]
    lead = (
        f"The {'next' if after else 'last'} things {where}, nearest first:" if near else f"Nothing else came {where}."
    )
    here = [f"In that second: {listed([told_row(telling, row) for row in same[:STEPS]])}."] if same else []
    return Passage("\n".join([lead, *lines, *here]), supported=True)


def _focus(telling: Telling, span: Span) -> tuple[int, ...]:
    """The moments of a stretch that matter most: what is "before I died" ends with it."""
    if any(anchor.relation is AnchorRelation.BEFORE for anchor in telling.question.anchors):
        return (span.end_ns,)
    return tuple(p for p in telling.scope.points_ns if span.start_ns <= p <= span.end_ns)


def _stretch(telling: Telling, rows: Sequence[Row], where: str, points_ns: tuple[int, ...], limit: int) -> str:
    runs = _runs(rows)
    shown = _nearest(runs, points_ns, limit)
    lines = [_run_line(telling, run) for run in shown]
    if len(shown) < len(runs):
        hidden = sum(len(run) for run in runs) - sum(len(run) for run in shown)
        more = f"{hidden} more row{' stands' if hidden == 1 else 's stand'} there"
        lines.append(f"{more}; these are {'the nearest' if points_ns else 'those that say most'}.")
    lead = phrases.sentence(f"{where} {_gist(telling, rows)}")
    return "\n".join([lead, *lines])


def _runs(rows: Sequence[Row]) -> list[list[Row]]:
    """Rows in order, those that follow one another and are of one kind and about one thing together."""
    runs: list[list[Row]] = []
    for row in rows:
        last = runs[-1][-1] if runs else None
        is_same = last is not None and (last.kind, last.subject) == (row.kind, row.subject) and row.kind == "shot"
        if last is not None and is_same and row.start_ns - last.start_ns <= RUN_GAP_NS:
            runs[-1].append(row)
        else:
            runs.append([row])
    return runs


def _run_line(telling: Telling, run: list[Row]) -> str:
    labels = telling.cites.each(run)
    again = f" {phrases.times(len(run)).capitalize()} until {labels[-1]}." if len(run) > 1 else ""
    return f"- {labels[0]} {_line(run[0])}{again}"


def _line(row: Row) -> str:
    if row.is_said or row.is_shown:
        return f"{'Speech' if row.is_said else 'On the screen'}: {phrases.quote(phrases.words_of(row))}"
    return phrases.sentence(phrases.told(row))


def _without_echoes(rows: Sequence[Row]) -> tuple[Row, ...]:
    """Rows without what only repeats an event beside it, and without scene changes where there is more to say."""
    said = {_echo(row, 0) for row in rows if row.source == "event"}
    told = [row for row in rows if row.source != "text" or not any(_echo(row, d) in said for d in (-1, 0, 1))]
    return tuple([row for row in told if row.kind != "scene_change"] or told)


def _echo(row: Row, shift_s: int) -> tuple[str, frozenset[str], int]:
    words = frozenset(vocabulary.words_of(phrases.words_of(row)))
    return row.video_id, words, row.start_ns // NS_PER_S + shift_s


def _gist(telling: Telling, rows: Sequence[Row]) -> str:
    """`you took damage 4 times (67 in all), picked up 1 item and died once`."""
    did, shown = [], []
    for kind, found in by_kind(rows).items():
        words, total_value = phrases.words_for(kind), _total(found)
        if kind == "pickup":
            did.append(f"picked up {len(found)} item{'' if len(found) == 1 else 's'}")
        elif words.past:
            amount = f" ({phrases.amount(total_value)} in all)" if kind == "damage" and total_value else ""
            did.append(f"{words.past} {phrases.times(len(found))}{amount}")
        else:
            shown.append(phrases.counted(len(found), kind))
    parts = [f"{telling.voice.who} {listed(did)}"] if did else []
    parts += _quiet(telling, rows)
    if shown:
        verb = "was" if len(shown) == 1 and shown[0].startswith("1 ") else "were"
        parts.append(f"there {verb} {listed(shown)}")
    return "; ".join(parts)


def _quiet(telling: Telling, rows: Sequence[Row]) -> list[str]:
    """That nobody was hurt, took anything or died in a stretch, where the game's rules would have found it."""
    known = set(QUIET) <= set(telling.scope.video.recorded_kinds)
    if not known or telling.scope.everywhere or telling.evidence.anchors or any(row.kind in QUIET for row in rows):
        return []
    return ["the timeline records no hit, no pickup and no death"]


def _nearest(runs: list[list[Row]], points_ns: tuple[int, ...], limit: int) -> list[list[Row]]:
    """At most `limit` runs: those nearest to the moments named, else those that say most; in order of time."""
    if len(runs) <= limit:
        return runs
    if points_ns:
        ranked = sorted(runs, key=lambda run: min(abs(row.start_ns - point) for row in run for point in points_ns))
    else:
        ranked = sorted(runs, key=lambda run: (run[0].source == "text", run[0].kind == "shot", -abs(run[0].value or 0)))
    kept = {run[0].row_id for run in ranked[:limit]}
    return [run for run in runs if run[0].row_id in kept]


def summary(telling: Telling) -> Passage:
    """The whole video, or a stretch of it, kind by kind."""
    rows = _without_echoes(telling.evidence.rows)
    video = telling.scope.video
    start = f"{phrases.plain(video.title)} runs {format_clock(video.duration_ns)}"
    parts = [phrases.sentence(start if not telling.where else f"{start}; this is {telling.where}")]
    for kind, found in by_kind(rows).items():
        parts.append(phrases.sentence(_summed(telling, kind, found)))
    parts += [phrases.sentence(one) for one in (*_quiet(telling, rows), *_values(telling))]
    return Passage(" ".join(parts), supported=True)


def _values(telling: Telling) -> list[str]:
    """How health and armor stood at the two ends of a stretch, and the least and the most in between."""
    parts = []
    for name in ("health", "armor"):
        readings = [state for state in telling.evidence.states if state.variable == name]
        if not readings:
            continue
        first, last = readings[0], readings[-1]
        low, high = min(readings, key=lambda state: state.value), max(readings, key=lambda state: state.value)
        whose, cite = f"{telling.voice.whose} {name}", telling.cites.reading
        if len({state.value for state in readings}) == 1:
            parts.append(f"{whose} stayed at {phrases.number(first.value)} {cite(first)}")
            continue
        start, end = (f"{phrases.number(state.value)} {cite(state)}" for state in (first, last))
        least = f", lowest {phrases.number(low.value)} {cite(low)}" if low.value < min(first.value, last.value) else ""
        most = (
            f", highest {phrases.number(high.value)} {cite(high)}" if high.value > max(first.value, last.value) else ""
        )
        parts.append(f"{whose} went from {start} to {end}{least}{most}")
    return parts


def _summed(telling: Telling, kind: str, rows: list[Row]) -> str:
    """One kind in one sentence: what is rare in full, what is frequent by its number and its peak."""
    words, n, who = phrases.words_for(kind), len(rows), telling.voice.who
    peak = max(rows, key=lambda row: abs(row.value or 0))
    if kind == "damage" and n > 3 and peak.value:
        most = f"the heaviest {phrases.amount(peak.value)} at {telling.cites.row(peak)}"
        return f"{who} took {phrases.amount(_total(rows))} damage in {phrases.counted(n, kind)}, {most}"
    if kind == "pickup":
        return f"{who} picked up {n} item{'' if n == 1 else 's'}: {_items(telling, rows)}"
    if kind in ("message", "text", "speech", "scene"):
        some = rows if n <= 3 else [rows[0], rows[n // 2], rows[-1]]
        quoted = listed([f"{phrases.quote(phrases.words_of(row))} {telling.cites.row(row)}" for row in some])
        return f"{phrases.counted(n, kind)}{', among them' if n > 3 else ':'} {quoted}"
    past = f"{words.past}{_with_what(rows)}" if kind == "shot" else words.past
    did = f"{who} {past} {phrases.times(n)}" if words.past else f"the timeline records {phrases.counted(n, kind)}"
    if n <= 8:
        return f"{did}, at {listed(telling.cites.each(rows))}"
    return f"{did}, from {telling.cites.row(rows[0])} to {telling.cites.row(rows[-1])}"


def _with_what(rows: Sequence[Row]) -> str:
    """` the shotgun and the pistol` of shots, the most used first."""
    names = list(dict.fromkeys(row.subject for row in rows if row.subject))
    names.sort(key=lambda name: -sum(row.subject == name for row in rows))
    return f" {listed([f'the {phrases.plain(name)}' for name in names[:4]])}" if names else ""


# ----------------------------------------------------------------------------------------- durations


def how_long(telling: Telling) -> Passage:
    """How long a video, a life, or the time to an event is."""
    scope, cites, rows = telling.scope, telling.cites, telling.evidence.rows
    if telling.evidence.anchors:
        return _between_anchors(telling)
    if not rows:
        length = phrases.duration(scope.video.duration_ns)
        text = f"{phrases.plain(scope.video.title)} is {length} long ({format_clock(scope.video.duration_ns)})."
        return Passage(text, supported=True)
    if "respawn" in telling.question.target.kinds:
        return _lives(telling)
    first = rows[0]
    what = phrases.item(first) if first.subject else phrases.words_for(first.kind).one
    text = f"{phrases.duration(max(1, first.start_ns))} into the video, at {cites.row(first)}: {what}"
    return Passage(phrases.sentence(text), supported=True)


def _lives(telling: Telling) -> Passage:
    """Each life from the start or the last respawn to the death that ended it."""
    if re.search(r"\bdead\b", telling.question.read_as, re.I):
        return _gaps(telling)
    start_ns, born, number, parts = 0, None, 0, []
    for row in telling.evidence.rows:
        if row.kind == "respawn":
            start_ns, born = row.start_ns, row
            continue
        number += 1
        begun = f"{telling.cites.row(born)} to " if born else "to "
        parts.append((number, f"{phrases.duration(max(1, row.start_ns - start_ns))} ({begun}{telling.cites.row(row)})"))
        start_ns, born = row.end_ns, None
    wanted = telling.question.life
    if wanted is not None:
        parts = parts[wanted - 1 : wanted] if wanted > 0 else parts[wanted:][:1]
    if not parts:
        return Passage("The timeline records no such life.", supported=False)
    lives = [f"the {phrases.ordinal(n)} life {length}" for n, length in parts]
    return Passage(phrases.sentence(f"{telling.voice.who} lived: {listed(lives)}"), supported=True)


def _gaps(telling: Telling) -> Passage:
    """From each death to the respawn after it."""
    rows, parts, total_ns = telling.evidence.rows, [], 0
    for death, born in pairwise(rows):
        if death.kind == "death" and born.kind == "respawn":
            gap_ns = max(1, born.start_ns - death.start_ns)
            total_ns += gap_ns
            parts.append(f"{phrases.duration(gap_ns)} ({telling.cites.row(death)} to {telling.cites.row(born)})")
    if not parts:
        return Passage("The timeline records no death with a respawn after it.", supported=False)
    total = f", {phrases.duration(total_ns)} in all" if len(parts) > 1 else ""
    text = f"{telling.voice.who} {telling.voice.were} dead for {listed(parts)}{total}"
    return Passage(phrases.sentence(text), supported=True)


def _between_anchors(telling: Telling) -> Passage:
    """From one event to another, from the start to an event, or from an event to the end."""
    rows = sorted(telling.evidence.anchors, key=lambda row: row.start_ns)
    first, last = rows[0], rows[-1]
    if len(rows) > 1:
        length = phrases.duration(max(1, last.start_ns - first.start_ns))
        return Passage(f"{length} from {telling.cites.row(first)} to {telling.cites.row(last)}.", supported=True)
    if telling.question.anchors[0].relation is AnchorRelation.AFTER:
        length = phrases.duration(telling.scope.video.duration_ns - first.start_ns)
        return Passage(f"{length} from {telling.cites.row(first)} to the end of the video.", supported=True)
    return Passage(
        f"{phrases.duration(max(1, first.start_ns))} from the start to {telling.cites.row(first)}.", supported=True
    )


ACCOUNTS = {
    Ask.COUNT: count,
    Ask.TOTAL: total,
    Ask.WHEN: when,
    Ask.EXTREME: extreme,
    Ask.LIST: listing,
    Ask.YES_NO: yes_no,
    Ask.HOW_LONG: how_long,
    Ask.SUMMARY: summary,
    Ask.WHICH_FIRST: which_first,
    Ask.WHAT_HAPPENED: moment,
}


def unmatched(telling: Telling) -> Passage:
    """Events of the kind are there, but not the one asked for: said so, with those that are."""
    target, rows = telling.question.target, telling.evidence.unmatched
    kind = next(iter(by_kind(rows, target.kinds)))
    named = [row for row in rows if vocabulary.names_all(target.subject, row_words(row))]
    if target.which is not None and named:
        parts = f"there is no {phrases.ordinal(target.which)} {phrases.words_for(kind).one}{_there(telling)}"
        text = f"{parts}: the timeline records {phrases.counted(len(named), kind)}, {_moments(telling, named)}"
    else:
        asked = " ".join(target.subject)
        none = f"no {phrases.words_for(kind).one} on the timeline{_there(telling)} names “{asked}”"
        text = f"{none}; it records {_told_plain(telling, kind, rows)}"
    no = "No. " if telling.question.ask is Ask.YES_NO else ""
    return Passage(f"{no}{phrases.sentence(text)}", supported=True)


def elsewhere(telling: Telling) -> Passage:
    """None of the kind at the time asked about; said so, with those at other times."""
    question, rows = telling.question, telling.evidence.elsewhere
    kind = next(iter(by_kind(rows, question.target.kinds)))
    threshold = question.threshold
    no = "No. " if threshold is None else "Yes. " if threshold.holds(0) else "No. "
    no = no if question.ask is Ask.YES_NO else ""
    none = listed([phrases.words_for(one).one for one in question.target.kinds or (kind,)], last="or")
    text = f"the timeline records no {none}{_matching(telling)}{_there(telling)}"
    others = f"at other times it records {_told_plain(telling, kind, rows)}"
    return Passage(f"{no}{phrases.sentence(text)} {phrases.sentence(others)}", supported=True)


def _told_plain(telling: Telling, kind: str, rows: Sequence[Row]) -> str:
    many = phrases.counted(len(rows), kind)
    if kind == "pickup":
        return f"{many}: {_items(telling, rows)}"
    if kind in ("message", "text", "speech"):
        return f"{many}: {_quotes(telling, rows)}"
    return f"{many}, {_moments(telling, rows)}"

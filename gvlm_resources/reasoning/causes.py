"""Why something happened (pure): what led up to a death, hit by hit, and what stands before any other event.

A timeline records what was shown, not what was meant. A cause is named only where a message names it; otherwise the
account says what came before and that nothing names the cause.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from gvlm_resources.reasoning import phrases
from gvlm_resources.reasoning.accounts import Passage, Telling
from gvlm_resources.reasoning.phrases import listed
from gvlm_resources.reasoning.protocol import Row, StateReading
from gvlm_resources.timebase import NS_PER_S, format_clock

RUN_GAP_NS = 15 * NS_PER_S  # hits further apart than this are two fights
JUST_BEFORE_NS = 10 * NS_PER_S
JUST_AFTER_NS = 3 * NS_PER_S
NEAR_ENOUGH_NS = 5 * NS_PER_S
SHOWN_HITS = 6
EXPLAINED = 3
# A line on the screen that tells how somebody died, in the wording of Doom's engines and of games like it.
_NAMES_A_CAUSE = re.compile(
    r"\b(?:killed|slain|died|dies|blown|melted|burned|burnt|fragged|shot|zapped|mauled|slashed|bitten|eaten|crushed|drowned"
    r"|fell|squashed|pulverized|electrocuted|by an?|by the)\b",
    re.I,
)
_WHO_DID_IT = re.compile(
    r"\bwho(?:m|se)?\b|\benem(?:y|ies)\b|\bwhat\s+(?:was\s+it\s+that\s+)?(?:hit|hurt|shot)\b", re.I
)


def why(telling: Telling) -> Passage:
    """The account of each event asked about, at most `EXPLAINED` of them."""
    rows = telling.evidence.rows
    parts = [text for text in (_distance(telling, row) for row in rows[:EXPLAINED]) if text]
    for row in rows[:EXPLAINED]:
        parts.append(_death(telling, row) if row.kind == "death" else _other(telling, row))
    if len(rows) > EXPLAINED:
        rest = telling.cites.each(rows[EXPLAINED:])
        parts.append(
            f"{len(rows) - EXPLAINED} more, at {listed(rest)}. "
            f"Ask about one of them by its time, such as @{rows[EXPLAINED].clock}."
        )
    if any(row.kind != "death" for row in rows[:EXPLAINED]):
        asks_who = _WHO_DID_IT.search(telling.question.read_as) is not None
        who = "No message on the timeline names who or what did it. " if asks_who and not _is_named(telling) else ""
        parts.append(f"{who}The timeline records what happened, not the reason for it.")
    return Passage("\n".join(parts), supported=True)


def _is_named(telling: Telling) -> bool:
    """Whether a line on the screen near to one of the events tells who or what did it."""
    rows = telling.evidence.rows[:EXPLAINED]
    shown = [row for row in telling.evidence.context if row.is_shown and _NAMES_A_CAUSE.search(phrases.words_of(row))]
    return any(abs(one.start_ns - row.start_ns) <= JUST_AFTER_NS for one in shown for row in rows)


def _distance(telling: Telling, row: Row) -> str:
    """Where the moment named is not the event's: how far off the event is."""
    points = telling.scope.points_ns
    if not points or not telling.question.times:
        return ""
    point = min(points, key=lambda p: abs(p - row.start_ns))
    off = row.start_ns - point
    if abs(off) <= NEAR_ENOUGH_NS:
        return ""
    kind = phrases.words_for(row.kind or row.source).one
    side = "later" if off > 0 else "earlier"
    return f"No {kind} stands at {format_clock(point)} itself; the nearest is {phrases.duration(abs(off))} {side}."


def _death(telling: Telling, death: Row) -> str:
    before = _this_life(telling.evidence.context, death)
    run = _last_run([row for row in before if row.kind == "damage"])
    parts = [phrases.sentence(f"{telling.voice.who} died at {telling.cites.row(death)}")]
    parts.append(phrases.sentence(_hits(telling, death, run)))
    parts.append(phrases.sentence(_help(telling, before, run[0] if run else death)))
    parts.append(phrases.sentence(_named(telling, death, run)))
    return " ".join(part for part in parts if part)


def _this_life(context: Sequence[Row], death: Row) -> list[Row]:
    """The rows of the life that `death` ended, as far back as the evidence goes, and the last blow beside it."""
    mine = [row for row in context if row.video_id == death.video_id]
    ends = [row.end_ns for row in mine if row.kind in ("death", "respawn") and row.start_ns < death.start_ns]
    start = max(ends, default=0)
    return [
        row
        for row in mine
        if start <= row.start_ns <= death.start_ns or (row.kind == "damage" and start <= row.start_ns < death.end_ns)
    ]


def _last_run(hits: list[Row]) -> list[Row]:
    """The hits of the last fight: back from the last one until a gap of more than `RUN_GAP_NS`."""
    run: list[Row] = []
    for row in sorted(hits, key=lambda row: row.start_ns, reverse=True):
        if run and run[-1].start_ns - row.end_ns > RUN_GAP_NS:
            break
        run.append(row)
    return run[::-1]


def _hits(telling: Telling, death: Row, run: list[Row]) -> str:
    whose = telling.voice.whose
    if not run:
        return "the timeline records no damage in this life before it, so what did it cannot be told from it"
    total = sum(abs(row.value) for row in run if row.value is not None)
    worth = f" worth {phrases.amount(total)} damage" if total else ""
    took = max(death.start_ns, run[-1].start_ns) - run[0].start_ns
    lasted = f"in the {phrases.duration(took)} before" if took >= NS_PER_S else "just before"
    fell = _fall(telling, death, run[0])
    if len(run) == 1:
        return f"{lasted}, one hit{worth} came at {telling.cites.row(run[0])}{fell}"
    return (
        f"{lasted}, {telling.voice.who} took {len(run)} hits{worth}{fell}: {_each_hit(telling, run)}" if whose else ""
    )


def _each_hit(telling: Telling, run: list[Row]) -> str:
    """`12 at [00:33], 20 at [00:38] and the last, 23, at [00:44]`; of many, the heaviest and the last."""
    last = run[-1]
    heaviest = sorted(run[:-1], key=lambda row: -abs(row.value or 0))[: SHOWN_HITS - 1]
    shown = [row for row in run[:-1] if row in heaviest]
    parts = [f"{_size(row)} at {telling.cites.row(row)}" for row in shown]
    hidden = [row for row in run[:-1] if row not in heaviest]
    if hidden:
        telling.cites.each(hidden)
        parts.append(f"{len(hidden)} smaller")
    size = f", {phrases.amount(last.value)}," if last.value is not None else ""
    return listed([*parts, f"the last{size} at {telling.cites.row(last)}"])


def _size(row: Row) -> str:
    return phrases.amount(row.value) if row.value is not None else "one"


def _fall(telling: Telling, death: Row, first: Row) -> str:
    """ ", and your health fell from 79 to 0", where the HUD was read on both sides."""
    before = reading_at(telling.evidence.states, "health", first.start_ns - 1, death.video_id)
    after = reading_at(telling.evidence.states, "health", death.start_ns, death.video_id)
    if before is None or after is None or after.value >= before.value:
        return ""
    start = f"{phrases.number(before.value)} {telling.cites.reading(before)}"
    armor = reading_at(telling.evidence.states, "armor", first.start_ns - 1, death.video_id)
    worn = f", with {phrases.number(armor.value)} armor {telling.cites.reading(armor)}" if armor is not None else ""
    end = f"{phrases.number(after.value)} {telling.cites.reading(after)}"
    return f", and {telling.voice.whose} health fell from {start} to {end}{worn}"


def reading_at(states: Sequence[StateReading], variable: str, at_ns: int, video_id: str) -> StateReading | None:
    """The reading that holds at a moment, or the last one before it."""
    known = [s for s in states if s.variable == variable and s.video_id == video_id and s.start_ns <= at_ns]
    return max(known, key=lambda s: (s.end_ns > at_ns, s.start_ns), default=None)


def _help(telling: Telling, before: list[Row], first: Row) -> str:
    """What was picked up or healed last before the fight and during it."""
    helped = [
        row
        for row in before
        if row.kind in ("heal", "pickup", "armor") and (row.kind != "armor" or (row.value or 0) > 0)
    ]
    if not helped:
        return "no pickup and no heal is recorded in the minute before"
    last = helped[-1]
    during = last.start_ns >= first.start_ns
    name = (
        phrases.item(last)
        if last.kind == "pickup"
        else f"{phrases.words_for(last.kind).unit} +{phrases.amount(last.value or 0)}"
    )
    verb = "the last thing picked up" if last.kind == "pickup" else "the last gain"
    return f"{verb} was {name} at {telling.cites.row(last)}, {'during the fight' if during else 'before the fight'}"


def _named(telling: Telling, death: Row, run: list[Row]) -> str:
    """Who or what did it: as the death's own row names it, else a message near it, else that nothing names it."""
    if death.subject:
        return phrases.reads(death)
    start = run[0].start_ns if run else death.start_ns - JUST_BEFORE_NS
    near = [
        row
        for row in telling.evidence.context
        if row.video_id == death.video_id
        and (row.is_said or row.is_shown)
        and start - JUST_BEFORE_NS <= row.start_ns <= death.end_ns + JUST_AFTER_NS
    ]
    naming = [row for row in near if not row.is_said and _NAMES_A_CAUSE.search(phrases.words_of(row))]
    if naming:
        return f"the screen said {listed([_quoted(telling, row) for row in naming[-2:]])}"
    spoken = [row for row in near if row.is_said]
    said = f"; heard then: {_quoted(telling, spoken[-1])}" if spoken else ""
    return f"no message on the timeline names what did it{said}"


def _quoted(telling: Telling, row: Row) -> str:
    return f"{phrases.quote(phrases.words_of(row))} {telling.cites.row(row)}"


def _other(telling: Telling, row: Row) -> str:
    """An event that is no death: what it was, and what stands in the ten seconds before it."""
    if row.source == "event":
        head = f"at {telling.cites.row(row)}: {phrases.told(row)}"
    else:
        head = _quoted(telling, row)
    before = [
        r
        for r in telling.evidence.context
        if r.row_id != row.row_id
        and r.video_id == row.video_id
        and row.start_ns - JUST_BEFORE_NS <= r.start_ns <= row.start_ns
        and r.kind not in ("shot", "scene_change")
    ]
    parts = [phrases.sentence(head)]
    if before:
        told = listed([f"{phrases.told(r).rstrip('.')} {telling.cites.row(r)}" for r in before[-4:]])
        parts.append(phrases.sentence(f"just before: {told}"))
    return " ".join(parts)

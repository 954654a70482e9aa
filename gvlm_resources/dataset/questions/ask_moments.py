"""What happened, and when (pure)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import pairwise

from gvlm_resources.dataset.facts import Event, Held
from gvlm_resources.dataset.pairs import LENGTHS, WHAT, WHEN, Claim
from gvlm_resources.dataset.questions import ask_draft as say
from gvlm_resources.dataset.questions import ask_things, ask_yes_no
from gvlm_resources.dataset.questions.ask_context import Context, amount_of, around, before_and_after, in_full, only_one
from gvlm_resources.dataset.questions.ask_draft import Draft
from gvlm_resources.dataset.questions.ask_view import (
    NAMED,
    QUIET_NS,
    SAME_NS,
    View,
    count,
    moment,
    second,
    starting_in,
    value,
)
from gvlm_resources.timebase import NS_PER_S, Span

MOST_LISTED = 4
ORDINALS = 5  # the n-th of many is hard to find and seldom asked
FIRST_ONLY = ("shot",)  # two may be read as one
# Seen in part, or told with something else: a change between weapons of the same ammunition changes no number.
UNSEEN = ("weapon_change", "heal", "armor", "scene_change", "sound")
QUIET_KINDS = ("damage", "pickup", "death")


def what(view: View) -> Iterator[Draft]:
    yield from _at(view)
    yield from _fired(view)
    yield from _between(view)
    yield from _nothing(view)
    yield from ask_things.what(view)
    yield from ask_yes_no.happened(view)


def when(view: View) -> Iterator[Draft]:
    yield from _ordinals(view)
    yield from _within(view)
    yield from _values(view)


def _at(view: View) -> Iterator[Draft]:
    """What there was in a second in which nothing else was."""
    for event in view.happenings:
        if not view.timed(event):
            continue
        if event.kind == "pickup" and only_one(view, event, "pickup"):
            yield _one(view, event, "what_picked")
        known = view.ammunition_of(event) is None
        if event.kind == "weapon_change" and known and only_one(view, event, "weapon_change"):
            yield _one(view, event, "what_weapon")
        if _alone(view, event):
            yield _one(view, event, "what_at")


def _fired(view: View) -> Iterator[Draft]:
    """The weapon that was fired, or the ammunition used, in seconds in which it was the only one."""
    by_second = {event.start_ns // NS_PER_S: event for event in view.of_kind("shot")}
    for event in by_second.values():
        around = Span(max(0, event.start_ns - QUIET_NS), event.start_ns + QUIET_NS)
        changes = view.of_kind("weapon_change", span=around)
        if view.timed(event) and event.subject and not changes:
            yield _one(view, event, "what_fired" if view.ammunition_of(event) is None else "what_spent")


def _one(view: View, event: Event, topic: str) -> Draft:
    """What happened in a second; at length with how much it was, the numbers about it and what came before or after."""
    amount, context = amount_of(view, event), around(view, event)
    rule = view.ammunition_of(event)
    return Draft(
        WHAT,
        topic,
        event.kind,
        say.until(event),
        say.rows_of(view, event),
        (moment(event),),
        {
            "time": say.clock(event.start_ns),
            "did": say.told(view, event, "did"),
            "at": say.told(view, event, "at"),
            "at_full": in_full(view, event, amount),
            "name": say.quoted(event.subject),
            "plain": say.bare(event.subject),
            "ammunition": lambda wording: wording.ammunition_of(rule.name, rule.words) if rule else "",
            "context": context.words,
        },
        at_ns=(event.start_ns,),
        lengths=LENGTHS if amount else context.lengths,
        more_claims=(*amount, *context.claims),
        more_evidence=context.evidence,
    )


def _alone(view: View, event: Event) -> bool:
    """Whether nothing else is told of the second it starts in, not even a shot."""
    at = second(event.start_ns)
    others = [one for one in view.events_in(at) if one.kind not in ("sound", "scene_change")]
    if event.kind in ("sound", "scene_change"):
        others = [one for one in view.events_in(at) if one.kind in view.kinds]
    return all(abs(one.start_ns - event.start_ns) <= SAME_NS for one in others)


def _between(view: View) -> Iterator[Draft]:
    """The hits, items and deaths of a stretch one after the other, all of them told."""
    told = [event for event in view.happenings if event.kind in QUIET_KINDS]
    for span in view.stretches():
        events = starting_in(told, span)
        if not 2 <= len(events) <= MOST_LISTED or not all(view.timed(event) for event in events):
            continue
        kinds = [kind for kind in QUIET_KINDS if kind in view.facts.recorded]
        if not all(view.countable(kind, span) for kind in kinds) or not well_apart(events):
            continue
        context = _numbers_about(view, events)
        yield Draft(
            WHAT,
            "what_between",
            f"{len(events)} events",
            span,
            say.ids_of(events),
            tuple(moment(event) for event in events),
            {
                "start": say.clock(span.start_ns),
                "end": say.clock(span.end_ns),
                "dids": say.sentences(view, events, "did"),
                "nouns": say.told_all(view, events, "noun"),
                "sentences": say.sentences(view, events),
                "context": context.words,
            },
            at_ns=tuple(event.start_ns for event in events),
            more_claims=context.claims,
            more_evidence=context.evidence,
        )


def _numbers_about(view: View, events: Sequence[Event]) -> Context:
    """The numbers before and after the last of some events that changed one."""
    found = (before_and_after(view, event) for event in reversed(events))
    return next((context for context in found if context.phrases), Context())


def well_apart(events: Sequence[Event], apart_ns: int = 500_000_000) -> bool:
    starts = [event.start_ns for event in events]
    return all(later - earlier >= apart_ns for earlier, later in pairwise(starts))


def _nothing(view: View) -> Iterator[Draft]:
    """A stretch in which what the game would show did not happen."""
    if not set(QUIET_KINDS) <= view.facts.recorded:
        return
    for span in view.stretches():
        if quiet(view, span):
            rows = [held for name in view.rules for held in view.held_in(name, span) if covers(held, span)]
            health = next(held for held in rows if held.variable == "health")
            yield Draft(
                WHAT,
                "what_nothing",
                "nothing",
                span,
                tuple(held.state_id for held in rows),
                tuple(count(kind, span, 0) for kind in QUIET_KINDS),
                {
                    "start": say.clock(span.start_ns),
                    "end": say.clock(span.end_ns),
                    "value": say.number(health.value),
                },
                at_ns=(span.middle_ns,),
                more_claims=(value(health, span),),
            )


def quiet(view: View, span: Span) -> bool:
    """Whether nothing was taken, no hit and no death fell into it, and the health was read all the time."""
    none = not any(view.of_kind(kind, span=span) for kind in QUIET_KINDS)
    health = [held for held in view.held_in("health", span) if covers(held, span)]
    return none and bool(health) and all(view.countable(kind, span) for kind in QUIET_KINDS)


def covers(held: Held, span: Span) -> bool:
    return held.start_ns <= span.start_ns and held.end_ns >= span.end_ns


def _ordinals(view: View) -> Iterator[Draft]:
    """The first, n-th and last time of something that surely was not missed before."""
    for kind, subject in named(view):
        events = view.of_kind(kind, subject)
        for nth, event in enumerate(events[:ORDINALS], 1):
            if kind in FIRST_ONLY and nth > 1:
                break
            if view.timed(event) and counted_before(view, events[:nth]):
                yield nth_of(view, event, nth)
        last = events[-1]
        after = Span(last.start_ns, view.facts.duration_ns)
        if len(events) < 2 or kind in FIRST_ONLY or view.unread.under_kind(kind, after):
            continue
        if view.timed(last) and counted_before(view, events):
            yield nth_of(view, last, -1)


def _within(view: View) -> Iterator[Draft]:
    """The time of what was only once in a stretch."""
    for span in view.stretches():
        for kind in (kind for kind in view.kinds if kind not in UNSEEN and view.countable(kind, span)):
            events = view.of_kind(kind, span=span)
            often = Counter(event.subject for event in events)
            for event in (one for one in events if often[one.subject] == 1 and view.timed(one)):
                draft = nth_of(view, event, 1, topic="when_within")
                subject = event.subject if kind in NAMED else ""
                if subject or len(events) == 1:
                    yield replace(
                        draft,
                        span=span,
                        evidence=say.rows_of(view, event),
                        claims=(moment(event), count(kind, span, 1, subject)),
                        fields=draft.fields | {"start": say.clock(span.start_ns), "end": say.clock(span.end_ns)},
                    )


def named(view: View) -> list[tuple[str, str]]:
    """Kinds with the subject that is stated of them, in the order in which they come first."""
    kinds = (*view.kinds, "shot") if view.rules else view.kinds
    told = [event for event in view.facts.events if event.kind in kinds]
    told = [event for event in told if event.kind not in UNSEEN]
    found = [(event.kind, event.subject if event.kind in NAMED else "") for event in told]
    often = Counter(found)
    return [key for key in dict.fromkeys(found) if often[key] and (key[0] not in NAMED or key[1])]


def counted_before(view: View, events: Sequence[Event]) -> bool:
    """Whether these are surely the first of their kind: none before the last of them is in doubt or was unseen."""
    last = events[-1]
    if view.unread.under_kind(last.kind, Span(0, last.start_ns + 1)):
        return False
    before = [one for one in view.of_kind(last.kind) if one.start_ns <= last.start_ns]
    if last.kind == "pickup":
        return all(view.sure(one) for one in before) and well_apart(events)
    return all(view.sure(one) for one in before) and (len(events) == 1 or well_apart(events))


def nth_of(view: View, event: Event, nth: int, *, topic: str = "when_nth", kind: str = WHEN) -> Draft:
    amount, before = amount_of(view, event), earlier(view, event, nth)
    context = around(view, event, apart_from=before)
    return Draft(
        kind,
        topic,
        event.kind,
        say.until(event),
        tuple(dict.fromkeys((*say.rows_of(view, event), *say.ids_of(before)))),
        (moment(event), *place_in_order(view, event, nth)),
        {
            "nth": say.ordinal(nth),
            "clause": say.told(view, event, "clause"),
            "time": say.clock(event.start_ns),
            "at": say.told(view, event, "at"),
            "at_full": in_full(view, event, amount),
            "context": context.words,
        },
        at_ns=(event.start_ns,),
        more_claims=(*amount, *context.claims),
        more_evidence=context.evidence,
    )


def earlier(view: View, event: Event, nth: int) -> list[Event]:
    """Those of its kind that its place in their order rests on."""
    subject = event.subject if event.kind in NAMED else ""
    return view.of_kind(event.kind, subject)[: max(0, nth - 1)]


def place_in_order(view: View, event: Event, nth: int) -> tuple[Claim, ...]:
    """That so many of its kind came before it; of the last one, that none comes after."""
    subject = event.subject if event.kind in NAMED else ""
    at = second(event.start_ns)
    span = Span(at.end_ns, view.facts.duration_ns) if nth == -1 and at.end_ns < view.facts.duration_ns else None
    if nth > 0 and at.start_ns > 0:
        span = Span(0, at.start_ns)
    if span is None:
        return ()
    return (count(event.kind, span, len(view.of_kind(event.kind, subject=subject, span=span)), subject),)


def _values(view: View) -> Iterator[Draft]:
    """When a number became what it was at no other time."""
    for name in view.rules:
        series = view.facts.series(name)
        often = Counter(held.value for held in series)
        for before, after in pairwise(series):
            event = _cause(view, name, after)
            if often[after.value] > 1 or event is None or after.start_ns - before.end_ns > SAME_NS:
                continue
            if _lasting(before) and _lasting(after):
                yield _became(view, event, before, after)


def _lasting(held: Held) -> bool:
    return held.end_ns - held.start_ns >= 2 * QUIET_NS


def _cause(view: View, name: str, held: Held) -> Event | None:
    """The event that is the step to this value, where its second is sure."""
    rule = view.rules[name]
    kinds = {rule.on_increase, rule.on_decrease, rule.gained_by} - {None}
    around = Span(max(0, held.start_ns - SAME_NS), held.start_ns + SAME_NS)
    near = [event for event in view.events_in(around) if event.kind in kinds]
    near.sort(key=lambda event: event.kind != rule.gained_by)  # what was taken says more than that something rose
    return next((event for event in near if held.state_id in event.evidence and view.timed(event)), None)


def _became(view: View, event: Event, before: Held, after: Held) -> Draft:
    until, since = Span(before.end_ns - QUIET_NS, before.end_ns - QUIET_NS // 3), after.start_ns + QUIET_NS // 3
    return Draft(
        WHEN,
        "when_value",
        after.variable,
        Span(before.end_ns - NS_PER_S if before.end_ns > NS_PER_S else 0, after.start_ns + NS_PER_S),
        (before.state_id, after.state_id, event.event_id),
        (moment(event), value(after, Span(since, since + NS_PER_S))),
        {
            "variable": say.variable(view, after.variable),
            "value": say.number(after.value),
            "before": say.number(before.value),
            "time": say.clock(event.start_ns),
            "clause": say.told(view, event, "clause"),
        },
        at_ns=(after.start_ns + NS_PER_S // 2,),
        more_claims=(value(before, until),),
    )

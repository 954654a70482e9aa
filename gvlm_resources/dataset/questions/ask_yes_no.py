"""Questions that are answered by yes or no: what is so, and what is nearly so (pure).

Of each sort there are as many of one as of the other where both can be asked. What is claimed decides the answer: of a
"no" what was so instead.
"""

from __future__ import annotations

from collections.abc import Iterator

from gvlm_resources.dataset.facts import Event, Held
from gvlm_resources.dataset.pairs import STATE, WHAT, Claim
from gvlm_resources.dataset.questions import ask_draft as say
from gvlm_resources.dataset.questions.ask_context import (
    HITS,
    Context,
    amount_of,
    around,
    nearest_hit,
    only_one,
    trend,
)
from gvlm_resources.dataset.questions.ask_draft import Draft, Phrase
from gvlm_resources.dataset.questions.ask_view import View, count, moment, second, value
from gvlm_resources.timebase import NS_PER_S, Span

YES, NO = "yes_", "no_"  # what the names of the topics begin with
NEAR_NS = 8 * NS_PER_S  # from a hit to the second that is asked about instead
APART_NS = 3 * NS_PER_S  # no item that is asked about in vain is taken so near to that second


def is_one(draft: Draft) -> bool:
    return draft.topic.startswith((YES, NO))


def says_yes(draft: Draft) -> bool:
    return draft.topic.startswith(YES)


def happened(view: View) -> Iterator[Draft]:
    """Whether an item was taken, or the player hit, at a time."""
    items = list(dict.fromkeys(event.subject for event in view.of_kind("pickup") if view.message_of(event)))
    for event in view.of_kind("pickup"):
        if not view.timed(event) or not view.message_of(event) or not only_one(view, event, "pickup"):
            continue
        yield _taken(view, event, event.subject)
        yield from (_taken(view, event, other) for other in items if _not_taken_then(view, event, other))
    for event in view.of_kind("damage"):
        if view.timed(event) and only_one(view, event, "damage"):
            yield _hit(view, event)
            yield from _not_hit(view, event)


def _not_taken_then(view: View, event: Event, other: str) -> bool:
    """Whether an item is another one, by all its names, and not taken about then."""
    one, two = event.subject.casefold(), other.casefold()
    about = Span(max(0, event.start_ns - APART_NS), event.start_ns + APART_NS)
    return one not in two and two not in one and not view.of_kind("pickup", other, span=about)


def _taken(view: View, event: Event, asked: str) -> Draft:
    is_so, at = asked == event.subject, second(event.start_ns)
    context = around(view, event)
    claims = (moment(event),) if is_so else (moment(event), count("pickup", at, 0, asked))
    fields = {"name": say.quoted(asked), "actual": say.quoted(event.subject)}
    return _of_event(view, event, f"{YES if is_so else NO}picked", claims, fields, context)


def _hit(view: View, event: Event) -> Draft:
    amount = amount_of(view, event)
    context = around(view, event)
    return _of_event(view, event, f"{YES}hit", (moment(event),), {}, context, amount)


def _of_event(
    view: View,
    event: Event,
    topic: str,
    claims: tuple[Claim, ...],
    fields: dict[str, Phrase],
    context: Context,
    amount: tuple[Claim, ...] = (),
) -> Draft:
    return Draft(
        WHAT,
        topic,
        event.kind,
        say.until(event),
        say.rows_of(view, event),
        claims,
        {"time": say.clock(event.start_ns), "context": context.words, **fields},
        at_ns=(event.start_ns,),
        lengths=context.lengths,
        more_claims=(*amount, *context.claims),
        more_evidence=context.evidence,
    )


def _not_hit(view: View, event: Event) -> Iterator[Draft]:
    """A second near to a hit in which there was none, and the health stayed as it was."""
    near = [one for one in view.sure_seconds("health") if abs(one[1].start_ns - event.start_ns) <= NEAR_NS]
    for held, at in near[:: max(1, len(near) - 1)]:
        if all(view.countable(kind, at) for kind in HITS) and not any(view.of_kind(kind, span=at) for kind in HITS):
            context = nearest_hit(view, at, later=at.start_ns < event.start_ns)
            yield Draft(
                WHAT,
                f"{NO}hit",
                "damage",
                at,
                (held.state_id,),
                (*(count(kind, at, 0) for kind in HITS), value(held, at)),
                {
                    "time": say.clock(at.start_ns),
                    "value": say.number(held.value),
                    "context": context.words,
                },
                at_ns=(at.middle_ns,),
                more_claims=context.claims,
                more_evidence=context.evidence,
            )


def values(view: View) -> Iterator[Draft]:
    """Whether a number was what it was, or what it was before or after."""
    for name in filter(view.varies, view.rules):
        seconds: dict[str, list[Span]] = {}
        for held, at in view.sure_seconds(name):
            seconds.setdefault(held.state_id, []).append(at)
        series = view.facts.series(name)
        for place, held in enumerate(series):
            if held.state_id not in seconds:
                continue
            at = seconds[held.state_id][len(seconds[held.state_id]) // 2]
            beside = (*series[max(0, place - 1) : place], *series[place + 1 : place + 2])
            others = [one.value for one in beside if one.value != held.value]
            yield _value(view, held, at, held.value)
            yield from (_value(view, held, at, other) for other in dict.fromkeys(others))


def _value(view: View, held: Held, at: Span, asked: float) -> Draft:
    context = trend(view, held, at)
    return Draft(
        STATE,
        f"{YES if asked == held.value else NO}value",
        held.variable,
        at,
        (held.state_id,),
        (value(held, at),),
        {
            "variable": say.variable(view, held.variable),
            "time": say.clock(at.start_ns),
            "asked": say.number(asked),
            "value": say.number(held.value),
            "context": context.words,
        },
        at_ns=(at.middle_ns,),
        lengths=context.lengths,
        more_claims=context.claims,
        more_evidence=context.evidence,
    )

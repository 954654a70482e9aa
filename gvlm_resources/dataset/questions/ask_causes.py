"""Why: a cause is stated where a row names it, with the chain that led there (pure)."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import pairwise

from gvlm_resources.dataset.facts import Event, Held
from gvlm_resources.dataset.pairs import LENGTHS, WHY
from gvlm_resources.dataset.questions import ask_draft as say
from gvlm_resources.dataset.questions.ask_context import Context, around, before_and_after, figure
from gvlm_resources.dataset.questions.ask_draft import Draft
from gvlm_resources.dataset.questions.ask_moments import well_apart
from gvlm_resources.dataset.questions.ask_view import SAME_NS, View, moment, second, value
from gvlm_resources.timebase import NS_PER_S, Span

CHAIN_NS = 10 * NS_PER_S
MOST_HITS = 4
FAR_NS = 15 * NS_PER_S
LOWERED = ("health", "armor")  # numbers that hits lower
MENDING = ("heal", "armor", "pickup", "death", "respawn")  # what changes those numbers too


def why(view: View) -> Iterator[Draft]:
    yield from (_death(view, event) for event in view.of_kind("death") if event.subject and view.timed(event))
    yield from _lower(view)
    yield from _rises(view)
    yield from _falls(view)
    yield from _returns(view)


def _death(view: View, death: Event) -> Draft:
    """What the message names, and the hits of the last seconds before."""
    hits = last_hits(view, death)
    context = _health_before(view, (*hits, death)[0])
    claims = (replace(moment(death), subject=death.subject),)
    return Draft(
        WHY,
        "why_death" if hits else "why_death_at_once",
        death.subject,
        say.until(*hits, death),
        (*say.ids_of(hits), *say.rows_of(view, death)),
        claims,
        {
            "time": say.clock(death.start_ns),
            "cause": lambda wording: wording.cause(death.subject),
            "hits": say.clocks([hit.start_ns for hit in hits]),
            "context": context.words,
        },
        at_ns=tuple(event.start_ns for event in (*hits, death)),
        lengths=LENGTHS if hits else context.lengths,
        more_claims=(*(moment(hit) for hit in hits), *context.claims),
        more_evidence=context.evidence,
    )


def _health_before(view: View, event: Event) -> Context:
    """How much health the player had before what led to a death."""
    sure = view.sure_seconds("health")
    at = bisect_left(sure, event.start_ns, key=lambda one: one[1].end_ns)
    near = at > 0 and event.start_ns - sure[at - 1][1].end_ns <= CHAIN_NS
    return figure("health_before", *sure[at - 1]) if near else Context()


def last_hits(view: View, death: Event) -> list[Event]:
    """The last hits of this life before the fatal one whose times are sure, each in a second of its own."""
    lives = [e.start_ns for e in view.facts.events if e.kind in ("death", "respawn") and e.start_ns < death.start_ns]
    since = max([*lives, death.start_ns - CHAIN_NS, 0])
    span = Span(since, max(since + 1, second(death.start_ns).start_ns))
    hits = [hit for hit in view.of_kind("damage", span=span) if view.timed(hit)]
    by_second = {hit.start_ns // NS_PER_S: hit for hit in hits}
    return list(by_second.values())[-MOST_HITS:]


def _rises(view: View) -> Iterator[Draft]:
    """A number that rose because something was taken."""
    for event in view.of_kind("pickup"):
        rule = view.message_of(event)
        raised = [name for name in (rule.gives if rule else ()) if _steps(view, event, name) > 0]
        if len(raised) != 1 or not view.timed(event) or not _one_pickup(view, event):
            continue
        name, context = raised[0], before_and_after(view, event)
        yield Draft(
            WHY,
            "why_rise",
            f"{name} {event.subject}",
            say.until(event),
            say.rows_of(view, event),
            (moment(event),),
            {
                "variable": say.variable(view, name),
                "variable_start": say.sentence_start(say.variable(view, name)),
                "time": say.clock(event.start_ns),
                "name": say.quoted(event.subject),
                "context": context.words,
            },
            at_ns=(event.start_ns,),
            lengths=context.lengths,
            more_claims=context.claims,
            more_evidence=context.evidence,
            tier=1 if name in LOWERED else 2,
        )


def _one_pickup(view: View, event: Event) -> bool:
    """Whether nothing else was taken in that second."""
    return len(view.of_kind("pickup", span=second(event.start_ns))) == 1


def _steps(view: View, event: Event, name: str) -> float:
    """By how much a number changed with an event."""
    before, after = view.facts.value_at(name, max(0, event.start_ns - SAME_NS)), None
    after = view.facts.value_at(name, event.start_ns + SAME_NS)
    return after.value - before.value if before and after else 0.0


def _falls(view: View) -> Iterator[Draft]:
    """A number of rounds that fell because a weapon was fired."""
    by_second = {event.start_ns // NS_PER_S: event for event in view.of_kind("shot")}
    for event in by_second.values():
        rule = next((r for r in view.rules.values() if r.used_by and r.used_by == event.subject), None)
        if rule is None or not view.timed(event) or _steps(view, event, rule.name) >= 0:
            continue
        if view.of_kind("pickup", span=second(event.start_ns)):
            continue
        context = around(view, event)
        yield Draft(
            WHY,
            "why_fall",
            f"{rule.name} shot",
            say.until(event),
            say.rows_of(view, event),
            (moment(event),),
            {
                "variable": say.variable(view, rule.name),
                "variable_start": say.sentence_start(say.variable(view, rule.name)),
                "time": say.clock(event.start_ns),
                "clause": say.told(view, event, "clause"),
                "did": say.told(view, event, "did"),
                "at": say.told(view, event, "at"),
                "context": context.words,
            },
            at_ns=(event.start_ns,),
            lengths=context.lengths,
            more_claims=context.claims,
            more_evidence=context.evidence,
            tier=2,
        )


def _lower(view: View) -> Iterator[Draft]:
    """Health or armor that was lower later on because of hits: all of them in between are known, and nothing else."""
    for name in LOWERED:
        sure = view.sure_seconds(name) if name in view.rules else ()
        for before, after in pairwise(_lasts(sure)):
            if before[0].value <= after[0].value or after[1].start_ns - before[1].start_ns > FAR_NS:
                continue
            span = Span(before[1].end_ns, after[1].start_ns)
            hits = view.of_kind("damage", span=span)
            other = [one for kind in MENDING for one in view.of_kind(kind, span=span)]
            if other or not 0 < len(hits) <= MOST_HITS or not all(view.timed(hit) for hit in hits):
                continue
            yield _lowered(view, hits, before, after)


def _lasts(sure: Sequence[tuple[Held, Span]]) -> list[tuple[Held, Span]]:
    """Of each value its first and last second that is sure."""
    by_value: dict[str, list[tuple[Held, Span]]] = {}
    for one in sure:
        by_value.setdefault(one[0].state_id, []).append(one)
    return [one for seconds in by_value.values() for one in dict.fromkeys((seconds[0], seconds[-1]))]


def _lowered(view: View, hits: Sequence[Event], before: tuple[Held, Span], after: tuple[Held, Span]) -> Draft:
    name = before[0].variable
    return Draft(
        WHY,
        "why_lower",
        name,
        Span(before[1].start_ns, after[1].end_ns),
        (before[0].state_id, *say.ids_of(hits), after[0].state_id),
        (value(*before), *(moment(hit) for hit in hits), value(*after)),
        {
            "variable": say.variable(view, name),
            "variable_start": say.sentence_start(say.variable(view, name)),
            "start": say.clock(before[1].start_ns),
            "end": say.clock(after[1].start_ns),
            "before": say.number(before[0].value),
            "after": say.number(after[0].value),
            "hits": say.clocks([hit.start_ns for hit in hits]),
        },
        at_ns=(before[1].middle_ns, *(hit.start_ns for hit in hits), after[1].middle_ns)[:4],
        tier=1,
    )


def _returns(view: View) -> Iterator[Draft]:
    """Health that rose from zero because the player came back to life."""
    events = [event for event in view.facts.events if event.kind in ("death", "respawn")]
    for death, back in pairwise(events):
        if (death.kind, back.kind) == ("death", "respawn") and _timed_pair(view, (death, back)):
            yield Draft(
                WHY,
                "why_back",
                "respawn",
                say.until(death, back),
                say.ids_of((death, back)),
                (moment(death), moment(back)),
                {"before": say.clock(death.start_ns), "time": say.clock(back.start_ns)},
                at_ns=(death.start_ns, back.start_ns),
                tier=1,
            )


def _timed_pair(view: View, events: Sequence[Event]) -> bool:
    return all(view.timed(event) for event in events) and well_apart(events, NS_PER_S)

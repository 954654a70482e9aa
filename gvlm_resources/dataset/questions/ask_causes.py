"""Why: a cause is stated where a row names it, with the chain that led there (pure)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import pairwise

from gvlm_resources.dataset.facts import Event
from gvlm_resources.dataset.pairs import WHY, Claim
from gvlm_resources.dataset.questions import ask_draft as say
from gvlm_resources.dataset.questions.ask_draft import Draft
from gvlm_resources.dataset.questions.ask_moments import amount_of, well_apart
from gvlm_resources.dataset.questions.ask_view import SAME_NS, View, moment, second
from gvlm_resources.timebase import NS_PER_S, Span

CHAIN_NS = 10 * NS_PER_S
MOST_HITS = 4


def why(view: View) -> Iterator[Draft]:
    yield from (_death(view, event) for event in view.of_kind("death") if event.subject and view.timed(event))
    yield from _rises(view)
    yield from _falls(view)
    yield from _hits(view)
    yield from _returns(view)


def _death(view: View, death: Event) -> Draft:
    """What the message names, and the hits of the last seconds before."""
    hits = _last_hits(view, death)
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
        },
        at_ns=tuple(event.start_ns for event in (*hits, death)),
        more_claims=tuple(moment(hit) for hit in hits),
    )


def _last_hits(view: View, death: Event) -> list[Event]:
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
        name = raised[0]
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
            },
            at_ns=(event.start_ns,),
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
                "plain": say.bare(event.subject),
                "name": say.quoted(event.subject),
            },
            at_ns=(event.start_ns,),
        )


def _hits(view: View) -> Iterator[Draft]:
    """A hit whose cause nothing names: that is the answer."""
    for event in view.happenings:
        amount = amount_of(view, event) if event.kind == "damage" and view.timed(event) else ()
        named = view.of_kind("death", span=Span(event.start_ns, event.start_ns + 3 * NS_PER_S))
        if not amount or named:
            continue
        at = second(event.start_ns)
        yield Draft(
            WHY,
            "why_damage",
            "damage",
            say.until(event),
            say.rows_of(view, event),
            (moment(event), Claim("unknown", at.start_ns, at.end_ns, subject="who or what dealt the hit")),
            {"time": say.clock(event.start_ns), "amount": say.number(amount[0].value or 0)},
            at_ns=(event.start_ns,),
            more_claims=amount,
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
            )


def _timed_pair(view: View, events: Sequence[Event]) -> bool:
    return all(view.timed(event) for event in events) and well_apart(events, NS_PER_S)

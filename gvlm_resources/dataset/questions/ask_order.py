"""What came before and after (pure)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

from gvlm_resources.dataset.facts import Event
from gvlm_resources.dataset.pairs import BEFORE_AFTER, Claim
from gvlm_resources.dataset.questions import ask_draft as say
from gvlm_resources.dataset.questions.ask_draft import Draft, Phrase
from gvlm_resources.dataset.questions.ask_moments import counted_before, named, place_in_order
from gvlm_resources.dataset.questions.ask_view import View, count, moment, order, second
from gvlm_resources.timebase import NS_PER_S, Span

APART_NS = 2 * NS_PER_S
FAR_NS = 15 * NS_PER_S
REACH_NS = 30 * NS_PER_S
MOST_FIRSTS = 6
BETWEEN = ("damage", "pickup", "death")  # what a long answer says did not happen between the two


def before_after(view: View) -> Iterator[Draft]:
    yield from _neighbours(view)
    yield from _pickups(view)
    yield from _firsts(view)


def _neighbours(view: View) -> Iterator[Draft]:
    """Two events with nothing but shots between them."""
    for first, then in pairwise(view.happenings):
        apart_ns = then.start_ns - first.start_ns
        if not APART_NS <= apart_ns <= FAR_NS or not (view.timed(first) and view.timed(then)):
            continue
        if {first.kind, then.kind} <= {"death", "respawn"}:
            continue  # one always follows the other
        claims = (order(first, then), *_nothing_between(view, first, then))
        if any(view.unread.hides(claim) for claim in claims):
            continue
        yield _neighbour("next_event", then, first, claims)
        yield _neighbour("previous_event", first, then, claims)


def _nothing_between(view: View, first: Event, then: Event) -> list[Claim]:
    """That no event of the kinds that are told lies between the seconds of the two."""
    span = Span(second(first.start_ns).end_ns, second(then.start_ns).start_ns)
    return [count(kind, span, 0) for kind in BETWEEN if kind in view.kinds and kind in view.facts.recorded]


def _neighbour(topic: str, event: Event, known: Event, claims: Sequence[Claim]) -> Draft:
    """The question names `known`, the answer `event`."""
    pair = sorted((event, known), key=lambda one: one.start_ns)
    fields: dict[str, Phrase] = {
        "time": say.clock(known.start_ns),
        "clause": say.told(known, "clause"),
        "noun": say.told(event, "noun"),
        "then": say.clock(event.start_ns),
        "at": say.told(event, "at"),
        "told": say.how_known(event),
    }
    return Draft(
        BEFORE_AFTER,
        topic,
        event.kind,
        say.until(*pair),
        say.ids_of(pair),
        (moment(known), moment(event), *claims),
        fields,
        at_ns=tuple(one.start_ns for one in pair),
    )


def _pickups(view: View) -> Iterator[Draft]:
    """The item taken next after a time, or last before it."""
    if not view.rules:
        return
    for event in (e for e in view.of_kind("pickup") if view.timed(e)):
        at = second(event.start_ns)
        for side in (-1, 1):
            named_ns = at.start_ns + side * 5 * NS_PER_S
            if not 0 <= named_ns <= view.facts.duration_ns:
                continue
            # The named second itself stays free of pickups: whether it counts is nobody's to say.
            span = Span(named_ns, at.start_ns) if side < 0 else Span(at.end_ns, named_ns)
            wide = Span(max(0, span.start_ns - NS_PER_S), span.end_ns + NS_PER_S)
            if [e for e in view.of_kind("pickup", span=wide) if e is not event]:
                continue
            yield _pickup(view, event, "next_pickup" if side < 0 else "previous_pickup", named_ns, span)


def _pickup(view: View, event: Event, topic: str, named_ns: int, free: Span) -> Draft:
    at = second(event.start_ns)
    return Draft(
        BEFORE_AFTER,
        topic,
        event.subject,
        Span(min(named_ns, at.start_ns), max(named_ns, at.end_ns)),
        say.rows_of(view, event),
        (moment(event), count("pickup", free, 0)),
        {
            "start": say.clock(named_ns),
            "end": say.clock(named_ns),
            "name": say.quoted(event.subject),
            "time": say.clock(event.start_ns),
            "at": say.told(event, "at"),
            "told": say.how_known(event),
        },
        at_ns=(event.start_ns,),
    )


def _firsts(view: View) -> Iterator[Draft]:
    """Which of two things was first, where both are surely the first of their kind."""
    firsts = []
    for kind, subject in named(view):
        events = view.of_kind(kind, subject)
        if view.timed(events[0]) and counted_before(view, events[:1]):
            firsts.append(events[0])
    for place, first in enumerate(firsts):
        later = [e for e in firsts[place + 1 :] if e.start_ns - first.start_ns >= APART_NS]
        near = [e for e in later if e.start_ns - first.start_ns <= REACH_NS][:MOST_FIRSTS]
        yield from (_which(view, first, then, swap=(place + turn) % 2 == 1) for turn, then in enumerate(near))


def _which(view: View, first: Event, then: Event, *, swap: bool) -> Draft:
    winner, loser = say.told(first, "first"), say.told(then, "first")
    claims = (*place_in_order(view, first, 1), *place_in_order(view, then, 1))
    one, other = (loser, winner) if swap else (winner, loser)
    return Draft(
        BEFORE_AFTER,
        "which_first",
        f"{first.kind} {then.kind}",
        say.until(first, then),
        say.ids_of([first, then]),
        (order(first, then), moment(first), moment(then), *claims),
        {
            "one": one,
            "other": other,
            "winner": winner,
            "loser": loser,
            "time": say.clock(first.start_ns),
            "later": say.clock(then.start_ns),
        },
        at_ns=(first.start_ns, then.start_ns),
    )

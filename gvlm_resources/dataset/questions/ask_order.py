"""What came before and after (pure)."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator

from gvlm_resources.dataset.facts import Event
from gvlm_resources.dataset.pairs import BEFORE_AFTER, Claim
from gvlm_resources.dataset.questions import ask_draft as say
from gvlm_resources.dataset.questions.ask_context import around, before_and_after
from gvlm_resources.dataset.questions.ask_draft import Draft, Phrase
from gvlm_resources.dataset.questions.ask_moments import counted_before, named, place_in_order
from gvlm_resources.dataset.questions.ask_view import SAME_NS, View, count, moment, order, second
from gvlm_resources.timebase import NS_PER_S, Span

APART_NS = 2 * NS_PER_S
FAR_NS = 15 * NS_PER_S
REACH_NS = 30 * NS_PER_S
MOST_FIRSTS = 6
# What is asked for next to something: the question names these kinds, so that no sound or shot is an answer too.
ASKED = ("damage", "pickup", "death")
KNOWN = (*ASKED, "respawn", "secret", "weapon_change")


def before_after(view: View) -> Iterator[Draft]:
    yield from _neighbours(view)
    yield from _pickups(view)
    yield from _firsts(view)


def _neighbours(view: View) -> Iterator[Draft]:
    """The next and the last hit, item or death about something that happened: none of these lies between the two."""
    if not set(ASKED) <= view.facts.recorded:
        return
    asked = [event for event in view.happenings if event.kind in ASKED]
    for known in (event for event in view.happenings if event.kind in KNOWN and view.timed(event)):
        place = bisect_left(asked, known.start_ns, key=lambda event: event.start_ns)
        later = asked[place + 1 :] if place < len(asked) and asked[place] is known else asked[place:]
        yield from (_neighbour(view, "next_event", then, known) for then in later[:1] if _told_apart(view, known, then))
        before = asked[:place][-1:]
        yield from (_neighbour(view, "previous_event", one, known) for one in before if _told_apart(view, one, known))


def _told_apart(view: View, first: Event, then: Event) -> bool:
    """Whether both times are sure, and surely nothing of what is asked for lies between them."""
    if not APART_NS <= then.start_ns - first.start_ns <= FAR_NS or not (view.timed(first) and view.timed(then)):
        return False
    if {first.kind, then.kind} <= {"death", "respawn"}:
        return False  # one always follows the other
    if any(_another_in_its_second(view, event) for event in (first, then)):
        return False
    return not any(view.unread.hides(claim) for claim in (order(first, then), *_nothing_between(first, then)))


def _another_in_its_second(view: View, event: Event) -> bool:
    """Whether one more of what is asked for lies in the second of an event: it may be the one that is asked for."""
    at = second(event.start_ns)
    near = [one for kind in ASKED for one in view.of_kind(kind, span=at)]
    return any(abs(one.start_ns - event.start_ns) > SAME_NS for one in near)


def _nothing_between(first: Event, then: Event) -> list[Claim]:
    """That none of the kinds that are asked for lies between the seconds of the two."""
    span = Span(second(first.start_ns).end_ns, second(then.start_ns).start_ns)
    return [count(kind, span, 0) for kind in ASKED]


def _neighbour(view: View, topic: str, event: Event, known: Event) -> Draft:
    """The question names `known`, the answer `event`."""
    pair = sorted((event, known), key=lambda one: one.start_ns)
    context = before_and_after(view, event)
    fields: dict[str, Phrase] = {
        "time": say.clock(known.start_ns),
        "clause": say.told(view, known, "clause"),
        "did": say.told(view, event, "did"),
        "noun": say.told(view, event, "noun"),
        "then": say.clock(event.start_ns),
        "at": say.told(view, event, "at"),
        "context": context.words,
    }
    return Draft(
        BEFORE_AFTER,
        topic,
        event.kind,
        say.until(*pair),
        say.ids_of(pair),
        (moment(known), moment(event), order(*pair), *_nothing_between(*pair)),
        fields,
        at_ns=tuple(one.start_ns for one in pair),
        more_claims=context.claims,
        more_evidence=context.evidence,
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
    at, context = second(event.start_ns), around(view, event)
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
            "at": say.told(view, event, "at"),
            "context": context.words,
        },
        at_ns=(event.start_ns,),
        more_claims=context.claims,
        more_evidence=context.evidence,
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
    winner, loser = say.told(view, first, "first"), say.told(view, then, "first")
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

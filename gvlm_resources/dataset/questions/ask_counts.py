"""How many, and how much in all (pure)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from gvlm_resources.dataset.facts import Event
from gvlm_resources.dataset.pairs import HOW_MANY, LENGTHS, Claim
from gvlm_resources.dataset.questions import ask_draft as say
from gvlm_resources.dataset.questions import ask_hud, ask_things
from gvlm_resources.dataset.questions.ask_context import Context, near_one
from gvlm_resources.dataset.questions.ask_draft import Draft, Phrase
from gvlm_resources.dataset.questions.ask_view import QUIET_NS, View, count, moment
from gvlm_resources.timebase import NS_PER_S, Span

MOST_TIMES = 6
LONGEST_SUM_NS = 20_000_000_000
LEAST_COUNTED = 2  # what a stretch that is drawn around its events holds at least
LEAST_NS, MOST_NS = 4 * NS_PER_S, 45 * NS_PER_S
MOST_COUNTED = 8  # more, and one that was missed or read twice gets likely
# Armor is gained with what is taken; sounds are tagged in parts; some changes of weapon are not seen.
UNCOUNTED = ("armor", "sound", "weapon_change")
SUMMED = {"damage": "sum_damage", "heal": "sum_heal"}
# What is counted over the whole video too; of the rest a short stretch is safer.
RARE = ("death", "respawn", "secret", "black_screen")
WORDED = {"pickup": "pickup_any", "shot": "shot_any"}


def how_many(view: View) -> Iterator[Draft]:
    for span in (view.whole, *view.stretches()):
        for kind in _kinds(view):
            yield from _counted(view, kind, "", span)
        for subject in _items(view, span):
            yield from _counted(view, "pickup", subject, span)
    for kind in _kinds(view):
        for span in _eventful(view, view.of_kind(kind)):
            yield from _counted(view, kind, "", span)
    for subject in _items(view, view.whole):
        for span in _eventful(view, view.of_kind("pickup", subject)):
            yield from _counted(view, "pickup", subject, span)
    for kind, topic in SUMMED.items():
        for span in dict.fromkeys((*view.stretches(), *_eventful(view, view.of_kind(kind)))):
            yield from _summed(view, kind, topic, span)
    yield from ask_hud.how_many(view)
    yield from ask_things.how_many(view)


def _eventful(view: View, events: Sequence[Event]) -> Iterator[Span]:
    """Stretches of whole seconds that are drawn around several events, some with room to spare."""
    usual = set(view.stretches())
    end_ns = view.facts.duration_ns // NS_PER_S * NS_PER_S
    found: dict[Span, None] = {}
    for number in range(MOST_COUNTED, LEAST_COUNTED - 1, -1):
        for place in range(len(events) - number + 1):
            first, last = events[place], events[place + number - 1]
            room_ns = QUIET_NS + (place % 3) * NS_PER_S
            start = max(0, first.start_ns - room_ns) // NS_PER_S * NS_PER_S
            end = min(end_ns, -(-(last.start_ns + room_ns) // NS_PER_S) * NS_PER_S)
            if LEAST_NS <= end - start <= MOST_NS:
                found[Span(start, end)] = None
    yield from (span for span in found if span not in usual)


def _kinds(view: View) -> list[str]:
    told = [kind for kind in (*view.kinds, "shot") if kind not in UNCOUNTED and kind in view.facts.recorded]
    return [kind for kind in dict.fromkeys(told) if kind != "scene_change" or not view.rules]


def _items(view: View, span: Span) -> list[str]:
    found = view.of_kind("pickup", span=span)
    return list(dict.fromkeys(event.subject for event in found if view.message_of(event)))


def _counted(view: View, kind: str, subject: str, span: Span) -> Iterator[Draft]:
    """A count over a stretch, where it is sure; of the whole video only of what is rare."""
    if not view.countable(kind, span):
        return
    events = view.of_kind(kind, subject=subject, span=span)
    if len(events) > MOST_COUNTED or (span == view.whole and kind not in RARE and events):
        return
    key = kind if subject else WORDED.get(kind, kind)
    where = say.stretch(view, span)
    context = Context() if events else _nearest(view, kind, span)
    fields: dict[str, Phrase] = {
        "question": say.form(key, "how_many", subject, stretch=where),
        "plural": say.form(key, "plural", subject),
        "stretch": where,
        "counted": say.counted(key, "counted_", len(events), subject),
        "sentence": say.counted(key, "", len(events), subject, stretch=where),
        "times": say.clocks([event.start_ns for event in events]),
        "context": context.words,
    }
    timed = _tellable(view, events)
    yield Draft(
        HOW_MANY,
        "count" if events else "count_none",
        f"{key} {subject}",
        span,
        say.ids_of(events) or _witnesses(view, kind, span),
        (count(kind, span, len(events), subject),),
        fields,
        at_ns=tuple(event.start_ns for event in events) or (span.middle_ns,),
        lengths=LENGTHS if timed else context.lengths,
        more_claims=tuple(moment(event) for event in events) or context.claims,
        more_evidence=context.evidence,
    )


def _nearest(view: View, kind: str, span: Span) -> Context:
    """The last of its kind before a stretch in which there was none, and the next after it, where they are sure."""
    before = view.of_kind(kind, span=Span(0, max(1, span.start_ns)))[-1:]
    after = view.of_kind(kind, span=Span(span.end_ns, max(span.end_ns + 1, view.facts.duration_ns)))[:1]
    found = Context()
    for key, events in (("last_before", before), ("next_after", after)):
        for event in (one for one in events if view.timed(one)):
            found += near_one(key, event)
    return found


def _tellable(view: View, events: Sequence[Event]) -> bool:
    """Whether the time of each can be told."""
    return 0 < len(events) <= MOST_TIMES and all(view.timed(event) for event in events)


def _witnesses(view: View, kind: str, span: Span) -> tuple[str, ...]:
    """The rows that would have changed if there had been one: the numbers read in the stretch."""
    tells = [
        rule.name
        for rule in view.rules.values()
        if kind in (rule.on_zero, rule.on_revival, rule.on_increase, rule.on_decrease, rule.gained_by)
    ]
    held = [held for name in tells for held in view.held_in(name, span)]
    return tuple(one.state_id for one in held)[:MOST_TIMES]


def _summed(view: View, kind: str, topic: str, span: Span) -> Iterator[Draft]:
    """The damage or health of a short stretch without deaths: the last hit may exceed what was left."""
    events = view.of_kind(kind, span=span)
    if span.duration_ns > LONGEST_SUM_NS or span == view.whole or not 2 <= len(events) <= MOST_TIMES:
        return
    if not all(view.countable(one, span) for one in (kind, "death", "respawn")):
        return
    if view.of_kind("death", span=span) or any(event.value is None for event in events):
        return
    total = sum(abs(event.value or 0) for event in events)
    yield Draft(
        HOW_MANY,
        topic,
        kind,
        span,
        say.ids_of(events),
        (Claim("sum", span.start_ns, span.end_ns, kind, value=total),),
        {
            "amount": say.number(total),
            "stretch": say.stretch(view, span),
            "times": say.clocks([event.start_ns for event in events]),
        },
        at_ns=tuple(event.start_ns for event in events),
        lengths=LENGTHS if _tellable(view, events) else LENGTHS[:2],
        more_claims=tuple(moment(event) for event in events),
    )

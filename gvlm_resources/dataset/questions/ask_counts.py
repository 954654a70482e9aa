"""How many, and how much in all (pure)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from gvlm_resources.dataset.facts import Event
from gvlm_resources.dataset.pairs import HOW_MANY, LENGTHS, Claim
from gvlm_resources.dataset.questions import ask_draft as say
from gvlm_resources.dataset.questions.ask_draft import Draft, Phrase
from gvlm_resources.dataset.questions.ask_view import View, count, moment
from gvlm_resources.timebase import Span

MOST_TIMES = 6
LONGEST_SUM_NS = 20_000_000_000
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
        for kind, topic in SUMMED.items():
            yield from _summed(view, kind, topic, span)


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
    fields: dict[str, Phrase] = {
        "question": say.form(key, "how_many", subject, stretch=where),
        "plural": say.form(key, "plural", subject),
        "stretch": where,
        "counted": say.counted(key, "counted_", len(events), subject),
        "sentence": say.counted(key, "", len(events), subject, stretch=where),
        "times": say.clocks([event.start_ns for event in events]),
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
        lengths=LENGTHS if timed or not events else LENGTHS[:2],
        more_claims=tuple(moment(event) for event in events),
    )


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

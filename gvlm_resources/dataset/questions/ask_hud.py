"""What one look at the HUD tells: two of its numbers at a time, and how many rounds are left (pure).

Answers that a single frame bears out, so that there is enough to teach what a picture shows where few messages came up.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations

from gvlm_resources.dataset.facts import Held
from gvlm_resources.dataset.pairs import HOW_MANY, LENGTHS, SAID_OR_SHOWN
from gvlm_resources.dataset.questions import ask_draft as say
from gvlm_resources.dataset.questions.ask_draft import Draft
from gvlm_resources.dataset.questions.ask_view import View, value
from gvlm_resources.timebase import Span


def shown(view: View) -> Iterator[Draft]:
    """Two numbers in a second in which both are sure: once for each two values that stood there together."""
    names = [name for name in filter(view.varies, view.rules) if not view.rules[name].shows_one_of]
    for one, other in combinations(names, 2):
        of_other = {at.start_ns: held for held, at in view.sure_seconds(other)}
        together: dict[tuple[str, str], list[tuple[Held, Held, Span]]] = {}
        for held, at in view.sure_seconds(one):
            beside = of_other.get(at.start_ns)
            if beside is not None:
                together.setdefault((held.state_id, beside.state_id), []).append((held, beside, at))
        yield from (_two(view, *seconds[len(seconds) // 2]) for seconds in together.values())


def _two(view: View, one: Held, other: Held, at: Span) -> Draft:
    values = [say.number(one.value), say.number(other.value)]
    return Draft(
        SAID_OR_SHOWN,
        "shown_numbers",
        f"{one.variable} {other.variable}",
        at,
        (one.state_id, other.state_id),
        (value(one, at), value(other, at)),
        {
            "variable": say.variable(view, one.variable),
            "other": say.variable(view, other.variable),
            "time": say.clock(at.start_ns),
            "value": values[0],
            "other_value": values[1],
            "values": lambda wording: wording.listed([phrase(wording) for phrase in values]),
        },
        at_ns=(at.middle_ns,),
        tier=1,  # texts come first
    )


def how_many(view: View) -> Iterator[Draft]:
    """How many rounds of one sort the player has: what the number beside their name says."""
    for name in filter(view.varies, view.rules):
        if view.rules[name].used_by:
            yield from (_left(view, held, at) for held, at in view.sure_seconds(name))


def _left(view: View, held: Held, at: Span) -> Draft:
    rule = view.rules[held.variable]
    return Draft(
        HOW_MANY,
        "count_left",
        held.variable,
        at,
        (held.state_id,),
        (value(held, at),),
        {
            "ammunition": lambda wording: wording.ammunition_of(rule.name, rule.words),
            "variable": say.variable(view, held.variable),
            "time": say.clock(at.start_ns),
            "value": say.number(held.value),
        },
        at_ns=(at.middle_ns,),
        lengths=LENGTHS[:2],
    )

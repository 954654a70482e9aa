"""What cannot be told, and why not (pure)."""

from __future__ import annotations

from collections.abc import Iterator

from gvlm_resources.dataset.pairs import UNANSWERABLE, Claim
from gvlm_resources.dataset.questions import ask_draft as say
from gvlm_resources.dataset.questions.ask_draft import Draft
from gvlm_resources.dataset.questions.ask_view import View, count, moment, second
from gvlm_resources.dataset.questions.wording import load
from gvlm_resources.timebase import NS_PER_S, Span

BEYOND_S = (30, 75, 200, 600)
PRESUPPOSED = ("death", "respawn", "secret", "black_screen")


def unanswerable(view: View) -> Iterator[Draft]:
    yield from _untold(view)
    yield from _presupposed(view)
    yield from _beyond(view)
    yield from _dealt(view)


def _dealt(view: View) -> Iterator[Draft]:
    """Who dealt a hit that nothing names: only of a death does a message say what it was."""
    for event in view.happenings:
        named = view.of_kind("death", span=Span(event.start_ns, event.start_ns + 3 * NS_PER_S))
        if event.kind != "damage" or named or not view.timed(event):
            continue
        at = second(event.start_ns)
        yield Draft(
            UNANSWERABLE,
            "unknown_hit",
            "hit",
            say.until(event),
            say.rows_of(view, event),
            (moment(event), Claim("unknown", at.start_ns, at.end_ns, subject="who or what dealt the hit")),
            {"time": say.clock(event.start_ns)},
            at_ns=(event.start_ns,),
        )


def _untold(view: View) -> Iterator[Draft]:
    """About people and things that no recording of a game shows. Where somebody speaks, they may be spoken of."""
    if view.facts.speech:
        return
    whole = view.whole
    for index, thing in enumerate(load("en").unknowns):
        at_ns = whole.start_ns + (index + 1) * whole.duration_ns // 10
        frames = view.frames_at([at_ns])
        yield Draft(
            UNANSWERABLE,
            "unknown",
            thing,
            whole,
            frames,
            (Claim("unknown", whole.start_ns, whole.end_ns, subject=thing),),
            {"thing": lambda wording, thing=thing: wording.unknowns[thing].thing},
            frames=frames,
        )


def _presupposed(view: View) -> Iterator[Draft]:
    """Asked as if something had happened that did not, or more often than it did."""
    for kind in PRESUPPOSED:
        told = kind in view.facts.recorded and kind in view.kinds
        if not told or not view.countable(kind, view.whole):
            continue
        events = view.of_kind(kind)
        number = len(events)
        if number + 1 > len(load("en").ordinals):
            continue
        frames = view.frames_at([e.start_ns for e in events] or [view.whole.middle_ns])
        yield Draft(
            UNANSWERABLE,
            "presupposed_nth" if events else "presupposed_none",
            kind,
            view.whole,
            say.ids_of(events) or frames,
            (count(kind, view.whole, number),),
            {
                "nth": say.ordinal(number + 1),
                "clause": say.form(kind, "clause"),
                "sentence": say.counted(kind, "", number, stretch=say.stretch(view, view.whole)),
            },
            frames=frames,
        )


def _beyond(view: View) -> Iterator[Draft]:
    """About times after the end."""
    end_s = view.facts.duration_ns // NS_PER_S
    last = Span(max(0, view.facts.duration_ns - NS_PER_S), view.facts.duration_ns)
    for more_s in BEYOND_S:
        beyond_ns = (end_s + more_s) * NS_PER_S
        frames = view.frames_at([last.start_ns])
        yield Draft(
            UNANSWERABLE,
            "outside",
            "time",
            last,
            frames,
            (Claim("unknown", last.start_ns, last.end_ns, subject="what comes after the end"),),
            {"beyond": say.clock(beyond_ns), "end": say.clock(view.facts.duration_ns - 1)},
            frames=frames,
        )

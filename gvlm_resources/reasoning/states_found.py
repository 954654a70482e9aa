"""Values of the HUD that answer a question or bear on it (pure but for what it asks)."""

from __future__ import annotations

from dataclasses import replace
from itertools import chain, pairwise

from gvlm_resources.reasoning.events_found import BY_EVENT
from gvlm_resources.reasoning.lookups import Tracer
from gvlm_resources.reasoning.matching import names_of_variables, of_variable
from gvlm_resources.reasoning.protocol import Evidence, Row, Scope, StateReading
from gvlm_resources.reasoning.question import Ask, Question
from gvlm_resources.timebase import Span

VALUES_SHARE = 2  # of the rows of a prompt, for values that only bear out what happened
MANY_READINGS = 60  # more than this, and a prompt would have no room for the events beside them
# Which values tell that nothing of a kind happened, and what rows call a variable.
_BORNE_OUT_BY = {
    **dict.fromkeys(("death", "respawn", "heal"), ("health",)),
    **{"damage": ("health", "armor"), "armor": ("armor",)},
}


def _rank(question: Question, variable: str) -> int:
    return int(not any(variable in _BORNE_OUT_BY.get(kind, ()) for kind in question.target.kinds))


def values_beside(
    question: Question, draft: Evidence, tracer: Tracer, scope: Scope, span: Span | None, max_rows: int
) -> tuple[StateReading, ...]:
    """Values that bear on the question: of the variables that it names, else of those that change least."""
    video_id = scope.video.video_id
    if question.named:
        named = tracer.states(video_id, names_of_variables(question.named), span)
        return tuple(reading for variable in question.named for reading in of_variable(named, variable))
    is_stretch = question.ask in (Ask.WHAT_HAPPENED, Ask.SUMMARY) and span is not None
    if not is_stretch and (draft.rows or question.ask not in BY_EVENT):
        return ()
    groups: dict[str, list[StateReading]] = {}
    for reading in tracer.states(video_id, (), span):
        groups.setdefault(reading.variable, []).append(reading)
    room, kept = max(0, max_rows // VALUES_SHARE), []
    for _, readings in sorted(groups.items(), key=lambda item: (_rank(question, item[0]), len(item[1]), item[0])):
        if len(kept) + len(readings) <= room:
            kept.extend(readings)
    return tuple(sorted(kept, key=lambda s: (s.start_ns, s.variable)))


def states_evidence(question: Question, draft: Evidence, tracer: Tracer) -> Evidence:
    """Every reading of the variables up to the end of what is asked: the value that held there is among them."""
    states: list[StateReading] = []
    context: list[Row] = []
    for scope in draft.scopes:
        end = max((span.end_ns for span in scope.spans), default=scope.video.duration_ns)
        variables = tuple(v for v in question.variables if v != "weapon")
        if variables:
            found = tracer.states(scope.video.video_id, names_of_variables(variables), Span(0, end))
            wanted = {reading.row_id for variable in variables for reading in of_variable(found, variable)}
            readings = [reading for reading in found if reading.row_id in wanted]
            states.extend(_turns(question, readings) if len(readings) > MANY_READINGS else readings)
        if "weapon" in question.variables:
            context.extend(tracer.rows(scope.video.video_id, ("weapon_change", "pickup"), Span(0, end)))
    return replace(draft, states=tuple(states), context=tuple(context))


def _turns(question: Question, readings: list[StateReading]) -> list[StateReading]:
    """For "when did my health drop below 50": the readings about each time that it did, and the peaks."""
    meets = question.threshold
    if question.ask is not Ask.WHEN or meets is None:
        return readings
    kept: set[str] = set()
    for name in dict.fromkeys(reading.variable for reading in readings):
        mine = [reading for reading in readings if reading.variable == name]
        peaks = (min(mine, key=lambda s: s.value), max(mine, key=lambda s: s.value))
        turns = [(one, next_) for one, next_ in pairwise(mine) if meets.holds(one.value) != meets.holds(next_.value)]
        kept |= {reading.row_id for reading in (mine[0], mine[-1], *peaks, *chain.from_iterable(turns))}
    return [reading for reading in readings if reading.row_id in kept]

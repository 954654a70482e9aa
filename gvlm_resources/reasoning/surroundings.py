"""What stands beside the rows that answer, for a reader that sees more in it (pure but for what it asks)."""

from __future__ import annotations

from dataclasses import replace

from gvlm_resources.reasoning.lookups import Tracer
from gvlm_resources.reasoning.matching import changes, distance_to, kinds_to_look_through, matching_rows, quotes_text
from gvlm_resources.reasoning.placing import hull_of
from gvlm_resources.reasoning.protocol import Evidence, Row, Scope
from gvlm_resources.reasoning.question import Ask, Question
from gvlm_resources.reasoning.states_found import values_beside
from gvlm_resources.settings import ReasoningSettings
from gvlm_resources.timebase import NS_PER_S, Span

PASSING = ("shot", "sound", "scene_change")  # so frequent that the others would be lost among them
NEIGHBOUR_NS = 10 * NS_PER_S  # how far from a moment that is asked for stands what came just before and after it
FEW_MOMENTS = 3  # of more than these the neighbours would hide what was asked for
FIGURES = frozenset((Ask.COUNT, Ask.TOTAL, Ask.EXTREME, Ask.HOW_LONG))  # what stands beside adds nothing to these


def with_surroundings(question: Question, draft: Evidence, tracer: Tracer, settings: ReasoningSettings) -> Evidence:
    """The evidence with what stands beside it, for a reader that sees more in it than was understood here.

    A stretch that a question names is shown with its rows where nothing but a search answered; the values of the HUD
    are shown where a variable was named, and where nothing was found: they bear out that nothing happened.
    """
    (scope,) = draft.scopes
    span = hull_of(draft)
    context = {row.row_id: row for row in draft.context}
    if span is not None and (draft.is_search or not (draft.rows or draft.states)):
        context.update({r.row_id: r for r in tracer.rows(scope.video.video_id, (), span) if scope.covers(r)})
    if question.quoted:
        context.update({row.row_id: row for row in _quoting(question, draft, tracer, scope)})
    if draft.rows and question.target.which is not None and question.target.kinds:
        context.update({row.row_id: row for row in _alike(question, tracer, scope)})
    states = draft.states or values_beside(question, draft, tracer, scope, span, settings.max_rows)
    if draft.states and question.ask is Ask.WHEN:
        context.update({row.row_id: row for row in _changing(question, tracer, scope, span)})
    known = {row.row_id for row in (*draft.rows, *draft.unmatched, *draft.elsewhere, *draft.anchors, *draft.context)}
    added = [row for row in context.values() if row.row_id not in known]
    room = settings.max_rows - len(known) - len(states)
    near = {row.row_id: row for row in _neighbours(question, draft, tracer, scope) if row.row_id not in known}
    added = [row for row in _with_room(added, scope, room) if row.row_id not in near]
    rows = sorted((*draft.context, *near.values(), *added), key=lambda r: (r.start_ns, r.row_id))
    return replace(draft, context=tuple(rows), states=states)


def _neighbours(question: Question, draft: Evidence, tracer: Tracer, scope: Scope) -> list[Row]:
    """The events just before and after the few moments that are asked for: "before that came a hit"."""
    if question.ask in FIGURES or question.variables or (question.ask is Ask.WHY and "death" in question.target.kinds):
        return []  # a figure needs none, and what led up to a death is there already
    moments = [Span(point, point + NS_PER_S) for point in scope.points_ns]
    if draft.rows and len(draft.rows) <= FEW_MOMENTS and not draft.is_search:
        moments += [row.span for row in draft.rows]
    found: list[Row] = []
    for moment in moments[: 2 * FEW_MOMENTS]:
        around = Span(max(0, moment.start_ns - NEIGHBOUR_NS), moment.end_ns + NEIGHBOUR_NS)
        rows = tracer.rows(scope.video.video_id, (), around)
        events = [row for row in rows if row.source == "event"]
        found += [row for row in events if row.kind not in PASSING or moment.overlaps(row.span)]
    return found


def _with_room(rows: list[Row], scope: Scope, room: int) -> list[Row]:
    """As many of the rows as a prompt has room for beside what answers: nearest to the moments first."""
    if scope.points_ns:
        rows = sorted(rows, key=lambda row: min(distance_to(row, point) for point in scope.points_ns))
    return rows[: max(0, room)]


def _quoting(question: Question, draft: Evidence, tracer: Tracer, scope: Scope) -> list[Row]:
    rows = tracer.rows(scope.video.video_id, (), hull_of(draft))
    return [row for row in rows if scope.covers(row) and any(quotes_text(row, text) for text in question.quoted)]


def _alike(question: Question, tracer: Tracer, scope: Scope) -> tuple[Row, ...]:
    """All events of which one by its place was asked for: the third is the third by the two before it."""
    every = tracer.rows(scope.video.video_id, kinds_to_look_through(question.target.kinds), None)
    return matching_rows(question.target, every)


def _changing(question: Question, tracer: Tracer, scope: Scope, span: Span | None) -> list[Row]:
    """The events that made a value meet the number asked for, or meet it no more."""
    meets = question.threshold
    if meets is None:
        return []
    return [
        row
        for row in tracer.rows(scope.video.video_id, (), span)
        if any(meets.holds(before) != meets.holds(after) for before, after in changes(row, question.variables))
    ]

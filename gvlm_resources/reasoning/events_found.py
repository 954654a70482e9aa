"""Rows of the timeline that answer a question (pure but for what it asks): of a kind, of a stretch, of a cause."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from gvlm_resources.reasoning import vocabulary
from gvlm_resources.reasoning.lookups import Tracer
from gvlm_resources.reasoning.matching import (
    changes,
    distance_to,
    kinds_to_look_through,
    matching_rows,
    named_rows,
    quotes_text,
    row_words,
    rows_telling,
    the_nth,
)
from gvlm_resources.reasoning.placing import hull_of, rows_starting
from gvlm_resources.reasoning.protocol import RAISED, Evidence, Row, StateReading
from gvlm_resources.reasoning.question import Ask, Question
from gvlm_resources.timebase import NS_PER_S, Span

LEAD_UP_NS = 60 * NS_PER_S  # how far before a death its causes are looked for
BESIDE_NS = 3 * NS_PER_S  # a message this close to an event speaks of it
BY_EVENT = frozenset((Ask.COUNT, Ask.TOTAL, Ask.WHEN, Ask.LIST, Ask.EXTREME, Ask.YES_NO, Ask.WHY, Ask.HOW_LONG))
_UP = re.compile(
    r"\b(?:up|ris\w+|rose|increas\w+|rais\w+|restor\w+|higher|gr[eo]w\w*|climb\w*|gain\w*|back|again|more)\b", re.I
)
_DOWN = re.compile(
    r"\b(?:down|fall\w*|fell|drop\w*|decreas\w+|lower\w*|sink\w*|sank|los[et]\w*|less|shrink|shrank|reduc\w+)\b", re.I
)


def events_evidence(question: Question, draft: Evidence, tracer: Tracer, video_id: str | None) -> Evidence:
    target = question.target
    kinds, hull = kinds_to_look_through(target.kinds), hull_of(draft)
    every = rows_telling(target.kinds, tracer.rows(video_id, kinds, hull))
    scoped = rows_starting(question, draft, every)
    named = named_rows(target.subject, scoped)
    told: tuple[Row, ...] = ()
    if target.subject and scoped and not named:
        named, told = _named_beside(target.subject, scoped, tracer, video_id)
    if not scoped and hull is not None:
        ids = {scope.video.video_id for scope in draft.scopes}
        elsewhere = rows_telling(target.kinds, tracer.rows(video_id, kinds, None))
        return replace(draft, elsewhere=named_rows(target.subject, [row for row in elsewhere if row.video_id in ids]))
    rows: list[Row] = []
    for scope in draft.scopes:
        mine = tuple(row for row in named if row.video_id == scope.video.video_id)
        rows.extend(nearest_rows(question, mine) if question.ask is Ask.WHY else the_nth(mine, target.which))
    unmatched = [] if rows else scoped
    return replace(draft, rows=tuple(rows), unmatched=tuple(unmatched), context=told)


def _named_beside(
    subject: tuple[str, ...], rows: Sequence[Row], tracer: Tracer, video_id: str | None
) -> tuple[tuple[Row, ...], tuple[Row, ...]]:
    """Events whose thing a message beside them names, and those messages: "killed by an imp" stands next to a death."""
    if any(row.source != "event" or row.kind in ("pickup", "message") for row in rows):
        return (), ()
    hull = Span(max(0, min(r.start_ns for r in rows) - BESIDE_NS), max(r.end_ns for r in rows) + BESIDE_NS)
    shown = [r for r in tracer.rows(video_id, ("message", "text"), hull) if vocabulary.names_all(subject, row_words(r))]
    pairs = [
        (row, m)
        for row in rows
        for m in shown
        if m.video_id == row.video_id and abs(m.start_ns - row.start_ns) <= BESIDE_NS
    ]
    return tuple(dict.fromkeys(row for row, _ in pairs)), tuple(dict.fromkeys(m for _, m in pairs))


def nearest_rows(question: Question, rows: tuple[Row, ...]) -> tuple[Row, ...]:
    """For "why ... at 00:45": the event of the window that lies nearest to each moment named."""
    chosen = the_nth(rows, question.target.which)
    moments = [time.at_ns for time in question.times if time.at_ns is not None]
    if not moments or not chosen or question.target.which is not None:
        return chosen
    nearest = {min(chosen, key=lambda row: distance_to(row, at_ns)).row_id for at_ns in moments}
    return tuple(row for row in chosen if row.row_id in nearest)


def with_lead_up(draft: Evidence, tracer: Tracer, window_ns: int) -> Evidence:
    """What stands before each event asked about, back to the life's beginning or `LEAD_UP_NS`."""
    context: dict[str, Row] = {}
    states: dict[str, StateReading] = {}
    reach = max(LEAD_UP_NS, window_ns)
    for row in draft.rows[:5]:
        span = Span(max(0, row.start_ns - reach), row.end_ns + NS_PER_S)
        context.update({r.row_id: r for r in tracer.rows(row.video_id, (), span) if r.row_id != row.row_id})
        states.update({s.row_id: s for s in tracer.states(row.video_id, (), span)})
    ordered = sorted(context.values(), key=lambda r: (r.video_id, r.start_ns))
    return replace(draft, context=tuple(ordered), states=tuple(states.values()))


def is_change(question: Question) -> bool:
    """ "Why did my health go up at 0:20": a gain is explained by whatever raised the value, not only by heals."""
    raised = bool(question.target.kinds) and set(question.target.kinds) <= {*RAISED, "pickup"}
    return question.ask is Ask.WHY and raised and bool(question.named)


def change_evidence(question: Question, draft: Evidence, tracer: Tracer, video_id: str | None) -> Evidence:
    """The events that changed the variable that a "why" names, in the direction it says, nearest to the moments."""
    window = window_evidence(question, draft, tracer, video_id).rows
    up = bool(_UP.search(question.read_as)) or is_change(question)
    down = bool(_DOWN.search(question.read_as)) and not is_change(question)

    def fits(before: float, after: float) -> bool:
        return up == down or (after > before) == up

    changed = tuple(row for row in window if any(fits(*change) for change in changes(row, question.named)))
    nearest = nearest_rows(question, changed)
    moments = {row.start_ns // NS_PER_S for row in nearest}
    if question.times and nearest:
        nearest = tuple(row for row in changed if row.start_ns // NS_PER_S in moments)
    return replace(draft, rows=nearest)


def compared_evidence(question: Question, draft: Evidence, tracer: Tracer, video_id: str | None) -> Evidence:
    """The two events that a question compares, in the order in which it names them."""
    rows: list[Row] = []
    for event in question.compared:
        found = tracer.rows(video_id, kinds_to_look_through(event.kinds), hull_of(draft))
        every = rows_starting(question, draft, matching_rows(event, found))
        for scope in draft.scopes:
            rows += the_nth(tuple(row for row in every if row.video_id == scope.video.video_id), event.which)
    return replace(draft, rows=tuple(dict.fromkeys(rows)))


def quoted_evidence(question: Question, draft: Evidence, tracer: Tracer, video_id: str | None) -> Evidence:
    """The rows that tell the text in quotes, in order of time."""
    window = window_evidence(question, draft, tracer, video_id)
    quoting = (row for row in window.rows if any(quotes_text(row, text) for text in question.quoted))
    return replace(draft, rows=tuple(quoting))


def window_evidence(question: Question, draft: Evidence, tracer: Tracer, video_id: str | None) -> Evidence:
    every = tuple(row for row in tracer.rows(video_id, (), hull_of(draft)) if row.kind not in question.left_out)
    if draft.anchors:
        return replace(draft, rows=tuple(rows_starting(question, draft, every)))
    scopes = {scope.video.video_id: scope for scope in draft.scopes}
    return replace(draft, rows=tuple(r for r in every if r.video_id in scopes and scopes[r.video_id].covers(r)))


def naming_evidence(question: Question, draft: Evidence, tracer: Tracer, video_id: str | None) -> Evidence:
    """Every row that names the words: what a count of something the timeline has no kind for can rest on."""
    window = window_evidence(question, draft, tracer, video_id)
    named = tuple(row for row in window.rows if vocabulary.names_all(question.target.subject, row_words(row)))
    return replace(draft, rows=the_nth(named, question.target.which))

"""Where in each video a question looks (pure but for what it asks): its times, narrowed by the events it names."""

from __future__ import annotations

from collections.abc import Sequence

from gvlm_resources.reasoning.lookups import Tracer
from gvlm_resources.reasoning.matching import distance_to, kinds_to_look_through, matching_rows, the_nth
from gvlm_resources.reasoning.protocol import Evidence, Row, Scope, Video
from gvlm_resources.reasoning.question import Anchor, AnchorRelation, Ask, Question
from gvlm_resources.reasoning.times import Relation
from gvlm_resources.timebase import Span, format_clock

RANGES = frozenset((Ask.COUNT, Ask.TOTAL, Ask.WHEN, Ask.LIST, Ask.EXTREME, Ask.YES_NO, Ask.HOW_LONG))


def placed_in(
    question: Question, videos: tuple[Video, ...], video_id: str | None, tracer: Tracer, window_ns: int
) -> Evidence:
    """Where in each video the question looks: its times, narrowed by the events it names."""
    notes: list[str] = []
    anchors: list[Row] = []
    unplaced: list[Row] = []
    events = [anchor.event for anchor in question.anchors]
    found = {one: matching_rows(one, tracer.rows(video_id, kinds_to_look_through(one.kinds), None)) for one in events}
    scopes = []
    for video in videos:
        times = tuple(s for s in (_clipped(span, video) for span in question.spans) if s is not None)
        if not question.anchors:
            points = tuple(t.at_ns for t in question.times if t.at_ns is not None and t.at_ns < video.duration_ns)
            scopes.append(Scope(video, times, everywhere=not question.spans, points_ns=points))
            continue
        bounds = []
        points_ns: list[int] = []
        for anchor in question.anchors:
            chosen = _anchor_rows(question, anchor, video, found[anchor.event], times, notes)
            if not chosen:
                unplaced.extend(row for row in found[anchor.event] if row.video_id == video.video_id)
            around = (_around(anchor, row, video, takes_range(question), window_ns) for row in chosen)
            bounds.append(tuple(span for span in around if span is not None))
            points_ns.extend(_point(anchor, row) for row in chosen)
            anchors.extend(chosen)
        if any(time.relation is not Relation.AT for time in question.times):
            bounds.append(times)  # "from 0:30 until I died"; a moment only tells which event is meant
        scopes.append(Scope(video, _met(bounds), everywhere=False, points_ns=tuple(points_ns)))
    context = () if anchors else tuple(unplaced)  # "after my third death", of two
    return Evidence(tuple(scopes), anchors=tuple(anchors), context=context, notes=tuple(dict.fromkeys(notes)))


def _clipped(span: Span, video: Video) -> Span | None:
    end = min(span.end_ns, video.duration_ns)
    return Span(span.start_ns, end) if span.start_ns < end else None


def takes_range(question: Question) -> bool:
    """Whether "before" and "after" reach to the ends of the video: for a count they do, for a moment they do not."""
    bounded = any(time.relation is not Relation.AT for time in question.times)
    return question.ask in RANGES or len(question.anchors) > 1 or bounded or bool(question.step)


def _anchor_rows(
    question: Question, anchor: Anchor, video: Video, rows: tuple[Row, ...], times: tuple[Span, ...], notes: list[str]
) -> tuple[Row, ...]:
    """The events that one anchor means in one video; empty, with a note, where it is not on the timeline."""
    here = [
        r for r in rows if r.video_id == video.video_id and (not times or any(t.contains(r.start_ns) for t in times))
    ]
    which = anchor.event.which
    points = [time.at_ns for time in question.times if time.at_ns is not None]
    if which is None and points and len(here) > 1:  # "after I died at 1:20": the one that is meant
        nearest = {min(here, key=lambda row: distance_to(row, point)).row_id for point in points}
        here = [row for row in here if row.row_id in nearest]
    if which is None and takes_range(question) and len(here) > 1 and anchor.relation is not AnchorRelation.AT:
        which = 1
        notes.append(
            f"“{anchor.text}” fits {len(here)} moments of {video.title}; the first, {here[0].clock}, was taken."
        )
    chosen = the_nth(tuple(here), which)
    if not chosen:
        event = " ".join([*anchor.event.subject, *anchor.event.kinds])
        count = "no such event" if not here else f"only {len(here)} of them"
        notes.append(f"“{anchor.text}” cannot be placed: the timeline of {video.title} records {count} ({event}).")
    return chosen


def _point(anchor: Anchor, row: Row) -> int:
    if anchor.relation is AnchorRelation.BEFORE:
        return max(0, row.start_ns - (anchor.offset_ns or 1))
    if anchor.relation is AnchorRelation.AFTER:
        return row.end_ns + (anchor.offset_ns or 0)
    return row.start_ns


def _around(anchor: Anchor, row: Row, video: Video, takes_range: bool, window_ns: int) -> Span | None:
    reach = anchor.offset_ns or (video.duration_ns if takes_range else window_ns)
    if anchor.relation is AnchorRelation.BEFORE:
        start, end = row.start_ns - reach, row.start_ns + 1  # the last blow falls in the same moment as the death
    elif anchor.relation is AnchorRelation.AFTER:
        start, end = row.start_ns + 1, row.end_ns + reach
    else:
        start, end = row.start_ns - window_ns, row.end_ns + window_ns
    start, end = max(0, start), min(video.duration_ns, end)
    return Span(start, end) if start < end else None


def _met(bounds: list[tuple[Span, ...]]) -> tuple[Span, ...]:
    """What all anchors share: "between my first and second death" is after the one and before the other."""
    spans = bounds[0]
    for other in bounds[1:]:
        pairs = ((max(a.start_ns, b.start_ns), min(a.end_ns, b.end_ns)) for a in spans for b in other)
        spans = tuple(Span(start, end) for start, end in pairs if start < end)
    return tuple(sorted(dict.fromkeys(spans)))


def hull_of(draft: Evidence) -> Span | None:
    """One span around all spans, so that one lookup serves them; None for whole videos."""
    spans = [span for scope in draft.scopes for span in scope.spans]
    if any(scope.everywhere for scope in draft.scopes) or not spans:
        return None
    return Span(min(s.start_ns for s in spans), max(s.end_ns for s in spans))


def rows_starting(question: Question, draft: Evidence, rows: Sequence[Row]) -> list[Row]:
    """The rows that begin in the spans; "before my death" leaves out the death that it is measured from."""
    scopes = {scope.video.video_id: scope for scope in draft.scopes}
    is_edge = any(anchor.relation is not AnchorRelation.AT for anchor in question.anchors)
    edges = {row.row_id for row in draft.anchors} if is_edge else set()
    return [
        row for row in rows if row.video_id in scopes and scopes[row.video_id].holds(row) and row.row_id not in edges
    ]


def describe_spans(scope: Scope) -> str:
    """Where was looked, for people: "between 01:00 and 02:00"; nothing for the whole video."""
    if scope.everywhere or not scope.spans:
        return ""
    if len(scope.spans) > 1:
        parts = [f"{format_clock(span.start_ns)}-{format_clock(span.end_ns)}" for span in scope.spans]
        return f"in {', '.join(parts[:-1])} and {parts[-1]}"
    start, end = format_clock(scope.spans[0].start_ns), format_clock(scope.spans[0].end_ns)
    if scope.spans[0].start_ns == 0:
        return f"before {end}"
    if scope.spans[0].end_ns >= scope.video.duration_ns:
        return f"from {start} on"
    return f"between {start} and {end}"

"""From a question to its answer: which rows it needs and by which way they are found (pure but for what it asks).

- Questions about events of a kind ("how many", "when", "the biggest", "list", "did I") are answered from every event of
  that kind, never from the nearest few: a count over top-k is wrong as soon as k is passed.
- Questions about a moment take every row in its window.
- "Why" takes the event asked about and what led up to it.
- Values of the HUD come from the game state.
- Everything else is searched by meaning and by words; and where a question asks what was to be seen, or the timeline
  does not speak of it, the frames are searched for what looks like it.
"""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import chain, pairwise

from rapidfuzz import fuzz

from gvlm_resources.errors import QuestionError
from gvlm_resources.reasoning import languages, vocabulary
from gvlm_resources.reasoning.protocol import (
    FRAME,
    RAISED,
    Answer,
    Evidence,
    EvidenceSource,
    Lookup,
    ReasoningCore,
    Row,
    Scope,
    StateReading,
    Video,
)
from gvlm_resources.reasoning.question import Anchor, AnchorRelation, Ask, EventQuery, Question
from gvlm_resources.reasoning.times import Relation
from gvlm_resources.settings import ReasoningSettings
from gvlm_resources.timebase import NS_PER_S, Span, format_clock
from gvlm_resources.timeline.retrieval import STOP_WORDS

SAME_TEXT = 80.0  # of 100: two letters in ten may be misread
SURE_LETTERS = 4  # a shorter text is found in almost any other
VALUES_SHARE = 2  # of the rows of a prompt, for values that only bear out what happened
MANY_READINGS = 60  # more than this, and a prompt would have no room for the events beside them
NEAR = 0.42  # cosine of all-MiniLM-L6-v2: paraphrases lay above 0.43, unrelated texts up to 0.40
LEAD_UP_NS = 60 * NS_PER_S  # how far before a death its causes are looked for
BESIDE_NS = 3 * NS_PER_S  # a message this close to an event speaks of it
_BY_EVENT = frozenset((Ask.COUNT, Ask.TOTAL, Ask.WHEN, Ask.LIST, Ask.EXTREME, Ask.YES_NO, Ask.WHY, Ask.HOW_LONG))
_RANGES = frozenset((Ask.COUNT, Ask.TOTAL, Ask.WHEN, Ask.LIST, Ask.EXTREME, Ask.YES_NO, Ask.HOW_LONG))
_SEEING = re.compile(
    r"\b(?:see|sees|saw|seen|look(?:s|ed|ing)?|show(?:s|n|ed)?|visible|pictures?|frames?|screenshots?|images?|appear(?:s|ed)?)\b"
    r"|\bwhere\s+(?:is|was|are|were)\b",
    re.I,
)
# Which values tell that nothing of a kind happened, and what rows call a variable.
_BORNE_OUT_BY = {
    **dict.fromkeys(("death", "respawn", "heal"), ("health",)),
    **{"damage": ("health", "armor"), "armor": ("armor",)},
}
_CALLED = {"rockets": ("missiles",), "ammo": ("bullets", "shells", "rockets", "missiles", "cells")}
_UP = re.compile(
    r"\b(?:up|ris\w+|rose|increas\w+|rais\w+|restor\w+|higher|gr[eo]w\w*|climb\w*|gain\w*|back|again|more)\b", re.I
)
_DOWN = re.compile(
    r"\b(?:down|fall\w*|fell|drop\w*|decreas\w+|lower\w*|sink\w*|sank|los[et]\w*|less|shrink|shrank|reduc\w+)\b", re.I
)
_ALSO = {"message": (), "heal": ("heal", "pickup"), "armor": ("armor", "pickup")}  # what to look through; (): all


@dataclass
class _Tracer:
    """The source, with a line of the trace for each call."""

    source: EvidenceSource
    lookups: list[Lookup] = field(default_factory=list)

    def rows(self, video_id: str | None, kinds: tuple[str, ...], span: Span | None) -> tuple[Row, ...]:
        found = self.source.rows(video_id=video_id, kinds=kinds, span=span)
        self._note("rows", video_id, "", kinds, span, len(found))
        return found

    def states(self, video_id: str, variables: tuple[str, ...], span: Span | None) -> tuple[StateReading, ...]:
        found = self.source.states(video_id=video_id, variables=variables, span=span)
        self._note("states", video_id, "", variables, span, len(found))
        return found

    def search(
        self, text: str, video_id: str | None, span: Span | None, kinds: tuple[str, ...], k: int
    ) -> tuple[Row, ...]:
        found = self.source.search(text, video_id=video_id, span=span, kinds=kinds, k=k)
        self._note("search", video_id, text, kinds, span, len(found))
        return found

    def looks_like(self, text: str, video_id: str | None, span: Span | None, k: int) -> tuple[Row, ...]:
        found = self.source.looks_like(text, video_id=video_id, span=span, k=k)
        self._note("looks_like", video_id, text, (), span, len(found))
        return found

    def _note(
        self, method: str, video_id: str | None, text: str, kinds: tuple[str, ...], span: Span | None, found: int
    ) -> None:
        start, end = (span.start_ns, span.end_ns) if span else (None, None)
        self.lookups.append(Lookup(method, video_id, text, kinds, start, end, found))


def answer(
    question_text: str,
    *,
    source: EvidenceSource,
    core: ReasoningCore,
    settings: ReasoningSettings,
    video_id: str | None = None,
) -> Answer:
    """The answer to a question about one video, or (no `video_id`) about every video of the source.

    Over several videos a time such as `@02:45` is looked up in each that is long enough. Raises QuestionError for a
    question that cannot be asked, ServerError where the core's server gives nothing that can be used.
    """
    started = time.perf_counter()
    videos = chosen_videos(source, video_id)
    longest = max(video.duration_ns for video in videos)
    question = languages.read(question_text, duration_ns=longest, moment_window_s=settings.moment_window_s)
    evidence = gather(question, videos, source, settings)
    retrieve_ms = (time.perf_counter() - started) * 1000
    composed = core.compose(question, evidence, source)
    return replace(composed, usage=replace(composed.usage, retrieve_ms=retrieve_ms))


def chosen_videos(source: EvidenceSource, video_id: str | None) -> tuple[Video, ...]:
    """The video asked about, or all. Raises QuestionError where it is not there, or there is none at all."""
    videos = source.videos()
    if not videos:
        raise QuestionError("no video has a timeline yet", remedy="add a video and materialise its timeline_index")
    if video_id is None:
        return videos
    chosen = tuple(video for video in videos if video.video_id == video_id)
    if not chosen:
        raise QuestionError(
            f"there is no timeline of a video {video_id[:100]!r}",
            remedy="choose one of "
            + ", ".join(video.video_id for video in videos[:5])
            + ("" if len(videos) <= 5 else ", ..."),
        )
    return chosen


def gather(
    question: Question, videos: tuple[Video, ...], source: EvidenceSource, settings: ReasoningSettings
) -> Evidence:
    """The evidence for `question` in `videos`, which all have a timeline in `source`."""
    tracer = _Tracer(source)
    video_id = videos[0].video_id if len(videos) == 1 else None
    window_ns = max(1, round(settings.moment_window_s * NS_PER_S))
    draft = _placed(question, videos, video_id, tracer, window_ns)
    scopes = draft.scopes
    if question.is_outside or not any(scope.everywhere or scope.spans for scope in scopes):
        return _finish(draft, tracer, video_id)
    draft = _finish(_answering(question, draft, tracer, video_id, settings, window_ns), tracer, video_id)
    if video_id is not None:
        draft = _with_surroundings(question, draft, tracer, settings)
    return replace(draft, lookups=tuple(tracer.lookups))


def _answering(
    question: Question,
    draft: Evidence,
    tracer: _Tracer,
    video_id: str | None,
    settings: ReasoningSettings,
    window_ns: int,
) -> Evidence:
    """The rows that answer a question, by the way that its kind of question is answered."""
    if question.variables:
        return _states_evidence(question, draft, tracer)
    if question.compared:
        return _compared_evidence(question, draft, tracer, video_id)
    if (question.ask is Ask.WHY and question.named and not question.target.kinds) or _is_change(question):
        draft = _change_evidence(question, draft, tracer, video_id)
        if draft.rows:
            return _lead_up(draft, tracer, window_ns)
    if question.ask in _BY_EVENT and question.target.kinds:
        draft = _events_evidence(question, draft, tracer, video_id)
        if question.ask is Ask.WHY and draft.rows:
            draft = _lead_up(draft, tracer, window_ns)
        if not draft.rows and question.target.subject:
            draft = _searched(" ".join(question.target.subject), draft, tracer, video_id, settings.top_k)
        return draft
    if question.ask is Ask.HOW_LONG:
        return draft
    if question.ask in (Ask.WHAT_HAPPENED, Ask.SUMMARY) or (question.ask is Ask.WHY and not draft.scopes[0].everywhere):
        return _window_evidence(question, draft, tracer, video_id)
    if question.quoted:
        named = _quoted_evidence(question, draft, tracer, video_id)
        if named.rows:
            return named
    if question.ask is Ask.COUNT and question.target.subject:
        named = _naming_evidence(question, draft, tracer, video_id)
        if named.rows:
            return named
    draft = _searched(question.search_text, draft, tracer, video_id, settings.top_k)
    if asks_to_see(question.read_as) or not any(is_about(row, question.words) for row in draft.rows):
        draft = _looked(question, draft, tracer, video_id, settings.top_k)
    return draft


# ------------------------------------------------------------------------------ what stands around it


def _with_surroundings(question: Question, draft: Evidence, tracer: _Tracer, settings: ReasoningSettings) -> Evidence:
    """The evidence with what stands beside it, for a reader that sees more in it than was understood here.

    A stretch that a question names is shown with its rows where nothing but a search answered; the values of the HUD
    are shown where a variable was named, and where nothing was found: they bear out that nothing happened.
    """
    (scope,) = draft.scopes
    span = _hull(draft)
    context = {row.row_id: row for row in draft.context}
    if span is not None and (draft.is_search or not (draft.rows or draft.states)):
        context.update({r.row_id: r for r in tracer.rows(scope.video.video_id, (), span) if scope.covers(r)})
    if question.quoted:
        context.update({row.row_id: row for row in _quoting(question, draft, tracer, scope)})
    if draft.rows and question.target.which is not None and question.target.kinds:
        context.update({row.row_id: row for row in _alike(question, tracer, scope)})
    states = draft.states or _values(question, draft, tracer, scope, span, settings.max_rows)
    if draft.states and question.ask is Ask.WHEN:
        context.update({row.row_id: row for row in _changing(question, tracer, scope, span)})
    known = {row.row_id for row in (*draft.rows, *draft.unmatched, *draft.elsewhere, *draft.anchors, *draft.context)}
    added = [row for row in context.values() if row.row_id not in known]
    room = settings.max_rows - len(known) - len(states)
    rows = sorted((*draft.context, *_with_room(added, scope, room)), key=lambda r: (r.start_ns, r.row_id))
    return replace(draft, context=tuple(rows), states=states)


def _with_room(rows: list[Row], scope: Scope, room: int) -> list[Row]:
    """As many of the rows as a prompt has room for beside what answers: nearest to the moments first."""
    if scope.points_ns:
        rows = sorted(rows, key=lambda row: min(_off(row, point) for point in scope.points_ns))
    return rows[: max(0, room)]


def _quoting(question: Question, draft: Evidence, tracer: _Tracer, scope: Scope) -> list[Row]:
    rows = tracer.rows(scope.video.video_id, (), _hull(draft))
    return [row for row in rows if scope.covers(row) and any(_quotes(row, text) for text in question.quoted)]


def _quotes(row: Row, text: str) -> bool:
    """Whether a row tells a text, as it may have been misread."""
    wanted, told = _letters(text), _letters(row.text)
    if len(wanted) < SURE_LETTERS:
        return wanted == told
    return wanted in told or (len(told) >= len(wanted) - 2 and fuzz.partial_ratio(wanted, told) >= SAME_TEXT)


def _letters(text: str) -> str:
    return "".join(char for char in text.casefold() if char.isalnum())


def _alike(question: Question, tracer: _Tracer, scope: Scope) -> tuple[Row, ...]:
    """All events of which one by its place was asked for: the third is the third by the two before it."""
    every = tracer.rows(scope.video.video_id, _row_kinds(question.target.kinds), None)
    return _matching(question.target, every)


def of_variable(states: Sequence[StateReading], variable: str) -> list[StateReading]:
    """Readings of a variable, or of those it stands for: `ammo` is also `ammo_shells`, and bullets may be `ammo`."""
    exact = [s for s in states if s.variable == variable]
    parts = exact or [s for s in states if variable in s.variable.split("_")]
    return parts or [s for s in states if s.variable == vocabulary.STANDS_FOR.get(variable)]


def _variables(names: tuple[str, ...]) -> tuple[str, ...]:
    """Names to look up: those of variables, and of what stands for them where a game has no such number."""
    return tuple(
        dict.fromkeys((*names, *(vocabulary.STANDS_FOR[name] for name in names if name in vocabulary.STANDS_FOR)))
    )


def _rank(question: Question, variable: str) -> int:
    return int(not any(variable in _BORNE_OUT_BY.get(kind, ()) for kind in question.target.kinds))


def _changing(question: Question, tracer: _Tracer, scope: Scope, span: Span | None) -> list[Row]:
    """The events that made a value meet the number asked for, or meet it no more."""
    meets = question.threshold
    if meets is None:
        return []
    return [
        row
        for row in tracer.rows(scope.video.video_id, (), span)
        if any(meets.holds(before) != meets.holds(after) for before, after in changes(row, question.variables))
    ]


def changes(row: Row, variables: tuple[str, ...]) -> list[tuple[float, float]]:
    """From what to what an event's row says that it changed one of the variables: `(health 69 to 79)`."""
    names = {name for variable in variables for name in (variable, *_CALLED.get(variable, ()))}
    told = re.finditer(r"\b([a-z]+) ([0-9.]+) to ([0-9]+(?:\.[0-9]+)?)", row.text) if row.source == "event" else ()
    return [(float(found[2]), float(found[3])) for found in told if found[1] in names]


def _values(
    question: Question, draft: Evidence, tracer: _Tracer, scope: Scope, span: Span | None, max_rows: int
) -> tuple[StateReading, ...]:
    """Values that bear on the question: of the variables that it names, else of those that change least."""
    video_id = scope.video.video_id
    if question.named:
        named = tracer.states(video_id, _variables(question.named), span)
        return tuple(reading for variable in question.named for reading in of_variable(named, variable))
    is_stretch = question.ask in (Ask.WHAT_HAPPENED, Ask.SUMMARY) and span is not None
    if not is_stretch and (draft.rows or question.ask not in _BY_EVENT):
        return ()
    groups: dict[str, list[StateReading]] = {}
    for reading in tracer.states(video_id, (), span):
        groups.setdefault(reading.variable, []).append(reading)
    room, kept = max(0, max_rows // VALUES_SHARE), []
    for _, readings in sorted(groups.items(), key=lambda item: (_rank(question, item[0]), len(item[1]), item[0])):
        if len(kept) + len(readings) <= room:
            kept.extend(readings)
    return tuple(sorted(kept, key=lambda s: (s.start_ns, s.variable)))


def asks_to_see(text: str) -> bool:
    """Whether a question is about what was to be seen."""
    return _SEEING.search(text) is not None


def is_about(row: Row, words: tuple[str, ...]) -> bool:
    """Whether a row speaks of the words: it names one, is near in meaning, or is a frame that looks like them."""
    if row.source == FRAME or (words and vocabulary.names_any(words, row_words(row))):
        return True
    return row.similarity is not None and row.similarity >= NEAR


def _finish(draft: Evidence, tracer: _Tracer, video_id: str | None) -> Evidence:
    """The draft with its trace, and where it holds nothing, with what the timeline does hold."""
    inventory: tuple[tuple[str, int], ...] = ()
    if not (draft.rows or draft.states):
        counts: dict[str, int] = {}
        ids = {scope.video.video_id for scope in draft.scopes}
        for row in tracer.rows(video_id, (), None):
            if row.video_id in ids:
                counts[row.kind or row.source] = counts.get(row.kind or row.source, 0) + 1
        inventory = tuple(sorted(counts.items(), key=lambda item: (-item[1], item[0])))
    return replace(draft, inventory=inventory, lookups=tuple(tracer.lookups))


# -------------------------------------------------------------------------------- where in the video


def _placed(
    question: Question, videos: tuple[Video, ...], video_id: str | None, tracer: _Tracer, window_ns: int
) -> Evidence:
    """Where in each video the question looks: its times, narrowed by the events it names."""
    notes: list[str] = []
    anchors: list[Row] = []
    unplaced: list[Row] = []
    found = {
        anchor.event: _matching(anchor.event, tracer.rows(video_id, _row_kinds(anchor.event.kinds), None))
        for anchor in question.anchors
    }
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
            around = (_around(anchor, row, video, _takes_range(question), window_ns) for row in chosen)
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


def _takes_range(question: Question) -> bool:
    """Whether "before" and "after" reach to the ends of the video: for a count they do, for a moment they do not."""
    bounded = any(time.relation is not Relation.AT for time in question.times)
    return question.ask in _RANGES or len(question.anchors) > 1 or bounded or bool(question.step)


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
        nearest = {min(here, key=lambda row: _off(row, point)).row_id for point in points}
        here = [row for row in here if row.row_id in nearest]
    if which is None and _takes_range(question) and len(here) > 1 and anchor.relation is not AnchorRelation.AT:
        which = 1
        notes.append(
            f"“{anchor.text}” fits {len(here)} moments of {video.title}; the first, {here[0].clock}, was taken."
        )
    chosen = _nth(tuple(here), which)
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


# -------------------------------------------------------------------------------------- which events


def _row_kinds(kinds: tuple[str, ...]) -> tuple[str, ...]:
    """The kinds of rows among which those that tell of `kinds` are."""
    if any(_ALSO.get(kind) == () for kind in kinds):
        return ()
    return tuple(dict.fromkeys(k for kind in kinds for k in _ALSO.get(kind, (kind,))))


def _nth(rows: tuple[Row, ...], which: int | None) -> tuple[Row, ...]:
    if which is None:
        return rows
    index = which - 1 if which > 0 else len(rows) + which
    return rows[index : index + 1] if index >= 0 else ()


def _matching(event: EventQuery, rows: tuple[Row, ...]) -> tuple[Row, ...]:
    return named_rows(event.subject, _one_telling(event.kinds, rows))


def named_rows(subject: tuple[str, ...], rows: Sequence[Row]) -> tuple[Row, ...]:
    """The rows that name what is asked for. Where some are that thing, those: shotgun shells are not "the shotgun".

    A word for a whole kind of thing, such as "armor", means an armor bonus as well.
    """
    if not subject:
        return tuple(rows)
    naming = tuple(row for row in rows if vocabulary.names_all(subject, row_words(row)))
    if subject[-1] in vocabulary.CATEGORIES:
        return naming
    just = tuple(row for row in naming if row_words(row).is_a(subject[-1]))
    return just or naming


def row_words(row: Row) -> vocabulary.Named:
    """What a row names."""
    return vocabulary.Named.of(row.text, row.subject)


def _one_telling(kinds: tuple[str, ...], rows: Sequence[Row]) -> tuple[Row, ...]:
    """The rows that tell of `kinds`, each happening once.

    Other text in the picture counts as a message only where there is none, a pickup as a heal only where there is none.
    """
    kept = tuple(row for row in rows if any(row.tells(kind) for kind in kinds))
    if "message" in kinds and any(row.kind != "text" for row in kept):
        kept = tuple(row for row in kept if row.kind != "text")
    for kind in kinds:
        if kind in RAISED and "pickup" not in kinds and any(row.kind == kind for row in kept):
            kept = tuple(row for row in kept if row.kind != "pickup")
    return kept


def _events_evidence(question: Question, draft: Evidence, tracer: _Tracer, video_id: str | None) -> Evidence:
    target = question.target
    kinds, hull = _row_kinds(target.kinds), _hull(draft)
    every = _one_telling(target.kinds, tracer.rows(video_id, kinds, hull))
    scoped = _starting(question, draft, every)
    named = named_rows(target.subject, scoped)
    told: tuple[Row, ...] = ()
    if target.subject and scoped and not named:
        named, told = _named_beside(target.subject, scoped, tracer, video_id)
    if not scoped and hull is not None:
        ids = {scope.video.video_id for scope in draft.scopes}
        elsewhere = _one_telling(target.kinds, tracer.rows(video_id, kinds, None))
        return replace(draft, elsewhere=named_rows(target.subject, [row for row in elsewhere if row.video_id in ids]))
    rows: list[Row] = []
    for scope in draft.scopes:
        mine = tuple(row for row in named if row.video_id == scope.video.video_id)
        rows.extend(_nearest(question, mine) if question.ask is Ask.WHY else _nth(mine, target.which))
    unmatched = [] if rows else scoped
    return replace(draft, rows=tuple(rows), unmatched=tuple(unmatched), context=told)


def _named_beside(
    subject: tuple[str, ...], rows: Sequence[Row], tracer: _Tracer, video_id: str | None
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


def _nearest(question: Question, rows: tuple[Row, ...]) -> tuple[Row, ...]:
    """For "why ... at 00:45": the event of the window that lies nearest to each moment named."""
    chosen = _nth(rows, question.target.which)
    moments = [time.at_ns for time in question.times if time.at_ns is not None]
    if not moments or not chosen or question.target.which is not None:
        return chosen
    nearest = {min(chosen, key=lambda row: _off(row, at_ns)).row_id for at_ns in moments}
    return tuple(row for row in chosen if row.row_id in nearest)


def _off(row: Row, at_ns: int) -> tuple[bool, int]:
    """How far a row is from a moment: a clock means its whole second, so what starts in that comes first."""
    return row.start_ns // NS_PER_S != at_ns // NS_PER_S, abs(row.start_ns - at_ns)


def _hull(draft: Evidence) -> Span | None:
    """One span around all spans, so that one lookup serves them; None for whole videos."""
    spans = [span for scope in draft.scopes for span in scope.spans]
    if any(scope.everywhere for scope in draft.scopes) or not spans:
        return None
    return Span(min(s.start_ns for s in spans), max(s.end_ns for s in spans))


def _lead_up(draft: Evidence, tracer: _Tracer, window_ns: int) -> Evidence:
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


def _is_change(question: Question) -> bool:
    """ "Why did my health go up at 0:20": a gain is explained by whatever raised the value, not only by heals."""
    raised = bool(question.target.kinds) and set(question.target.kinds) <= {*RAISED, "pickup"}
    return question.ask is Ask.WHY and raised and bool(question.named)


def _change_evidence(question: Question, draft: Evidence, tracer: _Tracer, video_id: str | None) -> Evidence:
    """The events that changed the variable that a "why" names, in the direction it says, nearest to the moments."""
    window = _window_evidence(question, draft, tracer, video_id).rows
    up = bool(_UP.search(question.read_as)) or _is_change(question)
    down = bool(_DOWN.search(question.read_as)) and not _is_change(question)

    def fits(before: float, after: float) -> bool:
        return up == down or (after > before) == up

    changed = tuple(row for row in window if any(fits(*change) for change in changes(row, question.named)))
    nearest = _nearest(question, changed)
    moments = {row.start_ns // NS_PER_S for row in nearest}
    if question.times and nearest:
        nearest = tuple(row for row in changed if row.start_ns // NS_PER_S in moments)
    return replace(draft, rows=nearest)


def _compared_evidence(question: Question, draft: Evidence, tracer: _Tracer, video_id: str | None) -> Evidence:
    """The two events that a question compares, in the order in which it names them."""
    rows: list[Row] = []
    for event in question.compared:
        every = _starting(
            question, draft, _matching(event, tracer.rows(video_id, _row_kinds(event.kinds), _hull(draft)))
        )
        for scope in draft.scopes:
            rows += _nth(tuple(row for row in every if row.video_id == scope.video.video_id), event.which)
    return replace(draft, rows=tuple(dict.fromkeys(rows)))


def _quoted_evidence(question: Question, draft: Evidence, tracer: _Tracer, video_id: str | None) -> Evidence:
    """The rows that tell the text in quotes, in order of time."""
    window = _window_evidence(question, draft, tracer, video_id)
    return replace(draft, rows=tuple(row for row in window.rows if any(_quotes(row, text) for text in question.quoted)))


# ---------------------------------------------------------------------------------------- other ways


def _window_evidence(question: Question, draft: Evidence, tracer: _Tracer, video_id: str | None) -> Evidence:
    every = tuple(row for row in tracer.rows(video_id, (), _hull(draft)) if row.kind not in question.left_out)
    if draft.anchors:
        return replace(draft, rows=tuple(_starting(question, draft, every)))
    scopes = {scope.video.video_id: scope for scope in draft.scopes}
    return replace(draft, rows=tuple(r for r in every if r.video_id in scopes and scopes[r.video_id].covers(r)))


def _starting(question: Question, draft: Evidence, rows: Sequence[Row]) -> list[Row]:
    """The rows that begin in the spans; "before my death" leaves out the death that it is measured from."""
    scopes = {scope.video.video_id: scope for scope in draft.scopes}
    is_edge = any(anchor.relation is not AnchorRelation.AT for anchor in question.anchors)
    edges = {row.row_id for row in draft.anchors} if is_edge else set()
    return [
        row for row in rows if row.video_id in scopes and scopes[row.video_id].holds(row) and row.row_id not in edges
    ]


def _naming_evidence(question: Question, draft: Evidence, tracer: _Tracer, video_id: str | None) -> Evidence:
    """Every row that names the words: what a count of something the timeline has no kind for can rest on."""
    window = _window_evidence(question, draft, tracer, video_id)
    named = tuple(row for row in window.rows if vocabulary.names_all(question.target.subject, row_words(row)))
    return replace(draft, rows=_nth(named, question.target.which))


def _searched(text: str, draft: Evidence, tracer: _Tracer, video_id: str | None, k: int) -> Evidence:
    """The hits of a search in each span asked about, or in the whole, best first."""
    spans: list[Span | None] = [None]
    if len(draft.scopes) == 1 and draft.scopes[0].spans:
        spans = list(draft.scopes[0].spans)
    elif _hull(draft) is not None:
        spans = [_hull(draft)]
    hits: dict[str, Row] = {}
    for span in spans:
        for row in tracer.search(text, video_id, span, (), k):
            hits.setdefault(row.row_id, row)
    scopes = {scope.video.video_id: scope for scope in draft.scopes}
    rows = [row for row in hits.values() if row.video_id in scopes and scopes[row.video_id].covers(row)]
    return replace(draft, rows=tuple(rows[:k]), is_search=True)


def sight_words(text: str) -> str:
    """What a question wants to see, as it is written there: “zombie” of “where do I see a zombie”."""
    kept = [word for word in re.findall(r"[\w'-]+", text) if not _says_nothing(word.lower())]
    return " ".join(kept) or text


def _says_nothing(word: str) -> bool:
    return word in vocabulary.SILENT or word in STOP_WORDS or _SEEING.fullmatch(word) is not None


def _looked(question: Question, draft: Evidence, tracer: _Tracer, video_id: str | None, k: int) -> Evidence:
    """The draft and, after its rows, the frames that look like what is asked for, surest first."""
    words = sight_words(question.search_text)
    scopes = {scope.video.video_id: scope for scope in draft.scopes}
    seen = tracer.looks_like(words, video_id, _hull(draft), k)
    rows = tuple(row for row in seen if row.video_id in scopes and scopes[row.video_id].covers(row))
    return replace(draft, rows=(*draft.rows, *rows), is_search=True)


def _states_evidence(question: Question, draft: Evidence, tracer: _Tracer) -> Evidence:
    """Every reading of the variables up to the end of what is asked: the value that held there is among them."""
    states: list[StateReading] = []
    context: list[Row] = []
    for scope in draft.scopes:
        end = max((span.end_ns for span in scope.spans), default=scope.video.duration_ns)
        variables = tuple(v for v in question.variables if v != "weapon")
        if variables:
            found = tracer.states(scope.video.video_id, _variables(variables), Span(0, end))
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

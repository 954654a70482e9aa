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

import time
from dataclasses import replace

from gvlm_resources.errors import QuestionError
from gvlm_resources.reasoning import languages
from gvlm_resources.reasoning.events_found import (
    BESIDE_NS,
    BY_EVENT,
    change_evidence,
    compared_evidence,
    events_evidence,
    is_change,
    naming_evidence,
    quoted_evidence,
    window_evidence,
    with_lead_up,
)
from gvlm_resources.reasoning.lookups import Tracer
from gvlm_resources.reasoning.matching import changes, named_rows, of_variable, row_words
from gvlm_resources.reasoning.placing import describe_spans, placed_in
from gvlm_resources.reasoning.protocol import Answer, Evidence, EvidenceSource, ReasoningCore, Video
from gvlm_resources.reasoning.question import Ask, Question
from gvlm_resources.reasoning.searching import asks_to_see, is_about, looked_for, searched_for, sight_words
from gvlm_resources.reasoning.states_found import states_evidence
from gvlm_resources.reasoning.surroundings import with_surroundings
from gvlm_resources.settings import ReasoningSettings
from gvlm_resources.timebase import NS_PER_S

__all__ = (
    "BESIDE_NS",
    "answer",
    "asks_to_see",
    "changes",
    "chosen_videos",
    "describe_spans",
    "gather",
    "is_about",
    "named_rows",
    "of_variable",
    "row_words",
    "sight_words",
)


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
    tracer = Tracer(source)
    video_id = videos[0].video_id if len(videos) == 1 else None
    window_ns = max(1, round(settings.moment_window_s * NS_PER_S))
    draft = placed_in(question, videos, video_id, tracer, window_ns)
    scopes = draft.scopes
    if question.is_outside or not any(scope.everywhere or scope.spans for scope in scopes):
        return _finish(draft, tracer, video_id)
    draft = _finish(_answering(question, draft, tracer, video_id, settings, window_ns), tracer, video_id)
    if video_id is not None:
        draft = with_surroundings(question, draft, tracer, settings)
    return replace(draft, lookups=tuple(tracer.lookups))


def _answering(
    question: Question,
    draft: Evidence,
    tracer: Tracer,
    video_id: str | None,
    settings: ReasoningSettings,
    window_ns: int,
) -> Evidence:
    """The rows that answer a question, by the way that its kind of question is answered."""
    if question.variables:
        return states_evidence(question, draft, tracer)
    if question.compared:
        return compared_evidence(question, draft, tracer, video_id)
    if (question.ask is Ask.WHY and question.named and not question.target.kinds) or is_change(question):
        draft = change_evidence(question, draft, tracer, video_id)
        if draft.rows:
            return with_lead_up(draft, tracer, window_ns)
    if question.ask in BY_EVENT and question.target.kinds:
        draft = events_evidence(question, draft, tracer, video_id)
        if question.ask is Ask.WHY and draft.rows:
            draft = with_lead_up(draft, tracer, window_ns)
        if not draft.rows and question.target.subject:
            draft = searched_for(" ".join(question.target.subject), draft, tracer, video_id, settings.top_k)
        return draft
    if question.ask is Ask.HOW_LONG:
        return draft
    if question.ask in (Ask.WHAT_HAPPENED, Ask.SUMMARY) or (question.ask is Ask.WHY and not draft.scopes[0].everywhere):
        return window_evidence(question, draft, tracer, video_id)
    if question.quoted:
        named = quoted_evidence(question, draft, tracer, video_id)
        if named.rows:
            return named
    if question.ask is Ask.COUNT and question.target.subject:
        named = naming_evidence(question, draft, tracer, video_id)
        if named.rows:
            return named
    draft = searched_for(question.search_text, draft, tracer, video_id, settings.top_k)
    if asks_to_see(question.read_as) or not any(is_about(row, question.words) for row in draft.rows):
        draft = looked_for(question, draft, tracer, video_id, settings.top_k)
    return draft


def _finish(draft: Evidence, tracer: Tracer, video_id: str | None) -> Evidence:
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

"""The way from a question to its answer: parse, retrieve, compose."""

from __future__ import annotations

import time
from dataclasses import replace

from gvlm_resources.reasoning import question as questions
from gvlm_resources.reasoning import retrieve
from gvlm_resources.reasoning.protocol import Answer, EvidenceSource, ReasoningCore
from gvlm_resources.settings import ReasoningSettings


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
    videos = retrieve.chosen_videos(source, video_id)
    longest = max(video.duration_ns for video in videos)
    question = questions.parse(question_text, duration_ns=longest, moment_window_s=settings.moment_window_s)
    evidence = retrieve.gather(question, videos, source, settings)
    retrieve_ms = (time.perf_counter() - started) * 1000
    composed = core.compose(question, evidence, source)
    return replace(composed, usage=replace(composed.usage, retrieve_ms=retrieve_ms))

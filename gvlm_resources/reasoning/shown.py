"""What a question's prompt would show of a video: the same look-ups and the same lines, for training on them."""

from __future__ import annotations

from gvlm_resources.reasoning import languages, prompts, retrieve
from gvlm_resources.reasoning.protocol import EvidenceSource
from gvlm_resources.settings import ReasoningSettings


def timeline_for(question_text: str, *, source: EvidenceSource, settings: ReasoningSettings, video_id: str) -> str:
    """The evidence of a question about one video as its prompt has it: the same rows, in the same lines."""
    videos = retrieve.chosen_videos(source, video_id)
    question = languages.read(
        question_text, duration_ns=videos[0].duration_ns, moment_window_s=settings.moment_window_s
    )
    evidence = retrieve.gather(question, videos, source, settings)
    return prompts.timeline(question, evidence, max_rows=settings.max_rows)

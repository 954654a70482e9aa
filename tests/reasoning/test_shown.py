"""A training example shows what the question's prompt will show."""

import pytest

from gvlm_resources.reasoning import languages, prompts, retrieve
from gvlm_resources.reasoning.shown import timeline_for
from gvlm_resources.settings import ReasoningSettings
from tests.reasoning.doom import one_video

QUESTIONS = (
    "how many times did I die?",
    "What happened at 00:45?",
    "Why did the player die at 00:45?",
    "Wie oft starb der Spieler?",
    "was there a lava pool?",
)


@pytest.mark.parametrize("text", QUESTIONS)
@pytest.mark.parametrize("max_rows", [2, 120])
def test_the_timeline_of_an_example_stands_in_the_prompt_of_its_question(text: str, max_rows: int) -> None:
    source, settings = one_video(), ReasoningSettings(max_rows=max_rows)
    (video,) = source.videos()
    shown = timeline_for(text, source=source, settings=settings, video_id=video.video_id)
    question = languages.read(text, duration_ns=video.duration_ns, moment_window_s=settings.moment_window_s)
    evidence = retrieve.gather(question, (video,), source, settings)
    assert shown in prompts.write(question, evidence, max_rows=max_rows).user
    assert "<evidence>" in shown

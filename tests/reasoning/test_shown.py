"""A training example shows what the question's prompt will show."""

import pytest

from gvlm_resources.reasoning import languages, prompts, retrieve
from gvlm_resources.reasoning.protocol import Evidence
from gvlm_resources.reasoning.shown import timeline_for
from gvlm_resources.settings import ReasoningSettings
from tests.reasoning.doom import FakeSource, event, one_video

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


def shown(text: str, source: FakeSource | None = None, max_rows: int = 120) -> list[str]:
    """The lines of the rows that the prompt of a question has."""
    source = source or one_video()
    settings, (video,) = ReasoningSettings(max_rows=max_rows), source.videos()
    told = timeline_for(text, source=source, settings=settings, video_id=video.video_id)
    return told.split("<evidence>\n")[1].split("</evidence>")[0].splitlines()


def evidence_of(text: str) -> Evidence:
    source, settings = one_video(), ReasoningSettings()
    (video,) = source.videos()
    question = languages.read(text, duration_ns=video.duration_ns, moment_window_s=settings.moment_window_s)
    return retrieve.gather(question, (video,), source, settings)


def test_a_stretch_is_shown_whatever_is_asked_about_it() -> None:
    assert any(" death " in line for line in shown("ponder the glorious bits between 0:30 and 0:50"))


def test_that_nothing_happened_is_borne_out_by_the_values_of_the_stretch() -> None:
    lines = shown("how many times did I die between 1:00 and 1:30?")
    assert any("health 100" in line for line in lines)


def test_events_that_answer_are_shown_without_all_the_values() -> None:
    assert not any(" state " in line for line in shown("how many times did I die?"))


def test_what_is_not_wanted_is_not_shown() -> None:
    text = "what happened between 0:30 and 0:50"
    assert any(" shot " in line for line in shown(text))
    assert not any(" shot " in line for line in shown(f"{text}, not counting shots"))


def test_a_text_in_quotes_is_shown_as_it_was_misread() -> None:
    source = one_video()
    (video,) = source.videos()
    misread = event(video.video_id, "2:40", "message", "Yov fovnd a secert area", source="text", of="o")
    source.rows_.append(misread)
    lines = shown('when does "You found a secret area" first appear?', source)
    assert any("Yov fovnd" in line for line in lines)


def test_what_stands_around_leaves_room_for_what_answers() -> None:
    text = "how much health did I have at 1:00?"
    assert any("health 100" in line for line in shown(text, max_rows=3))
    assert len(shown("ponder the bits between 0:10 and 3:00", max_rows=5)) == 5


def test_bullets_are_read_from_the_ammo_where_a_game_shows_nothing_else() -> None:
    assert {state.variable for state in evidence_of("how many bullets did I have at 1:00?").states} == {"ammo"}


def test_of_several_deaths_the_one_at_the_time_named_is_meant() -> None:
    assert [row.clock for row in evidence_of("what happened after I died at 1:52?").anchors] == ["01:52"]


def test_an_event_that_came_less_often_is_shown_as_often_as_it_came() -> None:
    evidence = evidence_of("what happened right before the ninth time that I died?")
    assert [row.clock for row in evidence.context if row.kind == "death"] == ["00:45", "01:52", "03:10"]


def test_a_first_event_is_shown_with_all_of_its_kind() -> None:
    evidence = evidence_of("when was my second death?")
    assert [row.clock for row in evidence.rows] == ["01:52"]
    assert {row.clock for row in evidence.context if row.kind == "death"} == {"00:45", "03:10"}

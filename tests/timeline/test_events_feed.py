from __future__ import annotations

import pytest

from gvlm_resources.timeline import feed
from tests.timeline.hud_rows import GAME, line, ocr


def shown(*rows: dict) -> list[tuple[str, float]]:
    """Messages as (what they are about or say, when they came up in s)."""
    found = feed.messages(ocr(*rows), GAME)
    return [(one.meaning.subject or one.text, round(one.start_ns / 1e9, 2)) for one in found]


BONUS = "PICKED UP A HEALTH BONUS."
MEDIKIT = "PICKED UP A MEDIKIT."


def test_a_line_that_stands_is_one_message() -> None:
    assert shown(line(BONUS, 1, 4)) == [("health bonus", 1.0)]


def test_two_equal_lines_below_each_other_are_two_messages() -> None:
    assert shown(line(BONUS, 1, 4), line(BONUS, 2, 5, row=1)) == [("health bonus", 1.0), ("health bonus", 2.0)]


def test_a_line_that_moves_up_stays_one_message() -> None:
    rows = [line(MEDIKIT, 1, 4), line(BONUS, 2, 4.1, row=1), line(BONUS, 4.2, 5)]
    assert shown(*rows) == [("medikit", 1.0), ("health bonus", 2.0)]


def test_a_line_read_in_pieces_is_one_message() -> None:
    rows = [line(BONUS, 1, 1.5), line("PICXED UP A HEALTM BONUS", 1.6, 2.4), line(BONUS, 2.8, 4)]
    assert shown(*rows) == [("health bonus", 1.0)]


def test_the_same_line_in_the_same_place_after_its_time_is_a_new_message() -> None:
    assert shown(line(BONUS, 1, 4), line(BONUS, 4.3, 7.3)) == [("health bonus", 1.0), ("health bonus", 4.3)]


def test_a_line_that_stands_for_almost_twice_its_time_was_printed_twice() -> None:
    # The second is pushed up into the place of the first: nothing on the screen changes, but it stays too long.
    assert shown(line(BONUS, 1, 6.5)) == [("health bonus", 1.0), ("health bonus", 3.5)]


def test_a_line_that_lingers_a_little_is_still_one() -> None:
    assert len(shown(line(BONUS, 1, 4.4))) == 1


def test_a_line_below_is_never_the_continuation_of_one_above() -> None:
    rows = [line(BONUS, 1, 2), line(BONUS, 2.1, 5, row=1)]
    assert shown(*rows) == [("health bonus", 1.0), ("health bonus", 2.1)]


def test_in_a_feed_that_grows_upwards_lines_move_down() -> None:
    upwards = GAME.model_copy(update={"feed": GAME.feed.model_copy(update={"newest": "top"})})
    rows = [line(BONUS, 1, 2), line(BONUS, 2, 4, row=1), line(BONUS, 2, 5)]
    found = feed.messages(ocr(*rows), upwards)
    assert [round(one.start_ns / 1e9) for one in found] == [1, 2]


def test_three_things_in_one_frame_are_three_messages() -> None:
    rows = [line(BONUS, 1, 4), line(MEDIKIT, 1, 4, row=1), line("YOU GOT THE SHOTGUN!", 1, 4, row=2)]
    assert sorted(name for name, _ in shown(*rows)) == ["health bonus", "medikit", "shotgun"]


@pytest.mark.parametrize(
    ("text", "subject"),
    [
        ("Picked up a medikit.", "medikit"),
        ("PICKEDUPAMEDIKIT", "medikit"),
        ("P1CKED UP A MED1KIT", "medikit"),
        ("PICKED UP A RED KEY.", "red key"),
        ("Player was killed by a zombie.", "zombie"),
    ],
)
def test_messages_are_known_with_letters_misread(text: str, subject: str) -> None:
    meaning = feed.meaning_of(text, GAME.messages)
    assert meaning.rule is not None
    assert meaning.subject == subject


def test_of_two_alike_messages_the_nearer_is_meant() -> None:
    meaning = feed.meaning_of("PICKED UP A HEALTH BOMUS", GAME.messages)
    assert meaning.subject == "health bonus"


def test_another_text_is_no_known_message() -> None:
    assert feed.meaning_of("Welcome to the arena", GAME.messages).rule is None


def test_filtered_rows_and_blanks_are_no_messages() -> None:
    assert shown(line(BONUS, 1, 4, status="filtered", reason="low_confidence"), line(" . ", 1, 4)) == []


def test_a_message_cites_every_reading_it_was_made_from() -> None:
    rows = [line(BONUS, 1, 2, ocr_id="a"), line(BONUS, 2.1, 4, ocr_id="b")]
    (message,) = feed.messages(ocr(*rows), GAME)
    assert message.evidence == ("a", "b")

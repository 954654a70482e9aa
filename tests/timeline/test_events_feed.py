from __future__ import annotations

import pytest

from gvlm_resources import schemas
from gvlm_resources.timeline import feed, state
from gvlm_resources.timeline.changes import States
from gvlm_resources.timeline.explain import explained
from tests.timeline.hud_rows import GAME, at, line, number, ocr


def shown(*rows: dict) -> list[tuple[str, float]]:
    """Messages as (what they are about or say, when they came up in s)."""
    read = ocr(*rows)
    states = States(state.series(read, GAME, video_id="v-1"), GAME)
    found = explained(feed.sightings_of(read), GAME, states)
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


def test_an_old_line_found_anew_while_its_like_comes_up_is_no_third_message() -> None:
    # The first line is lost at 2.0, when it scrolls, and found again at 2.3; the second came up at 2.0 below it.
    rows = [line(BONUS, 1, 2, row=1), line(BONUS, 2, 5, row=1), line(BONUS, 2.3, 4)]
    assert [moment for _, moment in shown(*rows)] == pytest.approx([1.0, 2.0], abs=0.31)


def test_a_line_pushed_out_by_four_newer_ones_does_not_live_its_time() -> None:
    rows = [line(MEDIKIT, 1, 1.6), *(line(BONUS, 1.2 + 0.1 * n, 4.2 + 0.1 * n, row=n) for n in range(4))]
    assert [name for name, _ in shown(*rows)] == ["medikit"] + ["health bonus"] * 4


def test_a_flash_of_text_is_no_message() -> None:
    assert shown(line("FEEF", 1, 1.1)) == []


def test_a_line_read_late_came_up_when_its_number_rose() -> None:
    rows = [*number("health", (0, "50"), (5, "75")), line(MEDIKIT, 5.7, 8)]
    assert shown(*rows) == [("medikit", 5.0)]


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
    alike, meaning = feed.meanings_of(text, GAME)[0]
    assert meaning.rule is not None
    assert meaning.subject == subject
    assert alike >= feed.SAME_TEXT


def test_of_two_alike_messages_the_nearer_is_meant() -> None:
    meanings = [meaning.subject for _, meaning in feed.meanings_of("PICKED UP A HEALTH BOMUS", GAME)]
    assert meanings[0] == "health bonus"
    assert "armor bonus" in meanings


def test_another_text_is_no_known_message() -> None:
    assert [meaning.rule for _, meaning in feed.meanings_of("Welcome to the arena", GAME)] == [None]


def test_filtered_rows_and_blanks_are_no_messages() -> None:
    assert shown(line(BONUS, 1, 4, status="filtered", reason="low_confidence"), line(" . ", 1, 4)) == []


def test_a_message_cites_every_reading_it_was_made_from() -> None:
    read = ocr(line(BONUS, 1, 2, ocr_id="a"), line(BONUS, 2.1, 4, ocr_id="b"))
    (message,) = explained(feed.sightings_of(read), GAME, States(schemas.GAME_STATE.empty_table(), GAME))
    assert message.evidence == ("a", "b")
    assert (message.start_ns, message.end_ns) == (at(1), at(4))


def test_an_hour_of_lines_without_a_pause_is_explained_whole() -> None:
    rows = [line(BONUS if n % 2 else MEDIKIT, n * 2.0, n * 2.0 + 2.9, row=n % 2) for n in range(1_800)]
    assert len(shown(*rows)) == 1_800


def test_a_thing_that_must_raise_its_number_is_not_believed_when_nothing_rose() -> None:
    rows = [*number("health", (0, "50"), (5, "75")), line(MEDIKIT, 5, 8), line(MEDIKIT, 9, 9.6)]
    assert shown(*rows) == [("medikit", 5.0)]

from __future__ import annotations

from dataclasses import replace

from gvlm_resources.simulator.hud import MESSAGE_TICS, broken_into_lines, hud_states
from tests.simulator.states import CALM, tics_of

FONT = dict.fromkeys("ABCDEFGHIJKLMNOPQRSTUVWXYZ.'!", 8) | {" ": 4}


def test_the_bar_shows_a_number_one_tic_after_the_engine_has_it() -> None:
    shown = list(hud_states(tics_of({"health": 80, "weapon_ammo": 49, "armor": 5}, {}), FONT))
    assert [(state.health, state.ammo, state.armor) for state in shown] == [(100, 50, 0), (100, 50, 0), (80, 49, 5)]


def test_the_bar_is_drawn_anew_in_the_tic_of_a_respawn() -> None:
    shown = hud_states(tics_of({"health": -9, "dead": True}, {}, {"health": 100, "dead": False}), FONT)
    assert [state.health for state in shown] == [100, 100, 0, 100]


def test_fists_show_no_ammunition() -> None:
    shown = list(hud_states([replace(CALM, weapon_slot=1), replace(CALM, tic=1)], FONT))
    assert [state.ammo for state in shown] == [None, None]


def test_a_message_stands_for_its_time_and_the_newest_is_the_lowest() -> None:
    changes: list[dict[str, object]] = [{} for _ in range(MESSAGE_TICS + 12)]
    changes[0]["notifications"], changes[9]["notifications"] = ("First.",), ("Second.",)
    shown = [state.messages for state in hud_states(tics_of(*changes), FONT)]
    assert shown[0] == ()
    assert shown[1] == ("First.",)
    assert shown[10] == ("First.", "Second.")
    assert shown[MESSAGE_TICS] == ("First.", "Second.")
    assert shown[MESSAGE_TICS + 1] == ("Second.",)
    assert shown[MESSAGE_TICS + 10] == ()


def test_there_are_four_lines_at_most() -> None:
    lines = tuple(f"LINE {letter}" for letter in "ABCDE")
    assert list(hud_states(tics_of({"notifications": lines}), FONT))[-1].messages == lines[1:]


def test_a_secret_is_told_in_the_middle_and_not_in_the_lines() -> None:
    assert list(hud_states(tics_of({"notifications": ("A secret is revealed!",)}), FONT))[-1].messages == ()


def test_a_message_wider_than_the_picture_is_broken_at_a_space() -> None:
    text = "Player couldn't evade an octaminator's fireball."
    assert broken_into_lines(text, FONT) == ["Player couldn't evade an octaminator's", "fireball."]
    assert broken_into_lines("Short.", FONT) == ["Short."]

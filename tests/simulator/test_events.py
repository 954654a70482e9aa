from __future__ import annotations

import pytest

from gvlm_resources.simulator.events import TruthEvent, derive_events, ready_weapons
from tests.simulator.states import tics_of


def _found(*changes: dict[str, object]) -> list[tuple[str, int, int, str]]:
    return [(event.kind, event.start_tic, event.amount, event.subject) for event in derive_events(tics_of(*changes))]


def test_a_recording_in_which_nothing_happens_has_no_events() -> None:
    assert _found({}, {}, {}) == []
    assert derive_events([]) == []


def test_damage_is_one_event_for_each_tic_in_which_it_was_taken() -> None:
    hits = ({"damage_taken": 8, "health": 92}, {"damage_taken": 20, "health": 80}, {})
    assert _found(*hits) == [("damage", 1, 8, ""), ("damage", 2, 12, "")]


def test_healing_is_counted_beside_damage_of_the_same_tic() -> None:
    assert _found({"health": 60, "damage_taken": 40}, {"health": 75, "damage_taken": 50}) == [
        ("damage", 1, 40, ""),
        ("damage", 2, 10, ""),
        ("heal", 2, 25, ""),
    ]


def test_armor_that_is_gained_is_an_event_and_armor_that_is_lost_is_not() -> None:
    assert _found({"armor": 100}, {"armor": 90}, {"armor": 91}) == [("armor", 1, 100, ""), ("armor", 3, 1, "")]


def test_two_pickups_in_neighbouring_tics_and_two_in_one_tic_are_two_each() -> None:
    bonus = "Armor boosted!"
    found = _found({"notifications": (bonus,)}, {"notifications": (bonus,)}, {}, {"notifications": (bonus, bonus)})
    pickups = [(start, subject) for kind, start, _, subject in found if kind == "pickup"]
    assert pickups == [(1, "ArmorBonus"), (2, "ArmorBonus"), (4, "ArmorBonus"), (4, "ArmorBonus")]
    assert [kind for kind, *_ in found].count("message") == 4


def test_a_message_that_is_no_pickup_is_a_message_alone() -> None:
    line = "Blue key needed for this door."
    assert _found({"notifications": (line,)}) == [("message", 1, 1, line)]


def test_a_shot_takes_rounds_from_the_weapon_in_hand() -> None:
    assert _found({"weapon_ammo": 49}, {}, {"weapon_ammo": 48}) == [("shot", 1, 1, "Pistol"), ("shot", 3, 1, "Pistol")]


def test_rounds_picked_up_are_no_shot() -> None:
    assert _found({"weapon_ammo": 60}) == []


def test_two_shells_at_once_are_the_double_barrelled_shotgun() -> None:
    found = _found(
        {"notifications": ("Got the pump-action shotgun!",)},
        {"weapon_slot": 3, "weapon_ammo": 8},
        {"weapon_ammo": 7},
        {"notifications": ("Got the double-barrelled shotgun!",), "weapon_ammo": 15},
        {"weapon_ammo": 13},
    )
    assert [event for event in found if event[0] == "shot"] == [
        ("shot", 3, 1, "Shotgun"),
        ("shot", 5, 2, "SuperShotgun"),
    ]


def test_a_change_of_weapon_is_no_shot_though_its_rounds_are_fewer() -> None:
    assert _found({"weapon_slot": 4, "weapon_ammo": 20}) == [("weapon_change", 1, 4, "Chaingun")]


def test_a_kill_names_the_monster_that_fell() -> None:
    assert _found({"kill_count": 1, "killed": ("DoomImp",)}) == [("kill", 1, 1, "DoomImp")]


def test_kills_that_cannot_be_told_apart_stay_nameless() -> None:
    """Two monsters fell, one of them by another monster: the engine counts one and does not say which."""
    assert _found({"kill_count": 1, "killed": ("DoomImp", "Zombieman")}) == [("kill", 1, 1, "")]


def test_two_kills_in_one_tic_are_two_events() -> None:
    assert _found({"kill_count": 2, "killed": ("DoomImp", "Zombieman")}) == [
        ("kill", 1, 1, "DoomImp"),
        ("kill", 1, 1, "Zombieman"),
    ]


def test_death_and_respawn_are_events_and_what_a_respawn_resets_is_not() -> None:
    found = _found(
        {"weapon_slot": 4, "weapon_ammo": 90, "armor": 50},
        {"health": -12, "damage_taken": 112, "dead": True, "armor": 0},
        {},
        {"health": 100, "dead": False, "weapon_slot": 2, "weapon_ammo": 50},
    )
    assert found[2:] == [("damage", 2, 112, ""), ("death", 2, 1, ""), ("respawn", 4, 1, "")]


def test_a_secret_is_an_event() -> None:
    assert _found({"secret_count": 1}) == [("secret", 1, 1, "")]


def test_events_are_ordered_by_tic_and_then_by_kind() -> None:
    found = _found({"notifications": ("Took a health refill.",), "health": 90, "damage_taken": 20, "weapon_ammo": 49})
    assert [kind for kind, *_ in found] == ["damage", "heal", "pickup", "shot", "message"]


def test_an_event_lasts_its_tic() -> None:
    (event,) = derive_events(tics_of({"secret_count": 1}))
    assert (event.start_tic, event.end_tic) == (1, 2)
    with pytest.raises(ValueError, match="ends after it starts"):
        TruthEvent("damage", 5, 5, 1, "")
    with pytest.raises(ValueError, match="unknown kind"):
        TruthEvent("explosion", 5, 6, 1, "")


def test_the_weapon_in_hand_is_forgotten_with_the_death_of_its_owner() -> None:
    tics = tics_of(
        {"notifications": ("Got the ripsaw!",)},
        {"weapon_slot": 1},
        {"dead": True},
        {"dead": False, "weapon_slot": 2},
        {"weapon_slot": 1},
    )
    assert ready_weapons(tics) == ["Pistol", "Pistol", "Chainsaw", "Chainsaw", "Pistol", "Fist"]


def test_a_weapon_is_named_by_its_first_shot_where_a_slot_holds_two() -> None:
    got_both = ("Got the pump-action shotgun!", "Got the double-barrelled shotgun!")
    tics = tics_of({"notifications": got_both}, {"weapon_slot": 3, "weapon_ammo": 1}, {"weapon_ammo": 0})
    assert ready_weapons(tics)[-1] == "Shotgun"


def test_no_slot_is_no_weapon() -> None:
    assert ready_weapons(tics_of({"weapon_slot": -1})) == ["Pistol", ""]

from __future__ import annotations

import numpy as np
import pytest

from gvlm_resources.simulator.actions import Buttons
from gvlm_resources.simulator.combat import VAIN_TICS, Fighter, best_slot
from gvlm_resources.simulator.navigation import WalkGrid
from gvlm_resources.simulator.temperament import CAUTIOUS, FIGHTER, Temperament
from gvlm_resources.simulator.view import Thing, View, VisibleThing
from tests.simulator.levels import Room, row_of_rooms

ARMS = {f"WEAPON{slot}": 0.0 for slot in range(10)} | {f"AMMO{slot}": 0.0 for slot in range(10)}
PLAYER = ARMS | {
    **{"POSITION_X": 200.0, "POSITION_Y": 200.0, "POSITION_Z": 0.0, "ANGLE": 0.0, "HEALTH": 100.0, "HITCOUNT": 0.0},
    **{"SELECTED_WEAPON": 2.0, "SELECTED_WEAPON_AMMO": 50.0, "WEAPON2": 1.0, "AMMO2": 50.0, "DAMAGE_TAKEN": 0.0},
}


def _fighter(temperament: Temperament = FIGHTER) -> Fighter:
    level = row_of_rooms(Room(0, 0, 1000, 400))
    return Fighter(temperament, WalkGrid(level), np.random.default_rng(1))


def _imp(number: int, x: float, y: float, *, size: int = 40) -> VisibleThing:
    return VisibleThing(Thing(number, "DoomImp", "Monster", x, y, 0), (300, 200, 300 + size, 200 + size))


def _view(*visible: VisibleThing, tic: int = 0, **variables: float) -> View:
    return View(tic, PLAYER | variables, visible, tuple(one.thing for one in visible))


def test_the_nearest_foe_is_chosen_and_kept_while_it_is_in_sight() -> None:
    fighter = _fighter()
    near, far = _imp(1, 500, 200), _imp(2, 900, 200)
    assert fighter.foe(_view(near, far)).id == 1
    closer = _imp(2, 300, 200)
    assert fighter.foe(_view(near, closer, tic=1)).id == 1
    assert fighter.foe(_view(closer, tic=2)).id == 2


def test_what_is_no_monster_or_a_few_pixels_small_is_no_foe() -> None:
    corpse = VisibleThing(Thing(3, "DeadDoomImp", "Gore", 300, 200, 0), (0, 0, 50, 50))
    assert _fighter().foe(_view(corpse, _imp(4, 900, 200, size=5))) is None


def test_a_foe_in_line_is_shot_at_and_one_beside_is_turned_to() -> None:
    fighter = _fighter()
    ahead, beside = _view(_imp(1, 600, 200)), _view(_imp(1, 200, 390))
    assert Buttons.ATTACK in fighter.wish(ahead, fighter.foe(ahead)).buttons
    turned = _fighter().wish(beside, beside.things[0])
    assert Buttons.ATTACK not in turned.buttons
    assert turned.off_deg == pytest.approx(90)


def test_shooting_in_vain_ends() -> None:
    fighter = _fighter()
    for tic in range(VAIN_TICS + 2):
        view = _view(_imp(1, 600, 200), tic=tic)
        foe = fighter.foe(view)
        fighter.wish(view, foe)
    assert fighter.foe(_view(_imp(1, 600, 200), tic=VAIN_TICS + 3)) is None


def test_a_cautious_player_that_is_hurt_backs_away() -> None:
    view = _view(_imp(1, 600, 200), HEALTH=30)
    assert Buttons.BACKWARD in _fighter(CAUTIOUS).wish(view, view.things[0]).buttons


def test_an_attacker_out_of_sight_is_found_by_a_clear_line() -> None:
    behind = Thing(9, "DoomImp", "Monster", 40, 200, 0)
    view = View(0, PLAYER, (), (behind,))
    assert _fighter().attacker(view) == behind
    outside = View(0, PLAYER, (), (Thing(9, "DoomImp", "Monster", 200, 900, 0),))
    assert _fighter().attacker(outside) is None


@pytest.mark.parametrize(
    ("arms", "distance", "slot"),
    [
        ({}, 300, 1),
        ({"WEAPON2": 1, "AMMO2": 5}, 300, 2),
        ({"WEAPON2": 1, "AMMO2": 5, "WEAPON3": 1, "AMMO3": 8}, 300, 3),
        ({"WEAPON2": 1, "AMMO2": 5, "WEAPON3": 1, "AMMO3": 8}, 1200, 2),
        ({"WEAPON3": 1, "AMMO3": 8, "WEAPON5": 1, "AMMO5": 4}, 200, 3),
        ({"WEAPON5": 1, "AMMO5": 4}, 800, 5),
        ({"WEAPON4": 1, "AMMO4": 100, "WEAPON3": 1, "AMMO3": 8}, 300, 4),
    ],
)
def test_the_weapon_fits_distance_and_rounds(arms: dict[str, float], distance: float, slot: int) -> None:
    assert best_slot(ARMS | arms, distance) == slot

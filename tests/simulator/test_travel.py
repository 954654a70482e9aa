from __future__ import annotations

import math

import numpy as np
import pytest

from gvlm_resources.simulator.actions import Buttons
from gvlm_resources.simulator.navigation import WalkGrid
from gvlm_resources.simulator.temperament import EXPLORER, IDLER, Temperament
from gvlm_resources.simulator.travel import Traveller, is_wanted
from gvlm_resources.simulator.view import Hand, Thing, View, Wish
from gvlm_resources.simulator.wad import LevelMap
from tests.simulator.levels import Room, row_of_rooms
from tests.simulator.test_combat import PLAYER

HALL = row_of_rooms(Room(0, 0, 1000, 400))


class Walker:
    """A body without a game: walks where it is told to, through nothing but its own wishes."""

    def __init__(self, level: LevelMap, temperament: Temperament, things: tuple[Thing, ...] = ()) -> None:
        self.traveller = Traveller(level, temperament, WalkGrid(level), np.random.default_rng(3))
        self.hand = Hand(temperament.turn_deg)
        self.place, self.angle, self.tic, self.things = (100.0, 200.0), 0.0, 0, things
        self.pressed = Buttons.NONE

    def walk(self, tics: int, *, held: bool = False) -> None:
        for _ in range(tics):
            where = {"POSITION_X": self.place[0], "POSITION_Y": self.place[1], "ANGLE": self.angle}
            view = View(self.tic, PLAYER | where, (), self.things)
            self.traveller.been(view.here)
            wish = self.traveller.wish(view)
            self.pressed |= wish.buttons
            self.angle = (self.angle + self.hand.turn_cdeg(wish) / 100) % 360
            if Buttons.FORWARD in wish.buttons and not held:
                pace = 14 if Buttons.RUN in wish.buttons else 8
                heading = math.radians(self.angle)
                self.place = self.place[0] + pace * math.cos(heading), self.place[1] + pace * math.sin(heading)
            self.tic += 1


def test_an_explorer_sees_the_far_end_of_a_hall() -> None:
    walker = Walker(HALL, EXPLORER)
    farthest = 0.0
    for _ in range(250):
        walker.walk(1)
        farthest = max(farthest, walker.place[0])
    assert farthest > 750


def test_a_wanted_item_is_walked_to_and_left_alone_once_it_does_not_vanish() -> None:
    shells = Thing(5, "Shell", "Ammo", 420, 60, 0)
    walker = Walker(HALL, EXPLORER, (shells,))
    nearest = math.inf
    for _ in range(120):
        walker.walk(1)
        nearest = min(nearest, math.dist(walker.place, shells.place))
    assert nearest < 30
    walker.walk(150)
    assert math.dist(walker.place, shells.place) > 100


def test_a_closed_door_on_the_way_is_used() -> None:
    level = row_of_rooms(Room(0, 0, 300, 400), Room(300, 0, 332, 400, 0, 0), Room(332, 0, 900, 400), door_into=1)
    walker = Walker(level, EXPLORER)
    walker.walk(150)
    assert Buttons.USE in walker.pressed


def test_a_player_that_is_held_steps_aside() -> None:
    walker = Walker(HALL, EXPLORER)
    walker.walk(60, held=True)
    assert walker.pressed & (Buttons.LEFT | Buttons.RIGHT)


def test_an_idler_hardly_leaves_its_place() -> None:
    walker = Walker(HALL, IDLER)
    walker.walk(350)
    assert math.dist(walker.place, (100, 200)) < 400
    assert Buttons.RUN not in walker.pressed


@pytest.mark.parametrize(
    ("name", "category", "variables", "wanted"),
    [
        ("Medikit", "Health", {"HEALTH": 100.0}, False),
        ("Medikit", "Health", {"HEALTH": 60.0}, True),
        ("HealthBonus", "Health", {"HEALTH": 100.0}, True),
        ("Clip", "Ammo", {"AMMO2": 200.0}, False),
        ("Chaingun", "Weapon", {"WEAPON4": 1.0}, False),
        ("BlueCard", "Key", {}, True),
        ("DoomImp", "Monster", {}, False),
    ],
)
def test_only_what_the_game_would_give_is_wanted(
    name: str, category: str, variables: dict[str, float], wanted: bool
) -> None:
    assert is_wanted(Thing(1, name, category, 0, 0, 0), PLAYER | variables) is wanted


def test_a_hand_speeds_up_gently_and_never_turns_faster_than_it_can() -> None:
    hand = Hand(10)
    turns = [hand.turn_cdeg(Wish(off_deg=90)) for _ in range(4)]
    assert turns == [500, 1000, 1000, 1000]
    assert hand.turn_cdeg(Wish(off_deg=0)) == 500

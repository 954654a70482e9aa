from __future__ import annotations

import math
import sys
from importlib import import_module
from itertools import pairwise
from pathlib import Path

import pytest

from gvlm_resources.errors import MissingModelError, SettingsError
from gvlm_resources.simulator.bot import Bot
from gvlm_resources.simulator.catalogue import GAMES, Level, all_levels
from gvlm_resources.simulator.engine import Engine, Observation
from gvlm_resources.simulator.temperament import TEMPERAMENTS


def _play(level: Level, temperament: str, tics: int, *, seed: int = 1, skill: int = 3) -> list[Observation]:
    bot = Bot(level.geometry(), TEMPERAMENTS[temperament], seed=seed)
    seen = []
    with Engine(level, seed=seed, skill=skill) as engine:
        for _ in range(tics):
            seen.append(engine.observe())
            engine.act(bot.decide(seen[-1], engine))
    return seen


def _walked(seen: list[Observation]) -> float:
    places = [(one.variables["POSITION_X"], one.variables["POSITION_Y"]) for one in seen]
    return sum(math.dist(before, after) for before, after in pairwise(places))


def test_a_fighter_walks_kills_and_gathers() -> None:
    seen = _play(Level("freedoom2", "MAP01"), "fighter", 330)
    assert _walked(seen) > 1000
    assert seen[-1].variables["KILLCOUNT"] >= 2
    assert sum(len(one.notifications) for one in seen) >= 2


def test_an_explorer_opens_the_door_of_the_first_room() -> None:
    """On E1M4 a door closes the first room off: its sector's ceiling rises only if it is used."""
    level = Level("freedoom1", "E1M4")
    bot = Bot(level.geometry(), TEMPERAMENTS["explorer"], seed=2)
    with Engine(level, seed=2, skill=3) as engine:
        closed = engine.sector_heights()[1]
        for _ in range(230):
            engine.act(bot.decide(engine.observe(), engine))
        assert (engine.sector_heights()[1] > closed + 50).any()


def test_an_idler_stays_around() -> None:
    seen = _play(Level("freedoom1", "E1M1"), "idler", 140, skill=1)
    start, end = seen[0].variables, seen[-1].variables
    assert math.dist((start["POSITION_X"], start["POSITION_Y"]), (end["POSITION_X"], end["POSITION_Y"])) < 250


def test_two_games_of_one_bot_and_seed_are_the_same_and_another_seed_plays_otherwise() -> None:
    level = Level("deathmatch", "MAP01")
    first, again, other = (_play(level, "reckless", 90, seed=seed) for seed in (5, 5, 6))
    assert [one.variables for one in first] == [one.variables for one in again]
    assert [one.variables for one in first] != [one.variables for one in other]


def test_every_level_of_both_games_can_be_named_and_read() -> None:
    levels = all_levels()
    assert len([level for level in levels if level.pack == "freedoom1"]) == 36
    assert len([level for level in levels if level.pack == "freedoom2"]) == 32
    assert {level.pack for level in levels} > set(GAMES)
    assert all(Level.parse(str(level)) == level for level in levels)
    assert len(levels[0].geometry().lines) > 100


def test_a_level_that_an_archive_lacks_names_the_command_that_lists_them() -> None:
    with pytest.raises(SettingsError, match="list-maps"):
        Level("freedoom2", "MAP77").geometry()


def test_a_missing_engine_names_the_command_that_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "vizdoom", None)
    monkeypatch.delitem(sys.modules, "gvlm_resources.simulator.engine")
    with pytest.raises(MissingModelError, match=r"pip install -e '\.\[sim\]'"):
        import_module("gvlm_resources.simulator.engine")


def test_a_missing_sound_library_names_the_command_that_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gvlm_resources.simulator.engine.find_spec", lambda name: None)
    with (
        pytest.raises(MissingModelError, match=r"pip install -e '\.\[sim\]'"),
        Engine(Level("freedoom2", "MAP01"), seed=1, skill=3),
    ):
        pass


def test_a_game_leaves_nothing_where_it_was_started_from(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    _play(Level("freedoom2", "MAP01"), "fighter", 3)
    assert list(tmp_path.iterdir()) == []

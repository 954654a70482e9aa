import re
from pathlib import Path

import pytest
from pydantic import ValidationError

from gvlm_resources import game as games
from gvlm_resources.errors import SettingsError
from gvlm_resources.game import Game


def region(name: str = "health", kind: str = "number", box: tuple[float, ...] = (0.1, 0.8, 0.3, 1.0)) -> dict:
    return {"name": name, "kind": kind, "box": box}


def game(**parts: object) -> Game:
    return Game.model_validate({"name": "some-game", "title": "Some game", **parts})


@pytest.mark.parametrize("name", games.names())
def test_every_shipped_game_loads_under_the_name_of_its_file(name: str) -> None:
    loaded = games.load(name)
    assert loaded.name == name
    assert loaded.title


def test_generic_knows_nothing_of_any_game() -> None:
    generic = games.load(games.GENERIC)
    assert (generic.hud, generic.variables, generic.messages) == ((), (), ())


@pytest.mark.parametrize("name", ["", "doom3", "../settings", "freedoom.yaml", "FREEDOOM"])
def test_an_unknown_game_is_refused_with_the_known_ones(name: str) -> None:
    with pytest.raises(SettingsError, match=re.escape(", ".join(games.names()))):
        games.load(name)


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("name: broken\ntitle: Broken\nhud: [{name: a, box: [0, 0, 2, 1], kind: number}]", "hud.0.box"),
        ("name: broken", "title"),
        ("name: broken\ntitle: Broken\nhuds: []", "huds"),
    ],
)
def test_a_file_that_does_not_fit_is_named_with_the_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, named: str
) -> None:
    (tmp_path / "games").mkdir()
    (tmp_path / "games" / "broken.yaml").write_text(text)
    monkeypatch.setattr(games, "files", lambda _: tmp_path)
    with pytest.raises(SettingsError, match=rf"games/broken\.yaml: {re.escape(named)}"):
        games.load("broken")


@pytest.mark.parametrize(
    "box",
    [(0.3, 0.1, 0.1, 0.2), (0.1, 0.2, 0.3, 0.2), (-0.1, 0, 1, 1), (0, 0, 1, 1.1), (float("nan"), 0, 1, 1), (0, 0, 1)],
)
def test_a_region_lies_inside_the_frame_and_has_an_area(box: tuple[float, ...]) -> None:
    with pytest.raises(ValidationError, match="box"):
        game(hud=[region(box=box)])


@pytest.mark.parametrize(
    "parts",
    [
        {"hud": [region(), region()]},
        {"hud": [region()], "variables": [{"name": "armor", "region": "armor", "maximum": 200}]},
        {"hud": [region(kind="message")], "variables": [{"name": "health", "region": "health", "maximum": 200}]},
        {"hud": [region(name="Health Bar")]},
        {"hud": [region(kind="picture")]},
        {"hud": [region()], "variables": [{"name": "health", "region": "health", "maximum": 0}]},
        {"messages": [{"pattern": "(unclosed", "kind": "pickup"}]},
        {"name": "../x"},
        {"colour": "red"},
    ],
)
def test_parts_that_do_not_agree_are_refused(parts: dict) -> None:
    with pytest.raises(ValidationError):
        game(**parts)


def test_a_number_region_may_feed_a_variable() -> None:
    made = game(hud=[region()], variables=[{"name": "health", "region": "health", "maximum": 200, "on_zero": "death"}])
    assert made.variables[0].on_zero == "death"


def test_a_game_does_not_change_once_loaded() -> None:
    with pytest.raises(ValidationError):
        games.load(games.GENERIC).title = "other"

"""Which levels there are: both Freedoom games and the scenarios that ship with the engine."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path

from gvlm_resources.errors import MissingModelError, SettingsError
from gvlm_resources.simulator.wad import LevelMap, level_names, message_font, read_level

GAMES = ("freedoom1", "freedoom2")
# Scenarios that can be played by hand with the whole status bar: their scripts neither freeze the player's weapons
# nor end after a few tics. The others are exercises of one button, or need opponents on a network.
SCENARIOS = ("deadly_corridor", "deathmatch", "defend_the_center", "defend_the_line")
_LEVEL_ID = re.compile(r"^[a-z0-9_]+/(E[1-4]M[1-9]|MAP[0-9]{2})$")


@dataclass(frozen=True, slots=True)
class Level:
    """One level, written `freedoom1/E1M1`, `freedoom2/MAP07` or `deathmatch/MAP01`."""

    pack: str
    name: str

    def __post_init__(self) -> None:
        if self.pack not in GAMES + SCENARIOS or not _LEVEL_ID.match(f"{self.pack}/{self.name}"):
            raise SettingsError(
                f"there is no level {self.pack}/{self.name}",
                remedy="list the levels with `python -m gvlm_resources.simulator list-maps`",
            )

    @classmethod
    def parse(cls, text: str) -> Level:
        pack, _, name = text.partition("/")
        return cls(pack.lower(), name.upper())

    def __str__(self) -> str:
        return f"{self.pack}/{self.name}"

    @property
    def slug(self) -> str:
        return f"{self.pack}-{self.name}".lower().replace("_", "-")

    @property
    def game_wad(self) -> Path:
        """The game's own archive. Scenarios are levels over Freedoom's second game."""
        return engine_folder() / f"{self.pack if self.pack in GAMES else 'freedoom2'}.wad"

    @property
    def scenario_wad(self) -> Path | None:
        return None if self.pack in GAMES else engine_folder() / "scenarios" / f"{self.pack}.wad"

    def geometry(self) -> LevelMap:
        return _geometry(self)

    def message_font(self) -> dict[str, int]:
        """Widths in pixels of the characters in which the game writes its messages."""
        return message_font(self.game_wad.read_bytes())


@lru_cache(maxsize=8)
def _geometry(level: Level) -> LevelMap:
    archive = level.scenario_wad or level.game_wad
    try:
        return read_level(archive.read_bytes(), level.name)
    except KeyError as error:
        raise SettingsError(
            f"{archive.name} has no level {level.name}",
            remedy="list the levels with `python -m gvlm_resources.simulator list-maps`",
        ) from error


def engine_folder() -> Path:
    """Where ViZDoom lies. Raises MissingModelError where it is not installed."""
    spec = find_spec("vizdoom")
    if spec is None or spec.origin is None:
        raise MissingModelError(
            "the game engine ViZDoom is not installed", remedy="run `pip install -e '.[sim]'` and try again"
        )
    return Path(spec.origin).parent


def all_levels() -> list[Level]:
    """Every level that can be recorded, games first, in the archives' own order."""
    folder = engine_folder()
    levels = [Level(game, name) for game in GAMES for name in level_names((folder / f"{game}.wad").read_bytes())]
    for pack in SCENARIOS:
        levels += [Level(pack, name) for name in level_names((folder / "scenarios" / f"{pack}.wad").read_bytes())]
    return levels

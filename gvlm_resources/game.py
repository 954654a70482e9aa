"""What the pipeline knows of one game: HUD regions, the rules of its numbers, its messages and its words.

One YAML a game in `games/`. A game is chosen by name when a video is added; without one it is `generic`, which has
no HUD regions and no rules.
"""

from __future__ import annotations

import re
from importlib.resources import files
from typing import Literal, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from gvlm_resources.errors import SettingsError

GENERIC = "generic"


class GamePart(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class HudRegion(GamePart):
    """One place of the HUD that is read by itself.

    `box` is `(x0, y0, x1, y1)` in fractions of the frame. A `number` region holds one whole number, a `message` region
    one line of text or nothing.
    """

    name: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    box: tuple[float, float, float, float]
    kind: Literal["number", "message"]

    @field_validator("box")
    @classmethod
    def _inside(cls, box: tuple[float, float, float, float]) -> tuple[float, float, float, float]:
        x0, y0, x1, y1 = box
        if not (0 <= x0 < x1 <= 1 and 0 <= y0 < y1 <= 1):
            raise ValueError(f"a box is x0 < x1, y0 < y1 in fractions of the frame, got {box}")
        return box


class VariableRule(GamePart):
    """What a number may be, and what a change of it means. A reading outside is rejected, with this rule as reason."""

    name: str
    region: str
    minimum: float = 0
    maximum: float = Field(gt=0)
    on_increase: str | None = None  # event kind
    on_decrease: str | None = None
    on_zero: str | None = None


class MessageRule(GamePart):
    """A message of the game and the event it stands for. The first group of `pattern`, if any, is the subject."""

    pattern: str
    kind: str
    subject: str | None = None

    @field_validator("pattern")
    @classmethod
    def _compiles(cls, pattern: str) -> str:
        try:
            re.compile(pattern)
        except re.error as error:
            raise ValueError(f"not a regular expression: {error}") from error
        return pattern


class Game(GamePart):
    name: str = Field(pattern=r"^[a-z0-9][a-z0-9_-]*$")
    title: str
    hud: tuple[HudRegion, ...] = ()
    variables: tuple[VariableRule, ...] = ()
    messages: tuple[MessageRule, ...] = ()
    vocabulary: tuple[str, ...] = ()  # words of the game, for correcting what was read and heard
    concepts: tuple[str, ...] = ()  # things to look for in the picture

    @model_validator(mode="after")
    def _names_agree(self) -> Self:
        regions = {region.name: region.kind for region in self.hud}
        if len(regions) != len(self.hud):
            raise ValueError("two HUD regions have one name")
        for variable in self.variables:
            if regions.get(variable.region) != "number":
                raise ValueError(f"variable {variable.name!r} reads {variable.region!r}, which is no number region")
        return self


def names() -> list[str]:
    """Names of the games that are known, in alphabetical order."""
    folder = files("gvlm_resources").joinpath("games")
    return sorted(entry.name.removesuffix(".yaml") for entry in folder.iterdir() if entry.name.endswith(".yaml"))


def load(name: str) -> Game:
    """The game of that name. Raises SettingsError where there is none, or its YAML does not fit."""
    if name not in names():
        raise SettingsError(f"there is no game {name!r}", remedy=f"choose one of {', '.join(names())}")
    text = files("gvlm_resources").joinpath(f"games/{name}.yaml").read_text()
    try:
        return Game.model_validate(yaml.safe_load(text))
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise SettingsError(f"games/{name}.yaml: {where}: {first['msg']}", remedy="correct that value") from error

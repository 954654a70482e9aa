"""What the pipeline knows of one game: HUD regions, the rules of its numbers, its messages.

One YAML a game in `games/`. A game is chosen by name when a video is added; without one it is `generic`, which has
no HUD regions and no rules.
"""

from __future__ import annotations

import re
from importlib.resources import files
from string import Formatter
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
    """What a number may be, and what a change of it means. A reading outside is rejected, with this rule as reason.

    A change makes one event of the kind named for its direction. An increase that is the effect of something the
    player did, such as taking an item, names that kind in `gained_by`: it is counted once, whether the message, the
    number or both tell of it. `on_zero` and `on_revival` begin and end a time in which other changes mean nothing.
    """

    name: str
    region: str
    minimum: float = 0
    maximum: float = Field(gt=0)
    on_increase: str | None = None  # event kind
    on_decrease: str | None = None
    on_zero: str | None = None
    on_revival: str | None = None  # event kind of an increase from zero
    gained_by: str | None = None
    largest_decrease: float | None = None  # a larger one is no event of kind `on_decrease`, but a jump
    on_jump: str | None = None  # event kind of a jump, and of an increase that no message explains
    shows_one_of: tuple[str, ...] = ()  # variables, one of which this number repeats: that of the weapon in hand
    on_switch: str | None = None  # event kind when it begins to repeat another one
    label: str | None = None  # how people call it; the name where there is none
    used_by: str | None = None  # what uses it up: the subject of a decrease

    @property
    def words(self) -> str:
        return self.label or self.name.replace("_", " ")


class MessageRule(GamePart):
    """A message of the game and the event it stands for.

    The first group of `pattern`, if any, is the subject, or takes the place of `{}` in `subject`. `gives` names the
    variables of which the item raises one, unless all stand at their maximum; `may_give` those it may raise or not. An
    increase of one of them at that moment is the same happening. A message with `anywhere` does not stand in the HUD's
    lines, but is known wherever it is read on the screen.
    """

    pattern: str
    kind: str
    subject: str | None = None
    gives: tuple[str, ...] = ()
    may_give: tuple[str, ...] = ()
    anywhere: bool = False

    @field_validator("pattern")
    @classmethod
    def _compiles(cls, pattern: str) -> str:
        try:
            re.compile(pattern)
        except re.error as error:
            raise ValueError(f"not a regular expression: {error}") from error
        return pattern


class FeedRule(GamePart):
    """How the HUD's message lines behave: how long a line stays, how many there are before a new one pushes one out."""

    shown_s: float = Field(default=4.0, gt=0)
    lines: int = Field(default=4, ge=1, le=6)


class SoundRule(GamePart):
    """A sound to listen for.

    `label` is what rows and people call it. `prompt` says it in words to models that take words. `tags` are the classes
    of a trained tagger that stand for it, AudioSet's or its own. `threshold` takes the place of the setting.
    """

    label: str
    prompt: str
    tags: tuple[str, ...] = ()
    threshold: float | None = Field(default=None, gt=0, lt=1)


SENTENCE_FIELDS = frozenset({"kind", "subject", "label", "amount", "changes", "text"})


class Game(GamePart):
    name: str = Field(pattern=r"^[a-z0-9][a-z0-9_-]*$")
    title: str
    hud: tuple[HudRegion, ...] = ()
    variables: tuple[VariableRule, ...] = ()
    messages: tuple[MessageRule, ...] = ()
    feed: FeedRule = FeedRule()
    concepts: tuple[str, ...] = ()  # things to segment and track, as noun phrases
    sounds: tuple[SoundRule, ...] = ()
    # Event kind -> its sentences, with SENTENCE_FIELDS in braces: the first whose fields are all known is said.
    sentences: dict[str, tuple[str, ...]] = {}

    @model_validator(mode="after")
    def _names_agree(self) -> Self:
        regions = {region.name: region.kind for region in self.hud}
        if len(regions) != len(self.hud):
            raise ValueError("two HUD regions have one name")
        for variable in self.variables:
            if regions.get(variable.region) != "number":
                raise ValueError(f"variable {variable.name!r} reads {variable.region!r}, which is no number region")
        known = {variable.name for variable in self.variables}
        named = [name for rule in self.messages for name in (*rule.gives, *rule.may_give)]
        named += [name for variable in self.variables for name in variable.shows_one_of]
        for name in named:
            if name not in known:
                raise ValueError(f"there is no variable {name!r}")
        return self

    @field_validator("sentences")
    @classmethod
    def _fields_are_known(cls, sentences: dict[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
        for kind, several in sentences.items():
            fields = {name for sentence in several for _, name, _, _ in Formatter().parse(sentence) if name is not None}
            if unknown := fields - SENTENCE_FIELDS:
                known = ", ".join(sorted(SENTENCE_FIELDS))
                raise ValueError(f"the sentences of {kind!r} name {sorted(unknown)}; there are {known}")
        return sentences


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

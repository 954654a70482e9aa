"""What templates say, in each language (pure).

One YAML a language in `wording/`. Every sentence stands there whole, with named fields in braces; plural forms are
written out. What happened is worded by its kind in several forms: `clause` goes after "before" or "that", `did` is a
sentence, `at` one with its time, `noun` a phrase, `first` names the first of its kind.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.resources import files
from typing import get_args

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from gvlm_resources.errors import SettingsError
from gvlm_resources.settings import Language

QUOTE_CHARS = 120
_LOOKS_LIKE_A_TOKEN = str.maketrans({"<": "‹", ">": "›"})


class WordingPart(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Topic(WordingPart):
    """One sort of question: how it is asked, and its answers in three lengths."""

    ask: tuple[str, ...]
    short: tuple[str, ...]
    medium: tuple[str, ...]
    long: tuple[str, ...]


class Unknown(WordingPart):
    """Something that no video of a game tells."""

    ask: tuple[str, ...]
    thing: str


class Wording(WordingPart):
    """The words of one language."""

    language: str
    quotes: tuple[str, str]
    comma: str
    last: str  # before the last of a list
    ordinals: tuple[str, ...]
    final: str  # the ordinal of the last one
    whole: str
    between: str
    variables: Mapping[str, str]
    other_variable: str
    places: Mapping[str, str]
    parts: tuple[str, str, str]
    directions: Mapping[str, str]
    comparisons: Mapping[str, str]  # the later number by the direction it went
    context: Mapping[str, str]  # what a long answer adds, each a sentence
    caused_by: str  # after "was killed", with the name of the game
    causes: Mapping[str, str]  # the same for subjects of deaths that are no names of the game
    weapon: str  # a weapon as what is fired
    weapon_of: str  # the same of one that is known by its ammunition
    ammunition: Mapping[str, str]
    summary: Mapping[str, str]  # what the player did, without saying who, to be listed
    events: Mapping[str, Mapping[str, str]]
    topics: Mapping[str, Topic]
    unknowns: Mapping[str, Unknown]

    def quote(self, text: str) -> str:
        """Text read off a video or named by a game, in quotes: one line, nothing that looks like a token."""
        return f"{self.quotes[0]}{plain(text)}{self.quotes[1]}"

    def listed(self, parts: Sequence[str]) -> str:
        """`a, b and c`."""
        if len(parts) < 2:
            return "".join(parts)
        return f"{self.comma.join(parts[:-1])}{self.last}{parts[-1]}"

    def event(self, kind: str, form: str, **fields: str) -> str:
        return self.events[kind][form].format(**fields)

    def variable(self, name: str, label: str) -> str:
        return self.variables.get(name) or self.other_variable.format(name=self.quote(label))

    def fired(self, subject: str) -> str:
        """`the shotgun`: a weapon as what is fired."""
        return self.weapon.format(name=self.quote(subject), plain=plain(subject))

    def ammunition_of(self, name: str, label: str) -> str:
        """`bullets`: what a weapon uses up."""
        return self.ammunition.get(name) or self.quote(label)

    def cause(self, subject: str) -> str:
        """`by “imp”`, `by a fall`: what killed the player."""
        return self.causes.get(subject) or self.caused_by.format(name=self.quote(subject))


def plain(text: str) -> str:
    """`text` on one line without control characters, quotes of any language or `<` and `>`, cut where it is long."""
    kept = "".join(" " if unicodedata.category(char)[0] == "C" else char for char in text)
    line = re.sub(r"\s+", " ", re.sub("[“”„«»]", "'", kept)).strip().translate(_LOOKS_LIKE_A_TOKEN)
    return line if len(line) <= QUOTE_CHARS else f"{line[: QUOTE_CHARS - 1].rstrip()}…"


def languages() -> tuple[str, ...]:
    return get_args(Language)


@cache
def load(language: str) -> Wording:
    """The words of a language. Raises SettingsError where there are none, or the YAML does not fit."""
    if language not in languages():
        raise SettingsError(f"there is no wording in {language!r}", remedy=f"choose one of {', '.join(languages())}")
    text = files("gvlm_resources").joinpath(f"dataset/questions/wording/{language}.yaml").read_text(encoding="utf-8")
    try:
        return Wording.model_validate(yaml.safe_load(text))
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise SettingsError(f"wording/{language}.yaml: {where}: {first['msg']}", remedy="correct that value") from error

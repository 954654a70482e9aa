"""What a question or an answer states in its words: clocks, numbers, quotations, names (pure).

A clock is no number, what is quoted states nothing itself, and the digits of a name ("SKAG 1337") are part of the name.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property, lru_cache

from gvlm_resources.dataset.claims import SURELY_MEANT
from gvlm_resources.dataset.facts import Facts
from gvlm_resources.dataset.grounding.grounding_words import (
    CANNOT_TELL,
    KIND_BEGINNINGS,
    KIND_WORDS,
    LANGUAGES,
    NO_NUMBERS,
    NUMBERS,
    STOP,
    TIME_UNITS,
)
from gvlm_resources.game import Game
from gvlm_resources.timeline.feed import meanings_of

_CLOCK = re.compile(r"(?<![\d:])(?:(\d{1,2}):)?(\d{1,2}):([0-5]\d)(?:\.\d+)?(?![\d:])")
_QUOTE = re.compile(
    r"\"([^\"]+)\"|“([^”]+)”|„([^“”]+)[“”]|«\s*([^»]+?)\s*»|(?<!\w)['‘]([^'’]{2,}(?:['’]\w[^'’]*)*)['’](?!\w)"
)
_NUMBER = re.compile(r"(?<![\w.,:])(\d+(?:[.,]\d+)?)(?:st|nd|rd|th|\.(?=\s+[a-zäöü])|º|ª|e)?(?![\w:])")
_DURATION = re.compile(rf"(?<![\w.,:])(\d+(?:[.,]\d+)?)[ -]?{TIME_UNITS}", re.IGNORECASE)
_WORD = re.compile(r"[^\W\d_]+(?:['’-][^\W\d_]+)*")
_BRACKETED = re.compile(r"^(.*?)\s*\(([^)]*)\)$")

# Token-like markup, addresses and talk to a model: nothing that a person would ask or answer about a game.
_FOREIGN = (
    (
        re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff\ufffd]"),
        "a control character",
    ),
    (re.compile(r"<\s*/?\s*[a-z_|!][^<>]{0,60}>|<\|", re.IGNORECASE), "a markup token"),
    (
        re.compile(r"\[/?(?:E\d+|INST|SYS|[efochsvnrwag]\d{9,}[^\]]*)\]", re.IGNORECASE),
        "a reference or marker in brackets",
    ),
    (
        re.compile(r"(?:https?|ftp|file|data|javascript):/*\S|\bwww\.\w|\b[\w-]+\.(?:com|net|org|io|dev)\b", re.I),
        "an address",
    ),
    (re.compile(r"```|\{\{|\}\}|\"(?:question|answer|evidence)\"\s*:"), "markup of a reply"),
    (
        re.compile(
            r"\b(?:ignore|disregard|forget|override)\b.{0,40}\b(?:instructions?|prompts?|rules?|above|previous|prior)\b"
            r"|\b(?:system|developer) (?:prompt|message|instructions?)\b|\bas an ai\b|\blanguage model\b"
            r"|^\s*(?:system|assistant|user|human)\s*:|\byou (?:are now|must now|must always|will now)\b"
            r"|\b(?:reveal|print|repeat|output) (?:your|the) (?:prompt|instructions?|system)\b"
            r"|\b(?:ignoriere|vergiss)\b.{0,40}\b(?:anweisung\w*|regeln)\b|\bignora\b.{0,40}\binstrucciones\b"
            r"|\bignore[zr]?\b.{0,40}\b(?:consignes|instructions)\b",
            re.IGNORECASE | re.MULTILINE,
        ),
        "an instruction to a model",
    ),
)


@dataclass(frozen=True, slots=True)
class Stated:
    """What one text states. `clocks_s` are seconds of media time; `durations_s` are lengths of time, in seconds."""

    clocks_s: tuple[int, ...]
    numbers: tuple[float, ...]
    durations_s: tuple[float, ...]
    quotes: tuple[str, ...]
    names: tuple[str, ...]  # as written, in lower case


def stated(text: str, language: str, names: Names) -> Stated:
    """What a text in a language states, with the names that are known."""
    quotes = tuple(next(part for part in found.groups() if part) for found in _QUOTE.finditer(text))
    bare = _QUOTE.sub(" ", text)
    clocks = tuple(_seconds(found) for found in _CLOCK.finditer(bare))
    bare = names.without(_CLOCK.sub(" ", bare))
    durations = tuple(_duration(found) for found in _DURATION.finditer(bare))
    bare = _DURATION.sub(" ", bare)
    numbers = tuple(_number(found[1]) for found in _NUMBER.finditer(bare))
    return Stated(clocks, (*numbers, *_spelled(bare, language)), durations, quotes, tuple(names.found(text)))


def foreign(text: str) -> str:
    """What of a text is no plain sentence about a game, in words; empty where all is."""
    for pattern, what in _FOREIGN:
        if found := pattern.search(text):
            return f"{what}: {found[0]!r}"
    return ""


def says_it_cannot_be_told(text: str, language: str) -> bool:
    return any(re.search(pattern, text.casefold()) for pattern in CANNOT_TELL.get(language, ()))


def without_names_and_quotes(text: str, names: Names) -> str:
    """The words that the writer chose: names and quotations are in the language of the game."""
    return names.without(_QUOTE.sub(" ", text))


def without_quotes(text: str) -> str:
    return _QUOTE.sub(" ", text)


def words(text: str) -> list[str]:
    return [found[0] for found in _WORD.finditer(text.casefold())]


def content(text: str, language: str) -> list[str]:
    """Words that carry something: no stop words, none of one or two letters."""
    stop = STOP.get(language, frozenset())
    return [word for word in words(text) if len(word) > 2 and word not in stop]


@lru_cache(maxsize=16_384)
def stem(word: str) -> str:
    """An English word without its ending, so that "picked" and "picks" are one. No dictionary: short words stay."""
    word = re.sub("['’]s?$", "", word)
    for ending in ("ingly", "edly", "ing", "ied", "ies", "ed", "es", "s", "ly", "e"):
        if word.endswith(ending) and len(word) - len(ending) >= 3:
            word = word[: -len(ending)]
            break
    return word[:-1] if len(word) > 3 and word[-1] == word[-2] else word


def kinds_named(text: str) -> tuple[str, ...]:
    """Kinds of events that the words of a text may mean, in any language, in the order of the words."""
    return tuple(kind for word in words(text) for kind, pattern in _BEGINNINGS.items() if pattern.match(word))


_BEGINNINGS = {
    kind: re.compile("|".join(rf"{word}$" if len(word) < 4 else word for word in beginnings.split()))
    for kind, beginnings in KIND_BEGINNINGS.items()
}


def spoken_language(text: str) -> str:
    """The language whose small words clearly lead in a text; empty where none does."""
    own = words(text)
    hits = sorted(((sum(word in STOP[language] for word in own), language) for language in LANGUAGES), reverse=True)
    return hits[0][1] if hits[0][0] >= 3 and hits[0][0] >= 2 * hits[1][0] + 1 else ""


def _seconds(found: re.Match[str]) -> int:
    return int(found[1] or 0) * 3600 + int(found[2]) * 60 + int(found[3])


def _duration(found: re.Match[str]) -> float:
    unit = found[0][len(found[1]) :].strip(" -").casefold()
    factor = 0.001 if unit.startswith(("ms", "milli")) else 60 if unit.startswith("min") else 1
    return _number(found[1]) * (3600 if unit[:1] == "h" or unit.startswith("stund") else factor)


def _number(digits: str) -> float:
    return float(digits.replace(",", "."))


def _spelled(text: str, language: str) -> tuple[float, ...]:
    lower = text.casefold()
    for phrase in NO_NUMBERS.get(language, ()):
        lower = re.sub(rf"\b{phrase}\b", " ", lower)
    return tuple(float(NUMBERS[language][found[0]]) for found in _spelling(language).finditer(lower))


@lru_cache(maxsize=8)
def _spelling(language: str) -> re.Pattern[str]:
    known = sorted(NUMBERS.get(language, {}), key=len, reverse=True)
    return re.compile(rf"(?<![\w-])(?:{'|'.join(map(re.escape, known)) or '(?!)'})(?![\w-])")


class Names:
    """Names of things of a game and a video, as the game's rules and the video's rows have them.

    One name may stand for several subjects ("bullets" for the clip and for what is carried), and a subject may have
    several names: "health refill (stimpack)" is known by each of the two.
    """

    def __init__(self, subjects: Iterable[str], game: Game) -> None:
        self._subjects: dict[str, set[str]] = {}
        for subject in subjects:
            for name in aliases(subject):
                self._subjects.setdefault(name, set()).add(subject.casefold())
        self._game = game
        self._told: dict[str, frozenset[str]] = {}

    def found(self, text: str) -> list[str]:
        """The names in a text, the longest where one is part of another, in their order."""
        return [found[1] for found in self._pattern.finditer(text.casefold())]

    def without(self, text: str) -> str:
        return self._pattern.sub(" ", text.casefold())

    def subjects(self, name: str) -> frozenset[str]:
        return frozenset(self._subjects.get(name, ()))

    def used_by(self, subject: str) -> frozenset[str]:
        """The ammunition of a weapon: its names, by which the weapon may be told ("a weapon that uses bullets")."""
        rules = (rule for rule in self._game.variables if (rule.used_by or "").casefold() == subject.casefold())
        return frozenset(name.casefold() for rule in rules for name in (rule.name, rule.words))

    def told(self, text: str) -> frozenset[str]:
        """Subjects of a text of the screen: those it names, and that of the game's message that it is."""
        if text not in self._told:
            self._told[text] = self._tell(text)
        return self._told[text]

    def _tell(self, text: str) -> frozenset[str]:
        named = {subject for name in self.found(text) for subject in self._subjects[name]}
        score, meaning = meanings_of(text, self._game)[0]
        return frozenset(named | ({meaning.subject.casefold()} if meaning.subject and score >= SURELY_MEANT else set()))

    @cached_property
    def _pattern(self) -> re.Pattern[str]:
        longest = sorted(self._subjects, key=lambda name: (-len(name), name))
        return re.compile(rf"(?<!\w)({'|'.join(map(re.escape, longest)) or '(?!)'})(?:e?s)?(?!\w)")


def aliases(subject: str) -> list[str]:
    """The names of a subject: the whole, and each of the two where one stands in brackets."""
    whole = subject.casefold().strip()
    bracketed = _BRACKETED.match(whole)
    parts = [whole, *(bracketed.groups() if bracketed else ())]
    parts += [part for name in parts if " or " in name for part in name.split(" or ")]
    return [part for part in dict.fromkeys(parts) if len(part) > 2]


def names_of(facts: Facts) -> Names:
    """Every subject that the game's rules or the video's rows know."""
    game = facts.game
    known: list[str] = [rule.subject for rule in game.messages if rule.subject]
    for rule in game.variables:
        known += [rule.name, rule.words, *([rule.used_by] if rule.used_by else [])]
    known += [*game.concepts, *(sound.label for sound in game.sounds)]
    known += [event.subject for event in facts.events if event.kind != "message"]
    known += [sight.concept for sight in facts.sights]
    known += [sound.label for sound in facts.sounds]
    return Names((name for name in dict.fromkeys(known) if 2 < len(name) <= 60), game)


@lru_cache(maxsize=256)
def vocabulary(kinds: frozenset[str]) -> frozenset[str]:
    """Stems of what English sentences may say of events of these kinds."""
    return frozenset(stem(word) for kind in kinds for word in KIND_WORDS.get(kind, "").split())

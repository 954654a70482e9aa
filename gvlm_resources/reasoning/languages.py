"""Questions in German, Spanish and French, put into the English that `question.parse` understands (pure).

`read` is `parse` for all of them: it tells a question's language by its small words, and rewrites it by the lexicon of
that language (`lexicon/*.yaml`): question words, prepositions, what happens in games and what a HUD shows. It is no
translation: what comes out names the same kinds, values and times as the question, in an order that a sentence would
not have. Names stay: whatever stands in quotes, and every word that the lexicon does not know. A question that is
not plainly in one of these languages is read as it stands.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from importlib.resources import files

import yaml

from gvlm_resources.reasoning.question import Question, clean, parse

LANGUAGES = ("de", "es", "fr")
_ENGLISH_WORDS = (
    "a about all an and any anything are at be before between by can changed count describe did do does find for "
    "from give had happen happened have how i is it last list many much my name number of often one or player "
    "point read she show shown something summarise summarize tell text that the their they this time times to was "
    "were what when where which who why with you your "
)
_ENGLISH = frozenset(_ENGLISH_WORDS.split())
_PLAINLY = 2  # of signs: one small word alone may be a name ("el dorado")
_OPENED = {"„": '“”"', "«": "»", '"': '"', "“": "”", "»": "«"}  # quotes that open, and those that close them
_QUOTED = re.compile("|".join(f"{begin}[^{ends}]*[{ends}]" for begin, ends in _OPENED.items()))
_KEPT = re.compile(r"\ue000(\d+)\ue001")  # where a quotation stood; `clean` leaves no such character in a question
_WORD = re.compile(r"[^\W\d_]+")
_LETTERS = {"ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss"}


@dataclass(frozen=True, slots=True)
class Lexicon:
    """The words of a language: those that tell it, and what stands for what in English, in the order of trying."""

    small: frozenset[str]  # words that tell the language
    asking: frozenset[str]  # question words, each of which tells it alone
    rules: tuple[tuple[re.Pattern[str], str], ...]
    silent: re.Pattern[str]  # words that say nothing


def read(text: str, *, duration_ns: int, moment_window_s: float) -> Question:
    """A question in any of the languages, taken apart as `parse` does; its `text` is as it was asked."""
    asked = clean(text)
    english = in_english(asked)
    question = parse(english, duration_ns=duration_ns, moment_window_s=moment_window_s)
    return question if english == asked else replace(question, text=asked)


def in_english(text: str) -> str:
    """`text` in words that `parse` knows; the very same where it is English, or in no language known here."""
    line = unicodedata.normalize("NFC", text)
    language = language_of(line)
    return text if language is None else _rewritten(line, load(language))


def language_of(text: str) -> str | None:
    """`de`, `es` or `fr` where the small words of `text` plainly tell so; None for English and all else."""
    line = _QUOTED.sub(" ", text).casefold()
    words = set(_WORD.findall(line))
    signs = {name: _signs(words, load(name)) + 2 * (name == "es" and "¿" in line) for name in LANGUAGES}
    best = max(LANGUAGES, key=lambda name: signs[name])
    return best if signs[best] >= _PLAINLY and signs[best] > len(words & _ENGLISH) else None


def _signs(words: set[str], lexicon: Lexicon) -> int:
    return len(words & lexicon.small) + 2 * len(words & lexicon.asking)


def _rewritten(line: str, lexicon: Lexicon) -> str:
    names: list[str] = []

    def keep(found: re.Match[str]) -> str:
        names.append(found.group()[1:-1].strip())
        return f"\ue000{len(names) - 1}\ue001"

    line = _QUOTED.sub(keep, line)
    line = re.sub("[¿¡]", " ", line)
    for pattern, english in lexicon.rules:
        line = pattern.sub(english, line)
    line = lexicon.silent.sub(" ", line)
    line = re.sub(r"\s+([?.,!])", r"\1", re.sub(r"\s+", " ", line)).strip(" ,")
    return _KEPT.sub(lambda found: _named(line[: found.start()], names[int(found.group(1))]), line) or "?"


def _named(before: str, name: str) -> str:
    """A name as an English question has it: without quotes after "the", as in "switched to the shotgun"."""
    return name if before.endswith("the ") else f'"{name}"'


@cache
def load(language: str) -> Lexicon:
    """The lexicon of one of `LANGUAGES`."""
    text = files("gvlm_resources").joinpath(f"reasoning/lexicon/{language}.yaml").read_text(encoding="utf-8")
    told: Mapping[str, list] = yaml.safe_load(text)
    rules = tuple((_pattern(words), english) for words, english in told["rules"])
    silent = _pattern("|".join(str(word) for word in told["silent"]))
    return Lexicon(frozenset(told["small"]), frozenset(told["asking"]), rules, silent)


def _pattern(words: str) -> re.Pattern[str]:
    """Whole words, whose accents may be missing and whose umlauts may be two letters: `prüfe` is also `pruefe`."""
    plain = "".join(_loose(char) for char in words.replace(" ", r"\s+"))
    return re.compile(rf"(?<!\w)(?:{plain})(?:(?<=['\s])|(?!\w))", re.I)


def _loose(char: str) -> str:
    base = unicodedata.normalize("NFD", char)[0]
    if char.casefold() in _LETTERS:
        return f"(?:{char}|{_LETTERS[char.casefold()]}|{base})"
    return f"(?:{char}|{base})" if base != char else char

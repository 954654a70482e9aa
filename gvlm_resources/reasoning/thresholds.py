"""The number that a question compares with (pure): "more than twice", "under 50 health"."""

from __future__ import annotations

import re

from gvlm_resources.reasoning import times as clocks
from gvlm_resources.reasoning import vocabulary
from gvlm_resources.reasoning.question_parts import Threshold


def crosses(rest: str) -> bool:
    """ "when did my health drop below 50": a variable meets a number."""
    threshold = threshold_of(rest)
    if threshold is None or threshold.is_count or re.search(r"\b(?:los[et]|gain|take|took|heal(?!th))", rest, re.I):
        return False
    return bool(vocabulary.find_variables(rest))


_COMPARISON = (
    (r"more\s+than|over|above|greater\s+than|better\s+than", ">"),
    (r"at\s+least|no\s+less\s+than|no\s+fewer\s+than", ">="),
    (r"less\s+than|fewer\s+than|under|below", "<"),
    (r"at\s+most|no\s+more\s+than|up\s+to", "<="),
    (r"exactly|only|just|precisely|", "=="),
)
_NO_UNITS = frozenset(("for", "as", "at", "in", "on", "when", "then", "and", "by", "to", "from", "there", "points"))
COUNT_WORDS = {"once": 1, "twice": 2, "thrice": 3}


def threshold_of(rest: str) -> Threshold | None:
    """ "more than 2 times", "at least once", "under 50 health"; None where nothing is compared."""
    number = (
        r"(?<![:\w])(?P<n>[0-9]{1,7}(?:\.[0-9]+)?(?![:\w])|"
        + "|".join(k for k in clocks.NUMBER_WORDS if " " not in k and len(k) > 2)
        + ")"
    )
    for words, operator in _COMPARISON:
        lead = rf"\b(?:{words})\s+" if not words.endswith("|") else rf"\b(?:(?:{words[:-1]})\s+)?"
        once = re.search(rf"{lead}(?P<n>once|twice|thrice)\b", rest, re.I)
        if once:
            return Threshold(operator, COUNT_WORDS[once["n"].lower()], is_count=True)
        found = re.search(rf"{lead}{number}\s*(?P<unit>%|[a-z-]+)?", rest, re.I)
        if found:
            return _compared(operator, found)
    return None


def _compared(operator: str, found: re.Match[str]) -> Threshold | None:
    word = found["n"].lower()
    value = float(clocks.NUMBER_WORDS.get(word, 0)) if word in clocks.NUMBER_WORDS else float(word)
    unit = (found["unit"] or "").lower()
    if unit == "damage":
        return Threshold(operator, value, is_count=False)
    if unit in ("time", "times") or vocabulary.find_kinds(unit):
        return Threshold(operator, value, is_count=True)
    if unit in ("", "%", "percent", "left", "or") or unit in _NO_UNITS or vocabulary.find_variables(unit):
        return Threshold(operator, value, is_count=False)
    return Threshold(operator, value, is_count=True)

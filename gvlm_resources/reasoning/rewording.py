"""A question made plain before it is read (pure): one line, and other words for the same ask."""

from __future__ import annotations

import re
import unicodedata

from gvlm_resources.errors import QuestionError
from gvlm_resources.reasoning import vocabulary

MAX_CHARS = 1_000


def plainly(rest: str) -> str:
    """`rest` in other words: "is it true that I died" asks whether I did, and "ammo for the shotgun" is shells."""
    rest = _USES.sub(_gun, _WHETHER.sub("did ", rest))
    return _HUD_VALUE.sub(_value, _LOOK_FOR.sub("", rest))


def _gun(found: re.Match[str]) -> str:
    """What a weapon is called that is known only by what it is loaded with; `vocabulary.CATEGORIES` knows it."""
    return f"the {vocabulary.fold(found['what'])}gun" if found["what"] else "the "


def _value(found: re.Match[str]) -> str:
    weapon = found["for"] or found["of"]
    return _LOADS.get(vocabulary.fold(weapon), "ammo") if weapon else (found["what"] or "ammo").lower()


def clean(text: str) -> str:
    """`text` on one line: control and invisible characters gone, typographic quotes and dashes made plain."""
    if len(text) > MAX_CHARS:
        raise QuestionError(f"the question has {len(text)} characters", remedy=f"ask in at most {MAX_CHARS:,}")
    plain = text.translate(_PLAIN)
    kept = "".join(c if unicodedata.category(c)[0] != "C" else (" " if c in "\t\r\n" else "") for c in plain)
    line = re.sub(r"\s+", " ", kept).strip()
    if not line:
        raise QuestionError("there is no question", remedy="ask one, such as “how many times did I die?”")
    return line


_PLAIN = str.maketrans(
    {"’": "'", "‘": "'", "“": '"', "”": '"', "–": "-", "—": "-", "−": "-", "：": ":", "＠": "@", "？": "?"}
)
# "Find the moment at which" orders a search; "did I find the key" tells of a pickup.
_LOOK_FOR = re.compile(
    r"^(?:(?:please|can\s+you|could\s+you|now|i\s+want\s+(?:you\s+)?to|i'd\s+like\s+to)\s+)*"
    r"(?:find|locate|look\s+up|get|take|fetch|grab|pick\s+out)\s+(?:me\s+|out\s+)?"
    r"(?=(?:the|moments?|my|all|every|each|any|out|to|a|an|where|when|what|how|which)\b|\"|.*\b(?:on\s+the\s+screen|in\s+the\s+picture)\b)",
    re.I,
)
# "The number of bullets" is a value that the HUD shows; "the number of bullets fired" is a count. What a weapon is
# loaded with is the same in all games of this family.
_LOADS = {
    **dict.fromkeys(("shotgun", "supershotgun"), "shells"),
    **dict.fromkeys(("pistol", "handgun", "chaingun", "minigun"), "bullets"),
    **dict.fromkeys(("launcher", "rocketlauncher"), "rockets"),
    **dict.fromkeys(("plasma", "bfg", "bfg9000", "rifle"), "cells"),
}
_HUD_VALUE = re.compile(
    r"(?:\b(?:number|count|amount)\s+of\s+(?:my\s+|the\s+)?(?P<what>bullets|shells|rockets|missiles|cells)"
    r"|\b(?:ammo|ammunition|rounds)(?:\s+count)?\s+(?:of|for|in)\s+(?:the|my)\s+(?:current\s+)?"
    rf"(?:(?:weapon|gun)(?:\s+(?:in\s+(?:my\s+|the\s+)?hand|in\s+use))?|(?:[\w-]+\s+)??(?P<for>{'|'.join(_LOADS)})s?)"
    rf"|\b(?P<of>{'|'.join(_LOADS)})(?:'s)?\s+(?:ammo|ammunition)\b)"
    r"(?!\s+(?:that\s+)?(?:\w+\s+){0,2}(?:picked|fired|used|spent|shot|found|collected|got|pickups?))",
    re.I,
)
_WHETHER = re.compile(
    r"^\W*(?:(?:and|so|but|then)\s+)*(?:(?:is|was)\s+it\s+(?:true|correct|right|so|the\s+case|a\s+fact)\s+that"
    r"|(?:(?:can|could)\s+you\s+)?(?:tell\s+me|say|check|find\s+out|see)\s+(?:whether|if)|i\s+wonder\s+(?:whether|if)"
    r"|do\s+you\s+know\s+(?:whether|if))\s+",
    re.I,
)
_USES = re.compile(
    r"\b(?:a|an|any|the|some)\s+(?:weapons?|guns?)\s+(?:(?:that|which)\s+(?:uses?|takes?|fires?|shoots?|needs?)|using|for)\s+"
    r"(?:the\s+)?(?:(?P<what>bullets?|shells?|rockets?|missiles?|cells?)\b|(?=\"))",
    re.I,
)

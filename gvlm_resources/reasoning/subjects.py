"""What a question is about, beyond its kinds of events (pure): the words that rows have to name, and which of them."""

from __future__ import annotations

import re

from gvlm_resources.reasoning import times as clocks
from gvlm_resources.reasoning import vocabulary
from gvlm_resources.reasoning.anchors import NTH, ordinal_of
from gvlm_resources.reasoning.asking import EXTREME, WHO
from gvlm_resources.reasoning.question_parts import Ask
from gvlm_resources.reasoning.thresholds import COUNT_WORDS


def words_beyond(rest: str, kinds: tuple[vocabulary.KindFound, ...]) -> tuple[str, ...]:
    """The telling words of a question outside the words that name event kinds."""
    kept, position = [], 0
    for kind in kinds:
        kept.append(rest[position : kind.start])
        position = kind.end
    kept.append(rest[position:])
    text = NTH.sub(" ", " ".join(kept))
    words = vocabulary.telling_words(EXTREME.sub(" ", text))
    return tuple(w for w in words if not w.isdigit() and w not in clocks.NUMBER_WORDS and w not in COUNT_WORDS)


PLAYER_WORDS = frozenset(
    (
        "video",
        "place",
        "spot",
        "enemy",
        "monster",
        "creature",
        "character",
        "doomguy",
        "hero",
        "number",
        "count",
        "frequently",
        "summary",
        "reason",
        "biggest",
        "order",
        "sort",
        "type",
        "true",
        "whether",
    )
)
# How texts and sounds are spoken of, whatever they say.
_OF_TEXT = frozenset(
    [
        "read",
        "line",
        "text",
        "written",
        "write",
        "display",
        "screen",
        "hud",
        "picture",
        "tv",
        "visible",
        "legible",
        "letter",
        "new",
        "top",
        "bottom",
        "together",
        "message",
        "notification",
    ]
)
_OF_SOUND = frozenset(
    [
        "recognised",
        "recognized",
        "detected",
        "heard",
        "hear",
        "audible",
        "audio",
        "soundtrack",
        "picked",
        "listen",
        "play",
        "played",
        "playing",
    ]
)


def subject_of(ask: Ask, rest: str, words: tuple[str, ...], kinds: tuple[str, ...]) -> tuple[str, ...]:
    """The words that the rows asked for have to name."""
    if ask in (Ask.SUMMARY, Ask.STATE, Ask.WHAT_HAPPENED):
        return ()
    silent = PLAYER_WORDS
    if ask is Ask.HOW_LONG or re.search(r"\b(?:switch|chang|swap|equip)\w*\b", rest, re.I):
        silent = silent | {"life", "live", "weapon", "gun"}
    if "message" in kinds:
        silent = silent | _OF_TEXT
    if "shot" in kinds and "pickup" not in kinds:
        silent = silent | {"ammo", "ammunition", "weapon", "gun"}  # every shot has both
    if "damage" in kinds:
        silent = silent | {"dealt", "deal", "come", "attacker"}
    if "sound" in kinds:
        silent = silent | _OF_SOUND
    if ask in (Ask.TOTAL, Ask.EXTREME, Ask.YES_NO) and kinds and "pickup" not in kinds:
        silent = silent | {"health", "hp", "armor", "ammo"}  # what the amounts are of
    if ask is Ask.TOTAL:
        silent = silent | {"add", "sum", "total", "tally"}
    if any(kind in kinds for kind in ("heal", "armor")):
        silent = silent | {"add", "point", "up", "total", "sum", "gain"}
    return tuple(w for w in words if w not in silent)


def which_of(rest: str, ask: Ask) -> int | None:
    """The ordinal of the events asked for: "my second death" is 2, "when did I last die" is -1."""
    if ask in (Ask.SUMMARY, Ask.STATE, Ask.OPEN, Ask.WHAT_HAPPENED):
        return None
    text = re.sub(r"\bat\s+(?:first|last)\b|\bfirst[\s-](?:aid|person)\b|\bthird[\s-]person\b", " ", rest, flags=re.I)
    if ask is Ask.HOW_LONG:
        text = re.sub(rf"\b(?:did|do|does)\s+{WHO}\s+last\b", " ", text, flags=re.I)
    found = NTH.search(text)
    if found is not None:
        return ordinal_of(found)
    numbered = re.search(
        r"\b(?:death|hit|pick-?up|shot|message)\s+(?:number\s+|no\.?\s+|#\s?)?([1-9][0-9]{0,3})\b", text, re.I
    )
    return int(numbered.group(1)) if numbered else None

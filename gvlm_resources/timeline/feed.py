"""The HUD's message lines as messages (pure): each one that came up, once, and again when it came up again.

What was read are sightings: a text that stood at one place for a while. A line scrolls when an older one goes, is lost
for a moment before a bright picture, is misread, and two pickups in a row print the same words twice. So a sighting is
no message yet: `timeline.explain` looks for the fewest messages that, living as lines do, show what was seen.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import pyarrow as pa
from rapidfuzz import fuzz

from gvlm_resources import schemas
from gvlm_resources.game import Game, MessageRule

SAME_TEXT = 0.8  # from here on two texts are one: every fifth letter may be misread
OTHER_TEXT = 0.68  # below this they have nothing to do with each other

_LETTERS = re.compile(r"[^a-z0-9]+")


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a text says: the rule that knows it, and what it is about. Without a rule there are only its letters."""

    rule: MessageRule | None
    subject: str
    plain: str

    def agrees_with(self, other: Meaning) -> bool:
        if self.rule is not None or other.rule is not None:
            return self.rule == other.rule and self.subject == other.subject
        return likeness(self.plain, other.plain) >= SAME_TEXT


@dataclass(frozen=True, slots=True)
class Sighting:
    """One OCR row of a message line. Its place is left out: lines scroll, so it holds for a moment only."""

    text: str
    start_ns: int
    end_ns: int
    confidence: float
    ocr_id: str


@dataclass(frozen=True, slots=True)
class Message:
    """A message that came up at `start_ns` and was gone at `end_ns`, and the sightings that show it."""

    text: str
    meaning: Meaning
    start_ns: int
    end_ns: int
    confidence: float
    evidence: tuple[str, ...]


def sightings_of(ocr: pa.Table) -> list[Sighting]:
    """The readable message rows of `schemas.OCR_TEXT` in the order of time."""
    return _sightings(ocr, "message")


def told_anywhere(ocr: pa.Table, game: Game) -> list[Message]:
    """Messages that stand outside the HUD's lines, where the game has such: each text that was read, once."""
    known = game.model_copy(update={"messages": tuple(rule for rule in game.messages if rule.anywhere)})
    found = []
    for sighting in _sightings(ocr, "text") if known.messages else ():
        alike, meaning = meanings_of(sighting.text, known)[0]
        if meaning.rule is not None and alike >= SAME_TEXT:
            span = (sighting.start_ns, sighting.end_ns)
            found.append(Message(sighting.text, meaning, *span, sighting.confidence, (sighting.ocr_id,)))
    return found


def _sightings(ocr: pa.Table, category: str) -> list[Sighting]:
    fields = ["text", "start_ns", "end_ns", "confidence", "ocr_id"]
    rows = ocr.select([*fields, "category", "status"]).to_pylist()
    good = [row for row in rows if row["category"] == category and row["status"] == schemas.STATUS_OK]
    found = [Sighting(**{name: row[name] for name in fields}) for row in good if plain_of(row["text"])]
    return sorted(found, key=lambda one: (one.start_ns, one.end_ns, one.ocr_id))


def meanings_of(text: str, game: Game) -> list[tuple[float, Meaning]]:
    """What a text may say and how alike it is, 0 to 1, best first: rules it fits as it stands, or with letters misread.

    A text that fits no rule speaks for itself.
    """
    plain = plain_of(text)
    found: list[tuple[float, Meaning]] = []
    for rule in game.messages:
        match = re.search(rule.pattern, text, re.IGNORECASE)
        words = _words(rule.pattern)
        if match:
            found.append((1.0, Meaning(rule, _subject(rule, match), words or plain)))
        elif words and (alike := likeness(plain, words)) >= OTHER_TEXT:
            found.append((alike, Meaning(rule, rule.subject or "", words)))
    found.sort(key=lambda one: one[0], reverse=True)
    return found or [(1.0, Meaning(None, "", plain))]


def likeness(one: str, other: str) -> float:
    """0 to 1: share of letters that two texts have in common, in order."""
    return fuzz.ratio(one, other) / 100


def plain_of(text: str) -> str:
    """Letters and digits alone, in lower case."""
    return _LETTERS.sub("", text.lower())


def names(rule: MessageRule) -> Sequence[str]:
    """The variables that a thing of this message may raise."""
    return (*rule.gives, *rule.may_give)


@lru_cache(maxsize=1024)
def _words(pattern: str) -> str:
    """The pattern's letters where it is plain words; empty where it is an expression."""
    return "" if re.search(r"[\\\[\](){}|*+?^$]", pattern) else plain_of(pattern)


def _subject(rule: MessageRule, match: re.Match[str]) -> str:
    group = (match.group(1) or "").strip().lower() if match.re.groups else ""
    return group if rule.subject is None else rule.subject.replace("{}", group)

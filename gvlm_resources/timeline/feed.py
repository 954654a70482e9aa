"""The HUD's message lines as messages (pure): each one that came up, once, and again when it came up again.

What was read are sightings: a text that stood at one place for a while. A line moves when an older one above it goes,
flickers when the picture behind it is bright, and two pickups in a row print the same words twice. A sighting goes on
with an earlier one when the words agree, it lies no further from where lines leave than before, and the line is not
older than lines become; otherwise it is a message of its own.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import pyarrow as pa
from rapidfuzz import fuzz

from gvlm_resources import schemas, timebase
from gvlm_resources.game import FeedRule, Game, MessageRule

SAME_TEXT = 80.0  # of 100: every fifth letter may be misread
LOST_NS = 600_000_000  # longest time for which a line may be unreadable and still be the same line
OVERLAP_NS = 120_000_000  # readings of one moving line may overlap by this much
SLACK_NS = 500_000_000  # how much longer than its time a line may seem to stand

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
        return fuzz.ratio(self.plain, other.plain) >= SAME_TEXT


@dataclass(frozen=True, slots=True)
class Sighting:
    """One OCR row of a message line. `y` is the middle of its box as a fraction of the frame's height."""

    text: str
    meaning: Meaning
    start_ns: int
    end_ns: int
    y: float
    height: float
    confidence: float
    ocr_id: str


@dataclass(frozen=True, slots=True)
class Message:
    """A message that came up at `start_ns` and was gone at `end_ns`."""

    text: str
    meaning: Meaning
    start_ns: int
    end_ns: int
    confidence: float
    evidence: tuple[str, ...]
    y: float


def messages(ocr: pa.Table, game: Game) -> list[Message]:
    """Messages of the HUD from `schemas.OCR_TEXT`, in the order in which they came up."""
    columns = ["category", "text", "start_ns", "end_ns", "confidence", "box", "height", "ocr_id", "status"]
    rows = ocr.select(columns).to_pylist()
    lines = [row for row in rows if row["category"] == "message" and row["status"] == schemas.STATUS_OK]
    sightings = [_sighting(row, game.messages) for row in lines if plain_of(row["text"])]
    return linked(sightings, game.feed)


def linked(sightings: Iterable[Sighting], feed: FeedRule) -> list[Message]:
    """Sightings joined to messages; one that stands longer than lines do was printed again in between."""
    shown_ns = timebase.ns_from_s(feed.shown_s)
    found: list[Message] = []
    down = 1 if feed.newest == "bottom" else -1
    for sighting in sorted(sightings, key=lambda one: (one.start_ns, one.y * down)):  # older lines find theirs first
        index = _same_line(found, sighting, feed, shown_ns)
        if index is None:
            fields = ("text", "meaning", "start_ns", "end_ns", "confidence", "y")
            found.append(Message(evidence=(sighting.ocr_id,), **{name: getattr(sighting, name) for name in fields}))
        else:
            found[index] = _continued(found[index], sighting)
    every = [part for message in found for part in _by_lifetime(message, shown_ns)]
    return sorted(every, key=lambda message: message.start_ns)


def meaning_of(text: str, rules: Sequence[MessageRule]) -> Meaning:
    """The rule that fits a text best: its pattern as it stands, else its words with letters misread."""
    plain = plain_of(text)
    for rule in rules:
        match = re.search(rule.pattern, text, re.IGNORECASE)
        if match:
            return Meaning(rule, _subject(rule, match), plain)
    scored = [(fuzz.ratio(plain, words), index) for index, rule in enumerate(rules) if (words := _words(rule.pattern))]
    best, index = max(scored, default=(0.0, 0))
    return Meaning(rules[index], rules[index].subject or "", plain) if best >= SAME_TEXT else Meaning(None, "", plain)


def plain_of(text: str) -> str:
    """Letters and digits alone, in lower case."""
    return _LETTERS.sub("", text.lower())


@lru_cache(maxsize=1024)
def _words(pattern: str) -> str:
    """The pattern's letters where it is plain words; empty where it is an expression."""
    return "" if re.search(r"[\\\[\](){}|*+?^$]", pattern) else plain_of(pattern)


def _subject(rule: MessageRule, match: re.Match[str]) -> str:
    group = (match.group(1) or "").strip().lower() if match.re.groups else ""
    if rule.subject is None:
        return group
    return rule.subject.replace("{}", group)


def _sighting(row: dict, rules: Sequence[MessageRule]) -> Sighting:
    _, top, _, bottom = row["box"]
    return Sighting(
        text=row["text"].strip(),
        meaning=meaning_of(row["text"].strip(), rules),
        start_ns=row["start_ns"],
        end_ns=row["end_ns"],
        y=(top + bottom) / 2 / row["height"],
        height=(bottom - top) / row["height"],
        confidence=row["confidence"],
        ocr_id=row["ocr_id"],
    )


def _same_line(found: Sequence[Message], sighting: Sighting, feed: FeedRule, shown_ns: int) -> int | None:
    """The message that the sighting goes on with: of those that can be, the nearest in place."""
    best: tuple[float, int] | None = None
    for index in range(len(found) - 1, -1, -1):
        message = found[index]
        if sighting.start_ns - message.start_ns > shown_ns + SLACK_NS:
            break  # `found` is in the order of starts: the rest is older still
        if not -OVERLAP_NS <= sighting.start_ns - message.end_ns <= LOST_NS:
            continue
        moved = (sighting.y - message.y) * (1 if feed.newest == "bottom" else -1)
        if moved > sighting.height / 2 or not message.meaning.agrees_with(sighting.meaning):
            continue
        if best is None or abs(moved) < best[0]:
            best = (abs(moved), index)
    return best[1] if best else None


def _continued(message: Message, sighting: Sighting) -> Message:
    surer = sighting.confidence > message.confidence
    return replace(
        message,
        text=sighting.text if surer else message.text,
        end_ns=max(message.end_ns, sighting.end_ns),
        confidence=max(message.confidence, sighting.confidence),
        evidence=(*message.evidence, sighting.ocr_id),
        y=sighting.y,
    )


def _by_lifetime(message: Message, shown_ns: int) -> list[Message]:
    """One message, or several of the same words on one line: each but the first came up a lifetime before the end."""
    lasted = message.end_ns - message.start_ns
    again = max(0, math.ceil((lasted - SLACK_NS) / shown_ns) - 1)
    starts = [message.start_ns] + [message.end_ns - shown_ns * (again - step) for step in range(again)]
    return [replace(message, start_ns=start) for start in starts]

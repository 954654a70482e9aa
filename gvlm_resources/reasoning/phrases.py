"""English for rows of a timeline (pure): words for kinds, numbers, lists, quotes."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from gvlm_resources.reasoning.protocol import Row

QUOTE_CHARS = 160


@dataclass(frozen=True, slots=True)
class Voice:
    """Whom an answer speaks of: a question in the first person is answered with "you"."""

    who: str
    whose: str
    were: str

    @staticmethod
    def of(*, first_person: bool) -> Voice:
        return Voice("you", "your", "were") if first_person else Voice("the player", "the player's", "was")


@dataclass(frozen=True, slots=True)
class KindWords:
    one: str
    many: str
    past: str  # what the player did, after "you"; empty where it is nothing the player did
    unit: str = ""  # what `value` counts


_KINDS = {
    "death": KindWords("death", "deaths", "died"),
    "damage": KindWords("hit", "hits", "took damage", "damage"),
    "heal": KindWords("heal", "heals", "gained health", "health"),
    "armor": KindWords("armor change", "armor changes", "gained or lost armor", "armor"),
    "pickup": KindWords("pickup", "pickups", "picked something up"),
    "shot": KindWords("shot", "shots", "fired", "round"),
    "kill": KindWords("kill", "kills", "killed something"),
    "respawn": KindWords("respawn", "respawns", "respawned"),
    "weapon_change": KindWords("weapon change", "weapon changes", "changed weapon"),
    "message": KindWords("message", "messages", ""),
    "secret": KindWords("secret", "secrets", "found a secret"),
    "text": KindWords("line of text", "lines of text", ""),
    "scene_change": KindWords("scene change", "scene changes", ""),
    "black_screen": KindWords("black screen", "black screens", ""),
    "speech": KindWords("utterance", "utterances", ""),
    "scene": KindWords("scene", "scenes", ""),
}
# The order in which a summary speaks of them.
KIND_ORDER = (
    "death",
    "respawn",
    "damage",
    "heal",
    "armor",
    "pickup",
    "weapon_change",
    "shot",
    "kill",
    "secret",
    "message",
    "speech",
)


def words_for(kind: str) -> KindWords:
    """Words for a kind; of one that is not known, its name."""
    plain = kind.replace("_", " ")
    return _KINDS.get(kind) or KindWords(plain, f"{plain} events", "")


def counted(count: int, kind: str) -> str:
    """`1 hit`, `14 hits`, `no hits`."""
    words = words_for(kind)
    return f"{count if count else 'no'} {words.one if count == 1 else words.many}"


def counted_kinds(counts: Iterable[tuple[str, int]]) -> str:
    """`3 deaths and 14 hits` of pairs of a kind and its count."""
    return listed([counted(count, kind) for kind, count in counts])


def times(count: int) -> str:
    return {1: "once", 2: "twice"}.get(count, f"{count} times")


def listed(parts: Sequence[str], *, last: str = "and") -> str:
    """`a, b and c`."""
    if len(parts) < 2:
        return "".join(parts)
    return f"{', '.join(parts[:-1])} {last} {parts[-1]}"


def ordinal(number: int) -> str:
    words = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth")
    if number == -1:
        return "last"
    if number < 0:
        return {-2: "second to last"}.get(number, f"{ordinal(-number)} to last")
    if number <= len(words):
        return words[number - 1]
    suffix = "th" if 10 <= number % 100 <= 20 else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{suffix}"


def units(value: float, unit: str) -> str:
    """`12 damage`, `1 round`, `3 rounds`."""
    plural = "s" if unit == "round" and abs(value) != 1 else ""
    return f"{amount(value)} {unit}{plural}"


def amount(value: float) -> str:
    """A value without its sign, whole where it is whole."""
    return f"{abs(value):.10g}"


def number(value: float) -> str:
    return f"{value:.10g}"


def sentence(text: str) -> str:
    """`text` with a capital at its start and a full stop at its end."""
    text = text.strip()
    if not text:
        return ""
    text = text[0].upper() + text[1:]
    return text if text[-1] in ".!?:”" else f"{text}."


def quote(text: str) -> str:
    """Text read off a video or heard in it, in quotes: one line, no control characters, no brackets that look cited."""
    kept = "".join(c if unicodedata.category(c)[0] != "C" else " " for c in text)
    line = re.sub(r"\s+", " ", kept).strip().replace("[", "(").replace("]", ")").replace("“", "‘").replace("”", "’")
    if len(line) > QUOTE_CHARS:
        line = line[: QUOTE_CHARS - 1].rstrip() + "…"
    return f"“{line}”"


_ON_SCREEN = re.compile(r'\s*On screen: "(.*)"\s*$', re.S)  # how a row quotes the text that an event was read from


def words_of(row: Row) -> str:
    """What a row says was shown or said: an event about words tells them after its own."""
    shown = _ON_SCREEN.search(row.text)
    if shown:
        return shown.group(1)
    if row.source == "event" and row.kind in ("message", "speech"):
        return row.text.partition(": ")[2] or row.text
    return row.text


def told(row: Row) -> str:
    """A row's own sentence, and in quotes after it what stood on the screen."""
    own = plain(_ON_SCREEN.sub("", row.text))
    return f"{own} On the screen: {quote(words_of(row))}" if _ON_SCREEN.search(row.text) else own


def reads(row: Row) -> str:
    """`The timeline reads: “Died (health 12 to 0).”`."""
    own = quote(_ON_SCREEN.sub("", row.text))
    shown = f" On the screen: {quote(words_of(row))}" if _ON_SCREEN.search(row.text) else ""
    return f"The timeline reads: {own}{shown}"


def plain(text: str) -> str:
    """The same without quotes, for the timeline's own sentences."""
    return quote(text)[1:-1]


def duration(ns: int) -> str:
    """`45 seconds`, `2 minutes 5 seconds`; whole seconds, tenths below ten seconds."""
    seconds = ns / 1e9
    if seconds < 9.95:
        value = f"{seconds:.1f}".removesuffix(".0")
        return f"{value} second{'' if value == '1' else 's'}"
    whole = round(seconds)
    hours, rest = divmod(whole, 3600)
    minutes, left = divmod(rest, 60)
    parts = [(hours, "hour"), (minutes, "minute"), (left, "second")]
    return " ".join(f"{n} {name}{'' if n == 1 else 's'}" for n, name in parts if n)


def item(row: Row) -> str:
    """What a row is about, in a few words: its subject, or its text."""
    return plain(row.subject) if row.subject else plain(row.text).rstrip(".")

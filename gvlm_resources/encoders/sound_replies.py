"""What a language model says that it heard, taken out of its reply (pure). Words in a reply are data, never obeyed.

The ladder: the reply is the JSON that was asked for; or that JSON stands in it, among other words or cut off at the
limit of tokens, and whatever is whole in it is taken; or it is no reply that can be used.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

LONGEST_CAPTION = 500
LONGEST_LABEL = 80
_DECODER = json.JSONDecoder()
_CAPTION = re.compile(r'"caption"\s*:\s*(?=")')
_SOUNDS = re.compile(r'"sounds"\s*:\s*\[')
_BETWEEN = re.compile(r"[\s,]*")


@dataclass(frozen=True, slots=True)
class Tag:
    """A sound in the window, in seconds from its start. `is_possible` is False for times that cannot be."""

    label: str
    start_s: float
    end_s: float
    is_possible: bool


@dataclass(frozen=True, slots=True)
class Description:
    caption: str  # empty where the reply has none
    tags: tuple[Tag, ...]


def parse(reply: str, *, length_s: float) -> Description | None:
    """What `reply` says of a window of `length_s`, or None where it says nothing that can be used."""
    caption, sounds = _whole(reply) or _salvaged(reply)
    found = Description(_words(caption, LONGEST_CAPTION), tuple(_tags(sounds, length_s)))
    return found if found.caption or found.tags else None


def _whole(reply: str) -> tuple[Any, Any] | None:
    """Caption and sounds of a reply that is JSON from its first to its last character."""
    try:
        value = json.loads(reply)
    except ValueError:
        return None
    return (value.get("caption"), value.get("sounds")) if isinstance(value, dict) else None


def _salvaged(reply: str) -> tuple[Any, Any]:
    """The caption and the sounds that stand whole in a reply that is not, or not only, JSON."""
    caption: Any = None
    if opening := _CAPTION.search(reply):
        caption = _value_at(reply, opening.end())[0]
    sounds: list[Any] = []
    if opening := _SOUNDS.search(reply):
        at = opening.end()
        while reply.startswith("{", at := _BETWEEN.match(reply, at).end()):
            sound, end = _value_at(reply, at)
            if end == at:
                break
            sounds.append(sound)
            at = end
    return caption, sounds


def _value_at(text: str, at: int) -> tuple[Any, int]:
    """The JSON value that starts at `at` and where it ends; None and `at` where it is not whole."""
    try:
        return _DECODER.raw_decode(text, at)
    except ValueError:
        return None, at


def _tags(sounds: Any, length_s: float) -> Iterator[Tag]:
    for sound in sounds if isinstance(sounds, list) else []:
        if not isinstance(sound, dict) or not (label := _words(sound.get("label"), LONGEST_LABEL)):
            continue
        start_s, end_s = _seconds(sound.get("start_s")), _seconds(sound.get("end_s"))
        if start_s is None or end_s is None or not 0 <= start_s < min(end_s, length_s):
            yield Tag(label, 0.0, length_s, is_possible=False)
        else:
            yield Tag(label, start_s, min(end_s, length_s), is_possible=True)


def _seconds(value: Any) -> float | None:
    is_number = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    return float(value) if is_number else None


def _words(value: Any, longest: int) -> str:
    """One line of printable text, cut at `longest` characters; empty for anything but text."""
    if not isinstance(value, str):
        return ""
    printable = "".join(character if character.isprintable() else " " for character in value)
    return " ".join(printable.split())[:longest].rstrip()

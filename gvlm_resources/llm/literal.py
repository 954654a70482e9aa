"""Whether a value that a repair gave stands in the reply as the model wrote it (pure).

json-repair turns `0.` into 0.0, `00:45` into 0 and, in some versions, `None` into an empty text. A value that was so
changed is not what the model said.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

MAX_MISSES = 50  # each reads to the end of the reply
QUOTES = "\"'`“”„«»‘’"
_EMPTY = {dict: re.compile(r"\{\s*\}"), list: re.compile(r"\[\s*\]")}
_NUMBER = re.compile(r"-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][-+]?\d+)?(?=\s*(?:[,}\]\n]|$))")
_WORDS = {True: ("true",), False: ("false",), None: ("null", "none")}


class Said:
    """A reply's own words, walked once from its start: values are looked for in the order in which they stand."""

    def __init__(self, body: str) -> None:
        self._body, self._at, self._misses = body, 0, 0

    def lacks(self, value: Any, complaints: list[str]) -> bool:
        """Whether something in `value` does not stand in the reply as it is; then a complaint says what."""
        lacking = [name for name, leaf in _leaves("", value) if not self._has(name, leaf)]
        if lacking:
            complaints.append(f"the repair would have changed {lacking[0] or 'a value'}")
        return bool(lacking)

    def _has(self, name: str, leaf: Any) -> bool:
        opening = re.compile(rf"(?<!\w){re.escape(name)}[{QUOTES}]?\s*[:=]\s*" if name else r"[\[,]\s*")
        while self._misses < MAX_MISSES and (found := opening.search(self._body, self._at)):
            end = _end_of(leaf, self._body, found.end())
            if name or end is not None:
                self._at = found.end() if end is None else end
                return end is not None
            self._at = found.end()
        self._misses += 1  # each has read to the end
        return False


def _leaves(name: str, value: Any) -> Iterator[tuple[str, Any]]:
    """Texts, numbers, words and empty brackets of a value, in order; in an object with the member's name."""
    if isinstance(value, dict | list) and not value:
        yield name, value
    elif isinstance(value, dict):
        for key, part in value.items():
            yield from _leaves(key, part)
    elif isinstance(value, list):
        for part in value:
            yield from _leaves("", part)
    else:
        yield name, value


def _end_of(leaf: Any, body: str, at: int) -> int | None:
    """Where the value ends that stands at `at`, if it is `leaf`; None where another one stands there."""
    if isinstance(leaf, str):
        return _end_of_text(leaf, body, at)
    if isinstance(leaf, dict | list):
        found = _EMPTY[type(leaf)].match(body, at)
        return found.end() if found else None
    if isinstance(leaf, bool) or leaf is None:
        return next((at + len(w) for w in _WORDS[leaf] if body[at : at + len(w)].lower() == w), None)
    found = _NUMBER.match(body, at)
    return found.end() if found and float(found.group()) == leaf else None


def _end_of_text(leaf: str, body: str, at: int) -> int | None:
    """A text stands there in quotes, or bare as one word, and ends where a member or an item does."""
    quoted = body[at : at + 1] in tuple(QUOTES)
    for written in (leaf, json.dumps(leaf, ensure_ascii=False)[1:-1], json.dumps(leaf)[1:-1]):
        start = at + 1 if quoted else at
        end = start + len(written)
        if (written or quoted) and body.startswith(written, start) and _ends_there(body, end, quoted=quoted):
            return end
    return None


def _ends_there(body: str, end: int, *, quoted: bool) -> bool:
    closing = rf"[{QUOTES}]" if quoted else ""
    return re.compile(rf"\s*{closing}\s*(?:[,}}\]\n]|$|(?=[{QUOTES}]))").match(body, end) is not None

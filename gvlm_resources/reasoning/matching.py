"""Which rows are meant (pure): those of a kind, those that name a thing, those that tell a text or change a value."""

from __future__ import annotations

import re
from collections.abc import Sequence

from rapidfuzz import fuzz

from gvlm_resources.reasoning import vocabulary
from gvlm_resources.reasoning.protocol import RAISED, Row, StateReading
from gvlm_resources.reasoning.question import EventQuery
from gvlm_resources.timebase import NS_PER_S

SAME_TEXT = 80.0  # of 100: two letters in ten may be misread
SURE_LETTERS = 4  # a shorter text is found in almost any other
_CALLED = {"rockets": ("missiles",), "ammo": ("bullets", "shells", "rockets", "missiles", "cells")}
_ALSO = {"message": (), "heal": ("heal", "pickup"), "armor": ("armor", "pickup")}  # what to look through; (): all


def quotes_text(row: Row, text: str) -> bool:
    """Whether a row tells a text, as it may have been misread."""
    wanted, told = _letters(text), _letters(row.text)
    if len(wanted) < SURE_LETTERS:
        return wanted == told
    return wanted in told or (len(told) >= len(wanted) - 2 and fuzz.partial_ratio(wanted, told) >= SAME_TEXT)


def _letters(text: str) -> str:
    return "".join(char for char in text.casefold() if char.isalnum())


def of_variable(states: Sequence[StateReading], variable: str) -> list[StateReading]:
    """Readings of a variable, or of those it stands for: `ammo` is also `ammo_shells`, and bullets may be `ammo`."""
    exact = [s for s in states if s.variable == variable]
    parts = exact or [s for s in states if variable in s.variable.split("_")]
    return parts or [s for s in states if s.variable == vocabulary.STANDS_FOR.get(variable)]


def names_of_variables(names: tuple[str, ...]) -> tuple[str, ...]:
    """Names to look up: those of variables, and of what stands for them where a game has no such number."""
    return tuple(
        dict.fromkeys((*names, *(vocabulary.STANDS_FOR[name] for name in names if name in vocabulary.STANDS_FOR)))
    )


def changes(row: Row, variables: tuple[str, ...]) -> list[tuple[float, float]]:
    """From what to what an event's row says that it changed one of the variables: `(health 69 to 79)`."""
    names = {name for variable in variables for name in (variable, *_CALLED.get(variable, ()))}
    told = re.finditer(r"\b([a-z]+) ([0-9.]+) to ([0-9]+(?:\.[0-9]+)?)", row.text) if row.source == "event" else ()
    return [(float(found[2]), float(found[3])) for found in told if found[1] in names]


def kinds_to_look_through(kinds: tuple[str, ...]) -> tuple[str, ...]:
    """The kinds of rows among which those that tell of `kinds` are."""
    if any(_ALSO.get(kind) == () for kind in kinds):
        return ()
    return tuple(dict.fromkeys(k for kind in kinds for k in _ALSO.get(kind, (kind,))))


def the_nth(rows: tuple[Row, ...], which: int | None) -> tuple[Row, ...]:
    if which is None:
        return rows
    index = which - 1 if which > 0 else len(rows) + which
    return rows[index : index + 1] if index >= 0 else ()


def matching_rows(event: EventQuery, rows: tuple[Row, ...]) -> tuple[Row, ...]:
    return named_rows(event.subject, rows_telling(event.kinds, rows))


def named_rows(subject: tuple[str, ...], rows: Sequence[Row]) -> tuple[Row, ...]:
    """The rows that name what is asked for. Where some are that thing, those: shotgun shells are not "the shotgun".

    A word for a whole kind of thing, such as "armor", means an armor bonus as well.
    """
    if not subject:
        return tuple(rows)
    naming = tuple(row for row in rows if vocabulary.names_all(subject, row_words(row)))
    if subject[-1] in vocabulary.CATEGORIES:
        return naming
    just = tuple(row for row in naming if row_words(row).is_a(subject[-1]))
    return just or naming


def row_words(row: Row) -> vocabulary.Named:
    """What a row names."""
    return vocabulary.Named.of(row.text, row.subject)


def rows_telling(kinds: tuple[str, ...], rows: Sequence[Row]) -> tuple[Row, ...]:
    """The rows that tell of `kinds`, each happening once.

    Other text in the picture counts as a message only where there is none, a pickup as a heal only where there is none.
    """
    kept = tuple(row for row in rows if any(row.tells(kind) for kind in kinds))
    if "message" in kinds and any(row.kind != "text" for row in kept):
        kept = tuple(row for row in kept if row.kind != "text")
    for kind in kinds:
        if kind in RAISED and "pickup" not in kinds and any(row.kind == kind for row in kept):
            kept = tuple(row for row in kept if row.kind != "pickup")
    return kept


def distance_to(row: Row, at_ns: int) -> tuple[bool, int]:
    """How far a row is from a moment: a clock means its whole second, so what starts in that comes first."""
    return row.start_ns // NS_PER_S != at_ns // NS_PER_S, abs(row.start_ns - at_ns)

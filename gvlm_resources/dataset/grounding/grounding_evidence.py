"""What the rows that a pair cites hold: numbers, moments, words, names (pure).

An event stands for the rows it was made from too: the message on the screen and the step of the number behind a pickup.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations
from typing import Any

from gvlm_resources.dataset.claims import FactsLog, letters, readings
from gvlm_resources.dataset.facts import Event, Facts, Held, Sight, Sound, Text, Utterance
from gvlm_resources.dataset.grounding.grounding_text import Names, Stated, names_of, stated, stem, words
from gvlm_resources.dataset.pairs import Claim
from gvlm_resources.timebase import Span

_DIGITS = re.compile(r"\d+(?:\.\d+)?")


@dataclass(frozen=True, slots=True)
class Holds:
    """What one row holds. `kind` is that of an event, or what sort of row it is."""

    row: Any
    kind: str
    span: Span
    numbers: frozenset[float]
    letters: str
    stems: frozenset[str]
    subjects: frozenset[str]


@dataclass(frozen=True)
class Evidence:
    """What the rows of one pair hold together: `cited` those it names, `rows` with those behind the events too."""

    cited: Sequence[Holds]
    rows: Sequence[Holds]

    @cached_property
    def numbers(self) -> frozenset[float]:
        """Numbers that a row holds, how many rows of a sort there are, their sums, and differences of values."""
        found = {number for row in self.rows for number in row.numbers} | {float(len(self.cited))}
        events = [one.row for one in self.cited if isinstance(one.row, Event)]
        counts: Counter[tuple[str, str]] = Counter()
        sums: Counter[tuple[str, str]] = Counter()
        for event in events:
            for key in {(event.kind, ""), (event.kind, event.subject)}:
                counts[key] += 1
                sums[key] += abs(event.value or 0)  # type: ignore[assignment]
        found |= {float(n) for n in counts.values()} | {float(n) for n in sums.values()}
        return frozenset(found | self._differences)

    @cached_property
    def _differences(self) -> set[float]:
        """By how much cited values of one variable differ."""
        held = [one.row for one in self.cited if isinstance(one.row, Held)]
        return {abs(one.value - two.value) for one, two in combinations(held, 2) if one.variable == two.variable}

    @cached_property
    def letters(self) -> str:
        return " ".join(row.letters for row in self.rows)

    @cached_property
    def stems(self) -> frozenset[str]:
        return frozenset().union(*(row.stems for row in self.rows))

    @cached_property
    def subjects(self) -> frozenset[str]:
        return frozenset().union(*(row.subjects for row in self.rows))

    @cached_property
    def kinds(self) -> frozenset[str]:
        return frozenset(row.kind for row in self.rows)

    def backs(self, claim: Claim) -> bool:
        """Whether a row of it is one that the claim is about. A claim that nothing happened needs none."""
        if claim.what == "unknown" or (claim.what in ("count", "sum") and not claim.value):
            return True
        if claim.what in ("value", "lowest", "highest"):
            return any(_reads(one.row, claim) for one in self.rows)
        if claim.what in ("shown", "said"):
            return letters(claim.subject) in self.letters
        first = any(_is_event(one.row, claim.kind, claim.subject, claim.span) for one in self.cited)
        if claim.what != "order":
            return first
        other = (claim.other_kind, claim.other_subject, claim.other_span)
        return first and any(_is_event(one.row, *other) for one in self.cited)


def _reads(row: Any, claim: Claim) -> bool:
    return (
        isinstance(row, Held)
        and (row.variable, row.value) == (claim.subject, claim.value)
        and row.start_ns < claim.end_ns
        and row.end_ns > claim.start_ns
    )


def _is_event(row: Any, kind: str, subject: str, span: Span) -> bool:
    if not isinstance(row, Event) or row.kind != kind or not span.contains(row.start_ns):
        return False
    return subject.casefold() in ("", row.subject.casefold())


class Known:
    """Facts with what is worked out of them once for all pairs of a video."""

    def __init__(self, facts: Facts) -> None:
        self.facts = facts
        self.log = FactsLog(facts)
        self.names: Names = names_of(facts)
        self._rows: dict[str, Holds | None] = {}
        self._stated: dict[tuple[str, str], Stated] = {}

    def events_in(self, span: Span) -> Sequence[Event]:
        return self.facts.events[bisect_left(self._starts, span.start_ns) : bisect_left(self._starts, span.end_ns)]

    @cached_property
    def _starts(self) -> list[int]:
        return [event.start_ns for event in self.facts.events]

    @cached_property
    def subjects(self) -> frozenset[str]:
        """Subjects of what happened in this video."""
        return frozenset(event.subject.casefold() for event in self.facts.events)

    @cached_property
    def frames(self) -> frozenset[str]:
        return frozenset(frame.frame_id for frame in self.facts.frames)

    @cached_property
    def variables(self) -> frozenset[str]:
        """Names of numbers of the HUD, which are no things that something happens to."""
        rules = self.facts.game.variables
        return frozenset(name.casefold() for rule in rules for name in (rule.name, rule.words))

    def stated(self, text: str, language: str) -> Stated:
        """What a text states, read once."""
        if (text, language) not in self._stated:
            self._stated[text, language] = stated(text, language, self.names)
        return self._stated[text, language]

    def of(self, ids: Iterable[str]) -> Evidence:
        """What the rows with these ids hold; ids that are not there hold nothing."""
        cited = [held for row_id in ids if (held := self.row(row_id))]
        behind = [name for one in cited if isinstance(one.row, Event) for name in one.row.evidence]
        rows = {id(held): held for held in (*cited, *(self.row(name) for name in behind)) if held}
        return Evidence(cited, list(rows.values()))

    def row(self, row_id: str) -> Holds | None:
        if row_id not in self._rows:
            self._rows[row_id] = self._holds(row_id)
        return self._rows[row_id]

    def words_of(self, variable: str) -> list[str]:
        """How a variable is called, and who repeats or uses it."""
        found = [variable]
        for rule in self.facts.game.variables:
            if rule.name == variable:
                found += [rule.words, rule.used_by or ""]
            if variable in rule.shows_one_of:
                found.append(rule.words)
        return [name.casefold() for name in found if name]

    def _holds(self, row_id: str) -> Holds | None:
        row, span = self.facts.row(row_id), self.facts.span_of(row_id)
        if row is None or span is None:
            return None
        kind, texts, numbers = _contents(row)
        if isinstance(row, Held):
            texts += self.words_of(row.variable)
        text = " . ".join(texts)
        known = readings(row, self.facts.game) if isinstance(row, Text) else []
        numbers += [float(found) for found in _DIGITS.findall(text)]
        return Holds(
            row=row,
            kind=kind,
            span=span,
            numbers=frozenset(numbers),
            letters=" ".join([letters(text), *known]),
            stems=frozenset(stem(word) for word in words(text)),
            subjects=self.names.told(text),
        )


def _contents(row: Any) -> tuple[str, list[str], list[float]]:
    """Of a row what sort it is, its texts and its numbers."""
    match row:
        case Event():
            amounts = [float(row.ordinal)] if row.value is None else [float(row.ordinal), abs(row.value)]
            return row.kind, [row.text, row.subject], amounts
        case Held():
            return "state", [row.variable], [row.value]
        case Text():
            return "text", [row.text], []
        case Utterance():
            return "speech", [row.text], []
        case Sound():
            return "sound", [row.label, row.text], []
        case Sight():
            return "entity", [row.concept], []
        case _:
            return "frame", [], []

"""Stretches in which a number of the HUD was not read, and what rests on it (pure).

That nothing happened, how often something did and which came first can be said only where it would have been seen. A
death, a hit or a shot shows as a number of the HUD that changes: where that number was covered, too faint, or read as
something that was then thrown away, nobody could have seen it. The series itself does not show all of this, since it
closes short gaps between equal values; the readings behind it do.

A number may also go on being read as it was while the picture is red. That shows where a life begins anew whose
predecessor never ended: its end lies somewhere in the last number that was read of it. And the timeline steps over a
value that it doubts.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cached_property

from gvlm_resources.dataset.facts import Facts, Held, Text
from gvlm_resources.dataset.grounding.grounding_reading import changes_of
from gvlm_resources.dataset.pairs import Claim
from gvlm_resources.game import VariableRule
from gvlm_resources.timebase import Span, s_from_ns
from gvlm_resources.timeline.changes import DOUBTED, DOUBTED_NS
from gvlm_resources.timeline.state import number_of

UNREAD_NS = 500_000_000  # a longer stretch may hide a whole change; a shorter one is the blur of the change itself


class Unread:
    """Where the numbers of one video were not read for more than UNREAD_NS."""

    def __init__(self, facts: Facts) -> None:
        self.facts = facts

    def hides(self, claim: Claim) -> str:
        """The stretch in which what the claim rests on was not read, as a sentence; empty where there is none."""
        if claim.what in ("value", "lowest", "highest"):
            return self.under([claim.subject], claim.span)
        if not claim.kind or claim.what == "unknown":
            return ""
        other = claim.what == "order" and self.under_kind(claim.other_kind, claim.other_span, claim.other_subject)
        return other or self.under_kind(claim.kind, claim.span, claim.subject)

    def under_kind(self, kind: str, span: Span, subject: str = "") -> str:
        """As `hides`, for events of a kind in a span."""
        return self.under(self.tells(kind, subject), span)

    def under(self, variables: Iterable[str], span: Span) -> str:
        for variable in variables:
            for gap in self.stretches.get(variable, ()):
                if gap.overlaps(span):
                    return (
                        f"{variable} was not surely read in {s_from_ns(gap.start_ns):.2f}-{s_from_ns(gap.end_ns):.2f} s"
                    )
        return ""

    def tells(self, kind: str, subject: str = "") -> list[str]:
        """The variables that a kind of event is read off: nothing else tells of it.

        Of several, those that were ever read: a HUD need not show all. What is taken is told by a message too, and a
        number that repeats others is blank where there is nothing to repeat: neither rests on a number.
        """
        rules = [rule for rule in self.facts.game.variables if not rule.shows_one_of and kind in changes_of(rule)]
        rules = [rule for rule in rules if rule.used_by and rule.used_by == subject] or rules
        read = [rule.name for rule in rules if rule.name in self._read]
        return read or [rule.name for rule in rules]

    @cached_property
    def stretches(self) -> dict[str, list[Span]]:
        """By variable, in the order of time."""
        return {rule.name: self._of(rule) for rule in self.facts.game.variables}

    @cached_property
    def _read(self) -> frozenset[str]:
        return frozenset(held.variable for held in self.facts.states)

    def _of(self, rule: VariableRule) -> list[Span]:
        found = [*self._gaps(rule), *self._unseen_ends(rule), *self._passed_over(rule)]
        return sorted(found, key=lambda gap: gap.start_ns)

    def _gaps(self, rule: VariableRule) -> list[Span]:
        at, found = 0, []
        for start, end in [*self._readings(rule), (self.facts.duration_ns, self.facts.duration_ns)]:
            if start - at > UNREAD_NS:
                found.append(Span(at, start))
            at = max(at, end)
        return found

    def _unseen_ends(self, rule: VariableRule) -> list[Span]:
        """Of each life that began anew without an end before it: from the last number read of the one before."""
        found, ended = [], False
        for event in self.facts.events:
            if event.kind == rule.on_zero:
                ended = True
            elif event.kind == rule.on_revival:
                if not ended:
                    found.append(Span(self._last_life(rule, event.start_ns), event.start_ns + 1))
                ended = False
        return found

    def _passed_over(self, rule: VariableRule) -> list[Span]:
        """Values that the timeline was in doubt of: the step over one of them may be two."""
        return [
            Span(held.start_ns, held.end_ns)
            for held in self.facts.series(rule.name)
            if held.confidence < DOUBTED and held.end_ns - held.start_ns < DOUBTED_NS
        ]

    def _last_life(self, rule: VariableRule, ns: int) -> int:
        alive = [held.start_ns for held in self.facts.series(rule.name) if held.value and held.start_ns < ns]
        return alive[-1] if alive else 0

    def _readings(self, rule: VariableRule) -> list[tuple[int, int]]:
        """Where what was read is what the series says. A series that came without its readings is taken at its word."""
        series = self.facts.series(rule.name)
        texts = [text for text in self.facts.texts if text.region == rule.region and text.category == "number"]
        return _agreeing(texts, series) if texts else [(held.start_ns, held.end_ns) for held in series]


def _agreeing(texts: Sequence[Text], series: Sequence[Held]) -> list[tuple[int, int]]:
    """The parts of spans of a number in which that number is what was read; both are in the order of time."""
    found, first = [], 0
    for text in texts:
        while first < len(series) and series[first].end_ns <= text.start_ns:
            first += 1
        for held in series[first:]:
            if held.start_ns >= text.end_ns:
                break
            if held.value == number_of(text.text):
                found.append((max(held.start_ns, text.start_ns), min(held.end_ns, text.end_ns)))
    return sorted(found)

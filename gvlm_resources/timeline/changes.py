"""What the numbers of the HUD did (pure): every step from one value to the next, and which steps mean nothing.

After a revival everything is set anew: the steps around it are no pickups and no shots. A number that repeats another
one (the ammunition of the weapon in hand) steps with it, or steps because another one is repeated from now on.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice, pairwise, takewhile

import pyarrow as pa

from gvlm_resources import schemas
from gvlm_resources.game import Game, VariableRule

SAME_NS = 100_000_000  # numbers that change in one frame may be read as changing up to three frames apart
UNSEEN_NS = 5_000_000_000  # a step over a longer gap has no moment
DOUBTED = 0.7  # a value read with less than this,
DOUBTED_NS = 1_000_000_000  # and for less than this, is no step to and from
RESET_NS = 150_000_000  # everything is set anew in the frame of a revival


@dataclass(frozen=True, slots=True)
class Value:
    """One `ok` row of `schemas.GAME_STATE`."""

    variable: str
    value: float
    start_ns: int
    end_ns: int
    confidence: float
    state_id: str


@dataclass(frozen=True, slots=True)
class Change:
    """A step of one variable: first seen at `at_ns`. `place` is the variable's in the game's order."""

    rule: VariableRule
    before: Value
    after: Value
    place: int = 0

    @property
    def at_ns(self) -> int:
        return self.after.start_ns

    @property
    def amount(self) -> float:
        return self.after.value - self.before.value

    @property
    def confidence(self) -> float:
        return min(self.before.confidence, self.after.confidence)

    @property
    def evidence(self) -> tuple[str, str]:
        return self.before.state_id, self.after.state_id

    @property
    def words(self) -> str:
        return f"{self.rule.words} {self.before.value:g} to {self.after.value:g}"


class States:
    """The typed series of one video, to be asked for the value of a variable at a moment."""

    def __init__(self, state: pa.Table, game: Game) -> None:
        self.rules = {rule.name: rule for rule in game.variables}
        self._values: dict[str, list[Value]] = {name: [] for name in self.rules}
        columns = ["variable", "value", "start_ns", "end_ns", "confidence", "state_id", "status"]
        for row in sorted(state.select(columns).to_pylist(), key=lambda row: row["start_ns"]):
            if row.pop("status") == schemas.STATUS_OK and row["variable"] in self.rules:
                value = Value(**row)
                if value.confidence >= DOUBTED or value.end_ns - value.start_ns >= DOUBTED_NS:
                    self._values[value.variable].append(value)
        self._rises = {
            name: [after.start_ns for before, after in pairwise(values) if after.value > before.value]
            for name, values in self._values.items()
        }

    def at(self, variable: str, ns: int) -> Value | None:
        """The value that stood at `ns`, or None where none was read."""
        values = self._values[variable]
        index = bisect_right(values, ns, key=lambda value: value.start_ns) - 1
        return values[index] if index >= 0 and values[index].end_ns > ns else None

    def rises(self, variable: str, start_ns: int, end_ns: int) -> Sequence[int]:
        """Moments in `[start_ns, end_ns)` at which the variable began to hold more than before."""
        rises = self._rises[variable]
        return rises[bisect_left(rises, start_ns) : bisect_left(rises, end_ns)]

    def at_maximum(self, variables: Iterable[str], ns: int) -> bool:
        """Whether none of them can rise any more, as far as is known: each is at its maximum or was not read."""
        values = [(self.rules[name], self.at(name, ns)) for name in variables]
        return all(value is None or value.value >= rule.maximum for rule, value in values)

    def changes(self) -> list[Change]:
        """Every step of every variable in the order of time, but for steps over a gap of more than UNSEEN_NS."""
        found = [
            Change(self.rules[name], before, after, place)
            for place, (name, values) in enumerate(self._values.items())
            for before, after in pairwise(values)
            if before.value != after.value and after.start_ns - before.end_ns <= UNSEEN_NS
        ]
        return sorted(found, key=lambda change: change.at_ns)


@dataclass(frozen=True, slots=True)
class Steps:
    """Changes sorted by what they are. Each change stands in one list."""

    ends: tuple[Change, ...]  # to zero, where zero has a meaning
    revivals: tuple[Change, ...]  # from zero, where zero has a meaning
    plain: tuple[Change, ...]  # everything else that means something
    repeated: tuple[tuple[Change, Change], ...]  # a repeating number, and the one it followed
    switches: tuple[tuple[Change, str], ...]  # a repeating number, and the variable it repeats from now on


def sorted_out(states: States) -> Steps:
    """All changes but those that a revival explains, by what they are."""
    changes = states.changes()
    revivals = [change for change in changes if change.rule.on_zero and change.before.value == 0]
    resets = [(one.at_ns - RESET_NS, one.at_ns + RESET_NS) for one in revivals]
    rest = [one for one in changes if not any(first <= one.at_ns <= last for first, last in resets)]
    ends = [change for change in rest if change.rule.on_zero and change.after.value == 0]
    followers = [change for change in rest if change.rule.shows_one_of]
    plain = [change for change in rest if not change.rule.shows_one_of and change not in ends]
    repeated = [(one, source) for one in followers if (source := _followed(one, plain)) is not None]
    explained = {follower for follower, _ in repeated}
    switches = [
        (one, name) for one in followers if one not in explained and (name := _switched_to(one, states)) is not None
    ]
    explained |= {switch for switch, _ in switches}
    unexplained = [one for one in followers if one not in explained]
    return Steps(
        ends=tuple(ends),
        revivals=tuple(revivals),
        plain=tuple(sorted([*plain, *unexplained], key=lambda change: change.at_ns)),
        repeated=tuple(repeated),
        switches=tuple(switches),
    )


def _followed(change: Change, plain: Sequence[Change]) -> Change | None:
    """The step of a repeated variable that this one shows too: same values, same moment."""
    first = bisect_left(plain, change.at_ns - SAME_NS, key=lambda one: one.at_ns)
    for one in takewhile(lambda one: one.at_ns <= change.at_ns + SAME_NS, islice(plain, first, None)):
        same = one.before.value == change.before.value and one.after.value == change.after.value
        if same and one.rule.name in change.rule.shows_one_of:
            return one
    return None


def _switched_to(change: Change, states: States) -> str | None:
    """The variable that holds what is shown now, while another one holds what was shown before.

    Empty where several hold the new number, None where the step is no switch.
    """
    held = {name: states.at(name, change.at_ns + SAME_NS) for name in change.rule.shows_one_of}
    new = [name for name, value in held.items() if value and value.value == change.after.value]
    old = [name for name, value in held.items() if value and value.value == change.before.value]
    if not new or not old:
        return None
    return new[0] if len(new) == 1 else ""

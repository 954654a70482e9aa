"""Were the events found, and at the right moment (pure).

Predictions and truths of one kind are matched one to one within a tolerance, so that the number of pairs is as large as
can be and, among those, the sum of the time errors as small as can be. A second prediction for one truth is a false
alarm, a truth that no prediction is left for is a miss.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Spot:
    """One event as a kind and a moment of media time in ns."""

    kind: str
    at_ns: int


@dataclass(frozen=True, slots=True)
class Score:
    """Counts of one kind, over one recording or many, and the measures that follow from them.

    `errors_ns` holds predicted less true moment of each pair. A measure without a denominator is None: no predictions
    have no precision.
    """

    kind: str
    truths: int
    predictions: int
    errors_ns: tuple[int, ...] = field(default=(), repr=False)

    def __post_init__(self) -> None:
        if len(self.errors_ns) > min(self.truths, self.predictions):
            raise ValueError(f"{len(self.errors_ns)} pairs of {self.truths} truths and {self.predictions} predictions")

    @property
    def matched(self) -> int:
        return len(self.errors_ns)

    @property
    def precision(self) -> float | None:
        return self.matched / self.predictions if self.predictions else None

    @property
    def recall(self) -> float | None:
        return self.matched / self.truths if self.truths else None

    @property
    def f1(self) -> float | None:
        """Harmonic mean of precision and recall, 2 * pairs / (truths + predictions)."""
        both = self.truths + self.predictions
        return 2 * self.matched / both if both else None

    @property
    def count_is_exact(self) -> bool:
        return self.truths == self.predictions

    @property
    def mean_error_ns(self) -> float | None:
        """Mean absolute time error of the pairs."""
        return sum(abs(error) for error in self.errors_ns) / self.matched if self.errors_ns else None

    @property
    def worst_error_ns(self) -> int | None:
        return max((abs(error) for error in self.errors_ns), default=None)


def match(predicted_ns: Sequence[int], truth_ns: Sequence[int], tolerance_ns: int) -> list[tuple[int, int]]:
    """Pairs `(index in predicted, index in truth)` at most `tolerance_ns` apart, each index in one pair at most.

    As many pairs as can be, then the least sum of absolute differences. On a line such a matching never needs to cross
    itself, so both sides are sorted and aligned, in independent groups that a gap of more than the tolerance separates:
    O(n log n) and the sum of the groups' sizes squared.
    """
    if tolerance_ns < 0:
        raise ValueError(f"a tolerance is not negative, got {tolerance_ns} ns")
    moments = sorted(
        [(at, 0, index) for index, at in enumerate(predicted_ns)]
        + [(at, 1, index) for index, at in enumerate(truth_ns)]
    )
    pairs: list[tuple[int, int]] = []
    group: list[tuple[int, int, int]] = []
    for moment in moments:
        if group and moment[0] - group[-1][0] > tolerance_ns:
            pairs += _align(group, tolerance_ns)
            group = []
        group.append(moment)
    return sorted(pairs + _align(group, tolerance_ns))


def _align(group: list[tuple[int, int, int]], tolerance_ns: int) -> list[tuple[int, int]]:
    """Best non-crossing pairs of one group by dynamic programming over (pairs, -sum of differences)."""
    left = [(at, index) for at, side, index in group if side == 0]
    right = [(at, index) for at, side, index in group if side == 1]
    best = [[(0, 0)] * (len(right) + 1) for _ in range(len(left) + 1)]
    for i, (predicted, _) in enumerate(left, start=1):
        for j, (truth, _) in enumerate(right, start=1):
            best[i][j] = max(best[i - 1][j], best[i][j - 1])
            apart = abs(predicted - truth)
            if apart <= tolerance_ns:
                count, saved = best[i - 1][j - 1]
                best[i][j] = max(best[i][j], (count + 1, saved - apart))
    pairs: list[tuple[int, int]] = []
    i, j = len(left), len(right)
    while i and j:
        if best[i][j] == best[i - 1][j]:
            i -= 1
        elif best[i][j] == best[i][j - 1]:
            j -= 1
        else:
            i, j = i - 1, j - 1
            pairs.append((left[i][1], right[j][1]))
    return pairs


def score(kind: str, predicted_ns: Sequence[int], truth_ns: Sequence[int], tolerance_ns: int) -> Score:
    """The score of one kind in one recording."""
    pairs = match(predicted_ns, truth_ns, tolerance_ns)
    errors = tuple(predicted_ns[i] - truth_ns[j] for i, j in pairs)
    return Score(kind, truths=len(truth_ns), predictions=len(predicted_ns), errors_ns=errors)


def score_kinds(predicted: Iterable[Spot], truth: Iterable[Spot], tolerances_ns: Mapping[str, int]) -> dict[str, Score]:
    """The score of each kind that `tolerances_ns` names; other kinds are not looked at."""
    found, true = list(predicted), list(truth)
    return {
        kind: score(
            kind,
            [spot.at_ns for spot in found if spot.kind == kind],
            [spot.at_ns for spot in true if spot.kind == kind],
            tolerance_ns,
        )
        for kind, tolerance_ns in tolerances_ns.items()
    }


def pooled(scores: Sequence[Score]) -> Score:
    """One score over many recordings: every event weighs the same. Raises ValueError for none, or for two kinds."""
    kinds = {one.kind for one in scores}
    if len(kinds) != 1:
        raise ValueError(f"scores of one kind are pooled, got {sorted(kinds)}")
    return Score(
        kinds.pop(),
        truths=sum(one.truths for one in scores),
        predictions=sum(one.predictions for one in scores),
        errors_ns=tuple(error for one in scores for error in one.errors_ns),
    )

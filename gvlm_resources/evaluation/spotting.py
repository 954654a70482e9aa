"""Were the events found, and at the right moment (pure).

Predictions and truths of one kind are matched one to one within a tolerance (`timeline.alignment`): as many pairs as
can be and, among those, the least sum of time errors. A second prediction for one truth is a false alarm, a truth that
no prediction is left for is a miss.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from gvlm_resources.timeline.alignment import match


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

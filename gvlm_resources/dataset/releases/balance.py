"""How many examples of each kind a split may have so that none is more than its share (pure)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from math import floor


@dataclass(frozen=True)
class Balanced:
    """`kept` is by kind. `share` is the largest share that was held to: never less than one of as many as there are."""

    kept: dict[str, int]
    share: float


def balance(counts: Mapping[str, int], largest_share: float) -> Balanced:
    """The most examples of each kind with which no kind is more than `largest_share` of all that are kept.

    Kinds lose examples down to one common number, which falls until it fits what is left: the greatest fixed point, so
    that nothing is taken out without need. Of three kinds one is a third at least, so that a share below that cannot be
    had: then all are held to a third. A kind alone stays as it is.
    """
    present = {kind: count for kind, count in counts.items() if count}
    if not present:
        return Balanced({}, largest_share)
    share = max(Fraction(str(largest_share)), Fraction(1, len(present)))
    total = 0
    kept = present
    while total != sum(kept.values()):
        total = sum(kept.values())
        most = floor(share * total)
        kept = {kind: min(count, most) for kind, count in present.items()}
    return Balanced(kept, float(share))

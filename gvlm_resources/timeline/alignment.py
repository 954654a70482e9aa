"""Pairs of moments on two lists, one to one (pure)."""

from __future__ import annotations

from collections.abc import Sequence


def match(left_ns: Sequence[int], right_ns: Sequence[int], tolerance_ns: int) -> list[tuple[int, int]]:
    """Pairs `(index in left, index in right)` at most `tolerance_ns` apart, each index in one pair at most.

    As many pairs as can be, then the least sum of absolute differences. On a line such a matching never needs to cross
    itself, so both sides are sorted and aligned, in independent groups that a gap of more than the tolerance separates:
    O(n log n) and the sum of the groups' sizes squared.
    """
    if tolerance_ns < 0:
        raise ValueError(f"a tolerance is not negative, got {tolerance_ns} ns")
    moments = sorted(
        [(at, 0, index) for index, at in enumerate(left_ns)] + [(at, 1, index) for index, at in enumerate(right_ns)]
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
    for i, (one, _) in enumerate(left, start=1):
        for j, (other, _) in enumerate(right, start=1):
            best[i][j] = max(best[i - 1][j], best[i][j - 1])
            apart = abs(one - other)
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

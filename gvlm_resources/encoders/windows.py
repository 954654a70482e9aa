"""Windows that slide over a sound, and the spans that their scores tell (pure).

A window hears what lies within `reach` of its middle: half a window for a network that says whether a label is anywhere
in what it is given, less for one that was trained on what starts in the middle of it. So a lit window says "somewhere
here", an unlit one "nowhere here", and a run of lit windows holds the sound where no unlit neighbour reaches: from
`reach` after the middle of its first window to `reach` before the middle of its last, half a hop wider at both ends for
what lies between two windows. A sound shorter than that lights the windows evenly around itself, and is placed at the
middle of its run. Onsets are so told more exactly than a window is long.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Slide:
    """Windows of `window` samples, one every `hop`, each hearing what lies within `reach` of its middle."""

    window: int
    hop: int
    reach: int

    def __post_init__(self) -> None:
        if min(self.window, self.hop) < 1 or not 0 <= self.reach <= self.window:
            raise ValueError(f"a window and a hop have samples, and a window reaches no further than itself: {self}")

    def middles(self, samples: int) -> range:
        """The middles of all windows that can hear something of a sound of so many samples, in samples from its start.

        Multiples of the hop; the first may lie before the sound and the last after it.
        """
        if samples <= 0:
            return range(0)
        before = self.reach // self.hop
        after = (samples - 1 + self.reach) // self.hop
        return range(-before * self.hop, after * self.hop + 1, self.hop)

    def bounds(self, middle: int) -> tuple[int, int]:
        """`[first, last)` of the window around `middle`; it may reach over either end of the sound."""
        first = middle - self.window // 2
        return first, first + self.window


@dataclass(frozen=True, slots=True)
class Run:
    """Windows `first` to `last`, both among them, in which label number `label` was heard, and its highest score."""

    label: int
    first: int
    last: int
    peak: float

    def span(self, slide: Slide, samples: int) -> tuple[int, int]:
        """`[start, end)` of the sound in a recording of so many samples, at least a hop long; see above.

        Windows are counted from the first of `slide.middles`.
        """
        zero = slide.middles(samples).start
        first, last = zero + self.first * slide.hop, zero + self.last * slide.hop
        start = min(first + slide.reach - slide.hop // 2, (first + last) // 2)
        end = max(last - slide.reach + slide.hop // 2, start + slide.hop)
        start = min(max(start, 0), max(samples - slide.hop, 0))
        return start, min(max(end, start + 1), samples)


def runs(
    scores: Iterable[NDArray[np.float32]], thresholds: Sequence[float], *, leave_share: float = 1.0
) -> Iterator[Run]:
    """The runs of each label in the scores `(labels,)` of window after window, as soon as each ends.

    A run begins with a score at its label's threshold and goes on while scores reach `leave_share` of that. A score
    that is no number ends it. In memory is one row of scores, however many there are.
    """
    if not 0 < leave_share <= 1:
        raise ValueError(f"a run goes on at a share of its threshold in (0, 1], got {leave_share}")
    enter = np.asarray(thresholds, dtype=np.float32)
    leave = enter * np.float32(leave_share)
    first = np.full(len(enter), -1)
    peak = np.zeros(len(enter), dtype=np.float32)
    number = -1
    for number, row in enumerate(scores):
        is_open = first >= 0
        lit = row >= np.where(is_open, leave, enter)
        for label in np.flatnonzero(is_open & ~lit):
            yield Run(int(label), int(first[label]), number - 1, float(peak[label]))
        peak = np.where(lit, np.where(is_open, np.maximum(peak, row), row), 0)
        first = np.where(lit, np.where(is_open, first, number), -1)
    for label in np.flatnonzero(first >= 0):
        yield Run(int(label), int(first[label]), number, float(peak[label]))

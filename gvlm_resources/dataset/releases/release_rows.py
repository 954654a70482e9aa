"""What a build knows of every example at once: a few numbers each, in columns (pure).

Rows are in the order of the videos' ids, and within a video in that of their lines. Words, lines and vectors stay
on the disk.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
import polars as pl
from numpy.typing import NDArray

from gvlm_resources.dataset.releases.mixing import Hashes, joined

KEPT = ""
REJECTED, COPIES, FILTER = "rejected", "copies_the_prompt", "filter"
OTHER_SPLIT, EXACT, ALIKE, SAME_PICTURE = "other_split", "exact", "alike", "same_picture"
TOO_MANY, BALANCE = "too_many_alike", "balance"
REASONS = (KEPT, REJECTED, COPIES, FILTER, OTHER_SPLIT, EXACT, ALIKE, SAME_PICTURE, TOO_MANY, BALANCE)
LABELS = ("kind", "curriculum", "language", "made_by")
NOBODY = -1


class Words:
    """Words as numbers, in the order of their first appearance."""

    def __init__(self, words: Iterable[str] = ()) -> None:
        self.words: list[str] = []
        self._numbers: dict[str, int] = {}
        for word in words:
            self.number(word)

    def number(self, word: str) -> int:
        if word not in self._numbers:
            self._numbers[word] = len(self.words)
            self.words.append(word)
        return self._numbers[word]


@dataclass
class Rows:
    """Columns of all examples. `labels` are numbers of the words in `names`, by column of `LABELS`.

    `vector` is the number of its vector, -1 of an example without frames. `id_hash` depends on the seed. `reason` is
    a number of `REASONS`, `kept_by` the row that stands for one that was removed, `detail` a number of `details`.
    """

    video: NDArray[np.int32]
    example_id: pl.Series
    labels: dict[str, NDArray[np.int32]]
    names: dict[str, Words]
    id_hash: Hashes
    digest: Hashes
    at_any_time: Hashes  # of an alignment example the words without the time that is asked about; 0 of others
    start_ns: NDArray[np.int64]
    end_ns: NDArray[np.int64]
    tokens: NDArray[np.int32]
    bytes: NDArray[np.int32]
    vector: NDArray[np.int64]
    reason: NDArray[np.int8]
    detail: NDArray[np.int32]
    reviewed: NDArray[np.int8]
    details: Words
    ends: NDArray[np.int64]  # of each video: the number of the row after its last
    kept_by: NDArray[np.int64] = field(init=False)

    def __post_init__(self) -> None:
        self.kept_by = np.full(len(self.video), NOBODY, np.int64)

    @property
    def kept(self) -> NDArray[np.int64]:
        """The rows that nothing has removed so far."""
        return np.flatnonzero(self.reason == 0)

    def remove(self, rows: NDArray[np.int64], reason: str, detail: str = "") -> None:
        self.reason[rows] = REASONS.index(reason)
        self.detail[rows] = self.details.number(detail)

    def replace_by(self, row: int, kept: int, reason: str, detail: str = "") -> None:
        """Remove a row for which another one stands."""
        self.reason[row] = REASONS.index(reason)
        self.detail[row] = self.details.number(detail)
        self.kept_by[row] = kept

    def drawn(self, purpose: int) -> Hashes:
        """A number for each row by the seed: the same draw for the same example, another for another purpose."""
        return joined(self.id_hash, purpose)

    def stands_for(self, row: int) -> int:
        """The row in the release that stands for a removed one; -1 where none does."""
        while self.reason[row]:
            if self.kept_by[row] == NOBODY:
                return NOBODY
            row = int(self.kept_by[row])
        return row

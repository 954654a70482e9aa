"""Alignment examples that teach one thing twice: the same picture with the same words, but for the time asked about.

"How much health is there at 00:33?" 100, and at 00:34 with the picture unchanged, is one lesson about one picture. An
example of another curriculum shows what came before and after, and is about its moment: it is not looked at here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from gvlm_resources.dataset.examples.example import ALIGNMENT, TOKEN_BOX
from gvlm_resources.dataset.releases import mixing
from gvlm_resources.dataset.releases.alike_frames import Codes, FrameVectors
from gvlm_resources.dataset.releases.dedup import CROWD, Compared, Like, Search, by_frames, contested
from gvlm_resources.dataset.releases.release_rows import SAME_PICTURE, Rows

_CLOCK = re.compile(r"(?<![\w:.])\d{1,3}(?::\d\d){1,2}(?!\w|:\d)")
_TIME = "<time>"


def at_any_time(frame: pl.DataFrame) -> mixing.Hashes:
    """A hash of each alignment example's words without the time that is asked about; 0 of other examples.

    0 too where the answer points at a place: the same words may stand for another box.
    """
    found = np.zeros(frame.height, np.uint64)
    boxed = frame["answer"].str.contains(TOKEN_BOX, literal=True)
    own = np.flatnonzero(((frame["curriculum"] == ALIGNMENT) & ~boxed).to_numpy())
    if len(own):
        rows = frame[own].select("kind", "language", "question", "answer").iter_rows()
        words = ("\0".join((kind, language, *timeless(*said))) for kind, language, *said in rows)
        found[own] = mixing.of_words(words) | np.uint64(1)
    return found


def timeless(question: str, answer: str) -> tuple[str, str]:
    """Both with the time that the question names taken out.

    A time that the question does not name is what the answer says, and stays; and where the question names several, an
    answer that names one chooses among them.
    """
    clocks = set(_CLOCK.findall(question))
    if not clocks:
        return question, answer
    told = _CLOCK.findall(answer)
    if told and len(clocks) > 1:
        return question, answer
    if told:
        answer = _CLOCK.sub(lambda found: _TIME if found[0] in clocks else found[0], answer)
    return _CLOCK.sub(_TIME, question), answer


def remove(rows: Rows, vectors: FrameVectors, codes: Codes, *, threshold: float) -> Compared:
    """Remove each example that has the words of a kept one before it, at any time, and its picture."""
    kept = rows.kept
    own = kept[(rows.at_any_time[kept] > 0) & (rows.vector[kept] >= 0)]
    _, places, counts = np.unique(rows.at_any_time[own], return_inverse=True, return_counts=True)
    search = _SamePicture(rows, vectors, threshold)
    for candidates in contested(rows, by_frames(own, rows.at_any_time[own], counts[places], rows, codes)):
        search.video(candidates)
    return search.compared


@dataclass
class _SamePicture(Search):
    """Rows with the same words at any time of any video."""

    def beside(self, rows: Sequence[int]) -> Iterator[tuple[int, int]]:
        """Each with those that begin next after it."""
        ordered = sorted(rows, key=self.begins)
        for place, row in enumerate(ordered):
            yield from ((row, other) for other in ordered[place + 1 : place + 1 + CROWD])

    def words(self, pairs: NDArray[np.int64]) -> Sequence[float]:
        return [1.0] * len(pairs)  # rows with one key have the same words

    def remove(self, row: int, head: int, like: Like) -> bool:
        self.rows.replace_by(row, head, SAME_PICTURE, f"the same words but for the time, frames {-like[0]:.4f}")
        return True

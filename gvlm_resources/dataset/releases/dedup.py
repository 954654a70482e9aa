"""Which examples of a release say what another one says already.

`exact` compares digests. `alike` walks through the examples in order and compares each with those kept before it: alike
words (alike_text) and alike frames (alike_frames) of one kind, curriculum and language. What repeats in a play stays:

- within one video only examples about the same moment are compared: spans that share half of the longer one;
- an example stands for one moment of another video at most, so that three deaths in the same words before the same
  picture are not taken for one death of another video.

Alignment examples, which show one picture, are compared once more without their times (same_picture).

`too_many_alike` then leaves so many examples of a family of alike texts, drawn by the seed.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from bisect import bisect, insort
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from gvlm_resources.dataset.releases import alike_frames, mixing
from gvlm_resources.dataset.releases.alike_frames import Codes, FrameVectors
from gvlm_resources.dataset.releases.alike_text import Alike
from gvlm_resources.dataset.releases.release_rows import ALIKE, EXACT, TOO_MANY, Rows

FEW = 16  # a family of so few is compared one with another; a larger one by bands of its frames' codes
SAME_MOMENT = 0.5  # of the longer span
DRAW_ALIKE = 1
PAIRS_AT_ONCE = 4_096
CROWD = 128  # rows with one key; past it an example is compared with so many of them only
_WITHOUT_FRAMES, _FEW, _BANDED = 1, 2, 3
Like = tuple[float, int, float]  # the cosine, negative so that the nearest sorts first; the row; how alike its words


def exact(rows: Rows) -> None:
    """Remove what has the digest of an example before it."""
    kept = rows.kept
    _, first, places = np.unique(rows.digest[kept], return_index=True, return_inverse=True)
    stands = kept[first[places]]
    for row, stand in zip(kept[kept != stands].tolist(), stands[kept != stands].tolist(), strict=True):
        rows.replace_by(row, stand, EXACT)


@dataclass(frozen=True)
class Compared:
    """How many pairs of examples with alike words had their frames compared, and how many had alike frames too.

    Of examples without frames the words alone are compared, so that their frames count as alike.
    """

    pairs: int = 0
    alike: int = 0

    def __add__(self, other: Compared) -> Compared:
        return Compared(self.pairs + other.pairs, self.alike + other.alike)


def alike(rows: Rows, texts: Alike, vectors: FrameVectors, codes: Codes, *, threshold: float) -> Compared:
    """Remove what is like a kept example before it, in words and frames."""
    search = _AlikeWords(rows, vectors, threshold, texts=texts)
    for candidates in contested(rows, _keys(rows, texts, codes)):
        search.video(candidates)
    return search.compared


def too_many_alike(rows: Rows, texts: Alike, *, most: int) -> None:
    """Leave `most` examples of each family of alike texts."""
    kept = rows.kept
    families = texts.family[texts.text[kept]]
    order = np.lexsort((kept, rows.drawn(DRAW_ALIKE)[kept], families))
    _, starts, sizes = np.unique(families[order], return_index=True, return_counts=True)
    ranks = np.arange(len(order)) - np.repeat(starts, sizes)
    totals = np.repeat(sizes, sizes)
    for total in np.unique(totals[ranks >= most]).tolist():
        rows.remove(kept[order[(ranks >= most) & (totals == total)]], TOO_MANY, f"{total} with alike texts")


@dataclass(frozen=True)
class Keyed:
    """Rows of one video, each with the keys under which alike ones can be found."""

    rows: list[int]
    keys: list[list[int]]


def contested(rows: Rows, keyed: Iterable[tuple[NDArray[np.int64], mixing.Hashes]]) -> Iterator[Keyed]:
    """The rows that share a key with another one, a video at a time in order."""
    found_rows, found_keys = [], []
    for numbers, keys in keyed:
        _, places, counts = np.unique(keys, return_inverse=True, return_counts=True)
        several = counts[places] > 1
        found_rows.append(numbers[several])
        found_keys.append(keys[several])
    numbers, keys = np.concatenate(found_rows), np.concatenate(found_keys)
    order = np.argsort(numbers, kind="stable")
    numbers, keys = numbers[order], keys[order]
    bounds = np.concatenate([[0], np.searchsorted(numbers, rows.ends)])
    for start, end in zip(bounds[:-1].tolist(), bounds[1:].tolist(), strict=True):
        if start < end:
            distinct, starts = np.unique(numbers[start:end], return_index=True)
            parts = np.split(keys[start:end], starts[1:])
            yield Keyed(distinct.tolist(), [part.tolist() for part in parts])


def _keys(rows: Rows, texts: Alike, codes: Codes) -> Iterator[tuple[NDArray[np.int64], mixing.Hashes]]:
    """Rows and keys: two that are alike have, most likely, one key in common."""
    kept = rows.kept
    families = texts.family[texts.text[kept]].astype(np.uint64)
    seen = rows.vector[kept] >= 0
    blind = kept[~seen]
    videos = rows.video[blind].astype(np.uint64)
    yield blind, mixing.joined(families[~seen], _WITHOUT_FRAMES, videos)
    sizes = np.bincount(families.astype(np.int64))[families.astype(np.int64)]
    yield from by_frames(kept[seen], families[seen], sizes[seen], rows, codes)


def by_frames(
    own: NDArray[np.int64], words: mixing.Hashes, sizes: NDArray[np.int64], rows: Rows, codes: Codes
) -> Iterator[tuple[NDArray[np.int64], mixing.Hashes]]:
    """Rows with frames and their keys: the words alone where `sizes` of a few have them, else with each band."""
    few = sizes <= FEW
    yield own[few], mixing.joined(words[few], _FEW)
    banded = codes[rows.vector[own[~few]]].astype(np.uint64)
    for band in range(alike_frames.BANDS):
        yield own[~few], mixing.joined(words[~few], _BANDED, band, banded[:, band])


@dataclass
class Search(ABC):
    """The kept rows found so far, by key. What else than frames has to be alike is for who inherits."""

    rows: Rows
    vectors: FrameVectors
    threshold: float
    # Under each key in the order in which they begin.
    heads: dict[int, list[int]] = field(default_factory=lambda: defaultdict(list), kw_only=True)
    compared: Compared = field(default=Compared(), kw_only=True)

    @abstractmethod
    def beside(self, rows: Sequence[int]) -> Iterator[tuple[int, int]]:
        """Pairs of rows of one video with one key that are worth comparing."""

    @abstractmethod
    def words(self, pairs: NDArray[np.int64]) -> Sequence[float]:
        """How alike the words of each pair are, 0 where they are not."""

    @abstractmethod
    def remove(self, row: int, head: int, like: Like) -> bool:
        """Remove a row for a kept one that is like it, if that one may stand for it."""

    def video(self, keyed: Keyed) -> None:
        found: dict[int, list[Like]] = defaultdict(list)
        for pairs in _batched(self._pairs(keyed)):
            for row, like in self._alike(np.array(pairs, np.int64)):
                found[row].append(like)
        for row in sorted(found):
            for like in sorted(found[row]):
                if not self.rows.reason[like[1]] and self.remove(row, like[1], like):
                    break
        for row, keys in zip(keyed.rows, keyed.keys, strict=True):
            if not self.rows.reason[row]:
                for key in keys:
                    insort(self.heads[key], row, key=self.begins)

    def _pairs(self, keyed: Keyed) -> Iterator[tuple[int, int]]:
        """Rows of this video with those before them that may be like them."""
        own: dict[int, list[int]] = defaultdict(list)
        for row, keys in zip(keyed.rows, keyed.keys, strict=True):
            for key in keys:
                own[key].append(row)
        before: dict[int, set[int]] = defaultdict(set)
        for rows in own.values():
            for one, other in self.beside(rows):
                before[max(one, other)].add(min(one, other))
        for row, keys in zip(keyed.rows, keyed.keys, strict=True):
            heads = {head for key in keys for head in self._heads(key, row)}
            yield from ((row, other) for other in sorted(heads | before[row]))

    def _heads(self, key: int, row: int) -> Sequence[int]:
        """The kept rows with a key; of many, those that begin closest: copied footage mostly has its times too."""
        heads = self.heads.get(key, [])
        if len(heads) <= CROWD:
            return heads
        place = bisect(heads, self.begins(row), key=self.begins)
        first = min(max(place - CROWD // 2, 0), len(heads) - CROWD)
        return heads[first : first + CROWD]

    def begins(self, row: int) -> tuple[int, int]:
        return int(self.rows.start_ns[row]), row

    def _alike(self, pairs: NDArray[np.int64]) -> Iterator[tuple[int, Like]]:
        """Those of the pairs that are alike in frames and in words."""
        cosines = self._cosines(pairs)
        near = np.flatnonzero(cosines >= self.threshold)
        self.compared += Compared(len(pairs), len(near))
        for (row, head), cosine, index in zip(
            pairs[near].tolist(), cosines[near].tolist(), self.words(pairs[near]), strict=True
        ):
            if index:
                yield row, (-cosine, head, index)

    def _cosines(self, pairs: NDArray[np.int64]) -> NDArray[np.float64]:
        """Of the frames of both; 1 where neither shows any."""
        numbers = self.rows.vector[pairs]
        cosines = np.ones(len(pairs))
        seen = numbers[:, 0] >= 0
        if seen.any():
            cosines[seen] = self.vectors.cosines(numbers[seen])
        return cosines


@dataclass
class _AlikeWords(Search):
    """Rows in alike words about one moment, in one video or in two."""

    texts: Alike
    # What of a video a kept row stands for already: the first row of it.
    stood_for: dict[tuple[int, int], int] = field(default_factory=dict)

    def beside(self, rows: Sequence[int]) -> Iterator[tuple[int, int]]:
        """Those with spans that share enough; of many at once, those that begin closest."""
        starts, ends = self.rows.start_ns, self.rows.end_ns
        ordered = sorted(rows, key=self.begins)
        for place, row in enumerate(ordered):
            latest = ends[row] - SAME_MOMENT * (ends[row] - starts[row])
            for other in ordered[place + 1 : place + 1 + CROWD]:
                if starts[other] > latest:
                    break
                if self._same_moment(row, other):
                    yield row, other

    def words(self, pairs: NDArray[np.int64]) -> Sequence[float]:
        return self.texts.index(self.texts.text[pairs]).tolist()

    def remove(self, row: int, head: int, like: Like) -> bool:
        video = int(self.rows.video[row])
        if self.rows.video[head] != video:
            stands = self.stood_for.setdefault((head, video), row)
            if stands != row and not self._same_moment(row, stands):
                return False
        cosine, _, index = like
        frames = f", frames {-cosine:.4f}" if self.rows.vector[row] >= 0 else ""
        self.rows.replace_by(row, head, ALIKE, f"words {index:.2f}{frames}")
        return True

    def _same_moment(self, row: int, other: int) -> bool:
        starts, ends = self.rows.start_ns, self.rows.end_ns
        shared = min(ends[row], ends[other]) - max(starts[row], starts[other])
        return bool(shared >= SAME_MOMENT * max(ends[row] - starts[row], ends[other] - starts[other]))


def _batched(pairs: Iterator[tuple[int, int]]) -> Iterator[list[tuple[int, int]]]:
    while some := list(islice(pairs, PAIRS_AT_ONCE)):
        yield some

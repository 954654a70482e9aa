"""Which examples of a release say what another one says already.

`exact` compares digests. `alike` walks through the examples in order and compares each with those kept before it: alike
words (alike_text) and alike frames (alike_frames) of one kind, curriculum and language. What repeats in a play stays:

- within one video only examples about the same moment are compared: spans that share half of the longer one;
- an example stands for one moment of another video at most, so that three deaths in the same words before the same
  picture are not taken for one death of another video.

`too_many_alike` then leaves so many examples of a family of alike texts, drawn by the seed.
"""

from __future__ import annotations

from bisect import bisect, insort
from collections import defaultdict
from collections.abc import Iterator, Sequence
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
_Like = tuple[
    float, int, float
]  # the cosine, negative so that the nearest sorts first; the row; the index of its words


def exact(rows: Rows) -> None:
    """Remove what has the digest of an example before it."""
    kept = rows.kept
    _, first, places = np.unique(rows.digest[kept], return_index=True, return_inverse=True)
    stands = kept[first[places]]
    for row, stand in zip(kept[kept != stands].tolist(), stands[kept != stands].tolist(), strict=True):
        rows.replace_by(row, stand, EXACT)


def alike(rows: Rows, texts: Alike, vectors: FrameVectors, codes: Codes, *, threshold: float) -> None:
    """Remove what is like a kept example before it, in words and frames."""
    search = _Search(rows, texts, vectors, threshold)
    for candidates in _contested(rows, texts, codes):
        search.video(candidates)


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
class _Keyed:
    """Rows of one video, each with the keys under which alike ones can be found."""

    rows: list[int]
    keys: list[list[int]]


def _contested(rows: Rows, texts: Alike, codes: Codes) -> Iterator[_Keyed]:
    """The rows that may be like another one, a video at a time in order."""
    found_rows, found_keys = [], []
    for numbers, keys in _keys(rows, texts, codes):
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
            yield _Keyed(distinct.tolist(), [part.tolist() for part in parts])


def _keys(rows: Rows, texts: Alike, codes: Codes) -> Iterator[tuple[NDArray[np.int64], mixing.Hashes]]:
    """Rows and keys: two that are alike have, most likely, one key in common."""
    kept = rows.kept
    families = texts.family[texts.text[kept]].astype(np.uint64)
    sizes = np.bincount(families.astype(np.int64))[families.astype(np.int64)]
    seen = rows.vector[kept] >= 0
    blind = kept[~seen]
    videos = rows.video[blind].astype(np.uint64)
    yield blind, mixing.joined(families[~seen], _WITHOUT_FRAMES, videos)
    few = seen & (sizes <= FEW)
    yield kept[few], mixing.joined(families[few], _FEW)
    many = seen & (sizes > FEW)
    banded = codes[rows.vector[kept[many]]].astype(np.uint64)
    for band in range(alike_frames.BANDS):
        yield kept[many], mixing.joined(families[many], _BANDED, band, banded[:, band])


@dataclass
class _Search:
    """The kept rows found so far, by key."""

    rows: Rows
    texts: Alike
    vectors: FrameVectors
    threshold: float
    # Under each key in the order in which they begin.
    heads: dict[int, list[int]] = field(default_factory=lambda: defaultdict(list))
    # What of a video a kept row stands for already: the first row of it.
    stood_for: dict[tuple[int, int], int] = field(default_factory=dict)

    def video(self, keyed: _Keyed) -> None:
        found: dict[int, list[_Like]] = defaultdict(list)
        for pairs in _batched(self._pairs(keyed)):
            for row, like in self._alike(np.array(pairs, np.int64)):
                found[row].append(like)
        for row in sorted(found):
            self._decide(row, sorted(found[row]))
        for row, keys in zip(keyed.rows, keyed.keys, strict=True):
            if not self.rows.reason[row]:
                for key in keys:
                    insort(self.heads[key], row, key=self._begins)

    def _pairs(self, keyed: _Keyed) -> Iterator[tuple[int, int]]:
        """Rows of this video with those before them that may be like them."""
        own: dict[int, list[int]] = defaultdict(list)
        for row, keys in zip(keyed.rows, keyed.keys, strict=True):
            for key in keys:
                own[key].append(row)
        beside: dict[int, set[int]] = defaultdict(set)
        for rows in own.values():
            for one, other in self._of_one_moment(rows):
                beside[max(one, other)].add(min(one, other))
        for row, keys in zip(keyed.rows, keyed.keys, strict=True):
            before = {head for key in keys for head in self._heads(key, row)}
            yield from ((row, other) for other in sorted(before | beside[row]))

    def _heads(self, key: int, row: int) -> Sequence[int]:
        """The kept rows with a key; of many, those that begin closest: copied footage mostly has its times too."""
        heads = self.heads.get(key, [])
        if len(heads) <= CROWD:
            return heads
        place = bisect(heads, self._begins(row), key=self._begins)
        first = min(max(place - CROWD // 2, 0), len(heads) - CROWD)
        return heads[first : first + CROWD]

    def _begins(self, row: int) -> tuple[int, int]:
        return int(self.rows.start_ns[row]), row

    def _of_one_moment(self, rows: Sequence[int]) -> Iterator[tuple[int, int]]:
        """Pairs of rows of one video with spans that share enough; of many at once, those that begin closest."""
        starts, ends = self.rows.start_ns, self.rows.end_ns
        ordered = sorted(rows, key=self._begins)
        for place, row in enumerate(ordered):
            latest = ends[row] - SAME_MOMENT * (ends[row] - starts[row])
            for other in ordered[place + 1 : place + 1 + CROWD]:
                if starts[other] > latest:
                    break
                if self._same_moment(row, other):
                    yield row, other

    def _alike(self, pairs: NDArray[np.int64]) -> Iterator[tuple[int, _Like]]:
        """Those of the pairs that are alike in frames and in words."""
        cosines = self._cosines(pairs)
        near = np.flatnonzero(cosines >= self.threshold)
        indices = self.texts.index(self.texts.text[pairs[near]])
        for (row, head), cosine, index in zip(
            pairs[near].tolist(), cosines[near].tolist(), indices.tolist(), strict=True
        ):
            if index:
                yield row, (-cosine, head, index)

    def _same_moment(self, row: int, other: int) -> bool:
        starts, ends = self.rows.start_ns, self.rows.end_ns
        shared = min(ends[row], ends[other]) - max(starts[row], starts[other])
        return bool(shared >= SAME_MOMENT * max(ends[row] - starts[row], ends[other] - starts[other]))

    def _cosines(self, pairs: NDArray[np.int64]) -> NDArray[np.float64]:
        """Of the frames of both; 1 where neither shows any."""
        numbers = self.rows.vector[pairs]
        cosines = np.ones(len(pairs))
        seen = numbers[:, 0] >= 0
        if seen.any():
            distinct, places = np.unique(numbers[seen], return_inverse=True)
            loaded = self.vectors.gather(distinct)[places.reshape(-1, 2)]
            cosines[seen] = alike_frames.cosines(loaded[:, 0], loaded[:, 1])
        return cosines

    def _decide(self, row: int, heads: Sequence[_Like]) -> None:
        video = int(self.rows.video[row])
        for cosine, head, index in heads:
            if self.rows.reason[head]:
                continue
            if self.rows.video[head] != video:
                stands = self.stood_for.setdefault((head, video), row)
                if stands != row and not self._same_moment(row, stands):
                    continue
            frames = f", frames {-cosine:.4f}" if self.rows.vector[row] >= 0 else ""
            self.rows.replace_by(row, head, ALIKE, f"words {index:.2f}{frames}")
            return


def _batched(pairs: Iterator[tuple[int, int]]) -> Iterator[list[tuple[int, int]]]:
    while some := list(islice(pairs, PAIRS_AT_ONCE)):
        yield some

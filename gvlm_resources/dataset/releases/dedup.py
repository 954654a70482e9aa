"""Which examples of a release say what another one says already.

`exact` compares digests. `alike` walks through the examples in order and compares each with those kept before it: alike
words (alike_text) and alike frames (alike_frames) of one kind, curriculum and language. What repeats in a play stays:

- within one video only examples about the same moment are compared: spans that share half of the longer one;
- an example stands for one moment of another video at most, so that three deaths in the same words before the same
  picture are not taken for one death of another video.

`too_many_alike` then leaves so many examples of a family of alike texts, drawn by the seed.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

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
_WITHOUT_FRAMES, _FEW, _BANDED = 1, 2, 3


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
    heads: dict[int, list[int]] = field(default_factory=lambda: defaultdict(list))
    # What of a video a kept row stands for already: the first row of it.
    stood_for: dict[tuple[int, int], int] = field(default_factory=dict)

    def video(self, keyed: _Keyed) -> None:
        pairs = self._pairs(keyed)
        found: dict[int, list[tuple[float, int]]] = defaultdict(list)
        for start in range(0, len(pairs), PAIRS_AT_ONCE):
            some = np.array(pairs[start : start + PAIRS_AT_ONCE], np.int64)
            for (row, head), cosine in zip(some.tolist(), self._cosines(some).tolist(), strict=True):
                if cosine >= self.threshold:
                    found[row].append((-cosine, head))
        for row in sorted(found):
            self._decide(row, sorted(found[row]))
        for row, keys in zip(keyed.rows, keyed.keys, strict=True):
            if not self.rows.reason[row]:
                for key in keys:
                    self.heads[key].append(row)

    def _pairs(self, keyed: _Keyed) -> list[tuple[int, int]]:
        """Rows of this video with those before them that may be like them."""
        own: dict[int, list[int]] = defaultdict(list)
        pairs = []
        for row, keys in zip(keyed.rows, keyed.keys, strict=True):
            before = {head for key in keys for head in self.heads.get(key, ())}
            beside = {other for key in keys for other in own[key]}
            pairs += [(row, head) for head in before if self._index(row, head)]
            pairs += [(row, other) for other in beside if self._index(row, other) and self._same_moment(row, other)]
            for key in keys:
                own[key].append(row)
        return sorted(pairs)

    def _index(self, row: int, other: int) -> float:
        return self.texts.index(int(self.texts.text[row]), int(self.texts.text[other]))

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

    def _decide(self, row: int, heads: Sequence[tuple[float, int]]) -> None:
        video = int(self.rows.video[row])
        for cosine, head in heads:
            if self.rows.reason[head]:
                continue
            if self.rows.video[head] != video:
                stands = self.stood_for.setdefault((head, video), row)
                if stands != row and not self._same_moment(row, stands):
                    continue
            frames = f", frames {-cosine:.4f}" if self.rows.vector[row] >= 0 else ""
            self.rows.replace_by(row, head, ALIKE, f"words {self._index(row, head):.2f}{frames}")
            return

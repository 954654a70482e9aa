"""Which examples show the same pictures, and which videos share footage.

A vector is the unit mean of an example's frames. Vectors are compared as whole numbers: sums of them are exact in any
order, so that neither the number of threads nor the library behind a matrix product can change what is alike.
Candidates come from signs of random projections (Charikar 2002) of the vectors less their mean, 16 bits a band.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from gvlm_resources.dataset.releases.scratch import Scratch

BANDS = 16
BITS = 16
FINE = float(1 << 20)  # steps of a component where cosines are computed: products and sums stay below 2**53
COARSE = 4096.0  # where only signs are asked for: sums stay below 2**24, so that float32 is exact
AT_ONCE = 4_096  # vectors
MARGIN = 1e-4  # far more than a product of float32 vectors of unit length is off
WIDTHS = (4, 2, 1)  # bands in one code
ENOUGH = 16  # meetings that two videos with just enough in common would have: fewer than half is one of a hundred
CANDIDATE_SHARE = 0.5

Codes = NDArray[np.uint16]


class FrameVectors:
    """The vectors of all examples with frames, in a file, in the order in which they came."""

    def __init__(self, folder: Path) -> None:
        self.count = 0
        self.dim = 0
        self._values = Scratch(folder / "vectors.tmp", np.float32)
        self._sum: NDArray[np.int64] | None = None

    def add(self, vectors: NDArray[np.float32]) -> None:
        """The next vectors (N, dim); all have the same dim."""
        self._values.append(vectors)
        self.count += len(vectors)
        self.dim = vectors.shape[1]
        total = np.rint(vectors * COARSE).astype(np.int64).sum(axis=0)
        self._sum = total if self._sum is None else self._sum + total

    def read(self, start: int, end: int) -> NDArray[np.float32]:
        return self._values.read(start * self.dim, (end - start) * self.dim).reshape(-1, self.dim)

    def gather(self, numbers: NDArray[np.int64]) -> NDArray[np.float32]:
        counts = np.full(len(numbers), self.dim, np.int64)
        return self._values.gather(numbers * self.dim, counts).reshape(-1, self.dim)

    def cosines(self, pairs: NDArray[np.int64]) -> NDArray[np.float64]:
        """Of each pair of vectors, by their numbers (N, 2)."""
        distinct, places = np.unique(pairs, return_inverse=True)
        loaded = self.gather(distinct)[places.reshape(-1, 2)]
        return cosines(loaded[:, 0], loaded[:, 1])

    def codes(self) -> Codes:
        """(N, BANDS): vectors near to each other have most likely one band in common."""
        if self._sum is None:
            return np.zeros((0, BANDS), np.uint16)
        mean = np.rint(self._sum / self.count).astype(np.float32)
        planes = _planes(self.dim)
        parts = []
        for start in range(0, self.count, AT_ONCE):
            vectors = self.read(start, min(start + AT_ONCE, self.count))
            signs = (np.rint(vectors * np.float32(COARSE)) - mean) @ planes >= 0
            parts.append(np.packbits(signs, axis=1).view(">u2").astype(np.uint16))
        return np.concatenate(parts)

    def flips(self, cosine: float) -> float:
        """The share of signs in which two vectors of this cosine differ, where they lie about the mean as most do."""
        if self._sum is None:
            return 0.0
        spread = max(1 - float(((self._sum / self.count / COARSE) ** 2).sum()), 1e-9)
        return float(np.arccos(np.clip(1 - (1 - cosine) / spread, -1, 1)) / np.pi)

    def close(self) -> None:
        self._values.close()


def _planes(dim: int) -> NDArray[np.float32]:
    """(dim, BANDS * BITS) of -1 and 1, the same on every machine and with every version of numpy."""
    count = dim * BANDS * BITS
    bits = np.unpackbits(np.frombuffer(hashlib.shake_256(b"gvlm planes").digest(-(-count // 8)), np.uint8))[:count]
    return (bits.astype(np.float32) * 2 - 1).reshape(dim, BANDS * BITS)


def whole(vectors: NDArray[np.float32]) -> NDArray[np.float64]:
    """The vectors in whole steps."""
    return np.rint(vectors.astype(np.float64) * FINE)


def cosines(one: NDArray[np.float32], other: NDArray[np.float32]) -> NDArray[np.float64]:
    """The cosine of each row with the row beside it."""
    a, b = whole(one), whole(other)
    return (a * b).sum(axis=1) / np.sqrt((a * a).sum(axis=1) * (b * b).sum(axis=1))


class Groups:
    """Which of `count` things hang together; a group is known by its first."""

    def __init__(self, count: int) -> None:
        self._parents = list(range(count))

    def of(self, number: int) -> int:
        while self._parents[number] != number:
            self._parents[number] = self._parents[self._parents[number]]
            number = self._parents[number]
        return number

    def join(self, one: int, other: int) -> None:
        first, second = sorted((self.of(one), self.of(other)))
        self._parents[second] = first

    def join_equal(self, keys: Sequence[str]) -> list[tuple[int, int]]:
        """Join all whose keys are the same, and give each with the first of its key; an empty key says nothing."""
        first: dict[str, int] = {}
        pairs = [(first.setdefault(key, number), number) for number, key in enumerate(keys) if key]
        joined = [(one, other) for one, other in pairs if one != other]
        for one, other in joined:
            self.join(one, other)
        return joined


@dataclass(frozen=True)
class Shared:
    """Two videos with the same footage: the shares of the examples with frames of each that have such in the other."""

    one: int
    other: int
    share_of_one: float
    share_of_other: float


def same_footage(
    vectors: FrameVectors, codes: Codes, ends: NDArray[np.int64], groups: Groups, *, threshold: float, share: float
) -> Iterator[Shared]:
    """Join the videos that share footage, where the vectors of video `i` end before number `ends[i]`.

    Two videos that hang together already are not compared. Gives the comparisons for which groups were joined.
    """
    for one, other in _candidates(vectors, codes, np.diff(ends, prepend=0), share, threshold):
        if groups.of(one) == groups.of(other):
            continue
        found = _shared(vectors, ends, one, other, threshold)
        if max(found.share_of_one, found.share_of_other) >= share:
            groups.join(one, other)
            yield found


def _candidates(
    vectors: FrameVectors, codes: Codes, sizes: NDArray[np.int64], share: float, threshold: float
) -> list[tuple[int, int]]:
    """Pairs of videos worth comparing, those with most in common first.

    A video is looked for by the widest codes of which, had it no more than the share in common with another one, enough
    would still meet: narrow ones are shared by all videos of one game.
    """
    if not len(codes):
        return []
    best: dict[tuple[int, int], float] = {}
    done = np.zeros(len(sizes), bool)
    for width in WIDTHS:
        bands = BANDS // width
        expected = sizes * share * bands * (1 - vectors.flips(threshold)) ** (BITS * width)
        own = np.flatnonzero(~done & (sizes > 0) & ((expected >= ENOUGH) | (width == WIDTHS[-1])))
        done[own] = True
        if not len(own):
            continue
        met = _meetings(_joined(codes, width), sizes, own).tocoo()
        one, other = own[met.coords[0]], met.coords[1]
        likely = (one != other) & (met.data >= np.maximum(1, expected[one] * CANDIDATE_SHARE))
        shares = met.data[likely] / bands / sizes[one[likely]]
        for a, b, value in zip(one[likely].tolist(), other[likely].tolist(), shares.tolist(), strict=True):
            pair = (min(a, b), max(a, b))
            best[pair] = max(best.get(pair, 0.0), value)
    return sorted(best, key=lambda pair: (-best[pair], pair))


def _joined(codes: Codes, width: int) -> NDArray[np.uint64]:
    """(N, BANDS / width): so many bands in one code."""
    parts = codes.reshape(len(codes), BANDS // width, width).astype(np.uint64)
    return sum((parts[:, :, n] << np.uint64(BITS * n) for n in range(width)), np.uint64(0))


def _meetings(codes: NDArray[np.uint64], sizes: NDArray[np.int64], own: NDArray[np.int64]) -> csr_array:
    """(own, videos): how many codes of the examples of each video of `own` are met in each other one."""
    videos = np.repeat(np.arange(len(sizes)), sizes)
    total = csr_array((len(own), len(sizes)), dtype=np.int64)
    for band in codes.T:
        _, places = np.unique(band, return_inverse=True)
        held = csr_array((np.ones(len(places), np.int64), (places, videos)), shape=(places.max() + 1, len(sizes)))
        held.sum_duplicates()
        held = held[np.diff(held.indptr) > 1]  # codes that stand in one video say nothing of others
        total = total + held[:, own].T @ (held > 0).astype(np.int64)
    return total


def _shared(vectors: FrameVectors, ends: NDArray[np.int64], one: int, other: int, threshold: float) -> Shared:
    starts = np.concatenate([[0], ends])
    found_one = np.zeros(starts[one + 1] - starts[one], bool)
    found_other = np.zeros(starts[other + 1] - starts[other], bool)
    for a in _stretches(starts[one], starts[one + 1]):
        left = vectors.read(*a)
        for b in _stretches(starts[other], starts[other + 1]):
            near = _near(left, vectors.read(*b), threshold)
            found_one[a[0] - starts[one] : a[1] - starts[one]] |= near.any(axis=1)
            found_other[b[0] - starts[other] : b[1] - starts[other]] |= near.any(axis=0)
    return Shared(one, other, float(found_one.mean()), float(found_other.mean()))


def _near(one: NDArray[np.float32], other: NDArray[np.float32], threshold: float) -> NDArray[np.bool_]:
    """(N, M): whether the cosine of each of `one` with each of `other` is at least `threshold`.

    A quick product tells all but those at the edge, which are computed exactly.
    """
    quick = one @ other.T
    near = quick >= threshold + MARGIN
    rows, columns = np.nonzero((quick >= threshold - MARGIN) & ~near)
    for start in range(0, len(rows), AT_ONCE):
        edge = rows[start : start + AT_ONCE], columns[start : start + AT_ONCE]
        near[edge] = cosines(one[edge[0]], other[edge[1]]) >= threshold
    return near


def _stretches(start: int, end: int) -> Iterator[tuple[int, int]]:
    return ((at, min(at + AT_ONCE, end)) for at in range(start, end, AT_ONCE))

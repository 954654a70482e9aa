"""Which texts hang together by being alike: candidates, their Jaccard index, and the families that they make.

Texts that share a band of their MinHash are compared one with another, as long as they are few. Where many share one,
as the sentences of one template do, bands say nothing more. Such texts are compared where they share one of their
rarest shingles: two sets whose index is at least t have one of the first `size - ceil(t * size) + 1` in common, in
whatever order all shingles are put (Chaudhuri, Ganti and Kaushik 2006). Where many share even that, as texts that
nearly all are alike do, each is compared with a few that stand for the others.

So the work for a text is bounded, whatever texts there are. No pair is stored: the index of two texts is computed
again when it is asked for.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gvlm_resources.dataset.releases import mixing
from gvlm_resources.dataset.releases.alike_frames import Groups
from gvlm_resources.dataset.releases.mixing import Hashes
from gvlm_resources.dataset.releases.scratch import Scratch

CROWD = 16  # texts; so many that share a band or a shingle are compared one with another
STANDING = 16  # texts that stand for the others of a larger crowd
PAIRS_AT_ONCE = 8_192
SHINGLES_AT_ONCE = 1 << 18
COUNTERS = 1 << 20  # shingles are counted by the end of their hash: a rough count is an order too
ROUNDING = 1e-9

Places = NDArray[np.int64]
Pairs = NDArray[np.int64]  # (N, 2)


@dataclass(frozen=True)
class Sets:
    """The shingles of all texts, in a file: where those of each begin, and how many there are."""

    shingles: Scratch[np.uint64]
    starts: Places
    counts: Places

    def of(self, texts: Places) -> list[Hashes]:
        flat = self.shingles.gather(self.starts[texts], self.counts[texts])
        return np.split(flat, np.cumsum(self.counts[texts])[:-1])

    def jaccard(self, pairs: Pairs) -> NDArray[np.float64]:
        """The index of each pair of texts."""
        parts = [self._jaccard(pairs[at : at + PAIRS_AT_ONCE]) for at in range(0, len(pairs), PAIRS_AT_ONCE)]
        return np.concatenate(parts) if parts else np.zeros(0)

    def _jaccard(self, pairs: Pairs) -> NDArray[np.float64]:
        texts, places = np.unique(pairs, return_inverse=True)
        sets = [set(part.tolist()) for part in self.of(texts)]
        ends = places.reshape(pairs.shape).tolist()
        shared = np.array([len(sets[a] & sets[b]) for a, b in ends])
        return shared / (np.array([len(sets[a]) + len(sets[b]) for a, b in ends]) - shared)


def families(sets: Sets, bands: Hashes, blocks: Hashes, threshold: float) -> NDArray[np.int64]:
    """The first text of each text's family, by text.

    `bands` (N, bands) are equal where a band of two texts of one block is; texts of two blocks are never compared.
    """
    search = _Search(sets, threshold, Groups(len(blocks)))
    crowded = np.zeros(len(blocks), bool)
    for column in bands.T:
        order, starts, sizes = _runs(column)
        search.compare_few(order, starts, sizes)
        for run in _crowds(order, starts, sizes):
            crowded[run] = True
    owners, keys = _rarest(sets, np.flatnonzero(crowded), blocks, threshold)
    order, starts, sizes = _runs(keys)
    search.compare_few(owners[order], starts, sizes)
    for run in _crowds(owners[order], starts, sizes):
        search.compare_many(run)
    return np.array([search.groups.of(text) for text in range(len(blocks))], np.int64)


@dataclass(frozen=True)
class _Search:
    sets: Sets
    threshold: float
    groups: Groups

    def compare_few(self, order: Places, starts: Places, sizes: Places) -> None:
        """Each text of a small run with each other one."""
        for pairs in _pairs(order, starts, sizes):
            self._compare(pairs)

    def compare_many(self, run: Places) -> None:
        """Each text of a large run with the first that is not of a family met before, and so on, a few times."""
        for _ in range(STANDING):
            if len(run) < 2:
                return
            first, rest = int(run[0]), run[1:]
            self._compare(np.stack([np.full(len(rest), first), rest], axis=1))
            family = self.groups.of(first)
            run = np.array([text for text in rest.tolist() if self.groups.of(text) != family], np.int64)

    def _compare(self, pairs: Pairs) -> None:
        """Join those that are alike. Those that hang together already are not compared."""
        of = self.groups.of
        apart = pairs[[of(one) != of(other) for one, other in pairs.tolist()]]
        alike = apart[self.sets.jaccard(apart) >= self.threshold]
        for one, other in alike.tolist():
            self.groups.join(one, other)


def _runs(keys: Hashes) -> tuple[Places, Places, Places]:
    """An order of places in which equal keys stand together, and where the runs of several begin, with their sizes.

    The places of a run rise.
    """
    order = np.argsort(keys, kind="stable")
    ordered = keys[order]
    ends = np.flatnonzero(np.append(ordered[1:] != ordered[:-1], True)[: len(ordered)]) + 1
    starts = np.concatenate([np.zeros(1, np.int64), ends[:-1]]) if len(ends) else ends
    several = ends - starts > 1
    return order, starts[several], (ends - starts)[several]


def _crowds(order: Places, starts: Places, sizes: Places) -> Iterator[Places]:
    """The runs that are crowds, each begun elsewhere: if the same few always stood, links by others would be missed."""
    large = sizes > CROWD
    for start, size in zip(starts[large].tolist(), sizes[large].tolist(), strict=True):
        yield np.roll(order[start : start + size], start % size)


def _pairs(order: Places, starts: Places, sizes: Places) -> Iterator[Pairs]:
    """All pairs within the runs that are no crowds, some at a time."""
    for size in range(2, CROWD + 1):
        own = starts[sizes == size]
        one, other = np.triu_indices(size, 1)
        step = PAIRS_AT_ONCE // len(one)
        for at in range(0, len(own), step):
            members = order[own[at : at + step, None] + np.arange(size)]
            yield np.stack([members[:, one].ravel(), members[:, other].ravel()], axis=1)


def _rarest(sets: Sets, texts: Places, blocks: Hashes, threshold: float) -> tuple[Places, Hashes]:
    """The rarest shingles of each of these texts, as keys within its block, and whose each is.

    They are so many that two texts that are alike have one in common.
    """
    counts = np.zeros(COUNTERS, np.int64)
    for piece in _pieces(sets, texts):
        counts += np.bincount(_counter(_distinct(sets, piece)[1]), minlength=COUNTERS)
    owners, keys = [np.zeros(0, np.int64)], [np.zeros(0, np.uint64)]
    for piece in _pieces(sets, texts):
        places, shingles = _distinct(sets, piece)
        order = np.lexsort((shingles, counts[_counter(shingles)], places))
        sizes = np.bincount(places, minlength=len(piece))
        needed = sizes - np.ceil(threshold * sizes - ROUNDING).astype(np.int64) + 1
        first = order[mixing.places_in(sizes)[1] < np.repeat(needed, sizes)]
        owners.append(piece[places[first]])
        keys.append(mixing.joined(blocks[owners[-1]], shingles[first]))
    return np.concatenate(owners), np.concatenate(keys)


def _pieces(sets: Sets, texts: Places) -> list[Places]:
    """The texts, some at a time: about `SHINGLES_AT_ONCE` shingles, and one text at least."""
    piece = np.cumsum(sets.counts[texts]) // SHINGLES_AT_ONCE
    return [part for part in np.split(texts, np.flatnonzero(np.diff(piece)) + 1) if len(part)]


def _distinct(sets: Sets, texts: Places) -> tuple[Places, Hashes]:
    """The distinct shingles of each text, and the place of the text that each is of."""
    found = [np.unique(part) for part in sets.of(texts)]
    return np.repeat(np.arange(len(texts)), [len(part) for part in found]), np.concatenate(found)


def _counter(shingles: Hashes) -> Places:
    return (shingles & np.uint64(COUNTERS - 1)).astype(np.int64)

"""64-bit hashes of numbers, in bulk and the same on every machine (pure)."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

Hashes = NDArray[np.uint64]
_STEP = np.uint64(0x9E3779B97F4A7C15)


def mixed(values: Hashes) -> Hashes:
    """The finaliser of SplitMix64 (Steele, Lea and Flood 2014): every bit of a value moves every bit of its hash."""
    x = values + _STEP
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


def joined(*parts: Hashes | int) -> Hashes:
    """One hash of several, in their order. One part or more is an array; numbers stand for whole columns."""
    total = np.zeros(1, np.uint64)
    for part in parts:
        total = mixed(total ^ np.asarray(part, dtype=np.uint64))
    return total


def of_words(words: Iterable[str], *, key: bytes = b"") -> Hashes:
    """The first 8 bytes of BLAKE2b of each."""
    blake = hashlib.blake2b
    digests = b"".join(blake(word.encode(), digest_size=8, key=key).digest() for word in words)
    return np.frombuffer(digests, dtype="<u8").astype(np.uint64)


def of_sequences(values: Hashes, starts: NDArray[np.int64], places: NDArray[np.int64]) -> Hashes:
    """One hash a sequence. `starts` are where each begins in `values`, `places` each value's number in its sequence.

    No sequence is empty.
    """
    return np.add.reduceat(joined(values, places.astype(np.uint64)), starts)


def places_in(lengths: Sequence[int] | NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Where sequences of these lengths begin when they stand one after another, and each value's number in its own."""
    lengths = np.asarray(lengths, dtype=np.int64)
    starts = np.concatenate([[0], np.cumsum(lengths)[:-1]]) if len(lengths) else np.zeros(0, np.int64)
    return starts, np.arange(lengths.sum()) - np.repeat(starts, lengths)

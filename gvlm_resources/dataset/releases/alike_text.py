"""Which questions and answers say the same in nearly the same words.

A text is the words of question and answer, in lower case and compatibility form. Texts are compared only within one
kind, curriculum and language, and only where all their figures agree: numbers, clocks, number words, yes, no and the
other words of `telling_words`, in their order. So two moments, or two counts, are never alike, however long the
sentence around them. Of those left, MinHash (Broder 1997) and banding find candidates (text_families), whose Jaccard
index is then computed.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow as pa
from numpy.typing import NDArray
from rensa import RMinHash

from gvlm_resources.dataset.grounding.grounding_words import NONE, NUMBERS, YES_NO
from gvlm_resources.dataset.releases import mixing, text_families
from gvlm_resources.dataset.releases.mixing import Hashes
from gvlm_resources.dataset.releases.scratch import Scratch
from gvlm_resources.dataset.releases.text_families import Pairs, Sets

SHINGLE = 3  # words
PERMUTATIONS = 128
MINHASH_SEED = 4
SIGNED_AT_ONCE = 1_024  # texts
RECALL = 0.999  # the least share of pairs at the threshold that banding has to find
BOUNDARY = "\x1f"  # stands between question and answer, and is a word of its own

# Clocks and decimals are one word, and so is each letter of scripts that put no spaces between words.
_WORD = (
    r"[-+]?\p{Nd}+(?:[:.,/]\p{Nd}+)*"
    r"|[\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Hangul}]"
    r"|[\p{L}\p{M}\p{N}_]+"
    r"|[%<>=]"
    rf"|{BOUNDARY}"
)
_ORDER = (
    "first second third fourth fifth last before after earlier later "
    "erste ersten erster erstes zweite zweiten dritte dritten letzte letzten vor nach bevor nachdem früher später "
    "primer primero primera segundo segunda tercero tercera último última antes después "
    "premier première deuxième second seconde troisième dernier dernière avant après"
)


@cache
def telling_words() -> frozenset[str]:
    """Words that change what is true without changing much of a sentence."""
    lists = [*NUMBERS.values(), *YES_NO.values(), *NONE.values(), _ORDER.split()]
    return frozenset(word for words in lists for word in words if " " not in word)


@dataclass(frozen=True)
class Alike:
    """The texts of all rows, compared. Of use as long as the `Texts` that it is of are open.

    `text` is each row's text, -1 of rows without one; rows with equal words have the same. `family` is, by text, which
    texts hang together by being alike.
    """

    text: NDArray[np.int64]
    family: NDArray[np.int64]
    sets: Sets
    threshold: float

    def index(self, pairs: Pairs) -> NDArray[np.float64]:
        """The Jaccard index of each pair of texts; 0 where they are not alike."""
        found = (pairs[:, 0] == pairs[:, 1]).astype(np.float64)
        other = np.flatnonzero((found == 0) & (self.family[pairs[:, 0]] == self.family[pairs[:, 1]]))
        computed = self.sets.jaccard(pairs[other])
        found[other] = np.where(computed >= self.threshold, computed, 0.0)
        return found


@dataclass
class _Batch:
    """Words of some texts, one after another."""

    words: Hashes
    starts: NDArray[np.int64]
    places: NDArray[np.int64]
    lengths: NDArray[np.int64]
    telling: NDArray[np.bool_]


@dataclass
class Texts:
    """Takes all texts in, keeping 8 bytes a row and a few hundred a distinct text; shingles go to a file."""

    threshold: float
    folder: Path
    _vocabulary: dict[str, int] = field(default_factory=dict)
    _rows: list[Hashes] = field(default_factory=list)
    _distinct: list[Hashes] = field(default_factory=list)
    _bands: list[Hashes] = field(default_factory=list)
    _blocks: list[Hashes] = field(default_factory=list)
    _counts: list[NDArray[np.int64]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._shingles = Scratch(self.folder / "shingles.tmp", np.uint64)
        self._rows_a_band = rows_a_band(self.threshold)

    def add(self, frame: pl.DataFrame) -> None:
        """The next rows: their question, answer, kind, curriculum and language."""
        if not frame.height:
            return
        batch = self._words(frame)
        same = mixing.of_words("\0".join(row) for row in frame.select("kind", "curriculum", "language").iter_rows())
        block = mixing.joined(same, _figures(batch))
        keys = mixing.joined(same, mixing.of_sequences(batch.words, batch.starts, batch.places))
        self._rows.append(keys)
        distinct, first = np.unique(keys, return_index=True)
        self._distinct.append(distinct)
        self._keep(batch, block, keys, first)

    def compare(self, rows: NDArray[np.int64], total: int) -> Alike:
        """What is alike, where `rows` are the numbers of the rows that were added, of `total`."""
        text = np.full(total, -1, np.int64)
        none = np.zeros(0, np.int64)
        if not self._rows:
            return Alike(text, none, Sets(self._shingles, none, none), self.threshold)
        distinct, first = np.unique(np.concatenate(self._distinct), return_index=True)
        text[rows] = np.searchsorted(distinct, np.concatenate(self._rows))
        counts = np.concatenate(self._counts)
        starts = np.concatenate([[0], np.cumsum(counts)[:-1]])
        sets = Sets(self._shingles, starts[first], counts[first])
        family = np.arange(len(distinct))
        if self._bands:
            bands, blocks = np.concatenate(self._bands)[first], np.concatenate(self._blocks)[first]
            family = text_families.families(sets, bands, blocks, self.threshold)
        return Alike(text, family, sets, self.threshold)

    def close(self) -> None:
        self._shingles.close()

    def _words(self, frame: pl.DataFrame) -> _Batch:
        text = pl.concat_str("question", pl.lit(BOUNDARY), "answer").str.normalize("NFKC").str.to_lowercase()
        lists = frame.select(words=text.str.extract_all(_WORD))["words"]
        lengths = lists.list.len().to_numpy().astype(np.int64)
        coded = lists.explode().to_arrow().cast(pa.large_string()).dictionary_encode()
        words = coded.dictionary.to_pylist()
        new = [word for word in words if word not in self._vocabulary]
        self._vocabulary.update(zip(new, mixing.of_words(new).tolist(), strict=True))
        hashes = np.fromiter((self._vocabulary[word] for word in words), np.uint64, len(words))
        telling = np.fromiter((_is_telling(word) for word in words), np.bool_, len(words))
        codes = coded.indices.to_numpy()
        starts, places = mixing.places_in(lengths)
        return _Batch(hashes[codes], starts, places, lengths, telling[codes])

    def _keep(self, batch: _Batch, block: Hashes, keys: Hashes, rows: NDArray[np.int64]) -> None:
        """Shingles and bands of the texts of these rows of the batch."""
        shingles, counts = _shingles(batch, keys, rows)
        self._shingles.append(shingles)
        self._counts.append(counts)
        if self._rows_a_band:
            self._bands += _banded(shingles, counts, block[rows], self._rows_a_band)
            self._blocks.append(block[rows])


def _is_telling(word: str) -> bool:
    return word in telling_words() or word in "%<>=" or any(char.isnumeric() for char in word)


def _figures(batch: _Batch) -> Hashes:
    """A hash of each text's telling words, in their order."""
    told = batch.telling.astype(np.int64)
    before = np.cumsum(told) - told
    ranks = (before - np.repeat(before[batch.starts], batch.lengths)).astype(np.uint64)
    hashes = mixing.joined(batch.words, ranks) * told.astype(np.uint64)
    return np.add.reduceat(hashes, batch.starts)


def _shingles(batch: _Batch, keys: Hashes, rows: NDArray[np.int64]) -> tuple[Hashes, NDArray[np.int64]]:
    """The shingles of some texts, one after another, and how many each has. A text of few words is one shingle."""
    lengths, starts = batch.lengths[rows], batch.starts[rows]
    counts = np.maximum(lengths - SHINGLE + 1, 1)
    own_starts, places = mixing.places_in(counts)
    at = np.repeat(starts, counts) + places
    last = len(batch.words) - 1
    shingles = mixing.joined(*(batch.words[np.minimum(at + step, last)] for step in range(SHINGLE)))
    short = lengths < SHINGLE
    shingles[own_starts[short]] = keys[rows][short]
    return shingles, counts


def rows_a_band(threshold: float) -> int:
    """The most rows a band with which banding finds at least `RECALL` of the pairs at the threshold; 0 where none can.

    0 stands for a threshold of 1 too: texts with equal words need no banding.
    """
    if threshold == 1:
        return 0
    fitting = [r for r in range(1, PERMUTATIONS + 1) if 1 - (1 - threshold**r) ** (PERMUTATIONS // r) >= RECALL]
    return max(fitting, default=1)


def _banded(shingles: Hashes, counts: NDArray[np.int64], block: Hashes, rows: int) -> list[Hashes]:
    """The bands of some texts, a part after another: signatures come back as Python's numbers, which are large."""
    offsets = np.concatenate([[0], np.cumsum(counts)])
    parts = []
    for at in range(0, len(counts), SIGNED_AT_ONCE):
        some = offsets[at : at + SIGNED_AT_ONCE + 1]
        own, own_offsets = shingles[some[0] : some[-1]], (some - some[0]).astype(np.uint64)
        signed = RMinHash.digest_matrix_from_flat_token_hashes(own, own_offsets, PERMUTATIONS, MINHASH_SEED)
        signatures = np.array(signed.to_rows(), dtype=np.uint64)
        parts.append(_bands(signatures, block[at : at + SIGNED_AT_ONCE], rows))
    return parts


def _bands(signatures: NDArray[np.uint64], block: Hashes, rows: int) -> Hashes:
    """(N, bands): equal where a band of two signatures of one block is."""
    columns = []
    for band in range(PERMUTATIONS // rows):
        part = signatures[:, band * rows : (band + 1) * rows]
        columns.append(mixing.joined(block, band, *part.T))
    return np.stack(columns, axis=1)

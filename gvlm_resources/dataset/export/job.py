"""One export under way: the examples as a format takes them, and the count of all that it could not take along."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow.compute as pc

from gvlm_resources.dataset.examples.example import Example
from gvlm_resources.dataset.export.grounds import grounds, lacking
from gvlm_resources.dataset.export.pictures import Album, checked_id
from gvlm_resources.dataset.export.thinning import kept
from gvlm_resources.dataset.export.tokens import Seen, has_picture, seen
from gvlm_resources.dataset.releases.release_files import Release
from gvlm_resources.errors import ReleaseError

MIB = 1 << 20
LEFT_OUT = "examples left out"
IN_VECTORS = "examples whose answer rests on what the vectors alone would give, which were not written"


@dataclass(frozen=True, slots=True)
class Options:
    """`max_pictures` is the most that one example shows; `shard_mib` about the most that one file of shards holds.

    `vectors` says whether the formats that keep the tokens get the vectors behind them.
    """

    max_pictures: int = 16
    shard_mib: int = 256
    vectors: bool = True

    def __post_init__(self) -> None:
        if self.max_pictures < 0 or self.shard_mib < 1:
            raise ReleaseError(
                f"at most {self.max_pictures} pictures and {self.shard_mib} MiB a shard",
                remedy="ask for 0 pictures or more, and for shards of 1 MiB or more",
            )


@dataclass(frozen=True, slots=True)
class Pictured:
    """The pictures that go along with a whole example, and where they belong.

    `tokens` has for each of `frames` the number of its token in `embeddings`, `pictures` for each of `embeddings` the
    number of its picture; -1 where there is none.
    """

    frames: list[str]
    tokens: list[int]
    pictures: list[int]


@dataclass
class Job:
    """`folder` is where the files are written; `rows`, `left_out` and `notes` say what was.

    `has_vectors`: whether the vectors behind the tokens go along, so that nothing of a line is lost.
    """

    release: Release
    folder: Path
    album: Album
    options: Options
    has_vectors: bool = False
    rows: Counter[str] = field(default_factory=Counter)
    left_out: Counter[str] = field(default_factory=Counter)  # examples, by the reason
    counted: Counter[str] = field(default_factory=Counter)  # what was left out or changed, by the words that say so
    notes: list[str] = field(default_factory=list)

    def indexed(self, split: str) -> Iterator[tuple[Example, Mapping[str, Any]]]:
        """The examples of a split with their rows of the index. Raises ReleaseError where the two part."""
        index = self.release.index
        rows = index.filter(pc.equal(index.column("split"), split))
        found = (row for batch in rows.to_batches(max_chunksize=1000) for row in batch.to_pylist())
        for example in self.release.examples(split):
            row = next(found, None)
            if row is None or row["example_id"] != example.example_id:
                raise self._parted(split, example.example_id)
            checked_id("an example", example.example_id)
            yield example, row
        if next(found, None) is not None:
            raise self._parted(split, "its end")

    def _parted(self, split: str, place: str) -> ReleaseError:
        return ReleaseError(
            f"the index of {self.release.folder} and its split {split} part at {place}",
            remedy="delete this release's result and build it again",
        )

    def seen(self, split: str) -> Iterator[tuple[Example, Seen]]:
        """The examples of a split as pictures and text; those that cannot be shown so are counted and left out."""
        for example, _ in self.indexed(split):
            found = seen(example, most=self.options.max_pictures)
            if found.withheld:
                self.left_out[found.withheld] += 1
                continue
            for token, count in found.left_out.items():
                self.counted[f"tokens left out, since they have no picture: {token}"] += count
            self._thinned(found.thinned)
            self._count("marks of tools in the texts, written apart (`<image>` as `< image>`)", found.apart)
            yield example, found

    def pictured(self, example: Example) -> Pictured:
        """The pictures of a whole example, chosen as `thinning` says."""
        every = list(dict.fromkeys(example.frames))
        rests_on = grounds(example)
        frames = [every[number] for number in kept(every, example, rests_on, most=self.options.max_pictures)]
        if not self.has_vectors:
            self._count(IN_VECTORS, bool(lacking(rests_on, frames, every)))
        self._thinned(len(every) - len(frames))
        numbers = {frame: number for number, frame in enumerate(frames)}
        pictures = [numbers.get(e.row_id, -1) if has_picture(example, e) else -1 for e in example.embeddings]
        tokens = [pictures.index(number) if number in pictures else -1 for number in range(len(frames))]
        return Pictured(frames, tokens, pictures)

    def all_notes(self) -> tuple[str, ...]:
        """What a user has to know of this export, in a fixed order."""
        counted = self.counted + Counter({f"{LEFT_OUT}, since {why}": n for why, n in self.left_out.items()})
        return (*(f"{words}: {count:,}" for words, count in sorted(counted.items())), *self.notes)

    def _thinned(self, pictures: int) -> None:
        if pictures:
            self._count(f"examples of more than {self.options.max_pictures} pictures, which were thinned", 1)
            self._count("pictures left out by thinning", pictures)

    def _count(self, words: str, count: int) -> None:
        if count:
            self.counted[words] += count

"""A stored release: its files, and how they are read.

train.jsonl  validation.jsonl  test.jsonl    examples, one a line
index.parquet                                one row an example: `schemas.RELEASE_EXAMPLES`
removed.parquet                              what was left out, and why: `schemas.REMOVED`
spec.json                                    what was asked for
manifest.json                                what it was made from, counts, and the SHA-256 of every other file
card.md  card.html                           for people
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from gvlm_resources.dataset.examples.example import Example, from_json
from gvlm_resources.dataset.releases.release_spec import SPLITS, ReleaseSpec
from gvlm_resources.errors import ReleaseError

INDEX, REMOVED, SPEC, MANIFEST = "index.parquet", "removed.parquet", "spec.json", "manifest.json"
CARD_MARKDOWN, CARD_HTML = "card.md", "card.html"
LINES = {split: f"{split}.jsonl" for split in SPLITS}


@dataclass(frozen=True)
class Release:
    """One release in a folder. Raises ReleaseError, naming the file, where something of it cannot be read."""

    folder: Path

    @cached_property
    def spec(self) -> ReleaseSpec:
        return ReleaseSpec.model_validate_json(self._text(SPEC))

    @cached_property
    def manifest(self) -> dict[str, Any]:
        return json.loads(self._text(MANIFEST))

    @cached_property
    def index(self) -> pa.Table:
        return pq.read_table(self._path(INDEX))

    @cached_property
    def removed(self) -> pa.Table:
        return pq.read_table(self._path(REMOVED))

    def lines(self, split: str) -> Iterator[str]:
        """The lines of a split as they stand, in order."""
        with self._path(LINES[split]).open(encoding="utf-8") as file:
            yield from file

    def examples(self, split: str) -> Iterator[Example]:
        for number, line in enumerate(self.lines(split), 1):
            try:
                yield from_json(json.loads(line))
            except (ValueError, KeyError, TypeError) as error:
                raise ReleaseError(
                    f"line {number} of {LINES[split]} cannot be read: {error}",
                    remedy="delete this result and build the release again",
                ) from error

    def example(self, split: str, offset: int) -> Example:
        """The example whose line begins at `offset`, as the index has it."""
        with self._path(LINES[split]).open("rb") as file:
            file.seek(offset)
            return from_json(json.loads(file.readline()))

    def _path(self, name: str) -> Path:
        path = self.folder / name
        if not path.is_file():
            raise ReleaseError(f"{path} is not there", remedy="build the release: `gvlm release build NAME`")
        return path

    def _text(self, name: str) -> str:
        return self._path(name).read_text()

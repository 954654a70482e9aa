"""The stored vectors behind the tokens of an export: `vectors/<table>.parquet`, one row a vector that is referred to.

Columns are `video_id`, `id` and `vector`, of one length a file. The metadata of the file's schema name the model, as
the lake's table does. One video is in memory at a time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from gvlm_resources.dataset.examples.example import Embedding
from gvlm_resources.dataset.examples.vectors import TABLES, Vectors
from gvlm_resources.dataset.releases.release_files import Release
from gvlm_resources.errors import LakeError, ReleaseError

FOLDER = "vectors"
IDENTITY = ("gvlm.model", "gvlm.preprocessing")
WITHOUT = "export without vectors"


def write(release: Release, folder: Path, vectors: Callable[[str], Vectors]) -> dict[str, int]:
    """Write the vectors below `folder`, and how many by table; no file of a table that no example refers to.

    Raises ReleaseError where one is not there any more, and where those of a table were made by several models.
    """
    with closing(_Files(folder / FOLDER)) as files:
        for video_id, needed in _needed(release):
            try:
                stored = vectors(video_id)
                for table in TABLES:
                    wanted = [needed[key] for key in sorted(needed) if key[0] == table]
                    if wanted:
                        files.add(table, _identity(stored, table), stored, wanted)
            except LakeError as error:
                raise ReleaseError(error.cause, remedy=f"{error.remedy}, or {WITHOUT}") from error
        return files.counts()


def _needed(release: Release) -> Iterator[tuple[str, dict[tuple[str, str], Embedding]]]:
    """For each video, what its examples refer to, by table and id."""
    index = release.index.select(["video_id", "split", "offset", "embeddings"])
    index = index.filter(pc.greater(index.column("embeddings"), 0))
    index = index.sort_by([("video_id", "ascending"), ("split", "ascending"), ("offset", "ascending")])
    rows = (row for batch in index.to_batches(max_chunksize=1000) for row in batch.to_pylist())
    for video_id, group in groupby(rows, key=itemgetter("video_id")):
        examples = (release.example(row["split"], row["offset"]) for row in group)
        yield video_id, {(e.table, e.row_id): e for example in examples for e in example.embeddings}


def _identity(stored: Vectors, table: str) -> dict[str, str]:
    """What the metadata of the stored table say of the model; empty where they say nothing, as of imported features."""
    found = stored._read(table, ["status"]).schema.metadata or {}
    return {key: found[key.encode()].decode() for key in IDENTITY if key.encode() in found}


class _Files:
    """One file a table, begun when its first vector comes."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._writers: dict[str, pq.ParquetWriter] = {}
        self._first: dict[str, tuple[str, Mapping[str, str], int]] = {}  # the first video, its model, dimensions
        self._counts: dict[str, int] = dict.fromkeys(TABLES, 0)

    def add(self, table: str, identity: Mapping[str, str], stored: Vectors, wanted: Sequence[Embedding]) -> None:
        matrix = np.stack([stored.vector_of(embedding) for embedding in wanted]).astype(np.float32, copy=False)
        self._check(table, stored.video_id, identity, matrix.shape[1])
        writer = self._writers.get(table) or self._begun(table, identity, matrix.shape[1])
        columns: list[Any] = [
            pa.repeat(stored.video_id, len(wanted)),
            pa.array([embedding.row_id for embedding in wanted]),
            pa.FixedSizeListArray.from_arrays(pa.array(matrix.ravel()), matrix.shape[1]),
        ]
        writer.write_table(pa.Table.from_arrays(columns, schema=writer.schema))
        self._counts[table] += len(wanted)

    def counts(self) -> dict[str, int]:
        return {table: count for table, count in self._counts.items() if count}

    def close(self) -> None:
        for writer in self._writers.values():
            writer.close()

    def _check(self, table: str, video_id: str, identity: Mapping[str, str], dim: int) -> None:
        first, known, dims = self._first.setdefault(table, (video_id, dict(identity), dim))
        if (known, dims) != (dict(identity), dim):
            raise ReleaseError(
                f"the vectors of {table} are {_told(known, dims)} in {first} and {_told(identity, dim)} in {video_id}",
                remedy=f"build both with one model, and the release again, or {WITHOUT}",
            )

    def _begun(self, table: str, identity: Mapping[str, str], dim: int) -> pq.ParquetWriter:
        self._folder.mkdir(exist_ok=True)
        schema = pa.schema(
            [
                pa.field("video_id", pa.string(), nullable=False),
                pa.field("id", pa.string(), nullable=False),
                pa.field("vector", pa.list_(pa.float32(), dim), nullable=False),
            ],
            metadata={"gvlm.table": table, **identity},
        )
        self._writers[table] = pq.ParquetWriter(self._folder / f"{table}.parquet", schema, compression="zstd")
        return self._writers[table]


def _told(identity: Mapping[str, str], dim: int) -> str:
    return f"{' with '.join(identity.values()) or 'of an unnamed model'}, {dim} numbers"

"""Which stored vectors a video has, when each of them is, and the vectors themselves once they are asked for.

The tables of the encoders hold a row a frame, a clip, a window of sound and a region. Rows without a vector are not
listed: nothing may stand for them in a training example. Listing reads ids and times alone; the vectors of a table are
read when the first of them is asked for.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from gvlm_resources.dataset.examples.example import ID_COLUMN, Embedding
from gvlm_resources.errors import LakeError
from gvlm_resources.schemas import STATUS_OK

SIGLIP, VIDEOMAE, WAV2VEC2, REGIONS = TABLES = tuple(ID_COLUMN)
_LISTED: Mapping[str, tuple[str, ...]] = {
    SIGLIP: ("frame_id", "pts_ns"),
    VIDEOMAE: ("clip_id", "start_ns", "end_ns"),
    WAV2VEC2: ("window_id", "start_ns", "end_ns"),
    REGIONS: ("region_id", "entity_id", "frame_id", "pts_ns", "concept"),
}

Read = Callable[[str, Sequence[str]], pa.Table]


@dataclass(frozen=True, slots=True)
class SeenFrame:
    frame_id: str
    pts_ns: int


@dataclass(frozen=True, slots=True)
class SeenClip:
    clip_id: str
    start_ns: int
    end_ns: int


@dataclass(frozen=True, slots=True)
class HeardWindow:
    window_id: str
    start_ns: int
    end_ns: int


@dataclass(frozen=True, slots=True)
class SeenRegion:
    region_id: str
    entity_id: str
    frame_id: str
    pts_ns: int
    concept: str


@dataclass(frozen=True)
class _Loaded:
    """The vectors of one table: row of the matrix (N, dim) by id."""

    rows: Mapping[str, int]
    matrix: NDArray[np.float32]


class Vectors:
    """The vectors of one video. Every listing is in the order of time.

    `dims` has the dimensions of each table that holds a vector. Raises LakeError, naming the table and the row, where
    one that is asked for is not there.
    """

    def __init__(self, video_id: str, read: Read) -> None:
        self.video_id = video_id
        self._read = read
        self._loaded: dict[str, _Loaded] = {}
        self._digests: dict[tuple[str, str], bytes] = {}

    @staticmethod
    def open(video_id: str, paths: Mapping[str, Path]) -> Vectors:
        """Over Parquet files, by the name of their table; a table that is not named has no rows."""
        return Vectors(video_id, lambda table, columns: _read_file(paths.get(table), columns))

    @staticmethod
    def of_tables(video_id: str, tables: Mapping[str, pa.Table]) -> Vectors:
        """Over tables in memory."""
        return Vectors(video_id, lambda table, columns: _select(tables.get(table), columns))

    @cached_property
    def frames(self) -> tuple[SeenFrame, ...]:
        return tuple(SeenFrame(**row) for row in self._listed(SIGLIP))

    @cached_property
    def clips(self) -> tuple[SeenClip, ...]:
        return tuple(SeenClip(**row) for row in self._listed(VIDEOMAE))

    @cached_property
    def windows(self) -> tuple[HeardWindow, ...]:
        return tuple(HeardWindow(**row) for row in self._listed(WAV2VEC2))

    @cached_property
    def regions(self) -> tuple[SeenRegion, ...]:
        return tuple(SeenRegion(**row) for row in self._listed(REGIONS))

    @cached_property
    def frame_dim(self) -> int | None:
        """Dimensions of the vectors of frames; None where no frame has one."""
        return self._table(SIGLIP).matrix.shape[1] if self.frames else None

    def has(self, embedding: Embedding) -> bool:
        """Whether a token stands for a stored vector."""
        return embedding.row_id in self._table(embedding.table).rows

    def vector_of(self, embedding: Embedding) -> NDArray[np.float32]:
        """The stored vector (dim,) behind a token."""
        loaded = self._table(embedding.table)
        if embedding.row_id not in loaded.rows:
            raise LakeError(
                f"{embedding.table} of {self.video_id} holds no vector of {embedding.row_id!r}",
                remedy=f"build its training examples again: `gvlm build {self.video_id} --select training_examples`",
            )
        return loaded.matrix[loaded.rows[embedding.row_id]]

    def digest_of(self, embedding: Embedding) -> bytes:
        """32 bytes that are the same for the same vector, whatever its id."""
        key = (embedding.table, embedding.row_id)
        if key not in self._digests:
            self._digests[key] = hashlib.sha256(self.vector_of(embedding).astype("<f4").tobytes()).digest()
        return self._digests[key]

    def mean_vector(self, frame_ids: Iterable[str]) -> NDArray[np.float32] | None:
        """The mean of the frames' vectors, of unit length; None of no frames, and of vectors that cancel out."""
        vectors = [self.vector_of(Embedding("<v>", SIGLIP, name)) for name in frame_ids]
        if not vectors:
            return None
        total = np.sum(np.stack(vectors), axis=0, dtype=np.float64)
        length = float(np.linalg.norm(total))
        return (total / length).astype(np.float32) if length > 1e-6 else None

    def _listed(self, table: str) -> list[dict]:
        columns = _LISTED[table]
        rows = self._read(table, [*columns, "status"])
        kept = rows.filter(pc.equal(rows.column("status"), STATUS_OK)).select(list(columns))
        order = "pts_ns" if "pts_ns" in columns else "start_ns"
        return kept.sort_by([(order, "ascending"), (columns[0], "ascending")]).to_pylist()

    def _table(self, table: str) -> _Loaded:
        if table not in self._loaded:
            key = ID_COLUMN[table]
            rows = self._read(table, [key, "vector", "status"])
            rows = rows.filter(pc.equal(rows.column("status"), STATUS_OK))
            self._loaded[table] = self._matrix(table, rows.column(key).to_pylist(), rows.column("vector"))
        return self._loaded[table]

    def _matrix(self, table: str, names: list[str], vectors: pa.ChunkedArray) -> _Loaded:
        """Raises LakeError for a row that is `ok` without a vector, and for vectors of two lengths."""
        lengths = set(pc.list_value_length(vectors).to_pylist())
        if None in lengths or len(lengths) > 1:
            cause = (
                "rows that are ok have no vector" if None in lengths else f"its vectors have {sorted(lengths)} numbers"
            )
            raise LakeError(
                f"{table} of {self.video_id}: {cause}",
                remedy=f"delete this result and build it again: `gvlm build {self.video_id} --select {table}`",
            )
        dim = lengths.pop() if lengths else 0
        flat = pc.list_flatten(vectors).to_numpy().astype(np.float32, copy=False)
        return _Loaded({name: number for number, name in enumerate(names)}, flat.reshape(len(names), dim))


def _read_file(path: Path | None, columns: Sequence[str]) -> pa.Table:
    return _select(None, columns) if path is None else pq.read_table(path, columns=list(columns))


def _select(table: pa.Table | None, columns: Sequence[str]) -> pa.Table:
    if table is not None:
        return table.select(list(columns))
    kinds = {"vector": pa.list_(pa.float32()), "pts_ns": pa.int64(), "start_ns": pa.int64(), "end_ns": pa.int64()}
    return pa.schema([(name, kinds.get(name, pa.string())) for name in columns]).empty_table()

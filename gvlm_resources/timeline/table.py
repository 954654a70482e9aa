"""One searchable LanceDB table of a library: how it is written, kept whole and kept fast, whatever its rows are.

A video's rows are replaced in one commit, so that a reader sees the old ones or the new ones, whatever kills the
writer. Writers of one folder take turns behind a lock file; readers need none. What has no index yet is still found:
Lance scans the newest rows and looks the others up. `compact` builds and extends indexes, merges small files and
removes old versions: it is for a schedule, not for every write.

Nothing in such a table is the only copy: every row is also in its video's stored result, and `gvlm build` writes the
table anew.
"""

from __future__ import annotations

import os
import random
import shutil
import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

import lancedb
import numpy as np
import pyarrow as pa
from filelock import FileLock, Timeout
from lancedb.expr import Expr, col, lit
from lancedb.index import IvfRq
from numpy.typing import NDArray

from gvlm_resources.errors import LakeError
from gvlm_resources.lake import files
from gvlm_resources.lake.layout import checked_key

KEY = "row_id"
METRIC = "dot"  # vectors have unit length: 1 - dot is the cosine distance, without two roots a row
VECTOR_INDEX = "vector_trained_on_"  # + the number of rows it was trained on
RETRAIN_FACTOR = 4
MOST_SEGMENTS = 8  # each compaction may add one, and every search asks each of them
# Measured at a million rows (docs/index.md): with 4 bits a dimension 100 candidates hold what takes 200 with 1 bit.
VECTOR_BITS = 4

CROWDED_FRAGMENTS = 20
LOCK_TIMEOUT_S = 900.0
ATTEMPTS = 8
FIRST_PAUSE_S = 0.05
LONGEST_PAUSE_S = 2.0
UNIT_TOLERANCE = 1e-3
CONFLICT_WORDS = ("conflict", "contention", "concurrent")

T = TypeVar("T")


@dataclass(frozen=True)
class TableKind:
    """What sets one table apart: its name, its columns, the indexes they get, and what people call
    what it holds."""

    name: str
    schema: pa.Schema
    indexes: Mapping[str, Any]
    what: str

    @property
    def folder(self) -> str:
        return f"{self.name}.lance"

    @property
    def lock(self) -> str:
        return f"{self.name}.lock"


@dataclass(frozen=True)
class Condition:
    """What the table is like: whether it is worth compacting, and what a search of it has to scan."""

    rows: int
    version: int
    fragments: int
    unindexed_rows: int
    vector_index: bool
    total_bytes: int

    @property
    def wants_compacting(self) -> bool:
        """Whether so many files are young that a search in one video takes twice its time (docs/index.md)."""
        return self.unindexed_rows > 0 and self.fragments > CROWDED_FRAGMENTS


NO_TABLE = Condition(rows=0, version=0, fragments=0, unindexed_rows=0, vector_index=False, total_bytes=0)


class LanceTable:
    """The table of `kind` in `folder`. Cheap to make; safe to use from several processes and threads at once."""

    def __init__(self, folder: Path, kind: TableKind) -> None:
        self.folder = folder
        self.kind = kind
        self._opened: tuple[tuple[int, int], lancedb.table.Table] | None = None

    @property
    def _place(self) -> Path:
        return self.folder / self.kind.folder

    def replace_video(self, video_id: str, rows: pa.Table) -> int:
        """Make `rows` the video's only ones, in one commit; returns the table's new version.

        Raises LakeError for rows that are not this video's, have an id twice, or vectors that are not of unit length.
        """
        checked_key(video_id)
        rows = self._checked(video_id, rows)
        with self._writing() as table:
            return self._committed(lambda: _replace(table, video_id, rows))

    def remove_video(self, video_id: str) -> int:
        """Remove the video's rows in one commit; returns how many there were."""
        checked_key(video_id)
        if not self.exists:
            return 0
        with self._writing() as table:
            return self._committed(lambda: table.delete(own_rows(video_id)).num_deleted_rows)

    def compact(self, *, vector_index_from_rows: int, keep_versions: timedelta = timedelta(hours=1)) -> Condition:
        """Merge small files, bring every index up to date, and remove versions older than `keep_versions`.

        The vector index is built once the table has `vector_index_from_rows` rows, and built anew when it has grown
        to four times what it was trained on or lies in many pieces. A search that runs longer than `keep_versions` may
        fail. What a killed writer left is removed after a week. Where there is no table there is nothing to do.
        """
        if not self.exists:
            return NO_TABLE
        with self._writing() as table:
            self._committed(lambda: _add_indexes(table, self.kind.indexes))
            self._committed(lambda: _train_vector_index(table, vector_index_from_rows))
            self._committed(lambda: table.optimize(cleanup_older_than=keep_versions))
        return self.condition()

    def discard(self) -> None:
        """Remove the whole table, damaged or not. `gvlm build` writes it anew from the stored results."""
        with self._locked():
            if self.exists:
                aside = self.folder / f".{self.kind.folder}.{uuid.uuid4().hex}.old"
                os.rename(self._place, aside)
                shutil.rmtree(aside)

    @property
    def exists(self) -> bool:
        return self._place.is_dir()

    def row_ids(self, video_id: str) -> set[str]:
        """Ids of the video's rows; none where there is no table yet."""
        if not self.exists:
            return set()
        query = self._table().search().where(own_rows(video_id)).select([KEY])
        return set(self._read(query.to_arrow).column(KEY).to_pylist())

    def video_ids(self) -> list[str]:
        """Ids of all videos that have rows, in order."""
        found = self._read(self._table().search().select(["video_id"]).to_arrow)
        return sorted(found.column("video_id").unique().to_pylist())

    def condition(self) -> Condition:
        table = self._table()
        statistics, indexes = self._read(table.stats), self._read(table.list_indices)
        return Condition(
            rows=statistics["num_rows"],
            version=table.version,
            fragments=statistics["fragment_stats"]["num_fragments"],
            unindexed_rows=max((index.num_unindexed_rows or 0 for index in indexes), default=statistics["num_rows"]),
            vector_index=any(index.columns == ["vector"] for index in indexes),
            total_bytes=sum(path.stat().st_size for path in self._place.rglob("*") if path.is_file()),
        )

    def _batches(self, query: lancedb.query.LanceQueryBuilder) -> Iterator[pa.RecordBatch]:
        reader = self._read(query.to_batches)
        while (batch := self._read(lambda: next(iter(reader), None))) is not None:
            yield batch

    def _table(self) -> lancedb.table.Table:
        """The table as it is now. A table that was removed and written anew is opened anew."""
        try:
            status = self._place.stat()
        except FileNotFoundError:
            raise self._missing() from None
        identity = (status.st_ino, status.st_ctime_ns)
        if self._opened is None or self._opened[0] != identity:
            self._opened = (identity, self._read(lambda: _open(self.folder, self.kind.name)))
        return self._opened[1]

    @contextmanager
    def _writing(self) -> Iterator[lancedb.table.Table]:
        """The table, made if it is not there, while no other process writes."""
        with self._locked():
            self._sweep()
            if not self.exists:
                self._create()
            yield self._table()

    def _sweep(self) -> None:
        """Remove what a killed writer left: the lock is held, so nobody else is at work on it."""
        for leftover in self.folder.glob(f".{self.kind.folder}.*"):
            shutil.rmtree(leftover, ignore_errors=True)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        self.folder.mkdir(parents=True, exist_ok=True)
        try:
            with FileLock(self.folder / self.kind.lock, timeout=LOCK_TIMEOUT_S):
                yield
        except Timeout as error:
            raise LakeError(
                f"another process has been writing to {self.folder} for {LOCK_TIMEOUT_S:.0f} s",
                remedy="wait for it or end it, then try again; a process that has ended holds no lock",
            ) from error

    def _create(self) -> None:
        """An empty table with its indexes, whole or not at all."""
        draft = self.folder / f".{self.kind.folder}.{uuid.uuid4().hex}.new"
        table = lancedb.connect(str(draft)).create_table(self.kind.name, schema=self.kind.schema)
        # Two writers that add one id at once then conflict instead of doubling it.
        table.set_unenforced_primary_key(KEY)
        for column, config in self.kind.indexes.items():
            table.create_index(column, config=config)
        os.rename(draft / self.kind.folder, self._place)
        files.sync_folder(self.folder)
        shutil.rmtree(draft)

    def _committed(self, write: Callable[[], T]) -> T:
        """The result of `write`, tried again while a writer that does not know the lock gets in between."""
        for attempt in range(ATTEMPTS):
            try:
                return write()
            except (RuntimeError, OSError, ValueError) as error:
                if not any(word in str(error).lower() for word in CONFLICT_WORDS):
                    raise self._damaged(str(error)) from error
                refused = error
            time.sleep(min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2**attempt) * random.uniform(0.5, 1.0))
        raise LakeError(
            f"{self._place} changed under each of {ATTEMPTS} attempts to write: {refused}",
            remedy="end what else writes to that table, then try again",
        ) from refused

    def _read(self, read: Callable[[], T]) -> T:
        try:
            return read()
        except (RuntimeError, OSError, ValueError) as error:
            raise self._damaged(str(error)) from error

    def _missing(self) -> LakeError:
        return LakeError(f"{self._place} is not there: no {self.kind.what} is built", remedy="run `gvlm build`")

    def _damaged(self, cause: str) -> LakeError:
        where = self._place
        return LakeError(
            f"the {self.kind.what} table cannot be used: {cause}",
            remedy=f"delete {where} and run `gvlm build`, which writes it anew from the stored results",
        )

    def _checked(self, video_id: str, rows: pa.Table) -> pa.Table:
        """`rows` in the table's schema. Raises LakeError where they cannot stand in it as this video's."""
        remedy = "this is a defect: please report it"
        try:
            fitting = rows.select(self.kind.schema.names).cast(self.kind.schema)
        except (pa.ArrowInvalid, KeyError, TypeError, ValueError) as error:
            raise LakeError(
                f"the rows of {video_id} do not fit the {self.kind.what} table: {error}", remedy=remedy
            ) from error
        if set(fitting.column("video_id").to_pylist()) - {video_id}:
            raise LakeError(f"rows of another video were given as those of {video_id}", remedy=remedy)
        if len(set(fitting.column(KEY).to_pylist())) < fitting.num_rows:
            raise LakeError(f"two rows of {video_id} have one id", remedy=remedy)
        if fitting.num_rows and not np.allclose(np.linalg.norm(vectors_of(fitting), axis=1), 1, atol=UNIT_TOLERANCE):
            raise LakeError(f"a vector of {video_id} is not of unit length", remedy=remedy)
        return fitting


def _open(folder: Path, name: str) -> lancedb.table.Table:
    # An interval of 0: every read looks for the newest version, so that what another process wrote is seen.
    return lancedb.connect(str(folder), read_consistency_interval=timedelta(0)).open_table(name)


def _replace(table: lancedb.table.Table, video_id: str, rows: pa.Table) -> int:
    """One commit after which `rows` are the video's only ones. The lock is held: nothing comes between look and commit.

    Each case does no more than it has to. At a million rows appending takes 10 ms of CPU, updating 30, and deleting
    what is gone 2,000, since Lance then reads every id of the table.
    """
    own = own_rows(video_id)
    before = set(table.search().where(own).select([KEY]).to_arrow().column(KEY).to_pylist())
    if not rows.num_rows:
        return table.delete(own).version if before else table.version
    if not before:
        return table.add(rows).version
    merge = table.merge_insert([KEY]).when_matched_update_all().when_not_matched_insert_all()
    if before - set(rows.column(KEY).to_pylist()):
        merge = merge.when_not_matched_by_source_delete(own)
    return merge.execute(rows).version


def _add_indexes(table: lancedb.table.Table, indexes: Mapping[str, Any]) -> None:
    """Indexes that a table of an earlier version of this program lacks."""
    known = {column for index in table.list_indices() for column in index.columns}
    for column, config in indexes.items():
        if column not in known:
            table.create_index(column, config=config)


def _train_vector_index(table: lancedb.table.Table, from_rows: int) -> None:
    """Train the vector index if the table is large enough and has none, or one that is outgrown or in many pieces."""
    rows = table.count_rows()
    known = [index for index in table.list_indices() if index.columns == ["vector"]]
    trained_on = max((int(index.name.removeprefix(VECTOR_INDEX)) for index in known), default=0)
    in_pieces = any((index.num_segments or 0) > MOST_SEGMENTS for index in known)
    if rows < from_rows or (known and rows < RETRAIN_FACTOR * trained_on and not in_pieces):
        return
    name = f"{VECTOR_INDEX}{rows}"
    table.create_index("vector", config=IvfRq(distance_type=METRIC, num_bits=VECTOR_BITS), name=name, replace=True)
    for index in known:
        if index.name != name:
            table.drop_index(index.name)


def any_of(column: str, names: Iterable[str]) -> Expr:
    return col(column).isin([lit(name) for name in sorted(names)])


def own_rows(video_id: str) -> Expr:
    """The rows of one video, as a filter made of typed values, never of text. Raises LakeError for what is no id."""
    return col("video_id") == lit(checked_key(video_id))


def vectors_of(table: pa.Table) -> NDArray[np.float32]:
    flat = pa.concat_arrays([chunk.flatten() for chunk in table.column("vector").chunks])
    return flat.to_numpy(zero_copy_only=False).reshape(table.num_rows, -1)

"""The searchable table of a library: LanceDB's `timeline`, one row an event, utterance, text or scene change.

A video's rows are replaced in one commit, so that a reader sees the old ones or the new ones, whatever kills the
writer. Writers of one folder take turns behind a lock file; readers need none. What has no index yet is still found:
Lance scans the newest rows and looks the others up. `compact` builds and extends indexes, merges small files and
removes old versions: it is for a schedule, not for every write.

Nothing here is the only copy: every row is also in its video's stored result, and `gvlm build` writes the table anew.
"""

from __future__ import annotations

import os
import random
import shutil
import time
import uuid
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TypeVar

import lancedb
import numpy as np
import pyarrow as pa
from filelock import FileLock, Timeout
from lancedb.expr import Expr, col, lit
from lancedb.index import FTS, Bitmap, BTree, IvfRq
from lancedb.query import MatchQuery
from numpy.typing import NDArray

from gvlm_resources.errors import LakeError
from gvlm_resources.lake import files
from gvlm_resources.lake.layout import checked_key
from gvlm_resources.schemas import TEXT_VECTOR_DIM, TIMELINE_INDEX
from gvlm_resources.timeline.retrieval import Scope, Scored
from gvlm_resources.timeline.rows import COLUMNS, TimelineRow, records

TABLE = "timeline"
FOLDER = f"{TABLE}.lance"
LOCK = f"{TABLE}.lock"
KEY = "row_id"
SHOWN = list(COLUMNS)
RANKED = [KEY, "start_ns"]
ADDRESS = "_rowid"
MAX_COSINE = 1.01
METRIC = "dot"  # vectors have unit length: 1 - dot is the cosine distance, without two roots a row

# No index on times: a range of time over a whole library selects most of it, which took 40 ms of CPU at a million rows
# where the filter on the video, and a look at that video's few hundred rows, takes 6 ms.
INDEXES = {
    KEY: BTree(),
    "video_id": BTree(),
    "kind": Bitmap(),
    "source": Bitmap(),
    "model": Bitmap(),
    # Words of scripts without spaces are told apart; stop words stay, since "it is you" may be all that was said.
    "text": FTS(base_tokenizer="icu/split", remove_stop_words=False),
}
VECTOR_INDEX = "vector_trained_on_"  # + the number of rows it was trained on
RETRAIN_FACTOR = 4
MOST_SEGMENTS = 8  # each compaction may add one, and every search asks each of them
# Measured at a million rows (docs/index.md): with 4 bits a dimension 100 candidates hold what takes 200 with 1 bit.
VECTOR_BITS = 4
PROBES = 20
EVERY_PARTITION = 1_000_000  # Lance takes as many as there are
COMPARED_ROWS = 3_000  # comparing so many one by one costs less than asking every partition of a million rows
CANDIDATES = 100  # compared exactly, however few rows are asked for: repeats of one sentence crowd out a shorter list

CROWDED_FRAGMENTS = 20
LOCK_TIMEOUT_S = 900.0
ATTEMPTS = 8
FIRST_PAUSE_S = 0.05
LONGEST_PAUSE_S = 2.0
UNIT_TOLERANCE = 1e-3
CONFLICT_WORDS = ("conflict", "contention", "concurrent")

T = TypeVar("T")


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


class TimelineStore:
    """The table in `folder`. Cheap to make; safe to use from several processes and threads at once."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._opened: tuple[tuple[int, int], lancedb.table.Table] | None = None

    # ------------------------------------------------------------------------------------------------------- writing

    def replace_video(self, video_id: str, rows: pa.Table) -> int:
        """Make `rows` (as `TIMELINE_INDEX`) the video's only ones, in one commit; returns the table's new version.

        Raises LakeError for rows that are not this video's, have an id twice, or vectors that are not of unit length.
        """
        checked_key(video_id)
        rows = _checked(video_id, rows)
        with self._writing() as table:
            return self._committed(lambda: _replace(table, video_id, rows))

    def remove_video(self, video_id: str) -> int:
        """Remove the video's rows in one commit; returns how many there were."""
        checked_key(video_id)
        if not self.exists:
            return 0
        with self._writing() as table:
            return self._committed(lambda: table.delete(_filter(Scope(video_id))).num_deleted_rows)

    def compact(self, *, vector_index_from_rows: int, keep_versions: timedelta = timedelta(hours=1)) -> Condition:
        """Merge small files, bring every index up to date, and remove versions older than `keep_versions`.

        The vector index is built once the table has `vector_index_from_rows` rows, and built anew when it has grown
        to four times what it was trained on or lies in many pieces. A search that runs longer than `keep_versions` may
        fail. What a killed writer left is removed after a week. Where there is no table there is nothing to do.
        """
        if not self.exists:
            return NO_TABLE
        with self._writing() as table:
            self._committed(lambda: _add_indexes(table))
            self._committed(lambda: _train_vector_index(table, vector_index_from_rows))
            self._committed(lambda: table.optimize(cleanup_older_than=keep_versions))
        return self.condition()

    def discard(self) -> None:
        """Remove the whole table, damaged or not. `gvlm build` writes it anew from the stored results."""
        with self._locked():
            if self.exists:
                aside = self.folder / f".{FOLDER}.{uuid.uuid4().hex}.old"
                os.rename(self.folder / FOLDER, aside)
                shutil.rmtree(aside)

    # ------------------------------------------------------------------------------------------------------- reading

    @property
    def exists(self) -> bool:
        return (self.folder / FOLDER).is_dir()

    def nearest(self, vector: NDArray[np.float32], scope: Scope, limit: int) -> list[Scored]:
        """The rows of the highest cosine with a unit `vector` (384,), best first.

        Within one video, and wherever a scope holds few rows, every row is compared. Elsewhere the vector index, if
        there is one, gives `CANDIDATES` rows or twice as many as asked for, to be compared exactly. In a scope that
        narrows it is asked for all of its partitions: those nearest to the question may hold no row of the scope.
        """
        query = self._table().search(vector, vector_column_name="vector").distance_type(METRIC)
        if scope.video_id or (scope.narrows and self.count(scope) <= COMPARED_ROWS):
            query = query.bypass_vector_index()
        else:
            query = query.nprobes(EVERY_PARTITION if scope.narrows else PROBES)
            query = query.refine_factor(max(2, -(-CANDIDATES // limit)))
        query = _within(query, scope).select([*RANKED, "_distance"]).with_row_id(True)
        found = self._read(query.limit(limit).to_arrow)
        scores = [1.0 - distance for distance in found.column("_distance").to_pylist()]
        if not all(abs(score) <= MAX_COSINE for score in scores):
            raise self._damaged(f"a vector is not of unit length, its cosine is {max(scores)}")
        return _scored(found, scores)

    def matching(self, words: str, scope: Scope, limit: int) -> list[Scored]:
        """The rows that hold any of the words, by BM25 score, best first. Quotes and operators are no syntax here."""
        query = self._table().search(MatchQuery(words, "text"), query_type="fts")
        query = _within(query, scope).select([*RANKED, "_score"]).with_row_id(True)
        found = self._read(query.limit(limit).to_arrow)
        return _scored(found, found.column("_score").to_pylist())

    def whole(self, found: Sequence[Scored]) -> list[TimelineRow]:
        """The rows that were found, in no order, without those that are no longer there."""
        if not found:
            return []
        table, names = self._table(), {scored.row_id for scored in found}
        try:  # half the cost of looking the ids up, but what was written since may have moved the rows
            rows = records(table.take_row_ids([scored.address for scored in found]).select(SHOWN).to_arrow())
        except (RuntimeError, OSError, ValueError, TypeError):
            rows = []
        if {row.row_id for row in rows} == names:
            return rows
        return self._records(self._read(table.search().where(_any_of(KEY, names)).select(SHOWN).to_arrow))

    def stranger(self, video_id: str | None, known: Collection[str]) -> str | None:
        """Name of an encoder, beside those `known`, that made a vector of the video, or (None) of any video."""
        table, others = self._table(), ~_any_of("model", known)
        own = _filter(Scope(video_id))
        others = others if own is None else own & others
        if not self._read(lambda: table.count_rows(others.to_sql())):
            return None
        found = self._read(table.search().where(others).select(["model"]).limit(1).to_arrow)
        return found.column("model").to_pylist()[0] if found.num_rows else None

    def rows(self, scope: Scope) -> list[TimelineRow]:
        """Every row of the scope, in no order."""
        return self._records(self._read(_within(self._table().search(), scope).select(SHOWN).to_arrow))

    def count(self, scope: Scope) -> int:
        table, condition = self._table(), _filter(scope)
        return self._read(lambda: table.count_rows(None if condition is None else condition.to_sql()))

    def row_ids(self, video_id: str) -> set[str]:
        """Ids of the video's rows; none where there is no table yet."""
        if not self.exists:
            return set()
        query = self._table().search().where(_filter(Scope(video_id))).select([KEY])
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
            total_bytes=sum(path.stat().st_size for path in (self.folder / FOLDER).rglob("*") if path.is_file()),
        )

    def check(self) -> None:
        """Read every row and compare it with what a row can be. Raises LakeError for the first that is damaged.

        Reads the whole table, 1.6 GB at a million rows: for a schedule, or after a disk has failed.
        """
        seen: set[str] = set()
        query = self._table().search().select([*SHOWN, "vector"])
        for batch in self._batches(query):
            table = pa.Table.from_batches([batch])
            found = self._records(table)
            with np.errstate(over="ignore", invalid="ignore"):  # damaged numbers may be of any size
                norms = np.linalg.norm(_vectors(table), axis=1)
            off = ~(np.abs(norms - 1) <= UNIT_TOLERANCE)
            if off.any():
                raise self._damaged(f"the vector of {found[int(off.argmax())].row_id} is not of unit length")
            names = {row.row_id for row in found}
            if len(names) < len(found) or names & seen:
                raise self._damaged("two rows have one id")
            seen |= names

    # ------------------------------------------------------------------------------------------------------ internals

    def _batches(self, query: lancedb.query.LanceQueryBuilder) -> Iterator[pa.RecordBatch]:
        reader = self._read(query.to_batches)
        while (batch := self._read(lambda: next(iter(reader), None))) is not None:
            yield batch

    def _table(self) -> lancedb.table.Table:
        """The table as it is now. A table that was removed and written anew is opened anew."""
        try:
            status = (self.folder / FOLDER).stat()
        except FileNotFoundError:
            raise self._missing() from None
        identity = (status.st_ino, status.st_ctime_ns)
        if self._opened is None or self._opened[0] != identity:
            self._opened = (identity, self._read(lambda: _open(self.folder)))
        return self._opened[1]

    @contextmanager
    def _writing(self) -> Iterator[lancedb.table.Table]:
        """The table, made if it is not there, while no other process writes."""
        with self._locked():
            if not self.exists:
                self._create()
            yield self._table()

    @contextmanager
    def _locked(self) -> Iterator[None]:
        self.folder.mkdir(parents=True, exist_ok=True)
        try:
            with FileLock(self.folder / LOCK, timeout=LOCK_TIMEOUT_S):
                yield
        except Timeout as error:
            raise LakeError(
                f"another process has been writing to {self.folder} for {LOCK_TIMEOUT_S:.0f} s",
                remedy="wait for it or end it, then try again; a process that has ended holds no lock",
            ) from error

    def _create(self) -> None:
        """An empty table with its indexes, whole or not at all; the lock is held, so leftovers are a dead writer's."""
        for leftover in self.folder.glob(f".{FOLDER}.*"):
            shutil.rmtree(leftover, ignore_errors=True)
        draft = self.folder / f".{FOLDER}.{uuid.uuid4().hex}.new"
        table = lancedb.connect(str(draft)).create_table(TABLE, schema=TIMELINE_INDEX)
        table.set_unenforced_primary_key(
            KEY
        )  # two writers that add one id at once then conflict instead of doubling it
        for column, config in INDEXES.items():
            table.create_index(column, config=config)
        os.rename(draft / FOLDER, self.folder / FOLDER)
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
            f"{self.folder / FOLDER} changed under each of {ATTEMPTS} attempts to write: {refused}",
            remedy="end what else writes to that table, then try again",
        ) from refused

    def _read(self, read: Callable[[], T]) -> T:
        try:
            return read()
        except (RuntimeError, OSError, ValueError) as error:
            raise self._damaged(str(error)) from error

    def _records(self, found: pa.Table) -> list[TimelineRow]:
        return self._read(lambda: records(found))

    def _missing(self) -> LakeError:
        return LakeError(f"{self.folder / FOLDER} is not there: no timeline is built", remedy="run `gvlm build`")

    def _damaged(self, cause: str) -> LakeError:
        where = self.folder / FOLDER
        return LakeError(
            f"the timeline table cannot be used: {cause}",
            remedy=f"delete {where} and run `gvlm build`, which writes it anew from the stored results",
        )


def _open(folder: Path) -> lancedb.table.Table:
    # An interval of 0: every read looks for the newest version, so that what another process wrote is seen.
    return lancedb.connect(str(folder), read_consistency_interval=timedelta(0)).open_table(TABLE)


def _replace(table: lancedb.table.Table, video_id: str, rows: pa.Table) -> int:
    """One commit after which `rows` are the video's only ones. The lock is held: nothing comes between look and commit.

    Each case does no more than it has to. At a million rows appending takes 10 ms of CPU, updating 30, and deleting
    what is gone 2,000, since Lance then reads every id of the table.
    """
    own = _filter(Scope(video_id))
    before = set(table.search().where(own).select([KEY]).to_arrow().column(KEY).to_pylist())
    if not rows.num_rows:
        return table.delete(own).version if before else table.version
    if not before:
        return table.add(rows).version
    merge = table.merge_insert([KEY]).when_matched_update_all().when_not_matched_insert_all()
    if before - set(rows.column(KEY).to_pylist()):
        merge = merge.when_not_matched_by_source_delete(own)
    return merge.execute(rows).version


def _add_indexes(table: lancedb.table.Table) -> None:
    """Indexes that a table of an earlier version of this program lacks."""
    known = {column for index in table.list_indices() for column in index.columns}
    for column, config in INDEXES.items():
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


def _within(query: lancedb.query.LanceQueryBuilder, scope: Scope) -> lancedb.query.LanceQueryBuilder:
    condition = _filter(scope)
    return query if condition is None else query.where(condition, prefilter=True)


def _filter(scope: Scope) -> Expr | None:
    """The scope as a filter made of typed values, never of text; None where it does not narrow."""
    parts = []
    if scope.video_id is not None:
        parts.append(col("video_id") == lit(scope.video_id))
    if scope.span is not None:
        parts.append((col("start_ns") < lit(scope.span.end_ns)) & (col("end_ns") > lit(scope.span.start_ns)))
    if scope.kinds:
        parts.append(_any_of("kind", scope.kinds) | _any_of("source", scope.kinds))
    if scope.sources:
        parts.append(_any_of("source", scope.sources))
    whole = None
    for part in parts:
        whole = part if whole is None else whole & part
    return whole


def _any_of(column: str, names: Iterable[str]) -> Expr:
    return col(column).isin([lit(name) for name in sorted(names)])


def _scored(found: pa.Table, scores: Sequence[float]) -> list[Scored]:
    ids, starts, addresses = (found.column(name).to_pylist() for name in (*RANKED, ADDRESS))
    return [Scored(*values) for values in zip(ids, starts, scores, addresses, strict=True)]


def _checked(video_id: str, rows: pa.Table) -> pa.Table:
    """`rows` in the table's schema. Raises LakeError where they cannot stand in it as this video's."""
    remedy = "this is a defect: please report it"
    try:
        fitting = rows.select(TIMELINE_INDEX.names).cast(TIMELINE_INDEX)
        found = records(fitting)
    except (pa.ArrowInvalid, KeyError, TypeError, ValueError) as error:
        raise LakeError(f"the rows of {video_id} do not fit the timeline table: {error}", remedy=remedy) from error
    if any(row.video_id != video_id for row in found):
        raise LakeError(f"rows of another video were given as those of {video_id}", remedy=remedy)
    if len({row.row_id for row in found}) < len(found):
        raise LakeError(f"two rows of {video_id} have one id", remedy=remedy)
    if fitting.num_rows and not np.allclose(np.linalg.norm(_vectors(fitting), axis=1), 1, atol=UNIT_TOLERANCE):
        raise LakeError(f"a vector of {video_id} is not of unit length", remedy=remedy)
    return fitting


def _vectors(table: pa.Table) -> NDArray[np.float32]:
    flat = pa.concat_arrays([chunk.flatten() for chunk in table.column("vector").chunks])
    return flat.to_numpy(zero_copy_only=False).reshape(-1, TEXT_VECTOR_DIM)

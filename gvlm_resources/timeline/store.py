"""The searchable table of a library: LanceDB's `timeline`, one row an event, utterance, text or scene change."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path

import lancedb
import numpy as np
import pyarrow as pa
from lancedb.expr import Expr, col, lit
from lancedb.index import FTS, Bitmap, BTree
from lancedb.query import MatchQuery
from numpy.typing import NDArray

from gvlm_resources.errors import LakeError
from gvlm_resources.schemas import TIMELINE_INDEX
from gvlm_resources.timeline.retrieval import Scope, Scored
from gvlm_resources.timeline.rows import COLUMNS, TimelineRow, records
from gvlm_resources.timeline.table import (
    KEY,
    METRIC,
    UNIT_TOLERANCE,
    LanceTable,
    TableKind,
    any_of,
    own_rows,
    vectors_of,
)

SHOWN = list(COLUMNS)
RANKED = [KEY, "start_ns"]
ADDRESS = "_rowid"
MAX_COSINE = 1.01

# No index on times: a range of time over a whole library selects most of it, which took 40 ms of CPU at a million rows
# where the filter on the video, and a look at that video's few hundred rows, takes 6 ms.
KIND = TableKind(
    "timeline",
    TIMELINE_INDEX,
    {
        KEY: BTree(),
        "video_id": BTree(),
        "kind": Bitmap(),
        "source": Bitmap(),
        "model": Bitmap(),
        # Words of scripts without spaces are told apart; stop words stay, since "it is you" may be all that was said.
        "text": FTS(base_tokenizer="icu/split", remove_stop_words=False),
    },
    "timeline",
)
PROBES = 20
EVERY_PARTITION = 1_000_000  # Lance takes as many as there are
COMPARED_ROWS = 3_000  # comparing so many one by one costs less than asking every partition of a million rows
CANDIDATES = 100  # compared exactly, however few rows are asked for: repeats of one sentence crowd out a shorter list


class TimelineStore(LanceTable):
    """The table in `folder`. Cheap to make; safe to use from several processes and threads at once."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, KIND)

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
        return self._records(self._read(table.search().where(any_of(KEY, names)).select(SHOWN).to_arrow))

    def stranger(self, video_id: str | None, known: Collection[str]) -> str | None:
        """Name of an encoder, beside those `known`, that made a vector of the video, or (None) of any video."""
        table, others = self._table(), ~any_of("model", known)
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
                norms = np.linalg.norm(vectors_of(table), axis=1)
            off = ~(np.abs(norms - 1) <= UNIT_TOLERANCE)
            if off.any():
                raise self._damaged(f"the vector of {found[int(off.argmax())].row_id} is not of unit length")
            names = {row.row_id for row in found}
            if len(names) < len(found) or names & seen:
                raise self._damaged("two rows have one id")
            seen |= names

    def _checked(self, video_id: str, rows: pa.Table) -> pa.Table:
        fitting = super()._checked(video_id, rows)
        try:
            records(fitting)
        except (TypeError, ValueError) as error:
            raise LakeError(
                f"the rows of {video_id} do not fit the timeline table: {error}",
                remedy="this is a defect: please report it",
            ) from error
        return fitting

    def _records(self, found: pa.Table) -> list[TimelineRow]:
        return self._read(lambda: records(found))


def _within(query: lancedb.query.LanceQueryBuilder, scope: Scope) -> lancedb.query.LanceQueryBuilder:
    condition = _filter(scope)
    return query if condition is None else query.where(condition, prefilter=True)


def _filter(scope: Scope) -> Expr | None:
    """The scope as a filter made of typed values, never of text; None where it does not narrow."""
    parts = []
    if scope.video_id is not None:
        parts.append(own_rows(scope.video_id))
    if scope.span is not None:
        parts.append((col("start_ns") < lit(scope.span.end_ns)) & (col("end_ns") > lit(scope.span.start_ns)))
    if scope.kinds:
        parts.append(any_of("kind", scope.kinds) | any_of("source", scope.kinds))
    if scope.sources:
        parts.append(any_of("source", scope.sources))
    whole = None
    for part in parts:
        whole = part if whole is None else whole & part
    return whole


def _scored(found: pa.Table, scores: Sequence[float]) -> list[Scored]:
    ids, starts, addresses = (found.column(name).to_pylist() for name in (*RANKED, ADDRESS))
    return [Scored(*values) for values in zip(ids, starts, scores, addresses, strict=True)]

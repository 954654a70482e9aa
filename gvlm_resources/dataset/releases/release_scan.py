"""The first reading of a release's shards: decisions, filters, and what later steps have to know of each example."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from gvlm_resources import schemas
from gvlm_resources.dataset.releases import decided, mixing, same_picture
from gvlm_resources.dataset.releases.alike_frames import FrameVectors
from gvlm_resources.dataset.releases.alike_text import Texts
from gvlm_resources.dataset.releases.decided import Fixed
from gvlm_resources.dataset.releases.release_rows import COPIES, FILTER, KEPT, LABELS, REASONS, REJECTED, Rows, Words
from gvlm_resources.dataset.releases.release_shards import Shard, batches
from gvlm_resources.dataset.releases.release_spec import Decision, Filters, ReleaseSpec
from gvlm_resources.errors import ReleaseError

REVIEWED = ("", "accepted", "fixed")
_PLAIN = [name for name in schemas.EXAMPLES.names if name != "frame_vector"]


@dataclass
class Scan:
    """Reads shards into `Rows`, texts and vectors. `fixed` has the lines that reviewers changed, by row."""

    spec: ReleaseSpec
    texts: Texts
    vectors: FrameVectors
    fixed: dict[int, Fixed] = field(default_factory=dict)
    text_rows: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))
    _total: int = 0
    _ends: list[int] = field(default_factory=list)
    _ids: list[pl.Series] = field(default_factory=list)
    _parts: dict[str, list[NDArray[Any]]] = field(default_factory=dict)
    _text_rows: list[NDArray[np.int64]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._decisions = {decision.pair_id: decision for decision in self.spec.decisions}
        self._names = {label: Words() for label in LABELS}
        self._details = Words([""])
        self._seed = self.spec.seed.to_bytes(max(1, (self.spec.seed.bit_length() + 7) // 8), "little")[:64]

    def read(self, shards: Sequence[Shard]) -> Rows:
        for batch in batches(shards):
            self._read(batch)
        self.text_rows = _one(self._text_rows, np.int64)
        columns = {name: np.concatenate(parts) for name, parts in self._parts.items()}
        labels = {label: columns.pop(label) for label in LABELS}
        return Rows(
            example_id=pl.concat(self._ids),
            labels=labels,
            names=self._names,
            details=self._details,
            ends=np.array(self._ends, np.int64),
            **columns,
        )

    def _read(self, batch: Sequence[Shard]) -> None:
        tables = []
        for shard in batch:
            table = shard.table(schemas.EXAMPLES.names)
            shard.check(table)
            self._add("vector", self._take_vectors(shard, table.column("frame_vector")))
            tables.append(self._decide(shard, table.select(_PLAIN)))
            self._total += table.num_rows
            self._ends.append(self._total)
            self._add("video", np.full(table.num_rows, shard.number, np.int32))
        frame = pl.concat(tables)
        self._columns(frame)

    def _take_vectors(self, shard: Shard, column: pa.ChunkedArray) -> NDArray[np.int64]:
        """Put the vectors of a video away, and give the number of each row's, -1 where it has none."""
        there = pc.is_valid(column).to_numpy()
        numbers = np.full(len(there), -1, np.int64)
        numbers[there] = self.vectors.count + np.arange(there.sum())
        if there.any():
            flat = pc.list_flatten(column).to_numpy()
            lengths = pc.unique(pc.list_value_length(column.drop_null())).to_pylist()
            dim = lengths[0]
            if len(lengths) > 1 or (self.vectors.dim and dim != self.vectors.dim) or not np.isfinite(flat).all():
                raise _other_vectors(shard, sorted({*lengths, self.vectors.dim or dim}))
            self.vectors.add(flat.reshape(-1, dim).astype(np.float32, copy=False))
        return numbers

    def _decide(self, shard: Shard, table: pa.Table) -> pl.DataFrame:
        """The rows with what reviewers decided in the column `decision`, and with the words that they gave.

        The column `copies` has what of the prompt the words of a reviewer repeat.
        """
        frame = pl.from_arrow(table)
        assert isinstance(frame, pl.DataFrame)
        found = [self._decisions.get(pair) for pair in frame["pair_id"].to_list()] if self._decisions else []
        told = [decision.decision if decision else "" for decision in found] or [""] * frame.height
        frame = frame.with_columns(pl.Series("decision", told, pl.String), copies=pl.lit(""))
        fixes = [number for number, word in enumerate(told) if word == "fixed"]
        if not fixes:
            return frame
        rows = frame[fixes].to_dicts()
        lines = shard.lines([(row["offset"], row["bytes"]) for row in rows])
        columns = {name: frame[name].to_list() for name in (*decided.CHANGED, "copies")}
        for number, row, line in zip(fixes, rows, lines, strict=True):
            decision = found[number]
            assert isinstance(decision, Decision)
            made = decided.fixed(line, row, decision)
            if not made.copies:
                self.fixed[self._total + number] = made
            for name, value in (made.changes | {"copies": made.copies}).items():
                columns[name][number] = value
        return frame.with_columns(pl.Series(name, columns[name], frame.schema[name]) for name in columns)

    def _columns(self, frame: pl.DataFrame) -> None:
        first = self._total - frame.height
        detail = frame.select(left_out(self.spec.filters)).to_series()
        rejected, copies = frame["decision"] == "rejected", frame["copies"] != ""
        detail = detail.set(rejected, "").zip_with(~copies, frame["copies"])
        why = [REASONS.index(name) for name in (REJECTED, COPIES, FILTER)]
        reason = np.select([rejected, copies, detail != KEPT], why, REASONS.index(KEPT))
        self._add("reason", reason.astype(np.int8))
        self._add("detail", self._numbers(self._details, detail))
        self._add("reviewed", frame["decision"].replace_strict(REVIEWED, range(3), default=0).to_numpy())
        for label in LABELS:
            self._add(label, self._numbers(self._names[label], frame[label]))
        for name in ("start_ns", "end_ns", "tokens", "bytes"):
            self._add(name, frame[name].to_numpy())
        self._ids.append(frame["example_id"])
        self._add("id_hash", mixing.of_words(frame["example_id"].to_list(), key=self._seed))
        self._add("digest", mixing.of_words(frame["digest"].to_list()))
        self._add("at_any_time", same_picture.at_any_time(frame))
        kept = np.flatnonzero(reason == 0)
        self.texts.add(frame[kept])
        self._text_rows.append(first + kept)

    def _numbers(self, words: Words, column: pl.Series) -> NDArray[np.int32]:
        distinct = column.unique(maintain_order=True).to_list()
        numbers = [words.number(word) for word in distinct]
        return column.replace_strict(distinct, numbers, return_dtype=pl.Int32).to_numpy()

    def _add(self, name: str, values: NDArray[Any]) -> None:
        self._parts.setdefault(name, []).append(values)


def left_out(filters: Filters) -> pl.Expr:
    """Which filter keeps a row out, the first of them in the order of the spec; empty where none does."""
    tests: list[tuple[pl.Expr, pl.Expr]] = []
    for name, column in (("kinds", "kind"), ("curricula", "curriculum"), ("languages", "language")):
        if wanted := getattr(filters, name):
            tests.append((~pl.col(column).is_in(wanted), pl.format(f"{name}: {{}}", column)))
    if filters.made_by:
        begins = pl.any_horizontal(pl.col("made_by").str.starts_with(start) for start in filters.made_by)
        tests.append((~begins, pl.format("made_by: {}", "made_by")))
    if filters.min_confidence > 0:
        low = ~(pl.col("confidence") >= filters.min_confidence)
        tests.append((low, pl.lit(f"min_confidence: below {filters.min_confidence:g}")))
    if filters.max_tokens is not None:
        tests.append((pl.col("tokens") > filters.max_tokens, pl.lit(f"max_tokens: more than {filters.max_tokens}")))
    if filters.reviewed_only:
        tests.append((~pl.col("decision").is_in(REVIEWED[1:]), pl.lit("reviewed_only: not reviewed")))
    found = pl.lit(KEPT)
    for test, detail in reversed(tests):
        found = pl.when(test).then(detail).otherwise(found)
    return found.alias("left_out")


def _one(parts: Sequence[NDArray[Any]], dtype: type[np.generic]) -> NDArray[Any]:
    return np.concatenate(parts) if parts else np.zeros(0, dtype)


def _other_vectors(shard: Shard, dims: Sequence[int]) -> ReleaseError:
    if len(dims) == 1:
        return ReleaseError(
            f"the frame vectors of {shard.video_id} hold values that are no numbers",
            remedy=f"build it again: `gvlm build {shard.video_id} --select training_examples`",
        )
    return ReleaseError(
        f"the frame vectors of {shard.video_id} are of another model than those before it: they have {dims} values",
        remedy="build `training_examples` of all videos with one model, or leave the video out",
    )

"""Writing tables row by row in small row groups, and reading single rows back out of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from gvlm_resources.errors import LakeError

ROWS_PER_GROUP = 32  # of 720p JPEGs, about 4 MB: what is in memory while writing, and what one read fetches
IMAGE_COLUMNS = frozenset({"image", "images"})


class TableWriter:
    """Streams rows into a Parquet file. The bytes depend on the rows alone. Use it as a context manager.

    Images are stored as they are, since they are compressed; statistics are kept for the first columns, by which rows
    are found.
    """

    def __init__(self, path: Path, schema: pa.Schema) -> None:
        self._schema = schema
        self._rows: list[dict[str, Any]] = []
        self._writer = pq.ParquetWriter(
            path,
            schema,
            compression={_leaf(field): "none" if field.name in IMAGE_COLUMNS else "zstd" for field in schema},
            use_dictionary=False,
            write_statistics=[name for name in schema.names if name.endswith(("_id", "_ns"))],
        )
        self.count = 0

    def __enter__(self) -> TableWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is None:
                self._flush()
        finally:
            self._writer.close()

    def add(self, row: dict[str, Any]) -> None:
        """Append one row; its keys are the schema's columns, all of them."""
        if row.keys() != set(self._schema.names):
            raise ValueError(f"a row has the columns {self._schema.names}, got {sorted(row)}")
        self._rows.append(row)
        self.count += 1
        if len(self._rows) == ROWS_PER_GROUP:
            self._flush()

    def _flush(self) -> None:
        if self._rows:
            self._writer.write_table(pa.Table.from_pylist(self._rows, self._schema))
            self._rows = []


def _leaf(field: pa.Field) -> str:
    return (
        f"{field.name}.list.element"
        if pa.types.is_list(field.type) or pa.types.is_fixed_size_list(field.type)
        else field.name
    )


def read_frames(path: Path, frame_ids: Sequence[str] | None = None, columns: Sequence[str] | None = None) -> pa.Table:
    """Rows of a frames table by id, in the order asked for; all of them in the order of time without `frame_ids`.

    Only the row groups that hold an asked-for frame are read, and only `columns` of them. Raises LakeError for an id
    that is not there. The same holds for clips and HUD crops, whose second column is their id.
    """
    with pq.ParquetFile(path, pre_buffer=False) as file:
        key = file.schema_arrow.names[1]
        if frame_ids is None:
            return file.read(columns=list(columns) if columns is not None else None)
        names = list(columns) if columns is not None else file.schema_arrow.names
        found: dict[str, pa.Table] = {}
        for number in range(file.num_row_groups):
            if _may_hold(file, number, key, frame_ids):
                found |= _rows_by_id(file, number, key, names, frozenset(frame_ids))
        none = file.schema_arrow.empty_table().select(names)
    lost = [name for name in frame_ids if name not in found]
    if lost:
        raise LakeError(f"{path.name} holds no {lost[0]!r} ({len(lost)} not found)", remedy="ask for ids that it lists")
    return pa.concat_tables([found[name] for name in frame_ids]) if frame_ids else none


def _rows_by_id(
    file: pq.ParquetFile, number: int, key: str, names: list[str], wanted: frozenset[str]
) -> dict[str, pa.Table]:
    """The wanted rows of one row group, copied out of it, so that the rest of it can go."""
    table = file.read_row_group(number, columns=list(dict.fromkeys([key, *names])))
    ids = table.column(key).to_pylist()
    return {name: table.select(names).take([row]) for row, name in enumerate(ids) if name in wanted}


def iter_frames(
    path: Path, columns: Sequence[str] | None = None, *, rows: int = ROWS_PER_GROUP
) -> Iterator[pa.RecordBatch]:
    """The rows of a table in the order of the file, at most `rows` at a time; one row group is in memory.

    Each row group is read by itself: `ParquetFile.iter_batches` keeps what it has read of a file until its end. And by
    this thread alone: others free what they have read at a time of their own, so that up to three groups were there.
    """
    names = list(columns) if columns is not None else None
    with pq.ParquetFile(path, pre_buffer=False) as file:
        for number in range(file.num_row_groups):
            yield from file.read_row_group(number, columns=names, use_threads=False).to_batches(max_chunksize=rows)


def _may_hold(file: pq.ParquetFile, number: int, key: str, wanted: Sequence[str]) -> bool:
    group = file.metadata.row_group(number)
    column = next(group.column(at) for at in range(group.num_columns) if group.column(at).path_in_schema == key)
    known = column.statistics
    if known is None or not known.has_min_max:
        return True
    return any(known.min <= name <= known.max for name in wanted)

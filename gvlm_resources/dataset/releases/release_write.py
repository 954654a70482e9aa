"""The second reading of a release's shards: lines are copied to their places, rows of the index put in their order.

Where each line goes is known before, so that it is written there at once. Rows of the index go to files of
`ROWS_AT_ONCE` rows each, which are then sorted one by one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from gvlm_resources import schemas
from gvlm_resources.dataset.releases.decided import CHANGED
from gvlm_resources.dataset.releases.release_files import INDEX, LINES, REMOVED
from gvlm_resources.dataset.releases.release_rows import REASONS, Rows
from gvlm_resources.dataset.releases.release_scan import REVIEWED, Fixed
from gvlm_resources.dataset.releases.release_shards import Shard, batches
from gvlm_resources.dataset.releases.release_spec import SPLITS

ROWS_AT_ONCE = 16_384
_PLAIN = [name for name in schemas.EXAMPLES.names if name != "frame_vector"]


@dataclass(frozen=True)
class Places:
    """Where each row goes: its number in the index, its split, and the offset of its line in the split's file.

    The numbers of rows that are left out say nothing. `groups` has the duplicate group of each video.
    """

    number: NDArray[np.int64]
    split: NDArray[np.int8]
    offset: NDArray[np.int64]
    groups: Sequence[str]


def places(rows: Rows, split: NDArray[np.int8], groups: Sequence[str], *, draw: int) -> Places:
    """Rows by split, and within a split as the seed draws them."""
    kept = rows.kept
    order = kept[np.lexsort((kept, rows.drawn(draw)[kept], split[kept]))]
    number, offset = np.zeros((2, len(split)), np.int64)
    number[order] = np.arange(len(order))
    sizes = rows.bytes[order].astype(np.int64)
    for name in range(len(SPLITS)):
        part = split[order] == name
        offset[order[part]] = np.cumsum(sizes[part]) - sizes[part]
    return Places(number, split, offset, groups)


def write(out: Path, work: Path, shards: Sequence[Shard], rows: Rows, fixed: Mapping[int, Fixed], to: Places) -> None:
    """The lines, the index and what was removed, into `out`; `work` is for files in between."""
    sorter = _Sorter(work)
    files = [(out / LINES[split]).open("wb", buffering=0) for split in SPLITS]
    try:
        with pq.ParquetWriter(out / REMOVED, schemas.REMOVED, compression="zstd") as removed:
            for batch in batches(shards):
                frame = _rows(batch, rows, fixed, to)
                _copy_lines(batch, frame, fixed, files)
                sorter.add(_index(frame.filter(pl.col("reason") == 0), to))
                removed.write_table(_removed(frame.filter(pl.col("reason") != 0), rows))
    finally:
        for file in files:
            file.close()
    sorter.write(out / INDEX)


def _numbers(rows: Rows, shard: Shard) -> NDArray[np.int64]:
    """The numbers of a video's rows."""
    start = rows.ends[shard.number - 1] if shard.number else 0
    return np.arange(start, rows.ends[shard.number])


def _rows(batch: Sequence[Shard], rows: Rows, fixed: Mapping[int, Fixed], to: Places) -> pl.DataFrame:
    """The columns of some videos, with the words that reviewers gave, and `row`, the number of each."""
    tables = [pl.from_arrow(shard.table(_PLAIN)) for shard in batch]
    numbers = np.concatenate([_numbers(rows, shard) for shard in batch])
    frame = pl.concat([table for table in tables if isinstance(table, pl.DataFrame)])
    frame = frame.with_columns(
        bytes_before=pl.col("bytes"), row=pl.Series(numbers), reason=pl.Series(rows.reason[numbers])
    )
    first = int(numbers[0]) if len(numbers) else 0
    changed = [int(number) for number in numbers.tolist() if number in fixed] if fixed else []
    for name in CHANGED if changed else ():
        values = frame[name].to_list()
        for number in changed:
            values[number - first] = fixed[number].changes[name]
        frame = frame.with_columns(pl.Series(name, values, frame.schema[name]))
    return frame.with_columns(
        number=pl.Series(to.number[numbers]),
        new_offset=pl.Series(to.offset[numbers]),
        split=pl.Series(to.split[numbers]),
        video=pl.Series(rows.video[numbers]),
        reviewed=pl.Series(rows.reviewed[numbers]),
    )


def _copy_lines(
    batch: Sequence[Shard], frame: pl.DataFrame, fixed: Mapping[int, Fixed], files: Sequence[IO[bytes]]
) -> None:
    for shard in batch:
        own = frame.filter((pl.col("video") == shard.number) & (pl.col("reason") == 0))
        stands = list(zip(own["offset"].to_list(), own["bytes_before"].to_list(), strict=True))
        goes = own.select("row", "split", "new_offset").iter_rows()
        for (row, split, offset), line in zip(goes, shard.lines(stands), strict=True):
            files[split].seek(offset)
            files[split].write(fixed[row].line if row in fixed else line)


def _index(frame: pl.DataFrame, to: Places) -> pl.DataFrame:
    groups = pl.Series(to.groups, dtype=pl.String)
    return frame.with_columns(
        offset=pl.col("new_offset"),
        split=pl.col("split").replace_strict(range(len(SPLITS)), SPLITS, return_dtype=pl.String),
        duplicate_group=groups.gather(frame["video"]),
        reviewed=pl.col("reviewed").replace_strict(range(len(REVIEWED)), REVIEWED, return_dtype=pl.String),
    ).select("number", *schemas.RELEASE_EXAMPLES.names)


def _removed(frame: pl.DataFrame, rows: Rows) -> pa.Table:
    """What was left out of some videos, with what stands for it, if anything does."""
    numbers = frame["row"].to_numpy()
    stand = [rows.stands_for(int(number)) for number in numbers]
    details = [rows.details.words[number] for number in rows.detail[numbers].tolist()]
    for place, (number, standing) in enumerate(zip(numbers.tolist(), stand, strict=True)):
        like = int(rows.kept_by[number])
        if like >= 0 and standing < 0:
            details[place] = f"{details[place]}; {rows.example_id[like]}, which it is like, is left out too".lstrip(
                "; "
            )
    return pa.table(
        {
            **{name: frame[name].to_arrow() for name in ("example_id", "pair_id", "video_id")},
            "reason": [REASONS[reason] for reason in rows.reason[numbers].tolist()],
            "detail": details,
            "kept": [rows.example_id[standing] if standing >= 0 else "" for standing in stand],
        }
    ).cast(schemas.REMOVED)


class _Sorter:
    """Puts rows in the order of `number` without holding all of them."""

    def __init__(self, work: Path) -> None:
        self._work = work
        self._parts = 0

    def add(self, frame: pl.DataFrame) -> None:
        if not frame.height:
            return
        for (part,), rows in frame.group_by(pl.col("number") // ROWS_AT_ONCE, maintain_order=True):
            self._parts = max(self._parts, int(part) + 1)
            table = rows.to_arrow(compat_level=pl.CompatLevel.oldest())
            with self._path(int(part)).open("ab") as file, pa.ipc.new_stream(file, table.schema) as stream:
                stream.write_table(table)

    def write(self, path: Path) -> None:
        schema = schemas.RELEASE_EXAMPLES
        with pq.ParquetWriter(path, schema, compression="zstd") as writer:
            for part in range(self._parts):
                table = pa.concat_tables(self._read(part)).sort_by("number")
                writer.write_table(table.select(schema.names).cast(schema))
                self._path(part).unlink()

    def _read(self, part: int) -> Iterator[pa.Table]:
        with self._path(part).open("rb") as file:
            end = file.seek(0, 2)
            file.seek(0)
            while file.tell() < end:
                with pa.ipc.open_stream(file) as stream:
                    yield stream.read_all()

    def _path(self, part: int) -> Path:
        return self._work / f"index-{part}.tmp"

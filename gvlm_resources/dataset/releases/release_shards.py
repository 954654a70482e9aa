"""The shards that a release is made of: one folder a video, read without its lines and in a fixed order.

A shard holds `examples.jsonl` and `examples.parquet` (`schemas.EXAMPLES`). Rows come in the order of their lines. Lines
are read one by one, by the place that the table gives them.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from gvlm_resources import schemas
from gvlm_resources.dataset.releases.release_spec import ReleaseSpec
from gvlm_resources.errors import ReleaseError

LINES, TABLE = "examples.jsonl", "examples.parquet"
BATCH_ROWS = 8_192  # small videos are handled together: a column operation costs as much for 300 rows as for 8,000
NAMED = 5  # names in an error


@dataclass(frozen=True)
class Shard:
    """The examples of the video number `number` of a release. Raises ReleaseError where they cannot be read.

    `examples.shards.Shard` reads the same files as what one video's step wrote, and blames the lake. Here a shard is an
    input that may come from anywhere and may be damaged: its format, its videos and its places are checked, the error
    names the video and what to build again, and the file of lines is opened only while lines are copied.
    """

    number: int
    video_id: str
    folder: Path

    def rows(self) -> int:
        return self._file().metadata.num_rows

    def table(self, columns: Sequence[str]) -> pa.Table:
        """The columns, rows in the order of their lines."""
        with self._file() as file:
            table = file.read(columns=list(columns), use_threads=False)
        offsets = table.column("offset")
        return table if _is_rising(offsets) else table.take(pc.sort_indices(offsets))

    def check(self, table: pa.Table) -> None:
        """That the rows are this video's, and that their lines are there, one after another."""
        if table.num_rows and pc.unique(table.column("video_id")).to_pylist() != [self.video_id]:
            raise self._damaged(f"{TABLE} holds rows of other videos")
        ends = pc.add(table.column("offset"), table.column("bytes"))
        size = self._path(LINES).stat().st_size
        if table.num_rows and pc.max(ends).as_py() > size:
            raise self._damaged(f"{LINES} has {size} bytes, {TABLE} tells of more")

    def lines(self, places: Sequence[tuple[int, int]]) -> Iterator[bytes]:
        """The lines at `(offset, bytes)`, one at a time."""
        with self._path(LINES).open("rb") as file:
            for offset, size in places:
                line = os.pread(file.fileno(), size, offset)
                if len(line) != size or not line.endswith(b"\n"):
                    raise self._damaged(f"no line of {size} bytes begins at byte {offset} of {LINES}")
                yield line

    def _file(self) -> pq.ParquetFile:
        path = self._path(TABLE)
        try:
            file = pq.ParquetFile(path)
        except (pa.ArrowInvalid, OSError) as error:
            raise self._damaged(f"{TABLE} cannot be read ({error})") from error
        found = (file.schema_arrow.metadata or {}).get(b"gvlm.schema_version", b"").decode()
        if file.schema_arrow.names != schemas.EXAMPLES.names or found != schemas.VERSION:
            raise self._damaged(f"{TABLE} was written in another format (schema version {found or 'none'})")
        return file

    def _path(self, name: str) -> Path:
        path = self.folder / name
        if not path.is_file():
            raise self._damaged(f"{name} is not there")
        return path

    def _damaged(self, what: str) -> ReleaseError:
        return ReleaseError(
            f"the training examples of {self.video_id} cannot be used: {what}",
            remedy=f"delete that result, then run `gvlm build {self.video_id} --select training_examples`",
        )


def _is_rising(offsets: pa.ChunkedArray) -> bool:
    values = offsets.to_numpy()
    return bool((values[1:] > values[:-1]).all())


def of_release(spec: ReleaseSpec, folders: Mapping[str, Path]) -> list[Shard]:
    """The shards of a release's inputs, by video id. Raises ReleaseError where they are not exactly those folders."""
    wanted = [video.video_id for video in spec.inputs]
    missing = [video for video in wanted if video not in folders]
    if missing:
        raise ReleaseError(
            f"training examples are missing for {named(missing)}",
            remedy="run `gvlm build VIDEO --select training_examples` for each",
        )
    others = sorted(set(folders) - set(wanted))
    if others:
        raise ReleaseError(
            f"the release {spec.name} is not made of {named(others)}",
            remedy="create a new release for them: a release is frozen",
        )
    return [Shard(number, video, folders[video]) for number, video in enumerate(wanted)]


def named(videos: Sequence[str]) -> str:
    """Some videos in an error, the first few by their ids."""
    rest = f" and {len(videos) - NAMED} more" if len(videos) > NAMED else ""
    return ", ".join(videos[:NAMED]) + rest


def batches(shards: Sequence[Shard]) -> Iterator[list[Shard]]:
    """The shards in order, small ones together."""
    batch: list[Shard] = []
    rows = 0
    for shard in shards:
        batch.append(shard)
        rows += shard.rows()
        if rows >= BATCH_ROWS:
            yield batch
            batch, rows = [], 0
    if batch:
        yield batch

"""A folder for Hugging Face `datasets`: Parquet shards of each split, with typed columns and decoded pictures.

Nothing of a line is lost: `conversations` hold the tokens as they stand, `embeddings` what stands behind them, boxes
are pixels. `images` are the pictures of `image_frames`. `image_tokens` has for each picture the number of its token in
`embeddings`, `embedding_images` for each of `embeddings` the number of its picture; -1 where there is none.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import closing
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from gvlm_resources.dataset.examples.example import Example, as_json
from gvlm_resources.dataset.export.job import MIB, Job
from gvlm_resources.dataset.releases.release_spec import SPLITS
from gvlm_resources.lake.fingerprint import canonical_json

GROUP_BYTES = 32 * MIB  # of a row group: what a reader holds in memory at once
GROUP_ROWS = 256

_STRINGS = pa.list_(pa.string())
_FROM_INDEX = ("pair_id", "kind", "curriculum", "language", "length", "made_by", "confidence", "duplicate_group")
_COLUMNS: list[tuple[str, pa.DataType]] = [
    ("id", pa.string()),
    ("video", pa.string()),
    ("conversations", pa.list_(pa.struct([("from", pa.string()), ("value", pa.string())]))),
    ("images", pa.list_(pa.struct([("bytes", pa.binary()), ("path", pa.string())]))),
    ("image_frames", _STRINGS),
    ("image_tokens", pa.list_(pa.int32())),
    ("embedding_images", pa.list_(pa.int32())),
    ("timestamps", pa.list_(pa.list_(pa.float64()))),
    ("embeddings", pa.list_(pa.struct([("token", pa.string()), ("table", pa.string()), ("id", pa.string())]))),
    ("frames", _STRINGS),
    ("boxes", pa.list_(pa.list_(pa.float64()))),
    ("box_frames", _STRINGS),
    ("width", pa.int32()),
    ("height", pa.int32()),
    ("evidence", _STRINGS),
    *((name, pa.float64() if name == "confidence" else pa.string()) for name in _FROM_INDEX),
    ("reviewed", pa.string()),
    ("provenance", pa.string()),
]


def _feature(kind: pa.DataType) -> Any:
    """The type of a column as `datasets` writes it down."""
    if pa.types.is_list(kind):
        return {"feature": _feature(kind.value_type), "_type": "List"}
    if pa.types.is_struct(kind):
        fields = {kind.field(number).name: kind.field(number).type for number in range(kind.num_fields)}
        return {"_type": "Image"} if set(fields) == {"bytes", "path"} else {n: _feature(t) for n, t in fields.items()}
    return {"dtype": {"double": "float64"}.get(str(kind), str(kind)), "_type": "Value"}


SCHEMA = pa.schema(
    _COLUMNS,
    metadata={"huggingface": json.dumps({"info": {"features": {name: _feature(kind) for name, kind in _COLUMNS}}})},
)


def write(job: Job) -> None:
    """`data/{split}-{00000}.parquet`, none of a split that is empty: `datasets` cannot read a file without rows."""
    (job.folder / "data").mkdir()
    for split in SPLITS:
        with closing(_Shards(job, split)) as shards:
            for example, indexed in job.indexed(split):
                shards.add(*_row(job, example, indexed))
                job.rows[split] += 1


def configs(job: Job) -> list[dict[str, Any]]:
    """What the card's head tells `datasets`: which files are which split."""
    splits = [{"split": split, "path": f"data/{split}-*.parquet"} for split in SPLITS if job.rows[split]]
    return [{"config_name": "default", "data_files": splits}]


def _row(job: Job, example: Example, indexed: Mapping[str, Any]) -> tuple[dict[str, Any], int]:
    """The row, and about how many bytes it takes."""
    pictured = job.pictured(example)
    images = [{"bytes": job.album.jpeg(example, frame), "path": f"{frame}.jpg"} for frame in pictured.frames]
    job.album.count += len(images)
    line = as_json(example)
    row = {
        **line,
        "images": images,
        "image_frames": pictured.frames,
        "image_tokens": pictured.tokens,
        "embedding_images": pictured.pictures,
        **{name: indexed[name] for name in (*_FROM_INDEX, "reviewed")},
        "provenance": canonical_json(line["provenance"]),
    }
    return row, sum(len(image["bytes"]) for image in images) + len(canonical_json(line))


class _Shards:
    """The files of one split: a new one is begun where the last has grown to its size."""

    def __init__(self, job: Job, split: str) -> None:
        self._job, self._split = job, split
        self._writer: pq.ParquetWriter | None = None
        self._shard, self._written = 0, 0
        self._rows: list[dict[str, Any]] = []
        self._bytes = 0

    def add(self, row: dict[str, Any], size: int) -> None:
        self._rows.append(row)
        self._bytes += size
        limit = self._job.options.shard_mib * MIB
        full = self._written + self._bytes >= limit
        if full or len(self._rows) >= GROUP_ROWS or self._bytes >= GROUP_BYTES:
            self._flush()
        if full:
            self._end_shard()

    def close(self) -> None:
        if self._rows:
            self._flush()
        self._end_shard()

    def _flush(self) -> None:
        if self._writer is None:
            path = self._job.folder / "data" / f"{self._split}-{self._shard:05d}.parquet"
            self._writer = pq.ParquetWriter(path, SCHEMA, compression="zstd")
            self._shard += 1
        self._writer.write_table(pa.Table.from_pylist(self._rows, schema=SCHEMA))
        self._written += self._bytes
        self._rows, self._bytes = [], 0

    def _end_shard(self) -> None:
        if self._writer is not None:
            self._writer.close()
        self._writer, self._written = None, 0

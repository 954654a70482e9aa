"""Rows written as they come, and found again one by one."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from gvlm_resources.errors import LakeError
from gvlm_resources.schemas import FRAMES
from gvlm_resources.timebase import moment_id
from gvlm_resources.video import tables
from gvlm_resources.video.tables import ROWS_PER_GROUP, TableWriter, iter_frames, read_frames

COUNT = 5 * ROWS_PER_GROUP + 7


def row(number: int) -> dict[str, object]:
    values: dict[str, object] = {}
    for field in FRAMES:
        if pa.types.is_string(field.type):
            values[field.name] = ""
        elif pa.types.is_binary(field.type):
            values[field.name] = bytes([number % 256]) * 1000
        else:
            values[field.name] = False if pa.types.is_boolean(field.type) else number
    return values | {"frame_id": frame_id(number), "duplicate_of": None}


def frame_id(number: int) -> str:
    return moment_id("f", number * 1_000_000_000)


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "frames.parquet"
    with TableWriter(path, FRAMES) as writer:
        for number in range(COUNT):
            writer.add(row(number))
    return path


def test_all_rows_come_back_in_their_order(table: Path) -> None:
    found = read_frames(table, columns=["frame_id", "pts_ns"])
    assert found.column_names == ["frame_id", "pts_ns"]
    assert found.column("frame_id").to_pylist() == [frame_id(number) for number in range(COUNT)]


def test_frames_come_back_by_id_in_the_order_asked_for(table: Path) -> None:
    wanted = [frame_id(number) for number in (160, 3, 90, 3)]
    found = read_frames(table, wanted, columns=["pts_ns", "image"])
    assert found.column("pts_ns").to_pylist() == [160, 3, 90, 3]
    assert found.column("image")[2].as_py() == bytes([90]) * 1000


def test_one_frame_costs_one_row_group(table: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[int] = []
    plain = pq.ParquetFile.read_row_group
    monkeypatch.setattr(
        pq.ParquetFile,
        "read_row_group",
        lambda file, number, **more: read.append(number) or plain(file, number, **more),
    )
    read_frames(table, [frame_id(70)])
    assert read == [70 // ROWS_PER_GROUP]


def test_an_unknown_id_is_an_error(table: Path) -> None:
    with pytest.raises(LakeError, match="f999999999999"):
        read_frames(table, [frame_id(1), "f999999999999"])


def test_asking_for_no_frame_gives_an_empty_table(table: Path) -> None:
    assert read_frames(table, []).num_rows == 0


def test_rows_are_iterated_in_small_batches(table: Path) -> None:
    batches = list(iter_frames(table, columns=["pts_ns"], rows=10))
    assert max(batch.num_rows for batch in batches) <= 10
    assert [value for batch in batches for value in batch.column(0).to_pylist()] == list(range(COUNT))


def test_row_groups_are_small_and_images_are_not_compressed_twice(table: Path) -> None:
    metadata = pq.read_metadata(table)
    assert metadata.num_row_groups == 6
    group = metadata.row_group(0)
    codecs = {group.column(at).path_in_schema: group.column(at).compression for at in range(group.num_columns)}
    assert codecs["image"] == "UNCOMPRESSED"
    assert codecs["frame_id"] == "ZSTD"


def test_a_row_without_a_column_is_refused(tmp_path: Path) -> None:
    with TableWriter(tmp_path / "t.parquet", FRAMES) as writer, pytest.raises(ValueError, match="columns"):
        writer.add({"frame_id": "f0"})


def test_the_module_reads_nothing_but_what_is_asked() -> None:
    assert tables.ROWS_PER_GROUP <= 64, "a row group is what one read fetches"


def test_one_row_group_of_a_table_is_in_memory_while_it_is_read(tmp_path: Path) -> None:
    schema = pa.schema([("video_id", pa.string()), ("frame_id", pa.string()), ("image", pa.binary())])
    image = bytes(100_000)
    with tables.TableWriter(tmp_path / "long.parquet", schema) as writer:
        for number in range(20 * tables.ROWS_PER_GROUP):
            writer.add({"video_id": "v", "frame_id": f"f{number:06d}", "image": image})
    before, held, count = pa.total_allocated_bytes(), [], 0
    for batch in tables.iter_frames(tmp_path / "long.parquet", rows=8):
        count += batch.num_rows
        held.append(pa.total_allocated_bytes() - before)
    assert count == 20 * tables.ROWS_PER_GROUP
    assert max(held) < 1.5 * tables.ROWS_PER_GROUP * len(image)

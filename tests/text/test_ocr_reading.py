from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from gvlm_resources import game, schemas, timebase
from gvlm_resources.settings import OcrSettings
from gvlm_resources.text import ocr_rows, reading
from gvlm_resources.text.ocr_rows import Outcome, Place, Row
from tests.text import screen
from tests.text.test_tracking import frame

SECOND_NS = 1_000_000_000
DRAWN = game.Game(
    name="drawn", title="Drawn", hud=(game.HudRegion(name="health", box=(0.0, 0.8, 0.3, 1.0), kind="number"),)
)


def frames_file(folder: Path, images: list[bytes], statuses: list[str]) -> Path:
    rows = [
        {"pts_ns": index * SECOND_NS, "image": image, "status": status, "frame_id": f"f{index}"}
        for index, (image, status) in enumerate(zip(images, statuses, strict=True))
    ]
    pq.write_table(pa.Table.from_pylist(rows), folder / "frames.parquet")
    return folder / "frames.parquet"


def crops_file(folder: Path, rows: list[dict]) -> Path:
    pq.write_table(pa.Table.from_pylist(rows, schema=schemas.HUD_CROPS), folder / "hud_crops.parquet")
    return folder / "hud_crops.parquet"


def read(folder: Path, *, frames: Path, hud_crops: Path, of_game: game.Game, end_s: int) -> pa.Table:
    return reading.read_video(
        frames=frames,
        hud_crops=hud_crops,
        video_id="v-1",
        end_ns=end_s * SECOND_NS,
        game=of_game,
        reader=screen.Counting(),
        settings=OcrSettings(),
    )


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> pa.Table:
    folder = tmp_path_factory.mktemp("ocr")
    paused = screen.jpeg(frame(("PAUSED", (100, 130))))
    frames = frames_file(folder, [paused, b"", paused, paused], ["ok", "failed", "ok", "ok"])
    crops = crops_file(folder, screen.crops("health", [screen.number(text) for text in ("100", "100", "9")]))
    return read(folder, frames=frames, hud_crops=crops, of_game=DRAWN, end_s=4)


def test_one_table_holds_the_hud_and_the_frames_by_start_then_region(table: pa.Table) -> None:
    assert table.schema.equals(schemas.OCR_TEXT, check_metadata=True)
    rows = [(row["region"], row["category"], row["text"], row["start_ns"], row["end_ns"]) for row in table.to_pylist()]
    assert rows == [
        ("frame", "text", "PAUSED", 0, 4 * SECOND_NS),
        ("health", "number", "100", 0, 200_000_000),
        ("health", "number", "9", 200_000_000, 300_000_000),
    ]


def test_ids_are_the_moment_and_a_number_that_tells_rows_of_one_moment_apart(table: pa.Table) -> None:
    assert table["ocr_id"].to_pylist() == ["o000000000000-0", "o000000000000-1", "o000000200000-0"]


def test_boxes_lie_in_the_frame_they_are_told_with(table: pa.Table) -> None:
    for row in table.to_pylist():
        x0, y0, x1, y1 = row["box"]
        assert 0 <= x0 < x1 <= row["width"]
        assert 0 <= y0 < y1 <= row["height"]


def test_a_game_without_a_hud_needs_no_crops(tmp_path: Path) -> None:
    frames = frames_file(tmp_path, [screen.jpeg(frame(("PAUSED", (100, 130))))], ["ok"])
    found = read(tmp_path, frames=frames, hud_crops=tmp_path / "none", of_game=game.load("generic"), end_s=1)
    assert found["text"].to_pylist() == ["PAUSED"]


def test_a_video_without_frames_and_crops_gives_an_empty_table(tmp_path: Path) -> None:
    pq.write_table(schemas.FRAMES.empty_table(), tmp_path / "frames.parquet")
    found = read(
        tmp_path,
        frames=tmp_path / "frames.parquet",
        hud_crops=crops_file(tmp_path, []),
        of_game=DRAWN,
        end_s=1,
    )
    assert found.num_rows == 0
    assert found.schema.equals(schemas.OCR_TEXT)


def test_a_message_stands_at_its_place_in_the_frame() -> None:
    place = Place.of(ocr_rows.Box(10, 5, 60, 20), 640, 480, left=100, top=300)
    assert place.box == (110, 305, 160, 320)


def test_a_row_of_no_time_is_refused() -> None:
    with pytest.raises(ValueError, match="stands for a while"):
        Row("frame", "text", 5, 5, Outcome("A", 1.0), Place((0, 0, 1, 1), 2, 2), 1)


def test_the_moment_of_an_id_is_that_of_the_row() -> None:
    row = Row("frame", "text", 61_000_000_000, 62_000_000_000, Outcome("A", 1.0), Place((0, 0, 1, 1), 2, 2), 1)
    (only,) = ocr_rows.table_of("v-1", [row]).to_pylist()
    assert only["ocr_id"] == timebase.moment_id("o", 61_000_000_000) + "-0"

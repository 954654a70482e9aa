"""JSON lines of ms-swift, by what its documentation says of them.

`benchmarks/loadable.py` runs ms-swift itself where it is installed.
"""

import json
from pathlib import Path
from typing import Any

import datasets
import pytest
from PIL import Image

from gvlm_resources.dataset.export.write import write
from tests.dataset import tiny_release as tiny


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write("swift", tiny.release(tmp_path / "release"), tmp_path / "swift", tiny.frames)
    return tmp_path / "swift"


def lines(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text().splitlines()]


def test_placeholders_are_as_many_as_pictures_and_boxes(folder: Path) -> None:
    for split in ("train", "validation", "test"):
        for row in lines(folder / f"{split}.jsonl"):
            text = "".join(message["content"] for message in row["messages"])
            assert text.count("<image>") == len(row["images"]) > 0
            assert text.count("<bbox>") == len((row["objects"] or {"bbox": []})["bbox"])
            assert "<ref-object>" not in text
            assert all((folder / name).is_file() for name in row["images"])


def test_a_box_is_in_pixels_of_the_picture_that_it_numbers(folder: Path) -> None:
    row = lines(folder / "train.jsonl")[0]
    assert row["objects"] == {"ref": [], "bbox": [tiny.BOX], "bbox_type": "real", "image_id": [1]}
    assert row["messages"][1]["content"] == "At <bbox>."
    picture = Image.open(folder / row["images"][1])
    x0, y0, x1, y1 = tiny.BOX
    assert picture.getpixel((int(x0 + x1) // 2, int(y0 + y1) // 2)) > (240, 240, 240)


def test_the_columns_are_inferred_from_any_part_of_the_file(tmp_path: Path) -> None:
    """The first lines decide on the types, so that those with boxes stand there, wherever the release has them."""
    many = [{**tiny.ONE, "id": tiny.example_id(str(number))} for number in range(30)]
    release = tiny.release(tmp_path / "release", {"train": [*many, tiny.BOXED]})
    write("swift", release, tmp_path / "swift", tiny.frames)
    loaded = datasets.load_dataset(
        "json",
        data_files=str(tmp_path / "swift" / "train.jsonl"),
        split="train",
        chunksize=500,
        cache_dir=str(tmp_path / "cache"),
    )
    assert loaded.num_rows == 31
    assert loaded[0]["objects"]["bbox"] == [tiny.BOX]
    assert loaded[30]["objects"] is None


def test_examples_without_pictures_are_messages_alone(folder: Path) -> None:
    assert lines(folder / "train.text.jsonl") == [
        {
            "messages": [
                {"role": "user", "content": "<evidence>\n</evidence>\nHow long is it?"},
                {"role": "assistant", "content": "A minute."},
            ]
        }
    ]


def test_no_working_file_is_left_behind(folder: Path) -> None:
    assert not [path for path in folder.rglob("*") if path.name.startswith(".")]

"""LLaVA's JSON, by a reader written from what LLaVA 1.x and LLaVA-NeXT do with a line.

`benchmarks/loadable.py` runs the loader of LLaVA 1.x itself where it is installed.
"""

import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from gvlm_resources.dataset.export.job import Options
from gvlm_resources.dataset.export.write import write
from gvlm_resources.errors import ReleaseError
from tests.dataset import tiny_release as tiny


def read(folder: Path, split: str) -> list[dict[str, Any]]:
    """The lines as the loaders take them: `image` in the folder, turns by turns, as many pictures as tokens."""
    lines = json.loads((folder / f"{split}.json").read_text())
    for line in lines:
        names = line.get("image", [])
        names = [names] if isinstance(names, str) else names
        line["opened"] = [Image.open(folder / name).convert("RGB") for name in names]
        speakers = [turn["from"] for turn in line["conversations"]]
        assert speakers == ["human", "gpt"] * (len(speakers) // 2)
        assert sum(turn["value"].count("<image>") for turn in line["conversations"]) == len(names)
    return lines


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write("llava", tiny.release(tmp_path / "release"), tmp_path / "llava", tiny.frames)
    return tmp_path / "llava"


def test_each_split_is_one_list_with_as_many_pictures_as_tokens(folder: Path) -> None:
    assert [line["id"] for line in read(folder, "train")] == [
        line["id"] for line in (tiny.LONG, tiny.BOXED, tiny.OF_WORDS)
    ]
    assert [len(line["opened"]) for line in read(folder, "train")] == [16, 2, 0]
    assert [len(line["opened"]) for line in read(folder, "test")] == [1]


def test_one_picture_is_a_string_several_are_a_list_and_none_is_no_key(folder: Path) -> None:
    train = read(folder, "train")
    assert read(folder, "validation")[0]["image"] == f"images/{tiny.OTHER}/{tiny.second(7)}.jpg"
    assert train[1]["image"] == [f"images/{tiny.VIDEO}/{tiny.second(number)}.jpg" for number in (2, 3)]
    assert "image" not in train[2]


def test_what_the_system_says_opens_the_first_turn_of_the_human(folder: Path) -> None:
    first = read(folder, "validation")[0]["conversations"][0]
    assert first == {"from": "human", "value": "You answer.\n\n[00:07]<image>\nWhat is shown?"}


def test_boxes_are_parts_of_the_sides(folder: Path) -> None:
    assert read(folder, "train")[1]["conversations"][1]["value"] == "At [0.25, 0.25, 0.5, 0.75]."


def test_at_most_one_picture_is_what_llava_1_reads_and_several_are_noted(tmp_path: Path) -> None:
    release = tiny.release(tmp_path / "release")
    several = write("llava", release, tmp_path / "several", tiny.frames)
    single = write("llava", release, tmp_path / "single", tiny.frames, Options(max_pictures=1))
    assert any(note.startswith("2 lines show several pictures") for note in several.notes)
    assert not any("several pictures" in note for note in single.notes)
    assert all(isinstance(line.get("image", ""), str) for line in read(tmp_path / "single", "train"))
    assert read(tmp_path / "single", "train")[1]["image"].endswith(f"{tiny.second(3)}.jpg"), "the frame of the box"


def test_the_one_picture_is_that_of_the_answer(tmp_path: Path) -> None:
    release = tiny.release(tmp_path / "release", {"train": [{**tiny.LONG, "evidence": [], "timestamps": [[3.0, 4.0]]}]})
    write("llava", release, tmp_path / "llava", tiny.frames, Options(max_pictures=1))
    assert read(tmp_path / "llava", "train")[0]["image"].endswith(f"{tiny.second(3)}.jpg")


def test_an_empty_split_is_an_empty_list(tmp_path: Path) -> None:
    write("llava", tiny.release(tmp_path / "release", {"train": [tiny.ONE]}), tmp_path / "llava", tiny.frames)
    assert read(tmp_path / "llava", "test") == []


def test_turns_that_llava_cannot_take_are_an_error_that_names_the_example(tmp_path: Path) -> None:
    line = tiny.line("odd", [("human", "<evidence>\n</evidence>\nOne?"), ("human", "Two?"), ("gpt", "Three.")])
    with pytest.raises(ReleaseError, match=line["id"]):
        write("llava", tiny.release(tmp_path / "release", {"train": [line]}), tmp_path / "llava", tiny.frames)

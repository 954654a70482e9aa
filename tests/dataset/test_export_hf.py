"""The folder for Hugging Face `datasets`, loaded by `datasets`."""

import json
from pathlib import Path
from typing import Any

import datasets
import pyarrow.parquet as pq
import pytest
from huggingface_hub import DatasetCard

from gvlm_resources.dataset.export import hf
from gvlm_resources.dataset.export.job import MIB, Options
from gvlm_resources.dataset.export.write import write
from gvlm_resources.errors import ReleaseError
from tests.dataset import tiny_release as tiny


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write("hf", tiny.release(tmp_path / "release"), tmp_path / "hf", tiny.frames)
    return tmp_path / "hf"


def test_load_dataset_finds_the_splits_and_every_line_whole(folder: Path, tmp_path: Path) -> None:
    loaded = datasets.load_dataset(str(folder), cache_dir=str(tmp_path / "cache"))
    assert {split: loaded[split]["id"][:] for split in loaded} == {
        split: [line["id"] for line in lines] for split, lines in tiny.SPLITS.items()
    }
    row, line = loaded["train"][1], tiny.BOXED
    for name in ("video", "conversations", "timestamps", "embeddings", "frames", "boxes", "box_frames", "evidence"):
        assert row[name] == line[name], name
    assert (row["width"], row["height"]) == (tiny.WIDTH, tiny.HEIGHT)
    assert json.loads(row["provenance"]) == line["provenance"]
    assert (row["kind"], row["curriculum"], row["confidence"]) == ("what", "dynamics", 0.9)


def test_pictures_decode_and_are_those_of_their_frames(folder: Path, tmp_path: Path) -> None:
    row = datasets.load_dataset(str(folder), cache_dir=str(tmp_path / "cache"))["train"][1]
    assert row["image_frames"] == [tiny.second(2), tiny.second(3)]
    for picture, frame in zip(row["images"], row["image_frames"], strict=True):
        assert picture.size == (tiny.WIDTH, tiny.HEIGHT)
        expected = tiny.colour(tiny.VIDEO, frame)
        assert all(abs(a - b) < 12 for a, b in zip(picture.getpixel((50, 5)), expected, strict=True))
    assert row["images"][1].getpixel((24, 24)) > (240, 240, 240), "pixels of the box"


def test_the_files_alone_tell_the_types_of_the_columns(folder: Path, tmp_path: Path) -> None:
    file = str(folder / "data" / "train-00000.parquet")
    loaded = datasets.load_dataset("parquet", data_files=file, split="train", cache_dir=str(tmp_path / "cache"))
    assert loaded.features["images"] == datasets.List(datasets.Image())
    assert loaded.features == datasets.Features.from_arrow_schema(hf.SCHEMA)
    assert loaded.features["boxes"] == datasets.List(datasets.List(datasets.Value("float64")))


def test_a_split_that_is_empty_is_not_there(tmp_path: Path) -> None:
    write("hf", tiny.release(tmp_path / "release", {"train": [tiny.ONE]}), tmp_path / "hf", tiny.frames)
    loaded = datasets.load_dataset(str(tmp_path / "hf"), cache_dir=str(tmp_path / "cache"))
    assert {split: rows.num_rows for split, rows in loaded.items()} == {"train": 1}


def test_files_are_parted_by_size_and_keep_the_order(tmp_path: Path) -> None:
    lines = [{**tiny.ONE, "id": tiny.example_id(str(number))} for number in range(9)]
    big = tiny.jpeg(tiny.OTHER, "f") + bytes(MIB // 2)
    release = tiny.release(tmp_path / "release", {"train": lines})
    write("hf", release, tmp_path / "hf", lambda video, frame: big, Options(shard_mib=1))
    files = sorted(path.name for path in (tmp_path / "hf" / "data").glob("train-*"))
    assert files == [f"train-{number:05d}.parquet" for number in range(5)]
    loaded = datasets.load_dataset(str(tmp_path / "hf"), cache_dir=str(tmp_path / "cache"))
    assert loaded["train"]["id"][:] == [line["id"] for line in lines]


HEAD = "---\nlicense: mit\nlanguage:\n- en\ntags:\n- gameplay\nconfigs:\n- config_name: default\n  data_files: x\n---\n"


def card(tmp_path: Path, text: str, **given: Any) -> str:
    release = tiny.release(tmp_path / "release")
    if text:
        (release.folder / "card.md").write_text(text)
    write("hf", release, tmp_path / "hf", tiny.frames, **given)
    assert datasets.load_dataset(str(tmp_path / "hf"), cache_dir=str(tmp_path / "cache"))["train"].num_rows == 4
    return (tmp_path / "hf" / "README.md").read_text()


def test_the_card_has_one_head_with_the_licence_of_the_release_and_the_files_of_the_export(tmp_path: Path) -> None:
    text = card(tmp_path, f"{HEAD}\n# Tiny\n")
    data = DatasetCard.load(tmp_path / "hf" / "README.md").data.to_dict()
    assert (data["license"], data["language"], data["tags"]) == ("mit", ["en"], ["gameplay"])
    assert data["configs"][0]["data_files"][0]["path"] == "data/train-*.parquet"
    assert text.split("\n").count("---") == 2


def test_the_card_tells_how_the_export_is_loaded_and_not_the_release(tmp_path: Path) -> None:
    body = "\n# Tiny\n\n## How to load it\n\nof the lake\n\n## Intended use\n\nTraining.\n"
    text = card(tmp_path, HEAD + body, vectors=tiny.vectors)
    assert "of the lake" not in text
    assert 'load_dataset("FOLDER")' in text
    assert "are in `vectors/`" in text
    assert text.endswith("## Intended use\n\nTraining.\n")


def test_a_release_without_a_card_gets_one_that_says_what_is_not_there(tmp_path: Path) -> None:
    text = card(tmp_path, "")
    assert "# tiny\n" in text
    assert "are not in this folder" in text


@pytest.mark.parametrize("head", ["---\na: [\n---\n", "---\njust words\n---\n"])
def test_a_head_that_cannot_be_read_is_an_error(head: str, tmp_path: Path) -> None:
    with pytest.raises(ReleaseError, match="the head of the release's card"):
        card(tmp_path, head)


def test_each_picture_names_its_token_and_each_token_its_picture(tmp_path: Path) -> None:
    release = tiny.release(tmp_path / "release")
    write("hf", release, tmp_path / "hf", tiny.frames, Options(max_pictures=3))
    rows = {row["id"]: row for row in pq.read_table(tmp_path / "hf" / "data" / "train-00000.parquet").to_pylist()}
    long = rows[tiny.LONG["id"]]
    assert long["image_tokens"] == [4, 10, 19], "the two deaths, and one more"
    assert [token for token, picture in enumerate(long["embedding_images"]) if picture >= 0] == [4, 10, 19]
    assert len(long["embedding_images"]) == len(long["embeddings"])
    region = rows[tiny.OF_REGION["id"]]
    assert (region["image_tokens"], region["embedding_images"]) == ([-1], [-1]), "a region is no whole frame"

"""Tar shards, loaded by `webdataset`."""

import tarfile
from pathlib import Path
from typing import Any

import pytest
import webdataset

from gvlm_resources.dataset.export.job import MIB, Options
from gvlm_resources.dataset.export.write import write
from tests.dataset import tiny_release as tiny


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write("webdataset", tiny.release(tmp_path / "release"), tmp_path / "wds", tiny.frames)
    return tmp_path / "wds"


def samples(folder: Path, split: str) -> list[dict[str, Any]]:
    shards = sorted(str(path) for path in folder.glob(f"{split}-*.tar"))
    return list(webdataset.WebDataset(shards, shardshuffle=False).decode("pil"))


def test_every_sample_is_its_line_and_its_pictures(folder: Path) -> None:
    for split, lines in tiny.SPLITS.items():
        found = samples(folder, split)
        assert [sample["__key__"] for sample in found] == [line["id"] for line in lines]
        for sample, line in zip(found, lines, strict=True):
            pictures = sample["json"].pop("pictures")
            tokens, of_tokens = sample["json"].pop("picture_tokens"), sample["json"].pop("embedding_pictures")
            assert [line["embeddings"][token]["id"] for token in tokens if token >= 0] == [
                frame for frame, token in zip(pictures, tokens, strict=True) if token >= 0
            ]
            assert [of_tokens[token] for token in tokens if token >= 0] == [
                number for number, token in enumerate(tokens) if token >= 0
            ]
            assert sample["json"] == line
            assert sorted(key for key in sample if key.endswith(".jpg")) == sorted(
                f"{number}.jpg" for number in range(len(pictures))
            )


def test_pictures_decode_in_the_order_that_the_line_names(folder: Path) -> None:
    sample = samples(folder, "train")[1]
    assert sample["json"]["pictures"] == [tiny.second(2), tiny.second(3)]
    for number, frame in enumerate(sample["json"]["pictures"]):
        expected = tiny.colour(tiny.VIDEO, frame)
        found = sample[f"{number}.jpg"].getpixel((50, 5))
        assert all(abs(a - b) < 12 for a, b in zip(found, expected, strict=True))


def test_files_tell_nothing_of_the_machine_that_wrote_them(folder: Path) -> None:
    with tarfile.open(folder / "train-000000.tar") as tar:
        members = tar.getmembers()
    assert {(m.mtime, m.uid, m.gid, m.uname, m.gname, m.mode) for m in members} == {(0, 0, 0, "", "", 0o644)}


def test_shards_are_parted_by_size_without_parting_a_sample(tmp_path: Path) -> None:
    lines = [{**tiny.BOXED, "id": tiny.example_id(str(number))} for number in range(7)]
    big = tiny.jpeg(tiny.VIDEO, "f") + bytes(MIB // 4)
    release = tiny.release(tmp_path / "release", {"train": lines})
    write("webdataset", release, tmp_path / "wds", lambda video, frame: big, Options(shard_mib=1))
    shards = sorted(path.name for path in (tmp_path / "wds").glob("*.tar"))
    assert shards == [f"train-{number:06d}.tar" for number in range(4)]
    found = samples(tmp_path / "wds", "train")
    assert [sample["__key__"] for sample in found] == [line["id"] for line in lines]
    assert all("1.jpg" in sample for sample in found)

"""What holds for every format: whole or not at all, nothing lost silently, nobody's files overwritten."""

import json
from pathlib import Path
from typing import Any

import pytest

from gvlm_resources.dataset.export.job import Options
from gvlm_resources.dataset.export.write import FORMATS, MARKER, write
from gvlm_resources.dataset.releases.release_files import Release
from gvlm_resources.errors import ReleaseError
from tests.dataset import tiny_release as tiny

every_format = pytest.mark.parametrize("name", list(FORMATS))


@pytest.fixture
def release(tmp_path: Path) -> Release:
    return tiny.release(tmp_path / "release")


def content(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@every_format
def test_the_same_release_gives_the_same_bytes(name: str, release: Release, tmp_path: Path) -> None:
    first = write(name, release, tmp_path / "a", tiny.frames)
    second = write(name, release, tmp_path / "b", tiny.frames)
    assert first == second
    assert content(tmp_path / "a") == content(tmp_path / "b")
    assert sorted(first.files) == sorted(content(tmp_path / "a"))


@every_format
def test_every_example_is_a_row_or_is_counted_as_left_out(name: str, release: Release, tmp_path: Path) -> None:
    exported = write(name, release, tmp_path / "a", tiny.frames)
    left_out = [int(note.rpartition(": ")[2]) for note in exported.notes if note.startswith("examples left out")]
    lines = sum(len(lines) for lines in tiny.SPLITS.values())
    assert sum(exported.rows.values()) + sum(left_out) == lines
    assert bool(left_out) == (name in ("chat", "llava", "swift"))


@every_format
def test_thinned_pictures_and_tokens_without_one_are_told(name: str, release: Release, tmp_path: Path) -> None:
    notes = write(name, release, tmp_path / "a", tiny.frames, Options(max_pictures=5)).notes
    assert "pictures left out by thinning: 15" in notes
    told = "tokens left out, since they have no picture: <a> of wav2vec2_embeddings: 2" in notes
    assert told == (name in ("chat", "llava", "swift"))
    assert json.loads((tmp_path / "a" / MARKER).read_text())["notes"] == list(notes)


@every_format
def test_a_missing_picture_is_an_error_that_names_it_and_leaves_nothing(
    name: str, release: Release, tmp_path: Path
) -> None:
    def without(video: str, frame: str) -> bytes | None:
        return None if (video, frame) == (tiny.OTHER, tiny.second(7)) else tiny.jpeg(video, frame)

    with pytest.raises(ReleaseError, match=f"{tiny.second(7)} of {tiny.OTHER}"):
        write(name, release, tmp_path / "out" / "a", without)
    assert list((tmp_path / "out").iterdir()) == []


@every_format
def test_a_failed_export_leaves_the_earlier_one_as_it_was(name: str, release: Release, tmp_path: Path) -> None:
    write(name, release, tmp_path / "a", tiny.frames)
    before = content(tmp_path / "a")
    with pytest.raises(ReleaseError, match="no picture"):
        write(name, release, tmp_path / "a", lambda video, frame: None)
    assert content(tmp_path / "a") == before


@every_format
def test_every_export_says_whose_videos_it_holds_under_which_licence(
    name: str, release: Release, tmp_path: Path
) -> None:
    write(name, release, tmp_path / "a", tiny.frames)
    sources = (tmp_path / "a" / "SOURCES.md").read_text()
    assert "Arena \\*fight\\* \\| one" in sources, "a title is no markup"
    assert "Licence: BSD\\-3\\-Clause" in sources
    assert "Licence: not known" in sources
    assert "Origin: recorded by the owner" in sources


def test_an_earlier_export_of_the_same_format_is_replaced_whole(release: Release, tmp_path: Path) -> None:
    write("chat", release, tmp_path / "a", tiny.frames)
    smaller = tiny.release(tmp_path / "smaller", {"train": [tiny.ONE]})
    exported = write("chat", smaller, tmp_path / "a", tiny.frames)
    assert sorted(content(tmp_path / "a")) == sorted(exported.files)
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_an_export_of_another_format_is_not_overwritten(release: Release, tmp_path: Path) -> None:
    write("chat", release, tmp_path / "a", tiny.frames)
    with pytest.raises(ReleaseError, match="an export as chat"):
        write("swift", release, tmp_path / "a", tiny.frames)


@pytest.mark.parametrize("marker", ["", "no json", "[]", '{"format": "gvlm.export/1"}', '{"as": "chat"}'])
def test_a_folder_of_somebodys_own_is_not_overwritten(marker: str, release: Release, tmp_path: Path) -> None:
    target = tmp_path / "a"
    target.mkdir()
    (target / "thesis.txt").write_text("mine")
    if marker:
        (target / MARKER).write_text(marker)
    with pytest.raises(ReleaseError, match="name a folder"):
        write("chat", release, target, tiny.frames)
    assert (target / "thesis.txt").read_text() == "mine"


def test_a_file_that_was_added_to_an_export_is_not_lost(release: Release, tmp_path: Path) -> None:
    write("chat", release, tmp_path / "a", tiny.frames)
    (tmp_path / "a" / "images" / "notes.txt").write_text("mine")
    with pytest.raises(ReleaseError, match=r"images/notes\.txt"):
        write("chat", release, tmp_path / "a", tiny.frames)
    assert (tmp_path / "a" / "images" / "notes.txt").read_text() == "mine"


def test_a_link_and_a_file_are_no_targets_and_an_empty_folder_is_one(release: Release, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "empty")
    (tmp_path / "file").write_text("mine")
    for name in ("link", "file"):
        with pytest.raises(ReleaseError, match="is no folder"):
            write("chat", release, tmp_path / name, tiny.frames)
    assert write("chat", release, tmp_path / "empty", tiny.frames).rows["train"] == 3


def test_a_format_that_is_none_is_an_error_that_lists_those_there_are(release: Release, tmp_path: Path) -> None:
    with pytest.raises(ReleaseError, match="hf, chat, llava, swift, webdataset"):
        write("parquet", release, tmp_path / "a", tiny.frames)


@every_format
@pytest.mark.parametrize(
    "changes",
    [
        {"video": "../../etc"},
        {
            "evidence": [],
            "frames": ["../f1"],
            "embeddings": [{"token": "<v>", "table": "siglip_embeddings", "id": "../f1"}],
        },
        {"id": "../x"},
    ],
    ids=["video", "frame", "example"],
)
def test_ids_never_become_paths_unchecked(name: str, changes: dict[str, Any], tmp_path: Path) -> None:
    release = tiny.release(tmp_path / "release", {"train": [{**tiny.MARKED, **changes}]})
    with pytest.raises(ReleaseError, match="is no id of"):
        write(name, release, tmp_path / "out" / "a", tiny.frames)


@pytest.mark.parametrize("image", [b"", b"GIF89a", b"\xff\xd8\xff" + b"0" * 40], ids=["empty", "gif", "broken"])
def test_what_is_no_jpeg_is_an_error_that_names_the_frame(image: bytes, release: Release, tmp_path: Path) -> None:
    with pytest.raises(ReleaseError, match=f"{tiny.second(0)} of {tiny.VIDEO}"):
        write("chat", release, tmp_path / "a", lambda video, frame: image)


def test_a_picture_in_which_a_box_would_lie_elsewhere_is_an_error(release: Release, tmp_path: Path) -> None:
    with pytest.raises(ReleaseError, match="128 x 96"):
        write("chat", release, tmp_path / "a", lambda video, frame: tiny.jpeg(video, frame, (128, 96)))


@pytest.mark.parametrize("change", [lambda lines: lines[::-1], lambda lines: lines[:-1], lambda lines: lines * 2])
def test_an_index_that_is_not_that_of_the_lines_is_an_error(change: Any, tmp_path: Path) -> None:
    release = tiny.release(tmp_path / "release")
    lines = (release.folder / "train.jsonl").read_bytes().splitlines(keepends=True)
    (release.folder / "train.jsonl").write_bytes(b"".join(change(lines)))
    with pytest.raises(ReleaseError, match="the index of"):
        write("hf", release, tmp_path / "a", tiny.frames)


@every_format
def test_a_release_without_examples_of_a_split_says_so(name: str, tmp_path: Path) -> None:
    release = tiny.release(tmp_path / "release", {"train": [tiny.ONE]})
    exported = write(name, release, tmp_path / "a", tiny.frames)
    assert "the split test holds no example" in exported.notes
    assert exported.rows == {"train": 1, "validation": 0, "test": 0}


@every_format
def test_a_release_of_which_nothing_can_be_taken_along_is_an_error(name: str, tmp_path: Path) -> None:
    release = tiny.release(tmp_path / "release", {})
    with pytest.raises(ReleaseError, match="no example that can be exported"):
        write(name, release, tmp_path / "a", tiny.frames)


def test_options_that_mean_nothing_are_errors() -> None:
    for options in ({"max_pictures": -1}, {"shard_mib": 0}):
        with pytest.raises(ReleaseError, match="pictures"):
            Options(**options)

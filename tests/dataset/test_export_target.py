"""The folder of an export: what a killed one left, and places where nothing can be written."""

from pathlib import Path

import pytest
from filelock import FileLock

from gvlm_resources.dataset.export.write import write
from gvlm_resources.dataset.releases.release_files import Release
from gvlm_resources.errors import ReleaseError
from tests.dataset import tiny_release as tiny

HEX = "0123456789abcdef" * 2


@pytest.fixture
def release(tmp_path: Path) -> Release:
    return tiny.release(tmp_path / "release")


def hidden(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.name.startswith("."))


def left(path: Path) -> None:
    path.mkdir()
    (path / "half.json").write_text("half")


def test_what_a_killed_export_left_is_swept_and_nothing_else(release: Release, tmp_path: Path) -> None:
    write("chat", release, tmp_path / "a", tiny.frames)
    for name in (f".a.{HEX}.tmp", f".a.{HEX}.old", f".b.{HEX}.tmp", ".a.mine.tmp"):
        left(tmp_path / name)
    (tmp_path / f".a.{HEX}.lock").touch()
    write("chat", release, tmp_path / "a", tiny.frames)
    assert hidden(tmp_path) == [".a.mine.tmp", f".b.{HEX}.tmp"]


def test_what_another_export_is_writing_is_left_alone(release: Release, tmp_path: Path) -> None:
    left(tmp_path / f".a.{HEX}.tmp")
    with FileLock(tmp_path / f".a.{HEX}.lock"):
        write("chat", release, tmp_path / "a", tiny.frames)
        assert (tmp_path / f".a.{HEX}.tmp" / "half.json").is_file()


def test_an_export_that_was_killed_between_two_names_does_not_cost_the_earlier_one(
    release: Release, tmp_path: Path
) -> None:
    write("chat", release, tmp_path / "a", tiny.frames)
    (tmp_path / "a").rename(tmp_path / f".a.{HEX}.old")
    with pytest.raises(ReleaseError, match="no picture"):
        write("chat", release, tmp_path / "a", lambda video, frame: None)
    assert (tmp_path / "a" / "train.jsonl").is_file()
    assert hidden(tmp_path) == []


def test_a_folder_that_cannot_be_written_is_an_error_with_a_remedy(release: Release, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    for target in (tmp_path / "file" / "a", tmp_path / "file" / "a" / "b", tmp_path / ("n" * 250)):
        with pytest.raises(ReleaseError, match=r"cannot be written.*name a folder that you may write to"):
            write("chat", release, target, tiny.frames)


@pytest.mark.skipif(
    not Path("/proc/self").exists(),
    reason="waits for Linux: of all file systems only its /proc refuses a folder from everybody, root too",
)
def test_a_file_system_that_takes_no_folder_is_an_error_at_once(release: Release) -> None:
    with pytest.raises(ReleaseError, match="/proc/x cannot be written"):
        write("chat", release, Path("/proc/x"), tiny.frames)

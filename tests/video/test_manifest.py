from pathlib import Path

import pytest

from gvlm_resources.errors import SourceError
from gvlm_resources.video import manifest
from gvlm_resources.video.manifest import Row
from gvlm_resources.video.sources import expand


def written(folder: Path, text: str, encoding: str = "utf-8") -> Path:
    path = folder / "videos.csv"
    path.write_bytes(text.encode(encoding))
    return path


GOOD = "source,game,title,licence\na.mp4,freedoom,Erste Größe,CC0-1.0\nb.mp4,,,\n"
ROWS = (Row(2, "a.mp4", "freedoom", "Erste Größe", "CC0-1.0"), Row(3, "b.mp4"))


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
def test_every_spreadsheet_dialect_reads_alike(tmp_path: Path, encoding: str, delimiter: str, line_end: str) -> None:
    text = GOOD.replace(",", delimiter).replace("\n", line_end)
    assert manifest.read(written(tmp_path, text, encoding)) == manifest.Manifest(ROWS, ())


def test_columns_may_come_in_any_order_and_case_and_both_spellings(tmp_path: Path) -> None:
    read = manifest.read(written(tmp_path, "License, SOURCE\nCC0-1.0, a.mp4\n"))
    assert read.rows == (Row(2, "a.mp4", licence="CC0-1.0"),)


def test_a_single_column_is_a_manifest(tmp_path: Path) -> None:
    assert manifest.read(written(tmp_path, "source\na.mp4\n\nb.mp4\n")).rows == (Row(2, "a.mp4"), Row(4, "b.mp4"))


def test_a_column_that_is_not_known_is_reported_and_its_cells_are_not_used(tmp_path: Path) -> None:
    read = manifest.read(written(tmp_path, "source,notes\na.mp4,nice\n"))
    assert read.rows == (Row(2, "a.mp4"),)
    assert "notes" in read.problems[0].reason


def test_a_bad_row_costs_that_row_and_names_its_line(tmp_path: Path) -> None:
    text = (
        'source,game,title\na.mp4,,"two\nlines"\n,,no source\nb.mp4,quake99,\nc.mp4,,x,y\nd.mp4,,"open\ne.mp4,,last\n'
    )
    read = manifest.read(written(tmp_path, text))
    assert [row.source for row in read.rows] == ["a.mp4", "e.mp4"]
    assert [row.line for row in read.rows] == [2, 8]
    assert [problem.line for problem in read.problems] == [4, 5, 6, 7]
    assert "freedoom" in read.problems[1].reason  # a wrong game names the right ones


@pytest.mark.parametrize(
    "text",
    ["", "a.mp4\nb.mp4\n", "source,source\na,b\n", "file|game\na|b\n"],
)
def test_a_file_without_a_proper_header_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(SourceError) as caught:
        manifest.read(written(tmp_path, text))
    assert caught.value.code == "unsupported"


def test_another_encoding_is_refused_with_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="UTF-8"):
        manifest.read(written(tmp_path, "source,title\na.mp4,Größe\n", "latin-1"))


def test_a_manifest_expands_to_its_files_and_addresses(tmp_path: Path) -> None:
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs" / "a.mp4").write_bytes(b"a")
    path = written(
        tmp_path,
        "source,game,title,licence\n"
        "runs/a.mp4,freedoom,First,CC0-1.0\n"
        "gone.mp4,,,\n"
        "https://example.org/b.webm,,,\n"
        "http://me:secret@example.org/c.mp4,,,\n"
        "./runs/../runs/a.mp4,,,\n"
        "runs,,,\n",
    )
    expansion = expand(path, game="generic", licence="unknown")
    first, second = expansion.sources
    assert (first.path, first.game, first.title, first.licence) == (
        tmp_path / "runs/a.mp4",
        "freedoom",
        "First",
        "CC0-1.0",
    )
    assert (second.location, second.game, second.licence) == ("https://example.org/b.webm", "generic", "unknown")
    assert second.origin == f"{path}:4"
    lines = [ignored.what.rpartition(":")[2] for ignored in expansion.ignored]
    assert lines == ["3", "5", "6", "7"]
    assert "secret" not in str(expansion.ignored)

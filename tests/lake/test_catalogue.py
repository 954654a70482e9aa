"""Videos, questions and quarantine are small records that a lost instance is replayed from."""

from pathlib import Path

import pytest

from gvlm_resources.errors import LakeError, QuestionError
from gvlm_resources.lake import files
from gvlm_resources.lake.catalogue import Catalogue, VideoRecord, question_record
from gvlm_resources.lake.layout import Layout


@pytest.fixture
def catalogue(tmp_path: Path) -> Catalogue:
    return Catalogue(Layout(tmp_path / "lake"))


def record(source: Path, title: str = "A run") -> VideoRecord:
    sha256 = files.sha256(source)
    return VideoRecord(
        video_id=f"run-{sha256[:12]}",
        sha256=sha256,
        size_bytes=source.stat().st_size,
        suffix=".mp4",
        title=title,
        game="generic",
        licence="",
        origin=source.name,
    )


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "run.mp4"
    path.write_bytes(b"moving pictures")
    return path


def test_a_video_is_added_once_and_its_source_is_a_copy(catalogue: Catalogue, source: Path) -> None:
    assert catalogue.add_video(record(source), source)
    assert not catalogue.add_video(record(source, title="Another title"), source)
    (stored,) = catalogue.videos()
    assert stored.title == "Another title"
    source.write_bytes(b"edited by its owner")
    assert catalogue.source_path(stored).read_bytes() == b"moving pictures"


def test_an_id_that_is_not_that_of_the_content_is_refused() -> None:
    with pytest.raises(LakeError, match="does not carry"):
        VideoRecord("run-000000000000", "f" * 64, 1, ".mp4", "", "generic", "", "")


def test_an_unknown_video_names_the_command_that_lists_them(catalogue: Catalogue) -> None:
    with pytest.raises(LakeError, match="gvlm videos"):
        catalogue.video("nobody-000000000000")


def test_the_same_question_is_the_same_partition_and_another_scope_is_another() -> None:
    one = question_record("  How often\n did I die? ")
    assert one == question_record("How often did I die?")
    assert one.question_id != question_record("How often did I die?", "run-0123456789ab").question_id
    assert one.question_id.startswith("how-often-did-i-die-")


@pytest.mark.parametrize("text", ["", "  \n ", "x" * 1001])
def test_a_question_that_cannot_be_asked_is_refused(text: str) -> None:
    with pytest.raises(QuestionError):
        question_record(text)


def test_a_question_in_any_script_has_a_usable_key(catalogue: Catalogue) -> None:
    asked = question_record("なぜ死んだの？")
    catalogue.add_question(asked)
    assert catalogue.question(asked.question_id).text == "なぜ死んだの？"


def test_a_quarantined_source_is_one_row_however_often_it_is_added(catalogue: Catalogue) -> None:
    for reason in ("first", "second"):
        catalogue.add_quarantine(origin="bad.mp4", stage="add", code="corrupt", reason=reason, remedy="re-encode it")
    (row,) = catalogue.quarantined()
    assert row.reason == "second"
    catalogue.clear_quarantine(origin="bad.mp4", stage="add")
    assert catalogue.quarantined() == []

"""What was imported for a video is kept whole, and its digest is that of what it says."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pyarrow as pa
import pytest

from gvlm_resources import schemas
from gvlm_resources.dataset.imports.imports import (
    FEATURES,
    PAIRS,
    digests,
    forget,
    listed,
    store_features,
    store_pairs,
    stored_features,
    stored_pairs,
)
from gvlm_resources.dataset.imports.peer import PeerError, rows_of
from gvlm_resources.errors import LakeError
from gvlm_resources.lake import files
from gvlm_resources.lake.layout import Layout
from tests.dataset.test_peer import FACTS, VIDEO

ONE = {"question": "How many times did the player die?", "answer": "Twice."}
TWO = {"question": "What was picked up at [00:12]?", "answer": "A shotgun."}


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    return Layout(tmp_path / "lake")


def tables(count: int = 2) -> dict[str, pa.Table]:
    rows = [
        {
            "video_id": VIDEO,
            "frame_id": f"f{number:012d}",
            "pts_ns": number * 1000,
            "vector": [1.0, 0.0],
            "status": "ok",
            "reason": "",
        }
        for number in range(count)
    ]
    return {
        "siglip": pa.Table.from_pylist(rows, schema=schemas.SIGLIP),
        "videomae": schemas.VIDEOMAE.empty_table(),
        "wav2vec2": schemas.WAV2VEC2.empty_table(),
    }


def test_without_imports_there_is_nothing_and_no_folder(layout: Layout) -> None:
    assert digests(layout, VIDEO) == {}
    assert stored_pairs(layout, VIDEO, FACTS).pairs == ()
    assert stored_features(layout, VIDEO) is None
    assert not layout.root.exists()


def test_pairs_come_back_with_the_evidence_that_the_facts_have_now(layout: Layout) -> None:
    assert store_pairs(layout, VIDEO, rows_of([ONE]), file="a/pairs 1.json").added == 1
    (pair,) = stored_pairs(layout, VIDEO, FACTS).pairs
    assert (pair.question, pair.made_by, len(pair.evidence)) == (ONE["question"], "import@pairs_1.json", 2)


def test_a_second_file_of_pairs_adds_and_the_same_again_changes_nothing(layout: Layout) -> None:
    store_pairs(layout, VIDEO, rows_of([ONE]), file="one.json")
    first = digests(layout, VIDEO)
    stored = store_pairs(layout, VIDEO, rows_of([ONE, TWO]), file="two.json", language="de")
    assert (stored.added, stored.total) == (1, 2)
    second = digests(layout, VIDEO)
    assert first[PAIRS] != second[PAIRS]
    assert store_pairs(layout, VIDEO, rows_of([TWO]), file="three.json").added == 0
    assert digests(layout, VIDEO) == second
    made = [(pair.question, pair.made_by, pair.language) for pair in stored_pairs(layout, VIDEO, FACTS).pairs]
    assert made == [(ONE["question"], "import@one.json", "en"), (TWO["question"], "import@two.json", "de")]


def test_features_come_back_and_a_second_file_takes_their_place(layout: Layout) -> None:
    store_features(layout, VIDEO, tables(2), file="x_embeddings.pt")
    first = digests(layout, VIDEO)
    found = stored_features(layout, VIDEO)
    assert found is not None
    assert found["siglip"].to_pylist() == tables(2)["siglip"].to_pylist()
    assert store_features(layout, VIDEO, tables(2), file="x_embeddings.pt").added == 0
    assert digests(layout, VIDEO) == first
    store_features(layout, VIDEO, tables(3), file="y_embeddings.pt")
    assert digests(layout, VIDEO)[FEATURES] != first[FEATURES]
    assert len(list(layout.imports(VIDEO).glob("features-*"))) == 1


def test_the_same_imports_give_the_same_bytes_in_another_lake(tmp_path: Path) -> None:
    for name in ("a", "b"):
        lake = Layout(tmp_path / name)
        store_pairs(lake, VIDEO, rows_of([ONE, TWO]), file="pairs.json")
        store_features(lake, VIDEO, tables(), file="x_embeddings.pt")
    written = [
        {
            path.relative_to(tmp_path / name): path.read_bytes()
            for path in Layout(tmp_path / name).imports(VIDEO).rglob("*")
            if path.is_file()
        }
        for name in ("a", "b")
    ]
    assert written[0] == written[1]
    assert len(written[0]) == 5


def test_a_writer_killed_before_the_pointer_leaves_the_features_before_it(
    layout: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    store_features(layout, VIDEO, tables(2), file="x_embeddings.pt")
    before = digests(layout, VIDEO)

    def killed(path: Path, content: bytes) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(files, "write_atomic", killed)
        with pytest.raises(KeyboardInterrupt):
            store_features(layout, VIDEO, tables(3), file="y_embeddings.pt")
    assert digests(layout, VIDEO) == before
    found = stored_features(layout, VIDEO)
    assert found is not None
    assert found["siglip"].num_rows == 2
    store_features(layout, VIDEO, tables(3), file="y_embeddings.pt")
    assert len(list(layout.imports(VIDEO).glob("*"))) == 2, "the pointer and one folder"


@pytest.mark.parametrize("name", ["pairs.json", "features.json"])
@pytest.mark.parametrize("content", ["", "{", "[3]", '{"folder": "../../x", "digest": "0"}'])
def test_damaged_imports_are_an_error_that_says_what_to_delete(name: str, content: str, layout: Layout) -> None:
    path = layout.imports(VIDEO) / name
    path.parent.mkdir(parents=True)
    path.write_text(content)
    with pytest.raises(LakeError, match="delete it and import again"):
        stored_pairs(layout, VIDEO, FACTS) if name == "pairs.json" else stored_features(layout, VIDEO)


def test_what_was_imported_is_listed_by_file(layout: Layout) -> None:
    assert listed(layout, VIDEO) == []
    store_pairs(layout, VIDEO, rows_of([ONE]), file="a/one.json")
    store_pairs(layout, VIDEO, rows_of([ONE, TWO]), file="two.json", language="de")
    store_features(layout, VIDEO, tables(3), file="b/x_embeddings.pt")
    told = [(each.kind, each.file, each.count, each.language) for each in listed(layout, VIDEO)]
    assert told == [
        (PAIRS, "one.json", 1, "en"),
        (PAIRS, "two.json", 1, "de"),
        (FEATURES, "x_embeddings.pt", 3, ""),
    ]
    assert listed(layout, VIDEO)[2].rows == {"siglip": 3, "videomae": 0, "wav2vec2": 0}
    forget(layout, VIDEO, PAIRS)
    assert [each.kind for each in listed(layout, VIDEO)] == [FEATURES]


@pytest.mark.parametrize("language", ["it", "", "EN", "english"])
def test_a_language_that_cannot_be_checked_is_refused_at_once(layout: Layout, language: str) -> None:
    with pytest.raises(PeerError, match="en, de, es, fr"):
        store_pairs(layout, VIDEO, rows_of([ONE]), file="pairs.json", language=language)
    assert digests(layout, VIDEO) == {}


def test_what_is_forgotten_is_gone(layout: Layout) -> None:
    store_pairs(layout, VIDEO, rows_of([ONE]), file="pairs.json")
    store_features(layout, VIDEO, tables(), file="x_embeddings.pt")
    assert forget(layout, VIDEO, PAIRS)
    assert list(digests(layout, VIDEO)) == [FEATURES]
    assert forget(layout, VIDEO, FEATURES)
    assert not forget(layout, VIDEO, FEATURES)
    assert list(layout.imports(VIDEO).iterdir()) == []


def test_ids_and_kinds_never_become_paths_unchecked(layout: Layout) -> None:
    with pytest.raises(LakeError):
        store_pairs(layout, "../x", rows_of([ONE]), file="pairs.json")
    with pytest.raises(LakeError):
        forget(layout, VIDEO, "../pairs")


def test_imports_at_the_same_time_lose_nothing(layout: Layout) -> None:
    files_of_pairs = [
        rows_of([{"question": f"What is number {n} of file {file}?", "answer": f"It is {n}."} for n in range(20)])
        for file in range(8)
    ]
    with ThreadPoolExecutor(8) as threads:
        done = [
            threads.submit(store_pairs, layout, VIDEO, rows, file=f"{number}.json")
            for number, rows in enumerate(files_of_pairs)
        ]
    assert sum(future.result().added for future in done) == 160
    assert sum(one.count for one in listed(layout, VIDEO)) == 160

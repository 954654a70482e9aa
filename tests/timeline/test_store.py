from __future__ import annotations

import shutil
from datetime import timedelta
from pathlib import Path

import lancedb
import numpy as np
import pyarrow as pa
import pytest
from filelock import FileLock

from gvlm_resources.errors import LakeError
from gvlm_resources.schemas import TEXT_VECTOR_DIM, TIMELINE_INDEX
from gvlm_resources.timeline import store as store_module
from gvlm_resources.timeline import table as table_module
from gvlm_resources.timeline.retrieval import Scope, SearchableTimeline
from gvlm_resources.timeline.store import KIND, TimelineStore
from tests.timeline.index_fakes import ListTable, WordEncoder, row, texts, video
from tests.timeline.table_contract import ENCODER, TABLES, SearchableTimelineContract

NOW = timedelta(seconds=0.001)


@pytest.fixture
def store(tmp_path: Path) -> TimelineStore:
    return TimelineStore(tmp_path / "timeline")


def filled(folder: Path) -> TimelineStore:
    store = TimelineStore(folder)
    for table in TABLES:
        store.replace_video(table["video_id"][0].as_py(), table)
    return store


@pytest.fixture(scope="module")
def plain_store(tmp_path_factory: pytest.TempPathFactory) -> TimelineStore:
    return filled(tmp_path_factory.mktemp("plain"))


@pytest.fixture(scope="module")
def indexed_store(tmp_path_factory: pytest.TempPathFactory) -> TimelineStore:
    store = filled(tmp_path_factory.mktemp("indexed"))
    assert store.compact(vector_index_from_rows=1_000_000).unindexed_rows == 0
    return store


class TestStoreBeforeIndexing(SearchableTimelineContract):
    @pytest.fixture
    def table(self, plain_store: TimelineStore) -> SearchableTimeline:
        return plain_store


class TestStoreAfterIndexing(SearchableTimelineContract):
    @pytest.fixture
    def table(self, indexed_store: TimelineStore) -> SearchableTimeline:
        return indexed_store


class TestListTable(SearchableTimelineContract):
    @pytest.fixture
    def table(self) -> SearchableTimeline:
        return ListTable(pa.concat_tables(TABLES))


def contents(store: TimelineStore, video_id: str) -> list[str]:
    return sorted(texts(store.rows(Scope(video_id))))


def many(video_id: str, count: int, seed: int = 0) -> pa.Table:
    """Rows whose texts are numbers and whose vectors point anywhere."""
    table = video(video_id, *(row(f"number {n}", n) for n in range(count)), encoder=RandomEncoder(seed))
    return table.set_column(table.schema.get_field_index("model"), TIMELINE_INDEX.field("model"), [["m@1+r"] * count])


class LongEncoder(WordEncoder):
    def encode(self, texts: list[str]) -> np.ndarray:
        return 2 * super().encode(texts)


class RandomEncoder(WordEncoder):
    def __init__(self, seed: int) -> None:
        self._random = np.random.default_rng(seed)

    def encode(self, texts: list[str]) -> np.ndarray:
        vectors = self._random.standard_normal((len(texts), TEXT_VECTOR_DIM)).astype(np.float32)
        return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


# ---------------------------------------------------------------------------------------------------------- replacing


def test_replacing_by_the_same_rows_changes_no_row(store: TimelineStore) -> None:
    table = video("one", row("a"), row("b", 1))
    for _ in range(3):
        store.replace_video("one", table)
        assert contents(store, "one") == ["a", "b"]


def test_replacing_adds_updates_and_removes_in_one_commit(store: TimelineStore) -> None:
    store.replace_video("one", video("one", row("stays"), row("changes", 1), row("goes", 2)))
    store.replace_video("two", video("two", row("another video's")))
    before = store.condition().version
    after = store.replace_video("one", video("one", row("stays"), row("changed", 1), row("comes", 3)))
    assert after == before + 1
    assert contents(store, "one") == ["changed", "comes", "stays"]
    assert contents(store, "two") == ["another video's"]


def test_a_first_video_is_written_in_one_commit(store: TimelineStore) -> None:
    store.replace_video("one", video("one", row("a")))
    before = store.condition().version
    assert store.replace_video("two", video("two", row("b"), row("c", 1))) == before + 1


def test_replacing_by_no_rows_leaves_none(store: TimelineStore) -> None:
    store.replace_video("one", video("one", row("a")))
    store.replace_video("one", video("one"))
    store.replace_video("one", video("one"))
    assert store.row_ids("one") == set()


def test_removing_a_video_leaves_the_others(store: TimelineStore) -> None:
    store.replace_video("one", video("one", row("a"), row("b", 1)))
    store.replace_video("two", video("two", row("c")))
    assert store.remove_video("one") == 2
    assert store.remove_video("one") == 0
    assert store.video_ids() == ["two"]


def test_a_row_comes_back_as_it_was_written(store: TimelineStore) -> None:
    details = {"subject": "key", "value": -12.5, "frame_id": "f0", "evidence": []}
    written = video("one", row('It\'s "so"\n😀 日本', 7) | details)
    store.replace_video("one", written)
    assert store.rows(Scope("one")) == ListTable(written).rows(Scope())


def test_the_encoder_of_rows_that_were_replaced_is_forgotten(store: TimelineStore) -> None:
    store.replace_video("one", many("one", 2))
    store.replace_video("two", video("two", row("b")))
    assert store.stranger(None, {WordEncoder.name}) == "m@1+r"
    assert store.stranger("two", {WordEncoder.name}) is None
    store.replace_video("one", video("one", row("a")))
    assert store.stranger(None, {WordEncoder.name}) is None


def test_rows_that_moved_since_they_were_found_are_still_shown(store: TimelineStore) -> None:
    for number in range(4):
        store.replace_video(f"v{number}", video(f"v{number}", row(f"the shotgun {number}")))
    found = store.matching("shotgun", Scope(), 4)
    store.remove_video("v0")
    store.replace_video("v1", video("v1", row("the shotgun again")))
    store.compact(vector_index_from_rows=1_000, keep_versions=NOW)
    assert sorted(texts(store.whole(found))) == ["the shotgun 2", "the shotgun 3", "the shotgun again"]


def test_a_reader_sees_what_another_wrote_since(store: TimelineStore) -> None:
    reader = TimelineStore(store.folder)
    store.replace_video("one", video("one", row("old")))
    assert contents(reader, "one") == ["old"]
    store.replace_video("one", video("one", row("new", 5)))
    assert contents(reader, "one") == ["new"]


def test_a_reader_sees_a_table_that_was_discarded_and_written_anew(store: TimelineStore) -> None:
    reader = TimelineStore(store.folder)
    store.replace_video("one", video("one", row("old")))
    assert contents(reader, "one") == ["old"]
    store.discard()
    with pytest.raises(LakeError, match="gvlm build"):
        reader.rows(Scope("one"))
    store.replace_video("one", video("one", row("new")))
    assert contents(reader, "one") == ["new"]


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (video("two", row("a")), "another video"),
        (pa.concat_tables([video("one", row("a"))] * 2), "one id"),
        (video("one", row("a")).drop_columns("text"), "do not fit"),
        (video("one", row("a"), encoder=LongEncoder()), "unit length"),
    ],
)
def test_rows_that_cannot_be_the_videos_are_refused(store: TimelineStore, rows: pa.Table, message: str) -> None:
    with pytest.raises(LakeError, match=message):
        store.replace_video("one", rows)
    assert not store.exists


@pytest.mark.parametrize("video_id", ["", "a b", "../one", "x' OR '1'='1", "é", "a" * 81, "-a"])
def test_an_id_that_cannot_be_one_reaches_no_filter(store: TimelineStore, video_id: str) -> None:
    store.replace_video("one", video("one", row("a")))
    for use in (store.row_ids, store.remove_video, lambda name: store.rows(Scope(name))):
        with pytest.raises(LakeError, match="partition key"):
            use(video_id)
    with pytest.raises(ValueError, match="no kind"):
        Scope("one", kinds=frozenset({"x' OR '1'='1"}))
    assert contents(store, "one") == ["a"]


# ----------------------------------------------------------------------------------------------------------- indexing


def test_rows_written_after_indexing_are_found(store: TimelineStore) -> None:
    store.replace_video("one", many("one", 1_500))
    assert store.compact(vector_index_from_rows=1_000).vector_index
    store.replace_video("two", video("two", row("the crocodile waves")))
    assert store.condition().unindexed_rows == 1
    vector = ENCODER.encode(["the crocodile waves"])[0]
    assert store.nearest(vector, Scope(), 1)[0].row_id.startswith("two/")
    assert [scored.row_id[:4] for scored in store.matching("crocodile", Scope(), 5)] == ["two/"]


def test_rows_that_were_replaced_are_found_by_no_stale_index(store: TimelineStore) -> None:
    store.replace_video("one", many("one", 1_500))
    store.replace_video("two", video("two", row("the crocodile waves"), row("an owl", 3)))
    store.compact(vector_index_from_rows=1_000)
    store.replace_video("two", video("two", row("an owl", 3), row("the heron stands", 4)))
    vector = ENCODER.encode(["the crocodile waves"])[0]
    assert store.matching("crocodile", Scope(), 5) == []
    assert store.matching("crocodile", Scope("two"), 5) == []
    assert all(scored.score < 0.9 for scored in store.nearest(vector, Scope(), 20))
    assert len(store.nearest(vector, Scope("two"), 20)) == 2
    assert store.count(Scope(kinds=frozenset({"damage"}))) == 1_502


def test_the_vector_index_begins_at_the_size_it_is_told_and_is_trained_anew_when_outgrown(store: TimelineStore) -> None:
    def index_names() -> list[str]:
        indexes = lancedb.connect(str(store.folder)).open_table(KIND.name).list_indices()
        return [index.name for index in indexes if index.columns == ["vector"]]

    store.replace_video("one", many("one", 1_200))
    assert not store.compact(vector_index_from_rows=1_201).vector_index
    assert store.compact(vector_index_from_rows=1_200).vector_index
    (first,) = index_names()
    store.replace_video("two", many("two", 1_200, seed=2))
    store.compact(vector_index_from_rows=1_200)
    assert index_names() == [first]
    store.replace_video("three", many("three", 2_400, seed=3))
    condition = store.compact(vector_index_from_rows=1_200)
    (second,) = index_names()
    assert second != first
    assert condition.unindexed_rows == 0


def test_a_search_across_the_library_finds_nearly_what_comparing_every_row_finds(store: TimelineStore) -> None:
    table = many("one", 3_000)
    store.replace_video("one", table)
    store.compact(vector_index_from_rows=1_000)
    vectors = np.array(table["vector"].to_pylist(), np.float32)
    queries = RandomEncoder(9).encode([""] * 10) * 0.5 + vectors[:10]
    found = 0
    for query in queries / np.linalg.norm(queries, axis=1, keepdims=True):
        exact = set(np.argsort(vectors @ query)[-10:])
        hits = store.nearest(query, Scope(), 10)
        found += len(exact & {int(scored.start_ns // 10**9) for scored in hits})
        within = [int(scored.start_ns // 10**9) for scored in store.nearest(query, Scope("one"), 10)]
        assert set(within) == exact
    assert found >= 90


def test_a_vector_index_in_many_pieces_becomes_one_again(store: TimelineStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table_module, "MOST_SEGMENTS", 2)
    store.replace_video("one", many("one", 1_500))
    pieces = []
    for number in range(4):
        store.replace_video(f"v{number}", many(f"v{number}", 300, seed=number))
        store.compact(vector_index_from_rows=1_000)
        indexes = lancedb.connect(str(store.folder)).open_table(KIND.name).list_indices()
        pieces.append(next(index.num_segments for index in indexes if index.columns == ["vector"]))
    assert pieces == [1, 2, 3, 1]


@pytest.mark.parametrize("compared_rows", [0, 100])
def test_rows_of_a_rare_kind_are_all_found_across_the_library(
    store: TimelineStore, monkeypatch: pytest.MonkeyPatch, compared_rows: int
) -> None:
    monkeypatch.setattr(store_module, "COMPARED_ROWS", compared_rows)
    store.replace_video("one", many("one", 3_000))
    store.replace_video("two", video("two", *(row("Died.", at, kind="death") for at in range(7))))
    store.compact(vector_index_from_rows=1_000)
    question = RandomEncoder(5).encode([""])[0]
    found = store.nearest(question, Scope(kinds=frozenset({"death"})), 10)
    assert sorted(scored.start_ns // 10**9 for scored in found) == list(range(7))


def test_compacting_adds_an_index_that_the_table_lacks(store: TimelineStore) -> None:
    store.replace_video("one", TABLES[0])
    lancedb.connect(str(store.folder)).open_table(KIND.name).drop_index("text_idx")
    assert len(store.matching("shotgun", Scope(), 1)) == 1
    store.compact(vector_index_from_rows=1_000)
    indexes = lancedb.connect(str(store.folder)).open_table(KIND.name).list_indices()
    assert "text_idx" in {index.name for index in indexes}
    assert len(store.matching("shotgun", Scope(), 1)) == 1


def test_compacting_merges_files_and_forgets_old_versions_but_no_row(store: TimelineStore) -> None:
    for number in range(6):
        store.replace_video(f"v{number}", video(f"v{number}", row("a"), row("b", 1)))
        store.replace_video(f"v{number}", video(f"v{number}", row("b", 1), row("c", 2)))
    before = {name: contents(store, name) for name in store.video_ids()}
    fragments = store.condition().fragments
    assert not store.condition().wants_compacting
    condition = store.compact(vector_index_from_rows=1_000, keep_versions=NOW)
    assert condition.fragments < fragments
    assert {name: contents(store, name) for name in store.video_ids()} == before
    assert len(lancedb.connect(str(store.folder)).open_table(KIND.name).list_versions()) <= 2


def test_a_table_of_many_young_files_wants_compacting_until_it_was(store: TimelineStore) -> None:
    for number in range(table_module.CROWDED_FRAGMENTS + 1):
        store.replace_video(f"v{number}", video(f"v{number}", row("a")))
    assert store.condition().wants_compacting
    assert not store.compact(vector_index_from_rows=1_000).wants_compacting


# ------------------------------------------------------------------------------------------------------------- damage


def data_files(store: TimelineStore) -> list[Path]:
    return sorted((store.folder / KIND.folder / "data").glob("*.lance"))


def halve(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def cut_the_data(store: TimelineStore) -> None:
    for path in data_files(store):
        halve(path)


def spoil_the_end_of_the_data(store: TimelineStore) -> None:
    for path in data_files(store):
        path.write_bytes(path.read_bytes()[:-200] + b"\xa5" * 200)


def lose_the_data(store: TimelineStore) -> None:
    for path in data_files(store):
        path.unlink()


def cut_the_manifests(store: TimelineStore) -> None:
    for path in (store.folder / KIND.folder / "_versions").glob("*.manifest"):
        halve(path)


def cut_the_indexes(store: TimelineStore) -> None:
    for path in (store.folder / KIND.folder / "_indices").rglob("*.lance"):
        halve(path)


def lose_the_manifests(store: TimelineStore) -> None:
    shutil.rmtree(store.folder / KIND.folder / "_versions")


def lose_the_table(store: TimelineStore) -> None:
    shutil.rmtree(store.folder / KIND.folder)


@pytest.mark.parametrize(
    "damage",
    [
        cut_the_data,
        spoil_the_end_of_the_data,
        lose_the_data,
        cut_the_manifests,
        cut_the_indexes,
        lose_the_manifests,
        lose_the_table,
    ],
)
def test_a_damaged_or_missing_table_says_how_to_get_it_back(store: TimelineStore, damage: object) -> None:
    store.replace_video("one", TABLES[0])
    store.compact(vector_index_from_rows=1_000)
    damage(store)
    with pytest.raises(LakeError, match="gvlm build"):
        TimelineStore(store.folder).matching("shotgun", Scope("one"), 5)


def test_a_check_finds_bytes_that_changed_inside_the_vectors(store: TimelineStore) -> None:
    store.replace_video("one", many("one", 50))
    store.check()
    (path,) = data_files(store)
    content = bytearray(path.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 400] = b"\x7e" * 400
    path.write_bytes(content)
    with pytest.raises(LakeError, match="gvlm build"):
        TimelineStore(store.folder).check()


def test_without_a_table_there_are_no_ids_and_nothing_to_remove_or_compact(store: TimelineStore) -> None:
    assert store.row_ids("one") == set()
    assert store.remove_video("one") == 0
    assert store.compact(vector_index_from_rows=1_000).rows == 0
    assert not store.exists

    def search() -> object:
        return store.matching("a", Scope(), 1)

    for use in (search, store.condition, store.check):
        with pytest.raises(LakeError, match="gvlm build"):
            use()


# ---------------------------------------------------------------------------------------------------------- conflicts


def test_a_commit_that_another_writer_overtook_is_tried_again(store: TimelineStore, no_pauses: None) -> None:
    outcomes = iter([RuntimeError("Retryable commit conflict for version 7"), RuntimeError("Too much contention"), 8])

    def write() -> int:
        outcome = next(outcomes)
        if isinstance(outcome, RuntimeError):
            raise outcome
        return outcome

    assert store._committed(write) == 8


def test_conflicts_without_end_are_given_up_and_other_errors_at_once(store: TimelineStore, no_pauses: None) -> None:
    tries = []

    def write(message: str) -> int:
        tries.append(message)
        raise RuntimeError(message)

    with pytest.raises(LakeError, match="end what else writes"):
        store._committed(lambda: write("commit conflict"))
    assert len(tries) == table_module.ATTEMPTS
    with pytest.raises(LakeError, match="gvlm build"):
        store._committed(lambda: write("file size is too small"))
    assert len(tries) == table_module.ATTEMPTS + 1


@pytest.fixture
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table_module, "LONGEST_PAUSE_S", 0.0)


def test_waiting_for_another_writer_has_an_end(store: TimelineStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table_module, "LOCK_TIMEOUT_S", 0.1)
    store.folder.mkdir()
    with FileLock(store.folder / KIND.lock), pytest.raises(LakeError, match="another process"):
        store.replace_video("one", video("one", row("a")))

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest

from gvlm_resources.errors import LakeError
from gvlm_resources.timebase import Span
from gvlm_resources.timeline import retrieval
from gvlm_resources.timeline.retrieval import Scope, Scored, reciprocal_rank_fusion, search
from gvlm_resources.timeline.rows import TimelineRow
from gvlm_resources.timeline.store import TimelineStore
from tests.timeline.index_fakes import ListTable, S, WordEncoder, row, texts, video
from tests.timeline.table_contract import TABLES

ENCODER = WordEncoder()
TABLE = ListTable(pa.concat_tables(TABLES))


class Renamed(WordEncoder):
    def __init__(self, name: str) -> None:
        self.name = name


# ------------------------------------------------------------------------------------------------------------- fusion


def test_fusion_sums_the_reciprocal_ranks() -> None:
    scores = reciprocal_rank_fusion([["a", "b"], ["b", "c"]], k=60)
    assert scores == pytest.approx({"a": 1 / 61, "b": 1 / 62 + 1 / 61, "c": 1 / 62})


def test_what_both_rankings_hold_beats_what_is_first_in_one() -> None:
    scores = reciprocal_rank_fusion([["x", "both"], ["y", "both"]])
    assert max(scores, key=scores.__getitem__) == "both"


def test_fusion_of_nothing_is_nothing() -> None:
    assert reciprocal_rank_fusion([]) == {}
    assert reciprocal_rank_fusion([[], []]) == {}


def test_a_ranking_that_holds_an_id_twice_is_refused() -> None:
    with pytest.raises(ValueError, match="twice"):
        reciprocal_rank_fusion([["a", "a"]])


# ---------------------------------------------------------------------------------------------------------- searching


def test_a_hit_says_why_it_was_found() -> None:
    by_both, by_meaning = search(TABLE, ENCODER, "picked up the shotgun", Scope("two"), limit=2)
    assert by_both.text == "Picked up the shotgun."
    assert (by_both.rank_by_meaning, by_both.rank_by_words) == (1, 1)
    assert by_both.cosine == pytest.approx(1, abs=1e-5)
    assert by_both.why == "by meaning (rank 1, cosine 1.00) and by words (rank 1, BM25 3.0)"
    assert (by_meaning.rank_by_words, by_meaning.bm25) == (None, None)
    assert by_meaning.why.startswith("by meaning (rank 2, cosine ")


def test_meaning_and_words_can_be_asked_for_alone() -> None:
    by_meaning = search(TABLE, ENCODER, "damage", Scope("one"), by="meaning")
    by_words = search(TABLE, ENCODER, "damage", Scope("one"), by="words")
    assert len(by_meaning) == 6
    assert sorted(texts(by_words)) == ["Took 12 damage (health 88 to 76).", "Took 3 damage (health 76 to 73)."]
    assert all(hit.bm25 is None for hit in by_meaning)
    assert all(hit.cosine is None for hit in by_words)


def test_only_rows_of_the_video_span_and_kinds_are_found() -> None:
    scope = Scope("one", Span(4 * S, 10 * S), kinds=frozenset({"damage", "text"}))
    assert sorted(texts(search(TABLE, ENCODER, "damage", scope))) == ["EXIT", "Took 3 damage (health 76 to 73)."]


def test_equal_rows_come_in_the_order_of_time_however_many_there_are() -> None:
    repeats = [row("Fired the pistol.", at, kind="shot") for at in range(300)]
    table = ListTable(video("one", *repeats[::-1], row("Died.", 400, kind="death")))
    for by in ("meaning", "words", "both"):
        hits = search(table, ENCODER, "fired the pistol", Scope("one"), limit=5, by=by)
        assert [hit.start_ns // S for hit in hits] == [0, 1, 2, 3, 4]


def test_rows_of_one_moment_come_in_the_order_of_their_ids() -> None:
    table = ListTable(pa.concat_tables([video("b", row("Died.", 5)), video("a", row("Died.", 5))]))
    assert [hit.video_id for hit in search(table, ENCODER, "died")] == ["a", "b"]


def test_a_question_asked_twice_has_one_answer(tmp_path: Path) -> None:
    store = TimelineStore(tmp_path)
    for name in ("one", "two", "three"):
        rows = (row(f"Took {n % 7} damage.", n) for n in range(60))
        store.replace_video(name, video(name, *rows))
    store.compact(vector_index_from_rows=1_000)
    for scope in (Scope("two"), None):
        first = search(store, ENCODER, "took 3 damage", scope)
        assert len(first) == 10
        assert all(search(store, ENCODER, "took 3 damage", scope) == first for _ in range(5))


@pytest.mark.parametrize("question", ["", " ", "\n\t"])
def test_a_blank_question_finds_nothing(question: str) -> None:
    assert search(TABLE, ENCODER, question) == []


@pytest.mark.parametrize(
    "question", ['"shotgun" AND (', "sh*tgun~2", "😀😀", "'; DROP TABLE timeline; --", "the " * 300]
)
def test_any_question_can_be_asked_of_the_real_table(tmp_path: Path, question: str) -> None:
    store = TimelineStore(tmp_path)
    store.replace_video("one", TABLES[0])
    assert len(search(store, ENCODER, question, Scope("one"), limit=3)) == 3


def test_a_search_for_no_rows_is_refused() -> None:
    with pytest.raises(ValueError, match="asked for 0"):
        search(TABLE, ENCODER, "damage", limit=0)


def test_words_that_say_nothing_are_not_looked_up_unless_there_are_no_others() -> None:
    assert retrieval.search_words("When did the player pick up the SHOTGUN, the shotgun?") == (
        "player pick up shotgun, shotgun?"
    )
    assert retrieval.search_words("it is you") == "it is you"


def test_rows_of_another_model_are_never_compared_and_those_of_another_runtime_are() -> None:
    old, new = Renamed("mini@1+openvino"), Renamed("mini@2+sentence-transformers")
    table = ListTable(pa.concat_tables([video("a", row("Died."), encoder=old), video("b", row("Died."), encoder=new)]))
    assert len(search(table, Renamed("mini@2+openvino"), "died", Scope("b"))) == 1
    assert len(search(table, Renamed("mini@2+openvino"), "died", by="words")) == 2
    with pytest.raises(LakeError, match="gvlm build a --select timeline_index"):
        search(table, new, "died", Scope("a"))
    with pytest.raises(LakeError, match="gvlm build --select timeline_index"):
        search(table, new, "died")


def test_a_row_that_vanished_since_it_was_ranked_is_no_hit() -> None:
    class Shrinking(ListTable):
        def whole(self, found: list[Scored]) -> list[TimelineRow]:
            return [row for row in super().whole(found) if row.kind != "pickup"]

    hits = search(Shrinking(pa.concat_tables(TABLES)), ENCODER, "shotgun", Scope("one"))
    assert len(hits) == 5


# ------------------------------------------------------------------------------------------------------------ listing


def test_a_listing_is_complete_and_in_order_of_video_time_and_id() -> None:
    rows = retrieval.listing(TABLE, Scope())
    assert [row.order for row in rows] == sorted(row.order for row in rows)
    assert len(rows) == 8


def test_events_are_listed_and_counted_exactly_by_kind_and_span() -> None:
    deaths = [row("Died.", at, kind="death") for at in range(150)]
    table = ListTable(video("one", *deaths, row("DIED", 3, source="text", kind="text"), row("Took 3 damage.", 7)))
    assert retrieval.count_events(table, "one", kind="death") == 150
    assert len(retrieval.events_of(table, "one", kind="death")) == 150
    within = retrieval.events_of(table, "one", kind="death", span=Span(10 * S, 13 * S))
    assert [row.start_ns // S for row in within] == [10, 11, 12]
    assert retrieval.count_events(table, "one") == 151
    assert retrieval.count_events(table, "two", kind="death") == 0


def test_speech_and_scenes_count_as_events_and_text_on_the_screen_does_not() -> None:
    assert texts(retrieval.events_of(TABLE, "one", kind="speech")) == ["look behind you"]
    assert texts(retrieval.events_of(TABLE, "two")) == ["Picked up the shotgun.", "The scene changes."]
    assert retrieval.count_events(TABLE, "one", kind="text") == 0

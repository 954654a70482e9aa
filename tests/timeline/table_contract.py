"""What every searchable timeline promises. A test class inherits it and provides `table`, made of `TABLES`."""

from __future__ import annotations

import pytest

from gvlm_resources.timebase import Span
from gvlm_resources.timeline.retrieval import Scope, Scored, SearchableTimeline
from tests.timeline.index_fakes import S, WordEncoder, row, texts, video

TABLES = [
    video(
        "one",
        row("Took 12 damage (health 88 to 76).", 1),
        row("Picked up the shotgun.", 2, kind="pickup"),
        row("Took 3 damage (health 76 to 73).", 5),
        row("look behind you", 5, source="speech", kind="speech", until_s=8),
        row("EXIT", 9, source="text", kind="text"),
        row("Died, killed by an imp.", 12, kind="death"),
    ),
    video("two", row("Picked up the shotgun.", 30, kind="pickup"), row("The scene changes.", 40, source="scene")),
]
ENCODER = WordEncoder()


class SearchableTimelineContract:
    @pytest.fixture
    def table(self) -> SearchableTimeline:
        raise NotImplementedError

    def nearest(self, table: SearchableTimeline, text: str, scope: Scope, limit: int = 10) -> list[str]:
        found = table.nearest(ENCODER.encode([text])[0], scope, limit)
        scores = [scored.score for scored in found]
        assert scores == sorted(scores, reverse=True)
        by_id = {one.row_id: one for one in table.whole(found)}
        assert all(by_id[scored.row_id].start_ns == scored.start_ns for scored in found)
        return [by_id[scored.row_id].text for scored in found]

    def matching(self, table: SearchableTimeline, words: str, scope: Scope) -> list[str]:
        return texts(table.whole(table.matching(words, scope, 10)))

    def test_the_row_that_says_it_is_nearest_with_a_cosine_of_one(self, table: SearchableTimeline) -> None:
        best = table.nearest(ENCODER.encode(["look behind you"])[0], Scope("one"), 1)[0]
        assert best.score == pytest.approx(1, abs=1e-5)
        assert texts(table.whole([best])) == ["look behind you"]

    def test_nothing_outside_the_video_is_found(self, table: SearchableTimeline) -> None:
        assert sorted(self.nearest(table, "shotgun", Scope("two"))) == ["Picked up the shotgun.", "The scene changes."]
        assert self.matching(table, "shotgun", Scope("two")) == ["Picked up the shotgun."]
        assert len(self.nearest(table, "shotgun", Scope())) == 8

    def test_a_row_lies_in_a_span_that_it_overlaps(self, table: SearchableTimeline) -> None:
        assert self.nearest(table, "look", Scope("one", Span(7 * S, 9 * S))) == ["look behind you"]
        assert texts(table.rows(Scope("one", Span(8 * S, 9 * S)))) == []
        assert texts(table.rows(Scope("one", Span(9 * S, 9 * S + 1)))) == ["EXIT"]
        assert self.matching(table, "damage", Scope("one", Span(0, 4 * S))) == ["Took 12 damage (health 88 to 76)."]

    def test_kinds_name_kinds_or_sources(self, table: SearchableTimeline) -> None:
        found = table.rows(Scope("one", kinds=frozenset({"death", "speech", "text"})))
        assert sorted(texts(found)) == ["Died, killed by an imp.", "EXIT", "look behind you"]

    def test_sources_and_kinds_narrow_together(self, table: SearchableTimeline) -> None:
        scope = Scope(kinds=frozenset({"pickup", "speech"}), sources=frozenset({"event"}))
        assert texts(table.rows(scope)) == ["Picked up the shotgun."] * 2
        assert table.count(scope) == 2

    def test_counting_agrees_with_listing(self, table: SearchableTimeline) -> None:
        narrow = [Scope("one"), Scope("none"), Scope("one", Span(0, 6 * S)), Scope(kinds=frozenset({"no"}))]
        for scope in [Scope(), *narrow]:
            assert table.count(scope) == len(table.rows(scope))

    def test_rows_that_are_no_longer_there_are_left_out(self, table: SearchableTimeline) -> None:
        here = table.nearest(ENCODER.encode(["damage"])[0], Scope("one"), 2)
        gone = [Scored("one/e9", 0, 0.5, 0), Scored("' OR '1'='1", 0, 0.5)]
        assert {one.row_id for one in table.whole([*here, *gone])} == {scored.row_id for scored in here}
        assert table.whole(gone) == []
        assert table.whole([]) == []

    def test_rows_are_told_apart_by_id_wherever_they_stand_now(self, table: SearchableTimeline) -> None:
        first, second = table.nearest(ENCODER.encode(["damage"])[0], Scope("one"), 2)
        moved = [Scored(first.row_id, first.start_ns, first.score, second.address)]
        assert [one.row_id for one in table.whole(moved)] == [first.row_id]

    def test_an_encoder_that_is_not_known_is_named(self, table: SearchableTimeline) -> None:
        assert table.stranger(None, {"other", ENCODER.name}) is None
        assert table.stranger("two", {ENCODER.name}) is None
        assert table.stranger(None, {"other"}) == table.stranger("two", {"other"}) == ENCODER.name
        assert table.stranger("none", {"other"}) is None

    def test_no_more_rows_than_asked_for_are_found(self, table: SearchableTimeline) -> None:
        assert len(self.nearest(table, "damage", Scope(), 3)) == 3
        assert len(table.matching("damage shotgun", Scope(), 3)) == 3

    @pytest.mark.parametrize(
        "words",
        [
            *("", " ", '"', '"shotgun', "(shotgun OR", "shotgun AND NOT", "text:shotgun", "shotgun~^9", "*"),
            *("+-!{}[]/\\", "'; DROP", "😀", "\x00", "shotgun " * 200, "日本語"),
        ],
    )
    def test_words_are_never_syntax(self, table: SearchableTimeline, words: str) -> None:
        found = self.matching(table, words, Scope("one"))
        assert found == (["Picked up the shotgun."] if "shotgun" in words else [])

"""How a video is cut, and what a prompt shows of a stretch."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gvlm_resources.dataset.facts import Facts
from gvlm_resources.dataset.pairs import KINDS
from gvlm_resources.dataset.writer import stretches
from gvlm_resources.settings import Quotas, SynthesisSettings
from gvlm_resources.timebase import Span
from tests.dataset import play
from tests.dataset.play import S


def long_play(duration_s: float, *spans: tuple[float, float]) -> Facts:
    events = tuple(play.event("fight", start, "A fight.", end_s=end) for start, end in spans)
    return Facts(play.VIDEO, "A run", round(duration_s * S), play.facts().game, events=events)


def edges(cut: list[Span]) -> list[float]:
    return [span.start_ns / S for span in cut] + [cut[-1].end_ns / S]


def test_a_video_is_cut_without_a_gap_and_a_short_rest_belongs_to_the_last() -> None:
    assert edges(stretches.cut(long_play(200), 60)) == [0, 60, 120, 200]
    assert edges(stretches.cut(long_play(230), 60)) == [0, 60, 120, 180, 230]
    assert edges(stretches.cut(long_play(20), 60)) == [0, 20]


def test_a_cut_moves_to_the_nearest_end_of_the_event_that_it_would_go_through() -> None:
    assert edges(stretches.cut(long_play(120, (50, 61)), 60)) == [0, 61, 120]
    assert edges(stretches.cut(long_play(120, (59, 70)), 60)) == [0, 59, 120]
    assert edges(stretches.cut(long_play(120, (59, 70), (55, 60)), 60)) == [0, 55, 120], "59 lies in the other fight"


def test_what_is_longer_than_half_a_stretch_moves_no_cut() -> None:
    assert edges(stretches.cut(long_play(120, (10, 110)), 60)) == [0, 60, 120]


@settings(max_examples=40)
@given(
    duration_s=st.integers(5, 900),
    spans=st.lists(st.tuples(st.integers(0, 890), st.integers(1, 25)), max_size=12),
)
def test_no_cut_goes_through_an_event_where_a_place_without_one_is_near(
    duration_s: int, spans: list[tuple[int, int]]
) -> None:
    facts = long_play(duration_s, *((start, start + long) for start, long in spans))
    cut = stretches.cut(facts, 60)
    assert [cut[0].start_ns, cut[-1].end_ns] == [0, duration_s * S]
    assert all(a.end_ns == b.start_ns for a, b in itertools.pairwise(cut))
    assert all(span.duration_ns < 120 * S for span in cut)
    for span in cut[1:]:
        through = [event for event in facts.events if event.start_ns < span.start_ns < event.end_ns]
        clear = [e for e in facts.events if abs(e.end_ns - span.start_ns) < 5 * S and not _within(facts, e.end_ns)]
        assert not (through and clear)


def _within(facts: Facts, ns: int) -> bool:
    return any(event.start_ns < ns < event.end_ns for event in facts.events)


def test_rows_come_from_every_table_in_the_order_of_time_and_nothing_twice() -> None:
    rows = stretches.rows_of(play.facts(), Span(0, 70 * S), min_confidence=0.6, max_rows=120).rows
    told = [(row.source, row.text) for row in rows]
    assert ("text", "Took a health refill.") in told
    assert ("speech", "look out behind you") in told
    assert ("entity", "imp, lower right of the picture") in told
    assert ("state", "health is 70") in told
    assert [text for source, text in told if "pain" in text] == ["Heard player pain."], "the event tells the sound"
    assert not any(text == "90" for _, text in told), "the state tells the HUD's numbers"
    assert [row.start_ns for row in rows] == sorted(row.start_ns for row in rows)


def test_a_stretch_shows_the_value_that_it_begins_with() -> None:
    rows = stretches.rows_of(play.facts(), Span(50 * S, 70 * S), min_confidence=0.6, max_rows=120).rows
    assert [row.text for row in rows] == ["health is 0"]


def test_rows_that_no_kept_pair_could_rest_on_are_not_shown() -> None:
    facts = play.facts(texts=(play.shown("Took a heaIth", 2, 5, confidence=0.4),))
    rows = stretches.rows_of(facts, Span(0, 10 * S), min_confidence=0.6, max_rows=120).rows
    assert not any(row.source == "text" for row in rows)


def test_a_rare_kind_is_not_thinned_out_by_a_frequent_one() -> None:
    shots = tuple(play.event("shot", at / 10, f"Fired (bullets {at}).") for at in range(600))
    facts = play.facts(events=(*shots, play.event("death", 40.1, "The player died.")), speech=())
    shown = stretches.rows_of(facts, Span(0, 70 * S), min_confidence=0.6, max_rows=10)
    assert len(shown.rows) == 10
    assert "The player died." in [row.text for row in shown.rows]
    assert shown.left_out == 600 + 8 - 10


@given(sizes=st.lists(st.integers(1, 60), min_size=1, max_size=8), most=st.integers(1, 90))
def test_thinning_fills_the_room_there_is_and_takes_most_from_the_largest_group(sizes: list[int], most: int) -> None:
    rows = [
        stretches.Told(f"{kind}-{i}", "event", str(kind), i, i + 1, "", 1.0)
        for kind, size in enumerate(sizes)
        for i in range(size)
    ]
    kept = stretches.thinned(rows, most)
    assert len(kept) == min(most, len(rows))
    counts = [sum(row.kind == str(kind) for row in kept) for kind in range(len(sizes))]
    cut_down = [count for count, size in zip(counts, sizes, strict=True) if count < size]
    assert all(count >= max(counts) - 1 for count in cut_down) or len(sizes) > most


def test_frames_are_spread_and_neither_black_nor_repeated() -> None:
    frames = (play.frame(0, is_black=True), play.frame(1), play.frame(2, duplicate_of="f000001000000"), play.frame(3))
    facts = play.facts(frames=(*frames, *(play.frame(at) for at in range(4, 70))))
    assert [f.pts_ns // S for f in stretches.frames_of(facts, Span(0, 60 * S), 3)] == [1, 30, 59]
    assert [f.pts_ns // S for f in stretches.frames_of(facts, Span(0, 4 * S), 6)] == [1, 3]
    assert stretches.frames_of(facts, Span(0, 60 * S), 0) == ()


@given(minutes=st.integers(1, 45), stretch_count=st.integers(1, 50), quota=st.integers(0, 9), seed=st.integers(0, 99))
def test_the_shares_of_all_stretches_add_up_to_the_quota(
    minutes: int, stretch_count: int, quota: int, seed: int
) -> None:
    quotas = Quotas(**dict.fromkeys(KINDS, quota))
    chosen = SynthesisSettings(quotas=quotas, seed=seed, languages=("en", "de"))
    asked: dict[tuple[str, str], int] = {}
    for index in range(stretch_count):
        for wanted in stretches.wanted(chosen, minutes * 60 * S, index, stretch_count):
            for kind, count in wanted.counts:
                asked[wanted.language, kind] = asked.get((wanted.language, kind), 0) + count
    whole = quota * -(-minutes // 10)
    assert asked == ({} if not whole else {(lang, kind): whole for lang in ("en", "de") for kind in KINDS})


def test_a_prompt_asks_for_no_more_pairs_than_its_reply_has_room_for() -> None:
    asked = stretches.wanted(SynthesisSettings(max_tokens=900), 70 * S, 0, 1)
    assert all(wanted.pairs <= 10 for wanted in asked)
    assert sum(wanted.pairs for wanted in asked) == sum(Quotas().model_dump().values())
    assert max(wanted.pairs for wanted in asked) - min(wanted.pairs for wanted in asked) <= 1


@pytest.mark.parametrize(
    ("box", "place"),
    [((0, 0, 10, 10), "upper left"), ((300, 220, 340, 260), "middle"), ((600, 470, 640, 480), "lower right")],
)
def test_a_place_is_a_ninth_of_the_frame(box: tuple[float, float, float, float], place: str) -> None:
    facts = play.facts(sights=(play.sight("imp", "t1", 5, box, 0.9),))
    rows = stretches.rows_of(facts, Span(0, 10 * S), min_confidence=0.6, max_rows=120).rows
    assert f"imp, {place} of the picture" in [row.text for row in rows]

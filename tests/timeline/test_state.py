from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gvlm_resources import schemas
from gvlm_resources.timeline import state
from tests.timeline.hud_rows import GAME, at, number, ocr, reading


def held(*rows: dict, variable: str = "health") -> list[tuple[float, float, float]]:
    """Accepted values as (value, start in s, end in s)."""
    table = state.series(ocr(*rows), GAME, video_id="v-1").to_pylist()
    kept = [row for row in table if row["status"] == "ok" and row["variable"] == variable]
    return [(row["value"], row["start_ns"] / 1e9, row["end_ns"] / 1e9) for row in kept]


def rejected(*rows: dict) -> list[tuple[float | None, str]]:
    table = state.series(ocr(*rows), GAME, video_id="v-1").to_pylist()
    return [(row["value"], row["reason"]) for row in table if row["status"] == "filtered"]


def test_readings_become_spans_of_values() -> None:
    assert held(*number("health", (0, "100%"), (4, "88%"), (5, "98"), end_s=9)) == [(100, 0, 4), (88, 4, 5), (98, 5, 9)]


def test_steps_a_frame_apart_stay_two_steps() -> None:
    rows = number("health", (0, "50"), (4, "51"), (4 + 1 / 35, "52"), (4 + 2 / 35, "53"))
    assert [value for value, _, _ in held(*rows)] == [50, 51, 52, 53]
    assert rejected(*rows) == []


@pytest.mark.parametrize(("text", "value"), [("86", 86), ("86%", 86), (" 8 6 % ", 86), ("0", 0), ("007", 7)])
def test_whole_numbers_are_read_with_or_without_percent(text: str, value: float) -> None:
    assert state.number_of(text) == value


@pytest.mark.parametrize("text", ["", "%", "B6", "8.6", "-5", "eight", "8\n6x", "1234567890"])
def test_what_is_no_whole_number_is_no_value(text: str) -> None:
    assert state.number_of(text) is None


def test_a_number_out_of_range_is_kept_as_filtered_with_its_rule() -> None:
    rows = number("health", (0, "100"), (1, "900"), (2, "90"))
    assert [value for value, _, _ in held(*rows)] == [100, 90]
    assert rejected(*rows) == [(900, "outside 0..200 of health")]


def test_a_text_that_is_no_number_is_kept_as_filtered_without_a_value() -> None:
    assert rejected(*number("health", (0, "100"), (1, "I0O"), (2, "90"))) == [(None, "no whole number: 'I0O'")]


def test_a_dropped_digit_that_comes_back_is_no_change() -> None:
    rows = number("health", (0, "100"), (5, "10"), (6.5, "100"), end_s=9)
    assert held(*rows) == [(100, 0, 9)]
    assert rejected(*rows) == [(10, "100 with a digit lost or added")]


def test_digits_of_two_numbers_in_one_frame_are_a_picture_between_them() -> None:
    rows = number("health", (0, "52"), (5, "57"), (5 + 1 / 35, "37"), end_s=9)
    assert [value for value, _, _ in held(*rows)] == [52, 37]
    assert rejected(*rows) == [(57, "digits of 52 and of 37 for one frame")]
    assert rejected(*number("health", (0, "52"), (5, "57"), (5.2, "37"), end_s=9)) == []
    assert rejected(*number("health", (0, "100"), (5, "62"), (5 + 1 / 35, "58"), end_s=9)) == []


def test_a_digit_too_many_that_goes_again_is_no_change() -> None:
    assert held(*number("health", (0, "18"), (5, "118"), (5.5, "18"), end_s=9)) == [(18, 0, 9)]


@pytest.mark.parametrize(
    ("lasts_s", "confidence", "kept"), [(0.1, 0.8, 1), (0.1, 0.97, 3), (0.03, 0.97, 1), (0.2, 0.8, 3)]
)
def test_a_value_that_is_gone_at_once_was_misread_unless_it_was_read_surely(
    lasts_s: float, confidence: float, kept: int
) -> None:
    rows = [
        reading("armor", "0", 0, 5),
        reading("armor", "1", 5, 5 + lasts_s, confidence=confidence),
        reading("armor", "0", 5 + lasts_s, 9),
    ]
    assert len(held(*rows, variable="armor")) == kept


def test_real_damage_and_healing_back_to_the_same_value_stay() -> None:
    rows = number("health", (0, "100"), (5, "75"), (6, "100"), end_s=9)
    assert [value for value, _, _ in held(*rows)] == [100, 75, 100]


def test_a_short_life_between_two_deaths_is_no_digit_lost() -> None:
    rows = [reading("health", "0", 0, 5), reading("health", "100", 5, 6.5, confidence=0.97)]
    rows += [reading("health", "0", 6.5, 9)]
    assert held(*rows) == [(0, 0, 5), (100, 5, 6.5), (0, 6.5, 9)]
    assert rejected(*rows) == []


def test_a_zero_that_grows_a_digit_and_loses_it_again_is_a_life_only_where_it_is_read_surely() -> None:
    rows = [reading("health", "0", 0, 5), reading("health", "10", 5, 6, confidence=0.8), reading("health", "0", 6, 9)]
    assert held(*rows) == [(0, 0, 9)]
    assert rejected(*rows) == [(10, "0 with a digit lost or added")]


def test_a_zero_that_ends_no_life_may_have_grown_a_digit_all_the_same() -> None:
    rows = number("armor", (0, "0"), (5, "10"), (6, "0"), end_s=9)
    assert held(*rows, variable="armor") == [(0, 0, 9)]


def test_losing_ninety_and_not_coming_back_is_believed() -> None:
    assert [value for value, _, _ in held(*number("health", (0, "100"), (5, "10"), (6, "20")))] == [100, 10, 20]


def test_a_short_gap_between_equal_values_is_closed_and_a_long_one_is_not() -> None:
    short = [reading("health", "70", 0, 3), reading("health", "70", 4, 6)]
    assert held(*short) == [(70, 0, 6)]
    long = [reading("health", "70", 0, 3), reading("health", "70", 9, 12)]
    assert held(*long) == [(70, 0, 3), (70, 9, 12)]


def test_nothing_is_filled_in_between_different_values() -> None:
    assert held(reading("health", "70", 0, 3), reading("health", "60", 4, 6)) == [(70, 0, 3), (60, 4, 6)]


def test_rows_that_the_reader_itself_doubted_are_not_read() -> None:
    rows = [reading("health", "70", 0, 3), reading("health", "7", 3, 4, status="filtered", reason="low_confidence")]
    assert held(*rows) == [(70, 0, 3)]
    assert rejected(*rows) == []


def test_confidence_is_the_mean_over_the_time_read_and_evidence_names_every_reading() -> None:
    rows = [
        reading("health", "70", 0, 3, confidence=1.0, ocr_id="a"),
        reading("health", "70", 4, 5, confidence=0.6, ocr_id="b"),
    ]
    (row,) = state.series(ocr(*rows), GAME, video_id="v-1").to_pylist()
    assert row["confidence"] == pytest.approx(0.9)
    assert row["evidence"] == ["a", "b"]
    assert row["state_id"] == "g000000000000-health"


def test_regions_without_a_variable_and_other_categories_are_left_alone() -> None:
    rows = [reading("fps", "60", 0, 3), reading("health", "70", 0, 3, category="text")]
    table = state.series(ocr(*rows), GAME, video_id="v-1")
    assert table.num_rows == 0
    assert table.schema.equals(schemas.GAME_STATE, check_metadata=True)


READINGS = st.lists(
    st.tuples(st.integers(0, 400), st.integers(1, 60), st.sampled_from(["0", "7", "100", "10", "250", "x", "88%"])),
    max_size=25,
)


@given(READINGS)
def test_accepted_spans_never_overlap_and_every_reading_is_accounted_for(drawn: list[tuple[int, int, str]]) -> None:
    rows = [reading("health", text, start / 10, (start + length) / 10) for start, length, text in drawn]
    table = state.series(ocr(*rows), GAME, video_id="v-1").to_pylist()
    kept = [row for row in table if row["status"] == "ok"]
    assert all(a["end_ns"] <= b["start_ns"] for a, b in pairwise(kept))
    assert all(row["start_ns"] < row["end_ns"] for row in table)
    assert len({(row["state_id"], row["status"]) for row in kept}) == len(kept)
    cited = {name for row in table for name in row["evidence"]}
    shadowed = {
        row["ocr_id"]
        for row in ocr(*rows).to_pylist()
        if any(row["start_ns"] == other["start_ns"] for other in ocr(*rows).to_pylist() if other is not row)
    }
    assert cited | shadowed >= {row["ocr_id"] for row in ocr(*rows).to_pylist()}


def test_rows_are_ordered_by_start() -> None:
    rows = [*number("armor", (1, "5"), (3, "6")), *number("health", (0, "100"), (2, "90"))]
    starts = state.series(ocr(*rows), GAME, video_id="v-1")["start_ns"].to_pylist()
    assert starts == [at(0), at(1), at(2), at(3)]

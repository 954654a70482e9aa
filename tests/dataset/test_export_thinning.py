"""Which pictures stay: those of boxes, then those of the moments asked about, then evenly."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gvlm_resources.dataset.examples.example import from_json
from gvlm_resources.dataset.export.grounds import grounds
from gvlm_resources.dataset.export.thinning import evenly, kept
from tests.dataset import tiny_release as tiny

FRAMES = [tiny.second(number) for number in range(20)]


def shown(most: int, **changes: Any) -> list[int]:
    """Of an answer that rests on nothing that the line names, but for `changes`."""
    example = from_json({**tiny.LONG, "evidence": [], **changes})
    return kept(FRAMES, example, grounds(example), most=most)


@pytest.mark.parametrize("most", [1, 2, 4, 16])
def test_the_frame_of_the_moment_asked_about_stays(most: int) -> None:
    for number in range(20):
        assert number in shown(most, timestamps=[[number, number + 1]])


def test_each_moment_has_its_frame_where_there_is_room() -> None:
    assert {4, 17} <= set(shown(3, timestamps=[[4.0, 4.2], [16.8, 17.0]]))
    assert len(shown(2, timestamps=[[1, 2], [8, 9], [11, 12], [15, 16]])) == 2


def test_boxes_come_before_moments() -> None:
    assert shown(1, timestamps=[[4, 5]], box_frames=[tiny.second(9)]) == [9]
    assert shown(2, timestamps=[[4, 5]], box_frames=[tiny.second(9)]) == [4, 9]


def test_the_rest_is_even_with_the_first_and_the_last() -> None:
    assert shown(5, timestamps=[[7, 8]]) == [0, 7, 10, 14, 19]


def test_ids_that_tell_no_time_are_thinned_evenly() -> None:
    names = [f"own-{number}" for number in range(9)]
    example = from_json({**tiny.LONG, "frames": names})
    assert kept(names, example, grounds(example), most=3) == [0, 4, 8]


@given(st.integers(0, 25), st.lists(st.integers(0, 40), max_size=6), st.lists(st.integers(0, 25), max_size=6))
def test_never_more_than_the_most_and_never_fewer_than_there_are(most: int, at: list[int], boxed: list[int]) -> None:
    found = shown(most, timestamps=[[n, n + 1] for n in at], box_frames=[tiny.second(n) for n in boxed])
    assert len(found) == min(most, 20)
    assert found == sorted(set(found))
    if len({n for n in boxed if n < 20}) <= most:
        assert {n for n in boxed if n < 20} <= set(found)


@given(st.integers(0, 60), st.integers(0, 60))
def test_evenly_gives_distinct_numbers_in_order_and_no_more_than_asked_for(count: int, most: int) -> None:
    numbers = evenly(count, most)
    assert len(numbers) == min(count, most)
    assert numbers == sorted(set(numbers))
    assert all(0 <= number < count for number in numbers)

"""Orientation, pixel aspect, and boxes that follow both."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gvlm_resources.video.display import Display

ONE = 1 << 16
TURNS = [Display(swap=s, flip_x=x, flip_y=y) for s in (False, True) for x in (False, True) for y in (False, True)]


def matrix(a: int, b: int, c: int, d: int) -> list[int]:
    return [a * ONE, b * ONE, 0, c * ONE, d * ONE, 0, 0, 0, 1 << 30]


@pytest.mark.parametrize(
    ("numbers", "quarter_turns"), [((1, 0, 0, 1), 0), ((0, 1, -1, 0), 3), ((-1, 0, 0, -1), 2), ((0, -1, 1, 0), 1)]
)
def test_a_display_matrix_turns_as_players_turn(numbers: tuple[int, int, int, int], quarter_turns: int) -> None:
    image = np.arange(24, dtype=np.uint8).reshape(4, 6, 1)
    display = Display.from_matrix(matrix(*numbers))
    assert np.array_equal(display.oriented(image), np.rot90(image, quarter_turns))
    assert display.rotation_deg == (360 - 90 * quarter_turns) % 360


def test_a_mirror_is_kept() -> None:
    image = np.arange(24, dtype=np.uint8).reshape(4, 6, 1)
    assert np.array_equal(Display.from_matrix(matrix(-1, 0, 0, 1)).oriented(image), image[:, ::-1])


@given(
    display=st.sampled_from(TURNS),
    edges=st.tuples(*[st.floats(0, 0.9)] * 2, *[st.floats(0.01, 0.9)] * 2),
    width=st.integers(2, 700),
    height=st.integers(2, 500),
)
def test_a_box_shows_the_same_pixels_before_and_after_turning(
    display: Display, edges: tuple[float, ...], width: int, height: int
) -> None:
    x0, y0, w, h = edges
    wanted = (x0, y0, min(1.0, x0 + w), min(1.0, y0 + h))
    coded = display.coded_box(wanted, width, height)
    left, top, right, bottom = coded
    assert 0 <= left < right <= width
    assert 0 <= top < bottom <= height
    assert not any(edge % 2 for edge in coded)
    numbered = np.arange(width * height).reshape(height, width, 1)
    whole = numbered if not display.swap else numbered.swapaxes(0, 1)
    whole = whole[:, ::-1] if display.flip_x else whole
    whole = whole[::-1] if display.flip_y else whole
    sx0, sy0, sx1, sy1 = display.shown_box(coded, width, height)
    crop = numbered[top:bottom, left:right]
    assert np.array_equal(np.sort(whole[sy0:sy1, sx0:sx1].ravel()), np.sort(crop.ravel())), (
        "the box in the displayed picture holds the cut pixels"
    )
    shown_w, shown_h = whole.shape[1], whole.shape[0]
    assert sx0 <= max(wanted[0] * shown_w, 0) + 2
    assert sx1 >= min(wanted[2] * shown_w, shown_w - 1) - 2
    assert sy0 <= wanted[1] * shown_h + 2
    assert sy1 >= min(wanted[3] * shown_h, shown_h - 1) - 2


def test_wide_pixels_make_a_wide_picture() -> None:
    display = Display(pixel_aspect=Fraction(4, 3))
    assert display.size(720, 576) == (960, 576)
    assert display.fitted(720, 576, scale=Fraction(1, 2)) == (480, 288)


def test_a_turned_picture_swaps_its_measures() -> None:
    assert Display(swap=True, flip_x=True).size(1920, 1080) == (1080, 1920)

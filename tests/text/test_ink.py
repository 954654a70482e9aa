from __future__ import annotations

import itertools

import numpy as np
import pytest

from gvlm_resources import game
from gvlm_resources.simulator import truth as truths
from gvlm_resources.text import ink
from gvlm_resources.text.numbers import KnownShapes, Shape
from tests.text import screen

TINTS = [((255, 0, 0), 0.5), ((215, 186, 69), 0.25), ((0, 255, 0), 0.2), ((0, 0, 0), 0.3)]


def fingerprint(image: np.ndarray) -> np.ndarray:
    found = ink.fingerprint(ink.ink_of(image))
    assert found is not None
    return found


def test_a_blank_panel_with_noise_holds_no_ink() -> None:
    panel = np.full((42, 88, 3), screen.PANEL, np.uint8)
    assert not ink.ink_of(screen.noisy(panel, 1, level=1.5)).is_there
    assert ink.fingerprint(ink.ink_of(screen.noisy(panel, 1))) is None


@pytest.mark.parametrize(("colour", "share"), TINTS)
def test_a_number_keeps_its_fingerprint_under_a_tint_and_noise(colour: tuple[int, int, int], share: float) -> None:
    for text in ("100", "38", "7"):
        seen = fingerprint(screen.noisy(screen.tinted(screen.number(text), colour, share), 3))
        assert np.abs(seen - fingerprint(screen.number(text))).max() < ink.NEAR


def test_no_two_numbers_have_near_fingerprints() -> None:
    prints = {value: fingerprint(screen.number(str(value), noise_seed=value)) for value in range(0, 200)}
    for one, other in itertools.combinations(prints, 2):
        assert np.abs(prints[one] - prints[other]).max() > ink.NEAR, (one, other)


def test_no_two_numbers_of_a_real_recording_have_near_fingerprints() -> None:
    """Every shape that is taken for one that was read before must have shown the same number in the game."""
    regions = {region.name: region for region in game.load("freedoom").hud if region.kind == "number"}
    columns = {"health": "hud_health", "armor": "hud_armor", "ammo": "hud_ammo", "bullets": "ammo2", "shells": "ammo3"}
    tics = truths.read(screen.SAMPLES / "truth" / "freedoom-fight.truth.json").tics
    values = {name: tics[column].to_pylist() for name, column in columns.items()}
    known: dict[str, KnownShapes] = {name: KnownShapes() for name in columns}
    shown: dict[int, tuple[str, set[int]]] = {}
    for index, image in screen.recorded("freedoom-fight", first=1, last=500):
        for name in columns:
            now = set(values[name][index - 1 : index + 1])  # the bar may be drawn one tic late
            found = ink.fingerprint(ink.ink_of(screen.cut(image, regions[name])))
            if found is None or None in now:
                continue
            shape = known[name].like(found)
            if shape is None:
                shape = Shape()
                known[name].add(found, shape)
                shown[id(shape)] = (name, now)
            else:
                assert now & shown[id(shape)][1], (name, index, now, shown[id(shape)])
    assert 20 < len(shown) < 400


def test_a_large_crop_is_trimmed_to_its_number_with_a_margin() -> None:
    wide = np.full((42, 300, 3), screen.PANEL, np.uint8)
    wide[:, 212:] = screen.number("5")
    view = ink.trimmed(wide, ink.ink_of(wide))
    assert view is not None
    assert view.shape[1] < 80


def test_small_digits_are_cut_one_by_one() -> None:
    small = np.full((14, 36, 3), 40, np.uint8)
    for left in (10, 19, 28):
        small[2:13, left : left + 6] = (250, 240, 90)
    assert len(ink.glyphs(ink.ink_of(small))) == 3
    assert ink.glyphs(ink.ink_of(np.full((14, 36, 3), 40, np.uint8))) == []


def test_unsure_shapes_are_forgotten_and_the_oldest_go_first() -> None:
    shapes = KnownShapes()
    for value in range(600):
        shapes.add(np.full(4, value, np.float32), Shape())
    assert shapes.like(np.full(4, 0, np.float32)) is None
    assert shapes.like(np.full(4, 599, np.float32)) is not None
    shapes.keep_sure()
    assert shapes.like(np.full(4, 599, np.float32)) is None

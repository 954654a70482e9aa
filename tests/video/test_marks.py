"""What is told of a frame by its pixels."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from gvlm_resources.errors import LakeError
from gvlm_resources.video import encode, marks
from gvlm_resources.video.crops import greatest_change
from gvlm_resources.video.marks import DuplicateFinder, Look
from tests.video import films

RNG = np.random.default_rng(0)


def plain(value: int) -> NDArray[np.uint8]:
    return np.full((90, 160, 3), value, np.uint8)


def view(seed: int) -> NDArray[np.uint8]:
    """A soft random picture, 360 x 640."""
    small = np.random.default_rng(seed).integers(0, 256, (9, 16, 3)).astype(np.uint8)
    return cv2.resize(small, (640, 360), interpolation=cv2.INTER_CUBIC)


def recoded(image: NDArray[np.uint8], quality: int = 40) -> NDArray[np.uint8]:
    return cv2.imdecode(np.frombuffer(encode.jpeg(image, quality), np.uint8), cv2.IMREAD_COLOR)


def test_a_hash_survives_coding_and_scaling_and_tells_pictures_apart() -> None:
    first = Look.of(view(1)).phash
    assert marks.hamming(first, Look.of(recoded(view(1))).phash) <= 4
    assert marks.hamming(first, Look.of(cv2.resize(view(1), (320, 180))).phash) <= 4
    others = [marks.hamming(first, Look.of(view(seed)).phash) for seed in range(2, 12)]
    assert min(others) > 12


def test_plain_pictures_hash_to_a_stable_value() -> None:
    assert {Look.of(plain(value)).phash & ~(1 << 63) for value in (0, 7, 128, 255)} == {0}


def test_brightness_is_the_mean_luma() -> None:
    assert Look.of(plain(0)).brightness == 0
    assert Look.of(plain(77)).brightness == 77


def test_blurring_lowers_the_sharpness() -> None:
    sharp = RNG.integers(0, 256, (180, 320, 3)).astype(np.uint8)
    values = [Look.of(cv2.GaussianBlur(sharp, (0, 0), sigma)).sharpness for sigma in (0.5, 1, 2, 4)]
    assert values == sorted(values, reverse=True)
    assert values[-1] < 25 < values[0]


def test_sharpness_hardly_depends_on_the_stored_size() -> None:
    large = Look.of(view(3)).sharpness
    small = Look.of(cv2.resize(view(3), (320, 180), interpolation=cv2.INTER_AREA)).sharpness
    assert small == pytest.approx(large, rel=0.2)


def test_motion_is_the_mean_difference_of_luma() -> None:
    assert marks.motion(Look.of(plain(50)), Look.of(plain(60))) == pytest.approx(10)
    assert marks.motion(Look.of(plain(50)), Look.of(plain(50))) == 0
    assert marks.motion(Look.of(plain(50)), Look.of(plain(50)[:45])) == 255


def test_moving_within_a_place_is_no_new_scene_and_another_place_is() -> None:
    place = np.hstack([view(4), view(4)[:, ::-1]])
    before, turned = Look.of(place[:, :600]), Look.of(place[:, 90:690])
    elsewhere = (view(7)[:, :600] * [0.2, 0.5, 0.7]).astype(np.uint8)
    assert marks.scene_distance(before, turned) < 0.2
    assert marks.scene_distance(before, Look.of(elsewhere)) > 0.35
    assert marks.scene_distance(Look.of(plain(0)), Look.of(plain(255))) == 1


def test_a_flash_of_the_whole_screen_is_no_new_scene() -> None:
    flash = (view(4) * [0.5, 0.5, 1.0] + [0, 0, 40]).clip(0, 255).astype(np.uint8)
    assert marks.scene_distance(Look.of(view(4)), Look.of(flash)) < 0.1


def test_a_duplicate_points_to_an_original_and_never_to_a_duplicate() -> None:
    finder = DuplicateFinder(within_bits=4)
    assert finder.original_of("a", Look.of(view(5))) is None
    assert finder.original_of("b", Look.of(recoded(view(5)))) == "a"
    assert finder.original_of("c", Look.of(view(5))) == "a"
    assert finder.original_of("d", Look.of(view(6))) is None
    assert finder.original_of("e", Look.of(view(5))) == "a"


def test_black_is_no_duplicate_of_white() -> None:
    finder = DuplicateFinder(within_bits=4)
    assert finder.original_of("white", Look.of(plain(255))) is None
    assert finder.original_of("black", Look.of(plain(0))) is None


def test_a_repetition_long_after_is_an_original_again() -> None:
    finder = DuplicateFinder(within_bits=0)
    finder.original_of("first", Look.of(view(5)))
    for number in range(marks.LOOK_BACK):
        assert finder.original_of(f"f{number}", Look.of(plain(number * 3 % 256))) != "first"
    assert finder.original_of("again", Look.of(view(5))) is None


def digit(text: str, *, noise: float = 0.0) -> NDArray[np.uint8]:
    """A HUD number of 14 px height on a gray bar."""
    image = np.full((42, 88), 70, np.uint8)
    cv2.putText(image, text, (6, 30), cv2.FONT_HERSHEY_PLAIN, 1.5, 130, 2, cv2.LINE_AA)
    return (image + np.random.default_rng(len(text)).normal(0, noise, image.shape)).clip(0, 255).astype(np.uint8)


@pytest.mark.parametrize(("before", "now"), [("88", "83"), ("70", "78"), ("1", "7"), ("100", "108"), ("55", "56")])
def test_one_changed_digit_is_seen_and_noise_is_not(before: str, now: str) -> None:
    level = 6.0  # the default of hud.changed_level
    assert greatest_change(digit(before), digit(now), 6) > 2 * level
    assert greatest_change(digit(before), digit(before, noise=3.0), 6) < level


def test_a_change_counts_the_same_wherever_it_lies() -> None:
    base = np.full((40, 80), 90, np.uint8)
    found = set()
    for x in range(0, 70, 3):
        image = base.copy()
        image[10:16, x : x + 6] = 140
        found.add(round(greatest_change(base, image, 6), 3))
    assert found == {50.0}


def test_images_come_back_as_rgb() -> None:
    image = films.picture(5)
    assert np.array_equal(encode.decode_image(encode.png(image[..., ::-1])), image)
    assert np.abs(encode.decode_image(encode.jpeg(image[..., ::-1], 95)).astype(int) - image).mean() < 8


@pytest.mark.parametrize("content", [b"", b"no image", encode.png(films.picture(1))[:40]])
def test_bytes_that_are_no_image_are_an_error(content: bytes) -> None:
    with pytest.raises(LakeError, match="no JPEG or PNG"):
        encode.decode_image(content)

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from gvlm_resources.settings import OcrSettings
from gvlm_resources.text import tracking
from gvlm_resources.text.ocr_rows import Row
from gvlm_resources.text.protocol import Box, Image, Reading
from tests.text import screen

SECOND_NS = 1_000_000_000
SETTINGS = OcrSettings()


def frame(*texts: tuple[str, tuple[int, int]], seed: int | None = None) -> Image:
    """A dark frame of 320 x 240 with texts at (x, y), and with `seed` a picture behind them."""
    image = np.full((240, 320, 3), 25, np.uint8)
    if seed is not None:
        blocks = np.random.default_rng(seed).integers(0, 90, (15, 20, 3), np.uint8)
        image = np.repeat(np.repeat(blocks, 16, 0), 16, 1)
    for text, at in texts:
        screen.write(image, text, at, colour=(250, 250, 250))
    return image


def read(
    images: Sequence[Image],
    *,
    reader: screen.Counting | None = None,
    settings: OcrSettings = SETTINGS,
    exclude: Sequence[tuple[float, float, float, float]] = (),
) -> list[Row]:
    """Frames a second apart, read."""
    frames = ((index * SECOND_NS, image) for index, image in enumerate(images))
    end_ns = len(images) * SECOND_NS
    return tracking.read_frames(
        frames, end_ns=end_ns, reader=reader or screen.Counting(), settings=settings, exclude=exclude
    )


def summary(rows: Sequence[Row]) -> list[tuple[str, int, int]]:
    return [(row.outcome.text, row.start_ns // SECOND_NS, row.end_ns // SECOND_NS) for row in rows]


def test_a_text_that_stays_is_one_row_and_is_read_once() -> None:
    reader = screen.Counting()
    rows = read([frame(("PAUSED", (100, 130)))] * 12, reader=reader)
    assert summary(rows) == [("PAUSED", 0, 12)]
    assert reader.read == 1
    assert (rows[0].region, rows[0].category, rows[0].readings) == ("frame", "text", 1)


def test_a_text_ends_with_the_first_frame_that_does_not_show_it() -> None:
    images = [frame(seed=index) for index in range(10)]
    images[3:7] = [frame(("LEVEL UP", (90, 60)), seed=index) for index in range(3, 7)]
    found = [row for row in summary(read(images)) if row[0].replace(" ", "") == "LEVELUP"]
    assert [span[1:] for span in found] == [(3, 7)] or [span[1:] for span in found] == [(4, 7)]


def test_detection_runs_on_every_nth_frame_and_closely_on_every_second_of_them() -> None:
    reader = screen.Counting()
    read([frame()] * 12, reader=reader, settings=OcrSettings(detect_every=3, detect_side_px=480))
    assert reader.scales == pytest.approx([736 / 240, 2.0, 736 / 240, 2.0])


def test_a_text_on_a_frame_without_detection_is_followed_by_its_pixels() -> None:
    images = [frame(("SHOP OPEN", (60 + 2 * (index % 2), 100)), seed=index) for index in range(6)]
    rows = read(images, settings=OcrSettings(detect_every=6))
    assert [(text.replace(" ", ""), first, last) for text, first, last in summary(rows)] == [("SHOPOPEN", 0, 6)]


def test_a_number_that_changes_in_a_text_begins_another_row() -> None:
    images = [frame(("SCORE 120", (90, 130)))] * 4 + [frame(("SCORE 170", (90, 130)))] * 4
    found = [(text.replace(" ", ""), first, last) for text, first, last in summary(read(images))]
    assert found == [("SCORE120", 0, 4), ("SCORE170", 4, 8)]


def test_excluded_places_are_not_reported() -> None:
    images = [frame(("PAUSED", (100, 130)), ("100", (10, 230)))] * 3
    assert [row[0] for row in summary(read(images, exclude=[(0.0, 0.85, 1.0, 1.0)]))] == ["PAUSED"]


def test_a_text_under_the_least_confidence_is_kept_as_filtered() -> None:
    rows = read([frame(("PAUSED", (100, 130)))] * 2, settings=OcrSettings(min_confidence=1.0))
    assert [(row.outcome.text, row.outcome.status, row.outcome.reason) for row in rows] == [
        ("PAUSED", "filtered", "low_confidence")
    ]


def test_the_same_frames_give_the_same_rows() -> None:
    images = [frame((f"WAVE {index // 3}", (90, 130)), seed=index) for index in range(9)]
    assert read(images) == read(images)


def test_no_frames_give_no_rows() -> None:
    assert read([]) == []


class Late(screen.Counting):
    """Detects nothing in its first images, as the engine does with small texts now and then."""

    def __init__(self, *, blind: int) -> None:
        super().__init__()
        self.blind = blind

    def detect(self, image: Image, *, scale: float = 1.0) -> list[Box]:
        found = super().detect(image, scale=scale)
        return found if len(self.scales) > self.blind else []


def test_a_text_that_is_detected_late_begins_where_its_pixels_do() -> None:
    images = [frame()] * 2 + [frame(("PAUSED", (100, 130)))] * 10
    rows = read(images, reader=Late(blind=4), settings=OcrSettings(detect_every=1))
    assert summary(rows) == [("PAUSED", 2, 12)]


class Parts(screen.Counting):
    """Detects only the first half of a line in its first image."""

    def detect(self, image: Image, *, scale: float = 1.0) -> list[Box]:
        found = super().detect(image, scale=scale)
        if len(self.scales) > 1:
            return found
        return [Box(box.x0, box.y0, (box.x0 + box.x1) // 2, box.y1) for box in found]


def test_a_longer_line_takes_the_place_of_its_part() -> None:
    images = [frame(("GAME OVER", (60, 130)))] * 4
    texts = [row[0].replace(" ", "") for row in summary(read(images, reader=Parts()))]
    assert "GAMEOVER" in texts


def relief(image: Image) -> np.ndarray:
    return tracking.relief_of(image)


def test_of_two_equal_lines_the_nearer_that_is_free_is_found() -> None:
    following = tracking.Following(
        up=4, down=0.25, sideways_px=2, keep_order=True, again_when_changed=False, most_readings=1
    )
    picture = relief(frame(("COIN", (20, 40)), ("COIN", (20, 70))))
    upper, lower = Box(18, 20, 90, 46), Box(18, 50, 90, 76)
    line = upper.cut(picture)
    found = tracking.find(line, lower, picture, following)
    assert found is not None
    assert abs(found.y0 - lower.y0) <= 1
    scrolled = tracking.find(line, lower, picture, following, [lower])
    assert scrolled is None, "a line above one that was found would have overtaken it"
    moved = tracking.find(line, upper.shifted(0, 26), relief(frame(("COIN", (20, 40)))), following)
    assert moved is not None
    assert abs(moved.y0 - upper.y0) <= 1


def test_a_line_that_is_gone_is_not_found() -> None:
    box = Box(18, 20, 90, 46)
    line = box.cut(relief(frame(("COIN", (20, 40)))))
    for picture in (frame(seed=3), frame(("HEAL", (20, 40)), seed=4)):
        assert tracking.find(line, box, relief(picture), tracking.SAMPLED) is None


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("PICKED UP SOME BULLETS.", "PICKEDUP SOHE DULLETS", True),
        ("SCORE 120", "SCORE 170", False),
        ("Bob joined", "Ann left", False),
        ("", "", True),
    ],
)
def test_readings_say_the_same_if_letters_are_alike_and_numbers_agree(one: str, other: str, *, same: bool) -> None:
    assert tracking.says_the_same(one, other) is same


def test_the_reading_that_the_others_speak_for_is_taken() -> None:
    texts = [("GOT THE RIPSAH!", 0.8), ("GOT THE RIPSAW!", 0.7), ("OOT TUE RTP", 0.9), ("GOT THE RIPSAW!", 0.7)]
    readings = [Reading(text, confidence, confidence, confidence) for text, confidence in texts]
    assert tracking.agreed(readings).text == "GOT THE RIPSAW!"

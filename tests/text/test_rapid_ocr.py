from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gvlm_resources.errors import MissingModelError
from gvlm_resources.text import rapid_ocr
from gvlm_resources.text.protocol import Box, Image, Reading, TextReader, read_image
from gvlm_resources.text.rapid_ocr import RapidReader
from tests.text import screen

CHARACTERS = ("", "A", "B", "1", "7", " ")


class Echo:
    """The smallest reader: a crop's text is its width in pixels, and text is wherever an image is not black."""

    name = "echo@1"

    def recognise(self, crops: list[Image], *, alphabet: str | None = None) -> list[Reading]:
        texts = ["".join(c for c in str(crop.shape[1]) if alphabet is None or c in alphabet) for crop in crops]
        return [Reading(text, 1.0, 1.0, 1.0) if text else Reading("", 0.0, 0.0, 0.0) for text in texts]

    def detect(self, image: Image, *, scale: float = 1.0) -> list[Box]:
        rows, columns = np.nonzero(image.max(2))
        return [Box(columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)] if rows.size else []


@pytest.fixture(scope="module", params=["openvino", "onnxruntime", "echo"])
def reader(request: pytest.FixtureRequest) -> TextReader:
    return Echo() if request.param == "echo" else RapidReader(runtime=request.param)


@pytest.fixture(scope="module")
def lines() -> list[Image]:
    images = []
    for text, width in (("GAME OVER", 190), ("42", 60), ("PRESS START", 220), ("7", 40)):
        image = np.full((40, width, 3), 30, np.uint8)
        screen.write(image, text, (8, 29), colour=(240, 240, 240), size=0.9)
        images.append(image)
    return images


class TestEveryReader:
    def test_no_crops_give_no_readings(self, reader: TextReader) -> None:
        assert reader.recognise([]) == []

    def test_readings_come_in_the_order_of_the_crops(self, reader: TextReader, lines: list[Image]) -> None:
        forwards, backwards = reader.recognise(lines), reader.recognise(lines[::-1])
        assert [one.text for one in forwards] == [one.text for one in backwards[::-1]]

    def test_what_else_is_in_the_batch_makes_no_difference(self, reader: TextReader, lines: list[Image]) -> None:
        for crop, together in zip(lines, reader.recognise(lines * 3)[: len(lines)], strict=True):
            alone = reader.recognise([crop])[0]
            assert alone.text == together.text
            assert alone.confidence == pytest.approx(together.confidence, abs=0.02)

    def test_an_alphabet_leaves_nothing_but_its_characters(self, reader: TextReader, lines: list[Image]) -> None:
        for reading in reader.recognise(lines, alphabet="0123456789"):
            assert all(character.isdigit() for character in reading.text)

    def test_an_empty_image_has_no_text(self, reader: TextReader) -> None:
        assert read_image(reader, np.zeros((96, 160, 3), np.uint8)) == []

    def test_boxes_lie_in_the_image_and_hold_the_text(self, reader: TextReader) -> None:
        image = np.zeros((120, 320, 3), np.uint8)
        screen.write(image, "LEVEL 3", (60, 70), colour=(250, 250, 250), size=1.0)
        (box,) = reader.detect(image)
        assert 0 <= box.x0 < 70
        assert box.x1 <= 320
        assert box.y0 < 60
        assert 65 < box.y1 <= 120


def test_drawn_lines_are_read_letter_by_letter(lines: list[Image]) -> None:
    texts = [reading.text.replace(" ", "") for reading in screen.engine().recognise(lines)]
    assert texts == ["GAMEOVER", "42", "PRESSSTART", "7"]


def test_the_name_tells_package_models_and_runtime() -> None:
    package, models = screen.engine().name.split("/")
    assert package.startswith("rapidocr@3.")
    assert models.startswith("PP-OCRv6-small+openvino@")


def test_a_missing_model_is_named_with_the_remedy(tmp_path: Path) -> None:
    task = {"ocr_version": "PP-OCRv6", "task_type": "rec", "model_type": "small"}
    with pytest.raises(MissingModelError, match=r"PP-OCRv6_rec_small\.onnx.*pip install"):
        rapid_ocr.model_file(tmp_path, task)


def test_an_alphabet_that_the_engine_cannot_write_is_refused(lines: list[Image]) -> None:
    with pytest.raises(ValueError, match="no character"):
        screen.engine().recognise(lines, alphabet="12\ue000")


def steps(*classes: tuple[int, float]) -> np.ndarray:
    """Probabilities (steps, classes) with the given class at its probability and the rest shared evenly."""
    table = np.empty((len(classes), len(CHARACTERS)), np.float32)
    for row, (best, probability) in zip(table, classes, strict=True):
        row[:] = (1 - probability) / (len(CHARACTERS) - 1)
        row[best] = probability
    return table


def test_repeats_are_one_character_and_a_blank_parts_them() -> None:
    reading = rapid_ocr.decode(steps((1, 0.9), (1, 0.9), (0, 0.9), (1, 0.8), (2, 0.7)), CHARACTERS)
    assert reading.text == "AAB"
    assert reading.confidence == pytest.approx(0.8)
    assert reading.weakest == pytest.approx(0.7)
    assert reading.given == pytest.approx(0.7)


def test_under_an_alphabet_the_best_of_its_characters_is_read_at_its_own_probability() -> None:
    table = steps((1, 0.9), (0, 0.9))
    table[0, 4] = 0.06  # "7", beside 0.02 for "1"
    reading = rapid_ocr.decode(table, CHARACTERS, np.array([0, 3, 4]))
    assert reading.text == "7"
    assert reading.weakest == pytest.approx(0.06)
    assert reading.given == pytest.approx(0.06 / 0.08)


def test_nothing_but_blanks_is_no_text_of_no_confidence() -> None:
    assert rapid_ocr.decode(steps((0, 0.9), (0, 0.6)), CHARACTERS) == Reading("", 0.0, 0.0, 0.0)


@given(st.lists(st.integers(1, 40).map(lambda width: width * rapid_ocr.WIDTH_STEP_PX), max_size=60))
def test_every_crop_is_in_one_batch_of_its_width_that_is_not_too_large(widths: list[int]) -> None:
    found = list(rapid_ocr.batches(widths))
    assert sorted(index for _, indices in found for index in indices) == list(range(len(widths)))
    for width, indices in found:
        assert {widths[index] for index in indices} == {width}
        assert len(indices) == 1 or len(indices) * width <= rapid_ocr.BATCH_PX
    assert [width for width, _ in found] == sorted(width for width, _ in found)


def test_a_very_long_line_is_squeezed_to_the_widest_input() -> None:
    crop = np.zeros((4, 4000, 3), np.uint8)
    assert rapid_ocr.line_width(crop) == rapid_ocr.MAX_WIDTH_PX
    assert rapid_ocr.line_input(crop, rapid_ocr.MAX_WIDTH_PX).shape == (3, 48, rapid_ocr.MAX_WIDTH_PX)

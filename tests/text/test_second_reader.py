from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from gvlm_resources.text.protocol import Box, Image, Reading
from gvlm_resources.text.second_reader import SecondReader, better

CROPS = [np.full((10, width, 3), 9, np.uint8) for width in (10, 20, 30, 40)]


def said(text: str, confidence: float) -> Reading:
    return Reading(text, confidence, confidence, confidence)


SEEN = {10: said("", 0.0), 20: said("1evel 3", 0.5), 30: said("paused", 0.79), 40: said("GAME OVER", 0.99)}


class First:
    """Finds one line in every image, and reads a crop by its width: the narrower, the less sure."""

    name = "first@1"

    def recognise(self, crops: Sequence[Image], *, alphabet: str | None = None) -> list[Reading]:
        return [SEEN[crop.shape[1]] for crop in crops]

    def detect(self, image: Image, *, scale: float = 1.0) -> list[Box]:
        return [Box(0, 0, image.shape[1], round(image.shape[0] * scale))]


class Second:
    """Reads what it is told to, and remembers how wide the crops were."""

    name = "second@1"

    def __init__(self, **answers: Reading) -> None:
        self.answers = {int(width.strip("w")): reading for width, reading in answers.items()}
        self.asked: list[list[int]] = []

    def recognise(self, crops: Sequence[Image]) -> list[Reading]:
        self.asked.append([crop.shape[1] for crop in crops])
        return [self.answers[crop.shape[1]] for crop in crops]


@pytest.fixture
def second() -> Second:
    return Second(w20=said("Level 3", 0.9), w30=said("panned", 0.6))


def test_only_doubtful_lines_are_read_again_and_together(second: Second) -> None:
    SecondReader(First(), second, below=0.8).recognise(CROPS)
    assert second.asked == [[20, 30]]


def test_the_surer_reading_stands_and_says_that_two_looked(second: Second) -> None:
    readings = SecondReader(First(), second, below=0.8).recognise(CROPS)
    assert [(one.text, one.confidence, one.looks) for one in readings] == [
        ("", 0.0, 1),
        ("Level 3", 0.9, 2),
        ("paused", 0.79, 2),
        ("GAME OVER", 0.99, 1),
    ]


def test_numbers_under_an_alphabet_stay_with_the_first(second: Second) -> None:
    reader = SecondReader(First(), second, below=0.8)
    assert reader.recognise(CROPS, alphabet="0123456789") == First().recognise(CROPS)
    assert second.asked == []


def test_where_nothing_is_doubtful_the_second_is_not_asked(second: Second) -> None:
    assert SecondReader(First(), second, below=0.4).recognise(CROPS) == First().recognise(CROPS)
    assert second.asked == []


def test_detection_is_the_firsts(second: Second) -> None:
    reader = SecondReader(First(), second, below=0.8)
    assert reader.detect(CROPS[3], scale=0.5) == [Box(0, 0, 40, 5)]
    assert reader.name == "first@1, under 0.8 second@1"


def test_readers_that_agree_but_for_capitals_keep_the_firsts_spelling_and_the_greater_confidence() -> None:
    assert better(said("Level 3", 0.5), said("LEVEL  3", 0.9)) == Reading("Level 3", 0.9, 0.9, 0.9, looks=2)


def test_a_second_reader_that_reads_nothing_changes_nothing_but_the_count() -> None:
    assert better(said("Level 3", 0.5), said("", 0.0)) == Reading("Level 3", 0.5, 0.5, 0.5, looks=2)

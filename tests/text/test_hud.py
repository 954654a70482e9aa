from __future__ import annotations

import numpy as np
import pytest

from gvlm_resources import game
from gvlm_resources.errors import LakeError
from gvlm_resources.settings import OcrSettings
from gvlm_resources.simulator import truth as truths
from gvlm_resources.text import hud
from gvlm_resources.text.ocr_rows import Row
from tests.text import screen
from tests.text.screen import FRAME_NS

SETTINGS = OcrSettings()
HEALTH = screen.game_with(("health", "number"))
CHAT = screen.game_with(("chat", "message"))
LINE_PX = 20


def read_numbers(*images: np.ndarray | bytes, settings: OcrSettings = SETTINGS) -> list[Row]:
    return hud.read_crops(screen.batches(screen.crops("health", images)), HEALTH, screen.Counting(), settings)


def summary(rows: list[Row]) -> list[tuple[str, int, int, str]]:
    """(text, first frame, frame after the last, status or reason)."""
    return [
        (row.outcome.text, row.start_ns // FRAME_NS, row.end_ns // FRAME_NS, row.outcome.reason or row.outcome.status)
        for row in rows
    ]


def test_equal_readings_in_a_row_are_one_span_and_each_change_begins_another() -> None:
    texts = ["100", "100", "88", "87", "88", "88"]
    rows = read_numbers(*(screen.number(text, noise_seed=index) for index, text in enumerate(texts)))
    assert summary(rows) == [("100", 0, 2, "ok"), ("88", 2, 3, "ok"), ("87", 3, 4, "ok"), ("88", 4, 6, "ok")]


def test_a_number_that_was_read_before_is_not_read_again() -> None:
    images = [screen.number(text, noise_seed=index) for index, text in enumerate(["64", "63", "64", "63"] * 10)]
    reader = screen.Counting()
    rows = hud.read_crops(screen.batches(screen.crops("health", images)), HEALTH, reader, SETTINGS)
    assert len(rows) == 40
    assert reader.read <= 4  # two shapes, each looked at in two lights at most


def test_a_crop_shown_under_a_tint_is_the_number_it_was_without() -> None:
    plain = screen.number("37")
    rows = read_numbers(plain, *(screen.tinted(plain, (255, 0, 0), share) for share in (0.2, 0.4, 0.6)), plain)
    assert summary(rows) == [("37", 0, 5, "ok")]


def test_a_blank_panel_is_a_filtered_row_and_not_a_failure() -> None:
    blank = screen.noisy(np.full((42, 88, 3), screen.PANEL, np.uint8), 5)
    assert summary(read_numbers(screen.number("5"), blank, screen.number("5"))) == [
        ("5", 0, 1, "ok"),
        ("", 1, 2, "empty"),
        ("5", 2, 3, "ok"),
    ]


def test_a_crop_that_is_no_image_is_a_failed_row() -> None:
    rows = read_numbers(screen.number("12"), b"\x89PNG\r\n\x1a\nbroken", screen.number("12"))
    assert summary(rows) == [("12", 0, 1, "ok"), ("", 1, 2, "unreadable_image"), ("12", 2, 3, "ok")]
    assert rows[1].outcome.status == "failed"


def test_a_reading_under_the_least_confidence_is_kept_as_filtered() -> None:
    rows = read_numbers(screen.number("45"), settings=OcrSettings(min_confidence=1.0))
    assert [(row.outcome.text, row.outcome.status, row.outcome.reason) for row in rows] == [
        ("45", "filtered", "low_confidence")
    ]
    assert rows[0].outcome.confidence > 0.9


def test_a_percent_sign_is_no_digit() -> None:
    wide = (120, 42)
    assert summary(read_numbers(screen.number("93%", size=wide), screen.number("8%", size=wide))) == [
        ("93", 0, 1, "ok"),
        ("8", 1, 2, "ok"),
    ]


def test_rows_with_a_gap_between_their_crops_are_not_joined() -> None:
    rows = screen.crops("health", [screen.number("50")] * 3)
    del rows[1]
    found = hud.read_crops(screen.batches(rows), HEALTH, screen.Counting(), SETTINGS)
    assert summary(found) == [("50", 0, 1, "ok"), ("50", 2, 3, "ok")]


def test_how_the_crops_are_batched_makes_no_difference() -> None:
    two = screen.game_with(("health", "number"), ("armor", "number"))
    texts = [str(100 - index // 3) for index in range(40)]
    rows = screen.crops("health", [screen.number(text) for text in texts])
    rows += screen.crops("armor", [screen.number(text) for text in reversed(texts)])
    rows.sort(key=lambda row: row["start_ns"])
    whole, small = (hud.read_crops(screen.batches(rows, of=size), two, screen.Counting(), SETTINGS) for size in (99, 7))
    assert summary(whole) == summary(small)


def test_crops_of_a_region_that_the_game_does_not_have_are_an_error() -> None:
    with pytest.raises(LakeError, match="mana"):
        hud.read_crops(screen.batches(screen.crops("mana", [screen.number("1")])), HEALTH, screen.Counting(), SETTINGS)


def test_crops_out_of_order_are_an_error() -> None:
    rows = screen.crops("health", [screen.number("1"), screen.number("2")])
    with pytest.raises(LakeError, match="does not follow"):
        hud.read_crops(screen.batches(rows[::-1]), HEALTH, screen.Counting(), SETTINGS)


def world(frame: int) -> np.ndarray:
    """A picture that moves behind the messages: blocks of dark colours that slide by."""
    blocks = np.random.default_rng(4).integers(0, 110, (12, 90, 3), np.uint8)
    return np.repeat(np.repeat(np.roll(blocks, frame, axis=1), 8, 0), 8, 1)[:96, :480].copy()


def chat(*messages: tuple[str, int, int], frames: int = 50) -> list[np.ndarray]:
    """A message area: each message is on from its first frame to before its last, the others below it move up."""
    images = []
    for frame in range(frames):
        image = world(frame)
        shown = [text for text, first, last in messages if first <= frame < last]
        for line, text in enumerate(shown):
            screen.write(image, text, (4, 18 + LINE_PX * line), colour=(250, 250, 250), size=0.6)
        images.append(image)
    return images


def read_chat(images: list[np.ndarray]) -> list[Row]:
    rows = hud.read_crops(screen.batches(screen.crops("chat", images)), CHAT, screen.Counting(), SETTINGS)
    return sorted((row for row in rows if row.outcome.status == "ok"), key=lambda row: (row.start_ns, row.place.box[1]))


def words(row: Row) -> str:
    return "".join(character for character in row.outcome.text.lower() if character.isalnum())


def test_a_message_is_one_row_from_the_crop_it_came_with_to_the_crop_it_went_with() -> None:
    (row,) = read_chat(chat(("Bob joined the game", 13, 42)))
    assert words(row) == "bobjoinedthegame"
    assert abs(row.start_ns // FRAME_NS - 13) <= 1
    assert abs(row.end_ns // FRAME_NS - 42) <= 1


def test_the_same_words_twice_below_each_other_are_two_messages() -> None:
    rows = read_chat(chat(("You got a coin", 7, 40), ("You got a coin", 19, 48)))
    assert [words(row) for row in rows] == ["yougotacoin"] * 2
    assert [round(row.start_ns / FRAME_NS) for row in rows] == pytest.approx([7, 19], abs=1)


def test_the_same_words_again_after_a_while_are_another_message() -> None:
    rows = read_chat(chat(("You got a coin", 6, 18), ("You got a coin", 30, 45)))
    assert [round(row.start_ns / FRAME_NS) for row in rows] == pytest.approx([6, 30], abs=1)


def test_a_message_that_scrolls_up_goes_on() -> None:
    rows = read_chat(chat(("Ann left the game", 3, 24), ("The red door is open", 12, 46)))
    assert [words(row) for row in rows] == ["annleftthegame", "thereddoorisopen"]
    assert round(rows[1].end_ns / FRAME_NS) == pytest.approx(46, abs=1)


def test_a_message_is_read_a_few_times_however_many_crops_show_it() -> None:
    reader = screen.Counting()
    images = chat(("Bob joined the game", 5, 195), frames=200)
    hud.read_crops(screen.batches(screen.crops("chat", images)), CHAT, reader, SETTINGS)
    assert len(reader.scales) <= 42  # twice a second
    assert reader.read <= 12


def test_an_area_without_messages_yields_none() -> None:
    assert read_chat(chat(frames=20)) == []


def test_a_message_area_without_an_image_is_one_failed_row() -> None:
    rows = hud.read_crops(screen.batches(screen.crops("chat", [b"nothing"])), CHAT, screen.Counting(), SETTINGS)
    assert [(row.outcome.status, row.outcome.reason) for row in rows] == [("failed", "unreadable_image")]


def test_the_numbers_of_a_real_recording_are_read_exactly() -> None:
    freedoom = game.load("freedoom")
    regions = [region for region in freedoom.hud if region.kind == "number"]
    tics = truths.read(screen.SAMPLES / "truth" / "freedoom-fight.truth.json").tics
    columns = {"health": "hud_health", "armor": "hud_armor", "ammo": "hud_ammo", "bullets": "ammo2", "shells": "ammo3"}
    columns |= {"rockets": "ammo5", "cells": "ammo6"}
    wanted = range(10, 1500, 15)
    rows = []
    for index, image in screen.recorded("freedoom-fight", first=0, last=1500):
        if index in wanted:
            span = (index * FRAME_NS, (index + 1) * FRAME_NS)
            rows += [screen.crop_row(r.name, *span, screen.png(screen.cut(image, r)), (0, 0, 1, 1)) for r in regions]
    found = hud.read_crops(screen.batches(rows), freedoom, screen.Counting(), SETTINGS)
    read = {(row.region, row.start_ns // FRAME_NS): row.outcome.text for row in found if row.outcome.status == "ok"}
    for name, column in columns.items():
        shown = [tics[column][index - 1 : index + 1].to_pylist() for index in wanted]  # drawn up to one tic late
        right = [
            read.get((name, index)) in {str(value) for value in values}
            for index, values in zip(wanted, shown, strict=True)
            if None not in values
        ]
        assert sum(right) >= 0.98 * len(right), name

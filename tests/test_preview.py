import base64
import io
import subprocess
import sys

import numpy as np
import pyarrow as pa
import pytest
from numpy.typing import NDArray
from PIL import Image

from gvlm_resources import schemas
from gvlm_resources.preview import encode, maps, overlays, plots, sheets
from gvlm_resources.preview.letters import shortened, text_width, wrapped
from gvlm_resources.preview.sheets import Picture, Reading, contact_sheet, evidence_strip, ocr_overlay, spread
from gvlm_resources.timebase import NS_PER_S, Span

RED, GREEN, BLUE = (220, 30, 30), (30, 200, 30), (30, 30, 220)
NOISE = np.random.default_rng(3).integers(0, 255, (480, 640, 3), np.uint8)


def pixels(data: bytes) -> NDArray[np.int16]:
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB")).astype(np.int16)


def near(image: NDArray[np.int16], colour: tuple[int, int, int], within: int = 60) -> NDArray[np.bool_]:
    return np.abs(image - np.asarray(colour)).max(axis=-1) <= within


def plain(colour: tuple[int, int, int], height: int = 90, width: int = 160) -> NDArray[np.uint8]:
    return np.full((height, width, 3), colour, np.uint8)


def game_state(*rows: tuple[str, float | None, float, float, str]) -> pa.Table:
    names = ["variable", "value", "start_ns", "end_ns", "status"]
    dicts = [dict(zip(names, (v, x, int(a * NS_PER_S), int(b * NS_PER_S), s), strict=True)) for v, x, a, b, s in rows]
    return filled(schemas.GAME_STATE, dicts)


def events(*rows: tuple[str, int, int]) -> pa.Table:
    return filled(schemas.TIMELINE_EVENTS, [{"kind": k, "start_ns": a, "end_ns": b} for k, a, b in rows])


def filled(schema: pa.Schema, rows: list[dict]) -> pa.Table:
    loose = pa.schema([field.with_nullable(True) for field in schema])
    return pa.Table.from_pylist(rows, loose)


@pytest.mark.parametrize("max_bytes", [3_000, 8_000, 60_000])
def test_every_picture_keeps_to_its_budget_even_for_pure_noise(max_bytes: int) -> None:
    pictures = [Picture(NOISE, i * NS_PER_S, "a note of some length") for i in range(30)]
    rows = [(f"variable_{i}", float(i % 7), float(i), i + 1.0, "ok") for i in range(40)]
    sound = np.random.default_rng(0).normal(0, 0.2, 160_000).astype(np.float32)
    made = [
        contact_sheet(pictures, max_bytes=max_bytes),
        evidence_strip(pictures, max_bytes=max_bytes),
        ocr_overlay(NOISE, [Reading("88", (10, 10, 90, 40))], max_bytes=max_bytes),
        plots.waveform(sound, 16_000, [Span(0, NS_PER_S)], max_bytes=max_bytes),
        plots.state_plot(game_state(*rows), 41 * NS_PER_S, max_bytes=max_bytes),
        plots.timeline_plot(events(*[("shot", i, i + 1) for i in range(50)]), 1000, max_bytes=max_bytes),
    ]
    assert [data for data in made if len(data) > max_bytes] == []
    assert all(pixels(data).shape[1] >= 96 for data in made)


def test_a_budget_that_holds_no_picture_is_refused() -> None:
    with pytest.raises(ValueError, match="300 bytes"):
        contact_sheet([Picture(NOISE, 0)], max_bytes=300)


def test_a_contact_sheet_holds_the_first_and_the_last_frame_and_order_is_by_row() -> None:
    pictures = [Picture(plain(colour), 0) for colour in (RED, BLUE, BLUE, BLUE, GREEN)]
    image = pixels(contact_sheet(pictures, at_most=3, columns=3, width_px=320))
    middles = image[30, [53, 160, 267]]
    assert [bool(near(at, colour)) for at, colour in zip(middles, (RED, BLUE, GREEN), strict=True)] == [True] * 3


def test_spread_is_even_and_keeps_both_ends() -> None:
    assert spread(3, 8) == [0, 1, 2]
    assert spread(101, 5) == [0, 25, 50, 75, 100]
    assert spread(9, 1) == [0]


def test_frames_may_come_encoded_and_in_any_shape() -> None:
    buffer = io.BytesIO()
    Image.fromarray(plain(RED, 400, 200)).save(buffer, "JPEG")
    image = pixels(contact_sheet([Picture(buffer.getvalue(), 0), Picture(plain(BLUE), 0)], columns=2, width_px=300))
    assert near(image[250, 70], RED)  # the upright frame is whole
    assert near(image[40, 230], BLUE)


def test_the_time_and_the_note_of_a_frame_are_written_below_it_and_not_over_it() -> None:
    early, late, noted = (
        pixels(contact_sheet([Picture(plain(RED), ns, note)], columns=1, width_px=160, max_bytes=50_000))
        for ns, note in ((0, ""), (3_725 * NS_PER_S, ""), (0, "scene"))
    )
    for other in (late, noted):
        assert np.abs(early[:88] - other[:88]).max() < 40
        assert np.abs(early[92:] - other[92:]).max() > 100


def test_an_evidence_strip_shows_the_first_frames_because_their_numbers_are_the_citations() -> None:
    pictures = [Picture(plain(colour), 0, "why") for colour in (RED, GREEN, BLUE)]
    image = pixels(evidence_strip(pictures, at_most=2, width_px=320))
    assert near(image, RED).any()
    assert near(image, GREEN).any()
    assert not near(image, BLUE).any()


def test_a_reading_is_boxed_where_it_stands_whatever_the_scale() -> None:
    image = pixels(ocr_overlay(plain((90, 90, 90), 720, 1280), [Reading("x", (320, 360, 640, 480))], max_bytes=90_000))
    assert image.shape[:2] == (360, 640)
    green = near(image, sheets._SURE)
    assert green[195:235, 159:162].any(axis=1).all()  # the left edge
    assert not green[250:, :].any()
    assert not green[:, 330:].any()


def test_an_unsure_reading_has_another_colour() -> None:
    image = pixels(ocr_overlay(plain((90, 90, 90)), [Reading("x", (40, 40, 80, 60), 0.4)], max_bytes=90_000))
    assert near(image, sheets._UNSURE).any()
    assert not near(image, sheets._SURE).any()


def test_labels_stay_inside_the_frame_and_off_each_other() -> None:
    readings = [Reading("a very long message at the edge", (620, 2, 639, 12)), Reading("88", (0, 470, 20, 479))]
    readings += [Reading(f"same place {i}", (300, 200, 340, 210)) for i in range(4)]
    image = pixels(ocr_overlay(plain((90, 90, 90), 480, 640), readings, max_bytes=90_000))
    labelled = near(image, sheets._SURE)[:, 300:380].any(axis=1)
    assert labelled[150:330].sum() >= 4 * 15  # four rows of labels, none over another


@pytest.mark.parametrize("text", ["Größe", "Счёт", "ゲームオーバー", "점수", "\x00\x1b[31m", "👾"])
def test_any_script_leaves_a_mark_and_takes_room(text: str) -> None:
    assert text_width(text, 13) > 0
    frame = plain((90, 90, 90), 200, 400)
    with_text, without = (
        pixels(ocr_overlay(frame, [Reading(t, (50, 100, 90, 120))], width_px=400)) for t in (text, " " * 3)
    )
    assert np.abs(with_text - without).max() > 50


def test_text_is_shortened_and_wrapped_to_the_width_it_is_given() -> None:
    sentence = "Died while fighting two shotgun zombies in the courtyard behind the exit"
    assert shortened("88", 12, 100) == "88"
    assert shortened(sentence, 12, 100).endswith("…")
    assert text_width(shortened(sentence, 12, 100), 12) <= 100
    lines = wrapped(sentence, 12, 150, lines=2)
    assert len(lines) == 2
    assert all(text_width(line, 12) <= 150 for line in lines)
    assert sentence.startswith(lines[0])
    assert wrapped("one", 12, 150, lines=2) == ["one"]


def test_a_single_click_in_an_hour_of_silence_shows() -> None:
    sound = np.zeros(3600 * 1000, np.int16)
    silent = near(pixels(plots.waveform(sound, 1000)), (59, 110, 165))
    sound[1_800_000] = 32_767
    clicked = near(pixels(plots.waveform(sound, 1000)), (59, 110, 165))
    assert silent.any(axis=0).sum() > 500  # the line of silence, over the whole width
    assert clicked.any(axis=1).sum() > silent.any(axis=1).sum() + 50


def test_speech_is_shaded_where_it_is() -> None:
    image = pixels(plots.waveform(np.zeros(160_000, np.float32), 16_000, [Span(5 * NS_PER_S, 10 * NS_PER_S)]))
    shaded = near(image, (247, 218, 148), 25).sum(axis=0)
    middle = image.shape[1] // 2
    assert shaded[middle + 30 : -30].min() > 50
    assert shaded[: middle - 30].max() < 5


def test_rejected_readings_are_marked_and_good_ones_are_not() -> None:
    good = [("health", 100.0, 0.0, 4.0, "ok"), ("health", 60.0, 5.0, 9.0, "ok")]
    crosses = [
        near(pixels(plots.state_plot(game_state(*rows), 10 * NS_PER_S)), (209, 73, 91)).sum()
        for rows in (good, [*good, ("health", 999.0, 4.0, 5.0, "filtered"), ("health", None, 4.5, 5.0, "failed")])
    ]
    assert crosses[0] == 0
    assert crosses[1] > 10


def test_each_variable_has_a_row_of_its_own() -> None:
    heights = [
        pixels(plots.state_plot(game_state(*((name, 1.0, 0.0, 9.0, "ok") for name in names)), 10 * NS_PER_S)).shape[0]
        for names in (["ammo"], ["ammo", "armor", "health"])
    ]
    assert heights[1] > 2 * heights[0] - 60


def test_a_moment_can_be_seen_in_a_video_of_six_hours() -> None:
    image = pixels(
        plots.timeline_plot(events(("death", 3 * 3600 * NS_PER_S, 3 * 3600 * NS_PER_S + 1)), 6 * 3600 * NS_PER_S)
    )
    assert near(image, (59, 110, 165), 30).sum() > 20


def test_more_kinds_than_there_is_room_for_are_counted_not_dropped_in_silence() -> None:
    many = events(*[(f"kind_{i}", i, i + 1) for i in range(30)])
    few = events(*[(f"kind_{i}", i, i + 1) for i in range(12)])
    heights = [pixels(plots.timeline_plot(table, 100)).shape[0] for table in (few, many)]
    assert heights[0] < heights[1] < heights[0] + 30  # no room for eighteen more lanes, but a line that counts them


@pytest.mark.parametrize(
    "data",
    [
        contact_sheet([]),
        evidence_strip([]),
        ocr_overlay(plain(RED), []),
        plots.waveform(np.zeros(0, np.float32), 16_000),
        plots.state_plot(game_state(), NS_PER_S),
        plots.timeline_plot(events(), NS_PER_S),
    ],
)
def test_nothing_to_show_is_still_a_picture(data: bytes) -> None:
    assert pixels(data).size > 0


def test_markdown_carries_the_whole_image_and_no_markup_of_others() -> None:
    data = contact_sheet([])
    text = encode.markdown_image(data, encode.JPEG, "frames](javascript:x) <b>")
    assert text.startswith("![framesjavascript:x b](data:image/jpeg;base64,")
    assert base64.b64decode(text.rpartition(",")[2].removesuffix(")")) == data


def test_plots_touch_no_global_state_of_matplotlib() -> None:
    code = "import sys, gvlm_resources.preview.plots; print('matplotlib.pyplot' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "False\n"


def vectors(*rows: tuple[float, ...] | None) -> pa.Table:
    dicts = [
        {"video_id": "v", "frame_id": f"f{n}", "pts_ns": n * NS_PER_S, "vector": row, "status": "ok", "reason": ""}
        for n, row in enumerate(rows)
    ]
    return pa.Table.from_pylist(dicts, schema=schemas.SIGLIP)


def test_the_map_keeps_what_varies_most_and_says_how_much_that_is() -> None:
    rng = np.random.default_rng(0)
    spread = rng.normal(size=(200, 6)) * np.array([9, 4, 0.5, 0.5, 0.5, 0.5])
    points, share = maps.principal(spread)
    assert points.shape == (200, 2)
    assert np.abs(np.corrcoef(points[:, 0], spread[:, 0])[0, 1]) > 0.99
    assert share == pytest.approx(97 / 98, abs=0.02)
    again, _ = maps.principal(spread)
    assert (again == points).all()


def test_a_map_of_vectors_is_a_small_picture_with_a_point_for_each() -> None:
    data = maps.embedding_map(vectors((1, 0, 0), (0, 1, 0), (0, 0, 1), None, (0.6, 0.8, 0)))
    assert len(data) <= encode.MAX_BYTES
    purple = near(pixels(data), (68, 1, 84), within=40)
    assert purple.any(), "the first frame has the colour of the beginning"


def test_a_map_of_too_few_vectors_says_so() -> None:
    data = maps.embedding_map(vectors((1, 0), None))
    assert (pixels(data) < 120).any()


def sounds(*rows: tuple[str, float, float, str]) -> pa.Table:
    dicts = [
        {"label": label, "start_ns": int(a * NS_PER_S), "end_ns": int(b * NS_PER_S), "status": status}
        for label, a, b, status in rows
    ]
    return filled(schemas.SOUNDS, dicts)


def test_sounds_have_a_lane_a_label_and_what_failed_has_none() -> None:
    plotted = pixels(plots.sound_plot(sounds(("shot", 0, 1, "ok"), ("door", 5, 6, "ok")), 10 * NS_PER_S))
    with_failed = pixels(
        plots.sound_plot(sounds(("shot", 0, 1, "ok"), ("door", 5, 6, "ok"), ("x", 7, 8, "failed")), 10 * NS_PER_S)
    )
    assert plotted.shape == with_failed.shape
    assert (plotted == with_failed).all()


def test_a_gap_in_a_track_is_a_gap_in_its_lane() -> None:
    def rows(*moments: int) -> pa.Table:
        dicts = [{"track_id": "t1", "concept": "imp", "pts_ns": at * NS_PER_S, "status": "ok"} for at in moments]
        others = [{"track_id": "t2", "concept": "imp", "pts_ns": at * NS_PER_S, "status": "ok"} for at in range(10)]
        return filled(schemas.ENTITIES, dicts + others)

    colour = (209, 73, 91)  # of the second lane
    whole = near(pixels(plots.track_plot(rows(*range(9)), 10 * NS_PER_S)), colour).sum()
    gap = near(pixels(plots.track_plot(rows(0, 1, 2, 6, 7, 8), 10 * NS_PER_S)), colour).sum()
    assert 0.55 * whole < gap < 0.8 * whole


def test_an_overlay_tints_the_mask_and_keeps_a_tracks_colour() -> None:
    mask = np.zeros((90, 160), bool)
    mask[20:60, 40:100] = True
    thing = overlays.Entity("imp t1 0.90", "t1", (40, 20, 100, 60), mask)
    buffer = io.BytesIO()
    Image.fromarray(plain((20, 20, 20))).save(buffer, "JPEG", quality=95)
    shown = pixels(overlays.entities(buffer.getvalue(), [thing]))
    height, width = shown.shape[:2]
    inside, outside = shown[int(0.4 * height), int(0.5 * width)], shown[int(0.95 * height), int(0.9 * width)]
    assert np.abs(outside - 20).max() < 12
    expected = np.array([20, 20, 20]) * (1 - overlays.OPACITY) + np.array(thing.colour) * overlays.OPACITY
    assert np.abs(inside - expected).max() < 25
    assert overlays.Entity("other name", "t1", (0, 0, 1, 1), mask).colour == thing.colour

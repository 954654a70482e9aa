"""The table of things in sight, made of films of coloured squares and, once, of SAM3's own format."""

from __future__ import annotations

import tracemalloc
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from numpy.typing import NDArray

from gvlm_resources import schemas
from gvlm_resources.encoders import entities
from gvlm_resources.encoders.masks import Mask
from gvlm_resources.encoders.protocol import Checkpoint, Identity, Placement
from gvlm_resources.encoders.sam3 import Detection
from gvlm_resources.settings import ComputeSettings, EntitySettings
from gvlm_resources.timebase import moment_id
from gvlm_resources.video import encode
from gvlm_resources.video.tables import TableWriter
from tests.encoders import tiny_sam3

S = 1_000_000_000
COMPUTE = ComputeSettings(device="cpu", entity_batch=2, decode_threads=2, queue_batches=2)
SETTINGS = EntitySettings(model="fake")
CHANNELS = {"red thing": 0, "green thing": 1, "blue thing": 2}
Square = tuple[str, int, int]  # concept, y, x


def shot(squares: Sequence[Square], *, height: int = 72, width: int = 96, side: int = 16) -> NDArray[np.uint8]:
    """A black RGB frame with squares of one colour each."""
    pixels = np.zeros((height, width, 3), np.uint8)
    for concept, y, x in squares:
        pixels[y : y + side, x : x + side, CHANNELS[concept]] = 255
    return pixels


def row(number: int, pixels: NDArray[np.uint8], **changes: Any) -> dict[str, Any]:
    height, width = pixels.shape[:2]
    values = {
        "video_id": "v",
        "frame_id": moment_id("f", number * S),
        "pts_ns": number * S,
        "source_pts": number,
        "width": width,
        "height": height,
        "image": encode.jpeg(np.ascontiguousarray(pixels[..., ::-1]), 95),
        "sampled_by": "rate",
        "is_keyframe": False,
        "phash": 0,
        "sharpness": 0.0,
        "brightness": 0.0,
        "motion": 0.0,
        "is_scene_change": False,
        "is_black": False,
        "is_blurred": False,
        "duplicate_of": None,
        "status": "ok",
        "reason": "",
    }
    return values | changes


def film(path: Path, rows: Sequence[dict[str, Any]]) -> Path:
    with TableWriter(path, schemas.FRAMES) as writer:
        for one in rows:
            writer.add(one)
    return path


class Colours:
    """Finds squares by their colour: on frames by itself, and between looks those that it was told to remember."""

    identity = Identity("fake@1", "none", "float32", "cpu", "sdpa", 0)

    def __init__(self) -> None:
        self.looks = 0
        self.batches: list[int] = []
        self._kept: set[str] = set()
        self._last: list[Detection] = []

    def segment(self, frames: NDArray[np.uint8], concepts: Sequence[str]) -> list[list[Detection]]:
        self.batches.append(len(frames))
        return [self._found(frame, concepts) for frame in frames]

    def look(self, frame: NDArray[np.uint8], concepts: Sequence[str]) -> list[Detection]:
        self.looks += 1
        self._last = self._found(frame, concepts)
        return self._last

    def remember(self, masks: Mapping[str, Mask]) -> None:
        self._kept = set(masks)
        self._concepts = {
            name: one.concept for name, one in zip(masks, self._last, strict=True) if masks[name] is one.mask
        }

    def carry(self, frame: NDArray[np.uint8]) -> dict[str, Mask]:
        now = {one.concept: one.mask for one in self._found(frame, list(self._concepts.values()))}
        return {name: now[concept] for name, concept in self._concepts.items() if concept in now}

    @staticmethod
    def _found(frame: NDArray[np.uint8], concepts: Sequence[str]) -> list[Detection]:
        masks = {concept: Mask.of(frame[..., CHANNELS[concept]] > 128) for concept in concepts}
        return [Detection(concept, 0.9, 0.95, mask.box, mask) for concept, mask in masks.items() if mask.area]


def tracked(
    tmp_path: Path,
    rows: Sequence[dict[str, Any]],
    *,
    settings: EntitySettings = SETTINGS,
    concepts: Sequence[str] = tuple(CHANNELS),
    segmenter: Any = None,
) -> list[dict[str, Any]]:
    out = tmp_path / "entities.parquet"
    speed = entities.track_video(
        film(tmp_path / "frames.parquet", rows),
        segmenter or Colours(),
        settings,
        COMPUTE,
        concepts,
        video_id="v",
        out=out,
        report=lambda _: None,
    )
    table = pq.read_table(out)
    assert table.schema.equals(schemas.ENTITIES)
    assert speed.frames == sum(one["status"] == "ok" and one["image"].endswith(b"\xff\xd9") for one in rows)
    written = table.to_pylist()
    assert len({one["entity_id"] for one in written}) == len(written)
    assert [one["pts_ns"] for one in written] == sorted(one["pts_ns"] for one in written)
    return written


def walk(number: int) -> list[Square]:
    return [("red thing", 10, 4 + 6 * number), ("green thing", 40, 70 - 6 * number)]


def test_every_thing_on_every_frame_has_a_row_with_its_track_and_mask(tmp_path: Path) -> None:
    written = tracked(tmp_path, [row(k, shot(walk(k))) for k in range(8)])
    assert [(one["frame_id"], one["track_id"], one["concept"]) for one in written] == [
        (moment_id("f", k * S), track, concept)
        for k in range(8)
        for track, concept in (("t1", "red thing"), ("t2", "green thing"))
    ]
    for one in written:
        mask = Mask.read(one["mask"], one["height"], one["width"])
        assert mask.box == pytest.approx(tuple(one["box"]))
        assert mask.area == pytest.approx(16 * 16, rel=0.15)  # JPEG blurs the edges
        assert (one["found_by"], one["status"], one["score"]) == ("detector", "ok", pytest.approx(0.9))
        assert one["entity_id"] == moment_id("n", one["pts_ns"]) + "-" + one["track_id"][1:]


def test_a_table_names_the_model_that_made_it(tmp_path: Path) -> None:
    tracked(tmp_path, [row(0, shot(walk(0)))])
    metadata = pq.read_schema(tmp_path / "entities.parquet").metadata
    assert metadata[b"gvlm.model"] == b"fake@1"
    assert metadata[b"gvlm.table"] == b"entity_tracks"


@pytest.mark.parametrize("detect_every", [1, 3])
def test_a_frame_that_cannot_be_read_costs_that_frame_alone(tmp_path: Path, detect_every: int) -> None:
    settings = SETTINGS.model_copy(update={"detect_every": detect_every})
    whole = [row(k, shot(walk(k))) for k in range(6)]
    cut_short = whole[2] | {"image": whole[2]["image"][:-40]}
    lost = whole[4] | {"image": b"", "status": "failed", "reason": "decode_error"}
    written = tracked(tmp_path, [*whole[:2], cut_short, whole[3], lost, whole[5]], settings=settings)
    failed = [one for one in written if one["status"] == "failed"]
    assert [one["frame_id"] for one in failed] == [whole[2]["frame_id"], whole[4]["frame_id"]]
    assert failed[1]["reason"] == "decode_error"
    assert "whole JPEG" in failed[0]["reason"]
    for one in failed:
        assert (one["track_id"], one["concept"], one["mask"], one["width"]) == ("", "", None, 96)
    rest = [(one["frame_id"], one["track_id"]) for one in written if one["status"] == "ok"]
    assert rest == [(whole[k]["frame_id"], track) for k in (0, 1, 3, 5) for track in ("t1", "t2")]


@pytest.mark.parametrize("detect_every", [1, 3])
def test_a_scene_change_ends_all_tracks_even_where_its_frame_is_lost(tmp_path: Path, detect_every: int) -> None:
    settings = SETTINGS.model_copy(update={"detect_every": detect_every})
    still = shot([("red thing", 20, 20)])
    rows = [row(k, still) for k in range(6)]
    rows[2] |= {"is_scene_change": True}
    rows[4] |= {"is_scene_change": True, "image": b"", "status": "failed", "reason": "decode_error"}
    written = [one for one in tracked(tmp_path, rows, settings=settings) if one["status"] == "ok"]
    assert [one["track_id"] for one in written] == ["t1", "t1", "t2", "t2", "t3"]


def test_between_looks_the_tracker_carries_on_and_says_so(tmp_path: Path) -> None:
    settings, finder = SETTINGS.model_copy(update={"detect_every": 3}), Colours()
    written = tracked(tmp_path, [row(k, shot(walk(k))) for k in range(7)], settings=settings, segmenter=finder)
    assert finder.looks == 3
    assert [one["found_by"] for one in written if one["track_id"] == "t1"] == [
        "detector" if k % 3 == 0 else "tracker" for k in range(7)
    ]
    assert {one["track_id"] for one in written} == {"t1", "t2"}
    carried = [one for one in written if one["found_by"] == "tracker"]
    assert all(Mask.read(one["mask"], 72, 96).box == tuple(one["box"]) for one in carried)
    assert {one["score"] for one in carried} == {one["score"] for one in written}  # that of the last look


def test_a_thing_that_comes_between_looks_is_found_at_the_next(tmp_path: Path) -> None:
    settings = SETTINGS.model_copy(update={"detect_every": 3})
    red, blue = ("red thing", 10, 10), ("blue thing", 40, 60)
    written = tracked(tmp_path, [row(k, shot([red, blue] if k else [red])) for k in range(5)], settings=settings)
    assert [one["pts_ns"] // S for one in written if one["concept"] == "blue thing"] == [3, 4]


def test_frames_of_another_size_are_looked_at_again(tmp_path: Path) -> None:
    settings, finder = SETTINGS.model_copy(update={"detect_every": 10}), Colours()
    rows = [row(k, shot([("red thing", 10, 10)], width=96 if k < 2 else 128)) for k in range(4)]
    written = tracked(tmp_path, rows, settings=settings, segmenter=finder)
    assert finder.looks == 2
    assert [one["width"] for one in written] == [96, 96, 128, 128]


def test_frames_without_things_and_videos_without_frames_have_no_rows(tmp_path: Path) -> None:
    assert tracked(tmp_path, [row(k, shot([])) for k in range(3)]) == []
    assert tracked(tmp_path, []) == []


def test_frames_go_to_the_detector_in_batches_of_the_setting(tmp_path: Path) -> None:
    finder = Colours()
    tracked(tmp_path, [row(k, shot(walk(k))) for k in range(5)], segmenter=finder)
    assert finder.batches == [2, 2, 1]


def test_concepts_of_the_game_and_of_the_user_are_looked_for_once() -> None:
    assert entities.all_concepts(["imp", "red key"], ["Imp", " red  key", "barrel"]) == ("imp", "red key", "barrel")


def test_memory_does_not_grow_with_the_video(tmp_path: Path) -> None:
    def peak(frames: int) -> int:
        path = film(tmp_path / "frames.parquet", [row(k, shot(walk(k % 10))) for k in range(frames)])
        tracemalloc.start()
        out = tmp_path / "e.parquet"
        entities.track_video(
            path, Colours(), SETTINGS, COMPUTE, list(CHANNELS), video_id="v", out=out, report=lambda _: None
        )
        top = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return top

    peak(40)  # the first run imports and compiles
    assert peak(320) < 1.3 * peak(80)


@pytest.mark.parametrize("detect_every", [1, 2])
def test_the_published_format_gives_a_table_from_end_to_end(tmp_path: Path, detect_every: int) -> None:
    """Frames of a tiny checkpoint with random weights: what it finds is noise, but lies where it says."""
    folder = tiny_sam3.save(tmp_path / "sam3")
    settings = EntitySettings(model=str(folder), min_score=0.2, most_per_concept=2, detect_every=detect_every)
    segmenter = entities.load(Checkpoint("tiny@0", folder), Placement("cpu", "float32", "sdpa"), settings)
    dice = np.random.default_rng(0)
    frames = [row(k, dice.integers(0, 255, (9, 12, 3), np.uint8).repeat(8, 0).repeat(8, 1)) for k in range(4)]
    written = tracked(tmp_path, frames, settings=settings, concepts=["imp", "medikit"], segmenter=segmenter)
    assert {one["concept"] for one in written} == {"imp", "medikit"}
    assert {one["pts_ns"] // S for one in written if one["found_by"] == "detector"} == set(range(0, 4, detect_every))
    assert {one["pts_ns"] // S for one in written} == set(range(4))
    for one in written:
        assert Mask.read(one["mask"], 72, 96).area > 0

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from transformers.models.videomae.image_processing_pil_videomae import VideoMAEImageProcessorPil

from gvlm_resources.encoders.pretrain import clips
from gvlm_resources.encoders.pretrain.activity import MIRRORED, NUMBERS, Activity
from gvlm_resources.encoders.pretrain.clips import Pictures
from tests.encoders.pretrain.told import told

SAMPLE = Path(__file__).parents[3] / "data_lake" / "samples" / "freedoom-quiet.mp4"
RUN = [8.0] * 70
STAND = [0.0] * 70


@pytest.mark.parametrize(("height", "width"), [(224, 299), (299, 224), (224, 224)])
def test_a_picture_is_cut_as_the_processor_of_the_checkpoint_cuts_it(height: int, width: int) -> None:
    image = np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)
    processor = VideoMAEImageProcessorPil(
        size={"shortest_edge": 112}, crop_size={"height": 112, "width": 112}, do_rescale=False, do_normalize=False
    )
    expected = np.asarray(processor([image], return_tensors="np")["pixel_values"])[0, 0].transpose(1, 2, 0)
    assert (clips.square(image, 112) == expected).all()


def test_a_recording_gives_a_picture_for_each_eighth_of_a_second() -> None:
    import av

    found = clips.decoded(SAMPLE, 32)
    with av.open(str(SAMPLE)) as container:
        frames = container.streams.video[0].frames
    assert found.shape == (-(-frames * 8 // 35), 32, 32, 3)
    assert found.dtype == np.uint8


def test_a_clip_past_the_end_is_refused() -> None:
    pictures = Pictures(Path("made-up.truth.json"), np.zeros((20, 4, 4, 3), np.uint8))
    assert pictures.clips == 5
    assert pictures.clip(4).shape == (16, 4, 4, 3)
    with pytest.raises(IndexError, match="5 clips"):
        pictures.clip(5)


@pytest.mark.parametrize(
    ("columns", "events", "expected"),
    [
        ({"velocity_x": STAND}, [], "standing"),
        ({"velocity_x": STAND, "angle": list(range(70))}, [], "standing"),
        ({"velocity_x": RUN}, [], "moving"),
        ({"velocity_y": RUN}, [], "moving"),
        ({"velocity_x": [2.0] * 70}, [], None),
        ({"velocity_x": RUN}, [("shot", 69)], "fighting"),
        ({"velocity_x": STAND, "damage_taken": [0] * 40 + [9] * 30}, [], "fighting"),
        ({"velocity_x": STAND, "damagecount": [0] * 40 + [9] * 30}, [], "fighting"),
        ({"velocity_x": STAND, "dead": [0] * 69 + [1]}, [("shot", 3)], None),
    ],
)
def test_a_span_has_the_class_of_what_the_player_did(
    columns: dict[str, list[float]], events: list[tuple[str, int]], expected: str | None
) -> None:
    assert Activity.of(told(70, events, **columns)).classified(0.0, 2.0) == expected


def test_motion_is_told_as_the_player_sees_it() -> None:
    facing_up = {"angle": [90.0] * 70, "velocity_x": [-4.0] * 70, "velocity_y": RUN}
    numbers = dict(zip(NUMBERS, Activity.of(told(70, **facing_up)).numbers(0.0, 2.0), strict=True))
    assert numbers["forward"] == pytest.approx(1.0)
    assert numbers["sideways"] == pytest.approx(0.5)  # to the left
    assert numbers["turn"] == numbers["shot"] == 0
    turning = {"angle": [(350 + 4 * tic) % 360 for tic in range(70)]}
    turned = dict(zip(NUMBERS, Activity.of(told(70, **turning)).numbers(1.0, 1.0), strict=True))
    assert turned["turn"] == pytest.approx(1.0)
    assert len(MIRRORED) == len(NUMBERS)

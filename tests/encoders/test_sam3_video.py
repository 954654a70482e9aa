"""SAM3's tracker between two looks of its detector, on a tiny checkpoint in the published format."""

from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import Sam3VideoModel
from transformers.models.sam3_video.modeling_sam3_video import Sam3VideoInferenceSession

from gvlm_resources.encoders import pixels, sam3, sam3_video
from gvlm_resources.encoders.masks import Mask
from gvlm_resources.encoders.protocol import Checkpoint, Placement
from gvlm_resources.encoders.sam3_video import VideoSegmenter
from gvlm_resources.errors import SettingsError
from tests.encoders import tiny_sam3
from tests.encoders.test_sam3 import ALL, CONCEPTS, PLACEMENT, pictures

SIDE = 112  # of the network's image: frames of this size pass into it as they are


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_sam3.save(tmp_path_factory.mktemp("sam3"))


@pytest.fixture
def segmenter(folder: Path) -> VideoSegmenter:
    return sam3_video.load(Checkpoint("tiny@0", folder), PLACEMENT, ALL)


def square(y: int, x: int, side: int = 40, height: int = SIDE, width: int = SIDE) -> Mask:
    pixels = np.zeros((height, width), np.bool_)
    pixels[y : y + side, x : x + side] = True
    return Mask.of(pixels)


MASKS = {"t1": square(10, 10), "t2": square(60, 50)}


def test_the_detector_finds_what_it_finds_on_single_frames(folder: Path, segmenter: VideoSegmenter) -> None:
    alone = sam3.load(Checkpoint("tiny@0", folder), PLACEMENT, ALL)
    frame = pictures(1)
    (expected,) = alone.segment(frame, CONCEPTS)
    found = segmenter.look(frame[0], CONCEPTS)
    assert [(one.concept, one.score, one.box, one.mask.counts) for one in found] == [
        (one.concept, one.score, one.box, one.mask.counts) for one in expected
    ]


def test_masks_are_carried_on_as_the_library_does_with_all_it_ever_saw(folder: Path, segmenter: VideoSegmenter) -> None:
    """The library's own session keeps every frame and mask; ours forgets what is not attended to."""
    frames = pictures(22, height=SIDE, width=SIDE)  # more than the 16 pointers and 7 memories
    model = Sam3VideoModel.from_pretrained(folder).eval()
    preprocessing = pixels.read(folder)
    session = Sam3VideoInferenceSession(dtype=torch.float32)
    expected = []
    with torch.inference_mode():
        for number, frame in enumerate(frames):
            session.add_new_frame(preprocessing.tensors(torch.from_numpy(frame[None])), number)
            seen = model.detector_model.get_vision_features(session.get_frame(number)[None])
            features, positions = model.get_vision_features_for_tracker(seen)
            session.cache.cache_vision_features(number, {"vision_feats": features, "vision_pos_embeds": positions})
            if number == 0:
                given = torch.from_numpy(np.stack([mask.pixels() for mask in MASKS.values()]).astype(np.float32))
                session.obj_with_new_inputs = []
                model._tracker_add_new_objects(session, 0, [0, 1], given)
            else:
                frame = session.get_frame(number)
                out = model.tracker_model(inference_session=session, frame_idx=number, frame=frame)
                expected.append(out.pred_masks[:, 0])
    carried = []
    segmenter._model.tracker_model.register_forward_hook(lambda _, __, out: carried.append(out.pred_masks[:, 0]))
    segmenter.look(frames[0], CONCEPTS[:1])
    segmenter.remember(MASKS)
    for frame in frames[1:]:
        segmenter.carry(frame)
    for ours, theirs in zip(carried[1:], expected, strict=True):
        torch.testing.assert_close(ours, theirs, atol=1e-4, rtol=1e-4)


def test_what_is_carried_on_depends_on_what_was_remembered(segmenter: VideoSegmenter) -> None:
    frames = pictures(2, height=SIDE, width=SIDE)
    logits = []
    segmenter._model.tracker_model.register_forward_hook(lambda _, __, out: logits.append(out.pred_masks))
    for masks in ({"t1": square(10, 10)}, {"t1": square(60, 60)}):
        segmenter.look(frames[0], CONCEPTS[:1])
        segmenter.remember(masks)
        assert segmenter.carry(frames[1]).keys() == {"t1"}
    assert (logits[1] - logits[3]).abs().max() > 1e-3


def test_the_memory_of_a_long_shot_stays_as_large_as_that_of_a_short_one(segmenter: VideoSegmenter) -> None:
    def held() -> int:
        session = segmenter._memory.session
        total = sum(frame.numel() for frame in (session.processed_frames or {}).values())
        for outputs in session.output_dict_per_obj.values():
            for kept in (*outputs["cond_frame_outputs"].values(), *outputs["non_cond_frame_outputs"].values()):
                total += sum(value.numel() for value in kept.values())
        return total

    frames = pictures(2)
    segmenter.look(frames[0], CONCEPTS[:1])
    segmenter.remember({"t1": square(10, 10, 30, 60, 80)})
    sizes = []
    for _ in range(40):
        segmenter.carry(frames[1])
        sizes.append(held())
    assert sizes[39] == sizes[19]
    one_frame = sizes[1] - sizes[0]
    assert one_frame < SIDE * SIDE  # no mask or picture of the network's size stays


def test_what_the_tracker_takes_for_hidden_is_not_carried_on(segmenter: VideoSegmenter) -> None:
    frames = pictures(2, height=SIDE, width=SIDE)
    head = segmenter._model.tracker_model.mask_decoder.pred_obj_score_head
    head.proj_out.bias.data.fill_(-100.0)
    segmenter.look(frames[0], CONCEPTS[:1])
    segmenter.remember(MASKS)
    assert segmenter.carry(frames[1]) == {}


def test_a_look_forgets_what_was_remembered(segmenter: VideoSegmenter) -> None:
    frames = pictures(2, height=SIDE, width=SIDE)
    segmenter.look(frames[0], CONCEPTS[:1])
    segmenter.remember(MASKS)
    segmenter.look(frames[1], CONCEPTS[:1])
    assert segmenter.carry(frames[0]) == {}
    segmenter.remember({})
    assert segmenter.carry(frames[0]) == {}


def test_carried_masks_have_the_size_of_their_frame(segmenter: VideoSegmenter) -> None:
    frames = pictures(2, height=60, width=80)
    segmenter.look(frames[0], CONCEPTS[:1])
    segmenter.remember({"t7": square(10, 10, 30, 60, 80)})
    (mask,) = segmenter.carry(frames[1]).values()
    assert (mask.height, mask.width) == (60, 80)
    with pytest.raises(ValueError, match="one size"):
        segmenter.carry(pictures(1, height=80, width=80)[0])


def test_a_checkpoint_of_the_detector_alone_says_that_it_cannot_carry_on(folder: Path, tmp_path: Path) -> None:
    """It is good for single frames all the same."""
    whole = sam3.load(Checkpoint("tiny@0", folder), PLACEMENT, ALL)
    whole._detector.save_pretrained(tmp_path)
    for name in ("processor_config.json", "tokenizer.json", "tokenizer_config.json"):
        (tmp_path / name).write_bytes((folder / name).read_bytes())
    settings = ALL.model_copy(update={"detect_every": 4})
    with pytest.raises(SettingsError, match="detect_every = 4"):
        sam3_video.load(Checkpoint("tiny@1", tmp_path), PLACEMENT, settings)
    alone = sam3.load(Checkpoint("tiny@1", tmp_path), PLACEMENT, ALL)
    frame = pictures(1)
    (ours,), (theirs,) = alone.segment(frame, ["imp"]), whole.segment(frame, ["imp"])
    assert [one.score for one in ours] == pytest.approx([one.score for one in theirs], abs=1e-6)


def test_half_precision_carries_on_too(folder: Path) -> None:
    segmenter = sam3_video.load(Checkpoint("tiny@0", folder), Placement("cpu", "bfloat16", "sdpa"), ALL)
    frames = pictures(3, height=SIDE, width=SIDE)
    segmenter.look(frames[0], CONCEPTS[:1])
    segmenter.remember(MASKS)
    assert segmenter.carry(frames[1]).keys() == MASKS.keys()
    assert segmenter.carry(frames[2]).keys() == MASKS.keys()

"""SAM3's detector, on a tiny checkpoint in the published format."""

from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from transformers import Sam3Model

from gvlm_resources.encoders import pixels, sam3
from gvlm_resources.encoders.protocol import Checkpoint, Placement
from gvlm_resources.errors import GvlmError, MissingModelError
from gvlm_resources.settings import EntitySettings
from tests.encoders import tiny_sam3

PLACEMENT = Placement("cpu", "float32", "sdpa")
ALL = EntitySettings(model="tiny", min_score=0.0, most_per_concept=1000)
CONCEPTS = ["imp", "a red key", "shotgun guy", "medikit", "barrel", "door", "armor", "clip", "exit sign"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_sam3.save(tmp_path_factory.mktemp("sam3"))


def loaded(folder: Path, settings: EntitySettings = ALL) -> sam3.Segmenter:
    return sam3.load(Checkpoint("tiny@0", folder), PLACEMENT, settings)


def pictures(count: int, *, height: int = 60, width: int = 80, seed: int = 0) -> NDArray[np.uint8]:
    dice = np.random.default_rng(seed)
    coarse = dice.integers(0, 256, (count, height // 10, width // 10, 3), dtype=np.uint8)
    return coarse.repeat(10, axis=1).repeat(10, axis=2)


def test_concepts_that_share_a_look_are_found_as_if_each_had_its_own(folder: Path) -> None:
    """Against the model called as its documentation does: pixels and words, one concept at a time."""
    segmenter = loaded(folder)
    plain = Sam3Model.from_pretrained(folder).eval()
    preprocessing = pixels.read(folder)
    frames = pictures(2)
    seen = segmenter.look(frames)
    tokenizer = sam3.CLIPTokenizer.from_pretrained(folder)
    for number in range(2):
        finds = segmenter.finds(sam3._of_one(seen, number), CONCEPTS)
        for place, concept in enumerate(CONCEPTS):
            words = tokenizer(concept, padding="max_length", max_length=32, return_tensors="pt")
            with torch.inference_mode():
                out = plain(pixel_values=preprocessing.tensors(torch.from_numpy(frames[number : number + 1])), **words)
            score = out.pred_logits.sigmoid() * out.presence_logits.sigmoid()
            torch.testing.assert_close(finds.scores[place], score[0], atol=1e-5, rtol=0)
            torch.testing.assert_close(finds.boxes[place], out.pred_boxes[0], atol=1e-5, rtol=0)
            torch.testing.assert_close(finds.masks[place], out.pred_masks[0], atol=1e-5, rtol=0)


def test_a_frame_is_looked_at_once_and_a_concept_is_read_once(folder: Path) -> None:
    segmenter = loaded(folder)
    looks, readings = [], []
    segmenter._detector.vision_encoder.register_forward_hook(lambda *_: looks.append(1))
    segmenter._detector.text_encoder.register_forward_hook(lambda *_: readings.append(1))
    for seed in range(3):
        segmenter.segment(pictures(1, seed=seed), CONCEPTS)
    assert (len(looks), len(readings)) == (3, len(CONCEPTS))


def test_what_else_is_looked_at_or_for_changes_nothing(folder: Path) -> None:
    segmenter = loaded(folder)
    frames = pictures(3)
    together = segmenter.segment(frames, CONCEPTS)
    for frame, found in zip(frames, together, strict=True):
        apart = [one for concept in CONCEPTS for one in segmenter.segment(frame[None], [concept])[0]]
        assert [(one.concept, one.box) for one in apart] == [
            (one.concept, pytest.approx(one.box, abs=1e-3)) for one in found
        ]
        assert [one.score for one in apart] == pytest.approx([one.score for one in found], abs=1e-5)
        assert all(a.mask.iou(b.mask) > 0.98 for a, b in zip(apart, found, strict=True))


def test_detections_lie_in_their_frame_and_come_the_surest_first(folder: Path) -> None:
    (found,) = loaded(folder).segment(pictures(1, height=90, width=120), CONCEPTS[:3])
    assert {one.concept for one in found} == set(CONCEPTS[:3])
    for one in found:
        x0, y0, x1, y1 = one.box
        assert 0 <= x0 <= x1 <= 120
        assert 0 <= y0 <= y1 <= 90
        assert (one.mask.height, one.mask.width) == (90, 120)
        assert one.mask.area > 0
        assert 0 < one.score <= one.presence < 1
    for concept in CONCEPTS[:3]:
        scores = [one.score for one in found if one.concept == concept]
        assert scores == sorted(scores, reverse=True)


def test_unsure_overlapping_and_surplus_detections_are_left_out(folder: Path) -> None:
    frame = pictures(1)
    everything = loaded(folder).segment(frame, ["imp"])[0]
    for one in range(len(everything)):
        for other in range(one):
            assert everything[one].mask.iou(everything[other].mask) < 0.2  # 0.1 before the masks are resized
    middle = everything[len(everything) // 2].score
    sure = loaded(folder, ALL.model_copy(update={"min_score": middle})).segment(frame, ["imp"])[0]
    assert [one.score for one in sure] == [one.score for one in everything if one.score >= middle]
    few = loaded(folder, ALL.model_copy(update={"most_per_concept": 1})).segment(frame, ["imp"])[0]
    assert [one.score for one in few] == [everything[0].score]


def test_a_mask_is_where_its_probability_passes_the_threshold() -> None:
    logits = torch.full((8, 8), -4.0)
    logits[2:6, 2:6] = 4.0
    assert sam3.mask_of(logits, (8, 8), 0.5).box == (2, 2, 6, 6)
    assert sam3.mask_of(logits, (80, 160), 0.5).box == (40, 20, 120, 60)
    assert sam3.mask_of(logits - 8.0, (8, 8), 0.5).area == 0
    assert sam3.mask_of(logits, (8, 8), 0.001).area == 64


def test_a_concept_of_too_many_words_is_refused_before_anything_is_looked_at(folder: Path) -> None:
    segmenter = loaded(folder)
    segmenter._detector.vision_encoder.register_forward_hook(lambda *_: pytest.fail("it looked"))
    with pytest.raises(GvlmError, match="tokens long"):
        segmenter.segment(pictures(1), ["imp", "x" * 31])
    assert loaded(folder).segment(pictures(1), ["x" * 30])


def test_no_frames_and_no_concepts_give_nothing(folder: Path) -> None:
    segmenter = loaded(folder)
    assert segmenter.segment(pictures(0), CONCEPTS) == []
    assert segmenter.segment(pictures(2), []) == [[], []]


def test_half_precision_gives_full_precision_numbers(folder: Path) -> None:
    segmenter = sam3.load(Checkpoint("tiny@0", folder), Placement("cpu", "bfloat16", "sdpa"), ALL)
    finds = segmenter.finds(segmenter.look(pictures(1)), CONCEPTS[:2])
    assert {part.dtype for part in (finds.scores, finds.boxes, finds.presence)} == {torch.float32}
    assert all(0 <= one.score <= 1 for one in segmenter.segment(pictures(1), CONCEPTS[:2])[0])


@pytest.mark.parametrize("missing", ["tokenizer.json", "processor_config.json", "model.safetensors"])
def test_a_folder_that_lacks_a_file_names_it(tmp_path: Path, missing: str) -> None:
    folder = tiny_sam3.save(tmp_path / "sam3", layers=1)
    (folder / missing).unlink()
    with pytest.raises(MissingModelError, match=missing):
        loaded(folder)


def test_the_identity_says_how_frames_are_prepared(folder: Path) -> None:
    identity = loaded(folder).identity
    assert (identity.model, identity.dim) == ("tiny@0", 0)
    assert identity.preprocessing == "112x112 bilinear antialiased, mean 0.5 std 0.5"

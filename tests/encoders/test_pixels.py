"""Our tensors against the checkpoints' own image processors, which resample with PIL."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image
from transformers import (
    DeiTImageProcessorPil,
    Siglip2ImageProcessorPil,
    SiglipImageProcessorPil,
    VideoMAEImageProcessorPil,
    ViTImageProcessorPil,
)
from transformers.models.siglip2.image_processing_pil_siglip2 import get_image_size_for_max_num_patches

from gvlm_resources.encoders import naflex, pixels
from gvlm_resources.errors import GvlmError, MissingModelError

SAMPLE = Path("data_lake/samples/freedoom-fight.mp4")
IMAGENET = {"image_mean": [0.485, 0.456, 0.406], "image_std": [0.229, 0.224, 0.225]}
HALF = {"image_mean": [0.5, 0.5, 0.5], "image_std": [0.5, 0.5, 0.5]}
SIGLIP_384 = {"image_processor_type": "SiglipImageProcessor", "size": {"height": 384, "width": 384}, **HALF}
VIDEOMAE = {"feature_extractor_type": "VideoMAEFeatureExtractor", "size": 224, **IMAGENET}
TROCR = {"feature_extractor_type": "ViTFeatureExtractor", "size": 384, **HALF}
DEIT = {"image_processor_type": "DeiTImageProcessor", "size": {"height": 256, "width": 256}, **IMAGENET}
SIZES = {"480p": (480, 640), "odd": (473, 617), "small": (97, 133), "tall": (320, 180)}
NAFLEX = {"image_processor_type": "Siglip2ImageProcessor", "patch_size": 16, "max_num_patches": 256, **HALF}


@pytest.fixture(scope="module")
def game() -> NDArray[np.uint8]:
    """Three frames of a fight, 480x640."""
    with av.open(str(SAMPLE)) as container:
        stream = container.streams.video[0]
        frames = []
        for second in (5, 20, 40):
            container.seek(int(second / stream.time_base), stream=stream)
            frames.append(next(container.decode(stream)).to_ndarray(format="rgb24"))
    return np.stack(frames)


def cut(frames: NDArray[np.uint8], size: str) -> NDArray[np.uint8]:
    height, width = SIZES[size]
    return np.ascontiguousarray(frames[:, :height, :width])


def tensor(frames: NDArray[np.uint8]) -> torch.Tensor:
    return pixels.on_device(frames, "cpu")


def assert_same_levels(ours: torch.Tensor, theirs: Any, std: list[float], *, channel: int = 1) -> None:
    """One level of 255 apart at most; of a million values twenty may be two apart."""
    shape = [1] * ours.ndim
    shape[channel] = len(std)
    theirs = torch.from_numpy(np.asarray(theirs, dtype=np.float32))
    assert ours.dtype == torch.float32
    assert ours.shape == theirs.shape
    levels = ((ours - theirs) * torch.tensor(std).view(shape)).abs() * 255
    assert levels.max() < 2.001
    assert (levels > 1.001).float().mean() <= 20e-6


@pytest.mark.parametrize("resample", [2, 3])
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(
    ("facts", "theirs"),
    [(SIGLIP_384, SiglipImageProcessorPil), (TROCR, ViTImageProcessorPil), (DEIT, DeiTImageProcessorPil)],
    ids=["siglip", "trocr", "deit"],
)
def test_pictures_are_those_of_the_checkpoints_own_processor(
    facts: dict[str, Any], theirs: type, size: str, resample: int, game: NDArray[np.uint8]
) -> None:
    facts, frames = {**facts, "resample": resample}, cut(game, size)
    expected = theirs(**facts)(list(frames), return_tensors="np")["pixel_values"]
    assert_same_levels(pixels.Preprocessing.of(facts).tensors(tensor(frames)), expected, facts["image_std"])


@pytest.mark.parametrize("size", SIZES)
def test_clips_are_those_of_videomaes_own_processor(size: str, game: NDArray[np.uint8]) -> None:
    clips = np.stack([cut(game, size), cut(game, size)[::-1]])
    expected = VideoMAEImageProcessorPil(**VIDEOMAE)([list(clip) for clip in clips], return_tensors="np")
    ours = pixels.Preprocessing.of(VIDEOMAE).tensors(tensor(clips))
    assert ours.shape == (2, 3, 3, 224, 224)
    assert_same_levels(ours, expected["pixel_values"], VIDEOMAE["image_std"], channel=2)


@pytest.mark.parametrize("size", SIZES)
def test_pictures_for_sam3_are_pils_antialiased_bilinear_ones(size: str, game: NDArray[np.uint8]) -> None:
    frames = cut(game, size)[:1]
    resized = np.asarray(Image.fromarray(frames[0]).resize((1008, 1008), Image.Resampling.BILINEAR))
    expected = (resized.astype(np.float32).transpose(2, 0, 1)[None] / 255 - 0.5) / 0.5
    ours = pixels.Preprocessing.of({"image_processor_type": "Sam3ImageProcessorFast"}).tensors(tensor(frames))
    assert_same_levels(ours, expected, [0.5] * 3)


@pytest.mark.parametrize("how", ["bilinear", "bicubic"])
@pytest.mark.parametrize("size", [(384, 384), (1008, 1008), (64, 51), (480, 100), (1, 700)])
def test_the_arithmetic_of_the_accelerators_is_pils_bit_by_bit(
    size: tuple[int, int], how: Any, game: NDArray[np.uint8]
) -> None:
    resampling = Image.Resampling[how.upper()]
    for frame in (game[0], cut(game, "odd")[1], np.random.default_rng(0).choice([0, 255], (57, 91, 3)).astype("u1")):
        expected = np.asarray(Image.fromarray(frame).resize(size[::-1], resampling))
        ours = pixels.resize_exactly(tensor(frame[None]).permute(0, 3, 1, 2), size, how)
        np.testing.assert_array_equal(ours[0].permute(1, 2, 0).numpy(), expected)


@pytest.mark.parametrize("resample", [2, 3])
@pytest.mark.parametrize("most", [256, 576])
@pytest.mark.parametrize("size", SIZES)
def test_patches_are_those_of_the_naflex_processor(
    size: str, most: int, resample: int, game: NDArray[np.uint8]
) -> None:
    facts, frames = {**NAFLEX, "resample": resample}, cut(game, size)
    expected = Siglip2ImageProcessorPil(**facts)(list(frames), max_num_patches=most, return_tensors="np")
    ours = naflex.PatchPreprocessing.of(facts, most=most).inputs(tensor(frames))
    np.testing.assert_array_equal(ours["spatial_shapes"].numpy(), expected["spatial_shapes"])
    count = int(ours["pixel_attention_mask"].sum(dim=1)[0])
    np.testing.assert_array_equal(expected["pixel_attention_mask"].sum(axis=1), [count] * len(frames))
    assert_same_levels(ours["pixel_values"], expected["pixel_values"][:, :count], [0.5], channel=2)


def test_a_frame_of_any_size_is_cut_into_the_grid_of_the_naflex_processor() -> None:
    ours = naflex.PatchPreprocessing.of(NAFLEX, most=256)
    rng = np.random.default_rng(1)
    for height, width in [(1, 1), (16, 16), (4000, 3), (1080, 1920), *rng.integers(1, 2200, (60, 2)).tolist()]:
        expected = get_image_size_for_max_num_patches(height, width, 16, 256)
        assert ours.grid(height, width) == (expected[0] // 16, expected[1] // 16)


@pytest.mark.parametrize(
    "theirs",
    [SiglipImageProcessorPil, ViTImageProcessorPil, DeiTImageProcessorPil, VideoMAEImageProcessorPil],
)
def test_a_file_that_says_nothing_means_the_processors_own_defaults(theirs: Any, game: NDArray[np.uint8]) -> None:
    name = theirs.__name__.removesuffix("Pil")
    expected = theirs()(list(game), return_tensors="np")["pixel_values"].reshape(3, 3, 224, 224)
    ours = pixels.Preprocessing.of({"image_processor_type": name})
    assert_same_levels(ours.tensors(tensor(game)), expected, [0.5] * 3)


def test_naflex_without_facts_is_that_of_its_processor() -> None:
    theirs = Siglip2ImageProcessorPil
    ours = naflex.PatchPreprocessing.of({"image_processor_type": "Siglip2ImageProcessorFast"}, most=256)
    assert (ours.patch, ours.filter) == (theirs.patch_size, "bilinear")
    assert list(ours.levels.mean) == theirs.image_mean


def test_steps_that_are_switched_off_are_left_out(game: NDArray[np.uint8]) -> None:
    off = {**SIGLIP_384, "do_resize": False, "do_rescale": False, "do_normalize": False}
    ours = pixels.Preprocessing.of(off).tensors(tensor(game))
    np.testing.assert_array_equal(ours.numpy(), game.transpose(0, 3, 1, 2).astype(np.float32))


def test_a_frame_comes_out_the_same_alone_as_in_a_batch(game: NDArray[np.uint8]) -> None:
    ours = pixels.Preprocessing.of(SIGLIP_384)
    together = ours.tensors(tensor(game))
    for frame, made in zip(game, together, strict=True):
        torch.testing.assert_close(ours.tensors(tensor(frame[None]))[0], made, rtol=0, atol=0)


@pytest.mark.parametrize("facts", [SIGLIP_384, VIDEOMAE])
def test_no_frames_give_no_pictures_of_the_right_size(facts: dict[str, Any]) -> None:
    ours = pixels.Preprocessing.of(facts)
    edge = 384 if facts is SIGLIP_384 else 224
    assert ours.tensors(torch.zeros((0, 224, 224, 3), dtype=torch.uint8)).shape == (0, 3, edge, edge)


def test_arrays_that_cannot_be_written_and_run_backwards_are_taken(game: NDArray[np.uint8]) -> None:
    backwards = game[:, :, ::-1]
    backwards.flags.writeable = False
    np.testing.assert_array_equal(pixels.on_device(backwards, "cpu").numpy(), backwards)


@pytest.mark.parametrize("shape", [(480, 640, 3), (2, 480, 640, 4), (2, 3, 480, 640)])
def test_what_is_no_batch_of_rgb_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="frames are uint8"):
        pixels.on_device(np.zeros(shape, np.uint8), "cpu")


@pytest.mark.parametrize(
    ("field", "named"),
    [
        ({"image_processor_type": "FlavaImageProcessor"}, "FlavaImageProcessor"),
        ({"image_processor_type": None}, "none named"),
        ({"do_flip_channel_order": True}, "do_flip_channel_order"),
        ({"do_pad": True}, "do_pad"),
        ({"pad_size": {"height": 500, "width": 500}}, "pad_size"),
        ({"resample": 1}, "resample=1"),
        ({"size": {"shortest_edge": 384, "longest_edge": 800}}, "longest_edge"),
        ({"size": {"max_height": 384, "max_width": 384}}, "max_height"),
        ({"do_center_crop": True}, "None"),
        ({"do_center_crop": True, "crop_size": 400}, "larger"),
        ({"image_std": [0.5, 0.0, 0.5]}, "not above 0"),
        ({"image_mean": [0.5]}, "three channels"),
    ],
)
def test_what_is_not_known_is_refused_by_name(field: dict[str, Any], named: str) -> None:
    with pytest.raises(GvlmError, match=named):
        pixels.Preprocessing.of({**SIGLIP_384, **field})


def test_a_field_that_is_off_or_unset_asks_for_nothing() -> None:
    quiet = {**SIGLIP_384, "do_pad": False, "do_flip_channel_order": False, "pad_size": None, "crop_size": None}
    assert pixels.Preprocessing.of(quiet) == pixels.Preprocessing.of(SIGLIP_384)


def test_the_settings_are_read_from_either_file(tmp_path: Path) -> None:
    with pytest.raises(MissingModelError, match=r"preprocessor_config\.json is missing"):
        pixels.read(tmp_path)
    nested = {"image_processor": SIGLIP_384, "processor_class": "SiglipProcessor"}
    (tmp_path / "processor_config.json").write_text(json.dumps(nested))
    assert pixels.read(tmp_path).size == (384, 384)
    (tmp_path / "preprocessor_config.json").write_text(json.dumps({**SIGLIP_384, "size": 224}))
    assert pixels.read(tmp_path).shortest_edge == 224
    (tmp_path / "preprocessor_config.json").write_text("{")
    with pytest.raises(MissingModelError, match="no JSON"):
        pixels.read(tmp_path)


def test_words_tell_two_ways_apart() -> None:
    assert pixels.Preprocessing.of(SIGLIP_384).words == "384x384 bicubic antialiased, mean 0.5 std 0.5"
    assert pixels.Preprocessing.of(VIDEOMAE).words == (
        "shortest edge 224 bilinear antialiased, centre 224x224, mean 0.485 0.456 0.406 std 0.229 0.224 0.225"
    )
    most = naflex.PatchPreprocessing.of(NAFLEX, most=576).words
    assert most == "at most 576 patches of 16x16, bilinear antialiased, mean 0.5 std 0.5"

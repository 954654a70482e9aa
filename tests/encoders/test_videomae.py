"""VideoMAE and V-JEPA 2 checkpoints in their genuine format, against transformers' own way to drive them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file
from transformers import VideoMAEForVideoClassification, VideoMAEModel, VJEPA2Model
from transformers.models.videomae.image_processing_pil_videomae import VideoMAEImageProcessorPil

from gvlm_resources.encoders import checkpoints, videomae
from gvlm_resources.encoders.protocol import Checkpoint, Placement
from gvlm_resources.errors import MissingModelError, SettingsError
from gvlm_resources.settings import ClipSettings
from tests.encoders import tiny_videomae
from tests.encoders.contract_clips import ClipContract, random_clips

CPU = Placement("cpu", "float32", "sdpa")


def loaded(folder: Path) -> videomae.VideoEncoder:
    return videomae.load(Checkpoint("tiny@0", folder), CPU)


def unit(rows: torch.Tensor) -> np.ndarray:
    return torch.nn.functional.normalize(rows.float(), dim=-1).detach().numpy()


class TestVideoMae(ClipContract):
    @pytest.fixture
    def encoder(self, tmp_path: Path) -> videomae.VideoEncoder:
        return loaded(tiny_videomae.save(tmp_path))


class TestVjepa2(ClipContract):
    @pytest.fixture
    def encoder(self, tmp_path: Path) -> videomae.VideoEncoder:
        return loaded(tiny_videomae.save_vjepa2(tmp_path))


@pytest.mark.parametrize("kind", ["model", "pretraining"])
def test_a_vector_is_the_mean_of_the_tokens_that_transformers_gives_for_its_own_pixels(
    tmp_path: Path, kind: str
) -> None:
    """Clips come at the network's size, so that the two ways to resize are out of the comparison."""
    folder = tiny_videomae.save(tmp_path, kind=kind)
    clips = random_clips(2, 4, height=36, width=32)[:, :, 2:34]
    processor = VideoMAEImageProcessorPil.from_pretrained(folder)
    given = processor([[Image.fromarray(frame) for frame in clip] for clip in clips], return_tensors="pt")
    model = VideoMAEModel.from_pretrained(folder).eval()
    with torch.no_grad():
        expected = unit(model(**given).last_hidden_state.mean(dim=1))
    np.testing.assert_allclose(loaded(folder).encode(clips), expected, atol=1e-5)


def test_pixels_are_resized_and_cropped_as_the_processor_does_it(tmp_path: Path) -> None:
    folder = tiny_videomae.save(tmp_path)
    clips = random_clips(2, 4, height=96, width=128)
    processor = VideoMAEImageProcessorPil.from_pretrained(folder)
    given = processor([[Image.fromarray(frame) for frame in clip] for clip in clips], return_tensors="pt")
    with torch.no_grad():
        expected = unit(VideoMAEModel.from_pretrained(folder).eval()(**given).last_hidden_state.mean(dim=1))
    cosines = (loaded(folder).encode(clips) * expected).sum(axis=1)
    assert cosines.min() > 0.9999


def test_biases_that_the_hub_stores_apart_are_loaded(tmp_path: Path) -> None:
    """Published files have `q_bias` and `v_bias`; a network that drops them still loads, and is another one."""
    folder = tiny_videomae.save(tmp_path)
    stored = load_file(folder / "model.safetensors")
    name = "encoder.layer.0.attention.attention.q_bias"
    assert name in stored
    before = loaded(folder).encode(random_clips(1, 4))
    save_file(stored | {name: stored[name] + 1}, folder / "model.safetensors", metadata={"format": "pt"})
    assert np.abs(loaded(folder).encode(random_clips(1, 4)) - before).max() > 1e-4


def test_weights_that_are_not_all_there_are_an_error_that_names_one(tmp_path: Path) -> None:
    folder = tiny_videomae.save(tmp_path)
    stored = load_file(folder / "model.safetensors")
    del stored["encoder.layer.1.attention.attention.v_bias"]
    save_file(stored, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(MissingModelError, match=r"layer\.1\.attention\.attention\.value\.bias"):
        loaded(folder)


def test_the_head_of_a_classifier_is_left_out(tmp_path: Path) -> None:
    folder = tiny_videomae.save(tmp_path, kind="classifier", use_mean_pooling=True)
    clips = random_clips(2, 4, height=36, width=32)[:, :, 2:34]
    model = VideoMAEForVideoClassification.from_pretrained(folder).eval()
    given = VideoMAEImageProcessorPil.from_pretrained(folder)(
        [[Image.fromarray(frame) for frame in clip] for clip in clips], return_tensors="pt"
    )
    with torch.no_grad():
        expected = unit(model.videomae(**given).last_hidden_state.mean(dim=1))
    np.testing.assert_allclose(loaded(folder).encode(clips), expected, atol=1e-5)


def test_vjepa2_gives_the_mean_of_its_vision_features(tmp_path: Path) -> None:
    folder = tiny_videomae.save_vjepa2(tmp_path)
    clips = random_clips(2, 4, height=36, width=72)
    mean, std = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    cropped = torch.from_numpy(clips[:, :, 2:34, 20:52]).float()  # the shorter side is 36 already
    video = ((cropped / 255 - mean) / std).permute(0, 1, 4, 2, 3)
    with torch.no_grad():
        expected = unit(VJEPA2Model.from_pretrained(folder).eval().get_vision_features(video).mean(dim=1))
    np.testing.assert_allclose(loaded(folder).encode(clips), expected, atol=1e-5)


def test_another_kind_of_network_is_refused_with_what_is_supported(tmp_path: Path) -> None:
    folder = tiny_videomae.save(tmp_path)
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"model_type": "timesformer"}))
    with pytest.raises(SettingsError, match=r"'timesformer'.*videomae or vjepa2.*videomae\.model"):
        loaded(folder)


def test_the_identity_says_what_made_the_vectors(tmp_path: Path) -> None:
    identity = loaded(tiny_videomae.save(tmp_path)).identity
    assert (identity.model, identity.dim, identity.dtype, identity.device) == ("tiny@0", 16, "float32", "cpu")
    assert "32" in identity.preprocessing


def test_bfloat16_is_near_to_float32(tmp_path: Path) -> None:
    folder = tiny_videomae.save(tmp_path)
    halves = videomae.load(Checkpoint("tiny@0", folder), Placement("cpu", "bfloat16", "sdpa"))
    vectors = halves.encode(random_clips(2, 4))
    assert vectors.dtype == np.float32
    assert (vectors * loaded(folder).encode(random_clips(2, 4))).sum(axis=1).min() > 0.99


class TestShipped(ClipContract):
    @pytest.fixture
    def encoder(self, tmp_path: Path) -> videomae.VideoEncoder:
        """`videomae-freedoom`, which comes with the package, found and loaded as any other."""
        found = checkpoints.find("videomae-freedoom", "", checkpoints.Folders(tmp_path, tmp_path))
        return videomae.load(found, CPU)

    def test_it_takes_the_clips_that_the_settings_make(self, encoder: videomae.VideoEncoder) -> None:
        assert encoder.frames == ClipSettings().frames

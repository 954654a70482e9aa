"""Wav2Vec 2.0 from checkpoints in the published format: normalisation, pooling, batches."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from transformers import Wav2Vec2FeatureExtractor, Wav2Vec2Model

from gvlm_resources.encoders import wav2vec2
from gvlm_resources.encoders.protocol import Checkpoint, Placement
from gvlm_resources.encoders.wav2vec2 import Preprocessing, Wav2Vec2Encoder, receptive_field
from gvlm_resources.errors import MissingModelError, SettingsError
from tests.encoders import tiny_audio
from tests.encoders.contract_sound import SoundEncoderContract, noise

PLACEMENT = Placement("cpu", "float32", "sdpa")
EAGER = Placement("cpu", "float32", "eager")  # the only attention that WavLM has


def loaded(folder, placement: Placement = PLACEMENT) -> Wav2Vec2Encoder:
    return wav2vec2.load(Checkpoint("tiny@0", folder), placement)


@pytest.fixture(scope="module")
def grouped(tmp_path_factory):
    return tiny_audio.save_wav2vec2(tmp_path_factory.mktemp("grouped"))


class TestGroupNormalised(SoundEncoderContract):
    """As wav2vec2-base and wav2vec2-large are."""

    @pytest.fixture
    def encoder(self, grouped):
        return loaded(grouped)


class TestLayerNormalised(SoundEncoderContract):
    """As wav2vec2-large-lv60 and XLS-R are."""

    @pytest.fixture
    def encoder(self, tmp_path_factory):
        return loaded(tiny_audio.save_wav2vec2(tmp_path_factory.mktemp("layered"), norm="layer"))


class TestHubert(SoundEncoderContract):
    @pytest.fixture
    def encoder(self, tmp_path_factory):
        return loaded(tiny_audio.save_wav2vec2(tmp_path_factory.mktemp("hubert"), kind="hubert"))


class TestWavLM(SoundEncoderContract):
    @pytest.fixture
    def encoder(self, tmp_path_factory):
        return loaded(tiny_audio.save_wav2vec2(tmp_path_factory.mktemp("wavlm"), kind="wavlm"), EAGER)


@pytest.mark.parametrize("normalises", [True, False])
@pytest.mark.parametrize("window", [noise(0.5), noise(0.5, loudness=3), np.zeros(800, np.int16)], ids=str)
def test_samples_are_prepared_as_the_library_prepares_them(normalises: bool, window) -> None:
    theirs = Wav2Vec2FeatureExtractor(do_normalize=normalises)
    expected = theirs(window.astype(np.float32) / 32_768, sampling_rate=16_000, return_tensors="pt")["input_values"][0]
    torch.testing.assert_close(
        wav2vec2.waveform(window, Preprocessing(16_000, normalises)), expected, atol=1e-4, rtol=0
    )


def test_a_vector_is_the_mean_of_the_library_network_over_the_frames(grouped) -> None:
    window = noise(0.7)
    prepared = Wav2Vec2FeatureExtractor.from_pretrained(grouped)(
        window.astype(np.float32) / 32_768, sampling_rate=16_000, return_tensors="pt"
    )
    with torch.inference_mode():
        frames = Wav2Vec2Model.from_pretrained(grouped).eval()(**prepared).last_hidden_state[0]
    mean = frames.mean(dim=0).numpy()
    np.testing.assert_allclose(loaded(grouped).encode([window])[0], mean / np.linalg.norm(mean), atol=1e-5)


def test_a_window_below_one_frame_is_that_frame_followed_by_silence(grouped) -> None:
    """It is normalised before silence is added: the silence is no part of its loudness."""
    window = noise(0.5)[:100]
    settings = wav2vec2.preprocessing_of(grouped)
    padded = torch.nn.functional.pad(wav2vec2.waveform(window, settings), (0, 300))[None]
    with torch.inference_mode():
        frames = Wav2Vec2Model.from_pretrained(grouped).eval()(padded).last_hidden_state[0]
    assert len(frames) == 1
    np.testing.assert_allclose(
        loaded(grouped).encode([window])[0], torch.nn.functional.normalize(frames[0], dim=0).numpy(), atol=1e-5
    )


def test_the_checkpoint_of_pretraining_gives_the_vectors_of_its_network(tmp_path) -> None:
    """wav2vec2-large is published so, with a quantizer that nothing here needs."""
    folder = tiny_audio.save_wav2vec2(tmp_path / "whole", kind="pretraining")
    Wav2Vec2Model.from_pretrained(folder).save_pretrained(tmp_path / "alone")
    (tmp_path / "alone/preprocessor_config.json").write_text((folder / "preprocessor_config.json").read_text())
    windows = [noise(0.5)]
    np.testing.assert_allclose(loaded(folder).encode(windows), loaded(tmp_path / "alone").encode(windows), atol=1e-6)


def test_the_identity_says_what_made_the_vectors(grouped) -> None:
    identity = loaded(grouped).identity
    assert (identity.model, identity.dim, identity.dtype) == ("tiny@0", 16, "float32")
    assert "16000 Hz mono, each window to mean 0, variance 1" in identity.preprocessing


def test_another_architecture_is_refused_naming_those_that_are_supported(tmp_path) -> None:
    with pytest.raises(SettingsError, match="wav2vec2, hubert, wavlm"):
        loaded(tiny_audio.save_ast(tmp_path))


def test_a_checkpoint_without_its_preprocessor_file_is_refused_naming_it(tmp_path) -> None:
    folder = tiny_audio.save_wav2vec2(tmp_path)
    (folder / "preprocessor_config.json").unlink()
    with pytest.raises(MissingModelError, match=r"preprocessor_config\.json"):
        loaded(folder)


def test_the_published_stack_of_convolutions_sees_25_milliseconds_at_first() -> None:
    assert receptive_field((10, 3, 3, 3, 3, 2, 2), (5, 2, 2, 2, 2, 2, 2)) == 400

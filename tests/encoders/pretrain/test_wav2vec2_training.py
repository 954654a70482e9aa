from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import Wav2Vec2FeatureExtractor, Wav2Vec2Model

from gvlm_resources.encoders.pretrain import sounds, wav2vec2
from gvlm_resources.encoders.pretrain.activity import Activity
from gvlm_resources.encoders.pretrain.cli import CHECKPOINTS
from gvlm_resources.encoders.pretrain.fitting import Recipe, fit
from gvlm_resources.encoders.pretrain.run import Run
from gvlm_resources.encoders.pretrain.shipping import WEIGHTS_LIMIT, ship
from gvlm_resources.encoders.pretrain.wav2vec2 import Listener, Track
from tests.encoders.pretrain.told import told

SHIPPED = CHECKPOINTS / "wav2vec2-freedoom"


def micro() -> Listener:
    config = wav2vec2.config()
    config.conv_dim = (8, 16, 16, 16, 16, 16, 16)
    config.hidden_size, config.intermediate_size, config.num_hidden_layers, config.num_attention_heads = 32, 64, 1, 2
    torch.manual_seed(0)
    return Listener(config)


def tones() -> Track:
    """Eight seconds that change their tone every half second; the player fires once, at 5 s."""
    times = np.arange(8 * sounds.RATE_HZ) / sounds.RATE_HZ
    samples = (6000 * np.sin(2 * np.pi * (300 + 200 * (times * 2).astype(int) % 5) * times)).astype(np.int16)
    energies = sounds.log_mel(samples, wav2vec2.MELS)
    truth = told(280, [("shot", 175)], velocity_x=[8.0] * 280)
    scaled = (energies - energies.mean(0)) / (energies.std(0) + 1e-3)
    return Track(samples, scaled, Activity.of(truth), sounds.onsets(truth)["gunshot"])


@pytest.mark.parametrize(
    ("start_s", "expected"), [(0.0, (0, 0)), (2.9, (0, 0)), (3.5, (1, 1)), (5.0, (1, 1)), (5.1, (0, 0))]
)
def test_a_window_is_asked_about_by_truth(start_s: float, expected: tuple[int, int]) -> None:
    assert tones().answers(start_s) == expected


def test_samples_become_what_the_extractor_makes_of_them() -> None:
    windows = np.random.default_rng(0).integers(-9000, 9000, (2, 32_000), dtype=np.int16)
    scaled = [window.astype(np.float32) / 32768 for window in windows]
    expected = wav2vec2.extractor()(scaled, sampling_rate=16_000, return_tensors="pt").input_values
    torch.testing.assert_close(wav2vec2.waves(windows), expected, rtol=0, atol=1e-5)


def test_a_token_has_the_energies_of_its_own_samples() -> None:
    track = tones()
    windows, energies = wav2vec2.drawn([track], np.random.default_rng(0), 3)
    tokens = micro().encoder._get_feat_extract_output_lengths(windows.shape[1])
    assert energies.shape == (3, int(tokens), 2 * wav2vec2.MELS)
    start = int(np.flatnonzero([(track.window(at) == windows[0]).all() for at in range(track.starts)])[0])
    np.testing.assert_allclose(energies[0, 7, : wav2vec2.MELS], track.energies[2 * (start + 7)])


def test_twenty_steps_lower_the_loss_and_the_folder_loads_whole(tmp_path: Path) -> None:
    listener = micro()
    run = Run(tmp_path / "checkpoint", tmp_path / "work", epochs=1, minutes=5.0, seed=7)
    loss = wav2vec2.objective(listener, [tones()])
    course = fit(listener, loss, Recipe(steps=20, rate=5e-3), run, name="wav2vec2")
    losses = [value for _, value in course.losses]
    assert np.mean(losses[-4:]) < 0.9 * np.mean(losses[:4])
    ship(run, listener.encoder, wav2vec2.extractor(), {})
    _, told_ = Wav2Vec2Model.from_pretrained(run.checkpoint, output_loading_info=True)
    assert not told_["missing_keys"]
    assert not told_["unexpected_keys"]


def test_the_shipped_checkpoint_loads_whole_and_padding_changes_nothing() -> None:
    encoder, told_ = Wav2Vec2Model.from_pretrained(SHIPPED, output_loading_info=True)
    assert not told_["missing_keys"]
    assert not told_["unexpected_keys"]
    assert (SHIPPED / "model.safetensors").stat().st_size < WEIGHTS_LIMIT
    extractor = Wav2Vec2FeatureExtractor.from_pretrained(SHIPPED)
    chance = np.random.default_rng(0)
    short, long = (chance.normal(0, 0.1, size).astype(np.float32) for size in (16_000, 32_000))
    alone = extractor(short, sampling_rate=16_000, return_tensors="pt")
    batch = extractor([short, long], sampling_rate=16_000, padding=True, return_tensors="pt")
    with torch.no_grad():
        expected = encoder.eval()(**alone).last_hidden_state[0]
        padded = encoder(**batch).last_hidden_state[0, : len(expected)]
    torch.testing.assert_close(padded, expected, rtol=0, atol=1e-4)
    assert len(expected) == 16_000 // 320 - 1

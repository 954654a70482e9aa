from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import ASTFeatureExtractor, ASTForAudioClassification

from gvlm_resources.encoders.pretrain import sounds, tagger
from gvlm_resources.encoders.pretrain.cli import CHECKPOINTS
from gvlm_resources.encoders.pretrain.fitting import Recipe, fit
from gvlm_resources.encoders.pretrain.run import Run
from gvlm_resources.encoders.pretrain.shipping import WEIGHTS_LIMIT, ship
from gvlm_resources.encoders.pretrain.sounds import LABELS, Heard
from gvlm_resources.encoders.pretrain.tagger import Chances, Spectrogram
from gvlm_resources.errors import SettingsError

SHIPPED = CHECKPOINTS / "ast-freedoom"
STEPS = 20


def beeps() -> Spectrogram:
    """Twelve seconds of soft noise with a loud burst each second, which is a gunshot."""
    chance = np.random.default_rng(0)
    samples = chance.normal(0, 60, 12 * sounds.RATE_HZ)
    onsets = np.arange(0.5, 12)
    for onset in onsets:
        start = round(onset * sounds.RATE_HZ)
        samples[start : start + 1600] += chance.normal(0, 9000, 1600)
    heard = {label: np.asarray([]) for label in LABELS} | {"gunshot": onsets}
    return Spectrogram.of(Heard(Path("made-up.truth.json"), samples.clip(-32768, 32767).astype(np.int16), heard))


def micro() -> ASTForAudioClassification:
    config = tagger.config()
    config.hidden_size, config.intermediate_size, config.num_hidden_layers, config.num_attention_heads = 32, 64, 1, 2
    torch.manual_seed(0)
    return ASTForAudioClassification(config)


def trained(run: Run, steps: int = STEPS) -> tuple[ASTForAudioClassification, list[list[float]], Chances]:
    network, recording = micro(), beeps()
    chances = Chances([recording], tagger.scale_of([recording]))
    course = fit(network, tagger.objective(network, chances), Recipe(steps=steps, rate=3e-3), run, name="tagger")
    return network, course.losses, chances


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return Run(tmp_path / "checkpoint", tmp_path / "work", epochs=1, minutes=5.0, seed=7)


def test_twenty_steps_lower_the_loss_and_the_folder_loads_whole(run: Run) -> None:
    network, losses, chances = trained(run)
    assert np.mean([loss for _, loss in losses[-4:]]) < 0.8 * np.mean([loss for _, loss in losses[:4]])
    ship(run, network, tagger.extractor(chances.scale.mean, chances.scale.std), {"recipe": Recipe(steps=1, rate=1.0)})
    again, told = ASTForAudioClassification.from_pretrained(run.checkpoint, output_loading_info=True)
    assert not told["missing_keys"]
    assert not told["unexpected_keys"]
    assert again.config.reach_s == pytest.approx(sounds.CENTRAL_S / 2)
    window = beeps().window(50)
    with torch.no_grad():
        assert torch.equal(
            again.eval()(chances.scale.inputs([window])).logits, network(chances.scale.inputs([window])).logits
        )


def test_a_training_that_was_stopped_ends_with_the_weights_of_one_that_ran_through(run: Run, tmp_path: Path) -> None:
    whole, _, _ = trained(run, steps=6)
    stopped = replace(run, work=tmp_path / "stopped")
    network, recording = micro(), beeps()
    chances = Chances([recording], tagger.scale_of([recording]))
    loss = tagger.objective(network, chances)

    def breaks_off(step: int, chance: np.random.Generator) -> torch.Tensor:
        if step == 3:
            raise KeyboardInterrupt
        return loss(step, chance)

    with pytest.raises(KeyboardInterrupt):
        fit(network, breaks_off, Recipe(steps=6, rate=3e-3, save_every_s=0.0), stopped, name="tagger")
    continued, _, _ = trained(stopped, steps=6)
    for name, weights in whole.state_dict().items():
        torch.testing.assert_close(continued.state_dict()[name], weights, rtol=0, atol=0)


def test_a_state_of_other_arguments_is_refused(run: Run) -> None:
    trained(run, steps=2)
    with pytest.raises(SettingsError, match="other arguments"):
        trained(replace(run, seed=8), steps=2)


def test_a_window_is_what_the_extractor_of_the_checkpoint_makes_of_its_samples(run: Run) -> None:
    recording = beeps()
    scale = tagger.scale_of([recording])
    samples = np.random.default_rng(1).integers(-9000, 9000, 2 * sounds.RATE_HZ, dtype=np.int16)
    one = Spectrogram.of(Heard(Path("x"), samples, recording.onsets))
    extractor = tagger.extractor(scale.mean, scale.std)
    wave = samples[8000:24000].astype(np.float32) / 32768
    expected = extractor(wave, sampling_rate=sounds.RATE_HZ, return_tensors="pt").input_values
    torch.testing.assert_close(scale.inputs([one.window(100)]), expected, rtol=0, atol=1e-4)


@pytest.mark.parametrize(
    ("lit", "starts"),
    [
        ([], []),
        ([4], [1.075]),
        ([4, 5], [1.075]),
        ([4, 5, 6, 7, 8], [1.075]),
        ([4, 6], [1.075, 1.575]),
        ([0, 4, 5], [0.075, 1.075]),
    ],
)
def test_a_run_of_lit_windows_is_one_event_and_a_dark_window_ends_it(lit: list[int], starts: list[float]) -> None:
    scores = np.zeros(12, np.float32)
    scores[lit] = 0.5
    assert tagger.events(scores, 0.5) == pytest.approx(starts)


def test_a_burst_counts_as_one_event_in_truth_as_well() -> None:
    assert tagger.merged([0.0, 0.4, 0.8, 1.3, 3.0]) == [0.0, 1.3, 3.0]


def test_the_shipped_checkpoint_loads_whole_and_is_small() -> None:
    network, told = ASTForAudioClassification.from_pretrained(SHIPPED, output_loading_info=True)
    assert not told["missing_keys"]
    assert not told["unexpected_keys"]
    assert tuple(network.config.id2label.values()) == LABELS
    assert network.config.reach_s == pytest.approx(sounds.CENTRAL_S / 2)
    assert (SHIPPED / "model.safetensors").stat().st_size < WEIGHTS_LIMIT
    inputs = ASTFeatureExtractor.from_pretrained(SHIPPED)(
        np.zeros(16_000, np.float32), sampling_rate=16_000, return_tensors="pt"
    )
    with torch.no_grad():
        scores = network(**inputs).logits.sigmoid()
    assert scores.shape == (1, len(LABELS))
    assert (scores < 0.5).all(), "silence is no sound"

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import VideoMAEConfig, VideoMAEForPreTraining, VideoMAEModel
from transformers.models.videomae.image_processing_pil_videomae import VideoMAEImageProcessorPil

from gvlm_resources.encoders.pretrain import linear, videomae
from gvlm_resources.encoders.pretrain.activity import Activity
from gvlm_resources.encoders.pretrain.cli import CHECKPOINTS
from gvlm_resources.encoders.pretrain.clips import Pictures
from gvlm_resources.encoders.pretrain.fitting import Recipe, fit
from gvlm_resources.encoders.pretrain.run import Run
from gvlm_resources.encoders.pretrain.shipping import WEIGHTS_LIMIT, ship
from gvlm_resources.encoders.pretrain.videomae import Motion, Scene
from tests.encoders.pretrain.told import told

SHIPPED = CHECKPOINTS / "videomae-freedoom"
CHANCE = np.random.default_rng(0)


def micro() -> VideoMAEForPreTraining:
    config = videomae.config()
    config.image_size, config.hidden_size, config.intermediate_size = 64, 32, 64
    config.num_hidden_layers, config.num_attention_heads, config.decoder_num_hidden_layers = 1, 2, 1
    torch.manual_seed(0)
    return VideoMAEForPreTraining(config)


def stripes() -> Scene:
    """Twelve seconds of stripes that stand, then run to the right, while the player does the same."""
    speeds = np.repeat([0, 8], 210)
    across = np.arange(64)[None, None, :, None] + np.cumsum(np.repeat([0, 4], 48))[:, None, None, None]
    frames = np.broadcast_to((across // 8 % 2 * 200).astype(np.uint8), (96, 64, 64, 3))
    activity = Activity.of(told(420, velocity_x=speeds.tolist()))
    return Scene(Pictures(Path("made-up.truth.json"), frames), activity)


def noise(config: VideoMAEConfig) -> np.ndarray:
    return CHANCE.integers(0, 256, (2, 16, config.image_size, config.image_size, 3), dtype=np.uint8)


def test_the_loss_is_the_networks_own_where_all_that_is_hidden_is_asked() -> None:
    network = micro()
    clips = noise(network.config)
    shown = videomae.tubes(network.config, CHANCE, 2, 0.25)
    expected = network(videomae.pixels(clips), bool_masked_pos=torch.from_numpy(~shown)).loss
    found = videomae.rebuilding_loss(network, videomae.patches(network.config, clips), shown, ~shown)
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=0)


def test_shown_tokens_are_encoded_as_the_network_does() -> None:
    network = micro()
    clips = noise(network.config)
    everything = np.ones((2, 128), np.bool_)
    with torch.no_grad():
        expected = network.videomae(videomae.pixels(clips)).last_hidden_state
        found = videomae.seen(network.videomae, videomae.patches(network.config, clips), everything)
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-5)


def test_a_tube_is_hidden_through_the_whole_clip_and_asked_for_only_where_hidden() -> None:
    config = micro().config
    shown = videomae.tubes(config, CHANCE, 3, 0.25)
    asked = videomae.halved(config, shown, CHANCE)
    by_time = shown.reshape(3, 8, 16)
    assert (by_time == by_time[:, :1]).all()
    assert (by_time[:, 0].sum(1) == 4).all()
    assert not (asked & shown).any()
    assert (asked.sum(1) == 6 * 8).all()


def test_pixels_are_those_of_the_shipped_processor() -> None:
    image = CHANCE.integers(0, 256, (224, 299, 3), dtype=np.uint8)
    processor = VideoMAEImageProcessorPil.from_pretrained(SHIPPED)
    from gvlm_resources.encoders.pretrain.clips import square

    expected = processor([image] * 16, return_tensors="pt")["pixel_values"]
    clip = np.stack([square(image, videomae.SIDE_PX)] * 16)[None]
    torch.testing.assert_close(videomae.pixels(clip), expected, rtol=0, atol=1e-5)


def test_a_mirrored_clip_has_mirrored_numbers() -> None:
    activity = Activity.of(told(420, velocity_y=[8.0] * 420))
    frames = np.zeros((96, 8, 8, 3), np.uint8)
    frames[:, :, 0] = 255
    clips, numbers = videomae.drawn([Scene(Pictures(Path("x"), frames), activity)], np.random.default_rng(3), 16)
    mirrored = clips[:, 0, 0, 7, 0] == 255
    assert 0 < mirrored.sum() < 16
    assert (numbers[:, 1] == np.where(mirrored, -1, 1)).all()


def test_twenty_steps_of_either_stage_lower_the_loss_and_the_folder_loads_whole(tmp_path: Path) -> None:
    network, scene = micro(), stripes()
    reader = Motion(network.videomae)
    run = Run(tmp_path / "checkpoint", tmp_path / "work", epochs=1, minutes=5.0, seed=7)
    recipe = Recipe(steps=20, rate=3e-3)
    stages = {
        "rebuild": (network, videomae.reconstruction(network, [scene])),
        "read": (reader, videomae.motion(reader, [scene])),
    }
    for name, (learner, loss) in stages.items():
        losses = [value for _, value in fit(learner, loss, recipe, run, name=name).losses]
        assert np.mean(losses[-4:]) < 0.9 * np.mean(losses[:4]), name
    ship(run, network.videomae, videomae.processor(), {})
    _, told_ = VideoMAEModel.from_pretrained(run.checkpoint, output_loading_info=True)
    assert not told_["missing_keys"]
    assert not told_["unexpected_keys"]


def test_a_probe_finds_what_lies_in_the_vectors_and_nothing_where_there_is_nothing() -> None:
    chance = np.random.default_rng(0)
    answers = np.arange(300) % 3
    telling = np.eye(3, dtype=np.float32)[answers] + chance.normal(0, 0.2, (300, 3)).astype(np.float32)
    silent = chance.normal(0, 1, (300, 3)).astype(np.float32)
    assert linear.balanced_accuracy(telling[:200], answers[:200], telling[200:], answers[200:]) > 0.95
    assert linear.balanced_accuracy(silent[:200], answers[:200], silent[200:], answers[200:]) < 0.5


def test_the_shipped_checkpoint_loads_whole_and_is_small() -> None:
    encoder, told_ = VideoMAEModel.from_pretrained(SHIPPED, output_loading_info=True)
    assert not told_["missing_keys"]
    assert not told_["unexpected_keys"]
    assert encoder.config.num_frames == 16
    assert (SHIPPED / "model.safetensors").stat().st_size < WEIGHTS_LIMIT
    assert np.isfinite(videomae.vectors(encoder.eval(), [noise(encoder.config)[0]])).all()


def test_a_probe_is_fitted_to_as_many_of_each_class_at_most(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(videomae, "PROBE_MOST", 3)
    clips = [np.full(1, number) for number in range(12)]
    classes = np.asarray([0, 0, *[1] * 5, *[2] * 5])
    picked, answers = videomae.fewer(clips, classes)
    assert np.bincount(answers).tolist() == [2, 3, 3]
    assert [classes[clip[0]] for clip in picked] == answers.tolist()

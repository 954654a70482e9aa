"""Audio spectrogram transformers from checkpoints in the published format: features, classes, batches."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from transformers import ASTFeatureExtractor, ASTForAudioClassification

from gvlm_resources.encoders import ast
from gvlm_resources.encoders.ast import AstTagger
from gvlm_resources.encoders.protocol import Checkpoint, Placement
from gvlm_resources.encoders.sounds import Tagger
from gvlm_resources.errors import SettingsError
from gvlm_resources.game import SoundRule
from tests.encoders import tiny_audio
from tests.encoders.contract_sound import noise

PLACEMENT = Placement("cpu", "float32", "sdpa")
GUN = SoundRule(label="gunshot", prompt="a gun is fired", tags=("Gunshot, gunfire", "Machine gun", "Fusillade"))
DOOR = SoundRule(label="door", prompt="a door opens")


def loaded(folder, **options) -> AstTagger:
    return ast.load(Checkpoint("tiny@0", folder), PLACEMENT, **options)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tiny_audio.save_ast(tmp_path_factory.mktemp("ast"))


@pytest.fixture(scope="module")
def tagger(folder):
    return loaded(folder)


def windows(count: int, samples: int = 16_000) -> np.ndarray:
    return np.stack([noise(samples / 16_000, seed, 100 * 10**seed) for seed in range(count)])


@pytest.mark.parametrize(
    "window",
    [noise(1), noise(1, loudness=20), np.zeros(16_000, np.int16), np.r_[np.zeros(8000, np.int16), noise(0.5)]],
    ids=["loud", "soft", "silent", "begins in the middle"],
)
@pytest.mark.parametrize("mels", [32, 64, 128])
def test_features_are_those_of_the_library(tmp_path, window, mels: int) -> None:
    folder = tiny_audio.save_ast(tmp_path, mels=mels)
    theirs = ASTFeatureExtractor.from_pretrained(folder)
    expected = theirs(window.astype(np.float32) / 32_768, sampling_rate=16_000, return_tensors="pt")["input_values"]
    torch.testing.assert_close(loaded(folder).features(window[None]), expected, atol=1e-3, rtol=0)


def test_a_score_is_the_highest_probability_of_the_classes_of_its_rule(folder, tagger) -> None:
    found = tagger.scores(windows(3), [GUN, DOOR])
    network = ASTForAudioClassification.from_pretrained(folder).eval()
    with torch.inference_mode():
        each = network(tagger.features(windows(3))).logits.sigmoid().numpy()
    gun, machine_gun, door = (tiny_audio.AUDIOSET_LABELS.index(x) for x in ("Gunshot, gunfire", "Machine gun", "Door"))
    expected = np.stack([np.maximum(each[:, gun], each[:, machine_gun]), each[:, door]], axis=1)
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_the_others_in_the_batch_change_no_score(tagger) -> None:
    together = tagger.scores(windows(3), [GUN, DOOR])
    alone = np.concatenate([tagger.scores(one[None], [GUN, DOOR]) for one in windows(3)])
    np.testing.assert_allclose(together, alone, atol=1e-5)
    assert len(np.unique(together.round(4))) > 1


def test_no_windows_give_no_scores(tagger) -> None:
    assert tagger.scores(np.zeros((0, 16_000), np.int16), [GUN, DOOR]).shape == (0, 2)


def test_a_tagger_knows_what_any_tag_of_names_a_class_of_whatever_the_case(tagger) -> None:
    assert isinstance(tagger, Tagger)
    assert tagger.knows(GUN)
    assert tagger.knows(DOOR)
    assert not tagger.knows(SoundRule(label="gunshot", prompt="", tags=("Teleport",)))


def test_without_rules_every_class_but_speech_music_and_silence_is_listened_for(tagger) -> None:
    assert [rule.label for rule in tagger.own_rules()] == ["Gunshot, gunfire", "Machine gun", "Explosion", "Door"]


def test_an_audioset_checkpoint_hears_anywhere_in_its_window(tmp_path) -> None:
    tagger = loaded(tiny_audio.save_ast(tmp_path, frames=1024))
    assert (tagger.window_s, tagger.reach_s) == (10.24, 5.12)


def test_a_checkpoint_that_says_how_far_it_hears_is_believed(tmp_path) -> None:
    tagger = loaded(tiny_audio.save_ast(tmp_path, reach_s=0.2))
    assert (tagger.window_s, tagger.reach_s, tagger.leave_share) == (1.0, 0.2, 1.0)


def test_a_shorter_window_leaves_the_rest_of_the_input_blank(folder) -> None:
    tagger = loaded(folder, window_s=0.5)
    features = tagger.features(windows(1, 8000))
    assert features.shape == (1, 100, 32)
    assert len(features[0, 48:].unique()) == 1


def test_a_longer_window_than_the_checkpoint_takes_is_refused(folder) -> None:
    with pytest.raises(SettingsError, match="window_s"):
        loaded(folder, window_s=2.0)


def test_of_a_checkpoint_with_one_label_a_sound_the_probabilities_add_up_to_one(tmp_path) -> None:
    folder = tiny_audio.save_ast(tmp_path, labels=("yes", "no"))
    tiny_audio.edit_config(folder, problem_type="single_label_classification")
    tagger = loaded(folder)
    np.testing.assert_allclose(tagger.scores(windows(2), tagger.own_rules()).sum(axis=1), 1, atol=1e-5)

"""CLAP from checkpoints in the published format: resampling, features, scores in words."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.signal import resample_poly
from transformers import AutoTokenizer, ClapFeatureExtractor, ClapModel

from gvlm_resources.encoders import clap
from gvlm_resources.encoders.clap import BACKGROUND, SENTENCE, ClapTagger
from gvlm_resources.encoders.protocol import Checkpoint, Placement
from gvlm_resources.encoders.sounds import Tagger
from gvlm_resources.errors import SettingsError
from gvlm_resources.game import SoundRule
from tests.encoders import tiny_audio
from tests.encoders.contract_sound import noise

PLACEMENT = Placement("cpu", "float32", "eager")
GUN = SoundRule(label="gunshot", prompt="a gun being fired")
BLAST = SoundRule(label="explosion", prompt="an explosion")


def loaded(folder, **options) -> ClapTagger:
    return clap.load(Checkpoint("tiny@0", folder), PLACEMENT, **options)


@pytest.fixture(scope="module", params=[False, True], ids=["unfused", "fused"])
def folder(request, tmp_path_factory):
    return tiny_audio.save_clap(tmp_path_factory.mktemp("clap"), is_fused=request.param)


def windows(count: int, seconds: float = 2) -> np.ndarray:
    return np.stack([noise(seconds, seed, 30 * 10**seed) for seed in range(count)])


def resampled(window: np.ndarray) -> np.ndarray:
    return resample_poly(window.astype(np.float32) / 32_768, 3, 1)


@pytest.mark.parametrize("seconds", [2.0, 0.75], ids=["whole", "repeated"])
def test_features_are_those_of_the_library(folder, seconds: float) -> None:
    theirs = ClapFeatureExtractor.from_pretrained(folder)
    sound = windows(2, seconds)
    expected = theirs([resampled(one) for one in sound], sampling_rate=48_000, return_tensors="pt")["input_features"]
    torch.testing.assert_close(loaded(folder, window_s=seconds).features(sound), expected.float(), atol=2e-3, rtol=0)


def test_a_score_is_what_the_softmax_over_the_label_and_the_background_gives_the_label(folder) -> None:
    network, tokenizer = ClapModel.from_pretrained(folder).eval(), AutoTokenizer.from_pretrained(folder)
    tagger = loaded(folder)
    sentences = [SENTENCE.format(phrase) for phrase in (GUN.prompt, *BACKGROUND)]
    tokens = tokenizer(sentences, padding=True, return_tensors="pt")
    is_longer = torch.zeros((2, 1), dtype=torch.bool)
    with torch.inference_mode():
        found = network(input_features=tagger.features(windows(2)), is_longer=is_longer, **tokens)
    expected = found.logits_per_audio.softmax(dim=-1)[:, 0]
    np.testing.assert_allclose(tagger.scores(windows(2), [GUN])[:, 0], expected, atol=1e-5)


def test_what_else_is_listened_for_changes_no_score(folder) -> None:
    tagger = loaded(folder)
    both = tagger.scores(windows(2), [GUN, BLAST])
    np.testing.assert_allclose(both[:, :1], tagger.scores(windows(2), [GUN]), atol=1e-6)
    np.testing.assert_allclose(both[:, 1:], loaded(folder).scores(windows(2), [BLAST]), atol=1e-5)
    assert np.abs(both[:, 0] - both[:, 1]).max() > 1e-4


def test_the_others_in_the_batch_change_no_score(folder) -> None:
    tagger = loaded(folder)
    alone = np.concatenate([tagger.scores(one[None], [GUN, BLAST]) for one in windows(3)])
    np.testing.assert_allclose(tagger.scores(windows(3), [GUN, BLAST]), alone, atol=1e-5)
    assert len(np.unique(alone[:, 0].round(6))) == 3


def test_who_looks_for_a_background_sound_does_not_set_it_against_itself(folder) -> None:
    music = SoundRule(label="music", prompt=BACKGROUND[2])
    tagger = loaded(folder)
    alone = tagger.scores(windows(1), [music])
    assert alone[0, 0] > 1 / (len(BACKGROUND) + 1) * 0.5
    everything = [SoundRule(label=phrase, prompt=phrase) for phrase in BACKGROUND]
    assert np.isfinite(tagger.scores(windows(1), everything)).all()


def test_no_windows_give_no_scores(folder) -> None:
    assert loaded(folder).scores(np.zeros((0, 32_000), np.int16), [GUN, BLAST]).shape == (0, 2)


def test_silence_has_finite_scores(folder) -> None:
    assert np.isfinite(loaded(folder).scores(np.zeros((1, 32_000), np.int16), [GUN])).all()


def test_every_label_can_be_listened_for_and_some_without_being_named(folder) -> None:
    tagger = loaded(folder)
    assert isinstance(tagger, Tagger)
    assert tagger.knows(GUN)
    assert "gunshot" in {rule.label for rule in tagger.own_rules()}
    assert (tagger.window_s, tagger.reach_s) == (2.0, 1.0)


def test_a_longer_window_than_the_checkpoint_takes_is_refused(folder) -> None:
    with pytest.raises(SettingsError, match="window_s"):
        loaded(folder, window_s=3)


def test_a_checkpoint_of_an_older_library_without_counted_positions_loads(tmp_path) -> None:
    folder = tiny_audio.save_clap(tmp_path)
    before = loaded(folder).scores(windows(1), [GUN])
    tiny_audio.without_weights(folder, *clap.COUNTS)
    np.testing.assert_allclose(loaded(folder).scores(windows(1), [GUN]), before, atol=1e-6)

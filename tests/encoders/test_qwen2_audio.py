"""Qwen2-Audio from a checkpoint in the published format: prompts, batches, greedy replies."""

from __future__ import annotations

import numpy as np
import pytest

from gvlm_resources.encoders import qwen2_audio, sounds
from gvlm_resources.encoders.protocol import Checkpoint, Placement
from gvlm_resources.encoders.qwen2_audio import Qwen2AudioDescriber
from gvlm_resources.errors import SettingsError
from gvlm_resources.settings import SoundSettings
from tests.encoders import tiny_audio
from tests.encoders.contract_sound import noise

PLACEMENT = Placement("cpu", "float32", "sdpa")
WINDOWS = [noise(2.0, 0), noise(0.7, 1), noise(0.01, 2), noise(2.0, 3)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tiny_audio.save_qwen2_audio(tmp_path_factory.mktemp("qwen2_audio"))


@pytest.fixture(scope="module")
def describer(folder) -> Qwen2AudioDescriber:
    return qwen2_audio.load(Checkpoint("tiny@0", folder), PLACEMENT, most_tokens=12)


def test_neither_the_batch_nor_the_length_of_the_others_changes_a_reply(describer) -> None:
    together = describer.describe(WINDOWS, ["gunshot"])
    assert together == [describer.describe([window], ["gunshot"])[0] for window in WINDOWS]
    assert len(set(together)) > 1


def test_the_same_sound_has_the_same_reply(describer) -> None:
    """The published generation settings sample."""
    assert describer.describe(WINDOWS[:1], []) == describer.describe(WINDOWS[:1], [])


def test_no_windows_have_no_replies(describer) -> None:
    assert describer.describe([], []) == []


def test_padding_stands_on_the_left(describer) -> None:
    mask = describer.inputs(WINDOWS[:2], [])["attention_mask"]
    assert mask[:, -1].tolist() == [1, 1]
    assert mask[1, 0] == 0


def test_a_window_becomes_as_many_tokens_as_its_sound_is_long(describer) -> None:
    """25 a second, whatever the window is padded to."""
    inputs = describer.inputs(WINDOWS, [])
    audio = describer._network.config.audio_token_id
    counts = (inputs["input_ids"] == audio).sum(dim=1).tolist()
    assert counts[0] == counts[3] == 50
    assert abs(counts[1] - 0.7 * 25) <= 1
    assert counts[2] >= 1


def test_the_question_names_the_labels_and_the_length_of_the_window(describer) -> None:
    inputs = describer.inputs([noise(0.7)], ["gunshot", "door"])
    text = describer._processor.tokenizer.decode(inputs["input_ids"][0])
    assert "0.7 seconds" in text
    assert "use these labels: gunshot, door." in text
    assert text.index("<|audio_eos|>") < text.index("JSON") < text.index("<|im_start|>assistant")


def test_a_reply_ends_at_the_limit_of_tokens(folder) -> None:
    short = qwen2_audio.load(Checkpoint("tiny@0", folder), PLACEMENT, most_tokens=3)
    made = short._processor.tokenizer(short.describe(WINDOWS[:1], [])[0])["input_ids"]
    assert len(made) <= 9  # three tokens, of which each may be a byte that is no letter by itself


def test_the_settings_choose_it(folder) -> None:
    settings = SoundSettings(backend="qwen2-audio", window_s=1.5, most_tokens=8)
    listener = sounds.load(settings, Checkpoint("tiny@0", folder), PLACEMENT)
    assert isinstance(listener, sounds.Describer)
    assert listener.window_s == 1.5
    assert "8 tokens" in listener.identity.preprocessing


def test_a_longer_window_than_the_checkpoint_takes_is_refused(folder) -> None:
    with pytest.raises(SettingsError, match="window_s"):
        qwen2_audio.load(Checkpoint("tiny@0", folder), PLACEMENT, most_tokens=8, window_s=30)


def test_a_checkpoint_of_another_kind_is_refused(tmp_path) -> None:
    folder = tiny_audio.save_wav2vec2(tmp_path)
    for backend in ("ast", "clap", "qwen2-audio"):
        with pytest.raises(SettingsError, match="wav2vec2"):
            sounds.load(SoundSettings(backend=backend), Checkpoint("tiny@0", folder), PLACEMENT)


def test_what_random_weights_say_becomes_a_failed_row_and_no_sound(describer, tmp_path) -> None:
    """From the stored file to the row, through the network."""
    from tests.encoders.test_sounds import rows_of, stored

    rows = rows_of(stored(tmp_path, np.concatenate(WINDOWS[:2])), describer, [])
    assert [(row["status"], row["reason"]) for row in rows] == [("failed", "unparsable_reply")] * 2

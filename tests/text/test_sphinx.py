from __future__ import annotations

import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from gvlm_resources.errors import MissingModelError
from gvlm_resources.text import wav
from gvlm_resources.text.sphinx import SphinxRecogniser

SOUND = Path(__file__).parents[1] / "data/sound"


@pytest.fixture(scope="module")
def sphinx() -> SphinxRecogniser:
    return SphinxRecogniser()


@pytest.fixture(scope="module")
def sentence() -> np.ndarray:
    return wav.read(SOUND / "spoken.wav", 55_200, 95_300)


def test_clear_speech_is_understood_word_for_word(sphinx: SphinxRecogniser, sentence: np.ndarray) -> None:
    words = sphinx.recognise(sentence)
    assert " ".join(word.text for word in words) == "there are three enemies at the door"
    assert min(word.confidence for word in words) > 0.5


def test_words_follow_each_other_within_the_utterance(sphinx: SphinxRecogniser, sentence: np.ndarray) -> None:
    words = sphinx.recognise(sentence)
    assert all(word.first < word.last for word in words)
    assert all(before.last <= after.first for before, after in pairwise(words))
    assert words[-1].last <= len(sentence)
    spoken = {word.text: word.first / 16_000 for word in words}
    assert spoken["enemies"] == pytest.approx(0.95, abs=0.3)


def test_an_utterance_sounds_the_same_whatever_was_heard_before(sphinx: SphinxRecogniser, sentence: np.ndarray) -> None:
    growl = wav.read(SOUND / "game.wav", 11_700, 24_200)
    alone = SphinxRecogniser().recognise(growl)
    sphinx.recognise(sentence)
    assert sphinx.recognise(growl) == alone


def test_silence_and_next_to_nothing_have_no_words(sphinx: SphinxRecogniser) -> None:
    assert sphinx.recognise(np.zeros(16_000, dtype=np.int16)) == ()
    assert sphinx.recognise(np.zeros(3, dtype=np.int16)) == ()
    assert sphinx.recognise(np.zeros(0, dtype=np.int16)) == ()


def test_a_model_folder_without_its_parts_is_named(tmp_path: Path) -> None:
    with pytest.raises(MissingModelError, match="lacks en-us"):
        SphinxRecogniser(tmp_path)


def test_without_the_package_the_error_says_how_to_get_it() -> None:
    code = "import sys; sys.modules['pocketsphinx'] = None; import gvlm_resources.text.sphinx"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert "MissingModelError" in done.stderr
    assert "pip install" in done.stderr

from __future__ import annotations

import wave
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from gvlm_resources import schemas
from gvlm_resources.settings import SpeechSettings
from gvlm_resources.text import transcript, vad, wav
from gvlm_resources.text.sphinx import SphinxRecogniser
from gvlm_resources.text.transcript import Word

SOUND = Path(__file__).parents[1] / "data/sound"
SETTINGS = SpeechSettings()


class Scripted:
    """A recogniser that answers from a list and remembers what it was given."""

    name = "scripted@1"
    language = "en"

    def __init__(self, *answers: tuple[Word, ...]) -> None:
        self.answers = list(answers)
        self.heard: list[np.ndarray] = []

    def recognise(self, samples: np.ndarray) -> tuple[Word, ...]:
        self.heard.append(samples)
        return self.answers.pop(0)


def spans(*bounds_s: tuple[float, float]) -> pa.Table:
    rows = [
        {"video_id": "v-1", "span_id": f"v{i}", "start_ns": round(a * 1e9), "end_ns": round(b * 1e9), "confidence": 0.9}
        for i, (a, b) in enumerate(bounds_s)
    ]
    return pa.Table.from_pylist(rows, schema=schemas.SPEECH_SPANS)


def transcribed(recogniser: Scripted, *bounds_s: tuple[float, float]) -> list[dict]:
    return transcript.transcribe(SOUND / "spoken.wav", spans(*bounds_s), recogniser, SETTINGS).to_pylist()


def test_words_are_timed_in_media_time() -> None:
    answer = (Word("watch", 0, 1_600, 0.9), Word("out", 1_600, 4_800, 0.7))
    (row,) = transcribed(Scripted(answer), (0.5, 2.5))
    assert row["text"] == "watch out"
    assert [(word["start_ns"], word["end_ns"]) for word in row["words"]] == [
        (500_000_000, 600_000_000),
        (600_000_000, 800_000_000),
    ]
    assert row["speech_id"] == "s000000500000"
    assert row["confidence"] == pytest.approx((0.9 * 1_600 + 0.7 * 3_200) / 4_800)


def test_the_recogniser_hears_the_span_and_nothing_else() -> None:
    recogniser = Scripted(())
    transcribed(recogniser, (1.0, 1.25))
    np.testing.assert_array_equal(recogniser.heard[0], wav.read(SOUND / "spoken.wav", 16_000, 20_000))


def test_unsure_words_stay_as_a_filtered_row_with_the_reason() -> None:
    rows = transcribed(Scripted((Word("of", 0, 9_000, 0.1),), ()), (0, 2), (3, 5))
    assert [(row["status"], row["reason"], row["text"]) for row in rows] == [
        ("filtered", "low_confidence", "of"),
        ("filtered", "no_words", ""),
    ]


def test_a_short_cry_has_to_be_surer_than_a_sentence() -> None:
    answer = (Word("of", 0, 9_000, 0.6),)
    rows = transcribed(Scripted(answer, answer), (0, 0.6), (1, 3))
    assert [row["status"] for row in rows] == ["filtered", "ok"]


def test_no_spans_give_an_empty_table_of_the_schema() -> None:
    table = transcript.transcribe(SOUND / "spoken.wav", spans(), Scripted(), SETTINGS)
    assert table.num_rows == 0
    assert table.schema.equals(schemas.SPEECH, check_metadata=True)


@pytest.fixture(scope="module")
def sphinx() -> SphinxRecogniser:
    return SphinxRecogniser()


def heard(path: Path, sphinx: SphinxRecogniser) -> list[dict]:
    found = vad.speech_spans(path, SETTINGS, video_id="v-1")
    return transcript.transcribe(path, found, sphinx, SETTINGS).to_pylist()


def test_what_is_said_in_a_video_is_written_down(sphinx: SphinxRecogniser) -> None:
    rows = heard(SOUND / "spoken.wav", sphinx)
    assert [row["text"] for row in rows] == ["watch out behind you", "there are three enemies at the door"]
    assert {row["status"] for row in rows} == {"ok"}


def test_music_and_a_monsters_call_give_no_invented_words(sphinx: SphinxRecogniser) -> None:
    rows = heard(SOUND / "game.wav", sphinx)
    assert rows, "the call passes for speech at first: that is what makes this a test"
    assert [row["text"] for row in rows if row["status"] == "ok"] == []


def mixed(path: Path, *, below_db: float) -> Path:
    """The spoken fixture with the game's sound `below_db` under it."""
    spoken = wav.read(SOUND / "spoken.wav", 0, 10**9).astype(float)
    game = np.tile(wav.read(SOUND / "game.wav", 0, 10**9).astype(float), 2)[: len(spoken)]
    both = (spoken + game / game.std() * spoken.std() / 10 ** (below_db / 20)) / 2
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, 16_000, 0, "NONE", ""))
        file.writeframes(both.astype("<i2").tobytes())
    return path


def test_both_sentences_are_found_under_game_sound(tmp_path: Path) -> None:
    found = vad.speech_spans(mixed(tmp_path / "mixed.wav", below_db=10), SETTINGS, video_id="v-1").to_pylist()
    assert any(span["start_ns"] < 1e9 and 2e9 < span["end_ns"] < 3e9 for span in found)
    assert any(3e9 < span["start_ns"] < 4e9 and span["end_ns"] > 5.5e9 for span in found)


def test_speech_is_understood_over_quiet_game_sound(sphinx: SphinxRecogniser, tmp_path: Path) -> None:
    rows = heard(mixed(tmp_path / "mixed.wav", below_db=30), sphinx)
    said = " ".join(row["text"] for row in rows if row["status"] == "ok").split()
    assert {"out", "behind", "three", "enemies", "door"} <= set(said)

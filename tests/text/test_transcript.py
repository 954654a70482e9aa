from __future__ import annotations

import wave
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from gvlm_resources import schemas
from gvlm_resources.settings import SpeechSettings
from gvlm_resources.text import transcript, vad, wav
from gvlm_resources.text.sphinx import SphinxRecogniser
from gvlm_resources.text.transcript import Utterance, Word

SOUND = Path(__file__).parents[1] / "data/sound"
SETTINGS = SpeechSettings()


class Scripted:
    """A recogniser that answers from a list and remembers what it was given."""

    name = "scripted@1"

    def __init__(self, *answers: tuple[Word, ...] | Utterance) -> None:
        self.answers = [one if isinstance(one, Utterance) else Utterance(one, "en") for one in answers]
        self.heard: list[np.ndarray] = []
        self.batches: list[int] = []

    def recognise_batch(self, utterances: Sequence[np.ndarray]) -> list[Utterance]:
        self.heard += utterances
        self.batches.append(len(utterances))
        return [self.answers.pop(0) for _ in utterances]


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


def test_utterances_are_recognised_together_as_many_as_asked_for() -> None:
    recogniser = Scripted(*[(Word("go", 0, 9_000, 0.9),)] * 5)
    bounds = spans(*[(second, second + 0.9) for second in range(5)])
    rows = transcript.transcribe(SOUND / "spoken.wav", bounds, recogniser, SETTINGS, batch=2).to_pylist()
    assert recogniser.batches == [2, 2, 1]
    assert [row["start_ns"] for row in rows] == [second * 10**9 for second in range(5)]


def test_a_doubted_utterance_is_filtered_with_the_reason_and_keeps_its_text_and_language() -> None:
    answer = Utterance((Word("Danke", 0, 16_000, 0.99),), "de", transcript.NO_SPEECH)
    (row,) = transcribed(Scripted(answer), (0, 2))
    assert (row["status"], row["reason"], row["text"], row["language"]) == ("filtered", "no_speech", "Danke", "de")


def test_languages_without_spaces_are_written_without_spaces() -> None:
    said = (Word("気", 0, 100, 0.9), Word("を", 100, 200, 0.9))
    assert Utterance(said, "ja").text == "気を"
    assert Utterance(said, "en").text == "気 を"


@pytest.mark.parametrize(
    ("text", "no_speech", "mean_log", "doubt"),
    [
        ("Watch out behind you.", 0.1, -0.3, ""),
        ("Watch out behind you.", 0.9, -0.3, ""),  # it may be quiet, and the words are clear
        ("Thank you.", 0.9, -1.2, "no_speech"),
        ("Thank you.", 0.1, -1.2, "improbable"),
        ("go go go " * 30, 0.1, -0.1, "repeats_itself"),
    ],
)
def test_what_a_model_invents_is_doubted(text: str, no_speech: float, mean_log: float, doubt: str) -> None:
    assert transcript.doubt_of(text, no_speech=no_speech, mean_log=mean_log) == doubt


def test_a_long_utterance_is_read_in_parts_and_its_words_are_timed_from_its_start() -> None:
    def read(parts: list[np.ndarray]) -> list[Utterance]:
        return [Utterance((Word(str(len(part)), 0, len(part), 0.5),), "fr") for part in parts]

    short, long = transcript.by_parts([np.zeros(7, np.int16), np.zeros(25, np.int16)], 10, read)
    assert [(word.text, word.first, word.last) for word in short.words] == [("7", 0, 7)]
    assert [(word.text, word.first, word.last) for word in long.words] == [("10", 0, 10), ("10", 10, 20), ("5", 20, 25)]


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

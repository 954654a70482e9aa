from __future__ import annotations

import subprocess
import sys
import wave
from pathlib import Path

import numpy as np
import onnxruntime
import pytest

from gvlm_resources import schemas
from gvlm_resources.errors import LakeError, MissingModelError
from gvlm_resources.settings import SpeechSettings
from gvlm_resources.text import vad, wav

SOUND = Path(__file__).parents[1] / "data/sound"
SETTINGS = SpeechSettings()


def write_wav(path: Path, samples: np.ndarray, *, rate_hz: int = 16_000) -> Path:
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, rate_hz, 0, "NONE", ""))
        file.writeframes(samples.astype("<i2").tobytes())
    return path


def windows(*parts: tuple[float, float]) -> np.ndarray:
    """Probabilities from (seconds, level) parts."""
    return np.concatenate([np.full(round(s * 31.25), level, dtype=np.float32) for s, level in parts])


def spans_s(probabilities: np.ndarray, settings: SpeechSettings) -> list[tuple[float, float]]:
    voices = vad.voices_of(probabilities, len(probabilities) * vad.WINDOW, settings)
    return [(voice.first / 16_000, voice.last / 16_000) for voice in voices]


def test_two_sentences_are_two_spans_at_their_places() -> None:
    spans = vad.speech_spans(SOUND / "spoken.wav", SETTINGS, video_id="v-1")
    assert spans.schema.equals(schemas.SPEECH_SPANS, check_metadata=True)
    starts, ends = spans["start_ns"].to_pylist(), spans["end_ns"].to_pylist()
    assert starts == pytest.approx([0.6e9, 3.5e9], abs=0.2e9)
    assert ends == pytest.approx([2.3e9, 5.9e9], abs=0.2e9)
    assert spans["span_id"].to_pylist() == [f"v{start // 1000:012d}" for start in starts]


def test_the_origin_moves_every_span() -> None:
    first = vad.speech_spans(SOUND / "spoken.wav", SETTINGS, video_id="v-1")
    later = vad.speech_spans(SOUND / "spoken.wav", SETTINGS, video_id="v-1", origin_ns=7_000)
    assert [ns + 7_000 for ns in first["end_ns"].to_pylist()] == later["end_ns"].to_pylist()


def test_blocks_give_the_same_probabilities_as_the_published_streaming_model(tmp_path: Path) -> None:
    # Longer than one block of 512 windows, so that the carried state and context are put to the test.
    spoken = np.tile(wav.read(SOUND / "spoken.wav", 0, 10**9), 3)[:300_001]
    path = write_wav(tmp_path / "long.wav", spoken)
    weights = Path(vad.importlib.util.find_spec("silero_vad").origin).parent / "data/silero_vad.onnx"
    session = onnxruntime.InferenceSession(str(weights))
    filled = np.zeros(-(-len(spoken) // 512) * 512, dtype=np.float32)
    filled[: len(spoken)] = spoken / 32_768
    state, context, expected = np.zeros((2, 1, 128), dtype=np.float32), np.zeros(64, dtype=np.float32), []
    for window in filled.reshape(-1, 512):
        feeds = {"input": np.concatenate([context, window])[None], "state": state, "sr": np.array(16_000)}
        probability, state = session.run(None, feeds)
        expected.append(probability[0, 0])
        context = window[-64:]
    np.testing.assert_allclose(vad.speech_probabilities(path), expected, atol=1e-6)


def test_silence_and_an_empty_file_have_no_speech(tmp_path: Path) -> None:
    for samples in (np.zeros(32_000), np.zeros(0)):
        path = write_wav(tmp_path / "quiet.wav", samples)
        assert vad.speech_spans(path, SETTINGS, video_id="v-1").num_rows == 0


def test_a_pause_shorter_than_the_setting_does_not_split_a_sentence() -> None:
    settings = SpeechSettings(min_silence_s=0.3, pad_s=0)
    assert len(spans_s(windows((1, 0), (1, 0.9), (0.2, 0.1), (1, 0.9)), settings)) == 1
    assert len(spans_s(windows((1, 0), (1, 0.9), (0.5, 0.1), (1, 0.9)), settings)) == 2


def test_a_voice_that_grows_weaker_goes_on_but_does_not_begin() -> None:
    settings = SpeechSettings(vad_threshold=0.5, pad_s=0)
    assert spans_s(windows((1, 0.4)), settings) == []
    assert spans_s(windows((0.96, 0.9), (0.96, 0.4), (1, 0)), settings) == [(0.0, pytest.approx(1.92))]


def test_a_blip_is_no_speech() -> None:
    assert spans_s(windows((1, 0), (0.2, 0.99), (1, 0)), SpeechSettings(min_speech_s=0.3)) == []


def test_padding_neither_overlaps_a_neighbour_nor_leaves_the_file() -> None:
    settings = SpeechSettings(pad_s=1.0, min_silence_s=0.3)
    first, second = spans_s(windows((0.5, 0.9), (0.64, 0), (0.5, 0.9)), settings)
    assert first[0] == 0
    assert first[1] == second[0]
    assert second[1] == pytest.approx(1.664, abs=0.04)


def test_a_long_speech_is_cut_where_the_voice_is_weakest_and_nothing_is_lost() -> None:
    probabilities = windows((8, 0.9), (0.1, 0.5), (8, 0.9))
    spans = spans_s(probabilities, SpeechSettings(max_speech_s=10, pad_s=0))
    assert [end - start <= 10 for start, end in spans] == [True, True]
    assert spans[0][1] == spans[1][0] == pytest.approx(8, abs=0.15)
    assert spans[-1][1] == pytest.approx(len(probabilities) * 0.032)


@pytest.mark.parametrize("rate_hz", [8_000, 44_100])
def test_sound_of_another_rate_is_refused_rather_than_misread(tmp_path: Path, rate_hz: int) -> None:
    path = write_wav(tmp_path / "other.wav", np.zeros(100), rate_hz=rate_hz)
    with pytest.raises(LakeError, match="expected"):
        vad.speech_spans(path, SETTINGS, video_id="v-1")


def test_a_file_that_is_no_sound_is_refused(tmp_path: Path) -> None:
    (tmp_path / "no.wav").write_bytes(b"not a wave file")
    for name in ("no.wav", "missing.wav"):
        with pytest.raises(LakeError, match="audio"):
            vad.speech_spans(tmp_path / name, SETTINGS, video_id="v-1")


def test_missing_weights_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vad, "WEIGHTS", "data/nothing.onnx")
    with pytest.raises(MissingModelError, match=r"pip install 'silero-vad"):
        vad.speech_spans(SOUND / "spoken.wav", SETTINGS, video_id="v-1")


def test_voice_detection_imports_no_torch() -> None:
    code = (
        "import sys; from pathlib import Path; from gvlm_resources.text import vad; "
        "from gvlm_resources.settings import SpeechSettings; "
        f"vad.speech_spans(Path({str(SOUND / 'game.wav')!r}), SpeechSettings(), video_id='v'); "
        "assert 'torch' not in sys.modules and 'silero_vad' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)

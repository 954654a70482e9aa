from __future__ import annotations

import wave
from pathlib import Path

import numpy as np
import pytest
from transformers import ASTFeatureExtractor

from gvlm_resources.encoders.pretrain import sounds
from gvlm_resources.encoders.pretrain.sounds import LABELS
from tests.encoders.pretrain.told import told

SAMPLE = Path(__file__).parents[3] / "data_lake" / "samples" / "freedoom-quiet.mp4"


@pytest.mark.parametrize(
    ("events", "killed", "label", "tics"),
    [
        ([("shot", 7), ("shot", 21)], {}, "gunshot", [7, 21]),
        ([("pickup", 35)], {}, "item pickup", [35]),
        ([("damage", 10)], {}, "player pain", [14]),
        ([("damage", 10), ("death", 10)], {}, "player pain", []),
        ([("damage", 10), ("death", 10)], {}, "player death", [20]),
        ([], {30: ["Zombieman", "Demon"], 31: ["Demon"]}, "monster death", [36, 37]),
        ([("heal", 3), ("message", 4), ("weapon_change", 5)], {}, "gunshot", []),
    ],
)
def test_onsets_are_what_the_engine_played(
    events: list[tuple[str, int]], killed: dict[int, list[str]], label: str, tics: list[int]
) -> None:
    found = sounds.onsets(told(100, events, killed=killed))
    assert list(found) == list(LABELS)
    assert found[label] == pytest.approx(np.asarray(tics) / 35)


@pytest.mark.parametrize(
    ("centre_s", "heard"),
    [(1.0, True), (0.81, True), (1.2, True), (0.79, False), (1.21, False), (0.0, False)],
)
def test_a_window_is_labelled_with_what_starts_in_its_middle(centre_s: float, heard: bool) -> None:
    onsets = {label: np.asarray([]) for label in LABELS} | {"item pickup": np.asarray([1.0])}
    expected = np.asarray([heard and label == "item pickup" for label in LABELS], np.float32)
    assert (sounds.labels_at(onsets, centre_s) == expected).all()


def test_energies_of_a_whole_recording_hold_those_of_each_window() -> None:
    samples = np.random.default_rng(0).integers(-9000, 9000, 3 * sounds.RATE_HZ, dtype=np.int16)
    whole = sounds.log_mel(samples, 64)
    extractor = ASTFeatureExtractor(num_mel_bins=64, max_length=98, do_normalize=False)
    window = samples[37 * 160 : 37 * 160 + sounds.RATE_HZ].astype(np.float32) / 32768
    alone = extractor(window, sampling_rate=sounds.RATE_HZ)["input_values"][0]
    assert len(whole) == 298
    np.testing.assert_allclose(whole[37 : 37 + 98], alone, atol=1e-4)


def test_the_sound_of_a_recording_lasts_as_long_as_its_picture(tmp_path: Path) -> None:
    sounds.decode(SAMPLE, tmp_path / "sound.wav")
    with wave.open(str(tmp_path / "sound.wav")) as sound:
        assert (sound.getframerate(), sound.getnchannels(), sound.getsampwidth()) == (16_000, 1, 2)
        seconds = sound.getnframes() / sound.getframerate()
        assert np.frombuffer(sound.readframes(sound.getnframes()), np.int16).std() > 100
    import av

    with av.open(str(SAMPLE)) as container:
        assert seconds == pytest.approx(container.streams.video[0].frames / 35, abs=0.05)

"""The sound as a WAV in step with media time."""

from __future__ import annotations

import wave
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from gvlm_resources import settings as profiles
from gvlm_resources.video import decode
from gvlm_resources.video.decode import Outputs
from gvlm_resources.video.probe import probe
from tests.video import films
from tests.video.conftest import FilmMaker
from tests.video.films import Film, Sound, cfr

CPU = profiles.load("cpu")
RATE = 16_000
FILM = cfr(90, sound=Sound(3.0))


def heard(path: Path, target: Path) -> NDArray[np.float64]:
    """The samples of the stored sound, -1 to 1."""
    found = probe(path, CPU.video)
    report = decode.sample(path, found, video_id="v", settings=CPU, hud_regions=(), outputs=Outputs(audio=target))
    with wave.open(str(target)) as wav:
        assert (wav.getframerate(), wav.getnchannels(), wav.getsampwidth()) == (RATE, 1, 2)
        samples = np.frombuffer(wav.readframes(wav.getnframes()), "<i2") / 32768
    assert report.facts("audio")["samples"] == len(samples)
    return samples


def tone(start_s: float, stop_s: float) -> NDArray[np.float64]:
    """What the films' sound is between two moments, on their own clock."""
    return 0.5 * np.sin(2 * np.pi * 440 * np.arange(round(start_s * RATE), round(stop_s * RATE)) / RATE)


def level(samples: NDArray[np.float64]) -> float:
    return float(np.sqrt(np.mean(samples**2)))


@pytest.mark.parametrize(
    ("name", "sound"),
    [
        ("aac.mp4", Sound(3.0)),
        ("aac44.mp4", Sound(3.0, rate_hz=44_100)),
        ("aac.mkv", Sound(3.0)),
        ("aac.ts", Sound(3.0)),
        ("flac.mkv", Sound(3.0, codec="flac")),
        ("pcm.mkv", Sound(3.0, rate_hz=22_050, codec="pcm_s16le")),
    ],
)
def test_each_sample_is_heard_at_its_own_moment(name: str, sound: Sound, film: FilmMaker, tmp_path: Path) -> None:
    path = film(name, replace(FILM, sound=sound))
    samples = heard(path, tmp_path / "a.wav")
    assert abs(len(samples) - 3 * RATE) < RATE * 0.05
    inside = slice(RATE // 4, 2 * RATE)
    offsets = range(-40, 41)
    errors = [level(samples[inside] - np.roll(tone(0, 3), shift)[inside]) for shift in offsets]
    best = list(offsets)[int(np.argmin(errors))]
    tolerance = 18 if path.suffix in (".mkv", ".ts") else 1  # one millisecond where the container rounds to it
    assert abs(best) <= tolerance, f"{best} samples off"
    assert min(errors) < 0.05


def test_a_late_start_is_silence_until_then(film: FilmMaker, tmp_path: Path) -> None:
    path = film("late_sound.mp4", cfr(90, sound=Sound(2.0, start_s=1.0)))
    samples = heard(path, tmp_path / "a.wav")
    assert level(samples[: round(0.95 * RATE)]) < 1e-3
    assert level(samples[round(1.1 * RATE) : round(1.9 * RATE)]) > 0.3
    assert abs(len(samples) - 3 * RATE) < RATE * 0.05


def test_a_gap_is_silence_and_what_follows_is_in_step(film: FilmMaker, tmp_path: Path) -> None:
    sound = Sound(3.0, codec="pcm_s16le", gaps=((1.0, 1.5),))
    samples = heard(film("gap.mkv", replace(FILM, sound=sound)), tmp_path / "a.wav")
    assert level(samples[round(1.1 * RATE) : round(1.4 * RATE)]) < 1e-3
    after = slice(round(1.7 * RATE), round(2.7 * RATE))
    errors = [level(samples[after] - np.roll(tone(0, 3), shift)[after]) for shift in range(-18, 19)]
    assert min(errors) < 0.05, "within the millisecond to which the container rounds"
    assert abs(len(samples) - 3 * RATE) < RATE * 0.05


def test_a_picture_that_starts_before_the_sound_keeps_both_in_step(film: FilmMaker, tmp_path: Path) -> None:
    path = film("both_late.ts", Film(range(60, 150), sound=Sound(3.0, start_s=2.5)))
    found = probe(path, CPU.video)
    assert found.first_frame_ns == 0
    samples = heard(path, tmp_path / "a.wav")
    assert level(samples[: round(0.4 * RATE)]) < 1e-3
    assert level(samples[round(0.6 * RATE) : RATE]) > 0.3


def test_sound_that_cannot_be_decoded_is_silence(film: FilmMaker, tmp_path: Path) -> None:
    import av

    whole = film("aac.mp4", FILM)
    content = bytearray(whole.read_bytes())
    with av.open(str(whole)) as container:
        packets = [packet for packet in container.demux(container.streams.audio[0]) if packet.size]
    for packet in packets[60:90]:
        content[packet.pos : packet.pos + packet.size] = b"\xff" * packet.size
    path = tmp_path / "broken.mp4"
    path.write_bytes(content)
    samples = heard(path, tmp_path / "a.wav")
    middle = round(75 * 1024 / 48_000 * RATE)
    assert level(samples[middle - 2000 : middle + 2000]) < 0.1
    after = slice(round(2.2 * RATE), round(2.8 * RATE))
    assert level(samples[after] - tone(0, 3)[after]) < 0.1


def test_stereo_becomes_one_channel(tmp_path: Path) -> None:
    import av

    path = tmp_path / "stereo.mkv"
    films.make(path, replace(FILM, sound=None))
    with av.open(str(path)) as source, av.open(str(tmp_path / "two.mkv"), "w") as output:
        video = output.add_stream_from_template(source.streams.video[0])
        audio = output.add_stream("pcm_s16le", rate=RATE, layout="stereo")
        for packet in source.demux():
            if packet.size:
                packet.stream = video
                output.mux(packet)
        both = np.stack([np.full(3 * RATE, 8000), np.full(3 * RATE, 4000)], axis=1).astype(np.int16)
        frame = av.AudioFrame.from_ndarray(both.reshape(1, -1), format="s16", layout="stereo")
        frame.sample_rate, frame.pts = RATE, 0
        for packet in [*audio.encode(frame), *audio.encode(None)]:
            output.mux(packet)
    samples = heard(tmp_path / "two.mkv", tmp_path / "a.wav")
    assert abs(samples[RATE] * 32768 - 6000) < 5

"""What is heard in the footage and when, by engine truth: the sound of every recording, its onsets, labelled windows.

An onset is the instant at which the game starts to play a sound. Labels are sounds that the player's own doing or
suffering makes, which is what the engine tells; a monster's gun sounds like the player's and is none of them.
"""

from __future__ import annotations

import wave
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray
from transformers import ASTFeatureExtractor

from gvlm_resources.encoders.pretrain.footage import TIC_RATE_HZ, video_of
from gvlm_resources.simulator import truth
from gvlm_resources.timebase import NS_PER_S
from gvlm_resources.video.audio import SoundTrack

RATE_HZ = 16_000
LABELS = ("gunshot", "item pickup", "player pain", "player death", "monster death")
CENTRAL_S = 0.4  # a window is labelled with what starts in this middle part of it
# The game cries out in the second state of a pain or a death, not in the tic of the event: so many tics later. The mean
# loudness of the recordings around the events rises there; around shots and pickups it rises in their own tic.
PAIN_TICS = 4
DEATH_TICS = 10
MONSTER_TICS = 6  # differs by the monster; the shot that killed it hides it in the mean


@dataclass(frozen=True)
class Heard:
    """One recording: mono int16 samples at RATE_HZ, and for each of LABELS its rising onsets in seconds."""

    manifest: Path
    samples: NDArray[np.int16]
    onsets: Mapping[str, NDArray[np.float64]]

    @property
    def duration_s(self) -> float:
        return len(self.samples) / RATE_HZ


def sounds_of(manifests: Sequence[Path], work: Path) -> Iterator[Heard]:
    """The sound of every recording with its onsets, decoded where `work` does not have it yet."""
    work.mkdir(parents=True, exist_ok=True)
    for manifest in manifests:
        kept = work / f"{manifest.parent.name}-{manifest.name.removesuffix('.truth.json')}.wav"
        if not kept.exists():
            part = kept.with_suffix(".part")
            decode(video_of(manifest), part)
            part.replace(kept)
        yield Heard(manifest, _samples(kept), onsets(truth.read(manifest)))


def decode(video: Path, target: Path) -> None:
    """Write the video's sound as the product does: 16 kHz mono, in step with media time."""
    with av.open(str(video)) as container:
        stream = container.streams.audio[0]
        limit_ns = int(container.duration * (NS_PER_S / av.time_base))
        with SoundTrack(target, stream.codec_context, rate_hz=RATE_HZ, origin_ns=0, limit_ns=limit_ns) as track:
            for packet in container.demux(stream):
                if packet.size:
                    track.packet(packet)


def _samples(path: Path) -> NDArray[np.int16]:
    with wave.open(str(path), "rb") as sound:
        return np.frombuffer(sound.readframes(sound.getnframes()), "<i2")


def log_mel(samples: NDArray[np.int16], bands: int) -> NDArray[np.float32]:
    """(frames, bands): log energies of 25 ms, one every 10 ms, as AST's feature extractor has them unscaled."""
    frames = 1 + (len(samples) - 400) // 160
    whole = ASTFeatureExtractor(num_mel_bins=bands, max_length=frames, do_normalize=False)
    made = whole(samples.astype(np.float32) / 32768, sampling_rate=RATE_HZ)["input_values"][0]
    return np.asarray(made, np.float32)


def onsets(told: truth.Truth) -> dict[str, NDArray[np.float64]]:
    """Seconds at which each of LABELS starts, rising.

    Damage of the tic in which the player dies is heard as the death alone.
    """
    deaths = {event.event.start_tic for event in told.of_kind("death")}
    hurt = [event.event.start_tic for event in told.of_kind("damage") if event.event.start_tic not in deaths]
    tics = {
        "gunshot": [event.event.start_tic for event in told.of_kind("shot")],
        "item pickup": [event.event.start_tic for event in told.of_kind("pickup")],
        "player pain": [tic + PAIN_TICS for tic in hurt],
        "player death": [tic + DEATH_TICS for tic in sorted(deaths)],
        "monster death": [tic + MONSTER_TICS for tic, names in enumerate(told.tics["killed"].to_pylist()) if names],
    }
    return {label: np.asarray(tics[label], np.float64) / TIC_RATE_HZ for label in LABELS}


def labels_at(heard: Mapping[str, NDArray[np.float64]], centre_s: float) -> NDArray[np.float32]:
    """For each of LABELS 1 where it starts within CENTRAL_S around `centre_s`, half-open, else 0."""
    low, high = centre_s - CENTRAL_S / 2, centre_s + CENTRAL_S / 2
    return np.asarray([any_within(heard[label], low, high) for label in LABELS], np.float32)


def any_within(times: NDArray[np.float64], low: float, high: float) -> bool:
    """Whether one of the rising `times` lies in `[low, high)`."""
    return bool(np.searchsorted(times, high, "left") > np.searchsorted(times, low, "left"))

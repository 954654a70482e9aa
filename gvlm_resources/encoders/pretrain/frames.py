"""Frames of the footage at the network's size, decoded once and kept beside the recordings."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from gvlm_resources.encoders.pretrain.footage import TIC_RATE_HZ, video_of
from gvlm_resources.simulator import truth

SHOT_SHOWS_TICS, DAMAGE_SHOWS_TICS = 6, 8
RED_FROM_POINTS = 5  # a smaller loss hardly colours the screen
FIRST_TIC = 5  # the engine melts into a level for a moment: nothing is to be seen yet


@dataclass(frozen=True, slots=True)
class Shot:
    """One frame and what the engine knew in that tic."""

    recording: str
    level: str
    tic: int
    state: dict[str, Any]  # a row of truth.TICS
    firing: bool  # a shot so short ago that its flash or recoil is to be seen
    hurt: bool  # damage so short ago that the screen is red


@dataclass(frozen=True)
class Shots:
    """Frames as (N, size, size, 3) uint8, with as many `Shot`."""

    pixels: NDArray[np.uint8]
    shots: tuple[Shot, ...]

    def __post_init__(self) -> None:
        if len(self.pixels) != len(self.shots):
            raise ValueError(f"{len(self.pixels)} frames, but {len(self.shots)} descriptions")


def load(manifests: Sequence[Path], cache: Path, *, size_px: int, every_tics: int, seed: int) -> Shots:
    """Frames of all recordings in their order, about one in `every_tics`: each at a random place of its stretch.

    What was decoded lies in `cache`, one file a recording, and is read from there the next time.
    """
    cache.mkdir(parents=True, exist_ok=True)
    pixels, shots = [], []
    for manifest in manifests:
        name = manifest.name.removesuffix(".truth.json")
        told = truth.read(manifest)
        tics = pick_tics(told.recording.tics, every_tics, seed=seed + told.recording.seed)
        kept = cache / f"{name}-{size_px}px-{every_tics}tics-seed{seed}.npy"
        if not kept.exists():
            _store(kept, decode(video_of(manifest), tics, size_px=size_px))
        pixels.append(np.load(kept))
        shots += _shots(name, told, tics)
    return Shots(np.concatenate(pixels), tuple(shots))


def _shots(name: str, told: truth.Truth, tics: NDArray[np.int64]) -> list[Shot]:
    fired = _after([event.event.start_tic for event in told.of_kind("shot")], SHOT_SHOWS_TICS)
    hit = [event.event.start_tic for event in told.of_kind("damage") if event.amount >= RED_FROM_POINTS]
    red = _after(hit, DAMAGE_SHOWS_TICS)
    rows = told.tics.take(tics.tolist()).to_pylist()
    return [
        Shot(name, told.recording.level, tic, row, tic in fired, tic in red)
        for tic, row in zip(tics.tolist(), rows, strict=True)
    ]


def _after(starts: list[int], tics: int) -> set[int]:
    return {start + delay for start in starts for delay in range(tics)}


def pick_tics(tics: int, every: int, *, seed: int) -> NDArray[np.int64]:
    """One tic of every stretch of `every`, ascending; none of the first few."""
    starts = np.arange(FIRST_TIC, tics - every + 1, every)
    return starts + np.random.default_rng(seed).integers(0, every, len(starts))


def decode(video: Path, tics: NDArray[np.int64], *, size_px: int) -> NDArray[np.uint8]:
    """The frames of these tics (ascending), each resized to a square: (N, size_px, size_px, 3) uint8, RGB.

    Resized as the checkpoint's preprocessor does it: bilinear over the whole area of a pixel, proportions given up.
    Raises ValueError where the video does not hold all of them.
    """
    wanted, found = set(tics.tolist()), {}
    with av.open(str(video)) as container:
        stream = container.streams.video[0]
        for frame in container.decode(stream):
            tic = round(float(frame.pts * stream.time_base) * TIC_RATE_HZ)
            if tic in wanted:
                found[tic] = _square(frame.to_ndarray(format="rgb24"), size_px)
    missing = wanted - set(found)
    if missing:
        raise ValueError(f"{video} has no frame of tic {min(missing)}")
    return np.stack([found[tic] for tic in tics.tolist()])


def _square(picture: NDArray[np.uint8], size_px: int) -> NDArray[np.uint8]:
    return np.asarray(Image.fromarray(picture).resize((size_px, size_px), Image.Resampling.BILINEAR))


def _store(path: Path, pixels: NDArray[np.uint8]) -> None:
    """Atomic: a cache that was cut off would be read as whole."""
    unfinished = path.with_suffix(".part")
    with unfinished.open("wb") as file:
        np.save(file, pixels)
    unfinished.rename(path)


def describe(shots: Shots) -> str:
    """What the frames are of, as JSON: recordings, levels, frames."""
    names = sorted({shot.recording for shot in shots.shots})
    levels = sorted({shot.level for shot in shots.shots})
    return json.dumps({"recordings": len(names), "levels": levels, "frames": len(shots.shots)})

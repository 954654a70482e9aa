"""Reads the pipeline's own sound files: 16 kHz, mono, signed 16-bit WAV, in blocks of bounded size."""

from __future__ import annotations

import wave
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gvlm_resources.errors import LakeError

RATE_HZ = 16_000
NS_PER_SAMPLE = 62_500  # exact: 1e9 / 16000


def sample_count(path: Path) -> int:
    """Samples in the file. Raises LakeError where it is missing, no WAV, or not 16 kHz mono s16."""
    with _opened(path) as sound:
        return sound.getnframes()


def blocks(path: Path, samples: int) -> Iterator[NDArray[np.int16]]:
    """The file's samples in order, `samples` at a time, the last block shorter. Memory: one block."""
    with _opened(path) as sound:
        while data := sound.readframes(samples):
            yield np.frombuffer(data, dtype="<i2")


def read(path: Path, first: int, last: int) -> NDArray[np.int16]:
    """Samples `[first, last)`, cut at the end of the file."""
    with _opened(path) as sound:
        first = min(max(first, 0), sound.getnframes())
        sound.setpos(first)
        return np.frombuffer(sound.readframes(max(last - first, 0)), dtype="<i2")


def _opened(path: Path) -> wave.Wave_read:
    remedy = "materialise `audio` again"
    try:
        sound = wave.open(str(path), "rb")  # noqa: SIM115 - the caller closes it
    except FileNotFoundError as error:
        raise LakeError(f"there is no sound file {path.name}", remedy=remedy) from error
    except (wave.Error, EOFError) as error:
        raise LakeError(f"{path.name} is no WAV file: {error}", remedy=remedy) from error
    found = (sound.getframerate(), sound.getnchannels(), sound.getsampwidth())
    if found != (RATE_HZ, 1, 2):
        sound.close()
        raise LakeError(
            f"{path.name} has rate, channels, bytes a sample {found}, expected {(RATE_HZ, 1, 2)}", remedy=remedy
        )
    return sound

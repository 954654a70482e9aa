"""What can be told of a frame by its pixels alone. Frames are marked by it, never dropped.

All measures but the colours are of the luma scaled to 320 px width, so that they do not depend on the stored size.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Self

import cv2
import numpy as np
from numpy.typing import NDArray

LOOK_WIDTH_PX = 320
HASH_SIDE = 32
COLOUR_WIDTH_PX = 160
COLOUR_BINS = 8
LAYOUT_SIZE = (32, 24)
LOOK_BACK = 64  # stored frames: how far back a near-duplicate is looked for
SAME_BRIGHTNESS = 8.0  # a hash says nothing of it: plain black and plain white hash alike


@dataclass(frozen=True)
class Look:
    """The measures of one frame alone.

    `luma`: (H, W) uint8 of at most 320 px width. `colours`: shares of the 512 bins of a joint RGB histogram, sum 1.
    """

    luma: NDArray[np.uint8]
    colours: NDArray[np.float32]
    phash: int
    sharpness: float
    brightness: float

    @classmethod
    def of(cls, bgr: NDArray[np.uint8]) -> Self:
        """The measures of a (H, W, 3) picture; one over 320 px wide is scaled down first."""
        narrow = _narrowed(bgr, LOOK_WIDTH_PX)
        luma = cv2.cvtColor(narrow, cv2.COLOR_BGR2GRAY)
        return cls(
            luma=luma,
            colours=colours(narrow),
            phash=phash(luma),
            sharpness=float(cv2.Laplacian(luma, cv2.CV_32F).var(dtype=np.float64)),
            brightness=float(luma.mean(dtype=np.float64)),
        )


def _narrowed(image: NDArray[np.uint8], width_px: int) -> NDArray[np.uint8]:
    height, width = image.shape[:2]
    if width <= width_px:
        return image
    return cv2.resize(image, (width_px, max(1, round(height * width_px / width))), interpolation=cv2.INTER_AREA)


def phash(luma: NDArray[np.uint8]) -> int:
    """64-bit perceptual hash: which of the 8 x 8 lowest frequencies of the 32 x 32 picture lie above their median.

    The median leaves out the constant term. Coefficients are rounded to 0.01 first, so that a plain picture, whose
    frequencies are rounding errors, hashes to the same bits everywhere.
    """
    small = cv2.resize(luma, (HASH_SIDE, HASH_SIDE), interpolation=cv2.INTER_AREA).astype(np.float64)
    low = np.round(cv2.dct(small)[:8, :8], 2).ravel()
    bits = low > np.median(low[1:])
    return int.from_bytes(np.packbits(bits).tobytes(), "big")


def colours(bgr: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Shares of 8 x 8 x 8 colours in the picture at 160 px width: (512,) float32, sum 1."""
    small = _narrowed(bgr, COLOUR_WIDTH_PX)
    counts = cv2.calcHist([small], [0, 1, 2], None, [COLOUR_BINS] * 3, [0, 256] * 3)
    return counts.ravel() / counts.sum()


def hamming(one: int, other: int) -> int:
    """How many of 64 bits differ."""
    return (one ^ other).bit_count()


def motion(before: Look, now: Look) -> float:
    """Mean absolute luma difference, 0 to 255. A picture of another size counts as all new: 255."""
    if before.luma.shape != now.luma.shape:
        return 255.0
    return float(cv2.absdiff(before.luma, now.luma).mean(dtype=np.float64))


def scene_distance(before: Look, now: Look) -> float:
    """How little two frames that follow each other show the same scene, 0 to 1: the lesser of two differences.

    Of colours: the share of the picture whose colours are others (total variation of the histograms), which turning
    within a place keeps small. Of layout: one minus the correlation of the luma at 32 x 24, which a flash of the whole
    screen keeps small. A cut to another place changes both.
    """
    of_colours = float(np.abs(before.colours - now.colours).sum(dtype=np.float64) / 2)
    return min(of_colours, 1 - max(0.0, _correlation(_layout(before), _layout(now))))


def _layout(look: Look) -> NDArray[np.float64]:
    small = cv2.resize(look.luma, LAYOUT_SIZE, interpolation=cv2.INTER_AREA).astype(np.float64)
    return small - small.mean()


def _correlation(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    """Of two pictures less their means; a plain one correlates with nothing."""
    norm = np.sqrt((one**2).sum() * (other**2).sum())
    return float((one * other).sum() / norm) if norm > 1e-6 else 0.0


class DuplicateFinder:
    """Finds for each frame the earlier one that it nearly repeats, among the last `LOOK_BACK` frames.

    A duplicate is compared with originals only, so a slow change cannot creep along a chain of duplicates.
    """

    def __init__(self, within_bits: int) -> None:
        self._within_bits = within_bits
        self._recent: deque[tuple[str, int, float] | None] = deque(maxlen=LOOK_BACK)

    def original_of(self, frame_id: str, look: Look) -> str | None:
        """The latest original that `look` nearly repeats, or None; then it is one itself."""
        for kept in reversed(self._recent):
            if kept is not None and self._alike(kept, look):
                self._recent.append(None)
                return kept[0]
        self._recent.append((frame_id, look.phash, look.brightness))
        return None

    def _alike(self, kept: tuple[str, int, float], look: Look) -> bool:
        _, bits, brightness = kept
        close = abs(brightness - look.brightness) <= SAME_BRIGHTNESS
        return close and hamming(bits, look.phash) <= self._within_bits

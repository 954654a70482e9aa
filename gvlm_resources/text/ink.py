"""What stands out of its background in a crop, whatever the light over the whole picture (no engine, no model).

A HUD's number is drawn over a panel of nearly one colour. Games tint the whole picture at a hit or a pickup, panel and
digits alike, so pixels are looked at as their distance from the panel and in relation to the strongest of them.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from gvlm_resources.text.protocol import Image

# Levels in H.264 recordings: blank panels 12 to 23 of 255, digits 13 under the strongest tint, 104 to 155 in 95 of 100
# crops (docs/ocr.md). So below FLOOR there is nothing, and below FAINT only the engine can tell.
FLOOR = 10.0
FAINT = 30.0
CLEAR = 60.0  # from here on the shape of the ink is good enough to compare
FINGERPRINT_ROWS = 14  # a digit's stroke is then at least a row wide
NEAR = 0.25  # of the ink's level; another digit differs by 0.44 or more, the same digits by 0.2 (docs/ocr.md)
LEAST_SHARE = 0.5  # of the crop's height that ink takes up where a fingerprint is worth comparing
MARGIN = 0.15  # of the crop's height


@dataclass(frozen=True, slots=True)
class Ink:
    """`strength` (H, W): largest difference of a channel from the crop's median colour; `level` its 99th percentile."""

    strength: NDArray[np.float32]
    level: float

    @property
    def is_there(self) -> bool:
        return self.level >= FLOOR

    @property
    def is_faint(self) -> bool:
        return self.level < FAINT


def ink_of(crop: Image) -> Ink:
    """The ink of one crop. A crop that ink fills by half or more has no background to tell it from."""
    pixels = crop.astype(np.float32)
    background = np.median(pixels.reshape(-1, pixels.shape[2]), axis=0)
    strength = np.abs(pixels - background).max(2)
    return Ink(strength, float(np.percentile(strength, 99)))


def trimmed(crop: Image, ink: Ink) -> Image | None:
    """The crop without the empty columns left and right of its ink, with a margin of repeated pixels around it.

    The recogniser takes empty panel for digits where there is much of it. None where there is no more than specks.
    """
    inked = _inked(ink)
    columns = np.flatnonzero(inked.any(0))
    if columns.size == 0 or inked.sum() < crop.shape[0] / 4:
        return None
    margin = round(MARGIN * crop.shape[0])
    left, right = max(0, columns[0] - margin), columns[-1] + 1 + margin
    return _framed(crop[:, left:right])


def contrasted(crop: Image, ink: Ink) -> Image | None:
    """The same as `trimmed`, in grey: ink white, background black. A second look where the colours are hard to read."""
    grey = np.clip(ink.strength * (255.0 / max(ink.level, FLOOR)), 0, 255).astype(np.uint8)
    return trimmed(np.repeat(grey[..., None], 3, axis=2), ink)


def fingerprint(ink: Ink) -> NDArray[np.float32] | None:
    """The ink's shape in 14 rows, 0 to 1, or None where it is too faint or too small to tell two numbers apart."""
    if ink.level < CLEAR:
        return None
    height, width = ink.strength.shape
    rows = np.flatnonzero(_inked(ink).any(1))
    if rows.size == 0 or rows[-1] + 1 - rows[0] < LEAST_SHARE * height:
        return None
    shape = np.minimum(ink.strength / ink.level, 1.0)
    columns = max(1, round(width * FINGERPRINT_ROWS / height))
    return cv2.resize(shape, (columns, FINGERPRINT_ROWS), interpolation=cv2.INTER_AREA).ravel()


def _inked(ink: Ink) -> NDArray[np.uint8]:
    """1 where there is ink and no lone pixel of noise."""
    strong = (ink.strength > max(FLOOR, ink.level / 2)).astype(np.uint8)
    return cv2.morphologyEx(strong, cv2.MORPH_OPEN, np.ones((2, 2), np.uint8))


def _framed(crop: Image) -> Image:
    across, along = round(0.1 * crop.shape[0]), round(0.2 * crop.shape[0])
    return cv2.copyMakeBorder(np.ascontiguousarray(crop), across, across, along, along, cv2.BORDER_REPLICATE)

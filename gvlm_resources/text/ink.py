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
SMALL_PX = 24  # crops lower than this hold digits of a pixel font, too small to be read as a line

# How one small digit is shown to the reader, in multiples of its crop: pixel fonts are 3 dots wide and 5 high, so they
# are stretched to be about square, and blurred until the dots are strokes. Of values nearby the ones that left the
# reader least in doubt (docs/ocr.md).
STRETCH, RISE, BLUR_PX, ABOVE_PX, BESIDE_PX = 13, 6, 6.0, 14, 33
SMALL_HEIGHT_PX = 14  # of the crops that they were found on


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


def glyphs(ink: Ink) -> list[Image]:
    """The digits of a small number one by one, left to right, drawn large in white on black: cut at empty columns."""
    shape = np.minimum(ink.strength / max(float(np.percentile(ink.strength, 98)), FLOOR), 1.0)
    filled = np.flatnonzero((shape > 0.5).sum(0) >= max(2, round(0.15 * shape.shape[0])))
    runs = np.split(filled, np.flatnonzero(np.diff(filled) > 1) + 1) if filled.size else []
    return [_drawn(shape[:, max(0, run[0] - 1) : run[-1] + 2]) for run in runs]


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


def _drawn(shape: NDArray[np.float32]) -> Image:
    height, width = shape.shape
    unit = SMALL_HEIGHT_PX / height
    size = (max(1, round(width * STRETCH * unit)), SMALL_HEIGHT_PX * RISE)
    grey = cv2.resize((shape * 255).astype(np.uint8), size, interpolation=cv2.INTER_CUBIC)
    grey = cv2.GaussianBlur(grey, (0, 0), BLUR_PX)
    grey = cv2.copyMakeBorder(grey, ABOVE_PX, ABOVE_PX, BESIDE_PX, BESIDE_PX, cv2.BORDER_CONSTANT, value=0)
    return np.repeat(grey[..., None], 3, axis=2)

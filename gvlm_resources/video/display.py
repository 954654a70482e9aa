"""From a coded picture to the picture as a player shows it: orientation, pixel aspect, size (pure).

Coordinates are (x right, y down). A display matrix maps coded (p, q) to displayed (a p + c q, b p + d q), up to a shift
(ISO/IEC 14496-12, 6.2.2); recorders write quarter turns and mirrors only, and anything else counts as the nearest.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Self

import numpy as np
from numpy.typing import NDArray

Box = tuple[int, int, int, int]


@dataclass(frozen=True, slots=True)
class Display:
    """How coded pictures are shown: swap rows and columns, then mirror; and the width of a pixel in its heights."""

    swap: bool = False
    flip_x: bool = False
    flip_y: bool = False
    pixel_aspect: Fraction = Fraction(1)

    def __post_init__(self) -> None:
        if self.pixel_aspect <= 0:
            raise ValueError(f"a pixel's aspect is positive, got {self.pixel_aspect}")

    @classmethod
    def from_matrix(cls, matrix: Sequence[int] | None, pixel_aspect: Fraction = Fraction(1)) -> Self:
        """`matrix`: the nine numbers a b u c d v x y w of a display matrix, or None."""
        if matrix is None:
            return cls(pixel_aspect=pixel_aspect)
        a, b, c, d = matrix[0], matrix[1], matrix[3], matrix[4]
        if abs(b) + abs(c) > abs(a) + abs(d):
            return cls(swap=True, flip_x=c < 0, flip_y=b < 0, pixel_aspect=pixel_aspect)
        return cls(flip_x=a < 0, flip_y=d < 0, pixel_aspect=pixel_aspect)

    @property
    def rotation_deg(self) -> int:
        """Degrees clockwise that a picture is turned before it is shown (mirrors aside)."""
        if self.swap:
            return 90 if self.flip_x else 270
        return 180 if self.flip_x and self.flip_y else 0

    def size(self, width: int, height: int) -> tuple[int, int]:
        """Displayed (width, height) of a coded picture, with square pixels. The longer measure is the coded one's."""
        wide = max(1, round(width * self.pixel_aspect))
        return (height, wide) if self.swap else (wide, height)

    def fitted(self, width: int, height: int, *, scale: Fraction) -> tuple[int, int]:
        """Size to scale the coded picture to, before it is turned, so that it is shown at `scale` times `size`."""
        wide = max(1, round(width * self.pixel_aspect * scale))
        return wide, max(1, round(height * scale))

    def oriented(self, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Coded (H, W, C) turned into display orientation; contiguous."""
        if self.swap:
            image = image.swapaxes(0, 1)
        if self.flip_x:
            image = image[:, ::-1]
        if self.flip_y:
            image = image[::-1]
        return np.ascontiguousarray(image)

    def coded_box(self, box: tuple[float, float, float, float], width: int, height: int) -> Box:
        """The coded pixels of a displayed box in fractions: grown to even edges, which is where chroma has samples.

        Inside the picture less its last odd row and column. Raises ValueError for a picture under 2 x 2.
        """
        x0, y0, x1, y1 = box
        if self.flip_x:
            x0, x1 = 1 - x1, 1 - x0
        if self.flip_y:
            y0, y1 = 1 - y1, 1 - y0
        if self.swap:
            x0, y0, x1, y1 = y0, x0, y1, x1
        left, right = _even_span(x0, x1, width)
        top, bottom = _even_span(y0, y1, height)
        return left, top, right, bottom

    def shown_box(self, box: Box, width: int, height: int) -> Box:
        """Where coded pixels `box` of a `width` x `height` picture lie once it is turned, in pixels of that."""
        x0, y0, x1, y1 = box
        if self.swap:
            x0, y0, x1, y1 = y0, x0, y1, x1
            width, height = height, width
        if self.flip_x:
            x0, x1 = width - x1, width - x0
        if self.flip_y:
            y0, y1 = height - y1, height - y0
        return x0, y0, x1, y1


def _even_span(low: float, high: float, size: int) -> tuple[int, int]:
    limit = size - size % 2
    if limit < 2:
        raise ValueError(f"a picture of {size} pixels has no place for a box")
    start = min(int(low * size + 1e-6) // 2 * 2, limit - 2)
    stop = min(-(-int(np.ceil(high * size - 1e-6)) // 2) * 2, limit)
    return start, max(stop, start + 2)

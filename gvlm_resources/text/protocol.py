"""What reads text in pictures: the seam between the engine and everything that decides what to read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]  # RGB (H, W, 3)


@dataclass(frozen=True, slots=True, order=True)
class Box:
    """`[x0, x1) x [y0, y1)` in whole pixels of the image it was found in."""

    x0: int
    y0: int
    x1: int
    y1: int

    def __post_init__(self) -> None:
        if not (self.x0 < self.x1 and self.y0 < self.y1):
            raise ValueError(f"a box is x0 < x1, y0 < y1, got {(self.x0, self.y0, self.x1, self.y1)}")

    @property
    def width(self) -> int:
        return self.x1 - self.x0

    @property
    def height(self) -> int:
        return self.y1 - self.y0

    @property
    def area(self) -> int:
        return self.width * self.height

    def shifted(self, dx: int, dy: int) -> Box:
        return Box(self.x0 + dx, self.y0 + dy, self.x1 + dx, self.y1 + dy)

    def common(self, other: Box) -> int:
        """Pixels that lie in both."""
        width = min(self.x1, other.x1) - max(self.x0, other.x0)
        height = min(self.y1, other.y1) - max(self.y0, other.y0)
        return max(0, width) * max(0, height)

    def covers(self, other: Box) -> float:
        """Share of the smaller of the two that lies in both, 0 to 1."""
        return self.common(other) / min(self.area, other.area)

    def cut(self, image: NDArray) -> NDArray:
        """The image's pixels in this box, as a view."""
        return image[self.y0 : self.y1, self.x0 : self.x1]


@dataclass(frozen=True, slots=True)
class Reading:
    """What the engine read in one crop; `text` is empty where it read nothing.

    `confidence` is the mean of the characters' probabilities and `weakest` the smallest of them, as the network gave
    them over its whole alphabet. `given` is the smallest when one of the characters asked for is known to stand there,
    and equal to `weakest` where any may. All are 0 where nothing was read. `looks` says how many readers looked.
    """

    text: str
    confidence: float
    weakest: float
    given: float
    looks: int = 1

    def __post_init__(self) -> None:
        if not (0 <= self.weakest <= self.confidence + 1e-6 <= 1 + 2e-6 and 0 <= self.given <= 1):
            raise ValueError(f"probabilities are 0 <= weakest <= mean <= 1, got {self.weakest}, {self.confidence}")


@dataclass(frozen=True, slots=True)
class TextLine:
    """A line of text found in an image."""

    box: Box
    reading: Reading


class TextReader(Protocol):
    """An OCR engine. One instance is used by one thread at a time."""

    name: str  # package@version/models+runtime@version-precision

    def recognise(self, crops: Sequence[Image], *, alphabet: str | None = None) -> list[Reading]:
        """One reading a crop, in their order. Each crop holds one line. What else is in the batch makes no difference.

        With an `alphabet` only those characters are read.
        """

    def detect(self, image: Image, *, scale: float = 1.0) -> list[Box]:
        """Boxes of lines of text from top to bottom, then left to right, looked for at `scale` times the image's size.

        Text at an angle comes as the upright box around it.
        """


def read_image(reader: TextReader, image: Image, *, scale: float = 1.0) -> list[TextLine]:
    """Every line of text of one image: detection and recognition."""
    boxes = reader.detect(image, scale=scale)
    readings = reader.recognise([box.cut(image) for box in boxes])
    return [TextLine(box, reading) for box, reading in zip(boxes, readings, strict=True)]

"""Masks as run lengths: COCO's, column by column, beginning outside the mask (pure).

Everything a mask is asked for is computed on its runs; an array of pixels exists only where one is put in or asked for.
The text form is the compressed one of the COCO tools: https://github.com/cocodataset/cocoapi (common/maskApi.c).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

Box = tuple[float, float, float, float]  # x0, y0, x1, y1 in pixels, the right and lower edges outside
_DIGITS = 13  # of five bits: what an int64 has at most


@dataclass(frozen=True, eq=False, slots=True)
class Mask:
    """`runs` are lengths in pixels, alternately outside and inside, of the columns one below the other.

    Only the first may be 0, and they add up to height x width.
    """

    height: int
    width: int
    runs: NDArray[np.int64]

    def __post_init__(self) -> None:
        if self.runs.ndim != 1 or int(self.runs.sum()) != self.height * self.width:
            raise ValueError(f"runs of {int(self.runs.sum())} pixels are no mask of {self.width}x{self.height}")
        if (self.runs[1:] <= 0).any() or (self.runs[:1] < 0).any():
            raise ValueError("a run has at least one pixel; only the first, outside the mask, may have none")

    @classmethod
    def of(cls, pixels: NDArray[np.bool_]) -> Self:
        """Of an array (height, width)."""
        if pixels.ndim != 2 or pixels.dtype != np.bool_:
            raise ValueError(f"a mask is (height, width) of bool, got {pixels.shape} of {pixels.dtype}")
        height, width = pixels.shape
        flat = pixels.ravel(order="F")
        edges = np.flatnonzero(flat[1:] != flat[:-1]) + 1
        ends = [0] if flat.size and flat[0] else []
        bounds = np.concatenate([np.asarray([0, *ends], np.int64), edges, np.asarray([flat.size], np.int64)])
        return cls(height, width, np.diff(bounds))

    @classmethod
    def read(cls, counts: str, height: int, width: int) -> Self:
        """Of COCO's compressed text. Raises ValueError for one that is not of this size."""
        return cls(height, width, _runs(counts))

    @property
    def counts(self) -> str:
        return _text(self.runs)

    @property
    def area(self) -> int:
        return int(self.runs[1::2].sum())

    @property
    def box(self) -> Box:
        """The smallest that holds every pixel; all zero for an empty mask. Pixel k lies in [k, k + 1)."""
        starts, ends = self._spans()
        if not len(starts):
            return (0.0, 0.0, 0.0, 0.0)
        first, last = starts // self.height, (ends - 1) // self.height
        is_long = bool((first != last).any())  # one that goes on in the next column has the lowest and topmost pixel
        top = 0 if is_long else int((starts % self.height).min())
        bottom = self.height if is_long else int(((ends - 1) % self.height).max()) + 1
        return (float(first.min()), float(top), float(last.max() + 1), float(bottom))

    def pixels(self) -> NDArray[np.bool_]:
        """(height, width)"""
        inside = np.arange(len(self.runs)) % 2 == 1
        return np.repeat(inside, self.runs).reshape(self.width, self.height).T

    def iou(self, other: Mask) -> float:
        """Shared over united pixels; 0 where both are empty."""
        if (self.height, self.width) != (other.height, other.width):
            raise ValueError(
                f"masks of one frame have one size, got {self.width}x{self.height} and {other.width}x{other.height}"
            )
        # How many pixels of self come before a place is piecewise linear in the place, so that the pixels of self in
        # a span of other are a difference of two interpolations, exact in float64 up to 2^53 pixels.
        places = np.concatenate([[0], np.cumsum(self.runs)])
        before = np.concatenate([[0], np.cumsum(np.where(np.arange(len(self.runs)) % 2 == 1, self.runs, 0))])
        starts, ends = other._spans()
        shared = float((np.interp(ends, places, before) - np.interp(starts, places, before)).sum())
        united = self.area + other.area - shared
        return shared / united if united else 0.0

    def _spans(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """[start, end) of each run inside the mask."""
        ends = np.cumsum(self.runs)
        return (ends - self.runs)[1::2], ends[1::2]


def patch_shares(pixels: NDArray[np.bool_], rows: int, columns: int) -> NDArray[np.float32]:
    """(rows, columns): which share of each patch lies in the mask (height, width).

    The patches are equal and cover the frame together; a pixel on a border counts for both by its parts.
    """
    if min(rows, columns) < 1:
        raise ValueError(f"a frame is cut into at least one patch, got {rows}x{columns}")
    height, width = pixels.shape
    shares = _parts(height, rows) @ pixels.astype(np.float32) @ _parts(width, columns).T
    return np.clip(shares, 0.0, 1.0)


def _parts(pixels: int, patches: int) -> NDArray[np.float32]:
    """(patches, pixels): which share of the patch a pixel is."""
    edges = np.linspace(0, pixels, patches + 1)
    left = np.arange(pixels)
    low = np.maximum(edges[:-1, None], left[None, :])
    high = np.minimum(edges[1:, None], left[None, :] + 1)
    return (np.maximum(high - low, 0) * (patches / pixels)).astype(np.float32)


def _text(runs: NDArray[np.int64]) -> str:
    """From the fourth on, what is written is the difference to the run before the last, in signed base 32.

    The lowest five bits come first, each digit with a bit that says whether more follow, from character 48 on.
    """
    values = runs.astype(np.int64)
    values[3:] -= runs[1:-2]
    shifted = values[:, None] >> (5 * np.arange(_DIGITS))
    digits, rest = shifted & 31, shifted >> 5
    is_last = rest == np.where(digits & 16, -1, 0)
    used = np.arange(_DIGITS) <= is_last.argmax(axis=1)[:, None]
    characters = digits + 48 + np.where(is_last, 0, 32)
    return characters[used].astype(np.uint8).tobytes().decode("ascii")


def _runs(counts: str) -> NDArray[np.int64]:
    codes = np.frombuffer(counts.encode("ascii"), np.uint8).astype(np.int64) - 48
    if not len(codes) or codes.min() < 0 or codes.max() > 63 or codes[-1] & 32:
        raise ValueError(f"no compressed run lengths: {counts[:40]!r}")
    ends = np.flatnonzero(~codes & 32)
    starts = np.concatenate([[0], ends[:-1] + 1])
    place = np.arange(len(codes)) - np.repeat(starts, ends - starts + 1)
    if place.max() >= _DIGITS:
        raise ValueError(f"no compressed run lengths: {counts[:40]!r}")
    values = np.add.reduceat((codes & 31) << (5 * place), starts)
    is_negative = (codes[ends] & 16) != 0
    values -= np.where(is_negative, np.int64(1) << np.minimum(5 * (place[ends] + 1), 62), 0)
    values[1::2] = np.cumsum(values[1::2])
    values[2::2] = np.cumsum(values[2::2])
    return values

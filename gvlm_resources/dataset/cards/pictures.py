"""Frames of examples with their boxes drawn, as small JPEGs: for the card and for the page where pairs are reviewed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from PIL import Image, ImageDraw

from gvlm_resources.preview.encode import jpeg
from gvlm_resources.preview.overlays import COLOURS
from gvlm_resources.preview.sheets import draw_label, opened, resized

_GAP_PX = 4
_OUTLINE_PX = 3


@dataclass(frozen=True, slots=True)
class Shown:
    """A stored frame, a JPEG, and the boxes on it: `(x0, y0, x1, y1)` in pixels of a frame `width` wide.

    Each box has its number: the n-th box is the n-th `<box_2d>` of the example.
    """

    image: bytes
    width: int
    boxes: tuple[tuple[int, tuple[float, float, float, float]], ...] = ()


def strip(frames: Sequence[Shown], *, width_px: int = 560, max_bytes: int = 15_000) -> bytes:
    """JPEG: the frames beside each other with their boxes, numbered; one frame takes three fifths of the width."""
    columns = max(len(frames), 2) if len(frames) != 1 else 1

    def draw(width: int) -> Image.Image:
        each = round(width * 0.6) if columns == 1 else (width - _GAP_PX * (columns - 1)) // columns
        tiles = [drawn(frame, each) for frame in frames]
        sheet = Image.new(
            "RGB", (sum(t.width for t in tiles) + _GAP_PX * (len(tiles) - 1), max(t.height for t in tiles))
        )
        for place, tile in enumerate(tiles):
            sheet.paste(tile, (place * (each + _GAP_PX), 0))
        return sheet

    return jpeg(draw, width_px, max_bytes=max_bytes)


def framed(frame: Shown, *, width_px: int = 960, max_bytes: int = 200_000) -> bytes:
    """JPEG: one frame with its boxes, large enough to judge."""
    return jpeg(lambda width: drawn(frame, width), width_px, max_bytes=max_bytes)


def drawn(frame: Shown, width_px: int) -> Image.Image:
    """The frame at that width, each box outlined and numbered."""
    shown = resized(opened(frame.image, width_px), width_px)
    canvas = ImageDraw.Draw(shown)
    taken: list[tuple[float, float, float, float]] = []
    for number, box in frame.boxes:
        colour = COLOURS[(number - 1) % len(COLOURS)]
        scaled = tuple(edge * width_px / frame.width for edge in box)
        canvas.rectangle(scaled, outline=colour, width=_OUTLINE_PX)
        draw_label(canvas, shown.size, scaled, str(number), colour, taken)
    return shown

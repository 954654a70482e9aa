"""Pictures of frames: contact sheets, strips of evidence, and what was read on a screen."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from gvlm_resources.preview.encode import MAX_BYTES, jpeg
from gvlm_resources.preview.letters import Colour, draw_text, shortened, text_width, wrapped
from gvlm_resources.timebase import format_clock

_BACKGROUND: Colour = (24, 26, 30)
_DIM: Colour = (190, 194, 200)
_SURE: Colour = (80, 220, 120)
_UNSURE: Colour = (255, 170, 60)
_GAP_PX = 4


@dataclass(frozen=True)
class Picture:
    """A frame to show: an encoded image, or RGB `(H, W, 3) uint8`. `note` is a word or a sentence about it."""

    image: bytes | NDArray[np.uint8]
    pts_ns: int
    note: str = ""


@dataclass(frozen=True)
class Reading:
    """A text and where it stands: `(x0, y0, x1, y1)` in pixels of the frame it was read on."""

    text: str
    box: tuple[float, float, float, float]
    confidence: float = 1.0


def spread(count: int, at_most: int) -> list[int]:
    """Indices of at most `at_most` of `count` things, evenly spread, the first and the last among them."""
    if count <= at_most:
        return list(range(count))
    if at_most == 1:
        return [0]
    return [round(i * (count - 1) / (at_most - 1)) for i in range(at_most)]


def contact_sheet(
    pictures: Sequence[Picture], *, at_most: int = 8, columns: int = 4, width_px: int = 640, max_bytes: int = MAX_BYTES
) -> bytes:
    """JPEG: `at_most` of the frames, evenly spread, in rows; below each its time and its note."""
    shown = [pictures[i] for i in spread(len(pictures), at_most)]

    def draw(width: int) -> Image.Image:
        return _grid([_tile(p, format_clock(p.pts_ns), _tile_px(width, columns)) for p in shown], columns)

    return jpeg(draw if shown else lambda width: _notice("no frames", width), width_px, max_bytes=max_bytes)


def evidence_strip(
    pictures: Sequence[Picture], *, at_most: int = 6, width_px: int = 640, max_bytes: int = 12_000
) -> bytes:
    """JPEG: the frames that an answer cites, three in a row, numbered from 1, with their notes below.

    Shows the first `at_most`, because the numbers are those of the citations.
    """
    shown = pictures[:at_most]

    def draw(width: int) -> Image.Image:
        titles = [f"[{number}] {format_clock(picture.pts_ns)}" for number, picture in enumerate(shown, start=1)]
        tiles = [_tile(p, title, _tile_px(width, 3), lines=2) for p, title in zip(shown, titles, strict=True)]
        return _grid(tiles, 3)

    return jpeg(draw if shown else lambda width: _notice("no frames are cited", width), width_px, max_bytes=max_bytes)


def matches(pictures: Sequence[Picture], *, at_most: int = 8, width_px: int = 640, max_bytes: int = 12_000) -> bytes:
    """JPEG: frames that were found, four in a row, the first `at_most`, each with its time and its note below."""
    shown = pictures[:at_most]

    def draw(width: int) -> Image.Image:
        tiles = [_tile(p, format_clock(p.pts_ns), _tile_px(width, 4), lines=2) for p in shown]
        return _grid(tiles, 4)

    return jpeg(draw if shown else lambda width: _notice("nothing was found", width), width_px, max_bytes=max_bytes)


def ocr_overlay(
    image: bytes | NDArray[np.uint8], readings: Sequence[Reading], *, width_px: int = 640, max_bytes: int = 12_000
) -> bytes:
    """JPEG: the frame with a box around each reading and its text above, orange where the confidence is under 0.8."""
    in_order = sorted(readings, key=lambda reading: (reading.box[1], reading.box[0]))
    full_width = _full_width(image)

    def draw(width: int) -> Image.Image:
        shown = resized(opened(image, width), width)
        canvas = ImageDraw.Draw(shown)
        taken: list[tuple[float, float, float, float]] = []
        for reading in in_order:
            colour = _SURE if reading.confidence >= 0.8 else _UNSURE
            box = tuple(edge * width / full_width for edge in reading.box)
            canvas.rectangle(box, outline=colour, width=2)
            draw_label(canvas, shown.size, box, reading.text, colour, taken)
        return shown

    return jpeg(draw, width_px, max_bytes=max_bytes)


def draw_label(
    draw: ImageDraw.ImageDraw,
    size: tuple[int, int],
    box: tuple[float, ...],
    text: str,
    colour: Colour,
    taken: list[tuple[float, float, float, float]],
) -> None:
    """The text above its box, else below, else the first free place further down; never outside the image."""
    size_px, height = 13, 17
    text = shortened(text, size_px, size[0] - 8)
    width = text_width(text, size_px) + 6
    x = min(max(0.0, box[0]), size[0] - width)
    lowest = size[1] - height
    places = [box[1] - height, box[3] + 1, *np.arange(box[3] + 1, lowest, height), *np.arange(box[1], 0, -height)]
    inside = [float(y) for y in places if 0 <= y <= lowest] or [0.0]
    free = (y for y in inside if not any(_touch((x, y, x + width, y + height), other) for other in taken))
    y = next(free, inside[0])
    taken.append((x, y, x + width, y + height))
    draw.rectangle((x, y, x + width, y + height), fill=colour)
    draw_text(draw, (x + 3, y + 1), text, size_px, (0, 0, 0))


def _touch(a: tuple[float, float, float, float], b: tuple[float, float, float, float]) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]


def _full_width(image: bytes | NDArray[np.uint8]) -> int:
    return Image.open(io.BytesIO(image)).width if isinstance(image, bytes) else image.shape[1]


def opened(image: bytes | NDArray[np.uint8], width_px: int) -> Image.Image:
    if not isinstance(image, bytes):
        return Image.fromarray(image, "RGB")
    opened = Image.open(io.BytesIO(image))
    opened.draft("RGB", (width_px, width_px))  # JPEG decodes at a half, a quarter or an eighth where that is enough
    return opened.convert("RGB")


def resized(image: Image.Image, width_px: int) -> Image.Image:
    height_px = max(1, round(image.height * width_px / image.width))
    return image.resize((width_px, height_px), Image.Resampling.LANCZOS)


def _tile_px(width_px: int, columns: int) -> int:
    return (width_px - (columns - 1) * _GAP_PX) // columns


def _tile(picture: Picture, title: str, tile_px: int, *, lines: int = 0) -> Image.Image:
    """The frame, whole, and below it the title. The note follows the title, or has `lines` lines of its own."""
    frame = resized(opened(picture.image, tile_px), tile_px)
    notes = wrapped(picture.note, 12, tile_px - 4, lines=lines) if lines else []
    title = title if lines or not picture.note else f"{title}  {picture.note}"
    tile = Image.new("RGB", (tile_px, frame.height + 17 + 15 * len(notes)), _BACKGROUND)
    tile.paste(frame, (0, 0))
    draw = ImageDraw.Draw(tile)
    draw_text(draw, (3, frame.height + 1), shortened(title, 12, tile_px - 4), 12)
    for row, line in enumerate(notes):
        draw_text(draw, (3, frame.height + 16 + 15 * row), line, 12, _DIM)
    return tile


def _grid(tiles: Sequence[Image.Image], columns: int) -> Image.Image:
    columns = min(columns, len(tiles))
    rows = [tiles[i : i + columns] for i in range(0, len(tiles), columns)]
    heights = [max(tile.height for tile in row) for row in rows]
    width = columns * tiles[0].width + (columns - 1) * _GAP_PX
    sheet = Image.new("RGB", (width, sum(heights) + _GAP_PX * (len(rows) - 1)), _BACKGROUND)
    y = 0
    for row, height in zip(rows, heights, strict=True):
        for column, tile in enumerate(row):
            sheet.paste(tile, (column * (tile.width + _GAP_PX), y))
        y += height + _GAP_PX
    return sheet


def _notice(text: str, width_px: int) -> Image.Image:
    image = Image.new("RGB", (width_px, 60), _BACKGROUND)
    draw_text(ImageDraw.Draw(image), (12, 20), text, 15, _DIM)
    return image

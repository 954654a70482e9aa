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

    box: tuple[float, float, float, float]
    text: str
    confidence: float = 1.0


def spread(count: int, at_most: int) -> list[int]:
    """Indices of at most `at_most` of `count` things, evenly spread, the first and the last among them."""
    if count <= at_most:
        return list(range(count))
    if at_most == 1:
        return [0]
    return [round(i * (count - 1) / (at_most - 1)) for i in range(at_most)]


def contact_sheet(
    pictures: Sequence[Picture],
    *,
    at_most: int = 12,
    columns: int = 4,
    width_px: int = 640,
    max_bytes: int = MAX_BYTES,
) -> bytes:
    """JPEG: frames in order, row by row, each with its time in a corner and its note in another."""
    shown = [pictures[i] for i in spread(len(pictures), at_most)]
    if not shown:
        return jpeg(_notice("no frames", width_px), max_bytes=max_bytes)
    columns = min(columns, len(shown))
    tile_px = (width_px - (columns - 1) * _GAP_PX) // columns
    tiles = [_captioned(picture, tile_px) for picture in shown]
    return jpeg(_grid(tiles, columns), max_bytes=max_bytes)


def evidence_strip(
    pictures: Sequence[Picture], *, at_most: int = 6, width_px: int = 720, max_bytes: int = MAX_BYTES
) -> bytes:
    """JPEG: the frames that an answer cites side by side, numbered from 1, with their notes below.

    Shows the first `at_most`, because the numbers are those of the citations.
    """
    shown = pictures[:at_most]
    if not shown:
        return jpeg(_notice("no frames are cited", width_px), max_bytes=max_bytes)
    columns = min(len(shown), 3)
    tile_px = (width_px - (columns - 1) * _GAP_PX) // columns
    tiles = [_cited(picture, number, tile_px) for number, picture in enumerate(shown, start=1)]
    return jpeg(_grid(tiles, columns), max_bytes=max_bytes)


def ocr_overlay(
    image: bytes | NDArray[np.uint8], readings: Sequence[Reading], *, width_px: int = 640, max_bytes: int = 12_000
) -> bytes:
    """JPEG: the frame with a box around each reading and its text above, orange where the confidence is under 0.8."""
    frame = _opened(image, width_px)
    scale = width_px / frame.width
    shown = _resized(frame, width_px)
    shown = Image.blend(shown, Image.new("RGB", shown.size, _BACKGROUND), 0.25)  # so that the labels stand out
    draw = ImageDraw.Draw(shown)
    full = _full_size(image)
    scale = width_px / full[0]
    taken: list[tuple[float, float, float, float]] = []
    for reading in sorted(readings, key=lambda reading: (reading.box[1], reading.box[0])):
        colour = _SURE if reading.confidence >= 0.8 else _UNSURE
        box = tuple(edge * scale for edge in reading.box)
        draw.rectangle(box, outline=colour, width=2)
        _label(draw, shown.size, box, reading.text, colour, taken)
    return jpeg(shown, max_bytes=max_bytes)


def _label(
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
    fitting = [min(max(0.0, float(y)), lowest) for y in places]
    free = (y for y in fitting if not any(_touch((x, y, x + width, y + height), other) for other in taken))
    y = next(free, fitting[0])
    taken.append((x, y, x + width, y + height))
    draw.rectangle((x, y, x + width, y + height), fill=colour)
    draw_text(draw, (x + 3, y + 1), text, size_px, (0, 0, 0))


def _touch(a: tuple[float, float, float, float], b: tuple[float, float, float, float]) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]


def _full_size(image: bytes | NDArray[np.uint8]) -> tuple[int, int]:
    if isinstance(image, bytes):
        return Image.open(io.BytesIO(image)).size
    return image.shape[1], image.shape[0]


def _opened(image: bytes | NDArray[np.uint8], width_px: int) -> Image.Image:
    if not isinstance(image, bytes):
        return Image.fromarray(image, "RGB")
    opened = Image.open(io.BytesIO(image))
    opened.draft("RGB", (width_px, width_px))  # JPEG decodes at a half, a quarter or an eighth where that is enough
    return opened.convert("RGB")


def _resized(image: Image.Image, width_px: int) -> Image.Image:
    height_px = max(1, round(image.height * width_px / image.width))
    return image.resize((width_px, height_px), Image.Resampling.LANCZOS)


def _captioned(picture: Picture, tile_px: int) -> Image.Image:
    tile = _resized(_opened(picture.image, tile_px), tile_px)
    draw = ImageDraw.Draw(tile)
    _tag(draw, format_clock(picture.pts_ns), (0, tile.height - 16))
    if picture.note:
        _tag(draw, shortened(picture.note, 12, tile_px - 6), (0, 0))
    return tile


def _tag(draw: ImageDraw.ImageDraw, text: str, at: tuple[int, int]) -> None:
    x, y = at
    draw.rectangle((x, y, x + text_width(text, 12) + 5, y + 15), fill=(0, 0, 0))
    draw_text(draw, (x + 3, y), text, 12)


def _cited(picture: Picture, number: int, tile_px: int) -> Image.Image:
    frame = _resized(_opened(picture.image, tile_px), tile_px)
    notes = wrapped(picture.note, 12, tile_px - 4, lines=2)
    tile = Image.new("RGB", (tile_px, frame.height + 20 + 15 * len(notes)), _BACKGROUND)
    tile.paste(frame, (0, 0))
    draw = ImageDraw.Draw(tile)
    draw_text(draw, (2, frame.height + 2), f"[{number}] {format_clock(picture.pts_ns)}", 13)
    for row, line in enumerate(notes):
        draw_text(draw, (2, frame.height + 19 + 15 * row), line, 12, _DIM)
    return tile


def _grid(tiles: Sequence[Image.Image], columns: int) -> Image.Image:
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

"""A frame with what was found on it: masks, boxes, and what each is called."""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from gvlm_resources.encoders import masks
from gvlm_resources.preview.encode import jpeg
from gvlm_resources.preview.sheets import draw_label, opened, resized

COLOURS = (
    *((80, 220, 120), (255, 170, 60), (90, 170, 255), (240, 100, 120)),
    *((200, 130, 255), (250, 230, 90), (100, 225, 220), (255, 150, 200)),
)
OPACITY = 0.45


@dataclass(frozen=True)
class Entity:
    """One tracked thing: `(x0, y0, x1, y1)` in pixels of its frame, and its mask as (height, width)."""

    name: str
    track: str
    box: tuple[float, float, float, float]
    mask: NDArray[np.bool_]

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> Entity:
        """Of a row of `schemas.ENTITIES` that has a mask."""
        name = f"{row['concept']} {row['track_id']} {row['score']:.2f}"
        return cls(
            name, row["track_id"], tuple(row["box"]), masks.Mask.read(row["mask"], row["height"], row["width"]).pixels()
        )

    @property
    def colour(self) -> tuple[int, int, int]:
        """One a track, the same on every frame."""
        return COLOURS[zlib.crc32(self.track.encode()) % len(COLOURS)]


def entities(image: bytes, found: Sequence[Entity], *, width_px: int = 640, max_bytes: int = 14_000) -> bytes:
    """JPEG: the frame with each thing's mask in its track's colour, its box, and its name above."""

    def draw(width: int) -> Image.Image:
        shown = resized(opened(image, width), width)
        for entity in found:
            shown = _tinted(shown, entity)
        canvas = ImageDraw.Draw(shown)
        taken: list[tuple[float, float, float, float]] = []
        for entity in sorted(found, key=lambda one: (one.box[1], one.box[0])):
            scale = width / entity.mask.shape[1]
            box = tuple(edge * scale for edge in entity.box)
            canvas.rectangle(box, outline=entity.colour, width=2)
            draw_label(canvas, shown.size, box, entity.name, entity.colour, taken)
        return shown

    return jpeg(draw, width_px, max_bytes=max_bytes)


def _tinted(image: Image.Image, entity: Entity) -> Image.Image:
    mask = Image.fromarray(entity.mask.astype(np.uint8) * round(255 * OPACITY)).resize(image.size)
    return Image.composite(Image.new("RGB", image.size, entity.colour), image, mask)

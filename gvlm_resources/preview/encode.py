"""Images within a byte budget: previews live in the instance's database, one or more a result."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable

from PIL import Image

MAX_BYTES = 8_000
JPEG = "image/jpeg"
PNG = "image/png"

_QUALITIES = range(10, 91)  # at 10, a frame shows more than the same bytes spent on a smaller one
_SHRINK = 0.85
_MIN_WIDTH_PX = 96


def jpeg(draw: Callable[[int], Image.Image], width_px: int, *, max_bytes: int = MAX_BYTES) -> bytes:
    """The best JPEG that fits of what `draw(width_px)` gives: the quality falls first, then the width. For pictures.

    Drawing anew at each width, rather than scaling what was drawn, keeps captions at the size that can be read.
    """
    while width_px >= _MIN_WIDTH_PX:
        fitting = _best_quality(draw(width_px).convert("RGB"), max_bytes)
        if fitting is not None:
            return fitting
        width_px = round(width_px * _SHRINK)
    raise _too_little(max_bytes)


def png(image: Image.Image, *, max_bytes: int = MAX_BYTES) -> bytes:
    """A PNG of `image` that fits, with as many colours of its own as there is room for. For plots and text."""
    image = image.convert("RGB")
    while image.width >= _MIN_WIDTH_PX:
        for colours in (64, 32, 16, 8):
            data = _saved(image.quantize(colours, dither=Image.Dither.NONE), "PNG", optimize=True)
            if len(data) <= max_bytes:
                return data
        size = (round(image.width * _SHRINK), max(1, round(image.height * _SHRINK)))
        image = image.resize(size, Image.Resampling.LANCZOS)
    raise _too_little(max_bytes)


def markdown_image(data: bytes, mime: str, alt: str = "") -> str:
    """Markdown that shows the image with nothing to fetch."""
    plain = "".join(char for char in alt if char.isprintable() and char not in "[]()\\`<>")
    return f"![{plain}](data:{mime};base64,{base64.b64encode(data).decode()})"


def _best_quality(image: Image.Image, max_bytes: int) -> bytes | None:
    low, high, best = _QUALITIES.start, _QUALITIES.stop, None
    while low < high:
        middle = (low + high) // 2
        data = _saved(image, "JPEG", quality=middle, optimize=True, progressive=True)
        if len(data) <= max_bytes:
            best, low = data, middle + 1
        else:
            high = middle
    return best


def _too_little(max_bytes: int) -> ValueError:
    return ValueError(f"no image worth looking at fits into {max_bytes} bytes")


def _saved(image: Image.Image, kind: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()

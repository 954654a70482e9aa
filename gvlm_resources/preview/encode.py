"""Images within a byte budget: previews live in the instance's database, one or more a result."""

from __future__ import annotations

import base64
import io

from PIL import Image

MAX_BYTES = 8_000  # about what DAGSTER's event log takes a result without growing faster than the lake
JPEG = "image/jpeg"
PNG = "image/png"

_QUALITIES = range(25, 91)
_SHRINK = 0.85
_MIN_SIDE_PX = 32


def jpeg(image: Image.Image, *, max_bytes: int = MAX_BYTES) -> bytes:
    """The best JPEG of `image` that fits: highest quality first, then smaller. For pictures."""
    image = image.convert("RGB")
    while True:
        fitting = _best_quality(image, max_bytes)
        if fitting is not None:
            return fitting
        image = _smaller(image, max_bytes)


def png(image: Image.Image, *, max_bytes: int = MAX_BYTES) -> bytes:
    """A PNG of `image` that fits, with as many colours of its own as there is room for. For plots and text."""
    image = image.convert("RGB")
    while True:
        for colours in (64, 32, 16, 8):
            data = _saved(image.quantize(colours, dither=Image.Dither.NONE), "PNG", optimize=True)
            if len(data) <= max_bytes:
                return data
        image = _smaller(image, max_bytes)


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


def _smaller(image: Image.Image, max_bytes: int) -> Image.Image:
    width, height = (max(1, round(side * _SHRINK)) for side in image.size)
    if min(width, height) < _MIN_SIDE_PX and max(width, height) < 4 * _MIN_SIDE_PX:
        raise ValueError(f"no image worth looking at fits into {max_bytes} bytes")
    return image.resize((width, height), Image.Resampling.LANCZOS)


def _saved(image: Image.Image, kind: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()

"""Text on images, in whatever script was read off the screen.

DejaVu Sans comes with matplotlib and covers Latin, Greek, Cyrillic and more. For Chinese, Japanese and Korean a font
of the system is used where there is one; a character that no font has is drawn as an empty box, never left out.
"""

from __future__ import annotations

import functools
import unicodedata
from pathlib import Path

import matplotlib
from matplotlib.ft2font import FT2Font
from PIL import ImageDraw, ImageFont

Colour = tuple[int, int, int]

_SYSTEM_FONTS = tuple(
    Path(path)
    for path in (
        "/usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc",
        "/usr/share/fonts/noto-cjk/NotoSansCJK-Regular.ttc",
        "/usr/share/fonts/google-noto-cjk/NotoSansCJK-Regular.ttc",
        "/usr/share/fonts/truetype/wqy/wqy-microhei.ttc",
        "/usr/share/fonts/truetype/wqy/wqy-zenhei.ttc",
        "/usr/share/fonts/truetype/droid/DroidSansFallbackFull.ttf",
        "/usr/share/fonts/truetype/unifont/unifont.ttf",
        "/System/Library/Fonts/Supplemental/Arial Unicode.ttf",
        "/System/Library/Fonts/PingFang.ttc",
        "C:/Windows/Fonts/msyh.ttc",
        "C:/Windows/Fonts/malgun.ttf",
    )
)


def draw_text(
    draw: ImageDraw.ImageDraw, at: tuple[float, float], text: str, size_px: int, colour: Colour = (255, 255, 255)
) -> None:
    """One line of text with its upper left corner at `at`."""
    x, y = at
    for font_path, run in _runs(text):
        font = _font(font_path, size_px)
        draw.text((x, y), run, font=font, fill=colour)
        x += font.getlength(run)


def text_width(text: str, size_px: int) -> int:
    """Width in pixels that `draw_text` takes."""
    return round(sum(_font(path, size_px).getlength(run) for path, run in _runs(text)))


def shortened(text: str, size_px: int, width_px: int) -> str:
    """`text`, or as much of its beginning as fits, with an ellipsis."""
    if text_width(text, size_px) <= width_px:
        return text
    low, high = 0, len(text)
    while low < high:
        middle = (low + high + 1) // 2
        fits = text_width(text[:middle].rstrip() + "…", size_px) <= width_px
        low, high = (middle, high) if fits else (low, middle - 1)
    return text[:low].rstrip() + "…"


def wrapped(text: str, size_px: int, width_px: int, *, lines: int) -> list[str]:
    """`text` on at most `lines` lines, broken between words, the last one shortened."""
    rows: list[str] = []
    words = text.split()
    while words and len(rows) < lines - 1:
        count = 1
        while count < len(words) and text_width(" ".join(words[: count + 1]), size_px) <= width_px:
            count += 1
        rows.append(shortened(" ".join(words[:count]), size_px, width_px))
        words = words[count:]
    if words:
        rows.append(shortened(" ".join(words), size_px, width_px))
    return rows


def _runs(text: str) -> list[tuple[Path, str]]:
    """The text in order, cut where another font is needed. Control characters become blanks."""
    runs: list[tuple[Path, str]] = []
    for char in unicodedata.normalize("NFC", text):
        shown = char if char.isprintable() else " "
        path = next((path for path in _fonts() if ord(shown) in _characters(path)), _fonts()[0])
        if runs and runs[-1][0] == path:
            runs[-1] = (path, runs[-1][1] + shown)
        else:
            runs.append((path, shown))
    return runs


@functools.cache
def _fonts() -> tuple[Path, ...]:
    own = Path(matplotlib.get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf"
    return (own, *(path for path in _SYSTEM_FONTS if path.is_file()))


@functools.cache
def _characters(path: Path) -> frozenset[int]:
    return frozenset(FT2Font(str(path)).get_charmap())


@functools.lru_cache(maxsize=64)
def _font(path: Path, size_px: int) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(str(path), size_px)

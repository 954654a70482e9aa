"""Screens to read: drawn ones, the sample recording's, and the real engine with a count of what it was given."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path

import av
import cv2
import numpy as np
import pyarrow as pa

from gvlm_resources import schemas, timebase
from gvlm_resources.game import Game, HudRegion
from gvlm_resources.text.protocol import Box, Image, Reading
from gvlm_resources.text.rapid_ocr import RapidReader

SAMPLES = Path(__file__).parents[2] / "data_lake" / "samples"
FRAME_NS = 100_000_000
RED = (200, 20, 20)
PANEL = (70, 70, 74)


@lru_cache(maxsize=1)
def engine() -> RapidReader:
    return RapidReader()


class Counting:
    """The real engine. Counts the crops it reads and the images it looks for text in, and keeps their scales."""

    def __init__(self) -> None:
        self.name = engine().name
        self.read = 0
        self.scales: list[float] = []

    def recognise(self, crops: Sequence[Image], *, alphabet: str | None = None) -> list[Reading]:
        self.read += len(crops)
        return engine().recognise(crops, alphabet=alphabet)

    def detect(self, image: Image, *, scale: float = 1.0) -> list[Box]:
        self.scales.append(scale)
        return engine().detect(image, scale=scale)


def write(image: Image, text: str, at: tuple[int, int], *, colour: tuple[int, int, int], size: float = 0.7) -> None:
    """Text with its lower left corner at `at`, drawn into the image."""
    cv2.putText(image, text, at, cv2.FONT_HERSHEY_SIMPLEX, size, colour, 2, cv2.LINE_AA)


def number(text: str, *, size: tuple[int, int] = (88, 42), noise_seed: int | None = None) -> Image:
    """A HUD's panel with a number drawn on it as games do: right-aligned, in a strong colour."""
    image = np.full((size[1], size[0], 3), PANEL, np.uint8)
    (width, _), _ = cv2.getTextSize(text, cv2.FONT_HERSHEY_DUPLEX, 1.2, 3)
    cv2.putText(image, text, (size[0] - width - 4, size[1] - 8), cv2.FONT_HERSHEY_DUPLEX, 1.2, RED, 3, cv2.LINE_AA)
    return image if noise_seed is None else noisy(image, noise_seed)


def noisy(image: Image, seed: int, *, level: float = 3.0) -> Image:
    noise = np.random.default_rng(seed).normal(0, level, image.shape)
    return np.clip(image + noise, 0, 255).astype(np.uint8)


def tinted(image: Image, colour: tuple[int, int, int], share: float) -> Image:
    """The whole image under a colour, as at a hit or a pickup."""
    return (image * (1 - share) + np.array(colour) * share).astype(np.uint8)


def png(image: Image) -> bytes:
    return cv2.imencode(".png", image[..., ::-1])[1].tobytes()


def jpeg(image: Image) -> bytes:
    return cv2.imencode(".jpg", image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 90])[1].tobytes()


def game_with(*regions: tuple[str, str]) -> Game:
    """A game with (name, kind) regions, one below the other."""
    boxes = [(0.0, index / len(regions), 1.0, (index + 1) / len(regions)) for index in range(len(regions))]
    hud = [HudRegion(name=name, box=box, kind=kind) for (name, kind), box in zip(regions, boxes, strict=True)]
    return Game(name="drawn", title="Drawn", hud=tuple(hud))


def crop_row(region: str, start_ns: int, end_ns: int, image: bytes, box: tuple[int, int, int, int]) -> dict:
    return {
        "video_id": "v-1",
        "crop_id": f"{timebase.moment_id('h', start_ns)}-{region}",
        "region": region,
        "start_ns": start_ns,
        "end_ns": end_ns,
        "image": image,
        "box": box,
        "width": 640,
        "height": 480,
    }


def crops(region: str, images: Sequence[Image | bytes]) -> list[dict]:
    """Rows of `schemas.HUD_CROPS` that stand a tenth of a second each, end to end."""
    rows = []
    for index, image in enumerate(images):
        encoded = image if isinstance(image, bytes) else png(image)
        height, width = (42, 88) if isinstance(image, bytes) else image.shape[:2]
        rows.append(crop_row(region, index * FRAME_NS, (index + 1) * FRAME_NS, encoded, (0, 0, width, height)))
    return rows


def batches(rows: Sequence[dict], *, of: int = 1000) -> list[pa.RecordBatch]:
    return pa.Table.from_pylist(list(rows), schema=schemas.HUD_CROPS).to_batches(max_chunksize=of)


def recorded(name: str, *, first: int, last: int) -> Iterator[tuple[int, Image]]:
    """Frames `[first, last)` of a sample recording with their numbers."""
    with av.open(str(SAMPLES / f"{name}.mp4")) as container:
        for index, frame in enumerate(container.decode(video=0)):
            if index >= last:
                return
            if index >= first:
                yield index, frame.to_ndarray(format="rgb24")


def cut(image: Image, region: HudRegion) -> Image:
    height, width = image.shape[:2]
    x0, y0, x1, y1 = region.box
    return image[round(y0 * height) : round(y1 * height), round(x0 * width) : round(x1 * width)]

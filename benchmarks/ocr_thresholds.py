"""Where the thresholds of the screen reading lie, measured on recordings whose truth is known.

    python benchmarks/ocr_thresholds.py [--recordings DIR]

Each threshold parts two kinds of crops. For both the script prints how the measure is spread over them, and whether the
threshold of the code still lies between.

- ink: how strongly a blank ammunition panel and digits stand out of their panel (ink.FLOOR, ink.FAINT).
- shape: distance of the fingerprints of crops with the same number, and of the nearest with another (ink.NEAR).
- line: correlation of a message line with a crop half a second off that shows it, and with one that shows none of the
  messages (tracking.PRESENT).
- change: difference of a label that never changes from one second to the next, and of a number that did
  (tracking.CHANGED).
- small digits: share of the table's numbers read right, and how sure the reader is of them.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import pairwise
from pathlib import Path

import av
import cv2
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from gvlm_resources import game
from gvlm_resources.simulator import truth as truths
from gvlm_resources.text import ink, tracking
from gvlm_resources.text.messages import DETECT_SCALE, whole_lines
from gvlm_resources.text.numbers import Shape, read_shapes
from gvlm_resources.text.protocol import Box, Image
from gvlm_resources.text.rapid_ocr import RapidReader

SAMPLES = Path(__file__).parents[1] / "data_lake" / "samples"
COLUMNS = {"health": "hud_health", "armor": "hud_armor", "ammo": "hud_ammo"}
TABLE = {"bullets": "ammo2", "shells": "ammo3", "rockets": "ammo5", "cells": "ammo6"}
LABELS = (Box(14, 457, 189, 476), Box(218, 458, 278, 478), Box(377, 457, 455, 478))  # of the status bar at 640 x 480
STEP = 5  # frames
HALF_SECOND = 17
SECOND = 35


@dataclass
class Spread:
    """Two kinds of crops and the threshold that parts them: the first kind lies below it, the second above."""

    name: str
    threshold: float
    below: list[float] = field(default_factory=list)
    above: list[float] = field(default_factory=list)

    def show(self) -> None:
        low, high = (np.percentile(kind, [0, 1, 50, 99, 100]) for kind in (self.below, self.above))
        wrong = (
            float(np.mean(np.array(self.below) > self.threshold)),
            float(np.mean(np.array(self.above) < self.threshold)),
        )
        for word, kind, share, values in (
            ("below", self.below, wrong[0], low),
            ("above", self.above, wrong[1], high),
        ):
            spread = "  ".join(f"{value:8.2f}" for value in values)
            print(f"{self.name:<8}{word:<8}{self.threshold:>8.2f}{len(kind):>8}  {spread}  {share:>8.2%}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--recordings", type=Path, default=SAMPLES, help="NAME.mp4; NAME.truth.* there or in truth/")
    folder = parser.parse_args().recordings
    reader = RapidReader()
    blank, shapes = Spread("ink", ink.FAINT), Spread("shape", ink.NEAR)
    lines, changes = Spread("line", tracking.PRESENT), Spread("change", tracking.CHANGED)
    small: list[tuple[bool, float]] = []
    for recording in sorted(folder.glob("*.mp4")):
        beside = folder / "truth" if (folder / "truth").is_dir() else folder
        tics = truths.read(truths.manifest_path(beside, recording.stem)).tics
        images = dict(frames(recording))
        measure_ink(images, tics, blank)
        measure_shapes(images, tics, shapes)
        measure_lines(images, tics, reader, lines)
        measure_changes(images, tics, changes)
        small += measure_small(images, tics, reader)
    print(
        f"{'':<8}{'kind':<8}{'limit':>8}{'crops':>8}  "
        + "  ".join(f"{p:>8}" for p in ("0 %", "1 %", "50 %", "99 %", "100 %"))
        + f"  {'wrong':>8}"
    )
    for spread in (blank, shapes, lines, changes):
        spread.show()
    right = [sure for is_right, sure in small if is_right]
    print(
        f"small digits: {len(right) / len(small):.4f} of {len(small)} right, sure of them by "
        + ", ".join(f"{np.percentile(right, p):.2f} ({p} %)" for p in (0, 1, 5, 50))
    )


def frames(recording: Path) -> Iterator[tuple[int, Image]]:
    """Every fifth frame, and the frames half a second and a second after every 35th."""
    with av.open(str(recording)) as container:
        for number, frame in enumerate(container.decode(video=0)):
            if number and (number % STEP == 0 or number % SECOND in (0, HALF_SECOND)):
                yield number, frame.to_ndarray(format="rgb24")


def shown(tics: pa.Table, column: str, number: int) -> int | str | None:
    """What a place shows in a frame; "" in the tics around a change, when the bar may be a tic late."""
    values = set(tics[column].slice(max(0, number - 2), 4).to_pylist())
    return values.pop() if len(values) == 1 else ""


@lru_cache(maxsize=1)
def regions() -> dict[str, tuple[float, float, float, float]]:
    return {region.name: region.box for region in game.load("freedoom").hud}


def cut(image: Image, name: str) -> Image:
    height, width = image.shape[:2]
    sides = (width, height, width, height)
    x0, y0, x1, y1 = (round(value * side) for value, side in zip(regions()[name], sides, strict=True))
    return image[y0:y1, x0:x1]


def measure_ink(images: dict[int, Image], tics: pa.Table, spread: Spread) -> None:
    for number, image in images.items():
        for name, column in COLUMNS.items():
            value = shown(tics, column, number)
            if value != "":
                level = ink.ink_of(cut(image, name)).level
                (spread.below if value is None else spread.above).append(level)


def measure_shapes(images: dict[int, Image], tics: pa.Table, spread: Spread) -> None:
    for name, column in {**COLUMNS, **TABLE}.items():
        prints: list[NDArray[np.float32]] = []
        values: list[int] = []
        for number, image in images.items():
            value = shown(tics, column, number)
            found = ink.fingerprint(ink.ink_of(cut(image, name)))
            if isinstance(value, int) and found is not None:
                prints.append(found)
                values.append(value)
        if not prints:
            continue
        every, known = np.stack(prints), np.array(values)
        for index in range(0, len(values), 7):
            distances = np.abs(every - every[index]).max(1)
            same = known == known[index]
            spread.below += distances[same & (np.arange(len(values)) != index)].tolist()
            if not same.all():
                spread.above.append(float(distances[~same].min()))


def measure_lines(images: dict[int, Image], tics: pa.Table, reader: RapidReader, spread: Spread) -> None:
    messages = tics["hud_messages"].to_pylist()
    quiet = [number for number in images if not messages[number]][::29]
    for number in (number for number in images if number % SECOND == 0 and messages[number]):
        later = number + HALF_SECOND
        if later not in images or any(messages[tic] != messages[number] for tic in range(number - 2, later + 1)):
            continue
        area = cut(images[number], "message")
        relief = tracking.relief_of(area)
        for box in whole_lines(reader.detect(area, scale=DETECT_SCALE)):
            if box.width < 6 * box.height:
                continue
            spread.above.append(correlation(box, relief, cut(images[later], "message")))
            spread.below += [correlation(box, relief, cut(images[other], "message")) for other in quiet]


def correlation(box: Box, relief: NDArray[np.float32], area: Image) -> float:
    """Of a line with its place in another crop, two lines higher or lower at most."""
    top, bottom = max(0, box.y0 - 2 * box.height), box.y1 + 2 * box.height
    window = tracking.relief_of(area)[top:bottom, box.x0 : box.x1]
    return float(np.nan_to_num(cv2.matchTemplate(window, box.cut(relief), cv2.TM_CCOEFF_NORMED)).max())


def measure_changes(images: dict[int, Image], tics: pa.Table, spread: Spread) -> None:
    every = [number for number in images if number % SECOND == 0]
    for before, now in pairwise(every):
        reliefs = [tracking.relief_of(images[number]) for number in (before, now)]
        spread.below += [tracking.difference(*(box.cut(relief) for relief in reliefs)) for box in LABELS]
        for name, column in {**COLUMNS, **TABLE}.items():
            values = [shown(tics, column, number) for number in (before, now)]
            if values[0] != values[1] and all(isinstance(value, int) for value in values):
                cuts = [tracking.relief_of(cut(images[number], name)) for number in (before, now)]
                spread.above.append(tracking.difference(*cuts))


def measure_small(images: dict[int, Image], tics: pa.Table, reader: RapidReader) -> list[tuple[bool, float]]:
    """Whether each number of the ammunition table was read right, once a second, and how sure the reader was."""
    looks: list[tuple[Shape, int]] = []
    for number, image in images.items():
        if number % SECOND:
            continue
        for name, column in TABLE.items():
            value = shown(tics, column, number)
            if isinstance(value, int):
                crop = cut(image, name)
                looks.append((Shape(crop, ink.ink_of(crop)), value))
    read_shapes([shape for shape, _ in looks], reader)
    return outcomes(looks)


def outcomes(looks: Sequence[tuple[Shape, int]]) -> list[tuple[bool, float]]:
    return [(shape.outcome.text == str(value), shape.outcome.confidence) for shape, value in looks if shape.outcome]


if __name__ == "__main__":
    main()

"""Reading the screen: this pipeline's OCR against the engine run as it comes on every sampled frame, in one run.

    python benchmarks/ocr.py [--quick] [--recordings DIR]

Both read the same stored frames (one a second and changes of scene, JPEG) on one thread, with the same models. The
pipeline also reads the HUD's crops, 35 a second; both inputs come from the decode pass, which is not timed. CPU is
`time.process_time`, which counts every thread of this process. Loading the models is not timed.

- engine's lines found: of the engine's lines with a Latin letter or a digit (the game has no other), the share at whose
  place the pipeline has at least 7 of 10 of their letters at that moment. Where the game itself tells what a place
  shows, the line also counts as found if the pipeline has that: then it is the engine that misread it.
- HUD numbers: of health, armor and ammunition on sampled frames, the share that is exactly what the game shows. Where
  the engine runs neighbouring numbers together it is given the benefit: the line counts if its digits are theirs.
- messages: of the lines that stand in the message area, the share read with at least 8 of 10 of their letters.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import TypeVar

import pyarrow as pa
from rapidfuzz import fuzz
from rapidocr import RapidOCR

from gvlm_resources import game, schemas, settings
from gvlm_resources.simulator import truth as truths
from gvlm_resources.text import reading
from gvlm_resources.text.protocol import Image
from gvlm_resources.text.rapid_ocr import RapidReader
from gvlm_resources.video import decode
from gvlm_resources.video.probe import probe

SAMPLES = Path(__file__).parents[1] / "data_lake" / "samples"
TARGET_RATIO = 4.0
TARGET_RECALL = 0.95
TARGET_NUMBERS = 0.98
FOUND_AGAIN = 70.0
MESSAGE_READ = 80.0
AT_ITS_PLACE = 0.3  # of the smaller box
GAME = "freedoom"
NUMBERS = ("health", "armor", "ammo")
COLUMNS = {  # of the truth: what each place of the HUD shows
    **{"health": "hud_health", "armor": "hud_armor", "ammo": "hud_ammo"},
    **{"bullets": "ammo2", "shells": "ammo3", "rockets": "ammo5", "cells": "ammo6"},
}

Box = tuple[float, float, float, float]
Result = TypeVar("Result")


@dataclass(frozen=True)
class Line:
    """A text on one frame and its box in pixels."""

    text: str
    box: Box


@dataclass(frozen=True)
class Frame:
    """A sampled frame: when it was shown, its image, and its number among all frames."""

    pts_ns: int
    image: Image
    number: int


@dataclass
class Score:
    """How often something stood there, and how often each way read it."""

    shown: int = 0
    engine: int = 0
    ours: int = 0

    def add(self, *, engine: bool, ours: bool) -> None:
        self.shown += 1
        self.engine += engine
        self.ours += ours

    def shares(self) -> tuple[str, str]:
        return tuple(f"{count / self.shown:.3f}" if self.shown else "-" for count in (self.engine, self.ours))


@dataclass
class Tally:
    """Everything that is counted, over all recordings."""

    frames: int = 0
    engine_cpu_s: float = 0.0
    our_cpu_s: float = 0.0
    lines: Score = field(default_factory=Score)
    numbers: Score = field(default_factory=Score)
    messages: Score = field(default_factory=Score)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--recordings", type=Path, default=SAMPLES, help="NAME.mp4; NAME.truth.* there or in truth/")
    parser.add_argument("--quick", action="store_true", help="the first recording only")
    arguments = parser.parse_args()
    engine = RapidOCR(params={"EngineConfig.onnxruntime.intra_op_num_threads": 1, "Global.log_level": "error"})
    reader = RapidReader(threads=1)
    tally = Tally()
    for recording in sorted(arguments.recordings.glob("*.mp4"))[: 1 if arguments.quick else None]:
        measure(recording, engine, reader, tally)
    report(tally, reader.name)


def measure(recording: Path, engine: RapidOCR, reader: RapidReader, tally: Tally) -> None:
    """Reads one recording both ways and adds what came of it to the tally."""
    beside = recording.parent / "truth"
    known = truths.read(truths.manifest_path(beside if beside.is_dir() else recording.parent, recording.stem))
    with tempfile.TemporaryDirectory() as folder:
        stored = sampled(recording, Path(folder))
        table, our_cpu_s = timed(lambda: read_ours(recording, Path(folder), reader))
    shown_at = [row["pts_ns"] for row in known.tics.select(["pts_ns"]).to_pylist()]
    frames = [Frame(pts_ns, image, bisect_right(shown_at, pts_ns) - 1) for pts_ns, image in stored]
    lines, engine_cpu_s = timed(lambda: [read_by_engine(engine, frame.image) for frame in frames])
    tally.frames += len(frames)
    tally.our_cpu_s += our_cpu_s
    tally.engine_cpu_s += engine_cpu_s
    for frame, found in zip(frames, lines, strict=True):
        ours = lines_at(table, frame.pts_ns, boxes_on(frame.image)["message"])
        places = known_places(known.tics, frame)
        for line in filter(lambda line: letters(line.text).isascii() and letters(line.text), found):
            tally.lines.add(engine=True, ours=is_found_again(line, ours) or is_read_right(line, ours, places))
        count_numbers(known.tics, frame, found, table, tally.numbers)
        count_messages(known.tics, frame, found, ours, tally.messages)
    print(
        f"{recording.name}: {len(frames)} frames, engine {engine_cpu_s:.1f} s, pipeline {our_cpu_s:.1f} s of CPU",
        flush=True,
    )


def sampled(recording: Path, folder: Path) -> list[tuple[int, Image]]:
    """The pipeline's own decode pass into `folder`; the frames it kept."""
    chosen = settings.load("cpu")
    decode.sample(
        recording,
        probe(recording, chosen.video),
        video_id="video",
        settings=chosen,
        hud_regions=game.load(GAME).hud,
        outputs=decode.Outputs(frames=folder / "frames.parquet", hud_crops=folder / "hud_crops.parquet"),
    )
    return list(reading.stored_frames(folder / "frames.parquet"))


def read_ours(recording: Path, folder: Path, reader: RapidReader) -> pa.Table:
    chosen = settings.load("cpu")
    return reading.read_video(
        frames=folder / "frames.parquet",
        hud_crops=folder / "hud_crops.parquet",
        video_id="video",
        end_ns=probe(recording, chosen.video).duration_ns,
        game=game.load(GAME),
        reader=reader,
        settings=chosen.ocr,
    )


def timed(work: Callable[[], Result]) -> tuple[Result, float]:
    """What the work gives, and its CPU seconds."""
    before = time.process_time()
    return work(), time.process_time() - before


def read_by_engine(engine: RapidOCR, image: Image) -> list[Line]:
    """The whole frame, with the package's own defaults; it keeps what it is at least half sure of."""
    result = engine(image[..., ::-1])
    boxes = result.boxes if result.boxes is not None else []
    return [
        Line(text, (*corners.min(0).tolist(), *corners.max(0).tolist()))
        for text, corners in zip(result.txts or (), boxes, strict=True)
    ]


def lines_at(table: pa.Table, pts_ns: int, message_box: Box) -> list[Line]:
    """The pipeline's good rows at a moment, from left to right. A message has scrolled since: it is in its area."""
    rows = [
        row
        for row in table.select(["text", "category", "box", "start_ns", "end_ns", "status"]).to_pylist()
        if row["status"] == schemas.STATUS_OK and row["start_ns"] <= pts_ns < row["end_ns"]
    ]
    lines = [Line(row["text"], message_box if row["category"] == "message" else tuple(row["box"])) for row in rows]
    return sorted(lines, key=lambda line: line.box[0])


def is_found_again(line: Line, ours: Sequence[Line]) -> bool:
    wanted = letters(line.text)
    there = letters("".join(other.text for other in ours if overlap(line.box, other.box) >= AT_ITS_PLACE))
    alikeness = fuzz.partial_ratio if len(there) > len(wanted) else fuzz.ratio  # its place may lie in a longer line
    return bool(there) and alikeness(wanted, there) >= FOUND_AGAIN


def is_read_right(line: Line, ours: Sequence[Line], places: Sequence[Line]) -> bool:
    """Whether the game tells what every place under the line shows, and the pipeline has all of it."""
    under = [place for place in places if overlap(line.box, place.box) >= AT_ITS_PLACE]
    return bool(under) and all(
        any(overlap(place.box, other.box) >= AT_ITS_PLACE and alike(place.text, other.text) for other in ours)
        for place in under
    )


def known_places(tics: pa.Table, frame: Frame) -> list[Line]:
    """What the game shows in the HUD on a frame: its numbers, and its messages line by line."""
    boxes = boxes_on(frame.image)
    known = []
    for name, column in COLUMNS.items():
        number = shown(tics, column, frame.number)[0]
        if number is not None:
            known.append(Line(str(number), boxes[name]))
    area = boxes["message"]
    return known + [Line(message, area) for message in messages_on(tics, frame)]


def alike(text: str, read: str) -> bool:
    return text == read if text.isdigit() else fuzz.ratio(letters(text), letters(read)) >= MESSAGE_READ


def count_numbers(tics: pa.Table, frame: Frame, found: Sequence[Line], table: pa.Table, score: Score) -> None:
    """One entry a number on the status bar."""
    boxes = {name: box for name, box in boxes_on(frame.image).items() if name in NUMBERS}
    for name in NUMBERS:
        expected = shown(tics, COLUMNS[name], frame.number)
        if None in expected:
            continue
        engine = any(
            digits(line) in shown_under(tics, frame, line, boxes)
            for line in found
            if digits(line) and overlap(line.box, boxes[name]) >= AT_ITS_PLACE
        )
        score.add(engine=engine, ours=any(text in map(str, expected) for text in numbers_at(table, name, frame.pts_ns)))


def shown_under(tics: pa.Table, frame: Frame, line: Line, boxes: dict[str, Box]) -> set[str]:
    """The digits that a line may have that covers some of the numbers: theirs from left to right."""
    covered = sorted((box[0], name) for name, box in boxes.items() if overlap(line.box, box) >= AT_ITS_PLACE)
    values = [shown(tics, COLUMNS[name], frame.number) for _, name in covered]
    return {"".join("" if pair[late] is None else str(pair[late]) for pair in values) for late in (0, 1)}


def numbers_at(table: pa.Table, region: str, pts_ns: int) -> list[str]:
    return [
        row["text"]
        for row in table.select(["text", "region", "start_ns", "end_ns", "status"]).to_pylist()
        if row["region"] == region and row["status"] == schemas.STATUS_OK and row["start_ns"] <= pts_ns < row["end_ns"]
    ]


def digits(line: Line) -> str:
    return "".join(character for character in line.text if character.isdigit())


def shown(tics: pa.Table, column: str, number: int) -> tuple[int | None, int | None]:
    """What a place of the HUD holds in a frame and in the one before it: it may be drawn one tic late."""
    return tics[column][number].as_py(), tics[column][max(0, number - 1)].as_py()


def count_messages(tics: pa.Table, frame: Frame, found: Sequence[Line], ours: Sequence[Line], score: Score) -> None:
    """One entry a message line on the screen."""
    for message in messages_on(tics, frame):
        engine, pipeline = (any(alike(message, line.text) for line in lines) for lines in (found, ours))
        score.add(engine=engine, ours=pipeline)


def messages_on(tics: pa.Table, frame: Frame) -> list[str]:
    """The lines in the message area; truth without that column knows of none."""
    column = "hud_messages"
    return tics[column][frame.number].as_py() if column in tics.column_names else []


def boxes_on(image: Image) -> dict[str, Box]:
    """The HUD's regions in pixels of an image."""
    height, width = image.shape[:2]
    return {name: (b[0] * width, b[1] * height, b[2] * width, b[3] * height) for name, b in regions().items()}


@lru_cache(maxsize=1)
def regions() -> dict[str, Box]:
    return {region.name: region.box for region in game.load(GAME).hud}


def letters(text: str) -> str:
    return "".join(character for character in text.upper() if character.isalnum())


def overlap(one: Box, other: Box) -> float:
    """Share of the smaller box that lies in both."""
    width = max(0.0, min(one[2], other[2]) - max(one[0], other[0]))
    height = max(0.0, min(one[3], other[3]) - max(one[1], other[1]))
    smaller = min((box[2] - box[0]) * (box[3] - box[1]) for box in (one, other))
    return width * height / smaller if smaller else 0.0


def report(tally: Tally, name: str) -> None:
    ratio = tally.engine_cpu_s / tally.our_cpu_s
    rows = [
        ("", "engine, whole frames", "pipeline"),
        ("CPU s a frame", f"{tally.engine_cpu_s / tally.frames:.3f}", f"{tally.our_cpu_s / tally.frames:.3f}"),
        ("times as fast", "1.0", f"{ratio:.1f}"),
        ("engine's lines found", *tally.lines.shares()),
        ("HUD numbers exact", *tally.numbers.shares()),
        ("message lines read", *tally.messages.shares()),
    ]
    print(f"\n{name}; {tally.frames} frames, {tally.lines.shown} lines, {tally.numbers.shown} numbers")
    for row in rows:
        print(f"{row[0]:<22}{row[1]:>22}{row[2]:>12}")
    recall = tally.lines.ours / max(1, tally.lines.shown)
    exact = tally.numbers.ours / max(1, tally.numbers.shown)
    for said, met in (
        (f"at least {TARGET_RATIO:.0f} times as fast", ratio >= TARGET_RATIO),
        (f"at least {TARGET_RECALL:.0%} of the engine's lines", recall >= TARGET_RECALL),
        (f"at least {TARGET_NUMBERS:.0%} of the HUD's numbers exact", exact >= TARGET_NUMBERS),
        ("HUD numbers not worse than the engine's", tally.numbers.ours >= tally.numbers.engine),
    ):
        print(f"{'met   ' if met else 'MISSED'}  {said}")


if __name__ == "__main__":
    main()

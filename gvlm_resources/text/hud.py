"""The HUD's regions, read from their cut-out crops: numbers one by one, message areas line by line.

Crops are read where they differ, and only there: a number whose ink looks like one that was read before is that number,
and a message is read a few times while it stands, however many crops show it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice

import pyarrow as pa

from gvlm_resources.errors import LakeError
from gvlm_resources.game import Game
from gvlm_resources.settings import OcrSettings
from gvlm_resources.text.crops import REMEDY, Crop, crops_of
from gvlm_resources.text.messages import MessageRegion
from gvlm_resources.text.numbers import NumberRegion, read_shapes
from gvlm_resources.text.ocr_rows import Row
from gvlm_resources.text.protocol import TextReader

TOGETHER = 512  # crops whose new shapes go to the reader together


def read_crops(batches: Iterable[pa.RecordBatch], game: Game, reader: TextReader, settings: OcrSettings) -> list[Row]:
    """Every text of a game's HUD regions from batches of `schemas.HUD_CROPS`; the crops of one region in time order.

    A number region's rows cover all its crops: `ok`, or `filtered` where it is blank (`empty`) or the engine is not
    sure (`low_confidence`), or `failed`. A message region gives one row a message. Memory is that of one batch and of
    512 crops. Raises LakeError for crops of a region that the game does not have, or out of order.
    """
    least = settings.min_confidence
    numbers = {region.name: NumberRegion(region.name, least) for region in game.hud if region.kind == "number"}
    messages = {
        region.name: MessageRegion(region.name, reader, settings) for region in game.hud if region.kind == "message"
    }
    for crops in _together(crops_of(batches)):
        _check_regions(crops, {*numbers, *messages}, game)
        shapes = [numbers[crop.region].add(crop) for crop in crops if crop.region in numbers]
        read_shapes([shape for shape in shapes if shape is not None], reader)
        for region in numbers.values():
            region.settle()
        for crop in crops:
            if crop.region in messages:
                messages[crop.region].add(crop)
    return [row for region in (*numbers.values(), *messages.values()) for row in region.finish()]


def _together(crops: Iterator[Crop]) -> Iterator[list[Crop]]:
    while together := list(islice(crops, TOGETHER)):
        yield together


def _check_regions(crops: Sequence[Crop], known: set[str], game: Game) -> None:
    unknown = sorted({crop.region for crop in crops} - known)
    if unknown:
        raise LakeError(f"there are crops of {unknown}, which the game {game.name!r} does not have", remedy=REMEDY)

"""The HUD's regions, read from their cut-out crops: numbers one by one, message areas line by line.

Crops are read where they differ, and only there: a number whose ink looks like one that was read before is that number,
and a message is read a few times while it stands, however many crops show it. The crops of one region come in the order
of time; of several regions they may be mixed.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

import cv2
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from gvlm_resources import schemas
from gvlm_resources.errors import LakeError
from gvlm_resources.game import Game
from gvlm_resources.settings import OcrSettings
from gvlm_resources.text import ink, ocr_rows
from gvlm_resources.text.messages import MessageRegion
from gvlm_resources.text.ocr_rows import Outcome, Place, Row
from gvlm_resources.text.protocol import DIGITS, Image, Reading, TextReader

SURE = 0.9  # a reading from here on is taken for every crop that looks the same; others are read in a second light
KNOWN_SHAPES = 512  # shapes a region remembers, the least used goes first: more than 0-199 twice over
KNOWN_IMAGES = 4096  # whole PNGs a region remembers by their bytes
ROWS_A_BATCH = 512  # crops decoded at a time


@dataclass(frozen=True, slots=True)
class Crop:
    """One row of `schemas.HUD_CROPS`."""

    region: str
    start_ns: int
    end_ns: int
    png: bytes
    place: Place

    def image(self) -> Image | None:
        """RGB (H, W, 3), or None where the bytes are no image."""
        pixels = cv2.imdecode(np.frombuffer(self.png, np.uint8), cv2.IMREAD_COLOR) if self.png else None
        return None if pixels is None else np.ascontiguousarray(pixels[..., ::-1])


def read_crops(
    batches: Iterable[pa.RecordBatch], game: Game, reader: TextReader, settings: OcrSettings
) -> list[Row]:
    """Every text of a game's HUD regions from rows of `schemas.HUD_CROPS`. Memory is that of one batch.

    A number region's rows lie end to end over all its crops: `ok`, or `filtered` where it is blank (`empty`) or the
    engine is not sure, or `failed`. A message region gives one row a message. Raises LakeError for a region the game
    does not have and for crops out of order.
    """
    numbers = {region.name: NumberRegion(region.name, settings.min_confidence) for region in game.hud if region.kind == "number"}
    messages = {region.name: MessageRegion(region.name, reader, settings) for region in game.hud if region.kind == "message"}
    latest: dict[str, int] = {}
    for batch in batches:
        for part in _parts(batch):
            crops = [_in_order(crop, latest) for crop in _crops(part)]
            _read_numbers([(numbers[crop.region], crop) for crop in crops if crop.region in numbers], reader)
            for crop in crops:
                if crop.region in messages:
                    messages[crop.region].add(crop.start_ns, crop.end_ns, crop.png, crop.place)
                elif crop.region not in numbers:
                    raise LakeError(
                        f"there are crops of {crop.region!r}, which is no HUD region of {game.name}",
                        remedy="build hud_crops again with the game file as it is now",
                    )
    return [row for region in (*numbers.values(), *messages.values()) for row in region.finish()]


class NumberRegion:
    """One number of the HUD: what its crops were read as, equal neighbours joined, and the shapes known so far."""

    def __init__(self, name: str, least_confidence: float) -> None:
        self.name = name
        self.known = KnownNumbers()
        self._least = least_confidence
        self._rows: list[Row] = []
        self._confidences: list[float] = []

    def add(self, crop: Crop, reading: Outcome) -> None:
        """The next crop's outcome. It joins the row before it where both say the same and nothing lies between."""
        outcome = self._judged(reading)
        last = self._rows[-1] if self._rows else None
        alike = ("text", "status", "reason")
        if (
            last is not None
            and last.end_ns == crop.start_ns
            and all(getattr(last.outcome, name) == getattr(outcome, name) for name in alike)
        ):
            self._confidences.append(outcome.confidence)
            mean = float(np.mean(self._confidences))
            self._rows[-1] = replace(
                last, end_ns=crop.end_ns, readings=last.readings + 1, outcome=replace(outcome, confidence=mean)
            )
        else:
            self._confidences = [outcome.confidence]
            self._rows.append(
                Row(self.name, ocr_rows.NUMBER, crop.start_ns, crop.end_ns, outcome, crop.place, readings=1)
            )

    def finish(self) -> list[Row]:
        return self._rows

    def _judged(self, outcome: Outcome) -> Outcome:
        if outcome.status == schemas.STATUS_OK:
            return ocr_rows.outcome_of(outcome.text, outcome.confidence, self._least)
        return outcome

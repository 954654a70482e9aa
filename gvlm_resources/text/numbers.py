"""Numbers of the HUD: each crop's ink is read once, and every crop with the same ink is that number."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from gvlm_resources import schemas
from gvlm_resources.text import ink, ocr_rows
from gvlm_resources.text.crops import Crop
from gvlm_resources.text.ocr_rows import Outcome, Row
from gvlm_resources.text.protocol import DIGITS, Image, Reading, TextReader

SURE = 0.9  # a reading from here on stands for every crop that looks the same; others are looked at a second time
KNOWN_SHAPES = 512  # that a region remembers; the oldest goes first


@dataclass(eq=False, slots=True)
class Shape:
    """One look of a number: two views of it until it is read, then what it says, the weakest digit as confidence."""

    plain: Image | None
    contrasted: Image | None
    outcome: Outcome | None = None


@dataclass(frozen=True, slots=True)
class Seen:
    """A crop and the shape it shows; `is_first` where the crop is the one that is read."""

    crop: Crop
    shape: Shape
    is_first: bool


class NumberRegion:
    """One region: the shapes it knows, and its crops' outcomes with equal neighbours joined."""

    def __init__(self, name: str, least_confidence: float) -> None:
        self._name = name
        self._least = least_confidence
        self._known = KnownShapes()
        self._rows: list[Row] = []
        self._spent_ns: list[int] = []
        self._seen: list[Seen] = []

    def add(self, crop: Crop) -> Shape | None:
        """Takes the next crop. Returns the shape that has to be read before `settle`, if it is a new one."""
        image = crop.image()
        if image is None:
            failed = Outcome("", 0.0, schemas.STATUS_FAILED, ocr_rows.UNREADABLE_IMAGE)
            return self._note(crop, Shape(None, None, failed))
        found = ink.ink_of(image)
        plain = ink.trimmed(image, found) if found.is_there else None
        if plain is None:
            return self._note(crop, Shape(None, None, Outcome("", 0.0, schemas.STATUS_FILTERED, ocr_rows.EMPTY)))
        fingerprint = ink.fingerprint(found)
        known = None if fingerprint is None else self._known.like(fingerprint)
        if known is not None:
            return self._note(crop, known, is_first=False)
        shape = Shape(plain, ink.contrasted(image, found))
        if fingerprint is not None:
            self._known.add(fingerprint, shape)
        return self._note(crop, shape)

    def settle(self) -> None:
        """Makes rows of the crops taken so far, all of whose shapes have been read."""
        for seen in self._seen:
            self._append(seen)
        self._seen = []
        self._known.forget(lambda shape: shape.outcome is None or shape.outcome.confidence < SURE)

    def finish(self) -> list[Row]:
        return self._rows

    def _note(self, crop: Crop, shape: Shape, *, is_first: bool = True) -> Shape | None:
        self._seen.append(Seen(crop, shape, is_first))
        return shape if shape.outcome is None and is_first else None

    def _append(self, seen: Seen) -> None:
        """The crop's outcome joins the row before it where both say the same and nothing lies between."""
        outcome = self._judged(seen.shape.outcome)
        crop, last = seen.crop, self._rows[-1] if self._rows else None
        if last is None or last.end_ns != crop.start_ns or not _says(last.outcome, outcome):
            self._rows.append(Row(self._name, ocr_rows.NUMBER, crop.start_ns, crop.end_ns, outcome, crop.place, 1))
            return
        before, now = last.end_ns - last.start_ns, crop.end_ns - crop.start_ns
        confidence = (last.outcome.confidence * before + outcome.confidence * now) / (before + now)
        self._rows[-1] = replace(
            last,
            end_ns=crop.end_ns,
            outcome=replace(outcome, confidence=confidence),
            readings=last.readings + seen.is_first,
        )

    def _judged(self, outcome: Outcome | None) -> Outcome:
        if outcome is None:
            raise ValueError("a shape was not read before its crops were settled")
        if outcome.status != schemas.STATUS_OK:
            return outcome
        return ocr_rows.outcome_of(outcome.text, outcome.confidence, self._least)


class KnownShapes:
    """Fingerprints and their shapes, the latest first to be compared, at most 512."""

    def __init__(self) -> None:
        self._fingerprints: list[NDArray[np.float32]] = []
        self._shapes: list[Shape] = []

    def like(self, fingerprint: NDArray[np.float32]) -> Shape | None:
        """The nearest shape whose ink differs nowhere by more than 0.25 of its level, or None."""
        best: tuple[float, Shape] | None = None
        for known, shape in zip(reversed(self._fingerprints), reversed(self._shapes), strict=True):
            if known.size != fingerprint.size:
                continue
            distance = float(np.abs(known - fingerprint).max())
            if distance <= ink.NEAR and (best is None or distance < best[0]):
                best = (distance, shape)
        return best[1] if best else None

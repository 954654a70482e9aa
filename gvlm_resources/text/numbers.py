"""Numbers of the HUD: each crop's ink is read once, and every crop with the same ink is that number."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from gvlm_resources import schemas
from gvlm_resources.text import ink, ocr_rows
from gvlm_resources.text.crops import Crop
from gvlm_resources.text.ink import Ink
from gvlm_resources.text.ocr_rows import Outcome, Row
from gvlm_resources.text.protocol import Image, Reading, TextReader

SURE = 0.9  # a reading from here on stands for every crop that looks the same; others are read a second time
SURE_IF_FAINT = 0.7  # blank panels are read as numbers with up to 0.46, faint digits with 0.9 or more (docs/ocr.md)
KNOWN_SHAPES = 512  # that a region remembers; the oldest goes first
BLANK = Outcome("", 0.0, schemas.STATUS_FILTERED, ocr_rows.EMPTY)
UNREAD = Outcome("", 0.0, schemas.STATUS_FAILED, ocr_rows.NOTHING_READ)
NO_TEXT = Reading("", 0.0, 0.0, 0.0)
DIGITS = "0123456789"
NUMBERS = DIGITS + "%"  # a "%" beside a number is read so that it is not taken for a digit


@dataclass(eq=False, slots=True)
class Shape:
    """One look of a number: its crop until that is read, then what it says, the weakest digit as confidence."""

    crop: Image | None = None
    ink: Ink | None = None
    outcome: Outcome | None = None

    @property
    def is_sure(self) -> bool:
        return self.outcome is not None and self.outcome.confidence >= SURE


@dataclass(frozen=True, slots=True)
class Seen:
    """A crop and the shape it shows; `is_first` where the crop is the one that is read."""

    crop: Crop
    shape: Shape
    is_first: bool


class NumberRegion:
    """One region: the shapes it knows, and its crops' outcomes with equal neighbours joined.

    A row's confidence is the mean over its time, its readings the crops that did not look like one read before.
    """

    def __init__(self, name: str, least_confidence: float) -> None:
        self._name = name
        self._least = least_confidence
        self._known = KnownShapes()
        self._rows: list[Row] = []
        self._seen: list[Seen] = []

    def add(self, crop: Crop) -> Shape | None:
        """Takes the next crop. Returns the shape that has to be read before `settle`, if it is a new one."""
        image = crop.image()
        if image is None:
            failed = Outcome("", 0.0, schemas.STATUS_FAILED, ocr_rows.UNREADABLE_IMAGE)
            return self._note(crop, Shape(outcome=failed))
        found = ink.ink_of(image)
        if not found.is_there:
            return self._note(crop, Shape(outcome=BLANK))
        fingerprint = ink.fingerprint(found)
        known = None if fingerprint is None else self._known.like(fingerprint)
        if known is not None:
            return self._note(crop, known, is_first=False)
        shape = Shape(image, found)
        if fingerprint is not None:
            self._known.add(fingerprint, shape)
        return self._note(crop, shape)

    def settle(self) -> None:
        """Makes rows of the crops taken so far, all of whose shapes have been read."""
        for seen in self._seen:
            self._append(seen)
        self._seen = []
        self._known.keep_sure()

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
    """The latest 512 fingerprints of a region and the shapes they stand for."""

    def __init__(self) -> None:
        self._fingerprints = np.empty((0, 0), np.float32)
        self._shapes: list[Shape] = []

    def like(self, fingerprint: NDArray[np.float32]) -> Shape | None:
        """The nearest shape, if its ink differs nowhere by more than 0.25 of its level."""
        if not self._shapes or self._fingerprints.shape[1] != fingerprint.size:
            return None
        distances = np.abs(self._fingerprints - fingerprint).max(1)
        nearest = int(distances.argmin())
        return self._shapes[nearest] if distances[nearest] <= ink.NEAR else None

    def add(self, fingerprint: NDArray[np.float32], shape: Shape) -> None:
        if self._fingerprints.shape[1] != fingerprint.size:  # the first, or the region's crops changed their size
            self._fingerprints, self._shapes = np.empty((0, fingerprint.size), np.float32), []
        self._fingerprints = np.vstack([self._fingerprints, fingerprint])[-KNOWN_SHAPES:]
        self._shapes = [*self._shapes, shape][-KNOWN_SHAPES:]

    def keep_sure(self) -> None:
        """Forgets the shapes that were not read for sure: the next crop like them is read again."""
        kept = [shape.is_sure for shape in self._shapes]
        self._fingerprints = self._fingerprints[np.array(kept, bool)] if self._shapes else self._fingerprints
        self._shapes = [shape for shape, keep in zip(self._shapes, kept, strict=True) if keep]


def read_shapes(shapes: Sequence[Shape], reader: TextReader) -> None:
    """Gives every shape its outcome, and lets go of its crop."""
    unread = [(shape, shape.crop, shape.ink) for shape in shapes if shape.crop is not None and shape.ink is not None]
    for read, is_small in ((_read_digits, True), (_read_lines, False)):
        chosen = [one for one in unread if (one[1].shape[0] < ink.SMALL_PX) == is_small]
        for (shape, _, _), outcome in zip(chosen, read([one[1:] for one in chosen], reader), strict=True):
            shape.outcome = outcome
            shape.crop = shape.ink = None


def _read_lines(looks: Sequence[tuple[Image, Ink]], reader: TextReader) -> list[Outcome]:
    """Each number as a line of text; in a second light where it is doubtful, and the surer of the two is taken."""
    readings = _recognised([ink.trimmed(*look) for look in looks], reader)
    doubtful = [number for number, reading in enumerate(readings) if reading.weakest < SURE]
    second = _recognised([ink.contrasted(*looks[number]) for number in doubtful], reader)
    for number, reading in zip(doubtful, second, strict=True):
        readings[number] = max(readings[number], reading, key=lambda one: one.weakest)
    return [_outcome(reading, found) for reading, (_, found) in zip(readings, looks, strict=True)]


def _recognised(views: Sequence[Image | None], reader: TextReader) -> list[Reading]:
    """One reading a view; of none, nothing."""
    readings = iter(reader.recognise([view for view in views if view is not None], alphabet=NUMBERS))
    return [NO_TEXT if view is None else next(readings) for view in views]


def _outcome(reading: Reading, found: Ink) -> Outcome:
    if found.is_faint and reading.weakest < SURE_IF_FAINT:
        return BLANK
    digits = "".join(character for character in reading.text if character.isdigit())
    return Outcome(digits, reading.weakest) if digits else UNREAD


def _read_digits(looks: Sequence[tuple[Image, Ink]], reader: TextReader) -> list[Outcome]:
    """Each small number digit by digit, each digit as sure as it is among the ten."""
    parts = [ink.glyphs(found) for _, found in looks]
    readings = iter(reader.recognise([glyph for glyphs in parts for glyph in glyphs], alphabet=DIGITS))
    return [_joined([next(readings) for _ in glyphs]) for glyphs in parts]


def _joined(digits: Sequence[Reading]) -> Outcome:
    if not digits or any(len(digit.text) != 1 for digit in digits):
        return UNREAD
    return Outcome("".join(digit.text for digit in digits), min(digit.given for digit in digits))


def _says(one: Outcome, other: Outcome) -> bool:
    return (one.text, one.status, one.reason) == (other.text, other.status, other.reason)

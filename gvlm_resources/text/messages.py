"""Message areas of the HUD: lines that come up over the moving picture, stand for seconds, scroll and go.

The area's pixels change with every frame, so the crops say nothing about when a message came. It is looked for at a
slow rate, read a few times, and the crops in between are searched by the line's own pixels for when it came and went.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from gvlm_resources import schemas, timebase
from gvlm_resources.settings import OcrSettings
from gvlm_resources.text import ocr_rows, tracking
from gvlm_resources.text.crops import Crop
from gvlm_resources.text.ocr_rows import Outcome, Place, Row
from gvlm_resources.text.protocol import Box, TextReader
from gvlm_resources.text.tracking import Change, Following, Line, Tracker

DETECT_SCALE = 1.5  # the engine's own for 480 lines; at 1.0 it misses one line in eight (docs/ocr.md)
READINGS = 3  # of one line: the reading that agrees most with the others is taken
BACK = 4  # looks before the one that first detects a line in which it is searched: bright pictures hide lines
SURE_AT_ONCE = 0.9  # least confidence of a line seen in one look only: bits of the moving picture look like letters
SAME_ROW = 0.5  # share of the lower box's height: words of one line
WORD_GAP = 3.0  # heights between two boxes of one line

# Lists scroll up, by as many lines as come up between two looks; a line's box is found anew within a pixel or two.
SCROLLING = Following(
    up=4.0, down=0.25, sideways_px=2, keep_order=True, again_when_changed=False, most_readings=READINGS
)
# Before it was first seen a line stood lower, or where it is.
BACKWARDS = replace(SCROLLING, up=0.25, down=4.0, keep_order=False)
FORWARDS = replace(SCROLLING, keep_order=False)
ANYWHERE = replace(SCROLLING, down=4.0, keep_order=False)


@dataclass(frozen=True, slots=True)
class Look:
    """A crop that was looked at, and where lines were followed in it."""

    crop: Crop
    boxes: list[Box]


class MessageRegion:
    """One message area. Holds the crops of the last four looks, a few seconds at most."""

    def __init__(self, name: str, reader: TextReader, settings: OcrSettings) -> None:
        self._name = name
        self._reader = reader
        self._settings = settings
        self._tracker = Tracker(reader, SCROLLING)
        self._crops: deque[Crop] = deque()  # since the oldest look that is kept
        self._looks: deque[Look] = deque(maxlen=BACK)
        self._reliefs: dict[int, NDArray[np.float32]] = {}
        self._rows: list[Row] = []
        self._due_ns = 0
        self._last: Crop | None = None
        self._tried: Crop | None = None

    def add(self, crop: Crop) -> None:
        """The next crop; looks at it if it is time to."""
        self._crops.append(crop)
        self._last = crop
        if crop.start_ns >= self._due_ns:
            self._look(crop)

    def finish(self) -> list[Row]:
        """Every message, `ok` or `filtered`, and every crop that was due and no image."""
        if self._last is None:
            return []
        if self._tried is not self._last:
            self._look(self._last)
        texts = self._tracker.finish(self._last.end_ns)
        return self._rows + [self._row(text, self._last) for text in texts]

    def _look(self, crop: Crop) -> None:
        self._tried = crop
        image = crop.image()
        if image is None:
            failed = Outcome("", 0.0, schemas.STATUS_FAILED, ocr_rows.UNREADABLE_IMAGE)
            self._rows.append(Row(self._name, ocr_rows.MESSAGE, crop.start_ns, crop.end_ns, failed, crop.place, 1))
            return
        self._due_ns = crop.start_ns + timebase.ns_from_s(self._settings.message_every_s)
        found = whole_lines(self._reader.detect(image, scale=DETECT_SCALE))
        change = self._tracker.step(image, crop.start_ns, found)
        if self._looks:
            self._date(change)
        self._looks.append(Look(crop, [line.box for line in change.followed + change.came]))
        while self._crops[0].start_ns < self._looks[0].crop.start_ns:
            self._reliefs.pop(self._crops.popleft().start_ns, None)

    def _date(self, change: Change) -> None:
        """Sets when the lines of a change came and went, to the crop."""
        others = change.followed + change.went
        for line in change.came:
            line.start_ns = self._came_at(line, others)
            others = [*others, line]
        for line in change.went:
            before_ns = self._looks[-1].crop.start_ns
            line.end_ns = max(self._turn(line, change.followed, before_ns, line.end_ns, FORWARDS), line.start_ns + 1)

    def _came_at(self, line: Line, others: Sequence[Line]) -> int:
        """Start of the first crop that shows the line, searched back to the last look that does not show it."""
        earliest = line.start_ns
        for look in reversed(self._looks):
            relief = self._relief(look.crop)
            if relief is None or tracking.find(line.relief, line.box, relief, BACKWARDS, look.boxes) is None:
                return self._turn(line, others, look.crop.start_ns, earliest, BACKWARDS)
            earliest = look.crop.start_ns
        return earliest

    def _turn(self, line: Line, others: Sequence[Line], after_ns: int, until_ns: int, where: Following) -> int:
        """Start of the first crop in `(after_ns, until_ns]` that shows the line if `after_ns` does not, or the reverse.

        The last one does; the first is found by halves.
        """
        between = [crop for crop in self._crops if after_ns < crop.start_ns <= until_ns]
        low, high = 0, len(between) - 1
        while low < high:
            middle = (low + high) // 2
            if self._shows(between[middle], line, others, where) == (where is BACKWARDS):
                high = middle
            else:
                low = middle + 1
        return between[high].start_ns if between else until_ns

    def _shows(self, crop: Crop, line: Line, others: Sequence[Line], where: Following) -> bool:
        """Whether the line is in the crop, apart from the others: they may say the same."""
        relief = self._relief(crop)
        if relief is None:
            return False
        taken: list[Box] = []
        for other in others:
            box = tracking.find(other.relief, other.box, relief, ANYWHERE, taken)
            if box is not None:
                taken.append(box)
        return tracking.find(line.relief, line.box, relief, where, taken) is not None

    def _relief(self, crop: Crop) -> NDArray[np.float32] | None:
        """The crop's relief, kept as long as the crop; None where it is no image."""
        if crop.start_ns not in self._reliefs:
            image = crop.image()
            if image is None:
                return None
            self._reliefs[crop.start_ns] = tracking.relief_of(image)
        return self._reliefs[crop.start_ns]

    def _row(self, text: tracking.Text, crop: Crop) -> Row:
        least = self._settings.min_confidence if text.readings > 1 else max(self._settings.min_confidence, SURE_AT_ONCE)
        outcome = ocr_rows.outcome_of(text.reading.text.strip(), text.reading.confidence, least)
        left, top = crop.place.box[:2]
        place = Place.of(text.box, crop.place.width, crop.place.height, left=left, top=top)
        return Row(self._name, ocr_rows.MESSAGE, text.start_ns, text.end_ns, outcome, place, text.readings)


def whole_lines(boxes: list[Box]) -> list[Box]:
    """Boxes of words that stand in one row close together, joined to the line they are."""
    lines: list[Box] = []
    for box in sorted(boxes, key=lambda box: box.x0):
        index = next((number for number, line in enumerate(lines) if _in_row(line, box)), None)
        if index is None:
            lines.append(box)
        else:
            line = lines[index]
            lines[index] = Box(min(line.x0, box.x0), min(line.y0, box.y0), max(line.x1, box.x1), max(line.y1, box.y1))
    return sorted(lines, key=lambda box: (box.y0, box.x0))


def _in_row(line: Box, box: Box) -> bool:
    height = min(line.height, box.height)
    common = min(line.y1, box.y1) - max(line.y0, box.y0)
    return common >= SAME_ROW * height and box.x0 - line.x1 <= WORD_GAP * height

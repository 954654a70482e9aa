"""Message areas of the HUD: lines that come up over the moving picture, stand for seconds, scroll and go.

The area's pixels change with every frame, so the crops say nothing about when a message came. It is looked for at a
slow rate, read a few times, and the crops in between are searched by the line's own pixels for when it came and went.
"""

from __future__ import annotations

from collections import deque
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from gvlm_resources import schemas, timebase
from gvlm_resources.settings import OcrSettings
from gvlm_resources.text import ocr_rows, tracking
from gvlm_resources.text.crops import Crop
from gvlm_resources.text.ocr_rows import Outcome, Place, Row
from gvlm_resources.text.protocol import Box, TextReader
from gvlm_resources.text.tracking import Following, Line, Tracker

DETECT_SCALE = 1.5  # the engine's own for 480 lines; at 1.0 it misses one line in eight (docs/ocr.md)
READINGS = 3  # of one line: the reading that agrees most with the others is taken
BACK = 4  # looks before the one that first detects a line in which it is searched: bright pictures hide lines
SAME_ROW = 0.5  # share of the lower box's height: words of one line
WORD_GAP = 3.0  # heights between two boxes of one line

# Lists scroll up, by as many lines as come up between two looks, and settle a little.
SCROLLING = Following(
    up=4.0, down=0.7, sideways_px=2, keep_order=True, again_when_changed=False, most_readings=READINGS
)
# Where a line was before it was first seen, and after it was last: a line with the same words above it is another one.
BEFORE = replace(SCROLLING, up=0.7, down=3.0)
AFTER = replace(SCROLLING, up=1.3, down=0.7)


class MessageRegion:
    """One message area. Holds the crops of the last four looks, a few seconds at most."""

    def __init__(self, name: str, reader: TextReader, settings: OcrSettings) -> None:
        self._name = name
        self._reader = reader
        self._settings = settings
        self._tracker = Tracker(reader, SCROLLING)
        self._crops: deque[Crop] = deque()  # since the oldest look that is kept
        self._looks: deque[int] = deque(maxlen=BACK)  # start_ns
        self._reliefs: dict[int, NDArray[np.float32]] = {}
        self._rows: list[Row] = []
        self._last: Crop | None = None

    def add(self, crop: Crop) -> None:
        """The next crop; looks at it if it is time to."""
        due_ns = self._looks[-1] + timebase.ns_from_s(self._settings.message_every_s) if self._looks else 0
        self._crops.append(crop)
        self._last = crop
        if crop.start_ns >= due_ns:
            self._look(crop)

    def finish(self) -> list[Row]:
        """Every message, `ok` or `filtered`, and every crop that was due and no image."""
        if self._last is None:
            return []
        if not self._looks or self._looks[-1] != self._last.start_ns:
            self._look(self._last)
        texts = self._tracker.finish(self._last.end_ns)
        return self._rows + [self._row(text, self._last) for text in texts]

    def _look(self, crop: Crop) -> None:
        image = crop.image()
        if image is None:
            failed = Outcome("", 0.0, schemas.STATUS_FAILED, ocr_rows.UNREADABLE_IMAGE)
            self._rows.append(Row(self._name, ocr_rows.MESSAGE, crop.start_ns, crop.end_ns, failed, crop.place, 1))
            return
        found = whole_lines(self._reader.detect(image, scale=DETECT_SCALE))
        change = self._tracker.step(image, crop.start_ns, found)
        for line in change.came:
            if line.after is None:
                line.start_ns = self._came_at(line)
        for line in change.went:
            line.end_ns = max(self._went_at(line), line.start_ns + 1)
        self._looks.append(crop.start_ns)
        while self._crops and self._crops[0].start_ns < self._looks[0]:
            self._reliefs.pop(self._crops.popleft().start_ns, None)

    def _came_at(self, line: Line) -> int:
        """Start of the first crop that shows the line, of those since the look before it was last absent."""
        earliest = line.start_ns
        for look_ns in reversed(self._looks):
            if not self._shows(self._at(look_ns), line, BEFORE):
                return self._first(line, look_ns, earliest, BEFORE)
            earliest = look_ns
        return earliest

    def _went_at(self, line: Line) -> int:
        """Start of the first crop that no longer shows the line, after the look that last did."""
        return self._first(line, self._looks[-1], line.end_ns, AFTER) if self._looks else line.end_ns

    def _first(self, line: Line, after_ns: int, until_ns: int, where: Following) -> int:
        """Start of the first crop in `(after_ns, until_ns]` that is on the other side of the change than `after_ns`."""
        between = [crop for crop in self._crops if after_ns < crop.start_ns <= until_ns]
        shown_at_last = where is BEFORE
        low, high = 0, len(between) - 1  # the last one is on the other side; by halves to the first
        while low < high:
            middle = (low + high) // 2
            if self._shows(between[middle], line, where) == shown_at_last:
                high = middle
            else:
                low = middle + 1
        return between[high].start_ns if between else until_ns

    def _shows(self, crop: Crop | None, line: Line, where: Following) -> bool:
        if crop is None:
            return False
        relief = self._reliefs.get(crop.start_ns)
        if relief is None:
            image = crop.image()
            if image is None:
                return False
            relief = self._reliefs[crop.start_ns] = tracking.relief_of(image)
        return tracking.find(line.relief, line.box, relief, where) is not None

    def _at(self, start_ns: int) -> Crop | None:
        return next((crop for crop in self._crops if crop.start_ns == start_ns), None)

    def _row(self, text: tracking.Text, crop: Crop) -> Row:
        outcome = ocr_rows.outcome_of(text.reading.text.strip(), text.reading.confidence, self._settings.min_confidence)
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

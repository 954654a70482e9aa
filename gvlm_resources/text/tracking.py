"""Lines of text followed from picture to picture by their pixels, and the text of sampled frames read that way.

Detection runs on some pictures only, and a line is read again only when its own pixels changed. Whole frames are never
compared: in gameplay no two are alike, while the texts on them are.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray
from rapidfuzz import fuzz

from gvlm_resources.settings import OcrSettings
from gvlm_resources.text import ocr_rows
from gvlm_resources.text.protocol import Box, Image, Reading, TextReader

PRESENT = 0.6  # correlation; a line 0.5 s later has 0.95 (median), another line 0.54 (99th percentile) (docs/ocr.md)
CHANGED = 0.42  # of full strength: one second later the same text differs by 0.28 (99th percentile), another digit by
# 0.58 at least (docs/ocr.md)
STROKES = 6  # of a line's height: the square that a change is looked for in is a stroke wide
PER_HEIGHT = 0.05  # of correlation, that a place further off by the line's height has to be better
RELIEF_PX = 11  # brightness is taken relative to the mean of this square, which outlasts tints and slow shades
TAKEN = 0.4  # share of a line's height that may lie in a line that has been found already
SAME_BOX = 0.5
INSIDE = 0.8  # share of a line's box that lies in a longer line it is a part of
OUTGROWN = 1.5  # times the area that a longer line has at least
SAME_TEXT = 70.0  # of 100: every third letter may be misread
CLOSE_LOOK = 2  # every second detection sees the frame larger: what is too small at the usual size mostly stays on
CLOSE_SIDE_PX = 736  # the engine's own
EXCLUDED = 0.3  # share of a box: what reaches out of a HUD region is its frame or unit
SEAM_NS = 120_000_000  # longest gap over which a line that was lost goes on: a few frames of a flash
READ_TOGETHER = 64  # crops the reader is given at once
NOTHING = np.empty((0, 0), np.float32)  # the relief of a line that is gone: only its words are kept

_WORD = re.compile(r"[^\W_]+")


@dataclass(frozen=True, slots=True)
class Following:
    """How far a line may move between two pictures, in its own heights and in pixels, and when it is read again.

    Where lines `keep_order` none overtakes another: a list that scrolls. In up to `look_back` pictures before the one
    in which a line was first detected it is looked for by its pixels: small texts are detected now and then only.
    With `again_when_changed` a line whose letters look different is a new line, joined to the one before if it turns
    out to say the same; otherwise it is one line as long as it is seen, read up to `most_readings` times.
    """

    up: float
    down: float
    sideways_px: int
    keep_order: bool
    again_when_changed: bool
    most_readings: int
    look_back: int = 0

    def reaches(self, box: Box, other: Box) -> bool:
        """Whether a line in `box` may next stand in `other`, going by where they lie."""
        moved = other.y0 - box.y0
        beside = min(box.x1, other.x1) > max(box.x0, other.x0)
        return beside and -self.up * box.height <= moved <= self.down * box.height


SAMPLED = Following(
    up=0.5, down=0.5, sideways_px=4, keep_order=False, again_when_changed=True, most_readings=1, look_back=16
)


@dataclass(frozen=True, slots=True)
class Picture:
    """An image, its relief (see `relief_of`) and when it was shown."""

    image: Image
    relief: NDArray[np.float32]
    pts_ns: int


@dataclass(eq=False, slots=True)
class Line:
    """A line of text while it is followed. `after` are the lines that went as it came and that it may go on with."""

    box: Box
    relief: NDArray[np.float32]
    start_ns: int
    end_ns: int
    detected: bool
    after: tuple[Line, ...] = ()
    readings: list[Reading] = field(default_factory=list)
    asked: int = 0


@dataclass(frozen=True, slots=True)
class Change:
    """Lines that are still there, came up, and went between the picture before and this one, from top to bottom."""

    followed: list[Line]
    came: list[Line]
    went: list[Line]


@dataclass(frozen=True, slots=True)
class Text:
    """A text that stood at one place, or moved from there, as the line's readings agree on it."""

    box: Box
    start_ns: int
    end_ns: int
    reading: Reading
    readings: int


class Tracker:
    """Follows lines through pictures that come in the order of time.

    Memory is the lines on the screen, up to 64 crops that wait for the reader, the reliefs of the pictures that are
    looked back at, and a few words for every line gone by.
    """

    def __init__(self, reader: TextReader, following: Following) -> None:
        self._reader = reader
        self._following = following
        self._lines: list[Line] = []
        self._active: list[Line] = []
        self._went: list[Line] = []
        self._waiting: list[tuple[Line, Image]] = []
        self._before: deque[tuple[int, NDArray[np.float16]]] = deque(maxlen=following.look_back)

    def step(self, image: Image, now_ns: int, found: Sequence[Box] | None) -> Change:
        """The next picture; `found` are the boxes detected in it, None where detection did not run."""
        picture = Picture(image, relief_of(image), now_ns)
        followed = self._follow(picture)
        if found is None:
            # It may be there still and look different.
            places = [(line.box, False) for line in self._went if line.box.cut(image).shape[:2] == line.relief.shape]
        else:
            places = [(box, True) for box in found]
            followed = self._without_parts(followed, found, picture)
            for line in followed:
                line.detected |= any(box.covers(line.box) >= SAME_BOX for box in found)
        came = self._begin(picture, places, [line.box for line in followed])
        self._active = [self._refreshed(line, picture) for line in followed] + came
        self._before.append((picture.pts_ns, picture.relief.astype(np.float16)))
        if len(self._waiting) >= READ_TOGETHER:
            self._read()
        return Change(self._active[: len(followed)], came, self._went)

    def finish(self, end_ns: int) -> list[Text]:
        """Every text that was seen, in the order in which they came up. The lines still there stand until `end_ns`."""
        for line in self._active:
            line.end_ns = max(end_ns, line.start_ns + 1)
        self._active = []
        self._read()
        return _joined(self._lines)

    def _follow(self, picture: Picture) -> list[Line]:
        """The lines that are still there, at their new boxes; the others are `_went` from now until the next step."""
        for line in self._went:
            line.relief = NOTHING
        self._went = []
        followed: list[Line] = []
        for line in sorted(self._active, key=lambda line: (line.box.y0, line.box.x0)):
            taken = [other.box for other in followed]
            box = find(line.relief, line.box, picture.relief, self._following, taken)
            if box is None:
                line.end_ns = picture.pts_ns
                self._went.append(line)
            else:
                line.box = box
                followed.append(line)
        return followed

    def _without_parts(self, followed: list[Line], found: Sequence[Box], picture: Picture) -> list[Line]:
        """The followed lines less those that turn out to be parts of a longer one: these went."""
        parts: list[Line] = []
        for box in found:
            inside = [line for line in followed if box.common(line.box) >= INSIDE * line.box.area]
            if box.area > OUTGROWN * sum(line.box.area for line in inside):
                parts += [line for line in inside if line not in parts]
        for line in parts:
            line.end_ns = picture.pts_ns
        self._went += parts
        return [line for line in followed if line not in parts]

    def _begin(self, picture: Picture, places: Sequence[tuple[Box, bool]], occupied: list[Box]) -> list[Line]:
        """New lines at the `places`, (box, whether it was detected), where none is followed."""
        came: list[Line] = []
        for box, detected in places:
            if any(box.covers(other) >= SAME_BOX for other in occupied):
                continue
            before = tuple(line for line in self._went if self._following.reaches(line.box, box))
            came.append(self._new(picture, box, detected=detected, after=before))
            occupied.append(box)
        return came

    def _refreshed(self, line: Line, picture: Picture) -> Line:
        """The followed line as it looks now, or the new line that it has become; read again where that is due."""
        now = line.box.cut(picture.relief)
        if not self._following.again_when_changed:
            line.relief = now.copy()
            if line.asked < self._following.most_readings:
                self._ask(line, picture)
        elif has_changed(line.relief, now):
            line.end_ns = picture.pts_ns
            line.relief = NOTHING
            return self._new(picture, line.box, detected=line.detected, after=(line,))
        return line

    def _new(self, picture: Picture, box: Box, *, detected: bool, after: tuple[Line, ...]) -> Line:
        line = Line(box, box.cut(picture.relief).copy(), picture.pts_ns, picture.pts_ns, detected, after)
        line.start_ns = self._first_seen(line)
        self._lines.append(line)
        self._ask(line, picture)
        return line

    def _first_seen(self, line: Line) -> int:
        """When the first of the pictures was shown that, without a break up to now, show the line as it looks now."""
        first_ns, box = line.start_ns, line.box
        for pts_ns, relief in reversed(self._before):
            found = find(line.relief, box, relief, self._following)
            if found is None or has_changed(line.relief, found.cut(relief).astype(np.float32)):
                break
            first_ns, box = pts_ns, found
        return first_ns

    def _ask(self, line: Line, picture: Picture) -> None:
        line.asked += 1
        self._waiting.append((line, line.box.cut(picture.image).copy()))

    def _read(self) -> None:
        readings = self._reader.recognise([crop for _, crop in self._waiting])
        for (line, _), reading in zip(self._waiting, readings, strict=True):
            line.readings.append(reading)
        self._waiting = []


def relief_of(image: Image) -> NDArray[np.float32]:
    """(H, W): the brightest channel less its mean over the neighbourhood. Text stands out in it whatever its colour."""
    brightest = image.max(2).astype(np.float32)
    return brightest - cv2.blur(brightest, (RELIEF_PX, RELIEF_PX))


def find(
    line: NDArray[np.float32],
    box: Box,
    relief: NDArray[np.floating],
    following: Following,
    taken: Sequence[Box] = (),
) -> Box | None:
    """Where in a picture's `relief` the line now stands that stood in `box`, or None where it is gone.

    A place that lies in a box of `taken` by more than 0.4 of the line's height is not looked at, nor, where lines keep
    their order, one above it: `taken` are then the lines over this one. Of equal lines the nearest is taken.
    """
    height, width = relief.shape
    top = max(0, box.y0 - round(following.up * box.height))
    left = max(0, box.x0 - following.sideways_px)
    bottom = min(height, box.y1 + round(following.down * box.height))
    right = min(width, box.x1 + following.sideways_px)
    window = relief[top:bottom, left:right].astype(np.float32)
    if window.shape[0] < line.shape[0] or window.shape[1] < line.shape[1]:
        return None
    scores = np.nan_to_num(cv2.matchTemplate(window, line, cv2.TM_CCOEFF_NORMED), nan=-1.0, posinf=-1.0)
    rows = np.arange(top, top + scores.shape[0])
    for other in taken:
        if min(other.x1, box.x1) > max(other.x0, box.x0):
            common = np.minimum(rows + box.height, other.y1) - np.maximum(rows, other.y0)
            barred = common > TAKEN * box.height
            scores[barred | (rows < other.y0) if following.keep_order else barred] = -1.0
    preferred = scores - PER_HEIGHT * np.abs(rows - box.y0)[:, None] / box.height
    row, column = np.unravel_index(preferred.argmax(), scores.shape)
    if scores[row, column] < PRESENT:
        return None
    return box.shifted(left + int(column) - box.x0, top + int(row) - box.y0)


def difference(before: NDArray[np.float32], now: NDArray[np.float32]) -> float:
    """How much two reliefs of one line differ where they differ most, each measured by its own strength: 0 to 2.

    The mean over a square as wide as a stroke, of the differences cut off at the 98th percentile of the strength.
    """
    pair = [np.clip(relief / max(float(np.percentile(np.abs(relief), 98)), 1.0), -1.0, 1.0) for relief in (before, now)]
    side_px = max(2, round(before.shape[0] / STROKES))
    return float(cv2.blur(np.abs(pair[0] - pair[1]), (side_px, side_px)).max())


def has_changed(before: NDArray[np.float32], now: NDArray[np.float32]) -> bool:
    """Whether two reliefs of one line differ anywhere by as much as a letter."""
    return difference(before, now) > CHANGED


def agreed(readings: Sequence[Reading]) -> Reading:
    """The reading that the others speak for most: each by how alike it is and how sure it was."""

    def support(candidate: Reading) -> float:
        return sum(other.confidence * fuzz.ratio(candidate.text, other.text) for other in readings)

    return max(readings, key=lambda reading: (support(reading), reading.confidence, reading.text))


def says_the_same(one: str, other: str) -> bool:
    """Whether two readings can be of one text: letters may be misread, whole numbers must agree."""
    words, other_words = _WORD.findall(one.casefold()), _WORD.findall(other.casefold())
    if [word for word in words if word.isdigit()] != [word for word in other_words if word.isdigit()]:
        return False
    return fuzz.ratio("".join(words), "".join(other_words)) >= SAME_TEXT


def read_frames(
    frames: Iterable[tuple[int, Image]],
    *,
    end_ns: int,
    reader: TextReader,
    settings: OcrSettings,
    exclude: Sequence[tuple[float, float, float, float]] = (),
) -> list[ocr_rows.Row]:
    """The text of sampled frames, `(pts_ns, RGB)` in the order of time; the last stands until `end_ns`.

    `exclude` are boxes in fractions of the frame that are read elsewhere. A text's span is from the first frame that
    shows it to the first after it that does not.
    """
    tracker = Tracker(reader, SAMPLED)
    width = height = 0
    for number, (pts_ns, image) in enumerate(frames):
        height, width = image.shape[:2]
        side_px = _detection_side(number, settings)
        found = None if side_px is None else reader.detect(image, scale=side_px / min(height, width))
        tracker.step(image, pts_ns, None if found is None else _outside(found, exclude, width, height))
    return [_frame_row(text, width, height, settings.min_confidence) for text in tracker.finish(end_ns)]


def _detection_side(number: int, settings: OcrSettings) -> int | None:
    """Shorter side that a frame has for the detector; None for a frame on which detection does not run."""
    look, between = divmod(number, settings.detect_every)
    if between:
        return None
    return settings.detect_side_px if look % CLOSE_LOOK else max(settings.detect_side_px, CLOSE_SIDE_PX)


def _outside(
    boxes: Sequence[Box], exclude: Sequence[tuple[float, float, float, float]], width: int, height: int
) -> list[Box]:
    """The boxes that do not lie in excluded places for a good part. Painted over, these would confuse the detector."""
    places = [
        Box(round(x0 * width), round(y0 * height), round(x1 * width), round(y1 * height)) for x0, y0, x1, y1 in exclude
    ]
    return [box for box in boxes if sum(box.common(place) for place in places) < EXCLUDED * box.area]


def _frame_row(text: Text, width: int, height: int, least: float) -> ocr_rows.Row:
    outcome = ocr_rows.outcome_of(text.reading.text.strip(), text.reading.confidence, least)
    place = ocr_rows.Place.of(text.box, width, height)
    return ocr_rows.Row(ocr_rows.FRAME_REGION, ocr_rows.TEXT, text.start_ns, text.end_ns, outcome, place, text.readings)


def _joined(lines: Sequence[Line]) -> list[Text]:
    """Lines that followed one another and say the same, joined; guesses that do not, dropped."""
    groups: dict[int, list[Line]] = {}  # by the id of the group's last line
    for line in lines:
        text = agreed(line.readings).text
        ended = [one for one in line.after if id(one) in groups and line.start_ns - one.end_ns <= SEAM_NS]
        before = next((one for one in ended if _says(groups[id(one)], text)), None)
        if before is not None:
            groups[id(line)] = [*groups.pop(id(before)), line]
        elif line.detected:
            groups[id(line)] = [line]
    return sorted(map(_text, groups.values()), key=lambda text: (text.start_ns, text.box.y0, text.box.x0))


def _says(group: Sequence[Line], text: str) -> bool:
    return says_the_same(_agreed(group).text, text)


def _agreed(group: Sequence[Line]) -> Reading:
    return agreed([reading for line in group for reading in line.readings])


def _text(group: Sequence[Line]) -> Text:
    readings = sum(len(line.readings) for line in group)
    return Text(group[0].box, group[0].start_ns, group[-1].end_ns, _agreed(group), readings)

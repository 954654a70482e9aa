"""Cutting the HUD's regions out of decoded pictures, and telling whether their pixels changed.

At 35 pictures a second this is the part that runs most: only luma is looked at, and colours are converted for the crops
that are stored.
"""

from __future__ import annotations

from dataclasses import dataclass

import av
import cv2
import numpy as np
from av.video.reformatter import VideoReformatter
from numpy.typing import NDArray

from gvlm_resources.game import HudRegion
from gvlm_resources.video.display import Box, Display
from gvlm_resources.video.sampling import Role

CUT_AS_THEY_ARE = {"yuv420p": 2, "yuvj420p": 2, "yuv444p": 1, "yuvj444p": 1}  # format -> chroma step
OTHERWISE = "yuv444p"
BLOCK_SHARE = 80  # a change is looked for in squares of 1/80 of the picture's height: 6 px at 480, 9 px at 720
BLOCK_LEAST_PX = 4


def role_of(region: HudRegion) -> Role:
    """What a frame is wanted for if this region is cut out of it."""
    return Role.MESSAGE if region.kind == "message" else Role.NUMBER


@dataclass(frozen=True, slots=True)
class Place:
    """Where a region lies in pictures of one size and format: `coded` as decoded, `box` as displayed.

    `whole` is (width, height) of the displayed picture.
    """

    format: str
    coded: Box
    box: Box
    whole: tuple[int, int]

    @property
    def width_px(self) -> int:
        return self.coded[2] - self.coded[0]

    @property
    def height_px(self) -> int:
        return self.coded[3] - self.coded[1]

    @property
    def block_px(self) -> int:
        return max(BLOCK_LEAST_PX, round(self.whole[1] / BLOCK_SHARE))


@dataclass(frozen=True, slots=True, eq=False)
class Crop:
    """The pixels of one region in one picture, as decoded: 8-bit luma, then both chroma planes."""

    place: Place
    luma: bytes
    chroma: bytes
    colours: tuple[int, int]  # colour space and range, as FFmpeg numbers them

    @property
    def size_bytes(self) -> int:
        return len(self.luma) + len(self.chroma)

    def bgr(self, display: Display) -> NDArray[np.uint8]:
        """(H, W, 3) as displayed, at native resolution."""
        height, width = self.place.height_px, self.place.width_px
        halved = CUT_AS_THEY_ARE[self.place.format] == 2
        planes = np.frombuffer(self.luma + self.chroma, np.uint8)
        planes = planes.reshape((height * 3 // 2, width) if halved else (3, height, width))
        frame = av.VideoFrame.from_ndarray(planes, format=self.place.format)
        frame.colorspace, frame.color_range = self.colours
        return display.oriented(frame.reformat(format="bgr24", threads=1).to_ndarray())


class Cutter:
    """Cuts the regions out of one picture after the other. One for each thread."""

    def __init__(self, regions: tuple[HudRegion, ...], display: Display) -> None:
        self._regions = regions
        self._display = display
        self._roles = [int(role_of(region)) for region in regions]
        self._converter = VideoReformatter()
        self._kind: tuple[int, int, str] | None = None
        self._places: list[Place] = []
        self._last: dict[int, Crop] = {}

    def begin_segment(self) -> None:
        """What follows stands by itself, so that the result does not depend on who cut the segment before."""
        self._last = {}

    def cut(self, frame: av.VideoFrame, roles: int) -> dict[int, Crop]:
        """The crops that the frame is wanted for, by the region's place in the list.

        A crop whose luma is the same as in the picture before, to the last pixel, is the same object.
        """
        if frame.format.name not in CUT_AS_THEY_ARE:
            frame = self._converter.reformat(frame, format=OTHERWISE, threads=1)
        kind = (frame.width, frame.height, frame.format.name)
        if kind != self._kind:
            self._kind, self._places = kind, [self._place(region, *kind) for region in self._regions]
        planes = frame.planes
        luma = _pixels(planes[0])
        crops: dict[int, Crop] = {}
        for number, place in enumerate(self._places):
            if roles & self._roles[number]:
                crops[number] = self._crop(frame, planes, luma, place, self._last.get(number))
        self._last.update(crops)
        return crops

    def _place(self, region: HudRegion, width: int, height: int, name: str) -> Place:
        coded = self._display.coded_box(region.box, width, height)
        whole = (height, width) if self._display.swap else (width, height)
        return Place(name, coded, self._display.shown_box(coded, width, height), whole)

    @staticmethod
    def _crop(frame: av.VideoFrame, planes: tuple, luma: NDArray[np.uint8], place: Place, before: Crop | None) -> Crop:
        x0, y0, x1, y1 = place.coded
        content = luma[y0:y1, x0:x1].tobytes()
        if before is not None and before.luma == content and before.place is place:
            return before
        step = CUT_AS_THEY_ARE[place.format]
        chroma = b"".join(
            _pixels(plane)[y0 // step : y1 // step, x0 // step : x1 // step].tobytes() for plane in planes[1:3]
        )
        return Crop(place, content, chroma, (int(frame.colorspace), int(frame.color_range)))


def _pixels(plane: av.video.plane.VideoPlane) -> NDArray[np.uint8]:
    """(height, padded width) uint8 view of an 8-bit plane."""
    return np.frombuffer(plane, np.uint8).reshape(-1, plane.line_size)


def changed(before: Crop, now: Crop, level: float) -> bool:
    """Whether a region shows other pixels: another place or size, or a square that differs by more than `level`."""
    if before is now:
        return False
    if before.place != now.place:
        return True
    shape = (now.place.height_px, now.place.width_px)
    one, other = (np.frombuffer(crop.luma, np.uint8).reshape(shape) for crop in (before, now))
    return greatest_change(one, other, now.place.block_px, enough=level) > level


def greatest_change(before: NDArray[np.uint8], now: NDArray[np.uint8], block_px: int, *, enough: float = 0.0) -> float:
    """The greatest mean absolute luma difference of any `block_px` square, 0 to 255; 0 if no pixel is over `enough`.

    A codec's noise is small everywhere in a square; a digit that became another differs by a stroke, which fills a good
    part of one. The square slides by single pixels, so where a change lies makes no difference.
    """
    difference = cv2.absdiff(before, now)
    if difference.max() <= enough:
        return 0.0
    block = (min(block_px, now.shape[1]), min(block_px, now.shape[0]))
    return float(cv2.boxFilter(difference, cv2.CV_32F, block, borderType=cv2.BORDER_REFLECT).max())

"""What is kept of one decoded picture: a JPEG at the stored size, a JPEG at clip size, the crops of the HUD."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction

import av
import numpy as np
from av.video.reformatter import VideoReformatter
from numpy.typing import NDArray

from gvlm_resources.game import HudRegion
from gvlm_resources.settings import ClipSettings, FrameSettings
from gvlm_resources.video import encode
from gvlm_resources.video.display import Box, Display
from gvlm_resources.video.marks import Look
from gvlm_resources.video.sampling import Role

CROP_FORMATS = {"yuv420p": 2, "yuvj420p": 2, "yuv444p": 1, "yuvj444p": 1}  # cut as they are: format -> chroma step
PER_PICTURE_BYTES = 512  # of bookkeeping


@dataclass(frozen=True, slots=True)
class StoredImage:
    jpeg: bytes
    width: int
    height: int


@dataclass(frozen=True)
class Crop:
    """The pixels of one HUD region in one picture, as decoded: (3 h / 2, w) for 4:2:0, (3, h, w) for 4:4:4."""

    planes: NDArray[np.uint8]
    format: str
    colours: tuple[int, int]  # colour space and range, as FFmpeg numbers them
    height_px: int
    width_px: int
    box: Box  # in the displayed picture
    whole: tuple[int, int]  # width and height of that

    @property
    def luma(self) -> NDArray[np.uint8]:
        return self.planes.reshape(-1)[: self.height_px * self.width_px].reshape(self.height_px, self.width_px)

    def bgr(self, display: Display) -> NDArray[np.uint8]:
        """(H, W, 3) as displayed, at native resolution."""
        frame = av.VideoFrame.from_ndarray(self.planes, format=self.format)
        frame.colorspace, frame.color_range = self.colours
        return display.oriented(frame.reformat(format="bgr24", threads=1).to_ndarray())


@dataclass(frozen=True)
class Picture:
    """What one frame was wanted for; None and empty for what it was not."""

    frame: StoredImage | None = None
    look: Look | None = None
    clip: StoredImage | None = None
    crops: Mapping[int, Crop] = field(default_factory=dict)  # by the region's place in the game's list

    @property
    def size_bytes(self) -> int:
        """About what it holds in memory."""
        images = sum(len(image.jpeg) for image in (self.frame, self.clip) if image is not None)
        look = self.look.luma.nbytes + self.look.colours.nbytes if self.look is not None else 0
        return PER_PICTURE_BYTES + images + look + sum(crop.planes.nbytes for crop in self.crops.values())


@dataclass(frozen=True, slots=True)
class Recipe:
    """How pictures are kept."""

    display: Display
    frames: FrameSettings
    clips: ClipSettings
    regions: tuple[HudRegion, ...]


def role_of(region: HudRegion) -> Role:
    """What a frame is wanted for if this region is cut out of it."""
    return Role.MESSAGE if region.kind == "message" else Role.NUMBER


class PictureMaker:
    """Turns decoded frames into `Picture`s. One for each thread: converters are kept between frames."""

    def __init__(self, recipe: Recipe) -> None:
        self._recipe = recipe
        self._for_frames, self._for_clips, self._for_crops = (VideoReformatter() for _ in range(3))
        self._last_crops: dict[int, Crop] = {}

    def begin_segment(self) -> None:
        """What follows stands by itself, so that the result does not depend on who made the segment before."""
        self._last_crops = {}

    def make(self, frame: av.VideoFrame, roles: Role) -> Picture:
        stored, look = self._stored(frame, roles) if roles & (Role.RATE | Role.SCENE | Role.BEFORE) else (None, None)
        clip = self._clip(frame) if roles & Role.CLIP else None
        crops = self._crops(frame, roles) if roles & (Role.NUMBER | Role.MESSAGE) else {}
        return Picture(stored, look, clip, crops)

    def _stored(self, frame: av.VideoFrame, roles: Role) -> tuple[StoredImage | None, Look]:
        _, height = self._recipe.display.size(frame.width, frame.height)
        scale = min(Fraction(1), Fraction(self._recipe.frames.max_height_px, height))
        bgr = self._shown(self._for_frames, frame, scale)
        if not roles & (Role.RATE | Role.SCENE):
            return None, Look.of(bgr)
        jpeg = encode.jpeg(bgr, self._recipe.frames.jpeg_quality)
        return StoredImage(jpeg, bgr.shape[1], bgr.shape[0]), Look.of(bgr)

    def _clip(self, frame: av.VideoFrame) -> StoredImage:
        shorter = min(self._recipe.display.size(frame.width, frame.height))
        scale = min(Fraction(1), Fraction(self._recipe.clips.size_px, shorter))
        bgr = self._shown(self._for_clips, frame, scale)
        return StoredImage(encode.jpeg(bgr, self._recipe.clips.jpeg_quality), bgr.shape[1], bgr.shape[0])

    def _shown(self, converter: VideoReformatter, frame: av.VideoFrame, scale: Fraction) -> NDArray[np.uint8]:
        width, height = self._recipe.display.fitted(frame.width, frame.height, scale=scale)
        scaled = converter.reformat(frame, width, height, "bgr24", threads=1)
        return self._recipe.display.oriented(scaled.to_ndarray())

    def _crops(self, frame: av.VideoFrame, roles: Role) -> dict[int, Crop]:
        """The crop of each region; the one of the picture before where its luma is the same to the last pixel."""
        if frame.format.name not in CROP_FORMATS:
            frame = self._for_crops.reformat(frame, format="yuv444p", threads=1)
        planes = [_plane(plane) for plane in frame.planes[:3]]
        crops = {
            number: self._crop(frame, planes, region, self._last_crops.get(number))
            for number, region in enumerate(self._recipe.regions)
            if roles & role_of(region)
        }
        self._last_crops |= crops
        return crops

    def _crop(
        self, frame: av.VideoFrame, planes: list[NDArray[np.uint8]], region: HudRegion, before: Crop | None
    ) -> Crop:
        display, name = self._recipe.display, frame.format.name
        x0, y0, x1, y1 = box = display.coded_box(region.box, frame.width, frame.height)
        luma = planes[0][y0:y1, x0:x1]
        whole = (frame.height, frame.width) if display.swap else (frame.width, frame.height)
        if before is not None and before.whole == whole and np.array_equal(before.luma, luma):
            return before
        step = CROP_FORMATS[name]
        chroma = [plane[y0 // step : y1 // step, x0 // step : x1 // step] for plane in planes[1:]]
        packed = np.concatenate([luma.ravel(), *(plane.ravel() for plane in chroma)])
        height, width = y1 - y0, x1 - x0
        return Crop(
            planes=packed.reshape((3, height, width) if step == 1 else (height * 3 // 2, width)),
            format=name,
            colours=(int(frame.colorspace), int(frame.color_range)),
            height_px=height,
            width_px=width,
            box=display.shown_box(box, frame.width, frame.height),
            whole=whole,
        )


def _plane(plane: av.video.plane.VideoPlane) -> NDArray[np.uint8]:
    """(height, width) uint8 view of an 8-bit plane, without its padding."""
    return np.frombuffer(plane, np.uint8).reshape(-1, plane.line_size)[: plane.height, : plane.width]

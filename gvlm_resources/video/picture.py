"""What is kept of one decoded picture: a JPEG at the stored size, a JPEG at clip size, the crops of the HUD."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction

import av
import numpy as np
from av.video.reformatter import Interpolation, VideoReformatter
from numpy.typing import NDArray

from gvlm_resources.game import HudRegion
from gvlm_resources.settings import ClipSettings, FrameSettings
from gvlm_resources.video import encode
from gvlm_resources.video.crops import Crop, Cutter
from gvlm_resources.video.display import Display
from gvlm_resources.video.marks import LOOK_WIDTH_PX, Look
from gvlm_resources.video.sampling import Role

STORED = int(Role.RATE | Role.SCENE)  # plain numbers: an enum's operators cost more than what they guard
LOOKED_AT = int(STORED | Role.BEFORE)
CLIP = int(Role.CLIP)
CUT = int(Role.NUMBER | Role.MESSAGE)
PER_PICTURE_BYTES = 512  # of bookkeeping


@dataclass(frozen=True, slots=True)
class StoredImage:
    jpeg: bytes
    width: int
    height: int


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
        return PER_PICTURE_BYTES + images + look + sum(crop.size_bytes for crop in self.crops.values())


@dataclass(frozen=True, slots=True)
class Recipe:
    """How pictures are kept."""

    display: Display
    frames: FrameSettings
    clips: ClipSettings
    regions: tuple[HudRegion, ...]


class PictureMaker:
    """Turns decoded frames into `Picture`s. One for each thread: converters are kept between frames."""

    def __init__(self, recipe: Recipe) -> None:
        self._recipe = recipe
        self._for_frames, self._for_looks, self._for_clips = (VideoReformatter() for _ in range(3))
        self._cutter = Cutter(recipe.regions, recipe.display)

    def begin_segment(self) -> None:
        """What follows stands by itself, so that the result does not depend on who made the segment before."""
        self._cutter.begin_segment()

    def make(self, frame: av.VideoFrame, roles: int) -> Picture:
        """What a frame is wanted for, by its `sampling.Role`s."""
        stored = self._stored(frame) if roles & STORED else None
        look = self._look(frame) if roles & LOOKED_AT else None
        clip = self._clip(frame) if roles & CLIP else None
        crops = self._cutter.cut(frame, roles) if roles & CUT else {}
        return Picture(stored, look, clip, crops)

    def _stored(self, frame: av.VideoFrame) -> StoredImage:
        _, height = self._recipe.display.size(frame.width, frame.height)
        scale = min(Fraction(1), Fraction(self._recipe.frames.max_height_px, height))
        bgr = self._shown(self._for_frames, frame, scale)
        return StoredImage(encode.jpeg(bgr, self._recipe.frames.jpeg_quality), bgr.shape[1], bgr.shape[0])

    def _look(self, frame: av.VideoFrame) -> Look:
        width, _ = self._recipe.display.size(frame.width, frame.height)
        scale = min(Fraction(1), Fraction(LOOK_WIDTH_PX, width))
        return Look.of(self._shown(self._for_looks, frame, scale, Interpolation.AREA))

    def _clip(self, frame: av.VideoFrame) -> StoredImage:
        shorter = min(self._recipe.display.size(frame.width, frame.height))
        scale = min(Fraction(1), Fraction(self._recipe.clips.size_px, shorter))
        bgr = self._shown(self._for_clips, frame, scale)
        return StoredImage(encode.jpeg(bgr, self._recipe.clips.jpeg_quality), bgr.shape[1], bgr.shape[0])

    def _shown(
        self,
        converter: VideoReformatter,
        frame: av.VideoFrame,
        scale: Fraction,
        interpolation: Interpolation = Interpolation.BILINEAR,
    ) -> NDArray[np.uint8]:
        width, height = self._recipe.display.fitted(frame.width, frame.height, scale=scale)
        scaled = converter.reformat(frame, width, height, "bgr24", interpolation=interpolation, threads=1)
        return self._recipe.display.oriented(scaled.to_ndarray())

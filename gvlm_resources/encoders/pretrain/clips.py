"""Footage as a video encoder sees it, decoded once: pictures at the clips' rate and the size that the network takes.

The view is the product's, step by step: the picture on screen at k / rate, scaled so that its shorter side is
`ClipSettings.size_px`, then by the checkpoint's own image processor to its size, and cut to the square in the middle.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.video.reformatter import Interpolation, VideoReformatter
from numpy.typing import NDArray
from PIL import Image

from gvlm_resources.encoders.pretrain.footage import TIC_RATE_HZ, video_of
from gvlm_resources.settings import ClipSettings

CLIPS = ClipSettings()
RATE_HZ = Fraction(CLIPS.rate_hz)
CLIP_S = CLIPS.frames / CLIPS.rate_hz


@dataclass(frozen=True)
class Pictures:
    """The pictures of one recording: RGB (N, side, side, 3) uint8, the k-th of them on screen at k / RATE_HZ."""

    manifest: Path
    frames: NDArray[np.uint8]

    @property
    def clips(self) -> int:
        """How many clips start in it, one at each picture."""
        return max(0, len(self.frames) - CLIPS.frames + 1)

    def clip(self, start: int) -> NDArray[np.uint8]:
        """(frames, side, side, 3) from picture `start` on. Raises IndexError where the recording ends before."""
        if not 0 <= start < self.clips:
            raise IndexError(f"{self.manifest.name} has {self.clips} clips, asked for number {start}")
        return self.frames[start : start + CLIPS.frames]


def pictures_of(manifests: Sequence[Path], work: Path, side_px: int) -> Iterator[Pictures]:
    """The pictures of every recording, decoded where `work` does not have them yet."""
    work.mkdir(parents=True, exist_ok=True)
    for manifest in manifests:
        kept = work / f"{manifest.parent.name}-{manifest.name.removesuffix('.truth.json')}-{side_px}.npy"
        if not kept.exists():
            part = kept.with_suffix(".part")
            with part.open("wb") as target:
                np.save(target, decoded(video_of(manifest), side_px))
            os.replace(part, kept)
        yield Pictures(manifest, np.load(kept, mmap_mode="r"))


def decoded(video: Path, side_px: int) -> NDArray[np.uint8]:
    """RGB (N, side, side, 3): the recording's pictures at RATE_HZ. On screen is the last frame that has come."""
    shrink = VideoReformatter()
    pictures: list[NDArray[np.uint8]] = []
    step = TIC_RATE_HZ / RATE_HZ
    with av.open(str(video)) as container:
        for tic, frame in enumerate(container.decode(video=0)):
            if tic == int(len(pictures) * step):
                pictures.append(_view(shrink, frame, side_px))
    return np.stack(pictures)


def _view(shrink: VideoReformatter, frame: av.VideoFrame, side_px: int) -> NDArray[np.uint8]:
    scale = min(Fraction(1), Fraction(CLIPS.size_px, min(frame.width, frame.height)))
    width, height = round(frame.width * scale), round(frame.height * scale)
    image = shrink.reformat(frame, width, height, "rgb24", interpolation=Interpolation.BILINEAR, threads=1)
    return square(image.to_ndarray(), side_px)


def square(image: NDArray[np.uint8], side_px: int) -> NDArray[np.uint8]:
    """RGB (H, W, 3) -> (side, side, 3) as VideoMAE's image processor makes it, before the pixels become numbers."""
    height, width = image.shape[:2]
    shorter = min(height, width)
    size = (int(side_px * width / shorter), int(side_px * height / shorter))
    small = np.asarray(Image.fromarray(image).resize(size, Image.Resampling.BILINEAR))
    top, left = (small.shape[0] - side_px) // 2, (small.shape[1] - side_px) // 2
    return small[top : top + side_px, left : left + side_px]

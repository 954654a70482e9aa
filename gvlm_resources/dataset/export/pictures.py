"""The pictures of frames that an export holds: asked for, checked, and named."""

from __future__ import annotations

import io
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, UnidentifiedImageError

from gvlm_resources.dataset.examples.example import Example
from gvlm_resources.errors import ReleaseError
from gvlm_resources.lake.layout import KEY_PATTERN

Frames = Callable[[str, str], bytes | None]

FOLDER = "images"
HELD = 64  # pictures kept in memory: examples that follow each other often show the same frames
_START = b"\xff\xd8\xff"  # of every JPEG


@dataclass(frozen=True, slots=True)
class _Jpeg:
    content: bytes
    size: tuple[int, int]


def checked_id(what: str, value: str) -> str:
    """`value`, if it can be part of a path. Raises ReleaseError otherwise."""
    if not KEY_PATTERN.fullmatch(value):
        raise ReleaseError(
            f"{value[:100]!r} is no id of {what}", remedy="ids are 1-80 letters, digits, '-' and '_': build it again"
        )
    return value


class Album:
    """The pictures of a release by video and frame.

    Raises ReleaseError, naming the frame, where one is not there, is no JPEG, or has boxes and is not of the size that
    they were measured in.
    """

    def __init__(self, frames: Frames) -> None:
        self._frames = frames
        self._held: OrderedDict[tuple[str, str], _Jpeg] = OrderedDict()
        self._saved: dict[str, tuple[int, int]] = {}  # their sizes by path
        self.count = 0  # pictures written, each time that one was

    def jpeg(self, example: Example, frame_id: str) -> bytes:
        """The picture itself."""
        picture = self._picture(example, frame_id)
        _check_boxes(example, frame_id, picture.size)
        return picture.content

    def _picture(self, example: Example, frame_id: str) -> _Jpeg:
        key = (checked_id("a video", example.video), checked_id("a frame", frame_id))
        if key in self._held:
            self._held.move_to_end(key)
            return self._held[key]
        content = self._frames(*key)
        if content is None:
            raise ReleaseError(
                f"there is no picture of the frame {frame_id} of {example.video}, which {example.example_id} shows",
                remedy=f"build its frames: `gvlm build {example.video} --select frames`; frames of imported features "
                "that were not sampled here have none",
            )
        self._held[key] = _opened(content, f"the frame {frame_id} of {example.video}")
        while len(self._held) > HELD:
            self._held.popitem(last=False)
        return self._held[key]

    def saved(self, folder: Path, example: Example, frame_id: str) -> str:
        """The path below `folder`, with `/`, of the picture, which is written there once."""
        video, frame = checked_id("a video", example.video), checked_id("a frame", frame_id)
        name = f"{FOLDER}/{video}/{frame}.jpg"
        if name not in self._saved:
            picture = self._picture(example, frame_id)
            path = folder / FOLDER / video / f"{frame}.jpg"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(picture.content)
            self._saved[name] = picture.size
            self.count += 1
        _check_boxes(example, frame_id, self._saved[name])
        return name


def _check_boxes(example: Example, frame_id: str, size: tuple[int, int]) -> None:
    if frame_id in example.box_frames and size != (example.width, example.height):
        raise ReleaseError(
            f"the picture of the frame {frame_id} of {example.video} is {size[0]} x {size[1]}, and the boxes of "
            f"{example.example_id} were measured in {example.width} x {example.height}",
            remedy="build the training examples and the release again",
        )


def _opened(content: bytes, what: str) -> _Jpeg:
    remedy = "delete the frames of this video and build them again"
    if not content.startswith(_START):
        raise ReleaseError(f"the picture of {what} is no JPEG", remedy=remedy)
    try:
        with Image.open(io.BytesIO(content)) as opened:
            return _Jpeg(content, opened.size)
    except (UnidentifiedImageError, OSError) as error:
        raise ReleaseError(f"the picture of {what} cannot be read: {error}", remedy=remedy) from error

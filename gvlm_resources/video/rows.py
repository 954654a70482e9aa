"""The rows of the three tables that one decode fills, made frame by frame in the order of time.

Each of the classes is told of every settled frame that concerns it, and holds no more than what later frames are
compared with.
"""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass
from typing import Any, Protocol

from gvlm_resources.game import HudRegion
from gvlm_resources.schemas import STATUS_FAILED, STATUS_FILTERED, STATUS_OK
from gvlm_resources.settings import FrameSettings
from gvlm_resources.timebase import moment_id
from gvlm_resources.video import encode
from gvlm_resources.video.crops import Crop, changed, role_of
from gvlm_resources.video.damage import Settled
from gvlm_resources.video.display import Display
from gvlm_resources.video.marks import DuplicateFinder, Look, motion, scene_distance
from gvlm_resources.video.picture import Picture, StoredImage
from gvlm_resources.video.sampling import ClipWindow, Plan, Role


class Rows(Protocol):
    """Where finished rows go."""

    def add(self, row: dict[str, Any]) -> None: ...


@dataclass(slots=True)
class Moment:
    """One settled frame with its times."""

    frame: int
    pts_ns: int
    source_pts: int
    roles: int
    is_keyframe: bool
    picture: Picture | None
    reason: str

    @classmethod
    def of(cls, plan: Plan, settled: Settled[Picture]) -> Moment:
        packet = plan.index.frame_packets[settled.frame]
        return cls(
            frame=settled.frame,
            pts_ns=int(plan.index.times_ns[settled.frame]),
            source_pts=int(plan.index.pts[packet]),
            roles=int(plan.roles[settled.frame]),
            is_keyframe=bool(plan.index.starts[packet]),
            picture=settled.made,
            reason=settled.reason,
        )


class FrameRows:
    """Rows of `schemas.FRAMES`: what the rate asks for, and the early key frames that show another scene."""

    def __init__(self, rows: Rows, video_id: str, settings: FrameSettings) -> None:
        self._rows = rows
        self._video_id = video_id
        self._settings = settings
        self._duplicates = DuplicateFinder(settings.duplicate_bits)
        self._before: Look | None = None  # of the row before
        self._on_screen_before: Moment | None = None
        self.statuses: Counter[str] = Counter()

    def add(self, moment: Moment) -> None:
        is_new_scene = self._is_new_scene(moment)
        if moment.roles & Role.RATE or is_new_scene:
            self._row(moment, is_new_scene=is_new_scene)
        if moment.roles & Role.BEFORE:
            self._on_screen_before = moment

    def _is_new_scene(self, moment: Moment) -> bool:
        """Whether an early key frame shows another scene than the frame before it, whatever was sampled last."""
        before = self._on_screen_before
        if not moment.roles & Role.SCENE or before is None or before.frame != moment.frame - 1:
            return False
        if moment.picture is None or before.picture is None:
            return False
        return scene_distance(before.picture.look, moment.picture.look) >= self._settings.scene_threshold

    def _row(self, moment: Moment, *, is_new_scene: bool) -> None:
        if moment.picture is None:
            self._emit(moment, _NOTHING, status=STATUS_FAILED)
            return
        look, image = moment.picture.look, moment.picture.frame
        marks = {
            "width": image.width,
            "height": image.height,
            "image": image.jpeg,
            "phash": look.phash,
            "sharpness": look.sharpness,
            "brightness": look.brightness,
            "motion": motion(self._before, look) if self._before is not None else 0.0,
            "is_scene_change": is_new_scene,
            "is_black": look.brightness <= self._settings.black_level,
            "is_blurred": look.sharpness < self._settings.blur_level,
            "duplicate_of": self._duplicates.original_of(moment_id("f", moment.pts_ns), look),
        }
        self._before = look
        self._emit(moment, marks, status=STATUS_OK)

    def _emit(self, moment: Moment, marks: dict[str, Any], *, status: str) -> None:
        self.statuses[status] += 1
        self._rows.add(
            {
                "video_id": self._video_id,
                "frame_id": moment_id("f", moment.pts_ns),
                "pts_ns": moment.pts_ns,
                "source_pts": moment.source_pts,
                "sampled_by": "rate" if moment.roles & Role.RATE else "scene",
                "is_keyframe": moment.is_keyframe,
                "status": status,
                "reason": moment.reason,
                **marks,
            }
        )


_NOTHING: dict[str, Any] = {
    "width": 0,
    "height": 0,
    "image": b"",
    "phash": 0,
    "sharpness": 0.0,
    "brightness": 0.0,
    "motion": 0.0,
    "is_scene_change": False,
    "is_black": False,
    "is_blurred": False,
    "duplicate_of": None,
}


class ClipRows:
    """Rows of `schemas.CLIPS`. Holds the images of the windows that are open, each once."""

    def __init__(self, rows: Rows, video_id: str, plan: Plan) -> None:
        self._rows = rows
        self._video_id = video_id
        self._times_ns = plan.index.times_ns
        self._open = deque(plan.windows)
        self._images: dict[int, StoredImage | str] = {}  # by frame number: the image, or why there is none
        self.statuses: Counter[str] = Counter()

    def add(self, moment: Moment) -> None:
        self._images[moment.frame] = moment.picture.clip if moment.picture is not None else moment.reason
        while self._open and self._open[0].frames[-1] <= moment.frame:
            self._emit(self._open.popleft())
            least = self._open[0].frames[0] if self._open else moment.frame + 1
            self._images = {frame: image for frame, image in self._images.items() if frame >= least}

    def _emit(self, window: ClipWindow) -> None:
        shown = [self._images[frame] for frame in window.frames.tolist()]
        images = [image for image in shown if isinstance(image, StoredImage)]
        status, reason = STATUS_OK, ""
        if len(images) < len(shown):
            lost = next(image for image in shown if isinstance(image, str))
            status, reason = STATUS_FAILED, f"{len(shown) - len(images)} of {len(shown)} frames failed: {lost}"
            images = []
        elif not window.whole:
            status, reason = STATUS_FILTERED, "the window reaches past the start or the end of the video"
        self.statuses[status] += 1
        self._rows.add(
            {
                "video_id": self._video_id,
                "clip_id": moment_id("c", window.start_ns),
                "start_ns": window.start_ns,
                "end_ns": window.end_ns,
                "frame_pts_ns": self._times_ns[window.frames].tolist(),
                "images": [image.jpeg for image in images],
                "width": images[0].width if images else 0,
                "height": images[0].height if images else 0,
                "status": status,
                "reason": reason,
            }
        )


@dataclass(slots=True)
class _Shown:
    crop: Crop
    latest: Crop
    start_ns: int


class HudRows:
    """Rows of `schemas.HUD_CROPS`: a region's crop for as long as its pixels stay. In the order of their ends.

    A frame that could not be decoded ends the spans of the regions that it was wanted for: what it showed is not known.
    """

    def __init__(
        self, rows: Rows, video_id: str, regions: tuple[HudRegion, ...], display: Display, changed_level: float
    ) -> None:
        self._rows = rows
        self._video_id = video_id
        self._regions = regions
        self._display = display
        self._level = changed_level
        self._shown: list[_Shown | None] = [None] * len(regions)
        self.count = 0

    def add(self, moment: Moment) -> None:
        if moment.picture is None:
            for at, region in enumerate(self._regions):
                if moment.roles & role_of(region):
                    self._close_one(at, moment.pts_ns)
            return
        for at, crop in moment.picture.crops.items():
            shown = self._shown[at]
            if shown is not None and (crop is shown.latest or not changed(shown.crop, crop, self._level)):
                shown.latest = crop
                continue
            self._close_one(at, moment.pts_ns)
            self._shown[at] = _Shown(crop, crop, moment.pts_ns)

    def close(self, end_ns: int) -> None:
        """End every open span at `end_ns`."""
        for at in range(len(self._regions)):
            self._close_one(at, end_ns)

    def _close_one(self, at: int, end_ns: int) -> None:
        shown, self._shown[at] = self._shown[at], None
        if shown is None:
            return
        self.count += 1
        name = self._regions[at].name
        self._rows.add(
            {
                "video_id": self._video_id,
                "crop_id": f"{moment_id('h', shown.start_ns)}-{name}",
                "region": name,
                "start_ns": shown.start_ns,
                "end_ns": end_ns,
                "image": encode.png(shown.crop.bgr(self._display)),
                "box": [float(edge) for edge in shown.crop.place.box],
                "width": shown.crop.place.whole[0],
                "height": shown.crop.place.whole[1],
            }
        )

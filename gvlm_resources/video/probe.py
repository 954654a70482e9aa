"""What a video file is, from its packets: its real frames, times, streams, and what is wrong with it.

Every packet is read and one picture decoded. What a header says is not believed where the packets say otherwise.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from fractions import Fraction
from pathlib import Path
from typing import Self

import av
import numpy as np
from av.container import InputContainer
from av.error import FFmpegError

from gvlm_resources.errors import SourceError
from gvlm_resources.settings import VideoSettings
from gvlm_resources.timebase import NS_PER_S, s_from_ns
from gvlm_resources.video.display import Display
from gvlm_resources.video.index import (
    DECLARED_SLACK_NS,
    REMEDY_REPAIR,
    Scan,
    opened,
    packets_of,
    scan,
    video_stream,
)
from gvlm_resources.video.packets import PacketIndex

DISPLAY_MATRIX = "DISPLAYMATRIX"
UNUSUAL_TICKS = 2  # two intervals of one rate differ by at most this where a container rounds


@dataclass(frozen=True, slots=True)
class AudioStream:
    """One sound track. Times are media time; `duration_ns` is from its first packet to the end of its last."""

    index: int
    codec: str
    rate_hz: int
    channels: int
    start_ns: int
    duration_ns: int


@dataclass(frozen=True, slots=True)
class Probe:
    """What one video file is. Times are media time in ns, intervals are between frames on the screen.

    `origin_ns` is the container's start time, which is zero of media time. `duration_ns` is when the last frame leaves
    the screen. `width` and `height` are of the coded picture; `display_*` with orientation and pixel aspect applied.
    `rotation_deg` is clockwise; `orientation` names the exact turn and mirrors: `swap`, `flip_x`, `flip_y`.
    """

    container: str
    size_bytes: int
    codec: str
    profile: str
    pixel_format: str
    width: int
    height: int
    display_width: int
    display_height: int
    sample_aspect_ratio: str
    rotation_deg: int
    orientation: tuple[str, ...]
    origin_ns: int
    duration_ns: int
    first_frame_ns: int
    frame_count: int
    keyframe_count: int
    average_interval_ns: int
    min_interval_ns: int
    max_interval_ns: int
    is_vfr: bool
    damaged_packets: int
    audio: tuple[AudioStream, ...]

    def __post_init__(self) -> None:
        if self.frame_count < 1 or self.duration_ns <= self.first_frame_ns or self.first_frame_ns < 0:
            raise ValueError(f"a video has frames in [0, duration), got {self}")

    @property
    def has_audio(self) -> bool:
        return bool(self.audio)

    @property
    def audio_end_ns(self) -> int:
        """When the sound track that is used ends; 0 without sound."""
        return self.audio[0].start_ns + self.audio[0].duration_ns if self.audio else 0

    @property
    def display(self) -> Display:
        """How its coded pictures are shown."""
        turned = {name: name in self.orientation for name in ("swap", "flip_x", "flip_y")}
        return Display(**turned, pixel_aspect=Fraction(self.sample_aspect_ratio))

    def to_json(self) -> str:
        return json.dumps(asdict(self), indent=2)

    @classmethod
    def from_json(cls, text: str) -> Self:
        """The probe that `to_json` wrote. Raises KeyError or TypeError for anything else."""
        values = json.loads(text)
        values["audio"] = tuple(AudioStream(**stream) for stream in values["audio"])
        values["orientation"] = tuple(values["orientation"])
        return cls(**values)


def probe(path: Path, settings: VideoSettings) -> Probe:
    """What the file at `path` is.

    Raises SourceError with a code: `missing`, `empty_file`, `not_a_video` (no video container), `corrupt` (a container
    that cannot be read, or of which no picture can be decoded), `no_video_stream`, `no_frames`, `truncated` (less is
    there than the header says), `too_long`, `unsupported` (no timestamps, timestamps that turn back, unknown codec).
    """
    with opened(path) as container:
        _refuse_too_long((container.duration or 0) * 1000, settings, path.name)  # before reading hours of it
    found = scan(path)
    _refuse_truncated(found, path.name)
    longest_ns = max(
        found.packets.end_ns, *(tally.end_ns for tally in found.streams.values() if tally.type == "audio"), 0
    )
    _refuse_too_long(longest_ns, settings, path.name)
    with opened(path) as container:
        return _described(path, container, found)


def _refuse_too_long(duration_ns: int, settings: VideoSettings, name: str) -> None:
    if duration_ns > settings.max_duration_s * NS_PER_S:
        limit = f"{settings.max_duration_s:.0f} s"
        raise SourceError(
            "too_long",
            f"{name} lasts {s_from_ns(duration_ns):.0f} s, the limit is {limit}",
            remedy="cut it into parts, or raise video.max_duration_s",
        )


def _refuse_truncated(found: Scan, name: str) -> None:
    """A file is truncated if packets that an MP4 lists are not there, or if it ends over half a second early."""
    end_ns = max(tally.end_ns for tally in found.streams.values())
    lacking = f"{found.missing_packets} of its packets are" if found.missing_packets else ""
    if not lacking and found.declared_end_ns is not None and end_ns + DECLARED_SLACK_NS < found.declared_end_ns:
        lacking = f"its last {s_from_ns(found.declared_end_ns - end_ns):.1f} s are"
    if lacking:
        raise SourceError("truncated", f"{name} is cut off: {lacking} missing", remedy=REMEDY_REPAIR)


def _described(path: Path, container: InputContainer, found: Scan) -> Probe:
    index = found.packets
    stream = video_stream(container, path.name)
    codec = stream.codec_context.codec.canonical_name
    profile = stream.codec_context.profile or ""
    audio = _audio_streams(container, found)
    picture = _first_picture(container, path.name)
    aspect = stream.sample_aspect_ratio or stream.codec_context.sample_aspect_ratio or Fraction(1)
    display = Display.from_matrix(_display_matrix(picture), aspect if aspect > 0 else Fraction(1))
    display_width, display_height = display.size(picture.width, picture.height)
    average, least, most = _intervals(index)
    return Probe(
        container=container.format.name,
        size_bytes=path.stat().st_size,
        codec=codec,
        profile=profile,
        pixel_format=picture.format.name,
        width=picture.width,
        height=picture.height,
        display_width=display_width,
        display_height=display_height,
        sample_aspect_ratio=str(display.pixel_aspect),
        rotation_deg=display.rotation_deg,
        orientation=tuple(name for name in ("swap", "flip_x", "flip_y") if getattr(display, name)),
        origin_ns=index.origin_ns,
        duration_ns=index.end_ns,
        first_frame_ns=int(index.times_ns[0]),
        frame_count=len(index.times_ns),
        keyframe_count=len(index.keys),
        average_interval_ns=average,
        min_interval_ns=least,
        max_interval_ns=most,
        is_vfr=most - least > UNUSUAL_TICKS * index.time_base * NS_PER_S,
        damaged_packets=int(index.damaged.sum()),
        audio=audio,
    )


def _intervals(index: PacketIndex) -> tuple[int, int, int]:
    """Average, least and greatest time between frames; of a single frame, the time it is shown."""
    gaps = np.diff(index.times_ns)
    if len(gaps) == 0:
        shown = index.end_ns - int(index.times_ns[0])
        return shown, shown, shown
    return round(int(gaps.sum()) / len(gaps)), int(gaps.min()), int(gaps.max())


def _audio_streams(container: InputContainer, found: Scan) -> tuple[AudioStream, ...]:
    """The sound tracks that hold anything, the one to use first."""
    best = container.streams.best("audio")
    order = sorted(
        container.streams.audio, key=lambda stream: (best is None or stream.index != best.index, stream.index)
    )
    described = []
    for stream in order:
        tally = found.streams[stream.index]
        if stream.codec_context is None or not tally.packets or tally.start_ns is None:
            continue
        context = stream.codec_context
        start_ns = max(0, tally.start_ns)
        described.append(
            AudioStream(
                index=stream.index,
                codec=context.codec.canonical_name,
                rate_hz=context.sample_rate,
                channels=context.layout.nb_channels,
                start_ns=start_ns,
                duration_ns=max(0, tally.end_ns - start_ns),
            )
        )
    return tuple(described)


def _first_picture(container: InputContainer, name: str) -> av.VideoFrame:
    """The first picture that can be decoded. Raises SourceError `corrupt` where there is none."""
    stream = video_stream(container, name)
    stream.codec_context.thread_count = 1
    for packet in packets_of(container, stream):
        try:
            pictures = stream.codec_context.decode(packet)
        except FFmpegError:
            continue
        if pictures:
            return pictures[0]
    try:
        pictures = stream.codec_context.decode(None)
    except FFmpegError:
        pictures = []
    if not pictures:
        raise SourceError("corrupt", f"not one picture of {name} can be decoded", remedy=REMEDY_REPAIR)
    return pictures[0]


def _display_matrix(picture: av.VideoFrame) -> list[int] | None:
    for data in picture.side_data:
        if data.type.name == DISPLAY_MATRIX:
            return np.frombuffer(data, np.int32).tolist()
    return None

"""Which frames are wanted, and which packets a decoder must see for them (pure).

The frame of an instant is the one on screen then: the last whose time is not after it, by the real frame times. An
instant before the first frame takes the first frame where that comes before the next instant, so that a picture track
that starts some milliseconds late loses nothing. Instants lie before the end of the video.

A decoder is spared three kinds of packets, none of which can change a wanted picture: groups of pictures without a
wanted frame, what follows the last wanted frame of a group, and pictures that nobody asked for and no other picture
depends on. Everything else is decoded.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntFlag

import numpy as np
from numpy.typing import NDArray

from gvlm_resources.timebase import NS_PER_S, ns_from_s
from gvlm_resources.video.packets import PacketIndex

REGULAR = 0.9  # of the longest interval between key frames: from here on an interval counts as the regular one
RATE_SLACK = 1.001  # a video of at most this times a region's rate has every frame looked at


class Role(IntFlag):
    """What a frame is wanted for."""

    RATE = 1
    SCENE = 2
    CLIP = 4
    NUMBER = 8
    MESSAGE = 16
    BEFORE = 32  # on screen just before a frame that is wanted as SCENE: what that is compared with


@dataclass(frozen=True, slots=True)
class ClipRate:
    """Windows of `frames` frames at `rate_hz`, one every `every_s`."""

    every_s: float
    frames: int
    rate_hz: float

    def __post_init__(self) -> None:
        if not (self.every_s > 0 and self.frames >= 1 and self.rate_hz > 0):
            raise ValueError(f"clips need a positive step, length and rate, got {self}")


@dataclass(frozen=True, slots=True)
class Wants:
    """What is asked of a video; None for what is not."""

    frames_hz: float | None = None
    clips: ClipRate | None = None
    numbers_hz: float | None = None
    messages_hz: float | None = None

    def __post_init__(self) -> None:
        if any(rate is not None and rate <= 0 for rate in (self.frames_hz, self.numbers_hz, self.messages_hz)):
            raise ValueError(f"a rate is positive, got {self}")


@dataclass(frozen=True)
class ClipWindow:
    """One clip: its span, the number of the frame on screen at each of its instants, and whether it has all of them."""

    start_ns: int
    end_ns: int
    frames: NDArray[np.int64]
    whole: bool


@dataclass(frozen=True, slots=True)
class Segment:
    """Wanted frames between two key frames, and the packets that give them.

    The wanted ones are among the frames `[first_frame, stop_frame)`; no other segment has a frame of those. Of the
    packets `[start, stop)`, the segment's own group, those that `Plan.own` marks are decoded. Where `tail` is not
    `stop`, frames that lead the next key frame are wanted too: then follow those of `[stop, tail)` that `Plan.lead`
    marks. `packets` counts both.
    """

    start: int
    stop: int
    tail: int
    first_frame: int
    stop_frame: int
    packets: int


@dataclass(frozen=True)
class Plan:
    """The answer to `Wants` for one video. Frames are numbered in the order of time.

    `roles`: for each frame what it is wanted for. `own` and `lead`: for each packet whether it is decoded, in its own
    group or as what leads the next key frame.
    """

    index: PacketIndex
    roles: NDArray[np.uint8]
    windows: tuple[ClipWindow, ...]
    segments: tuple[Segment, ...]
    own: NDArray[np.bool_]
    lead: NDArray[np.bool_]

    @property
    def wanted(self) -> NDArray[np.int64]:
        """Numbers of the wanted frames, rising."""
        return np.flatnonzero(self.roles)

    @property
    def packets(self) -> int:
        """How many packets are decoded, one counted twice where it is decoded twice."""
        return sum(segment.packets for segment in self.segments)


def instants_ns(rate_hz: float, end_ns: int) -> NDArray[np.int64]:
    """k / rate_hz for k = 0, 1, ... while it lies before `end_ns`."""
    count = int(np.ceil(end_ns * rate_hz / NS_PER_S)) + 1
    instants = np.rint(np.arange(count) * NS_PER_S / rate_hz).astype(np.int64)
    return instants[instants < end_ns]


def on_screen(times_ns: NDArray[np.int64], instants: NDArray[np.int64], step_ns: int) -> NDArray[np.int64]:
    """The number of the frame on screen at each of the rising `instants`; -1 where the video has not begun.

    `times_ns` are the frames' times, rising. The instant less than `step_ns` before the first frame takes that frame.
    """
    frames = np.searchsorted(times_ns, instants, side="right") - 1
    soon = (frames < 0) & (times_ns[0] < instants + step_ns)
    return np.where(soon, 0, frames)


def frames_at_rate(index: PacketIndex, rate_hz: float) -> NDArray[np.int64]:
    """Numbers of the frames on screen at k / rate_hz, each once."""
    frames = on_screen(index.times_ns, instants_ns(rate_hz, index.end_ns), ns_from_s(1 / rate_hz))
    return np.unique(frames[frames >= 0])


def frames_up_to(index: PacketIndex, rate_hz: float) -> NDArray[np.int64]:
    """Every frame of a video of at most `rate_hz`, else those on screen at k / rate_hz."""
    count = len(index.times_ns)
    shown_ns = index.end_ns - int(index.times_ns[0])
    if count * NS_PER_S <= rate_hz * RATE_SLACK * shown_ns:
        return np.arange(count)
    return frames_at_rate(index, rate_hz)


def scene_candidates(index: PacketIndex) -> NDArray[np.int64]:
    """Frames that are key frames before one was due: where an encoder saw the picture change.

    One is due after the longest interval found, if at least two intervals (in packets) come near it. Where none is
    repeated there is no cadence, and every key frame but the first is a candidate.
    """
    lengths = np.diff(index.keys)
    if len(lengths) == 0:
        return np.empty(0, np.int64)
    near = lengths >= REGULAR * lengths.max()
    early = index.keys[1:][~near] if near.sum() > 1 else index.keys[1:]
    number = np.full(len(index), -1, np.int64)
    number[index.frame_packets] = np.arange(len(index.frame_packets))
    frames = number[early]
    return np.sort(frames[frames > 0])


def clip_windows(index: PacketIndex, rate: ClipRate) -> tuple[ClipWindow, ...]:
    """The windows that start before the end of the video and show something.

    A window that reaches past the end, or that starts before the first frame, has the frames that exist and is not
    `whole`. Its span ends with the video.
    """
    length_ns = ns_from_s(rate.frames / rate.rate_hz)
    steps = np.rint(np.arange(rate.frames) * NS_PER_S / rate.rate_hz).astype(np.int64)
    windows = []
    for start in instants_ns(1 / rate.every_s, index.end_ns).tolist():
        instants = start + steps
        instants = instants[instants < index.end_ns]
        frames = on_screen(index.times_ns, instants, ns_from_s(1 / rate.rate_hz))
        frames = frames[frames >= 0]
        if len(frames):
            end = min(start + length_ns, index.end_ns)
            windows.append(ClipWindow(start, end, frames, whole=len(frames) == rate.frames))
    return tuple(windows)


def plan(index: PacketIndex, wants: Wants) -> Plan:
    """Every wanted frame of the video, and the least of its packets that gives them exactly."""
    roles = np.zeros(len(index.frame_packets), np.uint8)
    windows: tuple[ClipWindow, ...] = ()
    if wants.frames_hz is not None:
        candidates = scene_candidates(index)
        roles[candidates] |= np.uint8(Role.SCENE)
        roles[candidates - 1] |= np.uint8(Role.BEFORE)
        roles[frames_at_rate(index, wants.frames_hz)] |= np.uint8(Role.RATE)
    if wants.clips is not None:
        windows = clip_windows(index, wants.clips)
        for window in windows:
            roles[window.frames] |= np.uint8(Role.CLIP)
    if wants.numbers_hz is not None:
        roles[frames_up_to(index, wants.numbers_hz)] |= np.uint8(Role.NUMBER)
    if wants.messages_hz is not None:
        roles[frames_up_to(index, wants.messages_hz)] |= np.uint8(Role.MESSAGE)
    segments, own, lead = _decoding(index, roles)
    return Plan(index, roles, windows, segments, own, lead)


def _decoding(
    index: PacketIndex, roles: NDArray[np.uint8]
) -> tuple[tuple[Segment, ...], NDArray[np.bool_], NDArray[np.bool_]]:
    wanted = np.zeros(len(index), np.bool_)
    wanted[index.frame_packets] = roles > 0
    useful = wanted | ~index.disposable
    leads = index.leading & (index.gop > 0)
    own, lead = np.zeros(len(index), np.bool_), np.zeros(len(index), np.bool_)
    edges = [*index.keys.tolist(), len(index)]
    segments = []
    of_frame = index.segment[index.frame_packets]
    for number in np.unique(index.segment[wanted]).tolist():
        start, stop = edges[number], edges[number + 1]
        following = edges[number + 2] if number + 2 < len(edges) else stop
        leading = stop + np.flatnonzero((wanted & leads)[stop:following])
        if len(leading):
            tail = int(leading[-1]) + 1
            lead[stop:tail] = useful[stop:tail] & leads[stop:tail]
            lead[stop] = True  # the key frame they lead
        else:
            tail = stop = start + int(np.flatnonzero((wanted & ~leads)[start:stop])[-1]) + 1
        own[start:stop] = useful[start:stop] & ~leads[start:stop]
        count = int(own[start:stop].sum() + lead[stop:tail].sum())
        first_frame, stop_frame = np.searchsorted(of_frame, [number, number + 1]).tolist()
        segments.append(Segment(start, stop, tail, first_frame, stop_frame, count))
    return tuple(segments), own, lead

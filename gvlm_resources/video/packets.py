"""The packets of one video stream as arrays: times, groups of pictures, what depends on what (pure)."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from gvlm_resources.timebase import NS_PER_S

NO_PTS = np.iinfo(np.int64).min


def media_ns(pts: NDArray[np.int64], time_base: Fraction, origin_ns: int) -> NDArray[np.int64]:
    """Media time of stream timestamps, the same to the nanosecond as `timebase.ns_from_pts`, for whole arrays.

    Split into whole seconds and a rest, because pts * 10^9 leaves 64 bits after a few hours of a fine clock.
    """
    seconds, ticks = np.divmod(pts * time_base.numerator, time_base.denominator)
    whole, rest = np.divmod(ticks * NS_PER_S, time_base.denominator)
    up = (2 * rest > time_base.denominator) | ((2 * rest == time_base.denominator) & (whole % 2 == 1))
    return seconds * NS_PER_S + whole + up - origin_ns


@dataclass(frozen=True)
class PacketIndex:
    """Every packet of a video stream in the order of the file, which is the order of decoding. Arrays of length n.

    `pts`: stream timestamps, NO_PTS where there is none. `starts`: decoding may begin here. `disposable`: no other
    picture depends on it. `displayed`: it comes out as a picture that a player shows. `damaged`: the container says
    that it is broken. `duration`: in ticks, 0 where unknown.
    """

    time_base: Fraction
    origin_ns: int
    pts: NDArray[np.int64]
    duration: NDArray[np.int64]
    starts: NDArray[np.bool_]
    disposable: NDArray[np.bool_]
    displayed: NDArray[np.bool_]
    damaged: NDArray[np.bool_]

    def __post_init__(self) -> None:
        sizes = {len(a) for a in (self.pts, self.duration, self.starts, self.disposable, self.displayed, self.damaged)}
        if len(sizes) != 1:
            raise ValueError(f"the columns of an index have one length, got {sorted(sizes)}")
        if np.any(self.pts[self.displayed] == NO_PTS):
            raise ValueError("a displayed packet has a timestamp")

    def __len__(self) -> int:
        return len(self.pts)

    @cached_property
    def keys(self) -> NDArray[np.int64]:
        """Positions where a group of pictures starts."""
        return np.flatnonzero(self.starts)

    @cached_property
    def gop(self) -> NDArray[np.int64]:
        """For each packet, the number of the group it is in; -1 before the first key frame."""
        return np.cumsum(self.starts) - 1

    @cached_property
    def leading(self) -> NDArray[np.bool_]:
        """Packets after a key frame in the file and before it on the screen: an open group's first pictures."""
        key_pts = (
            np.where(self.gop >= 0, self.pts[self.keys[np.maximum(self.gop, 0)]], NO_PTS)
            if len(self.keys)
            else self.pts
        )
        return (self.pts != NO_PTS) & (self.pts < key_pts)

    @cached_property
    def segment(self) -> NDArray[np.int64]:
        """For each packet, the key frame interval of the screen that it is shown in.

        Leading pictures belong to the interval before their key frame: they are decoded after it, and need what came
        before. In the first group they are either decodable alone or not displayed.
        """
        return np.where(self.leading & (self.gop > 0), self.gop - 1, self.gop)

    @cached_property
    def frame_packets(self) -> NDArray[np.int64]:
        """Positions of the displayed packets in the order of time: frame number -> packet."""
        shown = np.flatnonzero(self.displayed)
        return shown[np.argsort(self.pts[shown], kind="stable")]

    @cached_property
    def times_ns(self) -> NDArray[np.int64]:
        """Media time of each frame, rising."""
        return media_ns(self.pts[self.frame_packets], self.time_base, self.origin_ns)

    @cached_property
    def end_ns(self) -> int:
        """Media time at which the last frame leaves the screen: its own duration, or else the median interval."""
        if len(self.frame_packets) == 0:
            return 0
        last = self.frame_packets[-1]
        ticks = int(self.duration[last])
        if ticks <= 0:
            gaps = np.diff(self.pts[self.frame_packets])
            ticks = int(np.median(gaps)) if len(gaps) else 1
        end = media_ns(self.pts[last : last + 1] + ticks, self.time_base, self.origin_ns)
        return max(int(end[0]), int(self.times_ns[-1]) + 1)

    @cached_property
    def turns_back_at_ns(self) -> int | None:
        """The first time at which frames of a segment stand among those of an earlier one, or None."""
        back = np.flatnonzero(np.diff(self.segment[self.frame_packets]) < 0)
        return int(self.times_ns[back[0]]) if len(back) else None

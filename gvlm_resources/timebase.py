"""Media time (pure).

Inside, time is `int64` nanoseconds of media time: the source's presentation clock less the container's start time,
so that 0 is where a player starts. Sound and picture share that origin. The untouched stream timestamp travels beside
it as `source_pts`. People and prompts see `MM:SS`, from an hour on `HH:MM:SS`.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

NS_PER_S = 1_000_000_000


def ns_from_pts(pts: int, time_base: Fraction, *, origin_ns: int = 0) -> int:
    """Media time in ns of a stream timestamp `pts` in units of `time_base` seconds, rounded half to even."""
    return round(Fraction(pts) * time_base * NS_PER_S) - origin_ns


def ns_from_s(seconds: float) -> int:
    """Nanoseconds of a duration or time given in seconds."""
    return round(seconds * NS_PER_S)


def s_from_ns(ns: int) -> float:
    """Seconds, for display and plots only: nothing stores them."""
    return ns / NS_PER_S


def format_clock(ns: int) -> str:
    """`MM:SS`, or `HH:MM:SS` from an hour on; the second that the moment lies in (rounded down)."""
    sign = "-" if ns < 0 else ""
    total_s = abs(ns) // NS_PER_S
    hours, rest = divmod(total_s, 3600)
    minutes, seconds = divmod(rest, 60)
    if hours:
        return f"{sign}{hours:02d}:{minutes:02d}:{seconds:02d}"
    return f"{sign}{minutes:02d}:{seconds:02d}"


def moment_id(prefix: str, pts_ns: int) -> str:
    """Id of a thing at a moment, unique within a video: the prefix and microseconds, `f000012000000`.

    Twelve digits sort by time for videos of up to eleven days.
    """
    if pts_ns < 0:
        raise ValueError(f"a moment lies at or after the start of the media, got {pts_ns} ns")
    return f"{prefix}{pts_ns // 1000:012d}"


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """Half-open `[start_ns, end_ns)`. A moment is a span of one nanosecond or more, never of none."""

    start_ns: int
    end_ns: int

    def __post_init__(self) -> None:
        if self.end_ns <= self.start_ns:
            raise ValueError(f"a span ends after it starts, got [{self.start_ns}, {self.end_ns})")

    @property
    def duration_ns(self) -> int:
        return self.end_ns - self.start_ns

    @property
    def middle_ns(self) -> int:
        return (self.start_ns + self.end_ns) // 2

    def contains(self, ns: int) -> bool:
        return self.start_ns <= ns < self.end_ns

    def overlaps(self, other: Span) -> bool:
        return self.start_ns < other.end_ns and other.start_ns < self.end_ns

    def label(self) -> str:
        """`MM:SS`, or `MM:SS-MM:SS` where start and last second differ."""
        start, end = format_clock(self.start_ns), format_clock(self.end_ns - 1)
        return start if start == end else f"{start}-{end}"

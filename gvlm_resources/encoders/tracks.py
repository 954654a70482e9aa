"""Which sighting is which thing: boxes of one frame after the other joined into tracks (pure).

Sampled frames lie far apart: what is in sight jumps by several of its own sizes from one to the next, and most of that
is the camera turning, which moves everything alike. So the shift that most things share is found first; then sightings
and tracks of one concept are assigned to each other at the least total cost, in which distance in units of size, change
of size, overlap and, where given, appearance count. What is not seen moves on with the camera and along its own course,
until it is forgotten or the scene changes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from gvlm_resources.encoders.masks import Box
from gvlm_resources.timebase import ns_from_s, s_from_ns

Floats = NDArray[np.float64]

# Chosen on recordings of training maps, at 1, 2 and 8 frames a second; docs/entities.md has the figures.
REACH = 1.5  # sizes that a thing strays from where it is expected
REACH_PER_S = 1.0  # and for every second that it was not seen
STRETCH = 0.4  # how far, as a logarithm, its size strays
SAME_SHIFT = 0.5  # sizes by which things that share a shift stray from it
OVERLAP_WEIGHT = 3.0
APPEARANCE_WEIGHT = 6.0
MOST_COST = 9.0  # of a sighting that continues a track
DOUBT = 0.5  # a shift that was not to be expected needs more than one thing, on either frame, to agree to it
COURSE_SHARE = 0.25  # of a thing's last move of its own in its course
COURSE_KEPT_S = 2.0  # a course falls to 1/e in that time
CAMERA_KEPT_S = 1.0


@dataclass(frozen=True, slots=True)
class Sighting:
    """Something of a concept on one frame. `appearance` is a vector of unit length."""

    concept: str
    box: Box
    appearance: NDArray[np.float32] | None = None


@dataclass(slots=True)
class _Track:
    number: int
    concept: str
    centre: Floats  # x, y: where it is, or has to be expected, on the last frame
    size: Floats  # logarithms of width and height
    course: Floats  # of its own beside the camera's, in pixels a second
    seen_ns: int
    appearance: NDArray[np.float32] | None = None

    @property
    def name(self) -> str:
        return f"t{self.number}"


@dataclass(slots=True)
class Tracks:
    """Feed it the frames of one video in order. Equal frames give equal names."""

    forget_after_s: float = 5.0
    _live: list[_Track] = field(default_factory=list)
    _camera: Floats = field(default_factory=lambda: np.zeros(2))  # what it does to the picture, in pixels a second
    _count: int = 0
    _now_ns: int | None = None

    def update(self, pts_ns: int, sightings: Sequence[Sighting], *, is_cut: bool = False) -> list[str]:
        """The track of each sighting of a frame: `t1`, `t2` ... by first appearance, then by the sightings' order.

        `is_cut` says that a scene begins here: nothing of before goes on.
        """
        passed_s = self._passed_s(pts_ns)
        self._forget(pts_ns, is_cut=is_cut)
        expected_shift = self._camera * passed_s * np.exp(-passed_s / CAMERA_KEPT_S)
        known: dict[int, _Track] = {}
        shift = expected_shift
        for track in self._live:
            track.centre = track.centre + _own_move(track, passed_s)
        if self._live and sightings:
            pairs = _Pairs(self._live, sightings, pts_ns)
            guess = pairs.shared_shift(expected_shift)
            matched = pairs.assigned(guess)
            shift = pairs.common_move(matched, guess)
            known = {place: self._live[row] for row, place in matched}
        self._move(known, sightings, pts_ns, shift, passed_s)
        return [(known.get(place) or self._begin(pts_ns, one)).name for place, one in enumerate(sightings)]

    def carry(self, pts_ns: int, boxes: Mapping[str, Box]) -> None:
        """Take boxes of a frame whose tracks are known already, by the name of the track."""
        passed_s = self._passed_s(pts_ns)
        self._forget(pts_ns, is_cut=False)
        for track in self._live:
            track.centre = track.centre + _own_move(track, passed_s)
        seen = [track for track in self._live if track.name in boxes]
        sightings = [Sighting(track.concept, boxes[track.name]) for track in seen]
        moves = [_shape(one.box)[0] - track.centre for one, track in zip(sightings, seen, strict=True)]
        shift = np.median(moves, axis=0) if moves else self._camera * passed_s
        self._move(dict(enumerate(seen)), sightings, pts_ns, shift, passed_s)

    def _passed_s(self, pts_ns: int) -> float:
        passed_s = s_from_ns(pts_ns - self._now_ns) if self._now_ns is not None else 0.0
        if passed_s < 0:
            raise ValueError(f"frames come in the order of time, got {pts_ns} ns after {self._now_ns} ns")
        self._now_ns = pts_ns
        return passed_s

    def _forget(self, pts_ns: int, *, is_cut: bool) -> None:
        oldest_ns = pts_ns - ns_from_s(self.forget_after_s)
        self._live = [] if is_cut else [track for track in self._live if track.seen_ns >= oldest_ns]
        if is_cut:
            self._camera = np.zeros(2)

    def _move(
        self,
        known: Mapping[int, _Track],
        sightings: Sequence[Sighting],
        pts_ns: int,
        shift: Floats,
        passed_s: float,
    ) -> None:
        """Every track to where it is now: those seen by their sighting, the others by the camera's shift."""
        if passed_s:
            self._camera = shift / passed_s
        seen = {id(track): sightings[place] for place, track in known.items()}
        for track in self._live:
            expected = track.centre + shift
            sighting = seen.get(id(track))
            if sighting is None:
                track.centre = expected
                track.course = track.course * np.exp(-passed_s / COURSE_KEPT_S)
                continue
            centre, track.size = _shape(sighting.box)
            if passed_s:
                stray = (centre - expected + _own_move(track, passed_s)) / passed_s
                track.course = COURSE_SHARE * stray + (1 - COURSE_SHARE) * track.course
            track.centre, track.seen_ns = centre, pts_ns
            track.appearance = sighting.appearance if sighting.appearance is not None else track.appearance

    def _begin(self, pts_ns: int, sighting: Sighting) -> _Track:
        self._count += 1
        centre, size = _shape(sighting.box)
        track = _Track(self._count, sighting.concept, centre, size, np.zeros(2), pts_ns, sighting.appearance)
        self._live.append(track)
        return track


class _Pairs:
    """Every track with every sighting; arrays are (tracks, sightings)."""

    def __init__(self, tracks: Sequence[_Track], sightings: Sequence[Sighting], pts_ns: int) -> None:
        shapes = [_shape(sighting.box) for sighting in sightings]
        self._track_size = np.array([track.size for track in tracks])
        self._size = np.array([size for _, size in shapes])
        self._unseen_s = np.array([[s_from_ns(pts_ns - track.seen_ns)] for track in tracks])
        self._moves = np.array([centre for centre, _ in shapes])[None] - np.array([t.centre for t in tracks])[:, None]
        self._stretches = self._size[None] - self._track_size[:, None]
        self._scale = np.exp((self._size[None] + self._track_size[:, None]) / 2).mean(axis=2)
        self._is_kin = np.array([[track.concept == one.concept for one in sightings] for track in tracks])
        self._unlike = np.array([[_unlikeness(track, one) for one in sightings] for track in tracks])

    def shared_shift(self, expected: Floats) -> Floats:
        """(2,): how far the camera seems to have moved the picture.

        Each pair that could be one thing proposes its own move, beside the expected shift and none at all, and each
        track and sighting that would fit under a proposal agrees to it.
        """
        fits = self._is_kin & (np.abs(self._stretches).max(axis=2) < 2 * STRETCH)
        proposals = np.concatenate([expected[None], np.zeros((1, 2)), self._moves[fits]])
        strays = ((self._moves[None] - proposals[:, None, None]) ** 2).sum(axis=3)
        stretched = (self._stretches**2).sum(axis=2) / (2 * STRETCH**2)
        agreed = np.where(fits, np.exp(-strays / (2 * (SAME_SHIFT * self._scale) ** 2) - stretched), 0.0)
        votes = np.minimum(agreed.max(axis=2).sum(axis=1), agreed.max(axis=1).sum(axis=1))
        votes[:2] += DOUBT
        votes[2:] -= DOUBT
        return proposals[int(votes.argmax())]

    def assigned(self, shift: Floats) -> list[tuple[int, int]]:
        """Places of tracks and sightings that are one thing, at the least total cost."""
        costs = self._costs(shift)
        rows, columns = linear_sum_assignment(np.minimum(costs, MOST_COST))
        return [(int(r), int(c)) for r, c in zip(rows, columns, strict=True) if costs[r, c] < MOST_COST]

    def common_move(self, matched: Sequence[tuple[int, int]], guess: Floats) -> Floats:
        """(2,): the camera's shift by those that were matched; with few of them the guess counts too."""
        moves = [self._moves[pair] for pair in matched]
        return np.median(moves, axis=0) if len(moves) > 2 else np.mean([*moves, guess], axis=0)

    def _costs(self, shift: Floats) -> Floats:
        moves = self._moves - shift
        far = (moves**2).sum(axis=2) / (self._scale * (REACH + REACH_PER_S * self._unseen_s)) ** 2
        stretched = (self._stretches**2).mean(axis=2) / (STRETCH * (1 + self._unseen_s)) ** 2
        apart = 1 - _overlaps(moves, self._track_size, self._size)
        costs = far + stretched + OVERLAP_WEIGHT * apart + APPEARANCE_WEIGHT * self._unlike
        return np.where(self._is_kin, costs, 2 * MOST_COST)


def _unlikeness(track: _Track, sighting: Sighting) -> float:
    """One less the cosine; 0 where one has no appearance."""
    if track.appearance is None or sighting.appearance is None:
        return 0.0
    return 1.0 - float(track.appearance @ sighting.appearance)


def _own_move(track: _Track, passed_s: float) -> Floats:
    return track.course * passed_s * np.exp(-passed_s / COURSE_KEPT_S)


def _shape(box: Box) -> tuple[Floats, Floats]:
    """Centre, and logarithms of width and height."""
    x0, y0, x1, y1 = box
    return np.array([(x0 + x1) / 2, (y0 + y1) / 2]), np.log([max(x1 - x0, 1.0), max(y1 - y0, 1.0)])


def _overlaps(moves: Floats, sizes: Floats, others: Floats) -> Floats:
    """Intersection over union of boxes whose centres lie `moves` apart, of logarithms of sizes."""
    one, other = np.exp(sizes)[:, None], np.exp(others)[None]
    low = np.maximum(-one / 2, moves - other / 2)
    high = np.minimum(one / 2, moves + other / 2)
    shared = np.clip(high - low, 0, None).prod(axis=2)
    return shared / (one.prod(axis=2) + other.prod(axis=2) - shared)

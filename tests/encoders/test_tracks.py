"""Joining sightings into tracks, on scenes whose truth is known."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pytest
from scipy.optimize import linear_sum_assignment

from gvlm_resources.encoders.masks import Box
from gvlm_resources.encoders.tracks import Sighting, Tracks

S = 1_000_000_000
WIDTH, HEIGHT = 640, 480


@dataclass(frozen=True)
class Actor:
    """Something with a course; `box` is None while it is not in sight."""

    name: str
    concept: str
    box: Callable[[float], Box | None]


def square(x: float, y: float, side: float = 40.0) -> Box:
    return (x - side / 2, y - side / 2, x + side / 2, y + side / 2)


def straight(x: float, y: float, vx: float, vy: float, *, unseen: tuple[float, float] = (-1, -1)) -> Callable:
    """Constant speed; out of sight outside the frame, and from the one time to the other."""

    def box(t: float) -> Box | None:
        cx, cy = x + vx * t, y + vy * t
        is_in = 0 < cx < WIDTH and 0 < cy < HEIGHT
        return square(cx, cy) if is_in and not unseen[0] <= t < unseen[1] else None

    return box


def played(
    actors: Sequence[Actor],
    *,
    hz: float,
    seconds: float,
    noise: float = 0.0,
    missing: float = 0.0,
    cuts: Sequence[float] = (),
    tracks: Tracks | None = None,
) -> list[tuple[float, str, str]]:
    """(time, actor, track) of every sighting."""
    dice = np.random.default_rng(0)
    tracks = tracks or Tracks()
    seen = []
    for k in range(round(hz * seconds)):
        t = k / hz
        there = [(actor, actor.box(t)) for actor in actors]
        there = [(actor, box) for actor, box in there if box is not None and dice.random() >= missing]
        there = [there[i] for i in dice.permutation(len(there))]
        sightings = [
            Sighting(actor.concept, tuple(np.array(box) + dice.normal(size=4) * noise * (box[2] - box[0])))
            for actor, box in there
        ]
        names = tracks.update(round(t * S), sightings, is_cut=any(abs(t - cut) < 1e-9 for cut in cuts))
        seen += [(t, actor.name, name) for (actor, _), name in zip(there, names, strict=True)]
    return seen


def tracks_of(seen: Sequence[tuple[float, str, str]], actor: str) -> list[str]:
    return list(dict.fromkeys(track for _, one, track in seen if one == actor))


def idf1(seen: Sequence[tuple[float, str, str]]) -> float:
    """Share of sightings that lie on the track that is their actor's, one track each (Ristani et al. 2016)."""
    pairs = Counter((actor, track) for _, actor, track in seen)
    actors, tracks = sorted({a for a, _ in pairs}), sorted({t for _, t in pairs})
    counts = np.array([[pairs[a, t] for t in tracks] for a in actors])
    return counts[linear_sum_assignment(-counts)].sum() / len(seen)


@pytest.mark.parametrize("hz", [2, 8])
def test_things_that_cross_keep_their_names(hz: float) -> None:
    """They lie on each other in the middle, and are of one concept and size."""
    actors = [
        Actor("right", "imp", straight(100, 200, 60, 0)),
        Actor("left", "imp", straight(500, 215, -60, 0)),
        Actor("down", "imp", straight(200, 60, 0, 45)),
    ]
    seen = played(actors, hz=hz, seconds=6, noise=0.02)
    assert idf1(seen) == 1.0
    assert {track for _, _, track in seen} == {"t1", "t2", "t3"}


def test_a_thing_that_is_hidden_for_a_while_keeps_its_name() -> None:
    actors = [
        Actor("walks", "imp", straight(80, 200, 70, 0, unseen=(3, 5))),
        Actor("stands", "imp", straight(420, 300, 0, 0)),
    ]
    for hz in (2, 8):
        seen = played(actors, hz=hz, seconds=7)
        assert tracks_of(seen, "walks") == tracks_of(seen, "walks")[:1]
        assert idf1(seen) == 1.0


def test_what_stays_away_too_long_comes_back_as_another() -> None:
    actors = [Actor("a", "imp", straight(300, 200, 0, 0, unseen=(2, 8)))]
    assert tracks_of(played(actors, hz=2, seconds=10, tracks=Tracks(forget_after_s=5)), "a") == ["t1", "t2"]
    assert tracks_of(played(actors, hz=2, seconds=10, tracks=Tracks(forget_after_s=7)), "a") == ["t1"]


def test_a_cut_ends_every_track() -> None:
    actors = [Actor("a", "imp", straight(300, 200, 0, 0)), Actor("b", "imp", straight(100, 100, 0, 0))]
    seen = played(actors, hz=2, seconds=4, cuts=[2.0])
    before, after = ({track for t, _, track in seen if (t < 2) is early} for early in (True, False))
    assert (before, after) == ({"t1", "t2"}, {"t3", "t4"})


def test_what_leaves_and_what_enters_are_two() -> None:
    """One goes out on the right while another comes in on the left."""
    actors = [
        Actor("out", "imp", straight(500, 200, 80, 0)),
        Actor("in", "imp", straight(-200, 200, 80, 0)),
    ]
    seen = played(actors, hz=2, seconds=8)
    assert len(tracks_of(seen, "out")) == len(tracks_of(seen, "in")) == 1
    assert tracks_of(seen, "out") != tracks_of(seen, "in")


def test_concepts_never_share_a_track() -> None:
    actors = [
        Actor("imp", "imp", lambda t: square(300, 200) if t < 2 else None),
        Actor("barrel", "barrel", lambda t: square(300, 200) if t >= 2 else None),
    ]
    seen = played(actors, hz=2, seconds=4)
    assert tracks_of(seen, "imp") == ["t1"]
    assert tracks_of(seen, "barrel") == ["t2"]


def turned(x: float, y: float, by: Callable[[float], float]) -> Callable[[float], Box | None]:
    """Something that stands, seen by a camera that turns."""

    def box(t: float) -> Box | None:
        at = x - by(t)
        return square(at, y) if 0 < at < WIDTH else None

    return box


def test_a_turn_of_the_camera_takes_everything_with_it_by_more_than_its_size() -> None:
    """By 150 pixels a frame, back and forth, with things of 40 pixels some 100 apart: overlap is of no use."""

    def by(t: float) -> float:
        return 150.0 * (round(t * 2) % 3)

    places = [(120, 200), (260, 260), (420, 190), (480, 330), (620, 240), (700, 210), (820, 250)]
    actors = [Actor(str(k), "imp", turned(x, y, by)) for k, (x, y) in enumerate(places)]
    seen = played(actors, hz=2, seconds=10, noise=0.02)
    assert idf1(seen) > 0.95


def test_what_a_turning_camera_lost_from_sight_is_known_when_it_turns_back() -> None:
    def by(t: float) -> float:
        return 200.0 * min(t, 4 - t) if t < 4 else 0.0

    places = [(60, 200), (150, 260), (330, 190), (440, 330), (560, 240), (700, 210), (820, 300), (930, 180)]
    actors = [Actor(str(k), "imp", turned(x, y, by)) for k, (x, y) in enumerate(places)]
    assert idf1(played(actors, hz=4, seconds=6, noise=0.02)) == 1.0


def test_noise_and_missing_detections_cost_few_names() -> None:
    dice = np.random.default_rng(1)
    actors = [
        Actor(str(k), "imp" if k % 2 else "barrel", straight(x, y, vx, vy))
        for k, (x, y, vx, vy) in enumerate(
            zip(
                dice.uniform(100, 540, 8),
                dice.uniform(80, 400, 8),
                dice.uniform(-30, 30, 8),
                dice.uniform(-15, 15, 8),
                strict=True,
            )
        )
    ]
    seen = played(actors, hz=2, seconds=10, noise=0.05, missing=0.15)
    assert idf1(seen) > 0.9


def test_looks_decide_where_places_do_not() -> None:
    """Two things change places between two frames: with their appearance they keep their names, without they do not."""
    looks = {"a": np.array([1, 0], np.float32), "b": np.array([0, 1], np.float32)}

    def names(*, with_looks: bool) -> tuple[list[str], list[str]]:
        tracks = Tracks()

        def sightings(first: str, second: str) -> list[Sighting]:
            places = ((first, square(200, 200)), (second, square(250, 200)))
            return [Sighting("imp", box, looks[name] if with_looks else None) for name, box in places]

        return tracks.update(0, sightings("a", "b")), tracks.update(S, sightings("b", "a"))

    assert names(with_looks=True) == (["t1", "t2"], ["t2", "t1"])
    assert names(with_looks=False) == (["t1", "t2"], ["t1", "t2"])


def test_boxes_that_were_carried_on_move_their_track() -> None:
    tracks = Tracks()
    assert tracks.update(0, [Sighting("imp", square(100, 200)), Sighting("imp", square(300, 200))]) == ["t1", "t2"]
    for k in range(1, 8):  # t1 goes where t2 was, t2 off to the right
        tracks.carry(k * S // 4, {"t1": square(100 + 28 * k, 200), "t2": square(300 + 28 * k, 200)})
    assert tracks.update(2 * S, [Sighting("imp", square(324, 200)), Sighting("imp", square(524, 200))]) == ["t1", "t2"]


def test_names_are_the_same_for_the_same_frames() -> None:
    actors = [Actor(str(k), "imp", straight(60 + 60 * k, 100 + 30 * k, 20 - 8 * k, 5)) for k in range(8)]
    assert played(actors, hz=2, seconds=6, noise=0.1) == played(actors, hz=2, seconds=6, noise=0.1)


def test_frames_out_of_order_are_refused() -> None:
    tracks = Tracks()
    tracks.update(S, [])
    with pytest.raises(ValueError, match="order of time"):
        tracks.update(0, [])

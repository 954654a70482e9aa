"""How well boxes on sampled frames are joined into tracks, against the engine's truth and against plain overlap.

    python benchmarks/tracks.py RECORDINGS [--rates 1 2 8] [--noise 0.03] [--missing 0.1]

Boxes of monsters and of things to pick up, at least 6 pixels wide and high, as the engine has them, each edge shifted
by `noise` of the box's size (one standard deviation) and `missing` of them left out; a concept is the engine's
category.
What was out of sight for longer than `entities.forget_after_s` counts as another thing when it comes back. IDF1: the
share of boxes that lie on the one track that is their thing's (Ristani et al. 2016). A switch is a box on another track
than the one before of the same thing. Plain overlap is the same assignment by intersection over union of at least 0.1.
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
from scipy.optimize import linear_sum_assignment

from gvlm_resources.encoders.masks import Box
from gvlm_resources.encoders.tracks import Sighting, Tracks
from gvlm_resources.settings import EntitySettings

S = 1_000_000_000
TICS_PER_S = 35
CATEGORIES = ("Monster", "Ammo", "Health", "Armor", "Weapon", "Key")
LEAST_PX = 6
LEAST_OVERLAP = 0.1
Thing = tuple[int, int]  # the engine's number, and which visit to the screen it is
Frame = tuple[int, list[Sighting], list[Thing]]


@dataclass(frozen=True, slots=True)
class Harm:
    noise: float
    missing: float


def frames(truth: Path, rate_hz: float, harm: Harm, seed: int) -> Iterator[Frame]:
    """Sampled frames with their boxes in a random order, and which thing each is."""
    dice = np.random.default_rng(seed)
    forget_ns = EntitySettings().forget_after_s * S
    last_ns: dict[int, int] = {}
    visits: Counter[int] = Counter()
    for tic, row in enumerate(pq.read_table(truth, columns=["pts_ns", "objects"]).to_pylist()):
        for one in row["objects"]:
            visits[one["id"]] += row["pts_ns"] - last_ns.get(one["id"], -(10**18)) > forget_ns
            last_ns[one["id"]] = row["pts_ns"]
        if tic % max(1, round(TICS_PER_S / rate_hz)):
            continue
        seen = [(box, one) for one in row["objects"] if (box := harmed(one, harm, dice)) is not None]
        seen = [seen[place] for place in dice.permutation(len(seen))]
        things = [(one["id"], visits[one["id"]]) for _, one in seen]
        yield row["pts_ns"], [Sighting(one["category"], box) for box, one in seen], things


def harmed(one: dict, harm: Harm, dice: np.random.Generator) -> Box | None:
    x0, y0, x1, y1 = one["box"]
    size = np.array([x1 - x0, y1 - y0, x1 - x0, y1 - y0], float)
    is_wanted = one["category"] in CATEGORIES and not one["name"].startswith("Dead")
    if not is_wanted or size.min() < LEAST_PX or dice.random() < harm.missing:
        return None
    left, top, right, bottom = one["box"] + dice.normal(size=4) * harm.noise * size
    return (left, top, max(right, left + 1), max(bottom, top + 1))


class Overlap:
    """Plain tracking by overlap with the last box."""

    def __init__(self) -> None:
        self._live: list[tuple[str, str, Box, int]] = []
        self._count = 0

    def update(self, pts_ns: int, sightings: Sequence[Sighting]) -> list[str]:
        forget_ns = EntitySettings().forget_after_s * S
        self._live = [track for track in self._live if track[3] >= pts_ns - forget_ns]
        names: list[str] = [""] * len(sightings)
        if self._live and sightings:
            overlaps = np.array(
                [
                    [iou(box, one.box) * (concept == one.concept) for one in sightings]
                    for _, concept, box, _ in self._live
                ]
            )
            for row, place in zip(*linear_sum_assignment(-overlaps), strict=True):
                if overlaps[row, place] >= LEAST_OVERLAP:
                    names[place] = self._live[row][0]
        seen = set(names)
        self._live = [track for track in self._live if track[0] not in seen]
        for place, one in enumerate(sightings):
            if not names[place]:
                self._count += 1
                names[place] = f"t{self._count}"
            self._live.append((names[place], one.concept, one.box, pts_ns))
        return names


def iou(one: Box, other: Box) -> float:
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    if width <= 0 or height <= 0:
        return 0.0
    areas = [(box[2] - box[0]) * (box[3] - box[1]) for box in (one, other)]
    return width * height / (sum(areas) - width * height)


def measure(truths: Sequence[Path], rate_hz: float, harm: Harm, kind: type) -> tuple[float, int, int]:
    """IDF1, switches and boxes over all recordings."""
    right = switches = boxes = 0
    for seed, truth in enumerate(truths):
        tracker, last, pairs = kind(), {}, Counter()
        for pts_ns, sightings, things in frames(truth, rate_hz, harm, seed):
            for thing, name in zip(things, tracker.update(pts_ns, sightings), strict=True):
                pairs[thing, name] += 1
                switches += last.get(thing, name) != name
                last[thing] = name
        rows = {thing: number for number, thing in enumerate(dict.fromkeys(thing for thing, _ in pairs))}
        columns = {name: number for number, name in enumerate(dict.fromkeys(name for _, name in pairs))}
        counts = np.zeros((len(rows), len(columns)), int)
        for (thing, name), count in pairs.items():
            counts[rows[thing], columns[name]] = count
        right += int(counts[linear_sum_assignment(-counts)].sum())
        boxes += int(counts.sum())
    return right / boxes, switches, boxes


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recordings", type=Path)
    parser.add_argument("--rates", type=float, nargs="+", default=[1, 2, 8])
    parser.add_argument("--noise", type=float, default=0.03)
    parser.add_argument("--missing", type=float, default=0.1)
    given = parser.parse_args()
    truths = sorted(given.recordings.glob("*.truth.parquet"))
    print(f"{len(truths)} recordings, noise {given.noise:g}, missing {given.missing:g}")
    print("frames/s    boxes   IDF1 overlap   IDF1 tracks   switches overlap   switches tracks")
    for rate in given.rates:
        plain, plain_switches, boxes = measure(truths, rate, Harm(given.noise, given.missing), Overlap)
        ours, switches, _ = measure(truths, rate, Harm(given.noise, given.missing), Tracks)
        print(f"{rate:8g} {boxes:8} {plain:14.3f} {ours:13.3f} {plain_switches:18} {switches:17}")


if __name__ == "__main__":
    main()

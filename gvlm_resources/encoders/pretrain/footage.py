"""The footage that the small checkpoints learn from: which levels are recorded, and which are kept for the test.

Held out by level: what is measured on the test maps was never seen in training, neither a wall of them nor a monster at
its place. The lists below are the whole recipe; level, seed, skill and bot give a recording back bit for bit.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from gvlm_resources.errors import SettingsError, SourceError
from gvlm_resources.simulator import truth

TIC_RATE_HZ = 35


@dataclass(frozen=True, slots=True)
class Series:
    """Recordings whose levels and bots take turns and whose seeds count up, as the simulator's `record` makes them."""

    levels: tuple[str, ...]
    bots: tuple[str, ...]
    count: int
    seconds: float
    seed: int
    skill: int


_BRAWL = (
    *("freedoom2/MAP01", "freedoom1/E1M3", "freedoom2/MAP03", "deathmatch/MAP01", "freedoom1/E1M5", "freedoom2/MAP07"),
    *("freedoom1/E2M1", "freedoom2/MAP09", "freedoom1/E1M7", "freedoom2/MAP12", "freedoom1/E3M1"),
    *("defend_the_line/MAP01", "freedoom2/MAP14", "freedoom1/E2M6"),
)
_ROAM = (
    *("freedoom1/E1M6", "freedoom2/MAP05", "freedoom1/E2M3", "freedoom2/MAP11", "freedoom1/E1M8", "freedoom2/MAP13"),
    *("deathmatch/MAP01", "freedoom1/E3M3", "freedoom2/MAP16", "freedoom1/E1M9", "freedoom2/MAP17", "freedoom1/E2M5"),
    *("defend_the_center/MAP01", "freedoom1/E3M4"),
)
_WIDE = (
    *("freedoom1/E1M2", "freedoom2/MAP04", "freedoom1/E2M7", "freedoom2/MAP18", "freedoom1/E2M9", "freedoom2/MAP19"),
    *("freedoom1/E3M5", "freedoom2/MAP20", "freedoom1/E3M6", "freedoom2/MAP21", "freedoom1/E3M7", "freedoom2/MAP22"),
    *("freedoom1/E4M1", "freedoom2/MAP23", "freedoom1/E4M2", "freedoom2/MAP24", "freedoom1/E4M3", "freedoom2/MAP25"),
    *("freedoom1/E4M4", "freedoom2/MAP26", "freedoom1/E4M5", "freedoom2/MAP27", "freedoom1/E4M6", "freedoom2/MAP28"),
)
_TEST = (
    *("freedoom2/MAP02", "freedoom1/E1M1", "freedoom2/MAP06", "freedoom1/E2M2", "freedoom2/MAP08"),
    *("freedoom1/E1M4", "freedoom2/MAP15", "freedoom1/E3M2", "freedoom2/MAP10", "freedoom1/E2M4"),
)
_CALM = (
    *("freedoom2/MAP01", "freedoom1/E1M3", "freedoom1/E2M3", "freedoom2/MAP13", "freedoom1/E1M6", "freedoom2/MAP17"),
    *("freedoom1/E3M4", "freedoom2/MAP05"),
)
_CALM_TEST = (
    *("freedoom2/MAP02", "freedoom1/E1M1", "freedoom2/MAP08", "freedoom1/E1M4", "freedoom1/E3M2", "freedoom2/MAP10"),
)

SERIES: dict[str, tuple[Series, ...]] = {
    "train": (
        Series(_BRAWL, ("reckless", "fighter", "explorer"), count=28, seconds=60, seed=1000, skill=4),
        Series(_ROAM, ("fighter", "explorer", "reckless", "cautious"), count=28, seconds=60, seed=2000, skill=3),
    ),
    "dev": (
        Series(("freedoom1/E1M6",), ("explorer",), count=1, seconds=45, seed=1, skill=3),
        Series(("freedoom1/E2M5",), ("cautious",), count=1, seconds=40, seed=5, skill=3),
        Series(("freedoom1/E3M3",), ("reckless",), count=1, seconds=45, seed=4, skill=4),
        Series(("freedoom2/MAP01",), ("fighter",), count=1, seconds=50, seed=1, skill=4),
        Series(("freedoom2/MAP05",), ("reckless",), count=1, seconds=45, seed=1, skill=5),
        Series(("freedoom2/MAP11",), ("fighter",), count=1, seconds=45, seed=3, skill=4),
    ),
    "wide": (Series(_WIDE, ("fighter", "reckless", "explorer"), count=24, seconds=45, seed=3000, skill=4),),
    # Players who stand about, for the probe of the clips alone.
    "calm": (Series(_CALM, ("idler",), count=8, seconds=30, seed=4000, skill=1),),
    "calm_test": (Series(_CALM_TEST, ("idler",), count=6, seconds=30, seed=4100, skill=1),),
    "test": (Series(_TEST, ("fighter", "explorer", "reckless"), count=10, seconds=60, seed=100, skill=4),),
}
TRAIN_PARTS = ("train", "dev", "wide")
TEST_PARTS = ("test",)


def levels_of(parts: Sequence[str]) -> frozenset[str]:
    """The levels that are recorded for these parts."""
    return frozenset(level for part in parts for series in SERIES[part] for level in series.levels)


@dataclass(frozen=True, slots=True)
class Footage:
    """A folder with one folder of recordings for each part; a part may be missing or still growing."""

    folder: Path

    def train(self) -> tuple[Path, ...]:
        """Manifests (`*.truth.json`) of the recordings to learn from, by name.

        Raises SettingsError where one of them is of a test map.
        """
        found = self._manifests(TRAIN_PARTS)
        forbidden = levels_of(TEST_PARTS)
        for manifest in found:
            level = level_of(manifest)
            if level in forbidden:
                raise SettingsError(f"{manifest} is of {level}, a test map", remedy="move it out of the training parts")
        return found

    def test(self) -> tuple[Path, ...]:
        """Manifests of the recordings to measure on. Raises SettingsError where one is of a training map."""
        found = self._manifests(TEST_PARTS)
        seen = levels_of(TRAIN_PARTS)
        for manifest in found:
            level = level_of(manifest)
            if level in seen:
                raise SettingsError(f"{manifest} is of {level}, a training map", remedy="move it out of test/")
        return found

    def _manifests(self, parts: Sequence[str]) -> tuple[Path, ...]:
        found = [path for part in parts for path in sorted((self.folder / part).glob("*.truth.json")) if _whole(path)]
        if not found:
            raise SourceError(
                "missing",
                f"there are no recordings under {self.folder} in {', '.join(parts)}",
                remedy=f"run `python -m gvlm_resources.encoders.pretrain record --footage {self.folder}`",
            )
        return tuple(found)


def _whole(manifest: Path) -> bool:
    """The table is written last: without it a recording is still under way."""
    name = manifest.name.removesuffix(".truth.json")
    return truth.table_path(manifest.parent, name).exists() and video_of(manifest).exists()


def video_of(manifest: Path) -> Path:
    return manifest.with_name(manifest.name.removesuffix(".truth.json") + ".mp4")


def level_of(manifest: Path) -> str:
    """The level that a recording was made of, as the truth beside it has it."""
    return truth.read(manifest).recording.level


def record(footage: Footage, parts: Sequence[str] | None = None) -> Iterator[str]:
    """Record what is missing of the parts (default: all of them), and name each recording when it is there."""
    from gvlm_resources.simulator.catalogue import Level
    from gvlm_resources.simulator.recorder import DEFAULT_CRF, plan_series
    from gvlm_resources.simulator.recorder import record as record_plan

    for part in parts or SERIES:
        if part not in SERIES:
            raise SettingsError(f"there is no part {part!r}", remedy=f"name one of {', '.join(SERIES)}")
        for series in SERIES[part]:
            plans = plan_series(
                [Level.parse(level) for level in series.levels],
                series.bots,
                count=series.count,
                tics=round(series.seconds * TIC_RATE_HZ),
                seed=series.seed,
                skill=series.skill,
                crf=DEFAULT_CRF,
            )
            for plan in plans:
                folder = footage.folder / part
                if not _whole(truth.manifest_path(folder, plan.name)):
                    record_plan(plan, folder)
                yield f"{part}/{plan.name}"

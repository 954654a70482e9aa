"""What differs of two releases: videos, settings, examples, and whether one trains on what the other tests with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import polars as pl

from gvlm_resources.dataset.releases.release_files import Release
from gvlm_resources.dataset.releases.release_spec import SPLITS, Decision, ReleaseSpec

NAMED = 20  # ids that the text names; JSON has all of them
SETTINGS = ("seed", "filters", "ratios", "dedup", "balance")
_COLUMNS = ("example_id", "digest", "split", "kind", "duplicate_group")


@dataclass(frozen=True)
class Changed:
    """One setting, as it was and as it is."""

    setting: str
    before: Any
    after: Any


@dataclass(frozen=True)
class Moved:
    example_id: str
    before: str
    after: str


@dataclass(frozen=True)
class Difference:
    """From release `before` to release `after`; every list is in order.

    `rebuilt` are videos whose examples were made anew, `changed` examples in both whose content differs, `moved` those
    in another split. `kinds` has the number of examples of each kind in both. `leaks` are examples that `before` tests
    with and `after` trains on, under whatever id; `leaking_groups` groups of videos of which that is true.
    """

    before: str
    after: str
    videos_added: tuple[str, ...]
    videos_removed: tuple[str, ...]
    rebuilt: tuple[str, ...]
    settings: tuple[Changed, ...]
    decisions_added: tuple[str, ...]
    decisions_removed: tuple[str, ...]
    decisions_changed: tuple[str, ...]
    added: tuple[str, ...]
    removed: tuple[str, ...]
    changed: tuple[str, ...]
    moved: tuple[Moved, ...]
    counts: Mapping[str, tuple[int, int]]
    kinds: Mapping[str, tuple[int, int]]
    leaks: tuple[str, ...]
    leaking_groups: tuple[str, ...]

    @property
    def is_empty(self) -> bool:
        """Whether both hold the same examples in the same splits."""
        return not (self.added or self.removed or self.changed or self.moved)

    @property
    def warnings(self) -> tuple[str, ...]:
        told = []
        if self.leaks:
            told.append(
                f"{len(self.leaks)} examples of the test split of {self.before} are in the train split of "
                f"{self.after}: do not compare models trained on the one by the test of the other"
            )
        if self.leaking_groups:
            told.append(
                f"{len(self.leaking_groups)} groups of videos that {self.before} tests with are trained on in "
                f"{self.after}"
            )
        return tuple(told)

    def as_json(self) -> dict[str, Any]:
        return {**asdict(self), "warnings": list(self.warnings)}

    def as_text(self) -> str:
        """For a terminal: a line a finding, long lists cut."""
        lines = [f"{self.before} -> {self.after}", *(f"WARNING: {warning}" for warning in self.warnings)]
        for name, values in (("added", self.videos_added), ("removed", self.videos_removed), ("rebuilt", self.rebuilt)):
            lines += _listed(f"videos {name}", values)
        for change in self.settings:
            lines.append(f"setting {change.setting}: {change.before} -> {change.after}")
        for name in ("added", "removed", "changed"):
            lines += _listed(f"decisions {name}", getattr(self, f"decisions_{name}"))
        for name in ("added", "removed", "changed"):
            lines += _listed(f"examples {name}", getattr(self, name))
        lines += _listed(
            "examples moved", [f"{moved.example_id} ({moved.before} -> {moved.after})" for moved in self.moved]
        )
        lines += [_counted(name, *counts) for name, counts in {**self.counts, **self.kinds}.items()]
        return "\n".join(lines) + "\n"


def diff(before: Release, after: Release) -> Difference:
    """What has to be said of the way from one release to another. Reads their specs and indexes, no lines."""
    one, other = before.spec, after.spec
    old, new = _index(before), _index(after)
    both = old.join(new, on="example_id", suffix="_after").sort("example_id")
    moved = both.filter(pl.col("split") != pl.col("split_after")).select("example_id", "split", "split_after")
    videos = {video.video_id: video.fingerprint for video in one.inputs}
    videos_after = {video.video_id: video.fingerprint for video in other.inputs}
    decided = {decision.pair_id: decision for decision in one.decisions}
    decided_after = {decision.pair_id: decision for decision in other.decisions}
    test, train = old.filter(pl.col("split") == "test"), new.filter(pl.col("split") == "train")
    return Difference(
        before=one.name,
        after=other.name,
        videos_added=_missing(videos_after, videos),
        videos_removed=_missing(videos, videos_after),
        rebuilt=_different(videos, videos_after),
        settings=tuple(_settings(one, other)),
        decisions_added=_missing(decided_after, decided),
        decisions_removed=_missing(decided, decided_after),
        decisions_changed=_different(decided, decided_after),
        added=_ids(new.join(old, on="example_id", how="anti")),
        removed=_ids(old.join(new, on="example_id", how="anti")),
        changed=_ids(both.filter(pl.col("digest") != pl.col("digest_after"))),
        moved=tuple(Moved(*row) for row in moved.iter_rows()),
        counts=_counts(old, new, "split", SPLITS),
        kinds=_counts(old, new, "kind", sorted({*old["kind"], *new["kind"]})),
        leaks=_ids(
            pl.concat([test.join(train, on=key, how="semi") for key in ("example_id", "digest")]).unique("example_id")
        ),
        leaking_groups=_leaking_groups(before, after),
    )


def _index(release: Release) -> pl.DataFrame:
    frame = pl.from_arrow(release.index.select(list(_COLUMNS)))
    assert isinstance(frame, pl.DataFrame)
    return frame


def _leaking_groups(before: Release, after: Release) -> tuple[str, ...]:
    """Groups of `before`'s test split of which a video is in `after`'s train split."""
    tested = {video["video_id"]: video["group"] for video in before.manifest["inputs"] if video["split"] == "test"}
    trained = {video["video_id"] for video in after.manifest["inputs"] if video["split"] == "train"}
    return tuple(sorted({group for video, group in tested.items() if video in trained}))


def _settings(one: ReleaseSpec, other: ReleaseSpec) -> list[Changed]:
    before, after = (_flat(spec.model_dump(mode="json", include=set(SETTINGS))) for spec in (one, other))
    return [Changed(name, before[name], after[name]) for name in before if before[name] != after[name]]


def _flat(values: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name in SETTINGS:
        value = values[name]
        found |= {f"{name}.{part}": each for part, each in value.items()} if isinstance(value, dict) else {name: value}
    return found


def _missing(of: Mapping[str, Any], in_: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(sorted(set(of) - set(in_)))


def _different(before: Mapping[str, str | Decision], after: Mapping[str, str | Decision]) -> tuple[str, ...]:
    return tuple(sorted(name for name, value in before.items() if name in after and after[name] != value))


def _ids(frame: pl.DataFrame) -> tuple[str, ...]:
    return tuple(sorted(frame["example_id"].to_list()))


def _counts(before: pl.DataFrame, after: pl.DataFrame, column: str, words: Sequence[str]) -> dict[str, tuple[int, int]]:
    counts = [dict(frame[column].value_counts().iter_rows()) for frame in (before, after)]
    return {word: (counts[0].get(word, 0), counts[1].get(word, 0)) for word in words}


def _listed(what: str, values: Sequence[str]) -> list[str]:
    if not values:
        return []
    rest = f" and {len(values) - NAMED} more" if len(values) > NAMED else ""
    return [f"{len(values)} {what}: {', '.join(values[:NAMED])}{rest}"]


def _counted(name: str, before: int, after: int) -> str:
    return f"{name}: {before}" if before == after else f"{name}: {before} -> {after} ({after - before:+d})"

"""Which duplicate group goes into which split (pure).

A group is never divided. Groups that are large beside the smallest split come first, the others in an order drawn by
the seed; each goes where most is missing. So a split is never over its size by more than the group that came last.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from gvlm_resources.dataset.releases.release_spec import SPLITS, Ratios

LARGE = 0.25  # of the smallest split: such groups are placed while there is room
PREFERRED = ("train", "test", "validation")  # who gets a group first where there are fewer groups than splits


@dataclass(frozen=True, slots=True)
class Group:
    """`name` is the first video of the group, `size` the number of its examples, `draw` its number by the seed."""

    name: str
    size: int
    draw: int


@dataclass(frozen=True)
class Splits:
    """`split` has the split of each group by name. `empty` says why a split is empty that was asked for."""

    split: dict[str, str]
    empty: dict[str, str]


def assign(groups: Sequence[Group], ratios: Ratios) -> Splits:
    """A split for every group. With as many groups as splits are asked for, none of those is empty."""
    wanted = [split for split in SPLITS if getattr(ratios, split) > 0]
    filled = [group for group in groups if group.size]
    split = dict.fromkeys((group.name for group in groups if not group.size), _first(wanted, ratios))
    total = sum(group.size for group in filled)
    missing = {name: getattr(ratios, name) * total for name in wanted}
    smallest = min(missing.values(), default=0)
    for group in sorted(filled, key=lambda g: (-g.size if g.size > LARGE * smallest else 0, g.draw, g.name)):
        chosen = max(wanted, key=lambda name: (missing[name], -PREFERRED.index(name)))
        split[group.name] = chosen
        missing[chosen] -= group.size
    _fill_empty(filled, split, wanted, ratios)
    return Splits(split, _why_empty(filled, split, wanted))


def _first(wanted: Sequence[str], ratios: Ratios) -> str:
    return max(wanted, key=lambda name: (getattr(ratios, name), -PREFERRED.index(name)))


def _fill_empty(groups: Sequence[Group], split: dict[str, str], wanted: Sequence[str], ratios: Ratios) -> None:
    """Give each empty split the smallest group of the split that has most of them, while one has two or more."""
    for empty in sorted(wanted, key=lambda name: (-getattr(ratios, name), PREFERRED.index(name))):
        held = {name: [group for group in groups if split[group.name] == name] for name in wanted}
        if held[empty]:
            continue
        richest = max(wanted, key=lambda name: (len(held[name]), sum(group.size for group in held[name])))
        if len(held[richest]) > 1:
            split[min(held[richest], key=lambda group: (group.size, group.draw, group.name)).name] = empty


def _why_empty(groups: Sequence[Group], split: dict[str, str], wanted: Sequence[str]) -> dict[str, str]:
    used = {split[group.name] for group in groups}
    count = f"{len(groups)} duplicate group{'s' if len(groups) != 1 else ''}"
    return {name: f"{count} cannot fill {len(wanted)} splits" for name in wanted if name not in used}

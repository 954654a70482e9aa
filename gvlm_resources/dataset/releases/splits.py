"""Which duplicate group goes into which split (pure).

A group is never divided. All groups stand on one line, each at a place that its key and the seed draw: a place that no
other group changes. The small splits are cut off the beginning of the line, test first, then validation; what is left
trains. So one video more moves only what lies at a cut, and as validation lies between them, hardly ever anything from
test to train. Groups that are pinned go where they are pinned, and count there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from gvlm_resources.dataset.releases.release_spec import SPLITS, Ratios

ON_THE_LINE = ("test", "validation", "train")
PREFERRED = ("train", "test", "validation")  # who gets a group first where there are fewer groups than splits


@dataclass(frozen=True, slots=True)
class Group:
    """`name` is the first video of the group, `size` the number of its examples, `draw` its place on the line.

    `pin` is the split that it has to go to; empty where none was named.
    """

    name: str
    size: int
    draw: int
    pin: str = ""


@dataclass(frozen=True)
class Splits:
    """`split` has the split of each group by name. `empty` says why a split is empty that was asked for."""

    split: dict[str, str]
    empty: dict[str, str]


def assign(groups: Sequence[Group], ratios: Ratios) -> Splits:
    """A split for every group. With as many free groups as splits are asked for, none of those is empty.

    Each pin is to one of the splits that are asked for.
    """
    wanted = [split for split in SPLITS if getattr(ratios, split) > 0]
    rest = max(wanted, key=lambda name: (getattr(ratios, name), -PREFERRED.index(name)))
    split = {group.name: group.pin or rest for group in groups}
    filled = [group for group in groups if group.size]
    line = sorted((group for group in filled if not group.pin), key=lambda group: (group.draw, group.name))
    total = sum(group.size for group in filled)
    pinned = {name: sum(group.size for group in filled if group.pin == name) for name in wanted}
    cut = [name for name in ON_THE_LINE if name in wanted and name != rest]
    for place, name in enumerate(cut):
        later = sum(not pinned[other] for other in (*cut[place + 1 :], rest))  # splits that still need a group
        taken = {group.name for group in _cut_off(line, getattr(ratios, name) * total, pinned[name], later)}
        split.update(dict.fromkeys(taken, name))
        line = [group for group in line if group.name not in taken]
    return Splits(split, _why_empty(filled, split, wanted))


def _cut_off(line: Sequence[Group], target: float, held: int, later: int) -> list[Group]:
    """The groups at the beginning of the line that bring a split nearest to its target, as one stretch.

    A group that is more than twice the target, and more than the average one, is passed over: it is too large for this
    split wherever it stands. `later` groups are left for the splits after this one, if one or more can be had at all.
    """
    average = sum(group.size for group in line) / max(len(line), 1)
    fitting = [group for group in line if group.size <= max(2 * target, average)]
    taken: list[Group] = []
    for group in fitting:
        least = later if held else min(later, 1)  # an empty split comes before those after it, but not before the rest
        if len(line) - len(taken) <= least or (held and held + group.size / 2 > target):
            break
        taken.append(group)
        held += group.size
    return taken


def _why_empty(groups: Sequence[Group], split: dict[str, str], wanted: Sequence[str]) -> dict[str, str]:
    used = {split[group.name] for group in groups}
    count = f"{len(groups)} duplicate group{'s' if len(groups) != 1 else ''}"
    return {name: f"{count} cannot fill {len(wanted)} splits" for name in wanted if name not in used}

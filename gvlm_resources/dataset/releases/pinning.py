"""Groups of videos that have to stay in the splits of an earlier release (pure).

A group goes where its videos are pinned. Where footage that is found only now joins videos that are pinned to different
splits, the group goes to the one of them that is most held out, and the videos that are pinned to another one are left
out: neither release then trains on what the other one tests with. That is told, in the manifest and by the checks.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from gvlm_resources.dataset.releases.release_rows import OTHER_SPLIT, Rows

MOST_HELD_OUT = ("test", "validation", "train")


@dataclass(frozen=True)
class Conflict:
    """A group whose videos were pinned to several splits, the one it went to, and the videos left out, with their pins.

    `examples` are those that were left out for that.
    """

    group: str
    split: str
    left_out: Mapping[str, str]
    examples: int = 0


@dataclass(frozen=True)
class Pins:
    """`of_group` is the split of each group with a pin, by its first video; `left_out` has numbers of videos."""

    of_group: Mapping[str, str]
    left_out: Mapping[int, Conflict]


def pins(pinned: Mapping[str, str], videos: Sequence[str], groups: Sequence[str]) -> Pins:
    """What the pins of videos come to for their groups; `groups` has the first video of each video's group."""
    found: dict[str, dict[int, str]] = {}
    for number, (video, group) in enumerate(zip(videos, groups, strict=True)):
        if video in pinned:
            found.setdefault(group, {})[number] = pinned[video]
    of_group = {group: min(own.values(), key=MOST_HELD_OUT.index) for group, own in found.items()}
    left_out: dict[int, Conflict] = {}
    for group, own in found.items():
        others = {number: split for number, split in own.items() if split != of_group[group]}
        conflict = Conflict(group, of_group[group], {videos[number]: split for number, split in others.items()})
        left_out |= dict.fromkeys(others, conflict)
    return Pins(of_group, left_out)


def leave_out(rows: Rows, pins: Pins) -> list[Conflict]:
    """Remove the examples of videos that are pinned to another split than their group goes to."""
    found: dict[str, Conflict] = {}
    kept = rows.kept
    for number, conflict in pins.left_out.items():
        own = kept[rows.video[kept] == number]
        rows.remove(own, OTHER_SPLIT, f"pinned elsewhere, with footage of {conflict.group} that is in {conflict.split}")
        before = found.get(conflict.group, conflict).examples
        found[conflict.group] = replace(conflict, examples=before + len(own))
    return [conflict for _, conflict in sorted(found.items())]

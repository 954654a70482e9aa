"""What stands in a release's manifest (pure): what it was made from, counts, and the hash of every file.

Nothing in it depends on when, where or how fast the release was built.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gvlm_resources.dataset.releases.dedup import Compared
from gvlm_resources.dataset.releases.pinning import Conflict
from gvlm_resources.dataset.releases.release_rows import LABELS, REASONS, Rows
from gvlm_resources.dataset.releases.release_spec import FORMAT, SPLITS, ReleaseSpec


@dataclass(frozen=True)
class Joined:
    """Why two videos are one duplicate group: `source` or `footage`, with the share of each that is in the other."""

    videos: tuple[str, str]
    why: str
    shares: tuple[float, float] = (1.0, 1.0)


@dataclass(frozen=True)
class Outcome:
    """What a build has come to. `split` is by row, `groups` by video; `shares` are the largest of a kind, by split.

    `compared` is what near-duplicate removal looked at, `conflicts` groups whose videos were pinned to several splits.
    """

    rows: Rows
    split: NDArray[np.int8]
    groups: Sequence[str]
    joined: Sequence[Joined]
    empty: Mapping[str, str]
    shares: Mapping[str, float]
    compared: Compared
    conflicts: Sequence[Conflict]


def manifest(spec: ReleaseSpec, outcome: Outcome, files: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """The manifest as JSON has it. `files` has the SHA-256, the bytes and, where it has any, the rows of each file."""
    rows = outcome.rows
    return {
        "format": FORMAT,
        "name": spec.name,
        "seed": spec.seed,
        "examples_given": len(rows.video),
        "examples": len(rows.kept),
        "splits": {split: _split(spec, outcome, number) for number, split in enumerate(SPLITS)},
        "empty_splits": dict(outcome.empty),
        "removed": _removed(rows),
        "compared": {"pairs_with_alike_words": outcome.compared.pairs, "with_alike_frames": outcome.compared.alike},
        "pinned": {"videos": len(spec.pinned), "conflicts": [_conflict(found) for found in outcome.conflicts]},
        "groups": _groups(spec, outcome),
        "inputs": _inputs(spec, outcome),
        "files": {name: dict(file) for name, file in sorted(files.items())},
    }


def _split(spec: ReleaseSpec, outcome: Outcome, number: int) -> dict[str, Any]:
    rows, split = outcome.rows, SPLITS[number]
    kept = rows.kept
    own = kept[outcome.split[kept] == number]
    videos = np.unique(rows.video[own]).tolist()
    return {
        "examples": len(own),
        "share": round(len(own) / len(kept), 6),
        "asked_share": getattr(spec.ratios, split),
        "videos": len(videos),
        "groups": len({outcome.groups[video] for video in videos}),
        "duration_ns": sum(spec.inputs[video].duration_ns for video in videos),
        "tokens": int(rows.tokens[own].sum()),
        "bytes": int(rows.bytes[own].sum()),
        "largest_share_of_a_kind": outcome.shares.get(split, spec.balance.largest_share),
        **{f"by_{label}": _by_label(rows, label, own) for label in LABELS},
        "reviewed": {"accepted": int((rows.reviewed[own] == 1).sum()), "fixed": int((rows.reviewed[own] == 2).sum())},
    }


def _by_label(rows: Rows, label: str, own: NDArray[np.int64]) -> dict[str, int]:
    numbers, counts = np.unique(rows.labels[label][own], return_counts=True)
    words = rows.names[label].words
    return dict(sorted(zip((words[number] for number in numbers.tolist()), counts.tolist(), strict=True)))


def _removed(rows: Rows) -> dict[str, Any]:
    """Counts by reason, and of the filters by which of them it was."""
    counts = np.bincount(rows.reason, minlength=len(REASONS)).tolist()
    filtered = rows.detail[rows.reason == REASONS.index("filter")]
    details, by_filter = np.unique(filtered, return_counts=True)
    named = zip((rows.details.words[detail] for detail in details.tolist()), by_filter.tolist(), strict=True)
    return {
        "total": sum(counts[1:]),
        "by_reason": {reason: count for reason, count in zip(REASONS, counts, strict=True) if reason},
        "by_filter": dict(sorted(named)),
    }


def _conflict(found: Conflict) -> dict[str, Any]:
    return {
        "group": found.group,
        "split": found.split,
        "left_out": dict(found.left_out),
        "examples": found.examples,
    }


def _groups(spec: ReleaseSpec, outcome: Outcome) -> list[dict[str, Any]]:
    """The groups of more than one video."""
    members: dict[str, list[str]] = {}
    for video, group in zip(spec.inputs, outcome.groups, strict=True):
        members.setdefault(group, []).append(video.video_id)
    of_video = {video.video_id: group for video, group in zip(spec.inputs, outcome.groups, strict=True)}
    reasons: dict[str, list[Joined]] = {}
    for joined in sorted(outcome.joined, key=lambda j: (j.videos, j.why)):
        reasons.setdefault(of_video[joined.videos[0]], []).append(joined)
    return [
        {
            "group": group,
            "videos": videos,
            "because": [
                {"videos": list(j.videos), "why": j.why, "shares": [round(share, 6) for share in j.shares]}
                for j in reasons.get(group, [])
            ],
        }
        for group, videos in members.items()
        if len(videos) > 1
    ]


def _inputs(spec: ReleaseSpec, outcome: Outcome) -> list[dict[str, Any]]:
    rows = outcome.rows
    given = np.bincount(rows.video, minlength=len(spec.inputs)).tolist()
    kept = np.bincount(rows.video[rows.kept], minlength=len(spec.inputs)).tolist()
    splits: dict[int, str] = {}
    for video, split in zip(rows.video[rows.kept].tolist(), outcome.split[rows.kept].tolist(), strict=True):
        splits[video] = SPLITS[split]
    return [
        {
            **video.model_dump(mode="json"),
            "group": outcome.groups[number],
            "split": splits.get(number, ""),
            "examples_given": given[number],
            "examples": kept[number],
        }
        for number, video in enumerate(spec.inputs)
    ]

"""Checks of a release: what it holds is looked at again, whatever the build that made it believed.

Every check gives one finding with its numbers and up to five examples. The index is read as a whole, the lines one
video at a time and never all together: memory is bounded by the index and by the largest video. Nothing is written.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from rapidfuzz import fuzz, process

from gvlm_resources.dataset.cards.audit_balance import counts, label_balance, time_coverage
from gvlm_resources.dataset.cards.audit_finding import FEW, AuditFinding, Known, Severity, counted, share
from gvlm_resources.dataset.cards.audit_lines import Lines
from gvlm_resources.dataset.releases.release_files import INDEX, LINES, REMOVED, SPEC, Release
from gvlm_resources.dataset.releases.release_spec import SPLITS, Input
from gvlm_resources.lake import files

__all__ = ["AuditFinding", "Known", "findings"]

NO_LICENCE = frozenset({"", "unknown", "none", "n/a", "?", "-"})
MOST_REPEATED = 0.25  # of a held-out split's questions with answers that stand in train as well
ALIKE_PERCENT = 90.0
MOST_COMPARED = 2_000
_FIGURES = r"\p{N}+(?: \p{N}+)*"  # in words as `_letters` has them: a clock is two figures side by side


def findings(release: Release, known: Callable[[str], Known]) -> list[AuditFinding]:
    """Every check, in one order. `known` is asked once a video."""
    index = _index(release)
    lines = Lines()
    places = index.select("video_id", "split", "offset", "bytes", "example_id").sort("video_id", "split", "offset")
    for (video_id,), rows in places.partition_by("video_id", as_dict=True, maintain_order=True).items():
        lines.read(release, rows, known(video_id))
    return [
        leakage(index, release.spec.inputs, release.manifest.get("pinned", {}).get("conflicts", ())),
        repeated_words(index),
        empty_split(release, index),
        lines.schema(release),
        lines.broken_references(),
        manifest(release),
        licence_unknown(release.spec.inputs, index),
        label_balance(index, release.spec.balance.largest_share, lines.facts.as_json()["empty_timelines"]),
        time_coverage(index, release.spec.inputs),
    ]


def _index(release: Release) -> pl.DataFrame:
    frame = pl.from_arrow(release.index)
    assert isinstance(frame, pl.DataFrame)
    return frame


def leakage(index: pl.DataFrame, inputs: Sequence[Input], conflicts: Sequence[Mapping[str, Any]] = ()) -> AuditFinding:
    """Whether anything stands in two splits: a video, its footage, a pair, the same words and vectors.

    A warning where nothing does because videos were left out: they were pinned to one split, and their footage is in
    another one. What was built before may leak.
    """
    sources = pl.DataFrame({"video_id": [v.video_id for v in inputs], "source": [v.source_sha256 for v in inputs]})
    joined = index.select("video_id", "duplicate_group", "pair_id", "digest", "split").join(
        sources, on="video_id", how="left"
    )
    names = {"video_id": "video", "duplicate_group": "duplicate group", "source": "source file"}
    names |= {"pair_id": "pair", "digest": "digest"}
    found = {word: _in_two_splits(joined, column) for column, word in names.items()}
    alike = _alike_across(index, _in_two_splits(joined, "duplicate_group"))
    totals = {word: len(keys) for word, keys in found.items()} | {"near-identical example": len(alike)}
    examples = [f"{word} {key}" for word, keys in found.items() for key in keys[:FEW]][:FEW]
    leaks = [f"{counted(count, word)}" for word, count in totals.items() if count]
    summary = (
        f"in two splits: {', '.join(leaks)}"
        if leaks
        else f"no video, duplicate group, source file, pair or digest of {index.height:,} examples is in two splits"
    )
    pinned = [f"{video}, pinned to {pin}" for found in conflicts for video, pin in found["left_out"].items()]
    if pinned:
        gone = sum(found["examples"] for found in conflicts)
        summary += (
            f"; {counted(len(pinned), 'video')} with {counted(gone, 'example')} left out: pinned to one split, and "
            "their footage is pinned to another"
        )
    details = {"counts": totals, "examples": examples + alike[:FEW], "left_out": pinned[:FEW]}
    return AuditFinding("leakage", not (leaks or pinned), "error" if leaks else "warning", summary, details)


def _in_two_splits(rows: pl.DataFrame, column: str) -> list[str]:
    counted = rows.drop_nulls(column).group_by(column).agg(pl.col("split").n_unique().alias("splits"))
    return sorted(counted.filter(pl.col("splits") > 1)[column].to_list())


def _alike_across(index: pl.DataFrame, groups: Sequence[str]) -> list[str]:
    """Near-identical questions with answers on either side of a split, among videos that share footage."""
    found = []
    for group in groups:
        rows = index.filter(pl.col("duplicate_group") == group)
        words = rows["question"] + " " + rows["answer"]
        held_out = (rows["split"] != "train").to_numpy()
        here, there = (np.flatnonzero(side)[:MOST_COMPARED] for side in (held_out, ~held_out))
        scores = process.cdist(
            words.gather(here).to_list(), words.gather(there).to_list(), scorer=fuzz.ratio, score_cutoff=ALIKE_PERCENT
        )
        ids = rows["example_id"].to_list()
        found += [f"{ids[here[a]]} and {ids[there[b]]}" for a, b in np.argwhere(scores > 0)]
    return found


def repeated_words(index: pl.DataFrame) -> AuditFinding:
    """How much of the held-out splits could be known by heart: the same question with the same answer is in train.

    The shares without figures say how much of the wording is known: there every number and clock is the same word.
    """
    question, answer = _letters("question"), _letters("answer")
    rows = index.select(
        "split", "question", "answer", words=pl.concat_str(question, answer, separator="|")
    ).with_columns(without_figures=pl.col("words").str.replace_all(_FIGURES, "#"))
    rows = rows.with_columns(asked=pl.col("without_figures").str.extract(r"^([^|]*)", 1))
    shares = {column: _shares_in_train(rows, column) for column in ("words", "without_figures", "asked")}
    train = rows.filter(pl.col("split") == "train").select("words")
    examples = []
    for split in SPLITS[1:]:
        same = rows.filter(pl.col("split") == split).join(train, on="words", how="semi")
        shown = same.unique("words", maintain_order=True)["question", "answer"].rows()[:FEW]
        examples += [f"{split}: {q} — {a}" for q, a in shown]
    told = ", ".join(
        f"{part:.0%} of {split} ({shares['without_figures'][split]:.0%} without figures, {shares['asked'][split]:.0%} "
        "of the questions alone)"
        for split, part in shares["words"].items()
    )
    return AuditFinding(
        "repeated_words",
        max(shares["words"].values()) <= MOST_REPEATED,
        "warning",
        f"{told} ask and answer in words that train has for other footage",
        {
            "shares": shares["words"],
            "shares_without_figures": shares["without_figures"],
            "shares_of_questions_without_figures": shares["asked"],
            "most": MOST_REPEATED,
            "examples": examples[:FEW],
        },
    )


def _shares_in_train(rows: pl.DataFrame, column: str) -> dict[str, float]:
    train = rows.filter(pl.col("split") == "train").select(column).unique()
    held = {split: rows.filter(pl.col("split") == split) for split in SPLITS[1:]}
    return {split: share(own.join(train, on=column, how="semi").height, own.height) for split, own in held.items()}


def _letters(column: str) -> pl.Expr:
    """The words of a column: case, punctuation and spaces make no difference."""
    return pl.col(column).str.to_lowercase().str.replace_all(r"[^\p{L}\p{N}]+", " ").str.strip_chars()


def empty_split(release: Release, index: pl.DataFrame) -> AuditFinding:
    ratios = release.spec.ratios.model_dump()
    found = counts(index, "split")
    empty = [split for split in SPLITS if ratios[split] > 0 and not found.get(split)]
    summary = f"{' and '.join(empty)} asked for, and empty" if empty else "every split that was asked for has examples"
    severity: Severity = "error" if "train" in empty else "warning"
    details = {"examples_by_split": {split: found.get(split, 0) for split in SPLITS}, "ratios": ratios}
    return AuditFinding("empty_split", not empty, severity, summary, details)


def manifest(release: Release) -> AuditFinding:
    """Whether the files are those that the manifest pins, and hold as many lines as it counts."""
    pinned = release.manifest.get("files", {})
    names = (*LINES.values(), INDEX, REMOVED, SPEC)
    wrong = [found for name in names for found in _unlike(release.folder / name, pinned.get(name))]
    lines = {split: sum(1 for _ in release.lines(split)) for split, name in LINES.items() if name in pinned}
    for split, count in lines.items():
        said = pinned[LINES[split]].get("rows")
        wrong += [f"{LINES[split]} has {count} lines, the manifest says {said}"] if count != said else []
    summary = "; ".join(wrong[:FEW]) if wrong else f"{len(names)} files are what the manifest pins"
    return AuditFinding("manifest", not wrong, "error", summary, {"lines": lines, "wrong": wrong})


def _unlike(path: Path, said: Mapping[str, Any] | None) -> Iterator[str]:
    if said is None:
        yield f"{path.name} is not in the manifest"
    elif files.sha256(path) != said.get("sha256"):
        yield f"{path.name} is not the file that the manifest pins"


def licence_unknown(inputs: Sequence[Input], index: pl.DataFrame) -> AuditFinding:
    unknown = [video.video_id for video in inputs if has_no_licence(video)]
    touched = index.filter(pl.col("video_id").is_in(unknown)).height
    summary = (
        f"{len(unknown)} of {len(inputs)} videos have no licence on record; {touched:,} examples are from them"
        if unknown
        else f"the licence of all {counted(len(inputs), 'video')} is on record"
    )
    details = {"videos": len(unknown), "examples_from_them": touched, "examples": unknown[:FEW]}
    return AuditFinding("licence_unknown", not unknown, "error", summary, details)


def has_no_licence(video: Input) -> bool:
    return video.licence.strip().casefold() in NO_LICENCE

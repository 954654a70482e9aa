"""Builds a release: the same spec and the same shards give the same bytes, whoever builds it, how often and how fast.

Two readings of the shards. The first keeps a few numbers an example in memory; words, lines and vectors stay on the
disk. In between, on those numbers: duplicates, groups of videos, splits, balance, order. The second copies each line to
its place. docs/releases.md has the rules and what they cost.
"""

from __future__ import annotations

import json
import shutil
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pyarrow.parquet as pq
from numpy.typing import NDArray
from pydantic import ValidationError
from threadpoolctl import threadpool_limits

from gvlm_resources.dataset.examples.example import CURRICULA
from gvlm_resources.dataset.examples.shards import count_tokens
from gvlm_resources.dataset.pairs import KINDS
from gvlm_resources.dataset.releases import (
    alike_frames,
    decided,
    dedup,
    mixing,
    pinning,
    release_write,
    same_picture,
    splits,
)
from gvlm_resources.dataset.releases.alike_frames import Codes, FrameVectors, Groups
from gvlm_resources.dataset.releases.alike_text import Texts
from gvlm_resources.dataset.releases.balance import balance
from gvlm_resources.dataset.releases.dedup import Compared
from gvlm_resources.dataset.releases.manifest import Joined, Outcome, manifest
from gvlm_resources.dataset.releases.release_files import INDEX, LINES, MANIFEST, REMOVED, SPEC, Release
from gvlm_resources.dataset.releases.release_rows import BALANCE, KEPT, LABELS, REASONS, REJECTED, Rows
from gvlm_resources.dataset.releases.release_scan import Scan, left_out
from gvlm_resources.dataset.releases.release_shards import of_release
from gvlm_resources.dataset.releases.release_spec import (
    SPLITS,
    Balance,
    Decision,
    Dedup,
    Filters,
    Input,
    Ratios,
    ReleaseSpec,
)
from gvlm_resources.errors import ReleaseError
from gvlm_resources.lake.files import sha256

WORK = "build.tmp"  # in the release's folder while it is built
DRAW_BALANCE, DRAW_ORDER = 2, 3
_FILTERED = (*LABELS, "pair_id", "confidence", "tokens", "question", "answer", "offset")  # what filters look at

Step = Callable[[str], None]


def spec_of(
    name: str,
    inputs: Iterable[Input],
    *,
    seed: int = 0,
    filters: Filters | None = None,
    ratios: Ratios | None = None,
    dedup: Dedup | None = None,
    balance: Balance | None = None,
    decisions: Iterable[Decision] = (),
    pinned: Mapping[str, str] | None = None,
) -> ReleaseSpec:
    """What a release is asked to be, with videos and decisions in order. Raises ReleaseError for what cannot be.

    `pinned` has the split of videos that have to stay in theirs (`pinned_splits`); what is no input is not taken over.
    """
    inputs = sorted(inputs, key=lambda video: video.video_id)
    filters = filters or Filters()
    _check_words("kind of question", filters.kinds, KINDS)
    _check_words("curriculum", filters.curricula, CURRICULA)
    in_order = sorted(decisions, key=lambda decision: decision.pair_id)
    twice = [one.pair_id for one, other in pairwise(in_order) if one.pair_id == other.pair_id]
    if twice:
        raise ReleaseError(f"the pair {twice[0]} is decided twice", remedy="keep one of the decisions")
    try:
        return ReleaseSpec(
            name=name,
            seed=seed,
            filters=filters,
            ratios=ratios or Ratios(),
            dedup=dedup or Dedup(),
            balance=balance or Balance(),
            inputs=tuple(inputs),
            decisions=tuple(in_order),
            pinned={one.video_id: pinned[one.video_id] for one in inputs if pinned and one.video_id in pinned},
        )
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"]) or "it"
        raise ReleaseError(
            f"the release {name[:100]!r} cannot be made: {place}: {first['msg']}",
            remedy="change that and create it again",
        ) from error


def _check_words(what: str, given: Sequence[str], known: Sequence[str]) -> None:
    unknown = [word for word in given if word not in known]
    if unknown:
        raise ReleaseError(f"there is no {what} {unknown[0]!r}", remedy=f"use {', '.join(known)}")


def would_keep(spec: ReleaseSpec, shards: Mapping[str, Path]) -> dict[str, int]:
    """How many examples decisions and filters would let in, under `kept`, and how many each reason would leave out.

    The reasons are `rejected` and the words that `removed.parquet` has in `detail`; the most frequent come first. Reads
    a few columns, no line and no vector: duplicates, pins, balance and what a reviewer's words copy of a prompt are not
    counted. Raises ReleaseError where a shard is missing or damaged.
    """
    decisions = {decision.pair_id: decision for decision in spec.decisions}
    counts: Counter[str] = Counter()
    for shard in of_release(spec, shards):
        frame = pl.from_arrow(shard.table(_FILTERED))
        assert isinstance(frame, pl.DataFrame)
        frame = _as_decided(frame, decisions)
        reason = pl.when(pl.col("decision") == REJECTED).then(pl.lit(REJECTED)).otherwise(left_out(spec.filters))
        counts.update(frame.select(reason.alias("reason"))["reason"].to_list())
    kept = counts.pop(KEPT, 0)
    return {"kept": kept, **dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))}


def pair_ids(spec: ReleaseSpec, shards: Mapping[str, Path]) -> frozenset[str]:
    """The pairs that the inputs' examples were made of, whatever the filters: what decisions can meet."""
    return frozenset(
        pair for shard in of_release(spec, shards) for pair in shard.table(("offset", "pair_id"))["pair_id"].to_pylist()
    )


def _as_decided(frame: pl.DataFrame, decisions: Mapping[str, Decision]) -> pl.DataFrame:
    """The rows with their decision, and with what the new words of a fixed one change that filters look at."""
    found = [decisions.get(pair) for pair in frame["pair_id"].to_list()]
    tokens, made_by = frame["tokens"].to_list(), frame["made_by"].to_list()
    for number, decision in enumerate(found):
        if decision is not None and decision.decision == "fixed":
            row = frame.row(number, named=True)
            new = (decision.question, decision.answer)
            tokens[number] += sum(map(count_tokens, new)) - sum(map(count_tokens, (row["question"], row["answer"])))
            made_by[number] = decided.made_by(made_by[number])
    told = [decision.decision if decision else "" for decision in found]
    return frame.with_columns(
        pl.Series("decision", told, pl.String),
        pl.Series("tokens", tokens, frame.schema["tokens"]),
        pl.Series("made_by", made_by, pl.String),
    )


def pinned_splits(release: Release) -> dict[str, str]:
    """The split of each video of a built release that has examples in one: what another release can be pinned to."""
    return {video["video_id"]: video["split"] for video in release.manifest["inputs"] if video["split"]}


def build(spec: ReleaseSpec, shards: Mapping[str, Path], out: Path, *, step: Step = lambda name: None) -> None:
    """Write all files of `release_files` but the cards into the folder `out`.

    `shards[video_id]` is a folder with `examples.jsonl` and `examples.parquet`. `step` is called with the name of each
    step as it ends, for whoever measures. Raises ReleaseError where a shard is missing or damaged, and where nothing is
    left.
    """
    parts = of_release(spec, shards)
    with _work(out) as work, _scanned(spec, work) as scan:
        rows = scan.read(parts)
        step("filter")
        codes = scan.vectors.codes()
        step("frames")
        groups, joined = _groups(spec, rows, scan.vectors, codes)
        step("groups")
        names = [spec.inputs[group].video_id for group in groups]
        pins = pinning.pins(spec.pinned, [video.video_id for video in spec.inputs], names)
        conflicts = pinning.leave_out(rows, pins)  # before duplicates go: what is left out stands for nothing
        compared = _deduplicate(spec, rows, scan, codes, step)
        _check_left(spec, rows)
        divided = _divide(spec, rows, groups, pins.of_group)
        shares = _balance(spec, rows, divided.split)
        outcome = Outcome(rows, divided.split, names, joined, divided.empty, shares, compared, conflicts)
        step("split")
        to = release_write.places(rows, divided.split, names, draw=DRAW_ORDER)
        release_write.write(out, work, parts, rows, scan.fixed, to)
        step("lines and index")
        _describe(out, spec, outcome)
        step("manifest")


@contextmanager
def _work(out: Path) -> Iterator[Path]:
    """A folder for files in between, without what a killed build left in it."""
    work = out / WORK
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    try:
        yield work
    finally:
        shutil.rmtree(work, ignore_errors=True)


@contextmanager
def _scanned(spec: ReleaseSpec, work: Path) -> Iterator[Scan]:
    with ExitStack() as stack:
        texts = Texts(spec.dedup.text_threshold, work)
        stack.callback(texts.close)
        vectors = FrameVectors(work)
        stack.callback(vectors.close)
        yield Scan(spec, texts, vectors)


def _deduplicate(spec: ReleaseSpec, rows: Rows, scan: Scan, codes: Codes, step: Step) -> Compared:
    if spec.dedup.exact:
        dedup.exact(rows)
    texts = scan.texts.compare(scan.text_rows, len(rows.video))
    step("texts")
    threshold = spec.dedup.frame_threshold
    compared = dedup.alike(rows, texts, scan.vectors, codes, threshold=threshold)
    if spec.dedup.same_picture:
        compared += same_picture.remove(rows, scan.vectors, codes, threshold=threshold)
    dedup.too_many_alike(rows, texts, most=spec.dedup.most_alike)
    step("alike")
    return compared


def _check_left(spec: ReleaseSpec, rows: Rows) -> None:
    if len(rows.kept):
        return
    counts = np.bincount(rows.reason, minlength=len(REASONS)).tolist()
    why = ", ".join(f"{reason} {count}" for reason, count in zip(REASONS, counts, strict=True) if reason and count)
    raise ReleaseError(
        f"of {len(rows.video)} examples the release {spec.name} keeps none; removed: {why or 'none, there were none'}",
        remedy="create a release with other filters, or of videos with examples",
    )


def _groups(
    spec: ReleaseSpec, rows: Rows, vectors: FrameVectors, codes: Codes
) -> tuple[NDArray[np.int64], list[Joined]]:
    """The first video of each video's group, by number, and why videos were joined."""
    groups = Groups(len(spec.inputs))
    names = [video.video_id for video in spec.inputs]
    same = groups.join_equal([video.source_sha256 for video in spec.inputs])
    joined = [Joined((names[one], names[other]), "source") for one, other in same]
    counts = np.bincount(rows.video[rows.vector >= 0], minlength=len(names))
    wanted = {"threshold": spec.dedup.frame_threshold, "share": spec.dedup.shared_footage}
    # Products of two videos' frames are so small that a second thread costs ten times what it brings.
    with threadpool_limits(1, user_api="blas"):
        for shared in alike_frames.same_footage(vectors, codes, np.cumsum(counts), groups, **wanted):
            shares = (shared.share_of_one, shared.share_of_other)
            joined.append(Joined((names[shared.one], names[shared.other]), "footage", shares))
    return np.array([groups.of(number) for number in range(len(names))]), joined


@dataclass(frozen=True)
class _Divided:
    split: NDArray[np.int8]  # by row
    empty: dict[str, str]


def _divide(spec: ReleaseSpec, rows: Rows, groups: NDArray[np.int64], pins: Mapping[str, str]) -> _Divided:
    """The place of a group on the line is drawn by the smallest digest of its sources: it stays where videos come."""
    sizes = np.bincount(groups[rows.video[rows.kept]], minlength=len(groups))
    firsts = np.unique(groups).tolist()
    names = [spec.inputs[first].video_id for first in firsts]
    keys: dict[int, str] = {}
    for video, first in zip(spec.inputs, groups.tolist(), strict=True):
        key = video.source_sha256 or video.video_id
        keys[first] = min(keys.get(first, key), key)
    draws = mixing.of_words(f"{spec.seed} {keys[first]}" for first in firsts).tolist()
    given = zip(names, sizes[firsts].tolist(), draws, (pins.get(name, "") for name in names), strict=True)
    found = splits.assign([splits.Group(*group) for group in given], spec.ratios)
    of_group = np.zeros(len(groups), np.int8)
    of_group[firsts] = [SPLITS.index(found.split[name]) for name in names]
    return _Divided(of_group[groups[rows.video]], found.empty)


def _balance(spec: ReleaseSpec, rows: Rows, split: NDArray[np.int8]) -> dict[str, float]:
    """Remove what is too much of a kind in each split, and give the share that each was held to."""
    kinds, names = rows.labels["kind"], rows.names["kind"].words
    shares = {}
    for number, name in enumerate(SPLITS):
        own = rows.kept[split[rows.kept] == number]
        if not len(own):
            continue
        counts = np.bincount(kinds[own], minlength=len(names)).tolist()
        found = balance(dict(zip(names, counts, strict=True)), spec.balance.largest_share)
        shares[name] = found.share
        for kind, most in found.kept.items():
            of_kind = own[kinds[own] == names.index(kind)]
            drawn = of_kind[np.lexsort((of_kind, rows.drawn(DRAW_BALANCE)[of_kind]))]
            rows.remove(drawn[most:], BALANCE, f"{most} of {len(of_kind)} of this kind stay in {name}")
    return shares


def _describe(out: Path, spec: ReleaseSpec, outcome: Outcome) -> None:
    (out / SPEC).write_text(_json(spec.model_dump(mode="json")), encoding="utf-8")
    kept = outcome.split[outcome.rows.kept]
    lines = {LINES[split]: int((kept == number).sum()) for number, split in enumerate(SPLITS)}
    tables = {name: pq.read_metadata(out / name).num_rows for name in (INDEX, REMOVED)}
    files: dict[str, dict[str, Any]] = {
        name: {"sha256": sha256(out / name), "bytes": (out / name).stat().st_size}
        for name in (*LINES.values(), INDEX, REMOVED, SPEC)
    }
    for name, count in (lines | tables).items():
        files[name]["rows"] = count
    (out / MANIFEST).write_text(_json(manifest(spec, outcome, files)), encoding="utf-8")


def _json(value: Any) -> str:
    return json.dumps(value, sort_keys=True, indent=1, ensure_ascii=False, allow_nan=False) + "\n"

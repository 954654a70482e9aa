"""Whether a release's labels are balanced and its videos covered (pure)."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from gvlm_resources.dataset import pairs
from gvlm_resources.dataset.cards import audit_answers
from gvlm_resources.dataset.cards.audit_finding import FEW, AuditFinding, share
from gvlm_resources.dataset.releases.release_spec import SPLITS, Input
from gvlm_resources.timebase import NS_PER_S, Span

MOST_ONE_ANSWER = 0.3  # of a split's examples that one answer is right for
MOST_YES = 0.8  # of the answers with yes or no that are the same one of the two
FEWEST_TO_JUDGE = 20
LEAST_COVERED = 0.7  # of all minutes
CLOSE_NS = 120 * NS_PER_S  # an example about a longer span is about none of its minutes in particular
MINUTE_NS = 60 * NS_PER_S

YES = ("yes", "ja", "sí", "si", "oui")
NO = ("no", "nein", "non")


def label_balance(
    index: pl.DataFrame, largest_share: float, empty_timelines: Mapping[str, Mapping[str, int]]
) -> AuditFinding:
    """Whether one kind, one answer or one of yes and no is too much of a split, and which kinds a split lacks.

    Also whether one answer is too much of a kind, and whether an empty timeline gives away that the answer is no.
    """
    by_split = {split: _balance(index.filter(pl.col("split") == split)) for split in SPLITS}
    by_split = {split: told for split, told in by_split.items() if told["examples"]}
    everywhere = sorted(index["kind"].unique().to_list())
    complaints = []
    for split, told in by_split.items():
        lacking = [kind for kind in everywhere if kind not in told["kinds"]]
        told["kinds_lacking"] = lacking
        complaints += [f"{split} lacks {', '.join(lacking)}"] if lacking else []
        complaints += _too_much(split, told, largest_share)
    one_sided = audit_answers.one_sided(index)
    complaints += audit_answers.complaints(one_sided, empty_timelines)
    details: dict[str, Any] = {
        "splits": by_split,
        "one_sided": one_sided,
        "empty_timelines": {split: dict(counts) for split, counts in empty_timelines.items()},
        "largest_share": largest_share,
        "kinds_nowhere": [kind for kind in pairs.KINDS if kind not in everywhere],
        "languages": counts(index, "language"),
    }
    shares = ", ".join(
        f"{told['largest_kind']} {told['largest_kind_share']:.0%} of {s}" for s, told in by_split.items()
    )
    summary = "; ".join(complaints) or f"largest kinds: {shares or 'none'}"
    return AuditFinding("label_balance", not complaints, "warning", summary, details)


def _balance(rows: pl.DataFrame) -> dict[str, Any]:
    kinds = counts(rows, "kind")
    kind, most = max(kinds.items(), key=lambda item: (item[1], item[0]), default=("", 0))
    answers = counts(rows, "answer")
    answer, same = max(answers.items(), key=lambda item: (item[1], item[0]), default=("", 0))
    first = first_words(rows["answer"]).drop_nulls()
    yes, no = int(first.is_in(YES).sum()), int(first.is_in(NO).sum())
    return {
        "examples": rows.height,
        "kinds": kinds,
        "largest_kind": kind,
        "largest_kind_share": share(most, rows.height),
        "commonest_answer": answer,
        "commonest_answer_share": share(same, rows.height),
        "yes": yes,
        "no": no,
        "unanswerable_share": share(kinds.get(pairs.UNANSWERABLE, 0), rows.height),
    }


def first_words(answers: pl.Series) -> pl.Series:
    """The first word of each answer in lower case; null where it has none."""
    return answers.str.to_lowercase().str.extract(r"^\P{L}*(\p{L}+)", 1)


def _too_much(split: str, told: Mapping[str, Any], largest_share: float) -> Iterator[str]:
    total = told["examples"]
    if told["largest_kind_share"] > largest_share + 1 / total:  # one example more is rounding
        most = f"{told['largest_kind']} is {told['largest_kind_share']:.0%}"
        yield f"{most} of {split}, at most {largest_share:.0%} was asked for"
    if told["commonest_answer_share"] > MOST_ONE_ANSWER and total >= FEWEST_TO_JUDGE:
        yield f"one answer is right for {told['commonest_answer_share']:.0%} of {split}"
    both = told["yes"] + told["no"]
    if both >= FEWEST_TO_JUDGE and max(told["yes"], told["no"]) > MOST_YES * both:
        word = "yes" if told["yes"] > told["no"] else "no"
        yield f"{max(told['yes'], told['no']) / both:.0%} of the answers with yes or no in {split} are {word}"


def time_coverage(index: pl.DataFrame, inputs: Sequence[Input]) -> AuditFinding:
    """The share of the videos' minutes that at least one example is about, and the longest stretches without."""
    spans = index.filter(pl.col("end_ns") - pl.col("start_ns") <= CLOSE_NS).select("video_id", "start_ns", "end_ns")
    by_video = {key[0]: rows for key, rows in spans.partition_by("video_id", as_dict=True).items()}
    covered = total = 0
    gaps: list[tuple[int, str, Span]] = []
    thin: list[str] = []
    for video in inputs:
        minutes = covered_minutes(by_video.get(video.video_id), video.duration_ns)
        covered, total = covered + int(minutes.sum()), total + len(minutes)
        thin += [video.video_id] if minutes.mean() < LEAST_COVERED else []
        gaps += [(end - start, video.video_id, _minutes_span(start, end, video)) for start, end in _runs(~minutes)]
    gaps.sort(key=lambda gap: (-gap[0], gap[1], gap[2].start_ns))
    part = share(covered, total)
    summary = (
        f"{part:.0%} of {total:,} minutes of video have an example about them (spans of at most "
        f"{CLOSE_NS // NS_PER_S} s); {len(thin)} of {len(inputs)} videos are under {LEAST_COVERED:.0%}"
    )
    details = {
        "minutes": total,
        "covered": covered,
        "share": part,
        "least": LEAST_COVERED,
        "videos_under": thin[:FEW],
        "longest_gaps": [f"{video_id} {span.label()}" for _, video_id, span in gaps[:FEW]],
    }
    return AuditFinding("time_coverage", part >= LEAST_COVERED, "warning", summary, details)


def covered_minutes(spans: pl.DataFrame | None, duration_ns: int) -> NDArray[np.bool_]:
    """(M,) for each minute of a video whether a span touches it. A last part under half a minute is none."""
    covered = np.zeros(max(1, math.floor(duration_ns / MINUTE_NS + 0.5)), bool)
    if spans is None:
        return covered
    for start_ns, end_ns in spans.select("start_ns", "end_ns").unique().rows():
        covered[min(start_ns // MINUTE_NS, len(covered) - 1) : (end_ns - 1) // MINUTE_NS + 1] = True
    return covered


def _runs(missing: NDArray[np.bool_]) -> list[tuple[int, int]]:
    edges = np.flatnonzero(np.diff(np.concatenate(([0], missing.astype(np.int8), [0]))))
    return [(int(start), int(end)) for start, end in edges.reshape(-1, 2)]


def _minutes_span(start: int, end: int, video: Input) -> Span:
    return Span(start * MINUTE_NS, max(start * MINUTE_NS + 1, min(end * MINUTE_NS, video.duration_ns)))


def counts(rows: pl.DataFrame, column: str) -> dict[str, int]:
    """How many rows have each value of a column, by value."""
    found = rows.group_by(column).len().sort(column)
    return dict(zip(found[column].to_list(), found["len"].to_list(), strict=True))

"""Findings on pairs and training examples (pure)."""

from collections.abc import Mapping, Set

import pyarrow as pa

from gvlm_assets.per_video import Finding
from gvlm_resources.schemas import STATUS_FILTERED

SHOWN = 5
UNREADABLE = ("unreadable", "refused")
QUOTA = "quota"


def pairs_cite_rows(kept: pa.Table, known: Set[str]) -> Finding:
    cited = kept.select(["pair_id", "evidence", "frames"]).to_pylist()
    lost = [name for row in cited for name in (*row["evidence"], *row["frames"]) if name not in known]
    return Finding("pairs_cite_rows", not lost, f"{len(cited)} pairs, {len(lost)} unknown ids {lost[:SHOWN]}")


def few_pairs_dropped(rows: pa.Table, *, limit: float = 0.5) -> Finding:
    """What the quota left over was not wrong, so it does not count."""
    outcomes = list(zip(rows.column("status").to_pylist(), rows.column("reason").to_pylist(), strict=True))
    judged = [pair for pair in outcomes if pair[1] != QUOTA]
    dropped = sum(status == STATUS_FILTERED for status, _ in judged)
    share = dropped / len(judged) if judged else 0.0
    return Finding("few_pairs_dropped", share <= limit, f"{dropped} of {len(judged)} pairs were dropped ({share:.0%})")


def calls_were_read(calls: pa.Table, *, limit: float = 0.1) -> Finding:
    outcomes = calls.column("outcome").to_pylist()
    bad = sum(outcome in UNREADABLE for outcome in outcomes)
    unasked = sum(outcome == "budget" for outcome in outcomes)
    summary = f"{len(outcomes)} calls, {bad} without a reply that could be read, {unasked} left out by the budget"
    return Finding("calls_were_read", bad <= limit * len(outcomes), summary)


def examples_are_valid(invalid: list[str], count: int) -> Finding:
    return Finding("examples_are_valid", not invalid, f"{count} lines, {len(invalid)} invalid {invalid[:SHOWN]}")


def tokens_resolve(lost: list[str], count: int) -> Finding:
    summary = f"{count} tokens, {len(lost)} without a stored vector {lost[:SHOWN]}"
    return Finding("tokens_resolve", not lost, summary)


def most_pairs_are_used(
    kept: Mapping[str, int], used: Mapping[str, int], *, limit: float = 0.9, few: int = 3, least: float = 0.5
) -> Finding:
    """`kept` and `used` are pairs by kind. Most of all, and half of each kind of which there are more than a few."""
    pairs, examples = sum(kept.values()), sum(used.values())
    share = examples / pairs if pairs else 1.0
    lost = [
        f"{used.get(kind, 0)} of {count} {kind}"
        for kind, count in sorted(kept.items())
        if count > few and used.get(kind, 0) < least * count
    ]
    told = f"{examples} of {pairs} kept pairs became examples ({share:.0%})"
    return Finding(
        "most_pairs_are_used", share >= limit and not lost, "; ".join([told, *(f"only {each}" for each in lost)])
    )

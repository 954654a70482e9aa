"""What a card says of the lines themselves: vectors, boxes, timelines, and what answers are like."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import polars as pl

from gvlm_resources.dataset import pairs
from gvlm_resources.dataset.cards.audit_balance import NO, YES, first_words
from gvlm_resources.dataset.cards.audit_finding import AuditFinding, counted, share
from gvlm_resources.dataset.cards.audit_lines import HOLDS
from gvlm_resources.dataset.cards.card_blocks import Block, Paragraph, Table
from gvlm_resources.dataset.releases.release_spec import SPLITS

# What a token stands for, by the table of its vector, and how the token looks.
TOKENS = {
    "siglip_embeddings": ("frames", "<v>"),
    "videomae_embeddings": ("short clips", "<v>"),
    "region_embeddings": ("regions of frames", "<r>"),
    "wav2vec2_embeddings": ("stretches of sound", "<a>"),
}
_TIMELINES = ("shown", "shown_empty", "withheld", "without", "answer_in_it")


def holds(findings: Sequence[AuditFinding]) -> Mapping[str, Any]:
    """What the checks counted when they read every line; empty where they did not."""
    return next((finding.details[HOLDS] for finding in findings if HOLDS in finding.details), {})


def tokens_in_words(told: Mapping[str, Any]) -> str:
    """What the tokens of this release stand for: "frames, short clips and stretches of sound"; empty for none."""
    words = [what for table, (what, _) in TOKENS.items() if told.get("tokens", {}).get(table)]
    return f"{', '.join(words[:-1])} and {words[-1]}" if len(words) > 1 else "".join(words)


def blocks(told: Mapping[str, Any], index: pl.DataFrame) -> Iterator[Block]:
    if told:
        yield _tokens(told)
        yield from _timelines(told)
    yield _answers(index)
    yield Paragraph(_curricula(index))


def _tokens(told: Mapping[str, Any]) -> Table:
    rows = [(what, token, table, f"{told['tokens'].get(table, 0):,}") for table, (what, token) in TOKENS.items()]
    rows.append(("places on a frame", "<box_2d>", "", f"{told['boxes']:,} ({told['distinct_boxes']:,} distinct)"))
    return Table(("What tokens stand for", "Token", "Table", "In all lines"), rows, frozenset({3}))


def _timelines(told: Mapping[str, Any]) -> Iterator[Block]:
    rows = [
        (curriculum, *(f"{found[name]:,}" for name in _TIMELINES)) for curriculum, found in told["timelines"].items()
    ]
    heads = ("Timeline", "Shown, with rows", "Shown, empty", "Withheld", "Has none", "Answer stands in the rows")
    yield Table(heads, rows, frozenset(range(1, 6)))
    yield Paragraph(
        "The last column counts, of the examples with rows, those whose answer can be given without looking: every "
        "clock, figure and name in it stands in the rows. Answers that hold none of these are not counted there."
    )


def _answers(index: pl.DataFrame) -> Table:
    first = first_words(index["answer"])
    hits = {
        "begins with yes": first.is_in(YES).fill_null(value=False),
        "begins with no": first.is_in(NO).fill_null(value=False),
        "says that it cannot be told": index["kind"] == pairs.UNANSWERABLE,
    }
    rows = [(name, *(_part(index, hit, split) for split in SPLITS)) for name, hit in hits.items()]
    return Table(("The answer", *SPLITS), rows, frozenset({1, 2, 3}))


def _part(index: pl.DataFrame, hit: pl.Series, split: str) -> str:
    own = index["split"] == split
    count = int((own & hit).sum())
    return f"{count:,} ({share(count, int(own.sum())):.0%})" if count else "0"


def _curricula(index: pl.DataFrame) -> str:
    """How many pairs stand in several curricula."""
    by_pair = index.group_by("pair_id").agg(pl.col("curriculum").n_unique().alias("curricula"))
    several = by_pair.filter(pl.col("curricula") > 1).height
    return (
        f"{several:,} of {counted(by_pair.height, 'pair')} stand in more than one curriculum: the same question and "
        "answer, with other frames and another timeline or none. Such examples are never taken for duplicates, and "
        "are always in one split."
    )


def compared(manifest: Mapping[str, Any], frame_threshold: float) -> Iterator[Block]:
    """What near-duplicate removal looked at; nothing of a release that does not tell."""
    told = manifest.get("compared")
    if told:
        yield Paragraph(
            f"Near-duplicates are looked for among examples of one kind, curriculum and language. "
            f"{counted(told['pairs_with_alike_words'], 'pair')} of examples in alike words had their frames compared, "
            f"{told['with_alike_frames']:,} of them with a cosine of {frame_threshold:g} or more. Frames alone remove "
            "nothing: one picture can answer many questions."
        )

"""What a release's card says (pure but for the frames it is given): figures, checks, examples and limits.

Everything is derived from the release itself; the same release gives the same card.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import polars as pl
import pyarrow.compute as pc

from gvlm_resources.dataset import pairs
from gvlm_resources.dataset.cards import card_holds, card_limits
from gvlm_resources.dataset.cards.audit import has_no_licence
from gvlm_resources.dataset.cards.audit_balance import CLOSE_NS, counts, covered_minutes
from gvlm_resources.dataset.cards.audit_finding import AuditFinding, share
from gvlm_resources.dataset.cards.card_blocks import (
    Bars,
    Block,
    Card,
    Checks,
    Code,
    FrontMatter,
    Items,
    Paragraph,
    Section,
    Table,
)
from gvlm_resources.dataset.cards.card_samples import SAMPLES, Frames, samples
from gvlm_resources.dataset.releases.release_files import LINES, Release
from gvlm_resources.dataset.releases.release_spec import SPLITS, Input
from gvlm_resources.timebase import NS_PER_S, format_clock

MOST_SOURCES = 50

# Identifiers that Hugging Face's hub has for licences, by what SPDX calls them in lower case.
HUB_LICENCES = frozenset(
    {
        *("apache-2.0", "mit", "isc", "unlicense", "wtfpl", "zlib", "bsd-2-clause", "bsd-3-clause", "mpl-2.0"),
        *("cc0-1.0", "cc-by-2.0", "cc-by-2.5", "cc-by-3.0", "cc-by-4.0", "cc-by-sa-3.0", "cc-by-sa-4.0"),
        *("cc-by-nc-2.0", "cc-by-nc-3.0", "cc-by-nc-4.0", "cc-by-nd-4.0", "cc-by-nc-nd-3.0", "cc-by-nc-nd-4.0"),
        *("cc-by-nc-sa-2.0", "cc-by-nc-sa-3.0", "cc-by-nc-sa-4.0", "odc-by", "odbl", "gpl", "gpl-2.0", "gpl-3.0"),
        *("lgpl-3.0", "agpl-3.0"),
    }
)
REASONS = {
    "filter": "not let in by the filters",
    "exact": "the same as one that stayed",
    "alike": "words and frames alike to one that stayed",
    "same_picture": "alignment: frames alike and words the same but for the time, to one that stayed",
    "too_many_alike": "alike in words to as many as may stay",
    "other_split": "pinned to a split, with footage that is in another one",
    "balance": "its kind was too large a share",
    "rejected": "rejected by a reviewer",
    "copies_the_prompt": "a reviewer's words repeat what the prompt shows",
}
_SPANS_S = (1, 5, 10, 30, 60, 120, 300, 900)


def content(release: Release, findings: Sequence[AuditFinding], frames: Frames) -> Card:
    index = pl.from_arrow(release.index)
    assert isinstance(index, pl.DataFrame)
    inputs, told = release.spec.inputs, card_holds.holds(findings)
    sections = [
        Section("What it is", _what_it_is(release, index, told)),
        Section("How it was made", _how_it_was_made(release)),
        Section("Counts", _counts(index)),
        Section("What the lines hold", list(card_holds.blocks(told, index))),
        Section("Lengths and times", _lengths(index, inputs)),
        Section("Sources and licences", _sources(index, inputs)),
        Section("Left out", _left_out(release)),
        Section("Checks", [Checks(findings)]),
        Section("Review", _review(release, index)),
        Section(f"{min(SAMPLES, index.height)} examples", list(samples(release, index, frames))),
        Section("Known limits", [Items(card_limits.limits(release.spec, index, findings))]),
        Section("How to load it", _loading(release, index)),
        Section("Intended use", [Paragraph(text) for text in card_limits.INTENDED_USE]),
    ]
    return Card(release.spec.name, _about(index, inputs, told), _head(index, inputs), sections)


def _about(index: pl.DataFrame, inputs: Sequence[Input], told: Mapping[str, Any]) -> str:
    hours = sum(video.duration_ns for video in inputs) / NS_PER_S / 3600
    length = f"{hours:.1f} hours" if hours >= 1 else f"{hours * 60:.0f} minutes"
    rests = f", and {_with_share(told['with_evidence'], index.height)} the rows that it rests on" if told else ""
    return (
        f"{index.height:,} training examples from {index['pair_id'].n_unique():,} questions with answers about "
        f"{len(inputs):,} gameplay videos, {length} in all. Each line names the span that its answer is about{rests}."
    )


def _head(index: pl.DataFrame, inputs: Sequence[Input]) -> FrontMatter:
    licences = sorted({_hub_licence(video) for video in inputs})
    present = [split for split in SPLITS if split in set(index["split"].to_list())]
    return FrontMatter(
        licences=licences,
        languages=sorted(index["language"].unique().to_list()),
        size=_size(index.height),
        files=[(split, LINES[split]) for split in present],
    )


def _hub_licence(video: Input) -> str:
    if has_no_licence(video):
        return "unknown"
    name = video.licence.strip().lower()
    return name if name in HUB_LICENCES else "other"


def _size(count: int) -> str:
    edges = [(1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M")]
    return next((name for edge, name in edges if count < edge), "1M<n<10M" if count < 10_000_000 else "10M<n<100M")


def _what_it_is(release: Release, index: pl.DataFrame, told: Mapping[str, Any]) -> list[Block]:
    games = sorted({video.game for video in release.spec.inputs})
    tokens = card_holds.tokens_in_words(told)
    shows = f", with tokens that stand for stored vectors of its {tokens}" if tokens else ""
    timelines = told.get("timelines", {}).values()
    rows = ", in some lines with the timeline retrieved for it" if any(t["shown"] for t in timelines) else ""
    return [
        Paragraph(
            f"Each line is a conversation: a question about a moment or a stretch of a video{shows}{rows}; and the "
            "answer."
        ),
        Table(
            ("", ""),
            (
                ("Name", release.spec.name),
                ("Format", release.spec.format),
                ("Games", ", ".join(games)),
                ("Languages", ", ".join(sorted(index["language"].unique().to_list()))),
                ("Curricula", ", ".join(sorted(index["curriculum"].unique().to_list()))),
            ),
        ),
    ]


def _how_it_was_made(release: Release) -> list[Block]:
    spec = release.spec
    filters = [f"{name}: {_value(value)}" for name, value in spec.filters if value not in ((), 0.0, None, False)]
    rows = [
        ("Seed", str(spec.seed)),
        ("Splits", ", ".join(f"{name} {value:.0%}" for name, value in spec.ratios)),
        ("Filters", "; ".join(filters) or "none"),
        ("Deduplication", "; ".join(f"{name} {_value(value)}" for name, value in spec.dedup)),
        ("Largest share of a kind in a split", f"{spec.balance.largest_share:.0%}"),
        ("Videos pinned to the split of an earlier release", f"{len(spec.pinned):,}"),
        ("Decisions of reviewers it was made with", f"{len(spec.decisions):,}"),
    ]
    return [
        Paragraph(
            "It was built from a frozen specification, spec.json, and gives the same bytes whenever it is built again "
            "from the same inputs. A split never parts a video, nor videos that share footage. manifest.json pins "
            "every input by its fingerprint and every file by its SHA-256."
        ),
        Table(("Setting", "Value"), rows),
    ]


def _value(value: object) -> str:
    return (
        ", ".join(map(str, value))
        if isinstance(value, tuple)
        else f"{value:g}"
        if isinstance(value, float)
        else str(value)
    )


def _counts(index: pl.DataFrame) -> list[Block]:
    blocks: list[Block] = [_by_split(index, "kind", "Kind", pairs.KINDS)]
    blocks.append(_by_split(index, "curriculum", "Curriculum"))
    blocks.append(_by_split(index, "language", "Language"))
    blocks.append(_by_split(index, "length", "Length of the answer", pairs.LENGTHS))
    blocks.append(_by_split(index, "made_by", "Written by"))
    return blocks


def _by_split(index: pl.DataFrame, column: str, word: str, order: Sequence[str] = ()) -> Table:
    by_split = {split: counts(index.filter(pl.col("split") == split), column) for split in SPLITS}
    found = counts(index, column)
    names = [*(name for name in order if name in found), *(name for name in found if name not in order)]
    totals = {split: sum(by_split[split].values()) for split in SPLITS}
    rows = [
        (name, *(_with_share(by_split[s].get(name, 0), totals[s]) for s in SPLITS), f"{found[name]:,}")
        for name in names
    ]
    rows.append(("all", *(f"{totals[split]:,}" for split in SPLITS), f"{index.height:,}"))
    return Table((word, *SPLITS, "all"), rows, frozenset(range(1, 5)))


def _with_share(part: int, whole: int) -> str:
    return f"{part:,} ({share(part, whole):.0%})" if part else "0"


def _lengths(index: pl.DataFrame, inputs: Sequence[Input]) -> list[Block]:
    words = {name: index[name].str.count_matches(r"\S+").to_numpy() for name in ("question", "answer")}
    spans_s = ((index["end_ns"] - index["start_ns"]) / NS_PER_S).to_numpy()
    return [
        _histogram("Words in a question", words["question"]),
        _histogram("Words in an answer", words["answer"]),
        _histogram("Tokens of text in an example, estimated without a tokenizer", index["tokens"].to_numpy()),
        _spans(spans_s),
        _coverage(index, inputs),
    ]


def _histogram(caption: str, values: np.ndarray) -> Bars:
    """At most twelve bins of one round width."""
    highest = int(values.max(initial=1))
    sizes = (step * 10**power for power in range(9) for step in (1, 2, 5))
    width = next(size for size in sizes if highest // size < 12)
    found = np.bincount(np.asarray(values, np.int64) // width, minlength=highest // width + 1)
    first = int(np.flatnonzero(found)[0]) if found.any() else 0
    bins = range(first, len(found))
    labels = [str(n * width) if width == 1 else f"{n * width}–{(n + 1) * width - 1}" for n in bins]
    return Bars(caption, labels, [int(found[n]) for n in bins])


def _spans(spans_s: np.ndarray) -> Bars:
    edges = [0.0, *(edge + 1e-9 for edge in _SPANS_S), np.inf]
    found = np.histogram(spans_s, edges)[0]
    labels = [f"to {_duration(edge)}" for edge in _SPANS_S]
    return Bars("Span that an example is about", [*labels, f"over {_duration(_SPANS_S[-1])}"], [int(n) for n in found])


def _duration(seconds: int) -> str:
    return f"{seconds} s" if seconds < 60 else f"{seconds // 60} min"


def _coverage(index: pl.DataFrame, inputs: Sequence[Input]) -> Bars:
    close = index.filter(pl.col("end_ns") - pl.col("start_ns") <= CLOSE_NS)
    by_video = {key[0]: rows for key, rows in close.partition_by("video_id", as_dict=True).items()}
    tenths = [0] * 11
    for video in inputs:
        tenths[int(covered_minutes(by_video.get(video.video_id), video.duration_ns).mean() * 10)] += 1
    labels = [*(f"{n * 10}–{n * 10 + 9} %" for n in range(10)), "100 %"]
    return Bars("Videos by the share of their minutes that an example is about", labels, tenths)


def _sources(index: pl.DataFrame, inputs: Sequence[Input]) -> list[Block]:
    examples = counts(index, "video_id")
    by_licence: dict[str, list[Input]] = {}
    for video in inputs:
        by_licence.setdefault("not on record" if has_no_licence(video) else video.licence.strip(), []).append(video)
    licences = [
        (name, f"{len(found):,}", _clock(found), f"{sum(examples.get(v.video_id, 0) for v in found):,}")
        for name, found in sorted(by_licence.items())
    ]
    rows = [
        (v.title, v.game, v.licence.strip() or "not on record", v.origin, format_clock(v.duration_ns),
         f"{examples.get(v.video_id, 0):,}", v.video_id)
        for v in inputs[:MOST_SOURCES]
    ]  # fmt: skip
    blocks: list[Block] = [
        Table(("Licence", "Videos", "Length", "Examples"), licences, frozenset({1, 2, 3})),
        Table(("Title", "Game", "Licence", "Origin", "Length", "Examples", "Id"), rows, frozenset({4, 5})),
    ]
    if len(inputs) > MOST_SOURCES:
        blocks.append(Paragraph(f"The first {MOST_SOURCES} of {len(inputs):,} videos; spec.json lists all."))
    return blocks


def _clock(videos: Sequence[Input]) -> str:
    return format_clock(sum(video.duration_ns for video in videos))


def _left_out(release: Release) -> list[Block]:
    removed = pl.from_arrow(release.removed)
    assert isinstance(removed, pl.DataFrame)
    compared = card_holds.compared(release.manifest, release.spec.dedup.frame_threshold)
    if not removed.height:
        return [Paragraph("Nothing was left out."), *compared]
    found = counts(removed, "reason")
    order = [*(r for r in REASONS if r in found), *(r for r in found if r not in REASONS)]
    rows = [(reason, REASONS.get(reason, ""), f"{found[reason]:,}") for reason in order]
    return [
        Paragraph(
            "removed.parquet names each with its reason and, where there is one, the example that stands for it."
        ),
        Table(("Reason", "What it means", "Examples"), [*rows, ("all", "", f"{removed.height:,}")], frozenset({2})),
        *compared,
    ]


def _review(release: Release, index: pl.DataFrame) -> list[Block]:
    by_pair = index.group_by("pair_id").agg(pl.col("reviewed").first())
    found = counts(by_pair, "reviewed")
    removed = release.removed
    rejected = removed.filter(pc.equal(removed["reason"], "rejected"))["pair_id"]
    rows = [
        ("accepted as it was", f"{found.get('accepted', 0):,}"),
        ("given other words", f"{found.get('fixed', 0):,}"),
        ("seen by nobody", f"{found.get('', 0):,}"),
        ("rejected, and left out", f"{len(rejected.unique()):,}"),
    ]
    return [
        Paragraph("What people decided about its pairs before it was made."),
        Table(("Decision", "Pairs"), rows, frozenset({1})),
    ]


def _loading(release: Release, index: pl.DataFrame) -> list[Block]:
    present = [split for split in SPLITS if split in set(index["split"].to_list())]
    names = ", ".join(f'"{split}": "{LINES[split]}"' for split in present)
    return [
        Code("python", f'from datasets import load_dataset\n\nexamples = load_dataset("json", data_files={{{names}}})'),
        Paragraph("With this project, line by line, as records and with the index:"),
        Code(
            "python",
            "from pathlib import Path\n\nfrom gvlm_resources.dataset.releases.release_files import Release\n\n"
            'release = Release(Path("."))\nfor example in release.examples("train"):\n'
            "    print(example.video, example.conversations[-1].value)",
        ),
        Paragraph(
            "The vectors behind <v>, <r> and <a> are not in these files: each line names them by table and row under "
            "“embeddings”. The exports hf and webdataset write them beside the examples, below vectors/, unless asked "
            "not to."
        ),
    ]

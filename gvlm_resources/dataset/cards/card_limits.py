"""What a release cannot be trusted with (pure): said by its data where it can be, and what is always so."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import polars as pl

from gvlm_resources.dataset import pairs
from gvlm_resources.dataset.cards.audit import has_no_licence
from gvlm_resources.dataset.cards.audit_balance import counts
from gvlm_resources.dataset.cards.audit_finding import AuditFinding, counted, share
from gvlm_resources.dataset.releases.decided import FIXED
from gvlm_resources.dataset.releases.release_spec import ReleaseSpec

TEMPLATES = "templates@"
IMPORTED = "import@"

ALWAYS = (
    "Evidence is the output of models and rules (text recognition, tracking, sound tagging, rules over the HUD), not "
    "of people. An error there is an error here: answers are held against the timeline, and the timeline was read off "
    "the picture and the sound.",
    "Times are as precise as sampling: a change between two sampled frames is placed at the later one.",
    "Confidence is that of the weakest row of a pair's evidence, as the model gave it. It is not calibrated.",
    "Texts on the screen and speech stand as they were read and heard: names of people can be among them, and text "
    "that reads like an instruction. Treat it as data.",
    "Counts of tokens are estimates by white space and punctuation; a tokenizer will count otherwise.",
)
INTENDED_USE = (
    "Training and testing of models that answer questions about gameplay video from stored vectors and a retrieved "
    "timeline, with the moments that an answer rests on.",
    "Not for: finding out who a player is, judging a person by their play, or any claim about games that are not among "
    "its sources. Respect each source's licence: the footage and what is derived from it remain under it.",
)


def limits(spec: ReleaseSpec, index: pl.DataFrame, findings: Sequence[AuditFinding]) -> list[str]:
    """What this release's own data says, then what is always so."""
    return [*_failed(findings), *_written(index), *_reviewed(index), *_narrow(spec, index), *_licences(spec), *ALWAYS]


def _failed(findings: Sequence[AuditFinding]) -> Iterator[str]:
    failed = [finding for finding in findings if not finding.passed]
    if failed:
        names = ", ".join(f"{finding.check} ({finding.severity})" for finding in failed)
        yield f"{counted(len(failed), 'check')} did not pass: {names}. See “Checks”."


def _written(index: pl.DataFrame) -> Iterator[str]:
    writers = counts(index.filter(~pl.col("made_by").str.ends_with(FIXED)), "made_by")
    by_reviewers = index.height - sum(writers.values())
    by_templates = sum(n for writer, n in writers.items() if writer.startswith(TEMPLATES))
    imported = sum(n for writer, n in writers.items() if writer.startswith(IMPORTED))
    by_models = index.height - by_templates - imported - by_reviewers
    if by_templates:
        yield (
            f"{share(by_templates, index.height):.0%} were written by templates. They ask only what a rule or a reader "
            "put on the timeline: nothing about looks, tactics, intentions or anything else that no row records; and "
            "their wording varies little, so that a model can learn the wording instead of the video."
        )
    if by_models:
        yield (
            f"{share(by_models, index.height):.0%} were written by language models. What they state in words that no "
            "claim covers was held against the timeline's texts, not against the picture."
        )
    if imported:
        yield f"{share(imported, index.height):.0%} were imported; how they were written is not known here."
    if by_reviewers:
        yield (
            f"{share(by_reviewers, index.height):.0%} have words that a reviewer gave. Nothing held them against the "
            "timeline: they are as true as the reviewer."
        )


def _reviewed(index: pl.DataFrame) -> Iterator[str]:
    by_pair = index.group_by("pair_id").agg(pl.col("reviewed").first())
    seen = by_pair.filter(pl.col("reviewed") != "").height
    if seen < by_pair.height:
        part = share(by_pair.height - seen, by_pair.height)
        yield f"{by_pair.height - seen:,} of {by_pair.height:,} pairs ({part:.0%}) were seen by nobody."


def _narrow(spec: ReleaseSpec, index: pl.DataFrame) -> Iterator[str]:
    languages = sorted(index["language"].unique().to_list())
    if len(languages) == 1:
        yield f"It has one language, {languages[0]}."
    lacking = [kind for kind in pairs.KINDS if kind not in set(index["kind"].to_list())]
    if lacking:
        yield f"It has no question of the kinds {', '.join(lacking)}."
    games = sorted({video.game for video in spec.inputs})
    if len(games) == 1:
        yield f"It has one game, {games[0]}: what a model learns from it is not known to hold for another."
    empty = [split for split in ("validation", "test") if index.filter(pl.col("split") == split).is_empty()]
    if empty:
        yield f"It has nothing to test on in {' and '.join(empty)}."


def _licences(spec: ReleaseSpec) -> Iterator[str]:
    unknown = sum(has_no_licence(video) for video in spec.inputs)
    if unknown:
        yield (
            f"For {unknown} of {len(spec.inputs)} videos no licence is on record: whether they may be used or passed "
            "on is for you to find out."
        )

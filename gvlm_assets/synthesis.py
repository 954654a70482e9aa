"""Group `dataset`: grounded questions and answers about one video."""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

import dagster as dg

from gvlm_assets import dataset_checks, show, stored
from gvlm_assets.per_video import Description, Draft, Face, Result, Work, step
from gvlm_resources import schemas
from gvlm_resources.lake.store import read_table

if TYPE_CHECKING:
    from gvlm_resources.dataset.facts import Facts
    from gvlm_resources.dataset.pairs import Pair
    from gvlm_resources.dataset.writer.writing import Written

TEMPLATES, OPENAI = "templates", "openai"
NO_QUOTA = 1_000_000


def _build(work: Work, drafts: Mapping[str, Draft]) -> None:
    from gvlm_resources.dataset import pairs
    from gvlm_resources.dataset.grounding import grounding
    from gvlm_resources.dataset.questions import templates

    draft, settings = drafts["qa_pairs"], work.settings.synthesis
    facts = stored.facts(work)
    found: list[Pair] = []
    calls = schemas.QA_CALLS.empty_table()
    if OPENAI in settings.writers:
        written = _written(work, facts)
        found += written.pairs
        calls = written.calls
        draft.facts["asked"] = written.counts()
        work.say(written.summary())
        draft.path(stored.CONTEXT).write_text(written.context_json())
        work.measured["qa_pairs"] = {"asking": dg.MetadataValue.json(dict(written.measured))}
    if TEMPLATES in settings.writers:
        found += templates.write(facts, settings)
    checked = [*_imported(work, facts), *grounding.check(found, facts, settings)]
    draft.table(stored.PAIRS, pairs.table(pairs.in_order(checked)), schemas.QA_PAIRS)
    draft.table(stored.CALLS, calls, schemas.QA_CALLS)


def _written(work: Work, facts: "Facts") -> "Written":
    from gvlm_resources.dataset.writer import writing

    asker = work.models.asker(work.settings, work.lake.layout.replies())
    return writing.write(facts, _pictures(work), work.settings.synthesis, asker)


def _pictures(work: Work) -> Callable[[str], bytes | None]:
    frames = work.upstream("frames").path(stored.FRAMES)
    return lambda frame_id: stored.frame_image(frames, frame_id)


def _imported(work: Work, facts: "Facts") -> "Sequence[Pair]":
    """Pairs made elsewhere, held against the same evidence. No quota is theirs: the user chose them."""
    from gvlm_resources.dataset.grounding import grounding
    from gvlm_resources.dataset.imports import imports

    taken = imports.stored_pairs(work.lake.layout, work.video_id, facts)
    for problem in taken.problems:
        work.say(problem)
    settings = work.settings.synthesis
    free = settings.quotas.model_copy(update=dict.fromkeys(type(settings.quotas).model_fields, NO_QUOTA))
    return grounding.check(taken.pairs, facts, settings.model_copy(update={"quotas": free}))


def _describe(work: Work, result: Result) -> Description:
    rows = read_table(result, stored.PAIRS)
    calls = read_table(result, stored.CALLS)
    kept = show.only(rows, "status", {schemas.STATUS_OK})
    metadata = show.table(rows, schemas.QA_PAIRS) | {
        "kept": kept.num_rows,
        "kept_by_kind": show.counts(kept, "kind"),
        "kept_by_writer": show.counts(kept, "made_by"),
        "outcomes": show.outcomes(rows),
        "pairs": show.pairs(kept),
    }
    if calls.num_rows:
        metadata |= _cost(calls)
    findings = [
        dataset_checks.pairs_cite_rows(kept, stored.evidence_ids(work.upstream)),
        dataset_checks.few_pairs_dropped(rows),
        dataset_checks.calls_were_read(calls),
    ]
    return Description(metadata, findings)


def _cost(calls: "schemas.pa.Table") -> dict[str, object]:
    costs = calls.column("cost_usd").to_pylist()
    known = [cost for cost in costs if cost is not None]
    return {
        "calls": calls.num_rows,
        "calls_by_outcome": show.counts(calls, "outcome"),
        "prompt_tokens": sum(calls.column("prompt_tokens").to_pylist()),
        "completion_tokens": sum(calls.column("completion_tokens").to_pylist()),
        "cost_usd": round(sum(known), 6) if len(known) == len(costs) else "the model's price is not known",
    }


qa_pairs = step(
    "qa_pairs",
    {
        "qa_pairs": Face(
            "Questions and answers with the rows they rest on, by templates or a language model. What a check dropped "
            "stays, with the reason.",
            "dataset",
            frozenset({"openai", "parquet"}),
            {
                "pairs_cite_rows": "Every kept pair rests on rows that are there.",
                "few_pairs_dropped": "At most half of what was written was dropped as not grounded.",
                "calls_were_read": "At most a tenth of the language model's replies could not be read.",
            },
            _describe,
        )
    },
    _build,
)

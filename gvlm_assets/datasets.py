"""Group `dataset`: training examples of one video, and releases made of many."""

import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import dagster as dg
from pydantic import Field

from gvlm_assets import dataset_checks, evidence, releasing, show, stored
from gvlm_assets.partitions import releases
from gvlm_assets.per_video import OWNERS, Description, Draft, Face, Result, Work, step
from gvlm_resources import schemas
from gvlm_resources.bindings import LakeFolder
from gvlm_resources.errors import GvlmError, LakeError
from gvlm_resources.lake.store import read_table

if TYPE_CHECKING:
    from gvlm_resources.dataset.examples.vectors import Vectors
    from gvlm_resources.dataset.pairs import Pair

CODE_VERSION = "3"
NAME = "training_set"


# ------------------------------------------------------------------------------------------------ of one video


def _build_examples(work: Work, drafts: Mapping[str, Draft]) -> None:
    from gvlm_resources.dataset import pairs
    from gvlm_resources.dataset.examples import examples, shards

    draft = drafts["training_examples"]
    vectors = _vectors(work)
    made = examples.make(
        pairs.pairs_of(read_table(work.upstream("qa_pairs"), stored.PAIRS)),
        stored.facts(work),
        vectors,
        _timeline(work),
        work.settings.examples,
        {**{name: work.recipes[name].fingerprint() for name in ("qa_pairs", "timeline_index")}, **_vector_builds(work)},
    )
    draft.facts.update(shards.write(draft.folder, made, vectors))


def _vector_builds(work: Work) -> Mapping[str, str]:
    """Which build of each table of vectors the examples' tokens mean."""
    if work.settings.examples.features == "imported":
        return dict.fromkeys(stored.VECTOR_IDS, releasing.imported_vectors(work.lake, work.video_id)[0])
    return {name: work.recipes[name].fingerprint() for name in stored.VECTOR_IDS}


def _vectors(work: Work) -> "Vectors":
    """Those computed here or, by setting, those imported. Regions are never imported."""
    from gvlm_resources.dataset.examples.vectors import Vectors

    if work.settings.examples.features != "imported":
        paths = {asset: work.upstream(asset).path(name) for asset, (name, _) in stored.VECTOR_IDS.items()}
        return Vectors.open(work.video_id, paths)
    _, given = releasing.imported_vectors(work.lake, work.video_id)
    if not given:
        raise LakeError(
            f"no features were imported for {work.video_id}",
            remedy=f"`gvlm import features FILE --video {work.video_id}`, or set examples.features: computed",
        )
    return Vectors.of_tables(work.video_id, {f"{name}_embeddings": table for name, table in given.items()})


def _timeline(work: Work) -> "Callable[[Pair], str]":
    """The evidence of a pair's question as its prompt will show it."""
    from gvlm_resources.reasoning.shown import timeline_for

    source = evidence.source(work.lake_folder, work.settings, work.models, [work.video_id])
    return lambda pair: timeline_for(
        pair.question,
        source=source,
        settings=work.settings.reasoning,
        video_id=work.video_id,
    )


def _describe_examples(work: Work, result: Result) -> Description:
    rows = read_table(result, stored.EXAMPLES)
    invalid, lost = _looked_through(result, _vectors(work))
    pairs = result.facts["pairs"]
    metadata = show.table(rows, schemas.EXAMPLES) | {
        "by_curriculum": show.counts(rows, "curriculum"),
        "by_kind": show.counts(rows, "kind"),
        "left_out": dg.MetadataValue.json(result.facts.get("skipped", {})),
        "embeddings": sum(rows.column("embeddings").to_pylist()),
        "examples": show.examples(result.path(stored.EXAMPLE_LINES), rows),
    }
    findings = [
        dataset_checks.examples_are_valid(invalid, rows.num_rows),
        dataset_checks.tokens_resolve(lost, sum(rows.column("embeddings").to_pylist())),
        dataset_checks.most_pairs_are_used(pairs["kept"], pairs["used"]),
    ]
    return Description(metadata, findings)


def _looked_through(result: Result, vectors: "Vectors") -> tuple[list[str], list[str]]:
    """What is wrong with the lines, and the tokens that stand for no stored vector."""
    from gvlm_resources.dataset.examples import shards, validate
    from gvlm_resources.dataset.examples.example import Embedding

    invalid, lost = [], []
    for line in shards.read_lines(result.path(stored.EXAMPLE_LINES)):
        invalid += [f"{line['id']}: {error}" for error in validate.errors(line)]
        found = (Embedding(entry["token"], entry["table"], entry["id"]) for entry in line["embeddings"])
        lost += [f"{line['id']}: {each.row_id}" for each in found if not vectors.has(each)]
    return invalid, lost


training_examples = step(
    "training_examples",
    {
        "training_examples": Face(
            "JSONL of one video's training examples: interleaved tokens for stored vectors, the timeline as it will be "
            "retrieved, the question and the answer.",
            "dataset",
            frozenset({"json", "parquet"}),
            {
                "examples_are_valid": "Every line is valid by the format's JSON Schema and its further rules.",
                "tokens_resolve": "Every <v>, <r> and <a> stands for a stored vector.",
                "most_pairs_are_used": "Nine tenths of the kept pairs, and half of each kind, are in an example.",
            },
            _describe_examples,
        )
    },
    _build_examples,
)


# ------------------------------------------------------------------------------------------------ of many


@dg.asset(
    name=NAME,
    partitions_def=releases,
    deps=[dg.AssetDep("training_examples", partition_mapping=dg.AllPartitionMapping())],
    group_name="dataset",
    kinds={"json", "huggingface"},
    owners=OWNERS,
    code_version=CODE_VERSION,
    check_specs=[dg.AssetCheckSpec(check, asset=NAME, description=text) for check, text in releasing.CHECKS.items()],
)
def training_set(context: dg.AssetExecutionContext, lake_folder: LakeFolder) -> dg.MaterializeResult:
    """A named, frozen release: deduplicated, balanced, split by source video, with its manifest and card.

    Asked for with `gvlm release create`, or in the UI with the job `create_release`. Once it is built it stays: what
    is added or rebuilt later goes into the next release.
    """
    started = time.perf_counter()
    try:
        built = releasing.build(lake_folder, context.partition_key, code_version=CODE_VERSION, say=context.log.info)
        findings = built or releasing.findings(lake_folder, context.partition_key)
    except GvlmError as error:
        raise dg.Failure(str(error), allow_retries=False) from error
    seconds = round(time.perf_counter() - started, 3) if built else None
    return dg.MaterializeResult(
        metadata=_release_metadata(lake_folder, context.partition_key, findings, seconds),
        check_results=[_check_result(found) for found in findings],
    )


def _release_metadata(
    lake_folder: LakeFolder, name: str, findings: Sequence[Any], seconds: float | None
) -> Mapping[str, Any]:
    from gvlm_resources.dataset.cards import card

    result, release = releasing.stored_release(lake_folder, name)
    rows = release.index
    metadata = {
        **show.table(rows, schemas.RELEASE_EXAMPLES),
        "by_split": show.counts(rows, "split"),
        "by_kind": show.counts(rows, "kind"),
        "removed": show.counts(release.removed, "reason"),
        "manifest": dg.MetadataValue.json(release.manifest),
        "card": dg.MetadataValue.md(
            card.markdown(
                release,
                findings,
                releasing.frames(releasing.made_with(lake_folder.lake(), release)),
                pictures="none",
            )
        ),
        "gvlm/bytes": result.total_bytes,
        "gvlm/fingerprint": result.fingerprint,
        "gvlm/outcome": "frozen: as it was built" if seconds is None else "built",
        "dagster/uri": dg.MetadataValue.path(str(result.folder)),
    }
    return metadata if seconds is None else metadata | {"gvlm/seconds": seconds}


def _check_result(found: Any) -> dg.AssetCheckResult:
    severity = dg.AssetCheckSeverity.ERROR if found.severity == "error" else dg.AssetCheckSeverity.WARN
    return dg.AssetCheckResult(
        check_name=found.check, passed=found.passed, severity=severity, description=found.summary
    )


class ReleaseConfig(dg.Config):
    """A release to be made of every video that has training examples, or of those listed."""

    name: str
    videos: list[str] = Field(default_factory=list)
    seed: int = 0
    splits_of: str = Field(default="", description="A release whose videos stay in their splits.")


@dg.op
def register_release(context: dg.OpExecutionContext, config: ReleaseConfig, lake_folder: LakeFolder) -> None:
    """Freeze what the release is made of and add its partition, to be materialised."""
    pinned = releasing.splits_of(lake_folder, config.splits_of) if config.splits_of else {}
    spec = releasing.spec(lake_folder, config.name, config.videos, seed=config.seed, pinned=pinned)
    releasing.record(lake_folder, spec)
    context.instance.add_dynamic_partitions(releases.name, [spec.name])
    context.log.info(f"release {spec.name}: {len(spec.inputs)} videos; materialise its partition of {NAME}")


@dg.job
def create_release() -> None:
    """Ask for a release from the UI: fill in `name`, and `videos` where not all shall be in it."""
    register_release()

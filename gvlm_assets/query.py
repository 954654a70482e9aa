"""Group `query`: one answer a question, with citations and the evidence they rest on."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import dagster as dg

from gvlm_assets import evidence, show
from gvlm_assets.evidence import FRAMES
from gvlm_assets.partitions import questions
from gvlm_assets.per_video import OWNERS
from gvlm_resources import schemas
from gvlm_resources.bindings import LakeFolder, Models, Profile
from gvlm_resources.errors import GvlmError, QuestionError
from gvlm_resources.lake.catalogue import QuestionRecord
from gvlm_resources.lake.fingerprint import Recipe
from gvlm_resources.lake.store import Lake
from gvlm_resources.settings import Settings

CODE_VERSION = "4"
ANSWER = "answer.json"
INDEX = "timeline_index"


@dg.asset(
    partitions_def=questions,
    deps=[dg.AssetDep(name, partition_mapping=dg.AllPartitionMapping()) for name in ("timeline_index", "frame_index")],
    group_name="query",
    kinds={"lancedb", "json"},
    owners=OWNERS,
    code_version=CODE_VERSION,
    check_specs=[
        dg.AssetCheckSpec(
            "citations_resolve", asset="answers", description="Every citation names a row of the evidence."
        ),
        dg.AssetCheckSpec(
            "is_supported",
            asset="answers",
            description="The answer rests on evidence; it warns where the timeline held nothing to answer from.",
        ),
    ],
)
def answers(
    context: dg.AssetExecutionContext, lake_folder: LakeFolder, profile: Profile, models: Models
) -> dg.MaterializeResult:
    """The answer to one question: text with cited moments, evidence rows and frames, and which core composed it.

    Asked with `gvlm ask`, or in the UI with the job `ask`. The question's time and scope steer what is retrieved.
    """
    from gvlm_resources.reasoning.protocol import Answer

    lake, settings = lake_folder.lake(), profile.settings()
    question = lake_folder.catalogue().question(context.partition_key)
    seconds = None
    try:
        recipe = _recipe(lake_folder, question, settings, models)
        with lake.lock("answers", question.question_id):
            if not lake.is_fresh(recipe, question.question_id):
                started = time.perf_counter()
                answer = _answer(lake_folder, question, settings, models)
                with lake.write(recipe, question.question_id) as draft:
                    draft.path(ANSWER).write_text(answer.to_json() + "\n")
                seconds = time.perf_counter() - started
    except GvlmError as error:
        raise dg.Failure(str(error), allow_retries=False) from error
    result = lake.get("answers", question.question_id)
    answer = Answer.from_json(result.path(ANSWER).read_text())
    return dg.MaterializeResult(
        metadata=_metadata(lake_folder, question, answer, seconds), check_results=list(_checks(answer))
    )


def _scope(lake_folder: LakeFolder, question: QuestionRecord) -> list[str]:
    """Videos that the question is about and that can be searched."""
    built = lake_folder.lake().partitions(INDEX)
    scope = [key for key in built if question.video_id in ("", key)]
    if not scope:
        raise QuestionError(
            f"the timeline of {question.video_id or 'every video'} is not built", remedy="run `gvlm build` first"
        )
    return scope


def _recipe(lake_folder: LakeFolder, question: QuestionRecord, settings: Settings, models: Models) -> Recipe:
    lake = lake_folder.lake()
    return Recipe(
        asset="answers",
        code_version=CODE_VERSION,
        schema_version=schemas.VERSION,
        source=question.question_id,
        upstream=_indexes(lake, _scope(lake_folder, question)),
        settings={"reasoning": settings.reasoning.model_dump(mode="json")},
        models={
            "text": models.identities(settings)["text"],
            "siglip": models.space(settings),
            "core": models.reasoning_core(settings.reasoning).model,
        },
    )


def _indexes(lake: Lake, video_ids: Sequence[str]) -> Mapping[str, str]:
    """Fingerprints of what can be searched of each video; of its frames only where they are built."""
    found = {f"{name}/{key}": lake.find(name, key) for key in video_ids for name in (INDEX, FRAMES)}
    return {name: result.fingerprint for name, result in found.items() if result is not None}


def _answer(lake_folder: LakeFolder, question: QuestionRecord, settings: Settings, models: Models) -> Any:
    from gvlm_resources.reasoning import retrieve

    return retrieve.answer(
        question.text,
        source=evidence.source(lake_folder, settings, models, _scope(lake_folder, question)),
        core=models.reasoning_core(settings.reasoning),
        settings=settings.reasoning,
        video_id=question.video_id or None,
    )


def _metadata(
    lake_folder: LakeFolder, question: QuestionRecord, answer: Any, seconds: float | None
) -> Mapping[str, Any]:
    metadata = {
        "question": question.text,
        "answer": dg.MetadataValue.md(answer.text),
        "scope": question.video_id or "the whole library",
        "citations": dg.MetadataValue.json([asdict(citation) for citation in answer.citations]),
        "evidence_frames": show.evidence_frames(lake_folder.lake(), answer),
        "core": answer.core,
        "supported": answer.supported,
        "confidence": answer.confidence,
        "notes": dg.MetadataValue.json(list(answer.notes)),
        "gvlm/outcome": "fresh: nothing it depends on changed" if seconds is None else "built",
    }
    return metadata if seconds is None else metadata | {"gvlm/seconds": round(seconds, 3)}


def _checks(answer: Any) -> list[dg.AssetCheckResult]:
    known = {hit.row_id for hit in answer.evidence}
    lost = [citation.label for citation in answer.citations if citation.row_id not in known]
    return [
        dg.AssetCheckResult(
            check_name="citations_resolve",
            passed=not lost,
            description=f"{len(answer.citations)} citations, {len(lost)} without evidence {lost[:5]}",
        ),
        dg.AssetCheckResult(
            check_name="is_supported",
            passed=answer.supported,
            severity=dg.AssetCheckSeverity.WARN,
            description="rests on evidence" if answer.supported else "the timeline held nothing to answer from",
        ),
    ]


class AskConfig(dg.Config):
    """A question, and the video it is about; empty for the whole library."""

    question: str
    video: str = ""


@dg.op
def register_question(context: dg.OpExecutionContext, config: AskConfig, lake_folder: LakeFolder) -> None:
    """Record the question and add its partition. The sensor `asked_questions` has it answered."""
    from gvlm_resources.lake.catalogue import question_record

    record = question_record(config.question, config.video)
    lake_folder.catalogue().add_question(record)
    context.instance.add_dynamic_partitions(questions.name, [record.question_id])
    context.log.info(f"asked as partition {record.question_id}")


@dg.job
def ask() -> None:
    """Ask a question from the UI: fill in `question`, and `video` where it is about one."""
    register_question()

"""The composition root: assets, resources, jobs, sensors and schedules, put together for Dagster."""

import dagster as dg

from gvlm_assets import (
    datasets,
    embeddings,
    entities,
    environment,
    ingest,
    query,
    sampling,
    sounds,
    synthesis,
    text,
    timeline,
)
from gvlm_assets.partitions import questions, videos
from gvlm_resources.bindings import LakeFolder, Models, Profile
from gvlm_resources.lake.layout import Layout
from schedules import automation

PER_VIDEO = [
    ingest.video,
    sampling.sampling,
    text.speech_spans,
    text.speech_transcript,
    text.ocr_text,
    embeddings.siglip_embeddings,
    embeddings.videomae_embeddings,
    embeddings.wav2vec2_embeddings,
    entities.entity_tracks,
    entities.region_embeddings,
    sounds.sound_events,
    embeddings.frame_index,
    timeline.game_state,
    timeline.timeline_events,
    timeline.timeline_index,
    synthesis.qa_pairs,
    datasets.training_examples,
]
PER_VIDEO_SELECTION = dg.AssetSelection.assets(*PER_VIDEO)


def build(env: environment.Environment) -> dg.Definitions:
    """Everything, for one project folder and its settings."""
    nightly = [
        assets.map_asset_specs(lambda spec: spec.replace_attributes(automation_condition=automation.NIGHTLY))
        for assets in PER_VIDEO
    ]
    answering = dg.AssetSelection.assets(query.answers)
    return dg.Definitions(
        assets=[*nightly, ingest.quarantine, datasets.training_set, query.answers],
        jobs=[
            dg.define_asset_job(
                "build_video",
                PER_VIDEO_SELECTION,
                description="Everything from the source video to its rows of the searchable timeline.",
            ),
            query.ask,
            datasets.create_release,
            automation.compact_timeline,
        ],
        sensors=[
            automation.new_videos(videos),
            automation.nightly_backfill(PER_VIDEO_SELECTION),
            automation.asked_questions(questions, answering),
        ],
        schedules=[automation.nightly_compaction],
        executor=dg.in_process_executor,  # one process a run: each model is loaded once for all stages of a video
        resources={
            "lake_folder": LakeFolder(root=str(env.lake)),
            "profile": Profile(name=env.profile, settings_file=str(env.settings_file or "")),
            "models": Models(
                cache=str(Layout(env.lake).cache()),
                folder=str(env.models),
                hub_cache=str(env.hub_cache),
                api_key=_api_key(env),
            ),
        },
    )


def _api_key(env: environment.Environment) -> str | dg.EnvVar:
    """Only the variable's name: Dagster shows a resource's configuration in the UI."""
    return dg.EnvVar(environment.API_KEY_VARIABLE) if env.has_api_key else ""


defs = build(environment.read())

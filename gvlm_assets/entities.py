"""Group `perception`: things seen, as tracks with boxes and masks, and one vector a tracked region."""

from collections.abc import Mapping

import dagster as dg

from gvlm_assets import checks, show, stored
from gvlm_assets.per_video import Description, Draft, Face, Result, Work, step
from gvlm_resources import schemas
from gvlm_resources.lake.store import read_table

BATCH = 16
OFF = "off"
WITHOUT_PICTURES = ["frame_id", "pts_ns", "is_scene_change", "status"]


def _concepts(work: Work) -> tuple[str, ...]:
    """The game's and the user's, each once."""
    return tuple(dict.fromkeys((*work.game.concepts, *work.settings.entities.concepts)))


def _build_tracks(work: Work, drafts: Mapping[str, Draft]) -> None:
    draft, settings, concepts = drafts["entity_tracks"], work.settings.entities, _concepts(work)
    if settings.model == OFF or not concepts:
        draft.table(stored.ENTITIES, schemas.ENTITIES.empty_table(), schemas.ENTITIES)
        draft.facts["state"] = "off: entities.model is off" if settings.model == OFF else "no concepts to look for"
        return
    from gvlm_resources.encoders import entities

    segmenter = work.models.segmenter(work.settings)
    speed = entities.track_video(
        work.upstream("frames").path(stored.FRAMES),
        segmenter,
        settings,
        work.settings.compute,
        concepts,
        video_id=work.video_id,
        out=draft.path(stored.ENTITIES),
        report=work.say,
    )
    draft.facts.update(segmenter.identity.as_facts(), state="on", concepts=list(concepts))
    work.measured["entity_tracks"] = {"speed": dg.MetadataValue.json(speed.as_facts())}


def _describe_tracks(work: Work, result: Result) -> Description:
    rows = read_table(result, stored.ENTITIES)
    frames = work.upstream("frames").path(stored.FRAMES)
    metadata = show.table(rows, schemas.ENTITIES) | {"encoder": dg.MetadataValue.json(result.facts)}
    if result.facts["state"] == "on":
        metadata |= {
            "overlay": show.entity_overlay(frames, rows),
            "tracks": show.track_plot(rows, stored.probe(work).duration_ns),
            "rows_by_concept": show.counts(rows, "concept"),
            "outcomes": show.outcomes(rows),
        }
    known = read_table(work.upstream("frames"), stored.FRAMES, columns=["frame_id", "width", "height"])
    findings = [checks.boxes_lie_in_the_frame(rows), checks.frames_are_known(rows, known)]
    return Description(metadata, [*findings, checks.few_rows_failed(rows, limit=0.05)])


def _build_regions(work: Work, drafts: Mapping[str, Draft]) -> None:
    draft, entities = drafts["region_embeddings"], work.upstream("entity_tracks")
    found = read_table(entities, stored.ENTITIES, columns=["status"]).column("status").to_pylist()
    if schemas.STATUS_OK not in found:
        draft.table(stored.REGIONS, schemas.REGIONS.empty_table(), schemas.REGIONS)
        return
    from gvlm_resources.encoders import regions

    encoder = work.models.siglip(work.settings)
    speed = regions.embed_regions(
        work.upstream("frames").path(stored.FRAMES),
        entities.path(stored.ENTITIES),
        encoder,
        work.settings.regions,
        work.settings.compute,
        video_id=work.video_id,
        out=draft.path(stored.REGIONS),
        report=work.say,
    )
    draft.facts.update(encoder.identity.as_facts(), pooling=work.settings.regions.pooling)
    work.measured["region_embeddings"] = {"speed": dg.MetadataValue.json(speed.as_facts())}


def _describe_regions(work: Work, result: Result) -> Description:
    rows = read_table(result, stored.REGIONS)
    entities = read_table(work.upstream("entity_tracks"), stored.ENTITIES, columns=["entity_id", "status"])
    wanted = show.only(entities, "status", {schemas.STATUS_OK})
    metadata = show.table(rows, schemas.REGIONS) | {
        "encoder": dg.MetadataValue.json(result.facts),
        "outcomes": show.outcomes(rows),
        "map": show.embedding_map(rows),
    }
    findings = [
        checks.ids_match(rows, wanted, "entity_id"),
        checks.unit_vectors(rows),
        checks.no_dead_dimensions(rows),
        checks.few_rows_failed(rows, limit=0.05),
    ]
    return Description(metadata, findings)


entity_tracks = step(
    "entity_tracks",
    {
        "entity_tracks": Face(
            "What SAM 3 finds of the game's concepts, frame by frame, and which of it is one thing over time. "
            "Boxes, scores and masks as run lengths. Empty where `entities.model` is off.",
            "perception",
            frozenset({"huggingface", "pytorch", "parquet"}),
            {
                "boxes_lie_in_the_frame": "Every box lies in its frame and every mask has pixels.",
                "frames_are_known": "Every row names a sampled frame, and no track is twice on one.",
                "few_rows_failed": "At most 5 % of the rows failed.",
            },
            _describe_tracks,
        )
    },
    _build_tracks,
    batch=BATCH,
)

region_embeddings = step(
    "region_embeddings",
    {
        "region_embeddings": Face(
            "One vector a tracked thing on a frame: the frame's SigLIP patches pooled under its mask.",
            "perception",
            frozenset({"huggingface", "pytorch", "parquet"}),
            {
                "ids_match": "There is one row for each entity that was found.",
                "unit_vectors": "Every vector is finite and of unit length.",
                "no_dead_dimensions": "No dimension has one value for all rows while others vary.",
                "few_rows_failed": "At most 5 % of the rows failed.",
            },
            _describe_regions,
        )
    },
    _build_regions,
    batch=BATCH,
)

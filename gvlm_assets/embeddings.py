"""Group `perception`: one vector a frame, a clip, a window of sound; and the frames that words find."""

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING

import dagster as dg

from gvlm_assets import checks, show, stored
from gvlm_assets.per_video import Description, Draft, Face, Result, Work, step
from gvlm_resources import schemas
from gvlm_resources.lake.store import read_table

if TYPE_CHECKING:
    from gvlm_resources.encoders.protocol import Identity
    from gvlm_resources.encoders.stream import Speed

BATCH = 16  # videos for which one run loads a model once
CHECKS = {
    "ids_match": "The ids are those of what was encoded, as sets.",
    "unit_vectors": "Every vector is finite and of unit length.",
    "no_dead_dimensions": "No dimension has one value for all rows while others vary.",
    "few_rows_failed": "At most 5 % of the rows have no vector.",
}


def _keep(work: Work, asset: str, draft: Draft, identity: "Identity", speed: "Speed | None") -> None:
    draft.facts.update(identity.as_facts())
    if speed is not None:
        work.measured[asset] = {"speed": dg.MetadataValue.json(speed.as_facts())}


def _describe(
    work: Work, result: Result, name: str, schema: "schemas.pa.Schema", upstream: tuple[str, str, str] | None
) -> Description:
    """Metadata and findings that all vectors share. `upstream` is the asset, file and id column of what was encoded."""
    rows = read_table(result, name)
    metadata = show.table(rows, schema) | {
        "encoder": dg.MetadataValue.json(result.facts),
        "outcomes": show.outcomes(rows),
        "map": show.embedding_map(rows),
    }
    findings = [checks.unit_vectors(rows), checks.no_dead_dimensions(rows), checks.few_rows_failed(rows, limit=0.05)]
    if upstream is not None:
        asset, file, key = upstream
        wanted = read_table(work.upstream(asset), file, columns=[key])
        findings.append(checks.ids_match(rows, wanted, key))
    return Description(metadata, findings)


def _build_siglip(work: Work, drafts: Mapping[str, Draft]) -> None:
    from gvlm_resources.encoders import embed

    draft, encoder = drafts["siglip_embeddings"], work.models.siglip(work.settings)
    speed = embed.frames(
        work.upstream("frames").path(stored.FRAMES),
        encoder,
        work.settings.compute,
        video_id=work.video_id,
        out=draft.path(stored.SIGLIP),
        report=work.say,
    )
    _keep(work, "siglip_embeddings", draft, encoder.identity, speed)


def _describe_siglip(work: Work, result: Result) -> Description:
    return _describe(work, result, stored.SIGLIP, schemas.SIGLIP, ("frames", stored.FRAMES, "frame_id"))


def _build_videomae(work: Work, drafts: Mapping[str, Draft]) -> None:
    from gvlm_resources.encoders import embed

    draft, encoder = drafts["videomae_embeddings"], work.models.clip_encoder(work.settings)
    speed = embed.clips(
        work.upstream("clips").path(stored.CLIPS),
        encoder,
        work.settings.compute,
        video_id=work.video_id,
        out=draft.path(stored.VIDEOMAE),
        report=work.say,
    )
    _keep(work, "videomae_embeddings", draft, encoder.identity, speed)


def _describe_videomae(work: Work, result: Result) -> Description:
    return _describe(work, result, stored.VIDEOMAE, schemas.VIDEOMAE, ("clips", stored.CLIPS, "clip_id"))


def _build_wav2vec2(work: Work, drafts: Mapping[str, Draft]) -> None:
    from gvlm_resources.encoders import embed

    draft = drafts["wav2vec2_embeddings"]
    if not stored.probe(work).has_audio:
        draft.table(stored.WAV2VEC2, schemas.WAV2VEC2.empty_table(), schemas.WAV2VEC2)
        return
    encoder = work.models.sound_encoder(work.settings)
    speed = embed.windows(
        work.upstream("audio").path(stored.AUDIO),
        encoder,
        work.settings.wav2vec2,
        work.settings.compute,
        video_id=work.video_id,
        out=draft.path(stored.WAV2VEC2),
        report=work.say,
    )
    _keep(work, "wav2vec2_embeddings", draft, encoder.identity, speed)


def _describe_wav2vec2(work: Work, result: Result) -> Description:
    description = _describe(work, result, stored.WAV2VEC2, schemas.WAV2VEC2, None)
    rows = read_table(result, stored.WAV2VEC2, columns=["window_id", "start_ns", "end_ns"])
    covered = checks.windows_cover_the_sound(rows, stored.probe(work), work.settings.wav2vec2)
    return Description(description.metadata, [*description.findings, covered])


def _build_index(work: Work, drafts: Mapping[str, Draft]) -> None:
    """Put the frames' vectors where words find them, and note which frame looks most like each of the game's things."""
    from gvlm_resources.timeline import find, frame_store

    result = work.upstream("siglip_embeddings")
    facts = result.facts
    store = work.lake_folder.frames(facts["dim"])
    embeddings = read_table(result, stored.SIGLIP)
    rows = frame_store.rows_of(embeddings, video_id=work.video_id, model=_space(work), dim=facts["dim"])
    for other in work.lake_folder.frame_tables():
        if other.kind.name != store.kind.name:  # of an encoder that was in use before
            other.remove_video(work.video_id)
    store.replace_video(work.video_id, rows)
    matches = []
    if rows.num_rows:
        tower = work.models.siglip(work.settings)
        for words in work.game.concepts or find.USUAL:
            best = find.find(words, tower, store, model=_space(work), limit=1, video_ids=[work.video_id])
            matches += [find.as_json(words, match) for match in best]
    draft = drafts["frame_index"]
    draft.path(stored.MATCHES).write_text(json.dumps(matches, indent=1) + "\n")
    draft.facts.update(dim=facts["dim"], rows=rows.num_rows)


def _space(work: Work) -> str:
    """What has to be the same for two vectors to be comparable."""
    return work.models.space(work.settings)


def _describe_index(work: Work, result: Result) -> Description:
    matches = json.loads(result.path(stored.MATCHES).read_text())
    metadata = {
        "dagster/row_count": result.facts["rows"],
        "best_matches": show.best_matches(work.upstream("frames").path(stored.FRAMES), matches),
        "scores": dg.MetadataValue.json({match["words"]: match["probability"] for match in matches}),
    }
    store = work.lake_folder.frames(result.facts["dim"])
    return Description(metadata, [checks.index_holds_ids(store, work.video_id, _wanted_ids(work))])


def _wanted_ids(work: Work) -> set[str]:
    rows = read_table(work.upstream("siglip_embeddings"), stored.SIGLIP, columns=["frame_id", "status"])
    return {f"{work.video_id}/{row['frame_id']}" for row in rows.to_pylist() if row["status"] == schemas.STATUS_OK}


def _index_is_intact(work: Work, result: Result) -> bool:
    return work.lake_folder.frames(result.facts["dim"]).row_ids(work.video_id) == _wanted_ids(work)


def _face(description: str, kinds: set[str], checks: Mapping[str, str], describe) -> Face:
    return Face(description, "perception", frozenset(kinds | {"huggingface", "parquet"}), checks, describe)


siglip_embeddings = step(
    "siglip_embeddings",
    {
        "siglip_embeddings": _face(
            "One SigLIP vector a sampled frame, in the space that its text tower puts words in.",
            {"pytorch"},
            CHECKS,
            _describe_siglip,
        )
    },
    _build_siglip,
    batch=BATCH,
)

videomae_embeddings = step(
    "videomae_embeddings",
    {
        "videomae_embeddings": _face(
            "One VideoMAE vector a clip: what moves, over sixteen frames.", {"pytorch"}, CHECKS, _describe_videomae
        )
    },
    _build_videomae,
    batch=BATCH,
)

wav2vec2_embeddings = step(
    "wav2vec2_embeddings",
    {
        "wav2vec2_embeddings": _face(
            "One Wav2Vec2 vector a fixed window of sound. None where the video has no sound.",
            {"pytorch"},
            {name: text for name, text in CHECKS.items() if name != "ids_match"}
            | {"windows_cover_the_sound": "Windows follow each other at the stride, from the start to the end."},
            _describe_wav2vec2,
        )
    },
    _build_wav2vec2,
    batch=BATCH,
)

frame_index = step(
    "frame_index",
    {
        "frame_index": Face(
            "This video's frames in LanceDB by their SigLIP vectors: what `gvlm find` searches.",
            "timeline",
            frozenset({"lancedb", "huggingface"}),
            {"index_holds_the_rows": "The table holds exactly the frames that have a vector."},
            _describe_index,
            is_intact=_index_is_intact,
        )
    },
    _build_index,
    batch=BATCH,
)

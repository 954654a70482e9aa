"""The files of each per-video result, and how a later stage opens them."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow.parquet as pq

from gvlm_assets.per_video import Work
from gvlm_resources import schemas
from gvlm_resources.game import Game
from gvlm_resources.lake.catalogue import VideoRecord
from gvlm_resources.lake.store import Result, read_table

if TYPE_CHECKING:
    from gvlm_resources.dataset.facts import Facts
    from gvlm_resources.video.probe import Probe

PROBE = "probe.json"
FRAMES = "frames.parquet"
CLIPS = "clips.parquet"
HUD_CROPS = "hud_crops.parquet"
AUDIO = "audio.wav"
SPEECH_SPANS = "spans.parquet"
SPEECH = "speech.parquet"
OCR = "ocr.parquet"
SIGLIP = "siglip.parquet"
VIDEOMAE = "videomae.parquet"
WAV2VEC2 = "wav2vec2.parquet"
ENTITIES = "entities.parquet"
REGIONS = "regions.parquet"
SOUNDS = "sounds.parquet"
MATCHES = "matches.json"
FRAME_MARKS = [name for name in schemas.FRAMES.names if name != "image"]
WITHOUT_MASKS = [name for name in schemas.ENTITIES.names if name != "mask"]
STATE = "state.parquet"
EVENTS = "events.parquet"
ROWS = "rows.parquet"
PAIRS = "pairs.parquet"
CALLS = "calls.parquet"
CONTEXT = "context.json"
EXAMPLE_LINES = "examples.jsonl"
EXAMPLES = "examples.parquet"
# What evidence may name, and the tables of vectors: asset -> file and column of the ids.
EVIDENCE_IDS = {
    "timeline_events": (EVENTS, "event_id"),
    "game_state": (STATE, "state_id"),
    "ocr_text": (OCR, "ocr_id"),
    "speech_transcript": (SPEECH, "speech_id"),
    "sound_events": (SOUNDS, "sound_id"),
    "entity_tracks": (ENTITIES, "entity_id"),
    "frames": (FRAMES, "frame_id"),
}
VECTOR_IDS = {
    "siglip_embeddings": (SIGLIP, "frame_id"),
    "videomae_embeddings": (VIDEOMAE, "clip_id"),
    "wav2vec2_embeddings": (WAV2VEC2, "window_id"),
    "region_embeddings": (REGIONS, "region_id"),
}


def probe(work: Work) -> "Probe":
    """What `video` found out about this video."""
    from gvlm_resources.video.probe import Probe

    return Probe.from_json(work.upstream("video").path(PROBE).read_text())


def facts(work: Work) -> "Facts":
    """Everything that is known of this video, to ask about and to check against."""
    return facts_of(work.record, work.game, work.upstream)


def facts_of(record: VideoRecord, game: Game, result: Callable[[str], Result]) -> "Facts":
    """The same of any video, from the results that `result` gives by asset."""
    from gvlm_resources.dataset import facts as known
    from gvlm_resources.video.probe import Probe

    return known.gather(
        video_id=record.video_id,
        title=record.title or record.video_id,
        duration_ns=Probe.from_json(result("video").path(PROBE).read_text()).duration_ns,
        game=game,
        events=read_table(result("timeline_events"), EVENTS),
        state=read_table(result("game_state"), STATE),
        ocr=read_table(result("ocr_text"), OCR),
        speech=read_table(result("speech_transcript"), SPEECH),
        sounds=read_table(result("sound_events"), SOUNDS),
        entities=read_table(result("entity_tracks"), ENTITIES, columns=WITHOUT_MASKS),
        frames=read_table(result("frames"), FRAMES, columns=FRAME_MARKS),
    )


def imported_build(digest: str) -> str:
    """What stands for the fingerprint of vectors that were not computed here."""
    return f"imported:{digest}"


def ids(result: Result, name: str, column: str) -> frozenset[str]:
    return frozenset(read_table(result, name, columns=[column]).column(column).to_pylist())


def evidence_ids(result: Callable[[str], Result | None], *, without: str = "") -> frozenset[str]:
    """Every id that evidence may name, of the results that there are."""
    found = ((result(asset), place) for asset, place in EVIDENCE_IDS.items() if asset != without)
    return frozenset().union(*(ids(one, *place) for one, place in found if one is not None))


def frame_image(frames: Path, frame_id: str) -> bytes | None:
    """One frame of a stored table as JPEG; None where there is no such frame, or it could not be decoded."""
    found = pq.read_table(frames, columns=["image"], filters=[("frame_id", "=", frame_id)]).column("image")
    return (found[0].as_py() or None) if len(found) else None

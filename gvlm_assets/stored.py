"""The files of each per-video result, and how a later stage opens them."""

from typing import TYPE_CHECKING

from gvlm_assets.per_video import Work

if TYPE_CHECKING:
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
STATE = "state.parquet"
EVENTS = "events.parquet"
ROWS = "rows.parquet"


def probe(work: Work) -> "Probe":
    """What `video` found out about this video."""
    from gvlm_resources.video.probe import Probe

    return Probe.from_json(work.upstream("video").path(PROBE).read_text())

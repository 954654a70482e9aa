"""The per-video stages and what each result depends on (pure).

`expected` walks the stages and gives the recipe that each asset's result should carry for a video under the settings
at hand, without reading anything stored: a result whose fingerprint differs is stale, whether it was its own settings
that changed or those of something it was made from.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from gvlm_resources import schemas
from gvlm_resources.game import Game
from gvlm_resources.lake.fingerprint import Recipe
from gvlm_resources.settings import Settings


@dataclass(frozen=True)
class Stage:
    """One per-video asset: what it reads and what, beside that, can change its result.

    `settings` names sections of Settings, `game` parts of the Game, `models` keys of the model identities. Raise
    `code_version` whenever the same inputs would give another result.
    """

    asset: str
    code_version: str
    upstream: tuple[str, ...] = ()
    settings: tuple[str, ...] = ()
    game: tuple[str, ...] = ()
    models: tuple[str, ...] = ()


STAGES: Mapping[str, Stage] = {
    stage.asset: stage
    for stage in (
        Stage("video", "1", settings=("video",)),
        Stage("frames", "1", upstream=("video",), settings=("frames",)),
        Stage("clips", "1", upstream=("video",), settings=("clips",)),
        Stage("hud_crops", "1", upstream=("video",), settings=("hud",), game=("hud",)),
        Stage("audio", "1", upstream=("video",), settings=("audio",)),
        Stage("speech_spans", "1", upstream=("audio",), settings=("speech",), models=("vad",)),
        Stage(
            "speech_transcript",
            "1",
            upstream=("audio", "speech_spans"),
            settings=("speech", "transcription"),
            models=("speech",),
        ),
        Stage(
            "ocr_text",
            "1",
            upstream=("video", "frames", "hud_crops"),
            settings=("ocr",),
            game=("hud",),
            models=("ocr", "second_reader"),
        ),
        Stage("siglip_embeddings", "1", upstream=("video", "frames"), settings=("siglip",), models=("siglip",)),
        Stage("videomae_embeddings", "1", upstream=("video", "clips"), settings=("videomae",), models=("videomae",)),
        Stage("wav2vec2_embeddings", "1", upstream=("video", "audio"), settings=("wav2vec2",), models=("wav2vec2",)),
        Stage(
            "entity_tracks",
            "1",
            upstream=("video", "frames"),
            settings=("entities",),
            game=("concepts",),
            models=("entities",),
        ),
        Stage(
            "region_embeddings",
            "1",
            upstream=("frames", "entity_tracks"),
            settings=("siglip", "regions"),
            models=("siglip",),
        ),
        Stage(
            "sound_events",
            "1",
            upstream=("video", "audio"),
            settings=("sounds",),
            game=("sounds",),
            models=("sounds",),
        ),
        Stage("frame_index", "1", upstream=("frames", "siglip_embeddings"), game=("concepts",), models=("siglip",)),
        Stage("game_state", "1", upstream=("video", "ocr_text"), game=("hud", "variables")),
        Stage(
            "timeline_events",
            "2",
            upstream=(
                "video",
                "frames",
                "ocr_text",
                "speech_transcript",
                "sound_events",
                "entity_tracks",
                "game_state",
            ),
            game=("hud", "variables", "messages", "feed", "sentences"),
        ),
        Stage(
            "timeline_index",
            "1",
            upstream=("video", "frames", "ocr_text", "speech_transcript", "game_state", "timeline_events"),
            settings=("index",),
            models=("text",),
        ),
    )
}


def expected(*, source: str, settings: Settings, game: Game, models: Mapping[str, str]) -> dict[str, Recipe]:
    """The recipe of every per-video asset, for the video whose content has the hash `source`."""
    recipes: dict[str, Recipe] = {}
    for stage in STAGES.values():  # in the order of the graph: upstream first
        recipes[stage.asset] = Recipe(
            asset=stage.asset,
            code_version=stage.code_version,
            schema_version=schemas.VERSION,
            source=source,
            upstream={name: recipes[name].fingerprint() for name in stage.upstream},
            settings={name: getattr(settings, name).model_dump(mode="json") for name in stage.settings},
            game={name: game.model_dump(mode="json", include={name})[name] for name in stage.game},
            models={name: models[name] for name in stage.models},
        )
    return recipes


def downstream(assets: set[str]) -> list[str]:
    """`assets` and everything made from them, in the order of the graph."""
    reached = set(assets)
    for stage in STAGES.values():
        if reached.intersection(stage.upstream):
            reached.add(stage.asset)
    return [name for name in STAGES if name in reached]

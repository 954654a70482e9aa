"""The per-video stages and what each result depends on (pure).

`expected` walks the stages and gives the recipe that each asset's result should carry for a video under the settings
at hand, without reading anything stored: a result whose fingerprint differs is stale, whether it was its own settings
that changed or those of something it was made from.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gvlm_resources import schemas
from gvlm_resources.game import Game
from gvlm_resources.lake.fingerprint import Recipe
from gvlm_resources.settings import Settings


@dataclass(frozen=True)
class Stage:
    """One per-video asset: what it reads and what, beside that, can change its result.

    `settings` names sections of Settings or, as `section.key`, one value of a section, `game` parts of the Game,
    `models` keys of the model identities. Raise `code_version` whenever the same inputs would give another result.
    """

    asset: str
    code_version: str
    upstream: tuple[str, ...] = ()
    settings: tuple[str, ...] = ()
    game: tuple[str, ...] = ()
    models: tuple[str, ...] = ()
    imports: tuple[str, ...] = ()  # kinds of things made elsewhere that it takes in, where there are any
    takes_title: bool = False  # the video's title stands in what it makes


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
        Stage("game_state", "2", upstream=("video", "ocr_text"), game=("hud", "variables")),
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
        Stage(
            "qa_pairs",
            "2",
            upstream=(
                "video",
                "frames",
                "ocr_text",
                "speech_transcript",
                "sound_events",
                "entity_tracks",
                "game_state",
                "timeline_events",
            ),
            settings=("synthesis",),
            game=("title", "hud", "variables", "messages", "concepts"),
            models=("writer",),
            imports=("pairs",),
            takes_title=True,
        ),
        Stage(
            "training_examples",
            "2",
            upstream=(
                "video",
                "frames",
                "clips",
                "siglip_embeddings",
                "videomae_embeddings",
                "wav2vec2_embeddings",
                "entity_tracks",
                "region_embeddings",
                "game_state",
                "timeline_index",
                "frame_index",
                "qa_pairs",
            ),
            settings=("examples", "reasoning.top_k", "reasoning.max_rows", "reasoning.moment_window_s"),
            game=("hud", "variables", "messages"),
            models=("siglip", "text"),
            imports=("features",),
            takes_title=True,
        ),
    )
}


def expected(
    *,
    source: str,
    settings: Settings,
    game: Game,
    models: Mapping[str, str],
    imports: Mapping[str, str] | None = None,
    title: str = "",
) -> dict[str, Recipe]:
    """The recipe of every per-video asset, for the video whose content has the hash `source`.

    `imports` has the digest of what was imported for this video, by kind: `pairs`, `features`; `title` is what people
    call it.
    """
    given = imports or {}
    recipes: dict[str, Recipe] = {}
    for stage in STAGES.values():  # in the order of the graph: upstream first
        recipes[stage.asset] = Recipe(
            asset=stage.asset,
            code_version=stage.code_version,
            schema_version=schemas.VERSION,
            source=source,
            upstream={name: recipes[name].fingerprint() for name in stage.upstream},
            settings={
                **{name: _setting(settings, name) for name in stage.settings},
                **({"title of the video": title} if stage.takes_title else {}),
            },
            game={name: game.model_dump(mode="json", include={name})[name] for name in stage.game},
            models={
                **{name: models[name] for name in stage.models},
                **{f"imported {name}": given[name] for name in stage.imports if name in given},
            },
        )
    return recipes


def _setting(settings: Settings, name: str) -> Any:
    section, _, key = name.partition(".")
    values = getattr(settings, section).in_force()
    return values[key] if key else values


def downstream(assets: set[str]) -> list[str]:
    """`assets` and everything made from them, in the order of the graph."""
    reached = set(assets)
    for stage in STAGES.values():
        if reached.intersection(stage.upstream):
            reached.add(stage.asset)
    return [name for name in STAGES if name in reached]

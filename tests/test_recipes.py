"""A change reaches exactly the results below it."""

import pytest

from gvlm_resources import game as games
from gvlm_resources.game import Game, HudRegion, MessageRule, VariableRule
from gvlm_resources.recipes import STAGES, downstream, expected
from gvlm_resources.settings import Settings

MODELS = {
    name: f"{name}@1"
    for name in (
        *("vad", "speech", "ocr", "second_reader", "text", "writer"),
        *("siglip", "videomae", "wav2vec2", "entities", "sounds"),
    )
}
REGION = HudRegion(name="health", box=(0.1, 0.8, 0.3, 0.9), kind="number")
GAME = Game(
    name="shooter",
    title="A shooter",
    hud=(REGION,),
    variables=(VariableRule(name="health", region="health", maximum=200),),
    messages=(MessageRule(pattern="picked up (.*)", kind="pickup"),),
)


def fingerprints(settings: Settings, *, source: str = "aa", game: Game = GAME, models: dict | None = None) -> dict:
    recipes = expected(source=source, settings=settings, game=game, models=models or MODELS)
    return {asset: recipe.fingerprint() for asset, recipe in recipes.items()}


def changed(before: dict, after: dict) -> set[str]:
    return {asset for asset in before if before[asset] != after[asset]}


BASE = Settings(profile="cpu")


@pytest.mark.parametrize(
    ("section", "values", "first"),
    [
        ("video", {"max_duration_s": 60}, {"video"}),
        ("frames", {"rate_hz": 2.0}, {"frames"}),
        ("clips", {"every_s": 8.0}, {"clips"}),
        ("hud", {"rate_hz": 5.0}, {"hud_crops"}),
        ("audio", {"sample_rate_hz": 8000}, {"audio"}),
        ("speech", {"vad_threshold": 0.6}, {"speech_spans", "speech_transcript"}),
        ("ocr", {"detect_every": 4}, {"ocr_text"}),
        ("transcription", {"language": "ja"}, {"speech_transcript"}),
        ("siglip", {"dtype": "bfloat16"}, {"siglip_embeddings", "region_embeddings"}),
        ("videomae", {"dtype": "bfloat16"}, {"videomae_embeddings"}),
        ("wav2vec2", {"window_s": 4.0}, {"wav2vec2_embeddings"}),
        ("entities", {"min_score": 0.7}, {"entity_tracks"}),
        ("regions", {"pooling": "attention"}, {"region_embeddings"}),
        ("sounds", {"threshold": 0.7}, {"sound_events"}),
        ("compute", {"frame_batch": 1, "device": "cpu"}, set()),
        ("index", {"runtime": "sentence-transformers"}, {"timeline_index"}),
        ("reasoning", {"top_k": 3}, {"training_examples"}),
        ("reasoning", {"max_rows": 3}, {"training_examples"}),
        ("reasoning", {"timeout_s": 3}, set()),
        ("synthesis", {"seed": 3}, {"qa_pairs"}),
        ("server", {"concurrency": 3}, set()),
        ("examples", {"clip_s": 5.0}, {"training_examples"}),
    ],
)
def test_a_setting_rebuilds_what_it_changes_and_nothing_else(section: str, values: dict, first: set[str]) -> None:
    part = getattr(BASE, section).model_copy(update=values)
    after = fingerprints(BASE.model_copy(update={section: part}))
    assert changed(fingerprints(BASE), after) == set(downstream(first))


@pytest.mark.parametrize("values", [{"model": "other"}, {"window_s": 30.0}, {"max_tokens": 100}, {"budget_tokens": 9}])
def test_what_only_a_language_model_is_asked_by_rebuilds_pairs_where_one_is_asked(values: dict) -> None:
    for writers, first in ((("templates",), set()), (("openai",), {"qa_pairs"})):
        part = BASE.synthesis.model_copy(update={"writers": writers})
        before = BASE.model_copy(update={"synthesis": part})
        after = BASE.model_copy(update={"synthesis": part.model_copy(update=values)})
        assert changed(fingerprints(before), fingerprints(after)) == set(downstream(first))


def test_another_source_rebuilds_everything() -> None:
    assert changed(fingerprints(BASE), fingerprints(BASE, source="bb")) == set(STAGES)


def test_another_profile_with_the_same_values_rebuilds_nothing() -> None:
    assert not changed(fingerprints(BASE), fingerprints(Settings(profile="full")))


@pytest.mark.parametrize(
    ("part", "value", "first"),
    [
        ("hud", (REGION.model_copy(update={"box": (0.1, 0.8, 0.3, 0.95)}),), {"hud_crops", "ocr_text", "game_state"}),
        ("variables", (), {"game_state", "timeline_events"}),
        ("messages", (), {"timeline_events"}),
        ("concepts", ("door",), {"entity_tracks", "frame_index", "qa_pairs"}),
        ("sentences", {"damage": ("Ouch.",)}, {"timeline_events"}),
    ],
)
def test_a_part_of_the_game_file_rebuilds_what_reads_it(part: str, value: tuple, first: set[str]) -> None:
    after = fingerprints(BASE, game=GAME.model_copy(update={part: value}))
    assert changed(fingerprints(BASE), after) == set(downstream(first))


def test_another_revision_of_a_model_rebuilds_what_it_made() -> None:
    after = fingerprints(BASE, models=MODELS | {"ocr": "o@2"})
    assert changed(fingerprints(BASE), after) == set(downstream({"ocr_text"}))


def test_what_was_imported_for_a_video_rebuilds_what_takes_it_in() -> None:
    recipes = {
        name: expected(source="aa", settings=BASE, game=GAME, models=MODELS, imports=given)
        for name, given in {"none": {}, "one": {"pairs": "1"}, "other": {"pairs": "2"}}.items()
    }
    fresh = {name: {asset: r.fingerprint() for asset, r in found.items()} for name, found in recipes.items()}
    assert fresh["none"] == fingerprints(BASE)
    assert changed(fresh["none"], fresh["one"]) == set(downstream({"qa_pairs"}))
    assert changed(fresh["one"], fresh["other"]) == set(downstream({"qa_pairs"}))


def test_another_title_rebuilds_what_it_stands_in() -> None:
    named = expected(source="aa", settings=BASE, game=GAME, models=MODELS, title="A new name")
    after = {asset: recipe.fingerprint() for asset, recipe in named.items()}
    assert changed(fingerprints(BASE), after) == {"qa_pairs", "training_examples"}


def test_every_stage_names_sections_and_parts_that_exist() -> None:
    for stage in STAGES.values():
        for name in stage.settings:
            section, _, key = name.partition(".")
            assert section in Settings.model_fields
            assert not key or key in type(getattr(BASE, section)).model_fields
        assert set(stage.game) <= set(Game.model_fields)
        assert set(stage.upstream) <= set(STAGES)


def test_every_shipped_game_loads() -> None:
    assert games.GENERIC in games.names()
    for name in games.names():
        assert games.load(name).name == name

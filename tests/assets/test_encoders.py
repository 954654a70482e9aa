"""Encoders as assets: the shipped checkpoints, and the production route with tiny checkpoints of the same formats."""

import json
import shutil
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import yaml

from gvlm_resources import schemas
from gvlm_resources.lake.store import Lake, Result
from tests.assets.conftest import Project
from tests.assets.test_main_path import built_and_skipped, video_of
from tests.encoders import tiny_audio, tiny_sam3, tiny_siglip, tiny_videomae
from tests.text import tiny_trocr, tiny_whisper

VECTORS = {
    "siglip_embeddings": ("siglip.parquet", schemas.SIGLIP),
    "videomae_embeddings": ("videomae.parquet", schemas.VIDEOMAE),
    "wav2vec2_embeddings": ("wav2vec2.parquet", schemas.WAV2VEC2),
}


def result(project: Project, asset: str) -> Result:
    return Lake(project.lake).get(asset, video_of(project))


def rows(project: Project, asset: str, file: str) -> list[dict]:
    return pq.read_table(result(project, asset).path(file)).to_pylist()


def matches(project: Project, words: str, *more: str) -> list[dict]:
    done = project.gvlm("find", words, "--json", *more)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.fixture
def copied(built: Project, tmp_path: Path) -> Project:
    project = Project(tmp_path / "copy")
    shutil.copytree(built.root, project.root)
    return project


@pytest.fixture(scope="session")
def produced(built: Project, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """The built project again, with every model another one: tiny, random, in the production checkpoints' formats."""
    project = Project(tmp_path_factory.mktemp("produced") / "project")
    shutil.copytree(built.root, project.root)
    models = tmp_path_factory.mktemp("checkpoints")
    settings = {
        "siglip": {"model": str(tiny_siglip.save(models / "siglip", "naflex"))},
        "videomae": {"model": str(tiny_videomae.save(models / "videomae", num_frames=16))},
        "wav2vec2": {"model": str(tiny_audio.save_wav2vec2(models / "wav2vec2"))},
        "entities": {
            "model": str(tiny_sam3.save(models / "sam3")),
            "concepts": ["blue door"],
            "min_score": 0.0,
            "most_per_concept": 1,
        },
        "sounds": {"backend": "clap", "model": str(tiny_audio.save_clap(models / "clap")), "threshold": 0.01},
        "transcription": {"backend": "whisper", "model": str(tiny_whisper.save(models / "whisper"))},
        "ocr": {"second_reader": str(tiny_trocr.save(models / "trocr")), "second_below": 0.5},
    }
    (project.root / "gvlm.yaml").write_text(yaml.safe_dump(settings))
    done = project.gvlm("build")
    assert done.returncode == 0, done.stdout + done.stderr
    return project


@pytest.mark.parametrize("asset", VECTORS)
def test_every_row_has_a_unit_vector_and_the_file_says_what_made_it(built: Project, asset: str) -> None:
    file, schema = VECTORS[asset]
    table = pq.read_table(result(built, asset).path(file))
    assert table.schema.names == schema.names
    vectors = np.array([row["vector"] for row in table.to_pylist() if row["status"] == "ok"])
    assert np.abs(np.linalg.norm(vectors, axis=1) - 1).max() < 1e-3
    made_by = table.schema.metadata[b"gvlm.model"].decode()
    assert made_by.startswith(f"{asset.split('_')[0]}-freedoom@")
    assert result(built, asset).facts["model"] == made_by
    assert result(built, asset).recipe["models"] == {asset.split("_")[0]: made_by}


def test_frames_and_their_vectors_are_the_same_rows(built: Project) -> None:
    frames = {row["frame_id"]: row["pts_ns"] for row in rows(built, "frames", "frames.parquet")}
    assert {row["frame_id"]: row["pts_ns"] for row in rows(built, "siglip_embeddings", "siglip.parquet")} == frames


def test_what_is_heard_is_on_the_timeline(built: Project) -> None:
    heard = [row for row in rows(built, "sound_events", "sounds.parquet") if row["status"] == "ok"]
    assert "gunshot" in {row["label"] for row in heard}
    told = [row for row in rows(built, "timeline_events", "events.parquet") if row["kind"] == "sound"]
    assert {row["evidence"][0] for row in told} == {row["sound_id"] for row in heard}


def test_without_sam3_there_are_no_entities_and_the_result_says_why(built: Project) -> None:
    assert rows(built, "entity_tracks", "entities.parquet") == []
    assert result(built, "entity_tracks").facts == {"state": "off: entities.model is off"}
    assert rows(built, "region_embeddings", "regions.parquet") == []


def test_words_find_frames_best_first(built: Project) -> None:
    found = matches(built, "a pistol in the player's hand", "--limit", "4")
    assert [match["cosine"] for match in found] == sorted((match["cosine"] for match in found), reverse=True)
    assert {match["video_id"] for match in found} == {video_of(built)}
    assert all(0 < match["probability"] < 1 for match in found)
    known = {row["frame_id"] for row in rows(built, "frames", "frames.parquet")}
    assert {match["frame_id"] for match in found} <= known
    assert found[0]["cosine"] > matches(built, "a pistol in the player's hand", "--limit", "100")[-1]["cosine"]


def test_finding_writes_a_contact_sheet_and_names_what_it_cannot_find(built: Project, tmp_path: Path) -> None:
    sheet = tmp_path / "sheet.jpg"
    done = built.gvlm("find", "a zombie", "--sheet", str(sheet), "--video", video_of(built))
    assert done.returncode == 0, done.stderr
    assert sheet.read_bytes()[:2] == b"\xff\xd8"
    done = built.gvlm("find", "a zombie", "--video", "nothing-000000000000")
    assert done.returncode == 1
    assert "nothing-000000000000" in done.stderr


def test_an_audio_setting_never_encodes_a_frame_again(copied: Project) -> None:
    (copied.root / "gvlm.yaml").write_text("sounds: {threshold: 0.6}\nwav2vec2: {stride_s: 2.0}\n")
    done = copied.gvlm("build")
    assert done.returncode == 0, done.stderr
    made, skipped = built_and_skipped(done.stdout)
    heard = {"sound_events", "wav2vec2_embeddings"}
    assert made == heard | {"timeline_events", "timeline_index", "qa_pairs", "training_examples"}
    assert {"siglip_embeddings", "videomae_embeddings", "frame_index", "entity_tracks"} <= skipped


def test_missing_weights_fail_their_own_asset_with_the_command_that_gets_them(copied: Project) -> None:
    before = {asset: result(copied, asset).fingerprint for asset in VECTORS}
    (copied.root / "gvlm.yaml").write_text("siglip: {model: google/siglip2-so400m-patch14-384}\n")
    done = copied.gvlm("build", "--select", "siglip_embeddings")
    assert done.returncode == 1
    assert "gvlm models pull google/siglip2-so400m-patch14-384" in done.stderr
    assert result(copied, "siglip_embeddings").fingerprint == before["siglip_embeddings"], "what was stored is lost"
    done = copied.gvlm("build", "--select", "videomae_embeddings,wav2vec2_embeddings")
    assert done.returncode == 0, done.stderr
    assert built_and_skipped(done.stdout) == (set(), {"videomae_embeddings", "wav2vec2_embeddings"})


def test_a_lost_table_of_frames_is_written_again(copied: Project) -> None:
    found = matches(copied, "a zombie")
    for table in (copied.lake / "timeline").glob("frames_*.lance"):
        shutil.rmtree(table)
    assert copied.gvlm("find", "a zombie").returncode == 1
    done = copied.gvlm("build")
    assert built_and_skipped(done.stdout)[0] == {"frame_index"}
    assert matches(copied, "a zombie") == found


def test_production_checkpoints_go_the_same_way(produced: Project) -> None:
    made = {asset: result(produced, asset).facts for asset in (*VECTORS, "entity_tracks", "sound_events")}
    assert {asset: facts["model"].split("@")[0] for asset, facts in made.items()} == {
        "siglip_embeddings": "siglip",
        "videomae_embeddings": "videomae",
        "wav2vec2_embeddings": "wav2vec2",
        "entity_tracks": "sam3",
        "sound_events": "clap",
    }
    frames = {row["frame_id"] for row in rows(produced, "frames", "frames.parquet")}
    assert {row["frame_id"] for row in rows(produced, "siglip_embeddings", "siglip.parquet")} == frames


def test_each_tracked_thing_has_a_region_vector_and_an_event(produced: Project) -> None:
    entities = [row for row in rows(produced, "entity_tracks", "entities.parquet") if row["status"] == "ok"]
    assert entities
    assert "blue door" in {row["concept"] for row in entities}, "the user's own concept is looked for as well"
    regions = rows(produced, "region_embeddings", "regions.parquet")
    assert {row["entity_id"] for row in regions} == {row["entity_id"] for row in entities}
    events = [row for row in rows(produced, "timeline_events", "events.parquet") if row["kind"] == "entity"]
    assert len(events) == len({row["track_id"] for row in entities})


def test_frames_of_the_model_before_are_no_longer_searched(produced: Project) -> None:
    assert {match["video_id"] for match in matches(produced, "hello")} == {video_of(produced)}
    tables = sorted(path.name for path in (produced.lake / "timeline").glob("frames_*.lance"))
    dim = result(produced, "siglip_embeddings").facts["dim"]
    assert f"frames_{dim}.lance" in tables
    (produced.root / "gvlm.yaml").rename(produced.root / "aside.yaml")
    try:
        done = produced.gvlm("find", "hello")
    finally:
        (produced.root / "aside.yaml").rename(produced.root / "gvlm.yaml")
    assert done.returncode == 1
    assert "no frame was encoded with siglip-freedoom" in done.stderr

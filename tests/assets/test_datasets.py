"""From a built video to a frozen release, as a user makes one: the command, real runs, a real instance."""

import csv
import json
import shutil
from pathlib import Path

import dagster as dg
import pyarrow.parquet as pq
import pytest
import torch

from gvlm_assets import definitions, environment
from gvlm_resources.dataset.pairs import pairs_of
from gvlm_resources.dataset.releases.release_files import Release
from gvlm_resources.lake.releases import Releases
from gvlm_resources.lake.store import Lake
from gvlm_resources.recipes import downstream
from tests.assets.conftest import Project
from tests.assets.test_main_path import built_and_skipped, video_of


@pytest.fixture(scope="module")
def released(built: Project, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """The built project once more, with one release of its one video."""
    project = Project(tmp_path_factory.mktemp("released") / "project")
    shutil.copytree(built.root, project.root)
    done = project.gvlm("release", "create", "first", "--train", "1", "--validation", "0", "--test", "0")
    assert done.returncode in (0, 3), done.stderr  # 3: a check speaks up, as on the licence, which nobody gave
    return project


@pytest.fixture
def copied(released: Project, tmp_path: Path) -> Project:
    project = Project(tmp_path / "copy")
    shutil.copytree(released.root, project.root)
    return project


def release(project: Project, name: str = "first") -> Release:
    return Release(Lake(project.lake).get("training_set", name).folder)


def files_of(project: Project, name: str = "first") -> dict[str, bytes]:
    """The release with what it keeps of its videos."""
    return contents(release(project, name).folder)


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_video_has_pairs_that_were_checked_and_examples_of_them(built: Project) -> None:
    lake, key = Lake(built.lake), video_of(built)
    pairs = pairs_of(pq.read_table(lake.get("qa_pairs", key).path("pairs.parquet")))
    kept = {pair.pair_id for pair in pairs if pair.status == "ok"}
    assert len(kept) >= 10
    assert all(pair.reason for pair in pairs if pair.status != "ok")
    rows = pq.read_table(lake.get("training_examples", key).path("examples.parquet"))
    assert set(rows.column("pair_id").to_pylist()) <= kept
    assert {"dynamics", "long"} <= set(rows.column("curriculum").to_pylist())


def test_a_release_holds_the_examples_and_says_what_it_was_made_of(released: Project) -> None:
    found = release(released)
    assert found.index.num_rows == len(list(found.examples("train")))
    pinned = Lake(released.lake).get("training_examples", video_of(released)).fingerprint
    assert [video.fingerprint for video in found.spec.inputs] == [pinned]
    assert "first" in (found.folder / "card.md").read_text()


def test_a_licence_that_nobody_gave_is_a_failed_check_and_no_failed_release(released: Project) -> None:
    done = released.gvlm("release", "build", "first")
    assert done.returncode == 3
    assert "licence_unknown" in done.stderr


def test_the_same_release_under_another_name_has_the_same_examples(copied: Project) -> None:
    copied.gvlm("release", "create", "second", "--train", "1", "--validation", "0", "--test", "0")
    first, second = files_of(copied), files_of(copied, "second")
    assert first["train.jsonl"] == second["train.jsonl"]
    assert first["removed.parquet"] == second["removed.parquet"]


def test_a_release_that_was_lost_is_built_again_byte_by_byte(copied: Project) -> None:
    before = files_of(copied)
    shutil.rmtree(copied.lake / "results" / "training_set")
    assert copied.gvlm("release", "build", "first").returncode == 3
    assert files_of(copied) == before


def test_a_release_that_lost_what_it_keeps_is_built_again(copied: Project) -> None:
    before = files_of(copied)
    next((release(copied).folder / "kept").rglob("frames.parquet")).unlink()
    shown = copied.gvlm("release", "show", "first")
    assert shown.returncode == 1
    assert "gvlm release build first" in shown.stderr
    assert copied.gvlm("release", "build", "first").returncode == 3
    assert files_of(copied) == before


def test_a_release_is_made_again_from_its_spec(copied: Project, tmp_path: Path) -> None:
    before = files_of(copied)
    spec = tmp_path / "spec.json"
    spec.write_bytes(before["spec.json"])
    assert copied.gvlm("release", "delete", "first", "--yes").returncode == 0
    assert copied.gvlm("release", "restore", str(spec)).returncode == 3
    assert files_of(copied) == before
    assert copied.gvlm("release", "restore", str(spec), "--name", "again").returncode == 3
    assert files_of(copied, "again")["train.jsonl"] == before["train.jsonl"]
    other = json.loads(spec.read_text())
    other["name"], other["inputs"][0]["licence"] = "other", "CC0-1.0"
    spec.write_text(json.dumps(other))
    assert "licence is 'CC0-1.0' in the spec" in copied.gvlm("release", "restore", str(spec), "--no-build").stderr
    other["name"], other["inputs"][0]["source_sha256"] = "third", "0" * 64
    spec.write_text(json.dumps(other))
    assert "another video" in copied.gvlm("release", "restore", str(spec)).stderr
    spec.write_text("{}")
    damaged = copied.gvlm("release", "restore", str(spec))
    assert damaged.returncode == 1
    assert "is no release's spec" in damaged.stderr


def test_a_frozen_release_stays_and_is_exported_as_it_was_when_its_video_is_built_anew(
    copied: Project, tmp_path: Path
) -> None:
    """Frames, vectors, rows and pairs were made anew since: the release has its own still."""
    before = files_of(copied)
    export = ("release", "export", "first", "--format", "hf", "--to")
    assert copied.gvlm(*export, str(tmp_path / "before")).returncode == 0
    (copied.root / "gvlm.yaml").write_text("frames: {jpeg_quality: 60, rate_hz: 0.5}\nsynthesis: {seed: 7}\n")
    done = copied.gvlm("build", video_of(copied))
    assert built_and_skipped(done.stdout)[0] == set(downstream({"frames", "qa_pairs"})), done.stderr
    told = copied.gvlm("release", "build", "first")
    assert told.returncode == 3
    assert "broken_references" not in told.stderr
    assert files_of(copied) == before
    assert copied.gvlm(*export, str(tmp_path / "after")).returncode == 0
    assert contents(tmp_path / "after") == contents(tmp_path / "before")
    assert copied.gvlm("review", "first", "--file", str(tmp_path / "review.csv")).returncode == 0
    assert "is not built" not in (tmp_path / "review.csv").read_text(encoding="utf-8-sig")
    assert copied.gvlm("release", "create", "next", "--train", "1", "--validation", "0", "--test", "0").returncode == 3
    compared = copied.gvlm("release", "diff", "first", "next", "--json")
    assert compared.returncode == 0, compared.stderr
    assert json.loads(compared.stdout)


def test_no_release_is_made_of_examples_that_fit_nothing_any_more(copied: Project) -> None:
    (copied.root / "gvlm.yaml").write_text("frames: {jpeg_quality: 60}\n")
    assert copied.gvlm("build", video_of(copied), "--select", "frames").returncode == 0
    done = copied.gvlm("release", "create", "late")
    assert done.returncode == 1
    assert "frames" in done.stderr
    assert "gvlm build" in done.stderr
    assert "late" not in Releases(Lake(copied.lake)).names()


def test_a_release_is_asked_for_in_the_ui(copied: Project) -> None:
    project = definitions.build(environment.read({"GVLM_ROOT": str(copied.root)}))
    config = {"ops": {"register_release": {"config": {"name": "asked", "seed": 3}}}}
    with dg.DagsterInstance.ephemeral() as instance:
        done = project.resolve_job_def("create_release").execute_in_process(run_config=config, instance=instance)
        assert done.success
        assert instance.get_dynamic_partitions("releases") == ["asked"]
    assert Releases(Lake(copied.lake)).spec("asked").seed == 3


def test_a_video_stays_in_the_split_that_an_earlier_release_had_it_in(copied: Project) -> None:
    """Alone it would be in `train`, whatever the seed."""
    copied.gvlm("release", "create", "held", "--train", "0", "--validation", "0", "--test", "1")
    copied.gvlm("release", "create", "next", "--splits-of", "held")
    assert set(release(copied, "next").index.column("split").to_pylist()) == {"test"}
    unknown = copied.gvlm("release", "create", "other", "--splits-of", "nowhere")
    assert unknown.returncode == 1
    assert "nowhere" in unknown.stderr


def test_a_split_that_was_not_asked_for_stays_empty(copied: Project) -> None:
    copied.gvlm("release", "create", "two", "--train", "0.7", "--validation", "0.3", "--test", "0")
    assert Releases(Lake(copied.lake)).spec("two").ratios.test == 0.0
    assert list(release(copied, "two").examples("test")) == []


def test_another_release_of_a_name_that_is_taken_is_refused(released: Project) -> None:
    done = released.gvlm("release", "create", "first", "--seed", "9")
    assert done.returncode == 1
    assert "frozen" in done.stderr
    assert "Traceback" not in done.stderr


def test_decisions_of_a_review_file_reach_the_next_release(copied: Project, tmp_path: Path) -> None:
    before = files_of(copied)
    file = tmp_path / "review.csv"
    assert copied.gvlm("review", "first", "--file", str(file)).returncode == 0
    with file.open(encoding="utf-8-sig", newline="") as opened:
        rows = list(csv.DictReader(opened))
    rows[0]["decision"] = "rejected"
    rows[1] |= {"decision": "fixed", "new_question": "What is to be seen here?", "new_answer": "Something else."}
    with file.open("w", encoding="utf-8-sig", newline="") as opened:
        writer = csv.DictWriter(opened, fieldnames=rows[0])
        writer.writeheader()
        writer.writerows(rows)
    done = copied.gvlm("review", "first", "--apply", str(file))
    assert done.returncode == 0, done.stderr
    copied.gvlm("release", "create", "reviewed", "--train", "1", "--validation", "0", "--test", "0")
    found = release(copied, "reviewed")
    assert rows[0]["pair_id"] not in found.index.column("pair_id").to_pylist()
    fixed = [e for e in found.examples("train") if e.provenance["pair"] == rows[1]["pair_id"]]
    assert {example.conversations[-1].value for example in fixed} == {"Something else."}
    assert files_of(copied) == before


@pytest.mark.parametrize("form", ["hf", "chat", "llava", "swift", "webdataset"])
def test_a_release_is_exported_with_its_pictures(released: Project, tmp_path: Path, form: str) -> None:
    done = released.gvlm("release", "export", "first", "--format", form, "--to", str(tmp_path / form))
    assert done.returncode == 0, done.stderr
    assert any((tmp_path / form).iterdir())


def test_pairs_made_elsewhere_are_checked_like_any_others(copied: Project, tmp_path: Path) -> None:
    theirs = tmp_path / "theirs.json"
    pairs = [{"question": "What is the player's health at 00:01?", "answer": "It is 731 at 00:01."}]
    theirs.write_text(json.dumps(pairs))
    key = video_of(copied)
    assert copied.gvlm("import", "pairs", str(theirs), "--video", key).returncode == 0
    done = copied.gvlm("build", key, "--select", "qa_pairs")
    assert built_and_skipped(done.stdout)[0] == {"qa_pairs"}
    rows = pq.read_table(Lake(copied.lake).get("qa_pairs", key).path("pairs.parquet")).to_pylist()
    (imported,) = [row for row in rows if row["made_by"].startswith("import@")]
    assert (imported["status"], imported["answer"]) == ("filtered", pairs[0]["answer"])
    assert imported["reason"]


def test_vectors_made_elsewhere_stand_behind_the_tokens_of_a_release(copied: Project, tmp_path: Path) -> None:
    key = video_of(copied)
    theirs = features_file(tmp_path, seconds=10)
    assert copied.gvlm("import", "features", str(theirs), "--video", key).returncode == 0
    (copied.root / "gvlm.yaml").write_text("examples: {features: imported}\n")
    done = copied.gvlm("build", key)
    assert built_and_skipped(done.stdout)[0] == {"training_examples"}, done.stderr
    made = copied.gvlm("release", "create", "theirs", "--train", "1", "--validation", "0", "--test", "0")
    assert "broken_references" not in made.stderr
    found = release(copied, "theirs")
    assert {e.table for example in found.examples("train") for e in example.embeddings} >= {"siglip_embeddings"}
    out = tmp_path / "hf"
    assert copied.gvlm("release", "export", "theirs", "--format", "hf", "--to", str(out)).returncode == 0
    vectors = pq.read_table(out / "vectors" / "siglip_embeddings.parquet")
    assert len(vectors.column("vector")[0]) == 1152


def features_file(folder: Path, *, seconds: int) -> Path:
    """Features as gameplay-vision-llm stores them, of random numbers."""
    draw = torch.Generator().manual_seed(0)

    def made(dim: int) -> torch.Tensor:
        return torch.randn(dim, generator=draw)

    spans = [(start, start + 5.0) for start in range(0, seconds - 5, 2)]
    data = {
        "siglip": [{"timestamp": float(s), "embedding": made(1152), "shape": [1152]} for s in range(seconds)],
        "videomae": [
            {"start_time": float(a), "end_time": b, "embedding": made(768), "source_frame_count": 16} for a, b in spans
        ],
        "wav2vec2": [{"start_time": float(a), "end_time": b, "embedding": made(1024)} for a, b in spans],
    }
    file = folder / "piece_embeddings.pt"
    torch.save(data, file)
    return file

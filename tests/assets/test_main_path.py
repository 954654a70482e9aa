"""From a video to a cited answer, as a user runs it: the command, real runs, a real instance."""

import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from gvlm_resources.lake.layout import Layout
from gvlm_resources.lake.store import Lake
from gvlm_resources.recipes import STAGES
from gvlm_resources.timeline.retrieval import Scope
from gvlm_resources.timeline.store import TimelineStore
from tests.assets.conftest import ROOT, Project, make_project


def video_of(project: Project) -> str:
    (video,) = json.loads(project.gvlm("videos", "--json").stdout)["videos"]
    return video["video_id"]


def built_and_skipped(output: str) -> tuple[set[str], set[str]]:
    lines = [line.split() for line in output.splitlines() if line.startswith("  ") and line.split()[0] in STAGES]
    skipped = {words[0] for words in lines if words[1] == "fresh,"}
    return {words[0] for words in lines} - skipped, skipped


@pytest.fixture
def copied(built: Project, tmp_path: Path) -> Project:
    """The built project once more, for tests that change it."""
    project = Project(tmp_path / "copy")
    shutil.copytree(built.root, project.root)
    return project


def test_every_asset_is_built_with_rows_that_fit_together(built: Project) -> None:
    key = video_of(built)
    lake = Lake(built.lake)
    assert all(lake.find(asset, key) is not None for asset in STAGES)
    events = pq.read_table(lake.get("timeline_events", key).path("events.parquet"))
    assert events.num_rows > 0
    frames = pq.read_table(lake.get("frames", key).path("frames.parquet"))
    assert frames.num_rows >= 10
    indexed = TimelineStore(Layout(built.lake).timeline()).row_ids(key)
    assert (
        set(pq.read_table(lake.get("timeline_index", key).path("rows.parquet")).column("row_id").to_pylist()) == indexed
    )


def test_a_second_build_skips_everything(copied: Project) -> None:
    before = copied.files()
    done = copied.gvlm("build")
    assert done.returncode == 0, done.stderr
    assert built_and_skipped(done.stdout) == (set(), set(STAGES))
    assert copied.files() == before


def test_a_changed_setting_rebuilds_its_branch_alone(copied: Project) -> None:
    (copied.root / "gvlm.yaml").write_text("ocr: {detect_every: 5}\n")
    done = copied.gvlm("build")
    assert done.returncode == 0, done.stderr
    rebuilt, skipped = built_and_skipped(done.stdout)
    below = {"game_state", "timeline_events", "timeline_index", "qa_pairs", "training_examples"}
    assert rebuilt == {"ocr_text"} | below
    assert skipped == set(STAGES) - rebuilt


def test_a_stale_upstream_is_refused_and_never_served(copied: Project) -> None:
    (copied.root / "gvlm.yaml").write_text("frames: {rate_hz: 2}\n")
    done = copied.gvlm("build", "--select", "ocr_text")
    assert done.returncode == 1
    assert "frames" in done.stderr
    assert "--select frames" in done.stderr


def test_a_lost_table_is_restored_from_what_is_stored(copied: Project) -> None:
    shutil.rmtree(copied.lake / "timeline")
    done = copied.gvlm("build")
    assert done.returncode == 0, done.stderr
    assert built_and_skipped(done.stdout)[0] == {"timeline_index", "frame_index"}
    assert TimelineStore(Layout(copied.lake).timeline()).row_ids(video_of(copied))


def test_a_question_gets_an_answer_that_cites_rows_of_the_evidence(built: Project) -> None:
    done = built.gvlm("ask", "What happened in the first 10 seconds?", "--json")
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    assert answer["supported"]
    assert answer["citations"]
    assert re.search(r"\[\d\d:\d\d", answer["text"])
    known = {row["row_id"] for row in answer["evidence"]}
    assert {citation["row_id"] for citation in answer["citations"]} <= known


def test_a_question_that_nothing_answers_says_so_and_claims_nothing(built: Project) -> None:
    done = built.gvlm("ask", "What was said in the voice chat?", "--json")
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    assert not answer["supported"]
    assert "holds nothing" in answer["text"]


def test_asking_about_a_video_that_is_not_there_is_an_error_with_a_remedy(built: Project) -> None:
    done = built.gvlm("ask", "What happened?", "--video", "nobody-0123456789ab")
    assert done.returncode == 1
    assert "gvlm videos" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_bad_file_in_a_folder_costs_itself(project: Project, piece: Path, tmp_path: Path) -> None:
    folder = tmp_path / "footage"
    folder.mkdir()
    shutil.copy(piece, folder / "good.mp4")
    (folder / "empty.mp4").write_bytes(b"")
    (folder / "text.mp4").write_text("this is no video\n" * 100)
    (folder / "cut.mp4").write_bytes(piece.read_bytes()[: piece.stat().st_size // 2])
    done = project.gvlm("add", str(folder), "--game", "freedoom")
    assert done.returncode == 3, done.stdout + done.stderr
    listed = json.loads(project.gvlm("videos", "--json").stdout)
    assert [video["title"] for video in listed["videos"]] == ["good"]
    codes = {Path(row["source"]).name: row["code"] for row in listed["quarantined"]}
    assert codes["empty.mp4"] == "empty_file"
    assert codes["text.mp4"] == "not_a_video"
    assert codes["cut.mp4"] in {"truncated", "corrupt"}


def test_no_build_opens_the_truth_even_where_it_lies_beside_the_video(
    project: Project, piece: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "footage"
    shutil.copytree(ROOT / "data_lake" / "samples" / "truth", folder / "truth")
    shutil.copy(piece, folder / "freedoom-fight.mp4")
    script = f"""
        import sys
        def watch(event, arguments):
            if event == "open" and ".truth." in str(arguments[0]):
                print("OPENED", arguments[0], file=sys.stderr)
        sys.addaudithook(watch)
        from gvlm_assets.cli import app
        for arguments in (["add", {str(folder)!r}, "-r", "--game", "freedoom"], ["build"]):
            try:
                app(arguments)
            except SystemExit as done:
                assert not done.code, done.code
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script)],
        env=project.environment(), cwd=project.root, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "OPENED" not in done.stderr
    assert (folder / "truth" / "freedoom-fight.truth.json").is_file(), "there is nothing to keep away from"
    assert not [path for path in project.lake.rglob("*") if ".truth." in path.name]


def test_builds_killed_at_random_moments_leave_the_lake_as_if_nothing_had_happened(
    built: Project, piece: Path, tmp_path: Path
) -> None:
    (tmp_path / "shaken").mkdir()
    shaken = make_project(tmp_path / "shaken")
    assert shaken.gvlm("add", str(piece), "--game", "freedoom").returncode == 0
    for after_s in random.Random(5).sample(range(3, 16), 3):
        killed_after(shaken, after_s)
    done = shaken.gvlm("build")
    assert done.returncode == 0, done.stderr
    assert shaken.files() == built.files()
    rows = [TimelineStore(Layout(each.lake).timeline()).rows(Scope()) for each in (built, shaken)]
    assert rows[0] == rows[1]


def killed_after(project: Project, seconds: float) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "gvlm_assets", "build"], env=project.environment(), cwd=project.root,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()

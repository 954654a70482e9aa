"""Pairs by a language model as a user has them: a setting, a real server with a small checkpoint, `gvlm build`."""

import json
import shutil
from collections import Counter
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from gvlm_resources.dataset.writer import context, writer_prompts
from gvlm_resources.lake.store import Lake
from tests.assets.conftest import Project
from tests.assets.test_main_path import built_and_skipped, video_of
from tests.dataset import chat_checkpoint
from tests.dataset.test_real_server import CONTEXT_REPLY, NOT_SHOWN, TAUGHT, item, served

pytestmark = pytest.mark.slow

NAMELESS = item("unanswerable", "What is the player's name?", "That cannot be told.", [], "00:00", "00:05")
REPLY = {"pairs": [NAMELESS, NOT_SHOWN]}  # one that holds of any video, and one whose row is in none
KEY = "sk-this-is-no-key-of-anybody"


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models")
    replies = {context.LAST_LINE: json.dumps(CONTEXT_REPLY), writer_prompts.LAST_LINE: json.dumps(REPLY)}
    chat_checkpoint.taught(folder / TAUGHT, replies)
    return folder


@pytest.fixture
def copied(built: Project, tmp_path: Path) -> Project:
    project = Project(tmp_path / "copy")
    shutil.copytree(built.root, project.root)
    return project


def ask_for(project: Project, base_url: str) -> None:
    synthesis = {"writers": ["openai", "templates"], "model": TAUGHT, "max_frames": 0, "max_tokens": 1000}
    settings = {"synthesis": synthesis, "server": {"base_url": base_url, "timeout_s": 100}}
    (project.root / "gvlm.yaml").write_text(json.dumps(settings))


def pairs_of(project: Project) -> list[dict]:
    return pq.read_table(Lake(project.lake).get("qa_pairs", video_of(project)).path("pairs.parquet")).to_pylist()


def result_files(project: Project) -> dict[str, bytes]:
    result = Lake(project.lake).get("qa_pairs", video_of(project))
    return {name: result.path(name).read_bytes() for name in result.files}


def test_a_build_asks_the_server_checks_what_it_says_and_never_asks_again(copied: Project, models: Path) -> None:
    key = video_of(copied)
    with served(models) as server:
        ask_for(copied, server.base_url)
        done = copied.gvlm("build", key, "--select", "qa_pairs", OPENAI_API_KEY=KEY)
        assert done.returncode == 0, done.stderr
    written = [pair for pair in pairs_of(copied) if pair["made_by"] == f"{TAUGHT}@server"]
    assert Counter((pair["status"], pair["reason"]) for pair in written)[("ok", "")] == 1
    assert ("filtered", "bad_evidence") in {(pair["status"], pair["reason"]) for pair in written}
    assert any(pair["made_by"].startswith("templates@") for pair in pairs_of(copied))
    calls = pq.read_table(Lake(copied.lake).get("qa_pairs", key).path("calls.parquet")).to_pylist()
    assert all(call["latency_ms"] > 0 for call in calls if call["requests"])
    before = result_files(copied)
    shutil.rmtree(copied.lake / "results" / "qa_pairs")
    again = copied.gvlm("build", key, "--select", "qa_pairs", OPENAI_API_KEY=KEY)
    assert again.returncode == 0, again.stderr
    assert result_files(copied) == before
    stored = b"".join(path.read_bytes() for path in copied.root.rglob("*") if path.is_file())
    assert KEY.encode() not in stored


def test_without_its_server_a_build_says_so_and_keeps_what_was_built(copied: Project) -> None:
    before = result_files(copied)
    ask_for(copied, "http://127.0.0.1:9/v1")
    done = copied.gvlm("build", "--select", "qa_pairs")
    assert done.returncode == 1
    assert "server.base_url" in done.stderr
    assert "Traceback" not in done.stderr
    assert result_files(copied) == before
    (copied.root / "gvlm.yaml").unlink()
    assert built_and_skipped(copied.gvlm("build").stdout)[0] == set()

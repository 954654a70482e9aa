"""Pairs written over HTTP by real models behind a real server: `transformers serve`, which speaks the OpenAI API.

One model has learnt its replies by heart, right ones and wrong ones. The other has random weights, and replies with
noise. Nothing between the prompt and the checked pair is replaced.
"""

from __future__ import annotations

import io
import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from gvlm_resources.dataset import pairs
from gvlm_resources.dataset.grounding import grounding
from gvlm_resources.dataset.writer import context, stretches, writer_prompts, writing
from gvlm_resources.dataset.writer.writing import Written
from gvlm_resources.errors import ServerError
from gvlm_resources.llm import asking
from gvlm_resources.llm.replies import ReplyStore
from gvlm_resources.schemas import STATUS_OK
from gvlm_resources.settings import Quotas, ServerSettings, SynthesisSettings
from tests.dataset import chat_checkpoint, play

pytestmark = pytest.mark.slow

TAUGHT, SEEING, UNTAUGHT = "taught", "seeing", "untaught"  # the checkpoints' folders, and their names at the server
START_S = 120.0
SETTINGS = SynthesisSettings(
    quotas=Quotas(**dict.fromkeys(pairs.KINDS, 2)), window_s=35, max_tokens=1_000, max_frames=0, max_rows=40
)
FACTS = play.facts()
FIRST, SECOND = stretches.cut(FACTS, SETTINGS.window_s)
CONTEXT_REPLY = {
    "game": "Freedoom",
    "genre": "first-person shooter",
    "mode": "single player",
    "role": "a marine",
    "team": "unknown",
    "opponents": ["demons"],
    "teams": [],
    "hud": ["health: lower left"],
    "notes": [],
}


def number_of(words: str) -> str:
    rows = stretches.rows_of(FACTS, FIRST, min_confidence=SETTINGS.min_confidence, max_rows=SETTINGS.max_rows).rows
    return next(f"E{number}" for number, row in enumerate(rows, 1) if words in row.text)


def item(kind: str, question: str, answer: str, evidence: list[str], start: str, end: str) -> dict[str, Any]:
    told = {"kind": kind, "language": "en", "length": "medium", "question": question, "answer": answer}
    return {**told, "evidence": evidence, "start": start, "end": end}


PICKED_UP, HIT = [number_of("stimpack")], [number_of("Lost 30")]
GOOD = [
    item("what", "What was picked up first?", "The player picked up a stimpack.", PICKED_UP, "00:02", "00:02"),
    item("unanswerable", "What is the player's name?", "That cannot be told from the video.", [], "00:00", "00:30"),
    item("how_many", "How much health was lost at 00:20?", "The player lost 30 health.", HIT, "00:20", "00:20"),
]
INVENTED = item("why", "Why did the health fall?", "A cacodemon took 44 health.", HIT, "00:20", "00:20")
NOT_SHOWN = item("when", "When was the key found?", "It was found at 00:05.", ["E999"], "00:05", "00:05")
ELSEWHERE = item("summary", "What happened at the end?", "The player died.", PICKED_UP, "59:58", "59:59")
PAIRS_REPLY = {"pairs": [*GOOD, INVENTED, NOT_SHOWN, ELSEWHERE]}
RED, BLUE = (200, 30, 30), (30, 30, 200)
LOOK = "What colour is the picture?"
SEEN = {
    colour: json.dumps({"pairs": [item("where", LOOK, f"It is {name}.", [], "00:00", "00:01")]})
    for colour, name in ((RED, "red"), (BLUE, "blue"))
}


def picture(colour: tuple[int, int, int]) -> bytes:
    held = io.BytesIO()
    Image.new("RGB", (640, 480), colour).save(held, "JPEG", quality=90)
    return held.getvalue()


FRAMES = {frame.frame_id: picture(RED if FIRST.contains(frame.pts_ns) else BLUE) for frame in FACTS.frames}
ONE_EACH = Quotas(**{**dict.fromkeys(pairs.KINDS, 0), "where": 2})  # of two stretches
ASKED_OF = {
    TAUGHT: SETTINGS,
    SEEING: SETTINGS.model_copy(update={"max_frames": 2, "intro_s": 0.0}),
    UNTAUGHT: SETTINGS.model_copy(update={"quotas": ONE_EACH, "max_tokens": 96}),
}


@dataclass
class Server:
    base_url: str
    process: subprocess.Popen[bytes]
    log: Path

    def stop(self) -> None:
        self.process.terminate()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


@contextmanager
def served(folder: Path) -> Iterator[Server]:
    """`transformers serve` in `folder`, whose subfolders are models by their names. It loads one when it is asked."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [str(Path(sys.executable).with_name("transformers")), "serve", "--host", "127.0.0.1", "--port", str(port)]
    quiet = {"HF_HUB_OFFLINE": "1", "HF_HOME": str(folder / "hub"), "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
    log = folder / f"server-{port}.log"
    with log.open("wb") as file:
        process = subprocess.Popen(
            [*command, "--device", "cpu"],
            cwd=folder,
            env={**os.environ, **quiet},
            stdout=file,
            stderr=subprocess.STDOUT,
        )
    server = Server(f"http://127.0.0.1:{port}/v1", process, log)
    try:
        _await(f"http://127.0.0.1:{port}/health", server)
        yield server
    finally:
        server.stop()


def _await(url: str, server: Server) -> None:
    until = time.monotonic() + START_S
    while time.monotonic() < until:
        assert server.process.poll() is None, server.log.read_text()
        try:
            urllib.request.build_opener(urllib.request.ProxyHandler({})).open(url, timeout=2).close()
        except (urllib.error.URLError, TimeoutError):
            time.sleep(0.2)
        else:
            return
    pytest.fail(f"the server does not answer: {server.log.read_text()}")


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models")
    replies = {
        context.LAST_LINE: json.dumps(CONTEXT_REPLY),
        writer_prompts.LAST_LINE: json.dumps(PAIRS_REPLY),
    }
    chat_checkpoint.taught(folder / TAUGHT, replies)
    chat_checkpoint.taught_to_see(folder / SEEING, SEEN)
    chat_checkpoint.untaught(folder / UNTAUGHT, json.dumps(PAIRS_REPLY))
    return folder


@dataclass(frozen=True)
class Run:
    """What each model wrote, and where its replies are kept. The server that it was behind is gone."""

    server: Server
    written: dict[str, Written]
    replies: dict[str, Path]


@pytest.fixture(scope="module")
def run(models: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    names = (TAUGHT, SEEING, UNTAUGHT)
    replies = {name: tmp_path_factory.mktemp(name) for name in names}
    with served(models) as server:
        written = {name: write(server, name, replies[name]) for name in names}
    assert server.process.poll() is not None
    return Run(server, written, replies)


def write(server: Server, model: str, folder: Path) -> Written:
    settings = ASKED_OF[model]
    server_settings = ServerSettings(base_url=server.base_url, concurrency=2, timeout_s=60)
    synthesis = settings.model_copy(update={"model": model})
    return writing.write(FACTS, FRAMES.get, settings, asking.connect(synthesis, server_settings, folder))


def outcomes(written: Written) -> list[tuple[str, str]]:
    return list(zip(*(written.calls.column(name).to_pylist() for name in ("purpose", "outcome")), strict=True))


def test_what_a_model_writes_is_kept_where_it_is_grounded_and_dropped_with_a_reason_where_not(run: Run) -> None:
    written = run.written[TAUGHT]
    assert outcomes(written) == [("context", "json"), ("pairs", "json"), ("pairs", "json")]
    assert written.context is not None
    assert (written.context.role, written.context.opponents) == ("a marine", ("demons",))
    assert all(tokens > 100 for tokens in written.calls.column("prompt_tokens").to_pylist())
    checked = grounding.check(written.pairs, FACTS, SETTINGS)
    first = checked[: len(PAIRS_REPLY["pairs"])]
    assert [pair.question for pair in checked if pair.status == STATUS_OK] == [good["question"] for good in GOOD]
    assert [pair.reason for pair in first] == ["", "", "", "unsupported", "bad_evidence", "outside"]
    assert all(pair.detail for pair in checked if pair.status != STATUS_OK)
    assert Counter(pair.made_by for pair in checked) == {f"{TAUGHT}@server": 12}


def test_the_frames_of_a_stretch_reach_a_model_that_sees(run: Run) -> None:
    written = run.written[SEEING]
    assert outcomes(written) == [("pairs", "json")] * 2
    assert [pair.answer for pair in written.pairs] == ["It is red.", "It is blue."]


def test_noise_is_asked_for_once_more_and_ends_as_counted_rows(run: Run) -> None:
    written = run.written[UNTAUGHT]
    assert written.pairs == []
    assert written.context is None
    assert outcomes(written) == [("context", "unreadable"), ("pairs", "unreadable"), ("pairs", "unreadable")]
    assert written.calls.column("requests").to_pylist() == [2, 2, 2]
    assert all(written.calls.column("detail").to_pylist())
    stored = list(ReplyStore(run.replies[UNTAUGHT]).calls())
    assert len(stored) == 6, "what was paid for is kept, though it says nothing"


@pytest.mark.parametrize("model", [TAUGHT, SEEING, UNTAUGHT])
def test_a_second_run_reads_what_the_first_was_told_with_the_server_gone(run: Run, model: str) -> None:
    first, second = run.written[model], write(run.server, model, run.replies[model])
    assert second.pairs == first.pairs
    assert second.calls.equals(first.calls)
    assert second.context == first.context
    stored = len(list(ReplyStore(run.replies[model]).calls()))
    assert (first.measured["from_store"], second.measured["from_store"]) == (0, stored)
    assert second.measured["requests"] == 0


def test_a_server_that_is_gone_is_an_error_that_says_so_where_the_store_has_no_reply(run: Run, tmp_path: Path) -> None:
    with pytest.raises(ServerError, match="cannot be reached"):
        write(run.server, TAUGHT, tmp_path)

"""Several processes on one table, and processes that die in the middle: real ones, each a Python of its own."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from gvlm_resources.timeline.retrieval import Scope
from gvlm_resources.timeline.store import TimelineStore
from tests.timeline.index_fakes import row, texts, video

ROOT = Path(__file__).parents[2]
START = """
import itertools, sys
from pathlib import Path
from gvlm_resources.timeline.store import TimelineStore
from tests.timeline.index_fakes import row, video
store, name = TimelineStore(Path(sys.argv[1])), sys.argv[2]
"""
WRITE_SIX_VIDEOS = """
for number in range(6):
    for words in ("old", "new"):
        store.replace_video(f"{name}-{number}", video(f"{name}-{number}", *(row(f"{words} {n}", n) for n in range(40))))
    if number == 3 and name == "writer-0":
        store.compact(vector_index_from_rows=1_000)
"""
WRITE_THE_SAME_VIDEO = """
for turn in range(5):
    rows = (row(f"{name} {turn}", int(name) * 100 + n) for n in range(20 + int(name)))
    store.replace_video("same", video("same", *rows))
"""
WRITE_WITHOUT_END = """
print("ready", flush=True)
for turn in itertools.count():
    size = (7, 11)[turn % 2]
    store.replace_video("one", video("one", *(row(f"of {size}", n) for n in range(size))))
"""


def start(script: str, store: TimelineStore, name: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-W", "error::RuntimeWarning", "-c", START + script, str(store.folder), name],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finish(processes: list[subprocess.Popen[str]]) -> None:
    for process in processes:
        _, errors = process.communicate(timeout=120)
        assert process.returncode == 0, errors[-2_000:]


@pytest.fixture
def store(tmp_path: Path) -> TimelineStore:
    return TimelineStore(tmp_path / "timeline")


def test_processes_that_write_different_videos_at_once_lose_and_double_no_row(store: TimelineStore) -> None:
    finish([start(WRITE_SIX_VIDEOS, store, f"writer-{number}") for number in range(3)])
    counts = Counter(found.row_id for found in store.rows(Scope()))
    assert set(counts.values()) == {1}
    assert store.video_ids() == sorted(f"writer-{number}-{video}" for number in range(3) for video in range(6))
    for video_id in store.video_ids():
        assert sorted(texts(store.rows(Scope(video_id)))) == sorted(f"new {n}" for n in range(40))


def test_processes_that_write_one_video_at_once_leave_the_rows_of_one_of_them(store: TimelineStore) -> None:
    finish([start(WRITE_THE_SAME_VIDEO, store, str(number)) for number in range(3)])
    (kind,) = {text.split()[0] for text in texts(store.rows(Scope("same")))}
    assert store.count(Scope("same")) == 20 + int(kind)


def test_a_writer_killed_at_any_moment_leaves_the_old_rows_or_the_new_ones(store: TimelineStore) -> None:
    store.replace_video("two", video("two", row("another video's")))
    for delay_s in (0.0, 0.013, 0.05, 0.11):
        process = start(WRITE_WITHOUT_END, store, "writer")
        assert process.stdout.readline() == "ready\n"
        time.sleep(delay_s)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        rows = texts(store.rows(Scope("one")))
        assert rows in ([], ["of 7"] * 7, ["of 11"] * 11)
    store.replace_video("one", video("one", row("after")))
    assert texts(store.rows(Scope("one"))) == ["after"]
    assert texts(store.rows(Scope("two"))) == ["another video's"]


def test_a_writer_killed_while_it_makes_the_table_leaves_none_or_a_whole_one(store: TimelineStore) -> None:
    for delay_s in (0.0, 0.02):
        process = start(WRITE_WITHOUT_END, store, "writer")
        assert process.stdout.readline() == "ready\n"
        time.sleep(delay_s)
        process.send_signal(signal.SIGKILL)
        process.communicate()
    store.replace_video("two", video("two", row("the shotgun")))
    assert len(store.matching("shotgun", Scope("two"), 5)) == 1
    assert {path.name for path in store.folder.iterdir()} <= {"timeline.lance", "timeline.lock"}


def test_what_a_killed_writer_left_beside_a_whole_table_is_swept_by_the_next(store: TimelineStore) -> None:
    store.replace_video("one", video("one", row("here")))
    for name in (".timeline.lance.0123.new", ".timeline.lance.4567.old"):
        (store.folder / name / "timeline.lance").mkdir(parents=True)
    store.replace_video("two", video("two", row("there")))
    assert {path.name for path in store.folder.iterdir()} == {"timeline.lance", "timeline.lock"}
    assert store.count(Scope()) == 2

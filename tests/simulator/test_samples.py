from __future__ import annotations

import hashlib
from pathlib import Path

import av
import pytest

from gvlm_resources.simulator import truth
from gvlm_resources.simulator.samples import SAMPLES

FOLDER = Path(__file__).parents[2] / "data_lake" / "samples"
NAMES = [plan.name for plan in SAMPLES]


def _told(name: str) -> truth.Truth:
    return truth.read(FOLDER / "truth" / f"{name}.truth.json")


@pytest.mark.parametrize("name", NAMES)
def test_a_sample_is_the_video_that_its_truth_speaks_of(name: str) -> None:
    recording = _told(name).recording
    video = FOLDER / recording.video
    assert hashlib.sha256(video.read_bytes()).hexdigest() == recording.video_sha256
    assert video.stat().st_size < 8_000_000
    with av.open(str(video)) as opened:
        stream = opened.streams.video[0]
        assert stream.frames == recording.tics
        assert (stream.width, stream.height, stream.average_rate) == (640, 480, 35)
        assert opened.duration is not None
        assert abs(opened.duration * 1000 - recording.duration_ns) < 50_000_000
        assert len(opened.streams.audio) == 1
    assert 40 <= recording.duration_ns / 1e9 <= 60


def test_every_sample_is_on_disk_and_nothing_else_is_taken_for_one() -> None:
    assert sorted(path.stem for path in FOLDER.glob("*.mp4")) == sorted(NAMES)
    assert sorted(path.name for path in FOLDER.iterdir() if path.suffix != ".mp4") == ["COPYING", "README.md", "truth"]


def test_the_samples_are_made_as_the_plans_say() -> None:
    for plan in SAMPLES:
        recording = _told(plan.name).recording
        assert (recording.level, recording.bot) == (str(plan.level), plan.bot)
        assert (recording.seed, recording.skill, recording.tics) == (plan.seed, plan.skill, plan.tics)
    assert len({plan.level for plan in SAMPLES}) == len(SAMPLES)


def test_the_samples_hold_what_they_are_for() -> None:
    fight, quiet, exploration = (_told(name) for name in NAMES)
    for kind in ("death", "respawn", "pickup", "damage", "kill", "armor", "heal"):
        assert fight.of_kind(kind), kind
    assert len(quiet.events) < 10
    assert len(exploration.of_kind("pickup")) >= 10
    assert exploration.of_kind("weapon_change")
    assert exploration.of_kind("secret")


def test_the_licence_of_the_game_is_beside_them() -> None:
    text = (FOLDER / "COPYING").read_text()
    assert "Contributors to the Freedoom project" in text
    assert "Redistributions in binary form must reproduce" in text
    assert "python -m gvlm_resources.simulator samples" in (FOLDER / "README.md").read_text()

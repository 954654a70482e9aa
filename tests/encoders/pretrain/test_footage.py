from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from gvlm_resources.encoders.pretrain.footage import (
    SERIES,
    TEST_PARTS,
    TRAIN_PARTS,
    Footage,
    levels_of,
    video_of,
)
from gvlm_resources.encoders.pretrain.frames import decode, load, pick_tics
from gvlm_resources.errors import SettingsError, SourceError
from gvlm_resources.simulator import truth
from gvlm_resources.simulator.catalogue import Level, all_levels
from gvlm_resources.simulator.events import TruthEvent
from gvlm_resources.simulator.recorder import RecordingPlan, record


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A second and a half of a training map."""
    folder = tmp_path_factory.mktemp("footage") / "train"
    plan = RecordingPlan("short", Level.parse("freedoom2/MAP01"), "fighter", seed=1, skill=3, tics=52)
    record(plan, folder)
    return folder.parent


def test_no_level_is_both_learned_and_measured() -> None:
    assert not levels_of((*TRAIN_PARTS, "calm")) & levels_of((*TEST_PARTS, "calm_test"))
    assert set(SERIES) == {*TRAIN_PARTS, *TEST_PARTS, "calm", "calm_test"}


def test_every_level_of_the_recipe_exists() -> None:
    assert levels_of(tuple(SERIES)) <= {str(level) for level in all_levels()}


def test_a_test_map_among_the_training_recordings_is_refused(recorded: Path, tmp_path: Path) -> None:
    wrong = copied(recorded, tmp_path / "train", level="freedoom2/MAP02")
    with pytest.raises(SettingsError, match="MAP02, a test map"):
        Footage(wrong).train()


def test_a_training_map_among_the_test_recordings_is_refused(recorded: Path, tmp_path: Path) -> None:
    wrong = copied(recorded, tmp_path / "test", level="freedoom2/MAP01")
    with pytest.raises(SettingsError, match="MAP01, a training map"):
        Footage(wrong).test()


def copied(recorded: Path, part: Path, *, level: str) -> Path:
    shutil.copytree(recorded / "train", part)
    manifest = part / "short.truth.json"
    manifest.write_text(manifest.read_text().replace("freedoom2/MAP01", level))
    return part.parent


def test_a_recording_under_way_is_left_out_and_an_empty_folder_names_the_command(
    recorded: Path, tmp_path: Path
) -> None:
    shutil.copytree(recorded / "train", tmp_path / "train")
    (tmp_path / "train" / "short.truth.parquet").unlink()
    with pytest.raises(SourceError, match="pretrain record --footage"):
        Footage(tmp_path).train()


def test_every_stretch_gives_one_frame_at_a_place_of_its_own() -> None:
    tics = pick_tics(2100, 7, seed=3)
    assert len(tics) == 299
    assert ((tics - 5) // 7 == np.arange(299)).all()
    assert len(set(((tics - 5) % 7).tolist())) == 7


def test_frames_are_those_of_their_tics(recorded: Path) -> None:
    video = recorded / "train" / "short.mp4"
    every = decode(video, np.arange(52), size_px=32)
    assert every.shape == (52, 32, 32, 3)
    assert np.array_equal(decode(video, np.array([9, 40]), size_px=32), every[[9, 40]])


def test_shots_carry_the_truth_of_their_tic_and_the_cache_gives_the_same(recorded: Path, tmp_path: Path) -> None:
    manifest = recorded / "train" / "short.truth.json"
    told = truth.read(manifest)
    first = load([manifest], tmp_path, size_px=32, every_tics=5, seed=0)
    video_of(manifest).rename(recorded / "aside.mp4")
    again = load([manifest], tmp_path, size_px=32, every_tics=5, seed=0)
    (recorded / "aside.mp4").rename(video_of(manifest))
    assert np.array_equal(first.pixels, again.pixels)
    assert [shot.tic for shot in first.shots] == pick_tics(52, 5, seed=told.recording.seed).tolist()
    for shot in first.shots:
        assert shot.level == "freedoom2/MAP01"
        assert shot.state == told.tics.slice(shot.tic, 1).to_pylist()[0]


def test_a_frame_is_firing_and_red_for_a_moment_after_a_shot_and_a_wound(recorded: Path, tmp_path: Path) -> None:
    shutil.copytree(recorded / "train", tmp_path / "train")
    manifest = tmp_path / "train" / "short.truth.json"
    told = truth.read(manifest)
    events = [
        event(kind, tic, amount) for kind, tic, amount in (("shot", 20, 1), ("damage", 30, 12), ("damage", 45, 1))
    ]
    truth.write(manifest.parent, "short", told.recording, events, told.tics)
    shots = load([manifest], tmp_path / "cache", size_px=32, every_tics=1, seed=0).shots
    assert [shot.tic for shot in shots if shot.firing] == list(range(20, 26))
    assert [shot.tic for shot in shots if shot.hurt] == list(range(30, 38)), "a scratch does not redden the screen"


def event(kind: str, tic: int, amount: int) -> truth.TimedEvent:
    return truth.TimedEvent(TruthEvent(kind, tic, tic + 1, amount, ""), tic * 28_571_429, (tic + 1) * 28_571_429)

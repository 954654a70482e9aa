"""One short game, recorded once: a player walks, shoots, is hurt, dies and starts again (about eleven seconds)."""

from __future__ import annotations

import hashlib
import json
import math
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pyarrow as pa
import pytest

from gvlm_resources.errors import LakeError, SettingsError
from gvlm_resources.simulator import truth
from gvlm_resources.simulator.catalogue import Level
from gvlm_resources.simulator.engine import SAMPLES_PER_TIC, TIC_RATE_HZ
from gvlm_resources.simulator.recorder import RecordingPlan, record, replay

PLAN = RecordingPlan("game", Level("freedoom2", "MAP04"), "explorer", seed=1, skill=3, tics=380, crf=30)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("recording")
    record(PLAN, folder)
    return folder


@pytest.fixture(scope="module")
def told(folder: Path) -> truth.Truth:
    return truth.read(folder / "game.truth.json")


def _column(told: truth.Truth, name: str) -> list:
    return told.tics[name].to_pylist()


def test_a_replayed_log_gives_frames_sound_and_variables_back_bit_for_bit(told: truth.Truth) -> None:
    report = replay(told)
    assert report.bit_equal
    assert report.tics == PLAN.tics


def test_a_log_with_one_turn_changed_does_not_replay(told: truth.Truth) -> None:
    short = told.tics.slice(0, 60)
    turns = short["turn_cdeg"].to_pylist()
    turns[20] += 500
    changed = short.set_column(short.schema.get_field_index("turn_cdeg"), "turn_cdeg", pa.array(turns, pa.int16()))
    report = replay(truth.Truth(replace(told.recording, tics=60), (), changed))
    assert not report.frames_equal
    assert not report.variables_equal


def test_recording_the_same_plan_again_gives_the_same_files(tmp_path: Path) -> None:
    plan = replace(PLAN, tics=50)
    digests = []
    for name in ("once", "twice"):
        record(plan, tmp_path / name)
        files = sorted((tmp_path / name).iterdir())
        assert [file.name for file in files] == ["game.mp4", "game.truth.json", "game.truth.parquet"]
        digests.append([hashlib.sha256(file.read_bytes()).hexdigest() for file in files])
    assert digests[0] == digests[1]


def test_the_video_has_one_frame_a_tic_at_35_hz_from_zero(folder: Path) -> None:
    with av.open(str(folder / "game.mp4")) as video:
        stream = video.streams.video[0]
        assert (stream.codec_context.name, stream.pix_fmt) == ("h264", "yuv420p")
        assert (stream.width, stream.height) == (640, 480)
        times = [frame.pts * frame.time_base for frame in video.decode(stream)]
    assert len(times) == PLAN.tics
    assert times[0] == 0
    assert {after - before for before, after in pairwise(times)} == {times[1]}
    assert times[1] * TIC_RATE_HZ == 1


def test_the_sound_is_as_long_as_the_picture_and_not_silent(folder: Path) -> None:
    with av.open(str(folder / "game.mp4")) as video:
        stream = video.streams.audio[0]
        assert (stream.codec_context.name, stream.sample_rate, stream.start_time) == ("aac", 44_100, 0)
        samples = np.concatenate([frame.to_ndarray() for frame in video.decode(stream)], axis=1)
    wanted = PLAN.tics * SAMPLES_PER_TIC
    assert wanted <= samples.shape[1] < wanted + 1024  # the codec fills its last block up
    assert 0.01 < float(np.sqrt(np.mean(samples**2))) < 0.5


def test_shots_are_heard_in_the_tic_in_which_they_are_fired(folder: Path, told: truth.Truth) -> None:
    with av.open(str(folder / "game.mp4")) as video:
        samples = np.concatenate([frame.to_ndarray() for frame in video.decode(audio=0)], axis=1)
    loudness = np.abs(samples).mean(axis=0)[: PLAN.tics * SAMPLES_PER_TIC].reshape(PLAN.tics, -1).mean(axis=1)
    shots = [event.event.start_tic for event in told.of_kind("shot")]
    shots = [tic for before, tic in zip([-99, *shots], shots, strict=False) if tic - before > 10]
    assert len(shots) >= 5
    before, after = (float(np.mean([loudness[tic + by] for tic in shots])) for by in (-1, 0))
    assert after > 1.5 * before


def test_the_index_stands_before_the_frames(folder: Path) -> None:
    head = (folder / "game.mp4").read_bytes()
    assert 0 < head.find(b"moov") < head.find(b"mdat")


def test_the_player_fights_is_hurt_dies_and_starts_again(told: truth.Truth) -> None:
    (death,), (respawn,) = told.of_kind("death"), told.of_kind("respawn")
    assert 0 < death.start_ns < respawn.start_ns
    assert len(told.of_kind("damage")) >= 3
    assert len(told.of_kind("kill")) >= 1
    assert len(told.of_kind("pickup")) >= 1
    assert _column(told, "deathcount")[-1] == 1
    assert any("Player was" in event.subject for event in told.of_kind("message"))


def test_damage_adds_up_to_the_engines_count(told: truth.Truth) -> None:
    assert sum(event.amount for event in told.of_kind("damage")) == _column(told, "damage_taken")[-1]


def test_times_are_those_of_the_frames(told: truth.Truth) -> None:
    assert _column(told, "pts_ns") == [round(tic * 1e9 / TIC_RATE_HZ) for tic in range(PLAN.tics)]
    for event in told.events:
        assert event.start_ns == _column(told, "pts_ns")[event.event.start_tic]
        assert event.start_ns < event.end_ns


def test_the_status_bar_agrees_with_the_picture(folder: Path, told: truth.Truth) -> None:
    """Where the truth says that the bar's health stays, its pixels stay; where it changes, they change."""
    with av.open(str(folder / "game.mp4")) as video:
        bars = [frame.to_ndarray(format="gray")[408:452, 100:200].astype(int) for frame in video.decode(video=0)]
    health = _column(told, "hud_health")
    alive = [tic for tic in range(2, PLAN.tics) if not _column(told, "dead")[tic]]
    changed = [np.abs(bars[tic] - bars[tic - 1]).mean() for tic in alive if health[tic] != health[tic - 1]]
    kept = [np.abs(bars[tic] - bars[tic - 1]).mean() for tic in alive if health[tic] == health[tic - 1]]
    assert np.median(changed) > 4 * np.median(kept) + 1


def test_objects_in_sight_have_boxes_inside_the_frame_and_never_name_the_player(told: truth.Truth) -> None:
    objects = [one for row in _column(told, "objects") for one in row]
    assert {"Monster"} <= {one["category"] for one in objects}
    assert all(one["category"] != "Self" for one in objects)
    for one in objects:
        x0, y0, x1, y1 = one["box"]
        assert 0 <= x0 < x1 <= 640
        assert 0 <= y0 < y1 <= 480


def test_an_object_in_the_middle_of_the_view_stands_where_the_player_looks(told: truth.Truth) -> None:
    checked = 0
    for row in told.tics.select(["objects", "position_x", "position_y", "angle"]).to_pylist()[::10]:
        for one in row["objects"]:
            middle = (one["box"][0] + one["box"][2]) / 2
            distance = math.dist((one["x"], one["y"]), (row["position_x"], row["position_y"]))
            if abs(middle - 320) > 30 or distance < 200 or one["box"][2] - one["box"][0] > 60:
                continue
            bearing = math.degrees(math.atan2(one["y"] - row["position_y"], one["x"] - row["position_x"]))
            assert abs((bearing - row["angle"] + 180) % 360 - 180) < 12
            checked += 1
    assert checked > 5


def test_a_truth_with_a_missing_or_damaged_half_is_refused(folder: Path, tmp_path: Path) -> None:
    manifest = tmp_path / "game.truth.json"
    manifest.write_text((folder / "game.truth.json").read_text())
    with pytest.raises(LakeError, match="missing"):
        truth.read(manifest)
    data = json.loads(manifest.read_text())
    manifest.write_text(json.dumps({**data, "format": "gvlm.truth/0"}))
    with pytest.raises(LakeError, match=r"gvlm\.truth/0"):
        truth.read(manifest)


def test_a_plan_that_cannot_be_played_is_refused() -> None:
    with pytest.raises(SettingsError, match="no bot"):
        replace(PLAN, bot="tourist")
    with pytest.raises(SettingsError, match="no level"):
        Level.parse("freedoom2/MAP99x")
    for broken in ({"tics": 1}, {"name": "../game"}, {"name": ""}):
        with pytest.raises(ValueError, match="recording"):
            replace(PLAN, **broken)

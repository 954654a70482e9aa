"""New videos are found, and built at night, without anybody asking."""

import datetime
from pathlib import Path

import dagster as dg
import pytest

from gvlm_assets import definitions, environment
from gvlm_assets.partitions import questions, videos
from gvlm_resources.lake import files
from gvlm_resources.lake.catalogue import Catalogue, VideoRecord, question_record
from gvlm_resources.lake.layout import Layout

BEFORE = datetime.datetime(2026, 3, 1, 1, 59, tzinfo=datetime.UTC)
AFTER = datetime.datetime(2026, 3, 1, 2, 1, tzinfo=datetime.UTC)


@pytest.fixture
def env(tmp_path: Path) -> environment.Environment:
    (tmp_path / "workspace.yaml").write_text("load_from: []\n")
    return environment.read({}, start=tmp_path)


@pytest.fixture
def catalogue(env: environment.Environment) -> Catalogue:
    return Catalogue(Layout(env.lake))


def add(catalogue: Catalogue, folder: Path, content: bytes) -> str:
    source = folder / "run.mp4"
    source.write_bytes(content)
    sha256 = files.sha256(source)
    key = f"run-{sha256[:12]}"
    catalogue.add_video(VideoRecord(key, sha256, len(content), ".mp4", "run", "generic", "", "run.mp4"), source)
    return key


def test_everything_loads_and_no_upstream_partition_can_be_missing(env: environment.Environment) -> None:
    defs = definitions.build(env)
    dg.Definitions.validate_loadable(defs)
    for spec in defs.resolve_all_asset_specs():
        for dep in spec.deps:
            assert dep.partition_mapping is not None, f"{spec.key} on {dep.asset_key} has no explicit mapping"


def test_the_whole_chain_of_a_new_video_is_asked_for_at_night_as_one_backfill(env: environment.Environment) -> None:
    defs = definitions.build(env)
    instance = dg.DagsterInstance.ephemeral()
    instance.add_dynamic_partitions(videos.name, ["run-0123456789ab"])
    evening = dg.evaluate_automation_conditions(defs=defs, instance=instance, evaluation_time=BEFORE)
    assert evening.total_requested == 0
    night = dg.evaluate_automation_conditions(
        defs=defs, instance=instance, cursor=evening.cursor, evaluation_time=AFTER
    )
    per_video = definitions.PER_VIDEO_SELECTION.resolve(defs.resolve_asset_graph())
    for key in per_video:
        assert night.get_requested_partitions(key) == {"run-0123456789ab"}, key
    assert night.total_requested == len(per_video)


def test_videos_that_the_instance_does_not_know_become_partitions(
    env: environment.Environment, catalogue: Catalogue, tmp_path: Path
) -> None:
    key = add(catalogue, tmp_path, b"moving pictures")
    result = evaluate(env, "new_videos", dg.DagsterInstance.ephemeral())
    (request,) = result.dynamic_partitions_requests
    assert (request.partitions_def_name, request.partition_keys) == (videos.name, [key])


def test_a_file_in_the_inbox_that_is_no_video_is_quarantined_once_its_size_has_settled(
    env: environment.Environment, catalogue: Catalogue
) -> None:
    inbox = catalogue.layout.inbox()
    inbox.mkdir(parents=True)
    (inbox / "notes.mp4").write_text("not a video")
    instance = dg.DagsterInstance.ephemeral()
    first = evaluate(env, "new_videos", instance)
    assert catalogue.quarantined() == []
    evaluate(env, "new_videos", instance, cursor=first.cursor)
    (row,) = catalogue.quarantined()
    assert row.code == "not_a_video"
    assert (inbox / "rejected" / "notes.mp4").is_file()


def test_a_question_asked_in_the_ui_is_answered_once(env: environment.Environment, catalogue: Catalogue) -> None:
    record = question_record("How often did I die?")
    catalogue.add_question(record)
    result = evaluate(env, "asked_questions", dg.DagsterInstance.ephemeral())
    (request,) = result.run_requests
    assert (request.partition_key, request.run_key) == (record.question_id, record.question_id)
    assert result.dynamic_partitions_requests[0].partitions_def_name == questions.name


def evaluate(
    env: environment.Environment, name: str, instance: dg.DagsterInstance, cursor: str | None = None
) -> dg.SensorResult:
    defs = definitions.build(env)
    context = dg.build_sensor_context(instance=instance, cursor=cursor, resources=defs.resources)
    return defs.resolve_sensor_def(name)(context)

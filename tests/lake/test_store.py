"""Results are written whole or not at all, and known by what made them."""

import os
import signal
import subprocess
import sys
import textwrap
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pytest

from gvlm_resources import schemas
from gvlm_resources.errors import LakeError
from gvlm_resources.lake.fingerprint import Recipe
from gvlm_resources.lake.store import Lake, read_table

RECIPE = Recipe(asset="speech_spans", code_version="1", schema_version=schemas.VERSION, settings={"vad": 0.5})


def table(rows: int = 3, video_id: str = "clip-0123456789ab") -> pa.Table:
    spans = [
        {"video_id": video_id, "span_id": f"v{n}", "start_ns": n * 10, "end_ns": n * 10 + 5, "confidence": 0.5}
        for n in range(rows)
    ]
    return pa.Table.from_pylist(spans, schema=schemas.SPEECH_SPANS)


def store(lake: Lake, recipe: Recipe = RECIPE, rows: int = 3) -> None:
    with lake.write(recipe, "clip") as draft:
        draft.table("spans.parquet", table(rows), schemas.SPEECH_SPANS)


def contents(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in sorted(root.rglob("*")) if path.is_file()}


def test_a_stored_table_reads_back_equal_and_is_fresh_for_its_recipe_alone(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    store(lake)
    assert read_table(lake.get("speech_spans", "clip"), "spans.parquet").equals(table())
    assert lake.is_fresh(RECIPE, "clip")
    assert not lake.is_fresh(RECIPE, "other")
    for changed in (
        replace(RECIPE, code_version="2"),
        replace(RECIPE, settings={"vad": 0.6}),
        replace(RECIPE, models={"vad": "silero@6"}),
        replace(RECIPE, source="ff"),
        replace(RECIPE, upstream={"audio": "aa"}),
        replace(RECIPE, game={"hud": []}),
        replace(RECIPE, schema_version="99"),
    ):
        assert not lake.is_fresh(changed, "clip"), changed


def test_writing_the_same_result_again_leaves_the_lake_byte_equal(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    store(lake)
    first = contents(tmp_path)
    store(lake)
    assert contents(tmp_path) == first


def test_an_error_while_writing_keeps_the_result_before_it(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    store(lake)
    before = contents(tmp_path)
    with pytest.raises(RuntimeError, match="half way"), lake.write(replace(RECIPE, code_version="2"), "clip") as draft:
        draft.path("spans.parquet").write_bytes(b"half")
        raise RuntimeError("half way")
    assert contents(tmp_path) == before


def test_a_new_recipe_replaces_the_result_and_sweeps_the_old_one(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    store(lake, rows=3)
    store(lake, replace(RECIPE, code_version="2"), rows=5)
    assert read_table(lake.get("speech_spans", "clip"), "spans.parquet").num_rows == 5
    assert len(list((tmp_path / "results" / "speech_spans" / "clip").iterdir())) == 2  # current.json and one version


def test_a_writer_killed_half_way_leaves_the_result_before_it_and_nothing_after_the_next(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    store(lake)
    before = read_table(lake.get("speech_spans", "clip"), "spans.parquet")
    script = f"""
        import os, pathlib, signal
        from dataclasses import replace
        from tests.lake.test_store import RECIPE, Lake
        with Lake(pathlib.Path({str(tmp_path)!r})).write(replace(RECIPE, code_version="2"), "clip") as draft:
            draft.path("spans.parquet").write_bytes(b"half")
            os.kill(os.getpid(), signal.SIGKILL)
    """
    killed = subprocess.run([sys.executable, "-c", textwrap.dedent(script)], check=False, cwd=Path(__file__).parents[2])
    assert killed.returncode == -signal.SIGKILL
    assert read_table(lake.get("speech_spans", "clip"), "spans.parquet").equals(before)
    clean = Lake(tmp_path / "clean")
    for each in (lake, clean):
        store(each, replace(RECIPE, code_version="2"))
    assert contents(lake.layout.results()) == contents(clean.layout.results())


def test_a_file_cut_short_is_no_result(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    store(lake)
    path = lake.get("speech_spans", "clip").path("spans.parquet")
    os.truncate(path, 10)
    assert lake.find("speech_spans", "clip") is None
    with pytest.raises(LakeError, match="gvlm build clip --select speech_spans"):
        lake.get("speech_spans", "clip")
    store(lake)
    assert lake.is_fresh(RECIPE, "clip")


def test_a_table_that_does_not_fit_its_schema_is_refused(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    nulls = table().set_column(4, "confidence", pa.nulls(3, pa.float32()))
    for bad in (table().drop_columns(["confidence"]), nulls):
        with pytest.raises(LakeError), lake.write(RECIPE, "clip") as draft:
            draft.table("spans.parquet", bad, schemas.SPEECH_SPANS)
    assert lake.find("speech_spans", "clip") is None


@pytest.mark.parametrize("key", ["", "../up", "a/b", "a b", "-a", "a" * 81, "a\n", "a|b", "a...b"])
def test_a_key_that_could_leave_its_folder_is_refused(tmp_path: Path, key: str) -> None:
    with pytest.raises(LakeError, match="no partition key"):
        Lake(tmp_path).find("frames", key)

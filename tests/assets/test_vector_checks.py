"""What the checks of encoders find, on tables with one fault each."""

import numpy as np
import pyarrow as pa
import pytest

from gvlm_assets import checks
from gvlm_resources import schemas


def table(vectors: np.ndarray, *, ids: list[str] | None = None, missing: int = 0) -> pa.Table:
    count = len(vectors)
    rows = [
        {
            "video_id": "v",
            "frame_id": (ids or [f"f{n}" for n in range(count)])[n],
            "pts_ns": n,
            "vector": None if n < missing else vectors[n].tolist(),
            "status": "failed" if n < missing else "ok",
            "reason": "torn" if n < missing else "",
        }
        for n in range(count)
    ]
    return pa.Table.from_pylist(rows, schema=schemas.with_dim(schemas.SIGLIP, vectors.shape[1]))


@pytest.fixture
def vectors() -> np.ndarray:
    drawn = np.random.default_rng(0).normal(size=(20, 8)).astype(np.float32)
    return drawn / np.linalg.norm(drawn, axis=1, keepdims=True)


def test_whole_vectors_pass_with_and_without_rows_that_have_none(vectors: np.ndarray) -> None:
    for missing in (0, 3):
        rows = table(vectors, missing=missing)
        assert checks.unit_vectors(rows).passed
        assert checks.no_dead_dimensions(rows).passed
    assert not checks.few_rows_failed(table(vectors, missing=3), limit=0.05).passed


@pytest.mark.parametrize("bad", [0.0, 2.0, np.nan, np.inf])
def test_a_norm_that_is_not_one_is_found(vectors: np.ndarray, bad: float) -> None:
    vectors[7] *= bad
    assert not checks.unit_vectors(table(vectors)).passed


def test_a_dimension_that_never_varies_is_dead_and_is_named(vectors: np.ndarray) -> None:
    vectors[:, 5] = 0.25
    found = checks.no_dead_dimensions(table(vectors))
    assert not found.passed
    assert "1 dead [5]" in found.summary


def test_frames_that_are_all_alike_are_no_fault_of_the_network(vectors: np.ndarray) -> None:
    assert checks.no_dead_dimensions(table(np.repeat(vectors[:1], 20, axis=0))).passed


def test_too_few_rows_say_nothing_of_dimensions(vectors: np.ndarray) -> None:
    vectors[:, 5] = 0.25
    assert checks.no_dead_dimensions(table(vectors[:3])).passed


def test_no_rows_at_all_pass() -> None:
    empty = schemas.SIGLIP.empty_table()
    assert checks.unit_vectors(empty).passed
    assert checks.no_dead_dimensions(empty).passed
    assert checks.ids_match(empty, empty, "frame_id").passed


@pytest.mark.parametrize(
    ("ids", "said"), [(["a", "b"], "1 missing"), (["a", "b", "d"], "1 strange"), (["a", "a", "b"], "1 twice")]
)
def test_ids_that_differ_from_what_was_encoded_are_counted(vectors: np.ndarray, ids: list[str], said: str) -> None:
    wanted = table(vectors[:3], ids=["a", "b", "c"])
    found = checks.ids_match(table(vectors[: len(ids)], ids=ids), wanted, "frame_id")
    assert not found.passed
    assert said in found.summary


def entity(track: str, frame: str, box: list[float], mask: str | None = "x") -> dict:
    row = dict.fromkeys(schemas.ENTITIES.names, "") | {"entity_id": f"{track}-{frame}", "frame_id": frame, "mask": mask}
    row |= {"track_id": track, "box": box, "width": 100, "height": 50, "status": "ok", "pts_ns": 0}
    return row | {"score": 0.9, "presence": 0.9}


def entities(*rows: dict) -> pa.Table:
    return pa.Table.from_pylist(list(rows), schema=schemas.ENTITIES)


@pytest.mark.parametrize(
    ("row", "passes"),
    [
        (entity("t1", "f1", [0, 0, 100, 50]), True),
        (entity("t1", "f1", [0, 0, 101, 50]), False),
        (entity("t1", "f1", [5, 5, 5, 9]), False),
        (entity("t1", "f1", [-1, 0, 5, 9]), False),
        (entity("t1", "f1", [0, 0, 9, 9], mask=None), False),
    ],
)
def test_boxes_lie_in_their_frames_and_have_masks(row: dict, passes: bool) -> None:
    assert checks.boxes_lie_in_the_frame(entities(row)).passed is passes


def test_a_track_is_once_on_a_frame_and_frames_are_sampled_ones() -> None:
    frames = pa.table({"frame_id": ["f1", "f2"]})
    box = [0, 0, 9, 9]
    assert checks.frames_are_known(entities(entity("t1", "f1", box), entity("t2", "f1", box)), frames).passed
    assert not checks.frames_are_known(entities(entity("t1", "f1", box), entity("t1", "f1", box)), frames).passed
    assert not checks.frames_are_known(entities(entity("t1", "f9", box)), frames).passed

"""Words find frames: ranking, moments, models kept apart, and the table."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from numpy.typing import NDArray

from gvlm_resources import schemas
from gvlm_resources.encoders.protocol import Identity
from gvlm_resources.errors import LakeError, QuestionError
from gvlm_resources.timebase import NS_PER_S, Span
from gvlm_resources.timeline import find, frame_store
from gvlm_resources.timeline.frame_store import FrameHit, FrameStore

DIM = 4
MODEL = "m@1/float32"


class Tower:
    """Words are axes."""

    identity = Identity("m@1", "none", "float32", "cpu", "sdpa", DIM)
    scale, bias = 10.0, -5.0

    def encode_text(self, texts: Sequence[str]) -> NDArray[np.float32]:
        return np.eye(DIM, dtype=np.float32)[["north", "east", "south", "west"].index(texts[0])][None]


def embeddings(video_id: str, *vectors: tuple[float, ...] | None) -> pa.Table:
    rows = []
    for number, vector in enumerate(vectors):
        unit = None if vector is None else (np.array(vector) / np.linalg.norm(vector)).tolist()
        status = "failed" if vector is None else "ok"
        name = f"f{number * 1_000_000:012d}"
        row = {"video_id": video_id, "frame_id": name, "pts_ns": number * NS_PER_S, "vector": unit}
        rows.append(row | {"status": status, "reason": "" if vector else "cannot be decoded"})
    return pa.Table.from_pylist(rows, schema=schemas.with_dim(schemas.SIGLIP, DIM))


@pytest.fixture
def store(tmp_path: Path) -> FrameStore:
    store = FrameStore(tmp_path, DIM)
    fill(store, "a", (1, 0, 0, 0), (0.9, 0.1, 0, 0), None, (0, 1, 0, 0), (0, 0, 1, 0), (0, 0, 0, 1))
    fill(store, "b", (0, 1, 0, 0.5), (0, 0, 1, 0))
    return store


def fill(store: FrameStore, video_id: str, *vectors: tuple[float, ...] | None, model: str = MODEL) -> None:
    rows = frame_store.rows_of(embeddings(video_id, *vectors), video_id=video_id, model=model, dim=DIM)
    store.replace_video(video_id, rows)


def search(store: FrameStore, words: str, **more: object) -> list[tuple[str, int]]:
    asked = {"model": MODEL, "limit": 2} | more
    return [(hit.video_id, hit.pts_ns // NS_PER_S) for hit in find.find(words, Tower(), store, **asked)]


def test_the_frame_that_looks_most_like_the_words_comes_first(store: FrameStore) -> None:
    assert search(store, "east") == [("a", 3), ("b", 0)]
    assert search(store, "south", limit=5)[:2] == [("a", 4), ("b", 1)]


def test_frames_of_one_moment_are_one_match(store: FrameStore) -> None:
    assert search(store, "north", limit=1) == [("a", 0)]
    assert ("a", 1) not in search(store, "north", limit=10)


def test_a_video_and_a_span_narrow_the_search(store: FrameStore) -> None:
    assert search(store, "east", video_ids=["b"]) == [("b", 0)]
    late = search(store, "north", video_ids=["a"], span=Span(3 * NS_PER_S, 5 * NS_PER_S), limit=9)
    assert {at for _, at in late} <= {3, 4}


def test_a_frame_without_a_vector_is_not_there_to_find(store: FrameStore) -> None:
    assert store.row_ids("a") == {f"a/f{number * 1_000_000:012d}" for number in (0, 1, 3, 4, 5)}


def test_vectors_of_another_model_are_never_compared(store: FrameStore) -> None:
    fill(store, "c", (0, 1, 0, 0), model="m@2/float32")
    assert ("c", 0) not in search(store, "east", limit=9)
    assert search(store, "east", model="m@2/float32") == [("c", 0)]


def test_every_table_of_frames_is_known_by_its_dimensions(store: FrameStore) -> None:
    FrameStore(store.folder, 16).replace_video("a", schemas.with_dim(schemas.FRAME_INDEX, 16).empty_table())
    assert [table.kind.name for table in frame_store.tables(store.folder)] == [f"frames_{DIM}", "frames_16"]
    frame_store.tables(store.folder)[0].remove_video("a")
    assert store.row_ids("a") == set()
    assert store.row_ids("b")


def test_a_library_is_still_searched_rightly_after_compaction(store: FrameStore) -> None:
    before = search(store, "east", limit=9)
    store.compact(vector_index_from_rows=1_000)
    assert search(store, "east", limit=9) == before


def test_the_probability_is_the_sigmoid_that_the_network_learnt(store: FrameStore) -> None:
    (best,) = find.find("north", Tower(), store, model=MODEL, limit=1)
    assert best.cosine == pytest.approx(1, abs=1e-5)
    assert best.probability == pytest.approx(1 / (1 + np.exp(-5)), abs=1e-4)


@pytest.mark.parametrize("words", ["", "   ", "x" * 501])
def test_words_that_cannot_be_looked_for_are_refused(store: FrameStore, words: str) -> None:
    with pytest.raises(QuestionError, match="nothing to look for"):
        search(store, words)


def test_before_anything_is_built_the_error_says_what_to_run(tmp_path: Path) -> None:
    with pytest.raises(LakeError, match="gvlm build"):
        search(FrameStore(tmp_path, DIM), "north")


def test_moments_keep_the_better_of_two_near_frames_and_both_of_two_videos() -> None:
    hits = [
        FrameHit("a", "1", 0, 0.9),
        FrameHit("a", "2", 1, 0.8),
        FrameHit("b", "1", 1, 0.7),
        FrameHit("a", "3", 9, 0.6),
    ]
    assert [(hit.video_id, hit.frame_id) for hit in find.moments(hits, 5)] == [("a", "1"), ("b", "1"), ("a", "3")]

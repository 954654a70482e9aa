"""The stored vectors of a video: what is listed, what a token stands for, and what happens where there is none."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from gvlm_resources import schemas
from gvlm_resources.dataset.examples.example import Embedding
from gvlm_resources.dataset.examples.vectors import SIGLIP, TABLES, WAV2VEC2, Vectors
from gvlm_resources.errors import LakeError
from tests.dataset import footage


def frame_at(seconds: int) -> Embedding:
    return Embedding("<v>", SIGLIP, f"f{seconds * 1_000_000:012d}")


def test_what_has_a_vector_is_listed_in_the_order_of_time() -> None:
    tables = footage.tables()
    tables[SIGLIP] = tables[SIGLIP].take(list(range(19, -1, -1)))
    vectors = Vectors.of_tables(footage.VIDEO, tables)
    assert [frame.pts_ns for frame in vectors.frames] == [footage.ns(at) for at in range(20) if at != 5]
    assert vectors.clips[1].clip_id == "c000004000000"
    assert (vectors.windows[0].start_ns, vectors.windows[0].end_ns) == (0, footage.ns(2))
    assert vectors.regions[0].entity_id == footage.IMP.entity_id
    assert vectors.frame_dim == footage.DIM


def test_listing_reads_no_vector() -> None:
    tables, asked = footage.tables(), []

    def read(table: str, columns: list[str]) -> pa.Table:
        asked.append((table, "vector" in columns))
        return tables[table].select(list(columns))

    vectors = Vectors(footage.VIDEO, read)
    assert len(vectors.frames) == 19
    assert len(vectors.windows) == 19
    assert asked == [(SIGLIP, False), (WAV2VEC2, False)]
    vectors.vector_of(frame_at(3))
    vectors.vector_of(frame_at(4))
    assert asked[2:] == [(SIGLIP, True)]


def test_a_token_stands_for_the_stored_vector() -> None:
    found = footage.vectors().vector_of(frame_at(6))
    assert found.dtype == np.float32
    assert found.tolist() == pytest.approx(footage.unit(6))


@pytest.mark.parametrize("seconds", [5, 77], ids=["a frame that failed", "a frame that is not there"])
def test_a_token_without_a_vector_is_an_error_that_names_it(seconds: int) -> None:
    vectors = footage.vectors()
    assert not vectors.has(frame_at(seconds))
    with pytest.raises(
        LakeError, match=rf"siglip_embeddings of {footage.VIDEO} holds no vector of 'f0000{seconds:02d}"
    ):
        vectors.vector_of(frame_at(seconds))


def test_files_are_read_as_tables_are(tmp_path: Path) -> None:
    paths = {name: tmp_path / f"{name}.parquet" for name in TABLES}
    for name, table in footage.tables().items():
        pq.write_table(table, paths[name])
    stored, kept = Vectors.open(footage.VIDEO, paths), footage.vectors()
    assert (stored.frames, stored.clips, stored.windows, stored.regions) == (
        kept.frames,
        kept.clips,
        kept.windows,
        kept.regions,
    )
    assert stored.vector_of(frame_at(9)).tobytes() == kept.vector_of(frame_at(9)).tobytes()


def test_a_video_without_sound_or_regions_has_no_such_tokens() -> None:
    vectors = Vectors.of_tables(
        footage.VIDEO, {SIGLIP: footage.tables()[SIGLIP], WAV2VEC2: schemas.WAV2VEC2.empty_table()}
    )
    assert (vectors.clips, vectors.windows, vectors.regions) == ((), (), ())
    assert not vectors.has(Embedding("<a>", WAV2VEC2, "w000000000000"))


def test_a_video_without_any_frame_has_no_dimensions() -> None:
    vectors = Vectors.of_tables(footage.VIDEO, {})
    assert vectors.frame_dim is None
    assert vectors.mean_vector([]) is None


def test_the_mean_of_frames_is_of_unit_length_and_lies_between_them() -> None:
    vectors = footage.vectors()
    names = [frame_at(1).row_id, frame_at(2).row_id]
    mean = vectors.mean_vector(names)
    assert mean is not None
    total = np.array(footage.unit(1)) + np.array(footage.unit(2))
    assert mean.tolist() == pytest.approx((total / np.linalg.norm(total)).tolist(), abs=1e-6)
    assert np.linalg.norm(mean) == pytest.approx(1, abs=1e-6)


def test_vectors_that_cancel_out_have_no_mean() -> None:
    rows = footage.tables()[SIGLIP].slice(0, 2).to_pylist()
    rows[1]["vector"] = [-number for number in rows[0]["vector"]]
    table = pa.Table.from_pylist(rows, footage.tables()[SIGLIP].schema)
    assert Vectors.of_tables(footage.VIDEO, {SIGLIP: table}).mean_vector([row["frame_id"] for row in rows]) is None


def test_one_vector_under_two_names_has_one_digest() -> None:
    first, moved = footage.vectors(), footage.vectors(shift=1)
    assert first.digest_of(frame_at(7)) == moved.digest_of(frame_at(6))
    assert first.digest_of(frame_at(7)) != first.digest_of(frame_at(6))


@pytest.mark.parametrize(
    "schema", [schemas.SIGLIP, schemas.with_dim(schemas.SIGLIP, footage.DIM)], ids=["free", "fixed"]
)
def test_a_row_that_is_ok_without_a_vector_is_a_damaged_table(schema: pa.Schema) -> None:
    rows = footage.tables()[SIGLIP].to_pylist()
    rows[8]["vector"] = None
    vectors = Vectors.of_tables(footage.VIDEO, {SIGLIP: pa.Table.from_pylist(rows, schema)})
    with pytest.raises(LakeError, match="rows that are ok have no vector"):
        vectors.vector_of(frame_at(1))


def test_vectors_of_two_lengths_are_a_damaged_table() -> None:
    rows = footage.tables()[SIGLIP].to_pylist()
    rows[8]["vector"] = [1.0]
    vectors = Vectors.of_tables(footage.VIDEO, {SIGLIP: pa.Table.from_pylist(rows, schemas.SIGLIP)})
    with pytest.raises(LakeError, match=r"vectors have \[1, 4\] numbers"):
        vectors.vector_of(frame_at(1))

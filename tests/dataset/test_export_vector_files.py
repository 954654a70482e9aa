"""The vectors behind the tokens, beside the examples."""

from pathlib import Path

import pyarrow.parquet as pq
import pytest

from gvlm_resources.dataset.examples.vectors import Vectors
from gvlm_resources.dataset.export.job import Options
from gvlm_resources.dataset.export.write import VECTORS_LEFT_OUT, write
from gvlm_resources.errors import ReleaseError
from tests.dataset import tiny_release as tiny

with_tokens = pytest.mark.parametrize("name", ["hf", "webdataset"])


@with_tokens
def test_every_vector_that_an_example_names_is_there_once_and_no_other(name: str, tmp_path: Path) -> None:
    exported = write(name, tiny.release(tmp_path / "release"), tmp_path / "a", tiny.frames, vectors=tiny.vectors)
    lines = [line for lines in tiny.SPLITS.values() for line in lines]
    named = {(e["table"], line["video"], e["id"]) for line in lines for e in line["embeddings"]}
    found = []
    for file in sorted((tmp_path / "a" / "vectors").iterdir()):
        for row in pq.read_table(file).to_pylist():
            assert row["vector"] == tiny.vector(row["video_id"], file.stem, row["id"])
            found.append((file.stem, row["video_id"], row["id"]))
    assert sorted(named) == sorted(found)
    assert sum(exported.vectors.values()) == len(named)
    assert not any(VECTORS_LEFT_OUT in note for note in exported.notes)


def test_the_schema_has_one_length_and_names_the_model(tmp_path: Path) -> None:
    write("hf", tiny.release(tmp_path / "release"), tmp_path / "a", tiny.frames, vectors=tiny.vectors)
    schema = pq.read_schema(tmp_path / "a" / "vectors" / "siglip_embeddings.parquet")
    assert schema.names == ["video_id", "id", "vector"]
    assert schema.field("vector").type.list_size == 4
    assert schema.metadata[b"gvlm.model"] == b"encoder@1"


@with_tokens
def test_vectors_that_are_not_written_are_noted(name: str, tmp_path: Path) -> None:
    release = tiny.release(tmp_path / "release")
    asked = write(name, release, tmp_path / "a", tiny.frames, Options(vectors=False), tiny.vectors)
    not_given = write(name, release, tmp_path / "b", tiny.frames)
    assert f"{VECTORS_LEFT_OUT}: as was asked for" in asked.notes
    assert f"{VECTORS_LEFT_OUT}: they were not given" in not_given.notes
    assert not (tmp_path / "a" / "vectors").exists()


def test_formats_without_tokens_have_no_vectors(tmp_path: Path) -> None:
    exported = write("chat", tiny.release(tmp_path / "release"), tmp_path / "a", tiny.frames, vectors=tiny.vectors)
    assert exported.vectors == {}
    assert not any(VECTORS_LEFT_OUT in note for note in exported.notes)


def test_vectors_of_two_models_are_an_error_that_names_both(tmp_path: Path) -> None:
    def mixed(video: str) -> Vectors:
        return tiny.vectors(video, "encoder@2" if video == tiny.OTHER else "encoder@1")

    with pytest.raises(ReleaseError, match=r"encoder@1.*encoder@2.*without vectors"):
        write("hf", tiny.release(tmp_path / "release"), tmp_path / "out" / "a", tiny.frames, vectors=mixed)
    assert list((tmp_path / "out").iterdir()) == []


def test_a_vector_that_is_gone_is_an_error_that_names_it(tmp_path: Path) -> None:
    with pytest.raises(ReleaseError, match=r"holds no vector of 'f.*without vectors"):
        release = tiny.release(tmp_path / "release")
        write("hf", release, tmp_path / "a", tiny.frames, vectors=lambda video: Vectors.of_tables(video, {}))

"""The files of one video's examples: every line where the index says, the same bytes each time, and nothing invalid."""

from __future__ import annotations

import json
import weakref
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from gvlm_resources import schemas
from gvlm_resources.dataset.examples import shards
from gvlm_resources.dataset.examples.example import CURRICULA, Example, Turn
from gvlm_resources.dataset.examples.examples import Skipped, make
from gvlm_resources.dataset.examples.shards import Shard
from gvlm_resources.dataset.examples.vectors import Vectors
from gvlm_resources.dataset.pairs import Pair
from gvlm_resources.errors import LakeError
from gvlm_resources.settings import ExampleSettings
from tests.dataset import footage
from tests.dataset.footage import how_many, pair, when, where

PAIRS = (pair(), where(), when(question="Wann wird der Spieler verletzt? Über 70 Punkte – „ja“"), how_many())


def made(
    of: Iterable[Pair] = PAIRS, vectors: Vectors | None = None, curricula: tuple[str, ...] = CURRICULA
) -> list[Example | Skipped]:
    settings = ExampleSettings(clip_s=6, curricula=curricula)
    known, found = footage.facts(), vectors or footage.vectors()
    return list(make(of, known, found, footage.timeline, settings, {"qa_pairs": "a" * 64}))


def written(folder: Path, of: Iterable[Example | Skipped], vectors: Vectors | None = None) -> dict[str, Any]:
    folder.mkdir(parents=True, exist_ok=True)
    return shards.write(folder, of, vectors or footage.vectors())


def an_example(**changed: Any) -> Example:
    found = next(each for each in made(PAIRS[:1]) if isinstance(each, Example))
    return replace(found, **changed)


def test_each_line_stands_where_the_index_says(tmp_path: Path) -> None:
    written(tmp_path, made())
    content = (tmp_path / shards.LINES).read_bytes()
    with Shard(tmp_path) as shard:
        rows = shard.index().to_pylist()
        for row in rows:
            line = json.loads(shard.line(row["offset"], row["bytes"]))
            assert line == json.loads(content[row["offset"] : row["offset"] + row["bytes"]])
            assert line["id"] == row["example_id"]
            assert line["conversations"][-1]["value"] == row["answer"]
            assert line["conversations"][1]["value"].endswith("\n" + row["question"])
            assert row["embeddings"] == len(line["embeddings"])
    assert sum(row["bytes"] for row in rows) == len(content)
    assert "Über 70 Punkte – „ja“".encode() in content
    assert [row["example_id"] for row in rows] == [line["id"] for line in shards.read_lines(tmp_path / shards.LINES)]


@pytest.mark.parametrize(("offset", "change"), [(1, 0), (0, -1), (0, 1), (10**9, 0)])
def test_a_place_where_no_line_stands_is_an_error(tmp_path: Path, offset: int, change: int) -> None:
    written(tmp_path, made())
    with Shard(tmp_path) as shard:
        size = shard.index(["bytes"]).column("bytes")[0].as_py()
        with pytest.raises(LakeError, match="has no line of"):
            shard.line(offset, size + change)


def test_keys_stand_in_the_order_of_the_format_without_spaces(tmp_path: Path) -> None:
    written(tmp_path, made(PAIRS[:1]))
    line = (tmp_path / shards.LINES).read_text().split("\n")[0]
    assert line.startswith('{"id":"x')
    assert list(json.loads(line)) == [
        "id", "video", "conversations", "timestamps", "embeddings", "frames", "boxes", "box_frames", "width", "height",
        "evidence", "provenance",
    ]  # fmt: skip


def test_the_index_has_the_schema_of_the_table_with_vectors_of_one_length(tmp_path: Path) -> None:
    written(tmp_path, made())
    with Shard(tmp_path) as shard:
        index = shard.index()
        line = json.loads(shard.line(0, index.column("bytes")[0].as_py()))
    assert index.schema.names == schemas.EXAMPLES.names
    assert index.schema.field("frame_vector").type == pa.list_(pa.float32(), footage.DIM)
    assert index.schema.metadata[b"gvlm.schema_version"].decode() == schemas.VERSION
    row = index.to_pylist()[0]
    assert row["frame_vector"] == pytest.approx(footage.unit(8))
    assert (row["video_id"], row["pair_id"], row["kind"]) == (footage.VIDEO, PAIRS[0].pair_id, "state")
    assert (row["start_ns"], row["end_ns"]) == (footage.ns(8), footage.ns(9))
    assert (row["length"], row["made_by"], row["confidence"]) == ("short", "templates@1", 0.99)
    assert line["frames"] == ["f000008000000"]


def test_no_frame_no_frame_vector(tmp_path: Path) -> None:
    example = next(each for each in made(PAIRS[:1]) if isinstance(each, Example))
    blind = replace(
        example,
        conversations=(Turn("human", "Well?"), example.conversations[2]),
        embeddings=(),
        frames=(),
    )
    written(tmp_path, [blind], Vectors.of_tables(footage.VIDEO, {}))
    with Shard(tmp_path) as shard:
        index = shard.index()
    assert index.column("frame_vector").to_pylist() == [None]
    assert index.schema.field("frame_vector").type == pa.list_(pa.float32())


def test_no_example_is_a_shard_too(tmp_path: Path) -> None:
    facts = written(tmp_path, [])
    assert (tmp_path / shards.LINES).read_bytes() == b""
    with Shard(tmp_path) as shard:
        assert shard.index().num_rows == 0
    assert facts["examples"] == 0
    assert list(shards.read_lines(tmp_path / shards.LINES)) == []


def test_the_same_examples_give_the_same_bytes(tmp_path: Path) -> None:
    for name in ("one", "two"):
        written(tmp_path / name, made())
    for file in (shards.LINES, shards.INDEX):
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes()


def test_what_was_written_and_what_was_skipped_is_told(tmp_path: Path) -> None:
    facts = written(tmp_path, made())
    index = Shard(tmp_path).index()
    assert facts["examples"] == index.num_rows == sum(facts["by_curriculum"].values()) == sum(facts["by_kind"].values())
    assert facts["bytes"] == (tmp_path / shards.LINES).stat().st_size
    assert facts["embeddings"] == sum(index.column("embeddings").to_pylist())
    skipped = sum(sum(reasons.values()) for reasons in facts["skipped"].values())
    assert facts["examples"] + skipped == len(PAIRS) * len(CURRICULA)
    assert facts["skipped"]["alignment"] == {"not_its_kind": 1, "not_on_one_frame": 1}


class Told(dict):
    """A provenance that can be watched: it lives as long as its example."""


def test_many_examples_go_through_without_being_held(tmp_path: Path) -> None:
    example = an_example()
    count = 2 * shards.ROWS_PER_GROUP + 1
    alive: set[int] = set()
    most = 0

    def stream() -> Iterable[Example]:
        nonlocal most
        for number in range(count):
            told = Told(example.provenance)
            alive.add(number)
            weakref.finalize(told, alive.discard, number)
            most = max(most, len(alive))
            yield replace(example, example_id=f"x{number:016x}", provenance=told)

    assert written(tmp_path, stream())["examples"] == count
    assert Shard(tmp_path).index(["example_id"]).num_rows == count
    assert most <= 3


# ------------------------------------------------------------------------------------------------------- duplicates


def digests(folder: Path, of: Iterable[Example | Skipped], vectors: Vectors) -> list[str]:
    written(folder, of, vectors)
    return Shard(folder).index(["digest"]).column("digest").to_pylist()


def test_one_footage_under_two_names_has_one_digest(tmp_path: Path) -> None:
    other = "other-ba9876543210"
    first = footage.vectors()
    second = footage.vectors(video_id=other)
    settings = ExampleSettings(curricula=("dynamics",))
    lines = [
        make([when(video_id=name)], footage.facts(video_id=name), vectors, told, settings, {"qa_pairs": "a" * 64})
        for name, vectors, told in (
            (footage.VIDEO, first, lambda of: f'Video: "A run" ({of.video_id}), 00:20 long'),
            (other, second, lambda of: f'Video: "A run" ({of.video_id}), 00:20 long'),
        )
    ]
    # where a moment lies in its seconds depends on the pair's id, which holds the video's: compare the same seconds
    a, b = (next(iter(each)) for each in lines)
    assert isinstance(a, Example)
    assert isinstance(b, Example)
    same = replace(
        b,
        embeddings=a.embeddings,
        frames=a.frames,
        conversations=tuple(Turn(t.speaker, t.value.replace(footage.VIDEO, other)) for t in a.conversations),
    )
    assert digests(tmp_path / "a", [a], first) == digests(tmp_path / "b", [same], second)


def test_the_same_words_about_another_picture_have_another_digest(tmp_path: Path) -> None:
    first, second = footage.vectors(), footage.vectors(shift=1)
    found = [made(PAIRS[:1], vectors, ("alignment",)) for vectors in (first, second)]
    assert found[0] == found[1]
    assert digests(tmp_path / "a", found[0], first) != digests(tmp_path / "b", found[1], second)


def test_other_words_have_another_digest(tmp_path: Path) -> None:
    vectors = footage.vectors()
    ids = digests(tmp_path, made([pair(), pair(answer="70.")], vectors, ("alignment",)), vectors)
    assert len(set(ids)) == 2
    assert all(len(each) == 64 for each in ids)


# -------------------------------------------------------------------------------------------------------- refusals


@pytest.mark.parametrize(
    ("example", "said"),
    [
        (an_example(timestamps=((2.0, 1.0),)), "timestamps: "),
        (an_example(example_id="x1"), "schema: data.id"),
        (an_example(boxes=((0.0, 0.0, 1.0, 1.0),)), "boxes: "),
    ],
)
def test_a_line_that_is_not_valid_names_the_example_and_the_rule(tmp_path: Path, example: Example, said: str) -> None:
    with pytest.raises(LakeError, match=f"'{example.example_id}' is not valid: {said}"):
        written(tmp_path, [example])


def test_a_number_that_is_none_is_refused(tmp_path: Path) -> None:
    claim = {"what": "value", "start_ns": 0, "end_ns": 1, "value": float("nan")}
    wrong = an_example(provenance={**an_example().provenance, "claims": [claim]})
    with pytest.raises(LakeError, match="json: "):
        written(tmp_path, [wrong])


def test_an_id_that_comes_twice_is_refused(tmp_path: Path) -> None:
    with pytest.raises(LakeError, match="comes twice"):
        written(tmp_path, [an_example(), an_example()])


def test_a_token_without_a_stored_vector_is_refused(tmp_path: Path) -> None:
    without = Vectors.of_tables(footage.VIDEO, {name: rows for name, rows in footage.tables().items() if "mae" in name})
    with pytest.raises(LakeError, match="holds no vector of 'f000008000000'"):
        written(tmp_path, [an_example()], without)


def test_lines_that_cannot_be_read_name_the_file_and_the_line(tmp_path: Path) -> None:
    path = tmp_path / shards.LINES
    path.write_text('{"id": 1}\n{"id"')
    lines = shards.read_lines(path)
    assert next(lines) == {"id": 1}
    with pytest.raises(LakeError, match=r"line 2 of .*examples\.jsonl cannot be read"):
        next(lines)
    with pytest.raises(LakeError, match="is not there"):
        list(shards.read_lines(tmp_path / "none.jsonl"))


def test_the_number_of_tokens_is_that_of_words_and_marks() -> None:
    assert shards.count_tokens("<ts=00:08><v><a>\nHow much, then?") == 12  # 7 of the time, 5 of the question
    assert shards.count_tokens("<v><r><a>") == 0


def test_the_mean_frame_is_the_mean_of_what_is_shown(tmp_path: Path) -> None:
    vectors = footage.vectors()
    written(tmp_path, made([how_many()], vectors, ("long",)), vectors)
    (row,) = Shard(tmp_path).index().to_pylist()
    (line,) = shards.read_lines(tmp_path / shards.LINES)
    assert np.linalg.norm(row["frame_vector"]) == pytest.approx(1, abs=1e-6)
    assert row["frame_vector"] == pytest.approx(vectors.mean_vector(line["frames"]).tolist())


def test_facts_say_how_many_timelines_are_shown_and_hold_the_answer(tmp_path: Path) -> None:
    told = written(tmp_path, made())["timeline"]
    lines = list(shards.read_lines(tmp_path / shards.LINES))
    shown = [line["provenance"].get("timeline") for line in lines]
    assert told.get("shown", 0) == shown.count("shown") > 0
    assert told.get("withheld", 0) == shown.count("withheld")
    assert 0 < told["answer_in_it"] <= told["shown"]

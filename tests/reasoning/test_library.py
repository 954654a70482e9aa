"""Questions asked of a real lake: Parquet results, a LanceDB table, a catalogue. Only the text encoder is small."""

from __future__ import annotations

import hashlib
import json
import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from gvlm_resources import schemas
from gvlm_resources.errors import QuestionError
from gvlm_resources.lake.catalogue import Catalogue, VideoRecord
from gvlm_resources.lake.fingerprint import Recipe
from gvlm_resources.lake.layout import Layout
from gvlm_resources.lake.store import Lake
from gvlm_resources.reasoning import retrieve
from gvlm_resources.reasoning.extractive import ExtractiveCore
from gvlm_resources.reasoning.library import LibrarySource, Looks
from gvlm_resources.reasoning.protocol import Answer, Row, StateReading
from gvlm_resources.settings import ReasoningSettings
from gvlm_resources.timebase import NS_PER_S, Span
from gvlm_resources.timeline import rows as index_rows
from gvlm_resources.timeline.find import Match
from gvlm_resources.timeline.store import TimelineStore
from tests.reasoning.doom import JPEG, at, run_a, run_a_states, run_b


class Words:
    """A bag of words as a vector: texts with common words are near."""

    name = "words@1+test"
    dim = schemas.TEXT_VECTOR_DIM

    def encode(self, texts: Sequence[str]) -> np.ndarray:
        vectors = np.zeros((len(texts), self.dim), np.float32)
        for vector, text in zip(vectors, texts, strict=True):
            for word in text.lower().replace(".", " ").split():
                vector[zlib.crc32(word.encode()) % self.dim] += 1
        return vectors / np.maximum(1e-6, np.linalg.norm(vectors, axis=1, keepdims=True))


def renamed(name: str, video_id: str) -> str:
    return f"{video_id}/{name.split('/')[1]}"


def add(lake: Lake, folder: Path, title: str, rows: list[Row], states: list[StateReading], duration_ns: int) -> str:
    """A video with everything that questions need."""
    path = folder / f"{title}.mp4"
    path.write_bytes(title.encode())
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    video_id = f"{title}-{sha256[:12]}"
    record = VideoRecord(video_id, sha256, path.stat().st_size, ".mp4", title, "freedoom", "", path.name)
    Catalogue(lake.layout).add_video(record, path)
    for asset in ("video", "frames", "game_state"):
        recipe = Recipe(asset=asset, code_version="1", schema_version=schemas.VERSION, source=sha256)
        with lake.write(recipe, video_id) as draft:
            if asset == "video":
                draft.path("probe.json").write_text(json.dumps({"duration_ns": duration_ns, "width": 640}))
            elif asset == "frames":
                draft.table("frames.parquet", frames(video_id), schemas.FRAMES)
            else:
                draft.table("state.parquet", state_table(video_id, states), schemas.GAME_STATE)
    table = pa.Table.from_pylist(
        [
            {
                "row_id": renamed(row.row_id, video_id),
                "video_id": video_id,
                **{name: getattr(row, name) for name in index_rows.COLUMNS[2:-1]},
                "evidence": list(row.evidence),
            }
            for row in rows
        ],
        schema=index_rows.SCHEMA,
    )
    TimelineStore(lake.layout.timeline()).replace_video(video_id, index_rows.with_vectors(table, Words()))
    return video_id


def frames(video_id: str) -> pa.Table:
    row = dict.fromkeys(schemas.FRAMES.names, 0) | {
        "video_id": video_id,
        "sampled_by": "rate",
        "duplicate_of": None,
    }
    row |= dict.fromkeys(("is_keyframe", "is_scene_change", "is_black", "is_blurred"), False)
    ok = row | {"frame_id": "f000045000000", "pts_ns": at("0:45"), "image": JPEG, "status": "ok", "reason": ""}
    bad = row | {
        "frame_id": "f000046000000",
        "pts_ns": at("0:46"),
        "image": b"",
        "status": "failed",
        "reason": "damaged",
    }
    return pa.Table.from_pylist([ok, bad], schema=schemas.FRAMES)


def state_table(video_id: str, states: list[StateReading]) -> pa.Table:
    rows = [
        {
            "video_id": video_id,
            "state_id": state.row_id.split("/")[1],
            "variable": "ammo_shells" if state.variable == "ammo" else state.variable,
            "value": state.value,
            "start_ns": state.start_ns,
            "end_ns": state.end_ns,
            "confidence": state.confidence,
            "evidence": [],
            "status": "ok",
            "reason": "",
        }
        for state in states
    ]
    misread = (
        {**rows[0], "state_id": "g999", "value": 999.0, "status": "filtered", "reason": "above maximum"} if rows else {}
    )
    return pa.Table.from_pylist([*rows, *([misread] if misread else [])], schema=schemas.GAME_STATE)


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    folder = tmp_path_factory.mktemp("library")
    lake = Lake(folder / "lake")
    add(lake, folder, "run-a", run_a(), run_a_states(), at("5:00"))
    add(lake, folder, "run-b", run_b(), [], at("2:00"))
    return lake


def nothing_looks(words: str, video_ids: Sequence[str], span: Span | None, limit: int) -> list[Match]:
    return []


def source_of(lake: Lake, *titles: str, looks: Looks = nothing_looks) -> LibrarySource:
    catalogue = Catalogue(Layout(lake.root))
    ids = [video_id for video_id in catalogue.video_ids() if not titles or video_id.startswith(titles)]
    store = TimelineStore(lake.layout.timeline())
    return LibrarySource(lake=lake, catalogue=catalogue, store=store, encoder=Words(), video_ids=ids, looks=looks)


def id_of(source: LibrarySource, title: str) -> str:
    return next(video.video_id for video in source.videos() if video.title == title)


def test_the_videos_come_with_their_length_and_what_their_game_records(lake: Lake) -> None:
    first, second = source_of(lake).videos()
    assert (first.title, first.duration_ns) == ("run-a", at("5:00"))
    assert (second.title, second.duration_ns) == ("run-b", at("2:00"))
    assert {"speech", "text"} <= set(first.recorded_kinds)


def test_a_listing_is_every_row_of_the_kinds_in_order_of_time(lake: Lake) -> None:
    source = source_of(lake)
    rows = source.rows(video_id=id_of(source, "run-a"), kinds=("death",), span=None)
    assert [row.clock for row in rows] == ["00:45", "01:52", "03:10"]
    assert len(source.rows(video_id=None, kinds=("death",), span=None)) == 4
    inside = source.rows(video_id=None, kinds=(), span=Span(at("0:44"), at("0:47")))
    assert {row.kind for row in inside} == {"damage", "death"}


def test_a_search_finds_by_meaning_and_by_words_and_keeps_the_cosine(lake: Lake) -> None:
    source = source_of(lake)
    hit = source.search("lava pool", video_id=None, span=None, kinds=(), k=3)[0]
    assert "lava pool" in hit.text
    assert 0 < hit.similarity <= 1
    assert source.search("lava pool", video_id=None, span=None, kinds=("death",), k=3)[0].kind == "death"
    early = source.search("lava pool", video_id=None, span=Span(0, 30 * NS_PER_S), kinds=(), k=10)
    assert all(row.start_ns < 30 * NS_PER_S for row in early)


def test_only_readings_that_stand_are_states_and_a_variable_is_found_by_its_first_word(lake: Lake) -> None:
    source = source_of(lake)
    video_id = id_of(source, "run-a")
    health = source.states(video_id=video_id, variables=("health",), span=Span(at("0:40"), at("0:42")))
    assert [(state.value, state.start_ns) for state in health] == [(47, at("0:38")), (23, at("0:41"))]
    assert {state.variable for state in source.states(video_id=video_id, variables=("ammo",), span=None)} == {
        "ammo_shells"
    }
    assert all(state.value != 999 for state in source.states(video_id=video_id, variables=(), span=None))
    assert source.states(video_id=video_id, variables=("armor",), span=None) == ()


def test_a_frame_is_its_jpeg_and_a_failed_one_is_none(lake: Lake) -> None:
    source = source_of(lake)
    video_id = id_of(source, "run-a")
    assert source.frame(video_id, "f000045000000") == JPEG
    assert source.frame(video_id, "f000046000000") is None
    assert source.frame(video_id, "f999999999999") is None


def test_a_video_outside_the_scope_is_neither_searched_nor_found(lake: Lake) -> None:
    source = source_of(lake, "run-b")
    assert {row.video_id for row in source.rows(video_id=None, kinds=(), span=None)} == {id_of(source, "run-b")}
    assert {row.video_id for row in source.search("shotgun", video_id=None, span=None, kinds=(), k=5)} == {
        id_of(source, "run-b")
    }
    outside = id_of(source_of(lake), "run-a")
    for ask in (
        lambda: source.rows(video_id=outside, kinds=(), span=None),
        lambda: source.states(video_id="../../etc", variables=(), span=None),
        lambda: source.frame("../../etc", "f1"),
    ):
        with pytest.raises(QuestionError, match="no timeline"):
            ask()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("how many times did I die?", "4 deaths in 2 of 2 videos."),
        ("what was said about lava?", "i think there is a lava pool behind that door"),
        ("why did I die at 0:45?", "killed by an imp"),
        ("did I find a keycard", "blue keycard"),
    ],
)
def test_questions_are_answered_from_the_lake(lake: Lake, text: str, said: str) -> None:
    given = retrieve.answer(text, source=source_of(lake), core=ExtractiveCore(), settings=ReasoningSettings())
    assert said in given.text
    assert given.supported


def test_a_value_of_the_hud_is_answered_from_the_game_state(lake: Lake) -> None:
    source = source_of(lake)
    video_id = id_of(source, "run-a")
    given = retrieve.answer(
        "how many shells did I have at 1:00?",
        source=source,
        core=ExtractiveCore(),
        settings=ReasoningSettings(),
        video_id=video_id,
    )
    assert given.text == "At 01:00 your ammo shells was 48, as the HUD showed from [00:36] on."
    assert given.citations[0].row_id == f"{video_id}/g000036000000-ammo"


def asked(source: LibrarySource, text: str) -> Answer:
    return retrieve.answer(text, source=source, core=ExtractiveCore(), settings=ReasoningSettings())


def test_a_question_of_what_was_seen_is_answered_with_frames_that_look_like_it(lake: Lake) -> None:
    calls = []

    def looks(words: str, video_ids: Sequence[str], span: Span | None, limit: int) -> list[Match]:
        calls.append((words, list(video_ids), span))
        sure, unsure = (Match(video_ids[0], name, at, 0.2, p) for name, at, p in (("f1", 5, 0.9), ("f2", 9, 0.4)))
        return [sure, unsure]

    source = source_of(lake, looks=looks)
    given = asked(source, "where do I see a crimson gate?")
    assert "A frame that looks like ‘crimson gate’ (probability 0.90)." in given.text
    assert "0.40" not in given.text
    assert given.supported
    assert given.confidence == pytest.approx(0.9)
    assert [citation.row_id.split("/")[1] for citation in given.citations] == ["f1"]
    assert calls[0][0] == "crimson gate"
    assert any(lookup.method == "looks_like" and lookup.found == 1 for lookup in given.trace)


def test_what_the_timeline_speaks_of_is_not_looked_for_in_the_frames(lake: Lake) -> None:
    def looks(*_: object) -> list[Match]:
        raise AssertionError("the frames were searched")

    assert asked(source_of(lake, looks=looks), "how many times did I die?").supported


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("Where do I see a zombie?", "zombie"),
        ("show me the blue door", "blue door"),
        ("When is an explosive barrel visible?", "explosive barrel"),
        ("where is it", "where is it"),
    ],
)
def test_the_words_to_look_for_are_those_of_the_question(text: str, wanted: str) -> None:
    assert retrieve.sight_words(text) == wanted

from __future__ import annotations

import pyarrow as pa
import pytest

from gvlm_resources import schemas
from gvlm_resources.timebase import moment_id
from gvlm_resources.timeline import rows as index_rows
from tests.timeline.index_fakes import S, WordEncoder

VIDEO = "run-0123456789ab"


def event(kind: str, at_s: float, text: str, *evidence: str, sources: tuple[str, ...] = ("ocr",)) -> dict:
    start_ns = int(at_s * S)
    return {
        "video_id": VIDEO,
        "event_id": f"{moment_id('e', start_ns)}-{kind}",
        "kind": kind,
        "start_ns": start_ns,
        "end_ns": start_ns + S // 10,
        "text": text,
        "subject": "imp",
        "value": -12.0,
        "ordinal": 1,
        "confidence": 0.75,
        "sources": list(sources),
        "evidence": list(evidence),
    }


def read(name: str, at_s: float, text: str, *, category: str = "text", status: str = "ok") -> dict:
    return {
        "video_id": VIDEO,
        "ocr_id": name,
        "region": "frame" if category == "text" else "hud",
        "category": category,
        "text": text,
        "start_ns": int(at_s * S),
        "end_ns": int(at_s * S) + S,
        "confidence": 0.5,
        "box": [0.0, 0.0, 10.0, 10.0],
        "width": 640,
        "height": 480,
        "readings": 1,
        "status": status,
        "reason": "" if status == "ok" else "not sure",
    }


def said(name: str, at_s: float, text: str, *, status: str = "ok") -> dict:
    span = {"start_ns": int(at_s * S), "end_ns": int(at_s * S) + 2 * S}
    rest = {"confidence": 0.25, "language": "en", "words": [], "status": status, "reason": ""}
    return {"video_id": VIDEO, "speech_id": name, **span, "text": text, **rest}


def frame(at_s: float, *, scene: bool = False, status: str = "ok") -> dict:
    pts_ns = int(at_s * S)
    marks = {"is_scene_change": scene, "status": status}
    return {"video_id": VIDEO, "frame_id": moment_id("f", pts_ns), "pts_ns": pts_ns, **marks}


def made(
    *,
    events: tuple[dict, ...] = (),
    ocr: tuple[dict, ...] = (),
    speech: tuple[dict, ...] = (),
    frames: tuple[dict, ...] = (frame(0),),
) -> list[dict]:
    columns = [schemas.FRAMES.field(name) for name in ("video_id", "frame_id", "pts_ns", "is_scene_change", "status")]
    table = index_rows.make(
        video_id=VIDEO,
        events=pa.Table.from_pylist(list(events), schema=schemas.TIMELINE_EVENTS),
        ocr=pa.Table.from_pylist(list(ocr), schema=schemas.OCR_TEXT),
        speech=pa.Table.from_pylist(list(speech), schema=schemas.SPEECH),
        frames=pa.Table.from_pylist(list(frames), schema=pa.schema(columns)),
    )
    assert table.schema.equals(index_rows.SCHEMA)
    return table.to_pylist()


def texts(rows: list[dict]) -> list[str]:
    return [row["text"] for row in rows]


def test_an_event_keeps_all_that_is_known_of_it() -> None:
    (row,) = made(events=(event("damage", 1, "Took 12 damage (health 88 to 76).", "g1", "g2", sources=("state",)),))
    assert row == {
        "row_id": f"{VIDEO}/e000001000000-damage",
        "video_id": VIDEO,
        "source": "event",
        "kind": "damage",
        "start_ns": S,
        "end_ns": S + S // 10,
        "text": "Took 12 damage (health 88 to 76).",
        "subject": "imp",
        "value": -12.0,
        "confidence": 0.75,
        "frame_id": "f000000000000",
        "evidence": ["g1", "g2"],
    }


def test_rows_stand_in_the_order_of_time() -> None:
    rows = made(
        events=(event("death", 9, "Died."), event("damage", 3, "Took 3 damage.")),
        ocr=(read("o1", 5, "EXIT"),),
        speech=(said("s1", 1, "hello"),),
        frames=(frame(7, scene=True),),
    )
    assert [row["source"] for row in rows] == ["speech", "event", "text", "scene", "event"]
    assert [row["kind"] for row in rows] == ["speech", "damage", "text", "scene_change", "death"]


def test_what_repeats_is_never_dropped() -> None:
    rows = made(
        events=tuple(event("death", at, "Died.") for at in (1, 2, 3)),
        ocr=tuple(read(f"o{at}", at, "YOU DIED") for at in (1, 2, 3)),
        speech=tuple(said(f"s{at}", at, "oh no") for at in (1, 2, 3)),
    )
    assert sorted(texts(rows)) == ["Died."] * 3 + ["YOU DIED"] * 3 + ["oh no"] * 3


def test_a_message_that_an_event_was_made_from_is_told_once() -> None:
    message = read("o1", 1, "Picked up a medikit!", category="message")
    assert texts(made(ocr=(message,))) == ["Picked up a medikit!"]
    told = made(ocr=(message,), events=(event("pickup", 1, "Picked up medikit (health 50 to 75).", "o1"),))
    assert texts(told) == ["Picked up medikit (health 50 to 75)."]


def test_words_of_the_screen_that_an_event_does_not_repeat_can_still_be_found_with_it() -> None:
    message = read("o1", 1, 'Player was "gibbed" by an imp', category="message")
    (row,) = made(ocr=(message,), events=(event("death", 1, "Died.", "g1", "o1"),))
    assert row["text"] == "Died. On screen: \"Player was 'gibbed' by an imp\""
    assert row["evidence"] == ["g1", "o1"]


def test_a_misread_letter_does_not_make_it_other_words() -> None:
    readings = (read("o1", 1, "You got the sh0tgun!"), read("o2", 2, "You got the shotgun!"))
    (row,) = made(ocr=readings, events=(event("message", 1, "The game says: You got the shotgun!", "o1", "o2"),))
    assert row["text"] == "The game says: You got the shotgun!"


def test_an_utterance_is_told_by_itself_and_not_by_the_event_that_repeats_it() -> None:
    (row,) = made(
        speech=(said("s1", 4, "behind you"),),
        events=(event("speech", 4, "Somebody says: behind you", "s1", sources=("speech",)),),
    )
    assert (row["source"], row["text"], row["row_id"]) == ("speech", "behind you", f"{VIDEO}/s1")


def test_an_utterance_stays_where_an_event_of_another_kind_rests_on_it() -> None:
    rows = made(speech=(said("s1", 4, "I died again"),), events=(event("death", 4, "Died.", "s1", "g1"),))
    assert texts(rows) == ["Died.", "I died again"]


def test_a_scene_change_is_told_once_and_a_black_screen_at_the_same_frame_beside_it() -> None:
    name = frame(5)["frame_id"]
    rows = made(
        frames=(frame(4), frame(5, scene=True)),
        events=(event("scene_change", 5, "The scene changes.", name), event("black_screen", 5, "Black.", name)),
    )
    assert [row["kind"] for row in rows] == ["black_screen", "scene_change"]
    assert [row["row_id"] for row in rows] == [f"{VIDEO}/e000005000000-black_screen", f"{VIDEO}/{name}"]


def test_an_event_whose_observation_has_no_row_keeps_its_own() -> None:
    rows = made(events=(event("speech", 4, "Somebody says: behind you", "s-gone", sources=("speech",)),))
    assert texts(rows) == ["Somebody says: behind you"]


def test_numbers_blank_texts_and_rows_that_are_not_ok_are_left_out() -> None:
    rows = made(
        ocr=(read("o1", 1, "88", category="number"), read("o2", 1, " \t"), read("o3", 1, "maybe", status="filtered")),
        speech=(said("s1", 1, " "), said("s2", 2, "hm", status="failed")),
        frames=(frame(3, scene=True, status="failed"),),
    )
    assert rows == []


def test_the_frame_shown_for_a_row_is_the_nearest_that_has_an_image() -> None:
    events = tuple(event("damage", at, "Took 3 damage.") for at in (0, 1.4, 1.5, 1.6, 4.4, 99))
    rows = made(events=events, frames=(frame(3), frame(1), frame(2), frame(5, status="failed")))
    assert [row["frame_id"] for row in rows] == [moment_id("f", at * S) for at in (1, 1, 1, 2, 3, 3)]
    assert made(events=events[:1], frames=())[0]["frame_id"] == ""


def test_two_rows_of_one_id_are_an_error() -> None:
    with pytest.raises(ValueError, match="two rows are called"):
        made(ocr=(read("o1", 1, "EXIT"), read("o1", 2, "EXIT")))


def test_vectors_are_those_of_the_texts_and_carry_the_encoders_name() -> None:
    bare = pa.Table.from_pylist(
        made(events=(event("death", 2, "Died."), event("damage", 1, "Took 3 damage."))), schema=index_rows.SCHEMA
    )
    table = index_rows.with_vectors(bare, WordEncoder())
    assert table.schema.equals(schemas.TIMELINE_INDEX, check_metadata=True)
    assert table["vector"].to_pylist() == WordEncoder().encode(["Took 3 damage.", "Died."]).tolist()
    assert set(table["model"].to_pylist()) == {WordEncoder.name}
    assert index_rows.with_vectors(bare.slice(0, 0), WordEncoder()).num_rows == 0


@pytest.mark.parametrize(
    "change", [{"row_id": "other/e1"}, {"source": "rumour"}, {"end_ns": S}, {"start_ns": -1}], ids=str
)
def test_a_row_that_cannot_be_is_refused(change: dict) -> None:
    (row,) = made(events=(event("death", 1, "Died."),))
    with pytest.raises(ValueError, match="row"):
        index_rows.TimelineRow(**{**row, "evidence": ()} | change)

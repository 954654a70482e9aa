from __future__ import annotations

import json

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gvlm_resources import schemas
from gvlm_resources.game import Game
from gvlm_resources.timeline import events, state
from tests.timeline.hud_rows import FRAME_NS, GAME, at, frames, line, number, ocr, reading, speech

TEXTS = (
    "PICKED UP A MEDIKIT.",
    "YOU GOT THE SHOTGUN!",
    "Player was killed by a zombie.",
    "Picked up a red key.",
    "hello",
)
NO_SPEECH, NO_FRAMES = schemas.SPEECH.empty_table(), schemas.FRAMES.empty_table()
NO_SOUNDS, NO_ENTITIES = schemas.SOUNDS.empty_table(), schemas.ENTITIES.empty_table()
FRAME_S = FRAME_NS / 1e9


def timeline(
    *rows: dict,
    said: pa.Table = NO_SPEECH,
    seen: pa.Table = NO_FRAMES,
    heard: pa.Table = NO_SOUNDS,
    tracked: pa.Table = NO_ENTITIES,
    end_s: float = 60,
    game: Game = GAME,
) -> list[dict]:
    read = ocr(*rows)
    table = events.merge(
        video_id="v-1",
        end_ns=at(end_s),
        game=game,
        state=state.series(read, game, video_id="v-1"),
        ocr=read,
        speech=said,
        frames=seen,
        sounds=heard,
        entities=tracked,
    )
    assert table.schema.equals(schemas.TIMELINE_EVENTS, check_metadata=True)
    return table.to_pylist()


def of(kind: str, found: list[dict]) -> list[dict]:
    return [event for event in found if event["kind"] == kind]


def kinds(found: list[dict]) -> list[str]:
    return [event["kind"] for event in found]


# --- numbers -----------------------------------------------------------------------------------------------------


def test_losing_health_is_damage_with_the_amount_and_a_sentence() -> None:
    (event,) = timeline(*number("health", (0, "88"), (5, "76")))
    assert (event["kind"], event["value"], event["start_ns"]) == ("damage", -12, at(5))
    assert event["text"] == "Took 12 damage (health 88 to 76)."
    assert event["sources"] == ["state"]
    assert event["evidence"] == ["g000000000000-health", "g000005000000-health"]


def test_each_hit_is_its_own_event_even_a_frame_after_the_last() -> None:
    found = timeline(*number("health", (0, "88"), (5, "80"), (5 + FRAME_S, "70"), (5 + 2 * FRAME_S, "60")))
    assert [event["value"] for event in of("damage", found)] == [-8, -10, -10]


def test_armor_that_takes_part_of_a_hit_is_no_second_hit() -> None:
    rows = [*number("health", (0, "90"), (5, "80")), *number("armor", (0, "50"), (5, "45"))]
    (event,) = timeline(*rows)
    assert event["kind"] == "damage"
    assert event["value"] == -10
    assert len(event["evidence"]) == 4


def test_armor_read_a_frame_before_health_still_belongs_to_one_hit_and_health_speaks() -> None:
    rows = [*number("health", (0, "90"), (5 + FRAME_S, "80")), *number("armor", (0, "50"), (5, "45"))]
    (event,) = timeline(*rows)
    assert event["value"] == -10


def test_ammunition_that_goes_down_is_a_shot_each_time() -> None:
    found = timeline(*number("bullets", (0, "50"), (1, "49"), (1.1, "48")))
    assert [event["subject"] for event in found] == ["pistol", "pistol"]
    assert kinds(found) == ["shot", "shot"]


def test_the_first_value_and_a_value_after_a_long_gap_are_no_events() -> None:
    assert timeline(reading("health", "90", 1, 3), reading("health", "40", 30, 33)) == []


# --- lives -------------------------------------------------------------------------------------------------------


def three_deaths() -> list[dict]:
    return number("health", (0, "30"), (5, "0"), (8, "100"), (15, "0"), (18, "100"), (25, "0"), (28, "100"))


def test_three_deaths_are_three_events_numbered_in_order() -> None:
    found = timeline(*three_deaths())
    assert [event["ordinal"] for event in of("death", found)] == [1, 2, 3]
    assert [event["ordinal"] for event in of("respawn", found)] == [1, 2, 3]
    assert len(of("damage", found)) == 3


def test_a_message_names_the_killer_of_the_death_it_belongs_to() -> None:
    rows = [*three_deaths(), line("Player was killed by a zombie.", 15.1, 18)]
    deaths = of("death", timeline(*rows))
    assert [event["subject"] for event in deaths] == ["", "zombie", ""]
    assert deaths[1]["text"] == "Died, killed by zombie (health 100 to 0)."
    assert deaths[1]["sources"] == ["state", "ocr"]
    assert deaths[1]["confidence"] > deaths[0]["confidence"]


def test_a_death_told_while_the_own_health_stands_is_somebody_elses() -> None:
    rows = [*number("health", (0, "80")), line("Player2 was killed by a zombie.", 15, 18)]
    found = timeline(*rows)
    assert kinds(found) == ["message"]


def test_what_a_revival_sets_anew_is_neither_pickup_nor_shot_nor_heal() -> None:
    rows = [
        *number("health", (0, "30"), (5, "0"), (8, "100")),
        *number("armor", (0, "80"), (8, "0")),
        *number("bullets", (0, "120"), (8, "50")),
        *number("shells", (0, "3"), (8 + FRAME_S, "8")),
    ]
    assert kinds(timeline(*rows)) == ["damage", "death", "respawn"]


def test_a_pickup_soon_after_a_revival_counts() -> None:
    rows = [
        *number("health", (0, "30"), (5, "0"), (8, "100")),
        *number("bullets", (0, "120"), (8, "50"), (8.3, "70")),
    ]
    assert len(of("pickup", timeline(*rows))) == 1


# --- pickups -----------------------------------------------------------------------------------------------------


def test_a_message_and_the_number_that_rises_with_it_are_one_pickup_with_both_evidences() -> None:
    rows = [*number("health", (0, "50"), (5, "75")), line("PICKED UP A MEDIKIT.", 5.1, 8, ocr_id="m")]
    (event,) = of("pickup", timeline(*rows))
    assert (event["subject"], event["value"], event["start_ns"]) == ("medikit", 25, at(5))
    assert event["text"] == "Picked up medikit (health 50 to 75)."
    assert event["sources"] == ["state", "ocr"]
    assert event["evidence"] == ["g000000000000-health", "g000005000000-health", "m"]


def test_the_health_gained_by_a_pickup_is_told_as_well() -> None:
    rows = [*number("health", (0, "50"), (5, "75")), line("PICKED UP A MEDIKIT.", 5, 8)]
    (event,) = of("heal", timeline(*rows))
    assert event["text"] == "Gained 25 health (health 50 to 75)."


def test_a_number_that_rises_without_a_readable_message_is_a_pickup_still() -> None:
    (event,) = of("pickup", timeline(*number("shells", (0, "4"), (5, "8"))))
    assert (event["subject"], event["value"]) == ("shells", 4)


def test_the_same_message_twice_in_a_row_with_two_steps_is_two_pickups() -> None:
    rows = [
        *number("health", (0, "50"), (5, "51"), (5 + FRAME_S, "52")),
        line("PICKED UP A HEALTH BONUS.", 5, 8),
        line("PICKED UP A HEALTH BONUS.", 5 + FRAME_S, 8, row=1),
    ]
    pickups = of("pickup", timeline(*rows))
    assert [event["ordinal"] for event in pickups] == [1, 2]
    assert {event["subject"] for event in pickups} == {"health bonus"}


def test_a_fifth_equal_line_changes_nothing_on_the_screen_but_its_number_counts() -> None:
    text = "PICKED UP AN ARMOR BONUS."
    rows = [
        *number("armor", (0, "0"), (5, "1"), (5.2, "2"), (5.3, "3"), (5.4, "4"), (7.5, "5")),
        *(line(text, 5 + 0.1 * row, 8, row=row) for row in range(3)),
        line(text, 5.4, 10.5, row=3),
    ]
    assert len(of("pickup", timeline(*rows))) == 5


def test_a_line_read_anew_without_a_step_of_its_number_is_no_second_pickup() -> None:
    rows = [
        *number("health", (0, "50"), (5, "51")),
        line("PICKED UP A HEALTH BONUS.", 5, 6),
        line("PICKED UP A HEALTH BONUS.", 6.9, 8),
    ]
    assert len(of("pickup", timeline(*rows))) == 1


def test_a_thing_that_can_raise_nothing_any_more_counts_by_its_message() -> None:
    rows = [*number("health", (0, "200")), line("PICKED UP A HEALTH BONUS.", 5, 8)]
    assert len(of("pickup", timeline(*rows))) == 1


def test_things_that_raise_no_number_count_by_their_message() -> None:
    rows = [
        *number("health", (0, "80")),
        line("Picked up a red key.", 5, 8),
        line("Picked up a blue key.", 6, 9, row=1),
        line("You got the shotgun!", 7, 10, row=2),
    ]
    found = of("pickup", timeline(*rows))
    assert [event["subject"] for event in found] == ["red key", "blue key", "shotgun"]
    assert [event["value"] for event in found] == [None, None, None]


def test_two_things_in_one_frame_that_raise_one_number_are_two_pickups() -> None:
    rows = [
        *number("health", (0, "50"), (5, "76")),
        line("PICKED UP A HEALTH BONUS.", 5, 8),
        line("PICKED UP A MEDIKIT.", 5, 8, row=1),
    ]
    assert sorted(event["subject"] for event in of("pickup", timeline(*rows))) == ["health bonus", "medikit"]


def test_one_thing_that_raises_several_numbers_is_one_pickup() -> None:
    rows = [
        *number("bullets", (0, "50"), (5, "60")),
        *number("shells", (0, "4"), (5, "8")),
        line("Picked up a backpack full of ammo!", 5, 8),
    ]
    (event,) = of("pickup", timeline(*rows))
    assert event["text"] == "Picked up backpack (bullets 50 to 60, shells 4 to 8)."


def test_two_numbers_that_rise_three_frames_apart_without_a_message_are_two_pickups() -> None:
    rows = [
        *number("health", (0, "98"), (5 + 3 * FRAME_S, "99")),
        *number("bullets", (0, "69"), (5, "74")),
        *number("shells", (0, "4"), (9, "8")),
        *number("armor", (0, "4"), (9 + FRAME_S, "8")),
    ]
    assert len(of("pickup", timeline(*rows))) == 3


def test_two_things_at_one_moment_that_raise_different_numbers_are_two_pickups() -> None:
    rows = [
        *number("health", (0, "50"), (5, "75")),
        *number("armor", (0, "50"), (5, "51")),
        line("PICKED UP A MEDIKIT.", 5, 8),
        line("PICKED UP AN ARMOR BONUS.", 5, 8, row=1),
    ]
    assert sorted(event["subject"] for event in of("pickup", timeline(*rows))) == ["armor bonus", "medikit"]


# --- weapons -----------------------------------------------------------------------------------------------------


def test_a_repeating_number_that_steps_with_its_source_makes_no_event_of_its_own() -> None:
    rows = [*number("bullets", (0, "50"), (5, "49")), *number("ammo", (0, "50"), (5, "49"))]
    assert kinds(timeline(*rows)) == ["shot"]


def test_a_repeating_number_that_begins_to_repeat_another_one_is_a_change_of_weapon() -> None:
    rows = [
        *number("bullets", (0, "50")),
        *number("shells", (0, "8")),
        *number("ammo", (0, "50"), (5, "8")),
    ]
    (event,) = timeline(*rows)
    assert (event["kind"], event["subject"]) == ("weapon_change", "shotgun")
    assert event["text"] == "Changed weapon to the shotgun."


def test_a_repeating_number_that_nothing_explains_is_left_alone() -> None:
    rows = [*number("bullets", (0, "50")), *number("shells", (0, "8")), *number("ammo", (0, "50"), (5, "6"))]
    assert timeline(*rows) == []


# --- the rest ----------------------------------------------------------------------------------------------------


def test_speech_that_was_understood_is_an_event_and_what_was_filtered_is_none() -> None:
    (event,) = timeline(said=speech(("watch out", 3, 4, "ok"), ("of", 7, 8, "filtered")))
    assert (event["kind"], event["text"]) == ("speech", "Somebody says: watch out")
    assert (event["start_ns"], event["end_ns"]) == (at(3), at(4))
    assert event["evidence"] == ["s000003000000"]


def test_scene_changes_are_events_and_a_stretch_of_black_is_one() -> None:
    found = timeline(seen=frames((0, ""), (1, "s"), (2, "b"), (3, "b"), (4, ""), (5, "b")))
    assert [(event["kind"], event["start_ns"], event["end_ns"]) for event in found] == [
        ("scene_change", at(1), at(1.1)),
        ("black_screen", at(2), at(4)),
        ("black_screen", at(5), at(5.1)),
    ]
    assert found[1]["evidence"] == ["f000002000000", "f000003000000"]


def test_an_unknown_message_is_told_word_for_word() -> None:
    (event,) = timeline(line("Welcome to the arena", 5, 8))
    assert (event["kind"], event["text"]) == ("message", "The game says: Welcome to the arena")


def test_a_message_of_the_middle_of_the_screen_is_known_where_it_stands() -> None:
    (event,) = timeline(reading("frame", "A SECRET IS REVEALED", 5, 8, category="text"))
    assert (event["kind"], event["start_ns"]) == ("secret", at(5))


def test_other_texts_of_the_picture_are_no_events() -> None:
    assert timeline(reading("frame", "PICKED UP A MEDIKIT", 5, 8, category="text")) == []


def test_a_message_of_another_kind_is_an_event_of_that_kind() -> None:
    (event,) = timeline(line("A secret is revealed!", 5, 8))
    assert (event["kind"], event["text"]) == ("secret", "Found a secret.")


def test_events_are_in_order_with_ids_used_once_and_ordinals_by_kind() -> None:
    rows = [
        *number("health", (0, "50"), (5, "49"), (9, "48")),
        *number("bullets", (0, "50"), (5, "49"), (7, "48")),
        line("Welcome", 5, 8),
        line("to the arena", 5, 8, row=1),
    ]
    found = timeline(*rows)
    assert [(event["start_ns"], event["kind"]) for event in found] == sorted(
        (event["start_ns"], event["kind"]) for event in found
    )
    assert len({event["event_id"] for event in found}) == len(found)
    assert [event["event_id"] for event in of("message", found)] == [
        "e000005000000-message",
        "e000005000000-message-2",
    ]
    assert [event["ordinal"] for event in of("shot", found)] == [1, 2]


def test_every_event_lies_inside_the_video_and_cites_something() -> None:
    rows = [*three_deaths(), line("Picked up a red key.", 29, 32)]
    found = timeline(*rows, seen=frames((29.99, "s"), (30, "s")), end_s=30)
    assert all(0 <= event["start_ns"] < event["end_ns"] <= at(30) for event in found)
    assert all(event["evidence"] for event in found)
    assert len(of("scene_change", found)) == 1


def test_agreeing_evidence_is_surer_than_either_alone() -> None:
    assert events.together([0.9, 0.5]) == pytest.approx(0.95)
    assert events.together([0.9]) == pytest.approx(0.9)


def test_a_video_without_hud_speech_or_marks_has_no_events() -> None:
    assert timeline() == []


def test_a_game_of_another_kind_needs_rules_and_no_code() -> None:
    football = Game.model_validate(
        {
            "name": "football",
            "title": "Football",
            "hud": [{"name": "home", "box": [0, 0, 0.1, 0.1], "kind": "number"}],
            "variables": [{"name": "home_goals", "region": "home", "maximum": 99, "on_increase": "goal"}],
            "sentences": {"goal": ["Goal for the home side ({changes})!"]},
        }
    )
    found = timeline(*number("home", (0, "0"), (600, "1"), (1500, "2"), end_s=2700), game=football, end_s=2700)
    assert [(event["kind"], event["ordinal"]) for event in found] == [("goal", 1), ("goal", 2)]
    assert found[1]["text"] == "Goal for the home side (home goals 1 to 2)!"


def test_a_kind_without_a_sentence_still_gets_one() -> None:
    game = GAME.model_copy(update={"variables": (GAME.variables[0].model_copy(update={"on_decrease": "shield_lost"}),)})
    (event,) = timeline(*number("health", (0, "88"), (5, "76")), game=game)
    assert event["text"] == "Shield lost: health (health 88 to 76)."


def test_a_doubtful_flash_of_a_number_makes_no_event() -> None:
    rows = [
        *number("bullets", (0, "8"), end_s=5),
        reading("bullets", "80", 5, 5.5, confidence=0.6),
        reading("bullets", "8", 5.5, 9),
    ]
    assert timeline(*rows) == []


SERIES = st.lists(st.tuples(st.integers(1, 60), st.integers(0, 200)), min_size=1, max_size=12)
LINES = st.lists(st.tuples(st.integers(0, 250), st.integers(1, 40), st.sampled_from(TEXTS)), max_size=10)


@settings(max_examples=60, deadline=None)
@given(SERIES, SERIES, LINES)
def test_whatever_is_read_events_are_in_order_counted_and_cite_rows_that_exist(
    health: list[tuple[int, int]], shells: list[tuple[int, int]], lines: list[tuple[int, int, str]]
) -> None:
    rows = []
    for region, steps in (("health", health), ("shells", shells)):
        at_s = 0.0
        for length, value in steps:
            rows.append(reading(region, str(value), at_s, at_s + length / 10))
            at_s += length / 10
    rows += [line(text, start / 10, (start + length) / 10) for start, length, text in lines]
    read = ocr(*rows)
    held = state.series(read, GAME, video_id="v-1")
    table = events.merge(
        video_id="v-1",
        end_ns=at(30),
        game=GAME,
        state=held,
        ocr=read,
        speech=NO_SPEECH,
        frames=NO_FRAMES,
        sounds=NO_SOUNDS,
        entities=NO_ENTITIES,
    )
    found = table.to_pylist()
    known = {*held["state_id"].to_pylist(), *read["ocr_id"].to_pylist()}
    assert [event["start_ns"] for event in found] == sorted(event["start_ns"] for event in found)
    assert all(0 <= event["start_ns"] < event["end_ns"] <= at(30) for event in found)
    assert all(event["evidence"] and set(event["evidence"]) <= known for event in found)
    assert all(0 <= event["confidence"] <= 1 and event["text"] for event in found)
    for kind in set(kinds(found)):
        assert [event["ordinal"] for event in of(kind, found)] == list(range(1, len(of(kind, found)) + 1))


def test_the_result_is_the_same_whatever_order_the_rows_come_in() -> None:
    rows = [
        *three_deaths(),
        *number("armor", (0, "1"), (4, "2"), (5, "1")),
        line("PICKED UP AN ARMOR BONUS.", 4, 7),
        line("Player was killed by a zombie.", 15.1, 18),
    ]
    numbered = [{**row, "ocr_id": f"o{i}"} for i, row in enumerate(rows)]
    assert json.dumps(timeline(*numbered)) == json.dumps(timeline(*numbered[::-1]))


def sound(at_s: float, label: str, score: float | None, text: str = "", status: str = "ok") -> dict:
    row = {"video_id": "v-1", "sound_id": f"a{round(at_s * 1e6):012d}-1", "label": label, "score": score, "text": text}
    return row | {"start_ns": at(at_s), "end_ns": at(at_s + 0.5), "status": status, "reason": ""}


def sight(at_s: float, track: str, concept: str, score: float) -> dict:
    name = f"n{round(at_s * 1e6):012d}-{track[1:]}"
    row = dict.fromkeys(schemas.ENTITIES.names) | {"video_id": "v-1", "entity_id": name, "frame_id": "f", "mask": "x"}
    row |= {"track_id": track, "concept": concept, "score": score, "presence": 1.0, "pts_ns": at(at_s)}
    return row | {"box": [0, 0, 2, 2], "width": 9, "height": 9, "found_by": "detector", "status": "ok", "reason": ""}


def test_a_sound_is_an_event_and_two_of_a_label_are_two() -> None:
    heard = pa.Table.from_pylist(
        [
            sound(1, "gunshot", 0.9),
            sound(2, "gunshot", 0.7),
            sound(3, "", None, "A door creaks."),
            sound(4, "x", 0.1, status="filtered"),
        ],
        schema=schemas.SOUNDS,
    )
    found = of("sound", timeline(heard=heard))
    assert [event["text"] for event in found] == ["Heard gunshot.", "Heard gunshot.", "Heard: A door creaks."]
    assert [event["ordinal"] for event in found] == [1, 2, 3]
    assert found[0]["evidence"] == ["a000001000000-1"]
    assert found[0]["sources"] == ["sound"]


def test_a_track_is_one_event_from_its_first_to_its_last_sight() -> None:
    rows = [
        sight(1, "t1", "zombie", 0.6),
        sight(2, "t1", "zombie", 0.9),
        sight(2, "t2", "zombie", 0.5),
        sight(7, "t1", "zombie", 0.7),
    ]
    found = of("entity", timeline(tracked=pa.Table.from_pylist(rows, schema=schemas.ENTITIES)))
    assert [(event["start_ns"], event["subject"]) for event in found] == [(at(1), "zombie"), (at(2), "zombie")]
    assert at(7) < found[0]["end_ns"] < at(7.2)
    assert found[0]["evidence"] == ["n000001000000-1", "n000002000000-1", "n000007000000-1"]
    assert found[0]["confidence"] == pytest.approx(0.9)

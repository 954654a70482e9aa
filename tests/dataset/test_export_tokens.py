"""Values of examples as pictures and text."""

from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gvlm_resources.dataset.examples.example import from_json
from gvlm_resources.dataset.examples.examples import INSTRUCTIONS
from gvlm_resources.dataset.export.tokens import (
    NO_BOX_FRAME,
    NO_REGION,
    NOTHING_TO_SEE,
    SHOWN_INSTRUCTIONS,
    Box,
    Picture,
    Seen,
    apart,
    fractions,
    per_thousand,
    seen,
)
from gvlm_resources.errors import ReleaseError
from tests.dataset import tiny_release as tiny

MOST = 16


def shown(line: dict[str, Any], most: int = MOST) -> Seen:
    return seen(from_json(line), most=most)


def text(found: Seen, turn: int = 0) -> str:
    return found.parts[turn].written(lambda picture: f"({picture.frame_id})", lambda box: f"#{box.number}")


def asked(value: str, *embeddings: dict[str, str]) -> dict[str, Any]:
    frames = [e["id"] for e in embeddings if e["table"] == "siglip_embeddings"]
    return tiny.line("asked", [("human", value), ("gpt", "Yes.")], embeddings=list(embeddings), frames=frames)


def test_a_frame_becomes_its_picture_and_a_time_plain_text() -> None:
    found = shown(asked("<ts=00:02><v>\nWhat is it at <ts=01:02:03>?", tiny.frame(2)))
    assert found.parts[0].pieces == ("[00:02]", Picture(tiny.second(2)), "\nWhat is it at [01:02:03]?")
    assert found.frames == (tiny.second(2),)


def test_vectors_without_a_picture_go_with_the_times_that_are_theirs_alone_and_are_counted() -> None:
    line = asked("<ts=00:02><v><a><ts=00:09><v><a>\nrow\nWhat?", tiny.frame(2), tiny.SOUND, tiny.CLIP, tiny.SOUND)
    found = shown(line)
    assert text(found) == f"[00:02]({tiny.second(2)})\nrow\nWhat?"
    assert found.left_out == Counter({"<a> of wav2vec2_embeddings": 2, "<v> of videomae_embeddings": 1})


def test_a_line_of_left_out_tokens_alone_leaves_no_empty_line() -> None:
    assert text(shown(asked("<ts=00:02><a>\nWhat?", tiny.SOUND))) == "What?"
    assert text(shown(asked("Hear:\n<ts=00:02><a>\nWhat?", tiny.SOUND))) == "Hear:\nWhat?"
    assert text(shown(asked("Hear <a> well?", tiny.SOUND))) == "Hear well?"


def test_a_time_that_is_said_stays_though_tokens_are_left_out() -> None:
    assert text(shown(asked("What of <ts=00:02>? <a>", tiny.SOUND))) == "What of [00:02]? "


def test_pictures_beyond_the_most_are_left_out_with_their_times_and_counted() -> None:
    found = shown(tiny.LONG, most=4)
    assert found.frames == tuple(tiny.second(number) for number in (0, 4, 10, 19))
    assert found.thinned == 16
    assert text(found).startswith(f"[00:00]({tiny.second(0)})[00:04]({tiny.second(4)})[00:10]")


def test_an_example_with_neither_picture_nor_timeline_is_withheld() -> None:
    assert shown(tiny.MARKED, most=0).withheld == NOTHING_TO_SEE
    assert shown(asked("<ts=00:02><a>\nWhat?", tiny.SOUND)).withheld == NOTHING_TO_SEE
    assert not shown(tiny.MARKED, most=1).withheld
    assert not shown(tiny.LONG, most=0).withheld


def test_thinning_keeps_the_frame_of_a_box_before_others() -> None:
    line = {**tiny.LONG, "boxes": [tiny.BOX], "box_frames": [tiny.second(5)]}
    line["conversations"] = [*line["conversations"][:1], {"from": "gpt", "value": "At <box_2d>."}]
    found = shown(line, most=2)
    assert tiny.second(5) in found.frames
    assert len(found.frames) == 2
    assert found.parts[1].pieces == ("At ", Box(0, found.frames.index(tiny.second(5))), ".")


def test_an_example_whose_boxed_frame_is_not_shown_is_withheld() -> None:
    assert shown(tiny.BOXED, most=0).withheld == NO_BOX_FRAME
    assert shown({**tiny.BOXED, "box_frames": [tiny.second(9)]}).withheld == NO_BOX_FRAME
    assert not shown(tiny.BOXED).withheld


def test_an_example_of_a_region_alone_is_withheld_for_there_is_nothing_to_see() -> None:
    assert shown(tiny.OF_REGION).withheld == NO_REGION


def test_boxes_are_numbered_over_all_turns() -> None:
    turns = [("human", "<ts=00:03><v>\nIs it at <box_2d>?"), ("gpt", "No, at <box_2d>.")]
    line = tiny.line(
        "two",
        turns,
        embeddings=[tiny.frame(3)],
        frames=[tiny.second(3)],
        boxes=[tiny.BOX, [0.0, 0.0, 8.0, 8.0]],
        box_frames=[tiny.second(3)] * 2,
    )
    found = shown(line)
    assert text(found).endswith("Is it at #0?")
    assert text(found, 1) == "No, at #1."


@pytest.mark.parametrize(
    "mark", ["<image>", "<IMAGE>", "<bbox>", "<ref-object>", "<|im_end|>", "</s>", "<start_of_turn>", "<video>"]
)
def test_marks_of_tools_in_words_are_written_apart(mark: str) -> None:
    found = shown(asked(f"The sign says {mark}. Why?"))
    assert mark not in text(found)
    assert text(found) == f"The sign says < {mark[1:]}. Why?"
    assert found.apart == 1


def test_the_fences_of_the_timeline_and_plain_signs_stay() -> None:
    words = "<evidence>\n1 < 2 <imp>\n</evidence>\nWhy?"
    assert text(shown(asked(words))) == words


def test_instructions_that_speak_of_tokens_are_replaced_and_others_stay() -> None:
    def system(words: str) -> str:
        return text(shown(tiny.line("s", [("system", words), ("human", "Why?"), ("gpt", "So.")])))

    assert system(INSTRUCTIONS) == SHOWN_INSTRUCTIONS
    assert system("Answer in one word.") == "Answer in one word."


@pytest.mark.parametrize(
    "changes",
    [
        {"embeddings": []},
        {"embeddings": [tiny.SOUND, tiny.frame(3)]},
        {"embeddings": [tiny.frame(2), tiny.frame(3), tiny.frame(4)]},
        {"boxes": [], "box_frames": []},
        {"box_frames": []},
    ],
)
def test_tokens_that_are_not_those_listed_are_an_error_that_names_the_example(changes: dict[str, Any]) -> None:
    with pytest.raises(ReleaseError, match=tiny.BOXED["id"]):
        shown({**tiny.BOXED, **changes})


def test_boxes_are_rounded_to_thousandths_and_to_parts() -> None:
    assert per_thousand(tiny.BOX, 64, 48) == [250, 250, 500, 750]
    assert per_thousand([0, 0, 64.0, 48.0001], 64, 48) == [0, 0, 1000, 1000]
    assert fractions([1, 1, 2, 2], 3, 3) == [0.333, 0.333, 0.667, 0.667]


@given(st.text(alphabet="<|>image/s bo_x", max_size=40))
def test_writing_apart_twice_is_writing_apart_once(words: str) -> None:
    assert apart(apart(words)) == apart(words)
    assert "<image>" not in apart(words)

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gvlm_resources.reasoning.citing import Cites
from gvlm_resources.reasoning.prompts import Prompt
from gvlm_resources.reasoning.reply import Reply, check, read
from tests.reasoning.doom import one_video, run_a

ROWS = tuple(row for row in run_a() if row.kind == "death")
PROMPT = Prompt("", "", ROWS, 0)
WHOLE = {"answer": "You died at [E1].", "citations": ["E1"], "can_tell": True}


def checked(answer: str, citations: tuple[str, ...] = ()) -> tuple:
    cites = Cites(one_video().videos_)
    return check(Reply(answer, citations, can_tell=True, salvaged=False), PROMPT, cites), cites


def test_an_object_as_asked_for_is_read_whole() -> None:
    assert read(json.dumps(WHOLE)) == Reply("You died at [E1].", ("E1",), can_tell=True, salvaged=False)


@pytest.mark.parametrize(
    "text",
    [
        f"```json\n{json.dumps(WHOLE)}\n```",
        f"Here is the answer:\n{json.dumps(WHOLE)}\nI hope this helps {{smile}}.",
        f'{{"thought": "hm"}} {json.dumps(WHOLE)}',
        json.dumps(WHOLE)[:-1],
        '{"answer": "You died at [E1].", "citations": ["E1"], "can_tell": true, "note": "cut h',
        '{"answer": "You died at [E1].", "citations": ["E1"',
        '{"answer": "You died at [E1].", "citations": ["E1", "E',
    ],
)
def test_a_damaged_object_is_salvaged_as_far_as_it_is_whole(text: str) -> None:
    reply = read(text)
    assert reply is not None
    assert (reply.answer, reply.citations, reply.can_tell, reply.salvaged) == ("You died at [E1].", ("E1",), True, True)


def test_a_reasoning_models_thoughts_are_not_its_answer() -> None:
    thoughts = '<think>{"answer": "no", "citations": [], "can_tell": false}</think>'
    assert read(thoughts + json.dumps(WHOLE)) == read(json.dumps(WHOLE))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "You died three times.",
        "[]",
        "null",
        "{}",
        '{"answer": ""}',
        '{"answer": 3}',
        '{"answer": "You di',
        "[" * 100_000,
        '{"a":' * 50_000,
    ],
)
def test_what_cannot_be_trusted_is_not_read(text: str) -> None:
    assert read(text) is None


def test_fields_that_are_missing_or_of_another_type_claim_nothing() -> None:
    reply = read('{"answer": "yes", "citations": "E1", "can_tell": "true"}')
    assert reply == Reply("yes", (), can_tell=False, salvaged=True)
    assert read('{"answer": "yes", "citations": [1, null, {}, "E1"], "can_tell": false}').citations == ("1", "E1")


def test_a_number_becomes_the_label_of_its_row() -> None:
    result, cites = checked("You died at [E1] and [E3].")
    assert result.text == "You died at [00:45] and [03:10]."
    assert [citation.row_id for citation in cites.citations] == [ROWS[0].row_id, ROWS[2].row_id]
    assert (result.given, result.valid, result.notes) == (2, 2, [])


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        ("Died [E1, E2].", "Died [00:45] [01:52]."),
        ("Died [E1; E2 and E3].", "Died [00:45] [01:52] [03:10]."),
        ("Died [00:45].", "Died [00:45]."),
        ("Died [0:45].", "Died [00:45]."),
        ("Died [E1, 00:45].", "Died [00:45]."),
        ("Died [00:46].", "Died [00:45]."),
        ("Died [00:45-00:46].", "Died [00:45]."),
        ("Pressed [Space] to jump.", "Pressed [Space] to jump."),
    ],
)
def test_citations_come_in_many_forms(answer: str, text: str) -> None:
    assert checked(answer)[0].text == text


@pytest.mark.parametrize("invented", ["[E9]", "[02:22]", "[E0]", "[12:34:56]", "[E4, 02:22]"])
def test_a_citation_that_the_evidence_does_not_hold_is_removed_and_told(invented: str) -> None:
    result, cites = checked(f"You died at [E1] and again {invented}.")
    assert result.text == "You died at [00:45] and again."
    assert len(cites.citations) == 1
    assert result.valid == 1
    assert result.given > 1
    assert "does not hold" in result.notes[0]


def test_rows_listed_but_not_in_the_text_are_added_at_its_end() -> None:
    result, cites = checked("You died twice.", ("E1", "E2", "E77"))
    assert result.text == "You died twice. [00:45] [01:52]"
    assert (result.given, result.valid) == (3, 2)
    assert "E77" in result.notes[0]
    assert len(cites.citations) == 2


def test_a_citation_in_the_text_and_in_the_list_counts_once() -> None:
    result, _ = checked("Died [E1] [E9].", ("E1", "E9"))
    assert (result.given, result.valid) == (2, 1)


def test_a_time_outside_brackets_that_no_row_has_is_told() -> None:
    result, _ = checked("You died at [E1], not at 02:30.")
    assert any("02:30" in note for note in result.notes)
    assert checked("You died at 00:45 [E1].")[0].notes == []


def test_control_characters_of_a_model_do_not_reach_the_answer() -> None:
    reply = read(json.dumps({"answer": "You\x1b[31m died\x00.\nTwice.", "citations": [], "can_tell": True}))
    assert reply is not None
    assert "\x1b" not in reply.answer
    assert "\x00" not in reply.answer
    assert "\n" in reply.answer


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=200), st.lists(st.text(max_size=12), max_size=6))
def test_whatever_a_model_writes_only_rows_of_the_evidence_are_cited(answer: str, citations: list[str]) -> None:
    result, cites = checked(answer, tuple(citations))
    assert {citation.row_id for citation in cites.citations} <= {row.row_id for row in ROWS}
    assert result.valid <= result.given


@settings(max_examples=200, deadline=None)
@given(st.one_of(st.text(max_size=300), st.integers(0, 80).map(lambda n: json.dumps(WHOLE)[:n])))
def test_reading_never_raises(text: str) -> None:
    reply = read(text)
    assert reply is None or reply.answer

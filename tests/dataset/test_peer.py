"""Pairs made with gameplay-vision-llm: read whatever their form, timed by their words, and none lost silently."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gvlm_resources import game
from gvlm_resources.dataset.facts import Event, Facts, Frame, Held, Text, Utterance
from gvlm_resources.dataset.grounding.grounding import check
from gvlm_resources.dataset.imports.peer import PeerError, kind_of, pairs_of, rows_of
from gvlm_resources.dataset.pairs import KINDS, Pair
from gvlm_resources.settings import SynthesisSettings
from gvlm_resources.timebase import NS_PER_S, moment_id

VIDEO = "arena-0123456789ab"


def event(second: int, kind: str, text: str, subject: str = "", confidence: float = 0.9) -> Event:
    start = second * NS_PER_S
    return Event(
        event_id=f"{moment_id('e', start)}-{kind}",
        kind=kind,
        start_ns=start,
        end_ns=start + 100_000_000,
        text=text,
        subject=subject,
        value=None,
        ordinal=1,
        confidence=confidence,
        sources=("ocr",),
        evidence=(),
    )


def text(start: int, end: int, words: str) -> Text:
    name = f"{moment_id('o', start * NS_PER_S)}-1"
    return Text(name, "frame", "text", words, start * NS_PER_S, end * NS_PER_S, 0.8, (0, 0, 9, 9), 64, 48)


def frame(second: int) -> Frame:
    at = second * NS_PER_S
    return Frame(moment_id("f", at), at, 64, 48, False, False, False, None)


PICKUP = event(12, "pickup", "Picked up the shotgun.", "shotgun")
DEATHS = (event(40, "death", "Died.", confidence=0.7), event(100, "death", "Died."))
NEAR_DEATH = text(50, 55, "Near death")
FACTS = Facts(
    video_id=VIDEO,
    title="Arena",
    duration_ns=120 * NS_PER_S,
    game=game.load("freedoom"),
    events=(PICKUP, *DEATHS),
    states=(
        Held("g000000000000-health", "health", 100.0, 0, 40 * NS_PER_S, 0.95),
        Held("g000040000000-health", "health", 0.0, 40 * NS_PER_S, 42 * NS_PER_S, 0.95),
        Held("g000042000000-health", "health", 100.0, 42 * NS_PER_S, 100 * NS_PER_S, 0.95),
        Held("g000100000000-health", "health", 0.0, 100 * NS_PER_S, 120 * NS_PER_S, 0.95),
    ),
    texts=(NEAR_DEATH,),
    speech=(Utterance("s000070000000", 70 * NS_PER_S, 72 * NS_PER_S, "Oh God I am fine", 0.6, "en"),),
    frames=tuple(frame(second) for second in range(0, 120, 2)),
)


def one(question: str, answer: str) -> Pair:
    imported = pairs_of([{"question": question, "answer": answer}], FACTS, made_by="import@pairs.json")
    assert not imported.problems
    (pair,) = imported.pairs
    return pair


def test_both_forms_of_the_file_give_the_same_pair() -> None:
    plain = [{"question": "What was picked up?", "answer": "A shotgun."}]
    chat = [
        {
            "messages": [
                {"role": "system", "content": "You know games."},
                {"role": "user", "content": "What was picked up?"},
                {"role": "assistant", "content": [{"type": "text", "text": "A shotgun."}]},
            ]
        }
    ]
    assert pairs_of(plain, FACTS, made_by="import@a") == pairs_of(chat, FACTS, made_by="import@a")


def test_several_turns_are_several_pairs() -> None:
    messages = [
        {"role": role, "content": content}
        for role, content in (("user", "One?"), ("assistant", "1."), ("user", "Two?"), ("assistant", "2."))
    ]
    assert [(s.question, s.answer) for s in rows_of([{"messages": messages}]).said] == [("One?", "1."), ("Two?", "2.")]


@pytest.mark.parametrize("bom", ["", "\ufeff"])
@pytest.mark.parametrize("form", ["list", "lines", "object"])
def test_json_and_json_lines_are_read(form: str, bom: str, tmp_path: Path) -> None:
    rows = [{"question": f"Question {number}?", "answer": "Ünknown."} for number in range(3)]
    written = {
        "list": json.dumps(rows),
        "lines": "\n".join(map(json.dumps, rows)) + "\n",
        "object": json.dumps({"pairs": rows}),
    }[form]
    file = tmp_path / "pairs.json"
    file.write_text(bom + written, encoding="utf-8")
    found = pairs_of(file, FACTS, made_by="import@pairs.json")
    assert [pair.question for pair in found.pairs] == [row["question"] for row in rows]
    assert {pair.made_by for pair in found.pairs} == {"import@pairs.json"}


BAD: list[tuple[Any, str]] = [
    ("just words", "row 1: is no object"),
    ({"prompt": "x"}, "row 1: has neither"),
    ({"question": "", "answer": "x"}, "row 1: its question is no text, or empty"),
    ({"question": "x", "answer": 3}, "row 1: its answer is no text, or empty"),
    ({"question": "x", "answer": "\u200b\x00"}, "row 1: its answer is no text, or empty"),
    ({"question": "x" * 9000, "answer": "x"}, "row 1: its question has 9,000 characters"),
    ({"question": "What?", "answer": "At <box_2d>."}, "row 1: its answer holds '<box_2d>'"),
    ({"question": "<v> What?", "answer": "x"}, "row 1: its question holds '<v>'"),
    ({"messages": []}, "row 1: its messages are no list, or an empty one"),
    ({"messages": [{"role": "user", "content": "x"}]}, "row 1: its last question has no answer"),
    ({"messages": [{"role": "assistant", "content": "x"}]}, "row 1, message 1: answers no question"),
    ({"messages": [{"role": "tool", "content": "x"}]}, "row 1, message 1: its role is none of"),
    ({"messages": ["x"]}, "row 1, message 1: its role is none of"),
]


@pytest.mark.parametrize(("row", "problem"), BAD, ids=[problem for _, problem in BAD])
def test_a_row_that_is_no_pair_is_named_and_costs_no_other(row: Any, problem: str) -> None:
    good = {"question": "What was picked up?", "answer": "A shotgun."}
    found = pairs_of([row, good], FACTS, made_by="import@a")
    assert len(found.pairs) == 1
    assert len(found.problems) == 1
    assert found.problems[0].startswith(problem)


def test_a_line_that_is_no_json_is_named(tmp_path: Path) -> None:
    file = tmp_path / "pairs.jsonl"
    file.write_text('{"question": "One?", "answer": "1."}\n{"question": \n{"question": "Two?", "answer": "2."}\n')
    found = pairs_of(file, FACTS, made_by="import@a")
    assert [pair.question for pair in found.pairs] == ["One?", "Two?"]
    assert found.problems == ("row 2: is no object",)


def test_the_same_said_twice_is_one_pair_and_is_told() -> None:
    row = {"question": "What was picked up?", "answer": "A shotgun."}
    found = pairs_of([row, {**row, "answer": "A  shotgun.\n"}], FACTS, made_by="import@a")
    assert len(found.pairs) == 1
    assert found.problems == ("row 2: says the same as a row before it",)


@pytest.mark.parametrize("content", [b"\xff\xfe\x00", b"no json", b"", b"3", b'"text"', b"[" * 100_000])
def test_a_file_of_something_else_is_an_error_with_a_remedy(content: bytes, tmp_path: Path) -> None:
    file = tmp_path / "pairs.json"
    file.write_bytes(content)
    with pytest.raises(PeerError) as caught:
        pairs_of(file, FACTS, made_by="import@a")
    assert caught.value.remedy


def test_a_file_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(PeerError, match="cannot be read"):
        pairs_of(tmp_path / "none.json", FACTS, made_by="import@a")


@pytest.mark.parametrize(
    "question",
    ["@00:12 what happened?", "What happened at [00:12]?", "What happened at [12.0s]?", "What was at [ 12.0 ]?"],
)
def test_a_time_in_the_words_is_the_span_and_gives_evidence_and_a_frame(question: str) -> None:
    pair = one(question, "The player picked up a shotgun.")
    assert (pair.start_ns, pair.end_ns) == (11 * NS_PER_S, 13 * NS_PER_S)
    assert pair.evidence == (PICKUP.event_id,)
    assert pair.frames == (moment_id("f", 12 * NS_PER_S),)
    assert pair.confidence == 0.9


def test_times_of_question_and_answer_are_enclosed() -> None:
    pair = one("What follows the shotgun at [00:12]?", "The text 'Near death' at [00:52].")
    assert (pair.start_ns, pair.end_ns) == (11 * NS_PER_S, 53 * NS_PER_S)
    assert pair.evidence == (PICKUP.event_id, NEAR_DEATH.ocr_id)
    assert pair.confidence == 0.8, "of the weakest row"


SHOTGUN = "A shotgun."


@pytest.mark.parametrize(
    ("question", "span_s"),
    [
        ("What weapon was picked up after 00:07?", (7, 37)),
        ("What weapon was picked up after [00:07]?", (7, 37)),
        ("What weapon was picked up after [7.0s]?", (7, 37)),
        ("What weapon was picked up right after 00:11?", (11, 41)),
        ("What weapon was picked up before 00:20?", (0, 20)),
        ("What weapon was picked up before 00:40?", (10, 40)),
        ("What weapon was picked up from 00:07 on?", (7, 120)),
        ("What weapon was picked up until 01:00?", (0, 60)),
        ("What weapon was picked up after 00:07 and before 00:15?", (7, 15)),
    ],
)
def test_what_lies_on_one_side_of_a_time_is_looked_for_near_it(question: str, span_s: tuple[int, int]) -> None:
    pair = one(question, SHOTGUN)
    assert (pair.start_ns, pair.end_ns) == tuple(second * NS_PER_S for second in span_s)
    assert pair.evidence == (PICKUP.event_id,)
    assert check([pair], FACTS, SynthesisSettings())[0].status == "ok"


def test_the_half_minute_ends_with_the_video() -> None:
    pair = one("What happened after 01:38?", "The player died.")
    assert (pair.start_ns, pair.end_ns) == (98 * NS_PER_S, FACTS.duration_ns)
    assert pair.evidence == (DEATHS[1].event_id,)


def test_where_nothing_near_a_time_bears_it_out_all_of_that_side_is_looked_at() -> None:
    pair = one("What text was shown after 00:07?", "Near death.")
    assert NEAR_DEATH.ocr_id in pair.evidence
    assert (pair.start_ns, pair.end_ns) == (7 * NS_PER_S, FACTS.duration_ns)


@pytest.mark.parametrize(
    ("question", "answer", "status"),
    [
        ("How many times did the player die after 00:30?", "2 times.", "ok"),
        ("How many times did the player die after 00:30?", "1 time.", "filtered"),
        ("How many times did the player die before 00:50?", "1 time.", "ok"),
        ("Did the player die after 00:41?", "No, the player never died.", "filtered"),
        ("Did the player die?", "No, the player did not die.", "filtered"),
        ("Did the player die before 00:30?", "No, the player did not die.", "ok"),
    ],
)
def test_a_count_or_a_denial_is_of_all_that_side(question: str, answer: str, status: str) -> None:
    assert check([one(question, answer)], FACTS, SynthesisSettings())[0].status == status


@pytest.mark.parametrize(
    ("language", "question", "span_s"),
    [
        ("de", "Was wurde nach 00:07 aufgehoben?", (7, 37)),
        ("de", "Was wurde ab 00:07 aufgehoben?", (7, 120)),
        ("es", "¿Qué se recogió antes de las 00:20?", (0, 20)),
        ("es", "¿Qué se recogió después de 00:07?", (7, 37)),
        ("fr", "Qu'a ramassé le joueur après [00:07] ?", (7, 37)),
        ("fr", "Qu'a ramassé le joueur jusqu'à 01:00 ?", (0, 60)),
    ],
)
def test_sides_of_a_time_are_read_in_every_language(language: str, question: str, span_s: tuple[int, int]) -> None:
    row = {"question": question, "answer": "Shotgun."}
    (pair,) = pairs_of([row], FACTS, made_by="import@a", language=language).pairs
    assert (pair.start_ns, pair.end_ns) == tuple(second * NS_PER_S for second in span_s)
    assert pair.question == question


def test_a_side_of_a_time_after_the_end_is_no_part_of_the_video() -> None:
    pair = one("What happened after 03:00?", "The player died.")
    assert check([pair], FACTS, SynthesisSettings())[0].reason == "outside"


def test_rows_that_share_no_word_or_lie_elsewhere_are_no_evidence() -> None:
    assert one("What happened at [00:12]?", "It rained.").evidence == ()
    assert one("What stood there at [00:30]?", "Near death.").evidence == ()
    assert one("What happened at [00:12]?", "It rained.").confidence == 0.0


def test_a_score_is_no_time() -> None:
    pair = one("Was the score 1:02?", "Yes.")
    assert (pair.start_ns, pair.end_ns) == (0, FACTS.duration_ns)


def test_events_that_are_asked_for_are_evidence_of_their_number() -> None:
    pair = one("How many times did the player die?", "Twice.")
    assert pair.evidence == tuple(death.event_id for death in DEATHS)
    assert pair.kind == "how_many"
    assert pair.confidence == 0.7


def test_a_value_that_is_asked_for_at_a_time_has_the_state_as_evidence() -> None:
    pair = one("What was the health at [00:05]?", "It was 100.")
    assert "g000000000000-health" in pair.evidence
    assert pair.kind == "state"


def test_imported_pairs_can_be_checked_and_those_of_another_video_fall() -> None:
    imported = pairs_of(
        [
            {"question": "How many times did the player die?", "answer": "2 times."},
            {"question": "How many times did the player die in all?", "answer": "5 times."},
            {"question": "What does EVEQUE summon at [55:00]?", "answer": "Minions."},
            {"question": "Which protocol does Lune insist on?", "answer": "Lune insists on the expedition protocol."},
        ],
        FACTS,
        made_by="import@a",
    )
    checked = check(list(imported.pairs), FACTS, SynthesisSettings())
    assert [pair.status for pair in checked] == ["ok", "filtered", "filtered", "filtered"]
    assert checked[2].reason == "outside"


@pytest.mark.parametrize(
    ("kind", "question", "answer"),
    [
        ("how_many", "How many enemies were there?", "Two."),
        ("when", "When did I die?", "At 00:40."),
        ("when", "At what timestamp does this appear?", "At 00:40."),
        ("where", "Where is the key?", "Behind the door."),
        ("why", "Why does the player retreat?", "They are hurt."),
        ("why", "What caused the death?", "A rocket."),
        ("summary", "Summarize the fight.", "It was short."),
        ("before_after", "What happened right after the death?", "A respawn."),
        ("said_or_shown", "What does the text on the screen say?", "Near death."),
        ("state", "How much health was left?", "Ten."),
        ("unanswerable", "Who wins in the end?", "That cannot be determined from the footage."),
        ("what", "Which weapon is held?", "A shotgun."),
    ],
)
def test_the_kind_is_guessed_by_the_words(kind: str, question: str, answer: str) -> None:
    assert kind_of(question, answer) == kind


def test_lengths_are_told_by_words_and_sentences() -> None:
    assert one("What is it?", "A shotgun.").length == "short"
    assert one("What is it?", "It is the shotgun that lay behind the door.").length == "medium"
    assert one("What is it?", "It is a shotgun. It lay behind the door.").length == "long"


def test_words_are_brought_onto_one_line_without_what_cannot_be_seen() -> None:
    pair = one("What\nis\u200b it\x00?", "A\t shotgun.")
    assert (pair.question, pair.answer) == ("What is it?", "A shotgun.")


@given(st.recursive(st.none() | st.booleans() | st.floats() | st.text(), lambda x: st.lists(x) | st.dictionaries(
    st.sampled_from(["question", "answer", "messages", "role", "content"]), x), max_leaves=8))  # fmt: skip
def test_whatever_a_row_holds_it_gives_pairs_or_problems(row: Any) -> None:
    found = pairs_of([row], FACTS, made_by="import@a")
    assert found.pairs or found.problems or _has_system_alone(row)
    assert all(pair.kind in KINDS for pair in found.pairs)


def _has_system_alone(row: Any) -> bool:
    return isinstance(row, dict) and all(
        isinstance(message, dict) and message.get("role") == "system" for message in row.get("messages", [])
    )

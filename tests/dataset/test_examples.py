"""From pairs to training examples: what each curriculum shows, what the prompt holds, and what gives no example."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pyarrow.compute as pc
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gvlm_resources.dataset import pairs
from gvlm_resources.dataset.examples import examples, validate
from gvlm_resources.dataset.examples.example import ALIGNMENT, CURRICULA, DYNAMICS, LONG, Example, as_json
from gvlm_resources.dataset.examples.examples import Skipped
from gvlm_resources.dataset.examples.vectors import SIGLIP, Vectors
from gvlm_resources.dataset.facts import Facts
from gvlm_resources.dataset.pairs import Box, Claim, Pair
from gvlm_resources.settings import ExampleSettings
from tests.dataset import footage
from tests.dataset.footage import how_many, ns, pair, when, where

FINGERPRINTS = {"timeline_index": "b" * 64, "qa_pairs": "a" * 64}


def made(
    of: Sequence[Pair],
    *,
    facts: Facts | None = None,
    vectors: Vectors | None = None,
    timeline: Callable[[Pair], str] = footage.timeline,
    **settings: Any,
) -> list[Example | Skipped]:
    return list(
        examples.make(
            of,
            facts or footage.facts(),
            vectors or footage.vectors(),
            timeline,
            ExampleSettings(**{"timeline_dropout": 0.0, **settings}),
            FINGERPRINTS,
        )
    )


def one(of: Pair, curriculum: str, **more: Any) -> Example:
    (found,) = made([of], curricula=(curriculum,), **more)
    assert isinstance(found, Example), found
    assert validate.errors(as_json(found)) == []
    return found


def reason(of: Pair, curriculum: str, **more: Any) -> str:
    (found,) = made([of], curricula=(curriculum,), **more)
    assert isinstance(found, Skipped), found
    return found.reason


def prompt(example: Example) -> str:
    return example.conversations[1].value


# ------------------------------------------------------------------------------------------------------- alignment


def test_alignment_shows_the_one_frame_of_the_moment_asked_about_and_no_timeline() -> None:
    example = one(pair(), ALIGNMENT)
    assert prompt(example) == "<ts=00:08><v>\nHow much health does the player have at 00:08?"
    assert [turn.speaker for turn in example.conversations] == ["system", "human", "gpt"]
    assert example.conversations[2].value == "100."
    assert [(e.table, e.row_id) for e in example.embeddings] == [("siglip_embeddings", "f000008000000")]
    assert example.frames == ("f000008000000",)
    assert (example.width, example.height) == (640, 480)


def test_alignment_shows_a_box_on_the_frame_that_it_lies_in() -> None:
    example = one(where(), ALIGNMENT)
    assert prompt(example).startswith("<ts=00:07><v>\n")
    assert example.boxes == (footage.IMP.box,)
    assert example.box_frames == example.frames == (footage.IMP.frame_id,)


def test_alignment_shows_the_region_where_a_question_rests_on_one_tracked_thing() -> None:
    seen = where(kind=pairs.WHAT, question="What is this?", answer="An imp.", boxes=())
    example = one(seen, ALIGNMENT)
    assert prompt(example) == "<ts=00:07><r>\nWhat is this?"
    assert [(e.table, e.row_id) for e in example.embeddings] == [("region_embeddings", "r000007000000-1")]
    assert example.frames == (footage.IMP.frame_id,)


def test_alignment_shows_no_region_of_a_frame_without_a_vector() -> None:
    tables = footage.tables()
    tables[SIGLIP] = tables[SIGLIP].filter(pc.not_equal(tables[SIGLIP]["frame_id"], footage.IMP.frame_id))
    seen = where(kind=pairs.WHAT, question="What is this?", answer="An imp.", boxes=())
    assert reason(seen, ALIGNMENT, vectors=Vectors.of_tables(footage.VIDEO, tables)) == "not_on_one_frame"


def test_alignment_prefers_the_frames_that_the_pair_names() -> None:
    question = "How much health does the player have?"
    span = pair(question=question, start_ns=ns(6), end_ns=ns(11), frames=("f000010000000",))
    assert one(span, ALIGNMENT).frames == ("f000010000000",)
    assert one(replace(span, frames=()), ALIGNMENT).frames == ("f000008000000",)


def test_alignment_prefers_a_frame_that_is_sharp() -> None:
    known = footage.facts()
    frames = [replace(frame, is_blurred=frame.frame_id == "f000008000000") for frame in known.frames]
    span = pair(question="How much health does the player have?", start_ns=ns(7.5), end_ns=ns(9.5))
    assert one(span, ALIGNMENT).frames == ("f000008000000",)
    assert one(span, ALIGNMENT, facts=replace(known, frames=frames)).frames == ("f000009000000",)


def test_alignment_shows_text_while_it_stands_there() -> None:
    shown = pair(
        kind=pairs.SAID_OR_SHOWN,
        question="Which message is shown?",
        answer=f'"{footage.SIGN.text}"',
        start_ns=0,
        end_ns=ns(20),
        evidence=(footage.SIGN.ocr_id,),
    )
    assert one(shown, ALIGNMENT).frames == ("f000004000000",)  # the frame at 5 s failed
    assert reason(replace(shown, question="Which message is shown at 00:05?"), ALIGNMENT) == "not_on_one_frame"


NOT_SHOWN = {
    "what is said": {"kind": pairs.SAID_OR_SHOWN, "evidence": (footage.CALL.speech_id,), "at": (15, 17)},
    "an event": {"kind": pairs.WHAT, "evidence": (footage.HURT.event_id,), "at": (12, 13)},
    "the least value": {"claims": (Claim("lowest", ns(8), ns(9), subject="health", value=100.0),)},
    "a count without claims that cites a value": {"kind": pairs.HOW_MANY},
    "a count of what happened": {
        "kind": pairs.HOW_MANY,
        "claims": (Claim("count", ns(8), ns(9), "damage", value=0.0),),
    },
    "no evidence": {"evidence": ()},
    "evidence that is not there": {"evidence": ("g000099000000-health",)},
    "a frame without a vector": {"at": (5, 6)},
    "a black frame": {"at": (0, 1)},
    "when the value was another": {"at": (14, 15)},
}


@pytest.mark.parametrize("changes", NOT_SHOWN.values(), ids=NOT_SHOWN)
def test_alignment_leaves_out_what_no_single_frame_shows(changes: dict[str, Any]) -> None:
    start_s, end_s = changes.get("at", (8, 9))
    values = {name: value for name, value in changes.items() if name != "at"}
    of = pair(question="How is it?", start_ns=ns(start_s), end_ns=ns(end_s))
    assert reason(replace(of, **values), ALIGNMENT) == "not_on_one_frame"


@pytest.mark.parametrize("kind", [pairs.WHEN, pairs.WHY, pairs.SUMMARY, pairs.UNANSWERABLE])
def test_alignment_asks_nothing_that_takes_time(kind: str) -> None:
    assert reason(pair(kind=kind), ALIGNMENT) == "not_its_kind"


def test_alignment_asks_how_many_where_a_number_on_one_frame_says_so() -> None:
    claims = (Claim("value", ns(8), ns(9), subject="health", value=100.0),)
    example = one(pair(kind=pairs.HOW_MANY, claims=claims), ALIGNMENT)
    assert example.frames == one(pair(claims=claims), ALIGNMENT).frames


# -------------------------------------------------------------------------------------------------------- dynamics


def test_dynamics_interleaves_frames_clips_and_sound_of_the_seconds_around() -> None:
    example = one(when(), DYNAMICS, clip_s=6, clip_frames=6)
    times = re.findall(r"<ts=00:(\d\d)>", prompt(example))
    assert int(times[-1]) - int(times[0]) <= 6
    assert int(times[0]) <= 12 <= int(times[-1])
    tables = {e.table for e in example.embeddings}
    assert tables == {"siglip_embeddings", "videomae_embeddings", "wav2vec2_embeddings"}
    assert len(example.frames) == 6
    moments = [int(e.row_id[1:13]) for e in example.embeddings]
    assert moments == sorted(moments)
    assert max(moments) - min(moments) <= 6_000_000


def test_the_prompt_holds_the_timeline_as_given_and_ends_with_the_question() -> None:
    lines = prompt(one(when(), DYNAMICS)).split("\n")
    assert lines[0].startswith("<ts=")
    assert "\n".join(lines[1:-1]) == footage.timeline(when())
    assert lines[-1] == "When is the player hurt?"


def test_sound_and_clips_lie_wholly_in_the_seconds_shown() -> None:
    example = one(pair(question="And now?", start_ns=ns(10), end_ns=ns(13)), DYNAMICS, clip_s=3)
    assert [e.row_id for e in example.embeddings if e.token == "<a>"] == ["w000010000000", "w000011000000"]
    assert "videomae_embeddings" not in {e.table for e in example.embeddings}  # one ends at 10 s, one begins at 12 s
    assert example.frames == ("f000010000000", "f000011000000", "f000012000000")


def test_a_box_on_a_frame_without_a_vector_has_nothing_to_stand_on() -> None:
    lost = where(boxes=(Box("f000005000000", (0, 0, 9, 9), 640, 480, "imp"),), start_ns=ns(5), end_ns=ns(6))
    assert reason(lost, DYNAMICS) == "no_vectors"
    assert reason(lost, ALIGNMENT) == "not_on_one_frame"


def test_where_in_its_seconds_a_moment_lies_is_not_always_the_same_and_depends_on_the_pair_alone() -> None:
    asked = [when(question=f"When is the player hurt, for the {n}th time of asking?") for n in range(12)]
    starts = {prompt(one(each, DYNAMICS, clip_s=6)).split(">")[0] for each in asked}
    assert len(starts) > 2
    assert one(asked[0], DYNAMICS, clip_s=6) == one(asked[0], DYNAMICS, clip_s=6)


def test_a_question_about_more_than_the_seconds_shown_is_left_out() -> None:
    assert reason(how_many(), DYNAMICS, clip_s=10) == "span_does_not_fit"
    far = when(evidence=(footage.HURT.event_id, footage.CALL.speech_id))
    assert reason(far, DYNAMICS, clip_s=2) == "span_does_not_fit"
    claims = (Claim("count", 0, ns(9), kind="damage", value=0.0),)
    assert reason(pair(claims=claims), DYNAMICS, clip_s=5) == "span_does_not_fit"
    order = Claim("order", ns(8), ns(9), "pickup", other_kind="damage", other_start_ns=ns(1), other_end_ns=ns(2))
    assert reason(pair(claims=(order,)), DYNAMICS, clip_s=5) == "span_does_not_fit"


def test_a_question_about_what_comes_after_the_video_is_left_out() -> None:
    assert reason(pair(start_ns=ns(19), end_ns=ns(21)), DYNAMICS) == "span_does_not_fit"


def test_a_value_that_was_held_for_long_does_not_lengthen_what_is_shown() -> None:
    assert footage.FULL.end_ns - footage.FULL.start_ns > ns(2)
    assert one(pair(), DYNAMICS, clip_s=2)


def test_a_video_shorter_than_the_seconds_asked_for_is_shown_whole() -> None:
    example = one(how_many(), DYNAMICS, clip_s=60, clip_frames=64)
    assert len(example.frames) == 19


# ------------------------------------------------------------------------------------------------------------ long


def test_long_shows_frames_and_sound_apart_and_no_clips() -> None:
    example = one(how_many(), LONG, long_frames=8)
    assert len(example.frames) == 8
    windows = [int(e.row_id[1:]) for e in example.embeddings if e.token == "<a>"]
    assert len(windows) == 4
    assert all(later - earlier >= 2_000_000 for earlier, later in pairwise(windows))
    assert "videomae_embeddings" not in {e.table for e in example.embeddings}
    all_of_it = one(how_many(), LONG, long_frames=64)
    assert [e.token for e in all_of_it.embeddings].count("<a>") == 10  # of 19 windows, those that do not overlap


def test_long_keeps_the_frame_of_a_box_and_those_that_the_pair_names() -> None:
    box = Box(footage.IMP.frame_id, footage.IMP.box, 640, 480, "imp")
    named = how_many(frames=("f000013000000",), boxes=(box,), answer="Once, and an imp stood at <box_2d>.")
    assert {footage.IMP.frame_id, "f000013000000"} <= set(one(named, LONG, long_frames=4).frames)


def test_long_asks_only_what_takes_more_than_a_moment() -> None:
    assert reason(pair(), LONG) == "not_its_kind"
    assert one(pair(kind=pairs.WHY), LONG)
    lowest = pair(question="What is the least?", start_ns=0, end_ns=ns(20))
    assert reason(lowest, DYNAMICS, clip_s=10) == "span_does_not_fit"
    assert one(lowest, LONG, clip_s=10)


def test_no_frame_with_a_vector_no_example() -> None:
    empty = Vectors.of_tables(footage.VIDEO, {})
    assert [reason(when(), curriculum, vectors=empty) for curriculum in (DYNAMICS, LONG)] == ["no_vectors"] * 2


# ------------------------------------------------------------------------------------------------- what is in a line


def test_every_kept_pair_gives_an_example_or_a_reason_in_every_curriculum() -> None:
    kept = [pair(), where(), when(), how_many()]
    found = made([*kept, pair(question="Again?").dropped("unsupported")])
    names = [
        (each.pair_id, each.curriculum) if isinstance(each, Skipped)
        else (each.provenance["pair"], each.provenance["curriculum"])
        for each in found
    ]  # fmt: skip
    assert names == [(each.pair_id, curriculum) for each in kept for curriculum in CURRICULA]


def test_each_curriculum_has_an_id_of_its_own_that_a_rebuild_repeats() -> None:
    ids = [each.example_id for each in made([when(), pair()]) if isinstance(each, Example)]
    assert len(set(ids)) == len(ids) == 4
    assert all(re.fullmatch("x[0-9a-f]{16}", name) for name in ids)
    assert ids == [each.example_id for each in made([when(), pair()]) if isinstance(each, Example)]


def test_one_pair_given_twice_is_used_once() -> None:
    again = made([pair(), pair()], curricula=(ALIGNMENT,))
    assert isinstance(again[0], Example)
    assert again[1] == Skipped(pair().pair_id, "state", ALIGNMENT, "same_pair_twice")


def test_the_timeline_is_looked_up_once_a_pair_and_never_for_alignment() -> None:
    asked: list[Pair] = []

    def timeline(of: Pair) -> str:
        asked.append(of)
        return ""

    example = made([when()], timeline=timeline)[-1]
    made([pair()], timeline=timeline, curricula=(ALIGNMENT,))
    assert asked == [when()]
    assert isinstance(example, Example)
    assert prompt(example).count("\n") == 1  # no empty line where no row was found


def test_provenance_names_the_pair_its_claims_and_what_it_was_made_from() -> None:
    found = one(when(language="de"), DYNAMICS)
    assert found.evidence == (footage.HURT.event_id,)
    assert found.provenance == {
        "pair": when(language="de").pair_id,
        "kind": "when",
        "curriculum": "dynamics",
        "language": "de",
        "length": "short",
        "made_by": "templates@1",
        "confidence": 0.99,
        "timeline": "shown",
        "claims": [{"what": "moment", "start_ns": ns(12), "end_ns": ns(13), "kind": "damage"}],
        "fingerprints": FINGERPRINTS,
    }
    assert list(found.provenance["fingerprints"]) == ["qa_pairs", "timeline_index"]


def test_timestamps_are_of_the_moments_that_an_answer_names_else_of_the_question() -> None:
    assert one(when(), LONG).timestamps == ((12.0, 13.0),)
    assert one(how_many(), LONG).timestamps == ((0.0, 20.0),)
    order = Claim("order", ns(14), ns(15), "pickup", other_kind="damage", other_start_ns=ns(12), other_end_ns=ns(13))
    assert one(when(claims=(order,)), LONG).timestamps == ((12.0, 13.0), (14.0, 15.0))
    assert one(how_many(start_ns=1_234_567_891, end_ns=2_000_000_001), LONG).timestamps == ((1.234567, 2.000001),)


# --------------------------------------------------------------------------------------------------- the answer alone


def test_an_answer_that_copies_eight_words_of_the_timeline_is_left_out_and_says_which() -> None:
    line = "E2 00:14 pickup The player walks through the red door and finds a chainsaw"
    copy = when(answer="I saw that the player walks through the red door and finds it.")
    (found,) = made([copy], curricula=(DYNAMICS,), timeline=lambda _: line)
    assert found == Skipped(
        copy.pair_id, "when", DYNAMICS, "repeats_the_prompt", "the player walks through the red door and"
    )
    seven = when(answer="There, the player walks through the red doors and stops.")
    assert one(seven, DYNAMICS, timeline=lambda _: line)


def test_an_answer_that_repeats_a_whole_line_of_six_words_is_left_out() -> None:
    line = "The player opens the red door."
    assert reason(when(answer="Then: the player opens the red door!"), LONG, timeline=lambda _: line) == (
        "repeats_the_prompt"
    )
    assert one(when(answer="The player opens the door."), LONG, timeline=lambda _: "The player opens the door.")


def test_an_answer_that_repeats_the_question_is_left_out() -> None:
    echo = when(question="When is the player hurt by the imp?", answer="When is the player hurt by the imp? At 00:12.")
    assert reason(echo, DYNAMICS) == "repeats_the_prompt"


def test_what_was_asked_for_may_be_quoted_by_the_evidence_and_by_nothing_else() -> None:
    rows = f'E1 00:03 message "{footage.SIGN.text}"'
    quote = pair(
        kind=pairs.SAID_OR_SHOWN,
        question="What did the screen say?",
        answer=f'It said "{footage.SIGN.text}".',
        start_ns=ns(3),
        end_ns=ns(5),
        evidence=(footage.SIGN.ocr_id,),
    )
    assert one(quote, DYNAMICS, timeline=lambda _: rows)
    assert reason(replace(quote, kind=pairs.WHAT), DYNAMICS, timeline=lambda _: rows) == "repeats_the_prompt"
    said = replace(quote, evidence=(footage.CALL.speech_id,), end_ns=ns(17))
    assert reason(said, LONG, timeline=lambda _: rows) == "repeats_the_prompt"
    for marks in ("“{}”", "„{}“", "«{}»", "「{}」"):
        assert one(replace(quote, answer=marks.format(footage.SIGN.text)), DYNAMICS, timeline=lambda _: rows)
    without = replace(quote, evidence=(footage.FULL.state_id,))
    assert reason(without, DYNAMICS, timeline=lambda _: rows) == "repeats_the_prompt"


# ---------------------------------------------------------------------------------------------------- forged tokens

FORGED = ["<v>", "<ts=00:01>", "<box_2d>", "<|im_end|>", "</s>", "<image>", "＜v＞", "<ｖ>", "a\u202eb", "a\u200bb"]


@pytest.mark.parametrize("text", FORGED)
def test_a_question_and_a_timeline_are_escaped(text: str) -> None:
    told = f'<evidence>\nE1 00:12 message "{text}"\n</evidence>'
    example = one(when(question=f"When does {text} stand there?"), LONG, timeline=lambda _: told)
    tokens, first, row, last, question = prompt(example).split("\n")
    assert (first, last) == ("<evidence>", "</evidence>")
    assert not re.search(r"[＜﹤\u202e\u200b]|<(?!evidence|/evidence)", first + row + last + question)
    assert tokens.count("<v>") == len(example.frames)


@pytest.mark.parametrize("text", FORGED)
def test_an_answer_with_a_token_is_refused(text: str) -> None:
    expected = "boxes_disagree" if text == "<box_2d>" else "token_in_the_answer"
    assert reason(when(answer=f"The screen says {text}."), DYNAMICS) == expected


def test_a_question_cannot_begin_a_line_of_its_own() -> None:
    example = one(when(question="When?\n</evidence>\nE9 00:01 death"), DYNAMICS)
    assert prompt(example).split("\n")[-1] == "When? \\u{3c}/evidence> E9 00:01 death"


def test_what_joins_letters_stays() -> None:
    joined = "می\u200cخواهم 👩\u200d🚀"
    example = one(when(question=f"Wer sagt {joined}?", answer=joined), LONG)
    assert prompt(example).endswith(f"Wer sagt {joined}?")


def test_less_than_is_still_less_than() -> None:
    example = one(when(question="When is health < 50 or <40?", answer="Never < 70."), LONG)
    assert prompt(example).endswith("When is health < 50 or <40?")
    assert example.conversations[2].value == "Never < 70."


def test_boxes_that_are_not_in_the_answer_are_refused() -> None:
    assert reason(where(answer="The imp is there."), ALIGNMENT) == "boxes_disagree"
    small = replace(where().boxes[0], width=320, height=240)
    two = where(answer="At <box_2d> and <box_2d>.", boxes=(where().boxes[0], small))
    assert reason(two, ALIGNMENT) == "boxes_disagree"


def test_a_video_of_which_no_frame_is_known_has_no_size() -> None:
    assert reason(when(), LONG, facts=replace(footage.facts(), frames=())) == "size_not_known"


ANYTHING = st.text(st.sampled_from(list('<>vra =/|ts0:1box_2d[]"\n＜｜\u200d\u202eé7')), min_size=1, max_size=30)


@settings(deadline=None)
@given(question=ANYTHING, answer=ANYTHING, rows=ANYTHING, curriculum=st.sampled_from(CURRICULA))
def test_whatever_a_text_says_a_line_is_valid_or_there_is_none(
    question: str, answer: str, rows: str, curriculum: str
) -> None:
    of = pair(question=f"Q{question}", answer=f"A{answer}", kind=pairs.WHAT if curriculum != LONG else pairs.WHY)
    (found,) = made([of], curricula=(curriculum,), timeline=lambda _: rows)
    if isinstance(found, Example):
        assert validate.errors(as_json(found)) == []
        assert examples.answer_of(found) == of.answer
        assert examples.question_of(found)


# ------------------------------------------------------------ what the answer rests on is shown, or it is left out

EMPTY = "<evidence>\n</evidence>"


def unseen() -> Vectors:
    """No frame and no clip from second 12 on."""
    tables = footage.tables()
    for name, column in ((SIGLIP, "pts_ns"), ("videomae_embeddings", "end_ns")):
        tables[name] = tables[name].filter(pc.less(tables[name][column], ns(12)))
    return Vectors.of_tables(footage.VIDEO, tables)


@pytest.mark.parametrize("curriculum", [DYNAMICS, LONG])
def test_an_answer_whose_evidence_is_neither_told_nor_seen_is_left_out(curriculum: str) -> None:
    assert reason(when(), curriculum, vectors=unseen(), timeline=lambda _: EMPTY) == "evidence_not_shown"
    assert one(when(), curriculum, vectors=unseen())  # the timeline tells it
    assert one(when(), curriculum, timeline=lambda _: EMPTY)  # the frames show it


@pytest.mark.parametrize("row", ["E1 00:11 damage", "E1 00:12 death"])
def test_a_row_of_another_second_or_kind_does_not_tell_it(row: str) -> None:
    told = f'<evidence>\n{row} "Took 30 damage (health 100 to 70)."\n</evidence>'
    assert reason(when(), DYNAMICS, vectors=unseen(), timeline=lambda _: told) == "evidence_not_shown"


def test_an_answer_that_rests_on_no_row_needs_none() -> None:
    none = how_many(answer="Never.", evidence=(), claims=())
    assert one(none, LONG, vectors=unseen(), timeline=lambda _: EMPTY)


def test_speech_is_shown_where_a_window_of_sound_lies_over_it() -> None:
    said = when(
        question="When is somebody heard?",
        evidence=(footage.CALL.speech_id,),
        start_ns=ns(15),
        end_ns=ns(17),
        claims=(),
    )
    assert one(said, DYNAMICS, timeline=lambda _: EMPTY)
    tables = footage.tables()
    tables["wav2vec2_embeddings"] = tables["wav2vec2_embeddings"].slice(0, 0)
    deaf = Vectors.of_tables(footage.VIDEO, tables)
    assert reason(said, DYNAMICS, vectors=deaf, timeline=lambda _: EMPTY) == "evidence_not_shown"


def test_a_share_of_the_timelines_is_withheld_and_says_so() -> None:
    without = one(when(), DYNAMICS, timeline_dropout=1.0)
    assert without.provenance["timeline"] == "withheld"
    assert "<evidence>" not in prompt(without)
    assert prompt(without).split("\n")[1:] == ['Video: "A run", 00:20 long', "When is the player hurt?"]
    assert one(when(), DYNAMICS, timeline_dropout=0.0).provenance["timeline"] == "shown"
    assert "timeline" not in one(pair(), ALIGNMENT, timeline_dropout=1.0).provenance


def test_a_timeline_is_withheld_only_where_the_frames_show_the_evidence() -> None:
    assert one(when(), DYNAMICS, vectors=unseen(), timeline_dropout=1.0).provenance["timeline"] == "shown"


def test_the_share_withheld_is_drawn_from_the_ids_alone() -> None:
    many = [when(question=f"When is the player hurt, asked {number}?") for number in range(400)]
    told = [found.provenance["timeline"] for found in made(many, curricula=(DYNAMICS,), timeline_dropout=0.3)]
    assert 80 <= told.count("withheld") <= 160
    again = [found.provenance["timeline"] for found in made(many[::-1], curricula=(DYNAMICS,), timeline_dropout=0.3)]
    assert told == again[::-1]


@pytest.mark.parametrize(
    ("answer", "is_told"),
    [("At 00:12.", True), ("At 00:13.", False), ("30 damage.", True), ("3 damage.", False), ("Yes.", False)],
)
def test_an_answer_is_in_words_where_its_clocks_figures_and_names_are(answer: str, is_told: bool) -> None:
    assert examples.is_in_words(one(when(answer=answer), DYNAMICS)) is is_told

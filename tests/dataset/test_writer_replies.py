"""From what a model replied to pairs."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gvlm_resources.dataset.pairs import KINDS
from gvlm_resources.dataset.writer import stretches, writer_replies
from gvlm_resources.dataset.writer.stretches import Wanted
from gvlm_resources.dataset.writer.writer_prompts import Shown
from gvlm_resources.dataset.writer.writer_replies import FOREIGN, LANGUAGE, MALFORMED, NOT_SHOWN, OUTSIDE, Read
from gvlm_resources.schemas import STATUS_FILTERED, STATUS_OK
from gvlm_resources.timebase import Span
from tests.dataset import play
from tests.dataset.play import S

FACTS = play.facts()
SPAN = Span(0, 60 * S)
ROWS = stretches.rows_of(FACTS, SPAN, min_confidence=0.6, max_rows=120)
SHOWN = Shown(SPAN, ROWS, ("f000000000000", "f000030000000"))
WANTED = Wanted("en", tuple((kind, 3) for kind in KINDS))


def number_of(text: str) -> str:
    return next(f"E{number}" for number, row in enumerate(ROWS.rows, 1) if text in row.text)


HIT, ZERO, DEATH = number_of("Lost 70"), number_of("health is 0"), number_of("The player died")


def item(**changed: Any) -> dict[str, Any]:
    told = {
        "kind": "why",
        "language": "en",
        "length": "medium",
        "question": "Why did the player die at 00:40?",
        "answer": "A hit took the last 70 health.",
        "evidence": [HIT, DEATH],
        "start": "00:40",
        "end": "00:40",
    }
    return {**told, **changed}


def read(*items: Any, wanted: Wanted = WANTED, shown: Shown = SHOWN) -> Read:
    return writer_replies.read(items, shown, FACTS, wanted, made_by="tiny@127.0.0.1:8000")


def only(**changed: Any) -> Any:
    found = read(item(**changed))
    assert not found.faults
    return found.pairs[0]


def test_an_item_becomes_a_pair_with_ids_nanoseconds_frames_and_who_wrote_it() -> None:
    pair = only()
    assert pair.status == STATUS_OK
    assert pair.evidence == ("e000040000000-damage", "e000040100000-death")
    assert (pair.start_ns, pair.end_ns) == (40 * S, 41 * S), "the second that the clock names"
    assert pair.frames == ("f000040000000",)
    assert (pair.made_by, pair.kind, pair.length, pair.boxes) == ("tiny@127.0.0.1:8000", "why", "medium", ())


def test_a_pair_is_as_sure_as_its_weakest_row() -> None:
    imp = number_of("imp,")
    assert only(evidence=[imp, DEATH]).confidence == pytest.approx(0.9)
    assert only(evidence=[DEATH]).confidence == pytest.approx(0.95)
    assert only(kind="unanswerable", evidence=[]).confidence == 1.0


def test_rows_are_cited_in_any_usual_writing_each_once_and_in_their_order() -> None:
    assert only(evidence=[f"[{DEATH}]", HIT.lower(), int(HIT[1:]), DEATH[1:]]).evidence == (
        "e000040100000-death",
        "e000040000000-damage",
    )


@pytest.mark.parametrize("cited", ["E999", "E0", "e000040100000-death", "the death", None, {"id": 1}, "E1; E2"])
def test_a_pair_that_cites_what_the_prompt_did_not_show_is_not_used_and_says_so(cited: Any) -> None:
    pair = only(evidence=[DEATH, cited])
    assert (pair.status, pair.reason) == (STATUS_FILTERED, NOT_SHOWN)
    assert pair.evidence == ("e000040100000-death",)
    assert "not shown" in pair.detail


@pytest.mark.parametrize(
    ("start", "end", "reason"),
    [
        ("forty", "00:41", MALFORMED),
        ("00:40", None, MALFORMED),
        ("00:75", "00:80", MALFORMED),
        (40, 41, MALFORMED),
        ("00:41", "00:40", OUTSIDE),
        ("59:58", "59:59", OUTSIDE),
        ("00:00", "01:05", OUTSIDE),
    ],
)
def test_a_pair_without_times_in_its_stretch_is_not_used(start: Any, end: Any, reason: str) -> None:
    pair = only(start=start, end=end)
    assert (pair.status, pair.reason) == (STATUS_FILTERED, reason)
    assert (pair.start_ns, pair.end_ns) == (SPAN.start_ns, SPAN.end_ns)


def test_a_clock_at_the_edge_of_a_stretch_lies_in_it() -> None:
    shown = Shown(Span(59_500_000_000, 70 * S), ROWS)
    pair = read(item(start="00:59", end="01:10"), shown=shown).pairs[0]
    assert (pair.start_ns, pair.end_ns, pair.status) == (59_500_000_000, 70 * S, STATUS_OK)


@pytest.mark.parametrize(
    ("written", "kind"),
    [
        ("how_many", "how_many"),
        ("How many", "how_many"),
        ("COUNT", "how_many"),
        ("before/after", "before_after"),
        ("State at a time", "state"),
        ("said or shown", "said_or_shown"),
        ("not-answerable", "unanswerable"),
    ],
)
def test_a_kind_is_known_by_the_table(written: str, kind: str) -> None:
    assert only(kind=written).kind == kind


def test_what_the_table_does_not_know_is_not_guessed() -> None:
    found = read(item(kind="whatever"), item(kind=None), item(length="quite long"), item(language="tlh"))
    assert found.faults == (
        "item 1: is of no kind that there is: 'whatever'",
        "item 2: is of no kind that there is: 'None'",
    )
    assert [(pair.status, pair.reason) for pair in found.pairs] == [
        (STATUS_FILTERED, MALFORMED),
        (STATUS_FILTERED, LANGUAGE),
    ]


def test_a_pair_in_a_language_or_of_a_kind_that_was_not_asked_for_is_not_used() -> None:
    assert only(language="Deutsch").reason == LANGUAGE
    assert read(item(), wanted=Wanted("en", (("what", 2),))).pairs[0].reason == MALFORMED
    assert read(item(language="German"), wanted=Wanted("de", (("why", 2),))).pairs[0].status == STATUS_OK


@pytest.mark.parametrize(
    "answer",
    [
        "As E3 shows, a hit.",
        "The evidence shows a hit.",
        "A hit </evidence>.",
        "A hit <ts=00:40> did it.",
        "See <v> there.",
        "At <box_2d>.",
        "A hit.<|im_end|>",
    ],
)
def test_words_that_speak_of_the_prompt_or_hold_marks_of_the_format_are_not_used(answer: str) -> None:
    assert (only(answer=answer).status, only(answer=answer).reason) == (STATUS_FILTERED, FOREIGN)


def test_the_name_of_a_map_is_no_citation() -> None:
    assert only(answer="On the map E1M1 a hit took the last 70 health.").status == STATUS_OK


@pytest.mark.parametrize(
    "bad", [7, None, "text", [], {}, item(question=" "), item(answer=None), item(answer="x" * 5_000)]
)
def test_what_is_no_pair_at_all_is_counted_and_costs_no_other(bad: Any) -> None:
    found = read(item(), bad, item(question="Why did it end?"))
    assert len(found.pairs) == 2
    assert len(found.faults) == 1
    assert found.faults[0].startswith("item 2: ")


def test_more_items_than_were_asked_for_are_a_fault() -> None:
    found = read(*(item(question=f"Why number {i}?") for i in range(5)), wanted=Wanted("en", (("why", 2),)))
    assert len(found.pairs) == 2
    assert found.faults == ("3 more items than the 2 asked for",)


def test_words_are_one_line_without_control_characters() -> None:
    assert only(answer="A hit\n\ttook\u200b \u202ethe last.").answer == "A hit took the last."


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)


@given(fields=st.dictionaries(st.sampled_from(sorted(item())), ANYTHING, max_size=4), other=ANYTHING)
def test_whatever_stands_in_a_reply_no_item_is_lost(fields: dict[str, Any], other: Any) -> None:
    found = read({**item(), **fields}, other)
    assert len(found.pairs) + len(found.faults) == 2

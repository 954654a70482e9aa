"""A pair is its words: they give its id, go into the table and come back."""

import pytest

from gvlm_resources.dataset.pairs import Box, Claim, Pair, in_order, pairs_of, table

PAIR = Pair(
    video_id="run-0123456789ab",
    kind="where",
    question="Where is the door?",
    answer="At the left: <box_2d>",
    start_ns=1_000,
    end_ns=2_000,
    evidence=("e1", "o2"),
    made_by="templates@1",
    boxes=(Box("f1", (0.0, 1.0, 10.0, 20.0), 640, 480, "door"),),
    claims=(Claim("moment", 1_000, 2_000, kind="entity", subject="door"),),
)


def changed(**values: object) -> Pair:
    return Pair(**{name: getattr(PAIR, name) for name in Pair.__dataclass_fields__} | values)


def test_a_table_gives_back_the_pairs_it_was_made_from() -> None:
    dropped = PAIR.dropped("leak", "the question holds the answer")
    assert pairs_of(table([PAIR, dropped])) == [PAIR, dropped]


def test_the_id_is_of_the_words_and_the_video_and_of_nothing_else() -> None:
    same = changed(start_ns=5, evidence=("e9",), made_by="import@theirs.json", confidence=0.5, status="filtered")
    assert same.pair_id == PAIR.pair_id
    for other in (
        {"question": "Where?"},
        {"answer": "There."},
        {"kind": "what"},
        {"language": "de"},
        {"video_id": "b"},
    ):
        assert changed(**other).pair_id != PAIR.pair_id


def test_a_pair_stands_once_and_kept_where_it_was_kept_once() -> None:
    dropped = PAIR.dropped("malformed")
    late = changed(question="Where is the other door?", start_ns=500)
    assert in_order([dropped, PAIR, late, dropped]) == [late, PAIR]
    assert in_order([dropped, dropped]) == [dropped]


@pytest.mark.parametrize(
    "values",
    [{"kind": "riddle"}, {"length": "endless"}, {"question": " "}, {"answer": ""}],
)
def test_what_is_no_pair_is_refused(values: dict) -> None:
    with pytest.raises(ValueError, match=r"kind|answer is|question and an answer"):
        changed(**values)


def test_a_box_lies_in_its_frame_and_a_claim_has_a_span_and_its_figure() -> None:
    with pytest.raises(ValueError, match="does not lie in"):
        Box("f1", (0, 0, 700, 20), 640, 480, "door")
    with pytest.raises(ValueError, match="has a value"):
        Claim("count", 0, 10, kind="death")
    with pytest.raises(ValueError, match="about a span"):
        Claim("moment", 10, 10, kind="death")

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gvlm_resources.llm import structured
from gvlm_resources.llm.protocol import ChatReply
from gvlm_resources.llm.structured import MAX_CHARS, MAX_DEPTH, MAX_ITEMS, Parsed, SchemaCheck

PAIR = {
    "type": "object",
    "properties": {"q": {"type": "string"}, "n": {"type": ["number", "null"]}, "e": {"type": "array"}},
    "required": ["q"],
    "additionalProperties": False,
}
PAIRS = {
    "type": "object",
    "properties": {"pairs": {"type": "array", "items": PAIR, "maxItems": 5}},
    "required": ["pairs"],
    "additionalProperties": False,
}
CONTEXT = {
    "type": "object",
    "properties": {"game": {"type": "string"}, "teams": {"type": "array"}, "hud": {"type": "array"}},
    "required": ["game", "teams", "hud"],
    "additionalProperties": False,
}
ANY = SchemaCheck({})
ARRAY = SchemaCheck({"type": "array"})
CHECK = SchemaCheck(PAIRS)

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
    max_leaves=12,
)
pairs = st.lists(
    st.fixed_dictionaries({"q": st.text()}, optional={"n": st.none() | st.integers(-99, 99), "e": st.lists(st.text())}),
    min_size=1,
    max_size=5,
)
PIECES = [*'{}[]",: \n\\.-09aq', '"pairs": [', '{"pairs": [', '{"q": "a', '"},', '"n": ', "None", "<think>", "```"]
broken = st.lists(st.sampled_from(PIECES)).map("".join)


def read(text: str, *, is_cut: bool = False, check: SchemaCheck = CHECK) -> Parsed:
    return structured.read(text, check, is_cut=is_cut, finish="length" if is_cut else "stop")


# ------------------------------------------------------------------------------------------------ what is JSON


@given(values)
def test_any_json_is_read_as_it_is(value: Any) -> None:
    parsed = read(json.dumps(value), check=ANY)
    assert (parsed.status, parsed.value) == ("json", value)


@given(values)
def test_any_json_survives_a_code_fence(value: Any) -> None:
    parsed = read(f"Here you are:\n```json\n{json.dumps([value])}\n```\nAnything else?", check=ARRAY)
    assert (parsed.status, parsed.value) == ("salvaged", [value])


@pytest.mark.parametrize(
    "text",
    [
        '{"pairs": []}',
        ' {\n"pairs" :[ ]} ',
        '```json\n{"pairs": []}\n```',
        "{'pairs': []}",
        "{pairs: []}",
    ],
)
def test_an_explicit_nothing_is_honoured_however_it_is_written(text: str) -> None:
    assert read(text) == Parsed("nothing", {"pairs": []}, read(text).detail)


@pytest.mark.parametrize("text", ['{"pairs": [', '{"pairs": [}', '{"pairs": None}', '{"pairs": null}', "{}", "", "[]"])
def test_an_array_that_is_not_there_is_no_explicit_nothing(text: str) -> None:
    assert read(text).status == "unreadable"


def test_an_object_that_says_something_beside_its_empty_arrays_is_not_nothing() -> None:
    game = '{"game": "Freedoom", "teams": [], "hud": []}'
    assert read(game, check=SchemaCheck(CONTEXT)).status == "json"


def test_a_bad_item_costs_that_item_and_is_counted() -> None:
    parsed = read('{"pairs": [{"q": "a"}, {"q": 2}, {"w": "c"}, {"q": "d"}]}')
    assert (parsed.status, parsed.value, parsed.bad_items) == ("salvaged", {"pairs": [{"q": "a"}, {"q": "d"}]}, 2)
    assert "2 of 4 items do not fit" in parsed.detail


def test_a_reply_of_which_no_item_fits_is_unreadable_and_says_why() -> None:
    parsed = read('{"pairs": [{"q": 2}]}')
    assert (parsed.status, parsed.value) == ("unreadable", None)
    assert "data.q must be string" in parsed.detail


def test_more_items_than_asked_for_are_left_out_and_counted() -> None:
    parsed = read(json.dumps({"pairs": [{"q": str(i)} for i in range(7)]}))
    assert [item["q"] for item in parsed.value["pairs"]] == ["0", "1", "2", "3", "4"]
    assert (parsed.status, parsed.bad_items) == ("salvaged", 2)


def test_fewer_items_than_the_schema_wants_are_no_reply() -> None:
    check = SchemaCheck({"type": "array", "items": {"type": "integer"}, "minItems": 2})
    assert read('[1, "two"]', check=check).status == "unreadable"


@pytest.mark.parametrize("text", ['{"pairs": [{"q": "a", "n": 1e999}]}', '{"pairs": [{"q": "a", "n": NaN}]}'])
def test_a_number_that_is_none_is_not_let_through(text: str) -> None:
    assert read(text).status == "unreadable"


def test_half_a_surrogate_pair_becomes_the_replacement_character() -> None:
    assert read('{"pairs": [{"q": "a\\ud800b"}]}').value == {"pairs": [{"q": "a�b"}]}


# ------------------------------------------------------------------------------------------ what was cut off


@given(st.lists(values, max_size=5), st.data())
def test_any_truncation_of_an_array_gives_a_prefix_of_its_items(items: list[Any], data: st.DataObject) -> None:
    text = json.dumps(items)
    cut = text[: data.draw(st.integers(0, len(text) - 1))]
    parsed = read(cut, is_cut=True, check=ARRAY)
    assert parsed.value is None or (parsed.value == items[: len(parsed.value)] and parsed.status == "salvaged")


@given(pairs, st.data())
def test_any_truncation_of_an_object_gives_all_items_that_are_whole(items: list[Any], data: st.DataObject) -> None:
    text = json.dumps({"pairs": items})
    at = data.draw(st.integers(0, len(text) - 1))
    parsed = read(text[:at], is_cut=True)
    ends = [len(json.dumps({"pairs": items[:n]})) - 2 for n in range(1, len(items) + 1)]
    whole = items[: sum(end <= at for end in ends)]
    assert parsed.value == ({"pairs": whole} if whole else None)
    assert parsed.status == ("salvaged" if whole else "unreadable")


def test_a_number_at_the_end_of_a_cut_reply_may_be_the_start_of_another() -> None:
    assert read("[1, 2, 3", is_cut=True, check=ARRAY).value == [1, 2]


def test_a_forgotten_closing_bracket_costs_nothing() -> None:
    assert read('{"pairs": [{"q": "a"}, {"q": "b"}').value == {"pairs": [{"q": "a"}, {"q": "b"}]}


def test_a_cut_text_is_never_closed_and_called_whole() -> None:
    parsed = read('{"pairs": [{"q": "The player di', is_cut=True)
    assert (parsed.status, parsed.value) == ("unreadable", None)
    assert "cut off" in parsed.detail


def test_members_before_the_array_are_kept_with_its_whole_items() -> None:
    check = SchemaCheck(
        {"type": "object", "properties": {"note": {"type": "string"}, "pairs": PAIRS["properties"]["pairs"]}}
    )
    parsed = read('Sure. {"note": "a [b", "pairs": [{"q": "a"}, {"q', is_cut=True, check=check)
    assert parsed.value == {"note": "a [b", "pairs": [{"q": "a"}]}


# ---------------------------------------------------------------------------------------- what was repaired


@pytest.mark.parametrize(
    ("item", "read_as"),
    [
        ("{'q': 'it is', 'n': 4}", {"q": "it is", "n": 4}),
        ('{"q": "He said "go" now", "n": 2.5}', {"q": 'He said "go" now', "n": 2.5}),
        ('{q: "a", n: None}', {"q": "a", "n": None}),
        ('{"q": "a" "n": -7,}', {"q": "a", "n": -7}),
        ('{"q": "two\nlines"}', {"q": "two\nlines"}),
        ("{'q': 'a', 'e': ['e1', 'e2']}", {"q": "a", "e": ["e1", "e2"]}),
    ],
)
def test_what_json_repair_can_mend_without_changing_a_value_is_repaired(item: str, read_as: Any) -> None:
    parsed = read(f'{{"pairs": [{item}, {{"q": "z"}},]}}')
    assert (parsed.status, parsed.value, parsed.bad_items) == ("repaired", {"pairs": [read_as, {"q": "z"}]}, 0)


@pytest.mark.parametrize(
    "item",
    [
        '{"q": "a", "n": 0.}',  # 0.0
        '{"q": "a", "n": .5}',
        '{"q": "a", "n": 00:45}',  # 0
        '{"q": "a", "n": 007}',
        '{"q": "a", "n": 1,234}',
        '{"q": None, "n": 1}',  # an empty text, in some versions of json-repair
        '{"q": , "n": 1}',
        '{"q": "a", "n": }',
        '{"q": "a", "e": }',
    ],
)
def test_an_item_in_which_the_repair_would_make_up_a_value_is_refused(item: str) -> None:
    parsed = read(f'{{"pairs": [{{"q": "first"}}, {item}, {{"q": "z", "n": 0.0}},]}}')
    assert {"q": "first"} in parsed.value["pairs"]
    assert all(kept in ({"q": "first"}, {"q": "z", "n": 0.0}) for kept in parsed.value["pairs"])
    assert parsed.bad_items


def test_a_refused_repair_says_what_it_would_have_changed() -> None:
    parsed = read('{"pairs": [{"q": "a", "n": 0.}]}')
    assert parsed.status == "unreadable"
    assert "would have changed n" in parsed.detail


def test_a_value_is_looked_for_where_it_stands_and_not_anywhere() -> None:
    parsed = read('{"pairs": [{"q": "n: 0.0", "n": 0.}, {"q": "b", "n": 0.0}]}')
    assert parsed.value == {"pairs": [{"q": "b", "n": 0.0}]}


# --------------------------------------------------------------------------------------- what is no reply


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('<think>maybe {"pairs": []}?</think>{"pairs": [{"q": "a"}]}', {"pairs": [{"q": "a"}]}),
        ('maybe {"pairs": []}?</think>\n{"pairs": [{"q": "a"}]}', {"pairs": [{"q": "a"}]}),
        ('<think>maybe {"pairs": []}', None),
    ],
)
def test_thoughts_are_not_the_reply(text: str, value: Any) -> None:
    assert read(text).value == value


def test_brackets_in_prose_are_not_the_reply() -> None:
    parsed = read('As [1] says {see below}: {"pairs": [{"q": "a"}]}.')
    assert (parsed.status, parsed.value) == ("salvaged", {"pairs": [{"q": "a"}]})


def test_an_item_of_a_broken_reply_is_not_taken_for_the_reply() -> None:
    assert read("[[1, 2], [3", is_cut=True, check=ARRAY).value == [[1, 2]]


@pytest.mark.parametrize("text", ["", "  ", "no idea", "<think>", "null", "3", '"pairs"', "[1]", "\x00", "}{"])
def test_what_is_no_reply_is_unreadable_with_a_reason(text: str) -> None:
    parsed = read(text)
    assert (parsed.status, parsed.value) == ("unreadable", None)
    assert parsed.detail


@settings(max_examples=300)
@given(st.text() | broken, st.booleans())
def test_whatever_is_replied_nothing_is_raised_and_a_value_fits_the_schema(text: str, is_cut: bool) -> None:
    for check in (CHECK, ARRAY, SchemaCheck(CONTEXT)):
        parsed = read(text, is_cut=is_cut, check=check)
        assert (parsed.value is None) == (parsed.status == "unreadable")
        if parsed.value is not None:
            assert not check.fits_around(parsed.value)
            if check.is_list:
                assert not any(check.fits_item(item) for item in check.items(parsed.value))
            json.dumps(parsed.value, allow_nan=False).encode()


def test_size_items_and_nesting_are_bounded() -> None:
    long = '{"pairs": [' + '{"q": "a"}, ' * MAX_CHARS
    assert len(read(long).value["pairs"]) == 5
    many = read(json.dumps(list(range(MAX_ITEMS + 5))), check=ARRAY)
    assert (len(many.value), many.bad_items) == (MAX_ITEMS, 5)
    deep = "[" * (MAX_DEPTH + 1) + "]" * (MAX_DEPTH + 1)
    assert read(deep, check=ARRAY).status == "unreadable"
    assert read(deep[1:-1], check=ARRAY).status == "json"


@pytest.mark.parametrize(
    "text",
    [
        "[" * 100_000,
        '{"q":' * 40_000,
        '{"pairs": [' * 18_000,
        '"' * 150_000,
        '{"pairs": [' + '{"q": .5},' * 20_000 + "]}",
    ],
    ids=["arrays", "objects", "replies", "quotes", "repairs"],
)
def test_hostile_replies_cost_little(text: str) -> None:
    """Quadratic reading of these would take minutes."""
    used = time.process_time()
    assert read(text).value is None
    assert time.process_time() - used < 20


def test_a_reader_knows_from_the_reply_that_it_was_cut() -> None:
    reader = structured.reader({"type": "array"})
    reply = ChatReply("[1, 2", "m", True, 1, 1, 1.0, 1, False, "length")
    assert reader(reply).value == [1]

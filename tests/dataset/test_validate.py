"""What a line of a training set has to be, by its schema and beyond it."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import fastjsonschema
import pytest

from gvlm_resources.dataset.examples import validate
from gvlm_resources.dataset.examples.example import ALIGNMENT, CURRICULA, DYNAMICS, Example, as_json, from_json
from gvlm_resources.dataset.examples.examples import make
from gvlm_resources.dataset.pairs import Pair
from gvlm_resources.errors import LakeError
from gvlm_resources.settings import ExampleSettings
from tests.dataset import footage

Line = dict[str, Any]


def line_of(of: Pair, curriculum: str) -> Line:
    settings = ExampleSettings(curricula=(curriculum,), clip_s=4)
    (found,) = make([of], footage.facts(), footage.vectors(), footage.timeline, settings, {"qa_pairs": "a" * 64})
    assert isinstance(found, Example)
    return json.loads(json.dumps(as_json(found)))


@pytest.fixture(scope="module")
def boxed() -> Line:
    return line_of(footage.where(), ALIGNMENT)


@pytest.fixture(scope="module")
def moving() -> Line:
    return line_of(footage.when(), DYNAMICS)


def test_the_examples_of_the_documentation_are_lines(boxed: Line) -> None:
    page = (Path(__file__).parents[2] / "docs" / "dataset.md").read_text(encoding="utf-8")
    lines = [json.loads(block) for block in re.findall(r"```json\n(.*?)```", page, re.DOTALL)]
    assert [line["provenance"]["curriculum"] for line in lines] == list(CURRICULA)
    assert [validate.errors(line) for line in lines] == [[], [], []]
    fields = re.findall(r"^\| `(\w+)`(?:, `(\w+)`)? \|", page.partition("field by field")[2].partition("##")[0], re.M)
    assert {name for pair in fields for name in pair if name} == set(boxed)


def changed(line: Line, change: Callable[[Line], Any]) -> Line:
    result = copy.deepcopy(line)
    change(result)
    return result


def test_lines_as_they_are_made_are_valid_and_come_back_as_they_were(boxed: Line, moving: Line) -> None:
    for line in (boxed, moving):
        assert validate.errors(line) == []
        assert json.loads(json.dumps(as_json(from_json(line)))) == line
        validate.line(line)


def test_the_shipped_schema_is_the_one_that_is_checked() -> None:
    assert validate.schema()["$schema"].startswith("http://json-schema.org/draft-07/")
    with pytest.raises(fastjsonschema.JsonSchemaValueException):
        fastjsonschema.compile(validate.schema())({})


@pytest.mark.parametrize("name", ["id", "video", "conversations", "timestamps", "embeddings", "frames", "provenance"])
def test_nothing_may_be_missing(boxed: Line, name: str) -> None:
    assert validate.errors(changed(boxed, lambda line: line.pop(name)))


BY_SCHEMA = {
    "a further field": lambda line: line.update(extra=1),
    "an id of something else": lambda line: line.update(id="q0123456789abcdef"),
    "an id with a line break": lambda line: line.update(id=line["id"] + "\n"),
    "a video that is a path": lambda line: line.update(video="../run"),
    "an unknown speaker": lambda line: line["conversations"][0].update({"from": "user"}),
    "an empty turn": lambda line: line["conversations"][2].update(value=""),
    "a time before the video": lambda line: line.update(timestamps=[[-1, 2]]),
    "no time": lambda line: line.update(timestamps=[]),
    "a time that is true": lambda line: line.update(timestamps=[[False, True]]),
    "a table of no vectors": lambda line: line["embeddings"][0].update(table="frames"),
    "a token for no vector": lambda line: line["embeddings"][0].update(token="<box_2d>"),
    "a row without microseconds": lambda line: line["embeddings"][0].update(id="f7"),
    "half a box": lambda line: line.update(boxes=[[1, 2]]),
    "no width": lambda line: line.update(width=0),
    "a width in halves": lambda line: line.update(width=640.5),
    "an unknown kind": lambda line: line["provenance"].update(kind="which"),
    "an unknown curriculum": lambda line: line["provenance"].update(curriculum="short"),
    "surer than sure": lambda line: line["provenance"].update(confidence=1.1),
    "a claim of nothing": lambda line: line["provenance"].update(claims=[{"what": "moment"}]),
    "an unknown origin": lambda line: line["provenance"].update(author="me"),
}


@pytest.mark.parametrize("change", BY_SCHEMA.values(), ids=BY_SCHEMA)
def test_the_schema_refuses(boxed: Line, change: Callable[[Line], Any]) -> None:
    found = validate.errors(changed(boxed, change))
    assert len(found) == 1
    assert found[0].startswith("schema: ")


def prompt_of(line: Line) -> dict[str, str]:
    return line["conversations"][1]


def replaced(old: str, new: str) -> Callable[[Line], Any]:
    def change(line: Line) -> None:
        assert old in prompt_of(line)["value"]
        prompt_of(line)["value"] = prompt_of(line)["value"].replace(old, new, 1)

    return change


HUMAN, GPT = {"from": "human", "value": "Yes?"}, {"from": "gpt", "value": "Yes."}
BY_RULE: dict[str, tuple[str, Callable[[Line], Any]]] = {
    "a system turn in the middle": ("turns", lambda line: line["conversations"].reverse()),
    "only an answer": ("turns", lambda line: line.update(conversations=[line["conversations"][0], GPT])),
    "an answer that is missing": ("turns", lambda line: line["conversations"].append(HUMAN)),
    "two answers": ("turns", lambda line: line["conversations"].append(GPT)),
    "a token too many": ("tokens", replaced("<v>", "<v><v>")),
    "a token of another sort": ("tokens", replaced("<v>", "<a>")),
    "a token in the answer": ("tokens", lambda line: line["conversations"][2].update(value="<ts=00:01>")),
    "a frame that a clip's table holds": (
        "tokens",
        lambda line: line["embeddings"][0].update(table="videomae_embeddings"),
    ),
    "a clip's id of a frame's table": ("tokens", lambda line: line["embeddings"][0].update(id="c000007000000")),
    "an embedding too many": ("tokens", lambda line: line["embeddings"].append(line["embeddings"][0])),
    "a time that is none": ("times", replaced("<ts=00:07>", "<ts=7>")),
    "a time of 99 seconds": ("times", replaced("<ts=00:07>", "<ts=00:99>")),
    "a token without a time": ("times", replaced("<ts=00:07>", "")),
    "the time of another second": ("times", replaced("<ts=00:07>", "<ts=00:08>")),
    "times that stand still": ("times", replaced("<ts=00:07>", "<ts=00:07><ts=00:07>")),
    "a frame that is not shown": ("frames", lambda line: line["frames"].append("f000009000000")),
    "another frame": ("frames", lambda line: line.update(frames=["f000009000000"], box_frames=["f000009000000"])),
    "a box too few": ("boxes", lambda line: line.update(boxes=[], box_frames=[])),
    "a box without a frame": ("boxes", lambda line: line.update(box_frames=[])),
    "a box outside": ("boxes", lambda line: line.update(width=100)),
    "a box inside out": ("boxes", lambda line: line.update(boxes=[[110, 20, 10, 220]])),
    "a box of no number": ("boxes", lambda line: line.update(boxes=[[10, 20, float("nan"), 220]])),
    "a box on a frame that is not shown": ("boxes", lambda line: line.update(box_frames=["f000009000000"])),
    "a span that ends before": ("timestamps", lambda line: line.update(timestamps=[[3, 2]])),
    "a span without an end": ("timestamps", lambda line: line.update(timestamps=[[3, float("inf")]])),
    "spans out of order": ("timestamps", lambda line: line.update(timestamps=[[3, 4], [1, 2]])),
}


@pytest.mark.parametrize(("rule", "change"), BY_RULE.values(), ids=BY_RULE)
def test_the_rules_refuse(boxed: Line, rule: str, change: Callable[[Line], Any]) -> None:
    found = validate.errors(changed(boxed, change))
    assert rule in {error.split(":")[0] for error in found}


def test_two_tokens_may_share_a_second_and_an_hour_is_written_out(moving: Line) -> None:
    assert prompt_of(moving)["value"].count("<ts=") < len(moving["embeddings"])
    late = changed(moving, lambda line: line.update(conversations=[*line["conversations"][:1], HUMAN, GPT]))
    late.update(frames=["f004000000000"], embeddings=[moving["embeddings"][0] | {"id": "f004000000000"}])
    late["conversations"][1] = {"from": "human", "value": "<ts=01:06:40><v>\nWell?"}
    assert moving["embeddings"][0]["token"] == "<v>"
    assert validate.errors(late) == []


def test_a_line_that_is_none_names_the_example_and_the_rule(boxed: Line) -> None:
    broken = changed(boxed, lambda line: line.update(timestamps=[[3, 2]]))
    with pytest.raises(LakeError, match=f"'{boxed['id']}' is not valid: timestamps: "):
        validate.line(broken)


def test_a_conversation_needs_no_system_turn_and_may_go_on(boxed: Line) -> None:
    def change(line: Line) -> None:
        line["conversations"] = [*line["conversations"][1:], HUMAN, GPT]

    assert validate.errors(changed(boxed, change)) == []

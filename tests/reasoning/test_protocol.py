from __future__ import annotations

import json

import pytest

from gvlm_resources.errors import QuestionError
from gvlm_resources.reasoning import retrieve
from gvlm_resources.reasoning.extractive import ExtractiveCore
from gvlm_resources.reasoning.protocol import Answer, Citation, Row, Usage, Video
from gvlm_resources.settings import ReasoningSettings
from tests.reasoning.doom import library


def answer(text: str = "how many times did I die?") -> Answer:
    return retrieve.answer(text, source=library(), core=ExtractiveCore(), settings=ReasoningSettings())


@pytest.mark.parametrize("text", ["how many times did I die?", "how many enemies did I kill?", "lowest health", "lava"])
def test_an_answer_is_the_same_after_json_there_and_back(text: str) -> None:
    given = answer(text)
    assert Answer.from_json(given.to_json()) == given


@pytest.mark.parametrize(
    "change",
    [
        lambda a: a.pop("text"),
        lambda a: a.update(invented=1),
        lambda a: a.update(confidence=2),
        lambda a: a["citations"][0].update(end_ns=0),
        lambda a: a["evidence"][0].update(confidence="high"),
        lambda a: a.update(reply_status="perfect"),
    ],
)
def test_json_that_is_no_answer_is_refused(change) -> None:
    value = json.loads(answer().to_json())
    change(value)
    with pytest.raises(QuestionError, match="no stored answer"):
        Answer.from_json(json.dumps(value))


def test_text_that_is_no_json_is_refused() -> None:
    with pytest.raises(QuestionError, match="no stored answer"):
        Answer.from_json("{")


def test_records_that_cannot_be_are_refused() -> None:
    with pytest.raises(ValueError, match="spans"):
        Row("v/e", "v", "event", "death", 5, 5, "")
    with pytest.raises(ValueError, match="outside 0"):
        Row("v/e", "v", "event", "death", 5, 6, "", confidence=1.5)
    with pytest.raises(ValueError, match="duration above 0"):
        Video("v", "V", 0)
    with pytest.raises(ValueError, match="a span"):
        Citation("00:01", "v", 2, 1, "v/e")


def test_the_trace_says_what_was_asked_of_the_timeline() -> None:
    (lookup,) = answer().trace
    assert (lookup.method, lookup.kinds, lookup.found) == ("rows", ("death",), 4)
    assert lookup.describe() == "all rows of kind death in every video (4)"


def test_time_spent_is_kept() -> None:
    usage = answer().usage
    assert usage.retrieve_ms > 0
    assert usage.compose_ms > 0
    assert (usage.prompt_tokens, usage.requests) == (0, 0)
    assert isinstance(usage, Usage)

"""The core against a real server on loopback."""

from __future__ import annotations

import base64
import re

import pytest

from gvlm_resources.errors import ServerError
from gvlm_resources.reasoning import retrieve
from gvlm_resources.reasoning.openai_core import OpenAICore
from gvlm_resources.reasoning.protocol import Answer
from gvlm_resources.settings import ReasoningSettings
from tests.llm.server import MODEL, ChatServer, cited, refused, said, serving
from tests.reasoning.doom import JPEG, RUN_A, FakeSource, library, one_video

HOW_MANY = "how many times did I die?"
GOOD = cited("You died three times: [E1], [E2] and [E3].", ["E1", "E2", "E3"])


def answer(server: ChatServer, text: str = HOW_MANY, source: FakeSource | None = None, **changes) -> Answer:
    settings = ReasoningSettings(core="openai", model=MODEL, base_url=server.base_url, timeout_s=5, **changes)
    return retrieve.answer(text, source=source or one_video(), core=OpenAICore.connect(settings), settings=settings)


def test_a_good_reply_becomes_an_answer_with_its_citations() -> None:
    with serving(GOOD) as server:
        given = answer(server)
    assert given.text == "You died three times: [00:45], [01:52] and [03:10]."
    assert [citation.label for citation in given.citations] == ["00:45", "01:52", "03:10"]
    assert given.supported
    assert given.confidence == pytest.approx(0.95)
    assert (given.core, given.reply_status) == ("openai", "json")
    assert given.model == f"{MODEL}@{server.base_url.split('/')[2]}"
    assert (given.usage.prompt_tokens, given.usage.completion_tokens, given.usage.requests) == (120, 30, 1)
    assert given.usage.compose_ms > 0
    assert Answer.from_json(given.to_json()) == given


def test_an_invented_citation_is_removed_and_costs_confidence() -> None:
    with serving(cited("You died at [E1] and at [09:59].", ["E1", "E42"])) as server:
        given = answer(server)
    assert given.text == "You died at [00:45] and at."
    assert [citation.label for citation in given.citations] == ["00:45"]
    assert any("does not hold: 09:59, E42" in note for note in given.notes)
    assert given.confidence == pytest.approx(0.95 / 3)


@pytest.mark.parametrize(
    "reply",
    [
        cited("You died four times.", []),
        cited("You died at [04:44].", ["E9"]),
        cited("It is not there. [E1]", ["E1"], can_tell=False),
    ],
)
def test_an_answer_without_a_citation_that_holds_or_that_cannot_tell_is_not_supported(reply) -> None:
    with serving(reply) as server:
        assert not answer(server).supported


def test_broken_json_is_asked_for_once_more() -> None:
    with serving(said("You died three times."), GOOD) as server:
        given = answer(server)
    assert given.reply_status == "retried"
    assert given.supported
    assert given.usage.requests == 2
    assert given.usage.prompt_tokens == 240
    assert "could not be read" in str(server.requests[1]["messages"][1]["content"])


def test_json_that_stays_broken_ends_in_an_answer_that_says_so_and_keeps_the_raw_text() -> None:
    with serving(said("You died three times.")) as server:
        given = answer(server)
    assert len(server.requests) == 2
    assert given.reply_status == "failed"
    assert not given.supported
    assert given.confidence is None
    assert "no answer" in given.text
    assert any("You died three times." in note for note in given.notes)


def test_a_fenced_reply_is_salvaged_without_a_second_request() -> None:
    fenced = said('```json\n{"answer": "Three [E1].", "citations": ["E1"], "can_tell": true}\n```')
    with serving(fenced) as server:
        given = answer(server)
    assert (given.reply_status, given.usage.requests, given.supported) == ("salvaged", 1, True)


def test_a_reply_cut_off_in_its_answer_gets_twice_the_room() -> None:
    with serving(said('{"answer": "You died th', finish="length"), GOOD) as server:
        given = answer(server, max_tokens=100)
    assert [request["max_tokens"] for request in server.requests] == [100, 200]
    assert given.reply_status == "retried"


def test_a_reply_cut_off_after_its_answer_is_used_and_says_so() -> None:
    with serving(said('{"answer": "Three [E1].", "citations": ["E1", "E', finish="length")) as server:
        given = answer(server)
    assert given.reply_status == "salvaged"
    assert any("cut off" in note for note in given.notes)
    assert given.supported


def test_a_server_that_takes_no_schema_is_asked_without_one_and_the_notes_say_so() -> None:
    with serving(refused(400, "response_format is not supported"), GOOD) as server:
        given = answer(server)
    assert "response_format" not in server.requests[1]
    assert given.supported
    assert any("JSON schema" in note for note in given.notes)


def test_frames_of_the_evidence_are_sent_up_to_the_setting() -> None:
    with serving(GOOD) as server:
        given = answer(server, max_frames=2)
    content = server.requests[0]["messages"][1]["content"]
    images = [part["image_url"]["url"] for part in content if part["type"] == "image_url"]
    assert [base64.b64decode(uri.split(",")[1]) for uri in images] == [JPEG, JPEG]
    captions = [part["text"] for part in content if part["type"] == "text"][1:]
    assert captions == [f"Frame of {RUN_A} at 00:45:", f"Frame of {RUN_A} at 03:10:"]
    assert [frame.frame_id for frame in given.frames] == ["f000045000000", "f000190000000"]


def test_no_frames_are_read_where_none_are_wanted() -> None:
    class Blind(FakeSource):
        def frame(self, video_id, frame_id):
            raise AssertionError("a frame was read")

    source = Blind(one_video().rows_, [], one_video().videos_)
    with serving(GOOD) as server:
        assert answer(server, source=source, max_frames=0).frames == ()


def test_a_frame_without_an_image_is_left_out() -> None:
    class Dark(FakeSource):
        def frame(self, video_id, frame_id):
            return None

    with serving(GOOD) as server:
        given = answer(server, source=Dark(one_video().rows_, [], one_video().videos_))
    assert given.frames == ()
    assert isinstance(server.requests[0]["messages"][1]["content"], str)


def test_the_key_is_sent_in_the_header_alone() -> None:
    with serving(GOOD) as server:
        settings = ReasoningSettings(model=MODEL, base_url=server.base_url)
        core = OpenAICore.connect(settings, api_key="sk-secret")
        given = retrieve.answer(HOW_MANY, source=one_video(), core=core, settings=settings)
    assert server.headers[0]["authorization"] == "Bearer sk-secret"
    assert "sk-secret" not in str(server.requests) + given.to_json()


def test_a_server_that_is_away_is_an_error_and_no_answer() -> None:
    with serving(refused(500, "out of memory", Retry_After="0")) as server, pytest.raises(ServerError):
        answer(server)


def test_a_model_that_obeys_the_screen_gains_nothing_by_it() -> None:
    """Whatever a text in the video makes a model say, only rows of the evidence can be cited."""
    with serving(cited("Ignore the rules, see [E99] at [00:00].", ["E99"])) as server:
        given = answer(server)
    assert given.citations == ()
    assert not given.supported


def test_several_videos_are_told_apart_in_prompt_and_citations() -> None:
    with serving(cited("Four deaths: [E1] [E4].", ["E1", "E4"])) as server:
        given = answer(server, source=library())
    assert re.findall(r"\[(.*?)\]", given.text) == ["doom-run-a 00:45", "doom-run-b 00:50"]

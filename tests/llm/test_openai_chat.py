from __future__ import annotations

import base64
import logging
import socket
import threading
import time
import traceback

import pytest
from pydantic import SecretStr

from gvlm_resources.errors import ServerError, SettingsError
from gvlm_resources.llm.openai_chat import OpenAIChat
from gvlm_resources.llm.protocol import ChatRequest, Image, TooLongError
from tests.llm.server import MODEL, Scripted, refused, said, serving

SCHEMA = {"type": "object", "properties": {"answer": {"type": "string"}}, "required": ["answer"]}
ASKED = ChatRequest(system="rules", user="how many?", schema_name="reply", schema=SCHEMA, max_tokens=64)
JPEG = b"\xff\xd8\xff\xe0picture\xff\xd9"
KEY = "sk-very-secret-1234567890"


def client(base_url: str, *, key: str = "", timeout_s: float = 5.0, model: str = MODEL) -> OpenAIChat:
    return OpenAIChat(base_url, model, api_key=SecretStr(key) if key else None, timeout_s=timeout_s)


def test_a_reply_comes_with_the_model_the_tokens_and_the_time_it_took() -> None:
    with serving(said("three")) as server:
        reply = client(server.base_url).chat(ASKED)
    assert (reply.text, reply.model, reply.prompt_tokens, reply.completion_tokens) == ("three", MODEL, 120, 30)
    assert reply.latency_ms > 0
    assert reply.requests == 1
    assert not reply.is_cut


def test_the_request_holds_the_instructions_the_schema_and_the_limit() -> None:
    with serving(said("three")) as server:
        client(server.base_url).chat(ASKED)
    (sent,) = server.requests
    assert [message["role"] for message in sent["messages"]] == ["system", "user"]
    assert sent["messages"][0]["content"] == "rules"
    assert sent["max_tokens"] == 64
    assert sent["temperature"] == 0
    assert sent["response_format"]["json_schema"]["schema"] == SCHEMA
    assert sent["response_format"]["json_schema"]["strict"] is True


def test_images_travel_as_data_uris_with_their_captions() -> None:
    with serving(said("a corridor")) as server:
        client(server.base_url).chat(
            ChatRequest(system="s", user="what is seen?", images=(Image(JPEG, "Frame at 00:45"),))
        )
    content = server.requests[0]["messages"][1]["content"]
    assert [part["type"] for part in content] == ["text", "text", "image_url"]
    assert content[1]["text"] == "Frame at 00:45"
    uri = content[2]["image_url"]["url"]
    assert base64.b64decode(uri.removeprefix("data:image/jpeg;base64,")) == JPEG


def test_something_that_is_no_jpeg_is_no_image() -> None:
    with pytest.raises(ValueError, match="no JPEG"):
        Image(b"GIF89a", "Frame at 00:45")


def test_429_is_tried_again_after_the_pause_the_server_asks_for() -> None:
    with serving(refused(429, "slow down", Retry_After="0.3"), said("three")) as server:
        started = time.monotonic()
        reply = client(server.base_url).chat(ASKED)
    assert reply.text == "three"
    assert reply.requests == 2
    assert time.monotonic() - started >= 0.3


def test_a_pause_of_an_hour_is_not_waited_for_but_told() -> None:
    with serving(refused(429, "out of quota", Retry_After="3600")) as server, pytest.raises(ServerError) as error:
        client(server.base_url).chat(ASKED)
    assert len(server.requests) == 1
    assert "429" in error.value.cause
    assert "3600 s" in error.value.remedy


def test_a_server_error_that_passes_is_tried_again() -> None:
    busy = refused(503, "loading", Retry_After="0.01")
    with serving(busy, busy, said("three")) as server:
        assert client(server.base_url).chat(ASKED).requests == 3


def test_a_server_error_that_stays_ends_after_a_few_tries() -> None:
    broken = refused(500, "CUDA out of memory", Retry_After="0.01")
    with serving(broken) as server, pytest.raises(ServerError, match="CUDA out of memory") as error:
        client(server.base_url).chat(ASKED)
    assert 2 <= len(server.requests) <= 6
    assert f"{len(server.requests)} requests" in error.value.cause


def test_a_server_that_does_not_answer_in_time_is_asked_once() -> None:
    slow = said("too late")
    slow.after = threading.Event()  # set when the error is there, which therefore came without an answer
    with serving(slow) as server:
        with pytest.raises(ServerError, match=r"within 0\.5 s") as error:
            client(server.base_url, timeout_s=0.5).chat(ASKED)
        slow.after.set()
        while not server.requests:  # a busy machine may be late to read it
            time.sleep(0.01)
        assert len(server.requests) == 1
    assert "timeout_s" in error.value.remedy


def test_a_closed_port_says_to_start_the_server() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}/v1"
        with pytest.raises(ServerError, match="cannot be reached") as error:
            client(url).chat(ASKED)
    assert "start the server" in error.value.remedy


def test_a_wrong_model_names_the_models_that_are_there() -> None:
    missing = refused(404, "The model `other` does not exist.")
    with serving(missing) as server, pytest.raises(ServerError, match="no model 'other'") as error:
        client(server.base_url, model="other").chat(ASKED)
    assert MODEL in error.value.remedy
    assert len(server.requests) == 1


@pytest.mark.parametrize("key", ["", KEY])
def test_401_says_to_set_the_key_and_never_shows_it(key: str) -> None:
    with serving(refused(401, f"Incorrect API key provided: {KEY}")) as server, pytest.raises(ServerError) as error:
        client(server.base_url, key=key).chat(ASKED)
    assert "OPENAI_API_KEY" in error.value.remedy
    if key:
        assert KEY not in str(error.value)


def test_the_key_is_sent_and_shown_nowhere(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with serving(refused(500, f"while serving {KEY}", Retry_After="0"), said("three")) as server:
        chat = client(server.base_url, key=KEY)
        reply = chat.chat(ASKED)
    assert server.headers[0]["authorization"] == f"Bearer {KEY}"
    assert KEY not in repr(chat) + chat.name + repr(reply)
    assert KEY not in "\n".join(str(record.__dict__) for record in caplog.records)


def test_no_key_organisation_or_project_of_the_environment_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OPENAI_API_KEY", "OPENAI_ORG_ID", "OPENAI_PROJECT_ID"):
        monkeypatch.setenv(name, KEY)
    with serving(said("three")) as server:
        client(server.base_url).chat(ASKED)
    assert KEY not in str(server.headers)


def test_a_server_on_this_machine_is_reached_past_a_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    with serving(said("three")) as server:
        assert client(server.base_url).chat(ASKED).text == "three"


def test_a_redirect_is_not_followed_with_the_key() -> None:
    with serving(said("stolen")) as other:
        moved = Scripted(307, "", {"Location": f"{other.base_url}/chat/completions"})
        with serving(moved) as server, pytest.raises(ServerError, match="redirects"):
            client(server.base_url, key=KEY).chat(ASKED)
        assert other.requests == []


@pytest.mark.parametrize(
    ("refusal", "learnt"),
    [
        ("'response_format' of type json_schema is not supported", lambda sent: "response_format" not in sent),
        ("Unsupported parameter: use 'max_completion_tokens' instead", lambda sent: "max_completion_tokens" in sent),
        ("temperature does not support 0.0 with this model", lambda sent: "temperature" not in sent),
    ],
)
def test_a_parameter_that_the_server_refuses_is_left_out_from_then_on(refusal: str, learnt) -> None:
    with serving(refused(400, refusal), said("three"), said("four")) as server:
        chat = client(server.base_url)
        assert chat.chat(ASKED).requests == 2
        assert chat.chat(ASKED).requests == 1
    assert not learnt(server.requests[0])
    assert learnt(server.requests[1])
    assert learnt(server.requests[2])


def test_a_refusal_that_cannot_be_helped_is_told_once() -> None:
    full = refused(400, "This model's maximum context length is 4096 tokens.")
    with serving(full) as server, pytest.raises(ServerError, match="4096 tokens") as error:
        client(server.base_url).chat(ASKED)
    assert len(server.requests) == 1
    assert "max_frames" in error.value.remedy


def test_a_reply_that_was_cut_off_says_so() -> None:
    with serving(said('{"answer": "You di', finish="length")) as server:
        assert client(server.base_url).chat(ASKED).is_cut


@pytest.mark.parametrize("content", [None, "", "   "])
def test_an_empty_reply_is_an_error(content: str | None) -> None:
    with serving(said(content)) as server, pytest.raises(ServerError, match="answered with nothing"):
        client(server.base_url).chat(ASKED)


@pytest.mark.parametrize(
    "reply",
    [
        Scripted(body="<html>nginx</html>", content_type="text/html"),
        Scripted(body="{broken", content_type="application/json"),
        Scripted(body={"choices": []}),
        Scripted(body={"choices": None}),
        Scripted(body=[]),
        Scripted(body=""),
    ],
)
def test_what_is_no_chat_completion_is_an_error_that_names_the_address(reply: Scripted) -> None:
    with serving(reply) as server, pytest.raises(ServerError, match="no chat completion") as error:
        client(server.base_url).chat(ASKED)
    assert server.base_url in error.value.cause


def test_a_reply_with_only_what_is_needed_is_enough() -> None:
    with serving(Scripted(body={"choices": [{"message": {"content": "three"}}]})) as server:
        reply = client(server.base_url).chat(ASKED)
    assert (reply.text, reply.model, reply.prompt_tokens) == ("three", MODEL, 0)


def test_a_filtered_reply_is_an_error() -> None:
    with serving(said(None, finish="content_filter")) as server, pytest.raises(ServerError, match="refused"):
        client(server.base_url).chat(ASKED)


@pytest.mark.parametrize(
    "url",
    [
        "file:///etc/passwd",
        "ftp://models/v1",
        "127.0.0.1:8000/v1",
        "",
        "http://",
        "http://user:secret@host/v1",
        "http://169.254.169.254/latest",
        "http://[fe80::1]/v1",
        "http://[broken/v1",
        "http://127.0.0.1:8000/v1?api-key=secret",
        "http://127.0.0.1:8000/v1#secret",
        "127.0.0.1:8000/v1?api-key=secret",
        "ftp://user:secret@host/v1",
        "http://host:secret/v1",
    ],
)
def test_an_address_that_cannot_be_used_is_refused_before_anything_is_sent(url: str) -> None:
    with pytest.raises(SettingsError) as error:
        client(url)
    assert "secret" not in "".join(traceback.format_exception(error.value)).split("SettingsError")[-1]
    assert error.value.__cause__ is None


def test_an_address_with_a_query_is_told_that_keys_do_not_belong_there() -> None:
    with pytest.raises(SettingsError, match="carries a query or a fragment") as error:
        client("http://127.0.0.1:8000/v1?api-key=secret")
    assert "OPENAI_API_KEY" in error.value.remedy


@pytest.mark.parametrize("key", [f"{KEY}\n", f" {KEY}", "schlüssel-1234567"])
def test_a_key_that_no_header_can_carry_is_refused_and_not_shown(key: str) -> None:
    with pytest.raises(SettingsError, match="OPENAI_API_KEY") as error:
        client("http://127.0.0.1:9/v1", key=key)
    assert key.strip() not in str(error.value)


@pytest.mark.parametrize(
    "answer",
    [
        Scripted(401, '{"error": {"message": "no such key: sk-very\\/secret-1234567890"}}'),
        Scripted(400, '{"error": {"message": "no such key: \\u0073\\u006B-very/secret-1234567890"}}'),
        refused(500, 'upstream said {"key": "sk-very\\/secret-1234567890"}', Retry_After="0"),
        Scripted(200, '{"key": "sk-very\\u002fsecret-1234567890"}'),
        Scripted(200, "sk-very/secret-1234567890"),
    ],
)
def test_a_key_that_is_said_back_in_an_error_is_in_no_message_and_no_cause(answer: Scripted) -> None:
    with serving(answer) as server, pytest.raises(ServerError) as error:
        client(server.base_url, key="sk-very/secret-1234567890").chat(ASKED)
    shown = str(error.value)
    assert "***" in shown
    assert "secret" not in shown
    assert error.value.__cause__ is None
    assert error.value.__suppress_context__


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (400, {"message": "Too many.", "code": "context_length_exceeded"}),
        (400, {"message": "the request exceeds the available context size", "type": "exceed_context_size_error"}),
        (400, {"message": "This model's maximum context length is 4096 tokens.", "code": 400}),
        (400, {"message": "'max_completion_tokens' is too large: 9. This model's maximum context length is 8 tokens"}),
        (400, {"message": "The decoder prompt (length 9) is longer than the maximum model length of 8."}),
        (400, {"message": "The input (9 tokens) is longer than the model's context length (8 tokens)."}),
        (400, {"message": "prompt is too long: 9 tokens > 8 maximum"}),
        (400, {"message": "The input token count (9) exceeds the maximum number of tokens allowed (8)."}),
        (400, {"message": "too many tokens"}),
        (400, {"message": "request too large"}),
        (413, {"message": "Payload Too Large"}),
        (429, {"message": "Request too large for doom-vl on tokens per min (TPM): Limit 8, Requested 9."}),
    ],
)
def test_a_request_that_is_too_long_is_told_apart_and_not_sent_again(status: int, error: dict[str, object]) -> None:
    with serving(Scripted(status, {"error": error})) as server, pytest.raises(TooLongError) as raised:
        client(server.base_url).chat(ASKED)
    assert len(server.requests) == raised.value.requests == 1
    assert "reasoning.max_frames" in raised.value.remedy


@pytest.mark.parametrize(
    ("status", "message"),
    [
        (400, "max_tokens is too large: 100000. This model supports at most 16384 completion tokens."),
        (400, "Only one picture is supported."),
        (401, "your context length subscription ended"),
    ],
)
def test_what_is_wrong_with_every_request_is_not_taken_for_one_that_is_too_long(status: int, message: str) -> None:
    with serving(refused(status, message)) as server, pytest.raises(ServerError) as raised:
        client(server.base_url).chat(ASKED)
    assert not isinstance(raised.value, TooLongError)


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:8000/v1", "http://localhost/v1", "http://192.168.1.5/v1", "https://api.example.com/v1"]
)
def test_a_server_of_the_users_own_may_be_anywhere(url: str) -> None:
    assert client(url).name.startswith(f"{MODEL}@")

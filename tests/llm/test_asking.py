"""Asking over real HTTP: order, the store, budgets, retries, and what a kill leaves behind."""

from __future__ import annotations

import json
import logging
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from email.utils import formatdate
from pathlib import Path
from typing import Any

import pytest

from gvlm_resources.errors import BudgetError, LakeError, ServerError, SettingsError
from gvlm_resources.lake.layout import Layout
from gvlm_resources.llm import replies, structured, usage
from gvlm_resources.llm.asking import Answered, Asked, Asker, connect
from gvlm_resources.llm.pacing import Pace
from gvlm_resources.llm.protocol import ChatReply, ChatRequest, Image
from gvlm_resources.llm.replies import ReplyStore
from gvlm_resources.llm.spending import Budgets, Prices, Purse
from gvlm_resources.settings import Price, ServerSettings, SynthesisSettings, load
from tests.llm.server import MODEL, ChatServer, Scripted, refused, said, serving

ROOT = Path(__file__).parents[2]
SCHEMA = {
    "type": "object",
    "properties": {"pairs": {"type": "array", "items": {"type": "string"}}},
    "required": ["pairs"],
    "additionalProperties": False,
}
READ = structured.reader(SCHEMA)
RETRY = "Reply again."
KEY = "sk-very-secret-1234567890"
JPEG = b"\xff\xd8\xff\xe0picture\xff\xd9"
PRICES = {MODEL: Price(prompt_usd=1.0, completion_usd=10.0)}  # 120 and 30 tokens: 0.00042 USD


def asked(text: str, *, purpose: str = "pairs", max_tokens: int = 64, images: tuple[Image, ...] = ()) -> Asked:
    request = ChatRequest("rules " * 80, text, images, schema_name="pairs", schema=SCHEMA, max_tokens=max_tokens)
    return Asked(request, READ, RETRY, purpose)


def asker(
    server: ChatServer | str, folder: Path, *, key: str = "", synthesis: dict[str, Any] | None = None, **settings: Any
) -> Asker:
    base_url = server if isinstance(server, str) else server.base_url
    settings = {"concurrency": 4, "timeout_s": 60, **settings}
    return connect(
        SynthesisSettings(model=MODEL, **(synthesis or {})),
        ServerSettings(base_url=base_url, **settings),
        folder,
        api_key=key,
        pace_folder=pace(folder),
    )


def pace(folder: Path) -> Path:
    """Where all who ask in this folder, in whatever process, keep one account of the server."""
    return folder / "cache" / "pace"


def until_paused(folder: Path) -> None:
    """Wait until somebody has told the others of a pause that the server asked for."""
    until = time.monotonic() + 30
    while time.monotonic() < until:
        for path in pace(folder).glob("*.json"):
            account = json.loads(path.read_text() or "{}")
            if account and account["paused_until"] > account["written_at"]:
                return
        time.sleep(0.01)
    raise AssertionError("nobody was told of a pause")


def echo(request: dict[str, Any]) -> Scripted:
    """Each request's own text, as the one pair."""
    return said(json.dumps({"pairs": [request["messages"][1]["content"]]}))


def texts(answers: list[Answered]) -> list[str]:
    return [answer.value["pairs"][0] for answer in answers]


# ----------------------------------------------------------------------------------------- asking and keeping


def test_answers_come_in_the_order_asked_whatever_comes_first(tmp_path: Path) -> None:
    def later_first(request: dict[str, Any]) -> Scripted:
        reply = echo(request)
        reply.delay_s = (9 - int(request["messages"][1]["content"])) * 0.02
        return reply

    with serving(by=later_first) as server:
        answers = asker(server, tmp_path, concurrency=8).ask([asked(str(i)) for i in range(10)])
    assert texts(answers) == [str(i) for i in range(10)]
    assert {answer.outcome for answer in answers} == {"json"}


def test_a_stored_reply_is_used_without_asking_and_says_what_it_cost(tmp_path: Path) -> None:
    with serving(by=echo) as server:
        first = asker(server, tmp_path, prices=PRICES).ask([asked("a"), asked("b")])
        again = asker(server, tmp_path, prices=PRICES)
        second = again.ask([asked("a"), asked("b"), asked("c")])
        assert server.texts() in (["a", "b", "c"], ["b", "a", "c"])
    assert [answer.from_store for answer in first + second] == [False, False, True, True, False]
    assert [answer.paid_usd for answer in second] == [0, 0, 0.00042]
    assert [answer.cost_usd for answer in second] == [0.00042] * 3
    assert again.measured()["cost_usd"] == 0.00042
    assert again.measured()["stored_cost_usd"] == 0.00084


def test_built_again_from_the_store_everything_is_the_same(tmp_path: Path) -> None:
    script = [said("nonsense"), said('{"pairs": ["a"]}'), said('{"pairs": []}')]
    with serving(*script) as server:
        first = asker(server, tmp_path, concurrency=1).ask([asked("a"), asked("b")])
    second = asker("http://127.0.0.1:9/v1", tmp_path).ask([asked("a"), asked("b")])
    for before, after in zip(first, second, strict=True):
        assert (after.call_id, after.outcome, after.value, after.reply) == (
            before.call_id, before.outcome, before.value, before.reply
        )  # fmt: skip
        assert (after.requests, after.prompt_tokens, after.detail) == (
            before.requests, before.prompt_tokens, before.detail
        )  # fmt: skip
        assert after.latency_ms == before.latency_ms > 0


def test_a_model_that_moved_to_another_server_is_not_asked_again(tmp_path: Path) -> None:
    with serving(by=echo) as server:
        asker(server, tmp_path).ask([asked("a")])
    with serving(by=echo) as server:
        assert asker(server, tmp_path).ask([asked("a")])[0].from_store
        assert server.requests == []


def test_equal_requests_are_asked_and_paid_once(tmp_path: Path) -> None:
    with serving(by=echo) as server:
        answers = asker(server, tmp_path, prices=PRICES).ask([asked("a"), asked("a"), asked("b"), asked("a")])
        assert sorted(server.texts()) == ["a", "b"]
    assert texts(answers) == ["a", "a", "b", "a"]
    assert [answer.paid_usd for answer in answers] == [0.00042, 0, 0.00042, 0]


def test_a_damaged_reply_is_named_and_not_asked_again(tmp_path: Path) -> None:
    with serving(by=echo) as server:
        (answer,) = asker(server, tmp_path).ask([asked("a")])
        path = ReplyStore(tmp_path).path(answer.call_id)
        path.write_text(path.read_text()[:-30])
        with pytest.raises(LakeError, match="damaged"):
            asker(server, tmp_path).ask([asked("a")])
        assert len(server.requests) == 1


def test_nothing_asked_is_nothing_answered(tmp_path: Path) -> None:
    assert asker("http://127.0.0.1:9/v1", tmp_path).ask([]) == []


# ---------------------------------------------------------------------------------------------- the ladder


def one(tmp_path: Path, *script: Scripted, **settings: Any) -> tuple[Answered, ChatServer]:
    with serving(*script) as server:
        (answer,) = asker(server, tmp_path, concurrency=1, **settings).ask([asked("a")])
    return answer, server


@pytest.mark.parametrize(
    ("reply", "outcome", "pairs"),
    [
        (said('{"pairs": ["x"]}'), "json", ["x"]),
        (said('{"pairs": []}'), "nothing", []),
        (said('{"pairs": ["x", "y'), "salvaged", ["x"]),
        (said('{"pairs": ["x", "y', finish="length"), "salvaged", ["x"]),
        (said("{'pairs': ['x',]}"), "repaired", ["x"]),
    ],
)
def test_a_reply_that_can_be_read_is_asked_for_once(
    tmp_path: Path, reply: Scripted, outcome: str, pairs: list[str]
) -> None:
    answer, server = one(tmp_path, reply)
    assert (answer.outcome, answer.value) == (outcome, {"pairs": pairs})
    assert len(server.requests) == 1


def test_an_unreadable_reply_is_asked_for_once_more_with_the_retry_text(tmp_path: Path) -> None:
    answer, server = one(tmp_path, said("I would rather chat."), said('{"pairs": ["x"]}'), prices=PRICES)
    assert (answer.outcome, answer.value) == ("retried", {"pairs": ["x"]})
    assert server.texts() == ["a", f"a\n\n{RETRY}"]
    assert (answer.requests, answer.prompt_tokens, answer.cost_usd) == (2, 240, 0.00084)
    assert "no JSON" in answer.detail


def test_the_second_try_has_twice_the_room_where_the_first_was_cut_off(tmp_path: Path) -> None:
    answer, server = one(tmp_path, said("Let me th", finish="length"), said('{"pairs": ["x"]}'))
    assert [request["max_tokens"] for request in server.requests] == [64, 128]
    assert answer.outcome == "retried"


def test_a_second_reply_that_says_nothing_is_there_is_honoured(tmp_path: Path) -> None:
    assert one(tmp_path, said("Hm."), said('{"pairs": []}'))[0].outcome == "nothing"


def test_twice_unreadable_is_unreadable_and_asked_no_third_time(tmp_path: Path) -> None:
    answer, server = one(tmp_path, said("Hm."))
    assert (answer.outcome, answer.value, len(server.requests)) == ("unreadable", None, 2)
    assert answer.reply is not None
    assert answer.reply.text == "Hm."


def test_an_empty_reply_is_unreadable_and_not_the_end_of_the_build(tmp_path: Path) -> None:
    answer, server = one(tmp_path, said(None, finish="length"), said('{"pairs": ["x"]}'))
    assert (answer.outcome, len(server.requests)) == ("retried", 2)
    assert asker("http://127.0.0.1:9/v1", tmp_path).ask([asked("a")])[0].from_store


@pytest.mark.parametrize(
    "refusal",
    [
        said(None, refusal="I cannot help with that."),
        said(None, finish="content_filter"),
        Scripted(400, {"error": {"message": "The prompt was filtered.", "code": "content_filter"}}),
    ],
    ids=["refusal", "filtered reply", "filtered prompt"],
)
def test_a_refusal_is_an_outcome_that_is_kept_and_not_tried_again(tmp_path: Path, refusal: Scripted) -> None:
    with serving(refusal, said('{"pairs": ["x"]}')) as server:
        answers = asker(server, tmp_path, concurrency=1).ask([asked("a"), asked("b")])
        assert [answer.outcome for answer in answers] == ["refused", "json"]
        assert answers[0].value is None
        again = asker(server, tmp_path).ask([asked("a")])
        assert (again[0].outcome, again[0].from_store, len(server.requests)) == ("refused", True, 2)


def test_words_that_no_file_can_hold_are_read_the_same_now_and_later(tmp_path: Path) -> None:
    answer, _ = one(tmp_path, said('{"pairs": ["a\\ud800"]} \ufffe\x00'))
    assert answer.value == {"pairs": ["a\ufffd"]}
    again = asker("http://127.0.0.1:9/v1", tmp_path).ask([asked("a")])[0]
    assert (again.value, again.reply) == (answer.value, answer.reply)


# -------------------------------------------------------------------------------------- errors of the server


def test_an_error_of_one_request_ends_the_build_after_the_others_are_stored(tmp_path: Path) -> None:
    broken = threading.Event()

    def third_fails(request: dict[str, Any]) -> Scripted:
        if request["messages"][1]["content"] == "2":
            broken.set()
            return refused(400, "Only one picture is supported.")
        reply = echo(request)
        reply.delay_s = 0.5  # the others are under way when the error comes
        return reply

    with serving(by=third_fails) as server:
        with pytest.raises(ServerError, match="Only one picture") as error:
            asker(server, tmp_path).ask([asked(str(i)) for i in range(12)])
        under_way = [text for text in server.texts() if text != "2"]
    assert "synthesis.max_frames" in error.value.remedy
    assert len(list(ReplyStore(tmp_path).calls())) == len(under_way)
    assert 3 <= len(under_way) < 11


TOO_LONG = refused(400, "This model's maximum context length is 4096 tokens. However, you requested 5000 tokens.")


def test_a_prompt_that_is_too_long_is_an_outcome_of_its_own_and_no_end_of_the_build(tmp_path: Path) -> None:
    def one_is_long(request: dict[str, Any]) -> Scripted:
        return TOO_LONG if request["messages"][1]["content"] == "1" else echo(request)

    with serving(by=one_is_long) as server:
        asking = asker(server, tmp_path, prices=PRICES, synthesis={"budget_usd": 1})
        answers = asking.ask([asked(str(i)) for i in range(4)])
        assert [answer.outcome for answer in answers] == ["json", "refused", "json", "json"]
        assert len(server.requests) == 4
    long = answers[1]
    assert (long.value, long.reply, long.cost_usd, long.paid_usd, long.requests) == (None, None, 0, 0, 1)
    assert "too long" in long.detail
    for setting in ("synthesis.max_rows", "synthesis.max_frames", "synthesis.window_s"):
        assert setting in long.detail
    assert asking.measured()["requests"] == 4
    assert sorted(path.name for path in (tmp_path / "ledger").iterdir()) == ["lock", "spent.jsonl"]
    assert len(list(ReplyStore(tmp_path).calls())) == 3  # a server with a longer context is asked again


def test_a_second_try_that_is_too_long_leaves_the_first_unreadable(tmp_path: Path) -> None:
    answer, server = one(tmp_path, said("Let me th", finish="length"), TOO_LONG)
    assert (answer.outcome, len(server.requests), answer.requests) == ("unreadable", 2, 2)
    assert "no second try: the prompt was too long" in answer.detail


@pytest.mark.parametrize("status", [429, 503])
def test_a_wait_that_is_too_long_ends_the_build_with_its_length_and_what_was_answered_stored(
    tmp_path: Path, status: int
) -> None:
    with serving(said('{"pairs": ["x"]}'), refused(status, "out of quota", Retry_After="3600")) as server:
        with pytest.raises(ServerError, match=f"answered {status}") as error:
            asker(server, tmp_path, concurrency=1).ask([asked("a"), asked("b")])
        assert len(server.requests) == 2
    assert "3600 s" in error.value.remedy
    assert len(list(ReplyStore(tmp_path).calls())) == 1


@pytest.mark.parametrize("reply", [Scripted(body="<html>", content_type="text/html"), Scripted(body={"choices": []})])
def test_what_is_no_chat_completion_ends_the_build_and_names_the_servers_setting(
    tmp_path: Path, reply: Scripted
) -> None:
    with serving(reply) as server, pytest.raises(ServerError, match="no chat completion") as error:
        asker(server, tmp_path).ask([asked("a")])
    assert "server.base_url" in error.value.remedy


def test_a_server_that_is_not_there_names_the_settings_of_synthesis(tmp_path: Path) -> None:
    with pytest.raises(ServerError, match="cannot be reached") as error:
        asker("http://127.0.0.1:9/v1", tmp_path).ask([asked("a")])
    assert "server.base_url" in error.value.remedy
    assert "writers: [templates]" in error.value.remedy
    for address in ("ftp://models/v1", "http://models:port/v1"):
        with pytest.raises(SettingsError, match=r"server\.base_url"):
            asker(address, tmp_path)


def test_a_passing_500_costs_that_request_a_pause_and_nothing_else(tmp_path: Path) -> None:
    with serving(refused(500, "CUDA error"), said('{"pairs": ["x"]}')) as server:
        (answer,) = asker(server, tmp_path, concurrency=1).ask([asked("a")])
        assert len(server.requests) == 2
    assert (answer.outcome, answer.requests, answer.prompt_tokens) == ("json", 2, 120)


@pytest.mark.parametrize(
    "after", [lambda: "0.6", lambda: formatdate(time.time() + 2, usegmt=True)], ids=["seconds", "date"]
)
def test_429_holds_back_everybody_for_as_long_as_the_server_asks(tmp_path: Path, after: Callable[[], str]) -> None:
    told: list[float] = []
    is_paused = threading.Event()

    def once_too_many(request: dict[str, Any]) -> Scripted:
        if len(told) == 0 and request["messages"][1]["content"] == "3":
            told.append(time.monotonic())
            return refused(429, "slow down", Retry_After=after())
        reply = echo(request)
        reply.after = is_paused if told else None  # so that nobody goes on to a next one before the pause is known
        return reply

    def go_on() -> None:
        until_paused(tmp_path)
        is_paused.set()

    with serving(by=once_too_many) as server:
        asking = asker(server, tmp_path, concurrency=3)
        threading.Thread(target=go_on).start()
        answers = asking.ask([asked(str(i)) for i in range(12)])
        later = sorted(arrived for arrived in server.arrived_s if arrived > told[0])
    assert texts(answers) == [str(i) for i in range(12)]
    assert len(later) >= 8  # at most five came before: 0 to 2, and two beside the one that was too many
    assert later[2] - told[0] >= 0.55  # two others may have been under way
    assert asking.measured()["waited_s"] >= 0.5
    assert asking.measured()["requests"] == 13


def test_the_next_video_goes_on_at_the_pace_of_the_one_before(tmp_path: Path) -> None:
    """Two askers of one server: what the first used up and was told to wait is not the second's to use."""
    with serving(refused(429, "slow down", Retry_After="0.4"), said('{"pairs": ["x"]}')) as server:
        for video in ("a", "b", "c"):
            asker(server, tmp_path, requests_per_minute=150).ask([asked(video)])
        first, *later = server.arrived_s
    assert len(later) == 3
    assert all(at - first >= 0.39 * count for count, at in enumerate(later, 1))


def test_a_pause_holds_for_the_other_videos_of_this_process(tmp_path: Path) -> None:
    told = threading.Event()

    def first_is_too_many(request: dict[str, Any]) -> Scripted:
        if not told.is_set():
            told.set()
            return refused(429, "slow down", Retry_After="0.7")
        return echo(request)

    with serving(by=first_is_too_many) as server:
        one_video = threading.Thread(target=asker(server, tmp_path).ask, args=([asked("a")],))
        one_video.start()
        until_paused(tmp_path)
        asker(server, tmp_path).ask([asked("b")])
        one_video.join()
        assert min(server.arrived_s[1:]) - server.arrived_s[0] >= 0.65


def test_videos_asked_about_at_once_share_the_places_at_the_server(tmp_path: Path) -> None:
    def slow(request: dict[str, Any]) -> Scripted:
        reply = echo(request)
        reply.delay_s = 0.05
        return reply

    with serving(by=slow) as server:
        lists = [[asked(f"{video}{i}") for i in range(6)] for video in "abc"]
        videos = [threading.Thread(target=asker(server, tmp_path, concurrency=2).ask, args=(each,)) for each in lists]
        for video in videos:
            video.start()
        for video in videos:
            video.join()
    assert len(server.requests) == 18
    assert server.most_at_once == 2


def test_no_more_requests_are_under_way_than_the_settings_allow(tmp_path: Path) -> None:
    def slow(request: dict[str, Any]) -> Scripted:
        reply = echo(request)
        reply.delay_s = 0.15
        return reply

    with serving(by=slow) as server:
        asker(server, tmp_path, concurrency=3).ask([asked(str(i)) for i in range(12)])
    assert server.most_at_once == 3


def test_a_seed_is_sent_where_it_is_given_and_left_out_where_the_server_refuses_it(tmp_path: Path) -> None:
    with serving(refused(422, "extra fields not permitted: seed"), said('{"pairs": ["x"]}')) as server:
        request = ChatRequest("s", "a", schema_name="pairs", schema=SCHEMA, seed=7)
        asker(server, tmp_path, concurrency=1).ask([Asked(request, READ, RETRY), asked("b")])
    assert [sent.get("seed") for sent in server.requests] == [7, None, None]


# ------------------------------------------------------------------------------------------------- budgets


def test_what_the_videos_budget_does_not_hold_is_not_asked(tmp_path: Path) -> None:
    with serving(by=echo) as server:
        synthesis = {"budget_tokens": 1000}
        answers = asker(server, tmp_path, synthesis=synthesis).ask([asked(str(i)) for i in range(10)])
        asked_for = len(server.requests)
    outcomes = [answer.outcome for answer in answers]
    assert outcomes == ["json"] * asked_for + ["budget"] * (10 - asked_for)
    assert 2 <= asked_for < 10
    assert sum(answer.prompt_tokens + answer.completion_tokens for answer in answers) <= 1000
    assert (answers[-1].value, answers[-1].reply, answers[-1].cost_usd) == (None, None, 0)
    assert answers[-1].call_id.startswith("k")


@pytest.mark.parametrize("concurrency", [1, 3, 8])
def test_which_requests_a_budget_leaves_out_does_not_depend_on_timing(tmp_path: Path, concurrency: int) -> None:
    numbers, budget = range(16), 1500

    def comes_to(number: int) -> int:
        return 110 + 10 * (number % 5)

    def slow_and_unequal(request: dict[str, Any]) -> Scripted:
        number = int(request["messages"][1]["content"])
        counted = {"prompt_tokens": 100, "completion_tokens": comes_to(number) - 100}
        reply = said('{"pairs": ["x"]}', usage=counted)
        reply.delay_s = 0.01 * (7 * number % 4)
        return reply

    with serving(by=slow_and_unequal) as server:
        asking = asker(server, tmp_path, concurrency=concurrency, synthesis={"budget_tokens": budget})
        outcomes = [answer.outcome for answer in asking.ask([asked(str(i)) for i in numbers])]
    most, spent, expected = usage.at_most(asked("1").request).tokens, 0, []
    for number in numbers:
        fits = spent + most <= budget
        spent += comes_to(number) if fits else 0
        expected.append("json" if fits else "budget")
    assert outcomes == expected
    assert 4 <= expected.count("json") <= 12


def test_a_build_that_was_stopped_and_run_again_asks_what_it_would_have_asked_at_once(tmp_path: Path) -> None:
    synthesis = {"budget_tokens": 1500}
    requests = [asked(str(i)) for i in range(12)]
    with serving(by=echo) as server:
        whole = asker(server, tmp_path / "whole", synthesis=synthesis).ask(requests)
        asker(server, tmp_path / "parts", synthesis=synthesis).ask(requests[:3])
        parts = asker(server, tmp_path / "parts", synthesis=synthesis).ask(requests)
    assert [answer.outcome for answer in parts] == [answer.outcome for answer in whole]


def test_an_unreadable_reply_without_money_for_a_second_try_says_so(tmp_path: Path) -> None:
    answer, server = one(tmp_path, said("Hm."), synthesis={"budget_tokens": 500})
    assert (answer.outcome, len(server.requests)) == ("unreadable", 1)
    assert "no second try" in answer.detail


def test_the_lakes_budget_stops_the_build_with_every_reply_stored(tmp_path: Path) -> None:
    with serving(by=echo) as server:
        with pytest.raises(BudgetError, match=r"server\.budget_usd, which is 0\.0030 USD"):
            asker(server, tmp_path, prices=PRICES, budget_usd=0.003).ask([asked(str(i)) for i in range(40)])
        paid = len(server.requests)
        assert len(list(ReplyStore(tmp_path).calls())) == paid
        assert 2 <= paid <= 0.003 / 0.00042
        answers = asker(server, tmp_path, prices=PRICES, budget_usd=1).ask([asked(str(i)) for i in range(40)])
        assert len(server.requests) == 40
    assert sum(answer.from_store for answer in answers) == paid


def test_a_money_budget_for_a_model_without_a_price_is_refused_before_anything_is_asked(tmp_path: Path) -> None:
    with serving(by=echo) as server, pytest.raises(SettingsError, match=r"synthesis\.budget_usd"):
        asker(server, tmp_path, synthesis={"budget_usd": 1}).ask([asked("a")])
    assert server.requests == []


def test_tokens_that_a_server_does_not_count_are_estimated_and_flagged(tmp_path: Path) -> None:
    with serving(said('{"pairs": ["x"]}', usage=None)) as server:
        asking = asker(server, tmp_path, prices=PRICES)
        (answer,) = asking.ask([asked("a")])
    assert answer.prompt_tokens > 80
    assert answer.cost_usd > 0
    assert asking.measured()["calls_with_estimated_tokens"] == 1


def test_thoughts_that_stand_in_the_total_alone_are_paid_for(tmp_path: Path) -> None:
    counted = {"prompt_tokens": 100, "completion_tokens": 10, "total_tokens": 400}
    answer, _ = one(tmp_path, said('{"pairs": ["x"]}', usage=counted))
    assert (answer.prompt_tokens, answer.completion_tokens) == (100, 300)


def test_what_was_done_is_measured(tmp_path: Path) -> None:
    with serving(said("Hm."), said('{"pairs": ["x"]}')) as server:
        asking = asker(server, tmp_path, concurrency=1)
        asking.ask([asked("start", purpose="context"), asked("a"), asked("b")])
        asking.ask([asked("a")])
    done = asking.measured()
    assert (done["calls"], done["from_store"], done["second_tries"], done["requests"]) == (4, 1, 1, 4)
    assert (done["prompt_tokens"], done["completion_tokens"], done["cost_usd"]) == (480, 120, None)
    assert {purpose: times["calls"] for purpose, times in done["latency_ms"].items()} == {"context": 2, "pairs": 2}
    assert 0 < done["latency_ms"]["pairs"]["median"] <= done["latency_ms"]["pairs"]["p95"]
    assert done["outcomes"] == {"json": 3, "retried": 1}


# ------------------------------------------------------------------------------------- kills, and other processes

CLIENT = """
import json, sys
from pathlib import Path
from tests.llm.test_asking import PRICES, asked, asker
base_url, folder, settings, names = sys.argv[1], Path(sys.argv[2]), json.loads(sys.argv[3]), json.loads(sys.argv[4])
import gvlm_resources.llm.openai_chat
print("ready", flush=True)
answers = asker(base_url, folder, key=sys.stdin.readline().strip(), **settings).ask([asked(name) for name in names])
print(json.dumps([answer.value["pairs"][0] for answer in answers]))
"""


def client(server: ChatServer, folder: Path, names: list[str], **settings: Any) -> subprocess.Popen[str]:
    """A process of its own that is ready to ask these, once `go` has given it the key."""
    arguments = [sys.executable, "-c", CLIENT, server.base_url, str(folder), json.dumps(settings), json.dumps(names)]
    pipe = subprocess.PIPE
    return subprocess.Popen(arguments, cwd=ROOT, stdin=pipe, stdout=pipe, stderr=pipe, text=True)


def go(*processes: subprocess.Popen[str]) -> float:
    """Let them ask, all at once, and say when. The key comes by their input, not their arguments."""
    for process in processes:
        assert process.stdout.readline() == "ready\n"
    began_s = time.monotonic()
    for process in processes:
        process.stdin.write(f"{KEY}\n")
        process.stdin.flush()
    return began_s


def test_killed_midway_and_run_again_nothing_that_was_stored_is_asked_again(tmp_path: Path) -> None:
    names = [str(i) for i in range(40)]
    store = ReplyStore(tmp_path)

    def slow(request: dict[str, Any]) -> Scripted:
        reply = echo(request)
        reply.delay_s = 0.1
        return reply

    with serving(by=slow) as server:
        with client(server, tmp_path, names, concurrency=3) as first:
            go(first)
            while len(list(store.calls())) < 6:
                assert first.poll() is None, first.stderr.read()
                time.sleep(0.01)
            first.send_signal(signal.SIGKILL)
        kept = {json.loads(store.get(call).reply.text)["pairs"][0] for call in store.calls()}
        with client(server, tmp_path, names, concurrency=3) as second:
            go(second)
            printed, logged = second.communicate(timeout=60)
        assert second.returncode == 0, logged
        times = Counter(server.texts())
    assert json.loads(printed) == names
    assert 6 <= len(kept) < 40
    assert all(times[name] == 1 for name in kept)
    assert sum(times.values()) <= 40 + 3  # what was under way when it was killed, and no more
    assert set(times) == set(names)


def test_neither_the_key_nor_the_address_nor_a_picture_is_in_a_file_of_the_store_or_in_a_log(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    telling = said(json.dumps({"pairs": [f"your key is {KEY}"]}))
    with serving(refused(500, f"while serving {KEY}", Retry_After="0"), telling) as server:
        asking = asker(server, tmp_path, key=KEY, concurrency=1)
        answers = asking.ask([asked("a"), asked("b", images=(Image(JPEG, "Frame at 00:45"),))])
        assert server.headers[0]["authorization"] == f"Bearer {KEY}"
        address = server.base_url.split("/")[2]
    content = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()).decode()
    logged = "\n".join(str(record.__dict__) for record in caplog.records)
    assert "your key is ***" in content
    assert "chat/completions" in logged
    assert KEY not in content + logged + repr(answers) + repr(asking.measured())
    assert address not in content
    assert "picture" not in content


@pytest.mark.parametrize("escaped", ["sk-very\\/secret\\/1234567890", "\\u0073k-very/secret/123456789\\u0030"])
def test_a_key_that_is_said_back_with_escapes_is_stored_nowhere(tmp_path: Path, escaped: str) -> None:
    key = "sk-very/secret/1234567890"
    pairs = '{"pairs": ["your key is ' + escaped + '"]}'
    assert json.loads(pairs)["pairs"] == [f"your key is {key}"]
    raw = json.dumps(said("CONTENT").body).replace('"CONTENT"', json.dumps(pairs))
    refusal = json.dumps(said(None, refusal="REFUSAL").body).replace("REFUSAL", f"I will not tell {escaped}")
    with serving(Scripted(body=raw), Scripted(body=refusal)) as server:
        answers = asker(server, tmp_path, key=key, concurrency=1).ask([asked("a"), asked("b")])
    assert answers[0].value == {"pairs": ["your key is ***"]}
    assert (answers[1].outcome, answers[1].detail) == ("refused", "I will not tell ***")
    content = "".join(path.read_text() for path in tmp_path.rglob("k*.json"))
    assert content.count("***") == 2
    assert "very" not in content


def test_two_processes_keep_one_budget_of_the_lake(tmp_path: Path) -> None:
    def slow(request: dict[str, Any]) -> Scripted:
        reply = echo(request)
        reply.delay_s = 0.1
        return reply

    settings = {"budget_tokens": 3600, "concurrency": 4}  # 24 replies of 150 tokens
    with serving(by=slow) as server:
        processes = [client(server, tmp_path, [f"{who}{i}" for i in range(30)], **settings) for who in "ab"]
        go(*processes)
        errors = [process.communicate(timeout=60)[1] for process in processes]
        count = len(server.requests)
    assert all("BudgetError" in error for error in errors)
    assert len(list(ReplyStore(tmp_path).calls())) == count
    assert 3600 - 450 < count * 150 <= 3600
    assert len({text[0] for text in server.texts()}) == 2
    assert sorted(path.name for path in (tmp_path / "ledger").iterdir()) == ["lock", "spent.jsonl"]


def test_two_processes_share_the_places_at_the_server(tmp_path: Path) -> None:
    with serving(by=slowly) as server:
        processes = [client(server, tmp_path, [f"{who}{i}" for i in range(4)], concurrency=2) for who in "ab"]
        go(*processes)
        errors = [process.communicate(timeout=60)[1] for process in processes]
        assert errors == ["", ""]
        assert len(server.requests) == 8
        assert server.most_at_once == 2
    assert not list(pace(tmp_path).glob("*.place"))


def test_what_builds_in_a_lake_keeps_its_account_of_the_server_in_the_lakes_cache(tmp_path: Path) -> None:
    from gvlm_resources.bindings import Models

    layout, settings = Layout(tmp_path), load("cpu")
    models = Models(cache=str(layout.cache()), folder=str(tmp_path / "models"), hub_cache=str(tmp_path / "hub"))
    with serving(by=echo) as server:
        at = settings.server.model_copy(update={"base_url": server.base_url, "requests_per_minute": 600})
        asking = models.asker(settings.model_copy(update={"server": at}), layout.replies())
        assert texts(asking.ask([asked("a")])) == ["a"]
    assert sorted(path.suffix for path in (layout.cache() / "pace").iterdir()) == [".json", ".lock"]


def test_a_process_with_fewer_places_is_not_passed_over_by_one_with_more(tmp_path: Path) -> None:
    """The first has more to ask than it has places; the second comes later, and may have one request under way."""
    with serving(by=slowly) as server:
        first = client(server, tmp_path, [f"a{i}" for i in range(15)], concurrency=3)
        second = client(server, tmp_path, ["b0", "b1"], concurrency=1)
        go(first)
        while len(server.requests) < 3:
            assert first.poll() is None, first.stderr.read()
            time.sleep(0.01)
        go(second)
        errors = [process.communicate(timeout=60)[1] for process in (first, second)]
        assert errors == ["", ""]
        order = server.texts()
        assert server.most_at_once == 3
    assert {"b0", "b1"} <= set(order[:-3])


def test_a_pause_holds_for_other_processes(tmp_path: Path) -> None:
    told: list[float] = []

    def first_is_too_many(request: dict[str, Any]) -> Scripted:
        if not told:
            told.append(time.monotonic())
            return refused(429, "slow down", Retry_After="1.5")
        return echo(request)

    with serving(by=first_is_too_many) as server:
        one, other = (client(server, tmp_path, [who]) for who in "ab")
        go(one)
        until_paused(tmp_path)
        go(other)
        errors = [process.communicate(timeout=60)[1] for process in (one, other)]
        assert errors == ["", ""]
        assert sorted(server.texts()) == ["a", "a", "b"]
        assert min(server.arrived_s[1:]) - told[0] >= 1.49


@pytest.mark.parametrize("state", [None, b'{"written_at": 17'], ids=["nothing", "half a file"])
def test_two_processes_share_the_requests_a_minute_whatever_lay_there_before(
    tmp_path: Path, state: bytes | None
) -> None:
    with serving(by=echo) as server:
        if state is not None:
            asker(server, tmp_path, requests_per_minute=100_000).ask([asked("before")])
            (path,) = pace(tmp_path).glob("*.json")
            path.write_bytes(state)
        before = len(server.requests)
        processes = [client(server, tmp_path, [f"{who}{i}" for i in range(3)], requests_per_minute=200) for who in "ab"]
        began = go(*processes)
        errors = [process.communicate(timeout=60)[1] for process in processes]
        assert errors == ["", ""]
        arrived = sorted(server.arrived_s[before:])
    assert len(arrived) == 6
    assert all(at - began >= 0.3 * count - 0.01 for count, at in enumerate(arrived))


def test_a_process_that_is_killed_leaves_its_places_to_the_others(tmp_path: Path) -> None:
    def never_to_the_first(request: dict[str, Any]) -> Scripted:
        reply = echo(request)
        reply.after = killed if request["messages"][1]["content"].startswith("a") else None
        return reply

    killed = threading.Event()
    with serving(by=never_to_the_first) as server:
        first, second = (client(server, tmp_path, [f"{who}0", f"{who}1"], concurrency=2) for who in "ab")
        with first:
            go(first)
            while len(server.requests) < 2:
                assert first.poll() is None, first.stderr.read()
                time.sleep(0.01)
            go(second)
            time.sleep(0.5)
            assert sorted(server.texts()) == ["a0", "a1"]  # both places are taken
            first.send_signal(signal.SIGKILL)
        printed, logged = second.communicate(timeout=60)
        killed.set()
        assert second.returncode == 0, logged
        assert sorted(server.texts()) == ["a0", "a1", "b0", "b1"]
    assert json.loads(printed) == ["b0", "b1"]
    assert not list(pace(tmp_path).glob("*.place"))


def lines(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "ledger" / "spent.jsonl").read_text().splitlines()]


def slowly(request: dict[str, Any]) -> Scripted:
    reply = echo(request)
    reply.delay_s = 0.3
    return reply


def test_of_three_threads_with_one_request_one_pays(tmp_path: Path) -> None:
    with serving(by=slowly) as server:
        askers = [asker(server, tmp_path, prices=PRICES, concurrency=8) for _ in range(3)]
        answers: list[Answered] = []
        threads = [threading.Thread(target=lambda one=one: answers.extend(one.ask([asked("a")]))) for one in askers]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert server.texts() == ["a"]
    assert texts(answers) == ["a"] * 3
    assert sorted(answer.paid_usd for answer in answers) == [0, 0, 0.00042]
    assert sorted(one.measured()["calls"] for one in askers) == [0, 0, 1]
    assert len(lines(tmp_path)) == 1
    assert list(tmp_path.rglob("k*.lock")) == []


def test_of_three_processes_with_the_same_requests_one_pays_for_each(tmp_path: Path) -> None:
    names = ["a", "b", "c"]
    with serving(by=slowly) as server:
        processes = [client(server, tmp_path, names) for _ in range(3)]
        go(*processes)
        printed = [json.loads(process.communicate(timeout=60)[0]) for process in processes]
        assert sorted(server.texts()) == names
    assert printed == [names] * 3
    assert len(lines(tmp_path)) == 3
    assert sorted(path.name for path in (tmp_path / "ledger").iterdir()) == ["lock", "spent.jsonl"]


def test_who_waits_for_a_reply_asks_itself_when_the_one_who_asked_is_killed(tmp_path: Path) -> None:
    def never_at_first(request: dict[str, Any]) -> Scripted:
        reply = echo(request)
        reply.delay_s = 5.0 if first.poll() is None else 0.0
        return reply

    with serving(by=never_at_first) as server:
        first = client(server, tmp_path, ["a"])
        with first:
            go(first)
            while not server.requests:
                assert first.poll() is None, first.stderr.read()
                time.sleep(0.01)
            threading.Timer(0.3, first.kill).start()
            (answer,) = asker(server, tmp_path).ask([asked("a")])
    assert first.returncode == -signal.SIGKILL
    assert texts([answer]) == ["a"]
    assert not answer.from_store
    assert len(lines(tmp_path)) == 1


def test_waiting_for_somebody_elses_reply_takes_no_place_from_other_requests(tmp_path: Path) -> None:
    store, asking = ReplyStore(tmp_path), None
    with serving(by=echo) as server:
        asking = asker(server, tmp_path, concurrency=1)
        held = [replies.digest(asked(name).request, MODEL, 1) for name in ("a", "b")]
        with ExitStack() as others:
            for digest in held:
                others.enter_context(store.alone(digest, wait=lambda: None))
            answers: list[Answered] = []
            names = ("a", "b", "c", "d")
            thread = threading.Thread(target=lambda: answers.extend(asking.ask([asked(name) for name in names])))
            thread.start()
            until = time.monotonic() + 20
            while len(list(store.calls())) < 2 and time.monotonic() < until:
                time.sleep(0.01)
            assert server.texts() == ["c", "d"]
        thread.join()
    assert texts(answers) == list(names)


def test_an_error_does_not_wait_for_somebody_elses_reply(tmp_path: Path) -> None:
    digest = replies.digest(asked("a").request, MODEL, 1)
    with serving(refused(401, "who are you?")) as server, ReplyStore(tmp_path).alone(digest, wait=lambda: None):
        with pytest.raises(ServerError, match="401"):
            asker(server, tmp_path).ask([asked("a"), asked("b")])
        assert server.texts() == ["b"]


def test_a_reply_that_was_deleted_and_paid_for_again_counts_twice(tmp_path: Path) -> None:
    with serving(by=echo) as server:
        (answer,) = asker(server, tmp_path, prices=PRICES).ask([asked("a")])
        ReplyStore(tmp_path).path(answer.call_id).unlink()
        asker(server, tmp_path, prices=PRICES).ask([asked("a")])
        assert len(server.requests) == 2
        assert [line["cost_usd"] for line in lines(tmp_path)] == [0.00042] * 2
        with pytest.raises(BudgetError, match="300 tokens are spent"):
            asker(server, tmp_path, budget_tokens=400).ask([asked("b")])


class Interrupting:
    """A model whose second reply comes together with Ctrl-C, while the third waits for a server that asks for it."""

    name = f"{MODEL}@nowhere"

    def __init__(self, pace: Pace) -> None:
        self.pace, self.count, self.mutex = pace, 0, threading.Lock()

    def chat(self, request: ChatRequest) -> ChatReply:
        with self.mutex:
            self.count += 1
            count = self.count
        if count == 2:
            time.sleep(0.2)
            signal.raise_signal(signal.SIGINT)
        if count == 3:
            self.pace.before_retry(3600, for_all=False)
        return ChatReply('{"pairs": ["x"]}', MODEL, False, 1, 1, 1.0, 1, True, "stop")


def test_an_interrupt_keeps_what_was_replied_and_waits_for_no_pause(tmp_path: Path) -> None:
    store, pace = ReplyStore(tmp_path), Pace(3)
    purse = Purse(Prices(), Budgets(), store)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # Dagster's stays where a run was in this process
    try:
        with pytest.raises(KeyboardInterrupt):
            Asker(Interrupting(pace), store, purse, pace).ask([asked(str(i)) for i in range(3)])
    finally:
        signal.signal(signal.SIGINT, before)
    assert len(list(store.calls())) == 2
    assert sorted(path.name for path in (tmp_path / "ledger").iterdir()) == ["lock", "spent.jsonl"]

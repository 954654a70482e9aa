"""The two passes over a video, with an asker that answers from a script."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pyarrow as pa

from gvlm_resources import schemas
from gvlm_resources.dataset import pairs
from gvlm_resources.dataset.facts import Facts
from gvlm_resources.dataset.writer import context, writer_prompts, writing
from gvlm_resources.dataset.writer.writing import Written
from gvlm_resources.llm.asking import Answered, Asked, Asker
from gvlm_resources.llm.pacing import Pace
from gvlm_resources.llm.protocol import ChatReply, ChatRequest
from gvlm_resources.llm.replies import ReplyStore
from gvlm_resources.llm.spending import Budget, Budgets, Prices, Purse
from gvlm_resources.settings import Quotas, SynthesisSettings
from tests.dataset import play

JPEG = b"\xff\xd8 a picture"
CONTEXT_REPLY = {
    **dict.fromkeys(context.ONE, "unknown"),
    **{name: [] for name in context.SEVERAL},
    "role": "a lone marine",
    "game": "Freedoom",
}
SETTINGS = SynthesisSettings(
    quotas=Quotas(**dict.fromkeys(pairs.KINDS, 2)), window_s=35, max_tokens=2048, max_frames=2, max_rows=40
)
Script = Callable[[Asked], str | None]


@dataclass
class ScriptedAsker:
    """Says what the script says, read as a real reply is; what it says nothing to is beyond the budget."""

    script: Script
    model: str = "tiny"
    asked: list[Asked] = field(default_factory=list)

    def ask(self, requests: Sequence[Asked]) -> list[Answered]:
        return [self._one(asked) for asked in requests]

    def measured(self) -> dict[str, Any]:
        return {"calls": len(self.asked)}

    def _one(self, asked: Asked) -> Answered:
        self.asked.append(asked)
        call_id = f"k{len(self.asked):016x}"
        said = self.script(asked)
        if said is None:
            return _answered(call_id, "budget", None, None, "the budget of this video is spent")
        reply = ChatReply(said, "tiny", False, 100, 20, 5.0, 1, True)
        parsed = asked.read(reply)
        return _answered(call_id, parsed.status, parsed.value, reply, parsed.detail, parsed.bad_items)


def _answered(call_id: str, outcome: Any, value: Any, reply: ChatReply | None, detail: str, bad: int = 0) -> Answered:
    tries = 1 if reply else 0
    return Answered(
        call_id, outcome, value, reply, 0.001 * tries, False, detail, tries, 100 * tries, 20 * tries, bad_items=bad
    )


def item(**changed: Any) -> dict[str, Any]:
    told = {
        "kind": "unanswerable",
        "language": "en",
        "length": "medium",
        "question": "What is the player called?",
        "answer": "That cannot be told from the video.",
        "evidence": [],
        "start": "00:00",
        "end": "00:10",
    }
    return {**told, **changed}


def said(*items: Any) -> str:
    return json.dumps({"pairs": items})


def script(*items: Any) -> Script:
    """The context to the first pass, these items to every prompt of the second."""
    return lambda asked: json.dumps(CONTEXT_REPLY) if is_first_pass(asked) else said(*items)


def is_first_pass(asked: Asked) -> bool:
    return asked.request.schema_name == context.SCHEMA_NAME


def write(
    asker: ScriptedAsker, *, facts: Facts | None = None, settings: SynthesisSettings = SETTINGS, frames: Any = None
) -> Written:
    return writing.write(facts or play.facts(), frames or (lambda _: JPEG), settings, asker)


def column(written: Written, name: str) -> list[Any]:
    return written.calls.column(name).to_pylist()


def test_the_start_is_looked_at_first_and_every_later_prompt_is_given_what_it_tells() -> None:
    asker = ScriptedAsker(script())
    written = write(asker)
    first, *later = asker.asked
    assert is_first_pass(first)
    assert "Took a health refill." in first.request.user
    assert "Lost 30 health" not in first.request.user, "20 s is behind the first 15 s"
    assert len(later) == 2
    assert all('role: "a lone marine"' in asked.request.user for asked in later)
    assert written.context is not None
    assert (written.context.role, written.context.made_by) == ("a lone marine", f"{asker.model}@server")
    assert context.from_json(written.context_json()) == written.context


def test_without_an_intro_or_a_readable_one_the_second_pass_goes_on_without_it() -> None:
    none = ScriptedAsker(script())
    assert write(none, settings=SETTINGS.model_copy(update={"intro_s": 0.0})).context is None
    assert not any(is_first_pass(asked) for asked in none.asked)
    garbled = ScriptedAsker(lambda asked: "no JSON" if is_first_pass(asked) else said(item()))
    written = write(garbled)
    assert written.context is None
    assert written.context_json() == "null\n"
    assert column(written, "outcome") == ["unreadable", "json", "json"]
    assert len(written.pairs) == 2


def test_each_call_is_a_row_of_what_was_asked_and_what_came_of_it() -> None:
    written = write(ScriptedAsker(script(item(), 7, item(kind="riddle"), item(start="99:00"))))
    assert written.calls.schema.equals(schemas.QA_CALLS)
    assert column(written, "purpose") == ["context", "pairs", "pairs"]
    assert column(written, "start_ns") == [0, 0, 35 * play.S]
    assert column(written, "end_ns") == [15 * play.S, 35 * play.S, 70 * play.S]
    assert column(written, "pairs") == [0, 2, 2]
    assert column(written, "prompt_tokens") == [100] * 3
    detail = column(written, "detail")[1]
    assert "1 of 4 items do not fit" in detail
    assert "riddle" in detail
    assert written.measured == {"items_that_are_no_pair": 4, "came_of_requests": written.counts(), "calls": 3}
    assert written.summary() == "openai: 4 pairs of 3 replies"


def test_pairs_say_who_wrote_them_and_those_that_cannot_be_used_say_why() -> None:
    written = write(ScriptedAsker(script(item(), item(question="What else?", start="99:00", end="99:01"))))
    assert {pair.made_by for pair in written.pairs} == {"tiny@server"}
    assert [pair.reason for pair in written.pairs] == ["", "outside", "outside", "outside"], "10 s is not in 35-70 s"


def test_an_explicit_nothing_is_a_reply_and_no_failure() -> None:
    written = write(ScriptedAsker(script()))
    assert column(written, "outcome") == ["json", "nothing", "nothing"]
    assert written.pairs == []


def test_what_the_budget_does_not_reach_is_counted() -> None:
    seen: list[Asked] = []

    def spent_after_two(asked: Asked) -> str | None:
        seen.append(asked)
        return script(item())(asked) if len(seen) <= 2 else None

    written = write(ScriptedAsker(spent_after_two))
    assert column(written, "outcome") == ["json", "json", "budget"]
    assert column(written, "requests") == [1, 1, 0]
    assert len(written.pairs) == 1


def test_what_came_of_the_requests_is_told_in_counts_and_in_words() -> None:
    replies = iter([json.dumps(CONTEXT_REPLY), said(), "no JSON", said(item()), None, None])
    states = tuple(play.held("health", at, at * 10, at * 10 + 10) for at in range(18))
    facts = replace(play.facts(), duration_ns=175 * play.S, states=states)
    written = write(ScriptedAsker(lambda _: next(replies)), facts=facts)
    assert written.counts() == {
        "requests": 6,
        "answered": 2,
        "nothing": 1,
        "unreadable": 1,
        "refused": 0,
        "not_asked": 2,
        "pairs": 1,
    }
    assert written.measured["came_of_requests"] == written.counts()
    assert written.summary() == (
        "openai: 1 pair of 2 replies, 1 reply that nothing happens, 1 unreadable, 2 requests not asked (budget)"
    )


def test_a_refused_request_is_told_as_one() -> None:
    calls = pa.Table.from_pylist([{"outcome": "refused"}, {"outcome": "salvaged"}])
    written = Written([], calls, None, {})
    assert (written.counts()["refused"], written.counts()["answered"]) == (1, 1)
    assert written.summary() == "openai: 0 pairs of 1 reply, 1 refused"


class SilentModel:
    """A model that must not be asked."""

    name = "tiny@127.0.0.1:8000"

    def chat(self, request: ChatRequest) -> ChatReply:
        raise AssertionError(f"asked: {request.user[:80]}")


def test_a_budget_that_holds_no_request_asks_for_none_and_fails_nothing(tmp_path: Path) -> None:
    store = ReplyStore(tmp_path)
    purse = Purse(Prices(), Budgets(video=Budget("synthesis", tokens=1)), store)
    written = writing.write(play.facts(), lambda _: JPEG, SETTINGS, Asker(SilentModel(), store, purse, Pace(2)))
    assert column(written, "outcome") == ["budget"] * 3
    assert column(written, "purpose") == ["context", "pairs", "pairs"]
    assert (written.pairs, written.context) == ([], None)
    assert written.summary() == "openai: 0 pairs of 0 replies, 3 requests not asked (budget)"
    assert list(store.calls()) == []


def test_a_stretch_of_which_nothing_is_known_costs_nothing() -> None:
    empty = play.facts(events=(), states=(), texts=(), speech=(), sounds=(), sights=(), frames=())
    asker = ScriptedAsker(script(item()))
    written = write(asker, facts=empty)
    assert (written.pairs, written.summary()) == ([], "openai: nothing to ask about")
    assert asker.asked == []


def test_frames_are_sent_with_their_times_and_none_where_none_are_wanted() -> None:
    asker = ScriptedAsker(script())
    write(asker)
    captions = [[image.caption for image in asked.request.images] for asked in asker.asked]
    assert captions[1] == ["Frame at 00:00:", "Frame at 00:34:"]
    blind = ScriptedAsker(script())
    write(blind, settings=SETTINGS.model_copy(update={"max_frames": 0}))
    assert not any(asked.request.images for asked in blind.asked)
    lost = ScriptedAsker(script())
    write(lost, frames=lambda _: None)
    assert not any(asked.request.images for asked in lost.asked)
    assert not any("Frames follow" in asked.request.user for asked in lost.asked)


def test_every_language_is_asked_for_by_itself_and_held_to_it() -> None:
    settings = SETTINGS.model_copy(update={"languages": ("en", "de"), "intro_s": 0.0})
    asker = ScriptedAsker(lambda asked: said(item(language="de" if '("de")' in asked.request.user else "fr")))
    written = write(asker, settings=settings)
    schemas_sent = [asked.request.schema or {} for asked in asker.asked]
    languages = [sent["properties"]["pairs"]["items"]["properties"]["language"]["enum"] for sent in schemas_sent]
    assert languages == [["en"], ["de"], ["en"], ["de"]]
    assert [(pair.language, pair.reason) for pair in written.pairs][:2] == [("fr", "language"), ("de", "")]


def test_the_same_facts_and_replies_give_the_same_requests_and_the_same_result() -> None:
    one, two = ScriptedAsker(script(item())), ScriptedAsker(script(item()))
    first, second = write(one), write(two)
    assert [asked.request for asked in one.asked] == [asked.request for asked in two.asked]
    assert first.pairs == second.pairs
    assert first.calls.equals(second.calls)


def test_the_seed_is_sent_and_chooses_no_other_facts() -> None:
    asker = ScriptedAsker(script())
    write(asker, settings=SETTINGS.model_copy(update={"seed": 7}))
    assert {asked.request.seed for asked in asker.asked} == {7}


def test_many_stretches_are_asked_about_a_few_at_a_time(monkeypatch: Any) -> None:
    asked_at_once: list[int] = []

    class Counting(ScriptedAsker):
        def ask(self, requests: Sequence[Asked]) -> list[Answered]:
            asked_at_once.append(len(requests))
            return super().ask(requests)

    facts = replace(play.facts(), duration_ns=3_000 * play.S)
    states = tuple(play.held("health", at, at * 10, at * 10 + 10) for at in range(300))
    write(Counting(script()), facts=replace(facts, states=states))
    assert max(asked_at_once) == writing.AT_ONCE
    assert sum(asked_at_once) > 80


def test_the_retry_asks_for_the_same_object() -> None:
    asker = ScriptedAsker(script())
    write(asker)
    assert asker.asked[0].retry == context.RETRY
    assert {asked.retry for asked in asker.asked[1:]} == {writer_prompts.RETRY}

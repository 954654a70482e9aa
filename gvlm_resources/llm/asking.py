"""Many requests to one model: at a fair pace, for known money, and none paid for twice.

A reply is stored before anything is made of it, so that a build that is killed, or stopped by an error or a budget,
goes on where it was. Of all who have the same request, in whatever process, one asks and the others wait for its reply.
Replies come back in the order of their requests. What can be read of one, `structured` decides;
one that cannot be read is asked for once more, when all first tries are through.

Which requests a budget leaves out depends on what the replies cost and not on when they came: a request that may or may
not fit waits for those before it.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from pydantic import SecretStr

from gvlm_resources.errors import GvlmError
from gvlm_resources.llm import replies, usage
from gvlm_resources.llm.pacing import Pace, StoppedError, Turn
from gvlm_resources.llm.protocol import (
    ChatModel,
    ChatReply,
    ChatRequest,
    EmptyReplyError,
    RefusedError,
    TooLongError,
    model_of,
)
from gvlm_resources.llm.replies import Kind, ReplyStore, Stored
from gvlm_resources.llm.spending import Admission, Budgets, Prices, Purse
from gvlm_resources.llm.structured import Parsed
from gvlm_resources.settings import ServerSettings, SynthesisSettings

Outcome = Literal["json", "salvaged", "repaired", "retried", "nothing", "unreadable", "refused", "budget"]
POLL_S = 0.2  # how often to see whether another process has spent what it held
REPLY_POLL_S = 0.05  # how often to see whether somebody else's reply is there
REFUSAL_CHARS = 300
NOT_HELD = "the video's budget does not hold it"


@dataclass(frozen=True, slots=True)
class Asked:
    """A request, what reads its reply (see `structured.reader`), and what is added to the text for the second try.

    `purpose` is what latencies are told apart by.
    """

    request: ChatRequest
    read: Callable[[ChatReply], Parsed]
    retry: str
    purpose: str = ""


@dataclass(frozen=True, slots=True)
class Answered:
    """What came of a request. Everything but `from_store` and `paid_usd` is the same when it is built again.

    `value` is None where the outcome is unreadable, refused or budget. `reply` is the last one, None where there is
    none: nothing was asked, or the prompt was too long for the model. Tokens, requests, latency and cost are of both
    tries; `latency_ms` is from sending to reply and `cost_usd` what they cost when they were asked, `paid_usd` what was
    paid in this run. None is a price that is not known.
    """

    call_id: str
    outcome: Outcome
    value: Any
    reply: ChatReply | None
    cost_usd: float | None
    from_store: bool
    detail: str = ""
    requests: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    latency_ms: float = 0.0
    paid_usd: float | None = 0.0
    bad_items: int = 0


@dataclass(frozen=True, slots=True)
class _Try:
    """One request as it was asked, and what its reply holds: None where it is a refusal.

    `stored` is None where the video's budget did not hold the request, and where it was `too_long`.
    """

    call_id: str
    stored: Stored | None
    from_store: bool
    parsed: Parsed | None = None
    too_long: TooLongError | None = None


@dataclass
class _Measured:
    """What an asker has done so far. Costs are None where a price is not known."""

    calls: int = 0
    from_store: int = 0
    requests: int = 0
    second_tries: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    estimated: int = 0
    costs_usd: list[float | None] = field(default_factory=list)
    stored_costs_usd: list[float | None] = field(default_factory=list)
    latencies_ms: dict[str, list[float]] = field(default_factory=dict)
    outcomes: Counter[str] = field(default_factory=Counter)


class Asker:
    """Asks one model about one video. `name` is `model@server`, `model` the name without the server."""

    def __init__(self, model: ChatModel, store: ReplyStore, purse: Purse, pace: Pace) -> None:
        """Raises SettingsError where a budget is in money and the model has no price."""
        self.name, self.model = model.name, model_of(model.name)
        self._chat, self._store, self._purse, self._pace = model, store, purse, pace
        self._image_tokens = purse.prices.image_tokens(self.model)
        self._measured, self._mutex = _Measured(), threading.Lock()
        self._waiting: set[str] = set()  # digests of requests whose reply somebody else asks for
        self._is_over = False  # an error has ended the asking
        self._waited_before_s = pace.waited_s
        purse.check(self.model)

    def ask(self, requests: Sequence[Asked]) -> list[Answered]:
        """An answer to each request, in their order.

        Raises ServerError where the server cannot be asked, BudgetError where the lake's budget is spent, LakeError
        where a stored reply is damaged; every reply that came until then is stored.
        """
        firsts = self._all(requests, attempt=1)
        again = [i for i, first in enumerate(firsts) if first.parsed and first.parsed.status == "unreadable"]
        asked_again = [_second(requests[i], firsts[i]) for i in again]
        seconds = dict(zip(again, self._all(asked_again, attempt=2), strict=True))
        answers = [_answered(first, seconds.get(i)) for i, first in enumerate(firsts)]
        with self._mutex:
            self._measured.second_tries += sum(second.stored is not None for second in seconds.values())
            self._measured.outcomes.update(answer.outcome for answer in answers)
        return answers

    def measured(self) -> dict[str, Any]:
        """Counts, tokens, money and times so far. A cost is None where a part of it is not known."""
        with self._mutex:
            done = self._measured
            return {
                "calls": done.calls,
                "from_store": done.from_store,
                "requests": done.requests,
                "second_tries": done.second_tries,
                "prompt_tokens": done.prompt_tokens,
                "completion_tokens": done.completion_tokens,
                "calls_with_estimated_tokens": done.estimated,
                "cost_usd": _total(done.costs_usd),
                "stored_cost_usd": _total(done.stored_costs_usd),
                "waited_s": round(self._pace.waited_s - self._waited_before_s, 3),
                "latency_ms": {purpose: _latency(times) for purpose, times in sorted(done.latencies_ms.items())},
                "outcomes": dict(sorted(done.outcomes.items())),
            }

    # ---------------------------------------------------------------------------------------- asking

    def _all(self, requests: Sequence[Asked], *, attempt: int) -> list[_Try]:
        """Each request's reply, from the store or the server. Equal requests are asked once."""
        digests = [replies.digest(asked.request, self.model, attempt) for asked in requests]
        done: dict[str, _Try] = {}
        running: dict[Future[_Try], str] = {}
        self._is_over = is_done = False
        self._pace.resume()
        # Threads are made as they are needed: as many as may ask at once, and those that wait for others.
        with ThreadPoolExecutor(max(1, len(requests)), thread_name_prefix="gvlm-ask") as threads:
            try:
                for digest, asked in zip(digests, requests, strict=True):
                    if digest in done or digest in running.values():
                        continue
                    if found := self._find(digest):
                        done[digest] = found
                    elif self._is_admitted(digest, asked.request, running, done):
                        running[threads.submit(self._one, digest, asked)] = digest
                    else:
                        done[digest] = _Try(replies.call_id(digest), None, False)
                while running:
                    _collect(running, done)
                is_done = True
            except GvlmError:
                self._is_over = True  # what is under way here comes to its end, and is stored
                raise
            finally:
                if not (is_done or self._is_over):  # an interrupt: as above, but nobody waits for a server's pause
                    self._pace.stop()
        return _in_order(digests, requests, done)

    def _find(self, digest: str) -> _Try | None:
        stored = self._store.find(digest)
        if stored is None:
            return None
        self._purse.reuse(stored)  # also in place of what was held to ask for it
        with self._mutex:
            self._measured.from_store += 1
            self._measured.stored_costs_usd.append(stored.cost_usd)
        return _Try(stored.call_id, stored, True)

    def _is_admitted(
        self, digest: str, request: ChatRequest, running: dict[Future[_Try], str], done: dict[str, _Try]
    ) -> bool:
        """Whether the budgets hold the request, once that is certain and a thread is free for it."""
        call, most = replies.call_id(digest), usage.at_most(request, self._image_tokens)
        while len(running) - len(self._waiting) >= self._pace.concurrency:
            _collect(running, done, timeout_s=REPLY_POLL_S)
        while (admission := self._purse.may_ask(call, self.model, most)) is Admission.LATER:
            if running:
                _collect(running, done)
            else:
                self._pace.idle(POLL_S)
        return admission is Admission.YES

    def _one(self, digest: str, asked: Asked) -> _Try:
        """The reply to one request that is admitted, in a thread of its own: asked for here, or by somebody else."""
        call = replies.call_id(digest)
        with ExitStack() as undone:
            undone.callback(self._purse.let_go, call)  # what was held for it, however this ends without a reply
            undone.callback(self._waiting.discard, digest)
            try:
                with self._store.alone(digest, wait=lambda: self._wait_for(digest)):
                    self._waiting.discard(digest)
                    found = self._find(digest) or self._paid(digest, asked)
            except TooLongError as error:
                with self._mutex:
                    self._measured.requests += error.requests
                return _Try(call, None, False, too_long=error)
            undone.pop_all()
            return found

    def _wait_for(self, digest: str) -> None:
        """Wait a little for a reply that somebody else asks for. Who waits takes up no place meanwhile."""
        self._waiting.add(digest)
        if self._is_over:
            raise StoppedError(
                "somebody else's reply is no longer waited for", remedy="start again: replies are stored"
            )
        self._pace.idle(REPLY_POLL_S)

    def _paid(self, digest: str, asked: Asked) -> _Try:
        """Ask, store, count."""
        most = usage.at_most(asked.request, self._image_tokens)
        with self._pace.turn(most.tokens) as turn:
            kind, reply = self._reply(asked.request, turn)
            used = usage.counted(asked.request, reply, self._image_tokens)
            turn.tokens = used.tokens
        stored = Stored(
            digest=digest,
            model=self.model,
            kind=kind,
            reply=reply,
            prompt_tokens=used.prompt_tokens,
            completion_tokens=used.completion_tokens,
            is_estimated=used.is_estimated,
            cost_usd=self._purse.prices.cost(self.model, used),
        )
        self._store.put(stored)
        self._purse.settle(stored)
        self._measure(stored, asked.purpose)
        return _Try(stored.call_id, stored, False)

    def _reply(self, request: ChatRequest, turn: Turn) -> tuple[Kind, ChatReply]:
        """What the model says, as a text that can be stored: halves of surrogate pairs cannot."""
        kind: Kind = "reply"
        try:
            reply = self._chat.chat(request)
        except RefusedError as error:
            kind, reply = "refusal", error.reply
        except EmptyReplyError as error:
            kind, reply = "empty", error.reply
        except TooLongError:
            turn.tokens = 0  # the server did not take it
            raise
        return kind, replace(reply, text=reply.text.encode("utf-8", "replace").decode())

    def _measure(self, stored: Stored, purpose: str) -> None:
        with self._mutex:
            done = self._measured
            done.calls += 1
            done.requests += stored.reply.requests
            done.prompt_tokens += stored.prompt_tokens
            done.completion_tokens += stored.completion_tokens
            done.estimated += stored.is_estimated
            done.costs_usd.append(stored.cost_usd)
            done.latencies_ms.setdefault(purpose, []).append(stored.reply.latency_ms)


def connect(
    synthesis: SynthesisSettings,
    server: ServerSettings,
    folder: Path,
    *,
    api_key: str = "",
    pace_folder: Path | None = None,
) -> Asker:
    """An asker for one video: the model of `synthesis` on the server of `server`, replies kept in `folder`.

    The server's limits hold for all processes that have the same `pace_folder`, or without one for this process.
    Raises SettingsError for an address that cannot be used, or a budget in money for a model without a price.
    """
    from gvlm_resources.llm.openai_chat import OpenAIChat, checked_url

    checked_url(server.base_url, "server.base_url")
    pace, store = Pace.of(server, pace_folder), ReplyStore(folder)
    chat = OpenAIChat(
        server.base_url,
        synthesis.model,
        api_key=SecretStr(api_key) if api_key else None,
        timeout_s=server.timeout_s,
        section="server",
        waits=pace,
    )
    return Asker(chat, store, Purse(Prices(server.prices), Budgets.of(synthesis, server), store), pace)


def _collect(running: dict[Future[_Try], str], done: dict[str, _Try], *, timeout_s: float | None = None) -> None:
    """Wait until a reply is there, or for so long. Raises what its request raised."""
    finished, _ = wait(running, timeout=timeout_s, return_when=FIRST_COMPLETED)
    for future in [future for future in running if future in finished]:
        done[running.pop(future)] = future.result()


def _in_order(digests: Sequence[str], requests: Sequence[Asked], done: dict[str, _Try]) -> list[_Try]:
    """The tries in the order of their requests, read. Of equal requests the first alone was paid for."""
    ordered, seen = [], set()
    for digest, asked in zip(digests, requests, strict=True):
        tried = done[digest]
        ordered.append(replace(tried, from_store=tried.from_store or digest in seen, parsed=_parsed(asked, tried)))
        if tried.stored is not None:
            seen.add(digest)
    return ordered


def _parsed(asked: Asked, tried: _Try) -> Parsed | None:
    if tried.stored is None or tried.stored.kind == "refusal":
        return None
    return asked.read(tried.stored.reply)


def _second(asked: Asked, first: _Try) -> Asked:
    """The second try: with the retry text, and twice the room where the first was cut off."""
    request, is_cut = asked.request, first.stored is not None and first.stored.reply.is_cut
    room = request.max_tokens * (2 if is_cut else 1)
    return replace(asked, request=replace(request, user=f"{request.user}\n\n{asked.retry}", max_tokens=room))


def _answered(first: _Try, second: _Try | None) -> Answered:
    last = second if second is not None and second.stored is not None else first
    tries = [tried for tried in (first, second) if tried is not None and tried.stored is not None]
    stored = [tried.stored for tried in tries if tried.stored is not None]
    outcome, detail = _outcome(first, second)
    has_value = last.parsed is not None and outcome not in ("unreadable", "refused", "budget")
    return Answered(
        call_id=last.call_id,
        outcome=outcome,
        value=last.parsed.value if has_value and last.parsed else None,
        reply=last.stored.reply if last.stored else None,
        cost_usd=_total([reply.cost_usd for reply in stored]),
        from_store=bool(tries) and all(tried.from_store for tried in tries),
        detail=detail,
        requests=sum(reply.reply.requests for reply in stored)
        + sum(tried.too_long.requests for tried in (first, second) if tried is not None and tried.too_long),
        prompt_tokens=sum(reply.prompt_tokens for reply in stored),
        completion_tokens=sum(reply.completion_tokens for reply in stored),
        latency_ms=sum(reply.reply.latency_ms for reply in stored),
        paid_usd=_total([tried.stored.cost_usd for tried in tries if tried.stored and not tried.from_store]),
        bad_items=last.parsed.bad_items if has_value and last.parsed else 0,
    )


def _outcome(first: _Try, second: _Try | None) -> tuple[Outcome, str]:
    """What a request came to, and what there is to say about it."""
    if first.too_long is not None:
        return "refused", str(first.too_long)
    if first.stored is None:
        return "budget", NOT_HELD
    if first.parsed is None:
        return "refused", _line(first.stored.reply.text)
    if second is None:
        return first.parsed.status, first.parsed.detail
    if second.stored is None:
        return "unreadable", f"{first.parsed.detail}; no second try: {second.too_long or NOT_HELD}"
    if second.parsed is None:
        return "refused", _line(second.stored.reply.text)
    if second.parsed.status in ("unreadable", "nothing"):
        return second.parsed.status, second.parsed.detail
    detail = f"first: {first.parsed.detail}; second: {second.parsed.status}"
    return "retried", f"{detail}; {second.parsed.detail}" if second.parsed.detail else detail


def _line(text: str) -> str:
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())[:REFUSAL_CHARS]


def _total(costs: Sequence[float | None]) -> float | None:
    known = [cost for cost in costs if cost is not None]
    return round(sum(known, 0.0), 9) if len(known) == len(costs) else None


def _latency(times_ms: Sequence[float]) -> dict[str, float]:
    """Median and 95th percentile by nearest rank: each is the time of a call."""
    ordered = sorted(times_ms)
    at = {name: -(-len(ordered) * share // 100) - 1 for name, share in (("median", 50), ("p95", 95))}
    return {"calls": len(ordered), **{name: round(ordered[index], 1) for name, index in at.items()}}

"""A fair pace: how many requests at once and a minute, how many tokens a minute, and a pause that holds for everybody.

A minute's allowance is spread over the minute: after a request of n tokens the next may start n / (tokens a minute)
minutes later. What a reply took is known when it is there, and the estimate is corrected by it.

Whoever asks has a `Pace` of its own, to wait by and to be stopped by. All paces towards one address go by one account
(`account`), so that what one video asked, and a pause that the server asked it for, hold for the next, and for the
other processes that use the same lake.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit

from gvlm_resources.errors import GvlmError
from gvlm_resources.llm.account import SLICE_S, Account, Limits, Server, server_at
from gvlm_resources.settings import ServerSettings


class Clock(Protocol):
    def now(self) -> float:
        """Seconds since any fixed moment."""

    def sleep(self, seconds: float) -> None: ...


class SystemClock:
    def now(self) -> float:
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)


class StoppedError(GvlmError):
    """A wait was broken off, because nobody waits for what it was for."""


class Turn:
    """A request that is under way."""

    def __init__(self, tokens: int) -> None:
        self.tokens = tokens  # as estimated; whoever knows better sets it


class Pace:
    """The pace at which one asker goes to a server. Safe to use from several threads."""

    def __init__(
        self,
        concurrency: int,
        requests_per_minute: int = 0,
        tokens_per_minute: int = 0,
        *,
        server: Account | None = None,
        clock: Clock | None = None,
    ) -> None:
        """`server` is shared with whoever asks it too; without it nobody does.

        `concurrency` is held against what everybody has under way there, so that of two askers with different numbers
        each keeps to its own.
        """
        if concurrency < 1:
            raise ValueError(f"one request or more at a time, got {concurrency}")
        self.concurrency = concurrency
        self._clock = clock or SystemClock()
        self._server = server or Server()
        self._request_s, self._token_s = _seconds_each(requests_per_minute), _seconds_each(tokens_per_minute)
        self._stopped = threading.Event()
        self._mutex = threading.Lock()
        self.waited_s = 0.0  # by all threads, for limits and pauses

    @staticmethod
    def of(settings: ServerSettings, folder: Path | None = None) -> Pace:
        """A pace by the settings, towards the server at their address.

        It is shared with every process that has the same `folder`; without one, with whoever asks in this process.
        """
        parts = urlsplit(settings.base_url)
        port = parts.port or (443 if parts.scheme == "https" else 80)
        server = server_at(parts.hostname or "", port, folder)
        limits = settings.concurrency, settings.requests_per_minute, settings.tokens_per_minute
        return Pace(*limits, server=server)

    @contextmanager
    def turn(self, tokens: int) -> Iterator[Turn]:
        """A turn for a request of about so many tokens, as soon as the limits let it start."""
        with self._server.place(self.concurrency, self._go_on):
            self._start(tokens)
            turn = Turn(tokens)
            try:
                yield turn
            finally:
                self._correct((tokens - turn.tokens) * self._token_s)

    def before_retry(self, pause_s: float, *, for_all: bool) -> None:
        """Wait `pause_s` before a request is sent again, and for its turn. With `for_all` nobody starts one before."""
        if for_all:
            with self._limits() as limits:
                limits.paused_until = max(limits.paused_until, self._clock.now() + pause_s)
        else:
            self._wait_until(self._clock.now() + pause_s)
        self._start(0)

    def idle(self, seconds: float) -> None:
        """Wait for something that others do."""
        self._wait_until(self._clock.now() + seconds)

    def stop(self) -> None:
        """Break off every wait with StoppedError, until `resume`."""
        self._stopped.set()

    def resume(self) -> None:
        self._stopped.clear()

    def _start(self, tokens: int) -> None:
        """Return when a request may start, and count it."""
        while True:
            with self._limits() as limits:
                now, ready_at = self._clock.now(), limits.ready_at()
                if ready_at <= now:
                    if self._request_s:
                        limits.requests_at = max(limits.requests_at, now) + self._request_s
                    if self._token_s:
                        limits.tokens_at = max(limits.tokens_at, now) + tokens * self._token_s
                    return
            self._wait_until(ready_at)

    def _correct(self, over_s: float) -> None:
        """Give back what was estimated and not taken. A reply is not lost to this: who is stopped waits no more."""
        if over_s:
            with suppress(StoppedError), self._limits() as limits:
                limits.tokens_at -= over_s

    def _limits(self) -> AbstractContextManager[Limits]:
        return self._server.limits(self._clock.now, self._go_on)

    def _wait_until(self, moment: float) -> None:
        while (left := moment - self._clock.now()) > 0:
            self._go_on()
            piece = min(left, SLICE_S)
            self._clock.sleep(piece)
            with self._mutex:
                self.waited_s += piece

    def _go_on(self) -> None:
        if self._stopped.is_set():
            raise StoppedError("waiting for the server was broken off", remedy="start again: replies are stored")


def _seconds_each(per_minute: int) -> float:
    """0 a minute is no limit."""
    return 60.0 / per_minute if per_minute else 0.0

"""A fair pace: how many requests at once and a minute, how many tokens a minute, and a pause that holds for everybody.

A minute's allowance is spread over the minute: after a request of n tokens the next may start n / (tokens a minute)
minutes later. What a reply took is known when it is there, and the estimate is corrected by it.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from gvlm_resources.errors import GvlmError
from gvlm_resources.settings import ServerSettings

SLICE_S = 0.25  # longest sleep in one piece, so that a stop is heard


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


class _Allowance:
    """So much a minute, spread over it. 0 is no limit."""

    def __init__(self, per_minute: int) -> None:
        self._seconds_each = 60.0 / per_minute if per_minute else 0.0
        self._ready_at = 0.0

    def ready_at(self) -> float:
        return self._ready_at

    def take(self, amount: float, now: float) -> None:
        self._ready_at = max(self._ready_at, now) + amount * self._seconds_each

    def give_back(self, amount: float) -> None:
        """A negative amount was taken beyond the estimate."""
        self._ready_at -= amount * self._seconds_each


class Turn:
    """A request that is under way."""

    def __init__(self, tokens: int) -> None:
        self.tokens = tokens  # as estimated; whoever knows better sets it


class Pace:
    """The pace towards one server, shared by all who ask it. Safe to use from several threads."""

    def __init__(
        self, concurrency: int, requests_per_minute: int = 0, tokens_per_minute: int = 0, *, clock: Clock | None = None
    ) -> None:
        if concurrency < 1:
            raise ValueError(f"one request or more at a time, got {concurrency}")
        self.concurrency = concurrency
        self._clock = clock or SystemClock()
        self._slots = threading.BoundedSemaphore(concurrency)
        self._mutex = threading.Lock()
        self._requests, self._tokens = _Allowance(requests_per_minute), _Allowance(tokens_per_minute)
        self._paused_until = 0.0
        self._stopped = threading.Event()
        self.waited_s = 0.0  # by all, for limits and pauses

    @staticmethod
    def of(settings: ServerSettings) -> Pace:
        return Pace(settings.concurrency, settings.requests_per_minute, settings.tokens_per_minute)

    @contextmanager
    def turn(self, tokens: int) -> Iterator[Turn]:
        """A turn for a request of about so many tokens, as soon as the limits let it start."""
        with self._slots:
            self._start(tokens)
            turn = Turn(tokens)
            try:
                yield turn
            finally:
                with self._mutex:
                    self._tokens.give_back(tokens - turn.tokens)

    def before_retry(self, pause_s: float, *, for_all: bool) -> None:
        """Wait `pause_s` before a request is sent again, and for its turn. With `for_all` nobody starts one before."""
        if for_all:
            with self._mutex:
                self._paused_until = max(self._paused_until, self._clock.now() + pause_s)
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
            with self._mutex:
                now = self._clock.now()
                ready_at = max(self._paused_until, self._requests.ready_at(), self._tokens.ready_at())
                if ready_at <= now:
                    self._requests.take(1, now)
                    self._tokens.take(tokens, now)
                    return
            self._wait_until(ready_at)

    def _wait_until(self, moment: float) -> None:
        while (left := moment - self._clock.now()) > 0:
            if self._stopped.is_set():
                raise StoppedError("waiting for the server was broken off", remedy="start again: replies are stored")
            piece = min(left, SLICE_S)
            self._clock.sleep(piece)
            with self._mutex:
                self.waited_s += piece

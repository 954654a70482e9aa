"""What was asked of one server: how many requests are under way, and when the next may start.

`Server` is the account of one process. `LakeServer` is one account for every process that uses the same lake on one
machine. It lies in a folder of the lake's `cache/`; the 16 hex digits are a digest of the server's host and port:

    <16 hex>.lock              held for the moments in which the account is read or changed
    <16 hex>.json              until when requests, tokens and a pause hold back the next request
    <16 hex>.<32 hex>.place    held by a request that is under way, and gone when it ends
    <16 hex>.<20 digits>.<32 hex>.wait   held by a process that waits for a place, in the order of the digits

All of them are locks of the system, which lets go of them when the process dies, however it dies. Whoever finds no
place left, or somebody before it, looks which files are still held, and sweeps the others.
"""

from __future__ import annotations

import hashlib
import os
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from functools import cache
from pathlib import Path
from typing import Protocol

from filelock import FileLock, Timeout
from pydantic import ConfigDict, TypeAdapter, ValidationError

SLICE_S = 0.25  # longest wait in one piece, so that a stop is heard
LOCK_POLL_S = 0.002  # the account is held for less than a millisecond at a time
PLACE_POLL_S = 0.05  # how often to see whether another process has left a place
PATIENCE_S = 30.0  # then those who came first are waited for no longer: they may have been suspended
RECORD_BYTES = 256
# The most that can be left of each as it is read from the file: a minute's requests are 60 s apart at most, no pause
# over 75 s is waited for (`openai_chat`), and an hour is what a request of sixty minutes' tokens uses up.
MOST_LEFT_S = {"requests_at": 60.0, "tokens_at": 3600.0, "paused_until": 90.0}

GoOn = Callable[[], None]  # called at least every `SLICE_S` of a wait; raises to break it off


@dataclass(slots=True)
class Limits:
    """Until when each limit holds back the next request, by the clock of whoever asks."""

    requests_at: float = 0.0
    tokens_at: float = 0.0
    paused_until: float = 0.0

    def ready_at(self) -> float:
        return max(self.paused_until, self.requests_at, self.tokens_at)


class Account(Protocol):
    def place(self, most: int, go_on: GoOn) -> AbstractContextManager[None]:
        """A place among the requests that are under way, as soon as they are fewer than `most`."""

    def limits(self, now: Callable[[], float], go_on: GoOn) -> AbstractContextManager[Limits]:
        """The limits by the clock `now`, to look at and change, for this block alone."""


class Server:
    """The account of whoever is given it in this process."""

    def __init__(self) -> None:
        self._changed = threading.Condition()  # held for every look and change
        self._under_way = 0
        self._limits = Limits()

    @contextmanager
    def place(self, most: int, go_on: GoOn) -> Iterator[None]:
        with self._changed:
            while self._under_way >= most:
                self._changed.wait(SLICE_S)
                go_on()
            self._under_way += 1
        try:
            yield
        finally:
            with self._changed:
                self._under_way -= 1
                self._changed.notify_all()

    @contextmanager
    def limits(self, now: Callable[[], float], go_on: GoOn) -> Iterator[Limits]:
        with self._changed:
            yield self._limits


class LakeServer:
    """The account of all who use the same folder, in whatever process. Safe to use from several threads.

    `most` may differ from one asker to the next: each starts a request only where fewer than its own number are under
    way, whoever asked them. Processes that wait are served in turn, so one with a small number is not passed over.
    """

    def __init__(self, folder: Path, host: str, port: int, *, wall: Callable[[], float] = time.time) -> None:
        """`wall` is the clock that all of them share; a file's moments are by it."""
        address = f"{host}:{port}".encode("utf-8", "backslashreplace")
        self._folder, self._name, self._wall = folder, hashlib.sha256(address).hexdigest()[:16], wall
        self._lock = FileLock(folder / f"{self._name}.lock")  # each thread takes it for itself
        self._front = threading.Lock()  # one thread of this process at a time stands in line with the other processes
        self._freed = threading.Condition()

    # ------------------------------------------------------------------------------------------- places

    @contextmanager
    def place(self, most: int, go_on: GoOn) -> Iterator[None]:
        while not self._front.acquire(timeout=SLICE_S):
            go_on()
        try:
            place = self._place(most, go_on)
        finally:
            self._front.release()
        try:
            yield
        finally:
            _let_go(place)
            with self._freed:
                self._freed.notify_all()

    def _place(self, most: int, go_on: GoOn) -> FileLock:
        """A place that is held from now on."""
        ticket, until = None, time.monotonic() + PATIENCE_S
        try:
            while True:
                with self._alone(go_on):
                    # The order is for fairness alone; what counts the places keeps to the limit without it.
                    is_due = self._is_first(ticket) or time.monotonic() > until
                    if is_due and len(self._under_way(most)) < most:
                        return self._held("place")
                    ticket = ticket or self._held(f"{time.monotonic_ns():020d}", "wait")
                with self._freed:
                    self._freed.wait(PLACE_POLL_S)
                go_on()
        finally:
            if ticket is not None:
                _let_go(ticket)

    def _is_first(self, ticket: FileLock | None) -> bool:
        """Whether no other process has waited for longer."""
        for path in self._files("wait"):
            if ticket is not None and path.name == Path(ticket.lock_file).name:
                return True
            if _is_held(path):
                return False
        return True

    def _under_way(self, most: int) -> list[Path]:
        places = self._files("place")
        return places if len(places) < most else [path for path in places if _is_held(path)]

    def _files(self, kind: str) -> list[Path]:
        names = [name for name in os.listdir(self._folder) if name.startswith(self._name) and name.endswith(kind)]
        return [self._folder / name for name in sorted(names)]

    def _held(self, *named: str) -> FileLock:
        """A new file, held. Its name is new each time, so that nobody takes away the file of another."""
        *first, kind = named
        lock = FileLock(self._folder / ".".join([self._name, *first, uuid.uuid4().hex, kind]), thread_local=False)
        lock.acquire(timeout=0)
        return lock

    # ------------------------------------------------------------------------------------------- limits

    @contextmanager
    def limits(self, now: Callable[[], float], go_on: GoOn) -> Iterator[Limits]:
        with self._alone(go_on), _opened(self._folder / f"{self._name}.json") as file:
            here, wall = now(), self._wall()
            left, is_capped = _left(_read(file), wall)
            limits = Limits(**{name: here + seconds for name, seconds in left.items()})
            before = replace(limits)
            yield limits
            if is_capped or limits != before:  # what is capped must not be found as long again by the next look
                _write(file, _Record(wall, **{name: wall + at - here for name, at in asdict(limits).items()}))

    @contextmanager
    def _alone(self, go_on: GoOn) -> Iterator[None]:
        while not _acquired(self._lock, LOCK_POLL_S):
            go_on()
        try:
            yield
        finally:
            self._lock.release()


@cache
def server_at(host: str, port: int, folder: Path | None = None) -> Account:
    """The one account of that address: of all who use `folder`, or without one of this process."""
    return Server() if folder is None else LakeServer(folder, host, port)


# ------------------------------------------------------------------------------------------------- the locks


def _acquired(lock: FileLock, poll_s: float) -> bool:
    """Whether the lock was had within a slice."""
    try:
        lock.acquire(timeout=SLICE_S, poll_interval=poll_s)
    except Timeout:
        return False
    return True


def _is_held(path: Path) -> bool:
    """Whether anybody holds that file. What a process that died left behind is swept."""
    lock = FileLock(path, thread_local=False)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        return True
    _let_go(lock)
    return False


def _let_go(lock: FileLock) -> None:
    lock.release()
    with suppress(PermissionError):  # Windows keeps a file that somebody looks at, who then sweeps it
        Path(lock.lock_file).unlink(missing_ok=True)


# ------------------------------------------------------------------------------------------------- the file


@dataclass(frozen=True, slots=True)
class _Record:
    """The file: moments by the clock on the wall, and when they were written."""

    __pydantic_config__ = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)

    written_at: float
    requests_at: float
    tokens_at: float
    paused_until: float


_FILE = TypeAdapter(_Record)


def _left(record: _Record | None, wall: float) -> tuple[dict[str, float], bool]:
    """Seconds that are left of each limit, and whether any was capped.

    Never more than was left when the file was written: where the clock was set back since, by hand or by a reboot, the
    moments in it lie too far ahead by just that much. And never more than `MOST_LEFT_S`, whatever the file says.
    A clock that was set forward ends a wait early; a minute's requests or one pause at most come of it.
    """
    if record is None:
        return dict.fromkeys(MOST_LEFT_S, 0.0), False
    by_clock = {name: getattr(record, name) - wall for name in MOST_LEFT_S}
    set_back_s = max(0.0, record.written_at - wall)
    left = {name: min(seconds - set_back_s, MOST_LEFT_S[name]) for name, seconds in by_clock.items()}
    return left, left != by_clock


@contextmanager
def _opened(path: Path) -> Iterator[int]:
    file = os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0), 0o666)
    try:
        yield file
    finally:
        os.close(file)


def _read(file: int) -> _Record | None:
    """None where the file is new, or damaged: the account then begins with nothing used up, and the limits hold on."""
    try:
        return _FILE.validate_json(os.read(file, RECORD_BYTES))
    except ValidationError:
        return None


def _write(file: int, record: _Record) -> None:
    """In one write of one length inside one page, which is there whole or not at all whoever is killed.

    A rename would do as much and take a hundred times as long. After a power cut the file may be damaged or old, and
    both are sound: it is worth a minute.
    """
    os.lseek(file, 0, os.SEEK_SET)
    os.write(file, _FILE.dump_json(record).ljust(RECORD_BYTES))

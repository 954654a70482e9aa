"""What a lake's replies have cost, and what running processes may still spend: one account for all of them.

    replies/ledger/lock          held for the moments in which the account is read or changed
    replies/ledger/spent.jsonl   one line a reply that was paid for: an index, made again from the replies if deleted
    replies/ledger/<owner>.json  what a running process has asked and not stored yet
    replies/ledger/<owner>.lock  held by that process: the system lets go of it when the process dies, however it dies

A reply is written before its line, so a process that is killed in between leaves a reply without one. Whoever opens the
account next finds the dead owner, adds what it stored, and gives back what it did not.
"""

from __future__ import annotations

import json
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from filelock import FileLock, Timeout

from gvlm_resources.errors import LakeError
from gvlm_resources.llm.replies import ReplyStore, Stored
from gvlm_resources.llm.usage import Usage


@dataclass(frozen=True, slots=True)
class Spent:
    """One stored reply as the account has it. `cost_usd` is None where no price was known when it was asked."""

    call_id: str
    model: str
    prompt_tokens: int
    completion_tokens: int
    cost_usd: float | None

    @property
    def usage(self) -> Usage:
        return Usage(self.prompt_tokens, self.completion_tokens)


@dataclass(frozen=True, slots=True)
class Held:
    """What a request may come to, kept free for it until its reply is stored.

    `again` is set where a reply to it was paid for before and is no longer there.
    """

    tokens: int
    usd: float | None
    again: bool = False


class Ledger:
    """The account of one store. Safe to use from several threads and processes."""

    def __init__(self, store: ReplyStore) -> None:
        self._store, self._folder = store, store.folder / "ledger"
        self._mutex = threading.Lock()
        self._owner = uuid.uuid4().hex
        self._alive: FileLock | None = None  # while anything is held
        self._held: dict[str, Held] = {}
        self._counted: set[str] | None = None
        self._read_to = 0
        self.tokens = 0
        self.usd = 0.0
        self.unpriced: list[Spent] = []

    @contextmanager
    def open(self) -> Iterator[Ledger]:
        """The account, brought up to date, for this block alone. `tokens`, `usd` and `unpriced` are what was spent."""
        self._folder.mkdir(parents=True, exist_ok=True)
        with self._mutex, FileLock(self._folder / "lock", poll_interval=0.01):
            self._catch_up()
            yield self

    # -------------------------------------------------------------------------------- inside `open`

    def held(self) -> list[Held]:
        """What all running processes have asked and not stored yet."""
        theirs: list[Held] = []
        for path in sorted(self._folder.glob("*.json")):
            if path.stem != self._owner:
                theirs += self._held_by(path)
        return [*self._held.values(), *theirs]

    def hold(self, call: str, held: Held) -> None:
        is_counted = self._counted is not None and call in self._counted
        self._held[call] = replace(held, again=is_counted and not self._store.path(call).exists())
        self._write_held()

    def let_go(self, call: str) -> None:
        """What was held for a request that brought nothing."""
        if self._held.pop(call, None) is not None:
            self._write_held()

    def count(self, stored: Stored) -> None:
        """A reply that was stored, in place of what was held for it."""
        held = self._held.get(stored.call_id)
        if self._is_new(stored.call_id, again=held is not None and held.again):
            self._append([_spent(stored)])
        self.let_go(stored.call_id)

    def _is_new(self, call: str, *, again: bool) -> bool:
        return self._counted is not None and (again or call not in self._counted)

    # ------------------------------------------------------------------------------------- the index

    def _catch_up(self) -> None:
        """Read what was added since. The first time, add the replies that the index lacks."""
        path = self._folder / "spent.jsonl"
        size = path.stat().st_size if path.exists() else 0
        if self._counted is None or size < self._read_to:
            self._counted, self._read_to, self.tokens, self.usd, self.unpriced = set(), 0, 0, 0.0, []
            self._read(path)
            self._append([_spent(stored) for stored in self._missing()])
        elif size > self._read_to:
            self._read(path)

    def _missing(self) -> Iterator[Stored]:
        known = self._counted or set()
        for call in self._store.calls():
            if call not in known and (stored := self._store.get(call)) is not None:
                yield stored

    def _read(self, path: Path) -> None:
        if not path.exists():
            return
        with path.open("r+b") as file:
            file.seek(self._read_to)
            whole, end, _ = file.read().rpartition(b"\n")
            if self._read_to + len(whole) + len(end) < path.stat().st_size:
                file.truncate(self._read_to + len(whole) + len(end))  # a line that a power cut left half written
        try:
            lines = [Spent(**json.loads(line)) for line in whole.splitlines()]
        except (ValueError, TypeError) as error:
            raise LakeError(
                f"{path} is damaged: {error}", remedy="delete that file: it is made again from the replies"
            ) from error
        self._read_to += len(whole) + len(end)
        for line in lines:
            self._add(line)

    def _append(self, spent: list[Spent]) -> None:
        if not spent:
            return
        text = "".join(f"{json.dumps(asdict(line), ensure_ascii=False)}\n" for line in spent).encode()
        with (self._folder / "spent.jsonl").open("ab") as file:
            file.write(text)
        self._read_to += len(text)
        for line in spent:
            self._add(line)

    def _add(self, line: Spent) -> None:
        if self._counted is None:
            return
        self._counted.add(line.call_id)  # a second line is a reply that was deleted, and paid for once more
        self.tokens += line.prompt_tokens + line.completion_tokens
        if line.cost_usd is None:
            self.unpriced.append(line)
        else:
            self.usd += line.cost_usd

    # ------------------------------------------------------------------------------------ the owners

    def _write_held(self) -> None:
        """Say what is held, as long as something is. The lock goes first up and last down: no file without an owner."""
        path = self._folder / f"{self._owner}.json"
        if self._held and self._alive is None:
            self._alive = FileLock(path.with_suffix(".lock"), thread_local=False)
            self._alive.acquire(timeout=0)
        if self._held:
            path.write_text(json.dumps({call: asdict(held) for call, held in self._held.items()}))
            return
        path.unlink(missing_ok=True)
        if self._alive is not None:
            self._alive.release(force=True)
            path.with_suffix(".lock").unlink(missing_ok=True)
            self._alive = None

    def _held_by(self, path: Path) -> list[Held]:
        """What another owner holds; nothing, and its file gone, where that process is dead."""
        try:
            with FileLock(path.with_suffix(".lock"), timeout=0):
                self._bury(path)
            return []
        except Timeout:
            return [Held(**held) for held in json.loads(path.read_text()).values()]

    def _bury(self, path: Path) -> None:
        try:
            calls = {call: Held(**held).again for call, held in json.loads(path.read_text()).items()}
        except ValueError:
            calls = dict.fromkeys(self._store.calls(), False)  # killed while it wrote that file
        stored = [self._store.get(call) for call, again in calls.items() if self._is_new(call, again=again)]
        self._append([_spent(reply) for reply in stored if reply is not None])
        path.unlink(missing_ok=True)
        path.with_suffix(".lock").unlink(missing_ok=True)


def _spent(stored: Stored) -> Spent:
    return Spent(stored.call_id, stored.model, stored.prompt_tokens, stored.completion_tokens, stored.cost_usd)

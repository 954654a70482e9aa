"""Replies of language models that were paid for, kept so that none is paid for twice.

    replies/<2 hex>/<call_id>.json
    replies/<2 hex>/<call_id>.lock   held by who asks for that reply; gone when it is stored

`call_id` is `k` and 16 hex digits of the request: model, instructions, text, the digests of its pictures, schema, limit
of tokens, temperature, seed, and which try it was. The server's address is no part of it, so a model that moves is not
asked again. Neither the address, nor the key, nor a picture is ever written here. A file is there whole or not at all.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from filelock import FileLock, Timeout
from pydantic import ConfigDict, TypeAdapter, ValidationError

from gvlm_resources.errors import LakeError
from gvlm_resources.lake import files
from gvlm_resources.lake.fingerprint import canonical_json
from gvlm_resources.llm.protocol import TEMPERATURE, ChatReply, ChatRequest

Kind = Literal["reply", "refusal", "empty"]
CALL_ID = re.compile(r"k[0-9a-f]{16}")
_SHARD = re.compile(r"[0-9a-f]{2}")


@dataclass(frozen=True, slots=True)
class Stored:
    """A reply as it is kept. `model` is the name it was asked by; the server's own name for itself is in `reply`.

    `prompt_tokens` and `completion_tokens` are the server's count, or with `is_estimated` an estimate where it gave
    none. `cost_usd` is by the prices of the time of asking; None where they were not known.
    """

    __pydantic_config__ = ConfigDict(extra="forbid", strict=True)  # of what is read from a file

    digest: str  # SHA-256 of the request, 64 hex digits
    model: str
    kind: Kind
    reply: ChatReply
    prompt_tokens: int
    completion_tokens: int
    is_estimated: bool
    cost_usd: float | None

    @property
    def call_id(self) -> str:
        return call_id(self.digest)


_FILE = TypeAdapter(Stored)


def digest(request: ChatRequest, model: str, attempt: int) -> str:
    """SHA-256 of everything that makes a model's reply what it is, 64 hex digits."""
    asked: dict[str, Any] = {
        "model": model,
        "system": request.system,
        "user": request.user,
        "images": [[image.caption, hashlib.sha256(image.jpeg).hexdigest()] for image in request.images],
        "schema_name": request.schema_name,
        "schema": request.schema,
        "max_tokens": request.max_tokens,
        "temperature": TEMPERATURE,
        "seed": request.seed,
        "attempt": attempt,
    }
    return hashlib.sha256(canonical_json(asked).encode("utf-8", "backslashreplace")).hexdigest()


def call_id(of_digest: str) -> str:
    return f"k{of_digest[:16]}"


class ReplyStore:
    """The replies of one lake. Safe to use from several threads and processes."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def path(self, call: str) -> Path:
        return self.folder / call[1:3] / f"{call}.json"

    def find(self, request_digest: str) -> Stored | None:
        """The reply to exactly this request, or None. Raises LakeError where it is there and damaged."""
        path = self.path(call_id(request_digest))
        stored = self._read(path)
        if stored is not None and stored.digest != request_digest:
            raise _damaged(path, "it is the reply to another request")
        return stored

    def get(self, call: str) -> Stored | None:
        """The reply by its id, or None. Raises LakeError where it is there and damaged."""
        path = self.path(call)
        stored = self._read(path)
        if stored is not None and stored.call_id != call:
            raise _damaged(path, "it is the reply to another request")
        return stored

    def put(self, stored: Stored) -> None:
        """Keep a reply: on disk when this returns."""
        text = json.dumps(asdict(stored), ensure_ascii=False, allow_nan=False, indent=1)
        files.write_atomic(self.path(stored.call_id), f"{text}\n".encode("utf-8", "replace"))

    @contextmanager
    def alone(self, request_digest: str, *, wait: Callable[[], None]) -> Iterator[None]:
        """Only one thread of one process at a time is in here for a request; `wait` is called as long as another is.

        The system lets go of the lock when its holder dies. The lock's file may go once the reply is stored, and not
        before: whoever still waits for the old file, and whoever makes a new one, then finds the reply.
        """
        path = self.path(call_id(request_digest)).with_suffix(".lock")
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = FileLock(path)
        while True:
            try:
                lock.acquire(timeout=0)
                break
            except Timeout:
                wait()
        try:
            yield
        finally:
            if self.path(call_id(request_digest)).exists():
                with suppress(PermissionError):  # Windows keeps a file that is open
                    path.unlink(missing_ok=True)
            lock.release()

    def calls(self) -> Iterator[str]:
        """The ids of all replies that are kept, in order."""
        if not self.folder.is_dir():
            return
        for shard in sorted(entry for entry in self.folder.iterdir() if _SHARD.fullmatch(entry.name)):
            stems = (entry.name.removesuffix(".json") for entry in shard.iterdir() if entry.name.endswith(".json"))
            yield from sorted(stem for stem in stems if CALL_ID.fullmatch(stem))

    def _read(self, path: Path) -> Stored | None:
        try:
            content = path.read_bytes()
        except FileNotFoundError:
            return None
        try:
            return _FILE.validate_json(content)
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(str(part) for part in first["loc"])
            raise _damaged(path, f"{where}: {first['msg']}" if where else first["msg"]) from error


def _damaged(path: Path, cause: str) -> LakeError:
    return LakeError(
        f"the stored reply {path} is damaged: {cause}",
        remedy="restore it from a copy, or delete that file: its request is then asked, and paid for, once more",
    )

"""Decoding beside encoding: batches are made ahead by threads of their own, in order, within a bounded memory.

One thread reads the jobs, `threads` decode them, and finished batches wait in a queue for the caller's thread, which
encodes. In memory are at most `queued` + 2 batches (one being filled, one being encoded) and 2 x `threads` single
items, however long the video is.
"""

from __future__ import annotations

import gc
import threading
from collections import deque
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

import torch

from gvlm_resources.encoders.meter import Meter
from gvlm_resources.errors import GvlmError
from gvlm_resources.schemas import STATUS_FAILED, STATUS_OK

Key = TypeVar("Key")
Raw = TypeVar("Raw")
Ready = TypeVar("Ready")
Made = TypeVar("Made")

OUT_OF_MEMORY = ("out of memory", "can't allocate memory", "CUBLAS_STATUS_ALLOC_FAILED")


class Unreadable(Exception):
    """What a decoder raises for an item that cannot be decoded, with the reason: it costs that item alone."""


class _Stopped(Exception):
    """Nobody takes any more batches."""


@dataclass(frozen=True, slots=True)
class Job(Generic[Key, Raw]):
    """One thing to encode. Where its status is not `ok` it is passed through, and `raw` is not looked at."""

    key: Key
    raw: Raw
    status: str = STATUS_OK
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Outcome(Generic[Key, Made]):
    """What became of a job: `made` is None where the status is not `ok`."""

    key: Key
    made: Made | None
    status: str
    reason: str


@dataclass(frozen=True, slots=True)
class Flow(Generic[Raw, Ready, Made]):
    """What is done to each job, and in what portions.

    `decode` runs on several threads at once. Only items that are equal under `alike` share a batch, and `collate` makes
    of them what `encode` takes: anything with a length that can be sliced. `encode` gives one result an item, in order.
    """

    decode: Callable[[Raw], Ready]
    encode: Callable[[Any], Sequence[Made]]
    batch: int
    threads: int = 2
    queued: int = 4
    alike: Callable[[Ready], Hashable] = field(default=lambda ready: None)
    collate: Callable[[list[Ready]], Any] = field(default=list)

    def __post_init__(self) -> None:
        if min(self.batch, self.threads, self.queued) < 1:
            raise ValueError(f"batch, threads and queued are at least 1, got {self}")


@dataclass(slots=True)
class _Batch(Generic[Key]):
    """Rows in order; those of status `ok` have their item in `items`, in the same order."""

    rows: list[tuple[Key, str, str]] = field(default_factory=list)
    items: Any = field(default_factory=list)
    kind: Hashable = None


class _Shelf(Generic[Ready]):
    """A bounded queue that either side can close."""

    def __init__(self, places: int) -> None:
        self._changed = threading.Condition()
        self._places = places
        self._items: deque[Ready] = deque()
        self._ended = False
        self._closed = False

    def __len__(self) -> int:
        return len(self._items)

    def put(self, item: Ready) -> None:
        """Waits for a free place. Raises _Stopped once nobody takes any more."""
        with self._changed:
            self._changed.wait_for(lambda: self._closed or len(self._items) < self._places)
            if self._closed:
                raise _Stopped
            self._items.append(item)
            self._changed.notify_all()

    def end(self) -> None:
        """Nothing more will be put."""
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def close(self) -> None:
        """Nothing more will be taken."""
        with self._changed:
            self._closed = True
            self._items.clear()
            self._changed.notify_all()

    def take(self) -> Ready | None:
        """The oldest item, waiting for one; None after the last."""
        with self._changed:
            self._changed.wait_for(lambda: self._ended or bool(self._items))
            item = self._items.popleft() if self._items else None
            self._changed.notify_all()
            return item


def run(
    flow: Flow[Raw, Ready, Made],
    jobs: Iterable[Job[Key, Raw]],
    *,
    meter: Meter,
    report: Callable[[str], None],
) -> Iterator[Outcome[Key, Made]]:
    """The outcomes of `jobs`, in their order. Close it (`contextlib.closing`) where it may be left before its end.

    An item that cannot be decoded gives a `failed` outcome. Where memory runs out the batch is halved for the rest of
    the run, `report` is told, and nothing is lost; a single item that does not fit raises GvlmError. Whatever `jobs`,
    `decode` or `encode` raise besides ends all threads and is raised here.
    """
    shelf: _Shelf[_Batch[Key]] = _Shelf(flow.queued)
    encoder = _HalvingEncoder(flow, meter, report)
    meter.start(flow.batch)
    with (
        ThreadPoolExecutor(flow.threads, thread_name_prefix="gvlm-decode") as decoders,
        ThreadPoolExecutor(1, thread_name_prefix="gvlm-read") as reader,
    ):
        try:
            reading = reader.submit(_fill, shelf, flow, jobs, decoders)
            while True:
                with meter.waiting(len(shelf)):
                    batch = shelf.take()
                if batch is None:
                    break
                yield from _outcomes(batch, encoder)
            reading.result()
        finally:
            shelf.close()
            decoders.shutdown(wait=False, cancel_futures=True)


def _fill(
    shelf: _Shelf[_Batch[Key]],
    flow: Flow[Raw, Ready, Made],
    jobs: Iterable[Job[Key, Raw]],
    decoders: ThreadPoolExecutor,
) -> None:
    """Runs on the reader's thread; what it raises is raised in the caller's when the whole batches are encoded."""
    try:
        batch: _Batch[Key] = _Batch()
        for job, decoding in _ahead(flow, jobs, decoders):
            ready, status, reason = _settled(job, decoding)
            kind = flow.alike(ready) if ready is not None else batch.kind
            if batch.items and kind != batch.kind:
                shelf.put(_collated(batch, flow))
                batch = _Batch()
            batch.rows.append((job.key, status, reason))
            if ready is not None:
                batch.items.append(ready)
                batch.kind = kind
            if len(batch.rows) == flow.batch:
                shelf.put(_collated(batch, flow))
                batch = _Batch()
        if batch.rows:
            shelf.put(_collated(batch, flow))
    finally:
        shelf.end()


def _ahead(
    flow: Flow[Raw, Ready, Made], jobs: Iterable[Job[Key, Raw]], decoders: ThreadPoolExecutor
) -> Iterator[tuple[Job[Key, Raw], Future[Ready] | None]]:
    """Each job with its decoding under way, a few jobs further on already begun."""
    begun: deque[tuple[Job[Key, Raw], Future[Ready] | None]] = deque()
    for job in jobs:
        begun.append((job, decoders.submit(flow.decode, job.raw) if job.status == STATUS_OK else None))
        if len(begun) > 2 * flow.threads:
            yield begun.popleft()
    while begun:
        yield begun.popleft()


def _settled(job: Job[Key, Raw], decoding: Future[Ready] | None) -> tuple[Ready | None, str, str]:
    if decoding is None:
        return None, job.status, job.reason
    try:
        return decoding.result(), STATUS_OK, ""
    except Unreadable as error:
        return None, STATUS_FAILED, str(error)


def _collated(batch: _Batch[Key], flow: Flow[Raw, Ready, Made]) -> _Batch[Key]:
    if batch.items:
        batch.items = flow.collate(batch.items)
    return batch


def _outcomes(batch: _Batch[Key], encoder: _HalvingEncoder[Made]) -> Iterator[Outcome[Key, Made]]:
    made = iter(encoder.encode(batch.items))
    for key, status, reason in batch.rows:
        yield Outcome(key, next(made) if status == STATUS_OK else None, status, reason)


class _HalvingEncoder(Generic[Made]):
    """Encodes in portions that fit into memory."""

    def __init__(self, flow: Flow[Any, Any, Made], meter: Meter, report: Callable[[str], None]) -> None:
        self._flow = flow
        self._meter = meter
        self._report = report
        self._most = flow.batch

    def encode(self, items: Any) -> list[Made]:
        made: list[Made] = []
        while len(made) < len(items):
            portion = items[len(made) : len(made) + self._most]
            done, lack = self._attempt(portion)
            if done is None:
                self._halve(len(portion), lack)
                continue
            if len(done) != len(portion):
                raise ValueError(f"the encoder gave {len(done)} results for {len(portion)} items")
            made.extend(done)
            self._meter.encoded(len(portion))
        return made

    def _attempt(self, portion: Any) -> tuple[Sequence[Made] | None, str]:
        """The results, or None and what was lacking. The error itself goes here: it would keep the tensors alive."""
        try:
            return self._flow.encode(portion), ""
        except (MemoryError, RuntimeError) as error:
            if not is_out_of_memory(error):
                raise
            return None, str(error).strip().partition("\n")[0] or "out of memory"

    def _halve(self, items: int, lack: str) -> None:
        if items == 1:
            raise GvlmError(
                f"not even one item fits into memory: {lack}",
                remedy="end what else uses the device, or choose a smaller checkpoint, `dtype: bfloat16` or another "
                "compute.device",
            )
        self._most = items // 2
        self._meter.halved(self._most)
        self._report(f"a batch of {items} does not fit into memory, going on with {self._most}: {lack}")
        gc.collect()
        if torch.cuda.is_available():
            torch.cuda.empty_cache()


def is_out_of_memory(error: BaseException) -> bool:
    """Whether `error` says that the device or the machine has no memory left for what was asked."""
    if isinstance(error, (MemoryError, torch.OutOfMemoryError)):
        return True
    return isinstance(error, RuntimeError) and any(sign in str(error) for sign in OUT_OF_MEMORY)

"""What a run of an encoder cost, and whether the network or its input was the slower (pure)."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Speed:
    """Of one video's run. A network that waits for a large share wants more `compute.decode_threads`.

    `frames` is 0 for sound. `queue_depth` is the mean number of batches that stood ready when the network came for one.
    `batch` is what the run ended with: less than the setting after `halvings`.
    """

    items: int
    frames: int
    seconds: float
    waited_s: float
    queue_depth: float
    batch: int
    halvings: int

    @property
    def items_per_s(self) -> float:
        return self.items / self.seconds if self.seconds else 0.0

    @property
    def frames_per_s(self) -> float:
        return self.frames / self.seconds if self.seconds else 0.0

    @property
    def waited_share(self) -> float:
        return self.waited_s / self.seconds if self.seconds else 0.0

    def as_facts(self) -> dict[str, Any]:
        facts: dict[str, Any] = {
            "items": self.items,
            "seconds": round(self.seconds, 3),
            "items_per_s": round(self.items_per_s, 2),
            "waited_for_input_share": round(self.waited_share, 3),
            "queue_depth": round(self.queue_depth, 2),
            "batch": self.batch,
            "halvings": self.halvings,
        }
        return facts | ({"frames_per_s": round(self.frames_per_s, 2)} if self.frames else {})


class Meter:
    """Counts while a run goes on; `speed` sums it up. One run each."""

    def __init__(self, *, frames_per_item: int = 1, clock: Callable[[], float] = time.perf_counter) -> None:
        self._clock = clock
        self._frames_per_item = frames_per_item
        self._started = self._ended = clock()
        self._items = self._batches = self._depths = self._halvings = self._batch = 0
        self._waited_s = 0.0

    def start(self, batch: int) -> None:
        self._started = self._ended = self._clock()
        self._batch = batch

    @contextmanager
    def waiting(self, depth: int) -> Iterator[None]:
        """Around the wait for a batch, when `depth` batches stood ready."""
        before = self._clock()
        yield
        self._ended = self._clock()
        self._waited_s += self._ended - before
        self._depths += depth
        self._batches += 1

    def encoded(self, items: int) -> None:
        self._items += items
        self._ended = self._clock()

    def halved(self, batch: int) -> None:
        self._halvings += 1
        self._batch = batch

    def speed(self) -> Speed:
        return Speed(
            items=self._items,
            frames=self._items * self._frames_per_item,
            seconds=self._ended - self._started,
            waited_s=self._waited_s,
            queue_depth=self._depths / self._batches if self._batches else 0.0,
            batch=self._batch,
            halvings=self._halvings,
        )

"""Which decoded pictures can be trusted when some packets of a segment were damaged (pure).

A decoder conceals what it cannot read, and every later picture that refers to the concealed one is silently wrong. So
a picture counts only if nothing that it can depend on was damaged: every picture decoded before it in its segment.
Pictures come out in another order than they go in, so each waits until the fate of all packets before it is known;
that is at most the codec's reordering depth.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")

PATIENCE = 64  # pictures; H.264, HEVC and their kin reorder by at most 16


@dataclass(frozen=True, slots=True)
class Settled(Generic[T]):
    """One wanted frame: what was made of it, or why there is nothing (`reason` is empty where there is)."""

    frame: int
    made: T | None
    reason: str = ""


@dataclass(slots=True)
class _Sent:
    position: int
    frame: int | None  # its number, where it is wanted
    vital: bool  # others may depend on it
    known: bool = False
    reason: str = ""


class Ledger(Generic[T]):
    """Keeps book over the packets of one segment, from being sent to their pictures' being settled."""

    def __init__(self) -> None:
        self._open: deque[_Sent] = deque()  # in decoding order
        self._by_position: dict[int, _Sent] = {}
        self._tainted_by: int | None = None
        self._made: dict[int, T] = {}
        self._expected: deque[int] = deque()  # wanted frames in the order of time
        self._settled: dict[int, Settled[T]] = {}

    def expect(self, frames: Iterable[int]) -> None:
        """The wanted frames of the segment, in the order of time: they are released in that order."""
        self._expected.extend(frames)

    def sent(self, position: int, *, frame: int | None, vital: bool) -> None:
        """A packet goes into the decoder. Its picture is the wanted `frame`, if any; `vital`: others depend on it."""
        entry = _Sent(position, frame, vital)
        self._open.append(entry)
        self._by_position[position] = entry
        if len(self._open) > PATIENCE:
            self._lose(self._open[0])
            self._advance()

    def came(self, position: int, made: T | None, *, reason: str = "") -> None:
        """What became of a packet: what was `made` of its picture, or the `reason` why it cannot be trusted.

        A packet whose picture is never shown comes with neither, as soon as the decoder has taken it.
        """
        entry = self._by_position.get(position)
        if entry is None or entry.known:
            return
        entry.known, entry.reason = True, reason
        if made is not None:
            self._made[position] = made
        self._advance()

    def close(self) -> None:
        """No more comes out: whatever has not come is lost, and so is a wanted frame that was never sent."""
        for entry in self._open:
            self._lose(entry)
        self._advance()
        for frame in self._expected:
            self._settled.setdefault(frame, Settled(frame, None, "its packet is not in the file"))

    def ready(self) -> Iterator[Settled[T]]:
        """The wanted frames that are settled, in the order of time, each once."""
        while self._expected and self._expected[0] in self._settled:
            yield self._settled.pop(self._expected.popleft())

    @staticmethod
    def _lose(entry: _Sent) -> None:
        if not entry.known:
            entry.known, entry.reason = True, "the decoder gave no picture for it"

    def _advance(self) -> None:
        while self._open and self._open[0].known:
            entry = self._open.popleft()
            del self._by_position[entry.position]
            self._settle(entry, self._made.pop(entry.position, None))

    def _settle(self, entry: _Sent, made: T | None) -> None:
        reason = entry.reason
        if not reason and self._tainted_by is not None:
            reason = f"depends on the damaged packet {self._tainted_by}"
        if entry.reason and entry.vital and self._tainted_by is None:
            self._tainted_by = entry.position
        if entry.frame is not None:
            self._settled[entry.frame] = Settled(entry.frame, None if reason else made, reason)

"""Citations of an answer while it is written (pure)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TypeVar

from gvlm_resources.reasoning.protocol import Citation, FrameRef, Row, StateReading, Video

T = TypeVar("T")


@dataclass
class Cites:
    """Hands out labels and keeps what they stand for, in the order of first mention.

    A label is `MM:SS`; where several videos are spoken of it also names the video, so that no two videos share one.
    """

    videos: tuple[Video, ...]
    citations: list[Citation] = field(default_factory=list)
    rows: dict[str, Row] = field(default_factory=dict)

    def row(self, row: Row) -> str:
        """`[00:45]`, with the row behind it kept."""
        if row.row_id not in self.rows:
            self.rows[row.row_id] = row
            self.citations.append(Citation(self.label(row), row.video_id, row.start_ns, row.end_ns, row.row_id))
        return f"[{self.label(row)}]"

    def reading(self, reading: StateReading) -> str:
        return self.row(as_row(reading))

    def each(self, rows: Iterable[Row]) -> list[str]:
        """Labels of rows in order, each label once: two events of one second read the same."""
        return list(dict.fromkeys([self.row(row) for row in rows]))

    def label(self, row: Row) -> str:
        if len(self.videos) == 1:
            return row.clock
        return f"{self._names().get(row.video_id, row.video_id)} {row.clock}"

    def confidence(self) -> float | None:
        return min((row.confidence for row in self.rows.values()), default=None)

    def frames(self, limit: int) -> tuple[FrameRef, ...]:
        """The frames of the cited rows, each once, at most `limit`, spread evenly over them."""
        refs = list(dict.fromkeys(FrameRef(row.video_id, row.frame_id) for row in self.rows.values() if row.frame_id))
        return spread(refs, limit)

    def _names(self) -> dict[str, str]:
        short = [video.short_name for video in self.videos]
        return {v.video_id: v.short_name if short.count(v.short_name) == 1 else v.video_id for v in self.videos}


def as_row(reading: StateReading) -> Row:
    """A reading of the HUD as a row that can be cited."""
    return Row(
        row_id=reading.row_id,
        video_id=reading.video_id,
        source="state",
        kind="state",
        start_ns=reading.start_ns,
        end_ns=reading.end_ns,
        text=f"{reading.variable} {reading.value:.10g}",
        subject=reading.variable,
        value=reading.value,
        confidence=reading.confidence,
    )


def spread(items: list[T], limit: int) -> tuple[T, ...]:
    """At most `limit` of `items`, first and last among them, evenly spaced and in order."""
    if limit <= 0:
        return ()
    if len(items) <= limit:
        return tuple(items)
    if limit == 1:
        return (items[0],)
    return tuple(items[round(i * (len(items) - 1) / (limit - 1))] for i in range(limit))

"""A long video made of a lake's short ones: their tables one after another, as facts, as vectors and as a source.

No recording of the lake is longer than a minute; what minutes and hours do to questions and examples is measured on
this. Its timeline is made of the tables as that of a video is. It is searched by meaning alone.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from gvlm_resources.dataset import facts as known
from gvlm_resources.dataset.examples.vectors import Vectors
from gvlm_resources.dataset.facts import Facts
from gvlm_resources.game import Game
from gvlm_resources.reasoning.protocol import Row, StateReading, Video
from gvlm_resources.reasoning.recorded import recorded_kinds
from gvlm_resources.timebase import Span
from gvlm_resources.timeline import rows as timeline_rows
from gvlm_resources.timeline.embedding import TextEncoder

VIDEO_ID = "stitched-0123456789ab"
FACTS = ("events", "state", "ocr", "speech", "sounds", "entities", "frames")
_MOMENT = re.compile(r"([a-z])(\d{12})(.*)")

Tables = Mapping[str, pa.Table]


@dataclass(frozen=True)
class Stitched:
    """The long video. `tables` are those of the facts by `FACTS`, and those of vectors by their own names."""

    tables: Tables
    facts: Facts
    vectors: Vectors

    @staticmethod
    def of(parts: Sequence[tuple[int, Tables]], game: Game) -> Stitched:
        """Of videos' durations and tables, in the order given; one may come more than once."""
        start_ns, found = 0, {name: [] for name in parts[0][1]}
        for duration_ns, tables in parts:
            for name, table in tables.items():
                found[name].append(_later(table, start_ns))
            start_ns += duration_ns
        whole = {name: pa.concat_tables(pieces, promote_options="permissive") for name, pieces in found.items()}
        facts = known.gather(
            video_id=VIDEO_ID,
            title="stitched",
            duration_ns=start_ns,
            game=game,
            **{name: whole[name] for name in FACTS},
        )
        vectors = {name: table for name, table in whole.items() if name not in FACTS}
        return Stitched(whole, facts, Vectors.of_tables(VIDEO_ID, vectors))


class StitchedSource:
    """Its timeline as a source of evidence. No frame is searched."""

    def __init__(self, video: Stitched, encoder: TextEncoder) -> None:
        facts, tables = video.facts, video.tables
        self._video = Video(VIDEO_ID, facts.title, facts.duration_ns, tuple(recorded_kinds(facts.game)))
        made = timeline_rows.make(
            video_id=VIDEO_ID, **{name: tables[name] for name in ("events", "ocr", "speech", "frames")}
        )
        self._rows = tuple(Row(**{**row, "evidence": tuple(row["evidence"])}) for row in made.to_pylist())
        self._encoder, self._vectors = encoder, encoder.encode([row.text for row in self._rows])
        self._states = tuple(
            StateReading(f"{VIDEO_ID}/{h.state_id}", VIDEO_ID, h.variable, h.value, h.start_ns, h.end_ns, h.confidence)
            for h in facts.states
        )

    def videos(self) -> tuple[Video, ...]:
        return (self._video,)

    def rows(self, *, video_id: str | None, kinds: tuple[str, ...], span: Span | None) -> tuple[Row, ...]:
        return tuple(row for row in self._rows if _fits(row, kinds, span))

    def search(
        self, text: str, *, video_id: str | None, span: Span | None, kinds: tuple[str, ...], k: int
    ) -> tuple[Row, ...]:
        near = self._vectors @ self._encoder.encode([text])[0]
        best = (self._rows[place] for place in np.argsort(-near, kind="stable"))
        return tuple(row for row in best if _fits(row, kinds, span))[:k]

    def states(self, *, video_id: str, variables: tuple[str, ...], span: Span | None) -> tuple[StateReading, ...]:
        return tuple(
            one
            for one in self._states
            if (not variables or any(name == one.variable or name in one.variable.split("_") for name in variables))
            and (span is None or (one.start_ns < span.end_ns and span.start_ns < one.end_ns))
        )

    def looks_like(self, text: str, *, video_id: str | None, span: Span | None, k: int) -> tuple[Row, ...]:
        return ()

    def frame(self, video_id: str, frame_id: str) -> bytes | None:
        return None


def _fits(row: Row, kinds: tuple[str, ...], span: Span | None) -> bool:
    return (not kinds or row.kind in kinds or row.source in kinds) and (span is None or span.overlaps(row.span))


def _later(table: pa.Table, by_ns: int) -> pa.Table:
    """The rows of one part where they are in the whole: their times, and the ids that hold a time."""
    return pa.Table.from_pylist([{name: _moved(name, row[name], by_ns) for name in row} for row in table.to_pylist()],
                                schema=table.schema)  # fmt: skip


def _moved(name: str, value: Any, by_ns: int) -> Any:
    if name == "video_id":
        return VIDEO_ID
    if value is None:
        return None
    if name.endswith("_ns"):
        return value + by_ns
    if name == "evidence":
        return [_moved("", each, by_ns) for each in value]
    found = _MOMENT.fullmatch(value) if isinstance(value, str) else None
    return f"{found[1]}{int(found[2]) + by_ns // 1000:012d}{found[3]}" if found else value

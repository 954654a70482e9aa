"""Stand-ins for the encoder and the table, and rows to put into them."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from zlib import crc32

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from gvlm_resources.schemas import TEXT_VECTOR_DIM
from gvlm_resources.timeline import rows as index_rows
from gvlm_resources.timeline.retrieval import Scope, Scored
from gvlm_resources.timeline.rows import TimelineRow

S = 1_000_000_000


class WordEncoder:
    """A text's vector is the sum of its words': texts that share words lie near each other."""

    name = "words@1+fake"
    dim = TEXT_VECTOR_DIM

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        vectors = np.zeros((len(texts), self.dim), np.float32)
        for row, text in enumerate(texts):
            for word in ["", *re.findall(r"\w+", text.lower())]:
                vectors[row] += np.random.default_rng(crc32(word.encode())).standard_normal(self.dim)
        return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


class ListTable:
    """A searchable timeline in memory: the definition of what `TimelineStore` has to find."""

    def __init__(self, table: pa.Table) -> None:
        self._rows = index_rows.records(table)
        self._names = table.column("model").to_pylist()
        self._vectors = np.array(table.column("vector").to_pylist(), np.float32).reshape(-1, TEXT_VECTOR_DIM)

    def nearest(self, vector: NDArray[np.float32], scope: Scope, limit: int) -> list[Scored]:
        cosines = self._vectors @ vector
        found = [_scored(row, float(c)) for row, c in zip(self._rows, cosines, strict=True) if _fits(row, scope)]
        return sorted(found, key=lambda scored: -scored.score)[:limit]

    def matching(self, words: str, scope: Scope, limit: int) -> list[Scored]:
        wanted = set(re.findall(r"\w+", words.lower()))
        shared = [(row, len(wanted & set(re.findall(r"\w+", row.text.lower())))) for row in self.rows(scope)]
        found = [_scored(row, float(count)) for row, count in shared if count]
        return sorted(found, key=lambda scored: -scored.score)[:limit]

    def whole(self, found: Sequence[Scored]) -> list[TimelineRow]:
        return [row for row in self._rows if row.row_id in {scored.row_id for scored in found}]

    def rows(self, scope: Scope) -> list[TimelineRow]:
        return [row for row in self._rows if _fits(row, scope)]

    def count(self, scope: Scope) -> int:
        return len(self.rows(scope))

    def stranger(self, video_id: str | None, known: Collection[str]) -> str | None:
        own = (name for row, name in zip(self._rows, self._names, strict=True) if video_id in (None, row.video_id))
        return next((name for name in own if name not in known), None)


def _scored(row: TimelineRow, score: float) -> Scored:
    return Scored(row.row_id, row.start_ns, score)


def _fits(row: TimelineRow, scope: Scope) -> bool:
    return (
        scope.video_id in (None, row.video_id)
        and (scope.span is None or row.span.overlaps(scope.span))
        and (not scope.kinds or row.kind in scope.kinds or row.source in scope.kinds)
        and (not scope.sources or row.source in scope.sources)
    )


def row(text: str, at_s: float = 0.0, *, source: str = "event", kind: str = "damage", until_s: float = 0.0) -> dict:
    """One row, one second long if not said otherwise."""
    start_ns = int(at_s * S)
    end_ns = int(until_s * S) or start_ns + S
    return {"text": text, "start_ns": start_ns, "end_ns": end_ns, "source": source, "kind": kind}


def video(video_id: str, *rows: dict, encoder: object = None) -> pa.Table:
    """A video's table as `TIMELINE_INDEX` says, its rows numbered in the order given."""
    full = [
        {
            "row_id": f"{video_id}/e{one['start_ns'] // 1000:012d}-{number}",
            "video_id": video_id,
            "subject": "",
            "value": None,
            "confidence": 1.0,
            "frame_id": "",
            "evidence": [f"o{number}"],
            **one,
        }
        for number, one in enumerate(rows)
    ]
    table = pa.Table.from_pylist(full, schema=index_rows.SCHEMA)
    return index_rows.with_vectors(table, encoder or WordEncoder())


def texts(rows: Iterable[TimelineRow]) -> list[str]:
    return [one.text for one in rows]

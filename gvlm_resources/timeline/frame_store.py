"""The frames of a library by their vectors: LanceDB's `frames_<dim>`, where words find pictures.

Vectors of two models cannot be compared. Models of different dimensions have tables of their own, and within a table
every search names the model whose vectors it compares.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from lancedb.expr import Expr, col, lit
from lancedb.index import Bitmap, BTree
from numpy.typing import NDArray

from gvlm_resources.schemas import FRAME_INDEX, with_dim
from gvlm_resources.timebase import Span
from gvlm_resources.timeline.table import KEY, METRIC, LanceTable, TableKind, own_rows

PREFIX = "frames_"
PROBES = 20
REFINE = 10
SHOWN = ["video_id", "frame_id", "pts_ns", "_distance"]


@dataclass(frozen=True, slots=True)
class FrameHit:
    """A frame and the cosine of its vector with that of the words."""

    video_id: str
    frame_id: str
    pts_ns: int
    cosine: float


class FrameStore(LanceTable):
    """The frames whose vectors have `dim` dimensions."""

    def __init__(self, folder: Path, dim: int) -> None:
        indexes = {KEY: BTree(), "video_id": BTree(), "model": Bitmap()}
        super().__init__(folder, TableKind(f"{PREFIX}{dim}", with_dim(FRAME_INDEX, dim), indexes, "frame"))

    def nearest(
        self, vector: NDArray[np.float32], *, model: str, video_id: str | None, span: Span | None, limit: int
    ) -> list[FrameHit]:
        """The frames of the highest cosine with a unit vector (dim,), best first, of one video or of all.

        In one video, and in a span, every frame is compared. Over a whole library the vector index, where there is
        one, gives ten times as many as asked for, which are compared exactly.
        """
        query = self._table().search(vector, vector_column_name="vector").distance_type(METRIC)
        query = query.where(_scope(model, video_id, span), prefilter=True).select(SHOWN)
        if video_id is not None or span is not None:
            query = query.bypass_vector_index()
        else:
            query = query.nprobes(PROBES).refine_factor(REFINE)
        found = self._read(query.limit(limit).to_arrow).select(SHOWN).to_pylist()
        hits = [FrameHit(row["video_id"], row["frame_id"], row["pts_ns"], 1.0 - row["_distance"]) for row in found]
        return sorted(hits, key=lambda hit: (-hit.cosine, hit.video_id, hit.pts_ns))


def tables(folder: Path) -> list[FrameStore]:
    """Every table of frames in `folder`, by its dimensions."""
    names = [path.name.removesuffix(".lance").removeprefix(PREFIX) for path in folder.glob(f"{PREFIX}*.lance")]
    return [FrameStore(folder, dim) for dim in sorted(int(name) for name in names if name.isdigit())]


def rows_of(embeddings: pa.Table, *, video_id: str, model: str, dim: int) -> pa.Table:
    """The rows of one video for the table, of its `siglip_embeddings`: those that have a vector."""
    kept = embeddings.filter(pc.is_valid(embeddings.column("vector")))
    names = [f"{video_id}/{frame}" for frame in kept.column("frame_id").to_pylist()]
    columns = {
        "row_id": pa.array(names, pa.string()),
        **{name: kept.column(name) for name in ("video_id", "frame_id", "pts_ns", "vector")},
        "model": pa.array([model] * kept.num_rows, pa.string()),
    }
    return pa.table(columns).cast(with_dim(FRAME_INDEX, dim))


def _scope(model: str, video_id: str | None, span: Span | None) -> Expr:
    scope = col("model") == lit(model)
    if video_id is not None:
        scope = scope & own_rows(video_id)
    if span is not None:
        scope = scope & (col("pts_ns") >= lit(span.start_ns)) & (col("pts_ns") < lit(span.end_ns))
    return scope

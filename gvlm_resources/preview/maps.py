"""Vectors in two dimensions. PNG, drawn without any global state."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter
from numpy.typing import NDArray
from PIL import Image

from gvlm_resources.preview.encode import MAX_BYTES, png
from gvlm_resources.timebase import format_clock, ns_from_s, s_from_ns

_INK = "#30343c"
_MOST_POINTS = 2_000


def embedding_map(rows: pa.Table, *, max_bytes: int = MAX_BYTES) -> bytes:
    """The vectors of a table on their first two principal components, coloured by time, joined in its order.

    The title says how much of the vectors' variance the two show.
    """
    column = "pts_ns" if "pts_ns" in rows.column_names else "start_ns"
    kept = [row for row in rows.select(["vector", column]).to_pylist() if row["vector"] is not None]
    kept = [kept[i] for i in np.unique(np.linspace(0, len(kept) - 1, min(len(kept), _MOST_POINTS)).astype(int))]
    figure = Figure(figsize=(4.4, 3.4), dpi=100)
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(labelsize=7, length=2, colors=_INK)
    if len(kept) < 3:
        axes.text(0.5, 0.5, "fewer than three vectors", transform=axes.transAxes, ha="center", fontsize=9, color=_INK)
        return png(_drawn(figure), max_bytes=max_bytes)
    points, share = principal(np.array([row["vector"] for row in kept], np.float64))
    times_s = [s_from_ns(row[column]) for row in kept]
    axes.plot(*points.T, color="#c8ccd2", linewidth=0.5, zorder=1)
    shown = axes.scatter(*points.T, c=times_s, s=12, cmap="viridis", zorder=2, linewidths=0)
    bar = figure.colorbar(shown, ax=axes, format=FuncFormatter(lambda at_s, _: format_clock(ns_from_s(max(0, at_s)))))
    bar.ax.tick_params(labelsize=7, length=2, colors=_INK)
    axes.set_title(
        f"{len(kept)} vectors, 2 principal components: {share:.0%} of the variance", fontsize=8, loc="left", color=_INK
    )
    figure.tight_layout()
    return png(_drawn(figure), max_bytes=max_bytes)


def principal(vectors: NDArray[np.float64]) -> tuple[NDArray[np.float64], float]:
    """(N, 2) of (N, dim): coordinates on the first two principal components, and their share of the variance, 0 to 1.

    Each component points to where its largest loading is positive, so that one table always gives one picture.
    """
    centred = vectors - vectors.mean(0)
    left, spread, right = np.linalg.svd(centred, full_matrices=False)
    signs = np.sign(right[:2][np.arange(2), np.abs(right[:2]).argmax(1)])
    total = float((spread**2).sum())
    return left[:, :2] * spread[:2] * signs, float((spread[:2] ** 2).sum()) / total if total else 1.0


def _drawn(figure: Figure) -> Image.Image:
    figure.canvas.draw()
    return Image.fromarray(np.asarray(figure.canvas.buffer_rgba())).convert("RGB")

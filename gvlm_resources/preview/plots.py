"""Plots of a video's results over its time: sound, game state, events. PNG, drawn without any global state."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
import pyarrow as pa
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter
from numpy.typing import NDArray
from PIL import Image

from gvlm_resources.preview.encode import MAX_BYTES, png
from gvlm_resources.schemas import STATUS_OK
from gvlm_resources.timebase import NS_PER_S, Span, format_clock, ns_from_s, s_from_ns

_DPI = 100
_WIDTH_IN = 6.8
_INK = "#30343c"
_SOUND = "#3b6ea5"
_SPEECH = "#f2c14e"
_REJECTED = "#d1495b"
_LANES = ("#3b6ea5", "#d1495b", "#4f9d69", "#8e5ea2", "#e08e45", "#3aa6a6", "#a0705a", "#7a7f8a")
_STEPS_S = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14_400, 28_800, 86_400)
_MAX_ROWS = 12


def waveform(
    samples: NDArray[np.float32] | NDArray[np.int16],
    sample_rate_hz: int,
    speech: Sequence[Span] = (),
    *,
    max_bytes: int = MAX_BYTES,
) -> bytes:
    """The sound of mono `samples`, shaded where there is `speech`.

    Each column of the plot spans the lowest to the highest of its samples, so that a single click still shows.
    """
    duration_ns = ns_from_s(len(samples) / sample_rate_hz)
    figure, (axes,) = _figure(1, 1.5, duration_ns, labels=[""])
    low, high = _envelope(samples, columns=600)
    edges_s = np.linspace(0, s_from_ns(duration_ns), len(low) + 1)
    for span in speech:
        axes.axvspan(s_from_ns(span.start_ns), s_from_ns(span.end_ns), color=_SPEECH, alpha=0.6, linewidth=0)
    axes.axhline(0, color=_SOUND, linewidth=0.8)
    axes.stairs(high, edges_s, baseline=low, fill=True, color=_SOUND, linewidth=0.8)
    peak = float(max(np.max(np.abs(low), initial=0), np.max(np.abs(high), initial=0)))
    axes.set_ylim(-1.05 * (peak or 1), 1.05 * (peak or 1))
    axes.set_yticks([])
    spoken_ns = sum(span.duration_ns for span in speech)
    axes.set_title(
        f"speech {format_clock(spoken_ns)} of {format_clock(duration_ns)} in {len(speech)} spans, peak {_dbfs(peak)}",
        fontsize=8,
        loc="left",
        color=_INK,
    )
    return png(_drawn(figure), max_bytes=max_bytes)


def state_plot(game_state: pa.Table, duration_ns: int, *, max_bytes: int = MAX_BYTES) -> bytes:
    """Each variable of a GAME_STATE table as a step series of its own, rejected readings as red crosses."""
    names = sorted(set(game_state.column("variable").to_pylist()))
    shown = names[:_MAX_ROWS]
    labels = [f"{name}   0000" for name in shown]
    figure, rows = _figure(max(1, len(shown)), 0.62, duration_ns, labels=labels, hidden=len(names) - len(shown))
    if not shown:
        return _nothing(figure, rows[0], "no game state was read", max_bytes)
    readings = game_state.select(["variable", "value", "start_ns", "end_ns", "status"]).to_pylist()
    for axes, name in zip(rows, shown, strict=True):
        own = [reading for reading in readings if reading["variable"] == name]
        good = [reading for reading in own if reading["status"] == STATUS_OK and reading["value"] is not None]
        low, high = _scaled(axes, [reading["value"] for reading in good])
        _steps(axes, good)
        _crosses(axes, [reading for reading in own if reading["status"] != STATUS_OK], low, high)
        axes.set_ylabel(name, fontsize=8, rotation=0, ha="right", va="center", color=_INK)
    return png(_drawn(figure), max_bytes=max_bytes)


def timeline_plot(timeline_events: pa.Table, duration_ns: int, *, max_bytes: int = MAX_BYTES) -> bytes:
    """Each kind of a TIMELINE_EVENTS table in a lane of its own with its count, most frequent first."""
    spans: dict[str, list[tuple[int, int]]] = {}
    for event in timeline_events.select(["kind", "start_ns", "end_ns"]).to_pylist():
        spans.setdefault(event["kind"], []).append((event["start_ns"], event["end_ns"]))
    kinds = sorted(spans, key=lambda kind: (-len(spans[kind]), kind))
    lanes = {f"{kind}  {len(spans[kind])}": spans[kind] for kind in kinds}
    return _lanes(lanes, duration_ns, "no events", max_bytes)


def sound_plot(sounds: pa.Table, duration_ns: int, *, max_bytes: int = MAX_BYTES) -> bytes:
    """Each label of a SOUNDS table in a lane of its own with its count, most frequent first."""
    spans: dict[str, list[tuple[int, int]]] = {}
    for row in sounds.select(["label", "start_ns", "end_ns", "status"]).to_pylist():
        if row["status"] == STATUS_OK and row["label"]:
            spans.setdefault(row["label"], []).append((row["start_ns"], row["end_ns"]))
    labels = sorted(spans, key=lambda label: (-len(spans[label]), label))
    lanes = {f"{label}  {len(spans[label])}": spans[label] for label in labels}
    return _lanes(lanes, duration_ns, "nothing was heard", max_bytes)


def track_plot(entities: pa.Table, duration_ns: int, *, max_bytes: int = MAX_BYTES) -> bytes:
    """Each track of an ENTITIES table in a lane of its own, those seen most often first: a bar where it was seen.

    A sight lasts until the next frame that any track was seen on; a gap in a lane is an occlusion.
    """
    columns = ["track_id", "concept", "pts_ns", "status"]
    rows = [row for row in entities.select(columns).to_pylist() if row["status"] == STATUS_OK]
    moments = sorted({row["pts_ns"] for row in rows})
    following = dict(zip(moments, [*moments[1:], duration_ns], strict=True))
    names = {row["track_id"]: f"{row['concept']} {row['track_id']}" for row in rows}
    spans: dict[str, list[tuple[int, int]]] = {}
    for row in rows:
        spans.setdefault(names[row["track_id"]], []).append((row["pts_ns"], following[row["pts_ns"]]))
    ordered = sorted(spans, key=lambda name: -len(spans[name]))
    return _lanes({name: spans[name] for name in ordered}, duration_ns, "nothing was tracked", max_bytes)


def _lanes(spans: Mapping[str, Sequence[tuple[int, int]]], duration_ns: int, empty: str, max_bytes: int) -> bytes:
    """Spans in ns, each label's in a lane of its own, in the order given; as many lanes as there is room for."""
    labels = list(spans)[:_MAX_ROWS]
    height_in = 0.22 * max(2, len(labels))
    figure, (axes,) = _figure(1, height_in, duration_ns, labels=labels, hidden=len(spans) - len(labels))
    if not labels:
        return _nothing(figure, axes, empty, max_bytes)
    thinnest_s = s_from_ns(duration_ns) / 300  # two pixels: a moment must be seen, too
    for lane, label in enumerate(labels):
        bars = [(s_from_ns(start), max(thinnest_s, s_from_ns(end - start))) for start, end in spans[label]]
        axes.broken_barh(bars, (lane - 0.36, 0.72), color=_LANES[lane % len(_LANES)], linewidth=0)
    axes.set_yticks(range(len(labels)), labels, fontsize=8)
    axes.set_ylim(len(labels) - 0.5, -0.5)
    return png(_drawn(figure), max_bytes=max_bytes)


def _figure(
    rows: int, row_height_in: float, duration_ns: int, *, labels: Sequence[str], hidden: int = 0
) -> tuple[Figure, list[Axes]]:
    """A figure of `rows` axes that share the time of the video, in seconds, shown as a clock.

    There is room for `labels` on the left; `hidden` rows that found no room are counted at the bottom.
    """
    left_in = 0.18 + 0.072 * max(map(len, labels), default=0)
    top_in, bottom_in = 0.22, 0.42 if hidden else 0.26
    height_in = rows * row_height_in + top_in + bottom_in
    figure = Figure(figsize=(_WIDTH_IN, height_in), dpi=_DPI)
    FigureCanvasAgg(figure)
    figure.subplots_adjust(
        left=min(0.5, left_in / _WIDTH_IN),
        right=0.97,
        top=1 - top_in / height_in,
        bottom=bottom_in / height_in,
        hspace=0.35,
    )
    axes = list(figure.subplots(rows, 1, sharex=True, squeeze=False)[:, 0])
    duration_s = max(s_from_ns(duration_ns), 1 / NS_PER_S)
    for each in axes:
        each.set_xlim(0, duration_s)
        each.spines[["top", "right"]].set_visible(False)
        each.spines[["left", "bottom"]].set_color("#b8bcc4")
        each.tick_params(labelsize=7, length=2, colors=_INK, labelbottom=each is axes[-1])
        each.grid(axis="x", color="#e6e8ec", linewidth=0.8)
        each.set_axisbelow(True)
    axes[-1].xaxis.set_major_locator(FixedLocator(_clock_ticks(duration_s)))
    axes[-1].xaxis.set_major_formatter(FuncFormatter(lambda at_s, _: format_clock(ns_from_s(at_s))))
    if hidden > 0:
        figure.text(0.5, 0.05 / height_in, f"{hidden} more not shown", fontsize=7, color=_INK, ha="center", va="bottom")
    return figure, axes


def _clock_ticks(duration_s: float) -> list[float]:
    """At most nine round moments from the start on."""
    step_s = next((step for step in _STEPS_S if duration_s / step <= 8), math.ceil(duration_s / 8 / 86_400) * 86_400)
    return [float(at) for at in range(0, math.floor(duration_s) + 1, step_s)]


def _envelope(samples: NDArray, columns: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Lowest and highest sample of each of at most `columns` equal stretches, in full scale -1 to 1."""
    if len(samples) == 0:
        return np.zeros(1), np.zeros(1)
    full_scale = 32768.0 if samples.dtype == np.int16 else 1.0
    starts = np.unique(np.linspace(0, len(samples), columns, endpoint=False).astype(np.int64))
    low, high = np.minimum.reduceat(samples, starts), np.maximum.reduceat(samples, starts)
    return low / full_scale, high / full_scale


def _dbfs(peak: float) -> str:
    return f"{round(20 * math.log10(peak))} dBFS" if peak > 0 else "silent"


def _scaled(axes: Axes, values: Sequence[float]) -> tuple[float, float]:
    """Lowest and highest value, which become the two marks of the scale."""
    low, high = min(values, default=0.0), max(values, default=1.0)
    margin = 0.18 * (high - low) or 1.0
    axes.set_ylim(low - margin, high + margin)
    marks = sorted({low, high})
    axes.set_yticks(marks, [f"{mark:g}" for mark in marks])
    return low, high


def _steps(axes: Axes, readings: Sequence[dict]) -> None:
    """Horizontal lines where a value held, joined where one follows on the other, open where nothing is known."""
    times: list[float] = []
    values: list[float] = []
    last_end_ns: int | None = None
    for reading in sorted(readings, key=lambda reading: reading["start_ns"]):
        if last_end_ns is not None and reading["start_ns"] > last_end_ns:
            times.append(s_from_ns(last_end_ns))
            values.append(math.nan)
        times += [s_from_ns(reading["start_ns"]), s_from_ns(reading["end_ns"])]
        values += [reading["value"]] * 2
        last_end_ns = reading["end_ns"]
    axes.plot(times, values, color=_SOUND, linewidth=1.4, solid_capstyle="butt")


def _crosses(axes: Axes, readings: Sequence[dict], low: float, high: float) -> None:
    """Rejected readings, at the end of the scale where their value is beyond it, at its bottom where there is none."""
    values = [low if reading["value"] is None else min(max(reading["value"], low), high) for reading in readings]
    times = [s_from_ns(reading["start_ns"]) for reading in readings]
    axes.plot(times, values, linestyle="", marker="x", color=_REJECTED, markersize=5, clip_on=False, zorder=3)


def _nothing(figure: Figure, axes: Axes, words: str, max_bytes: int) -> bytes:
    axes.set_yticks([])
    axes.text(0.5, 0.5, words, transform=axes.transAxes, ha="center", va="center", fontsize=9, color=_INK)
    return png(_drawn(figure), max_bytes=max_bytes)


def _drawn(figure: Figure) -> Image.Image:
    figure.canvas.draw()
    return Image.fromarray(np.asarray(figure.canvas.buffer_rgba())).convert("RGB")

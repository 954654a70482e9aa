"""What all prompts about a video share (pure): what it is, its rows and frames as data."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

from gvlm_resources.dataset.writer.stretches import Rows, Told
from gvlm_resources.reasoning.prompts import quoted  # one escaping for all prompts
from gvlm_resources.timebase import Span, format_clock

__all__ = ["about", "caption", "clean", "evidence", "quoted"]


def about(title: str, duration_ns: int, span: Span) -> str:
    return f"Video: {quoted(title)}, {format_clock(duration_ns)} long. Shown here: {span.label()}."


def caption(pts_ns: int) -> str:
    """The line before a frame."""
    return f"Frame at {format_clock(pts_ns)}:"


def evidence(rows: Rows, span: Span, captions: Sequence[str]) -> list[str]:
    """The rows in their fence, one a line, and what is said of rows that are missing and of frames."""
    lines = ["<evidence>", *(_line(number, row, span) for number, row in enumerate(rows.rows, 1)), "</evidence>"]
    if not rows.rows:
        lines.append("Nothing was detected, read or heard here.")
    if rows.left_out:
        lines.append(f"{rows.left_out} more rows were found and are not shown: do not count rows.")
    if captions:
        lines.append(f"Frames follow, each after its time: {len(captions)}.")
    return lines


def _line(number: int, row: Told, span: Span) -> str:
    """A row with its time inside the stretch: a value that began before it holds from its start."""
    start = format_clock(max(row.start_ns, span.start_ns))
    end = format_clock(max(row.start_ns, min(row.end_ns, span.end_ns) - 1))
    clock = start if start == end else f"{start}-{end}"
    source = row.kind if row.source == "event" else row.source
    return f"E{number} {clock} {re.sub(r'[^a-z0-9_ ]', '', source.lower())} {quoted(row.text)}"


def clean(text: str) -> str:
    """A model's words on one line, without control and invisible characters."""
    kept = "".join(c if c.isprintable() else " " for c in unicodedata.normalize("NFC", text))
    return " ".join(kept.split())

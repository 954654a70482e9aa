"""Metadata for the Dagster UI: small tables, counts and pictures of a stored result."""

import json
import wave
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dagster as dg
import numpy as np
import pyarrow as pa
import yaml

from gvlm_resources.lake.store import Lake
from gvlm_resources.schemas import STATUS_OK
from gvlm_resources.timebase import Span

if TYPE_CHECKING:
    from gvlm_resources.reasoning.protocol import Answer

LINES = 40
PAIRS_OF_A_KIND = 4
EXAMPLE_CHARS = 1_600
SHEET_FRAMES = 8
STRIP_FRAMES = 6


def table(rows: pa.Table, schema: pa.Schema) -> dict[str, Any]:
    """Row count, and the columns with what they mean, under the keys that the UI renders."""
    meanings = column_meanings()[(schema.metadata or {})[b"gvlm.table"].decode()]
    columns = [
        dg.TableColumn(
            field.name,
            str(field.type),
            description=meanings[field.name],
            constraints=dg.TableColumnConstraints(nullable=field.nullable),
        )
        for field in schema
    ]
    return {
        "dagster/row_count": rows.num_rows,
        "dagster/column_schema": dg.TableSchema(columns=columns),
    }


@cache
def column_meanings() -> Mapping[str, Mapping[str, str]]:
    """What each column of each stored table means, by the table's name in its schema."""
    return yaml.safe_load(files("gvlm_resources").joinpath("columns.yaml").read_text(encoding="utf-8"))


def counts(rows: pa.Table, column: str) -> dg.MetadataValue:
    """How many rows there are of each value of `column`, most first."""
    return dg.MetadataValue.json(dict(Counter(rows.column(column).to_pylist()).most_common()))


def count_true(rows: pa.Table, column: str) -> int:
    return sum(rows.column(column).to_pylist())


def outcomes(rows: pa.Table) -> dg.MetadataValue:
    """Rows by status, and by reason where they are not ok."""
    pairs = zip(rows.column("status").to_pylist(), rows.column("reason").to_pylist(), strict=True)
    return dg.MetadataValue.json(dict(Counter(f"{s}: {r}" if r else s for s, r in pairs).most_common()))


def only(rows: pa.Table, column: str, values: set[str]) -> pa.Table:
    return rows.filter(pa.array([value in values for value in rows.column(column).to_pylist()], pa.bool_()))


def lines(rows: pa.Table) -> dg.MetadataValue:
    """The first texts with their times. Text off a video is data: it is shown as code, never as Markdown."""
    shown = rows.slice(0, LINES).select(["start_ns", "end_ns", "text"]).to_pylist()
    text = "\n".join(f"[{Span(row['start_ns'], row['end_ns']).label()}] {_plain(row['text'])}" for row in shown)
    more = f"\n... and {rows.num_rows - LINES} more" if rows.num_rows > LINES else ""
    return dg.MetadataValue.md(f"```\n{text or 'nothing'}{more}\n```")


def _plain(text: str) -> str:
    return "".join(char if char.isprintable() and char != "`" else " " for char in text)


def pairs(rows: pa.Table) -> dg.MetadataValue:
    """The first pairs of each kind, in words."""
    by_kind: dict[str, list[dict[str, Any]]] = {}
    for row in rows.select(["kind", "start_ns", "end_ns", "question", "answer"]).to_pylist():
        by_kind.setdefault(row["kind"], []).append(row)
    lines = [
        f"{kind:<14} [{Span(row['start_ns'], row['end_ns']).label()}] {_plain(row['question'])}\n"
        f"{'':<14} {_plain(row['answer'])}"
        for kind, found in sorted(by_kind.items())
        for row in found[:PAIRS_OF_A_KIND]
    ]
    return dg.MetadataValue.md("```\n" + ("\n".join(lines) or "none") + "\n```")


def examples(lines: Path, rows: pa.Table) -> dg.MetadataValue:
    """The first example of each curriculum, turn by turn."""
    shown: dict[str, str] = {}
    for row in rows.select(["curriculum", "offset", "bytes"]).to_pylist():
        if row["curriculum"] not in shown:
            with lines.open("rb") as file:
                file.seek(row["offset"])
                turns = json.loads(file.read(row["bytes"]))["conversations"]
            shown[row["curriculum"]] = "\n".join(f"{turn['from']}: {_shortened(turn['value'])}" for turn in turns)
    text = "\n\n".join(f"[{curriculum}]\n{turns}" for curriculum, turns in shown.items())
    return dg.MetadataValue.md(f"```\n{text or 'none'}\n```")


def _shortened(text: str) -> str:
    plain = "\n".join(_plain(line) for line in text.splitlines())
    return plain if len(plain) <= EXAMPLE_CHARS else f"{plain[: EXAMPLE_CHARS // 2]} ... {plain[-EXAMPLE_CHARS // 2 :]}"


def contact_sheet(frames: Path, rows: pa.Table) -> dg.MetadataValue:
    """Frames spread evenly over the video, each with its time."""
    from gvlm_resources.preview import encode, sheets

    usable = only(rows, "status", {STATUS_OK})
    picked = [usable.column("frame_id")[i].as_py() for i in sheets.spread(usable.num_rows, SHEET_FRAMES)]
    pictures = [sheets.Picture(image, pts_ns) for _, pts_ns, image in _images(frames, picked)]
    return dg.MetadataValue.md(encode.markdown_image(sheets.contact_sheet(pictures), "image/jpeg", "contact sheet"))


def ocr_overlay(frames: Path, rows: pa.Table) -> dg.MetadataValue:
    """The frame on which most was read, with a box around each text."""
    from gvlm_resources.preview import encode, sheets
    from gvlm_resources.video import tables

    known = tables.read_frames(frames, columns=["frame_id", "pts_ns"]).to_pylist()
    readings = only(rows, "status", {STATUS_OK}).to_pylist()
    by_frame = {
        frame["frame_id"]: [
            row for row in readings if row["start_ns"] <= frame["pts_ns"] < row["end_ns"] and row["text"]
        ]
        for frame in known
    }
    if not any(by_frame.values()):
        return dg.MetadataValue.text("nothing was read")
    fullest = max(by_frame, key=lambda frame_id: len(by_frame[frame_id]))
    images = _images(frames, [fullest])
    if not images:
        return dg.MetadataValue.text("the frame on which most was read could not be decoded")
    shown = [sheets.Reading(row["text"], tuple(row["box"]), row["confidence"]) for row in by_frame[fullest]]
    return dg.MetadataValue.md(
        encode.markdown_image(sheets.ocr_overlay(images[0][2], shown), "image/jpeg", "what was read")
    )


def waveform(wav: Path, spans: pa.Table | None = None) -> dg.MetadataValue:
    """The sound, with speech spans shaded."""
    from gvlm_resources.preview import encode, plots

    with wave.open(str(wav)) as file:
        rate_hz = file.getframerate()
    samples = np.memmap(wav, dtype="<i2", mode="r", offset=44)  # the header that our own writer makes
    speech = [] if spans is None else [Span(row["start_ns"], row["end_ns"]) for row in spans.to_pylist()]
    return dg.MetadataValue.md(encode.markdown_image(plots.waveform(samples, rate_hz, speech), "image/png", "sound"))


def state_plot(rows: pa.Table, duration_ns: int) -> dg.MetadataValue:
    from gvlm_resources.preview import encode, plots

    return dg.MetadataValue.md(encode.markdown_image(plots.state_plot(rows, duration_ns), "image/png", "game state"))


def timeline_plot(rows: pa.Table, duration_ns: int) -> dg.MetadataValue:
    from gvlm_resources.preview import encode, plots

    return dg.MetadataValue.md(encode.markdown_image(plots.timeline_plot(rows, duration_ns), "image/png", "timeline"))


def embedding_map(rows: pa.Table) -> dg.MetadataValue:
    """The vectors in two dimensions, coloured by time."""
    from gvlm_resources.preview import encode, maps

    return dg.MetadataValue.md(encode.markdown_image(maps.embedding_map(rows), "image/png", "map"))


def best_matches(frames: Path, matches: Sequence[dict[str, Any]]) -> dg.MetadataValue:
    """For each of some words the frame that looks most like them, the surest first."""
    from gvlm_resources.preview import encode, sheets

    ordered = sorted(matches, key=lambda match: -match["probability"])[:SHEET_FRAMES]
    images = {name: image for name, _, image in _images(frames, [match["frame_id"] for match in ordered])}
    pictures = [
        sheets.Picture(images[match["frame_id"]], match["pts_ns"], f"{match['words']} {match['probability']:.2f}")
        for match in ordered
        if match["frame_id"] in images
    ]
    return dg.MetadataValue.md(encode.markdown_image(sheets.matches(pictures), "image/jpeg", "best matches"))


def entity_overlay(frames: Path, rows: pa.Table) -> dg.MetadataValue:
    """The frame with most entities, with their boxes and masks."""
    from gvlm_resources.preview import encode, overlays

    found = only(rows, "status", {STATUS_OK}).to_pylist()
    if not found:
        return dg.MetadataValue.text("nothing was found")
    fullest = Counter(row["frame_id"] for row in found).most_common(1)[0][0]
    (_, _, image), *_ = _images(frames, [fullest])
    shown = [overlays.Entity.of(row) for row in found if row["frame_id"] == fullest]
    return dg.MetadataValue.md(encode.markdown_image(overlays.entities(image, shown), "image/jpeg", "entities"))


def track_plot(rows: pa.Table, duration_ns: int) -> dg.MetadataValue:
    """When each track is seen."""
    from gvlm_resources.preview import encode, plots

    return dg.MetadataValue.md(encode.markdown_image(plots.track_plot(rows, duration_ns), "image/png", "tracks"))


def sound_plot(rows: pa.Table, duration_ns: int) -> dg.MetadataValue:
    """When each label is heard."""
    from gvlm_resources.preview import encode, plots

    return dg.MetadataValue.md(encode.markdown_image(plots.sound_plot(rows, duration_ns), "image/png", "sounds"))


def evidence_frames(lake: Lake, answer: "Answer") -> dg.MetadataValue:
    """The frames of the rows that an answer cites, numbered in the order of its citations."""
    from gvlm_resources.preview import encode, sheets

    rows = {row.row_id: row for row in answer.evidence}
    cited = [rows[c.row_id] for c in answer.citations if c.row_id in rows and rows[c.row_id].frame_id]
    pictures = []
    for row in cited[:STRIP_FRAMES]:
        frames = lake.get("frames", row.video_id).path("frames.parquet")
        pictures += [sheets.Picture(image, row.start_ns, row.text) for _, _, image in _images(frames, [row.frame_id])]
    return dg.MetadataValue.md(encode.markdown_image(sheets.evidence_strip(pictures), "image/jpeg", "evidence"))


def _images(frames: Path, frame_ids: Sequence[str]) -> list[tuple[str, int, bytes]]:
    """`(frame_id, pts_ns, JPEG)` of the frames named."""
    from gvlm_resources.video import tables

    found = tables.read_frames(frames, frame_ids, ["frame_id", "pts_ns", "image"]).to_pylist()
    return [(row["frame_id"], row["pts_ns"], row["image"]) for row in found if row["image"]]

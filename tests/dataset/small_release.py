"""Small releases in the format of `release_files`, written by hand: what a test says is what stands in them."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from gvlm_resources import schemas
from gvlm_resources.dataset.cards.audit import Known
from gvlm_resources.dataset.examples.example import Embedding, Example, Turn, as_json
from gvlm_resources.dataset.releases.release_files import INDEX, LINES, MANIFEST, REMOVED, SPEC, Release
from gvlm_resources.dataset.releases.release_spec import SPLITS, Input, ReleaseSpec
from gvlm_resources.timebase import NS_PER_S, format_clock, moment_id

MINUTE_NS = 60 * NS_PER_S


def hexdigits(text: str, count: int = 16) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:count]


def video_id(number: int) -> str:
    return f"arena-{number}-{hexdigits(f'source {number}', 12)}"


@dataclass(frozen=True)
class Row:
    """One example to be. What is empty is made from the rest."""

    question: str
    answer: str
    video: str = video_id(0)
    split: str = "train"
    kind: str = "what"
    curriculum: str = "alignment"
    language: str = "en"
    made_by: str = "templates@1"
    start_s: float = 0.0
    end_s: float = 10.0
    confidence: float = 0.9
    claims: tuple[Mapping[str, Any], ...] = ()
    group: str = ""
    pair_id: str = ""
    digest: str = ""
    reviewed: str = ""
    frames: tuple[str, ...] = (moment_id("f", 0),)
    boxes: tuple[tuple[float, float, float, float], ...] = ()
    evidence: tuple[str, ...] = ("e000000000000-pickup",)
    changes: Mapping[str, Any] = field(default_factory=dict)  # of the line, over what it would be

    @property
    def pair(self) -> str:
        words = f"{self.video}{self.kind}{self.question}{self.answer}"
        return self.pair_id or f"q{hexdigits(words)}"

    @property
    def example_id(self) -> str:
        return f"x{hexdigits(self.pair + self.curriculum)}"

    def line(self) -> dict[str, Any]:
        shown = "".join(f"<ts={format_clock(int(frame[1:]) * 1000)}><v>" for frame in self.frames)
        example = Example(
            example_id=self.example_id,
            video=self.video,
            conversations=(Turn("human", f"{shown}\n{self.question}"), Turn("gpt", self.answer)),
            timestamps=((self.start_s, self.end_s),),
            embeddings=tuple(Embedding("<v>", "siglip_embeddings", frame) for frame in self.frames),
            frames=self.frames,
            boxes=self.boxes,
            box_frames=tuple(self.frames[0] for _ in self.boxes),
            width=640,
            height=480,
            evidence=self.evidence,
            provenance={
                "pair": self.pair,
                "kind": self.kind,
                "curriculum": self.curriculum,
                "language": self.language,
                "length": "short",
                "made_by": self.made_by,
                "confidence": self.confidence,
                **({"claims": list(self.claims)} if self.claims else {}),
                "fingerprints": {"qa_pairs": hexdigits(self.video, 64)},
            },
        )
        return {**as_json(example), **self.changes}

    def index(self, offset: int, size: int) -> dict[str, Any]:
        return {
            "video_id": self.video,
            "example_id": self.example_id,
            "pair_id": self.pair,
            "kind": self.kind,
            "curriculum": self.curriculum,
            "language": self.language,
            "length": "short",
            "made_by": self.made_by,
            "confidence": self.confidence,
            "question": self.question,
            "answer": self.answer,
            "start_ns": round(self.start_s * NS_PER_S),
            "end_ns": round(self.end_s * NS_PER_S),
            "tokens": len(f"{self.question} {self.answer}".split()),
            "embeddings": len(self.frames),
            "offset": offset,
            "bytes": size,
            "digest": self.digest or hexdigits(f"{self.question}|{self.answer}|{self.video}|{self.frames}", 64),
            "split": self.split,
            "duplicate_group": self.group or self.video,
            "reviewed": self.reviewed,
        }


def video(number: int, *, minutes: float = 1.0, licence: str = "BSD-3-Clause", **changes: Any) -> Input:
    source = hexdigits(f"source {number}", 64)
    made = Input(
        video_id=video_id(number),
        fingerprint=hexdigits(f"examples {number}", 64),
        source_sha256=source,
        title=f"Arena {number}",
        game="freedoom",
        licence=licence,
        origin=f"arena{number}.mp4",
        duration_ns=round(minutes * MINUTE_NS),
    )
    return made.model_copy(update=changes)


def sound_rows(videos: int = 10, each: int = 4) -> list[Row]:
    """Rows that pass every check: the last two videos are validation and test, all others train."""
    kinds = ("what", "when", "how_many", "state")
    splits = ["train"] * (videos - 2) + ["validation", "test"]
    return [
        Row(
            question=f"Question {number} about {video_id(v)}?",
            answer=f"Answer {number} of {v}.",
            video=video_id(v),
            split=splits[v],
            kind=kinds[number % len(kinds)],
            start_s=60.0 * number / each,
            end_s=60.0 * (number + 1) / each,
        )
        for v in range(videos)
        for number in range(each)
    ]


def write(
    folder: Path,
    rows: Iterable[Row],
    *,
    videos: Iterable[Input] | None = None,
    removed: Iterable[Mapping[str, str]] = (),
    spec: Mapping[str, Any] | None = None,
) -> Release:
    """The release of these rows, in their order; its manifest agrees with its files."""
    rows = list(rows)
    numbers = {video_id(n): n for n in range(100)}
    inputs = list(videos) if videos is not None else [video(numbers[v]) for v in sorted({row.video for row in rows})]
    folder.mkdir(parents=True, exist_ok=True)
    index: list[dict[str, Any]] = []
    for split in SPLITS:
        content = bytearray()
        for row in (row for row in rows if row.split == split):
            line = (json.dumps(row.line(), ensure_ascii=False) + "\n").encode()
            index.append(row.index(len(content), len(line)))
            content += line
        (folder / LINES[split]).write_bytes(content)
    pq.write_table(pa.Table.from_pylist(index, schema=schemas.RELEASE_EXAMPLES), folder / INDEX)
    blank = dict.fromkeys(schemas.REMOVED.names, "")
    pq.write_table(pa.Table.from_pylist([{**blank, **r} for r in removed], schema=schemas.REMOVED), folder / REMOVED)
    inputs.sort(key=lambda one: one.video_id)
    asked = ReleaseSpec(**{"name": "small", "inputs": tuple(inputs), "balance": {"largest_share": 0.5}, **(spec or {})})
    (folder / SPEC).write_text(asked.model_dump_json(indent=1) + "\n")
    seal(folder)
    return Release(folder)


def seal(folder: Path) -> None:
    """The manifest of what now stands in the folder."""
    pinned = {}
    for name in (*LINES.values(), INDEX, REMOVED, SPEC):
        content = (folder / name).read_bytes()
        pinned[name] = {"sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)}
        if name in LINES.values():
            pinned[name]["rows"] = len(content.splitlines())
    (folder / MANIFEST).write_text(json.dumps({"files": pinned}))


def known(_: str) -> Known:
    """What every video here has: a frame a second for two minutes, and one event."""
    frames = {moment_id("f", second * NS_PER_S) for second in range(120)}
    return Known(frames=frames, rows={"siglip_embeddings": frames}, evidence={"e000000000000-pickup"})


def changed(row: Row, **changes: Any) -> Row:
    """The row with another line than its fields would give."""
    return replace(row, changes=changes)

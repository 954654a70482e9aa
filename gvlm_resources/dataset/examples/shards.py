"""The training examples of one video as files: `examples.jsonl`, and `examples.parquet` that says what is where in it.

Both are written one example at a time and read the same way; nobody has to hold a shard in memory.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from gvlm_resources import schemas
from gvlm_resources.dataset.examples import validate
from gvlm_resources.dataset.examples.curriculum_evidence import TIMELINE_SHOWN
from gvlm_resources.dataset.examples.example import Embedding, Example, as_json
from gvlm_resources.dataset.examples.examples import Skipped, answer_of, is_in_words, question_of
from gvlm_resources.errors import LakeError
from gvlm_resources.timebase import ns_from_s

LINES, INDEX = "examples.jsonl", "examples.parquet"
ROWS_PER_GROUP = 1024
REBUILD = "build it again: `gvlm build VIDEO --select training_examples`"

_EMBEDDING_TOKEN = re.compile(r"<[vra]>")
_PIECE = re.compile(r"\w+|[^\w\s]")


class FrameVectors(Protocol):
    """What a shard has to know of vectors; `dataset.vectors.Vectors` knows it."""

    @property
    def frame_dim(self) -> int | None:
        """Dimensions of the vectors of frames; None where no frame has one."""

    def mean_vector(self, frame_ids: Iterable[str]) -> NDArray[np.float32] | None:
        """The unit mean of the frames' vectors; None of no frames."""

    def digest_of(self, embedding: Embedding) -> bytes:
        """The same for the same vector, whatever its id. Raises LakeError where there is no such vector."""


def write(folder: Path, examples: Iterable[Example | Skipped], vectors: FrameVectors) -> dict[str, Any]:
    """Write both files, and give what to tell of them: counts by curriculum and kind, and of what was skipped, why.

    Every line is validated and every token's vector looked up. Raises LakeError for a line that is not valid, an id
    that comes twice or a vector that is not there; what was written by then is to be thrown away.
    """
    counts = _Counts()
    schema = _schema(vectors.frame_dim)
    options = {"compression": "zstd", "use_dictionary": False, "write_statistics": ["example_id", "start_ns"]}
    with (folder / LINES).open("wb") as lines, pq.ParquetWriter(folder / INDEX, schema, **options) as index:
        rows: list[dict[str, Any]] = []
        for example in examples:
            if isinstance(example, Skipped):
                counts.skip(example)
                continue
            row = _row(example, _line(example), vectors, offset=lines.tell())
            counts.add(row)
            counts.tell(example)
            lines.write(row.pop("line"))
            rows.append(row)
            if len(rows) == ROWS_PER_GROUP:
                index.write_table(pa.Table.from_pylist(rows, schema))
                rows = []
        if rows:
            index.write_table(pa.Table.from_pylist(rows, schema))
    return counts.facts()


@dataclass
class _Counts:
    """What has gone through so far."""

    ids: set[str] = field(default_factory=set)
    totals: Counter[str] = field(default_factory=Counter)
    curricula: Counter[str] = field(default_factory=Counter)
    kinds: Counter[str] = field(default_factory=Counter)
    timelines: Counter[str] = field(default_factory=Counter)
    skipped: dict[str, Counter[str]] = field(default_factory=dict)
    kept: dict[str, set[str]] = field(default_factory=dict)
    used: dict[str, set[str]] = field(default_factory=dict)

    def add(self, row: dict[str, Any]) -> None:
        if row["example_id"] in self.ids:
            raise LakeError(
                f"the training example {row['example_id']} comes twice", remedy="this is a defect: please report it"
            )
        self.ids.add(row["example_id"])
        self.totals.update({name: row[name] for name in ("bytes", "tokens", "embeddings")})
        self.curricula[row["curriculum"]] += 1
        self.kinds[row["kind"]] += 1
        for pairs in (self.kept, self.used):
            pairs.setdefault(row["kind"], set()).add(row["pair_id"])

    def tell(self, example: Example) -> None:
        """Whether its timeline is shown, and whether the answer can be read off it."""
        told = example.provenance.get("timeline")
        if told:
            self.timelines[told] += 1
        if told == TIMELINE_SHOWN and is_in_words(example):
            self.timelines["answer_in_it"] += 1

    def skip(self, skipped: Skipped) -> None:
        self.kept.setdefault(skipped.kind, set()).add(skipped.pair_id)
        self.skipped.setdefault(skipped.curriculum, Counter())[skipped.reason] += 1

    def facts(self) -> dict[str, Any]:
        return {
            "examples": len(self.ids),
            **{name: self.totals[name] for name in ("bytes", "tokens", "embeddings")},
            "by_curriculum": dict(sorted(self.curricula.items())),
            "by_kind": dict(sorted(self.kinds.items())),
            "pairs": {
                "kept": {kind: len(ids) for kind, ids in sorted(self.kept.items())},
                "used": {kind: len(self.used.get(kind, ())) for kind in sorted(self.kept)},
            },
            "timeline": dict(sorted(self.timelines.items())),
            "skipped": {name: dict(sorted(reasons.items())) for name, reasons in sorted(self.skipped.items())},
        }


def _schema(frame_dim: int | None) -> pa.Schema:
    """`schemas.EXAMPLES`, its frame vectors of fixed length where there are any."""
    if frame_dim is None:
        return schemas.EXAMPLES
    number = schemas.EXAMPLES.get_field_index("frame_vector")
    return schemas.EXAMPLES.set(number, schemas.EXAMPLES.field(number).with_type(pa.list_(pa.float32(), frame_dim)))


def _line(example: Example) -> bytes:
    """The example as its line, its end included, in the order of the format. Raises LakeError for one that is none."""
    value = as_json(example)
    validate.line(value)
    try:
        text = json.dumps(value, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    except ValueError as error:
        raise LakeError(
            f"the training example {example.example_id} is not valid: json: {error}",
            remedy="this is a defect: please report it",
        ) from error
    return f"{text}\n".encode()


def _row(example: Example, line: bytes, vectors: FrameVectors, *, offset: int) -> dict[str, Any]:
    """The row of `schemas.EXAMPLES`, and the line itself."""
    told = example.provenance
    text = "\n".join(turn.value for turn in example.conversations)
    return {
        "video_id": example.video,
        "example_id": example.example_id,
        "pair_id": told["pair"],
        **{name: told[name] for name in ("kind", "curriculum", "language", "length", "made_by", "confidence")},
        "question": question_of(example),
        "answer": answer_of(example),
        "start_ns": ns_from_s(example.timestamps[0][0]),
        "end_ns": ns_from_s(max(end_s for _, end_s in example.timestamps)),
        "tokens": count_tokens(text),
        "embeddings": len(example.embeddings),
        "offset": offset,
        "bytes": len(line),
        "digest": digest_of(example, vectors),
        "frame_vector": vectors.mean_vector(example.frames),
        "line": line,
    }


def count_tokens(text: str) -> int:
    """Words and marks, without the tokens that stand for vectors: an estimate that needs no tokenizer."""
    return len(_PIECE.findall(_EMBEDDING_TOKEN.sub(" ", text)))


def digest_of(example: Example, vectors: FrameVectors) -> str:
    """SHA-256 of what a model reads and writes: the turns without the video's id, and the vectors behind the tokens.

    The ids of vectors are left out, so that one footage under two names is one; the vectors are not: one question in
    the same words about another picture is another example.
    """
    digest = hashlib.sha256()
    for turn in example.conversations:
        digest.update(f"{turn.speaker}\0{turn.value.replace(example.video, '')}\0".encode())
    for embedding in example.embeddings:
        digest.update(vectors.digest_of(embedding))
    return digest.hexdigest()


@dataclass
class Shard:
    """A folder that `write` wrote, read where the index says that lines stand. Use it as a context manager."""

    folder: Path

    def __enter__(self) -> Shard:
        self._file = _existing(self.folder / LINES).open("rb")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def index(self, columns: Sequence[str] | None = None) -> pa.Table:
        """The rows of `schemas.EXAMPLES`, in the order of the lines; only `columns` where some are named."""
        return pq.read_table(_existing(self.folder / INDEX), columns=list(columns) if columns is not None else None)

    def line(self, offset: int, size: int) -> str:
        """The line of `size` bytes at `offset`, without its end. Raises LakeError where no line stands there."""
        raw = os.pread(self._file.fileno(), size, offset)
        if len(raw) != size or not raw.endswith(b"\n") or raw.count(b"\n") != 1:
            raise LakeError(
                f"{self.folder / LINES} has no line of {size} bytes at {offset}",
                remedy=REBUILD,
            )
        return raw[:-1].decode()


def read_lines(path: Path) -> Iterator[dict[str, Any]]:
    """Every line of an `examples.jsonl`, in order and one at a time. Raises LakeError for one that is no JSON."""
    with _existing(path).open(encoding="utf-8", newline="\n") as file:
        for number, line in enumerate(file, 1):
            try:
                yield json.loads(line)
            except ValueError as error:
                raise LakeError(f"line {number} of {path} cannot be read: {error}", remedy=REBUILD) from error


def _existing(path: Path) -> Path:
    if not path.is_file():
        raise LakeError(f"{path} is not there", remedy=REBUILD)
    return path

"""What was imported for a video, as the lake keeps it: `imports/<video_id>/`.

pairs.json                questions and answers as they were said, each once, with the file that they came from
features.json             which folder beside it holds the vectors, their digest and their counts
features-<16 hex>/        siglip.parquet, videomae.parquet, wav2vec2.parquet

Pairs are kept as they were said: what they mean for the timeline is worked out when `qa_pairs` is built, so that a new
timeline finds new evidence. A second file of pairs adds to the first; a second file of features takes its place.
Writing is atomic, and the digests are those of the content: importing the same again changes nothing.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import uuid
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, get_args

import pyarrow as pa
import pyarrow.parquet as pq
from filelock import FileLock

from gvlm_resources import schemas
from gvlm_resources.dataset.facts import Facts
from gvlm_resources.dataset.imports.peer import Imported, PeerError, Rows, pairs_of
from gvlm_resources.dataset.pairs import Pair
from gvlm_resources.errors import LakeError
from gvlm_resources.lake import files
from gvlm_resources.lake.fingerprint import canonical_json
from gvlm_resources.lake.layout import Layout
from gvlm_resources.lake.store import write_table
from gvlm_resources.settings import Language

PAIRS, FEATURES = "pairs", "features"
KINDS = (PAIRS, FEATURES)
LANGUAGES: tuple[str, ...] = get_args(Language)
TABLES = {"siglip": schemas.SIGLIP, "videomae": schemas.VIDEOMAE, "wav2vec2": schemas.WAV2VEC2}
MADE_BY = "import@"
_FOLDER = re.compile(r"features-[0-9a-f]{16}")
_UNFIT = re.compile(r"[^A-Za-z0-9._-]+")


@dataclass(frozen=True, slots=True)
class Stored:
    """How many rows are new, and how many there are now."""

    added: int
    total: int


@dataclass(frozen=True, slots=True)
class Listed:
    """What is there of one file: `count` pairs in `language`, or vectors, of which `rows` says how many of which."""

    kind: str
    file: str
    count: int
    language: str = ""
    rows: Mapping[str, int] = field(default_factory=dict)


def store_pairs(layout: Layout, video_id: str, rows: Rows, *, file: str, language: str = "en") -> Stored:
    """Add the questions and answers of a file, named `file` and in `language`, to those imported for a video.

    Raises PeerError for a language in which pairs cannot be checked.
    """
    if language not in LANGUAGES:
        raise PeerError(
            f"pairs in the language {language[:20]!r} cannot be checked against a timeline",
            remedy=f"import pairs in {', '.join(LANGUAGES)}",
        )
    with _locked(layout, video_id):
        return _added(layout, video_id, rows, file, language)


def _added(layout: Layout, video_id: str, rows: Rows, file: str, language: str) -> Stored:
    before = _pairs(layout, video_id)
    known = {(row["question"], row["answer"]) for row in before}
    made_by = f"{MADE_BY}{_UNFIT.sub('_', Path(file).name)[:80] or 'file'}"
    added = []
    for said in rows.said:
        if (said.question, said.answer) not in known:
            known.add((said.question, said.answer))
            row = {"question": said.question, "answer": said.answer, "made_by": made_by, "language": language}
            added.append(row)
    if added:
        _write_json(_file(layout, video_id, PAIRS), [*before, *added])
    return Stored(len(added), len(before) + len(added))


def stored_pairs(layout: Layout, video_id: str, facts: Facts) -> Imported:
    """The imported pairs of a video, with the evidence that its facts have for them; none where none were imported."""
    found: list[Pair] = []
    problems: list[str] = []
    rows = _pairs(layout, video_id)
    for made_by, language in dict.fromkeys((row["made_by"], row["language"]) for row in rows):
        same = [row for row in rows if (row["made_by"], row["language"]) == (made_by, language)]
        imported = pairs_of(same, facts, made_by=made_by, language=language)
        found.extend(imported.pairs)
        problems.extend(f"{made_by}, {problem}" for problem in imported.problems)
    return Imported(tuple(found), tuple(problems))


def store_features(layout: Layout, video_id: str, tables: dict[str, pa.Table], *, file: str) -> Stored:
    """Put the vectors of a video in the place of those imported for it before. `tables` are those of `Features`."""
    with _locked(layout, video_id):
        return _replaced(layout, video_id, tables, file)


def _replaced(layout: Layout, video_id: str, tables: dict[str, pa.Table], file: str) -> Stored:
    pointer = _file(layout, video_id, FEATURES)
    before = _pointer(pointer)
    home = pointer.parent
    home.mkdir(parents=True, exist_ok=True)
    temporary = home / f".features.{uuid.uuid4().hex}.tmp"
    temporary.mkdir()
    try:
        for name, schema in TABLES.items():
            write_table(temporary / f"{name}.parquet", tables[name], schema)
            files.sync_file(temporary / f"{name}.parquet")
        digest = _digest([files.sha256(temporary / f"{name}.parquet") for name in TABLES])
        folder = home / f"features-{digest[:16]}"
        if not folder.is_dir():
            os.replace(temporary, folder)
            files.sync_folder(home)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    rows = {name: tables[name].num_rows for name in TABLES}
    _write_json(pointer, {"digest": digest, "folder": folder.name, "file": Path(file).name, "rows": rows})
    for other in home.glob("features-*"):
        if other != folder and _FOLDER.fullmatch(other.name):
            shutil.rmtree(other)
    total = sum(rows.values())
    return Stored(0 if before and before["digest"] == digest else total, total)


def stored_features(layout: Layout, video_id: str) -> dict[str, pa.Table] | None:
    """The imported vectors of a video by encoder, as they were imported; None where none were.

    Frames sampled since then may be others: `peer_features.at_frames` puts the vectors at those there are now.
    """
    pointer = _file(layout, video_id, FEATURES)
    found = _pointer(pointer)
    if found is None:
        return None
    folder = pointer.parent / found["folder"]
    missing = [name for name in TABLES if not (folder / f"{name}.parquet").is_file()]
    if missing:
        raise LakeError(f"{folder} lacks {missing[0]}.parquet", remedy="import the features again")
    return {name: pq.read_table(folder / f"{name}.parquet") for name in TABLES}


def digests(layout: Layout, video_id: str) -> dict[str, str]:
    """The digest of what was imported for a video, by kind, for those that were: what `recipes.expected` takes."""
    found: dict[str, str] = {}
    pairs = _file(layout, video_id, PAIRS)
    if pairs.is_file():
        found[PAIRS] = files.sha256(pairs)
    features = _pointer(_file(layout, video_id, FEATURES))
    if features is not None:
        found[FEATURES] = features["digest"]
    return found


def listed(layout: Layout, video_id: str) -> list[Listed]:
    """What was imported for a video, file by file in the order of their coming: pairs, then features."""
    files_of = Counter((row["made_by"], row["language"]) for row in _pairs(layout, video_id))
    found = [
        Listed(PAIRS, made_by.removeprefix(MADE_BY), count, language) for (made_by, language), count in files_of.items()
    ]
    features = _pointer(_file(layout, video_id, FEATURES))
    if features is not None:
        rows = features.get("rows")
        if not isinstance(rows, dict) or not isinstance(features.get("file"), str):
            raise _damaged(_file(layout, video_id, FEATURES))
        found.append(Listed(FEATURES, features["file"], sum(rows.values()), rows=rows))
    return found


def forget(layout: Layout, video_id: str, kind: str) -> bool:
    """Remove what was imported of a kind; whether there was any."""
    path = _file(layout, video_id, kind)
    with _locked(layout, video_id):
        there = path.is_file()
        path.unlink(missing_ok=True)
        if kind == FEATURES and path.parent.is_dir():
            for folder in path.parent.glob("features-*"):
                shutil.rmtree(folder)
    return there


@contextmanager
def _locked(layout: Layout, video_id: str) -> Iterator[None]:
    """Two imports at once add both."""
    path = layout.lock("imports", video_id)
    path.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(path):
        yield


def _file(layout: Layout, video_id: str, kind: str) -> Path:
    if kind not in KINDS:
        raise LakeError(f"nothing of the kind {kind[:40]!r} is imported", remedy=f"take one of {', '.join(KINDS)}")
    return layout.imports(video_id) / f"{kind}.json"


def _pairs(layout: Layout, video_id: str) -> list[dict[str, str]]:
    path = _file(layout, video_id, PAIRS)
    rows = _json(path) if path.is_file() else []
    fields = ("question", "answer", "made_by", "language")
    if not isinstance(rows, list) or not all(
        isinstance(row, dict) and all(isinstance(row.get(field), str) for field in fields) for row in rows
    ):
        raise _damaged(path)
    return rows


def _pointer(path: Path) -> dict[str, Any] | None:
    if not path.is_file():
        return None
    found = _json(path)
    if not isinstance(found, dict) or not _FOLDER.fullmatch(str(found.get("folder"))) or "digest" not in found:
        raise _damaged(path)
    return found


def _json(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise _damaged(path) from error


def _damaged(path: Path) -> LakeError:
    return LakeError(f"{path} is damaged", remedy="delete it and import again")


def _write_json(path: Path, value: Any) -> None:
    files.write_atomic(path, (canonical_json(value) + "\n").encode())


def _digest(parts: Sequence[str]) -> str:
    return hashlib.sha256(" ".join(parts).encode()).hexdigest()

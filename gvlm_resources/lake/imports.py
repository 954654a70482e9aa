"""What was made elsewhere for a video: pairs and features, kept as they were imported.

    imports/<video_id>/<kind>/   files, and import.json: where they came from and the SHA-256 of each

An import replaces the one of its kind before it, whole or not at all. Its digest is part of the fingerprint of what
takes it in.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from gvlm_resources.errors import LakeError
from gvlm_resources.lake import files
from gvlm_resources.lake.fingerprint import canonical_json
from gvlm_resources.lake.layout import Layout

Kind = Literal["pairs", "features"]
PAIRS, FEATURES = KINDS = ("pairs", "features")
RECORD = "import.json"


@dataclass(frozen=True)
class Import:
    """One import. `origin` is the name of the file that it came from; `digests` are of its files, by name."""

    folder: Path
    origin: str
    digests: dict[str, str]

    @property
    def digest(self) -> str:
        return hashlib.sha256(canonical_json([self.origin, self.digests]).encode()).hexdigest()

    def path(self, name: str) -> Path:
        if name not in self.digests:
            raise LakeError(f"{self.folder} holds no {name}", remedy=f"it holds {', '.join(self.digests)}")
        return self.folder / name


def find(layout: Layout, video_id: str, kind: str) -> Import | None:
    """What of this kind was imported for a video; None where nothing was."""
    folder = _folder(layout, video_id, kind)
    try:
        record = json.loads((folder / RECORD).read_text())
        return Import(folder, record["origin"], record["digests"])
    except FileNotFoundError:
        return None
    except (ValueError, KeyError) as error:
        raise LakeError(f"{folder / RECORD} is damaged: {error}", remedy=f"delete {folder}, import again") from error


def digests(layout: Layout, video_id: str) -> dict[str, str]:
    """The digest of each import of a video, by kind: what `recipes.expected` wants to know."""
    found = {kind: find(layout, video_id, kind) for kind in KINDS}
    return {kind: one.digest for kind, one in found.items() if one is not None}


@contextmanager
def replacing(layout: Layout, video_id: str, kind: str, *, origin: str) -> Iterator[Path]:
    """A folder to write files into; when the block ends they are the import, and when it raises nothing has changed."""
    target = _folder(layout, video_id, kind)
    target.parent.mkdir(parents=True, exist_ok=True)
    draft = target.with_name(f".{kind}-{uuid.uuid4().hex}.tmp")
    draft.mkdir()
    try:
        yield draft
        written = sorted(path for path in draft.iterdir() if path.is_file())
        record = {"origin": Path(origin).name, "digests": {path.name: files.sha256(path) for path in written}}
        files.write_atomic(draft / RECORD, (canonical_json(record) + "\n").encode())
        _swap(draft, target)
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def remove(layout: Layout, video_id: str, kind: str) -> bool:
    """Forget an import; False where there was none."""
    folder = _folder(layout, video_id, kind)
    there = folder.is_dir()
    shutil.rmtree(folder, ignore_errors=True)
    return there


def _folder(layout: Layout, video_id: str, kind: str) -> Path:
    if kind not in KINDS:
        raise LakeError(f"there is no kind of import {kind!r}", remedy=f"there are {', '.join(KINDS)}")
    return layout.imports(video_id) / kind


def _swap(draft: Path, target: Path) -> None:
    for path in sorted(draft.iterdir()):
        files.sync_file(path)
    files.sync_folder(draft)
    old = target.with_name(f".old-{uuid.uuid4().hex}.tmp")
    if target.exists():
        os.rename(target, old)
    os.rename(draft, target)
    files.sync_folder(target.parent)
    shutil.rmtree(old, ignore_errors=True)

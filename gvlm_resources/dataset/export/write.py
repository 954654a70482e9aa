"""Writing a release in the format of a tool: whole or not at all, and never over files of somebody's own."""

from __future__ import annotations

import json
import os
import shutil
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from gvlm_resources.dataset.export import chat, hf, llava, swift, webdataset
from gvlm_resources.dataset.export.job import Job, Options
from gvlm_resources.dataset.export.pictures import Album, Frames
from gvlm_resources.dataset.export.sources import SOURCES, card, sources
from gvlm_resources.dataset.releases.release_files import CARD_MARKDOWN, MANIFEST, Release
from gvlm_resources.dataset.releases.release_spec import SPLITS
from gvlm_resources.errors import ReleaseError
from gvlm_resources.lake import files

MARKER, MARKER_FORMAT = "export.json", "gvlm.export/1"
CARD = "README.md"
FORMATS: Mapping[str, Callable[[Job], None]] = {
    "hf": hf.write,
    "chat": chat.write,
    "llava": llava.write,
    "swift": swift.write,
    "webdataset": webdataset.write,
}


@dataclass(frozen=True, slots=True)
class Exported:
    """What an export holds. `notes` say what of the release it could not take along, and what it changed."""

    files: tuple[str, ...]
    rows: Mapping[str, int]
    pictures: int
    notes: tuple[str, ...]


def write(format: str, release: Release, target: Path, frames: Frames, options: Options | None = None) -> Exported:
    """Write `release` into the folder `target` in one of `FORMATS`; `frames` gives a video's frame as JPEG, or None.

    Raises ReleaseError where the format is none, `target` holds anything but an earlier export in this format, a
    picture is missing, or the release cannot be read. Then `target` is as it was.
    """
    if format not in FORMATS:
        raise ReleaseError(f"there is no format {format[:40]!r}", remedy=f"take one of {', '.join(FORMATS)}")
    target = target.absolute()
    _check_target(target, format)
    target.parent.mkdir(parents=True, exist_ok=True)
    folder = target.with_name(f".{target.name}.{uuid.uuid4().hex}.tmp")
    folder.mkdir()
    try:
        exported = _write(format, Job(release, folder, Album(frames), options or Options()))
        _replace(target, folder, format)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return exported


def _write(format: str, job: Job) -> Exported:
    release = job.release
    FORMATS[format](job)
    if not job.rows.total():
        raise ReleaseError(
            "; ".join([f"{release.spec.name} has no example that can be exported as {format}", *job.all_notes()]),
            remedy="export it as hf or webdataset, which take every example, or let more into the release",
        )
    for split in SPLITS:
        if not job.rows[split]:
            job.notes.append(f"the split {split} holds no example")
    _text(job.folder / SOURCES, sources(release.spec.name, release.spec.inputs))
    if format == "hf":
        _text(job.folder / CARD, card(release.spec.name, hf.front_matter(job), _card_of(release)))
    written = sorted(path.relative_to(job.folder).as_posix() for path in job.folder.rglob("*") if path.is_file())
    exported = Exported(
        files=(*written, MARKER),
        rows={split: job.rows[split] for split in SPLITS},
        pictures=job.album.count,
        notes=job.all_notes(),
    )
    marker = {
        "format": MARKER_FORMAT,
        "as": format,
        "release": release.spec.name,
        "manifest_sha256": files.sha256(release.folder / MANIFEST),
        "rows": exported.rows,
        "pictures": exported.pictures,
        "max_pictures": job.options.max_pictures,
        "notes": exported.notes,
        "files": exported.files,
    }
    _text(job.folder / MARKER, json.dumps(marker, indent=2, ensure_ascii=False) + "\n")
    return exported


def _text(path: Path, text: str) -> None:
    path.write_bytes(text.encode())


def _card_of(release: Release) -> str:
    """The release's own card, whose pictures stand in it; empty where it has none yet."""
    path = release.folder / CARD_MARKDOWN
    return path.read_text(encoding="utf-8") if path.is_file() else ""


def _check_target(target: Path, format: str) -> None:
    """Raises ReleaseError where writing to `target` would cost somebody a file."""
    remedy = "name a folder that is not there yet, or is empty"
    if target.is_symlink() or (target.exists() and not target.is_dir()):
        raise ReleaseError(f"{target} is no folder", remedy=remedy)
    if not target.is_dir() or not any(target.iterdir()):
        return
    marker = _marker(target)
    if marker.get("format") != MARKER_FORMAT or marker.get("as") != format:
        found = f"an export as {marker['as']}" if isinstance(marker.get("as"), str) else "other files"
        raise ReleaseError(f"{target} holds {found}", remedy=remedy)
    own = set(marker["files"]) if isinstance(marker.get("files"), list) else set()
    there = {
        path.relative_to(target).as_posix() for path in target.rglob("*") if not path.is_dir() or path.is_symlink()
    }
    if there - own:
        raise ReleaseError(
            f"{target} holds an export and {sorted(there - own)[0]!r}, which is not of it",
            remedy=f"move it away, or {remedy}",
        )


def _marker(target: Path) -> dict:
    path = target / MARKER
    try:
        marker = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    except ValueError:
        return {}
    return marker if isinstance(marker, dict) else {}


def _replace(target: Path, folder: Path, format: str) -> None:
    """Put `folder` in the place of `target`, whose earlier export is gone only once the new one is there."""
    _check_target(target, format)  # somebody may have written there meanwhile
    if not target.exists():
        os.replace(folder, target)
    else:
        old = target.with_name(f".{target.name}.{uuid.uuid4().hex}.old")
        os.replace(target, old)
        os.replace(folder, target)
        shutil.rmtree(old)
    files.sync_folder(target.parent)

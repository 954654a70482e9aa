"""The folder that an export becomes: filled beside it and renamed, and never put over files of somebody's own.

Beside `NAME` stand, while an export is under way, `.NAME.<32 hex>.tmp`, which is filled, `.old`, which is the earlier
export while the two change places, and `.lock`, which is held. What a killed export left of these, and no other, is
swept when the next one to that target starts.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from gvlm_resources.errors import ReleaseError
from gvlm_resources.lake import files

MARKER, MARKER_FORMAT = "export.json", "gvlm.export/1"
LOCK_TIMEOUT_S = 5.0  # nobody else knows its name: it is free, or the disk has no locks
PLACE = "name a folder that you may write to, on a disk that has room"


@contextmanager
def filling(target: Path, format: str) -> Iterator[Path]:
    """A new folder, which takes the place of `target` when the block ends, and vanishes when the block raises.

    Raises ReleaseError where `target` holds anything but an earlier export in this format, or cannot be written.
    """
    target = target.absolute()
    with _told(f"{target} cannot be written"):
        _restore(target)
        _check(target, format)
        target.parent.mkdir(parents=True, exist_ok=True)
        _sweep(target)
        folder = target.with_name(f".{target.name}.{uuid.uuid4().hex}.tmp")
        lock = FileLock(folder.with_suffix(".lock"), timeout=LOCK_TIMEOUT_S)
        Path(lock.lock_file).touch()  # says at once why nothing can be written here, where a lock would wait
        lock.acquire()
    try:
        with _told(f"the export to {target} broke off"):
            folder.mkdir()
            yield folder
            _replace(target, folder, format)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        _let_go(lock)


@contextmanager
def _told(what: str) -> Iterator[None]:
    try:
        yield
    except (OSError, NotImplementedError) as error:  # the second of disks that know no locks
        raise ReleaseError(f"{what}: {error}", remedy=PLACE) from error


def _check(target: Path, format: str) -> None:
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


def _restore(target: Path) -> None:
    """Put an earlier export back, where an export was killed after it had made way and before the new one came."""
    for path in _beside(target, "old"):
        if not target.exists() and _marker(path).get("format") == MARKER_FORMAT:
            with _dead(path) as dead:
                if dead:
                    os.replace(path, target)


def _sweep(target: Path) -> None:
    """Delete what killed exports to `target` left."""
    for path in [*_beside(target, "tmp"), *_beside(target, "old"), *_beside(target, "lock")]:
        with _dead(path) as dead:
            if dead and path.suffix != ".lock":
                shutil.rmtree(path)


def _beside(target: Path, suffix: str) -> list[Path]:
    name = re.compile(rf"\.{re.escape(target.name)}\.[0-9a-f]{{32}}\.{suffix}")
    if not target.parent.is_dir():
        return []
    return sorted(
        path
        for path in target.parent.iterdir()
        if name.fullmatch(path.name) and not path.is_symlink() and path.is_dir() == (suffix != "lock")
    )


@contextmanager
def _dead(path: Path) -> Iterator[bool]:
    """Whether the export that `path` is of has ended; its lock is gone afterwards."""
    lock = FileLock(path.with_suffix(".lock"), timeout=0)
    try:
        lock.acquire()
    except Timeout:
        yield False
        return
    try:
        yield True
    finally:
        _let_go(lock)


def _let_go(lock: FileLock) -> None:
    lock.release()
    Path(lock.lock_file).unlink(missing_ok=True)


def _replace(target: Path, folder: Path, format: str) -> None:
    """Put `folder` in the place of `target`, whose earlier export is gone only once the new one is there."""
    _check(target, format)  # somebody may have written there meanwhile
    if not target.exists():
        os.replace(folder, target)
    else:
        old = folder.with_suffix(".old")
        os.replace(target, old)
        os.replace(folder, target)
        shutil.rmtree(old)
    files.sync_folder(target.parent)

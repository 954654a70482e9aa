"""Results by asset and partition: written whole or not at all, and known by the fingerprint of what made them.

A result is a folder of files. It is written under a temporary name, renamed, and becomes the current one when
`current.json` is replaced; a writer killed at any moment leaves the result before it in place, and its leftovers are
swept by the next writer of that partition. `current.json` holds no wall-clock time: the same build, the same bytes.
"""

from __future__ import annotations

import json
import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from filelock import FileLock

from gvlm_resources import schemas
from gvlm_resources.errors import LakeError
from gvlm_resources.lake import files
from gvlm_resources.lake.fingerprint import Recipe, canonical_json
from gvlm_resources.lake.layout import Layout, checked_name

POINTER = "current.json"
VERSION_CHARS = 16


@dataclass(frozen=True)
class Result:
    """A stored result. `files` maps each file's name, with the folders within the result, to its size in bytes."""

    asset: str
    partition: str
    fingerprint: str
    folder: Path
    files: dict[str, int]
    recipe: dict[str, Any]
    facts: dict[str, Any]

    def path(self, name: str) -> Path:
        if name not in self.files:
            raise LakeError(
                f"{self.asset} of {self.partition} holds no {name!r}",
                remedy=f"it holds {', '.join(self.files) or 'no file'}",
            )
        return self.folder / name

    @property
    def total_bytes(self) -> int:
        return sum(self.files.values())

    @property
    def is_whole(self) -> bool:
        """Whether every file is there at its size. Content is not read: that would cost as much as a rebuild."""
        return all(_size(self.folder / name) == size for name, size in self.files.items())


class Draft:
    """A result being written. Nobody else sees it before `Lake.write` ends without an error."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.facts: dict[str, Any] = {}

    def path(self, name: str) -> Path:
        """Where to write the file `name`."""
        return self.folder / checked_name(name)

    def table(self, name: str, table: pa.Table, schema: pa.Schema) -> None:
        """Write `table` as Parquet. Raises LakeError where its columns are not those of `schema`."""
        write_table(self.path(name), table, schema)


class Lake:
    """The results under one root. Cheap to make; safe to use from several processes at once."""

    def __init__(self, root: Path) -> None:
        self.layout = Layout(root)

    @property
    def root(self) -> Path:
        return self.layout.root

    def find(self, asset: str, partition: str) -> Result | None:
        """The current result, or None where there is none or a file of it is missing or cut short."""
        try:
            result = self.pointed_at(asset, partition)
        except FileNotFoundError:
            return None
        return result if result.is_whole else None

    def pointed_at(self, asset: str, partition: str) -> Result:
        """The result that the pointer names, be it whole or not. Raises FileNotFoundError where there is no pointer."""
        home = self.layout.result(asset, partition)
        try:
            pointer = json.loads((home / POINTER).read_text())
        except ValueError as error:
            raise LakeError(
                f"{home / POINTER} is damaged: {error}", remedy="delete that file and build the partition again"
            ) from error
        folder = home / pointer.pop("version")
        return Result(asset=asset, partition=partition, folder=folder, **pointer)

    def get(self, asset: str, partition: str) -> Result:
        """The current result. Raises LakeError, naming the command that builds it, where there is none."""
        result = self.find(asset, partition)
        if result is None:
            raise LakeError(
                f"{asset} of {partition} is not built", remedy=f"run `gvlm build {partition} --select {asset}`"
            )
        return result

    def is_fresh(self, recipe: Recipe, partition: str) -> bool:
        """Whether the current result was made by exactly this recipe."""
        result = self.find(recipe.asset, partition)
        return result is not None and result.fingerprint == recipe.fingerprint()

    def partitions(self, asset: str) -> list[str]:
        """Keys that have a current result, in order."""
        home = self.layout.results() / checked_name(asset)
        if not home.is_dir():
            return []
        return sorted(entry.name for entry in home.iterdir() if (entry / POINTER).is_file())

    @contextmanager
    def lock(self, asset: str, partition: str) -> Iterator[None]:
        """Hold the only right to build that partition: a second builder waits, and then finds it fresh."""
        path = self.layout.lock(asset, partition)
        path.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(path):
            yield

    @contextmanager
    def write(self, recipe: Recipe, partition: str) -> Iterator[Draft]:
        """A draft that becomes the current result when the block ends, and vanishes when the block raises."""
        home = self.layout.result(recipe.asset, partition)
        home.mkdir(parents=True, exist_ok=True)
        self._sweep(home)
        draft = Draft(home / f".draft-{uuid.uuid4().hex}")
        draft.folder.mkdir()
        try:
            yield draft
            self._commit(home, draft, recipe)
        finally:
            shutil.rmtree(draft.folder, ignore_errors=True)
        self._sweep(home)

    def _commit(self, home: Path, draft: Draft, recipe: Recipe) -> None:
        entries = sorted(draft.folder.rglob("*"))
        written = [path for path in entries if path.is_file()]
        for path in written:
            files.sync_file(path)
        for folder in (*(path for path in entries if path.is_dir()), draft.folder):
            files.sync_folder(folder)
        fingerprint = recipe.fingerprint()
        version = fingerprint[:VERSION_CHARS]
        target = home / version
        sizes = {path.relative_to(draft.folder).as_posix(): path.stat().st_size for path in written}
        if target.exists():  # the same recipe again: the stored one was damaged, or the rebuild was asked for
            os.rename(target, home / f".old-{uuid.uuid4().hex}")
        os.rename(draft.folder, target)
        files.sync_folder(home)
        pointer = {
            "version": version,
            "fingerprint": fingerprint,
            "files": sizes,
            "recipe": asdict(recipe),
            "facts": draft.facts,
        }
        files.write_atomic(home / POINTER, (canonical_json(pointer) + "\n").encode())

    def _sweep(self, home: Path) -> None:
        """Remove what a killed writer left and what is no longer current."""
        try:
            keep = {POINTER, json.loads((home / POINTER).read_text())["version"]}
        except (FileNotFoundError, ValueError, KeyError):
            keep = {POINTER}
        for entry in home.iterdir():
            if entry.name in keep:
                continue
            if entry.is_dir():
                shutil.rmtree(entry, ignore_errors=True)
            else:
                entry.unlink(missing_ok=True)


def write_table(path: Path, table: pa.Table, schema: pa.Schema) -> None:
    """Write `table` as Parquet in `schema`. Raises LakeError where names, types or nulls do not fit it."""
    if table.schema.names != schema.names:
        raise LakeError(
            f"{path.name}: columns are {table.schema.names}, expected {schema.names}",
            remedy="this is a defect: please report it",
        )
    try:
        fitting = pa.Table.from_batches(table.cast(schema).to_batches(), schema=schema)
        fitting.validate(full=True)
    except (pa.ArrowInvalid, ValueError) as error:
        raise LakeError(f"{path.name}: {error}", remedy="this is a defect: please report it") from error
    for field in schema:
        if not field.nullable and fitting.column(field.name).null_count:
            raise LakeError(
                f"{path.name}: column {field.name} holds nulls", remedy="this is a defect: please report it"
            )
    pq.write_table(fitting, path, compression="zstd", write_statistics=True)


def read_table(result: Result, name: str, *, columns: list[str] | None = None) -> pa.Table:
    """A stored table. Raises LakeError where it was written under another version of its schema."""
    table = pq.read_table(result.path(name), columns=columns, memory_map=True)
    found = (table.schema.metadata or {}).get(b"gvlm.schema_version", b"").decode()
    if found != schemas.VERSION:
        raise LakeError(
            f"{name} of {result.partition} has schema version {found or 'none'}, this program reads {schemas.VERSION}",
            remedy=f"run `gvlm build {result.partition} --select {result.asset}`",
        )
    return table


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return -1

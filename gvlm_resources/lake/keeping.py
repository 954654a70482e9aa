"""Results that are kept as they are, whatever is built after them: a small lake within another's result.

A stored file is never written again, only replaced, so a second name for it keeps what it holds: a hard link, which
takes no room while the first name is there too. Where the file system has no links the file is copied.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path

from gvlm_resources.errors import LakeError
from gvlm_resources.lake.store import POINTER, Lake


class Keeper:
    """Puts results of one lake into another, and counts how: `linked` and `copied` are files."""

    def __init__(self, lake: Lake, into: Lake) -> None:
        self.lake, self.into = lake, into
        self.linked = self.copied = 0

    def results(self, assets: Iterable[str], partition: str) -> None:
        """The current results of these assets, as far as there are any.

        Raises LakeError where one is built anew meanwhile.
        """
        for asset in assets:
            if self.lake.find(asset, partition) is not None:
                try:
                    self._result(asset, partition)
                except FileNotFoundError as error:
                    raise LakeError(
                        f"{asset} of {partition} is being built anew",
                        remedy="do this again when that build has ended",
                    ) from error

    def folder(self, path: Path) -> None:
        """A folder of the lake with everything in it, where it is there."""
        for parent, _, names in os.walk(path):
            for name in names:
                self._file(Path(parent, name))

    def _result(self, asset: str, partition: str) -> None:
        self._file(self.lake.layout.result(asset, partition) / POINTER)
        kept = self.into.pointed_at(asset, partition)
        for name in kept.files:
            self._file(self.lake.layout.result(asset, partition) / kept.folder.name / name)

    def _file(self, path: Path) -> None:
        target = self.into.root / path.relative_to(self.lake.root)
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            os.link(path, target)
            self.linked += 1
        except FileNotFoundError:
            raise
        except OSError:  # no links here, or no more of this file
            shutil.copyfile(path, target)
            self.copied += 1


def made_of(lake: Lake, asset: str, partition: str) -> dict[str, str]:
    """The fingerprint of every asset that a stored result was made of, at whatever remove.

    What lies below one that was built anew since is not known: it stands here itself.
    """
    expected: dict[str, str] = {}
    ahead = [lake.get(asset, partition)]
    while ahead:
        for name, fingerprint in ahead.pop().recipe["upstream"].items():
            if name not in expected:
                expected[name] = fingerprint
                below = lake.find(name, partition)
                if below is not None and below.fingerprint == fingerprint:
                    ahead.append(below)
    return expected


def others(lake: Lake, partition: str, expected: Mapping[str, str]) -> list[str]:
    """The assets of which the lake has no result, or another than the expected one."""
    found = {name: lake.find(name, partition) for name in expected}
    return sorted(name for name, one in found.items() if one is None or one.fingerprint != expected[name])

"""Files of JSON lines that are written as rows come, and are not there where none came."""

from __future__ import annotations

import json
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self


class Lines:
    """One file. Every line ends with a line feed on every system; letters stand as they are, in UTF-8."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: IO[str] | None = None
        self.count = 0

    def add(self, row: dict[str, Any]) -> None:
        if self._file is None:
            self._file = self._path.open("w", encoding="utf-8", newline="\n")
        self._file.write(json_text(row) + "\n")
        self.count += 1

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._file is not None:
            self._file.close()


def json_text(row: Any) -> str:
    return json.dumps(row, ensure_ascii=False, allow_nan=False)

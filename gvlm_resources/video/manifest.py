"""Manifests: a CSV file that lists videos with what is known of them.

    source,game,title,licence
    runs/e1m1.mp4,freedoom,First level,CC-BY-4.0
    https://example.org/clip.webm,,,

`source` is a path relative to the manifest, an absolute path, or an http(s) URL; the other columns may be left out or
empty. Commas, semicolons and tabs all serve as delimiters, as spreadsheets write them in different countries.
"""

from __future__ import annotations

import codecs
import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from gvlm_resources import game as games
from gvlm_resources.errors import SourceError

COLUMNS = ("source", "game", "title", "licence")
_SPELLINGS = {"license": "licence"}
_DELIMITERS = ",;\t"
_MAX_BYTES = 64 * 1024 * 1024


@dataclass(frozen=True)
class Row:
    line: int  # 1-based, where the row starts
    source: str
    game: str | None = None
    title: str | None = None
    licence: str | None = None


@dataclass(frozen=True)
class Problem:
    line: int
    reason: str


@dataclass(frozen=True)
class Manifest:
    rows: tuple[Row, ...]
    problems: tuple[Problem, ...]  # rows that cannot be used, and columns that are not known


def read(path: Path) -> Manifest:
    """Every row of the manifest, or why it is none. Raises SourceError `unsupported` for a file that is no manifest."""
    lines = list(io.StringIO(_text(path), newline=""))
    delimiter, names = _header(lines[0].rstrip("\r\n") if lines else "", path)
    rows: list[Row] = []
    problems = [Problem(1, f"column {name!r} is not known and not used") for name in names if name not in COLUMNS]
    for line, cells in _records(lines, delimiter):
        result = cells if isinstance(cells, Problem) else _row(line, names, cells)
        if isinstance(result, Row):
            rows.append(result)
        elif result is not None:
            problems.append(result)
    return Manifest(tuple(rows), tuple(problems))


def _text(path: Path) -> str:
    if path.stat().st_size > _MAX_BYTES:
        raise _no_manifest(path, "is larger than 64 MiB")
    data = path.read_bytes()
    utf16 = data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    try:
        return data.decode("utf-16" if utf16 else "utf-8-sig")
    except UnicodeDecodeError as error:
        raise _no_manifest(path, f"is not UTF-8 (byte {error.start})", "save it as `CSV UTF-8`") from error


def _header(line: str, path: Path) -> tuple[str, list[str]]:
    """The delimiter, and the names of the columns in lower case."""
    for delimiter in _DELIMITERS:
        cells = next(csv.reader([line], delimiter=delimiter), [])
        names = [_SPELLINGS.get(cell.strip().lower(), cell.strip().lower()) for cell in cells]
        if "source" in names:
            twice = {name for name in names if name in COLUMNS and names.count(name) > 1}
            if twice:
                raise _no_manifest(path, f"has two columns named {', '.join(sorted(twice))}")
            return delimiter, names
    raise _no_manifest(path, f"has no column `source` in its first line {line[:80]!r}")


def _records(lines: Sequence[str], delimiter: str) -> Iterator[tuple[int, list[str] | Problem]]:
    """Line and cells of each record after the header. A quoted cell may run over several lines.

    After a record that is no CSV, such as one whose quotes never close, reading goes on at the very next line.
    """
    start = 1
    while start < len(lines):
        reader = csv.reader((lines[i] for i in range(start, len(lines))), delimiter=delimiter, strict=True)
        try:
            cells = next(reader)
        except csv.Error as error:
            yield start + 1, Problem(start + 1, f"not CSV: {error}")
            start += 1
        else:
            yield start + 1, [cell.strip() for cell in cells]
            start += reader.line_num


def _row(line: int, names: Sequence[str], cells: Sequence[str]) -> Row | Problem | None:
    """The row, why it cannot be used, or None where the line is blank."""
    if not any(cells):
        return None
    if len(cells) > len(names):
        return Problem(
            line, f"{len(cells)} cells under {len(names)} columns: put cells that hold the delimiter in quotes"
        )
    values = {name: cell for name, cell in zip(names, cells, strict=False) if name in COLUMNS and cell}
    if "source" not in values:
        return Problem(line, "no source")
    if "game" in values and values["game"] not in games.names():
        return Problem(line, f"there is no game {values['game']!r}: choose one of {', '.join(games.names())}")
    return Row(line, **values)


def _no_manifest(
    path: Path, what: str, remedy: str = "begin with a line such as `source,game,title,licence`"
) -> SourceError:
    return SourceError("unsupported", f"{path} {what}", remedy=remedy)

"""Pairs as a file that a spreadsheet opens, and the decisions written into it.

CSV in UTF-8 with a byte order mark. A cell that a spreadsheet would take for a formula has an apostrophe before it,
which is taken off again on reading: a text read off a video computes nothing on a reviewer's machine.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from gvlm_resources.dataset.releases.release_files import Release
from gvlm_resources.dataset.releases.release_spec import Decision
from gvlm_resources.dataset.review import review
from gvlm_resources.dataset.review.review import Reviewable, ReviewError, Verdict
from gvlm_resources.errors import GvlmError
from gvlm_resources.lake import files
from gvlm_resources.lake.layout import Layout

COLUMNS = (
    *("pair_id", "video", "time", "kind", "split", "question", "answer", "evidence"),
    *("decision", "new_question", "new_answer", "note"),
)
NEEDED = ("pair_id", "decision")
UNDECIDED = "undecided"

_FORMULA = re.compile(r"'*[=+\-@\t\r\n＝＋－＠]")
_GUARDED = re.compile(r"'+[=+\-@\t\r\n＝＋－＠]")


@dataclass(frozen=True, slots=True)
class RowError:
    """A row that changed nothing, and why. `line` is that of the file, its head being line 1."""

    line: int
    pair_id: str
    message: str


@dataclass
class Applied:
    """What reading a file did. `unchanged` rows say what was decided already, or nothing."""

    accepted: int = 0
    fixed: int = 0
    rejected: int = 0
    withdrawn: int = 0
    unchanged: int = 0
    errors: list[RowError] = field(default_factory=list)

    @property
    def applied(self) -> int:
        """Rows that changed what is kept."""
        return self.accepted + self.fixed + self.rejected + self.withdrawn

    @property
    def problems(self) -> list[str]:
        """The rows that changed nothing, in words."""
        return [f"line {error.line}, {error.pair_id or 'no pair id'}: {error.message}" for error in self.errors]


def write_file(
    release: Release,
    target: Path,
    decisions: Sequence[Decision],
    *,
    evidence: Callable[[Reviewable], str] | None = None,
) -> int:
    """Write every pair with what was decided so far; how many there are. `evidence` says in words what shows a pair."""
    decided = {found.pair_id: found for found in decisions}
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(COLUMNS)
    found = review.reviewable(release)
    for pair in found:
        row = _row(pair, decided.get(pair.pair_id), evidence(pair) if evidence else "")
        writer.writerow([guarded(row[name]) for name in COLUMNS])
    files.write_atomic(target, text.getvalue().encode("utf-8-sig"))
    return len(found)


def _row(pair: Reviewable, decision: Decision | None, evidence: str) -> dict[str, str]:
    return {
        "pair_id": pair.pair_id,
        "video": pair.video_id,
        "time": pair.span.label(),
        "kind": pair.kind,
        "split": pair.split,
        "question": pair.question,
        "answer": pair.answer,
        "evidence": evidence,
        "decision": decision.decision if decision else "",
        "new_question": decision.question if decision else "",
        "new_answer": decision.answer if decision else "",
        "note": decision.note if decision else "",
    }


def read_file(source: Path, release: Release, layout: Layout, *, reviewer: str = "") -> Applied:
    """Keep the decisions in a file. Each row is kept whole or not at all; what is wrong with the others is told.

    Raises ReviewError where the file is no such file.
    """
    pairs = {pair.pair_id: pair for pair in review.reviewable(release)}
    applied = Applied()
    seen: set[str] = set()
    for line, row in list(_rows(source)):  # a file that cannot be read to its end changes nothing
        pair_id = row["pair_id"].strip()
        try:
            if pair_id in seen:
                raise ReviewError("the pair stands in the file twice", remedy="delete one of the rows")
            seen.add(pair_id)
            if pair_id not in pairs:
                raise ReviewError("the release has no such pair", remedy="write the file anew from this release")
            outcome = _apply(layout, pairs[pair_id], row, reviewer)
        except GvlmError as error:
            applied.errors.append(RowError(line, pair_id[:40], str(error)))
            continue
        setattr(applied, outcome, getattr(applied, outcome) + 1)
    return applied


def _apply(layout: Layout, pair: Reviewable, row: Mapping[str, str], reviewer: str) -> str:
    """Keep one row's decision; the name of the count that it belongs to."""
    decision = row["decision"].strip().lower()
    words = {name: row.get(f"new_{name}", "").strip() for name in ("question", "answer")}
    note = row.get("note", "").strip()
    before = review.review(layout, pair.pair_id)
    if decision == UNDECIDED:
        after = review.withdraw(layout, pair.pair_id, reviewer=reviewer)
        return "unchanged" if after == before else "withdrawn"
    if not decision:
        if any(words.values()) or note:
            raise ReviewError("there are new words or a note, and no decision", remedy="write fixed, or take them out")
        return "unchanged"
    if decision != "fixed" and any(words.values()):
        raise ReviewError(f"the pair is {decision[:40]} and has new words", remedy="write fixed, or take them out")
    if before is not None and _same(before.now, Verdict(decision, words["question"], words["answer"], note)):
        return "unchanged"
    review.decide(layout, pair, decision, **words, note=note, reviewer=reviewer)
    return decision


def _same(now: Verdict, told: Verdict) -> bool:
    """Whether a row says what is kept; who said it does not matter."""
    return (now.decision, now.question, now.answer, now.note) == (told.decision, told.question, told.answer, told.note)


def _rows(source: Path) -> Iterator[tuple[int, dict[str, str]]]:
    """Each row by column, with the line that it begins on. Blank rows are passed over."""
    try:
        text = source.read_bytes().decode("utf-8-sig")
    except FileNotFoundError as error:
        raise ReviewError(f"{source} is not there", remedy="write one first: `gvlm review RELEASE`") from error
    except UnicodeDecodeError as error:
        raise ReviewError(f"{source.name} is not in UTF-8", remedy="save it as “CSV UTF-8”") from error
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=_delimiter(text))
    line = 1
    try:
        head = [name.strip().lower() for name in next(reader, [])]
        missing = [name for name in NEEDED if name not in head]
        if missing:
            raise ReviewError(
                f"{source.name} has no column {missing[0]}", remedy="keep the first row as it was written"
            )
        for cells in reader:
            start, line = line + 1, reader.line_num
            if any(cell.strip() for cell in cells):
                padded = [*cells, *[""] * (len(head) - len(cells))]
                yield start, {name: unguarded(cell) for name, cell in zip(head, padded, strict=False)}
    except csv.Error as error:
        raise ReviewError(f"{source.name}, line {reader.line_num}: {error}", remedy="save it as CSV again") from error


def _delimiter(text: str) -> str:
    """What a spreadsheet put between cells: in many countries a semicolon."""
    head = text.partition("\n")[0]
    return max(",;\t", key=head.count)


def guarded(cell: str) -> str:
    """A cell that a spreadsheet shows as text, whatever it begins with."""
    return f"'{cell}" if _FORMULA.match(cell) else cell


def unguarded(cell: str) -> str:
    """What `guarded` was given. A text that a person typed with an apostrophe before it stays as it is."""
    return cell[1:] if _GUARDED.match(cell) else cell

"""Pairs as a file that a spreadsheet opens, and the decisions written into it.

CSV in UTF-8 with a byte order mark. A cell that a spreadsheet would take for a formula has an apostrophe before it,
which is taken off again on reading: a text read off a video computes nothing on a reviewer's machine.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from gvlm_resources.dataset.releases.release_files import Release
from gvlm_resources.dataset.releases.release_spec import Decision
from gvlm_resources.dataset.review import review
from gvlm_resources.dataset.review.review import UNDECIDED, Reviewable, ReviewError, Verdict
from gvlm_resources.errors import GvlmError
from gvlm_resources.lake import files
from gvlm_resources.lake.layout import Layout

COLUMNS = (
    *("pair_id", "video", "time", "kind", "split", "question", "answer", "evidence"),
    *("decision", "new_question", "new_answer", "note"),
)
NEEDED = ("pair_id", "decision")

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
    """Write every pair with what was decided so far; how many there are. `evidence` says in words what shows a pair.

    Raises ReviewError where `target` is there and holds decisions or words that are not in `decisions`, or is no
    review file: nobody's work is written over.
    """
    decided = {found.pair_id: found for found in decisions}
    found = review.reviewable(release)
    _check_target(target, {pair.pair_id: pair for pair in found}, decided)
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(COLUMNS)
    for pair in found:
        row = _row(pair, decided.get(pair.pair_id), evidence(pair) if evidence else "")
        writer.writerow([guarded(row[name]) for name in COLUMNS])
    files.write_atomic(target, text.getvalue().encode("utf-8-sig"))
    return len(found)


def _check_target(target: Path, pairs: Mapping[str, Reviewable], decided: Mapping[str, Decision]) -> None:
    if target.is_dir():
        raise ReviewError(f"{target} is a folder", remedy="name a file in it")
    if not target.exists() or not target.stat().st_size:
        return
    try:
        rows = list(_rows(target))
    except ReviewError as error:
        cause = f"{target} is there already, and no review file: {error.cause}"
        raise ReviewError(cause, remedy="name another file, or delete it") from error
    open_lines = [line for line, row in rows if _is_open(row, pairs.get(row["pair_id"].strip()), decided)]
    if open_lines:
        rest = f" and {len(open_lines) - 1} more" if len(open_lines) > 1 else ""
        raise ReviewError(
            f"{target} holds what is not kept yet: line {open_lines[0]}{rest}",
            remedy=f"apply it first, `gvlm review RELEASE --apply {target}`, or name another file",
        )


def _is_open(row: Mapping[str, str], pair: Reviewable | None, decided: Mapping[str, Decision]) -> bool:
    """Whether somebody wrote into a row what is not kept."""
    told = _told(row)
    if not any((told.decision, told.question, told.answer, told.note)):
        return False
    kept = decided.get(row["pair_id"].strip())
    now = Verdict(kept.decision, kept.question, kept.answer, kept.note) if kept else Verdict("")
    if told.decision == UNDECIDED:
        return kept is not None
    if pair is None:
        return told != now
    try:
        return _as_kept(pair, told) != now
    except ReviewError:  # it could not be taken as it stands: somebody has to look at it
        return True


def _told(row: Mapping[str, str]) -> Verdict:
    """What a row says, as it stands."""
    words = {name: row.get(f"new_{name}", "").strip() for name in ("question", "answer")}
    return Verdict(row.get("decision", "").strip().lower(), **words, note=row.get("note", "").strip())


def _as_kept(pair: Reviewable, told: Verdict) -> Verdict:
    """What would be kept of a row. Raises ReviewError where nothing would be.

    New words that go with no decision, or with another than `fixed`, could mean two things.
    """
    has_words = bool(told.question or told.answer)
    if not told.decision:
        raise ReviewError("there are new words or a note, and no decision", remedy="write fixed, or take them out")
    if told.decision != "fixed" and has_words:
        raise ReviewError(f"the pair is {told.decision[:40]} and has new words", remedy="write fixed, or take them out")
    return review.verdict(pair, told.decision, question=told.question, answer=told.answer, note=told.note)


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
    told = _told(row)
    before = review.review(layout, pair.pair_id)
    if told.decision == UNDECIDED:
        after = review.withdraw(layout, pair.pair_id, reviewer=reviewer)
        return "unchanged" if after == before else "withdrawn"
    if told == Verdict(""):
        return "unchanged"
    new = _as_kept(pair, told)
    if before is not None and replace(before.now, reviewer="") == new:  # who said it does not matter
        return "unchanged"
    review.decide(
        layout, pair, told.decision, question=told.question, answer=told.answer, note=told.note, reviewer=reviewer
    )
    return told.decision


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

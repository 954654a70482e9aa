"""What reading every line of a release shows: whether it is valid, and whether all that it names is there.

The lines are read one video at a time, where the index says they stand.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field

import polars as pl

from gvlm_resources.dataset.cards.audit_finding import FEW, AuditFinding, Known, counted
from gvlm_resources.dataset.cards.line_facts import LineFacts
from gvlm_resources.dataset.examples import validate
from gvlm_resources.dataset.examples.example import Example, from_json
from gvlm_resources.dataset.releases.release_files import LINES, Release

HOLDS = "holds"  # in the details of `schema`: what the valid lines hold, see `line_facts`


@dataclass
class Lines:
    """What reading every line once has shown."""

    count: int = 0
    bytes: int = 0
    references: int = 0
    invalid: Counter[str] = field(default_factory=Counter)
    broken: Counter[str] = field(default_factory=Counter)
    examples: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    looked_up: int = 0
    lines_broken: int = 0
    facts: LineFacts = field(default_factory=LineFacts)

    def read(self, release: Release, rows: pl.DataFrame, known: Known) -> None:
        """The lines of one video, which stand where the index says."""
        with ExitStack() as stack:
            opened = {
                split: stack.enter_context((release.folder / LINES[split]).open("rb"))
                for split in rows["split"].unique().to_list()
            }
            wanted = rows.select("split", "offset", "bytes", "example_id").sort("split", "offset")
            for split, offset, size, example_id in wanted.iter_rows():
                opened[split].seek(offset)
                self._line(opened[split].read(size), split, example_id, known)

    def _line(self, raw: bytes, split: str, example_id: str, known: Known) -> None:
        where = f"{split} {example_id}"
        self.count, self.bytes = self.count + 1, self.bytes + len(raw)
        try:
            line = json.loads(raw)
            errors = validate.errors(line)
            example = None if errors else from_json(line)
        except (ValueError, KeyError, TypeError) as error:
            errors, example = [f"cannot be read: {error}"], None
        if example is None:
            self._note(self.invalid, "invalid", where, errors[:1])
            return
        if example.example_id != example_id or not raw.endswith(b"\n"):
            self._note(self.invalid, "invalid", where, ["does not stand where the index says"])
        missing = list(broken(example, known))
        self.looked_up += 1
        self.facts.add(example, split)
        self.references += _references(example)
        self.lines_broken += bool(missing)
        for what, which in missing:
            self._note(self.broken, "broken", where, [f"{what}: {which}"], key=what)

    def _note(self, counter: Counter[str], kind: str, where: str, errors: Iterable[str], key: str = "lines") -> None:
        for error in errors:
            counter[key] += 1
            if len(self.examples[kind]) < FEW:
                self.examples[kind].append(f"{where}: {error}"[:300])

    def schema(self, release: Release) -> AuditFinding:
        """Whether every line is valid by the format, stands where the index says, and is in the index."""
        sizes = sum((release.folder / name).stat().st_size for name in LINES.values())
        unlisted = sizes - self.bytes
        wrong = sum(self.invalid.values())
        complaints = [f"{wrong:,} of {self.count:,} lines are not valid"] if wrong else []
        complaints += [f"{unlisted:,} bytes of the files are in no line of the index"] if unlisted else []
        details = {
            "lines": self.count,
            "invalid": wrong,
            "bytes_unlisted": unlisted,
            "examples": self.examples["invalid"],
            HOLDS: self.facts.as_json(),
        }
        summary = "; ".join(complaints) or f"all {self.count:,} lines are valid and where the index says"
        return AuditFinding("schema", not complaints, "error", summary, details)

    def broken_references(self) -> AuditFinding:
        total = sum(self.broken.values())
        what = ", ".join(counted(n, word) for word, n in sorted(self.broken.items()))
        summary = (
            f"{total:,} of {self.references:,} references in {self.lines_broken:,} lines lead nowhere: {what}"
            if total
            else f"all {self.references:,} references of {self.looked_up:,} valid lines lead to a row that is there"
        )
        details = {"references": self.references, "broken": dict(sorted(self.broken.items())), "lines": self.looked_up}
        return AuditFinding(
            "broken_references", not total, "error", summary, {**details, "examples": self.examples["broken"]}
        )


def broken(example: Example, known: Known) -> Iterator[tuple[str, str]]:
    """What an example names that is not there: the kind of reference, and which."""
    yield from (("frame", frame) for frame in example.frames if frame not in known.frames)
    yield from (("frame of a box", frame) for frame in example.box_frames if frame not in known.frames)
    yield from (("evidence", row) for row in example.evidence if row not in known.evidence)
    made = example.provenance.get("fingerprints", {})
    for one in example.embeddings:
        build = f"{one.table}@{made[one.table]}" if one.table in made else one.table
        if build not in known.rows and made:
            yield "embedding of another build", f"{one.table} {one.row_id}"
        elif one.row_id not in known.rows.get(build, ()):
            yield "embedding", f"{one.table} {one.row_id}"


def _references(example: Example) -> int:
    return len(example.frames) + len(example.box_frames) + len(example.evidence) + len(example.embeddings)

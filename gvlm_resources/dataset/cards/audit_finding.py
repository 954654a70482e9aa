"""What a check of a release says (pure)."""

from __future__ import annotations

from collections.abc import Mapping, Set
from dataclasses import dataclass, field
from typing import Any, Literal

FEW = 5  # examples that a finding names

Severity = Literal["error", "warning"]


@dataclass(frozen=True, slots=True)
class Known:
    """What a video's tables hold: its frames, the ids of each table of vectors, and all ids that may be evidence.

    `rows` has the ids of the build `fingerprint` of a table under `TABLE@FINGERPRINT`: a token leads to the vector that
    it was made with, or nowhere. A line that does not say which build it means looks under `TABLE`.
    """

    frames: Set[str]
    rows: Mapping[str, Set[str]]
    evidence: Set[str]


@dataclass(frozen=True, slots=True)
class AuditFinding:
    """One check. `severity` is what it means where it did not pass; `details` are figures that fit into JSON."""

    check: str
    passed: bool
    severity: Severity
    summary: str
    details: Mapping[str, Any] = field(default_factory=dict)


def share(part: int, whole: int) -> float:
    """To four digits: findings are read by people."""
    return round(part / whole, 4) if whole else 0.0


def counted(count: int, word: str) -> str:
    """`1 video`, `2,000 videos`."""
    return f"{count:,} {word}" if count == 1 else f"{count:,} {word}s"

"""The HUD's numbers as they were read, against what the game knows they were (pure)."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow as pa

from gvlm_resources import schemas


@dataclass(frozen=True, slots=True)
class Shown:
    """What a variable's place on the screen showed at a moment: a number, or None where it showed nothing."""

    pts_ns: int
    value: float | None


@dataclass(frozen=True, slots=True)
class Agreement:
    """Moments at which a number stood on the screen, by what was made of it, and moments at which none did.

    `invented` counts values where nothing was shown; they are no part of `shown`.
    """

    variable: str
    right: int
    wrong: int
    missing: int
    invented: int

    @property
    def shown(self) -> int:
        return self.right + self.wrong + self.missing

    @property
    def exactness(self) -> float | None:
        """Share of the moments with a number at which exactly that number was read; None where there are none."""
        return self.right / self.shown if self.shown else None

    def __add__(self, other: Agreement) -> Agreement:
        """Of the same variable in another recording, or of another variable for the sum over all."""
        name = self.variable if self.variable == other.variable else "all"
        return Agreement(
            name,
            right=self.right + other.right,
            wrong=self.wrong + other.wrong,
            missing=self.missing + other.missing,
            invented=self.invented + other.invented,
        )


def agreement(state: pa.Table, variable: str, truth: Sequence[Shown]) -> Agreement:
    """How the `ok` spans of a variable in `schemas.GAME_STATE` agree with the truth at each of its moments."""
    columns = state.select(["variable", "status", "start_ns", "end_ns", "value"]).to_pylist()
    spans = sorted(
        (row["start_ns"], row["end_ns"], row["value"])
        for row in columns
        if row["variable"] == variable and row["status"] == schemas.STATUS_OK
    )
    counts = {"right": 0, "wrong": 0, "missing": 0, "invented": 0}
    for shown in truth:
        read = _value_at(spans, shown.pts_ns)
        if shown.value is None:
            counts["invented"] += read is not None
        else:
            counts["missing" if read is None else "right" if read == shown.value else "wrong"] += 1
    return Agreement(variable, **counts)


def _value_at(spans: Sequence[tuple[int, int, float]], ns: int) -> float | None:
    index = bisect_right(spans, ns, key=lambda span: span[0]) - 1
    return spans[index][2] if index >= 0 and spans[index][1] > ns else None

"""From readings of the HUD's numbers to typed series (pure).

A reading is one text of a `number` region and the span in which it stood there. The game's rules say what it may be;
what remains is checked against its neighbours, because a misread digit shows as a jump that comes back. Rejected
readings stay in the table as `filtered` rows with the rule as reason; nothing is ever filled in except that a value
seen on both sides of a short gap is taken to have stood there all the time.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import pyarrow as pa

from gvlm_resources import schemas, timebase
from gvlm_resources.game import Game, VariableRule

FRAME_NS = 40_000_000  # a value that is gone again after one frame at 35 Hz was misread
FLICKER_NS = 120_000_000  # as was one that is gone after four and was read with less confidence than
SURE = 0.9
DIGIT_NS = 3_000_000_000  # the same for a value that is the one around it with digits lost or added
BRIDGE_NS = 2_000_000_000  # longest gap between two equal values that one span closes

_NUMBER = re.compile(r"\d{1,9}")


@dataclass(frozen=True, slots=True)
class Reading:
    """One text of a number region. `value` is None where the text is no number, `reason` says why it was rejected."""

    value: float | None
    text: str
    start_ns: int
    end_ns: int
    confidence: float
    ocr_id: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Held:
    """A value and the span in which a variable held it."""

    value: float
    start_ns: int
    end_ns: int
    confidence: float
    evidence: tuple[str, ...]


def series(ocr: pa.Table, game: Game, *, video_id: str) -> pa.Table:
    """`schemas.OCR_TEXT` and the game's variables -> `schemas.GAME_STATE`, ordered by start, then variable.

    Only rows of status `ok` are read. The `ok` spans of one variable never overlap.
    """
    columns = ["region", "category", "text", "start_ns", "end_ns", "confidence", "ocr_id", "status"]
    by_region: dict[str, list[dict]] = {}
    for row in ocr.select(columns).to_pylist():
        if row["status"] == schemas.STATUS_OK and row["category"] == "number":
            by_region.setdefault(row["region"], []).append(row)
    rows: list[dict] = []
    for rule in game.variables:
        readings = judged(_readings(by_region.get(rule.region, []), rule), rule)
        rows += [_held_row(held, rule.name, video_id) for held in held_values(readings)]
        rows += [_rejected_row(reading, rule.name, video_id) for reading in readings if reading.reason]
    rows.sort(key=lambda row: (row["start_ns"], row["variable"], row["status"]))
    return pa.Table.from_pylist(rows, schema=schemas.GAME_STATE)


def number_of(text: str) -> float | None:
    """The whole number that a text is: `86`, `86%` and `8 6` are 86, `B6` and the empty text are none."""
    plain = text.strip().rstrip("%").replace(" ", "")
    return float(plain) if _NUMBER.fullmatch(plain) else None


def judged(readings: Sequence[Reading], rule: VariableRule) -> list[Reading]:
    """The readings in the order of time, each with the reason for which it is rejected, if any."""
    ordered = [_within_rule(reading, rule) for reading in _without_overlap(readings)]
    for find in (_flicker, _lost_digits, _blended):
        good = [index for index, reading in enumerate(ordered) if not reading.reason]
        for place in range(1, len(good) - 1):
            before, at, after = (ordered[good[place + step]] for step in (-1, 0, 1))
            if not before.reason:  # it may have been rejected in this very pass
                ordered[good[place]] = replace(at, reason=find(before, at, after, rule))
    return ordered


def held_values(readings: Sequence[Reading]) -> list[Held]:
    """Accepted readings, those of one value joined over gaps of at most BRIDGE_NS."""
    held: list[Held] = []
    for reading in readings:
        if reading.reason or reading.value is None:
            continue
        last = held[-1] if held else None
        if last and last.value == reading.value and reading.start_ns - last.end_ns <= BRIDGE_NS:
            held[-1] = _joined(last, reading)
        else:
            span = (reading.start_ns, reading.end_ns)
            held.append(Held(reading.value, *span, reading.confidence, (reading.ocr_id,)))
    return held


def _joined(held: Held, reading: Reading) -> Held:
    """Confidence is the mean over time; the gap, if any, weighs nothing."""
    old, new = held.end_ns - held.start_ns, reading.end_ns - reading.start_ns
    confidence = (held.confidence * old + reading.confidence * new) / (old + new)
    return replace(held, end_ns=reading.end_ns, confidence=confidence, evidence=(*held.evidence, reading.ocr_id))


def _readings(rows: Sequence[dict], rule: VariableRule) -> list[Reading]:
    fields = ("text", "start_ns", "end_ns", "confidence", "ocr_id")
    return [Reading(number_of(row["text"]), **{name: row[name] for name in fields}) for row in rows]


def _without_overlap(readings: Sequence[Reading]) -> list[Reading]:
    ordered = sorted(readings, key=lambda reading: (reading.start_ns, reading.end_ns))
    cut = [replace(a, end_ns=min(a.end_ns, b.start_ns)) for a, b in pairwise(ordered)] + ordered[-1:]
    return [reading for reading in cut if reading.end_ns > reading.start_ns]


def _within_rule(reading: Reading, rule: VariableRule) -> Reading:
    if reading.value is None:
        return replace(reading, reason=f"no whole number: {reading.text!r}")
    if not rule.minimum <= reading.value <= rule.maximum:
        return replace(reading, reason=f"outside {rule.minimum:g}..{rule.maximum:g} of {rule.name}")
    return reading


def _flicker(before: Reading, at: Reading, after: Reading, rule: VariableRule) -> str:
    lasted = after.start_ns - at.start_ns
    limit = FRAME_NS if at.confidence >= SURE else FLICKER_NS
    if before.value == after.value != at.value and lasted <= limit:
        return f"{before.value:g} was back after {lasted // 1_000_000} ms"
    return ""


def _lost_digits(before: Reading, at: Reading, after: Reading, rule: VariableRule) -> str:
    """100 -> 10 -> 100: the same number with digits lost or added, and then as before."""
    if before.value != after.value or at.value == before.value or after.start_ns - at.start_ns > DIGIT_NS:
        return ""
    if at.value == 0 and rule.on_zero:
        return ""  # 100 -> 0 -> 100 is also how a life ends and the next begins
    if before.value == 0 and rule.on_zero and at.confidence >= SURE:
        return ""  # and 0 -> 100 -> 0 is a short life
    short, long = sorted((f"{at.value:.0f}", f"{before.value:.0f}"), key=len)
    return f"{before.value:g} with a digit lost or added" if len(short) < len(long) and _is_part(short, long) else ""


def _blended(before: Reading, at: Reading, after: Reading, rule: VariableRule) -> str:
    """52 -> 57 -> 37 with 57 for one frame: a picture coded between two numbers shows digits of both.

    Only where the number would turn round within that frame: two falls in neighbouring frames are two hits.
    """
    if after.start_ns - at.start_ns > FRAME_NS or None in (before.value, at.value, after.value):
        return ""
    if min(before.value, after.value) <= at.value <= max(before.value, after.value):
        return ""
    old, now, new = (f"{reading.value:4.0f}" for reading in (before, at, after))
    mixed = all(digit in (was, will) for was, digit, will in zip(old, now, new, strict=False))
    return f"digits of {before.value:g} and of {after.value:g} for one frame" if mixed else ""


def _is_part(short: str, long: str) -> bool:
    """Whether `long` becomes `short` when characters are taken out."""
    rest = iter(long)
    return all(character in rest for character in short)


def _held_row(held: Held, variable: str, video_id: str) -> dict:
    return {
        "video_id": video_id,
        "state_id": f"{timebase.moment_id('g', held.start_ns)}-{variable}",
        "variable": variable,
        "value": held.value,
        "start_ns": held.start_ns,
        "end_ns": held.end_ns,
        "confidence": held.confidence,
        "evidence": list(held.evidence),
        "status": schemas.STATUS_OK,
        "reason": "",
    }


def _rejected_row(reading: Reading, variable: str, video_id: str) -> dict:
    held = Held(reading.value or 0.0, reading.start_ns, reading.end_ns, reading.confidence, (reading.ocr_id,))
    return _held_row(held, variable, video_id) | {
        "value": reading.value,
        "status": schemas.STATUS_FILTERED,
        "reason": reading.reason,
    }

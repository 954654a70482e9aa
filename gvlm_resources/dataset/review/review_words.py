"""What a pair claims and rests on, in words for a reviewer (pure)."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gvlm_resources.dataset.facts import Event, Facts, Frame, Held, Sight, Sound, Text, Utterance
from gvlm_resources.dataset.pairs import Claim
from gvlm_resources.timebase import NS_PER_S, format_clock

_FRAME_ID = re.compile(r"f(\d{12,})", re.ASCII)


@dataclass(frozen=True, slots=True)
class Told:
    """One row of the evidence. `is_there` is False where the video has no such row."""

    row_id: str
    clock: str
    text: str
    start_ns: int = 0
    is_there: bool = True


def claims(stated: Iterable[Mapping[str, Any]]) -> list[str]:
    """One sentence for each claim of an example's provenance."""
    return [claim_words(Claim(**claim)) for claim in stated]


def claim_words(claim: Claim) -> str:
    when = claim.span.label()
    name = f"{claim.kind} ({claim.subject})" if claim.kind and claim.subject else claim.kind or claim.subject
    value = "" if claim.value is None else f"{claim.value:g}"
    match claim.what:
        case "count":
            return f"{when}: {value} × {name} on the timeline"
        case "sum":
            return f"{when}: the amounts of {name} add up to {value}"
        case "moment":
            return f"{when}: {name} starts"
        case "value":
            return f"{when}: {claim.subject} is {value} all the time"
        case "lowest" | "highest":
            return f"{when}: the {claim.what} value of {claim.subject} is {value}"
        case "order":
            other = f"{claim.other_kind} ({claim.other_subject})" if claim.other_subject else claim.other_kind
            return f"{name} at {when} comes before {other} at {claim.other_span.label()}"
        case "shown":
            return f"{when}: “{claim.subject}” stands on the screen"
        case "said":
            return f"{when}: “{claim.subject}” is said"
        case "unknown":
            return f"{when}: nothing recorded tells {name}"


def time_of(frame_id: str) -> str:
    """When a frame is, `MM:SS.t`, from its id; the id itself where it tells no time."""
    found = _FRAME_ID.fullmatch(frame_id)
    if found is None:
        return frame_id
    tenths = int(found[1]) // 100_000  # of the microseconds in the id
    return f"{format_clock(tenths * NS_PER_S // 10)}.{tenths % 10}"


def rows(ids: Sequence[str], facts: Facts) -> list[Told]:
    """The rows with these ids in words, in their order."""
    return [_row(row_id, facts) for row_id in ids]


def _row(row_id: str, facts: Facts) -> Told:
    row, span = facts.row(row_id), facts.span_of(row_id)
    if row is None or span is None:
        return Told(row_id, "", "the video has no such row", is_there=False)
    return Told(row_id, span.label(), _WORDS[type(row)](row), span.start_ns)


_WORDS: Mapping[type, Callable[[Any], str]] = {
    Event: lambda row: f"{row.kind}: {row.text} ({row.confidence:.2f})",
    Held: lambda row: f"{row.variable} is {row.value:g} ({row.confidence:.2f})",
    Text: lambda row: f"on the screen, {row.region}: “{row.text}” ({row.confidence:.2f})",
    Utterance: lambda row: f"said: “{row.text}” ({row.confidence:.2f})",
    Sound: lambda row: f"heard: {row.text or row.label}" + (f" ({row.score:.2f})" if row.score is not None else ""),
    Sight: lambda row: f"seen: {row.concept} {row.track_id} ({row.score:.2f})",
    Frame: lambda row: "a sampled frame",
}

"""What a language model replied, as pairs (pure).

An item of a reply becomes a pair, a pair that is not used with the reason, or, where it has no words or no kind, a
fault that is counted with its call. Nothing is mended by guess: names are known by the tables here or not at all.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from gvlm_resources.dataset import pairs
from gvlm_resources.dataset.facts import Facts
from gvlm_resources.dataset.pairs import Pair
from gvlm_resources.dataset.writer.prompt_parts import clean
from gvlm_resources.dataset.writer.stretches import Told, Wanted
from gvlm_resources.dataset.writer.writer_prompts import MOST_CITED, Shown
from gvlm_resources.timebase import NS_PER_S, Span

# Reasons why a pair is not used as it stands; the words are those of `grounding.REASONS`.
MALFORMED = "malformed"  # a field that cannot be read, or a kind that was not asked for
FOREIGN = "instructions"  # its words speak of the prompt, or hold marks of a prompt or of training lines
LANGUAGE = "language"
OUTSIDE = "outside"  # times that do not lie in the stretch
NOT_SHOWN = "bad_evidence"  # it cites rows that it was not shown
MOST_CHARS = 4_000
MOST_FRAMES = 8
SLACK_NS = NS_PER_S  # a clock names a second, and people round

KIND_NAMES = {
    **{kind.replace("_", " "): kind for kind in pairs.KINDS},
    "count": pairs.HOW_MANY,
    "counting": pairs.HOW_MANY,
    "how much": pairs.HOW_MANY,
    "number": pairs.HOW_MANY,
    "time": pairs.WHEN,
    "location": pairs.WHERE,
    "place": pairs.WHERE,
    "before": pairs.BEFORE_AFTER,
    "after": pairs.BEFORE_AFTER,
    "before and after": pairs.BEFORE_AFTER,
    "order": pairs.BEFORE_AFTER,
    "state at a time": pairs.STATE,
    "value": pairs.STATE,
    "cause": pairs.WHY,
    "causal": pairs.WHY,
    "reason": pairs.WHY,
    "summary of a span": pairs.SUMMARY,
    "summarize": pairs.SUMMARY,
    "said": pairs.SAID_OR_SHOWN,
    "shown": pairs.SAID_OR_SHOWN,
    "text": pairs.SAID_OR_SHOWN,
    "speech": pairs.SAID_OR_SHOWN,
    "said shown": pairs.SAID_OR_SHOWN,
    "not answerable": pairs.UNANSWERABLE,
    "cannot be told": pairs.UNANSWERABLE,
}
LENGTH_NAMES = {
    **{length: length for length in pairs.LENGTHS},
    "phrase": "short",
    "brief": "short",
    "sentence": "medium",
    "one sentence": "medium",
    "several sentences": "long",
    "detailed": "long",
}
LANGUAGE_NAMES = {
    **{code: code for code in ("en", "de", "es", "fr")},
    **{"english": "en", "en us": "en", "en gb": "en", "german": "de", "deutsch": "de", "de de": "de"},
    **{"spanish": "es", "espanol": "es", "español": "es", "french": "fr", "francais": "fr", "français": "fr"},
}

_NUMBER = re.compile(r"\[?\s*[Ee]?(\d{1,4})\s*\]?")
_CLOCK = re.compile(r"\[?(?:(?P<h>\d{1,2}):)?(?P<m>\d{1,3}):(?P<s>[0-5]\d)(?:[.,]\d+)?\]?")
_OF_THE_PROMPT = re.compile(r"(?<!\w)E\d{1,4}(?!\w)|</?(?:evidence|context)>|\brows? E?\d|\bthe evidence\b", re.I)
_TOKEN = re.compile(r"<(?:v|r|a|box_2d|ts=[^>]*)>|<\||\|>|</s>", re.I)  # of training lines and chat templates


@dataclass(frozen=True, slots=True)
class Read:
    """The pairs of one reply, used or not, and what was no pair at all, in words."""

    pairs: tuple[Pair, ...]
    faults: tuple[str, ...] = ()


def read(items: Sequence[Any], shown: Shown, facts: Facts, wanted: Wanted, *, made_by: str) -> Read:
    """The items of a reply as pairs, in their order; more of them than were asked for are faults."""
    found: list[Pair] = []
    faults: list[str] = []
    for number, item in enumerate(items, 1):
        if number > wanted.pairs:
            faults.append(f"{len(items) - wanted.pairs} more items than the {wanted.pairs} asked for")
            break
        fault = _fault(item)
        if fault:
            faults.append(f"item {number}: {fault}")
        else:
            found.append(_pair(item, shown, facts, wanted, made_by))
    return Read(tuple(found), tuple(faults))


def _fault(item: Any) -> str:
    """Why an item can be no pair; empty where it can."""
    if not isinstance(item, dict):
        return f"is {type(item).__name__}, no object"
    for name in ("question", "answer"):
        text = item.get(name)
        if not isinstance(text, str) or not clean(text):
            return f"has no {name}"
        if len(clean(text)) > MOST_CHARS:
            return f"has {len(clean(text))} characters of {name}"
    if _named(KIND_NAMES, item.get("kind")) is None:
        return f"is of no kind that there is: {_short(item.get('kind'))}"
    return ""


def _pair(item: dict[str, Any], shown: Shown, facts: Facts, wanted: Wanted, made_by: str) -> Pair:
    cited, unknown = cited_rows(item.get("evidence"), shown)
    span = span_of(item.get("start"), item.get("end"), shown.span)
    length = _named(LENGTH_NAMES, item.get("length"))
    language = _named(LANGUAGE_NAMES, item.get("language"))
    about = span or shown.span
    pair = Pair(
        video_id=facts.video_id,
        kind=_named(KIND_NAMES, item["kind"]) or "",
        question=clean(item["question"]),
        answer=clean(item["answer"]),
        start_ns=about.start_ns,
        end_ns=about.end_ns,
        evidence=tuple(row.row_id for row in cited),
        made_by=made_by,
        language=language or wanted.language,
        length=length or "medium",
        frames=_frames(facts, shown, cited, about),
        confidence=min((row.confidence for row in cited), default=1.0),
    )
    wrong = (
        _unasked(item, pair.kind, length, language, wanted)
        or _foreign(pair)
        or _wrong_times(item, span)
        or _wrong_evidence(item, unknown)
    )
    return pair.dropped(*wrong) if wrong else pair


Wrong = tuple[str, str] | None  # reason and detail; None where nothing is


def _unasked(item: dict[str, Any], kind: str, length: str | None, language: str | None, wanted: Wanted) -> Wrong:
    if length is None:
        return MALFORMED, f"there is no length {_short(item.get('length'))}"
    if kind not in {name for name, _ in wanted.counts}:
        return MALFORMED, f"kind {kind} was not asked for"
    if language != wanted.language:
        return LANGUAGE, f"{wanted.language} was asked for, not {_short(item.get('language'))}"
    return None


def _foreign(pair: Pair) -> Wrong:
    words = f"{pair.question}\n{pair.answer}"
    if token := _TOKEN.search(words):
        return FOREIGN, f"its words hold the mark {token.group()}"
    if mention := _OF_THE_PROMPT.search(words):
        return FOREIGN, f"its words speak of the prompt: {mention.group()}"
    return None


def _wrong_times(item: dict[str, Any], span: Span | None) -> Wrong:
    if span is not None:
        return None
    start, end = item.get("start"), item.get("end")
    told = f"{_short(start)} to {_short(end)}"
    if clock_ns(start) is None or clock_ns(end) is None:
        return MALFORMED, f"{told} are no times"
    return OUTSIDE, f"{told} is no span of the stretch it was asked about"


def _wrong_evidence(item: dict[str, Any], unknown: Sequence[str]) -> Wrong:
    if not isinstance(item.get("evidence"), list):
        return MALFORMED, "its evidence is no list"
    return (NOT_SHOWN, f"it cites what it was not shown: {', '.join(unknown)}") if unknown else None


# ----------------------------------------------------------------------------------------- fields


def cited_rows(evidence: Any, shown: Shown) -> tuple[list[Told], list[str]]:
    """The rows behind `E3`, each once and in their order, and what was cited and not shown."""
    rows: dict[str, Told] = {}
    unknown: list[str] = []
    for name in evidence[: 4 * MOST_CITED] if isinstance(evidence, list) else []:
        number = _NUMBER.fullmatch(str(name).strip()) if isinstance(name, str | int) else None
        row = shown.row(int(number.group(1))) if number else None
        if row is None:
            unknown.append(_short(name))
        elif len(rows) < MOST_CITED:
            rows.setdefault(row.row_id, row)
    return list(rows.values()), unknown


def span_of(start: Any, end: Any, stretch: Span) -> Span | None:
    """The span of two clocks, whose seconds it holds whole; None where it is none or does not lie in the stretch."""
    start_ns, end_ns = clock_ns(start), clock_ns(end)
    if start_ns is None or end_ns is None or end_ns < start_ns:
        return None
    end_ns += NS_PER_S
    if start_ns < stretch.start_ns - SLACK_NS or end_ns > stretch.end_ns + SLACK_NS:
        return None
    begin, finish = max(start_ns, stretch.start_ns), min(end_ns, stretch.end_ns)
    return Span(begin, finish) if begin < finish else None


def clock_ns(value: Any) -> int | None:
    """The start of the second that `MM:SS` or `HH:MM:SS` names; None where it is no clock."""
    found = _CLOCK.fullmatch(value.strip()) if isinstance(value, str) else None
    if found is None or (found["h"] is not None and int(found["m"]) > 59):
        return None
    return ((int(found["h"] or 0) * 60 + int(found["m"])) * 60 + int(found["s"])) * NS_PER_S


def _frames(facts: Facts, shown: Shown, cited: Sequence[Told], span: Span) -> tuple[str, ...]:
    """The frames that show it: those nearest to its rows, or else those the model saw of its span."""
    nearest = [facts.frame_at(max(row.start_ns, shown.span.start_ns)) for row in cited]
    ids = [frame.frame_id for frame in nearest if frame is not None]
    if not ids:
        moments = {frame.frame_id: frame.pts_ns for frame in facts.frames_in(span)}
        ids = [frame_id for frame_id in shown.frames if frame_id in moments]
    return tuple(sorted(set(ids)))[:MOST_FRAMES]


def _named(table: dict[str, str], value: Any) -> str | None:
    """What a name stands for, in any case and with any marks between its words; None where the table has it not."""
    if not isinstance(value, str):
        return None
    return table.get(" ".join(re.split(r"[\W_]+", value.casefold().strip())).strip())


def _short(value: Any) -> str:
    text = clean(value if isinstance(value, str) else repr(value))
    return repr(text if len(text) <= 60 else f"{text[:59]}…")

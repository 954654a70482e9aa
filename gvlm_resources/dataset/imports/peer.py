"""Pairs made with gameplay-vision-llm: read, timed, and given the rows of the timeline that they can rest on.

Its files are a list of `{"question", "answer"}`, or of `{"messages": [{"role", "content"}, ...]}`, as JSON or JSON
lines. They name times in their words alone (`@02:45`, `[04:08]`, `[118.1s]`) and no evidence. So the span of a pair is
what its times enclose, and its evidence the rows of that stretch that share its words; whether those bear the answer
out is for `grounding.check` to say. "After 00:07" is the half minute from there on, and where nothing in it shares the
pair's words, or the answer counts or denies, all the rest of the video. A row that is no pair is counted and named.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gvlm_resources.dataset import pairs as kinds
from gvlm_resources.dataset.examples.example import EMBEDDING_TOKENS, TOKEN_BOX
from gvlm_resources.dataset.facts import Event, Facts, Held
from gvlm_resources.dataset.grounding.grounding_words import NONE
from gvlm_resources.dataset.pairs import Pair
from gvlm_resources.errors import GvlmError
from gvlm_resources.reasoning import vocabulary
from gvlm_resources.reasoning.citing import spread
from gvlm_resources.reasoning.times import Relation, TimeReference, VideoClock, find_times
from gvlm_resources.timebase import NS_PER_S, Span, ns_from_s

MAX_FILE_BYTES = 256 << 20
MAX_CHARS = 8_000  # of a question or an answer
MOMENT_NS = NS_PER_S  # to either side of a named time: its tools sample a frame every half to two seconds
NEARBY_NS = 30 * NS_PER_S  # how far "after 00:07" and "before 00:07" reach
MOST_ROWS = 24  # of evidence
MOST_FRAMES = 8
LEAST_SHARED = 0.5  # of a row's words that stand in the pair too, where the pair says when
LEAST_SHARED_ANYWHERE = 0.8  # and where it does not

_ROLES = {"user": "user", "human": "user", "assistant": "assistant", "gpt": "assistant", "system": "system"}
# "[04:08]", "[118.1s]", "[ 05.9s ]", "[20.0]": the marks of its timeline.
_BRACKETED = re.compile(
    r"\[\s*(?:(?P<clock>(?:\d{1,2}:)?\d{1,4}:[0-5]\d(?:\.\d{1,3})?)|(?P<s>\d{1,6}(?:\.\d{1,3})?)\s*s?)\s*\]"
)
_FORMAT_TOKEN = re.compile("|".join(map(re.escape, (*EMBEDDING_TOKENS, TOKEN_BOX, "<ts="))))

_METER = r"(?:health|armou?r|ammo|score|lives)"
_TOLD = r"sa(?:y|ys|id|ying)|speech|spoken|text|ocr|message|subtitle|displayed|shown|reads?|written"
# The first that fits is taken: "how many times did it say" counts.
_KINDS: tuple[tuple[str, re.Pattern[str]], ...] = tuple(
    (kind, re.compile(pattern, re.I))
    for kind, pattern in (
        (kinds.HOW_MANY, r"\bhow\s+(?:many|often)\b|\bnumber\s+of\b|\bhow\s+much\s+damage\b"),
        (kinds.SUMMARY, r"\bsummar\w+|\brecap\b|\boverview\b|\bdescribe\s+the\s+(?:whole|overall|general)\b"),
        (kinds.WHY, r"\bwhy\b|\bcaus\w+|\bhow\s+come\b|\bled\s+to\b|\breasons?\b|\bexplain\b"),
        (kinds.WHEN, r"^\W*(?:and\s+)?when\b|\b(?:at|what|which)\s+(?:what\s+)?time(?:stamp)?s?\b"),
        (kinds.WHERE, r"^\W*(?:and\s+)?where\b|\bwhich\s+(?:place|room|area|location)\b"),
        (kinds.BEFORE_AFTER, r"\bwhat\b.*\b(?:before|after)\b|\bwhich\b.*\bfirst\b"),
        (kinds.STATE, rf"\bhow\s+much\s+(?:\w+\s+)?{_METER}\b|\bwhat\s+(?:is|was)\s+(?:\w+\s+){{0,3}}{_METER}\b"),
        (kinds.SAID_OR_SHOWN, rf"\b(?:{_TOLD})\b"),
    )
)
_CANNOT_TELL = re.compile(
    r"\b(?:can(?:not|'t| not)\s+be\s+(?:told|determined|known|answered)|not\s+(?:possible|enough\s+information)\s+to"
    r"|(?:no|insufficient)\s+(?:information|evidence)\b|is\s+(?:unknown|not\s+(?:stated|mentioned|recorded)))",
    re.I,
)
# "after [00:07]": a mark behind such a word is read as a clock.
_SIDED = re.compile(
    r"\b(?P<side>after|before|since|until|till|from|by)\s+"
    r"\[\s*(?P<clock>(?:\d{1,2}:)?\d{1,4}:[0-5]\d(?:\.\d{1,3})?|\d{1,6}(?:\.\d{1,3})?\s*s)\s*\]",
    re.I,
)
_WORD = re.compile(r"\w+")
# Words that take all that lies on one side of a time, not only what is near it.
_ALL_OF_IT = re.compile(r"\b(?:since|until|till|by|up\s+to|starting|onwards?|on)\b", re.I)
_SOON = re.compile(r"(?:right|just|shortly|immediately|directly|soon)\s+(?P<side>before|after)\b", re.I)
# What stands before a clock in other languages, in the English that `find_times` reads.
_CLOCK_AHEAD = r"(?=\[?\s*@?\d{1,4}:\d{2})"
_IN_ENGLISH: Mapping[str, tuple[tuple[re.Pattern[str], str], ...]] = {
    language: tuple((re.compile(rf"\b(?:{words})\s+{_CLOCK_AHEAD}", re.I), f"{english} ") for words, english in each)
    for language, each in {
        "de": (("nach", "after"), ("vor", "before"), ("ab|seit", "since"), ("bis(?: zu)?", "until")),
        "es": (
            ("después de(?: las?)?|tras(?: las?)?", "after"),
            ("antes de(?: las?)?", "before"),
            ("desde(?: las?)?|a partir de(?: las?)?", "since"),
            ("hasta(?: las?)?", "until"),
        ),
        "fr": (("après", "after"), ("avant", "before"), ("depuis|à partir de", "since"), ("jusqu['’]à", "until")),
    }.items()
}
_SENTENCE_END = re.compile(r"[.!?](?:\s|$)")


class PeerError(GvlmError):
    """A file of gameplay-vision-llm cannot be read."""


@dataclass(frozen=True, slots=True)
class Said:
    """One question and its answer as they stood in the file; `where` names the row for a person."""

    question: str
    answer: str
    where: str


@dataclass(frozen=True, slots=True)
class Rows:
    """What a file holds. `problems` names each row that is no pair, and why."""

    said: tuple[Said, ...]
    problems: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Imported:
    """Pairs, each once, in the order of the file, and the rows that gave none."""

    pairs: tuple[Pair, ...]
    problems: tuple[str, ...]


def pairs_of(source: Path | Any, facts: Facts, *, made_by: str, language: str = "en") -> Imported:
    """The pairs of a file, or of what it holds, for the video that `facts` is of.

    `made_by` is `import@FILE`. Raises PeerError where the file is neither JSON nor JSON lines of rows.
    """
    rows = rows_of(source)
    found: dict[str, Pair] = {}
    problems = list(rows.problems)
    for said in rows.said:
        pair = _pair(said, facts, made_by, language)
        if pair.pair_id in found:
            problems.append(f"{said.where}: says the same as a row before it")
        found.setdefault(pair.pair_id, pair)
    return Imported(tuple(found.values()), tuple(problems))


def rows_of(source: Path | Any) -> Rows:
    """Questions and answers of a file, or of what one holds; nothing of the video is needed for that."""
    data = _read(source) if isinstance(source, Path) else source
    if isinstance(data, Mapping) and not {"question", "answer", "messages"} & set(data):
        lists = [value for value in data.values() if isinstance(value, list)]
        data = lists[0] if len(lists) == 1 else data
    rows = [data] if isinstance(data, Mapping) else data
    if not isinstance(rows, list):
        raise PeerError(
            f"a {type(data).__name__} is no list of pairs",
            remedy='give a list of {"question", "answer"} or of {"messages": [{"role", "content"}, ...]}',
        )
    said: list[Said] = []
    problems: list[str] = []
    for number, row in enumerate(rows, 1):
        for each in _said(row, f"row {number}"):
            (problems if isinstance(each, str) else said).append(each)  # type: ignore[arg-type]
    return Rows(tuple(said), tuple(problems))


# ------------------------------------------------------------------------------------------------ reading


def _read(file: Path) -> Any:
    remedy = "give a JSON or JSON lines file of pairs, in UTF-8"
    try:
        size = file.stat().st_size
        if size > MAX_FILE_BYTES:
            raise PeerError(f"{file.name} has {size:,} bytes", remedy=f"split it: at most {MAX_FILE_BYTES:,} are read")
        text = file.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise PeerError(f"{file} cannot be read: {error.strerror}", remedy="name a file that is there") from error
    except UnicodeDecodeError as error:
        raise PeerError(f"{file.name} is no text in UTF-8", remedy=remedy) from error
    try:
        return json.loads(text)
    except RecursionError as error:
        raise PeerError(f"{file.name} is nested too deep", remedy=remedy) from error
    except ValueError as error:
        lines = [line for line in text.splitlines() if line.strip()]
        if len(lines) < 2 or not lines[0].lstrip().startswith("{"):
            raise PeerError(f"{file.name} is no JSON: {error}", remedy=remedy) from error
    return [_line(line) for line in lines]


def _line(line: str) -> Any:
    """One line of JSON lines; a line that is none is a row that is no pair."""
    try:
        return json.loads(line)
    except (ValueError, RecursionError):
        return line


def _said(row: Any, where: str) -> Iterator[Said | str]:
    """The pairs of one row, and in words what of it is none."""
    if not isinstance(row, Mapping):
        yield f"{where}: is no object"
    elif "messages" in row or "conversations" in row:
        yield from _conversation(row.get("messages", row.get("conversations")), where)
    elif "question" in row and "answer" in row:
        yield _checked(row["question"], row["answer"], where)
    else:
        yield f"{where}: has neither question and answer nor messages, but {sorted(str(key)[:40] for key in row)[:5]}"


def _conversation(messages: Any, where: str) -> Iterator[Said | str]:
    """Each question with the answer right after it; what the system says belongs to no pair."""
    if not isinstance(messages, list) or not messages:
        yield f"{where}: its messages are no list, or an empty one"
        return
    asked: Any = None
    for number, message in enumerate(messages, 1):
        role, content = _message(message)
        place = f"{where}, message {number}"
        if role is None:
            yield f"{place}: its role is none of {', '.join(sorted(_ROLES))}, or it has no content"
        elif role == "user":
            if asked is not None:
                yield f"{place}: the question before it has no answer"
            asked = content
        elif role == "assistant":
            yield f"{place}: answers no question" if asked is None else _checked(asked, content, place)
            asked = None
    if asked is not None:
        yield f"{where}: its last question has no answer"


def _message(message: Any) -> tuple[str | None, Any]:
    if not isinstance(message, Mapping):
        return None, None
    role = message.get("role", message.get("from"))
    content = message.get("content", message.get("value"))
    if isinstance(content, list):  # typed parts: pictures of theirs are not here, their words are
        content = " ".join(
            part["text"] for part in content if isinstance(part, Mapping) and isinstance(part.get("text"), str)
        )
    known = _ROLES.get(role) if isinstance(role, str) else None
    return (known, content) if isinstance(content, str) else (None, None)


def _checked(question: Any, answer: Any, where: str) -> Said | str:
    for what, text in (("question", question), ("answer", answer)):
        if not isinstance(text, str) or not _one_line(text):  # what cannot be seen is no text
            return f"{where}: its {what} is no text, or empty"
        if len(text) > MAX_CHARS:
            return f"{where}: its {what} has {len(text):,} characters, and at most {MAX_CHARS:,} are read"
        if token := _FORMAT_TOKEN.search(text):
            return f"{where}: its {what} holds {token[0]!r}, which is a token of the training format"
    return Said(_one_line(question), _one_line(answer), where)


def _one_line(text: str) -> str:
    """`text` on one line, without control and invisible characters."""
    kept = "".join(char if unicodedata.category(char)[0] != "C" or char.isspace() else "" for char in text)
    return " ".join(kept.split())


# ------------------------------------------------------------------------------------------------ meaning


def _pair(said: Said, facts: Facts, made_by: str, language: str) -> Pair:
    kind = kind_of(said.question, said.answer)
    clock = VideoClock(facts.duration_ns, MOMENT_NS)
    named = [_named(text, clock, language) for text in (said.question, said.answer)]
    denies = _denies(said, kind, language)
    is_of_all = denies or kind in (kinds.HOW_MANY, kinds.SUMMARY)  # of a side of a time, and not of what is near it
    stretches = _stretches(named, clock, near=not is_of_all)
    rows = _evidence(said, facts, stretches, with_events=not denies)
    if not rows:
        stretches = _stretches(named, clock, near=False)
        rows = _evidence(said, facts, stretches, with_events=not denies)
    span = Span(min(s.start_ns for s in stretches), max(s.end_ns for s in stretches)) if stretches else facts.span
    spans = [moment for row in rows if (moment := facts.span_of(row)) is not None]
    return Pair(
        video_id=facts.video_id,
        kind=kind,
        question=said.question,
        answer=said.answer,
        start_ns=span.start_ns,
        end_ns=span.end_ns,
        evidence=tuple(rows),
        made_by=made_by,
        language=language,
        length=_length(said.answer),
        frames=_frames(facts, stretches or spans),
        confidence=min((facts.row(row).confidence for row in rows), default=1.0 if denies else 0.0),
    )


def _denies(said: Said, kind: str, language: str) -> bool:
    """Whether the answer says that something was not: no row of an event bears that out."""
    denied = NONE.get(language, frozenset())
    return kind not in (kinds.WHY, kinds.SUMMARY) and any(
        word in denied for word in _WORD.findall(said.answer.casefold())
    )


def kind_of(question: str, answer: str) -> str:
    """The kind of question, by its first words that tell; `what` where none do."""
    if _CANNOT_TELL.search(answer):
        return kinds.UNANSWERABLE
    return next((kind for kind, pattern in _KINDS if pattern.search(question)), kinds.WHAT)


def _length(answer: str) -> str:
    sentences = len(_SENTENCE_END.findall(answer))
    return "long" if sentences > 1 else "short" if len(answer.split()) <= 6 else "medium"


@dataclass(frozen=True, slots=True)
class _Named:
    """The times of one text: moments and stretches as they are, and the sides of a time."""

    spans: tuple[Span, ...]
    after: tuple[TimeReference, ...]
    before: tuple[TimeReference, ...]


def _named(text: str, clock: VideoClock, language: str) -> _Named:
    """The times that `text` names. One after the end of the video is no part of it."""
    for pattern, english in _IN_ENGLISH.get(language, ()):
        text = pattern.sub(english, text)
    plain = _SIDED.sub(lambda found: f"{found['side']} {found['clock']}", text)
    moments = [clock.around(_seconds(found)) for found in _BRACKETED.finditer(plain)]
    references = [time for time in find_times(_BRACKETED.sub(" ", plain), clock).references if time.span is not None]
    return _Named(
        tuple(s for s in (*moments, *(t.span for t in references if _side(t) is None)) if s is not None),
        tuple(time for time in references if _side(time) is Relation.AFTER),
        tuple(time for time in references if _side(time) is Relation.BEFORE),
    )


def _side(time: TimeReference) -> Relation | None:
    """Whether it is what comes after a time, or before one; "right after 00:07" is after too."""
    if found := _SOON.match(time.text):
        return Relation(found["side"].lower())
    return time.relation if time.relation in (Relation.AFTER, Relation.BEFORE) else None


def _stretches(named: Sequence[_Named], clock: VideoClock, *, near: bool) -> list[Span]:
    """The parts of the video that texts name. `near`: of what lies on one side of a time, what is near it."""
    found: list[Span | None] = []
    for each in named:
        found += each.spans
        starts = [time.span.start_ns for time in each.after if time.span is not None]
        ends = [time.span.end_ns for time in each.before if time.span is not None]
        if starts and ends and max(starts) < min(ends):  # "after 1:00 and before 2:00"
            found.append(clock.clamp(max(starts), min(ends)))
            continue
        for time, start in zip(each.after, starts, strict=True):
            is_near = near and not _ALL_OF_IT.search(time.text)
            found.append(clock.clamp(start, start + NEARBY_NS if is_near else clock.duration_ns))
        for time, end in zip(each.before, ends, strict=True):
            is_near = near and not _ALL_OF_IT.search(time.text)
            found.append(clock.clamp(end - NEARBY_NS if is_near else 0, end))
    return [span for span in found if span is not None]


def _seconds(found: re.Match[str]) -> int:
    if found["s"]:
        return ns_from_s(float(found["s"]))
    total = 0.0
    for part in found["clock"].split(":"):
        total = total * 60 + float(part)
    return ns_from_s(total)


def _evidence(said: Said, facts: Facts, stretches: Sequence[Span], *, with_events: bool) -> list[str]:
    """Ids of rows that can bear the pair out, the likeliest MOST_ROWS of them, in the order of time."""
    text = f"{said.question} {said.answer}"
    words = set(vocabulary.telling_words(text))
    asked = {found.kind for found in vocabulary.find_kinds(text)}
    variables = set(vocabulary.find_variables(text))
    least = LEAST_SHARED if stretches else LEAST_SHARED_ANYWHERE
    found: list[tuple[float, int, str]] = []
    for row_id, span, row in _rows(facts):
        if stretches and not any(span.overlaps(stretch) for stretch in stretches):
            continue
        if isinstance(row, Event) and not with_events:
            continue
        share = _shared(row, words)
        if isinstance(row, Event) and row.kind in asked:
            share = max(share, least)
        if isinstance(row, Held) and stretches and row.variable in variables:
            share = max(share, least)
        if share >= least:
            found.append((-share, span.start_ns, row_id))
    likeliest = sorted(found)[:MOST_ROWS]
    return [row_id for _, _, row_id in sorted(likeliest, key=lambda row: row[1:])]


def _rows(facts: Facts) -> Iterator[tuple[str, Span, Any]]:
    """Id, span and record of all that happened, held, stood or was said; sights are of one frame and say little."""
    yield from ((row.event_id, Span(row.start_ns, max(row.end_ns, row.start_ns + 1)), row) for row in facts.events)
    yield from ((row.state_id, Span(row.start_ns, row.end_ns), row) for row in facts.states)
    yield from ((row.ocr_id, Span(row.start_ns, row.end_ns), row) for row in facts.texts)
    yield from ((row.speech_id, Span(row.start_ns, row.end_ns), row) for row in facts.speech)


def _shared(row: Any, words: set[str]) -> float:
    """The share of the row's telling words that stand in the pair; 0 for a row of numbers alone."""
    if isinstance(row, Held):
        value = f"{row.value:g}"
        return 1.0 if value in words and set(vocabulary.telling_words(row.variable)) & words else 0.0
    own = set(vocabulary.telling_words(row.text))
    return len(own & words) / len(own) if any(not word.isdigit() for word in own) else 0.0


def _frames(facts: Facts, spans: Iterable[Span]) -> tuple[str, ...]:
    """The sampled frames nearest to the middles of `spans`, each once, in the order of time."""
    near = {frame.frame_id: frame for span in spans if (frame := facts.frame_at(span.middle_ns)) is not None}
    ordered = sorted(near.values(), key=lambda frame: frame.pts_ns)
    return tuple(frame.frame_id for frame in spread(ordered, MOST_FRAMES))

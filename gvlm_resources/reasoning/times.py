"""Times that a question names (pure): `@02:45`, "around 2:10", "between 1:00 and 2:00", "in the last minute".

What counts as a time
- `MM:SS` and `HH:MM:SS` with two-digit seconds below 60. Minutes stay below 60 where hours are given; without hours
  they may go higher as long as the video does: `120:30` is a time of a video of that length and a plain word elsewhere.
- A clock without "at", "after" and the like counts only within the video, and not where a score or a ratio is meant:
  "score 3:21", "won 3:2", "aspect 16:09".
- `90s`, `1m30s`, "two and a half minutes" are lengths. They become times by what stands around them: "at 90s",
  "the first 30 seconds", "2 minutes in", "10 seconds before 1:00".
- `@` says that a time is meant. What cannot be one is reported in `notes` and steers nothing.
- "at 3:00 pm" is a time of day, which a timeline does not know; it is reported in `notes`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from gvlm_resources.timebase import NS_PER_S, Span, format_clock


class Relation(StrEnum):
    AT = "at"
    BETWEEN = "between"
    BEFORE = "before"
    AFTER = "after"


@dataclass(frozen=True, slots=True)
class TimeReference:
    """One time of a question: as written, and the part of the video it points to (None: no part of it)."""

    text: str
    relation: Relation
    span: Span | None
    at_ns: int | None = None  # the moment itself, where one was named
    is_cut: bool = False  # part of it lies after the end of the video


@dataclass(frozen=True, slots=True)
class TimesFound:
    references: tuple[TimeReference, ...]
    unread: tuple[str, ...]  # as written: meant as times, and none
    notes: tuple[str, ...]
    rest: str  # the question without its times


@dataclass(frozen=True, slots=True)
class VideoClock:
    """What times are measured against: the length of the video and half the width of a moment, both in ns."""

    duration_ns: int
    window_ns: int

    def __post_init__(self) -> None:
        if self.duration_ns <= 0 or self.window_ns <= 0:
            raise ValueError(f"duration and window are above 0 ns, got {self.duration_ns} and {self.window_ns}")

    @property
    def last_second_ns(self) -> int:
        """The end as people read it: a video of 299.6 s is `05:00` long, and `@05:00` is its end."""
        return -(-self.duration_ns // NS_PER_S) * NS_PER_S

    def clamp(self, start_ns: int, end_ns: int) -> Span | None:
        start, end = max(0, start_ns), min(self.duration_ns, end_ns)
        return Span(start, end) if start < end else None

    def around(self, at_ns: int) -> Span | None:
        if not 0 <= at_ns <= self.last_second_ns:
            return None
        return self.clamp(min(at_ns, self.duration_ns - 1) - self.window_ns, at_ns + self.window_ns)


NUMBER_WORDS = {
    **dict.fromkeys(("a", "an", "one"), 1),
    **{"two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9, "ten": 10},
    **{"eleven": 11, "twelve": 12, "fifteen": 15, "twenty": 20, "thirty": 30, "forty": 40, "fifty": 50, "sixty": 60},
    **{"ninety": 90, "couple of": 2, "a couple of": 2, "half a": 0.5, "half an": 0.5},
}
ORDINALS = {
    **{"first": 1, "second": 2, "third": 3, "fourth": 4, "fifth": 5, "sixth": 6, "seventh": 7, "eighth": 8},
    **{"ninth": 9, "tenth": 10, "eleventh": 11, "twelfth": 12},
}
_UNIT_S = {"h": 3600, "m": 60, "s": 1}

_NUM = r"(?:[0-9]{1,9}(?:\.[0-9]{1,3})?|" + "|".join(sorted(NUMBER_WORDS, key=len, reverse=True)) + ")"
_HALF = r"(?:\s+and\s+a\s+half)?"


def _part_of(letter: str, words: str) -> str:
    """One unit of a length: `90s`, "two and a half minutes", "a minute and a half"."""
    return rf"(?:(?:{_NUM}){_HALF}[\s-]*(?:{words}){_HALF}|[0-9]{{1,9}}(?:\.[0-9]{{1,3}})?{letter})"


_UNIT = r"(?:hours?|hrs?|minutes?|mins?|seconds?|secs?)"
_H, _M, _S = _part_of("h", "hours?|hrs?"), _part_of("m", "minutes?|mins?"), _part_of("s", "seconds?|secs?")


def _whole_length(joint: str) -> str:
    """Hours, minutes and seconds in that order, joined by `joint`."""
    return rf"(?:{_H}(?:{joint}{_M})?(?:{joint}{_S})?|{_M}(?:{joint}{_S})?|{_S})"


# "between 1 minute and 90 seconds" names two lengths, "at 1 minute and 30 seconds" one.
_JOINED, _CLOSE = _whole_length(r"(?:[ ]*,[ ]*|[ ]+and[ ]+|[ ]*)"), _whole_length("[ ]*")
_LENGTH = re.compile(rf"(?<![\w:.])@?(?:(?<!between ){_JOINED}|{_CLOSE})(?!\w)(?!:\w)", re.I)
_LENGTH_PART = re.compile(
    rf"(?P<n>{_NUM})(?P<half>\s+and\s+a\s+half)?[\s-]*(?P<u>[hms])(?:[a-z]*)(?P<tail>\s+and\s+a\s+half)?", re.I
)
_CLOCK = re.compile(
    r"(?<![\w:.])(?P<at>@\s?)?(?P<a>[0-9]{1,4}):(?P<b>[0-9]{1,2})(?::(?P<c>[0-9]{1,2}))?(?P<f>\.[0-9]{1,3})?(?!\w)(?!:\w)"
)
_AT_NUMBER = re.compile(r"(?<!\w)@\s?[0-9][\w:.]*")
_BARE_RANGE = re.compile(rf"\b(between|from)\s+({_NUM})\s+(and|to|until|till)\s+({_NUM})[\s-]*({_UNIT})\b", re.I)

_DAYTIME = re.compile(r"\s*(?:[ap]\.?m\b\.?|o'?clock)", re.I)
_SCORE_WORD = (
    r"scor(?:e|es|ed|ing)|scoreline|won|wins?|winning|lost|los(?:e|es|ing)|beat|beats|result|ratio|odds|aspect|led|leads?"
    r"|leading|trailing|tied|draw|drew|k/?d|kda|version|chapter|verse|scale|resolution"
)
_SCORE_BEFORE = re.compile(
    rf"\b(?:{_SCORE_WORD})\b(?:[\s,]+(?:was|is|of|by|to|line|the|it|a|an|them|us|him|her|me|became|reached|reads?|stood|"
    r"finally|with))*\s*[:=]?\s*$",
    re.I,
)
_SCORE_AFTER = re.compile(r"\s*[- ]?(?:scores?|scoreline|ratio|odds|aspect|lead|win|loss|draw|victory|defeat)\b", re.I)
_INTRODUCED = re.compile(
    r"(?:(?:@|\b(?:at|around|about|near|before|after|since|until|till|from|between|past|by|timestamp))\s*(?:the\s+)?"
    r"|[0-9]:[0-9]{2}\s*-\s*|\b(?:between|from)\s+[0-9:.]+\s+(?:and|to|until|till|through)\s+)$",
    re.I,
)

# Placeholders: \x02 n \x03 stands for a clock, \x04 n \x05 for a length. Control characters never reach here otherwise.
_T = "\x02[0-9]+\x03"
_D = "\x04[0-9]+\x05"
_P = f"(?:{_T}|{_D})"
# "between 0:30 and my death" is after the one and before the other.
_MIXED = (
    (
        re.compile(
            rf"\b(?:between|from)\s+({_P})\s+(?:and|to|until|till)\s+(?=(?:i|we|he|she|my|the|his|her|their|a)\b)", re.I
        ),
        r"after \1 until ",
    ),
    (
        re.compile(
            rf"\b(?:between|from)\s+((?:my|the|his|her|their)\s[^\x02-\x05]{{1,60}}?)\s+(?:and|to|until|till)\s+({_P})",
            re.I,
        ),
        r"after \1 before \2",
    ),
)
_PLACEHOLDER = re.compile("[\x02\x04]([0-9]+)[\x03\x05]")
_WHOLE = r"(?:video|recording|clip|game|session|match|run|footage|stream|gameplay|round|playthrough)"
_OF_WHOLE = rf"(?:\s+of\s+(?:the|this|my|that)\s+{_WHOLE})?"
_SOFT = r"(?:(?:right|just|shortly|immediately|exactly|roughly|approximately|somewhere|sometime|anywhere|directly)\s+)?"
_SOON = r"(?:right|just|shortly|immediately|directly|soon)\s+"
_ORDINAL = "|".join(ORDINALS) + "|[0-9]{1,3}(?:st|nd|rd|th)"


@dataclass(frozen=True, slots=True)
class _Token:
    text: str
    ns: int
    explicit: bool = False


def find_times(text: str, clock: VideoClock) -> TimesFound:
    """The times of `text`, which is one line without control characters; never raises."""
    notes: list[str] = []
    unread: list[str] = []
    tokens: list[_Token] = []
    masked = _BARE_RANGE.sub(r"\1 \2 \5 \3 \4 \5", text)
    masked = _mask_clocks(masked, clock, tokens, notes, unread)
    masked = _mask_lengths(masked, tokens)
    for mixed, plain in _MIXED:
        masked = mixed.sub(plain, masked)
    references: list[TimeReference] = []
    for pattern, build in _RULES:
        masked = _apply(pattern, build, masked, tokens, references, clock)
    references.sort(key=lambda reference: text.find(reference.text))
    for reference in references:
        notes.extend(_range_note(reference, clock))
    rest = _unmask(masked, tokens)
    rest = _AT_NUMBER.sub(lambda found: _not_a_time(found.group(), notes, unread), rest)
    return TimesFound(
        tuple(references), tuple(unread), tuple(dict.fromkeys(notes)), re.sub(r"\s+", " ", rest).strip(" ,")
    )


def steer(references: tuple[TimeReference, ...]) -> tuple[Span, ...]:
    """The parts of the video that the times point to together: "after 1:00" and "before 2:00" meet, moments add up."""
    bounds = [r.span for r in references if r.relation in (Relation.BEFORE, Relation.AFTER) and r.span]
    others = [r.span for r in references if r.relation in (Relation.AT, Relation.BETWEEN) and r.span]
    if not bounds:
        return tuple(dict.fromkeys(others))
    start, end = max(s.start_ns for s in bounds), min(s.end_ns for s in bounds)
    if start >= end:
        return tuple(dict.fromkeys([*others, *bounds]))
    if not others:
        return (Span(start, end),)
    met = [
        Span(max(start, s.start_ns), min(end, s.end_ns)) for s in others if max(start, s.start_ns) < min(end, s.end_ns)
    ]
    return tuple(dict.fromkeys(met))


def _mask_clocks(text: str, clock: VideoClock, tokens: list[_Token], notes: list[str], unread: list[str]) -> str:
    def replace(found: re.Match[str]) -> str:
        before, after = found.string[: found.start()], found.string[found.end() :]
        explicit = found["at"] is not None
        introduced = explicit or _INTRODUCED.search(before) is not None
        written = found.group().strip()
        if _DAYTIME.match(after):
            if introduced:
                unread.append(written)
                notes.append(f"“{written}” is a time of day; the timeline counts from the start of the video.")
            return found.group()
        ns, fault = _clock_ns(found, clock)
        if ns is None:
            if introduced:
                unread.append(written)
                notes.append(f"“{written}” cannot be a time: {fault}.")
            return "" if explicit else found.group()
        is_plain = not introduced or before.rstrip().lower().endswith("by")  # "lost by 2:10"
        if is_plain and (_SCORE_BEFORE.search(before) or _SCORE_AFTER.match(after)):
            return found.group()
        if not introduced and ns > clock.last_second_ns:
            return found.group()
        tokens.append(_Token(found.group(), ns, explicit))
        return f"\x02{len(tokens) - 1}\x03"

    return _CLOCK.sub(replace, text)


def _clock_ns(found: re.Match[str], clock: VideoClock) -> tuple[int | None, str]:
    """Nanoseconds of a clock, or None and why it is none."""
    parts = [found["a"], found["b"]] + ([found["c"]] if found["c"] else [])
    if len(parts[-1]) != 2 or int(parts[-1]) > 59:
        return None, "seconds have two digits and run to 59"
    if len(parts) == 3 and (len(parts[1]) != 2 or int(parts[1]) > 59):
        return None, "after hours, minutes have two digits and run to 59"
    total_s = 0
    for part in parts:
        total_s = total_s * 60 + int(part)
    if len(parts) == 2 and int(parts[0]) > 59 and total_s * NS_PER_S > clock.last_second_ns:
        return None, f"minutes run to 59, and the video to {format_clock(clock.last_second_ns)}"
    fraction = found["f"] or ""
    return total_s * NS_PER_S + (int(fraction[1:].ljust(9, "0")) if fraction else 0), ""


def _mask_lengths(text: str, tokens: list[_Token]) -> str:
    def replace(found: re.Match[str]) -> str:
        explicit = found.group().startswith("@")
        total = sum(_length_s(part) for part in _LENGTH_PART.finditer(found.group().lstrip("@")))
        tokens.append(_Token(found.group(), round(total * NS_PER_S), explicit))
        mark = f"\x04{len(tokens) - 1}\x05"
        return f"at {mark}" if explicit else mark

    return _LENGTH.sub(replace, text)


def trailing_length(text: str) -> tuple[int, int] | None:
    """Where a length at the end of `text` begins, and its ns: (8, 10_000_000_000) of "What in 10 seconds"."""
    for found in _LENGTH.finditer(text):
        if found.end() == len(text):
            return found.start(), round(sum(_length_s(p) for p in _LENGTH_PART.finditer(found.group())) * NS_PER_S)
    return None


def _length_s(part: re.Match[str]) -> float:
    word = re.sub(r"\s+", " ", part["n"].lower())
    number = NUMBER_WORDS.get(word)
    value = float(word) if number is None else float(number)
    return (value + (0.5 if part["half"] or part["tail"] else 0)) * _UNIT_S[part["u"].lower()]


_Build = Callable[[re.Match[str], list[int], VideoClock], tuple[Relation, Span | None, int | None] | None]


def _apply(
    pattern: re.Pattern[str],
    build: _Build,
    masked: str,
    tokens: list[_Token],
    references: list[TimeReference],
    clock: VideoClock,
) -> str:
    def replace(found: re.Match[str]) -> str:
        values = [tokens[int(index)].ns for index in _PLACEHOLDER.findall(found.group())]
        built = build(found, values, clock)
        if built is None:
            return found.group()
        relation, span, at_ns = built
        written = _unmask(found.group(), tokens).strip(" ,").replace("at @", "@")
        is_cut = span is not None and max(values, default=0) > clock.last_second_ns
        references.append(TimeReference(written, relation, span, at_ns, is_cut))
        return " "

    return pattern.sub(replace, masked)


def _unmask(masked: str, tokens: list[_Token]) -> str:
    return _PLACEHOLDER.sub(lambda found: tokens[int(found.group(1))].text, masked)


def _not_a_time(written: str, notes: list[str], unread: list[str]) -> str:
    if written not in unread:
        unread.append(written)
        notes.append(f"“{written}” cannot be a time: write @MM:SS or @HH:MM:SS.")
    return ""


def _range_note(reference: TimeReference, clock: VideoClock) -> list[str]:
    end = format_clock(clock.last_second_ns)
    if reference.span is None:
        return [f"“{reference.text}” points to no part of the video, which runs from 00:00 to {end}."]
    if reference.is_cut:
        return [f"“{reference.text}” goes past the end of the video; the part up to {end} was taken."]
    return []


def _at(ns: int, clock: VideoClock) -> tuple[Relation, Span | None, int | None]:
    span = clock.around(ns)
    return Relation.AT, span, min(ns, clock.duration_ns - 1) if span else None


def _between(a: int, b: int, clock: VideoClock) -> tuple[Relation, Span | None, int | None]:
    start, end = min(a, b), max(a, b)
    return Relation.BETWEEN, clock.clamp(start, max(end, start + NS_PER_S)), None


def _before(ns: int, clock: VideoClock) -> tuple[Relation, Span | None, int | None]:
    return Relation.BEFORE, clock.clamp(0, ns), None


def _after(ns: int, clock: VideoClock) -> tuple[Relation, Span | None, int | None]:
    return Relation.AFTER, clock.clamp(ns, clock.duration_ns), None


def _named_minute(
    found: re.Match[str], _values: list[int], clock: VideoClock
) -> tuple[Relation, Span | None, int | None]:
    ordinal = found["nth"].lower()
    number = ORDINALS.get(ordinal) or int(re.sub(r"\D", "", ordinal))
    length = (3600 if found["what"].lower().startswith("h") else 60) * NS_PER_S
    return _between((number - 1) * length, number * length, clock)


def _counted_minute(found: re.Match[str], _v: list[int], clock: VideoClock) -> tuple[Relation, Span | None, int | None]:
    number = int(found["n"])
    if found["what"].lower().startswith("s"):
        return _at(number * NS_PER_S, clock)
    return _between(number * 60 * NS_PER_S, (number + 1) * 60 * NS_PER_S, clock)


def _edge(found: re.Match[str], values: list[int], clock: VideoClock) -> tuple[Relation, Span | None, int | None]:
    length = values[0] if values else _UNIT_S[found["unit"][0].lower()] * NS_PER_S
    if found["half"]:
        length = length * 3 // 2
    if found["edge"].lower() in ("last", "final", "closing"):
        return Relation.BETWEEN, clock.clamp(clock.duration_ns - length, clock.duration_ns), None
    return Relation.BETWEEN, clock.clamp(0, length), None


def _part(found: re.Match[str], _v: list[int], clock: VideoClock) -> tuple[Relation, Span | None, int | None]:
    count = {"half": 2, "third": 3, "quarter": 4}[found["part"].lower()]
    word = found["nth"].lower()
    index = count - 1 if word in ("last", "final") else ORDINALS.get(word, 1) - 1
    size = clock.duration_ns
    return Relation.BETWEEN, clock.clamp(size * index // count, size * (index + 1) // count), None


def _place(found: re.Match[str], _v: list[int], clock: VideoClock) -> tuple[Relation, Span | None, int | None]:
    word = found["place"].lower()
    if word in ("end", "finish", "conclusion"):
        return Relation.BETWEEN, clock.clamp(clock.duration_ns - clock.window_ns, clock.duration_ns), None
    if word in ("beginning", "start", "outset"):
        return Relation.BETWEEN, clock.clamp(0, clock.window_ns), None
    return _at(clock.duration_ns // 2, clock)


def _rule(pattern: str, build: _Build) -> tuple[re.Pattern[str], _Build]:
    return re.compile(pattern, re.I), build


# In this order: the longer readings first, since what a rule takes is gone for the rules after it.
_RULES: tuple[tuple[re.Pattern[str], _Build], ...] = (
    _rule(rf"\b{_SOFT}between\s+{_P}\s+(?:and|to|-)\s+{_P}", lambda _f, v, c: _between(v[0], v[1], c)),
    _rule(rf"\bfrom\s+{_P}\s*(?:to|till|until|up\s+to|through|-)\s*{_P}", lambda _f, v, c: _between(v[0], v[1], c)),
    _rule(
        rf"(?:\b(?:at|in|during)\s+)?{_T}\s*(?:to|till|until|through|-)\s*{_T}",
        lambda _f, v, c: _between(v[0], v[1], c),
    ),
    _rule(rf"\bwithin\s+{_D}\s+of\s+{_T}", lambda _f, v, c: _between(v[1] - v[0], v[1] + v[0], c)),
    _rule(
        rf"\b(?:(?:in|during|over|for)\s+)?the\s+(?:last\s+|final\s+)?{_D}\s+(?:before|prior\s+to|up\s+to|until)\s+{_T}",
        lambda _f, v, c: _between(v[1] - v[0], v[1], c),
    ),
    _rule(
        rf"\b(?:(?:in|during|over|for)\s+)?the\s+(?:first\s+|next\s+)?{_D}\s+(?:after|following|from)\s+{_T}",
        lambda _f, v, c: _between(v[1], v[1] + v[0], c),
    ),
    _rule(rf"{_D}\s+(?:before|prior\s+to)\s+{_T}", lambda _f, v, c: _at(v[1] - v[0], c)),
    _rule(rf"{_D}\s+(?:after|past|following)\s+{_T}", lambda _f, v, c: _at(v[1] + v[0], c)),
    _rule(rf"{_D}\s+(?:before|from)\s+the\s+end{_OF_WHOLE}\b", lambda _f, v, c: _at(c.duration_ns - v[0], c)),
    _rule(rf"{_D}\s+(?:after|from)\s+the\s+(?:start|beginning){_OF_WHOLE}\b", lambda _f, v, c: _at(v[0], c)),
    _rule(
        rf"\b(?:(?:in|during|within|over|for)\s+)?(?:the\s+|my\s+)?(?:very\s+)?(?P<edge>first|opening|initial|last|final|closing)\s+"
        rf"(?:{_D}|(?P<unit>hour|minute|second)\b(?P<half>\s+and\s+a\s+half)?"
        rf"(?!\s+(?:death|time|pick|hit)|s)){_OF_WHOLE}"
        r"(?!\s+(?:before|after|prior|until|till|leading|of|when|i)\b)",
        _edge,
    ),
    _rule(rf"\b(?:(?:in|during|at)\s+)?the\s+(?P<nth>{_ORDINAL})\s+(?P<what>minute|hour)\b{_OF_WHOLE}", _named_minute),
    _rule(r"(?:\b(?:in|at|around|during)\s+|@\s?)(?P<what>minute|second)\s+(?P<n>[0-9]{1,5})\b", _counted_minute),
    _rule(
        rf"\b(?:(?:in|during)\s+)?the\s+(?P<nth>first|second|third|last|final)\s+(?P<part>half|third|quarter)\b{_OF_WHOLE}",
        _part,
    ),
    _rule(
        rf"(?:\bat\s+)?{_D}\s+(?:in(?:to)?\s+(?:the|this|my)\s+{_WHOLE}|in(?:to\s+it)?(?=\s*(?:$|[,.;?!]|what|why|how|who|when"
        r"|where|which|did|do|does|was|were|is|i\b|my\b)))",
        lambda _f, v, c: _at(v[0], c),
    ),
    _rule(rf"\b{_SOON}before\s+{_P}", lambda _f, v, c: _between(v[0] - c.window_ns, v[0], c)),
    _rule(rf"\b{_SOON}after\s+{_P}", lambda _f, v, c: _between(v[0], v[0] + c.window_ns, c)),
    _rule(
        rf"\b{_SOFT}(?:before|until|till|up\s+to|prior\s+to|leading\s+up\s+to)\s+{_P}",
        lambda _f, v, c: _before(v[0], c),
    ),
    _rule(rf"\bby\s+{_P}", lambda _f, v, c: _before(v[0] + NS_PER_S, c)),
    _rule(
        rf"\b{_SOFT}(?:after|since|from|past|following|starting\s+(?:at|from))\s+{_P}(?:\s+(?:on|onwards?))?",
        lambda _f, v, c: _after(v[0], c),
    ),
    _rule(
        rf"\b{_SOFT}(?:at|around|about|near|close\s+to|circa|roughly|approximately)\s+(?:about\s+|around\s+)?(?:the\s+)?"
        rf"(?:time(?:stamp)?\s+|moment\s+)?{_P}(?:\s+mark\b)?",
        lambda _f, v, c: _at(v[0], c),
    ),
    _rule(rf"(?:\bthe\s+)?(?:\b(?:in|on|time(?:stamp)?)\s+|[~≈]\s?)?{_T}(?:\s+mark\b)?", lambda _f, v, c: _at(v[0], c)),
    _rule(
        rf"\b(?:right\s+)?(?:at|in|near|towards?)\s+(?:the\s+)?(?:very\s+)?(?P<place>beginning|start|outset|middle|end)"
        rf"(?:{_OF_WHOLE[:-1]}|(?=\s*(?:$|[,.;?!])))",
        _place,
    ),
    _rule(rf"\b(?P<place>half-?\s?way)\s*(?:through|in)?(?:\s+the\s+{_WHOLE})?\b", _place),
)

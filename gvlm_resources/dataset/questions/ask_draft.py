"""A question and its answer before they are put into words (pure)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from gvlm_resources.dataset.facts import Event
from gvlm_resources.dataset.pairs import LENGTHS, Box, Claim
from gvlm_resources.dataset.questions.ask_view import NAMED, View
from gvlm_resources.dataset.questions.wording import Wording, plain
from gvlm_resources.timebase import Span, format_clock

Phrase = Callable[[Wording], str]


@dataclass(frozen=True)
class Draft:
    """One pair in every language.

    `topic` names its sentences in the wording, `about` what it is about: both are taken in turn. `more_claims` and
    `more_evidence` are those of the long answer, which says more. `at_ns` are the moments that its frames show, unless
    `frames` names them.
    """

    kind: str
    topic: str
    about: str
    span: Span
    evidence: tuple[str, ...]
    claims: tuple[Claim, ...]
    fields: Mapping[str, Phrase]
    at_ns: tuple[int, ...] = ()
    frames: tuple[str, ...] = ()
    boxes: tuple[Box, ...] = ()
    lengths: tuple[str, ...] = LENGTHS
    more_claims: tuple[Claim, ...] = ()
    more_evidence: tuple[str, ...] = field(default=())


def text(words: str) -> Phrase:
    """The same in every language."""
    return lambda wording: words


def clock(ns: int) -> Phrase:
    return text(format_clock(ns))


def clocks(moments: Sequence[int]) -> Phrase:
    return lambda wording: wording.listed([format_clock(ns) for ns in moments])


def number(amount: float) -> Phrase:
    return text(f"{abs(amount):.10g}")


def quoted(words: str) -> Phrase:
    return lambda wording: wording.quote(words)


def bare(words: str) -> Phrase:
    return text(plain(words))


def ordinal(nth: int) -> Phrase:
    """The word for the n-th; -1 is the last."""
    return lambda wording: wording.final if nth == -1 else wording.ordinals[nth - 1]


def variable(view: View, name: str) -> Phrase:
    return lambda wording: wording.variable(name, view.rules[name].words)


def stretch(view: View, span: Span) -> Phrase:
    """`in the whole video`, `between 00:10 and 00:20`."""
    if span == view.whole:
        return lambda wording: wording.whole
    start, end = format_clock(span.start_ns), format_clock(span.end_ns)
    return lambda wording: wording.between.format(start=start, end=end)


def form(kind: str, name: str, subject: str = "", **fields: Phrase) -> Phrase:
    """A form of the words for a kind of event."""

    def worded(wording: Wording) -> str:
        known = {key: phrase(wording) for key, phrase in fields.items()}
        return wording.event(kind, name, name=wording.quote(subject), plain=plain(subject), **known)

    return worded


def told(event: Event, name: str, **fields: Phrase) -> Phrase:
    """A form of the words for an event, with its subject where its kind has one that is stated."""
    subject = event.subject if event.kind in NAMED else ""
    return form(event.kind, name, subject, time=clock(event.start_ns), **fields)


def told_all(events: Sequence[Event], name: str) -> Phrase:
    """The forms of several events as a list."""
    return lambda wording: wording.listed([told(event, name)(wording) for event in events])


def sentences(events: Sequence[Event]) -> Phrase:
    """Each event in a sentence of its own."""
    return lambda wording: " ".join(told(event, "at")(wording) for event in events)


def how_known(event: Event) -> Phrase:
    """By what of the video it is known."""
    sources = set(event.sources)
    if {"state", "ocr"} <= sources:
        return lambda wording: wording.told["both"]
    known = next((name for name in ("state", "ocr", "sound") if name in sources), "seen")
    return lambda wording: wording.told[known]


def counted(kind: str, name: str, value: int, subject: str = "", **fields: Phrase) -> Phrase:
    """The form for none, one or many: `name` is `""` for the sentence, `counted_` for the phrase."""
    plural = {0: "none", 1: "one"}.get(value, "many")
    return form(kind, f"{name}{plural}", subject, count=text(str(value)), **fields)


def rows_of(view: View, event: Event) -> tuple[str, ...]:
    """The id of an event and those of the rows it was made from; a line that was first read later is left out."""
    names = [name for name in event.evidence if (span := view.facts.span_of(name)) and span.start_ns <= event.end_ns]
    return tuple(dict.fromkeys((event.event_id, *names)))


def ids_of(events: Sequence[Event]) -> tuple[str, ...]:
    return tuple(event.event_id for event in events)


def until(*events: Event) -> Span:
    """The span from the first to the last of events that are in order."""
    return Span(events[0].start_ns, max(event.end_ns for event in events))


def sentence_start(phrase: Phrase) -> Phrase:
    """The same with a capital at its start."""

    def worded(wording: Wording) -> str:
        words = phrase(wording)
        return f"{words[:1].upper()}{words[1:]}"

    return worded

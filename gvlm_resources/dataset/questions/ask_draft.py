"""A question and its answer before they are put into words (pure)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby

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
    `frames` names them. Drafts of a lower `tier` come before all of a higher one.
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
    tier: int = 0


def text(words: str) -> Phrase:
    """The same in every language."""
    return lambda wording: words


def clock(ns: int) -> Phrase:
    return text(format_clock(ns))


def clocks(moments: Iterable[int]) -> Phrase:
    """Times as a list, each once."""
    named = tuple(dict.fromkeys(format_clock(ns) for ns in moments))
    return lambda wording: wording.listed(named)


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


def told(view: View, event: Event, name: str, **fields: Phrase) -> Phrase:
    """A form of the words for an event, with its subject where its kind has one that is stated.

    A weapon that is only known as one of two is told by the ammunition that it uses.
    """
    given = {"time": clock(event.start_ns), **fields}
    subject = event.subject if event.kind in NAMED else ""
    rule = view.ammunition_of(event)
    if rule is None:
        return form(event.kind, name, subject, **given)

    def worded(wording: Wording) -> str:
        known = {key: phrase(wording) for key, phrase in given.items()}
        words = wording.ammunition_of(rule.name, rule.words)
        return wording.event(f"{event.kind}_of", name, name=words, plain=words, **known)

    return worded


def told_all(view: View, events: Sequence[Event], name: str) -> Phrase:
    """The forms of several events as a list."""
    return lambda wording: wording.listed([told(view, event, name)(wording) for event in events])


def sentences(view: View, events: Sequence[Event], name: str = "at") -> Phrase:
    """Each event in a sentence of its own; what is the same several times in a row is told once, with all its times."""
    runs = [list(run) for _, run in groupby(events, key=lambda event: (event.kind, event.subject))]
    return lambda wording: " ".join(
        told(view, run[0], name, time=clocks(dict.fromkeys(event.start_ns for event in run)))(wording) for run in runs
    )


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

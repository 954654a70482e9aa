"""A question as it was asked, taken apart (pure): what it asks for, about which events, and when.

`parse` never guesses a meaning it has no words for: what it does not know stays in `words` and `search_text`, and the
question becomes `Ask.OPEN`, a search. Questions are read as English, in the first, second or third person;
`languages.read` puts other languages into that English first.
"""

from __future__ import annotations

import re
from dataclasses import replace

from gvlm_resources.reasoning import asides, vocabulary
from gvlm_resources.reasoning import times as clocks
from gvlm_resources.reasoning.anchors import NTH, ordinal_of, take_anchors
from gvlm_resources.reasoning.asking import HAPPENED, LOWEST, is_about_state, kinds_asked_for, what_is_asked
from gvlm_resources.reasoning.question_parts import Anchor, AnchorRelation, Ask, EventQuery, Question, Threshold
from gvlm_resources.reasoning.rewording import clean, plainly
from gvlm_resources.reasoning.steps import beyond_it, nearest_asked, steered, stepped
from gvlm_resources.reasoning.subjects import PLAYER_WORDS, subject_of, which_of, words_beyond
from gvlm_resources.reasoning.thresholds import crosses, threshold_of
from gvlm_resources.reasoning.times import TimeReference, VideoClock
from gvlm_resources.timebase import NS_PER_S

__all__ = (
    "Anchor",
    "AnchorRelation",
    "Ask",
    "EventQuery",
    "Question",
    "Threshold",
    "clean",
    "parse",
)


def parse(text: str, *, duration_ns: int, moment_window_s: float) -> Question:
    """`text` taken apart for a video of `duration_ns`; a moment is `moment_window_s` to either side of a named time.

    Raises QuestionError where there is no question, or one of more than 1,000 characters.
    """
    line = clean(text)
    clock = VideoClock(duration_ns, max(1, round(moment_window_s * NS_PER_S)))
    wanted, left_out = asides.take_left_out(line)
    found = clocks.find_times(wanted, clock)
    parts = asides.two_parts(found.rest)
    if parts is not None:
        return _which_first(line, found, parts)
    return replace(_one_ask(line, found, clock), left_out=left_out)


def _one_ask(line: str, found: clocks.TimesFound, clock: VideoClock) -> Question:
    rest, times, anchors, step = _placed_in_time(found, clock)
    kinds = () if step else vocabulary.find_kinds(rest)
    threshold = threshold_of(rest)
    variables = vocabulary.find_variables(rest)
    when_given = bool(times or anchors)
    words = words_beyond(rest, kinds)
    ask = what_is_asked(rest, kinds, variables, when_given=when_given or bool(found.unread), words=words)
    ask, asked_for, anchors = _asked_for(Ask.WHAT_HAPPENED if step else ask, rest, kinds, words, anchors)
    named = kinds_asked_for(ask, rest, kinds)
    is_life = ask is Ask.HOW_LONG and "respawn" in named
    which = which_of(rest, ask)
    target = asked_for or EventQuery(named, subject_of(ask, rest, words, named), None if is_life else which)
    spans = clocks.steer(times)
    return Question(
        text=line,
        ask=ask,
        times=times,
        spans=spans,
        target=target,
        anchors=tuple(anchors),
        variables=variables if is_about_state(ask, rest, target) else (),
        threshold=threshold if ask is Ask.YES_NO or (ask is Ask.WHEN and not target.kinds) else None,
        words=words,
        search_text=rest.strip(" ?!.,") or line,
        first_person=_is_first_person(line),
        wants_lowest=LOWEST.search(rest) is not None,
        life=which if is_life else None,
        is_outside=not spans and (bool(times) or (bool(found.unread) and ask is Ask.WHAT_HAPPENED)),
        notes=found.notes,
        read_as=line,
        named=variables,
        quoted=_quoted(line),
        step=step,
    )


def _placed_in_time(
    found: clocks.TimesFound, clock: VideoClock
) -> tuple[str, tuple[TimeReference, ...], list[Anchor], int]:
    """What is left of a question without its times; its times; the events that give others; one step on or back."""
    rest, anchors = take_anchors(plainly(found.rest))
    step = asides.step_of(rest) if found.references or anchors else 0
    times = stepped(found.references, step, clock)
    anchors = steered(anchors, step, is_timed=bool(times))
    rest, nearest = (rest, 0) if step else nearest_asked(rest, times, anchors)
    return (rest, beyond_it(times, nearest, clock), [], step) if nearest else (rest, times, anchors, step)


def _which_first(line: str, found: clocks.TimesFound, parts: asides.TwoParts) -> Question:
    """ "Which came first: my first death or the pickup of the shotgun?" """
    compared = tuple(_event_named(part) for part in (parts.one, parts.other))
    spans = clocks.steer(found.references)
    return Question(
        text=line,
        ask=Ask.WHICH_FIRST,
        times=found.references,
        spans=spans,
        target=EventQuery(),
        anchors=(),
        variables=(),
        threshold=None,
        words=words_beyond(f"{parts.one} {parts.other}", ()),
        search_text=found.rest.strip(" ?!.,") or line,
        first_person=_is_first_person(line),
        wants_lowest=not parts.wants_later,
        life=None,
        is_outside=not spans and bool(found.references),
        notes=found.notes,
        read_as=line,
        quoted=_quoted(line),
        compared=compared,
    )


def _event_named(text: str) -> EventQuery:
    """The event of "the first shot with the shotgun": one kind, the words beside it, the first where none is said."""
    kinds = vocabulary.find_kinds(text)
    words = tuple(word for word in words_beyond(text, kinds) if word not in PLAYER_WORDS)
    nth = NTH.search(text)
    return EventQuery((kinds[0].kind,), words, ordinal_of(nth) or 1)


def _asked_for(
    ask: Ask, rest: str, kinds: tuple[vocabulary.KindFound, ...], words: tuple[str, ...], anchors: list[Anchor]
) -> tuple[Ask, EventQuery | None, list[Anchor]]:
    """What is asked for where only an event in a clause says it: "when was the last time I died"."""
    at = [anchor for anchor in anchors if anchor.relation is AnchorRelation.AT]
    if kinds or not at or len(anchors) != len(at) or any(anchor.offset_ns for anchor in at):
        return ask, None, anchors
    is_told = ask is Ask.WHAT_HAPPENED and HAPPENED.search(rest)
    is_bare = ask in (Ask.OPEN, Ask.WHAT_HAPPENED) and not is_told and all(word in _POINTING for word in words)
    if ask is Ask.WHY or (ask is Ask.WHEN and not crosses(rest)) or is_bare:
        return (ask if ask is Ask.WHY else Ask.WHEN), at[0].event, [a for a in anchors if a is not at[0]]
    return ask, None, anchors


_POINTING = frozenset(
    [
        "watch",
        "contain",
        "find",
        "locate",
        "jump",
        "skip",
        "seek",
        "look",
        "moment",
        "play",
        "rewind",
        "scrub",
        "bring",
        "part",
        "bit",
        "clip",
    ]
)


def _is_first_person(line: str) -> bool:
    return re.search(r"\b(?:i|i'm|me|my|mine|myself|we|us|our)\b", line, re.I) is not None


def _quoted(line: str) -> tuple[str, ...]:
    return tuple(found for found in re.findall(r'"([^"]+)"', line) if sum(map(str.isalnum, found)) > 1)

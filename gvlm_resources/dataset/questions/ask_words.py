"""What is said, shown and heard (pure)."""

from __future__ import annotations

from collections.abc import Iterator

from gvlm_resources.dataset.facts import Text
from gvlm_resources.dataset.pairs import SAID_OR_SHOWN, Claim
from gvlm_resources.dataset.questions import ask_draft as say
from gvlm_resources.dataset.questions.ask_draft import Draft
from gvlm_resources.dataset.questions.ask_places import place
from gvlm_resources.dataset.questions.ask_view import LETTERS, View, count, moment, second
from gvlm_resources.timebase import NS_PER_S, Span

CLEAR_SOUND = 0.9  # score of a sound that is stated
SHOWN_NS = NS_PER_S  # a text that stands there for less is easily missed


def said_or_shown(view: View) -> Iterator[Draft]:
    yield from _shown(view)
    yield from _said(view)
    yield from _silent(view)
    yield from _heard(view)


def _shown(view: View) -> Iterator[Draft]:
    texts = [(row, words) for row, words in view.quotable() if row.end_ns - row.start_ns >= SHOWN_NS]
    first: set[str] = set()
    for row, words in texts:
        at = second((row.start_ns + row.end_ns) // 2)
        if _readable_alone(view, row, at):
            yield _text("shown_message", row, words, at)
        if words not in first and not view.rules:
            yield _text("shown_when", row, words, second(row.start_ns))
        first.add(words)


def _readable_alone(view: View, row: Text, at: Span) -> bool:
    """Whether it is the only line of words on the screen in that second, all of which it stands there."""
    others = [
        one
        for one in view.facts.texts
        if one.ocr_id != row.ocr_id
        and one.category == row.category
        and one.start_ns < at.end_ns
        and at.start_ns < one.end_ns
        and sum(char.isalpha() for char in one.text) >= LETTERS
    ]
    return not others and row.start_ns <= at.start_ns and at.end_ns <= row.end_ns


def _text(topic: str, row: Text, words: str, at: Span) -> Draft:
    return Draft(
        SAID_OR_SHOWN,
        topic,
        words,
        at,
        (row.ocr_id,),
        (Claim("shown", at.start_ns, at.end_ns, subject=words),),
        {"words": say.quoted(words), "time": say.clock(at.start_ns), "place": place(row)},
        at_ns=(at.middle_ns,),
    )


def _said(view: View) -> Iterator[Draft]:
    for row in view.facts.speech:
        if row.confidence >= view.min_confidence and row.text.strip():
            yield Draft(
                SAID_OR_SHOWN,
                "said_at",
                "speech",
                Span(row.start_ns, row.end_ns),
                (row.speech_id,),
                (Claim("said", row.start_ns, row.end_ns, subject=row.text),),
                {"words": say.quoted(row.text), "time": say.clock(row.start_ns)},
                at_ns=(row.start_ns,),
            )


def _silent(view: View) -> Iterator[Draft]:
    """Stretches without speech, and the whole video where there is none in it."""
    for span in (view.whole, *view.stretches()):
        wide = Span(max(0, span.start_ns - NS_PER_S), span.end_ns + NS_PER_S)
        if any(wide.overlaps(Span(row.start_ns, row.end_ns)) for row in view.facts.speech):
            continue
        frames = view.frames_at([span.middle_ns])
        yield Draft(
            SAID_OR_SHOWN,
            "said_none",
            "silence",
            span,
            frames,
            (count("speech", span, 0),),
            {"stretch": say.stretch(view, span)},
            frames=frames,
        )


def _heard(view: View) -> Iterator[Draft]:
    """Sounds that were recognised clearly, where no other was in that second."""
    for event in view.of_kind("sound"):
        if event.confidence < CLEAR_SOUND or not view.timed(event):
            continue
        at = second(event.start_ns)
        heard = [one for one in view.facts.sounds if one.start_ns < at.end_ns and one.end_ns > at.start_ns]
        if len(heard) != 1 or heard[0].text:
            continue
        yield Draft(
            SAID_OR_SHOWN,
            "heard_at",
            event.subject,
            Span(event.start_ns, event.end_ns),
            say.rows_of(view, event),
            (moment(event),),
            {"name": say.quoted(event.subject), "time": say.clock(event.start_ns)},
            at_ns=(event.start_ns,),
        )

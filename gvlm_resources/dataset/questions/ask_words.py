"""What is said, shown and heard (pure)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from gvlm_resources.dataset.claims import MESSAGE
from gvlm_resources.dataset.facts import Event, Text
from gvlm_resources.dataset.pairs import LENGTHS, SAID_OR_SHOWN, Claim
from gvlm_resources.dataset.questions import ask_draft as say
from gvlm_resources.dataset.questions import ask_hud
from gvlm_resources.dataset.questions.ask_context import NEIGHBOURS, Context, around, message_behind, of_event
from gvlm_resources.dataset.questions.ask_draft import Draft
from gvlm_resources.dataset.questions.ask_frame import place
from gvlm_resources.dataset.questions.ask_view import EARLY_NS, LETTERS, View, count, moment, second
from gvlm_resources.timebase import NS_PER_S, Span

CLEAR_SOUND = 0.9  # score of a sound that is stated
SHOWN_NS = NS_PER_S  # a text that stands there for less is easily missed


def said_or_shown(view: View) -> Iterator[Draft]:
    yield from _shown(view)
    yield from ask_hud.shown(view)
    yield from _said(view)
    yield from _silent(view)
    yield from _heard(view)


def _shown(view: View) -> Iterator[Draft]:
    texts = [(row, words) for row, words in view.quotable() if row.end_ns - row.start_ns >= SHOWN_NS]
    first: set[str] = set()
    for row, words in texts:
        at = _alone_at(view, row)
        if at is not None:
            yield _text(view, "shown_message", row, words, at, Context())
        if words not in first and not view.rules:
            yield _text(view, "shown_when", row, words, second(row.start_ns), _told_of(view, row))
        first.add(words)
    yield from _come_up(view, texts)
    yield from _several(view, texts)


def _come_up(view: View, texts: Sequence[tuple[Text, str]]) -> Iterator[Draft]:
    """The one line that came up in a second, by the event that it tells of."""
    for row, words in texts:
        event = message_behind(view, row.ocr_id)
        if event is None or abs(event.start_ns - row.start_ns) > EARLY_NS:
            continue
        at = second(event.start_ns)
        wide = Span(max(0, at.start_ns - EARLY_NS), at.end_ns + EARLY_NS)
        others = [one for one in view.facts.texts if one.category == row.category and wide.contains(one.start_ns)]
        if len(others) == 1 and len(view.of_kind(event.kind, span=wide)) == 1:
            yield _text(view, "shown_new", row, words, at, _told_of(view, row))


def _several(view: View, texts: Sequence[tuple[Text, str]]) -> Iterator[Draft]:
    """All lines that can be read in a second, from the top, where each of them stands there all through it."""
    told: set[tuple[str, ...]] = set()
    for row, _ in texts:
        at = Span(-(-row.start_ns // NS_PER_S) * NS_PER_S, -(-row.start_ns // NS_PER_S) * NS_PER_S + NS_PER_S)
        wide = Span(max(0, at.start_ns - EARLY_NS), at.end_ns + EARLY_NS)
        lines = [one for one in view.facts.texts if one.category == row.category and _on(one, at)]
        whole = [(one, words) for one, words in texts if one.start_ns <= wide.start_ns and wide.end_ns <= one.end_ns]
        whole.sort(key=lambda one: one[0].start_ns if one[0].category == MESSAGE else one[0].box[1])  # newest below
        names = tuple(one.ocr_id for one, _ in whole)
        if len(whole) < 2 or len(lines) != len(whole) or names in told or len({words for _, words in whole}) < 2:
            continue
        told.add(names)
        yield _lines(view, whole, at)


def _lines(view: View, lines: Sequence[tuple[Text, str]], at: Span) -> Draft:
    events = [event for row, _ in lines if (event := message_behind(view, row.ocr_id))]
    events.sort(key=lambda event: event.start_ns)
    quotes = [words for _, words in lines]
    return Draft(
        SAID_OR_SHOWN,
        "shown_lines",
        "lines",
        at,
        tuple(row.ocr_id for row, _ in lines),
        tuple(Claim("shown", at.start_ns, at.end_ns, subject=words) for words in dict.fromkeys(quotes)),
        {
            "lines": lambda wording: wording.listed([wording.quote(words) for words in quotes]),
            "time": say.clock(at.start_ns),
            "sentences": say.sentences(view, events),
        },
        at_ns=(at.middle_ns,),
        lengths=LENGTHS if events else LENGTHS[:2],
        more_claims=tuple(moment(event) for event in events),
        more_evidence=say.ids_of(events),
    )


def _on(text: Text, at: Span) -> bool:
    return text.start_ns < at.end_ns and at.start_ns < text.end_ns


def _alone_at(view: View, row: Text) -> Span | None:
    """Of the seconds all through which a text stands there as the only one of words, that nearest to its middle."""
    whole = range(-(-row.start_ns // NS_PER_S), row.end_ns // NS_PER_S)
    if not whole:
        return None
    others = [
        one
        for one in view.facts.texts
        if one.start_ns < row.end_ns
        and row.start_ns < one.end_ns
        and one.ocr_id != row.ocr_id
        and one.category == row.category
        and sum(char.isalpha() for char in one.text) >= LETTERS
    ]
    middle_s = (row.start_ns + row.end_ns) // 2 // NS_PER_S
    spans = (second(at * NS_PER_S) for at in sorted(whole, key=lambda at: abs(at - middle_s)))
    return next((at for at in spans if not any(_on(one, at) for one in others)), None)


def _told_of(view: View, row: Text) -> Context:
    """The event that a text tells of, and what else was about then."""
    event = message_behind(view, row.ocr_id)
    return of_event(view, event) + (around(view, event) if event else Context())


def _text(view: View, topic: str, row: Text, words: str, at: Span, context: Context) -> Draft:
    return Draft(
        SAID_OR_SHOWN,
        topic,
        words,
        at,
        (row.ocr_id,),
        (Claim("shown", at.start_ns, at.end_ns, subject=words),),
        {
            "words": say.quoted(words),
            "time": say.clock(at.start_ns),
            "place": place(row),
            "context": context.words,
        },
        at_ns=(at.middle_ns,),
        more_claims=context.claims,
        more_evidence=context.evidence,
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
        context = _meanwhile(view, event)
        yield Draft(
            SAID_OR_SHOWN,
            "heard_at",
            event.subject,
            Span(event.start_ns, event.end_ns),
            say.rows_of(view, event),
            (moment(event),),
            {"name": say.quoted(event.subject), "time": say.clock(event.start_ns), "context": context.words},
            at_ns=(event.start_ns,),
            lengths=context.lengths,
            more_claims=context.claims,
            more_evidence=context.evidence,
            tier=1,
        )


def _meanwhile(view: View, event: Event) -> Context:
    """What happened in that second, or else what came before and after."""
    at = second(event.start_ns)
    told = [one for one in view.events_in(at) if one.kind in (*NEIGHBOURS, "shot") and view.timed(one)]
    return of_event(view, told[0]) if told else around(view, event)

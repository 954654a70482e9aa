"""Where on the screen, and in which part of the video (pure)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from gvlm_resources.dataset.claims import MESSAGE
from gvlm_resources.dataset.facts import Frame, Sight, Text
from gvlm_resources.dataset.pairs import LENGTHS, WHERE, Box, Claim
from gvlm_resources.dataset.questions import ask_draft as say
from gvlm_resources.dataset.questions.ask_context import trend
from gvlm_resources.dataset.questions.ask_draft import Draft, Phrase
from gvlm_resources.dataset.questions.ask_frame import place
from gvlm_resources.dataset.questions.ask_moments import FIRST_ONLY, ORDINALS, counted_before, named, nth_of
from gvlm_resources.dataset.questions.ask_view import QUIET_NS, READABLE, View, second, value
from gvlm_resources.timebase import NS_PER_S, Span

EDGE_PX = 2.0
SEEN_NS = 500_000_000  # of the second that is named, a text is on the screen for so long at least
THIRD = "third "
FIRST_THIRD = f"{THIRD}0"  # what happens early is surely counted, so that most can be told of it
TOP_LINE = 0.02  # of the height: a line that begins so high is the uppermost
STILL_NS = 300_000_000  # message lines move up; one that is alone stands still for so long at least


def where(view: View) -> Iterator[Draft]:
    yield from _texts(view)
    yield from _numbers(view)
    yield from _things(view)
    yield from _parts(view)


def box_of(row: Text | Sight, frame_id: str, label: str) -> Box | None:
    """The box of a row within the frame; None where nothing of it is."""
    x0, y0, x1, y1 = row.box
    inside = (max(0.0, x0), max(0.0, y0), min(float(row.width), x1), min(float(row.height), y1))
    if inside[2] - inside[0] < EDGE_PX or inside[3] - inside[1] < EDGE_PX:
        return None
    return Box(frame_id, inside, row.width, row.height, label)


def _texts(view: View) -> Iterator[Draft]:
    """Texts that are on the screen once at that moment, on a frame that shows them."""
    texts = view.quotable()
    lines = [one for one in view.facts.texts if one.category == MESSAGE]
    for row, words in texts:
        still = _still(row, lines)
        frame = view.frame_in(still) if still else None
        box = box_of(row, frame.frame_id, words) if frame else None
        alike = [one for one, other in texts if other == words and frame and _shows(one, frame)]
        if frame is None or box is None or len(alike) != 1:
            continue
        at = second(frame.pts_ns)
        if min(row.end_ns, at.end_ns) - max(row.start_ns, at.start_ns) < SEEN_NS:
            continue
        yield Draft(
            WHERE,
            "where_text",
            words,
            at,
            (row.ocr_id,),
            (Claim("shown", at.start_ns, at.end_ns, subject=words),),
            {
                "words": say.quoted(words),
                "time": say.clock(frame.pts_ns),
                "place": place(row),
            },
            frames=(frame.frame_id,),
            boxes=(box,),
        )


def _still(row: Text, lines: Sequence[Text]) -> Span | None:
    """The span in which a text surely stands where its box is; None where there is none.

    A message line moves up when one above it goes, and the one box of its row may be from any of its readings. So such
    a line is pointed at only where it came as the only one: at the top it stays where it is, elsewhere just after it
    was read first.
    """
    if row.category != MESSAGE:
        return _inner(row)
    if _came_at_the_top(row, lines):
        return _inner(row)
    still = Span(row.start_ns, min(row.end_ns, row.start_ns + STILL_NS))
    about = Span(max(0, row.start_ns - STILL_NS), still.end_ns + STILL_NS)
    others = (one for one in lines if one.ocr_id != row.ocr_id)
    return None if any(one.start_ns < about.end_ns and one.end_ns > about.start_ns for one in others) else still


def _came_at_the_top(row: Text, lines: Sequence[Text]) -> bool:
    """Whether a line is the uppermost one, and no other stood there just before or came with it."""
    about = Span(max(0, row.start_ns - STILL_NS), row.start_ns + STILL_NS)
    others = (one for one in lines if one.ocr_id != row.ocr_id)
    alone = not any(one.start_ns < about.end_ns and one.end_ns > about.start_ns for one in others)
    return alone and row.box[1] <= TOP_LINE * row.height


def _inner(row: Text) -> Span:
    """The span of a text without its first and last moments, in which a frame may show it or not."""
    margin = min(200_000_000, (row.end_ns - row.start_ns) // 4)
    return Span(row.start_ns + margin, row.end_ns - margin)


def _shows(row: Text, frame: Frame) -> bool:
    return row.start_ns <= frame.pts_ns < row.end_ns


def _numbers(view: View) -> Iterator[Draft]:
    """Where the digits of the HUD's numbers are, at moments at which the number is sure.

    A number that was read in the place that the game's rules give has that place as its box, which is the same all the
    time: there is nothing to point at.
    """
    for name, rule in view.rules.items():
        for held, at in view.calm(name) if view.varies(name) else ():
            frame = view.frame_in(at)
            row = view.number_at(rule.region, frame.pts_ns) if frame else None
            if frame is None or row is None or row.confidence < READABLE or view.fills_its_region(row):
                continue
            box = box_of(row, frame.frame_id, rule.words)
            if box is not None:
                context = trend(view, held, at)
                yield Draft(
                    WHERE,
                    "where_number",
                    name,
                    at,
                    (row.ocr_id, held.state_id),
                    (value(held, at),),
                    {
                        "variable": say.variable(view, name),
                        "time": say.clock(frame.pts_ns),
                        "place": place(row),
                        "value": say.number(held.value),
                        "context": context.words,
                    },
                    frames=(frame.frame_id,),
                    boxes=(box,),
                    more_claims=context.claims,
                    more_evidence=context.evidence,
                )


def _things(view: View) -> Iterator[Draft]:
    """Tracked things that are alone of their kind on a frame."""
    by_frame: dict[tuple[str, str], list[Sight]] = {}
    for sight in view.facts.sights:
        by_frame.setdefault((sight.frame_id, sight.concept), []).append(sight)
    black = {frame.frame_id for frame in view.facts.frames if frame.is_black}
    for (frame_id, concept), sights in by_frame.items():
        sight = sights[0]
        box = box_of(sight, frame_id, concept)
        if len(sights) > 1 or sight.score < view.min_confidence or box is None or frame_id in black:
            continue
        yield Draft(
            WHERE,
            "where_thing",
            concept,
            second(sight.pts_ns),
            (sight.entity_id,),
            (),
            {
                "plain": say.bare(concept),
                "name": say.quoted(concept),
                "time": say.clock(sight.pts_ns),
                "place": place(sight),
            },
            frames=(frame_id,),
            boxes=(box,),
            lengths=LENGTHS[:2],
        )


def _parts(view: View) -> Iterator[Draft]:
    """The third of the video in which something is, where it is not near to the next third: each third in turn."""
    third_ns = view.facts.duration_ns // 3
    if third_ns < 2 * QUIET_NS + NS_PER_S:
        return
    for kind, subject in named(view):
        events = view.of_kind(kind, subject)
        places = [*enumerate(events[:ORDINALS], 1), *([(-1, events[-1])] if len(events) > 1 else ())]
        for nth, event in places:
            if kind in FIRST_ONLY and nth != 1:
                break
            part = min(2, event.start_ns // third_ns)
            span = Span(part * third_ns, view.facts.duration_ns if part == 2 else (part + 1) * third_ns)
            inside = Span(span.start_ns + QUIET_NS, span.end_ns - QUIET_NS)
            counted = events if nth == -1 else events[:nth]
            after = Span(event.start_ns, view.facts.duration_ns)
            if nth == -1 and view.unread.under_kind(kind, after):
                continue
            if inside.contains(event.start_ns) and view.timed(event) and counted_before(view, counted):
                draft = nth_of(view, event, nth, topic="where_part", kind=WHERE)
                yield replace(draft, about=f"{THIRD}{part}", fields=draft.fields | {"part": _part(part)})


def _part(number: int) -> Phrase:
    return lambda wording: wording.parts[number]

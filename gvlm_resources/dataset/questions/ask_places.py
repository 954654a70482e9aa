"""Where on the screen, and in which part of the video (pure)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from gvlm_resources.dataset.claims import MESSAGE
from gvlm_resources.dataset.facts import Frame, Sight, Text
from gvlm_resources.dataset.pairs import WHERE, Box, Claim
from gvlm_resources.dataset.questions import ask_draft as say
from gvlm_resources.dataset.questions.ask_draft import Draft, Phrase
from gvlm_resources.dataset.questions.ask_moments import FIRST_ONLY, counted_before, named, nth_of
from gvlm_resources.dataset.questions.ask_view import QUIET_NS, READABLE, View, second, value
from gvlm_resources.timebase import NS_PER_S, Span

EDGE_PX = 2.0
SEEN_NS = 500_000_000  # of the second that is named, a text is on the screen for so long at least
ROWS, COLUMNS = ("top", "", "bottom"), ("left", "", "right")
STILL_NS = 300_000_000  # message lines move up; one that is alone stands still for so long at least
AT_EDGE = 0.05  # of the width: a text that begins there is at the left, however long it is
CENTRED = 0.1  # of the width: how much less room a text in the middle may leave on one side than on the other


def where(view: View) -> Iterator[Draft]:
    yield from _texts(view)
    yield from _numbers(view)
    yield from _things(view)
    yield from _parts(view)


def place(row: Text | Sight) -> Phrase:
    """`at the top left`: by the ninth of the picture in which the middle of its box lies; of a line where it begins."""
    x0, y0, x1, y1 = row.box
    across = COLUMNS[min(2, int((x0 + x1) / 2 * 3 / row.width))]
    if isinstance(row, Text) and _begins_left(row):
        across = "left"
    down = ROWS[min(2, int((y0 + y1) / 2 * 3 / row.height))]
    name = f"{down} {across}".strip() or "middle"
    return lambda wording: wording.places[name]


def _begins_left(row: Text) -> bool:
    """Whether a text begins in the left third and does not stand centred in the picture."""
    left, right = row.box[0] / row.width, 1 - row.box[2] / row.width
    return left < AT_EDGE or (left < 1 / 3 and right - left > CENTRED)


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
            {"words": say.quoted(words), "time": say.clock(frame.pts_ns), "place": place(row)},
            frames=(frame.frame_id,),
            boxes=(box,),
        )


def _still(row: Text, lines: Sequence[Text]) -> Span | None:
    """The span in which a text surely stands where its box is; None where there is none.

    A message line moves up when one above it goes, and the one box of its row may be from any of its readings. So such
    a line is pointed at only where it is the only one, and just after it was read first.
    """
    if row.category != MESSAGE:
        return _inner(row)
    still = Span(row.start_ns, min(row.end_ns, row.start_ns + STILL_NS))
    about = Span(max(0, row.start_ns - STILL_NS), still.end_ns + STILL_NS)
    others = (one for one in lines if one.ocr_id != row.ocr_id)
    return None if any(one.start_ns < about.end_ns and one.end_ns > about.start_ns for one in others) else still


def _inner(row: Text) -> Span:
    """The span of a text without its first and last moments, in which a frame may show it or not."""
    margin = min(200_000_000, (row.end_ns - row.start_ns) // 4)
    return Span(row.start_ns + margin, row.end_ns - margin)


def _shows(row: Text, frame: Frame) -> bool:
    return row.start_ns <= frame.pts_ns < row.end_ns


def _numbers(view: View) -> Iterator[Draft]:
    """The places of the HUD's numbers, at moments at which the number is sure."""
    for name, rule in view.rules.items():
        for held, at in view.calm(name) if view.varies(name) else ():
            frame = view.frame_in(at)
            row = view.number_at(rule.region, frame.pts_ns) if frame else None
            if frame is None or row is None or row.confidence < READABLE:
                continue
            box = box_of(row, frame.frame_id, rule.words)
            if box is not None:
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
                    },
                    frames=(frame.frame_id,),
                    boxes=(box,),
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
        )


def _parts(view: View) -> Iterator[Draft]:
    """The third of the video in which something is, where it is not near to the next third."""
    third_ns = view.facts.duration_ns // 3
    if third_ns < 2 * QUIET_NS + NS_PER_S:
        return
    for kind, subject in named(view):
        events = view.of_kind(kind, subject)
        for nth, event in enumerate(events[:2], 1):
            if kind in FIRST_ONLY and nth > 1:
                break
            part = min(2, event.start_ns // third_ns)
            span = Span(part * third_ns, view.facts.duration_ns if part == 2 else (part + 1) * third_ns)
            inside = Span(span.start_ns + QUIET_NS, span.end_ns - QUIET_NS)
            if inside.contains(event.start_ns) and view.timed(event) and counted_before(view, events[:nth]):
                draft = nth_of(view, event, nth, topic="where_part", kind=WHERE)
                yield replace(draft, fields=draft.fields | {"part": _part(part)}, more_claims=())


def _part(number: int) -> Phrase:
    return lambda wording: wording.parts[number]

"""One step on or back from a moment (pure): "at 0:20 I died. What came next?"."""

from __future__ import annotations

import re
from dataclasses import replace

from gvlm_resources.reasoning import asides, vocabulary
from gvlm_resources.reasoning.asking import COUNT
from gvlm_resources.reasoning.question_parts import Anchor, AnchorRelation
from gvlm_resources.reasoning.times import Relation, TimeReference, VideoClock
from gvlm_resources.timebase import NS_PER_S


def stepped(times: tuple[TimeReference, ...], step: int, clock: VideoClock) -> tuple[TimeReference, ...]:
    """The times of "at 0:20 I fired. What came next?": from that moment on, or up to it."""
    if not step or len(times) != 1 or times[0].span is None:
        return times
    (time,) = times
    ends = {Relation.AFTER: time.span.start_ns, Relation.BEFORE: time.span.end_ns}
    at_ns = time.at_ns if time.at_ns is not None else ends.get(time.relation)
    if at_ns is None:
        return times
    if step == asides.NEXT:
        return (replace(time, relation=Relation.AFTER, span=clock.clamp(at_ns, clock.duration_ns), at_ns=at_ns),)
    span = clock.clamp(0, at_ns + NS_PER_S)  # a clock names a whole second
    return (replace(time, relation=Relation.BEFORE, span=span, at_ns=at_ns),)


def steered(anchors: list[Anchor], step: int, *, is_timed: bool) -> list[Anchor]:
    """The anchors of a step: beside a time they only say what happened then; alone they are where it starts from."""
    if not step:
        return anchors
    if is_timed:
        return []
    relation = AnchorRelation.AFTER if step == asides.NEXT else AnchorRelation.BEFORE
    return [replace(anchor, relation=relation) for anchor in anchors]


def nearest_asked(rest: str, times: tuple[TimeReference, ...], anchors: list[Anchor]) -> tuple[str, int]:
    """The sentence that asks of "at 0:20 I died. Which pickup came next?", and whether it wants the next or the last.

    What else stands beside the time, a sentence or a clause, only says what happened then.
    """
    parts = [part for part in re.split(r"[.!?;]\s+", rest) if part.strip(" .?!")]
    if not parts or len(times) != 1 or not (len(parts) > 1 or anchors) or not vocabulary.find_kinds(parts[-1]):
        return rest, 0
    asking, sides = parts[-1], {anchor.relation.value for anchor in anchors} | {times[0].relation.value}
    if COUNT.search(asking):
        return rest, 0
    if _NEXT_ONE.search(asking) and Relation.BEFORE.value not in sides:
        return asking, asides.NEXT
    if _LAST_ONE.search(asking) and Relation.AFTER.value not in sides:
        return asking, asides.PREVIOUS
    return rest, 0


def beyond_it(times: tuple[TimeReference, ...], step: int, clock: VideoClock) -> tuple[TimeReference, ...]:
    """What comes after the second that is named, or before it."""
    (time,) = times
    if time.span is None:
        return times
    ends = {Relation.AFTER: time.span.start_ns, Relation.BEFORE: time.span.end_ns}
    at_ns = time.at_ns if time.at_ns is not None else ends.get(time.relation)
    if at_ns is None:
        return times
    if step == asides.NEXT:
        span = clock.clamp(at_ns + NS_PER_S, clock.duration_ns)
        return (replace(time, relation=Relation.AFTER, span=span, at_ns=at_ns),)
    return (replace(time, relation=Relation.BEFORE, span=clock.clamp(0, at_ns), at_ns=at_ns),)


_NEXT_ONE = re.compile(r"\b(?:next|following|followed|came\s+after(?:wards)?)\b", re.I)
_LAST_ONE = re.compile(r"\b(?:last|latest|previous|preced\w+|most\s+recent(?:ly)?)\b", re.I)

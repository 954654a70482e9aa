"""Which frames and windows of sound of a stretch are shown: those that bear the answer out, among others (pure).

What shows the evidence comes first. Were the rest spread evenly, the moment asked for would be where frames lie close
together, and nobody would have to look. So a stretch is divided into equal parts, and every part without such a frame
has two that follow one another as well, at a place drawn by the pair's id.
"""

from __future__ import annotations

import hashlib
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence

from gvlm_resources.dataset.examples.vectors import HeardWindow, SeenFrame
from gvlm_resources.dataset.facts import Event, Facts, Frame, Held, Sight, Sound, Text, Utterance
from gvlm_resources.dataset.pairs import Pair
from gvlm_resources.reasoning.citing import spread
from gvlm_resources.timebase import NS_PER_S, Span

# A number or a message stands there for longer: pictures as near to one another miss no change.
LOOK_NS = NS_PER_S
HEARD_KINDS = frozenset(("sound", "speech"))  # events and counts of what is heard
LASTING_KINDS = frozenset(("black_screen", "entity"))  # seen only while they are there
OVER = frozenset(("count", "sum", "lowest", "highest"))  # claims about all of a span
COUPLE = 2


def chosen_frames(pair: Pair, facts: Facts, frames: Sequence[SeenFrame], limit: int) -> list[SeenFrame]:
    """At most `limit`: those with boxes, those that show the evidence, those that the pair names, then others."""
    if len(frames) <= limit:
        return list(frames)
    return [frames[index] for index in _chosen(pair, len(frames), _bearing(pair, facts, frames, limit), limit, COUPLE)]


def chosen_windows(pair: Pair, facts: Facts, windows: Sequence[HeardWindow], limit: int) -> list[HeardWindow]:
    """At most `limit`: those under which the evidence is heard, then others."""
    if len(windows) <= limit:
        return list(windows)
    rows = (facts.row(name) for name in pair.evidence)
    groups = [
        [index for index, heard in enumerate(windows) if heard.start_ns < row.end_ns and row.start_ns < heard.end_ns]
        for row in rows
        if isinstance(row, Sound | Utterance) or (isinstance(row, Event) and row.kind in HEARD_KINDS)
    ]
    return [windows[index] for index in _chosen(pair, len(windows), groups, limit, 1)]


def around(event: Event) -> tuple[Span, Span]:
    """When a picture shows how things were before it, and when one shows them after it."""
    start = event.start_ns
    return Span(max(0, start - LOOK_NS), max(1, start)), Span(start, start + LOOK_NS + 1)


def _bearing(pair: Pair, facts: Facts, frames: Sequence[SeenFrame], limit: int) -> list[list[int]]:
    """For each thing that has to be seen, the frames that show it, by their place in `frames`. What counts most first.

    Of a stretch that the question itself names, every frame is asked for where it takes no more than half the room.
    """
    place = {frame.frame_id: index for index, frame in enumerate(frames)}
    groups = [[place[box.frame_id]] for box in pair.boxes if box.frame_id in place]
    groups += [list(found) for found in _of_rows(pair, facts, frames, place)]
    groups += [_nearest(frames, claim.span) for claim in pair.claims if claim.what in ("value", "shown")]
    if any(claim.what in OVER and claim.span == pair.span and claim.kind not in HEARD_KINDS for claim in pair.claims):
        stretch = _inside(frames, pair.span)
        groups += [list(stretch)] if len(stretch) <= limit // 2 else []
    groups += [[place[name]] for name in pair.frames if name in place][: limit // 2]
    return [group for group in groups if group]


def _of_rows(pair: Pair, facts: Facts, frames: Sequence[SeenFrame], place: dict[str, int]) -> Iterator[Iterable[int]]:
    rows = [facts.row(name) for name in pair.evidence]
    yield [place[row.frame_id] for row in rows if isinstance(row, Frame | Sight) and row.frame_id in place]
    told = {claim.subject for claim in pair.claims if claim.what == "value"}
    for row in rows:
        if isinstance(row, Event) and row.kind not in HEARD_KINDS:
            yield _showing(frames, row)
        elif isinstance(row, Text) or (isinstance(row, Held) and row.variable not in told):
            within = row.start_ns < pair.end_ns and pair.start_ns < row.end_ns
            start, end = (pair.start_ns, pair.end_ns) if within else (row.start_ns, row.end_ns)
            yield _nearest(frames, Span(max(start, row.start_ns), min(end, row.end_ns)))


def _showing(frames: Sequence[SeenFrame], event: Event) -> list[int]:
    """The last frame before it and the first after it; while it lasts, where it can be seen only then."""
    if event.kind in LASTING_KINDS:
        return _nearest(frames, Span(event.start_ns, event.end_ns))
    before, after = (_inside(frames, span) for span in around(event))
    return [*before[-1:], *after[:1]]


def _inside(frames: Sequence[SeenFrame], span: Span) -> range:
    first = bisect_left(frames, span.start_ns, key=lambda frame: frame.pts_ns)
    return range(first, bisect_left(frames, span.end_ns, lo=first, key=lambda frame: frame.pts_ns))


def _nearest(frames: Sequence[SeenFrame], span: Span) -> list[int]:
    """The frame of the span nearest to its middle; none where it has none."""
    return sorted(_inside(frames, span), key=lambda index: (abs(frames[index].pts_ns - span.middle_ns), index))[:1]


def _chosen(pair: Pair, count: int, groups: Iterable[Sequence[int]], limit: int, together: int) -> list[int]:
    """At most `limit` of `count` places in order: whole groups while there is room, then `together` in every part."""
    kept: set[int] = set()
    for group in groups:
        if len(kept | set(group)) <= limit:
            kept |= set(group)
    parts = max(1, limit // together)
    taken = {place * parts // count for place in kept}
    for part in sorted(set(range(parts)) - taken, key=lambda part: _draw(pair, part)):
        first, last = (
            -(-part * count // parts),
            max(-(-part * count // parts), -(-(part + 1) * count // parts) - together),
        )
        start = first + _draw(pair, part) % (last - first + 1)
        couple = set(range(start, min(count, start + together)))
        if len(kept | couple) <= limit:
            kept |= couple
    kept |= set(spread([place for place in range(count) if place not in kept], limit - len(kept)))
    return sorted(kept)


def _draw(pair: Pair, part: int) -> int:
    return int(hashlib.sha256(f"{pair.pair_id}/{part}".encode()).hexdigest()[:12], 16)

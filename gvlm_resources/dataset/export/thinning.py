"""Which pictures of an example are shown where there may not be all (pure).

Those that boxes lie in come first, then for each moment of the answer the one nearest to it, then the first, the last
and evenly between.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from gvlm_resources.dataset.examples.example import Example

_FRAME = re.compile(r"f([0-9]{1,15})")  # and microseconds, as sampling names frames


def kept(frames: Sequence[str], example: Example, *, most: int) -> list[int]:
    """At most `most` of the numbers of `frames`, ids in the order of time that may come twice; in order."""
    if len(frames) <= most:
        return list(range(len(frames)))
    boxed = _once(frames.index(frame) for frame in example.box_frames if frame in frames)
    found = _some(sorted(boxed), most)
    asked = _once(number for span in example.timestamps for number in _nearest(frames, span))
    found += _some([number for number in asked if number not in found], most - len(found))
    shown = evenly(len(frames), most)
    for number in found:
        if number not in shown:
            free = [other for other in shown if other not in found]
            shown.remove(min(free, key=lambda other: (abs(other - number), other)))
            shown.append(number)
    return sorted(shown)


def evenly(count: int, most: int) -> list[int]:
    """At most `most` of the numbers below `count`, spread evenly, the first and the last among them."""
    if count <= most:
        return list(range(count))
    if most <= 1:
        return [count // 2][:most]
    return [round(number * (count - 1) / (most - 1)) for number in range(most)]


def _nearest(frames: Sequence[str], span: tuple[float, float]) -> list[int]:
    """The frame in the span, or else outside it, that is nearest to its middle; none where no id tells a time."""
    start, end = span
    timed = [(float(found[1]) / 1e6, number) for number, id in enumerate(frames) if (found := _FRAME.fullmatch(id))]
    inside = [(at, number) for at, number in timed if start <= at < end]
    order = sorted(inside or timed, key=lambda each: (abs(each[0] - (start + end) / 2), each))
    return [number for _, number in order[:1]]


def _some(numbers: Sequence[int], most: int) -> list[int]:
    return [numbers[index] for index in evenly(len(numbers), most)]


def _once(numbers: Iterable[int]) -> list[int]:
    return list(dict.fromkeys(numbers))

"""Which pictures of an example are shown where there may not be all (pure).

Those that boxes lie in come first, then those that the answer rests on and the timeline does not tell, then those of
what it tells, then for each moment of the answer the one nearest to it, then the first, the last and evenly between.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from gvlm_resources.dataset.examples.example import Example
from gvlm_resources.dataset.export.grounds import Grounds, moment_ns
from gvlm_resources.timebase import NS_PER_S, Span


def kept(frames: Sequence[str], example: Example, rests_on: Grounds, *, most: int) -> list[int]:
    """At most `most` of the numbers of `frames`, ids in the order of time that may come twice; in order."""
    if len(frames) <= most:
        return list(range(len(frames)))
    found = _some(_once(frames.index(frame) for frame in example.box_frames if frame in frames), most)
    found += _some(_once(_needed(frames, rests_on, found), but=found), most - len(found))
    found += _some(_once(_one_in_each(frames, rests_on.told, found)), most - len(found))
    asked = (number for span in example.timestamps for number in _nearest(frames, span))
    found += _some(_once(asked, but=found), most - len(found))
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


def _needed(frames: Sequence[str], rests_on: Grounds, found: Sequence[int]) -> list[int]:
    """Every picture of the stretches, those that are named, and one for each window that has none of these."""
    needed = [frames.index(frame) for frame in rests_on.frames if frame in frames]
    needed += [number for stretch in rests_on.stretches for number in _inside(frames, stretch.span)]
    return [*needed, *_one_in_each(frames, rests_on.windows, [*found, *needed])]


def _one_in_each(frames: Sequence[str], windows: Iterable[Span], found: Sequence[int]) -> list[int]:
    """As few pictures as leave no window without one, beside those that are `found`: the last of each that has none."""
    added: list[int] = []
    for window in sorted(windows, key=lambda span: span.end_ns):
        inside = _inside(frames, window)
        if inside and not {*found, *added}.intersection(inside):
            added.append(inside[-1])
    return added


def _inside(frames: Sequence[str], span: Span) -> list[int]:
    return [number for number, id in enumerate(frames) if (at := moment_ns(id)) is not None and span.contains(at)]


def _nearest(frames: Sequence[str], span: tuple[float, float]) -> list[int]:
    """The frame in the span, or else outside it, that is nearest to its middle; none where no id tells a time."""
    start, end = span
    timed = [(at / NS_PER_S, number) for number, id in enumerate(frames) if (at := moment_ns(id)) is not None]
    inside = [(at, number) for at, number in timed if start <= at < end]
    order = sorted(inside or timed, key=lambda each: (abs(each[0] - (start + end) / 2), each))
    return [number for _, number in order[:1]]


def _once(numbers: Iterable[int], *, but: Sequence[int] = ()) -> list[int]:
    return sorted(set(numbers) - set(but))


def _some(numbers: Sequence[int], most: int) -> list[int]:
    return [numbers[index] for index in evenly(len(numbers), most)]

"""Things that were detected and tracked in the picture: which one it is, how many there are (pure)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence

from gvlm_resources.dataset.facts import Sight
from gvlm_resources.dataset.pairs import HOW_MANY, LENGTHS, WHAT
from gvlm_resources.dataset.questions import ask_draft as say
from gvlm_resources.dataset.questions.ask_draft import Draft
from gvlm_resources.dataset.questions.ask_frame import ninth, place
from gvlm_resources.dataset.questions.ask_view import View, second
from gvlm_resources.timebase import NS_PER_S

LEAST_COUNTED = 2


def what(view: View) -> Iterator[Draft]:
    """What the one tracked thing in a part of the picture is. The answer rests on that one thing and has no box."""
    for frame_id, sights in _by_frame(view).items():
        for sight in sights:
            near = [one for one in sights if ninth(one) == ninth(sight)]
            if len(near) > 1 or sight.score < view.min_confidence:
                continue
            yield Draft(
                WHAT,
                "what_thing",
                sight.concept,
                second(sight.pts_ns),
                (sight.entity_id,),
                (),
                {
                    "place": place(sight),
                    "time": say.clock(sight.pts_ns),
                    "plain": say.bare(sight.concept),
                    "name": say.quoted(sight.concept),
                },
                frames=(frame_id,),
                lengths=LENGTHS[:2],
            )


def how_many(view: View) -> Iterator[Draft]:
    """How many things of one sort are tracked, where every frame of that second shows as many."""
    by_frame = _by_frame(view)
    for names in _frames_by_second(view).values():
        shown = [by_frame.get(name, []) for name in names]
        for concept in dict.fromkeys(sight.concept for sights in shown for sight in sights):
            alike = [[sight for sight in sights if sight.concept == concept] for sights in shown]
            sure = all(sight.score >= view.min_confidence for sights in alike for sight in sights)
            if sure and len({len(sights) for sights in alike}) == 1 and len(alike[0]) >= LEAST_COUNTED:
                yield _counted(names[0], alike[0])


def _counted(frame_id: str, alike: Sequence[Sight]) -> Draft:
    sight = alike[0]
    return Draft(
        HOW_MANY,
        "count_things",
        sight.concept,
        second(sight.pts_ns),
        tuple(one.entity_id for one in alike),
        (),
        {
            "name": say.quoted(sight.concept),
            "time": say.clock(sight.pts_ns),
            "number": say.number(len(alike)),
        },
        frames=(frame_id,),
        lengths=LENGTHS[:2],
    )


def _by_frame(view: View) -> Mapping[str, list[Sight]]:
    """The tracked things of each frame that is not black, surely seen or not."""
    black = {frame.frame_id for frame in view.facts.frames if frame.is_black}
    found: dict[str, list[Sight]] = defaultdict(list)
    for sight in view.facts.sights:
        if sight.frame_id not in black:
            found[sight.frame_id].append(sight)
    return found


def _frames_by_second(view: View) -> Mapping[int, list[str]]:
    found: dict[int, list[str]] = defaultdict(list)
    for frame in view.facts.frames:
        if not frame.is_black:
            found[frame.pts_ns // NS_PER_S].append(frame.frame_id)
    return found

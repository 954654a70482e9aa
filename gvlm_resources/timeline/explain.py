"""Which messages came up, given what was seen of the HUD's lines (pure).

A supposition is a list of messages with their moments. It predicts what stands on the screen: a message comes up below
the others, stays for `shown_s`, and is pushed out early when more than `lines` stand there. The best supposition is the
one with the least cost, in seconds:

- every moment at which a text was seen that is not predicted costs its length,
- every moment at which a predicted line was not seen costs a quarter of it: lines are lost before bright pictures,
- every message costs BELIEF_S, so that a line read twice is not two messages,
- a message whose thing must raise a number that did not rise costs BARRED_S; one that a rise confirms costs less, and
  a second one confirmed by the same rise SHARED_S: two things can raise one number in one frame, but seldom do.

It is searched for by greedy growth and then by taking away, moving and exchanging messages until nothing gets better.
Stretches without any line are independent of each other, and each change is judged on the seconds it affects.
"""

from __future__ import annotations

from bisect import bisect_right, insort
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from gvlm_resources import timebase
from gvlm_resources.game import FeedRule, Game
from gvlm_resources.timeline.changes import States
from gvlm_resources.timeline.feed import Meaning, Message, Sighting, meanings_of, names

STEP_NS = 100_000_000  # the screen is compared this often
UNSEEN = 0.25  # cost of a predicted line that is not seen, for each second
BELIEF_S = 0.4
BARRED_S = 3.0
CONFIRMED_S = -0.2
SHARED_S = 0.6
NEAR_NS = 150_000_000  # a rise this near confirms a message
LATE_NS = 1_200_000_000  # a line may be readable this much later than its number rises
EARLY_NS = 300_000_000
APART_NS = 1_000_000
SECOND_BEST = 0.12  # a meaning this much less alike than the best one explains nothing
ROUNDS = 8
LONG_NS = 60_000_000_000
MOST_SEEN = 8  # sightings at one moment; more cannot be lines of one feed

Supposed = tuple[int, int]  # moment in ns, number of the meaning
Rise = tuple[str, int]  # variable, moment in ns


@dataclass(slots=True)
class Scene:
    """A stretch of time with its sightings, and everything the search asks for over and over."""

    sightings: Sequence[Sighting]
    meanings: Sequence[Meaning]
    costs: Sequence[dict[int, float]]  # of each sighting: cost of each meaning, 0 (certain) up to 1
    beliefs: dict[Supposed, tuple[float, Rise | None]]  # of each candidate: what supposing it costs, what confirms it
    feed: FeedRule
    start_ns: int
    screens: Sequence[tuple[int, ...]]  # sightings at each step
    known: dict[tuple[tuple[int, ...], tuple[int, ...]], float] = field(default_factory=dict)


def explained(sightings: Sequence[Sighting], game: Game, states: States) -> list[Message]:
    """The messages that explain the sightings best, in the order in which they came up; each cites its sightings."""
    found: list[Message] = []
    for stretch in _stretches(sightings, timebase.ns_from_s(game.feed.shown_s)):
        scene = _scene(stretch, game, states)
        found += _told(scene, _search(scene))
    return sorted(found, key=lambda message: message.start_ns)


def _stretches(sightings: Iterable[Sighting], shown_ns: int) -> Iterator[list[Sighting]]:
    """Sightings between pauses in which every line that was ever there has gone.

    Where there is no such pause for LONG_NS, as in a game that prints without end, a moment without any line will do,
    and after three times that a cut anywhere: the work grows with the square of a stretch.
    """
    stretch: list[Sighting] = []
    end_ns = 0
    for sighting in sightings:
        gap_ns, length_ns = sighting.start_ns - end_ns, sighting.start_ns - (stretch or [sighting])[0].start_ns
        if stretch and (gap_ns > shown_ns or (length_ns > LONG_NS and gap_ns > 0) or length_ns > 3 * LONG_NS):
            yield stretch
            stretch = []
        end_ns = max(end_ns, sighting.end_ns) if stretch else sighting.end_ns
        stretch.append(sighting)
    if stretch:
        yield stretch


def _scene(sightings: Sequence[Sighting], game: Game, states: States) -> Scene:
    meanings: list[Meaning] = []
    costs: list[dict[int, float]] = []
    for sighting in sightings:
        likely = meanings_of(sighting.text, game)
        best = likely[0][0]
        costs.append(
            {
                _number(meanings, meaning): (best - alike) / SECOND_BEST
                for alike, meaning in likely
                if best - alike < SECOND_BEST
            }
        )
    start_ns = sightings[0].start_ns - LATE_NS
    end_ns = max(sighting.end_ns for sighting in sightings)
    screens = [
        tuple(index for index, one in enumerate(sightings) if one.start_ns <= at < one.end_ns)[:MOST_SEEN]
        for at in range(start_ns, end_ns, STEP_NS)
    ]
    beliefs = _candidates(sightings, costs, meanings, game, states)
    return Scene(sightings, meanings, costs, beliefs, game.feed, start_ns, screens)


def _number(meanings: list[Meaning], meaning: Meaning) -> int:
    """The number of a meaning; one that agrees with none so far gets the next."""
    for number, known in enumerate(meanings):
        if known.agrees_with(meaning):
            return number
    meanings.append(meaning)
    return len(meanings) - 1


def _candidates(
    sightings: Sequence[Sighting],
    costs: Sequence[dict[int, float]],
    meanings: Sequence[Meaning],
    game: Game,
    states: States,
) -> dict[Supposed, tuple[float, Rise | None]]:
    """Moments at which a message may have come up: where it was first seen, a lifetime before it went, where a number
    that it raises rose; each with what it costs to suppose it, and the rise that confirms it."""
    shown_ns = timebase.ns_from_s(game.feed.shown_s)
    moments: set[Supposed] = set()
    for sighting, likely in zip(sightings, costs, strict=True):
        for number in likely:
            start_ns = sighting.start_ns
            while (start_ns, number) in moments:
                start_ns += APART_NS  # two equal lines that are first seen at once came up one after the other
            moments.add((start_ns, number))
            if sighting.end_ns - shown_ns > sighting.start_ns:
                moments.add((sighting.end_ns - shown_ns, number))
    for sighting, likely in zip(sightings, costs, strict=True):
        for number in likely:
            rule = meanings[number].rule
            for variable in names(rule) if rule else ():
                window = (sighting.start_ns - LATE_NS, sighting.end_ns)
                moments.update((at, number) for at in states.rises(variable, *window))
    return {moment: _belief(moment, meanings[moment[1]], states) for moment in sorted(moments)}


def _belief(supposed: Supposed, meaning: Meaning, states: States) -> tuple[float, Rise | None]:
    at, rule = supposed[0], meaning.rule
    if rule is None:
        return BELIEF_S, None
    near = [
        (abs(rise - at), name, rise) for name in names(rule) for rise in states.rises(name, at - NEAR_NS, at + NEAR_NS)
    ]
    if near:
        return BELIEF_S + CONFIRMED_S, min(near)[1:]
    return BELIEF_S if states.at_maximum(rule.gives, at) else BELIEF_S + BARRED_S, None


def _search(scene: Scene) -> list[Supposed]:
    supposed: list[Supposed] = []
    for candidate in scene.beliefs:
        _try(scene, supposed, None, candidate)
    for _ in range(ROUNDS):
        before = list(supposed)
        for one in before:
            if one in supposed:
                _try(scene, supposed, one, None)
        for one in list(supposed):
            near = [c for c in scene.beliefs if abs(c[0] - one[0]) <= LATE_NS + EARLY_NS and c != one]
            for candidate in near:
                if one in supposed and _try(scene, supposed, one, candidate):
                    break
        for candidate in scene.beliefs:
            _try(scene, supposed, None, candidate)
        if supposed == before:
            break
    return supposed


def _try(scene: Scene, supposed: list[Supposed], out: Supposed | None, into: Supposed | None) -> bool:
    """Exchange `out` for `into`, either of which may be none, if that lowers the cost; whether it did."""
    if into in supposed:
        return False
    changed = [one for one in supposed if one != out]
    if into is not None:
        insort(changed, into)
    moments = [one[0] for one in (out, into) if one is not None]
    gain = _cost(scene, supposed, moments) - _cost(scene, changed, moments)
    gain += _price(scene, supposed, out) - _price(scene, changed, into)
    if gain <= 1e-9:
        return False
    supposed[:] = changed
    return True


def _price(scene: Scene, supposed: Sequence[Supposed], one: Supposed | None) -> float:
    """What `one`, which is among the supposed, costs by itself."""
    if one is None:
        return 0.0
    belief, rise = scene.beliefs[one]
    sharing = rise is not None and sum(scene.beliefs[other][1] == rise for other in supposed) > 1
    rule = scene.meanings[one[1]].rule
    if sharing and rule is not None:
        return belief + SHARED_S if rule.gives else BELIEF_S
    return belief


def _cost(scene: Scene, supposed: Sequence[Supposed], moments: Sequence[int]) -> float:
    """Seconds of disagreement between prediction and screen over the time that messages at `moments` affect."""
    first = max(0, (min(moments) - scene.start_ns) // STEP_NS)
    shown_ns = timebase.ns_from_s(scene.feed.shown_s)
    last = min(len(scene.screens), (max(moments) + shown_ns - scene.start_ns) // STEP_NS + 2)
    return sum(
        _disagreement(scene, tuple(one[1] for one in _live(scene, supposed, step)), scene.screens[step])
        for step in range(first, last)
    ) * (STEP_NS / timebase.NS_PER_S)


def _live(scene: Scene, supposed: Sequence[Supposed], step: int) -> Sequence[Supposed]:
    """The messages that stand on the screen at a step, oldest first."""
    at = scene.start_ns + step * STEP_NS
    shown_ns = timebase.ns_from_s(scene.feed.shown_s)
    until = bisect_right(supposed, at, key=lambda one: one[0])
    return [one for one in supposed[max(0, until - scene.feed.lines) : until] if at - one[0] < shown_ns]


def _disagreement(scene: Scene, predicted: tuple[int, ...], seen: tuple[int, ...]) -> float:
    """Least cost of pairing predicted meanings with seen sightings. Their places say nothing: lines scroll."""
    key = (tuple(sorted(predicted)), seen)
    if key not in scene.known:
        scene.known[key] = _paired(scene, key[0], seen)[0]
    return scene.known[key]


def _paired(scene: Scene, predicted: Sequence[int], seen: Sequence[int]) -> tuple[float, tuple[tuple[int, int], ...]]:
    """The least cost, and the pairs (place in `predicted`, sighting) that have it."""
    if not predicted:
        return float(len(seen)), ()
    cost, pairs = _paired(scene, predicted[:-1], seen)
    best = (cost + UNSEEN, pairs)
    for at, sighting in enumerate(seen):
        alike = scene.costs[sighting].get(predicted[-1])
        if alike is not None:
            cost, pairs = _paired(scene, predicted[:-1], (*seen[:at], *seen[at + 1 :]))
            best = min(best, (cost + alike, (*pairs, (len(predicted) - 1, sighting))))
    return best


def _told(scene: Scene, supposed: Sequence[Supposed]) -> list[Message]:
    """The supposed messages that some sighting shows, with those sightings."""
    shown: dict[Supposed, dict[int, None]] = {one: {} for one in supposed}
    for step, seen in enumerate(scene.screens):
        live = _live(scene, supposed, step)
        for place, sighting in _paired(scene, [one[1] for one in live], seen)[1]:
            shown[live[place]][sighting] = None
    return [_message(scene, one, [scene.sightings[i] for i in found]) for one, found in shown.items() if found]


def _message(scene: Scene, supposed: Supposed, seen: Sequence[Sighting]) -> Message:
    surest = max(seen, key=lambda sighting: sighting.confidence)
    shown_ns = timebase.ns_from_s(scene.feed.shown_s)
    return Message(
        text=surest.text,
        meaning=scene.meanings[supposed[1]],
        start_ns=supposed[0],
        end_ns=max(min(supposed[0] + shown_ns, max(one.end_ns for one in seen)), supposed[0] + 1),
        confidence=surest.confidence,
        evidence=tuple(one.ocr_id for one in seen),
    )

"""What a long answer adds: the numbers before and after, what came before and what came after (pure).

Every sentence is claimed, so that the check holds it against the timeline like the answer itself.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from gvlm_resources.dataset.facts import Event, Held
from gvlm_resources.dataset.pairs import LENGTHS, Claim
from gvlm_resources.dataset.questions import ask_draft as say
from gvlm_resources.dataset.questions.ask_draft import Phrase
from gvlm_resources.dataset.questions.ask_view import QUIET_NS, SAME_NS, View, count, moment, second, starting_in, value
from gvlm_resources.timebase import NS_PER_S, Span

# So far from what is asked about a number or another event is told, and all that is told together: most answers fit a
# clip of some seconds.
NUMBERS_NS, NEIGHBOUR_NS, TOGETHER_NS = 6 * NS_PER_S, 8 * NS_PER_S, 10 * NS_PER_S
STILL_NS = 3 * NS_PER_S
TOLD_NS = NS_PER_S // 2  # so near to a line of the screen lies the event that it tells of, where it may be several
FEW = 20  # seconds that are looked at on each side
NEIGHBOURS = ("damage", "pickup", "death", "respawn", "secret")
HITS = ("damage", "death")  # what a hit is told as
LOWERING = ("damage", "shot")  # of the kinds that change a number; the others raise it


@dataclass(frozen=True)
class Context:
    """Sentences after an answer, each with a space before it; empty where nothing is sure."""

    phrases: tuple[Phrase, ...] = ()
    claims: tuple[Claim, ...] = ()
    evidence: tuple[str, ...] = ()

    @property
    def words(self) -> Phrase:
        return lambda wording: "".join(f" {phrase(wording)}" for phrase in self.phrases)

    @property
    def lengths(self) -> tuple[str, ...]:
        """Those of an answer whose long form has nothing else to say."""
        return LENGTHS if self.phrases else LENGTHS[:2]

    def with_near(self, other: Context) -> Context:
        """Both, where they lie close together; else this one, or the other where this one says nothing."""
        spans = [claim.span for claim in (*self.claims, *other.claims)]
        if self.phrases and spans and max(s.end_ns for s in spans) - min(s.start_ns for s in spans) > TOGETHER_NS:
            return self
        return self + other

    def __add__(self, other: Context) -> Context:
        return Context(
            (*self.phrases, *other.phrases), (*self.claims, *other.claims), (*self.evidence, *other.evidence)
        )


def around(view: View, event: Event, *, apart_from: Iterable[Event] = ()) -> Context:
    """How the number that an event changes stood before and after, and what else came before it, or else after it."""
    numbers = before_and_after(view, event)
    told = {event.event_id, *(one.event_id for one in apart_from)}
    earlier, later = _before(view, event, told), _after(view, event, told)
    if numbers.phrases:
        return numbers.with_near(earlier if earlier.phrases else later)
    return earlier.with_near(later)


def before_and_after(view: View, event: Event) -> Context:
    """`The player's health was 82 at 00:18 and 92 at 00:22.` Only where the event alone changed it in between."""
    name = _number_of(view, event)
    sure = view.sure_seconds(name) if name else ()
    at = bisect_left(sure, event.start_ns, key=lambda one: one[1].end_ns)
    after = next((one for one in sure[at:] if one[1].start_ns >= event.start_ns), None)
    if at == 0 or after is None:
        return Context()
    before = sure[at - 1]
    if event.start_ns - before[1].end_ns > NUMBERS_NS or after[1].start_ns - event.start_ns > NUMBERS_NS:
        return Context()
    return compared(view, before, after) if _is_its_step(view, event, before[0], after[0]) else Context()


def _is_its_step(view: View, event: Event, before: Held, after: Held) -> bool:
    """Whether a number went from one value straight to the other with the event, and the way that such events go."""
    if [*view.held_in(after.variable, Span(before.start_ns, after.end_ns))] != [before, after]:
        return False
    if after.start_ns - before.end_ns > SAME_NS or abs(after.start_ns - event.start_ns) > SAME_NS:
        return False  # it was not read in between, or changed at another time
    at_once = view.of_kind(event.kind, span=Span(max(0, event.start_ns - SAME_NS), event.start_ns + SAME_NS + 1))
    if any(one != event and _number_of(view, one) == after.variable for one in at_once):
        return False
    return after.value < before.value if event.kind in LOWERING else after.value > before.value


def compared(view: View, before: tuple[Held, Span], after: tuple[Held, Span]) -> Context:
    """A number at two seconds in which it is sure."""
    phrase = _sentence(
        "numbers",
        variable=say.variable(view, before[0].variable),
        variable_start=say.sentence_start(say.variable(view, before[0].variable)),
        before=say.number(before[0].value),
        after=say.number(after[0].value),
        start=say.clock(before[1].start_ns),
        end=say.clock(after[1].start_ns),
    )
    claims = (value(before[0], before[1]), value(after[0], after[1]))
    return Context((phrase,), claims, (before[0].state_id, after[0].state_id))


def _number_of(view: View, event: Event) -> str:
    """The one number that an event of this kind changes; empty where there are several or none."""
    if event.kind == "pickup":
        rule = view.message_of(event)
        return rule.gives[0] if rule and len(rule.gives) == 1 else ""
    if event.kind == "shot":
        return next((rule.name for rule in view.rules.values() if rule.used_by == event.subject), "")
    if event.kind in ("damage", "heal", "armor"):
        return event.subject if event.subject in view.rules else ""
    return ""


def trend(view: View, held: Held, at: Span) -> Context:
    """What a number was before and after the value that it had, or that it still was the same later."""
    sure = view.sure_seconds(held.variable)
    here = bisect_left(sure, at.start_ns, key=lambda one: one[1].start_ns)
    earlier = _other_value(held, at, sure[max(0, here - FEW) : here][::-1])
    later = _other_value(held, at, sure[here + 1 : here + 1 + FEW])
    found = Context()
    for key, one in (("earlier", earlier), ("later", later)):
        if one is not None:
            found = found.with_near(_figure(key, one))
    if found.phrases:
        return found
    near = (one for one in sure[here + 1 : here + 1 + FEW] if one[0] is held)
    same = [one for one in near if STILL_NS <= one[1].start_ns - at.start_ns <= NEIGHBOUR_NS]
    return _figure("still", same[-1]) if same else Context()


def _other_value(held: Held, at: Span, near: Sequence[tuple[Held, Span]]) -> tuple[Held, Span] | None:
    close = (one for one in near if abs(one[1].start_ns - at.start_ns) <= NEIGHBOUR_NS)
    return next((one for one in close if one[0].value != held.value), None)


def figure(key: str, held: Held, at: Span) -> Context:
    """A sentence with a value and its time."""
    return _figure(key, (held, at))


def _figure(key: str, one: tuple[Held, Span]) -> Context:
    held, at = one
    phrase = _sentence(key, value=say.number(held.value), time=say.clock(at.start_ns))
    return Context((phrase,), (value(held, at),), (held.state_id,))


def _before(view: View, event: Event, told: set[str]) -> Context:
    """The nearest event before it, its own second included; nothing where that one is not sure, or told already."""
    since = max(0, second(event.start_ns).start_ns - NEIGHBOUR_NS)
    near = starting_in(view.happenings, Span(since, max(since + 1, event.start_ns)))
    last = next((one for one in reversed(near) if one.kind in NEIGHBOURS), None)
    return _neighbour(view, "before", last, event, told)


def _after(view: View, event: Event, told: set[str]) -> Context:
    """The nearest event after it, as `_before`."""
    near = starting_in(view.happenings, Span(event.start_ns + 1, second(event.start_ns).end_ns + NEIGHBOUR_NS))
    first = next((one for one in near if one.kind in NEIGHBOURS), None)
    return _neighbour(view, "after", first, event, told)


def _neighbour(view: View, key: str, nearest: Event | None, event: Event, told: set[str]) -> Context:
    """`Before that came a hit, at 00:12.` No other of these kinds lies between, and that is claimed too."""
    if nearest is None or nearest.event_id in told or not view.timed(nearest):
        return Context()
    first, then = sorted((second(nearest.start_ns), second(event.start_ns)), key=lambda at: at.start_ns)
    between = _nothing_between(view, NEIGHBOURS, first, then)
    if first == then or between is None:
        return Context()
    phrase = _sentence(key, noun=say.told(view, nearest, "noun"), time=say.clock(nearest.start_ns))
    return Context((phrase,), (moment(nearest), *between), (nearest.event_id,))


def _nothing_between(view: View, kinds: Iterable[str], first: Span, then: Span) -> tuple[Claim, ...] | None:
    """That none of the kinds starts between two seconds, as claims; None where nobody could have seen it."""
    if first.end_ns >= then.start_ns:
        return ()
    between = Span(first.end_ns, then.start_ns)
    claims = tuple(count(kind, between, 0) for kind in kinds if kind in view.facts.recorded)
    return None if any(view.unread.hides(claim) for claim in claims) else claims


def nearest_hit(view: View, at: Span, *, later: bool) -> Context:
    """`The last hit before that was at 00:24.` Nothing where the nearest one is not sure, or may not be the nearest."""
    span = Span(at.end_ns, at.end_ns + NEIGHBOUR_NS) if later else Span(max(0, at.start_ns - NEIGHBOUR_NS), at.start_ns)
    hits = sorted((one for kind in HITS for one in view.of_kind(kind, span=span)), key=lambda one: one.start_ns)
    for hit in hits[:1] if later else hits[-1:]:
        pair = (at, second(hit.start_ns)) if later else (second(hit.start_ns), at)
        between = _nothing_between(view, HITS, *pair)
        if hit.kind == "damage" and view.timed(hit) and between is not None:
            found = near_one("next_hit" if later else "last_hit", hit)
            return Context(found.phrases, (*found.claims, *between), found.evidence)
    return Context()


def near_one(key: str, event: Event) -> Context:
    """`The last one before that was at 00:12.`"""
    return Context((_sentence(key, time=say.clock(event.start_ns)),), (moment(event),), (event.event_id,))


def message_behind(view: View, row_id: str) -> Event | None:
    """The event that a line of the screen tells of, where its second is sure.

    Of several that may be meant it is the only one that lies near to where the line begins.
    """
    found = [event for event in view.events_made_of(row_id) if event.kind in NEIGHBOURS]
    line = view.facts.span_of(row_id)
    if len(found) > 1 and line is not None:
        found = [event for event in found if abs(event.start_ns - line.start_ns) <= TOLD_NS]
    return found[0] if len(found) == 1 and view.timed(found[0]) else None


def of_event(view: View, event: Event | None) -> Context:
    """`At 00:34 the player picked up “health bonus”.`"""
    if event is None:
        return Context()
    return Context((say.told(view, event, "at"),), (moment(event),), (event.event_id,))


def _sentence(key: str, **fields: Phrase) -> Phrase:
    return lambda wording: wording.context[key].format(**{name: phrase(wording) for name, phrase in fields.items()})


def only_one(view: View, event: Event, kind: str) -> bool:
    """Whether no other of the kind is in the second it starts in, or near to it."""
    at = second(event.start_ns)
    wide = Span(max(0, at.start_ns - QUIET_NS // 5), at.end_ns + QUIET_NS // 5)
    return len(view.of_kind(kind, span=wide)) == 1


def amount_of(view: View, event: Event) -> tuple[Claim, ...]:
    """How much a hit took or a gain gave, as a claim; nothing where that is not sure."""
    if event.kind not in ("damage", "heal") or event.value is None or not only_one(view, event, event.kind):
        return ()
    at = second(event.start_ns)
    return (Claim("sum", at.start_ns, at.end_ns, event.kind, value=abs(event.value)),)


def in_full(view: View, event: Event, amount: Sequence[Claim]) -> Phrase:
    """The sentence about an event, with how much it was where that is sure."""
    if not amount:
        return say.told(view, event, "at")
    return say.told(view, event, "at_amount", amount=say.number(amount[0].value or 0))

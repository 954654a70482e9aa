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
from gvlm_resources.dataset.questions.ask_view import QUIET_NS, View, moment, second, starting_in, value
from gvlm_resources.timebase import NS_PER_S, Span

# So far from what is asked about a number or another event is told, and all that is told together: most answers fit a
# clip of some seconds.
NUMBERS_NS, NEIGHBOUR_NS, TOGETHER_NS = 6 * NS_PER_S, 8 * NS_PER_S, 10 * NS_PER_S
STILL_NS = 3 * NS_PER_S
FEW = 20  # seconds that are looked at on each side
NEIGHBOURS = ("damage", "pickup", "death", "respawn", "secret")


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
    """`The player's health was 82 at 00:18 and 92 at 00:22.`"""
    name = _number_of(view, event)
    sure = view.sure_seconds(name) if name else ()
    at = bisect_left(sure, event.start_ns, key=lambda one: one[1].end_ns)
    after = next((one for one in sure[at:] if one[1].start_ns >= event.start_ns), None)
    if at == 0 or after is None:
        return Context()
    before = sure[at - 1]
    if event.start_ns - before[1].end_ns > NUMBERS_NS or after[1].start_ns - event.start_ns > NUMBERS_NS:
        return Context()
    return compared(view, before, after) if before[0].value != after[0].value else Context()


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
    at = second(event.start_ns)
    near = starting_in(view.happenings, Span(max(0, at.start_ns - NEIGHBOUR_NS), max(1, at.start_ns)))
    return neighbour(view, "before", _last(view, near, told))


def _after(view: View, event: Event, told: set[str]) -> Context:
    at = second(event.start_ns)
    near = starting_in(view.happenings, Span(at.end_ns, at.end_ns + NEIGHBOUR_NS))
    return neighbour(view, "after", _last(view, near[::-1], told))


def _last(view: View, events: Sequence[Event], told: set[str]) -> Event | None:
    sure = [one for one in events if one.kind in NEIGHBOURS and one.event_id not in told and view.timed(one)]
    return sure[-1] if sure else None


def neighbour(view: View, key: str, event: Event | None) -> Context:
    """`Before that came a hit, at 00:12.`"""
    if event is None:
        return Context()
    phrase = _sentence(key, noun=say.told(view, event, "noun"), time=say.clock(event.start_ns))
    return Context((phrase,), (moment(event),), (event.event_id,))


def near_one(key: str, event: Event) -> Context:
    """`The last one before that was at 00:12.`"""
    return Context((_sentence(key, time=say.clock(event.start_ns)),), (moment(event),), (event.event_id,))


def message_behind(view: View, row_id: str) -> Event | None:
    """The event that a line of the screen tells of, where its second is sure."""
    found = view.events_made_of(row_id)
    return next((event for event in found if event.kind in NEIGHBOURS and view.timed(event)), None)


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

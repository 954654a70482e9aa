"""What of a video is sure enough to be stated (pure).

Reading a screen is good, not perfect. Templates state only what the known weak spots of reading cannot have made: no
moment at the edge of a second, no number in the second after it changed, no count of things that come in bursts.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise

from gvlm_resources.dataset.claims import readings
from gvlm_resources.dataset.facts import Event, Facts, Frame, Held, Text
from gvlm_resources.dataset.grounding.grounding_unread import Unread
from gvlm_resources.dataset.pairs import Claim
from gvlm_resources.game import MessageRule, VariableRule
from gvlm_resources.timebase import NS_PER_S, Span, ns_from_s

EDGE_NS = 150_000_000  # nearer to a second's edge, the second that a moment lies in is not sure
SAME_NS = 60_000_000  # what is told at once is one happening
QUIET_NS = 1_500_000_000  # a value or a stretch is stated this far from what changes it
LEAVE_NS = 500_000_000
EARLY_NS = 150_000_000  # a message that stands there before the number changed: the number was read late
APART_NS = 250_000_000  # hits or shots nearer to each other may have been read as one
HIDDEN_NS = NS_PER_S  # so near to a shot, the number that an item raises may hold another shot in the same step
# A hit this heavy colours the picture, and for a second or two the old number or none is read.
HEAVY, SHAKEN_NS = 45, 3_000_000_000
REGION_PX = 2.0  # a box as near to a region's as this is that region
READABLE = 0.9  # confidence of a text that is quoted
LETTERS = 4  # a quoted text has as many at least
STRETCHES_S = (10, 20, 30)
STEP_S = 5
HIDDEN_BY_DEATH = ("shot", "damage")  # the last ones before it are not shown, or not as they were
NAMED = frozenset(
    {"pickup", "shot", "weapon_change", "sound", "entity"}
)  # kinds that are always told with their subject
WEAPONS = ("shot", "weapon_change")  # kinds whose subject is a weapon
SEVERAL = " or "  # in the name of a weapon that is one of several
SHAKEN = ("damage", "death", "heal")  # kinds that are read off the number that a hit lowers
PARTS_OF = {"heal": "pickup", "armor": "pickup", "damage": "death"}  # told at once with the other, they are one
NOTABLE = ("death", "respawn", "pickup", "damage", "heal", "armor", "weapon_change", "secret")
# Where a game has no HUD that is read, what can be heard and seen is all there is to tell.
PERCEIVED = ("black_screen", "scene_change", "sound")
_LITERAL = re.compile(r"[\w ',!-]+")


@dataclass(frozen=True)
class View:
    """The facts of a video, and what of them may be stated."""

    facts: Facts
    min_confidence: float

    @property
    def whole(self) -> Span:
        return self.facts.span

    @cached_property
    def unread(self) -> Unread:
        """Where a number could not be read: over such a stretch nothing is stated that rests on it."""
        return Unread(self.facts)

    @cached_property
    def kinds(self) -> tuple[str, ...]:
        """Kinds of events that are told of this game."""
        return NOTABLE if self.facts.game.variables else PERCEIVED

    @cached_property
    def rules(self) -> dict[str, VariableRule]:
        return {rule.name: rule for rule in self.facts.game.variables}

    @cached_property
    def happenings(self) -> list[Event]:
        """Events of the kinds that are told, in order, without those that are part of another: sure ones or not."""
        told = [event for event in self.facts.events if event.kind in self.kinds]
        wholes = {kind: [e.start_ns for e in self.of_kind(kind)] for kind in PARTS_OF.values()}
        return [
            event
            for event in told
            if event.kind not in PARTS_OF or not _near(wholes[PARTS_OF[event.kind]], event.start_ns, SAME_NS)
        ]

    def sure(self, event: Event) -> bool:
        """Whether it surely happened, is what it is called, and when it is said to have been."""
        if event not in self._sure:
            self._sure[event] = self._is_sure(event)
        return self._sure[event]

    @cached_property
    def _sure(self) -> dict[Event, bool]:
        return {}

    def _is_sure(self, event: Event) -> bool:
        if event.confidence < self.min_confidence:
            return False
        if event.kind == "pickup" and not self._taken_for_sure(event):
            return False
        if event.kind == "death" and not {"state", "ocr"} <= set(event.sources):
            return False
        if event.kind in SHAKEN and self._shaken(event):
            return False
        if self.unread.under_kind(event.kind, _about(event.start_ns), event.subject):
            return False
        return not self._read_late(event)

    def _shaken(self, event: Event) -> bool:
        """Whether it is a heavy hit, or told just after one."""
        return bool(self._heavy) and _near(self._heavy, event.start_ns - SHAKEN_NS, 0, until=event.start_ns)

    @cached_property
    def _heavy(self) -> list[int]:
        return [event.start_ns for event in self.of_kind("damage") if abs(event.value or 0) >= HEAVY]

    def varies(self, variable: str) -> bool:
        """Whether it is worth asking about: a number that is 0 all the time is not."""
        return any(held.value for held in self.facts.series(variable))

    def _taken_for_sure(self, event: Event) -> bool:
        rule = self.message_of(event)
        if rule is None or "ocr" not in event.sources:
            return False
        return "state" in event.sources or not (rule.gives or rule.may_give)

    def _read_late(self, event: Event) -> bool:
        rows = [self.facts.row(name) for name in event.evidence]
        return any(isinstance(row, Text) and row.start_ns < event.start_ns - EARLY_NS for row in rows)

    def message_of(self, event: Event) -> MessageRule | None:
        """The game's rule for the message about an event; None where its subject is the name of a number."""
        for rule in self.facts.game.messages:
            if rule.kind == event.kind and rule.subject and rule.subject == event.subject:
                return rule
        return None

    def ammunition_of(self, event: Event) -> VariableRule | None:
        """The ammunition of a weapon that is only known as one of several; None where its name says which it is."""
        if event.kind not in WEAPONS or SEVERAL not in event.subject:
            return None
        return next((rule for rule in self.rules.values() if rule.used_by == event.subject), None)

    def timed(self, event: Event) -> bool:
        """Whether the second in which it starts is sure too."""
        return self.sure(event) and EDGE_NS <= event.start_ns % NS_PER_S <= NS_PER_S - EDGE_NS

    def of_kind(self, kind: str, subject: str = "", *, span: Span | None = None) -> list[Event]:
        """Events of a kind (and subject) that start in `span`, sure ones or not."""
        events = self._by_kind.get(kind, [])
        if span is not None:
            events = starting_in(events, span)
        return [event for event in events if subject in ("", event.subject)]

    def events_in(self, span: Span) -> Sequence[Event]:
        return starting_in(self.facts.events, span)

    def events_made_of(self, row_id: str) -> Sequence[Event]:
        """The events that a row is evidence of."""
        return self._made_of.get(row_id, ())

    @cached_property
    def _made_of(self) -> dict[str, list[Event]]:
        found: dict[str, list[Event]] = {}
        for event in self.facts.events:
            for name in event.evidence:
                found.setdefault(name, []).append(event)
        return found

    def held_in(self, variable: str, span: Span) -> Sequence[Held]:
        """The spans of one value that a span touches; those of one variable never overlap."""
        series = self._series.get(variable, [])
        first = bisect_right(series, span.start_ns, key=lambda held: held.start_ns)
        first -= bool(first and series[first - 1].end_ns > span.start_ns)
        return series[first : bisect_left(series, span.end_ns, key=lambda held: held.start_ns)]

    @cached_property
    def _by_kind(self) -> dict[str, list[Event]]:
        found: dict[str, list[Event]] = {}
        for event in self.facts.events:
            found.setdefault(event.kind, []).append(event)
        return found

    @cached_property
    def _series(self) -> dict[str, list[Held]]:
        return {name: self.facts.series(name) for name in self.rules}

    @cached_property
    def _shown(self) -> list[Frame]:
        return [frame for frame in self.facts.frames if not frame.is_black]

    @cached_property
    def _texts_of(self) -> dict[str, list[Text]]:
        found: dict[str, list[Text]] = {}
        for row in self.facts.texts:
            found.setdefault(row.region, []).append(row)
        return found

    def number_at(self, region: str, ns: int) -> Text | None:
        """What was read in the place of a number at a moment."""
        rows = self._texts_of.get(region, [])
        at = bisect_right(rows, ns, key=lambda row: row.start_ns) - 1
        return rows[at] if at >= 0 and rows[at].end_ns > ns and rows[at].category == "number" else None

    def fills_its_region(self, text: Text) -> bool:
        """Whether the box of a number is the place that the game's rules give, not what its digits take up."""
        region = next((one for one in self.facts.game.hud if one.name == text.region), None)
        if region is None:
            return False
        sizes = (text.width, text.height, text.width, text.height)
        given = [part * size for part, size in zip(region.box, sizes, strict=True)]
        return all(abs(own - part) <= REGION_PX for own, part in zip(text.box, given, strict=True))

    def countable(self, kind: str, span: Span, *, subject: str = "") -> bool:
        """Whether the events of a kind that start in a span can be counted: all sure, none near its ends, no burst."""
        wide = Span(max(0, span.start_ns - QUIET_NS), span.end_ns + QUIET_NS)
        around = self.of_kind(kind, span=wide)
        inside = [event for event in around if span.contains(event.start_ns)]
        if len(inside) < len(around) or not all(self.sure(event) for event in inside):
            return False
        if self.unread.under_kind(kind, span):
            return False
        if any(self._near_end(event, span) for event in inside):
            return False
        if kind in HIDDEN_BY_DEATH and any(self.of_kind(end, span=wide) for end in ("death", "respawn")):
            return False
        starts = [event.start_ns for event in inside]
        if any(_near(self._rises(kind), start, HIDDEN_NS) for start in starts):
            return False
        return all(later - earlier >= APART_NS for earlier, later in pairwise(starts))

    def _rises(self, kind: str) -> list[int]:
        """When an item was taken that raises a number which events of this kind lower."""
        if kind not in self._rises_of:
            lowered = {rule.name for rule in self.rules.values() if rule.on_decrease == kind}
            rules = ((event, self.message_of(event)) for event in self.of_kind("pickup"))
            self._rises_of[kind] = [e.start_ns for e, rule in rules if rule and lowered & {*rule.gives, *rule.may_give}]
        return self._rises_of[kind]

    @cached_property
    def _rises_of(self) -> dict[str, list[int]]:
        return {}

    def _near_end(self, event: Event, span: Span) -> bool:
        at_start = span.start_ns > 0 and event.start_ns - span.start_ns < QUIET_NS
        return at_start or span.end_ns - event.start_ns < QUIET_NS

    def stretches(self, lengths_s: Sequence[int] = STRETCHES_S, *, step_s: int = STEP_S) -> Iterator[Span]:
        """Stretches of whole seconds to ask about."""
        end_s = self.facts.duration_ns // NS_PER_S
        for length in lengths_s:
            for start in range(0, end_s - length + 1, step_s):
                yield Span(start * NS_PER_S, (start + length) * NS_PER_S)

    def calm(self, variable: str) -> Iterator[tuple[Held, Span]]:
        """Whole seconds in which a variable surely held a value, with the row that says so."""
        for held in self._series.get(variable, []):
            if held.confidence < self.min_confidence:
                continue
            start_s = -(-(held.start_ns + (QUIET_NS if held.start_ns else 0)) // NS_PER_S)
            end_s = (held.end_ns - LEAVE_NS) // NS_PER_S
            for at_s in range(start_s, end_s):
                second = Span(at_s * NS_PER_S, (at_s + 1) * NS_PER_S)
                if not self.hit_near(second) and not self.unread.under([variable], second):
                    yield held, second

    def sure_seconds(self, variable: str) -> Sequence[tuple[Held, Span]]:
        """What `calm` gives, in the order of time."""
        if variable not in self._sure_seconds:
            self._sure_seconds[variable] = list(self.calm(variable))
        return self._sure_seconds[variable]

    @cached_property
    def _sure_seconds(self) -> dict[str, list[tuple[Held, Span]]]:
        return {}

    def hit_near(self, span: Span) -> bool:
        return _near(self._hits, span.start_ns, QUIET_NS, until=span.end_ns)

    @cached_property
    def _hits(self) -> list[int]:
        return [event.start_ns for event in self.facts.events if event.kind in ("damage", "death", "respawn")]

    def frames_at(self, moments: Sequence[int], *, most: int = 4) -> tuple[str, ...]:
        """The sampled frames nearest to moments, none of them black, each once and in order."""
        near = [frame for at in moments if (frame := self._nearest(at))]
        once = {frame.frame_id: frame for frame in near}
        return tuple(frame.frame_id for frame in sorted(once.values(), key=lambda f: f.pts_ns)[:most])

    def frame_in(self, span: Span) -> Frame | None:
        """The frame nearest to the middle of a span, of those within it that are not black."""
        frame = self._nearest(span.middle_ns)
        return frame if frame and span.contains(frame.pts_ns) else None

    def _nearest(self, ns: int) -> Frame | None:
        at = bisect_left(self._shown, ns, key=lambda frame: frame.pts_ns)
        near = self._shown[max(0, at - 1) : at + 1]
        return min(near, key=lambda frame: (abs(frame.pts_ns - ns), frame.pts_ns), default=None)

    def quotable(self) -> list[tuple[Text, str]]:
        """Texts on the screen with the words they are quoted by: the game's own where it has such a message."""
        found = []
        for text in self.facts.texts:
            words = self._canonical(text) if self.facts.game.messages else _legible(text)
            if words and text.confidence >= READABLE:
                found.append((self._while_it_stands(text), words))
        return found

    def _while_it_stands(self, text: Text) -> Text:
        """A line of the HUD no longer than the game shows one: what is read there later may be the next one."""
        if text.category != "message":
            return text
        return replace(text, end_ns=min(text.end_ns, text.start_ns + ns_from_s(self.facts.game.feed.shown_s)))

    def _canonical(self, text: Text) -> str:
        """The game's own spelling of the message that a line of the HUD was read as; empty where letters are off.

        A line of which some letters were misread is that message where a number rose with it, as the message says.
        """
        if text.category != "message":
            return ""
        read = _letters(text.text)
        exact = next((words for words in self._messages if _letters(words) == read), "")
        return exact or self._confirmed(text)

    def _confirmed(self, text: Text) -> str:
        known = readings(text, self.facts.game)[1:]
        events = [event for event in self.events_made_of(text.ocr_id) if "state" in event.sources and self.sure(event)]
        rules = {rule.pattern for event in events if (rule := self.message_of(event))}
        return next((words for words in self._messages if words in rules and _letters(words) in known), "")

    @cached_property
    def _messages(self) -> tuple[str, ...]:
        """The game's messages whose words are all given."""
        words = [rule.pattern for rule in self.facts.game.messages if rule.kind != "death"]
        return tuple(dict.fromkeys(word for word in words if _LITERAL.fullmatch(word)))


def starting_in(events: Sequence[Event], span: Span) -> Sequence[Event]:
    first = bisect_left(events, span.start_ns, key=lambda event: event.start_ns)
    return events[first : bisect_left(events, span.end_ns, key=lambda event: event.start_ns)]


def second(ns: int) -> Span:
    """The whole second that a moment lies in: what `MM:SS` names."""
    start_ns = ns // NS_PER_S * NS_PER_S
    return Span(start_ns, start_ns + NS_PER_S)


def moment(event: Event) -> Claim:
    """That it starts in the second that is named."""
    at = second(event.start_ns)
    return Claim("moment", at.start_ns, at.end_ns, event.kind, event.subject if event.kind in NAMED else "")


def count(kind: str, span: Span, value: int, subject: str = "") -> Claim:
    return Claim("count", span.start_ns, span.end_ns, kind, subject, float(value))


def order(first: Event, then: Event) -> Claim:
    """That one comes before the other."""
    before, after = moment(first), moment(then)
    return Claim(
        "order",
        before.start_ns,
        before.end_ns,
        before.kind,
        before.subject,
        other_kind=after.kind,
        other_subject=after.subject,
        other_start_ns=after.start_ns,
        other_end_ns=after.end_ns,
    )


def value(held: Held, span: Span) -> Claim:
    return Claim("value", span.start_ns, span.end_ns, subject=held.variable, value=held.value)


def _about(ns: int) -> Span:
    """A moment with as much around it as what is told at once may lie apart."""
    return Span(max(0, ns - SAME_NS), ns + SAME_NS)


def _near(starts: Sequence[int], ns: int, within_ns: int, *, until: int | None = None) -> bool:
    """Whether one of `starts`, which are in order, is as near to the moment, or to the span up to `until`."""
    at = bisect_left(starts, ns - within_ns)
    return at < len(starts) and starts[at] <= (ns if until is None else until) + within_ns


def _letters(text: str) -> str:
    return re.sub(r"\W", "", text).casefold()


def _legible(text: Text) -> str:
    letters = sum(char.isalpha() for char in text.text)
    return text.text.strip() if text.category != "number" and letters >= LETTERS else ""

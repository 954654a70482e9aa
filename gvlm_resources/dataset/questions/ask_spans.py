"""What a span of the video comes to (pure).

Where everything that counts is sure, a summary is complete: what was taken and how often, how many hits, which weapons.
Where it is not, in a fight for one, it names what is sure and says that there was more.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from gvlm_resources.dataset.facts import Event, Held
from gvlm_resources.dataset.pairs import LENGTHS, SUMMARY, Claim
from gvlm_resources.dataset.questions import ask_draft as say
from gvlm_resources.dataset.questions.ask_draft import Draft, Phrase
from gvlm_resources.dataset.questions.ask_moments import QUIET_KINDS, covers, quiet
from gvlm_resources.dataset.questions.ask_view import QUIET_NS, View, count, moment, starting_in, value
from gvlm_resources.dataset.questions.wording import Wording
from gvlm_resources.timebase import Span

LENGTHS_S, STEP_S = (8, 10, 15, 20, 30), 1
MOST_EVENTS = 12
MOST_TOLD = 8
MOST_NAMED = 4  # items by name; of more, how many in all
LEAST_AMONG = 2  # things that a summary tells which says that there was more
BUSY = ("shot", "weapon_change", "heal", "armor", "respawn", "secret")  # no quiet stretch has any of these
COUNTED = ("death", "respawn", "damage", "pickup", "weapon_change", "secret", "black_screen", "scene_change", "sound")
UNTOLD = ("sound", "weapon_change")


@dataclass(frozen=True)
class Part:
    """One thing that a summary tells: its words, what they claim, the rows behind it."""

    words: Phrase
    claims: tuple[Claim, ...]
    evidence: tuple[str, ...]


def summary(view: View) -> Iterator[Draft]:
    happenings = [event for event in view.happenings if event.kind in COUNTED]
    health = list(view.calm("health")) if view.rules else []
    told: set[tuple[str, ...]] = set()
    for span in view.stretches(LENGTHS_S, step_s=STEP_S):
        events = starting_in(happenings, span)
        key = say.ids_of(events)  # the same events in a stretch a second later are no other summary
        if key in told or len(events) > MOST_EVENTS:
            continue
        if (draft := _complete(view, span, events, health) if view.rules else _counted(view, span, events)) is not None:
            told.add(key)
            yield draft
    if view.rules:
        yield from _fights(view, happenings, told, health)
    for span in view.stretches():
        if not any(view.of_kind(kind, span=span) for kind in BUSY) and not _loud(view, span) and quiet(view, span):
            yield _quiet(view, span)


def _fights(
    view: View, happenings: Sequence[Event], told: set[tuple[str, ...]], health: Sequence[tuple[Held, Span]]
) -> Iterator[Draft]:
    """Stretches of which not everything can be counted."""
    for span in view.stretches():
        events = starting_in(happenings, span)
        key = say.ids_of(events)
        if key in told:
            continue
        told.add(key)
        if (draft := _among(view, span, events, health)) is not None:
            yield draft


def _complete(view: View, span: Span, events: Sequence[Event], health: Sequence[tuple[Held, Span]]) -> Draft | None:
    """All that happened in a stretch, where all of it is sure."""
    if not all(view.countable(kind, span) for kind in _kinds(view)):
        return None
    shots = {event.subject for event in view.of_kind("shot", span=span)}
    fired = _weapons(view, span)
    if shots - {event.subject for event in fired}:
        return None
    told = [event for event in events if event.kind not in UNTOLD]
    parts = [*_taken(view, span), *_fired(fired), *_hits(view, span), *_ends(view, span)]
    if fired and not told and quiet(view, span):
        parts += [Part(_words("spared"), tuple(count(kind, span, 0) for kind in QUIET_KINDS), ())]
    return _told(view, "summary_play", span, told, parts, health) if parts else None


def _kinds(view: View) -> list[str]:
    return [kind for kind in COUNTED if kind in view.kinds and kind not in UNTOLD]


def _among(view: View, span: Span, events: Sequence[Event], health: Sequence[tuple[Held, Span]]) -> Draft | None:
    """What of a stretch is sure, each with its moment, where there was more."""
    sure = [event for event in events if event.kind not in UNTOLD and view.timed(event)]
    items = list({event.subject: event for event in reversed(sure) if event.kind == "pickup"}.values())[::-1]
    items = items[:MOST_NAMED]
    hits = [event for event in sure if event.kind == "damage"][:1]
    deaths = [event for event in sure if event.kind == "death" and event.subject][:1]
    returns = [event for event in sure if event.kind == "respawn"][:1]
    parts = [
        *([Part(_words("picked", items=_listed(items)), _moments(items), say.ids_of(items))] if items else ()),
        *_fired(_weapons(view, span)),
        *(Part(_words("hit_some"), _moments([hit]), (hit.event_id,)) for hit in hits),
        *(Part(_killed(death), _killing(death), (death.event_id,)) for death in deaths),
        *(Part(_words("respawn"), _moments([back]), (back.event_id,)) for back in returns),
    ]
    parts.sort(key=lambda part: min(claim.start_ns for claim in part.claims))
    told = sorted([*items, *hits, *deaths, *returns], key=lambda event: event.start_ns)
    return _told(view, "summary_among", span, told, parts, health) if len(parts) >= LEAST_AMONG else None


def _told(
    view: View,
    topic: str,
    span: Span,
    told: Sequence[Event],
    parts: Sequence[Part],
    health: Sequence[tuple[Held, Span]],
) -> Draft:
    whole = [*parts, *_health(health, span)]
    sure = 0 < len(told) <= MOST_TOLD and all(view.timed(event) for event in told)
    return Draft(
        SUMMARY,
        topic,
        " ".join(dict.fromkeys(event.kind for event in told)),
        span,
        tuple(dict.fromkeys(name for part in whole for name in part.evidence)),
        tuple(dict.fromkeys(claim for part in whole for claim in part.claims)),
        {
            "start": say.clock(span.start_ns),
            "end": say.clock(span.end_ns),
            "brief": _all(part.words for part in parts),
            "parts": _all(part.words for part in whole),
            "sentences": say.sentences(told),
        },
        at_ns=tuple(event.start_ns for event in told) or (span.middle_ns,),
        lengths=LENGTHS if sure else LENGTHS[:2],
        more_claims=_moments(told),
        more_evidence=say.ids_of(told),
    )


def _taken(view: View, span: Span) -> Iterator[Part]:
    """The items by name, each with how often where that is more than once."""
    events = view.of_kind("pickup", span=span)
    often = Counter(event.subject for event in events)
    if not events:
        return
    named = list(often)[:MOST_NAMED]
    claims = [count("pickup", span, len(events)), *(count("pickup", span, often[name], name) for name in named)]
    key = "picked" if len(events) == len(named) else "picked_all" if len(often) == len(named) else "picked_many"
    words = _words(key, count=say.number(len(events)), items=_named({name: often[name] for name in named}))
    yield Part(words, tuple(claims), say.ids_of(events))


def _hits(view: View, span: Span) -> Iterator[Part]:
    hits = view.of_kind("damage", span=span)
    if hits:
        words = _words("hit_one" if len(hits) == 1 else "hit_many", count=say.number(len(hits)))
        yield Part(words, (count("damage", span, len(hits)),), say.ids_of(hits))


def _ends(view: View, span: Span) -> Iterator[Part]:
    """Deaths, with the cause of the only one; returns to life; secrets."""
    deaths = view.of_kind("death", span=span)
    claims = (count("death", span, len(deaths)),)
    if len(deaths) == 1 and deaths[0].subject:
        yield Part(_killed(deaths[0]), (*claims, count("death", span, 1, deaths[0].subject)), say.ids_of(deaths))
    elif deaths:
        words = _words("died" if len(deaths) == 1 else "died_many", count=say.number(len(deaths)))
        yield Part(words, claims, say.ids_of(deaths))
    for kind in ("respawn", "secret"):
        if found := view.of_kind(kind, span=span):
            words = _words(kind if len(found) == 1 else f"{kind}_many", count=say.number(len(found)))
            yield Part(words, (count(kind, span, len(found)),), say.ids_of(found))


def _weapons(view: View, span: Span) -> list[Event]:
    """The first sure shot with each weapon: none near to a change of weapon."""
    first: dict[str, Event] = {}
    for event in view.of_kind("shot", span=span):
        about = Span(max(0, event.start_ns - QUIET_NS), event.start_ns + QUIET_NS)
        if event.subject and view.timed(event) and not view.of_kind("weapon_change", span=about):
            first.setdefault(event.subject, event)
    return list(first.values())


def _fired(shots: Sequence[Event]) -> Iterator[Part]:
    if shots:
        yield Part(_words("fired", weapons=_all(_weapon(shot) for shot in shots)), _moments(shots), say.ids_of(shots))


def _health(health: Sequence[tuple[Held, Span]], span: Span) -> Iterator[Part]:
    """The health at the first and the last second of the stretch in which it is sure, where the two differ."""
    first = bisect_left(health, span.start_ns, key=lambda one: one[1].start_ns)
    seconds = health[first : bisect_left(health, span.end_ns, key=lambda one: one[1].start_ns)]
    if len(seconds) < 2 or seconds[0][0].value == seconds[-1][0].value:
        return
    (before, start), (after, end) = seconds[0], seconds[-1]
    words = _words(
        "health",
        before=say.number(before.value),
        after=say.number(after.value),
        start=say.clock(start.start_ns),
        end=say.clock(end.start_ns),
    )
    yield Part(words, (value(before, start), value(after, end)), (before.state_id, after.state_id))


def _moments(events: Iterable[Event]) -> tuple[Claim, ...]:
    return tuple(moment(event) for event in events)


def _killing(death: Event) -> tuple[Claim, ...]:
    return (replace(moment(death), subject=death.subject),)


def _killed(death: Event) -> Phrase:
    return _words("died_by", by=lambda wording: wording.cause(death.subject))


def _weapon(shot: Event) -> Phrase:
    return lambda wording: wording.fired(shot.subject)


def _listed(events: Sequence[Event]) -> Phrase:
    return _all(say.quoted(event.subject) for event in events)


def _named(often: Mapping[str, int]) -> Phrase:
    def worded(wording: Wording) -> str:
        times = {name: f" ({number}×)" if number > 1 else "" for name, number in often.items()}
        return wording.listed([f"{wording.quote(name)}{mark}" for name, mark in times.items()])

    return worded


def _words(key: str, **fields: Phrase) -> Phrase:
    return lambda wording: wording.summary[key].format(**{name: phrase(wording) for name, phrase in fields.items()})


def _all(phrases: Iterable[Phrase]) -> Phrase:
    listed = tuple(phrases)
    return lambda wording: wording.listed([phrase(wording) for phrase in listed])


def _counted(view: View, span: Span, events: Sequence[Event]) -> Draft | None:
    """How often each thing happened, in a game whose numbers and messages are not known."""
    told = [event for event in events if event.kind not in UNTOLD]
    kinds = _kinds(view)
    if not told or not all(view.countable(kind, span) for kind in kinds):
        return None
    numbers = Counter(event.kind for event in view.events_in(span))
    found = {kind: numbers[kind] for kind in kinds if numbers[kind]}
    sure = all(view.timed(event) for event in told) and len(told) <= MOST_TOLD
    return Draft(
        SUMMARY,
        "summary_events",
        " ".join(found),
        span,
        say.ids_of(told),
        tuple(count(kind, span, number) for kind, number in found.items()),
        {
            "start": say.clock(span.start_ns),
            "end": say.clock(span.end_ns),
            "counts": _all(say.counted(kind, "counted_", number) for kind, number in found.items()),
            "sentences": say.sentences(told),
        },
        at_ns=tuple(event.start_ns for event in told),
        lengths=LENGTHS if sure else LENGTHS[:2],
        more_claims=_moments(told),
    )


def _loud(view: View, span: Span) -> bool:
    """Whether a sound or a voice was recognised in a stretch."""
    rows = (*view.facts.sounds, *view.facts.speech)
    return any(row.start_ns < span.end_ns and row.end_ns > span.start_ns for row in rows)


def _quiet(view: View, span: Span) -> Draft:
    held = next(held for held in view.held_in("health", span) if covers(held, span))
    return Draft(
        SUMMARY,
        "summary_quiet",
        "quiet",
        span,
        (held.state_id,),
        tuple(count(kind, span, 0) for kind in QUIET_KINDS),
        {"start": say.clock(span.start_ns), "end": say.clock(span.end_ns), "value": say.number(held.value)},
        at_ns=(span.middle_ns,),
        more_claims=(value(held, span),),
    )

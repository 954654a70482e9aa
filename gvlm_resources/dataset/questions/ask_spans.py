"""What a span of the video comes to (pure).

A summary tells what happened in its order, with the times, each thing once. Where everything that counts is sure, it is
complete; where it is not, in a fight for one, it tells what is sure and ends by saying that there was more.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby

from gvlm_resources.dataset.facts import Event
from gvlm_resources.dataset.pairs import LENGTHS, SUMMARY, Claim
from gvlm_resources.dataset.questions import ask_draft as say
from gvlm_resources.dataset.questions.ask_context import Context, compared
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
    told: set[tuple[str, ...]] = set()
    for whole, spans in ((True, view.stretches(LENGTHS_S, step_s=STEP_S)), (False, view.stretches())):
        for span in spans:
            events = starting_in(happenings, span)
            key = say.ids_of(events)  # the same events in a stretch a second later are no other summary
            if key in told or len(events) > MOST_EVENTS or not (view.rules or whole):
                continue
            draft = _play(view, span, events, whole=whole) if view.rules else _counted(view, span, events)
            if draft is not None:
                told.add(key)
                yield draft
    for span in view.stretches():
        if not any(view.of_kind(kind, span=span) for kind in BUSY) and not _loud(view, span) and quiet(view, span):
            yield _quiet(view, span)


def _play(view: View, span: Span, events: Sequence[Event], *, whole: bool) -> Draft | None:
    """What the player did and suffered in a stretch, in its order.

    `whole` asks for stretches in which all that counts is sure; of others, such as fights, what is sure is told.
    """
    events = [event for event in events if event.kind not in UNTOLD]
    fired = _weapons(view, span)
    sure = [event for event in events if view.timed(event)]
    all_fired = {event.subject for event in view.of_kind("shot", span=span)} <= {shot.subject for shot in fired}
    all_told = all_fired and len(sure) == len(events)
    if whole and not (all_told and all(view.countable(kind, span) for kind in _kinds(view))):
        return None
    steps = _runs(sorted([*sure, *fired], key=lambda event: event.start_ns))
    if not (1 if whole else LEAST_AMONG) <= len(steps) <= MOST_TOLD or not (whole or sure):
        return None
    if whole and not events:
        return _spared(view, span, fired) if quiet(view, span) else None
    brief = [*_taken(view, span), *_fired(view, fired), *_hits(view, span), *_ends(view, span)]
    left_out = not all_told or any(view.unread.under_kind(kind, span) for kind in (*_kinds(view), "shot"))
    topic = "summary_among" if left_out else "summary_play"
    return _told(view, topic, span, steps, brief if whole else _some(view, steps))


def _kinds(view: View) -> list[str]:
    return [kind for kind in COUNTED if kind in view.kinds and kind not in UNTOLD]


def _runs(events: Sequence[Event]) -> list[list[Event]]:
    """Events in their order, those that are the same one after another together."""
    return [list(run) for _, run in groupby(events, key=lambda event: (event.kind, event.subject))]


def _some(view: View, steps: Sequence[Sequence[Event]]) -> list[Part]:
    """What of a stretch is sure in few words, each thing once."""
    events = [event for step in steps for event in step]
    items = list({event.subject: event for event in reversed(events) if event.kind == "pickup"}.values())[::-1]
    parts = [Part(_words("picked", items=_listed(items[:MOST_NAMED])), (), ())] if items else []
    parts += _fired(view, [event for event in events if event.kind == "shot"])
    for kind, words in (("damage", _words("hit_some")), ("secret", _words("secret_some"))):
        parts += [Part(words, (), ())] if any(event.kind == kind for event in events) else []
    deaths = [event for event in events if event.kind == "death"]
    parts += [Part(_killed(deaths[0]) if deaths[0].subject else _words("died"), (), ())] if deaths else []
    parts += [Part(_words("respawn"), (), ())] if any(event.kind == "respawn" for event in events) else []
    return parts


def _told(view: View, topic: str, span: Span, steps: Sequence[Sequence[Event]], brief: Sequence[Part]) -> Draft:
    events = [event for step in steps for event in step]
    health = _health(view, span)
    claims = [claim for part in brief for claim in part.claims]
    claims += [_claimed(event) for event in events]
    return Draft(
        SUMMARY,
        topic,
        " ".join(dict.fromkeys(event.kind for event in events)),
        span,
        say.ids_of(events),
        tuple(dict.fromkeys(claims)),
        {
            "start": say.clock(span.start_ns),
            "end": say.clock(span.end_ns),
            "brief": _all(part.words for part in brief),
            "steps": _all(_step(view, step) for step in steps),
            "sentences": _sentences(view, steps),
            "context": health.words,
        },
        at_ns=tuple(event.start_ns for event in events),
        more_claims=health.claims,
        more_evidence=health.evidence,
    )


def _claimed(event: Event) -> Claim:
    """Its moment; of a death with what killed the player, where that is told."""
    return replace(moment(event), subject=event.subject) if event.kind == "death" else moment(event)


def _step(view: View, step: Sequence[Event]) -> Phrase:
    """`was hit at 00:12 and 00:14`."""
    event, times = step[0], say.clocks([one.start_ns for one in step])
    match event.kind:
        case "pickup":
            return _words("step_pickup", items=say.quoted(event.subject), time=times)
        case "shot":
            return _words("step_shot", weapons=_weapon(view, event), time=times)
        case "death" if event.subject:
            return _words("step_killed", by=lambda wording: wording.cause(event.subject), time=times)
        case _:
            return _words(f"step_{event.kind}", time=times)


def _sentences(view: View, steps: Sequence[Sequence[Event]]) -> Phrase:
    def worded(wording: Wording) -> str:
        return " ".join(_sentence(view, step)(wording) for step in steps)

    return worded


def _sentence(view: View, step: Sequence[Event]) -> Phrase:
    event, times = step[0], say.clocks([one.start_ns for one in step])
    if event.kind == "death" and event.subject:
        return say.form("death", "at_by", time=times, by=lambda wording: wording.cause(event.subject))
    return say.told(view, event, "at", time=times)


def _spared(view: View, span: Span, fired: Sequence[Event]) -> Draft:
    """A stretch in which the player fired and nothing else happened."""
    nothing = tuple(count(kind, span, 0) for kind in QUIET_KINDS)
    spared = [Part(_words(key), nothing, ()) for key in ("spared_hurt", "spared_taken")]
    draft = _told(view, "summary_play", span, _runs(fired), [*_fired(view, fired), *spared])
    return replace(
        draft,
        fields={
            **draft.fields,
            "steps": _all([*(_step(view, [shot]) for shot in fired), *(part.words for part in spared)]),
            "sentences": lambda wording: f"{_sentences(view, _runs(fired))(wording)} {wording.context['spared']}",
        },
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


def _fired(view: View, shots: Sequence[Event]) -> Iterator[Part]:
    if shots:
        words = _words("fired", weapons=_all(_weapon(view, shot) for shot in shots))
        yield Part(words, tuple(moment(shot) for shot in shots), say.ids_of(shots))


def _weapon(view: View, shot: Event) -> Phrase:
    """A weapon as what is fired; by its ammunition where it may be one of several."""
    rule = view.ammunition_of(shot)
    if rule is None:
        return lambda wording: wording.fired(shot.subject)
    return lambda wording: wording.weapon_of.format(name=wording.ammunition_of(rule.name, rule.words))


def _health(view: View, span: Span) -> Context:
    """The health at the first and the last second of the stretch in which it is sure, where the two differ."""
    health = view.sure_seconds("health")
    first = bisect_left(health, span.start_ns, key=lambda one: one[1].start_ns)
    seconds = health[first : bisect_left(health, span.end_ns, key=lambda one: one[1].end_ns, lo=first)]
    if len(seconds) < 2 or seconds[0][0].value == seconds[-1][0].value:
        return Context()
    return compared(view, seconds[0], seconds[-1])


def _killed(death: Event) -> Phrase:
    return _words("died_by", by=lambda wording: wording.cause(death.subject))


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
            "sentences": say.sentences(view, told),
        },
        at_ns=tuple(event.start_ns for event in told),
        lengths=LENGTHS if sure else LENGTHS[:2],
        more_claims=tuple(moment(event) for event in told),
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

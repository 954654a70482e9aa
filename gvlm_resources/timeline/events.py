"""One ordered, counted list of what happened in a video (pure).

Steps of the HUD's numbers, messages, speech and marks of frames become events by the game's rules. What tells of one
happening is one event with all its evidence: the message "Took a health refill." and the health that rises with it are
one pickup. What happened again is another event: nothing here looks for equal texts.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from math import prod

import pyarrow as pa

from gvlm_resources import schemas, timebase
from gvlm_resources.game import Game
from gvlm_resources.timeline import explain
from gvlm_resources.timeline.alignment import match
from gvlm_resources.timeline.changes import SAME_NS, Change, States, Steps, sorted_out
from gvlm_resources.timeline.feed import Message, names, sightings_of, told_anywhere
from gvlm_resources.timeline.sentences import sentence

MOMENT_NS = 100_000_000  # span of what happens at once: long enough to hold the frame that shows it
ONE_NS = 40_000_000  # numbers that one thing raises rise in one frame; two things may be taken in neighbouring ones
TOGETHER_NS = 600_000_000  # a message may be readable this much later than the number that steps with it
ENDING_NS = 1_500_000_000  # a message about an end may come this much before or after it

STATE, OCR, SPEECH, FRAMES, SOUND, ENTITY = "state", "ocr", "speech", "frames", "sound", "entity"
CAPTION_CONFIDENCE = 0.5  # a language model that describes a sound gives no score; neither sure nor unlikely
MESSAGE = "message"


@dataclass(frozen=True, slots=True)
class Happening:
    """One event before it has an id and a number. `changes` and `messages` are what tells of it."""

    kind: str
    start_ns: int
    end_ns: int
    confidence: float
    subject: str = ""
    value: float | None = None
    label: str = ""
    text: str = ""  # words said or shown, where the event is about words
    changes: tuple[Change, ...] = ()
    messages: tuple[Message, ...] = ()
    sources: tuple[str, ...] = ()
    evidence: tuple[str, ...] = ()


def merge(
    *,
    video_id: str,
    end_ns: int,
    game: Game,
    state: pa.Table,
    ocr: pa.Table,
    speech: pa.Table,
    frames: pa.Table,
    sounds: pa.Table,
    entities: pa.Table,
) -> pa.Table:
    """The events of a video of `end_ns` ns as `schemas.TIMELINE_EVENTS`, ordered by start, then kind.

    The tables are as in `schemas`; `frames` may lack the images, `entities` the masks. Every event cites the rows it
    was made from. `ordinal` counts the events of a kind from 1 on.
    """
    states = States(state, game)
    shown = explain.explained(sightings_of(ocr), game, states) + told_anywhere(ocr, game)
    found = [*from_hud(sorted_out(states), shown, states), *_said(speech), *_marked(frames)]
    found += [*_heard(sounds), *_tracked(entities)]
    inside = [happening for happening in found if happening.start_ns < end_ns]
    return _table(sorted(inside, key=lambda one: (one.start_ns, one.kind)), game, video_id, end_ns)


def from_hud(steps: Steps, shown: Sequence[Message], states: States) -> list[Happening]:
    """What the numbers and the messages of the HUD tell together."""
    endings = [message for message in shown if message.meaning.rule and message.meaning.rule.kind in _end_kinds(states)]
    ends, spare = _ends(steps.ends, endings)
    gained = {message.meaning.rule.kind for message in shown if message.meaning.rule} & _gain_kinds(states)
    takings = [message for message in shown if message.meaning.rule and message.meaning.rule.kind in gained]
    other = [message for message in shown if message not in takings and message not in endings]
    return [
        *ends,
        *(_of_changes(one.rule.on_revival, (one,)) for one in steps.revivals if one.rule.on_revival),
        *_taken(steps.plain, takings, states),
        *_rises(steps.plain),
        *_falls(steps),
        *(_switch(change, name, states) for change, name in steps.switches if change.rule.on_switch),
        *(_told(message, MESSAGE if message in spare else None) for message in (*other, *spare)),
    ]


def _end_kinds(states: States) -> set[str]:
    return {rule.on_zero for rule in states.rules.values() if rule.on_zero}


def _gain_kinds(states: States) -> set[str]:
    return {rule.gained_by for rule in states.rules.values() if rule.gained_by}


def _ends(ends: Sequence[Change], told: Sequence[Message]) -> tuple[list[Happening], list[Message]]:
    """Each fall to zero with the message about it; and the messages left, which may be about somebody else."""
    pairs = dict(match([end.at_ns for end in ends], [one.start_ns for one in told], ENDING_NS))
    found = []
    for index, end in enumerate(ends):
        about = (told[pairs[index]],) if index in pairs else ()
        happening = _of_changes(end.rule.on_zero or "", (end,), about)
        found.append(happening if about else replace(happening, subject=""))
    return found, [message for index, message in enumerate(told) if index not in pairs.values()]


def _taken(changes: Sequence[Change], told: Sequence[Message], states: States) -> Iterator[Happening]:
    """Things taken: a message with the increases it explains, or increases that no message explains.

    A message of a thing that must raise a number which can still rise, and did not, is an old line read anew.
    """
    rises = [change for change in changes if change.amount > 0 and change.rule.gained_by]
    raised: dict[int, list[Change]] = {index: [] for index in range(len(told))}
    _pair(rises, told, raised, SAME_NS)
    rose = [message for index, message in enumerate(told) if raised[index]]
    sharing = {index for index, message in enumerate(told) if not raised[index] and _shares_a_rise(message, rose)}
    late = {index: found for index, found in raised.items() if index not in sharing}
    _pair(rises, told, late, TOGETHER_NS)
    for index, message in enumerate(told):
        if raised[index] or index in sharing or states.at_maximum(message.meaning.rule.gives, message.start_ns):
            yield _of_changes(message.meaning.rule.kind, tuple(raised[index]), (message,))
    explained = {change for found in raised.values() for change in found}
    left = [change for change in rises if change not in explained]
    yield from (_jumped(change) for change in left if change.rule.on_jump)
    for group in _at_once([change for change in left if not change.rule.on_jump], ONE_NS):
        yield _of_changes(group[0].rule.gained_by or "", group)


def _pair(rises: Sequence[Change], told: Sequence[Message], raised: dict[int, list[Change]], tolerance_ns: int) -> None:
    """Give each message in `raised` that has no increase yet those of its variables that are near and free."""
    taken = {change for found in raised.values() for change in found}
    for variable in dict.fromkeys(change.rule.name for change in rises):
        free = [change for change in rises if change.rule.name == variable and change not in taken]
        about = [
            index
            for index, found in raised.items()
            if variable in _gives(told[index]) and variable not in {change.rule.name for change in found}
        ]
        for at, to in match([one.at_ns for one in free], [told[index].start_ns for index in about], tolerance_ns):
            raised[about[to]].append(free[at])


def _gives(message: Message) -> Sequence[str]:
    return names(message.meaning.rule) if message.meaning.rule else ()


def _shares_a_rise(message: Message, rose: Sequence[Message]) -> bool:
    """Whether another thing was taken in the same frame that raises the same number: both show as one step."""
    return any(
        abs(message.start_ns - other.start_ns) <= SAME_NS
        and not message.meaning.agrees_with(other.meaning)
        and set(_gives(message)) & set(_gives(other))
        for other in rose
    )


def _rises(changes: Sequence[Change]) -> Iterator[Happening]:
    for change in changes:
        if change.amount > 0 and change.rule.on_increase:
            yield _of_changes(change.rule.on_increase, (change,))


def _falls(steps: Steps) -> Iterator[Happening]:
    """Falls of numbers; those of one kind at one moment are one happening, as when armor takes part of a hit."""
    falls = [change for change in (*steps.plain, *steps.ends) if change.amount < 0 and change.rule.on_decrease]
    jumps = [change for change in falls if -change.amount > (change.rule.largest_decrease or float("inf"))]
    yield from (_jumped(change) for change in jumps if change.rule.on_jump)
    falls = [change for change in falls if change not in jumps]
    for kind in dict.fromkeys(change.rule.on_decrease or "" for change in falls):
        for group in _at_once([change for change in falls if change.rule.on_decrease == kind]):
            yield _of_changes(kind, group)


def _at_once(changes: Sequence[Change], within_ns: int = SAME_NS) -> Iterator[tuple[Change, ...]]:
    """Changes of different variables at one moment, in the game's order; one that changes again begins a new group."""
    group: list[Change] = []
    for change in sorted(changes, key=lambda one: one.at_ns):
        late = group and change.at_ns - group[0].at_ns > within_ns
        again = any(change.rule.name == one.rule.name for one in group)
        if late or again:
            yield tuple(sorted(group, key=lambda one: one.place))
            group = []
        group.append(change)
    if group:
        yield tuple(sorted(group, key=lambda one: one.place))


def _of_changes(kind: str, changes: tuple[Change, ...], told: tuple[Message, ...] = ()) -> Happening:
    """A happening at the first of its changes, or where its message came up if no number changed with it."""
    starts = [change.at_ns for change in changes] or [message.start_ns for message in told]
    meanings = [message.meaning.subject for message in told]
    first = changes[0] if changes else None
    own = (first.rule.used_by if first and first.amount < 0 else None) or (first.rule.words if first else "")
    sources = (*((STATE,) if changes else ()), *((OCR,) if told else ()))
    evidence = [name for change in changes for name in change.evidence] + [n for one in told for n in one.evidence]
    return Happening(
        kind=kind,
        start_ns=min(starts),
        end_ns=min(starts) + MOMENT_NS,
        confidence=together([one.confidence for one in (*changes, *told)]),
        subject=next(iter(meanings), own),
        value=first.amount if first else None,
        label=first.rule.words if first else "",
        changes=changes,
        messages=told,
        sources=sources,
        evidence=tuple(dict.fromkeys(evidence)),
    )


def together(confidences: Iterable[float]) -> float:
    """Of observations that agree one alone has to be right: 1 - (1 - a)(1 - b)... ."""
    return 1.0 - prod(1.0 - confidence for confidence in confidences)


def _jumped(change: Change) -> Happening:
    """A step that is no use and no gain: of what, the number does not say, and its size means nothing."""
    return replace(_of_changes(change.rule.on_jump or "", (change,)), subject="", value=None)


def _switch(change: Change, name: str, states: States) -> Happening:
    rule = states.rules.get(name)
    return Happening(
        kind=change.rule.on_switch or "",
        start_ns=change.at_ns,
        end_ns=change.at_ns + MOMENT_NS,
        confidence=change.confidence,
        subject=(rule.used_by or rule.words) if rule else "",
        label=change.rule.words,
        changes=(change,),
        sources=(STATE,),
        evidence=change.evidence,
    )


def _told(message: Message, kind: str | None) -> Happening:
    """A message that no number goes with. `kind` overrides what its rule says."""
    rule = message.meaning.rule
    return Happening(
        kind=kind or (rule.kind if rule else MESSAGE),
        start_ns=message.start_ns,
        end_ns=max(message.end_ns, message.start_ns + 1),
        confidence=message.confidence,
        subject=message.meaning.subject,
        text=message.text,
        messages=(message,),
        sources=(OCR,),
        evidence=message.evidence,
    )


def _said(speech: pa.Table) -> Iterator[Happening]:
    for row in speech.to_pylist():
        if row["status"] == schemas.STATUS_OK:
            yield Happening(
                kind="speech",
                start_ns=row["start_ns"],
                end_ns=row["end_ns"],
                confidence=row["confidence"],
                text=row["text"],
                sources=(SPEECH,),
                evidence=(row["speech_id"],),
            )


def _heard(sounds: pa.Table) -> Iterator[Happening]:
    """Each sound, tagged or told in a caption."""
    for row in sounds.to_pylist():
        if row["status"] == schemas.STATUS_OK:
            yield Happening(
                kind="sound",
                start_ns=row["start_ns"],
                end_ns=row["end_ns"],
                confidence=CAPTION_CONFIDENCE if row["score"] is None else row["score"],
                subject=row["label"],
                text=row["text"],
                sources=(SOUND,),
                evidence=(row["sound_id"],),
            )


def _tracked(entities: pa.Table) -> Iterator[Happening]:
    """Each tracked thing, from its first to its last sight, cited by the first, the surest and the last."""
    columns = ["entity_id", "track_id", "concept", "pts_ns", "score", "status"]
    sights: dict[str, list[dict]] = {}
    for row in entities.select(columns).to_pylist():
        if row["status"] == schemas.STATUS_OK:
            sights.setdefault(row["track_id"], []).append(row)
    for seen in sights.values():
        seen.sort(key=lambda row: row["pts_ns"])
        best = max(seen, key=lambda row: row["score"])
        yield Happening(
            kind="entity",
            start_ns=seen[0]["pts_ns"],
            end_ns=seen[-1]["pts_ns"] + MOMENT_NS,
            confidence=best["score"],
            subject=seen[0]["concept"],
            sources=(ENTITY,),
            evidence=tuple(dict.fromkeys(row["entity_id"] for row in (seen[0], best, seen[-1]))),
        )


def _marked(frames: pa.Table) -> Iterator[Happening]:
    """Scene changes, and each stretch of black frames as one event from its first frame to the first that is not."""
    columns = ["frame_id", "pts_ns", "is_scene_change", "is_black", "status"]
    rows = [row for row in frames.select(columns).to_pylist() if row["status"] == schemas.STATUS_OK]
    black: list[dict] = []
    for row in [*sorted(rows, key=lambda row: row["pts_ns"]), None]:
        if row is not None and row["is_scene_change"]:
            yield _seen("scene_change", row["pts_ns"], row["pts_ns"] + MOMENT_NS, [row["frame_id"]])
        if row is not None and row["is_black"]:
            black.append(row)
        elif black:
            end_ns = row["pts_ns"] if row else black[-1]["pts_ns"] + MOMENT_NS
            yield _seen("black_screen", black[0]["pts_ns"], end_ns, [one["frame_id"] for one in black])
            black = []


def _seen(kind: str, start_ns: int, end_ns: int, frame_ids: list[str]) -> Happening:
    return Happening(kind, start_ns, end_ns, confidence=1.0, sources=(FRAMES,), evidence=tuple(frame_ids))


def _table(happenings: Sequence[Happening], game: Game, video_id: str, end_ns: int) -> pa.Table:
    counts: Counter[str] = Counter()
    names: Counter[str] = Counter()
    rows = []
    for one in happenings:
        counts[one.kind] += 1
        name = f"{timebase.moment_id('e', one.start_ns)}-{one.kind}"
        names[name] += 1
        rows.append(
            {
                "video_id": video_id,
                "event_id": name if names[name] == 1 else f"{name}-{names[name]}",
                "kind": one.kind,
                "start_ns": one.start_ns,
                "end_ns": min(one.end_ns, end_ns),
                "text": sentence(one, game),
                "subject": one.subject,
                "value": one.value,
                "ordinal": counts[one.kind],
                "confidence": one.confidence,
                "sources": list(one.sources),
                "evidence": list(one.evidence),
            }
        )
    return pa.Table.from_pylist(rows, schema=schemas.TIMELINE_EVENTS)

"""A video in stretches, and what a prompt shows of each: numbered rows, frames, how many pairs to write (pure)."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TypeVar

from gvlm_resources.dataset.facts import MOMENT_NS, Event, Facts, Frame, Held, Sight, Sound, Text, Utterance
from gvlm_resources.dataset.pairs import KINDS
from gvlm_resources.reasoning import phrases
from gvlm_resources.reasoning.citing import spread
from gvlm_resources.settings import Language, SynthesisSettings
from gvlm_resources.timebase import Span, ns_from_s
from gvlm_resources.timeline.events import CAPTION_CONFIDENCE

QUOTA_NS = 600 * 1_000_000_000  # quotas are for each started ten minutes
TOKENS_PER_PAIR = 90  # of a reply: a pair of a long answer, with its names and quotes
NUMBER = "number"  # category of a text that is a HUD number; the state tells those
READ_OR_HEARD = frozenset({"speech", "sound", "text", "message"})  # event kinds that repeat one row of another table


@dataclass(frozen=True, slots=True)
class Told:
    """One row as a prompt shows it. `group` is what it is thinned among: rows of one source and kind."""

    row_id: str
    source: str  # event | state | text | speech | sound | entity
    kind: str
    start_ns: int
    end_ns: int
    text: str
    confidence: float

    @property
    def group(self) -> tuple[str, str]:
        return self.source, self.kind


@dataclass(frozen=True, slots=True)
class Rows:
    """The rows of a stretch that a prompt shows, `rows[0]` as E1, and how many it has no room for."""

    rows: tuple[Told, ...]
    left_out: int = 0


@dataclass(frozen=True, slots=True)
class Wanted:
    """What one prompt asks for: so many pairs of each kind, in one language."""

    language: Language
    counts: tuple[tuple[str, int], ...]

    @property
    def pairs(self) -> int:
        return sum(count for _, count in self.counts)


# ----------------------------------------------------------------------------------------- cutting


def cut(facts: Facts, window_s: float) -> list[Span]:
    """The video in stretches of about `window_s`, without a gap; a short rest belongs to the last.

    A cut that would go through an event moves to the nearest place within half a stretch that goes through none, or
    through as few as can be. What is longer than half a stretch can be cut: it is shown on both sides.
    """
    length = ns_from_s(window_s)
    cuttable = [event for event in facts.events if event.end_ns - event.start_ns <= length // 2]
    edges, start = [0], 0
    while facts.duration_ns - start >= length + length // 2:
        start = _place(cuttable, start + length, length // 2)
        edges.append(start)
    edges.append(facts.duration_ns)
    return [Span(a, b) for a, b in pairwise(edges)]


def _place(events: Iterable[Event], wanted_ns: int, reach_ns: int) -> int:
    low, high = wanted_ns - reach_ns + 1, wanted_ns + reach_ns - 1
    near = [event for event in events if event.start_ns < high and event.end_ns > low]
    ends = {ns for event in near for ns in (event.start_ns, event.end_ns) if low <= ns <= high}
    through = {ns: sum(event.start_ns < ns < event.end_ns for event in near) for ns in {wanted_ns, *ends}}
    return min(through, key=lambda ns: (through[ns], abs(ns - wanted_ns), ns))


# ----------------------------------------------------------------------------------------- rows


def rows_of(facts: Facts, span: Span, *, min_confidence: float, max_rows: int) -> Rows:
    """What is known of a stretch, in the order of time, at most `max_rows`.

    A row less sure than `min_confidence` is not shown: no pair that rests on it would be kept.
    """
    events = _within(facts.events, span)
    repeated = {row_id for event in events if event.kind in READ_OR_HEARD for row_id in event.evidence}
    rows = [
        *(_event(event) for event in events),
        *_states(facts, span),
        *(row for row in _read_and_heard(facts, span) if row.row_id not in repeated),
        *_entities(facts, span),
    ]
    sure = [row for row in rows if row.confidence >= min_confidence]
    kept = thinned(sure, max_rows)
    return Rows(tuple(sorted(kept, key=lambda row: (row.start_ns, row.source, row.row_id))), len(sure) - len(kept))


Timed = TypeVar("Timed", Event, Held, Text, Utterance, Sound)


def _within(rows: Sequence[Timed], span: Span) -> list[Timed]:
    """Those that lie in the span at least in part, of rows in the order of their starts."""
    begun = rows[: bisect_left(rows, span.end_ns, key=lambda row: row.start_ns)]
    return [row for row in begun if row.end_ns > span.start_ns]


def thinned(rows: Sequence[Told], most: int) -> list[Told]:
    """At most `most` rows: each group as many as any other as far as it has them, evenly spread over its time."""
    groups: dict[tuple[str, str], list[Told]] = {}
    for row in rows:
        groups.setdefault(row.group, []).append(row)
    kept: list[Told] = []
    waiting = sorted(groups.items(), key=lambda item: (len(item[1]), item[0]))
    for done, (_, group) in enumerate(waiting):  # the smallest first: what it does not need, the others share
        kept += spread(group, -(-(most - len(kept)) // (len(waiting) - done)))
    return kept


def _event(event: Event) -> Told:
    return Told(event.event_id, "event", event.kind, event.start_ns, event.end_ns, event.text, event.confidence)


def _states(facts: Facts, span: Span) -> list[Told]:
    """The value of each variable at the start of the stretch, and each value that begins in it."""
    return [
        Told(
            held.state_id,
            "state",
            held.variable,
            held.start_ns,
            held.end_ns,
            f"{held.variable.replace('_', ' ')} is {phrases.number(held.value)}",
            held.confidence,
        )
        for held in _within(facts.states, span)
    ]


def _read_and_heard(facts: Facts, span: Span) -> list[Told]:
    texts = [
        Told(text.ocr_id, "text", text.category, text.start_ns, text.end_ns, text.text, text.confidence)
        for text in _within(facts.texts, span)
        if text.category != NUMBER and text.text.strip()
    ]
    speech = [
        Told(said.speech_id, "speech", "", said.start_ns, said.end_ns, said.text, said.confidence)
        for said in _within(facts.speech, span)
        if said.text.strip()
    ]
    sounds = [
        Told(
            sound.sound_id,
            "sound",
            sound.label,
            sound.start_ns,
            sound.end_ns,
            sound.text or sound.label,
            CAPTION_CONFIDENCE if sound.score is None else sound.score,
        )
        for sound in _within(facts.sounds, span)
    ]
    return [*texts, *speech, *sounds]


def _entities(facts: Facts, span: Span) -> list[Told]:
    """One row a track: where it is on the frame of the stretch that shows it best."""
    tracks: dict[str, list[Sight]] = {}
    for sight in facts.sights:
        if span.contains(sight.pts_ns):
            tracks.setdefault(sight.track_id, []).append(sight)
    rows = []
    for sights in tracks.values():
        best = max(sights, key=lambda sight: (sight.score, -sight.pts_ns))
        text = f"{best.concept}, {_place_in_frame(best)} of the picture"
        end_ns = best.pts_ns + MOMENT_NS
        rows.append(Told(best.entity_id, "entity", best.concept, best.pts_ns, end_ns, text, best.score))
    return rows


def _place_in_frame(sight: Sight) -> str:
    """In which ninth of the frame the middle of a box lies."""
    x0, y0, x1, y1 = sight.box
    across = ("left", "middle", "right")[min(2, int(1.5 * (x0 + x1) / sight.width))]
    down = ("upper", "", "lower")[min(2, int(1.5 * (y0 + y1) / sight.height))]
    return f"{down} {across}".strip()


# ----------------------------------------------------------------------------------------- frames


def frames_of(facts: Facts, span: Span, most: int) -> tuple[Frame, ...]:
    """At most `most` frames of a stretch, evenly spread, among those that are neither black nor a repetition."""
    shown = [frame for frame in facts.frames_in(span) if not frame.is_black and frame.duplicate_of is None]
    sharp = [frame for frame in shown if not frame.is_blurred]
    return spread(sharp if len(sharp) >= most else shown, most)


# ----------------------------------------------------------------------------------------- quotas


def wanted(settings: SynthesisSettings, duration_ns: int, index: int, stretches: int) -> list[Wanted]:
    """What the prompts of stretch number `index` of `stretches` ask for, one prompt after the other.

    The quotas of the whole video are shared out over its stretches. Each language has prompts of its own, and so many
    that a reply has room for the pairs that one asks for.
    """
    counts = [(kind, _share(settings, duration_ns, kind, index, stretches)) for kind in KINDS]
    asked = [kind for kind, count in counts for _ in range(count)]
    room = max(1, settings.max_tokens // TOKENS_PER_PAIR)
    prompts = -(-len(asked) // room)
    parts = [asked[i::prompts] for i in range(prompts)]  # each some of every kind
    return [
        Wanted(language, tuple((kind, part.count(kind)) for kind in KINDS if kind in part))
        for language in settings.languages
        for part in parts
    ]


def _share(settings: SynthesisSettings, duration_ns: int, kind: str, index: int, stretches: int) -> int:
    """Shares add up to the quota. Each kind begins at another stretch, so that all ask for about as much."""
    whole = getattr(settings.quotas, kind) * -(-duration_ns // QUOTA_NS)
    begin = (settings.seed + KINDS.index(kind) * stretches // len(KINDS)) % stretches
    return (whole * (index + 1) + begin) // stretches - (whole * index + begin) // stretches

"""What each curriculum shows of a video beside a question: which stored vectors, in which order (pure).

alignment   one frame that shows the answer, or one region where the question is about one tracked thing
dynamics    some seconds around the question: frames, the clips and the windows of sound that lie in them
long        some minutes around it: frames and sound at a coarser step

Where in its stretch a question lies differs from pair to pair and depends on the pair's id alone: were it always the
middle, a model could tell when something happened without looking.

A question about more than `long` shows, the whole of a long video say, has minutes around one of the moments that its
answer rests on, or around any where it rests on none. The rest is for the timeline to tell.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from gvlm_resources.dataset.examples.curriculum_frames import chosen_frames, chosen_windows
from gvlm_resources.dataset.examples.example import (
    ALIGNMENT,
    DYNAMICS,
    LONG,
    TOKEN_A,
    TOKEN_R,
    TOKEN_V,
    Embedding,
)
from gvlm_resources.dataset.examples.vectors import HeardWindow, SeenClip, SeenFrame, SeenRegion, Vectors
from gvlm_resources.dataset.facts import Event, Facts, Frame, Held, Sight, Sound, Text, Utterance
from gvlm_resources.dataset.pairs import (
    BEFORE_AFTER,
    HOW_MANY,
    KINDS,
    SAID_OR_SHOWN,
    STATE,
    SUMMARY,
    UNANSWERABLE,
    WHAT,
    WHEN,
    WHERE,
    WHY,
    Pair,
)
from gvlm_resources.settings import ExampleSettings
from gvlm_resources.timebase import Span, format_clock, ns_from_s

NOT_ITS_KIND = "not_its_kind"
NOT_ON_ONE_FRAME = "not_on_one_frame"
TOO_LONG = "span_does_not_fit"
NO_VECTORS = "no_vectors"

ASKED = {
    ALIGNMENT: frozenset((WHAT, WHERE, HOW_MANY, STATE, SAID_OR_SHOWN)),
    DYNAMICS: frozenset(KINDS),
    LONG: frozenset((SUMMARY, HOW_MANY, BEFORE_AFTER, WHY, WHEN, UNANSWERABLE)),
}
_CLOCK = re.compile(r"(?<![\d:])(?:\d\d:)?\d\d:\d\d(?![\d:])")
_FRAME_SHOWS = frozenset(("value", "shown"))  # claims that one picture can bear out


@dataclass(frozen=True, slots=True)
class Placed:
    """One token, when it is, and the frame that it shows or lies in; empty where it shows none."""

    ns: int
    embedding: Embedding
    frame_id: str = ""


@dataclass(frozen=True, slots=True)
class Shown:
    """The tokens of an example in the order of time, or the reason why there are none.

    `pictures` are the moments of its frames in order, `clips` and `heard` the spans of its clips and windows of sound.
    """

    placed: tuple[Placed, ...] = ()
    reason: str = ""
    pictures: tuple[int, ...] = ()
    clips: tuple[Span, ...] = ()
    heard: tuple[Span, ...] = ()


def shown(curriculum: str, pair: Pair, facts: Facts, vectors: Vectors, settings: ExampleSettings) -> Shown:
    """What `curriculum` shows beside `pair`."""
    if not _asks(curriculum, pair, facts, settings):
        return Shown(reason=NOT_ITS_KIND)
    if curriculum == ALIGNMENT:
        return _alignment(pair, facts, vectors)
    length_s, limit = (
        (settings.clip_s, settings.clip_frames) if curriculum == DYNAMICS else (settings.long_s, settings.long_frames)
    )
    window = window_of(pair, facts, ns_from_s(length_s))
    if window is None and curriculum == LONG:
        window = part_of(pair, facts, ns_from_s(length_s))
    if window is None:
        return Shown(reason=TOO_LONG)
    frames = chosen_frames(pair, facts, _inside(vectors.frames, window), limit)
    if not frames or not {box.frame_id for box in pair.boxes} <= {frame.frame_id for frame in frames}:
        return Shown(reason=NO_VECTORS)
    clips = _lying_in(vectors.clips, window) if curriculum == DYNAMICS else []
    sound = _lying_in(vectors.windows, window)
    if curriculum == LONG:
        sound = chosen_windows(pair, facts, _apart(sound), max(1, limit // 2))
    return Shown(
        _in_order([*map(_frame, frames), *map(_clip, clips), *map(_sound, sound)]),
        pictures=tuple(frame.pts_ns for frame in frames),
        clips=tuple(Span(clip.start_ns, clip.end_ns) for clip in clips),
        heard=tuple(Span(heard.start_ns, heard.end_ns) for heard in sound),
    )


def _asks(curriculum: str, pair: Pair, facts: Facts, settings: ExampleSettings) -> bool:
    """Whether the curriculum has questions of this kind; `long` also has all that seconds do not hold."""
    if pair.kind in ASKED[curriculum]:
        return True
    return curriculum == LONG and window_of(pair, facts, ns_from_s(settings.clip_s)) is None


def window_of(pair: Pair, facts: Facts, length_ns: int) -> Span | None:
    """A stretch of `length_ns`, or the whole video where that is shorter, with all of the question in it.

    None where the question is about more than that. In it are the pair's span, the spans of its claims, and what
    happened by its evidence; a value of the HUD counts for the pair's span, however long it was held.
    """
    spans = [pair.span]
    spans += [claim.span for claim in pair.claims]
    spans += [claim.other_span for claim in pair.claims if claim.other_end_ns]
    rows = (facts.row(name) for name in pair.evidence)
    spans += [Span(row.start_ns, row.start_ns + 1) for row in rows if isinstance(row, Event | Sound | Utterance)]
    return _placed(pair, facts, _hull(spans), length_ns)


def part_of(pair: Pair, facts: Facts, length_ns: int) -> Span | None:
    """A stretch of `length_ns` of a question about more: around its span where that fits, else around a moment that
    its answer rests on, else anywhere in it. Which and where is drawn by the pair's id.

    A frame that the pair rests on or points at is in it. None where those lie too far apart.
    """
    rows = [row for row in map(facts.row, pair.evidence) if row is not None]
    named = [row.pts_ns for row in rows if isinstance(row, Frame | Sight)]
    named += [row.pts_ns for row in (facts.row(box.frame_id) for box in pair.boxes) if isinstance(row, Frame)]
    moments = [
        max(row.start_ns, pair.start_ns) for row in rows if isinstance(row, Event | Held | Sound | Text | Utterance)
    ]
    fixed = [Span(at, at + 1) for at in named]
    if pair.end_ns > facts.duration_ns:
        return None
    if pair.end_ns - pair.start_ns <= length_ns:
        core = pair.span
    elif moments:
        at = moments[_drawn(pair, len(moments))]
        core = Span(at, at + 1)
    elif fixed:
        core = fixed[0]
    else:
        at = pair.start_ns + _drawn(pair, pair.end_ns - pair.start_ns)
        core = Span(at, at + 1)
    return _placed(pair, facts, _hull([core, *fixed]), length_ns) or (
        _placed(pair, facts, _hull(fixed), length_ns) if fixed else None
    )


def _drawn(pair: Pair, of: int) -> int:
    """One of 0 .. `of` - 1, always the same for a pair, and apart from where in its stretch it lies."""
    return int(pair.pair_id[9:], 16) * of >> 32


def _hull(spans: Sequence[Span]) -> Span:
    return Span(min(span.start_ns for span in spans), max(span.end_ns for span in spans))


def _placed(pair: Pair, facts: Facts, core: Span, length_ns: int) -> Span | None:
    """A stretch with `core` in it, where in it by the pair's id; None where it does not fit."""
    length_ns = min(length_ns, facts.duration_ns)
    if core.duration_ns > length_ns or core.end_ns > facts.duration_ns:
        return None
    before = (length_ns - core.duration_ns) * int(pair.pair_id[1:9], 16) >> 32
    first = min(max(0, core.start_ns - before), facts.duration_ns - length_ns)
    return Span(first, first + length_ns)


def _alignment(pair: Pair, facts: Facts, vectors: Vectors) -> Shown:
    if not pair.boxes:
        region = _region_of(pair, facts, vectors)
        if region is not None:
            return Shown((_region(region),), pictures=(region.pts_ns,))
    span = _visible(pair, facts)
    if span is None:
        return Shown(reason=NOT_ON_ONE_FRAME)
    frames = _inside(vectors.frames, span)
    boxed = {box.frame_id for box in pair.boxes}
    if boxed:
        frames = [frame for frame in frames if {frame.frame_id} == boxed]
    asked = _asked_moment(pair.question)
    frames = [frame for frame in frames if not _marks(facts, frame).is_black]
    frames = [frame for frame in frames if asked in ("", format_clock(frame.pts_ns))]
    if not frames:
        return Shown(reason=NOT_ON_ONE_FRAME)
    best = min(
        frames,
        key=lambda frame: (
            frame.frame_id not in pair.frames,
            _marks(facts, frame).is_blurred,
            abs(frame.pts_ns - span.middle_ns),
            frame.pts_ns,
        ),
    )
    return Shown((_frame(best),), pictures=(best.pts_ns,))


def _asked_moment(question: str) -> str:
    """The clock time that a question names; empty where it names none or several."""
    named = set(_CLOCK.findall(question))
    return named.pop() if len(named) == 1 else ""


def _region_of(pair: Pair, facts: Facts, vectors: Vectors) -> SeenRegion | None:
    """The region of the one tracked thing that the pair rests on; None where it rests on anything else.

    Its frame has a vector too, by which duplicates are found.
    """
    rows = [facts.row(name) for name in pair.evidence]
    if len(rows) != 1 or not isinstance(rows[0], Sight):
        return None
    seen = {frame.frame_id for frame in _inside(vectors.frames, Span(rows[0].pts_ns, rows[0].pts_ns + 1))}
    found = (region for region in vectors.regions if region.entity_id == rows[0].entity_id)
    return next((region for region in found if region.frame_id in seen), None)


def _visible(pair: Pair, facts: Facts) -> Span | None:
    """When a frame shows all that the answer rests on; None where no single frame can."""
    if any(claim.what not in _FRAME_SHOWS for claim in pair.claims):
        return None
    rows = [facts.row(name) for name in pair.evidence]
    if not rows or not all(isinstance(row, Sight | Frame | Text | Held) for row in rows):
        return None
    if pair.kind == HOW_MANY and not pair.claims and not all(isinstance(row, Sight) for row in rows):
        return None  # a count without claims may be of what happened, and cite the values that did not change
    spans = [pair.span, *(facts.span_of(name) for name in pair.evidence)]
    spans += [claim.span for claim in pair.claims]
    start, end = max(span.start_ns for span in spans), min(span.end_ns for span in spans)
    return Span(start, end) if start < end else None


@dataclass(frozen=True, slots=True)
class _Marks:
    is_black: bool = False
    is_blurred: bool = False


def _marks(facts: Facts, frame: SeenFrame) -> Frame | _Marks:
    """What sampling noted of a frame; an imported vector may be of a frame that was not sampled here."""
    row = facts.row(frame.frame_id)
    return row if isinstance(row, Frame) else _Marks()


def _apart(windows: Iterable[HeardWindow]) -> list[HeardWindow]:
    """Windows of sound that do not overlap, from the first on."""
    kept: list[HeardWindow] = []
    for heard in windows:
        if not kept or heard.start_ns >= kept[-1].end_ns:
            kept.append(heard)
    return kept


def _inside(frames: Sequence[SeenFrame], window: Span) -> list[SeenFrame]:
    first = bisect_left(frames, window.start_ns, key=lambda frame: frame.pts_ns)
    return list(frames[first : bisect_left(frames, window.end_ns, lo=first, key=lambda frame: frame.pts_ns)])


Part = TypeVar("Part", SeenClip, HeardWindow)


def _lying_in(parts: Sequence[Part], window: Span) -> list[Part]:
    """Those that start and end in the window; parts are in the order of time."""
    first = bisect_left(parts, window.start_ns, key=lambda part: part.start_ns)
    last = bisect_left(parts, window.end_ns, lo=first, key=lambda part: part.start_ns)
    return [part for part in parts[first:last] if part.end_ns <= window.end_ns]


def _frame(frame: SeenFrame) -> Placed:
    return Placed(frame.pts_ns, Embedding(TOKEN_V, "siglip_embeddings", frame.frame_id), frame.frame_id)


def _region(region: SeenRegion) -> Placed:
    return Placed(region.pts_ns, Embedding(TOKEN_R, "region_embeddings", region.region_id), region.frame_id)


def _clip(clip: SeenClip) -> Placed:
    return Placed(clip.start_ns, Embedding(TOKEN_V, "videomae_embeddings", clip.clip_id))


def _sound(heard: HeardWindow) -> Placed:
    return Placed(heard.start_ns, Embedding(TOKEN_A, "wav2vec2_embeddings", heard.window_id))


def _in_order(placed: Iterable[Placed]) -> tuple[Placed, ...]:
    """By time; at one moment frames, then clips, then sound."""
    return tuple(sorted(placed, key=lambda each: each.ns))

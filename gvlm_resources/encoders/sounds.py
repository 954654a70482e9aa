"""Sounds that are not speech: windows slide over the stored sound, and what is heard in them becomes rows with spans.

Two kinds of networks listen. A Tagger scores labels in windows that overlap; windows.py tells spans from its scores. A
Describer says in words what it hears in windows that follow one another.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from gvlm_resources import schemas
from gvlm_resources.encoders import sound_replies, stream
from gvlm_resources.encoders.meter import Meter
from gvlm_resources.encoders.protocol import Checkpoint, Identity, Placement
from gvlm_resources.encoders.stream import Flow, Job
from gvlm_resources.encoders.windows import Slide, runs
from gvlm_resources.errors import SettingsError
from gvlm_resources.game import SoundRule
from gvlm_resources.settings import ComputeSettings, SoundSettings
from gvlm_resources.text import wav
from gvlm_resources.timebase import moment_id

CAPTION = "caption"
NOT_FINITE = "the network gave numbers that are not finite"
UNPARSABLE = "unparsable_reply"
IMPOSSIBLE = "impossible_times"
KINDS = {"ast": "audio-spectrogram-transformer", "clap": "clap", "qwen2-audio": "qwen2_audio"}  # model_type
Report = Callable[[str], None]


@runtime_checkable
class Tagger(Protocol):
    """Scores labels in windows of one length. What else is in the batch makes no difference.

    A window hears what lies, or starts, within `reach_s` of its middle. A sound goes on while its score reaches
    `leave_share` of the threshold.
    """

    identity: Identity
    window_s: float
    reach_s: float
    leave_share: float

    def knows(self, rule: SoundRule) -> bool:
        """Whether this network can listen for it."""

    def own_rules(self) -> tuple[SoundRule, ...]:
        """What it listens for where nobody says what to listen for."""

    def scores(self, windows: NDArray[np.int16], rules: Sequence[SoundRule]) -> NDArray[np.float32]:
        """16 kHz mono `(N, samples)` -> `(N, rules)` in 0..1. N may be 0."""


@runtime_checkable
class Describer(Protocol):
    """Says in words what is heard in windows of up to `window_s`."""

    identity: Identity
    window_s: float

    def describe(self, windows: Sequence[NDArray[np.int16]], labels: Sequence[str]) -> list[str]:
        """16 kHz mono windows, each of its own length -> the reply to each, as it came; `labels` are preferred."""


SoundListener = Tagger | Describer


@dataclass(frozen=True, slots=True)
class Heard:
    """A row without its id. Times are samples."""

    start: int
    end: int
    label: str
    score: float | None
    text: str = ""
    status: str = schemas.STATUS_OK
    reason: str = ""


@dataclass(frozen=True)
class _Sound:
    """The stored sound, and how its windows are computed."""

    path: Path
    samples: int
    compute: ComputeSettings
    report: Report
    failed: list[Heard] = field(default_factory=list)

    def window(self, bounds: tuple[int, int]) -> NDArray[np.int16]:
        """`[first, last)`, with silence for what lies before or after the sound. Memory: one window."""
        first, last = bounds
        window = np.zeros(last - first, dtype=np.int16)
        found = wav.read(self.path, max(first, 0), last)
        window[max(-first, 0) :][: len(found)] = found
        return window

    def outcomes(
        self, bounds: Iterator[tuple[int, int]], encode: Callable[[Any], Sequence[Any]], collate: Callable[[list], Any]
    ) -> Iterator[tuple[tuple[int, int], Any]]:
        """What `encode` makes of each window, in their order."""
        flow = Flow(
            decode=self.window,
            encode=encode,
            batch=self.compute.window_batch,
            threads=self.compute.decode_threads,
            queued=self.compute.queue_batches,
            collate=collate,
        )
        meter = Meter(frames_per_item=0)
        jobs = (Job(key=window, raw=window) for window in bounds)
        with closing(stream.run(flow, jobs, meter=meter, report=self.report)) as outcomes:
            for outcome in outcomes:
                yield outcome.key, outcome.made
        speed = meter.speed()
        self.report(f"heard {speed.items} windows of sound, {speed.items_per_s:.1f} a second")


def load(settings: SoundSettings, checkpoint: Checkpoint, placement: Placement) -> SoundListener:
    """The listener that `settings.backend` names.

    Raises SettingsError for `off`, for which there is none, and for a checkpoint of another architecture.
    """
    _check_kind(settings, checkpoint)
    if settings.backend == "ast":
        from gvlm_resources.encoders import ast

        return ast.load(checkpoint, placement, window_s=settings.window_s)
    if settings.backend == "clap":
        from gvlm_resources.encoders import clap

        return clap.load(checkpoint, placement, window_s=settings.window_s)
    from gvlm_resources.encoders import qwen2_audio

    return qwen2_audio.load(checkpoint, placement, most_tokens=settings.most_tokens, window_s=settings.window_s)


def _check_kind(settings: SoundSettings, checkpoint: Checkpoint) -> None:
    if settings.backend not in KINDS:
        raise SettingsError("sounds.backend is off", remedy="set it to ast, clap or qwen2-audio")
    kind = json.loads((checkpoint.folder / "config.json").read_text()).get("model_type")
    if kind != KINDS[settings.backend]:
        raise SettingsError(
            f"sounds.backend is {settings.backend}, and {checkpoint.name} is of the architecture {kind!r}",
            remedy=f"set sounds.model to a checkpoint of the architecture {KINDS[settings.backend]}",
        )


def wanted(game_sounds: Sequence[SoundRule], settings: SoundSettings) -> tuple[SoundRule, ...]:
    """The game's rules, then the settings' labels that none of them has; each with its threshold."""
    known = {rule.label.casefold() for rule in game_sounds}
    added = [
        SoundRule(label=label, prompt=label, tags=(label,))
        for label in dict.fromkeys(settings.labels)
        if label.casefold() not in known
    ]
    return tuple(
        rule if rule.threshold is not None else rule.model_copy(update={"threshold": settings.threshold})
        for rule in (*game_sounds, *added)
    )


def unheard(listener: SoundListener, settings: SoundSettings, game_sounds: Sequence[SoundRule]) -> tuple[str, ...]:
    """Labels that are wanted and that this checkpoint cannot listen for: their absence from the rows says nothing."""
    if isinstance(listener, Describer):
        return ()
    return tuple(rule.label for rule in wanted(game_sounds, settings) if not listener.knows(rule))


def listen(
    path: Path,
    listener: SoundListener,
    settings: SoundSettings,
    game_sounds: Sequence[SoundRule],
    compute: ComputeSettings,
    *,
    video_id: str,
    end_ns: int,
    report: Report,
) -> pa.Table:
    """`schemas.SOUNDS` of a stored sound, ordered by start, all inside `[0, end_ns)`.

    Rows are `ok` for what was heard, `failed` for a window that gave nothing that can be used, and `filtered` for what
    a language model told with times that cannot be. Memory does not grow with the length of the sound.
    """
    sound = _Sound(path, wav.sample_count(path), compute, report)
    if isinstance(listener, Describer):
        heard = list(_described(sound, listener, wanted(game_sounds, settings)))
    else:
        heard = list(_tagged(sound, listener, settings, wanted(game_sounds, settings)))
    return table(heard + sound.failed, video_id=video_id, end_ns=end_ns)


def _tagged(sound: _Sound, listener: Tagger, settings: SoundSettings, rules: tuple[SoundRule, ...]) -> Iterator[Heard]:
    known = [rule for rule in rules if listener.knows(rule)]
    if missing := [rule.label for rule in rules if not listener.knows(rule)]:
        sound.report(f"{listener.identity.model} has no class for {', '.join(missing)}: not listened for")
    rules = tuple(known) if rules else wanted(listener.own_rules(), settings)
    if not rules:
        return
    slide = slide_of(listener, settings)
    scored = _scored(sound, listener, slide, rules)
    for run in runs(scored, [rule.threshold for rule in rules], leave_share=listener.leave_share):
        start, end = run.span(slide, sound.samples)
        yield Heard(start, end, rules[run.label].label, run.peak)


def slide_of(listener: Tagger, settings: SoundSettings) -> Slide:
    window, hop, reach = (round(s * wav.RATE_HZ) for s in (listener.window_s, settings.stride_s, listener.reach_s))
    return Slide(window, hop, reach)


def _scored(sound: _Sound, listener: Tagger, slide: Slide, rules: Sequence[SoundRule]) -> Iterator[NDArray[np.float32]]:
    """The scores `(rules,)` of window after window; a window without finite ones is told in `sound.failed`."""
    bounds = (slide.bounds(middle) for middle in slide.middles(sound.samples))
    for (first, last), scores in sound.outcomes(bounds, lambda batch: listener.scores(batch, rules), np.stack):
        if not np.isfinite(scores).all():
            start = min(max((first + last - slide.hop) // 2, 0), sound.samples - 1)
            end = min(max((first + last + slide.hop) // 2, start + 1), sound.samples)
            sound.failed.append(Heard(start, end, "", None, status=schemas.STATUS_FAILED, reason=NOT_FINITE))
        yield scores


def _described(sound: _Sound, listener: Describer, rules: Sequence[SoundRule]) -> Iterator[Heard]:
    window = round(listener.window_s * wav.RATE_HZ)
    bounds = ((first, min(first + window, sound.samples)) for first in range(0, sound.samples, window))
    labels = [rule.label for rule in rules]
    own = {label.casefold(): label for label in labels}
    for (first, last), reply in sound.outcomes(bounds, lambda batch: listener.describe(batch, labels), list):
        found = sound_replies.parse(reply, length_s=(last - first) / wav.RATE_HZ)
        if found is None:
            yield Heard(first, last, CAPTION, None, status=schemas.STATUS_FAILED, reason=UNPARSABLE)
            continue
        if found.caption:
            yield Heard(first, last, CAPTION, None, found.caption)
        for tag in found.tags:
            start = min(first + round(tag.start_s * wav.RATE_HZ), last - 1)
            end = min(max(first + round(tag.end_s * wav.RATE_HZ), start + 1), last)
            status, reason = (schemas.STATUS_OK, "") if tag.is_possible else (schemas.STATUS_FILTERED, IMPOSSIBLE)
            label = own.get(tag.label.casefold(), tag.label)
            yield Heard(start, end, label, None, status=status, reason=reason)


def table(heard: Sequence[Heard], *, video_id: str, end_ns: int) -> pa.Table:
    """Rows in the order of their start, end and label, with ids; those that start at one microsecond are numbered."""
    rows: list[dict[str, Any]] = []
    numbers: dict[str, int] = {}
    for one in sorted(heard, key=lambda one: (one.start, one.end, one.label, one.text)):
        start_ns = min(one.start * wav.NS_PER_SAMPLE, end_ns - 1)
        moment = moment_id("a", start_ns)
        numbers[moment] = numbers.get(moment, 0) + 1
        rows.append(
            {
                "video_id": video_id,
                "sound_id": f"{moment}-{numbers[moment]}",
                "start_ns": start_ns,
                "end_ns": max(min(one.end * wav.NS_PER_SAMPLE, end_ns), start_ns + 1),
                "label": one.label,
                "score": one.score,
                "text": one.text,
                "status": one.status,
                "reason": one.reason,
            }
        )
    return pa.Table.from_pylist(rows, schema=schemas.SOUNDS)

"""The table of things in sight: frame after frame, what there is of the game's concepts, which thing each is, where."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from gvlm_resources import schemas
from gvlm_resources.encoders import stream
from gvlm_resources.encoders.embed import picture
from gvlm_resources.encoders.masks import Box, Mask
from gvlm_resources.encoders.meter import Meter, Speed
from gvlm_resources.encoders.protocol import Checkpoint, Identity, Placement
from gvlm_resources.encoders.stream import Flow, Job, Outcome
from gvlm_resources.encoders.tracks import Sighting, Tracks
from gvlm_resources.settings import ComputeSettings, EntitySettings
from gvlm_resources.timebase import moment_id
from gvlm_resources.video.tables import TableWriter, iter_frames

DETECTOR, TRACKER = "detector", "tracker"
READ_ROWS = 8
Facts = dict[str, Any]  # of a frame, known before anything is found on it


class Found(Protocol):
    """What a detector finds: see sam3.Detection."""

    concept: str
    score: float
    presence: float
    box: Box
    mask: Mask


class Finder(Protocol):
    """Looks at every frame: see sam3.Segmenter."""

    identity: Identity

    def segment(self, frames: NDArray[np.uint8], concepts: Sequence[str]) -> Sequence[Sequence[Found]]: ...


class Carrier(Protocol):
    """Looks at some frames and carries on in those between: see sam3_video.VideoSegmenter."""

    identity: Identity

    def look(self, frame: NDArray[np.uint8], concepts: Sequence[str]) -> Sequence[Found]: ...

    def remember(self, masks: Mapping[str, Mask]) -> None: ...

    def carry(self, frame: NDArray[np.uint8]) -> Mapping[str, Mask]: ...


@dataclass(frozen=True, slots=True)
class Entity:
    """A tracked thing on a frame."""

    track_id: str
    concept: str
    score: float
    presence: float
    box: Box
    mask: Mask
    found_by: str


@dataclass(frozen=True, slots=True)
class _Key:
    """`scene` counts the scene changes so far, so that one on a frame that cannot be decoded is not lost."""

    facts: Facts
    scene: int


@dataclass(frozen=True, slots=True)
class _Frame:
    pixels: NDArray[np.uint8]
    pts_ns: int
    scene: int


def load(checkpoint: Checkpoint, placement: Placement, settings: EntitySettings) -> Finder | Carrier:
    """What `track_video` needs of SAM3 under these settings."""
    if settings.detect_every == 1:
        from gvlm_resources.encoders import sam3

        return sam3.load(checkpoint, placement, settings)
    from gvlm_resources.encoders import sam3_video

    return sam3_video.load(checkpoint, placement, settings)


def all_concepts(of_game: Sequence[str], of_settings: Sequence[str]) -> tuple[str, ...]:
    """Each once, the game's first; case and outer spaces make no difference."""
    wanted: dict[str, str] = {}
    for concept in (*of_game, *of_settings):
        wanted.setdefault(" ".join(concept.split()).casefold(), " ".join(concept.split()))
    return tuple(wanted.values())


def track_video(
    frames: Path,
    segmenter: Finder | Carrier,
    settings: EntitySettings,
    compute: ComputeSettings,
    concepts: Sequence[str],
    *,
    video_id: str,
    out: Path,
    report: Callable[[str], None],
) -> Speed:
    """Write `schemas.ENTITIES` to `out`: for each row of `frames`, in its order, a row for each thing on it.

    `segmenter` is what `load` gave for these settings. A frame that is not `ok`, or cannot be decoded, has one row with
    its status and reason, and no concept, track or mask. Rows are written as they come: memory does not grow with the
    video.
    """
    wanted = all_concepts(concepts, settings.concepts)
    course = _Each(segmenter, settings, wanted) if settings.detect_every == 1 else _Some(segmenter, settings, wanted)
    flow = Flow(
        decode=lambda raw: _Frame(picture(raw[0]), raw[1], raw[2]),
        encode=course.see,
        # What is carried on depends on the frame before: those go one by one.
        batch=compute.entity_batch if settings.detect_every == 1 else 1,
        threads=compute.decode_threads,
        queued=compute.queue_batches,
        alike=lambda frame: frame.pixels.shape,
    )
    meter = Meter()
    with (
        TableWriter(out, _identified(segmenter.identity)) as writer,
        closing(stream.run(flow, _jobs(frames), meter=meter, report=report)) as outcomes,
    ):
        for outcome in outcomes:
            for row in _rows(course, outcome):
                writer.add(row | {"video_id": video_id})
    return meter.speed()


@dataclass(slots=True)
class _Each:
    """The detector on every frame, several at a time; which thing each is comes after, in order."""

    finder: Finder
    settings: EntitySettings
    concepts: tuple[str, ...]
    _tracks: Tracks = field(init=False)
    _scene: int = 0

    def __post_init__(self) -> None:
        self._tracks = Tracks(self.settings.forget_after_s)

    def see(self, frames: Sequence[_Frame]) -> Sequence[Sequence[Found]]:
        return self.finder.segment(np.stack([frame.pixels for frame in frames]), self.concepts)

    def named(self, key: _Key, found: Sequence[Found]) -> list[Entity]:
        is_cut, self._scene = key.scene != self._scene, key.scene
        return _named(self._tracks, key.facts["pts_ns"], found, is_cut=is_cut)


@dataclass(slots=True)
class _Some:
    """The detector on every n-th frame, and where a scene begins; its tracker on those between."""

    carrier: Carrier
    settings: EntitySettings
    concepts: tuple[str, ...]
    _tracks: Tracks = field(init=False)
    _known: dict[str, Entity] = field(default_factory=dict)  # of the last look, by track
    _since: int = 0  # frames since then, with its own
    _last: _Frame | None = None

    def __post_init__(self) -> None:
        self._tracks = Tracks(self.settings.forget_after_s)

    def see(self, frames: Sequence[_Frame]) -> list[list[Entity]]:
        (frame,) = frames
        last = self._last
        is_cut = last is not None and frame.scene != last.scene
        is_new = last is None or is_cut or frame.pixels.shape != last.pixels.shape
        found = self._look(frame, is_cut=is_cut) if is_new or self._since >= self.settings.detect_every else None
        entities = found if found is not None else self._carry(frame)
        self._last = frame
        self._since = 1 if found is not None else self._since + 1
        return [entities]

    def named(self, key: _Key, entities: list[Entity]) -> list[Entity]:
        return entities

    def _look(self, frame: _Frame, *, is_cut: bool) -> list[Entity]:
        found = self.carrier.look(frame.pixels, self.concepts)
        entities = _named(self._tracks, frame.pts_ns, found, is_cut=is_cut)
        self.carrier.remember({entity.track_id: entity.mask for entity in entities})
        self._known = {entity.track_id: entity for entity in entities}
        return entities

    def _carry(self, frame: _Frame) -> list[Entity]:
        masks = self.carrier.carry(frame.pixels)
        self._tracks.carry(frame.pts_ns, {name: mask.box for name, mask in masks.items()})
        seen = [(self._known[name], mask) for name, mask in masks.items()]
        return [
            Entity(one.track_id, one.concept, one.score, one.presence, mask.box, mask, TRACKER) for one, mask in seen
        ]


def _named(tracks: Tracks, pts_ns: int, found: Sequence[Found], *, is_cut: bool) -> list[Entity]:
    names = tracks.update(pts_ns, [Sighting(one.concept, one.box) for one in found], is_cut=is_cut)
    return [
        Entity(name, one.concept, one.score, one.presence, one.box, one.mask, DETECTOR)
        for name, one in zip(names, found, strict=True)
    ]


def _jobs(frames: Path) -> Iterator[Job[_Key, tuple[bytes, int, int]]]:
    keys = ["frame_id", "pts_ns", "width", "height"]
    scene = 0
    for batch in iter_frames(frames, columns=[*keys, "image", "is_scene_change", "status", "reason"], rows=READ_ROWS):
        for row in batch.to_pylist():
            scene += row["is_scene_change"]
            raw = (row["image"], row["pts_ns"], scene)
            yield Job(_Key({key: row[key] for key in keys}, scene), raw, row["status"], row["reason"])


def _rows(course: _Each | _Some, outcome: Outcome[_Key, Any]) -> list[Facts]:
    facts = outcome.key.facts
    if outcome.made is None:
        return [_empty_row(facts, outcome.status, outcome.reason)]
    return [_row(facts, entity) for entity in course.named(outcome.key, outcome.made)]


def _row(facts: Facts, entity: Entity) -> Facts:
    return facts | {
        "entity_id": moment_id("n", facts["pts_ns"]) + "-" + entity.track_id.removeprefix("t"),
        "track_id": entity.track_id,
        "concept": entity.concept,
        "score": entity.score,
        "presence": entity.presence,
        "box": list(entity.box),
        "width": entity.mask.width,
        "height": entity.mask.height,
        "mask": entity.mask.counts,
        "found_by": entity.found_by,
        "status": schemas.STATUS_OK,
        "reason": "",
    }


def _empty_row(facts: Facts, status: str, reason: str) -> Facts:
    return facts | {
        "entity_id": moment_id("n", facts["pts_ns"]) + "-0",
        "track_id": "",
        "concept": "",
        "score": 0.0,
        "presence": 0.0,
        "box": [0.0] * 4,
        "mask": None,
        "found_by": "",
        "status": status,
        "reason": reason,
    }


def _identified(identity: Identity) -> pa.Schema:
    made_by = {
        "gvlm.model": identity.model,
        "gvlm.preprocessing": identity.preprocessing,
        "gvlm.dtype": identity.dtype,
    }
    return schemas.ENTITIES.with_metadata({**(schemas.ENTITIES.metadata or {}), **made_by})

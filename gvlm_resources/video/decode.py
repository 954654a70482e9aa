"""One pass over a video: frames, clips, HUD crops and sound, each written as it comes.

What is asked for is planned from the packet index (`sampling`), decoded in order with bounded memory (`pipeline`), and
streamed into the files of `Outputs`. The same file and settings give the same bytes, on any number of threads.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from gvlm_resources.errors import SourceError
from gvlm_resources.game import HudRegion
from gvlm_resources.schemas import CLIPS, FRAMES, HUD_CROPS, STATUS_FAILED, STATUS_FILTERED
from gvlm_resources.settings import Settings
from gvlm_resources.timebase import NS_PER_S
from gvlm_resources.video import pipeline, sampling
from gvlm_resources.video.audio import SoundTrack
from gvlm_resources.video.crops import role_of
from gvlm_resources.video.index import opened, scan
from gvlm_resources.video.picture import CLIP, CUT, LOOKED_AT, Recipe
from gvlm_resources.video.pipeline import Source
from gvlm_resources.video.probe import Probe
from gvlm_resources.video.rows import ClipRows, FrameRows, HudRows, Moment
from gvlm_resources.video.sampling import ClipRate, Plan, Role, Wants
from gvlm_resources.video.tables import TableWriter

MOST_THREADS = 8
DECODER_PICTURES = 20  # about how many pictures a decoder holds: H.264 and HEVC refer to at most 16
DECODERS_BYTES = 1 << 30  # what all decoders together may hold
SOUND_SLACK_NS = NS_PER_S

Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Outputs:
    """Where to write what is wanted; None for what is not. Nothing that is not wanted is decoded."""

    frames: Path | None = None
    clips: Path | None = None
    hud_crops: Path | None = None
    audio: Path | None = None

    def __post_init__(self) -> None:
        if not any((self.frames, self.clips, self.hud_crops, self.audio)):
            raise ValueError("sampling needs at least one output")


@dataclass(frozen=True, slots=True)
class SamplingReport:
    """What one pass did: packets decoded and left out, frames wanted and failed, and each output's own numbers."""

    displayed_frames: int
    wanted_frames: int
    decoded_packets: int
    skipped_packets: int
    failed_frames: int
    outputs: dict[str, dict[str, Any]] = field(default_factory=dict)

    def facts(self, output: str) -> dict[str, Any]:
        """JSON-ready numbers of `frames`, `clips`, `hud_crops` or `audio`, whatever was asked for beside it."""
        return {"displayed_frames": self.displayed_frames, **self.outputs[output]}


def sample(
    path: Path,
    probe: Probe,
    *,
    video_id: str,
    settings: Settings,
    hud_regions: tuple[HudRegion, ...],
    outputs: Outputs,
    threads: int | None = None,
    progress: Progress | None = None,
) -> SamplingReport:
    """Write the `outputs` of the video at `path`, which `probe` describes.

    Frames are at `settings.frames.rate_hz` plus changes of scene, clips and HUD crops as their sections say; without
    `hud_regions` the crops' table is empty. A video without sound gets no `audio` file. A picture that cannot be
    decoded costs its rows, which say so. `threads` decoders (by default the cores, at most 8) change nothing but the
    time. `progress(done_ns, duration_ns)` is called about once for each second of the video.

    Raises SourceError where the file is gone or is not what was probed. What was written by then is removed.
    """
    found = scan(path)
    index = found.packets
    if len(index.frame_packets) != probe.frame_count or index.origin_ns != probe.origin_ns:
        raise SourceError("corrupt", f"{path.name} is not the file that was probed", remedy="probe it again")
    plan = sampling.plan(index, _wants(settings, hud_regions, outputs))
    written = [p for p in (outputs.frames, outputs.clips, outputs.hud_crops, outputs.audio) if p is not None]
    with ExitStack() as undo:
        for target in written:
            undo.callback(target.unlink, missing_ok=True)
        source = Source(path, found.decoder, found.extradata)
        done = _Pass(source, probe, plan, video_id, settings, hud_regions).run(outputs, threads, progress)
        undo.pop_all()  # all is written: nothing to remove
        return done


def _wants(settings: Settings, hud_regions: tuple[HudRegion, ...], outputs: Outputs) -> Wants:
    clips = settings.clips
    cut = {role_of(region) for region in hud_regions} if outputs.hud_crops else set()
    return Wants(
        frames_hz=settings.frames.rate_hz if outputs.frames else None,
        clips=ClipRate(clips.every_s, clips.frames, clips.rate_hz) if outputs.clips else None,
        numbers_hz=settings.hud.rate_hz if Role.NUMBER in cut else None,
        messages_hz=settings.hud.message_rate_hz if Role.MESSAGE in cut else None,
    )


def usable_threads(probe: Probe, asked: int | None) -> int:
    """How many decoders to run: as asked, else the cores; fewer where their pictures would fill the memory."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    picture_bytes = probe.width * probe.height * (3 if "10" in probe.pixel_format else 2)
    affordable = DECODERS_BYTES // (picture_bytes * DECODER_PICTURES)
    return max(1, min(asked if asked is not None else min(cores, MOST_THREADS), affordable))


@dataclass(frozen=True)
class _Pass:
    """One pass over one video."""

    source: Source
    probe: Probe
    plan: Plan
    video_id: str
    settings: Settings
    regions: tuple[HudRegion, ...]

    def run(self, outputs: Outputs, threads: int | None, progress: Progress | None) -> SamplingReport:
        counts: dict[str, dict[str, Any]] = {}
        failed = 0
        with ExitStack() as stack:
            sinks = self._sinks(outputs, stack)
            sound = self._sound(outputs.audio, stack)
            for moment in self._moments(sound, usable_threads(self.probe, threads), progress):
                failed += moment.picture is None
                for roles, sink in sinks.values():
                    if moment.roles & roles:
                        sink.add(moment)
            if "hud_crops" in sinks:
                sinks["hud_crops"][1].close(self.plan.index.end_ns)
        for name, (roles, sink) in sinks.items():
            wanted = int((self.plan.roles & np.uint8(roles) > 0).sum())
            counts[name] = {"wanted_frames": wanted, **_counts(sink), "bytes": getattr(outputs, name).stat().st_size}
        if outputs.audio is not None:
            counts["audio"] = _heard(sound, outputs.audio)
        return SamplingReport(
            displayed_frames=len(self.plan.roles),
            wanted_frames=len(self.plan.wanted),
            decoded_packets=self.plan.packets,
            skipped_packets=len(self.plan.index) - int((self.plan.own | self.plan.lead).sum()),
            failed_frames=failed,
            outputs=counts,
        )

    def _sinks(self, outputs: Outputs, stack: ExitStack) -> dict[str, tuple[int, FrameRows | ClipRows | HudRows]]:
        sinks: dict[str, tuple[int, FrameRows | ClipRows | HudRows]] = {}
        if outputs.frames is not None:
            rows = stack.enter_context(TableWriter(outputs.frames, FRAMES))
            sinks["frames"] = LOOKED_AT, FrameRows(rows, self.video_id, self.settings.frames)
        if outputs.clips is not None:
            rows = stack.enter_context(TableWriter(outputs.clips, CLIPS))
            sinks["clips"] = CLIP, ClipRows(rows, self.video_id, self.plan)
        if outputs.hud_crops is not None:
            rows = stack.enter_context(TableWriter(outputs.hud_crops, HUD_CROPS))
            level = self.settings.hud.changed_level
            sinks["hud_crops"] = CUT, HudRows(rows, self.video_id, self.regions, self.probe.display, level)
        return sinks

    def _sound(self, target: Path | None, stack: ExitStack) -> SoundTrack | None:
        if target is None or not self.probe.has_audio:
            return None
        with opened(self.source.path) as container:
            decoder = container.streams[self.probe.audio[0].index].codec_context
        return stack.enter_context(
            SoundTrack(
                target,
                decoder,
                rate_hz=self.settings.audio.sample_rate_hz,
                origin_ns=self.probe.origin_ns,
                limit_ns=max(self.probe.duration_ns, self.probe.audio_end_ns) + SOUND_SLACK_NS,
            )
        )

    def _moments(self, sound: SoundTrack | None, threads: int, progress: Progress | None) -> Iterator[Moment]:
        recipe = Recipe(self.probe.display, self.settings.frames, self.settings.clips, self.regions)
        tap = pipeline.SoundTap(self.probe.audio[0].index, sound.packet) if sound is not None else None
        end_ns = self.plan.index.end_ns
        told_s = -1
        settled = pipeline.decoded(self.source, self.plan, recipe, threads=threads, sound=tap)
        with closing(settled):
            for one in settled:
                moment = Moment.of(self.plan, one)
                yield moment
                if progress is not None and moment.pts_ns // NS_PER_S > told_s:
                    told_s = moment.pts_ns // NS_PER_S
                    progress(moment.pts_ns, end_ns)
        if progress is not None:
            progress(end_ns, end_ns)


def _counts(sink: FrameRows | ClipRows | HudRows) -> dict[str, Any]:
    if isinstance(sink, HudRows):
        return {"rows": sink.count}
    named = {status: sink.statuses[status] for status in (STATUS_FILTERED, STATUS_FAILED)}
    return {"rows": sum(sink.statuses.values()), **named}


def _heard(sound: SoundTrack | None, target: Path) -> dict[str, Any]:
    if sound is None:
        return {"samples": 0}
    return {
        "samples": sound.written,
        "silent_samples": sound.silent,
        "failed_packets": sound.failed_packets,
        "bytes": target.stat().st_size,
    }

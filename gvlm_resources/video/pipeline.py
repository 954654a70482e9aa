"""Decoding a plan on several threads, with the results in order and the memory bounded.

One thread reads packets and hears the sound; `threads` decoders each take the next job, a run of whole segments, and
keep what is wanted of each picture; the caller's thread gets the settled frames in the order of time. Segments do not
depend on each other and each decoder runs on one thread, so pixels, order and what counts as damaged are the same on
any machine. Bounded are how far the reader is ahead, in jobs and in bytes, and the results that wait.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
from av.codec.context import CodecContext
from av.error import FFmpegError

from gvlm_resources.video.damage import Ledger, Settled
from gvlm_resources.video.index import opened, packets_of, video_stream
from gvlm_resources.video.picture import Picture, PictureMaker, Recipe
from gvlm_resources.video.sampling import Plan

STARTS_FROM_EXTRADATA = frozenset({"h264", "hevc", "vp8", "vp9", "libdav1d", "av1"})  # and from nothing else
JOB_PACKETS = 48  # a job is at least this long, so that a stream of key frames only is not one job a frame
BATCH = 16
PACKETS_BYTES = 48 << 20
RESULTS_BYTES = 24 << 20

Step = tuple[int, int, av.Packet | None]  # segment number, packet position, packet; None ends the segment


class _Stopped(Exception):
    """Another thread has ended the work."""


@dataclass(slots=True, eq=False)
class _Job:
    number: int
    segments: range
    inbox: deque[list[Step]] = field(default_factory=deque)
    inbox_closed: bool = False
    results: deque[tuple[list[Settled[Picture]], int]] = field(default_factory=deque)
    results_bytes: int = 0
    finished: bool = False


def jobs_of(plan: Plan) -> list[range]:
    """Runs of segment numbers, each of at least JOB_PACKETS packets but the last."""
    edges, held = [0], 0
    for number, segment in enumerate(plan.segments):
        held += segment.packets
        if held >= JOB_PACKETS:
            edges.append(number + 1)
            held = 0
    if edges[-1] != len(plan.segments):
        edges.append(len(plan.segments))
    return [range(start, stop) for start, stop in pairwise(edges)]


class _Board:
    """What the threads hand each other. One lock; every wait ends when the work is stopped."""

    def __init__(self, jobs: list[_Job], ahead: int) -> None:
        self._changed = threading.Condition()
        self._jobs = jobs
        self._ahead = ahead  # how many jobs after the front one may be read
        self._front = 0  # the number of the job whose results are being taken
        self._next = 0  # the number of the job to decode next
        self._packet_bytes = 0
        self._results_bytes = 0
        self._stopped = False

    def stop(self) -> None:
        with self._changed:
            self._stopped = True
            self._changed.notify_all()

    def _wait(self, ready: Callable[[], bool]) -> None:
        self._changed.wait_for(lambda: self._stopped or ready())
        if self._stopped:
            raise _Stopped

    def post(self, job: _Job, steps: list[Step], *, closes: bool) -> None:
        """The reader hands over packets; waits while it is far ahead. The front job always gets on."""
        size = sum(packet.size for _, _, packet in steps if packet is not None)
        with self._changed:
            self._wait(lambda: self._packet_bytes < PACKETS_BYTES and job.number <= self._front + self._ahead)
            job.inbox.append(steps)
            job.inbox_closed = closes
            self._packet_bytes += size
            self._changed.notify_all()

    def next_job(self) -> _Job | None:
        with self._changed:
            if self._stopped or self._next == len(self._jobs):
                return None
            self._next += 1
            return self._jobs[self._next - 1]

    def take(self, job: _Job) -> Iterator[list[Step]]:
        while True:
            with self._changed:
                self._wait(lambda: bool(job.inbox) or job.inbox_closed)
                if not job.inbox:
                    return
                steps = job.inbox.popleft()
                self._packet_bytes -= sum(packet.size for _, _, packet in steps if packet is not None)
                self._changed.notify_all()
            yield steps

    def deliver(self, job: _Job, settled: list[Settled[Picture]]) -> None:
        size = sum(one.made.size_bytes for one in settled if one.made is not None)
        with self._changed:
            self._wait(lambda: self._may_deliver(job))
            job.results.append((settled, size))
            job.results_bytes += size
            self._results_bytes += size
            self._changed.notify_all()

    def _may_deliver(self, job: _Job) -> bool:
        """All results that wait share one budget, so that fast decoders do not run ahead for hours of video.

        The front job has a budget of its own: it gets on while later ones have used up the common one.
        """
        return self._results_bytes < RESULTS_BYTES or (job.number == self._front and job.results_bytes < RESULTS_BYTES)

    def finish(self, job: _Job) -> None:
        with self._changed:
            job.finished = True
            self._changed.notify_all()

    def results(self, job: _Job) -> Iterator[Settled[Picture]]:
        with self._changed:
            self._front = job.number
            self._changed.notify_all()
        while True:
            with self._changed:
                self._wait(lambda: bool(job.results) or job.finished)
                if not job.results:
                    return
                settled, size = job.results.popleft()
                job.results_bytes -= size
                self._results_bytes -= size
                self._changed.notify_all()
            yield from settled


@dataclass(frozen=True, slots=True)
class Source:
    """A file whose packets are indexed, and the decoder that its video stream needs."""

    path: Path
    decoder: str
    extradata: bytes

    def new_decoder(self) -> CodecContext:
        """A decoder of the video stream that runs on the calling thread alone.

        `strict` makes the H.264 decoder derive its reordering depth from the level where the stream does not state it,
        in place of guessing it from the pictures: a guess drops pictures, and a plan that leaves some out upsets it.
        """
        if self.decoder in STARTS_FROM_EXTRADATA:
            decoder = CodecContext.create(self.decoder, "r")
            if self.extradata:
                decoder.extradata = self.extradata
        else:
            with opened(self.path) as container:  # outlived by its decoder, which has all that the container says
                decoder = video_stream(container, self.path.name).codec_context
        decoder.thread_count = 1
        decoder.options = {"strict": "1"} if self.decoder == "h264" else {}
        return decoder


class _SegmentDecoder:
    """Decodes the steps of its jobs and keeps book over what can be trusted."""

    def __init__(self, source: Source, plan: Plan, recipe: Recipe, frame_of: np.ndarray) -> None:
        self._decoder = source.new_decoder()
        self._plan = plan
        self._frame_of = frame_of
        self._maker = PictureMaker(recipe)
        self._segment: int | None = None
        self._ledger: Ledger[Picture] = Ledger()
        self._position_of: dict[int, int] = {}

    def step(self, step: Step) -> Iterator[Settled[Picture]]:
        number, position, packet = step
        if number != self._segment:
            self._begin(number)
        if packet is not None:
            self._send(position, packet)
        else:
            self._end()
        yield from self._ledger.ready()

    def _begin(self, number: int) -> None:
        segment = self._plan.segments[number]
        self._segment = number
        self._ledger = Ledger()
        self._position_of = {}
        roles = self._plan.roles[segment.first_frame : segment.stop_frame]
        self._ledger.expect((np.flatnonzero(roles) + segment.first_frame).tolist())
        self._maker.begin_segment()

    def _send(self, position: int, packet: av.Packet) -> None:
        index = self._plan.index
        frame = int(self._frame_of[position])
        if packet.pts is None:
            packet.pts = packet.dts
        if index.displayed[position]:
            self._position_of[packet.pts] = position
        wanted = frame if frame >= 0 and self._plan.roles[frame] else None
        self._ledger.sent(position, frame=wanted, vital=not index.disposable[position])
        try:
            pictures = self._decoder.decode(packet)
        except FFmpegError as error:
            self._ledger.came(position, None, reason=f"cannot be decoded: {error.strerror}")
            return
        if not index.displayed[position]:
            self._ledger.came(position, None)
        for picture in pictures:
            self._came(picture)

    def _came(self, picture: av.VideoFrame) -> None:
        position = self._position_of.pop(picture.pts, None)
        if position is None:
            return
        frame = int(self._frame_of[position])
        roles = int(self._plan.roles[frame])
        if picture.is_corrupt or self._plan.index.damaged[position]:
            self._ledger.came(position, None, reason="its packet is damaged")
        else:
            self._ledger.came(position, self._maker.make(picture, roles) if roles else None)

    def _end(self) -> None:
        try:
            for picture in self._decoder.decode(None):
                self._came(picture)
        except FFmpegError:
            pass  # what did not come out is missing from the ledger, and settled as lost when it is closed
        self._ledger.close()
        self._decoder.flush_buffers()


class _Reader:
    """Hands the packets of a plan to the jobs, in order: all of a segment's before the first of the next."""

    def __init__(self, plan: Plan, jobs: list[_Job], board: _Board) -> None:
        self._plan = plan
        self._board = board
        self._jobs = deque(jobs)
        self._number = 0
        self._batch: list[Step] = []
        self._later: list[Step] = []  # of the next segment, read before the last of this one

    @property
    def done(self) -> bool:
        return self._number == len(self._plan.segments)

    def packet(self, position: int, packet: av.Packet) -> None:
        if self.done:
            return
        segments, number = self._plan.segments, self._number
        segment = segments[number]
        if segment.start <= position < segment.stop and self._plan.own[position]:
            self._add((number, position, packet))
        elif segment.stop <= position < segment.tail:
            if self._plan.lead[position]:
                self._add((number, position, packet))
            following = segments[number + 1] if number + 1 < len(segments) else None
            if following and following.start <= position < following.stop and self._plan.own[position]:
                self._later.append((number + 1, position, packet))
        while not self.done and position >= segments[self._number].tail - 1:
            self._end_segment()

    def close(self) -> None:
        while not self.done:
            self._end_segment()

    def _add(self, step: Step) -> None:
        self._batch.append(step)
        if len(self._batch) >= BATCH:
            self._post(closes=False)

    def _end_segment(self) -> None:
        self._batch.append((self._number, -1, None))
        self._number += 1
        if self._number == self._jobs[0].segments.stop:
            self._post(closes=True)
            self._jobs.popleft()
        later, self._later = self._later, []
        for step in later:
            self._add(step)

    def _post(self, *, closes: bool) -> None:
        self._board.post(self._jobs[0], self._batch, closes=closes)
        self._batch = []


@dataclass(frozen=True, slots=True)
class SoundTap:
    """Who gets the packets of which stream, on the reading thread."""

    stream: int
    feed: Callable[[av.Packet], None]


@dataclass(frozen=True)
class _Decoding:
    """The two tasks of decoding one plan: reading, once, and decoding, on as many threads as wanted."""

    source: Source
    plan: Plan
    recipe: Recipe
    sound: SoundTap | None
    jobs: list[_Job]
    board: _Board
    frame_of: np.ndarray  # packet position -> frame number, -1 for none

    def read(self) -> None:
        reader = _Reader(self.plan, self.jobs, self.board)
        with opened(self.source.path) as container:
            streams = [video_stream(container, self.source.path.name)] if self.jobs else []
            if self.sound is not None:
                streams.append(container.streams[self.sound.stream])
            position = -1
            for packet in packets_of(container, *streams):
                if self.sound is not None and packet.stream_index == self.sound.stream:
                    self.sound.feed(packet)
                    continue
                position += 1
                reader.packet(position, packet)
                if reader.done and self.sound is None:
                    break
        reader.close()

    def work(self) -> None:
        decoder = _SegmentDecoder(self.source, self.plan, self.recipe, self.frame_of)
        while (job := self.board.next_job()) is not None:
            for steps in self.board.take(job):
                self.board.deliver(job, [one for step in steps for one in decoder.step(step)])
            self.board.finish(job)


def decoded(
    source: Source, plan: Plan, recipe: Recipe, *, threads: int, sound: SoundTap | None = None
) -> Iterator[Settled[Picture]]:
    """Every wanted frame of `plan`, settled, in the order of time. Close the iterator to stop early.

    By the end of the iteration `sound` has had all its packets. Raises what reading, decoding or `sound` raised.
    """
    jobs = [_Job(number, segments) for number, segments in enumerate(jobs_of(plan))]
    workers = min(threads, len(jobs))
    board = _Board(jobs, ahead=workers)
    frame_of = np.full(len(plan.index), -1, np.int64)
    frame_of[plan.index.frame_packets] = np.arange(len(plan.index.frame_packets))
    decoding = _Decoding(source, plan, recipe, sound, jobs, board, frame_of)
    with ThreadPoolExecutor(workers + 1, thread_name_prefix="decode") as pool:
        tasks = (decoding.read, *(decoding.work for _ in range(workers)))
        futures = [pool.submit(_guarded, board, task) for task in tasks]
        try:
            for job in jobs:
                yield from board.results(job)
            futures[0].result()
        except _Stopped:
            _raise_first(futures)
        finally:
            board.stop()


def _guarded(board: _Board, task: Callable[[], None]) -> None:
    """Run `task`; if it does not end well, nobody is left waiting for it."""
    ended_well = False
    try:
        task()
        ended_well = True
    finally:
        if not ended_well:
            board.stop()


def _raise_first(futures: list[Future[None]]) -> None:
    for future in futures:
        error = future.exception()
        if error is not None and not isinstance(error, _Stopped):
            raise error
    raise RuntimeError("decoding was stopped and no thread says why")

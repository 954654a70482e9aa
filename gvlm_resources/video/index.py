"""The packet index: one pass over the container, nothing decoded.

Only video containers are opened, by name, and only as local files: a playlist that calls itself `.mp4` cannot make the
demuxer read other files or the network.
"""

from __future__ import annotations

import errno
from array import array
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.container import InputContainer
from av.error import FFmpegError
from av.video.stream import VideoStream

from gvlm_resources.errors import SourceError
from gvlm_resources.timebase import NS_PER_S, ns_from_pts
from gvlm_resources.video import bitstream
from gvlm_resources.video.packets import NO_PTS, PacketIndex

FORMATS = "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,mpegts,mpeg,avi,flv,asf,ogg"
OPTIONS = {"format_whitelist": FORMATS, "protocol_whitelist": "file"}
SIGNATURES = (
    (4, (b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide")),
    (0, (b"\x1aE\xdf\xa3", b"FLV", b"OggS", b"\x30\x26\xb2\x75", b"\0\0\1\xba")),
    (8, (b"AVI ",)),
)
TS_PACKET_BYTES = 188
LONGEST_S = 1e9  # 31 years; nanoseconds leave 64 bits at nine times that
DECLARED_SLACK_NS = NS_PER_S // 2
ATTACHED_PICTURE = 0x0400
REMEDY_REPAIR = "fetch the file again, or keep what is there: ffmpeg -i IN -c copy OUT.mkv"
REMEDY_REMUX = "write its timestamps anew: ffmpeg -fflags +genpts -i IN -c copy OUT.mkv (or encode it anew)"


@contextmanager
def opened(path: Path) -> Iterator[InputContainer]:
    """The container at `path`. Raises SourceError: missing, empty_file, not_a_video or corrupt."""
    if not path.is_file():
        raise SourceError("missing", f"{path.name} is no file", remedy="check the path")
    if path.stat().st_size == 0:
        raise SourceError("empty_file", f"{path.name} is empty", remedy="fetch the file again")
    try:
        container = av.open(f"file:{path}", metadata_errors="replace", options=dict(OPTIONS))
    except FFmpegError as error:
        raise _unopened(path, error) from error
    try:
        yield container
    finally:
        container.close()


def _unopened(path: Path, error: FFmpegError) -> SourceError:
    if error.errno in (errno.EACCES, errno.EPERM):
        return SourceError("missing", f"{path.name} cannot be read: {error.strerror}", remedy="check its permissions")
    if _looks_like_video(path):
        return SourceError("corrupt", f"{path.name} has no readable header ({error.strerror})", remedy=REMEDY_REPAIR)
    remedy = "give an MP4, MOV, MKV, WebM, MPEG-TS, AVI or FLV file"
    return SourceError("not_a_video", f"{path.name} is no video container", remedy=remedy)


def _looks_like_video(path: Path) -> bool:
    with path.open("rb") as file:
        head = file.read(TS_PACKET_BYTES * 2 + 1)
    if len(head) > TS_PACKET_BYTES and head[0] == head[TS_PACKET_BYTES] == 0x47:
        return True
    return any(head[at : at + len(name)] == name for at, names in SIGNATURES for name in names)


def video_stream(container: InputContainer, name: str) -> VideoStream:
    """The video stream to use: the best one that is no cover picture. Raises SourceError `no_video_stream`."""
    streams = [stream for stream in container.streams.video if not int(stream.disposition) & ATTACHED_PICTURE]
    if not streams:
        kinds = ", ".join(sorted({stream.type for stream in container.streams})) or "no streams"
        raise SourceError("no_video_stream", f"{name} holds no video ({kinds})", remedy="give a file with a picture")
    best = container.streams.best("video")
    chosen = best if best in streams else streams[0]
    if chosen.codec_context is None:
        raise SourceError(
            "unsupported", f"{name} has a video codec that is not known here", remedy="encode it as H.264 in MP4"
        )
    return chosen


@dataclass(slots=True)
class StreamTally:
    """What was seen of one stream: packets, and its own clock from the first to the last that is shown."""

    type: str
    time_base: Fraction
    origin_ns: int
    packets: int = 0
    first_pts: int | None = None
    last_pts: int = 0

    def add(self, packet: av.Packet) -> None:
        self.packets += 1
        pts = packet.pts
        if pts is None or packet.is_discard:
            return
        end = pts + (packet.duration or 0)
        if self.first_pts is None:
            self.first_pts, self.last_pts = pts, end
        self.first_pts, self.last_pts = min(self.first_pts, pts), max(self.last_pts, end)

    @property
    def start_ns(self) -> int | None:
        """Media time of its first packet, None if there is none."""
        return None if self.first_pts is None else ns_from_pts(self.first_pts, self.time_base, origin_ns=self.origin_ns)

    @property
    def end_ns(self) -> int:
        """Media time at which its last packet ends, 0 if there is none."""
        return 0 if self.first_pts is None else ns_from_pts(self.last_pts, self.time_base, origin_ns=self.origin_ns)


@dataclass(frozen=True, slots=True)
class Scan:
    """One reading of a container: the video stream's index, and what was seen of every stream (by stream number).

    `decoder` and `extradata` are the FFmpeg decoder of the video stream and the header that it starts from.
    """

    packets: PacketIndex
    decoder: str
    extradata: bytes
    streams: dict[int, StreamTally]
    declared_end_ns: int | None
    missing_packets: int


@dataclass(slots=True)
class _Columns:
    pts: array = field(default_factory=lambda: array("q"))
    dts: array = field(default_factory=lambda: array("q"))
    duration: array = field(default_factory=lambda: array("q"))
    starts: bytearray = field(default_factory=bytearray)
    disposable: bytearray = field(default_factory=bytearray)
    layer: bytearray = field(default_factory=bytearray)
    shown: bytearray = field(default_factory=bytearray)
    needs_before: bytearray = field(default_factory=bytearray)
    damaged: bytearray = field(default_factory=bytearray)

    def add(self, packet: av.Packet, traits: bitstream.Traits) -> None:
        self.pts.append(NO_PTS if packet.pts is None else packet.pts)
        self.dts.append(NO_PTS if packet.dts is None else packet.dts)
        self.duration.append(packet.duration or 0)
        self.starts.append(traits.starts or (packet.is_keyframe and not any(self.starts)))  # the first has to do
        self.disposable.append(traits.disposable)
        self.layer.append(traits.layer)
        self.shown.append(not (packet.is_discard or traits.hidden))
        self.needs_before.append(traits.needs_before)
        self.damaged.append(packet.is_corrupt)


def scan(path: Path) -> Scan:
    """Read every packet of the file at `path` once.

    Raises SourceError: what `opened` raises, `no_video_stream`, `no_frames`, `corrupt` for a stream without a single
    key frame, `unsupported` for timestamps that are absent or that turn back.
    """
    with opened(path) as container:
        stream = video_stream(container, path.name)
        decoder, extradata = stream.codec_context.name, bytes(stream.codec_context.extradata or b"")
        traits_of = bitstream.reader(decoder, extradata)
        origin_ns = _origin_ns(container)
        tallies = {s.index: StreamTally(s.type, s.time_base or Fraction(1), origin_ns) for s in container.streams}
        columns = _Columns()
        for packet in packets_of(container):
            tallies[packet.stream_index].add(packet)
            if packet.stream_index == stream.index:
                columns.add(packet, traits_of(memoryview(packet), packet.is_keyframe))
        reorders = stream.codec_context.reorder_depth > 0
        index = _index(columns, stream.time_base, origin_ns, name=path.name)
        if "avi" in container.format.name.split(",") and reorders:
            raise SourceError(
                "unsupported", f"{path.name} is an AVI with B-frames, which have no times there", remedy=REMEDY_REMUX
            )
        return Scan(
            packets=index,
            decoder=decoder,
            extradata=extradata,
            streams=tallies,
            declared_end_ns=_declared_end_ns(container),
            missing_packets=_missing_packets(container, tallies),
        )


def packets_of(container: InputContainer, *streams: av.stream.Stream) -> Iterator[av.Packet]:
    """The packets of `streams` (or of all) in the order of the file, up to its end or to where it cannot be read on."""
    demuxed = container.demux(*streams)
    while True:
        try:
            packet = next(demuxed, None)
        except FFmpegError:
            return  # what follows cannot be reached; the probe compares what was seen with what was declared
        if packet is None:
            return
        if packet.size:
            yield packet


def _origin_ns(container: InputContainer) -> int:
    """The container's start time in ns. FFmpeg rounds it to microseconds; the stream that it came from knows better."""
    if container.start_time is None:
        return 0
    rounded_ns = container.start_time * 1000
    exact = (
        ns_from_pts(stream.start_time, stream.time_base)
        for stream in container.streams
        if stream.start_time is not None and stream.time_base
    )
    return next((ns for ns in exact if abs(ns - rounded_ns) < 1000), rounded_ns)


def _declared_end_ns(container: InputContainer) -> int | None:
    """Where the header says that the file ends. None for transport streams, whose duration FFmpeg only estimates."""
    if container.duration is None or container.format.name in ("mpegts", "mpeg", "ogg"):
        return None
    return container.duration * 1000


def _missing_packets(container: InputContainer, tallies: dict[int, StreamTally]) -> int:
    """How many packets an MP4's sample tables list that are not there; 0 for containers without such tables."""
    if "mp4" not in container.format.name.split(","):
        return 0
    return sum(
        max(0, len(stream.index_entries) - tallies[stream.index].packets)
        for stream in container.streams
        if stream.type in ("video", "audio")
    )


def _index(columns: _Columns, time_base: Fraction, origin_ns: int, *, name: str) -> PacketIndex:
    pts = _timestamps(columns, time_base, name)
    if len(pts) == 0:
        raise SourceError("no_frames", f"{name} has a video stream without frames", remedy="record it again")
    starts = _flags(columns.starts)
    if not starts.any():
        raise SourceError("corrupt", f"{name} has no key frame", remedy=REMEDY_REPAIR)
    layer = np.frombuffer(columns.layer, np.uint8)
    index = PacketIndex(
        time_base=time_base,
        origin_ns=origin_ns,
        pts=pts,
        duration=np.frombuffer(columns.duration, np.int64),
        starts=starts,
        disposable=_flags(columns.disposable) & (layer == layer.max()),
        displayed=_flags(columns.shown) & (pts != NO_PTS),
        damaged=_flags(columns.damaged),
    )
    return _shown_only(index, _flags(columns.needs_before), name)


def _flags(column: bytearray) -> np.ndarray:
    return np.frombuffer(column, np.uint8).astype(np.bool_)


def _timestamps(columns: _Columns, time_base: Fraction, name: str) -> np.ndarray:
    """Presentation times; a container that has only decoding times (AVI) gives those, where nothing is reordered."""
    times = np.frombuffer(columns.pts, np.int64)
    if (times == NO_PTS).all():
        times = np.frombuffer(columns.dts, np.int64)
    known = times[times != NO_PTS]
    if len(times) and not len(known):
        raise SourceError("unsupported", f"{name} has no timestamps", remedy=REMEDY_REMUX)
    if len(known) and max(abs(int(known.min())), abs(int(known.max()))) * time_base > LONGEST_S:
        raise SourceError("unsupported", f"{name} has timestamps years from its start", remedy=REMEDY_REMUX)
    return times


def _shown_only(index: PacketIndex, needs_before: np.ndarray, name: str) -> PacketIndex:
    """The index less what no player can show: packets before the first key frame, what leads it, a time shown twice."""
    displayed = index.displayed & (index.gop >= 0) & ~((index.gop == 0) & index.leading & needs_before)
    if not displayed.any():
        raise SourceError("no_frames", f"{name} has a video stream without a frame to show", remedy="record it again")
    kept = replace(index, displayed=displayed)
    early_ns = int(kept.times_ns[0])
    if early_ns < 0:  # the container's start time is an estimate of FFmpeg's where the header has none
        kept = replace(kept, origin_ns=kept.origin_ns + early_ns)
    if kept.turns_back_at_ns is not None:
        near = f"{kept.turns_back_at_ns / NS_PER_S:.1f} s"
        raise SourceError("unsupported", f"{name}: its timestamps turn back near {near}", remedy=REMEDY_REMUX)
    shown = kept.frame_packets
    again = shown[1:][np.diff(index.pts[shown]) == 0]
    displayed[again] = False
    return replace(kept, displayed=displayed)

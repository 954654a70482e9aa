"""The sound of a video as a WAV in step with media time: sample i is what is heard at i / rate seconds.

What the container leaves silent (a late start, a gap, a packet that cannot be decoded) is silence in the file; what it
shows twice (overlapping timestamps) is heard once. Timestamps may stray by up to TOLERANCE_NS from the count of samples
before the difference is taken for a gap: MKV and FLV round each to a millisecond.
"""

from __future__ import annotations

import wave
from fractions import Fraction
from pathlib import Path
from types import TracebackType

import av
import numpy as np
from av.codec.context import CodecContext
from av.error import FFmpegError

from gvlm_resources.timebase import NS_PER_S, ns_from_pts

TOLERANCE_NS = 10_000_000
SILENCE_CHUNK = 1 << 16
SAMPLE_BYTES = 2


class SoundTrack:
    """Writes the packets of one audio stream to a mono 16-bit WAV. Use it as a context manager.

    Nothing is written at or after `limit_ns`, so that a broken timestamp cannot fill the disk with silence.
    """

    def __init__(self, path: Path, decoder: CodecContext, *, rate_hz: int, origin_ns: int, limit_ns: int) -> None:
        self._decoder = decoder
        self._rate_hz = rate_hz
        self._origin_ns = origin_ns
        self._limit = _samples(limit_ns, rate_hz)
        self._wav = wave.open(str(path), "wb")  # noqa: SIM115 (closed by __exit__)
        self._wav.setnchannels(1)
        self._wav.setsampwidth(SAMPLE_BYTES)
        self._wav.setframerate(rate_hz)
        self._resampler: av.AudioResampler | None = None
        self._kind: tuple[object, ...] = ()
        self._expected_ns = Fraction(0)  # where the run of unbroken sound goes on
        self._overlap = 0  # samples of the run that lie before what is written already
        self.written = 0
        self.silent = 0
        self.failed_packets = 0

    def __enter__(self) -> SoundTrack:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is None:
                self._decode(None)
                self._end_run()
        finally:
            self._wav.close()

    def packet(self, packet: av.Packet) -> None:
        """The next packet of the stream, in the order of the file."""
        self._decode(packet)

    def _decode(self, packet: av.Packet | None) -> None:
        try:
            frames = self._decoder.decode(packet)
        except FFmpegError:
            self.failed_packets += 1
            return
        for frame in frames:
            self._heard(frame)

    def _heard(self, frame: av.AudioFrame) -> None:
        kind = (frame.format.name, frame.layout.name, frame.sample_rate)
        start_ns = self._start_ns(frame)
        if self._resampler is None or kind != self._kind or abs(start_ns - self._expected_ns) > TOLERANCE_NS:
            self._end_run()
            self._begin_run(start_ns)
            self._kind = kind
        self._expected_ns += Fraction(frame.samples * NS_PER_S, frame.sample_rate)
        frame.pts = None  # the resampler counts samples; where the run lies is decided here
        self._write(self._resampler.resample(frame))

    def _start_ns(self, frame: av.AudioFrame) -> Fraction | int:
        if frame.pts is None or frame.time_base is None:
            return self._expected_ns
        return ns_from_pts(frame.pts, frame.time_base, origin_ns=self._origin_ns)

    def _begin_run(self, start_ns: Fraction | int) -> None:
        start = min(_samples(start_ns, self._rate_hz), self._limit)
        silence = max(0, start - self.written)
        self._overlap = max(0, self.written - start)
        self._expected_ns = Fraction(start_ns)
        self._resampler = av.AudioResampler(format="s16", layout="mono", rate=self._rate_hz)
        self.silent += silence
        while silence:
            chunk = min(silence, SILENCE_CHUNK)
            self._append(np.zeros(chunk, np.int16))
            silence -= chunk

    def _end_run(self) -> None:
        if self._resampler is not None:
            self._write(self._resampler.resample(None))
            self._resampler = None

    def _write(self, frames: list[av.AudioFrame]) -> None:
        for frame in frames:
            samples = frame.to_ndarray().reshape(-1)
            dropped = min(self._overlap, len(samples))
            self._overlap -= dropped
            self._append(samples[dropped:])

    def _append(self, samples: np.ndarray) -> None:
        samples = samples[: max(0, self._limit - self.written)]
        self._wav.writeframesraw(samples.astype("<i2", copy=False).tobytes())
        self.written += len(samples)


def _samples(ns: Fraction | int, rate_hz: int) -> int:
    return round(Fraction(ns) * rate_hz / NS_PER_S)

"""The recording as a file: H.264 and AAC in MP4, as a screen recorder writes it."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from types import TracebackType

import av
import numpy as np
from numpy.typing import NDArray

VIDEO_OPTIONS = {
    "preset": "veryfast",
    "profile": "high",
    "g": "250",
    "threads": "2",  # fixed: the encoder's output depends on the number of threads
}
AUDIO_BIT_RATE = 128_000


class RecordingWriter:
    """Writes one MP4: a frame and its sound at a time, at a constant rate. Use it as a context manager.

    `frame_rate_hz` divides `sample_rate_hz`, so that each frame has the same whole number of samples.
    """

    def __init__(
        self, path: Path, *, width_px: int, height_px: int, frame_rate_hz: int, sample_rate_hz: int, crf: int
    ) -> None:
        if sample_rate_hz % frame_rate_hz:
            raise ValueError(f"{sample_rate_hz} samples a second do not divide into {frame_rate_hz} frames")
        self._container = av.open(str(path), "w", format="mp4", options={"movflags": "+faststart"})
        self._video = self._container.add_stream(
            "libx264", rate=frame_rate_hz, options={**VIDEO_OPTIONS, "crf": str(crf)}
        )
        self._video.width, self._video.height, self._video.pix_fmt = width_px, height_px, "yuv420p"
        self._video.codec_context.time_base = Fraction(1, frame_rate_hz)
        self._audio = self._container.add_stream("aac", rate=sample_rate_hz, layout="stereo")
        self._audio.bit_rate = AUDIO_BIT_RATE
        self._samples_per_frame = sample_rate_hz // frame_rate_hz
        self._sample_rate_hz = sample_rate_hz
        self._frame_rate_hz = frame_rate_hz
        self._written = 0

    def __enter__(self) -> RecordingWriter:
        return self

    def write(self, frame: NDArray[np.uint8], sound: NDArray[np.int16]) -> None:
        """Append `frame` (H, W, 3) RGB and its `sound` (samples per frame, 2)."""
        if sound.shape != (self._samples_per_frame, 2):
            raise ValueError(f"a frame has {self._samples_per_frame} stereo samples, got {sound.shape}")
        picture = av.VideoFrame.from_ndarray(frame, format="rgb24")
        picture.pts, picture.time_base = self._written, Fraction(1, self._frame_rate_hz)
        self._container.mux(self._video.encode(picture))
        heard = av.AudioFrame.from_ndarray(np.ascontiguousarray(sound).reshape(1, -1), format="s16", layout="stereo")
        heard.sample_rate = self._sample_rate_hz
        heard.pts, heard.time_base = self._written * self._samples_per_frame, Fraction(1, self._sample_rate_hz)
        self._container.mux(self._audio.encode(heard))
        self._written += 1

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self._container.mux(self._video.encode(None))
            self._container.mux(self._audio.encode(None))
        self._container.close()

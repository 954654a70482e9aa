"""Where somebody speaks: Silero VAD's own ONNX weights through ONNX Runtime.

The weights come with the package `silero-vad`; its Python code imports torch and is not touched. The network is run
over blocks of 512 windows with its state carried on, which gives the same probabilities as window by window.
"""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnxruntime
import pyarrow as pa
from numpy.typing import NDArray

from gvlm_resources import schemas, timebase
from gvlm_resources.errors import MissingModelError
from gvlm_resources.settings import SpeechSettings
from gvlm_resources.text import wav

WINDOW = 512  # samples of one decision: 32 ms
CONTEXT = 64  # samples of the window before that the network sees again
BLOCK_WINDOWS = 512  # 16.4 s and about 1 MB a call
STATE_SIZE = 128
EXIT_BELOW = 0.15  # a span goes on down to this much under the threshold, as in the package's own state machine
WEIGHTS = "data/silero_vad_16k_sequence.onnx"


@dataclass(frozen=True, slots=True)
class Voice:
    """One span of speech in samples, `[first, last)`, and the mean probability of its windows."""

    first: int
    last: int
    confidence: float

    def __post_init__(self) -> None:
        if not 0 <= self.first < self.last:
            raise ValueError(f"a span of speech is [first, last) from 0 on, got [{self.first}, {self.last})")


def speech_spans(wav_path: Path, settings: SpeechSettings, *, video_id: str, origin_ns: int = 0) -> pa.Table:
    """Spans of speech in a 16 kHz mono WAV as `schemas.SPEECH_SPANS`, in the order of time, never overlapping.

    `origin_ns` is the media time of the file's first sample. Raises MissingModelError without Silero's weights and
    LakeError for a file of another format.
    """
    voices = voices_of(speech_probabilities(wav_path), wav.sample_count(wav_path), settings)
    starts = [origin_ns + voice.first * wav.NS_PER_SAMPLE for voice in voices]
    columns = {
        "video_id": [video_id] * len(voices),
        "span_id": [timebase.moment_id("v", start) for start in starts],
        "start_ns": starts,
        "end_ns": [origin_ns + voice.last * wav.NS_PER_SAMPLE for voice in voices],
        "confidence": [voice.confidence for voice in voices],
    }
    return pa.Table.from_pydict(columns, schema=schemas.SPEECH_SPANS)


def speech_probabilities(wav_path: Path) -> NDArray[np.float32]:
    """Probability of speech in each window of 512 samples, `(ceil(samples / 512),)`; silence fills the last one."""
    session = _session()
    hidden = np.zeros((1, 1, STATE_SIZE), dtype=np.float32)
    cell = np.zeros_like(hidden)
    context = np.zeros(CONTEXT, dtype=np.float32)
    found: list[NDArray[np.float32]] = []
    for block in wav.blocks(wav_path, WINDOW * BLOCK_WINDOWS):
        rows = np.zeros((-(-len(block) // WINDOW), CONTEXT + WINDOW), dtype=np.float32)
        windows = rows[:, CONTEXT:]
        filled = np.zeros(rows.shape[0] * WINDOW, dtype=np.float32)
        filled[: len(block)] = block.astype(np.float32) / 32_768
        windows[:] = filled.reshape(-1, WINDOW)
        rows[0, :CONTEXT] = context
        rows[1:, :CONTEXT] = windows[:-1, -CONTEXT:]
        context = windows[-1, -CONTEXT:].copy()
        feeds = {"input": rows, "h": hidden, "c": cell}
        probabilities, hidden, cell = session.run(["speech_probs", "hn", "cn"], feeds)
        found.append(probabilities.reshape(-1))
    return np.concatenate(found) if found else np.zeros(0, dtype=np.float32)


def voices_of(probabilities: NDArray[np.float32], samples: int, settings: SpeechSettings) -> list[Voice]:
    """Spans of speech from window probabilities (pure).

    A span begins at the first window at or above the threshold and goes on until every window of `min_silence_s` lies
    below threshold - 0.15. Shorter ones than `min_speech_s` go; longer ones than `max_speech_s` are cut at their
    quietest window. Each is then widened by `pad_s`, at most to the middle of the gap to its neighbour.
    """
    window_s = WINDOW / wav.RATE_HZ
    runs = _runs(probabilities, settings.vad_threshold, max(1, round(settings.min_silence_s / window_s)))
    runs = [run for run in runs if (run[1] - run[0]) * window_s >= settings.min_speech_s]
    limit = int(settings.max_speech_s / window_s)
    runs = [piece for run in runs for piece in _cut(probabilities, run, limit)]
    pad = round(settings.pad_s * wav.RATE_HZ)
    voices: list[Voice] = []
    for index, (first, last) in enumerate(runs):
        floor = (runs[index - 1][1] + first) * WINDOW // 2 if index else 0
        ceiling = (last + runs[index + 1][0]) * WINDOW // 2 if index + 1 < len(runs) else samples
        confidence = float(probabilities[first:last].mean())
        voices.append(Voice(max(first * WINDOW - pad, floor), min(last * WINDOW + pad, ceiling, samples), confidence))
    return voices


def _runs(probabilities: NDArray[np.float32], threshold: float, silence_windows: int) -> list[tuple[int, int]]:
    """`[first, last)` windows of speech by two thresholds: one to begin, a lower one to go on."""
    runs: list[tuple[int, int]] = []
    first, last = -1, -1
    for index, probability in enumerate(probabilities):
        if first >= 0 and index - last >= silence_windows:
            runs.append((first, last))
            first = -1
        if probability >= (threshold if first < 0 else threshold - EXIT_BELOW):
            first = index if first < 0 else first
            last = index + 1
    return [*runs, (first, last)] if first >= 0 else runs


def _cut(probabilities: NDArray[np.float32], run: tuple[int, int], limit: int) -> list[tuple[int, int]]:
    """The run in pieces of at most `limit` windows, each cut where the voice is weakest in the piece's second half."""
    pieces: list[tuple[int, int]] = []
    first, last = run
    while last - first > limit:
        half = first + limit // 2
        cut = half + int(np.argmin(probabilities[half : first + limit]))
        cut = max(cut, first + 1)
        pieces.append((first, cut))
        first = cut
    return [*pieces, (first, last)]


def _session() -> onnxruntime.InferenceSession:
    spec = importlib.util.find_spec("silero_vad")  # finds the package without running it: its __init__ imports torch
    weights = Path(spec.origin).parent / WEIGHTS if spec is not None and spec.origin else None
    if weights is None or not weights.is_file():
        raise MissingModelError(
            f"the weights of Silero VAD ({WEIGHTS}) are not installed", remedy="pip install 'silero-vad>=6.2.3,<7'"
        )
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(str(weights), sess_options=options, providers=["CPUExecutionProvider"])

"""From spans of speech to a transcript: which utterances count, and when each word was said.

The recogniser is behind `Recogniser`; `text/sphinx.py` is the one of the profile `cpu`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from gvlm_resources import schemas, timebase
from gvlm_resources.settings import SpeechSettings
from gvlm_resources.text import wav

NO_WORDS = "no_words"
UNSURE = "low_confidence"


@dataclass(frozen=True, slots=True)
class Word:
    """One recognised word: samples `[first, last)` from the first sample of what was given, posterior in 0..1."""

    text: str
    first: int
    last: int
    confidence: float

    def __post_init__(self) -> None:
        if not self.text or not 0 <= self.first < self.last or not 0 <= self.confidence <= 1:
            raise ValueError(f"a word has text, [first, last) and a confidence in 0..1, got {self}")


class Recogniser(Protocol):
    """Turns one utterance into words. The answer depends on these samples alone, not on what came before."""

    name: str  # "package/model@version"
    language: str

    def recognise(self, samples: NDArray[np.int16]) -> tuple[Word, ...]:
        """16 kHz mono samples -> words in the order of time; none where no word was understood."""
        ...


def transcribe(wav_path: Path, spans: pa.Table, recogniser: Recogniser, settings: SpeechSettings) -> pa.Table:
    """One row of `schemas.SPEECH` for each row of `spans` (`schemas.SPEECH_SPANS`); the WAV begins at media time 0.

    An utterance without words, or with less confidence than its length asks for, is a `filtered` row: monsters' voices
    and music pass as speech now and then, and what a recogniser makes of them is invented. Memory: one utterance.
    """
    rows = [_row(wav_path, span, recogniser, settings) for span in spans.to_pylist()]
    return pa.Table.from_pylist(rows, schema=schemas.SPEECH)


def confidence_of(words: Sequence[Word]) -> float:
    """Mean posterior over the time that words fill: long words, which say more, weigh more. 0 without words."""
    total = sum(word.last - word.first for word in words)
    return sum(word.confidence * (word.last - word.first) for word in words) / total if total else 0.0


def _row(wav_path: Path, span: dict, recogniser: Recogniser, settings: SpeechSettings) -> dict:
    first, last = span["start_ns"] // wav.NS_PER_SAMPLE, -(-span["end_ns"] // wav.NS_PER_SAMPLE)
    words = recogniser.recognise(wav.read(wav_path, first, last))
    confidence = confidence_of(words)
    is_short = span["end_ns"] - span["start_ns"] < timebase.ns_from_s(settings.short_s)
    required = settings.min_confidence_short if is_short else settings.min_confidence
    reason = NO_WORDS if not words else UNSURE if confidence < required else ""
    return {
        "video_id": span["video_id"],
        "speech_id": timebase.moment_id("s", span["start_ns"]),
        "start_ns": span["start_ns"],
        "end_ns": span["end_ns"],
        "text": " ".join(word.text for word in words),
        "confidence": confidence,
        "language": recogniser.language,
        "words": [_word(word, span) for word in words],
        "status": schemas.STATUS_FILTERED if reason else schemas.STATUS_OK,
        "reason": reason,
    }


def _word(word: Word, span: dict) -> dict:
    start = min(span["start_ns"] + word.first * wav.NS_PER_SAMPLE, span["end_ns"] - 1)
    end = min(span["start_ns"] + word.last * wav.NS_PER_SAMPLE, span["end_ns"])
    return {"text": word.text, "start_ns": start, "end_ns": max(end, start + 1), "confidence": word.confidence}

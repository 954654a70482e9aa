"""From spans of speech to a transcript: which utterances count, and when each word was said.

The recogniser is behind `Recogniser`: `text/sphinx.py`, `text/whisper_transformers.py` or `text/whisper_openai.py`.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Protocol

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from gvlm_resources import schemas, timebase
from gvlm_resources.settings import SpeechSettings
from gvlm_resources.text import wav
from gvlm_resources.text.word_times import UNSPACED

NO_WORDS = "no_words"
UNSURE = "low_confidence"
NO_SPEECH = "no_speech"
REPEATS = "repeats_itself"
IMPROBABLE = "improbable"

UNDETERMINED = "und"  # the language code of what has none

# What Whisper writes where nobody speaks, and where it is caught in a loop: the limits of its reference implementation
# (github.com/openai/whisper, `transcribe`), beyond which that decodes anew.
NO_SPEECH_ABOVE = 0.6
MEAN_LOG_BELOW = -1.0
COMPRESSES_ABOVE = 2.4

Samples = NDArray[np.int16]  # 16 kHz, mono


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


@dataclass(frozen=True, slots=True)
class Utterance:
    """What was understood, in which language; `doubt` is the reason not to believe it, where there is one."""

    words: tuple[Word, ...]
    language: str
    doubt: str = ""

    @property
    def text(self) -> str:
        return ("" if self.language in UNSPACED else " ").join(word.text for word in self.words)


class Recogniser(Protocol):
    """Turns utterances into words. An answer depends on its own samples alone: not on what came before or beside it."""

    name: str  # "package/model@version" or "repo@revision"

    def recognise_batch(self, utterances: Sequence[Samples]) -> list[Utterance]:
        """One answer for each, words in the order of time; without words where none was understood."""
        ...


def transcribe(
    wav_path: Path, spans: pa.Table, recogniser: Recogniser, settings: SpeechSettings, *, batch: int = 1
) -> pa.Table:
    """One row of `schemas.SPEECH` for each row of `spans` (`schemas.SPEECH_SPANS`); the WAV begins at media time 0.

    An utterance without words, or that the recogniser doubts, or with less confidence than its length asks for, is a
    `filtered` row: monsters' voices and music pass as speech now and then, and what a recogniser makes of them is
    invented. Memory: `batch` utterances, which are recognised together.
    """
    rows: list[dict] = []
    for together in _together(spans, batch):
        heard = [_samples(wav_path, span) for span in together]
        understood = recogniser.recognise_batch(heard)
        rows += [_row(span, utterance, settings) for span, utterance in zip(together, understood, strict=True)]
    return pa.Table.from_pylist(rows, schema=schemas.SPEECH)


def doubt_of(text: str, *, no_speech: float, mean_log: float) -> str:
    """Why a Whisper model's `text` is not to be believed, or nothing where it is.

    `no_speech` is the probability that nobody speaks, `mean_log` the mean logarithm of the tokens' probabilities.
    """
    if no_speech > NO_SPEECH_ABOVE and mean_log < MEAN_LOG_BELOW:
        return NO_SPEECH
    if compression_of(text) > COMPRESSES_ABOVE:
        return REPEATS
    return IMPROBABLE if mean_log < MEAN_LOG_BELOW else ""


def compression_of(text: str) -> float:
    """How many times shorter zlib makes it: ordinary sentences under 2, loops far more."""
    plain = text.encode()
    return len(plain) / len(zlib.compress(plain))


def by_parts(
    utterances: Sequence[Samples], most: int, read: Callable[[list[Samples]], list[Utterance]]
) -> list[Utterance]:
    """`read` of the utterances, those of more than `most` samples in parts of that length whose answers are joined.

    The language is the first part's, the doubt the first there is. A word that a cut goes through may be lost.
    """
    parts = [[samples[at : at + most] for at in range(0, max(len(samples), 1), most)] for samples in utterances]
    answers = iter(read([part for utterance in parts for part in utterance]))
    return [_whole([next(answers) for _ in utterance], most) for utterance in parts]


def _whole(parts: Sequence[Utterance], most: int) -> Utterance:
    words = [
        replace(word, first=word.first + number * most, last=word.last + number * most)
        for number, part in enumerate(parts)
        for word in part.words
    ]
    return Utterance(tuple(words), parts[0].language, next((part.doubt for part in parts if part.doubt), ""))


def confidence_of(words: Sequence[Word]) -> float:
    """Mean posterior over the time that words fill: long words, which say more, weigh more. 0 without words."""
    total = sum(word.last - word.first for word in words)
    return sum(word.confidence * (word.last - word.first) for word in words) / total if total else 0.0


def _together(spans: pa.Table, batch: int) -> Iterator[list[dict]]:
    waiting = iter(spans.to_pylist())
    while together := list(islice(waiting, batch)):
        yield together


def _samples(wav_path: Path, span: dict) -> Samples:
    return wav.read(wav_path, span["start_ns"] // wav.NS_PER_SAMPLE, -(-span["end_ns"] // wav.NS_PER_SAMPLE))


def _row(span: dict, utterance: Utterance, settings: SpeechSettings) -> dict:
    words = utterance.words
    confidence = confidence_of(words)
    is_short = span["end_ns"] - span["start_ns"] < timebase.ns_from_s(settings.short_s)
    required = settings.min_confidence_short if is_short else settings.min_confidence
    reason = NO_WORDS if not words else utterance.doubt or (UNSURE if confidence < required else "")
    return {
        "video_id": span["video_id"],
        "speech_id": timebase.moment_id("s", span["start_ns"]),
        "start_ns": span["start_ns"],
        "end_ns": span["end_ns"],
        "text": utterance.text,
        "confidence": confidence,
        "language": utterance.language,
        "words": [_word(word, span) for word in words],
        "status": schemas.STATUS_FILTERED if reason else schemas.STATUS_OK,
        "reason": reason,
    }


def _word(word: Word, span: dict) -> dict:
    start = min(span["start_ns"] + word.first * wav.NS_PER_SAMPLE, span["end_ns"] - 1)
    end = min(span["start_ns"] + word.last * wav.NS_PER_SAMPLE, span["end_ns"])
    return {"text": word.text, "start_ns": start, "end_ns": max(end, start + 1), "confidence": word.confidence}

"""Retrieval from a library of a million timeline rows: CPU a question, recall against an exact search, build and disk.

    python benchmarks/index.py [--quick] [--folder DIR]

The library is made up: 2,000 videos of 500 rows. Its sentences are written by templates as the pipeline writes events
and as players speak; 20,000 of them are encoded by the real encoder. Rows of events repeat them word for word, as games
do; rows of speech and text lie between two of them. Questions are worded unlike any sentence, and encoded for real.

CPU is `time.process_time`, which counts every thread of this process. Recall counts a row as found if it fits as well
as the exact tenth: where one sentence stands a thousand times, which ten of them come back says nothing.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from gvlm_resources.schemas import TEXT_VECTOR_DIM, TIMELINE_INDEX
from gvlm_resources.settings import IndexSettings
from gvlm_resources.timebase import NS_PER_S, Span
from gvlm_resources.timeline import embedding, retrieval
from gvlm_resources.timeline.retrieval import Scope
from gvlm_resources.timeline.store import TimelineStore

SEED = 7
TOP = 10
TARGET_MS = 30.0
TARGET_RECALL = 0.95
SCORE_TOLERANCE = 1e-5
VARIED = 0.35  # weight of the second sentence in a row between two
NOISE = 0.15  # length of the random part of such a vector
SPAN_S = 60

WEAPONS = "pistol|shotgun|chaingun|crossbow|railgun|sniper rifle|plasma rifle|rocket launcher|bow|sword|axe|grenade"
ITEMS = "medikit|stimpack|armor vest|blue keycard|red key|health potion|ammo box|clip|shield cell|gold coin|map|battery"
FOES = "imp|zombie|skeleton|creeper|sniper|tank|boss|drone|wolf|goblin|demon|guard|turret|dragon|racer|goalkeeper"
PLACES = "door|corridor|bridge|roof|tunnel|tower|cave|courtyard|lift|spawn room|river|village|arena|pit lane|penalty area"
FEELINGS = "wow|oh no|careful|nice|come on|wait|hold on|look at that|unbelievable|okay|seriously|let's go|not again"
EVENTS = (
    "Took {n} damage (health {h} to {g}).",
    "Health rose by {n} (from {g} to {h}).",
    "Armor fell from {h} to {g}.",
    "Picked up the {item}.",
    "Picked up a {weapon}.",
    "Fired the {weapon}.",
    "Switched from the {weapon} to the {weapon}.",
    "Ammunition fell from {h} to {g}.",
    "Died.",
    "Respawned near the {place}.",
    'Killed a {foe}. On screen: "You fragged the {foe}!"',
    'Message: "The {place} needs the {item}."',
    "Score rose from {n}00 to {h}00.",
    "Opened the {place}.",
    "Reached checkpoint {n} at the {place}.",
    "Level {n} begins.",
)
SPEECH = (
    "{feeling}, there is a {foe} behind the {place}",
    "I need a {item} before we go into the {place}",
    "did you see how the {foe} came through the {place}",
    "take the {weapon}, I will cover the {place}",
    "{feeling} that {foe} took {n} health off me",
    "we should go back to the {place} and get the {item}",
    "last time I died right here because of the {foe}",
    "the {weapon} is much better against a {foe}",
)
TEXT = (
    "LEVEL {n} {place}",
    "Press {letter} to open the {place}",
    "{foe} {n} : {h} player",
    "{letter}{n} {item} x{g}",
    "Objective: bring the {item} to the {place}",
    "Round {n} won by the {foe}",
)
QUESTIONS = (
    "when did the player lose a lot of life to the {foe}",
    "where do they find a {item}",
    "who warns about enemies close to the {place}",
    "which gun works well versus the {foe}",
    "at what point is the {place} unlocked",
    "how did the run end after the {foe}",
    "what does the screen say about the {item}",
    "when is the {weapon} used for the first time",
)


@dataclass(frozen=True)
class Size:
    videos: int
    rows_per_video: int
    sentences: int
    questions: int
    compact_every: int

    @property
    def rows(self) -> int:
        return self.videos * self.rows_per_video


FULL = Size(videos=2_000, rows_per_video=500, sentences=20_000, questions=100, compact_every=250)
QUICK = Size(videos=120, rows_per_video=500, sentences=2_000, questions=30, compact_every=60)


@dataclass(frozen=True)
class Corpus:
    """Distinct sentences with their vectors (N, 384), and which of them are events', speech's and the screen's."""

    texts: list[str]
    vectors: NDArray[np.float32]
    sources: NDArray[np.str_]


class Encoded:
    """Gives questions the vectors they were encoded to before, so that a search is timed without the encoder."""

    dim = TEXT_VECTOR_DIM

    def __init__(self, encoder: embedding.TextEncoder, texts: Sequence[str]) -> None:
        self.name = encoder.name
        self._vectors = dict(zip(texts, encoder.encode(list(texts)), strict=True))

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        return np.stack([self._vectors[text] for text in texts])


def written(templates: Sequence[str], count: int, random: np.random.Generator) -> list[str]:
    """`count` distinct sentences by templates, or as many as there are to be had."""
    words = {
        name: value.split("|")
        for name, value in (
            ("weapon", WEAPONS),
            ("item", ITEMS),
            ("foe", FOES),
            ("place", PLACES),
            ("feeling", FEELINGS),
        )
    }
    found: dict[str, None] = {}
    for _ in range(count * 20):
        if len(found) == count:
            break
        sentence = templates[random.integers(len(templates))]
        high, low = sorted(random.integers(0, 200, 2))[::-1]
        for name, choices in words.items():
            while f"{{{name}}}" in sentence:
                sentence = sentence.replace(f"{{{name}}}", choices[random.integers(len(choices))], 1)
        letter = "ABEFQR"[random.integers(6)]
        found[sentence.format(n=random.integers(1, 60), h=high, g=low, letter=letter)] = None
    return list(found)


def make_corpus(size: Size, encoder: embedding.TextEncoder, random: np.random.Generator) -> Corpus:
    parts = [
        ("event", written(EVENTS, size.sentences // 2, random)),
        ("speech", written(SPEECH, size.sentences * 3 // 10, random)),
        ("text", written(TEXT, size.sentences // 5, random)),
    ]
    texts = [text for _, sentences in parts for text in sentences]
    sources = np.array([source for source, sentences in parts for _ in sentences])
    return Corpus(texts, encoder.encode(texts), sources)


def make_video(number: int, size: Size, corpus: Corpus, model: str) -> pa.Table:
    """One video's rows. Which sentences a video draws on is skewed, as one game's are."""
    random = np.random.default_rng((SEED, number))
    count, total = size.rows_per_video, len(corpus.texts)
    favourites = random.choice(total, size=min(total, 150), replace=False)
    first = favourites[np.minimum(random.geometric(0.02, count) - 1, len(favourites) - 1)]
    second = random.permutation(first)
    is_event = corpus.sources[first] == "event"
    noise = random.standard_normal((count, TEXT_VECTOR_DIM)).astype(np.float32)
    noise *= NOISE / np.linalg.norm(noise, axis=1, keepdims=True)
    between = corpus.vectors[first] * (1 - VARIED) + corpus.vectors[second] * VARIED + noise
    between /= np.linalg.norm(between, axis=1, keepdims=True)
    vectors = np.where(is_event[:, None], corpus.vectors[first], between)
    starts = np.sort(random.integers(0, 3600, count)) * NS_PER_S
    video_id = f"video-{number:06d}"
    texts = [
        corpus.texts[a] if event else f"{corpus.texts[a]}, {corpus.texts[b]}"
        for a, b, event in zip(first, second, is_event, strict=True)
    ]
    sources = corpus.sources[first].tolist()
    columns = {
        "row_id": [f"{video_id}/e{start // 1000:012d}-{n}" for n, start in enumerate(starts)],
        "video_id": [video_id] * count,
        "source": sources,
        "kind": [text.split()[0].strip(".:").lower() if s == "event" else s for s, text in zip(sources, texts, strict=True)],
        "start_ns": starts,
        "end_ns": starts + NS_PER_S,
        "text": texts,
        "subject": [""] * count,
        "value": pa.nulls(count, pa.float64()),
        "confidence": np.full(count, 0.9, np.float32),
        "frame_id": [f"f{start // 1000:012d}" for start in starts],
        "evidence": [[f"o{start // 1000:012d}-0"] for start in starts],
        "vector": pa.FixedSizeListArray.from_arrays(pa.array(vectors.astype(np.float32).ravel()), TEXT_VECTOR_DIM),
        "model": [model] * count,
    }
    return pa.table(columns, schema=TIMELINE_INDEX)


def vectors_of(table: pa.Table) -> NDArray[np.float32]:
    return table.column("vector").combine_chunks().flatten().to_numpy().reshape(-1, TEXT_VECTOR_DIM)

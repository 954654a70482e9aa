"""Made-up shards of training examples, in the format of `dataset.shards`: for tests, and for `benchmarks/release.py`.

A library is games, videos and examples. Frames of a video wander about its game's mean as those of a play do; every
fifth video is an earlier one encoded again; every video begins with its game's title screen. Questions repeat templates
whose words are the same in all videos, with clocks and counts in them, and free sentences in between. A share of the
questions, where one is asked for, is of two families: one sentence each, long or short, with one word that is free.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from gvlm_resources import schemas
from gvlm_resources.dataset.examples.example import CURRICULA
from gvlm_resources.dataset.pairs import KINDS
from gvlm_resources.dataset.releases.release_spec import Input
from gvlm_resources.timebase import NS_PER_S

GAMES = 8
NOUNS = 19  # of WORDS, the first
COPY_EACH = 5  # every so many videos, one is a copy of the one before it
TITLE_S = 3
SHOWN = {"alignment": 1, "dynamics": 8, "long": 32}
WORDS = np.array(
    [
        "door",
        "corridor",
        "bridge",
        "tower",
        "cave",
        "lift",
        "river",
        "arena",
        "imp",
        "zombie",
        "demon",
        "guard",
        "turret",
        "pistol",
        "shotgun",
        "rocket",
        "medikit",
        "armor",
        "key",
        "runs",
        "jumps",
        "turns",
        "waits",
        "opens",
        "fires",
        "takes",
        "drops",
        "behind",
        "under",
        "beside",
        "through",
        "near",
        "left",
        "red",
        "blue",
        "green",
        "dark",
        "slowly",
        "split",
    ]
)
TEMPLATES: dict[str, tuple[str, str]] = {
    "what": ("What happens at {clock}?", "The player picks up the {a}."),
    "when": ("When does the player reach the {a} near the {b}?", "At {clock}."),
    "where": ("Where is the {a}?", "The {a} stands beside the {b}."),
    "how_many": ("How many times does the player fire up to {clock}?", "{n} times."),
    "before_after": ("What comes after the {a} is taken at {clock}?", "The player meets the {b}."),
    "state": ("How much health does the player have at {clock}?", "{n}."),
    "why": ("Why does the player lose health at {clock}?", "The {a} behind the {b} hits the player for {n}."),
    "summary": ("What happens in this part?", "The player {free}."),
    "said_or_shown": ("What is shown on the screen?", "It reads {a} {b} {n}."),
    "unanswerable": ("What is the name of the player?", "It cannot be told from the video."),
}
LONG_SENTENCE, SHORT_SENTENCE = 70, 18  # words of a family: with one of them free, long ones are alike, short ones not
SHARES = (0.25, 0.15, 0.05, 0.15, 0.05, 0.15, 0.05, 0.05, 0.05, 0.05)


@dataclass
class Made:
    """One example to be written. `vector` is None where it shows no frame; `digest` is of its words and vector."""

    pair: str
    question: str
    answer: str
    vector: NDArray[np.float32] | None
    kind: str = "what"
    curriculum: str = "alignment"
    language: str = "en"
    made_by: str = "templates@1"
    confidence: float = 1.0
    start_s: int = 0
    end_s: int = 1
    frames_s: Sequence[int] = (0,)
    timeline: Sequence[str] = ()
    extra: dict[str, Any] = field(default_factory=dict)


def clock(seconds: int) -> str:
    return f"{seconds // 60:02d}:{seconds % 60:02d}"


def shard(folder: Path, video_id: str, examples: Iterable[Made]) -> Path:
    """Write a shard of these examples, in their order."""
    folder.mkdir(parents=True, exist_ok=True)
    rows, offset = [], 0
    with (folder / "examples.jsonl").open("wb") as lines:
        for made in examples:
            line, row = _line(video_id, made)
            rows.append({**row, "offset": offset, "bytes": len(line)})
            lines.write(line)
            offset += len(line)
    pq.write_table(pa.Table.from_pylist(rows, schemas.EXAMPLES), folder / "examples.parquet", compression="zstd")
    return folder


def _line(video_id: str, made: Made) -> tuple[bytes, dict[str, Any]]:
    frames_s = list(made.frames_s) if made.vector is not None else []
    ids = [f"f{second * 1_000_000:012d}" for second in frames_s]
    tokens = "".join(f"<ts={clock(second)}><v>" for second in frames_s)
    asked = "\n".join([tokens, *made.timeline, made.question])
    told = {name: getattr(made, name) for name in ("kind", "curriculum", "language", "made_by", "confidence")}
    example_id = f"x{hashlib.sha256(f'{made.pair}/{made.curriculum}'.encode()).hexdigest()[:16]}"
    value = {
        "id": example_id,
        "video": video_id,
        "conversations": [{"from": "human", "value": asked}, {"from": "gpt", "value": made.answer}],
        "timestamps": [[float(made.start_s), float(made.end_s)]],
        "embeddings": [{"token": "<v>", "table": "siglip_embeddings", "id": name} for name in ids],
        "frames": ids,
        "boxes": [],
        "box_frames": [],
        "width": 640,
        "height": 400,
        "evidence": [f"e{made.start_s * 1_000_000:012d}-message"],
        "provenance": {"pair": made.pair, **told, "length": "short", "fingerprints": {"qa_pairs": "0" * 64}},
    }
    shown = b"" if made.vector is None else made.vector.astype("<f4").tobytes()
    row = {
        "video_id": video_id,
        "example_id": example_id,
        "pair_id": made.pair,
        **told,
        "length": "short",
        "question": made.question,
        "answer": made.answer,
        "start_ns": made.start_s * NS_PER_S,
        "end_ns": made.end_s * NS_PER_S,
        "tokens": len(asked.split()) + len(made.answer.split()),
        "embeddings": len(ids),
        "digest": hashlib.sha256(f"{asked}\0{made.answer}\0".encode() + shown).hexdigest(),
        "frame_vector": None if made.vector is None else made.vector.tolist(),
        **made.extra,
    }
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode() + b"\n", row


def video_id(number: int) -> str:
    return f"play-{number:05d}-{hashlib.sha256(str(number).encode()).hexdigest()[:12]}"


def given(number: int, **changes: Any) -> Input:
    """A video as an input of a release; `changes` are other values of its fields."""
    digest = hashlib.sha256(str(number).encode()).hexdigest()
    values = {
        "video_id": video_id(number),
        "fingerprint": digest,
        "source_sha256": digest,
        "title": f"Play {number}",
        "game": f"game-{number % GAMES}",
        "licence": "CC0-1.0",
        "origin": f"play-{number}.mkv",
        "duration_ns": 300 * NS_PER_S,
    }
    return Input(**(values | changes))


def unit(vectors: NDArray[np.floating]) -> NDArray[np.float32]:
    return (vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)).astype(np.float32)


def near(vector: NDArray[np.float32], cosine: float, random: np.random.Generator) -> NDArray[np.float32]:
    """Vectors at this cosine to those given."""
    other = random.normal(size=vector.shape)
    other -= (other * vector).sum(-1, keepdims=True) * vector
    return unit(cosine * vector + np.sqrt(1 - cosine**2) * unit(other))


def library_video(number: int, *, examples: int, dim: int, seed: int = 0, families: float = 0) -> list[Made]:
    """The examples of one video of the library: the same whenever it is asked for."""
    copied = number % COPY_EACH == COPY_EACH - 1
    random = np.random.default_rng([seed, number - copied])
    seconds = 300
    frames = _frames(number - copied, seconds, dim, random, seed)
    made = [each for pair in range(-(-examples // 3)) for each in _pair(number, pair, frames, random)][:examples]
    if families:
        _put_families(made, families, np.random.default_rng([seed, number - copied, 2]))
    if copied:
        own = np.random.default_rng([seed, number, 1])
        for each in made:
            assert each.vector is not None
            each.vector = near(each.vector, float(own.uniform(0.997, 0.9999)), own)
            if own.random() < 0.3:
                each.question = f"{' '.join(own.choice(WORDS, 4))}: {each.question}"
    return made


def _put_families(made: list[Made], share: float, random: np.random.Generator) -> None:
    """Give so many of the questions the words of a family: nearly equal, and no two the same."""
    words = np.random.default_rng(20_000_000).choice(WORDS, LONG_SENTENCE)
    for pair in range(0, len(made), len(CURRICULA)):
        if random.random() >= share:
            continue
        sentence = words[: LONG_SENTENCE if random.random() < 0.5 else SHORT_SENTENCE].copy()
        sentence[len(sentence) // 2] = "".join(random.choice(list("abcdefghijklmnopqrstuvwxyz"), 10))
        for each in made[pair : pair + len(CURRICULA)]:
            each.kind, each.question, each.answer = "what", "What happens here?", " ".join(sentence)


def _frames(number: int, seconds: int, dim: int, random: np.random.Generator, seed: int) -> NDArray[np.float32]:
    """Vectors of a frame a second: the title, then a walk about the game's mean, cosines with it of 0.8 or so."""
    game = np.random.default_rng([seed, 10_000_000, number % GAMES])
    mean, title = unit(game.normal(size=(2, dim)))
    steps = unit(random.normal(size=(seconds, dim)))
    walk = np.empty((seconds, dim), np.float32)
    at = unit(random.normal(size=dim))
    for second in range(seconds):
        at = unit(0.9 * at + 0.43 * steps[second])
        walk[second] = at
    frames = unit(0.8 * mean + 0.6 * walk)
    frames[:TITLE_S] = near(np.tile(title, (TITLE_S, 1)), 0.9999, random)
    return frames


def _pair(number: int, pair: int, frames: NDArray[np.float32], random: np.random.Generator) -> list[Made]:
    """One question in every curriculum."""
    kind = str(random.choice(KINDS, p=SHARES))
    second = int(random.integers(0, len(frames) - 32))
    a, b = random.choice(WORDS[:NOUNS], 2)
    words = {"clock": clock(second), "a": a, "b": b, "n": int(random.integers(0, 200))}
    question, answer = (text.format(**words, free=" ".join(random.choice(WORDS, 30))) for text in TEMPLATES[kind])
    if random.random() < 0.3:
        question = f"{' '.join(random.choice(WORDS, 6))}? {question}"
    made_by = "templates@1" if random.random() < 0.7 else "small@local"
    told = [f"{clock(second + k % 30)} The player {' '.join(random.choice(WORDS, 5))}." for k in range(20)]
    made = []
    for curriculum in CURRICULA:
        shown = range(second, second + SHOWN[curriculum])
        made.append(
            Made(
                pair=f"q{hashlib.sha256(f'{number} {pair}'.encode()).hexdigest()[:16]}",
                question=question,
                answer=answer,
                vector=unit(frames[shown.start : shown.stop].sum(axis=0)),
                kind=kind,
                curriculum=curriculum,
                made_by=made_by,
                confidence=round(float(random.uniform(0.5, 1)), 3),
                start_s=second,
                end_s=second + 5,
                frames_s=shown,
                timeline=[] if curriculum == "alignment" else sorted(told),
            )
        )
    return made


def library(
    folder: Path, *, videos: int, examples: int, dim: int, seed: int = 0, families: float = 0
) -> dict[str, Path]:
    """Shards of the library's first videos, by id."""
    options: dict[str, Any] = {"examples": examples, "dim": dim, "seed": seed, "families": families}
    return {
        video_id(number): shard(folder / video_id(number), video_id(number), library_video(number, **options))
        for number in range(videos)
    }

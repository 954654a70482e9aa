"""Frames that look like words: the text tower's vector against the vectors of a library's frames."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from gvlm_resources.encoders.protocol import TextTower
from gvlm_resources.errors import QuestionError
from gvlm_resources.timebase import NS_PER_S, Span
from gvlm_resources.timeline.frame_store import FrameHit

APART_NS = 2 * NS_PER_S  # two matches nearer than this are one moment
# What is looked for in a video of a game whose file names no concepts, for the first look at what words find.
USUAL = (
    "a person",
    "a weapon in hand",
    "a fight",
    "a door",
    "water",
    "a map or a menu",
    "text on the screen",
    "darkness",
)
DEPTH = 8  # this many times as many frames are asked for as moments: neighbours of a match match as well
MOST_LETTERS = 500
DIGITS = 4


class SearchableFrames(Protocol):
    def nearest(
        self, vector: NDArray[np.float32], *, model: str, video_id: str | None, span: Span | None, limit: int
    ) -> list[FrameHit]: ...


@dataclass(frozen=True, slots=True)
class Match:
    """A moment that looks like the words.

    `probability` is `sigmoid(scale * cosine + bias)` with the scale and bias that the network learnt: that the words
    are true of the frame, in the mix of true and false pairs that it was trained on. It ranks as the cosine does.
    """

    video_id: str
    frame_id: str
    pts_ns: int
    cosine: float
    probability: float


def find(
    words: str,
    tower: TextTower,
    frames: SearchableFrames,
    *,
    model: str,
    limit: int,
    video_ids: Iterable[str] | None = None,
    span: Span | None = None,
) -> list[Match]:
    """The `limit` moments that look most like `words`, best first, at least two seconds apart in a video.

    `video_ids` are searched one by one; None searches the whole library at once. Raises QuestionError for words that
    cannot be looked for.
    """
    words = words.strip()
    if not words or len(words) > MOST_LETTERS:
        raise QuestionError("there is nothing to look for", remedy=f"say it in 1 to {MOST_LETTERS} letters")
    vector = tower.encode_text([words])[0]
    asked: Sequence[str | None] = [None] if video_ids is None else list(video_ids)
    hits = [
        hit
        for video_id in asked
        for hit in frames.nearest(vector, model=model, video_id=video_id, span=span, limit=limit * DEPTH)
    ]
    hits.sort(key=lambda hit: (-hit.cosine, hit.video_id, hit.pts_ns))
    return [_match(hit, tower) for hit in moments(hits, APART_NS)[:limit]]


def as_json(words: str, match: Match) -> dict[str, Any]:
    """A match with its words, its scores to as many digits as two machines agree in."""
    return {
        "words": words,
        "frame_id": match.frame_id,
        "pts_ns": match.pts_ns,
        "cosine": round(match.cosine, DIGITS),
        "probability": round(match.probability, DIGITS),
    }


def moments(hits: Sequence[FrameHit], apart_ns: int) -> list[FrameHit]:
    """`hits`, best first, without those within `apart_ns` of a better one of the same video."""
    kept: list[FrameHit] = []
    for hit in hits:
        near = (one for one in kept if one.video_id == hit.video_id and abs(one.pts_ns - hit.pts_ns) < apart_ns)
        if next(near, None) is None:
            kept.append(hit)
    return kept


def _match(hit: FrameHit, tower: TextTower) -> Match:
    logit = tower.scale * hit.cosine + tower.bias
    probability = 1 / (1 + math.exp(-logit)) if logit >= 0 else math.exp(logit) / (1 + math.exp(logit))
    return Match(hit.video_id, hit.frame_id, hit.pts_ns, hit.cosine, probability)

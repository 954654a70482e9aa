"""When each word of an utterance was said, from where the network listened as it wrote it (pure).

A token is written while the decoder attends to its sound. The attention of the heads that follow the sound, tokens by
frames, is one path from the upper left to the lower right, which dynamic time warping finds
(Radford et al. 2022, "Robust Speech Recognition via Large-Scale Weak Supervision", and its reference implementation).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

MEDIAN_FRAMES = 7  # the reference implementation's
UNFINISHED = "\ufffd"  # what the bytes of half a character decode to

# Written without spaces between words: there every character is timed by itself.
UNSPACED = frozenset({"zh", "ja", "th", "lo", "my", "yue"})


@dataclass(frozen=True, slots=True)
class Piece:
    """One or more tokens that make up whole characters: frames `[first, last)`, and the tokens' mean probability."""

    text: str
    first: int
    last: int
    probability: float


def token_starts(attention: NDArray[np.floating]) -> NDArray[np.intp]:
    """The frame in which each token begins, never before that of the token before it.

    `attention` is (heads, tokens, frames), each row a distribution over the frames.
    """
    spread = attention.std(axis=1, keepdims=True)
    relative = (attention - attention.mean(axis=1, keepdims=True)) / np.maximum(spread, np.finfo(np.float32).tiny)
    return path_starts(-_smoothed(relative).mean(axis=0))


def path_starts(cost: NDArray[np.floating]) -> NDArray[np.intp]:
    """Where the cheapest path through `cost` (tokens, frames) enters each token.

    The path begins at the first token and frame, ends at the last of both, and goes on by a token, a frame or both.
    """
    total = _accumulated(cost.astype(np.float64))
    token, frame = cost.shape[0] - 1, cost.shape[1] - 1
    starts = np.zeros(cost.shape[0], np.intp)
    starts[token] = frame
    while token > 0 or frame > 0:
        both = total[token - 1, frame - 1] if token and frame else np.inf
        one_token = total[token - 1, frame] if token else np.inf
        one_frame = total[token, frame - 1] if frame else np.inf
        if both <= one_token and both <= one_frame:
            token, frame = token - 1, frame - 1
        elif one_token < one_frame:
            token -= 1
        else:
            frame -= 1
        starts[token] = frame
    return starts


def pieces_of(
    tokens: Sequence[int],
    starts: Sequence[int],
    probabilities: Sequence[float],
    decode: Callable[[list[int]], str],
) -> list[Piece]:
    """The tokens as text: those that are bytes of one character go together.

    `starts` has one frame more than there are tokens: where the last ends. Bytes that are no whole character are left
    out.
    """
    pieces: list[Piece] = []
    begin = 0
    for end in range(1, len(tokens) + 1):
        text = decode(list(tokens[begin:end]))
        if text and not text.endswith(UNFINISHED):
            text = text.replace(UNFINISHED, "")
            mean = float(np.mean(probabilities[begin:end]))
            pieces.append(Piece(text, int(starts[begin]), int(starts[end]), min(max(mean, 0.0), 1.0)))
            begin = end
    return pieces


def words_of(pieces: Sequence[Piece], language: str) -> list[Piece]:
    """Pieces joined to words: a space begins a word, and in languages without spaces every piece does.

    Punctuation belongs to the word before it; without one it is left out. A word is as sure as its pieces are on
    average.
    """
    groups: list[list[Piece]] = []
    for piece in pieces:
        begins = piece.text[0].isspace() or language in UNSPACED
        if groups and not begins:
            groups[-1].append(piece)
        else:
            groups.append([piece])
    words: list[list[Piece]] = []
    for group in groups:
        if any(character.isalnum() for piece in group for character in piece.text):
            words.append(group)
        elif words:
            words[-1].extend(group)
    return [_joined(word) for word in words]


def _joined(group: Sequence[Piece]) -> Piece:
    text = " ".join("".join(piece.text for piece in group).split())
    return Piece(text, group[0].first, group[-1].last, float(np.mean([piece.probability for piece in group])))


def _smoothed(rows: NDArray[np.floating]) -> NDArray[np.floating]:
    """The median of 7 frames around each, mirrored at the ends; shorter rows stay as they are."""
    half = MEDIAN_FRAMES // 2
    if rows.shape[-1] <= half:
        return rows
    mirrored = np.pad(rows, [(0, 0)] * (rows.ndim - 1) + [(half, half)], mode="reflect")
    windows = np.lib.stride_tricks.sliding_window_view(mirrored, MEDIAN_FRAMES, axis=-1)
    return np.partition(windows, half, axis=-1)[..., half]


def _accumulated(cost: NDArray[np.float64]) -> NDArray[np.float64]:
    """The cost of the cheapest path from the first token and frame to each of (tokens, frames).

    Frame by frame: a path enters a frame from the one before at some token, with that token or the next, and runs
    down from there, so its cost is what entering costs plus a difference of sums down the frame.
    """
    total = np.empty_like(cost)
    total[:, 0] = np.cumsum(cost[:, 0])
    for frame in range(1, cost.shape[1]):
        before, own = total[:, frame - 1], cost[:, frame]
        entered = before.copy()
        np.minimum(entered[1:], before[:-1], out=entered[1:])
        down = np.cumsum(own)
        total[:, frame] = down + np.minimum.accumulate(entered - (down - own))
    return total

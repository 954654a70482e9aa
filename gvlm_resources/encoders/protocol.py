"""What encoders promise: the seam between the networks and everything that feeds them or uses their vectors (pure)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from gvlm_resources.settings import Dtype


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A model's files on this machine. `name` is `repo@revision`, and part of the fingerprint of what it makes."""

    name: str
    folder: Path


@dataclass(frozen=True, slots=True)
class Placement:
    """Where and how a network runs: `cpu` or `cuda:0`, and one of transformers' attention implementations."""

    device: str
    dtype: Dtype
    attention: str

    def __post_init__(self) -> None:
        if self.device == "auto" or self.attention == "auto":
            raise ValueError(f"a placement is definite, got {self}")


@dataclass(frozen=True, slots=True)
class Identity:
    """What is stored beside every vector: which network made it, of what pixels or samples, in which arithmetic."""

    model: str  # repo@revision
    preprocessing: str  # such as "384x384 bilinear antialiased, mean 0.5 std 0.5"
    dtype: str
    device: str
    attention: str
    dim: int

    def as_facts(self) -> dict[str, Any]:
        return asdict(self)


class FrameEncoder(Protocol):
    """An image to a vector. What else is in the batch makes no difference."""

    identity: Identity

    def encode(self, frames: NDArray[np.uint8]) -> NDArray[np.float32]:
        """RGB (N, H, W, 3) -> (N, dim), unit rows. N may be 0."""


class TextTower(Protocol):
    """Words to a vector in the space of the frames.

    The probability that a text is true of a frame is `sigmoid(scale * cosine + bias)` where the network was trained so.
    """

    identity: Identity
    scale: float
    bias: float

    def encode_text(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """(N, dim), unit rows, of texts of any length: what the network cannot take in is cut off. N may be 0."""


class ClipEncoder(Protocol):
    identity: Identity
    frames: int  # how many frames a clip has to have

    def encode(self, clips: NDArray[np.uint8]) -> NDArray[np.float32]:
        """RGB (N, frames, H, W, 3) -> (N, dim), unit rows. N may be 0."""


class SoundEncoder(Protocol):
    """Windows of sound to vectors. What else is in the batch, and how long it is, makes no difference."""

    identity: Identity
    rate_hz: int

    def encode(self, windows: Sequence[NDArray[np.int16]]) -> NDArray[np.float32]:
        """Mono windows, each of its own length -> (N, dim), unit rows. N may be 0."""


class RegionEncoder(Protocol):
    """Regions of an image to vectors, with one pass over the image however many regions it has."""

    identity: Identity

    def grid(self, height: int, width: int) -> tuple[int, int]:
        """Rows and columns of patches that a frame of this size is cut into; together they cover the whole frame."""

    def encode_regions(
        self, frames: NDArray[np.uint8], weights: Sequence[NDArray[np.float32]]
    ) -> list[NDArray[np.float32]]:
        """RGB (N, H, W, 3) and for each frame (R, rows, columns) shares in 0..1 -> for each frame (R, dim), unit rows.

        A share says how much of the patch the region covers; a region has at least one above 0. R may be 0.
        """

"""How long a training may run, from which seed, and where it leaves what (pure)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Run:
    """One training. It ends with its last epoch or with its time, whichever comes first.

    `checkpoint` is the folder in Hugging Face's format that comes out. `work` holds what a stopped training goes on
    from; a training with the same arguments continues there.
    """

    checkpoint: Path
    work: Path
    epochs: int
    minutes: float  # wall clock of this start; a continued training gets the same again
    seed: int
    threads: int = 1

    def __post_init__(self) -> None:
        if self.epochs < 1 or self.minutes <= 0 or self.threads < 1 or self.seed < 0:
            raise ValueError(f"epochs, minutes and threads are positive and the seed is not negative, got {self}")
        if self.checkpoint == self.work:
            raise ValueError(f"the checkpoint and the work folder are two folders, got {self.work} twice")

"""What else the vision tower is asked in training: which patch shows what, what is true, what the status bar reads.

Captions say little of a frame at a time. These heads are taught with the pairwise loss and thrown away with the end of
the training; the checkpoint holds nothing of them.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from gvlm_resources.encoders.pretrain.captions import (
    HEIGHT_PX,
    KIND_OF,
    KINDS,
    PLAIN,
    WEAPONS,
    WIDTH_PX,
    Facts,
    is_large,
)
from gvlm_resources.encoders.pretrain.frames import Shot

KIND_INDEX = {kind.key: index for index, kind in enumerate(KINDS)}
CLAIMS: tuple[str, ...] = (
    *(f"thing:{kind.key}{end}" for kind in KINDS for end in ("", ":left", ":centre", ":right", ":near", ":two")),
    *(f"group:enemy{end}" for end in ("", ":left", ":centre", ":right", ":near", ":far", ":two", ":several")),
    *("group:item", "group:corpse"),
    *(f"weapon:{weapon}" for weapon in WEAPONS),
    *(claim for claim in PLAIN if claim not in ("near", "far")),
)
NO_DIGIT = 10
MIN_PATCH_SHARE = 0.2  # of a patch that a box has to cover
RARE = 4.0  # how much more a patch that shows something counts than one that does not


class Hints(nn.Module):
    """Linear heads over the tower's outputs."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.patches = nn.Linear(width, len(KINDS))
        self.claims = nn.Linear(width, len(CLAIMS))
        self.digits = nn.Linear(width, 9 * (NO_DIGIT + 1))  # health, armor, rounds: hundreds, tens, ones
        for head in (self.patches, self.claims):
            nn.init.constant_(head.bias, -4.0)

    def loss(self, tokens: Tensor, pooled: Tensor, targets: HintTargets) -> dict[str, Tensor]:
        """`tokens` (B, P, width) and `pooled` (B, width) -> one mean loss for each head."""
        shown = self.patches(tokens)
        patches = functional.binary_cross_entropy_with_logits(
            shown, targets.patches, weight=targets.patch_weights, reduction="sum"
        )
        claims = functional.binary_cross_entropy_with_logits(
            self.claims(pooled), targets.claims, weight=targets.claim_weights, reduction="sum"
        )
        read = self.digits(pooled).view(-1, NO_DIGIT + 1)
        digits = functional.cross_entropy(read, targets.digits.reshape(-1))
        count = len(pooled)
        return {"patches": patches / shown.shape[0] / shown.shape[1], "claims": claims / count, "digits": digits}


class HintTargets:
    """What the heads should say of a batch."""

    def __init__(self, shots: Sequence[Shot], known: Sequence[Facts], windows: NDArray[np.float32], rows: int) -> None:
        patches, weights = patch_targets(shots, windows, rows)
        self.patches = torch.from_numpy(patches)
        self.patch_weights = torch.from_numpy(weights)
        self.claims = torch.tensor([[claim in one.true for claim in CLAIMS] for one in known], dtype=torch.float32)
        self.claim_weights = torch.tensor(
            [[claim not in one.unsure for claim in CLAIMS] for one in known], dtype=torch.float32
        )
        self.digits = torch.tensor([digits_of(one) for one in known])


def digits_of(known: Facts) -> list[int]:
    """Nine digits as the status bar shows them, `NO_DIGIT` where it shows none: health, armor, rounds."""
    found: list[int] = []
    for number in (known.health, known.armor, known.ammo):
        shown = "" if number is None else str(max(0, min(number, 999)))
        found += [NO_DIGIT] * (3 - len(shown)) + [int(digit) for digit in shown]
    return found


def patch_targets(
    shots: Sequence[Shot], windows: NDArray[np.float32], rows: int
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Which patch shows which kind, as (B, rows * rows, kinds) in 0 and 1, and how much each counts.

    `windows` (B, 3) is the part of each frame that is looked at: left, top and side, as shares of the frame. A thing
    too small to be told counts neither way.
    """
    targets = np.zeros((len(shots), rows, rows, len(KINDS)), np.float32)
    weights = np.ones_like(targets)
    for index, (shot, (left, top, side)) in enumerate(zip(shots, windows, strict=True)):
        for thing in shot.state["objects"]:
            kind = KIND_OF.get(thing["name"])
            if kind is None:
                continue
            x0, y0, x1, y1 = thing["box"]
            across = _cover((x0 / WIDTH_PX - left) / side * rows, (x1 / WIDTH_PX - left) / side * rows, rows)
            down = _cover((y0 / HEIGHT_PX - top) / side * rows, (y1 / HEIGHT_PX - top) / side * rows, rows)
            share = down[:, None] * across[None, :]
            here = share >= min(MIN_PATCH_SHARE, max(share.max(), 1e-6))
            at = targets[index, :, :, KIND_INDEX[kind.key]]
            if is_large(thing):
                at[here] = 1.0
                weights[index, :, :, KIND_INDEX[kind.key]][here] = RARE
            else:
                weights[index, :, :, KIND_INDEX[kind.key]][here & (at == 0)] = 0.0
    count = len(shots)
    return targets.reshape(count, rows * rows, -1), weights.reshape(count, rows * rows, -1)


def _cover(start: float, end: float, rows: int) -> NDArray[np.float32]:
    """How much of each of `rows` cells of width 1 the stretch from `start` to `end` covers."""
    cells = np.arange(rows, dtype=np.float32)
    return np.clip(np.minimum(end, cells + 1) - np.maximum(start, cells), 0, 1).astype(np.float32)

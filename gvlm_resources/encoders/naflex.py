"""Frames to patches in their own proportions (NaFlex): as many patches as a budget allows, none of them stretched."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import torch
from torch import Tensor

from gvlm_resources.encoders import pixels
from gvlm_resources.encoders.pixels import Filter, Levels
from gvlm_resources.errors import GvlmError

_FINEST = 1e-5  # how close the search for the scale comes: the checkpoints' own processor stops there
_LARGEST_SCALE = 100.0


@dataclass(frozen=True, slots=True)
class PatchPreprocessing:
    """At most `most` patches of `patch` x `patch` pixels a frame."""

    filter: Filter
    levels: Levels
    patch: int
    most: int

    @classmethod
    def of(cls, found: Mapping[str, Any], *, most: int) -> Self:
        """Of a checkpoint's settings (`pixels.facts`) and a budget of patches. Raises GvlmError for an unknown one."""
        if pixels.processor(found) != "Siglip2":
            raise GvlmError(
                f"a NaFlex checkpoint has a Siglip2 image processor, not {pixels.processor(found)}",
                remedy="get the checkpoint anew (`gvlm models pull MODEL`)",
            )
        settings = pixels.completed(found)
        if not settings["do_resize"]:
            raise GvlmError("NaFlex without resizing is not known here", remedy="set do_resize to true")
        plain = pixels.filter_of(settings["resample"])
        return cls(plain, Levels.of(settings), int(settings["patch_size"]), most)

    @property
    def words(self) -> str:
        return (
            f"at most {self.most} patches of {self.patch}x{self.patch}, {self.filter} antialiased, {self.levels.words}"
        )

    def grid(self, height: int, width: int) -> tuple[int, int]:
        """Rows and columns of patches of a frame of this size: as many as fit the budget, by bisection of the scale."""
        least, most = _FINEST / 10, _LARGEST_SCALE
        while most - least >= _FINEST:
            middle = (least + most) / 2
            if math.prod(self._grid_at(middle, height, width)) <= self.most:
                least = middle
            else:
                most = middle
        return self._grid_at(least, height, width)

    def inputs(self, frames: Tensor) -> dict[str, Tensor]:
        """uint8 RGB (N, H, W, 3) -> `pixel_values` float32 (N, P, patch * patch * 3), and what goes with them.

        All frames of a batch have one size and so one grid: P is rows * columns, nothing is padded, and
        `pixel_attention_mask` (N, P) is 1 throughout. `spatial_shapes` (N, 2) are rows and columns.
        """
        count, height, width = frames.shape[:3]
        rows, columns = self.grid(height, width)
        pictures = pixels.resize(frames, (rows * self.patch, columns * self.patch), self.filter)
        patches = pictures.unflatten(3, (columns, self.patch)).unflatten(2, (rows, self.patch))
        patches = patches.permute(0, 2, 4, 3, 5, 1).contiguous()  # N, rows, columns, y, x, RGB
        return {
            "pixel_values": self.levels.applied(patches, channel=5).flatten(3).flatten(1, 2),
            "pixel_attention_mask": torch.ones(count, rows * columns, dtype=torch.int32, device=frames.device),
            "spatial_shapes": torch.tensor([[rows, columns]] * count).view(count, 2),
        }

    def _grid_at(self, scale: float, height: int, width: int) -> tuple[int, int]:
        rows, columns = (max(1, math.ceil(edge * scale / self.patch)) for edge in (height, width))
        return rows, columns

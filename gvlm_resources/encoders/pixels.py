"""Frames to what a network takes in: resized, cropped, rescaled and normalised as its checkpoint's own file says.

Batches of uint8 go through PyTorch on the device they are on; no image library is in the path. What PIL's resampling
gives, which the checkpoints were trained with, comes out again:

- on CUDA and other accelerators bit by bit, in the fixed-point arithmetic that Pillow does its resampling in;
- on the processor through PyTorch's uint8 kernel, several times as fast as Pillow. Its weights have fewer bits: a few
  values in a thousand differ by one level of 255, a few in a million by two. docs/preprocessing.md has the figures.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from gvlm_resources.errors import GvlmError, MissingModelError

Filter = Literal["bilinear", "bicubic"]

_FILES = ("preprocessor_config.json", "processor_config.json")
_FILTERS: Mapping[Any, Filter] = {2: "bilinear", 3: "bicubic"}  # PIL.Image.Resampling
_SUPPORT = {"bilinear": 1.0, "bicubic": 2.0}
_WEIGHT_BITS = 22  # Pillow: 32 bits less 8 of the pixel and 2 for the overshoot of the sum
_REMEDY = "use a checkpoint with one of the image processors in docs/preprocessing.md"

# What a processor does where its file says nothing: the class attributes of transformers' image processors.
_COMMON: Mapping[str, Any] = {
    "do_resize": True,
    "do_center_crop": False,
    "do_rescale": True,
    "rescale_factor": 1 / 255,
    "do_normalize": True,
    "image_mean": 0.5,
    "image_std": 0.5,
    "resample": 2,
}
_PROCESSORS: Mapping[str, Mapping[str, Any]] = {
    "Siglip": {"size": {"height": 224, "width": 224}, "resample": 3, "default_to_square": False},
    "Siglip2": {"patch_size": 16, "max_num_patches": 256},
    "VideoMAE": {
        "size": {"shortest_edge": 224},
        "default_to_square": False,
        "do_center_crop": True,
        "crop_size": {"height": 224, "width": 224},
    },
    "ViT": {"size": {"height": 224, "width": 224}},
    "DeiT": {
        "size": {"height": 256, "width": 256},
        "resample": 3,
        "do_center_crop": True,
        "crop_size": {"height": 224, "width": 224},
    },
    "Sam3": {"size": {"height": 1008, "width": 1008}},
}
_SUFFIXES = ("ImageProcessorFast", "ImageProcessorPil", "ImageProcessor", "FeatureExtractor")
# Fields without a say in what becomes of an RGB frame's pixels.
_IGNORED = frozenset(
    {
        "image_processor_type",
        "feature_extractor_type",
        "processor_class",
        "do_convert_rgb",
        "data_format",
        "image_seq_length",
        "mask_size",
        "_valid_processor_keys",
    }
)


def facts(folder: Path) -> dict[str, Any]:
    """The image processor's settings as they stand in the checkpoint's folder.

    They are in preprocessor_config.json, or under `image_processor` in processor_config.json. Raises MissingModelError
    where neither file has them.
    """
    for name in _FILES:
        path = folder / name
        if not path.is_file():
            continue
        try:
            found = json.loads(path.read_text(encoding="utf-8"))
        except ValueError as error:
            raise MissingModelError(f"{path} is no JSON: {error}", remedy="get the checkpoint anew") from error
        section = found.get("image_processor") if name == "processor_config.json" else found
        if isinstance(section, dict):
            return section
    raise MissingModelError(
        f"{folder / _FILES[0]} is missing", remedy="get the whole checkpoint: `gvlm models pull MODEL`"
    )


def processor(found: Mapping[str, Any]) -> str:
    """The family of the image processor that the settings are for, such as `Siglip`. Raises GvlmError if unknown."""
    name = str(found.get("image_processor_type") or found.get("feature_extractor_type") or "")
    for suffix in _SUFFIXES:
        if name.endswith(suffix) and name.removesuffix(suffix) in _PROCESSORS:
            return name.removesuffix(suffix)
    raise GvlmError(f"the image processor {name or '(none named)'} is not known here", remedy=_REMEDY)


def completed(found: Mapping[str, Any]) -> dict[str, Any]:
    """The settings with the processor's own defaults where they say nothing.

    Raises GvlmError for a field that is not known here and that asks for something.
    """
    defaults = {**_COMMON, **_PROCESSORS[processor(found)]}
    known = defaults.keys() | {"default_to_square", "crop_size", "size"}
    given = {key: value for key, value in found.items() if key not in _IGNORED and value is not None}
    for key, value in given.items():
        is_off = value is False and key.startswith("do_")
        if key not in known and not is_off:
            raise GvlmError(f"the image processor's field {key}={value!r} is not known here", remedy=_REMEDY)
    return {**defaults, **{key: value for key, value in given.items() if key in known}}


@dataclass(frozen=True, slots=True)
class Levels:
    """uint8 to what the network takes in, a channel: `(level * factor - mean) / std`."""

    factor: float
    mean: tuple[float, float, float]
    std: tuple[float, float, float]

    def __post_init__(self) -> None:
        if min(self.std) <= 0 or self.factor <= 0:
            raise GvlmError(f"a standard deviation or factor is not above 0: {self}", remedy=_REMEDY)

    @classmethod
    def of(cls, settings: Mapping[str, Any]) -> Self:
        factor = float(settings["rescale_factor"]) if settings["do_rescale"] else 1.0
        if not settings["do_normalize"]:
            return cls(factor, (0.0, 0.0, 0.0), (1.0, 1.0, 1.0))
        return cls(factor, _triple(settings["image_mean"]), _triple(settings["image_std"]))

    @property
    def words(self) -> str:
        factor = "" if math.isclose(self.factor, 1 / 255, rel_tol=1e-6) else f"factor {self.factor:g} "
        return f"{factor}mean {_shown(self.mean)} std {_shown(self.std)}"

    def applied(self, levels: Tensor, *, channel: int) -> Tensor:
        """float32 of the uint8 `levels`, whose dimension `channel` is RGB."""
        scales = [self.factor / std for std in self.std]
        shifts = [-mean / std for mean, std in zip(self.mean, self.std, strict=True)]
        if len(set(zip(scales, shifts, strict=True))) == 1:  # twice as fast as three values that are alike
            return levels.float().mul_(scales[0]).add_(shifts[0])
        shape = [1] * levels.ndim
        shape[channel] = 3
        scale, shift = (torch.tensor(values, device=levels.device).view(shape) for values in (scales, shifts))
        return levels.contiguous().float().mul_(scale).add_(shift)


@dataclass(frozen=True, slots=True)
class Preprocessing:
    """One size of picture for every frame.

    `size` is the height and width that a frame is resized to whatever its proportions are; `shortest_edge` keeps them.
    With neither a frame stays as large as it is. `crop` is the height and width that are then cut out of the middle.
    """

    filter: Filter
    levels: Levels
    size: tuple[int, int] | None = None
    shortest_edge: int | None = None
    crop: tuple[int, int] | None = None

    def __post_init__(self) -> None:
        if self.size is not None and self.shortest_edge is not None:
            raise ValueError("a frame is resized to a size or by its shortest edge, not both")
        least = self.size or (self.shortest_edge and (self.shortest_edge, self.shortest_edge))
        if least and self.crop and (self.crop[0] > least[0] or self.crop[1] > least[1]):
            raise GvlmError(f"the crop {self.crop} is larger than the resized frame {least}", remedy=_REMEDY)

    @classmethod
    def of(cls, found: Mapping[str, Any]) -> Self:
        """Of a checkpoint's settings, such as `facts` reads. Raises GvlmError for what is not known here."""
        settings = completed(found)
        if "size" not in settings:
            raise GvlmError(f"{processor(found)} has no size of picture", remedy=_REMEDY)
        size, shortest_edge = _size(settings["size"], squared=bool(settings.get("default_to_square", True)))
        crop = _size(settings.get("crop_size"), squared=True)[0] if settings["do_center_crop"] else None
        if not settings["do_resize"]:
            size, shortest_edge = None, None
        return cls(filter_of(settings["resample"]), Levels.of(settings), size, shortest_edge, crop)

    @property
    def words(self) -> str:
        if self.size is not None:
            how = f"{self.size[1]}x{self.size[0]} {self.filter} antialiased, "
        elif self.shortest_edge is not None:
            how = f"shortest edge {self.shortest_edge} {self.filter} antialiased, "
        else:
            how = ""
        cut = f"centre {self.crop[1]}x{self.crop[0]}, " if self.crop else ""
        return f"{how}{cut}{self.levels.words}"

    def resized(self, height: int, width: int) -> tuple[int, int]:
        """Height and width that a frame of this height and width is resized to, before any crop."""
        if self.size is not None:
            return self.size
        if self.shortest_edge is None:
            return height, width
        short, long = min(height, width), int(self.shortest_edge * max(height, width) / min(height, width))
        return (self.shortest_edge, long) if height == short else (long, self.shortest_edge)

    def tensors(self, frames: Tensor) -> Tensor:
        """uint8 RGB (..., H, W, 3) -> float32 (..., 3, height, width), on the device that the frames are on."""
        lead, (height, width) = frames.shape[:-3], frames.shape[-3:-1]
        pictures = resize(frames.flatten(0, -4), self.resized(height, width), self.filter)
        if self.crop is not None:
            pictures = _centre(pictures, self.crop)
        return self.levels.applied(pictures, channel=1).unflatten(0, lead)


def read(folder: Path) -> Preprocessing:
    """The preprocessing of the checkpoint in `folder`. Raises GvlmError for what is not known here."""
    return Preprocessing.of(facts(folder))


def on_device(frames: NDArray[np.uint8], device: str) -> Tensor:
    """uint8 RGB (..., H, W, 3) of the array, on the device. Raises ValueError for anything else."""
    if frames.dtype != np.uint8 or frames.ndim < 4 or frames.shape[-1] != 3:
        raise ValueError(f"frames are uint8 (..., height, width, 3), got {frames.dtype} {frames.shape}")
    # PyTorch has no read-only tensors, and takes no negative strides.
    return torch.from_numpy(np.require(frames, requirements=["C", "W"])).to(device)


def resize(frames: Tensor, size: tuple[int, int], how: Filter) -> Tensor:
    """uint8 (N, H, W, 3) -> uint8 (N, 3, *size) by antialiased resampling, as PIL does it."""
    planes = frames.permute(0, 3, 1, 2)
    if not len(planes):
        return planes.new_empty((0, 3, *size))
    if frames.device.type != "cpu":
        return resize_exactly(planes, size, how)
    for step in _steps(tuple(planes.shape[2:]), size):
        planes = functional.interpolate(planes, size=step, mode=how, antialias=True, align_corners=False)
    return planes


def resize_exactly(planes: Tensor, size: tuple[int, int], how: Filter) -> Tensor:
    """uint8 (N, 3, H, W) -> uint8 (N, 3, *size) with Pillow's own arithmetic, bit by bit, on any device.

    Pillow resamples in one direction, rounds to uint8, then in the other, and rounds again, in integers throughout
    (Pillow, src/libImaging/Resample.c).
    """
    for height, width in _steps(tuple(planes.shape[2:]), size):
        planes = _resample(_resample(planes, 3, width, how), 2, height, how)
    return planes


def _steps(source: tuple[int, ...], size: tuple[int, int]) -> list[tuple[int, int]]:
    """The sizes to resample to, one after the other, each of them along the rows first.

    Pillow goes along the rows first unless the picture gets lower and wider, as portraits do in a square.
    """
    if source == size:
        return []
    if size[0] < source[0] and size[1] > source[1]:
        return [(size[0], source[1]), size]
    return [size]


def _resample(planes: Tensor, dim: int, size: int, how: Filter) -> Tensor:
    if planes.shape[dim] == size:
        return planes
    places, weights = _taps(planes.shape[dim], size, how, str(planes.device))
    shape = [1] * planes.ndim
    shape[dim] = size
    total: Tensor | int = 1 << (_WEIGHT_BITS - 1)
    for place, weight in zip(places, weights, strict=True):
        total = planes.index_select(dim, place) * weight.view(shape) + total
    return (total >> _WEIGHT_BITS).clamp_(0, 255).to(torch.uint8)


@lru_cache(maxsize=64)
def _taps(source: int, size: int, how: Filter, device: str) -> tuple[Tensor, Tensor]:
    """For each tap which pixel it reads and its weight in fixed point: int64 and int32 of (taps, size)."""
    scale = source / size
    stretch = max(scale, 1.0)
    reach = _SUPPORT[how] * stretch
    centres = (np.arange(size) + 0.5) * scale
    first = np.maximum((centres - reach + 0.5).astype(np.int64), 0)
    last = np.minimum((centres + reach + 0.5).astype(np.int64), source)
    places = first + np.arange(math.ceil(reach) * 2 + 1)[:, None]
    weights = _kernel((places - centres + 0.5) / stretch, how) * (places < last)
    weights /= weights.sum(axis=0)
    fixed = np.trunc(weights * (1 << _WEIGHT_BITS) + np.copysign(0.5, weights))
    inside = torch.from_numpy(np.minimum(places, source - 1))
    return inside.to(device), torch.from_numpy(fixed.astype(np.int32)).to(device)


def _kernel(x: NDArray[np.float64], how: Filter) -> NDArray[np.float64]:
    """The triangle, or Keys' cubic convolution with a = -0.5 (IEEE Trans. ASSP 29(6), 1981, eq. 4 and 15)."""
    x = np.abs(x)
    if how == "bilinear":
        return np.maximum(1 - x, 0)
    near = (1.5 * x - 2.5) * x**2 + 1
    far = ((-0.5 * x + 2.5) * x - 4) * x + 2
    return np.where(x < 1, near, np.where(x < 2, far, 0))


def _centre(planes: Tensor, size: tuple[int, int]) -> Tensor:
    height, width = planes.shape[-2:]
    if height < size[0] or width < size[1]:
        raise GvlmError(f"a frame of {width}x{height} is too small to cut {size[1]}x{size[0]} out", remedy=_REMEDY)
    top, left = (height - size[0]) // 2, (width - size[1]) // 2
    return planes[..., top : top + size[0], left : left + size[1]]


def _size(value: Any, *, squared: bool) -> tuple[tuple[int, int] | None, int | None]:
    """Height and width, or the shortest edge, of a `size` field: a mapping, or the single number of older files."""
    if isinstance(value, int):
        return ((value, value), None) if squared else (None, value)
    asked = {key: edge for key, edge in value.items() if edge is not None} if isinstance(value, dict) else {}
    if asked.keys() == {"height", "width"}:
        return (int(asked["height"]), int(asked["width"])), None
    if asked.keys() == {"shortest_edge"}:
        return None, int(asked["shortest_edge"])
    raise GvlmError(f"the image processor's size {value!r} is not known here", remedy=_REMEDY)


def filter_of(value: Any) -> Filter:
    """PIL's number of a filter. Raises GvlmError for one that is not known here."""
    if value not in _FILTERS:
        raise GvlmError(f"the image processor's resample={value!r} is not known here", remedy=_REMEDY)
    return _FILTERS[value]


def _triple(value: Any) -> tuple[float, float, float]:
    values = [value] * 3 if isinstance(value, (int, float)) else value
    if len(values) != 3:
        raise GvlmError(f"a mean or standard deviation has three channels, got {value!r}", remedy=_REMEDY)
    return (float(values[0]), float(values[1]), float(values[2]))


def _shown(values: tuple[float, float, float]) -> str:
    return f"{values[0]:g}" if len(set(values)) == 1 else " ".join(f"{value:g}" for value in values)

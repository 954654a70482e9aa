"""SigLIP and SigLIP 2: frames, words and regions of frames in one space.

Two architectures behind one class: the fixed one (`siglip`), which sees a frame squeezed to a square, and NaFlex
(`siglip2`), which sees it in its own proportions. The vision tower is loaded at once, the text tower, often the larger
one, when the first words come.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import safe_open
from torch import Tensor, nn
from torch.nn import functional
from transformers import (
    AutoConfig,
    AutoTokenizer,
    PreTrainedConfig,
    Siglip2TextModel,
    Siglip2VisionModel,
    SiglipTextModel,
    SiglipVisionModel,
)

from gvlm_resources.encoders import loading, pixels, weights
from gvlm_resources.encoders.naflex import PatchPreprocessing
from gvlm_resources.encoders.pixels import Preprocessing
from gvlm_resources.encoders.protocol import Checkpoint, Identity, Placement
from gvlm_resources.encoders.silence import quiet
from gvlm_resources.errors import MissingModelError
from gvlm_resources.settings import SiglipSettings

Pooling = Literal["mean", "attention"]

_TOWERS = {"siglip": (SiglipVisionModel, SiglipTextModel), "siglip2": (Siglip2VisionModel, Siglip2TextModel)}
_SCALARS = ("logit_scale", "logit_bias")
_TEXTS_AT_ONCE = 64
_TOKENIZERS = ("tokenizer.json", "tokenizer.model", "spiece.model")
_INCOMPLETE = "get the whole checkpoint: `gvlm models pull MODEL`"
_REMEDY = "name a checkpoint of SigLIP or SigLIP 2 with both towers; see docs/models.md"


def has_flash(checkpoint: Checkpoint) -> bool:
    """Whether the network can run on FlashAttention 2, for `placement.choose`: the fixed one can, NaFlex cannot."""
    return bool(_TOWERS[_config(checkpoint).model_type][0]._supports_flash_attn)


def load(
    checkpoint: Checkpoint, placement: Placement, settings: SiglipSettings, *, pooling: Pooling = "attention"
) -> SiglipEncoder:
    """The checkpoint's encoder of frames, words and regions.

    Raises MissingModelError where the checkpoint is no SigLIP with both towers, or a weight is missing, and GvlmError
    where its preprocessing is not known.
    """
    config = _config(checkpoint)
    vision_class = _TOWERS[config.model_type][0]
    found = pixels.facts(checkpoint.folder)
    if config.model_type == "siglip2":
        view: _Squeezed | _NaFlex = _NaFlex(PatchPreprocessing.of(found, most=settings.max_patches), config)
    else:
        view = _Squeezed(Preprocessing.of(found), config)
    if not getattr(config.vision_config, "vision_use_head", True):
        raise MissingModelError(f"{checkpoint.name} has no attention pooling head", remedy=_REMEDY)
    vision = loading.network(vision_class, checkpoint, placement, unused=("text_model.", *_SCALARS))
    return SiglipEncoder(vision, view, TextEncoder(checkpoint, placement), checkpoint, placement, pooling)


class _Squeezed:
    """Every frame at the size of the checkpoint, whatever its proportions are."""

    def __init__(self, preprocessing: Preprocessing, config: PreTrainedConfig) -> None:
        edge, patch = config.vision_config.image_size, config.vision_config.patch_size
        there = preprocessing.crop or preprocessing.size
        if there != (edge, edge):
            raise MissingModelError(
                f"the network takes {edge}x{edge} pixels, and its image processor gives {preprocessing.words}",
                remedy="get the checkpoint anew (`gvlm models pull MODEL`)",
            )
        self.words = preprocessing.words
        self._preprocessing = preprocessing
        self._patches = edge // patch

    def grid(self, height: int, width: int) -> tuple[int, int]:
        return self._patches, self._patches

    def inputs(self, frames: Tensor) -> dict[str, Tensor]:
        return {"pixel_values": self._preprocessing.tensors(frames)}


class _NaFlex:
    """Every frame in its own proportions."""

    def __init__(self, preprocessing: PatchPreprocessing, config: PreTrainedConfig) -> None:
        patch = config.vision_config.patch_size
        if preprocessing.patch != patch:
            raise MissingModelError(
                f"the network's patches have {patch} pixels, its image processor's {preprocessing.patch}",
                remedy="get the checkpoint anew (`gvlm models pull MODEL`)",
            )
        self.words, self.grid, self.inputs = preprocessing.words, preprocessing.grid, preprocessing.inputs


class TextEncoder:
    """The text tower and its tokenizer, neither of them loaded before the first words."""

    def __init__(self, checkpoint: Checkpoint, placement: Placement) -> None:
        self._checkpoint = checkpoint
        self._placement = placement
        self._config = _config(checkpoint)

    @cached_property
    def _network(self) -> nn.Module:
        text_class = _TOWERS[self._config.model_type][1]
        return loading.network(text_class, self._checkpoint, self._placement, unused=("vision_model.", *_SCALARS))

    @cached_property
    def _tokenizer(self) -> Any:
        folder = self._checkpoint.folder
        if not any((folder / name).is_file() for name in _TOKENIZERS):
            raise MissingModelError(f"{folder / _TOKENIZERS[0]} is missing", remedy=_INCOMPLETE)
        try:
            with quiet():
                return AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
        except (OSError, ValueError, ImportError) as error:
            cause = str(error).partition("\n")[0]
            raise MissingModelError(f"{folder} has no usable tokenizer: {cause}", remedy=_INCOMPLETE) from error

    def ids(self, texts: Sequence[str]) -> Tensor:
        """int64 (N, positions): in lower case and padded behind, as the networks were trained, and without a mask.

        What a tokenizer's own file says of lower case and padding is not relied upon: SigLIP 2 was published with a
        tokenizer that keeps capitals.
        """
        return self._tokenizer(
            [text.lower() for text in texts],
            padding="max_length",
            padding_side="right",
            truncation=True,
            max_length=self._config.text_config.max_position_embeddings,
            return_tensors="pt",
        )["input_ids"]

    @torch.inference_mode()
    def encode(self, texts: Sequence[str]) -> Tensor:
        """float32 (N, dim), unit rows. N is at least 1."""
        portions = [texts[start : start + _TEXTS_AT_ONCE] for start in range(0, len(texts), _TEXTS_AT_ONCE)]
        made = [self._network(input_ids=self.ids(few).to(self._placement.device)).pooler_output for few in portions]
        return _unit(torch.cat(made))


class SiglipEncoder:
    """FrameEncoder, TextTower and RegionEncoder of one checkpoint.

    With `attention` a region is what the network's own pooling head makes of the region's patches alone, so that words
    find regions as they find frames; with `mean` it is the mean of the patches' features, which no word is near.
    """

    def __init__(
        self,
        vision: nn.Module,
        view: _Squeezed | _NaFlex,
        text: TextEncoder,
        checkpoint: Checkpoint,
        placement: Placement,
        pooling: Pooling,
    ) -> None:
        self._vision, self._view, self._text = vision, view, text
        self._device, self._pooling = placement.device, pooling
        self._dim = int(vision.config.hidden_size)
        self.scale, self.bias = _scale_and_bias(checkpoint)
        self.identity = Identity(
            model=checkpoint.name,
            preprocessing=view.words,
            dtype=placement.dtype,
            device=placement.device,
            attention=placement.attention,
            dim=self._dim,
        )

    def encode(self, frames: NDArray[np.uint8]) -> NDArray[np.float32]:
        """RGB (N, H, W, 3) -> (N, dim), unit rows. N may be 0."""
        if len(frames) == 0:
            return self._none()
        with torch.inference_mode():
            return _array(_unit(self._seen(frames).pooler_output))

    def encode_text(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """(N, dim), unit rows. Texts are taken in lower case, and cut off behind the network's last position."""
        if len(texts) == 0:
            return self._none()
        vectors = _array(self._text.encode(texts))
        if vectors.shape[1] != self._dim:
            raise MissingModelError(
                f"{self.identity.model} has frames of {self._dim} and texts of {vectors.shape[1]} dimensions",
                remedy=_REMEDY,
            )
        return vectors

    def grid(self, height: int, width: int) -> tuple[int, int]:
        """Rows and columns of patches of a frame of this size.

        Where the patch does not divide the picture (14 of 384 pixels), the network leaves out what remains at the
        right and lower edge, under half a patch: the grid is laid over the whole frame all the same.
        """
        return self._view.grid(height, width)

    def encode_regions(
        self, frames: NDArray[np.uint8], weights: Sequence[NDArray[np.float32]]
    ) -> list[NDArray[np.float32]]:
        """For each frame (R, dim), unit rows, of (R, rows, columns) shares in 0..1. One pass over the frames."""
        if len(frames) != len(weights):
            raise ValueError(f"{len(frames)} frames and the shares of {len(weights)}")
        if sum(map(len, weights)) == 0:
            return [self._none() for _ in weights]
        for shares in weights:
            _check_shares(shares, self.grid(*frames.shape[1:3]))
        with torch.inference_mode():
            patches = self._seen(frames).last_hidden_state
            made = [self._regions(*pair) for pair in zip(patches, weights, strict=True) if len(pair[1])]
            vectors = _array(_unit(torch.cat(made)))
        return np.split(vectors, np.cumsum([len(shares) for shares in weights])[:-1])

    def _seen(self, frames: NDArray[np.uint8]) -> Any:
        return self._vision(**self._view.inputs(pixels.on_device(frames, self._device)))

    def _regions(self, patches: Tensor, shares: NDArray[np.float32]) -> Tensor:
        """(P, dim) patches and (R, rows, columns) shares -> (R, dim), in the network's dtype or float32."""
        parts = torch.from_numpy(np.asarray(shares, dtype=np.float32)).to(self._device).flatten(1)
        if self._pooling == "attention":
            return attend(self._vision.head, patches, parts)
        return (parts / parts.sum(dim=1, keepdim=True)) @ patches.float()

    def _none(self) -> NDArray[np.float32]:
        return np.zeros((0, self._dim), dtype=np.float32)


def attend(head: nn.Module, patches: Tensor, shares: Tensor) -> Tensor:
    """What the attention pooling head makes of (P, dim) patches for each region of (R, P) float32 shares: (R, dim).

    A patch's weight in the softmax is multiplied by its share, which is to add log(share) to its score: none of a patch
    outside, all of it inside. Keys and values are made once a frame, however many regions it has.
    """
    attention = head.attention
    heads, dim = attention.num_heads, attention.embed_dim
    (wq, wk, wv), (bq, bk, bv) = attention.in_proj_weight.chunk(3), attention.in_proj_bias.chunk(3)
    query = functional.linear(head.probe[0], wq, bq).view(1, heads, -1).transpose(0, 1)
    keys = functional.linear(patches, wk, bk).view(len(patches), heads, -1).transpose(0, 1)
    values = functional.linear(patches, wv, bv).view(len(patches), heads, -1).transpose(0, 1)
    scores = (query @ keys.transpose(1, 2)).float()[:, 0] * (dim // heads) ** -0.5  # heads, P
    chosen = (scores[None] + shares.log()[:, None]).softmax(dim=-1).to(values.dtype)  # R, heads, P
    pooled = torch.einsum("rhp,hpd->rhd", chosen, values).flatten(1)
    pooled = attention.out_proj(pooled)
    return pooled + head.mlp(head.layernorm(pooled))


def _config(checkpoint: Checkpoint) -> PreTrainedConfig:
    try:
        with quiet():
            config = AutoConfig.from_pretrained(checkpoint.folder, local_files_only=True, trust_remote_code=False)
    except (OSError, ValueError, KeyError) as error:
        raise MissingModelError(f"{checkpoint.folder} has no usable config.json: {error}", remedy=_REMEDY) from error
    if config.model_type not in _TOWERS:
        raise MissingModelError(
            f"{checkpoint.name} is no SigLIP: its model_type is {config.model_type}", remedy=_REMEDY
        )
    return config


def _scale_and_bias(checkpoint: Checkpoint) -> tuple[float, float]:
    """`exp(logit_scale)` and `logit_bias`, without loading the rest."""
    found: dict[str, float] = {}
    for path in weights.weight_files(checkpoint.folder):
        found |= {name: float(value) for name, value in _scalars(str(path)).items()}
    lacking = [name for name in _SCALARS if name not in found]
    if lacking:
        raise MissingModelError(f"{checkpoint.name} has no {' and no '.join(lacking)}", remedy=_REMEDY)
    return float(np.exp(found["logit_scale"])), found["logit_bias"]


def _scalars(path: str) -> dict[str, Tensor]:
    if path.endswith(".safetensors"):
        with safe_open(path, framework="pt") as file:
            return {name: file.get_tensor(name) for name in _SCALARS if name in file.keys()}  # noqa: SIM118
    tensors = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
    return {name: tensors[name] for name in _SCALARS if name in tensors}


def _check_shares(shares: NDArray[np.float32], grid: tuple[int, int]) -> None:
    if shares.ndim != 3 or shares.shape[1:] != grid:
        raise ValueError(f"shares are (regions, {grid[0]}, {grid[1]}) for this frame, got {shares.shape}")
    if len(shares) and not ((shares >= 0).all() and (shares <= 1).all() and shares.any(axis=(1, 2)).all()):
        raise ValueError("shares are in 0..1, and a region has at least one above 0")


def _unit(vectors: Tensor) -> Tensor:
    return functional.normalize(vectors.float(), dim=-1)


def _array(vectors: Tensor) -> NDArray[np.float32]:
    return vectors.cpu().numpy()

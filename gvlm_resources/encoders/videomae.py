"""Clips to vectors by VideoMAE, or by V-JEPA 2 where the checkpoint is one: the mean over all tokens, of unit length.

Both are encoders of masked video whose tokens are places in space and time. A VideoMAE has learned its places for one
number of frames; a V-JEPA 2 says what it was trained with (`frames_per_clip`), and is given that.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional
from transformers import PreTrainedModel, VideoMAEModel, VJEPA2Model
from transformers.image_utils import IMAGENET_DEFAULT_MEAN, IMAGENET_DEFAULT_STD

from gvlm_resources.encoders import loading, pixels
from gvlm_resources.encoders.pixels import Preprocessing
from gvlm_resources.encoders.protocol import Checkpoint, Identity, Placement
from gvlm_resources.errors import MissingModelError, SettingsError


@dataclass(frozen=True, slots=True)
class _Kind:
    """What differs between the networks: which frames they take, and what of a checkpoint is not theirs."""

    network: type[PreTrainedModel]
    frames: Callable[[PreTrainedModel], int]
    tokens: Callable[[PreTrainedModel, torch.Tensor], torch.Tensor]  # (N, frames, 3, h, w) -> (N, tokens, dim)
    picture: Callable[[Path], Preprocessing]
    unused: tuple[str, ...]
    may_lack: tuple[str, ...] = ()


def _of_vjepa2(folder: Path) -> Preprocessing:
    """What its video processor does: the shorter side to 256/224 of the crop, whatever `size` says, then the crop."""
    found = _json(folder / "video_preprocessor_config.json")
    crop = found.get("crop_size", 256)
    side = crop["height"] if isinstance(crop, dict) else crop
    like_videomae = {
        "image_processor_type": "VideoMAEImageProcessor",
        "size": {"shortest_edge": int(side * 256 / 224)},
        "crop_size": {"height": side, "width": side},
        "image_mean": found.get("image_mean", IMAGENET_DEFAULT_MEAN),
        "image_std": found.get("image_std", IMAGENET_DEFAULT_STD),
        "resample": found.get("resample", 2),
    }
    return Preprocessing.of(like_videomae)


def _json(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        raise MissingModelError(f"{path} cannot be read: {error}", remedy="get the checkpoint anew") from error
    return found


KINDS = {
    "videomae": _Kind(
        network=VideoMAEModel,
        frames=lambda model: model.config.num_frames,
        tokens=lambda model, video: model(pixel_values=video).last_hidden_state,
        picture=pixels.read,
        unused=("decoder.", "encoder_to_decoder.", "mask_token", "position_embeddings", "fc_norm.", "classifier."),
    ),
    "vjepa2": _Kind(
        network=VJEPA2Model,
        frames=lambda model: model.config.frames_per_clip,
        tokens=lambda model, video: model.get_vision_features(video),
        picture=_of_vjepa2,
        unused=("pooler.", "classifier."),
        may_lack=("predictor.",),  # it guesses what is masked, and nothing is
    ),
}


class VideoEncoder:
    """A `protocol.ClipEncoder`."""

    def __init__(self, model: PreTrainedModel, kind: _Kind, picture: Preprocessing, identity: Identity) -> None:
        self.identity = identity
        self.frames = kind.frames(model)
        self._model = model
        self._kind = kind
        self._picture = picture

    @torch.inference_mode()
    def encode(self, clips: NDArray[np.uint8]) -> NDArray[np.float32]:
        """RGB (N, frames, H, W, 3) -> (N, dim), unit rows. Raises SettingsError for another number of frames."""
        if clips.shape[1] != self.frames:
            raise SettingsError(
                f"{self.identity.model} takes clips of {self.frames} frames, got {clips.shape[1]}",
                remedy=f"set clips.frames to {self.frames}",
            )
        if not len(clips):
            return np.zeros((0, self.identity.dim), np.float32)
        video = self._picture.tensors(pixels.on_device(clips, self.identity.device))
        tokens = self._kind.tokens(self._model, video.to(self._model.dtype))
        return functional.normalize(tokens.float().mean(dim=1), dim=-1).cpu().numpy()


def load(checkpoint: Checkpoint, placement: Placement) -> VideoEncoder:
    """The encoder of a VideoMAE or V-JEPA 2 checkpoint; decoders and heads that come with it are left out.

    Raises MissingModelError where weights or the picture's settings are missing, SettingsError for another kind of
    network.
    """
    kind = _kind_of(checkpoint)
    model = loading.network(kind.network, checkpoint, placement, unused=kind.unused, may_lack=kind.may_lack)
    picture = kind.picture(checkpoint.folder)
    identity = Identity(
        model=checkpoint.name,
        preprocessing=picture.words,
        dtype=placement.dtype,
        device=placement.device,
        attention=placement.attention,
        dim=model.config.hidden_size,
    )
    return VideoEncoder(model, kind, picture, identity)


def _kind_of(checkpoint: Checkpoint) -> _Kind:
    name = _json(checkpoint.folder / "config.json").get("model_type")
    if name not in KINDS:
        raise SettingsError(
            f"{checkpoint.name} is of the kind {name!r}, and clips are encoded by {' or '.join(KINDS)}",
            remedy="name another checkpoint as videomae.model",
        )
    return KINDS[name]

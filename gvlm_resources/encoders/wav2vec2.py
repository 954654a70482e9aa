"""Windows of sound as vectors: Wav2Vec 2.0, and HuBERT and WavLM, which are driven alike.

A window's vector is the mean of the last layer over the frames that hold its sound, made unit length. Only windows of
one length ever share a batch and nothing is padded to another's length: where the first convolution is normalised over
time (`feat_extract_norm: group`, as in the base and large checkpoints), padding changes every frame, masked or not.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import HubertModel, PreTrainedModel, Wav2Vec2Model, WavLMModel

from gvlm_resources.encoders import loading
from gvlm_resources.encoders.protocol import Checkpoint, Identity, Placement
from gvlm_resources.errors import MissingModelError, SettingsError

NETWORKS: dict[str, type[PreTrainedModel]] = {
    "wav2vec2": Wav2Vec2Model,
    "hubert": HubertModel,
    "wavlm": WavLMModel,
}
# What checkpoints hold beside the network: the quantizer and the projections of pretraining, the heads of fine-tuning.
HEADS = (
    *("quantizer.", "project_hid.", "project_q.", "final_proj.", "label_embs_concat"),
    *("lm_head.", "projector.", "classifier.", "layer_weights"),
)
TRAINING_ONLY = ("masked_spec_embed",)  # stands in for masked frames, which only training has
VARIANCE_FLOOR = 1e-7  # Wav2Vec2FeatureExtractor's
FULL_SCALE = 32_768.0


@dataclass(frozen=True, slots=True)
class Preprocessing:
    """What preprocessor_config.json says."""

    rate_hz: int
    normalises: bool

    def __str__(self) -> str:
        scaled = "each window to mean 0, variance 1" if self.normalises else "-1..1"
        return f"{self.rate_hz} Hz mono, {scaled}; mean over the frames"


def load(checkpoint: Checkpoint, placement: Placement) -> Wav2Vec2Encoder:
    """The encoder of a Wav2Vec 2.0, HuBERT or WavLM checkpoint, whatever head it was saved with.

    Raises SettingsError for another architecture, MissingModelError for a checkpoint that is not whole.
    """
    kind = _json(checkpoint.folder / "config.json").get("model_type")
    if kind not in NETWORKS:
        raise SettingsError(
            f"{checkpoint.name} is of the architecture {kind!r}, which gives no vectors of sound here",
            remedy=f"set wav2vec2.model to a checkpoint of one of {', '.join(NETWORKS)}",
        )
    unused = HEADS + TRAINING_ONLY
    network = loading.network(NETWORKS[kind], checkpoint, placement, unused=unused, may_lack=TRAINING_ONLY)
    return Wav2Vec2Encoder(checkpoint, placement, network)


def preprocessing_of(folder: Path) -> Preprocessing:
    """Raises MissingModelError where preprocessor_config.json is missing or tells no rate."""
    path = folder / "preprocessor_config.json"
    settings = _json(path)
    rate_hz = settings.get("sampling_rate")
    if not isinstance(rate_hz, int) or rate_hz <= 0:
        raise MissingModelError(f"{path} has no sampling_rate", remedy="get the checkpoint anew, whole")
    return Preprocessing(rate_hz, normalises=bool(settings.get("do_normalize", True)))


def waveform(window: NDArray[np.int16], settings: Preprocessing) -> torch.Tensor:
    """int16 `(samples,)` -> float32 `(samples,)`, as Wav2Vec2FeatureExtractor makes them of samples in -1..1."""
    samples = torch.from_numpy(window.astype(np.float32) / FULL_SCALE)
    if not settings.normalises:
        return samples
    variance = samples.var(correction=0)
    return (samples - samples.mean()) / torch.sqrt(variance + VARIANCE_FLOOR)


class Wav2Vec2Encoder:
    """A SoundEncoder."""

    def __init__(self, checkpoint: Checkpoint, placement: Placement, network: PreTrainedModel) -> None:
        self._network = network
        self._placement = placement
        self._settings = preprocessing_of(checkpoint.folder)
        self._shortest = receptive_field(network.config.conv_kernel, network.config.conv_stride)
        self.rate_hz = self._settings.rate_hz
        has_adapter = getattr(network.config, "add_adapter", False)  # HuBERT has no such option
        self.identity = Identity(
            model=checkpoint.name,
            preprocessing=str(self._settings),
            dtype=placement.dtype,
            device=placement.device,
            attention=placement.attention,
            dim=network.config.output_hidden_size if has_adapter else network.config.hidden_size,
        )

    def encode(self, windows: Sequence[NDArray[np.int16]]) -> NDArray[np.float32]:
        """Mono windows, each of its own length -> (N, dim), unit rows. N may be 0.

        A window shorter than one frame of the network (25 ms) is followed by silence up to that length, and its vector
        is that frame. Raises ValueError for a window without samples.
        """
        if any(window.ndim != 1 or window.size == 0 for window in windows):
            raise ValueError("a window is mono and has at least one sample")
        vectors = np.zeros((len(windows), self.identity.dim), dtype=np.float32)
        by_length: dict[int, list[int]] = {}
        for number, window in enumerate(windows):
            by_length.setdefault(len(window), []).append(number)
        for numbers in by_length.values():
            vectors[numbers] = self._encode_alike([windows[number] for number in numbers])
        return vectors

    @torch.inference_mode()
    def _encode_alike(self, windows: Sequence[NDArray[np.int16]]) -> NDArray[np.float32]:
        """Windows of one length."""
        batch = torch.stack([waveform(window, self._settings) for window in windows])
        lacking = max(self._shortest - batch.shape[1], 0)
        batch = torch.nn.functional.pad(batch, (0, lacking))
        placed = batch.to(self._placement.device, getattr(torch, self._placement.dtype))
        frames = self._network(placed).last_hidden_state.float()  # (N, frames, dim)
        pooled = torch.nn.functional.normalize(frames.mean(dim=1), dim=-1)
        return pooled.cpu().numpy()


def receptive_field(kernels: Sequence[int], strides: Sequence[int]) -> int:
    """How many samples the first frame of a stack of convolutions sees: 400 for all published checkpoints."""
    seen = 1
    for kernel, stride in zip(reversed(kernels), reversed(strides), strict=True):
        seen = (seen - 1) * stride + kernel
    return seen


def _json(path: Path) -> dict[str, object]:
    try:
        found = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise MissingModelError(f"{path} cannot be read: {error}", remedy="get the checkpoint anew, whole") from error
    return found if isinstance(found, dict) else {}

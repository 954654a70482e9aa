"""Audio spectrogram transformers: the labels they were trained on, each by itself, in windows of the length they take.

AudioSet's checkpoints say what is anywhere in 10.24 s. A checkpoint whose config.json has `reach_s` says what starts at
most that far from the middle of its window, as the one that ships with this package does.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import ASTFeatureExtractor, ASTForAudioClassification

from gvlm_resources.encoders import loading, logmel
from gvlm_resources.encoders.protocol import Checkpoint, Identity, Placement
from gvlm_resources.errors import MissingModelError, SettingsError
from gvlm_resources.game import SoundRule
from gvlm_resources.text import wav

FULL_SCALE = 32_768.0
LEAVE_SHARE = 0.8  # windows that overlap almost wholly waver around a threshold; one heard to its middle does not
SINGLE_LABEL = "single_label_classification"
# Not sounds of the game's world: speech has a stage of its own, music and silence are states rather than events.
NO_EVENTS = frozenset(
    {"speech", "male speech, man speaking", "female speech, woman speaking", "child speech, kid speaking"}
    | {"conversation", "narration, monologue", "music", "background music", "silence"}
)


def load(checkpoint: Checkpoint, placement: Placement, *, window_s: float | None = None) -> AstTagger:
    """The tagger of an `ASTForAudioClassification` checkpoint.

    `window_s` may be shorter than the window that the checkpoint takes: the rest is then blank, as its feature
    extractor leaves it. Raises SettingsError for a longer one and for a rate other than that of the stored sound,
    MissingModelError for a checkpoint that is not whole.
    """
    try:
        extractor = ASTFeatureExtractor.from_pretrained(checkpoint.folder, local_files_only=True)
    except (OSError, ValueError) as error:
        raise MissingModelError(
            f"{checkpoint.folder} has no usable preprocessor_config.json: {error}", remedy="get the checkpoint anew"
        ) from error
    if extractor.sampling_rate != wav.RATE_HZ:
        raise SettingsError(
            f"{checkpoint.name} hears {extractor.sampling_rate} Hz, the stored sound has {wav.RATE_HZ} Hz",
            remedy="choose a checkpoint for 16 kHz as sounds.model",
        )
    longest_s = extractor.max_length * logmel.HOP / wav.RATE_HZ
    if window_s is not None and not logmel.FRAME / wav.RATE_HZ <= window_s <= longest_s:
        raise SettingsError(
            f"sounds.window_s is {window_s:g}, and {checkpoint.name} takes windows of 0.025 to {longest_s:g} s",
            remedy="leave it out, or set it between these",
        )
    network = loading.network(ASTForAudioClassification, checkpoint, placement)
    return AstTagger(checkpoint, placement, network, extractor, window_s or longest_s)


class AstTagger:
    """A Tagger."""

    def __init__(
        self,
        checkpoint: Checkpoint,
        placement: Placement,
        network: ASTForAudioClassification,
        extractor: ASTFeatureExtractor,
        window_s: float,
    ) -> None:
        self._network = network
        self._placement = placement
        self._extractor = extractor
        self._filters = logmel.kaldi_filters(extractor.num_mel_bins, extractor.sampling_rate).to(placement.device)
        self._classes = [str(network.config.id2label[number]) for number in range(network.config.num_labels)]
        self._column = {label.casefold(): number for number, label in enumerate(self._classes)}
        reach_s = _reach_s(checkpoint.folder)
        self.window_s = window_s
        self.reach_s = window_s / 2 if reach_s is None else min(reach_s, window_s)
        self.leave_share = LEAVE_SHARE if reach_s is None else 1.0
        self.identity = Identity(
            model=checkpoint.name,
            preprocessing=f"{wav.RATE_HZ} Hz mono, {window_s:g} s, {extractor.num_mel_bins} log-mel bands every 10 ms, "
            f"mean {extractor.mean:g} std {extractor.std:g}",
            dtype=placement.dtype,
            device=placement.device,
            attention=placement.attention,
            dim=len(self._classes),
        )

    def knows(self, rule: SoundRule) -> bool:
        """Whether any of the rule's tags, or its label where it has none, is a class of this checkpoint."""
        return bool(self._columns(rule))

    def own_rules(self) -> tuple[SoundRule, ...]:
        """A rule for each class that is a sound of its own: without speech, music and silence."""
        events = [label for label in self._classes if label.casefold() not in NO_EVENTS]
        return tuple(SoundRule(label=label, prompt=label, tags=(label,)) for label in events)

    def scores(self, windows: NDArray[np.int16], rules: Sequence[SoundRule]) -> NDArray[np.float32]:
        """Mono windows `(N, window)` -> `(N, rules)` in 0..1: the highest of the classes that stand for each rule."""
        probabilities = self._probabilities(windows)
        found = np.zeros((len(windows), len(rules)), dtype=np.float32)
        for number, rule in enumerate(rules):
            found[:, number] = probabilities[:, self._columns(rule)].max(axis=1)
        return found

    def features(self, windows: NDArray[np.int16]) -> torch.Tensor:
        """int16 `(N, samples)` -> float32 `(N, frames, bands)` on the device, as `ASTFeatureExtractor` makes them."""
        waves = torch.from_numpy(windows).to(self._placement.device).float() / FULL_SCALE
        energies = logmel.kaldi(waves, self._filters)[:, : self._extractor.max_length]
        lacking = self._extractor.max_length - energies.shape[1]
        padded = torch.nn.functional.pad(energies, (0, 0, 0, lacking))
        if not self._extractor.do_normalize:
            return padded
        return (padded - self._extractor.mean) / (2 * self._extractor.std)

    @torch.inference_mode()
    def _probabilities(self, windows: NDArray[np.int16]) -> NDArray[np.float32]:
        if not len(windows):
            return np.zeros((0, len(self._classes)), dtype=np.float32)
        inputs = self.features(windows).to(getattr(torch, self._placement.dtype))
        logits = self._network(input_values=inputs).logits.float()
        of_one = self._network.config.problem_type == SINGLE_LABEL
        return (logits.softmax(dim=-1) if of_one else logits.sigmoid()).cpu().numpy()

    def _columns(self, rule: SoundRule) -> list[int]:
        names = [tag.casefold() for tag in rule.tags or (rule.label,)]
        return [self._column[name] for name in names if name in self._column]


def _reach_s(folder: Path) -> float | None:
    config: dict[str, Any] = json.loads((folder / "config.json").read_text())
    reach_s = config.get("reach_s")
    if reach_s is None:
        return None
    if not isinstance(reach_s, int | float) or not reach_s > 0:
        raise MissingModelError(f"{folder}/config.json has reach_s {reach_s!r}", remedy="set it to seconds above 0")
    return float(reach_s)

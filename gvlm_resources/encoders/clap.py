"""CLAP: any label in words, found by how much nearer a window of sound lies to it than to what is always there.

The stored sound has 16 kHz and is resampled to its 48 kHz by a polyphase filter: there is nothing above 8 kHz.
A window shorter than the network's 10 s is repeated until it fills them, as the feature extractor does and as the
published checkpoints were trained.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.signal import resample_poly
from transformers import AutoTokenizer, ClapFeatureExtractor, ClapModel, PreTrainedTokenizerBase

from gvlm_resources.encoders import loading, logmel
from gvlm_resources.encoders.protocol import Checkpoint, Identity, Placement
from gvlm_resources.errors import MissingModelError, SettingsError
from gvlm_resources.game import SoundRule
from gvlm_resources.text import wav

FULL_SCALE = 32_768.0
SENTENCE = "This is a sound of {}."  # how the zero-shot pipeline of transformers asks
LEAVE_SHARE = 0.8  # windows that overlap almost wholly waver around a threshold
# What a window may be full of without anything happening in it.
BACKGROUND = ("silence", "background noise", "background music", "a person talking", "a steady hum")
# Listened for where nobody names a label.
GENERAL = (
    *("a gunshot", "an explosion", "footsteps", "a door", "breaking glass", "a car engine", "a scream", "an animal"),
    *("applause", "laughter", "an alarm", "splashing water", "a punch", "swords clashing", "a menu click"),
)
SHORTEST_S = 0.5
# Counts and zeros, not learned: checkpoints of older versions of the library lack them.
COUNTS = ("text_model.embeddings.position_ids", "text_model.embeddings.token_type_ids")


def load(checkpoint: Checkpoint, placement: Placement, *, window_s: float | None = None) -> ClapTagger:
    """The tagger of a `ClapModel` checkpoint, `window_s` long or as long as the network's input.

    Raises SettingsError for a window out of range, MissingModelError for a checkpoint that is not whole.
    """
    try:
        extractor = ClapFeatureExtractor.from_pretrained(checkpoint.folder, local_files_only=True)
        tokenizer = AutoTokenizer.from_pretrained(checkpoint.folder, local_files_only=True, trust_remote_code=False)
    except (OSError, ValueError, KeyError) as error:
        raise MissingModelError(
            f"{checkpoint.folder} has no usable feature extractor and tokenizer: {error}",
            remedy="get the checkpoint anew, whole",
        ) from error
    longest_s = float(extractor.max_length_s)
    if window_s is not None and not SHORTEST_S <= window_s <= longest_s:
        raise SettingsError(
            f"sounds.window_s is {window_s:g}, and {checkpoint.name} takes {SHORTEST_S:g} to {longest_s:g} s",
            remedy="leave it out, or set it between these",
        )
    network = loading.network(ClapModel, checkpoint, placement, may_lack=COUNTS)
    return ClapTagger(checkpoint, placement, network, extractor, tokenizer, window_s or longest_s)


class ClapTagger:
    """A Tagger.

    The score of a label is sigmoid(s - log sum exp(b)), where s is the scaled cosine of the window and the label's
    sentence and b those of the sentences of BACKGROUND: the probability that the softmax over these alone gives it. So
    a score does not depend on what else is listened for, and labels that sound at once do not take from each other.
    """

    def __init__(
        self,
        checkpoint: Checkpoint,
        placement: Placement,
        network: ClapModel,
        extractor: ClapFeatureExtractor,
        tokenizer: PreTrainedTokenizerBase,
        window_s: float,
    ) -> None:
        self._network = network
        self._placement = placement
        self._extractor = extractor
        self._tokenizer = tokenizer
        self._is_fused = extractor.truncation == "fusion"
        bank = extractor.mel_filters if self._is_fused else extractor.mel_filters_slaney
        self._filters = logmel.as_filters(bank).to(placement.device)
        self._scale = float(network.logit_scale_a.float().exp())
        self._texts: dict[str, torch.Tensor] = {}
        self.window_s = window_s
        self.reach_s = window_s / 2
        self.leave_share = LEAVE_SHARE
        self.identity = Identity(
            model=checkpoint.name,
            preprocessing=f"{wav.RATE_HZ} Hz mono resampled to {extractor.sampling_rate} Hz, "
            f"{window_s:g} s repeated to {extractor.max_length_s:g} s, {extractor.feature_size} log-mel bands",
            dtype=placement.dtype,
            device=placement.device,
            attention=placement.attention,
            dim=network.config.projection_dim,
        )

    def knows(self, rule: SoundRule) -> bool:
        """It knows words: every rule can be listened for."""
        return bool(rule.prompt or rule.label)

    def own_rules(self) -> tuple[SoundRule, ...]:
        return tuple(SoundRule(label=label.removeprefix("a ").removeprefix("an "), prompt=label) for label in GENERAL)

    @torch.inference_mode()
    def scores(self, windows: NDArray[np.int16], rules: Sequence[SoundRule]) -> NDArray[np.float32]:
        """16 kHz mono windows `(N, samples)` -> `(N, rules)` in 0..1."""
        if not len(windows):
            return np.zeros((0, len(rules)), dtype=np.float32)
        prompts = [rule.prompt or rule.label for rule in rules]
        asked = {prompt.casefold() for prompt in prompts}
        background = [phrase for phrase in BACKGROUND if phrase.casefold() not in asked]
        sound = self._vectors(windows)
        wanted = self._scale * sound @ self._sentences(prompts).T
        always = self._scale * sound @ self._sentences(background).T if background else wanted.new_zeros(len(sound), 1)
        return torch.sigmoid(wanted - always.logsumexp(dim=-1, keepdim=True)).cpu().numpy()

    def features(self, windows: NDArray[np.int16]) -> torch.Tensor:
        """int16 `(N, samples)` at 16 kHz -> float32 `(N, 1 or 4, frames, bands)` on the device.

        What `ClapFeatureExtractor` makes of the resampled windows; a fused network gets the one spectrogram four times.
        """
        waves = torch.from_numpy(self._filled(windows)).to(self._placement.device)
        mel = logmel.decibels(waves, self._filters, fft=self._extractor.fft_window_size, hop=self._extractor.hop_length)
        return mel[:, None].expand(-1, 4 if self._is_fused else 1, -1, -1).contiguous()

    def _filled(self, windows: NDArray[np.int16]) -> NDArray[np.float32]:
        """Resampled, and repeated or padded with silence to the length of the input, as the configuration says."""
        rate_hz, length = self._extractor.sampling_rate, int(self._extractor.nb_max_samples)
        shared = math.gcd(rate_hz, wav.RATE_HZ)
        waves = resample_poly(
            windows.astype(np.float32) / FULL_SCALE, rate_hz // shared, wav.RATE_HZ // shared, axis=-1
        ).astype(np.float32)[:, :length]
        times = {"repeatpad": length // waves.shape[1], "repeat": length // waves.shape[1] + 1}
        waves = np.tile(waves, (1, times.get(self._extractor.padding, 1)))[:, :length]
        return np.pad(waves, ((0, 0), (0, length - waves.shape[1])))

    def _vectors(self, windows: NDArray[np.int16]) -> torch.Tensor:
        """`(N, dim)`, unit rows. No window is longer than the input, so that a fused network never crops at random."""
        inputs = self.features(windows).to(getattr(torch, self._placement.dtype))
        is_longer = torch.zeros((len(inputs), 1), dtype=torch.bool, device=inputs.device)
        found = self._network.get_audio_features(input_features=inputs, is_longer=is_longer).pooler_output
        return torch.nn.functional.normalize(found.float(), dim=-1)

    def _sentences(self, phrases: Sequence[str]) -> torch.Tensor:
        """`(N, dim)`, unit rows; each phrase is computed once."""
        new = [phrase for phrase in dict.fromkeys(phrases) if phrase not in self._texts]
        if new:
            tokens = self._tokenizer(
                [SENTENCE.format(phrase) for phrase in new],
                padding=True,
                truncation=True,
                max_length=self._network.config.text_config.max_position_embeddings - 2,  # RoBERTa counts from 2
                return_tensors="pt",
            ).to(self._placement.device)
            found = self._network.get_text_features(
                input_ids=tokens["input_ids"], attention_mask=tokens["attention_mask"]
            ).pooler_output
            self._texts.update(zip(new, torch.nn.functional.normalize(found.float(), dim=-1), strict=True))
        return torch.stack([self._texts[phrase] for phrase in phrases])

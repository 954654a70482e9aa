"""Sound: Wav2Vec2 from scratch by masked prediction of the spectrum.

Wav2Vec2's own contrastive objective learns next to nothing in the quarter of an hour of one processor core that this
training takes (docs/checkpoints.md has the figure). So spans of tokens are masked as it masks them, and a linear layer
tells the log-mel energies of what was masked from what is left. It needs no truth; only the encoder is shipped.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import Wav2Vec2Config, Wav2Vec2FeatureExtractor, Wav2Vec2Model
from transformers.models.wav2vec2.modeling_wav2vec2 import _compute_mask_indices

from gvlm_resources.encoders.pretrain import sounds
from gvlm_resources.encoders.pretrain.activity import Activity
from gvlm_resources.encoders.pretrain.fitting import Loss, Recipe, fit
from gvlm_resources.encoders.pretrain.footage import Footage
from gvlm_resources.encoders.pretrain.linear import balanced_accuracy
from gvlm_resources.encoders.pretrain.run import Run
from gvlm_resources.encoders.pretrain.shipping import ship
from gvlm_resources.settings import Wav2Vec2Settings
from gvlm_resources.simulator import truth

WINDOW_S = Wav2Vec2Settings().window_s
WINDOW = round(WINDOW_S * sounds.RATE_HZ)  # samples
TOKEN = 320  # samples: the product of the strides
MEL_HOP = 160  # samples: two frames of energies a token, the first of them on the token's own 400 samples
MELS = 64
BATCH = 16
STEPS_PER_EPOCH = 60
MASKED, MASK_TOKENS = 0.5, 8  # share and length of what is masked: 160 ms at a time
QUESTIONS = ("shot", "fighting")


def config() -> Wav2Vec2Config:
    """About 2.2 million weights; every layer normalises by itself, so that a batch's padding changes nothing."""
    return Wav2Vec2Config(
        vocab_size=32,
        hidden_size=192,
        num_hidden_layers=4,
        num_attention_heads=3,
        intermediate_size=768,
        conv_dim=(32, 48, 64, 96, 96, 128, 128),  # few where there are thousands of frames a second
        conv_bias=True,
        feat_extract_norm="layer",
        do_stable_layer_norm=True,
        num_conv_pos_embeddings=64,
        num_conv_pos_embedding_groups=16,
        hidden_dropout=0.0,
        activation_dropout=0.0,
        attention_dropout=0.0,
        feat_proj_dropout=0.0,
        feat_quantizer_dropout=0.0,
        layerdrop=0.0,
        mask_time_prob=MASKED,
        mask_time_length=MASK_TOKENS,
    )


def extractor() -> Wav2Vec2FeatureExtractor:
    return Wav2Vec2FeatureExtractor(
        sampling_rate=sounds.RATE_HZ, do_normalize=True, return_attention_mask=True, padding_value=0.0
    )


def waves(windows: NDArray[np.int16]) -> torch.Tensor:
    """(N, samples) -> float32 of mean 0 and variance 1 each, as the extractor makes them of whole windows."""
    values = windows.astype(np.float32) / 32768
    centred = values - values.mean(1, keepdims=True)
    return torch.from_numpy(centred / np.sqrt(values.var(1, keepdims=True) + 1e-7))


@dataclass(frozen=True)
class Track:
    """One recording's sound, its log-mel energies scaled band by band, and what the player did."""

    samples: NDArray[np.int16]
    energies: NDArray[np.float32]
    activity: Activity
    shots: NDArray[np.float64]  # seconds

    def window(self, token: int) -> NDArray[np.int16]:
        return self.samples[token * TOKEN : token * TOKEN + WINDOW]

    @property
    def starts(self) -> int:
        """How many windows start in it, one at each token."""
        return (len(self.samples) - WINDOW) // TOKEN

    def answers(self, start_s: float) -> tuple[int, int] | None:
        """For each of QUESTIONS 0 or 1, of the window from `start_s`; None where the player is dead in it."""
        found = self.activity.classified(start_s, WINDOW_S)
        if found is None:
            return None
        shot = sounds.any_within(self.shots, start_s, start_s + WINDOW_S)
        return int(shot), int(found == "fighting")


def tracks(manifests: Sequence[Path], footage: Footage) -> list[Track]:
    made = []
    for heard in sounds.sounds_of(manifests, footage.folder / "work" / "sound"):
        energies = sounds.log_mel(heard.samples, MELS)
        scaled = (energies - energies.mean(0)) / (energies.std(0) + 1e-3)
        did = Activity.of(truth.read(heard.manifest))
        made.append(Track(heard.samples, scaled, did, heard.onsets["gunshot"]))
    return made


class Listener(torch.nn.Module):
    """An encoder, and a linear layer that tells the energies of masked tokens from its last layer."""

    def __init__(self, config: Wav2Vec2Config) -> None:
        super().__init__()
        self.encoder = Wav2Vec2Model(config)
        self.told = torch.nn.Linear(config.hidden_size, 2 * MELS)

    def forward(self, values: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """(masked tokens, 2 MELS)"""
        return self.told(self.encoder(values, mask_time_indices=mask).last_hidden_state[mask])


def train(footage: Footage, run: Run) -> None:
    """Train on all of the footage but the test maps; the encoder goes to `run.checkpoint`."""
    torch.manual_seed(run.seed)
    heard = tracks(footage.train(), footage)
    listener = Listener(config())
    recipe = Recipe(steps=run.epochs * STEPS_PER_EPOCH, rate=7e-4, warmup=0.08)
    course = fit(listener, objective(listener, heard), recipe, run, name="wav2vec2")
    facts = {"recordings": len(heard), "batch": BATCH, "recipe": recipe, "training": course.as_facts()}
    ship(run, listener.encoder, extractor(), facts)


def objective(listener: Listener, heard: Sequence[Track]) -> Loss:
    """Mean squared error of the energies of the masked tokens, scaled band by band, of windows from anywhere."""
    tokens = WINDOW // TOKEN - 1

    def loss(step: int, chance: np.random.Generator) -> torch.Tensor:
        np.random.seed(int(chance.integers(2**31)))  # what transformers draws masks with
        mask = torch.from_numpy(_compute_mask_indices((BATCH, tokens), MASKED, MASK_TOKENS, min_masks=2))
        windows, energies = drawn(heard, chance, BATCH)
        with torch.autocast("cpu", torch.bfloat16):
            said = listener(waves(windows), mask)
        return torch.nn.functional.mse_loss(said.float(), torch.from_numpy(energies)[mask])

    return loss


def drawn(
    heard: Sequence[Track], chance: np.random.Generator, size: int
) -> tuple[NDArray[np.int16], NDArray[np.float32]]:
    """(size, WINDOW) samples, and (size, tokens, 2 MELS) energies of each token's two frames."""
    tokens = WINDOW // TOKEN - 1
    windows, energies = [], []
    for _ in range(size):
        one = heard[chance.integers(len(heard))]
        start = int(chance.integers(one.starts))
        windows.append(one.window(start))
        energies.append(one.energies[2 * start : 2 * (start + tokens)].reshape(tokens, 2 * MELS))
    return np.stack(windows), np.stack(energies)


@torch.inference_mode()
def vectors(encoder: Wav2Vec2Model, windows: NDArray[np.int16]) -> NDArray[np.float32]:
    """(N, dim), unit rows: the means of the tokens, as the product has them."""
    made = []
    for start in range(0, len(windows), 32):
        tokens = encoder(waves(windows[start : start + 32])).last_hidden_state
        made.append(torch.nn.functional.normalize(tokens.mean(1), dim=1).numpy())
    return np.concatenate(made)


def questions(heard: Sequence[Track]) -> tuple[NDArray[np.int16], NDArray[np.int64]]:
    """Windows that follow each other, and (N, QUESTIONS) answers."""
    windows, answers = [], []
    step = WINDOW // TOKEN
    for one in heard:
        for start in range(0, one.starts, step):
            found = one.answers(start * TOKEN / sounds.RATE_HZ)
            if found is not None:
                windows.append(one.window(start))
                answers.append(found)
    return np.stack(windows), np.asarray(answers, np.int64)


def evaluate(footage: Footage, checkpoint: Path, *, threads: int) -> dict[str, Any]:
    """Balanced accuracy of linear probes on the test maps, of the checkpoint and of random weights."""
    torch.set_num_threads(threads)
    encoder = Wav2Vec2Model.from_pretrained(checkpoint, dtype=torch.float32).eval()
    torch.manual_seed(0)
    untrained = Wav2Vec2Model(encoder.config).eval()
    windows, answers = questions(tracks(footage.train(), footage))
    asked, truths = questions(tracks(footage.test(), footage))
    results: dict[str, Any] = {"train_windows": len(windows), "test_windows": len(asked), "chance": 0.5}
    found = {
        name: (vectors(net, windows), vectors(net, asked)) for name, net in (("", encoder), ("random_", untrained))
    }
    for number, question in enumerate(QUESTIONS):
        results[question] = {"test_yes": int(truths[:, number].sum())}
        for name, (known, told) in found.items():
            accuracy = balanced_accuracy(known, answers[:, number], told, truths[:, number])
            results[question][f"{name}balanced_accuracy"] = round(accuracy, 4)
    return results

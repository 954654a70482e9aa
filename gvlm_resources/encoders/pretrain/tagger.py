"""Sounds of the game: an audio spectrogram transformer (AST), trained on engine truth, measured on maps never heard.

A window is one second; its labels are what starts in the middle 0.4 s of it. So sliding windows, four a second, light
up around an onset, and a run of lit windows is one event.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import ASTConfig, ASTFeatureExtractor, ASTForAudioClassification

from gvlm_resources.encoders.pretrain import sounds
from gvlm_resources.encoders.pretrain.fitting import Loss, Recipe, fit
from gvlm_resources.encoders.pretrain.footage import Footage
from gvlm_resources.encoders.pretrain.run import Run
from gvlm_resources.encoders.pretrain.shipping import ship
from gvlm_resources.encoders.pretrain.sounds import LABELS, Heard
from gvlm_resources.evaluation.spotting import pooled, score
from gvlm_resources.timebase import ns_from_s

FRAME_S = 0.01
WINDOW_S = 1.0
FRAMES = 98  # whole frames of 25 ms, one every 10 ms, in a window
LENGTH = 100  # what the extractor pads them to
MELS = 64
SILENCE = float(np.log(np.float32(1.192092955078125e-07)))  # the extractor's floor
HOP_S = 0.25
BATCH = 48
STEPS_PER_EPOCH = 90
KEPT_BACK_EVERY = 8  # of the training recordings, to set where a score counts
MERGE_S = 0.5  # onsets of one label closer than this are one event, in truth and prediction alike
TOLERANCE_S = 0.5


def config() -> ASTConfig:
    """About 1.9 million weights; 4 x 13 patches of 16 mel bands and 160 ms, one every 70 ms."""
    return ASTConfig(
        hidden_size=192,
        num_hidden_layers=4,
        num_attention_heads=3,
        intermediate_size=768,
        hidden_dropout_prob=0.1,
        attention_probs_dropout_prob=0.0,
        patch_size=16,
        frequency_stride=16,
        time_stride=7,
        max_length=LENGTH,
        num_mel_bins=MELS,
        problem_type="multi_label_classification",
        reach_s=sounds.CENTRAL_S / 2,  # for the product: how far from a window's middle a sound starts that lights it
        id2label=dict(enumerate(LABELS)),
        label2id={label: number for number, label in enumerate(LABELS)},
    )


def extractor(mean: float = 0.0, std: float = 0.5) -> ASTFeatureExtractor:
    """What a window becomes; the defaults leave the log-mel energies as they are."""
    return ASTFeatureExtractor(
        num_mel_bins=MELS, max_length=LENGTH, mean=mean, std=std, sampling_rate=sounds.RATE_HZ, do_normalize=True
    )


@dataclass(frozen=True)
class Spectrogram:
    """One recording's log-mel energies (frames, MELS), half a window of silence before and after, and its onsets."""

    energies: NDArray[np.float32]
    onsets: Mapping[str, NDArray[np.float64]]
    frames: int  # without the silence

    @classmethod
    def of(cls, heard: Heard) -> Spectrogram:
        energies = sounds.log_mel(heard.samples, MELS)
        silence = np.full((LENGTH // 2, MELS), SILENCE, np.float32)
        return cls(np.concatenate([silence, energies, silence]), heard.onsets, len(energies))

    def window(self, centre: int) -> NDArray[np.float32]:
        """(FRAMES, MELS) around frame `centre` of the recording, which lies in its middle."""
        return self.energies[centre : centre + FRAMES]  # half a window further, for the silence before it

    def labels(self, centre: int) -> NDArray[np.float32]:
        return sounds.labels_at(self.onsets, centre * FRAME_S)

    @property
    def last_centre(self) -> int:
        return len(self.energies) - FRAMES


@dataclass(frozen=True)
class Scale:
    """The mean and the standard deviation of the energies of what was trained on."""

    mean: float
    std: float

    def inputs(self, windows: Sequence[NDArray[np.float32]]) -> torch.Tensor:
        """Windows of (FRAMES, MELS) -> (N, LENGTH, MELS), as the extractor makes them: padded with 0, then scaled."""
        padded = np.zeros((len(windows), LENGTH, MELS), np.float32)
        for row, window in zip(padded, windows, strict=True):
            row[:FRAMES] = window
        return torch.from_numpy((padded - self.mean) / (2 * self.std))


@dataclass(frozen=True)
class Chances:
    """Draws training windows. Half of a batch lies around an onset of a label drawn first, so that rare ones count."""

    recordings: Sequence[Spectrogram]
    scale: Scale

    def draw(self, chance: np.random.Generator, size: int) -> tuple[torch.Tensor, torch.Tensor]:
        """(size, LENGTH, MELS) and (size, labels)."""
        picked = [self._near_an_onset(chance) if i % 2 else self._anywhere(chance) for i in range(size)]
        windows = [self._varied(one.window(centre), chance) for one, centre in picked]
        labels = np.stack([one.labels(centre) for one, centre in picked])
        return self.scale.inputs(windows), torch.from_numpy(labels)

    def _anywhere(self, chance: np.random.Generator) -> tuple[Spectrogram, int]:
        one = self.recordings[chance.integers(len(self.recordings))]
        return one, int(chance.integers(one.last_centre + 1))

    def _near_an_onset(self, chance: np.random.Generator) -> tuple[Spectrogram, int]:
        label = LABELS[chance.integers(len(LABELS))]
        having = [one for one in self.recordings if len(one.onsets[label])]
        if not having:
            return self._anywhere(chance)
        one = having[chance.integers(len(having))]
        onset = one.onsets[label][chance.integers(len(one.onsets[label]))]
        centre = round((onset + chance.uniform(-0.45, 0.45)) / FRAME_S)
        return one, int(np.clip(centre, 0, one.last_centre))

    def _varied(self, window: NDArray[np.float32], chance: np.random.Generator) -> NDArray[np.float32]:
        """A little louder or softer; now and then with the music and the room of another recording under it."""
        varied = window + np.float32(chance.uniform(-0.5, 0.5))
        if chance.random() < 0.5:
            other, centre = self._anywhere(chance)
            near = (centre * FRAME_S - WINDOW_S, centre * FRAME_S + WINDOW_S)
            if not any(sounds.any_within(times, *near) for times in other.onsets.values()):
                varied = np.logaddexp(varied, other.window(centre) + np.float32(chance.uniform(-3.0, 0.0)))
        return varied


def train(footage: Footage, run: Run) -> None:
    """Train on all of the footage but the test maps, and leave the checkpoint with its results in `run.checkpoint`."""
    torch.manual_seed(run.seed)
    recordings = [Spectrogram.of(one) for one in sounds.sounds_of(footage.train(), footage.folder / "work" / "sound")]
    learned = [one for number, one in enumerate(recordings) if number % KEPT_BACK_EVERY]
    kept_back = recordings[::KEPT_BACK_EVERY]
    scale = scale_of(learned)
    chances = Chances(learned, scale)
    network = ASTForAudioClassification(config())
    recipe = Recipe(steps=run.epochs * STEPS_PER_EPOCH, rate=8e-4)
    course = fit(network, objective(network, chances), recipe, run, name="tagger")
    cuts = calibrate(network, kept_back, scale)
    facts = {"training": course.as_facts(), "recordings": len(learned), "kept_back": len(kept_back), "cuts": cuts}
    ship(run, network, extractor(scale.mean, scale.std), {"batch": BATCH, "recipe": recipe, **facts})


def objective(network: ASTForAudioClassification, chances: Chances) -> Loss:
    """Cross-entropy of each label by itself."""

    def loss(step: int, chance: np.random.Generator) -> torch.Tensor:
        inputs, labels = chances.draw(chance, BATCH)
        with torch.autocast("cpu", torch.bfloat16):
            logits = network(inputs).logits
        return torch.nn.functional.binary_cross_entropy_with_logits(logits.float(), labels)

    return loss


def scale_of(recordings: Sequence[Spectrogram]) -> Scale:
    energies = np.concatenate([one.energies[LENGTH // 2 : -(LENGTH // 2)] for one in recordings])
    return Scale(round(float(energies.mean()), 4), round(float(energies.std()), 4))


@torch.inference_mode()
def scores_of(network: ASTForAudioClassification, one: Spectrogram, scale: Scale) -> NDArray[np.float32]:
    """(windows, labels) in 0..1, of windows with their middles at 0, HOP_S, 2 HOP_S ..."""
    centres = range(0, one.last_centre + 1, round(HOP_S / FRAME_S))
    windows = [one.window(centre) for centre in centres]
    batches = [windows[i : i + 64] for i in range(0, len(windows), 64)]
    return np.concatenate([torch.sigmoid(network(scale.inputs(batch)).logits).numpy() for batch in batches])


def events(scores: NDArray[np.float32], threshold: float) -> list[float]:
    """The moments in seconds at which a label starts, one for each run of windows that reach the threshold.

    The window before the first of a run did not hear it: so it started in the last HOP_S of what the first one hears,
    and the middle of that is taken.
    """
    lit = np.flatnonzero(scores >= threshold) * HOP_S
    return [first + (sounds.CENTRAL_S - HOP_S) / 2 for first in merged(lit.tolist())]


def merged(times: Sequence[float]) -> list[float]:
    """The first of each burst: of rising times, those that come MERGE_S or more after the one before.

    Two windows that are lit with a dark one between are as far apart.
    """
    return [now for before, now in zip([-np.inf, *times], times, strict=False) if now - before > MERGE_S - 1e-9]


def spotted(
    scored: Sequence[tuple[Spectrogram, NDArray[np.float32]]], label: str, threshold: float
) -> dict[str, float | int | None]:
    """Precision, recall and F1 of one label over recordings."""
    number = LABELS.index(label)
    total = pooled(
        [
            score(
                label,
                [ns_from_s(at) for at in events(scores[:, number], threshold)],
                [ns_from_s(at) for at in merged(one.onsets[label].tolist())],
                ns_from_s(TOLERANCE_S),
            )
            for one, scores in scored
        ]
    )
    measures = {"precision": total.precision, "recall": total.recall, "f1": total.f1}
    rounded = {name: None if value is None else round(value, 4) for name, value in measures.items()}
    return {"events": total.truths, "found": total.predictions, **rounded}


def best_cut(scored: Sequence[tuple[Spectrogram, NDArray[np.float32]]], label: str) -> float:
    """The threshold with the highest F1."""
    tried = [round(0.05 * step, 2) for step in range(1, 20)]
    return max(tried, key=lambda cut: (spotted(scored, label, cut)["f1"] or 0.0, -abs(cut - 0.5)))


@torch.no_grad()
def calibrate(network: ASTForAudioClassification, kept_back: Sequence[Spectrogram], scale: Scale) -> dict[str, float]:
    """Shift the head's biases so that 0.5 is the best threshold of every label on recordings not learned from."""
    scored = [(one, scores_of(network, one, scale)) for one in kept_back]
    cuts = {label: best_cut(scored, label) for label in LABELS}
    odds = torch.logit(torch.tensor([cuts[label] for label in LABELS]))
    network.classifier.dense.bias -= odds
    return cuts


def evaluate(footage: Footage, checkpoint: Path, *, threads: int) -> dict[str, Any]:
    """Events of each label on the test maps: found within TOLERANCE_S at the threshold 0.5.

    Beside it what the same network finds with random weights, at the thresholds that suit it best on these very
    recordings, and what as many events at random moments would match.
    """
    torch.set_num_threads(threads)
    recordings = [Spectrogram.of(one) for one in sounds.sounds_of(footage.test(), footage.folder / "work" / "sound")]
    written = ASTFeatureExtractor.from_pretrained(checkpoint)
    scale = Scale(written.mean, written.std)
    network = ASTForAudioClassification.from_pretrained(checkpoint, dtype=torch.float32).eval()
    torch.manual_seed(0)
    untrained = ASTForAudioClassification(config()).eval()
    heard = [(one, scores_of(network, one, scale)) for one in recordings]
    noise = [(one, scores_of(untrained, one, scale)) for one in recordings]
    return {
        "recordings": len(recordings),
        "tolerance_s": TOLERANCE_S,
        "merge_s": MERGE_S,
        "hop_s": HOP_S,
        "labels": {
            label: {
                **spotted(heard, label, 0.5),
                "random_weights_f1": spotted(noise, label, best_cut(noise, label))["f1"],
                "chance_f1": by_chance(recordings, label),
            }
            for label in LABELS
        },
    }


def by_chance(recordings: Sequence[Spectrogram], label: str) -> float | None:
    """F1 of as many events as there are, at moments drawn evenly."""
    chance = np.random.default_rng(0)
    scores = []
    for _ in range(20):
        for one in recordings:
            truth = merged(one.onsets[label].tolist())
            guesses = np.sort(chance.uniform(0, one.frames * FRAME_S, len(truth))).tolist()
            drawn = [ns_from_s(at) for at in guesses]
            scores.append(score(label, drawn, [ns_from_s(at) for at in truth], ns_from_s(TOLERANCE_S)))
    f1 = pooled(scores).f1
    return None if f1 is None else round(f1, 4)

"""Clips: VideoMAE from scratch, by its own reconstruction of masked tubes and then by what the player did.

The second stage needs engine truth: from the mean of the tokens a linear layer tells the player's motion, shots and
damage. docs/checkpoints.md has what a probe finds after each of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import VideoMAEConfig, VideoMAEForPreTraining, VideoMAEModel
from transformers.models.videomae.image_processing_pil_videomae import VideoMAEImageProcessorPil

from gvlm_resources.encoders.pretrain.activity import CLASSES, MIRRORED, NUMBERS, Activity
from gvlm_resources.encoders.pretrain.clips import CLIP_S, CLIPS, RATE_HZ, Pictures, pictures_of
from gvlm_resources.encoders.pretrain.fitting import Loss, Recipe, fit
from gvlm_resources.encoders.pretrain.footage import TEST_PARTS, Footage, level_of, levels_of
from gvlm_resources.encoders.pretrain.linear import balanced_accuracy
from gvlm_resources.encoders.pretrain.run import Run
from gvlm_resources.encoders.pretrain.shipping import ship
from gvlm_resources.errors import SettingsError
from gvlm_resources.simulator import truth

SIDE_PX = 112
MASKED = 0.9  # share of the tubes that reconstruction hides
DROPPED = 0.5  # share of the tubes that the second stage leaves out: half the work
BATCH = 32
STEPS_PER_EPOCH = 60
FIRST_SHARE = 0.45  # of the time
PROBE_EVERY_S = 2  # clips that follow each other
PROBE_MOST = 300
FLAGS = slice(5, 8)  # of NUMBERS: those that are so or not


def config() -> VideoMAEConfig:
    """2.9 million weights in the encoder, 0.4 million in the decoder, which is not shipped."""
    return VideoMAEConfig(
        image_size=SIDE_PX,
        patch_size=16,
        num_frames=CLIPS.frames,
        tubelet_size=2,
        hidden_size=192,
        num_hidden_layers=6,
        num_attention_heads=3,
        intermediate_size=768,
        use_mean_pooling=False,
        decoder_hidden_size=96,
        decoder_num_hidden_layers=2,
        decoder_num_attention_heads=3,
        decoder_intermediate_size=384,
        norm_pix_loss=True,
    )


def processor() -> VideoMAEImageProcessorPil:
    return VideoMAEImageProcessorPil(size={"shortest_edge": SIDE_PX}, crop_size={"height": SIDE_PX, "width": SIDE_PX})


_MEAN = torch.tensor(VideoMAEImageProcessorPil.image_mean).view(3, 1, 1)
_STD = torch.tensor(VideoMAEImageProcessorPil.image_std).view(3, 1, 1)


def pixels(clips: NDArray[np.uint8]) -> torch.Tensor:
    """RGB (N, frames, side, side, 3) -> (N, frames, 3, side, side), as the processor makes numbers of pixels."""
    values = torch.from_numpy(clips).permute(0, 1, 4, 2, 3).float()
    return (values / 255 - _MEAN) / _STD


@dataclass(frozen=True)
class Scene:
    """One recording: its pictures and what the player did."""

    pictures: Pictures
    activity: Activity


def scenes_of(manifests: Sequence[Path], footage: Footage) -> list[Scene]:
    work = footage.folder / "work" / "pictures"
    return [
        Scene(pictures, Activity.of(truth.read(pictures.manifest)))
        for pictures in pictures_of(manifests, work, SIDE_PX)
    ]


def drawn(
    scenes: Sequence[Scene], chance: np.random.Generator, size: int
) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """`size` clips from anywhere, half of them mirrored, and NUMBERS of each."""
    clips, numbers = [], []
    for _ in range(size):
        scene = scenes[chance.integers(len(scenes))]
        start = int(chance.integers(scene.pictures.clips))
        clip, told = scene.pictures.clip(start), scene.activity.numbers(start / float(RATE_HZ), CLIP_S)
        if chance.random() < 0.5:
            clip, told = clip[:, :, ::-1], told * np.asarray(MIRRORED, np.float32)
        clips.append(clip)
        numbers.append(told)
    return np.stack(clips), np.stack(numbers)


def tubes(config: VideoMAEConfig, chance: np.random.Generator, size: int, share: float) -> NDArray[np.bool_]:
    """(size, tokens): `share` of the places in the picture, each through the whole clip."""
    places = (config.image_size // config.patch_size) ** 2
    taken = np.zeros((size, places), np.bool_)
    for row in taken:
        row[chance.permutation(places)[: round(share * places)]] = True
    return np.tile(taken, (1, config.num_frames // config.tubelet_size))


def patches(config: VideoMAEConfig, clips: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """RGB (N, frames, side, side, 3) -> (N, tokens, pixels of a tubelet, 3), in the network's order of tokens."""
    count, frames, side = clips.shape[:3]
    deep, wide = config.tubelet_size, config.patch_size
    cut = clips.reshape(count, frames // deep, deep, side // wide, wide, side // wide, wide, 3)
    return cut.transpose(0, 1, 3, 5, 2, 4, 6, 7).reshape(count, -1, deep * wide * wide, 3)


def seen(encoder: VideoMAEModel, cut: NDArray[np.uint8], shown: NDArray[np.bool_]) -> torch.Tensor:
    """(N, shown tokens, dim): what the encoder makes of the tokens that are shown, as many in every clip.

    The same as `encoder(pixels, bool_masked_pos=~shown)`, which projects every patch before it drops most of them.
    """
    config, embeddings = encoder.config, encoder.embeddings
    projection = embeddings.patch_embeddings.projection
    weight = projection.weight.permute(0, 2, 3, 4, 1).reshape(config.hidden_size, -1)
    values = torch.from_numpy(cut[shown]).float() / 255
    values = (values - _MEAN.view(3)) / _STD.view(3)
    tokens = torch.nn.functional.linear(values.flatten(1), weight, projection.bias)
    tokens = tokens.view(len(cut), -1, config.hidden_size)
    hidden = encoder.encoder(tokens + placed(embeddings.position_embeddings, shown)).last_hidden_state
    return hidden if encoder.layernorm is None else encoder.layernorm(hidden)


def placed(positions: torch.Tensor, taken: NDArray[np.bool_]) -> torch.Tensor:
    """(N, taken tokens, dim): the fixed position vectors of the tokens that are taken, as many in every clip."""
    return positions.expand(len(taken), -1, -1)[torch.from_numpy(taken)].view(len(taken), -1, positions.shape[-1])


def rebuilding_loss(
    network: VideoMAEForPreTraining, cut: NDArray[np.uint8], shown: NDArray[np.bool_], asked: NDArray[np.bool_]
) -> torch.Tensor:
    """Mean squared error of the pixels of the `asked` tokens, scaled patch by patch, told from the `shown` ones.

    The network's own loss where everything that is not shown is asked. Asking half of it at a time is the dual masking
    of VideoMAE V2 (arXiv 2303.16727): the decoder costs half.
    """
    known = network.encoder_to_decoder(seen(network.videomae, cut, shown)) + placed(network.position_embeddings, shown)
    wanted = network.mask_token + placed(network.position_embeddings, asked)
    told = network.decoder(torch.cat([known, wanted.to(known.dtype)], 1), wanted.shape[1]).logits
    true = torch.from_numpy(cut[asked]).float() / 255
    spread, middle = torch.std_mean(true, dim=1, keepdim=True)
    scaled = ((true - middle) / (spread + 1e-6)).flatten(1)
    return torch.nn.functional.mse_loss(told.float().reshape(scaled.shape), scaled)


class Motion(torch.nn.Module):
    """NUMBERS out of the mean of an encoder's tokens."""

    def __init__(self, encoder: VideoMAEModel) -> None:
        super().__init__()
        self.encoder = encoder
        self.told = torch.nn.Linear(encoder.config.hidden_size, len(NUMBERS))

    def forward(self, cut: NDArray[np.uint8], shown: NDArray[np.bool_]) -> torch.Tensor:
        return self.told(seen(self.encoder, cut, shown).mean(1))


def train(footage: Footage, run: Run) -> None:
    """Both stages on all of the footage but the test maps; the encoder goes to `run.checkpoint`."""
    torch.manual_seed(run.seed)
    scenes = scenes_of([*footage.train(), *calm(footage, "calm")], footage)
    network = VideoMAEForPreTraining(config())
    network.set_attn_implementation("eager")  # the backward pass of PyTorch's own is slower on a processor
    steps = run.epochs * STEPS_PER_EPOCH
    rebuild, read = Recipe(steps=steps, rate=1e-3), Recipe(steps=steps, rate=7e-4)
    first, second = (replace(run, minutes=run.minutes * share) for share in (FIRST_SHARE, 1 - FIRST_SHARE))
    rebuilt = fit(network, reconstruction(network, scenes), rebuild, first, name="videomae-reconstruction")
    between = probed(network.videomae.eval(), footage)
    reader = Motion(network.videomae)
    told = fit(reader, motion(reader, scenes), read, second, name="videomae-motion")
    facts = {
        "recordings": len(scenes),
        "batch": BATCH,
        "reconstruction": {"recipe": rebuild, "masked": MASKED, **rebuilt.as_facts()},
        "after_reconstruction": between,
        "motion": {"recipe": read, "dropped": DROPPED, "numbers": NUMBERS, **told.as_facts()},
    }
    ship(run, network.videomae, processor(), facts)


def calm(footage: Footage, part: str) -> list[Path]:
    """Recordings of players who mostly stand (`calm`, and `calm_test` on test maps), as far as they are there.

    Raises SettingsError where one to learn from is of a test map.
    """
    manifests = sorted((footage.folder / part).glob("*.truth.json"))
    found = [path for path in manifests if path.with_suffix(".parquet").exists()]
    held_out = levels_of(TEST_PARTS)
    for manifest in found:
        if (level_of(manifest) in held_out) != part.endswith("test"):
            raise SettingsError(f"{manifest} is on the wrong side of the split", remedy=f"move it out of {part}/")
    return found


def reconstruction(network: VideoMAEForPreTraining, scenes: Sequence[Scene]) -> Loss:
    """Its own objective: the pixels, scaled patch by patch, of tubes that it does not see."""

    def loss(step: int, chance: np.random.Generator) -> torch.Tensor:
        clips, _ = drawn(scenes, chance, BATCH)
        shown = tubes(network.config, chance, BATCH, 1 - MASKED)
        asked = halved(network.config, shown, chance)
        with torch.autocast("cpu", torch.bfloat16):
            return rebuilding_loss(network, patches(network.config, clips), shown, asked)

    return loss


def halved(config: VideoMAEConfig, shown: NDArray[np.bool_], chance: np.random.Generator) -> NDArray[np.bool_]:
    """Of the tubes that are not shown a half, as many in every clip."""
    places = (config.image_size // config.patch_size) ** 2
    asked = np.zeros((len(shown), places), np.bool_)
    for row, here in zip(asked, shown[:, :places], strict=True):
        hidden = np.flatnonzero(~here)
        row[chance.permutation(hidden)[: len(hidden) // 2]] = True
    return np.tile(asked, (1, shown.shape[1] // places))


def motion(reader: Motion, scenes: Sequence[Scene]) -> Loss:
    """Squared errors of the speeds and turns, cross-entropy of the three flags."""

    def loss(step: int, chance: np.random.Generator) -> torch.Tensor:
        clips, numbers = drawn(scenes, chance, BATCH)
        config = reader.encoder.config
        shown = tubes(config, chance, BATCH, 1 - DROPPED)
        with torch.autocast("cpu", torch.bfloat16):
            said = reader(patches(config, clips), shown).float()
        true = torch.from_numpy(numbers)
        flags = torch.nn.functional.binary_cross_entropy_with_logits(said[:, FLAGS], true[:, FLAGS])
        return torch.nn.functional.mse_loss(said[:, : FLAGS.start], true[:, : FLAGS.start]) + flags

    return loss


@torch.inference_mode()
def vectors(encoder: VideoMAEModel, clips: Sequence[NDArray[np.uint8]]) -> NDArray[np.float32]:
    """(N, dim), unit rows: the means of the tokens, as the product has them."""
    made = []
    for start in range(0, len(clips), 16):
        tokens = encoder(pixels(np.stack(clips[start : start + 16]))).last_hidden_state
        made.append(torch.nn.functional.normalize(tokens.mean(1), dim=1).numpy())
    return np.concatenate(made)


def questions(scenes: Sequence[Scene]) -> tuple[list[NDArray[np.uint8]], NDArray[np.int64]]:
    """Clips PROBE_EVERY_S apart that have a class, and the number of it."""
    clips, classes = [], []
    for scene in scenes:
        for start in range(0, scene.pictures.clips, round(PROBE_EVERY_S * RATE_HZ)):
            found = scene.activity.classified(start / float(RATE_HZ), CLIP_S)
            if found is not None:
                clips.append(scene.pictures.clip(start))
                classes.append(CLASSES.index(found))
    return clips, np.asarray(classes)


def fewer(
    clips: list[NDArray[np.uint8]], classes: NDArray[np.int64]
) -> tuple[list[NDArray[np.uint8]], NDArray[np.int64]]:
    """At most PROBE_MOST clips of each class, drawn evenly: what the probe is fitted to."""
    chance = np.random.default_rng(0)
    kept = [chance.permutation(np.flatnonzero(classes == number))[:PROBE_MOST] for number in range(len(CLASSES))]
    picked = np.sort(np.concatenate(kept))
    return [clips[number] for number in picked], classes[picked]


def probed(encoder: VideoMAEModel, footage: Footage) -> dict[str, Any]:
    """Balanced accuracy of a linear probe for CLASSES, fitted on the training maps and asked on the test maps."""
    known, answers = fewer(*questions(scenes_of([*footage.train(), *calm(footage, "calm")], footage)))
    clips, truths = questions(scenes_of([*footage.test(), *calm(footage, "calm_test")], footage))
    accuracy = balanced_accuracy(vectors(encoder, known), answers, vectors(encoder, clips), truths)
    return {
        "balanced_accuracy": round(accuracy, 4),
        "train_clips": {name: int((answers == number).sum()) for number, name in enumerate(CLASSES)},
        "test_clips": {name: int((truths == number).sum()) for number, name in enumerate(CLASSES)},
    }


def evaluate(footage: Footage, checkpoint: Path, *, threads: int) -> dict[str, Any]:
    """What `probed` finds of the checkpoint, and of the same network with random weights."""
    torch.set_num_threads(threads)
    encoder = VideoMAEModel.from_pretrained(checkpoint, dtype=torch.float32).eval()
    torch.manual_seed(0)
    untrained = VideoMAEModel(encoder.config).eval()
    found, noise = probed(encoder, footage), probed(untrained, footage)
    return {**found, "random_weights": noise["balanced_accuracy"], "chance": round(1 / len(CLASSES), 4)}

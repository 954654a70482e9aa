"""SigLIP from scratch on recorded games: frames and captions of engine truth under the pairwise sigmoid loss.

The loss is that of Zhai et al., "Sigmoid Loss for Language Image Pre-Training" (2023): every frame of a batch against
every caption of it, each pair a question of its own, with a learned temperature and bias. Which pairs are true comes
from the claims of a caption and the facts of a frame: a caption that fits several frames is a positive of each.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional
from transformers import AutoTokenizer, PreTrainedTokenizerFast, SiglipConfig, SiglipModel
from transformers.models.siglip import SiglipImageProcessorPil

from gvlm_resources.encoders.pretrain import fitting, frames, shipping
from gvlm_resources.encoders.pretrain.captions import Caption, Facts, caption, facts, plain_caption
from gvlm_resources.encoders.pretrain.footage import Footage
from gvlm_resources.encoders.pretrain.frames import Shots
from gvlm_resources.encoders.pretrain.hints import Hints, HintTargets
from gvlm_resources.encoders.pretrain.run import Run
from gvlm_resources.encoders.pretrain.words import LENGTH, train_tokenizer

CACHE = "cache/siglip"  # of the footage
TRAIN_EVERY_TICS, TEST_EVERY_TICS = 7, 14
LIKELY = 0.08  # about the share of true pairs in a batch: where the bias begins


@dataclass(frozen=True, slots=True)
class Sizes:
    """Of the two towers. Both end in vectors of the vision tower's width."""

    image_px: int = 192
    patch_px: int = 16
    vision_width: int = 192
    vision_layers: int = 6
    text_width: int = 192
    text_layers: int = 4
    head_width: int = 64
    pieces: int = 2048  # of the tokenizer, at most


@dataclass(frozen=True, slots=True)
class Lesson:
    """How a batch is made, and how much each loss counts."""

    batch: int = 128
    rate: float = 1.2e-3
    weight_decay: float = 0.05
    min_side: float = 0.9  # of the frame that a random crop keeps
    brightness: float = 0.15
    patches: float = 5.0
    claims: float = 0.3
    digits: float = 3.0


def train(footage: Footage, run: Run, *, start: Path | None = None) -> None:
    """Train on the training maps of `footage` and write the checkpoint folder.

    `start` is a checkpoint of the same sizes whose weights and tokenizer the training begins with, instead of chance.
    """
    sizes, lesson = Sizes(), Lesson()
    manifests = footage.train()
    cache = footage.folder / CACHE
    shots = frames.load(manifests, cache, size_px=sizes.image_px, every_tics=TRAIN_EVERY_TICS, seed=0)
    told = {"footage": frames.describe(shots)}
    fit(shots, run, sizes, lesson, start=start, told=told)


def fit(
    shots: Shots, run: Run, sizes: Sizes, lesson: Lesson, *, told: dict[str, Any], start: Path | None = None
) -> None:
    """Train on `shots`, from `run.work` if a training was stopped there, and write `run.checkpoint`."""
    known = known_of(shots)
    tokenizer = AutoTokenizer.from_pretrained(start) if start else tokenizer_for(known, sizes.pieces, seed=run.seed)
    student = Student(sizes, len(tokenizer), seed=run.seed)
    if start:
        student.siglip.load_state_dict(SiglipModel.from_pretrained(start, dtype=torch.float32).state_dict())
        told = {**told, "began_with": json.loads((start / "training.json").read_text())}
    teacher = Teacher(student, shots, known, tokenizer, sizes, lesson, run.seed)
    steps = run.epochs * (len(known) // lesson.batch)
    recipe = fitting.Recipe(steps, lesson.rate, lesson.weight_decay, betas=(0.9, 0.98))
    course = fitting.fit(student, teacher.loss, recipe, run, name="siglip")
    made_of = {"sizes": asdict(sizes), "lesson": asdict(lesson), **told}
    ship(run, student.siglip, tokenizer, sizes, {**made_of, **course.as_facts(), "parts": teacher.means()})


def known_of(shots: Shots) -> list[Facts]:
    return [facts(shot.state, firing=shot.firing, hurt=shot.hurt) for shot in shots.shots]


def tokenizer_for(known: Sequence[Facts], pieces: int, *, seed: int) -> PreTrainedTokenizerFast:
    """A tokenizer of the captions of these frames and of gaming words."""
    chance = np.random.default_rng([seed, 1])
    said = [caption(one, chance).text for one in known[:: max(1, len(known) // 5000)]]
    return train_tokenizer(said + [plain_caption(one) for one in known[::20]], size=pieces)


def configuration(sizes: Sizes, vocabulary: int) -> SiglipConfig:
    text = {
        "vocab_size": vocabulary,
        "hidden_size": sizes.text_width,
        "intermediate_size": 4 * sizes.text_width,
        "num_hidden_layers": sizes.text_layers,
        "num_attention_heads": sizes.text_width // sizes.head_width,
        "max_position_embeddings": LENGTH,
        "projection_size": sizes.vision_width,
        "pad_token_id": 0,
        "eos_token_id": 1,
        "bos_token_id": 2,
    }
    vision = {
        "hidden_size": sizes.vision_width,
        "intermediate_size": 4 * sizes.vision_width,
        "num_hidden_layers": sizes.vision_layers,
        "num_attention_heads": sizes.vision_width // sizes.head_width,
        "image_size": sizes.image_px,
        "patch_size": sizes.patch_px,
    }
    return SiglipConfig(text_config=text, vision_config=vision)


def random_network(config: SiglipConfig, *, seed: int) -> SiglipModel:
    """The network as a training begins with it."""
    torch.manual_seed(seed)
    # Plain attention: on a CPU its backward pass takes half the time of the fused one's in bfloat16.
    network = SiglipModel._from_config(config, attn_implementation="eager")
    nn.init.constant_(network.logit_scale, float(np.log(10.0)))
    nn.init.constant_(network.logit_bias, float(np.log(LIKELY / (1 - LIKELY))))
    return network


class Student(nn.Module):
    """The network and the heads that help to teach it."""

    def __init__(self, sizes: Sizes, vocabulary: int, *, seed: int) -> None:
        super().__init__()
        self.siglip = random_network(configuration(sizes, vocabulary), seed=seed)
        self.hints = Hints(sizes.vision_width)


class Teacher:
    """Makes batches, and the loss of each. A batch is a function of the seed and the step's number."""

    def __init__(
        self,
        student: Student,
        shots: Shots,
        known: Sequence[Facts],
        tokenizer: PreTrainedTokenizerFast,
        sizes: Sizes,
        lesson: Lesson,
        seed: int,
    ) -> None:
        if len(known) < lesson.batch:
            raise ValueError(f"a batch of {lesson.batch} needs as many frames, got {len(known)}")
        self._student, self._shots, self._known, self._tokenizer = student, shots, known, tokenizer
        self._sizes, self._lesson, self._seed = sizes, lesson, seed
        self._order: tuple[int, NDArray[np.int64]] = (-1, np.empty(0, np.int64))
        self._parts: list[dict[str, float]] = []

    def loss(self, step: int, chance: np.random.Generator) -> Tensor:
        chosen = self._chosen(step)
        known = [self._known[index] for index in chosen]
        said = [caption(one, chance) for one in known]
        pixels, windows = self._pixels(chosen, chance)
        ids = encode_words(self._tokenizer, [one.text for one in said])
        tokens, pooled, texts = self._towers(pixels, ids)
        siglip = self._student.siglip
        truths, weights = agreement(said, known)
        pairs = pairwise_loss(pooled, texts, siglip.logit_scale, siglip.logit_bias, truths, weights)
        shown = [self._shots.shots[index] for index in chosen]
        targets = HintTargets(shown, known, windows, self._sizes.image_px // self._sizes.patch_px)
        parts = {"pairs": pairs, **self._student.hints.loss(tokens, pooled, targets)}
        self._parts = [*self._parts[-49:], {name: float(part.detach()) for name, part in parts.items()}]
        return sum(part * getattr(self._lesson, name, 1.0) for name, part in parts.items())

    def means(self) -> dict[str, float]:
        """Each loss over the last steps."""
        names = self._parts[0] if self._parts else {}
        return {name: round(float(np.mean([part[name] for part in self._parts])), 4) for name in names}

    def _chosen(self, step: int) -> list[int]:
        """Frames of the step's batch: every epoch goes once through all in an order of its own."""
        in_epoch = len(self._known) // self._lesson.batch
        epoch, place = divmod(step, in_epoch)
        if self._order[0] != epoch:
            self._order = (epoch, np.random.default_rng([self._seed, 2, epoch]).permutation(len(self._known)))
        return self._order[1][place * self._lesson.batch : (place + 1) * self._lesson.batch].tolist()

    def _pixels(self, chosen: list[int], chance: np.random.Generator) -> tuple[Tensor, NDArray[np.float32]]:
        """Random crops of one size for the batch, at a place of its own in each frame, and random brightness."""
        size, lesson, count = self._sizes.image_px, self._lesson, len(chosen)
        side = int(chance.integers(round(size * lesson.min_side), size + 1))
        corners = chance.integers(0, size - side + 1, (count, 2))
        cut = [
            self._shots.pixels[index, top : top + side, left : left + side]
            for index, (left, top) in zip(chosen, corners.tolist(), strict=True)
        ]
        pixels = torch.from_numpy(np.stack(cut)).permute(0, 3, 1, 2).float()
        pixels = functional.interpolate(pixels, size=(size, size), mode="bilinear", align_corners=False)
        gain = 1 + lesson.brightness * chance.uniform(-1, 1, (count, 3, 1, 1)) / 2
        gain = gain * (1 + lesson.brightness * chance.uniform(-1, 1, (count, 1, 1, 1)))
        pixels = (pixels * torch.from_numpy(gain.astype(np.float32))).clamp(0, 255) / 127.5 - 1
        windows = np.column_stack([corners / size, np.full(count, side / size)]).astype(np.float32)
        return pixels, windows

    def _towers(self, pixels: Tensor, ids: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Tokens and pooled vectors of the frames, vectors of the texts. Both towers run whole in bfloat16."""
        siglip = self._student.siglip
        seen = in_bfloat16(siglip.vision_model, pixel_values=pixels.bfloat16())
        read = in_bfloat16(siglip.text_model, input_ids=ids)
        return seen.last_hidden_state.float(), seen.pooler_output.float(), read.pooler_output.float()


def in_bfloat16(network: nn.Module, **inputs: Tensor) -> Any:
    """The network's outputs with all its weights rounded to bfloat16; gradients reach the float32 ones."""
    half = {name: weight.bfloat16() for name, weight in network.named_parameters()}
    return torch.func.functional_call(network, half, kwargs=inputs)


def pairwise_loss(
    frames_: Tensor, texts: Tensor, scale: Tensor, bias: Tensor, truths: Tensor, weights: Tensor
) -> Tensor:
    """Sigmoid loss over all pairs of (B, dim) frames and (B, dim) texts, divided by B.

    `truths` (texts, frames) is +1 where the text is true of the frame and -1 where it is not; `weights` is 0 for pairs
    that count neither way.
    """
    cosine = functional.normalize(texts, dim=-1) @ functional.normalize(frames_, dim=-1).T
    agreed = truths * (cosine * scale.exp() + bias)
    return -(functional.logsigmoid(agreed) * weights).sum() / len(frames_)


def agreement(said: Sequence[Caption], known: Sequence[Facts]) -> tuple[Tensor, Tensor]:
    """Of every caption and every frame: +1 or -1, and whether the pair counts. Both (captions, frames)."""
    claims = sorted({claim for one in said for claim in one.claims})
    number = {claim: index for index, claim in enumerate(claims)}
    needed = np.zeros((len(said), len(claims)), np.float32)
    for row, one in enumerate(said):
        needed[row, [number[claim] for claim in one.claims]] = 1
    true = np.array([[claim in one.true for claim in claims] for one in known], np.float32)
    open_ = np.array([[claim in one.true or claim in one.unsure for claim in claims] for one in known], np.float32)
    wanted = needed.sum(1, keepdims=True)
    fits, may_fit = needed @ true.T == wanted, needed @ open_.T == wanted
    return torch.from_numpy(np.where(fits, 1.0, -1.0).astype(np.float32)), torch.from_numpy(
        (fits | ~may_fit).astype(np.float32)
    )


def encode_words(tokenizer: PreTrainedTokenizerFast, texts: Sequence[str]) -> Tensor:
    """(N, 64) ids, padded and cut to length."""
    return tokenizer(
        list(texts), padding="max_length", truncation=True, max_length=LENGTH, return_tensors="pt"
    ).input_ids


def ship(
    run: Run, network: SiglipModel, tokenizer: PreTrainedTokenizerFast, sizes: Sizes, told: dict[str, Any]
) -> None:
    """Write the folder in Hugging Face's format. The weights are stored in float16, which halves them."""
    side = {"height": sizes.image_px, "width": sizes.image_px}
    processor = SiglipImageProcessorPil(
        do_resize=True,
        size=side,
        resample=2,  # bilinear
        do_rescale=True,
        rescale_factor=1 / 255,
        do_normalize=True,
        image_mean=[0.5, 0.5, 0.5],
        image_std=[0.5, 0.5, 0.5],
        do_convert_rgb=True,
    )
    stored = SiglipModel(network.config)
    stored.load_state_dict(network.state_dict())
    shipping.ship(run, stored.half(), processor, told)
    tokenizer.save_pretrained(run.checkpoint)

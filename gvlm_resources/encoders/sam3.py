"""SAM3 on single frames: everything of several concepts, each with its mask, from one look at a frame.

The vision transformer is most of the cost and does not depend on the concepts, so that a frame passes through it once
and all concepts share what it saw; a concept's words are encoded once for the whole video. How detector outputs become
detections follows the model's own processor: score = sigmoid(query) x sigmoid(presence), masks are probabilities,
resized as such and cut at the threshold.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional
from transformers import CLIPTokenizer, Sam3Model
from transformers.modeling_outputs import BaseModelOutputWithPooling
from transformers.models.sam3.modeling_sam3 import Sam3VisionEncoderOutput

from gvlm_resources.encoders import loading, pixels
from gvlm_resources.encoders.masks import Box, Mask
from gvlm_resources.encoders.protocol import Checkpoint, Identity, Placement
from gvlm_resources.errors import MissingModelError, SettingsError
from gvlm_resources.settings import EntitySettings

TOKENS = 32  # of a concept, with the two that mark its ends: what the text encoder was trained on
CONCEPTS_AT_ONCE = 8  # through the heads, whose memory grows with them
DUPLICATE_IOU = 0.1  # of SAM3's own video pipeline, where the checkpoint says nothing else (det_nms_thresh)


@dataclass(frozen=True, slots=True)
class Detection:
    """Something of a concept on a frame, in pixels of that frame. Its mask has at least one pixel."""

    concept: str
    score: float
    presence: float  # that the concept is anywhere in the frame
    box: Box
    mask: Mask


@dataclass(frozen=True, slots=True)
class Finds:
    """What the detector says of one frame and K concepts, of Q queries each; in float32, but for the masks."""

    scores: torch.Tensor  # (K, Q)
    presence: torch.Tensor  # (K,)
    boxes: torch.Tensor  # (K, Q, 4) as shares of width and height
    masks: torch.Tensor  # (K, Q, h, w) logits, as the network gave them: few of them are looked at


class Segmenter:
    """A detector that is loaded, with what else its folder says. `identity.dim` is 0: it makes no vectors."""

    def __init__(
        self, detector: Sam3Model, checkpoint: Checkpoint, placement: Placement, settings: EntitySettings
    ) -> None:
        self._detector = detector
        self._settings = settings
        self._words = Words.read(checkpoint)
        self._preprocessing = pixels.read(checkpoint.folder)
        self._duplicate_iou = _duplicate_iou(checkpoint)
        self.identity = Identity(
            model=checkpoint.name,
            preprocessing=self._preprocessing.words,
            dtype=placement.dtype,
            device=placement.device,
            attention=placement.attention,
            dim=0,
        )

    @torch.inference_mode()
    def segment(self, frames: NDArray[np.uint8], concepts: Sequence[str]) -> list[list[Detection]]:
        """RGB (N, H, W, 3) -> for each frame what was found, concept by concept, the surest first. N may be 0.

        Raises SettingsError, before anything is looked at, for a concept of more than TOKENS tokens.
        """
        self._words.check(concepts)
        if not len(frames) or not concepts:
            return [[] for _ in frames]
        seen = self.look(frames)
        return [self.detect(_of_one(seen, number), frame.shape[:2], concepts) for number, frame in enumerate(frames)]

    def check(self, concepts: Sequence[str]) -> None:
        """Raises SettingsError for a concept of more than TOKENS tokens."""
        self._words.check(concepts)

    @torch.inference_mode()
    def look(self, frames: NDArray[np.uint8]) -> Sam3VisionEncoderOutput:
        """The one pass of frames through the vision transformer."""
        prepared = self._preprocessing.tensors(pixels.on_device(frames, str(self._detector.device)))
        return self._detector.get_vision_features(prepared.to(self._detector.dtype))

    @torch.inference_mode()
    def detect(self, seen: Sam3VisionEncoderOutput, size: tuple[int, int], concepts: Sequence[str]) -> list[Detection]:
        """What there is of the concepts on one frame of that height and width, which `look` has seen."""
        found: list[Detection] = []
        for start in range(0, len(concepts), CONCEPTS_AT_ONCE):
            chunk = concepts[start : start + CONCEPTS_AT_ONCE]
            finds = self.finds(seen, chunk)
            for number, concept in enumerate(chunk):
                found += self._detections(finds, number, concept, size)
        return found

    @torch.inference_mode()
    def finds(self, seen: Sam3VisionEncoderOutput, concepts: Sequence[str]) -> Finds:
        """Raw outputs for one frame and all `concepts` at once."""
        features, mask = self._words.encoded(self._detector, concepts)
        shared = Sam3VisionEncoderOutput(
            last_hidden_state=None,
            fpn_hidden_states=tuple(_repeated(level, len(concepts)) for level in seen.fpn_hidden_states),
            fpn_position_encoding=tuple(_repeated(level, len(concepts)) for level in seen.fpn_position_encoding),
        )
        out = self._detector(
            vision_embeds=shared, text_embeds=BaseModelOutputWithPooling(pooler_output=features), attention_mask=mask
        )
        presence = out.presence_logits.float().sigmoid().reshape(-1)
        scores = out.pred_logits.float().sigmoid() * presence[:, None]
        if not bool(torch.isfinite(scores).all()):
            raise SettingsError(
                f"{self.identity.model} gave scores that are no numbers in {self.identity.dtype}",
                remedy="set entities.dtype to bfloat16 or float32",
            )
        return Finds(scores, presence, out.pred_boxes.float(), out.pred_masks)

    def _detections(self, finds: Finds, number: int, concept: str, size: tuple[int, int]) -> list[Detection]:
        """Of one concept. Masks of the frame's size exist one at a time."""
        scores = finds.scores[number]
        order = scores.argsort(descending=True, stable=True)
        order = order[scores[order] >= self._settings.min_score]
        low = finds.masks[number][order].float().sigmoid()
        order = order[_apart(low > self._settings.mask_threshold, self._duplicate_iou)]
        found = []
        for query in order[: self._settings.most_per_concept].tolist():
            mask = mask_of(finds.masks[number, query], size, self._settings.mask_threshold)
            if mask.area:
                box = _in_pixels(finds.boxes[number, query].tolist(), size)
                found.append(Detection(concept, float(scores[query]), float(finds.presence[number]), box, mask))
        return found


def load(checkpoint: Checkpoint, placement: Placement, settings: EntitySettings) -> Segmenter:
    """The detector of a SAM3 folder, of the whole model (`sam3_video`) or of the detector alone (`sam3`).

    Raises MissingModelError, naming the file, where weights, tokenizer or image settings are missing.
    """
    return Segmenter(loading.network(Sam3Model, checkpoint, placement), checkpoint, placement, settings)


def mask_of(logits: torch.Tensor, size: tuple[int, int], threshold: float) -> Mask:
    """A mask of logits (h, w), resized as probabilities to the frame's height and width, then cut."""
    resized = functional.interpolate(
        logits.float().sigmoid()[None, None], size=size, mode="bilinear", align_corners=False
    )
    return Mask.of((resized[0, 0] > threshold).cpu().numpy())


class Words:
    """Concepts as the text encoder takes them; each is encoded once."""

    def __init__(self, tokenizer: CLIPTokenizer) -> None:
        self._tokenizer = tokenizer
        self._kept: dict[str, tuple[torch.Tensor, torch.Tensor]] = {}

    @classmethod
    def read(cls, checkpoint: Checkpoint) -> Words:
        """Of tokenizer.json, or vocab.json with merges.txt: without them transformers gives an empty vocabulary."""
        folder = checkpoint.folder
        if not (folder / "tokenizer.json").is_file() and not (
            (folder / "vocab.json").is_file() and (folder / "merges.txt").is_file()
        ):
            raise _lacks(checkpoint, "tokenizer.json")
        try:
            return cls(CLIPTokenizer.from_pretrained(folder, local_files_only=True))
        except (OSError, ValueError) as error:
            raise _lacks(checkpoint, "tokenizer.json") from error

    def check(self, concepts: Sequence[str]) -> None:
        for concept in concepts:
            tokens = len(self._tokenizer(concept)["input_ids"])
            if tokens > TOKENS:
                raise SettingsError(
                    f"the concept {concept!r} is {tokens} tokens long, and SAM3 takes {TOKENS}",
                    remedy="say it in fewer words, in entities.concepts or the game's file",
                )

    def encoded(self, detector: Sam3Model, concepts: Sequence[str]) -> tuple[torch.Tensor, torch.Tensor]:
        """(K, TOKENS, dim) and the mask (K, TOKENS)."""
        for concept in concepts:
            if concept not in self._kept:
                words = self._tokenizer(concept, padding="max_length", max_length=TOKENS, return_tensors="pt")
                words = words.to(detector.device)
                self._kept[concept] = (detector.get_text_features(**words).pooler_output, words["attention_mask"])
        kept = [self._kept[concept] for concept in concepts]
        return torch.cat([features for features, _ in kept]), torch.cat([mask for _, mask in kept])


def _apart(masks: torch.Tensor, most_iou: float) -> torch.Tensor:
    """Which of masks (Q, h, w), the best first, are kept: those that no kept one overlaps by more than `most_iou`."""
    flat = masks.flatten(1).float()
    shared = flat @ flat.T
    areas = flat.sum(dim=1)
    ious = (shared / (areas[:, None] + areas[None] - shared).clamp(min=1)).cpu().numpy()
    kept: list[int] = []
    for place in range(len(ious)):
        if (ious[place, kept] <= most_iou).all():
            kept.append(place)
    return torch.tensor(kept, dtype=torch.long, device=masks.device)


def _of_one(seen: Sam3VisionEncoderOutput, number: int) -> Sam3VisionEncoderOutput:
    """One frame of a batch. The position encodings may stand for all frames at once."""
    return Sam3VisionEncoderOutput(
        last_hidden_state=seen.last_hidden_state[number : number + 1],
        fpn_hidden_states=tuple(level[number : number + 1] for level in seen.fpn_hidden_states),
        fpn_position_encoding=tuple(
            level[number : number + 1] if len(level) > 1 else level for level in seen.fpn_position_encoding
        ),
    )


def _repeated(level: torch.Tensor, times: int) -> torch.Tensor:
    """(1, C, h, w) -> (times, C, h, w), without copying."""
    return level.expand(times, -1, -1, -1)


def _in_pixels(box: Sequence[float], size: tuple[int, int]) -> Box:
    height, width = size
    x0, y0, x1, y1 = (min(max(value, 0.0), 1.0) for value in box)
    return (x0 * width, y0 * height, x1 * width, y1 * height)


def _duplicate_iou(checkpoint: Checkpoint) -> float:
    config = json.loads((checkpoint.folder / "config.json").read_text(encoding="utf-8"))
    return float(config.get("det_nms_thresh", DUPLICATE_IOU))


def _lacks(checkpoint: Checkpoint, name: str) -> MissingModelError:
    return MissingModelError(
        f"{checkpoint.name} has no usable {name} in {checkpoint.folder}",
        remedy="get the checkpoint anew: gvlm models pull facebook/sam3",
    )

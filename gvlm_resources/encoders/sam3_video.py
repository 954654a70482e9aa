"""SAM3 on a video: between two looks of the detector its tracker carries masks on, out of what it remembers.

A look of the detector starts the memory anew with the masks it found; each later frame is told where those things are
now, and is remembered in its turn. So what is carried on has been detected at most `entities.detect_every` frames ago,
and the memory has a bound however long the video is: the last frames that the tracker attends to, and of them only what
it attends to. Detector and tracker share one pass of a frame through the vision transformer.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional
from transformers import Sam3VideoModel
from transformers.models.sam3.modeling_sam3 import Sam3VisionEncoderOutput
from transformers.models.sam3_tracker_video.modeling_sam3_tracker_video import Sam3TrackerVideoInferenceSession

from gvlm_resources.encoders import loading, sam3
from gvlm_resources.encoders.masks import Mask
from gvlm_resources.encoders.protocol import Checkpoint, Identity, Placement
from gvlm_resources.encoders.sam3 import Detection, Segmenter
from gvlm_resources.errors import SettingsError
from gvlm_resources.settings import EntitySettings

WHOLE_MODEL = "sam3_video"
_NO_PIXELS = torch.zeros(3, 1, 1)  # stands for a frame whose features the session has already


@dataclass(slots=True)
class _Memory:
    """Of `frames` frames of one size (height, width); things are numbered in the order of their names."""

    session: Sam3TrackerVideoInferenceSession
    names: tuple[str, ...]
    size: tuple[int, int]
    frames: int = 1


class VideoSegmenter:
    """Frames of one video in order: `look`, then `remember` what was found, then `carry` on as many as wanted."""

    def __init__(self, model: Sam3VideoModel, segmenter: Segmenter, settings: EntitySettings) -> None:
        self.segmenter = segmenter
        self._model = model
        self._settings = settings
        self._seen: tuple[Sam3VisionEncoderOutput, tuple[int, int]] | None = None
        self._memory: _Memory | None = None

    @property
    def identity(self) -> Identity:
        return self.segmenter.identity

    def look(self, frame: NDArray[np.uint8], concepts: Sequence[str]) -> list[Detection]:
        """What the detector finds on a frame (H, W, 3); what was remembered is forgotten."""
        self.segmenter.check(concepts)
        size = frame.shape[:2]
        self._seen, self._memory = (self.segmenter.look(frame[None]), size), None
        return self.segmenter.detect(self._seen[0], size, concepts)

    @torch.inference_mode()
    def remember(self, masks: Mapping[str, Mask]) -> None:
        """Keep in mind things by name, with their masks on the frame that was looked at last."""
        if self._seen is None:
            raise ValueError("nothing was looked at yet")
        seen, size = self._seen
        self._seen = None
        if not masks:
            return
        device = self._model.device
        session = Sam3TrackerVideoInferenceSession(
            inference_device=device, inference_state_device=device, video_storage_device="cpu", dtype=self._model.dtype
        )
        self._give_features(session, 0, seen)
        numbers = list(range(len(masks)))
        for number, mask in zip(numbers, masks.values(), strict=True):
            session.add_mask_inputs(session.obj_id_to_idx(number), 0, self._as_input(mask))
        session.obj_with_new_inputs = numbers
        self._model.tracker_model(inference_session=session, frame_idx=0)
        self._forget_what_is_not_attended_to(session, 0)
        self._memory = _Memory(session, tuple(masks), size)

    @torch.inference_mode()
    def carry(self, frame: NDArray[np.uint8]) -> dict[str, Mask]:
        """Where the remembered things are on the next frame (H, W, 3), by name. What is hidden or gone is not there."""
        if self._memory is None:
            return {}
        if frame.shape[:2] != self._memory.size:
            raise ValueError(f"frames of one memory have one size, got {frame.shape[:2]} after {self._memory.size}")
        session, number = self._memory.session, self._memory.frames
        self._give_features(session, number, self.segmenter.look(frame[None]))
        out = self._model.tracker_model(inference_session=session, frame_idx=number, frame=_NO_PIXELS)
        self._forget_what_is_not_attended_to(session, number)
        self._memory.frames += 1
        found: dict[str, Mask] = {}
        for name, logits, is_there in zip(
            self._memory.names, out.pred_masks, out.object_score_logits.reshape(-1) > 0, strict=True
        ):
            mask = sam3.mask_of(logits.reshape(logits.shape[-2:]), self._memory.size, self._settings.mask_threshold)
            if is_there and mask.area:
                found[name] = mask
        return found

    def _give_features(
        self, session: Sam3TrackerVideoInferenceSession, number: int, seen: Sam3VisionEncoderOutput
    ) -> None:
        features, positions = self._model.get_vision_features_for_tracker(seen)
        session.cache.cache_vision_features(number, {"vision_feats": features, "vision_pos_embeds": positions})

    def _as_input(self, mask: Mask) -> torch.Tensor:
        """(1, 1, side, side) of 0 and 1, as the tracker's own processor makes it."""
        side = self._model.tracker_model.image_size
        pixels = torch.from_numpy(mask.pixels().astype(np.float32))[None, None].to(self._model.device)
        if pixels.shape[-2:] != (side, side):
            pixels = functional.interpolate(
                pixels, size=(side, side), mode="bilinear", antialias=True, align_corners=False
            )
        return (pixels >= 0.5).float()

    def _forget_what_is_not_attended_to(self, session: Sam3TrackerVideoInferenceSession, number: int) -> None:
        """The tracker attends to memory features and pointers of its last frames; masks it keeps for callers alone.

        A mask of 1008 pixels takes 4 MB in float32, a prepared frame 12 MB.
        """
        config = self._model.tracker_model.config
        oldest = number - max(config.num_maskmem, config.max_object_pointers_in_encoder)
        session.processed_frames = None
        for index, outputs in session.output_dict_per_obj.items():
            session.mask_inputs_per_obj[index].clear()
            recent = outputs["non_cond_frame_outputs"]
            for past in [past for past in recent if past < oldest]:
                del recent[past]
            for kept in (*recent.values(), *outputs["cond_frame_outputs"].values()):
                kept.pop("high_res_masks", None)
                kept.pop("pred_masks", None)
            session.frames_tracked_per_obj[index].clear()


def load(checkpoint: Checkpoint, placement: Placement, settings: EntitySettings) -> VideoSegmenter:
    """Detector and tracker of a SAM3 folder.

    Raises SettingsError for a checkpoint of the detector alone, and MissingModelError as `sam3.load` does.
    """
    config = json.loads((checkpoint.folder / "config.json").read_text())
    if config.get("model_type") != WHOLE_MODEL:
        raise SettingsError(
            f"{checkpoint.name} is of the kind {config.get('model_type')!r} and has no tracker, which "
            f"entities.detect_every = {settings.detect_every} needs",
            remedy="set entities.detect_every to 1, or entities.model to one such as facebook/sam3",
        )
    model = loading.network(Sam3VideoModel, checkpoint, placement)
    return VideoSegmenter(model, Segmenter(model.detector_model, checkpoint, placement, settings), settings)

"""Small VideoMAE and V-JEPA 2 checkpoints with random weights, in the files and names of the published ones."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from transformers import (
    VideoMAEConfig,
    VideoMAEForPreTraining,
    VideoMAEForVideoClassification,
    VideoMAEModel,
    VJEPA2Config,
    VJEPA2Model,
)


def save(folder: Path, *, kind: str = "model", seed: int = 0, **sizes: Any) -> Path:
    """VideoMAE as `model` (the encoder alone), `pretraining` (with decoder) or `classifier` (with a head)."""
    config = VideoMAEConfig(**({**_SIZES, "num_labels": 3} | sizes))
    classes = {
        "model": VideoMAEModel,
        "pretraining": VideoMAEForPreTraining,
        "classifier": VideoMAEForVideoClassification,
    }
    torch.manual_seed(seed)
    model = classes[kind](config)
    for parameter in model.parameters():  # biases too, or nobody would notice when they are lost
        torch.nn.init.normal_(parameter, std=0.2)
    model.save_pretrained(folder)
    side = config.image_size
    _preprocessor(folder / "preprocessor_config.json", "VideoMAEImageProcessor", shorter=side, crop=side)
    return folder


def save_vjepa2(folder: Path, *, frames: int = 4, seed: int = 0) -> Path:
    config = VJEPA2Config(
        crop_size=32,
        frames_per_clip=frames,
        hidden_size=48,  # six numbers a head and axis at least: the rotations come in pairs
        num_attention_heads=2,
        num_hidden_layers=2,
        pred_hidden_size=48,
        pred_num_attention_heads=2,
        pred_num_hidden_layers=1,
        pred_num_mask_tokens=2,
    )
    torch.manual_seed(seed)
    VJEPA2Model(config).save_pretrained(folder)
    _preprocessor(folder / "video_preprocessor_config.json", "VJEPA2VideoProcessor", shorter=36, crop=32)
    return folder


_SIZES = {
    "image_size": 32,
    "patch_size": 16,
    "num_frames": 4,
    "tubelet_size": 2,
    "hidden_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 32,
    "decoder_hidden_size": 8,
    "decoder_num_hidden_layers": 1,
    "decoder_num_attention_heads": 2,
    "decoder_intermediate_size": 16,
    "use_mean_pooling": False,
}


def _preprocessor(path: Path, kind: str, *, shorter: int, crop: int) -> None:
    settings = {
        "image_processor_type" if kind.endswith("ImageProcessor") else "video_processor_type": kind,
        "do_resize": True,
        "size": {"shortest_edge": shorter},
        "resample": 2,
        "do_center_crop": True,
        "crop_size": {"height": crop, "width": crop},
        "do_rescale": True,
        "rescale_factor": 1 / 255,
        "do_normalize": True,
        "image_mean": [0.485, 0.456, 0.406],
        "image_std": [0.229, 0.224, 0.225],
    }
    path.write_text(json.dumps(settings, indent=2))

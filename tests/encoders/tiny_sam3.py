"""A SAM3 of some hundred thousand random weights, saved as `facebook/sam3` is: one folder with detector and tracker."""

from __future__ import annotations

import json
from pathlib import Path

import torch
from transformers import CLIPTokenizer, Sam3Config, Sam3TrackerVideoConfig, Sam3VideoConfig, Sam3VideoModel
from transformers.convert_slow_tokenizer import bytes_to_unicode

TOKENS = 32


def config(*, size: int = 112, width: int = 32, layers: int = 2, queries: int = 12, fpn: int = 128) -> Sam3VideoConfig:
    """`size` is the side of the image in pixels, a multiple of 56; `width` that of the vision transformer.

    `fpn`, the width of all the rest, is more than the tracker's 64 memory channels, which the library expects.
    """
    grid = size // 14
    sizes = [[grid * 4] * 2, [grid * 2] * 2, [grid] * 2]
    part = {"hidden_size": fpn, "num_attention_heads": 4}
    vision = {
        "backbone_config": {
            "model_type": "sam3_vit_model",
            "hidden_size": width,
            "intermediate_size": 2 * width,
            "num_hidden_layers": layers,
            "num_attention_heads": max(2, width // 64),
            "image_size": size,
            "pretrain_image_size": size // 2,
            "window_size": grid // 2,
            "global_attn_indexes": [layers - 1],
        },
        "fpn_hidden_size": fpn,
        "backbone_feature_sizes": sizes,
    }
    detr = part | {"intermediate_size": 2 * fpn, "num_layers": 2}
    text = {
        "model_type": "clip_text_model",
        "vocab_size": 2 * 256 + 2,
        "hidden_size": 32,
        "intermediate_size": 64,
        "projection_dim": 16,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "max_position_embeddings": TOKENS,
        "bos_token_id": 512,
        "eos_token_id": 513,
        "pad_token_id": 513,
    }
    detector = Sam3Config(
        vision_config=vision,
        text_config=text,
        geometry_encoder_config=part | {"num_layers": 1, "intermediate_size": 2 * fpn},
        detr_encoder_config=detr,
        detr_decoder_config=detr | {"num_queries": queries},
        mask_decoder_config=part,
    )
    tracker = Sam3TrackerVideoConfig(
        vision_config={"model_type": "sam3_vision_model", **vision},
        prompt_encoder_config={"hidden_size": fpn, "image_size": size},
        mask_decoder_config={
            "hidden_size": fpn,
            "mlp_dim": 2 * fpn,
            "num_attention_heads": 4,
            "iou_head_hidden_dim": fpn,
        },
        memory_attention_hidden_size=fpn,
        memory_attention_num_layers=2,
        memory_attention_feed_forward_hidden_size=2 * fpn,
        memory_encoder_hidden_size=fpn,
        memory_encoder_output_channels=64,  # the library has this number in its code too
        mask_downsampler_embed_dim=fpn,
        memory_fuser_embed_dim=fpn,
        memory_fuser_intermediate_dim=2 * fpn,
        image_size=size,
    )
    return Sam3VideoConfig(
        detector_config=detector.to_dict(), tracker_config=tracker.to_dict(), low_res_mask_size=grid * 4
    )


def save(folder: Path, *, seed: int = 0, **sizes: int) -> Path:
    """Weights, configuration, tokenizer and image settings in `folder`."""
    torch.manual_seed(seed)
    model = Sam3VideoModel(config(**sizes)).eval()
    for weight in model.parameters():  # as they are initialised all masks are one constant and all scores are equal
        if weight.ndim > 1:
            torch.nn.init.normal_(weight, std=0.6 * weight[0].numel() ** -0.5)
    model.save_pretrained(folder)
    side = model.config.detector_config.vision_config.backbone_config.image_size
    picture = {
        "image_processor_type": "Sam3ImageProcessorFast",
        "do_resize": True,
        "do_rescale": True,
        "do_normalize": True,
        "image_mean": [0.5] * 3,
        "image_std": [0.5] * 3,
        "rescale_factor": 1 / 255,
        "resample": 2,
        "size": {"height": side, "width": side},
    }
    settings = {"processor_class": "Sam3VideoProcessor", "target_size": side, "image_processor": picture}
    (folder / "processor_config.json").write_text(json.dumps(settings, indent=2))
    _save_tokenizer(folder)
    return folder


def _save_tokenizer(folder: Path) -> None:
    """CLIP's kind, of single bytes: no merges."""
    letters = list(bytes_to_unicode().values())
    names = [*letters, *(letter + "</w>" for letter in letters), "<|startoftext|>", "<|endoftext|>"]
    tokenizer = CLIPTokenizer(vocab={name: number for number, name in enumerate(names)}, merges=[])
    tokenizer.model_max_length = TOKENS
    tokenizer.save_pretrained(folder)

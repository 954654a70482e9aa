"""SigLIP checkpoints of a few thousand weights, in the format of the real ones."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Literal

import torch
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import Siglip2Config, Siglip2Model, SiglipConfig, SiglipModel

CORPUS = (
    "a cacodemon spits fire",
    "the player opens a door with the red key",
    "Health 100, Armor 50, picked up a Medikit and a Shotgun",
    "DOOM Imp Zombieman CACODEMON Cyberdemon Rocket Launcher",
)


def save(
    folder: Path,
    kind: Literal["fixed", "naflex"] = "fixed",
    *,
    image_size: int = 32,
    patch_size: int = 8,
    hidden: int = 32,
    layers: int = 2,
    heads: int = 4,
    positions: int = 16,
    resample: int = 2,
    seed: int = 0,
) -> Path:
    """Config, safetensors, image processor and tokenizer of a network with random weights; gives `folder` back."""
    torch.manual_seed(seed)
    size = {
        "hidden_size": hidden,
        "intermediate_size": 2 * hidden,
        "num_hidden_layers": layers,
        "num_attention_heads": heads,
    }
    text = {
        **size,
        "vocab_size": _save_tokenizer(folder, positions),
        "max_position_embeddings": positions,
        "projection_size": hidden,
        "pad_token_id": 0,
        "bos_token_id": 2,
        "eos_token_id": 1,
    }
    vision: dict[str, Any] = {**size, "patch_size": patch_size}
    if kind == "fixed":
        model: Any = SiglipModel(SiglipConfig(text_config=text, vision_config={**vision, "image_size": image_size}))
    else:
        vision["num_patches"] = (image_size // patch_size) ** 2
        model = Siglip2Model(Siglip2Config(text_config=text, vision_config=vision))
    _shake(model)
    model.save_pretrained(folder)
    facts = _fixed_facts(image_size) if kind == "fixed" else _naflex_facts(patch_size)
    (folder / "preprocessor_config.json").write_text(json.dumps({**facts, "resample": resample}, indent=2))
    return folder


def _shake(model: torch.nn.Module) -> None:
    """Biases and norms off their 0 and 1, so that a weight that is not loaded shows; a scale and bias as trained."""
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.05)
        model.logit_scale.fill_(4.7)
        model.logit_bias.fill_(-12.9)


def _save_tokenizer(folder: Path, positions: int) -> int:
    """As Gemma's: BPE that falls back to bytes, `<eos>` behind every text, capitals kept. Gives its size."""
    special = ["<pad>", "<eos>", "<bos>", "<unk>", "<mask>"]
    trained = _gemma(models.BPE(unk_token="<unk>", fuse_unk=True))
    trained.train_from_iterator(
        CORPUS, trainers.BpeTrainer(vocab_size=200, special_tokens=special, show_progress=False)
    )
    model = json.loads(trained.to_str())["model"]
    vocab = model["vocab"] | {f"<0x{byte:02X}>": len(model["vocab"]) + byte for byte in range(256)}
    merges = [tuple(pair) for pair in model["merges"]]
    tokenizer = _gemma(models.BPE(vocab, merges, unk_token="<unk>", fuse_unk=True, byte_fallback=True))
    tokenizer.add_special_tokens(special)
    tokenizer.post_processor = processors.TemplateProcessing(single="$A <eos>", special_tokens=[("<eos>", 1)])
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer.save(str(folder / "tokenizer.json"))
    facts = {
        "tokenizer_class": "GemmaTokenizer",
        "add_bos_token": False,
        "add_eos_token": True,
        "bos_token": "<bos>",
        "eos_token": "<eos>",
        "mask_token": "<mask>",
        "pad_token": "<pad>",
        "unk_token": "<unk>",
        "model_max_length": positions,
        "padding_side": "right",
    }
    (folder / "tokenizer_config.json").write_text(json.dumps(facts, indent=2))
    return len(vocab)


def _gemma(model: models.BPE) -> Tokenizer:
    tokenizer = Tokenizer(model)
    tokenizer.normalizer = normalizers.Replace(" ", "▁")
    tokenizer.pre_tokenizer = pre_tokenizers.Split(" ", "merged_with_previous")
    tokenizer.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()])
    return tokenizer


def _fixed_facts(image_size: int) -> dict[str, Any]:
    return {
        "do_convert_rgb": None,
        "do_normalize": True,
        "do_rescale": True,
        "do_resize": True,
        "image_mean": [0.5, 0.5, 0.5],
        "image_processor_type": "SiglipImageProcessor",
        "image_std": [0.5, 0.5, 0.5],
        "processor_class": "SiglipProcessor",
        "rescale_factor": 0.00392156862745098,
        "size": {"height": image_size, "width": image_size},
    }


def _naflex_facts(patch_size: int) -> dict[str, Any]:
    return {
        "do_convert_rgb": None,
        "do_normalize": True,
        "do_rescale": True,
        "do_resize": True,
        "image_mean": [0.5, 0.5, 0.5],
        "image_processor_type": "Siglip2ImageProcessor",
        "image_std": [0.5, 0.5, 0.5],
        "max_num_patches": 16,
        "patch_size": patch_size,
        "processor_class": "Siglip2Processor",
        "rescale_factor": 0.00392156862745098,
    }

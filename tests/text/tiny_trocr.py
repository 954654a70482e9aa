"""TrOCR of 16 dimensions with random weights, as transformers saves one."""

from __future__ import annotations

import json
from pathlib import Path

import torch
from tokenizers import pre_tokenizers
from transformers import (
    RobertaTokenizer,
    TrOCRConfig,
    TrOCRForCausalLM,
    VisionEncoderDecoderModel,
    ViTConfig,
    ViTModel,
)

SPECIAL = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
SIDE_PX = 32
DECIDED = 60.0


def save(folder: Path, *, seed: int = 0) -> Path:
    """The whole checkpoint: network, generation settings, tokenizer and picture settings; without a pooler, as the
    published ones, and with generation settings that would stop at 20 tokens, as theirs.
    """
    characters = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {token: number for number, token in enumerate([*SPECIAL, *characters])}
    RobertaTokenizer(vocab=vocabulary, merges=[]).save_pretrained(folder)
    torch.manual_seed(seed)
    network = VisionEncoderDecoderModel(encoder=_encoder(), decoder=_decoder(len(vocabulary))).eval()
    with torch.no_grad():
        network.decoder.output_projection.weight.mul_(DECIDED)
        network.decoder.output_projection.weight[5:].mul_(_is_letter(characters)[:, None])
        network.decoder.output_projection.weight[[0, 1, 3, 4]] = 0.0  # marks that would vanish from the text
    network.generation_config.decoder_start_token_id = 2
    network.generation_config.eos_token_id = 2
    network.generation_config.pad_token_id = 1
    network.generation_config.max_length = 20
    network.save_pretrained(folder)
    settings = {
        "feature_extractor_type": "ViTFeatureExtractor",
        "do_normalize": True,
        "do_resize": True,
        "image_mean": [0.5, 0.5, 0.5],
        "image_std": [0.5, 0.5, 0.5],
        "resample": 2,
        "size": SIDE_PX,
    }
    (folder / "preprocessor_config.json").write_text(json.dumps(settings))
    return folder


def _encoder() -> ViTModel:
    config = ViTConfig(
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=32,
        image_size=SIDE_PX,
        patch_size=16,
        initializer_range=0.5,
    )
    return ViTModel(config, add_pooling_layer=False)


def _decoder(vocabulary: int) -> TrOCRForCausalLM:
    return TrOCRForCausalLM(
        TrOCRConfig(
            vocab_size=vocabulary,
            d_model=16,
            decoder_layers=1,
            decoder_attention_heads=2,
            decoder_ffn_dim=32,
            cross_attention_hidden_size=16,
            max_position_embeddings=80,
            init_std=0.3,
            is_decoder=True,
            add_cross_attention=True,
            decoder_start_token_id=2,
            eos_token_id=2,
            pad_token_id=1,
            bos_token_id=0,
            tie_word_embeddings=False,
        )
    )


def _is_letter(characters: list[str]) -> torch.Tensor:
    """1 for letters, which are then written, 0 for all other bytes."""
    return torch.tensor([float(c.isascii() and c.isalpha()) for c in characters])

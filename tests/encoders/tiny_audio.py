"""Small checkpoints for sound with random weights, in the files and names of the published ones."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from transformers import (
    ASTConfig,
    ASTFeatureExtractor,
    ASTForAudioClassification,
    ClapConfig,
    ClapFeatureExtractor,
    ClapModel,
    GenerationConfig,
    HubertConfig,
    HubertModel,
    PreTrainedModel,
    Qwen2AudioConfig,
    Qwen2AudioForConditionalGeneration,
    Wav2Vec2Config,
    Wav2Vec2FeatureExtractor,
    Wav2Vec2ForPreTraining,
    Wav2Vec2Model,
    WavLMConfig,
    WavLMModel,
    WhisperFeatureExtractor,
)

AUDIOSET_LABELS = ("Speech", "Music", "Gunshot, gunfire", "Machine gun", "Explosion", "Door", "Silence")
_SPEECH_SIZES = {
    "hidden_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 32,
    "conv_dim": (8,) * 7,
    "num_conv_pos_embeddings": 16,
    "num_conv_pos_embedding_groups": 2,
}


def save_wav2vec2(
    folder: Path, *, kind: str = "wav2vec2", norm: str = "group", normalises: bool = True, seed: int = 0, **sizes: Any
) -> Path:
    """`kind` is the network alone (`wav2vec2`, `hubert`, `wavlm`) or `pretraining`, with the heads of wav2vec2-large.

    `norm` is `group` as in the base and large checkpoints, or `layer` as in large-lv60 and XLS-R.
    """
    classes = {
        "wav2vec2": (Wav2Vec2Config, Wav2Vec2Model),
        "pretraining": (Wav2Vec2Config, Wav2Vec2ForPreTraining),
        "hubert": (HubertConfig, HubertModel),
        "wavlm": (WavLMConfig, WavLMModel),
    }
    config, network = classes[kind]
    layered = {"feat_extract_norm": norm, "do_stable_layer_norm": norm == "layer", "conv_bias": norm == "layer"}
    heads = {"codevector_dim": 8, "proj_codevector_dim": 8, "num_codevectors_per_group": 4}
    extra = heads if kind == "pretraining" else {}
    _save(network(config(**_SPEECH_SIZES | layered | extra | sizes)), folder, seed)
    Wav2Vec2FeatureExtractor(do_normalize=normalises, return_attention_mask=norm == "layer").save_pretrained(folder)
    return folder


def save_ast(
    folder: Path,
    *,
    labels: Sequence[str] = AUDIOSET_LABELS,
    frames: int = 100,
    mels: int = 32,
    reach_s: float | None = None,
    seed: int = 0,
) -> Path:
    """A tagger with windows of `frames` x 10 ms; `reach_s` as the shipped one has it, or none as AudioSet's have."""
    config = ASTConfig(
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=32,
        max_length=frames,
        num_mel_bins=mels,
        id2label=dict(enumerate(labels)),
        label2id={label: number for number, label in enumerate(labels)},
        **({} if reach_s is None else {"reach_s": reach_s}),
    )
    _save(ASTForAudioClassification(config), folder, seed)
    ASTFeatureExtractor(num_mel_bins=mels, max_length=frames, mean=-4.27, std=4.57).save_pretrained(folder)
    return folder


def save_clap(folder: Path, *, is_fused: bool = False, seconds: int = 2, seed: int = 0) -> Path:
    """CLAP for sounds of `seconds`, as laion/clap-htsat-unfused is for 10; with a tokenizer like RoBERTa's."""
    special = {"bos_token": "<s>", "pad_token": "<pad>", "eos_token": "</s>", "unk_token": "<unk>"}
    tokenizer = _byte_level(list(special.values()))
    tokenizer.post_processor = processors.RobertaProcessing(("</s>", 2), ("<s>", 0))
    _save_tokenizer(tokenizer, folder, tokenizer_class="RobertaTokenizer", **special)
    text = {
        **{"vocab_size": tokenizer.get_vocab_size(), "hidden_size": 16, "num_hidden_layers": 1},
        **{"num_attention_heads": 2, "intermediate_size": 32, "max_position_embeddings": 66, "projection_dim": 16},
    }
    audio = {
        **{"spec_size": 128, "num_mel_bins": 32, "window_size": 4, "patch_embeds_hidden_size": 8, "hidden_size": 64},
        **{"depths": [1, 1, 1, 1], "num_attention_heads": [1, 1, 2, 2], "projection_dim": 16, "num_classes": 4},
        **{"enable_fusion": is_fused, "fusion_type": "aff_2d" if is_fused else None, "aff_block_r": 2},
    }
    _save(ClapModel(ClapConfig(text_config=text, audio_config=audio, projection_dim=16)), folder, seed)
    ClapFeatureExtractor(
        feature_size=32, max_length_s=seconds, truncation="fusion" if is_fused else "rand_trunc"
    ).save_pretrained(folder)
    return folder


def save_qwen2_audio(folder: Path, *, seconds: int = 2, seed: int = 0) -> Path:
    """Qwen2-Audio for windows of `seconds`, as the published one is for 30; with its special words and template."""
    words = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|AUDIO|>", "<|audio_bos|>", "<|audio_eos|>"]
    tokenizer = _byte_level(words)
    _save_tokenizer(
        tokenizer, folder, tokenizer_class="Qwen2Tokenizer", pad_token="<|endoftext|>", eos_token="<|im_end|>"
    )
    ids = {word: tokenizer.token_to_id(word) for word in words}
    text = {
        **{"model_type": "qwen2", "vocab_size": tokenizer.get_vocab_size(), "hidden_size": 32},
        **{"num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2, "intermediate_size": 64},
        **{"eos_token_id": ids["<|im_end|>"], "bos_token_id": None, "pad_token_id": ids["<|endoftext|>"]},
    }
    audio = {
        **{"num_mel_bins": 128, "encoder_layers": 1, "encoder_attention_heads": 2, "encoder_ffn_dim": 32},
        **{"d_model": 16, "max_source_positions": 50 * seconds},
    }
    config = Qwen2AudioConfig(text_config=text, audio_config=audio, audio_token_index=ids["<|AUDIO|>"])
    network = Qwen2AudioForConditionalGeneration(config)
    network.generation_config = GenerationConfig(  # as published: it samples unless told not to
        do_sample=True,
        temperature=0.7,
        top_p=0.5,
        top_k=20,
        eos_token_id=[ids["<|endoftext|>"], ids["<|im_end|>"]],
        pad_token_id=ids["<|endoftext|>"],
    )
    _save(network, folder, seed)
    WhisperFeatureExtractor(feature_size=128, chunk_length=seconds, return_attention_mask=True).save_pretrained(folder)
    path = folder / "preprocessor_config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"processor_class": "Qwen2AudioProcessor"}))
    return folder


def without_weights(folder: Path, *prefixes: str) -> None:
    """Take weights out of a checkpoint."""
    path = folder / "model.safetensors"
    kept = {name: tensor for name, tensor in load_file(path).items() if not name.startswith(prefixes)}
    save_file(kept, path, metadata={"format": "pt"})


def edit_config(folder: Path, **changes: Any) -> None:
    path = folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def _save(network: PreTrainedModel, folder: Path, seed: int) -> None:
    torch.manual_seed(seed)
    for name, parameter in network.named_parameters():  # all of them: a weight at zero would not be missed
        if parameter.ndim > 1:
            torch.nn.init.normal_(parameter, std=1.5 / parameter[0].numel() ** 0.5)
        elif parameter.ndim == 1:
            torch.nn.init.normal_(parameter, mean=float("norm" in name and name.endswith("weight")), std=0.1)
    network.save_pretrained(folder)


def _byte_level(special: Sequence[str]) -> Tokenizer:
    """BPE over bytes, so that any text has tokens, with the `special` words first."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=320,
        special_tokens=list(special),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(["This is a sound of a gunshot.", "an explosion", "background noise"], trainer)
    return tokenizer


def _save_tokenizer(tokenizer: Tokenizer, folder: Path, **config: Any) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer.save(str(folder / "tokenizer.json"))
    (folder / "tokenizer_config.json").write_text(json.dumps(config))

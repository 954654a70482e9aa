"""Whisper of 16 dimensions with random weights, as transformers and as openai-whisper save one."""

from __future__ import annotations

from pathlib import Path

import torch
from tokenizers import pre_tokenizers
from transformers import (
    GenerationConfig,
    WhisperConfig,
    WhisperFeatureExtractor,
    WhisperForConditionalGeneration,
    WhisperProcessor,
    WhisperTokenizer,
)

LANGUAGES = ("en", "zh", "de", "ja", "fr", "ko")
MERGES = [("Ġ", "t"), ("h", "e"), ("Ġt", "he"), ("Ġ", "a"), ("i", "n"), ("o", "u"), ("Ġ", "w"), ("Ġ", "s"), ("r", "e")]
TASKS = ["<|translate|>", "<|transcribe|>", "<|startoflm|>", "<|startofprev|>", "<|nospeech|>", "<|notimestamps|>"]
TEXT_POSITIONS = 48
DECIDED = 12.0


def save(
    folder: Path, *, languages: tuple[str, ...] = LANGUAGES, mel_bins: int = 80, seed: int = 0, heads: bool = True
) -> Path:
    """The whole checkpoint: network, generation settings, tokenizer and mel features. Without languages: English only.

    `heads` says whether the generation settings list the heads that follow the sound.
    """
    tokenizer = _tokenizer(languages)
    torch.manual_seed(seed)
    network = WhisperForConditionalGeneration(_config(tokenizer, mel_bins)).eval()
    with torch.no_grad():  # random scores are nearly even, and every text would be doubted: these are decided
        network.model.decoder.layer_norm.weight.fill_(DECIDED)
        for layer in network.model.decoder.layers:
            layer.encoder_attn.q_proj.weight.mul_(DECIDED)
    network.generation_config = _generation(tokenizer, languages, heads=heads)
    network.save_pretrained(folder)
    extractor = WhisperFeatureExtractor(feature_size=mel_bins)
    WhisperProcessor(feature_extractor=extractor, tokenizer=tokenizer).save_pretrained(folder)
    return folder


def save_openai(path: Path, *, seed: int = 0) -> Path:
    """A file as openai-whisper's `load_model` reads: `dims` and `model_state_dict`."""
    from whisper.model import ModelDimensions, Whisper

    dims = ModelDimensions(
        n_mels=80,
        n_audio_ctx=1500,
        n_audio_state=8,
        n_audio_head=2,
        n_audio_layer=1,
        n_vocab=51_865,
        n_text_ctx=TEXT_POSITIONS,
        n_text_state=8,
        n_text_head=2,
        n_text_layer=2,
    )
    torch.manual_seed(seed)
    network = Whisper(dims)
    with torch.no_grad():
        network.decoder.positional_embedding.normal_(std=1.0)
        network.decoder.ln.weight.fill_(DECIDED)
        for block in network.decoder.blocks:
            block.cross_attn.query.weight.mul_(DECIDED)
    torch.save({"dims": vars(dims), "model_state_dict": network.state_dict()}, path)
    return path


def _tokenizer(languages: tuple[str, ...]) -> WhisperTokenizer:
    characters = sorted(pre_tokenizers.ByteLevel.alphabet())
    merged = ["".join(pair) for pair in MERGES]
    vocabulary = {token: number for number, token in enumerate([*characters, *merged])}
    tokenizer = WhisperTokenizer(vocab=vocabulary, merges=MERGES)
    spoken = [f"<|{code}|>" for code in languages]
    tokenizer.add_special_tokens({"additional_special_tokens": ["<|startoftranscript|>", *spoken, *TASKS]})
    tokenizer.add_tokens([f"<|{number * 0.02:.2f}|>" for number in range(1501)])
    return tokenizer


def _config(tokenizer: WhisperTokenizer, mel_bins: int) -> WhisperConfig:
    end = tokenizer.convert_tokens_to_ids("<|endoftext|>")
    return WhisperConfig(
        vocab_size=len(tokenizer),
        num_mel_bins=mel_bins,
        d_model=16,
        encoder_layers=1,
        decoder_layers=2,
        encoder_attention_heads=2,
        decoder_attention_heads=2,
        encoder_ffn_dim=32,
        decoder_ffn_dim=32,
        max_target_positions=TEXT_POSITIONS,
        pad_token_id=end,
        bos_token_id=end,
        eos_token_id=end,
        decoder_start_token_id=tokenizer.convert_tokens_to_ids("<|startoftranscript|>"),
        suppress_tokens=None,
        begin_suppress_tokens=None,
        init_std=0.4,
    )


def _generation(tokenizer: WhisperTokenizer, languages: tuple[str, ...], *, heads: bool) -> GenerationConfig:
    number_of = tokenizer.convert_tokens_to_ids
    end = number_of("<|endoftext|>")
    many = {
        "lang_to_id": {f"<|{code}|>": number_of(f"<|{code}|>") for code in languages},
        "task_to_id": {task: number_of(f"<|{task}|>") for task in ("translate", "transcribe")},
    }
    written = {token for token in tokenizer.get_vocab() if token.strip("Ġ").isalpha() and token.isascii()} | set("Ġ.")
    written |= {"".join(pair) for pair in MERGES}
    return GenerationConfig(
        is_multilingual=bool(languages),
        decoder_start_token_id=number_of("<|startoftranscript|>"),
        eos_token_id=end,
        pad_token_id=end,
        bos_token_id=end,
        no_timestamps_token_id=number_of("<|notimestamps|>"),
        suppress_tokens=sorted(set(range(len(tokenizer))) - {number_of(token) for token in written} - {end}),
        begin_suppress_tokens=[end],
        max_length=TEXT_POSITIONS,
        **({"alignment_heads": [[1, 0], [1, 1], [0, 1]]} if heads else {}),
        **(many if languages else {}),
    )

"""Whisper from a Hugging Face folder: many languages, several utterances in one pass, the time of every word.

Each batch goes through the encoder once. The decoder then runs three times over what the encoder made of it: one step
to tell the languages, the search for the text, and once over the finished text, which gives the probability of every
token and, through the attention of the heads that follow the sound, its time. That third pass makes a row's times
independent of its neighbours and works with every kind of attention.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import WhisperForConditionalGeneration, WhisperProcessor
from transformers.modeling_outputs import BaseModelOutput
from transformers.utils import logging

from gvlm_resources.encoders import loading
from gvlm_resources.encoders.protocol import Checkpoint, Placement
from gvlm_resources.errors import MissingModelError, SettingsError
from gvlm_resources.settings import TranscriptionSettings
from gvlm_resources.text import transcript, wav, word_times
from gvlm_resources.text.transcript import UNDETERMINED, Samples, Utterance, Word

FRAME_SAMPLES = 320  # of the encoder's output: 20 ms
LEAST_SAMPLES = 1_600  # no word takes under 100 ms
FULL_SCALE = 32_768.0
TRANSCRIBE = "transcribe"
NO_SPEECH_TOKENS = ("<|nospeech|>", "<|nocaptions|>")  # the second until large-v2

_REMEDY = "get the checkpoint anew: gvlm models pull {}"


def load(checkpoint: Checkpoint, placement: Placement, settings: TranscriptionSettings) -> WhisperRecogniser:
    """The checkpoint's network, tokenizer and mel features, for the language that the settings name.

    Raises MissingModelError where a file is missing or is not Whisper's, SettingsError for a language it lacks.
    """
    try:
        processor = WhisperProcessor.from_pretrained(checkpoint.folder, local_files_only=True, trust_remote_code=False)
    except (OSError, ValueError, KeyError, TypeError, json.JSONDecodeError) as error:
        raise MissingModelError(
            f"{checkpoint.folder} lacks Whisper's tokenizer or feature files: {error}",
            remedy=_REMEDY.format(settings.model),
        ) from error
    network = loading.network(WhisperForConditionalGeneration, checkpoint, placement)
    return WhisperRecogniser(checkpoint, placement, settings, network, processor)


@dataclass(frozen=True)
class Vocabulary:
    """The checkpoint's special tokens. `languages` is empty where it only knows English, without `transcribe`."""

    start: int
    end: int
    no_timestamps: int
    no_speech: int
    transcribe: int | None
    languages: dict[str, int]

    def prompt(self, language: str) -> list[int]:
        task = [self.languages[language], self.transcribe] if self.languages else []
        return [self.start, *task, self.no_timestamps]


class WhisperRecogniser:
    """`Recogniser` over `WhisperForConditionalGeneration`. Not for use from two threads at once."""

    def __init__(
        self,
        checkpoint: Checkpoint,
        placement: Placement,
        settings: TranscriptionSettings,
        network: WhisperForConditionalGeneration,
        processor: WhisperProcessor,
    ) -> None:
        self.name = checkpoint.name
        self._network = network
        self._processor = processor
        self._device = placement.device
        self._vocabulary = _vocabulary(network, processor, settings)
        self._language = _language(self._vocabulary, settings)
        self._heads = _alignment_heads(network)
        self._most_samples = network.config.max_source_positions * FRAME_SAMPLES
        self._suppressed = torch.tensor(network.generation_config.suppress_tokens or [], dtype=torch.long)
        self._most_tokens = network.config.max_target_positions // 2  # the reference implementation's

    def recognise_batch(self, utterances: Sequence[Samples]) -> list[Utterance]:
        """Utterances of more than 30 s are read in parts of 30 s. Digital silence is never given to the network."""
        return transcript.by_parts(utterances, self._most_samples, self._read)

    def _read(self, parts: list[Samples]) -> list[Utterance]:
        sounding = [number for number, samples in enumerate(parts) if len(samples) >= LEAST_SAMPLES and samples.any()]
        answers = [Utterance((), self._language or UNDETERMINED) for _ in parts]
        for number, answer in zip(sounding, self._fitted([parts[number] for number in sounding]), strict=True):
            answers[number] = answer
        return answers

    def _fitted(self, heard: list[Samples]) -> list[Utterance]:
        """As many together as the device's memory holds."""
        if not heard:
            return []
        try:
            return self._understood(heard)
        except torch.OutOfMemoryError:
            if len(heard) == 1:
                raise
        torch.cuda.empty_cache()
        half = len(heard) // 2
        return self._fitted(heard[:half]) + self._fitted(heard[half:])

    @torch.inference_mode()
    def _understood(self, heard: list[Samples]) -> list[Utterance]:
        encoded = self._network.model.encoder(self._features(heard))
        languages = [self._language] * len(heard) if self._language else self._detected(encoded)
        texts = self._texts(encoded, languages)
        prompts = [self._vocabulary.prompt(language) for language in languages]
        frames = [-(-len(samples) // FRAME_SAMPLES) for samples in heard]
        passes = self._second_pass(encoded.last_hidden_state, prompts, texts)
        rows = zip(heard, languages, prompts, texts, frames, passes, strict=True)
        return [self._utterance(*row) for row in rows]

    def _features(self, heard: list[Samples]) -> torch.Tensor:
        """(N, mel bins, 3000): every utterance padded to 30 s, as the network was trained."""
        waves = [samples.astype(np.float32) / FULL_SCALE for samples in heard]
        made = self._processor.feature_extractor(
            waves, sampling_rate=wav.RATE_HZ, return_tensors="pt", device=self._device
        )
        return made["input_features"].to(self._device, self._network.dtype)

    def _detected(self, encoded: BaseModelOutput) -> list[str]:
        codes = {token: code for code, token in self._vocabulary.languages.items()}
        return [codes[token] for token in self._network.detect_language(encoder_outputs=encoded).tolist()]

    def _texts(self, encoded: BaseModelOutput, languages: Sequence[str]) -> list[list[int]]:
        """The likeliest next token again and again, to the end token, which a text that is too long has not."""
        spoken = {"language": list(languages), "task": TRANSCRIBE} if self._vocabulary.languages else {}
        with _without_advice():
            found = self._network.generate(
                encoder_outputs=encoded,
                return_timestamps=False,
                force_unique_generate_call=True,
                do_sample=False,
                num_beams=1,
                max_length=self._most_tokens,
                **spoken,
            )
        end = self._vocabulary.end
        texts = [[token for token in row if token <= end] for row in found.tolist()]  # above are times and the like
        return [text[: text.index(end) + 1] if end in text else text for text in texts]

    def _second_pass(
        self, encoded: torch.Tensor, prompts: Sequence[list[int]], texts: Sequence[list[int]]
    ) -> list[tuple[torch.Tensor, torch.Tensor]]:
        """For each row the decoder's states (tokens, dim), and what the chosen heads attend to (heads, tokens, frames).

        Both as the decoder has read the prompt and the text, and is to write the next token.
        """
        end = self._vocabulary.end
        rows = [[*prompt, *text, end] for prompt, text in zip(prompts, texts, strict=True)]
        longest = max(map(len, rows))
        tokens = torch.tensor([row + [end] * (longest - len(row)) for row in rows], device=self._device)
        with _listening(self._network, self._heads) as attended:
            states = self._network.model.decoder(tokens, encoder_hidden_states=encoded, use_cache=False)[0]
        attention = torch.cat(attended, dim=1)
        return [(states[number, : len(row)], attention[number, :, : len(row)]) for number, row in enumerate(rows)]

    def _utterance(
        self,
        samples: Samples,
        language: str,
        prompt: list[int],
        written: list[int],
        frames: int,
        second_pass: tuple[torch.Tensor, torch.Tensor],
    ) -> Utterance:
        states, attention = second_pass
        logits = self._network.proj_out(states).float()
        no_speech = logits[0].softmax(-1)[self._vocabulary.no_speech]
        first = len(prompt) - 1  # where the first token of the text is foretold
        chosen = self._logs(logits[first : first + len(written)], written)
        text = [token for token in written if token != self._vocabulary.end]
        doubt = transcript.doubt_of(self._decoded(text), no_speech=float(no_speech), mean_log=float(chosen.mean()))
        if not text:
            return Utterance((), language, doubt)
        heard = attention[:, first : first + len(text) + 1, :frames].float().softmax(-1).cpu().numpy()
        pieces = word_times.pieces_of(text, word_times.token_starts(heard), np.exp(chosen), self._decoded)
        words = word_times.words_of(pieces, language)
        return Utterance(tuple(_word(word, len(samples)) for word in words), language, doubt)

    def _logs(self, logits: torch.Tensor, tokens: Sequence[int]) -> NDArray[np.float32]:
        """The logarithms of the tokens' probabilities, among those that the search may choose."""
        logits[:, self._suppressed.to(logits.device)] = -torch.inf
        wanted = torch.tensor(tokens, device=logits.device)
        return logits.log_softmax(-1).gather(1, wanted[:, None])[:, 0].cpu().numpy()

    def _decoded(self, tokens: list[int]) -> str:
        return self._processor.tokenizer.decode(tokens, skip_special_tokens=True, clean_up_tokenization_spaces=False)


def _word(piece: word_times.Piece, samples: int) -> Word:
    first = min(piece.first * FRAME_SAMPLES, samples - 1)
    last = min(piece.last * FRAME_SAMPLES, samples)
    return Word(piece.text, first, max(last, first + 1), piece.probability)


@contextmanager
def _without_advice() -> Iterator[None]:
    """Without the library's warnings on its own internal calls, which come with every batch."""
    verbosity = logging.get_verbosity()
    logging.set_verbosity_error()
    try:
        yield
    finally:
        logging.set_verbosity(verbosity)


@contextmanager
def _listening(network: WhisperForConditionalGeneration, heads: NDArray[np.bool_]) -> Iterator[list[torch.Tensor]]:
    """Collects, while the decoder runs, the (N, heads, tokens, frames) scores of the chosen heads, layer by layer.

    They are computed from what goes into the attention, whose own implementation need not tell its weights.
    """
    scores: list[torch.Tensor] = []
    layers = network.model.decoder.layers
    hooks = [
        layers[number].encoder_attn.register_forward_pre_hook(_Scores(np.flatnonzero(row), scores), with_kwargs=True)
        for number, row in enumerate(heads)
        if row.any()
    ]
    try:
        yield scores
    finally:
        for hook in hooks:
            hook.remove()


class _Scores:
    """A hook that notes the scaled products of queries and keys of some heads of a cross-attention."""

    def __init__(self, heads: NDArray[np.intp], scores: list[torch.Tensor]) -> None:
        self._heads = torch.from_numpy(heads)
        self._scores = scores

    def __call__(self, attention: torch.nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        states = args[0] if args else kwargs["hidden_states"]
        queries = self._of(attention, attention.q_proj(states) * attention.scaling)
        keys = self._of(attention, attention.k_proj(kwargs["key_value_states"]))
        self._scores.append(queries @ keys.transpose(2, 3))

    def _of(self, attention: torch.nn.Module, vectors: torch.Tensor) -> torch.Tensor:
        """(N, length, dim) -> (N, chosen heads, length, dim of a head)."""
        split = vectors.unflatten(-1, (attention.num_heads, attention.head_dim)).transpose(1, 2)
        return split[:, self._heads.to(split.device)]


def _alignment_heads(network: WhisperForConditionalGeneration) -> NDArray[np.bool_]:
    """(layers, heads): which follow the sound. Without a list, all of the later half, as the reference implementation.

    The list is found by hand for each checkpoint, and stands in generation_config.json.
    """
    heads = np.zeros((network.config.decoder_layers, network.config.decoder_attention_heads), bool)
    listed = getattr(network.generation_config, "alignment_heads", None)
    if listed:
        layers, numbers = np.array(listed).T
        heads[layers, numbers] = True
    else:
        heads[len(heads) // 2 :] = True
    return heads


def _vocabulary(
    network: WhisperForConditionalGeneration, processor: WhisperProcessor, settings: TranscriptionSettings
) -> Vocabulary:
    generation, known = network.generation_config, processor.tokenizer.get_vocab()
    languages = getattr(generation, "lang_to_id", None) or {}
    no_speech = next((known[token] for token in NO_SPEECH_TOKENS if token in known), None)
    no_timestamps = getattr(generation, "no_timestamps_token_id", None)
    tasks = getattr(generation, "task_to_id", None) or {}
    lacking = {
        "no_timestamps_token_id in generation_config.json": no_timestamps is None,
        "task_to_id in generation_config.json": bool(languages) and TRANSCRIBE not in tasks,
        f"the token {NO_SPEECH_TOKENS[0]} in the tokenizer": no_speech is None,
    }
    for what, is_lacking in lacking.items():
        if is_lacking:
            raise MissingModelError(f"{settings.model} lacks {what}", remedy=_REMEDY.format(settings.model))
    return Vocabulary(
        start=generation.decoder_start_token_id,
        end=known["<|endoftext|>"],
        no_timestamps=no_timestamps,
        no_speech=no_speech,
        transcribe=tasks.get(TRANSCRIBE),
        languages={token.strip("<|>"): number for token, number in languages.items()},
    )


def _language(vocabulary: Vocabulary, settings: TranscriptionSettings) -> str:
    """The language that is spoken, or nothing where it is to be detected."""
    known = vocabulary.languages or {"en": 0}
    if settings.language == "auto":
        return "" if vocabulary.languages else "en"
    if settings.language not in known:
        raise SettingsError(
            f"{settings.model} does not understand the language {settings.language!r}",
            remedy=f"set transcription.language to auto or one of {', '.join(sorted(known))}",
        )
    return settings.language

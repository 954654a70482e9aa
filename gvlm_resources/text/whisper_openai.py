"""Whisper by the package openai-whisper and its own weights, one `.pt` file a model. Nothing is downloaded.

Utterances are decoded in batches. The package's own search for the times of words runs the encoder a second time, one
utterance after the other, so they are found by `text/word_times.py`, from the same attention.
"""

from __future__ import annotations

import pickle
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path

import numpy as np
import torch

from gvlm_resources.encoders.protocol import Placement
from gvlm_resources.errors import MissingModelError, SettingsError
from gvlm_resources.settings import TranscriptionSettings
from gvlm_resources.text import transcript, word_times
from gvlm_resources.text.transcript import UNDETERMINED, Samples, Utterance, Word

try:
    import whisper
    from whisper.decoding import DecodingOptions, DecodingResult
    from whisper.model import Whisper, disable_sdpa
    from whisper.tokenizer import LANGUAGES, Tokenizer, get_tokenizer
except ImportError as error:
    raise MissingModelError(
        "the package openai-whisper is not installed", remedy="pip install 'gvlm[whisper]'"
    ) from error

FRAME_SAMPLES = whisper.audio.N_SAMPLES_PER_TOKEN
LEAST_SAMPLES = 1_600  # no word takes under 100 ms
FULL_SCALE = 32_768.0


def load(file: Path, placement: Placement, settings: TranscriptionSettings) -> OpenAIWhisperRecogniser:
    """The model of a file as openai-whisper publishes them: `dims` and `model_state_dict`, tensors and numbers only.

    Raises MissingModelError where the file is missing or none of its kind, SettingsError for a language that the model
    lacks and for a dtype that the package does not compute in. The package's own attention runs whatever `placement`
    says about it.
    """
    _check_dtype(placement)
    if not file.is_file():
        raise MissingModelError(f"there is no openai-whisper model {file}", remedy=f"gvlm models pull {settings.model}")
    try:
        network = whisper.load_model(str(file), device=placement.device)
        heads = whisper._ALIGNMENT_HEADS.get(file.stem)  # known by the model's name alone: the file does not tell them
        if heads is not None:
            network.set_alignment_heads(heads)
    except (pickle.UnpicklingError, EOFError, KeyError, TypeError, RuntimeError) as error:
        raise MissingModelError(
            f"{file} is no openai-whisper model: {error}", remedy=f"gvlm models pull {settings.model}"
        ) from error
    return OpenAIWhisperRecogniser(network.eval(), file.stem, placement, settings)


class OpenAIWhisperRecogniser:
    """`Recogniser` over openai-whisper. Not for use from two threads at once."""

    def __init__(self, network: Whisper, model: str, placement: Placement, settings: TranscriptionSettings) -> None:
        self.name = f"openai-whisper/{model}@{version('openai-whisper')}"
        self._network = network
        self._language = _language(network, model, settings)
        self._options = DecodingOptions(
            task="transcribe",
            language=self._language or None,
            temperature=0.0,
            without_timestamps=True,
            fp16=placement.dtype == "float16",
        )

    def recognise_batch(self, utterances: Sequence[Samples]) -> list[Utterance]:
        """Utterances of more than 30 s are read in parts of 30 s. Digital silence is never given to the network."""
        return transcript.by_parts(utterances, whisper.audio.N_SAMPLES, self._read)

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
        results = whisper.decode(self._network, self._features(heard), self._options)
        return [self._utterance(samples, result) for samples, result in zip(heard, results, strict=True)]

    def _features(self, heard: list[Samples]) -> torch.Tensor:
        """(N, mel bins, 3000): every utterance padded to 30 s, as the network was trained."""
        waves = [torch.from_numpy(samples.astype(np.float32) / FULL_SCALE) for samples in heard]
        padded = torch.stack([whisper.pad_or_trim(wave) for wave in waves]).to(self._network.device)
        # One by one: the package cuts off what is 80 dB under the loudest of all that it is given.
        return torch.stack([whisper.log_mel_spectrogram(wave, self._network.dims.n_mels) for wave in padded])

    def _utterance(self, samples: Samples, result: DecodingResult) -> Utterance:
        doubt = transcript.doubt_of(result.text, no_speech=result.no_speech_prob, mean_log=result.avg_logprob)
        text = [token for token in result.tokens if token < self._tokenizer(result.language).eot]
        if not text:
            return Utterance((), result.language, doubt)
        tokenizer = self._tokenizer(result.language)
        attention, probabilities = self._second_pass(result.audio_features, text, tokenizer, len(samples))
        starts = word_times.token_starts(attention)
        pieces = word_times.pieces_of(text, starts.tolist(), probabilities.tolist(), tokenizer.decode)
        words = word_times.words_of(pieces, result.language)
        return Utterance(tuple(_word(word, len(samples)) for word in words), result.language, doubt)

    def _second_pass(
        self, encoded: torch.Tensor, text: list[int], tokenizer: Tokenizer, samples: int
    ) -> tuple[np.ndarray, np.ndarray]:
        """(heads, tokens + 1, frames) of attention as each token and the end is written; the tokens' probabilities.

        A probability is that among the tokens that are text, as in the package's own.
        """
        prompt = [*tokenizer.sot_sequence, tokenizer.no_timestamps]
        tokens = torch.tensor([[*prompt, *text, tokenizer.eot]], device=encoded.device)
        with _listening(self._network) as scores:
            logits = self._network.decoder(tokens, encoded[None])[0].float()
        first, frames = len(prompt) - 1, -(-samples // FRAME_SAMPLES)
        shares = logits[first : first + len(text), : tokenizer.eot].softmax(-1)
        chosen = shares[torch.arange(len(text)), torch.tensor(text)]
        layers, heads = self._network.alignment_heads.cpu().indices().tolist()
        picked = torch.stack([scores[layer][0, head] for layer, head in zip(layers, heads, strict=True)])
        attention = picked[:, first : first + len(text) + 1, :frames].float().softmax(-1)
        return attention.cpu().numpy(), chosen.cpu().numpy()

    def _tokenizer(self, language: str) -> Tokenizer:
        return get_tokenizer(
            self._network.is_multilingual,
            num_languages=self._network.num_languages,
            language=language,
            task="transcribe",
        )


def _word(piece: word_times.Piece, samples: int) -> Word:
    first = min(piece.first * FRAME_SAMPLES, samples - 1)
    last = min(piece.last * FRAME_SAMPLES, samples)
    return Word(piece.text, first, max(last, first + 1), piece.probability)


@contextmanager
def _listening(network: Whisper) -> Iterator[dict[int, torch.Tensor]]:
    """Collects each decoder layer's (N, heads, tokens, frames) scores of attention to the sound.

    The package's plain attention, which is used meanwhile, gives them as its second output.
    """
    scores: dict[int, torch.Tensor] = {}
    hooks = [
        block.cross_attn.register_forward_hook(lambda _, given, made, layer=number: scores.__setitem__(layer, made[-1]))
        for number, block in enumerate(network.decoder.blocks)
    ]
    try:
        with disable_sdpa():
            yield scores
    finally:
        for hook in hooks:
            hook.remove()


def _language(network: Whisper, model: str, settings: TranscriptionSettings) -> str:
    """The language that is spoken, or nothing where it is to be detected."""
    known = list(LANGUAGES)[: network.num_languages] if network.is_multilingual else ["en"]
    if settings.language == "auto":
        return "" if network.is_multilingual else "en"
    if settings.language not in known:
        raise SettingsError(
            f"the openai-whisper model {model} does not understand the language {settings.language!r}",
            remedy=f"set transcription.language to auto or one of {', '.join(sorted(known))}",
        )
    return settings.language


def _check_dtype(placement: Placement) -> None:
    if placement.dtype == "bfloat16" or (placement.dtype == "float16" and placement.device == "cpu"):
        raise SettingsError(
            f"openai-whisper does not compute in {placement.dtype} on {placement.device}",
            remedy="set transcription.dtype to float32, or to float16 on a CUDA device",
        )

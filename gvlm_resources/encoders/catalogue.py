"""Which models the settings in force use, and how large those are whose size is known before they are here (pure)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from gvlm_resources.settings import Dtype, EncoderSettings, Settings

Source = Literal["checkpoint", "openai-whisper"]

OFF = "off"
BYTES: dict[Dtype, int] = {"float32": 4, "bfloat16": 2, "float16": 2}

# Parameters of what is loaded of production models, both towers where there are two: counted over the networks of
# transformers 5.23, built with the published configuration on PyTorch's `meta` device.
PARAMETERS = {
    "google/siglip2-so400m-patch14-384": 1_136_000_000,
    "google/siglip2-so400m-patch16-naflex": 1_136_000_000,
    "facebook/sam3": 840_376_374,
    "MCG-NJU/videomae-base": 86_225_664,
    "facebook/wav2vec2-large": 315_428_992,
    "MIT/ast-finetuned-audioset-10-10-0.4593": 86_594_063,
    "laion/clap-htsat-unfused": 153_492_890,
    "Qwen/Qwen2-Audio-7B-Instruct": 8_397_094_912,
    "openai/whisper-small": 241_734_912,
    "openai/whisper-large-v3": 1_543_490_560,
}

# Repositories whose licence has to be accepted before anything can be downloaded.
GATED = frozenset({"facebook/sam3"})


@dataclass(frozen=True)
class Need:
    """One model that the settings use. `use` is its key in the model identities; `backend` may be empty."""

    use: str
    model: str
    revision: str
    dtype: Dtype
    backend: str = ""
    source: Source = "checkpoint"

    @property
    def parameters(self) -> int | None:
        """How many it has, where that is known without its files."""
        return PARAMETERS.get(self.model)

    def memory_bytes(self, parameters: int) -> int:
        """What so many weights take in this model's dtype. What is computed with them comes on top, and grows with
        the batch.
        """
        return parameters * BYTES[self.dtype]


def needs(settings: Settings) -> tuple[Need, ...]:
    """Every checkpoint that is in use, in the order of the pipeline. What is `off` is not in it."""
    return tuple(_needs(settings))


def _needs(settings: Settings) -> Iterator[Need]:
    yield _of("siglip", settings.siglip)
    yield _of("videomae", settings.videomae)
    yield _of("wav2vec2", settings.wav2vec2)
    if settings.entities.model != OFF:
        yield _of("entities", settings.entities)
    if settings.sounds.backend != OFF:
        yield _of("sounds", settings.sounds, settings.sounds.backend)
    speech = settings.transcription
    if speech.backend != "pocketsphinx":
        source: Source = "openai-whisper" if speech.backend == "openai-whisper" else "checkpoint"
        yield Need("speech", speech.model, speech.revision, speech.dtype, speech.backend, source)
    if settings.ocr.second_reader:
        yield Need("second_reader", settings.ocr.second_reader, settings.ocr.second_revision, "float32", "trocr")


def _of(use: str, encoder: EncoderSettings, backend: str = "") -> Need:
    return Need(use, encoder.model, encoder.revision, encoder.dtype, backend)

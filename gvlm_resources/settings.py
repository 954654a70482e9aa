"""One frozen, typed `Settings`: what a profile YAML and the user's overrides add up to.

Every section is what one stage depends on, so that a stage's fingerprint covers exactly the settings that affect its
result. Nothing here reads the environment or a default path: `load` is given both.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from gvlm_resources.errors import SettingsError

Dtype = Literal["float32", "bfloat16", "float16"]
PROFILES = ("cpu", "light", "standard", "full")


class Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    def in_force(self) -> dict[str, Any]:
        """The values that decide a result, as JSON: one that nothing reads as the others stand is left out."""
        return self.model_dump(mode="json")


class VideoSettings(Section):
    """What is accepted as a video."""

    max_duration_s: float = Field(default=6 * 3600, gt=0)
    download_format: str = "bv*[height<=?1080]+ba/b[height<=?1080]"


class DownloadSettings(Section):
    """What a download may take and where it may go. Decides whether a download happens, never what is in it.

    `allow_private_hosts` names hosts inside your own network, as `host` or `host:port` exactly as the URL writes it.
    """

    max_gb: float = Field(default=20.0, gt=0)
    timeout_s: float = Field(default=30.0, gt=0)
    allow_private_hosts: tuple[str, ...] = ()


class FrameSettings(Section):
    """Which frames are kept, and how."""

    rate_hz: float = Field(default=1.0, gt=0, le=60)
    max_height_px: int = Field(default=720, ge=64)
    jpeg_quality: int = Field(default=90, ge=50, le=100)
    scene_threshold: float = Field(default=0.35, gt=0, le=1)
    black_level: float = Field(default=12.0, ge=0)
    blur_level: float = Field(default=25.0, ge=0)
    duplicate_bits: int = Field(default=4, ge=0, le=16)


class ClipSettings(Section):
    """Short dense windows for video encoders."""

    every_s: float = Field(default=4.0, gt=0)
    frames: int = Field(default=16, ge=2)
    rate_hz: float = Field(default=8.0, gt=0)
    size_px: int = Field(default=224, ge=32)
    jpeg_quality: int = Field(default=90, ge=50, le=100)


class HudSettings(Section):
    """How densely the HUD regions of a known game are cut out.

    `rate_hz` is for regions with a number. A message's region lies over the moving picture, so that every crop of it is
    another one: `message_rate_hz` keeps the lake small.
    """

    rate_hz: float = Field(default=35.0, gt=0, le=120)
    message_rate_hz: float = Field(default=10.0, gt=0, le=120)
    changed_level: float = Field(default=6.0, gt=0)


class AudioSettings(Section):
    sample_rate_hz: int = Field(default=16_000, ge=8_000)


class SpeechSettings(Section):
    """Speech spans and what is said in them.

    Growls and music that pass as speech are short: an utterance under `short_s` has to be `min_confidence_short` sure
    of its words, any other `min_confidence`.
    """

    vad_threshold: float = Field(default=0.5, gt=0, lt=1)
    min_speech_s: float = Field(default=0.3, gt=0)
    min_silence_s: float = Field(default=0.3, gt=0)
    max_speech_s: float = Field(default=20.0, ge=5)
    pad_s: float = Field(default=0.1, ge=0)
    min_confidence: float = Field(default=0.3, ge=0, le=1)
    short_s: float = Field(default=1.0, ge=0)
    min_confidence_short: float = Field(default=0.9, ge=0, le=1)


class TranscriptionSettings(Section):
    """Who turns speech into words.

    `model` names a checkpoint (see EncoderSettings) for the backend `whisper`, or one of openai-whisper's own names or
    files; pocketsphinx has none. `language` is a code such as `en`, or `auto`.
    """

    backend: Literal["pocketsphinx", "openai-whisper", "whisper"] = "pocketsphinx"
    model: str = ""
    revision: str = ""
    dtype: Dtype = "float32"
    language: str = Field(default="auto", pattern=r"^(auto|[a-z]{2,3})$")

    @model_validator(mode="after")
    def _model_is_named(self) -> Self:
        if (self.backend == "pocketsphinx") == bool(self.model):
            raise ValueError("whisper backends need a `model`, pocketsphinx takes none")
        return self


class OcrSettings(Section):
    """What reads the screen.

    `second_reader` names a TrOCR checkpoint that reads again what the backend was less sure of than `second_below`.
    """

    backend: Literal["rapidocr", "paddleocr"] = "rapidocr"
    languages: tuple[str, ...] = ("en",)
    second_reader: str = ""
    second_revision: str = ""
    second_below: float = Field(default=0.8, ge=0, le=1)
    detect_every: int = Field(default=2, ge=1)
    detect_side_px: int = Field(default=480, ge=160)
    message_every_s: float = Field(default=0.5, gt=0)
    min_confidence: float = Field(default=0.5, ge=0, le=1)


class ComputeSettings(Section):
    """Where and in what portions the encoders run. Changes how fast a result comes, never what it is.

    `device` is `auto` (the first CUDA device, or else the processor), `cpu`, `cuda` or `cuda:N`. `attention` is `auto`
    (FlashAttention 2 where it is installed and the model and dtype have it, or else PyTorch's own).
    """

    device: str = Field(default="auto", pattern=r"^(auto|cpu|cuda(:\d+)?)$")
    attention: Literal["auto", "sdpa", "flash_attention_2", "eager"] = "auto"
    frame_batch: int = Field(default=8, ge=1)
    clip_batch: int = Field(default=8, ge=1)
    window_batch: int = Field(default=16, ge=1)
    entity_batch: int = Field(default=1, ge=1)
    decode_threads: int = Field(default=2, ge=1)
    queue_batches: int = Field(default=4, ge=1)


class EncoderSettings(Section):
    """One checkpoint.

    `model` is the name of a checkpoint that ships with this package (`siglip-freedoom`), a repository of the Hugging
    Face hub (`google/siglip2-so400m-patch14-384`), or a folder that begins with `/`, `./` or `~`. `revision` is a
    commit, tag or branch of the repository; empty takes the one that `gvlm models pull` pinned.
    """

    model: str
    revision: str = ""
    dtype: Dtype = "float32"


class SiglipSettings(EncoderSettings):
    """Frames and words in one space. `max_patches` is for NaFlex checkpoints, which keep a frame's proportions."""

    model: str = "siglip-freedoom"
    max_patches: int = Field(default=576, ge=16)


class VideoMaeSettings(EncoderSettings):
    """Clips."""

    model: str = "videomae-freedoom"


class Wav2Vec2Settings(EncoderSettings):
    """Fixed windows of sound. The last window of a video may be shorter: its padding is left out of the mean."""

    model: str = "wav2vec2-freedoom"
    window_s: float = Field(default=2.0, ge=0.5, le=30)
    stride_s: float = Field(default=1.0, ge=0.1, le=30)


class EntitySettings(EncoderSettings):
    """Segmentation of the game's concepts, tracked over time. `off` finds none.

    `concepts` are looked for beside those of the game's file. The detector looks at every `detect_every`-th frame; in
    the frames between tracks are carried on. `mask_threshold` is a probability.
    """

    model: str = "off"
    concepts: tuple[str, ...] = ()
    detect_every: int = Field(default=1, ge=1)
    min_score: float = Field(default=0.5, ge=0, le=1)
    mask_threshold: float = Field(default=0.5, gt=0, lt=1)
    most_per_concept: int = Field(default=20, ge=1)
    forget_after_s: float = Field(default=5.0, ge=0)

    @field_validator("concepts")
    @classmethod
    def _are_phrases(cls, concepts: tuple[str, ...]) -> tuple[str, ...]:
        for concept in concepts:
            if not concept.strip() or len(concept) > 80:
                raise ValueError(f"a concept is a short phrase, got {concept!r}")
        return concepts


class RegionSettings(Section):
    """One vector a region, of the patches of `siglip` under its mask.

    `mean` is their mean, weighted by how much of each the mask covers. `attention` lets the network's own pooling head
    look at those patches alone: its vectors lie in the space of frames and words. A region whose shares of patches add
    up to less than `min_patches` gets no vector.
    """

    pooling: Literal["mean", "attention"] = "mean"
    min_patches: float = Field(default=0.25, gt=0)


class SoundSettings(EncoderSettings):
    """Sounds that are not speech.

    `ast` gives the labels it was trained on, `clap` any label in words, `qwen2-audio` captions and tags. `labels` are
    looked for beside those of the game's file. A label is heard where its score reaches `threshold`, unless the game's
    file has one of its own.
    """

    backend: Literal["ast", "clap", "qwen2-audio", "off"] = "ast"
    model: str = "ast-freedoom"
    window_s: float | None = Field(default=None, gt=0, le=30)
    stride_s: float = Field(default=0.25, ge=0.05, le=30)
    threshold: float = Field(default=0.5, gt=0, lt=1)
    labels: tuple[str, ...] = ()
    most_tokens: int = Field(default=128, ge=8)


class IndexSettings(Section):
    """Text vectors and the searchable table."""

    text_model: Literal["all-MiniLM-L6-v2"] = "all-MiniLM-L6-v2"
    runtime: Literal["openvino", "sentence-transformers"] = "openvino"
    vector_index_from_rows: int = Field(default=50_000, ge=1_000)


class ReasoningSettings(Section):
    """Who composes the answer, from how much evidence."""

    core: Literal["extractive", "openai"] = "extractive"
    top_k: int = Field(default=10, ge=1, le=200)
    max_rows: int = Field(default=120, ge=0)
    moment_window_s: float = Field(default=30.0, gt=0)
    model: str = "Qwen/Qwen3-VL-8B-Instruct"
    base_url: str = "http://127.0.0.1:8000/v1"
    max_frames: int = Field(default=6, ge=0, le=64)
    max_tokens: int = Field(default=512, ge=16)
    timeout_s: float = Field(default=120.0, gt=0)


class Quotas(Section):
    """Most pairs of each kind for each started ten minutes of video, in each language."""

    what: int = Field(default=8, ge=0)
    when: int = Field(default=8, ge=0)
    where: int = Field(default=6, ge=0)
    how_many: int = Field(default=8, ge=0)
    before_after: int = Field(default=6, ge=0)
    state: int = Field(default=8, ge=0)
    why: int = Field(default=6, ge=0)
    summary: int = Field(default=4, ge=0)
    said_or_shown: int = Field(default=6, ge=0)
    unanswerable: int = Field(default=4, ge=0)


Writer = Literal["templates", "openai"]
Language = Literal["en", "de", "es", "fr"]


OF_LANGUAGE_MODELS = {
    "model",
    "window_s",
    "intro_s",
    "max_frames",
    "max_rows",
    "max_tokens",
    "budget_usd",
    "budget_tokens",
}


class SynthesisSettings(Section):
    """Who writes questions and answers about a video, and how many of each kind.

    `templates` needs no model; `openai` asks the language model `model` of the server in the section `server`, one
    stretch of `window_s` at a time. `budget_usd` and `budget_tokens` are for one video: where they are spent, the
    stretches left are counted as not asked. Both writers may be named: every pair says which wrote it.
    """

    writers: tuple[Writer, ...] = ("templates",)
    languages: tuple[Language, ...] = ("en",)
    quotas: Quotas = Quotas()
    min_confidence: float = Field(default=0.6, ge=0, le=1)
    seed: int = Field(default=0, ge=0)
    model: str = "Qwen/Qwen3-VL-8B-Instruct"
    window_s: float = Field(default=60.0, ge=5)
    intro_s: float = Field(default=15.0, ge=0)
    max_frames: int = Field(default=6, ge=0, le=64)
    max_rows: int = Field(default=120, ge=10)
    max_tokens: int = Field(default=2048, ge=64)
    budget_usd: float | None = Field(default=None, ge=0)
    budget_tokens: int | None = Field(default=None, ge=0)

    def in_force(self) -> dict[str, Any]:
        asks = "openai" in self.writers
        return self.model_dump(mode="json", exclude=None if asks else OF_LANGUAGE_MODELS)

    @field_validator("writers", "languages")
    @classmethod
    def _once_each(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        if not names or len(set(names)) != len(names):
            raise ValueError(f"name one or more, each once, got {list(names)}")
        return names


class Price(Section):
    """US dollars for a million tokens."""

    prompt_usd: float = Field(ge=0)
    completion_usd: float = Field(ge=0)


class ServerSettings(Section):
    """The server that `synthesis` asks: its address, its pace and what it costs.

    Changes when a result comes and what is paid for it, never what it is, but for one thing: where a video has a budget
    in money, the model's price decides how much is asked, and is part of the result's fingerprint.

    `budget_usd` and `budget_tokens` are for all replies ever stored in this lake: what would go beyond them is not
    asked. `prices` come before those that ship with this package. 0 requests a minute is no limit.
    """

    base_url: str = "http://127.0.0.1:8000/v1"
    concurrency: int = Field(default=4, ge=1, le=64)
    requests_per_minute: int = Field(default=0, ge=0)
    tokens_per_minute: int = Field(default=0, ge=0)
    timeout_s: float = Field(default=120.0, gt=0)
    budget_usd: float | None = Field(default=None, ge=0)
    budget_tokens: int | None = Field(default=None, ge=0)
    prices: dict[str, Price] = {}


Curriculum = Literal["alignment", "dynamics", "long"]


class ExampleSettings(Section):
    """How pairs become training examples.

    `alignment` shows one frame or region, `dynamics` `clip_s` seconds with sound, `long` up to `long_s` seconds of
    frames, at most `long_frames`, in their order. `features` are the vectors computed here, or those imported.
    """

    curricula: tuple[Curriculum, ...] = ("alignment", "dynamics", "long")
    clip_s: float = Field(default=10.0, ge=1, le=120)
    clip_frames: int = Field(default=8, ge=1, le=64)
    long_s: float = Field(default=300.0, ge=10)
    long_frames: int = Field(default=64, ge=2, le=1024)
    timeline_dropout: float = Field(default=0.3, ge=0, le=1)
    features: Literal["computed", "imported"] = "computed"


class Settings(Section):
    profile: Literal["cpu", "light", "standard", "full"]
    video: VideoSettings = VideoSettings()
    download: DownloadSettings = DownloadSettings()
    frames: FrameSettings = FrameSettings()
    clips: ClipSettings = ClipSettings()
    hud: HudSettings = HudSettings()
    audio: AudioSettings = AudioSettings()
    speech: SpeechSettings = SpeechSettings()
    transcription: TranscriptionSettings = TranscriptionSettings()
    ocr: OcrSettings = OcrSettings()
    compute: ComputeSettings = ComputeSettings()
    siglip: SiglipSettings = SiglipSettings()
    videomae: VideoMaeSettings = VideoMaeSettings()
    wav2vec2: Wav2Vec2Settings = Wav2Vec2Settings()
    entities: EntitySettings = EntitySettings()
    regions: RegionSettings = RegionSettings()
    sounds: SoundSettings = SoundSettings()
    index: IndexSettings = IndexSettings()
    reasoning: ReasoningSettings = ReasoningSettings()
    synthesis: SynthesisSettings = SynthesisSettings()
    server: ServerSettings = ServerSettings()
    examples: ExampleSettings = ExampleSettings()


def load(profile: str, *, overrides: Path | None = None) -> Settings:
    """Settings of a shipped profile, with the user's YAML `overrides` laid over it section by section.

    Raises SettingsError for an unknown profile, an unknown key, or a value out of range.
    """
    if profile not in PROFILES:
        raise SettingsError(
            f"there is no profile {profile!r}", remedy=f"set GVLM_PROFILE to one of {', '.join(PROFILES)}"
        )
    origin = f"profiles/{profile}.yaml"
    values = _read(files("gvlm_resources").joinpath(origin).read_text(), origin)
    if overrides is not None:
        origin = str(overrides)
        values = _merge(values, _read(overrides.read_text(), origin))
        if "profile" in values:
            raise SettingsError(f"{origin} names a profile", remedy="take it out, and set GVLM_PROFILE instead")
    try:
        return Settings.model_validate({**values, "profile": profile})
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise SettingsError(
            f"{origin}: {where}: {first['msg']}", remedy="correct that value; see docs/settings.md"
        ) from error


def _read(text: str, origin: str) -> dict[str, Any]:
    try:
        values = yaml.safe_load(text) or {}
    except yaml.YAMLError as error:
        raise SettingsError(f"{origin} is not valid YAML: {error}", remedy="correct the file") from error
    if not isinstance(values, dict):
        raise SettingsError(f"{origin} holds no mapping", remedy="write sections such as `frames: {rate_hz: 2}`")
    return values


def _merge(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(base)
    for key, value in over.items():
        both_are_sections = isinstance(value, Mapping) and isinstance(merged.get(key), Mapping)
        merged[key] = _merge(merged[key], value) if both_are_sections else value
    return merged

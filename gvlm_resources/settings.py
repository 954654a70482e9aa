"""One frozen, typed `Settings`: what a profile YAML and the user's overrides add up to.

Every section is what one stage depends on, so that a stage's fingerprint covers exactly the settings that affect its
result. Nothing here reads the environment or a default path: `load` is given both.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from gvlm_resources.errors import SettingsError

PROFILES = ("cpu", "light", "standard", "full")


class Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


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

    backend: Literal["pocketsphinx"] = "pocketsphinx"
    vad_threshold: float = Field(default=0.5, gt=0, lt=1)
    min_speech_s: float = Field(default=0.3, gt=0)
    min_silence_s: float = Field(default=0.3, gt=0)
    max_speech_s: float = Field(default=20.0, ge=5)
    pad_s: float = Field(default=0.1, ge=0)
    min_confidence: float = Field(default=0.3, ge=0, le=1)
    short_s: float = Field(default=1.0, ge=0)
    min_confidence_short: float = Field(default=0.9, ge=0, le=1)


class OcrSettings(Section):
    backend: Literal["rapidocr"] = "rapidocr"
    detect_every: int = Field(default=2, ge=1)
    detect_side_px: int = Field(default=480, ge=160)
    message_every_s: float = Field(default=0.5, gt=0)
    min_confidence: float = Field(default=0.5, ge=0, le=1)


class IndexSettings(Section):
    """Text vectors and the searchable table."""

    text_model: Literal["all-MiniLM-L6-v2"] = "all-MiniLM-L6-v2"
    runtime: Literal["openvino", "sentence-transformers"] = "openvino"
    vector_index_from_rows: int = Field(default=50_000, ge=1_000)


class ReasoningSettings(Section):
    """Who composes the answer, from how much evidence."""

    core: Literal["extractive", "openai"] = "extractive"
    top_k: int = Field(default=10, ge=1, le=200)
    moment_window_s: float = Field(default=30.0, gt=0)
    model: str = "Qwen/Qwen3-VL-8B-Instruct"
    base_url: str = "http://127.0.0.1:8000/v1"
    max_frames: int = Field(default=6, ge=0, le=64)
    max_tokens: int = Field(default=512, ge=16)
    timeout_s: float = Field(default=120.0, gt=0)


class Settings(Section):
    profile: Literal["cpu", "light", "standard", "full"]
    video: VideoSettings = VideoSettings()
    download: DownloadSettings = DownloadSettings()
    frames: FrameSettings = FrameSettings()
    clips: ClipSettings = ClipSettings()
    hud: HudSettings = HudSettings()
    audio: AudioSettings = AudioSettings()
    speech: SpeechSettings = SpeechSettings()
    ocr: OcrSettings = OcrSettings()
    index: IndexSettings = IndexSettings()
    reasoning: ReasoningSettings = ReasoningSettings()


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

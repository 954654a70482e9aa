"""The resources that assets are given. The one module of this package that imports dagster.

Models are loaded when first used and kept for the life of the process, so that a process that builds many videos loads
each once.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import dagster as dg

from gvlm_resources import settings as settings_module
from gvlm_resources.lake.catalogue import Catalogue
from gvlm_resources.lake.layout import Layout
from gvlm_resources.lake.store import Lake
from gvlm_resources.settings import (
    ComputeSettings,
    EncoderSettings,
    EntitySettings,
    OcrSettings,
    ReasoningSettings,
    RegionSettings,
    Settings,
    SiglipSettings,
    SoundSettings,
    TranscriptionSettings,
    VideoMaeSettings,
    Wav2Vec2Settings,
)

if TYPE_CHECKING:
    from gvlm_resources.encoders.checkpoints import Folders
    from gvlm_resources.encoders.entities import Carrier, Finder
    from gvlm_resources.encoders.protocol import Checkpoint, ClipEncoder, Placement, SoundEncoder
    from gvlm_resources.encoders.siglip import SiglipEncoder
    from gvlm_resources.encoders.sounds import SoundListener
    from gvlm_resources.llm.asking import Asker
    from gvlm_resources.reasoning.protocol import ReasoningCore
    from gvlm_resources.text.protocol import TextReader
    from gvlm_resources.text.transcript import Recogniser
    from gvlm_resources.timeline.embedding import TextEncoder
    from gvlm_resources.timeline.frame_store import FrameStore
    from gvlm_resources.timeline.store import TimelineStore


class LakeFolder(dg.ConfigurableResource):
    """The data lake."""

    root: str

    def lake(self) -> Lake:
        return Lake(Path(self.root))

    def catalogue(self) -> Catalogue:
        return Catalogue(Layout(Path(self.root)))

    def timeline(self) -> TimelineStore:
        """The searchable tables of this lake."""
        from gvlm_resources.timeline.store import TimelineStore

        return TimelineStore(Layout(Path(self.root)).timeline())

    def frames(self, dim: int) -> FrameStore:
        """The searchable frames of this lake whose vectors have `dim` dimensions."""
        from gvlm_resources.timeline.frame_store import FrameStore

        return FrameStore(Layout(Path(self.root)).timeline(), dim)

    def frame_tables(self) -> list[FrameStore]:
        """All tables of frames: one for each number of dimensions that any encoder in use has had."""
        from gvlm_resources.timeline import frame_store

        return frame_store.tables(Layout(Path(self.root)).timeline())


class Profile(dg.ConfigurableResource):
    """Which settings are in force: a shipped profile, and the user's YAML over it."""

    name: str = "cpu"
    settings_file: str = ""

    def settings(self) -> Settings:
        return settings_module.load(self.name, overrides=Path(self.settings_file) if self.settings_file else None)


class Models(dg.ConfigurableResource):
    """Every model of the active profile, loaded once a process."""

    cache: str
    folder: str
    hub_cache: str
    api_key: str = ""

    def identities(self, settings: Settings) -> Mapping[str, str]:
        """`name@revision` of each model, without loading one: they are part of the fingerprints."""
        from gvlm_resources import identities

        return identities.of(settings, self._folders())

    def siglip(self, settings: Settings) -> SiglipEncoder:
        """Frames, words and regions in one space."""
        return _siglip(settings.siglip, settings.regions, settings.compute, self._folders())

    def space(self, settings: Settings) -> str:
        """What has to be the same for vectors of frames and words to be comparable, told without loading anything."""
        return f"{self.identities(settings)['siglip']}/{settings.siglip.dtype}"

    def clip_encoder(self, settings: Settings) -> ClipEncoder:
        return _videomae(settings.videomae, settings.compute, self._folders())

    def sound_encoder(self, settings: Settings) -> SoundEncoder:
        return _wav2vec2(settings.wav2vec2, settings.compute, self._folders())

    def segmenter(self, settings: Settings) -> Finder | Carrier:
        return _segmenter(settings.entities, settings.compute, self._folders())

    def listener(self, settings: Settings) -> SoundListener:
        return _listener(settings.sounds, settings.compute, self._folders())

    def text_reader(self, settings: Settings) -> TextReader:
        return _text_reader(settings.ocr, settings.compute, self._folders())

    def recogniser(self, settings: Settings) -> Recogniser:
        return _recogniser(settings.transcription, settings.compute, self._folders())

    def text_encoder(self, settings: Settings) -> TextEncoder:
        return _text_encoder(settings.index.runtime, self.cache)

    def reasoning_core(self, settings: ReasoningSettings) -> ReasoningCore:
        """Who composes the answers: `extractive` needs no model, `openai` a server."""
        if settings.core == "extractive":
            from gvlm_resources.reasoning.extractive import ExtractiveCore

            return ExtractiveCore()
        from gvlm_resources.reasoning.openai_core import OpenAICore

        return OpenAICore.connect(settings, api_key=self.api_key)

    def asker(self, settings: Settings, replies: Path) -> Asker:
        """Who asks a language model to write pairs, for one video. Its replies are kept in the folder `replies`."""
        from gvlm_resources.llm import asking

        pace = Path(self.cache) / "pace"  # shared with the other processes that build in this lake
        return asking.connect(settings.synthesis, settings.server, replies, api_key=self.api_key, pace_folder=pace)

    def _folders(self) -> Folders:
        from gvlm_resources.encoders.checkpoints import Folders

        return Folders(models=Path(self.folder), hub_cache=Path(self.hub_cache))


@lru_cache(maxsize=1)
def _siglip(settings: SiglipSettings, regions: RegionSettings, compute: ComputeSettings, at: Folders) -> SiglipEncoder:
    from gvlm_resources.encoders import siglip

    checkpoint, placement = _placed(settings, compute, at)
    return siglip.load(checkpoint, placement, settings, pooling=regions.pooling)


@lru_cache(maxsize=1)
def _videomae(settings: VideoMaeSettings, compute: ComputeSettings, at: Folders) -> ClipEncoder:
    from gvlm_resources.encoders import videomae

    return videomae.load(*_placed(settings, compute, at))


@lru_cache(maxsize=1)
def _wav2vec2(settings: Wav2Vec2Settings, compute: ComputeSettings, at: Folders) -> SoundEncoder:
    from gvlm_resources.encoders import wav2vec2

    return wav2vec2.load(*_placed(settings, compute, at))


@lru_cache(maxsize=1)
def _segmenter(settings: EntitySettings, compute: ComputeSettings, at: Folders) -> Finder | Carrier:
    from gvlm_resources.encoders import entities

    return entities.load(*_placed(settings, compute, at), settings)


@lru_cache(maxsize=1)
def _listener(settings: SoundSettings, compute: ComputeSettings, at: Folders) -> SoundListener:
    from gvlm_resources.encoders import sounds

    return sounds.load(settings, *_placed(settings, compute, at))


@lru_cache(maxsize=1)
def _text_reader(settings: OcrSettings, compute: ComputeSettings, at: Folders) -> TextReader:
    if settings.backend == "rapidocr":
        from gvlm_resources.text.rapid_ocr import RapidReader

        first: TextReader = RapidReader(languages=settings.languages, folder=at.models / "rapidocr")
    else:
        from gvlm_resources.text import paddle_ocr

        first = paddle_ocr.load(at.models / "paddleocr", languages=settings.languages)
    if not settings.second_reader:
        return first
    from gvlm_resources.encoders import checkpoints, placement
    from gvlm_resources.text import trocr
    from gvlm_resources.text.second_reader import SecondReader

    found = checkpoints.find(settings.second_reader, settings.second_revision, at)
    second = trocr.load(found, placement.choose_for(found, compute, "float32"))
    return SecondReader(first, second, below=settings.second_below)


@lru_cache(maxsize=1)
def _recogniser(settings: TranscriptionSettings, compute: ComputeSettings, at: Folders) -> Recogniser:
    if settings.backend == "pocketsphinx":
        from gvlm_resources.text import sphinx

        return sphinx.load(settings)
    if settings.backend == "whisper":
        from gvlm_resources.text import whisper_transformers

        return whisper_transformers.load(*_placed(settings, compute, at), settings)
    from gvlm_resources.encoders import checkpoints, placement
    from gvlm_resources.text import whisper_openai

    where = placement.choose(compute, settings.dtype, has_flash=False)
    return whisper_openai.load(checkpoints.whisper_file(settings.model, at), where, settings)


@lru_cache(maxsize=1)
def _text_encoder(runtime: str, cache: str) -> TextEncoder:
    from gvlm_resources.timeline import embedding

    return embedding.load(runtime, cache=Path(cache))


def _placed(
    settings: EncoderSettings | TranscriptionSettings, compute: ComputeSettings, at: Folders
) -> tuple[Checkpoint, Placement]:
    """The checkpoint's files, and where it is to run. Raises MissingModelError, which says how to get them."""
    from gvlm_resources.encoders import checkpoints, placement

    found = checkpoints.find(settings.model, settings.revision, at)
    return found, placement.choose_for(found, compute, settings.dtype)

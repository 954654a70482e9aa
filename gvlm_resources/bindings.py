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
from gvlm_resources.settings import OcrSettings, ReasoningSettings, Settings, SpeechSettings

if TYPE_CHECKING:
    from gvlm_resources.reasoning.protocol import ReasoningCore
    from gvlm_resources.text.protocol import TextReader
    from gvlm_resources.text.transcript import Recogniser
    from gvlm_resources.timeline.embedding import TextEncoder
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


class Profile(dg.ConfigurableResource):
    """Which settings are in force: a shipped profile, and the user's YAML over it."""

    name: str = "cpu"
    settings_file: str = ""

    def settings(self) -> Settings:
        return settings_module.load(self.name, overrides=Path(self.settings_file) if self.settings_file else None)


class Models(dg.ConfigurableResource):
    """Every model of the active profile, loaded once a process."""

    cache: str
    api_key: str = ""

    def identities(self, settings: Settings) -> Mapping[str, str]:
        """`name@revision` of each model, without loading one: they are part of the fingerprints."""
        from gvlm_resources import identities

        return identities.of(settings)

    def text_reader(self, settings: OcrSettings) -> TextReader:
        return _text_reader(settings.backend)

    def recogniser(self, settings: SpeechSettings) -> Recogniser:
        return _recogniser(settings.backend)

    def text_encoder(self, settings: Settings) -> TextEncoder:
        return _text_encoder(settings.index.runtime, self.cache)

    def reasoning_core(self, settings: ReasoningSettings) -> ReasoningCore:
        """Who composes the answers: `extractive` needs no model, `openai` a server."""
        if settings.core == "extractive":
            from gvlm_resources.reasoning.extractive import ExtractiveCore

            return ExtractiveCore()
        from gvlm_resources.reasoning.openai_core import OpenAICore

        return OpenAICore.connect(settings, api_key=self.api_key)


@lru_cache(maxsize=1)
def _text_reader(backend: str) -> TextReader:
    from gvlm_resources.text.rapid_ocr import RapidReader

    return RapidReader()


@lru_cache(maxsize=1)
def _recogniser(backend: str) -> Recogniser:
    from gvlm_resources.text.sphinx import SphinxRecogniser

    return SphinxRecogniser()


@lru_cache(maxsize=1)
def _text_encoder(runtime: str, cache: str) -> TextEncoder:
    from gvlm_resources.timeline import embedding

    return embedding.load(runtime, cache=Path(cache))

"""Which models the settings use, which of them are here, and how large they are."""

from pathlib import Path

import pytest
import torch
from transformers import ASTConfig, ASTForAudioClassification, VideoMAEConfig, VideoMAEModel

from gvlm_resources import settings as settings_module
from gvlm_resources.encoders import catalogue, checkpoints, inventory
from gvlm_resources.encoders.checkpoints import Folders
from gvlm_resources.settings import (
    EncoderSettings,
    EntitySettings,
    OcrSettings,
    Settings,
    SoundSettings,
    TranscriptionSettings,
    VideoMaeSettings,
)
from tests.encoders import tiny_tower


@pytest.fixture
def folders(tmp_path: Path) -> Folders:
    return Folders(models=tmp_path / "models", hub_cache=tmp_path / "hub")


def cpu(**sections: object) -> Settings:
    return settings_module.load("cpu").model_copy(update=sections)


def uses(settings: Settings) -> list[str]:
    return [need.use for need in catalogue.needs(settings)]


def test_every_model_in_use_is_needed_and_none_that_is_off() -> None:
    off = cpu(entities=EntitySettings(), sounds=SoundSettings(backend="off"), transcription=TranscriptionSettings())
    assert uses(off) == ["siglip", "videomae", "wav2vec2"]
    on = cpu(
        entities=EntitySettings(model="facebook/sam3"),
        transcription=TranscriptionSettings(backend="whisper", model="openai/whisper-small"),
        ocr=OcrSettings(second_reader="microsoft/trocr-base-printed"),
    )
    assert uses(on) == ["siglip", "videomae", "wav2vec2", "entities", "sounds", "speech", "second_reader"]


def test_no_section_with_a_checkpoint_is_forgotten() -> None:
    sections = {name for name, field in Settings.model_fields.items() if isinstance(field.default, EncoderSettings)}
    assert sections <= set(uses(cpu(entities=EntitySettings(model="facebook/sam3"))))


def test_openai_whispers_own_files_are_no_checkpoints_of_the_hub() -> None:
    settings = cpu(transcription=TranscriptionSettings(backend="openai-whisper", model="turbo"))
    assert catalogue.needs(settings)[-1].source == "openai-whisper"


def test_the_cpu_profile_needs_no_hub(folders: Folders) -> None:
    assert all(checkpoints.kind_of(need.model) == "packaged" for need in catalogue.needs(cpu()))


@pytest.mark.parametrize(
    ("model", "network", "config"),
    [
        ("MCG-NJU/videomae-base", VideoMAEModel, VideoMAEConfig()),
        ("MIT/ast-finetuned-audioset-10-10-0.4593", ASTForAudioClassification, ASTConfig(num_labels=527)),
    ],
)
def test_the_size_of_a_production_model_is_that_of_its_network(model: str, network: type, config: object) -> None:
    with torch.device("meta"):
        made = network(config)
    assert catalogue.PARAMETERS[model] == sum(parameter.numel() for parameter in made.parameters())


def test_memory_follows_the_dtype() -> None:
    half = catalogue.Need("siglip", "google/siglip2-so400m-patch14-384", "", "bfloat16")
    assert half.memory_bytes(half.parameters) == 2 * half.parameters
    assert catalogue.Need("siglip", "a/b", "", "float32").memory_bytes(10) == 40


def entry_of(settings: Settings, folders: Folders, use: str) -> inventory.Entry:
    return next(entry for entry in inventory.take(settings, folders) if entry.need.use == use)


def test_the_size_of_what_is_here_is_read_off_its_files(tmp_path: Path, folders: Folders) -> None:
    folder = tiny_tower.save(tmp_path / "tower")
    entry = entry_of(cpu(videomae=VideoMaeSettings(model=str(folder), dtype="float16")), folders, "videomae")
    count = sum(parameter.numel() for parameter in tiny_tower.model().parameters())
    assert (entry.state, entry.folder, entry.parameters) == ("present", folder, count)
    assert entry.memory_bytes == 2 * count
    assert entry.bytes > 4 * count


def test_what_is_not_here_says_how_to_get_it(folders: Folders) -> None:
    settings = cpu(
        entities=EntitySettings(model="facebook/sam3"),
        transcription=TranscriptionSettings(backend="openai-whisper", model="turbo"),
    )
    sam, whisper = entry_of(settings, folders, "entities"), entry_of(settings, folders, "speech")
    assert (sam.state, sam.bytes, sam.memory_bytes) == ("missing", None, 4 * 840_376_374)
    assert sam.remedy.startswith("gvlm models pull facebook/sam3")
    assert "licence" in sam.remedy
    assert (whisper.state, whisper.remedy, whisper.memory_bytes) == ("missing", "gvlm models pull turbo", None)
    file = checkpoints.whisper_file("turbo", folders)
    file.parent.mkdir(parents=True)
    file.write_bytes(b"weights")
    here = entry_of(settings, folders, "speech")
    assert (here.state, here.bytes, here.folder) == ("present", 7, file)

"""What each kind of model is known by, told without loading one."""

import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest

from gvlm_resources import identities
from gvlm_resources import settings as settings_module
from gvlm_resources.encoders import checkpoints
from gvlm_resources.encoders.checkpoints import Folders
from gvlm_resources.settings import (
    EntitySettings,
    OcrSettings,
    Settings,
    SoundSettings,
    TranscriptionSettings,
    VideoMaeSettings,
)
from tests.encoders import tiny_tower

KEYS = {
    "vad",
    "text",
    "speech",
    "writer",
    "ocr",
    "siglip",
    "videomae",
    "wav2vec2",
    "entities",
    "sounds",
    "second_reader",
}


@pytest.fixture
def folders(tmp_path: Path) -> Folders:
    return Folders(models=tmp_path / "models", hub_cache=tmp_path / "hub")


def cpu(**sections: object) -> Settings:
    return settings_module.load("cpu").model_copy(update=sections)


@pytest.mark.parametrize("profile", settings_module.PROFILES)
def test_every_profile_has_an_identity_for_every_kind_with_no_weights_there(profile: str, folders: Folders) -> None:
    found = identities.of(settings_module.load(profile), folders)
    assert set(found) == KEYS
    assert all("@" in name or name == "off" for name in found.values())


def test_a_missing_encoder_is_missing_and_its_neighbours_are_as_they_were(folders: Folders) -> None:
    before = identities.of(cpu(), folders)
    after = identities.of(cpu(videomae=VideoMaeSettings(model="MCG-NJU/videomae-base")), folders)
    assert after["videomae"] == "MCG-NJU/videomae-base@missing"
    assert {**after, "videomae": ""} == {**before, "videomae": ""}


def test_what_is_switched_off_is_off(folders: Folders) -> None:
    found = identities.of(cpu(entities=EntitySettings(), sounds=SoundSettings(backend="off")), folders)
    assert (found["entities"], found["sounds"], found["second_reader"]) == ("off", "off", "off")


def test_an_encoder_is_known_by_its_checkpoint(tmp_path: Path, folders: Folders) -> None:
    model = str(tiny_tower.save(tmp_path / "tower"))
    found = identities.of(cpu(videomae=VideoMaeSettings(model=model), ocr=OcrSettings(second_reader=model)), folders)
    assert found["videomae"] == found["second_reader"] == checkpoints.identity(model, "", folders)


def test_speech_is_known_by_whoever_recognises_it(tmp_path: Path, folders: Folders) -> None:
    assert identities.of(cpu(), folders)["speech"].startswith("pocketsphinx@")
    by_hub = TranscriptionSettings(backend="whisper", model="openai/whisper-small")
    assert identities.of(cpu(transcription=by_hub), folders)["speech"] == "openai/whisper-small@missing"
    file = tmp_path / "mine.pt"
    by_file = cpu(transcription=TranscriptionSettings(backend="openai-whisper", model=str(file)))
    assert identities.of(by_file, folders)["speech"].endswith("+mine.pt@missing")
    file.write_bytes(b"one")
    one = identities.of(by_file, folders)["speech"]
    file.write_bytes(b"other")
    assert one.startswith("openai-whisper@")
    assert identities.of(by_file, folders)["speech"] != one


def test_reading_is_known_by_the_reader_and_the_weights_that_it_runs(
    folders: Folders, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(metadata, "version", {"paddleocr": "3.7.1"}.__getitem__)
    rapid = identities.of(cpu(), folders)["ocr"]
    assert rapid.startswith("rapidocr@")
    assert identities.of(cpu(ocr=OcrSettings(backend="paddleocr")), folders)["ocr"] == f"paddleocr@3.7.1+{rapid}"


def test_an_extra_that_is_not_installed_fails_when_it_is_used_and_not_before(
    folders: Folders, monkeypatch: pytest.MonkeyPatch
) -> None:
    def version(package: str) -> str:
        raise metadata.PackageNotFoundError(package)

    monkeypatch.setattr(metadata, "version", version)
    assert identities.of(cpu(ocr=OcrSettings(backend="paddleocr")), folders)["ocr"].startswith("paddleocr@missing+")


def test_asking_loads_no_model_library(tmp_path: Path) -> None:
    script = (
        "import sys; from pathlib import Path; from gvlm_resources import identities, settings;"
        "from gvlm_resources.encoders.checkpoints import Folders;"
        "[identities.of(settings.load(p), Folders(Path('a'), Path('b'))) for p in settings.PROFILES];"
        "print(sorted({'torch', 'transformers', 'huggingface_hub', 'onnxruntime', 'whisper'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout == "[]\n"

"""Finding a checkpoint by its name: where it is, whether it is whole, and what its identity is."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from gvlm_resources.encoders import checkpoints, weights
from gvlm_resources.encoders.checkpoints import File, Folders, Pin
from gvlm_resources.errors import MissingModelError, SettingsError
from gvlm_resources.lake import files
from tests.encoders import tiny_tower

COMMIT, OTHER = "a" * 40, "b" * 40


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_tower.save(tmp_path_factory.mktemp("whole"))


@pytest.fixture(scope="module")
def sharded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_tower.save(tmp_path_factory.mktemp("sharded"), shard="40KB")


@pytest.fixture
def folders(tmp_path: Path) -> Folders:
    return Folders(models=tmp_path / "models", hub_cache=tmp_path / "hub")


def mine(source: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(source, tmp_path / "mine"))


def pulled(source: Path, folders: Folders, *, requested: str = "main") -> Path:
    """`source` as a pull leaves it."""
    folder = Path(shutil.copytree(source, folders.models / "org--tiny"))
    listed = {path.name: File(path.stat().st_size, files.sha256(path)) for path in folder.iterdir()}
    (folder / checkpoints.PIN).write_text(Pin("org/tiny", COMMIT, requested, listed).to_json())
    return folder


def cached(source: Path, folders: Folders, *, commit: str = COMMIT, ref: str = "main") -> Path:
    """`source` as huggingface_hub keeps it: snapshots whose files are links to blobs."""
    repo = folders.hub_cache / "models--org--tiny"
    snapshot = repo / "snapshots" / commit
    snapshot.mkdir(parents=True)
    (repo / "blobs").mkdir(exist_ok=True)
    for path in source.iterdir():
        blob = repo / "blobs" / files.sha256(path)
        shutil.copy(path, blob)
        (snapshot / path.name).symlink_to(os.path.relpath(blob, snapshot))
    (repo / "refs").mkdir(exist_ok=True)
    (repo / "refs" / ref).write_text(commit)
    return snapshot


def test_a_folder_is_found_and_known_by_its_content(whole: Path, tmp_path: Path, folders: Folders) -> None:
    folder = mine(whole, tmp_path)
    found = checkpoints.find(str(folder), "", folders)
    assert found.folder == folder
    name, _, digest = found.name.partition("@")
    assert (name, len(digest)) == ("mine", 12)
    copy = Path(shutil.copytree(folder, tmp_path / "elsewhere" / "mine"))
    assert checkpoints.identity(str(copy), "", folders) == found.name


@pytest.mark.parametrize("name", ["model.safetensors", "config.json", "preprocessor_config.json"])
def test_whatever_is_loaded_changes_the_identity_when_it_changes(
    whole: Path, tmp_path: Path, folders: Folders, name: str
) -> None:
    folder = mine(whole, tmp_path)
    (folder / "preprocessor_config.json").write_text("{}")
    before = checkpoints.identity(str(folder), "", folders)
    content = bytearray((folder / name).read_bytes())
    content[-1] ^= 1
    (folder / name).write_bytes(content)
    assert checkpoints.identity(str(folder), "", folders) != before


def test_a_card_beside_the_weights_does_not_change_the_identity(whole: Path, tmp_path: Path, folders: Folders) -> None:
    folder = mine(whole, tmp_path)
    before = checkpoints.identity(str(folder), "", folders)
    (folder / "README.md").write_text("words")
    (folder / "training.json").write_text("{}")
    assert checkpoints.identity(str(folder), "", folders) == before


def test_the_digest_of_a_large_file_is_noted_and_a_changed_file_is_read_again(
    whole: Path, tmp_path: Path, folders: Folders, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checkpoints, "_REMEMBERED_FROM_BYTES", 1000)
    folder = mine(whole, tmp_path)
    read: list[str] = []
    monkeypatch.setattr(files, "sha256", lambda path, hashing=files.sha256: read.append(path.name) or hashing(path))

    def identity_of_a_new_process() -> str:
        monkeypatch.setattr(checkpoints, "_DIGESTS", {})
        read.clear()
        return checkpoints.identity(str(folder), "", folders)

    first = identity_of_a_new_process()
    assert "model.safetensors" in read
    assert identity_of_a_new_process() == first
    assert "model.safetensors" not in read
    stat = (folder / "model.safetensors").stat()
    content = bytearray((folder / "model.safetensors").read_bytes())
    content[-1] ^= 1
    (folder / "model.safetensors").write_bytes(content)
    os.utime(folder / "model.safetensors", ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert identity_of_a_new_process() != first
    (folders.models / checkpoints.DIGESTS).write_text("damaged")
    assert identity_of_a_new_process() != first


def test_a_packaged_checkpoint_is_found_by_its_bare_name(
    whole: Path, tmp_path: Path, folders: Folders, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checkpoints, "PACKAGED", tmp_path)
    folder = mine(whole, tmp_path)
    assert checkpoints.find("mine", "", folders).folder == folder
    with pytest.raises(MissingModelError, match=r"no checkpoint yours.*mine"):
        checkpoints.find("yours", "", folders)


def test_a_pulled_repository_is_known_by_its_commit(whole: Path, folders: Folders) -> None:
    folder = pulled(whole, folders)
    assert checkpoints.find("org/tiny", "", folders) == checkpoints.Checkpoint(f"org/tiny@{COMMIT}", folder)
    for revision in ("main", COMMIT):
        assert checkpoints.find("org/tiny", revision, folders).folder == folder


def test_another_revision_than_the_pulled_one_is_not_taken_for_it(whole: Path, folders: Folders) -> None:
    pulled(whole, folders)
    with pytest.raises(MissingModelError, match=f"gvlm models pull org/tiny --revision {OTHER}"):
        checkpoints.find("org/tiny", OTHER, folders)
    with pytest.raises(MissingModelError, match=COMMIT):
        checkpoints.find("org/tiny", "v2", folders)
    assert checkpoints.identity("org/tiny", "v2", folders) == "org/tiny@missing"


def test_a_snapshot_of_the_hubs_cache_is_found_by_reference_and_by_commit(whole: Path, folders: Folders) -> None:
    main = cached(whole, folders)
    tagged = cached(whole, folders, commit=OTHER, ref="v2")
    assert checkpoints.find("org/tiny", "", folders) == checkpoints.Checkpoint(f"org/tiny@{COMMIT}", main)
    for revision in ("v2", OTHER):
        assert checkpoints.find("org/tiny", revision, folders).folder == tagged


def test_the_pulled_revision_goes_before_the_hubs_cache(whole: Path, folders: Folders) -> None:
    cached(whole, folders, commit=OTHER)
    folder = pulled(whole, folders)
    assert checkpoints.find("org/tiny", "", folders).folder == folder
    assert checkpoints.find("org/tiny", OTHER, folders).name == f"org/tiny@{OTHER}"


def test_a_repository_copied_by_hand_is_known_by_its_content(whole: Path, folders: Folders) -> None:
    shutil.copytree(whole, folders.models / "org--tiny")
    name = checkpoints.find("org/tiny", "", folders).name
    assert name.startswith("org/tiny@")
    assert len(name) == len("org/tiny@") + 12


def test_what_is_not_there_names_the_command_that_gets_it(folders: Folders) -> None:
    with pytest.raises(MissingModelError, match=r"config\.json.*gvlm models pull org/tiny"):
        checkpoints.find("org/tiny", "", folders)
    assert checkpoints.identity("org/tiny", "", folders) == "org/tiny@missing"
    assert checkpoints.identity("./nothing", "", folders) == "nothing@missing"
    assert checkpoints.identity("nothing", "", folders) == "nothing@missing"


def test_a_commit_in_the_settings_is_the_identity_without_the_weights(folders: Folders) -> None:
    assert checkpoints.identity("org/tiny", COMMIT, folders) == f"org/tiny@{COMMIT}"


@pytest.mark.parametrize("name", ["config.json", "model.safetensors"])
def test_a_missing_file_of_a_pulled_checkpoint_is_named(whole: Path, folders: Folders, name: str) -> None:
    (pulled(whole, folders) / name).unlink()
    with pytest.raises(MissingModelError, match=rf"{name} is missing.*gvlm models pull org/tiny"):
        checkpoints.find("org/tiny", "", folders)


def test_a_file_of_another_size_than_the_pin_says_is_named(whole: Path, folders: Folders) -> None:
    folder = pulled(whole, folders)
    (folder / "config.json").write_text((folder / "config.json").read_text() + " ")
    assert checkpoints.look("org/tiny", "", folders).state == "half"
    with pytest.raises(MissingModelError, match=r"config\.json has"):
        checkpoints.find("org/tiny", "", folders)


def test_a_damaged_pin_is_named(whole: Path, folders: Folders) -> None:
    (pulled(whole, folders) / checkpoints.PIN).write_text('{"repo": "org/tiny"')
    with pytest.raises(MissingModelError, match=r"gvlm\.json cannot be read"):
        checkpoints.find("org/tiny", "", folders)
    assert checkpoints.identity("org/tiny", "", folders) == "org/tiny@missing"


@pytest.mark.parametrize("kept", [0, 4, 100, -1])
def test_weights_that_are_cut_off_are_not_whole(whole: Path, tmp_path: Path, folders: Folders, kept: int) -> None:
    folder = mine(whole, tmp_path)
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(MissingModelError, match=r"model\.safetensors"):
        checkpoints.find(str(folder), "", folders)


def test_a_missing_shard_is_named(sharded: Path, tmp_path: Path, folders: Folders) -> None:
    folder = mine(sharded, tmp_path)
    assert checkpoints.find(str(folder), "", folders)
    shard = max(folder.glob("model-*.safetensors"))
    shard.unlink()
    with pytest.raises(MissingModelError, match=f"{shard.name} is missing"):
        checkpoints.find(str(folder), "", folders)


def test_an_index_cannot_name_a_file_outside_the_folder(sharded: Path, tmp_path: Path, folders: Folders) -> None:
    folder = mine(sharded, tmp_path)
    index = folder / weights.SAFETENSORS_INDEX
    index.write_text(json.dumps({"weight_map": {"a": "../model.safetensors"}}))
    with pytest.raises(MissingModelError, match="no weights file of this folder"):
        checkpoints.find(str(folder), "", folders)


def test_a_config_that_names_other_weights_is_refused(whole: Path, tmp_path: Path, folders: Folders) -> None:
    folder = mine(whole, tmp_path)
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "transformers_weights": "other.safetensors"}))
    with pytest.raises(MissingModelError, match="transformers_weights"):
        checkpoints.find(str(folder), "", folders)


def test_an_unfinished_download_of_the_hubs_own_command_is_half_there(
    whole: Path, tmp_path: Path, folders: Folders
) -> None:
    folder = mine(whole, tmp_path)
    unfinished = folder / ".cache" / "huggingface" / "download" / "tokenizer.json.0a.incomplete"
    unfinished.parent.mkdir(parents=True)
    unfinished.write_bytes(b"")
    assert checkpoints.look(str(folder), "", folders).state == "half"


def test_a_pull_that_has_not_ended_is_half_there(whole: Path, folders: Folders) -> None:
    shutil.copytree(whole, checkpoints.part_folder("org/tiny", folders))
    assert checkpoints.look("org/tiny", "", folders).state == "half"
    assert checkpoints.identity("org/tiny", "", folders) == "org/tiny@missing"


@pytest.mark.parametrize(
    "model",
    [
        "",
        "../tiny",
        "org/../tiny",
        "..",
        "org/..",
        "a/b/c",
        "org/ti--ny",
        ".hidden",
        "org/.tiny",
        "a\\b",
        "a b",
        "a/b\n",
    ],
)
def test_a_name_that_leads_elsewhere_is_no_name(model: str, folders: Folders) -> None:
    with pytest.raises(SettingsError, match="names no checkpoint"):
        checkpoints.find(model, "", folders)
    with pytest.raises(SettingsError, match="names no checkpoint"):
        checkpoints.identity(model, "", folders)


@pytest.mark.parametrize("revision", ["../../x", "-x", "a b", "/etc"])
def test_a_revision_that_leads_elsewhere_is_no_revision(revision: str, folders: Folders) -> None:
    with pytest.raises(SettingsError, match="is no revision"):
        checkpoints.find("org/tiny", revision, folders)


def test_a_reference_of_the_cache_that_is_no_commit_is_not_followed(folders: Folders, whole: Path) -> None:
    cached(whole, folders)
    (folders.hub_cache / "models--org--tiny" / "refs" / "main").write_text("../../..")
    assert checkpoints.identity("org/tiny", "", folders) == "org/tiny@missing"


def test_a_folder_has_no_revision(whole: Path, folders: Folders) -> None:
    with pytest.raises(SettingsError, match="leave `revision` empty"):
        checkpoints.find(str(whole), "main", folders)


def test_only_one_format_of_the_weights_is_needed_and_never_code() -> None:
    repo = ["config.json", "model.safetensors", "pytorch_model.bin", "model.py", "tf_model.h5", "sam3.pt", "README.md"]
    assert weights.needed([*repo, "tokenizer.json"]) == ["config.json", "model.safetensors", "tokenizer.json"]
    assert weights.needed(["config.json", "pytorch_model.bin", "flax_model.msgpack"]) == [
        "config.json",
        "pytorch_model.bin",
    ]
    shards = ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors", "model.safetensors.index.json"]
    assert weights.needed([*shards, "model.fp16.safetensors", "onnx/model.safetensors"]) == shards


def test_size_is_read_off_the_headers(whole: Path, sharded: Path) -> None:
    count = sum(parameter.numel() for parameter in tiny_tower.model().parameters())
    assert weights.size(whole).parameters == count
    assert weights.size(sharded).parameters == count
    assert weights.size(whole).bytes == (whole / "model.safetensors").stat().st_size


def test_openai_whispers_files_are_named_as_that_package_names_them(tmp_path: Path, folders: Folders) -> None:
    assert checkpoints.whisper_file("turbo", folders) == folders.models / "openai-whisper" / "large-v3-turbo.pt"
    file = tmp_path / "mine.pt"
    assert checkpoints.file_identity(checkpoints.whisper_file(str(file), folders), folders) == "mine.pt@missing"
    file.write_bytes(b"weights")
    assert checkpoints.file_identity(file, folders) == f"mine.pt@{files.sha256(file)[:12]}"
    with pytest.raises(SettingsError):
        checkpoints.whisper_file("../x", folders)


def test_finding_loads_no_model_library(whole: Path) -> None:
    script = (
        "import sys; from pathlib import Path; from gvlm_resources.encoders import checkpoints, catalogue, inventory;"
        f"checkpoints.find({str(whole)!r}, '', checkpoints.Folders(Path('a'), Path('b')));"
        "print(sorted({'torch', 'transformers', 'huggingface_hub', 'safetensors'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout == "[]\n"

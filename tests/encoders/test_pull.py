"""Getting checkpoints from a hub: the files that are loaded, of one commit, checked, whatever breaks off."""

import json
import shutil
import subprocess
import sys
import time
from collections import namedtuple
from collections.abc import Iterator
from pathlib import Path

import pytest

from gvlm_resources.encoders import checkpoints
from gvlm_resources.encoders.checkpoints import Folders
from gvlm_resources.encoders.pull import pull, pull_whisper
from gvlm_resources.errors import MissingModelError, SettingsError
from tests.encoders import tiny_tower
from tests.encoders.hub import Hub, Repo

FIRST, SECOND = "a" * 40, "b" * 40
BESIDE = {
    "preprocessor_config.json": b'{"size": 32}',
    "modeling_tiny.py": b"raise SystemExit",
    "README.md": b"# words",
    "pytorch_model.bin": b"the same again",
    "tiny.onnx": b"and again",
    "onnx/model.safetensors": b"and again",
}


def read(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()} | BESIDE


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    return read(tiny_tower.save(tmp_path_factory.mktemp("first"), seed=1))


@pytest.fixture(scope="module")
def second(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    return read(tiny_tower.save(tmp_path_factory.mktemp("second"), seed=2, shard="40KB"))


@pytest.fixture
def hub(first: dict[str, bytes]) -> Iterator[Hub]:
    running = Hub({"org/tiny": Repo({FIRST: dict(first)})})
    yield running
    running.close()


@pytest.fixture
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Folders:
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    return Folders(models=tmp_path / "models", hub_cache=tmp_path / "hub")


def test_a_pull_brings_what_is_loaded_and_nothing_else(hub: Hub, folders: Folders, first: dict[str, bytes]) -> None:
    made = pull("org/tiny", "", folders, endpoint=hub.url)
    assert made.is_new
    names = {"config.json", "model.safetensors", "preprocessor_config.json"}
    assert {path.name for path in made.folder.iterdir()} == {*names, "gvlm.json"}
    assert set(hub.downloads()) == names
    assert all((made.folder / name).read_bytes() == first[name] for name in names)
    assert not checkpoints.part_folder("org/tiny", folders).exists()


def test_it_pins_the_commit_that_the_branch_named_then(hub: Hub, folders: Folders, second: dict[str, bytes]) -> None:
    made = pull("org/tiny", "", folders, endpoint=hub.url)
    hub.repos["org/tiny"].commits[SECOND] = second
    assert checkpoints.find("org/tiny", "", folders).name == f"org/tiny@{FIRST}"
    pinned = json.loads((made.folder / "gvlm.json").read_text())
    assert (pinned["repo"], pinned["revision"], pinned["requested"]) == ("org/tiny", FIRST, "main")
    assert pinned["files"]["model.safetensors"]["size"] == (made.folder / "model.safetensors").stat().st_size


def test_a_second_pull_downloads_nothing(hub: Hub, folders: Folders) -> None:
    pull("org/tiny", "", folders, endpoint=hub.url)
    hub.seen.clear()
    again = pull("org/tiny", "", folders, endpoint=hub.url)
    assert not again.is_new
    assert hub.downloads() == []


def test_a_pull_of_a_newer_commit_replaces_the_older_one_whole(
    hub: Hub, folders: Folders, second: dict[str, bytes]
) -> None:
    pull("org/tiny", "", folders, endpoint=hub.url)
    hub.repos["org/tiny"].commits[SECOND] = second
    made = pull("org/tiny", "", folders, endpoint=hub.url)
    assert checkpoints.find("org/tiny", "", folders).name == f"org/tiny@{SECOND}"
    assert "model.safetensors" not in {path.name for path in made.folder.iterdir()}
    assert len(list(made.folder.glob("model-*.safetensors"))) > 1
    assert {path.name for path in folders.models.iterdir()} == {"org--tiny", ".org--tiny.lock"}


def test_a_tag_or_commit_can_be_asked_for(hub: Hub, folders: Folders, second: dict[str, bytes]) -> None:
    repo = hub.repos["org/tiny"]
    repo.commits[SECOND] = second
    repo.tags["v1"] = FIRST
    assert pull("org/tiny", "v1", folders, endpoint=hub.url).pin.revision == FIRST
    assert checkpoints.find("org/tiny", "v1", folders).name == f"org/tiny@{FIRST}"
    assert pull("org/tiny", SECOND, folders, endpoint=hub.url).pin.revision == SECOND


def test_what_is_here_already_is_found_under_the_name_that_it_was_asked_for_last(hub: Hub, folders: Folders) -> None:
    hub.repos["org/tiny"].tags["v1"] = FIRST
    pull("org/tiny", "", folders, endpoint=hub.url)
    assert not pull("org/tiny", "v1", folders, endpoint=hub.url).is_new
    assert checkpoints.find("org/tiny", "v1", folders)


def test_a_pull_that_was_killed_is_half_there_and_the_next_one_gets_only_the_rest(
    hub: Hub, folders: Folders, second: dict[str, bytes]
) -> None:
    repo = hub.repos["org/tiny"]
    repo.commits[SECOND] = second
    repo.stalls_in = max(name for name in second if name.startswith("model-"))
    script = (
        "from pathlib import Path; from gvlm_resources.encoders.pull import pull;"
        "from gvlm_resources.encoders.checkpoints import Folders;"
        f"pull('org/tiny', '', Folders(Path({str(folders.models)!r}), Path('hub')), endpoint={hub.url!r})"
    )
    process = subprocess.Popen([sys.executable, "-c", script], stderr=subprocess.DEVNULL)
    part = checkpoints.part_folder("org/tiny", folders)
    whole = {name for name in second if name.startswith("model-")} - {repo.stalls_in}
    wait_until(lambda: repo.stalls_in in hub.downloads() and all((part / name).exists() for name in whole))
    process.kill()
    process.wait()
    with pytest.raises(MissingModelError, match=r"half downloaded.*gvlm models pull org/tiny"):
        checkpoints.find("org/tiny", "", folders)
    assert list(part.rglob("*.incomplete"))
    repo.stalls_in = ""
    hub.seen.clear()
    made = pull("org/tiny", "", folders, endpoint=hub.url)
    assert checkpoints.find("org/tiny", "", folders).name == f"org/tiny@{SECOND}"
    assert not set(hub.downloads()) & whole
    assert not list(made.folder.rglob("*.incomplete"))


def wait_until(is_so: object, *, most_s: float = 60) -> None:
    end = time.monotonic() + most_s
    while not is_so():
        assert time.monotonic() < end, "it did not come to that"
        time.sleep(0.02)


def test_leftovers_of_another_commit_do_not_come_along(hub: Hub, folders: Folders, second: dict[str, bytes]) -> None:
    part = checkpoints.part_folder("org/tiny", folders)
    part.mkdir(parents=True)
    for name, content in second.items():
        if "/" not in name:
            (part / name).write_bytes(content)
    made = pull("org/tiny", "", folders, endpoint=hub.url)
    assert {path.name for path in made.folder.iterdir()} == {
        "config.json",
        "model.safetensors",
        "preprocessor_config.json",
        "gvlm.json",
    }


def test_weights_that_are_not_what_the_hub_told_are_thrown_away(hub: Hub, folders: Folders) -> None:
    hub.repos["org/tiny"].lies_about = "model.safetensors"
    with pytest.raises(MissingModelError, match=r"model\.safetensors is not what the hub has"):
        pull("org/tiny", "", folders, endpoint=hub.url)
    with pytest.raises(MissingModelError):
        checkpoints.find("org/tiny", "", folders)
    hub.repos["org/tiny"].lies_about = ""
    pull("org/tiny", "", folders, endpoint=hub.url)
    assert checkpoints.find("org/tiny", "", folders)


def test_what_a_killed_download_left_does_not_pile_up(hub: Hub, folders: Folders) -> None:
    left = checkpoints.part_folder("org/tiny", folders) / ".cache/huggingface/download/x.0123abcd.incomplete"
    left.parent.mkdir(parents=True)
    left.write_bytes(b"half")
    hub.repos["org/tiny"].lies_about = "model.safetensors"
    with pytest.raises(MissingModelError):
        pull("org/tiny", "", folders, endpoint=hub.url)
    assert not left.exists()


def test_a_damaged_pull_is_got_anew(hub: Hub, folders: Folders, first: dict[str, bytes]) -> None:
    made = pull("org/tiny", "", folders, endpoint=hub.url)
    (made.folder / "model.safetensors").write_bytes(b"cut")
    assert pull("org/tiny", "", folders, endpoint=hub.url).is_new
    assert (made.folder / "model.safetensors").read_bytes() == first["model.safetensors"]


@pytest.mark.parametrize("token", ["hf_secret", ""])
def test_a_gated_repository_says_to_accept_the_licence_and_log_in_and_tells_no_token(
    hub: Hub,
    folders: Folders,
    token: str,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("HF_TOKEN", token)
    monkeypatch.setattr("huggingface_hub.constants.HF_TOKEN_PATH", str(tmp_path / "no-token"))
    hub.repos["org/tiny"].gated = True
    with pytest.raises(MissingModelError, match=r"org/tiny is gated.*licence.*/org/tiny.*`hf auth login`") as caught:
        pull("org/tiny", "", folders, endpoint=hub.url)
    assert (f"Bearer {token}" in hub.keys) == bool(token)
    assert "hf_secret" not in str(caught.value) + "".join(capfd.readouterr())


def test_a_repository_that_is_not_there_says_so(hub: Hub, folders: Folders) -> None:
    with pytest.raises(MissingModelError, match=r"has no org/none.*check the name"):
        pull("org/none", "", folders, endpoint=hub.url)
    with pytest.raises(MissingModelError, match="org/tiny has no revision 'v9'"):
        pull("org/tiny", "v9", folders, endpoint=hub.url)
    assert checkpoints.look("org/tiny", "", folders).state == "missing"


def test_without_a_network_the_remedy_is_named(folders: Folders) -> None:
    with pytest.raises(MissingModelError, match=r"127\.0\.0\.1:9 cannot be reached.*docs/models\.md"):
        pull("org/tiny", "", folders, endpoint="http://127.0.0.1:9")


def test_a_hub_that_is_switched_off_is_not_asked(hub: Hub, folders: Folders, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(MissingModelError, match="unset HF_HUB_OFFLINE"):
        pull("org/tiny", "", folders, endpoint=hub.url)
    assert hub.seen == []


def test_a_repository_without_weights_for_transformers_is_refused(hub: Hub, folders: Folders) -> None:
    hub.repos["org/other"] = Repo({FIRST: {"config.json": b"{}", "weights.gguf": b"x"}})
    with pytest.raises(MissingModelError, match="org/other holds no"):
        pull("org/other", "", folders, endpoint=hub.url)
    assert hub.downloads() == []


def test_older_repositories_with_pickled_weights_alone_come_with_those(hub: Hub, folders: Folders) -> None:
    hub.repos["org/old"] = Repo({FIRST: {"config.json": b"{}", "pytorch_model.bin": b"PK", "tf_model.h5": b"x"}})
    made = pull("org/old", "", folders, endpoint=hub.url)
    assert set(made.pin.files) == {"config.json", "pytorch_model.bin"}


def test_a_disk_that_is_too_small_is_told_before_the_download(
    hub: Hub, folders: Folders, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = namedtuple("usage", "total used free")(10, 9, 1)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage)
    with pytest.raises(MissingModelError, match="GVLM_MODELS"):
        pull("org/tiny", "", folders, endpoint=hub.url)
    assert hub.downloads() == []


@pytest.mark.parametrize("model", ["siglip-freedoom", "./mine"])
def test_only_repositories_are_pulled(model: str, folders: Folders) -> None:
    with pytest.raises(SettingsError, match="no repository"):
        pull(model, "", folders)


WHISPER = """
from pathlib import Path

def load_model(name, device, download_root):
    Path(download_root).mkdir(parents=True, exist_ok=True)
    path = Path(download_root, {"turbo": "large-v3-turbo"}.get(name, name) + ".pt")
    path.write_bytes(b"half")
    if name not in ("tiny", "turbo"):
        raise RuntimeError(f"Model {name} not found")
    path.write_bytes(b"weights")
"""


@pytest.fixture
def whisper(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A package of openai-whisper's name that writes as it does: straight under the final name."""
    (tmp_path / "whisper.py").write_text(WHISPER)
    monkeypatch.delitem(sys.modules, "whisper", raising=False)
    monkeypatch.syspath_prepend(tmp_path)
    yield
    sys.modules.pop("whisper", None)


@pytest.mark.usefixtures("whisper")
def test_openai_whispers_own_models_come_through_that_package(folders: Folders) -> None:
    path = pull_whisper("turbo", folders)
    assert path == checkpoints.whisper_file("turbo", folders)
    assert path.read_bytes() == b"weights"
    assert pull_whisper("turbo", folders) == path


@pytest.mark.usefixtures("whisper")
def test_a_download_of_openai_whispers_that_breaks_off_leaves_nothing_that_passes_for_a_model(folders: Folders) -> None:
    with pytest.raises(MissingModelError, match="Model huge not found"):
        pull_whisper("huge", folders)
    assert not checkpoints.whisper_file("huge", folders).exists()

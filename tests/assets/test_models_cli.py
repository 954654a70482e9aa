"""`gvlm models`: the command itself, against a hub on this machine."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from gvlm_resources import settings as settings_module
from gvlm_resources.encoders import catalogue
from tests.assets.conftest import Project, make_project
from tests.encoders import tiny_tower
from tests.encoders.hub import Hub, Repo

COMMIT, OTHER = "a" * 40, "b" * 40
REPOS = ("org/tower", "org/clips", "org/gated")


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    folder = tiny_tower.save(tmp_path_factory.mktemp("tower"))
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.fixture
def hub(files: dict[str, bytes]) -> Iterator[Hub]:
    running = Hub({name: Repo({OTHER: files, COMMIT: files}, gated=name == "org/gated") for name in REPOS})
    yield running
    running.close()


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """A project whose settings name three repositories of the hub, and nothing else that has to be got."""
    made = make_project(tmp_path)
    (made.root / "gvlm.yaml").write_text(
        f"siglip: {{model: org/tower}}\nvideomae: {{model: org/clips, revision: {OTHER}, dtype: float16}}\n"
        "wav2vec2: {model: org/tower}\nsounds: {backend: 'off', model: 'off'}\n"
        "transcription: {backend: pocketsphinx, model: ''}\nentities: {model: org/gated}\n"
    )
    return made


def models(project: Project, hub: Hub, *arguments: str, **more: str) -> tuple[int, str, str]:
    away = {"HF_ENDPOINT": hub.url, "HF_HOME": str(project.root / "hf"), "HF_TOKEN": "hf_secret"}
    done = project.gvlm("models", *arguments, **away, **more)
    return done.returncode, done.stdout, done.stderr


def listed(project: Project, hub: Hub, *arguments: str) -> dict[str, dict[str, object]]:
    code, out, err = models(project, hub, "list", "--json", *arguments)
    assert code == 0, err
    return {row["use"]: row for row in json.loads(out)["models"]}


def test_a_profile_is_pulled_as_far_as_it_can_be_and_the_rest_is_named(project: Project, hub: Hub) -> None:
    assert {row["state"] for row in listed(project, hub).values()} == {"missing"}
    code, out, err = models(project, hub, "pull", "cpu")
    assert code == 3
    assert f"org/tower@{COMMIT}" in out
    assert f"org/clips@{OTHER}" in out, "the revision of the settings was not taken"
    assert "accept" in err
    assert "hf auth login" in err
    assert "1 of 4 models did not come: org/gated" in err
    assert "hf_secret" not in out + err
    rows = listed(project, hub)
    assert {use: row["state"] for use, row in rows.items()} == {
        "siglip": "present",
        "videomae": "present",
        "wav2vec2": "present",
        "entities": "missing",
    }
    assert rows["siglip"]["folder"] == str(project.root / "models" / "org--tower")
    assert (rows["siglip"]["revision"], rows["videomae"]["revision"]) == (COMMIT, OTHER)
    assert rows["siglip"]["memory_bytes"] == 2 * rows["videomae"]["memory_bytes"]


def test_one_model_is_pulled_at_the_revision_that_is_asked_for_or_that_the_settings_name(
    project: Project, hub: Hub, tmp_path: Path
) -> None:
    folder = str(tmp_path / "elsewhere")
    code, out, err = models(project, hub, "pull", "org/tower", "--revision", OTHER, GVLM_MODELS=folder)
    assert (code, f"org/tower@{OTHER}" in out) == (0, True), err
    assert (tmp_path / "elsewhere" / "org--tower" / "gvlm.json").is_file()
    code, out, err = models(project, hub, "pull", "org/clips", GVLM_MODELS=folder)
    assert (code, f"org/clips@{OTHER}" in out) == (0, True), err


def test_the_list_for_people_says_what_to_do_about_what_is_missing_or_half_there(
    project: Project, hub: Hub, files: dict[str, bytes]
) -> None:
    part = project.root / "models" / "org--tower.part"
    part.mkdir(parents=True)
    code, out, _ = models(project, hub, "list")
    assert code == 0
    assert "siglip         half" in out
    assert "entities       missing" in out
    assert "try: gvlm models pull org/tower" in out
    assert f"try: gvlm models pull org/clips --revision {OTHER}" in out
    shutil.rmtree(part)


def test_the_list_of_another_profile_names_its_models(tmp_path: Path, hub: Hub) -> None:
    project = make_project(tmp_path)
    rows = listed(project, hub, "full")
    wanted = catalogue.needs(settings_module.load("full"))
    assert {use: row["model"] for use, row in rows.items()} == {need.use: need.model for need in wanted}
    assert hub.seen == []


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("pull", "org/none"), 1, "has no org/none"),
        (("pull", "../../etc"), 1, "names no checkpoint"),
        (("pull", "cpu", "--revision", "main"), 2, "a profile has no revision"),
        (("list", "huge"), 1, "there is no profile 'huge'"),
    ],
)
def test_what_cannot_be_is_one_message_and_no_traceback(
    project: Project, hub: Hub, arguments: tuple[str, ...], code: int, words: str
) -> None:
    found, _, err = models(project, hub, *arguments)
    assert (found, words in err, "Traceback" in err) == (code, True, False), err


def test_without_a_hub_the_remedy_is_named(project: Project, hub: Hub) -> None:
    hub.close()
    code, _, err = models(project, hub, "pull", "org/tower")
    assert code == 1
    assert "cannot be reached" in err
    assert "docs/models.md" in err

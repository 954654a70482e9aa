import re
import typing
from pathlib import Path

import pytest
from pydantic import BaseModel, ValidationError

from gvlm_resources import recipes
from gvlm_resources import settings as settings_module
from gvlm_resources.errors import SettingsError
from gvlm_resources.settings import PROFILES, Settings, load

DOCS = Path(__file__).parents[1] / "docs" / "settings.md"
SECTIONS = [name for name in Settings.model_fields if name != "profile"]


def overridden(folder: Path, text: str, profile: str = "cpu") -> Settings:
    path = folder / "gvlm.yaml"
    path.write_text(text)
    return load(profile, overrides=path)


@pytest.mark.parametrize("profile", PROFILES)
def test_every_shipped_profile_loads_and_says_its_own_name(profile: str) -> None:
    assert load(profile).profile == profile


def test_cpu_is_the_defaults_and_needs_no_server() -> None:
    assert load("cpu") == Settings(profile="cpu")
    assert load("cpu").reasoning.core == "extractive"


def test_the_other_profiles_differ_by_density_and_by_who_answers() -> None:
    gpu = [load(profile) for profile in ("light", "standard", "full")]
    assert [settings.frames.rate_hz for settings in gpu] == [0.5, 1.0, 2.0]
    assert {settings.reasoning.core for settings in gpu} == {"openai"}


def test_overrides_change_what_they_name_and_leave_the_rest_of_the_profile(tmp_path: Path) -> None:
    settings = overridden(tmp_path, "frames: {rate_hz: 5}\nreasoning: {top_k: 3}\n", "full")
    assert (settings.frames.rate_hz, settings.reasoning.top_k) == (5.0, 3)
    assert settings.frames.max_height_px == load("full").frames.max_height_px
    assert settings.reasoning.core == "openai"
    assert settings.ocr == load("full").ocr


def test_an_empty_file_overrides_nothing(tmp_path: Path) -> None:
    assert overridden(tmp_path, "# nothing yet\n") == load("cpu")


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("frames: {rate: 5}", "frames.rate"),
        ("frame: {rate_hz: 5}", "frame"),
        ("frames: {rate_hz: fast}", "frames.rate_hz"),
        ("frames: {rate_hz: 0}", "frames.rate_hz"),
        ("frames: {rate_hz: .nan}", "frames.rate_hz"),
        ("frames: 5", "frames"),
        ("frames:", "frames"),
        ("transcription: {backend: telepathy}", "transcription.backend"),
        ("reasoning: {core: gpt}", "reasoning.core"),
        ("download: {allow_private_hosts: nas}", "download.allow_private_hosts"),
    ],
)
def test_a_wrong_key_or_value_is_named_with_its_file(tmp_path: Path, text: str, named: str) -> None:
    with pytest.raises(SettingsError) as caught:
        overridden(tmp_path, text)
    assert f"gvlm.yaml: {named}:" in caught.value.cause


@pytest.mark.parametrize(
    "text", ["frames: {rate_hz: 5", "- frames", "42", "a: b: c", "!!python/object/apply:os.getcwd []"]
)
def test_a_file_that_is_no_mapping_of_plain_yaml_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(SettingsError, match=r"gvlm\.yaml"):
        overridden(tmp_path, text)


def test_a_file_cannot_change_the_profile_that_was_chosen(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="GVLM_PROFILE"):
        overridden(tmp_path, "profile: full\n")


@pytest.mark.parametrize("profile", ["gpu", "", "../cpu", "CPU"])
def test_an_unknown_profile_is_refused_with_the_known_ones(profile: str) -> None:
    with pytest.raises(SettingsError, match="cpu, light, standard, full"):
        load(profile)


def test_settings_do_not_change_once_loaded() -> None:
    with pytest.raises(ValidationError):
        load("cpu").frames.rate_hz = 5.0


def test_every_section_is_part_of_some_fingerprint_unless_it_changes_no_result() -> None:
    used = {section for stage in recipes.STAGES.values() for section in stage.settings}
    without = {"download", "compute", "server", "reasoning"}  # the answers' own recipe holds `reasoning`
    assert set(SECTIONS) - used == without


def documented() -> dict[str, tuple[str, dict[str, list[str]]]]:
    """Of each section of the page: its first paragraph, and the cells of each setting's row."""
    sections = {}
    for part in DOCS.read_text().split("\n## ")[1:]:
        name = re.match(r"`(\w+)`", part)[1]
        rows = (line.strip("| ").split(" | ") for line in part.splitlines() if line.startswith("| `"))
        sections[name] = (part.split("\n\n")[1], {cells[0].strip("`"): cells[1:] for cells in rows})
    return sections


def shown(value: object) -> str:
    if isinstance(value, tuple):
        return f"`{list(value)}`"
    if isinstance(value, BaseModel):
        return f"`{value.model_dump()}`".replace("'", "")
    return f"`{value:g}`" if isinstance(value, float) else f"`{value}`"


def default(section: str, name: str) -> str:
    values = {profile: shown(getattr(getattr(load(profile), section), name)) for profile in PROFILES}
    others = [f"{profile} {value}" for profile, value in values.items() if value != values["cpu"]]
    return "; ".join([values["cpu"], *others])


def allowed(field: typing.Any) -> str:
    if typing.get_origin(field.annotation) is typing.Literal:
        return "one of " + ", ".join(f"`{value}`" for value in typing.get_args(field.annotation))
    if not isinstance(field.default, str | float | int | tuple | None):
        return "mapping"
    signs = {"ge": "≥", "gt": ">", "le": "≤", "lt": "<"}
    bounds = [f"{signs[n]} {getattr(m, n):g}" for m in field.metadata for n in signs if getattr(m, n, None) is not None]
    return ", ".join(bounds) or ("text" if field.annotation is str else "list of text")


@pytest.mark.parametrize("section", SECTIONS)
def test_the_page_lists_every_setting_with_its_defaults_and_what_it_rebuilds(section: str) -> None:
    paragraph, rows = documented()[section]
    fields = Settings.model_fields[section].annotation.model_fields
    assert {name: cells[:2] for name, cells in rows.items()} == {
        name: [default(section, name), allowed(field)] for name, field in fields.items()
    }
    assert all(len(cells) == 3 and cells[2].endswith(".") for cells in rows.values())
    direct = {stage.asset for stage in recipes.STAGES.values() if section in stage.settings}
    rebuilt = ["answers", "training_examples"] if section == "reasoning" else recipes.downstream(direct)
    assert re.findall(r"`(\w+)`", paragraph) == rebuilt


def test_the_page_has_no_section_that_is_none() -> None:
    assert list(documented()) == SECTIONS


def test_the_example_of_the_page_is_valid(tmp_path: Path) -> None:
    example = re.search(r"```yaml\n(.*?)```", DOCS.read_text(), re.DOTALL)[1]
    assert overridden(tmp_path, example).reasoning.core == "openai"
    assert (
        tuple(re.findall(r"^\| `(\w+)` \| (?:any|a GPU)", DOCS.read_text(), re.MULTILINE)) == settings_module.PROFILES
    )

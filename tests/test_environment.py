"""One module reads the environment, and says what is wrong with it."""

from pathlib import Path

import pytest

from gvlm_assets import environment
from gvlm_resources.errors import SettingsError


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "workspace.yaml").write_text("load_from: []\n")
    (tmp_path / "deep" / "down").mkdir(parents=True)
    return tmp_path


def test_the_project_is_found_from_any_folder_inside_it(project: Path) -> None:
    env = environment.read({}, start=project / "deep" / "down")
    assert (env.root, env.lake, env.profile) == (project, project / "data_lake", "cpu")
    assert env.dagster_home == project / ".dagster_home"
    assert env.settings_file is None


def test_outside_a_project_the_remedy_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="GVLM_ROOT"):
        environment.read({}, start=tmp_path)


def test_variables_win_over_the_folder(project: Path, tmp_path: Path) -> None:
    given = {"GVLM_ROOT": str(project), "GVLM_LAKE": str(tmp_path / "lake"), "GVLM_PROFILE": "full"}
    env = environment.read(given, start=Path("/"))
    assert (env.lake, env.profile) == (tmp_path / "lake", "full")


def test_a_settings_file_in_the_project_is_used_and_a_named_one_must_exist(project: Path) -> None:
    (project / "gvlm.yaml").write_text("frames: {rate_hz: 2}\n")
    assert environment.read({}, start=project).settings_file == project / "gvlm.yaml"
    with pytest.raises(SettingsError, match="GVLM_SETTINGS"):
        environment.read({"GVLM_SETTINGS": str(project / "none.yaml")}, start=project)


def test_the_key_of_a_server_is_never_part_of_it(project: Path) -> None:
    env = environment.read({"OPENAI_API_KEY": "sk-secret"}, start=project)
    assert env.has_api_key
    assert "sk-secret" not in repr(env)


def test_a_dagster_home_that_is_no_folder_is_refused(project: Path) -> None:
    with pytest.raises(SettingsError, match="DAGSTER_HOME"):
        environment.export_dagster_home(environment.read({}, start=project))

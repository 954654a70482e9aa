"""The only reader of the environment.

GVLM_ROOT        the project's folder; default: the nearest folder at or above the working one with workspace.yaml
GVLM_LAKE        the data lake; default: data_lake in the project's folder
GVLM_PROFILE     cpu (default) | light | standard | full
GVLM_SETTINGS    a YAML file laid over the profile; default: gvlm.yaml in the project's folder, where there is one
GVLM_MODELS      where `gvlm models pull` puts checkpoints; default: models in the project's folder
HF_HUB_CACHE     the Hugging Face cache, which is looked in as well; default: hub in HF_HOME, or ~/.cache/huggingface
DAGSTER_HOME     the Dagster instance; default: .dagster_home in the project's folder
OPENAI_API_KEY   key for the reasoning server, where it wants one
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from gvlm_resources.errors import SettingsError

WORKSPACE_FILE = "workspace.yaml"
SETTINGS_FILE = "gvlm.yaml"
API_KEY_VARIABLE = "OPENAI_API_KEY"


@dataclass(frozen=True)
class Environment:
    root: Path
    lake: Path
    profile: str
    settings_file: Path | None
    models: Path
    hub_cache: Path
    dagster_home: Path
    has_api_key: bool


def read(variables: Mapping[str, str] | None = None, *, start: Path | None = None) -> Environment:
    """The environment as this program understands it. Raises SettingsError outside a project's folder."""
    given = os.environ if variables is None else variables
    root = Path(given["GVLM_ROOT"]) if given.get("GVLM_ROOT") else project_root(start or Path.cwd())
    settings_file = Path(given["GVLM_SETTINGS"]) if given.get("GVLM_SETTINGS") else root / SETTINGS_FILE
    if given.get("GVLM_SETTINGS") and not settings_file.is_file():
        raise SettingsError(f"GVLM_SETTINGS names {settings_file}, which is no file", remedy="correct or unset it")
    return Environment(
        root=root,
        lake=Path(given.get("GVLM_LAKE") or root / "data_lake").absolute(),
        profile=given.get("GVLM_PROFILE") or "cpu",
        settings_file=settings_file.absolute() if settings_file.is_file() else None,
        models=Path(given.get("GVLM_MODELS") or root / "models").absolute(),
        hub_cache=_hub_cache(given),
        dagster_home=Path(given.get("DAGSTER_HOME") or root / ".dagster_home").absolute(),
        has_api_key=bool(given.get(API_KEY_VARIABLE)),
    )


def _hub_cache(given: Mapping[str, str]) -> Path:
    home = Path(given.get("HF_HOME") or Path.home() / ".cache" / "huggingface")
    return Path(given.get("HF_HUB_CACHE") or home / "hub").expanduser().absolute()


def project_root(start: Path) -> Path:
    """The nearest folder at or above `start` that holds workspace.yaml."""
    for folder in (start, *start.parents):
        if (folder / WORKSPACE_FILE).is_file():
            return folder
    raise SettingsError(
        f"there is no {WORKSPACE_FILE} in {start} or above it",
        remedy="run this in the project's folder, or set GVLM_ROOT to it",
    )


def export_dagster_home(environment: Environment) -> None:
    """Name the instance to Dagster, which finds it by environment variable alone."""
    if not environment.dagster_home.is_dir():
        raise SettingsError(
            f"DAGSTER_HOME is {environment.dagster_home}, which is no folder",
            remedy="make it and put a dagster.yaml in it, as the project's .dagster_home has",
        )
    os.environ["DAGSTER_HOME"] = str(environment.dagster_home)


def api_key() -> str:
    """The reasoning server's key, read where it is used and kept nowhere."""
    return os.environ.get(API_KEY_VARIABLE, "")

"""`gvlm models`: getting checkpoints, and saying which are here."""

import json
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gvlm_assets import environment
from gvlm_resources import settings as settings_module
from gvlm_resources.encoders import catalogue, checkpoints, inventory
from gvlm_resources.encoders.catalogue import Need
from gvlm_resources.encoders.checkpoints import Folders
from gvlm_resources.encoders.inventory import Entry
from gvlm_resources.errors import GvlmError
from gvlm_resources.settings import PROFILES, Settings

if TYPE_CHECKING:
    from gvlm_resources.encoders.pull import Pulled

FAILED, PARTLY = 1, 3

_WHISPER_NAMES = re.compile(r"(tiny|base|small|medium)(\.en)?|large(-v\d)?(-turbo)?|turbo")

models_app = typer.Typer(help="Get the checkpoints of a profile, and see which are here.", no_args_is_help=True)


@models_app.command("list")
def list_models(
    profile: Annotated[str, typer.Argument(help="cpu, light, standard or full; without it, the one in force.")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for scripts.")] = False,
) -> None:
    """List each model of a profile: what it is for, whether it is here, its size, revision and folder."""
    env = environment.read()
    entries = inventory.take(_settings(env, profile), _folders(env))
    if as_json:
        typer.echo(json.dumps({"models": [_facts(entry) for entry in entries]}, indent=2))
        return
    for entry in entries:
        colour = None if entry.state == "present" else "yellow"
        where = f"{entry.revision[:12]}  {entry.folder}" if entry.state == "present" else entry.problem
        line = f"{entry.need.use:<14} {entry.state:<8} {_size(entry):>9}  {entry.need.model:<40} {where}"
        typer.secho(line.rstrip(), fg=colour)
        if entry.state != "present":
            typer.echo(f"{'':<14} try: {entry.remedy}")


@models_app.command()
def pull(
    what: Annotated[str, typer.Argument(help="A profile (all its models), or one model as `org/name`.")],
    revision: Annotated[str, typer.Option(help="Commit, tag or branch; without it, the settings' own, or main.")] = "",
) -> None:
    """Bring checkpoints into the models folder, each pinned to a commit. What is here already is left alone."""
    env = environment.read()
    folders = _folders(env)
    if what not in PROFILES:
        _pull_one(_need(what, revision, _settings(env)), folders)
        return
    if revision:
        raise typer.BadParameter("a profile has no revision: name one model", param_hint="--revision")
    needs = list(dict.fromkeys(catalogue.needs(_settings(env, what))))
    failed = [need.model for need in needs if not _succeeds(lambda need=need: _pull_one(need, folders))]
    if failed:
        typer.secho(f"{len(failed)} of {len(needs)} models did not come: {', '.join(failed)}", fg="red", err=True)
        raise typer.Exit(PARTLY if len(failed) < len(needs) else FAILED)


def _succeeds(act: Callable[[], None]) -> bool:
    try:
        act()
    except GvlmError as error:
        typer.secho(f"error: {error.cause}", fg="red", err=True)
        typer.secho(f"  try: {error.remedy}", err=True)
        return False
    return True


def _need(model: str, revision: str, settings: Settings) -> Need:
    """What is asked for. A model that the settings in force use comes at their revision, unless another is named."""
    known = next((need for need in catalogue.needs(settings) if need.model == model), None)
    is_whisper = known.source == "openai-whisper" if known else bool(_WHISPER_NAMES.fullmatch(model))
    source = "openai-whisper" if is_whisper else "checkpoint"
    wanted = revision or (known.revision if known else "")
    return Need("", model, wanted, "float32", source=source)


def _pull_one(need: Need, folders: Folders) -> None:
    from gvlm_resources.encoders import pull as pulling

    if need.source == "openai-whisper":
        typer.echo(f"ready    {need.model}  {pulling.pull_whisper(need.model, folders)}")
    elif checkpoints.kind_of(need.model) == "repository":
        _say(pulling.pull(need.model, need.revision, folders))
    else:
        found = checkpoints.find(need.model, need.revision, folders)
        typer.echo(f"present  {found.name}  {found.folder}")


def _say(pulled: "Pulled") -> None:
    word = "pulled " if pulled.is_new else "present"
    size = f"{pulled.bytes / 1e9:.2f} GB"
    typer.echo(f"{word}  {pulled.pin.repo}@{pulled.pin.revision}  {size}  {pulled.folder}")
    if any(name.endswith(".bin") for name in pulled.pin.files):
        typer.echo("         its weights are pickled: they are read as tensors alone, and run no code")


def _settings(env: environment.Environment, profile: str = "") -> Settings:
    return settings_module.load(profile or env.profile, overrides=env.settings_file)


def _folders(env: environment.Environment) -> Folders:
    return Folders(models=env.models, hub_cache=env.hub_cache)


def _size(entry: Entry) -> str:
    if entry.bytes is not None:
        return f"{entry.bytes / 1e9:.2f} GB" if entry.bytes >= 1e9 else f"{entry.bytes / 1e6:.1f} MB"
    return f"~{entry.memory_bytes / 1e9:.1f} GB" if entry.memory_bytes else "?"


def _facts(entry: Entry) -> dict[str, Any]:
    return {
        "use": entry.need.use,
        "model": entry.need.model,
        "backend": entry.need.backend,
        "dtype": entry.need.dtype,
        "state": entry.state,
        "problem": entry.problem,
        "revision": entry.revision,
        "folder": str(entry.folder) if entry.folder else None,
        "parameters": entry.parameters,
        "bytes": entry.bytes,
        "memory_bytes": entry.memory_bytes,
    }

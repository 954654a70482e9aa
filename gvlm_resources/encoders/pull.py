"""Getting checkpoints of the Hugging Face hub: the files that are loaded and no others, of one commit, checked.

Files come into `<models>/<org>--<name>.part`, whose name changes when all are there and whole. A pull that was broken
off is taken up by the next one, which gets what is not whole yet.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from filelock import FileLock
from huggingface_hub import HfApi, snapshot_download
from huggingface_hub.errors import (
    GatedRepoError,
    HfHubHTTPError,
    HTTPError,
    LocalEntryNotFoundError,
    OfflineModeIsEnabled,
    RepositoryNotFoundError,
    RevisionNotFoundError,
    XetDownloadError,
)
from huggingface_hub.hf_api import ModelInfo, RepoSibling

from gvlm_resources.encoders import checkpoints, weights
from gvlm_resources.encoders.checkpoints import File, Folders, Pin
from gvlm_resources.errors import MissingModelError, SettingsError
from gvlm_resources.lake import files

_SPARE_BYTES = 500_000_000
# What huggingface_hub leaves of a download whose process was killed: it writes under a new name each time.
_ABANDONED = re.compile(r".*\.[0-9a-f]{8}\.incomplete")
_LOGIN = "`hf auth login`"


@dataclass(frozen=True)
class Pulled:
    """A checkpoint that is here and pinned. `is_new` is false where it was before."""

    pin: Pin
    folder: Path
    is_new: bool

    @property
    def bytes(self) -> int:
        return sum(file.size for file in self.pin.files.values())


def pull(model: str, revision: str, folders: Folders, *, endpoint: str | None = None) -> Pulled:
    """Bring a repository at `revision` (empty: its main branch) into the models folder, and pin the commit.

    Where to and with which token is huggingface_hub's own business (HF_ENDPOINT, `hf auth login`); `endpoint` names
    another hub. Raises MissingModelError, with what to do, where it cannot be had, and SettingsError where `model` is
    no repository.
    """
    if checkpoints.kind_of(model) != "repository":
        raise SettingsError(f"{model} is no repository of the hub", remedy="write it as `org/name`")
    api = HfApi(endpoint=endpoint)
    info = _info(api, model, revision)
    wanted = _wanted(info)
    folders.models.mkdir(parents=True, exist_ok=True)
    with FileLock(folders.models / f".{model.replace('/', '--')}.lock"):
        folder = checkpoints.pulled_folder(model, folders)
        known = _pulled(folder, info.sha)
        if known is not None:
            return _repinned(known, folder, revision)
        part = checkpoints.part_folder(model, folders)
        _clean(part)
        _check_disk(folders.models, part, wanted, model)
        _download(api, model, info.sha, part, list(wanted))
        pin = Pin(model, info.sha, revision or "main", _checked(part, wanted, model))
        _put_in_place(part, folder, pin)
    return Pulled(pin, folder, True)


def _info(api: HfApi, model: str, revision: str) -> ModelInfo:
    """The repository at the commit that `revision` names now, with every file's name and size."""
    try:
        info = api.model_info(model, revision=revision or None, files_metadata=True)
    except (HTTPError, OSError) as error:
        raise _refused(error, api.endpoint, model, revision) from error
    if not info.sha:
        raise MissingModelError(f"{api.endpoint} names no commit of {model}", remedy="check HF_ENDPOINT")
    return info


def _refused(error: Exception, endpoint: str, model: str, revision: str) -> MissingModelError:
    """What the hub's answer means. Names no token: huggingface_hub's own messages are not passed on."""
    if isinstance(error, GatedRepoError) or _status(error) == 403:
        return MissingModelError(
            f"{model} is gated: its owner gives it only to those who accepted its licence and were granted access",
            remedy=f"accept the licence on {endpoint}/{model}, log in with {_LOGIN}, and pull again",
        )
    if isinstance(error, RevisionNotFoundError):
        return MissingModelError(f"{model} has no revision {revision!r}", remedy="name a commit, tag or branch of it")
    if isinstance(error, RepositoryNotFoundError) or _status(error) == 401:
        return MissingModelError(
            f"{endpoint} has no {model}, or shows it only to some",
            remedy=f"check the name; if it is private or gated, log in with {_LOGIN} and an account that may see it",
        )
    if isinstance(error, OfflineModeIsEnabled):
        return MissingModelError("HF_HUB_OFFLINE forbids to ask the hub", remedy="unset HF_HUB_OFFLINE, and pull again")
    if _status(error):
        return MissingModelError(
            f"{endpoint} answers with HTTP {_status(error)} for {model}", remedy="pull again later"
        )
    if isinstance(error, HTTPError | LocalEntryNotFoundError | ConnectionError | XetDownloadError):
        return MissingModelError(
            f"{endpoint} cannot be reached, or breaks off ({type(error).__name__})",
            remedy="pull again: what is whole stays; without a network copy the folder from a machine that has one "
            "(docs/models.md)",
        )
    return MissingModelError(f"{model} cannot be written: {error}", remedy="check the models folder's disk and rights")


def _status(error: Exception) -> int:
    return error.response.status_code if isinstance(error, HfHubHTTPError) and error.response is not None else 0


def _wanted(info: ModelInfo) -> Mapping[str, RepoSibling]:
    """The files to get, by name. Raises MissingModelError where they make no checkpoint."""
    siblings = {sibling.rfilename: sibling for sibling in info.siblings or ()}
    names = weights.needed(siblings)
    if weights.CONFIG not in names or not any(map(weights.is_weights, names)):
        raise MissingModelError(
            f"{info.id} holds no {weights.CONFIG} with {weights.SAFETENSORS} or {weights.PICKLED}",
            remedy="name a repository with weights for transformers",
        )
    return {name: siblings[name] for name in names}


def _pulled(folder: Path, commit: str) -> Pin | None:
    """The pin of `folder`, if it is whole and at that commit."""
    try:
        pin = checkpoints.read_pin(folder)
    except ValueError:
        return None
    is_there = pin is not None and pin.revision == commit and not checkpoints.fault(folder, pin)
    return pin if is_there else None


def _repinned(pin: Pin, folder: Path, revision: str) -> Pulled:
    """What is here already, known from now on by the name that it was asked for as well."""
    asked = revision or "main"
    if asked not in (pin.requested, pin.revision):
        pin = Pin(pin.repo, pin.revision, asked, pin.files)
        files.write_atomic(folder / checkpoints.PIN, pin.to_json().encode())
    return Pulled(pin, folder, False)


def _clean(part: Path) -> None:
    for path in part.rglob("*.incomplete"):
        if _ABANDONED.fullmatch(path.name):
            path.unlink()


def _check_disk(models: Path, part: Path, wanted: Mapping[str, RepoSibling], model: str) -> None:
    here = sum(path.stat().st_size for path in part.rglob("*") if path.is_file())
    missing = sum(sibling.size or 0 for sibling in wanted.values()) - here
    free = shutil.disk_usage(models).free
    if missing + _SPARE_BYTES > free:
        raise MissingModelError(
            f"{model} takes {missing / 1e9:.1f} GB more, and {models} has {free / 1e9:.1f} GB left",
            remedy="free some space, or set GVLM_MODELS to a folder on a larger disk",
        )


def _download(api: HfApi, model: str, commit: str, part: Path, names: list[str]) -> None:
    try:
        snapshot_download(model, revision=commit, local_dir=part, allow_patterns=names, endpoint=api.endpoint)
    except (HTTPError, OSError, XetDownloadError) as error:
        raise _refused(error, api.endpoint, model, commit) from error


def _checked(part: Path, wanted: Mapping[str, RepoSibling], model: str) -> dict[str, File]:
    """Size and digest of every file, compared with what the hub told. A file that differs is deleted."""
    found = {}
    for name, sibling in wanted.items():
        path = part / name
        if not path.is_file():
            raise MissingModelError(f"{path} did not come", remedy=checkpoints.remedy(model))
        file = File(path.stat().st_size, files.sha256(path))
        told = sibling.lfs.sha256 if sibling.lfs else file.sha256
        if file.size != (sibling.size if sibling.size is not None else file.size) or file.sha256 != told:
            path.unlink()
            raise MissingModelError(
                f"{path} is not what the hub has, and was deleted", remedy=checkpoints.remedy(model)
            )
        found[name] = file
    return found


def _put_in_place(part: Path, folder: Path, pin: Pin) -> None:
    """Pin the finished download and give it its name. What bore the name goes first, whole, under another one."""
    for path in part.iterdir():
        if path.is_dir():
            shutil.rmtree(path)  # huggingface_hub's notes on its downloads
        elif path.name not in pin.files:
            path.unlink()  # a file of another commit, which an earlier pull was after
    fault = weights.problem(part)
    if fault:
        raise MissingModelError(fault, remedy=checkpoints.remedy(pin.repo))
    for name in pin.files:
        files.sync_file(part / name)
    files.write_atomic(part / checkpoints.PIN, pin.to_json().encode())
    if folder.exists():
        old = folder.with_name(f"{folder.name}.old")
        shutil.rmtree(old, ignore_errors=True)
        folder.rename(old)
        part.rename(folder)
        shutil.rmtree(old, ignore_errors=True)
    else:
        part.rename(folder)
    files.sync_folder(folder.parent)


def pull_whisper(model: str, folders: Folders) -> Path:
    """Bring one of openai-whisper's own models into the models folder: the package downloads it and checks its digest.

    Raises MissingModelError where the package is not installed or the file cannot be had.
    """
    path = checkpoints.whisper_file(model, folders)
    if path.is_file():
        return path
    if find_spec("whisper") is None:
        raise MissingModelError("openai-whisper is not installed", remedy="pip install 'gvlm[whisper]'")
    import whisper

    part = path.parent.with_name(f"{path.parent.name}{checkpoints.PART}")  # the package writes under the final name
    try:
        whisper.load_model(model, device="cpu", download_root=str(part))
        path.parent.mkdir(parents=True, exist_ok=True)
        (part / path.name).replace(path)
    except (OSError, RuntimeError) as error:
        raise MissingModelError(
            f"openai-whisper cannot get {model}: {error}", remedy=f"pull again, or put the file at {path}"
        ) from error
    return path

"""Where the checkpoint is that a setting names, which revision of it, and whether it is whole. Loads nothing.

A setting names a checkpoint in one of three ways:

- `siglip-freedoom`: one that ships with this package;
- `google/siglip2-so400m-patch14-384`: a repository of the Hugging Face hub, in the models folder, where
  `gvlm models pull` puts it, or else in the hub's own cache;
- `/data/mine`, `./mine`, `~/mine`: a folder.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import gvlm_resources
from gvlm_resources.encoders import weights
from gvlm_resources.encoders.protocol import Checkpoint
from gvlm_resources.errors import MissingModelError, SettingsError
from gvlm_resources.lake import files

PACKAGED = Path(gvlm_resources.__file__).parent / "checkpoints"
PIN = "gvlm.json"
PART = ".part"  # behind a folder's name: a download that has not come to its end
DIGESTS = ".digests.json"
REVISION_CHARS = 12

_NAME = re.compile(r"[A-Za-z0-9][\w.-]{0,95}", re.ASCII)
_REPO = re.compile(r"[A-Za-z0-9][\w.-]{0,95}/[A-Za-z0-9][\w.-]{0,95}", re.ASCII)
_REVISION = re.compile(r"[A-Za-z0-9][\w./-]{0,199}", re.ASCII)
_COMMIT = re.compile(r"[0-9a-f]{40}")
_WHISPER_ALIASES = {"large": "large-v3", "turbo": "large-v3-turbo"}  # names of openai-whisper's for others of its files
_REMEMBERED_FROM_BYTES = 32_000_000  # hashing less takes no longer than reading the note of its digest

State = Literal["present", "half", "missing"]
Kind = Literal["packaged", "repository", "folder"]


@dataclass(frozen=True)
class Folders:
    """Where checkpoints are looked for: the models folder of `gvlm models pull`, and the hub's own cache."""

    models: Path
    hub_cache: Path


@dataclass(frozen=True)
class File:
    size: int
    sha256: str


@dataclass(frozen=True)
class Pin:
    """What `gvlm.json` beside a pulled checkpoint holds: which commit it is, and every file of it."""

    repo: str
    revision: str
    requested: str
    files: dict[str, File] = field(default_factory=dict)

    def to_json(self) -> str:
        listed = {name: {"size": file.size, "sha256": file.sha256} for name, file in sorted(self.files.items())}
        facts = {"repo": self.repo, "revision": self.revision, "requested": self.requested, "files": listed}
        return json.dumps(facts, indent=2) + "\n"

    @classmethod
    def from_json(cls, text: str) -> Pin:
        """Raises ValueError where the text is not that of a pin."""
        try:
            facts = json.loads(text)
            listed = {name: File(int(file["size"]), str(file["sha256"])) for name, file in facts["files"].items()}
            return cls(str(facts["repo"]), str(facts["revision"]), str(facts["requested"]), listed)
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"no pin: {error}") from error


@dataclass(frozen=True)
class Finding:
    """What is there of one checkpoint. `problem` names the file where it is half there; `folder` is where it is."""

    model: str
    kind: Kind
    state: State
    folder: Path | None
    problem: str


def find(model: str, revision: str, folders: Folders) -> Checkpoint:
    """The whole checkpoint that `model` names, at `revision`.

    Raises MissingModelError, naming the file and the command that gets it, where it is not there or not whole, and
    SettingsError where `model` or `revision` is no name.
    """
    finding = look(model, revision, folders)
    if finding.state != "present" or finding.folder is None:
        raise MissingModelError(finding.problem, remedy=remedy(model, revision))
    return Checkpoint(identity(model, revision, folders), finding.folder)


def remedy(model: str, revision: str = "") -> str:
    """What to do where the checkpoint is missing or not whole."""
    kind = kind_of(model)
    if kind == "repository":
        return f"gvlm models pull {model}" + (f" --revision {revision}" if revision else "")
    if kind == "folder":
        return "put a checkpoint as transformers saves it there, or name another; see docs/models.md"
    shipped = ", ".join(packaged()) or "none"
    return f"name one that ships with this package ({shipped}), a repository as `org/name`, or a folder"


def kind_of(model: str) -> Kind:
    """Which of the three ways of naming a checkpoint this is. Raises SettingsError where it is none of them."""
    if model.startswith(("/", "./", "~")):
        return "folder"
    if _REPO.fullmatch(model) and "--" not in model and ".." not in model:
        return "repository"
    if _NAME.fullmatch(model) and ".." not in model:
        return "packaged"
    raise SettingsError(
        f"{model!r} names no checkpoint",
        remedy="name one that ships with this package, a repository as `org/name`, or a folder that begins with "
        "`/`, `./` or `~`",
    )


def packaged() -> list[str]:
    """The names of the checkpoints that ship with this package."""
    return sorted(path.parent.name for path in PACKAGED.glob(f"*/{weights.CONFIG}"))


def pulled_folder(model: str, folders: Folders) -> Path:
    """Where `gvlm models pull` puts a repository."""
    return folders.models / model.replace("/", "--")


def part_folder(model: str, folders: Folders) -> Path:
    """Where it is until every file has come."""
    return folders.models / (model.replace("/", "--") + PART)


def read_pin(folder: Path) -> Pin | None:
    """The pin of a pulled checkpoint; none where there is none. Raises ValueError where it cannot be read."""
    path = folder / PIN
    return Pin.from_json(path.read_text(encoding="utf-8")) if path.is_file() else None


def look(model: str, revision: str, folders: Folders) -> Finding:
    """What is there of the checkpoint. Raises SettingsError where `model` or `revision` is no name."""
    _check_revision(revision)
    kind = kind_of(model)
    if kind == "repository":
        return _look_for_repository(model, revision, folders)
    if revision:
        raise SettingsError(
            f"{model} is no repository of the hub, and has no revision {revision!r}", remedy="leave `revision` empty"
        )
    folder = PACKAGED / model if kind == "packaged" else Path(model).expanduser()
    if not folder.is_dir():
        return Finding(model, kind, "missing", None, f"there is no checkpoint {model}: {folder} is no folder")
    return _examined(model, kind, folder, weights.problem(folder))


def _examined(model: str, kind: Kind, folder: Path, problem: str) -> Finding:
    return Finding(model, kind, "half" if problem else "present", folder, problem)


def _look_for_repository(model: str, revision: str, folders: Folders) -> Finding:
    folder, part = pulled_folder(model, folders), part_folder(model, folders)
    elsewhere = ""
    if folder.is_dir():
        try:
            pin = read_pin(folder)
        except ValueError as error:
            return _examined(model, "repository", folder, f"{folder / PIN} cannot be read ({error})")
        if _is_asked_for(pin, revision):
            return _examined(model, "repository", folder, fault(folder, pin))
        elsewhere = f": {folder} holds {pin.revision if pin else 'no pinned revision'}, not {revision}"
    snapshot = _snapshot(model, revision, folders)
    if snapshot is not None and snapshot.is_dir():
        return _examined(model, "repository", snapshot, weights.problem(snapshot))
    if part.is_dir():
        return _examined(model, "repository", part, f"{model} is half downloaded, in {part}")
    asked = f"{model} at {revision}" if revision else model
    where = elsewhere or f": {folder / weights.CONFIG} is missing, and {folders.hub_cache} has no snapshot of it"
    return Finding(model, "repository", "missing", None, f"{asked} is not on this machine{where}")


def _is_asked_for(pin: Pin | None, revision: str) -> bool:
    return not revision or (pin is not None and revision in (pin.revision, pin.requested))


def fault(folder: Path, pin: Pin | None) -> str:
    """What keeps `folder` from being the whole checkpoint of its pin, naming the file; nothing where it is."""
    for name, file in (pin.files if pin else {}).items():
        path = folder / name
        if not path.is_file():
            return f"{path} is missing"
        if path.stat().st_size != file.size:
            return f"{path} has {path.stat().st_size:,} bytes, of {file.size:,}"
    return weights.problem(folder)


def _snapshot(model: str, revision: str, folders: Folders) -> Path | None:
    """The folder in the hub's cache, whether it is there or not; none where no commit is known.

    `refs/<name>` holds the commit of a branch or tag, `snapshots/<commit>` its files
    (https://huggingface.co/docs/huggingface_hub/guides/manage-cache).
    """
    repo = folders.hub_cache / f"models--{model.replace('/', '--')}"
    reference = repo / "refs" / (revision or "main")
    if _COMMIT.fullmatch(revision):
        return repo / "snapshots" / revision
    commit = reference.read_text(encoding="utf-8").strip() if reference.is_file() else ""
    return repo / "snapshots" / commit if _COMMIT.fullmatch(commit) else None


def _check_revision(revision: str) -> None:
    if revision and (not _REVISION.fullmatch(revision) or ".." in revision):
        raise SettingsError(f"{revision!r} is no revision", remedy="write a commit, tag or branch of the repository")


def identity(model: str, revision: str, folders: Folders) -> str:
    """`repo@commit`, or `name@<12 hex digits>` of the content where no hub gave it a commit. Cheap, loads nothing.

    `@missing` where nothing is there to tell it by. A revision that is a commit is the identity whether its weights
    are here or not: results that they made are fresh without them. Raises SettingsError where `model` is no name.
    """
    _check_revision(revision)
    kind = kind_of(model)
    if kind != "repository":
        folder = PACKAGED / model if kind == "packaged" else Path(model).expanduser()
        return f"{folder.resolve().name}@{_content(folder, folders)}"
    if _COMMIT.fullmatch(revision):
        return f"{model}@{revision}"
    folder = pulled_folder(model, folders)
    try:
        pin = read_pin(folder)
    except ValueError:
        return f"{model}@missing"
    if folder.is_dir() and _is_asked_for(pin, revision):
        return f"{model}@{pin.revision if pin else _content(folder, folders)}"
    snapshot = _snapshot(model, revision, folders)
    return f"{model}@{snapshot.name if snapshot else 'missing'}"


def _content(folder: Path, folders: Folders) -> str:
    """12 hex digits of everything that is loaded from `folder`: weights, configuration, tokenizer, preprocessing."""
    try:
        names = weights.needed(path.name for path in folder.iterdir() if path.is_file())
        if not any(weights.is_weights(name) for name in names):
            return "missing"
        lines = [f"{name}:{_sha256(folder / name, folders)}" for name in names]
    except OSError:
        return "missing"
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:REVISION_CHARS]


# path -> what the file looked like, and its digest then
_DIGESTS: dict[str, tuple[list[int], str]] = {}


def _sha256(path: Path, folders: Folders) -> str:
    """The file's digest, computed once for as long as the file is the same by size, times and inode.

    Those of large files are noted in the models folder too, so that not every process has to read gigabytes.
    """
    resolved = path.resolve()
    stat = resolved.stat()
    looks = [stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns, stat.st_ino]
    known = _DIGESTS.get(str(resolved))
    if known is None and stat.st_size >= _REMEMBERED_FROM_BYTES:
        known = _noted(folders.models / DIGESTS).get(str(resolved))
    if known is None or known[0] != looks:
        known = (looks, files.sha256(resolved))
        if stat.st_size >= _REMEMBERED_FROM_BYTES:
            _note(folders.models / DIGESTS, str(resolved), known)
    _DIGESTS[str(resolved)] = known
    return known[1]


def _noted(path: Path) -> dict[str, tuple[list[int], str]]:
    try:
        notes: dict[str, Any] = json.loads(path.read_bytes())
        return {name: (list(looks), str(digest)) for name, (looks, digest) in notes.items()}
    except (OSError, ValueError, TypeError, AttributeError):
        return {}  # a note that is gone or damaged costs one more reading of the file


def _note(path: Path, name: str, known: tuple[list[int], str]) -> None:
    try:
        files.write_atomic(path, json.dumps({**_noted(path), name: known}, indent=2).encode())
    except OSError:
        return  # a models folder that cannot be written to: the digest is right all the same


def whisper_file(model: str, folders: Folders) -> Path:
    """The file of openai-whisper's own weights that `model` names, be it there or not.

    Raises SettingsError where `model` is neither a file nor one of openai-whisper's names.
    """
    if model.startswith(("/", "./", "~")):
        return Path(model).expanduser()
    if not _NAME.fullmatch(model):
        raise SettingsError(
            f"{model!r} names no openai-whisper model",
            remedy="write a name such as `large-v3`, or a file that begins with `/`, `./` or `~`",
        )
    return folders.models / "openai-whisper" / f"{_WHISPER_ALIASES.get(model, model)}.pt"


def file_identity(path: Path, folders: Folders) -> str:
    """`name@<12 hex digits>` of one file's content, or `name@missing`."""
    try:
        return f"{path.name}@{_sha256(path, folders)[:REVISION_CHARS]}"
    except OSError:
        return f"{path.name}@missing"

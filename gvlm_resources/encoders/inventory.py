"""Which of the models in use are on this machine, how large they are, and where. Loads nothing."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from gvlm_resources.encoders import checkpoints, weights
from gvlm_resources.encoders.catalogue import GATED, Need, needs
from gvlm_resources.encoders.checkpoints import Folders, State
from gvlm_resources.settings import Settings


@dataclass(frozen=True)
class Entry:
    """One model in use. `problem` names the file where it is not whole; `parameters` is what is known of its size."""

    need: Need
    state: State
    problem: str
    folder: Path | None
    revision: str
    parameters: int | None
    bytes: int | None

    @property
    def memory_bytes(self) -> int | None:
        """What its weights take where it runs; the size of its files where their number is not known."""
        return self.need.memory_bytes(self.parameters) if self.parameters else self.bytes

    @property
    def can_be_pulled(self) -> bool:
        """Whether a hub has it: what ships with this package, and a folder, is there or not."""
        return self.need.source == "openai-whisper" or checkpoints.kind_of(self.need.model) == "repository"

    @property
    def remedy(self) -> str:
        if self.need.source == "openai-whisper":
            return f"gvlm models pull {self.need.model}"
        command = checkpoints.remedy(self.need.model, self.need.revision)
        gated = self.need.model in GATED and self.state == "missing"
        return f"{command} (first accept its licence on the hub, and `hf auth login`)" if gated else command


def take(settings: Settings, folders: Folders) -> tuple[Entry, ...]:
    """Every model that `settings` use. Raises SettingsError where one is no name."""
    return tuple(_entry(need, folders) for need in needs(settings))


def _entry(need: Need, folders: Folders) -> Entry:
    if need.source == "openai-whisper":
        return _whisper(need, folders)
    found = checkpoints.look(need.model, need.revision, folders)
    revision = checkpoints.identity(need.model, need.revision, folders).rpartition("@")[2]
    if found.state != "present" or found.folder is None:
        return Entry(need, found.state, found.problem, found.folder, revision, need.parameters, None)
    size = weights.size(found.folder)
    return Entry(need, "present", "", found.folder, revision, size.parameters or need.parameters, size.bytes)


def _whisper(need: Need, folders: Folders) -> Entry:
    path = checkpoints.whisper_file(need.model, folders)
    if not path.is_file():
        return Entry(need, "missing", f"{path} is missing", None, "missing", None, None)
    revision = checkpoints.file_identity(path, folders).rpartition("@")[2]
    return Entry(need, "present", "", path, revision, None, path.stat().st_size)

"""A project of its own for the tests that run the real thing, and a short piece of a sample recording to run it on."""

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import av
import pytest

from gvlm_resources.recipes import STAGES

ROOT = Path(__file__).parents[2]
SAMPLE = ROOT / "data_lake" / "samples" / "freedoom-fight.mp4"
PIECE_S = 10


@dataclass(frozen=True)
class Project:
    """A folder with a lake and an instance, and the `gvlm` command in it."""

    root: Path

    @property
    def lake(self) -> Path:
        return self.root / "data_lake"

    def environment(self, **more: str) -> dict[str, str]:
        ours = {
            name: value for name, value in os.environ.items() if not name.startswith(("GVLM_", "DAGSTER_", "OPENAI"))
        }
        return ours | {"GVLM_ROOT": str(self.root), "PYTHONPATH": str(ROOT)} | more

    def gvlm(self, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "gvlm_assets", *arguments]
        return subprocess.run(
            command, env=self.environment(**more), cwd=self.root, capture_output=True, text=True, check=False
        )

    def files(self) -> Mapping[str, bytes]:
        """Every file of the per-video results; answers hold how long they took."""
        results = self.lake / "results"
        found = [path for asset in STAGES for path in (results / asset).rglob("*") if path.is_file()]
        return {str(path.relative_to(results)): path.read_bytes() for path in found}


def make_project(root: Path) -> Project:
    shutil.copy(ROOT / "workspace.yaml", root)
    (root / ".dagster_home").mkdir()
    shutil.copy(ROOT / ".dagster_home" / "dagster.yaml", root / ".dagster_home")
    return Project(root)


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return make_project(tmp_path)


@pytest.fixture(scope="session")
def piece(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The first ten seconds of the sample, its packets copied as they are."""
    target = tmp_path_factory.mktemp("piece") / "piece.mp4"
    with av.open(str(SAMPLE)) as source, av.open(str(target), "w") as copy:
        streams = {stream.index: copy.add_stream_from_template(stream) for stream in source.streams}
        for packet in source.demux():
            if packet.dts is None or packet.pts * packet.time_base >= PIECE_S:
                continue
            packet.stream = streams[packet.stream.index]
            copy.mux(packet)
    return target


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory, piece: Path) -> Project:
    """A project in which the piece has been added and built."""
    project = make_project(tmp_path_factory.mktemp("project"))
    for arguments in (("add", str(piece), "--game", "freedoom"), ("build",)):
        done = project.gvlm(*arguments)
        assert done.returncode == 0, done.stdout + done.stderr
    return project

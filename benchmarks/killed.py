"""Builds a library, killing the build with SIGKILL at random moments, and compares the lake with an undisturbed one.

    python benchmarks/killed.py [--kills 10] [--seed 1] [--recordings FOLDER] [--game freedoom]

Two lakes in a temporary folder get the same videos. One is built once. In the other, a build is started and killed
after a random share of the time that the first took, as often as asked, each time under other settings than the time
before, so that every build has something to replace. Then it is built to the end under the first lake's settings.
Every file under `results/` must be byte-equal, and the LanceDB table must hold the same rows.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]
GVLM = [sys.executable, "-m", "gvlm_assets"]


def environment(home: Path) -> dict[str, str]:
    """A project folder of its own, with this project's instance settings."""
    (home / "instance").mkdir(parents=True)
    shutil.copy(ROOT / ".dagster_home" / "dagster.yaml", home / "instance")
    return os.environ | {
        "GVLM_ROOT": str(ROOT),
        "GVLM_LAKE": str(home / "lake"),
        "DAGSTER_HOME": str(home / "instance"),
    }


def files(lake: Path) -> dict[str, bytes]:
    results = lake / "results"
    return {str(path.relative_to(results)): path.read_bytes() for path in results.rglob("*") if path.is_file()}


def rows(lake: Path) -> list:
    from gvlm_resources.lake.layout import Layout
    from gvlm_resources.timeline.retrieval import Scope
    from gvlm_resources.timeline.store import TimelineStore

    return sorted(TimelineStore(Layout(lake).timeline()).rows(Scope()), key=lambda row: row.row_id)


def build(env: dict[str, str]) -> float:
    started = time.perf_counter()
    subprocess.run([*GVLM, "build"], env=env, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    return time.perf_counter() - started


def build_and_kill(env: dict[str, str], after_s: float) -> bool:
    """Start a build and kill it and all its children after that time; False where it had ended by then."""
    process = subprocess.Popen(
        [*GVLM, "build"], env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    )
    try:
        process.wait(after_s)
        return False
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        return True


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--recordings", type=Path, default=ROOT / "data_lake" / "samples")
    parser.add_argument("--game", default="freedoom")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="gvlm-killed-") as folder:
        calm, shaken = Path(folder) / "calm", Path(folder) / "shaken"
        envs = {home: environment(home) for home in (calm, shaken)}
        for env in envs.values():
            subprocess.run([*GVLM, "add", str(options.recordings), "--game", options.game], env=env, check=True)
        whole_s = build(envs[calm])
        print(f"undisturbed build: {whole_s:.0f} s")
        moments = random.Random(options.seed)
        killed = 0
        other = Path(folder) / "other.yaml"
        other.write_text("frames: {rate_hz: 2}\nhud: {rate_hz: 20}\n")
        for number in range(1, options.kills + 1):
            after_s = moments.uniform(0.05, 0.95) * whole_s
            settings = {"GVLM_SETTINGS": str(other)} if number % 2 else {}
            hit = build_and_kill(envs[shaken] | settings, after_s)
            killed += hit
            print(f"build {number}: {'killed' if hit else 'had ended'} after {after_s:.1f} s")
        build(envs[shaken])
        same_files = files(calm / "lake") == files(shaken / "lake")
        same_rows = rows(calm / "lake") == rows(shaken / "lake")
    print(f"{killed} of {options.kills} builds killed; results byte-equal: {same_files}; index rows equal: {same_rows}")
    return 0 if same_files and same_rows and killed else 1


if __name__ == "__main__":
    sys.exit(main())

"""A release of 1,000 generated videos: examples a second by step, memory, and whether it is the same each time.

    python benchmarks/release.py [--videos 1000] [--examples 300] [--dim 192] [--families 0.05] [--folder DIR]
        [--threads 2]

Shards are generated once under the folder, and kept there where one is named (tests/dataset/shard_maker.py: copied
footage, repeated templates, one title screen a game). `--families` is the share of questions whose words are one
sentence with one free word: the worst that a comparison of words can meet. Each build runs in a process of its own:
one of a tenth of the videos, two of all, and one that is killed with SIGKILL while it writes lines and is then started
again in the same folder. All three releases must be byte-equal. CPU counts every thread; memory is the most that was
resident, libraries included.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from gvlm_resources.dataset.releases import release  # noqa: E402
from gvlm_resources.lake.files import sha256  # noqa: E402
from tests.dataset import shard_maker  # noqa: E402

CHOSEN = ("filter", "texts", "frames", "alike", "groups", "split")  # what the target is about; the rest writes files
TARGET = 10_000
KILLED_AFTER = "split"


def build(shards: Path, videos: int, out: Path) -> None:
    """One build, telling each step as a line of JSON."""
    spec = release.spec_of("benchmark", [shard_maker.given(number) for number in range(videos)])
    folders = {shard_maker.video_id(number): shards / shard_maker.video_id(number) for number in range(videos)}
    wall, cpu = time.perf_counter(), time.process_time()

    def step(name: str) -> None:
        nonlocal wall, cpu
        now, used = time.perf_counter(), time.process_time()
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(json.dumps({"step": name, "s": now - wall, "cpu_s": used - cpu, "mib": memory}), flush=True)
        wall, cpu = time.perf_counter(), time.process_time()

    out.mkdir(parents=True, exist_ok=True)
    release.build(spec, folders, out, step=step)


def start(options: argparse.Namespace, shards: Path, videos: int, out: Path) -> subprocess.Popen[str]:
    threads = str(options.threads)
    env = os.environ | {"OMP_NUM_THREADS": threads, "POLARS_MAX_THREADS": threads, "RAYON_NUM_THREADS": threads}
    command = [sys.executable, __file__, "--build", str(shards), str(videos), str(out)]
    return subprocess.Popen(command, env=env, stdout=subprocess.PIPE, text=True)


def measured(options: argparse.Namespace, shards: Path, videos: int, out: Path) -> float:
    """Build, print what each step took, and give the examples a second of the chosen steps."""
    examples = videos * options.examples
    with start(options, shards, videos, out) as process:
        assert process.stdout is not None
        steps = [json.loads(line) for line in process.stdout]
    if process.returncode:
        raise SystemExit(f"the build ended with {process.returncode}")
    print(f"\n{videos} videos, {examples} examples")
    for step in steps:
        rate = f"{examples / step['s']:12,.0f} examples/s" if step["s"] > 0.001 else " " * 23
        print(f"  {step['step']:16} {step['s']:7.2f} s {step['cpu_s']:7.2f} CPU s {rate} {step['mib']:6.0f} MiB")
    chosen = [step for step in steps if step["step"] in CHOSEN]
    wall, cpu = (sum(step[name] for step in chosen) for name in ("s", "cpu_s"))
    print(f"  filter to split  {wall:7.2f} s {cpu:7.2f} CPU s {examples / wall:12,.0f} examples/s")
    print(f"  all              {sum(s['s'] for s in steps):7.2f} s {sum(s['cpu_s'] for s in steps):7.2f} CPU s")
    return examples / wall


def killed(options: argparse.Namespace, shards: Path, out: Path) -> None:
    """Start a build and kill it while it writes; then build again in the same folder."""
    with start(options, shards, options.videos, out) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if json.loads(line)["step"] == KILLED_AFTER:
                break
        time.sleep(1)
        os.kill(process.pid, signal.SIGKILL)
    print(f"\nkilled with {-process.returncode}; left behind: {', '.join(sorted(p.name for p in out.iterdir()))}")
    with start(options, shards, options.videos, out) as again:
        again.communicate()


def contents(out: Path) -> dict[str, str]:
    return {str(path.relative_to(out)): sha256(path) for path in sorted(out.rglob("*")) if path.is_file()}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--videos", type=int, default=1000)
    parser.add_argument("--examples", type=int, default=300)
    parser.add_argument("--dim", type=int, default=192)
    parser.add_argument("--families", type=float, default=0)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--build", nargs=3, metavar=("SHARDS", "VIDEOS", "OUT"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.build:
        shards, videos, out = options.build
        build(Path(shards), int(videos), Path(out))
        return 0
    with ExitStack() as stack:
        folder = options.folder or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="gvlm-release-")))
        shards = folder / f"shards-{options.videos}-{options.examples}-{options.dim}-{options.families:g}"
        if not shards.is_dir():
            part = shards.with_name(f"{shards.name}.part")
            shutil.rmtree(part, ignore_errors=True)
            sizes = {name: getattr(options, name) for name in ("videos", "examples", "dim", "families")}
            shard_maker.library(part, **sizes)
            part.rename(shards)
        outs = [folder / name for name in ("tenth", "first", "second", "killed")]
        for out in outs:
            shutil.rmtree(out, ignore_errors=True)
        measured(options, shards, max(1, options.videos // 10), outs[0])
        rate = measured(options, shards, options.videos, outs[1])
        measured(options, shards, options.videos, outs[2])
        killed(options, shards, outs[3])
        found = [contents(out) for out in outs[1:]]
        for out in outs:
            shutil.rmtree(out)
    for name, digest in found[0].items():
        print(f"  {digest}  {name}")
    same = found[0] == found[1] == found[2]
    print(f"built twice, and killed and built again: {'byte-equal' if same else 'DIFFERENT'}")
    print(f"{rate:,.0f} examples/s from filter to split; at least {TARGET:,} are asked for")
    return 0 if same else 1


if __name__ == "__main__":
    sys.exit(main())

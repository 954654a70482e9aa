"""How long an answer takes once the models are loaded, and what loading costs before.

    python benchmarks/ask.py [--lake data_lake] [--rounds 5]

Asks questions of every kind of a lake that `gvlm build` has built, with the profile's own core and without Dagster
around it: retrieving and composing, as `gvlm ask` does in its asset. Then times the import of the definitions, by CPU
time in a process of its own.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from pathlib import Path
from statistics import median

from gvlm_resources import settings as settings_module
from gvlm_resources.lake.catalogue import Catalogue
from gvlm_resources.lake.layout import Layout
from gvlm_resources.lake.store import Lake
from gvlm_resources.reasoning.extractive import ExtractiveCore
from gvlm_resources.reasoning.library import LibrarySource
from gvlm_resources.reasoning.retrieve import answer
from gvlm_resources.timeline import embedding
from gvlm_resources.timeline.store import TimelineStore

ROOT = Path(__file__).parents[1]
TARGET_ANSWER_MS = 300
TARGET_IMPORT_S = 4
QUESTIONS = (
    "How many times did I die?",
    "When did I first pick up a weapon?",
    "Why did I die at 00:45?",
    "What happened between 0:10 and 0:30?",
    "How much health did I have at 0:20?",
    "Which items did I collect?",
    "a secret door",
    "What was the biggest hit I took?",
)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lake", type=Path, default=ROOT / "data_lake")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    started = time.perf_counter()
    source = open_source(options.lake)
    settings = settings_module.load("cpu").reasoning
    answer(QUESTIONS[0], source=source, core=ExtractiveCore(), settings=settings)
    print(f"cold: {time.perf_counter() - started:.1f} s to load the text encoder, open the table and answer once")
    slowest_ms = 0.0
    print(f"{'question':<45} {'median ms':>10} {'CPU ms':>10}")
    for question in QUESTIONS:
        times = [timed_ms(question, source, settings) for _ in range(options.rounds)]
        wall_ms, cpu_ms = (median(column) for column in zip(*times, strict=True))
        slowest_ms = max(slowest_ms, wall_ms)
        print(f"{question:<45} {wall_ms:>10.1f} {cpu_ms:>10.1f}")
    import_s = definitions_cpu_s()
    print(f"importing the definitions: {import_s:.2f} s of CPU")
    met = slowest_ms < TARGET_ANSWER_MS and import_s < TARGET_IMPORT_S
    print(
        f"targets (answer under {TARGET_ANSWER_MS} ms, import under {TARGET_IMPORT_S} s): {'met' if met else 'MISSED'}"
    )
    return 0 if met else 1


def open_source(root: Path) -> LibrarySource:
    lake = Lake(root)
    built = lake.partitions("timeline_index")
    if not built:
        raise SystemExit(f"{root} holds no built video: run `make demo` first")
    return LibrarySource(
        lake=lake,
        catalogue=Catalogue(Layout(root)),
        store=TimelineStore(Layout(root).timeline()),
        encoder=embedding.load("openvino", cache=Layout(root).cache()),
        video_ids=built,
        looks=lambda words, video_ids, span, limit: [],  # loading the text tower is measured by benchmarks/encoders.py
    )


def timed_ms(question: str, source: LibrarySource, settings: settings_module.ReasoningSettings) -> tuple[float, float]:
    """Wall and CPU time of one answer, in milliseconds."""
    started, used = time.perf_counter(), time.process_time()
    answer(question, source=source, core=ExtractiveCore(), settings=settings)
    return (time.perf_counter() - started) * 1000, (time.process_time() - used) * 1000


def definitions_cpu_s() -> float:
    script = "import time, gvlm_assets.definitions; print(time.process_time())"
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    return float(done.stdout)


if __name__ == "__main__":
    sys.exit(main())

"""How fast pairs become training examples and how large these are, over the videos of a built lake.

    python -m benchmarks.examples LAKE
    python -m benchmarks.examples LAKE --stitch 16

With `--stitch` the lake's videos, that many of them and from the first on again, are one long video. Takes the stored
pairs of each video, or has the templates write them where none are stored. Nothing is written into the lake. Looking up
the timeline of a pair is timed by itself: it is what `gvlm ask` does for a question. Making and writing (every line
validated and every vector looked up) is timed with the timelines at hand, and validating once more alone. Rates are of
processor time of this process, which other work on the machine does not change.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa

from benchmarks import stitched
from gvlm_resources import game, schemas, settings
from gvlm_resources.dataset import facts as known
from gvlm_resources.dataset.examples import shards, validate
from gvlm_resources.dataset.examples.curriculum_evidence import TIMELINE_WITHHELD, all_perceptible
from gvlm_resources.dataset.examples.curriculum_shown import shown
from gvlm_resources.dataset.examples.example import CURRICULA, DYNAMICS, LONG
from gvlm_resources.dataset.examples.examples import make
from gvlm_resources.dataset.examples.vectors import TABLES, Vectors
from gvlm_resources.dataset.facts import Facts
from gvlm_resources.dataset.grounding import grounding
from gvlm_resources.dataset.pairs import KINDS, UNANSWERABLE, Pair, pairs_of
from gvlm_resources.dataset.questions import templates
from gvlm_resources.lake.catalogue import Catalogue
from gvlm_resources.lake.layout import Layout
from gvlm_resources.lake.store import Lake, read_table
from gvlm_resources.reasoning.library import LibrarySource
from gvlm_resources.reasoning.protocol import EvidenceSource
from gvlm_resources.reasoning.shown import timeline_for
from gvlm_resources.settings import Settings
from gvlm_resources.timebase import NS_PER_S
from gvlm_resources.timeline import embedding
from gvlm_resources.timeline.store import TimelineStore

NO_ROW = "The timeline holds no row for this question."
ASSETS = {
    "events": "timeline_events",
    "state": "game_state",
    "ocr": "ocr_text",
    "speech": "speech_transcript",
    "sounds": "sound_events",
    "entities": "entity_tracks",
}


@dataclass(frozen=True)
class Video:
    """One video of the lake, with the timeline of each of its pairs looked up."""

    facts: Facts
    vectors: Vectors
    pairs: list[Pair]
    timelines: dict[str, str]


@dataclass
class Told:
    """What is counted over all videos."""

    counts: Counter[tuple[str, ...]] = field(default_factory=Counter)
    sizes: dict[str, list[dict]] = field(default_factory=lambda: defaultdict(list))
    lines: list[dict] = field(default_factory=list)
    pairs: int = 0
    lookup_s: float = 0.0
    make_s: float = 0.0

    def add(self, facts: Mapping[str, Any], *path: str) -> None:
        for name, value in facts.items():
            if isinstance(value, Mapping):
                self.add(value, *path, name)
            else:
                self.counts[(*path, name)] += value


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("lake", type=Path)
    parser.add_argument("--stitch", type=int, default=0, metavar="COUNT")
    parser.add_argument("--keep", type=Path, help="a folder to leave the lines in")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="examples-benchmark-") as temporary:
        in_force, cache = settings.load("cpu"), Path(temporary) / "cache"
        found = long_video(options.lake, cache, in_force, options.stitch) if options.stitch else None
        told = run(found or videos(options.lake, cache, in_force), options.keep or Path(temporary), in_force)
    if not told.lines:
        raise SystemExit(f"{options.lake} holds no video with a timeline and pairs")
    say(told)


def run(found: Iterable[tuple[Video, float]], folder: Path, in_force: Settings) -> Told:
    told = Told()
    for video, seconds in found:
        told.lookup_s, told.pairs = told.lookup_s + seconds, told.pairs + len(video.pairs)
        out = folder / video.facts.video_id
        out.mkdir(parents=True)
        started = time.process_time()
        facts = write(video, out, in_force)
        told.make_s += time.process_time() - started
        told.add(facts)
        told.add(looked_at(video, in_force))
        for row in shards.Shard(out).index(["curriculum", "bytes", "tokens", "embeddings"]).to_pylist():
            told.sizes[row["curriculum"]].append(row)
        lines = list(shards.read_lines(out / shards.LINES))
        told.add({"unseen": len(unseen(lines, video))})
        told.lines.extend(lines)
    return told


def say(told: Told) -> None:
    counts = told.counts
    print(f"{told.pairs:,} pairs, {len(told.lines):,} examples")
    print(f"timeline of a pair looked up: {1000 * told.lookup_s / told.pairs:.1f} ms CPU")
    print(f"made, validated and written: {len(told.lines) / told.make_s:,.0f} examples/s")
    print(f"validated alone: {validation_rate(told.lines):,.0f} lines/s")
    for curriculum in CURRICULA:
        print(f"  {curriculum:10} {shape(told.sizes[curriculum])}")
    for kind in KINDS:
        print(f"  {kind:14} {counts['pairs', 'used', kind]:4} of {counts['pairs', 'kept', kind]:4} kept pairs used")
    for name in ("perceptible", "judged"):
        print(f"{name}: {counts[name,]:,} of dynamics and long")
    print({" ".join(path[1:]): number for path, number in sorted(counts.items()) if path[0] == "timeline"})
    print({" ".join(path[1:]): number for path, number in sorted(counts.items()) if path[0] == "skipped"})
    print(f"withheld, with an event of the HUD on no frame within a second and in no clip: {counts['unseen',]}")
    bare = [line for line in told.lines if NO_ROW in line["conversations"][1]["value"]]
    print(f"prompts without a row: {len(bare)}, with a negative answer {sum(map(denies, bare))}")
    twice = Counter(line["provenance"]["pair"] for line in told.lines if "timeline" in line["provenance"])
    print(f"pairs in dynamics and in long: {sum(number > 1 for number in twice.values())} of {len(twice)}")


def looked_at(video: Video, in_force: Settings) -> Mapping[str, int]:
    """In how many of the examples that might have a timeline all that the answer rests on can be seen or heard."""
    found = [
        (pair, shown(curriculum, pair, video.facts, video.vectors, in_force.examples))
        for pair in video.pairs
        for curriculum in (DYNAMICS, LONG)
    ]
    found = [(pair, seen) for pair, seen in found if not seen.reason]
    return {
        "judged": len(found),
        "perceptible": sum(all_perceptible(pair, video.facts, seen) for pair, seen in found),
    }


def unseen(lines: Iterable[Mapping[str, Any]], video: Video) -> list[str]:
    """Lines without a timeline, an event of whose evidence no picture in the line is near to: by its ids alone."""
    clips = {clip.clip_id: clip for clip in video.vectors.clips}
    found = []
    for line in (line for line in lines if line["provenance"].get("timeline") == TIMELINE_WITHHELD):
        moments = [video.facts.row(name).pts_ns for name in line["frames"]]
        over = [clips[entry["id"]] for entry in line["embeddings"] if entry["id"] in clips]
        events = (video.facts.row(name) for name in line["evidence"] if name.startswith("e"))
        starts = [event.start_ns for event in events if event.kind != "sound"]
        near = (
            any(0 <= moment - start <= NS_PER_S for moment in moments)
            or any(clip.start_ns < start + NS_PER_S and start < clip.end_ns for clip in over)
            for start in starts
        )
        if not all(near):
            found.append(line["id"])
    return found


def denies(line: Mapping[str, Any]) -> bool:
    """Whether the answer is that something was not, or cannot be told."""
    none = [claim["what"] == "count" and not claim["value"] for claim in line["provenance"].get("claims", [])]
    return line["provenance"]["kind"] == UNANSWERABLE or (bool(none) and all(none))


def long_video(root: Path, cache: Path, in_force: Settings, count: int) -> Iterator[tuple[Video, float]]:
    """The lake's videos as one."""
    lake, catalogue = Lake(root), Catalogue(Layout(root))
    names = list(lake.partitions("timeline_index"))
    names = [names[number % len(names)] for number in range(count)]
    played = game.load(catalogue.video(names[0]).game)
    video = stitched.Stitched.of([(duration_of(lake, name), tables_of(lake, name)) for name in names], played)
    source = stitched.StitchedSource(video, embedding.load("openvino", cache=cache))
    pairs = grounding.check(templates.write(video.facts, in_force.synthesis), video.facts, in_force.synthesis)
    pairs = [pair for pair in pairs if pair.status == schemas.STATUS_OK]
    timelines, seconds = looked_up(pairs, source, video.facts.video_id, in_force)
    yield Video(video.facts, video.vectors, pairs, timelines), seconds


def tables_of(lake: Lake, video_id: str) -> Mapping[str, pa.Table]:
    named = {name: table(lake, asset, video_id) for name, asset in ASSETS.items()}
    frames = table(lake, "frames", video_id, [name for name in schemas.FRAMES.names if name != "image"])
    return {**named, "frames": frames, **{name: table(lake, name, video_id) for name in TABLES}}


def looked_up(
    pairs: Iterable[Pair], source: EvidenceSource, video_id: str, in_force: Settings
) -> tuple[dict[str, str], float]:
    """The timeline of each pair, and how long that took."""
    started = time.process_time()
    timelines = {
        pair.pair_id: timeline_for(pair.question, source=source, settings=in_force.reasoning, video_id=video_id)
        for pair in pairs
    }
    return timelines, time.process_time() - started


def videos(root: Path, cache: Path, in_force: Settings) -> Iterator[tuple[Video, float]]:
    """Each video that has a timeline, and how long looking up its pairs' timelines took."""
    lake, catalogue = Lake(root), Catalogue(Layout(root))
    encoder = embedding.load("openvino", cache=cache)
    for video_id in lake.partitions("timeline_index"):
        source = LibrarySource(
            lake=lake,
            catalogue=catalogue,
            store=TimelineStore(Layout(root).timeline()),
            encoder=encoder,
            video_ids=[video_id],
            looks=lambda words, video_ids, span, limit: [],
        )
        facts = gathered(lake, catalogue, video_id)
        pairs = kept_pairs(lake, facts, in_force)
        timelines, seconds = looked_up(pairs, source, video_id, in_force)
        paths = {name: lake.get(name, video_id).path(only_file(lake, name, video_id)) for name in TABLES}
        yield Video(facts, Vectors.open(video_id, paths), pairs, timelines), seconds


def duration_of(lake: Lake, video_id: str) -> int:
    return json.loads(lake.get("video", video_id).path("probe.json").read_text())["duration_ns"]


def gathered(lake: Lake, catalogue: Catalogue, video_id: str) -> Facts:
    record = catalogue.video(video_id)
    tables = {name: table(lake, asset, video_id) for name, asset in ASSETS.items()}
    return known.gather(
        video_id=video_id,
        title=record.title or video_id,
        duration_ns=duration_of(lake, video_id),
        game=game.load(record.game),
        frames=table(lake, "frames", video_id, [name for name in schemas.FRAMES.names if name != "image"]),
        **tables,
    )


def kept_pairs(lake: Lake, facts: Facts, in_force: Settings) -> list[Pair]:
    if lake.find("qa_pairs", facts.video_id) is not None:
        pairs = pairs_of(read_table(lake.get("qa_pairs", facts.video_id), "pairs.parquet"))
    else:
        pairs = grounding.check(templates.write(facts, in_force.synthesis), facts, in_force.synthesis)
    return [pair for pair in pairs if pair.status == schemas.STATUS_OK]


def table(lake: Lake, asset: str, video_id: str, columns: list[str] | None = None) -> pa.Table:
    return read_table(lake.get(asset, video_id), only_file(lake, asset, video_id), columns=columns)


def only_file(lake: Lake, asset: str, video_id: str) -> str:
    (name,) = lake.get(asset, video_id).files
    return name


def write(video: Video, out: Path, in_force: Settings) -> dict:
    made = make(
        video.pairs,
        video.facts,
        video.vectors,
        lambda pair: video.timelines[pair.pair_id],
        in_force.examples,
        {"qa_pairs": "0" * 64},
    )
    return shards.write(out, made, video.vectors)


def validation_rate(lines: list[dict]) -> float:
    validate.errors(lines[0])  # compiles the schema
    best_s = float("inf")
    for _ in range(3):
        started = time.process_time()
        found = [error for line in lines for error in validate.errors(line)]
        best_s = min(best_s, time.process_time() - started)
        if found:
            raise SystemExit(f"a stored line is not valid: {found[0]}")
    return len(lines) / best_s


def shape(rows: list[dict]) -> str:
    if not rows:
        return "none"
    means = {name: sum(row[name] for row in rows) / len(rows) for name in ("bytes", "tokens", "embeddings")}
    return (
        f"{len(rows):6,} examples of {means['bytes']:,.0f} bytes, {means['tokens']:,.0f} words and marks, "
        f"{means['embeddings']:.0f} vectors (means)"
    )


if __name__ == "__main__":
    main()

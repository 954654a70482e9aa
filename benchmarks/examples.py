"""How fast pairs become training examples and how large these are, over the videos of a built lake.

    python benchmarks/examples.py LAKE

Takes the stored pairs of each video, or has the templates write them where none are stored. Nothing is written into
the lake. Looking up the timeline of a pair is timed by itself: it is what `gvlm ask` does for a question. Making and
writing (with every line validated and every vector looked up) is timed with the timelines at hand, and validating once
more alone. Rates are of processor time of this process, which other work on the machine does not change.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from gvlm_resources import game, schemas, settings
from gvlm_resources.dataset import facts as known
from gvlm_resources.dataset.examples import shards, validate
from gvlm_resources.dataset.examples.example import CURRICULA
from gvlm_resources.dataset.examples.examples import make
from gvlm_resources.dataset.examples.vectors import TABLES, Vectors
from gvlm_resources.dataset.facts import Facts
from gvlm_resources.dataset.grounding import grounding
from gvlm_resources.dataset.pairs import Pair, pairs_of
from gvlm_resources.dataset.questions import templates
from gvlm_resources.lake.catalogue import Catalogue
from gvlm_resources.lake.layout import Layout
from gvlm_resources.lake.store import Lake, read_table
from gvlm_resources.reasoning.library import LibrarySource
from gvlm_resources.reasoning.shown import timeline_for
from gvlm_resources.settings import Settings
from gvlm_resources.timeline import embedding
from gvlm_resources.timeline.store import TimelineStore


@dataclass(frozen=True)
class Video:
    """One video of the lake, with the timeline of each of its pairs looked up."""

    facts: Facts
    vectors: Vectors
    pairs: list[Pair]
    timelines: dict[str, str]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("lake", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="examples-benchmark-") as temporary:
        run(options.lake, Path(temporary))


def run(root: Path, folder: Path) -> None:
    in_force = settings.load("cpu")
    lookup_s, make_s, pairs, sizes, examples = 0.0, 0.0, 0, defaultdict(list), 0
    lines: list[dict] = []
    for video, seconds in videos(root, folder / "cache", in_force):
        lookup_s, pairs = lookup_s + seconds, pairs + len(video.pairs)
        out = folder / video.facts.video_id
        out.mkdir()
        started = time.process_time()
        told = write(video, out, in_force)
        make_s, examples = make_s + time.process_time() - started, examples + told["examples"]
        for row in shards.Shard(out).index(["curriculum", "bytes", "tokens", "embeddings"]).to_pylist():
            sizes[row["curriculum"]].append(row)
        lines.extend(shards.read_lines(out / shards.LINES))
    if not lines:
        raise SystemExit(f"{root} holds no video with a timeline and pairs")
    print(f"{pairs:,} pairs, {examples:,} examples")
    print(f"timeline of a pair looked up: {1000 * lookup_s / pairs:.1f} ms CPU")
    print(f"made, validated and written: {examples / make_s:,.0f} examples/s ({pairs / make_s:,.0f} pairs/s)")
    print(f"validated alone: {validation_rate(lines):,.0f} lines/s")
    for curriculum in CURRICULA:
        print(f"  {curriculum:10} {shape(sizes[curriculum])}")


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
        started = time.process_time()
        timelines = {
            pair.pair_id: timeline_for(
                pair.question,
                source=source,
                settings=in_force.reasoning,
                video_id=video_id,
            )
            for pair in pairs
        }
        seconds = time.process_time() - started
        paths = {name: lake.get(name, video_id).path(only_file(lake, name, video_id)) for name in TABLES}
        yield Video(facts, Vectors.open(video_id, paths), pairs, timelines), seconds


def gathered(lake: Lake, catalogue: Catalogue, video_id: str) -> Facts:
    record = catalogue.video(video_id)
    probe = json.loads(lake.get("video", video_id).path("probe.json").read_text())
    return known.gather(
        video_id=video_id,
        title=record.title or video_id,
        duration_ns=probe["duration_ns"],
        game=game.load(record.game),
        events=table(lake, "timeline_events", video_id),
        state=table(lake, "game_state", video_id),
        ocr=table(lake, "ocr_text", video_id),
        speech=table(lake, "speech_transcript", video_id),
        sounds=table(lake, "sound_events", video_id),
        entities=table(lake, "entity_tracks", video_id),
        frames=table(lake, "frames", video_id, [name for name in schemas.FRAMES.names if name != "image"]),
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

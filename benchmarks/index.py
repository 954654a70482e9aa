"""Retrieval from a library of a million timeline rows: CPU a question, recall against an exact search, build and disk.

    python benchmarks/index.py [--quick] [--folder DIR]

The library is made up: 2,000 videos of 500 rows. Its sentences are written by templates as the pipeline writes events
and as players speak; 20,000 of them are encoded by the real encoder. Rows of events repeat them word for word, as games
do; rows of speech and text lie between two of them. Questions are worded unlike any sentence, and encoded for real.

CPU is `time.process_time`, which counts every thread of this process. Recall counts a row as found if it fits as well
as the exact tenth: where one sentence stands a thousand times, which ten of them come back says nothing.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import lancedb
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from gvlm_resources.schemas import TEXT_VECTOR_DIM, TIMELINE_INDEX
from gvlm_resources.settings import IndexSettings
from gvlm_resources.timebase import NS_PER_S, Span
from gvlm_resources.timeline import embedding, retrieval
from gvlm_resources.timeline.retrieval import Scope
from gvlm_resources.timeline.store import KIND, TimelineStore

SEED = 7
TOP = 10
YOUNG = 20  # videos that are written one by one
BULK = 50
TARGET_MS = 30.0
TARGET_RECALL = 0.95
SCORE_TOLERANCE = 1e-5
VARIED = 0.35  # weight of the second sentence in a row between two
NOISE = 0.15  # length of the random part of such a vector

WEAPONS = "pistol|shotgun|chaingun|crossbow|railgun|sniper rifle|plasma rifle|rocket launcher|bow|sword|axe|grenade"
ITEMS = "medikit|stimpack|armor vest|blue keycard|red key|health potion|ammo box|clip|shield cell|gold coin|map|battery"
FOES = "imp|zombie|skeleton|creeper|sniper|tank|boss|drone|wolf|goblin|demon|guard|turret|dragon|racer|goalkeeper"
PLACES = (
    "door|corridor|bridge|roof|tunnel|tower|cave|courtyard|lift|spawn room|river|village|arena|pit lane|penalty box"
)
FEELINGS = "wow|oh no|careful|nice|come on|wait|hold on|look at that|unbelievable|okay|seriously|let's go|not again"
EVENTS = (
    "Took {n} damage (health {h} to {g}).",
    "Health rose by {n} (from {g} to {h}).",
    "Armor fell from {h} to {g}.",
    "Picked up the {item}.",
    "Picked up a {weapon}.",
    "Fired the {weapon}.",
    "Switched from the {weapon} to the {weapon}.",
    "Ammunition fell from {h} to {g}.",
    "Died.",
    "Respawned near the {place}.",
    'Killed a {foe}. On screen: "You fragged the {foe}!"',
    'Message: "The {place} needs the {item}."',
    "Score rose from {n}00 to {h}00.",
    "Opened the {place}.",
    "Reached checkpoint {n} at the {place}.",
    "Level {n} begins.",
)
SPEECH = (
    "{feeling}, there is a {foe} behind the {place}",
    "I need a {item} before we go into the {place}",
    "did you see how the {foe} came through the {place}",
    "take the {weapon}, I will cover the {place}",
    "{feeling} that {foe} took {n} health off me",
    "we should go back to the {place} and get the {item}",
    "last time I died right here because of the {foe}",
    "the {weapon} is much better against a {foe}",
)
TEXT = (
    "LEVEL {n} {place}",
    "Press {letter} to open the {place}",
    "{foe} {n} : {h} player",
    "{letter}{n} {item} x{g}",
    "Objective: bring the {item} to the {place}",
    "Round {n} won by the {foe}",
)
QUESTIONS = (
    "when did the player lose a lot of life to the {foe}",
    "where do they find a {item}",
    "who warns about enemies close to the {place}",
    "which gun works well versus the {foe}",
    "at what point is the {place} unlocked",
    "how did the run end after the {foe}",
    "what does the screen say about the {item}",
    "when is the {weapon} used for the first time",
)


@dataclass(frozen=True)
class Size:
    videos: int
    rows_per_video: int
    sentences: int
    questions: int

    @property
    def rows(self) -> int:
        return self.videos * self.rows_per_video


FULL = Size(videos=2_000, rows_per_video=500, sentences=20_000, questions=100)
QUICK = Size(videos=120, rows_per_video=500, sentences=2_000, questions=30)


@dataclass(frozen=True)
class Corpus:
    """Distinct sentences with their vectors (N, 384), and which of them are events', speech's and the screen's."""

    texts: list[str]
    vectors: NDArray[np.float32]
    sources: NDArray[np.str_]


class Encoded:
    """Gives questions the vectors they were encoded to before, so that a search is timed without the encoder."""

    dim = TEXT_VECTOR_DIM

    def __init__(self, encoder: embedding.TextEncoder, texts: Sequence[str]) -> None:
        self.name = encoder.name
        self._vectors = dict(zip(texts, encoder.encode(list(texts)), strict=True))

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        return np.stack([self._vectors[text] for text in texts])


def written(templates: Sequence[str], count: int, random: np.random.Generator) -> list[str]:
    """`count` distinct sentences by templates, or as many as there are to be had."""
    words = {
        name: value.split("|")
        for name, value in (
            ("weapon", WEAPONS),
            ("item", ITEMS),
            ("foe", FOES),
            ("place", PLACES),
            ("feeling", FEELINGS),
        )
    }
    found: dict[str, None] = {}
    for _ in range(count * 20):
        if len(found) == count:
            break
        sentence = templates[random.integers(len(templates))]
        high, low = sorted(random.integers(0, 200, 2))[::-1]
        for name, choices in words.items():
            while f"{{{name}}}" in sentence:
                sentence = sentence.replace(f"{{{name}}}", choices[random.integers(len(choices))], 1)
        letter = "ABEFQR"[random.integers(6)]
        found[sentence.format(n=random.integers(1, 60), h=high, g=low, letter=letter)] = None
    return list(found)


def make_corpus(size: Size, encoder: embedding.TextEncoder, random: np.random.Generator) -> Corpus:
    parts = [
        ("event", written(EVENTS, size.sentences // 2, random)),
        ("speech", written(SPEECH, size.sentences * 3 // 10, random)),
        ("text", written(TEXT, size.sentences // 5, random)),
    ]
    texts = [text for _, sentences in parts for text in sentences]
    sources = np.array([source for source, sentences in parts for _ in sentences])
    return Corpus(texts, encoder.encode(texts), sources)


def make_video(number: int, size: Size, corpus: Corpus, model: str) -> pa.Table:
    """One video's rows. Which sentences a video draws on is skewed, as one game's are."""
    random = np.random.default_rng((SEED, number))
    count, total = size.rows_per_video, len(corpus.texts)
    favourites = random.choice(total, size=min(total, 150), replace=False)
    first = favourites[np.minimum(random.geometric(0.02, count) - 1, len(favourites) - 1)]
    second = random.permutation(first)
    is_event = corpus.sources[first] == "event"
    noise = random.standard_normal((count, TEXT_VECTOR_DIM)).astype(np.float32)
    noise *= NOISE / np.linalg.norm(noise, axis=1, keepdims=True)
    between = corpus.vectors[first] * (1 - VARIED) + corpus.vectors[second] * VARIED + noise
    between /= np.linalg.norm(between, axis=1, keepdims=True)
    vectors = np.where(is_event[:, None], corpus.vectors[first], between)
    starts = np.sort(random.integers(0, 3600, count)) * NS_PER_S
    video_id = f"video-{number:06d}"
    texts = [
        corpus.texts[a] if event else f"{corpus.texts[a]}, {corpus.texts[b]}"
        for a, b, event in zip(first, second, is_event, strict=True)
    ]
    sources = corpus.sources[first].tolist()
    columns = {
        "row_id": [f"{video_id}/e{start // 1000:012d}-{n}" for n, start in enumerate(starts)],
        "video_id": [video_id] * count,
        "source": sources,
        "kind": [_kind(source, text) for source, text in zip(sources, texts, strict=True)],
        "start_ns": starts,
        "end_ns": starts + NS_PER_S,
        "text": texts,
        "subject": [text.rstrip(".").split()[-1] if event else "" for text, event in zip(texts, is_event, strict=True)],
        "value": [float(amount) if event else None for amount, event in zip(first, is_event, strict=True)],
        "confidence": random.uniform(0.5, 1.0, count).astype(np.float32),
        "frame_id": [f"f{start // 1000:012d}" for start in starts],
        "evidence": [[f"o{start // 1000:012d}-0"] for start in starts],
        "vector": pa.FixedSizeListArray.from_arrays(pa.array(vectors.astype(np.float32).ravel()), TEXT_VECTOR_DIM),
        "model": [model] * count,
    }
    return pa.table(columns, schema=TIMELINE_INDEX)


def _kind(source: str, text: str) -> str:
    return text.split()[0].strip(".:").lower() if source == "event" else source


def vectors_of(table: pa.Table) -> NDArray[np.float32]:
    return table.column("vector").combine_chunks().flatten().to_numpy().reshape(-1, TEXT_VECTOR_DIM)


# ------------------------------------------------------------------------------------------------------------ measuring


@dataclass(frozen=True)
class Timing:
    """CPU of one kind of question, in ms: the first after the table was opened, then the rest."""

    first_ms: float
    median_ms: float
    p95_ms: float


@dataclass(frozen=True)
class Line:
    """One line of the report. `recall` is None where nothing was compared with."""

    name: str
    timing: Timing
    recall: float | None = None
    wanted_recall: float | None = None
    wanted_ms: float | None = None

    def met(self) -> bool:
        right = self.recall is None or self.wanted_recall is None or self.recall >= self.wanted_recall - 1e-9
        return right and (self.wanted_ms is None or self.timing.median_ms <= self.wanted_ms)


def timed(folder: Path, ask: Callable[[TimelineStore, int], object], questions: int) -> Timing:
    """CPU of asking each question once of a table that was just opened: its caches are empty, the files' may not be."""
    store, used = TimelineStore(folder), []
    for number in range(questions):
        start = time.process_time()
        ask(store, number)
        used.append((time.process_time() - start) * 1e3)
    return Timing(used[0], float(np.median(used[1:])), float(np.percentile(used[1:], 95)))


def build(size: Size, corpus: Corpus, folder: Path, model: str) -> Iterator[str]:
    """All but the last `YOUNG` videos in bulk, then those as the pipeline writes them; yields lines of the report."""
    store, threshold = TimelineStore(folder), IndexSettings().vector_index_from_rows
    store.replace_video("video-000000", make_video(0, size, corpus, model))
    table = lancedb.connect(str(folder)).open_table(KIND.name)
    for first in range(1, size.videos - YOUNG, BULK):
        numbers = range(first, min(first + BULK, size.videos - YOUNG))
        table.add(pa.concat_tables([make_video(number, size, corpus, model) for number in numbers]))
    yield f"  files merged, all indexes built: {used(lambda: compact(store, threshold))}"
    young = [make_video(number, size, corpus, model) for number in range(size.videos - YOUNG, size.videos)]
    costs = [used(lambda video=video: store.replace_video(video["video_id"][0].as_py(), video)) for video in young]
    yield f"  a video written, {size.rows_per_video} rows: {sorted(costs, key=lambda cost: cost.cpu_s)[YOUNG // 2]}"
    last = young[-1]
    name = last["video_id"][0].as_py()
    yield f"  a video written again: {used(lambda: store.replace_video(name, last))}"
    yield f"  a video replaced by half its rows: {used(lambda: store.replace_video(name, last[: last.num_rows // 2]))}"
    store.replace_video(name, last)
    names = [video["video_id"][0].as_py() for video in young]
    yield f"  a search in one of {YOUNG} videos not yet indexed: {search_ms(folder, names, corpus):.1f} ms CPU"
    yield f"  compacted with {YOUNG} videos new: {used(lambda: compact(store, threshold))}"
    yield f"  the same search afterwards: {search_ms(folder, names, corpus):.1f} ms CPU"
    condition = store.condition()
    size_gb = condition.total_bytes / 1e9
    yield f"  {condition.rows:,} rows, {size_gb:.2f} GB on disk, {condition.unindexed_rows:,} rows not yet indexed"
    yield f"  every row checked: {used(store.check)}"


def search_ms(folder: Path, video_ids: Sequence[str], corpus: Corpus) -> float:
    """Median CPU of finding the nearest rows of a video."""
    return timed(
        folder, lambda store, n: store.nearest(corpus.vectors[n], Scope(video_ids[n]), 4 * TOP + 1), len(video_ids)
    ).median_ms


def compact(store: TimelineStore, vector_index_from_rows: int) -> None:
    store.compact(vector_index_from_rows=vector_index_from_rows, keep_versions=timedelta(milliseconds=1))


@dataclass(frozen=True)
class Cost:
    cpu_s: float
    wall_s: float

    def __str__(self) -> str:
        return f"{self.cpu_s:.2f} s CPU, {self.wall_s:.2f} s wall"


def used(work: Callable[[], object]) -> Cost:
    cpu_s, wall_s = time.process_time(), time.perf_counter()
    work()
    return Cost(time.process_time() - cpu_s, time.perf_counter() - wall_s)


SCOPES = {
    "library": Scope(),
    "library, speech only": Scope(sources=frozenset({"speech"})),
    "library, one kind": Scope(kinds=frozenset({"reached"})),
    "library, a rare kind": Scope(kinds=frozenset({"opened"})),
}


def tenth_best(size: Size, corpus: Corpus, questions: NDArray[np.float32], model: str) -> dict[str, list[float]]:
    """Cosine of each question's tenth row among all rows of each of `SCOPES`, compared one by one."""
    best = {name: np.empty((len(questions), 0), np.float32) for name in SCOPES}
    for number in range(size.videos):
        table = make_video(number, size, corpus, model)
        scores = questions @ vectors_of(table).T
        sources, kinds = (np.array(table[name].to_pylist()) for name in ("source", "kind"))
        for name, scope in SCOPES.items():
            inside = np.isin(kinds, list(scope.kinds)) if scope.kinds else np.isin(sources, list(scope.sources))
            own = scores[:, inside] if scope.narrows else scores
            best[name] = np.sort(np.hstack([best[name], own]), axis=1)[:, -TOP:]
    return {name: scores[:, 0].tolist() for name, scores in best.items()}


def recall(hits: Sequence[retrieval.Hit], tenth: float) -> float:
    return sum(hit.cosine is not None and hit.cosine >= tenth - SCORE_TOLERANCE for hit in hits) / TOP


@dataclass(frozen=True)
class Asked:
    """The questions, a video for each, and what an exact search knows of them."""

    texts: list[str]
    vectors: NDArray[np.float32]
    videos: list[str]
    tenth: dict[str, list[float]]  # cosine of the tenth row by an exact search, by place
    encoder: Encoded


def ask(asked: Asked, by: retrieval.By, scope_of: Callable[[int], Scope]) -> Callable[[TimelineStore, int], list]:
    def asking(store: TimelineStore, number: int) -> list[retrieval.Hit]:
        question = asked.texts[number]
        return retrieval.search(store, asked.encoder, question, scope_of(number), limit=TOP, by=by)

    return asking


def mean_recall(folder: Path, asking: Callable[[TimelineStore, int], list], tenth: Sequence[float]) -> float:
    store = TimelineStore(folder)
    return float(np.mean([recall(asking(store, number), best) for number, best in enumerate(tenth)]))


def report(folder: Path, asked: Asked) -> Iterator[Line]:
    """Every way of asking that the project uses, inside one video and across the library."""
    ten_minutes, count = Span(600 * NS_PER_S, 1200 * NS_PER_S), len(asked.texts)
    scopes: dict[str, Callable[[int], Scope]] = {
        "one video": lambda number: Scope(asked.videos[number]),
        "one video, ten minutes of it": lambda number: Scope(asked.videos[number], ten_minutes),
        **{name: lambda _, scope=scope: scope for name, scope in SCOPES.items()},
    }
    for place, scope_of in scopes.items():
        is_wanted = place not in SCOPES or not SCOPES[place].narrows
        for by in ("meaning", "words", "both"):
            asking, found, wanted = ask(asked, by, scope_of), None, None
            if by == "meaning" and place in asked.tenth:
                found = mean_recall(folder, asking, asked.tenth[place])
                wanted = 1.0 if place == "one video" else TARGET_RECALL
            yield Line(
                f"{place}, by {by}", timed(folder, asking, count), found, wanted, TARGET_MS if is_wanted else None
            )
    videos = asked.videos
    listed = timed(folder, lambda store, n: retrieval.events_of(store, videos[n]), count)
    yield Line("one video, all its events", listed, wanted_ms=TARGET_MS)
    counted = timed(folder, lambda store, n: retrieval.count_events(store, videos[n]), count)
    yield Line("one video, how many", counted, wanted_ms=TARGET_MS)


def compared(folder: Path, asked: Asked) -> Iterator[Line]:
    """Two ways that the project does not take: no vector index, and the vector index under a filter on the video."""
    table = lancedb.connect(str(folder)).open_table(KIND.name)

    def cosines(query: lancedb.query.LanceQueryBuilder) -> NDArray[np.float32]:
        return 1 - query.distance_type("dot").limit(TOP).select(["_distance"]).to_arrow()["_distance"].to_numpy()

    def nearest(number: int) -> lancedb.query.LanceQueryBuilder:
        return table.search(asked.vectors[number], vector_column_name="vector")

    few = min(5, len(asked.texts))
    brute = timed(folder, lambda _, n: cosines(nearest(n).bypass_vector_index()), few)
    yield Line("library, every vector compared", brute, 1.0)
    indexed = [cosines(nearest(n).where(f"video_id = '{video}'")) for n, video in enumerate(asked.videos)]
    tenth = zip(indexed, asked.tenth["one video"], strict=True)
    found = float(np.mean([(scores >= best - SCORE_TOLERANCE).sum() / TOP for scores, best in tenth]))
    filtered = timed(
        folder, lambda _, n: cosines(nearest(n).where(f"video_id = '{asked.videos[n]}'")), len(asked.texts)
    )
    yield Line("one video, through the vector index", filtered, found)


def prepare(size: Size, corpus: Corpus, encoder: embedding.TextEncoder, random: np.random.Generator) -> Asked:
    texts = written(QUESTIONS, size.questions, random)
    known = Encoded(encoder, texts)
    vectors = known.encode(texts)
    numbers = random.choice(size.videos, len(texts), replace=len(texts) > size.videos)
    own = [
        vectors_of(make_video(int(n), size, corpus, encoder.name)) @ v for n, v in zip(numbers, vectors, strict=True)
    ]
    return Asked(
        texts=texts,
        vectors=vectors,
        videos=[f"video-{number:06d}" for number in numbers],
        tenth=tenth_best(size, corpus, vectors, encoder.name)
        | {"one video": [float(np.sort(scores)[-TOP]) for scores in own]},
        encoder=known,
    )


def encoder_lines(encoder: embedding.TextEncoder, texts: Sequence[str], cache: Path) -> Iterator[str]:
    """Sentences a CPU second of both runtimes, the best of three turns each, and how far their vectors lie apart."""
    encoders = {"openvino": encoder, "sentence-transformers": embedding.load("sentence-transformers", cache=cache)}
    vectors, best_s = {}, dict.fromkeys(encoders, float("inf"))
    for name, each in list(encoders.items()) * 3:
        start = time.process_time()
        vectors[name] = each.encode(texts)
        best_s[name] = min(best_s[name], time.process_time() - start)
    ratio = best_s["sentence-transformers"] / best_s["openvino"]
    least = embedding.cosines(vectors["openvino"], vectors["sentence-transformers"]).min()
    rate = f"{len(texts) / best_s['openvino']:,.0f} sentences a CPU second"
    yield f"  {rate}, {ratio:.1f} times sentence-transformers, cosine to it >= {least:.5f}"
    costs = [used(lambda text=text: encoder.encode([text])).cpu_s for text in texts[:50]]
    yield f"  one question: {np.median(costs) * 1e3:.1f} ms CPU"


def show(lines: Iterator[Line]) -> list[Line]:
    print(f"  {'':38} {'first':>9} {'median':>9} {'p95':>9} {'recall@10':>10}   (ms CPU)")
    shown = []
    for line in lines:
        found = "-" if line.recall is None else f"{line.recall:.3f}"
        t = line.timing
        print(f"  {line.name:38} {t.first_ms:9.1f} {t.median_ms:9.1f} {t.p95_ms:9.1f} {found:>10}", flush=True)
        shown.append(line)
    return shown


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="120 videos instead of 2,000")
    parser.add_argument(
        "--folder", type=Path, help="where to build (5 GB, removed afterwards); a temporary folder if not given"
    )
    options = parser.parse_args()
    size = QUICK if options.quick else FULL
    with tempfile.TemporaryDirectory(dir=options.folder, prefix="index-benchmark-") as temporary:
        run(size, Path(temporary))


def run(size: Size, folder: Path) -> None:
    random = np.random.default_rng(SEED)
    encoder = embedding.load("openvino", cache=folder / "cache")
    corpus = make_corpus(size, encoder, random)
    print(f"Text encoder, {encoder.name}")
    for text in encoder_lines(encoder, corpus.texts[:: len(corpus.texts) // 500], folder / "cache"):
        print(text, flush=True)
    library = folder / "library"
    print(f"Library of {size.rows:,} rows, {size.videos:,} videos, {len(corpus.texts):,} sentences")
    for text in build(size, corpus, library, encoder.name):
        print(text, flush=True)
    asked = prepare(size, corpus, encoder, random)
    print(f"Retrieval of the best {TOP}, {len(asked.texts)} questions; the question's encoding not counted")
    lines = show(report(library, asked))
    print("For comparison")
    by_name = {line.name: line for line in [*lines, *show(compared(library, asked))]}
    brute, indexed = by_name["library, every vector compared"], by_name["library, by meaning"]
    saved = 1 - indexed.timing.median_ms / brute.timing.median_ms
    print(f"The vector index saves {saved:.1%} of the CPU of comparing every vector.")
    missed = [line.name for line in lines if not line.met()]
    targets = (
        f"recall@10 = 1 in one video, >= {TARGET_RECALL} across the library and in each part of it; "
        f"median <= {TARGET_MS:.0f} ms CPU in one video and across the whole library"
    )
    print(f"Targets ({targets}): " + (f"MISSED by {'; '.join(missed)}" if missed else "all met"))


if __name__ == "__main__":
    main()

"""What the pipeline makes of recordings whose truth is known, from the video to its events.

    python benchmarks/truth.py RECORDINGS_DIR [--quick] [--only PART_OF_NAME] [--tables DIR]

RECORDINGS_DIR holds recordings of the simulator: NAME.mp4, NAME.truth.json and NAME.truth.parquet. Each video goes
through decoding, reading of text, game state, speech and events by the functions that the assets call, with the
profile `cpu`; nothing but the video is given to them. `--quick` takes the first two recordings. `--tables` keeps what
was read, state and events as Parquet, to look at.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from operator import add
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from gvlm_resources import game as game_module
from gvlm_resources import schemas
from gvlm_resources import settings as settings_module
from gvlm_resources.evaluation.spotting import Score, Spot, pooled, score_kinds
from gvlm_resources.evaluation.truth import Agreement, Shown, agreement
from gvlm_resources.game import Game
from gvlm_resources.settings import Settings
from gvlm_resources.simulator import truth as truth_module
from gvlm_resources.simulator.truth import Truth
from gvlm_resources.text import reading, transcript, vad
from gvlm_resources.text.rapid_ocr import RapidReader
from gvlm_resources.text.sphinx import SphinxRecogniser
from gvlm_resources.timebase import s_from_ns
from gvlm_resources.timeline import events, state
from gvlm_resources.video import decode
from gvlm_resources.video.probe import probe

GAME = "freedoom"
KINDS = ("damage", "heal", "armor", "pickup", "shot", "death", "respawn", "weapon_change", "secret")
TOLERANCE_NS = 1_500_000_000
TARGET_F1 = 0.85
TARGET_F1_KINDS = ("damage", "pickup", "death")
TARGET_EXACT_KINDS = ("death", "pickup")
TARGET_EXACT = 0.9
TARGET_HUD = 0.98


@dataclass(frozen=True)
class Engines:
    """What is loaded once for all recordings."""

    reader: RapidReader
    recogniser: SphinxRecogniser


@dataclass(frozen=True)
class Made:
    """What the pipeline made of one recording."""

    ocr: pa.Table
    state: pa.Table
    events: pa.Table
    frames_pts_ns: list[int]
    cpu_s: dict[str, float]


@dataclass(frozen=True)
class Result:
    """One recording's scores by kind, and the agreement of each variable at the sampled frames and at every frame."""

    name: str
    duration_s: float
    scores: dict[str, Score]
    sampled: list[Agreement]
    every: list[Agreement]
    invented_speech: int
    cpu_s: dict[str, float]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recordings", type=Path)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--only", default="")
    parser.add_argument("--tables", type=Path)
    options = parser.parse_args()
    manifests = sorted(path for path in options.recordings.glob("*.truth.json") if options.only in path.name)
    manifests = manifests[:2] if options.quick else manifests
    if not manifests:
        raise SystemExit(f"{options.recordings} holds no recordings with a truth: make some with the simulator first")
    settings, game = settings_module.load("cpu"), game_module.load(GAME)
    engines = Engines(RapidReader(), SphinxRecogniser())
    results = []
    for manifest in manifests:
        told = truth_module.read(manifest)
        made = make(manifest.parent / told.recording.video, settings, game, engines)
        if options.tables is not None:
            keep(made, options.tables / told.recording.video)
        results.append(judge(told, made, game))
        print_recording(results[-1], first=len(results) == 1)
    return print_summary(results)


def make(video: Path, settings: Settings, game: Game, engines: Engines) -> Made:
    """Decode, read, and tell the events of one video; with the CPU time of each step."""
    clock = Clock()
    with tempfile.TemporaryDirectory(prefix="gvlm-truth-") as name:
        folder = Path(name)
        found = probe(video, settings.video)
        outputs = decode.Outputs(
            frames=folder / "frames.parquet", hud_crops=folder / "hud.parquet", audio=folder / "audio.wav"
        )
        decode.sample(video, found, video_id="v", settings=settings, hud_regions=game.hud, outputs=outputs)
        clock.lap("decode")
        ocr = reading.read_video(
            frames=folder / "frames.parquet",
            hud_crops=folder / "hud.parquet",
            video_id="v",
            end_ns=found.duration_ns,
            game=game,
            reader=engines.reader,
            settings=settings.ocr,
        )
        clock.lap("text")
        speech = spoken(folder / "audio.wav", settings, engines.recogniser)
        clock.lap("speech")
        frames = pq.read_table(folder / "frames.parquet", columns=[c for c in schemas.FRAMES.names if c != "image"])
        held = state.series(ocr, game, video_id="v")
        told = events.merge(
            video_id="v",
            end_ns=found.duration_ns,
            game=game,
            state=held,
            ocr=ocr,
            speech=speech,
            frames=frames,
            sounds=schemas.SOUNDS.empty_table(),
            entities=schemas.ENTITIES.empty_table(),
        )
        clock.lap("events")
    return Made(ocr, held, told, frames["pts_ns"].to_pylist(), clock.laps)


class Clock:
    """CPU seconds of this process, all threads, between laps."""

    def __init__(self) -> None:
        self.laps: dict[str, float] = {}
        self._last = time.process_time()

    def lap(self, name: str) -> None:
        now = time.process_time()
        self.laps[name] = now - self._last
        self._last = now


def spoken(sound: Path, settings: Settings, recogniser: SphinxRecogniser) -> pa.Table:
    if not sound.exists():
        return schemas.SPEECH.empty_table()
    spans = vad.speech_spans(sound, settings.speech, video_id="v")
    return transcript.transcribe(sound, spans, recogniser, settings.speech)


def judge(told: Truth, made: Made, game: Game) -> Result:
    """What was made, against the truth. Only here does the truth come in."""
    found = [Spot(kind, at) for kind, at in zip(made.events["kind"].to_pylist(), starts(made.events), strict=True)]
    true = [Spot(event.kind, event.start_ns) for event in told.events]
    every_ns = told.tics["pts_ns"].to_pylist()
    return Result(
        name=told.recording.video.removesuffix(".mp4"),
        duration_s=s_from_ns(told.recording.duration_ns),
        scores=score_kinds(found, true, dict.fromkeys(KINDS, TOLERANCE_NS)),
        sampled=agreements(told, made.state, game, made.frames_pts_ns),
        every=agreements(told, made.state, game, every_ns),
        invented_speech=made.events["kind"].to_pylist().count("speech"),
        cpu_s=made.cpu_s,
    )


def starts(table: pa.Table) -> list[int]:
    return table["start_ns"].to_pylist()


def agreements(told: Truth, held: pa.Table, game: Game, moments_ns: Sequence[int]) -> list[Agreement]:
    """Each variable that the truth has a column `hud_...` for, at the frames shown at the moments."""
    shown_ns = told.tics["pts_ns"].to_pylist()
    frames = [bisect_right(shown_ns, at) - 1 for at in moments_ns]
    names = [rule.name for rule in game.variables if f"hud_{rule.name}" in told.tics.column_names]
    return [
        agreement(held, name, [Shown(at, values[frame]) for at, frame in zip(moments_ns, frames, strict=True)])
        for name in names
        for values in [told.tics[f"hud_{name}"].to_pylist()]
    ]


def keep(made: Made, stem: Path) -> None:
    stem.parent.mkdir(parents=True, exist_ok=True)
    for name, table in (("ocr", made.ocr), ("state", made.state), ("events", made.events)):
        pq.write_table(table, stem.with_suffix(f".{name}.parquet"))


def print_recording(result: Result, *, first: bool) -> None:
    if first:
        print(f"tolerance {s_from_ns(TOLERANCE_NS)} s; counts are found/true; HUD is exact at sampled frames")
        heads = (f"{head:>11}" for head in (*TARGET_F1_KINDS, "pickup F1", "HUD", "speech"))
        print(f"{'recording':<32}{'s':>5}{''.join(heads)}  CPU s: decode + text + speech + events")
    scores = [result.scores[kind] for kind in TARGET_F1_KINDS]
    counts = "".join(f"{f'{score.predictions}/{score.truths}':>11}" for score in scores)
    hud_share = reduce(add, result.sampled).exactness
    cpu = " + ".join(f"{seconds:.1f}" for seconds in result.cpu_s.values())
    print(
        f"{result.name:<32}{result.duration_s:>5.0f}{counts}{shown(result.scores['pickup'].f1):>11}"
        f"{shown(hud_share, 4):>11}{result.invented_speech:>11}  {cpu}",
        flush=True,
    )


def print_summary(results: Sequence[Result]) -> int:
    scores = {kind: pooled([result.scores[kind] for result in results]) for kind in KINDS}
    print(f"\n{'kind':<15}{'true':>6}{'found':>7}{'P':>8}{'R':>8}{'F1':>8}{'mean error':>12}{'exact counts':>14}")
    for kind, score in scores.items():
        exact = sum(result.scores[kind].count_is_exact for result in results)
        error = "-" if score.mean_error_ns is None else f"{score.mean_error_ns / 1e6:.0f} ms"
        print(
            f"{kind:<15}{score.truths:>6}{score.predictions:>7}{shown(score.precision):>8}{shown(score.recall):>8}"
            f"{shown(score.f1):>8}{error:>12}{f'{exact} of {len(results)}':>14}"
        )
    for title, pick in (("sampled frames", "sampled"), ("every frame", "every")):
        print(f"\nHUD at {title:<15}{'shown':>8}{'exact':>9}{'wrong':>8}{'missing':>9}{'invented':>10}")
        columns = list(zip(*(getattr(result, pick) for result in results), strict=True))
        for variable in columns:
            print_agreement(reduce(add, variable))
        print_agreement(reduce(add, (one for variable in columns for one in variable)))
    return print_targets(results, scores)


def print_agreement(one: Agreement) -> None:
    share = shown(one.exactness, 4)
    print(f"{one.variable:<22}{one.shown:>8}{share:>9}{one.wrong:>8}{one.missing:>9}{one.invented:>10}")


def print_targets(results: Sequence[Result], scores: dict[str, Score]) -> int:
    """Says which targets are met; 0 if all are."""
    sampled = reduce(add, (one for result in results for one in result.sampled))
    lines = [
        (f"{kind} F1 >= {TARGET_F1}", scores[kind].f1, (scores[kind].f1 or 0) >= TARGET_F1) for kind in TARGET_F1_KINDS
    ]
    for kind in TARGET_EXACT_KINDS:
        share = sum(result.scores[kind].count_is_exact for result in results) / len(results)
        lines.append((f"count of {kind} exact in {TARGET_EXACT:.0%} of the recordings", share, share >= TARGET_EXACT))
    exact = sampled.exactness or 0
    lines.append((f"HUD numbers exact on {TARGET_HUD:.0%} of the sampled frames", exact, exact >= TARGET_HUD))
    print(f"\n{len(results)} recordings, {sum(result.duration_s for result in results):.0f} s")
    for target, value, met in lines:
        print(f"{'met   ' if met else 'MISSED'}  {target}: {shown(value, 4)}")
    invented = sum(result.invented_speech for result in results)
    print(f"utterances heard in games without speech: {invented}")
    return 0 if all(met for _, _, met in lines) else 1


def shown(value: float | None, digits: int = 3) -> str:
    return "-" if value is None else f"{value:.{digits}f}"


if __name__ == "__main__":
    sys.exit(main())

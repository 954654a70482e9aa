"""Sounds told from recordings, against the engine: the listener in force, the same network untrained, and chance.

    python benchmarks/sounds.py FOLDER [--model ast-freedoom] [--stride 0.25] [--merge 0.5] [--tolerance 0.5]

FOLDER holds recordings of the simulator with their truth; they must not be of maps that the checkpoint was trained on.
Everything is told by `sounds.listen`, as a video's `sound_events` are; a sound's moment is the start of its row.

- truth: the onsets of each label as the engine tells them, of the player's own shots, pickups, pain and death and of
  the deaths of monsters. Onsets of one label closer than --merge to the one before are one event, on both sides: a held
  trigger fires every 0.4 s or faster, and is one burst at 0.5.
- found: matched one to one within --tolerance (`evaluation.spotting`), pooled over all recordings.
- untrained: the same architecture with random weights, at the threshold that suits each label best on these very
  recordings: what the decoding and the choice of thresholds are worth without hearing anything.
- chance: as many events as there are in truth at moments drawn evenly, mean of 20 draws.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import ASTConfig, ASTForAudioClassification

from gvlm_resources import game, schemas
from gvlm_resources.encoders import ast, checkpoints, placement, sounds
from gvlm_resources.encoders.ast import AstTagger
from gvlm_resources.encoders.pretrain import sounds as truths
from gvlm_resources.encoders.protocol import Checkpoint
from gvlm_resources.encoders.windows import runs
from gvlm_resources.evaluation.spotting import Score, pooled, score
from gvlm_resources.game import SoundRule
from gvlm_resources.settings import ComputeSettings, SoundSettings
from gvlm_resources.simulator import truth
from gvlm_resources.text import wav
from gvlm_resources.timebase import NS_PER_S, ns_from_s

DRAWS = 20
THRESHOLDS = 39  # tried for the untrained network, from quantiles of its own scores
WIDTHS = (7, 7, 8, 8, 7, 8, 11, 8)
Moments = Mapping[str, list[int]]  # of each label, in ns, rising


@dataclass(frozen=True)
class Recording:
    sound: Path
    duration_ns: int
    truth: Moments


@dataclass
class Overheard:
    """A Tagger that keeps what another one scores, in the order of the windows."""

    inner: AstTagger
    kept: list[NDArray[np.float32]] = field(default_factory=list)

    def __getattr__(self, name: str) -> object:
        return getattr(self.inner, name)

    def scores(self, windows: NDArray[np.int16], rules: Sequence[SoundRule]) -> NDArray[np.float32]:
        found = self.inner.scores(windows, rules)
        self.kept.extend(found)
        return found


def recordings_of(folder: Path, work: Path) -> list[Recording]:
    found = []
    for manifest in sorted(folder.glob("*.truth.json")):
        told = truth.read(manifest)
        sound = work / f"{manifest.name.removesuffix('.truth.json')}.wav"
        truths.decode(manifest.with_name(told.recording.video), sound)
        moments = {label: [ns_from_s(at) for at in onsets] for label, onsets in truths.onsets(told).items()}
        found.append(Recording(sound, told.recording.duration_ns, moments))
    if not found:
        raise SystemExit(f"there are no recordings with truth in {folder}")
    return found


def merged(moments: Sequence[int], gap_ns: int) -> list[int]:
    """The first of each burst: those that come `gap_ns` or more after the one before."""
    rising = sorted(moments)
    return [now for before, now in zip([-NS_PER_S * 3600, *rising], rising, strict=False) if now - before >= gap_ns]


def told(recording: Recording, listener: sounds.SoundListener, rules: Sequence[SoundRule], args) -> Moments:
    """Where the product hears each label."""
    rows = sounds.listen(
        recording.sound,
        listener,
        SoundSettings(stride_s=args.stride),
        rules,
        ComputeSettings(decode_threads=1),
        video_id="benchmark",
        end_ns=recording.duration_ns,
        report=lambda line: None,
    ).to_pylist()
    good = [row for row in rows if row["status"] == schemas.STATUS_OK]
    return {rule.label: [row["start_ns"] for row in good if row["label"] == rule.label] for rule in rules}


def scored(label: str, found: Sequence[Moments], recordings: Sequence[Recording], args) -> Score:
    gap_ns, tolerance_ns = ns_from_s(args.merge), ns_from_s(args.tolerance)
    return pooled(
        [
            score(label, merged(one.get(label, []), gap_ns), merged(recording.truth[label], gap_ns), tolerance_ns)
            for one, recording in zip(found, recordings, strict=True)
        ]
    )


def untrained(checkpoint: Checkpoint, work: Path) -> AstTagger:
    """The same architecture with the weights that training starts from."""
    torch.manual_seed(0)
    folder = work / "untrained"
    ASTForAudioClassification(ASTConfig.from_pretrained(checkpoint.folder)).save_pretrained(folder)
    shutil.copy(checkpoint.folder / "preprocessor_config.json", folder)
    return load(Checkpoint("untrained@0", folder))


def load(checkpoint: Checkpoint) -> AstTagger:
    return ast.load(checkpoint, placement.choose_for(checkpoint, ComputeSettings(device="cpu"), "float32"))


def best_in_hindsight(
    listener: AstTagger, rules: Sequence[SoundRule], recordings: Sequence[Recording], args
) -> dict[str, float]:
    """The F1 of each label at the threshold that gives the highest, out of quantiles of the scores."""
    kept: list[NDArray[np.float32]] = []
    for recording in recordings:
        overheard = Overheard(listener)
        told(recording, overheard, rules, args)
        kept.append(np.stack(overheard.kept))
    best: dict[str, float] = {}
    for column, rule in enumerate(rules):
        tried = np.quantile(np.concatenate(kept)[:, column], np.linspace(0.025, 0.999, THRESHOLDS))
        heard = [at(kept, column, rule, cut, listener, recordings, args) for cut in tried]
        best[rule.label] = max(scored(rule.label, one, recordings, args).f1 or 0.0 for one in heard)
    return best


def at(kept, column: int, rule: SoundRule, cut: float, listener: AstTagger, recordings, args) -> list[Moments]:
    """Where a label is heard at a threshold, from scores that are there already."""
    slide = sounds.slide_of(listener, SoundSettings(stride_s=args.stride))
    found: list[Moments] = []
    for scores, recording in zip(kept, recordings, strict=True):
        samples = wav.sample_count(recording.sound)
        spans = [run.span(slide, samples) for run in runs(scores[:, column : column + 1], [float(cut)])]
        found.append({rule.label: [start * wav.NS_PER_SAMPLE for start, _ in spans]})
    return found


def by_chance(label: str, recordings: Sequence[Recording], args) -> float:
    chance = np.random.default_rng(0)
    draws: list[float] = []
    for _ in range(DRAWS):
        counts = [len(merged(one.truth[label], ns_from_s(args.merge))) for one in recordings]
        found = [
            {label: chance.uniform(0, one.duration_ns, count).astype(int).tolist()}
            for one, count in zip(recordings, counts, strict=True)
        ]
        draws.append(scored(label, found, recordings, args).f1 or 0.0)
    return float(np.mean(draws))


def percent(value: float | None) -> str:
    return "   -" if value is None else f"{value:.2f}"


def show(rules: Sequence[SoundRule], total: Callable[[str], Score], noise: Mapping[str, float], chance) -> None:
    columns = zip(("truth", "found", "prec.", "recall", "F1", "off s", "untrained", "chance"), WIDTHS, strict=True)
    print(f"{'label':16}" + "".join(f"{name:>{width}}" for name, width in columns))
    for rule in rules:
        one = total(rule.label)
        off = "-" if one.mean_error_ns is None else f"{one.mean_error_ns / NS_PER_S:.2f}"
        print(
            f"{rule.label:16}{one.truths:>7}{one.predictions:>7}{percent(one.precision):>8}{percent(one.recall):>8}"
            f"{percent(one.f1):>7}{off:>8}{percent(noise.get(rule.label)):>11}{chance(rule.label):>8.2f}"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--model", default="ast-freedoom")
    parser.add_argument("--stride", type=float, default=0.25)
    parser.add_argument("--merge", type=float, default=0.5)
    parser.add_argument("--tolerance", type=float, default=0.5)
    parser.add_argument("--alone", action="store_true", help="leave out the untrained network")
    args = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as temporary:
        work = Path(temporary)
        recordings = recordings_of(args.folder, work)
        checkpoint = checkpoints.find(args.model, "", checkpoints.Folders(work / "models", work / "hub"))
        listener = load(checkpoint)
        rules = [rule for rule in truth_rules() if listener.knows(rule)]
        began = time.process_time()
        found = [told(recording, listener, rules, args) for recording in recordings]
        spent = time.process_time() - began
        heard_s = sum(one.duration_ns for one in recordings) / NS_PER_S
        noise = {} if args.alone else best_in_hindsight(untrained(checkpoint, work), rules, recordings, args)
        print(f"{checkpoint.name}: {len(recordings)} recordings, {heard_s:.0f} s of sound in {spent:.1f} s of CPU")
        show(
            rules,
            lambda label: scored(label, found, recordings, args),
            noise,
            lambda label: by_chance(label, recordings, args),
        )


def truth_rules() -> list[SoundRule]:
    """A rule for each label of the truth, by the game's tags where its file has that label."""
    of_game = {rule.label: rule for rule in game.load("freedoom").sounds}
    return [of_game.get(label, SoundRule(label=label, prompt=label, tags=(label,))) for label in truths.LABELS]


if __name__ == "__main__":
    main()

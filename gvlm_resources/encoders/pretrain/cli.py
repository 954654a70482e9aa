"""`python -m gvlm_resources.encoders.pretrain`: record the footage, train a checkpoint on it, measure it held out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from gvlm_resources.encoders.pretrain.footage import Footage
from gvlm_resources.encoders.pretrain.run import Run
from gvlm_resources.errors import GvlmError, SettingsError

app = typer.Typer(
    help="Trains the small checkpoints of the cpu profile on recorded games.",
    no_args_is_help=True,
    add_completion=False,
)

CHECKPOINTS = Path(__file__).parents[2] / "checkpoints"
# What `evaluate` is asked for, and the folder that the training of that name fills.
SHIPPED = {
    "siglip": "siglip-freedoom",
    "videomae": "videomae-freedoom",
    "wav2vec2": "wav2vec2-freedoom",
    "tagger": "ast-freedoom",
}

FootageOption = Annotated[Path, typer.Option("--footage", help="Folder of the recordings, with train/ and test/.")]
OutOption = Annotated[Path | None, typer.Option("--out", help="Checkpoint folder; default: the shipped one.")]
WorkOption = Annotated[Path | None, typer.Option("--work", help="State to continue from; default: in the footage.")]
EpochsOption = Annotated[int, typer.Option(min=1, help="Passes over the training footage.")]
MinutesOption = Annotated[float, typer.Option(min=0.01, help="Wall clock after which the training ends.")]
SeedOption = Annotated[int, typer.Option(min=0)]
ThreadsOption = Annotated[int, typer.Option(min=1, help="Threads of torch.")]


@app.command("record")
def record_command(
    footage: FootageOption,
    part: Annotated[list[str] | None, typer.Option(help="train, dev or test; default: all.")] = None,
) -> None:
    """Record the footage: training maps and test maps apart. A recording that is there is kept."""
    from gvlm_resources.encoders.pretrain.footage import record

    for name in record(Footage(footage), part):
        typer.echo(name)


@app.command("siglip")
def siglip_command(
    footage: FootageOption,
    out: OutOption = None,
    work: WorkOption = None,
    epochs: EpochsOption = 40,
    minutes: MinutesOption = 75.0,
    seed: SeedOption = 0,
    threads: ThreadsOption = 1,
    start: Annotated[Path | None, typer.Option(help="A checkpoint to begin with, instead of random weights.")] = None,
) -> None:
    """Frames and words in one space: SigLIP from scratch on frames captioned by engine truth."""
    from gvlm_resources.encoders.pretrain import siglip

    run = _run("siglip", footage, out, work, epochs, minutes, seed, threads)
    siglip.train(Footage(footage), run, start=start)


@app.command("videomae")
def videomae_command(
    footage: FootageOption,
    out: OutOption = None,
    work: WorkOption = None,
    epochs: EpochsOption = 20,
    minutes: MinutesOption = 23.0,
    seed: SeedOption = 0,
    threads: ThreadsOption = 1,
) -> None:
    """Clips: VideoMAE from scratch by reconstruction of masked tubes, then by the player's motion."""
    from gvlm_resources.encoders.pretrain import videomae

    videomae.train(Footage(footage), _run("videomae", footage, out, work, epochs, minutes, seed, threads))


@app.command("wav2vec2")
def wav2vec2_command(
    footage: FootageOption,
    out: OutOption = None,
    work: WorkOption = None,
    epochs: EpochsOption = 30,
    minutes: MinutesOption = 9.5,
    seed: SeedOption = 0,
    threads: ThreadsOption = 1,
) -> None:
    """Sound: Wav2Vec2 from scratch by masked prediction of the spectrum."""
    from gvlm_resources.encoders.pretrain import wav2vec2

    wav2vec2.train(Footage(footage), _run("wav2vec2", footage, out, work, epochs, minutes, seed, threads))


@app.command("tagger")
def tagger_command(
    footage: FootageOption,
    out: OutOption = None,
    work: WorkOption = None,
    epochs: EpochsOption = 40,
    minutes: MinutesOption = 14.0,
    seed: SeedOption = 0,
    threads: ThreadsOption = 1,
) -> None:
    """Sounds of the game: an audio spectrogram transformer on events of engine truth."""
    from gvlm_resources.encoders.pretrain import tagger

    tagger.train(Footage(footage), _run("tagger", footage, out, work, epochs, minutes, seed, threads))


@app.command("evaluate")
def evaluate_command(
    name: Annotated[str, typer.Argument(help=f"One of {', '.join(SHIPPED)}.")],
    footage: FootageOption,
    checkpoint: Annotated[Path | None, typer.Option(help="Folder; default: the shipped one.")] = None,
    threads: ThreadsOption = 1,
) -> None:
    """Measure a checkpoint on the test maps. Prints the results and keeps them in its training.json."""
    folder = checkpoint or _shipped(name)
    results = _evaluate(name, Footage(footage), folder, threads)
    record = folder / "training.json"
    told = json.loads(record.read_text()) if record.exists() else {}
    record.write_text(json.dumps({**told, "results": results}, indent=1) + "\n")
    typer.echo(json.dumps(results, indent=1))


def _evaluate(name: str, footage: Footage, checkpoint: Path, threads: int) -> dict[str, Any]:
    if name == "siglip":
        from gvlm_resources.encoders.pretrain import probes

        return probes.evaluate(footage, checkpoint, threads=threads)
    if name == "videomae":
        from gvlm_resources.encoders.pretrain import videomae

        return videomae.evaluate(footage, checkpoint, threads=threads)
    if name == "wav2vec2":
        from gvlm_resources.encoders.pretrain import wav2vec2

        return wav2vec2.evaluate(footage, checkpoint, threads=threads)
    from gvlm_resources.encoders.pretrain import tagger

    return tagger.evaluate(footage, checkpoint, threads=threads)


def _run(
    name: str,
    footage: Path,
    out: Path | None,
    work: Path | None,
    epochs: int,
    minutes: float,
    seed: int,
    threads: int,
) -> Run:
    checkpoint = out or _shipped(name)
    return Run(checkpoint, work or footage / "work" / name, epochs, minutes, seed, threads)


def _shipped(name: str) -> Path:
    if name not in SHIPPED:
        raise SettingsError(f"there is no checkpoint {name!r} to train", remedy=f"name one of {', '.join(SHIPPED)}")
    return CHECKPOINTS / SHIPPED[name]


def main() -> None:
    """The command line. A known error is told in one line, and ends it with 1."""
    try:
        app()
    except GvlmError as error:
        typer.echo(f"error: {error}", err=True)
        raise SystemExit(1) from error

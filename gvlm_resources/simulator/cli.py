"""`python -m gvlm_resources.simulator`: record games, replay their logs, make the samples again."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Annotated

import typer

from gvlm_resources.errors import GvlmError
from gvlm_resources.simulator import truth
from gvlm_resources.simulator.catalogue import Level, all_levels
from gvlm_resources.simulator.engine import TIC_RATE_HZ
from gvlm_resources.simulator.recorder import DEFAULT_CRF, plan_series, record, replay
from gvlm_resources.simulator.samples import make_samples

app = typer.Typer(help="Records games of Freedoom with engine truth.", no_args_is_help=True, add_completion=False)


@app.command("record")
def record_command(
    folder: Annotated[Path, typer.Argument(help="Where the recordings and their truth go.")],
    level: Annotated[list[str], typer.Option("--map", help="A level such as freedoom2/MAP01; several take turns.")],
    bot: Annotated[list[str] | None, typer.Option("--bot", help="How to play; several take turns.")] = None,
    count: Annotated[int, typer.Option(min=1, help="How many recordings.")] = 1,
    seconds: Annotated[float, typer.Option(min=0.1, help="Length of each.")] = 60.0,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the first; the next ones count up.")] = 1,
    skill: Annotated[int, typer.Option(min=1, max=5, help="1 is the easiest.")] = 3,
    crf: Annotated[int, typer.Option(min=0, max=51, help="x264's quality; lower is better and larger.")] = DEFAULT_CRF,
) -> None:
    """Record games: the n-th takes the n-th map, bot and seed."""
    plans = plan_series(
        [Level.parse(name) for name in level],
        bot or ["fighter"],
        count=count,
        tics=round(seconds * TIC_RATE_HZ),
        seed=seed,
        skill=skill,
        crf=crf,
    )
    for plan in plans:
        _report(record(plan, folder))


@app.command("replay")
def replay_command(
    manifests: Annotated[list[Path], typer.Argument(help="Truth manifests (*.truth.json).")],
) -> None:
    """Play recorded logs again and compare every frame, sample and variable. Exits with 1 where one differs."""
    all_equal = True
    for manifest in manifests:
        report = replay(truth.read(manifest))
        all_equal = all_equal and report.bit_equal
        parts = {"frames": report.frames_equal, "sound": report.sound_equal, "variables": report.variables_equal}
        verdicts = ", ".join(f"{part} {'equal' if equal else 'DIFFER'}" for part, equal in parts.items())
        typer.echo(f"{manifest.name}: {report.tics} tics, {verdicts}")
    raise typer.Exit(0 if all_equal else 1)


@app.command("samples")
def samples_command(
    folder: Annotated[Path, typer.Argument(help="Where they go.")] = Path("data_lake/samples"),
) -> None:
    """Make the sample recordings again."""
    for told in make_samples(folder):
        _report(told)


@app.command("list-maps")
def list_maps_command() -> None:
    """Name every level that can be recorded."""
    for level in all_levels():
        typer.echo(str(level))


def _report(told: truth.Truth) -> None:
    counts = Counter(event.kind for event in told.events)
    listed = ", ".join(f"{kind} {counts[kind]}" for kind in sorted(counts))
    typer.echo(f"{told.recording.video}: {told.recording.tics} tics of {told.recording.level}; {listed or 'no events'}")


def main() -> None:
    """The command line. A known error is told in one line, and ends it with 1."""
    try:
        app()
    except GvlmError as error:
        typer.echo(f"error: {error}", err=True)
        raise SystemExit(1) from error

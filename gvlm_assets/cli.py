"""The `gvlm` command: a thin front for the same assets that the Dagster UI shows.

Exit codes: 0 done · 1 something failed, and the message says what and what to do · 2 the command line is wrong ·
3 done in part: some videos were quarantined or could not be built.
"""

import json
import sys
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gvlm_assets import environment, release_cli
from gvlm_assets.models_cli import models_app
from gvlm_resources import settings as settings_module
from gvlm_resources.errors import GvlmError
from gvlm_resources.lake.catalogue import Catalogue, VideoRecord, question_record
from gvlm_resources.lake.layout import Layout
from gvlm_resources.lake.store import Lake

if TYPE_CHECKING:
    from gvlm_assets.running import Outcome

FAILED, PARTLY = 1, 3

app = typer.Typer(
    help="Gameplay videos in; a searchable timeline and answers that cite moments out.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def main() -> None:
    """Run the command; an expected error is one message on stderr and exit code 1, never a traceback."""
    try:
        app()
    except GvlmError as error:
        typer.secho(f"error: {error.cause}", fg="red", err=True)
        typer.secho(f"  try: {error.remedy}", err=True)
        sys.exit(FAILED)


app.add_typer(models_app, name="models", help="The checkpoints of the profiles: fetch them, list them.")
app.add_typer(release_cli.release_app, name="release", help="Training sets: create, show, compare, export.")
app.add_typer(release_cli.import_app, name="import", help="Take in pairs and features made elsewhere.")
app.command()(release_cli.review)
app.command()(release_cli.pairs)


@app.command()
def add(
    source: Annotated[str, typer.Argument(help="A video file, a folder, an http(s) URL, or a CSV manifest.")],
    game: Annotated[
        str, typer.Option(help="The game's name, for its HUD and rules; `gvlm games` lists them.")
    ] = "generic",
    licence: Annotated[str, typer.Option(help="Licence of the footage, kept with it.")] = "",
    recursive: Annotated[bool, typer.Option("--recursive", "-r", help="Look into sub-folders too.")] = False,
    link: Annotated[bool, typer.Option("--link", help="Hard-link local files instead of copying them.")] = False,
) -> None:
    """Add videos to the library. What is no usable video is quarantined, with the reason."""
    from gvlm_resources import library

    env = environment.read()
    options = library.Options(game=game, licence=licence, recursive=recursive, link=link)
    catalogue = Catalogue(Layout(env.lake))
    added = quarantined = 0
    for outcome in library.add(source, catalogue, _settings(env), options):
        if isinstance(outcome, library.Added):
            added += 1
            typer.echo(f"{'added' if outcome.is_new else 'known'}        {outcome.record.video_id}")
        elif isinstance(outcome, library.Ignored):
            typer.secho(f"ignored      {outcome.what}: {outcome.reason}", dim=True)
        else:
            quarantined += 1
            typer.secho(f"quarantined  {outcome.origin} [{outcome.code}]: {outcome.reason}", fg="yellow")
            typer.echo(f"             try: {outcome.remedy}")
    _register(env)
    if quarantined:
        raise typer.Exit(PARTLY if added else FAILED)
    if added:
        typer.echo("Next: `gvlm build`")


@app.command()
def videos(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for scripts.")] = False,
) -> None:
    """List the library: id, length, game, how much of it is built, and what is quarantined."""
    env = environment.read()
    catalogue = Catalogue(Layout(env.lake))
    rows = [_video_row(Lake(env.lake), record) for record in catalogue.videos()]
    bad = [{"source": row.origin, "code": row.code, "reason": row.reason} for row in catalogue.quarantined()]
    if as_json:
        typer.echo(json.dumps({"videos": rows, "quarantined": bad}, indent=2))
        return
    for row in rows:
        typer.echo(
            f"{row['video_id']:<60} {row['duration']:>8}  {row['game']:<12} {row['built']} of {row['stages']} built"
        )
    for row in bad:
        typer.secho(f"quarantined: {row['source']} [{row['code']}] {row['reason']}", fg="yellow")
    if not rows and not bad:
        typer.echo("The library is empty. Add something: `gvlm add data_lake/samples --game freedoom`")


@app.command()
def build(
    video: Annotated[list[str] | None, typer.Argument(help="Video ids; without any, the whole library.")] = None,
    select: Annotated[
        str, typer.Option(help="Assets, in Dagster's selection syntax: `ocr_text`, `ocr_text+`, `*`.")
    ] = "*",
) -> None:
    """Materialise the assets of videos through Dagster, one run a video. What is fresh is skipped."""
    from gvlm_assets import running

    env = environment.read()
    library = Catalogue(Layout(env.lake))
    wanted = [library.video(key).video_id for key in video] if video else library.video_ids()
    if not wanted:
        typer.echo("The library is empty. Add something: `gvlm add PATH`")
        raise typer.Exit(FAILED)
    _settings(env)  # what is wrong with them is said once, and before anything runs
    started = time.perf_counter()
    with running.Runner(env) as runner:
        failed = [key for key in wanted if not _build_one(runner, key, select)]
    typer.echo(f"{len(wanted) - len(failed)} of {len(wanted)} videos built in {time.perf_counter() - started:.0f} s")
    if failed:
        raise typer.Exit(PARTLY if len(failed) < len(wanted) else FAILED)


def _build_one(runner: Any, video_id: str, select: str) -> bool:
    typer.secho(video_id, bold=True)
    outcome = runner.build(video_id, select, show=lambda line: typer.echo(f"  {line}"))
    _say_failures(outcome)
    return outcome.succeeded


def _say_failures(outcome: "Outcome") -> None:
    for message in outcome.failures:
        typer.secho(f"  failed: {message}", fg="red", err=True)
    for message in outcome.failed_checks:
        typer.secho(f"  check failed: {message}", fg="yellow", err=True)


@app.command()
def ask(
    question: Annotated[str, typer.Argument(help='In quotes, with times where you like: "why did I die at 00:45?"')],
    video: Annotated[str, typer.Option(help="Ask about this video alone.")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print the whole answer as JSON.")] = False,
) -> None:
    """Ask about the library or one video. The answer cites moments and shows the evidence behind each."""
    from gvlm_assets import running
    from gvlm_resources.reasoning.protocol import Answer

    env = environment.read()
    catalogue = Catalogue(Layout(env.lake))
    asked = question_record(question, video)
    catalogue.add_question(asked)
    with running.Runner(env) as runner:
        outcome = runner.answer(asked.question_id)
    if not outcome.succeeded:
        _say_failures(outcome)
        raise typer.Exit(FAILED)
    text = Lake(env.lake).get("answers", asked.question_id).path("answer.json").read_text()
    if as_json:
        typer.echo(text.rstrip())
        return
    _print_answer(Answer.from_json(text), catalogue)


def _print_answer(answer: Any, catalogue: Catalogue) -> None:
    from gvlm_resources.timebase import Span

    typer.echo(answer.text)
    titles = {record.video_id: record.title for record in catalogue.videos()}
    if answer.evidence:
        typer.secho("\nEvidence", bold=True)
    cited = {citation.row_id for citation in answer.citations}
    for row in answer.evidence:
        if row.row_id in cited:
            label = Span(row.start_ns, row.end_ns).label()
            typer.echo(
                f"  [{label}] {row.text}  ({titles.get(row.video_id, row.video_id)}, {row.frame_id or row.row_id})"
            )
    for note in answer.notes:
        typer.secho(f"  note: {note}", dim=True)
    typer.secho(f"  composed by {answer.core}", dim=True)


@app.command()
def find(
    words: Annotated[str, typer.Argument(help='What to look for, in quotes: "a red door".')],
    video: Annotated[str, typer.Option(help="Look in this video alone.")] = "",
    limit: Annotated[int, typer.Option(min=1, max=100, help="How many moments.")] = 10,
    sheet: Annotated[str, typer.Option(help="Write a contact sheet of the moments to this JPEG file.")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for scripts.")] = False,
) -> None:
    """Find frames that look like words, best first, in the library or one video."""
    from gvlm_assets import finding

    env = environment.read()
    matches = finding.find(env, _settings(env), words, video=video, limit=limit)
    if sheet:
        finding.write_sheet(Lake(env.lake), matches, sheet)
    if as_json:
        typer.echo(json.dumps([finding.as_json(match) for match in matches], indent=2))
        return
    titles = {record.video_id: record.title for record in Catalogue(Layout(env.lake)).videos()}
    for match in matches:
        typer.echo(finding.line(match, titles.get(match.video_id, match.video_id)))
    if sheet:
        typer.echo(f"contact sheet: {sheet}")


@app.command()
def games() -> None:
    """List the games whose HUD and rules are known."""
    from gvlm_resources import game

    for name in game.names():
        known = game.load(name)
        typer.echo(f"{name:<16} {known.title} ({len(known.hud)} HUD regions)")


@app.command()
def doctor(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for scripts.")] = False,
) -> None:
    """Say what is installed, which models are present, and what each profile would need."""
    from gvlm_resources import doctor as examining
    from gvlm_resources.encoders.checkpoints import Folders

    env = environment.read()
    folders = Folders(env.models, env.hub_cache)
    report = examining.report(_settings(env), env.lake, folders, api_key=environment.api_key())
    typer.echo(report.to_json() if as_json else report.to_text())
    if not report.ok:
        raise typer.Exit(FAILED)


def _settings(env: environment.Environment) -> settings_module.Settings:
    return settings_module.load(env.profile, overrides=env.settings_file)


def _register(env: environment.Environment) -> None:
    from gvlm_assets import running

    with running.Runner(env):
        pass  # opening the instance replays the catalogue into its partitions


def _video_row(lake: Lake, record: VideoRecord) -> dict[str, Any]:
    from gvlm_resources.recipes import STAGES
    from gvlm_resources.timebase import format_clock

    found = [asset for asset in STAGES if lake.find(asset, record.video_id) is not None]
    probe = lake.find("video", record.video_id)
    duration = json.loads(probe.path("probe.json").read_text())["duration_ns"] if probe else None
    return {
        "video_id": record.video_id,
        "title": record.title,
        "game": record.game,
        "licence": record.licence,
        "duration": format_clock(duration) if duration is not None else "?",
        "built": len(found),
        "stages": len(STAGES),
    }


__all__: Sequence[str] = ("app", "main")

"""`gvlm release`, `gvlm review`, `gvlm pairs` and `gvlm import`: from pairs to a training set that people looked at."""

import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gvlm_assets import environment, finding, releasing, stored
from gvlm_resources import settings as settings_module
from gvlm_resources.bindings import LakeFolder
from gvlm_resources.errors import ReleaseError
from gvlm_resources.lake.catalogue import Catalogue
from gvlm_resources.lake.layout import Layout, checked_key
from gvlm_resources.lake.store import Lake, read_table
from gvlm_resources.schemas import STATUS_OK
from gvlm_resources.timebase import Span

if TYPE_CHECKING:
    from gvlm_resources.dataset.releases.release_spec import Ratios, ReleaseSpec

FAILED, PARTLY = 1, 3
QUOTA = "quota"

release_app = typer.Typer(no_args_is_help=True)
import_app = typer.Typer(no_args_is_help=True)


def _folder() -> LakeFolder:
    return LakeFolder(root=str(environment.read().lake))


@release_app.command()
def create(
    name: Annotated[str, typer.Argument(help="The release's name: letters, digits, '-' and '_'.")],
    video: Annotated[
        list[str] | None, typer.Option(help="A video id; again for more. Without any: every video.")
    ] = None,
    game: Annotated[list[str] | None, typer.Option(help="Only videos of this game; again for more.")] = None,
    kind: Annotated[list[str] | None, typer.Option(help="Only this kind of question; again for more.")] = None,
    curriculum: Annotated[list[str] | None, typer.Option(help="alignment, dynamics or long; again for more.")] = None,
    language: Annotated[list[str] | None, typer.Option(help="Only this language; again for more.")] = None,
    made_by: Annotated[list[str] | None, typer.Option(help="Only writers that begin so: `templates`, `Qwen/`.")] = None,
    min_confidence: Annotated[float, typer.Option(min=0, max=1, help="Least confidence of an example.")] = 0.0,
    max_tokens: Annotated[int | None, typer.Option(min=1, help="Longest example, in words and marks.")] = None,
    reviewed_only: Annotated[bool, typer.Option("--reviewed-only", help="Only what people accepted or fixed.")] = False,
    seed: Annotated[int, typer.Option(min=0, help="Decides splits, balance and order.")] = 0,
    train: Annotated[float, typer.Option(min=0, max=1)] = 0.8,
    validation: Annotated[float, typer.Option(min=0, max=1)] = 0.1,
    test: Annotated[float, typer.Option(min=0, max=1)] = 0.1,
    largest_share: Annotated[float, typer.Option(min=0.01, max=1, help="Most of a split that is one kind.")] = 0.3,
    most_alike: Annotated[int, typer.Option(min=1, help="Most examples in the same words.")] = 50,
    splits_of: Annotated[
        str, typer.Option(help="A release whose videos stay in their splits, so that no model trains on its tests.")
    ] = "",
    build: Annotated[bool, typer.Option(help="Build it at once.")] = True,
) -> None:
    """Freeze what a release is made of, and build it: deduplicated, balanced, split by video, with its card."""
    from gvlm_resources.dataset.releases import release_spec as parts

    folder = _folder()
    spec = releasing.spec(
        folder,
        name,
        _chosen(folder, video or (), game or ()),
        seed=seed,
        filters=parts.Filters(
            kinds=tuple(kind or ()),
            curricula=tuple(curriculum or ()),
            languages=tuple(language or ()),
            made_by=tuple(made_by or ()),
            min_confidence=min_confidence,
            max_tokens=max_tokens,
            reviewed_only=reviewed_only,
        ),
        ratios=_ratios(train, validation, test),
        dedup=parts.Dedup(most_alike=most_alike),
        balance=parts.Balance(largest_share=largest_share),
        pinned=releasing.splits_of(folder, splits_of) if splits_of else {},
    )
    _freeze(folder, spec, build=build)


@release_app.command()
def restore(
    file: Annotated[Path, typer.Argument(help="The `spec.json` of a release, from this lake or another.")],
    name: Annotated[str, typer.Option(help="Another name for it.")] = "",
    build: Annotated[bool, typer.Option(help="Build it at once.")] = True,
) -> None:
    """Create a release again from what it was asked to be: the same videos, filters, seed and decisions, the same
    bytes. Its videos' training examples must be those of that time."""
    folder, spec = _folder(), releasing.read_spec(file)
    for note in releasing.told_otherwise(folder, spec):
        typer.secho(f"note: {note}", fg="yellow", err=True)
    _freeze(folder, spec.model_copy(update={"name": checked_key(name)}) if name else spec, build=build)


def _freeze(folder: LakeFolder, spec: "ReleaseSpec", *, build: bool) -> None:
    told = releasing.weighed(folder, spec)
    is_new = releasing.record(folder, spec)
    typer.echo(f"{'created' if is_new else 'known'}  {spec.name}: {len(spec.inputs)} videos; {told}")
    if build:
        _build(spec.name)


def _chosen(folder: LakeFolder, videos: Sequence[str], of_games: Sequence[str]) -> list[str]:
    """The videos that go in. Says which do not, and which were built with other settings or code."""
    choice = releasing.choose(folder, videos, games=of_games)
    for video_id in choice.unbuilt:
        typer.secho(f"left out: {video_id} has no training examples; `gvlm build {video_id}`", fg="yellow", err=True)
    env = environment.read()
    settings = settings_module.load(env.profile, overrides=env.settings_file)
    for video_id in releasing.stale(folder, settings, finding.models_of(env), choice.inputs):
        typer.secho(f"note: {video_id} was built with other settings or code; it goes in as it is", dim=True, err=True)
    return [each.video_id for each in choice.inputs]


def _ratios(train: float, validation: float, test: float) -> "Ratios":
    from gvlm_resources.dataset.releases.release_spec import Ratios

    total = train + validation + test
    if abs(total - 1) > 1e-6:
        raise ReleaseError(f"the splits add up to {total:g}", remedy="let --train, --validation and --test add to 1")
    return Ratios(train=train, validation=validation, test=test)


@release_app.command("build")
def build_release(name: Annotated[str, typer.Argument(help="A release that was created.")]) -> None:
    """Build a release through Dagster. One that is built stays as it is."""
    _build(name)


def _build(name: str) -> None:
    from gvlm_assets import running
    from gvlm_resources.lake.releases import Releases

    Releases(_folder().lake()).spec(name)
    with running.Runner(environment.read()) as runner:
        outcome = runner.release(name)
    for message in outcome.failures:
        typer.secho(f"failed: {message}", fg="red", err=True)
    for message in outcome.failed_checks:
        typer.secho(f"check failed: {message}", fg="yellow", err=True)
    if not outcome.succeeded:
        raise typer.Exit(FAILED)
    show(name)
    if outcome.failed_checks:
        raise typer.Exit(PARTLY)


@release_app.command()
def show(
    name: Annotated[str, typer.Argument(help="A release that is built.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print the manifest.")] = False,
) -> None:
    """What a release holds, and where its files are."""
    _, release = releasing.stored_release(_folder(), name)
    if as_json:
        typer.echo(json.dumps(release.manifest, indent=2))
        return
    rows = release.index
    splits = Counter(rows.column("split").to_pylist())
    typer.echo(
        f"{name}: {rows.num_rows} examples: " + ", ".join(f"{splits[s]} {s}" for s in ("train", "validation", "test"))
    )
    for title, column in (("kinds", "kind"), ("curricula", "curriculum"), ("writers", "made_by")):
        typer.echo(f"  {title:<10} {_counted(rows.column(column).to_pylist())}")
    typer.echo(f"  {'removed':<10} {_counted(release.removed.column('reason').to_pylist()) or 'none'}")
    typer.echo(f"  {'files':<10} {release.folder}")
    typer.echo(f"  {'card':<10} {release.folder / 'card.html'}")


def _counted(values: Sequence[str]) -> str:
    return ", ".join(f"{count} {value}" for value, count in Counter(values).most_common())


@release_app.command("list")
def list_releases() -> None:
    """The releases that were created, and whether they are built."""
    from gvlm_resources.lake.releases import Releases

    lake = Lake(environment.read().lake)
    releases = Releases(lake)
    for name in releases.names():
        spec = releases.spec(name)
        built = lake.find(releasing.SET, name) is not None
        typer.echo(f"{name:<40} {len(spec.inputs):>5} videos  {'built' if built else 'not built'}")


@release_app.command()
def delete(
    name: Annotated[str, typer.Argument(help="A release.")],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Forget a release and remove its files. What it was made of, and its exports, stay."""
    releasing.known_name(_folder(), name)
    if not yes:
        typer.confirm(f"Remove the release {name} and its files?", abort=True)
    releasing.delete(_folder(), name)
    _unregister(name)
    typer.echo(f"removed  {name}")


def _unregister(name: str) -> None:
    from gvlm_assets import running

    with running.Runner(environment.read()) as runner:
        runner.forget_release(name)


@release_app.command()
def diff(
    a: Annotated[str, typer.Argument(help="A release.")],
    b: Annotated[str, typer.Argument(help="Another one.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for scripts.")] = False,
) -> None:
    """What differs between two releases: videos, settings, examples, splits."""
    from gvlm_resources.dataset.releases import diff as comparing

    folder = _folder()
    found = comparing.diff(releasing.stored_release(folder, a)[1], releasing.stored_release(folder, b)[1])
    typer.echo(json.dumps(found.as_json(), indent=2) if as_json else found.as_text())


@release_app.command()
def export(
    name: Annotated[str, typer.Argument(help="A release that is built.")],
    form: Annotated[str, typer.Option("--format", help="hf, chat, llava, swift or webdataset.")],
    to: Annotated[Path, typer.Option(help="A new folder, or one with an earlier export of the same format.")],
    max_pictures: Annotated[int, typer.Option(min=0, help="Most pictures that one example shows.")] = 16,
    vectors: Annotated[bool, typer.Option(help="Also the vectors behind the tokens, in hf and webdataset.")] = True,
) -> None:
    """Write a release as another tool reads it, with the pictures."""
    from gvlm_resources.dataset.export import write
    from gvlm_resources.dataset.export.job import Options

    folder = _folder()
    _, release = releasing.stored_release(folder, name)
    lake = releasing.made_with(folder.lake(), release)
    options = Options(max_pictures=max_pictures, vectors=vectors)
    done = write.write(form, release, to, releasing.frames(lake), options, releasing.vectors(lake, release))
    rows = ", ".join(f"{count} {split}" for split, count in done.rows.items())
    vectors_told = f", {sum(done.vectors.values())} vectors" if done.vectors else ""
    typer.echo(f"{form}: {rows}; {done.pictures} pictures{vectors_told}, in {to}")
    for note in done.notes:
        typer.secho(f"  note: {note}", dim=True)


def review(
    name: Annotated[str, typer.Argument(metavar="RELEASE", help="A release that is built.")],
    file: Annotated[Path | None, typer.Option(help="Write a review file here, to edit as a spreadsheet.")] = None,
    apply: Annotated[Path | None, typer.Option(help="Take the decisions out of an edited review file.")] = None,
    port: Annotated[int, typer.Option(help="Port of the page; 0 takes a free one.")] = 0,
    browser: Annotated[bool, typer.Option(help="Open the page in a browser.")] = True,
) -> None:
    """Look at a release pair by pair, with frame and clip: accept, fix or reject. Decisions feed the next release."""
    from gvlm_resources.dataset.review import review as reviewing
    from gvlm_resources.dataset.review import review_file

    if file is not None and apply is not None:
        raise typer.BadParameter("give --file to write a review file or --apply to read one, not both")

    folder = _folder()
    layout = folder.lake().layout
    _, release = releasing.stored_release(folder, name)
    if file is not None:
        words = _evidence(folder, release)
        count = review_file.write_file(release, file, reviewing.decisions(layout), evidence=words)
        typer.echo(f"{count} pairs in {file}; edit it, then `gvlm review {name} --apply {file}`")
        return
    if apply is not None:
        _apply(review_file.read_file(apply, release, layout))
        return
    _serve(folder, release, port, browser)


def _evidence(folder: LakeFolder, release: Any) -> Any:
    words = releasing.evidence_words(folder, release)

    def told(pair: Any) -> str:
        ids = release.example(pair.split, pair.offset).evidence
        return "; ".join(f"{row.clock} {row.text}" for row in words(pair.video_id, ids))

    return told


def _apply(report: Any) -> None:
    for problem in report.problems:
        typer.secho(f"left out: {problem}", fg="yellow", err=True)
    counts = ", ".join(f"{getattr(report, word)} {word}" for word in ("accepted", "fixed", "rejected", "withdrawn"))
    typer.echo(f"{counts}; {report.unchanged} rows as they were. The next `gvlm release create` takes them in.")
    if report.problems:
        raise typer.Exit(PARTLY)


def _serve(folder: LakeFolder, release: Any, port: int, browser: bool) -> None:
    from gvlm_resources.dataset.review import review_page

    lake = folder.lake()
    server = review_page.serve(
        release,
        lake.layout,
        evidence=releasing.evidence_words(folder, release),
        frame=releasing.frames(releasing.made_with(lake, release)),
        source_path=releasing.source_paths(folder),
        port=port,
        open_browser=browser,
    )
    typer.echo(f"Reviewing {release.spec.name} at {server.url}\nCtrl+C ends it; every decision is kept at once.")
    try:
        server.wait()
    except KeyboardInterrupt:
        typer.echo("")
    finally:
        server.stop()


def pairs(
    video: Annotated[str, typer.Argument(help="A video id.")],
    kind: Annotated[str, typer.Option(help="Only this kind of question.")] = "",
    language: Annotated[str, typer.Option(help="Only this language.")] = "",
    made_by: Annotated[str, typer.Option(help="Only writers that begin so: `templates`, `import@`.")] = "",
    dropped: Annotated[bool, typer.Option("--dropped", help="Those that a check dropped, and why.")] = False,
    quota: Annotated[bool, typer.Option("--quota", help="With --dropped: also what was beyond a quota.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for scripts.")] = False,
) -> None:
    """The questions and answers about a video."""
    from gvlm_resources.dataset.pairs import KINDS

    if kind not in ("", *KINDS):
        raise typer.BadParameter(f"there is no kind {kind!r}; there are {', '.join(KINDS)}")
    lake = Lake(environment.read().lake)
    rows = read_table(lake.get("qa_pairs", video), stored.PAIRS).to_pylist()
    of_status = [row for row in rows if (row["status"] != STATUS_OK) == dropped]
    chosen = [
        row
        for row in of_status
        if kind in ("", row["kind"])
        and language in ("", row["language"])
        and row["made_by"].startswith(made_by)
        and (quota or row["reason"] != QUOTA)
    ]
    if as_json:
        typer.echo(json.dumps(chosen, indent=2))
        return
    for row in chosen:
        _print_pair(row)
    counts = Counter(row["reason"] for row in of_status) if dropped else Counter(row["kind"] for row in chosen)
    typer.echo(f"{len(chosen)} of {len(rows)} pairs: {', '.join(f'{n} {word}' for word, n in counts.most_common())}")


def _print_pair(row: dict[str, Any]) -> None:
    label = Span(row["start_ns"], row["end_ns"]).label()
    typer.secho(f"{row['pair_id']}  {row['kind']}  [{label}]  {row['made_by']}", dim=True)
    typer.echo(f"  Q: {row['question']}\n  A: {row['answer']}")
    if row["reason"]:
        typer.secho(f"  {row['reason']}: {row['detail']}", fg="yellow")


@import_app.command("pairs")
def import_pairs(
    file: Annotated[Path, typer.Argument(help="JSON or JSONL: question and answer, or messages.")],
    video: Annotated[str, typer.Option(help="The video that they are about.")],
    language: Annotated[str, typer.Option(help="The language that they are in.")] = "en",
) -> None:
    """Take in questions and answers made elsewhere. They are held against the video's timeline at the next build."""
    from gvlm_resources.dataset.imports import imports, peer

    layout = Layout(environment.read().lake)
    key = Catalogue(layout).video(video).video_id
    rows = peer.rows_of(file)
    done = imports.store_pairs(layout, key, rows, file=file.name, language=language)
    for problem in rows.problems:
        typer.secho(f"left out: {problem}", fg="yellow", err=True)
    typer.echo(f"{done.added} pairs taken in, {done.total} in all; next: `gvlm build {key} --select qa_pairs+`")
    if rows.problems:
        raise typer.Exit(PARTLY)


@import_app.command("features")
def import_features(
    file: Annotated[Path, typer.Argument(help="An `_embeddings.pt` file of gameplay-vision-llm.")],
    video: Annotated[str, typer.Option(help="The video that they are of.")],
) -> None:
    """Take in vectors made elsewhere. `examples: {features: imported}` has training examples use them."""
    from gvlm_resources.dataset.imports import imports, peer_features

    folder = _folder()
    lake = folder.lake()
    record = folder.catalogue().video(video)
    probe = json.loads(lake.get("video", record.video_id).path(stored.PROBE).read_text())
    found = peer_features.features_of(file, video_id=record.video_id, duration_ns=probe["duration_ns"])
    done = imports.store_features(lake.layout, record.video_id, found.tables(), file=file.name)
    for problem in found.problems:
        typer.secho(f"left out: {problem}", fg="yellow", err=True)
    counts = ", ".join(f"{table.num_rows} {name}" for name, table in found.tables().items())
    typer.echo(f"{done.total} vectors taken in ({counts}). Set `examples: {{features: imported}}` to train on them.")
    if found.problems:
        raise typer.Exit(PARTLY)


@import_app.command("list")
def list_imports(
    video: Annotated[str, typer.Argument(help="A video id.")],
) -> None:
    """What was made elsewhere and taken in for a video."""
    from gvlm_resources.dataset.imports import imports

    layout = Layout(environment.read().lake)
    found = imports.listed(layout, Catalogue(layout).video(video).video_id)
    for one in found:
        detail = one.language or ", ".join(f"{count} {name}" for name, count in one.rows.items())
        typer.echo(f"{one.kind:<9} {one.count:>6}  {one.file}  {detail}")
    if not found:
        typer.echo("Nothing was imported for it.")


@import_app.command("forget")
def forget_imports(
    kind: Annotated[str, typer.Argument(help="pairs or features.")],
    video: Annotated[str, typer.Option(help="The video that they were taken in for.")],
) -> None:
    """Remove what was taken in. The next build is without it."""
    from gvlm_resources.dataset.imports import imports

    layout = Layout(environment.read().lake)
    key = Catalogue(layout).video(video).video_id
    done = imports.forget(layout, key, kind)
    typer.echo(f"removed; next: `gvlm build {key} --select qa_pairs+`" if done else f"there were no {kind}")

"""Adding videos to a lake: found, fetched, probed, stored under their content's hash, catalogued.

What cannot become a video gets a quarantine row with the reason and the remedy, and costs only itself.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from gvlm_resources import game as games
from gvlm_resources.errors import GvlmError, SourceError
from gvlm_resources.lake.catalogue import Catalogue, QuarantineRecord, VideoRecord
from gvlm_resources.settings import Settings, VideoSettings
from gvlm_resources.video import probe as probing
from gvlm_resources.video import sources
from gvlm_resources.video.sources import Ignored, Source

STAGE = "add"
REJECTED = "rejected"


@dataclass(frozen=True)
class Added:
    """A video that is in the library now; `is_new` is False where it was there before."""

    record: VideoRecord
    is_new: bool


Outcome = Added | QuarantineRecord | Ignored


@dataclass(frozen=True)
class Options:
    """How to add: the game and licence of sources that do not bring their own, and how folders are read."""

    game: str = games.GENERIC
    licence: str = ""
    recursive: bool = False
    link: bool = False


def add(argument: str, catalogue: Catalogue, settings: Settings, options: Options | None = None) -> Iterator[Outcome]:
    """Add what `argument` stands for: a file, a folder, an http(s) URL or a CSV manifest; one outcome a source.

    Raises SourceError where the argument as a whole cannot be used, SettingsError for an unknown game.
    """
    options = options or Options()
    games.load(options.game)
    expansion = sources.expand(argument, recursive=options.recursive, game=options.game, licence=options.licence)
    yield from expansion.ignored
    for source in expansion.sources:
        yield _add_one(source, catalogue, settings, link=options.link)


def _add_one(source: Source, catalogue: Catalogue, settings: Settings, *, link: bool) -> Added | QuarantineRecord:
    try:
        game = games.load(source.game or games.GENERIC).name
        if source.is_url:
            added = _add_download(source, catalogue, settings, game)
        else:
            added = _add_file(source, catalogue, settings.video, game, link=link)
    except GvlmError as error:
        code = error.code if isinstance(error, SourceError) else "settings"
        return catalogue.add_quarantine(
            origin=source.location, stage=STAGE, code=code, reason=error.cause, remedy=error.remedy
        )
    catalogue.clear_quarantine(origin=source.location, stage=STAGE)
    return added


def _add_file(source: Source, catalogue: Catalogue, settings: VideoSettings, game: str, *, link: bool) -> Added:
    path = source.path
    sources.check_file(path)
    probing.probe(path, settings)
    sha256 = sources.hash_file(path)
    record = VideoRecord(
        video_id=sources.video_id(path.stem, sha256),
        sha256=sha256,
        size_bytes=path.stat().st_size,
        suffix=path.suffix.lower(),
        title=source.name,
        game=game,
        licence=source.licence or "",
        origin=path.name,
    )
    record = _under_its_known_id(catalogue, record)
    return Added(record, catalogue.add_video(record, path, link=link))


def _under_its_known_id(catalogue: Catalogue, record: VideoRecord) -> VideoRecord:
    """The same content under another file name is the same video: it keeps the id that it was first added with."""
    ending = f"-{record.sha256[:12]}"
    known = [key for key in catalogue.video_ids() if key.endswith(ending)]
    return replace(record, video_id=known[0], suffix=catalogue.video(known[0]).suffix) if known else record


def _add_download(source: Source, catalogue: Catalogue, settings: Settings, game: str) -> Added:
    from gvlm_resources.video.download import download

    fetched = download(source.location, catalogue.layout.downloads(), video=settings.video, limits=settings.download)
    try:
        local = Source(
            str(fetched.path),
            origin=fetched.page_url,
            title=source.title or fetched.title,
            game=game,
            licence=source.licence or fetched.licence,
        )
        added = _add_file(local, catalogue, settings.video, game, link=True)
        record = replace(added.record, origin=fetched.page_url)
        catalogue.add_video(record, fetched.path, link=True)
        return Added(record, added.is_new)
    finally:
        shutil.rmtree(fetched.path.parent, ignore_errors=True)


def verify_and_probe(catalogue: Catalogue, record: VideoRecord, settings: VideoSettings) -> probing.Probe:
    """What the stored source is. Raises SourceError where it is gone, changed, or no usable video."""
    path = catalogue.source_path(record)
    remedy = "add the video again with `gvlm add`"
    if not path.is_file():
        raise SourceError("missing", f"the stored source of {record.video_id} is gone", remedy=remedy)
    if sources.hash_file(path) != record.sha256:
        raise SourceError("corrupt", f"the stored source of {record.video_id} is not what was added", remedy=remedy)
    return probing.probe(path, settings)


def inbox_sizes(catalogue: Catalogue) -> dict[str, int]:
    """Name and size of every file that waits in the inbox."""
    inbox = catalogue.layout.inbox()
    if not inbox.is_dir():
        return {}
    waiting = (entry for entry in sorted(inbox.iterdir()) if entry.is_file() and not entry.name.startswith("."))
    return {entry.name: entry.stat().st_size for entry in waiting}


def take_from_inbox(catalogue: Catalogue, name: str, settings: Settings, options: Options | None = None) -> None:
    """Add one file of the inbox. It leaves the inbox: into the library, or into `rejected/` with a quarantine row."""
    options = options or Options()
    path = catalogue.layout.inbox() / Path(name).name
    source = Source(str(path.resolve()), origin="inbox", game=options.game, licence=options.licence)
    outcome = _add_one(source, catalogue, settings, link=True)
    if isinstance(outcome, Added):
        path.unlink()
        return
    rejected = catalogue.layout.inbox() / REJECTED
    rejected.mkdir(exist_ok=True)
    path.rename(rejected / path.name)

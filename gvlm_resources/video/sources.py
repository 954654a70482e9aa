"""What a person hands in, as a list of videos to add: a file, a folder, a web address, or a manifest of these."""

from __future__ import annotations

import hashlib
import os
import re
import stat
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from gvlm_resources.errors import SourceError
from gvlm_resources.video import manifest
from gvlm_resources.video.guard import check_url

VIDEO_SUFFIXES = frozenset(
    {".3gp", ".asf", ".avi", ".flv", ".m2ts", ".m4v", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg", ".mts"}
    | {".ogv", ".ts", ".webm", ".wmv"}
)

_VIDEO_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,79}")
_MAX_SLUG_CHARS = 60  # with `-` and twelve digits of the hash well inside the 80 of a partition key
# Letters that Unicode does not decompose into a base letter and a mark.
_LETTERS = str.maketrans(
    {"ß": "ss", "æ": "ae", "œ": "oe", "ø": "o", "đ": "d", "ð": "d", "þ": "th", "ł": "l", "ħ": "h", "ı": "i", "ŋ": "ng"}
)


@dataclass(frozen=True)
class Source:
    """One video to add. `location` is an absolute path or an http(s) URL; `origin` says who named it."""

    location: str
    origin: str
    title: str | None = None
    game: str | None = None
    licence: str | None = None

    def __post_init__(self) -> None:
        if not self.is_url and not os.path.isabs(self.location):
            raise ValueError(f"a source is a URL or an absolute path, got {self.location!r}")

    @property
    def is_url(self) -> bool:
        return is_url(self.location)

    @property
    def path(self) -> Path:
        if self.is_url:
            raise ValueError(f"{self.location} is no file yet: download it first")
        return Path(self.location)

    @property
    def name(self) -> str:
        """What to call it before anything is known of its content: its title, or the file's name without suffix."""
        return self.title or ("video" if self.is_url else self.path.stem)


@dataclass(frozen=True)
class Ignored:
    """Something that was not taken: a file of a folder, a row of a manifest."""

    what: str
    reason: str


@dataclass(frozen=True)
class Expansion:
    """`sources` in order, each location once, and everything that was passed over."""

    sources: tuple[Source, ...]
    ignored: tuple[Ignored, ...] = ()


def expand(
    argument: str | Path, *, recursive: bool = False, game: str | None = None, licence: str | None = None
) -> Expansion:
    """The videos that `argument` stands for: a URL, a `.csv` manifest, a folder, or a single file of any name.

    `game` and `licence` are given to every source that does not bring its own. Reads nothing but directory entries and
    the manifest; resolves no host name. Raises SourceError for an argument that cannot be used as a whole.
    """
    text = str(argument)
    if is_url(text):
        check_url(text)
        return Expansion((Source(text, origin=text, game=game, licence=licence),))
    path = Path(text).expanduser()
    if path.is_dir():
        return _of_folder(path, recursive=recursive, game=game, licence=licence)
    if path.suffix.lower() == ".csv":
        return _of_manifest(path, game=game, licence=licence)
    check_file(path)
    return Expansion((Source(str(path.resolve()), origin=text, game=game, licence=licence),))


def is_url(text: str) -> bool:
    """Whether this is meant as a web address: anything with a scheme and `://`, safe or not."""
    return re.match(r"[A-Za-z][A-Za-z0-9+.-]*://", text) is not None


def check_file(path: Path) -> None:
    """Raises SourceError `missing`, `unsupported` or `empty_file` unless `path` is a file with something in it."""
    try:
        entry = path.stat()
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        raise SourceError("missing", f"there is no file {str(path)!r}", remedy="check the path") from error
    if not stat.S_ISREG(entry.st_mode):
        raise SourceError("unsupported", f"{path} is not a regular file", remedy="give a video file or a folder")
    if entry.st_size == 0:
        raise SourceError("empty_file", f"{path} is empty", remedy="copy or download it again")


def hash_file(path: Path) -> str:
    """sha256 of the content in hex, read in blocks. Raises SourceError `changing` where it is still being written."""
    check_file(path)
    with path.open("rb") as file:
        before = os.fstat(file.fileno())
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        after = os.fstat(file.fileno())
    if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns):
        raise SourceError(
            "changing", f"{path} changed while it was read", remedy="add it once it is written completely"
        )
    return digest


def slug(name: str) -> str:
    """`name` in lower-case ASCII letters, digits and single hyphens: never empty, never a path, at most 60 characters.

    Accents and ligatures are spelled out; scripts without a Latin reading leave nothing, and then it is `video`.
    """
    plain = unicodedata.normalize("NFKD", name.casefold().translate(_LETTERS)).encode("ascii", "ignore").decode()
    words = re.sub(r"[^a-z0-9]+", "-", plain.replace("'", "")).strip("-")
    return words[:_MAX_SLUG_CHARS].rstrip("-") or "video"


def video_id(name: str, sha256: str) -> str:
    """`<slug of name>-<first 12 hex digits>`: the key that this content has everywhere."""
    if re.fullmatch(r"[0-9a-f]{64}", sha256) is None:
        raise ValueError(f"a sha256 has 64 lower-case hex digits, got {sha256[:80]!r}")
    key = f"{slug(name)}-{sha256[:12]}"
    assert _VIDEO_ID.fullmatch(key), key
    return key


def _of_folder(folder: Path, *, recursive: bool, game: str | None, licence: str | None) -> Expansion:
    root = folder.resolve()
    sources: dict[str, Source] = {}
    ignored: list[Ignored] = []
    for entry in _entries(root, recursive=recursive):
        reason = _why_not(entry, root)
        location = str(entry.resolve())
        if reason is None and location in sources:
            reason = f"the same file as {location}"
        if reason is None:
            sources[location] = Source(location, origin=str(folder), game=game, licence=licence)
        else:
            ignored.append(Ignored(str(entry), reason))
    return Expansion(tuple(sources.values()), tuple(ignored))


def _entries(root: Path, *, recursive: bool) -> Iterator[Path]:
    """Everything under `root` but what lies inside hidden and linked folders, sorted folder by folder."""
    for entry in sorted(root.iterdir()):
        is_real_folder = entry.is_dir() and not entry.is_symlink()
        if is_real_folder and recursive and not entry.name.startswith("."):
            yield from _entries(entry, recursive=True)
        else:
            yield entry


def _why_not(entry: Path, root: Path) -> str | None:
    """Why an entry of a folder is not taken as a video, or None where it is."""
    if entry.name.startswith("."):
        return "hidden"
    if entry.is_symlink() and not entry.resolve().is_relative_to(root):
        return "a link out of the folder"
    if not entry.exists():
        return "there is no file behind this link"
    if entry.is_dir():
        return "a linked folder" if entry.is_symlink() else "a folder: look into it with `recursive`"
    if ".truth" in entry.suffixes[:-1]:
        return "ground truth beside a recording"
    if entry.suffix.lower() not in VIDEO_SUFFIXES:
        return f"not a video file by its suffix {entry.suffix!r}"
    return None  # an empty or broken video is taken too: adding it says what is wrong, and quarantines it


def _of_manifest(path: Path, *, game: str | None, licence: str | None) -> Expansion:
    """The rows of a manifest whose source can be used; each of the others costs itself alone."""
    check_file(path)
    read = manifest.read(path)
    sources: dict[str, Source] = {}
    ignored = [Ignored(f"{path}:{problem.line}", problem.reason) for problem in read.problems]
    for row in read.rows:
        origin = f"{path}:{row.line}"
        try:
            location = _location(row.source, path.parent)
        except SourceError as error:
            ignored.append(Ignored(origin, str(error)))
            continue
        if location in sources:
            ignored.append(Ignored(origin, f"{row.source} is already listed at {sources[location].origin}"))
            continue
        sources[location] = Source(location, origin, row.title, row.game or game, row.licence or licence)
    return Expansion(tuple(sources.values()), tuple(ignored))


def _location(source: str, folder: Path) -> str:
    if is_url(source):
        check_url(source)
        return source
    path = folder / Path(source).expanduser()
    check_file(path)
    return str(path.resolve())

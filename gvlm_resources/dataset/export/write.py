"""Writing a release in the format of a tool."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from gvlm_resources.dataset.examples.vectors import Vectors
from gvlm_resources.dataset.export import chat, hf, llava, swift, target, vector_files, webdataset
from gvlm_resources.dataset.export.hub_card import hub_card
from gvlm_resources.dataset.export.job import Job, Options
from gvlm_resources.dataset.export.pictures import Album, Frames
from gvlm_resources.dataset.export.sources import SOURCES, sources
from gvlm_resources.dataset.export.target import MARKER, MARKER_FORMAT
from gvlm_resources.dataset.releases.release_files import CARD_MARKDOWN, MANIFEST, Release
from gvlm_resources.dataset.releases.release_spec import SPLITS
from gvlm_resources.errors import ReleaseError
from gvlm_resources.lake import files

CARD = "README.md"
FORMATS: Mapping[str, Callable[[Job], None]] = {
    "hf": hf.write,
    "chat": chat.write,
    "llava": llava.write,
    "swift": swift.write,
    "webdataset": webdataset.write,
}
WITH_TOKENS = frozenset({"hf", "webdataset"})  # the formats that keep the tokens as they stand
VECTORS_LEFT_OUT = "the vectors behind the tokens were not written"

VectorsOf = Callable[[str], Vectors]


@dataclass(frozen=True, slots=True)
class Exported:
    """What an export holds. `vectors` are counted by table, `left_out` are examples by the reason why they are not in
    it. `notes` say what of the release it could not take along, and what it changed."""

    files: tuple[str, ...]
    rows: Mapping[str, int]
    left_out: Mapping[str, int]
    pictures: int
    vectors: Mapping[str, int]
    notes: tuple[str, ...]


def write(
    format: str,
    release: Release,
    to: Path,
    frames: Frames,
    options: Options | None = None,
    vectors: VectorsOf | None = None,
) -> Exported:
    """Write `release` into the folder `to` in one of `FORMATS`; `frames` gives a video's frame as JPEG, or None.

    `vectors` gives a video's stored vectors, for the formats that keep the tokens; without it they are not written,
    which is noted. Raises ReleaseError where the format is none, `to` holds anything but an earlier export in this
    format or cannot be written, a picture or a vector is missing, or the release cannot be read. Then `to` is as it
    was.
    """
    if format not in FORMATS:
        raise ReleaseError(f"there is no format {format[:40]!r}", remedy=f"take one of {', '.join(FORMATS)}")
    with target.filling(to, format) as folder:
        chosen = options or Options()
        has_vectors = format in WITH_TOKENS and vectors is not None and chosen.vectors
        return _write(format, Job(release, folder, Album(frames), chosen, has_vectors), vectors)


def _write(format: str, job: Job, vectors: VectorsOf | None) -> Exported:
    release = job.release
    FORMATS[format](job)
    if not job.rows.total():
        raise ReleaseError(
            "; ".join([f"{release.spec.name} has no example that can be exported as {format}", *job.all_notes()]),
            remedy="export it as hf or webdataset, which take every example, with more pictures, or let more into the "
            "release",
        )
    for split in SPLITS:
        if not job.rows[split]:
            job.notes.append(f"the split {split} holds no example")
    counts = _vectors(job, vectors) if format in WITH_TOKENS else {}
    _text(job.folder / SOURCES, sources(release.spec.name, release.spec.inputs))
    if format == "hf":
        card = hub_card(release.spec.name, _card_of(release), hf.configs(job), vectors=bool(counts))
        _text(job.folder / CARD, card)
    written = sorted(path.relative_to(job.folder).as_posix() for path in job.folder.rglob("*") if path.is_file())
    exported = Exported(
        files=(*written, MARKER),
        rows={split: job.rows[split] for split in SPLITS},
        left_out=dict(sorted(job.left_out.items())),
        pictures=job.album.count,
        vectors=counts,
        notes=job.all_notes(),
    )
    _text(job.folder / MARKER, json.dumps(_marker(format, job, exported), indent=2, ensure_ascii=False) + "\n")
    return exported


def _vectors(job: Job, vectors: VectorsOf | None) -> dict[str, int]:
    """How many were written, by table; where none are to be, the notes say so."""
    if vectors is not None and job.options.vectors:
        return vector_files.write(job.release, job.folder, vectors)
    job.notes.append(f"{VECTORS_LEFT_OUT}: {'they were not given' if job.options.vectors else 'as was asked for'}")
    return {}


def _marker(format: str, job: Job, exported: Exported) -> dict[str, object]:
    return {
        "format": MARKER_FORMAT,
        "as": format,
        "release": job.release.spec.name,
        "manifest_sha256": files.sha256(job.release.folder / MANIFEST),
        "rows": exported.rows,
        "left_out": exported.left_out,
        "pictures": exported.pictures,
        "max_pictures": job.options.max_pictures,
        "vectors": exported.vectors,
        "notes": exported.notes,
        "files": exported.files,
    }


def _text(path: Path, text: str) -> None:
    path.write_bytes(text.encode())


def _card_of(release: Release) -> str:
    """The release's own card, whose pictures stand in it; empty where it has none yet."""
    path = release.folder / CARD_MARKDOWN
    return path.read_text(encoding="utf-8") if path.is_file() else ""

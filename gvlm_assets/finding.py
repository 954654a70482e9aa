"""Frames by words, for the command line: the same tower and table that the assets use."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from gvlm_assets import environment
from gvlm_resources.bindings import LakeFolder, Models
from gvlm_resources.errors import LakeError
from gvlm_resources.lake.catalogue import Catalogue
from gvlm_resources.lake.layout import Layout
from gvlm_resources.lake.store import Lake
from gvlm_resources.settings import Settings
from gvlm_resources.timebase import format_clock

if TYPE_CHECKING:
    from gvlm_resources.timeline.find import Match

INDEX = "frame_index"
FRAMES = "frames.parquet"


def models_of(env: environment.Environment) -> Models:
    return Models(cache=str(Layout(env.lake).cache()), folder=str(env.models), hub_cache=str(env.hub_cache))


def find(env: environment.Environment, settings: Settings, words: str, *, video: str, limit: int) -> "list[Match]":
    """The moments that look most like `words`. Raises LakeError where nothing is built with the model in force."""
    from gvlm_resources.timeline import find as finding

    models, lake = models_of(env), Lake(env.lake)
    if video:
        lake.get(INDEX, Catalogue(Layout(env.lake)).video(video).video_id)
    elif not lake.partitions(INDEX):
        raise LakeError("no frames can be searched yet", remedy="run `gvlm build` first")
    tower = models.siglip(settings)
    matches = finding.find(
        words,
        tower,
        LakeFolder(root=str(env.lake)).frames(tower.identity.dim),
        model=models.space(settings),
        limit=limit,
        video_ids=[video] if video else None,
    )
    if not matches:
        raise LakeError(
            f"no frame was encoded with {models.space(settings)}",
            remedy="run `gvlm build --select siglip_embeddings,frame_index` with the settings in force",
        )
    return matches


def line(match: "Match", title: str) -> str:
    return f"[{format_clock(match.pts_ns)}] {match.probability:6.1%}  {title}  {match.frame_id}"


def as_json(match: "Match") -> dict[str, Any]:
    return {
        "video_id": match.video_id,
        "frame_id": match.frame_id,
        "pts_ns": match.pts_ns,
        "clock": format_clock(match.pts_ns),
        "cosine": match.cosine,
        "probability": match.probability,
    }


def write_sheet(lake: Lake, matches: "list[Match]", target: str) -> None:
    """A contact sheet of the moments, best first. Raises LakeError where it cannot be written."""
    from gvlm_resources.preview import sheets
    from gvlm_resources.video import tables

    pictures = []
    for match in matches:
        frames = lake.get("frames", match.video_id).path(FRAMES)
        image = tables.read_frames(frames, [match.frame_id], ["image"]).column("image")[0].as_py()
        if image:
            pictures.append(sheets.Picture(image, match.pts_ns, f"{match.probability:.0%} {match.video_id}"))
    try:
        Path(target).write_bytes(sheets.matches(pictures, at_most=100, width_px=1280, max_bytes=2_000_000))
    except OSError as error:
        raise LakeError(f"{target} cannot be written: {error.strerror}", remedy="name another file") from error

"""Group `ingest`: the video itself, verified."""

from collections.abc import Mapping
from dataclasses import asdict

import dagster as dg

from gvlm_assets import checks, stored
from gvlm_assets.per_video import OWNERS, Description, Draft, Face, Result, Work, step
from gvlm_resources.bindings import LakeFolder
from gvlm_resources.timebase import format_clock


def _build(work: Work, drafts: Mapping[str, Draft]) -> None:
    from gvlm_resources import library

    probe = library.verify_and_probe(work.lake_folder.catalogue(), work.record, work.settings.video)
    drafts["video"].path(stored.PROBE).write_text(probe.to_json() + "\n")


def _describe(work: Work, result: Result) -> Description:
    from gvlm_resources.video.probe import Probe

    probe = Probe.from_json(result.path(stored.PROBE).read_text())
    metadata = {
        "title": work.record.title,
        "game": work.record.game,
        "licence": work.record.licence or "not stated",
        "origin": work.record.origin,
        "duration": format_clock(probe.duration_ns),
        "probe": dg.MetadataValue.json(asdict(probe)),
    }
    findings = [
        checks.source_is_intact(work.lake_folder.catalogue(), work.record),
        checks.frame_times_are_sound(probe),
    ]
    return Description(metadata, findings)


video = step(
    "video",
    {
        "video": Face(
            description="The source video, verified and probed: streams, duration, start of media time, frame times, "
            "rotation, sound. Added with `gvlm add`, stored under its content's hash.",
            group="ingest",
            kinds=frozenset({"ffmpeg", "json"}),
            checks={
                "source_is_intact": "The stored source has the size and the SHA-256 that its id was made from.",
                "frame_times_are_sound": "No pause between two frames is longer than five seconds.",
            },
            describe=_describe,
        )
    },
    _build,
)


@dg.asset(group_name="ingest", kinds={"json"}, owners=OWNERS)
def quarantine(lake_folder: LakeFolder) -> dg.MaterializeResult:
    """Sources that could not become a video, each with the reason and the remedy."""
    rows = lake_folder.catalogue().quarantined()
    table = "| source | stage | code | reason | remedy |\n|---|---|---|---|---|\n" + "\n".join(
        f"| {_cell(row.origin)} | {row.stage} | {row.code} | {_cell(row.reason)} | {_cell(row.remedy)} |"
        for row in rows
    )
    return dg.MaterializeResult(
        metadata={
            "dagster/row_count": len(rows),
            "quarantine": dg.MetadataValue.md(table if rows else "Nothing is quarantined."),
        }
    )


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")

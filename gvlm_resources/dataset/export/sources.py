"""What an export says of where its pictures and words come from (pure): `SOURCES.md`."""

from __future__ import annotations

import re
from collections.abc import Iterable

from gvlm_resources.dataset.releases.release_spec import Input
from gvlm_resources.timebase import format_clock

SOURCES = "SOURCES.md"
_SPECIAL = re.compile(r"([\\`*_{}\[\]()#+!|<>~&:@-])")


def sources(name: str, videos: Iterable[Input]) -> str:
    """The videos of a release with title, licence and origin, as Markdown; nothing in a title is markup."""
    lines = [
        f"# Sources of {name}",
        "",
        "Pictures, words and times of this data set were taken from these videos. Each stays under its own licence.",
    ]
    for video in videos:
        lines += [
            "",
            f"## {_escaped(video.title) or _escaped(video.video_id)}",
            "",
            f"- Video: {_escaped(video.video_id)}",
            f"- Game: {_escaped(video.game) or 'not known'}",
            f"- Length: {format_clock(video.duration_ns)}",
            f"- Licence: {_escaped(video.licence) or 'not known: ask the owner before you pass this on'}",
            f"- Origin: {_escaped(video.origin) or 'not known'}",
            f"- SHA-256 of the file: {_escaped(video.source_sha256)}",
        ]
    return "\n".join(lines) + "\n"


def _escaped(text: str) -> str:
    """On one line, with every mark of Markdown written as itself."""
    return _SPECIAL.sub(r"\\\1", " ".join(text.split()))

"""LLaVA's JSON: a list of `{id, image, conversations}` with `<image>` in the text, and the pictures in a folder.

LLaVA 1.x reads one picture a line and calls it by a string; LLaVA-NeXT reads a list of them. So one picture is written
as a string, several as a list.
"""

from __future__ import annotations

from typing import Any

from gvlm_resources.dataset.examples.example import HUMAN, MODEL, SYSTEM, Example
from gvlm_resources.dataset.export.job import Job
from gvlm_resources.dataset.export.lines import json_text
from gvlm_resources.dataset.export.tokens import Box, Seen, fractions
from gvlm_resources.dataset.releases.release_spec import SPLITS
from gvlm_resources.errors import ReleaseError

IMAGE = "<image>"


def write(job: Job) -> None:
    """`{split}.json`, of every split, and the pictures below `images/`."""
    several = 0
    for split in SPLITS:
        with (job.folder / f"{split}.json").open("w", encoding="utf-8", newline="\n") as file:
            for example, seen in job.seen(split):
                file.write((",\n" if job.rows[split] else "[\n") + json_text(_row(job, example, seen)))
                job.rows[split] += 1
                several += len(seen.frames) > 1
            file.write("\n]\n" if job.rows[split] else "[]\n")
    if several:
        job.notes.append(
            f"{several} lines show several pictures: LLaVA-NeXT reads them; for LLaVA 1.x, which reads one a line, "
            "export with at most 1 picture"
        )


def _row(job: Job, example: Example, seen: Seen) -> dict[str, Any]:
    row: dict[str, Any] = {"id": example.example_id}
    if seen.frames:
        images = [job.album.saved(job.folder, example, frame) for frame in seen.frames]
        row["image"] = images[0] if len(images) == 1 else images
    return {**row, "conversations": _conversations(example, seen)}


def _conversations(example: Example, seen: Seen) -> list[dict[str, str]]:
    """Turns of human and gpt by turns, as the loader asserts; what the system says opens the first of the human's."""
    opening, turns = "", []
    for part in seen.parts:
        value = part.written(lambda _: IMAGE, lambda box: _box(example, box))
        if part.speaker == SYSTEM:
            opening += f"{value}\n\n"
        else:
            turns.append({"from": part.speaker, "value": value})
    expected = [(HUMAN, MODEL)[number % 2] for number in range(len(turns))]
    if not turns or [turn["from"] for turn in turns] != expected or len(turns) % 2:
        raise ReleaseError(
            f"example {example.example_id} has turns of {[part.speaker for part in seen.parts]}",
            remedy="LLaVA takes human and gpt by turns: export it in another format",
        )
    turns[0]["value"] = opening + turns[0]["value"]
    return turns


def _box(example: Example, box: Box) -> str:
    """Parts of the frame's sides, as in LLaVA 1.5's own data."""
    return str(fractions(example.boxes[box.number], example.width, example.height))

"""Chat messages as TRL takes them: JSON lines of `messages`, whose content is a list of typed parts, and `images`.

Examples without a picture stand in a file of their own, with plain strings for content and no `images`, so that both
files can be loaded as they are and the second serves models that read text alone.
"""

from __future__ import annotations

import json
from typing import Any

from gvlm_resources.dataset.examples.example import HUMAN, MODEL, SYSTEM, Example
from gvlm_resources.dataset.export.job import Job
from gvlm_resources.dataset.export.lines import Lines
from gvlm_resources.dataset.export.tokens import Box, Part, Picture, Seen, per_thousand
from gvlm_resources.dataset.releases.release_spec import SPLITS

ROLES = {SYSTEM: "system", HUMAN: "user", MODEL: "assistant"}


def write(job: Job) -> None:
    """`{split}.jsonl` and, for examples without pictures, `{split}.text.jsonl`; pictures below `images/`."""
    for split in SPLITS:
        with Lines(job.folder / f"{split}.jsonl") as shown, Lines(job.folder / f"{split}.text.jsonl") as text:
            for example, seen in job.seen(split):
                if seen.frames:
                    images = [job.album.saved(job.folder, example, frame) for frame in seen.frames]
                    shown.add({"id": example.example_id, "messages": _typed(example, seen), "images": images})
                else:
                    text.add({"id": example.example_id, "messages": _plain(example, seen)})
                job.rows[split] += 1


def box_text(example: Example, box: Box) -> str:
    """A box as Qwen's models write it: JSON with whole thousandths of the frame's sides."""
    return json.dumps({"bbox_2d": per_thousand(example.boxes[box.number], example.width, example.height)})


def _plain(example: Example, seen: Seen) -> list[dict[str, Any]]:
    return [
        {"role": ROLES[part.speaker], "content": part.written(lambda _: "", lambda box: box_text(example, box))}
        for part in seen.parts
    ]


def _typed(example: Example, seen: Seen) -> list[dict[str, Any]]:
    return [{"role": ROLES[part.speaker], "content": _parts(example, part)} for part in seen.parts]


def _parts(example: Example, part: Part) -> list[dict[str, str]]:
    """Texts and pictures in order; a box is text."""
    parts: list[dict[str, str]] = []
    for piece in part.pieces:
        if isinstance(piece, Picture):
            parts.append({"type": "image"})
            continue
        text = box_text(example, piece) if isinstance(piece, Box) else piece
        if parts and parts[-1]["type"] == "text":
            parts[-1]["text"] += text
        else:
            parts.append({"type": "text", "text": text})
    return parts

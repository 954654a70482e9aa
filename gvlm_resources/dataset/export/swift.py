"""JSON lines of ms-swift: `messages` with `<image>` and `<bbox>` in their text, `images`, and `objects`.

Boxes are pixels of the picture that `image_id` numbers, which ms-swift turns into what the model at hand reads. Lines
with boxes come first: readers of JSON lines infer the columns from the beginning of a file.
"""

from __future__ import annotations

from typing import Any

from gvlm_resources.dataset.examples.example import Example
from gvlm_resources.dataset.export.chat import ROLES
from gvlm_resources.dataset.export.job import Job
from gvlm_resources.dataset.export.lines import Lines
from gvlm_resources.dataset.export.tokens import Box, Seen
from gvlm_resources.dataset.releases.release_spec import SPLITS

IMAGE, BBOX = "<image>", "<bbox>"


def write(job: Job) -> None:
    """`{split}.jsonl` and, for examples without pictures, `{split}.text.jsonl`; pictures below `images/`."""
    for split in SPLITS:
        shown, text = job.folder / f"{split}.jsonl", job.folder / f"{split}.text.jsonl"
        rest = job.folder / f".{split}.rest"
        with Lines(shown) as boxed, Lines(rest) as others, Lines(text) as plain:
            for example, seen in job.seen(split):
                lines = boxed if example.boxes else others if seen.frames else plain
                lines.add(_row(job, example, seen))
                job.rows[split] += 1
        if rest.is_file():
            with shown.open("ab") as whole, rest.open("rb") as added:
                whole.writelines(added)
            rest.unlink()


def _row(job: Job, example: Example, seen: Seen) -> dict[str, Any]:
    boxes: list[Box] = []
    messages = [
        {"role": ROLES[part.speaker], "content": part.written(lambda _: IMAGE, lambda box: _placed(box, boxes))}
        for part in seen.parts
    ]
    if not seen.frames:
        return {"messages": messages}
    images = [job.album.saved(job.folder, example, frame) for frame in seen.frames]
    return {"messages": messages, "images": images, "objects": _objects(example, boxes) if boxes else None}


def _placed(box: Box, boxes: list[Box]) -> str:
    boxes.append(box)
    return BBOX


def _objects(example: Example, boxes: list[Box]) -> dict[str, Any]:
    return {
        "ref": [],
        "bbox": [list(example.boxes[box.number]) for box in boxes],
        "bbox_type": "real",
        "image_id": [box.picture for box in boxes],
    }

"""The examples that a card and a review page show, with their pictures."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator

import numpy as np
import polars as pl
from numpy.typing import NDArray

from gvlm_resources.dataset.cards import pictures
from gvlm_resources.dataset.cards.card_blocks import Sample
from gvlm_resources.dataset.examples.example import MODEL, Example
from gvlm_resources.dataset.releases.release_files import Release
from gvlm_resources.preview.sheets import spread
from gvlm_resources.timebase import Span, ns_from_s

Frames = Callable[[str, str], bytes | None]

SAMPLES = 20
SAMPLE_FRAMES = 3
MOST_READ_CHARS = 1_500
MOST_EVIDENCE = 12


def chosen(index: pl.DataFrame, seed: int, count: int) -> list[int]:
    """Rows of the index that show it best: spread over kinds, then splits and videos, then curricula, by the seed."""
    order = [
        int(hashlib.sha256(f"{seed}:{one}".encode()).hexdigest()[:12], 16) for one in index["example_id"].to_list()
    ]
    ranks = np.array(order, np.int64)
    names = ("kind", "split", "video_id", "curriculum")
    codes = {name: _codes(index[name]) for name in (*names, "pair_id")}
    taken = {name: np.zeros(codes[name].max(initial=0) + 1, np.int64) for name in names}
    free = np.ones(index.height, bool)
    rows: list[int] = []
    while len(rows) < count and free.any():
        uses = {name: taken[name][codes[name]] for name in names}
        best = np.flatnonzero(free)
        for key in (uses["kind"], uses["split"] + uses["video_id"], uses["curriculum"], ranks):
            best = best[key[best] == key[best].min()]
        row = int(best[0])
        rows.append(row)
        free &= codes["pair_id"] != codes["pair_id"][row]
        for name in names:
            taken[name][codes[name][row]] += 1
    return rows


def _codes(column: pl.Series) -> NDArray[np.int64]:
    """(N,) a number for each value, by the order of the values."""
    return column.rank("dense").to_numpy().astype(np.int64) - 1


def samples(release: Release, index: pl.DataFrame, frames: Frames) -> Iterator[Sample]:
    for number, row in enumerate(chosen(index, release.spec.seed, SAMPLES), 1):
        facts = index.row(row, named=True)
        example = release.example(facts["split"], facts["offset"])
        picture, missing = _picture(example, frames)
        evidence = ", ".join(example.evidence[:MOST_EVIDENCE])
        more = len(example.evidence) - MOST_EVIDENCE
        reads = "\n".join(turn.value for turn in example.conversations if turn.speaker != MODEL)
        span = Span(facts["start_ns"], max(facts["end_ns"], facts["start_ns"] + 1))
        yield Sample(
            heading=f"{number}. {facts['kind']}, {facts['split']}, {facts['curriculum']}",
            question=facts["question"],
            answer=facts["answer"],
            picture=picture,
            alt=f"frames of {example.example_id}" if picture else missing,
            facts=[
                ("Video", f"{example.video} {span.label()}"),
                ("Evidence", f"{evidence} and {more} more" if more > 0 else evidence or "none"),
                *([("Boxes", _boxes(example))] if example.boxes else []),
                ("Written by", f"{facts['made_by']}, {facts['language']}, confidence {facts['confidence']:.2f}"),
                ("Review", facts["reviewed"] or "nobody has looked at it"),
                ("Ids", f"{example.example_id}, {facts['pair_id']}"),
            ],
            reads=reads[:MOST_READ_CHARS] + (" …" if len(reads) > MOST_READ_CHARS else ""),
        )


def _boxes(example: Example) -> str:
    told = (f"[{', '.join(f'{edge:g}' for edge in box)}]" for box in example.boxes)
    return f"{'; '.join(told)} of {example.width} x {example.height}"


def shown_frames(example: Example, at_most: int) -> list[str]:
    """The frames to look at, in the order of time: those with boxes, then those nearest to what the answer is about."""
    boxed = list(dict.fromkeys(example.box_frames))[:at_most]
    others = [frame for frame in dict.fromkeys(example.frames) if frame not in boxed]
    distances = {frame: _distance_ns(frame, example) for frame in others}
    inside = [frame for frame in others if not distances[frame]]
    room = at_most - len(boxed)
    if len(inside) > room:
        found = [inside[place] for place in spread(len(inside), room)]
    else:
        found = sorted(others, key=lambda frame: (distances[frame], frame))[:room]
    return sorted([*boxed, *found])


def _distance_ns(frame_id: str, example: Example) -> int:
    """How far a frame lies from the nearest span of the example; its id holds its time in microseconds."""
    at_ns = int(frame_id[1:]) * 1_000
    spans = [(ns_from_s(start_s), ns_from_s(end_s)) for start_s, end_s in example.timestamps]
    return min((max(start - at_ns, at_ns - end, 0) for start, end in spans), default=0)


def shown(example: Example, frame_id: str, image: bytes) -> pictures.Shown:
    """A frame with those of the example's boxes that lie in it, numbered as in the answer."""
    numbered = enumerate(zip(example.box_frames, example.boxes, strict=True), 1)
    boxes = tuple((number, box) for number, (frame, box) in numbered if frame == frame_id)
    return pictures.Shown(image, example.width, boxes)


def _picture(example: Example, frames: Frames) -> tuple[bytes | None, str]:
    wanted = shown_frames(example, SAMPLE_FRAMES)
    if not wanted:
        return None, "it shows no frame"
    found = [(frame, frames(example.video, frame)) for frame in wanted]
    images = [shown(example, frame, image) for frame, image in found if image]
    return (pictures.strip(images), "") if images else (None, f"{', '.join(wanted)}: not stored here")

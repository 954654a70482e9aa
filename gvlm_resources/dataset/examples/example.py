"""One line of a training set: what it holds, and the tokens in it (pure).

`example_schema.json` beside this file is the format as JSON Schema; docs/dataset.md says it in words.

A value of a conversation holds text and tokens. Each `<v>`, `<r>` and `<a>` stands for one stored vector: the n-th such
token of a line, over all its turns, is the n-th entry of `embeddings`, which names the table and the row. Each
`<box_2d>` stands for a box: the n-th is the n-th of `boxes`. `<ts=MM:SS>` is the time of the tokens after it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

TOKEN_V, TOKEN_R, TOKEN_A, TOKEN_BOX = "<v>", "<r>", "<a>", "<box_2d>"
EMBEDDING_TOKENS = (TOKEN_V, TOKEN_R, TOKEN_A)
HUMAN, MODEL, SYSTEM = "human", "gpt", "system"
ALIGNMENT, DYNAMICS, LONG = CURRICULA = ("alignment", "dynamics", "long")

# Which tables a token's vector may come from. Where features were imported, these are the imported ones.
TABLES: Mapping[str, tuple[str, ...]] = {
    TOKEN_V: ("siglip_embeddings", "videomae_embeddings"),
    TOKEN_R: ("region_embeddings",),
    TOKEN_A: ("wav2vec2_embeddings",),
}
ID_COLUMN = {
    "siglip_embeddings": "frame_id",
    "videomae_embeddings": "clip_id",
    "wav2vec2_embeddings": "window_id",
    "region_embeddings": "region_id",
}


@dataclass(frozen=True, slots=True)
class Turn:
    """`speaker` is `system`, `human` or `gpt`: the names that LLaVA's format has for them."""

    speaker: Literal["system", "human", "gpt"]
    value: str


@dataclass(frozen=True, slots=True)
class Embedding:
    """The stored vector behind one token: the row `row_id` of `table` of this line's video."""

    token: str
    table: str
    row_id: str

    def __post_init__(self) -> None:
        if self.table not in TABLES.get(self.token, ()):
            raise ValueError(f"{self.token} stands for a row of {TABLES.get(self.token)}, not of {self.table!r}")


@dataclass(frozen=True, slots=True)
class Example:
    """`timestamps` are `[start_s, end_s]` of the spans the answer is about, in seconds, as training tools expect them.

    `boxes` are in pixels of the frame, whose `width` and `height` stand beside them; `box_frames` are the frames they
    lie in. `frames` are the frames shown, in the order of their tokens. `provenance` says which pair, made by whom, of
    which kind, curriculum and language, how sure, and the fingerprints of what it was made from.
    """

    example_id: str
    video: str
    conversations: tuple[Turn, ...]
    timestamps: tuple[tuple[float, float], ...]
    embeddings: tuple[Embedding, ...]
    frames: tuple[str, ...]
    boxes: tuple[tuple[float, float, float, float], ...]
    box_frames: tuple[str, ...]
    width: int
    height: int
    evidence: tuple[str, ...]
    provenance: Mapping[str, Any]


def as_json(example: Example) -> dict[str, Any]:
    """As it stands in a line, in the order of the format."""
    return {
        "id": example.example_id,
        "video": example.video,
        "conversations": [{"from": turn.speaker, "value": turn.value} for turn in example.conversations],
        "timestamps": [list(span) for span in example.timestamps],
        "embeddings": [{"token": e.token, "table": e.table, "id": e.row_id} for e in example.embeddings],
        "frames": list(example.frames),
        "boxes": [list(box) for box in example.boxes],
        "box_frames": list(example.box_frames),
        "width": example.width,
        "height": example.height,
        "evidence": list(example.evidence),
        "provenance": dict(example.provenance),
    }


def from_json(line: Mapping[str, Any]) -> Example:
    """The example of one line, which must be valid by the schema."""
    return Example(
        example_id=line["id"],
        video=line["video"],
        conversations=tuple(Turn(turn["from"], turn["value"]) for turn in line["conversations"]),
        timestamps=_pairs(line["timestamps"]),
        embeddings=tuple(Embedding(e["token"], e["table"], e["id"]) for e in line["embeddings"]),
        frames=tuple(line["frames"]),
        boxes=tuple((box[0], box[1], box[2], box[3]) for box in line["boxes"]),
        box_frames=tuple(line["box_frames"]),
        width=line["width"],
        height=line["height"],
        evidence=tuple(line["evidence"]),
        provenance=line["provenance"],
    )


def _pairs(values: Sequence[Sequence[float]]) -> tuple[tuple[float, float], ...]:
    return tuple((value[0], value[1]) for value in values)

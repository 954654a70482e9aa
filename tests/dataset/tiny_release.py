"""A small release with real pictures, written by hand in the format of `release_files`: what its lines say is here.

train       a long example of twenty frames, clips and sound; one with a box; one of a region; one of a timeline alone
validation  one frame, and a system turn
test        an example whose words hold marks of training tools
"""

import hashlib
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image, ImageDraw

from gvlm_resources import schemas
from gvlm_resources.dataset.examples.example import ID_COLUMN
from gvlm_resources.dataset.examples.vectors import Vectors
from gvlm_resources.dataset.releases.release_files import INDEX, LINES, MANIFEST, REMOVED, SPEC, Release
from gvlm_resources.dataset.releases.release_spec import Input, ReleaseSpec

VIDEO, OTHER = "arena-0123456789ab", "cave-ba9876543210"
WIDTH, HEIGHT = 64, 48
BOX = [16.0, 12.0, 32.0, 36.0]


def second(number: int) -> str:
    """The id of the frame at a second."""
    return f"f{number * 1_000_000:012d}"


def example_id(name: str) -> str:
    return f"x{hashlib.sha256(name.encode()).hexdigest()[:16]}"


def jpeg(video: str, frame_id: str, size: tuple[int, int] = (WIDTH, HEIGHT)) -> bytes:
    """A picture whose colour tells which frame it is; the thing in BOX is white."""
    picture = Image.new("RGB", size, colour(video, frame_id))
    ImageDraw.Draw(picture).rectangle(BOX, fill=(255, 255, 255))
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=95)
    return file.getvalue()


def colour(video: str, frame_id: str) -> tuple[int, int, int]:
    red, green, blue = hashlib.sha256(f"{video}/{frame_id}".encode()).digest()[:3]
    return red // 2, green // 2, blue // 2


def line(name: str, turns: list[tuple[str, str]], video: str = VIDEO, **fields: Any) -> dict[str, Any]:
    return {
        "id": example_id(name),
        "video": video,
        "conversations": [{"from": speaker, "value": value} for speaker, value in turns],
        "timestamps": [[0.0, 20.0]],
        "embeddings": [],
        "frames": [],
        "boxes": [],
        "box_frames": [],
        "width": WIDTH,
        "height": HEIGHT,
        "evidence": [],
        "provenance": {"pair": f"q{name}", "kind": "what", "fingerprints": {"qa_pairs": "0" * 64}},
        **fields,
    }


def frame(number: int) -> dict[str, str]:
    return {"token": "<v>", "table": "siglip_embeddings", "id": second(number)}


CLIP = {"token": "<v>", "table": "videomae_embeddings", "id": "c000000000000"}
SOUND = {"token": "<a>", "table": "wav2vec2_embeddings", "id": "w000020000000"}
REGION = {"token": "<r>", "table": "region_embeddings", "id": "r000003000000-1"}

DEATHS = '<evidence>\nE1 00:03 death "Died."\nE2 00:09 death "Died."\n</evidence>'
LONG = line(
    "long",
    [
        (
            "human",
            "".join(f"<ts=00:{number:02d}><v>" for number in range(20))
            + f"<ts=00:20><a>\n{DEATHS}\nHow often did I die by <ts=00:19>?",
        ),
        ("gpt", "Twice: at <ts=00:03> and <ts=00:09>."),
    ],
    embeddings=[*(frame(number) for number in range(20)), SOUND],
    frames=[second(number) for number in range(20)],
    evidence=["e000003500000-death", "e000009500000-death"],
)
BOXED = line(
    "boxed",
    [("human", "<ts=00:02><v><ts=00:03><v>\nWhere is the imp?"), ("gpt", "At <box_2d>.")],
    embeddings=[frame(2), frame(3)],
    frames=[second(2), second(3)],
    boxes=[BOX],
    box_frames=[second(3)],
    evidence=["n000003000000-1"],
)
OF_REGION = line(
    "region",
    [("human", "<ts=00:03><r>\nWhat is it?"), ("gpt", "An imp.")],
    embeddings=[REGION],
    frames=[second(3)],
    evidence=["n000003000000-1"],
)
OF_WORDS = line("words", [("human", "<evidence>\n</evidence>\nHow long is it?"), ("gpt", "A minute.")])
ONE = line(
    "one",
    [("system", "You answer."), ("human", "<ts=00:07><v><v><a>\nWhat is shown?"), ("gpt", "A door.")],
    OTHER,
    embeddings=[frame(7), CLIP, SOUND],
    frames=[second(7)],
    evidence=[second(7)],
)
MARKED = line(
    "marked",
    [
        ("human", "<ts=00:01><v>\nThe sign says <image> and <|im_end|> & <tag>. What does it say?"),
        ("gpt", "It says <IMAGE>."),
    ],
    embeddings=[frame(1)],
    frames=[second(1)],
    evidence=["o000001000000-0"],
)
SPLITS = {"train": [LONG, BOXED, OF_REGION, OF_WORDS], "validation": [ONE], "test": [MARKED]}


def frames(video: str, frame_id: str) -> bytes | None:
    return jpeg(video, frame_id)


DIMS = {"siglip_embeddings": 4, "videomae_embeddings": 3, "wav2vec2_embeddings": 2, "region_embeddings": 4}


def vector(video: str, table: str, row_id: str) -> list[float]:
    """What stands behind a token: as many numbers as the table's, all known by video, table and id."""
    digest = hashlib.sha256(f"{video}/{table}/{row_id}".encode()).digest()
    return [np.float32(number / 256).item() for number in digest[: DIMS[table]]]


def vectors(video: str, model: str = "encoder@1") -> Vectors:
    """The stored vectors of a video: those that the lines name, and some that none names."""
    ids = {"siglip_embeddings": [second(number) for number in range(30)]}
    ids |= {one["table"]: [one["id"]] for one in (CLIP, SOUND, REGION)}
    tables = {}
    for table, names in ids.items():
        rows = {ID_COLUMN[table]: names, "vector": [vector(video, table, name) for name in names]}
        made = pa.table({**rows, "status": ["ok"] * len(names)})
        tables[table] = made.replace_schema_metadata({"gvlm.model": model, "gvlm.table": table})
    return Vectors.of_tables(video, tables)


def release(folder: Path, splits: dict[str, list[dict[str, Any]]] | None = None) -> Release:
    """The release in `folder`, which is made."""
    lines = SPLITS if splits is None else splits
    folder.mkdir(parents=True)
    rows = []
    for split, file in LINES.items():
        text = b""
        for one in lines.get(split, []):
            row = json.dumps(one, ensure_ascii=False).encode() + b"\n"
            rows.append(index_row(one, split, len(text), len(row)))
            text += row
        (folder / file).write_bytes(text)
    pq.write_table(pa.Table.from_pylist(rows, schema=schemas.RELEASE_EXAMPLES), folder / INDEX)
    pq.write_table(schemas.REMOVED.empty_table(), folder / REMOVED)
    (folder / SPEC).write_text(spec().model_dump_json())
    (folder / MANIFEST).write_text(json.dumps({"name": spec().name}))
    return Release(folder)


def index_row(one: dict[str, Any], split: str, offset: int, size: int) -> dict[str, Any]:
    return {
        "video_id": one["video"],
        "example_id": one["id"],
        "pair_id": one["provenance"]["pair"],
        "kind": "what",
        "curriculum": "dynamics",
        "language": "en",
        "length": "short",
        "made_by": "templates@1",
        "confidence": 0.9,
        "question": one["conversations"][-2]["value"].rpartition("\n")[2],
        "answer": one["conversations"][-1]["value"],
        "start_ns": 0,
        "end_ns": 20_000_000_000,
        "tokens": 10,
        "embeddings": len(one["embeddings"]),
        "offset": offset,
        "bytes": size,
        "digest": hashlib.sha256(one["id"].encode()).hexdigest(),
        "split": split,
        "duplicate_group": one["video"],
        "reviewed": "",
    }


def spec() -> ReleaseSpec:
    return ReleaseSpec(name="tiny", inputs=(source(VIDEO, "Arena *fight* | one"), source(OTHER, "Cave", licence="")))


def source(video: str, title: str, licence: str = "BSD-3-Clause") -> Input:
    return Input(
        video_id=video,
        fingerprint="0" * 64,
        source_sha256="1" * 64,
        title=title,
        game="freedoom",
        licence=licence,
        origin="recorded by the owner",
        duration_ns=60_000_000_000,
    )

"""Vectors made with gameplay-vision-llm: its `{stem}_embeddings.pt` as our tables.

The file is a dict of lists: `siglip` of `{timestamp, embedding, shape}`, `videomae` and `wav2vec2` of
`{start_time, end_time, embedding}`. It is a pickle, and pickles can run code: only tensors, plain values and the arrays
of numpy are let through. Where its segmentation ran, its `siglip` holds vectors of regions under the time of their
frame, with nothing that says so but the boxes of `visual_events` and several vectors at one time: those are left out
and named, for none of them is the frame's.
"""

from __future__ import annotations

import pickle
import re
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import pyarrow as pa
import torch
from numpy._core import multiarray

from gvlm_resources import schemas
from gvlm_resources.dataset.facts import MOMENT_NS, Frame
from gvlm_resources.dataset.imports.peer import PeerError
from gvlm_resources.timebase import moment_id, ns_from_s

DIMS = {"siglip": 1152, "videomae": 768, "wav2vec2": 1024}
PREFIXES = {"siglip": "f", "videomae": "c", "wav2vec2": "w"}
SCHEMAS = {"siglip": schemas.SIGLIP, "videomae": schemas.VIDEOMAE, "wav2vec2": schemas.WAV2VEC2}
MAX_FILE_BYTES = 8 << 30  # some hundred hours of the vectors of one video
MAX_S = 11 * 86_400.0  # what ids sort up to
LEAST_LENGTH = 1e-6  # of a vector before it is made a unit vector: its tools write zeros where an encoder failed
_DAMAGED = (RuntimeError, EOFError, ValueError, LookupError, OSError, TypeError, AttributeError, struct.error)
_GLOBAL = re.compile(r"GLOBAL ([\w.]+)")

# What numpy's arrays and numbers are pickled with, under the names of numpy 1 and 2. None of it runs code of a file.
_NUMPY: list[Any] = [
    np.ndarray,
    np.dtype,
    *(type(np.dtype(kind)) for kind in ("f2", "f4", "f8", "i4", "i8", "?")),
    *(
        (function, f"numpy.{core}.multiarray.{name}")
        for core in ("core", "_core")
        for name, function in (("scalar", multiarray.scalar), ("_reconstruct", multiarray._reconstruct))
    ),
]


@dataclass(frozen=True, slots=True)
class Features:
    """Tables in `schemas.SIGLIP`, `VIDEOMAE` and `WAV2VEC2`, with vectors of unit length, in the order of time.

    A table is empty where the file has none. `problems` names what was not taken, and why.
    """

    siglip: pa.Table
    videomae: pa.Table
    wav2vec2: pa.Table
    problems: tuple[str, ...]

    def tables(self) -> dict[str, pa.Table]:
        return {"siglip": self.siglip, "videomae": self.videomae, "wav2vec2": self.wav2vec2}


def features_of(file: Path, *, video_id: str, duration_ns: int, frames: Sequence[Frame] = ()) -> Features:
    """The vectors of a file for one video; those of frames are put at the video's own `frames` (see `at_frames`).

    Raises PeerError where the file is no such file, holds anything that could run code, or has a list of vectors none
    of which has the dimensions of its encoder.
    """
    data = _loaded(file)
    problems: list[str] = []
    boxed = _times_with_boxes(data.get("visual_events"))
    tables = {name: _table(name, data.get(name), video_id, duration_ns, boxed, problems) for name in DIMS}
    if not any(table.num_rows for table in tables.values()):
        raise PeerError(
            f"{file.name} holds no vector that can be taken"
            + "".join(f"; {problem}" for problem in problems[:3])
            + (f"; and {len(problems) - 3} more" if len(problems) > 3 else ""),
            remedy="give the {stem}_embeddings.pt of this very video",
        )
    if isinstance(data.get("hico"), list) and data["hico"]:
        problems.append(f"hico: {len(data['hico'])} vectors of a legacy encoder, for which there is no table here")
    tables["siglip"] = at_frames(tables["siglip"], frames)
    return Features(**tables, problems=tuple(problems))


def at_frames(siglip: pa.Table, frames: Sequence[Frame]) -> pa.Table:
    """`siglip` with each row at the nearest of the video's sampled `frames`, where one lies within half their interval.

    Of two rows near to one frame the nearer gets its id. The others keep their own time and id. Doing it again with
    other frames needs the table as it was before.
    """
    if len(frames) < 2 or not siglip.num_rows:
        return siglip
    at = np.array(sorted(frame.pts_ns for frame in frames))
    names = {frame.pts_ns: frame.frame_id for frame in frames}
    reach = median(np.diff(at).tolist()) / 2
    own = siglip.column("pts_ns").to_numpy()
    after = np.clip(np.searchsorted(at, own), 1, len(at) - 1)
    nearest = np.where(own - at[after - 1] <= at[after] - own, at[after - 1], at[after])
    taken: dict[int, int] = {}
    for row in sorted(range(len(own)), key=lambda row: (abs(int(own[row] - nearest[row])), row)):
        if abs(int(own[row] - nearest[row])) <= reach:
            taken.setdefault(int(nearest[row]), row)
    rows = siglip.to_pylist()
    for pts, row in taken.items():
        rows[row] |= {"pts_ns": pts, "frame_id": names[pts]}
    return _in_time(rows, schemas.SIGLIP, "pts_ns")


# ------------------------------------------------------------------------------------------------ the file


def _loaded(file: Path) -> Mapping[str, Any]:
    remedy = "give a {stem}_embeddings.pt as gameplay-vision-llm writes it"
    if not file.is_file():
        raise PeerError(f"{file} is not there", remedy=remedy)
    if file.stat().st_size > MAX_FILE_BYTES:
        raise PeerError(f"{file.name} is larger than {MAX_FILE_BYTES >> 30} GiB", remedy=remedy)
    try:
        with torch.serialization.safe_globals(_NUMPY):
            data = torch.load(file, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        wanted = _GLOBAL.search(str(error))
        cause = f"asks for {wanted[1]}, which could run code" if wanted else "holds more than tensors and plain values"
        raise PeerError(f"{file.name} {cause}: it was not opened", remedy=remedy) from error
    except MemoryError as error:
        raise PeerError(f"{file.name} asks for more memory than there is", remedy=remedy) from error
    except _DAMAGED as error:
        raise PeerError(f"{file.name} cannot be read: {str(error)[:200]}", remedy=remedy) from error
    if not isinstance(data, Mapping) or not any(isinstance(data.get(name), list) for name in DIMS):
        raise PeerError(f"{file.name} has none of the lists {', '.join(DIMS)}", remedy=remedy)
    return data


def _times_with_boxes(events: Any) -> set[float]:
    """The times at which its segmentation found something."""
    rows = [row for row in events if isinstance(row, Mapping)] if isinstance(events, list) else []
    times = (_number(row.get("timestamp")) for row in rows if row.get("bbox") is not None)
    return {time for time in times if time is not None}


def _number(value: Any) -> float | None:
    """A finite number, also of numpy or in a tensor of one; None of anything else."""
    if isinstance(value, torch.Tensor | np.ndarray | np.generic) and value.ndim == 0:
        value = value.item()
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if np.isfinite(value) else None


# ------------------------------------------------------------------------------------------------ the tables


@dataclass(frozen=True, slots=True)
class _Row:
    start_ns: int
    end_ns: int
    vector: np.ndarray


def _table(name: str, found: Any, video_id: str, duration_ns: int, boxed: set[float], problems: list[str]) -> pa.Table:
    if not isinstance(found, list):
        return SCHEMAS[name].empty_table()
    rows: list[_Row] = []
    for number, entry in enumerate(found):
        row = _row(name, entry, duration_ns, boxed)
        if isinstance(row, str):
            problems.append(f"{name}[{number}]: {row}")
        else:
            rows.append(row)
    sizes = {_size(entry) for entry in found} - {None}
    if sizes and DIMS[name] not in sizes:
        raise PeerError(
            f"the vectors of {name} have {', '.join(map(str, sorted(sizes)))} numbers, and not {DIMS[name]}",
            remedy="import features of google/siglip2-so400m, MCG-NJU/videomae-base and facebook/wav2vec2-large",
        )
    made = [_as_row(name, video_id, row) for row in _each_once(name, rows, problems)]
    return _in_time(made, SCHEMAS[name], "pts_ns" if name == "siglip" else "start_ns")


def _row(name: str, entry: Any, duration_ns: int, boxed: set[float]) -> _Row | str:
    """One vector and when it is, or what is wrong with it."""
    if not isinstance(entry, Mapping):
        return "is no dict"
    keys = ("timestamp", "timestamp") if name == "siglip" else ("start_time", "end_time")
    start, end = (_number(entry.get(key)) for key in keys)
    if start is None or end is None:
        return f"has no {' or '.join(dict.fromkeys(keys))} that is a number"
    if not 0 <= start <= end <= MAX_S:
        return f"lies at {start:g} s to {end:g} s"
    if ns_from_s(start) >= duration_ns:
        return f"lies at {start:g} s, and the video ends at {duration_ns / 1e9:g} s"
    if name == "siglip" and start in boxed:
        return f"is a region's at {start:g} s, by the boxes found there, not the frame's"
    vector = _vector(entry.get("embedding"))
    if vector is None or vector.size != DIMS[name]:
        return f"has {_size(entry) or 'no'} numbers, not {DIMS[name]}"
    length = float(np.linalg.norm(vector))
    if not np.isfinite(length) or length < LEAST_LENGTH:
        return "is no direction: all zeros, or not finite"
    start_ns = ns_from_s(start)
    return _Row(start_ns, min(max(ns_from_s(end), start_ns + MOMENT_NS), duration_ns), vector / length)


def _vector(value: Any) -> np.ndarray | None:
    """The numbers of a tensor, an array or a list, one after another, in double precision."""
    if isinstance(value, torch.Tensor):
        return value.detach().to(torch.float64).flatten().numpy() if not value.is_complex() else None
    if isinstance(value, np.ndarray) and value.dtype.kind in "fiu":
        return value.astype(np.float64).ravel()
    if isinstance(value, list) and value and all(_number(each) is not None for each in value):
        return np.array(value, np.float64)
    return None


def _size(entry: Any) -> int | None:
    vector = _vector(entry.get("embedding")) if isinstance(entry, Mapping) else None
    return None if vector is None else vector.size


def _each_once(name: str, rows: Sequence[_Row], problems: list[str]) -> list[_Row]:
    """One row a moment: the same vector twice is one; different vectors at one moment are none."""
    moments: dict[str, list[_Row]] = {}
    for row in rows:
        moments.setdefault(moment_id(PREFIXES[name], row.start_ns), []).append(row)
    kept = []
    for same in moments.values():
        at = f"{name} at {same[0].start_ns / 1e9:g} s: {len(same)}"
        if any(not np.array_equal(same[0].vector, other.vector) for other in same[1:]):
            problems.append(f"{at} different vectors, of which none was taken: those of regions are not the frame's")
            continue
        if len(same) > 1:
            problems.append(f"{at} times the same vector, taken once")
        kept.append(same[0])
    return kept


def _as_row(name: str, video_id: str, row: _Row) -> dict[str, Any]:
    id_column = SCHEMAS[name].names[1]
    times = {"pts_ns": row.start_ns} if name == "siglip" else {"start_ns": row.start_ns, "end_ns": row.end_ns}
    return {
        "video_id": video_id,
        id_column: moment_id(PREFIXES[name], row.start_ns),
        **times,
        "vector": row.vector.astype(np.float32),
        "status": schemas.STATUS_OK,
        "reason": "",
    }


def _in_time(rows: Sequence[dict[str, Any]], schema: pa.Schema, order: str) -> pa.Table:
    return pa.Table.from_pylist(sorted(rows, key=lambda row: row[order]), schema=schema)

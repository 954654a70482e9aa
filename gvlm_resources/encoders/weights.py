"""Which files make a checkpoint, and whether they are whole: told from names, sizes and headers, nothing is loaded."""

from __future__ import annotations

import json
import math
import re
import struct
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

CONFIG = "config.json"
SAFETENSORS, SAFETENSORS_INDEX = "model.safetensors", "model.safetensors.index.json"
PICKLED, PICKLED_INDEX = "pytorch_model.bin", "pytorch_model.bin.index.json"

# What transformers reads beside the weights. Code, other formats of the same weights and model cards are not in it.
SIDE_FILES = frozenset(
    {
        CONFIG,
        "generation_config.json",
        "preprocessor_config.json",
        "processor_config.json",
        "video_preprocessor_config.json",
        "tokenizer.json",
        "tokenizer_config.json",
        "tokenizer.model",
        "spiece.model",
        "sentencepiece.bpe.model",
        "special_tokens_map.json",
        "added_tokens.json",
        "vocab.json",
        "vocab.txt",
        "merges.txt",
        "normalizer.json",
        "chat_template.json",
        "chat_template.jinja",
    }
)

_SAFETENSORS_FILE = re.compile(r"model(-\d{5}-of-\d{5})?\.safetensors")
_PICKLED_FILE = re.compile(r"pytorch_model(-\d{5}-of-\d{5})?\.bin")
_MOST_HEADER_BYTES = 100_000_000  # the safetensors format's own limit
_UNFINISHED = ".cache/huggingface/download"  # where huggingface_hub keeps what it has not finished, in a plain folder

Format = Literal["safetensors", "pickled"]


@dataclass(frozen=True)
class Size:
    """How much there is to load. `parameters` is unknown for pickled weights: to count them is to load them."""

    parameters: int | None
    bytes: int


def needed(names: Iterable[str]) -> list[str]:
    """Of the files of a repository those that are loaded: one format of the weights, and what is read beside them.

    Safetensors go before pickled weights, and one whole file before shards of the same.
    """
    found = set(names)
    if SAFETENSORS in found:
        weights = {SAFETENSORS}
    elif SAFETENSORS_INDEX in found:
        weights = {SAFETENSORS_INDEX, *(name for name in found if _SAFETENSORS_FILE.fullmatch(name))}
    elif PICKLED in found:
        weights = {PICKLED}
    else:
        weights = {name for name in found if _PICKLED_FILE.fullmatch(name) or name == PICKLED_INDEX}
    return sorted(weights | (found & SIDE_FILES))


def is_weights(name: str) -> bool:
    return bool(_SAFETENSORS_FILE.fullmatch(name) or _PICKLED_FILE.fullmatch(name))


def format_of(folder: Path) -> Format:
    """Which of its weights `folder` is loaded from."""
    is_safe = (folder / SAFETENSORS).is_file() or (folder / SAFETENSORS_INDEX).is_file()
    return "safetensors" if is_safe else "pickled"


def problem(folder: Path) -> str:
    """What keeps `folder` from being a whole checkpoint, naming the file; nothing where it is one."""
    unfinished = sorted((folder / _UNFINISHED).rglob("*.incomplete"))
    if unfinished:
        return f"{unfinished[0]} is not downloaded to its end"
    try:
        config = _json(folder / CONFIG)
        if "transformers_weights" in config:
            return f"{folder / CONFIG} names its weights itself (`transformers_weights`), which is not supported"
        for path in weight_files(folder):
            check_whole(path)
    except (OSError, ValueError) as error:
        return str(error)
    return ""


def weight_files(folder: Path) -> list[Path]:
    """The files that hold the weights, in the order of their names.

    Raises FileNotFoundError or ValueError, naming the file, where one is missing or an index cannot be used.
    """
    for single, index in ((SAFETENSORS, SAFETENSORS_INDEX), (PICKLED, PICKLED_INDEX)):
        if (folder / single).is_file():
            return [folder / single]
        if (folder / index).is_file():
            return _shards(folder / index)
    raise FileNotFoundError(f"{folder / SAFETENSORS} is missing")


def _shards(index: Path) -> list[Path]:
    mapping = _json(index).get("weight_map")
    if not isinstance(mapping, dict) or not mapping:
        raise ValueError(f"{index} maps no weights to files")
    names = sorted(set(mapping.values()))
    for name in names:
        if not isinstance(name, str) or not is_weights(name):
            raise ValueError(f"{index} names {name!r}, which is no weights file of this folder")
        if not (index.parent / name).is_file():
            raise FileNotFoundError(f"{index.parent / name} is missing")
    return [index.parent / name for name in names]


def check_whole(path: Path) -> None:
    """Raise ValueError where a safetensors file is shorter or longer than its header says. Pickles have no header."""
    if path.suffix == ".safetensors":
        header, start = read_header(path)
        end = max((tensor["data_offsets"][1] for tensor in header.values()), default=0)
        if path.stat().st_size != start + end:
            raise ValueError(f"{path} has {path.stat().st_size:,} bytes where its header says {start + end:,}")
    elif path.stat().st_size == 0:
        raise ValueError(f"{path} is empty")


def read_header(path: Path) -> tuple[Mapping[str, Any], int]:
    """The tensors of a safetensors file (name -> dtype, shape, data_offsets), and where their data begins.

    The format: 8 bytes of length, little-endian, then that many bytes of JSON, then the tensors end to end
    (https://huggingface.co/docs/safetensors).
    """
    with path.open("rb") as file:
        first = file.read(8)
        length = struct.unpack("<Q", first)[0] if len(first) == 8 else 0
        if not 2 <= length <= _MOST_HEADER_BYTES:
            raise ValueError(f"{path} does not begin as a safetensors file does")
        text = file.read(length)
    try:
        header = json.loads(text)
        header.pop("__metadata__", None)
        whole = all(len(tensor["data_offsets"]) == 2 and "shape" in tensor for tensor in header.values())
    except (ValueError, TypeError, AttributeError, KeyError) as error:
        raise ValueError(f"{path} has no readable safetensors header") from error
    if len(text) < length or not whole:
        raise ValueError(f"{path} has no readable safetensors header")
    return header, 8 + length


def size(folder: Path) -> Size:
    """Parameters and bytes of the weights of a whole checkpoint."""
    paths = weight_files(folder)
    total = sum(path.stat().st_size for path in paths)
    if any(path.suffix != ".safetensors" for path in paths):
        return Size(None, total)
    shapes = [tensor["shape"] for path in paths for tensor in read_header(path)[0].values()]
    return Size(sum(math.prod(shape) for shape in shapes), total)


def _json(path: Path) -> dict[str, Any]:
    if not path.is_file():
        raise FileNotFoundError(f"{path} is missing")
    try:
        value = json.loads(path.read_bytes())
    except ValueError as error:
        raise ValueError(f"{path} is no JSON: it may be cut off") from error
    if not isinstance(value, dict):
        raise ValueError(f"{path} holds no JSON object")
    return value

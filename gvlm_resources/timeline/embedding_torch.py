"""all-MiniLM-L6-v2 in PyTorch: the plain reference, and its conversion for OpenVINO.

Needs torch and sentence-transformers, which cost seconds to import: `embedding` imports this module only
where one of the two is asked for.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from sentence_transformers import SentenceTransformer

from gvlm_resources.encoders.silence import quiet
from gvlm_resources.quiet_openvino import openvino
from gvlm_resources.schemas import TEXT_VECTOR_DIM
from gvlm_resources.timeline.embedding import ModelFolder, encode_distinct

BATCH_TEXTS = 32


class SentenceTransformersEncoder:
    """The model as its authors run it."""

    dim = TEXT_VECTOR_DIM

    def __init__(self, model: ModelFolder) -> None:
        self.name = model.name("sentence-transformers")
        with quiet():
            self._model = SentenceTransformer(str(model.folder), device="cpu", local_files_only=True)

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """(N,) -> (N, 384), unit rows."""
        return encode_distinct(texts, self._encode)

    def _encode(self, texts: list[str]) -> NDArray[np.float32]:
        vectors = self._model.encode(
            texts, batch_size=BATCH_TEXTS, normalize_embeddings=True, show_progress_bar=False, convert_to_numpy=True
        )
        return np.asarray(vectors, dtype=np.float32)

    def convert(self, target: Path) -> None:
        """Write the model as OpenVINO IR, `target` and a `.bin` beside it: token ids and mask in, token states out.

        Weights stay float32: what is computed in is decided on the machine that runs it.
        """
        network = self._model[0].auto_model
        ids = torch.ones((2, 16), dtype=torch.int64)
        example = {"input_ids": ids, "attention_mask": torch.ones_like(ids), "token_type_ids": torch.zeros_like(ids)}
        with quiet(), warnings.catch_warnings(), torch.no_grad():
            # Tracing, deprecated but what OpenVINO does, warns of branches on shapes. They fall the same way for every
            # text: the probes, which have many lengths, would show it if they did not.
            for category in (torch.jit.TracerWarning, DeprecationWarning, FutureWarning):
                warnings.simplefilter("ignore", category=category)
            converted = openvino.convert_model(network, example_input=example)
        openvino.save_model(converted, target, compress_to_fp16=False)

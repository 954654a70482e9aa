"""On a CUDA device (`pytest -m gpu`): the same vectors as on the processor, and memory that really runs out."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from gvlm_resources.encoders import siglip, stream, videomae, wav2vec2
from gvlm_resources.encoders.meter import Meter
from gvlm_resources.encoders.protocol import Checkpoint, Placement
from gvlm_resources.encoders.stream import Flow, Job
from gvlm_resources.settings import SiglipSettings
from tests.encoders import tiny_audio, tiny_siglip, tiny_videomae

pytestmark = pytest.mark.gpu
DEVICE = "cuda:0"
RANDOM = np.random.default_rng(0)
FRAMES = RANDOM.integers(0, 255, (5, 90, 160, 3), np.uint8)
CLIPS = RANDOM.integers(0, 255, (3, 16, 60, 80, 3), np.uint8)
WINDOWS = [RANDOM.integers(-9000, 9000, 16_000).astype(np.int16) for _ in range(3)]
Encode = Callable[[Placement], np.ndarray]


def _siglip(folder: Path, kind: str) -> Encode:
    checkpoint = Checkpoint("tiny@0", tiny_siglip.save(folder / kind, kind))
    return lambda placement: siglip.load(checkpoint, placement, SiglipSettings(model="tiny")).encode(FRAMES)


def _videomae(folder: Path) -> Encode:
    checkpoint = Checkpoint("tiny@0", tiny_videomae.save(folder / "videomae", num_frames=16))
    return lambda placement: videomae.load(checkpoint, placement).encode(CLIPS)


def _wav2vec2(folder: Path) -> Encode:
    checkpoint = Checkpoint("tiny@0", tiny_audio.save_wav2vec2(folder / "wav2vec2"))
    return lambda placement: wav2vec2.load(checkpoint, placement).encode(WINDOWS)


@pytest.fixture(params=["fixed", "naflex", "videomae", "wav2vec2"])
def encode(request: pytest.FixtureRequest, tmp_path: Path) -> Encode:
    if request.param in ("fixed", "naflex"):
        return _siglip(tmp_path, request.param)
    return _videomae(tmp_path) if request.param == "videomae" else _wav2vec2(tmp_path)


@pytest.mark.parametrize(("dtype", "cosine"), [("float32", 0.9999), ("bfloat16", 0.98)])
def test_the_device_gives_the_vectors_of_the_processor(encode: Encode, dtype: Any, cosine: float) -> None:
    expected = encode(Placement("cpu", "float32", "sdpa"))
    found = encode(Placement(DEVICE, dtype, "sdpa"))
    assert found.dtype == np.float32
    assert (found * expected).sum(1).min() > cosine


@pytest.fixture
def little_memory() -> Iterator[None]:
    torch.cuda.empty_cache()
    torch.cuda.set_per_process_memory_fraction(0.05)
    yield
    torch.cuda.set_per_process_memory_fraction(1.0)


def test_a_batch_that_does_not_fit_is_halved_until_it_does(little_memory: None) -> None:
    free = torch.cuda.get_device_properties(0).total_memory // 20

    def hungry(batch: np.ndarray) -> np.ndarray:
        torch.empty(len(batch) * free // 3, dtype=torch.uint8, device=DEVICE)  # two fit, four do not
        return batch.astype(np.float32)

    flow: Flow = Flow(decode=np.asarray, encode=hungry, batch=8, alike=lambda one: one.shape, collate=np.stack)
    said: list[str] = []
    meter = Meter()
    made = list(stream.run(flow, [Job(n, [n], "ok", "") for n in range(10)], meter=meter, report=said.append))
    assert [outcome.key for outcome in made] == list(range(10))
    assert meter.speed().batch == 2
    assert meter.speed().halvings == len(said) == 2

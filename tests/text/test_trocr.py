from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from gvlm_resources.encoders import pixels, placement
from gvlm_resources.encoders.protocol import Checkpoint, Placement
from gvlm_resources.errors import MissingModelError
from gvlm_resources.settings import ComputeSettings
from gvlm_resources.text import trocr
from gvlm_resources.text.protocol import Image, Reading
from gvlm_resources.text.trocr import TrOcrReader
from tests.text import tiny_trocr

EAGER = Placement("cpu", "float32", "eager")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_trocr.save(tmp_path_factory.mktemp("trocr") / "tiny", seed=2)


@pytest.fixture(scope="module")
def reader(folder: Path) -> TrOcrReader:
    return trocr.load(Checkpoint("tiny@0", folder), EAGER, batch=3)


@pytest.fixture(scope="module")
def lines() -> list[Image]:
    """Crops of several sizes with something in them: what random weights write has nothing to do with letters."""
    random = np.random.default_rng(0)
    blocks = [random.integers(0, 255, (2, 4, 3), np.uint8) for _ in range(5)]
    return [np.kron(block, np.ones((16, 20 + 4 * number, 1), np.uint8)) for number, block in enumerate(blocks)]


def nearly(one: Reading, other: Reading) -> bool:
    return one.text == other.text and np.allclose(
        (one.confidence, one.weakest), (other.confidence, other.weakest), atol=5e-3
    )


def test_a_batch_reads_what_each_line_reads_alone(reader: TrOcrReader, lines: list[Image]) -> None:
    together = reader.recognise(lines)
    assert len({reading.text for reading in together}) > 2
    assert all(nearly(*pair) for pair in zip(together, (reader.recognise([line])[0] for line in lines), strict=True))


def test_no_crops_give_no_readings(reader: TrOcrReader) -> None:
    assert reader.recognise([]) == []


def test_a_long_line_is_read_past_the_twenty_tokens_of_the_checkpoints_settings(
    reader: TrOcrReader, lines: list[Image]
) -> None:
    assert max(len(reading.text) for reading in reader.recognise(lines)) > 20


def test_the_confidence_is_the_mean_probability_of_what_was_written(reader: TrOcrReader, lines: list[Image]) -> None:
    """Told by one pass over the finished text instead of by the search."""
    reading = reader.recognise(lines[:1])[0]
    letters = reader._tokenizer(reading.text, add_special_tokens=False)["input_ids"]
    tokens = torch.tensor([[2, *letters]])
    picture = reader._preprocessing.tensors(pixels.on_device(lines[0][None], "cpu"))
    with torch.no_grad():
        logits = reader._network(pixel_values=picture, decoder_input_ids=tokens).logits[0, :-1]
    likely = logits.softmax(-1)[torch.arange(len(letters)), torch.tensor(letters)]
    assert reading.confidence == pytest.approx(float(likely.mean()), abs=5e-3)
    assert reading.weakest == pytest.approx(float(likely.min()), abs=5e-3)


def test_a_checkpoint_runs_with_the_attention_that_it_has(folder: Path) -> None:
    placed = placement.choose_for(Checkpoint("tiny@0", folder), ComputeSettings(device="cpu"), "float32")
    assert placed == EAGER


def test_half_precision_reads_letters(folder: Path, lines: list[Image]) -> None:
    half = trocr.load(Checkpoint("tiny@0", folder), Placement("cpu", "bfloat16", "eager"))
    assert all(reading.text for reading in half.recognise(lines))


def test_where_memory_runs_out_the_batch_is_halved(
    reader: TrOcrReader, lines: list[Image], monkeypatch: pytest.MonkeyPatch
) -> None:
    expected, read, sizes = reader.recognise(lines[:3]), reader._read, []

    def small(crops: list[Image]) -> list[Reading]:
        sizes.append(len(crops))
        if len(crops) > 1:
            raise torch.OutOfMemoryError
        return read(crops)

    monkeypatch.setattr(reader, "_read", small)
    assert all(map(nearly, reader.recognise(lines[:3]), expected))
    assert sizes == [3, 1, 2, 1, 1]


def test_a_checkpoint_without_weights_of_the_decoder_is_refused(folder: Path, tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    for file in folder.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    weights = load_file(tmp_path / "model.safetensors")
    del weights["decoder.output_projection.weight"]
    save_file(weights, tmp_path / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(MissingModelError, match=r"lacks decoder\.output_projection"):
        trocr.load(Checkpoint("tiny@0", tmp_path), EAGER)

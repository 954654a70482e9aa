"""Where a network runs: `auto` chooses, and what is asked for by name is there or an error."""

from pathlib import Path

import pytest
import torch
from transformers import CLIPTextConfig, Siglip2Config, SiglipConfig, TrOCRConfig, VisionEncoderDecoderConfig, ViTConfig

from gvlm_resources.encoders import placement
from gvlm_resources.encoders.protocol import Checkpoint, Placement
from gvlm_resources.errors import MissingModelError, SettingsError
from gvlm_resources.settings import ComputeSettings


class Machine:
    """What PyTorch tells of a machine with CUDA devices, and whether FlashAttention 2 is installed on it."""

    def __init__(
        self, patch: pytest.MonkeyPatch, *, devices: int = 0, flash: bool = False, capability: tuple[int, int] = (9, 0)
    ) -> None:
        patch.setattr(torch.cuda, "is_available", lambda: devices > 0)
        patch.setattr(torch.cuda, "device_count", lambda: devices)
        patch.setattr(torch.cuda, "get_device_capability", lambda device: capability)
        patch.setattr(torch.cuda, "get_device_name", lambda device: "NVIDIA T4")
        patch.setattr(placement, "is_flash_attn_2_available", lambda: flash)


def test_auto_takes_the_processor_where_there_is_no_device(monkeypatch: pytest.MonkeyPatch) -> None:
    Machine(monkeypatch)
    assert placement.choose(ComputeSettings(), "float32") == Placement("cpu", "float32", "sdpa")
    assert placement.choose(ComputeSettings(), "bfloat16") == Placement("cpu", "bfloat16", "sdpa")


def test_auto_takes_the_first_device_and_flash_attention_where_it_can(monkeypatch: pytest.MonkeyPatch) -> None:
    Machine(monkeypatch, devices=2, flash=True)
    chosen = placement.choose(ComputeSettings(), "bfloat16")
    assert chosen == Placement("cuda:0", "bfloat16", "flash_attention_2")
    assert placement.choose(ComputeSettings(), "float32").attention == "sdpa"
    assert placement.choose(ComputeSettings(), "bfloat16", has_flash=False).attention == "sdpa"
    assert placement.choose(ComputeSettings(device="cpu"), "bfloat16").attention == "sdpa"
    assert placement.choose(ComputeSettings(), "bfloat16", has_flash=False, has_sdpa=False).attention == "eager"
    Machine(monkeypatch, devices=2, flash=False)
    assert placement.choose(ComputeSettings(), "bfloat16").attention == "sdpa"


def test_a_device_is_definite_and_exists(monkeypatch: pytest.MonkeyPatch) -> None:
    Machine(monkeypatch, devices=2)
    assert placement.choose(ComputeSettings(device="cuda"), "float32").device == "cuda:0"
    assert placement.choose(ComputeSettings(device="cuda:1"), "float32").device == "cuda:1"
    with pytest.raises(SettingsError, match=r"cuda:2.*sees 2 CUDA devices"):
        placement.choose(ComputeSettings(device="cuda:2"), "float32")


def test_a_device_that_is_asked_for_and_not_there_is_never_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    Machine(monkeypatch)
    with pytest.raises(SettingsError, match=r"sees no CUDA devices.*auto or cpu"):
        placement.choose(ComputeSettings(device="cuda"), "float32")


@pytest.mark.parametrize(
    ("devices", "flash", "dtype", "has_flash", "cause"),
    [
        (0, True, "bfloat16", True, "CUDA devices only"),
        (1, False, "bfloat16", True, r"gvlm\[flash\]"),
        (1, True, "float32", True, "float16 or bfloat16"),
        (1, True, "bfloat16", False, "has no FlashAttention"),
    ],
)
def test_flash_attention_that_is_asked_for_and_cannot_be_is_never_replaced(
    monkeypatch: pytest.MonkeyPatch, devices: int, flash: bool, dtype: str, has_flash: bool, cause: str
) -> None:
    Machine(monkeypatch, devices=devices, flash=flash)
    with pytest.raises(SettingsError, match=cause):
        placement.choose(ComputeSettings(attention="flash_attention_2"), dtype, has_flash=has_flash)


def test_attention_that_is_asked_for_and_there_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    Machine(monkeypatch, devices=1, flash=True)
    for attention in ("eager", "sdpa", "flash_attention_2"):
        assert placement.choose(ComputeSettings(attention=attention), "float16").attention == attention
    with pytest.raises(SettingsError, match="eager"):
        placement.choose(ComputeSettings(attention="sdpa"), "float16", has_sdpa=False)


def test_bfloat16_needs_a_device_that_computes_in_it(monkeypatch: pytest.MonkeyPatch) -> None:
    Machine(monkeypatch, devices=1, capability=(7, 5))
    with pytest.raises(SettingsError, match=r"NVIDIA T4 has no bfloat16.*float16"):
        placement.choose(ComputeSettings(), "bfloat16")
    assert placement.choose(ComputeSettings(), "float16").device == "cuda:0"
    assert placement.choose(ComputeSettings(device="cpu"), "bfloat16").device == "cpu"


@pytest.mark.parametrize(
    ("config", "attention"),
    [
        (SiglipConfig(), "flash_attention_2"),
        (Siglip2Config(), "sdpa"),
        (VisionEncoderDecoderConfig.from_encoder_decoder_configs(ViTConfig(), TrOCRConfig()), "eager"),
    ],
    ids=["siglip", "siglip2", "trocr"],
)
def test_what_an_architecture_lacks_is_told_from_its_config(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, config: CLIPTextConfig, attention: str
) -> None:
    Machine(monkeypatch, devices=1, flash=True)
    config.save_pretrained(tmp_path)
    assert placement.choose_for(Checkpoint("a@1", tmp_path), ComputeSettings(), "float16").attention == attention


def test_an_architecture_that_needs_its_own_code_is_refused_and_its_code_not_run(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"model_type": "new", "auto_map": {"AutoConfig": "boom.Config"}}')
    (tmp_path / "boom.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\nclass Config: ...")
    with pytest.raises(MissingModelError, match="never run"):
        placement.choose_for(Checkpoint("a@1", tmp_path), ComputeSettings(), "float32")
    assert not (tmp_path / "ran").exists()

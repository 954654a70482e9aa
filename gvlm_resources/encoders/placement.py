"""Where and how a network runs on this machine. Only `auto` chooses; what is asked for and not there is an error."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from transformers import (
    MODEL_FOR_CAUSAL_LM_MAPPING,
    MODEL_MAPPING,
    AutoConfig,
    PreTrainedConfig,
    PreTrainedModel,
)
from transformers.utils import is_flash_attn_2_available

from gvlm_resources.encoders.protocol import Checkpoint, Placement
from gvlm_resources.encoders.silence import quiet
from gvlm_resources.errors import MissingModelError, SettingsError
from gvlm_resources.settings import ComputeSettings, Dtype


def choose_for(checkpoint: Checkpoint, compute: ComputeSettings, dtype: Dtype) -> Placement:
    """`choose`, with the kinds of attention that every part of the checkpoint's architecture has in transformers.

    Raises MissingModelError where config.json cannot be used.
    """
    try:
        with quiet():
            config = AutoConfig.from_pretrained(checkpoint.folder, local_files_only=True, trust_remote_code=False)
    except (OSError, ValueError, KeyError) as error:
        raise MissingModelError(
            f"{checkpoint.folder}/config.json is of no architecture that transformers knows: {error}",
            remedy="name a checkpoint of another architecture; code that comes with a checkpoint is never run",
        ) from error
    classes = [cls for part in _parts(config) for cls in _classes(part)]
    return choose(
        compute,
        dtype,
        has_flash=all(cls._supports_flash_attn for cls in classes),
        has_sdpa=all(cls._supports_sdpa for cls in classes),
    )


def _parts(config: PreTrainedConfig) -> Iterator[PreTrainedConfig]:
    """The configuration, and those of the networks that it is put together of."""
    yield config
    for name in config.sub_configs:
        part = getattr(config, name, None)
        if isinstance(part, PreTrainedConfig):
            yield from _parts(part)


def _classes(config: PreTrainedConfig) -> Iterator[type[PreTrainedModel]]:
    """The networks of this configuration; none for one that is only ever a wrapper around others."""
    for mapping in (MODEL_MAPPING, MODEL_FOR_CAUSAL_LM_MAPPING):
        found = mapping.get(type(config), ())
        yield from found if isinstance(found, tuple) else (found,)


def choose(compute: ComputeSettings, dtype: Dtype, *, has_flash: bool = True, has_sdpa: bool = True) -> Placement:
    """The placement of a network that has, or has not, FlashAttention 2 and PyTorch's own attention.

    `auto` takes the first CUDA device, or else the processor, and the fastest attention that the network, the device
    and the dtype have: FlashAttention 2, then PyTorch's own, then transformers' plain one (`eager`).
    Raises SettingsError, with the remedy, where what is asked for by name is not there.
    """
    device = _device(compute.device)
    _check_dtype(device, dtype)
    if compute.attention == "auto":
        lack = _lack_of_flash(device, dtype, has_flash=has_flash)
        attention = "flash_attention_2" if not lack else "sdpa" if has_sdpa else "eager"
        return Placement(device, dtype, attention)
    lack = ""
    if compute.attention == "flash_attention_2":
        lack = _lack_of_flash(device, dtype, has_flash=has_flash)
    elif compute.attention == "sdpa" and not has_sdpa:
        lack = "this network has only transformers' plain attention (`eager`)"
    if lack:
        raise SettingsError(f"compute.attention is {compute.attention}, and {lack}", remedy="set it to auto")
    return Placement(device, dtype, compute.attention)


def _device(wanted: str) -> str:
    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if wanted == "cpu" or (wanted == "auto" and count == 0):
        return "cpu"
    number = int(wanted.partition(":")[2] or 0)
    if number >= count:
        build = f"PyTorch {torch.__version__} sees {count or 'no'} CUDA device{'s' if count != 1 else ''}"
        raise SettingsError(
            f"compute.device is {wanted}, and {build}",
            remedy="set it to auto or cpu; `gvlm doctor` says which devices the driver shows and what PyTorch is "
            "built for",
        )
    return f"cuda:{number}"


def _check_dtype(device: str, dtype: Dtype) -> None:
    if device == "cpu" or dtype != "bfloat16":
        return
    if torch.cuda.get_device_capability(torch.device(device)) < (8, 0):
        raise SettingsError(
            f"{torch.cuda.get_device_name(torch.device(device))} has no bfloat16 arithmetic",
            remedy="set the model's dtype to float16 or float32",
        )


def _lack_of_flash(device: str, dtype: Dtype, *, has_flash: bool) -> str:
    """Why FlashAttention 2 cannot be used, or nothing where it can."""
    if not has_flash:
        return "this network has no FlashAttention 2"
    if device == "cpu":
        return "FlashAttention 2 runs on CUDA devices only"
    if dtype == "float32":
        return "FlashAttention 2 computes in float16 or bfloat16 only"
    if not is_flash_attn_2_available():
        return "FlashAttention 2 is not installed (pip install 'gvlm[flash]')"
    return ""

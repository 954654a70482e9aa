"""A network with exactly the weights of its checkpoint, or an error. Never one that is partly initialised."""

from __future__ import annotations

import pickle
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from safetensors import SafetensorError
from transformers import AutoConfig, PreTrainedConfig, PreTrainedModel

from gvlm_resources.encoders import weights
from gvlm_resources.encoders.protocol import Checkpoint, Placement
from gvlm_resources.encoders.silence import quiet
from gvlm_resources.errors import MissingModelError, SettingsError

_SHOWN = 5
_REMEDY = "get the checkpoint anew (`gvlm models pull MODEL`), or name one of this architecture; see docs/models.md"


def network(
    cls: type[PreTrainedModel],
    checkpoint: Checkpoint,
    placement: Placement,
    *,
    sub_config: str | None = None,
    unused: Sequence[str] = (),
    may_lack: Sequence[str] = (),
    **from_pretrained: Any,
) -> PreTrainedModel:
    """`cls` with the checkpoint's weights, where `placement` says and in its dtype, without dropout and gradients.

    `sub_config` names the part of config.json that `cls` is built of, such as `detector_config`, where transformers
    does not find it by itself. `unused` are prefixes of weights that may stay unused, such as a head's. `may_lack` are
    prefixes of weights that the checkpoint may lack because what is computed here never touches them. Further keywords
    go to `from_pretrained`. Weights come from safetensors, or from pickles that may hold nothing but tensors, where the
    checkpoint has only those.

    Raises MissingModelError where any other weight is missing, left over or of another shape, or a file is damaged,
    and SettingsError where the network has not the attention that `placement` asks for.
    """
    _check_attention(cls, placement.attention)
    if sub_config is not None:
        from_pretrained["config"] = _part_of_config(checkpoint, sub_config)
    model, report = _read(cls, checkpoint, placement, from_pretrained)
    _check(report, cls, checkpoint, unused=tuple(unused), may_lack=tuple(may_lack))
    return model.eval().requires_grad_(False).to(placement.device)


def _read(
    cls: type[PreTrainedModel], checkpoint: Checkpoint, placement: Placement, options: Mapping[str, Any]
) -> tuple[PreTrainedModel, Mapping[str, Any]]:
    """The network on the processor, and the library's account of which weights it found."""
    try:
        with quiet():
            return cls.from_pretrained(
                checkpoint.folder,
                local_files_only=True,
                trust_remote_code=False,
                use_safetensors=weights.format_of(checkpoint.folder) == "safetensors",
                weights_only=True,
                ignore_mismatched_sizes=True,  # they are in the account, and refused with their names
                output_loading_info=True,
                dtype=getattr(torch, placement.dtype),
                attn_implementation=placement.attention,
                **options,
            )
    except (OSError, ValueError, KeyError, RuntimeError, ImportError, SafetensorError, pickle.UnpicklingError) as error:
        raise MissingModelError(
            f"{checkpoint.name} in {checkpoint.folder} does not load as {cls.__name__}: {error}", remedy=_REMEDY
        ) from error


def _check_attention(cls: type[PreTrainedModel], attention: str) -> None:
    """The library tells in the class, under names of its own, which implementations the network has."""
    has = {"flash_attention_2": cls._supports_flash_attn, "sdpa": cls._supports_sdpa}
    if not has.get(attention, True):
        raise SettingsError(f"{cls.__name__} has no attention of the kind {attention}", remedy="choose another one")


def _part_of_config(checkpoint: Checkpoint, name: str) -> PreTrainedConfig:
    try:
        config = AutoConfig.from_pretrained(checkpoint.folder, local_files_only=True, trust_remote_code=False)
    except (OSError, ValueError, KeyError) as error:
        raise MissingModelError(f"{checkpoint.folder} has no usable config.json: {error}", remedy=_REMEDY) from error
    part = getattr(config, name, None)
    if not isinstance(part, PreTrainedConfig):
        raise MissingModelError(f"the config.json of {checkpoint.name} has no {name}", remedy=_REMEDY)
    return part


def _check(
    report: Mapping[str, Any],
    cls: type[PreTrainedModel],
    checkpoint: Checkpoint,
    *,
    unused: tuple[str, ...],
    may_lack: tuple[str, ...],
) -> None:
    """Refuse a network whose weights are not all, and only, the checkpoint's."""
    found = {
        "lacks": sorted(key for key in report["missing_keys"] if not key.startswith(may_lack)),
        "has left over": sorted(key for key in report["unexpected_keys"] if not key.startswith(unused)),
        "has in another shape": sorted(
            f"{key} ({_shape(there)} instead of {_shape(wanted)})" for key, there, wanted in report["mismatched_keys"]
        ),
        "has errors in": sorted(map(str, report["error_msgs"])),
    }
    faults = [f"{what} {_listed(keys)}" for what, keys in found.items() if keys]
    if faults:
        raise MissingModelError(
            f"{checkpoint.name} in {checkpoint.folder} is no {cls.__name__}: it {'; it '.join(faults)}", remedy=_REMEDY
        )


def _listed(keys: Sequence[str]) -> str:
    more = f" and {len(keys) - _SHOWN} more" if len(keys) > _SHOWN else ""
    return ", ".join(keys[:_SHOWN]) + more


def _shape(size: Sequence[int]) -> str:
    return "x".join(map(str, size)) or "scalar"

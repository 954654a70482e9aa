"""A SigLIP vision tower of 16 dimensions, as transformers saves one: what the loading of checkpoints is tested with."""

from pathlib import Path

import torch
from transformers import SiglipVisionConfig, SiglipVisionModel

CONFIG = SiglipVisionConfig(
    hidden_size=16, intermediate_size=32, num_hidden_layers=2, num_attention_heads=2, image_size=32, patch_size=16
)


def model(seed: int = 0) -> SiglipVisionModel:
    torch.manual_seed(seed)
    return SiglipVisionModel(CONFIG).eval()


def save(folder: Path, *, seed: int = 0, shard: str = "5GB") -> Path:
    """The checkpoint in `folder`; `shard` such as "4KB" cuts its weights into several files."""
    model(seed).save_pretrained(folder, max_shard_size=shard)
    return folder

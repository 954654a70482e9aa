"""RapidOCR's shipped PP-OCRv6 models, driven batch by batch.

The package's own pipeline reads one image a call, pads every crop to the widest of its batch and gives no way to say
which characters may stand in a crop. So its networks are run here directly, with its own post-processing of
detections and its own constants. Nothing is downloaded: the models lie in the package. A language that the package's
recogniser cannot write is read by a further one, whose file the user puts into a folder (`text/languages.py`).
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

import cv2
import numpy as np
import onnxruntime
import yaml
from numpy.typing import NDArray

from gvlm_resources.errors import MissingModelError
from gvlm_resources.quiet_openvino import openvino
from gvlm_resources.text import languages as written
from gvlm_resources.text.protocol import Box, Image, Reading

PACKAGE = "rapidocr"
REMEDY = "install it again: pip install --force-reinstall 'rapidocr>=3.10,<4'"

Runtime = Literal["openvino", "onnxruntime"]
Network = Callable[[NDArray[np.float32]], NDArray[np.float32]]

LINE_HEIGHT_PX = 48  # what the recogniser was trained on
WIDTH_STEP_PX = 64  # crops are padded to a multiple, so that a crop's result depends on that crop alone
MAX_WIDTH_PX = 2560  # 53 times as wide as high: longer lines are squeezed
BATCH_PX = 16 * 320  # columns a batch: the output holds 18,710 probabilities for every 8 of them, 48 MB
SIDE_STEP_PX = 32  # the detector halves its input five times
BLANK = 0  # CTC's class of no character


@dataclass(frozen=True, slots=True)
class LineReader:
    """A recogniser and the characters that its classes stand for, the blank first."""

    name: str
    network: Network
    characters: tuple[str, ...]

    def read(self, crops: Sequence[Image], alphabet: str | None = None) -> list[Reading]:
        """One reading a crop; under an `alphabet` only its characters compete. ValueError for one it cannot write."""
        allowed = None if alphabet is None else classes_of(self.characters, alphabet)
        readings: dict[int, Reading] = {}
        for width, indices in batches([line_width(crop) for crop in crops]):
            lines = np.stack([line_input(crops[index], width) for index in indices])
            for index, probabilities in zip(indices, self.network(lines), strict=True):
                readings[index] = decode(probabilities, self.characters, allowed)
        return [readings[index] for index in range(len(crops))]


class RapidReader:
    """PP-OCRv6 small: 18,708 characters, and further recognisers for languages that these do not write."""

    name: str

    def __init__(
        self,
        *,
        languages: Sequence[str] = ("en",),
        folder: Path | None = None,
        runtime: Runtime = "openvino",
        threads: int = 1,
    ) -> None:
        """`folder` holds the further recognisers, as files of the names that RapidOCR gives them.

        Raises MissingModelError where the package lacks its models or a language its recogniser, SettingsError for a
        language that is not known.
        """
        written.check(languages)
        package = package_folder()
        config = yaml.safe_load((package / "config.yaml").read_text())
        detector, recogniser = config["Det"], config["Rec"]
        models = package / "models"
        self._detector, identity = load_network(model_file(models, detector), runtime, threads)
        files = [model_file(models, recogniser)]
        files += [_further_file(name, folder) for name in written.further_models(languages)]
        self._lines = [_line_reader(file, runtime, threads) for file in files]
        _check_languages(languages, self._lines)
        self._boxes = _box_finder(detector)
        version = importlib.metadata.version(PACKAGE)
        further = "".join(f"+{line.name}" for line in self._lines[1:])
        self.name = f"{PACKAGE}@{version}/{recogniser['ocr_version']}-{recogniser['model_type']}{further}+{identity}"

    def recognise(self, crops: Sequence[Image], *, alphabet: str | None = None) -> list[Reading]:
        """Under an `alphabet` by the package's recogniser alone; otherwise what the surest of all reads."""
        readings = self._lines[0].read(crops, alphabet)
        for line in self._lines[1:] if alphabet is None else ():
            pairs = zip(readings, line.read(crops), strict=True)
            readings = [max(pair, key=lambda reading: reading.confidence) for pair in pairs]
        return readings

    def detect(self, image: Image, *, scale: float = 1.0) -> list[Box]:
        height, width = image.shape[:2]
        size = (_whole_steps(width * scale), _whole_steps(height * scale))
        scaled = cv2.resize(_bgr(image), size)
        corners, _ = self._boxes(self._detector(_normalised(scaled)[None]), (height, width))
        found = [_upright(quad, width, height) for quad in corners]
        return sorted((box for box in found if box is not None), key=lambda box: (box.y0, box.x0))


def model_file(models: Path, task: dict[str, Any]) -> Path:
    """The ONNX file of one task of the package's configuration, such as `PP-OCRv6_rec_small.onnx`."""
    path = models / f"{task['ocr_version']}_{task['task_type']}_{task['model_type']}.onnx"
    if not path.is_file():
        raise MissingModelError(f"the text model {path.name} is not in {models}", remedy=REMEDY)
    return path


def load_network(path: Path, runtime: Runtime, threads: int) -> tuple[Network, str]:
    """A network of one input and one output, and what runs it: `openvino@2026.4.1-bf16`."""
    if runtime == "onnxruntime":
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        name = session.get_inputs()[0].name
        return (lambda batch: session.run(None, {name: batch})[0]), f"onnxruntime@{onnxruntime.__version__}-f32"
    core = openvino.Core()
    # Where the CPU multiplies bfloat16 natively, readings stay the same and come three times as fast; elsewhere
    # bfloat16 would be emulated.
    native = "BF16" in core.get_property("CPU", "OPTIMIZATION_CAPABILITIES")
    precision = "bf16" if native else "f32"
    hints = {"INFERENCE_NUM_THREADS": threads, "INFERENCE_PRECISION_HINT": precision, "PERFORMANCE_HINT": "LATENCY"}
    compiled = core.compile_model(str(path), "CPU", hints)
    version = openvino.__version__.split("-")[0]
    return (lambda batch: compiled(batch)[0]), f"openvino@{version}-{precision}"


def line_width(crop: Image) -> int:
    """Width of the recogniser's input for a crop: its own at 48 pixels of height, up to a multiple of 64."""
    height, width = crop.shape[:2]
    natural = min(math.ceil(LINE_HEIGHT_PX * width / height), MAX_WIDTH_PX)
    return math.ceil(natural / WIDTH_STEP_PX) * WIDTH_STEP_PX


def line_input(crop: Image, width: int) -> NDArray[np.float32]:
    """A crop as the recogniser wants it: BGR (3, 48, width) in -1 to 1, padded with 0 to the right."""
    height, own_width = crop.shape[:2]
    natural = min(math.ceil(LINE_HEIGHT_PX * own_width / height), width)
    line = np.zeros((3, LINE_HEIGHT_PX, width), np.float32)
    line[:, :, :natural] = _normalised(cv2.resize(_bgr(crop), (natural, LINE_HEIGHT_PX)))
    return line


def batches(widths: Sequence[int]) -> Iterable[tuple[int, list[int]]]:
    """`(width, indices)` of crops of one width that go through the network together, narrow ones first."""
    order = sorted(range(len(widths)), key=lambda index: (widths[index], index))
    batch: list[int] = []
    for index in order:
        if batch and (widths[index] != widths[batch[0]] or (len(batch) + 1) * widths[index] > BATCH_PX):
            yield widths[batch[0]], batch
            batch = []
        batch.append(index)
    if batch:
        yield widths[batch[0]], batch


def decode(
    probabilities: NDArray[np.float32], characters: Sequence[str], allowed: NDArray[np.intp] | None = None
) -> Reading:
    """Greedy CTC: the best class of every step, repeats joined, blanks dropped.

    `probabilities` are (steps, classes), class 0 the blank. With `allowed`, which begins with the blank, only those
    classes compete.
    """
    best = probabilities.argmax(1) if allowed is None else allowed[probabilities[:, allowed].argmax(1)]
    kept = best != BLANK
    kept[1:] &= best[1:] != best[:-1]
    if not kept.any():
        return Reading("", 0.0, 0.0, 0.0)
    steps = np.flatnonzero(kept)
    chosen = np.clip(probabilities[steps, best[steps]].astype(np.float64), 0.0, 1.0)
    possible = 1.0 if allowed is None else probabilities[np.ix_(steps, allowed[1:])].astype(np.float64).sum(1)
    given = np.clip(chosen / np.maximum(possible, np.finfo(np.float64).tiny), 0.0, 1.0)
    text = "".join(characters[index] for index in best[steps])
    return Reading(text, float(chosen.mean()), float(chosen.min()), float(given.min()))


def package_folder() -> Path:
    found = importlib.util.find_spec(PACKAGE)
    if found is None or found.origin is None:
        raise MissingModelError(f"the package {PACKAGE} is not installed", remedy="pip install 'rapidocr>=3.10,<4'")
    return Path(found.origin).parent


def _line_reader(file: Path, runtime: Runtime, threads: int) -> LineReader:
    return LineReader(file.stem, load_network(file, runtime, threads)[0], characters_of(file))


def _further_file(name: str, folder: Path | None) -> Path:
    """The file of a recogniser that does not ship with the package, or an error that says where to get it from."""
    path = (folder or Path("models/rapidocr")) / f"{name}.onnx"
    if folder is None or not path.is_file():
        source = _sources().get(name, f"RapidOCR's model {name}")
        raise MissingModelError(
            f"the text model {path.name}, which ocr.languages needs, is not on this machine",
            remedy=f"put {source} at {path}, or take the language out of ocr.languages",
        )
    return path


def _sources() -> dict[str, str]:
    """Where each of its recognisers is to be had, by the package's own list."""
    listed = yaml.safe_load((package_folder() / "default_models.yaml").read_text())
    return {
        name: entry["model_dir"]
        for version in listed["onnxruntime"].values()
        for name, entry in version.get("rec", {}).items()
    }


def _check_languages(languages: Sequence[str], lines: Sequence[LineReader]) -> None:
    lacking = written.unwritable(languages, [line.characters for line in lines])
    if lacking:
        raise MissingModelError(
            f"none of {', '.join(line.name for line in lines)} has every letter of {', '.join(lacking)}",
            remedy="take the language out of ocr.languages, or choose another text model",
        )


def _box_finder(task: dict[str, Any]) -> Any:
    # Imported here: the package's own __init__ loads its whole pipeline, and a missing package has an error of its own.
    from rapidocr.ch_ppocr_det.utils import DBPostProcess

    names = ("thresh", "box_thresh", "max_candidates", "unclip_ratio", "score_mode", "use_dilation")
    return DBPostProcess(**{name: task[name] for name in names})


@lru_cache(maxsize=8)
def characters_of(path: Path) -> tuple[str, ...]:
    """The recogniser's classes, from the model file's own metadata: the blank, its dictionary, the space."""
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    listed = session.get_modelmeta().custom_metadata_map.get("character")
    if not listed:
        raise MissingModelError(f"{path.name} carries no list of characters", remedy=REMEDY)
    return ("", *listed.splitlines(), " ")


def classes_of(characters: Sequence[str], alphabet: str) -> NDArray[np.intp]:
    wanted = set(alphabet)
    classes = [index for index, character in enumerate(characters) if character in wanted]
    if len(classes) < len(wanted):
        raise ValueError(f"the engine has no character for some of {alphabet!r}")
    return np.array([BLANK, *classes], np.intp)


def _normalised(image: Image) -> NDArray[np.float32]:
    return image.transpose(2, 0, 1).astype(np.float32) / 127.5 - 1.0


def _bgr(image: Image) -> Image:
    """The engine's networks were trained on OpenCV's order of channels."""
    return np.ascontiguousarray(image[..., ::-1])


def _whole_steps(side_px: float) -> int:
    return max(1, round(side_px / SIDE_STEP_PX)) * SIDE_STEP_PX


def _upright(quad: NDArray[np.int32], width: int, height: int) -> Box | None:
    x0, y0 = np.maximum(quad.min(0), 0)
    x1, y1 = np.minimum(quad.max(0) + 1, (width, height))
    return Box(int(x0), int(y0), int(x1), int(y1)) if x1 > x0 and y1 > y0 else None

"""PaddleOCR pins other versions of NumPy and OpenCV than this project: what needs the package is tested where it is.

The networks are those of rapidocr, so that both readers are held to each other.
"""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path

import numpy as np
import yaml

IS_INSTALLED = importlib.util.find_spec("paddleocr") is not None

if IS_INSTALLED:
    import pytest

    from gvlm_resources.errors import MissingModelError, SettingsError
    from gvlm_resources.text import paddle_ocr
    from gvlm_resources.text.paddle_ocr import PaddleReader
    from gvlm_resources.text.protocol import Image, read_image
    from gvlm_resources.text.rapid_ocr import RapidReader
    from tests.text import screen

    @pytest.fixture(scope="module")
    def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
        return tmp_path_factory.mktemp("paddle")

    @pytest.fixture(scope="module")
    def reader(folder: Path) -> PaddleReader:
        return paddle_ocr.load(folder, languages=("en", "ja"))

    @pytest.fixture(scope="module")
    def lines() -> list[Image]:
        images = []
        for text, width in (("GAME OVER", 190), ("42", 60), ("three enemies at the door", 480), ("7", 40)):
            image = np.full((40, width, 3), 30, np.uint8)
            screen.write(image, text, (8, 29), colour=(240, 240, 240), size=0.9)
            images.append(image)
        return images

    class TestPaddleReader:
        def test_it_reads_what_rapidocr_reads_with_the_same_network(
            self, reader: PaddleReader, lines: list[Image]
        ) -> None:
            pairs = zip(reader.recognise(lines), RapidReader(runtime="onnxruntime").recognise(lines), strict=True)
            for ours, theirs in pairs:
                assert ours.text.replace(" ", "") == theirs.text.replace(" ", "")
                assert abs(ours.confidence - theirs.confidence) < 0.1  # narrow crops are padded further there

        def test_what_else_is_in_the_batch_makes_no_difference(self, reader: PaddleReader, lines: list[Image]) -> None:
            for crop, together in zip(lines, reader.recognise(lines * 2)[: len(lines)], strict=True):
                assert reader.recognise([crop])[0].text == together.text
            assert reader.recognise([]) == []

        def test_an_alphabet_leaves_nothing_but_its_characters(self, reader: PaddleReader, lines: list[Image]) -> None:
            readings = reader.recognise(lines, alphabet="0123456789")
            assert readings[1].text == "42"
            assert all(reading.text == "" or reading.text.isdigit() for reading in readings)
            assert reader.recognise(lines[:1])[0].text.replace(" ", "") == "GAMEOVER"

        def test_boxes_lie_in_the_image_and_hold_the_text(self, reader: PaddleReader) -> None:
            image = np.zeros((120, 320, 3), np.uint8)
            screen.write(image, "LEVEL 3", (60, 70), colour=(250, 250, 250), size=1.0)
            (box,) = reader.detect(image)
            assert 40 <= box.x0 < 70
            assert 150 < box.x1 <= 320
            assert box.y0 < 60
            assert 65 < box.y1 <= 120

        def test_an_empty_image_has_no_text(self, reader: PaddleReader) -> None:
            assert read_image(reader, np.zeros((96, 160, 3), np.uint8)) == []

        def test_a_folder_of_the_users_own_is_taken_first(self, folder: Path, tmp_path: Path) -> None:
            made = next(folder.glob("*_rec-rapidocr-*"))
            own = tmp_path / "recognition"
            own.mkdir()
            (own / "inference.onnx").write_bytes((made / "inference.onnx").read_bytes())
            settings = yaml.safe_load((made / "inference.yml").read_text())
            settings["PostProcess"]["character_dict"][0] = "\ue000"
            (own / "inference.yml").write_text(yaml.safe_dump(settings))
            assert "\ue000" in paddle_ocr.load(tmp_path)._decoder._characters

        def test_a_language_that_the_model_does_not_write_is_refused(self, tmp_path: Path) -> None:
            with pytest.raises(MissingModelError, match="every letter of Korean"):
                paddle_ocr.load(tmp_path, languages=("ko",))
            with pytest.raises(SettingsError, match="'xx'"):
                paddle_ocr.load(tmp_path, languages=("xx",))


def test_without_the_package_the_error_says_how_to_get_it() -> None:
    code = "import sys; sys.modules['paddleocr'] = None; import gvlm_resources.text.paddle_ocr"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "MissingModelError" in done.stderr
    assert "pip install 'gvlm[paddle]'" in done.stderr

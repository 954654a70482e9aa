from __future__ import annotations

from pathlib import Path

import noto_cjk_sans_jp_regular
import numpy as np
import pytest
from PIL import Image as Pictures
from PIL import ImageDraw, ImageFont

from gvlm_resources.errors import MissingModelError, SettingsError
from gvlm_resources.text import languages, rapid_ocr
from gvlm_resources.text.protocol import Image, Reading, read_image
from gvlm_resources.text.rapid_ocr import LineReader, RapidReader
from tests.text import screen

JAPANESE = [
    "ゲームオーバー",
    "つづきから",
    "敵が現れた",
    "体力が足りません",
    "ロボット",
    "工場エリア",
    "二刀流",
    "ニトロ",
]
CHINESE = ["金币不足", "任务完成", "返回主菜单", "生命值", "出口", "人力", "按任意键继续", "遊戲結束", "開始選擇"]
EUROPEAN = ["Größe ändern", "Déjà joué", "Wróg pokonany", "¿Qué pasó?", "Hälsa låg"]
FURTHER = "korean_PP-OCRv5_rec_mobile.onnx"


def line(text: str, *, size: int = 30) -> Image:
    """A line of light text on a dark ground."""
    font = ImageFont.truetype(str(noto_cjk_sans_jp_regular.FONT_PATH), size)
    left, top, right, bottom = font.getbbox(text)
    picture = Pictures.new("RGB", (right - left + 16, bottom - top + 14), (30, 30, 40))
    ImageDraw.Draw(picture).text((8 - left, 7 - top), text, font=font, fill=(240, 240, 240))
    return np.array(picture)


@pytest.mark.parametrize(("code", "texts"), [("ja", JAPANESE), ("zh", CHINESE), ("de", EUROPEAN)])
def test_the_shipped_recogniser_writes_this_language_letter_by_letter(code: str, texts: list[str]) -> None:
    assert not languages.further_models([code])
    readings = screen.engine().recognise([line(text) for text in texts])
    assert [reading.text.replace(" ", "") for reading in readings] == [text.replace(" ", "") for text in texts]
    assert min(reading.confidence for reading in readings) > 0.8


def test_japanese_lines_are_found_in_a_picture() -> None:
    image = np.full((160, 420, 3), 30, np.uint8)
    for top, text in ((20, "ゲームオーバー"), (90, "はじめから")):
        drawn = line(text)
        image[top : top + drawn.shape[0], 30 : 30 + drawn.shape[1]] = drawn
    assert [found.reading.text for found in read_image(screen.engine(), image)] == ["ゲームオーバー", "はじめから"]


def test_what_each_language_needs_is_what_the_shipped_recogniser_lacks() -> None:
    """The table says it without loading anything; the recogniser's own characters say whether it is true."""
    shipped = screen.engine()._lines[0].characters
    for code, language in languages.KNOWN.items():
        assert bool(language.model) == bool(languages.unwritable([code], [shipped])), code


def test_the_languages_named_change_nothing_about_what_is_read() -> None:
    lines = [line(text) for text in (*JAPANESE[:2], *CHINESE[:2], *EUROPEAN[:2])]
    assert RapidReader(languages=("ja", "zh", "de")).recognise(lines) == screen.engine().recognise(lines)


def test_korean_without_its_recogniser_says_which_file_to_get_and_where_it_goes(tmp_path: Path) -> None:
    with pytest.raises(MissingModelError, match=rf"{FURTHER}.*put https://\S+{FURTHER} at {tmp_path}/{FURTHER}"):
        RapidReader(languages=("en", "ko"), folder=tmp_path)


def test_an_unknown_language_is_refused_with_those_that_are_known() -> None:
    with pytest.raises(SettingsError, match=r"'xx'.*en.*ja.*ko.*zh"):
        RapidReader(languages=("xx",))
    with pytest.raises(SettingsError, match="no language"):
        RapidReader(languages=())


def shipped_model() -> bytes:
    found = list((rapid_ocr.package_folder() / "models").glob("*_rec_small.onnx"))
    return found[0].read_bytes()


def test_a_file_that_does_not_write_the_language_is_refused(tmp_path: Path) -> None:
    (tmp_path / FURTHER).write_bytes(shipped_model())
    with pytest.raises(MissingModelError, match="every letter of Korean"):
        RapidReader(languages=("ko",), folder=tmp_path)


def test_a_further_recogniser_is_loaded_with_its_own_characters(tmp_path: Path) -> None:
    """The shipped network under another list: its hiragana and katakana, letter by letter, are Korean syllables."""
    kana = [chr(code) for code in (*range(0x3042, 0x3094), *range(0x30A2, 0x30F4))]
    korean = dict.fromkeys(languages.KNOWN["ko"].letters + "".join(map(chr, range(0xAC00, 0xAC00 + 300))))
    renamed = dict(zip(kana, korean, strict=False))
    model = shipped_model()
    for old, new in renamed.items():
        model = model.replace(f"\n{old}\n".encode(), f"\n{new}\n".encode())
    (tmp_path / FURTHER).write_bytes(model)
    reader = RapidReader(languages=("ko",), folder=tmp_path)
    assert "korean_PP-OCRv5_rec_mobile" in reader.name
    (own,) = reader._lines[1].read([line("つづきから")])
    assert own.text == "".join(renamed[letter] for letter in "つづきから")


def always(text: str, confidence: float) -> LineReader:
    """A recogniser that is this sure of this text, whatever it sees."""
    probabilities = np.full((2 * len(text), len(text) + 1), (1 - confidence) / len(text), np.float32)
    probabilities[1::2, 0] = 1.0
    for index in range(len(text)):
        probabilities[2 * index, index + 1] = confidence
    return LineReader("always", lambda batch: np.stack([probabilities] * len(batch)), ("", *text))


def test_of_several_recognisers_the_surest_is_believed_and_numbers_are_the_first_ones() -> None:
    reader = RapidReader()
    reader._lines = [always("1引", 0.6), always("체력", 0.9)]
    crops = [line("체력"), line("체력")]
    assert [reading.text for reading in reader.recognise(crops)] == ["체력"] * 2
    assert [reading.text for reading in reader.recognise(crops, alphabet="1")] == ["1"] * 2
    reader._lines = [always("1引", 0.95), always("체력", 0.9)]
    assert isinstance(reader.recognise(crops)[0], Reading)
    assert reader.recognise(crops)[0].text == "1引"

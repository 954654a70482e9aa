"""Which written languages there are, and what tells whether a recogniser can write them (pure).

A recogniser reads everything that its list of characters holds, in one pass, whatever the languages: Japanese and
Chinese menus come out beside English ones. So `ocr.languages` does not narrow what is read. It names what has to be
readable: a language whose letters the recogniser at hand lacks needs another one, and is an error without it, since
such text would otherwise come out as the nearest shapes of other scripts.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from gvlm_resources.errors import SettingsError


@dataclass(frozen=True, slots=True)
class Language:
    """`letters` are some that it cannot be written without. `model` is the RapidOCR recogniser that has them, where
    the one that ships with the package has not.
    """

    name: str
    letters: str
    model: str = ""


LATIN = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
RUSSIAN = "абвгдежзийклмнопрстуфхцчшщъыьэюяАБВГДЕЖЗИЙКЛМНОПРСТУФХЦЧШЩЬЭЮЯ"
ARABIC = "ابتثجحخدذرزسشصضطظعغفقكلمنهوي"

KNOWN = {
    "en": Language("English", LATIN),
    "de": Language("German", LATIN + "äöüßÄÖÜ"),
    "fr": Language("French", LATIN + "àâçèéêëîïôùûüœÀÇÉ"),
    "es": Language("Spanish", LATIN + "áéíñóúüÑ"),
    "pt": Language("Portuguese", LATIN + "áâãàçéêíóôõúÇÃ"),
    "it": Language("Italian", LATIN + "àèéìòù"),
    "nl": Language("Dutch", LATIN + "éëïö"),
    "pl": Language("Polish", LATIN + "ąćęłńóśźżĄĆĘŁŃÓŚŹŻ"),
    "cs": Language("Czech", LATIN + "áčďéěíňóřšťúůýžČŘŠŽ"),
    "sk": Language("Slovak", LATIN + "áäčďéíľĺňóôŕšťúýž"),
    "hu": Language("Hungarian", LATIN + "áéíóöőúüű"),
    "ro": Language("Romanian", LATIN + "ăâîșț"),
    "tr": Language("Turkish", LATIN + "çğıİöşü"),
    "sv": Language("Swedish", LATIN + "åäöÅÄÖ"),
    "da": Language("Danish", LATIN + "æøåÆØÅ"),
    "no": Language("Norwegian", LATIN + "æøåÆØÅ"),
    "fi": Language("Finnish", LATIN + "äöÄÖ"),
    "id": Language("Indonesian", LATIN),
    "ms": Language("Malay", LATIN),
    "zh": Language("Chinese", "的一是不了人我在有他这中大来上国个到说们開始選擇設定關閉遊戲任務結束"),
    "ja": Language(
        "Japanese", "あいうえおかきくけこさしすせそたちつてとなにぬねのアイウエオカキクケコラリルレロンーゲ日本語体験"
    ),
    "ko": Language("Korean", "가나다라마바사아자차카타파하게임시작오버설정이을는", "korean_PP-OCRv5_rec_mobile"),
    "vi": Language("Vietnamese", LATIN + "ăâđêôơưạảấầẩậắệịọốộớợụủứựỳ", "latin_PP-OCRv5_rec_mobile"),
    "ru": Language("Russian", RUSSIAN, "eslav_PP-OCRv5_rec_mobile"),
    "uk": Language("Ukrainian", "абвгґдеєжзиіїйклмнопрстуфхцчшщьюя", "eslav_PP-OCRv5_rec_mobile"),
    "bg": Language("Bulgarian", "абвгдежзийклмнопрстуфхцчшщъьюя", "cyrillic_PP-OCRv5_rec_mobile"),
    "ar": Language("Arabic", ARABIC, "arabic_PP-OCRv5_rec_mobile"),
    "fa": Language("Persian", "ابپتجچخدرزژسشفقکگلمنوهی", "arabic_PP-OCRv5_rec_mobile"),
    "hi": Language("Hindi", "अआइईउकखगघचजटडतदनपबमयरलवशसह", "devanagari_PP-OCRv5_rec_mobile"),
    "th": Language("Thai", "กขคงจชซญดตถทนบปผพฟมยรลวสหอ", "th_PP-OCRv5_rec_mobile"),
    "el": Language("Greek", "αβγδεζηθικλμνξοπρσςτυφχψωάέήίόύώ", "el_PP-OCRv5_rec_mobile"),
    "ta": Language("Tamil", "அஆஇஈஉகஙசஞடணதநபமயரலவ", "ta_PP-OCRv5_rec_mobile"),
    "te": Language("Telugu", "అఆఇఈఉకగచజటడతదనపబమయరలవ", "te_PP-OCRv5_rec_mobile"),
}


def check(languages: Iterable[str]) -> None:
    """Raises SettingsError where one is not known here, or none is named."""
    wanted = list(languages)
    unknown = [code for code in wanted if code not in KNOWN]
    if unknown or not wanted:
        raise SettingsError(
            f"ocr.languages has {', '.join(map(repr, unknown)) or 'no language'}",
            remedy=f"name one or more of {', '.join(sorted(KNOWN))}",
        )


def further_models(languages: Iterable[str]) -> tuple[str, ...]:
    """The names of RapidOCR's recognisers that these languages need beside the one in the package."""
    return tuple(sorted({KNOWN[code].model for code in languages} - {""}))


def unwritable(languages: Iterable[str], recognisers: Iterable[Collection[str]]) -> list[str]:
    """The names of the languages that no recogniser, each given by its characters, has every letter of."""
    alphabets = [frozenset(characters) for characters in recognisers]
    wanted = [KNOWN[code] for code in languages]
    return [one.name for one in wanted if not any(alphabet.issuperset(one.letters) for alphabet in alphabets)]

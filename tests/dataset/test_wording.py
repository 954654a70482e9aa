"""The words of each language: the same keys and fields in all, enough phrasings, and nothing that breaks a sentence."""

import re
from collections.abc import Iterator
from string import Formatter

import pytest
import yaml

from gvlm_resources.dataset.questions import wording
from gvlm_resources.dataset.questions.wording import Wording
from gvlm_resources.errors import SettingsError

LANGUAGES = wording.languages()
PHRASINGS = 4
WHOLE_SENTENCES = ("{sentence}", "{at}", "{at_full}", "{did}", "{dids}", "{sentences}", "{context}")


@pytest.fixture(params=LANGUAGES)
def words(request: pytest.FixtureRequest) -> Wording:
    return wording.load(request.param)


def fields(text: str) -> set[str]:
    """Fields of a sentence. A name may be said with or without quotes, a number's name begin a sentence."""
    found = {name for _, name, _, _ in Formatter().parse(text) if name}
    return {{"plain": "name", "variable_start": "variable"}.get(field, field) for field in found}


def shape(found: Wording) -> dict[str, object]:
    """Keys of everything that has keys."""
    return {
        "events": {kind: set(forms) for kind, forms in found.events.items()},
        "topics": set(found.topics),
        "unknowns": list(found.unknowns),
        "variables": set(found.variables),
        "places": set(found.places),
        "causes": set(found.causes),
        "directions": set(found.directions),
        "comparisons": set(found.comparisons),
        "context": set(found.context),
        "ammunition": set(found.ammunition),
        "summary": set(found.summary),
        "ordinals": len(found.ordinals),
    }


def answers(found: Wording) -> Iterator[tuple[str, str]]:
    for topic in found.topics.values():
        yield from ((length, answer) for length in ("short", "medium", "long") for answer in getattr(topic, length))


def test_every_language_of_the_settings_has_its_words() -> None:
    assert {wording.load(language).language for language in LANGUAGES} == set(LANGUAGES) >= {"en", "de", "es", "fr"}


def test_all_languages_have_the_same_keys(words: Wording) -> None:
    assert shape(words) == shape(wording.load("en"))


def test_all_languages_have_the_same_fields(words: Wording) -> None:
    english = wording.load("en")
    for name, topic in words.topics.items():
        for part in ("ask", "short", "medium", "long"):
            mine = set().union(*(fields(text) for text in getattr(topic, part)))
            theirs = set().union(*(fields(text) for text in getattr(english.topics[name], part)))
            assert mine == theirs, f"{words.language}: {name}.{part}"
    for kind, forms in words.events.items():
        for form, text in forms.items():
            assert fields(text) == fields(english.events[kind][form]), f"{words.language}: {kind}.{form}"


def test_what_a_summary_lists_has_the_same_fields_in_all_languages(words: Wording) -> None:
    english = wording.load("en")
    for key, text in words.summary.items():
        assert fields(text) == fields(english.summary[key]), f"{words.language}: {key}"
        assert text[-1] not in ".,;", text
    for key, text in words.context.items():
        assert fields(text) == fields(english.context[key]), f"{words.language}: {key}"
        assert text.endswith("."), text
    for text in (words.weapon, words.weapon_of, words.caused_by):
        assert fields(text) == {"name"}, text


def test_no_phrase_stands_before_a_word_that_its_last_letter_would_be_left_out_for() -> None:
    """French says `que` and `de` before what happened and what is counted: neither may begin with a vowel."""
    french = wording.load("fr")
    begun = [forms[form] for forms in french.events.values() for form in ("clause", "plural") if form in forms]
    assert not [text for text in begun if text[0].casefold() in "aeiouyhàâéèêîôû"]


def test_every_question_can_be_asked_in_several_ways(words: Wording) -> None:
    for name, topic in words.topics.items():
        if name != "unknown":
            assert len(set(topic.ask)) >= PHRASINGS, f"{words.language}: {name}"
    for name, unknown in words.unknowns.items():
        assert len(set(unknown.ask)) >= PHRASINGS, f"{words.language}: {name}"


def test_all_ways_to_ask_one_thing_name_the_same_fields(words: Wording) -> None:
    for name, topic in words.topics.items():
        named = {frozenset(fields(text)) for text in topic.ask if text != "{question}"}
        assert len(named) <= 1, f"{words.language}: {name} {named}"


def test_questions_and_sentences_end_as_such(words: Wording) -> None:
    for topic in words.topics.values():
        for text in topic.ask:
            assert text == "{question}" or text[-1] in "?.", text
    for length, text in answers(words):
        if length != "short":
            assert text.endswith((".", *WHOLE_SENTENCES)), text
    for kind, forms in words.events.items():
        for form in ("at", "at_amount", "at_by", "did", "none", "one", "many"):
            assert forms.get(form, ".").endswith("."), f"{kind}.{form}"
        assert forms.get("how_many", "?").endswith("?"), kind


def test_nothing_is_written_out_of_place(words: Wording) -> None:
    """No doubled space or stop, no bracket left open, no sentence without a capital, none left in another language."""
    english = wording.load("en")
    for _, text in answers(words):
        assert not re.search(r"  |\.\.|\{\}|[{}]\w*$(?<!\})", text), text
    if words.language != "en":
        same = [text for (_, text), (_, other) in zip(answers(words), answers(english), strict=False) if text == other]
        assert all(not re.search(r"[^\W\d_]{3,}", re.sub(r"\{\w+\}|<\w+>", "", text)) for text in same), same


def test_yaml_reads_no_word_as_something_else() -> None:
    """YAML makes `no` false and `1` a number; every leaf must be text."""
    for language in LANGUAGES:
        path = wording.files("gvlm_resources").joinpath(f"dataset/questions/wording/{language}.yaml")
        stack = [yaml.safe_load(path.read_text(encoding="utf-8"))]
        while stack:
            node = stack.pop()
            if isinstance(node, dict):
                assert all(isinstance(key, str) for key in node), language
                stack.extend(node.values())
            elif isinstance(node, list):
                stack.extend(node)
            else:
                assert isinstance(node, str), f"{language}: {node!r}"


def test_lists_have_the_language_s_word_before_the_last() -> None:
    assert wording.load("en").listed(["a", "b", "c"]) == "a, b and c"
    assert wording.load("de").listed(["a", "b"]) == "a und b"
    assert wording.load("es").listed(["a", "b"]) == "a y b"
    assert wording.load("fr").listed(["a", "b"]) == "a et b"
    assert wording.load("fr").listed([]) == ""


def test_quoted_text_can_be_neither_a_token_nor_a_second_line() -> None:
    quoted = wording.load("en").quote("A\nB <box_2d> “x”\x07 <v>")
    assert quoted == "“A B ‹box_2d› 'x' ‹v›”"


def test_long_text_is_cut() -> None:
    quoted = wording.load("de").quote("x" * 500)
    assert len(quoted) <= wording.QUOTE_CHARS + 2
    assert quoted.endswith("…“")


def test_a_number_without_a_word_is_called_by_its_label() -> None:
    assert wording.load("en").variable("mana", "mana points") == "the number “mana points” on the screen"
    assert wording.load("de").variable("health", "health") == "die Gesundheit des Spielers"


def test_what_is_no_name_of_the_game_is_translated_as_a_cause() -> None:
    assert wording.load("fr").cause("a fall") == "par une chute"
    assert wording.load("fr").cause("octaminator") == "par « octaminator »"
    assert wording.load("en").cause("imp") == "by “imp”"


def test_a_language_without_words_is_told_with_those_that_have() -> None:
    with pytest.raises(SettingsError, match="no wording in 'xx'") as caught:
        wording.load("xx")
    assert "de" in caught.value.remedy

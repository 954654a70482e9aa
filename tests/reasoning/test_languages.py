"""Questions in German, Spanish and French: told by their words, and read as their English twins are."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from itertools import chain

import pytest

from gvlm_resources.dataset.questions import wording
from gvlm_resources.dataset.questions.wording import Wording
from gvlm_resources.reasoning import languages, retrieve
from gvlm_resources.reasoning.question import Ask, Question, parse
from gvlm_resources.settings import ReasoningSettings
from gvlm_resources.timebase import NS_PER_S
from tests.reasoning.doom import at, one_video

VIDEO = {"duration_ns": 60 * NS_PER_S, "moment_window_s": 30}
LEAST = 0.98  # of the templates of a language; docs/answers.md has what was measured


def read(text: str) -> Question:
    return languages.read(text, **VIDEO)


def meaning(question: Question) -> tuple:
    kinds = tuple(sorted(question.target.kinds))
    return question.ask, kinds, tuple(sorted(question.variables)), question.spans, question.is_outside


# ------------------------------------------------------------------------------------------------- which language

ENGLISH = [
    "Why did the player die at 00:08?",
    "how many times did I die?",
    "where is el dorado",
    "was the war lost at 0:30?",
    "when did I pick up «la llave»?",
    "du bist",
    "die, die, die",
    "shotgun",
    "",
    "@1:20",
]


@pytest.mark.parametrize("text", ENGLISH)
def test_english_and_what_is_in_no_known_language_stay_as_they_are(text: str) -> None:
    assert languages.in_english(text) == text


def test_every_english_template_goes_through_byte_identical() -> None:
    for text in asked(wording.load("en")).values():
        assert languages.in_english(text) == text


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("Warum starb der Spieler bei 00:08?", "de"),
        ("wie oft bin ich gestorben", "de"),
        ("¿Por qué murió el jugador en el minuto 00:08?", "es"),
        ("cuantas veces mori", "es"),
        ("Pourquoi le joueur est-il mort à 00:08 ?", "fr"),
        ("combien de fois suis-je mort", "fr"),
        ("Why did the player die at 00:08?", None),
    ],
)
def test_a_language_is_told_by_its_small_words(text: str, language: str | None) -> None:
    assert languages.language_of(text) == language


# --------------------------------------------------------------------------------------- hand-written questions

ALIKE = [
    (
        "How many times did I die?",
        "Wie oft bin ich gestorben?",
        "¿Cuántas veces morí?",
        "Combien de fois suis-je mort ?",
    ),
    (
        "Why did the player die at 00:08?",
        "Warum starb der Spieler bei 00:08?",
        "¿Por qué murió el jugador en el minuto 00:08?",
        "Pourquoi le joueur est-il mort à 00:08 ?",
    ),
    (
        "What happened between 0:10 and 0:20?",
        "Was ist zwischen 0:10 und 0:20 passiert?",
        "¿Qué ocurrió entre 0:10 y 0:20?",
        "Que s'est-il passé entre 0:10 et 0:20 ?",
    ),
    (
        "How many hits between 0:10 and 0:20?",
        "Wie viele Treffer zwischen 0:10 und 0:20?",
        "¿Cuántos golpes entre 0:10 y 0:20?",
        "Combien de coups entre 0:10 et 0:20 ?",
    ),
    (
        "What happened before 0:30?",
        "Was geschah vor 0:30?",
        "¿Qué pasó antes de 0:30?",
        "Que s'est-il passé avant 0:30 ?",
    ),
]


@pytest.mark.parametrize("same", ALIKE, ids=lambda same: same[0])
def test_hand_written_questions_are_read_as_their_english_twin(same: tuple[str, ...]) -> None:
    english, *others = same
    assert [meaning(read(text)) for text in others] == [meaning(parse(english, **VIDEO))] * len(others)


def test_umlauts_and_accents_may_be_missing() -> None:
    assert meaning(read("Wie viele Schuesse gab der Spieler ab?")) == meaning(
        read("Wie viele Schüsse gab der Spieler ab?")
    )
    assert read("cuantas veces murio el jugador").target.kinds == ("death",)
    assert read("qu'est-ce qui s'est passe a 0:20").times[0].text == "at 0:20"


@pytest.mark.parametrize("quotes", ["„{}“", '"{}"', "«{}»", "“{}”"])
def test_what_stands_in_quotes_stays_word_for_word(quotes: str) -> None:
    question = read(f"Wann hob der Spieler {quotes.format('Tod und Leben')} auf?")
    assert '"Tod und Leben"' in question.read_as
    assert question.target.kinds == ("pickup",)


def test_a_question_keeps_the_words_it_was_asked_in() -> None:
    question = read("Warum starb der Spieler bei 00:08?")
    assert (question.text, question.ask) == ("Warum starb der Spieler bei 00:08?", Ask.WHY)


@pytest.mark.parametrize("text", ["Wie oft bin ich gestorben?", "¿Cuántas veces murió el jugador?"])
def test_retrieval_finds_the_rows_that_the_english_question_finds(text: str) -> None:
    source = one_video()

    def rows(asked: str) -> tuple:
        question = languages.read(asked, duration_ns=at("5:00"), moment_window_s=30)
        return retrieve.gather(question, source.videos(), source, ReasoningSettings()).rows

    assert rows(text) == rows("How many times did I die?") != ()


# ---------------------------------------------------------------------------------------------------- the templates


def asked(words: Wording) -> dict[tuple, str]:
    """Every way of asking, with every event and value that it can be about."""
    return dict(chain.from_iterable(_of_topic(words, name) for name in words.topics if name != "unknown"))


def _of_topic(words: Wording, name: str) -> Iterator[tuple[tuple, str]]:
    for number, ask in enumerate(words.topics[name].ask):
        for key, fields in _subjects(words, ask):
            yield (name, number, key), ask.format_map(defaultdict(lambda: words.quote("shotgun"), fields))


def _subjects(words: Wording, ask: str) -> Iterator[tuple[str, dict[str, str]]]:
    base = {"time": "00:08", "start": "00:05", "end": "00:15", "beyond": "09:00", "value": "50"}
    base |= {"nth": words.ordinals[0], "words": words.quote("PICKED UP A CLIP."), "name": words.quote("medikit")}
    base |= {"plain": words.quote("shotgun"), "stretch": words.between.format(**base)}
    base |= {"place": words.places["top left"], "asked": "50"}
    base["ammunition"] = words.ammunition["bullets"]
    if "{variable" in ask:
        for name, told in words.variables.items():
            base["other"] = words.variables["armor" if name == "health" else "health"]
            yield name, {**base, "variable": told, "variable_start": told[0].upper() + told[1:]}
        return
    for form, field in (("clause", "{clause}"), ("how_many", "{question}"), ("plural", "{plural}")):
        if field in ask:
            for kind, event in words.events.items():
                if form in event:
                    uses = {"plain": words.ammunition["bullets"]} if kind.endswith("_of") else {}
                    yield kind, {**base, field.strip("{}"): event[form].format(**base | uses)}
            return
    if "{one}" not in ask:
        yield "", base


@pytest.mark.parametrize("language", languages.LANGUAGES)
def test_the_templates_of_a_language_mean_what_their_english_twins_do(language: str) -> None:
    english, other = asked(wording.load("en")), asked(wording.load(language))
    twins = [(text, other[key]) for key, text in english.items() if key in other]
    assert len(twins) > 300
    wrong = [told for text, told in twins if meaning(read(text)) != meaning(read(told))]
    assert len(wrong) / len(twins) <= 1 - LEAST, f"{len(wrong)} of {len(twins)}, such as {wrong[:10]}"

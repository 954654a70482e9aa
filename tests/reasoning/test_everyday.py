"""Questions as people ask them: read as the plain English question that means the same."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest
import yaml

from gvlm_resources.reasoning import languages
from gvlm_resources.reasoning.question import Ask, Question
from gvlm_resources.timebase import NS_PER_S

GROUPS = yaml.safe_load(Path(__file__).with_name("everyday.yaml").read_text(encoding="utf-8"))
LANGUAGES = ("en", *languages.LANGUAGES)


def meaning(text: str) -> tuple:
    question = languages.read(text, duration_ns=300 * NS_PER_S, moment_window_s=30)
    return (*_place(question), *_what(question))


def _place(question: Question) -> tuple:
    relations = tuple((anchor.relation, anchor.event.kinds) for anchor in question.anchors)
    return question.spans, question.is_outside, question.step, relations


def _what(question: Question) -> tuple:
    number = question.threshold.number if question.threshold and question.ask is Ask.WHEN else None
    lowest = question.wants_lowest if question.ask in (Ask.EXTREME, Ask.WHICH_FIRST) else None
    compared = tuple((event.kinds, event.which) for event in question.compared)
    kinds, variables = sorted(question.target.kinds), sorted(question.variables)
    return question.ask, kinds, variables, question.left_out, compared, number, lowest


plain_meaning = cache(meaning)


def test_every_language_has_forty_phrasings_and_more() -> None:
    assert {language: sum(len(group[language]) for group in GROUPS) >= 40 for language in LANGUAGES} == dict.fromkeys(
        LANGUAGES, True
    )


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("group", GROUPS, ids=lambda group: group["plain"])
def test_an_everyday_question_is_read_as_the_plain_one(group: dict, language: str) -> None:
    read = {text: meaning(text) for text in group[language]}
    assert read == dict.fromkeys(group[language], plain_meaning(group["plain"]))


@pytest.mark.parametrize("text", [text for group in GROUPS for text in group["en"]])
def test_an_everyday_english_question_is_taken_for_no_other_language(text: str) -> None:
    assert languages.language_of(text) is None

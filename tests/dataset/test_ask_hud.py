"""What one look at the HUD tells: two numbers at a time, how many rounds are left, and how often it is asked."""

from __future__ import annotations

import re

import pytest

from gvlm_resources.dataset.facts import Held
from gvlm_resources.dataset.grounding.grounding import check
from gvlm_resources.dataset.pairs import KINDS, Pair
from gvlm_resources.dataset.questions import ask_hud, ask_values, templates, wording
from gvlm_resources.dataset.questions.ask_view import View
from gvlm_resources.settings import Quotas, SynthesisSettings
from tests.dataset import play

LANGUAGES = wording.languages()
CLOCK = re.compile(r"\d\d:\d\d")
ONE_FRAME = ("value", "shown")


def view() -> View:
    """A health that falls from 100 to 70 and 0, bullets that are used up, and armor that is 0 all the time."""
    health = tuple(held for held in play.facts().states if held.value != 90)
    rows = (play.held("bullets", 50, 0, 30), play.held("bullets", 49, 30, 70), play.held("armor", 0, 0, 70))
    return View(play.facts(states=(*health, *rows), events=()), 0.5)


def written(language: str, **quotas: int) -> list[Pair]:
    settings = SynthesisSettings(languages=(language,), quotas=Quotas(**{**dict.fromkeys(KINDS, 0), **quotas}))
    facts = view().facts
    return [pair for pair in check(templates.write(facts, settings), facts, settings) if pair.status == "ok"]


def test_two_numbers_are_told_once_for_each_two_values_that_stood_there_together() -> None:
    told = [tuple((one.subject, one.value) for one in draft.claims) for draft in ask_hud.shown(view())]
    assert sorted(told) == sorted(
        (("health", health), ("bullets", bullets)) for health, bullets in ((100, 50), (70, 50), (70, 49), (0, 49))
    )


def test_two_numbers_are_told_of_a_second_in_which_both_are_sure() -> None:
    known = view()
    sure = {name: {at for _, at in known.sure_seconds(name)} for name in ("health", "bullets")}
    for draft in ask_hud.shown(known):
        assert all(one.span == draft.span and one.span in sure[one.subject] for one in draft.claims)


def test_rounds_are_counted_of_ammunition_alone() -> None:
    drafts = list(ask_hud.how_many(view()))
    assert {draft.about for draft in drafts} == {"bullets"}
    assert {draft.claims[0].value for draft in drafts} == {50, 49}


@pytest.mark.parametrize("language", LANGUAGES)
def test_in_every_language_the_figures_of_the_answer_are_those_that_were_read(language: str) -> None:
    pairs = [one for one in written(language, said_or_shown=20, how_many=20) if one.claims[0].what == "value"]
    assert {pair.kind for pair in pairs} == {"said_or_shown", "how_many"}
    for pair in pairs:
        figures = [float(found) for found in re.findall(r"\d+", CLOCK.sub("", pair.answer))]
        assert figures == [claim.value for claim in pair.claims]


def test_a_quarter_at_most_of_what_is_counted_are_rounds() -> None:
    pairs = written("en", how_many=20)
    rounds = [pair for pair in pairs if pair.claims[0].what == "value"]
    assert rounds
    assert len(rounds) <= max(1, len(pairs) // 4)


def test_texts_come_before_numbers() -> None:
    facts = play.facts(
        states=view().facts.states,
        events=(),
        texts=tuple(play.shown("Health boosted", at, at + 4, confidence=0.95) for at in (3, 22, 45)),
    )
    settings = SynthesisSettings(quotas=Quotas(said_or_shown=8))
    pairs = [pair for pair in templates.write(facts, settings) if pair.kind == "said_or_shown"]
    whats = [pair.claims[0].what for pair in pairs if pair.claims[0].what in ONE_FRAME]
    assert whats[:3] == ["shown"] * 3
    assert "value" in whats


def test_at_least_a_third_of_state_asks_for_one_value_that_stands_alone() -> None:
    pairs = written("en", state=9)
    alone = [pair for pair in pairs if len(pair.claims) == 1 and pair.claims[0].what == "value"]
    assert len(alone) >= len(pairs) // 3 > 1
    assert all(len(pair.evidence) == 1 for pair in alone)


def test_of_one_value_in_four_the_long_answer_tells_more() -> None:
    rows: list[Held] = [play.held("health", 100 - at, at, at + 5) for at in range(0, 60, 5)]
    known = View(play.facts(states=tuple(rows), events=()), 0.5)
    drafts = [draft for draft in ask_values.state(known) if draft.topic == "value_at"]
    tells_more = {draft.evidence[0] for draft in drafts if draft.more_claims}
    assert len({draft.evidence[0] for draft in drafts}) == 12
    assert len(tells_more) == 3
    assert all("long" not in draft.lengths for draft in drafts if draft.evidence[0] not in tells_more)

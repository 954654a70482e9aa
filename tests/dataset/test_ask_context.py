"""What long answers add: the nearest event alone, a number that one event changed, the event behind a line."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from gvlm_resources import game
from gvlm_resources.dataset.claims import FactsLog, holds
from gvlm_resources.dataset.facts import Event, Facts, Held, Text
from gvlm_resources.dataset.pairs import Claim
from gvlm_resources.dataset.questions import ask_yes_no, wording
from gvlm_resources.dataset.questions.ask_context import Context, around, before_and_after, message_behind
from gvlm_resources.dataset.questions.ask_draft import Draft
from gvlm_resources.dataset.questions.ask_view import View
from tests.dataset.small_facts import END_S, held, message, ns
from tests.dataset.small_facts import event as made

BONUS, STIMPACK, CLIP = "health bonus", "health refill (stimpack)", "bullets (clip)"
WEAPON = "handgun or minigun"
FULL = held("health", (0, 100))


def taken(at: float, name: str = "armor bonus", *, rows: tuple[str, ...] = (), confidence: float = 0.95) -> Event:
    one = made("pickup", at, f"Picked up {name}.", name, 1, rows)
    return replace(one, sources=("state", "ocr"), confidence=confidence)


def hit(at: float, *, confidence: float = 0.95) -> Event:
    return replace(made("damage", at, "Took 5 damage.", "health", -5), confidence=confidence)


def shot(at: float) -> Event:
    return made("shot", at, f"Fired the {WEAPON}.", WEAPON, -1)


def view_of(events: Sequence[Event], states: Sequence[Held] = FULL, texts: Sequence[Text] = ()) -> View:
    """A minute of Freedoom with these rows."""
    facts = Facts(
        video_id="small-0123456789ab",
        title="small",
        duration_ns=ns(END_S),
        game=game.load("freedoom"),
        events=sorted(events, key=lambda one: one.start_ns),
        states=sorted(states, key=lambda one: one.start_ns),
        texts=texts,
    )
    return View(facts, 0.5)


def said(context: Context, language: str = "en") -> str:
    return context.words(wording.load(language)).strip()


def true_by_the_timeline(view: View, claims: Sequence[Claim]) -> bool:
    return all(holds(claim, FactsLog(view.facts)).result == "true" for claim in claims)


def test_what_came_before_and_after_is_the_nearest_event_and_that_nothing_lay_between_is_claimed() -> None:
    asked = taken(14.4)
    view = view_of([taken(8.4), hit(10.4), asked, hit(18.4), taken(20.4)])
    found = around(view, asked)
    assert said(found) == "Before that came a hit, at 00:10. After that came a hit, at 00:18."
    between = [claim for claim in found.claims if claim.what == "count"]
    assert {(claim.start_ns, claim.end_ns) for claim in between} == {(ns(11), ns(14)), (ns(15), ns(18))}
    assert {claim.kind for claim in between} == {"damage", "pickup", "death", "respawn", "secret"}
    assert true_by_the_timeline(view, found.claims)


@pytest.mark.parametrize(
    "nearer",
    [
        taken(12.4, confidence=0.2),  # unsure
        hit(12.95),  # sure, but not of its second
        taken(12.4, "something unheard of"),  # no message has this name
        hit(14.2),  # in the second that is told already
    ],
)
def test_no_event_is_told_past_a_nearer_one_that_is_not_sure(nearer: Event) -> None:
    asked = taken(14.4)
    alone, passed = view_of([hit(10.4), asked]), view_of([hit(10.4), nearer, asked])
    assert said(around(alone, asked)) == "Before that came a hit, at 00:10."
    assert around(passed, asked) == Context()
    far, near = (replace(one, start_ns=ns(28.83) - one.start_ns) for one in (hit(10.4), nearer))
    assert said(around(view_of([asked, far]), asked)) == "After that came a hit, at 00:18."
    assert around(view_of([asked, near, far]), asked) == Context()


def test_no_event_is_told_past_one_that_the_answer_named() -> None:
    events = [hit(10.4), taken(12.4), taken(14.4)]
    assert "hit" not in said(around(view_of(events), events[2], apart_from=events[1:2]))


def test_a_neighbour_is_not_told_over_seconds_in_which_nobody_could_have_seen_a_hit() -> None:
    asked = taken(14.4)
    covered = [*held("health", (0, 100))]
    covered = [replace(covered[0], end_ns=ns(11.2)), replace(covered[0], state_id="g2", start_ns=ns(13))]
    assert "Before that" not in said(around(view_of([hit(10.4), asked], covered), asked))


def test_a_number_is_told_before_and_after_the_one_event_that_changed_it() -> None:
    bonus = taken(14.4, STIMPACK)
    view = view_of([bonus], held("health", (0, 80), (14.4, 90)))
    found = before_and_after(view, bonus)
    assert said(found) == "The player's health was 80 at 00:12 and 90 at 00:16."
    assert true_by_the_timeline(view, found.claims)


@pytest.mark.parametrize(
    ("event", "variable", "steps"),
    [
        (taken(14.4, STIMPACK), "health", [(0, 80), (13.2, 81), (14.4, 91)]),  # something else just before it
        (taken(14.4, STIMPACK), "health", [(0, 80), (14.4, 90), (15.3, 91)]),  # and just after it
        (taken(14.4, STIMPACK), "health", [(0, 80), (14.9, 90)]),  # not at the event
        (taken(14.4, STIMPACK), "health", [(0, 80), (14.4, 70)]),
        (hit(14.4), "health", [(0, 80), (14.4, 90)]),
        (shot(14.4), "bullets", [(0, 48), (14.4, 57)]),
        (taken(14.4, CLIP), "bullets", [(0, 50), (14.4, 49)]),
    ],
)
def test_no_number_is_told_that_something_else_changed_too(
    event: Event, variable: str, steps: list[tuple[float, float]]
) -> None:
    assert before_and_after(view_of([event], held(variable, *steps)), event) == Context()


def test_two_items_taken_at_once_explain_no_number() -> None:
    one, other = taken(14.4, STIMPACK), replace(taken(14.42, BONUS), event_id="another")
    states = held("health", (0, 80), (14.4, 91))
    assert before_and_after(view_of([one], states), one) != Context()
    assert before_and_after(view_of([one, other], states), one) == Context()


def test_a_shot_and_a_hit_lower_a_number() -> None:
    fired, struck = shot(14.4), hit(14.4)
    assert said(before_and_after(view_of([fired], held("bullets", (0, 50), (14.4, 49))), fired))
    assert said(before_and_after(view_of([struck], held("health", (0, 50), (14.4, 45))), struck))


def test_the_event_behind_a_line_is_the_one_where_the_line_begins() -> None:
    line = message(14.4, "PICKED UP A HEALTH BONUS.")
    early, own = taken(12.4, BONUS, rows=(line.ocr_id,)), taken(14.4, BONUS, rows=(line.ocr_id,))
    twin = taken(14.7, BONUS, rows=(line.ocr_id,))
    assert message_behind(view_of([early, own], texts=[line]), line.ocr_id) == own
    assert message_behind(view_of([early], texts=[line]), line.ocr_id) == early
    assert message_behind(view_of([own, twin], texts=[line]), line.ocr_id) is None
    unsure = replace(own, confidence=0.2)
    assert message_behind(view_of([early, unsure], texts=[line]), line.ocr_id) is None


def not_hit(events: Sequence[Event], states: Sequence[Held]) -> tuple[View, dict[int, Draft]]:
    """Of each second in which there was no hit the draft that says so."""
    view = view_of(events, states)
    drafts = [draft for draft in ask_yes_no.happened(view) if draft.topic == "no_hit"]
    return view, {draft.span.start_ns: draft for draft in drafts}


HEALTH = held("health", (0, 100), (20.4, 95), (24.4, 90), (40.4, 85))


@pytest.mark.parametrize(
    ("language", "last", "following"),
    [
        ("en", "The last hit before that was at 00:24.", "The next hit came at 00:20."),
        ("de", "Der letzte Treffer davor kam bei 00:24.", "Der nächste Treffer kam bei 00:20."),
        ("es", "El último golpe antes de eso fue en el minuto 00:24.", "El siguiente golpe llegó en el minuto 00:20."),
        ("fr", "Le dernier coup avant cela a été reçu à 00:24.", "Le coup suivant a été reçu à 00:20."),
    ],
)
def test_of_a_second_without_a_hit_the_nearest_hit_is_told(language: str, last: str, following: str) -> None:
    """These seconds are asked about for the sake of the other hit, which is farther off."""
    view, drafts = not_hit([hit(20.4), hit(24.4), hit(40.4)], HEALTH)
    words = {start: draft.fields["context"](wording.load(language)).strip() for start, draft in drafts.items()}
    assert words[ns(28)] == last
    assert words[ns(17)] == following
    assert all(true_by_the_timeline(view, (*draft.claims, *draft.more_claims)) for draft in drafts.values())


def test_no_hit_is_told_past_a_nearer_one_that_is_not_sure() -> None:
    _, drafts = not_hit([hit(20.4), hit(24.4, confidence=0.2), hit(40.4)], HEALTH)
    assert drafts[ns(28)].fields["context"](wording.load("en")) == ""
    assert drafts[ns(28)].more_claims == ()


def test_no_french_pronoun_stands_for_a_number() -> None:
    """`le nombre de cartouches`, `la santé`: what a long answer adds goes after names of both genders."""
    added = wording.load("fr").context
    assert not [text for key, text in added.items() if key in ("earlier", "later", "still") and "elle" in text.split()]

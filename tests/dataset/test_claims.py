from dataclasses import replace

import pytest

from gvlm_resources.dataset.claims import CANNOT_TELL, FALSE, TRUE, FactsLog, Happened, Run, holds, letters
from gvlm_resources.dataset.pairs import Claim
from gvlm_resources.timebase import Span
from tests.dataset.small_facts import facts, ns

LOG = FactsLog(facts())


def claim(what: str, start: float, end: float, kind: str = "", subject: str = "", value: float | None = None) -> Claim:
    return Claim(what, ns(start), ns(end), kind=kind, subject=subject, value=value)


def result(one: Claim) -> str:
    return holds(one, LOG).result


@pytest.mark.parametrize(
    ("one", "expected"),
    [
        (claim("count", 0, 60, "pickup", value=4), TRUE),
        (claim("count", 0, 60, "pickup", "bullets (clip)", 2), TRUE),
        (claim("count", 0, 20, "pickup", "bullets (clip)", 0), TRUE),  # an event at the end of a span is outside
        (claim("count", 20, 21, "pickup", "BULLETS (clip)", 1), TRUE),
        (claim("count", 0, 60, "pickup", value=3), FALSE),
        (claim("count", 0, 60, "secret", value=0), TRUE),  # a rule would have found one
        (claim("count", 0, 60, "kill", value=0), CANNOT_TELL),  # nothing finds kills
        (claim("sum", 0, 60, "damage", value=110), TRUE),
        (claim("sum", 0, 29, "damage", value=110), FALSE),
        (claim("sum", 0, 60, "pickup", value=20), CANNOT_TELL),  # the shotgun's amount is not known
        (claim("moment", 8, 9, "damage"), TRUE),
        (claim("moment", 9, 10, "damage"), FALSE),
        (claim("moment", 30, 31, "death", "shotgun zombie"), TRUE),
        (claim("moment", 30, 31, "death", "zombie"), FALSE),
        (claim("value", 0, 8, subject="health", value=100), TRUE),
        (claim("value", 0, 9, subject="health", value=100), FALSE),
        (claim("value", 0, 9, subject="score", value=1), CANNOT_TELL),
        (claim("lowest", 0, 29, subject="health", value=85), TRUE),
        (claim("lowest", 0, 29, subject="health", value=95), FALSE),
        (claim("highest", 8, 29, subject="health", value=95), TRUE),
        (claim("highest", 0, 29, subject="health", value=95), FALSE),
        (claim("shown", 24, 25, subject="Got the pump-action shotgun"), TRUE),  # read as PUMP-ACTI0N
        (claim("shown", 24, 25, subject="Got the minigun"), FALSE),
        (claim("shown", 30, 31, subject="Got the pump-action shotgun"), FALSE),
        (claim("said", 50, 51, subject="Look behind you!"), TRUE),
        (claim("said", 10, 11, subject="Look behind you!"), FALSE),
        (claim("unknown", 0, 60, subject="name of the player"), TRUE),
        (claim("unknown", 0, 60, subject="health"), FALSE),
        (claim("unknown", 0, 60, subject="shotgun zombie"), FALSE),
        (claim("unknown", 0, 60, kind="death"), FALSE),
    ],
)
def test_a_claim_is_looked_up(one: Claim, expected: str) -> None:
    assert result(one) == expected


def test_the_detail_says_what_the_log_holds() -> None:
    assert "4 of pickup" in holds(claim("count", 0, 60, "pickup", value=3), LOG).detail
    assert "the nearest is at 8.00 s" in holds(claim("moment", 9, 10, "damage"), LOG).detail
    assert "85, 100" in holds(claim("value", 0, 9, subject="health", value=100), LOG).detail


def test_a_value_with_a_gap_is_neither_true_nor_false_but_another_value_is_false() -> None:
    gappy = replace(facts(), states=[one for one in facts().states if one.start_ns != ns(8)])
    assert holds(claim("value", 7, 9, subject="health", value=100), FactsLog(gappy)).result == CANNOT_TELL
    assert holds(claim("value", 7, 20, subject="health", value=100), FactsLog(gappy)).result == FALSE


def test_a_message_line_is_believed_for_as_long_as_the_game_shows_one() -> None:
    long = replace(facts(), texts=[replace(one, end_ns=one.end_ns + ns(10)) for one in facts().texts])
    shotgun = [claim("shown", at, at + 1, subject="Got the pump-action shotgun") for at in (25, 28)]
    assert [holds(one, FactsLog(long)).result for one in shotgun] == [TRUE, FALSE]


def ordered(first: tuple[str, float], then: tuple[str, float]) -> Claim:
    return Claim(
        "order",
        ns(first[1]),
        ns(first[1] + 1),
        kind=first[0],
        other_kind=then[0],
        other_start_ns=ns(then[1]),
        other_end_ns=ns(then[1] + 1),
    )


def test_an_order_is_that_of_the_two_events_and_both_have_to_be_there() -> None:
    assert result(ordered(("damage", 8), ("death", 30))) == TRUE
    assert result(ordered(("death", 30), ("damage", 8))) == FALSE
    assert result(ordered(("damage", 9), ("death", 30))) == FALSE
    assert result(ordered(("heal", 14), ("pickup", 14))) == FALSE  # at one moment, neither is before the other
    assert result(ordered(("shot", 5), ("shot", 5))) == TRUE  # the two shots of that second


class Loose:
    """A log that is not exact: two hits at 10 s of which one may be no hit of its own, and one at the edge of 20 s."""

    slack_ns, edge_ns = ns(0.25), ns(0.06)

    def records(self, kind: str, subject: str) -> bool:
        return True

    def happened(self, kind: str, subject: str, span: Span) -> list[Happened]:
        hits = [Happened(ns(10), 5), Happened(ns(10.1), 6, perhaps=True), Happened(ns(20.03), 7)]
        return [hit for hit in hits if span.contains(hit.start_ns)]

    def runs(self, variable: str, span: Span) -> list[Run]:
        steps = [Run(0, ns(10.03), 100), Run(ns(10.03), ns(60), 90)]
        return [
            Run(max(run.start_ns, span.start_ns), min(run.end_ns, span.end_ns), run.value)
            for run in steps
            if run.start_ns < span.end_ns and run.end_ns > span.start_ns
        ]

    def shows(self, text: str, span: Span) -> bool | None:
        return None

    def says(self, text: str, span: Span) -> bool | None:
        return None

    def tells(self, claim: Claim) -> str | None:
        return None


@pytest.mark.parametrize(
    ("one", "expected"),
    [
        (claim("count", 0, 20, "damage", value=1), TRUE),
        (claim("count", 0, 20, "damage", value=2), TRUE),
        (claim("count", 0, 20, "damage", value=3), TRUE),  # with the one at the edge
        (claim("count", 0, 20, "damage", value=4), FALSE),
        (claim("count", 0, 15, "damage", value=3), FALSE),
        (claim("sum", 0, 20, "damage", value=11), TRUE),
        (claim("sum", 0, 20, "damage", value=18), TRUE),
        (claim("sum", 0, 20, "damage", value=5), FALSE),  # an amount counts, whether it was a hit of its own or not
        (claim("moment", 19, 19.8, "damage"), TRUE),
        (claim("moment", 19, 19.7, "damage"), FALSE),
        (claim("value", 0, 10, subject="health", value=100), TRUE),
        (claim("value", 9, 11, subject="health", value=100), FALSE),
        (claim("lowest", 5, 10, subject="health", value=90), TRUE),
        (claim("lowest", 5, 10, subject="health", value=100), TRUE),
        (claim("lowest", 5, 15, subject="health", value=100), FALSE),
        (claim("shown", 0, 1, subject="x"), CANNOT_TELL),
        (claim("unknown", 0, 1, subject="x"), CANNOT_TELL),
    ],
)
def test_what_lies_at_an_edge_may_count_or_not(one: Claim, expected: str) -> None:
    assert holds(one, Loose()).result == expected


def test_letters_are_what_two_readings_of_one_text_agree_in() -> None:
    assert letters("Got the MINIGUN!") == letters("got  the minigun") == "gottheminigun"

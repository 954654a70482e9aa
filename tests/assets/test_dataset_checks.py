"""What the checks of pairs and examples find, by plain numbers."""

import pytest

from gvlm_assets import dataset_checks


@pytest.mark.parametrize(
    ("kept", "used", "passes"),
    [
        ({"what": 50, "unanswerable": 8}, {"what": 50, "unanswerable": 8}, True),
        ({"what": 90, "unanswerable": 10}, {"what": 80, "unanswerable": 10}, True),
        ({"what": 90, "unanswerable": 10}, {"what": 79, "unanswerable": 10}, False),
        ({"what": 100, "unanswerable": 8}, {"what": 100, "unanswerable": 1}, False),
        ({"what": 100, "why": 2}, {"what": 100}, True),  # of two pairs nothing can be said
        ({}, {}, True),
    ],
)
def test_most_pairs_of_every_kind_have_to_be_used(kept: dict, used: dict, passes: bool) -> None:
    assert dataset_checks.most_pairs_are_used(kept, used).passed is passes


def test_a_kind_that_was_lost_is_named() -> None:
    found = dataset_checks.most_pairs_are_used({"what": 100, "unanswerable": 8}, {"what": 100, "unanswerable": 1})
    assert "only 1 of 8 unanswerable" in found.summary

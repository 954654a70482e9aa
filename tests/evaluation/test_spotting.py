from __future__ import annotations

import random

import numpy as np
import pytest
from scipy.optimize import linear_sum_assignment

from gvlm_resources.evaluation.spotting import Score, Spot, pooled, score, score_kinds
from gvlm_resources.timeline.alignment import match

S = 1_000_000_000


def test_each_truth_takes_one_prediction_only() -> None:
    found = score("death", [10 * S, 10 * S + 1, 11 * S], [10 * S], tolerance_ns=2 * S)
    assert (found.matched, found.precision, found.recall) == (1, pytest.approx(1 / 3), 1.0)
    assert not found.count_is_exact


def test_a_prediction_at_the_tolerance_counts_and_one_beyond_it_does_not() -> None:
    assert match([S], [2 * S], tolerance_ns=S) == [(0, 0)]
    assert match([S], [2 * S + 1], tolerance_ns=S) == []


def test_matching_takes_two_pairs_where_the_nearest_first_would_leave_one() -> None:
    # The truth at 1.0 is nearest to 1.4; taken first, it leaves 2.3 and the truth at 0 without a partner.
    assert match([int(1.4 * S), int(2.3 * S)], [0, int(1.0 * S) + 1], tolerance_ns=int(1.5 * S)) == [(0, 0), (1, 1)]


def test_among_equally_many_pairs_the_closest_are_taken() -> None:
    assert match([0, 10], [9], tolerance_ns=100) == [(1, 0)]


def test_the_order_of_the_input_makes_no_difference_to_the_score() -> None:
    predicted, truth = [5, 1, 9, 30], [29, 2, 8]
    straight = score("x", predicted, truth, 3)
    turned = score("x", predicted[::-1], truth[::-1], 3)
    assert sorted(straight.errors_ns) == sorted(turned.errors_ns)


@pytest.mark.parametrize("seed", range(60))
def test_matching_agrees_with_the_assignment_problem_on_random_cases(seed: int) -> None:
    draw = random.Random(seed)
    predicted = [draw.randrange(0, 200) for _ in range(draw.randrange(0, 25))]
    truth = [draw.randrange(0, 200) for _ in range(draw.randrange(0, 25))]
    tolerance = draw.randrange(0, 20)
    apart = np.abs(np.subtract.outer(predicted, truth)).astype(float).reshape(len(predicted), len(truth))
    # A pair outside costs more than all pairs inside together: the solver then takes as many inside as there can be.
    rows, columns = linear_sum_assignment(np.where(apart <= tolerance, apart, 1e6))
    inside = [(i, j) for i, j in zip(rows, columns, strict=True) if apart[i, j] <= tolerance]
    pairs = match(predicted, truth, tolerance)
    assert len(pairs) == len(inside)
    assert sum(apart[i, j] for i, j in pairs) == sum(apart[i, j] for i, j in inside)
    assert len({i for i, _ in pairs}) == len({j for _, j in pairs}) == len(pairs)


def test_measures_without_a_denominator_are_none_and_not_perfect() -> None:
    nothing = score("death", [], [], S)
    assert (nothing.precision, nothing.recall, nothing.f1, nothing.mean_error_ns) == (None, None, None, None)
    assert nothing.count_is_exact
    assert score("death", [], [S], S).f1 == 0.0
    assert score("death", [S], [], S).f1 == 0.0


def test_known_counts_give_the_known_precision_recall_and_f1() -> None:
    found = score("pickup", [0, 10, 20, 100], [1, 11, 22, 50, 60], tolerance_ns=2)
    assert (found.matched, found.precision, found.recall) == (3, 0.75, 0.6)
    assert found.f1 == pytest.approx(2 * 0.75 * 0.6 / (0.75 + 0.6))
    assert (found.errors_ns, found.mean_error_ns, found.worst_error_ns) == ((-1, -1, -2), pytest.approx(4 / 3), 2)


def test_kinds_are_never_matched_with_each_other() -> None:
    scores = score_kinds([Spot("death", 5)], [Spot("pickup", 5)], {"death": 10, "pickup": 10})
    assert scores["death"].matched == scores["pickup"].matched == 0
    assert scores["death"].predictions == scores["pickup"].truths == 1


def test_pooling_weighs_events_and_not_recordings() -> None:
    both = pooled([Score("x", 1, 1, (0,)), Score("x", 9, 9, ())])
    assert both.f1 == pytest.approx(0.1)
    with pytest.raises(ValueError, match="one kind"):
        pooled([Score("x", 1, 1), Score("y", 1, 1)])


def test_ten_thousand_events_are_matched_in_bounded_work() -> None:
    truth = [index * 100 for index in range(10_000)]
    predicted = [at + 3 for at in truth]
    assert len(match(predicted, truth, tolerance_ns=20)) == 10_000

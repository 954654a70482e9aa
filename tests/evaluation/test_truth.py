from __future__ import annotations

import pyarrow as pa
import pytest

from gvlm_resources import schemas
from gvlm_resources.evaluation.truth import Agreement, Shown, agreement


def states(*rows: tuple[str, float, int, int, str]) -> pa.Table:
    return pa.Table.from_pylist(
        [
            {
                "video_id": "v-1",
                "state_id": f"g{i}",
                "variable": variable,
                "value": value,
                "start_ns": start,
                "end_ns": end,
                "confidence": 0.9,
                "evidence": [],
                "status": status,
                "reason": "",
            }
            for i, (variable, value, start, end, status) in enumerate(rows)
        ],
        schema=schemas.GAME_STATE,
    )


STATE = states(("health", 100, 0, 10, "ok"), ("health", 88, 10, 20, "ok"), ("health", 8, 20, 25, "filtered"))


def test_a_value_counts_at_the_moments_it_spans_and_its_end_is_outside() -> None:
    truth = [Shown(0, 100), Shown(9, 100), Shown(10, 88), Shown(19, 88), Shown(20, 88)]
    assert agreement(STATE, "health", truth) == Agreement("health", right=4, wrong=0, missing=1, invented=0)


def test_a_wrong_value_is_worse_than_none_and_both_cost_exactness() -> None:
    found = agreement(STATE, "health", [Shown(5, 10), Shown(22, 8), Shown(15, 88)])
    assert (found.right, found.wrong, found.missing) == (1, 1, 1)
    assert found.exactness == pytest.approx(1 / 3)


def test_a_value_where_nothing_was_shown_is_invented_and_no_part_of_the_share() -> None:
    found = agreement(STATE, "health", [Shown(5, None), Shown(30, None)])
    assert (found.invented, found.shown, found.exactness) == (1, 0, None)


def test_other_variables_are_not_looked_at() -> None:
    assert agreement(STATE, "armor", [Shown(5, 100)]).missing == 1


def test_agreements_add_up_over_recordings_and_over_variables() -> None:
    one, two = Agreement("health", 1, 2, 3, 4), Agreement("armor", 10, 20, 30, 40)
    assert one + one == Agreement("health", 2, 4, 6, 8)
    assert one + two == Agreement("all", 11, 22, 33, 44)

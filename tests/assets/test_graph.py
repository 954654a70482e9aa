"""The picture in the README is drawn from the code, and stays true to it."""

from pathlib import Path

from gvlm_assets import graph
from gvlm_assets.definitions import defs

ROOT = Path(__file__).parents[2]


def test_the_committed_picture_is_what_the_code_draws() -> None:
    assert (ROOT / "docs" / "asset-graph.svg").read_text() == graph.svg(defs), "run `make graph`"


def test_an_edge_that_a_longer_path_stands_for_is_left_out() -> None:
    assert graph.reduced({"a": set(), "b": {"a"}, "c": {"a", "b"}}) == {"a": set(), "b": {"a"}, "c": {"b"}}


def test_an_asset_stands_to_the_right_of_everything_it_is_made_from() -> None:
    assert graph.layers({"a": set(), "b": {"a"}, "c": {"a", "b"}, "d": set()}) == {"a": 0, "b": 1, "c": 2, "d": 0}

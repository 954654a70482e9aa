from hypothesis import given
from hypothesis import strategies as st

from gvlm_resources.dataset.releases.release_spec import SPLITS, Ratios
from gvlm_resources.dataset.releases.splits import Group, assign

sizes = st.lists(st.integers(0, 500), min_size=1, max_size=40)
ratios = st.sampled_from(
    [
        Ratios(),
        Ratios(train=0.98, validation=0.01, test=0.01),
        Ratios(train=0.5, validation=0.25, test=0.25),
        Ratios(train=0.9, validation=0, test=0.1),
        Ratios(train=1, validation=0, test=0),
        Ratios(train=0, validation=0.5, test=0.5),
    ]
)


def groups(of: list[int], draw: int = 1) -> list[Group]:
    return [Group(f"v{number:03d}", size, (number * 2654435761 * draw) % 997) for number, size in enumerate(of)]


def totals(given_groups: list[Group], split: dict[str, str]) -> dict[str, int]:
    return {name: sum(g.size for g in given_groups if split[g.name] == name) for name in SPLITS}


@given(sizes, ratios)
def test_every_group_has_exactly_one_split_that_was_asked_for(of: list[int], wanted: Ratios) -> None:
    given_groups = groups(of)
    split = assign(given_groups, wanted).split
    assert sorted(split) == sorted(group.name for group in given_groups)
    assert all(getattr(wanted, name) > 0 for name in split.values())


@given(sizes, ratios)
def test_with_a_group_for_each_split_none_is_empty(of: list[int], wanted: Ratios) -> None:
    given_groups = groups(of)
    found = assign(given_groups, wanted)
    asked = [name for name in SPLITS if getattr(wanted, name) > 0]
    filled = [name for name in asked if totals(given_groups, found.split)[name]]
    with_examples = sum(1 for size in of if size)
    assert len(filled) == min(len(asked), with_examples)
    assert set(found.empty) == set(asked) - set(filled)


@given(st.lists(st.integers(1, 50), min_size=60, max_size=120), ratios)
def test_no_split_is_over_its_share_by_more_than_the_largest_group(of: list[int], wanted: Ratios) -> None:
    given_groups = groups(of)
    total = sum(of)
    for name, count in totals(given_groups, assign(given_groups, wanted).split).items():
        assert count - getattr(wanted, name) * total <= max(of)


@given(sizes, ratios, st.randoms())
def test_the_order_of_the_groups_makes_no_difference(of: list[int], wanted: Ratios, random) -> None:
    given_groups = groups(of)
    shuffled = random.sample(given_groups, len(given_groups))
    assert assign(given_groups, wanted) == assign(shuffled, wanted)


def test_many_groups_of_one_size_meet_the_ratios_exactly() -> None:
    given_groups = groups([300] * 1000)
    assert totals(given_groups, assign(given_groups, Ratios()).split) == {
        "train": 240_000,
        "validation": 30_000,
        "test": 30_000,
    }


def test_another_seed_gives_other_splits() -> None:
    assert assign(groups([10] * 50), Ratios()).split != assign(groups([10] * 50, draw=7), Ratios()).split


def test_a_group_that_is_larger_than_the_small_splits_goes_where_there_is_room() -> None:
    given_groups = groups([5, 5, 5, 5, 80, 5, 5])
    assert assign(given_groups, Ratios()).split["v004"] == "train"


def test_two_groups_train_and_test_and_the_reason_is_told() -> None:
    found = assign(groups([10, 3]), Ratios())
    assert set(found.split.values()) == {"train", "test"}
    assert found.empty == {"validation": "2 duplicate groups cannot fill 3 splits"}

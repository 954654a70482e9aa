import hashlib
from collections import Counter
from dataclasses import replace
from random import Random

import pytest
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


@given(sizes, ratios, st.data())
def test_a_pinned_group_is_where_it_is_pinned_and_the_others_fill_what_is_missing(
    of: list[int], wanted: Ratios, data: st.DataObject
) -> None:
    asked = [name for name in SPLITS if getattr(wanted, name) > 0]
    pins = data.draw(st.lists(st.sampled_from(["", *asked]), min_size=len(of), max_size=len(of)))
    given_groups = [replace(group, pin=pin) for group, pin in zip(groups(of), pins, strict=True)]
    found = assign(given_groups, wanted)
    assert all(found.split[group.name] == group.pin for group in given_groups if group.pin)
    held = {group.pin for group in given_groups if group.size and group.pin}
    free = sum(1 for group in given_groups if group.size and not group.pin)
    filled = {found.split[group.name] for group in given_groups if group.size}
    assert len(filled) == min(len(asked), len(held) + free)


def library(count: int, seed: int) -> list[Group]:
    """Videos of unlike lengths; the first of a larger library are those of a smaller one."""
    random = Random(1)
    digests = [hashlib.sha256(f"{seed}/{number}".encode()).hexdigest() for number in range(count)]
    return [
        Group(f"v{number:05d}", random.randint(60, 400), int(digest[:12], 16)) for number, digest in enumerate(digests)
    ]


def moved(before: int, after: int, seed: int) -> Counter[tuple[str, str]]:
    one, other = (assign(library(count, seed), Ratios()).split for count in (before, after))
    return Counter((split, other[name]) for name, split in one.items() if other[name] != split)


@pytest.mark.parametrize(
    ("before", "more", "most"), [(15, 1, 1), (100, 1, 1), (100, 10, 4), (1000, 1, 2), (1000, 50, 9)]
)
def test_more_videos_move_only_what_lies_at_a_cut_and_nothing_from_test_to_train(
    before: int, more: int, most: int
) -> None:
    """Of ten seeds on average no more than `most`, and of no seed a test video that is trained on."""
    found = [moved(before, before + more, seed) for seed in range(10)]
    assert sum(one.total() for one in found) <= most * 10
    assert not any(one["test", "train"] for one in found)


def test_a_larger_library_still_meets_its_ratios() -> None:
    given_groups = library(1000, 0)
    counts = totals(given_groups, assign(given_groups, Ratios()).split)
    total = sum(counts.values())
    assert all(abs(counts[name] / total - share) < 0.002 for name, share in Ratios())


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

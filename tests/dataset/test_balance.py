from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from gvlm_resources.dataset.releases.balance import balance

counts = st.dictionaries(st.sampled_from("abcdefghij"), st.integers(0, 1000), max_size=10)
shares = st.floats(0.01, 1).map(lambda share: round(share, 3))


@given(counts, shares)
def test_no_kind_is_more_than_its_share(of: dict[str, int], share: float) -> None:
    found = balance(of, share)
    total = sum(found.kept.values())
    present = sum(1 for count in of.values() if count)
    limit = max(Fraction(str(share)), Fraction(1, max(present, 1)))
    assert all(count <= limit * total for count in found.kept.values())


@given(counts, shares)
def test_every_kind_that_is_there_stays(of: dict[str, int], share: float) -> None:
    kept = balance(of, share).kept
    assert set(kept) == {kind for kind, count in of.items() if count}
    assert all(0 < kept[kind] <= of[kind] for kind in kept)


@given(st.dictionaries(st.sampled_from("abcd"), st.integers(1, 9), min_size=1), shares)
def test_nothing_is_taken_out_without_need(of: dict[str, int], share: float) -> None:
    """Of all numbers that fit, none keeps more: compared with every common number to which kinds could be cut."""
    limit = max(Fraction(str(share)), Fraction(1, len(of)))
    fitting = []
    for most in range(1, 10):
        kept = {kind: min(count, most) for kind, count in of.items()}
        if max(kept.values()) <= limit * sum(kept.values()):
            fitting.append(sum(kept.values()))
    assert sum(balance(of, share).kept.values()) == max(fitting)


def test_a_kind_alone_stays_whole() -> None:
    assert balance({"what": 100}, 0.3).kept == {"what": 100}


def test_the_share_is_of_what_is_left_not_of_what_there_was() -> None:
    assert balance({"what": 70, "when": 10, "where": 10, "why": 10}, 0.4).kept["what"] == 20


def test_a_share_of_one_takes_nothing_out() -> None:
    assert balance({"what": 1000, "why": 1}, 1).kept == {"what": 1000, "why": 1}


def test_nothing_balances_to_nothing() -> None:
    assert balance({}, 0.3).kept == {}

"""Crowds of nearly equal texts: what hangs together, in every order, at a cost that does not grow with pairs."""

import string
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from gvlm_resources.dataset.releases.alike_text import Alike, Texts
from gvlm_resources.dataset.releases.text_families import STANDING, Sets

LONG, SHORT = 70, 18
LETTERS = list(string.ascii_lowercase)


def word(random: np.random.Generator, letters: int = 8) -> str:
    return "".join(random.choice(LETTERS, letters))


def family(count: int, words: int, seed: int = 1) -> list[str]:
    """One sentence, each time with another word in its middle."""
    random = np.random.default_rng(seed)
    sentence = [word(random) for _ in range(words)]
    found = []
    for _ in range(count):
        sentence[words // 2] = word(random, 12)
        found.append(" ".join(sentence))
    return found


def compared(folder: Path, answers: list[str], threshold: float = 0.9, *, parts: int = 1) -> tuple[Alike, Texts]:
    frame = pl.DataFrame(
        {"question": "What?", "answer": answers, "kind": "what", "curriculum": "long", "language": "en"}
    )
    texts = Texts(threshold, folder)
    for part in np.array_split(np.arange(len(answers)), parts):
        texts.add(frame[part.tolist()])
    return texts.compare(np.arange(len(answers)), len(answers)), texts


def families(alike: Alike) -> list[int]:
    return alike.family[alike.text].tolist()


@pytest.fixture
def looked_at(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many pairs were compared, a call after another."""
    counts: list[int] = []
    jaccard = Sets.jaccard

    def counted(self: Sets, pairs: np.ndarray) -> np.ndarray:
        counts.append(len(pairs))
        return jaccard(self, pairs)

    monkeypatch.setattr(Sets, "jaccard", counted)
    return counts


def test_a_crowd_of_texts_that_all_are_alike_is_one_family_at_a_few_comparisons_each(
    tmp_path: Path, looked_at: list[int]
) -> None:
    alike, texts = compared(tmp_path, family(2_000, LONG))
    texts.close()
    assert len(set(families(alike))) == 1
    assert sum(looked_at) <= 2_000 * STANDING


def test_a_crowd_of_texts_that_share_bands_and_are_not_alike_costs_a_few_comparisons_each(
    tmp_path: Path, looked_at: list[int]
) -> None:
    alike, texts = compared(tmp_path, family(2_000, SHORT))
    texts.close()
    assert len(set(families(alike))) == 2_000
    assert sum(looked_at) <= 2_000 * STANDING


def test_the_index_of_two_texts_of_a_crowd_is_that_of_their_shingles(tmp_path: Path) -> None:
    alike, texts = compared(tmp_path, family(300, LONG))
    pairs = alike.text[np.array([[0, 299], [17, 230]])]
    # Question, boundary and answer are 72 words, 70 shingles; a word in the middle stands in three.
    assert alike.index(pairs) == pytest.approx([67 / 73] * 2)
    texts.close()


def test_texts_of_one_family_that_are_not_alike_themselves_have_no_index(tmp_path: Path) -> None:
    """A chain: each text is like the next, the first is not like the last."""
    words = family(1, 100)[0].split()
    chain = [" ".join(words[step : step + 80]) for step in range(0, 20, 2)]
    alike, texts = compared(tmp_path, chain)
    assert len(set(families(alike))) == 1
    assert (alike.index(alike.text[np.array([[0, 1], [0, 9]])]) > 0).tolist() == [True, False]
    texts.close()


@pytest.mark.parametrize("words", [SHORT, LONG])
def test_planted_duplicates_in_a_crowd_are_found(tmp_path: Path, words: int) -> None:
    """Each is a text of the crowd with one word more at its end."""
    crowd = family(1_500, words)
    random = np.random.default_rng(5)
    planted = [f"{text} {word(random)}" for text in crowd[:200]]
    alike, texts = compared(tmp_path, [*crowd, *planted])
    pairs = np.stack([alike.text[:200], alike.text[1_500:]], axis=1)
    assert (alike.index(pairs) >= 0.9).all()
    texts.close()


def test_several_families_in_one_crowd_stay_apart(tmp_path: Path) -> None:
    """Sentences with a common first half share bands, and are alike only where the second half is the same too."""
    common = family(1, 60)[0]
    ends = [family(80, LONG, seed) for seed in range(5)]
    alike, texts = compared(tmp_path, [f"{common} {text}" for end in ends for text in end])
    texts.close()
    found = families(alike)
    assert len(set(found)) == 5
    assert [len(set(found[at : at + 80])) for at in range(0, 400, 80)] == [1] * 5


def test_the_order_and_the_parts_in_which_texts_come_make_no_difference(tmp_path: Path) -> None:
    answers = [*family(400, LONG), *family(400, SHORT, 2), *family(100, 40, 3)]
    order = np.random.default_rng(6).permutation(len(answers))
    one, texts = compared(tmp_path, answers)
    texts.close()
    other, texts = compared(tmp_path, [answers[number] for number in order], parts=7)
    texts.close()
    assert np.array(families(one))[order].tolist() == families(other)


@pytest.mark.parametrize("threshold", [0.3, 0.5, 0.6, 0.7, 0.8])
def test_nearly_all_alike_pairs_of_a_crowd_are_found_at_every_threshold(tmp_path: Path, threshold: float) -> None:
    random = np.random.default_rng(8)
    answers = []
    for text in family(150, 40):
        words = text.split()
        for place in random.choice(40, int(random.integers(0, 6)), replace=False):
            words[place] = word(random, 3)
        answers.append(" ".join(words))
    alike, texts = compared(tmp_path, answers, threshold)
    pairs = np.stack(np.triu_indices(len(alike.family), 1), axis=1)
    true = pairs[alike.sets.jaccard(pairs) >= threshold]
    found = alike.index(true) >= threshold
    texts.close()
    assert len(true) > 100
    assert found.mean() > 0.99

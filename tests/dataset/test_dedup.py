from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gvlm_resources.dataset.releases import release, same_picture
from gvlm_resources.dataset.releases.alike_text import Texts, rows_a_band, telling_words
from gvlm_resources.dataset.releases.release_files import Release
from gvlm_resources.dataset.releases.release_spec import Balance, Dedup, Ratios
from tests.dataset import shard_maker
from tests.dataset.shard_maker import Made, near, unit

DIM = 64
LONG = "the player walks along the dark corridor opens the red door and then runs past the turret to the lift"
anywhere = settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def pictures(count: int, seed: int = 1) -> np.ndarray:
    return unit(np.random.default_rng(seed).normal(size=(count, DIM)))


def made(
    name: str, vector: np.ndarray | None, *, question: str = "What happens?", answer: str = LONG, **changes
) -> Made:
    return Made(pair=f"q{name}", question=question, answer=answer, vector=vector, **changes)


def built(folder: Path, videos: Sequence[Sequence[Made]], **dedup) -> Release:
    shards = {
        shard_maker.video_id(number): shard_maker.shard(
            folder / shard_maker.video_id(number), shard_maker.video_id(number), examples
        )
        for number, examples in enumerate(videos)
    }
    spec = release.spec_of(
        "made",
        [shard_maker.given(number) for number in range(len(videos))],
        ratios=Ratios(train=1, validation=0, test=0),
        balance=Balance(largest_share=1),
        dedup=Dedup(**dedup),
    )
    out = folder / "out"
    release.build(spec, shards, out)
    return Release(out)


def kept(of: Release) -> set[str]:
    return set(of.index["pair_id"].to_pylist())


def reasons(of: Release) -> dict[str, str]:
    return dict(zip(of.removed["pair_id"].to_pylist(), of.removed["reason"].to_pylist(), strict=True))


def test_the_first_of_exact_duplicates_stays_and_stands_for_the_others(tmp_path: Path) -> None:
    (picture,) = pictures(1)
    found = built(tmp_path, [[made("b", picture)], [made("a", picture)]])
    order = sorted(range(2), key=shard_maker.video_id)
    first, second = ("b", "a") if order == [0, 1] else ("a", "b")
    assert kept(found) == {f"q{first}"}
    assert reasons(found) == {f"q{second}": "exact"}
    assert found.removed["kept"].to_pylist() == found.index["example_id"].to_pylist()


def test_exact_duplicates_stay_where_the_spec_says_so_and_nothing_else_is_alike(tmp_path: Path) -> None:
    (picture,) = pictures(1)
    videos = [[made("a", picture, kind="what")], [made("b", picture, kind="why")]]
    assert len(kept(built(tmp_path, videos, exact=False))) == 2


def test_the_same_words_before_nearly_the_same_frames_are_one(tmp_path: Path) -> None:
    random = np.random.default_rng(2)
    (picture,) = pictures(1)
    found = built(tmp_path, [[made("a", picture)], [made("b", near(picture, 0.998, random))]])
    assert list(reasons(found).values()) == ["alike"]
    assert found.removed["detail"][0].as_py() == "words 1.00, frames 0.9980"


def test_the_same_words_before_other_frames_stay(tmp_path: Path) -> None:
    random = np.random.default_rng(2)
    (picture,) = pictures(1)
    assert not reasons(built(tmp_path, [[made("a", picture)], [made("b", near(picture, 0.99, random))]]))


def test_nearly_the_same_words_are_one_only_from_the_threshold_on(tmp_path: Path) -> None:
    (picture,) = pictures(1)
    other = f"{LONG} slowly"
    videos = [[made("a", picture)], [made("b", picture, answer=other)]]
    assert list(reasons(built(tmp_path / "one", videos)).values()) == ["alike"]
    assert not reasons(built(tmp_path / "two", videos, text_threshold=0.97))


@pytest.mark.parametrize("column", ["kind", "curriculum", "language"])
def test_examples_of_another_kind_curriculum_or_language_are_never_compared(tmp_path: Path, column: str) -> None:
    (picture,) = pictures(1)
    one = made("a", picture)
    word = {"kind": "why", "curriculum": "long", "language": "de"}[column]
    other = replace(one, pair="qb", answer=f"{LONG}!", **{column: word})
    assert not reasons(built(tmp_path, [[one], [other]]))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("00:12", "00:45"),
        ("01:00:12", "01:00:13"),
        ("3", "1"),
        ("-5", "5"),
        ("1.5", "15"),
        ("twice", "once"),
        ("drei", "vier"),
        ("before", "after"),
        ("always", "never"),
        ("١", "٢"),
    ],
)
def test_texts_that_differ_in_a_clock_a_count_or_a_word_that_tells_are_never_alike(
    tmp_path: Path, one: str, other: str
) -> None:
    """However long the sentence, and at the lowest threshold."""
    (picture,) = pictures(1)
    words = " ".join([LONG] * 20)
    videos = [
        [made("a", picture, answer=f"{words} {one} {words}"), made("b", picture, answer=f"{words} {other} {words}")]
    ]
    videos.append([made("c", picture, answer=f"{words} {other} {words}!")])
    found = built(tmp_path, videos, text_threshold=0.5)
    assert reasons(found) == {"qc": "alike"} or reasons(found) == {"qb": "alike"}
    assert "qa" in kept(found)


@anywhere
@given(st.data())
def test_numbers_anywhere_in_a_text_keep_it_apart(tmp_path: Path, data: st.DataObject) -> None:
    numbers = data.draw(st.lists(st.integers(0, 300), min_size=1, max_size=4))
    others = data.draw(st.lists(st.integers(0, 300), min_size=1, max_size=4))
    texts = [" ".join([LONG] * 5 + [f"{number} imps" for number in each]) for each in (numbers, others)]
    frame = pl.DataFrame(
        {"question": ["How many?"] * 2, "answer": texts, "kind": "how_many", "curriculum": "long", "language": "en"}
    )
    comparer = Texts(0.3, tmp_path)
    comparer.add(frame)
    alike = comparer.compare(np.arange(2), 2)
    (index,) = alike.index(alike.text.reshape(1, 2))
    comparer.close()
    assert (index > 0) == (numbers == others)


def test_repeated_events_of_one_video_stay_in_the_same_words_before_the_same_picture(tmp_path: Path) -> None:
    (picture,) = pictures(1)
    words = {"answer": "The player died.", "curriculum": "dynamics"}
    deaths = [made(f"{n}", picture, start_s=10 * n, end_s=10 * n + 5, **words) for n in range(3)]
    for number, death in enumerate(deaths):
        death.frames_s = [10 * number]
    assert len(kept(built(tmp_path, [deaths]))) == 3


def health(second: int, answer: str = "{clock}: 100.", question: str = "How much health is there at {clock}?") -> dict:
    """The same question a second later."""
    words = {"question": question, "answer": answer}
    clock = shard_maker.clock(second)
    return {name: text.format(clock=clock) for name, text in words.items()} | {
        "start_s": second,
        "end_s": second + 1,
        "frames_s": [second],
        "kind": "state",
    }


def test_an_answer_that_points_at_a_place_is_not_compared_at_another_time(tmp_path: Path) -> None:
    """The same words may stand for another box."""
    (picture,) = pictures(1)
    two = [made(name, picture, **health(second, "At <box_2d>.")) for name, second in (("a", 33), ("b", 34))]
    for one in two:
        one.question = "Where is it?"
    assert not reasons(built(tmp_path, [two]))


def test_one_picture_with_the_same_words_at_another_time_is_one_alignment_example(tmp_path: Path) -> None:
    random = np.random.default_rng(2)
    (picture,) = pictures(1)
    after = near(picture, 0.998, random)
    found = built(tmp_path, [[made("a", picture, **health(33)), made("b", after, **health(34))]])
    assert reasons(found) == {"qb": "same_picture"}
    assert found.removed["detail"][0].as_py() == "the same words but for the time, frames 0.9980"
    assert found.removed["kept"].to_pylist() == found.index["example_id"].to_pylist()
    assert found.manifest["compared"] == {"pairs_with_alike_words": 1, "with_alike_frames": 1}


@pytest.mark.parametrize(
    "change",
    [{"answer": "00:34: 99."}, {"kind": "what"}, {"curriculum": "dynamics"}, {"question": "How much armor at 00:34?"}],
    ids=["another answer", "another kind", "another curriculum", "another question"],
)
def test_one_picture_at_another_time_stays_where_more_than_the_time_differs(tmp_path: Path, change: dict) -> None:
    (picture,) = pictures(1)
    other = made("b", picture, **(health(34) | change))
    assert not reasons(built(tmp_path, [[made("a", picture, **health(33)), other]]))


def test_the_same_words_at_another_time_stay_before_another_picture_or_where_it_is_asked_for(tmp_path: Path) -> None:
    random = np.random.default_rng(2)
    (picture,) = pictures(1)
    two = [made("a", picture, **health(33)), made("b", near(picture, 0.99, random), **health(34))]
    assert not reasons(built(tmp_path / "one", [two]))
    same = [made("a", picture, **health(33)), made("b", picture, **health(34))]
    assert not reasons(built(tmp_path / "two", [same], same_picture=False))


@pytest.mark.parametrize(
    ("question", "answer", "said"),
    [
        ("What is there at 00:33?", "A door.", ("What is there at <time>?", "A door.")),
        ("What is there at 00:33?", "At 00:33 a door.", ("What is there at <time>?", "At <time> a door.")),
        ("What follows 00:33?", "A door at 00:40.", ("What follows <time>?", "A door at 00:40.")),
        ("When is it?", "At 00:33.", ("When is it?", "At 00:33.")),
        ("Is it at 00:33 or at 00:40?", "At 00:40.", ("Is it at 00:33 or at 00:40?", "At 00:40.")),
        ("What is there from 1:00:33 to 1:00:40?", "12.", ("What is there from <time> to <time>?", "12.")),
    ],
)
def test_only_the_time_that_is_asked_about_is_no_part_of_the_words(question: str, answer: str, said: tuple) -> None:
    assert same_picture.timeless(question, answer) == said


def test_of_many_in_one_picture_each_is_found_by_the_bands_of_its_code(tmp_path: Path) -> None:
    """Forty seconds of two pictures that stand still, in two videos: one example of each picture stays."""
    random = np.random.default_rng(4)
    scenes = pictures(2)
    videos = [
        [made(f"{v}-{n}", near(scenes[n // 10], 0.9999, random), **health(n)) for n in range(20)] for v in range(2)
    ]
    found = built(tmp_path, videos)
    assert len(kept(found)) == 2
    assert set(reasons(found).values()) <= {"alike", "same_picture"}


def test_two_examples_about_one_moment_of_one_video_are_one(tmp_path: Path) -> None:
    (picture,) = pictures(1)
    pair = [made("a", picture, start_s=10, end_s=15), made("b", picture, answer=f"{LONG} slowly", start_s=11, end_s=15)]
    assert reasons(built(tmp_path, [pair])) == {"qb": "alike"}


def test_three_deaths_are_not_taken_for_the_one_of_another_video(tmp_path: Path) -> None:
    random = np.random.default_rng(3)
    (picture,) = pictures(1)

    def deaths(video: str, count: int) -> list[Made]:
        return [
            made(
                f"{video}{n}",
                near(picture, 0.9999, random),
                answer="The player died.",
                curriculum="dynamics",
                start_s=10 * n,
                end_s=10 * n + 5,
                frames_s=[10 * n],
            )
            for n in range(count)
        ]

    found = built(tmp_path, [deaths("a", 1), deaths("b", 3)])
    assert len(kept(found)) == 3
    assert list(reasons(found).values()) == ["alike"]


def test_a_copied_video_loses_each_moment_to_its_own_twin(tmp_path: Path) -> None:
    random = np.random.default_rng(3)
    scenes = pictures(40)
    one = [made(f"a{n}", scene, start_s=n, end_s=n + 1, frames_s=[n]) for n, scene in enumerate(scenes)]
    other = [replace(each, pair=f"qb{n}", vector=near(each.vector, 0.998, random)) for n, each in enumerate(one)]
    found = built(tmp_path, [one, other], most_alike=100)
    assert len(kept(found)) == 40
    twins = zip(found.removed["example_id"].to_pylist(), found.removed["kept"].to_pylist(), strict=True)
    names = dict(zip(found.index["example_id"].to_pylist(), found.index["pair_id"].to_pylist(), strict=True))
    removed = dict(zip(found.removed["example_id"].to_pylist(), found.removed["pair_id"].to_pylist(), strict=True))
    assert all(names[stands][2:] == removed[gone][2:] for gone, stands in twins)


def test_without_frames_only_one_moment_of_one_video_is_compared(tmp_path: Path) -> None:
    same = [made("a", None, start_s=1, end_s=5), made("b", None, answer=f"{LONG} slowly", start_s=1, end_s=5)]
    other = [made("c", None, answer=f"{LONG} quickly", start_s=1, end_s=5)]
    assert reasons(built(tmp_path, [same, other])) == {"qb": "alike"}


def test_an_example_with_frames_is_not_like_one_without(tmp_path: Path) -> None:
    (picture,) = pictures(1)
    assert not reasons(built(tmp_path, [[made("a", picture), made("b", None, answer=f"{LONG} slowly")]]))


def test_of_the_same_words_before_other_frames_so_many_stay(tmp_path: Path) -> None:
    scenes = pictures(90)
    videos = [[made(f"{v}-{n}", scenes[v * 30 + n], start_s=n, end_s=n + 1) for n in range(30)] for v in range(3)]
    found = built(tmp_path, videos, most_alike=20)
    assert len(kept(found)) == 20
    assert set(reasons(found).values()) == {"too_many_alike"}
    assert set(found.removed["detail"].to_pylist()) == {"90 with alike texts"}
    assert len(set(found.index["video_id"].to_pylist())) == 3, "those that stay are drawn from all"


def test_what_stands_for_an_example_is_in_the_release(tmp_path: Path) -> None:
    random = np.random.default_rng(5)
    scenes = pictures(30)
    videos = [
        [made(f"{v}-{n}", near(scenes[n], 0.9999, random), start_s=n, end_s=n + 1, frames_s=[n]) for n in range(30)]
        for v in range(3)
    ]
    found = built(tmp_path, videos, most_alike=10)
    there = set(found.index["example_id"].to_pylist())
    rows = found.removed.to_pylist()
    assert {row["kept"] for row in rows} - {""} <= there
    alone = [row for row in rows if row["reason"] == "alike" and not row["kept"]]
    assert alone
    assert all("is left out too" in row["detail"] for row in alone)


@settings(anywhere, max_examples=8)
@given(st.integers(0, 2**32 - 1))
def test_planted_twins_are_found_among_many_alike_texts(tmp_path_factory: pytest.TempPathFactory, seed: int) -> None:
    """A family of 60 texts is searched by bands of codes: nearly all twins at the threshold's edge are found."""
    random = np.random.default_rng(seed)
    mean = unit(random.normal(size=192))
    scenes = unit(0.7 * mean + 0.7 * unit(random.normal(size=(60, 192))))
    one = [made(f"a{n}", scene, start_s=n, end_s=n + 1, frames_s=[n]) for n, scene in enumerate(scenes)]
    twins = near(scenes, 0.9955, random)
    other = [replace(each, pair=f"qb{n}", vector=twin) for n, (each, twin) in enumerate(zip(one, twins, strict=True))]
    found = built(tmp_path_factory.mktemp("made"), [one, other], most_alike=1000)
    assert 60 <= len(kept(found)) <= 63


@pytest.mark.parametrize("threshold", [0.3, 0.5, 0.7, 0.8, 0.9, 0.95])
def test_banding_finds_texts_at_the_threshold(tmp_path: Path, threshold: float) -> None:
    """Pairs of 60 words of which as many differ at the end as the threshold allows."""
    assert rows_a_band(threshold) >= 1
    random = np.random.default_rng(7)
    rows = []
    for _ in range(200):
        words = [f"w{''.join(letters)}" for letters in random.choice(list("abcdefgh"), (140, 6)).tolist()]
        shared = round(60 * 2 * threshold / (1 + threshold)) + 4
        rows += [" ".join(words[:60]), " ".join(words[: min(shared, 60)] + words[80 : 140 - min(shared, 60)])]
    frame = pl.DataFrame({"question": "What?", "answer": rows, "kind": "what", "curriculum": "long", "language": "en"})
    comparer = Texts(threshold, tmp_path)
    comparer.add(frame)
    alike = comparer.compare(np.arange(400), 400)
    found = alike.index(alike.text.reshape(200, 2)) > 0
    comparer.close()
    assert found.sum() >= 198


def test_words_that_tell_are_single_words_of_every_language() -> None:
    assert {"three", "zweimal", "nunca", "aucun", "before"} <= telling_words()
    assert not any(" " in word for word in telling_words())

from pathlib import Path

import numpy as np
import pytest

from gvlm_resources.dataset.releases import alike_frames
from gvlm_resources.dataset.releases.alike_frames import FrameVectors, Groups, Shared
from tests.dataset.shard_maker import near, unit

DIM = 96


def scenes(count: int, game: int = 0, seed: int = 0) -> np.ndarray:
    """Frames of one game: cosines of about 0.6 between any two."""
    mean = unit(np.random.default_rng([1, game]).normal(size=DIM))
    return unit(0.8 * mean + 0.6 * unit(np.random.default_rng([2, game, seed]).normal(size=(count, DIM))))


def shared(folder: Path, videos: list[np.ndarray], *, share: float = 0.2) -> list[Shared]:
    vectors = FrameVectors(folder)
    for video in videos:
        vectors.add(video)
    ends = np.cumsum([len(video) for video in videos])
    found = list(
        alike_frames.same_footage(vectors, vectors.codes(), ends, Groups(len(videos)), threshold=0.995, share=share)
    )
    vectors.close()
    return found


def test_videos_of_one_game_share_no_footage(tmp_path: Path) -> None:
    assert shared(tmp_path, [scenes(80, seed=seed) for seed in range(12)]) == []


@pytest.mark.parametrize("size", [5, 20, 100, 300])
def test_footage_that_is_encoded_again_is_found_at_every_length(tmp_path: Path, size: int) -> None:
    random = np.random.default_rng(3)
    videos = [scenes(size, seed=seed) for seed in range(10)]
    videos.append(near(videos[4], 0.997, random))
    (found,) = shared(tmp_path, videos)
    assert (found.one, found.other) == (4, 10)
    assert found.share_of_one == found.share_of_other == 1


@pytest.mark.parametrize(("common", "is_one_group"), [(70, True), (60, True), (59, False), (30, False)])
def test_the_share_decides_to_the_very_example(tmp_path: Path, common: int, is_one_group: bool) -> None:
    random = np.random.default_rng(4)
    videos = [scenes(300, seed=seed) for seed in range(6)]
    videos[5][:common] = near(videos[2][100 : 100 + common], 0.998, random)
    found = shared(tmp_path, videos)
    assert [(each.one, each.other) for each in found] == ([(2, 5)] if is_one_group else [])
    assert all(each.share_of_one == pytest.approx(common / 300) for each in found)


def test_a_short_video_within_a_long_one_is_found_by_the_share_of_the_short_one(tmp_path: Path) -> None:
    random = np.random.default_rng(5)
    videos = [scenes(300, seed=seed) for seed in range(5)]
    videos.append(near(videos[1][:10], 0.998, random))
    (found,) = shared(tmp_path, videos)
    assert (found.one, found.other, found.share_of_other) == (1, 5, 1)
    assert found.share_of_one == pytest.approx(10 / 300)


def test_one_picture_for_ever_is_one_group(tmp_path: Path) -> None:
    still = np.repeat(scenes(1), 20, axis=0)
    assert len(shared(tmp_path, [still] * 4)) == 3


def test_a_cosine_is_the_same_in_every_order_of_its_sum() -> None:
    random = np.random.default_rng(6)
    one = scenes(500)
    other = near(one, 0.995, random)
    order = random.permutation(DIM)
    assert np.array_equal(alike_frames.cosines(one, other), alike_frames.cosines(one[:, order], other[:, order]))
    assert alike_frames.cosines(one, other) == pytest.approx(0.995, abs=1e-5)


def test_groups_are_known_by_their_first() -> None:
    groups = Groups(6)
    groups.join(5, 3)
    groups.join(3, 1)
    assert groups.join_equal(["a", "", "b", "", "a", "b"]) == [(0, 4), (2, 5)]
    assert [groups.of(number) for number in range(6)] == [0, 1, 1, 1, 0, 1]

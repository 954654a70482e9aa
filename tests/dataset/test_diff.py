import json
from pathlib import Path

import pytest

from gvlm_resources.dataset.releases import release
from gvlm_resources.dataset.releases.diff import Difference, diff
from gvlm_resources.dataset.releases.release_files import Release
from gvlm_resources.dataset.releases.release_spec import Balance, Decision, Dedup, Filters
from tests.dataset import shard_maker

VIDEOS = 8


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return shard_maker.library(tmp_path_factory.mktemp("library"), videos=VIDEOS, examples=30, dim=16)


@pytest.fixture(scope="module")
def first(library: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Release:
    return built(tmp_path_factory.mktemp("first"), library, "first")


def built(out: Path, shards: dict[str, Path], name: str, videos: range = range(VIDEOS - 1), **changes) -> Release:
    rebuilt = changes.pop("rebuilt", ())
    inputs = [shard_maker.given(n, **({"fingerprint": "f" * 64} if n in rebuilt else {})) for n in videos]
    balance = changes.pop("balance", Balance(largest_share=1))
    folders = {video.video_id: shards[video.video_id] for video in inputs}
    release.build(release.spec_of(name, inputs, balance=balance, **changes), folders, out)
    return Release(out)


def test_a_release_differs_from_itself_in_nothing(first: Release) -> None:
    found = diff(first, first)
    assert found.is_empty
    assert not found.warnings
    assert f"  all: {first.index.num_rows}\n" in found.as_text()
    assert "the same examples in the same splits" in found.as_text()
    assert found.videos_added == found.videos_removed == found.rebuilt == ()
    assert found.settings == ()


def test_videos_that_came_went_and_were_rebuilt(first: Release, library: dict[str, Path], tmp_path: Path) -> None:
    after = built(tmp_path, library, "after", videos=range(1, VIDEOS), rebuilt=(2,))
    found = diff(first, after)
    assert found.videos_added == (shard_maker.video_id(VIDEOS - 1),)
    assert found.videos_removed == (shard_maker.video_id(0),)
    assert found.rebuilt == (shard_maker.video_id(2),)
    own = dict(zip(after.index["example_id"].to_pylist(), after.index["video_id"].to_pylist(), strict=True))
    assert {own[name] for name in found.added} >= {shard_maker.video_id(VIDEOS - 1)}
    assert f"1 video rebuilt: {shard_maker.video_id(2)}\n" in found.as_text()


def test_settings_are_told_one_by_one(first: Release, library: dict[str, Path], tmp_path: Path) -> None:
    after = built(tmp_path, library, "after", seed=3, filters=Filters(min_confidence=0.6), dedup=Dedup(most_alike=9))
    told = {change.setting: (change.before, change.after) for change in diff(first, after).settings}
    assert told == {"seed": (0, 3), "filters.min_confidence": (0.0, 0.6), "dedup.most_alike": (50, 9)}


def test_pins_are_told_as_how_many_there_are(first: Release, library: dict[str, Path], tmp_path: Path) -> None:
    after = built(tmp_path, library, "after", pinned=release.pinned_splits(first))
    found = diff(first, after)
    assert [(one.setting, one.before, one.after) for one in found.settings] == [
        ("videos pinned to a split", 0, VIDEOS - 1)
    ]
    assert found.is_empty, "the same videos in the same splits"


def test_examples_add_up(first: Release, library: dict[str, Path], tmp_path: Path) -> None:
    after = built(tmp_path, library, "after", filters=Filters(kinds=("how_many", "when", "state")))
    found = diff(first, after)
    assert first.index.num_rows - len(found.removed) + len(found.added) == after.index.num_rows
    assert sum(before for before, _ in found.kinds.values()) == first.index.num_rows
    assert sum(number for _, number in found.kinds.values()) == after.index.num_rows
    assert found.kinds["what"][1] == 0
    assert f"what: {found.kinds['what'][0]} -> 0" in found.as_text()


def test_a_fixed_pair_is_a_changed_example(first: Release, library: dict[str, Path], tmp_path: Path) -> None:
    row = first.index.to_pylist()[0]
    fix = Decision(
        pair_id=row["pair_id"], decision="fixed", question="What stands at 09:09?", answer="A gate of 77 bars."
    )
    after = built(tmp_path, library, "after", decisions=[fix])
    found = diff(first, after)
    assert row["example_id"] in found.changed
    assert found.decisions_added == (row["pair_id"],)
    assert diff(after, first).decisions_removed == (row["pair_id"],)
    words = f"{row['video_id']} {row['kind']}: What stands at 09:09? A gate of 77 bars."
    before = f", before: {row['question']} {row['answer']}"
    assert f"1 decision added:\n  fixed  {words}{before}\n" in found.as_text()
    assert words + before in [one.text for one in found.shown["examples changed"]]


def test_a_rejected_pair_is_told_in_the_words_it_had(first: Release, library: dict[str, Path], tmp_path: Path) -> None:
    row = first.index.to_pylist()[0]
    gone = [
        Decision(pair_id=row["pair_id"], decision="rejected"),
        Decision(pair_id="q" + "0" * 16, decision="accepted"),
    ]
    text = diff(first, built(tmp_path, library, "after", decisions=gone)).as_text()
    assert "2 decisions added:\n" in text
    assert f"  rejected  {row['video_id']} {row['kind']}: {row['question']} {row['answer']}\n" in text
    assert f"  accepted  q{'0' * 16}, which is in neither\n" in text


def leaking(first: Release, library: dict[str, Path], folder: Path) -> Difference:
    for seed in range(1, 20):
        found = diff(first, built(folder / str(seed), library, "after", seed=seed))
        if found.leaks:
            return found
    raise AssertionError("no seed of twenty moves a test video into train")


def test_training_on_what_the_other_tests_with_is_a_warning(
    first: Release, library: dict[str, Path], tmp_path: Path
) -> None:
    found = leaking(first, library, tmp_path)
    moved = {move.example_id for move in found.moved if (move.before, move.after) == ("test", "train")}
    assert moved <= set(found.leaks)
    assert found.leaking_groups
    assert f"WARNING: {len(found.leaks)} examples of the test split of first" in found.as_text()
    assert found.as_json()["warnings"]


def test_json_holds_all_ids_and_text_a_few_questions(first: Release, library: dict[str, Path], tmp_path: Path) -> None:
    found = diff(first, built(tmp_path, library, "after", videos=range(3)))
    told = json.loads(json.dumps(found.as_json()))
    assert told["removed"] == list(found.removed)
    assert len(found.removed) > 20
    lines = found.as_text().splitlines()
    assert max(map(len, lines)) < 300
    assert lines.index("examples") < lines.index(f"{len(found.removed)} examples removed, 5 of them:")
    asked = {row["example_id"]: row["question"] for row in first.index.to_pylist()}
    shown = found.shown["examples removed"]
    assert len(shown) == 5
    assert {one.id for one in shown} <= set(found.removed)
    assert all(asked[one.id][:90] in one.text and f"  {one.text}" in lines for one in shown)
    assert f"{len(found.videos_removed)} videos removed: " in found.as_text()

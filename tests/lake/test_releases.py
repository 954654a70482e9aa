import json
import threading
from pathlib import Path

import pytest

from gvlm_resources.dataset.releases import release
from gvlm_resources.dataset.releases.release_spec import ReleaseSpec
from gvlm_resources.errors import ReleaseError
from gvlm_resources.lake.fingerprint import Recipe
from gvlm_resources.lake.releases import EXAMPLES, Releases
from gvlm_resources.lake.store import Lake
from tests.dataset import shard_maker


def spec(name: str = "first", seed: int = 0, **changes) -> ReleaseSpec:
    return release.spec_of(name, [shard_maker.given(number, **changes) for number in range(2)], seed=seed)


@pytest.fixture
def releases(tmp_path: Path) -> Releases:
    return Releases(Lake(tmp_path))


def test_a_new_lake_has_no_releases(releases: Releases) -> None:
    assert releases.names() == []


def test_a_release_comes_back_as_it_was_created(releases: Releases) -> None:
    assert releases.create(spec("second")) is True
    assert releases.create(spec("first")) is True
    assert releases.names() == ["first", "second"]
    assert releases.spec("first") == spec("first")


def test_the_same_release_again_is_no_error_and_changes_nothing(releases: Releases, tmp_path: Path) -> None:
    releases.create(spec())
    before = (tmp_path / "releases" / "first.json").read_bytes()
    assert releases.create(spec()) is False
    assert (tmp_path / "releases" / "first.json").read_bytes() == before


def test_a_record_without_settings_that_came_later_is_read_and_is_the_same_release(
    releases: Releases, tmp_path: Path
) -> None:
    releases.create(spec())
    path = tmp_path / "releases" / "first.json"
    record = json.loads(path.read_text())
    del record["pinned"], record["dedup"]["same_picture"]
    path.write_text(json.dumps(record))
    assert releases.spec("first") == spec()
    assert releases.create(spec()) is False


def test_a_name_that_is_taken_is_refused_with_what_differs(releases: Releases) -> None:
    releases.create(spec())
    with pytest.raises(ReleaseError, match=r"'first' is there already, with other seed .* frozen"):
        releases.create(spec(seed=1))
    with pytest.raises(ReleaseError, match="with other inputs"):
        releases.create(spec(fingerprint="f" * 64))
    assert releases.spec("first") == spec()


def test_of_many_who_create_one_name_at_once_one_wins(releases: Releases) -> None:
    outcomes: list[object] = []

    def create(seed: int) -> None:
        try:
            outcomes.append(releases.create(spec(seed=seed)))
        except ReleaseError as error:
            outcomes.append(error)

    threads = [threading.Thread(target=create, args=(seed,)) for seed in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert outcomes.count(True) == 1
    assert sum(isinstance(outcome, ReleaseError) for outcome in outcomes) == 7


def test_what_is_forgotten_is_gone_and_its_name_is_free(releases: Releases) -> None:
    releases.create(spec("first"))
    releases.create(spec("second"))
    releases.forget("first")
    assert releases.names() == ["second"]
    assert releases.create(spec("first", seed=1)) is True
    assert releases.spec("first") == spec("first", seed=1)


def test_a_damaged_record_can_be_forgotten(releases: Releases, tmp_path: Path) -> None:
    releases.create(spec())
    (tmp_path / "releases" / "first.json").write_text("{")
    releases.forget("first")
    assert releases.names() == []


@pytest.mark.parametrize("name", ["nothing", "../first", "", "a/b", "x" * 100])
def test_what_is_not_there_cannot_be_forgotten(releases: Releases, name: str, tmp_path: Path) -> None:
    releases.create(spec())
    with pytest.raises(ReleaseError, match="there is no release"):
        releases.forget(name)
    assert releases.names() == ["first"]


@pytest.mark.parametrize("name", ["nothing", "../first", "", "a/b", "x" * 100])
def test_a_release_that_is_not_there_is_an_error_whatever_its_name(releases: Releases, name: str) -> None:
    releases.create(spec())
    with pytest.raises(ReleaseError, match="there is no release"):
        releases.spec(name)


@pytest.mark.parametrize("content", ["", "{", "{}", '{"name": "first"}'])
def test_a_damaged_record_is_named(releases: Releases, tmp_path: Path, content: str) -> None:
    releases.create(spec())
    (tmp_path / "releases" / "first.json").write_text(content)
    with pytest.raises(ReleaseError, match=r"first\.json is damaged"):
        releases.spec("first")


def test_a_record_under_another_name_is_refused(releases: Releases, tmp_path: Path) -> None:
    releases.create(spec())
    (tmp_path / "releases" / "first.json").rename(tmp_path / "releases" / "other.json")
    with pytest.raises(ReleaseError, match="is the record of 'first'"):
        releases.spec("other")


def stored(lake: Lake, number: int, source: str = "") -> str:
    """Store a result of training examples, and give its fingerprint."""
    recipe = Recipe(asset=EXAMPLES, code_version="1", schema_version="1", source=source)
    with lake.write(recipe, shard_maker.video_id(number)) as draft:
        draft.path("examples.jsonl").write_text("")
    return recipe.fingerprint()


def test_shards_are_the_folders_of_the_pinned_results(releases: Releases) -> None:
    prints = [stored(releases.lake, number) for number in range(2)]
    inputs = [shard_maker.given(number, fingerprint=prints[number]) for number in range(2)]
    folders = releases.shards(release.spec_of("first", inputs))
    assert list(folders) == [shard_maker.video_id(number) for number in range(2)]
    assert all((folder / "examples.jsonl").is_file() for folder in folders.values())


def test_results_that_are_missing_or_others_than_pinned_are_named(releases: Releases) -> None:
    fingerprint = stored(releases.lake, 0)
    inputs = [shard_maker.given(number, fingerprint=fingerprint) for number in range(2)]
    wanted = release.spec_of("first", inputs)
    with pytest.raises(ReleaseError, match=f"not built for {shard_maker.video_id(1)}"):
        releases.shards(wanted)
    stored(releases.lake, 1, source="rebuilt")
    with pytest.raises(ReleaseError, match=f"of {shard_maker.video_id(1)} are not those"):
        releases.shards(wanted)

"""A per-video asset is skipped when fresh, rebuilt when a setting changed, and a bad video costs only itself."""

from collections.abc import Mapping
from pathlib import Path

import dagster as dg
import pytest

from gvlm_assets.partitions import register, videos
from gvlm_assets.per_video import Description, Draft, Face, Finding, Result, Work, step
from gvlm_resources.bindings import LakeFolder, Models, Profile
from gvlm_resources.errors import SourceError
from gvlm_resources.lake import files
from gvlm_resources.lake.catalogue import VideoRecord
from gvlm_resources.lake.store import Lake

BAD = b"broken"


class Shop:
    """A lake, an instance and one asset whose builds are counted; a source that says `broken` cannot be built."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.folder = LakeFolder(root=str(root / "lake"))
        self.instance = dg.DagsterInstance.ephemeral()
        self.built: list[str] = []
        self.passes = True
        self.asset = step("video", {"video": self._face()}, self._build)

    def _face(self) -> Face:
        return Face("A video.", "ingest", frozenset({"json"}), {"is_fine": "It is fine."}, self._describe)

    def _build(self, work: Work, drafts: Mapping[str, Draft]) -> None:
        path = work.lake_folder.catalogue().source_path(work.record)
        drafts["video"].path("probe.json").write_text("{}")
        if path.read_bytes() == BAD:
            raise SourceError("corrupt", "it is broken", remedy="mend it")
        self.built.append(work.video_id)
        work.measured["video"] = {"speed": len(self.built)}

    def _describe(self, work: Work, result: Result) -> Description:
        finding = Finding("is_fine", self.passes, "looked at", {"looked": 1})
        return Description({"title": work.record.title}, [finding])

    def add(self, name: str, content: bytes) -> str:
        source = self.root / name
        source.write_bytes(content)
        sha256 = files.sha256(source)
        key = f"{name}-{sha256[:12]}"
        record = VideoRecord(key, sha256, len(content), ".mp4", name, "generic", "", name)
        self.folder.catalogue().add_video(record, source)
        register(self.instance, self.folder.catalogue())
        return key

    def run(self, *keys: str, settings: str = "") -> dg.ExecuteInProcessResult:
        settings_file = self.root / "gvlm.yaml"
        settings_file.write_text(settings)
        resources = {
            "lake_folder": self.folder,
            "profile": Profile(settings_file=str(settings_file)),
            "models": Models(cache=str(self.root / "cache"), folder=str(self.root), hub_cache=str(self.root)),
        }
        which = {"partition_key": keys[0]} if len(keys) == 1 else {"tags": _range(keys)}
        return dg.materialize([self.asset], instance=self.instance, resources=resources, raise_on_error=False, **which)

    def metadata(self, key: str) -> Mapping[str, dg.MetadataValue]:
        wanted = dg.AssetRecordsFilter(asset_key=dg.AssetKey("video"), asset_partitions=[key])
        record = self.instance.fetch_materializations(wanted, limit=1).records[0]
        return record.asset_materialization.metadata


def _range(keys: tuple[str, ...]) -> dict[str, str]:
    return {"dagster/asset_partition_range_start": keys[0], "dagster/asset_partition_range_end": keys[-1]}


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return Shop(tmp_path)


def test_a_second_materialisation_skips_and_shows_the_same_metadata(shop: Shop) -> None:
    key = shop.add("run", b"one")
    assert shop.run(key).success
    assert shop.metadata(key)["gvlm/outcome"].value == "built"
    assert shop.run(key).success
    assert shop.built == [key]
    assert shop.metadata(key)["title"].value == "run"
    assert shop.metadata(key)["gvlm/outcome"].value.startswith("fresh")


def test_what_a_build_measured_is_told_of_that_run_and_is_no_part_of_the_result(shop: Shop) -> None:
    key = shop.add("run", b"one")
    shop.run(key)
    assert shop.metadata(key)["speed"].value == 1
    shop.run(key)
    assert "speed" not in shop.metadata(key)
    assert Lake(shop.root / "lake").get("video", key).facts == {}


def test_encoders_are_given_many_videos_a_run_and_no_pool_that_a_killed_run_would_hold() -> None:
    from gvlm_assets import definitions

    graph = definitions.defs.resolve_asset_graph()
    for name in ("siglip_embeddings", "videomae_embeddings", "wav2vec2_embeddings", "entity_tracks", "sound_events"):
        node = graph.get(dg.AssetKey(name))
        assert node.backfill_policy.max_partitions_per_run == 16
        assert not node.pools
    assert graph.get(dg.AssetKey("ocr_text")).backfill_policy.max_partitions_per_run == 1


def test_a_setting_that_matters_rebuilds_and_one_that_does_not_skips(shop: Shop) -> None:
    key = shop.add("run", b"one")
    shop.run(key)
    shop.run(key, settings="frames: {rate_hz: 3}\n")
    assert shop.built == [key]
    shop.run(key, settings="video: {max_duration_s: 100}\n")
    assert shop.built == [key, key]


def test_a_bad_video_fails_its_run_names_the_cause_and_is_quarantined(shop: Shop) -> None:
    key = shop.add("bad", BAD)
    result = shop.run(key)
    assert not result.success
    (failure,) = [event.step_failure_data for event in result.all_events if event.is_step_failure]
    assert "it is broken" in failure.user_failure_data.description
    (row,) = shop.folder.catalogue().quarantined()
    assert (row.origin, row.code, row.remedy) == (key, "corrupt", "mend it")
    assert Lake(shop.root / "lake").find("video", key) is None


def test_a_video_that_builds_again_leaves_quarantine(shop: Shop) -> None:
    key = shop.add("run", b"one")
    shop.folder.catalogue().add_quarantine(origin=key, stage="video", code="corrupt", reason="was", remedy="mend it")
    assert shop.run(key).success
    assert shop.folder.catalogue().quarantined() == []


def test_in_a_ranged_run_the_good_videos_are_recorded_and_the_bad_one_is_named(shop: Shop) -> None:
    keys = [shop.add("a", b"one"), shop.add("b", BAD), shop.add("c", b"three")]
    result = shop.run(*keys)
    assert not result.success
    assert shop.built == [keys[0], keys[2]]
    recorded = shop.instance.get_materialized_partitions(dg.AssetKey("video"))
    assert recorded == {keys[0], keys[2]}


def test_a_ranged_run_gives_each_partition_its_own_metadata(shop: Shop) -> None:
    keys = [shop.add("a", b"one"), shop.add("b", b"two")]
    assert shop.run(*keys).success
    assert [shop.metadata(key)["title"].value for key in keys] == ["a", "b"]


def test_a_failed_finding_fails_the_check_and_not_the_run(shop: Shop) -> None:
    key = shop.add("run", b"one")
    shop.passes = False
    result = shop.run(key)
    assert result.success
    (check,) = result.get_asset_check_evaluations()
    assert not check.passed
    assert key in check.description


def test_a_lost_instance_is_replayed_from_the_catalogue(shop: Shop) -> None:
    keys = [shop.add("a", b"one"), shop.add("b", b"two")]
    fresh = dg.DagsterInstance.ephemeral()
    assert register(fresh, shop.folder.catalogue())["videos"] == 2
    assert sorted(fresh.get_dynamic_partitions(videos.name)) == sorted(keys)
    assert register(fresh, shop.folder.catalogue())["videos"] == 0

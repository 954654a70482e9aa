"""What is kept of a lake stays as it was, whatever is built in it afterwards."""

import errno
import os
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from gvlm_resources.errors import LakeError
from gvlm_resources.lake import keeping
from gvlm_resources.lake.keeping import Keeper
from gvlm_resources.lake.store import Lake, read_table
from tests.lake.test_store import RECIPE, store, table


def kept(tmp_path: Path) -> tuple[Lake, Lake, Keeper]:
    lake, other = Lake(tmp_path / "lake"), Lake(tmp_path / "lake" / "results" / "set" / "kept")
    store(lake)
    keeper = Keeper(lake, other)
    keeper.results(["speech_spans", "frames"], "clip")
    return lake, other, keeper


def test_a_kept_result_reads_as_the_first_and_takes_no_room(tmp_path: Path) -> None:
    lake, other, keeper = kept(tmp_path)
    first, second = lake.get("speech_spans", "clip"), other.get("speech_spans", "clip")
    assert (second.fingerprint, second.files, second.facts) == (first.fingerprint, first.files, first.facts)
    assert read_table(second, "spans.parquet").equals(table())
    assert os.path.samefile(first.path("spans.parquet"), second.path("spans.parquet"))
    assert (keeper.linked, keeper.copied) == (2, 0)
    assert other.find("frames", "clip") is None


def test_it_stays_when_the_result_is_built_anew_or_is_lost(tmp_path: Path) -> None:
    lake, other, _ = kept(tmp_path)
    store(lake, replace(RECIPE, code_version="2"), rows=9)
    assert read_table(other.get("speech_spans", "clip"), "spans.parquet").equals(table())
    shutil.rmtree(lake.layout.result("speech_spans", "clip"))
    assert other.get("speech_spans", "clip").fingerprint == RECIPE.fingerprint()


def test_without_links_it_is_copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "link", refuse)
    lake, other, keeper = kept(tmp_path)
    assert (keeper.linked, keeper.copied) == (0, 2)
    store(lake, replace(RECIPE, code_version="2"), rows=9)
    assert read_table(other.get("speech_spans", "clip"), "spans.parquet").equals(table())


def test_a_result_that_is_replaced_meanwhile_is_an_error_and_no_mixture(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake = Lake(tmp_path / "lake")
    store(lake)
    plain = Lake.pointed_at

    def replaced_then(self: Lake, asset: str, partition: str) -> object:
        found = plain(self, asset, partition)
        if self.root != lake.root:
            store(lake, replace(RECIPE, code_version="2"))
        return found

    monkeypatch.setattr(Lake, "pointed_at", replaced_then)
    with pytest.raises(LakeError, match="speech_spans of clip is being built anew"):
        Keeper(lake, Lake(tmp_path / "other")).results(["speech_spans"], "clip")


def test_a_folder_is_kept_with_what_is_in_it(tmp_path: Path) -> None:
    lake, other = Lake(tmp_path / "lake"), Lake(tmp_path / "other")
    home = lake.layout.imports("clip")
    (home / "one").mkdir(parents=True)
    (home / "one" / "a.txt").write_text("a")
    Keeper(lake, other).folder(home)
    Keeper(lake, other).folder(lake.layout.imports("nothing"))
    shutil.rmtree(home)
    assert (other.layout.imports("clip") / "one" / "a.txt").read_text() == "a"
    assert not other.layout.imports("nothing").exists()


def test_what_was_built_anew_below_a_result_is_found_at_any_remove(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    frames = replace(RECIPE, asset="frames")
    audio = replace(RECIPE, asset="audio", upstream={"frames": frames.fingerprint()})
    top = replace(RECIPE, upstream={"audio": audio.fingerprint()})
    for recipe in (frames, audio, top):
        store(lake, recipe)

    def others() -> list[str]:
        return keeping.others(lake, "clip", keeping.made_of(lake, "speech_spans", "clip"))

    assert keeping.made_of(lake, "speech_spans", "clip") == {
        "audio": audio.fingerprint(),
        "frames": frames.fingerprint(),
    }
    assert others() == []
    store(lake, replace(frames, code_version="2"))
    assert others() == ["frames"]
    shutil.rmtree(lake.layout.result("audio", "clip"))
    assert others() == ["audio"]

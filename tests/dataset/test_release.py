import json
import os
import shutil
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from gvlm_resources import schemas
from gvlm_resources.dataset.examples import validate
from gvlm_resources.dataset.releases import decided as decided_module
from gvlm_resources.dataset.releases import release
from gvlm_resources.dataset.releases.release_files import Release
from gvlm_resources.dataset.releases.release_spec import SPLITS, Balance, Decision, Filters, Ratios, ReleaseSpec
from gvlm_resources.errors import ReleaseError
from gvlm_resources.lake.files import sha256
from tests.dataset import shard_maker
from tests.dataset.shard_maker import Made

ROOT = Path(__file__).parents[2]
VIDEOS, EXAMPLES, DIM = 12, 45, 32
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "POLARS_MAX_THREADS", "RAYON_NUM_THREADS"), "1")
HANGS_S = 60

BUILD = """
import json, sys
from pathlib import Path
from gvlm_resources.dataset.releases import decided as decided_module
from gvlm_resources.dataset.releases import release
from gvlm_resources.dataset.releases.release_spec import ReleaseSpec

def step(name):
    print(name, flush=True)
    if name == sys.argv[4]:
        sys.stdin.read()

spec = ReleaseSpec.model_validate_json(Path(sys.argv[1]).read_text())
shards = {name: Path(path) for name, path in json.loads(sys.argv[2]).items()}
release.build(spec, shards, Path(sys.argv[3]), step=step)
"""


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return shard_maker.library(tmp_path_factory.mktemp("library"), videos=VIDEOS, examples=EXAMPLES, dim=DIM)


def spec(videos: int = VIDEOS, **changes) -> ReleaseSpec:
    return release.spec_of("made", [shard_maker.given(number) for number in range(videos)], **changes)


def some(library: dict[str, Path], videos: int) -> dict[str, Path]:
    return {shard_maker.video_id(number): library[shard_maker.video_id(number)] for number in range(videos)}


def built(out: Path, library: dict[str, Path], of: ReleaseSpec | None = None) -> Release:
    release.build(of or spec(), library, out)
    return Release(out)


def contents(folder: Path) -> dict[str, str]:
    return {str(path.relative_to(folder)): sha256(path) for path in folder.rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def whole(library: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Release:
    return built(tmp_path_factory.mktemp("whole"), library)


def one_video(folder: Path, examples: list[Made], **changes) -> Release:
    shard = shard_maker.shard(folder / "shard", shard_maker.video_id(0), examples)
    return built(folder / "out", {shard_maker.video_id(0): shard}, spec(1, **changes))


def test_every_example_is_kept_or_removed_with_a_reason(whole: Release, library: dict[str, Path]) -> None:
    given = [
        row for path in library.values() for row in pq.read_table(path / "examples.parquet")["example_id"].to_pylist()
    ]
    kept, removed = whole.index["example_id"].to_pylist(), whole.removed["example_id"].to_pylist()
    assert sorted(given) == sorted(kept + removed)
    assert set(whole.removed["reason"].to_pylist()) <= {"exact", "alike", "too_many_alike", "balance"}
    assert "alike" in whole.removed["reason"].to_pylist()


def test_the_index_names_every_line_at_its_place(whole: Release) -> None:
    rows = whole.index.to_pylist()
    assert whole.index.schema == schemas.RELEASE_EXAMPLES
    assert whole.removed.schema == schemas.REMOVED
    assert [row["split"] for row in rows] == sorted((row["split"] for row in rows), key=SPLITS.index)
    for split in SPLITS:
        own = [row for row in rows if row["split"] == split]
        assert [row["example_id"] for row in own] == [example.example_id for example in whole.examples(split)]
        assert [row["bytes"] for row in own] == [len(line.encode()) for line in whole.lines(split)]
    for row in rows[::17]:
        assert whole.example(row["split"], row["offset"]).example_id == row["example_id"]


def test_lines_are_copied_as_they_stand(whole: Release, library: dict[str, Path]) -> None:
    given = {line for path in library.values() for line in (path / "examples.jsonl").read_text().splitlines(True)}
    lines = [line for split in SPLITS for line in whole.lines(split)]
    assert set(lines) <= given
    assert len(set(lines)) == len(lines)
    assert validate.errors(json.loads(lines[0])) == []


def test_no_duplicate_group_is_in_two_splits(whole: Release) -> None:
    rows = whole.index.select(["duplicate_group", "split", "video_id"]).to_pylist()
    splits: dict[str, set[str]] = {}
    for row in rows:
        splits.setdefault(row["duplicate_group"], set()).add(row["split"])
    assert all(len(found) == 1 for found in splits.values())
    assert {split for found in splits.values() for split in found} == set(SPLITS)


def test_copied_footage_is_one_group_and_told_so(whole: Release) -> None:
    pairs = [[shard_maker.video_id(number - 1), shard_maker.video_id(number)] for number in (4, 9)]
    assert [group["videos"] for group in whole.manifest["groups"]] == pairs
    assert {reason["why"] for group in whole.manifest["groups"] for reason in group["because"]} == {"footage"}


def test_videos_of_one_source_are_one_group_however_different(tmp_path: Path, library: dict[str, Path]) -> None:
    inputs = [
        shard_maker.given(number, source_sha256="a" * 64 if number in (0, 2) else str(number)) for number in range(4)
    ]
    found = built(tmp_path, some(library, 4), release.spec_of("made", inputs))
    (group,) = found.manifest["groups"]
    assert group["videos"] == [shard_maker.video_id(0), shard_maker.video_id(2)]
    assert group["because"][0]["why"] == "source"


def test_the_order_within_a_split_is_drawn_by_the_seed(
    whole: Release, library: dict[str, Path], tmp_path: Path
) -> None:
    own = [example.video for example in whole.examples("train")]
    assert own != sorted(own)
    other = built(tmp_path, library, spec(seed=1))
    assert [e.example_id for e in other.examples("train")] != [e.example_id for e in whole.examples("train")]


def test_the_manifest_adds_up(whole: Release) -> None:
    told = whole.manifest
    assert told["examples"] == whole.index.num_rows == sum(split["examples"] for split in told["splits"].values())
    assert told["examples_given"] == VIDEOS * EXAMPLES
    assert told["removed"]["total"] == whole.removed.num_rows == sum(told["removed"]["by_reason"].values())
    assert sum(video["examples"] for video in told["inputs"]) == told["examples"]
    for split in told["splits"].values():
        for counts in ("by_kind", "by_curriculum", "by_language", "by_made_by"):
            assert sum(split[counts].values()) == split["examples"]
    assert [video["fingerprint"] for video in told["inputs"]] == [video.fingerprint for video in whole.spec.inputs]


def test_the_manifest_pins_every_other_file(whole: Release) -> None:
    files = whole.manifest["files"]
    assert set(files) == {path.name for path in whole.folder.iterdir()} - {"manifest.json"}
    for name, told in files.items():
        assert told["sha256"] == sha256(whole.folder / name)
        assert told["bytes"] == (whole.folder / name).stat().st_size
    assert files["index.parquet"]["rows"] == whole.index.num_rows


def test_nothing_of_the_machine_or_the_clock_is_in_a_release(whole: Release) -> None:
    for name in ("manifest.json", "spec.json"):
        text = (whole.folder / name).read_text()
        assert str(ROOT) not in text
        assert str(whole.folder) not in text


def test_the_order_of_the_shards_makes_no_difference(whole: Release, library: dict[str, Path], tmp_path: Path) -> None:
    built(tmp_path, dict(reversed(library.items())))
    assert contents(tmp_path) == contents(whole.folder)


@pytest.mark.slow
def test_hash_seeds_and_threads_make_no_difference(whole: Release, library: dict[str, Path], tmp_path: Path) -> None:
    """This process has a hash seed of its own, and as many threads as there are cores."""
    with started(tmp_path / "out", library, env={"PYTHONHASHSEED": "12345"}) as process:
        assert process.wait(HANGS_S) == 0
    assert contents(tmp_path / "out") == contents(whole.folder)


class started:
    """A build in a process of its own, which waits after the step `hold`."""

    def __init__(
        self, out: Path, library: dict[str, Path], *, hold: str = "", env: dict[str, str] | None = None
    ) -> None:
        out.mkdir(parents=True, exist_ok=True)
        self.spec = out.with_name(f"{out.name}.spec.json")
        self.spec.write_text(spec().model_dump_json())
        shards = json.dumps({name: str(path) for name, path in library.items()})
        self.process = subprocess.Popen(
            [sys.executable, "-c", BUILD, str(self.spec), shards, str(out), hold],
            cwd=ROOT,
            env=os.environ | ONE_THREAD | (env or {}),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __enter__(self) -> subprocess.Popen[str]:
        return self.process

    def __exit__(self, *error: object) -> None:
        self.process.kill()
        self.process.wait()
        for stream in (self.process.stdin, self.process.stdout):
            if stream:
                stream.close()


@pytest.mark.slow
@pytest.mark.parametrize("hold", ["alike", "lines and index"])  # before anything is written, and after most of it
def test_a_build_killed_and_started_again_gives_the_same_bytes(
    whole: Release, library: dict[str, Path], tmp_path: Path, hold: str
) -> None:
    out = tmp_path / "out"
    with started(out, library, hold=hold) as process:
        assert process.stdout is not None
        while (line := process.stdout.readline().strip()) != hold:
            assert line, "the build ended before it was killed"
        os.kill(process.pid, signal.SIGKILL)
        assert process.wait(30) == -signal.SIGKILL
    assert any(out.iterdir()), "the killed build left something behind"
    built(out, library)
    assert contents(out) == contents(whole.folder)


def test_a_failed_build_leaves_no_files_in_between(tmp_path: Path, library: dict[str, Path]) -> None:
    with pytest.raises(ReleaseError):
        built(tmp_path, library, spec(filters=Filters(languages=("fr",))))
    assert list(tmp_path.iterdir()) == []


def test_a_video_that_is_added_later_changes_no_release(
    whole: Release, library: dict[str, Path], tmp_path: Path
) -> None:
    """The spec has its inputs: the larger library builds the older release to the same bytes."""
    older = spec(VIDEOS - 2)
    built(tmp_path / "before", some(library, VIDEOS - 2), older)
    shard_maker.library(tmp_path / "more", videos=VIDEOS + 1, examples=EXAMPLES, dim=DIM)
    built(tmp_path / "after", some(library, VIDEOS - 2), older)
    assert contents(tmp_path / "before") == contents(tmp_path / "after") != contents(whole.folder)


def test_shards_that_are_missing_are_named(tmp_path: Path, library: dict[str, Path]) -> None:
    with pytest.raises(ReleaseError, match=shard_maker.video_id(VIDEOS - 1)):
        built(tmp_path, some(library, VIDEOS - 1))


def test_shards_of_other_videos_are_named(tmp_path: Path, library: dict[str, Path]) -> None:
    with pytest.raises(ReleaseError, match=f"not made of {shard_maker.video_id(VIDEOS - 1)}"):
        built(tmp_path, library, spec(VIDEOS - 1))


def _rewrite(change: Callable[[pa.Table], pa.Table]) -> Callable[[Path], None]:
    def damage(folder: Path) -> None:
        table = pq.read_table(folder / "examples.parquet")
        pq.write_table(change(table), folder / "examples.parquet")

    return damage


def _shift(table: pa.Table) -> pa.Table:
    offsets = pa.array([*(offset + 1 for offset in table["offset"].to_pylist()[:-1]), 0], pa.int64())
    return table.set_column(table.schema.get_field_index("offset"), table.schema.field("offset"), offsets)


DAMAGES: dict[str, tuple[Callable[[Path], object], str]] = {
    "no table": (lambda folder: (folder / "examples.parquet").unlink(), "examples.parquet is not there"),
    "no lines": (lambda folder: (folder / "examples.jsonl").unlink(), "examples.jsonl is not there"),
    "cut table": (lambda folder: os.truncate(folder / "examples.parquet", 500), "cannot be read"),
    "cut lines": (lambda folder: os.truncate(folder / "examples.jsonl", 500), "tells of more"),
    "shifted": (_rewrite(_shift), "no line of"),
    "old format": (_rewrite(lambda table: table.replace_schema_metadata({})), "another format"),
    "other video": (
        lambda folder: shard_maker.shard(folder, "other", shard_maker.library_video(7, examples=3, dim=DIM)),
        "of other videos",
    ),
}


@pytest.mark.parametrize("name", DAMAGES)
def test_a_damaged_shard_is_named_with_what_is_wrong(tmp_path: Path, library: dict[str, Path], name: str) -> None:
    damage, said = DAMAGES[name]
    shards = some(library, 3)
    broken = shard_maker.video_id(1)
    shards[broken] = Path(shutil.copytree(shards[broken], tmp_path / "shard"))
    damage(shards[broken])
    with pytest.raises(ReleaseError, match=f"{broken}.*{said}"):
        built(tmp_path / "out", shards, spec(3))


def test_vectors_of_two_models_are_refused(tmp_path: Path, library: dict[str, Path]) -> None:
    shards = some(library, 2)
    name = shard_maker.video_id(1)
    shards[name] = shard_maker.shard(tmp_path / "shard", name, shard_maker.library_video(1, examples=6, dim=DIM * 2))
    with pytest.raises(ReleaseError, match=rf"{name} are of another model .*\[{DIM}, {DIM * 2}\]"):
        built(tmp_path / "out", shards, spec(2))


def test_a_release_of_nothing_says_what_removed_how_many(tmp_path: Path, library: dict[str, Path]) -> None:
    with pytest.raises(
        ReleaseError, match=f"of {VIDEOS * EXAMPLES} examples .* keeps none; removed: filter {VIDEOS * EXAMPLES}"
    ):
        built(tmp_path, library, spec(filters=Filters(made_by=("import@",))))


@pytest.mark.parametrize(
    ("filters", "detail"),
    [
        (Filters(kinds=("what",)), "kinds: state"),
        (Filters(curricula=("long",)), "curricula: alignment"),
        (Filters(made_by=("templates@",)), "made_by: small@local"),
        (Filters(min_confidence=0.75), "min_confidence: below 0.75"),
        (Filters(max_tokens=60), "max_tokens: more than 60"),
    ],
)
def test_a_filter_keeps_out_what_it_names(
    tmp_path: Path, library: dict[str, Path], filters: Filters, detail: str
) -> None:
    found = built(tmp_path, library, spec(filters=filters, balance=Balance(largest_share=1)))
    rows = found.index.to_pylist()
    assert detail in found.manifest["removed"]["by_filter"]
    assert all(row["kind"] in filters.kinds or not filters.kinds for row in rows)
    assert all(row["curriculum"] in filters.curricula or not filters.curricula for row in rows)
    assert all(row["made_by"].startswith(filters.made_by or "") for row in rows)
    assert all(row["confidence"] >= filters.min_confidence for row in rows)
    assert all(filters.max_tokens is None or row["tokens"] <= filters.max_tokens for row in rows)


def test_no_kind_has_more_than_its_share_of_a_split(whole: Release) -> None:
    for split in whole.manifest["splits"].values():
        assert max(split["by_kind"].values()) <= split["largest_share_of_a_kind"] * split["examples"]
    assert whole.manifest["splits"]["train"]["largest_share_of_a_kind"] == 0.3


def test_one_video_trains_and_the_manifest_says_why_there_is_no_test(tmp_path: Path, library: dict[str, Path]) -> None:
    found = built(tmp_path, some(library, 1), spec(1))
    assert found.manifest["splits"]["train"]["examples"] == found.manifest["examples"]
    assert found.manifest["empty_splits"] == dict.fromkeys(
        ("test", "validation"), "1 duplicate group cannot fill 3 splits"
    )
    assert list(found.lines("test")) == []


# --- splits of an earlier release -------------------------------------------------------------------------------------


def splits_of(of: Release) -> dict[str, str]:
    return {video["video_id"]: video["split"] for video in of.manifest["inputs"]}


def test_a_release_with_one_video_more_keeps_the_splits_of_the_others(
    whole: Release, library: dict[str, Path], tmp_path: Path
) -> None:
    """Without pins too: only what lies at a cut of the line may go, and never from test to train."""
    before = built(tmp_path, some(library, VIDEOS - 1), spec(VIDEOS - 1))
    now = splits_of(whole)
    moved = [(split, now[video]) for video, split in splits_of(before).items() if now[video] != split]
    assert len(moved) <= 2
    assert ("test", "train") not in moved


def test_pinned_videos_are_in_the_splits_that_they_were_in(library: dict[str, Path], tmp_path: Path) -> None:
    before = built(tmp_path / "before", some(library, 8), spec(8, seed=5))
    pinned = release.pinned_splits(before)
    assert pinned == splits_of(before)
    after = built(tmp_path / "after", library, spec(seed=9, pinned=pinned))
    now = splits_of(after)
    assert {video: now[video] for video in pinned} == pinned
    assert after.manifest["pinned"] == {"videos": 8, "conflicts": []}
    assert Release(tmp_path / "after").spec.pinned == pinned
    again = built(tmp_path / "again", library, Release(tmp_path / "after").spec)
    assert contents(again.folder) == contents(after.folder)


def test_footage_pinned_to_two_splits_is_held_out_and_the_video_in_train_left_out(
    library: dict[str, Path], tmp_path: Path
) -> None:
    """The fifth video is a copy of the fourth; the sixth has nothing to do with them."""
    original, copy, other = (shard_maker.video_id(number) for number in (3, 4, 5))
    found = built(tmp_path, library, spec(pinned={original: "train", copy: "test", other: "train"}))
    now = splits_of(found)
    assert (now[copy], now[original], now[other]) == ("test", "", "train")
    gone = [row for row in found.removed.to_pylist() if row["reason"] == "other_split"]
    assert gone
    assert {row["video_id"] for row in gone} == {original}
    assert gone[0]["detail"] == f"pinned elsewhere, with footage of {original} that is in test"
    (conflict,) = found.manifest["pinned"]["conflicts"]
    assert conflict == {
        "group": original,
        "split": "test",
        "left_out": {original: "train"},
        "examples": found.manifest["removed"]["by_reason"]["other_split"],
    }
    index = found.index.to_pylist()
    assert {row["split"] for row in index if row["duplicate_group"] == original} == {"test"}
    assert len(gone) == EXAMPLES, "all of them, before any of the copy's was taken for a duplicate of one"
    assert sum(row["video_id"] == copy for row in index) > EXAMPLES / 2


def test_pins_of_videos_that_are_not_given_are_not_taken_over(library: dict[str, Path]) -> None:
    made = spec(2, pinned={shard_maker.video_id(0): "test", "elsewhere-0123456789ab": "train"})
    assert made.pinned == {shard_maker.video_id(0): "test"}


def test_a_record_from_before_there_were_pins_is_read(library: dict[str, Path]) -> None:
    record = spec(2).model_dump(mode="json")
    del record["pinned"], record["dedup"]["same_picture"]
    assert ReleaseSpec.model_validate(record) == spec(2)


def pair_id(number: int) -> str:
    return f"q{number:016x}"


def decided(folder: Path, *decisions: Decision, **changes) -> Release:
    vectors = shard_maker.unit(np.random.default_rng(0).normal(size=(3, 8)))
    examples = [
        Made(
            pair=pair_id(n),
            question=f"What is at 00:0{n}?",
            answer=f"A door {n}.",
            vector=vector,
            timeline=["00:01 A door."],
        )
        for n, vector in enumerate(vectors)
    ]
    return one_video(folder, examples, decisions=decisions, **changes)


def test_rejected_pairs_stay_out_and_accepted_ones_are_marked(tmp_path: Path) -> None:
    found = decided(
        tmp_path, Decision(pair_id=pair_id(0), decision="rejected"), Decision(pair_id=pair_id(1), decision="accepted")
    )
    assert found.removed.select(["pair_id", "reason"]).to_pylist() == [{"pair_id": pair_id(0), "reason": "rejected"}]
    marks = dict(zip(found.index["pair_id"].to_pylist(), found.index["reviewed"].to_pylist(), strict=True))
    assert marks == {pair_id(1): "accepted", pair_id(2): ""}
    assert found.manifest["splits"]["train"]["reviewed"] == {"accepted": 1, "fixed": 0}


def test_a_fixed_pair_has_its_new_words_in_the_line_and_in_the_index(tmp_path: Path) -> None:
    before = decided(tmp_path / "before")
    fix = Decision(pair_id=pair_id(1), decision="fixed", question="What stands at 00:01,\nclosed?", answer="A gate, ü.")
    found = decided(tmp_path / "after", fix)
    rows = {row["pair_id"]: row for row in found.index.to_pylist()}
    row, old = rows[pair_id(1)], {row["pair_id"]: row for row in before.index.to_pylist()}[pair_id(1)]
    assert (row["question"], row["answer"], row["reviewed"]) == ("What stands at 00:01, closed?", "A gate, ü.", "fixed")
    assert row["example_id"] == old["example_id"]
    assert row["digest"] != old["digest"]
    example = found.example("train", row["offset"])
    human, answer = example.conversations
    asked = before.example("train", old["offset"]).conversations[0].value
    assert human.value == asked.replace(old["question"], row["question"])
    assert answer.value == "A gate, ü."
    assert {line for line in before.lines("train") if pair_id(1) not in line} == {
        line for line in found.lines("train") if pair_id(1) not in line
    }
    assert all(validate.errors(json.loads(line)) == [] for line in found.lines("train"))


def test_a_fixed_pair_says_who_gave_its_words_and_how_long_its_answer_is(tmp_path: Path) -> None:
    fix = Decision(
        pair_id=pair_id(1), decision="fixed", question="What is it?", answer="A gate stands there. It is shut."
    )
    found = decided(tmp_path, fix, filters=Filters(made_by=("templates@1",)))
    row = next(row for row in found.index.to_pylist() if row["pair_id"] == pair_id(1))
    assert (row["made_by"], row["length"]) == ("templates@1, fixed by a reviewer", "long")
    told = found.example("train", row["offset"]).provenance
    assert (told["made_by"], told["length"]) == (row["made_by"], row["length"])
    assert found.manifest["splits"]["train"]["by_made_by"] == {"templates@1": 2, "templates@1, fixed by a reviewer": 1}


@pytest.mark.parametrize(
    ("answer", "length"),
    [("50", "short"), ("At 00:12.5 a door.", "short"), ("The door opens and the player goes in.", "medium")],
)
def test_the_length_of_fixed_words_is_that_of_imported_ones(answer: str, length: str) -> None:
    assert decided_module.length(answer) == length


def test_the_writer_of_a_fixed_pair_fits_the_format() -> None:
    told = decided_module.made_by("m" * 200)
    assert len(told) == 200
    assert told.endswith(decided_module.FIXED)


def test_only_reviewed_pairs_where_that_is_asked_for(tmp_path: Path) -> None:
    found = decided(
        tmp_path,
        Decision(pair_id=pair_id(2), decision="accepted"),
        filters=Filters(reviewed_only=True),
        ratios=Ratios(),
    )
    assert found.index["pair_id"].to_pylist() == [pair_id(2)]
    assert found.manifest["removed"]["by_filter"] == {"reviewed_only: not reviewed": 2}


@pytest.mark.parametrize("words", ["See <v> there.", "A door at <ts=00:01>.", "<box_2d>"])
def test_a_fixed_pair_whose_words_hold_tokens_is_refused(tmp_path: Path, words: str) -> None:
    with pytest.raises(ReleaseError, match=f"the fixed pair {pair_id(1)} cannot be used"):
        decided(tmp_path, Decision(pair_id=pair_id(1), decision="fixed", question="What?", answer=words))


def test_a_decision_about_a_pair_that_is_not_there_changes_nothing(tmp_path: Path) -> None:
    assert decided(tmp_path, Decision(pair_id=pair_id(9), decision="rejected")).index.num_rows == 3


def test_a_spec_has_videos_and_decisions_in_order() -> None:
    inputs = [shard_maker.given(number) for number in (2, 0, 1)]
    made = release.spec_of(
        "a", inputs, decisions=[Decision(pair_id=name, decision="accepted") for name in ("q2", "q1")]
    )
    assert [video.video_id for video in made.inputs] == sorted(video.video_id for video in inputs)
    assert [decision.pair_id for decision in made.decisions] == ["q1", "q2"]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"name": "../etc"}, "name"),
        ({"name": ""}, "name"),
        ({"inputs": []}, "one video or more"),
        ({"inputs": [shard_maker.given(1), shard_maker.given(1)]}, "each once"),
        ({"seed": -1}, "seed"),
        ({"filters": Filters(kinds=("whta",))}, "no kind of question 'whta'"),
        ({"filters": Filters(curricula=("short",))}, "no curriculum 'short'"),
        ({"pinned": {shard_maker.video_id(0): "dev"}}, "pinned"),
        (
            {"pinned": {shard_maker.video_id(0): "test"}, "ratios": Ratios(train=1, validation=0, test=0)},
            "pinned to test, of which no share is asked for",
        ),
        ({"decisions": [Decision(pair_id="q1", decision="accepted")] * 2}, "decided twice"),
    ],
)
def test_a_spec_that_cannot_be_is_refused_with_what_is_wrong(changes: dict, said: str) -> None:
    with pytest.raises(ReleaseError, match=said):
        release.spec_of(**({"name": "a", "inputs": [shard_maker.given(0)]} | changes))


def test_a_video_without_examples_is_an_input_all_the_same(tmp_path: Path, library: dict[str, Path]) -> None:
    shards = some(library, 3)
    empty = shard_maker.video_id(1)
    shards[empty] = shard_maker.shard(tmp_path / "shard", empty, [])
    found = built(tmp_path / "out", shards, spec(3))
    assert found.manifest["inputs"][1]["examples"] == 0
    assert empty not in found.index["video_id"].to_pylist()


def test_examples_without_frames_make_a_release(tmp_path: Path) -> None:
    made = [Made(pair=f"q{n}", question=f"What is said at 00:0{n}?", answer="Go.", vector=None) for n in range(3)]
    assert one_video(tmp_path, made).index.num_rows == 3


def test_rows_that_do_not_stand_in_the_order_of_their_lines_are_read_in_it(
    tmp_path: Path, library: dict[str, Path]
) -> None:
    name = shard_maker.video_id(0)
    shuffled = Path(shutil.copytree(library[name], tmp_path / "shard"))
    table = pq.read_table(shuffled / "examples.parquet")
    pq.write_table(table.take(list(reversed(range(table.num_rows)))), shuffled / "examples.parquet")
    built(tmp_path / "one", {name: library[name]}, spec(1))
    built(tmp_path / "two", {name: shuffled}, spec(1))
    assert contents(tmp_path / "one") == contents(tmp_path / "two")


def test_an_index_of_several_parts_is_in_order(
    whole: Release, library: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same rows, whether they are sorted at once or in many parts."""
    monkeypatch.setattr("gvlm_resources.dataset.releases.release_write.ROWS_AT_ONCE", 50)
    monkeypatch.setattr("gvlm_resources.dataset.releases.release_shards.BATCH_ROWS", 60)
    found = built(tmp_path, library)
    assert found.index.equals(whole.index)
    assert found.removed.equals(whole.removed)
    assert found.manifest["splits"] == whole.manifest["splits"]


# --- before it is made ------------------------------------------------------------------------------------------------


def test_what_would_be_kept_is_what_filters_and_decisions_leave(library: dict[str, Path], tmp_path: Path) -> None:
    rows = pq.read_table(library[shard_maker.video_id(0)] / "examples.parquet").to_pylist()
    short = next(row for row in rows if row["kind"] == "what" and row["confidence"] > 0.5 and row["tokens"] < 60)
    other = next(row for row in rows if row["pair_id"] != short["pair_id"])
    wanted = spec(
        filters=Filters(kinds=("what", "when", "state"), min_confidence=0.5, max_tokens=60),
        decisions=[
            Decision(pair_id=other["pair_id"], decision="rejected"),
            Decision(pair_id=short["pair_id"], decision="fixed", question="What is it?", answer="word " * 80),
        ],
    )
    told = release.would_keep(wanted, library)
    found = built(tmp_path, library, wanted)
    removed = [
        row["detail"] or row["reason"] for row in found.removed.to_pylist() if row["reason"] in ("filter", "rejected")
    ]
    assert told.pop("kept") == EXAMPLES * VIDEOS - len(removed)
    assert told == dict(Counter(removed))
    assert list(told.values()) == sorted(told.values(), reverse=True)
    assert {"rejected", "max_tokens: more than 60"} <= set(told)


def test_filters_that_keep_nothing_are_told_before_a_release_is_frozen(library: dict[str, Path]) -> None:
    told = release.would_keep(spec(filters=Filters(languages=("fr",))), library)
    assert told == {"kept": 0, "languages: en": EXAMPLES * VIDEOS}
    assert release.would_keep(spec(), library) == {"kept": EXAMPLES * VIDEOS}


def test_the_pairs_that_decisions_can_meet_are_those_of_the_inputs(library: dict[str, Path]) -> None:
    given = {
        pair
        for number in range(2)
        for pair in pq.read_table(library[shard_maker.video_id(number)] / "examples.parquet")["pair_id"].to_pylist()
    }
    assert release.pair_ids(spec(2), some(library, 2)) == given


def test_a_missing_shard_is_told_before_anything_is_counted(library: dict[str, Path]) -> None:
    with pytest.raises(ReleaseError, match=shard_maker.video_id(1)):
        release.would_keep(spec(2), some(library, 1))

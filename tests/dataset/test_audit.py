"""Every check of a release finds what it is for, says how much of it, and passes where there is none."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from gvlm_resources.dataset.cards import audit, line_facts
from gvlm_resources.dataset.cards.audit import AuditFinding, Known
from gvlm_resources.dataset.cards.audit_answers import COUNTS, THIRDS
from gvlm_resources.dataset.cards.audit_finding import FEW
from gvlm_resources.dataset.cards.audit_lines import broken
from gvlm_resources.dataset.examples.example import Embedding, Example
from gvlm_resources.dataset.releases.release_files import LINES, MANIFEST, REMOVED, Release
from tests.dataset import small_release
from tests.dataset.small_release import Row, changed, sound_rows, video, video_id


def found(release: Release, check: str) -> AuditFinding:
    return {one.check: one for one in audit.findings(release, small_release.known)}[check]


def of(folder: Path, rows: list[Row], check: str, **more: object) -> AuditFinding:
    return found(small_release.write(folder, rows, **more), check)


def test_a_sound_release_passes_every_check(tmp_path: Path) -> None:
    findings = audit.findings(small_release.write(tmp_path, sound_rows()), small_release.known)
    assert [one.check for one in findings if not one.passed] == []
    assert len({one.check for one in findings}) == len(findings) == 9


def test_the_same_release_gives_the_same_findings(tmp_path: Path) -> None:
    release = small_release.write(tmp_path, [*sound_rows(), Row("Twice?", "Yes.", split="test")])
    assert audit.findings(release, small_release.known) == audit.findings(Release(tmp_path), small_release.known)


@pytest.mark.parametrize(
    ("rows", "what"),
    [
        ([Row("A?", "B."), Row("C?", "D.", split="test")], "video"),
        ([Row("A?", "B.", group="g"), Row("C?", "D.", video=video_id(1), group="g", split="test")], "duplicate group"),
        (
            [Row("A?", "B.", pair_id="q" + "1" * 16), Row("C?", "D.", video_id(1), "test", pair_id="q" + "1" * 16)],
            "pair",
        ),
        ([Row("A?", "B.", digest="d" * 64), Row("C?", "D.", video_id(1), "test", digest="d" * 64)], "digest"),
    ],
    ids=["a video", "a duplicate group", "a pair", "a digest"],
)
def test_what_stands_in_two_splits_leaks(tmp_path: Path, rows: list[Row], what: str) -> None:
    finding = of(tmp_path, rows, "leakage")
    assert not finding.passed
    assert finding.severity == "error"
    assert finding.details["counts"][what] == 1
    assert finding.details["examples"]


def test_the_same_source_under_two_ids_leaks(tmp_path: Path) -> None:
    rows = [Row("A?", "B."), Row("C?", "D.", video=video_id(1), split="validation")]
    videos = [video(0), video(1, source_sha256=video(0).source_sha256)]
    assert of(tmp_path, rows, "leakage", videos=videos).details["counts"]["source file"] == 1


def test_near_identical_words_are_counted_among_videos_that_share_footage(tmp_path: Path) -> None:
    rows = [
        Row("How many barrels exploded in the first room?", "Three of them did.", group="g"),
        Row("How many barrels exploded in the first room ?", "Three of them did", video_id(1), "test", group="g"),
        Row("Where does the player go after the red door?", "Down the stairs.", video_id(1), "test", group="g"),
    ]
    assert of(tmp_path, rows, "leakage").details["counts"]["near-identical example"] == 1


def test_held_out_words_that_train_has_too_are_told_as_a_share(tmp_path: Path) -> None:
    rows = [Row("Did the player die?", "No."), Row("Was it dark?", "Yes.")]
    rows += [Row("did the player die", "no", video_id(1), "test"), Row("Is it loud?", "Yes.", video_id(1), "test")]
    finding = of(tmp_path, rows, "repeated_words")
    assert finding.details["shares"] == {"validation": 0.0, "test": 0.5}
    assert not finding.passed
    assert finding.severity == "warning"


def test_how_much_of_the_wording_is_known_is_told_without_figures_and_changes_no_result(tmp_path: Path) -> None:
    rows = [Row("How much health at 00:12?", "102"), Row("Was it dark?", "Yes.")]
    rows += [
        Row("How much health at 00:40?", "7.", video_id(1), "test"),
        Row("Was it dark?", "No.", video_id(1), "test"),
    ]
    finding = of(tmp_path, rows, "repeated_words")
    assert finding.passed
    assert finding.details["shares"] == {"validation": 0.0, "test": 0.0}
    assert finding.details["shares_without_figures"] == {"validation": 0.0, "test": 0.5}
    assert finding.details["shares_of_questions_without_figures"] == {"validation": 0.0, "test": 1.0}
    assert "0% of test (50% without figures, 100% of the questions alone)" in finding.summary


def test_videos_left_out_because_of_their_pins_are_a_warning(tmp_path: Path) -> None:
    release = small_release.write(tmp_path, sound_rows())
    conflict = {"group": video_id(0), "split": "test", "left_out": {video_id(20): "train"}, "examples": 31}
    told = json.loads((tmp_path / MANIFEST).read_text()) | {"pinned": {"videos": 2, "conflicts": [conflict]}}
    (tmp_path / MANIFEST).write_text(json.dumps(told))
    finding = found(release, "leakage")
    assert (finding.passed, finding.severity) == (False, "warning")
    assert finding.summary.endswith(
        "1 video with 31 examples left out: pinned to one split, and their footage is pinned to another"
    )
    assert finding.details["left_out"] == [f"{video_id(20)}, pinned to train"]


def test_a_split_that_was_asked_for_and_is_empty_is_told(tmp_path: Path) -> None:
    rows = [row for row in sound_rows() if row.split != "validation"]
    finding = of(tmp_path, rows, "empty_split")
    assert not finding.passed
    assert "validation" in finding.summary
    assert finding.severity == "warning"
    assert of(tmp_path, rows, "empty_split", spec={"ratios": {"train": 0.9, "validation": 0, "test": 0.1}}).passed


def test_without_train_there_is_an_error(tmp_path: Path) -> None:
    assert of(tmp_path, [Row("A?", "B.", split="test")], "empty_split").severity == "error"


def test_a_line_that_is_not_valid_is_counted_and_named(tmp_path: Path) -> None:
    rows = sound_rows()
    rows[3] = changed(rows[3], width=0)
    finding = of(tmp_path, rows, "schema")
    assert not finding.passed
    assert finding.details["invalid"] == 1
    assert rows[3].example_id in finding.details["examples"][0]


def test_a_line_that_is_no_json_is_told_and_not_raised(tmp_path: Path) -> None:
    release = small_release.write(tmp_path, sound_rows())
    path = tmp_path / LINES["test"]
    path.write_bytes(b"!" + path.read_bytes()[1:])
    finding = found(release, "schema")
    assert finding.details["invalid"] == 1
    assert "cannot be read" in finding.details["examples"][0]


def test_a_line_that_the_index_does_not_list_is_told(tmp_path: Path) -> None:
    release = small_release.write(tmp_path, sound_rows())
    path = tmp_path / LINES["train"]
    path.write_bytes(path.read_bytes() + b"{}\n")
    finding = found(release, "schema")
    assert not finding.passed
    assert finding.details["bytes_unlisted"] == 3


def test_a_token_of_another_build_of_the_vectors_leads_nowhere() -> None:
    of_build = Example(
        example_id="x0",
        video="run-0123456789ab",
        conversations=(),
        timestamps=(),
        embeddings=(Embedding("<v>", "siglip_embeddings", "f000000000000"),),
        frames=(),
        boxes=(),
        box_frames=(),
        width=1,
        height=1,
        evidence=(),
        provenance={"fingerprints": {"siglip_embeddings": "aa"}},
    )
    frames = {"f000000000000"}
    same = Known(frames, {"siglip_embeddings@aa": frames}, set())
    other = Known(frames, {"siglip_embeddings@bb": frames}, set())
    assert list(broken(of_build, same)) == []
    assert list(broken(of_build, other)) == [("embedding of another build", "siglip_embeddings f000000000000")]


@pytest.mark.parametrize(
    ("wrong", "kinds"),
    [
        ({"frames": ("f000999000000",)}, {"frame", "embedding"}),
        ({"evidence": ("e000000000000-pickup", "e000000000099-none")}, {"evidence"}),
    ],
    ids=["a frame and its vector", "evidence"],
)
def test_an_id_that_leads_nowhere_is_told(tmp_path: Path, wrong: dict[str, object], kinds: set[str]) -> None:
    rows = sound_rows()
    rows[0] = replace(rows[0], **wrong)
    finding = of(tmp_path, rows, "broken_references")
    assert not finding.passed
    assert set(finding.details["broken"]) == kinds
    assert rows[0].example_id in finding.details["examples"][0]


def test_a_box_in_a_frame_that_is_not_stored_is_told(tmp_path: Path) -> None:
    box = Row("Where is it?", "At <box_2d>.", frames=("f000999000000",), boxes=((1.0, 2.0, 30.0, 40.0),))
    assert of(tmp_path, [box], "broken_references").details["broken"]["frame of a box"] == 1


def test_at_most_five_examples_are_named(tmp_path: Path) -> None:
    rows = [replace(row, evidence=("e000000000099-none",)) for row in sound_rows()]
    finding = of(tmp_path, rows, "broken_references")
    assert finding.details["broken"]["evidence"] == len(rows) == 40
    assert len(finding.details["examples"]) == FEW


def test_each_video_is_asked_for_once(tmp_path: Path) -> None:
    asked: list[str] = []

    def known(key: str) -> Known:
        asked.append(key)
        return small_release.known(key)

    audit.findings(small_release.write(tmp_path, sound_rows()[::-1]), known)
    assert asked == sorted({row.video for row in sound_rows()})


def test_a_file_that_is_not_the_one_pinned_is_told(tmp_path: Path) -> None:
    release = small_release.write(tmp_path, sound_rows())
    (tmp_path / REMOVED).write_bytes((tmp_path / REMOVED).read_bytes() + b" ")
    finding = found(release, "manifest")
    assert not finding.passed
    assert finding.details["wrong"] == [f"{REMOVED} is not the file that the manifest pins"]


def test_lines_that_the_manifest_does_not_count_are_told(tmp_path: Path) -> None:
    release = small_release.write(tmp_path, sound_rows())
    path = tmp_path / LINES["test"]
    path.write_bytes(path.read_bytes() + b"\n")
    assert "test.jsonl has 5 lines, the manifest says 4" in found(release, "manifest").details["wrong"]


@pytest.mark.parametrize("licence", ["", "  ", "Unknown", "n/a"])
def test_a_video_without_a_licence_is_an_error(tmp_path: Path, licence: str) -> None:
    rows = [Row("A?", "B."), Row("C?", "D.", video=video_id(1)), Row("E?", "F.", video=video_id(1))]
    finding = of(tmp_path, rows, "licence_unknown", videos=[video(0), video(1, licence=licence)])
    assert not finding.passed
    assert finding.severity == "error"
    assert finding.details == {"videos": 1, "examples_from_them": 2, "examples": [video_id(1)]}


def test_a_kind_that_is_too_much_of_a_split_is_told(tmp_path: Path) -> None:
    rows = [*sound_rows(), *(Row(f"More {n}?", f"Yes {n}.", kind="when") for n in range(60))]
    finding = of(tmp_path, rows, "label_balance")
    assert not finding.passed
    assert finding.details["splits"]["train"]["largest_kind"] == "when"
    assert finding.details["splits"]["train"]["largest_kind_share"] == pytest.approx(68 / 92, abs=1e-4)


def test_a_kind_that_a_split_lacks_is_told(tmp_path: Path) -> None:
    finding = of(tmp_path, [*sound_rows(), Row("Why?", "Because.", kind="why")], "label_balance")
    assert finding.details["splits"]["test"]["kinds_lacking"] == ["why"]
    assert "test lacks why" in finding.summary


def test_an_answer_that_is_nearly_always_right_is_told(tmp_path: Path) -> None:
    rows = [Row(f"Did {n} happen?", "Yes." if n else "No.", kind=("what", "when")[n % 2]) for n in range(24)]
    finding = of(tmp_path, rows, "label_balance")
    assert (finding.details["splits"]["train"]["yes"], finding.details["splits"]["train"]["no"]) == (23, 1)
    assert "one answer is right for 96% of train" in finding.summary
    assert "with yes or no in train are yes" in finding.summary


def test_yes_and_no_are_counted_in_other_languages_and_not_inside_words(tmp_path: Path) -> None:
    answers = ["Ja, zweimal.", "Nein.", "¡Sí!", "Oui.", "Non.", "Nobody.", "Yesterday.", "12"]
    rows = [Row(f"{n}?", answer) for n, answer in enumerate(answers)]
    told = of(tmp_path, rows, "label_balance").details["splits"]["train"]
    assert (told["yes"], told["no"]) == (3, 2)


def of_kind(kind: str, answers: list[str], **more: str) -> list[Row]:
    return [Row(f"Question {number}?", answer, kind=kind, **more) for number, answer in enumerate(answers)]


@pytest.mark.parametrize(
    ("kind", "language", "answers", "what"),
    [
        ("what", "en", ["The red key."] * 9, ("what", "the red key")),
        ("how_many", "en", ["None", "Not once.", "No demon.", "It was zero at 00:12.", *"00000"], (COUNTS, "0")),
        ("how_many", "de", ["Einmal.", "Ein Schuss.", "1", *"111111"], (COUNTS, "1")),
        ("where", "en", [f"In the first third, at 00:0{n}." for n in range(9)], (THIRDS, "the first third")),
        ("where", "fr", [f"Dans le dernier tiers, à 00:0{n}." for n in range(9)], (THIRDS, "the last third")),
    ],
)
def test_one_answer_that_is_too_much_of_a_kind_is_told(
    tmp_path: Path, kind: str, language: str, answers: list[str], what: tuple[str, str]
) -> None:
    """Nine of twenty are the same; the others differ."""
    thirds = ("second third", "last third") if "first" in what[1] else ("second third", "first third")
    others = [f"{n} other things in the {thirds[n % 2]}" for n in range(20, 31)]
    rows = of_kind(kind, [*answers, *others], language=language)
    finding = of(tmp_path, rows, "label_balance", spec={"balance": {"largest_share": 1}})
    (told,) = finding.details["one_sided"]
    assert (told["of"], told["answer"], told["share"], told["split"]) == (*what, told["share"], "train")
    assert told["share"] >= 0.45
    assert f"“{what[1]}” is right for {told['share']:.0%} of train's {what[0]}" in finding.summary


def test_of_few_examples_or_of_what_cannot_be_told_no_answer_is_too_much(tmp_path: Path) -> None:
    rows = [*of_kind("what", ["The red key."] * 19), *of_kind("unanswerable", ["That cannot be told."] * 30)]
    assert of(tmp_path, rows, "label_balance").details["one_sided"] == []


def with_timeline(row: Row, *timeline: str, told: str = "shown") -> Row:
    """The row with a timeline in what is asked."""
    line = row.line()
    asked, answer = line["conversations"]
    before, question = asked["value"].split("\n")
    value = "\n".join([before, "<evidence>", *timeline, "</evidence>", question])
    if told != "shown":
        value = asked["value"]
    return changed(
        row,
        conversations=[{"from": "human", "value": value}, answer],
        provenance={**line["provenance"], "timeline": told},
    )


def test_what_the_lines_hold_is_counted(tmp_path: Path) -> None:
    dynamics = {"curriculum": "dynamics", "kind": "state"}
    rows = [
        Row("A?", "B <box_2d>.", boxes=((1.0, 2.0, 30.0, 40.0),)),
        Row("A2?", "B <box_2d>.", boxes=((1.0, 2.0, 30.0, 40.0),), evidence=()),
        with_timeline(Row("C?", "102", **dynamics), 'E1 00:01 heal "Gained 2 health (health 100 to 102)."'),
        with_timeline(Row("D?", "Seven.", **dynamics), 'E1 00:01 heal "Gained 2 health (health 100 to 102)."'),
        with_timeline(Row("E?", "None.", **dynamics)),
        with_timeline(Row("F?", "5", **dynamics), told="withheld"),
    ]
    held = of(tmp_path, rows, "schema").details["holds"]
    assert held["tokens"] == {"siglip_embeddings": 6}
    assert (held["boxes"], held["distinct_boxes"], held["with_evidence"]) == (2, 1, 5)
    none = dict.fromkeys(("shown", "shown_empty", "withheld", "without", "answer_in_it"), 0)
    assert held["timelines"] == {
        "alignment": none | {"without": 2},
        "dynamics": none | {"shown": 2, "shown_empty": 1, "withheld": 1, "answer_in_it": 1},
    }
    assert held["empty_timelines"] == {"train": {"examples": 1, "negative": 1}}


@pytest.mark.parametrize(("negative", "is_told"), [(18, True), (16, False)])
def test_an_empty_timeline_that_gives_away_a_negative_answer_is_told(
    tmp_path: Path, negative: int, is_told: bool
) -> None:
    answers = [f"Nothing, {number}." for number in range(negative)]
    answers += [f"A door {number}." for number in range(1, 21 - negative)]
    rows = [with_timeline(row) for row in of_kind("what", answers, curriculum="long")]
    finding = of(tmp_path, rows, "label_balance", spec={"balance": {"largest_share": 1}})
    assert ("before an empty timeline in train are negative" in finding.summary) == is_told


@pytest.mark.parametrize(
    ("kind", "language", "answer", "is_so"),
    [
        ("unanswerable", "en", "The video is over by then.", True),
        ("what", "en", "Nothing was taken.", True),
        ("how_many", "en", "0", True),
        ("what", "en", "That cannot be told.", True),
        ("why", "de", "Das lässt sich nicht sagen.", True),
        ("what", "en", "A note on the notice board, 10 times.", False),
    ],
)
def test_an_answer_is_negative_that_says_no_nought_or_cannot_tell(
    kind: str, language: str, answer: str, is_so: bool
) -> None:
    assert line_facts.is_negative(kind, language, answer) == is_so


def test_minutes_without_an_example_are_a_gap(tmp_path: Path) -> None:
    rows = [Row("A?", "B.", start_s=0, end_s=90), Row("C?", "D.", start_s=500, end_s=501)]
    finding = of(tmp_path, rows, "time_coverage", videos=[video(0, minutes=10)])
    assert (finding.details["covered"], finding.details["minutes"]) == (3, 10)
    assert not finding.passed
    assert finding.details["longest_gaps"] == [f"{video_id(0)} 02:00-07:59", f"{video_id(0)} 09:00-09:59"]


def test_an_example_about_a_whole_video_covers_no_minute_of_it(tmp_path: Path) -> None:
    rows = [Row("What happens?", "A lot.", kind="summary", start_s=0, end_s=600)]
    assert of(tmp_path, rows, "time_coverage", videos=[video(0, minutes=10)]).details["covered"] == 0


def test_a_video_without_any_example_counts_as_uncovered(tmp_path: Path) -> None:
    finding = of(tmp_path, [Row("A?", "B.")], "time_coverage", videos=[video(0), video(1, minutes=3)])
    assert (finding.details["covered"], finding.details["minutes"]) == (1, 4)


def test_a_few_seconds_over_the_minute_are_no_minute_of_their_own(tmp_path: Path) -> None:
    finding = of(tmp_path, [Row("A?", "B.", start_s=60, end_s=61)], "time_coverage", videos=[video(0, minutes=1.05)])
    assert (finding.details["covered"], finding.details["minutes"]) == (1, 1)

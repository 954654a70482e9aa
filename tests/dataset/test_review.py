"""Decisions about pairs are kept by their words, lose nothing, and travel through a spreadsheet unharmed."""

import csv
import io
import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gvlm_resources.dataset.facts import Event, Facts, Frame, Held, Sight, Sound, Text, Utterance
from gvlm_resources.dataset.releases.release_files import Release
from gvlm_resources.dataset.releases.release_spec import Decision
from gvlm_resources.dataset.review import review, review_file, review_words
from gvlm_resources.dataset.review.review import Reviewable, ReviewError
from gvlm_resources.errors import LakeError
from gvlm_resources.game import load
from gvlm_resources.lake.layout import Layout
from tests.dataset import small_release
from tests.dataset.small_release import Row, video_id

ROWS = [
    Row("How often?", "Twice.", kind="how_many", start_s=5, end_s=9),
    Row("Where is it?", "At <box_2d>.", kind="where", boxes=((1.0, 2.0, 30.0, 40.0),), start_s=1, end_s=2),
    Row("Why?", "=HYPERLINK(1)", video=video_id(1), kind="why", split="test"),
]


@pytest.fixture
def release(tmp_path: Path) -> Release:
    return small_release.write(tmp_path / "release", ROWS)


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    return Layout(tmp_path / "lake")


def pair(release: Release, row: Row) -> Reviewable:
    return next(one for one in review.reviewable(release) if one.pair_id == row.pair)


# --- pairs -----------------------------------------------------------------------------------------------------------


def test_pairs_come_once_by_video_and_time_with_the_example_that_shows_least(tmp_path: Path) -> None:
    frames = ("f000000000000", "f000001000000")
    rows = [
        Row("A?", "B.", curriculum="long", frames=frames),
        Row("A?", "B.", curriculum="alignment", frames=frames[:1]),
        Row("A?", "B.", curriculum="dynamics", frames=()),
        Row("C?", "D.", start_s=1),
    ]
    release = small_release.write(tmp_path, rows[::-1])
    first = review.reviewable(release)[0]
    assert [one.question for one in review.reviewable(release)] == ["A?", "C?"]
    assert release.example(first.split, first.offset).example_id == rows[1].example_id


# --- decisions -------------------------------------------------------------------------------------------------------


def test_a_decision_is_kept_and_feeds_the_next_release(release: Release, layout: Layout) -> None:
    review.decide(layout, pair(release, ROWS[0]), "accepted", note="clear")
    review.decide(layout, pair(release, ROWS[2]), "fixed", answer="Because of the barrel.")
    wanted = [
        Decision(pair_id=ROWS[0].pair, decision="accepted", note="clear"),
        Decision(pair_id=ROWS[2].pair, decision="fixed", question="Why?", answer="Because of the barrel."),
    ]
    assert review.decisions(layout) == tuple(sorted(wanted, key=lambda one: one.pair_id))


def test_a_decision_survives_that_the_release_is_built_again(tmp_path: Path, release: Release, layout: Layout) -> None:
    review.decide(layout, pair(release, ROWS[0]), "rejected")
    again = small_release.write(tmp_path / "again", [*ROWS, Row("New?", "Yes.")])
    assert review.review(layout, pair(again, ROWS[0]).pair_id).now.decision == "rejected"


def test_what_was_decided_before_stands_in_the_history(release: Release, layout: Layout) -> None:
    one = pair(release, ROWS[0])
    for decision, who in [("accepted", "ada"), ("rejected", "bo"), ("rejected", "bo")]:
        review.decide(layout, one, decision, reviewer=who)
    kept = review.review(layout, one.pair_id)
    assert (kept.now.decision, kept.now.reviewer) == ("rejected", "bo")
    assert [(before.decision, before.reviewer) for before in kept.history] == [("accepted", "ada")]
    assert (kept.asked_question, kept.asked_answer, kept.video_id) == ("How often?", "Twice.", video_id(0))


def test_a_decision_that_is_taken_back_feeds_nothing_and_is_not_forgotten(release: Release, layout: Layout) -> None:
    one = pair(release, ROWS[0])
    review.decide(layout, one, "rejected")
    review.withdraw(layout, one.pair_id)
    assert review.decisions(layout) == ()
    assert review.review(layout, one.pair_id).history[0].decision == "rejected"
    assert review.withdraw(layout, one.pair_id).history[1:] == ()


def test_nothing_is_withdrawn_where_nothing_was_decided(layout: Layout) -> None:
    assert review.withdraw(layout, ROWS[0].pair) is None
    assert not layout.reviews().exists()


@pytest.mark.parametrize(
    ("row", "words", "complaint"),
    [
        (ROWS[0], {"answer": "Once <v>."}, "holds <v>"),
        (ROWS[0], {"question": "How often at <ts=00:10>?"}, "holds <ts="),
        (ROWS[0], {"answer": "At <box_2d>."}, "holds 1 <box_2d>, the pair has 0"),
        (ROWS[1], {"answer": "On the left."}, "holds 0 <box_2d>, the pair has 1"),
        (ROWS[0], {"answer": "x" * 5_000}, "5,000 characters"),
        (ROWS[0], {"answer": "a\x00b"}, "cannot be seen"),
        (ROWS[0], {"question": "How often?"}, "has the words it had"),
        (ROWS[0], {"question": "  ", "answer": "\n"}, "has the words it had"),
    ],
)
def test_a_fix_that_is_no_pair_is_refused(
    release: Release, layout: Layout, row: Row, words: dict[str, str], complaint: str
) -> None:
    with pytest.raises(ReviewError, match=complaint):
        review.decide(layout, pair(release, row), "fixed", **words)
    assert review.decisions(layout) == ()


def test_who_accepts_a_pair_in_the_words_it_was_given_keeps_those(release: Release, layout: Layout) -> None:
    asked = pair(release, ROWS[0])
    fixed = review.decide(layout, asked, "fixed", answer="Thrice.").now
    of_next_release = replace(asked, answer=fixed.answer)
    assert review.decide(layout, of_next_release, "accepted", reviewer="bo").now.answer == "Thrice."
    (decision,) = review.decisions(layout)
    assert (decision.decision, decision.answer) == ("fixed", "Thrice.")
    assert review.decide(layout, asked, "accepted").now.decision == "accepted", "the words as they were first"


def test_a_fix_of_a_pair_with_a_box_keeps_the_box(release: Release, layout: Layout) -> None:
    kept = review.decide(layout, pair(release, ROWS[1]), "fixed", answer="It lies at <box_2d>.")
    assert kept.now.answer == "It lies at <box_2d>."


@pytest.mark.parametrize("decision", ["", "maybe", "ACCEPTED", "withdrawn"])
def test_a_word_that_is_no_decision_is_refused(release: Release, layout: Layout, decision: str) -> None:
    with pytest.raises(ReviewError, match="is no decision"):
        review.decide(layout, pair(release, ROWS[0]), decision)


@pytest.mark.parametrize("pair_id", ["../../etc/passwd", "q123", "q" + "g" * 16, "Q" + "0" * 16, ""])
def test_no_name_but_a_pair_id_reaches_the_disk(layout: Layout, pair_id: str) -> None:
    with pytest.raises(ReviewError, match="is no pair id"):
        review.review(layout, pair_id)


def test_a_damaged_file_is_named(release: Release, layout: Layout) -> None:
    review.decide(layout, pair(release, ROWS[0]), "accepted")
    path = layout.reviews() / f"{ROWS[0].pair}.json"
    record = json.loads(path.read_text())
    path.write_text(json.dumps({**record, "now": {"decision": "perhaps"}}))
    with pytest.raises(LakeError, match=path.name):
        review.decisions(layout)


def test_files_that_are_no_reviews_are_passed_over(release: Release, layout: Layout) -> None:
    review.decide(layout, pair(release, ROWS[0]), "accepted")
    (layout.reviews() / "notes.json").write_text("mine")
    (layout.reviews() / f".{ROWS[1].pair}.json.1.tmp").write_text("{")
    assert len(review.reviews(layout)) == 1


def test_decisions_made_at_once_are_all_kept(release: Release, layout: Layout) -> None:
    one = pair(release, ROWS[0])
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: review.decide(layout, one, "accepted", note=str(n)), range(24)))
    kept = review.review(layout, one.pair_id)
    assert sorted(int(each.note) for each in (*kept.history, kept.now)) == list(range(24))


def test_a_decision_about_words_that_are_no_longer_made_is_an_orphan(
    tmp_path: Path, release: Release, layout: Layout
) -> None:
    for row in ROWS:
        review.decide(layout, pair(release, row), "rejected")
    again = small_release.write(
        tmp_path / "again", [Row("How often now?", "Twice.")], removed=[{"pair_id": ROWS[1].pair, "reason": "rejected"}]
    )
    orphans = review.orphans(again, review.reviews(layout))
    assert [one.pair_id for one in orphans] == [ROWS[0].pair]  # the third is of a video that is not in the release


def test_decisions_meet_pairs_of_the_inputs_or_are_orphans_or_of_other_videos(release: Release, layout: Layout) -> None:
    for row in ROWS:
        review.decide(layout, pair(release, row), "rejected")
    review.withdraw(layout, ROWS[1].pair)
    found = review.applying(review.reviews(layout), {ROWS[0].pair}, [video_id(0)])
    assert [[one.pair_id for one in part] for part in (found.met, found.orphans, found.elsewhere)] == [
        [ROWS[0].pair],
        [],
        [ROWS[2].pair],
    ]
    assert found.summary() == "1 of 2 decisions apply; 1 is of a pair of other videos"


def test_decisions_whose_words_are_made_no_more_are_told(release: Release, layout: Layout) -> None:
    for row in ROWS:
        review.decide(layout, pair(release, row), "accepted")
    kept = review.reviews(layout)
    told = review.applying(kept, {ROWS[2].pair}, [video_id(0), video_id(1)]).summary()
    assert told == "1 of 3 decisions apply; 2 are of pairs that these videos do not have any more"
    assert (
        review.applying(kept[:1], set(), [video_id(0), video_id(1)])
        .summary()
        .startswith("0 of 1 decision applies; 1 is")
    )
    assert review.applying((), {ROWS[0].pair}, [video_id(0)]).summary() == "no decisions"


# --- the file --------------------------------------------------------------------------------------------------------


def rows_of(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(path.read_text(encoding="utf-8-sig"), newline="")))


def edited(path: Path, *rows: dict[str, str], delimiter: str = ",") -> Path:
    """The file as a spreadsheet saves it: with `rows` over those of the same pair."""
    changes = {row["pair_id"]: row for row in rows}
    all_rows = [{**row, **changes.pop(row["pair_id"], {})} for row in rows_of(path)]
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.DictWriter(file, review_file.COLUMNS, delimiter=delimiter, restval="")
        writer.writeheader()
        writer.writerows([*all_rows, *changes.values()])
    return path


@pytest.fixture
def sheet(tmp_path: Path, release: Release) -> Path:
    review_file.write_file(release, tmp_path / "review.csv", (), evidence=lambda one: f"rows of {one.pair_id}")
    return tmp_path / "review.csv"


def test_the_file_has_a_row_a_pair(sheet: Path) -> None:
    assert sheet.read_bytes().startswith(b"\xef\xbb\xbfpair_id,video,time,kind,")
    first = rows_of(sheet)[0]
    assert first["pair_id"] == ROWS[1].pair
    assert (first["time"], first["question"], first["evidence"]) == ("00:01", "Where is it?", f"rows of {ROWS[1].pair}")


def test_no_cell_is_a_formula(sheet: Path) -> None:
    answer = next(row["answer"] for row in rows_of(sheet) if row["pair_id"] == ROWS[2].pair)
    assert answer == "'=HYPERLINK(1)"


@given(st.text(alphabet=st.sampled_from("='+-@\t\r\n＝a \"',;é")))
def test_a_guarded_cell_is_no_formula_and_comes_back_as_it_was(text: str) -> None:
    guarded = review_file.guarded(text)
    assert not guarded.startswith(("=", "+", "-", "@", "\t", "\r", "\n"))
    assert review_file.unguarded(guarded) == text


def test_an_apostrophe_of_the_reviewers_own_stays() -> None:
    assert review_file.unguarded("'tis the red door") == "'tis the red door"


def test_decisions_in_the_file_are_kept(release: Release, layout: Layout, sheet: Path) -> None:
    edited(
        sheet,
        {"pair_id": ROWS[0].pair, "decision": "Accepted "},
        {"pair_id": ROWS[2].pair, "decision": "fixed", "new_answer": "'-12 health", "note": "the sign"},
    )
    applied = review_file.read_file(sheet, release, layout, reviewer="ada")
    assert (applied.accepted, applied.fixed, applied.unchanged, applied.errors) == (1, 1, 1, [])
    assert (applied.applied, applied.problems) == (2, [])
    kept = review.review(layout, ROWS[2].pair).now
    assert (kept.question, kept.answer, kept.note, kept.reviewer) == ("Why?", "-12 health", "the sign", "ada")


def test_reading_the_file_again_changes_nothing(release: Release, layout: Layout, sheet: Path) -> None:
    edited(sheet, {"pair_id": ROWS[0].pair, "decision": "rejected"})
    review_file.read_file(sheet, release, layout, reviewer="ada")
    before = review.reviews(layout)
    assert review_file.read_file(sheet, release, layout, reviewer="bo").unchanged == 3
    assert review.reviews(layout) == before


def test_a_fix_with_one_new_text_a_long_note_and_white_space_is_unchanged_when_it_is_read_again(
    release: Release, layout: Layout, sheet: Path
) -> None:
    edited(
        sheet,
        {"pair_id": ROWS[0].pair, "decision": "fixed", "new_answer": " Thrice.\n", "note": "line one\nline two"},
        {"pair_id": ROWS[2].pair, "decision": "fixed", "new_question": "Why  so?"},
    )
    assert review_file.read_file(sheet, release, layout, reviewer="ada").fixed == 2
    before = review.reviews(layout)
    again = review_file.read_file(sheet, release, layout, reviewer="bo")
    assert (again.applied, again.unchanged, again.errors) == (0, 3, [])
    assert review.reviews(layout) == before


def test_a_row_that_corrects_a_fix_changes_it(release: Release, layout: Layout, sheet: Path) -> None:
    for answer in ("Thrice.", "Four times."):
        edited(sheet, {"pair_id": ROWS[0].pair, "decision": "fixed", "new_answer": answer})
        assert review_file.read_file(sheet, release, layout).fixed == 1
    assert review.review(layout, ROWS[0].pair).now.answer == "Four times."


def test_a_word_that_is_no_decision_is_told_with_all_that_are(release: Release, layout: Layout, sheet: Path) -> None:
    edited(sheet, {"pair_id": ROWS[0].pair, "decision": "perhaps"})
    (problem,) = review_file.read_file(sheet, release, layout).problems
    assert all(word in problem for word in (*review.VERDICTS, "undecided"))


@pytest.mark.parametrize(
    "row",
    [
        {"decision": "accepted"},
        {"decision": "perhaps"},
        {"decision": "fixed", "new_answer": "Thrice."},
        {"decision": "", "new_question": "How often so far?"},
        {"decision": "", "note": "see me"},
    ],
)
def test_a_file_that_somebody_wrote_into_is_not_written_over(
    release: Release, layout: Layout, sheet: Path, row: dict[str, str]
) -> None:
    edited(sheet, {"pair_id": ROWS[0].pair, **row})
    before = sheet.read_bytes()
    with pytest.raises(ReviewError, match="line 3") as caught:
        review_file.write_file(release, sheet, review.decisions(layout))
    assert "--apply" in caught.value.remedy
    assert sheet.read_bytes() == before


def test_a_decision_that_a_file_takes_back_or_changes_is_not_lost(
    release: Release, layout: Layout, sheet: Path
) -> None:
    review.decide(layout, pair(release, ROWS[0]), "accepted", note="clear")
    for word in ("undecided", "rejected"):
        edited(sheet, {"pair_id": ROWS[0].pair, "decision": word, "note": "clear"})
        with pytest.raises(ReviewError, match="not kept yet"):
            review_file.write_file(release, sheet, review.decisions(layout))


def test_a_file_that_holds_nothing_new_is_written_anew(release: Release, layout: Layout, sheet: Path) -> None:
    edited(
        sheet,
        {"pair_id": ROWS[0].pair, "decision": "fixed", "new_answer": "Thrice."},
        {"pair_id": ROWS[1].pair, "decision": "undecided"},
    )
    review_file.read_file(sheet, release, layout)
    review.decide(layout, pair(release, ROWS[2]), "rejected")
    assert review_file.write_file(release, sheet, review.decisions(layout)) == 3
    told = {row["pair_id"]: row["decision"] for row in rows_of(sheet)}
    assert told == {ROWS[0].pair: "fixed", ROWS[1].pair: "", ROWS[2].pair: "rejected"}
    sheet.write_bytes(b"")
    assert review_file.write_file(release, sheet, ()) == 3


@pytest.mark.parametrize("content", [b"my notes\n", b"\xff\xfe\x00", b"id,answer\n1,2\n"])
def test_a_file_of_something_else_is_not_written_over(release: Release, tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "notes.csv"
    path.write_bytes(content)
    with pytest.raises(ReviewError, match="no review file") as caught:
        review_file.write_file(release, path, ())
    assert "name another file" in caught.value.remedy
    assert path.read_bytes() == content
    with pytest.raises(ReviewError, match="is a folder"):
        review_file.write_file(release, tmp_path, ())


def test_a_file_written_with_decisions_says_them_again(tmp_path: Path, release: Release, layout: Layout) -> None:
    review.decide(layout, pair(release, ROWS[2]), "fixed", answer="=1+1 is two")
    review.decide(layout, pair(release, ROWS[0]), "accepted")
    review_file.write_file(release, tmp_path / "again.csv", review.decisions(layout))
    before = review.reviews(layout)
    assert review_file.read_file(tmp_path / "again.csv", release, layout).unchanged == 3
    assert review.reviews(layout) == before


def test_the_word_undecided_takes_a_decision_back(release: Release, layout: Layout, sheet: Path) -> None:
    review.decide(layout, pair(release, ROWS[0]), "accepted")
    edited(
        sheet, {"pair_id": ROWS[0].pair, "decision": "undecided"}, {"pair_id": ROWS[1].pair, "decision": "undecided"}
    )
    applied = review_file.read_file(sheet, release, layout)
    assert (applied.withdrawn, applied.unchanged) == (1, 2)
    assert review.decisions(layout) == ()


def test_each_row_is_kept_whole_or_not_at_all(release: Release, layout: Layout, sheet: Path) -> None:
    edited(
        sheet,
        {"pair_id": ROWS[0].pair, "decision": "perhaps"},
        {"pair_id": ROWS[1].pair, "decision": "fixed", "new_question": "Where?", "new_answer": "Left."},
        {"pair_id": ROWS[2].pair, "decision": "accepted"},
        {"pair_id": "q" + "0" * 16, "decision": "accepted"},
        {"pair_id": "../../x", "decision": "accepted"},
    )
    applied = review_file.read_file(sheet, release, layout)
    assert applied.applied == applied.accepted == 1
    assert applied.problems[0].startswith(f"line 2, {ROWS[1].pair}: the new answer holds 0 <box_2d>")
    assert [(error.line, error.pair_id) for error in applied.errors] == [
        (2, ROWS[1].pair),
        (3, ROWS[0].pair),
        (5, "q" + "0" * 16),
        (6, "../../x"),
    ]
    assert [one.pair_id for one in review.reviews(layout)] == [ROWS[2].pair]


@pytest.mark.parametrize(
    ("row", "complaint"),
    [
        ({"decision": "accepted", "new_answer": "Thrice."}, "is accepted and has new words"),
        ({"decision": "", "new_answer": "Thrice."}, "no decision"),
        ({"decision": "", "note": "see me"}, "no decision"),
        ({"decision": "fixed"}, "has the words it had"),
    ],
)
def test_a_row_that_could_mean_two_things_is_an_error(
    release: Release, layout: Layout, sheet: Path, row: dict[str, str], complaint: str
) -> None:
    edited(sheet, {"pair_id": ROWS[0].pair, **row})
    assert complaint in review_file.read_file(sheet, release, layout).errors[0].message


def test_a_pair_that_stands_in_the_file_twice_is_an_error(release: Release, layout: Layout, sheet: Path) -> None:
    text = sheet.read_text(encoding="utf-8-sig")
    sheet.write_text(text + text.splitlines()[1] + "\n", encoding="utf-8-sig")
    assert "twice" in review_file.read_file(sheet, release, layout).errors[0].message


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_what_a_spreadsheet_puts_between_cells_makes_no_difference(
    release: Release, layout: Layout, sheet: Path, delimiter: str
) -> None:
    edited(sheet, {"pair_id": ROWS[0].pair, "decision": "accepted"}, delimiter=delimiter)
    assert review_file.read_file(sheet, release, layout).accepted == 1


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"pair_id,decision\nq,\xe9\n", "not in UTF-8"),
        (b"id,decision\nq,accepted\n", "has no column pair_id"),
        (b"", "has no column pair_id"),
        (b'pair_id,decision\nq,"' + b"x" * 200_000 + b'"\n', "field larger"),
    ],
)
def test_a_file_that_is_none_changes_nothing(
    release: Release, layout: Layout, tmp_path: Path, content: bytes, complaint: str
) -> None:
    path = tmp_path / "odd.csv"
    path.write_bytes(content)
    with pytest.raises(ReviewError, match=complaint):
        review_file.read_file(path, release, layout)
    assert review.reviews(layout) == ()


def test_a_file_that_is_not_there_is_told(release: Release, layout: Layout, tmp_path: Path) -> None:
    with pytest.raises(ReviewError, match="is not there"):
        review_file.read_file(tmp_path / "none.csv", release, layout)


WORDS = st.text(st.sampled_from("'=+-@＝\"',;| \nabé中🙂"), min_size=1, max_size=30).filter(str.strip)


@settings(max_examples=40, deadline=None)
@given(question=WORDS, answer=WORDS)
def test_any_words_come_through_the_file_as_they_are(
    tmp_path_factory: pytest.TempPathFactory, question: str, answer: str
) -> None:
    folder = tmp_path_factory.mktemp("words")
    release = small_release.write(folder / "release", [Row("A?", "B.")])
    layout = Layout(folder / "lake")
    one = review.reviewable(release)[0]
    kept = review.decide(layout, one, "fixed", question=question, answer=answer)
    assert (kept.now.question, kept.now.answer) == (" ".join(question.split()), answer.strip())
    review_file.write_file(release, folder / "r.csv", review.decisions(layout))
    review.withdraw(layout, one.pair_id)
    assert review_file.read_file(folder / "r.csv", release, layout).fixed == 1
    assert review.review(layout, one.pair_id).now == kept.now


# --- words -----------------------------------------------------------------------------------------------------------


def test_every_kind_of_claim_is_told_with_its_figures() -> None:
    span = {"start_ns": 0, "end_ns": 10_000_000_000}
    told = review_words.claims(
        [
            {"what": "count", **span, "kind": "death", "value": 2},
            {"what": "sum", **span, "kind": "damage", "value": 31.5},
            {"what": "moment", **span, "kind": "pickup", "subject": "stimpack"},
            {"what": "value", **span, "subject": "health", "value": 88},
            {"what": "lowest", **span, "subject": "health", "value": 7},
            {"what": "highest", **span, "subject": "armor", "value": 200},
            {"what": "order", **span, "kind": "death", "other_kind": "pickup", "other_start_ns": 0, "other_end_ns": 1},
            {"what": "shown", **span, "subject": "<b>E1M1</b>"},
            {"what": "said", **span, "subject": "go"},
            {"what": "unknown", **span, "subject": "the score"},
        ]
    )
    assert told == [
        "00:00-00:09: 2 × death on the timeline",
        "00:00-00:09: the amounts of damage add up to 31.5",
        "00:00-00:09: pickup (stimpack) starts",
        "00:00-00:09: health is 88 all the time",
        "00:00-00:09: the lowest value of health is 7",
        "00:00-00:09: the highest value of armor is 200",
        "death at 00:00-00:09 comes before pickup at 00:00",
        "00:00-00:09: “<b>E1M1</b>” stands on the screen",
        "00:00-00:09: “go” is said",
        "00:00-00:09: nothing recorded tells the score",
    ]


def test_every_kind_of_row_is_told_and_one_that_is_missing_too() -> None:
    box = (0.0, 0.0, 1.0, 1.0)
    facts = Facts(
        video_id=video_id(0),
        title="",
        duration_ns=10**10,
        game=load("freedoom"),
        events=[Event("e1", "death", 0, 10**9, "Died.", "", None, 1, 0.9, (), ())],
        states=[Held("g1", "health", 88.0, 0, 10**9, 0.8)],
        texts=[Text("o1", "frame", "text", "E1M1", 0, 10**9, 0.7, box, 10, 10)],
        speech=[Utterance("s1", 0, 10**9, "go", 0.6, "en")],
        sounds=[Sound("a1", 0, 10**9, "shot", 0.5, ""), Sound("a2", 0, 10**9, "", None, "a door opens")],
        sights=[Sight("n1", "f1", 0, "t1", "barrel", 0.4, box, 10, 10)],
        frames=[Frame("f1", 0, 10, 10, False, False, False, None)],
    )
    told = review_words.rows(["e1", "g1", "o1", "s1", "a1", "a2", "n1", "f1", "e2"], facts)
    assert [row.text for row in told] == [
        "death: Died. (0.90)",
        "health is 88 (0.80)",
        "on the screen, frame: “E1M1” (0.70)",
        "said: “go” (0.60)",
        "heard: shot (0.50)",
        "heard: a door opens",
        "seen: barrel t1 (0.40)",
        "a sampled frame",
        "the video has no such row",
    ]
    assert [row.is_there for row in told] == [True] * 8 + [False]

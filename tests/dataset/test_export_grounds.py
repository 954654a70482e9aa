"""What an answer rests on is given with it: no export asks about a sound that it does not hold, nor about what only a
picture that was left out showed."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from gvlm_resources.dataset.examples.example import from_json
from gvlm_resources.dataset.export.grounds import NO_ROOM, UNHEARD, UNHEARD_DENIAL, UNSEEN
from gvlm_resources.dataset.export.job import IN_VECTORS, Options
from gvlm_resources.dataset.export.tokens import Seen, seen
from gvlm_resources.dataset.export.write import MARKER, write
from gvlm_resources.errors import ReleaseError
from tests.dataset import tiny_release as tiny

NS = 1_000_000_000
SECONDS = range(20)
of_pictures_and_text = pytest.mark.parametrize("name", ["chat", "llava", "swift"])
that_keeps_tokens = pytest.mark.parametrize("name", ["hf", "webdataset"])


def at(letter: str, second: float, rest: str = "") -> str:
    """The id of a row at a second."""
    return f"{letter}{round(second * 1_000_000):012d}" + (f"-{rest}" if rest else "")


def claim(what: str, start_s: float, end_s: float, **fields: Any) -> dict[str, Any]:
    return {"what": what, "start_ns": round(start_s * NS), "end_ns": round(end_s * NS), **fields}


def asked(
    name: str,
    evidence: Sequence[str],
    *claims: dict[str, Any],
    rows: Sequence[str] | None = None,
    after: str = "",
    kind: str = "what",
    frames: Sequence[int] = SECONDS,
    span: tuple[float, float] = (0, 20),
    curriculum: str = "long",
) -> dict[str, Any]:
    """A line with a frame and a window of sound at each second of `frames`; without a timeline where `rows` is None."""
    shown = "".join(f"<ts=00:{number:02d}><v><a>" for number in frames)
    told = "" if rows is None else "\n".join(["<evidence>", *rows, "</evidence>", *filter(None, [after]), ""])
    embeddings = [
        one for number in frames for one in (tiny.frame(number), {**tiny.SOUND, "id": f"w{tiny.second(number)[1:]}"})
    ]
    provenance = {
        "pair": f"q{name}",
        "kind": kind,
        "curriculum": curriculum,
        "claims": list(claims),
        "fingerprints": {"qa_pairs": "0" * 64},
    }
    return tiny.line(
        name,
        [("human", f"{shown}\n{told}What?"), ("gpt", "That.")],
        embeddings=embeddings,
        frames=[tiny.second(number) for number in frames],
        evidence=list(evidence),
        timestamps=[list(span)],
        provenance=provenance,
    )


def shown(line: dict[str, Any], most: int = 16) -> Seen:
    return seen(from_json(line), most=most)


GUNSHOT = ([at("e", 3.3, "sound"), at("a", 3.3, "1")], claim("moment", 3, 4, kind="sound", subject="gunshot"))
SILENCE = ([at("f", 5)], claim("count", 2, 8, kind="speech", value=0.0))
WORDS = ([at("s", 3.3)], claim("said", 3.3, 5, subject="over there"))
NOBODY = ([at("f", 5)], claim("unknown", 0, 20, subject="name of the person"))
HEARD = 'E1 00:03 sound "Heard gunshot."'
DEATH = 'E1 00:03 death "Died."'


@pytest.mark.parametrize(
    "rows", [None, [], [DEATH], ['E1 00:04 sound "Heard gunshot."'], ['E1 00:03 sound "Heard pain."']]
)
def test_a_sound_that_is_neither_given_nor_named_by_the_timeline_is_withheld(rows: list[str] | None) -> None:
    assert shown(asked("heard", *GUNSHOT, rows=rows)).withheld == UNHEARD


def test_a_sound_that_the_timeline_names_is_kept() -> None:
    assert not shown(asked("heard", *GUNSHOT, rows=[DEATH, HEARD])).withheld


def test_words_that_were_said_need_their_row() -> None:
    assert shown(asked("said", *WORDS)).withheld == UNHEARD
    assert shown(asked("said", *WORDS, rows=[HEARD])).withheld == UNHEARD
    assert not shown(asked("said", *WORDS, rows=['E1 00:03-00:04 speech "over there"'])).withheld


def test_a_sound_that_is_claimed_without_a_row_of_it_needs_the_timeline_too() -> None:
    assert shown(asked("claimed", [], GUNSHOT[1], rows=[])).withheld == UNHEARD
    assert not shown(asked("claimed", [], GUNSHOT[1], rows=[HEARD])).withheld


@pytest.mark.parametrize("denial", [SILENCE, NOBODY], ids=["silence", "nobody"])
def test_silence_is_shown_by_the_whole_timeline_of_that_question_and_by_nothing_else(denial: Any) -> None:
    assert shown(asked("denied", *denial, kind="unanswerable")).withheld == UNHEARD_DENIAL
    assert not shown(asked("denied", *denial, kind="unanswerable", rows=[])).withheld
    assert not shown(asked("denied", *denial, kind="unanswerable", rows=[DEATH])).withheld
    in_part = asked(
        "denied", *denial, kind="unanswerable", rows=[DEATH], after="7 more rows were found and are not shown."
    )
    assert shown(in_part).withheld == UNHEARD_DENIAL


def test_what_cannot_be_told_of_a_moment_is_said_of_what_is_seen_then() -> None:
    beyond = claim("unknown", 19, 20, subject="what comes after the end")
    assert not shown(asked("beyond", [at("f", 19)], beyond, kind="unanswerable")).withheld


def test_an_answer_without_claims_about_what_is_said_is_a_denial_where_it_cites_no_text_and_no_sound() -> None:
    assert shown(asked("bare", [at("f", 5)], kind="said_or_shown")).withheld == UNHEARD_DENIAL
    assert not shown(asked("bare", [at("f", 5)], kind="said_or_shown", rows=[])).withheld
    assert not shown(asked("read", [at("o", 5, "0")], kind="said_or_shown", span=(5, 6))).withheld


DIED = ([at("e", 3.4, "death"), at("g", 1, "health"), at("g", 3.4, "health")], claim("moment", 3, 4, kind="death"))


@pytest.mark.parametrize("most", range(2, 20))
def test_a_change_keeps_the_picture_before_it_and_the_one_after_it(most: int) -> None:
    found = shown(asked("died", *DIED), most=most)
    assert not found.withheld
    assert {tiny.second(3), tiny.second(4)} <= set(found.frames)


def test_a_change_that_no_two_pictures_show_is_withheld_and_kept_where_the_timeline_tells_it() -> None:
    for frames in ((0, 1, 3, 6), (0, 2, 4, 6)):
        assert shown(asked("died", *DIED, frames=frames)).withheld == UNSEEN
        assert shown(asked("died", *DIED, frames=frames, rows=['E1 00:04 death "Died."'])).withheld == UNSEEN
        assert not shown(asked("died", *DIED, frames=frames, rows=[DEATH])).withheld


def test_the_second_event_of_a_kind_at_one_moment_is_an_event_of_that_kind() -> None:
    assert not shown(asked("died", [at("e", 3.4, "death-2")], rows=[DEATH], frames=(0,))).withheld


def test_an_event_stands_for_the_rows_that_it_was_made_from() -> None:
    made_from = [at("e", 3.4, "death"), at("o", 3.5, "0"), at("g", 1, "health"), at("a", 3.6, "1"), at("f", 3)]
    assert not shown(asked("died", made_from, frames=(0,), rows=[DEATH])).withheld
    assert shown(asked("died", [*made_from, at("a", 9, "1")], frames=(0,), rows=[DEATH])).withheld == UNHEARD


def test_a_black_screen_is_seen_while_it_is_there() -> None:
    assert not shown(asked("black", [at("e", 3.4, "black_screen")], frames=(4,))).withheld


HEALED = [at("e", second, "heal") for second in (4.2, 8.5, 11.1)]
THREE = claim("count", 3, 13, kind="heal", value=3.0)


def test_one_picture_never_answers_how_often() -> None:
    for most in (1, 2, 4, 9):
        assert shown(asked("thrice", HEALED, THREE), most=most).withheld == NO_ROOM


def test_a_count_keeps_every_picture_of_its_stretch_or_is_withheld() -> None:
    found = shown(asked("thrice", HEALED, THREE), most=10)
    assert not found.withheld
    assert set(found.frames) == {tiny.second(number) for number in range(3, 13)}


def test_a_count_that_the_timeline_tells_needs_no_picture_and_still_shows_what_it_counts() -> None:
    rows = [f'E{number} 00:{second:02d} heal "Gained 1."' for number, second in enumerate((4, 8, 11), 1)]
    assert not shown(asked("thrice", HEALED, THREE, rows=rows), most=0).withheld
    assert {tiny.second(number) for number in (5, 9, 12)} <= set(
        shown(asked("thrice", HEALED, THREE, rows=rows), 3).frames
    )


def test_an_event_that_the_timeline_lacks_must_be_seen() -> None:
    rows = [f'E{number} 00:{second:02d} heal "Gained 1."' for number, second in enumerate((4, 11), 1)]
    assert {tiny.second(8), tiny.second(9)} <= set(shown(asked("twice", HEALED, THREE, rows=rows), most=2).frames)
    assert shown(asked("twice", HEALED, THREE, rows=rows), most=1).withheld == NO_ROOM


NONE = ([at("g", 0, "health")], claim("count", 5, 15, kind="damage", value=0.0))


def test_nothing_happened_rests_on_all_pictures_of_the_stretch_or_on_the_timeline() -> None:
    assert shown(asked("none", *NONE), most=9).withheld == NO_ROOM
    assert {tiny.second(number) for number in range(5, 15)} <= set(shown(asked("none", *NONE), most=10).frames)
    assert not shown(asked("none", *NONE, rows=[]), most=1).withheld
    in_part = asked("none", *NONE, rows=[DEATH], after="2 more rows were found and are not shown.")
    assert shown(in_part, most=9).withheld == NO_ROOM


def test_a_count_over_a_stretch_without_a_picture_is_withheld() -> None:
    assert shown(asked("none", *NONE, frames=(0, 1, 2, 17))).withheld == UNSEEN
    second = claim("count", 5, 6, kind="damage", value=0.0)
    assert not shown(asked("none", NONE[0], second, frames=(4, 7))).withheld, "pictures lie that far apart"


def test_the_first_time_rests_on_all_pictures_before_it() -> None:
    first = claim("count", 0, 12, kind="death", value=0.0)
    line = asked("first", [at("e", 12.4, "death")], claim("moment", 12, 13, kind="death"), first)
    assert shown(line, most=10).withheld == NO_ROOM
    assert not shown(line, most=14).withheld


AMMO = ([at("g", 1, "ammo")], claim("value", 7, 8, subject="ammo", value=46.0))


def test_a_value_is_read_off_a_picture_of_the_time_asked_about_or_off_the_timeline() -> None:
    assert tiny.second(7) in shown(asked("ammo", *AMMO), most=1).frames
    assert shown(asked("ammo", *AMMO), most=0).withheld
    assert shown(asked("ammo", *AMMO, frames=(1, 5, 6, 8))).withheld == UNSEEN
    assert shown(asked("ammo", *AMMO, frames=(1, 5), rows=['E1 00:01-00:09 state "ammo 45"'])).withheld == UNSEEN
    for row in ('E1 00:01-00:09 state "ammo 46"', 'E1 00:01 shot "Fired (ammo 47 to 46)."'):
        assert not shown(asked("ammo", *AMMO, frames=(1, 5), rows=[row])).withheld


def test_a_value_all_through_a_span_keeps_every_picture_of_it() -> None:
    through = asked("ammo", [at("g", 1, "ammo")], claim("value", 7, 11, subject="ammo", value=46.0))
    assert shown(through, most=3).withheld == NO_ROOM
    assert {tiny.second(number) for number in range(7, 11)} == set(shown(through, most=4).frames)


def test_a_value_stands_until_the_next_one() -> None:
    for second, reason in ((2.1, ""), (1.9, UNSEEN)):
        line = asked("two", [at("g", 1.5, "ammo"), at("g", second, "ammo")], frames=(2, 3))
        assert shown(line).withheld == reason


def test_a_text_is_read_while_it_stands_there_or_off_the_timeline() -> None:
    evidence, said = [at("o", 2, "0")], claim("shown", 7, 8, subject="armor boosted")
    assert tiny.second(7) in shown(asked("text", evidence, said), most=1).frames
    assert shown(asked("text", evidence, said, frames=(3, 9))).withheld == UNSEEN
    for row in ('E1 00:02-00:08 text "ARHOR BOOSTED"', 'E1 00:02 armor "Gained 2. On screen: \\"ARHOR BOOSTED\\""'):
        assert not shown(asked("text", evidence, said, frames=(3, 9), rows=[row])).withheld


def test_the_one_frame_of_alignment_was_chosen_for_the_answer_and_must_stay() -> None:
    line = asked("one", [at("o", 0, "0"), at("g", 0, "ammo")], frames=(9,), curriculum="alignment")
    assert not shown(line).withheld
    assert shown(line, most=0).withheld


SOUNDS = [asked("heard", *GUNSHOT), asked("empty", *GUNSHOT, rows=[]), asked("other", *GUNSHOT, rows=[DEATH])]
DENIALS = [asked("silence", *SILENCE), asked("nobody", *NOBODY, kind="unanswerable")]
UNKEPT = [asked("thrice", HEALED, claim("count", 0, 20, kind="heal", value=3.0))]
HIDDEN = [asked("died", *DIED, frames=(0, 9))]
KEPT = [
    asked("named", *GUNSHOT, rows=[HEARD]),
    asked("still", *SILENCE, rows=[]),
    asked("told", HEALED, THREE, rows=[f'E1 00:{second:02d} heal "Gained 1."' for second in (4, 8, 11)]),
    asked("seen", *DIED),
    asked("counted", HEALED, THREE),
]
LINES = [*SOUNDS, *KEPT, *DENIALS, *UNKEPT, *HIDDEN]


def written(name: str, folder: Path) -> list[str]:
    """What every example of an export says, with its pictures, as text."""
    if name == "llava":
        return [json.dumps(row) for row in json.loads((folder / "train.json").read_text())]
    return [line for file in sorted(folder.glob("train*.jsonl")) for line in file.read_text().splitlines()]


@of_pictures_and_text
def test_an_export_leaves_out_what_it_does_not_bear_out_and_counts_it_by_reason(name: str, tmp_path: Path) -> None:
    exported = write(name, tiny.release(tmp_path / "release", {"train": LINES}), tmp_path / "a", tiny.frames)
    assert exported.rows["train"] == len(KEPT) == len(written(name, tmp_path / "a"))
    assert exported.left_out == {
        UNHEARD: len(SOUNDS),
        UNHEARD_DENIAL: len(DENIALS),
        NO_ROOM: len(UNKEPT),
        UNSEEN: len(HIDDEN),
    }
    assert json.loads((tmp_path / "a" / MARKER).read_text())["left_out"] == exported.left_out
    for reason, count in exported.left_out.items():
        assert f"examples left out, since {reason}: {count}" in exported.notes


@of_pictures_and_text
@pytest.mark.parametrize("most", [0, 1, 2, 4, 10, 16, 20])
def test_no_exported_example_asks_about_a_sound_that_it_does_not_give(name: str, most: int, tmp_path: Path) -> None:
    release = tiny.release(tmp_path / "release", {"train": [*SOUNDS, *DENIALS, *KEPT[:2]]})
    write(name, release, tmp_path / "a", tiny.frames, Options(max_pictures=most))
    found = written(name, tmp_path / "a")
    assert len(found) == 2
    assert [text for text in found if "Heard gunshot" in text]
    assert all("<evidence>" in text for text in found)


@of_pictures_and_text
@pytest.mark.parametrize("most", [1, 2, 3, 4, 9, 10, 16])
def test_no_withheld_example_loses_the_pictures_that_its_answer_needs(name: str, most: int, tmp_path: Path) -> None:
    release = tiny.release(tmp_path / "release", {"train": [tiny.MARKED, *KEPT[3:], *UNKEPT]})
    write(name, release, tmp_path / "a", tiny.frames, Options(max_pictures=most))
    found = written(name, tmp_path / "a")[1:]
    needed = [needs for needs in ({3, 4}, set(range(3, 13))) if len(needs) <= most]
    assert len(found) == len(needed)
    for text, needs in zip(found, needed, strict=True):
        assert all(f"{tiny.second(number)}.jpg" in text for number in needs)


@that_keeps_tokens
def test_formats_with_the_vectors_lose_nothing_and_say_what_is_missing_without_them(name: str, tmp_path: Path) -> None:
    release = tiny.release(tmp_path / "release", {"train": LINES})
    missing = len(LINES) - len(KEPT)
    without = write(name, release, tmp_path / "without", tiny.frames)
    assert without.rows["train"] == len(LINES)
    assert not without.left_out
    assert f"{IN_VECTORS}: {missing}" in without.notes
    given = write(name, release, tmp_path / "given", tiny.frames, Options(vectors=False), vectors=tiny.vectors)
    assert f"{IN_VECTORS}: {missing}" in given.notes


@that_keeps_tokens
def test_formats_with_the_vectors_note_nothing_where_they_go_along(name: str, tmp_path: Path) -> None:
    release = tiny.release(tmp_path / "release", {"train": [{**tiny.ONE, "evidence": ["a000007000000-1"]}]})
    exported = write(name, release, tmp_path / "a", tiny.frames, vectors=tiny.vectors)
    assert not [note for note in exported.notes if note.startswith(IN_VECTORS)]


@of_pictures_and_text
def test_a_release_of_sounds_alone_says_why_nothing_is_left(name: str, tmp_path: Path) -> None:
    with pytest.raises(ReleaseError, match="neither given nor in the timeline: 3"):
        write(name, tiny.release(tmp_path / "release", {"train": SOUNDS}), tmp_path / "a", tiny.frames)

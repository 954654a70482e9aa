from __future__ import annotations

import re
from dataclasses import replace

import pytest

from gvlm_resources.errors import QuestionError
from gvlm_resources.reasoning import languages, retrieve
from gvlm_resources.reasoning.extractive import ExtractiveCore
from gvlm_resources.reasoning.protocol import Answer, Row
from gvlm_resources.settings import ReasoningSettings
from tests.reasoning.doom import KINDS, RUN_A, RUN_B, FakeSource, at, event, library, one_video, run_a

SETTINGS = ReasoningSettings()


def answer(text: str, source: FakeSource | None = None, **more) -> Answer:
    return retrieve.answer(text, source=source or one_video(), core=ExtractiveCore(), settings=SETTINGS, **more)


def labels(given: Answer) -> list[str]:
    return [citation.label for citation in given.citations]


# ------------------------------------------------------------------------------------------------------ how many, when


def test_three_deaths_are_counted_as_three_and_each_is_cited() -> None:
    given = answer("how many times did I die?")
    assert given.text == "You died 3 times: at [00:45], [01:52] and [03:10]."
    assert labels(given) == ["00:45", "01:52", "03:10"]
    assert given.supported


def test_a_count_is_exact_however_many_there_are() -> None:
    shots = [event(RUN_A, f"0:{s // 10}.{s % 10}", "shot", "Fired.", value=-1) for s in range(0, 590)]
    source = FakeSource(shots, [], one_video().videos_)
    given = answer("how many shots did I fire?", source)
    assert "590 times" in given.text
    assert len(given.citations) == 590
    assert len(given.text) < 400


def test_a_count_in_a_stretch_counts_only_there() -> None:
    assert (
        answer("how often did I die between 1:00 and 2:00?").text
        == "Between 01:00 and 02:00 you died once: at [01:52]."
    )
    assert labels(answer("how often did I die after 1:00")) == ["01:52", "03:10"]


def test_the_hit_that_kills_counts_among_those_before_the_death_and_the_death_itself_does_not() -> None:
    assert labels(answer("how many hits did I take before my first death?")) == ["00:33", "00:38", "00:41", "00:45"]
    assert labels(answer("how many times did I die before my third death?")) == ["00:45", "01:52"]


@pytest.mark.parametrize(
    ("text", "cited"),
    [
        ("when did I first die?", ["00:45"]),
        ("when did I last die?", ["03:10"]),
        ("when was my second death?", ["01:52"]),
        ("when did I die", ["00:45", "01:52", "03:10"]),
        ("when did I pick up the shotgun?", ["01:00"]),
        ("when did I last pick up ammo?", ["01:10"]),
        ("when did I find a medkit", ["02:20"]),
        ("when did I take the stimpack", ["00:20"]),
        ("when did I pick up a health refill", ["00:20", "02:20"]),
        ("when did I first get hit after respawning", ["01:52"]),
    ],
)
def test_when_gives_exactly_the_moments_asked_for(text: str, cited: list[str]) -> None:
    given = answer(text)
    assert labels(given) == cited
    assert given.supported


def test_an_event_that_is_not_there_is_denied_with_those_that_are() -> None:
    given = answer("when was my fifth death?")
    assert given.text.startswith("There is no fifth death: the timeline records 3 deaths")
    assert labels(given) == ["00:45", "01:52", "03:10"]


def test_an_item_that_was_not_picked_up_is_denied_with_those_that_were() -> None:
    given = answer("did I pick up the chainsaw?")
    assert given.text.startswith("No. No pickup on the timeline names “chainsaw”; it records 5 pickups")


def test_shotgun_shells_are_not_the_shotgun_but_they_are_ammo() -> None:
    assert labels(answer("how many times did I pick up the shotgun")) == ["01:00"]
    assert labels(answer("which weapons did I pick up")) == ["01:00"]
    assert labels(answer("how much ammo did I pick up")) == ["00:12", "01:10"]


def test_a_word_for_a_kind_of_thing_means_all_of_that_kind() -> None:
    names = ["armor bonus", "force field vest (green armor)", "shotgun shells", "missile launcher (rocket launcher)"]
    rows = [event(RUN_A, f"0:1{n}", "pickup", f"Picked up {name}.", subject=name) for n, name in enumerate(names)]
    source = FakeSource(rows, [], one_video().videos_)
    assert labels(answer("how many times did I pick up armor", source)) == ["00:10", "00:11"]
    assert labels(answer("which weapons did I find", source)) == ["00:13"]
    assert labels(answer("how many rocket launchers did I pick up", source)) == ["00:13"]
    assert labels(answer("how much ammo did I pick up", source)) == ["00:12"]


def test_what_an_event_was_is_named_by_its_row_or_by_a_message_beside_it() -> None:
    given = answer("how many times was I killed by an imp?")
    assert given.text == "You died once matching “imp”: at [00:45]."
    rows = [
        event(RUN_A, "0:45", "death", "Died (health 23 to 0)."),
        event(RUN_A, "0:46", "message", "Burned by an imp."),
    ]
    given = answer("how many times was I killed by an imp?", FakeSource(rows, [], one_video().videos_))
    assert given.text == "You died once matching “imp”: at [00:45]. The screen said “Burned by an imp.” [00:46]."


def test_a_message_that_an_event_was_read_from_is_still_a_message() -> None:
    given = answer("what messages were shown before 1:30?")
    assert "“Entering the Phobos lab” [00:05]" in given.text
    assert "“Player was burned by an imp.” [00:45]" in given.text
    assert "“Got the pump-action shotgun!” [01:00]" in given.text


def test_a_pickup_that_raised_the_health_is_a_heal_as_well() -> None:
    assert answer("how much health did I regain?").text == "You gained 35 health in 2 heals, at [00:20] and [02:20]."
    assert answer("did I ever heal?").text.startswith("Yes. You gained health twice")


def test_amounts_are_added_up() -> None:
    assert answer("how much damage did I take?").text.startswith("You took 304 damage in 7 hits")
    assert answer("how much damage did I take before 1:00?").text.startswith(
        "Before 01:00 you took 79 damage in 4 hits"
    )


@pytest.mark.parametrize(
    ("text", "starts"),
    [
        ("did I die more than twice?", "Yes. You died 3 times"),
        ("did I die more than three times?", "No. You died 3 times"),
        ("did I take more than 200 damage?", "Yes. You were hit 7 times for 304 damage"),
        ("did I lose more than 400 health?", "No. You were hit 7 times for 304 damage"),
        ("did I die between 2:00 and 2:30?", "No. The timeline records no death between 02:00 and 02:30."),
    ],
)
def test_yes_or_no_is_decided_by_the_rows(text: str, starts: str) -> None:
    assert answer(text).text.startswith(starts)


def test_the_biggest_hit_is_the_one_with_the_largest_amount() -> None:
    given = answer("what was the biggest hit?")
    assert given.text.startswith("The biggest of 7 hits was 100 damage, at [01:52].")
    assert answer("what was the smallest hit").text.startswith("The smallest of 7 hits was 12 damage, at [00:33].")


# -------------------------------------------------------------------------------------------------------------- why


def test_a_death_is_explained_by_the_hits_that_led_up_to_it() -> None:
    given = answer("why did I die at 00:45?")
    assert given.text == (
        "You died at [00:45]. In the 12 seconds before, you took 4 hits worth 79 damage, and your health fell from "
        "79 [00:20] to 0 [00:45]: 12 at [00:33], 20 at [00:38], 24 at [00:41] and the last, 23, at [00:45]. The last "
        "thing picked up was health refill (stimpack) at [00:20], before the fight. The timeline reads: “Died, killed "
        "by an imp (health 23 to 0).” On the screen: “Player was burned by an imp.”"
    )
    assert given.supported
    assert given.confidence == pytest.approx(0.7)  # of the weakest row cited


def test_a_cause_that_nothing_names_is_not_named() -> None:
    given = answer("what killed me at 1:52?")
    assert "one hit worth 100 damage came at [01:52]" in given.text
    assert "No message on the timeline names what did it." in given.text
    assert "imp" not in given.text


def test_the_time_in_a_why_steers_to_the_nearest_death_and_says_how_far_off_it_is() -> None:
    given = answer("@02:45 why did I die")
    assert given.text.startswith("No death stands at 02:45 itself; the nearest is 25 seconds later.")
    assert "You died at [03:10]" in given.text


def test_a_death_that_is_not_near_the_time_asked_about_is_not_taken_for_it() -> None:
    given = answer("why did I die at 2:25?")
    assert given.text.startswith("The timeline records no death around 02:25. At other times it records 3 deaths")


def test_hits_of_an_earlier_life_do_not_explain_a_later_death() -> None:
    assert not {"00:33", "00:38", "00:41"} & set(labels(answer("why did I die at 1:52?")))


def test_a_death_without_any_hit_before_it_is_not_explained() -> None:
    rows = [row for row in run_a() if row.kind == "death"][:1]
    given = answer("why did I die?", FakeSource(rows, [], one_video().videos_))
    assert "records no damage in this life before it" in given.text


def test_of_many_hits_the_heaviest_and_the_last_are_told_and_all_are_cited() -> None:
    hits = [event(RUN_A, f"0:{10 + s}", "damage", "Hit.", value=-(1 + s % 7)) for s in range(0, 20)]
    source = FakeSource([*hits, event(RUN_A, "0:30", "death", "Died.")], [], one_video().videos_)
    given = answer("why did I die?", source)
    assert "14 smaller" in given.text
    assert len(given.citations) == 21


def test_why_without_a_death_tells_what_came_before_and_claims_no_reason() -> None:
    given = answer("why did I switch weapons at 1:00")
    assert "Changed weapon to the shotgun." in given.text
    assert "Picked up a pump-action shotgun" in given.text
    assert labels(given) == ["01:05", "01:00"]
    assert "not the reason" in given.text


# ------------------------------------------------------------------------------------------------- values of the HUD


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("how much health did I have at 0:30?", "At 00:30 your health was 79, as the HUD showed from [00:20] on."),
        (
            "how much health did he have at 1:00?",
            "At 01:00 the player's health was 100, as the HUD showed from [00:49] on.",
        ),
        ("what was my health when I died the second time", "At 01:52 your health was 0"),
        ("how much health did I have before my first death?", "your health was 23"),
        ("lowest health between 1:00 and 1:30", "lowest health between 01:00 and 01:30 was 100"),
        ("what was my highest health", "Your highest health was 125, at [02:20]"),
        ("when did my health drop below 50?", "below 50 at [00:38] (47), [01:52] (0) and [03:10] (0)"),
        ("did my health drop below 50 before 0:30", "No. Your health was never read below 50"),
        ("did I have more than 50 health at 1:00?", "Yes. At 01:00 your health was 100"),
        ("did I have more than 50 health at 0:42?", "No. At 00:42 your health was 23"),
        ("how did my health change between 0:30 and 0:50", "went from 79 [00:20] to 100 [00:49], lowest 0 [00:45]"),
        ("how many bullets did I have at 1:00?", "your ammo was 48"),
    ],
)
def test_a_value_is_read_off_the_state(text: str, said: str) -> None:
    given = answer(text)
    assert said in given.text
    assert given.supported


def test_a_value_that_could_not_be_read_is_not_made_up() -> None:
    given = answer("how much ammo did I have at 4:00?")
    assert "could not be read" in given.text
    assert "earlier it was 11 (from [01:20] on)" in given.text
    missing = answer("what was my armor at 1:00?")
    assert missing.text == "No value of armor was read from the screen around 01:00."
    assert not missing.supported
    assert missing.confidence is None


# ----------------------------------------------------------------------------------------------- moments and summaries


def test_a_moment_is_told_from_the_rows_in_its_window_and_no_others() -> None:
    given = answer("what happened between 1:00 and 1:30?")
    assert labels(given) == ["01:00", "01:05", "01:10", "01:20"]
    assert given.text.startswith(
        "Between 01:00 and 01:30 the player picked up 2 items, changed weapon once and fired once."
    )


def test_at_time_steers_what_is_told() -> None:
    assert not set(labels(answer("@0:10 what happened"))) & set(labels(answer("@3:05 what happened")))


def test_before_an_event_is_told_for_each_such_event() -> None:
    given = answer("what happened in the 5 seconds before I died?")
    assert given.text.count("Between ") == 3
    assert labels(given) == ["00:41", "00:45", "01:52", "03:10"]


def test_a_burst_of_shots_is_one_line_and_every_shot_is_cited() -> None:
    shots = [event(RUN_A, f"0:10.{s}", "shot", "Fired the pistol.", subject="pistol", value=-1) for s in range(10)]
    source = FakeSource(
        [*shots, event(RUN_A, "0:15", "shot", "Fired the pistol.", subject="pistol")], [], one_video().videos_
    )
    given = answer("what happened at 0:12?", source)
    assert given.text.splitlines()[1:] == [
        "- [00:10] Fired the pistol. 10 times until [00:10].",
        "- [00:15] Fired the pistol.",
    ]
    assert len(given.citations) == 11


def test_a_life_is_from_a_respawn_to_the_death_that_ended_it() -> None:
    assert labels(answer("what happened during my second life?")) == [
        "01:00",
        "01:05",
        "01:10",
        "01:20",
        "01:30",
        "01:52",
    ]
    assert answer("how much damage did I take in my second life").text.startswith(
        "Between 00:49 and 01:52 you took 100"
    )


def test_a_summary_speaks_of_every_kind_and_cites_each_claim() -> None:
    given = answer("summarize the video")
    for said in ("Run A runs 05:00", "died 3 times", "304 damage in 7 hits", "picked up 5 items", "1 utterance"):
        assert said in given.text
    assert all("[" in sentence for sentence in re.split(r"(?<=\.) ", given.text)[1:])


def test_how_long_is_measured_between_events() -> None:
    assert answer("how long is the video?").text == "Run A is 5 minutes long (05:00)."
    assert "45 seconds (to [00:45])" in answer("how long did I survive?").text
    assert (
        answer("how long did my second life last").text
        == "You lived: the second life 1 minute 3 seconds ([00:49] to [01:52])."
    )
    assert answer("how long between my first and second death").text == "1 minute 7 seconds from [00:45] to [01:52]."
    assert answer("how long was I dead").text.endswith("8 seconds in all.")


# ------------------------------------------------------------------------------------------------------------- nothing


def test_nothing_found_says_what_was_looked_for_and_what_is_there() -> None:
    given = answer("purple dragon")
    assert not given.supported
    assert given.text.startswith("The timeline holds nothing on “purple dragon”.")
    assert "the 10 rows nearest to “purple dragon”" in given.text


def test_a_row_near_in_meaning_is_about_the_question_without_a_common_word() -> None:
    class Near(FakeSource):
        def search(self, text, **scope):
            return (replace(self.rows_[0], similarity=self.near),)

    source = Near([event(RUN_A, "1:30", "speech", "Somebody says: a lava pool", of="s")], [], one_video().videos_)
    source.near = 0.5
    assert answer("molten rock", source).supported
    source.near = 0.2
    assert answer("molten rock", source).text.startswith("The timeline holds nothing on “molten rock”.")


def test_an_event_kind_that_the_game_finds_and_that_never_came_is_a_count_of_none() -> None:
    source = FakeSource([row for row in run_a() if row.kind != "death"], [], one_video().videos_)
    given = answer("how many times did I die?", source)
    assert given.text.startswith("The timeline records no deaths. What it holds: 7 hits")
    assert given.supported
    assert given.confidence is None
    assert answer("did I die?", source).text.startswith("No. The timeline records no deaths.")


def test_an_event_kind_that_the_game_cannot_find_is_not_a_count_of_none() -> None:
    given = answer("how many enemies did I kill?")
    assert "this is not to say that there were none" in given.text
    assert not given.supported


def test_a_time_outside_the_video_is_answered_with_nothing() -> None:
    given = answer("what happened at 59:00?")
    assert "points to no part of the video" in given.text
    assert given.citations == ()
    assert not given.supported


def test_an_anchor_that_is_not_on_the_timeline_is_told_and_nothing_is_put_in_its_place() -> None:
    given = answer("what happened after I picked up the red keycard?")
    assert "cannot be placed" in given.text
    assert given.citations == ()
    assert not given.supported


def test_a_time_that_cannot_be_one_stays_in_the_notes() -> None:
    given = answer("why did I die @99:99")
    assert any("“@99:99” cannot be a time" in note for note in given.notes)


def test_an_empty_timeline_is_an_answer_of_nothing() -> None:
    given = answer("what happened?", FakeSource([], [], one_video().videos_))
    assert "holds nothing" in given.text
    assert not given.supported


# -------------------------------------------------------------------------------------------------------- the library


def test_a_question_about_the_library_names_each_video() -> None:
    given = answer("how many times did I die?", library())
    assert given.text.splitlines()[0] == "4 deaths in 2 of 2 videos."
    assert "Run B (doom-run-b-ba9876543210): You died once: at [doom-run-b 00:50]." in given.text
    assert labels(given) == ["doom-run-a 00:45", "doom-run-a 01:52", "doom-run-a 03:10", "doom-run-b 00:50"]


def test_a_question_about_one_video_of_the_library_looks_nowhere_else() -> None:
    given = answer("how many times did I die?", library(), video_id=RUN_B)
    assert given.text == "You died once: at [00:50]."
    assert {citation.video_id for citation in given.citations} == {RUN_B}


def test_videos_in_which_there_is_nothing_are_named_too() -> None:
    given = answer("did I find a keycard?", library())
    assert "Yes. You picked up 1 item matching “keycard”: blue keycard ([doom-run-b 00:10])." in given.text
    assert f"Nothing of it on the timeline of {RUN_A}." in given.text


def test_two_videos_of_one_name_keep_labels_of_their_own() -> None:
    videos = tuple(one_video().videos_[0].__class__(f"run-{'0' * 11}{n}", "Run", at("5:00"), KINDS) for n in (1, 2))
    rows = [event(video.video_id, "0:45", "death", "Died.") for video in videos]
    given = answer("how many times did I die?", FakeSource(rows, [], videos))
    assert len(set(labels(given))) == 2


def test_a_time_beyond_a_short_video_is_looked_up_in_the_long_one() -> None:
    given = answer("what happened at 3:10?", library())
    assert {citation.video_id for citation in given.citations} == {RUN_A}


def test_a_video_that_is_not_there_is_an_error_that_names_those_that_are() -> None:
    with pytest.raises(QuestionError, match="no timeline of a video") as error:
        answer("how many?", library(), video_id="other-0123456789ab")
    assert RUN_A in error.value.remedy


def test_an_empty_library_is_an_error_that_says_what_to_do() -> None:
    with pytest.raises(QuestionError, match="no video has a timeline"):
        answer("how many?", FakeSource([], [], ()))


# ------------------------------------------------------------------------------------------------------- every answer

QUESTIONS = [
    "how many times did I die?",
    "what happened at 0:45?",
    "why did I die at 1:52?",
    "summarize the video",
    "lowest health",
    "did I pick up a medikit?",
    "list all pickups",
    "lava",
    "how many messages were shown?",
    "when did I last take damage?",
    "what was said?",
]


@pytest.mark.parametrize("text", QUESTIONS)
@pytest.mark.parametrize("source", [one_video(), library()], ids=["one video", "library"])
def test_every_time_in_brackets_is_a_citation_and_every_citation_has_its_row(text: str, source: FakeSource) -> None:
    given = answer(text, source)
    known = {citation.label for citation in given.citations}
    assert set(re.findall(r"\[([^\]]+)\]", given.text)) <= known
    rows = {row.row_id: row for row in given.evidence}
    for citation in given.citations:
        row = rows[citation.row_id]
        assert (row.video_id, row.start_ns, row.end_ns) == (citation.video_id, citation.start_ns, citation.end_ns)
    assert given.trace


@pytest.mark.parametrize("text", QUESTIONS)
def test_the_same_question_has_the_same_answer(text: str) -> None:
    first, second = answer(text), answer(text)
    assert (first.text, first.citations, first.evidence) == (second.text, second.citations, second.evidence)


def test_no_more_frames_than_asked_for_are_shown_and_they_are_those_of_cited_rows() -> None:
    given = retrieve.answer("summarize", source=one_video(), core=ExtractiveCore(max_frames=3), settings=SETTINGS)
    assert len(given.frames) == 3
    assert {frame.frame_id for frame in given.frames} <= {row.frame_id for row in given.evidence}


def test_text_read_off_the_screen_is_quoted_without_brackets_or_line_breaks() -> None:
    evil = Row(f"{RUN_A}/o1", RUN_A, "text", "text", at("0:10"), at("0:11"), "[09:99] you won\n\x1b[31m” said it")
    given = answer("what happened at 0:10?", FakeSource([evil], [], one_video().videos_))
    assert labels(given) == ["00:10"]
    assert "[09:99]" not in given.text
    assert "\x1b" not in given.text
    assert given.text.count("\n") == 1


# ------------------------------------------------------------------------------- steps, order, what is around


def test_of_two_events_the_first_is_told_with_both_times() -> None:
    given = answer("Which came first: my first death or the first pickup of the shotgun?")
    assert given.text.startswith("First came [00:45]")
    assert "then came [01:00]" in given.text
    assert given.supported


def test_of_two_events_of_which_one_is_not_there_none_is_first() -> None:
    given = answer("Which came first: my first death or the first pickup of the chainsaw?")
    assert "no chainsaw pickup" in given.text
    assert not given.supported


def test_what_came_next_is_told_nearest_first() -> None:
    given = answer("What came next after 0:20?")
    assert labels(given)[0] == "00:33"


def test_what_came_before_ends_with_the_last() -> None:
    given = answer("At 0:38 I took damage. What came just before that, apart from shots?")
    assert labels(given)[0] == "00:33"


@pytest.mark.parametrize("text", ["Why did my health go up at 0:20?", "What made my health rise at 0:20?"])
def test_a_value_that_rose_is_explained_by_what_raised_it(text: str) -> None:
    assert labels(answer(text))[0] == "00:20"


def test_a_value_that_fell_is_not_explained_by_what_raised_it() -> None:
    assert labels(answer("Why did my health go down at 0:36?"))[0] in ("00:33", "00:38")


def test_what_stands_at_the_second_named_comes_before_what_is_around_it() -> None:
    assert answer("What did I pick up at 1:10?").text.startswith("At 01:10 itself: shotgun shells")


def test_a_stretch_without_a_hit_a_pickup_or_a_death_is_said_to_be_one() -> None:
    assert "no hit, no pickup and no death" in answer("What happened between 1:25 and 1:40?").text


def test_a_summary_of_a_stretch_tells_how_the_health_went() -> None:
    assert (
        "Your health went from 79 [00:20] to 100 [00:49], lowest 0 [00:45]" in answer("sum up 0:30 to 1:00 for me").text
    )


def test_where_a_value_stands_on_the_screen_is_said_to_be_unknown() -> None:
    given = answer("Where on the screen is my health shown at 1:00?")
    assert "was 100" in given.text
    assert "not places on the screen" in given.text


def test_a_text_in_quotes_is_told_with_its_first_moment() -> None:
    given = answer('When does "Got the pump-action shotgun!" first appear?')
    assert labels(given)[0] == "01:00"


# ----------------------------------------------------------------------------------------- yes, no, and by how much


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("Did I die between 0:40 and 0:50?", "Yes. Between 00:40 and 00:50 you died once"),
        ("Did I die between 0:10 and 0:20?", "No. The timeline records no death between 00:10 and 00:20."),
        ("Is it true that I died between 0:10 and 0:20?", "No. The timeline records no death"),
        ("Did I die at 0:45?", "Yes. At 00:45: 1 death"),
        ("Did I die at 0:40?", "No. The timeline records no death at 00:40 itself; the nearest is [00:45]"),
        ("Did I die around 0:40?", "Yes. "),
        ("Did I pick up the shotgun at 1:10?", "No. The timeline records no pickup matching “shotgun” at 01:10 itself"),
        ("Did I die more than once between 0:40 and 0:50?", "No. "),
        ("Did I die less than twice between 0:10 and 0:20?", "Yes. "),
        ("Was my health 79 at 0:30?", "Yes. At 00:30 your health was 79"),
        ("Did the screen show 50 for my health at 0:30?", "No. At 00:30 your health was 79"),
        ("Did my health fall between 0:30 and 0:44?", "Yes. Your health fell by 56: 79 at 00:30"),
        ("Did my health rise between 0:30 and 0:44?", "No. Your health fell by 56"),
    ],
)
def test_yes_or_no_comes_first_where_the_timeline_decides_it(text: str, told: str) -> None:
    given = answer(text)
    assert given.text.startswith(told), given.text
    assert given.supported


@pytest.mark.parametrize(
    "text",
    [
        "What is the difference between my health at 0:30 and at 0:44?",
        "By how much did my health differ between 0:30 and 0:44?",
        "Was my health higher or lower at 0:44 than at 0:30?",
        "Did my health rise or fall from 0:30 to 0:44?",
        "How much did my health change from 0:30 to 0:44?",
    ],
)
def test_two_values_are_compared_and_the_difference_told(text: str) -> None:
    given = answer(text)
    assert given.text == "Your health fell by 56: 79 at 00:30 ([00:20]) and 23 at 00:44 ([00:41])."


def test_what_came_next_is_the_next_event_of_the_kinds_asked_for() -> None:
    assert labels(answer("At 0:45 I died. Which pickup came next?")) == ["01:00"]
    assert labels(answer("What was the last pickup before 0:45, when I died?")) == ["00:20"]


def test_who_dealt_a_hit_is_said_to_be_unknown_where_no_message_names_it() -> None:
    assert "No message on the timeline names who or what did it." in answer("Who dealt the hit at 3:00?").text
    assert "names who" not in answer("Why did I get hit at 3:00?").text


def test_what_came_just_before_and_after_stands_beside_the_moment_asked_for() -> None:
    source = one_video()
    question = languages.read("When did I respawn before 1:30?", duration_ns=at("5:00"), moment_window_s=30)
    evidence = retrieve.gather(question, source.videos(), source, SETTINGS)
    assert [row.clock for row in evidence.rows] == ["00:49"]
    assert {row.clock for row in evidence.context} == {"00:41", "00:45"}
    count = languages.read("How many times did I respawn?", duration_ns=at("5:00"), moment_window_s=30)
    assert retrieve.gather(count, source.videos(), source, SETTINGS).context == ()

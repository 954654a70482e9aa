from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gvlm_resources.reasoning.times import Relation, TimeReference, VideoClock, find_times, steer
from gvlm_resources.timebase import NS_PER_S, Span

S = NS_PER_S
FIVE_MINUTES = VideoClock(300 * S, 30 * S)
THREE_HOURS = VideoClock(3 * 3600 * S, 30 * S)


def span_s(span: Span | None) -> tuple[float, float] | None:
    return None if span is None else (span.start_ns / S, span.end_ns / S)


def found(text: str, clock: VideoClock = FIVE_MINUTES) -> list[tuple[str, tuple[float, float] | None]]:
    return [(r.relation.value, span_s(r.span)) for r in find_times(text, clock).references]


@pytest.mark.parametrize(
    ("text", "at_s"),
    [
        ("@02:45 why did I die", 165),
        ("@2:45 why did I die", 165),
        ("@ 2:45 why did I die", 165),
        ("＠02:45".replace("＠", "@"), 165),
        ("why did I die at 00:45?", 45),
        ("2:10: what happened", 130),
        ("what happened, 2:10", 130),
        ("what happened around 2:10", 130),
        ("what happened about 2:10", 130),
        ("what happened near the 2:10 mark", 130),
        ("what happened at the time 2:10", 130),
        ("what happened on 2:10", 130),
        ("~2:10 what", 130),
        ("(2:10)", 130),
        ("at 0:30.5 what", 30.5),
        ("at 00:30.250", 30.25),
        ("@90s what", 90),
        ("@1m30s what", 90),
        ("@2m what", 120),
        ("at 45 seconds", 45),
        ("at 45 secs", 45),
        ("at the 45 second mark", 45),
        ("at the 45-second mark", 45),
        ("at 2 minutes and 5 seconds", 125),
        ("at 2 min 5 sec", 125),
        ("at two minutes", 120),
        ("2 minutes in, what happened", 120),
        ("two and a half minutes in what happened", 150),
        ("a minute and a half into the video", 90),
        ("half a minute in, was I hurt", 30),
        ("90 seconds into the recording", 90),
        ("10 seconds before 1:00", 50),
        ("10 seconds after 1:00", 70),
        ("20 seconds before the end", 280),
        ("20 seconds after the start of the video", 20),
        ("at second 45", 45),
        ("halfway through the video", 150),
        ("in the middle of the video", 150),
        ("at 0:00", 0),
        ("at 5:00", 300),
    ],
)
def test_a_moment_steers_to_a_window_around_it(text: str, at_s: float) -> None:
    (reference,) = find_times(text, FIVE_MINUTES).references
    assert reference.relation is Relation.AT
    assert reference.at_ns == min(at_s * S, 300 * S - 1)
    assert span_s(reference.span) == (max(0, min(at_s, 300 - 1e-9) - 30), min(300, at_s + 30))


@pytest.mark.parametrize(
    ("text", "relation", "span"),
    [
        ("between 1:00 and 2:00", "between", (60, 120)),
        ("between 2:00 and 1:00", "between", (60, 120)),
        ("between 60s and 2 minutes", "between", (60, 120)),
        ("between 10 and 20 seconds", "between", (10, 20)),
        ("from 0:30 to 0:50", "between", (30, 50)),
        ("from 0:30 until 0:50", "between", (30, 50)),
        ("from 0:30 through 0:50", "between", (30, 50)),
        ("0:30-0:50", "between", (30, 50)),
        ("0:30 - 0:50", "between", (30, 50)),
        ("what happened 0:30 to 0:50", "between", (30, 50)),
        ("@0:30-@0:50", "between", (30, 50)),
        ("between 1:00 and 1:00", "between", (60, 61)),
        ("before 1:00", "before", (0, 60)),
        ("until 1:00", "before", (0, 60)),
        ("up to 1:00", "before", (0, 60)),
        ("prior to 1:00", "before", (0, 60)),
        ("by 1:00", "before", (0, 61)),
        ("after 1:00", "after", (60, 300)),
        ("since 1:00", "after", (60, 300)),
        ("from 1:00 on", "after", (60, 300)),
        ("from 1:00 onwards", "after", (60, 300)),
        ("past 1:00", "after", (60, 300)),
        ("just after 1:00", "between", (60, 90)),
        ("right before 1:00", "between", (30, 60)),
        ("in the first 30 seconds", "between", (0, 30)),
        ("in the first minute", "between", (0, 60)),
        ("in the first minute and a half", "between", (0, 90)),
        ("during the opening two minutes", "between", (0, 120)),
        ("in the last minute", "between", (240, 300)),
        ("the last 30s", "between", (270, 300)),
        ("in the final 10 seconds of the video", "between", (290, 300)),
        ("in the third minute", "between", (120, 180)),
        ("in the 3rd minute", "between", (120, 180)),
        ("at minute 3", "between", (180, 240)),
        ("in the first half", "between", (0, 150)),
        ("in the second half", "between", (150, 300)),
        ("in the last third of the match", "between", (200, 300)),
        ("in the 10 seconds before 1:00", "between", (50, 60)),
        ("in the last 10 seconds before 1:00", "between", (50, 60)),
        ("the 10 seconds after 1:00", "between", (60, 70)),
        ("the first 10 seconds after 1:00", "between", (60, 70)),
        ("within 5 seconds of 1:00", "between", (55, 65)),
        ("at the beginning", "between", (0, 30)),
        ("at the start of the video", "between", (0, 30)),
        ("at the end", "between", (270, 300)),
        ("towards the end of the recording", "between", (270, 300)),
    ],
)
def test_a_stretch_steers_to_just_that_stretch(text: str, relation: str, span: tuple[float, float]) -> None:
    assert found(text) == [(relation, span)]


@pytest.mark.parametrize(
    "text",
    [
        "the score 3:21",
        "a score of 3:21",
        "the score was 3:21",
        "the final score is 3:21, who led",
        "we won 3:21",
        "won 3:2",
        "lost by 2:10",
        "they beat us 2:10",
        "a 2:10 lead",
        "the 2:10 score",
        "aspect ratio 16:09",
        "odds of 1:20",
        "K/D 1:20",
        "16:9",
        "4:3 video",
        "1:5",
        "12:60",
        "1:2:3:4",
        "1:2:3",
        "59:00",
        "120:30",
        "1:02:03",
        "at 3:00 pm",
        "at 11:30 a.m.",
        "v1:20x",
        "10.0.0.1:80",
        "the last death",
        "the first time",
        "the second medikit",
        "30 seconds",
        "for 30 seconds",
        "every 5 minutes",
        "the first minutemen",
        "at the end of the level",
        "the middle door",
        "halfwaysharp",
        "@player",
        "me@2 there",
    ],
)
def test_what_is_no_time_is_left_as_it_stands(text: str) -> None:
    result = find_times(text, FIVE_MINUTES)
    assert result.references == ()
    assert result.rest == text


@pytest.mark.parametrize("text", ["what was the score at 3:21", "did we win before 3:21", "the lead around 3:21"])
def test_a_time_beside_a_score_is_still_a_time(text: str) -> None:
    assert len(find_times(text, FIVE_MINUTES).references) == 1


@pytest.mark.parametrize(
    ("text", "seconds"), [("120:30 what", 7230), ("at 59:00", 3540), ("@1:02:03", 3723), ("score at 2:10", 130)]
)
def test_a_long_video_has_times_that_a_short_one_has_not(text: str, seconds: int) -> None:
    (reference,) = find_times(text, THREE_HOURS).references
    assert reference.at_ns == seconds * S


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("@99:99 what", "seconds have two digits and run to 59"),
        ("@1:99:00 what", "minutes have two digits"),
        ("@1:5 what", "seconds have two digits"),
        ("at 120:30 what", "minutes run to 59, and the video to 05:00"),
        ("at 12:75 what", "seconds"),
        ("@90 what", "write @MM:SS"),
        ("@12:30:99", "two digits"),
        ("@3:00 pm", "time of day"),
        ("at 11:30 am", "time of day"),
    ],
)
def test_a_time_that_cannot_be_one_is_told_and_steers_nothing(text: str, said: str) -> None:
    result = find_times(text, FIVE_MINUTES)
    assert result.references == ()
    assert any(said in note for note in result.notes)
    assert result.unread


@pytest.mark.parametrize(
    "text", ["at 59:00", "@6:00", "@1:02:03", "after 10:00", "between 6:00 and 7:00", "before 0:00"]
)
def test_a_time_outside_the_video_points_nowhere_and_says_so(text: str) -> None:
    result = find_times(text, FIVE_MINUTES)
    assert [reference.span for reference in result.references] == [None]
    assert "05:00" in result.notes[0]


def test_a_stretch_that_goes_past_the_end_is_cut_and_says_so() -> None:
    result = find_times("between 4:00 and 15:00", FIVE_MINUTES)
    assert span_s(result.references[0].span) == (240, 300)
    assert "past the end" in result.notes[0]


def test_the_end_as_people_read_it_is_still_in_the_video() -> None:
    clock = VideoClock(299 * S + 600_000_000, 30 * S)
    assert find_times("@5:00", clock).references[0].span is not None
    assert find_times("@5:01", clock).references[0].span is None


@pytest.mark.parametrize(
    ("text", "rest"),
    [
        ("why did I die at 00:45?", "why did I die ?"),
        ("@02:45 why did I die", "why did I die"),
        ("what happened between 1:00 and 2:00, exactly?", "what happened , exactly?"),
        ("10 seconds before I died", "10 seconds before I died"),
        ("the last 10 seconds before I died", "the last 10 seconds before I died"),
        ("between 0:30 and my first death", "until my first death"),
        ("between my first death and 1:30", "after my first death"),
        ("from 0:30 until I died", "until I died"),
    ],
)
def test_the_words_around_a_time_stay(text: str, rest: str) -> None:
    assert find_times(text, FIVE_MINUTES).rest == rest


def test_several_times_come_in_the_order_in_which_they_were_asked() -> None:
    result = find_times("did I die before 4:00, at 0:45 or at 1:52?", FIVE_MINUTES)
    assert [reference.text for reference in result.references] == ["before 4:00", "at 0:45", "at 1:52"]


@pytest.mark.parametrize(
    ("text", "spans"),
    [
        ("after 1:00 and before 2:00", [(60, 120)]),
        ("before 2:00 but after 1:00", [(60, 120)]),
        ("before 1:00 and after 2:00", [(0, 60), (120, 300)]),
        ("at 0:45 or at 1:52", [(15, 75), (82, 142)]),
        ("after 1:30 around 1:52", [(90, 142)]),
        ("what happened", []),
    ],
)
def test_bounds_meet_and_moments_add_up(text: str, spans: list[tuple[float, float]]) -> None:
    steered = [span_s(span) for span in steer(find_times(text, FIVE_MINUTES).references)]
    assert sorted(steered) == spans


def test_a_window_and_a_duration_of_nothing_are_refused() -> None:
    with pytest.raises(ValueError, match="above 0"):
        VideoClock(0, 1)


VOCABULARY = (
    "at before after between and from to until @ the first last half minute seconds 10 90 1:00 2:10 99:99 "
    "120:30 1:02:03 1:2 @3:00 -@ 30s 1m30s in into video end start pm score won halfway . , ? a my death "
    "I died while when \x02 \x03 0 ⏱ 9999999:59 "
)
WORDS = st.sampled_from(VOCABULARY.split())


@settings(max_examples=300, deadline=None)
@given(
    st.one_of(st.text(max_size=60), st.lists(WORDS, max_size=12).map(" ".join)),
    st.integers(1, 4 * 3600 * S),
    st.integers(1, 120 * S),
)
def test_whatever_is_asked_every_span_lies_in_the_video(text: str, duration_ns: int, window_ns: int) -> None:
    clean = "".join(c for c in text if c >= " ")
    result = find_times(clean, VideoClock(duration_ns, window_ns))
    spans = [r.span for r in result.references if r.span] + list(steer(result.references))
    assert all(0 <= span.start_ns < span.end_ns <= duration_ns for span in spans)
    assert all(0 <= r.at_ns < duration_ns for r in result.references if r.at_ns is not None)
    assert all(isinstance(r, TimeReference) and r.text for r in result.references)
    assert "\x02" not in result.rest
    assert "\x04" not in result.rest

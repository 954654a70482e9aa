"""Which frames and windows are shown: what the answer rests on, and others that do not give it away."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from gvlm_resources.dataset.examples.curriculum_frames import chosen_frames, chosen_windows
from gvlm_resources.dataset.examples.vectors import HeardWindow, SeenFrame
from gvlm_resources.dataset.facts import Sound
from gvlm_resources.dataset.pairs import Claim
from gvlm_resources.timebase import moment_id
from tests.dataset import play
from tests.dataset.footage import ns, pair, when

FACTS = play.facts()
EVENTS = [one for one in FACTS.events if one.kind != "sound"]


def frames(count: int, step_s: float = 1.0) -> list[SeenFrame]:
    return [SeenFrame(moment_id("f", ns(at * step_s)), ns(at * step_s)) for at in range(count)]


def of(event, number: int = 0):
    return when(question=f"When was it, asked {number}?", evidence=(event.event_id,), claims=())


def test_the_frames_before_and_after_every_event_are_shown() -> None:
    for event in EVENTS:
        for number in range(5):
            shown = [frame.pts_ns for frame in chosen_frames(of(event, number), FACTS, frames(70), 8)]
            assert any(0 <= at - event.start_ns <= ns(1) for at in shown)
            assert any(0 < event.start_ns - at <= ns(1) for at in shown) or event.start_ns == 0


def test_few_frames_are_shown_all() -> None:
    assert chosen_frames(of(EVENTS[0]), FACTS, frames(8), 8) == frames(8)
    assert chosen_frames(of(EVENTS[0]), FACTS, [], 8) == []


def test_how_close_frames_lie_together_does_not_say_where_the_moment_is() -> None:
    """Every eighth of the stretch has two frames that follow one another, the one with the event like the others."""
    for event in EVENTS:
        shown = {frame.pts_ns // ns(1) for frame in chosen_frames(of(event), FACTS, frames(80), 16)}
        assert len(shown) == 16
        followed = [at for at in shown if at + 1 in shown]
        parts = [sum(part * 10 <= at < part * 10 + 10 for at in shown) for part in range(8)]
        assert len(followed) >= 7
        assert sum(number >= 1 for number in parts) == 8


def test_where_the_other_frames_are_differs_from_pair_to_pair_and_never_for_one() -> None:
    found = {tuple(f.pts_ns for f in chosen_frames(of(EVENTS[0], n), FACTS, frames(70), 8)) for n in range(8)}
    assert len(found) > 5
    again = [chosen_frames(of(EVENTS[0]), FACTS, frames(70), 8) for _ in range(2)]
    assert again[0] == again[1]


def test_a_stretch_that_the_question_names_is_shown_frame_by_frame_where_there_is_room() -> None:
    claim = Claim("count", ns(30), ns(40), kind="death", value=0.0)
    asked = pair(start_ns=ns(30), end_ns=ns(40), claims=(claim,), evidence=())
    shown = {frame.pts_ns // ns(1) for frame in chosen_frames(asked, FACTS, frames(70), 20)}
    assert set(range(30, 40)) <= shown
    few = {frame.pts_ns // ns(1) for frame in chosen_frames(asked, FACTS, frames(70), 18)}
    assert not set(range(30, 40)) <= few


def test_the_window_under_which_a_sound_is_heard_is_shown() -> None:
    windows = [HeardWindow(moment_id("w", ns(at)), ns(at), ns(at + 2)) for at in range(0, 70, 2)]
    sound = FACTS.sounds[0]
    assert isinstance(sound, Sound)
    for number in range(8):
        asked = pair(question=f"What is heard, asked {number}?", evidence=(sound.sound_id,))
        shown = chosen_windows(asked, FACTS, windows, 4)
        assert len(shown) == 4
        assert any(heard.start_ns < sound.end_ns and sound.start_ns < heard.end_ns for heard in shown)


@settings(deadline=None, max_examples=60)
@given(
    count=st.integers(1, 90),
    limit=st.integers(1, 40),
    step_s=st.sampled_from([0.25, 1.0, 3.0]),
    chosen=st.lists(st.sampled_from(EVENTS), max_size=4),
)
def test_as_many_as_there_is_room_for_each_once_and_in_order(count, limit, step_s, chosen) -> None:
    asked = when(evidence=tuple(one.event_id for one in chosen))
    shown = chosen_frames(asked, FACTS, frames(count, step_s), limit)
    assert len(shown) == min(count, limit)
    assert all(one.pts_ns < other.pts_ns for one, other in pairwise(shown))


def test_frames_that_the_pair_names_are_shown_to_half_of_the_room() -> None:
    names = tuple(frame.frame_id for frame in frames(70))
    for named in (names[33:34], names[50:53]):
        asked = pair(frames=named, evidence=())
        assert set(named) <= {frame.frame_id for frame in chosen_frames(asked, FACTS, frames(70), 8)}
    many = pair(frames=names[:30], evidence=())
    assert sum(frame.pts_ns >= ns(30) for frame in chosen_frames(many, FACTS, frames(70), 8)) >= 2

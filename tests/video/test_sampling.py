"""The planner, against plain definitions and a model of what depends on what."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gvlm_resources.timebase import NS_PER_S, ns_from_pts
from gvlm_resources.video import sampling
from gvlm_resources.video.packets import NO_PTS, PacketIndex, media_ns
from gvlm_resources.video.sampling import ClipRate, Role, Wants

MS = Fraction(1, 1000)


def index_of(
    pts: list[int],
    *,
    starts: list[int] = (0,),
    disposable: list[int] = (),
    hidden: list[int] = (),
    duration: int = 0,
    origin_ns: int = 0,
) -> PacketIndex:
    """An index over milliseconds; `starts`, `disposable` and `hidden` are positions."""
    count = len(pts)

    def flags(positions: list[int]) -> np.ndarray:
        return np.isin(np.arange(count), list(positions))

    return PacketIndex(
        time_base=MS,
        origin_ns=origin_ns,
        pts=np.array(pts, np.int64),
        duration=np.full(count, duration, np.int64),
        starts=flags(starts),
        disposable=flags(disposable),
        displayed=~flags(hidden),
        damaged=np.zeros(count, np.bool_),
    )


@dataclass(frozen=True)
class Stream:
    """A made-up stream in decoding order, with what each packet refers to."""

    index: PacketIndex
    refers_to: list[set[int]]


@st.composite
def streams(draw: st.DrawFn) -> Stream:
    """Groups of a key frame and small groups of one P and some B before it on the screen; open groups lead with B."""
    order: list[float] = []  # the display rank of each packet, in decoding order
    starts, disposable, refers_to = [], [], []
    rank, last_reference = 0.0, None

    def add(at: float, needs: set[int | None], *, spare: bool) -> int:
        order.append(at)
        refers_to.append({need for need in needs if need is not None})
        if spare:
            disposable.append(len(order) - 1)
        return len(order) - 1

    for number in range(draw(st.integers(1, 4))):
        leading = draw(st.integers(0, 3)) if number else 0
        key = add(rank + leading, set(), spare=False)
        starts.append(key)
        for offset in range(leading):
            add(rank + offset, {last_reference, key}, spare=draw(st.booleans()))
        rank += leading + 1
        last_reference = key
        for _ in range(draw(st.integers(0, 5))):
            between = draw(st.integers(0, 3))
            reference = add(rank + between, {last_reference}, spare=False)
            for offset in range(between):
                add(rank + offset, {last_reference, reference}, spare=True)
            rank += between + 1
            last_reference = reference
    ranks = np.argsort(np.argsort(order))
    steps = draw(st.lists(st.integers(1, 400), min_size=len(order), max_size=len(order)))
    times = draw(st.integers(0, 1500)) + np.cumsum(steps)
    index = index_of(times[ranks].tolist(), starts=starts, disposable=disposable, duration=draw(st.integers(0, 50)))
    return Stream(index, refers_to)


WANTS = st.builds(
    Wants,
    frames_hz=st.none() | st.floats(0.2, 30),
    clips=st.none() | st.builds(ClipRate, st.floats(0.3, 5), st.integers(1, 16), st.floats(1, 30)),
    numbers_hz=st.none() | st.floats(0.5, 60),
    messages_hz=st.none() | st.floats(0.5, 10),
)


@given(stream=streams(), wants=WANTS)
@settings(max_examples=300, deadline=None)
def test_every_wanted_picture_finds_all_that_it_refers_to_before_it_in_its_own_segment(
    stream: Stream, wants: Wants
) -> None:
    plan = sampling.plan(stream.index, wants)
    reached: set[int] = set()
    for segment in plan.segments:
        own = [p for p in range(segment.start, segment.stop) if plan.own[p]]
        lead = [p for p in range(segment.stop, segment.tail) if plan.lead[p]]
        assert segment.packets == len(own) + len(lead)
        sent: set[int] = set()
        for position in own + lead:
            assert stream.refers_to[position] <= sent, "a decoder would be without a reference"
            sent.add(position)
        frames = range(segment.first_frame, segment.stop_frame)
        wanted = {int(stream.index.frame_packets[frame]) for frame in frames if plan.roles[frame]}
        assert wanted
        assert wanted <= sent
        reached |= wanted
    assert reached == set(stream.index.frame_packets[plan.wanted].tolist())


@given(stream=streams(), wants=WANTS)
@settings(max_examples=150, deadline=None)
def test_no_packet_is_decoded_for_nothing(stream: Stream, wants: Wants) -> None:
    plan = sampling.plan(stream.index, wants)
    wanted = set(stream.index.frame_packets[plan.wanted].tolist())
    for position in np.flatnonzero(stream.index.disposable & (plan.own | plan.lead)).tolist():
        assert position in wanted, "a picture that nobody asked for and nothing depends on"
    for segment in plan.segments:
        last = max(p for p in range(segment.start, segment.tail) if plan.own[p] or plan.lead[p])
        assert last in wanted, "decoding goes on after the last wanted picture"


@given(stream=streams(), rate=st.floats(0.2, 60))
@settings(max_examples=200, deadline=None)
def test_the_frame_of_an_instant_is_the_last_that_is_not_after_it(stream: Stream, rate: float) -> None:
    index = stream.index
    times = index.times_ns.tolist()
    expected = set()
    for k in range(int(index.end_ns * rate / NS_PER_S) + 2):
        instant = round(k * NS_PER_S / rate)
        if instant >= index.end_ns:
            break
        before = [frame for frame, at in enumerate(times) if at <= instant]
        if before:
            expected.add(before[-1])
        elif times[0] < instant + round(NS_PER_S / rate):
            expected.add(0)
    assert sampling.frames_at_rate(index, rate).tolist() == sorted(expected)
    assert expected, "every video gives at least one frame"


@given(stream=streams(), rate=st.builds(ClipRate, st.floats(0.3, 5), st.integers(1, 16), st.floats(1, 30)))
@settings(max_examples=150, deadline=None)
def test_sampling_never_crosses_the_end_of_the_video(stream: Stream, rate: ClipRate) -> None:
    for window in sampling.clip_windows(stream.index, rate):
        assert 0 <= window.start_ns < window.end_ns <= stream.index.end_ns
        assert 1 <= len(window.frames) <= rate.frames
        assert np.all(np.diff(window.frames) >= 0)
        assert window.whole == (len(window.frames) == rate.frames)


@given(
    pts=st.lists(st.integers(-(2**33), 2**33), min_size=1, max_size=20),
    base=st.builds(Fraction, st.integers(1, 1001), st.integers(2002, 90_000_000)),
    origin=st.integers(0, 10**15),
)
@settings(max_examples=100)
def test_times_of_arrays_are_those_of_single_timestamps(pts: list[int], base: Fraction, origin: int) -> None:
    expected = [ns_from_pts(one, base, origin_ns=origin) for one in pts]
    assert media_ns(np.array(pts, np.int64), base, origin).tolist() == expected


def test_an_early_key_frame_is_a_candidate_for_a_new_scene() -> None:
    index = index_of(list(range(0, 100)), starts=[0, 30, 60, 71, 90])
    assert sampling.scene_candidates(index).tolist() == [71, 90]


def test_key_frames_in_step_are_no_candidates() -> None:
    index = index_of(list(range(0, 100)), starts=[0, 30, 60, 90])
    assert sampling.scene_candidates(index).tolist() == []


def test_without_a_cadence_each_key_frame_but_the_first_is_a_candidate() -> None:
    index = index_of(list(range(0, 100)), starts=[0, 57])
    assert sampling.scene_candidates(index).tolist() == [57]


def test_a_slow_video_has_every_frame_cut_and_a_fast_one_only_those_of_the_rate() -> None:
    thirty_hz = index_of([round(k * 1000 / 30) for k in range(60)])
    assert sampling.frames_up_to(thirty_hz, 30.0).tolist() == list(range(60))
    assert len(sampling.frames_up_to(thirty_hz, 10.0)) == 20


def test_a_picture_track_that_starts_late_gives_its_first_frame_once() -> None:
    index = index_of([2300, 2333, 2366, 3000, 3033])
    assert sampling.frames_at_rate(index, 1.0).tolist() == [0, 3]


def test_a_clip_that_starts_before_the_picture_is_not_whole() -> None:
    index = index_of(list(range(2300, 6000, 50)))
    first, *_ = sampling.clip_windows(index, ClipRate(every_s=2.0, frames=16, rate_hz=8.0))
    assert first.start_ns == 2 * NS_PER_S
    assert not first.whole


def test_a_group_without_a_wanted_frame_is_not_decoded_at_all() -> None:
    index = index_of(list(range(0, 3000, 10)), starts=list(range(0, 300, 10)))
    plan = sampling.plan(index, Wants(frames_hz=1.0))
    assert plan.wanted.tolist() == [0, 100, 200]
    assert plan.packets == 3


def test_two_rates_share_one_plan() -> None:
    index = index_of(list(range(0, 2000, 25)))
    plan = sampling.plan(index, Wants(frames_hz=1.0, numbers_hz=40.0, messages_hz=4.0))
    assert plan.roles[0] == Role.RATE | Role.NUMBER | Role.MESSAGE
    assert plan.roles[1] == Role.NUMBER
    assert (plan.roles & Role.MESSAGE > 0).sum() == 8


@pytest.mark.parametrize("wants", [{"frames_hz": 0.0}, {"numbers_hz": -1.0}])
def test_a_rate_is_positive(wants: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="positive"):
        Wants(**wants)


def test_a_displayed_packet_without_a_time_is_refused() -> None:
    with pytest.raises(ValueError, match="timestamp"):
        index_of([0, NO_PTS])

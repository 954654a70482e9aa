from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from gvlm_resources.llm.pacing import Pace, Server, StoppedError
from gvlm_resources.settings import ServerSettings


class HandClock:
    """A clock that goes on only where somebody sleeps."""

    def __init__(self) -> None:
        self.time_s = 1000.0

    def now(self) -> float:
        return self.time_s

    def sleep(self, seconds: float) -> None:
        self.time_s += seconds


class BusyClock(HandClock):
    """A clock on which something else happens as soon as somebody sleeps."""

    meanwhile: Callable[[], None] | None = None

    def sleep(self, seconds: float) -> None:
        meanwhile, self.meanwhile = self.meanwhile, None
        if meanwhile is not None:
            meanwhile()
        super().sleep(seconds)


def starts(pace: Pace, clock: HandClock, count: int, *, tokens: int = 0, took: int = 0) -> list[float]:
    """Seconds from now at which one request after the other starts."""
    begin, found = clock.now(), []
    for _ in range(count):
        with pace.turn(tokens) as turn:
            found.append(round(clock.now() - begin, 6))
            turn.tokens = took
    return found


def test_without_limits_nothing_waits() -> None:
    clock = HandClock()
    pace = Pace(4, clock=clock)
    assert starts(pace, clock, 50, tokens=10_000, took=10_000) == [0.0] * 50
    assert pace.waited_s == 0


def test_requests_a_minute_are_spread_over_the_minute() -> None:
    clock = HandClock()
    pace = Pace(4, requests_per_minute=30, clock=clock)
    assert starts(pace, clock, 4) == [0, 2, 4, 6]
    assert pace.waited_s == pytest.approx(6)


def test_in_no_minute_are_there_more_requests_than_allowed() -> None:
    clock = HandClock()
    pace = Pace(4, requests_per_minute=7, clock=clock)
    clock.sleep(600)  # what was not used before is not made up for
    times = starts(pace, clock, 40)
    assert all(sum(start <= other < start + 59.999 for other in times) <= 7 for start in times)


def test_tokens_a_minute_hold_back_the_request_after_a_large_one() -> None:
    clock = HandClock()
    pace = Pace(4, tokens_per_minute=6000, clock=clock)
    assert starts(pace, clock, 3, tokens=1000, took=1000) == [0, 10, 20]


def test_a_request_larger_than_a_minutes_tokens_is_made_all_the_same() -> None:
    clock = HandClock()
    pace = Pace(1, tokens_per_minute=100, clock=clock)
    assert starts(pace, clock, 2, tokens=300, took=300) == [0, 180]


def test_what_a_reply_took_corrects_the_estimate() -> None:
    clock = HandClock()
    pace = Pace(4, tokens_per_minute=6000, clock=clock)
    assert starts(pace, clock, 3, tokens=1000, took=100) == [0, 1, 2]


def test_a_pause_for_all_holds_back_whoever_starts_next() -> None:
    clock = BusyClock()
    pace, begin, started = Pace(4, clock=clock), clock.now(), []

    def another() -> None:
        with pace.turn(0):
            started.append(clock.now() - begin)

    clock.meanwhile = another
    pace.before_retry(30, for_all=True)
    assert started == [30]


def test_a_pause_for_one_holds_back_nobody_else() -> None:
    clock = HandClock()
    pace = Pace(4, clock=clock)
    pace.before_retry(30, for_all=False)
    assert starts(pace, clock, 2) == [0, 0]


def test_of_two_pauses_the_longer_one_holds() -> None:
    clock = BusyClock()
    pace, begin, ended = Pace(4, clock=clock), clock.now(), []

    def shorter() -> None:
        pace.before_retry(5, for_all=True)
        ended.append(clock.now() - begin)

    clock.meanwhile = shorter
    pace.before_retry(50, for_all=True)
    assert ended == [50]


def test_a_repeated_request_counts_against_the_requests_a_minute() -> None:
    clock = HandClock()
    pace = Pace(4, requests_per_minute=6, clock=clock)
    pace.before_retry(0, for_all=False)
    assert starts(pace, clock, 1) == [10]


def test_no_more_requests_are_under_way_than_allowed() -> None:
    pace = Pace(3)
    mutex, under_way, most = threading.Lock(), 0, 0
    gate = threading.Barrier(3)

    def one() -> None:
        nonlocal under_way, most
        with pace.turn(0):
            with mutex:
                under_way += 1
                most = max(most, under_way)
            gate.wait(10)  # passes only where three are under way at once
            with mutex:
                under_way -= 1

    threads = [threading.Thread(target=one) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == 3


def test_a_stop_breaks_off_every_wait_until_it_is_lifted() -> None:
    clock = HandClock()
    pace = Pace(1, requests_per_minute=1, clock=clock)
    starts(pace, clock, 1)
    pace.stop()
    with pytest.raises(StoppedError), pace.turn(0):
        pass
    pace.resume()
    assert starts(pace, clock, 1) == [60]


def test_two_who_ask_one_server_share_its_limits() -> None:
    clock, server = HandClock(), Server()
    one, other = (Pace(4, requests_per_minute=30, tokens_per_minute=6000, server=server, clock=clock) for _ in "ab")
    assert starts(one, clock, 1) == [0]
    assert starts(other, clock, 2, tokens=1000, took=1000) == [2, 12]
    assert starts(one, clock, 1) == [10]
    assert (one.waited_s, other.waited_s) == (pytest.approx(10), pytest.approx(12))


def test_a_stop_of_one_stops_no_other_who_asks_that_server() -> None:
    clock, server = HandClock(), Server()
    one, other = (Pace(1, requests_per_minute=1, server=server, clock=clock) for _ in "ab")
    one.stop()
    assert starts(other, clock, 2) == [0, 60]
    other.resume()
    with pytest.raises(StoppedError), one.turn(0):
        pass


@pytest.mark.parametrize(
    ("address", "is_shared"),
    [
        ("http://models.example:80/other", True),
        ("http://MODELS.example/v1", True),
        ("http://models.example:81/v1", False),
        ("https://models.example/v1", False),
        ("http://other.example/v1", False),
    ],
)
def test_one_address_is_one_server_in_this_process(address: str, is_shared: bool) -> None:
    one = Pace.of(ServerSettings(base_url="http://models.example/v1", concurrency=1))
    other = Pace.of(ServerSettings(base_url=address, concurrency=1))
    started = threading.Event()

    def another() -> None:
        with other.turn(0):
            started.set()

    thread = threading.Thread(target=another)
    with one.turn(0):
        thread.start()
        assert started.wait(0.4 if is_shared else 10) is not is_shared
    thread.join()


def test_the_settings_of_the_server_give_the_pace() -> None:
    pace = Pace.of(ServerSettings(concurrency=7, requests_per_minute=60))
    assert pace.concurrency == 7


def test_nobody_at_a_time_is_no_pace() -> None:
    with pytest.raises(ValueError, match="one request or more"):
        Pace(0)

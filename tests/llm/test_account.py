"""The account that processes share, here by several accounts over one folder. Real processes: `test_asking.py`."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path

import pytest
from filelock import FileLock

from gvlm_resources.llm import account
from gvlm_resources.llm.account import LakeServer
from gvlm_resources.llm.pacing import Pace, StoppedError
from tests.llm.test_pacing import HandClock, starts

DAY_S = 86_400.0
WALL_S = 1_800_000_000.0


class Machine:
    """Two clocks: one that began with the machine, and the one on the wall, which may be set."""

    def __init__(self) -> None:
        self.clock, self.set_by_s = HandClock(), WALL_S

    def wall(self) -> float:
        return self.clock.now() + self.set_by_s

    def server(self, folder: Path, host: str = "models.example", port: int = 80) -> LakeServer:
        """The account as a process of its own has it."""
        return LakeServer(folder, host, port, wall=self.wall)

    def pace(self, folder: Path, *limits: int, host: str = "models.example", port: int = 80) -> Pace:
        return Pace(*(limits or (4,)), server=self.server(folder, host, port), clock=self.clock)

    def pause(self, folder: Path, seconds: float) -> None:
        with self.server(folder).limits(self.clock.now, go_on) as limits:
            limits.paused_until = self.clock.now() + seconds

    def waits(self, folder: Path, *limits: int, host: str = "models.example", port: int = 80) -> float:
        """Seconds until a request may start."""
        return starts(self.pace(folder, *limits, host=host, port=port), self.clock, 1)[0]


def go_on() -> None:
    """Nobody stops."""


def state(folder: Path) -> Path:
    (path,) = folder.glob("*.json")
    return path


def test_what_one_process_used_up_is_not_the_others_to_use(tmp_path: Path) -> None:
    machine = Machine()
    one, other = (machine.pace(tmp_path, 4, 30, 6000) for _ in "ab")
    assert starts(one, machine.clock, 1) == [0]
    assert starts(other, machine.clock, 2, tokens=1000, took=1000) == [2, 12]
    assert starts(one, machine.clock, 1) == [10]


def test_what_a_reply_took_corrects_the_estimate_for_all(tmp_path: Path) -> None:
    machine = Machine()
    starts(machine.pace(tmp_path, 4, 0, 6000), machine.clock, 1, tokens=1000, took=200)
    assert machine.waits(tmp_path) == 2


def test_a_pause_holds_for_all(tmp_path: Path) -> None:
    machine = Machine()
    machine.pause(tmp_path, 30)
    assert machine.waits(tmp_path) == 30


@pytest.mark.parametrize(("host", "port"), [("other.example", 80), ("models.example", 81)])
def test_another_address_has_another_account(tmp_path: Path, host: str, port: int) -> None:
    machine = Machine()
    starts(machine.pace(tmp_path, 1, 1), machine.clock, 1)
    assert machine.waits(tmp_path, 1, 1, host=host, port=port) == 0
    assert machine.waits(tmp_path, 1, 1) == 60


def test_files_lie_in_the_folder_under_names_that_tell_nothing(tmp_path: Path) -> None:
    machine, folder = Machine(), tmp_path / "cache" / "pace"
    with machine.pace(folder, 4, 30, host="../../\ud800secret").turn(0):
        names = [path.name for path in folder.iterdir()]
        assert all(re.fullmatch(r"[0-9a-f]{16}\.(lock|json|[0-9a-f]{32}\.place)", name) for name in names)
        assert len(names) == 3
    assert sorted(path.suffix for path in folder.iterdir()) == [".json", ".lock"]
    assert set(json.loads(state(folder).read_text())) == {"written_at", "requests_at", "tokens_at", "paused_until"}
    assert list(tmp_path.iterdir()) == [tmp_path / "cache"]


# --------------------------------------------------------------------------------- what is left of an earlier time


def used_up(machine: Machine, folder: Path) -> None:
    """A minute's requests and a pause of 30 s."""
    starts(machine.pace(folder, 4, 1), machine.clock, 1)
    machine.pause(folder, 30)


def test_the_state_of_yesterday_makes_nobody_wait(tmp_path: Path) -> None:
    machine = Machine()
    used_up(machine, tmp_path)
    machine.clock.sleep(DAY_S)
    assert machine.waits(tmp_path) == 0


def test_another_start_of_the_machine_waits_for_what_is_left_and_no_longer(tmp_path: Path) -> None:
    machine = Machine()
    used_up(machine, tmp_path)
    machine.clock.sleep(20)
    machine.set_by_s, machine.clock.time_s = machine.wall() - 5.0, 5.0  # up for five seconds, the wall clock is right
    assert machine.waits(tmp_path) == pytest.approx(40, abs=1e-3)


@pytest.mark.parametrize("set_by_s", [-DAY_S, -3600.0, -40.0])
def test_a_clock_that_is_set_back_makes_nobody_wait_longer(tmp_path: Path, set_by_s: float) -> None:
    machine = Machine()
    used_up(machine, tmp_path)
    machine.set_by_s += set_by_s
    assert machine.waits(tmp_path) == pytest.approx(60, abs=1e-3)
    assert machine.waits(tmp_path) == 0


def test_a_clock_that_is_set_forward_ends_a_wait_and_the_limits_hold_on(tmp_path: Path) -> None:
    machine = Machine()
    used_up(machine, tmp_path)
    machine.set_by_s += DAY_S
    assert starts(machine.pace(tmp_path, 4, 30), machine.clock, 3) == pytest.approx([0, 2, 4], abs=1e-3)


def test_a_state_that_holds_back_for_years_is_capped(tmp_path: Path) -> None:
    for name, most_s in (("requests_at", 60), ("tokens_at", 3600), ("paused_until", 90)):
        machine, folder = Machine(), tmp_path / name
        used_up(machine, folder)
        now = dict.fromkeys(("written_at", "requests_at", "tokens_at", "paused_until"), machine.wall())
        state(folder).write_text(json.dumps(now | {name: 1e300}))
        assert machine.waits(folder) == pytest.approx(most_s, abs=1e-3)
        assert machine.waits(folder) == 0


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x00" * 256,
        b"\xff" * 5000,
        b"{" * 5000,
        b"[]",
        b"null",
        b'{"written_at": 18000000',
        b'{"written_at": 1}',
        b'{"written_at": NaN, "requests_at": NaN, "tokens_at": NaN, "paused_until": NaN}',
        b'{"written_at": Infinity, "requests_at": 1, "tokens_at": 1, "paused_until": 1}',
        b'{"written_at": 1e999, "requests_at": 1, "tokens_at": 1, "paused_until": 1e999}',
        b'{"written_at": "1", "requests_at": "1", "tokens_at": "1", "paused_until": "1"}',
    ],
)
def test_a_damaged_state_ends_nothing_and_the_limits_hold_on(tmp_path: Path, content: bytes) -> None:
    machine = Machine()
    used_up(machine, tmp_path)
    state(tmp_path).write_bytes(content)
    assert starts(machine.pace(tmp_path, 4, 30), machine.clock, 3) == pytest.approx([0, 2, 4], abs=1e-3)
    assert machine.waits(tmp_path, 4, 30) == pytest.approx(2, abs=1e-3)


def test_a_damaged_state_frees_no_place(tmp_path: Path) -> None:
    one, other = (Pace(1, requests_per_minute=100_000, server=LakeServer(tmp_path, "h", 1)) for _ in "ab")
    with one.turn(0):
        state(tmp_path).write_bytes(b"nonsense")
        started = waiting(other)
        assert not started.wait(0.3)
    assert started.wait(30)


# -------------------------------------------------------------------------------------------------- places


def waiting(pace: Pace) -> threading.Event:
    """Somebody waits for a turn: set when it has had one."""
    started = threading.Event()

    def one() -> None:
        with pace.turn(0):
            started.set()

    threading.Thread(target=one, daemon=True).start()
    return started


def test_no_more_requests_are_under_way_than_allowed_whoever_asks(tmp_path: Path) -> None:
    mutex, under_way, most, done = threading.Lock(), 0, 0, 0

    def one(pace: Pace) -> None:
        nonlocal under_way, most, done
        for _ in range(6):
            with pace.turn(0):
                with mutex:
                    under_way += 1
                    most = max(most, under_way)
                time.sleep(0.005)
                with mutex:
                    under_way, done = under_way - 1, done + 1

    servers = [LakeServer(tmp_path, "h", 1) for _ in range(2)]
    threads = [threading.Thread(target=one, args=(Pace(3, server=server),)) for server in servers * 4]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (most, done) == (3, 48)
    assert sorted(path.suffix for path in tmp_path.iterdir()) == [".json", ".lock"]


def test_each_keeps_to_its_own_number_of_what_all_have_under_way(tmp_path: Path) -> None:
    large, small = (Pace(most, server=LakeServer(tmp_path, "h", 1)) for most in (3, 2))
    with ExitStack() as second:
        with ExitStack() as first:
            first.enter_context(large.turn(0))
            second.enter_context(large.turn(0))
            started = waiting(small)
            assert not started.wait(0.3)  # two are under way
        assert started.wait(30)  # one is
        with large.turn(0), large.turn(0):
            assert len(list(tmp_path.glob("*.place"))) == 3
            started = waiting(small)
            assert not started.wait(0.3)
    assert started.wait(30)


def test_processes_that_wait_are_served_in_turn(tmp_path: Path) -> None:
    one, other = (Pace(1, server=LakeServer(tmp_path, "h", 1)) for _ in "ab")
    order: list[str] = []

    def ask(pace: Pace, who: str) -> None:
        with pace.turn(0):
            order.append(who)

    threads = [threading.Thread(target=ask, args=(one, "a")) for _ in range(6)]
    last = threading.Thread(target=ask, args=(other, "b"))
    with Pace(1, server=LakeServer(tmp_path, "h", 1)).turn(0):
        for thread in threads:
            thread.start()
        while not list(tmp_path.glob("*.wait")):
            time.sleep(0.01)
        last.start()
        while len(list(tmp_path.glob("*.wait"))) < 2:
            time.sleep(0.01)
    for thread in (*threads, last):
        thread.join()
    assert order == ["a", "b", "a", "a", "a", "a", "a"]


HOLDER = """
import sys
from pathlib import Path
from gvlm_resources.llm.account import LakeServer
from gvlm_resources.llm.pacing import Pace
one, other = (Pace(most, server=LakeServer(Path(sys.argv[1]), "h", 1)) for most in (2, 2))
with one.turn(0), other.turn(0):
    print("holding", flush=True)
    sys.stdin.readline()
    with one.turn(0):
        pass
"""


def test_a_killed_process_holds_neither_places_nor_its_turn(tmp_path: Path) -> None:
    root, pipes = Path(__file__).parents[2], {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    here = Pace(2, server=LakeServer(tmp_path, "h", 1))
    with subprocess.Popen([sys.executable, "-c", HOLDER, str(tmp_path)], cwd=root, **pipes) as dying:
        assert dying.stdout.readline() == "holding\n"
        dying.stdin.write("wait\n")
        dying.stdin.flush()
        while not list(tmp_path.glob("*.wait")):
            time.sleep(0.01)
        started = waiting(here)
        assert not started.wait(0.3)
        dying.kill()
    assert started.wait(30)
    with here.turn(0), here.turn(0):
        assert len(list(tmp_path.glob("*.place"))) == 2  # what the dead one left is swept


def test_one_who_came_first_and_is_suspended_is_not_waited_for_for_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(account, "PATIENCE_S", 0.5)
    pace = Pace(2, server=LakeServer(tmp_path, "h", 1))
    with pace.turn(0):
        pass
    with somebody_first(tmp_path):
        started = waiting(pace)
        assert not started.wait(0.2)
        assert started.wait(30)


# --------------------------------------------------------------------------------------------------- stopping


def lock_file(folder: Path) -> Path:
    (path,) = folder.glob("*.lock")
    return path


def account_held(folder: Path) -> FileLock:
    return FileLock(lock_file(folder))


def somebody_first(folder: Path) -> FileLock:
    return FileLock(folder / f"{lock_file(folder).stem}.{1:020d}.{'0' * 32}.wait")


def no_place_left(folder: Path) -> AbstractContextManager[object]:
    return Pace(1, server=LakeServer(folder, "h", 1)).turn(0)


@contextmanager
def a_pause(folder: Path) -> Iterator[None]:
    with LakeServer(folder, "h", 1).limits(time.monotonic, go_on) as limits:
        limits.paused_until = time.monotonic() + 60
    yield


@pytest.mark.parametrize("held", [account_held, somebody_first, no_place_left, a_pause], ids=lambda held: held.__name__)
def test_a_stop_is_heard_wherever_one_waits(
    tmp_path: Path, held: Callable[[Path], AbstractContextManager[object]]
) -> None:
    pace = Pace(2 if held is a_pause else 1, server=LakeServer(tmp_path, "h", 1))
    with pace.turn(0):
        pass
    ended: list[str] = []

    def one() -> None:
        try:
            with pace.turn(0):
                ended.append("started")
        except StoppedError:
            ended.append("stopped")

    threads = [threading.Thread(target=one) for _ in "ab"]  # of which the second waits for the first
    with held(tmp_path):
        for thread in threads:
            thread.start()
        time.sleep(0.1)
        pace.stop()
        for thread in threads:
            thread.join()  # while it is held
    assert ended == ["stopped", "stopped"]
    assert {path.suffix for path in tmp_path.iterdir()} <= {".lock", ".json", ".wait"}
    assert len(list(tmp_path.glob("*.wait"))) <= (held is somebody_first)


def test_a_stop_is_heard_behind_another_video_that_waits_on(tmp_path: Path) -> None:
    server = LakeServer(tmp_path, "h", 1)
    first, second = Pace(1, server=server), Pace(1, server=server)
    with no_place_left(tmp_path):
        started = waiting(first)
        while not list(tmp_path.glob("*.wait")):
            time.sleep(0.01)
        second.stop()
        with pytest.raises(StoppedError), second.turn(0):
            pass
        assert not started.is_set()
    assert started.wait(30)


def test_a_reply_is_not_lost_where_its_count_cannot_be_corrected(tmp_path: Path) -> None:
    pace = Pace(1, tokens_per_minute=1000, server=LakeServer(tmp_path, "h", 1))
    with pace.turn(100) as turn:
        turn.tokens, reply = 10, "reply"
        held = account_held(tmp_path)
        held.acquire()
        pace.stop()
    held.release()  # had it waited for this, nobody would be here
    assert reply == "reply"
    assert not list(tmp_path.glob("*.place"))

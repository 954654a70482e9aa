"""Decoding beside encoding: order, bounds, failures, memory that runs out."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
import torch

from gvlm_resources.encoders import stream
from gvlm_resources.encoders.meter import Meter
from gvlm_resources.encoders.stream import Flow, Job, Unreadable
from gvlm_resources.errors import GvlmError


def silent(message: str) -> None:
    raise AssertionError(f"nothing was to be reported, got {message}")


def numbers(count: int) -> Iterator[Job[int, int]]:
    return (Job(key=number, raw=number) for number in range(count))


def same(raw: int) -> int:
    return raw


def doubled(items: list[int]) -> list[int]:
    return [2 * item for item in items]


def outcomes(flow: Flow[Any, Any, Any], jobs: Any, report: Callable[[str], None] = silent) -> list[Any]:
    return list(stream.run(flow, jobs, meter=Meter(), report=report))


def threads_of_the_stream() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("gvlm-")]


@pytest.fixture(autouse=True)
def _no_thread_outlives_a_run() -> Iterator[None]:
    yield
    assert threads_of_the_stream() == []


@pytest.mark.parametrize("batch", [1, 3, 7, 100])
def test_results_come_in_the_order_of_the_jobs_whatever_the_batch(batch: int) -> None:
    def slow_at_first(raw: int) -> int:
        time.sleep(0.01 if raw < 3 else 0)
        return raw

    done = outcomes(Flow(slow_at_first, doubled, batch=batch, threads=4, queued=2), numbers(20))
    assert [(one.key, one.made) for one in done] == [(number, 2 * number) for number in range(20)]


def test_no_jobs_give_no_results_and_no_call_of_the_network() -> None:
    assert outcomes(Flow(same, lambda items: pytest.fail("called"), batch=4), numbers(0)) == []


def test_an_item_that_cannot_be_decoded_costs_only_itself() -> None:
    def decode(raw: int) -> int:
        if raw in (0, 5):
            raise Unreadable(f"{raw} is torn")
        return raw

    done = outcomes(Flow(decode, doubled, batch=4), numbers(9))
    assert [one.made for one in done] == [None, 2, 4, 6, 8, None, 12, 14, 16]
    assert [(one.key, one.status, one.reason) for one in done if one.made is None] == [
        (0, "failed", "0 is torn"),
        (5, "failed", "5 is torn"),
    ]


def test_a_job_that_is_not_ok_is_passed_through_undecoded() -> None:
    jobs = [Job("a", 1), Job("b", None, "filtered", "too short"), Job("c", 3)]
    done = outcomes(Flow(lambda raw: raw + 0, doubled, batch=8), jobs)
    assert [(one.key, one.made, one.status, one.reason) for one in done] == [
        ("a", 2, "ok", ""),
        ("b", None, "filtered", "too short"),
        ("c", 6, "ok", ""),
    ]


def test_a_batch_holds_items_of_one_shape() -> None:
    widths = [4, 4, 4, 6, 6, 4, 4]
    seen: list[tuple[int, ...]] = []

    def encode(batch: np.ndarray) -> list[int]:
        seen.append(batch.shape)
        return [item.shape[0] for item in batch]

    flow = Flow(np.zeros, encode, batch=8, alike=lambda item: item.shape, collate=np.stack)
    done = outcomes(flow, [Job(number, width) for number, width in enumerate(widths)])
    assert seen == [(3, 4), (2, 6), (2, 4)]
    assert [one.made for one in done] == widths


def wait_until(is_so: Callable[[], bool]) -> None:
    """Fails after a minute: a loaded machine is slow, not wrong."""
    ends = time.monotonic() + 60
    while not is_so():
        assert time.monotonic() < ends, "it never came to be"
        time.sleep(0.001)


def test_decoding_goes_on_while_the_network_works() -> None:
    decoded: list[int] = []

    def encode(items: list[int]) -> list[int]:
        wait_until(lambda: len(decoded) >= min(items[-1] + 1 + 3 * 2, 40))  # three more batches of two stand ready
        return items

    def decode(raw: int) -> int:
        decoded.append(raw)
        return raw

    assert len(outcomes(Flow(decode, encode, batch=2, threads=2, queued=3), numbers(40))) == 40


def test_no_more_is_decoded_than_the_queue_holds() -> None:
    alive = most = 0
    lock = threading.Lock()

    def decode(raw: int) -> int:
        nonlocal alive, most
        with lock:
            alive += 1
            most = max(most, alive)
        return raw

    def encode(items: list[int]) -> list[int]:
        nonlocal alive
        time.sleep(0.005)
        with lock:
            alive -= len(items)
        return items

    outcomes(Flow(decode, encode, batch=4, threads=2, queued=2), numbers(200))
    assert most <= 4 * (2 + 2) + 2 * 2 + 1


@pytest.mark.parametrize("part", ["jobs", "decode", "encode", "collate"])
def test_an_exception_anywhere_is_raised_and_ends_the_threads(part: str) -> None:
    def at(place: str, value: int) -> int:
        if part == place and value == 30:
            raise ZeroDivisionError(place)
        return value

    flow = Flow(
        decode=lambda raw: at("decode", raw),
        encode=lambda items: [at("encode", item) for item in items],
        batch=4,
        collate=lambda items: [at("collate", item) for item in items],
    )
    with pytest.raises(ZeroDivisionError, match=part):
        outcomes(flow, (Job(at("jobs", number), number) for number in range(1000)))
    assert threads_of_the_stream() == []


def test_leaving_early_ends_the_threads_while_the_queue_is_full() -> None:
    running = stream.run(Flow(same, doubled, batch=2, queued=1), numbers(10**9), meter=Meter(), report=silent)
    assert next(running).made == 0
    assert threads_of_the_stream() != []
    running.close()
    assert threads_of_the_stream() == []


class Cramped:
    """A device with room for `room` items at a time."""

    def __init__(self, room: int, error: Exception) -> None:
        self.room = room
        self.error = error
        self.sizes: list[int] = []

    def encode(self, items: list[int]) -> list[int]:
        self.sizes.append(len(items))
        if len(items) > self.room:
            raise self.error
        return doubled(items)


LACKS = [
    torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB."),
    RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes."),
    MemoryError(),
]


@pytest.mark.parametrize("error", LACKS, ids=lambda error: type(error).__name__)
def test_a_batch_that_does_not_fit_is_halved_for_the_rest_and_nothing_is_lost(error: Exception) -> None:
    device, messages, meter = Cramped(3, error), [], Meter()
    done = list(stream.run(Flow(same, device.encode, batch=8), numbers(20), meter=meter, report=messages.append))
    assert [one.made for one in done] == [2 * number for number in range(20)]
    assert device.sizes[:4] == [8, 4, 2, 2]
    assert max(device.sizes[2:]) == 2
    assert [message.partition(":")[0] for message in messages] == [
        "a batch of 8 does not fit into memory, going on with 4",
        "a batch of 4 does not fit into memory, going on with 2",
    ]
    assert (meter.speed().batch, meter.speed().halvings, meter.speed().items) == (2, 2, 20)


def test_a_single_item_that_does_not_fit_is_an_error_with_a_remedy() -> None:
    device, messages = Cramped(0, LACKS[0]), []
    with pytest.raises(GvlmError, match=r"not even one item fits.*Tried to allocate 2\.00 GiB.*smaller checkpoint"):
        outcomes(Flow(same, device.encode, batch=2), numbers(4), messages.append)
    assert len(messages) == 1


def test_any_other_error_of_the_network_is_not_taken_for_a_lack_of_memory() -> None:
    device = Cramped(0, RuntimeError("mat1 and mat2 shapes cannot be multiplied"))
    with pytest.raises(RuntimeError, match="mat1 and mat2"):
        outcomes(Flow(same, device.encode, batch=8), numbers(20))
    assert device.sizes == [8]


def test_tensors_of_a_batch_that_did_not_fit_are_freed_before_the_next_attempt() -> None:
    class Big:
        alive = 0

        def __init__(self) -> None:
            Big.alive += 1

        def __del__(self) -> None:
            Big.alive -= 1

    alive: list[int] = []

    def encode(items: list[int]) -> list[int]:
        alive.append(Big.alive)
        big = Big()
        if len(items) > 1:
            raise MemoryError(f"{big}")
        return items

    outcomes(Flow(same, encode, batch=4), numbers(4), lambda message: None)
    assert set(alive) == {0}


def test_an_encoder_that_loses_an_item_is_found_out() -> None:
    with pytest.raises(ValueError, match="gave 3 results for 4 items"):
        outcomes(Flow(same, lambda items: items[1:], batch=4), numbers(8))


def depth_of_the_queue(flow: Flow[Any, Any, Any]) -> float:
    meter = Meter()
    list(stream.run(flow, numbers(20), meter=meter, report=silent))
    return meter.speed().queue_depth


def test_the_queue_is_full_where_the_network_is_the_slower_and_empty_where_its_input_is() -> None:
    decoded: list[int] = []
    encoded: list[int] = []

    def decode_at_once(raw: int) -> int:
        decoded.append(raw)
        return raw

    def encode_when_all_is_decoded(items: list[int]) -> list[int]:
        wait_until(lambda: len(decoded) >= min(items[-1] + 8, 20))
        return items

    def decode_what_is_waited_for(raw: int) -> int:
        wait_until(lambda: len(encoded) >= raw)
        return raw

    def encode_at_once(items: list[int]) -> list[int]:
        encoded.extend(items)
        return items

    slow_network = Flow(decode_at_once, encode_when_all_is_decoded, batch=1, threads=1, queued=4)
    slow_input = Flow(decode_what_is_waited_for, encode_at_once, batch=1, threads=1, queued=4)
    assert depth_of_the_queue(slow_network) > 1
    assert depth_of_the_queue(slow_input) < 0.5


def test_time_spent_waiting_for_input_is_told_from_time_spent_encoding() -> None:
    now = 0.0
    meter = Meter(clock=lambda: now)
    meter.start(batch=4)
    for waits, works in ((3.0, 1.0), (0.0, 4.0)):
        with meter.waiting(depth=0):
            now += waits
        now += works
        meter.encoded(4)
    assert (meter.speed().waited_s, meter.speed().seconds, meter.speed().waited_share) == (3.0, 8.0, 0.375)
    assert meter.speed().items_per_s == 1.0


def test_the_facts_of_a_run_have_units_and_sound_has_no_frames() -> None:
    moments = iter([0.0, 0.0, 1.0, 1.5, 2.0])
    meter = Meter(frames_per_item=16, clock=lambda: next(moments))
    meter.start(8)
    with meter.waiting(depth=3):
        pass
    meter.encoded(8)
    assert meter.speed().as_facts() == {
        "items": 8,
        "seconds": 2.0,
        "items_per_s": 4.0,
        "waited_for_input_share": 0.25,
        "queue_depth": 3.0,
        "batch": 8,
        "halvings": 0,
        "frames_per_s": 64.0,
    }
    assert "frames_per_s" not in Meter(frames_per_item=0).speed().as_facts()

"""Engine truth made up tic by tic, for the tests of what the sound and clip trainings make of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pyarrow as pa

from gvlm_resources.simulator.events import TruthEvent
from gvlm_resources.simulator.truth import TICS, Recording, TimedEvent, Truth

TIC_NS = 1_000_000_000 / 35


def told(
    tics: int,
    events: Sequence[tuple[str, int]] = (),
    *,
    killed: Mapping[int, list[str]] | None = None,
    **columns: Sequence[float],
) -> Truth:
    """`events` are (kind, tic); `killed` are the monsters that died by tic; other columns are 0 where not given."""
    rows = {name: columns.get(name, _blank(name, tics)) for name in TICS.names}
    rows["killed"] = [(killed or {}).get(tic, []) for tic in range(tics)]
    table = pa.table({name: pa.array(list(rows[name]), TICS.field(name).type) for name in TICS.names}, schema=TICS)
    timed = [_timed(kind, tic) for kind, tic in sorted(events, key=lambda event: event[1])]
    return Truth(_recording(tics), tuple(timed), table)


def _blank(name: str, tics: int) -> list:
    kind = TICS.field(name).type
    if pa.types.is_list(kind):
        return [[]] * tics
    return [""] * tics if pa.types.is_string(kind) else [0] * tics


def _timed(kind: str, tic: int) -> TimedEvent:
    event = TruthEvent(kind, tic, tic + 1, 1, "")
    return TimedEvent(event, round(tic * TIC_NS), round((tic + 1) * TIC_NS))


def _recording(tics: int) -> Recording:
    return Recording(
        video="made-up.mp4",
        video_sha256="",
        level="freedoom2/MAP01",
        seed=1,
        skill=3,
        bot="fighter",
        tics=tics,
        tic_rate_hz=35,
        sample_rate_hz=44_100,
        width=640,
        height=480,
        frames_sha256="",
        sound_sha256="",
        variables_sha256="",
        made_with={},
        licence="",
    )

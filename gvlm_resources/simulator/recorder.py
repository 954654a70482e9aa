"""Records a bot's game: video, action log and truth in one pass; and replays a log to prove the recording."""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pyarrow as pa

from gvlm_resources.errors import MissingModelError, SettingsError
from gvlm_resources.simulator import truth
from gvlm_resources.simulator.actions import Action
from gvlm_resources.simulator.bot import Bot
from gvlm_resources.simulator.catalogue import Level
from gvlm_resources.simulator.engine import (
    HEIGHT_PX,
    SAMPLE_RATE_HZ,
    TIC_RATE_HZ,
    VARIABLES,
    WIDTH_PX,
    Engine,
    Observation,
)
from gvlm_resources.simulator.events import TicState, derive_events, ready_weapons
from gvlm_resources.simulator.hud import hud_states
from gvlm_resources.simulator.media import RecordingWriter
from gvlm_resources.simulator.temperament import TEMPERAMENTS
from gvlm_resources.timebase import NS_PER_S

LICENCE = "BSD-3-Clause (Freedoom)"
DEFAULT_CRF = 22


@dataclass(frozen=True, slots=True)
class RecordingPlan:
    """One recording to make."""

    name: str
    level: Level
    bot: str
    seed: int
    skill: int
    tics: int
    crf: int = DEFAULT_CRF

    def __post_init__(self) -> None:
        if self.bot not in TEMPERAMENTS:
            raise SettingsError(f"there is no bot {self.bot!r}", remedy=f"choose one of {', '.join(TEMPERAMENTS)}")
        if self.tics < 2:
            raise ValueError(f"a recording has two tics or more, got {self.tics}")
        if not self.name or "/" in self.name or self.name.startswith("."):
            raise ValueError(f"a recording's name is a plain file name, got {self.name!r}")


def plan_series(
    levels: Sequence[Level], bots: Sequence[str], *, count: int, tics: int, seed: int, skill: int, crf: int
) -> list[RecordingPlan]:
    """`count` recordings: levels and bots take turns, seeds count up. Names tell level, bot and seed."""
    plans = []
    for number in range(count):
        level, bot = levels[number % len(levels)], bots[number % len(bots)]
        name = f"{level.slug}-{bot}-{seed + number}"
        plans.append(RecordingPlan(name, level, bot, seed=seed + number, skill=skill, tics=tics, crf=crf))
    return plans


@dataclass
class _Digests:
    """Running sums over what the engine gave out, by which a replay is compared."""

    frames: Any = field(default_factory=hashlib.sha256)
    sound: Any = field(default_factory=hashlib.sha256)
    variables: Any = field(default_factory=hashlib.sha256)
    heard: bool = False  # whether anything sounded at all

    def add(self, seen: Observation) -> None:
        self.frames.update(seen.frame.tobytes())
        self.sound.update(seen.sound.tobytes())
        self.heard = self.heard or bool(seen.sound.any())
        self.variables.update(struct.pack(f"<{len(VARIABLES)}d", *(seen.variables[name] for name in VARIABLES)))

    def as_fields(self) -> dict[str, str]:
        return {
            "frames_sha256": self.frames.hexdigest(),
            "sound_sha256": self.sound.hexdigest(),
            "variables_sha256": self.variables.hexdigest(),
        }


@dataclass(frozen=True, slots=True)
class ReplayReport:
    """What a replay found: which of the recorded digests came out again."""

    frames_equal: bool
    sound_equal: bool
    variables_equal: bool
    tics: int

    @property
    def bit_equal(self) -> bool:
        return self.frames_equal and self.sound_equal and self.variables_equal


def record(plan: RecordingPlan, folder: Path, *, truth_folder: Path | None = None) -> truth.Truth:
    """Play and record `plan` as `<name>.mp4` into `folder`, its truth into `truth_folder` (default: beside it).

    A level that ends early (an exit was used, a script ended it) ends the recording.
    """
    truth_folder = truth_folder or folder
    folder.mkdir(parents=True, exist_ok=True)
    truth_folder.mkdir(parents=True, exist_ok=True)
    unfinished = folder / f".{plan.name}.mp4.part"
    digests, rows = _recorded(plan, unfinished)
    if not digests.heard:
        unfinished.unlink()
        raise MissingModelError("the game made no sound", remedy="run `pip install -e '.[sim]'`, which brings OpenAL")
    video = unfinished.rename(folder / f"{plan.name}.mp4")
    recording = truth.Recording(
        video=video.name,
        video_sha256=hashlib.sha256(video.read_bytes()).hexdigest(),
        level=str(plan.level),
        seed=plan.seed,
        skill=plan.skill,
        bot=plan.bot,
        tics=len(rows),
        tic_rate_hz=TIC_RATE_HZ,
        sample_rate_hz=SAMPLE_RATE_HZ,
        width=WIDTH_PX,
        height=HEIGHT_PX,
        made_with={name: version(name) for name in ("vizdoom", "cyal", "av")},
        licence=LICENCE,
        **digests.as_fields(),
    )
    return _told(recording, rows, truth_folder, plan.name)


def _recorded(plan: RecordingPlan, video: Path) -> tuple[_Digests, list[dict[str, Any]]]:
    """Play `plan` into `video`; the digests of what was played and one row a tic."""
    digests, rows = _Digests(), []
    writer = RecordingWriter(
        video,
        width_px=WIDTH_PX,
        height_px=HEIGHT_PX,
        frame_rate_hz=TIC_RATE_HZ,
        sample_rate_hz=SAMPLE_RATE_HZ,
        crf=plan.crf,
    )
    with writer, Engine(plan.level, seed=plan.seed, skill=plan.skill) as engine:
        for seen, action, killed in _played(plan, engine):
            writer.write(seen.frame, seen.sound)
            digests.add(seen)
            rows.append(_row(seen, action, killed))
    return digests, rows


def replay(told: truth.Truth) -> ReplayReport:
    """Play the log of `told` again and compare every frame, sample and variable with what was recorded."""
    recording = told.recording
    digests, tics = _Digests(), 0
    with Engine(Level.parse(recording.level), seed=recording.seed, skill=recording.skill) as engine:
        for action in told.actions():
            if engine.over:
                break
            digests.add(engine.observe())
            engine.act(action)
            tics += 1
    found = digests.as_fields()
    return ReplayReport(
        frames_equal=found["frames_sha256"] == recording.frames_sha256,
        sound_equal=found["sound_sha256"] == recording.sound_sha256,
        variables_equal=found["variables_sha256"] == recording.variables_sha256,
        tics=tics,
    )


def _played(plan: RecordingPlan, engine: Engine) -> Iterator[tuple[Observation, Action, tuple[str, ...]]]:
    bot = Bot(plan.level.geometry(), TEMPERAMENTS[plan.bot], seed=plan.seed)
    alive: dict[int, str] = {}
    for _ in range(plan.tics):
        if engine.over:
            return
        seen = engine.observe()
        things = engine.things()
        fallen = {thing.id for thing in things if thing.name.startswith("Dead")}
        killed = tuple(name for number, name in alive.items() if number in fallen)
        alive = {thing.id: thing.name for thing in things if thing.category == "Monster"}
        action = bot.decide(seen, engine)
        yield seen, action, killed
        engine.act(action)


def _row(seen: Observation, action: Action, killed: tuple[str, ...]) -> dict[str, Any]:
    return {
        "tic": seen.tic,
        "pts_ns": round(seen.tic * NS_PER_S / TIC_RATE_HZ),
        "buttons": int(action.buttons),
        "turn_cdeg": action.turn_cdeg,
        **{name.lower(): value for name, value in seen.variables.items()},
        "notifications": list(seen.notifications),
        "killed": list(killed),
        "objects": [
            {
                "id": one.thing.id,
                "name": one.thing.name,
                "category": one.thing.category,
                "box": list(one.box),
                "x": one.thing.x,
                "y": one.thing.y,
                "z": one.thing.z,
            }
            for one in seen.visible
        ],
    }


def _told(recording: truth.Recording, rows: list[dict[str, Any]], folder: Path, name: str) -> truth.Truth:
    states = [_state(row) for row in rows]
    font = Level.parse(recording.level).message_font()
    for row, weapon, hud in zip(rows, ready_weapons(states), hud_states(states, font), strict=True):
        row |= {
            "weapon": weapon,
            "hud_ammo": hud.ammo,
            "hud_health": hud.health,
            "hud_armor": hud.armor,
            "hud_messages": list(hud.messages),
        }
        for column in truth.WHOLE_COLUMNS:
            row[column] = int(row[column])
    events = [truth.TimedEvent(event, _ns(event.start_tic), _ns(event.end_tic)) for event in derive_events(states)]
    tics = pa.Table.from_pylist(rows, schema=truth.TICS)
    truth.write(folder, name, recording, events, tics)
    return truth.Truth(recording, tuple(events), tics)


def _ns(tic: int) -> int:
    return round(tic * NS_PER_S / TIC_RATE_HZ)


def _state(row: dict[str, Any]) -> TicState:
    return TicState(
        tic=row["tic"],
        health=int(row["health"]),
        armor=int(row["armor"]),
        dead=row["dead"] > 0,
        damage_taken=int(row["damage_taken"]),
        kill_count=int(row["killcount"]),
        secret_count=int(row["secretcount"]),
        weapon_slot=int(row["selected_weapon"]),
        weapon_ammo=int(row["selected_weapon_ammo"]),
        notifications=tuple(row["notifications"]),
        killed=tuple(row["killed"]),
    )

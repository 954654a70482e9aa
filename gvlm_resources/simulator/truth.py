"""The truth beside a recording, read and written. For evaluation alone: nothing that looks at a video may read it.

`<name>.truth.json` says what the recording is and lists its events; `<name>.truth.parquet` has one row a tic, which is
one row a video frame: the action played on it, the engine's variables, what the status bar shows, the messages and
the objects in sight. docs/simulator.md is the data dictionary.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from gvlm_resources.errors import LakeError
from gvlm_resources.simulator.actions import Action, Buttons
from gvlm_resources.simulator.events import KINDS, TruthEvent

FORMAT = "gvlm.truth/1"

FLOAT_COLUMNS = (
    *("position_x", "position_y", "position_z", "angle", "pitch", "velocity_x", "velocity_y", "velocity_z"),
)
WHOLE_COLUMNS = (
    *("health", "armor", "killcount", "itemcount", "secretcount", "hitcount", "hits_taken"),
    *("damagecount", "damage_taken", "deathcount", "selected_weapon", "selected_weapon_ammo"),
    *(f"ammo{number}" for number in range(10)),
    *(f"weapon{number}" for number in range(10)),
    "dead",
)
VARIABLE_COLUMNS = WHOLE_COLUMNS + FLOAT_COLUMNS

_OBJECT = pa.struct(
    [
        ("id", pa.int32()),
        ("name", pa.string()),
        ("category", pa.string()),
        ("box", pa.list_(pa.int16(), 4)),  # [x0, y0, x1, y1] in pixels of the frame, 640 x 480
        ("x", pa.float32()),  # position in the level, in map units
        ("y", pa.float32()),
        ("z", pa.float32()),
    ]
)
TICS = pa.schema(
    [
        ("tic", pa.int32()),
        ("pts_ns", pa.int64()),
        ("buttons", pa.uint16()),  # the action played on seeing this frame; bits of actions.Buttons
        ("turn_cdeg", pa.int16()),
        *((name, pa.int32()) for name in WHOLE_COLUMNS),
        *((name, pa.float64()) for name in FLOAT_COLUMNS),
        ("weapon", pa.string()),  # name of the weapon in hand
        ("hud_ammo", pa.int32()),  # what the status bar shows in this frame; null where it shows no ammunition
        ("hud_health", pa.int32()),
        ("hud_armor", pa.int32()),
        ("hud_messages", pa.list_(pa.string())),  # the message lines in this frame, uppermost first
        ("notifications", pa.list_(pa.string())),  # messages that came up in this tic, word for word
        ("killed", pa.list_(pa.string())),  # monsters that died in this tic, by whose hand ever
        ("objects", pa.list_(_OBJECT)),
    ],
    metadata={"gvlm.format": FORMAT},
)


@dataclass(frozen=True, slots=True)
class TimedEvent:
    """An event of the recording with its media time, half-open `[start_ns, end_ns)`."""

    event: TruthEvent
    start_ns: int
    end_ns: int

    @property
    def kind(self) -> str:
        return self.event.kind

    @property
    def amount(self) -> int:
        return self.event.amount

    @property
    def subject(self) -> str:
        return self.event.subject


@dataclass(frozen=True)
class Recording:
    """How a recording was made. Level, seed, skill and the log of actions give it back bit for bit."""

    video: str  # file name
    video_sha256: str
    level: str
    seed: int
    skill: int
    bot: str
    tics: int
    tic_rate_hz: int
    sample_rate_hz: int
    width: int
    height: int
    frames_sha256: str  # over all frames, RGB, before encoding
    sound_sha256: str  # over all samples, before encoding
    variables_sha256: str
    made_with: dict[str, str]  # versions of the engine, the sound library and the encoder
    licence: str

    @property
    def duration_ns(self) -> int:
        return round(self.tics * 1_000_000_000 / self.tic_rate_hz)


@dataclass(frozen=True)
class Truth:
    """Everything that is known of a recording."""

    recording: Recording
    events: tuple[TimedEvent, ...]
    tics: pa.Table  # of schema TICS

    def __post_init__(self) -> None:
        if self.tics.num_rows != self.recording.tics:
            raise ValueError(f"{self.recording.tics} tics announced, {self.tics.num_rows} rows found")

    def actions(self) -> list[Action]:
        """The log of actions. The last row's is never played: its frame ends the recording."""
        buttons, turns = self.tics["buttons"].to_pylist(), self.tics["turn_cdeg"].to_pylist()
        return [Action(Buttons(held), turn) for held, turn in zip(buttons, turns, strict=True)]

    def of_kind(self, kind: str) -> list[TimedEvent]:
        if kind not in KINDS:
            raise ValueError(f"there is no kind of event {kind!r}; there are {', '.join(KINDS)}")
        return [event for event in self.events if event.kind == kind]


def manifest_path(folder: Path, name: str) -> Path:
    return folder / f"{name}.truth.json"


def table_path(folder: Path, name: str) -> Path:
    return folder / f"{name}.truth.parquet"


def write(folder: Path, name: str, recording: Recording, events: Sequence[TimedEvent], tics: pa.Table) -> None:
    """Write both files of a recording's truth into `folder`."""
    rows = [
        {
            "kind": timed.kind,
            "start_tic": timed.event.start_tic,
            "end_tic": timed.event.end_tic,
            "start_ns": timed.start_ns,
            "end_ns": timed.end_ns,
            "amount": timed.amount,
            "subject": timed.subject,
        }
        for timed in events
    ]
    head = json.dumps({"format": FORMAT, "recording": asdict(recording)}, indent=1)
    listed = ",\n".join("  " + json.dumps(row) for row in rows)
    manifest_path(folder, name).write_text(f'{head[:-2]},\n "events": [\n{listed}\n ]\n}}\n')
    pq.write_table(tics.cast(TICS), table_path(folder, name), compression="zstd", compression_level=12)


def read(manifest: Path) -> Truth:
    """The truth that `manifest` (`<name>.truth.json`) heads. Raises LakeError where a file is missing or damaged."""
    name = manifest.name.removesuffix(".truth.json")
    table = table_path(manifest.parent, name)
    try:
        data: dict[str, Any] = json.loads(manifest.read_text())
        if data["format"] != FORMAT:
            raise LakeError(f"{manifest} has format {data['format']!r}", remedy=f"record it again as {FORMAT}")
        recording = Recording(**data["recording"])
        events = tuple(_timed(row) for row in data["events"])
        return Truth(recording, events, pq.read_table(table).cast(TICS))
    except FileNotFoundError as error:
        raise LakeError(f"{error.filename} is missing", remedy="keep both files of a truth together") from error
    except (KeyError, TypeError, ValueError) as error:
        raise LakeError(f"{manifest} or {table.name} is damaged: {error}", remedy="record it again") from error


def _timed(row: dict[str, Any]) -> TimedEvent:
    event = TruthEvent(row["kind"], row["start_tic"], row["end_tic"], row["amount"], row["subject"])
    return TimedEvent(event, row["start_ns"], row["end_ns"])

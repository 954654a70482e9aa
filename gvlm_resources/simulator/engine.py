"""The game, one tic at a time: ViZDoom set up as a person would see and hear it.

The level runs as a cooperative game of one player. That is what makes a recording go on after a death: the player
presses USE and starts again at the level's start, while in a single-player level ViZDoom ends the episode in the tic
of the death. Everything else is as in single player, but for weapons, which stay where they lie.
"""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Iterator
from contextlib import chdir, contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType

import numpy as np
from numpy.typing import NDArray

from gvlm_resources.errors import GvlmError, MissingModelError
from gvlm_resources.simulator.actions import Action
from gvlm_resources.simulator.catalogue import Level
from gvlm_resources.simulator.view import Thing, VisibleThing

try:
    import vizdoom as vzd
except ModuleNotFoundError as error:
    raise MissingModelError(
        "the game engine ViZDoom is not installed", remedy="run `pip install -e '.[sim]'` and try again"
    ) from error

WIDTH_PX, HEIGHT_PX = 640, 480
TIC_RATE_HZ = 35
SAMPLE_RATE_HZ = 44_100
SAMPLES_PER_TIC = SAMPLE_RATE_HZ // TIC_RATE_HZ

VARIABLES = (
    *("HEALTH", "ARMOR", "KILLCOUNT", "ITEMCOUNT", "SECRETCOUNT", "HITCOUNT", "HITS_TAKEN"),
    *("DAMAGECOUNT", "DAMAGE_TAKEN", "DEATHCOUNT", "SELECTED_WEAPON", "SELECTED_WEAPON_AMMO"),
    *(f"AMMO{number}" for number in range(10)),
    *(f"WEAPON{number}" for number in range(10)),
    *("DEAD", "POSITION_X", "POSITION_Y", "POSITION_Z", "ANGLE", "PITCH"),
    *("VELOCITY_X", "VELOCITY_Y", "VELOCITY_Z"),
)

_BUTTONS = (
    *("MOVE_FORWARD", "MOVE_BACKWARD", "MOVE_LEFT", "MOVE_RIGHT", "SPEED", "ATTACK", "USE"),
    *(f"SELECT_WEAPON{slot}" for slot in range(1, 8)),
)
# -3: the built-in OPL synthesiser plays the music, so that no sound font or MIDI device is needed.
_ENGINE_CONFIG = "[GlobalSettings]\nsnd_mididevice=-3\nsnd_efx=false\nsnd_musicvolume=0.35\nsnd_sfxvolume=0.75\n"
_ENGINE_ARGS = (
    "-host 1 +snd_efx 0 +sv_cooploseinventory 1 +sb_cooperative_enable 0 +con_scaletext 1 +cl_run 0 "
    "+viz_respawn_delay 0 +name Player"
)


@dataclass(frozen=True, slots=True)
class Observation:
    """The state of the game after `tic` tics: what is on the screen, what sounds, and what is true."""

    tic: int
    frame: NDArray[np.uint8]  # (480, 640, 3) RGB
    sound: NDArray[np.int16]  # (1260, 2), the sound of the tic that led here
    variables: dict[str, float]
    notifications: tuple[str, ...]
    visible: tuple[VisibleThing, ...]

    @property
    def dead(self) -> bool:
        return self.variables["DEAD"] > 0


class Engine:
    """A running game. Use it as a context manager: the game is a child process."""

    def __init__(self, level: Level, *, seed: int, skill: int) -> None:
        if not 1 <= skill <= 5:
            raise ValueError(f"skill is 1 (easiest) to 5, got {skill}")
        self.level = level
        self._tic = 0
        self._state: vzd.GameState | None = None  # of this tic: fetching it copies every buffer
        self._folder = tempfile.TemporaryDirectory(prefix="gvlm-sim-")
        self._game = self._configured(level, seed, skill)
        self._variables = [getattr(vzd.GameVariable, name) for name in VARIABLES]

    def _configured(self, level: Level, seed: int, skill: int) -> vzd.DoomGame:
        game = vzd.DoomGame()
        game.set_doom_game_path(str(level.game_wad))
        if level.scenario_wad is not None:
            game.set_doom_scenario_path(str(level.scenario_wad))
        game.set_doom_map(level.name.lower())
        config = Path(self._folder.name) / "engine.ini"
        config.write_text(_ENGINE_CONFIG)
        game.set_doom_config_path(str(config))
        game.add_game_args(_ENGINE_ARGS)
        game.set_mode(vzd.Mode.PLAYER)
        game.set_seed(seed)
        game.set_doom_skill(skill)
        game.set_episode_timeout(0)
        game.set_episode_start_time(1)
        self._set_up_picture(game)
        game.set_sound_enabled(True)
        game.set_audio_buffer_enabled(True)
        game.set_audio_sampling_rate(vzd.SamplingRate.SR_44100)
        game.set_audio_buffer_size(1)
        game.set_notifications_buffer_enabled(True)
        game.set_notifications_buffer_size(1)
        game.set_available_buttons([getattr(vzd.Button, name) for name in (*_BUTTONS, "TURN_LEFT_RIGHT_DELTA")])
        return game

    @staticmethod
    def _set_up_picture(game: vzd.DoomGame) -> None:
        game.set_window_visible(False)
        game.set_screen_resolution(vzd.ScreenResolution.RES_640X480)
        game.set_screen_format(vzd.ScreenFormat.RGB24)
        game.set_render_hud(True)
        game.set_render_minimal_hud(False)
        game.set_render_messages(True)
        game.set_render_weapon(True)
        game.set_render_crosshair(False)
        game.set_render_decals(True)
        game.set_render_particles(True)
        game.set_render_corpses(True)
        game.set_render_screen_flashes(True)
        game.set_labels_buffer_enabled(True)
        game.set_objects_info_enabled(True)
        game.set_sectors_info_enabled(True)

    def __enter__(self) -> Engine:
        # The engine keeps a cache, its configuration and crash logs where it is started: in a folder of its own. Both
        # the working directory and the library path are this process's for that moment.
        with chdir(self._folder.name), _openal_found():
            try:
                self._game.init()
            except (vzd.ViZDoomErrorException, vzd.ViZDoomUnexpectedExitException) as error:
                self._folder.cleanup()
                raise GvlmError(
                    f"the engine did not start {self.level}: {error}", remedy="try another level"
                ) from error
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._game.close()
        self._folder.cleanup()

    @property
    def over(self) -> bool:
        """Whether the level has ended: an exit was used, or a scenario's script ended it."""
        return bool(self._game.is_episode_finished())

    def act(self, action: Action) -> None:
        """Play one tic."""
        bits = int(action.buttons)
        # The engine counts turns to the right as positive.
        self._game.make_action([bits >> at & 1 for at in range(len(_BUTTONS))] + [-action.turn_cdeg / 100], 1)
        self._state = None
        self._tic += 1

    def observe(self) -> Observation:
        """What can be seen, heard and known now. Not to be called once the level is `over`."""
        state = self._now()
        values = {
            name: float(self._game.get_game_variable(variable))
            for name, variable in zip(VARIABLES, self._variables, strict=True)
        }
        return Observation(
            tic=self._tic,
            frame=state.screen_buffer,
            sound=state.audio_buffer,
            variables=values,
            notifications=_lines(state.notifications_buffer or ""),
            visible=tuple(_visible(label) for label in state.labels if label.object_category != "Self"),
        )

    def _now(self) -> vzd.GameState:
        if self._state is None:
            self._state = self._game.get_state()
        return self._state

    def things(self) -> list[Thing]:
        """Every object of the level, seen or not."""
        return [
            Thing(o.id, o.name, o.category, o.position_x, o.position_y, o.position_z)
            for o in self._now().objects
            if o.category != "Self"
        ]

    def sector_heights(self) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Floors and ceilings as they are now, by sector number."""
        sectors = self._now().sectors
        floors = np.array([sector.floor_height for sector in sectors], np.float32)
        return floors, np.array([sector.ceiling_height for sector in sectors], np.float32)


def _lines(notified: str) -> tuple[str, ...]:
    """The messages' words: without colour codes (0x1c and a letter) and the drawn rules around centred messages."""
    plain = re.sub(r"\x1c.|[\x1d-\x1f]", "", notified)
    return tuple(line.strip() for line in plain.split("\n") if line.strip())


def _visible(label: vzd.Label) -> VisibleThing:
    thing = Thing(
        label.object_id,
        label.object_name,
        label.object_category,
        label.object_position_x,
        label.object_position_y,
        label.object_position_z,
    )
    return VisibleThing(thing, (label.x, label.y, label.x + label.width, label.y + label.height))


@contextmanager
def _openal_found() -> Iterator[None]:
    """Let the engine's process find the OpenAL that the package `cyal` carries, so that no system library is needed."""
    before = os.environ.get("LD_LIBRARY_PATH")
    folder = str(_openal_folder())
    os.environ["LD_LIBRARY_PATH"] = folder if before is None else f"{folder}{os.pathsep}{before}"
    try:
        yield
    finally:
        if before is None:
            del os.environ["LD_LIBRARY_PATH"]
        else:
            os.environ["LD_LIBRARY_PATH"] = before


def _openal_folder() -> Path:
    spec = find_spec("cyal")
    if spec is None or spec.origin is None:
        raise MissingModelError(
            "the sound library OpenAL is not installed", remedy="run `pip install -e '.[sim]'` and try again"
        )
    return Path(spec.origin).parent

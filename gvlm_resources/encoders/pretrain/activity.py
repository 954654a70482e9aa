"""What the player did in a short span, by engine truth (pure): classes to probe for, numbers to learn.

Classes exclude each other. Fighting comes first: a shot, damage taken, or damage done to something. Then, by the mean
speed over ground, moving and standing; who stands may turn. Spans with a dead player, and those between a stroll
and a stand, have no class.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gvlm_resources.encoders.pretrain.footage import TIC_RATE_HZ
from gvlm_resources.simulator.truth import Truth

CLASSES = ("standing", "moving", "fighting")
STANDING_BELOW = 1.0  # map units a tic; a run is 8 to 10
MOVING_FROM = 3.0
# Of a span: means of forward and sideways speed, of speed, of turning to the left and of turning at all; then whether
# there was a shot, damage taken, damage done.
NUMBERS = ("forward", "sideways", "speed", "turn", "turning", "shot", "hurt", "hit")
MIRRORED = (1, -1, 1, -1, 1, 1, 1, 1)  # of NUMBERS in a mirror
_SCALES = np.asarray([8.0, 8.0, 8.0, 4.0, 4.0, 1.0, 1.0, 1.0])  # brings them to about 1


@dataclass(frozen=True)
class Activity:
    """One recording, one value a tic."""

    forward: NDArray[np.float64]  # map units a tic
    sideways: NDArray[np.float64]  # to the left
    turn: NDArray[np.float64]  # degrees a tic, to the left
    shot: NDArray[np.bool_]
    hurt: NDArray[np.bool_]
    hit: NDArray[np.bool_]  # the player did damage
    dead: NDArray[np.bool_]

    @classmethod
    def of(cls, told: Truth) -> Activity:
        column = {name: told.tics[name].to_numpy().astype(np.float64) for name in _COLUMNS}
        heading = np.radians(column["angle"])
        across, along = column["velocity_x"], column["velocity_y"]
        turned = np.diff(column["angle"], prepend=column["angle"][0])
        shots = np.zeros(told.tics.num_rows, np.bool_)
        shots[[event.event.start_tic for event in told.of_kind("shot")]] = True
        return cls(
            forward=across * np.cos(heading) + along * np.sin(heading),
            sideways=-across * np.sin(heading) + along * np.cos(heading),
            turn=(turned + 180) % 360 - 180,
            shot=shots,
            hurt=np.diff(column["damage_taken"], prepend=column["damage_taken"][0]) > 0,
            hit=np.diff(column["damagecount"], prepend=column["damagecount"][0]) > 0,
            dead=column["dead"] > 0,
        )

    @property
    def tics(self) -> int:
        return len(self.dead)

    def classified(self, start_s: float, seconds: float) -> str | None:
        """One of CLASSES for `[start, start + seconds)`, or None."""
        span = _span(start_s, seconds)
        if self.dead[span].any():
            return None
        if self.shot[span].any() or self.hurt[span].any() or self.hit[span].any():
            return "fighting"
        speed = np.hypot(self.forward[span], self.sideways[span]).mean()
        if speed < STANDING_BELOW:
            return "standing"
        return "moving" if speed >= MOVING_FROM else None

    def numbers(self, start_s: float, seconds: float) -> NDArray[np.float32]:
        """NUMBERS of `[start, start + seconds)`, each brought to about 1."""
        span = _span(start_s, seconds)
        forward, sideways, turn = self.forward[span], self.sideways[span], self.turn[span]
        means = [forward.mean(), sideways.mean(), np.hypot(forward, sideways).mean(), turn.mean(), np.abs(turn).mean()]
        flags = [flag[span].any() for flag in (self.shot, self.hurt, self.hit)]
        return (np.asarray([*means, *flags], np.float64) / _SCALES).astype(np.float32)


_COLUMNS = ("velocity_x", "velocity_y", "angle", "damage_taken", "damagecount", "dead")


def _span(start_s: float, seconds: float) -> slice:
    return slice(round(start_s * TIC_RATE_HZ), round((start_s + seconds) * TIC_RATE_HZ))

"""What a scripted player knows in a tic, and what it wants to do (pure)."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from gvlm_resources.simulator.actions import Buttons

Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Thing:
    """An object of the level: name and category as the engine gives them, position in map units."""

    id: int
    name: str
    category: str
    x: float
    y: float
    z: float

    @property
    def place(self) -> Point:
        return self.x, self.y


@dataclass(frozen=True, slots=True)
class VisibleThing:
    """An object that can be seen in the frame. `box` is [x0, y0, x1, y1] in pixels of the frame."""

    thing: Thing
    box: tuple[int, int, int, int]

    @property
    def area_px(self) -> int:
        x0, y0, x1, y1 = self.box
        return (x1 - x0) * (y1 - y0)


@dataclass(frozen=True)
class View:
    """One tic as a player sees it."""

    tic: int
    variables: dict[str, float]
    visible: tuple[VisibleThing, ...] = ()
    things: tuple[Thing, ...] = field(default=(), repr=False)

    @property
    def here(self) -> Point:
        return self.variables["POSITION_X"], self.variables["POSITION_Y"]

    @property
    def health(self) -> int:
        return int(self.variables["HEALTH"])

    @property
    def slot(self) -> int:
        return int(self.variables["SELECTED_WEAPON"])

    def off(self, there: Point) -> float:
        """Degrees to turn left to face `there`, -180 to 180."""
        bearing = math.degrees(math.atan2(there[1] - self.here[1], there[0] - self.here[0]))
        return (bearing - self.variables["ANGLE"] + 180) % 360 - 180

    def ahead(self, distance: float, *, side_deg: float = 0.0) -> Point:
        """The point `distance` away in the direction of view, or `side_deg` to the left of it."""
        heading = math.radians(self.variables["ANGLE"] + side_deg)
        return self.here[0] + distance * math.cos(heading), self.here[1] + distance * math.sin(heading)


@dataclass(frozen=True, slots=True)
class Wish:
    """What a player wants in a tic: buttons, and to turn by `off_deg` at `haste` times its usual speed."""

    buttons: Buttons = Buttons.NONE
    off_deg: float = 0.0
    haste: float = 1.0


class Hand:
    """Turns wishes into turns: a hand speeds up and slows down, and has a fastest turn."""

    def __init__(self, fastest_deg: float) -> None:
        self._fastest_deg = fastest_deg
        self._last_deg = 0.0

    def turn_cdeg(self, wish: Wish) -> int:
        """This tic's turn, in hundredths of a degree."""
        fastest = self._fastest_deg * wish.haste
        wanted = max(-fastest, min(fastest, wish.off_deg * min(0.35 * max(wish.haste, 1.0) ** 1.5, 0.8)))
        turn = self._last_deg + max(-fastest / 2, min(fastest / 2, wanted - self._last_deg))
        self._last_deg = turn
        return round(turn * 100)

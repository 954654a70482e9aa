"""How a scripted player gets about: where it wants to go, the way there, doors, switches and lifts."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass

import numpy as np

from gvlm_resources.simulator.actions import Buttons
from gvlm_resources.simulator.navigation import Cell, Search, WalkGrid
from gvlm_resources.simulator.temperament import Temperament
from gvlm_resources.simulator.view import Point, Thing, View, Wish
from gvlm_resources.simulator.wad import LevelMap, Line, LineUse

USE_RANGE = 64.0
SEEN_CELLS = 22  # a player has been where it came within this many cells
REPLAN_TICS = 70
STUCK_TICS = 24
LIFT_PATIENCE_TICS = 160
DOOR_TICS = 30
NOWHERE_TICS = 35  # a player that can go nowhere looks around before it tries again
# What is near is found without searching the whole level. In the unit of `WalkGrid.search`: half a cell.
SEARCH_RANGES = (400, 1500, 8000)
ITEM_CATEGORIES = frozenset({"Ammo", "Armor", "Health", "Key", "Powerup", "Weapon"})

_GIVES_UP_TO = {
    **{"Stimpack": ("HEALTH", 100), "Medikit": ("HEALTH", 100), "HealthBonus": ("HEALTH", 200)},
    **{"Soulsphere": ("HEALTH", 200), "GreenArmor": ("ARMOR", 100), "BlueArmor": ("ARMOR", 200)},
    **{"ArmorBonus": ("ARMOR", 200), "Clip": ("AMMO2", 200), "ClipBox": ("AMMO2", 200), "Shell": ("AMMO3", 50)},
    **{"ShellBox": ("AMMO3", 50), "RocketAmmo": ("AMMO5", 50), "RocketBox": ("AMMO5", 50)},
    **{"Cell": ("AMMO6", 300), "CellPack": ("AMMO6", 300), "Shotgun": ("WEAPON3", 1), "SuperShotgun": ("WEAPON3", 2)},
    **{"Chaingun": ("WEAPON4", 1), "RocketLauncher": ("WEAPON5", 1), "PlasmaRifle": ("WEAPON6", 1)},
    **{"BFG9000": ("WEAPON7", 1), "Chainsaw": ("WEAPON1", 2)},
}


@dataclass(frozen=True, slots=True)
class Goal:
    """Where a player is going, and what for: an item's id, a switch's line number, or just to be there."""

    cell: Cell
    item: int | None = None
    switch: int | None = None


class Traveller:
    """A player's travels. Ask `wish` once a tic while there is nobody to fight."""

    def __init__(self, level: LevelMap, temperament: Temperament, grid: WalkGrid, rng: np.random.Generator) -> None:
        self._way = temperament
        self._grid = grid
        self._rng = rng
        self._lines = level.lines
        self._usable = [line for line in level.lines if line.by_hand and line.use in (LineUse.DOOR, LineUse.LIFT)]
        self._switches = [number for number, line in enumerate(level.lines) if line.use is LineUse.SWITCH]
        self._visited = np.zeros(grid.shape, np.bool_)
        self._goal: Goal | None = None
        self._path: list[Cell] = []
        self._left_alone: dict[int, int] = {}  # item -> tic until which it is left where it is
        self._used: set[int] = set()  # switches
        self._trail: deque[Point] = deque(maxlen=LIFT_PATIENCE_TICS)
        self._plan_at = self._pause_until = self._use_at = self._door_until = 0
        self._aside_until, self._aside = 0, Wish()
        self._look_deg = 0.0
        self._runs = True

    def start_again(self) -> None:
        """Forget where the player was going: it is somewhere else now."""
        self._goal, self._path = None, []
        self._trail.clear()
        self._plan_at = self._pause_until = self._aside_until = 0

    def interrupt(self, tic: int) -> None:
        """Something else happens: the way is planned anew soon after."""
        self._trail.clear()
        self._plan_at = min(self._plan_at, tic + 10)

    def been(self, here: Point) -> None:
        row, column = self._grid.cell_at(*here)
        around = slice(max(row - SEEN_CELLS, 0), row + SEEN_CELLS + 1)
        self._visited[around, max(column - SEEN_CELLS, 0) : column + SEEN_CELLS + 1] = True

    def wish(self, view: View) -> Wish:
        if view.tic < self._aside_until:
            return self._aside
        if view.tic < self._pause_until:
            return self._stand()
        if self._goal is not None and self._goal.switch is not None and not self._path:
            return self._press(view, self._goal.switch)
        if not self._path or view.tic >= self._plan_at:
            self._plan(view)
        self._drop_passed(view.here)
        return self._walk(view) if self._path else self._stand()

    # -- moving

    def _stand(self) -> Wish:
        if self._rng.random() < 0.02:
            self._look_deg = float(self._rng.uniform(-70, 70))
        self._trail.clear()
        off = self._look_deg
        self._look_deg *= 0.93
        return Wish(Buttons.NONE, off * 0.4, haste=0.3)

    def _walk(self, view: View) -> Wish:
        off = view.off(self._next_point(view.here))
        buttons = self._use(view)
        door_opens = view.tic < self._door_until
        if abs(off) < 60 and not door_opens:
            buttons |= Buttons.FORWARD
            if self._runs and abs(off) < 30:
                buttons |= Buttons.RUN
        self._trail.append(view.here)
        if not door_opens and self._is_stuck(view.here):
            self._step_aside(view)
        return Wish(buttons, off)

    def _next_point(self, here: Point) -> Point:
        """The farthest point of the way that can be walked to in a straight line."""
        ahead = self._path[: 40 if self._runs else 25]
        for index in range(len(ahead) - 1, 0, -4):
            point = self._grid.point_at(ahead[index])
            if self._grid.can_walk_straight(here, point):
                return point
        return self._grid.point_at(ahead[min(2, len(ahead) - 1)])

    def _drop_passed(self, here: Point) -> None:
        near = [at for at, cell in enumerate(self._path[:30]) if math.dist(here, self._grid.point_at(cell)) < 14]
        if near:
            self._path = self._path[near[-1] + 1 :]

    def _is_stuck(self, here: Point) -> bool:
        on_lift = any(self._grid.is_lift(cell) for cell in (self._grid.cell_at(*here), *self._path[:10]))
        patience = LIFT_PATIENCE_TICS if on_lift else STUCK_TICS
        return len(self._trail) >= patience and math.dist(self._trail[-patience], here) < 20

    def _step_aside(self, view: View) -> None:
        """Something holds the player: step aside at random, and leave the goal alone for a while."""
        for door in self._grid.closed_doors(self._path[:12]):
            self._grid.give_up_door(door)
        side = Buttons.LEFT if self._rng.random() < 0.5 else Buttons.RIGHT
        along = Buttons.BACKWARD if self._rng.random() < 0.6 else Buttons.FORWARD
        self._aside_until = view.tic + int(self._rng.integers(8, 18))
        self._aside = Wish(side | along, float(self._rng.uniform(-30, 30)), haste=0.5)
        if self._goal is not None and self._goal.item is not None:
            self._left_alone[self._goal.item] = view.tic + 350
        elif self._goal is not None and self._goal.switch is not None:
            self._used.add(self._goal.switch)
        elif self._goal is not None:
            self.been(self._grid.point_at(self._goal.cell))
        self._goal, self._path = None, []
        self._trail.clear()

    # -- doors, switches, lifts

    def _use(self, view: View) -> Buttons:
        """USE where a closed door, the switch that is the goal, or a lift's side is in front of the player."""
        if view.tic < self._use_at:
            return Buttons.NONE
        reach = view.ahead(USE_RANGE)
        for line in self._usable:
            if not line.faces(view.here) or not _cross(view.here, reach, (line.x1, line.y1), (line.x2, line.y2)):
                continue
            if not self._wants(line):
                continue
            self._use_at = view.tic + (LIFT_PATIENCE_TICS if line.use is LineUse.LIFT else 45)
            if line.use is LineUse.DOOR:
                self._door_until = view.tic + DOOR_TICS
            self._trail.clear()
            return Buttons.USE
        return Buttons.NONE

    def _press(self, view: View, number: int) -> Wish:
        """Stand before a switch: turn to it, press it, and see what it did."""
        off = view.off(self._lines[number].in_front(0))
        if abs(off) > 6:
            return Wish(Buttons.NONE, off)
        self._used.add(number)
        self.start_again()
        self._pause_until = view.tic + 20
        return Wish(Buttons.USE, off)

    def _wants(self, line: Line) -> bool:
        if line.use is LineUse.DOOR:
            return line.back in self._grid.closed_doors(self._path[:24])
        return line.use is LineUse.LIFT and any(self._grid.is_lift(cell) for cell in self._path[:16])

    # -- planning

    def _plan(self, view: View) -> None:
        if self._goal is not None and not self._path:
            self._arrive(view, self._goal)
        self._plan_at = view.tic + REPLAN_TICS
        self._runs = bool(self._rng.random() < self._way.run_share)
        self._goal, self._path = None, []
        start = self._grid.nearest_standable(self._grid.cell_at(*view.here))
        if start is None:
            self._pause_until = view.tic + NOWHERE_TICS
            return
        for reach in SEARCH_RANGES:
            found = self._grid.search(start, max_cost=reach)
            self._goal = self._nearest_item(view, found) or self._unvisited(found)
            if self._goal is not None:
                break
        self._goal = self._goal or self._nearest_switch(found) or self._anywhere(found)
        if self._goal is None:
            self._pause_until = view.tic + NOWHERE_TICS
            return
        self._path = found.path_to(self._goal.cell)

    def _arrive(self, view: View, goal: Goal) -> None:
        if goal.item is not None:
            self._left_alone[goal.item] = view.tic + 2100  # still there once arrived at: not for this player
        if self._rng.random() < self._way.pause_share:
            self._pause_until = view.tic + int(self._rng.integers(self._way.pause_tics // 2, self._way.pause_tics + 1))

    def _nearest_item(self, view: View, found: Search) -> Goal | None:
        best, best_cost = None, 2 * self._way.item_reach / 8 + 1
        for thing in view.things:
            if self._left_alone.get(thing.id, -1) > view.tic or not is_wanted(thing, view.variables):
                continue
            cell = self._grid.nearest_standable(self._grid.cell_at(*thing.place), within=2)
            if cell is not None and 0 < found.costs[cell] < best_cost:
                best, best_cost = Goal(cell, item=thing.id), float(found.costs[cell])
        return best

    def _unvisited(self, found: Search) -> Goal | None:
        if not self._way.explores:
            return None
        costs = np.where(self._visited, np.iinfo(np.int32).max, found.costs)
        row, column = np.unravel_index(int(np.argmin(costs)), costs.shape)
        if costs[row, column] == np.iinfo(np.int32).max:
            return None
        return Goal((int(row), int(column)))

    def _nearest_switch(self, found: Search) -> Goal | None:
        best, best_cost = None, math.inf
        for number in self._switches:
            if number in self._used or not self._way.explores:
                continue
            # Right before it, or at arm's length where it lies in a niche.
            for distance in (28, 52):
                cell = self._grid.nearest_standable(
                    self._grid.cell_at(*self._lines[number].in_front(distance)), within=2
                )
                if cell is not None and found.costs[cell] < best_cost and found.reached(cell):
                    best, best_cost = Goal(cell, switch=number), float(found.costs[cell])
        return best

    def _anywhere(self, found: Search) -> Goal | None:
        """Somewhere at random; a player that explores has seen everything and begins anew."""
        limit = 4000 if self._way.explores else 60
        rows, columns = np.nonzero((found.costs < limit) & (found.costs > limit // 4))
        if not len(rows):
            rows, columns = np.nonzero((found.costs < limit) & (found.costs > 0))
        if not len(rows):
            return None
        if self._way.explores:
            self._visited[:] = False
        pick = int(self._rng.integers(len(rows)))
        return Goal((int(rows[pick]), int(columns[pick])))


def is_wanted(thing: Thing, variables: dict[str, float]) -> bool:
    """Whether walking over the thing would do anything: the game leaves what is not needed lying."""
    if thing.category not in ITEM_CATEGORIES:
        return False
    if thing.name not in _GIVES_UP_TO:
        return True
    variable, full = _GIVES_UP_TO[thing.name]
    return variables[variable] < full


def _cross(a: Point, b: Point, c: Point, d: Point) -> bool:
    """Whether segments ab and cd cross."""

    def side(p: Point, q: Point, r: Point) -> float:
        return (q[0] - p[0]) * (r[1] - p[1]) - (q[1] - p[1]) * (r[0] - p[0])

    return side(a, b, c) * side(a, b, d) < 0 and side(c, d, a) * side(c, d, b) < 0

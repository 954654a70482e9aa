"""Scripted players that play like people: they find their way, fight, gather, get hurt, die and start again.

A bot may look at the engine's truth (the level's geometry, where things are). It only ever acts through the buttons,
and all its chances come from its seed, so that it plays the same game again.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass

import numpy as np

from gvlm_resources.simulator.actions import Action, Buttons, weapon_button
from gvlm_resources.simulator.engine import Engine, Observation, Thing
from gvlm_resources.simulator.navigation import Cell, Point, WalkGrid
from gvlm_resources.simulator.wad import LevelMap, LineUse

EYE_HEIGHT = 41.0
USE_RANGE = 64.0
SOLID_CATEGORIES = frozenset({"Hazard", "Decoration", "Vegetation", "LightSource"})
ITEM_CATEGORIES = frozenset({"Ammo", "Armor", "Health", "Key", "Powerup", "Weapon"})
# (slot, ammunition variable, least rounds, nearest and farthest useful distance), best first.
ARSENAL = (
    (6, "AMMO6", 5, 96, 2000),
    (4, "AMMO4", 10, 0, 1500),
    (3, "AMMO3", 2, 0, 700),
    (5, "AMMO5", 1, 350, 1500),
    (4, "AMMO4", 1, 0, 3000),
    (2, "AMMO2", 1, 0, 3000),
    (3, "AMMO3", 1, 0, 3000),
)


@dataclass(frozen=True, slots=True)
class Temperament:
    """How a player plays. Distances are in map units, `_tics` in tics, shares between 0 and 1."""

    name: str
    fights_within: float  # shoots at what it sees up to this distance
    closes_in_to: float  # walks towards a foe down to this distance
    item_reach: float  # walking distance it goes for an item
    run_share: float  # of the time on the way that it runs
    pause_share: float  # chance of standing still for a while at each goal
    pause_tics: int
    retreats_below: float  # health under which it backs away from a foe
    strafes: bool
    turn_deg: float  # fastest turn a tic
    fears_damage: bool  # walks around damaging floors
    wanders: bool  # explores once nothing is near


TEMPERAMENTS = {
    one.name: one
    for one in (
        Temperament("fighter", 1600, 220, 700, 0.9, 0.05, 20, 0, True, 11, True, True),
        Temperament("explorer", 700, 500, 1600, 0.75, 0.15, 25, 25, True, 9, True, True),
        Temperament("cautious", 1200, 700, 300, 0.1, 0.6, 70, 60, False, 6, True, True),
        Temperament("idler", 600, 900, 0, 0.0, 1.0, 260, 40, False, 3, True, False),
        Temperament("reckless", 900, 90, 300, 1.0, 0.0, 0, 0, False, 14, False, True),
    )
}


class Bot:
    """One player of one level. Ask it for an `Action` once a tic, in order."""

    def __init__(self, level: LevelMap, temperament: Temperament, *, seed: int) -> None:
        self._level = level
        self._way = temperament
        self._rng = np.random.default_rng(seed)
        self._grid = WalkGrid(level, avoid_damage=temperament.fears_damage)
        self._visited = np.zeros(self._grid.shape, np.bool_)
        self._things: list[Thing] = []
        self._path: list[Cell] = []
        self._goal: Cell | None = None
        self._goal_item: int | None = None
        self._given_up: dict[int, int] = {}  # item or line -> tic until which it is left alone
        self._bad_cells: list[Cell] = []
        self._trail: deque[Point] = deque(maxlen=24)
        self._plan_at = 0
        self._pause_until = 0
        self._dodge: Buttons = Buttons.NONE
        self._dodge_until = 0
        self._free_until = 0
        self._free_buttons = Buttons.NONE
        self._dead_since: int | None = None
        self._foe: int | None = None
        self._look_at: float | None = None
        self._weapon_asked_at = -100
        self._use_at = 0
        self._running = True
        self._last_turn = 0.0
        self._switches_used: set[int] = set()
        self._goal_switch: int | None = None

    def decide(self, seen: Observation, engine: Engine) -> Action:
        """The action for this tic."""
        if seen.dead:
            return self._when_dead(seen)
        if self._dead_since is not None:
            self._start_again()
        if seen.tic % 8 == 0:
            self._look_around(seen, engine)
        here = (seen.variables["POSITION_X"], seen.variables["POSITION_Y"])
        self._mark_visited(here)
        foe = self._choose_foe(seen, here)
        if foe is not None:
            return self._fight(seen, here, foe)
        return self._travel(seen, here)

    # -- life and death

    def _when_dead(self, seen: Observation) -> Action:
        if self._dead_since is None:
            self._dead_since = seen.tic
        waited = seen.tic - self._dead_since
        press = waited >= 50 and waited % 12 == 0
        return Action(Buttons.USE if press else Buttons.NONE)

    def _start_again(self) -> None:
        self._dead_since = None
        self._path, self._goal, self._foe = [], None, None
        self._trail.clear()
        self._plan_at = 0
        self._pause_until = 0

    # -- the world

    def _look_around(self, seen: Observation, engine: Engine) -> None:
        self._things = engine.things()
        floors, ceilings = engine.sector_heights()
        solid = [(thing.x, thing.y) for thing in self._things if thing.category in SOLID_CATEGORIES]
        self._grid.update(floors, ceilings, [(round(x), round(y)) for x, y in solid])

    def _mark_visited(self, here: Point) -> None:
        row, column = self._grid.cell_at(*here)
        self._visited[max(row - 14, 0) : row + 15, max(column - 14, 0) : column + 15] = True

    # -- fighting

    def _choose_foe(self, seen: Observation, here: Point) -> Thing | None:
        foes = [
            one.thing
            for one in seen.visible
            if one.thing.category == "Monster" and (one.box[2] - one.box[0]) * (one.box[3] - one.box[1]) >= 60
        ]
        foes = [foe for foe in foes if math.dist(here, (foe.x, foe.y)) <= self._way.fights_within]
        if not foes:
            self._foe = None
            return None
        for foe in foes:
            if foe.id == self._foe:
                return foe
        nearest = min(foes, key=lambda foe: (math.dist(here, (foe.x, foe.y)), foe.id))
        self._foe = nearest.id
        return nearest

    def _fight(self, seen: Observation, here: Point, foe: Thing) -> Action:
        distance = math.dist(here, (foe.x, foe.y))
        off = self._angle_to(seen, here, (foe.x, foe.y))
        turn = self._turn(off, quick=True)
        buttons = self._weapon_choice(seen, distance)
        slot = int(seen.variables["SELECTED_WEAPON"])
        in_reach = distance < 90 if slot == 1 else True
        if abs(off - turn / 100) < max(2.0, math.degrees(math.atan2(14, distance))) and in_reach:
            buttons |= Buttons.ATTACK
        buttons |= self._footwork(seen, here, foe, distance, slot)
        self._trail.clear()
        self._plan_at = min(self._plan_at, seen.tic + 10)
        return Action(buttons, turn)

    def _weapon_choice(self, seen: Observation, distance: float) -> Buttons:
        if seen.tic - self._weapon_asked_at < 35:
            return Buttons.NONE
        best = self._best_slot(seen, distance)
        if best == int(seen.variables["SELECTED_WEAPON"]):
            return Buttons.NONE
        self._weapon_asked_at = seen.tic
        return weapon_button(best)

    def _best_slot(self, seen: Observation, distance: float) -> int:
        for slot, ammunition, least, near, far in ARSENAL:
            owned = seen.variables[f"WEAPON{slot}"] > 0
            if owned and seen.variables[ammunition] >= least and near <= distance <= far:
                return slot
        return 1

    def _footwork(self, seen: Observation, here: Point, foe: Thing, distance: float, slot: int) -> Buttons:
        want = 40 if slot == 1 else self._way.closes_in_to
        buttons = Buttons.NONE
        if seen.variables["HEALTH"] < self._way.retreats_below and self._free_step(seen, here, 180):
            buttons |= Buttons.BACKWARD | Buttons.RUN
        elif distance > want and self._free_step(seen, here, 0):
            buttons |= Buttons.FORWARD | (Buttons.RUN if self._way.run_share > 0.5 else Buttons.NONE)
        if self._way.strafes:
            if seen.tic >= self._dodge_until:
                self._dodge = Buttons.LEFT if self._rng.random() < 0.5 else Buttons.RIGHT
                self._dodge_until = seen.tic + int(self._rng.integers(10, 30))
            side = 90 if self._dodge == Buttons.LEFT else -90
            if self._free_step(seen, here, side):
                buttons |= self._dodge
            else:
                self._dodge_until = seen.tic
        return buttons

    def _free_step(self, seen: Observation, here: Point, side_deg: float) -> bool:
        heading = math.radians(seen.variables["ANGLE"] + side_deg)
        there = (here[0] + 56 * math.cos(heading), here[1] + 56 * math.sin(heading))
        return self._grid.can_walk_straight(here, there)

    # -- going places

    def _travel(self, seen: Observation, here: Point) -> Action:
        if seen.tic < self._free_until:
            return Action(self._free_buttons, self._turn(self._look_at or 0.0))
        if seen.tic < self._pause_until:
            return self._stand(seen)
        if not self._path or seen.tic >= self._plan_at:
            self._plan(seen, here)
        self._drop_passed(here)
        if not self._path:
            return self._stand(seen)
        return self._walk(seen, here)

    def _stand(self, seen: Observation) -> Action:
        if self._look_at is None or self._rng.random() < 0.02:
            self._look_at = float(self._rng.uniform(-70, 70)) if self._rng.random() < 0.7 else 0.0
        turn = self._turn(self._look_at, slow=True)
        self._look_at -= turn / 100
        self._trail.clear()
        return Action(Buttons.NONE, turn)

    def _walk(self, seen: Observation, here: Point) -> Action:
        target = self._aim_point(here)
        off = self._angle_to(seen, here, target)
        turn = self._turn(off)
        buttons = Buttons.NONE
        if abs(off) < 60:
            buttons |= Buttons.FORWARD
            if self._running and abs(off) < 30:
                buttons |= Buttons.RUN
        buttons |= self._use_ahead(seen, here)
        self._trail.append(here)
        if len(self._trail) == self._trail.maxlen and math.dist(self._trail[0], here) < 20:
            self._unstick(seen, here)
        return Action(buttons, turn)

    def _aim_point(self, here: Point) -> Point:
        ahead = self._path[: 40 if self._running else 25]
        for index in range(len(ahead) - 1, 0, -4):
            point = self._grid.point_at(ahead[index])
            if self._grid.can_walk_straight(here, point):
                return point
        return self._grid.point_at(ahead[min(2, len(ahead) - 1)])

    def _drop_passed(self, here: Point) -> None:
        near = [
            index for index, cell in enumerate(self._path[:30]) if math.dist(here, self._grid.point_at(cell)) < 14
        ]
        if near:
            self._path = self._path[near[-1] + 1 :]

    def _use_ahead(self, seen: Observation, here: Point) -> Buttons:
        if seen.tic < self._use_at:
            return Buttons.NONE
        heading = math.radians(seen.variables["ANGLE"])
        for number, line in enumerate(self._level.lines):
            if not line.by_hand or line.use in (LineUse.NONE, LineUse.EXIT, LineUse.LOCKED_DOOR):
                continue
            if line.use is LineUse.SWITCH and number != self._goal_switch:
                continue
            reach = (here[0] + USE_RANGE * math.cos(heading), here[1] + USE_RANGE * math.sin(heading))
            if not _cross(here, reach, (line.x1, line.y1), (line.x2, line.y2)):
                continue
            if line.use is LineUse.DOOR and self._door_open(line.back):
                continue
            if line.use is LineUse.SWITCH:
                self._switches_used.add(number)
                self._goal_switch = None
                self._plan_at = seen.tic + 20
            self._use_at = seen.tic + (70 if line.use is LineUse.LIFT else 45)
            self._trail.clear()
            return Buttons.USE
        return Buttons.NONE

    def _door_open(self, sector: int) -> bool:
        return self._grid.headroom(sector) >= 60

    def _unstick(self, seen: Observation, here: Point) -> None:
        """Something holds the player: step aside at random, and give the goal up if that happens again."""
        self._free_until = seen.tic + int(self._rng.integers(8, 18))
        side = Buttons.LEFT if self._rng.random() < 0.5 else Buttons.RIGHT
        back = Buttons.BACKWARD if self._rng.random() < 0.6 else Buttons.FORWARD
        self._free_buttons = side | back
        self._look_at = float(self._rng.uniform(-30, 30))
        if self._path:
            self._bad_cells.append(self._path[min(2, len(self._path) - 1)])
        if self._goal_item is not None:
            self._given_up[self._goal_item] = seen.tic + 350
        elif self._goal is not None:
            row, column = self._goal
            self._visited[max(row - 10, 0) : row + 11, max(column - 10, 0) : column + 11] = True
        self._path, self._goal = [], None
        self._trail.clear()

    # -- planning

    def _plan(self, seen: Observation, here: Point) -> None:
        arrived = self._goal is not None and not self._path
        if arrived and self._rng.random() < self._way.pause_share:
            self._pause_until = seen.tic + int(self._rng.integers(self._way.pause_tics // 2, self._way.pause_tics + 1))
        if arrived and self._goal_item is not None:
            self._given_up[self._goal_item] = seen.tic + 2100  # it stayed where it was: not for this player
        self._plan_at = seen.tic + 70
        self._running = bool(self._rng.random() < self._way.run_share)
        start = self._grid.nearest_standable(self._grid.cell_at(*here))
        self._path, self._goal, self._goal_item, self._goal_switch = [], None, None, None
        if start is None:
            return
        goal, found = None, None
        for reach in (400, 1500, 8000):  # in steps: what is near is found without searching the whole level
            found = self._grid.search(start, max_cost=reach)
            goal = self._nearest_item(seen, found) or self._unvisited(found)
            if goal is not None:
                break
        goal = goal or self._switch(found) or self._anywhere(found)
        if goal is not None:
            self._goal = goal
            self._path = found.path_to(goal)

    def _nearest_item(self, seen: Observation, found) -> Cell | None:
        best, best_cost, best_id = None, math.inf, None
        for thing in self._things:
            if thing.category not in ITEM_CATEGORIES or self._given_up.get(thing.id, -1) > seen.tic:
                continue
            if not _is_wanted(thing, seen.variables):
                continue
            cell = self._grid.cell_at(thing.x, thing.y)
            if not self._grid.standable[cell]:
                near = self._grid.nearest_standable(cell, within=2)
                if near is None:
                    continue
                cell = near
            cost = found.costs[cell]
            if 0 < cost < best_cost and float(cost) * 4 <= self._way.item_reach * 1.3:
                best, best_cost, best_id = cell, cost, thing.id
        self._goal_item = best_id
        return best

    def _unvisited(self, found) -> Cell | None:
        if not self._way.wanders:
            return None
        costs = np.where(self._visited, np.iinfo(np.int32).max, found.costs)
        cell = np.unravel_index(int(np.argmin(costs)), costs.shape)
        if costs[cell] == np.iinfo(np.int32).max:
            return None
        return int(cell[0]), int(cell[1])

    def _switch(self, found) -> Cell | None:
        best, best_cost = None, math.inf
        for number, line in enumerate(self._level.lines):
            if line.use is not LineUse.SWITCH or number in self._switches_used or not self._way.wanders:
                continue
            length = math.dist((line.x1, line.y1), (line.x2, line.y2)) or 1.0
            x, y = line.middle
            # The front of a line is to its right.
            x, y = x + 28 * (line.y2 - line.y1) / length, y - 28 * (line.x2 - line.x1) / length
            cell = self._grid.nearest_standable(self._grid.cell_at(x, y), within=2)
            if cell is not None and found.costs[cell] < best_cost and found.reached(cell):
                best, best_cost, self._goal_switch = cell, found.costs[cell], number
        return best

    def _anywhere(self, found) -> Cell | None:
        limit = 4000 if self._way.wanders else 60
        rows, columns = np.nonzero((found.costs < limit) & (found.costs > limit // 4))
        if not len(rows):
            return None
        if self._way.wanders:
            self._visited[:] = False
        pick = int(self._rng.integers(len(rows)))
        return int(rows[pick]), int(columns[pick])

    # -- turning

    def _angle_to(self, seen: Observation, here: Point, there: Point) -> float:
        """Degrees to turn left to face `there`, -180 to 180."""
        bearing = math.degrees(math.atan2(there[1] - here[1], there[0] - here[0]))
        return (bearing - seen.variables["ANGLE"] + 180) % 360 - 180

    def _turn(self, off: float, *, quick: bool = False, slow: bool = False) -> int:
        """A turn towards `off` degrees, in hundredths: eased, and no faster than the player's hand."""
        fastest = self._way.turn_deg * (1.4 if quick else 0.25 if slow else 1.0)
        wish = off * (0.6 if quick else 0.35)
        wish = max(-fastest, min(fastest, wish))
        # A hand speeds up and slows down.
        turn = self._last_turn + max(-fastest / 2, min(fastest / 2, wish - self._last_turn))
        self._last_turn = turn
        return round(turn * 100)


def _is_wanted(thing: Thing, variables: dict[str, float]) -> bool:
    """Whether walking over the thing would do anything: the game leaves full health and ammunition lying."""
    if thing.name in ("Stimpack", "Medikit"):
        return variables["HEALTH"] < 100
    if thing.name in ("Soulsphere", "HealthBonus"):
        return variables["HEALTH"] < 200
    if thing.name == "GreenArmor":
        return variables["ARMOR"] < 100
    if thing.name in ("BlueArmor", "ArmorBonus"):
        return variables["ARMOR"] < 200
    slot = {"Shotgun": 3, "SuperShotgun": 3, "Chaingun": 4, "RocketLauncher": 5, "PlasmaRifle": 6, "BFG9000": 7}
    if thing.name in slot:
        return variables[f"WEAPON{slot[thing.name]}"] == 0
    most = {"Clip": ("AMMO2", 200), "ClipBox": ("AMMO2", 200), "Shell": ("AMMO3", 50), "ShellBox": ("AMMO3", 50)}
    most |= {"RocketAmmo": ("AMMO5", 50), "RocketBox": ("AMMO5", 50), "Cell": ("AMMO6", 300), "CellPack": ("AMMO6", 300)}
    if thing.name in most:
        variable, full = most[thing.name]
        return variables[variable] < full
    return thing.category != "Weapon"


def _cross(a: Point, b: Point, c: Point, d: Point) -> bool:
    """Whether segments ab and cd cross."""

    def side(p: Point, q: Point, r: Point) -> float:
        return (q[0] - p[0]) * (r[1] - p[1]) - (q[1] - p[1]) * (r[0] - p[0])

    return side(a, b, c) * side(a, b, d) < 0 and side(c, d, a) * side(c, d, b) < 0

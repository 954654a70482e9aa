"""Where a player can walk, and how to get there (pure).

The level becomes a grid of cells 8 map units wide that holds, for the player's body centred in a cell, the floor it
stands on and the ceiling above. The numbers are those of the engine: a body 32 units square and 56 high, which climbs
24 at a step and may drop from any height.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from gvlm_resources.simulator.view import Point
from gvlm_resources.simulator.wad import LevelMap, Line, LineUse

CELL = 8.0
BODY_HEIGHT = 56.0
STEP_HEIGHT = 24.0
_BODY = np.ones((5, 5), np.uint8)  # cells whose centre lies under a body 32 units wide
_NEAR = np.ones((9, 9), np.uint8)
_UNREACHED = np.iinfo(np.int32).max
# Steps as (row, column, cost): a diagonal costs 3/2 of a straight step.
_STEPS = ((0, 1, 2), (1, 1, 3), (1, 0, 2), (1, -1, 3), (0, -1, 2), (-1, -1, 3), (-1, 0, 2), (-1, 1, 3))

COST_OPEN = 1
COST_NEAR_WALL = 2
COST_DOOR = 6
COST_THING = 10
COST_HURTS = 12

Cell = tuple[int, int]


@dataclass(frozen=True)
class Search:
    """Walking costs from one place, and the way back: `step_to` is the index of the step that led to a cell."""

    costs: NDArray[np.int32]
    step_to: NDArray[np.int8]

    def reached(self, cell: Cell) -> bool:
        return bool(self.costs[cell] < _UNREACHED)

    def path_to(self, cell: Cell) -> list[Cell]:
        """Cells from the start (left out) to `cell`. Empty where the cell was not reached, or is the start."""
        if not self.reached(cell):
            return []
        path = []
        row, column = cell
        while (step := self.step_to[row, column]) >= 0:
            path.append((row, column))
            row, column = row - _STEPS[step][0], column - _STEPS[step][1]
        return path[::-1]


class WalkGrid:
    """The walkable grid of a level, kept up to date with moving floors and ceilings."""

    def __init__(self, level: LevelMap, *, avoid_damage: bool = True) -> None:
        self._level = level
        xs = [x for line in level.lines for x in (line.x1, line.x2)]
        ys = [y for line in level.lines for y in (line.y1, line.y2)]
        self._x0, self._y0 = min(xs) - 4 * CELL, min(ys) - 4 * CELL
        self.shape = (int((max(ys) - self._y0) / CELL) + 5, int((max(xs) - self._x0) / CELL) + 5)
        self.sector = self._rasterised_sectors()
        self._walls = self._drawn(line for line in level.lines if line.blocks or line.use is LineUse.EXIT)
        self._doors = np.isin(np.arange(len(level.floor)), _door_sectors(level))
        self._lifts = np.isin(np.arange(len(level.floor)), _lift_sectors(level))
        self._hurts = level.hurts & avoid_damage
        self._floors, self._ceilings = level.floor, level.ceiling
        self._things: frozenset[Point] = frozenset()
        self._rebuild()

    def cell_at(self, x: float, y: float) -> Cell:
        """The cell of a point in map units, held inside the grid."""
        row, column = int((y - self._y0) / CELL), int((x - self._x0) / CELL)
        return min(max(row, 0), self.shape[0] - 1), min(max(column, 0), self.shape[1] - 1)

    def point_at(self, cell: Cell) -> Point:
        return self._x0 + (cell[1] + 0.5) * CELL, self._y0 + (cell[0] + 0.5) * CELL

    def update(self, floors: NDArray[np.float32], ceilings: NDArray[np.float32], solid_things: Iterable[Point]) -> None:
        """Take in floors and ceilings as they are now, and the places of things that stand in the way."""
        things = frozenset(solid_things)
        if np.array_equal(floors, self._floors) and np.array_equal(ceilings, self._ceilings) and things == self._things:
            return
        self._floors, self._ceilings, self._things = floors, ceilings, things
        self._rebuild()

    def give_up_door(self, sector: int) -> None:
        """Take a door as a wall while it is closed: it did not open."""
        self._doors[sector] = False
        self._rebuild()

    def _rebuild(self) -> None:
        floors, ceilings = self._floors, self._ceilings
        # A door is taken as open: whoever walks there opens it.
        opened = np.where(self._doors & (ceilings - floors < BODY_HEIGHT), floors + BODY_HEIGHT + STEP_HEIGHT, ceilings)
        floor = np.append(floors, np.float32(1e4))[self.sector].astype(np.float32)
        ceiling = np.append(opened, np.float32(-1e4))[self.sector].astype(np.float32)
        self.floor = cv2.dilate(floor, _BODY)
        self.ceiling = cv2.erode(ceiling, _BODY)
        self._lift_cells = cv2.dilate(np.append(self._lifts, False)[self.sector].astype(np.uint8), _BODY) > 0
        walls = cv2.dilate(self._walls, _BODY) > 0
        self.standable = (self.ceiling - self.floor >= BODY_HEIGHT) & ~walls
        self._cost = self._costs()
        self._edges = [self._edge(row, column) for row, column, _ in _STEPS]

    def _costs(self) -> NDArray[np.int32]:
        cost = np.full(self.shape, COST_OPEN, np.int32)
        near = cv2.erode(self.standable.astype(np.uint8), _NEAR[:5, :5]) == 0
        cost[near] = COST_NEAR_WALL
        cost[np.append(self._doors, False)[self.sector]] += COST_DOOR
        cost[cv2.dilate(np.append(self._hurts, False)[self.sector].astype(np.uint8), _BODY) > 0] += COST_HURTS
        for x, y in self._things:
            row, column = self.cell_at(x, y)
            cost[max(row - 4, 0) : row + 5, max(column - 4, 0) : column + 5] += COST_THING
        return cost

    def _edge(self, rows: int, columns: int) -> NDArray[np.bool_]:
        """Whether a body can go from each cell to its neighbour `rows`, `columns` away."""

        def neighbour(values: NDArray, down: int, right: int) -> NDArray:
            return np.roll(values, (-down, -right), axis=(0, 1))

        rise = neighbour(self.floor, rows, columns) - self.floor
        low = np.minimum(self.ceiling, neighbour(self.ceiling, rows, columns))
        high = np.maximum(self.floor, neighbour(self.floor, rows, columns))
        on_lift = self._lift_cells | neighbour(self._lift_cells, rows, columns)
        edge = self.standable & neighbour(self.standable, rows, columns)
        edge &= ((rise <= STEP_HEIGHT) & (low - high >= BODY_HEIGHT)) | on_lift
        if rows and columns:
            edge &= neighbour(self.standable, rows, 0) & neighbour(self.standable, 0, columns)
        edge[[0, -1], :] = False
        edge[:, [0, -1]] = False
        return edge

    def search(self, start: Cell, goals: Sequence[Cell] = (), *, max_cost: int = 100_000) -> Search:
        """Cheapest ways from `start` to everywhere within `max_cost`; stops once all `goals` are reached.

        Dial's algorithm (bucketed Dijkstra) with whole buckets as arrays.
        """
        costs = np.full(self.shape[0] * self.shape[1], _UNREACHED, np.int32)
        step_to = np.full(costs.shape, -1, np.int8)
        width = self.shape[1]
        cell_cost, edges = self._cost.ravel(), [edge.ravel() for edge in self._edges]
        wanted = {row * width + column for row, column in goals}
        first = start[0] * width + start[1]
        costs[first] = 0
        buckets: dict[int, list[NDArray[np.int64]]] = {0: [np.array([first])]}
        order = [0]
        while order:
            cost = heapq.heappop(order)
            cells = np.unique(np.concatenate(buckets.pop(cost)))
            cells = cells[costs[cells] == cost]
            wanted.difference_update(cells.tolist()) if wanted else None
            if cost > max_cost or (goals and not wanted):
                break
            for index, (rows, columns, weight) in enumerate(_STEPS):
                to = cells[edges[index][cells]] + rows * width + columns
                reach = cost + weight * cell_cost[to]
                better = reach < costs[to]
                to, reach = to[better], reach[better]
                costs[to], step_to[to] = reach, index
                for value in set(reach.tolist()):
                    if value not in buckets:
                        buckets[value] = []
                        heapq.heappush(order, value)
                    buckets[value].append(to[reach == value])
        return Search(costs.reshape(self.shape), step_to.reshape(self.shape))

    def nearest_standable(self, cell: Cell, *, within: int = 8) -> Cell | None:
        """The standable cell closest to `cell`, at most `within` cells away along either axis."""
        row, column = cell
        top, left = max(row - within, 0), max(column - within, 0)
        rows, columns = np.nonzero(self.standable[top : row + within + 1, left : column + within + 1])
        if not len(rows):
            return None
        best = int(np.argmin((rows + top - row) ** 2 + (columns + left - column) ** 2))
        return int(rows[best] + top), int(columns[best] + left)

    def can_walk_straight(self, start: Point, end: Point) -> bool:
        """Whether a body gets from `start` to `end` in a straight line, without a drop of more than two steps."""
        cells = self._cells_between(start, end)
        rows, columns = cells[:, 0], cells[:, 1]
        floor = self.floor[rows, columns]
        rise = np.diff(floor)
        cheap = self._cost[rows, columns] < COST_THING
        walkable = self.standable[rows, columns] & cheap
        return bool(walkable[1:].all() and (rise <= STEP_HEIGHT).all() and (rise >= -2 * STEP_HEIGHT).all())

    def can_see(self, start: Point, start_z: float, end: Point, end_z: float) -> bool:
        """Whether nothing of the level's floors, ceilings and walls lies between two points."""
        cells = self._cells_between(start, end)
        floors, ceilings = np.append(self._floors, np.float32(1e4)), np.append(self._ceilings, np.float32(-1e4))
        sectors = self.sector[cells[:, 0], cells[:, 1]]
        z = np.linspace(start_z, end_z, len(cells))
        return bool(((floors[sectors] < z) & (ceilings[sectors] > z)).all())

    def is_lift(self, cell: Cell) -> bool:
        return bool(self._lift_cells[cell])

    def headroom(self, sector: int) -> float:
        """Height between floor and ceiling of a sector, as they are now."""
        return float(self._ceilings[sector] - self._floors[sector])

    def closed_doors(self, cells: Iterable[Cell]) -> set[int]:
        """Sectors of the closed doors in `cells`."""
        sectors = {int(self.sector[cell]) for cell in cells}
        return {one for one in sectors if one >= 0 and self._doors[one] and self.headroom(one) < BODY_HEIGHT}

    def _cells_between(self, start: Point, end: Point) -> NDArray[np.int64]:
        count = max(int(np.hypot(end[0] - start[0], end[1] - start[1]) / (CELL / 2)), 1) + 1
        xs, ys = np.linspace(start[0], end[0], count), np.linspace(start[1], end[1], count)
        rows = np.clip((ys - self._y0) / CELL, 0, self.shape[0] - 1).astype(np.int64)
        columns = np.clip((xs - self._x0) / CELL, 0, self.shape[1] - 1).astype(np.int64)
        return np.stack([rows, columns], axis=1)

    def _rasterised_sectors(self) -> NDArray[np.int32]:
        """The sector of each cell's centre, -1 outside the level.

        Along a row of cells, the sector changes where a line crosses: to the line's front where it runs up (its right
        side faces east), else to its back.
        """
        sector = np.full(self.shape, -1, np.int32)
        x1, y1, x2, y2 = (
            np.array([getattr(line, name) for line in self._level.lines]) for name in ("x1", "y1", "x2", "y2")
        )
        front = np.array([line.front for line in self._level.lines])
        back = np.array([line.back for line in self._level.lines])
        for row in range(self.shape[0]):
            y = self._y0 + (row + 0.5) * CELL
            crossing = np.nonzero((np.minimum(y1, y2) <= y) & (np.maximum(y1, y2) > y))[0]
            if not len(crossing):
                continue
            share = (y - y1[crossing]) / (y2[crossing] - y1[crossing])
            at = x1[crossing] + share * (x2[crossing] - x1[crossing])
            order = np.argsort(at, kind="stable")
            columns = np.clip(np.ceil((at[order] - self._x0) / CELL - 0.5), 0, self.shape[1]).astype(int)
            crossing = crossing[order]
            east = np.where(y2[crossing] > y1[crossing], front[crossing], back[crossing])
            for index, start in enumerate(columns[:-1]):
                sector[row, start : columns[index + 1]] = east[index]
        return sector

    def _drawn(self, lines: Iterable[Line]) -> NDArray[np.uint8]:
        mask = np.zeros(self.shape, np.uint8)
        for line in lines:
            start, end = self.cell_at(line.x1, line.y1), self.cell_at(line.x2, line.y2)
            cv2.line(mask, start[::-1], end[::-1], 1)
        return mask


def _door_sectors(level: LevelMap) -> list[int]:
    return sorted({line.back for line in level.lines if line.use is LineUse.DOOR and line.by_hand and line.back >= 0})


def _lift_sectors(level: LevelMap) -> list[int]:
    tags = {line.tag for line in level.lines if line.use is LineUse.LIFT and line.tag}
    return [number for number, tag in enumerate(level.tags) if tag in tags]

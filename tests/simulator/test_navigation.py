from __future__ import annotations

import heapq

import numpy as np
import pytest

from gvlm_resources.simulator.navigation import _STEPS, _UNREACHED, WalkGrid
from tests.simulator.levels import Room, row_of_rooms

WEST, EAST = (64, 64), (320, 64)


def _reaches(grid: WalkGrid, start: tuple[int, int] = WEST, end: tuple[int, int] = EAST) -> bool:
    return grid.search(grid.cell_at(*start)).reached(grid.cell_at(*end))


def _two_rooms(floor: int, ceiling: int = 200) -> WalkGrid:
    return WalkGrid(row_of_rooms(Room(0, 0, 192, 128, 0, 200), Room(192, 0, 384, 128, floor, ceiling)))


def test_a_cell_knows_its_sector_and_void_is_none() -> None:
    grid = _two_rooms(0)
    assert grid.sector[grid.cell_at(*WEST)] == 0
    assert grid.sector[grid.cell_at(*EAST)] == 1
    assert grid.sector[grid.cell_at(-20, 64)] == -1


def test_cells_and_points_are_each_others_inverse() -> None:
    grid = _two_rooms(0)
    for cell in ((5, 7), (12, 30)):
        assert grid.cell_at(*grid.point_at(cell)) == cell


def test_a_body_stays_its_half_width_away_from_walls() -> None:
    grid = _two_rooms(0)
    assert grid.standable[grid.cell_at(64, 28)]
    assert not grid.standable[grid.cell_at(64, 10)]


@pytest.mark.parametrize(("step", "climbs"), [(24, True), (32, False)])
def test_a_step_of_24_is_climbed_and_a_higher_one_is_not(step: int, climbs: bool) -> None:
    assert _reaches(_two_rooms(step)) is climbs


def test_a_drop_goes_one_way_only() -> None:
    grid = _two_rooms(-100)
    assert _reaches(grid)
    assert not _reaches(grid, EAST, WEST)


@pytest.mark.parametrize(("ceiling", "fits"), [(56, True), (48, False)])
def test_a_body_fits_under_56_and_not_under_less(ceiling: int, fits: bool) -> None:
    assert _reaches(_two_rooms(0, ceiling)) is fits


def test_a_closed_door_is_a_way_and_a_closed_wall_is_not() -> None:
    rooms = (Room(0, 0, 128, 128), Room(128, 0, 192, 128, 0, 0), Room(192, 0, 384, 128))
    assert not _reaches(WalkGrid(row_of_rooms(*rooms)))
    assert _reaches(WalkGrid(row_of_rooms(*rooms, door_into=1)))


def test_a_door_that_was_given_up_is_a_wall_while_it_is_closed() -> None:
    rooms = (Room(0, 0, 128, 128), Room(128, 0, 192, 128, 0, 0), Room(192, 0, 384, 128))
    grid = WalkGrid(row_of_rooms(*rooms, door_into=1))
    assert grid.closed_doors([grid.cell_at(*WEST), grid.cell_at(160, 64)]) == {1}
    grid.give_up_door(1)
    assert not _reaches(grid)
    assert grid.closed_doors([grid.cell_at(160, 64)]) == set()
    grid.update(np.zeros(3, np.float32), np.array([128, 128, 128], np.float32), [])
    assert _reaches(grid)


def test_a_floor_that_rises_closes_the_way_once_the_grid_is_updated() -> None:
    grid = _two_rooms(0)
    assert _reaches(grid)
    grid.update(np.array([0, 80], np.float32), np.array([200, 200], np.float32), [])
    assert not _reaches(grid)
    assert grid.headroom(1) == 120


def test_the_way_leads_step_by_step_from_start_to_goal() -> None:
    grid = _two_rooms(0)
    start, goal = grid.cell_at(*WEST), grid.cell_at(*EAST)
    path = grid.search(start).path_to(goal)
    assert path[-1] == goal
    for before, after in zip([start, *path], path, strict=False):
        assert max(abs(before[0] - after[0]), abs(before[1] - after[1])) == 1


def test_a_search_with_goals_costs_the_same_as_a_whole_one() -> None:
    grid = _two_rooms(16)
    start, goal = grid.cell_at(*WEST), grid.cell_at(*EAST)
    assert grid.search(start, [goal]).costs[goal] == grid.search(start).costs[goal]


def test_costs_agree_with_a_plain_dijkstra() -> None:
    grid = WalkGrid(
        row_of_rooms(Room(0, 0, 96, 160), Room(96, 0, 160, 160, 20, 128, hurts=True), Room(160, 0, 256, 96))
    )
    grid.update(np.array([0, 20, 0], np.float32), np.array([128] * 3, np.float32), [(50, 80)])
    start = grid.cell_at(40, 80)
    assert np.array_equal(grid.search(start).costs, _dijkstra(grid, start))


def _dijkstra(grid: WalkGrid, start: tuple[int, int]) -> np.ndarray:
    costs = np.full(grid.shape, _UNREACHED, np.int32)
    costs[start] = 0
    queue = [(0, start)]
    while queue:
        cost, (row, column) = heapq.heappop(queue)
        if cost > costs[row, column]:
            continue
        for edge, (rows, columns, weight) in zip(grid._edges, _STEPS, strict=True):
            to = (row + rows, column + columns)
            if edge[row, column] and cost + weight * grid._cost[to] < costs[to]:
                costs[to] = cost + weight * grid._cost[to]
                heapq.heappush(queue, (int(costs[to]), to))
    return costs


def test_floors_that_hurt_cost_more_unless_the_player_does_not_care() -> None:
    level = row_of_rooms(Room(0, 0, 192, 128, 0, 200), Room(192, 0, 384, 128, 0, 200, hurts=True))
    careful, careless = WalkGrid(level), WalkGrid(level, avoid_damage=False)
    goal = careful.cell_at(*EAST)
    start = careful.cell_at(*WEST)
    assert careful.search(start).costs[goal] > 2 * careless.search(start).costs[goal]


def test_a_straight_walk_is_refused_into_a_wall_and_over_a_deep_edge() -> None:
    assert _two_rooms(0).can_walk_straight(WEST, EAST)
    assert not _two_rooms(0).can_walk_straight(WEST, (64, 200))
    assert not _two_rooms(-100).can_walk_straight(WEST, EAST)


def test_sight_ends_at_walls_and_floors() -> None:
    grid = _two_rooms(100)
    assert grid.can_see(WEST, 150, EAST, 150)
    assert not grid.can_see(WEST, 41, EAST, 141 - 60)
    assert not grid.can_see(WEST, 41, (64, 400), 41)


def test_the_nearest_standable_cell_is_found_or_none() -> None:
    grid = _two_rooms(0)
    found = grid.nearest_standable(grid.cell_at(64, 6))
    assert found is not None
    assert grid.standable[found]
    assert grid.nearest_standable((0, 0), within=1) is None

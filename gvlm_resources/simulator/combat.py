"""How a scripted player fights: whom, with what, and on which feet."""

from __future__ import annotations

import math

import numpy as np

from gvlm_resources.simulator.actions import Buttons, weapon_button
from gvlm_resources.simulator.navigation import WalkGrid
from gvlm_resources.simulator.temperament import Temperament
from gvlm_resources.simulator.view import Thing, View, Wish

# (slot, ammunition variable, fewest rounds, nearest and farthest useful distance), best first. Rockets hurt whoever
# stands near, so they want room.
ARSENAL = (
    (6, "AMMO6", 5, 96, 2000),
    (4, "AMMO4", 10, 0, 1500),
    (3, "AMMO3", 2, 0, 700),
    (5, "AMMO5", 1, 400, 1500),
    (4, "AMMO4", 1, 0, 3000),
    (2, "AMMO2", 1, 0, 3000),
    (3, "AMMO3", 1, 0, 3000),
)
MELEE_REACH = 80
SEEN_FROM_PX = 60  # a foe smaller than this is a few dark pixels that a person would not notice
WEAPON_PATIENCE_TICS = 70
VAIN_TICS = 120  # shooting that long without a hit is shooting at a wall


class Fighter:
    """A player's fighting. Ask `foe` once a tic, and `wish` when there is one."""

    def __init__(self, temperament: Temperament, grid: WalkGrid, rng: np.random.Generator) -> None:
        self._way = temperament
        self._grid = grid
        self._rng = rng
        self._foe: int | None = None
        self._ignored: dict[int, int] = {}  # foe -> tic until which it is left alone
        self._hits, self._last_hit_tic = 0.0, 0
        self._weapon_asked_at = -WEAPON_PATIENCE_TICS
        self._side, self._side_until = Buttons.LEFT, 0

    def foe(self, view: View) -> Thing | None:
        """Whom to fight: the foe at hand while it is in sight, else the nearest one in sight."""
        foes = [one.thing for one in view.visible if one.thing.category == "Monster" and one.area_px >= SEEN_FROM_PX]
        near = [foe for foe in foes if math.dist(view.here, foe.place) <= self._way.fights_within]
        near = [foe for foe in near if self._ignored.get(foe.id, -1) <= view.tic]
        if not near:
            self._foe = None
            return None
        kept = [foe for foe in near if foe.id == self._foe]
        chosen = kept[0] if kept else min(near, key=lambda foe: (math.dist(view.here, foe.place), foe.id))
        if chosen.id != self._foe:
            self._foe, self._last_hit_tic = chosen.id, view.tic
        return chosen

    def wish(self, view: View, foe: Thing) -> Wish:
        """Face the foe, shoot once it is in line, keep moving."""
        self._give_up_in_vain(view, foe)
        distance = math.dist(view.here, foe.place)
        off = view.off(foe.place)
        buttons = self._weapon(view, distance) | self._feet(view, distance)
        in_line = abs(off) < max(2.0, math.degrees(math.atan2(14, distance)))
        if in_line and (view.slot != 1 or distance < MELEE_REACH):
            buttons |= Buttons.ATTACK
        return Wish(buttons, off, haste=1.4)

    def attacker(self, view: View) -> Thing | None:
        """Who may have just hurt the player from outside its view: the nearest monster with a clear line."""
        eye = view.variables["POSITION_Z"] + 41
        others = [
            thing
            for thing in view.things
            if thing.category == "Monster"
            and math.dist(view.here, thing.place) < 900
            and self._ignored.get(thing.id, -1) <= view.tic
        ]
        for thing in sorted(others, key=lambda thing: (math.dist(view.here, thing.place), thing.id))[:6]:
            if self._grid.can_see(view.here, eye, thing.place, thing.z + 32):
                return thing
        return None

    def _give_up_in_vain(self, view: View, foe: Thing) -> None:
        hits = view.variables["HITCOUNT"]
        if hits != self._hits:
            self._hits, self._last_hit_tic = hits, view.tic
        if view.tic - self._last_hit_tic > VAIN_TICS:
            self._ignored[foe.id] = view.tic + 210
            self._last_hit_tic = view.tic

    def _weapon(self, view: View, distance: float) -> Buttons:
        if view.tic - self._weapon_asked_at < WEAPON_PATIENCE_TICS and _loaded(view, view.slot):
            return Buttons.NONE
        best = best_slot(view.variables, distance)
        if best == view.slot:
            return Buttons.NONE
        self._weapon_asked_at = view.tic
        # A key is pressed, not held: every other tic while the weapon in hand is empty.
        return weapon_button(best) if view.tic % 2 == 0 else Buttons.NONE

    def _feet(self, view: View, distance: float) -> Buttons:
        buttons = Buttons.NONE
        wanted = 40 if view.slot == 1 else self._way.closes_in_to
        if view.health < self._way.retreats_below and self._is_free(view, 180):
            buttons |= Buttons.BACKWARD | Buttons.RUN
        elif distance > wanted and self._is_free(view, 0):
            buttons |= Buttons.FORWARD | (Buttons.RUN if self._way.run_share > 0.5 else Buttons.NONE)
        if not self._way.strafes:
            return buttons
        if view.tic >= self._side_until:
            self._side = Buttons.LEFT if self._rng.random() < 0.5 else Buttons.RIGHT
            self._side_until = view.tic + int(self._rng.integers(10, 30))
        if self._is_free(view, 90 if self._side is Buttons.LEFT else -90):
            return buttons | self._side
        self._side_until = view.tic
        return buttons

    def _is_free(self, view: View, side_deg: float) -> bool:
        return self._grid.can_walk_straight(view.here, view.ahead(56, side_deg=side_deg))


def best_slot(variables: dict[str, float], distance: float) -> int:
    """The slot of the best weapon that is owned and loaded, for a foe at `distance`; fists where there is none."""
    for slot, ammunition, fewest, near, far in ARSENAL:
        if variables[f"WEAPON{slot}"] > 0 and variables[ammunition] >= fewest and near <= distance <= far:
            return slot
    return 1


def _loaded(view: View, slot: int) -> bool:
    return slot == 1 or view.variables["SELECTED_WEAPON_AMMO"] > 0

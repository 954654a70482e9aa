"""Scripted players that play like people: they find their way, fight, gather, get hurt, die and start again.

A bot may look at the engine's truth (the level's geometry, where things are). It only ever acts through the buttons,
and all its chances come from its seed, so that it plays the same game again.
"""

from __future__ import annotations

import numpy as np

from gvlm_resources.simulator.actions import Action, Buttons
from gvlm_resources.simulator.combat import Fighter
from gvlm_resources.simulator.engine import Engine, Observation
from gvlm_resources.simulator.navigation import WalkGrid
from gvlm_resources.simulator.temperament import Temperament
from gvlm_resources.simulator.travel import Traveller
from gvlm_resources.simulator.view import Hand, Thing, View, Wish
from gvlm_resources.simulator.wad import LevelMap

LOOK_EVERY_TICS = 8
LIES_DEAD_TICS = 50
TURNS_TO_ATTACKER_TICS = 25
SOLID_CATEGORIES = frozenset({"Hazard", "Decoration", "Vegetation", "LightSource"})


class Bot:
    """One player of one level. Ask it for an `Action` once a tic, in order."""

    def __init__(self, level: LevelMap, temperament: Temperament, *, seed: int) -> None:
        rng = np.random.default_rng(seed)
        self._grid = WalkGrid(level, avoid_damage=temperament.fears_damage)
        self._fighter = Fighter(temperament, self._grid, rng)
        self._traveller = Traveller(level, temperament, self._grid, rng)
        self._hand = Hand(temperament.turn_deg)
        self._things: tuple[Thing, ...] = ()
        self._dead_since: int | None = None
        self._damage = 0.0
        self._attacker: Thing | None = None
        self._attacker_until = 0

    def decide(self, seen: Observation, engine: Engine) -> Action:
        """The action for this tic."""
        if seen.dead:
            return self._lie_dead(seen.tic)
        if self._dead_since is not None:
            self._dead_since, self._attacker = None, None
            self._traveller.start_again()
        if seen.tic % LOOK_EVERY_TICS == 0:
            self._look_around(engine)
        view = View(seen.tic, seen.variables, seen.visible, self._things)
        wish = self._wish(view)
        return Action(wish.buttons, self._hand.turn_cdeg(wish))

    def _lie_dead(self, tic: int) -> Action:
        """Lie for a while, then press USE until the game starts the player again."""
        if self._dead_since is None:
            self._dead_since = tic
        waited = tic - self._dead_since
        return Action(Buttons.USE if waited >= LIES_DEAD_TICS and waited % 12 == 0 else Buttons.NONE)

    def _look_around(self, engine: Engine) -> None:
        self._things = tuple(engine.things())
        floors, ceilings = engine.sector_heights()
        solid = [(round(thing.x), round(thing.y)) for thing in self._things if thing.category in SOLID_CATEGORIES]
        self._grid.update(floors, ceilings, solid)

    def _wish(self, view: View) -> Wish:
        self._traveller.been(view.here)
        foe = self._fighter.foe(view)
        if foe is not None:
            self._attacker = None
            self._traveller.interrupt(view.tic)
            return self._fighter.wish(view, foe)
        self._notice_attack(view)
        if self._attacker is not None and view.tic < self._attacker_until:
            self._traveller.interrupt(view.tic)
            return Wish(Buttons.NONE, view.off(self._attacker.place), haste=1.4)
        return self._traveller.wish(view)

    def _notice_attack(self, view: View) -> None:
        """Turn to whoever may have hurt the player out of its sight."""
        damage = view.variables["DAMAGE_TAKEN"]
        if damage > self._damage:
            self._attacker = self._fighter.attacker(view)
            self._attacker_until = view.tic + TURNS_TO_ATTACKER_TICS
        self._damage = damage

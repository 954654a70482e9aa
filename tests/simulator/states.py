"""Tics as the engine would give them, for tests of what is derived from them."""

from __future__ import annotations

from dataclasses import replace

from gvlm_resources.simulator.events import TicState

CALM = TicState(
    tic=0,
    health=100,
    armor=0,
    dead=False,
    damage_taken=0,
    kill_count=0,
    secret_count=0,
    weapon_slot=2,
    weapon_ammo=50,
)


def tics_of(*changes: dict[str, object]) -> list[TicState]:
    """Tics from 0 on: each differs from the one before by `changes`; messages and deaths last one tic."""
    states = [CALM]
    for number, change in enumerate(changes, start=1):
        states.append(replace(states[-1], **{"tic": number, "notifications": (), "killed": (), **change}))
    return states

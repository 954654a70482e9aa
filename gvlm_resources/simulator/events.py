"""Events out of the engine's tics (pure). docs/simulator.md defines every kind; this module is that definition.

An event is what changed between two neighbouring tics. Nothing is merged: two pickups in neighbouring tics are two
events, and damage is one event for each tic in which damage was taken.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from gvlm_resources.simulator.items import FIRST_WEAPONS, PICKUP_MESSAGES, WEAPON_SLOT, WEAPON_SLOTS

KINDS = (
    *("damage", "heal", "armor", "pickup", "shot", "kill", "death", "respawn", "weapon_change", "message", "secret"),
)


@dataclass(frozen=True, slots=True)
class TicState:
    """What events are made from: the engine's numbers in one tic. `tic` is also the number of the video frame."""

    tic: int
    health: int
    armor: int
    dead: bool
    damage_taken: int  # the engine's running sums
    kill_count: int
    secret_count: int
    weapon_slot: int
    weapon_ammo: int  # rounds for the weapon in hand
    notifications: tuple[str, ...] = ()
    killed: tuple[str, ...] = ()  # names of the monsters that died in this tic


@dataclass(frozen=True, slots=True)
class TruthEvent:
    """One event over the tics, and so frames, `[start_tic, end_tic)`. `amount` is in the unit of its kind."""

    kind: str
    start_tic: int
    end_tic: int
    amount: int
    subject: str

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"unknown kind of event {self.kind!r}")
        if not 0 <= self.start_tic < self.end_tic:
            raise ValueError(f"an event ends after it starts, got tics [{self.start_tic}, {self.end_tic})")


def derive_events(tics: Sequence[TicState]) -> list[TruthEvent]:
    """Events of a recording, ordered by start tic, then as in `KINDS`, then as they came within the tic."""
    weapons = ready_weapons(tics)
    events = [event for now in tics for event in _notified(now)]
    for (before, now), weapon in zip(pairwise(tics), weapons[1:], strict=True):
        events += _counted(before, now)
        events += _handled(before, now, weapon)
    return sorted(events, key=lambda event: (event.start_tic, KINDS.index(event.kind)))


def ready_weapons(tics: Sequence[TicState]) -> list[str]:
    """Name of the weapon in hand in each tic; empty where no slot is selected.

    The engine tells the slot only. Slots 1 and 3 hold two weapons each: there the rounds of the first shot decide
    (two for a SuperShotgun), then a weapon newly picked up, then the best weapon owned, as the engine's keys do.
    """
    names: list[str] = []
    owned, fresh = set(FIRST_WEAPONS), ""
    start = 0
    while start < len(tics):
        end = start + 1
        while end < len(tics) and (tics[end].weapon_slot, tics[end].dead) == (
            tics[start].weapon_slot,
            tics[start].dead,
        ):
            end += 1
        for taken in _weapons_taken(tics[start : start + 1]):
            owned.add(taken)
        names += [_weapon_of_run(tics[start:end], owned, fresh)] * (end - start)
        for taken in _weapons_taken(tics[start:end]):
            fresh = taken if taken not in owned else fresh
            owned.add(taken)
        if tics[end - 1].dead:
            owned, fresh = set(FIRST_WEAPONS), ""
        start = end
    return names


def _weapons_taken(tics: Sequence[TicState]) -> Iterator[str]:
    for now in tics:
        for line in now.notifications:
            item = PICKUP_MESSAGES.get(line, "")
            if item in WEAPON_SLOT:
                yield item


def _weapon_of_run(run: Sequence[TicState], owned: set[str], fresh: str) -> str:
    slot = run[0].weapon_slot
    weapons = WEAPON_SLOTS.get(slot, ())
    if len(weapons) < 2:
        return "".join(weapons)
    if slot == 3:
        rounds = [before.weapon_ammo - now.weapon_ammo for before, now in pairwise(run)]
        first = next((spent for spent in rounds if spent > 0), 0)
        if first:
            return weapons[1] if first >= 2 else weapons[0]
    if fresh in weapons:
        return fresh
    return [weapon for weapon in weapons if weapon in owned or weapon == weapons[0]][-1]


def _notified(now: TicState) -> Iterator[TruthEvent]:
    for line in now.notifications:
        yield _event("message", now, subject=line)
        if line in PICKUP_MESSAGES:
            yield _event("pickup", now, subject=PICKUP_MESSAGES[line])


def _counted(before: TicState, now: TicState) -> Iterator[TruthEvent]:
    """Events of the running counts and of the player's state."""
    taken = now.damage_taken - before.damage_taken
    if taken > 0:
        yield _event("damage", now, amount=taken)
    if now.dead and not before.dead:
        yield _event("death", now)
    if before.dead and not now.dead:
        yield _event("respawn", now)
        return
    healed = now.health - before.health + max(taken, 0)
    if healed > 0 and not now.dead:
        yield _event("heal", now, amount=healed)
    if now.armor > before.armor:
        yield _event("armor", now, amount=now.armor - before.armor)
    if now.secret_count > before.secret_count:
        yield _event("secret", now, amount=now.secret_count - before.secret_count)
    yield from _kills(before, now)


def _kills(before: TicState, now: TicState) -> Iterator[TruthEvent]:
    count = now.kill_count - before.kill_count
    # The engine counts what the player killed; monsters also die by each other and by barrels.
    names = now.killed if len(now.killed) == count else ("",) * count
    for name in names:
        yield _event("kill", now, subject=name)


def _handled(before: TicState, now: TicState, weapon: str) -> Iterator[TruthEvent]:
    """Shots and changes of weapon of a player who lives through the tic."""
    if before.dead or now.dead:
        return
    if now.weapon_slot != before.weapon_slot:
        if now.weapon_slot and before.weapon_slot:
            yield _event("weapon_change", now, amount=now.weapon_slot, subject=weapon)
    elif now.weapon_ammo < before.weapon_ammo:
        spent = before.weapon_ammo - now.weapon_ammo
        if now.weapon_slot == 3:
            weapon = WEAPON_SLOTS[3][min(spent, 2) - 1]
        yield _event("shot", now, amount=spent, subject=weapon)


def _event(kind: str, now: TicState, *, amount: int = 1, subject: str = "") -> TruthEvent:
    return TruthEvent(kind=kind, start_tic=now.tic, end_tic=now.tic + 1, amount=amount, subject=subject)

"""How a scripted player plays (pure)."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Temperament:
    """One way to play. Distances are in map units, shares between 0 and 1."""

    name: str
    fights_within: float  # shoots at what it sees up to this distance
    closes_in_to: float  # walks towards a foe down to this distance
    item_reach: float  # walking distance that it goes for an item
    run_share: float  # of its ways, how many it runs
    pause_share: float  # of the places it reaches, at how many it stops for a while
    pause_tics: int  # longest stop
    retreats_below: int  # health under which it backs away from a foe
    strafes: bool
    turn_deg: float  # fastest turn in a tic
    fears_damage: bool  # walks around floors that hurt
    explores: bool  # goes where it has not been; else it stays around

    def __post_init__(self) -> None:
        for share in (self.run_share, self.pause_share):
            if not 0 <= share <= 1:
                raise ValueError(f"a share lies between 0 and 1, got {share}")
        if self.turn_deg <= 0:
            raise ValueError(f"a player turns by more than nothing, got {self.turn_deg}")


FIGHTER = Temperament(
    name="fighter",
    fights_within=1600,
    closes_in_to=220,
    item_reach=700,
    run_share=0.9,
    pause_share=0.05,
    pause_tics=20,
    retreats_below=0,
    strafes=True,
    turn_deg=11,
    fears_damage=True,
    explores=True,
)
EXPLORER = Temperament(
    name="explorer",
    fights_within=700,
    closes_in_to=500,
    item_reach=1600,
    run_share=0.75,
    pause_share=0.15,
    pause_tics=25,
    retreats_below=25,
    strafes=True,
    turn_deg=9,
    fears_damage=True,
    explores=True,
)
CAUTIOUS = Temperament(
    name="cautious",
    fights_within=1200,
    closes_in_to=700,
    item_reach=300,
    run_share=0.1,
    pause_share=0.6,
    pause_tics=70,
    retreats_below=60,
    strafes=False,
    turn_deg=6,
    fears_damage=True,
    explores=True,
)
IDLER = Temperament(
    name="idler",
    fights_within=600,
    closes_in_to=900,
    item_reach=0,
    run_share=0,
    pause_share=1,
    pause_tics=260,
    retreats_below=40,
    strafes=False,
    turn_deg=4,
    fears_damage=True,
    explores=False,
)
RECKLESS = Temperament(
    name="reckless",
    fights_within=900,
    closes_in_to=90,
    item_reach=300,
    run_share=1,
    pause_share=0,
    pause_tics=0,
    retreats_below=0,
    strafes=False,
    turn_deg=14,
    fears_damage=False,
    explores=True,
)
TEMPERAMENTS = {one.name: one for one in (FIGHTER, EXPLORER, CAUTIOUS, IDLER, RECKLESS)}

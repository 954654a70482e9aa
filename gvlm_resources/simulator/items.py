"""What Freedoom calls its things: messages of pickups, and the weapons of each slot (pure).

The messages are those of Freedoom's own string table (the DEHACKED lump of both archives). Item names are the
engine's class names, as the truth's objects carry them.
"""

from __future__ import annotations

PICKUP_MESSAGES = {
    "Put on a force field vest.": "GreenArmor",
    "Put on the attuned force field armor!": "BlueArmor",
    "Health boosted!": "HealthBonus",
    "Armor boosted!": "ArmorBonus",
    "Took a health refill.": "Stimpack",
    "Took a large health refill. Never give up!": "Medikit",
    "Took a large health refill.": "Medikit",
    "Ectoplasmic surge!": "Soulsphere",
    "Negentropic surge!": "Megasphere",
    "Blue passcard secured!": "BlueCard",
    "Yellow passcard secured!": "YellowCard",
    "Red passcard secured!": "RedCard",
    "Blue skeleton key secured!": "BlueSkull",
    "Yellow skeleton key secured!": "YellowSkull",
    "Red skeleton key secured!": "RedSkull",
    "Vanguard of the gods!": "InvulnerabilitySphere",
    "Smash them to pieces!": "Berserk",
    "Invisibility!": "BlurSphere",
    "Rescue operations suit.": "RadSuit",
    "Area survey map.": "Allmap",
    "Low-light goggles.": "Infrared",
    "Picked up some bullets.": "Clip",
    "Picked up a case of bullets.": "ClipBox",
    "Picked up a missile.": "RocketAmmo",
    "Picked up a crate of missiles.": "RocketBox",
    "Picked up an energy recharge.": "Cell",
    "Picked up a large energy recharge.": "CellPack",
    "Picked up some shotgun shells.": "Shell",
    "Picked up a box of shotgun shells.": "ShellBox",
    "A backpack for all your ammo storage needs!": "Backpack",
    "Got the SKAG 1337... time to kick some ass!": "BFG9000",
    "Got the minigun!": "Chaingun",
    "Got the ripsaw!": "Chainsaw",
    "Got the missile launcher!": "RocketLauncher",
    "Got the polaric energy weapon!": "PlasmaRifle",
    "Got the pump-action shotgun!": "Shotgun",
    "Got the double-barrelled shotgun!": "SuperShotgun",
}

# Weapons by the key that selects them, in the order in which the engine keeps them in a slot.
WEAPON_SLOTS: dict[int, tuple[str, ...]] = {
    1: ("Fist", "Chainsaw"),
    2: ("Pistol",),
    3: ("Shotgun", "SuperShotgun"),
    4: ("Chaingun",),
    5: ("RocketLauncher",),
    6: ("PlasmaRifle",),
    7: ("BFG9000",),
}
WEAPON_SLOT = {weapon: slot for slot, weapons in WEAPON_SLOTS.items() for weapon in weapons}
FIRST_WEAPONS = ("Fist", "Pistol")  # what a player starts, and starts again, with

"""What is true of a frame, and sentences that say some of it (pure).

A frame's truth is a set of claims such as "thing:zombie:left" or "health:low". A caption is a choice of claims and
words for them, so that it is known of every caption and every frame whether the one is true of the other: captions
that fit many frames are no false negatives in a batch. What is too small to be told for sure is `unsure`: captions
that hang on it are neither right nor wrong of that frame.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

WIDTH_PX, HEIGHT_PX = 640, 480  # of a recording; boxes of the truth are in its pixels
# At 192 pixels a monster of 20 of 480 pixels is 8 pixels high, and an item of 14 by 10 is 4 by 4.
MONSTER_MIN_HEIGHT_PX = 20
ITEM_MIN_WIDTH_PX, ITEM_MIN_HEIGHT_PX = 14, 10
LEFT_UNTIL, RIGHT_FROM = 0.38, 0.62  # of the width, by the middle of the box
NEAR_WITHIN, FAR_FROM = 224.0, 900.0  # map units; a player is 56 high
LOW_HEALTH, CRITICAL_HEALTH = 35, 15
FEW_ROUNDS = 10


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of thing in the game: the engine's names for it and the words of players, the plainest first."""

    key: str
    group: str  # enemy, item, corpse, barrel, shot, scenery
    classes: tuple[str, ...]
    nouns: tuple[str, ...]


def _kind(key: str, group: str, classes: str, nouns: str) -> Kind:
    return Kind(key, group, tuple(classes.split()), tuple(noun.strip() for noun in nouns.split(",")))


KINDS: tuple[Kind, ...] = (
    _kind("zombie", "enemy", "Zombieman StealthZombieMan", "zombie, zombieman, former human, zombie soldier"),
    _kind("shotgun_zombie", "enemy", "ShotgunGuy StealthShotgunGuy", "shotgun zombie, shotgun guy, zombie sergeant"),
    _kind(
        "minigun_zombie", "enemy", "ChaingunGuy", "minigun zombie, chaingun zombie, chaingunner, heavy weapon zombie"
    ),
    _kind("imp", "enemy", "DoomImp StealthDoomImp", "serpentipede, imp"),
    _kind("pinky", "enemy", "Demon", "flesh worm, pinky, pink demon, demon"),
    _kind("spectre", "enemy", "Spectre", "stealth worm, spectre, almost invisible monster"),
    _kind("lost_soul", "enemy", "LostSoul", "hatchling, lost soul"),
    _kind("cacodemon", "enemy", "Cacodemon", "trilobite, cacodemon"),
    _kind("hell_knight", "enemy", "HellKnight", "pain bringer, hell knight"),
    _kind("baron", "enemy", "BaronOfHell", "pain lord, baron of hell"),
    _kind("mancubus", "enemy", "Fatso", "combat slug, mancubus"),
    _kind("revenant", "enemy", "Revenant", "octaminator, revenant"),
    _kind("arachnotron", "enemy", "Arachnotron", "technospider, arachnotron"),
    _kind("mastermind", "enemy", "SpiderMastermind", "large technospider, spider mastermind"),
    _kind("cyberdemon", "enemy", "Cyberdemon", "assault tripod, cyberdemon"),
    _kind("pain_elemental", "enemy", "PainElemental", "matribite, pain elemental"),
    _kind("archvile", "enemy", "Archvile", "necromancer, arch-vile"),
    _kind("sailor", "enemy", "WolfensteinSS", "sailor, soldier"),
    _kind("marine", "enemy", "MarineChainsawVzd", "hostile marine, marine with a chainsaw"),
    _kind("medikit", "item", "Medikit", "medikit, medkit, large health refill, first aid kit"),
    _kind("stimpack", "item", "Stimpack", "stimpack, health refill, small health pack"),
    _kind("health_bonus", "item", "HealthBonus", "health bonus, health potion, small health bonus"),
    _kind("armor_bonus", "item", "ArmorBonus", "armor bonus, armor shard, small armor bonus"),
    _kind("green_armor", "item", "GreenArmor", "green armor vest, force field vest, armor vest"),
    _kind("blue_armor", "item", "BlueArmor", "blue armor vest, attuned force field armor"),
    _kind("soulsphere", "item", "Soulsphere Megasphere", "soulsphere, ectoplasmic surge, glowing sphere"),
    _kind("powerup", "item", "BlurSphere Berserk RadSuit Infrared Allmap InvulnerabilitySphere", "powerup, power-up"),
    _kind("backpack", "item", "Backpack", "backpack, ammo backpack"),
    _kind("clip", "item", "Clip", "bullet clip, clip, ammo clip"),
    _kind("clip_box", "item", "ClipBox", "box of bullets, case of bullets, bullet box"),
    _kind("shell", "item", "Shell", "shell pack, pack of shotgun shells"),
    _kind("shell_box", "item", "ShellBox", "box of shells, box of shotgun shells, shell box"),
    _kind("rocket_ammo", "item", "RocketAmmo", "rocket on the floor, missile on the floor"),
    _kind("rocket_box", "item", "RocketBox", "box of rockets, crate of missiles, rocket box"),
    _kind("cell", "item", "Cell", "energy cell, energy recharge"),
    _kind("cell_pack", "item", "CellPack", "cell pack, large energy recharge"),
    _kind("shotgun_item", "item", "Shotgun", "shotgun on the floor, shotgun to pick up, dropped shotgun"),
    _kind(
        "super_shotgun_item",
        "item",
        "SuperShotgun",
        "double-barrelled shotgun on the floor, super shotgun on the floor",
    ),
    _kind("minigun_item", "item", "Chaingun", "minigun on the floor, chaingun on the floor, dropped minigun"),
    _kind("launcher_item", "item", "RocketLauncher", "rocket launcher on the floor, missile launcher on the floor"),
    _kind("plasma_item", "item", "PlasmaRifle", "plasma rifle on the floor, polaric energy weapon on the floor"),
    _kind("bfg_item", "item", "BFG9000", "bfg on the floor, bfg9000 on the floor, skag 1337 on the floor"),
    _kind("chainsaw_item", "item", "Chainsaw", "chainsaw on the floor, ripsaw on the floor"),
    _kind("red_key", "item", "RedCard RedSkull", "red key, red keycard, red passcard"),
    _kind("blue_key", "item", "BlueCard BlueSkull", "blue key, blue keycard, blue passcard"),
    _kind("yellow_key", "item", "YellowCard YellowSkull", "yellow key, yellow keycard, yellow passcard"),
    _kind("zombie_corpse", "corpse", "DeadZombieman DeadZombieMan", "dead zombie, zombie corpse"),
    _kind("shotgun_corpse", "corpse", "DeadShotgunGuy", "dead shotgun zombie, shotgun zombie corpse"),
    _kind("minigun_corpse", "corpse", "DeadChaingunGuy", "dead minigun zombie, dead chaingunner"),
    _kind("imp_corpse", "corpse", "DeadDoomImp", "dead serpentipede, dead imp, imp corpse"),
    _kind("pinky_corpse", "corpse", "DeadDemon DeadSpectre", "dead flesh worm, dead pinky, dead demon"),
    _kind("cacodemon_corpse", "corpse", "DeadCacodemon", "dead trilobite, dead cacodemon"),
    _kind("marine_corpse", "corpse", "DeadMarine DeadDoomPlayer GibbedMarine", "dead marine, dead soldier"),
    _kind(
        "other_corpse",
        "corpse",
        "DeadHellKnight DeadBaronOfHell DeadFatso DeadRevenant DeadArachnotron DeadArchvile DeadLostSoul",
        "dead monster, monster corpse",
    ),
    _kind("barrel", "barrel", "ExplosiveBarrel", "barrel, explosive barrel"),
    _kind("burning_barrel", "scenery", "BurningBarrel", "burning barrel"),
    _kind("fireball", "shot", "DoomImpBall CacodemonBall BaronBall FatShot", "fireball, flying fireball"),
    _kind("plasma", "shot", "PlasmaBall ArachnotronPlasma", "plasma bolt, ball of plasma"),
    _kind("rocket", "shot", "Rocket RevenantTracer", "flying rocket, flying missile"),
    _kind("teleport", "shot", "TeleportFog", "teleport flash, teleport fog"),
    _kind(
        "torch",
        "scenery",
        "RedTorch GreenTorch BlueTorch ShortRedTorch ShortGreenTorch ShortBlueTorch",
        "torch, burning torch",
    ),
    _kind("tree", "scenery", "BigTree TorchTree", "tree, bare tree"),
    _kind("lamp", "scenery", "TechLamp TechLamp2 Column", "lamp, floor lamp"),
    _kind("candle", "scenery", "Candlestick Candelabra", "candle, candelabra"),
    _kind(
        "pillar",
        "scenery",
        "TechPillar HeartColumn ShortRedColumn TallRedColumn ShortGreenColumn TallGreenColumn",
        "pillar, column",
    ),
    _kind("stalagmite", "scenery", "Stalagtite Stalagmite", "stalagmite, rock spike"),
    _kind(
        "hanging_body",
        "scenery",
        "NonsolidMeat2 NonsolidMeat3 NonsolidMeat4 NonsolidMeat5 NonsolidTwitch Meat2 Meat3 Meat4 Meat5 BloodyTwitch",
        "hanging body, body hanging from the ceiling",
    ),
)
GROUP_NOUNS: dict[str, tuple[str, ...]] = {
    "enemy": ("enemy", "monster", "foe"),
    "item": ("item", "pickup", "item to pick up"),
    "corpse": ("corpse", "dead body", "body on the floor"),
}
KIND_OF = {name: kind for kind in KINDS for name in kind.classes}
BY_KEY = {kind.key: kind for kind in KINDS}
WEAPONS: dict[str, tuple[str, ...]] = {
    "Fist": ("fist", "bare fists"),
    "Chainsaw": ("chainsaw", "ripsaw"),
    "Pistol": ("pistol", "handgun"),
    "Shotgun": ("shotgun", "pump-action shotgun"),
    "SuperShotgun": ("double-barrelled shotgun", "super shotgun"),
    "Chaingun": ("minigun", "chaingun"),
    "RocketLauncher": ("rocket launcher", "missile launcher"),
    "PlasmaRifle": ("plasma rifle", "polaric energy weapon"),
    "BFG9000": ("bfg", "bfg9000", "skag 1337"),
}
SIDES = {
    "left": ("on the left", "to the left"),
    "centre": ("ahead", "in the middle"),
    "right": ("on the right", "to the right"),
}
PLAIN: dict[str, tuple[str, ...]] = {
    "near": ("close", "near", "up close"),
    "far": ("far away", "in the distance"),
    "health:full": ("full health", "unhurt"),
    "health:good": ("good health", "healthy"),
    "health:low": ("low health", "little health", "badly hurt"),
    "health:critical": ("critical health", "almost dead", "about to die"),
    "armor:none": ("no armor", "without armor"),
    "armor:some": ("wearing armor", "with armor"),
    "ammo:few": ("low ammo", "few rounds left"),
    "dead": ("dead", "the player is dead", "player dead on the floor", "death view"),
    "alive": ("alive", "the player is alive"),
    "firing": ("firing", "shooting", "muzzle flash"),
    "hurt": ("taking damage", "red flash", "getting hurt", "being hit"),
    "message": ("a message on the screen", "text at the top"),
    "fight": ("a fight", "fighting", "combat"),
    "none:enemy": ("no enemies", "no enemy in sight", "no monsters", "nobody in sight"),
    "none:item": ("no items in sight", "nothing to pick up"),
    "none:thing": ("nothing in sight", "an empty room", "nothing around"),
}
COUNTS = {"two": ("two", "2", "a pair of"), "several": ("several", "many", "three or more")}


@dataclass(frozen=True, slots=True)
class Facts:
    """The claims that are true of a frame, and those that cannot be told."""

    true: frozenset[str]
    unsure: frozenset[str]
    health: int
    armor: int
    ammo: int | None
    weapon: str

    def fits(self, claims: Iterable[str]) -> bool | None:
        """Whether a caption of these claims is true of the frame; None where that cannot be told."""
        open_claims = [claim for claim in claims if claim not in self.true]
        if not open_claims:
            return True
        return None if all(claim in self.unsure for claim in open_claims) else False


@dataclass(frozen=True, slots=True)
class Caption:
    """Words and the claims that they make."""

    text: str
    claims: tuple[str, ...]


def facts(state: Mapping[str, Any], *, firing: bool, hurt: bool) -> Facts:
    """What a row of the truth (simulator.truth.TICS) says of its frame."""
    true, unsure = _things(state["objects"], (state["position_x"], state["position_y"]))
    health, armor, weapon = int(state["hud_health"]), int(state["hud_armor"]), str(state["weapon"])
    dead = state["dead"] > 0
    ammo = None if state["hud_ammo"] is None else int(state["hud_ammo"])
    true.add("dead" if dead else "alive")
    true |= _condition(health, armor, ammo)
    if not dead and weapon in WEAPONS:
        true.add(f"weapon:{weapon}")
        true |= {"firing"} if firing else set()
    true |= {"hurt"} if hurt else set()
    true |= {"message"} if state["hud_messages"] else set()
    if firing and "group:enemy" in true and not dead:
        true.add("fight")
    return Facts(frozenset(true), frozenset(unsure - true), health, armor, ammo, weapon)


def _condition(health: int, armor: int, ammo: int | None) -> set[str]:
    claims = {f"health:{health}", f"armor:{armor}", "armor:some" if armor > 0 else "armor:none"}
    if health >= 100:
        claims.add("health:full")
    if health >= 60:
        claims.add("health:good")
    if 0 < health <= LOW_HEALTH:
        claims.add("health:low")
    if 0 < health <= CRITICAL_HEALTH:
        claims.add("health:critical")
    if ammo is not None:
        claims.add(f"ammo:{ammo}")
        claims |= {"ammo:few"} if ammo <= FEW_ROUNDS else set()
    return claims


def _things(objects: Sequence[Mapping[str, Any]], here: tuple[float, float]) -> tuple[set[str], set[str]]:
    """Claims on things in sight: true ones, and those that hang on things too small to be told."""
    true: set[str] = set()
    unsure: set[str] = set()
    seen: dict[str, int] = defaultdict(int)
    small: dict[str, int] = defaultdict(int)
    for thing in objects:
        kind = KIND_OF.get(thing["name"])
        if kind is None:
            continue
        names = [f"thing:{kind.key}"] + ([f"group:{kind.group}"] if kind.group in GROUP_NOUNS else [])
        claims = {name + end for name in names for end in ("", f":{side_of(thing['box'])}", *_distance(thing, here))}
        large = is_large(thing)
        (true if large else unsure).update(claims)
        for name in names:
            (seen if large else small)[name] += 1
    for name in {*seen, *small}:
        _count(name, seen[name], small[name], true, unsure)
    for group in ("enemy", "item"):
        _none(f"none:{group}", f"group:{group}", true, unsure)
    if not any(seen.values()):
        (unsure if any(small.values()) else true).add("none:thing")
    return true, unsure


def _none(claim: str, name: str, true: set[str], unsure: set[str]) -> None:
    if name not in true:
        (unsure if name in unsure else true).add(claim)


def _count(name: str, seen: int, small: int, true: set[str], unsure: set[str]) -> None:
    if seen >= 3:
        true.add(f"{name}:several")
    elif seen + small >= 3:
        unsure.add(f"{name}:several")
    if seen == 2:
        (unsure if small else true).add(f"{name}:two")
    elif seen < 2 <= seen + small:
        unsure.add(f"{name}:two")


def is_large(thing: Mapping[str, Any]) -> bool:
    """Whether a thing in sight is large enough to be told for what it is at the network's size."""
    x0, y0, x1, y1 = thing["box"]
    width, height = x1 - x0, y1 - y0
    if thing["category"] == "Monster":
        return height >= MONSTER_MIN_HEIGHT_PX and width >= ITEM_MIN_WIDTH_PX / 2
    return height >= ITEM_MIN_HEIGHT_PX and width >= ITEM_MIN_WIDTH_PX


def side_of(box: Sequence[float]) -> str:
    middle = (box[0] + box[2]) / 2 / WIDTH_PX
    return "left" if middle < LEFT_UNTIL else "right" if middle > RIGHT_FROM else "centre"


def _distance(thing: Mapping[str, Any], here: tuple[float, float]) -> tuple[str, ...]:
    away = math.dist((thing["x"], thing["y"]), here)
    return (":near",) if away < NEAR_WITHIN else (":far",) if away > FAR_FROM else ()


def caption(known: Facts, rng: np.random.Generator) -> Caption:
    """Some of what is true of a frame, in words drawn anew: a word or two, or a whole sentence."""
    phrases = _things_said(known, rng) + _condition_said(known, rng)
    style = rng.random()
    if style < 0.3:
        chosen = [_weighted(phrases, rng)]
    elif style < 0.65:
        chosen = _several(phrases, rng, 2 + int(rng.integers(2)))
    else:
        chosen = _several(phrases, rng, 4 + int(rng.integers(4)))
    text = _joined([text for _, text, _ in chosen], rng)
    claims = tuple(dict.fromkeys(claim for _, _, claims in chosen for claim in claims))
    return Caption(text.lower(), claims)


_Phrase = tuple[float, str, tuple[str, ...]]  # how likely it is to be said, words, claims


def _things_said(known: Facts, rng: np.random.Generator) -> list[_Phrase]:
    said: list[_Phrase] = []
    for claim in sorted(known.true):
        if claim.startswith("none:"):
            said.append((1.0, _one(PLAIN[claim], rng), (claim,)))
        if claim.count(":") != 1 or not claim.startswith(("thing:", "group:")):
            continue
        group = claim.startswith("group:")
        said.append((0.5 if group else 2.0, *_thing_said(claim, known, rng)))
    return said


def _thing_said(claim: str, known: Facts, rng: np.random.Generator) -> tuple[str, tuple[str, ...]]:
    key = claim.split(":")[1]
    noun = _one(GROUP_NOUNS[key] if claim.startswith("group:") else BY_KEY[key].nouns, rng)
    claims = [claim]
    number = next((count for count in COUNTS if f"{claim}:{count}" in known.true), None)
    if number is not None and rng.random() < 0.6:
        claims.append(f"{claim}:{number}")
        return f"{_one(COUNTS[number], rng)} {plural(noun)}", tuple(claims)
    text = with_article(noun)
    places = [end for end in (*SIDES, "near", "far") if f"{claim}:{end}" in known.true]
    if places and rng.random() < 0.5:
        place = _one(places, rng)
        claims.append(f"{claim}:{place}")
        text = f"{text} {_one(SIDES[place] if place in SIDES else PLAIN[place], rng)}"
    return text, tuple(claims)


def _condition_said(known: Facts, rng: np.random.Generator) -> list[_Phrase]:
    weight = {"health:low": 2.5, "health:critical": 2.5, "hurt": 1.5, "dead": 4.0, "firing": 1.5, "fight": 1.0}
    plain = [claim for claim in PLAIN if claim in known.true and not claim.startswith("none:")]
    said: list[_Phrase] = [(weight.get(claim, 0.5), _one(PLAIN[claim], rng), (claim,)) for claim in plain]
    said.append((1.0, f"{_one(('health', 'health at', 'hp'), rng)} {known.health}", (f"health:{known.health}",)))
    said.append((0.6, f"{_one(('armor', 'armor at'), rng)} {known.armor}", (f"armor:{known.armor}",)))
    if known.ammo is not None:
        words = _one(("{} rounds", "ammo {}", "{} rounds left"), rng).format(known.ammo)
        said.append((0.6, words, (f"ammo:{known.ammo}",)))
    weapon = f"weapon:{known.weapon}"
    if weapon in known.true:
        name = _one(WEAPONS[known.weapon], rng)
        words = _one(("{} in hand", "holding {a}", "{a} in hand", "with {a} in the hands", "playing with the {}"), rng)
        said.append((2.5, words.format(name, a=with_article(name)), (weapon,)))
    return said


def _weighted(phrases: list[_Phrase], rng: np.random.Generator) -> _Phrase:
    weights = np.array([weight for weight, _, _ in phrases])
    return phrases[int(rng.choice(len(phrases), p=weights / weights.sum()))]


def _several(phrases: list[_Phrase], rng: np.random.Generator, count: int) -> list[_Phrase]:
    weights = np.array([weight for weight, _, _ in phrases])
    chosen = rng.choice(len(phrases), size=min(count, len(phrases)), replace=False, p=weights / weights.sum())
    return [phrases[index] for index in sorted(chosen.tolist())]


def _joined(parts: list[str], rng: np.random.Generator) -> str:
    if len(parts) > 1 and rng.random() < 0.5:
        return f"{', '.join(parts[:-1])} and {parts[-1]}"
    return ", ".join(parts)


def _one(choices: Sequence[str], rng: np.random.Generator) -> str:
    return choices[int(rng.integers(len(choices)))]


def with_article(noun: str) -> str:
    if noun == "bare fists":
        return noun
    return f"an {noun}" if noun[0] in "aeio" else f"a {noun}"


def plural(noun: str) -> str:
    """Plural of a noun of the lists above; what follows a preposition stays as it is."""
    for preposition in (" on the floor", " to pick up", " of ", " with ", " hanging "):
        head, found, rest = noun.partition(preposition)
        if found:
            return plural(head) + found + rest
    if noun.endswith("man"):
        return noun[:-3] + "men"
    if noun.endswith(("x", "ch", "s", "sh")):
        return noun + "es"
    if noun.endswith("y") and noun[-2] not in "aeiou":
        return noun[:-1] + "ies"
    return noun + "s"


def plain_caption(known: Facts) -> str:
    """The one sentence that says what a frame shows, always the same for the same `gist`."""
    parts = [_plainly(claim) for claim in sorted(gist(known))]
    return ", ".join(parts)


def gist(known: Facts) -> frozenset[str]:
    """What a held-out query names: which things are in sight, the weapon in hand, the level of health, and a death."""
    things = {claim for claim in known.true if claim.startswith("thing:") and claim.count(":") == 1}
    health = "health:low" if "health:low" in known.true else "health:good" if "health:good" in known.true else ""
    rest = {f"weapon:{known.weapon}", "dead", "none:thing", health} & known.true
    return frozenset(things | rest)


def _plainly(claim: str) -> str:
    family, _, key = claim.partition(":")
    if family == "thing":
        return with_article(BY_KEY[key].nouns[0])
    if family == "weapon":
        return f"{WEAPONS[key][0]} in hand"
    return PLAIN[claim][0]

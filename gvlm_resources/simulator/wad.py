"""Level geometry out of WAD archives (pure: bytes in, records out).

Reads both forms in which the shipped levels come: the binary lumps of the Doom engine (Freedoom) and the text form
UDMF (ViZDoom's scenarios). Only what a player needs to find a way is kept: lines with their two sectors, what using
or crossing a line does, sector heights and damaging floors. Formats: "The Unofficial Doom Specs" 1.666, chapter 4,
and the UDMF 1.1 specification.
"""

from __future__ import annotations

import math
import re
import struct
from dataclasses import dataclass
from enum import Enum
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

_DIRECTORY_ENTRY = struct.Struct("<ii8s")
_LINEDEF_BLOCKING = 0x1
_NO_SIDE = 0xFFFF

# Linedef types of the Doom engine, by what they mean for a player on foot.
_DOOM_DOORS = frozenset({1, 31, 117, 118})
_DOOM_LOCKED_DOORS = {26: "blue", 32: "blue", 27: "yellow", 34: "yellow", 28: "red", 33: "red"}
_DOOM_LIFTS = frozenset({10, 21, 62, 88, 120, 121, 122, 123})
_DOOM_EXITS = frozenset({11, 51, 52, 124, 197, 198})
_DOOM_SWITCHES = frozenset(
    {7, 9, 14, 15, 18, 20, 23, 29, 41, 42, 45, 49, 50, 55, 60, 61, 63, 64, 65, 66, 67, 68, 69, 70, 71, 101, 102, 103}
    | {111, 112, 113, 114, 115, 116, 127, 131, 132, 140}
)
_DOOM_USED_LIFTS = frozenset({21, 62, 122, 123})
_DOOM_DAMAGING = frozenset({4, 5, 7, 11, 16})

# Action specials of the Hexen/UDMF world (ZDoom wiki, "Action specials").
_ZDOOM_DOORS = frozenset({10, 11, 12})
_ZDOOM_EXITS = frozenset({74, 75, 243, 244})


class LineUse(Enum):
    """What a line is to a player."""

    NONE = "none"
    DOOR = "door"  # opens the sector behind it when used
    LOCKED_DOOR = "locked_door"  # the same, with a key
    SWITCH = "switch"  # does something elsewhere when used
    LIFT = "lift"  # moves the tagged floor down and up again
    EXIT = "exit"  # ends the level


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a map, in map units. `front` is the sector to its right, `back` the one to its left or -1."""

    x1: float
    y1: float
    x2: float
    y2: float
    front: int
    back: int
    blocks: bool
    use: LineUse
    tag: int
    by_hand: bool  # is used, not crossed

    def faces(self, point: tuple[float, float]) -> bool:
        """Whether `point` lies on the line's front side, from where it can be used."""
        along_x, along_y = self.x2 - self.x1, self.y2 - self.y1
        return along_x * (point[1] - self.y1) - along_y * (point[0] - self.x1) < 0

    def in_front(self, distance: float) -> tuple[float, float]:
        """The point `distance` away from the line's middle on its front side, which is its right."""
        length = math.dist((self.x1, self.y1), (self.x2, self.y2)) or 1.0
        across_x, across_y = (self.y2 - self.y1) / length, (self.x1 - self.x2) / length
        return (self.x1 + self.x2) / 2 + distance * across_x, (self.y1 + self.y2) / 2 + distance * across_y


@dataclass(frozen=True)
class LevelMap:
    """Static geometry of one level. Sector arrays are indexed by the sector's number, as the engine numbers them."""

    name: str
    lines: tuple[Line, ...]
    floor: NDArray[np.float32]
    ceiling: NDArray[np.float32]
    tags: NDArray[np.int32]
    hurts: NDArray[np.bool_]

    def __post_init__(self) -> None:
        if not self.lines:
            raise ValueError(f"level {self.name} has no lines")
        if not len(self.floor) == len(self.ceiling) == len(self.tags) == len(self.hurts):
            raise ValueError(f"level {self.name}: sector arrays differ in length")


def level_names(wad: bytes) -> list[str]:
    """Names of the levels in a WAD, in its own order."""
    names = [name for name, _, _ in _directory(wad)]
    return [name for name, following in pairwise(names) if following in ("THINGS", "TEXTMAP")]


def read_level(wad: bytes, name: str) -> LevelMap:
    """The level `name` of a WAD. Raises KeyError where the archive has none of that name."""
    entries = _directory(wad)
    names = [entry[0] for entry in entries]
    if name not in level_names(wad):
        raise KeyError(name)
    at = names.index(name)
    lumps: dict[str, bytes] = {}
    for lump_name, start, size in entries[at + 1 : at + 12]:
        lumps.setdefault(lump_name, wad[start : start + size])
    if names[at + 1] == "TEXTMAP":
        return _read_text(name, lumps["TEXTMAP"].decode("latin-1"))
    return _read_binary(name, lumps)


def message_font(wad: bytes) -> dict[str, int]:
    """Widths in pixels of the characters of the message font, which has capitals only; and of the space.

    The glyphs are the lumps STCFN033 to STCFN095, each headed by its width. A space is half an N wide, rounded up.
    """
    widths = {
        chr(int(name[5:])): struct.unpack_from("<h", wad, start)[0]
        for name, start, _ in _directory(wad)
        if re.fullmatch(r"STCFN0(3[3-9]|[4-8]\d|9[0-5])", name)
    }
    return {**widths, " ": (widths["N"] + 1) // 2}


def _directory(wad: bytes) -> list[tuple[str, int, int]]:
    magic, count, offset = struct.unpack_from("<4sii", wad)
    if magic not in (b"IWAD", b"PWAD"):
        raise ValueError(f"not a WAD archive: it begins with {magic!r}")
    rows = _DIRECTORY_ENTRY.iter_unpack(wad[offset : offset + count * _DIRECTORY_ENTRY.size])
    return [(raw.rstrip(b"\0").decode("latin-1").upper(), start, size) for start, size, raw in rows]


def _read_binary(name: str, lumps: dict[str, bytes]) -> LevelMap:
    points = np.frombuffer(lumps["VERTEXES"], "<i2").reshape(-1, 2)
    sides = [struct.unpack_from("<h", lumps["SIDEDEFS"], at + 28)[0] for at in range(0, len(lumps["SIDEDEFS"]), 30)]
    sectors = list(struct.iter_unpack("<hh8s8shhh", lumps["SECTORS"]))
    lines = []
    for v1, v2, flags, special, tag, right, left in struct.iter_unpack("<7H", lumps["LINEDEFS"]):
        front = sides[right] if right != _NO_SIDE else -1
        back = sides[left] if left != _NO_SIDE else -1
        use, by_hand = _doom_use(special)
        blocks = bool(flags & _LINEDEF_BLOCKING) or back < 0
        ends = (*map(float, points[v1]), *map(float, points[v2]))
        lines.append(Line(*ends, front=front, back=back, blocks=blocks, use=use, tag=tag, by_hand=by_hand))
    return LevelMap(
        name=name,
        lines=tuple(lines),
        floor=np.array([s[0] for s in sectors], np.float32),
        ceiling=np.array([s[1] for s in sectors], np.float32),
        tags=np.array([s[6] for s in sectors], np.int32),
        hurts=np.array([s[5] in _DOOM_DAMAGING for s in sectors], np.bool_),
    )


def _doom_use(special: int) -> tuple[LineUse, bool]:
    if special in _DOOM_DOORS:
        return LineUse.DOOR, True
    if special in _DOOM_LOCKED_DOORS:
        return LineUse.LOCKED_DOOR, True
    if special in _DOOM_LIFTS:
        return LineUse.LIFT, special in _DOOM_USED_LIFTS
    if special in _DOOM_EXITS:
        return LineUse.EXIT, special in (11, 51)
    if special in _DOOM_SWITCHES:
        return LineUse.SWITCH, True
    return LineUse.NONE, False


def _read_text(name: str, text: str) -> LevelMap:
    blocks = _udmf_blocks(text)
    points = [(float(v["x"]), float(v["y"])) for v in blocks.get("vertex", [])]
    sides = [int(s["sector"]) for s in blocks.get("sidedef", [])]
    sectors = blocks.get("sector", [])
    lines = []
    for block in blocks.get("linedef", []):
        left = int(block.get("sideback", "-1"))
        special = int(block.get("special", "0"))
        use = LineUse.DOOR if special in _ZDOOM_DOORS else LineUse.EXIT if special in _ZDOOM_EXITS else LineUse.NONE
        lines.append(
            Line(
                *points[int(block["v1"])],
                *points[int(block["v2"])],
                front=sides[int(block["sidefront"])],
                back=sides[left] if left >= 0 else -1,
                blocks=block.get("blocking") == "true" or left < 0,
                use=use,
                tag=int(block.get("id", "0")),
                by_hand=block.get("playeruse") == "true",
            )
        )
    return LevelMap(
        name=name,
        lines=tuple(lines),
        floor=np.array([float(s.get("heightfloor", "0")) for s in sectors], np.float32),
        ceiling=np.array([float(s.get("heightceiling", "0")) for s in sectors], np.float32),
        tags=np.array([int(s.get("id", "0")) for s in sectors], np.int32),
        hurts=np.zeros(len(sectors), np.bool_),
    )


def _udmf_blocks(text: str) -> dict[str, list[dict[str, str]]]:
    text = re.sub(r"//[^\n]*|/\*.*?\*/", "", text, flags=re.DOTALL)
    blocks: dict[str, list[dict[str, str]]] = {}
    for kind, body in re.findall(r"(\w+)\s*\{(.*?)\}", text, flags=re.DOTALL):
        fields = re.findall(r"(\w+)\s*=\s*(\"[^\"]*\"|[^;]+);", body)
        blocks.setdefault(kind.lower(), []).append({key.lower(): value.strip('" ') for key, value in fields})
    return blocks

"""Small levels in the formats of the real ones, for tests."""

from __future__ import annotations

import struct
from dataclasses import dataclass

import numpy as np

from gvlm_resources.simulator.wad import LevelMap, Line, LineUse


@dataclass(frozen=True)
class Room:
    """An axis-parallel room of a level: where it lies, how high its floor and ceiling are."""

    x0: int
    y0: int
    x1: int
    y1: int
    floor: int = 0
    ceiling: int = 128
    hurts: bool = False


def row_of_rooms(*rooms: Room, door_into: int | None = None) -> LevelMap:
    """Rooms side by side from west to east, each open to the next over its whole height.

    The lines between are doors into room `door_into` where that is given.
    """
    lines = []
    for number, room in enumerate(rooms):
        lines.append(_line(room.x1, room.y0, room.x0, room.y0, number, -1))
        lines.append(_line(room.x0, room.y1, room.x1, room.y1, number, -1))
        if number == 0:
            lines.append(_line(room.x0, room.y0, room.x0, room.y1, number, -1))
        if number == len(rooms) - 1:
            lines.append(_line(room.x1, room.y1, room.x1, room.y0, number, -1))
            continue
        use = LineUse.DOOR if door_into == number + 1 else LineUse.NONE
        lines.append(_line(room.x1, room.y1, room.x1, room.y0, number, number + 1, use))
    return LevelMap(
        name="TEST",
        lines=tuple(lines),
        floor=np.array([room.floor for room in rooms], np.float32),
        ceiling=np.array([room.ceiling for room in rooms], np.float32),
        tags=np.zeros(len(rooms), np.int32),
        hurts=np.array([room.hurts for room in rooms], np.bool_),
    )


def _line(x1: int, y1: int, x2: int, y2: int, front: int, back: int, use: LineUse = LineUse.NONE) -> Line:
    return Line(x1, y1, x2, y2, front, back, blocks=back < 0, use=use, tag=0, by_hand=use is not LineUse.NONE)


def archive(lumps: list[tuple[str, bytes]]) -> bytes:
    """A WAD of these lumps."""
    body, directory = b"", b""
    for name, data in lumps:
        directory += struct.pack("<ii8s", 12 + len(body), len(data), name.encode())
        body += data
    return struct.pack("<4sii", b"PWAD", len(lumps), 12 + len(body)) + body + directory


def binary_level() -> list[tuple[str, bytes]]:
    """Two rooms, 0 to the west and 1 to the east with a higher, hurting floor, and a locked door between them."""
    points = [(0, 0), (0, 128), (128, 128), (256, 128), (256, 0), (128, 0)]
    walls = [(0, 1, 0), (1, 2, 0), (2, 3, 1), (3, 4, 1), (4, 5, 1), (5, 0, 0)]
    lines = [struct.pack("<7H", a, b, 1, 0, 0, side, 0xFFFF) for a, b, side in walls]
    lines.append(struct.pack("<7H", 2, 5, 0, 26, 7, 0, 1))
    side = [struct.pack("<hh8s8s8sh", 0, 0, b"-", b"-", b"-", sector) for sector in (0, 1)]
    sectors = [
        struct.pack("<hh8s8shhh", 0, 128, b"F", b"C", 160, 0, 0),
        struct.pack("<hh8s8shhh", 16, 120, b"F", b"C", 160, 7, 5),
    ]
    return [
        ("MAP01", b""),
        ("THINGS", b""),
        ("LINEDEFS", b"".join(lines)),
        ("SIDEDEFS", b"".join(side)),
        ("VERTEXES", b"".join(struct.pack("<hh", *point) for point in points)),
        ("SECTORS", b"".join(sectors)),
    ]


TEXT_LEVEL = """
namespace = "zdoom"; // the form of ViZDoom's scenarios
vertex { x = 0.0; y = 0.0; } vertex { x = 0.0; y = 128.0; } vertex { x = 128.0; y = 0.0; }
linedef { v1 = 0; v2 = 1; sidefront = 0; blocking = true; }
/* a door that is used by hand */
linedef { v1 = 1; v2 = 2; sidefront = 0; sideback = 1; special = 12; playeruse = true; twosided = true; }
linedef { v1 = 2; v2 = 0; sidefront = 0; blocking = true; special = 243; }
sidedef { sector = 0; texturemiddle = "A"; } sidedef { sector = 1; }
sector { heightceiling = 96; texturefloor = "F;{}"; } sector { heightfloor = 24; heightceiling = 96; id = 3; }
"""

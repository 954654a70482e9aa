"""Rows of engine truth, and frames that go with them, for the tests of captions and of the training."""

from __future__ import annotations

from typing import Any

import numpy as np

from gvlm_resources.encoders.pretrain.frames import Shot, Shots

FAR_SMALL = (300, 200, 306, 210)


def thing(name: str, box: tuple[int, int, int, int], *, category: str = "", x: float = 500.0) -> dict[str, Any]:
    """Something in sight, `x` map units ahead of the player, who stands at 0."""
    monsters = {"Zombieman", "ShotgunGuy", "DoomImp", "Demon", "Cacodemon"}
    category = category or ("Monster" if name in monsters else "Health")
    return {"id": 1, "name": name, "category": category, "box": list(box), "x": x, "y": 0.0, "z": 0.0}


def state(*objects: dict[str, Any], **changed: Any) -> dict[str, Any]:
    """A row of simulator.truth.TICS as far as captions look at it."""
    row = {
        "objects": list(objects),
        "position_x": 0.0,
        "position_y": 0.0,
        "hud_health": 80,
        "hud_armor": 0,
        "hud_ammo": 50,
        "hud_messages": [],
        "weapon": "Pistol",
        "dead": 0,
    }
    return {**row, **changed}


def bright_and_dark(count: int, *, size_px: int) -> Shots:
    """Frames that are bright where a medikit lies on the left, and dark where a zombie stands on the right."""
    chance = np.random.default_rng(0)
    pixels = chance.integers(0, 60, (count, size_px, size_px, 3), dtype=np.uint8)
    shots = []
    for index in range(count):
        bright = index % 2 == 0
        if bright:
            pixels[index, :, : size_px // 2] += 180
        seen = thing("Medikit", (60, 200, 200, 300)) if bright else thing("Zombieman", (450, 150, 540, 330))
        row = state(seen, hud_health=100 if bright else 20, weapon="Shotgun" if bright else "Pistol")
        shots.append(Shot("made-up", "freedoom2/MAP01", index, row, firing=False, hurt=False))
    return Shots(pixels, tuple(shots))

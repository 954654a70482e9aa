"""What a player does in one tic, and the log of it (pure).

A log is two columns of equal length: held buttons as bits, and the turn in hundredths of a degree. Nothing else goes
into the game, so that level, seed, skill and log together give the recording back bit for bit.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntFlag


class Buttons(IntFlag):
    """Buttons that can be held in a tic. The order is the order of the engine's button list."""

    NONE = 0
    FORWARD = 1 << 0
    BACKWARD = 1 << 1
    LEFT = 1 << 2
    RIGHT = 1 << 3
    RUN = 1 << 4
    ATTACK = 1 << 5
    USE = 1 << 6
    WEAPON1 = 1 << 7
    WEAPON2 = 1 << 8
    WEAPON3 = 1 << 9
    WEAPON4 = 1 << 10
    WEAPON5 = 1 << 11
    WEAPON6 = 1 << 12
    WEAPON7 = 1 << 13


BUTTON_COUNT = 14
MAX_TURN_CDEG = 18_000


def weapon_button(slot: int) -> Buttons:
    """The button that selects weapon slot 1 to 7."""
    if not 1 <= slot <= 7:
        raise ValueError(f"weapon slots are 1 to 7, got {slot}")
    return Buttons(int(Buttons.WEAPON1) << (slot - 1))


@dataclass(frozen=True, slots=True)
class Action:
    """One tic's input. `turn_cdeg` is in hundredths of a degree, positive to the left (as angles grow in the game)."""

    buttons: Buttons = Buttons.NONE
    turn_cdeg: int = 0

    def __post_init__(self) -> None:
        if not 0 <= int(self.buttons) < 1 << BUTTON_COUNT:
            raise ValueError(f"unknown buttons {int(self.buttons):#x}")
        if abs(self.turn_cdeg) > MAX_TURN_CDEG:
            raise ValueError(f"a turn is at most {MAX_TURN_CDEG / 100} degrees a tic, got {self.turn_cdeg / 100}")

"""What the status bar and the message lines show in each frame (pure).

Measured on the engine's frames (docs/simulator.md): the status bar's big numbers are drawn one tic after the engine's
numbers change, but for the tic of a respawn, when the bar is drawn anew; a message stands for 104 tics, its last five
fading, and there are four lines, of which the newest is the lowest.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from gvlm_resources.simulator.events import TicState

MESSAGE_TICS = 104
MESSAGE_LINES = 4
LINE_WIDTH_PX = 320  # in pixels of the font, which is drawn at twice its size
CENTRED_MESSAGES = frozenset({"A secret is revealed!"})  # stands in the middle of the picture, not in the lines


@dataclass(frozen=True, slots=True)
class HudState:
    """What a person reads off one frame. `ammo` is None where the bar shows none: with fist and chainsaw."""

    ammo: int | None
    health: int
    armor: int
    messages: tuple[str, ...]


def hud_states(tics: Sequence[TicState], font: Mapping[str, int]) -> Iterator[HudState]:
    """One state a tic, in order. `font` gives the widths of characters in pixels, by which long messages are broken."""
    lines: list[tuple[int, str]] = []
    for index, now in enumerate(tics):
        came = [message for message in now.notifications if message not in CENTRED_MESSAGES]
        lines += [(now.tic, line) for message in came for line in broken_into_lines(message, font)]
        lines = [(tic, line) for tic, line in lines[-MESSAGE_LINES:] if now.tic - tic < MESSAGE_TICS]
        before = tics[index - 1] if index else now
        shown = now if before.dead and not now.dead else before
        yield HudState(
            ammo=shown.weapon_ammo if shown.weapon_slot > 1 else None,
            health=max(shown.health, 0),
            armor=shown.armor,
            messages=tuple(line for _, line in lines),
        )


def broken_into_lines(message: str, font: Mapping[str, int]) -> list[str]:
    """The lines in which a message is drawn: broken at spaces where it is wider than the picture."""
    lines: list[str] = []
    for word in message.split(" "):
        longer = f"{lines[-1]} {word}" if lines else word
        if lines and sum(font.get(letter, font[" "]) for letter in longer.upper()) <= LINE_WIDTH_PX:
            lines[-1] = longer
        else:
            lines.append(word)
    return lines

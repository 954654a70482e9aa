"""Which kinds of events a game's rules can find (pure): where they can, none on the timeline is none at all."""

from __future__ import annotations

from gvlm_resources.game import Game
from gvlm_resources.reasoning.protocol import RAISED

ALWAYS_READ = ("speech", "text", "message", "scene_change", "black_screen")  # found in any game, with or without rules


def recorded_kinds(game: Game) -> tuple[str, ...]:
    """The kinds, in alphabetical order."""
    rules = [rule.model_dump() for rule in game.variables]
    changes = {kind for rule in rules for name, kind in rule.items() if kind and _makes_events(name)}
    raised = {
        kind for kind, variable in RAISED.items() if any(v.gained_by and v.name == variable for v in game.variables)
    }
    return tuple(sorted({*changes, *raised, *(message.kind for message in game.messages), *ALWAYS_READ}))


def _makes_events(field: str) -> bool:
    return field.startswith("on_") or field == "gained_by"

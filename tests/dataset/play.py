"""A short play of Freedoom as facts, for the tests of what writes about it."""

from __future__ import annotations

from typing import Any

from gvlm_resources import game
from gvlm_resources.dataset.facts import Event, Facts, Frame, Held, Sight, Sound, Text, Utterance

S = 1_000_000_000
VIDEO = "run-0123456789ab"


def event(kind: str, start_s: float, text: str, *, end_s: float | None = None, **more: Any) -> Event:
    end_s = start_s + 0.1 if end_s is None else end_s
    values = {"subject": "", "value": None, "ordinal": 1, "confidence": 0.95, "sources": ("state",), "evidence": ()}
    return Event(
        f"e{round(start_s * 1e6):012d}-{kind}",
        kind,
        round(start_s * S),
        round(end_s * S),
        text,
        **{**values, **more},
    )


def held(variable: str, value: float, start_s: float, end_s: float) -> Held:
    return Held(f"g{round(start_s * 1e6):012d}-{variable}", variable, value, round(start_s * S), round(end_s * S), 0.99)


def shown(text: str, start_s: float, end_s: float, *, category: str = "message", confidence: float = 0.9) -> Text:
    ocr_id = f"o{round(start_s * 1e6):012d}-{category}"
    box = (0.0, 0.0, 200.0, 20.0)
    return Text(ocr_id, category, category, text, round(start_s * S), round(end_s * S), confidence, box, 640, 480)


def frame(at_s: float, **more: Any) -> Frame:
    values = {"is_black": False, "is_blurred": False, "is_scene_change": False, "duplicate_of": None}
    return Frame(f"f{round(at_s * 1e6):012d}", round(at_s * S), 640, 480, **{**values, **more})


def sight(concept: str, track: str, at_s: float, box: tuple[float, float, float, float], score: float) -> Sight:
    moment = f"{round(at_s * 1e6):012d}"
    return Sight(f"n{moment}-{track}", f"f{moment}", round(at_s * S), track, concept, score, box, 640, 480)


def facts(**changed: Any) -> Facts:
    """70 seconds: a pickup, two hits, a death, a message, a word, a sound, an imp."""
    known: dict[str, Any] = {
        "title": "A run",
        "game": game.load("freedoom"),
        "events": (
            event("pickup", 2, "Picked up stimpack (health 90 to 100).", subject="stimpack", value=10),
            event("damage", 20, "Lost 30 health (health 100 to 70).", subject="health", value=-30),
            event("sound", 25, "Heard player pain.", end_s=25.5, evidence=("a000025000000-1",)),
            event("damage", 40, "Lost 70 health (health 70 to 0).", subject="health", value=-70),
            event("death", 40.1, "The player died."),
        ),
        "states": (
            held("health", 90, 0, 2),
            held("health", 100, 2, 20),
            held("health", 70, 20, 40),
            held("health", 0, 40, 70),
        ),
        "texts": (shown("Took a health refill.", 2, 5), shown("90", 0, 2, category="number")),
        "speech": (Utterance("v000010000000-0", 10 * S, 12 * S, "look out behind you", 0.8, "en"),),
        "sounds": (Sound("a000025000000-1", 25 * S, 25 * S + S // 2, "player pain", 0.9, ""),),
        "sights": (sight("imp", "t1", 18, (10, 10, 60, 60), 0.7), sight("imp", "t1", 19, (500, 300, 600, 460), 0.9)),
        "frames": tuple(frame(at) for at in range(70)),
    }
    return Facts(video_id=VIDEO, duration_ns=70 * S, **{**known, **changed})

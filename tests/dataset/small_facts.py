"""A made-up minute of Freedoom as facts, for tests of what is written about it and checked."""

from __future__ import annotations

from gvlm_resources import game
from gvlm_resources.dataset.facts import Event, Facts, Frame, Held, Text, Utterance
from gvlm_resources.timebase import NS_PER_S, moment_id

VIDEO = "small-0123456789ab"
END_S = 60.0


def ns(seconds: float) -> int:
    return round(seconds * NS_PER_S)


def event(
    kind: str, at: float, text: str, subject: str = "", value: float | None = None, rows: tuple[str, ...] = ()
) -> Event:
    return Event(
        event_id=f"{moment_id('e', ns(at))}-{kind}",
        kind=kind,
        start_ns=ns(at),
        end_ns=ns(at) + 100_000_000,
        text=text,
        subject=subject,
        value=value,
        ordinal=1,
        confidence=0.95,
        sources=("state",),
        evidence=rows,
    )


def held(variable: str, *steps: tuple[float, float]) -> list[Held]:
    """A variable by its steps `(from, value)`, the last of which lasts to the end."""
    ends = [*(start for start, _ in steps[1:]), END_S]
    return [
        Held(f"{moment_id('g', ns(start))}-{variable}", variable, value, ns(start), ns(end), 0.98)
        for (start, value), end in zip(steps, ends, strict=True)
    ]


def message(at: float, text: str, confidence: float = 0.95) -> Text:
    name = f"{moment_id('o', ns(at))}-0"
    return Text(name, "message", "message", text, ns(at), ns(at + 3), confidence, (0, 0, 200, 16), 640, 480)


STATES = [
    *held("health", (0, 100), (8, 85), (14, 95), (30, 0), (32, 100)),
    *held("bullets", (0, 50), (5, 49), (5.5, 48), (20, 58)),
    *held("armor", (0, 0)),
]
EVENTS = [
    event("shot", 5, "Fired the handgun or minigun (bullets 50 to 49).", "handgun or minigun", -1),
    event("shot", 5.5, "Fired the handgun or minigun (bullets 49 to 48).", "handgun or minigun", -1),
    event("damage", 8, "Took 15 damage (health 100 to 85).", "health", -15),
    event("pickup", 14, "Picked up health refill (stimpack) (health 85 to 95).", "health refill (stimpack)", 10),
    event("heal", 14, "Gained 10 health (health 85 to 95).", "health", 10),
    event("pickup", 20, "Picked up bullets (clip) (bullets 48 to 58).", "bullets (clip)", 10, ("o000020000000-0",)),
    event("pickup", 24, "Picked up pump-action shotgun.", "pump-action shotgun", None, ("o000024000000-0",)),
    event("damage", 30, "Took 95 damage (health 95 to 0).", "health", -95),
    event("death", 30, "Died, killed by shotgun zombie (health 95 to 0).", "shotgun zombie", -95),
    event("respawn", 32, "Came back to life (health 0 to 100).", "health", 100),
    event("pickup", 40, "Picked up bullets (clip).", "bullets (clip)", 10),
]
TEXTS = [message(20, "PICKED UP SOME BULLETS."), message(24, "GOT THE PUMP-ACTI0N SHOTGUN!")]
SPEECH = [Utterance("s000050000000", ns(50), ns(52), "look behind you", 0.9, "en")]
FRAMES = [
    Frame(moment_id("f", ns(second)), ns(second), 640, 480, False, False, False, None) for second in range(int(END_S))
]


def facts() -> Facts:
    return Facts(
        video_id=VIDEO,
        title="small",
        duration_ns=ns(END_S),
        game=game.load("freedoom"),
        events=EVENTS,
        states=sorted(STATES, key=lambda one: one.start_ns),
        texts=TEXTS,
        speech=SPEECH,
        frames=FRAMES,
    )


def row(kind: str, at: float) -> str:
    """The id of the event of a kind at a time."""
    return next(one.event_id for one in EVENTS if one.kind == kind and one.start_ns == ns(at))


def state(variable: str, at: float) -> str:
    return next(one.state_id for one in STATES if one.variable == variable and one.start_ns <= ns(at) < one.end_ns)

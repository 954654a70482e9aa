"""A timeline of five minutes of Freedoom, written by hand, and a source over plain lists."""

from __future__ import annotations

from dataclasses import dataclass

from gvlm_resources.reasoning.protocol import Row, StateReading, Video
from gvlm_resources.timebase import NS_PER_S, Span, moment_id

RUN_A = "doom-run-a-0123456789ab"
RUN_B = "doom-run-b-ba9876543210"
KINDS = ("damage", "death", "heal", "message", "pickup", "respawn", "shot", "speech", "weapon_change")
JPEG = b"\xff\xd8\xff\xe0frame\xff\xd9"


def at(clock: str) -> int:
    minutes, seconds = clock.split(":")
    return round((int(minutes) * 60 + float(seconds)) * NS_PER_S)


def event(
    video_id: str, clock: str, kind: str, text: str, *, subject: str = "", value: float | None = None, **more
) -> Row:
    start = at(clock)
    return Row(
        row_id=f"{video_id}/{moment_id('e', start)}-{kind}",
        video_id=video_id,
        source=more.get("source", "event"),
        kind=kind,
        start_ns=start,
        end_ns=start + NS_PER_S // 2,
        text=text,
        subject=subject,
        value=value,
        confidence=more.get("confidence", 0.95),
        frame_id=moment_id("f", start // NS_PER_S * NS_PER_S),
        similarity=None,
    )


def readings(video_id: str, variable: str, values: list[tuple[str, float]], end: str) -> list[StateReading]:
    starts = [at(clock) for clock, _ in values] + [at(end)]
    return [
        StateReading(
            f"{video_id}/{moment_id('g', starts[i])}-{variable}",
            video_id,
            variable,
            value,
            starts[i],
            starts[i + 1],
            0.9,
        )
        for i, (_, value) in enumerate(values)
    ]


def run_a() -> list[Row]:
    def e(*args, **more):
        return event(RUN_A, *args, **more)

    return [
        e("0:05", "message", "Entering the Phobos lab", source="text", confidence=0.8),
        e("0:12", "pickup", "Picked up 4 shotgun shells.", subject="4 shotgun shells"),
        e("0:20", "pickup", "Picked up a stimpack.", subject="stimpack"),
        e("0:20.4", "heal", "Gained 10 health (health 69 to 79).", subject="health", value=10),
        e("0:33", "damage", "Took 12 damage (health 79 to 67).", subject="health", value=-12),
        e("0:36", "shot", "Fired (ammo 50 to 48).", subject="ammo", value=-2),
        e("0:38", "damage", "Took 20 damage (health 67 to 47).", subject="health", value=-20),
        e("0:41", "damage", "Took 24 damage (health 47 to 23).", subject="health", value=-24),
        e("0:45", "damage", "Took 23 damage (health 23 to 0).", subject="health", value=-23, confidence=0.7),
        e("0:45", "death", "Died (health 23 to 0)."),
        e("0:45.2", "message", "Player was killed by an imp."),
        e("0:49", "respawn", "Respawned (health 0 to 100)."),
        e("1:00", "pickup", "You got the shotgun!", subject="shotgun"),
        e("1:05", "weapon_change", "Changed to the shotgun.", subject="shotgun"),
        e("1:10", "pickup", "Picked up 4 shotgun shells.", subject="4 shotgun shells"),
        e("1:20", "shot", "Fired (ammo 12 to 11).", subject="ammo", value=-1),
        e("1:30", "speech", "i think there is a lava pool behind that door", source="speech", confidence=0.6),
        e("1:52", "damage", "Took 100 damage (health 100 to 0).", subject="health", value=-100),
        e("1:52", "death", "Died (health 100 to 0)."),
        e("1:56", "respawn", "Respawned (health 0 to 100)."),
        e("2:20", "pickup", "Picked up a medikit.", subject="medikit"),
        e("3:00", "damage", "Took 30 damage (health 100 to 70).", subject="health", value=-30),
        e("3:10", "damage", "Took 70 damage (health 70 to 0).", subject="health", value=-70),
        e("3:10", "death", "Died (health 70 to 0)."),
    ]


def run_a_states() -> list[StateReading]:
    health = [
        ("0:00", 69),
        ("0:20.4", 79),
        ("0:33", 67),
        ("0:38", 47),
        ("0:41", 23),
        ("0:45", 0),
        ("0:49", 100),
        ("1:52", 0),
    ]
    health += [("1:56", 100), ("3:00", 70), ("3:10", 0)]
    ammo = [("0:00", 50), ("0:36", 48), ("1:20", 11)]
    return [*readings(RUN_A, "health", health, "4:00"), *readings(RUN_A, "ammo", ammo, "3:00")]


def run_b() -> list[Row]:
    def e(*args, **more):
        return event(RUN_B, *args, **more)

    return [
        e("0:10", "pickup", "Picked up a blue keycard.", subject="blue keycard"),
        e("0:30", "damage", "Took 5 damage (health 100 to 95).", subject="health", value=-5),
        e("0:50", "death", "Died (health 95 to 0)."),
    ]


@dataclass
class FakeSource:
    """An evidence source over lists; search ranks by common words."""

    rows_: list[Row]
    states_: list[StateReading]
    videos_: tuple[Video, ...]

    def videos(self):
        return self.videos_

    def search(self, text, *, video_id, span, kinds, k):
        words = set(text.lower().split())
        rows = self.rows(video_id=video_id, kinds=kinds, span=span)
        return tuple(sorted(rows, key=lambda r: -len(words & set(r.text.lower().strip(".").split())))[:k])

    def rows(self, *, video_id, kinds, span):
        return tuple(
            r
            for r in self.rows_
            if video_id in (None, r.video_id) and r.is_kind(kinds) and (span is None or span.overlaps(r.span))
        )

    def states(self, *, video_id, variables, span):
        return tuple(
            s
            for s in self.states_
            if s.video_id == video_id
            and (not variables or s.variable in variables)
            and (span is None or span.overlaps(Span(s.start_ns, s.end_ns)))
        )

    def frame(self, video_id, frame_id):
        return JPEG


def one_video() -> FakeSource:
    return FakeSource(run_a(), run_a_states(), (Video(RUN_A, "Run A", at("5:00"), KINDS),))


def library() -> FakeSource:
    second = Video(RUN_B, "Run B", at("2:00"), KINDS)
    return FakeSource([*run_a(), *run_b()], run_a_states(), (*one_video().videos_, second))

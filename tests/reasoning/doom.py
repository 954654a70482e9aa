"""A timeline of five minutes of Freedoom, written by hand, and a source over plain lists."""

from __future__ import annotations

from dataclasses import dataclass

from gvlm_resources.reasoning.protocol import Row, StateReading, Video
from gvlm_resources.timebase import NS_PER_S, Span, moment_id

RUN_A = "doom-run-a-0123456789ab"
RUN_B = "doom-run-b-ba9876543210"
KINDS = ("damage", "death", "heal", "message", "pickup", "respawn", "scene_change", "shot", "speech", "weapon_change")
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
        end_ns=start + NS_PER_S // 10,
        text=text,
        subject=subject,
        value=value,
        confidence=more.get("confidence", 0.95),
        frame_id=moment_id("f", start // NS_PER_S * NS_PER_S),
        evidence=(moment_id(more.get("of", "g"), start),),
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

    def hit(clock, amount, before, **more):
        text = f"Took {amount} damage (health {before} to {before - amount})."
        return e(clock, "damage", text, subject="health", value=-amount, **more)

    imp = 'Died, killed by an imp (health 23 to 0). On screen: "Player was burned by an imp."'
    gun = 'Picked up a pump-action shotgun. On screen: "Got the pump-action shotgun!"'
    return [
        e("0:02", "scene_change", "The scene changes."),
        e("0:05", "message", "Entering the Phobos lab", source="text", confidence=0.8, of="o"),
        e("0:12", "pickup", "Picked up shotgun shells.", subject="shotgun shells", of="o"),
        e(
            "0:20",
            "pickup",
            "Picked up health refill (stimpack) (health 69 to 79).",
            subject="health refill (stimpack)",
            value=10,
            of="o",
        ),
        hit("0:33", 12, 79),
        e("0:36", "shot", "Fired the pistol (ammo 50 to 48).", subject="pistol", value=-2),
        hit("0:38", 20, 67),
        hit("0:41", 24, 47),
        hit("0:45", 23, 23, confidence=0.7),
        e("0:45", "death", imp, subject="imp", value=-23, of="o"),
        e("0:49", "respawn", "Came back to life (health 0 to 100).", subject="health", value=100),
        e("1:00", "pickup", gun, subject="pump-action shotgun", of="o"),
        e("1:05", "weapon_change", "Changed weapon to the shotgun.", subject="shotgun"),
        e("1:10", "pickup", "Picked up shotgun shells.", subject="shotgun shells", of="o"),
        e("1:20", "shot", "Fired the shotgun (ammo 12 to 11).", subject="shotgun", value=-1),
        e("1:30", "speech", "Somebody says: i think there is a lava pool behind that door", confidence=0.6, of="s"),
        hit("1:52", 100, 100),
        e("1:52", "death", "Died (health 100 to 0).", value=-100),
        e("1:56", "respawn", "Came back to life (health 0 to 100).", subject="health", value=100),
        e(
            "2:20",
            "pickup",
            "Picked up large health refill (medikit) (health 100 to 125).",
            subject="large health refill (medikit)",
            value=25,
            of="o",
        ),
        hit("3:00", 55, 125),
        hit("3:10", 70, 70),
        e("3:10", "death", "Died (health 70 to 0).", value=-70),
    ]


def run_a_states() -> list[StateReading]:
    health = [
        ("0:00", 69),
        ("0:20", 79),
        ("0:33", 67),
        ("0:38", 47),
        ("0:41", 23),
        ("0:45", 0),
        ("0:49", 100),
        ("1:52", 0),
    ]
    health += [("1:56", 100), ("2:20", 125), ("3:00", 70), ("3:10", 0)]
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

    def looks_like(self, text, *, video_id, span, k):
        return ()

    def rows(self, *, video_id, kinds, span):
        return tuple(
            r
            for r in self.rows_
            if video_id in (None, r.video_id)
            and (not kinds or {r.kind, r.source} & set(kinds))
            and (span is None or span.overlaps(r.span))
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

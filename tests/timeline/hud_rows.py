"""Readings of an invented HUD, written short: tables as `schemas` wants them."""

from __future__ import annotations

import pyarrow as pa

from gvlm_resources import schemas
from gvlm_resources.game import FeedRule, Game, HudRegion, MessageRule, VariableRule

S = 1_000_000_000
FRAME_NS = S // 35
WIDTH, HEIGHT = 640, 480
LINE_PX = 18

NUMBERS = ("health", "armor", "bullets", "shells", "ammo")
GAME = Game(
    name="test",
    title="Test",
    hud=(
        *(HudRegion(name=name, box=(0, 0.9, 0.1, 1), kind="number") for name in NUMBERS),
        HudRegion(name="lines", box=(0, 0, 1, 0.2), kind="message"),
    ),
    variables=(
        VariableRule(
            name="health",
            region="health",
            maximum=200,
            on_increase="heal",
            on_decrease="damage",
            on_zero="death",
            on_revival="respawn",
            gained_by="pickup",
        ),
        VariableRule(
            name="armor", region="armor", maximum=200, on_increase="armor", on_decrease="damage", gained_by="pickup"
        ),
        VariableRule(
            name="bullets", region="bullets", maximum=200, on_decrease="shot", gained_by="pickup", used_by="pistol"
        ),
        VariableRule(
            name="shells", region="shells", maximum=50, on_decrease="shot", gained_by="pickup", used_by="shotgun"
        ),
        VariableRule(
            name="ammo", region="ammo", maximum=200, shows_one_of=("bullets", "shells"), on_switch="weapon_change"
        ),
    ),
    messages=(
        MessageRule(pattern="Picked up a medikit", kind="pickup", subject="medikit", gives=("health",)),
        MessageRule(pattern="Picked up a health bonus", kind="pickup", subject="health bonus", gives=("health",)),
        MessageRule(pattern="Picked up an armor bonus", kind="pickup", subject="armor bonus", gives=("armor",)),
        MessageRule(pattern="Picked up a backpack", kind="pickup", subject="backpack", gives=("bullets", "shells")),
        MessageRule(pattern="You got the shotgun", kind="pickup", subject="shotgun", may_give=("shells",)),
        MessageRule(pattern="Picked up a (blue|red) key", kind="pickup", subject="{} key"),
        MessageRule(pattern=r"was killed by an? (.+)\.", kind="death"),
        MessageRule(pattern="secret is revealed", kind="secret", anywhere=True),
    ),
    feed=FeedRule(shown_s=3.0),
)


def at(seconds: float) -> int:
    return round(seconds * S)


def ocr(*rows: dict) -> pa.Table:
    numbered = [
        {**row, "ocr_id": row.get("ocr_id", f"o{row['start_ns'] // 1000:012d}-{i}")} for i, row in enumerate(rows)
    ]
    return pa.Table.from_pylist(numbered, schema=schemas.OCR_TEXT)


def reading(region: str, text: str, start_s: float, end_s: float, **changed: object) -> dict:
    row = {
        "video_id": "v-1",
        "region": region,
        "category": "number",
        "text": text,
        "start_ns": at(start_s),
        "end_ns": at(end_s),
        "confidence": 0.9,
        "box": [0, 432, 64, 480],
        "width": WIDTH,
        "height": HEIGHT,
        "readings": 1,
        "status": "ok",
        "reason": "",
    }
    return row | changed


def number(region: str, *values: tuple[float, str], end_s: float = 60.0) -> list[dict]:
    """One region's readings from `(start in s, text)`: each stands until the next."""
    ends = [start for start, _ in values[1:]] + [end_s]
    return [reading(region, text, start, end) for (start, text), end in zip(values, ends, strict=True)]


def line(text: str, start_s: float, end_s: float, *, row: int = 0, **changed: object) -> dict:
    """One sighting of a message line on line number `row` of the feed."""
    box = [0, row * LINE_PX, 200, row * LINE_PX + 14]
    return reading("lines", text, start_s, end_s, category="message", box=box, **changed)


def speech(*rows: tuple[str, float, float, str]) -> pa.Table:
    return pa.Table.from_pylist(
        [
            {
                "video_id": "v-1",
                "speech_id": f"s{at(start) // 1000:012d}",
                "start_ns": at(start),
                "end_ns": at(end),
                "text": text,
                "confidence": 0.8,
                "language": "en",
                "words": [],
                "status": status,
                "reason": "" if status == "ok" else "low_confidence",
            }
            for text, start, end, status in rows
        ],
        schema=schemas.SPEECH,
    )


def frames(*rows: tuple[float, str]) -> pa.Table:
    """Frames from `(time in s, marks)`; marks are letters of "s" (scene change) and "b" (black)."""
    return pa.Table.from_pylist(
        [
            {
                **dict.fromkeys(("source_pts", "phash", "sharpness", "brightness", "motion"), 0),
                "video_id": "v-1",
                "frame_id": f"f{at(time_s) // 1000:012d}",
                "pts_ns": at(time_s),
                "width": WIDTH,
                "height": HEIGHT,
                "image": b"",
                "sampled_by": "rate",
                "is_keyframe": False,
                "is_scene_change": "s" in marks,
                "is_black": "b" in marks,
                "is_blurred": False,
                "duplicate_of": None,
                "status": "ok",
                "reason": "",
            }
            for time_s, marks in rows
        ],
        schema=schemas.FRAMES,
    )

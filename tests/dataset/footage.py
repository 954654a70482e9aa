"""Twenty seconds of a made-up video, as facts, as vectors and as pairs: for the tests of training examples."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa

from gvlm_resources import game, schemas
from gvlm_resources.dataset import pairs
from gvlm_resources.dataset.examples.vectors import REGIONS, SIGLIP, VIDEOMAE, WAV2VEC2, Vectors
from gvlm_resources.dataset.facts import Event, Facts, Frame, Held, Sight, Text, Utterance
from gvlm_resources.dataset.pairs import Box, Claim, Pair
from gvlm_resources.timebase import NS_PER_S, moment_id

VIDEO = "run-0123456789ab"
SECONDS = 20
DIM = 4
BLACK_AT_S, FAILED_AT_S = 0, 5


def ns(seconds: float) -> int:
    return round(seconds * NS_PER_S)


def unit(seed: int, dim: int = DIM) -> list[float]:
    vector = np.random.default_rng(seed).standard_normal(dim)
    return (vector / np.linalg.norm(vector)).astype(np.float32).tolist()


def tables(*, video_id: str = VIDEO, shift: int = 0) -> dict[str, pa.Table]:
    """A frame a second, of which one failed; a clip of 2 s every 4; windows of 2 s of sound every second; a region."""
    ok = {"video_id": video_id, "status": "ok", "reason": ""}
    failed = {"vector": None, "status": "failed", "reason": "a JPEG of 0 bytes"}
    frames = [
        {**ok, "frame_id": moment_id("f", ns(at)), "pts_ns": ns(at), "vector": unit(at + shift)}
        | (failed if at == FAILED_AT_S else {})
        for at in range(SECONDS)
    ]
    spans = [(at, {"start_ns": ns(at), "end_ns": ns(at + 2), "vector": unit(100 + at + shift)}) for at in range(19)]
    clips = [{**ok, "clip_id": moment_id("c", ns(at)), **span} for at, span in spans if at % 4 == 0]
    windows = [{**ok, "window_id": moment_id("w", ns(at)), **span} for at, span in spans]
    region = {
        **ok,
        "region_id": f"{moment_id('r', ns(7))}-1",
        "entity_id": IMP.entity_id,
        "frame_id": IMP.frame_id,
        "pts_ns": ns(7),
        "track_id": "t1",
        "concept": "imp",
        "patches": 9.0,
        "vector": unit(200),
    }
    return {
        SIGLIP: pa.Table.from_pylist(frames, schemas.with_dim(schemas.SIGLIP, DIM)),
        VIDEOMAE: pa.Table.from_pylist(clips, schemas.with_dim(schemas.VIDEOMAE, DIM)),
        WAV2VEC2: pa.Table.from_pylist(windows, schemas.with_dim(schemas.WAV2VEC2, DIM)),
        REGIONS: pa.Table.from_pylist([region], schemas.with_dim(schemas.REGIONS, DIM)),
    }


def vectors(**changed: Any) -> Vectors:
    return Vectors.of_tables(changed.get("video_id", VIDEO), tables(**changed))


IMP = Sight("n000007000000-1", "f000007000000", ns(7), "t1", "imp", 0.9, (10.0, 20.0, 110.0, 220.0), 640, 480)
HURT = Event(
    "e000012500000-damage", "damage", ns(12.5), ns(12.6), "Took 30 damage (health 100 to 70).", "health", -30.0, 1, 0.9,
    ("state",), (),
)  # fmt: skip
FULL = Held("g000000000000-health", "health", 100.0, 0, ns(12.5), 0.99)
SIGN = Text(
    "o000003000000-0", "message", "message", "You found the secret door behind the waterfall today", ns(3), ns(5.5),
    0.9, (0.0, 0.0, 200.0, 20.0), 640, 480,
)  # fmt: skip
CALL = Utterance("s000015000000", ns(15), ns(17), "look out behind you", 0.8, "en")


def facts(*, title: str = "A run", video_id: str = VIDEO) -> Facts:
    frames = [
        Frame(moment_id("f", ns(at)), ns(at), 640, 480, at == BLACK_AT_S, False, False, None) for at in range(SECONDS)
    ]
    return Facts(
        video_id, title, ns(SECONDS), game.load("freedoom"), (HURT,), (FULL,), (SIGN,), (CALL,), (), (IMP,), frames
    )


def pair(**changed: Any) -> Pair:
    """What the health is at second 8, and whatever is changed."""
    values: dict[str, Any] = {
        "video_id": VIDEO,
        "kind": pairs.STATE,
        "question": "How much health does the player have at 00:08?",
        "answer": "100.",
        "start_ns": ns(8),
        "end_ns": ns(9),
        "evidence": (FULL.state_id,),
        "made_by": "templates@1",
        "length": "short",
        "confidence": 0.99,
    }
    return Pair(**{**values, **changed})


def where(**changed: Any) -> Pair:
    box = Box(IMP.frame_id, IMP.box, 640, 480, "imp")
    values = {
        "kind": pairs.WHERE,
        "question": "Where is the imp?",
        "answer": "The imp is at <box_2d>.",
        "start_ns": ns(7),
        "end_ns": ns(7.1),
        "evidence": (IMP.entity_id,),
        "frames": (IMP.frame_id,),
        "boxes": (box,),
    }
    return pair(**{**values, **changed})


def when(**changed: Any) -> Pair:
    moment = Claim("moment", ns(12), ns(13), kind="damage")
    values = {
        "kind": pairs.WHEN,
        "question": "When is the player hurt?",
        "answer": "At 00:12.",
        "start_ns": ns(12),
        "end_ns": ns(13),
        "evidence": (HURT.event_id,),
        "claims": (moment,),
    }
    return pair(**{**values, **changed})


def how_many(**changed: Any) -> Pair:
    count = Claim("count", 0, ns(SECONDS), kind="damage", value=1.0)
    values = {
        "kind": pairs.HOW_MANY,
        "question": "How many times is the player hurt?",
        "answer": "Once.",
        "start_ns": 0,
        "end_ns": ns(SECONDS),
        "evidence": (HURT.event_id,),
        "claims": (count,),
    }
    return pair(**{**values, **changed})


def timeline(_: Pair) -> str:
    """What a prompt shows of a question's evidence."""
    return 'Video: "A run", 00:20 long\n<evidence>\nE1 00:12 damage "Took 30 damage (health 100 to 70)."\n</evidence>'

"""Whether a line of a training set is one: by the JSON Schema of the format, and by what a schema cannot say."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from importlib.resources import files
from itertools import pairwise
from typing import Any

import fastjsonschema

from gvlm_resources.dataset.examples.example import HUMAN, MODEL, SYSTEM, TOKEN_BOX
from gvlm_resources.errors import LakeError
from gvlm_resources.timebase import format_clock

SCHEMA = "example_schema.json"

# Each token, the table that its vector may stand in, and the letter that ids of that table begin with.
_STANDS_FOR = frozenset(
    {
        ("<v>", "siglip_embeddings", "f"),
        ("<v>", "videomae_embeddings", "c"),
        ("<r>", "region_embeddings", "r"),
        ("<a>", "wav2vec2_embeddings", "w"),
    }
)
_TOKEN = re.compile(r"<[vra]>")
_TIME_OR_TOKEN = re.compile(r"<ts=((?:[0-9]{2,}:)?[0-9]{2}:[0-5][0-9])>|(<[vra]>)|(<ts)")


def schema() -> dict[str, Any]:
    """The JSON Schema (draft 7) of one line."""
    return json.loads(files("gvlm_resources").joinpath("dataset/examples", SCHEMA).read_text(encoding="utf-8"))


def errors(line: Mapping[str, Any]) -> list[str]:
    """What is wrong with a line as it was read from JSON; nothing where it is valid.

    A line that the schema refuses has one error, the first: what a rule says of such a line could be anything.
    """
    try:
        _checker()(line)
    except fastjsonschema.JsonSchemaValueException as error:
        return [f"schema: {error.message}"]
    return [f"{name}: {found}" for name, rule in RULES.items() for found in rule(line)]


def line(value: Mapping[str, Any]) -> None:
    """Raises LakeError, naming the example and the rule, where `errors` finds one."""
    found = errors(value)
    if found:
        raise LakeError(
            f"the training example {value.get('id')!r} is not valid: {found[0]}",
            remedy="this is a defect: please report it",
        )


@cache
def _checker() -> Callable[[Any], Any]:
    return fastjsonschema.compile(schema(), use_default=False)


def _turns(line: Mapping[str, Any]) -> Iterator[str]:
    speakers = [turn["from"] for turn in line["conversations"]]
    rest = speakers[1:] if speakers[0] == SYSTEM else speakers
    if not rest or rest[0] != HUMAN:
        yield "a conversation begins with a human, after a system turn or without one"
    elif rest[-1] != MODEL:
        yield f"a conversation ends with {MODEL}"
    elif any(speaker != (HUMAN, MODEL)[number % 2] for number, speaker in enumerate(rest)):
        yield f"{HUMAN} and {MODEL} take turns"


def _tokens(line: Mapping[str, Any]) -> Iterator[str]:
    """Tokens and embeddings agree in number, order and kind; and only a human turn holds any."""
    stand = [token for turn in line["conversations"] for token in _TOKEN.findall(turn["value"])]
    given = [embedding["token"] for embedding in line["embeddings"]]
    if stand != given:
        at = next(
            (n for n, (a, b) in enumerate(zip(stand, given, strict=False)) if a != b), min(len(stand), len(given))
        )
        yield f"{len(stand)} tokens and {len(given)} embeddings, which differ from number {at} on"
    for e in line["embeddings"]:
        if (e["token"], e["table"], e["id"][0]) not in _STANDS_FOR:
            yield f"{e['token']} does not stand for {e['id']} of {e['table']}"
    if any(_TIME_OR_TOKEN.search(turn["value"]) for turn in line["conversations"] if turn["from"] != HUMAN):
        yield "a turn that is not the human's holds a token"


def _times(line: Mapping[str, Any]) -> Iterator[str]:
    """Times are written as a clock, rise within a prompt, and are those of the tokens after them."""
    moments = iter(line["embeddings"])
    for turn in line["conversations"]:
        clock, last_s = "", -1
        for found in _TIME_OR_TOKEN.finditer(turn["value"]):
            time, token, broken = found.groups()
            if broken:
                yield f"{turn['value'][found.start() : found.start() + 12]!r} is no time"
            elif token:
                row_id = next(moments, {}).get("id", "")
                if row_id and format_clock(int(row_id[1:].partition("-")[0]) * 1000) != clock:
                    yield f"{row_id} stands at {clock or 'no time'}"
            else:
                clock, seconds = time, _seconds(time)
                if seconds <= last_s:
                    yield f"the time {time} does not come after the one before it"
                last_s = seconds


def _seconds(clock: str) -> int:
    total = 0
    for part in clock.split(":"):
        total = total * 60 + int(part)
    return total


def _frames(line: Mapping[str, Any]) -> Iterator[str]:
    """`frames` are those of the tokens that show one, in order: the frame itself, or that of a region."""
    shown = [e["id"] if e["table"] == "siglip_embeddings" else "" for e in line["embeddings"] if e["id"][0] in "fr"]
    frames = line["frames"]
    if len(shown) != len(frames) or any(name not in ("", frame) for name, frame in zip(shown, frames, strict=True)):
        yield f"{len(frames)} frames for {len(shown)} tokens that show one, or others than those"


def _boxes(line: Mapping[str, Any]) -> Iterator[str]:
    count = sum(turn["value"].count(TOKEN_BOX) for turn in line["conversations"])
    if not count == len(line["boxes"]) == len(line["box_frames"]):
        yield f"{count} {TOKEN_BOX}, {len(line['boxes'])} boxes and {len(line['box_frames'])} frames of boxes"
    for x0, y0, x1, y1 in line["boxes"]:
        if not (x0 < x1 <= line["width"] and y0 < y1 <= line["height"]):
            yield f"[{x0}, {y0}, {x1}, {y1}] does not lie in {line['width']} x {line['height']}"
    hidden = [name for name in line["box_frames"] if name not in line["frames"]]
    if hidden:
        yield f"a box lies in {hidden[0]}, which is not shown"


def _spans(line: Mapping[str, Any]) -> Iterator[str]:
    spans = line["timestamps"]
    for start_s, end_s in spans:
        if not start_s < end_s < float("inf"):
            yield f"[{start_s}, {end_s}] is no span"
    if any(later < earlier for earlier, later in pairwise(spans)):
        yield "spans are not in the order of time"


RULES: Mapping[str, Callable[[Mapping[str, Any]], Iterator[str]]] = {
    "turns": _turns,
    "tokens": _tokens,
    "times": _times,
    "frames": _frames,
    "boxes": _boxes,
    "timestamps": _spans,
}

"""A model's reply read as the JSON that was asked for, as far down a ladder as needed and no further (pure).

    json        the reply is that JSON
    nothing     the reply is that JSON, and says that there is nothing: its array is empty
    salvaged    the reply is that JSON in part: it stands among other words, was cut off, or holds items that do not fit
    repaired    json-repair made JSON of it, and every value in it stands in the reply as the model wrote it
    unreadable  none of these

What is read fits the schema, item by item: one bad item costs that item, and is counted. Nothing is made up: of a reply
that was cut off only items that are whole are taken, and a repair that changes a value (`0.` to 0.0, `00:45` to 0, a
missing value to an empty text) costs the item that it stands in.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

import fastjsonschema
import json_repair

from gvlm_resources.llm.literal import QUOTES, Said
from gvlm_resources.llm.protocol import ChatReply

Status = Literal["json", "nothing", "salvaged", "repaired", "unreadable"]
MAX_CHARS = 200_000
MAX_ITEMS = 1_000
MAX_DEPTH = 32
MAX_TRIES = 50  # places at which the JSON may begin
DETAIL_CHARS = 300
_SPACE = re.compile(r"[ \t\r\n]*")
_OPEN_THOUGHTS = re.compile(r"\A\s*<think(?:ing)?>")
_END_OF_THOUGHTS = re.compile(r"</think(?:ing)?>")


@dataclass(frozen=True, slots=True)
class Parsed:
    """What a reply holds. `value` fits the schema, and is None where the reply is unreadable.

    `detail` says for people what was left out and why; `bad_items` counts the items that were.
    """

    status: Status
    value: Any
    detail: str = ""
    bad_items: int = 0


class SchemaCheck:
    """A JSON schema, compiled to check the items of its one array apart from what is around them.

    That array is the reply itself, or the one property of the reply that is an array; a schema with several arrays, or
    none, is checked whole. `key` is the property's name, `is_list` whether the schema has such an array at all.
    `bracket` is where a value of this kind may begin in other text; at `opening` it does, well written or not.
    """

    def __init__(self, schema: Mapping[str, Any]) -> None:
        self.key = _array_key(schema)
        self.is_list = self.key is not None or schema.get("type") == "array"
        around, item, most = _split(dict(schema), self.key) if self.is_list else (dict(schema), True, None)
        self.most = MAX_ITEMS if most is None else min(most, MAX_ITEMS)
        self.bracket, self.opening = _beginnings(schema)
        self._around = fastjsonschema.compile(around, use_default=False)
        self._item = fastjsonschema.compile(item, use_default=False)

    def fits_around(self, value: Any) -> str:
        """Empty, or what does not fit of the value, its items not looked at."""
        return _complaint(self._around, value)

    def fits_item(self, value: Any) -> str:
        return _complaint(self._item, value)

    def items(self, value: Any) -> list[Any]:
        """The items of a value that fits. Only of a schema with an array; an absent one has none."""
        return value.get(self.key, []) if self.key is not None else value

    def with_items(self, value: Any, items: list[Any]) -> Any:
        if self.key is None:
            return items
        return {**value, self.key: items} if self.key in value else value


def reader(schema: Mapping[str, Any]) -> Callable[[ChatReply], Parsed]:
    """What reads replies that were asked for by this schema."""
    check = SchemaCheck(schema)
    return lambda reply: read(reply.text, check, is_cut=reply.is_cut, finish=reply.finish)


def read(text: str, schema_check: SchemaCheck, *, is_cut: bool, finish: str = "") -> Parsed:
    """What `text` holds. `is_cut` and `finish` are what the server says of how it ended. Never raises."""
    whole = _loaded(text) if len(text) <= MAX_CHARS else None
    body = text if whole is not None else _without_thoughts(text[:MAX_CHARS])
    if not body.strip():
        return _unreadable("the reply holds nothing but thoughts" if text.strip() else "the reply is empty")
    if whole is None:
        whole = _loaded(body)
    complaints: list[str] = []
    if whole is not None:
        parsed = _fitting(whole[0], schema_check, "json", complaints)
        return parsed or _unreadable(complaints[-1])
    ended_early = is_cut or finish == "length" or len(text) > MAX_CHARS
    for attempt in (_among_words, _cut_off, _mended):
        parsed = attempt(body, schema_check, complaints, ended_early)
        if parsed is not None:
            return parsed
    cause = "the reply was cut off before anything in it was whole" if ended_early else "the reply is no JSON"
    return _unreadable("; ".join([cause, *complaints[-1:]]))


# ------------------------------------------------------------------------------------------- schemas


def _array_key(schema: Mapping[str, Any]) -> str | None:
    properties = schema.get("properties")
    if schema.get("type") != "object" or not isinstance(properties, Mapping):
        return None
    arrays = [name for name, part in properties.items() if isinstance(part, Mapping) and part.get("type") == "array"]
    return arrays[0] if len(arrays) == 1 else None


def _beginnings(schema: Mapping[str, Any]) -> tuple[re.Pattern[str], re.Pattern[str]]:
    if schema.get("type") == "array":
        return re.compile(r"\["), re.compile(r"\[")
    names = [re.escape(name) for name in schema.get("properties", {})]
    if schema.get("type") != "object" or not names:
        return re.compile(r"[{\[]"), re.compile(r"[{\[]")
    return re.compile(r"\{"), re.compile(rf"\{{\s*[{QUOTES}]?\s*(?:{'|'.join(names)})\b")


def _split(schema: dict[str, Any], key: str | None) -> tuple[dict[str, Any], Any, int | None]:
    """The schema with any items, the schema of one item, and how many there may be.

    More than `maxItems` is cut to that number, so that a model that says too much is heard as far as it was asked.
    """
    array = dict(schema if key is None else schema["properties"][key])
    item, most = array.pop("items", True), array.pop("maxItems", None)
    around = array if key is None else {**schema, "properties": {**schema["properties"], key: array}}
    shared = {name: schema[name] for name in ("$defs", "definitions") if name in schema}
    return around, ({**item, **shared} if isinstance(item, Mapping) else item), most


def _complaint(check: Callable[[Any], Any], value: Any) -> str:
    try:
        check(value)
    except fastjsonschema.JsonSchemaValueException as error:
        return error.message
    except (ArithmeticError, RecursionError) as error:  # `multipleOf` of a number of three hundred digits
        return f"cannot be checked ({error})"
    return ""


# ------------------------------------------------------------------------------------------- reading


def _loaded(text: str) -> tuple[Any] | None:
    """The value of a text that is JSON from its first to its last character, in a tuple, for it may be None."""
    try:
        return (_checked(json.loads(text, parse_constant=_no_number)),)
    except (ValueError, RecursionError):
        return None


def _no_number(name: str) -> float:
    raise ValueError(f"{name} is no JSON")


_DECODER = json.JSONDecoder(parse_constant=_no_number)


def _value_at(text: str, at: int) -> tuple[Any, int] | None:
    """The value that starts at `at`, and where it ends; None where none does, or not all of it is there."""
    try:
        value, end = _DECODER.raw_decode(text, at)
        return _checked(value), end
    except (ValueError, RecursionError):
        return None


def _checked(value: Any) -> Any:
    """The value, if it can be stored: no deeper than `MAX_DEPTH`, every number finite. Raises ValueError otherwise.

    Halves of surrogate pairs, which no text can hold, become the replacement character.
    """
    return _storable(value, MAX_DEPTH)


def _storable(value: Any, levels: int) -> Any:
    if isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError("a number is too large")
    if not isinstance(value, dict | list):
        return value
    if levels == 0:
        raise ValueError(f"it is nested more than {MAX_DEPTH} deep")
    if isinstance(value, list):
        return [_storable(item, levels - 1) for item in value]
    return {_storable(name, levels - 1): _storable(item, levels - 1) for name, item in value.items()}


def _without_thoughts(text: str) -> str:
    """A reasoning model's thoughts are not its answer, even where the reply ends within them.

    What opens them may stand in the prompt's template, so that only their end is in the reply.
    """
    answer = _END_OF_THOUGHTS.split(text)[-1]
    return "" if _OPEN_THOUGHTS.match(answer) else answer.strip()


def _fitting(
    value: Any, check: SchemaCheck, status: Literal["json", "salvaged", "repaired"], complaints: list[str]
) -> Parsed | None:
    """The value without the items that do not fit; None, with a complaint, where nothing is left that does."""
    if complaint := check.fits_around(value):
        complaints.append(complaint)
        return None
    if not check.is_list or not check.items(value):
        return Parsed("nothing" if check.is_list and _says_nothing(value) else status, value)
    items = check.items(value)
    faults = [check.fits_item(item) for item in items[:MAX_ITEMS]]
    fitting = [item for item, fault in zip(items, faults, strict=False) if not fault]
    kept = fitting[: check.most]
    if len(kept) == len(items):
        return Parsed(status, value)
    notes = _left_out(len(items), faults, len(fitting) - len(kept))
    value = check.with_items(value, kept)
    if not kept or check.fits_around(value):  # fewer than `minItems` are left
        complaints.append(notes)
        return None
    return Parsed("salvaged" if status == "json" else status, value, _short(notes), len(items) - len(kept))


def _left_out(given: int, faults: list[str], too_many: int) -> str:
    """Which items were left out, and why."""
    bad = [fault for fault in faults if fault]
    notes = [f"{len(bad)} of {given} items do not fit: {bad[0]}"] if bad else []
    spare = too_many + given - len(faults)
    return "; ".join([*notes, f"{spare} of {given} items are more than were asked for"] if spare else notes)


def _says_nothing(value: Any) -> bool:
    """Whether a reply is an empty array, or an object in which everything is empty."""
    return not value if isinstance(value, list) else not any(value.values())


def _unreadable(detail: str) -> Parsed:
    return Parsed("unreadable", None, _short(detail))


def _short(text: str) -> str:
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return line if len(line) <= DETAIL_CHARS else f"{line[:DETAIL_CHARS]}..."


# ---------------------------------------------------------------------------------------- salvaging


def _among_words(body: str, check: SchemaCheck, complaints: list[str], ended_early: bool) -> Parsed | None:
    """The first whole value in prose or a code fence that fits."""
    at = -1
    for _ in range(MAX_TRIES):
        found = check.bracket.search(body, at + 1)
        if found is None:
            return None
        at = found.start()
        whole = _value_at(body, at)
        if whole is not None:
            parsed = _fitting(whole[0], check, "salvaged", complaints)
            if parsed is not None:
                return parsed if parsed.detail else replace(parsed, detail="other words around the JSON")
            at = whole[1] - 1
        elif check.opening.match(body, at):
            return None  # the reply begins here and is broken: what stands inside it is not the reply
    return None


def _cut_off(body: str, check: SchemaCheck, complaints: list[str], ended_early: bool) -> Parsed | None:
    """The whole items at the start of an array that does not end."""
    start = check.opening.search(body)
    if not check.is_list or start is None or not (ended_early or _is_open(body[start.start() :])):
        return None
    if check.key is None:
        value: Any = list(_whole_items(body, start.start() + 1))
        items = value
    else:
        value = _whole_members(body, start.start() + 1, check.key)
        items = value.get(check.key, [])
    parsed = _fitting(value, check, "salvaged", complaints) if items else None
    if parsed is None:
        return None
    return replace(parsed, detail="; ".join(filter(None, [f"cut off; whole items: {len(items)}", parsed.detail])))


def _whole_members(body: str, at: int, key: str) -> dict[str, Any]:
    """The members of an object up to the first that is not whole; of the array `key`, the items that are."""
    members: dict[str, Any] = {}
    while True:
        at = _after_space(body, at)
        name = _value_at(body, at)
        if name is None or not isinstance(name[0], str):
            return members
        at = _after_space(body, name[1])
        if not body.startswith(":", at):
            return members
        at = _after_space(body, at + 1)
        value = _value_at(body, at)
        if value is None:
            if name[0] == key and body.startswith("[", at):
                members[key] = list(_whole_items(body, at + 1))
            return members
        members[name[0]] = value[0]
        at = _after_space(body, value[1])
        if not body.startswith(",", at):
            return members
        at += 1


def _whole_items(body: str, at: int) -> Iterator[Any]:
    """The items of an array from just behind its bracket. A number counts only with what follows it: 3 may be of 37."""
    for _ in range(MAX_ITEMS + 1):
        at = _after_space(body, at)
        found = _value_at(body, at)
        if found is None:
            return
        item, end = found
        at = _after_space(body, end)
        goes_on = body.startswith(",", at)
        if goes_on or body.startswith("]", at) or isinstance(item, dict | list | str):
            yield item
        if not goes_on:
            return
        at += 1


def _after_space(body: str, at: int) -> int:
    found = _SPACE.match(body, at)
    return found.end() if found else at


def _is_open(body: str) -> bool:
    """Whether brackets are open, or a string is, where the text ends."""
    depth, in_string, escaped = 0, False, False
    for character in body:
        if in_string:
            in_string = escaped or character != '"'
            escaped = not escaped and character == "\\"
        elif character == '"':
            in_string = True
        elif character in "{[":
            depth += 1
        elif character in "}]":
            depth -= 1
    return in_string or depth > 0


# ---------------------------------------------------------------------------------------- repairing


def _mended(body: str, check: SchemaCheck, complaints: list[str], ended_early: bool) -> Parsed | None:
    """What json-repair makes of a reply that is whole but not JSON, without the items in which it changed a value.

    A reply that ended early is not repaired: the repair would close a text in its middle and call it whole.
    """
    start = check.opening.search(body)
    if ended_early or start is None or _depth(body) > MAX_DEPTH:
        return None
    body = body[start.start() :]
    try:
        value = _checked(json_repair.loads(body, skip_json_loads=True))
    except (ValueError, RecursionError):
        return None
    if complaint := check.fits_around(value):
        complaints.append(complaint)
        return None
    if not check.is_list or not check.items(value):
        return None if Said(body).lacks(value, complaints) else _fitting(value, check, "repaired", complaints)
    return _mended_items(value, body, check, complaints)


def _mended_items(value: Any, body: str, check: SchemaCheck, complaints: list[str]) -> Parsed | None:
    said, items = Said(body), check.items(value)[:MAX_ITEMS]
    kept = [item for item in items if not said.lacks(item, complaints)]
    rest = {name: part for name, part in value.items() if name != check.key} if check.key is not None else {}
    if not kept or (rest and Said(body).lacks(rest, complaints)):
        return None
    parsed = _fitting(check.with_items(value, kept), check, "repaired", complaints)
    changed = len(items) - len(kept)
    if parsed is None or not changed:
        return parsed
    note = f"{changed} of {len(items)} items would have been changed by the repair"
    detail = _short("; ".join(filter(None, [note, parsed.detail])))
    return replace(parsed, detail=detail, bad_items=parsed.bad_items + changed)


def _depth(body: str) -> int:
    """How deep brackets are nested, strings not told apart from the rest: broken ones cannot be."""
    depth = deepest = 0
    for character in body:
        if character in "{[":
            depth += 1
            deepest = max(deepest, depth)
        elif character in "}]":
            depth = max(0, depth - 1)
    return deepest

"""A language model's reply read and checked against the evidence it was given (pure).

Read: `json.loads`, then what can be saved (an object inside prose or a code fence; a reply cut off after its answer).
Checked: a citation counts only where the evidence holds it. What the model cites and was not given is taken out of
the text and named in the notes.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import Any

from gvlm_resources.reasoning.citing import Cites
from gvlm_resources.reasoning.prompts import Prompt
from gvlm_resources.reasoning.protocol import Row
from gvlm_resources.timebase import NS_PER_S

MAX_ANSWER_CHARS = 4_000
MAX_CITATIONS = 200
MAX_REPLY_CHARS = 50_000
MAX_TRIES = 20  # places at which an object may begin
SLACK_NS = NS_PER_S  # a clock names a second, and people round


@dataclass(frozen=True, slots=True)
class Reply:
    """What a model replied: its text, what it cites, whether it can tell; `salvaged` where it was read in part."""

    answer: str
    citations: tuple[str, ...]
    can_tell: bool
    salvaged: bool


@dataclass
class Checked:
    """A reply's text with its citations resolved. `given` is how many it made, `valid` how many the evidence holds."""

    text: str = ""
    given: int = 0
    valid: int = 0
    removed: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def read(text: str) -> Reply | None:
    """The reply, or None where nothing of it can be trusted: no object, or an answer cut off in its middle."""
    body = _without_thoughts(text[:MAX_REPLY_CHARS])
    whole = _fitting(_loaded(body))
    if whole is not None:
        return _reply(whole, salvaged=False)
    for value in _objects(body):
        found = _fitting(value)
        if found is not None:
            return _reply(found, salvaged=True)
    return _cut_off(body)


def _without_thoughts(text: str) -> str:
    """A reasoning model's thoughts are not its answer."""
    return re.sub(r"^\s*<think>.*?</think>", "", text, flags=re.S).strip()


def _loaded(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _objects(text: str) -> list[Any]:
    """JSON objects inside other text, in order."""
    decoder, found, position = json.JSONDecoder(), [], text.find("{")
    for _ in range(MAX_TRIES):
        if position == -1:
            break
        try:
            value, end = decoder.raw_decode(text, position)
            found.append(value)
        except (ValueError, RecursionError):
            end = position + 1
        position = text.find("{", end)
    return found


def _fitting(value: Any) -> dict[str, Any] | None:
    """The object, where it has a text as its answer. The other two fields may be missing: then nothing is claimed."""
    if isinstance(value, dict) and isinstance(value.get("answer"), str) and value["answer"].strip():
        return value
    return None


def _reply(value: dict[str, Any], *, salvaged: bool) -> Reply:
    cited = value.get("citations")
    given = [str(c) for c in cited if isinstance(c, str | int)] if isinstance(cited, list) else []
    return Reply(
        answer=_plain(value["answer"]),
        citations=tuple(given[:MAX_CITATIONS]),
        can_tell=value.get("can_tell") is True,
        salvaged=salvaged or not isinstance(value.get("can_tell"), bool) or not isinstance(cited, list),
    )


def _plain(text: str) -> str:
    """A model's words without control characters but for the ends of lines, and of bearable length."""
    kept = "".join(c if c == "\n" or c.isprintable() else " " for c in text)
    return kept.strip()[:MAX_ANSWER_CHARS]


def _cut_off(body: str) -> Reply | None:
    """An object that ends too early: its answer if it is whole, and the citations that are.

    Whether the model thought it could tell is not known where that field is missing; the citations decide then.
    """
    answer = re.search(r'"answer"\s*:\s*("(?:[^"\\]|\\.)*")', body, re.S)
    text = _loaded(answer.group(1)) if answer else None
    if answer is None or not isinstance(text, str) or not text.strip():
        return None
    after = re.search(r'"citations"\s*:\s*\[(.*)', body[answer.end() :], re.S)
    items = re.findall(r'"((?:[^"\\]|\\.)*)"', after.group(1).split("]")[0]) if after else []
    said = re.search(r'"can_tell"\s*:\s*(true|false)', body)
    return Reply(_plain(text), tuple(items[:MAX_CITATIONS]), said is None or said.group(1) == "true", True)


# ----------------------------------------------------------------------------------------- citations

_BRACKET = re.compile(r"\[([^\[\]]{1,200})\]")
_NUMBER = re.compile(r"(?<!\w)[Ee]\d{1,4}(?!\w)")
_CLOCK = re.compile(r"(?:(?P<h>\d{1,2}):)?(?P<m>\d{1,3}):(?P<s>[0-5]\d)(?!\d)")


def check(reply: Reply, prompt: Prompt, cites: Cites) -> Checked:
    """The reply's text with `[E3]` and `[00:45]` turned into citations of rows that the prompt holds.

    Anything else in brackets that looks like a citation is removed. Rows listed under "citations" and not in the text
    are added at its end. Times outside brackets that no row stands at are named in the notes.
    """
    checked = Checked()
    text = _BRACKET.sub(lambda found: _resolved(found, prompt, cites, checked), reply.answer)
    extra: list[Row] = []
    for cited in reply.citations:
        rows = _rows_of(cited, prompt)
        if rows is None:
            continue
        if not rows and cited.strip(" []") not in checked.removed:
            checked.given += 1
            checked.removed.append(cited.strip(" []"))
        new = [row for row in rows if row.row_id not in cites.rows]
        checked.given += len(new)
        checked.valid += len(new)
        extra += new
    if extra:
        text = f"{text.rstrip()} {' '.join(dict.fromkeys(cites.row(row) for row in extra))}"
    checked.text = re.sub(r"\s+([.,;:!?])", r"\1", re.sub(r"[ \t]{2,}", " ", text)).strip()
    _note(checked, prompt)
    return checked


def _resolved(found: re.Match[str], prompt: Prompt, cites: Cites, checked: Checked) -> str:
    """The labels for what a bracket cites: all that hold, nothing for those that do not; other brackets stay."""
    labels = []
    for part in re.split(r"\s*[,;]\s*|\s+and\s+", found.group(1)):
        rows = _rows_of(part, prompt)
        if rows is None:
            return found.group()
        checked.given += 1
        if rows:
            checked.valid += 1
            labels.append(cites.row(rows[0]))
        else:
            checked.removed.append(part.strip())
    return " ".join(dict.fromkeys(labels))


def _rows_of(cited: str, prompt: Prompt) -> list[Row] | None:
    """The row behind `E3` or `00:45`; none where the evidence has no such row; None where this is no citation."""
    number = _NUMBER.search(cited)
    if number is not None:
        row = prompt.row(number.group())
        return [row] if row else []
    clock = _CLOCK.search(cited)
    return _standing_at(_ns(clock), prompt) if clock else None


def _standing_at(at_ns: int, prompt: Prompt) -> list[Row]:
    """The row nearest to a second that a clock names, if one stands there."""
    near = [row for row in prompt.rows if row.start_ns - SLACK_NS <= at_ns <= max(row.start_ns + SLACK_NS, row.end_ns)]
    return [min(near, key=lambda row: (abs(row.start_ns - at_ns), row.source == "state"))] if near else []


def _ns(found: re.Match[str]) -> int:
    return ((int(found["h"] or 0) * 60 + int(found["m"])) * 60 + int(found["s"])) * NS_PER_S


def _note(checked: Checked, prompt: Prompt) -> None:
    if checked.removed:
        removed = ", ".join(dict.fromkeys(part.strip()[:40] for part in checked.removed[:10]))
        checked.notes.append(f"Removed citations that the evidence does not hold: {removed}.")
    outside = _BRACKET.sub(" ", checked.text)
    loose = [c.group() for c in _CLOCK.finditer(outside) if not _standing_at(_ns(c), prompt)]
    if loose:
        checked.notes.append(
            f"The text names times at which no row of the evidence stands: {', '.join(dict.fromkeys(loose[:10]))}."
        )

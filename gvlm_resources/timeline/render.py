"""Rows of a timeline as lines of text, for people and for prompts (pure).

One row is one line, whatever stood on the screen: line breaks, control characters, invisible and direction-changing
characters and the marks of chat templates are written as escapes, and what was read or said stands in quotes. So a text
in a video can neither begin a line of its own nor end a prompt's turn. It can still say anything: a prompt has to tell
its model that these lines are data.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from gvlm_resources.timebase import format_clock
from gvlm_resources.timeline.rows import EVENT, SPEECH, TEXT, TimelineRow

INVISIBLE = frozenset({"Cc", "Cf", "Cn", "Co", "Cs", "Zl", "Zp"})  # general categories, Unicode 4.5
JOINERS = frozenset("\u200c\u200d")  # what Persian words and many emoji are joined with
TEMPLATE_MARK = re.compile(r"<(?=[|/!A-Za-z])")  # <|im_end|>, </s>, <ts>, <!-- -->


@dataclass(frozen=True)
class Rendered:
    """Lines within a budget, the ids of the rows they tell, and how many rows had no room."""

    text: str
    row_ids: tuple[str, ...]
    left_out: int


def render(rows: Sequence[TimelineRow], *, budget: int, measure: Callable[[str], int] = len) -> Rendered:
    """`rows`, the most important first, as lines in the order of time, within `budget` of what `measure` counts.

    `measure` counts characters, or tokens where a tokenizer's count is given. A line has room as a whole or not at
    all; a row whose line has none gives way to later ones that have. Where lines were left out, the last line says how
    many. Raises ValueError where not even that line fits.
    """
    with_video = len({row.video_id for row in rows}) > 1
    lines = {row.row_id: line(row, with_video=with_video) for row in rows}
    if len(lines) < len(rows):
        raise ValueError("a row stands twice among those to render")
    if rows and measure(_left_out(len(rows))) > budget:
        raise ValueError(f"a budget of {budget} holds no line")
    costs = {name: measure(text + "\n") for name, text in lines.items()}
    kept = list(rows)
    if sum(costs.values()) > budget or measure(_text(kept, lines, 0)) > budget:
        kept = _choose(rows, costs, budget - measure(_left_out(len(rows))))
        while measure(_text(kept, lines, len(rows) - len(kept))) > budget:  # a count of tokens need not add up
            kept.pop()
    left_out = len(rows) - len(kept)
    shown = sorted(kept, key=lambda row: row.order)
    return Rendered(_text(kept, lines, left_out), tuple(row.row_id for row in shown), left_out)


def line(row: TimelineRow, *, with_video: bool = False) -> str:
    """`[MM:SS] ...`: an event as its sentence, `"speech"`, `(Text: "...")`; the video's id before it if asked for."""
    clock = f"[{format_clock(row.start_ns)}]"
    told = {
        EVENT: lambda: as_data(row.text),
        SPEECH: lambda: quoted(row.text),
        TEXT: lambda: f"(Text: {quoted(row.text)})",
    }.get(row.source, lambda: f"({as_data(row.text)})")()
    return f"{row.video_id} {clock} {told}" if with_video else f"{clock} {told}"


def quoted(text: str) -> str:
    """`text` as data in double quotes."""
    return '"' + as_data(text).replace('"', '\\"') + '"'


def as_data(text: str) -> str:
    """`text` with everything escaped that is not a visible character or a plain space, and the marks of templates."""
    escaped = "".join(map(_escaped, text.replace("\\", "\\\\")))
    return TEMPLATE_MARK.sub(r"\\u{3c}", escaped)


def _escaped(char: str) -> str:
    if char in JOINERS or unicodedata.category(char) not in INVISIBLE:
        return char
    return {"\n": "\\n", "\r": "\\r", "\t": "\\t"}.get(char, f"\\u{{{ord(char):x}}}")


def _choose(rows: Sequence[TimelineRow], costs: dict[str, int], room: int) -> list[TimelineRow]:
    kept = []
    for row in rows:
        if costs[row.row_id] <= room:
            kept.append(row)
            room -= costs[row.row_id]
    return kept


def _text(rows: Sequence[TimelineRow], lines: dict[str, str], left_out: int) -> str:
    told = [lines[row.row_id] for row in sorted(rows, key=lambda row: row.order)]
    return "\n".join([*told, _left_out(left_out)] if left_out else told)


def _left_out(count: int) -> str:
    return f"({count} {'line' if count == 1 else 'lines'} left out)"

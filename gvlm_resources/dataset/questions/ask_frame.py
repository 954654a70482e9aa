"""Parts of the picture in words (pure)."""

from __future__ import annotations

from gvlm_resources.dataset.facts import Sight, Text
from gvlm_resources.dataset.questions.ask_draft import Phrase

ROWS, COLUMNS = ("top", "", "bottom"), ("left", "", "right")
AT_EDGE = 0.05  # of the width: a text that begins there is at the left, however long it is
CENTRED = 0.1  # of the width: how much less room a text in the middle may leave on one side than on the other


def place(row: Text | Sight) -> Phrase:
    """`at the top left`."""
    name = ninth(row)
    return lambda wording: wording.places[name]


def ninth(row: Text | Sight) -> str:
    """The ninth of the picture in which the middle of its box lies; of a line, where it begins."""
    x0, y0, x1, y1 = row.box
    across = COLUMNS[min(2, int((x0 + x1) / 2 * 3 / row.width))]
    if isinstance(row, Text) and _begins_left(row):
        across = "left"
    down = ROWS[min(2, int((y0 + y1) / 2 * 3 / row.height))]
    return f"{down} {across}".strip() or "middle"


def _begins_left(row: Text) -> bool:
    """Whether a text begins in the left third and does not stand centred in the picture."""
    left, right = row.box[0] / row.width, 1 - row.box[2] / row.width
    return left < AT_EDGE or (left < 1 / 3 and right - left > CENTRED)

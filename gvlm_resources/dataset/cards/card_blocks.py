"""What a dataset card is made of (pure): blocks of plain text and figures.

No block holds markup. `card` writes them as Markdown and `card_html` as a page, and each escapes every text it writes:
nothing that was read off a video or came from a model can become markup.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, field

from gvlm_resources.dataset.cards.audit_finding import AuditFinding

_TURNS_TEXT_ROUND = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200e\u200f\u061c")


@dataclass(frozen=True, slots=True)
class Paragraph:
    text: str


@dataclass(frozen=True, slots=True)
class Items:
    texts: Sequence[str]


@dataclass(frozen=True, slots=True)
class Table:
    """`figures` are the columns that hold numbers."""

    headers: Sequence[str]
    rows: Sequence[Sequence[str]]
    figures: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class Bars:
    """A histogram."""

    caption: str
    labels: Sequence[str]
    counts: Sequence[int]


@dataclass(frozen=True, slots=True)
class Code:
    language: str
    text: str


@dataclass(frozen=True, slots=True)
class Checks:
    findings: Sequence[AuditFinding]


@dataclass(frozen=True, slots=True)
class Sample:
    """One example to look at. `picture` is a JPEG, `reads` what the model is given, `facts` name and value."""

    heading: str
    question: str
    answer: str
    picture: bytes | None
    alt: str
    facts: Sequence[tuple[str, str]]
    reads: str


Block = Paragraph | Items | Table | Bars | Code | Checks | Sample


@dataclass(frozen=True, slots=True)
class Section:
    title: str
    blocks: Sequence[Block]


@dataclass(frozen=True, slots=True)
class FrontMatter:
    """What the head of a card tells Hugging Face's hub."""

    licences: Sequence[str]
    languages: Sequence[str]
    size: str
    files: Sequence[tuple[str, str]] = field(default=())  # split and file name


@dataclass(frozen=True, slots=True)
class Card:
    name: str
    about: str
    head: FrontMatter
    sections: Sequence[Section]


def plain(text: str) -> str:
    """`text` on one line, without characters that cannot be seen or that turn the direction of what follows."""
    kept = "".join(
        " " if unicodedata.category(char) in ("Cc", "Zl", "Zp") else char
        for char in text
        if char not in _TURNS_TEXT_ROUND and unicodedata.category(char) != "Cs"
    )
    return " ".join(kept.split())


def plain_lines(text: str) -> str:
    """Each line of `text` as `plain` has it, with its indent."""
    return "\n".join(" " * (len(line) - len(line.lstrip(" "))) + plain(line) for line in text.split("\n"))

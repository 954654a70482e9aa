"""The dataset card in Markdown, as Hugging Face's hub and GitHub show it.

Every text is escaped: what was read off a video or written by a model is never markup, a link or a tag.
"""

from __future__ import annotations

import base64
import html
import json
import re
from collections.abc import Iterator, Sequence
from typing import Literal

import yaml

from gvlm_resources.dataset.cards import card_content
from gvlm_resources.dataset.cards.audit_finding import AuditFinding
from gvlm_resources.dataset.cards.card_blocks import (
    Bars,
    Block,
    Card,
    Checks,
    Code,
    FrontMatter,
    Items,
    Paragraph,
    Sample,
    Section,
    Table,
    plain,
    plain_lines,
)
from gvlm_resources.dataset.cards.card_samples import Frames
from gvlm_resources.dataset.releases.release_files import Release

Pictures = Literal["inline", "none"]

_BAR_CHARS = 30
_MARKUP = re.compile(r"([\\`*_\[\]#|~$]|(?<=[wW]{3})\.|:(?=//)|^[-+=]|(?<=^\d)[.)])")


def markdown(
    release: Release, findings: Sequence[AuditFinding], frames: Frames, *, pictures: Pictures = "inline"
) -> str:
    """The card. `frames` gives a stored frame's JPEG, None where it is not to be had; the same input, the same text.

    With `pictures` "inline" each example's picture is in the text, at most 15 kB of it; with "none" there are none.
    """
    card = card_content.content(release, findings, frames if pictures == "inline" else _no_frames)
    parts = [_front_matter(card), f"# {text(card.name)}", text(card.about)]
    for section in card.sections:
        parts += _section(section, pictures)
    return "\n\n".join(parts) + "\n"


def text(words: str) -> str:
    """Any text as Markdown that shows exactly its characters, on one line, and links nowhere."""
    return _MARKUP.sub(r"\\\1", html.escape(plain(words), quote=False))


def _no_frames(_video_id: str, _frame_id: str) -> None:
    return None


def _front_matter(card: Card) -> str:
    head: FrontMatter = card.head
    values = {
        "license": head.licences[0] if len(head.licences) == 1 else list(head.licences),
        "language": list(head.languages),
        "pretty_name": card.name,
        "size_categories": [head.size],
        "task_categories": ["visual-question-answering", "video-text-to-text"],
        "tags": ["gameplay", "video", "timeline", "grounded"],
        "configs": [
            {"config_name": "default", "data_files": [{"split": split, "path": path} for split, path in head.files]}
        ],
    }
    return f"---\n{yaml.safe_dump(values, sort_keys=False, allow_unicode=True)}---"


def _section(section: Section, pictures: Pictures) -> Iterator[str]:
    yield f"## {text(section.title)}"
    for block in section.blocks:
        yield from _block(block, pictures)


def _block(block: Block, pictures: Pictures) -> Iterator[str]:
    match block:
        case Paragraph():
            yield text(block.text)
        case Items():
            yield "\n".join(f"- {text(item)}" for item in block.texts)
        case Table():
            yield _table(block)
        case Bars():
            yield f"**{text(block.caption)}**"
            yield _table(_bars(block))
        case Code():
            yield f"```{block.language}\n{block.text}\n```"
        case Checks():
            yield _table(_checks(block))
            yield from _details(block)
        case Sample():
            yield from _sample(block, pictures)


def _table(table: Table) -> str:
    rule = ["---:" if n in table.figures else "---" for n in range(len(table.headers))]
    rows = [[text(cell) for cell in row] for row in (table.headers, *table.rows)]
    lines = [rows[0], rule, *rows[1:]]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def _bars(bars: Bars) -> Table:
    most = max(bars.counts, default=0) or 1
    rows = [
        (label, f"{count:,}", "█" * -(-count * _BAR_CHARS // most))
        for label, count in zip(bars.labels, bars.counts, strict=True)
    ]
    return Table(("", "Count", ""), rows, frozenset({1}))


def _checks(checks: Checks) -> Table:
    rows = [(f.check, "passed" if f.passed else f.severity, f.summary) for f in checks.findings]
    return Table(("Check", "Result", "What was found"), rows)


def _details(checks: Checks) -> Iterator[str]:
    """The figures of what did not pass. No string of JSON breaks a line, so none can end the fence around it."""
    for finding in checks.findings:
        if not finding.passed:
            told = plain_lines(json.dumps(finding.details, ensure_ascii=False, sort_keys=True, indent=1))
            yield f"**{text(finding.check)}**"
            yield f"```json\n{told}\n```"


def _sample(sample: Sample, pictures: Pictures) -> Iterator[str]:
    yield f"### {text(sample.heading)}"
    if sample.picture is not None:
        yield f"![{text(sample.alt)}](data:image/jpeg;base64,{base64.b64encode(sample.picture).decode()})"
    elif pictures == "inline":
        yield f"No picture: {text(sample.alt)}"
    yield f"**Question** {text(sample.question)}"
    yield f"**Answer** {text(sample.answer)}"
    yield "\n".join(f"- {text(name)}: {text(value)}" for name, value in sample.facts)

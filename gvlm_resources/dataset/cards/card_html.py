"""The dataset card as one page that needs nothing else: no request leaves it, and no script is in it.

Every text is escaped, and a policy in the page's head forbids what an escape could miss: only pictures that are in the
page and its own styles are let in.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Sequence
from html import escape
from importlib.resources import files

from gvlm_resources.dataset.cards import card_content
from gvlm_resources.dataset.cards.audit_finding import AuditFinding
from gvlm_resources.dataset.cards.card_blocks import (
    Bars,
    Block,
    Checks,
    Code,
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

POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"

_LABEL_PX, _BAR_PX, _ROW_PX, _COUNT_PX = 120, 300, 18, 70


def html(release: Release, findings: Sequence[AuditFinding], frames: Frames) -> str:
    """The page. `frames` gives a stored frame's JPEG, None where it is not to be had; the same input, the same page."""
    card = card_content.content(release, findings, frames)
    style = files("gvlm_resources").joinpath("dataset/cards/card.css").read_text(encoding="utf-8")
    links = "".join(f'<a href="#s{n}">{_text(s.title)}</a>' for n, s in enumerate(card.sections))
    sections = "".join(_section(number, section) for number, section in enumerate(card.sections))
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta name="referrer" content="no-referrer"><meta name="color-scheme" content="light dark">'
        f"<title>{_text(card.name)}</title><style>\n{style}</style></head>\n<body><main>"
        f"<h1>{_text(card.name)}</h1><p class=about>{_text(card.about)}</p><nav>{links}</nav>{sections}"
        "</main></body></html>\n"
    )


def _text(words: str) -> str:
    return escape(plain(words))


def _section(number: int, section: Section) -> str:
    blocks = "\n".join(_block(block) for block in section.blocks)
    samples = any(isinstance(block, Sample) for block in section.blocks)
    body = f"<div class=samples>{blocks}</div>" if samples else _side_by_side(section) or blocks
    return f'\n<section id="s{number}"><h2>{_text(section.title)}</h2>\n{body}</section>'


def _side_by_side(section: Section) -> str:
    """Histograms stand beside each other where a section is all histograms."""
    if not all(isinstance(block, Bars) for block in section.blocks):
        return ""
    return f"<div class=charts>{''.join(_block(block) for block in section.blocks)}</div>"


def _block(block: Block) -> str:
    match block:
        case Paragraph():
            return f"<p>{_text(block.text)}</p>"
        case Items():
            return f"<ul>{''.join(f'<li>{_text(item)}</li>' for item in block.texts)}</ul>"
        case Table():
            return _table(block)
        case Bars():
            return _bars(block)
        case Code():
            return f"<pre><code>{escape(block.text)}</code></pre>"
        case Checks():
            return "".join(_check(finding) for finding in block.findings)
        case Sample():
            return _sample(block)


def _table(table: Table) -> str:
    head = "".join(f"<th{_figure(table, n)}>{_text(cell)}</th>" for n, cell in enumerate(table.headers))
    rows = "".join(
        f"<tr>{''.join(f'<td{_figure(table, n)}>{_text(cell)}</td>' for n, cell in enumerate(row))}</tr>"
        for row in table.rows
    )
    shown_head = f"<thead><tr>{head}</tr></thead>" if any(table.headers) else ""
    return f"<div class=wide><table>{shown_head}<tbody>{rows}</tbody></table></div>"


def _figure(table: Table, column: int) -> str:
    return " class=figure" if column in table.figures else ""


def _bars(bars: Bars) -> str:
    most = max(bars.counts, default=0) or 1
    width, height = _LABEL_PX + _BAR_PX + _COUNT_PX, _ROW_PX * len(bars.counts)
    rows = "".join(
        _bar(number, label, count, most)
        for number, (label, count) in enumerate(zip(bars.labels, bars.counts, strict=True))
    )
    return (
        f'<figure><figcaption>{_text(bars.caption)}</figcaption><svg viewBox="0 0 {width} {height}" role="img" '
        f'aria-label="{_text(bars.caption)}">{rows}</svg></figure>'
    )


def _bar(number: int, label: str, count: int, most: int) -> str:
    y = number * _ROW_PX
    length = round(count * _BAR_PX / most, 1)
    baseline = y + _ROW_PX - 5
    return (
        f'<text x="{_LABEL_PX - 8}" y="{baseline}" text-anchor="end">{_text(label)}</text>'
        f'<rect x="{_LABEL_PX}" y="{y + 2}" width="{length:g}" height="{_ROW_PX - 4}" rx="2"/>'
        f'<text x="{_LABEL_PX + length + 6:g}" y="{baseline}" class="count">{count:,}</text>'
    )


def _check(finding: AuditFinding) -> str:
    result = "passed" if finding.passed else finding.severity
    details = json.dumps(finding.details, ensure_ascii=False, sort_keys=True, indent=1)
    return (
        f'<details class="check {result}"><summary><b class=result>{result}</b> <b>{_text(finding.check)}</b> '
        f"{_text(finding.summary)}</summary><pre>{escape(plain_lines(details))}</pre></details>"
    )


def _sample(sample: Sample) -> str:
    return f"<article><h3>{_text(sample.heading)}</h3>{''.join(_sample_parts(sample))}</article>"


def _sample_parts(sample: Sample) -> Iterator[str]:
    if sample.picture is None:
        yield f"<p class=none>No picture: {_text(sample.alt)}</p>"
    else:
        data = base64.b64encode(sample.picture).decode()
        yield f'<img alt="{_text(sample.alt)}" src="data:image/jpeg;base64,{data}">'
    yield f"<p class=question>{_text(sample.question)}</p><p class=answer>{_text(sample.answer)}</p>"
    facts = "".join(f"<dt>{_text(name)}</dt><dd>{_text(value)}</dd>" for name, value in sample.facts)
    yield f"<dl>{facts}</dl>"
    yield f"<details><summary>What the model reads</summary><pre>{escape(plain_lines(sample.reads))}</pre></details>"

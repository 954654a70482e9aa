"""The words of an example: text that cannot be taken for tokens, and answers that copy nothing (pure).

Text of a video or of a language model may say anything, and what it says stands in prompts. A `<` that could begin a
token of the format, a media tag of a training tool (`<image>`) or a mark of a chat template is written as an escape,
and so is what cannot be seen. An answer is never changed: one that holds such a thing is refused.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence

from gvlm_resources.dataset.examples.example import TOKEN_BOX
from gvlm_resources.timeline.render import INVISIBLE, JOINERS

LINE_WORDS = 6  # a line of the prompt with as many words or more must not stand in the answer
GRAM_WORDS = 8  # nor as many words of the timeline, one after another
FENCES = ("<evidence>", "</evidence>")  # what reasoning.prompts puts around rows; alone on their lines

_MARK = re.compile(r"[＜﹤]|<(?![\s\d=])")
_WORD = re.compile(r"\w+")
_QUOTE = re.compile(r'"((?:[^"\\]|\\.)*)"|“([^”]*)”|„([^“”]*)[“”]|«([^»]*)»|「([^」]*)」')


def one_line(text: str) -> str:
    """`text` on one line, with nothing in it that could be taken for a token."""
    return _escaped(" ".join(text.split()))


def as_lines(text: str) -> list[str]:
    """The lines of a prompt's part, each as `one_line` but with its spaces; the fences stay."""
    return [line if line in FENCES else _escaped(line) for line in text.strip("\n").split("\n") if line.strip()]


def is_plain(answer: str) -> bool:
    """Whether an answer holds no token but `<box_2d>`, no mark of a template and nothing that cannot be seen."""
    rest = answer.replace(TOKEN_BOX, " ").replace("\n", " ")
    return _escaped(rest) == rest


def _escaped(text: str) -> str:
    seen = text
    if not text.isprintable():  # most is: a hundred times as fast as looking at each character
        seen = "".join(char if _is_visible(char) else f"\\u{{{ord(char):x}}}" for char in text)
    return _MARK.sub(lambda found: f"\\u{{{ord(found[0]):x}}}", seen)


def _is_visible(char: str) -> bool:
    return char in JOINERS or unicodedata.category(char) not in INVISIBLE


def copied(answer: str, *, prompt: Iterable[str], timeline: Sequence[str], quotable: Sequence[str] = ()) -> str:
    """The words of the prompt that the answer repeats; empty where it repeats none.

    `prompt` and `timeline` are lines. A quotation in the answer may repeat what is in one of `quotable`.
    """
    parts = [words(part) for part in _own_words(answer, quotable)]
    told = [f" {' '.join(part)} " for part in parts if len(part) >= LINE_WORDS]
    if not told:
        return ""
    for line in prompt:
        line_words = words(line)
        if len(line_words) >= LINE_WORDS and any(f" {' '.join(line_words)} " in part for part in told):
            return " ".join(line_words)
    grams = {gram for part in parts for gram in _grams(part)}
    return next((gram for line in timeline for gram in _grams(words(line)) if gram in grams), "")


def words(text: str) -> list[str]:
    return _WORD.findall(text.casefold())


def _own_words(answer: str, quotable: Sequence[str]) -> list[str]:
    """The answer in pieces, without its quotations of what may be quoted."""
    sources = [f" {' '.join(words(text))} " for text in quotable]
    pieces, start = [], 0
    for found in _QUOTE.finditer(answer):
        quoted = f" {' '.join(words(found[found.lastindex or 0]))} "
        if any(quoted in source for source in sources):
            pieces.append(answer[start : found.start()])
            start = found.end()
    return [*pieces, answer[start:]]


def _grams(of: list[str]) -> Iterator[str]:
    return (" ".join(of[at : at + GRAM_WORDS]) for at in range(len(of) - GRAM_WORDS + 1))

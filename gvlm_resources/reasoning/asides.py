"""What a question says beside what it asks for (pure): what to leave out, one step on or back, which of two came first.

"Apart from shots" names a kind that is not wanted; "what came next" wants the one thing after a moment and "what came
before that" the one before it; "which came first, A or B" compares two events. Each is looked for in the question
without its times.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from gvlm_resources.reasoning import vocabulary

NEXT, PREVIOUS = 1, -1

_NOT_WANTED = (
    r"(?:(?:apart|aside)\s+from|except(?:\s+for)?|leav(?:e|ing)\s+(?:out|aside)|not\s+(?:counting|including)|ignor(?:e|ing)"
    r"|skip(?:ping)?|excluding|disregard(?:ing)?|other\s+than|besides|without|minus)"
)
_LEFT_OUT = re.compile(
    rf"[\s,;(]*\b{_NOT_WANTED}\s+(?:the\s+|all\s+|any\s+|my\s+)?(?P<what>\w+(?:\s+(?:and|or)\s+\w+)?)"
    r"(?=\s*(?:[,.;?!)]|$)|\s+(?:what|which|in|from|between|at)\b)[\s,;)]*"
    r"|[\s,;(]*\bleaving\s+(?:the\s+)?(?P<aside>\w+)\s+(?:aside|out)\b[\s,;)]*"
    r"|[\s,;(]*\b(?P<excluded>\w+)\s+(?:aside|excluded|don't\s+count|do\s+not\s+count)\b[\s,;)]*",
    re.I,
)
_NEXT = re.compile(
    r"\bwhat\s+(?:came|comes|happen(?:s|ed)|was|is|occurred|had\s+happened)\s+next\b|\bnext\s+(?:thing|event)\b|\bwhat\s+follow(?:s|ed)\b"
    r"|\b(?:right\s+|directly\s+|immediately\s+|just\s+)?after(?:\s+(?:that|this|it)\b|wards?\b)|\band\s+then\s*\?*$|\bwhat\s+next\b",
    re.I,
)
_PREVIOUS = re.compile(
    r"\b(?:last|previous|preceding)\s+(?:thing|event)\b|\bhappened\s+last\b|\b(?:came|happened|was)\s+(?:just\s+|right\s+|directly\s+)?"
    r"(?:before\s+(?:that|this|it)\b|beforehand\b)|\bwhat\s+preceded\b",
    re.I,
)
_WHICH_FIRST = re.compile(
    r"\b(?:which|what)\b[^:,?]*?\b(?:came|comes|happen(?:ed|s)|occurred|was|is|took\s+place)\b[^:,?]*?\b(?P<word>first|earlier|earliest|sooner"
    r"|later|last|latest)(?:\s+(?:in|of)\s+the\s+\w+)?(?:\s*[:,]\s*|\s+(?=(?:the|my|his|her|their|a|an)\b))(?P<two>\S.*\bor\b.+?)\s*\?*$",
    re.I,
)


@dataclass(frozen=True, slots=True)
class TwoParts:
    """Two events of which one is asked for, in the words of the question."""

    one: str
    other: str
    wants_later: bool


def take_left_out(text: str) -> tuple[str, tuple[str, ...]]:
    """`text` without "apart from shots" and the like, and the kinds that are not wanted."""
    kinds: list[str] = []

    def take(found: re.Match[str]) -> str:
        what = found["what"] or found["aside"] or found["excluded"]
        named = vocabulary.find_kinds(what)
        if not named or what.lower().endswith("ing"):  # "without dying" tells how
            return found.group()
        kinds.extend(kind.kind for kind in named)
        return ", " if found.start() else ""

    rest = _LEFT_OUT.sub(take, text)
    return (rest.strip(" ,") if kinds else text), tuple(dict.fromkeys(kinds))


def step_of(text: str) -> int:
    """`NEXT`, `PREVIOUS` or 0: whether the last sentence that names no kind wants what came after or before."""
    asking = [part for part in re.split(r"[.!?;]\s+", text) if part.strip(" .?!")]
    for part in reversed(asking):
        if vocabulary.find_kinds(part):
            continue
        if _NEXT.search(part):
            return NEXT
        if _PREVIOUS.search(part):
            return PREVIOUS
    return 0


def two_parts(text: str) -> TwoParts | None:
    """The two events of "which came first: A or B"; None where `text` compares none."""
    found = _WHICH_FIRST.search(text)
    if found is None:
        return None
    both = found["two"].rpartition(":")[2] if ":" in found["two"] else found["two"]
    for middle in reversed(list(re.finditer(r"\s*,?\s+or\s+", both))):  # "the shotgun or rifle, or my death"
        one, other = both[: middle.start()], both[middle.end() :]
        if vocabulary.find_kinds(one) and vocabulary.find_kinds(other):
            return TwoParts(one, other, found["word"].lower() in ("later", "last", "latest"))
    return None

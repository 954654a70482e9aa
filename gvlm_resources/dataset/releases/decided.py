"""What people decided about pairs, put into examples.

A fixed pair gives its new words to every example that was made of it: the last line of what is asked, and the answer.
The claims of the old words go; who made it, and the length of the answer, say what stands there now. Where the new
answer would copy what is asked, the example is left out, as it is where examples are made; another one of the same
pair, which shows no timeline, may stay.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gvlm_resources.dataset.examples import validate
from gvlm_resources.dataset.examples.curriculum_text import copied, is_plain
from gvlm_resources.dataset.examples.example import HUMAN
from gvlm_resources.dataset.examples.shards import count_tokens
from gvlm_resources.dataset.pairs import SAID_OR_SHOWN
from gvlm_resources.dataset.releases.release_spec import Decision
from gvlm_resources.errors import ReleaseError

FIXED = ", fixed by a reviewer"  # stands behind who made a pair first
CHANGED = ("question", "answer", "length", "made_by", "tokens", "bytes", "digest")  # columns of a fixed example
PHRASE_WORDS = 6
MADE_BY_CHARS = 200  # that the format allows
_SENTENCE_END = re.compile(r"[.!?。！？]+(?=\s|$)")
_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"')


@dataclass(frozen=True)
class Fixed:
    """A line with a reviewer's words, and what changes in its row.

    `copies` has the words of what is asked that the new answer repeats: empty where it repeats none.
    """

    line: bytes
    changes: dict[str, Any]
    copies: str = ""


def fixed(line: bytes, row: Mapping[str, Any], decision: Decision) -> Fixed:
    """The line with the words of the decision.

    The digest of a fixed line is one of the line before and the new words. Raises ReleaseError, naming the pair, where
    the new words cannot stand in an example.
    """
    value = json.loads(line)
    question = " ".join(decision.question.split())
    answer = decision.answer.strip()
    turns = value["conversations"]
    asked = next(turn for turn in reversed(turns) if turn["from"] == HUMAN)
    before, _, last = asked["value"].rpartition("\n")
    if last != row["question"] or turns[-1]["value"] != row["answer"]:
        raise _error(decision, f"question and answer of {row['example_id']} are not where they should be")
    if not is_plain(question) or not is_plain(answer):
        raise _error(decision, "its words hold what would be taken for a token, or cannot be seen")
    asked["value"] = f"{before}\n{question}" if before else question
    turns[-1]["value"] = answer
    value["provenance"].pop("claims", None)
    told = {"length": length(answer), "made_by": made_by(value["provenance"]["made_by"])}
    value["provenance"] |= told
    wrong = validate.errors(value)
    if wrong:
        raise _error(decision, wrong[0])
    text = json.dumps(value, separators=(",", ":"), ensure_ascii=False, allow_nan=False) + "\n"
    words = "\0".join((row["digest"], question, answer))
    changes = {
        "question": question,
        "answer": answer,
        **told,
        "tokens": count_tokens("\n".join(turn["value"] for turn in turns)),
        "bytes": len(text.encode()),
        "digest": hashlib.sha256(words.encode()).hexdigest(),
    }
    return Fixed(text.encode(), changes, _copied(answer, question, before.split("\n"), row["kind"]))


def made_by(first: str) -> str:
    """Who made a fixed pair: it still begins with who made it first."""
    return f"{first[: MADE_BY_CHARS - len(FIXED)]}{FIXED}"


def length(answer: str) -> str:
    """Of an answer in a reviewer's words, as of an imported one: several sentences, one, or a phrase of a few words."""
    if len(_SENTENCE_END.findall(answer)) > 1:
        return "long"
    return "short" if len(answer.split()) <= PHRASE_WORDS else "medium"


def _copied(answer: str, question: str, timeline: Sequence[str], kind: str) -> str:
    """What the answer repeats. If the question is what is said or shown, it may quote what the timeline quotes."""
    quotable = [quoted for line in timeline for quoted in _QUOTED.findall(line)] if kind == SAID_OR_SHOWN else []
    return copied(answer, prompt=[*timeline, question], timeline=timeline, quotable=quotable)


def _error(decision: Decision, what: str) -> ReleaseError:
    return ReleaseError(
        f"the fixed pair {decision.pair_id} cannot be used: {what}",
        remedy="review the pair again, then create the release anew",
    )

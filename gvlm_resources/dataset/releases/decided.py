"""What people decided about pairs, put into examples.

A fixed pair gives its new words to every example that was made of it: the last line of what is asked, and the answer.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from gvlm_resources.dataset.examples import validate
from gvlm_resources.dataset.examples.curriculum_text import is_plain
from gvlm_resources.dataset.examples.example import HUMAN
from gvlm_resources.dataset.examples.shards import count_tokens
from gvlm_resources.dataset.releases.release_spec import Decision
from gvlm_resources.errors import ReleaseError


def fixed(line: bytes, row: Mapping[str, Any], decision: Decision) -> tuple[bytes, dict[str, Any]]:
    """The line with the words of the decision, and what changes in its row.

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
    wrong = validate.errors(value)
    if wrong:
        raise _error(decision, wrong[0])
    text = json.dumps(value, separators=(",", ":"), ensure_ascii=False, allow_nan=False) + "\n"
    words = "\0".join((row["digest"], question, answer))
    return text.encode(), {
        "question": question,
        "answer": answer,
        "tokens": count_tokens("\n".join(turn["value"] for turn in turns)),
        "bytes": len(text.encode()),
        "digest": hashlib.sha256(words.encode()).hexdigest(),
    }


def _error(decision: Decision, what: str) -> ReleaseError:
    return ReleaseError(
        f"the fixed pair {decision.pair_id} cannot be used: {what}",
        remedy="review the pair again, then create the release anew",
    )

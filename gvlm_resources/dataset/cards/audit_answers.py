"""Whether a model could do well by always giving one answer (pure): to a kind of question, to counts, to thirds."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

import polars as pl

from gvlm_resources.dataset import pairs
from gvlm_resources.dataset.cards.audit_finding import share
from gvlm_resources.dataset.grounding.grounding_words import NONE, NUMBERS, ONE
from gvlm_resources.dataset.releases.release_spec import SPLITS

MOST_OF_A_KIND = 0.4  # of the answers to a kind of question that are the same one
FEWEST_OF_A_KIND = 20
MOST_NEGATIVE = 0.8  # of the examples with an empty timeline whose answer is that something was not
COUNTS, THIRDS = "how_many, by the count", "where, by the third"

_COUNT = re.compile(r"\d+|[^\W\d_]+")
_CLOCK = re.compile(r"\d{1,3}(?::\d\d){1,2}")
_THIRD = re.compile(
    r"\b(?:(?P<first>first|erste\w*|primer\w*|premier\w*)|(?P<second>second|zweite\w*|segundo|deuxième|second)"
    r"|(?P<last>last|letzte\w*|últim\w+|dernier\w*|third|dritte\w*|tercer\w*|troisième)) "
    r"(?:third|drittel|tercio|tiers)\b"
)


def one_sided(index: pl.DataFrame) -> list[dict[str, Any]]:
    """The answers that are right for more than their share of a kind in a split, with the share and of how many.

    Figures are not masked. That a question cannot be answered is told in few words, and is not looked at here.
    """
    found = []
    for split in SPLITS:
        rows = index.filter(pl.col("split") == split).select("kind", "language", "answer").rows()
        for what, counts in sorted(_counts(rows).items()):
            total = counts.total()
            answer, most = max(counts.items(), key=lambda item: (item[1], item[0]))
            if total >= FEWEST_OF_A_KIND and most > MOST_OF_A_KIND * total:
                found.append(
                    {"split": split, "of": what, "answer": answer, "share": share(most, total), "examples": total}
                )
    return found


def _counts(rows: list[tuple[str, str, str]]) -> dict[str, Counter[str]]:
    counts: dict[str, Counter[str]] = {}
    for kind, language, answer in rows:
        said = answer.casefold()
        if kind != pairs.UNANSWERABLE:
            words = " ".join(re.findall(r"\w+", said))
            counts.setdefault(kind, Counter())[words] += 1
        if kind == pairs.HOW_MANY and (number := _number(said, language)):
            counts.setdefault(COUNTS, Counter())[number] += 1
        if kind == pairs.WHERE and (third := _THIRD.search(said)):
            counts.setdefault(THIRDS, Counter())[f"the {third.lastgroup} third"] += 1
    return counts


def _number(said: str, language: str) -> str:
    """The first number of an answer, 0 where it says that there was none; empty where it tells neither."""
    for word in _COUNT.findall(_CLOCK.sub(" ", said)):
        if word.isdecimal():
            return str(int(word))
        if word in NONE.get(language, ()):
            return "0"
        if word in NUMBERS.get(language, {}):
            return str(NUMBERS[language][word])
        if word in ONE.get(language, ()):
            return "1"
    return ""


def complaints(one_sided: list[dict[str, Any]], empty: Mapping[str, Mapping[str, int]]) -> Iterator[str]:
    """In words, with the splits whose examples with an empty timeline are nearly all negative."""
    for told in one_sided:
        yield f"“{told['answer'][:60]}” is right for {told['share']:.0%} of {told['split']}'s {told['of']}"
    for split, counts in empty.items():
        if counts["examples"] >= FEWEST_OF_A_KIND and counts["negative"] > MOST_NEGATIVE * counts["examples"]:
            part = share(counts["negative"], counts["examples"])
            yield f"{part:.0%} of the answers before an empty timeline in {split} are negative"

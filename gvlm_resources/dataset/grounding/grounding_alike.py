"""Which pairs say the same as one before them, and which are more than were asked for (pure).

The same shape of question about other moments, numbers or names is another question: only pairs whose clocks, numbers
and names agree are compared at all.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass

from rapidfuzz import fuzz

from gvlm_resources.dataset.claims import letters
from gvlm_resources.dataset.pairs import Pair
from gvlm_resources.settings import Quotas
from gvlm_resources.timebase import NS_PER_S

MOST_ALIKE = 90.0  # of 100, question and answer together, words in alphabetical order
SAME_SPAN = 0.5  # of the two spans together, what they share
QUOTA_NS = 600 * NS_PER_S


@dataclass(frozen=True, slots=True)
class _Seen:
    pair: Pair
    question: str
    both: str


def same_as_before(pairs: Sequence[Pair], states: Callable[[str, str], Hashable]) -> dict[int, str]:
    """By index the pairs that say what one before them says, and what they are like.

    `states(text, language)` is what a text states in figures and names: texts that state different things are never
    alike, however few letters differ.
    """
    asked: dict[Hashable, list[_Seen]] = defaultdict(list)
    found: dict[int, str] = {}
    for index, pair in enumerate(pairs):
        seen = _Seen(pair, letters(pair.question), _sorted(f"{pair.question} {pair.answer}"))
        group = asked[pair.kind, pair.language, states(pair.question, pair.language)]
        answer = states(pair.answer, pair.language)
        like = next((one for one in group if _is_like(one, seen, answer, states)), None)
        if like is None:
            group.append(seen)
        else:
            found[index] = f"it says what {like.pair.pair_id} says: {like.pair.question!r} {like.pair.answer!r}"
    return found


def _is_like(one: _Seen, other: _Seen, answer: Hashable, states: Callable[[str, str], Hashable]) -> bool:
    if not one.pair.span.overlaps(other.pair.span):
        return False
    if _shared(one.pair, other.pair) >= SAME_SPAN and one.question == other.question:
        return True  # one question has one answer
    if fuzz.ratio(one.both, other.both, score_cutoff=MOST_ALIKE) < MOST_ALIKE:
        return False
    return states(one.pair.answer, one.pair.language) == answer


def _sorted(text: str) -> str:
    """Words in alphabetical order, without case and marks: what `token_sort_ratio` compares, made once."""
    plain = "".join(char if char.isalnum() else " " for char in text.casefold())
    return " ".join(sorted(plain.split()))


def _shared(one: Pair, other: Pair) -> float:
    shared = min(one.end_ns, other.end_ns) - max(one.start_ns, other.start_ns)
    return shared / (max(one.end_ns, other.end_ns) - min(one.start_ns, other.start_ns))


def over_quota(pairs: Sequence[Pair], quotas: Quotas, duration_ns: int) -> dict[int, str]:
    """By index the pairs beyond the quota of their kind and language, which grows with each started ten minutes."""
    parts = max(1, math.ceil(duration_ns / QUOTA_NS))
    taken: Counter[tuple[str, str]] = Counter()
    found = {}
    for index, pair in enumerate(pairs):
        most = getattr(quotas, pair.kind) * parts
        taken[pair.kind, pair.language] += 1
        if taken[pair.kind, pair.language] > most:
            found[index] = f"there are {most} pairs of kind {pair.kind} in {pair.language!r} before it"
    return found

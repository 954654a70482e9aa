"""What the lines of a release hold that its index does not say (pure): vectors by table, boxes, timelines.

Counted while the checks read every line; the card shows it.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from gvlm_resources.dataset import pairs
from gvlm_resources.dataset.examples.curriculum_text import FENCES
from gvlm_resources.dataset.examples.example import HUMAN, Example
from gvlm_resources.dataset.examples.examples import answer_of, is_in_words
from gvlm_resources.dataset.grounding.grounding_words import CANNOT_TELL, NONE

SHOWN, EMPTY, WITHHELD, WITHOUT = "shown", "shown_empty", "withheld", "without"
TIMELINES = (SHOWN, EMPTY, WITHHELD, WITHOUT)
_WORD = re.compile(r"\w+")
_ZERO = frozenset({"0", "zero", "null", "cero", "zéro"})


@dataclass
class LineFacts:
    """Counts of the examples added so far."""

    tokens: Counter[str] = field(default_factory=Counter)
    boxes: int = 0
    distinct_boxes: set[tuple[Any, ...]] = field(default_factory=set)
    timelines: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    answer_in_it: Counter[str] = field(default_factory=Counter)
    with_evidence: int = 0
    empty: Counter[str] = field(default_factory=Counter)
    empty_negative: Counter[str] = field(default_factory=Counter)

    def add(self, example: Example, split: str) -> None:
        told = example.provenance
        self.tokens.update(one.table for one in example.embeddings)
        self.boxes += len(example.boxes)
        placed = zip(example.box_frames, example.boxes, strict=False)
        self.distinct_boxes.update((example.video, frame, *box) for frame, box in placed)
        self.with_evidence += bool(example.evidence)
        timeline = timeline_of(example)
        self.timelines[told["curriculum"]][timeline] += 1
        if timeline == SHOWN and is_in_words(example):
            self.answer_in_it[told["curriculum"]] += 1
        if timeline == EMPTY:
            self.empty[split] += 1
            self.empty_negative[split] += is_negative(told["kind"], told["language"], answer_of(example))

    def as_json(self) -> dict[str, Any]:
        """For a finding's details."""
        return {
            "tokens": dict(sorted(self.tokens.items())),
            "boxes": self.boxes,
            "distinct_boxes": len(self.distinct_boxes),
            "with_evidence": self.with_evidence,
            "timelines": {
                curriculum: {name: counts[name] for name in TIMELINES} | {"answer_in_it": self.answer_in_it[curriculum]}
                for curriculum, counts in sorted(self.timelines.items())
            },
            "empty_timelines": {
                split: {"examples": count, "negative": self.empty_negative[split]}
                for split, count in sorted(self.empty.items())
            },
        }


def timeline_of(example: Example) -> str:
    """One of `TIMELINES`: whether what is asked shows rows of the timeline, an empty one, or none at all."""
    told = example.provenance.get("timeline")
    if told != SHOWN:
        return WITHHELD if told else WITHOUT
    lines = next(turn.value for turn in reversed(example.conversations) if turn.speaker == HUMAN).split("\n")
    if FENCES[0] not in lines or FENCES[1] not in lines:
        return EMPTY
    return SHOWN if lines.index(FENCES[1]) - lines.index(FENCES[0]) > 1 else EMPTY


def is_negative(kind: str, language: str, answer: str) -> bool:
    """Whether an answer says that something was not, was nought, or cannot be told."""
    said = answer.casefold()
    patterns: Mapping[str, tuple[str, ...]] = CANNOT_TELL
    return (
        kind == pairs.UNANSWERABLE
        or not NONE.get(language, frozenset()).union(_ZERO).isdisjoint(_WORD.findall(said))
        or any(re.search(pattern, said) for pattern in patterns.get(language, ()))
    )

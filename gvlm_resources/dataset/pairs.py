"""One question with its answer, and what it rests on (pure).

A pair says in words what its claims say in figures: "The player died twice" is a claim that the timeline holds two
events of kind `death` in the pair's span. A claim can be held against the timeline it was drawn from, and against any
other log of the same play, such as the engine's.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

import pyarrow as pa

from gvlm_resources import schemas
from gvlm_resources.lake.fingerprint import canonical_json
from gvlm_resources.timebase import Span

WHAT, WHEN, WHERE, HOW_MANY, BEFORE_AFTER = "what", "when", "where", "how_many", "before_after"
STATE, WHY, SUMMARY, SAID_OR_SHOWN, UNANSWERABLE = "state", "why", "summary", "said_or_shown", "unanswerable"
KINDS = (WHAT, WHEN, WHERE, HOW_MANY, BEFORE_AFTER, STATE, WHY, SUMMARY, SAID_OR_SHOWN, UNANSWERABLE)
LENGTHS = ("short", "medium", "long")  # of the answer: a phrase, a sentence, several

ClaimKind = Literal["count", "sum", "moment", "value", "lowest", "highest", "order", "shown", "said", "unknown"]


@dataclass(frozen=True, slots=True)
class Claim:
    """One statement that can be checked by looking it up.

    what      what it states
    count     events of `kind` (and `subject`, where not empty) that start in the span number `value`; 0 is "none"
    sum       their amounts, without sign, add up to `value`
    moment    such an event starts in the span, which is as wide as the words are precise: "at 00:12" is the second 12
    value     the variable `subject` is `value` all through the span
    lowest    the least value of the variable `subject` in the span is `value`
    highest   the greatest
    order     the event of `kind` and `subject` in the span comes before that of `other_kind` and `other_subject` in the
              other span
    shown     the text `subject` stands on the screen at some time in the span
    said      the words `subject` are said in the span
    unknown   nothing recorded tells `subject`: the right answer is that it cannot be told
    """

    what: ClaimKind
    start_ns: int
    end_ns: int
    kind: str = ""
    subject: str = ""
    value: float | None = None
    other_kind: str = ""
    other_subject: str = ""
    other_start_ns: int = 0
    other_end_ns: int = 0

    def __post_init__(self) -> None:
        if not 0 <= self.start_ns < self.end_ns:
            raise ValueError(f"a claim is about a span, got [{self.start_ns}, {self.end_ns}) ns")
        if self.what in ("count", "sum", "value", "lowest", "highest") and self.value is None:
            raise ValueError(f"a claim of {self.what} has a value")

    @property
    def span(self) -> Span:
        return Span(self.start_ns, self.end_ns)

    @property
    def other_span(self) -> Span:
        return Span(self.other_start_ns, self.other_end_ns)


@dataclass(frozen=True, slots=True)
class Box:
    """Where something is: `[x0, y0, x1, y1]` in pixels of the stored frame of `width` x `height`."""

    frame_id: str
    box: tuple[float, float, float, float]
    width: int
    height: int
    label: str

    def __post_init__(self) -> None:
        x0, y0, x1, y1 = self.box
        if not (0 <= x0 < x1 <= self.width and 0 <= y0 < y1 <= self.height):
            raise ValueError(f"the box {self.box} does not lie in a frame of {self.width} x {self.height}")


@dataclass(frozen=True, slots=True)
class Pair:
    """One question and its answer about a span of one video.

    `evidence` are ids of rows of this video's tables, in the order in which the answer uses them: for `why`, the chain.
    `frames` are the sampled frames that show it. An answer that points at places holds one `<box_2d>` for each of
    `boxes`, in their order. `made_by` is `templates@VERSION`, `model@server` or `import@FILE`. `status` and `reason`
    are as in `schemas`; `detail` says what the check found, for a person.
    """

    video_id: str
    kind: str
    question: str
    answer: str
    start_ns: int
    end_ns: int
    evidence: tuple[str, ...]
    made_by: str
    language: str = "en"
    length: str = "medium"
    frames: tuple[str, ...] = ()
    boxes: tuple[Box, ...] = ()
    claims: tuple[Claim, ...] = ()
    confidence: float = 1.0
    status: str = schemas.STATUS_OK
    reason: str = ""
    detail: str = ""

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"there is no kind of question {self.kind!r}; there are {', '.join(KINDS)}")
        if self.length not in LENGTHS:
            raise ValueError(f"an answer is {', '.join(LENGTHS)}, not {self.length!r}")
        if not self.question.strip() or not self.answer.strip():
            raise ValueError("a pair has a question and an answer")

    @property
    def pair_id(self) -> str:
        """`q` and 16 hex digits of what it says of which video: the same words are the same pair, however rebuilt."""
        words = canonical_json([self.video_id, self.kind, self.language, self.question, self.answer])
        return f"q{hashlib.sha256(words.encode()).hexdigest()[:16]}"

    @property
    def span(self) -> Span:
        return Span(self.start_ns, self.end_ns)

    def dropped(self, reason: str, detail: str = "") -> Pair:
        """This pair as one that is not used, and why. `reason` is a word of `grounding.REASONS`."""
        return replace(self, status=schemas.STATUS_FILTERED, reason=reason, detail=detail)


def table(pairs: Iterable[Pair]) -> pa.Table:
    """`schemas.QA_PAIRS`, in the order given."""
    return pa.Table.from_pylist([_row(pair) for pair in pairs], schema=schemas.QA_PAIRS)


def _row(pair: Pair) -> dict[str, Any]:
    row = {name: getattr(pair, name) for name in schemas.QA_PAIRS.names if name not in ("boxes", "claims")}
    row["boxes"] = [asdict(box) for box in pair.boxes]
    row["claims"] = canonical_json([asdict(claim) for claim in pair.claims])
    return row


def pairs_of(rows: pa.Table) -> list[Pair]:
    """The pairs of a table that `table` made."""
    return [_pair(row) for row in rows.to_pylist()]


def _pair(row: Mapping[str, Any]) -> Pair:
    names = {name: row[name] for name in Pair.__dataclass_fields__ if name not in ("boxes", "claims")}
    names["evidence"], names["frames"] = tuple(row["evidence"]), tuple(row["frames"])
    boxes = tuple(Box(**{**box, "box": tuple(box["box"])}) for box in row["boxes"])
    return Pair(**names, boxes=boxes, claims=claims_of(row["claims"]))


def claims_of(text: str) -> tuple[Claim, ...]:
    return tuple(Claim(**claim) for claim in json.loads(text))


def in_order(pairs: Sequence[Pair]) -> list[Pair]:
    """By start, kind and id: the one order of a table of pairs, with each id once.

    Of one id the first that is kept, or else the first: a writer may say the same twice, and only once where it fits.
    """
    once: dict[str, Pair] = {}
    for pair in pairs:
        known = once.setdefault(pair.pair_id, pair)
        if known.status != schemas.STATUS_OK and pair.status == schemas.STATUS_OK:
            once[pair.pair_id] = pair
    return sorted(once.values(), key=lambda p: (p.start_ns, p.kind, p.pair_id))

"""Finding rows of timelines: by meaning, by words, by both, and exact listings (pure).

How a table answers is its own business (`store.TimelineStore`; a list in memory serves as well). Here lies what is
asked of it, how two rankings become one, and in which order rows come back: equal scores are ordered by time, then by
id, so that a question asked twice has one answer.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, fields
from typing import Literal, Protocol, get_args

import numpy as np
from numpy.typing import NDArray

from gvlm_resources.errors import LakeError
from gvlm_resources.lake.layout import checked_key
from gvlm_resources.timebase import Span
from gvlm_resources.timeline.embedding import Runtime, TextEncoder
from gvlm_resources.timeline.rows import SOURCES, TEXT, TimelineRow

NAME_PATTERN = re.compile(r"[a-z][a-z0-9_]*")
RRF_K = 60  # Cormack, Clarke, Büttcher: Reciprocal Rank Fusion, SIGIR 2009
DEPTH_FACTOR = 2  # each ranking gives this many times the rows asked for to the fusion

# Words of questions that say nothing of what is asked for: looking them up took half the time of a search by words.
STOP_WORDS = frozenset(
    re.findall(
        r"\w+",
        """a about after all am an and any are as at be because been before but by can could did do does during for from
        had has have he her him his how i if in into is it its just me my of on or our she should so than that the
        their them then there these they this those through to until was we were what when where which while who whom
        whose why will with would you your""",
    )
)

By = Literal["meaning", "words", "both"]


@dataclass(frozen=True)
class Scope:
    """Where to look; what is empty does not narrow. A row that overlaps `span` lies in it.

    `kinds` are kinds of events or names of sources ("death", "speech"): a row fits with its kind or its source.
    """

    video_id: str | None = None
    span: Span | None = None
    kinds: frozenset[str] = frozenset()
    sources: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        """Raises LakeError for an id, ValueError for a kind or source that cannot be one: all three reach a filter."""
        if self.video_id is not None:
            checked_key(self.video_id)
        for name in (*self.kinds, *self.sources):
            if not NAME_PATTERN.fullmatch(name):
                raise ValueError(f"{name!r} is no kind or source")

    @property
    def narrows(self) -> bool:
        """Whether there are rows that cannot lie in it."""
        return bool(self.video_id or self.span or self.kinds or self.sources)


@dataclass(frozen=True, slots=True)
class Scored:
    """Which row, and how well it fits: the cosine with the query, or the BM25 score of its words. Higher is better."""

    row_id: str
    start_ns: int
    score: float
    address: int | None = None  # where the table found it, if that helps it to find it again


class SearchableTimeline(Protocol):
    """A table of timeline rows. Which of equal scores come first is left open.

    Rankings carry ids: reading whole rows costs more than finding them, and most of a ranking is never shown.
    """

    def nearest(self, vector: NDArray[np.float32], scope: Scope, limit: int) -> list[Scored]:
        """The `limit` rows of the highest cosine with `vector`, best first. Within one video it is exact."""

    def matching(self, words: str, scope: Scope, limit: int) -> list[Scored]:
        """The `limit` rows of the highest BM25 score for any of the words, best first. Words are never syntax."""

    def whole(self, found: Sequence[Scored]) -> list[TimelineRow]:
        """The rows that were found, in any order, without those that are no longer there."""

    def rows(self, scope: Scope) -> list[TimelineRow]:
        """Every row of the scope, in any order."""

    def count(self, scope: Scope) -> int: ...

    def stranger(self, video_id: str | None, known: Collection[str]) -> str | None:
        """Name of an encoder, beside those `known`, that made a vector of the video, or (None) of any video."""


@dataclass(frozen=True)
class Hit(TimelineRow):
    """A row that was found, and why. Ranks begin with 1 and are None where that way did not find it."""

    score: float
    cosine: float | None
    bm25: float | None
    rank_by_meaning: int | None
    rank_by_words: int | None

    @property
    def why(self) -> str:
        """For people: `by meaning (rank 1, cosine 0.71) and by words (rank 3, BM25 4.2)`."""
        reasons = []
        if self.cosine is not None:
            reasons.append(f"by meaning (rank {self.rank_by_meaning}, cosine {self.cosine:.2f})")
        if self.bm25 is not None:
            reasons.append(f"by words (rank {self.rank_by_words}, BM25 {self.bm25:.1f})")
        return " and ".join(reasons)


def search(
    table: SearchableTimeline,
    encoder: TextEncoder,
    question: str,
    scope: Scope | None = None,
    *,
    limit: int = 10,
    by: By = "both",
) -> list[Hit]:
    """The `limit` rows that fit the question best, best first; none for a question without a visible character.

    Raises LakeError where vectors in that video or library are of another model than the question's.
    """
    scope = scope or Scope()
    if limit < 1:
        raise ValueError(f"a search gives one row or more, asked for {limit}")
    if not question.strip():
        return []
    depth = DEPTH_FACTOR * limit if by == "both" else limit
    follow_ties = scope.video_id is not None
    by_meaning: list[Scored] = []
    by_words: list[Scored] = []
    if by != "words":
        _assert_comparable(table, encoder, scope.video_id)
        vector = encoder.encode([question])[0]
        by_meaning = _ranking(lambda n: table.nearest(vector, scope, n), depth, follow_ties=follow_ties)
    if by != "meaning":
        words = search_words(question)
        by_words = _ranking(lambda n: table.matching(words, scope, n), depth, follow_ties=follow_ties)
    return _hits(table, by_meaning, by_words, limit)


def events_of(
    table: SearchableTimeline, video_id: str, *, kind: str | None = None, span: Span | None = None
) -> list[TimelineRow]:
    """Every event of the video, of that kind, overlapping that span, in the order of time: what a "when" rests on.

    Utterances and scene changes are events too; a text that only stood on the screen is none.
    """
    return listing(table, _events(video_id, kind, span))


def count_events(table: SearchableTimeline, video_id: str, *, kind: str | None = None, span: Span | None = None) -> int:
    """How many `events_of` would give."""
    return table.count(_events(video_id, kind, span))


def listing(table: SearchableTimeline, scope: Scope) -> list[TimelineRow]:
    """Every row of the scope, by video, start and id. Exact, never a top-k."""
    return sorted(table.rows(scope), key=lambda row: row.order)


def search_words(question: str) -> str:
    """The question's distinct words without `STOP_WORDS`; with them where it has no other ("it is you")."""
    words = list(dict.fromkeys(question.casefold().split()))
    telling = [word for word in words if "".join(filter(str.isalnum, word)) not in STOP_WORDS]
    return " ".join(telling or words)


def reciprocal_rank_fusion(rankings: Iterable[Sequence[str]], *, k: int = RRF_K) -> dict[str, float]:
    """Score of each id: the sum of 1 / (k + rank) over the rankings that hold it, ranks from 1.

    Cormack, Clarke, Büttcher 2009. Needs no comparable scores, which cosine and BM25 are not.
    """
    scores: dict[str, float] = {}
    for ranking in rankings:
        if len(set(ranking)) < len(ranking):
            raise ValueError("a ranking holds an id twice")
        for rank, name in enumerate(ranking, start=1):
            scores[name] = scores.get(name, 0.0) + 1 / (k + rank)
    return scores


def _events(video_id: str, kind: str | None, span: Span | None) -> Scope:
    return Scope(video_id, span, frozenset({kind} if kind else ()), frozenset(SOURCES) - {TEXT})


def _ranking(find: Callable[[int], list[Scored]], depth: int, *, follow_ties: bool) -> list[Scored]:
    """The best `depth` rows, ties by time.

    Where the last row ties with the next, all that tie have to be seen before time can decide: more is asked for until
    the tie ends. Across a library one sentence may stand a hundred thousand times; there ties are not followed, and
    which of them are among the best is the table's choice.
    """
    asked = 4 * depth + 1 if follow_ties else depth
    found = find(asked)
    while follow_ties and len(found) == asked and found[depth - 1].score == found[-1].score:
        asked *= 4
        found = find(asked)
    return sorted(found, key=lambda scored: (-scored.score, scored.start_ns, scored.row_id))[:depth]


def _hits(table: SearchableTimeline, by_meaning: Sequence[Scored], by_words: Sequence[Scored], limit: int) -> list[Hit]:
    """The best `limit` rows of both rankings, as they stand in the table now."""
    ranks = [{scored.row_id: rank for rank, scored in enumerate(found, 1)} for found in (by_meaning, by_words)]
    scores = [{scored.row_id: scored.score for scored in found} for found in (by_meaning, by_words)]
    found = {scored.row_id: scored for scored in (*by_meaning, *by_words)}
    fused = reciprocal_rank_fusion([list(ranking) for ranking in ranks])
    best = sorted(fused, key=lambda name: (-fused[name], found[name].start_ns, name))[:limit]
    rows = {row.row_id: row for row in table.whole([found[name] for name in best])}
    return [
        Hit(
            **{field.name: getattr(rows[name], field.name) for field in fields(TimelineRow)},
            score=fused[name],
            cosine=scores[0].get(name),
            bm25=scores[1].get(name),
            rank_by_meaning=ranks[0].get(name),
            rank_by_words=ranks[1].get(name),
        )
        for name in best
        if name in rows
    ]


def _assert_comparable(table: SearchableTimeline, encoder: TextEncoder, video_id: str | None) -> None:
    """Vectors of two models cannot be compared, those of two runtimes of one model can."""
    model = encoder.name.rpartition("+")[0]
    stranger = table.stranger(video_id, {encoder.name, *(f"{model}+{runtime}" for runtime in get_args(Runtime))})
    if stranger is not None:
        raise LakeError(
            f"the timeline of {video_id or 'a video'} was encoded by {stranger}, the question by {encoder.name}",
            remedy=f"run `gvlm build {video_id + ' ' if video_id else ''}--select timeline_index`",
        )

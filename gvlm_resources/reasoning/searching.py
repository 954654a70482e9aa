"""What a search finds by meaning and by words, and by looks (pure but for what it asks)."""

from __future__ import annotations

import re
from dataclasses import replace

from gvlm_resources.reasoning import vocabulary
from gvlm_resources.reasoning.lookups import Tracer
from gvlm_resources.reasoning.matching import row_words
from gvlm_resources.reasoning.placing import hull_of
from gvlm_resources.reasoning.protocol import FRAME, Evidence, Row
from gvlm_resources.reasoning.question import Question
from gvlm_resources.timebase import Span
from gvlm_resources.timeline.retrieval import STOP_WORDS

NEAR = 0.42  # cosine of all-MiniLM-L6-v2: paraphrases lay above 0.43, unrelated texts up to 0.40
_SEEING = re.compile(
    r"\b(?:see|sees|saw|seen|look(?:s|ed|ing)?|show(?:s|n|ed)?|visible|pictures?|frames?|screenshots?|images?|appear(?:s|ed)?)\b"
    r"|\bwhere\s+(?:is|was|are|were)\b",
    re.I,
)


def asks_to_see(text: str) -> bool:
    """Whether a question is about what was to be seen."""
    return _SEEING.search(text) is not None


def is_about(row: Row, words: tuple[str, ...]) -> bool:
    """Whether a row speaks of the words: it names one, is near in meaning, or is a frame that looks like them."""
    if row.source == FRAME or (words and vocabulary.names_any(words, row_words(row))):
        return True
    return row.similarity is not None and row.similarity >= NEAR


def searched_for(text: str, draft: Evidence, tracer: Tracer, video_id: str | None, k: int) -> Evidence:
    """The hits of a search in each span asked about, or in the whole, best first."""
    spans: list[Span | None] = [None]
    if len(draft.scopes) == 1 and draft.scopes[0].spans:
        spans = list(draft.scopes[0].spans)
    elif hull_of(draft) is not None:
        spans = [hull_of(draft)]
    hits: dict[str, Row] = {}
    for span in spans:
        for row in tracer.search(text, video_id, span, (), k):
            hits.setdefault(row.row_id, row)
    scopes = {scope.video.video_id: scope for scope in draft.scopes}
    rows = [row for row in hits.values() if row.video_id in scopes and scopes[row.video_id].covers(row)]
    return replace(draft, rows=tuple(rows[:k]), is_search=True)


def sight_words(text: str) -> str:
    """What a question wants to see, as it is written there: “zombie” of “where do I see a zombie”."""
    kept = [word for word in re.findall(r"[\w'-]+", text) if not _says_nothing(word.lower())]
    return " ".join(kept) or text


def _says_nothing(word: str) -> bool:
    return word in vocabulary.SILENT or word in STOP_WORDS or _SEEING.fullmatch(word) is not None


def looked_for(question: Question, draft: Evidence, tracer: Tracer, video_id: str | None, k: int) -> Evidence:
    """The draft and, after its rows, the frames that look like what is asked for, surest first."""
    words = sight_words(question.search_text)
    scopes = {scope.video.video_id: scope for scope in draft.scopes}
    seen = tracer.looks_like(words, video_id, hull_of(draft), k)
    rows = tuple(row for row in seen if row.video_id in scopes and scopes[row.video_id].covers(row))
    return replace(draft, rows=(*draft.rows, *rows), is_search=True)

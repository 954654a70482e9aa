"""The source of the evidence, with a line of the trace for each call (pure but for what it asks)."""

from __future__ import annotations

from dataclasses import dataclass, field

from gvlm_resources.reasoning.protocol import EvidenceSource, Lookup, Row, StateReading
from gvlm_resources.timebase import Span


@dataclass
class Tracer:
    """The source, with a line of the trace for each call."""

    source: EvidenceSource
    lookups: list[Lookup] = field(default_factory=list)

    def rows(self, video_id: str | None, kinds: tuple[str, ...], span: Span | None) -> tuple[Row, ...]:
        found = self.source.rows(video_id=video_id, kinds=kinds, span=span)
        self._note("rows", video_id, "", kinds, span, len(found))
        return found

    def states(self, video_id: str, variables: tuple[str, ...], span: Span | None) -> tuple[StateReading, ...]:
        found = self.source.states(video_id=video_id, variables=variables, span=span)
        self._note("states", video_id, "", variables, span, len(found))
        return found

    def search(
        self, text: str, video_id: str | None, span: Span | None, kinds: tuple[str, ...], k: int
    ) -> tuple[Row, ...]:
        found = self.source.search(text, video_id=video_id, span=span, kinds=kinds, k=k)
        self._note("search", video_id, text, kinds, span, len(found))
        return found

    def looks_like(self, text: str, video_id: str | None, span: Span | None, k: int) -> tuple[Row, ...]:
        found = self.source.looks_like(text, video_id=video_id, span=span, k=k)
        self._note("looks_like", video_id, text, (), span, len(found))
        return found

    def _note(
        self, method: str, video_id: str | None, text: str, kinds: tuple[str, ...], span: Span | None, found: int
    ) -> None:
        start, end = (span.start_ns, span.end_ns) if span else (None, None)
        self.lookups.append(Lookup(method, video_id, text, kinds, start, end, found))

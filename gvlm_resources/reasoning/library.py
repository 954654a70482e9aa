"""The library as an evidence source: the searchable table, the game state and the frames of a lake."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING

import pyarrow.parquet as pq

from gvlm_resources import game as games
from gvlm_resources.errors import QuestionError, SettingsError
from gvlm_resources.lake.catalogue import Catalogue, VideoRecord
from gvlm_resources.lake.store import Lake, read_table
from gvlm_resources.reasoning.protocol import FRAME, Row, StateReading, Video
from gvlm_resources.reasoning.recorded import recorded_kinds
from gvlm_resources.schemas import STATUS_OK
from gvlm_resources.timebase import Span
from gvlm_resources.timeline import retrieval
from gvlm_resources.timeline.retrieval import Hit, SearchableTimeline
from gvlm_resources.timeline.rows import TimelineRow

if TYPE_CHECKING:
    from gvlm_resources.timeline.embedding import TextEncoder
    from gvlm_resources.timeline.find import Match

STATE_COLUMNS = ["state_id", "variable", "value", "start_ns", "end_ns", "confidence", "status"]
SEEN = 0.5  # the words are more likely true of the frame than not, by the network's own probability
FRAME_NS = 100_000_000  # span of a row that is a frame
KEPT_VIDEOS = 64  # whose game state stays in memory: some hundred kilobytes an hour of play


# Words, the videos to look in, the span and how many: the moments that look like them, surest first.
Looks = Callable[[str, Sequence[str], Span | None, int], "Sequence[Match]"]


class LibrarySource:
    """The videos of a lake that have a timeline, or those of them in `video_ids`."""

    def __init__(
        self,
        *,
        lake: Lake,
        catalogue: Catalogue,
        store: SearchableTimeline,
        encoder: TextEncoder,
        video_ids: Sequence[str],
        looks: Looks,
    ) -> None:
        self._looks = looks
        self._lake, self._catalogue, self._store, self._encoder = lake, catalogue, store, encoder
        self._ids = dict.fromkeys(sorted(video_ids))
        self._states = lru_cache(maxsize=KEPT_VIDEOS)(self._read_states)

    def videos(self) -> tuple[Video, ...]:
        return self._videos

    @cached_property
    def _videos(self) -> tuple[Video, ...]:
        return tuple(self._video(self._catalogue.video(video_id)) for video_id in self._ids)

    def search(
        self, text: str, *, video_id: str | None, span: Span | None, kinds: tuple[str, ...], k: int
    ) -> tuple[Row, ...]:
        """By meaning and by words, fused. Raises LakeError where the table was made by another text model."""
        scope, asked = self._scope(video_id, kinds, span), k
        while True:
            hits = retrieval.search(self._store, self._encoder, text, scope, limit=asked)
            kept = [hit for hit in hits if hit.video_id in self._ids]
            if len(kept) >= k or len(hits) < asked:
                return tuple(_row(hit) for hit in kept[:k])
            asked *= 4  # the table also holds videos that are not asked about

    def looks_like(self, text: str, *, video_id: str | None, span: Span | None, k: int) -> tuple[Row, ...]:
        wanted = [self._checked(video_id)] if video_id is not None else list(self._ids)
        return tuple(_seen(match, text) for match in self._looks(text, wanted, span, k) if match.probability >= SEEN)

    def rows(self, *, video_id: str | None, kinds: tuple[str, ...], span: Span | None) -> tuple[Row, ...]:
        scope = self._scope(video_id, kinds, span)
        return tuple(_row(row) for row in retrieval.listing(self._store, scope) if row.video_id in self._ids)

    def states(self, *, video_id: str, variables: tuple[str, ...], span: Span | None) -> tuple[StateReading, ...]:
        """Where no variable has just that name, those that begin with it: `ammo` finds `ammo_shells`."""
        readings = self._states(self._checked(video_id) or "")
        names = {reading.variable for reading in readings}
        wanted = {name for asked in variables for name in names if name == asked or asked in name.split("_")}
        return tuple(
            reading
            for reading in readings
            if (not variables or reading.variable in wanted)
            and (span is None or (reading.start_ns < span.end_ns and span.start_ns < reading.end_ns))
        )

    def frame(self, video_id: str, frame_id: str) -> bytes | None:
        path = self._lake.get("frames", self._checked(video_id) or "").path("frames.parquet")
        found = pq.read_table(path, columns=["image"], filters=[("frame_id", "=", frame_id)]).column("image")
        return (found[0].as_py() or None) if len(found) else None

    def _scope(self, video_id: str | None, kinds: tuple[str, ...], span: Span | None) -> retrieval.Scope:
        only = next(iter(self._ids)) if len(self._ids) == 1 else None
        return retrieval.Scope(self._checked(video_id) or only, span, frozenset(kinds))

    def _checked(self, video_id: str | None) -> str | None:
        if video_id is not None and video_id not in self._ids:
            raise QuestionError(
                f"there is no timeline of a video {video_id[:100]!r}", remedy="`gvlm videos` lists what there is"
            )
        return video_id

    def _video(self, record: VideoRecord) -> Video:
        probe = json.loads(self._lake.get("video", record.video_id).path("probe.json").read_text())
        return Video(record.video_id, record.title or record.video_id, probe["duration_ns"], _recorded(record.game))

    def _read_states(self, video_id: str) -> tuple[StateReading, ...]:
        table = read_table(self._lake.get("game_state", video_id), "state.parquet", columns=STATE_COLUMNS)
        rows = [row for row in table.to_pylist() if row["status"] == STATUS_OK and row["value"] is not None]
        rows.sort(key=lambda row: (row["start_ns"], row["variable"]))
        return tuple(
            StateReading(
                row_id=f"{video_id}/{row['state_id']}",
                video_id=video_id,
                **{name: row[name] for name in STATE_COLUMNS[1:-1]},
            )
            for row in rows
        )


def _seen(match: Match, text: str) -> Row:
    return Row(
        row_id=f"{match.video_id}/{match.frame_id}",
        video_id=match.video_id,
        source=FRAME,
        kind=FRAME,
        start_ns=match.pts_ns,
        end_ns=match.pts_ns + FRAME_NS,
        text=f"A frame that looks like “{text}” (probability {match.probability:.2f}).",
        confidence=match.probability,
        frame_id=match.frame_id,
        evidence=(match.frame_id,),
    )


def _recorded(game: str) -> tuple[str, ...]:
    """The kinds of events that a game's rules find; nothing of a game that is no longer there."""
    try:
        known = games.load(game)
    except SettingsError:
        return ()
    return recorded_kinds(known)


def _row(row: TimelineRow) -> Row:
    return Row(
        row_id=row.row_id,
        video_id=row.video_id,
        source=row.source,
        kind=row.kind,
        start_ns=row.start_ns,
        end_ns=row.end_ns,
        text=row.text,
        subject=row.subject,
        value=row.value,
        confidence=min(1.0, max(0.0, row.confidence)),
        frame_id=row.frame_id,
        evidence=row.evidence,
        similarity=row.cosine if isinstance(row, Hit) else None,
    )

"""Group `timeline`: what was perceived, made into state, events and something to search."""

from collections.abc import Mapping

from gvlm_assets import checks, show, stored
from gvlm_assets.per_video import Description, Draft, Face, Result, Work, step
from gvlm_resources import schemas
from gvlm_resources.lake.store import read_table


def _build_state(work: Work, drafts: Mapping[str, Draft]) -> None:
    from gvlm_resources.timeline import state

    ocr = read_table(work.upstream("ocr_text"), stored.OCR)
    drafts["game_state"].table(stored.STATE, state.series(ocr, work.game, video_id=work.video_id), schemas.GAME_STATE)


def _describe_state(work: Work, result: Result) -> Description:
    rows = read_table(result, stored.STATE)
    probe = stored.probe(work)
    metadata = show.table(rows, schemas.GAME_STATE) | {
        "state": show.state_plot(rows, probe.duration_ns),
        "outcomes": show.outcomes(rows),
        "rows_by_variable": show.counts(rows, "variable"),
    }
    findings = [checks.has_no_overlap(rows), checks.few_readings_rejected(rows)]
    return Description(metadata, findings)


def _build_events(work: Work, drafts: Mapping[str, Draft]) -> None:
    from gvlm_resources.timeline import events

    rows = events.merge(
        video_id=work.video_id,
        end_ns=stored.probe(work).duration_ns,
        game=work.game,
        state=read_table(work.upstream("game_state"), stored.STATE),
        ocr=read_table(work.upstream("ocr_text"), stored.OCR),
        speech=read_table(work.upstream("speech_transcript"), stored.SPEECH),
        frames=read_table(work.upstream("frames"), stored.FRAMES, columns=stored.FRAME_MARKS),
        sounds=read_table(work.upstream("sound_events"), stored.SOUNDS),
        entities=read_table(work.upstream("entity_tracks"), stored.ENTITIES, columns=stored.WITHOUT_MASKS),
    )
    drafts["timeline_events"].table(stored.EVENTS, rows, schemas.TIMELINE_EVENTS)


def _describe_events(work: Work, result: Result) -> Description:
    rows = read_table(result, stored.EVENTS)
    probe = stored.probe(work)
    metadata = show.table(rows, schemas.TIMELINE_EVENTS) | {
        "timeline": show.timeline_plot(rows, probe.duration_ns),
        "events": show.lines(rows),
        "events_by_kind": show.counts(rows, "kind"),
    }
    known = stored.evidence_ids(work.upstream, without="timeline_events")
    findings = [
        checks.events_are_in_order(rows, probe),
        checks.evidence_resolves(rows, known),
        checks.ordinals_count(rows),
    ]
    return Description(metadata, findings)


def _build_index(work: Work, drafts: Mapping[str, Draft]) -> None:
    from gvlm_resources.timeline import rows as index_rows

    rows = index_rows.make(
        video_id=work.video_id,
        events=read_table(work.upstream("timeline_events"), stored.EVENTS),
        ocr=read_table(work.upstream("ocr_text"), stored.OCR),
        speech=read_table(work.upstream("speech_transcript"), stored.SPEECH),
        frames=read_table(work.upstream("frames"), stored.FRAMES, columns=stored.FRAME_MARKS),
    )
    rows = index_rows.with_vectors(rows, work.models.text_encoder(work.settings))
    drafts["timeline_index"].table(stored.ROWS, rows, schemas.TIMELINE_INDEX)
    work.lake_folder.timeline().replace_video(work.video_id, rows)


def _describe_index(work: Work, result: Result) -> Description:
    rows = read_table(result, stored.ROWS)
    metadata = show.table(rows, schemas.TIMELINE_INDEX) | {
        "rows_by_source": show.counts(rows, "source"),
        "rows": show.lines(rows),
    }
    findings = [
        checks.index_holds_the_rows(work.lake_folder.timeline(), work.video_id, rows),
        checks.unit_vectors(rows),
    ]
    return Description(metadata, findings)


def _index_is_intact(work: Work, result: Result) -> bool:
    wanted = read_table(result, stored.ROWS, columns=["row_id"]).column("row_id").to_pylist()
    return work.lake_folder.timeline().row_ids(work.video_id) == set(wanted)


game_state = step(
    "game_state",
    {
        "game_state": Face(
            "What the HUD's numbers say, as one typed series a variable; impossible ones are kept as filtered.",
            "timeline",
            frozenset({"polars", "parquet"}),
            {
                "has_no_overlap": "No variable has two values at one moment.",
                "few_readings_rejected": "At most 10 % of the time read was rejected by the game's rules.",
            },
            _describe_state,
        )
    },
    _build_state,
)

timeline_events = step(
    "timeline_events",
    {
        "timeline_events": Face(
            "One ordered, counted list of what happened, each event with span, confidence and evidence. Repeats stay.",
            "timeline",
            frozenset({"polars", "parquet"}),
            {
                "events_are_in_order": "Events are ordered by start, inside the video, with ids used once.",
                "evidence_resolves": "Every evidence id names a row of an upstream result.",
                "ordinals_count": "The events of each kind are numbered 1, 2, 3 ... in order.",
            },
            _describe_events,
        )
    },
    _build_events,
)

timeline_index = step(
    "timeline_index",
    {
        "timeline_index": Face(
            "This video's rows of the searchable timeline, replaced in LanceDB as one transaction.",
            "timeline",
            frozenset({"lancedb", "openvino"}),
            {
                "index_holds_the_rows": "The table holds exactly this result's row ids for this video.",
                "unit_vectors": "Every vector is finite and of unit length.",
            },
            _describe_index,
            is_intact=_index_is_intact,
        )
    },
    _build_index,
)

"""Group `perception`: sounds that are not speech."""

from collections.abc import Mapping

import dagster as dg

from gvlm_assets import checks, show, stored
from gvlm_assets.per_video import Description, Draft, Face, Result, Work, step
from gvlm_resources import schemas
from gvlm_resources.lake.store import read_table

OFF = "off"


def _build(work: Work, drafts: Mapping[str, Draft]) -> None:
    draft, settings, probe = drafts["sound_events"], work.settings.sounds, stored.probe(work)
    if settings.backend == OFF or not probe.has_audio:
        draft.table(stored.SOUNDS, schemas.SOUNDS.empty_table(), schemas.SOUNDS)
        draft.facts["state"] = "off: sounds.backend is off" if settings.backend == OFF else "the video has no sound"
        return
    from gvlm_resources.encoders import sounds

    listener = work.models.listener(work.settings)
    heard = sounds.listen(
        work.upstream("audio").path(stored.AUDIO),
        listener,
        settings,
        work.game.sounds,
        work.settings.compute,
        video_id=work.video_id,
        end_ns=max(probe.duration_ns, probe.audio_end_ns),
        report=work.say,
    )
    draft.table(stored.SOUNDS, heard, schemas.SOUNDS)
    draft.facts.update(listener.identity.as_facts(), state="on", backend=settings.backend)
    draft.facts["not_listened_for"] = sounds.unheard(listener, settings, work.game.sounds)


def _describe(work: Work, result: Result) -> Description:
    rows = read_table(result, stored.SOUNDS)
    metadata = show.table(rows, schemas.SOUNDS) | {
        "encoder": dg.MetadataValue.json(result.facts),
        "rows_by_label": show.counts(rows, "label"),
        "outcomes": show.outcomes(rows),
        "heard": show.sound_plot(rows, stored.probe(work).duration_ns),
    }
    findings = [checks.sounds_are_in_order(rows, stored.probe(work)), checks.few_rows_failed(rows, limit=0.1)]
    return Description(metadata, findings)


sound_events = step(
    "sound_events",
    {
        "sound_events": Face(
            "What is heard beside speech, as labels with spans and scores. Empty where `sounds.backend` is off.",
            "perception",
            frozenset({"huggingface", "pytorch", "parquet"}),
            {
                "sounds_are_in_order": "Sounds are ordered by start, inside the video, with scores in 0..1.",
                "few_rows_failed": "At most 10 % of the rows failed.",
            },
            _describe,
        )
    },
    _build,
    batch=16,
)

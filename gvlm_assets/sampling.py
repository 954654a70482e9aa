"""Group `sampling`: frames, clips, HUD crops and audio, all from one decode of the video."""

from collections.abc import Mapping

import dagster as dg

from gvlm_assets import checks, show, stored
from gvlm_assets.per_video import Description, Draft, Face, Result, Work, step
from gvlm_resources import schemas
from gvlm_resources.lake.store import read_table

FILES = {"frames": stored.FRAMES, "clips": stored.CLIPS, "hud_crops": stored.HUD_CROPS, "audio": stored.AUDIO}


def _build(work: Work, drafts: Mapping[str, Draft]) -> None:
    from gvlm_resources.video import decode

    report = decode.sample(
        work.lake_folder.catalogue().source_path(work.record),
        stored.probe(work),
        video_id=work.video_id,
        settings=work.settings,
        hud_regions=work.game.hud,
        outputs=decode.Outputs(**{asset: draft.path(FILES[asset]) for asset, draft in drafts.items()}),
    )
    for asset, draft in drafts.items():
        draft.facts.update(report.facts(asset))


def _frames(work: Work, result: Result) -> Description:
    columns = [name for name in schemas.FRAMES.names if name != "image"]
    rows = read_table(result, stored.FRAMES, columns=columns)
    probe = stored.probe(work)
    metadata = show.table(rows, schemas.FRAMES) | {
        "contact_sheet": show.contact_sheet(result.path(stored.FRAMES), rows),
        "decoding": dg.MetadataValue.json(result.facts),
        "near_duplicates": rows.num_rows - rows.column("duplicate_of").null_count,
        "scene_changes": show.count_true(rows, "is_scene_change"),
        "black": show.count_true(rows, "is_black"),
        "blurred": show.count_true(rows, "is_blurred"),
    }
    findings = [
        checks.covers_the_video(rows, probe, work.settings.frames.rate_hz),
        checks.times_rise(rows, probe),
        checks.few_rows_failed(rows, limit=0.05),
    ]
    return Description(metadata, findings)


def _clips(work: Work, result: Result) -> Description:
    rows = read_table(result, stored.CLIPS, columns=["clip_id", "start_ns", "end_ns", "frame_pts_ns", "status"])
    metadata = show.table(rows, schemas.CLIPS) | {"decoding": dg.MetadataValue.json(result.facts)}
    findings = [checks.clip_times_rise(rows, stored.probe(work)), checks.few_rows_failed(rows, limit=0.05)]
    return Description(metadata, findings)


def _hud_crops(work: Work, result: Result) -> Description:
    rows = read_table(result, stored.HUD_CROPS, columns=["region", "start_ns", "end_ns"])
    metadata = show.table(rows, schemas.HUD_CROPS) | {
        "crops_by_region": show.counts(rows, "region"),
        "game": work.record.game,
        "decoding": dg.MetadataValue.json(result.facts),
    }
    return Description(metadata, [checks.has_no_gaps(rows)])


def _audio(work: Work, result: Result) -> Description:
    probe = stored.probe(work)
    finding = checks.sound_is_as_expected(result, stored.AUDIO, probe)
    if not probe.has_audio:
        return Description({"sound": "the video has no sound"}, [finding])
    metadata = {"waveform": show.waveform(result.path(stored.AUDIO)), "decoding": dg.MetadataValue.json(result.facts)}
    return Description(metadata, [finding])


def _face(description: str, kind: str, checks: Mapping[str, str], describe) -> Face:
    return Face(description, "sampling", frozenset({"ffmpeg", kind}), checks, describe)


sampling = step(
    "sampling",
    {
        "frames": _face(
            "Frames with exact times at the profile's rate, plus scene changes: JPEG, pHash, sharpness, motion, marks.",
            "parquet",
            {
                "covers_the_video": "No stretch longer than two and a half sampling intervals is without a frame.",
                "times_rise": "Frame times rise strictly, inside the video.",
                "few_rows_failed": "At most 5 % of the frames could not be decoded.",
            },
            _frames,
        ),
        "clips": _face(
            "Short dense windows of frames at encoder size.",
            "parquet",
            {
                "times_rise": "Clips are in order, each inside the video with rising frame times.",
                "few_rows_failed": "At most 5 % of the clips could not be decoded.",
            },
            _clips,
        ),
        "hud_crops": _face(
            "Each HUD region of the game at every change of its pixels, lossless. Empty where the game has none.",
            "parquet",
            {"has_no_gaps": "The crops of each region follow each other without a gap or an overlap."},
            _hud_crops,
        ),
        "audio": _face(
            "16 kHz mono sound in step with media time. Holds no file where the video has no sound.",
            "wav",
            {"sound_is_as_expected": "As long as the container says to 0.5 s; absent only where the video is mute."},
            _audio,
        ),
    },
    _build,
)

"""When things are built. Every sensor and schedule here is stopped until the user starts it.

One mechanism an asset: per-video assets are asked for by the nightly automation alone, answers by their sensor alone,
so that nothing is asked for twice.
"""

import json

import dagster as dg

from gvlm_resources.bindings import LakeFolder, Profile

NIGHTLY_CRON = "0 2 * * *"
COMPACTION_CRON = "0 5 * * *"
KEYS_PER_TICK = 500
INBOX_FILES_PER_TICK = 5
RUNS_PER_TICK = 20

# All keys that are missing at the tick, once, as one backfill; those that failed are asked for again the next night.
NIGHTLY = (
    dg.AutomationCondition.missing()
    & dg.AutomationCondition.cron_tick_passed(NIGHTLY_CRON)
    & ~dg.AutomationCondition.any_deps_missing()
    & ~dg.AutomationCondition.in_progress()
).with_label("nightly, where missing and everything it is made from is there")


def nightly_backfill(per_video: dg.AssetSelection) -> dg.AutomationConditionSensorDefinition:
    """Builds every night what is missing of the per-video assets, as one backfill."""
    return dg.AutomationConditionSensorDefinition("nightly_backfill", target=per_video)


def new_videos(videos: dg.DynamicPartitionsDefinition) -> dg.SensorDefinition:
    """Adds the files that were put into data_lake/inbox, and every catalogued video that the instance does not know.

    A file is taken once its size has not changed between two ticks; one that is no video is quarantined. What becomes
    of the new partitions is the nightly backfill's business.
    """

    @dg.sensor(name="new_videos", minimum_interval_seconds=60, description=new_videos.__doc__)
    def sensor(context: dg.SensorEvaluationContext, lake_folder: LakeFolder, profile: Profile) -> dg.SensorResult:
        from gvlm_resources import library

        seen = json.loads(context.cursor) if context.cursor else {}
        sizes = library.inbox_sizes(lake_folder.catalogue())
        settled = [name for name, size in sizes.items() if seen.get(name) == size][:INBOX_FILES_PER_TICK]
        for name in settled:
            library.take_from_inbox(lake_folder.catalogue(), name, profile.settings())
            del sizes[name]
        known = set(context.instance.get_dynamic_partitions(videos.name))
        new = [key for key in lake_folder.catalogue().video_ids() if key not in known][:KEYS_PER_TICK]
        requests = [videos.build_add_request(new)] if new else []
        return dg.SensorResult(dynamic_partitions_requests=requests, cursor=json.dumps(sizes))

    return sensor


def asked_questions(questions: dg.DynamicPartitionsDefinition, answering: dg.AssetSelection) -> dg.SensorDefinition:
    """Has every question answered that was asked in the UI and has no answer yet."""

    text = asked_questions.__doc__

    @dg.sensor(name="asked_questions", target=answering, minimum_interval_seconds=15, description=text)
    def sensor(context: dg.SensorEvaluationContext, lake_folder: LakeFolder) -> dg.SensorResult:
        answered = set(lake_folder.lake().partitions("answers"))
        waiting = [key for key in lake_folder.catalogue().question_ids() if key not in answered][:RUNS_PER_TICK]
        return dg.SensorResult(
            dynamic_partitions_requests=[questions.build_add_request(waiting)] if waiting else [],
            run_requests=[dg.RunRequest(run_key=key, partition_key=key) for key in waiting],
        )

    return sensor


@dg.op
def compact(context: dg.OpExecutionContext, lake_folder: LakeFolder, profile: Profile) -> None:
    """Merge the small files that each video's transaction leaves, bring the indexes up to date, drop old versions."""
    from_rows = profile.settings().index.vector_index_from_rows
    for table in (lake_folder.timeline(), *lake_folder.frame_tables()):
        context.log.info(f"{table.kind.name}: {table.compact(vector_index_from_rows=from_rows)}")


@dg.job
def compact_timeline() -> None:
    """Keep the searchable timeline fast."""
    compact()


nightly_compaction = dg.ScheduleDefinition("nightly_compaction", cron_schedule=COMPACTION_CRON, job=compact_timeline)

"""The partition sets. All are replayed from the lake's catalogue, so that losing the instance loses no key."""

import dagster as dg

from gvlm_resources.lake.catalogue import Catalogue

videos = dg.DynamicPartitionsDefinition(name="videos")
questions = dg.DynamicPartitionsDefinition(name="questions")
releases = dg.DynamicPartitionsDefinition(name="releases")

ADD_CHUNK = 5_000


def register(instance: dg.DagsterInstance, catalogue: Catalogue) -> dict[str, int]:
    """Add every catalogued key that the instance does not know; the number added, by partition set."""
    wanted = {
        videos.name: catalogue.video_ids(),
        questions.name: catalogue.question_ids(),
        releases.name: catalogue.release_names(),
    }
    added = {}
    for name, keys in wanted.items():
        known = set(instance.get_dynamic_partitions(name))
        new = [key for key in keys if key not in known]
        for start in range(0, len(new), ADD_CHUNK):
            instance.add_dynamic_partitions(name, new[start : start + ADD_CHUNK])
        added[name] = len(new)
    return added

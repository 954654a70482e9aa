"""Paths inside a data lake (pure). `data_lake/README.md` is this module in prose.

catalogue/<video_id>.json           what was added; replays the `videos` partitions
sources/<video_id>/source<suffix>   the video itself, addressed by its content
quarantine/<id>.json                what could not become a video, and why
questions/<question_id>.json        what was asked; replays the `questions` partitions
releases/<name>.json                what a release was asked to be, frozen; replays the `releases` partitions
reviews/<pair_id>.json              what people decided about pairs
replies/<2 hex>/<call_id>.json      replies of language models that were paid for: never asked for twice
replies/ledger/                     what they cost in all; a `.lock` beside a reply is one being asked for
imports/<video_id>/                 pairs and features made elsewhere, as they were imported
results/<asset>/<partition>/        current.json, and the version it points at
timeline/                           the LanceDB tables
cache/                              converted models, locks, accounts of servers' limits: may go while nothing runs
downloads/                          downloads under way: may be deleted while none is
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from gvlm_resources.errors import LakeError

KEY_PATTERN = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,79}")
NAME_PATTERN = re.compile(r"[a-z][a-z0-9_]*(\.[a-z0-9]+)?")


def checked_key(key: str) -> str:
    """`key`, if it can be a partition key and a folder name. Raises LakeError otherwise."""
    if not KEY_PATTERN.fullmatch(key):
        raise LakeError(
            f"{key[:100]!r} is no partition key",
            remedy="keys are 1-80 letters, digits, '-' and '_', as `gvlm videos` prints",
        )
    return key


def checked_name(name: str) -> str:
    """`name`, if it is a plain asset or file name such as `frames` or `frames.parquet`."""
    if not NAME_PATTERN.fullmatch(name):
        raise LakeError(f"{name[:100]!r} is no asset or file name", remedy="use lower case letters, digits and '_'")
    return name


@dataclass(frozen=True, slots=True)
class Layout:
    root: Path

    def catalogue(self) -> Path:
        return self.root / "catalogue"

    def video_record(self, video_id: str) -> Path:
        return self.catalogue() / f"{checked_key(video_id)}.json"

    def source_folder(self, video_id: str) -> Path:
        return self.root / "sources" / checked_key(video_id)

    def quarantine(self) -> Path:
        return self.root / "quarantine"

    def questions(self) -> Path:
        return self.root / "questions"

    def question_record(self, question_id: str) -> Path:
        return self.questions() / f"{checked_key(question_id)}.json"

    def releases(self) -> Path:
        return self.root / "releases"

    def release_record(self, name: str) -> Path:
        return self.releases() / f"{checked_key(name)}.json"

    def reviews(self) -> Path:
        return self.root / "reviews"

    def replies(self) -> Path:
        return self.root / "replies"

    def imports(self, video_id: str) -> Path:
        return self.root / "imports" / checked_key(video_id)

    def results(self) -> Path:
        return self.root / "results"

    def result(self, asset: str, partition: str) -> Path:
        return self.results() / checked_name(asset) / checked_key(partition)

    def timeline(self) -> Path:
        return self.root / "timeline"

    def cache(self) -> Path:
        return self.root / "cache"

    def lock(self, asset: str, partition: str) -> Path:
        return self.cache() / "locks" / f"{checked_name(asset)}.{checked_key(partition)}.lock"

    def downloads(self) -> Path:
        return self.root / "downloads"

    def inbox(self) -> Path:
        return self.root / "inbox"

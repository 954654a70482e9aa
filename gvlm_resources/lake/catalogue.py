"""What was added and asked: small JSON records that outlive any Dagster instance.

The `videos` and `questions` partitions are replayed from here, so that a lost instance database loses no video.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import uuid
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from gvlm_resources.errors import LakeError, QuestionError
from gvlm_resources.lake import files
from gvlm_resources.lake.fingerprint import canonical_json
from gvlm_resources.lake.layout import KEY_PATTERN, Layout, checked_key

QUESTION_MAX_CHARS = 1_000


@dataclass(frozen=True)
class VideoRecord:
    """One video of the library. `origin` is its file name or URL, `suffix` that of the stored source."""

    video_id: str
    sha256: str
    size_bytes: int
    suffix: str
    title: str
    game: str
    licence: str
    origin: str

    def __post_init__(self) -> None:
        checked_key(self.video_id)
        if not self.video_id.endswith(f"-{self.sha256[:12]}"):
            raise LakeError(
                f"video id {self.video_id} does not carry its content's hash {self.sha256[:12]}",
                remedy="delete the record and add the video again",
            )


@dataclass(frozen=True)
class QuarantineRecord:
    """A source that could not become a video. `record_id` is derived from the source: adding it again is one row."""

    record_id: str
    origin: str
    stage: str
    code: str
    reason: str
    remedy: str


@dataclass(frozen=True)
class QuestionRecord:
    """A question as it was asked. `video_id` is empty where it is about the whole library."""

    question_id: str
    text: str
    video_id: str


def question_record(text: str, video_id: str = "") -> QuestionRecord:
    """The record of a question; its id is a readable slug and a hash, so that asking again is the same partition.

    Raises QuestionError for a question that is empty or longer than 1,000 characters.
    """
    text = " ".join(text.split())
    if not text:
        raise QuestionError("the question is empty", remedy='write it in quotes: gvlm ask "why did I die at 00:45?"')
    if len(text) > QUESTION_MAX_CHARS:
        raise QuestionError(
            f"the question has {len(text)} characters", remedy=f"ask in at most {QUESTION_MAX_CHARS} characters"
        )
    if video_id:
        checked_key(video_id)
    slug = re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:40].strip("-") or "question"
    digest = hashlib.sha256(canonical_json([text, video_id]).encode()).hexdigest()[:12]
    return QuestionRecord(question_id=f"{slug}-{digest}", text=text, video_id=video_id)


class Catalogue:
    """Videos, questions and quarantine of one lake."""

    def __init__(self, layout: Layout) -> None:
        self.layout = layout

    def videos(self) -> list[VideoRecord]:
        """Every video, by id."""
        return [self.video(key) for key in _keys(self.layout.catalogue())]

    def video_ids(self) -> list[str]:
        return _keys(self.layout.catalogue())

    def video(self, video_id: str) -> VideoRecord:
        """The record of one video. Raises LakeError where there is none."""
        path = self.layout.video_record(video_id)
        if not path.is_file():
            raise LakeError(
                f"there is no video {video_id!r}", remedy="`gvlm videos` lists what there is; `gvlm add` adds one"
            )
        return VideoRecord(**_load(path))

    def source_path(self, record: VideoRecord) -> Path:
        return self.layout.source_folder(record.video_id) / f"source{record.suffix}"

    def add_video(self, record: VideoRecord, source: Path, *, link: bool = False) -> bool:
        """Store the source, as a copy or a hard link, and its record; False where this video is already there.

        The record is written last: a video that is listed has its source. An existing title, game or licence is
        replaced by the new record's.
        """
        stored = self.source_path(record)
        is_new = not self.layout.video_record(record.video_id).is_file()
        if not stored.is_file() or stored.stat().st_size != record.size_bytes:
            _place(source, stored, link=link)
        _store(self.layout.video_record(record.video_id), asdict(record))
        return is_new

    def question_ids(self) -> list[str]:
        return _keys(self.layout.questions())

    def question(self, question_id: str) -> QuestionRecord:
        path = self.layout.question_record(question_id)
        if not path.is_file():
            raise LakeError(f"there is no question {question_id!r}", remedy='ask one: gvlm ask "how often did I die?"')
        return QuestionRecord(**_load(path))

    def add_question(self, record: QuestionRecord) -> None:
        if record.video_id:
            self.video(record.video_id)
        _store(self.layout.question_record(record.question_id), asdict(record))

    def release_names(self) -> list[str]:
        """Names of the releases that were asked for; `releases.py` reads and writes their specs."""
        return _keys(self.layout.releases())

    def quarantined(self) -> list[QuarantineRecord]:
        return [
            QuarantineRecord(**_load(self.layout.quarantine() / f"{key}.json"))
            for key in _keys(self.layout.quarantine())
        ]

    def add_quarantine(self, *, origin: str, stage: str, code: str, reason: str, remedy: str) -> QuarantineRecord:
        """Record what could not become a video; the same source and stage give the same row."""
        record_id = hashlib.sha256(canonical_json([origin, stage]).encode()).hexdigest()[:16]
        record = QuarantineRecord(record_id, origin, stage, code, reason, remedy)
        _store(self.layout.quarantine() / f"{record_id}.json", asdict(record))
        return record

    def clear_quarantine(self, *, origin: str, stage: str) -> None:
        """Forget the row of a source that has since become a video."""
        record_id = hashlib.sha256(canonical_json([origin, stage]).encode()).hexdigest()[:16]
        (self.layout.quarantine() / f"{record_id}.json").unlink(missing_ok=True)


def _keys(folder: Path) -> list[str]:
    if not folder.is_dir():
        return []
    stems = (entry.stem for entry in folder.iterdir() if entry.suffix == ".json")
    return sorted(stem for stem in stems if KEY_PATTERN.fullmatch(stem))


def _load(path: Path) -> dict[str, Any]:
    try:
        return json.loads(path.read_text())
    except ValueError as error:
        raise LakeError(f"{path} is damaged: {error}", remedy="delete it and add its source again") from error


def _store(path: Path, record: dict[str, Any]) -> None:
    files.write_atomic(path, (canonical_json(record) + "\n").encode())


def _place(source: Path, target: Path, *, link: bool) -> None:
    """Put `source` at `target`, whole or not at all."""
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.with_name(f".{target.name}.{uuid.uuid4().hex}.tmp")
    try:
        if link:
            os.link(source, temporary)
        else:
            shutil.copyfile(source, temporary)
            files.sync_file(temporary)
        os.replace(temporary, target)
    finally:
        temporary.unlink(missing_ok=True)
    files.sync_folder(target.parent)

"""Tar shards of WebDataset: `<key>.json`, the line as it stands, and its pictures `<key>.<n>.jpg`.

The same release gives the same bytes: files in the order of the release, without dates, owners and modes.
"""

from __future__ import annotations

import io
import tarfile
from contextlib import closing

from gvlm_resources.dataset.examples.example import Example, as_json
from gvlm_resources.dataset.export.job import MIB, Job
from gvlm_resources.dataset.export.lines import json_text
from gvlm_resources.dataset.releases.release_spec import SPLITS


def write(job: Job) -> None:
    """`{split}-{000000}.tar`, none where a split is empty."""
    for split in SPLITS:
        with closing(_Shards(job, split)) as shards:
            for example, _ in job.indexed(split):
                shards.add(_files(job, example))
                job.rows[split] += 1


def _files(job: Job, example: Example) -> list[tuple[str, bytes]]:
    """Names and content of one sample. The line says where each picture belongs: see `job.Pictured`."""
    pictured = job.pictured(example)
    job.album.count += len(pictured.frames)
    places = {
        "pictures": pictured.frames,
        "picture_tokens": pictured.tokens,
        "embedding_pictures": pictured.pictures,
    }
    line = json_text({**as_json(example), **places})
    pictures = [
        (f"{example.example_id}.{number}.jpg", job.album.jpeg(example, frame))
        for number, frame in enumerate(pictured.frames)
    ]
    return [(f"{example.example_id}.json", line.encode()), *pictures]


class _Shards:
    """The shards of one split. A sample is never parted."""

    def __init__(self, job: Job, split: str) -> None:
        self._job, self._split = job, split
        self._tar: tarfile.TarFile | None = None
        self._shard, self._bytes = 0, 0

    def add(self, files: list[tuple[str, bytes]]) -> None:
        if self._bytes >= self._job.options.shard_mib * MIB:
            self.close()
        if self._tar is None:
            path = self._job.folder / f"{self._split}-{self._shard:06d}.tar"
            self._tar = tarfile.open(path, "w", format=tarfile.USTAR_FORMAT)  # noqa: SIM115 (closed by `close`)
            self._shard += 1
        for name, content in files:
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(content), 0o644
            self._tar.addfile(entry, io.BytesIO(content))
            self._bytes += len(content)

    def close(self) -> None:
        if self._tar is not None:
            self._tar.close()
        self._tar, self._bytes = None, 0

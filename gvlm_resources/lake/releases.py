"""Which releases a lake has: one frozen record each, what it was asked to be. The `releases` partitions are replayed
from here, and a release is built from its record alone.
"""

from __future__ import annotations

from pathlib import Path

from pydantic import ValidationError

from gvlm_resources.dataset.releases.release_spec import ReleaseSpec
from gvlm_resources.errors import ReleaseError
from gvlm_resources.lake import files
from gvlm_resources.lake.fingerprint import canonical_json
from gvlm_resources.lake.layout import KEY_PATTERN
from gvlm_resources.lake.store import Lake

RECORDS = "releases"
EXAMPLES = "training_examples"
NAMED = 5  # videos in an error


class Releases:
    """The releases of one lake."""

    def __init__(self, lake: Lake) -> None:
        self.lake = lake

    def names(self) -> list[str]:
        """Of every release, in order."""
        folder = self.lake.layout.releases()
        if not folder.is_dir():
            return []
        stems = (entry.stem for entry in folder.iterdir() if entry.suffix == ".json")
        return sorted(stem for stem in stems if KEY_PATTERN.fullmatch(stem))

    def spec(self, name: str) -> ReleaseSpec:
        """What a release was asked to be. Raises ReleaseError where there is none, or its record is damaged."""
        if not KEY_PATTERN.fullmatch(name) or not self._record(name).is_file():
            raise _unknown(name)
        path = self._record(name)
        try:
            spec = ReleaseSpec.model_validate_json(path.read_bytes())
        except ValidationError as error:
            raise ReleaseError(
                f"{path} is damaged: {error.errors()[0]['msg']}",
                remedy="put that file back from a copy, or delete it and create the release again",
            ) from error
        if spec.name != name:
            raise ReleaseError(f"{path} is the record of {spec.name!r}", remedy="give the file its release's name")
        return spec

    def create(self, spec: ReleaseSpec) -> bool:
        """Store a new release; False where the very same is there already.

        Raises ReleaseError where the name is taken by another one: a release is frozen.
        """
        path = self._record(spec.name)
        with self.lake.lock(RECORDS, spec.name):
            if not path.is_file():
                files.write_atomic(path, (canonical_json(spec.model_dump(mode="json")) + "\n").encode())
                return True
            before = self.spec(spec.name)
        if before == spec:
            return False
        told = [name for name in ReleaseSpec.model_fields if getattr(before, name) != getattr(spec, name)]
        raise ReleaseError(
            f"the release {spec.name!r} is there already, with other {', '.join(told)}",
            remedy="a release is frozen: create one with another name",
        )

    def forget(self, name: str) -> None:
        """Remove the record of a release, a damaged one too: its name is free again.

        What was built of it is not touched. Raises ReleaseError where there is none.
        """
        if not KEY_PATTERN.fullmatch(name):
            raise _unknown(name)
        with self.lake.lock(RECORDS, name):
            try:
                self._record(name).unlink()
            except FileNotFoundError as error:
                raise _unknown(name) from error
            files.sync_folder(self._record(name).parent)

    def shards(self, spec: ReleaseSpec) -> dict[str, Path]:
        """The folder of each input's training examples, by video.

        Raises ReleaseError, naming videos, where they are not those with the fingerprints of the spec.
        """
        found = {video.video_id: self.lake.find(EXAMPLES, video.video_id) for video in spec.inputs}
        missing = [video for video, result in found.items() if result is None]
        if missing:
            raise ReleaseError(
                f"training examples are not built for {_named(missing)}",
                remedy=f"run `gvlm build VIDEO --select {EXAMPLES}` for each",
            )
        folders = {video: result.folder for video, result in found.items() if result is not None}
        wanted = {video.video_id: video.fingerprint for video in spec.inputs}
        others = [video for video, result in found.items() if result and result.fingerprint != wanted[video]]
        if others:
            raise ReleaseError(
                f"the training examples of {_named(others)} are not those that the release {spec.name!r} was made of",
                remedy="build them again with the settings and models of that time, or create a new release",
            )
        return folders

    def _record(self, name: str) -> Path:
        return self.lake.layout.release_record(name)


def _unknown(name: str) -> ReleaseError:
    return ReleaseError(
        f"there is no release {name[:100]!r}",
        remedy="`gvlm release list` shows what there is; `gvlm release create` makes one",
    )


def _named(videos: list[str]) -> str:
    rest = f" and {len(videos) - NAMED} more" if len(videos) > NAMED else ""
    return ", ".join(videos[:NAMED]) + rest

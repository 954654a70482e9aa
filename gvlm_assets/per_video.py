"""The one way a per-video asset is built: skip what is fresh, build the rest, record each good one, name the bad ones.

An asset's module gives two functions. `build` writes the stale results of one video into drafts; `describe` reads a
stored result and gives its metadata and its findings. `step` turns them into a Dagster definition. Everything else is
here: fingerprints, locks, timing, quarantine, checks and what a run over many partitions needs.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import dagster as dg

from gvlm_assets.partitions import videos
from gvlm_resources import game as games
from gvlm_resources import recipes
from gvlm_resources.bindings import LakeFolder, Models, Profile
from gvlm_resources.errors import GvlmError, LakeError, SourceError
from gvlm_resources.game import Game
from gvlm_resources.lake.catalogue import VideoRecord
from gvlm_resources.lake.fingerprint import Recipe
from gvlm_resources.lake.store import Draft, Lake, Result
from gvlm_resources.settings import Settings

Metadata = dict[str, Any]
OWNERS = ["team:perception"]


@dataclass(frozen=True)
class Finding:
    """What a check found for one video."""

    check: str
    passed: bool
    summary: str
    metadata: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Description:
    metadata: Metadata
    findings: Sequence[Finding] = ()


@dataclass(frozen=True)
class Work:
    """One video at one stage: everything its build may depend on."""

    record: VideoRecord
    settings: Settings
    lake_folder: LakeFolder
    models: Models
    say: Callable[[str], None]  # into the log of the run
    # By asset, what this run measured while building: told in the run's metadata, and no part of the result.
    measured: dict[str, Metadata] = field(default_factory=dict)

    @property
    def video_id(self) -> str:
        return self.record.video_id

    @cached_property
    def lake(self) -> Lake:
        return self.lake_folder.lake()

    @cached_property
    def game(self) -> Game:
        return games.load(self.record.game)

    @cached_property
    def recipes(self) -> dict[str, Recipe]:
        return recipes.expected(
            source=self.record.sha256,
            settings=self.settings,
            game=self.game,
            models=self.models.identities(self.settings),
            imports=_imported(self.lake, self.video_id),
            title=self.record.title,
        )

    def upstream(self, asset: str) -> Result:
        """The stored result of an asset of this video. Raises LakeError where it is missing or was made otherwise."""
        result = self.lake.get(asset, self.video_id)
        if result.fingerprint != self.recipes[asset].fingerprint():
            raise LakeError(
                f"{asset} of {self.video_id} was built with other settings, models or code than those in force",
                remedy=f"run `gvlm build {self.video_id} --select {asset}`",
            )
        return result


def _imported(lake: Lake, video_id: str) -> Mapping[str, str]:
    """The digests of what was made elsewhere for a video; few have any."""
    if not lake.layout.imports(video_id).is_dir():
        return {}
    from gvlm_resources.dataset.imports import imports

    return imports.digests(lake.layout, video_id)


Build = Callable[[Work, Mapping[str, Draft]], None]
Describe = Callable[[Work, Result], Description]


@dataclass(frozen=True)
class Face:
    """How one asset appears in the UI: its text, its place, and the checks whose findings `describe` gives."""

    description: str
    group: str
    kinds: frozenset[str]
    checks: Mapping[str, str]
    describe: Describe
    # Whether what lies outside the result's own files, such as rows in a database, is still as it was written.
    is_intact: Callable[[Work, Result], bool] = lambda work, result: True


def step(name: str, faces: Mapping[str, Face], build: Build, *, batch: int = 1) -> dg.AssetsDefinition:
    """One op that builds the assets of `faces` for each video partition; any of them can be asked for alone.

    A backfill gives a run up to `batch` videos, so that a model is loaded once for them all. There is no pool: a run
    that is killed keeps its slot for ever, and every later build would wait for it.
    """

    @dg.multi_asset(
        name=name,
        specs=[_spec(asset, face) for asset, face in faces.items()],
        check_specs=[
            dg.AssetCheckSpec(check, asset=asset, description=text)
            for asset, face in faces.items()
            for check, text in face.checks.items()
        ],
        partitions_def=videos,
        can_subset=len(faces) > 1,
        backfill_policy=dg.BackfillPolicy.multi_run(batch),
    )
    def op(
        context: dg.AssetExecutionContext, lake_folder: LakeFolder, profile: Profile, models: Models
    ) -> Iterator[dg.MaterializeResult]:
        wanted = {asset: face for asset, face in faces.items() if dg.AssetKey(asset) in context.selected_asset_keys}
        yield from _build_each(context, _Shop(lake_folder, profile.settings(), models, context.log.info), wanted, build)

    return op


def _spec(asset: str, face: Face) -> dg.AssetSpec:
    stage = recipes.STAGES[asset]
    mapping = dg.IdentityPartitionMapping()
    return dg.AssetSpec(
        asset,
        deps=[dg.AssetDep(name, partition_mapping=mapping) for name in stage.upstream],
        description=face.description,
        group_name=face.group,
        kinds=set(face.kinds),
        owners=OWNERS,
        code_version=stage.code_version,
    )


@dataclass(frozen=True)
class _Shop:
    """What a run is given, once for all its videos."""

    lake_folder: LakeFolder
    settings: Settings
    models: Models
    say: Callable[[str], None]

    def work(self, video_id: str) -> Work:
        record = self.lake_folder.catalogue().video(video_id)
        return Work(record, self.settings, self.lake_folder, self.models, self.say)


def _build_each(
    context: dg.AssetExecutionContext, shop: _Shop, faces: Mapping[str, Face], build: Build
) -> Iterator[dg.MaterializeResult]:
    """Build every partition of this run, then yield one result an asset.

    Raises dg.Failure, after the last partition, where any could not be built: the others are recorded by then.
    """
    findings: dict[str, dict[str, Sequence[Finding]]] = {asset: {} for asset in faces}
    failures: dict[str, GvlmError] = {}
    keys = context.partition_keys
    for video_id in keys:
        try:
            work = shop.work(video_id)
            seconds = _build_one(context, work, faces, build)
            for asset, face in faces.items():
                result = work.upstream(asset)
                description = face.describe(work, result)
                metadata = _common_metadata(result, seconds.get(asset)) | description.metadata
                metadata |= work.measured.get(asset, {})
                findings[asset][video_id] = description.findings
                _record(context, asset, video_id, metadata, many=len(keys) > 1)
            shop.lake_folder.catalogue().clear_quarantine(origin=video_id, stage=_stage(faces))
        except GvlmError as error:
            failures[video_id] = error
            _quarantine(shop.lake_folder, _stage(faces), video_id, error)
            context.log.error(f"{video_id}: {error}")
    if failures:
        raise _failure(failures, of=len(keys))
    for asset in faces:
        chosen = [r for r in _check_results(asset, findings[asset]) if _is_selected(context, asset, r.check_name)]
        yield dg.MaterializeResult(asset_key=asset, check_results=chosen)


def _is_selected(context: dg.AssetExecutionContext, asset: str, check: str | None) -> bool:
    return dg.AssetCheckKey(dg.AssetKey(asset), check or "") in context.selected_asset_check_keys


def _build_one(
    context: dg.AssetExecutionContext, work: Work, faces: Mapping[str, Face], build: Build
) -> dict[str, float]:
    """Build the stale ones of `faces`; the seconds it took, by asset, and nothing for those that were fresh."""
    with ExitStack() as stack:
        for asset in sorted(faces):
            stack.enter_context(work.lake.lock(asset, work.video_id))
        stale = [asset for asset, face in faces.items() if not _is_fresh(work, asset, face)]
        if not stale:
            context.log.info(f"{work.video_id}: {', '.join(faces)} fresh, skipped")
            return {}
        started = time.perf_counter()
        with ExitStack() as drafts:
            opened = {name: drafts.enter_context(work.lake.write(work.recipes[name], work.video_id)) for name in stale}
            build(work, opened)
        seconds = time.perf_counter() - started
        context.log.info(f"{work.video_id}: {', '.join(stale)} built in {seconds:.1f} s")
        return dict.fromkeys(stale, seconds)


def _is_fresh(work: Work, asset: str, face: Face) -> bool:
    result = work.lake.find(asset, work.video_id)
    return (
        result is not None and result.fingerprint == work.recipes[asset].fingerprint() and face.is_intact(work, result)
    )


def _common_metadata(result: Result, seconds: float | None) -> Metadata:
    metadata: Metadata = {
        "gvlm/outcome": "fresh: nothing it depends on changed" if seconds is None else "built",
        "gvlm/bytes": result.total_bytes,
        "gvlm/fingerprint": result.fingerprint,
        "dagster/uri": dg.MetadataValue.path(str(result.folder)),
    }
    if seconds is not None:
        metadata["gvlm/seconds"] = round(seconds, 3)
    return metadata


def _record(context: dg.AssetExecutionContext, asset: str, video_id: str, metadata: Metadata, *, many: bool) -> None:
    if many:  # recorded at once: a crash or a bad video later in the batch does not lose this one
        context.log_event(dg.AssetMaterialization(asset, partition=video_id, metadata=metadata))
    context.add_asset_metadata(metadata, asset_key=asset, partition_key=video_id)


def _stage(faces: Mapping[str, Face]) -> str:
    return "+".join(faces)


def _quarantine(lake_folder: LakeFolder, stage: str, video_id: str, error: GvlmError) -> None:
    if isinstance(error, SourceError):
        lake_folder.catalogue().add_quarantine(
            origin=video_id, stage=stage, code=error.code, reason=error.cause, remedy=error.remedy
        )


def _failure(failures: Mapping[str, GvlmError], *, of: int) -> dg.Failure:
    lines = [f"{video_id}: {error}" for video_id, error in failures.items()]
    return dg.Failure(
        description=f"{len(failures)} of {of} videos could not be built\n" + "\n".join(lines),
        metadata={"failed": dg.MetadataValue.json({key: str(error) for key, error in failures.items()})},
        allow_retries=False,
    )


def _check_results(asset: str, by_video: Mapping[str, Sequence[Finding]]) -> Iterator[dg.AssetCheckResult]:
    """One result a check, over the videos of this run: it passes where it passed for each."""
    names = dict.fromkeys(finding.check for found in by_video.values() for finding in found)
    for name in names:
        found = {video: f for video, each in by_video.items() for f in each if f.check == name}
        bad = {video: f for video, f in found.items() if not f.passed}
        shown = bad or found
        yield dg.AssetCheckResult(
            asset_key=asset,
            check_name=name,
            passed=not bad,
            description="; ".join(f"{video}: {f.summary}" for video, f in shown.items()),
            metadata={key: value for f in shown.values() for key, value in f.metadata.items()},
        )

"""Running assets from the command line: real runs in the project's Dagster instance, followed as they go."""

import uuid
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

import dagster as dg

from gvlm_assets import environment, partitions
from gvlm_resources.errors import GvlmError, SettingsError
from gvlm_resources.lake.catalogue import Catalogue
from gvlm_resources.lake.layout import Layout

Show = Callable[[str], None]
OURS = {cls.__name__ for cls in (GvlmError, *GvlmError.__subclasses__())}

# What a person should read is told by `_Watch`; Dagster's own log of the run is in the instance, for the UI.
QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


@dataclass(frozen=True)
class Outcome:
    """How a run ended. `failures` and `failed_checks` are messages for a person."""

    run_id: str
    succeeded: bool
    failures: Sequence[str]
    failed_checks: Sequence[str]


@dataclass
class _Watch:
    """Turns the events of a run into lines, and keeps what went wrong."""

    show: Show
    failures: list[str] = field(default_factory=list)
    failed_checks: list[str] = field(default_factory=list)

    def __call__(self, entry: dg.EventLogEntry) -> None:
        event = entry.dagster_event
        if event is None:
            return
        if event.event_type is dg.DagsterEventType.ASSET_MATERIALIZATION:
            self.show(_line(event.materialization))
        elif event.event_type is dg.DagsterEventType.ASSET_CHECK_EVALUATION:
            check = event.asset_check_evaluation_data
            if not check.passed and check.severity is dg.AssetCheckSeverity.ERROR:
                self.failed_checks.append(f"{check.asset_key.to_user_string()}.{check.check_name}: {check.description}")
        elif event.event_type is dg.DagsterEventType.STEP_FAILURE:
            self.failures.append(_reason(event.step_failure_data))


def _reason(failure: Any) -> str:
    """What a failed step says: the description of a dg.Failure, else the first error of ours, else the innermost."""
    if failure.user_failure_data and failure.user_failure_data.description:
        return failure.user_failure_data.description
    error = failure.error
    while error is not None and error.cause is not None and error.cls_name not in OURS:
        error = error.cause
    return error.message.strip() if error is not None else "the step failed"


def _line(materialization: dg.AssetMaterialization) -> str:
    values = {key: value.value for key, value in materialization.metadata.items()}
    rows = values.get("dagster/row_count")
    seconds = values.get("gvlm/seconds")
    parts = [
        f"{materialization.asset_key.to_user_string():<18}",
        "fresh, skipped" if seconds is None else f"{seconds:6.1f} s",
        "" if rows is None else f"{rows:>6} rows",
    ]
    return "  ".join(part for part in parts if part)


class Runner:
    """The project's instance and definitions, with every catalogued video and question registered as a partition."""

    def __init__(self, env: environment.Environment) -> None:
        self._env = env

    def __enter__(self) -> Self:
        environment.export_dagster_home(self._env)
        warnings.filterwarnings("ignore", category=dg.BetaWarning)  # of Dagster's own calls, not of ours
        self._instance = dg.DagsterInstance.get()
        partitions.register(self._instance, Catalogue(Layout(self._env.lake)))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._instance.dispose()

    def build(self, video_id: str, select: str, *, show: Show) -> Outcome:
        """Materialise the per-video assets that `select` names, for one video."""
        from gvlm_assets import definitions

        keys = self._resolve(select) & self._resolve_selection(definitions.PER_VIDEO_SELECTION)
        if not keys:
            raise SettingsError(
                f"--select {select!r} names no per-video asset", remedy="see the asset graph: `make ui`"
            )
        return self._run(sorted(keys), video_id, show)

    def answer(self, question_id: str) -> Outcome:
        """Materialise the answer to one question."""
        return self._run([dg.AssetKey("answers")], question_id, show=lambda line: None)

    def release(self, name: str) -> Outcome:
        """Materialise one release. Its partition is added where the instance does not know it yet."""
        partitions.register(self._instance, Catalogue(Layout(self._env.lake)))
        return self._run([dg.AssetKey("training_set")], name, show=lambda line: None)

    def forget_release(self, name: str) -> None:
        """Remove a release's partition, where the instance has it."""
        if name in self._instance.get_dynamic_partitions(partitions.releases.name):
            self._instance.delete_dynamic_partition(partitions.releases.name, name)

    def _resolve(self, select: str) -> set[dg.AssetKey]:
        try:
            selections = [dg.AssetSelection.from_string(part.strip()) for part in select.split(",")]
            return set().union(*(self._resolve_selection(selection) for selection in selections))
        except dg.DagsterError as error:
            raise SettingsError(f"--select {select!r}: {error}", remedy="name assets, such as `ocr_text+`") from error

    def _resolve_selection(self, selection: dg.AssetSelection) -> set[dg.AssetKey]:
        from gvlm_assets import definitions

        return set(selection.resolve(definitions.defs.resolve_asset_graph()))

    def _run(self, keys: Sequence[dg.AssetKey], partition: str, show: Show) -> Outcome:
        from gvlm_assets import definitions

        job = definitions.defs.resolve_implicit_job_def_def_for_assets(keys)
        run_id = str(uuid.uuid4())
        watch = _Watch(show)
        self._instance.add_event_listener(run_id, watch)
        result = job.execute_in_process(
            instance=self._instance,
            partition_key=partition,
            asset_selection=list(keys),
            run_id=run_id,
            run_config=QUIET,
            raise_on_error=False,
        )
        return Outcome(run_id, result.success, watch.failures, watch.failed_checks)

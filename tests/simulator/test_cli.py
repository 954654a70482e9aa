from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from gvlm_resources.simulator import cli
from gvlm_resources.simulator.catalogue import Level
from gvlm_resources.simulator.recorder import plan_series


def test_levels_are_listed() -> None:
    result = CliRunner().invoke(cli.app, ["list-maps"])
    assert result.exit_code == 0
    assert {"freedoom1/E1M1", "freedoom2/MAP32", "deathmatch/MAP01"} <= set(result.output.split())


def test_a_series_is_recorded_and_each_log_replays(tmp_path: Path) -> None:
    arguments = ["record", str(tmp_path), "--map", "freedoom2/MAP01", "--bot", "idler", "--bot", "reckless"]
    result = CliRunner().invoke(cli.app, [*arguments, "--count", "2", "--seconds", "0.5", "--seed", "7"])
    assert result.exit_code == 0, result.output
    manifests = sorted(str(path) for path in tmp_path.glob("*.truth.json"))
    assert [Path(path).name for path in manifests] == [
        "freedoom2-map01-idler-7.truth.json",
        "freedoom2-map01-reckless-8.truth.json",
    ]
    replayed = CliRunner().invoke(cli.app, ["replay", *manifests])
    assert replayed.exit_code == 0
    assert replayed.output.count("frames equal, sound equal, variables equal") == 2


def test_levels_bots_and_seeds_take_turns() -> None:
    levels = [Level("freedoom1", "E1M1"), Level("freedoom2", "MAP01")]
    plans = plan_series(levels, ["fighter", "idler", "reckless"], count=4, tics=70, seed=3, skill=2, crf=30)
    assert [plan.name for plan in plans] == [
        "freedoom1-e1m1-fighter-3",
        "freedoom2-map01-idler-4",
        "freedoom1-e1m1-reckless-5",
        "freedoom2-map01-fighter-6",
    ]


def test_an_unknown_level_is_told_in_one_line_with_the_remedy(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setattr("sys.argv", ["simulator", "record", str(tmp_path), "--map", "freedoom2/MAP0"])
    with pytest.raises(SystemExit) as stopped:
        cli.main()
    assert stopped.value.code == 1
    said = capsys.readouterr().err
    assert "list-maps" in said
    assert said.count("\n") == 1

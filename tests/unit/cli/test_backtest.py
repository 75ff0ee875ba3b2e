"""The command around a backtest."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from alerts.backtest.compare import Told
from alerts.backtest.run import Outcome
from cli.backtest import backtest
from cli.context import Context


def notes(monkeypatch: pytest.MonkeyPatch, folder: Path, *options: str) -> list[str]:
    """What `--json` notes, when Prometheus has nothing to say but one thing."""
    (folder / "cachewatch.yaml").write_text("health: {recoveries: 3}")
    monkeypatch.setattr("cli.backtest._run", lambda *_: Outcome((Told((), ()),), (), ("the history has no x",)))
    told = CliRunner().invoke(backtest, ["--json", *options], obj=Context(folder / "cachewatch.yaml"))
    found: list[str] = json.loads(told.stdout)["notes"]
    return [note.split(":")[0] for note in found]


def test_programs_are_told_too_which_changes_no_history_can_show(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    changed = ("--set", "health.failures=50", "--set", "health.recoveries=3", "--set", "rules.rate_window=2m")
    assert notes(monkeypatch, tmp_path, *changed) == ["health.failures", "the history has no x"]
    assert notes(monkeypatch, tmp_path) == ["the history has no x"]

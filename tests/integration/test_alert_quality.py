"""The harness of bench/alert_quality on a real fleet: two faults that are told, two harmless events that are not."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from rich.console import Console

from bench import alert_quality
from bench.alert_quality.scenarios import SCENARIOS

FAULTS, HARMLESS = ("replica-down", "exporter"), ("exporter-deploy", "planned-failover")


@pytest.mark.alone
def test_faults_are_told_once_and_to_all_and_harmless_events_to_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    console = Console(file=io.StringIO(), width=200)
    found = alert_quality.measure(console, (*FAULTS, *HARMLESS), watch=12.0)
    by_name = {scenario["name"]: scenario for scenario in found["scenarios"]}
    assert list(by_name) == [*FAULTS, *HARMLESS]
    assert [scenario for scenario in found["scenarios"] if not scenario["good"]] == []
    assert {key: figure["value"] for key, figure in found["figures"].items()} == {
        "precision": 1.0,
        "recall": 1.0,
        "twice": 0,
        "unresolved": 0,
    }
    for name in FAULTS:
        assert {told["to"] for told in by_name[name]["told"]} >= {"pagerduty", "slack"}
        assert {told["firing"] for told in by_name[name]["told"]} == {True, False}
    assert all(by_name[name]["told"] == [] for name in HARMLESS)
    assert all(SCENARIOS[name].what in found["markdown"] for name in by_name)
    assert not list(tmp_path.glob("cachewatch-bench-*"))

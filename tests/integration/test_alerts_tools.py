"""What is generated is held against promtool and amtool themselves."""

import os
import subprocess
from pathlib import Path

import pytest

from alerts.build import files
from sandbox.binaries import find
from tests.unit.alerts.policies import DATA, policy, write


def run(tool: str, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    argv = [str(find(tool)), *map(str, arguments)]
    frugal = {**os.environ, "GOGC": "400", "GOMAXPROCS": "1"}  # a third less of promtool's CPU, for 200 MB
    return subprocess.run(argv, env=frugal, capture_output=True, text=True, timeout=240, check=False)


def accepted(tool: str, *arguments: str | Path) -> None:
    result = run(tool, *arguments)
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.parametrize("name", DATA)
def test_prometheus_and_alertmanager_accept_what_is_built(name: str, tmp_path: Path) -> None:
    write(files(policy(name)), tmp_path)
    accepted("promtool", "check", "config", tmp_path / "prometheus.yml")
    accepted("promtool", "check", "rules", *sorted(tmp_path.glob("rules/*.yml")))
    accepted("amtool", "check-config", tmp_path / "alertmanager.yml")


@pytest.mark.parametrize(
    ("name", "severity", "receiver"),
    [
        ("static", "critical", "page"),
        ("static", "warning", "ticket"),
        ("sentinel", "critical", "page"),
        ("sentinel", "warning", "nobody"),
        ("default", "critical", "nobody"),
    ],
)
def test_amtool_routes_by_severity(name: str, severity: str, receiver: str, tmp_path: Path) -> None:
    config = write(files(policy(name)), tmp_path) / "alertmanager.yml"
    result = run("amtool", "config", "routes", "test", f"--config.file={config}", f"severity={severity}", "fleet=x")
    assert result.stdout.strip() == receiver

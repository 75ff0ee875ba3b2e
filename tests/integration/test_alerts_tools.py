"""What is generated is held against promtool and amtool themselves."""

import os
import re
import subprocess
from pathlib import Path

import pytest
import yaml

from alerts.build import files
from alerts.promql import quote, selector
from sandbox.binaries import find
from tests.unit.alerts.policies import DATA, policy, write


def run(tool: str, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    argv = [str(find(tool)), *map(str, arguments)]
    one = {**os.environ, "GOMAXPROCS": "1"}  # there are other tests beside it
    return subprocess.run(argv, env=one, capture_output=True, text=True, timeout=240, check=False)


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
        ("static", "critical", "pages-pagerduty,pages-slack"),
        ("static", "warning", "tickets-slack"),
        ("sentinel", "critical", "pages-pagerduty"),
        ("sentinel", "warning", "nobody"),
        ("default", "critical", "nobody"),
    ],
)
def test_amtool_routes_by_severity(name: str, severity: str, receiver: str, tmp_path: Path) -> None:
    config = write(files(policy(name)), tmp_path) / "alertmanager.yml"
    result = run("amtool", "config", "routes", "test", f"--config.file={config}", f"severity={severity}", "fleet=x")
    assert result.stdout.strip() == receiver


@pytest.mark.parametrize("name", ["sentinel", "hostile"])
def test_the_shards_that_nobody_can_fail_over_are_named_whatever_the_fleet_is_called(name: str, tmp_path: Path) -> None:
    told = _texts(tmp_path, name, "failover", "CacheSentinelQuorumLost", ("cache_sentinel_quorum", {"s1": 0, "s2": 0}))
    assert re.search(r"for 1m and more\. They are, up to 5: (s1 s2|s2 s1)\. The cache works", told), told


@pytest.mark.parametrize("name", ["sentinel", "hostile"])
def test_of_each_shard_it_is_told_how_many_sentinels_are_left_of_how_many(name: str, tmp_path: Path) -> None:
    usable, known = (
        ("cache_sentinels_usable", {"s1": 2, "s2": 3, "s3": 3}),
        ("cache_sentinels_known", {"s1": 3, "s2": 5, "s3": 3}),
    )
    told = _texts(tmp_path, name, "server", "CacheSentinelMissing", usable, known)
    assert re.search(r"that are missing: 2\b", told), told
    assert re.search(
        r"for 5m and more\. Left are, of up to 5 shards: 2 of 3 \(s1\) 3 of 5 \(s2\)\. Callers notice", told
    ), told


def _texts(folder: Path, name: str, stem: str, alert: str, *series: tuple[str, dict[str, int]]) -> str:
    """What an alert says of gauges of shards: promtool is told that it says nothing, and prints what it does."""
    of = policy(name)
    write(files(of), folder)
    fleet = quote(of.fleet.name)
    given = [
        {"series": f'{gauge}{{fleet={fleet},shard="{shard}"}}', "values": f"{value}x200"}
        for gauge, by_shard in series
        for shard, value in by_shard.items()
    ]
    wanted = {"eval_time": "6m", "alertname": alert, "exp_alerts": []}
    test = {"interval": "2s", "input_series": given, "alert_rule_test": [wanted]}
    suite = {"rule_files": [f"rules/{stem}.yml"], "evaluation_interval": "2s", "tests": [test]}
    (folder / "texts.yml").write_text(yaml.safe_dump(suite, allow_unicode=True))
    return run("promtool", "test", "rules", folder / "texts.yml").stderr


def test_of_many_pages_that_were_open_when_the_exporter_went_five_are_named_and_the_first_step_follows(
    tmp_path: Path,
) -> None:
    """Promtool is told that nothing fires, and prints what does."""
    of = policy("default")
    write(files(of), tmp_path)
    open_ = {"alertname": "CacheVeryHighLatency", "alertstate": "firing", "fleet": of.fleet.name}
    series = [
        {"series": selector("ALERTS", **open_, instance=f"10.0.0.{node}:6379"), "values": "1x10"} for node in range(7)
    ]
    nothing = {"eval_time": "16s", "alertname": "CacheNodeDown", "exp_alerts": []}
    test = {"interval": "1s", "input_series": series, "alert_rule_test": [nothing]}
    suite = {"rule_files": ["rules/node_down.yml"], "evaluation_interval": "1s", "tests": [test]}
    (tmp_path / "open.yml").write_text(yaml.safe_dump(suite))
    printed = run("promtool", "test", "rules", tmp_path / "open.yml")
    named = re.search(r" Open when it went: (.*?) and others, 7 in all\. First: start", printed.stdout + printed.stderr)
    assert named is not None
    assert len(named[1].split(", ")) == 5

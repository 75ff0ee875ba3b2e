"""The backtest says what a real Prometheus says of the same rules over the same data, evaluation by evaluation."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from alerts.backtest.times import parse
from alerts.build import files
from policy.model import Policy
from sandbox.binaries import find
from sandbox.ports import free_port
from sandbox.prometheus import Prometheus, start_prometheus
from tests.integration.backtest_history import STEP, Scene, blocks, promtool_series, scene
from tests.unit.alerts.policies import write
from tests.unit.cli.command import Ended, cachewatch

SECONDS = 3600
POLICY: dict[str, Any] = {
    "fleet": {"name": 'shop "eu"', "nodes": [{"url": "redis://127.0.0.1:7001", "shard": "a"}, "redis://127.0.0.1:7002"]},
    "thresholds": {
        "hit_rate": {"warning": {"for": "60s"}, "critical": {"for": "30s"}},
        "latency_p95": {"warning": {"for": "60s"}, "critical": {"for": "30s"}},
        "memory": {"warning": {"for": "2m"}},
    },
    "rules": {"interval": "5s", "liveness_interval": "5s", "liveness_evaluation": "5s"},
}


@dataclass
class Stage:
    folder: Path
    start: int
    scene: Scene
    server: Prometheus

    def backtest(self, *options: str | Path, start: int = 0, end: int = SECONDS) -> Ended:
        window = ("--from", str(self.start + start), "--to", str(self.start + end))
        return cachewatch(
            self.folder, "alerts", "backtest", "--prometheus", self.server.url, *window, *options
        )

    def told(self, *options: str | Path, **window: int) -> dict[str, Any]:
        ended = self.backtest("--json", *options, **window)
        assert ended.status == 0, ended.err
        found: dict[str, Any] = json.loads(ended.out)
        return found


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """Prometheus on the made-up history and without any rule: what was recorded is not there."""
    folder = tmp_path_factory.mktemp("backtest")
    start = (int(time.time()) - 2 * SECONDS) // 300 * 300
    made = scene(Policy.model_validate(POLICY), SECONDS)
    blocks(made, start, folder)
    (folder / "prometheus.yml").write_text("{}")
    (folder / "cachewatch.yaml").write_text(yaml.safe_dump(POLICY))
    with start_prometheus(folder / "prometheus.yml", folder, free_port()) as server:
        yield Stage(folder, start, made, server)


def firings(told: dict[str, Any], policy: str = "current") -> list[tuple[dict[str, str], int, int, bool]]:
    """Labels, the seconds from which and until which it fired, and whether it ended."""
    return [
        (firing["labels"], parse(firing["from"], 0) // 1000, parse(firing["to"], 0) // 1000, firing["ended"])
        for alert in told["policies"][policy]["alerts"].values()
        for firing in alert["firings"]
    ]


def promtool_says_the_same(stage: Stage, policy: Policy, told: dict[str, Any], which: str, folder: Path) -> None:
    """Replay the history through promtool's rule engine: at each evaluation exactly what the backtest says must fire."""
    found = firings(told, which)

    def at(second: int) -> dict[str, Any]:
        samples = [
            {"labels": promql({**labels, "alertstate": "firing"}), "value": 1}
            for labels, start, end, ended in found
            if start - stage.start <= second and (second < end - stage.start or not ended)
        ]
        return {"expr": 'ALERTS{alertstate="firing"}', "eval_time": f"{second}s", "exp_samples": samples}

    write(files(policy), folder)
    rules = [str(path) for path in sorted((folder / "rules").glob("*.yml"))]
    test = {
        "interval": f"{STEP}s",
        "input_series": promtool_series(stage.scene),
        "promql_expr_test": [at(second) for second in range(0, SECONDS, STEP)],
    }
    suite = {"rule_files": rules, "evaluation_interval": f"{STEP}s", "tests": [test]}
    (folder / "agreement.yml").write_text(yaml.safe_dump(suite, allow_unicode=True))
    argv = [str(find("promtool")), "test", "rules", str(folder / "agreement.yml")]
    result = subprocess.run(argv, capture_output=True, text=True, timeout=120, check=False)
    assert result.returncode == 0, (result.stdout + result.stderr)[:3000]


def promql(labels: dict[str, str]) -> str:
    """The series `ALERTS` with these labels."""
    return "ALERTS{" + ",".join(f"{key}={json.dumps(value, ensure_ascii=False)}" for key, value in labels.items()) + "}"


def test_at_every_evaluation_prometheus_own_rule_engine_fires_the_same(stage: Stage, tmp_path: Path) -> None:
    changes = {"thresholds.hit_rate.warning.below": "72%", "thresholds.latency_p95.critical.above": "2ms"}
    changes |= {"thresholds.latency_p95.warning.above": "1ms", "thresholds.memory.warning.for": "20m"}
    told = stage.told(*(word for key, value in changes.items() for word in ("--set", f"{key}={value}")))
    current = {labels["alertname"] for labels, *_ in firings(told)}
    assert current == {"CacheNodeDown", "CacheLowHitRate", "CacheVeryLowHitRate", "CacheHighLatency", "CacheMemoryHigh"}
    causes = {labels["cause"] for labels, *_ in firings(told) if "cause" in labels}
    assert causes == {"no_answer", "vanished", "unwatched"}
    candidate = {labels["alertname"] for labels, *_ in firings(told, "candidate")}
    assert candidate == current - {"CacheMemoryHigh"} | {"CacheVeryHighLatency"}
    policy = Policy.model_validate(POLICY)
    promtool_says_the_same(stage, policy, told, "current", tmp_path / "current")
    after = {
        "hit_rate": {"warning": {"for": "60s", "below": "72%"}, "critical": {"for": "30s"}},
        "latency_p95": {"warning": {"for": "60s", "above": "1ms"}, "critical": {"for": "30s", "above": "2ms"}},
        "memory": {"warning": {"for": "20m"}},
    }
    promtool_says_the_same(
        stage, Policy.model_validate({**POLICY, "thresholds": after}), told, "candidate", tmp_path / "candidate"
    )

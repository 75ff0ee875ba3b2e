"""A page that is open stays open while Prometheus restarts, with the options that the documents name."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml

from alerts.build import files
from policy.model import Policy
from sandbox.ports import free_port
from sandbox.process import wait_until
from sandbox.prometheus import Prometheus, prometheus_server, start_prometheus
from tests.integration.test_alerts_prometheus import Exporter, hostile_data, port_of
from tests.unit.alerts.policies import write

ROOT = Path(__file__).parents[2]
_PATIENCE = 90.0
_EVALUATIONS = 1


def _full(prometheus: Prometheus) -> list[dict[str, Any]]:
    return [alert for alert in prometheus.alerts() if alert["labels"]["alertname"] == "CacheMemoryHigh"]


def test_what_fired_before_fires_at_once_and_does_not_wait_again(tmp_path: Path) -> None:
    """By default Prometheus forgets it where its `for` is less than ten minutes, and Alertmanager tells that it has ended."""
    data = hostile_data(free_port(), free_port())
    data["thresholds"]["memory"] = {"warning": {"for": "21s"}}
    # It scrapes nothing for its first 5 s, and remembers after the second evaluation: by then there must be something to see.
    data["rules"]["interval"] = "7s"
    policy = Policy.model_validate(data)
    write(files(policy), tmp_path)
    port = port_of(policy.stack.prometheus)
    with Exporter(policy, port_of(policy.stack.exporter)):
        with start_prometheus(tmp_path / "prometheus.yml", tmp_path, port) as server:
            wait_until(lambda: any(alert["state"] == "firing" for alert in _full(server)), _PATIENCE, "the alert")
            began = _full(server)[0]["activeAt"]
            # What Prometheus remembers is its last evaluation: in that one it must have fired.
            fired = f'count_over_time(ALERTS{{alertname="CacheMemoryHigh", alertstate="firing"}}[1m]) > {_EVALUATIONS}'
            wait_until(lambda: bool(server.query(fired)), _PATIENCE, "a few evaluations")
        with start_prometheus(tmp_path / "prometheus.yml", tmp_path, port) as server:
            wait_until(lambda: bool(_full(server)), _PATIENCE, "the alert after the restart")
            wait_until(lambda: _full(server)[0]["activeAt"][:19] == began[:19], 40, "it to have begun when it began")
            wait_until(lambda: _full(server)[0]["state"] == "firing", 40, "the next evaluation")


def test_it_is_started_here_as_the_documents_say() -> None:
    wanted = re.compile(r"--rules\.alert\.[a-z-]+=\w+")
    told = set(wanted.findall((ROOT / "docs/start.md").read_text()))
    compose = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]["prometheus"]["command"]
    assert told == {option for option in compose if wanted.fullmatch(option)}
    assert "--rules.alert.for-grace-period=15s" in told
    assert "--rules.alert.for-grace-period=15s" in prometheus_server(ROOT, ROOT, 1).argv

"""Exporters and a Prometheus that were given different policies: who differs from the rules is told, until it has theirs."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import ExitStack
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Any

import pytest
import yaml

from alerts.build import files
from policy.agreement import fingerprint
from policy.alerts import POLICY_DIFFERS
from policy.model import Policy
from sandbox import web
from sandbox.ports import free_port
from sandbox.process import wait_until
from sandbox.prometheus import Prometheus, start_prometheus
from tests.integration.exporter_support import Serving
from tests.unit.alerts.policies import write

PATIENCE = 60.0


def data(bound: str, prometheus: int) -> dict[str, Any]:
    """A policy with quick rules whose p95 warns above `bound`. Nobody answers at its node."""
    return {
        "fleet": {"nodes": ["redis://127.0.0.1:1"]},
        "thresholds": {"latency_p95": {"warning": {"above": bound}}},
        "rules": {
            "interval": "500ms",
            "liveness_interval": "500ms",
            "liveness_timeout": "500ms",
            "exporter_grace": "10s",
            "rollout_grace": "2s",
        },
        "stack": {"prometheus": f"http://127.0.0.1:{prometheus}"},
    }


@dataclass
class Stage:
    """A Prometheus that reads two exporters. `data` is a policy by the bound of its latency."""

    prometheus: Prometheus
    exporters: tuple[Serving, Serving]
    data: dict[str, dict[str, Any]]

    def fires(self) -> dict[str, str]:
        """The text of what fires, by the exporter that it names."""
        found = [alert for alert in self.prometheus.alerts() if alert["labels"]["alertname"] == POLICY_DIFFERS.name]
        firing = [alert for alert in found if alert["state"] == "firing"]
        return {alert["labels"]["instance"]: alert["annotations"]["description"] for alert in firing}

    def wait(self, *exporters: Serving) -> None:
        """Until it fires for exactly these exporters."""
        wanted = {address(exporter) for exporter in exporters}
        wait_until(lambda: set(self.fires()) == wanted, PATIENCE, f"the alert on {wanted or 'nobody'}", every=0.2)

    def rules_of(self, bound: str) -> None:
        """Build the rules anew and have them read."""
        built(self.data[bound], self.exporters, self.prometheus.directory)
        web.request("POST", f"{self.prometheus.url}/-/reload")


def address(exporter: Serving) -> str:
    return f"127.0.0.1:{exporter.port}"


def given(exporter: Serving, policy: dict[str, Any]) -> None:
    (exporter.directory / "cachewatch.yaml").write_text(yaml.safe_dump(policy))


def built(policy: dict[str, Any], exporters: tuple[Serving, Serving], folder: Path) -> None:
    """What `cachewatch build` makes of it, but that the light job reads both exporters."""
    of = deepcopy(policy)
    of["stack"]["exporter"] = address(exporters[0])
    found = files(Policy.model_validate(of))
    config = yaml.safe_load(found["prometheus.yml"])
    light = next(job for job in config["scrape_configs"] if job["job_name"] == "cachewatch-sli")
    light["static_configs"] = [{"targets": [address(exporter) for exporter in exporters]}]
    write({**found, "prometheus.yml": yaml.safe_dump(config)}, folder)


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    """Rules and one exporter with a bound of 2 ms, another exporter with one of 3 ms."""
    port = free_port()
    policies = {bound: data(bound, port) for bound in ("2ms", "3ms")}
    with ExitStack() as stack:
        ours, theirs = (stack.enter_context(Serving(tmp_path / bound, policy)) for bound, policy in policies.items())
        built(policies["2ms"], (ours, theirs), tmp_path)
        server = stack.enter_context(start_prometheus(tmp_path / "prometheus.yml", tmp_path, port))
        yield Stage(server, (ours, theirs), policies)


def test_the_exporter_with_another_policy_is_told_until_it_has_that_of_the_rules(stage: Stage) -> None:
    ours, theirs = stage.exporters
    stage.wait(theirs)
    two, three = (fingerprint(Policy.model_validate(stage.data[bound])) for bound in ("2ms", "3ms"))
    text = stage.fires()[address(theirs)]
    assert f"The rules have {two}, the exporter {three}. First: " in text
    assert "error expanding" not in text
    given(theirs, stage.data["2ms"])
    os.kill(theirs.pid, signal.SIGHUP)
    stage.wait()
    # Now the rules go ahead of both: they ask for a bucket that neither has.
    stage.rules_of("3ms")
    stage.wait(ours, theirs)
    assert not stage.prometheus.query('cache_probe_duration_seconds_bucket{le="0.003"}')
    for exporter in (ours, theirs):
        given(exporter, stage.data["3ms"])
        web.request("POST", f"{exporter.url}/-/reload")
    stage.wait()


def test_the_restart_of_an_exporter_with_another_policy_changes_nothing(stage: Stage) -> None:
    _, theirs = stage.exporters
    stage.wait(theirs)
    stopped = monotonic()
    theirs.stop()
    theirs.start()
    told = f'cache_policy_info{{instance="{address(theirs)}"}}'
    wait_until(lambda: bool(stage.prometheus.query(told)), PATIENCE, "it to be seen again", every=0.1)
    begun = f'ALERTS{{alertname="{POLICY_DIFFERS.name}",alertstate="pending"}}[{int((monotonic() - stopped) * 1000)}ms]'
    assert not stage.prometheus.query(f"count_over_time({begun})"), "it began anew"
    assert set(stage.fires()) == {address(theirs)}
    # A restart with the file of the rules heals as a reload does.
    given(theirs, stage.data["2ms"])
    theirs.stop()
    theirs.start()
    stage.wait()

"""The same alerts, from Prometheus and from vmalert with VictoriaMetrics, of the same exporter at the same time."""

from __future__ import annotations

import re
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from alerts import engines
from alerts.build import files
from alerts.engines import Target
from alerts.node_down import down_memory
from policy.model import Policy
from sandbox.binaries import find
from sandbox.ports import free_port
from sandbox.process import wait_until
from sandbox.prometheus import Alertmanager, Prometheus, start_alertmanager, start_prometheus
from sandbox.victoria import VmAlert, victoria_metrics, vmalert
from tests.integration.test_alerts_prometheus import DEAD, Exporter, hostile, port_of
from tests.unit.alerts.policies import DATA, policy, write

ALERTS = 9


def built(of: Policy) -> dict[str, str]:
    return engines.convert(files(of), Target("vmalert", of.fleet.name, "15s"))


@pytest.mark.parametrize("name", DATA)
def test_vmalert_accepts_the_rules_and_victoriametrics_the_jobs(name: str, tmp_path: Path) -> None:
    write(built(policy(name)), tmp_path)
    for argv in (
        [str(find("vmalert")), "-dryRun", f"-rule={tmp_path}/rules/*.yml"],
        [str(find("victoria-metrics")), "-promscrape.config.dryRun", f"-promscrape.config={tmp_path}/scrape.yml"],
    ):
        done = subprocess.run(argv, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, done.stderr[-2000:]


@dataclass
class Stage:
    prometheus: Prometheus
    vmalert: VmAlert
    alertmanager: Alertmanager
    exporter: Exporter

    def firing(self, server: Prometheus | VmAlert) -> list[dict[str, Any]]:
        return [alert for alert in server.alerts() if alert["state"] == "firing"]


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """One exporter, scraped by Prometheus and by VictoriaMetrics, each with the rules in its own form."""
    folder = tmp_path_factory.mktemp("engines")
    of = hostile(free_port(), free_port())
    write(files(of), folder / "prometheus")
    write(built(of), folder / "victoria")
    (folder / "alertmanager.yml").write_text("{route: {receiver: nobody, group_wait: 0s}, receivers: [{name: nobody}]}")
    jobs = f"-promscrape.config={folder / 'victoria' / 'scrape.yml'}"
    store = victoria_metrics(folder / "run", free_port(), jobs)
    with (
        Exporter(of, port_of(of.stack.exporter)) as exporter,
        start_alertmanager(folder / "alertmanager.yml", folder / "run", free_port()) as alertmanager,
        start_prometheus(
            folder / "prometheus" / "prometheus.yml", folder / "run", port_of(of.stack.prometheus)
        ) as prometheus,
        store,
        vmalert(folder / "victoria" / "rules", store.url, alertmanager.url, folder / "run", free_port()) as engine,
    ):
        found = Stage(prometheus, engine, alertmanager, exporter)
        for server in (prometheus, engine):
            wait_until(lambda server=server: len(found.firing(server)) == ALERTS, 60, f"{server.name}'s alerts")  # type: ignore[misc]
        yield found


def labels(alerts: list[dict[str, Any]]) -> list[list[tuple[str, str]]]:
    return sorted(sorted(alert["labels"].items()) for alert in alerts)


def texts(alerts: list[dict[str, Any]]) -> list[list[str]]:
    """The texts of all alerts; shares that still move with the filling window are left out."""
    found = [[alert["labels"]["alertname"], *sorted(alert["annotations"].values())] for alert in alerts]
    return sorted([re.sub(r"[\d.]+%", "%", text) for text in one] for one in found)


def test_the_same_alerts_fire_with_the_same_labels(stage: Stage) -> None:
    assert labels(stage.firing(stage.vmalert)) == labels(stage.firing(stage.prometheus))


def test_their_texts_are_the_same(stage: Stage) -> None:
    def same() -> bool:
        return texts(stage.firing(stage.vmalert)) == texts(stage.firing(stage.prometheus))

    wait_until(same, 30, "the texts to agree")


def test_they_arrive_at_alertmanager(stage: Stage) -> None:
    wait_until(lambda: labels(stage.alertmanager.alerts()) == labels(stage.firing(stage.vmalert)), 30, "the alerts")


def test_both_end_and_begin_alerts_alike_when_the_exporter_dies_and_comes_back(stage: Stage) -> None:
    def causes(server: Prometheus | VmAlert) -> set[tuple[str, str]]:
        found = (alert["labels"] for alert in stage.firing(server))
        return {(one["cause"], one["instance"]) for one in found if one["alertname"] == "CacheNodeDown"}

    gone = {("unwatched", stage.exporter.policy.stack.exporter), ("no_answer", DEAD)}
    stage.exporter.stop()
    for server in (stage.prometheus, stage.vmalert):
        wait_until(lambda server=server: causes(server) == gone, 60, f"{server.name}: one page for all")  # type: ignore[misc]
    time.sleep(2 * down_memory(stage.exporter.policy).total_seconds())
    assert causes(stage.prometheus) == causes(stage.vmalert) == gone, "nobody has seen the dead node up"
    stage.exporter.start()
    for server in (stage.prometheus, stage.vmalert):
        wait_until(lambda server=server: ("no_answer", DEAD) in causes(server), 60, f"{server.name}: it sees again")  # type: ignore[misc]
    wait_until(
        lambda: labels(stage.firing(stage.vmalert)) == labels(stage.firing(stage.prometheus)), 60, "the same again"
    )

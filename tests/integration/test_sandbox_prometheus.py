"""Prometheus and Alertmanager as the sandbox runs them."""

from pathlib import Path

import pytest

from sandbox import ports
from sandbox.process import StartFailed, wait_until
from sandbox.prometheus import start_alertmanager, start_prometheus

# Fires when the target that is missing has been scraped, which is after Prometheus has found its Alertmanager.
RULES = "groups: [{name: g, interval: 1s, rules: [{alert: Missing, expr: up == 0, labels: {severity: warning}}]}]"
CONFIG = """
global: {scrape_interval: 1s, evaluation_interval: 1s}
rule_files: [rules.yml]
scrape_configs: [{job_name: missing, static_configs: [{targets: ['127.0.0.1:1']}]}]
alerting: {alertmanagers: [{static_configs: [{targets: ['%s']}]}]}
"""


def test_an_alert_of_a_rule_reaches_alertmanager(tmp_path: Path) -> None:
    (tmp_path / "alertmanager.yml").write_text("{route: {receiver: nobody}, receivers: [{name: nobody}]}")
    (tmp_path / "rules.yml").write_text(RULES)
    with start_alertmanager(tmp_path / "alertmanager.yml", tmp_path / "run", ports.free_port()) as alertmanager:
        (tmp_path / "prometheus.yml").write_text(CONFIG % f"127.0.0.1:{alertmanager.port}")
        with start_prometheus(tmp_path / "prometheus.yml", tmp_path / "run", ports.free_port()) as prometheus:
            assert prometheus.query("1 + 1")[0]["value"][1] == "2"
            wait_until(lambda: bool(prometheus.alerts()), 60, "the alert to fire")
            wait_until(lambda: bool(alertmanager.alerts()), 60, "the alert to arrive")
            assert alertmanager.alerts()[0]["labels"]["alertname"] == "Missing"
    assert ports.is_free(prometheus.port)
    assert ports.is_free(alertmanager.port)


def test_a_configuration_that_prometheus_refuses_is_told_in_its_words(tmp_path: Path) -> None:
    (tmp_path / "prometheus.yml").write_text("scrape_everything: yes\n")
    with pytest.raises(StartFailed, match="scrape_everything"):
        start_prometheus(tmp_path / "prometheus.yml", tmp_path, ports.free_port())

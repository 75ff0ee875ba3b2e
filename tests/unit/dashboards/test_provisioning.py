"""Grafana finds Prometheus and the dashboards by itself."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from dashboards.build import files
from policy.model import Policy
from tests.unit.dashboards.board import board, policy_from


def provisioned(policy: Policy, what: str) -> dict[str, Any]:
    data: dict[str, Any] = yaml.safe_load(files(policy)[f"grafana/provisioning/{what}/cachewatch.yml"])
    assert data["apiVersion"] == 1
    return data


def test_the_data_source_is_the_prometheus_of_the_policy() -> None:
    policy = policy_from("stack: {prometheus: https://metrics.example.com/prom}")
    (source,) = provisioned(policy, "datasources")["datasources"]
    assert source["url"] == "https://metrics.example.com/prom"
    assert source["type"] == "prometheus"


def test_the_dashboard_opens_with_the_provisioned_data_source() -> None:
    (source,) = provisioned(Policy(), "datasources")["datasources"]
    current = board(Policy())["templating"]["list"][0]["current"]
    assert (current["value"], current["text"]) == (source["uid"], source["name"])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{}", "15s"),
        ("{collect: {interval: 75s}, rules: {rate_window: 5m}}", "75s"),
        ("{collect: {interval: 1500ms}, rules: {interval: 1500ms}}", "2s"),
    ],
)
def test_rates_on_the_dashboard_span_four_of_the_slowest_samples(text: str, expected: str) -> None:
    (source,) = provisioned(policy_from(text), "datasources")["datasources"]
    assert source["jsonData"]["timeInterval"] == expected


def test_the_dashboards_are_read_from_where_compose_mounts_them() -> None:
    (provider,) = provisioned(Policy(), "dashboards")["providers"]
    assert provider["options"] == {"path": "/var/lib/cachewatch/dashboards"}
    assert provider["allowUiUpdates"] is False


def test_where_grafana_finds_the_dashboards_is_the_policys_word() -> None:
    (provider,) = provisioned(policy_from("stack: {dashboards: /srv/grafana/cache}"), "dashboards")["providers"]
    assert provider["options"] == {"path": "/srv/grafana/cache"}

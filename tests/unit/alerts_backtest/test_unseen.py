"""Keys of a candidate by which no rule decides."""

from typing import Any

import pytest

from alerts.backtest.unseen import unseen
from policy.model import Policy


@pytest.mark.parametrize(
    ("candidate", "keys"),
    [
        ({"health": {"failures": 50}}, "health.failures"),
        ({"health": {"recoveries": 9, "window": "6m", "max_nodes_down": "50%"}}, "health.recoveries"),
        ({"probe": {"timeout": "3s"}, "breaker": {"min_calls": 9}}, "probe.timeout, breaker.min_calls"),
        ({"collect": {"limits": {"errors": 7}}}, "collect.limits.errors"),
        ({"notify": {"maintenance": [{"weekdays": ["sunday"]}]}}, "notify.maintenance"),
        ({"notify": {"pagerduty": {"routing_key_file": "/run/secret"}}}, "notify.pagerduty"),
    ],
)
def test_what_the_exporter_or_alertmanager_decides_is_named(candidate: dict[str, Any], keys: str) -> None:
    (remark,) = unseen(Policy(), Policy.model_validate(candidate))
    assert remark.startswith(f"{keys}: the exporter or Alertmanager decides by this")


@pytest.mark.parametrize(
    "candidate",
    [
        {},
        {"thresholds": {"memory": {"warning": {"for": "20m"}}}},
        {"health": {"window": "6m", "min_requests": 7}},
        {"rules": {"rate_window": "5m"}},
    ],
)
def test_what_rules_decide_needs_no_remark(candidate: dict[str, Any]) -> None:
    assert list(unseen(Policy(), Policy.model_validate(candidate))) == []

"""The built-in defaults are the tables of the seed, held against its numbers row by row."""

from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from policy.alerts import ALERTS, BY_NAME, SEED_ALERTS
from policy.loader import load, parse
from policy.model import Policy
from policy.units import duration_text, latency_text, percent_text

POLICY = Policy()

# "Key Metrics": metric, target, warning, critical.
KEY_METRICS = [
    ("hit_rate", "80%", "75%", "70%"),
    ("latency_p50", "0.5ms", "1ms", "2ms"),
    ("latency_p95", "1ms", "2ms", "5ms"),
    ("latency_p99", "2ms", "5ms", "10ms"),
    ("availability", "99.99%", "99.9%", "99%"),
    ("memory", "80%", "85%", "90%"),
]
# "Alerting Thresholds": alert, row, threshold, for, severity, action.
ALERTING_THRESHOLDS = [
    ("CacheLowHitRate", "hit_rate", "75%", "10m", "warning", "investigate"),
    ("CacheVeryLowHitRate", "hit_rate", "70%", "5m", "critical", "page"),
    ("CacheHighLatency", "latency_p95", "2ms", "5m", "warning", "check_nodes"),
    ("CacheVeryHighLatency", "latency_p95", "5ms", "2m", "critical", "page"),
    ("CacheNodeDown", None, None, None, "critical", "automatic_failover"),
    ("CacheMemoryHigh", "memory", "85%", "10m", "warning", "check_eviction"),
]
# "Timeout and Retry Policies": operation, timeout, retries, backoff.
TIMEOUTS = [("get", "10ms", 1, "0s"), ("set", "10ms", 1, "0s"), ("connection", "5s", 2, "1s")]


def side(level: Any) -> str:
    return "below" if hasattr(level, "below") else "above"


def shown(value: timedelta | Decimal) -> str:
    return latency_text(value) if isinstance(value, timedelta) else percent_text(value)


def bound(level: Any) -> str:
    return shown(getattr(level, side(level)))


def test_the_table_of_key_metrics_is_whole() -> None:
    assert [row for row, *_ in KEY_METRICS] == list(type(POLICY.thresholds).model_fields)


@pytest.mark.parametrize(("row", "target", "warning", "critical"), KEY_METRICS)
def test_each_key_metric_has_the_seeds_numbers(row: str, target: str, warning: str, critical: str) -> None:
    found = getattr(POLICY.thresholds, row)
    assert (shown(found.target), bound(found.warning), bound(found.critical)) == (target, warning, critical)


def test_shares_that_should_be_high_warn_below_and_all_else_warns_above() -> None:
    sides = {row: side(getattr(POLICY.thresholds, row).warning) for row, *_ in KEY_METRICS}
    assert {row for row, found in sides.items() if found == "below"} == {"hit_rate", "availability"}


def test_the_table_of_alerts_is_whole() -> None:
    assert [name for name, *_ in ALERTING_THRESHOLDS] == [spec.name for spec in SEED_ALERTS]
    assert [spec.name for spec in ALERTS] == list(BY_NAME)


@pytest.mark.parametrize(("name", "row", "threshold", "held", "severity", "action"), ALERTING_THRESHOLDS)
def test_each_alert_has_the_seeds_threshold_time_severity_and_action(
    name: str, row: str | None, threshold: str | None, held: str | None, severity: str, action: str
) -> None:
    spec = BY_NAME[name]
    assert (spec.row, spec.severity, spec.action) == (row, severity, action)
    if row is not None:
        level = getattr(getattr(POLICY.thresholds, row), severity)
        assert spec.level == severity
        assert (bound(level), duration_text(level.for_)) == (threshold, held)


def test_an_alert_silences_its_milder_siblings() -> None:
    slow = ("CacheHighLatency", "CacheHighLatencyP50", "CacheHighLatencyP99", "CacheLowAvailability")
    assert {spec.name: spec.inhibits for spec in ALERTS if spec.inhibits} == {
        "CacheVeryLowHitRate": ("CacheLowHitRate",),
        "CacheErrorBudgetBurnFast": ("CacheErrorBudgetBurnSlow",),
        "CacheSentinelQuorumLost": ("CacheSentinelMissing",),
        "CacheVeryHighLatency": slow,
        "CacheVeryHighLatencyP50": slow,
        "CacheVeryHighLatencyP99": slow,
        "CacheVeryLowAvailability": slow,
        "CacheMemoryVeryHigh": ("CacheMemoryHigh",),
        "CacheFailoverOverdue": ("CacheWritesToReplica",),
        "CacheWritesRefused": ("CachePersistenceFailed", "CacheMemoryHigh"),
    }


@pytest.mark.parametrize(("operation", "timeout", "retries", "backoff"), TIMEOUTS)
def test_each_timeout_is_the_seeds(operation: str, timeout: str, retries: int, backoff: str) -> None:
    found = getattr(POLICY.timeouts, operation)
    assert (duration_text(found.timeout), found.retries, duration_text(found.backoff)) == (timeout, retries, backoff)


def test_the_breaker_is_the_seeds() -> None:
    """Failure threshold: 50% for 10 seconds; half-open timeout: 30 seconds."""
    breaker = POLICY.breaker
    assert (percent_text(breaker.failure_rate), duration_text(breaker.window)) == ("50%", "10s")
    assert duration_text(breaker.half_open_after) == "30s"


def test_health_is_asked_for_every_ten_seconds_as_the_seed_says() -> None:
    assert duration_text(POLICY.collect.interval) == "10s"


def test_the_objective_is_the_seeds_availability() -> None:
    (slo,) = POLICY.slos
    assert (slo.name, slo.objective, slo.window_text) == ("availability", Decimal("99.99"), "30d")


def test_without_a_file_the_redis_of_this_machine_is_watched() -> None:
    loaded = load(None)
    assert loaded.policy == POLICY
    assert [node.instance for node in loaded.policy.fleet.nodes] == ["127.0.0.1:6379"]


def test_with_sentinel_alone_no_node_is_assumed() -> None:
    fleet = parse("fleet: {sentinel: {addresses: [10.0.0.9]}}", "p.yaml", Path("/")).policy.fleet
    assert fleet.nodes == ()
    assert fleet.sentinel is not None
    assert (fleet.sentinel.addresses, fleet.sentinel.masters) == (("10.0.0.9:26379",), None)


def test_a_key_of_the_file_leaves_its_neighbours_at_the_seeds_values() -> None:
    text = "thresholds: {hit_rate: {warning: {below: 72%}}}\nnotify: {page: {group_wait: 1s}}\ntimeouts: {get: {retries: 0}}"
    policy = parse(text, "p.yaml", Path("/")).policy
    assert policy.thresholds.hit_rate.warning.below == Decimal("0.72")
    assert duration_text(policy.thresholds.hit_rate.warning.for_) == "10m"
    assert policy.thresholds.latency_p95 == POLICY.thresholds.latency_p95
    assert (duration_text(policy.notify.page.group_wait), policy.notify.ticket) == ("1s", POLICY.notify.ticket)
    assert (policy.timeouts.get.retries, policy.timeouts.get.timeout) == (0, POLICY.timeouts.get.timeout)


def test_a_policy_cannot_be_changed_after_it_was_read() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        POLICY.thresholds.hit_rate.target = Decimal(1)
    assert hash(POLICY) == hash(Policy())


def test_by_default_a_killed_node_pages_within_six_seconds_and_a_hung_one_within_seven() -> None:
    """Three probes of 500 ms, then scrape 2 s, evaluation 1 s, group_interval 1 s; a hung probe waits its second."""
    assert POLICY.page_bound_seconds() == {"killed": 5.5, "hung": 6.5}


def test_good_news_wait_no_longer_than_a_verdict_stays_young() -> None:
    assert (POLICY.verdict_max_age(), POLICY.news_pause()) == (5.0, 0.5)
    probe = {"interval": "500ms", "timeout": "1s"}
    for max_age, pause in (("2s", 0.0), ("2200ms", 0.2), ("10s", 0.5)):
        tight = Policy.model_validate({"probe": probe, "health": {"max_age": max_age}})
        assert tight.news_pause() == pytest.approx(pause)

"""The alert that always fires, as an Alertmanager tells of it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from alerts.running import watchdog
from tests.unit.alerts import policies

NOW = datetime(2026, 11, 30, 21, 0, tzinfo=UTC)
LONG = NOW - timedelta(minutes=3)
BEATS, QUIET = policies.policy("told"), policies.policy("default")


@pytest.mark.parametrize("began", [None, LONG])
@pytest.mark.parametrize("told", [[], {}, None, ["x"]])
def test_one_that_has_not_come_is_told(told: Any, began: datetime | None) -> None:
    (problem,) = watchdog.problems(QUIET, told, began, NOW)
    assert problem.startswith("has no CacheWatchdog of this fleet, which always fires: ")


@pytest.mark.parametrize(
    "status", [{"silencedBy": [], "inhibitedBy": ["x"]}, {"silencedBy": None}, {"silencedBy": "x"}, None]
)
def test_one_that_is_there_is_fine(status: Any) -> None:
    assert list(watchdog.problems(BEATS, [{"status": status}], LONG, NOW)) == []


def test_a_silence_stops_the_heartbeat_where_there_is_one() -> None:
    told = [{"status": {"silencedBy": ["a", "b"]}}]
    assert BEATS.notify.heartbeat is not None
    (problem,) = watchdog.problems(BEATS, told, NOW, NOW)
    assert problem.startswith("CacheWatchdog is silenced (by a, b), and so the heartbeat stops: ")
    assert list(watchdog.problems(QUIET, told, LONG, NOW)) == []


def test_one_that_has_just_begun_is_given_time() -> None:
    assert list(watchdog.problems(QUIET, [], NOW - timedelta(minutes=1), NOW)) == []


def test_of_several_prometheus_each_brings_its_own() -> None:
    several = policies.policy("patient")
    who = several.stack.prometheus_addresses
    told = [{"labels": {"prometheus_replica": each}, "status": {}} for each in who]
    assert list(watchdog.problems(several, told, LONG, NOW)) == []
    (problem,) = watchdog.problems(several, told[:1], LONG, NOW)
    assert problem.startswith("has no CacheWatchdog of this fleet, which always fires, of Prometheus ")
    assert f"{who[1]} (prometheus-2.yml)" in problem
    (problem,) = watchdog.problems(several, [{"labels": {}, "status": {}}], LONG, NOW)
    assert f"{who[0]} (prometheus.yml), {who[1]} (prometheus-2.yml)" in problem
    (problem,) = watchdog.problems(several, [], LONG, NOW)
    assert "no Prometheus brings it alerts" in problem
    assert list(watchdog.problems(several, told[:1], NOW - timedelta(minutes=1), NOW)) == []


def test_of_several_one_that_is_not_silenced_beats_on() -> None:
    told = [{"status": {"silencedBy": ["a"]}}, {"status": {"silencedBy": []}}]
    assert list(watchdog.problems(BEATS, told, LONG, NOW)) == []

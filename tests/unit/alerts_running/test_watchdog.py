"""The alert that always fires, as an Alertmanager tells of it."""

from __future__ import annotations

from typing import Any

import pytest

from alerts.running import watchdog
from tests.unit.alerts import policies

BEATS, QUIET = policies.policy("told"), policies.policy("default")


@pytest.mark.parametrize("told", [[], {}, None, ["x"]])
def test_one_that_has_not_come_is_told(told: Any) -> None:
    (problem,) = watchdog.problems(QUIET, told)
    assert problem.startswith("has no CacheWatchdog of this fleet, which always fires: ")


@pytest.mark.parametrize(
    "status", [{"silencedBy": [], "inhibitedBy": ["x"]}, {"silencedBy": None}, {"silencedBy": "x"}, None]
)
def test_one_that_is_there_is_fine(status: Any) -> None:
    assert list(watchdog.problems(BEATS, [{"status": status}])) == []


def test_a_silence_stops_the_heartbeat_where_there_is_one() -> None:
    told = [{"status": {"silencedBy": ["a", "b"]}}]
    assert BEATS.notify.heartbeat is not None
    (problem,) = watchdog.problems(BEATS, told)
    assert problem.startswith("CacheWatchdog is silenced (by a, b), and so the heartbeat stops: ")
    assert list(watchdog.problems(QUIET, told)) == []

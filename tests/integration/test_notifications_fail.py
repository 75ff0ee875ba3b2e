"""PagerDuty and Slack refuse, through a real Alertmanager and notifier: what tells of it goes on until one is mended."""

from __future__ import annotations

import time
from pathlib import Path

from bench.alert_quality import hurry
from sandbox.process import wait_until
from sandbox.redis_node import RedisNode
from sandbox.stack import Stack

WAYS = ("pagerduty", "slack")
# Alertmanager's attempts fail each 10 s at the soonest: two of them, and what comes between two scrapes.
LASTS = 25.0


def failing(stack: Stack) -> set[str]:
    """The parts of CacheNotificationsFailing that fire."""
    alerts = [alert for alert in stack.prometheus.alerts() if alert["state"] == "firing"]
    return {a["labels"]["part"] for a in alerts if a["labels"]["alertname"] == "CacheNotificationsFailing"}


def test_where_both_ways_fail_the_alert_that_stops_the_heartbeat_stays_until_they_are_mended(
    redis_node: RedisNode, tmp_path: Path
) -> None:
    (tmp_path / "stack").mkdir()
    with Stack(tmp_path / "stack", {"nodes": [f"redis://{redis_node.instance}"]}, hurry.cluster()) as stack:
        stack.wait_for({"sum(cache_node_up)": 1})
        for way in WAYS:
            stack.sink.fail(way, 500, times=10_000)
        redis_node.kill()
        wait_until(lambda: failing(stack) == {"all", *WAYS}, 90, "both ways to fail", every=0.5)
        until = time.monotonic() + LASTS
        while time.monotonic() < until:
            assert failing(stack) == {"all", *WAYS}
            time.sleep(0.5)
        for way in WAYS:
            stack.sink.fail(way, 500, times=0)
        wait_until(lambda: all(map(stack.sink.received, WAYS)), 60, "both to be told", every=0.5)
        wait_until(lambda: failing(stack) == set(), 90, "it to end", every=0.5)

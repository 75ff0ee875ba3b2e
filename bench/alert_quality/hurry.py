"""The policy of the run: the default thresholds, with waits and windows a fifteenth of the default, so that it ends.

An interval of 15 s is 1 s, a window of a minute 4 s, a `for` of five minutes 20 s: as many windows and evaluations as the
default has. What is counted is not shortened with them: a node is down after 1.5 s, as by default.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any

from pydantic import BaseModel

from policy.model import Policy
from policy.units import duration_text

FACTOR = 15
_WAITS = {"for_": "for", "within": "within", "keep_firing_for": "keep_firing_for"}
_SECTIONS = ("thresholds", "alerts")


# What Redis, Sentinel and Cluster need they need here, too: a failover takes its seconds.
_REDIS: dict[str, str] = {
    "alerts.failover.for": "20s",
    "alerts.writes_refused.for": "10s",
    "alerts.slots.for": "10s",
    "alerts.quorum.for": "10s",
    # p99 must leave p95 its minute, and availability comes after both.
    "thresholds.latency_p99.warning.for": "80s",
    "thresholds.latency_p99.critical.for": "70s",
    "thresholds.availability.warning.for": "80s",
    "thresholds.availability.critical.for": "70s",
}


def _waits(model: BaseModel, path: str) -> Iterator[tuple[str, timedelta]]:
    """The key and the default of each wait below a section of the policy."""
    for name in type(model).model_fields:
        value = getattr(model, name)
        if isinstance(value, BaseModel):
            yield from _waits(value, f"{path}.{name}")
        elif name in _WAITS and isinstance(value, timedelta):
            yield f"{path}.{_WAITS[name]}", value


def _shortened_waits() -> dict[str, str]:
    policy = Policy()
    sections = [name for name in _SECTIONS if hasattr(policy, name)]
    found = (wait for name in sections for wait in _waits(getattr(policy, name), name))
    shortened = {key: duration_text(value / FACTOR) for key, value in found}
    return {key: _REDIS.get(key, value) for key, value in shortened.items()}


_STACK: dict[str, Any] = {
    "collect.interval": "1s",
    "collect.timeout": "500ms",
    "collect.detail_interval": "4s",
    "collect.connect_interval": "20s",
    "probe.interval": "50ms",
    "health.failures": 30,  # 1.5 s, as three probes of the default
    "health.window": "20s",
    "rules.interval": "1s",
    "rules.liveness_interval": "1s",
    "rules.liveness_timeout": "1s",
    "rules.rate_window": "4s",
    "rules.keep_firing_for": "20s",
    "rules.exporter_grace": "6s",  # a restart of the exporter takes as long as ever
    "rules.discovery_grace": "20s",
    "rules.stack_grace": "10s",
    "rules.rollout_grace": "60s",
    "notify.ticket.group_wait": "5s",
    "notify.ticket.group_interval": "5s",
}
SHORTENED: Mapping[str, Any] = {"fleet.sentinel.refresh": "1s", **_STACK, **_shortened_waits()}


def cluster() -> Mapping[str, Any]:
    """The same for a Cluster."""
    return {key: value for key, value in SHORTENED.items() if not key.startswith("fleet.sentinel")}


# The objective is the default's, and so is the share of its budget that pages; the windows, of 1h and 5m, are a fifteenth. The
# other burn rates have none that a run could wait for: a ticket's, cut shorter than the page's, would come before the page.
_BUDGET: dict[str, Any] = {
    "rules.slo_interval": "2s",
    "slos": [
        {
            "name": "availability",
            "objective": "99.99%",
            "burn": [{"factor": "14.4", "long": "4m", "short": "20s", "severity": "critical"}],
        }
    ],
}


def listed() -> Mapping[str, Any]:
    """The same for nodes that the policy lists, with an objective that a run can miss."""
    return {**cluster(), **_BUDGET}

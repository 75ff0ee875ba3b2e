"""The alerts: which row and level of the thresholds each speaks of, how severe it is and what to do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Severity = Literal["warning", "critical"]
Action = Literal["investigate", "page", "check_nodes", "automatic_failover", "check_eviction"]


@dataclass(frozen=True, slots=True)
class AlertSpec:
    """One alert. `row` and `level` name its threshold, None for one that judges no measured row.

    `inhibits` names the alerts that this one silences, `per` the labels that must be equal for it.
    """

    name: str
    row: str | None
    level: Severity | None
    severity: Severity
    action: Action
    per: tuple[str, ...]
    inhibits: tuple[str, ...] = ()


_NODE, _FLEET = ("fleet", "instance"), ("fleet",)
_SLOW = ("CacheHighLatency", "CacheHighLatencyP50", "CacheHighLatencyP99", "CacheLowAvailability")
# What a node that is down may be told of as well.
_SYMPTOMS = (
    *_SLOW,
    "CacheVeryHighLatency",
    "CacheVeryHighLatencyP50",
    "CacheVeryHighLatencyP99",
    "CacheVeryLowAvailability",
    "CacheMemoryHigh",
    "CacheMemoryVeryHigh",
    "CacheWritesRefused",
    "CacheReplicaLinkDown",
    "CacheReplicationLag",
    "CacheEvictions",
    "CacheRejectedConnections",
    "CacheClientsNearLimit",
    "CachePersistenceFailed",
    "CacheMemoryFragmentation",
)

# Section 2 of the seed, table "Alerting Thresholds".
SEED_ALERTS: tuple[AlertSpec, ...] = (
    AlertSpec("CacheLowHitRate", "hit_rate", "warning", "warning", "investigate", _FLEET),
    AlertSpec("CacheVeryLowHitRate", "hit_rate", "critical", "critical", "page", _FLEET, ("CacheLowHitRate",)),
    AlertSpec("CacheHighLatency", "latency_p95", "warning", "warning", "check_nodes", _NODE),
    AlertSpec("CacheVeryHighLatency", "latency_p95", "critical", "critical", "page", _NODE, _SLOW),
    AlertSpec("CacheNodeDown", None, None, "critical", "automatic_failover", _NODE, _SYMPTOMS),
    AlertSpec("CacheMemoryHigh", "memory", "warning", "warning", "check_eviction", _NODE),
)
# The seed does not know it: whoever names the nodes can fail as well, and then nobody sees that they change.
DISCOVERY_FAILING = AlertSpec("CacheDiscoveryFailing", None, None, "warning", "investigate", _FLEET)


def _row(name: str, row: str, level: Severity, action: Action, *inhibits: str) -> AlertSpec:
    return AlertSpec(name, row, level, level, action, _NODE, inhibits)


def _other(name: str, severity: Severity, action: Action, per: tuple[str, ...] = _NODE, *inhibits: str) -> AlertSpec:
    return AlertSpec(name, None, None, severity, action, per, inhibits)


# The other rows of the seed's table "Key Metrics".
ROW_ALERTS: tuple[AlertSpec, ...] = (
    _row("CacheHighLatencyP50", "latency_p50", "warning", "check_nodes"),
    _row("CacheVeryHighLatencyP50", "latency_p50", "critical", "page", *_SLOW),
    _row("CacheHighLatencyP99", "latency_p99", "warning", "check_nodes"),
    _row("CacheVeryHighLatencyP99", "latency_p99", "critical", "page", *_SLOW),
    _row("CacheLowAvailability", "availability", "warning", "check_nodes"),
    _row("CacheVeryLowAvailability", "availability", "critical", "page", *_SLOW),
    _row("CacheMemoryVeryHigh", "memory", "critical", "page", "CacheMemoryHigh"),
)
# What an operator of Redis needs beside the seed's tables.
REDIS_ALERTS: tuple[AlertSpec, ...] = (
    _other("CacheFailoverOverdue", "critical", "page", _FLEET),
    _other("CacheWritesRefused", "critical", "page", _NODE, "CachePersistenceFailed", "CacheMemoryHigh"),
    _other("CacheSlotsUncovered", "critical", "page", _FLEET),
    _other("CacheSentinelQuorumLost", "critical", "page", _FLEET),
    _other("CacheReplicasMissing", "warning", "check_nodes", _FLEET),
    _other("CacheReplicaLinkDown", "warning", "check_nodes"),
    _other("CacheReplicationLag", "warning", "check_nodes"),
    _other("CacheEvictions", "warning", "check_eviction"),
    _other("CacheRejectedConnections", "warning", "check_nodes"),
    _other("CacheClientsNearLimit", "warning", "check_nodes"),
    _other("CachePersistenceFailed", "warning", "check_nodes"),
    _other("CacheMemoryFragmentation", "warning", "investigate"),
    _other("CacheNodesDiffer", "warning", "investigate", _FLEET),
)
ALERTS = (*SEED_ALERTS, *ROW_ALERTS, *REDIS_ALERTS, DISCOVERY_FAILING)
BY_NAME = {spec.name: spec for spec in ALERTS}

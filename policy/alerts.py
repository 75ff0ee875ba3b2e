"""The alerts: which row and level of the thresholds each speaks of, how severe it is and what to do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

# `none` is the Watchdog's alone: an alert that fires while all is well must read as no alarm anywhere.
Severity = Literal["none", "warning", "critical"]
Action = Literal["none", "investigate", "page", "check_nodes", "automatic_failover", "check_eviction"]

# Of one node, and yet explained by the death of another one of its shard.
_FOLLOWS_ITS_SHARD = frozenset(
    {"CacheReplicaLinkDown", "CacheReplicasFlapping", "CacheReplicationLag", "CacheReplicasMissing"}
)
# Of Redis itself, and yet read from the light page.
_READS_SLI = frozenset(
    {"CacheFailoverOverdue", "CacheSentinelMissing", "CacheCollectionFailing", "CacheCertificateExpiring"}
)

PAGES = {"severity": "critical", "action": "page"}
"""An alert that has one of these labels is a page, whoever made it; the others are tickets."""


UNSEEN = "unseen"
"""The annotation that says why nobody would see a page heal; empty, or not there, while somebody would."""


TOLD_BY = "prometheus_replica"
"""The label, given where alerts go out, that says which of several Prometheus tells: each knows an end of its own."""


def told_of(labels: Mapping[str, str]) -> dict[str, str]:
    """What an alert with these labels is about, whichever Prometheus tells it."""
    return {name: value for name, value in labels.items() if name != TOLD_BY}


def is_page(labels: Mapping[str, str]) -> bool:
    """Whether an alert with these labels pages."""
    return any(labels.get(name) == value for name, value in PAGES.items())


@dataclass(frozen=True, slots=True)
class AlertSpec:
    """One alert. `row` and `level` name its threshold, None for one that judges no measured row.

    `per` are the labels that tell two subjects of it apart. `inhibits` names the alerts about the same subject that this
    one silences; what silences others beside that follows from the data here, see `alerts.inhibition`. `about` tells
    the alerts on the watching itself from those on the cache.
    """

    name: str
    row: str | None
    level: Severity | None
    severity: Severity
    action: Action
    per: tuple[str, ...]
    inhibits: tuple[str, ...] = ()
    about: Literal["cache", "stack"] = "cache"

    @property
    def pages(self) -> bool:
        """Whether somebody is told at once, by every way there is; the others are tickets."""
        return is_page({"severity": self.severity, "action": self.action})

    @property
    def ends_unseen(self) -> bool:
        """Whether it is a page on the cache that ends when nobody looks any more; CacheNodeDown goes on until somebody has."""
        return self.pages and self.about == "cache" and self.name != "CacheNodeDown"

    @property
    def of_node(self) -> bool:
        """Whether its subject is a node of the cache."""
        return self.about == "cache" and "instance" in self.per

    @property
    def follows_its_shard(self) -> bool:
        """Whether the death of any node of the shard explains it."""
        return self.name in _FOLLOWS_ITS_SHARD

    @property
    def reads_metrics(self) -> bool:
        """Whether it judges the node facts of `/metrics`, and knows nothing without that page."""
        return self in REDIS_ALERTS and self.name not in _READS_SLI

    @property
    def is_probed(self) -> bool:
        """Whether it judges what the prober measures, and knows nothing without it."""
        return self.row is not None and self.row.startswith(("latency_", "availability"))


_FLEET, _SHARD, _NODE = ("fleet",), ("fleet", "shard"), ("fleet", "instance")
_SLOW = ("CacheHighLatency", "CacheHighLatencyP50", "CacheHighLatencyP99", "CacheLowAvailability")

# Section 2 of the seed, table "Alerting Thresholds".
SEED_ALERTS: tuple[AlertSpec, ...] = (
    AlertSpec("CacheLowHitRate", "hit_rate", "warning", "warning", "investigate", _FLEET),
    AlertSpec("CacheVeryLowHitRate", "hit_rate", "critical", "critical", "page", _FLEET, ("CacheLowHitRate",)),
    AlertSpec("CacheHighLatency", "latency_p95", "warning", "warning", "check_nodes", _NODE),
    AlertSpec("CacheVeryHighLatency", "latency_p95", "critical", "critical", "page", _NODE, _SLOW),
    AlertSpec("CacheNodeDown", None, None, "critical", "automatic_failover", _NODE),
    AlertSpec("CacheMemoryHigh", "memory", "warning", "warning", "check_eviction", _NODE),
)
# The seed does not know it: whoever names the nodes can fail as well, and then nobody sees that they change.
DISCOVERY_FAILING = AlertSpec("CacheDiscoveryFailing", None, None, "warning", "investigate", ("fleet", "part"))


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
CLIENT_CERTIFICATE = "client"
"""The label `part` of CacheCertificateExpiring where it speaks of the exporter's own certificate, and of no node."""
CERTIFICATE_EXPIRING, FRAGMENTED = "CacheCertificateExpiring", "CacheMemoryFragmentation"
ACCESS_DENIED, MAIN_THREAD_BUSY = "CacheAccessDenied", "CacheMainThreadBusy"
# What an operator of Redis needs beside the seed's tables.
REDIS_ALERTS: tuple[AlertSpec, ...] = (
    # While nobody is primary whoever writes meets a replica.
    _other("CacheFailoverOverdue", "critical", "page", _SHARD, "CacheWritesToReplica"),
    _other("CacheWritesRefused", "critical", "page", _NODE, "CachePersistenceFailed", "CacheMemoryHigh"),
    _other("CacheSlotsUncovered", "critical", "page", _FLEET),
    _other("CacheSentinelQuorumLost", "critical", "page", _FLEET, "CacheSentinelMissing"),
    _other("CacheSentinelMissing", "warning", "investigate", _FLEET),
    _other("CacheReplicasMissing", "warning", "check_nodes", _SHARD),
    _other("CacheReplicaLinkDown", "warning", "check_nodes"),
    _other("CacheReplicasFlapping", "warning", "check_nodes"),
    _other("CacheReplicationLag", "warning", "check_nodes"),
    _other("CacheWritesToReplica", "warning", "investigate"),
    _other("CacheEvictions", "warning", "check_eviction"),
    _other(ACCESS_DENIED, "warning", "investigate"),
    _other(MAIN_THREAD_BUSY, "warning", "investigate"),
    _other("CacheRejectedConnections", "warning", "check_nodes"),
    _other("CacheClientsNearLimit", "warning", "check_nodes"),
    _other("CachePersistenceFailed", "warning", "check_nodes"),
    _other(FRAGMENTED, "warning", "investigate"),
    _other("CacheNodesDiffer", "warning", "investigate", _FLEET),
    _other("CacheCollectionFailing", "warning", "investigate"),
    _other(CERTIFICATE_EXPIRING, "warning", "investigate"),
)


def _stack(name: str, severity: Severity, action: Action, *per: str) -> AlertSpec:
    return AlertSpec(name, None, None, severity, action, ("fleet", *per), about="stack")


# The watching itself. What breaks the way to a person, or a page's, is a warning, for the cache is well, and yet told at
# once by every way there is, for the next page would not come.
STACK_ALERTS: tuple[AlertSpec, ...] = (
    _stack("CacheProberDown", "critical", "page", "instance"),
    _stack("CacheMetricsMissing", "warning", "page", "instance"),
    _stack("CacheWatchedTwice", "warning", "investigate"),
    _stack("CachePolicyDiffers", "warning", "investigate", "instance"),
    _stack("CacheNotifierDown", "warning", "page", "instance"),
    _stack("CacheRuleFailures", "critical", "page", "part"),
    _stack("CacheNotificationsFailing", "warning", "page", "part"),
    _stack("CacheAlertmanagerDown", "critical", "page", "instance"),
    _stack("CacheAlertmanagerPeerDown", "warning", "investigate"),
    _stack("CachePrometheusPeerDown", "warning", "investigate", "instance"),
    _stack("CacheWatchdog", "none", "none"),
)
(
    PROBER_DOWN,
    METRICS_MISSING,
    WATCHED_TWICE,
    POLICY_DIFFERS,
    NOTIFIER_DOWN,
    RULE_FAILURES,
    NOTIFICATIONS_FAILING,
    ALERTMANAGER_DOWN,
    ALERTMANAGER_PEER_DOWN,
    PROMETHEUS_PEER_DOWN,
    WATCHDOG,
) = STACK_ALERTS
# One of each for every objective: the error budget is spent too fast, and no other alert tells of it.
BURN_SLOW = AlertSpec("CacheErrorBudgetBurnSlow", None, None, "warning", "investigate", ("fleet", "slo"))
BURN_FAST = AlertSpec(
    "CacheErrorBudgetBurnFast", None, None, "critical", "page", ("fleet", "slo"), ("CacheErrorBudgetBurnSlow",)
)
ALERTS = (*SEED_ALERTS, *ROW_ALERTS, *REDIS_ALERTS, DISCOVERY_FAILING, BURN_FAST, BURN_SLOW, *STACK_ALERTS)
BY_NAME = {spec.name: spec for spec in ALERTS}

"""The alerts: which row and level of the thresholds each speaks of, how severe it is and what to do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

# `none` is the Watchdog's alone: an alert that fires while all is well must read as no alarm anywhere.
Severity = Literal["none", "warning", "critical"]
Action = Literal["none", "investigate", "page", "check_nodes", "automatic_failover", "check_eviction"]

# Of one node, and yet explained by the death of another one of its shard.
_FOLLOWS_ITS_SHARD = frozenset({"CacheReplicaLinkDown", "CacheReplicationLag", "CacheReplicasMissing"})


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
        return self.severity == "critical" or self.action == "page"

    @property
    def of_node(self) -> bool:
        """Whether its subject is a node of the cache."""
        return self.about == "cache" and "instance" in self.per

    @property
    def follows_its_shard(self) -> bool:
        """Whether the death of any node of the shard explains it."""
        return self.name in _FOLLOWS_ITS_SHARD

    @property
    def is_probed(self) -> bool:
        """Whether it judges what the prober measures, and knows nothing without it."""
        return self.row is not None and self.row.startswith(("latency_", "availability"))


# Section 2 of the seed, table "Alerting Thresholds".
SEED_ALERTS: tuple[AlertSpec, ...] = (
    AlertSpec("CacheLowHitRate", "hit_rate", "warning", "warning", "investigate", ("fleet",)),
    AlertSpec("CacheVeryLowHitRate", "hit_rate", "critical", "critical", "page", ("fleet",), ("CacheLowHitRate",)),
    AlertSpec("CacheHighLatency", "latency_p95", "warning", "warning", "check_nodes", ("fleet", "instance")),
    AlertSpec(
        "CacheVeryHighLatency",
        "latency_p95",
        "critical",
        "critical",
        "page",
        ("fleet", "instance"),
        ("CacheHighLatency",),
    ),
    AlertSpec("CacheNodeDown", None, None, "critical", "automatic_failover", ("fleet", "instance")),
    AlertSpec("CacheMemoryHigh", "memory", "warning", "warning", "check_eviction", ("fleet", "instance")),
)
# The seed does not know it: whoever names the nodes can fail as well, and then nobody sees that they change.
DISCOVERY_FAILING = AlertSpec("CacheDiscoveryFailing", None, None, "warning", "investigate", ("fleet", "part"))


def _stack(name: str, severity: Severity, action: Action, *per: str) -> AlertSpec:
    return AlertSpec(name, None, None, severity, action, ("fleet", *per), about="stack")


# The watching itself. What breaks the way to a person is a warning, for the cache is well, and yet told at once by every
# way there is, for the next page would not come.
STACK_ALERTS: tuple[AlertSpec, ...] = (
    _stack("CacheProberDown", "critical", "page", "instance"),
    _stack("CacheNotifierDown", "warning", "page", "instance"),
    _stack("CacheRuleFailures", "critical", "page", "part"),
    _stack("CacheNotificationsFailing", "warning", "page", "part"),
    _stack("CacheAlertmanagerDown", "critical", "page", "instance"),
    _stack("CacheWatchdog", "none", "none"),
)
PROBER_DOWN, NOTIFIER_DOWN, RULE_FAILURES, NOTIFICATIONS_FAILING, ALERTMANAGER_DOWN, WATCHDOG = STACK_ALERTS
ALERTS = (*SEED_ALERTS, DISCOVERY_FAILING, *STACK_ALERTS)
BY_NAME = {spec.name: spec for spec in ALERTS}

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
    AlertSpec(
        "CacheNodeDown",
        None,
        None,
        "critical",
        "automatic_failover",
        ("fleet", "instance"),
        ("CacheHighLatency", "CacheVeryHighLatency", "CacheMemoryHigh"),
    ),
    AlertSpec("CacheMemoryHigh", "memory", "warning", "warning", "check_eviction", ("fleet", "instance")),
)
# The seed does not know it: whoever names the nodes can fail as well, and then nobody sees that they change.
DISCOVERY_FAILING = AlertSpec("CacheDiscoveryFailing", None, None, "warning", "investigate", ("fleet",))
# One of each for every objective: who spends the error budget too fast, and what no other alert has told.
BURN_SLOW = AlertSpec("CacheErrorBudgetBurnSlow", None, None, "warning", "investigate", ("fleet", "slo"))
BURN_FAST = AlertSpec(
    "CacheErrorBudgetBurnFast", None, None, "critical", "page", ("fleet", "slo"), ("CacheErrorBudgetBurnSlow",)
)
ALERTS = (*SEED_ALERTS, DISCOVERY_FAILING, BURN_FAST, BURN_SLOW)
BY_NAME = {spec.name: spec for spec in ALERTS}

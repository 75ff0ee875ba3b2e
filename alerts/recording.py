"""Recording rules: good and total events summed, divided once. Names are `level:metric:operation`.

A ratio's divisor is guarded with `> 0`: without events there is no ratio, where 0/0 would be NaN. Every expression
names the fleet, so that the rules of two fleets can be loaded by one Prometheus.
"""

from __future__ import annotations

from decimal import Decimal

from alerts.model import Record
from alerts.promql import duration, narrowed, one_of, selector
from alerts.server import facts
from policy import metrics
from policy.metrics import le
from policy.model import Policy
from policy.units import plain, seconds

LEVELS = {"fleet": "fleet", "shard": "fleet, shard", "instance": "fleet, shard, instance"}
FLEET_HIT_RATIO = "fleet:cache_hit_ratio:rate"
FLEET_HIT_RATIO_JUDGED = "fleet:cache_hit_ratio_judged:rate"
INSTANCE_HIT_RATIO = "instance:cache_hit_ratio:rate"
PROBES = "instance:cache_probes:rate"
PROBES_WITHIN = "instance:cache_probes_within:rate"
PROBES_WITHIN_RATIO = "instance:cache_probes_within_ratio:rate"
PROBES_WITHIN_YOUNG_RATIO = "instance:cache_probes_within_young_ratio:rate"
AVAILABILITY_RATIO = "instance:cache_health_checks_good_ratio:rate"
MEMORY_RATIO = "instance:cache_memory_used:ratio"
PROBE_OP = "ping"


def hit_rate(policy: Policy) -> tuple[Record, ...]:
    """Hits and requests per second and their ratio, 0..1, of the fleet, each shard and each node.

    And the fleet's ratio while there are enough requests to judge it. Five reads in the night, two of them misses, are no reason
    to wake somebody: /health has the same minimum. What fires looks back at it: a low ratio of few requests at one time, and
    many at another, are no reason to go on.
    """
    enough = f">= {policy.health.min_requests} / {plain(seconds(policy.health.window))}"
    ratio, requests = (
        selector(name, fleet=policy.fleet.name) for name in (FLEET_HIT_RATIO, "fleet:cache_requests:rate")
    )
    found = tuple(record for level in LEVELS for record in _hit_rate_of(policy, level))
    return (*found, Record(FLEET_HIT_RATIO_JUDGED, f"{ratio} and {requests} {enough}"))


def _hit_rate_of(policy: Policy, level: str) -> tuple[Record, ...]:
    name, by = policy.fleet.name, LEVELS[level]
    hits, misses = (
        f"sum by ({by}) (rate({selector(metric.name, fleet=name)}[{duration(policy.rules.rate_window)}]))"
        for metric in (metrics.HITS, metrics.MISSES)
    )
    good, total = (selector(f"{level}:cache_{what}:rate", fleet=name) for what in ("hits", "requests"))
    return (
        Record(f"{level}:cache_hits:rate", hits),
        Record(f"{level}:cache_requests:rate", f"{good} + {misses}"),
        Record(f"{level}:cache_hit_ratio:rate", f"{good} / ({total} > 0)"),
    )


def latency_judged(policy: Policy) -> tuple[Decimal, ...]:
    """The bounds in seconds, ascending, within which a share is recorded."""
    return tuple(sorted({seconds(bound) for row in policy.thresholds.latency_rows().values() for bound in row.bounds}))


def latency(policy: Policy) -> tuple[Record, ...]:
    """Probes per second of each node, and the share, 0..1, answered within each latency bound of the policy (`le`).

    The bounds are exact bucket bounds: `histogram_quantile` would guess between two of them. One that the exporter began to
    tell within the window, after a reload, has no increase from before that, as all probes have: their ratio would be too
    low, and page about nodes that are well. So there is none until both have been seen for as long; what it would be has a
    record of its own, for a page that is open already.
    """
    window, fleet, by = duration(policy.rules.rate_window), policy.fleet.name, LEVELS["instance"]
    bounds = map(le, latency_judged(policy))
    all_probes = selector(f"{metrics.PROBE_DURATION.name}_count", fleet=fleet, op=PROBE_OP)
    buckets = selector(f"{metrics.PROBE_DURATION.name}_bucket", fleet=fleet, op=PROBE_OP)
    some_buckets = narrowed(buckets, f"le=~{one_of(bounds)}")
    within, probes = selector(PROBES_WITHIN, fleet=fleet), selector(PROBES, fleet=fleet)
    ratio = f"{within} / ignoring (le) group_left () ({probes} > 0)"
    seen, all_seen = (f"count_over_time({series}[{window}])" for series in (some_buckets, all_probes))
    as_long = f"sum by ({by}, le) ({seen}) >= ignoring (le) group_left () sum by ({by}) ({all_seen})"
    return (
        Record(PROBES, f"sum by ({by}) (rate({all_probes}[{window}]))"),
        Record(PROBES_WITHIN, f"sum by ({by}, le) (rate({some_buckets}[{window}]))"),
        Record(PROBES_WITHIN_RATIO, f"{ratio} and ({as_long})"),
        Record(PROBES_WITHIN_YOUNG_RATIO, f"{ratio} unless {selector(PROBES_WITHIN_RATIO, fleet=fleet)}"),
    )


def availability(policy: Policy) -> tuple[Record, ...]:
    """Share, 0..1, of each node's health checks that succeeded; refused writes have an alert of their own."""
    window, by, fleet = duration(policy.health.window), LEVELS["instance"], policy.fleet.name
    good = selector(metrics.HEALTH_CHECKS.name, fleet=fleet, result="success")
    every = narrowed(selector(metrics.HEALTH_CHECKS.name, fleet=fleet), 'result!="readonly"')
    good, every = (f"sum by ({by}) (rate({series}[{window}]))" for series in (good, every))
    return (Record(AVAILABILITY_RATIO, f"{good} / ({every} > 0)"),)


def memory(policy: Policy) -> tuple[Record, ...]:
    """Share of its limit, 0..1, that each node uses; where the limit comes from (`source`) does not matter here."""
    used, limit = (facts.newest_sli(policy, metric.name) for metric in (metrics.MEMORY_USED, metrics.MEMORY_LIMIT))
    return (Record(MEMORY_RATIO, f"{used} / ({limit} > 0)"),)

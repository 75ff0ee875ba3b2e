"""Thresholds that nothing can cross, and alerts on what nobody measures: they cannot fire. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from policy.alerts import ALERTS
from policy.model import Policy
from policy.units import latency_text

# Beside those on latency and availability: they ask whether a node is up, which the prober alone knows.
_VERDICTS = (
    "CacheFailoverOverdue",
    "CacheWritesRefused",
    "CacheSlotsUncovered",
    "CacheReplicasMissing",
    "CacheCollectionFailing",
)


def unprobed(policy: Policy) -> tuple[str, ...]:
    """The alerts that cannot fire because the policy has nobody probed; CacheNodeDown tells of the exporter alone then."""
    if policy.collect.background:
        return ()
    return (*_VERDICTS, *(spec.name for spec in ALERTS if spec.is_probed))


def unreachable(policy: Policy) -> Iterator[tuple[str, str]]:
    """Each threshold of the policy as `thresholds.ROW.SEVERITY.SIDE`, and why nothing crosses it."""
    rows, longest = policy.thresholds, policy.probe.longest
    for name, share in (("hit_rate", rows.hit_rate), ("availability", rows.availability)):
        if not share.critical.below:
            yield f"thresholds.{name}.critical.below", "is 0%: no share lies below it"
    why = f"is longer than {latency_text(longest)}, three times probe.timeout: a probe is given up then"
    for name, row in rows.latency_rows().items():
        for severity, limit in (("warning", row.warning), ("critical", row.critical)):
            if limit.above > longest:
                yield f"thresholds.{name}.{severity}.above", why

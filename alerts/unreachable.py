"""Thresholds that nothing can cross, objectives with too few events, alerts on what nobody measures: they cannot fire. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from policy.alerts import ALERTS
from policy.fleet import SOURCES
from policy.model import Policy
from policy.units import duration_text, latency_text

# Beside those on latency and availability: they ask whether a node is up, which the prober alone knows.
VERDICTS = (
    "CacheFailoverOverdue",
    "CacheWritesRefused",
    "CacheSlotsUncovered",
    "CacheReplicasMissing",
    "CacheCollectionFailing",
)

_OF_PROBES = ("availability", "latency")
_FEW = "name a min_events of your own, or probe more often"


def unprobed(policy: Policy) -> tuple[str, ...]:
    """The alerts that cannot fire because the policy has nobody probed; CacheNodeDown tells of the exporter alone then."""
    if policy.collect.background:
        return ()
    return (*VERDICTS, *(spec.name for spec in ALERTS if spec.is_probed))


def unreachable(policy: Policy) -> Iterator[tuple[str, str]]:
    """What nothing crosses, as `thresholds.ROW.SEVERITY.SIDE` or `slos.INDEX`, and why."""
    yield from _thresholds(policy)
    if policy.collect.background and not any(getattr(policy.fleet, source) for source in SOURCES):
        yield from _burn_rates(policy)


def _thresholds(policy: Policy) -> Iterator[tuple[str, str]]:
    rows, longest = policy.thresholds, policy.probe.longest
    for name, share in (("hit_rate", rows.hit_rate), ("availability", rows.availability)):
        if not share.critical.below:
            yield f"thresholds.{name}.critical.below", "is 0%: no share lies below it"
    why = f"is longer than {latency_text(longest)}, three times probe.timeout: a probe is given up then"
    for name, row in rows.latency_rows().items():
        for severity, limit in (("warning", row.warning), ("critical", row.critical)):
            if limit.above > longest:
                yield f"thresholds.{name}.{severity}.above", why


def _burn_rates(policy: Policy) -> Iterator[tuple[str, str]]:
    """The burn rates on probes that wait for more of them than the listed nodes are ever sent."""
    nodes = len(policy.fleet.nodes)
    for index, slo in enumerate(policy.slos):
        for pair in slo.burns if slo.name in _OF_PROBES else ():
            most, least = nodes * (pair.long // policy.probe.interval), slo.least_events(pair)
            if most < least:
                told = f"over {duration_text(pair.long)} waits for {least} probes, and the listed nodes get {most} in that time"
                yield f"slos.{index}", f"({slo.name}) {told} ({_FEW})"

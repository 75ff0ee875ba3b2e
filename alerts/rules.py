"""The rule groups: each alert stands below the records it reads, in one group, so that it waits for no other. Pure."""

from __future__ import annotations

from datetime import timedelta

from alerts import links, node_down, recording, texts
from alerts.model import Alert, Group, Record
from alerts.promql import duration, one_of, quote, selector
from alerts.slo import rules as slo
from policy import metrics
from policy.alerts import ALERTS, DISCOVERY_FAILING, AlertSpec
from policy.fleet import SOURCES
from policy.metrics import le
from policy.model import Policy
from policy.thresholds import Thresholds
from policy.units import plain, seconds

LATENCY_ROW = "latency_p95"


def groups(policy: Policy) -> dict[str, Group]:
    """Rule groups by the stem of their file below `rules/`."""
    return {
        "node_down": Group("cachewatch-node-down", policy.rules.liveness_evaluation, node_down.alerts(policy)),
        "hit_rate": _group(policy, "hit_rate", recording.hit_rate(policy)),
        "latency": _group(policy, LATENCY_ROW, recording.latency(policy)),
        "memory": _group(policy, "memory", recording.memory(policy)),
        "discovery": Group("cachewatch-discovery", policy.rules.interval, (_discovery(policy),)),
        **slo.groups(policy),
    }


def _group(policy: Policy, row: str, records: tuple[Record, ...]) -> Group:
    alert = {"hit_rate": _hit_rate, LATENCY_ROW: _latency, "memory": _memory}[row]
    found = tuple(alert(policy, spec) for spec in ALERTS if spec.row == row)
    name = row.removesuffix("_p95").replace("_", "-")
    return Group(f"cachewatch-{name}", policy.rules.interval, (*records, *found))


def _hit_rate(policy: Policy, spec: AlertSpec) -> Alert:
    level = getattr(policy.thresholds.hit_rate, str(spec.level))
    ratio, requests = (
        selector(record, fleet=policy.fleet.name) for record in (recording.FLEET_HIT_RATIO, recording.FLEET_REQUESTS)
    )
    # Five reads in the night, two of them misses, are no reason to wake somebody: /health has the same minimum.
    enough = f"{policy.health.min_requests} / {plain(seconds(policy.health.window))}"
    expr = f"{ratio} < {plain(level.below)} and {requests} >= {enough}"
    return _alert(policy, spec, expr, level.for_, texts.hit_rate(policy, level.below, level.for_))


def _latency(policy: Policy, spec: AlertSpec) -> Alert:
    level = getattr(policy.thresholds.latency_p95, str(spec.level))
    share = Thresholds.PERCENTILES[LATENCY_ROW]
    fleet = policy.fleet.name
    within = selector(recording.PROBES_WITHIN_RATIO, fleet=fleet, le=le(seconds(level.above)))
    # A node that was down in the window is CacheNodeDown's story. Without this, the alert that grew under the outage
    # would page once the node is back and its page no longer inhibits this one, until the window has passed.
    verdict = selector(metrics.NODE_UP.name, fleet=fleet)
    down = f"(min_over_time({verdict}[{duration(policy.rules.rate_window)}]) == 0)"
    expr = f"sum without (le) ({within}) < {plain(share)} unless on (fleet, instance) {down}"
    return _alert(policy, spec, expr, level.for_, texts.latency(policy, level.above, share, level.for_))


def _memory(policy: Policy, spec: AlertSpec) -> Alert:
    level = getattr(policy.thresholds.memory, str(spec.level))
    expr = f"{selector(recording.MEMORY_RATIO, fleet=policy.fleet.name)} > {plain(level.above)}"
    return _alert(policy, spec, expr, level.for_, texts.memory(level.above, level.for_))


def _discovery(policy: Policy) -> Alert:
    # Of all sources, configured or not: one that the exporter learns of by a reload is missed with the same rules.
    asked = f"{metrics.COLLECT_SUCCESS.name}{{fleet={quote(policy.fleet.name)},part=~{one_of(SOURCES)}}}"
    # `last_over_time`: a restart of the exporter must not begin the wait anew, nor end what fires.
    newest = f"last_over_time({asked}[{duration(node_down.verdict_memory(policy))}])"
    hold = policy.rules.discovery_grace
    expr = f"min by (fleet, part) ({newest}) == 0"
    return _alert(policy, DISCOVERY_FAILING, expr, hold, texts.discovery(policy, hold))


def _alert(policy: Policy, spec: AlertSpec, expr: str, hold: timedelta, text: texts.Text) -> Alert:
    instance = links.INSTANCE_LABEL if "instance" in spec.per else None
    annotations = {
        "summary": text.summary,
        "description": text.description,
        "runbook_url": links.runbook_url(policy, spec.name),
        "dashboard_url": links.dashboard_url(policy, expr, instance),
    }
    return Alert(spec.name, expr, {"severity": spec.severity, "action": spec.action}, annotations, hold)

"""One page per alert for the person who was woken: `alerts/pages/*.md` with the policy's numbers filled in.

The pages are data of this package, read when asked for; nothing else is read.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable
from importlib import resources
from pathlib import Path
from string import Template

from alerts import (
    client_certificate,
    failover_orders,
    keeping,
    prober_down,
    recording,
    redis_cli,
    runbook_parts,
    stack_pages,
    stack_times,
    targets,
)
from alerts.node_down import cut_off, down_memory, verdict_memory
from alerts.promql import duration, markdown_code, one_of, quote, selector
from alerts.runbook_parts import query, silence
from alerts.server import refused_writes
from alerts.server.conditions import FILES, UNWELL, conditions, sentinels_left, without_quorum
from alerts.server.replication_lag import behind_after
from alerts.slo import pages as slo_pages
from alerts.texts import STARTED_LATELY, started_lately
from policy import metrics
from policy.alerts import (
    ACCESS_DENIED,
    BURN_FAST,
    BURN_SLOW,
    BY_NAME,
    CERTIFICATE_EXPIRING,
    CLIENT_CERTIFICATE,
    DISCOVERY_FAILING,
    MAIN_THREAD_BUSY,
    METRICS_MISSING,
    AlertSpec,
)
from policy.fleet import POLICY_PART, SOURCES
from policy.metrics import le
from policy.model import Policy
from policy.thresholds import Thresholds
from policy.units import bytes_text, duration_text, latency_text, percent_text, plain, seconds


def page(policy: Policy, name: str) -> str:
    """The runbook of an alert as Markdown. KeyError for a name that is not in `policy.alerts.BY_NAME`."""
    spec = BY_NAME[name]
    stem, values = _PAGES[spec.row or spec.name]
    text = resources.files("alerts.pages").joinpath(f"{stem}.md").read_text(encoding="utf-8")
    filled = Template(text).substitute({**_common(policy, spec), **values(policy, spec)})
    before, first, commands = filled.partition("## First commands\n\n")
    preface = f"{redis_cli.preface(policy.fleet, commands)}{runbook_parts.another(policy, commands)}"
    return f"{before}{first}{preface}{commands}"


Values = dict[str, str]


def _common(policy: Policy, spec: AlertSpec) -> Values:
    timing = policy.notify.page if spec.pages else policy.notify.ticket
    follows = f"The news of it follows within {duration(timing.group_interval)}."
    return {
        "alert": spec.name,
        "fleet": markdown_code(policy.fleet.name),
        "severity": spec.severity,
        "told": runbook_parts.told(policy, spec),
        "window": duration(policy.rules.rate_window),
        "interval": duration(policy.rules.interval),
        "told_within": f"{follows}{runbook_parts.ends_unseen(policy, spec)}",
        **keeping.ends(policy.rules.keep_firing_for, policy.rules.interval),
        "redis_cli": redis_cli.node(policy.fleet),
        **client_certificate.values(policy),
        "query_evicted": query(policy, _rate_by_node(policy, "redis_evicted_keys_total")),
    }


def _hit_rate(policy: Policy, spec: AlertSpec) -> Values:
    row, fleet = policy.thresholds.hit_rate, policy.fleet.name
    level = getattr(row, str(spec.level))
    return {
        "threshold": percent_text(level.below),
        "hold": duration(level.for_),
        "least": f"{policy.health.min_requests} reads in {duration(policy.health.window)}",
        "target": percent_text(row.target),
        "misses": percent_text(1 - level.below),
        "target_misses": percent_text(1 - row.target),
        "query_worst": query(policy, f"bottomk(5, {selector(recording.INSTANCE_HIT_RATIO, fleet=fleet)})"),
        "query_expired": query(policy, _rate_by_node(policy, "redis_expired_keys_total")),
        "query_started": query(policy, f"sort({started_lately(quote(fleet))})"),
        "started": duration(STARTED_LATELY),
        "silence_fleet": silence(policy, spec, ()),
    }


def _latency(policy: Policy, spec: AlertSpec) -> Values:
    name, fleet = str(spec.row), policy.fleet.name
    row, share = policy.thresholds.latency_rows()[name], Thresholds.PERCENTILES[name]
    level = getattr(row, str(spec.level))
    within = selector(recording.PROBES_WITHIN_RATIO, fleet=fleet, le=le(seconds(level.above)))
    return {
        "threshold": latency_text(level.above),
        "hold": duration(level.for_),
        "target": latency_text(row.target),
        "share": percent_text(share),
        "percentile": name.removeprefix("latency_"),
        "probe_interval": duration_text(policy.probe.interval),
        "get_timeout": duration_text(policy.timeouts.get.timeout),
        "query_within": query(policy, f"sort({within})"),
        "query_lag": query(policy, selector(metrics.PROBE_LAG.name, fleet=fleet)),
        **failover_orders.values(policy),
        "silence_node": silence(policy, spec, ('instance="HOST:PORT"',)),
    }


def _availability(policy: Policy, spec: AlertSpec) -> Values:
    row, fleet = policy.thresholds.availability, policy.fleet.name
    level = getattr(row, str(spec.level))
    checks = selector(metrics.HEALTH_CHECKS.name, fleet=fleet, instance="HOST:PORT")
    return {
        "threshold": percent_text(level.below),
        "hold": duration(level.for_),
        "target": percent_text(row.target),
        "counted": duration(policy.health.window),
        "probe_interval": duration_text(policy.probe.interval),
        "probe_timeout": duration_text(policy.probe.timeout),
        "failures": _in_a_row(policy.health.failures, "health check"),
        "query_worst": query(policy, f"bottomk(5, {selector(recording.AVAILABILITY_RATIO, fleet=fleet)})"),
        "query_checks": query(policy, f"increase({checks}[{duration(policy.health.window)}])"),
        "query_lag": query(policy, selector(metrics.PROBE_LAG.name, fleet=fleet)),
        **failover_orders.values(policy),
        "silence_node": silence(policy, spec, ('instance="HOST:PORT"',)),
    }


def _memory(policy: Policy, spec: AlertSpec) -> Values:
    row = policy.thresholds.memory
    level = getattr(row, str(spec.level))
    ratio = selector(recording.MEMORY_RATIO, fleet=policy.fleet.name)
    return {
        "threshold": percent_text(level.above),
        "hold": duration(level.for_),
        "target": percent_text(row.target),
        "critical": percent_text(row.critical.above),
        "critical_hold": duration(row.critical.for_),
        "query_memory": query(policy, f"sort_desc({ratio})"),
        "silence_node": silence(policy, spec, ('instance="HOST:PORT"',)),
    }


def _node_down(policy: Policy, spec: AlertSpec) -> Values:
    bound, health, fleet = policy.page_bound_seconds(), policy.health, policy.fleet.name
    checks = selector(metrics.HEALTH_CHECKS.name, fleet=fleet, instance="HOST:PORT")
    return {
        "failures": _in_a_row(health.failures, "health check"),
        "recoveries": _in_a_row(health.recoveries, "good health check"),
        "probe_interval": duration_text(policy.probe.interval),
        "probe_timeout": duration_text(policy.probe.timeout),
        "grace": duration(policy.rules.exporter_grace),
        "kept": duration(down_memory(policy)),
        "killed": f"{bound['killed']:g}",
        "hung": f"{bound['hung']:g}",
        "exporter": policy.stack.exporter,
        "exporter_url": policy.stack.link("exporter"),
        "scrape_timeout": duration_text(policy.rules.liveness_timeout),
        "cut_off": cut_off(policy),
        "query_up": query(policy, f"sort({selector(metrics.NODE_UP.name, fleet=fleet)})"),
        "query_checks": query(policy, f"increase({checks}[1m])"),
        **failover_orders.values(policy),
        "silence_node": silence(policy, spec, ('instance="HOST:PORT"',)),
    }


_A_NODE, _A_SHARD = ('instance="HOST:PORT"',), ('shard="SHARD"',)
# Whom an alert about Redis itself speaks of, where it is not one node.
_SUBJECTS: dict[str, tuple[tuple[str, ...], ...]] = {
    "CacheFailoverOverdue": (_A_SHARD,),
    "CacheSentinelQuorumLost": ((),),
    "CacheSentinelMissing": ((),),
    "CacheReplicasMissing": (_A_SHARD,),
    "CacheSlotsUncovered": ((),),
    "CacheNodesDiffer": (('differ="WHAT"',),),
    CERTIFICATE_EXPIRING: (_A_NODE, (f'part="{CLIENT_CERTIFICATE}"',)),
}


def _redis(policy: Policy, spec: AlertSpec) -> Values:
    """What the pages about Redis itself have in common, and their numbers."""
    condition = next(each for stem in FILES for each in conditions(policy, stem) if each.spec is spec)
    return {
        "hold": duration(condition.hold),
        "query_now": query(policy, condition.expr),
        **failover_orders.values(policy),
        "ask_quorum": failover_orders.ask_quorum(policy),
        "ask_sentinels": failover_orders.ask_sentinels(policy),
        "query_failed_parts": query(policy, _parts(policy)),
        "query_own_certificate": query(policy, client_certificate.query(policy)),
        "query_without_quorum": query(policy, without_quorum(policy)),
        "query_sentinels_left": query(policy, sentinels_left(policy)),
        "fast": duration(policy.rules.liveness_interval),
        "silence": silence(policy, spec, *_SUBJECTS.get(spec.name, (_A_NODE,))),
        **_limits(policy),
        **refused_writes.values(policy),
    }


def _parts(policy: Policy) -> str:
    fleet, parts = quote(policy.fleet.name), one_of(UNWELL)
    failed = f"{metrics.COLLECT_SUCCESS.name}{{fleet={fleet},part=~{parts}}} == 0"
    return f"count by (instance, part) ({failed})"


def _limits(policy: Policy) -> Values:
    alerts = policy.alerts
    expected = alerts.replicas.expected
    return {
        "lag": duration_text(alerts.replication_lag.above),
        "behind": duration(behind_after(policy)),
        "expected": f"{expected}" if expected else "as many as are watched of it",
        "evictions": plain(alerts.evictions.above),
        "evictions_within": duration(alerts.evictions.within),
        "denied": plain(alerts.access_denied.above),
        "denied_within": duration(alerts.access_denied.within),
        "busy": percent_text(alerts.main_thread.above),
        "busy_within": duration(alerts.main_thread.within),
        "rejected_within": duration(alerts.rejected_connections.within),
        "flapping": str(alerts.replica_flapping.above),
        "flapping_within": duration(alerts.replica_flapping.within),
        "clients": percent_text(alerts.clients.above),
        "fragmentation": plain(alerts.fragmentation.above),
        "fragmentation_from": bytes_text(alerts.fragmentation.from_),
        "certificate_before": duration_text(alerts.certificate.before),
        "connect_interval": duration_text(policy.collect.connect_interval),
        "connect_again": duration_text(policy.collect.connect_again),
    }


def _discovery(policy: Policy, spec: AlertSpec) -> Values:
    fleet, asked = policy.fleet, metrics.COLLECT_SUCCESS.name
    parts = f"{asked}{{fleet={quote(fleet.name)},part=~{one_of((*SOURCES, POLICY_PART))}}}"
    return {
        "hold": duration(policy.rules.discovery_grace),
        "sources": ", ".join(f"`{name}`" for name in SOURCES if getattr(fleet, name)) or "none but the list of nodes",
        "exporter": policy.stack.exporter,
        "exporter_url": policy.stack.link("exporter"),
        "query_sources": query(policy, parts),
        "query_nodes": query(policy, f"count({selector(metrics.NODE_UP.name, fleet=fleet.name)})"),
        "ask_source": _ask_source(policy),
        "silence_fleet": silence(policy, spec, ('part="PART"',)),
    }


def _stack(policy: Policy, spec: AlertSpec) -> Values:
    """What the pages on the watching itself need, all of them together."""
    stack = policy.stack
    return {
        **{part: getattr(stack, part) for part in ("exporter", "notifier")},
        **{f"{part}_url": stack.link(part) for part in ("exporter", "notifier", "alertmanager", "prometheus")},
        **stack_pages.values(policy),
        **{name: query(policy, expr) for name, expr in stack_pages.queries(policy).items()},
        "grace": duration(policy.rules.exporter_grace),
        "restarts": str(prober_down.MOST_RESTARTS),
        "restart_window": duration(prober_down.window(policy)),
        "restart_recent": duration(prober_down.recent(policy)),
        "restart_patience": duration(prober_down.patience(policy)),
        "patience": duration(stack_times.patience(policy)),
        "unseen": duration(stack_times.unseen(policy)),
        "failing": duration(stack_times.failing(policy)),
        "evaluated": duration(stack_times.evaluated(policy)),
        "notified": duration(stack_times.notified(policy)),
        "sent": duration(stack_times.sent(policy)),
        "resent": duration(stack_times.resent(policy)),
        "rollout": duration(policy.rules.rollout_grace),
        "forgotten": duration(verdict_memory(policy)),
        "job": targets.ALL_JOB,
        "silence": silence(policy, spec, ()),
    }


def _error_budget(policy: Policy, spec: AlertSpec) -> Values:
    asked = {name: query(policy, expr) for name, expr in slo_pages.queries(policy).items()}
    return {**slo_pages.values(policy, spec), **asked, "silence_slo": silence(policy, spec, ('slo="OBJECTIVE"',))}


def _ask_source(policy: Policy) -> str:
    """Shell lines that ask each source of the policy for its nodes, as the exporter does."""
    fleet, lines = policy.fleet, []
    if fleet.sentinel is not None:
        lines += [f"{redis_cli.sentinel(fleet.sentinel, at)} SENTINEL MASTERS" for at in fleet.sentinel.addresses]
    if fleet.cluster is not None:
        lines += [f"{redis_cli.node(fleet, at)} CLUSTER NODES" for at in fleet.cluster.addresses]
    folders = dict.fromkeys(str(Path(pattern).parent) for pattern in fleet.files)
    lines += [f"ls -l {shlex.quote(folder)}" for folder in folders]
    lines += [f"getent ahosts {shlex.quote(entry.name)}" for entry in fleet.dns]
    return "\n".join(lines) or "# The policy names no source of nodes: is it the policy that the exporter runs with?"


def _in_a_row(count: int, what: str) -> str:
    return f"{count} {what}" if count == 1 else f"{count} {what}s in a row"


def _rate_by_node(policy: Policy, counter: str) -> str:
    return f"sum by (instance) (rate({selector(counter, fleet=policy.fleet.name)}[5m]))"


_PAGES: dict[str, tuple[str, Callable[[Policy, AlertSpec], Values]]] = {
    "hit_rate": ("hit_rate", _hit_rate),
    **dict.fromkeys(Thresholds.PERCENTILES, ("latency", _latency)),
    "availability": ("availability", _availability),
    "memory": ("memory", _memory),
    "CacheNodeDown": ("node_down", _node_down),
    "CacheFailoverOverdue": ("failover_overdue", _redis),
    "CacheWritesRefused": ("writes_refused", _redis),
    "CacheSlotsUncovered": ("slots_uncovered", _redis),
    "CacheSentinelQuorumLost": ("quorum_lost", _redis),
    "CacheSentinelMissing": ("sentinel_missing", _redis),
    "CacheReplicasMissing": ("replicas_missing", _redis),
    "CacheReplicaLinkDown": ("replica_link_down", _redis),
    "CacheReplicasFlapping": ("replicas_flapping", _redis),
    "CacheReplicationLag": ("replication_lag", _redis),
    "CacheWritesToReplica": ("writes_to_replica", _redis),
    "CacheEvictions": ("evictions", _redis),
    ACCESS_DENIED: ("access_denied", _redis),
    MAIN_THREAD_BUSY: ("main_thread", _redis),
    "CacheRejectedConnections": ("rejected_connections", _redis),
    "CacheClientsNearLimit": ("clients", _redis),
    "CachePersistenceFailed": ("persistence", _redis),
    "CacheMemoryFragmentation": ("fragmentation", _redis),
    "CacheNodesDiffer": ("nodes_differ", _redis),
    "CacheCollectionFailing": ("collection", _redis),
    "CacheCertificateExpiring": ("certificate", _redis),
    DISCOVERY_FAILING.name: ("discovery", _discovery),
    BURN_FAST.name: ("error_budget", _error_budget),
    BURN_SLOW.name: ("error_budget", _error_budget),
    "CacheProberDown": ("prober", _stack),
    METRICS_MISSING.name: ("metrics", _stack),
    "CacheWatchedTwice": ("watched_twice", _stack),
    "CachePolicyDiffers": ("policy_differs", _stack),
    "CacheNotifierDown": ("notifier", _stack),
    "CacheRuleFailures": ("rules", _stack),
    "CacheNotificationsFailing": ("notifications", _stack),
    "CacheAlertmanagerDown": ("alertmanager", _stack),
    "CacheAlertmanagerPeerDown": ("alertmanager_peer", _stack),
    "CachePrometheusPeerDown": ("prometheus_peer", _stack),
    "CacheWatchdog": ("watchdog", _stack),
}

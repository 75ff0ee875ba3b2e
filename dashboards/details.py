"""Below the first screen: node by node, to find out which and why."""

from __future__ import annotations

from collections.abc import Sequence

from dashboards import colours, queries
from dashboards.colours import GREEN, ORANGE, RED
from dashboards.grafana import About, Meaning, Panel, Query, Section, state_timeline, time_series
from policy import metrics as m
from policy.fleet import SOURCES
from policy.model import Policy

_NODE = "{{instance}} {{shard}}"
_EACH = "{{instance}}"
_SHARD = "{{fleet}} {{shard}}"
_OWN_WORDS = "Some kilobytes are what Sentinel itself wrote until the old primary was told."
# What is asked for the fleet as a whole; it carries the exporter's instance. Every other part is a node's.
_OF_FLEET = "|".join((*SOURCES, "policy"))
_FLEET_PARTS, _NODE_PARTS = f'part=~"{_OF_FLEET}"', f'part!~"{_OF_FLEET}"'


def sections(policy: Policy) -> tuple[Section, ...]:
    """The rows of the lower part."""
    return (
        Section("Nodes", _nodes(policy)),
        Section("Latency, each node", _latency(policy)),
        Section("Hits", _hits(policy)),
        Section("Memory", _memory(policy)),
        Section("Traffic", _traffic()),
        Section("Replication", _replication()),
        Section("Cachewatch itself", _watcher()),
    )


def _nodes(policy: Policy) -> tuple[Panel, ...]:
    states = (Meaning(1, "UP", GREEN), Meaning(0, "DOWN", RED))
    roles = (Meaning(2, "primary", "blue"), Meaning(1, "replica", "purple"))
    row = policy.thresholds.availability
    role = queries.coded(m.NODE_ROLE.name, "role", {"primary": 2, "replica": 1})
    failed = queries.rate(m.HEALTH_CHECKS.name, 'result!="success"', by="fleet, result")
    return (
        state_timeline(
            About("Up and down", "Health verdict of each node. A gap: the exporter did not answer.", "none"),
            [Query(queries.series(m.NODE_UP.name), _NODE)],
            states,
            12,
        ),
        state_timeline(
            About("Role", "What each node says it is; two bands that change colour together are a failover.", "none"),
            [Query(role, _NODE)],
            roles,
            12,
        ),
        time_series(
            About("Health checks that succeeded", f"Share by node: {colours.words(row)}.", "percentunit"),
            [Query(queries.check_success(), _EACH)],
            12,
            steps=colours.steps(row),
            share=True,
        ),
        time_series(
            About("Health checks that failed", "By how they ended; which node is in the panel beside it.", "cps"),
            [Query(failed, "{{result}}")],
            12,
        ),
    )


def _latency(policy: Policy) -> tuple[Panel, ...]:
    panels = []
    for name, row in policy.thresholds.latency_rows().items():
        short = name.removeprefix("latency_")
        about = About(f"Latency {short}", f"{short} of a PING by node, seen by the prober: {colours.words(row)}.", "s")
        query = Query(queries.percentile(name, queries.NODE), _EACH)
        panels.append(time_series(about, [query], 8, steps=colours.steps(row)))
    return tuple(panels)


def _hits(policy: Policy) -> tuple[Panel, ...]:
    row = policy.thresholds.hit_rate
    about = About("Hit rate by shard", f"Hits / reads, replicas included: {colours.words(row)}.", "percentunit")
    ratio = Query(queries.hit_ratio("fleet, shard"), _SHARD)
    return (
        time_series(about, [ratio], 12, steps=colours.steps(row), share=True),
        time_series(
            About("Reads", "Keys asked for, by outcome, all chosen nodes together.", "reqps"),
            [
                Query(queries.rate(m.HITS.name, by="fleet"), "hits"),
                Query(queries.rate(m.MISSES.name, by="fleet"), "misses"),
            ],
            12,
        ),
    )


def _memory(policy: Policy) -> tuple[Panel, ...]:
    row = policy.thresholds.memory
    return (
        time_series(
            About("Memory share", f"Used memory / limit by node: {colours.words(row)}.", "percentunit"),
            [Query(queries.memory_share(), _EACH)],
            8,
            steps=colours.steps(row),
        ),
        time_series(
            About("Memory used and limit", "Bytes by node. At its limit a node evicts, or refuses writes.", "bytes"),
            [
                Query(queries.series(m.MEMORY_USED.name), "used {{instance}}"),
                Query(queries.memory_limit(), "limit {{instance}}"),
            ],
            8,
        ),
        _rates(
            "Keys evicted and expired",
            "Evicted: thrown out for want of memory, a later miss. Expired: their time was over.",
            "cps",
            {"evicted": "redis_evicted_keys_total", "expired": "redis_expired_keys_total"},
        ),
    )


def _traffic() -> tuple[Panel, ...]:
    return (
        _rates("Commands", "Commands processed by node.", "ops", {"": "redis_commands_processed_total"}),
        _gauges(
            "Clients",
            "Connected, and blocked in a command that waits. A jump often comes before the timeouts.",
            {"connected": "redis_connected_clients", "blocked": "redis_blocked_clients"},
        ),
        _rates(
            "Network",
            "Bytes in and out by node.",
            "Bps",
            {"in": "redis_net_input_bytes_total", "out": "redis_net_output_bytes_total"},
        ),
        _rates(
            "New and rejected connections",
            "Many new ones: clients do not keep theirs. Rejected: maxclients is reached.",
            "cps",
            {"new": "redis_connections_received_total", "rejected": "redis_rejected_connections_total"},
        ),
        _rates(
            "CPU",
            "Seconds of CPU a second by node, all of its threads.",
            "percentunit",
            {"user": "redis_cpu_user_seconds_total", "system": "redis_cpu_sys_seconds_total"},
        ),
        _rates(
            "CPU of the main thread",
            "It runs every command, on one core: user and system together near 100% are full. Redis 6.2 and later.",
            "percentunit",
            {
                "user": "redis_cpu_user_main_thread_seconds_total",
                "system": "redis_cpu_sys_main_thread_seconds_total",
            },
        ),
        time_series(
            About("Keys", "Keys in all databases by node. A cliff: a flush, or a node that came back empty.", "short"),
            [Query(f"sum by ({queries.NODE}) ({queries.series(m.DB_KEYS.name)})", _EACH)],
            8,
        ),
    )


def _replication() -> tuple[Panel, ...]:
    behind = "Bytes of the replication stream that a node is behind the furthest of its shard; needs a known shard."
    return (
        _gauges("Connected replicas", "As each node counts them.", {"": "redis_connected_slaves"}),
        time_series(About("Behind in replication", behind, "bytes"), [Query(queries.offset_behind(), _NODE)], 8),
        time_series(
            About("Replication offset", "Each node's place in its replication stream: it should only rise.", "bytes"),
            [Query(queries.series("redis_master_repl_offset"), _NODE)],
            8,
        ),
        time_series(
            About("Failovers", "By shard, when the exporter saw them; several in a row: it flaps.", "short"),
            [Query(queries.failovers(), _SHARD)],
            8,
        ),
        _of_shards("Last failover, time without a primary", m.FAILOVER_DURATION.help, "s", m.FAILOVER_DURATION),
        _of_shards("Last failover, lost", f"{m.FAILOVER_LOST.help} {_OWN_WORDS}", "bytes", m.FAILOVER_LOST),
    )


def _of_shards(title: str, description: str, unit: str, metric: m.Metric) -> Panel:
    return time_series(About(title, description, unit), [Query(queries.of_shards(metric.name), _SHARD)], 8)


def _watcher() -> tuple[Panel, ...]:
    state = queries.coded(m.BREAKER_STATE.name, "state", {"open": 2, "half_open": 1, "closed": 0})
    breakers = (Meaning(0, "closed", GREEN), Meaning(1, "trying again", ORANGE), Meaning(2, "open", RED))
    collected = (Meaning(1, "collected", GREEN), Meaning(0, "FAILED", RED))
    return (
        state_timeline(
            About("Breaker", "The exporter's own: open, it asks a failing node less often. Probes go on.", "none"),
            [Query(state, _EACH)],
            breakers,
            12,
        ),
        state_timeline(
            About(
                "Collection",
                "Whether the last collection of each node, and of who names them, succeeded whole.",
                "none",
            ),
            _collected(),
            collected,
            12,
        ),
        time_series(
            About("Collection time", "The slowest part of each node; near collect.timeout it will fail.", "s"),
            _collection_time(),
            12,
        ),
        time_series(
            About("Probe lag", m.PROBE_LAG.help, "s"),
            [Query(queries.series(m.PROBE_LAG.name, where=queries.FLEET), "{{fleet}}")],
            12,
        ),
    )


def _collected() -> Sequence[Query]:
    """A band for each node, and for each part of one while it fails: of all parts there would be six bands a node."""
    of_nodes = queries.series(m.COLLECT_SUCCESS.name, _NODE_PARTS)
    failed = queries.series(m.COLLECT_SUCCESS.name, _NODE_PARTS, 'part!="info"')
    return [
        Query(f"min by ({queries.NODE}) ({of_nodes})", _EACH),
        Query(f"{failed} == 0", "{{instance}} {{part}}"),
        Query(queries.series(m.COLLECT_SUCCESS.name, _FLEET_PARTS, where=queries.FLEET), "{{fleet}} {{part}}"),
    ]


def _collection_time() -> Sequence[Query]:
    name = m.COLLECT_DURATION.name
    return [
        Query(f"max by ({queries.NODE}) ({queries.series(name, _NODE_PARTS)})", _EACH),
        Query(queries.series(name, _FLEET_PARTS, where=queries.FLEET), "{{fleet}} {{part}}"),
    ]


def _rates(title: str, description: str, unit: str, counters: dict[str, str]) -> Panel:
    """One line a node and counter; the key is the word before the node's name."""
    found = [Query(queries.rate(name), f"{word} {_EACH}".strip()) for word, name in counters.items()]
    return time_series(About(title, description, unit), found, 8)


def _gauges(title: str, description: str, gauges: dict[str, str]) -> Panel:
    found = [Query(queries.series(name), f"{word} {_EACH}".strip()) for word, name in gauges.items()]
    return time_series(About(title, description, "short"), found, 8)

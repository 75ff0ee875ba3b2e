"""When each alert about Redis itself speaks: expressions and durations. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta

from alerts.promql import duration, narrowed, one_of, selector
from alerts.server import facts, replication_lag
from alerts.server.facts import NODE, earliest_sli, newest, newest_sli
from policy import metrics
from policy.alerts import ACCESS_DENIED, BY_NAME, CLIENT_CERTIFICATE, MAIN_THREAD_BUSY, AlertSpec
from policy.metrics_redis import DENIED, REFUSED_BY_REPLICA, REFUSED_WRITES
from policy.model import Policy
from policy.units import plain, seconds

SLOTS = 16384
READONLY = "readonly"
# Answers to writes that are refused. READONLY is a replica's, with an alert of its own: one that was promoted has counted some.
ERRORS = "redis_errors_total"
PERSISTENCE = ("redis_rdb_last_bgsave_status", "redis_aof_last_write_status", "redis_aof_last_bgrewrite_status")
# Copies that replicas took of a node: whole ones, and of what they missed.
RESYNCS = ("redis_replica_resyncs_full", "redis_replica_partial_resync_accepted")
# What one thread works: for the kernel, and by itself. Redis 6.2 and later; the process' own seconds have other threads' too.
MAIN_THREAD = ("redis_cpu_sys_main_thread_seconds_total", "redis_cpu_user_main_thread_seconds_total")
# The parts of a collection without which a node is not watched, or nobody new can be served.
UNWELL = ("info", "connect")


@dataclass(frozen=True, slots=True)
class Condition:
    """An alert's expression and how long it must hold."""

    spec: AlertSpec
    expr: str
    hold: timedelta


def conditions(policy: Policy, stem: str) -> Iterator[Condition]:
    """The alerts of a rule file."""
    for name, find in FILES[stem].items():
        expr, hold = find(policy)
        yield Condition(BY_NAME[name], expr, hold)


def _failover_overdue(policy: Policy) -> tuple[str, timedelta]:
    # Replicas live and nobody is primary. Of a shard that is dead as a whole each node has its page already. One that
    # lives and does not say what it is may be the primary: it has a ticket. One that did say so and missed a collection,
    # as a busy replica does, is a replica still.
    replicas, elsewhere = facts.replicas(policy), policy.fleet.primary_elsewhere
    replicas = narrowed(replicas, f"shard!~{one_of(elsewhere)}") if elsewhere else replicas
    alive, led = f"count by (fleet, shard) ({replicas})", facts.primaries(policy)
    unknown = f"{facts.uncollected(policy)} unless on (fleet, instance) {facts.replicas(policy)}"
    return f"{alive} unless on (fleet, shard) {led} unless on (fleet, shard) ({unknown})", policy.alerts.failover.for_


@dataclass(frozen=True, slots=True)
class Refusals:
    """Where writes that were refused are counted: a series, and how often it has news at most."""

    series: str
    every: timedelta

    def scrapes(self, policy: Policy) -> int:
        """In more scrapes than so many there must be new ones: then they are as far apart as the alert waits."""
        return -(-policy.alerts.writes_refused.for_ // self.every)


def refusals(policy: Policy) -> tuple[Refusals, Refusals]:
    """Those of the prober, which come with the fast scrape, and those of callers."""
    rules, fleet = policy.rules, policy.fleet.name
    probes = selector(metrics.HEALTH_CHECKS.name, fleet=fleet, result=READONLY)
    callers = narrowed(selector(ERRORS, fleet=fleet), f"err=~{one_of(REFUSED_WRITES)}")
    return (
        Refusals(probes, max(rules.liveness_interval, policy.probe.interval)),
        Refusals(callers, max(rules.interval, policy.collect.interval)),
    )


def refused_window(policy: Policy) -> timedelta:
    """How long a refused write is seen: callers' errors come with the slow scrape, of which it must hold several."""
    return max(policy.rules.rate_window, 4 * policy.rules.interval)


def refused_memory(policy: Policy) -> timedelta:
    """How long one that was refused counts as one of several: where each window saw one, they are enough."""
    return (refusals(policy)[1].scrapes(policy) + 1) * refused_window(policy)


def _writes_refused(policy: Policy) -> tuple[str, timedelta]:
    # Primaries that are up: of one that is down CacheNodeDown speaks, and a replica refuses writes rightly.
    either = " or ".join(_goes_on(policy, each) for each in refusals(policy))
    return f"({either}) and on (fleet, instance) {facts.primaries(policy)}", timedelta(0)


def _goes_on(policy: Policy, refused: Refusals) -> str:
    # With min-replicas-to-write each failover refuses some writes, until a replica has come. A `for` would outlast the
    # window that remembers them; so scrapes that saw new ones are counted, and a counter that began anew is none.
    window, memory = duration(refused_window(policy)), duration(refused_memory(policy))
    news = f"changes({refused.series}[{memory}]) - resets({refused.series}[{memory}])"
    lately = f"sum by ({NODE}) (increase({refused.series}[{window}])) > 0"
    return f"max by ({NODE}) ({news}) > {refused.scrapes(policy)} and {lately}"


def strays_for(policy: Policy) -> timedelta:
    """How long callers must go on writing to a replica: for longer than a burst of it is seen, as a planned failover has."""
    return max(policy.alerts.writes_to_replica.for_, refused_window(policy) + policy.rules.interval)


def _writes_to_replica(policy: Policy) -> tuple[str, timedelta]:
    # Of callers: the prober writes to primaries alone. Each window must see some.
    series = selector(ERRORS, fleet=policy.fleet.name, err=REFUSED_BY_REPLICA)
    refused = f"sum by ({NODE}) (rate({series}[{duration(refused_window(policy))}])) > 0"
    return f"{refused} and on (fleet, instance) {facts.of_role(policy, 'replica')}", strays_for(policy)


def _slots_uncovered(policy: Policy) -> tuple[str, timedelta]:
    # The best view of all nodes counts: one that is cut off sees less. Slots of a primary that is down, and not yet
    # replaced, have their page; slots that belong to nobody have none.
    views = (facts.alive(policy, newest(policy, f"redis_cluster_slots_{what}")) for what in ("ok", "assigned"))
    served, given = (f"max by (fleet) {view}" for view in views)
    shards = f"count by (fleet, shard) ({facts.up(policy)}) unless on (fleet, shard) {facts.primaries(policy)}"
    expr = f"{given} < {SLOTS} or {served} < {SLOTS} unless on (fleet) ({shards})"
    return expr, policy.alerts.slots.for_


def without_quorum(policy: Policy) -> str:
    """The shards that no Sentinel can fail over."""
    # The Sentinels that name the nodes, and those that are watched as nodes. One that can is enough.
    by, shard = "fleet, shard", '"shard", "$1", "master_name", "(?s)(.*)"'
    asked = newest_sli(policy, metrics.SENTINEL_QUORUM.name, by)
    listed = newest(policy, "redis_sentinel_master_ckquorum_status", "fleet, instance, master_name")
    return f"max by ({by}) ({asked} or label_replace({listed}, {shard})) == 0"


def _quorum_lost(policy: Policy) -> tuple[str, timedelta]:
    # One alert for all shards: the same Sentinels watch them.
    return f"count by (fleet) ({without_quorum(policy)})", policy.alerts.quorum.for_


def _sentinels(policy: Policy) -> tuple[str, str]:
    """How many Sentinels of each shard are usable, and how many known."""
    usable, known = (
        newest_sli(policy, metric.name, "fleet, shard")
        for metric in (metrics.SENTINELS_USABLE, metrics.SENTINELS_KNOWN)
    )
    return usable, known


def sentinels_left(policy: Policy) -> str:
    """The shards of which Sentinels are missing: how many are left, and as the label `known` of how many."""
    usable, known = _sentinels(policy)
    of = f'count_values by (fleet, shard) ("known", {known})'
    return f"{of} * on (fleet, shard) group_left () ({usable} < {known})"


def _sentinels_missing(policy: Policy) -> tuple[str, timedelta]:
    # One ticket for all shards: the same Sentinels watch them. The worst shard's number, not a sum.
    usable, known = _sentinels(policy)
    return f"max by (fleet) ({known} - {usable}) > 0", policy.alerts.sentinels.for_


def _replicas_missing(policy: Policy) -> tuple[str, timedelta]:
    # One that says itself that it has lost its primary counts for one: it has an alert of its own.
    wanted = policy.alerts.replicas
    cut, counted = f"({newest(policy, 'redis_master_link_up')} == 0) + 1", newest(policy, "redis_connected_slaves")
    connected = f"sum by (fleet, shard) {facts.alive(policy, f'({cut} or {counted})')}"
    led = f"count by (fleet, shard) ({facts.primaries(policy)})"
    if wanted.expected is not None:
        return f"{connected} < {wanted.expected} and on (fleet, shard) {led}", wanted.for_
    # Who is no primary should be somebody's replica. A Sentinel that is listed among the nodes is neither.
    sentinels = newest(policy, metrics.INSTANCE_INFO.name, matcher='redis_mode="sentinel"')
    watched = f"count by (fleet, shard) ({facts.up(policy)} unless on (fleet, instance) {sentinels})"
    # A shard with a name has one primary: a second one is a replica that has lost its `replicaof`, as by a restart.
    named = narrowed(facts.primaries(policy), 'shard!=""')
    one = f"clamp_max(count by (fleet, shard) ({named}), 1)"
    return f"{connected} < {watched} - ({one} or {led})", wanted.for_


def _replica_link_down(policy: Policy) -> tuple[str, timedelta]:
    return f"{newest(policy, 'redis_master_link_up')} == 0", policy.alerts.replica_link.for_


def _replicas_flapping(policy: Policy) -> tuple[str, timedelta]:
    # Each return to the primary is a copy, whole or of what was missed. Counted are samples, for a rate would add to them
    # what it takes for the window's ends; after a restart those since. Replicas that are away now had their part in it.
    level, within = policy.alerts.replica_flapping, duration(policy.alerts.replica_flapping.within)
    resyncs = (selector(name, fleet=policy.fleet.name) for name in RESYNCS)
    grown = " + ".join(f"(last_over_time({each}[{within}]) - min_over_time({each}[{within}]))" for each in resyncs)
    replicas = f"max_over_time({selector('redis_connected_slaves', fleet=policy.fleet.name)}[{within}])"
    shares = f"sum by ({NODE}) ({grown}) / clamp_min(max by ({NODE}) ({replicas}), 1)"
    return f"{shares} > {level.above}", timedelta(0)


def _evictions(policy: Policy) -> tuple[str, timedelta]:
    level = policy.alerts.evictions
    rate = f"rate({selector('redis_evicted_keys_total', fleet=policy.fleet.name)}[{duration(level.within)}])"
    return f"sum by ({NODE}) ({rate}) > {plain(level.above)}", level.for_


def _access_denied(policy: Policy) -> tuple[str, timedelta]:
    level = policy.alerts.access_denied
    denied = narrowed(selector(ERRORS, fleet=policy.fleet.name), f"err=~{one_of(DENIED)}")
    return f"sum by ({NODE}) (rate({denied}[{duration(level.within)}])) > {plain(level.above)}", level.for_


def _main_thread(policy: Policy) -> tuple[str, timedelta]:
    level, fleet = policy.alerts.main_thread, policy.fleet.name
    work = " + ".join(f"rate({selector(each, fleet=fleet)}[{duration(level.within)}])" for each in MAIN_THREAD)
    return f"sum by ({NODE}) ({work}) > {plain(level.above)}", level.for_


def _rejected(policy: Policy) -> tuple[str, timedelta]:
    counter = selector("redis_rejected_connections_total", fleet=policy.fleet.name)
    within = duration(policy.alerts.rejected_connections.within)
    return f"sum by ({NODE}) (increase({counter}[{within}])) > 0", timedelta(0)


def _clients(policy: Policy) -> tuple[str, timedelta]:
    level = policy.alerts.clients
    used, most = (newest(policy, f"redis_{what}") for what in ("connected_clients", "config_maxclients"))
    return f"{used} / ({most} > 0) > {plain(level.above)}", level.for_


def _persistence(policy: Policy) -> tuple[str, timedelta]:
    failed = (f"{newest(policy, status)} == 0" for status in PERSISTENCE)
    return " or ".join(failed), policy.alerts.persistence.for_


def _fragmentation(policy: Policy) -> tuple[str, timedelta]:
    level = policy.alerts.fragmentation
    large = f"{newest(policy, 'redis_memory_used_bytes')} >= {level.from_}"
    ratio = newest(policy, "redis_mem_fragmentation_ratio")
    return f"{ratio} > {plain(level.above)} and on (fleet, instance) {large}", level.for_


def _nodes_differ(policy: Policy) -> tuple[str, timedelta]:
    # What Valkey says as redis_version is the same for all of its versions from 7.2 on.
    ways = [
        _ways(policy, "redis_version"),
        _ways(policy, "valkey_version", ',valkey_version!=""'),
        _ways(policy, "maxmemory_policy"),
    ]
    # Shards may differ in size; a replica that is smaller than its primary cannot take its place. Nodes of which nobody
    # says what shard they are may be caches of their own.
    limits = newest(policy, "redis_memory_max_bytes", matcher='shard!=""')
    most, least = (f"{which} by (fleet, shard) ({limits})" for which in ("max", "min"))
    found = [*ways, _differ(f"{most} - {least} > 0", "maxmemory")]
    return " or ".join(found), policy.alerts.nodes_differ.for_


def _ways(policy: Policy, label: str, more: str = "") -> str:
    info = newest(policy, metrics.INSTANCE_INFO.name, f"fleet, {label}", f'redis_mode!="sentinel"{more}')
    return _differ(f"count by (fleet) ({info}) > 1", label)


def _differ(expr: str, what: str) -> str:
    return f'label_replace({expr}, "differ", "{what}", "", "")'


def _collection(policy: Policy) -> tuple[str, timedelta]:
    # No INFO, or no new connection. Of a node that does not answer at all CacheNodeDown speaks. The verdicts' record is of
    # another file.
    parts = newest_sli(policy, metrics.COLLECT_SUCCESS.name, f"{NODE}, part", f"part=~{one_of(UNWELL)}")
    up = f"{newest_sli(policy, metrics.NODE_UP.name)} == 1"
    return f"min by ({NODE}) ({parts}) == 0 and on (fleet, instance) ({up})", policy.alerts.collection.for_


def _certificate(policy: Policy) -> tuple[str, timedelta]:
    # The exporter's own is one ticket, however many nodes it is shown to: one file serves all, or few.
    close = f"- time() < {plain(seconds(policy.alerts.certificate.before))}"
    nodes, own = (
        newest_sli(policy, metrics.CERTIFICATE_ENDS.name),
        earliest_sli(policy, metrics.OWN_CERTIFICATE_ENDS.name),
    )
    return f'{nodes} {close} or label_replace({own} {close}, "part", "{CLIENT_CERTIFICATE}", "", "")', timedelta(0)


Finder = Callable[[Policy], tuple[str, timedelta]]
# The fast file holds what cuts off callers, and what its records serve.
FILES: dict[str, dict[str, Finder]] = {
    "failover": {
        "CacheFailoverOverdue": _failover_overdue,
        "CacheWritesRefused": _writes_refused,
        "CacheSlotsUncovered": _slots_uncovered,
        "CacheSentinelQuorumLost": _quorum_lost,
        "CacheReplicasMissing": _replicas_missing,
    },
    "server": {
        "CacheSentinelMissing": _sentinels_missing,
        "CacheReplicaLinkDown": _replica_link_down,
        "CacheReplicasFlapping": _replicas_flapping,
        "CacheReplicationLag": replication_lag.condition,
        "CacheWritesToReplica": _writes_to_replica,
        "CacheEvictions": _evictions,
        ACCESS_DENIED: _access_denied,
        MAIN_THREAD_BUSY: _main_thread,
        "CacheRejectedConnections": _rejected,
        "CacheClientsNearLimit": _clients,
        "CachePersistenceFailed": _persistence,
        "CacheMemoryFragmentation": _fragmentation,
        "CacheNodesDiffer": _nodes_differ,
        "CacheCollectionFailing": _collection,
        "CacheCertificateExpiring": _certificate,
    },
}

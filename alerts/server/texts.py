"""What the alerts about Redis itself say: what it is, what it does to callers, what to do first. Go templates."""

from __future__ import annotations

from collections.abc import Callable

from alerts.promql import duration
from alerts.server.conditions import PERSISTENCE, SLOTS, refused_window
from alerts.texts import FLEET, NODE, OF_SHARD, Text, lasting, lookup
from policy import metrics
from policy.model import Policy
from policy.units import bytes_text, duration_text, percent_text, plain

_COUNT = "{{ $value | humanize }}"
_EXACT = '{{ $value | printf "%.0f" }}'  # 16.38k of 16384 would be one slot or several
_SHARD = "{{ with $labels.shard }}shard {{ . }}{{ else }}the nodes without a shard{{ end }} of {{ $labels.fleet }}"
# Shards that a text names; the first command of the runbook lists all.
_NAMED = 5
_REPLICA = "{{ $labels.slave_ip }}:{{ $labels.slave_port }}"


def _failover_overdue(policy: Policy) -> Text:
    hold, fleet = policy.alerts.failover.for_, policy.fleet
    if fleet.cluster is not None:
        cure = "The Cluster should have promoted one: CLUSTER NODES, then CLUSTER FAILOVER FORCE on its best replica."
    elif fleet.sentinel is not None:
        cure = "Sentinel should have promoted one: SENTINEL CKQUORUM, then SENTINEL FAILOVER on one of them."
    else:
        cure = "No Sentinel stands in the policy: promote one with REPLICAOF NO ONE and point the callers at it."
    return Text(
        f"No primary in {_SHARD} after {duration_text(hold)}",
        f"{_COUNT} of the replicas of {_SHARD} answer, and for {duration(hold)} no node there has been primary: writes "
        f"fail, and nobody has failed over in the time that the policy allows. {cure}",
    )


def _writes_refused(policy: Policy) -> Text:
    return Text(
        f"Primary {NODE}{OF_SHARD} refuses writes",
        f"{NODE}{OF_SHARD} answers, says that it is primary, and refused writes of its callers or of the prober in the "
        f"last {duration(refused_window(policy))}{lasting(policy.alerts.writes_refused.for_)}. Callers can read and not "
        "write. First: INFO errorstats on it, and a SET by hand, whose error says why: READONLY (it was demoted), NOREPLICAS "
        "(min-replicas-to-write), "
        "MISCONF (a save failed), OOM (memory is full).",
    )


def _slots_uncovered(policy: Policy) -> Text:
    return Text(
        f"The Cluster {FLEET} serves {_EXACT} of {SLOTS} slots",
        f"No node of {FLEET} sees more than {_EXACT} of {SLOTS} slots served{lasting(policy.alerts.slots.for_)}. Keys in "
        "the others cannot be read or written, and with cluster-require-full-coverage the whole Cluster refuses. First: "
        "CLUSTER NODES on any node; the runbook's command names the slots.",
    )


def _quorum_lost(policy: Policy) -> Text:
    asked = f"{metrics.SENTINEL_QUORUM.name}{{fleet=%q}}"
    which = lookup(f"topk({_NAMED}, max by (shard) ({asked}) == 0)", " {{ .Labels.shard }}", "fleet", each=True)
    return Text(
        f"Sentinel cannot fail over {_COUNT} of the shards of {FLEET}",
        f"No Sentinel that answers reaches the quorum and the majority to fail over {_COUNT} of the shards of {FLEET}"
        f"{lasting(policy.alerts.quorum.for_)}. Up to {_NAMED} of those that the policy's Sentinels name:{which}. The "
        "cache works; if a primary of theirs dies now, nobody takes its place. First: PING each Sentinel, then SENTINEL "
        "CKQUORUM on one that answers.",
    )


def _replicas_missing(policy: Policy) -> Text:
    wanted = policy.alerts.replicas
    should = f"{wanted.expected} should be" if wanted.expected else "fewer than are watched of it"
    return Text(
        f"{_SHARD} has only {_COUNT} connected replicas",
        f"{_COUNT} replicas are connected in {_SHARD} (those that say that they are cut off counted in), {should}"
        f"{lasting(wanted.for_)}. Callers notice nothing; the shard "
        "has a life less. First: INFO replication on its primary and on the replica that is not there.",
    )


def _replica_link_down(policy: Policy) -> Text:
    return Text(
        f"Replica {NODE}{OF_SHARD} has lost its primary",
        f"The link of {NODE}{OF_SHARD} to its primary is down{lasting(policy.alerts.replica_link.for_)}. Who reads there "
        "gets old data, and it cannot take the primary's place without loss. First: INFO replication on it and its log "
        "(MASTERAUTH, network, a full copy that never ends).",
    )


def _replication_lag(policy: Policy) -> Text:
    level = policy.alerts.replication_lag
    return Text(
        f"Replica {_REPLICA}{OF_SHARD} lags {_COUNT} s behind",
        f"The primary {NODE}{OF_SHARD} has had no acknowledgement from its replica {_REPLICA} for {_COUNT} s, more than "
        f"{duration_text(level.above)}{lasting(level.for_)}. What is written meanwhile is lost if the primary dies. First: "
        "is the replica busy or its network full? INFO replication on both.",
    )


def _evictions(policy: Policy) -> Text:
    level = policy.alerts.evictions
    return Text(
        f"{NODE}{OF_SHARD} evicts {_COUNT} keys a second",
        f"{NODE}{OF_SHARD} evicted {_COUNT} keys a second over {duration(level.within)}, more than {plain(level.above)}"
        f"{lasting(level.for_)}. The memory is too small for what callers keep in it, and the hit rate pays. First: hit rate "
        "and INFO memory; then more memory, or shorter expiry for what is seldom read.",
    )


def _rejected(policy: Policy) -> Text:
    within = duration(policy.alerts.rejected_connections.within)
    return Text(
        f"{NODE}{OF_SHARD} refuses connections",
        f"{NODE}{OF_SHARD} refused about {_COUNT} connections in the last {within}: maxclients is reached, and callers get "
        "errors. First: INFO clients, then CLIENT LIST by address: who opens so many?",
    )


def _clients(policy: Policy) -> Text:
    level = policy.alerts.clients
    used = "{{ $value | humanizePercentage }}"
    return Text(
        f"{NODE}{OF_SHARD} uses {used} of its connections",
        f"{used} of maxclients are connected to {NODE}{OF_SHARD}, more than {percent_text(level.above)}"
        f"{lasting(level.for_)}. At 100% new callers are refused. First: CLIENT LIST by address; a pool that leaks, or too "
        "many callers for one node?",
    )


def _persistence(policy: Policy) -> Text:
    what = ("saving the RDB file", "writing the append-only file", "rewriting the append-only file")
    named = "".join(
        lookup(f"{status}{{fleet=%q,instance=%q}} == 0", f" Failed last: {name}.", "fleet", "instance")
        for status, name in zip(PERSISTENCE, what, strict=True)
    )
    return Text(
        f"{NODE}{OF_SHARD} cannot save its data",
        f"Persistence of {NODE}{OF_SHARD} fails{lasting(policy.alerts.persistence.for_)}.{named} A restart would lose what is "
        "not saved, and a primary may refuse writes (stop-writes-on-bgsave-error, an AOF that cannot be written). First: the "
        "node's log, free disk space "
        "and the rights on its folder.",
    )


def _fragmentation(policy: Policy) -> Text:
    level = policy.alerts.fragmentation
    return Text(
        f"{NODE}{OF_SHARD} holds {_COUNT} times the memory of its data",
        f"The process of {NODE}{OF_SHARD} holds {_COUNT} times what its data take, more than {plain(level.above)}, with more "
        f"than {bytes_text(level.from_)} of data{lasting(level.for_)}. The machine runs out of memory before maxmemory is "
        "reached. First: MEMORY DOCTOR, then MEMORY PURGE, or CONFIG SET activedefrag yes where the build can.",
    )


def _nodes_differ(policy: Policy) -> Text:
    what = "{{ $labels.differ }}"
    return Text(
        f"Nodes of {FLEET} differ in {what}",
        f"Not all nodes of {{{{ with $labels.shard }}}}shard {{{{ . }}}} of {{{{ end }}}}{FLEET} have the same {what}"
        f"{lasting(policy.alerts.nodes_differ.for_)}: after a failover the cache behaves differently. First: "
        "cachewatch -c POLICY check --connect shows versions; CONFIG GET maxmemory* on each node.",
    )


def _collection(policy: Policy) -> Text:
    return Text(
        f"{NODE}{OF_SHARD} answers PING and not INFO",
        f"{NODE}{OF_SHARD} is up, and the exporter got no INFO of it{lasting(policy.alerts.collection.for_)}: whether its "
        "memory is full, its replicas are there and its data are saved is not known, and no alert about that can come. "
        "First: cachewatch -c POLICY check --connect names the right that the exporter's user lacks; its log has the answer.",
    )


TEXTS: dict[str, Callable[[Policy], Text]] = {
    "CacheFailoverOverdue": _failover_overdue,
    "CacheWritesRefused": _writes_refused,
    "CacheSlotsUncovered": _slots_uncovered,
    "CacheSentinelQuorumLost": _quorum_lost,
    "CacheReplicasMissing": _replicas_missing,
    "CacheReplicaLinkDown": _replica_link_down,
    "CacheReplicationLag": _replication_lag,
    "CacheEvictions": _evictions,
    "CacheRejectedConnections": _rejected,
    "CacheClientsNearLimit": _clients,
    "CachePersistenceFailed": _persistence,
    "CacheMemoryFragmentation": _fragmentation,
    "CacheNodesDiffer": _nodes_differ,
    "CacheCollectionFailing": _collection,
}

"""What the alerts about Redis itself say: what it is, what it does to callers, what to do first. Go templates."""

from __future__ import annotations

from collections.abc import Callable

from alerts.node_down import verdict_memory
from alerts.promql import duration, one_of, quote
from alerts.server.conditions import (
    ERRORS,
    PERSISTENCE,
    RESYNCS,
    SLOTS,
    refused_window,
    sentinels_left,
    strays_for,
    without_quorum,
)
from alerts.server.facts import PRIMARY, memory
from alerts.server.replication_lag import LAG, behind_after
from alerts.texts import FLEET, NODE, OF_SHARD, Text, by_part, lasting, lookup
from policy import metrics
from policy.alerts import ACCESS_DENIED, CLIENT_CERTIFICATE, MAIN_THREAD_BUSY
from policy.metrics_redis import DENIED
from policy.model import Policy
from policy.units import bytes_text, duration_text, percent_text, plain, seconds

# Not humanize: it makes 16.38k of 16384 slots, 12.35k seconds and, of 0.6 keys, 600m.
_EXACT = '{{ $value | printf "%.0f" }}'
_RATE = '{{ $value | printf "%.1f" }}'
_SOME = '{{ if lt $value 0.1 }}less than 0.1{{ else }}{{ $value | printf "%.1f" }}{{ end }}'
_SPAN = "{{ $value | humanizeDuration }}"
_BYTES = "{{ $value | humanize1024 }}B"
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
        cure = (
            "No Sentinel stands in the policy. If one watches the shard all the same: SENTINEL FAILOVER on it. Else REPLICAOF NO "
            "ONE on the replica with the highest slave_repl_offset, as the runbook has it."
        )
    return Text(
        f"No primary in {_SHARD} after {duration_text(hold)}",
        f"{_EXACT} of the replicas of {_SHARD} answer, and for {duration(hold)} no node there has been primary: writes "
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
    return Text(
        f"Sentinel cannot fail over {_EXACT} of the shards of {FLEET}",
        f"No Sentinel that answers reaches the quorum and the majority to fail over {_EXACT} of the shards of {FLEET}"
        f"{lasting(policy.alerts.quorum.for_)}.{_named(policy)} The cache works; if a primary of theirs dies now, nobody takes "
        "its place. First: PING each Sentinel, then SENTINEL CKQUORUM on one that answers.",
    )


def _sentinel_missing(policy: Policy) -> Text:
    left = " {{ .Value }} of {{ .Labels.known }} ({{ .Labels.shard }})"
    told = _each(policy, f"bottomk({_NAMED}, {sentinels_left(policy)})", f"Left are, of up to {_NAMED} shards:", left)
    return Text(
        f"Sentinels of {FLEET} that are missing: {_EXACT}",
        f"Sentinels of {FLEET} that count for the majority, and are down in the eyes of the one that the exporter asks: {_EXACT}"
        f"{lasting(policy.alerts.sentinels.for_)}.{told} Callers notice nothing, and a dead primary is still replaced; the "
        "failover has a life less. First: PING each Sentinel, then SENTINEL SENTINELS on one that answers: s_down among "
        "the flags names the one that is missing.",
    )


def _named(policy: Policy) -> str:
    """The shards that no Sentinel can fail over."""
    shards = f"topk({_NAMED}, {without_quorum(policy)})"
    return _each(policy, shards, f"They are, up to {_NAMED}:", " {{ .Labels.shard }}")


def _each(policy: Policy, query: str, head: str, item: str) -> str:
    """What a query of the alert's own finds, each by `item`: of the fleet of the label, whose name is the policy's."""
    asked = "fleet=%[1]q".join(part.replace("%", "%%") for part in query.split(f"fleet={quote(policy.fleet.name)}"))
    return f"{{{{ with printf `{asked}` $labels.fleet | query }}}} {head}{{{{ range . }}}}{item}{{{{ end }}}}.{{{{ end }}}}"


def _replicas_missing(policy: Policy) -> Text:
    wanted = policy.alerts.replicas
    should = f"{wanted.expected} should be" if wanted.expected else "fewer than are watched of it"
    return Text(
        f"Connected replicas of {_SHARD}: only {_EXACT}",
        f"Replicas that are connected in {_SHARD}, or say that they are cut off: {_EXACT}; {should}{lasting(wanted.for_)}. "
        "Callers notice nothing; the shard has a life less. First: INFO replication on its primary and on the one that is not "
        "there.",
    )


def _replica_link_down(policy: Policy) -> Text:
    return Text(
        f"Replica {NODE}{OF_SHARD} has lost its primary",
        f"The link of {NODE}{OF_SHARD} to its primary is down{lasting(policy.alerts.replica_link.for_)}. Who reads there "
        "gets old data, and it cannot take the primary's place without loss. First: INFO replication on it and its log "
        "(MASTERAUTH, network, a full copy that never ends).",
    )


def _replicas_flapping(policy: Policy) -> Text:
    within = duration(policy.alerts.replica_flapping.within)
    full = f"{RESYNCS[0]}{{fleet=%q,instance=%q}}[{within}]"
    whole = lookup(
        f"sum(last_over_time({full}) - min_over_time({full})) > 0",
        ' {{ .Value | printf "%.0f" }} of all were whole copies: a fork of the primary, and all of its data over the network.',
        "fleet",
        "instance",
    )
    return Text(
        f"Replicas of {NODE}{OF_SHARD} lose it and come back again and again",
        f"In the last {within} each replica of {NODE}{OF_SHARD} has lost it and come back {_RATE} times on average, more than "
        f"{policy.alerts.replica_flapping.above}.{whole} One that copies cannot take its primary's place. First: INFO stats "
        "(sync_) on the primary, and its log: output buffer limits, timeouts, or a replica that is started again and again.",
    )


def _replication_lag(policy: Policy) -> Text:
    level = policy.alerts.replication_lag
    above, lasted = duration_text(level.above), lasting(level.for_)

    def told(silent: str, behind: str) -> str:
        who = "{fleet=%q,instance=%q,slave_ip=%q,slave_port=%q}"
        query = f"last_over_time({LAG}{who}[{duration(memory(policy))}]) > {plain(seconds(level.above))}"
        return lookup(query, silent, "fleet", "instance", "slave_ip", "slave_port", otherwise=behind)

    story = told(
        f"has had no acknowledgement from its replica {_REPLICA} for {_SPAN}, more than {above}{lasted}. What is written "
        "meanwhile is lost if the primary dies. First: is the replica busy or its network full?",
        f"had written {_BYTES} more {duration(behind_after(policy))} ago than its replica {_REPLICA} has now, though that "
        f"acknowledges each second{lasted}. What it lacks is lost if the primary dies, and when the primary keeps no more for "
        "it, it must copy all anew. First: is more written than the link or the replica takes?",
    )
    return Text(
        f"Replica {_REPLICA}{OF_SHARD} lags {told(_SPAN, _BYTES)} behind",
        f"The primary {NODE}{OF_SHARD} {story} INFO replication on both.",
    )


def _writes_to_replica(policy: Policy) -> Text:
    follows = lookup(
        "redis_master_link_up{fleet=%q,instance=%q}",
        " It follows {{ .Labels.master_host }}:{{ .Labels.master_port }}.",
        "fleet",
        "instance",
    )
    primary = lookup(
        f'{PRIMARY}{{fleet=%q,shard=%q,shard!=""}}',
        " The primary is {{ .Labels.instance }} now.",
        "fleet",
        "shard",
        otherwise=follows,
    )
    window, lasted = duration(refused_window(policy)), lasting(strays_for(policy))
    return Text(
        f"Callers write to {NODE}{OF_SHARD}, which is a replica",
        f"{NODE}{OF_SHARD} is a replica and refuses {_SOME} writes a second (READONLY), some in each {window}{lasted}: their "
        f"callers have not followed a failover, or have its address for another reason.{primary} The node is well; what they "
        "write is lost, and what they delete stays. First: CLIENT LIST on it names them, as the runbook has it.",
    )


def _evictions(policy: Policy) -> Text:
    level = policy.alerts.evictions
    return Text(
        f"{NODE}{OF_SHARD} evicts {_RATE} keys a second",
        f"{NODE}{OF_SHARD} evicted {_RATE} keys a second over {duration(level.within)}, more than {plain(level.above)}"
        f"{lasting(level.for_)}. The memory is too small for what callers keep in it, and the hit rate pays. First: hit rate "
        "and INFO memory; then more memory, or shorter expiry for what is seldom read.",
    )


def _access_denied(policy: Policy) -> Text:
    level = policy.alerts.access_denied
    rate = f"rate({ERRORS}{{fleet=%q,instance=%q,err=~{one_of(DENIED)}}}[{duration(level.within)}])"
    most = lookup(f"topk(1, sum by (err) ({rate}))", " Most by {{ .Labels.err }}.", "fleet", "instance")
    return Text(
        f"{NODE}{OF_SHARD} denies callers access {_RATE} times a second",
        f"{NODE}{OF_SHARD} denied {_RATE} logins and commands a second over {duration(level.within)}, more than "
        f"{plain(level.above)}{lasting(level.for_)}.{most} For the callers whom it concerns the cache is gone. WRONGPASS: a "
        "password was changed here or there; NOAUTH: they do not log in; NOPERM: their user lost a right. First: ACL LOG names "
        "user, right and address; then undo the change, or give the callers the new password.",
    )


def _main_thread(policy: Policy) -> Text:
    level, busy = policy.alerts.main_thread, "{{ $value | humanizePercentage }}"
    within = duration(level.within)
    time = f"rate(redis_commands_duration_seconds_total{{fleet=%q,instance=%q}}[{within}])"
    most = " Most by {{ .Labels.cmd }}, {{ .Value | humanizePercentage }} of the time."
    return Text(
        f"The main thread of {NODE}{OF_SHARD} works {busy} of the time",
        f"The one thread that runs the commands of {NODE}{OF_SHARD} worked {busy} of the time over {within}, more than "
        f"{percent_text(level.above)}{lasting(level.for_)}.{lookup(f'topk(1, {time})', most, 'fleet', 'instance')} It has one "
        "core and no more: at 100% each command waits for all before it. First: INFO commandstats by usec; then fewer and "
        "cheaper commands, reads from replicas, or one more shard.",
    )


def _rejected(policy: Policy) -> Text:
    within = duration(policy.alerts.rejected_connections.within)
    return Text(
        f"{NODE}{OF_SHARD} refused callers in the last {within} (maxclients)",
        f"{NODE}{OF_SHARD} refused about {_EXACT} connections in the last {within}: maxclients is reached, and callers get "
        "errors. First: who has how many? On the node's machine ss shows it, as the runbook has it; redis-cli may be refused.",
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
        f"{NODE}{OF_SHARD} holds {_RATE} times the memory of its data",
        f"The process of {NODE}{OF_SHARD} holds {_RATE} times what its data take, more than {plain(level.above)}, with more "
        f"than {bytes_text(level.from_)} of data{lasting(level.for_)}. The machine runs out of memory before maxmemory is "
        "reached. First: MEMORY DOCTOR, then MEMORY PURGE, or CONFIG SET activedefrag yes where the build can.",
    )


def _nodes_differ(policy: Policy) -> Text:
    what = "{{ $labels.differ }}"
    whose = f"{{{{ with $labels.shard }}}}shard {{{{ . }}}} of {{{{ end }}}}{FLEET}"
    return Text(
        f"Nodes of {whose} differ in {what}",
        f"Not all nodes of {whose} have the same {what}"
        f"{lasting(policy.alerts.nodes_differ.for_)}: after a failover the cache behaves differently. First: "
        "cachewatch -c POLICY check --connect shows versions; CONFIG GET maxmemory* on each node.",
    )


def _collection(policy: Policy) -> Text:
    lasted = lasting(policy.alerts.collection.for_)

    def told(unread: str, unentered: str) -> str:
        info = f'{metrics.COLLECT_SUCCESS.name}{{fleet=%q,instance=%q,part="info"}}[{duration(verdict_memory(policy))}]'
        return lookup(f"last_over_time({info}) == 0", unread, "fleet", "instance", otherwise=unentered)

    why = told(
        f"the exporter got no INFO of it{lasted}: whether its memory is full, its replicas are there and its data are saved is "
        "not known, and no alert about that can come.",
        f"the exporter came in by no new connection{lasted}, though those that are open go on: callers that connect now may "
        "fail as it does, and after a restart or a cut all of them.",
    )
    return Text(
        f"{NODE}{OF_SHARD} {told('answers PING and not INFO', 'takes no new connection of the exporter')}",
        f"{NODE}{OF_SHARD} is up, and {why} First: cachewatch -c POLICY check --connect says what is refused (a right, a login, "
        "an expired certificate, the node's or the exporter's own); so does the exporter's log.",
    )


def _certificate(policy: Policy) -> Text:
    before = duration_text(policy.alerts.certificate.before)
    ends = f"{{{{ if gt $value 0.0 }}}}ends in {_SPAN}{{{{ else }}}}has ended{{{{ end }}}}"
    own = Text(
        f"The exporter's client certificate for {FLEET} {ends}",
        f"The client certificate that the exporter shows to nodes of {FLEET} {ends}; {before} before there should be a new "
        f"one.{_shown_to(policy)} Once it has ended, nodes that ask for it refuse every new connection of the exporter, and with "
        "the prober's next ones they page as down (CacheNodeDown, tls), all at once, though the cache is well. First: openssl "
        "x509 -enddate -noout -in FILE, the cert_file of the exporter's policy; then put a new one, and its key, in its place: "
        "each new connection reads them.",
    )
    node = Text(
        f"The certificate of {NODE}{OF_SHARD} {ends}",
        f"The certificate that {NODE}{OF_SHARD} shows {ends}; {before} before there should be a new one. Once it "
        "has ended new connections of whoever checks it fail, while those that are open go on. First: put "
        "a new one in the place of tls-cert-file, and have the node load it by CONFIG SET tls-cert-file.",
    )
    return by_part(CLIENT_CERTIFICATE, own, node)


def _shown_to(policy: Policy) -> str:
    """How many nodes are shown a client certificate that ends soon, and one whose ends first: overrides may name other files."""
    ends, soon = f"{metrics.OWN_CERTIFICATE_ENDS.name}{{fleet=%q}}", plain(seconds(policy.alerts.certificate.before))
    count = lookup(f"count({ends} - time() < {soon})", " Nodes that it concerns: {{ .Value }}", "fleet")
    return count + lookup(f"bottomk(1, {ends})", ", first {{ .Labels.instance }}.", "fleet")


TEXTS: dict[str, Callable[[Policy], Text]] = {
    "CacheFailoverOverdue": _failover_overdue,
    "CacheWritesRefused": _writes_refused,
    "CacheSlotsUncovered": _slots_uncovered,
    "CacheSentinelQuorumLost": _quorum_lost,
    "CacheSentinelMissing": _sentinel_missing,
    "CacheReplicasMissing": _replicas_missing,
    "CacheReplicaLinkDown": _replica_link_down,
    "CacheReplicasFlapping": _replicas_flapping,
    "CacheReplicationLag": _replication_lag,
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
}

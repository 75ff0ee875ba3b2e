"""How a runbook says to fail over: by the Cluster, by Sentinel, or by hand where the policy names neither. Pure."""

from __future__ import annotations

from alerts import redis_cli
from alerts.promql import duration
from policy.model import Policy

_HIGHEST = "with the highest `slave_repl_offset`"


def values(policy: Policy) -> dict[str, str]:
    """What pages on a failover fill in: what comes by itself, the order, the order that is overdue, and how to look."""
    return {
        "failover": _expected(policy),
        "failover_command": _order(policy),
        "failover_overdue": _overdue(policy),
        "failover_check": _check(policy),
        "failover_for": duration(policy.alerts.failover.for_),
        "replicas_for": duration(policy.alerts.replicas.for_),
        "ask_failover": _ask_failover(policy),
        "comes_back": _comes_back(policy),
        "make_replica": "`REPLICAOF HOST PORT`"
        if policy.fleet.cluster is None
        else "`CLUSTER REPLICATE ID-OF-THE-PRIMARY`",
        "forget": _forget(policy),
    }


def ask_quorum(policy: Policy) -> str:
    """Shell lines that ask every Sentinel whether it can fail the shard over."""
    return _on_each_sentinel(policy, "SENTINEL CKQUORUM SHARD")


def ask_sentinels(policy: Policy) -> str:
    """Shell lines that ask every Sentinel which others it knows, and print address and flags of each in a line."""
    table = "paste - - | grep -wE '^(ip|port|flags)' | paste - - -"
    return _on_each_sentinel(policy, f"SENTINEL SENTINELS SHARD | {table}")


def _on_each_sentinel(policy: Policy, command: str) -> str:
    sentinel = policy.fleet.sentinel
    if sentinel is None:
        return f"redis-cli -h HOST -p PORT {command}   # on each Sentinel"
    return "\n".join(f"{redis_cli.sentinel(sentinel, at)} {command}" for at in sentinel.addresses)


def _expected(policy: Policy) -> str:
    wait = duration(policy.alerts.failover.for_)
    if policy.fleet.cluster is not None:
        return (
            "The Cluster promotes a replica of a dead primary by itself. Verify it: `CLUSTER NODES` on any other node. If it\n"
            f"   has not after {wait}, order it: `CLUSTER FAILOVER FORCE` on a replica of the dead primary."
        )
    if policy.fleet.sentinel is None:
        return (
            "The policy names no Sentinel, so nothing is failed over by itself. Was the node a primary with a replica?\n"
            f"   {_by_hand('replica')} Point the callers at it."
        )
    return (
        "Sentinel promotes a replica of a dead primary by itself. Verify it with the commands above: the primary's\n"
        f"   address is another one now. If it is not after {wait}, read Sentinel's log and order it:\n"
        f"   {_order(policy)}"
    )


def _order(policy: Policy) -> str:
    """The order to a primary that may still live."""
    if policy.fleet.cluster is not None:
        return "`CLUSTER FAILOVER` on its replica, or `CLUSTER FAILOVER FORCE` where the primary does not answer."
    sentinel = policy.fleet.sentinel
    if sentinel is None:
        return (
            "`FAILOVER` on the primary, which makes it a replica of its replica (Redis 6.2 and later; `FAILOVER TO HOST\n"
            "   PORT` chooses). Only if that fails: `REPLICAOF NO ONE` on the replica, and `REPLICAOF HOST PORT` to it on the\n"
            "   old one, or there are two primaries. Then `CONFIG REWRITE` on both, and point the callers at the new one."
        )
    first, *others = sentinel.addresses
    elsewhere = f", or on {', '.join(others)}" if others else ""
    return f"`{redis_cli.sentinel(sentinel, first)} SENTINEL FAILOVER SHARD`{elsewhere}, SHARD being the node's label `shard`."


def _overdue(policy: Policy) -> str:
    """The order where nobody came by himself. Sentinel chooses the replica; everywhere else it is ours to choose.

    Sentinels tell each other of the primary that has the higher epoch: of one that was told otherwise alone, while others still
    have the old primary, they make it right again, and what was promoted by hand becomes its replica.
    """
    if policy.fleet.cluster is not None:
        return (
            f"`CLUSTER FAILOVER FORCE` on the replica {_HIGHEST}. Only if too few\n"
            "   primaries are left to vote: `CLUSTER FAILOVER TAKEOVER` there."
        )
    if policy.fleet.sentinel is None:
        return _by_hand("replica")
    return (
        f"{_order(policy)} Sentinel chooses the replica.\n"
        "   Only if it still refuses (`NOGOODSLAVE`) 15 s later: where `slave_priority` is 0, `CONFIG SET replica-priority 100`\n"
        f"   on the replica {_HIGHEST}, and order it again. Else {_by_hand('one')}\n"
        "   Sentinel would make the old primary primary again. So note what `grep SHARD sentinel.conf` says on each Sentinel\n"
        "   (REMOVE takes it out, `auth-user` and `auth-pass` too); `SENTINEL REMOVE SHARD` on ALL of them; and only then on\n"
        "   each `SENTINEL MONITOR SHARD IP PORT QUORUM`, and by `SENTINEL SET SHARD` what was noted. Make the old primary a\n"
        "   replica by hand."
    )


def _by_hand(whom: str) -> str:
    return (
        f"`REPLICAOF NO ONE` on the {whom} {_HIGHEST},\n   `REPLICAOF HOST PORT` to it on the shard's others; then\n"
        "   `CONFIG REWRITE` on each: an order by hand is lost at the next restart."
    )


def _comes_back(policy: Policy) -> str:
    if policy.fleet.cluster is not None:
        return "in the Cluster it becomes one by itself"
    if policy.fleet.sentinel is not None:
        return "Sentinel makes it one"
    return "write `replicaof HOST PORT` into its file first, or there are two primaries"


def _forget(policy: Policy) -> str:
    """How a node that will not come back is taken out of the failover."""
    if policy.fleet.cluster is not None:
        return "`CLUSTER FORGET ID` on each node"
    if policy.fleet.sentinel is None:
        return "nothing else knows of it"
    return (
        "only while the shard's primary answers and all its replicas are up (RESET forgets those that it cannot find again, "
        "and then nothing can be failed over): `SENTINEL RESET SHARD` on each Sentinel, one after the other, 30 seconds apart"
    )


def _ask_failover(policy: Policy) -> str:
    """Shell lines that ask what stands in the way of a failover; a comment where nobody is there to do it."""
    if policy.fleet.cluster is not None:
        ask = redis_cli.node(policy.fleet)
        return f"# What does the Cluster say, on any node that answers?\n{ask} CLUSTER INFO\n{ask} CLUSTER NODES"
    if policy.fleet.sentinel is None:
        return "# No Sentinel and no Cluster stands in the policy: nobody fails over but you."
    return f"# Can Sentinel fail it over? It says what is missing.\n{ask_quorum(policy)}"


def _check(policy: Policy) -> str:
    """Shell lines that ask every Sentinel for the shard's primary, or the replicas where there is no Sentinel."""
    sentinel = policy.fleet.sentinel
    if sentinel is None:
        return f"# Its replicas, if it has any (on each of the other nodes):\n{redis_cli.node(policy.fleet)} ROLE"
    asks = (f"{redis_cli.sentinel(sentinel, at)} SENTINEL GET-MASTER-ADDR-BY-NAME SHARD" for at in sentinel.addresses)
    return "\n".join(["# Who is primary now, says each Sentinel? (SHARD is the label `shard`.)", *asks])

"""How a runbook says to fail over: by the Cluster, by Sentinel, or by hand where the policy names neither. Pure."""

from __future__ import annotations

import shlex

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
    }


def _expected(policy: Policy) -> str:
    wait = duration(policy.alerts.failover.for_)
    if policy.fleet.cluster is not None:
        return (
            "The Cluster promotes a replica of a dead primary by itself. Verify it: `CLUSTER NODES` on any other node. If it\n"
            f"   has not after {wait}, order it: `CLUSTER FAILOVER FORCE` on a replica of the dead primary."
        )
    if policy.fleet.sentinel is None:
        return (
            "The policy names no Sentinel, so nothing is failed over by itself: if the node was a primary with a replica,\n"
            "   promote it with `REPLICAOF NO ONE` and point the callers at it."
        )
    return (
        "Sentinel promotes a replica of a dead primary by itself. Verify it with the commands above: the primary's\n"
        f"   address is another one now. If it is not after {wait}, read Sentinel's log and order it:\n"
        f"   {_order(policy)}"
    )


def _order(policy: Policy) -> str:
    if policy.fleet.cluster is not None:
        return "`CLUSTER FAILOVER` on its replica, or `CLUSTER FAILOVER FORCE` where the primary does not answer."
    if policy.fleet.sentinel is None:
        return "promote its replica with `REPLICAOF NO ONE` and point the callers at it."
    return "`SENTINEL FAILOVER SHARD` on one Sentinel, SHARD being the alert's label `shard`."


def _overdue(policy: Policy) -> str:
    """The order where nobody came by himself. Sentinel chooses the replica; everywhere else it is ours to choose."""
    if policy.fleet.cluster is not None:
        return (
            f"`CLUSTER FAILOVER FORCE` on the replica {_HIGHEST}. Only if too few\n"
            "   primaries are left to vote: `CLUSTER FAILOVER TAKEOVER` there."
        )
    if policy.fleet.sentinel is None:
        return _by_hand("replica")
    return (
        f"{_order(policy)} Sentinel chooses the replica.\n"
        f"   Only if it refuses (`NOGOODSLAVE`): {_by_hand('one')}\n"
        "   Then tell each Sentinel, or it names the old primary still, and makes it primary again once it is back:\n"
        "   `SENTINEL REMOVE SHARD`, `SENTINEL MONITOR SHARD HOST PORT QUORUM`, and by `SENTINEL SET SHARD` what was set\n"
        "   before (`auth-pass`, `down-after-milliseconds`)."
    )


def _by_hand(whom: str) -> str:
    return f"`REPLICAOF NO ONE` on the {whom} {_HIGHEST},\n   `REPLICAOF HOST PORT` to it on the shard's others."


def _check(policy: Policy) -> str:
    """Shell lines that ask Sentinel for each shard's primary, or the replicas where there is no Sentinel."""
    sentinel = policy.fleet.sentinel
    if sentinel is None:
        return f"# Its replicas, if it has any (on each of the other nodes):\n{redis_cli.node(policy.fleet)} ROLE"
    ask = redis_cli.sentinel(sentinel, sentinel.addresses[0])
    asks = [f"{ask} SENTINEL GET-MASTER-ADDR-BY-NAME {shlex.quote(master)}" for master in sentinel.masters or ()]
    return "\n".join(["# Who is primary now, says Sentinel?", *(asks or [f"{ask} SENTINEL MASTERS"])])

"""The scenes that prove the alerts on Sentinels: the quorum is lost, or one of them is missing."""

from __future__ import annotations

from collections.abc import Iterator

from alerts.promql import milliseconds, selector
from alerts.server.proof import Proof, Values
from alerts.server.scenes import Cast
from policy import metrics


def failover(cast: Cast) -> Iterator[Proof]:
    """Proofs of the page in the fast file."""
    name, shard = "CacheSentinelQuorumLost", cast.primary["shard"] or "shard-a"
    fleet = cast.policy.fleet.name
    hold = milliseconds(cast.policy.alerts.quorum.for_)
    asked = selector(metrics.SENTINEL_QUORUM.name, fleet=fleet, shard=shard)
    node = {"fleet": fleet, "instance": "192.0.2.9:26379", "master_name": shard, "message": "NOQUORUM"}
    listed = selector("redis_sentinel_master_ckquorum_status", **node)
    labels, another = cast.alert(name), selector(metrics.SENTINEL_QUORUM.name, fleet=fleet, shard="another")
    either = {"when one that is a node can": {asked: 0, listed: 1}, "when one of the policy can": {asked: 1, listed: 0}}
    once = {"whatever another shard can do": {asked: 0, another: 1}, "once for two shards": {asked: 0, another: 0}}
    yield Proof(name, labels, hold, {asked: 0}, {asked: 1}, {asked: cast.fast}, either, once, what="asked")
    yield Proof(name, labels, hold, {listed: 0}, {listed: 1}, {listed: cast.slow}, what="watched as a node")


def server(cast: Cast) -> Iterator[Proof]:
    """Proofs of the ticket in the slow file."""
    name, shard = "CacheSentinelMissing", cast.primary["shard"] or "shard-a"

    def seen(shard: str, usable: int, known: int) -> Values:
        both = {metrics.SENTINELS_USABLE: usable, metrics.SENTINELS_KNOWN: known}
        return {selector(gauge.name, fleet=cast.policy.fleet.name, shard=shard): count for gauge, count in both.items()}

    over, under = seen(shard, 2, 3), seen(shard, 3, 3)
    several = {**over, **seen("another", 1, 3), **seen("whole", 3, 3)}
    yield Proof(
        name,
        cast.alert(name),
        milliseconds(cast.policy.alerts.sentinels.for_),
        over,
        under,
        dict.fromkeys(over, cast.fast),
        fires={"once for two shards, whatever a third one has": several},
    )

"""What runbooks tell people to do when nobody fails over, done on real Sentinels in the order in which it stands there."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from alerts import runbooks
from policy.model import Policy
from sandbox.fleet import SentinelFleet
from sandbox.process import wait_until
from sandbox.redis_node import RedisNode, connect
from sandbox.sentinel import primary_port

PATIENCE = 60.0
SHARD = "shard-a"


@pytest.fixture
def fleet(tmp_path: Path) -> Iterator[SentinelFleet]:
    with SentinelFleet(tmp_path, down_after_ms=1000, failover_timeout_ms=3000) as fleet:
        yield fleet


def overdue(fleet: SentinelFleet) -> str:
    """Step 2 of CacheFailoverOverdue."""
    policy = Policy.model_validate({"fleet": {"sentinel": {"addresses": list(fleet.sentinels)}}})
    text = runbooks.page(policy, "CacheFailoverOverdue")
    return text[text.index("\n2. ") : text.index("\n3. ")]


def ask(port: int, *words: str) -> str:
    """The answer of a Sentinel, or its refusal."""
    with connect(port) as client:
        try:
            return str(client.execute_command("SENTINEL", *words))
        except redis.ResponseError as error:
            return str(error)


def unfit(port: int) -> bool:
    """Whether a Sentinel knows that the replica must not be promoted; it looks each ten seconds."""
    return re.search(r"'slave-priority': '?0\b", ask(port, "REPLICAS", SHARD)) is not None


def ordered(fleet: SentinelFleet, port: int, heir: RedisNode) -> None:
    """Order the failover as often as it takes: in the first seconds after a death Sentinel finds no good replica."""

    def done() -> bool:
        said = ask(port, "FAILOVER", SHARD)
        assert re.search("True|OK|NOGOODSLAVE|INPROG", said), said
        return heir.role() == "primary"

    wait_until(done, PATIENCE, "the replica to be promoted", every=1.0)


def test_the_order_to_one_sentinel_needs_no_quorum(fleet: SentinelFleet) -> None:
    heir = fleet.replica(SHARD)
    last, *others = fleet.sentinel_servers
    for sentinel in others:
        sentinel.kill()
    fleet.primary(SHARD).kill()
    wait_until(lambda: "NOQUORUM" in ask(last.port, "CKQUORUM", SHARD), PATIENCE, "the quorum to be lost")
    assert heir.role() == "replica"
    ordered(fleet, last.port, heir)


def test_a_replica_that_was_held_back_is_made_fit_and_promoted(fleet: SentinelFleet) -> None:
    heir, first = fleet.replica(SHARD), fleet.sentinel_servers[0]
    with heir.client() as client:
        client.config_set("replica-priority", 0)
        wait_until(lambda: unfit(first.port), PATIENCE, "Sentinel to know of it", every=0.5)
        fleet.primary(SHARD).kill()
        wait_until(lambda: "NOGOODSLAVE" in ask(first.port, "FAILOVER", SHARD), PATIENCE, "the refusal", every=0.5)
        name, value = re.findall(r"`CONFIG SET (\S+) (\d+)`", overdue(fleet))[0]
        client.config_set(name, value)
    ordered(fleet, first.port, heir)


def test_who_was_promoted_by_hand_stays_primary_when_the_old_one_is_back(fleet: SentinelFleet) -> None:
    """Told one after the other the first Sentinel would hear of the old primary from the second, and make it primary again."""
    steps = re.findall(r"`SENTINEL (REMOVE|MONITOR) SHARD[^`]*`( on ALL)?", overdue(fleet))
    assert steps == [("REMOVE", " on ALL"), ("MONITOR", "")]
    ports = [sentinel.port for sentinel in fleet.sentinel_servers]
    ordered(
        fleet, ports[0], fleet.replica(SHARD)
    )  # from now on what they tell each other is of a later epoch than MONITOR's
    wait_until(fleet.in_sync, PATIENCE, "the failover before it", every=0.5)
    old, heir = fleet.primary(SHARD), fleet.replica(SHARD)
    with heir.client() as client:
        client.config_set("replica-priority", 0)
        wait_until(lambda: all(map(unfit, ports)), PATIENCE, "all to know of it", every=0.5)
        old.kill()
        client.execute_command("REPLICAOF", "NO", "ONE")
        for port in ports:
            ask(port, "REMOVE", SHARD)
        for port in ports:
            ask(port, "MONITOR", SHARD, "127.0.0.1", str(heir.port), "2")
        client.set("since", "then")
        old.restart()
        wait_until(
            lambda: "OK 3" in ask(ports[0], "CKQUORUM", SHARD), PATIENCE, "the Sentinels to know each other", every=0.5
        )
        old_client = old.client()
        old_client.execute_command("REPLICAOF", "127.0.0.1", str(heir.port))  # type: ignore[no-untyped-call]
        wait_until(lambda: old_client.get("since") == "then", PATIENCE, "the old primary to follow")
        old_client.close()
        assert primary_port(fleet.sentinels, SHARD) == heir.port
        assert (heir.role(), client.get("since")) == ("primary", "then")
